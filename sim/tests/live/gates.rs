//! Every reason not to trade, shown refusing in the running engine; what that cannot reach says why, and which test of
//! the kernel has it.
//!
//! ```text
//!   quiet venue, one market ──► engine, with one setting or one event changed ──► a trade that wants a hedge ──► reason
//! ```
//!
//! Invariant: a reason that is added to the ABI does not compile here before somebody says how it is shown.

use std::path::Path;

use hedgewire_abi::Reason;
use hedgewire_host::control::KillCause;
use hedgewire_host::live::{DeskFill, Outcome, Request};
use hedgewire_host::telemetry::AlarmKind;
use hedgewire_sim::venue::{FaultSettings, VenueSettings};

use super::lies;
use super::plans::plan_with;
use super::rig::{MS, OPTION_ID, PERPETUAL, Rig, UNIT, settings};

/// How a reason is shown.
enum Proof {
    /// By a running engine that has refused for it.
    Live(fn() -> Rig),
    /// By a test of the kernel, because a running engine cannot come there.
    Kernel { test: &'static str, why: &'static str },
    /// It answers a command that is no good, and no decision: by a test of the kernel.
    Command { test: &'static str },
}

fn proof(reason: Reason) -> Proof {
    use Proof::{Command, Kernel, Live};
    use Reason as R;
    match reason {
        R::None => unreachable!("it is no reason"),
        R::InBand => Live(|| hedging(&[])),
        R::Covered => Live(|| traded(&[], 1)),
        R::FlipCancelFirst => Live(flip),
        R::Dust => Live(|| refused_once(&[("clip_min_contracts = 1", "clip_min_contracts = 500")], dust)),
        R::NoRows => Live(no_rows),
        R::NoQuote => Live(no_quote),
        R::RefTooFar => Live(|| refused_once(&[], |rig| rig.market(119_995, 120_005, 100_000))),
        R::ExposureRange => Kernel {
            test: "exposure_beyond_its_format_is_refused",
            why: "a format of 2^39 contracts: fills stop at instrument_max_coin",
        },
        R::Killed => Live(|| refused_once(&[], |rig| rig.request(&Request::Kill(KillCause::Control)))),
        R::Disarmed => Live(|| refused_once(&[], |rig| rig.request(&Request::Disarm))),
        R::Halted => {
            Kernel { test: "halted_sends_nothing_until_normal", why: "the engine disarms or kills, and sets no mode" }
        }
        R::ReduceOnly => Kernel {
            test: "reduce_only_lets_through_what_makes_the_position_smaller",
            why: "the engine sets no mode, and has no oracle that could be degraded",
        },
        R::NotReconciled => Live(not_reconciled),
        R::WeightRange => Kernel {
            test: "quantity_beyond_the_scale_is_booked_with_a_fault_and_stops_hedging_until_the_next_bank",
            why: "banks are scaled for twice what instrument_max_coin lets a fill come to",
        },
        R::CoinRange => Live(coin_range),
        R::QuoteStale => Live(|| refused_once(&[], |rig| rig.is_cut_off = true)),
        R::RowsStale => Live(rows_stale),
        R::BookUntrusted => Live(|| refused_once(&[], halt)),
        R::OneSided => Live(|| refused_once(&[], |rig| rig.market(0, 60_005, 100_000))),
        R::Wide => Live(|| refused_once(&[], |rig| rig.market(59_500, 60_500, 100_000))),
        R::Thin => Live(|| refused_once(&[("size_min_contracts = 1", "size_min_contracts = 1000")], thin)),
        R::OracleRejected => Kernel {
            test: "rejected_oracle_stops_hedging",
            why: "the engine has no oracle: an index that is old counts",
        },
        R::CollarReference => Live(|| traded(&TIGHT_COLLAR, 5)),
        R::CollarLast => Live(|| refused_once(&[], last_trade_elsewhere)),
        R::OrderQuantity => Kernel {
            test: "order_may_be_as_large_as_its_limit_and_no_larger",
            why: "the configuration refuses an order_max_contracts below clip_max_contracts",
        },
        R::OrderNotional => Kernel {
            test: "notional_of_an_inverse_hedge_is_contracts",
            why: "the configuration refuses a notional_max_usd below a clip of an inverse hedge, whatever the price",
        },
        R::PositionNet => Live(|| traded(&NARROW, 5)),
        // At the limit already, and then it wants the other way: position and orders together have no room.
        R::PositionGross => Live(|| traded(&NARROW, -10)),
        R::OpenOrders => Live(|| traded(&[("open_orders_max = 4", "open_orders_max = 1")], 5)),
        R::MessageRate => Live(|| traded(&[("order_interval_ms = 10.0", "order_interval_ms = 10_000.0")], 5)),
        R::Duplicate => Live(duplicate),
        R::HedgeRate => Live(|| traded(&[("hedges_per_minute = 600", "hedges_per_minute = 1")], 5)),
        R::Attempts => Live(|| traded(&[("attempts_max = 50", "attempts_max = 1")], 5)),
        R::LossLimit => Live(|| traded(&[("loss_max_coin = 10.0", "loss_max_coin = 0.000001")], 5)),
        R::CoolDown => Live(|| traded(&[("cool_down_ms = 50.0", "cool_down_ms = 5_000.0")], 5)),
        R::Margin => Live(|| traded(&NO_MARGIN, 5)),
        R::SelfMatch => Kernel {
            test: "order_does_not_trade_with_our_own",
            why: "the engine quotes nothing in hedge instruments, and the venue keeps our orders apart",
        },
        R::Restricted => Live(|| refused_once(&[], no_session)),
        R::BadVersion => Command { test: "another_version_is_refused_and_uses_no_number_up" },
        R::BadKind => Command { test: "kinds_between_the_known_ones_are_refused" },
        R::ReservedBits => Command { test: "every_reserved_bit_of_every_command_is_refused" },
        R::BadSequence => Command { test: "only_the_successor_is_accepted_and_a_refused_number_is_not_used_up" },
        R::BadUnderlying => Command { test: "underlying_must_exist_and_be_configured" },
        R::TimeBackwards => Command { test: "time_may_stand_still_and_not_go_back" },
        R::ValueRange => Command { test: "trigger_settings_are_refused_outside_their_range" },
        R::BadSlot => Command { test: "trade_must_name_its_own_slot_and_a_quantity_within_range" },
        R::BankClosed => Command { test: "bank_is_written_only_while_it_is_open" },
        R::BankIncomplete => Command { test: "build_wants_a_complete_bank_and_a_ladder_within_reach" },
        R::LadderRange => Command { test: "build_wants_a_complete_bank_and_a_ladder_within_reach" },
        R::NotBuilt => Command { test: "swap_wants_a_ladder" },
        R::Crossed => Command { test: "quote_must_have_prices_in_order_and_a_newer_sequence" },
        R::FeedSequence => Command { test: "feed_sequence_wraps_and_half_a_turn_ahead_is_behind" },
        R::UnknownOrder => Command { test: "update_of_an_order_that_the_ledger_does_not_hold_ends_the_reconciliation" },
        R::StaleUpdate => Command { test: "fill_that_takes_back_an_earlier_one_is_stale" },
        R::Overfill => Command { test: "overfill_is_booked_with_a_fault_and_ends_the_reconciliation" },
        R::LateFill => Command { test: "late_fill_of_an_order_reported_done_is_booked_with_a_fault" },
        R::LedgerRange => {
            Command { test: "amounts_that_do_not_fit_the_ledger_are_not_booked_and_end_the_reconciliation" }
        }
    }
}

#[test]
fn every_gate_refuses_in_the_running_engine_or_says_why_it_cannot_be_reached() {
    let tests = kernel_gates();
    let mut unshown = vec![];
    for reason in Reason::ALL {
        let is_shown = match proof(*reason) {
            Proof::Live(run) => {
                let mut rig = run();
                println!("{}: {} times", reason.name(), rig.refusals(*reason));
                rig.refusals(*reason) > 0
            }
            Proof::Kernel { test, why } => {
                println!("{}: not by a running engine, {why}; {test}", reason.name());
                (*reason as u8) < 128 && names(&tests, test, *reason)
            }
            Proof::Command { test } => (*reason as u8) >= 128 && names(&tests, test, *reason),
        };
        if !is_shown {
            unshown.push(reason.name());
        }
    }
    assert!(unshown.is_empty(), "not shown: {unshown:?}");
}

/// The text of the kernel's tests of gates and refusals, every file of the folder.
fn kernel_gates() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kernel_gates");
    let files = std::fs::read_dir(folder).expect("the tests of the kernel's gates");
    files.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a test's text")).collect()
}

