//! `scripts/fan_out.py`: what drives many cells is copied, and every copy does what the first did.
//!
//! ```text
//!   [source] --> [choice] --+--> 100 cells of block x       [source ] --> [choice  ] --> 50 of x
//!                           +--> 100 cells of block y   ->            --> [choice' ] --> 50 of x
//!                                                                     --> ...            of y, twice
//! ```

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");

const RUN: &str = "
import pathlib, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import fan_out
print(fan_out.limit(pathlib.Path(sys.argv[2]), 'top'))
";

const INPUT: u32 = 2;
const SOURCE: u32 = 3;
const CHOICE: u32 = 4;
const WIDEST: usize = 64;

fn lut(inputs: [u32; 2], output: u32) -> Value {
    json!({
        "type": "LUT4", "parameters": { "INIT": "0110011001100110" }, "attributes": {},
        "port_directions": { "A": "input", "B": "input", "Z": "output" },
        "connections": { "A": [inputs[0]], "B": [inputs[1]], "Z": [output] },
    })
}

fn register(enable: u32, data: u32, output: u32) -> Value {
    json!({
        "type": "TRELLIS_FF", "parameters": { "CEMUX": "CE" }, "attributes": {},
        "port_directions": { "CE": "input", "DI": "input", "Q": "output" },
        "connections": { "CE": [enable], "DI": [data], "Q": [output] },
    })
}

/// A register, a LUT behind it, and `sinks` registers of each of two blocks that wait for the LUT.
fn netlist(sinks: u32) -> Value {
    let mut cells = BTreeMap::from([
        ("card.source_TRELLIS_FF_Q".to_string(), register(INPUT, INPUT, SOURCE)),
        ("card.choice_LUT4_Z".to_string(), lut([SOURCE, INPUT], CHOICE)),
    ]);
    for (number, block) in ["x", "y"].into_iter().enumerate() {
        for bit in 0..sinks {
            let output = 100 + sinks * number as u32 + bit;
            cells.insert(format!("card.{block}.value_TRELLIS_FF_Q_{bit}"), register(CHOICE, INPUT, output));
        }
    }
    let nets: BTreeMap<_, _> =
        (INPUT..100 + 2 * sinks).map(|bit| (format!("n{bit}"), json!({ "bits": [bit] }))).collect();
    json!({ "modules": { "top": {
        "ports": { "input": { "direction": "input", "bits": [INPUT] } }, "cells": cells, "netnames": nets,
    }}})
}

/// The netlist afterwards, and how many copies there are said to be; none where there is no Python.
fn limited(netlist: &Value) -> Option<(Value, usize)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.json");
    std::fs::write(&path, netlist.to_string()).unwrap();
    let run = Command::new("python3").args(["-c", RUN, SCRIPTS]).arg(&path).output();
    let run = run.inspect_err(|error| eprintln!("SKIPPED: python3: {error}")).ok()?;
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let netlist = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    Some((netlist, said.trim().parse().unwrap()))
}

#[test]
fn a_wide_net_is_split_among_copies_that_have_the_same_inputs() {
    let before = netlist(100);
    let Some((after, copies)) = limited(&before) else { return };
    let (then, now) = (&before["modules"]["top"]["cells"], after["modules"]["top"]["cells"].as_object().unwrap());
    assert_eq!((copies, now.len()), (3, then.as_object().unwrap().len() + 3));

    let mut blocks: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (name, cell) in now.iter().filter(|(name, _)| name.contains(".value_")) {
        blocks.entry(cell["connections"]["CE"][0].as_u64().unwrap()).or_default().push(&name[..6]);
        let mut same = cell.clone();
        same["connections"]["CE"] = json!([CHOICE]);
        assert_eq!(same, then[name], "{name}: only who drives it may change");
    }
    assert_eq!(blocks.len(), 4);
    for (net, sinks) in blocks {
        assert!(sinks.len() <= WIDEST && sinks.iter().all(|block| *block == sinks[0]), "{net}: {sinks:?}");
        let drivers: Vec<_> = now.values().filter(|cell| cell["connections"]["Z"][0] == net).collect();
        let [driver] = drivers[..] else { panic!("{net} is driven by {}", drivers.len()) };
        let mut same = driver.clone();
        same["connections"]["Z"] = json!([CHOICE]);
        assert_eq!(same, then["card.choice_LUT4_Z"], "{net}");
    }
}

#[test]
fn a_net_that_is_not_wide_stays_as_it_is() {
    let before = netlist(WIDEST as u32 / 2);
    let Some((after, copies)) = limited(&before) else { return };
    assert_eq!((after, copies), (before, 0));
}
