//! The demo: the same for every form of the kernel, never past its target, and worth its cost.

use std::fs;
use std::path::Path;

use hedgewire_host::journal::{self, Writer};
use hedgewire_kernel::Form;
use hedgewire_sim::demo::{CoinRun, Demo, DemoSettings, Summary, run, sizes};

const MINUTE_NS: u64 = 60_000_000_000;

/// A demo of some minutes.
fn settings(seed: u64, form: Form, minutes: u64) -> DemoSettings {
    let mut settings = DemoSettings::new(seed, form);
    settings.market.duration_ns = minutes * MINUTE_NS;
    settings
}

fn play(settings: &DemoSettings) -> Demo {
    run(settings, None, &mut |_, _| {}).unwrap_or_else(|error| panic!("seed {}: {error}", settings.seed))
}

fn play_with_journal(settings: &DemoSettings, path: &Path) -> Demo {
    let writer = Writer::create(path, sizes(settings.market.coins.len())).expect("a new file");
    run(settings, Some(writer), &mut |_, _| {}).unwrap_or_else(|error| panic!("seed {}: {error}", settings.seed))
}

/// Everything but the latencies.
fn outcome(demo: &Demo) -> (&Summary, &[CoinRun]) {
    (&demo.summary, &demo.coins)
}

/// A few lines on a run, for readers of `--nocapture`.
fn describe(seed: u64, demo: &Demo) -> String {
    let summary = &demo.summary;
    let mut text = format!(
        "seed {seed}: {} quotes, {} option fills, {} hedges; PnL {:.0} USD hedged, {:.0} unhedged; \
         deviation of a minute's change {:.0} hedged, {:.0} unhedged; hedging cost {:.0}\n",
        summary.quotes,
        summary.option_fills,
        summary.hedges,
        summary.hedged_usd,
        summary.unhedged_usd,
        summary.hedged_deviation_usd,
        summary.unhedged_deviation_usd,
        summary.hedge_cost_usd
    );
    for (reason, count) in &summary.refusals {
        text += &format!("  {:<14} {count}\n", reason.name());
    }
    for coin in &demo.coins {
        text += &format!(
            "  {}: {} hedges, deviation {:.0} to {:.0} USD, {} banks, ladder error up to {:.1e} contracts\n",
            coin.name,
            coin.hedges.len(),
            coin.unhedged_deviation_usd,
            coin.hedged_deviation_usd,
            coin.swaps,
            coin.error_bound_contracts
        );
    }
    text
}

#[test]
fn hour_is_hedged_to_a_fraction_of_its_deviation() {
    for seed in [1, 2, 3] {
        let demo = play(&DemoSettings::new(seed, Form::best()));
        let text = describe(seed, &demo);
        println!("{text}");
        assert!(demo.coins.iter().all(|coin| coin.steep_rows == 0), "{text}");
        let summary = &demo.summary;
        assert!(summary.quotes > 100_000 && summary.option_fills > 300 && summary.hedges > 50, "{text}");
        assert!(summary.hedged_deviation_usd < 0.5 * summary.unhedged_deviation_usd, "{text}");
        for coin in &demo.coins {
            assert!(coin.hedged_deviation_usd < 0.5 * coin.unhedged_deviation_usd, "{text}");
            assert_eq!(coin.samples.len(), 3_601, "{text}");
        }
    }
}

#[test]
fn no_hedge_ever_passes_the_target() {
    for seed in 20..26 {
        let demo = play(&settings(seed, Form::best(), 10));
        assert_eq!((demo.summary.over_hedges, demo.summary.faults), (0, 0), "seed {seed}");
        for hedge in demo.coins.iter().flat_map(|coin| &coin.hedges) {
            let is_against = (hedge.contracts > 0) == (hedge.net_delta_coin < 0.0);
            assert!(is_against, "seed {seed}: {hedge:?} is on the side of its exposure");
        }
    }
}

#[test]
fn every_command_and_event_is_counted() {
    let demo = play(&settings(9, Form::best(), 3));
    let of_kind = |kind: &str| {
        let latency = demo.kernel_latency.iter().find(|latency| latency.kind == kind).expect("a kind");
        latency.histogram.len()
    };
    assert_eq!(of_kind("quote"), demo.summary.quotes);
    assert_eq!(of_kind("trade"), demo.summary.option_fills);
    assert_eq!(demo.summary.decisions, demo.summary.quotes + demo.summary.option_fills);
    let refused: u64 = demo.summary.refusals.iter().map(|(_, count)| count).sum();
    assert_eq!(demo.summary.decisions, demo.summary.hedges + refused);
    let marks: usize = demo.coins.iter().map(|coin| coin.hedges.len()).sum();
    assert_eq!(demo.summary.hedges, marks as u64);
}

#[test]
fn forms_of_the_kernel_give_the_same_demo_and_the_same_journal() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let scalar_path = folder.path().join("scalar.journal");
    let scalar = play_with_journal(&settings(4, Form::Scalar, 3), &scalar_path);
    let verified = journal::verify(&scalar_path, Form::best(), &mut |_, _| {}).expect("a readable journal");
    assert!(verified.is_clean(), "{:?}", verified.first_difference);
    assert_eq!(verified.commands, scalar.counts.commands);
    if !Form::Avx2.is_supported() {
        eprintln!("SKIPPED: the second half; this CPU has no AVX2");
        return;
    }
    let avx2_path = folder.path().join("avx2.journal");
    let avx2 = play_with_journal(&settings(4, Form::Avx2, 3), &avx2_path);
    assert_eq!(outcome(&scalar), outcome(&avx2));
    let bytes = |path| fs::read(path).expect("the journal");
    assert!(bytes(&scalar_path) == bytes(&avx2_path), "the journals differ");
}

#[test]
fn journal_does_not_change_the_demo() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let settings = settings(5, Form::best(), 2);
    let with = play_with_journal(&settings, &folder.path().join("demo.journal"));
    assert_eq!(outcome(&with), outcome(&play(&settings)));
}

#[test]
fn different_seeds_give_different_demos() {
    let demos = [6, 7].map(|seed| play(&settings(seed, Form::best(), 2)));
    assert_ne!(demos[0].summary, demos[1].summary);
    assert_ne!(demos[0].coins[0].samples, demos[1].coins[0].samples);
}

#[test]
fn hedged_and_unhedged_profit_differ_by_the_hedges_alone() {
    let settings = settings(8, Form::best(), 3);
    // A fee changes hedges and bands, but what customers do and what options earn must stay.
    let mut dearer = settings.clone();
    dearer.taker_fee = 2e-3;
    let (cheap, dear) = (play(&settings), play(&dearer));
    let unhedged = |demo: &Demo| demo.total().iter().map(|&(_, _, unhedged)| unhedged).collect::<Vec<_>>();
    assert_eq!(unhedged(&cheap), unhedged(&dear));
    assert!(dear.summary.hedges < cheap.summary.hedges, "seed {}", settings.seed);
}
