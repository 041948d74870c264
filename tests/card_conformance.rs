//! Every card back end passes the same suite.

use hedgewire_kernel::Sizes;
use hedgewire_sim::card::{FaultKind, FaultPlan, FaultyCard, InProcess, KernelEngine, Side, conformance};

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

#[test]
fn a_card_with_a_fault_does_not_pass() {
    let faults = [
        (Side::Host, FaultKind::Dropped),
        (Side::Host, FaultKind::Doubled),
        (Side::Host, FaultKind::Reordered),
        (Side::Card, FaultKind::Dropped),
        (Side::Card, FaultKind::Doubled),
        (Side::Card, FaultKind::Corrupted),
    ];
    for (side, kind) in faults {
        let plan = FaultPlan { side, kind, after: 1_500, seed: 2 };
        let card = FaultyCard::new(InProcess::new(KernelEngine::new(SIZES, 1), 1 << 12), plan);
        let failure = conformance::run(card, SIZES, 3_000, 1).err();
        let failure = failure.unwrap_or_else(|| panic!("{plan:?} was not found")).to_string();
        assert!(failure.starts_with("random commands"), "{plan:?}: {failure}");
    }
}
