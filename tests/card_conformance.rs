//! Every card back end passes the same suite.

use hedgewire_kernel::Sizes;
use hedgewire_sim::card::{InProcess, KernelEngine, conformance};

/// Small enough that a stream sees many ladders, swaps and resets.
const SIZES: Sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };
const COMMANDS: u64 = 100_000;

#[test]
fn the_integer_kernel_in_process() {
    let seed = 1;
    let card = InProcess::new(KernelEngine::new(SIZES, 1), 1 << 12);
    let report = conformance::run(card, SIZES, COMMANDS, seed).unwrap_or_else(|failure| panic!("{failure}"));
    println!("in process, integer kernel: {report:?}, seed {seed}");
    assert!(report.commands > COMMANDS && report.checks == 7);
}
