//! Gates of rate: what has been sent a moment ago, what it has cost, and what the cool-down lets through.

use hedgewire_abi::Reason;
use hedgewire_abi::command::{OrderUpdate, Quote, Reconcile, SetTrigger, code};
use hedgewire_abi::event::FLAG_URGENT;

use crate::scenario::{CONTRACT, Scenario, after_first_clip, later, sent, update};
use crate::support::portfolio::{PRICE_REF, quote};
use crate::support::{START_NS, reason};

#[test]
fn message_budget_refills_with_time() {
    let limited = |burst_ns: u64| {
        after_first_clip(|s| {
            (s.rate.order_interval_ns, s.rate.order_burst_ns) = (1_000, burst_ns);
        })
    };
    let mut machine = limited(0);
    assert_eq!(reason(&later(&mut machine, 999)), Reason::MessageRate);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    let mut machine = limited(1_000);
    assert_eq!(sent(&later(&mut machine, 0)), -4, "one more was saved up");
    assert_eq!(reason(&later(&mut machine, 999)), Reason::MessageRate);
}

#[test]
fn duplicate_is_stopped_within_its_window_and_not_after() {
    let mut machine = after_first_clip(|s| s.price.duplicate_window_ns = 1_000);
    assert_eq!(reason(&later(&mut machine, 999)), Reason::Duplicate);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
}

#[test]
fn second_clip_of_the_same_size_is_no_duplicate_once_the_first_is_acknowledged() {
    let mut machine = after_first_clip(|s| s.price.duplicate_window_ns = 1_000);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Duplicate);
    update(&mut machine, code::ORDER_OPEN, 0, 0);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Duplicate, "the second is not acknowledged yet");
}

#[test]
fn what_is_said_twice_does_not_open_the_gate_for_duplicates() {
    let mut machine = after_first_clip(|s| s.price.duplicate_window_ns = 1_000);
    assert_eq!(sent(&machine.trade(0, 101)), -4, "a fill of ours is news");
    assert_eq!(reason(&machine.trade(0, 101)), Reason::Duplicate, "the same fill again is not");
    update(&mut machine, code::ORDER_OPEN, 1, 0);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    update(&mut machine, code::ORDER_OPEN, 1, 0);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Duplicate);
}

#[test]
fn order_at_another_price_or_of_another_size_is_no_duplicate() {
    let mut machine = after_first_clip(|s| s.price.duplicate_window_ns = 1_000);
    let moved = Quote { bid: PRICE_REF - 129, feed_seq: 2, ..quote(PRICE_REF, 2, START_NS) };
    assert_eq!(sent(&machine.must(|h| moved.encode(h))), -4);
    let trigger = SetTrigger { clip_max: 5, ..Scenario::selling().trigger };
    machine.must(|h| trigger.encode(h));
    assert_eq!(sent(&later(&mut machine, 0)), -5);
}

#[test]
fn hedges_per_minute_are_counted_from_the_first() {
    let mut machine = after_first_clip(|s| s.rate.hedges_per_minute = 2);
    assert_eq!(sent(&later(&mut machine, 10)), -4);
    assert_eq!(reason(&later(&mut machine, 59_999_999_989)), Reason::HedgeRate);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    assert_eq!(Scenario::selling().with(|s| s.rate.hedges_per_minute = 0).reason(), Reason::HedgeRate);
}

#[test]
fn attempts_without_a_fill_are_limited_and_a_fill_starts_them_again() {
    let mut machine = after_first_clip(|s| s.rate.attempts_max = 1);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Attempts);
    update(&mut machine, code::ORDER_DONE, 0, 0);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Attempts, "a rejection is no fill");
    let mut machine = after_first_clip(|s| s.rate.attempts_max = 1);
    update(&mut machine, code::ORDER_OPEN, 0, 1);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
}

#[test]
fn attempts_start_again_once_the_exposure_has_been_in_its_band() {
    let mut machine = after_first_clip(|s| s.rate.attempts_max = 1);
    assert_eq!(reason(&machine.trade(0, 0)), Reason::InBand);
    assert_eq!(sent(&machine.trade(0, 100)), -4);
}

#[test]
fn session_cost_stops_hedging_when_it_reaches_its_limit() {
    let costing = |cost| {
        let mut machine = after_first_clip(|s| s.rate.loss_max = 50);
        machine.must(|h| OrderUpdate { status: code::ORDER_DONE, order_id: 0, filled: 4, coin: 0, cost }.encode(h));
        reason(&later(&mut machine, 1))
    };
    assert_eq!(costing(50), Reason::LossLimit);
    assert_eq!(costing(49), Reason::None);
}

#[test]
fn session_cost_survives_a_reconciliation() {
    let mut machine = after_first_clip(|s| s.rate.loss_max = 50);
    machine.must(|h| OrderUpdate { status: code::ORDER_DONE, order_id: 0, filled: 4, coin: 0, cost: 50 }.encode(h));
    machine.must(|h| Reconcile { position: -4, hedge_coin: 0 }.encode(h));
    assert_eq!(reason(&later(&mut machine, 1)), Reason::LossLimit);
}

#[test]
fn cool_down_keeps_hedges_apart() {
    let mut machine = after_first_clip(|s| s.price.cool_down_ns = 1_000);
    assert_eq!(reason(&later(&mut machine, 999)), Reason::CoolDown);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
}

#[test]
fn urgent_hedge_does_not_wait_for_the_cool_down() {
    // 100 lots with 4 on sale: 96 contracts at worst.
    let cooling = |emergency: i64| {
        let mut machine = after_first_clip(|s| {
            (s.price.cool_down_ns, s.size.band_emergency) = (1_000, (emergency * CONTRACT) as u64);
        });
        later(&mut machine, 1)
    };
    assert_eq!(reason(&cooling(96)), Reason::CoolDown);
    let urgent = cooling(95);
    assert_eq!((sent(&urgent), urgent[0].flags() & FLAG_URGENT), (-4, FLAG_URGENT));
}