/// Whether a test of the kernel is there, and is about a reason.
fn names(tests: &str, test: &str, reason: Reason) -> bool {
    let Some((_, after)) = tests.split_once(&format!("fn {test}()")) else { return false };
    let body = after.split_once("\n}\n").map_or(after, |(body, _)| body);
    body.contains(&format!("Reason::{reason:?}"))
}

// ---- scenes ----------------------------------------------------------------------------------

const TIGHT_COLLAR: [(&str, &str); 3] = [
    ("cross_collar_bp = 20", "cross_collar_bp = 1"),
    ("wide_collar_bp = 40", "wide_collar_bp = 1"),
    ("\ncollar_bp = 50", "\ncollar_bp = 1"),
];
const NARROW: [(&str, &str); 2] = [
    ("position_max_contracts = 100_000", "position_max_contracts = 700"),
    ("gross_max_contracts = 110_000", "gross_max_contracts = 700"),
];
const NO_MARGIN: [(&str, &str); 1] =
    [("open_orders_max = 4", "open_orders_max = 4\nmargin_buy_contracts = 0\nmargin_sell_contracts = 0")];

/// A quiet venue, and an engine that has hedged what it began with, as far as it may.
fn hedging(changes: &[(&str, &str)]) -> Rig {
    let mut rig = Rig::quiet(changes);
    rig.run(7 * UNIT);
    assert!(rig.engine().is_hedging(0), "{changes:?}: {:?}", rig.alarms);
    rig
}

