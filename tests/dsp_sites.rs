//! `scripts/dsp_sites.py`: blocks go to where their wires lead, a floor plan remembers it, and they are held there.
//!
//! ```text
//!   column   2        100                 2        100
//!          [one]     [other]     ->    [other]    [one]
//!            ^ wired to ^                 |          |
//!          right_end   left_end       left_end   right_end
//! ```

use std::path::Path;
use std::process::{Command, Output};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");

const RUN: &str = "
import pathlib, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import dsp_sites
folder = pathlib.Path(sys.argv[2])
sites = dsp_sites.improve(folder / 'placed.json', 1, print)
dsp_sites.write(folder / 'plans' / 'card.sites', sites)
planned = dsp_sites.read(folder / 'plans' / 'card.sites')
print(dsp_sites.hold(folder / 'netlist.json', planned, folder / 'held.json'))
";

const READ: &str = "
import pathlib, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import dsp_sites
dsp_sites.read(pathlib.Path(sys.argv[2]))
";

/// What a script did with a path; none where there is no Python.
fn python(script: &str, path: &Path) -> Option<Output> {
    let run = Command::new("python3").args(["-c", script, SCRIPTS]).arg(path).output();
    run.inspect_err(|error| eprintln!("SKIPPED: python3: {error}")).ok()
}

fn cell(kind: &str, net: u32, site: &str) -> serde_json::Value {
    let attributes = if site.is_empty() { serde_json::json!({}) } else { serde_json::json!({ "NEXTPNR_BEL": site }) };
    serde_json::json!({ "type": kind, "attributes": attributes, "connections": { "P": [net, "0"] } })
}

/// Two blocks, each at the other's end of the device.
fn netlist(is_placed: bool) -> String {
    let site = |site| if is_placed { site } else { "" };
    serde_json::json!({ "modules": { "top": { "cells": {
        "one": cell("MULT18X18D", 7, site("X2/Y10/MULT18_0")),
        "right_end": cell("TRELLIS_FF", 7, site("X99/Y12/SLICEA.FF0")),
        "other": cell("MULT18X18D", 8, site("X100/Y10/MULT18_4")),
        "left_end": cell("TRELLIS_FF", 8, site("X3/Y12/SLICEA.FF0")),
    }}}})
    .to_string()
}

#[test]
fn a_floor_plan_that_gives_a_site_twice_or_no_block_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("card.sites");
    for second in ["X2/Y10/MULT18_0 other", "X9/Y10/MULT18_0 one", "X9/Y10/MULT18_0", ""] {
        std::fs::write(&plan, format!("X2/Y10/MULT18_0 one\n{second}\n")).unwrap();
        let Some(run) = python(READ, &plan) else { return };
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(!run.status.success() && said.contains("card.sites:2: not `site block`"), "{second}: {said}");
    }
}

#[test]
fn a_block_goes_to_where_its_wires_lead_and_is_held_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("placed.json"), netlist(true)).unwrap();
    std::fs::write(folder.path().join("netlist.json"), netlist(false)).unwrap();
    let Some(run) = python(RUN, folder.path()) else { return };
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("MULT18X18D: nets of 198 tiles, 6 where they are wanted"), "{said}");
    assert!(said.ends_with("(2, 2)\n"), "both blocks are to be held, and are: {said}");

    let plan = std::fs::read_to_string(folder.path().join("plans/card.sites")).unwrap();
    assert_eq!(plan, "X100/Y10/MULT18_4 one\nX2/Y10/MULT18_0 other\n");
    let held = std::fs::read_to_string(folder.path().join("held.json")).unwrap();
    let held: serde_json::Value = serde_json::from_str(&held).unwrap();
    let cells = &held["modules"]["top"]["cells"];
    assert_eq!(cells["one"]["attributes"]["BEL"], "X100/Y10/MULT18_4");
    assert_eq!(cells["other"]["attributes"]["BEL"], "X2/Y10/MULT18_0");
    assert_eq!(cells["left_end"]["attributes"], serde_json::json!({}), "only blocks are held");
}
