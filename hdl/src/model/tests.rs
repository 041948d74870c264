//! Every engine runs the stand-in alike: same events, same cycles, with and without stalls.

use std::path::Path;

use rust_hdl::prelude::*;

use super::stand_in::StandIn;
use super::{Card, CardError, Design, Icarus, InProcess, Log, Record, Setup, Trace, Verilator};

fn design() -> Design {
    let mut unit = StandIn::default();
    unit.connect_all();
    Design::new(generate_verilog(&unit)).expect("the stand-in has the ports of a core")
}

/// Commands with a mark in every byte that is repeated.
fn commands(count: u64) -> Vec<Record> {
    (1..=count)
        .map(|seq| [0x0001_0105 + (seq << 16 & 0xff_0000), 1_000 + seq, 7, 7, 7, 7, 7, !seq << 40 | seq])
        .collect()
}

/// What the stand-in answers to a command.
fn answer(command: &Record) -> Record {
    let first = 1 | 1 << 8 | command[0] & 0xff_0000 | 4 << 32;
    [first, command[1], command[0] & 0xff, 0, 0, 0, command[7], 0]
}

/// Runs with a reset in the middle; what happened, and the cycles.
fn run(card: &mut dyn Card) -> (Log, u64) {
    let mut log = Log::default();
    let commands = commands(600);
    card.reset().expect("a reset");
    card.feed(&commands[..300], &mut log).expect("300 commands");
    // The last command's event is lost in the reset.
    card.reset().expect("a reset");
    card.feed(&commands[300..], &mut log).expect("300 commands");
    card.wait(1_000, 1, &mut log).expect("the last event");
    card.wait(50, 1, &mut log).expect("nothing more");
    assert_eq!(card.built(), 300, "the stand-in counts the commands since the reset");
    assert_eq!(log.accepted.len(), 600);
    let expected: Vec<Record> = commands.iter().map(answer).collect();
    let got: Vec<Record> = log.answers.iter().map(|answer| answer.record).collect();
    assert!(got[..299] == expected[..299] && got[got.len() - 300..] == expected[300..]);
    (log, card.cycle())
}

fn in_process(setup: Setup) -> InProcess<StandIn> {
    InProcess::new(StandIn::default(), setup)
}

/// An engine, or a loud skip where its program is not installed.
fn installed<T>(engine: Result<T, CardError>) -> Option<T> {
    match engine {
        Err(error @ CardError::Missing { .. }) => {
            println!("SKIPPED: {error}");
            None
        }
        other => Some(other.expect("the engine runs")),
    }
}

#[test]
fn without_stalls_a_command_is_taken_every_other_cycle() {
    let (log, _) = run(&mut in_process(Setup::default()));
    assert!(log.accepted.windows(2).all(|pair| matches!(pair[1] - pair[0], 2 | 5)), "{:?}", log.accepted);
    assert_eq!(log.answers[0].presented, log.accepted[0] + 1);
}

#[test]
fn all_engines_agree_on_every_event_and_every_cycle() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    for stalls in [None, Some(1), Some(2)] {
        let setup = Setup { stalls, ..Setup::default() };
        let (expected, cycles) = run(&mut in_process(setup.clone()));
        let check = |card: &mut dyn Card, engine: &str| {
            let (log, its_cycles) = run(card);
            assert_eq!(log.accepted, expected.accepted, "{engine} {stalls:?}");
            assert_eq!(log.answers, expected.answers, "{engine} {stalls:?}");
            assert_eq!(its_cycles, cycles, "{engine} {stalls:?}");
        };
        if let Some(mut card) = installed(Icarus::new(&design(), setup.clone())) {
            check(&mut card, "icarus");
        }
        // The second is from the cache.
        for _ in 0..2 {
            if let Some(mut card) = installed(Verilator::new(&design(), cache.path(), setup.clone())) {
                check(&mut card, "verilator");
            }
        }
    }
}

/// A stand-in that says neither that it takes a command nor that it has an event.
fn silent() -> Design {
    let verilog = design().verilog().replace("command_ready = ", "command_ready = 1'b0 & ");
    let verilog = verilog.replace("event_valid = ", "event_valid = 1'b0 & ");
    Design::new(verilog).expect("the ports are the same")
}

#[test]
fn a_card_that_takes_nothing_is_given_up() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let setup = Setup { patience: 100, ..Setup::default() };
    let hangs = |card: &mut dyn Card| {
        let mut log = Log::default();
        let outcome = card.feed(&commands(3), &mut log);
        assert!(matches!(outcome, Err(CardError::Hung { patience: 100, .. })), "{outcome:?}");
        assert!(log.accepted.is_empty() && log.answers.is_empty());
        let given_up = card.cycle();
        card.wait(50, 1, &mut log).expect("it can be watched for longer");
        assert_eq!(card.cycle(), given_up + 50);
    };
    if let Some(mut card) = installed(Icarus::new(&silent(), setup.clone())) {
        hangs(&mut card);
    }
    if let Some(mut card) = installed(Verilator::new(&silent(), cache.path(), setup)) {
        hangs(&mut card);
    }
}

#[test]
fn waves_show_the_window_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("waves.vcd");
    let setup = Setup { trace: Some(Trace { path: path.clone(), from: 100, to: 120 }), ..Setup::default() };
    let check = |card: Option<&mut dyn Card>| {
        let Some(card) = card else { return };
        run(card);
    };
    let times = |path: &Path| -> Vec<u64> {
        let text = std::fs::read_to_string(path).expect("waves");
        let text = text.lines().filter_map(|line| line.strip_prefix('#'));
        text.map(|time| time.parse().expect("a time")).collect()
    };
    let seen = |card: Option<Box<dyn Card>>| {
        let Some(mut card) = card else { return };
        check(Some(card.as_mut()));
        drop(card);
        let times = times(&path);
        assert_eq!(times.first(), Some(&1_000));
        assert!(times.len() > 20 && times.iter().all(|time| (1_000..=1_210).contains(time)), "{times:?}");
        std::fs::remove_file(&path).expect("removed");
    };
    seen(Some(Box::new(in_process(setup.clone()))));
    seen(installed(Icarus::new(&design(), setup.clone())).map(|card| Box::new(card) as _));
    seen(installed(Verilator::new(&design(), folder.path(), setup)).map(|card| Box::new(card) as _));
}

#[test]
fn verilog_without_the_ports_of_a_core_is_refused() {
    let refused = |verilog: String| match Design::new(verilog) {
        Err(CardError::Ports { what }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("module other(a); endmodule".into()), "there is none");
    let text = design().verilog().to_owned();
    assert_eq!(refused(text.replace("input wire  reset", "input wire  restart")), "no input reset of 1 bits");
    assert_eq!(
        refused(text.replace("input wire  [511:0] command", "input wire  [255:0] command")),
        "no input command of 512 bits"
    );
}

#[test]
fn verilog_that_does_not_compile_says_what_the_compiler_said() {
    let broken = Design::new(design().verilog().replace("always", "allways")).expect("the ports are the same");
    let cache = tempfile::tempdir().expect("a temporary folder");
    for outcome in
        [Icarus::new(&broken, Setup::default()).err(), Verilator::new(&broken, cache.path(), Setup::default()).err()]
    {
        match outcome {
            Some(CardError::Failed { output, .. }) => assert!(output.contains("syntax error"), "{output}"),
            Some(error @ CardError::Missing { .. }) => println!("SKIPPED: {error}"),
            other => panic!("{other:?}"),
        }
    }
}
