//! The program as its user sees it: what it prints, what it writes, and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A card that compiles and runs in no time.
const SMALL: &[&str] = &["--lanes", "1", "--rows", "64", "--intervals", "4", "--underlyings", "1"];

fn run(arguments: &[&str], folder: &Path) -> Output {
    let program = env!("CARGO_BIN_EXE_hedgewire-hdl");
    Command::new(program).args(arguments).current_dir(folder).output().expect("the program runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (arguments, code, message) in [
        (&["verify", "--lanes", "3"][..], 2, "a card has [1, 2, 4, 8, 16] lanes"),
        (&["verify", "--rows", "100"], 1, "--rows must be a multiple of 64"),
        (&["verify", "--intervals", "1"], 1, "--intervals must be 2 to 16384"),
        (&["verify", "--full", "--rows", "64"], 2, "cannot be used with"),
        (&["verify", "--journal", "absent", "--resets", "1"], 2, "cannot be used with"),
        (&["verify", "--journal", "absent"], 1, "cannot open journal absent"),
        (&["verify", "--sabotage", "x"], 2, "OLD=>NEW"),
        (&["verify", "--engine", "rusthdl", "--sabotage", "x=>y"], 1, "choose --engine verilator or icarus"),
        (&["verify", "--engine", "icarus", "--sabotage", "no such text=>y"], 1, "has no \"no such text\" to replace"),
        (&["emit"], 2, "--out"),
    ] {
        let output = run(arguments, folder.path());
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(message), "{arguments:?}: {said}");
    }
}

#[test]
fn why_a_journal_cannot_be_read_is_told_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // A folder opens like a file, and cannot be read like one.
    for (journal, message, cause) in [
        ("absent", "cannot open journal absent", "No such file or directory"),
        (".", "cannot read the journal at byte 0", "Is a directory"),
    ] {
        let output = run(&["verify", "--journal", journal], folder.path());
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("cannot verify {journal}: {message}")), "{said}");
        assert_eq!(said.matches(cause).count(), 1, "{said}");
    }
}

#[test]
fn emit_writes_what_a_toolchain_needs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run(&[&["emit", "--out", "card"][..], SMALL].concat(), folder.path());
    assert!(output.status.success(), "{}", said(&output));
    let read = |name: &str| std::fs::read_to_string(folder.path().join("card").join(name)).expect(name);
    assert!(read("card.v").contains("module card("));
    assert!(read("card.lpf").contains("FREQUENCY PORT \"clock\""));
    assert!(read("card.xdc").contains("get_ports clock"));
    assert!(read("blocks.md").lines().count() > 3);
    let build: Value = serde_json::from_str(&read("build.json")).expect("JSON");
    assert_eq!((build["lanes"].as_u64(), build["rows"].as_u64()), (Some(1), Some(64)));
    assert_eq!(build["layout_hash"], format!("{:#018x}", hedgewire_abi::LAYOUT_HASH));
    // The same parameters give the same text.
    let again = run(&[&["emit", "--out", "again"][..], SMALL].concat(), folder.path());
    assert!(again.status.success());
    assert!(std::fs::read_to_string(folder.path().join("again/card.v")).expect("card.v") == read("card.v"));
}

#[test]
fn a_broken_card_is_found_out_with_both_events_and_waves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    if Command::new("iverilog").arg("-V").output().is_err() {
        println!("SKIPPED: iverilog is not installed");
        return;
    }
    let arguments = ["verify", "--engine", "icarus", "--commands", "50", "--seed", "7", "--paced", "--json", "--quiet"];
    // An event that nobody asked for.
    let sabotage = ["--sabotage", "event_valid = =>event_valid = 1'b1 | "];
    let output = run(&[&arguments[..], &sabotage, SMALL].concat(), folder.path());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for key in ["commands", "events", "differences", "seed", "engine", "lanes", "cycles", "cycles_per_second"] {
        assert!(!report[key].is_null(), "{key} in {report}");
    }
    assert_eq!((report["differences"].as_u64(), report["seed"].as_u64()), (Some(1), Some(7)));
    assert_eq!(report["engine"], "icarus");
    let first = report["first_difference"].as_str().expect("a text");
    assert!(first.contains("command 1,") && first.contains("kernel   ") && first.contains("card     "), "{first}");
    let waves = std::fs::read_to_string(folder.path().join(report["vcd"].as_str().expect("a path"))).expect("waves");
    assert!(waves.contains("$enddefinitions") && waves.contains("event_valid"));
}
