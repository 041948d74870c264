//! Generated files equal what their sources give. `scripts/check --bless` writes them anew.

use std::path::Path;

/// Compares a generated file, or writes it when `HEDGEWIRE_BLESS` is set.
fn assert_fresh(path: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("HEDGEWIRE_BLESS").is_some() {
        std::fs::write(&path, expected).expect("a writable checkout");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} is stale: run scripts/check --bless", path.display());
}

#[test]
fn layout_tables_are_fresh() {
    let mut expected = String::new();
    hedgewire_abi::write_markdown(&mut expected).expect("a string takes every write");
    assert_fresh("hdl/abi/LAYOUT.md", &expected);
}

/// Where the generated part of the README begins and ends.
const BEGIN: &str = "<!-- Generated from host/src/telemetry; scripts/check --bless writes it anew. -->\n\n";
const END: &str = "\n<!-- End of what is generated. -->\n";

#[test]
fn tables_of_metrics_and_alarms_are_fresh() {
    let path = "host/README.md";
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the README");
    let (before, rest) = readme.split_once(BEGIN).expect("where the tables begin");
    let (_, after) = rest.split_once(END).expect("where the tables end");
    let mut tables = String::new();
    hedgewire_host::telemetry::write_markdown(&mut tables).expect("a string takes every write");
    assert_fresh(path, &format!("{before}{BEGIN}{tables}{END}{after}"));
}
