//! Instructions per operation, counted by callgrind: not a time, but the same on every run, however busy the machine
//! is.
//!
//! This program runs itself under valgrind, once for each body. Only what happens inside the timed functions is
//! collected, so set-up and preparation do not count; the loop around the kernel (a dozen instructions a command) does.

use std::process::Command;

use hedgewire_kernel::Form;

use crate::plan::PASS_ROWS;
use crate::scenario::body::{self, AnyBody, BURST};
use crate::scenario::clock::Clock;

/// Rounds that are collected.
const ROUNDS: usize = 8;
/// Functions between whose entry and return instructions are collected. One pattern: callgrind loses the second of two
/// that begin alike.
const TIMED: &str = "--toggle-collect=*body*timed_*";

/// A body by name.
struct Counted {
    name: &'static str,
    make: fn() -> Option<AnyBody>,
}

const COUNTED: [Counted; 10] = [
    Counted { name: "quote", make: || Some(body::quotes(Form::best(), 1, 256)) },
    Counted { name: "quote_without_ladder", make: || Some(body::refused_quotes(Form::best())) },
    Counted { name: "cubic", make: || Some(body::cubics(Form::best(), 256)) },
    Counted { name: "hedge_quote", make: || Some(body::hedges(Form::best(), 256)) },
    Counted { name: "hedge_and_fill", make: || Some(body::hedges_and_fills(Form::best(), 256)) },
    Counted { name: "trade", make: || Some(body::trades(Form::best(), 256, 1)) },
    Counted { name: "trade_burst", make: || Some(body::trades(Form::best(), 256, BURST)) },
    Counted { name: "row_node_best", make: || Some(body::exact_pass(Form::best(), PASS_ROWS)) },
    Counted { name: "row_node_scalar", make: || Some(body::exact_pass(Form::Scalar, PASS_ROWS)) },
    Counted { name: "row_float64", make: || body::float64_passes(PASS_ROWS, 1) },
];

/// Instructions of one body.
#[derive(Debug)]
pub struct Count {
    /// Name of the body.
    pub name: &'static str,
    /// Instructions per operation; `None` if it could not be counted.
    pub per_operation: Option<f64>,
}

/// Counts every body.
pub fn count() -> Vec<Count> {
    COUNTED.iter().map(|counted| Count { name: counted.name, per_operation: count_one(counted.name) }).collect()
}

/// Prints the counts.
pub fn print(counts: &[Count]) {
    println!("{:<24}{:>24}", "body", "instructions/operation");
    for count in counts {
        let number = count.per_operation.map_or("SKIPPED: no valgrind here".to_string(), |n| format!("{n:.1}"));
        println!("{:<24}{number:>24}", count.name);
    }
}

/// Runs this program under callgrind with one body; the operations come on its standard output, the instructions on
/// callgrind's standard error.
fn count_one(name: &str) -> Option<f64> {
    let this = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .args([TIMED.as_ref(), this.as_os_str()])
        .args(["--instruction-loop", name])
        .output()
        .ok()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let operations: f64 = out.lines().find_map(|line| line.strip_prefix("operations ")?.trim().parse().ok())?;
    let collected = err.lines().find_map(|line| line.split_once("Collected :"))?.1;
    Some(collected.trim().parse::<f64>().ok()? / operations)
}

/// What runs under callgrind.
pub fn run_loop(name: &str) {
    let counted = COUNTED.iter().find(|counted| counted.name == name);
    let Some(mut body) = counted.and_then(|counted| (counted.make)()) else { return };
    let clock = Clock::new();
    for _ in 0..ROUNDS {
        body.round(&clock);
    }
    println!("operations {}", ROUNDS * body.operations());
    println!("hash {:016x}", body.hash());
}
