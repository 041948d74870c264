//! The card's core itself in the host's own process: the suite and the faults of every card, once with RustHDL running
//! its source and once with its Verilog, compiled. The same over a socket is in `card_process`.
//!
//! RustHDL runs a few thousand cycles a second, so that its streams are short and its cards as small as they get.
#![cfg(feature = "verilog")]

#[path = "support/verilator.rs"]
mod verilator;

use std::rc::Rc;
use std::time::{Duration, Instant};

use hedgewire_host::card::SessionOptions;
use hedgewire_kernel::Sizes;
use hedgewire_model::{Engine, Parameters, cache, on_a_large_stack};
use hedgewire_sim::card::campaign::{Backend, DynCard, in_microseconds};
use hedgewire_sim::card::{InProcess, ModelEngine, conformance};
use verilator::has_verilator;

const SIZES: Sizes = Sizes { underlyings: 2, rows: 64, intervals: 4 };
const SLOTS: usize = 1 << 10;

fn card(engine: Engine) -> Result<InProcess<ModelEngine>, String> {
    let core = ModelEngine::start(Parameters { lanes: 1, sizes: SIZES }, engine, &cache());
    core.map(|core| InProcess::new(core, SLOTS)).map_err(|error| format!("{error:#}"))
}

fn conforms(engine: Engine, commands: u64, seed: u64) {
    let start = Instant::now();
    let report = on_a_large_stack(move || {
        let card = card(engine).unwrap_or_else(|error| panic!("{error}"));
        conformance::run(card, SIZES, commands, seed).unwrap_or_else(|failure| panic!("{failure}"))
    });
    let report = report.expect("a thread");
    println!("in process, {}: {report:?} in {:?}, seed {seed}", engine.name(), start.elapsed());
    assert!(report.commands > commands && report.checks == 7);
}

/// Every kind of fault on both sides; good cards come back.
fn survives_every_fault(name: &'static str, engine: Engine, commands: usize, seeds: u64) {
    let survived = on_a_large_stack(move || {
        let connect = Rc::new(move || card(engine).map(|card| Box::new(card) as DynCard));
        // Nothing but a fault should reach these: a cycle is simulated in far more time than a card takes.
        let patience = Duration::from_secs(2);
        let options =
            SessionOptions { check_every: 1, deadline: patience, swap_deadline: patience, ..in_microseconds() };
        let campaign = Backend { name, sizes: SIZES, options, commands, absorbs: &[], connect }.campaign(seeds);
        let campaign = campaign.unwrap_or_else(|error| panic!("{error}"));
        println!("{campaign}");
        campaign.nothing_is_harmed().unwrap_or_else(|error| panic!("{error}"));
    });
    survived.expect("a thread");
}

#[test]
fn the_source_of_the_card_conforms() {
    conforms(Engine::Rusthdl, 300, 1);
}

#[test]
fn the_verilog_of_the_card_conforms() {
    if has_verilator() {
        conforms(Engine::Verilator, 5_000, 1);
    }
}

#[test]
fn nothing_is_lost_doubled_or_changed_with_the_source_of_the_card() {
    survives_every_fault("RustHDL in process", Engine::Rusthdl, 120, 1);
}

#[test]
fn nothing_is_lost_doubled_or_changed_with_the_verilog_of_the_card() {
    if has_verilator() {
        survives_every_fault("compiled Verilog in process", Engine::Verilator, 200, 1);
    }
}