/// The engine wants to hedge so many coins of calls.
fn traded(changes: &[(&str, &str)], coins: i64) -> Rig {
    let mut rig = hedging(changes);
    assert!(matches!(rig.buy_calls(coins), Outcome::Booked(_)));
    rig.run(2 * UNIT);
    rig
}

/// Something happens, and then it wants to.
fn refused_once(changes: &[(&str, &str)], happens: impl FnOnce(&mut Rig)) -> Rig {
    let mut rig = hedging(changes);
    happens(&mut rig);
    for _ in 0..6 {
        rig.run(UNIT / 2);
        rig.buy_calls(1);
    }
    rig
}

fn flip() -> Rig {
    let mut rig = hedging(&[]);
    rig.buy_calls(2);
    rig.run(5 * MS);
    assert!(rig.engine().open_orders() > 0, "a hedge rests");
    rig.buy_calls(-4);
    rig.run(UNIT);
    rig
}

/// A tenth of a coin: some 300 contracts of delta, more than the band and less than a clip.
fn dust(rig: &mut Rig) {
    for fill_id in 0..4 {
        let fill = DeskFill {
            instrument_id: OPTION_ID + 2,
            fill_id: 1_000 + fill_id,
            quantity_nano: UNIT / 10,
            price_nano: UNIT / 25,
        };
        rig.trade_again(&fill);
        rig.run(100 * MS);
    }
}

fn no_rows() -> Rig {
    let mut rig = Rig::quiet(&[]);
    while !rig.engine().is_defined() {
        rig.run(MS);
    }
    assert_eq!(rig.engine().counts().banks, 0);
    rig.buy_calls(1);
    rig
}

fn no_quote() -> Rig {
    let mut rig = Rig::quiet(&[]);
    rig.turns = 1;
    while rig.engine().counts().banks == 0 {
        rig.run(MS);
    }
    rig.buy_calls(1);
    rig
}

/// A venue that reports a contract more than was ordered: the position cannot be relied on any more.
fn not_reconciled() -> Rig {
    let mut rig = hedging(&[]);
    rig.liar = Some(Box::new(lies::overfill));
    rig.buy_calls(2);
    rig.run(2 * UNIT);
    assert!(rig.liar.is_none() && rig.count(AlarmKind::KernelFault) > 0, "{:?}", rig.alarms);
    rig.buy_calls(2);
    rig.run(UNIT);
    rig
}

/// In USD numeraire coin counts: two coins of a small portfolio at a hundred million coins each, as a drop copy may have it.
fn coin_range() -> Rig {
    let changes =
        [("numeraire = \"coin\"", "numeraire = \"usd\""), ("instrument_max_coin = 100.0", "instrument_max_coin = 1.0")];
    let mut rig = hedging(&changes);
    let price_nano = 100_000_000 * UNIT;
    let fill = DeskFill { instrument_id: OPTION_ID, fill_id: 5, quantity_nano: 2 * UNIT, price_nano };
    assert!(matches!(rig.trade_again(&fill), Outcome::Booked(_)));
    rig.run(UNIT);
    rig
}

/// Quotes go on, banks do not.
fn rows_stale() -> Rig {
    let mut rig = hedging(&[("rows_age_max_ms = 15_000.0", "rows_age_max_ms = 3_000.0")]);
    rig.compiler_fault = Some("a compiler that fails");
    rig.run(6 * UNIT);
    rig.buy_calls(5);
    rig.run(UNIT);
    rig
}

fn halt(rig: &mut Rig) {
    rig.venue.set_halted(rig.now_ns, PERPETUAL, true);
}

fn thin(rig: &mut Rig) {
    rig.market(59_995, 60_005, 100);
}

/// The public trades where the market is, and then the market is elsewhere.
fn last_trade_elsewhere(rig: &mut Rig) {
    use hedgewire_sim::venue::Side;
    rig.venue.public_order(rig.now_ns, PERPETUAL, Side::Buy, (60_005 * UNIT, 10), true);
    rig.run(10 * MS);
    rig.market(62_495, 62_505, 100_000);
}

/// No report comes for a while, so that the ledger does not move.
fn duplicate() -> Rig {
    let faults = FaultSettings { report_delay: 1.0, report_delay_ns: 100 * MS, ..FaultSettings::default() };
    let settings = VenueSettings { flow: None, ..settings(1, faults) };
    let changes =
        [("cool_down_ms = 50.0", "cool_down_ms = 0.0"), ("duplicate_window_ms = 20.0", "duplicate_window_ms = 80.0")];
    let mut rig = Rig::with(settings, plan_with(&changes), |driver| driver);
    rig.market(59_995, 60_005, 100_000);
    rig.run(9 * UNIT);
    rig.buy_calls(20);
    for _ in 0..10 {
        rig.run(5 * MS);
        rig.market(59_995, 60_005, 100_000);
    }
    rig
}

fn no_session(rig: &mut Rig) {
    rig.is_gateway_gone = true;
    rig.cut_connection(0);
}
