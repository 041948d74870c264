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
