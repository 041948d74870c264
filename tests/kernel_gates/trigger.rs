//! What the trigger says before any gate is asked: whether there is an exposure at all, and what to send for it.

use hedgewire_abi::Reason;
use hedgewire_abi::command::code;
use hedgewire_abi::event::{FLAG_EXACT, Refused};
use hedgewire_abi::format::BAND_MAX;
use hedgewire_kernel::{Form, Sizes};

use crate::scenario::{CONTRACT, Scenario, later, sent, update};
use crate::support::portfolio::PRICE_REF;
use crate::support::{Machine, hedge, reason};

#[test]
fn no_rows_before_the_first_swap_and_no_quote_before_the_first_quote() {
    let mut machine = Machine::new(Sizes { underlyings: 1, rows: 64, intervals: 8 }, Form::best());
    machine.set_up(false);
    assert_eq!(reason(&machine.quote(PRICE_REF)), Reason::NoRows);
    let scenario = Scenario::selling();
    assert_eq!(reason(&later(&mut scenario.machine(), 1)), Reason::NoQuote);
}

#[test]
fn price_beyond_the_reach_of_the_rows_is_refused_and_the_last_one_within_is_not() {
    // |ln(p / ref)| may be 0.49: 0.61263 and 1.63231 of the reference.
    let at = |price: u32| Scenario::selling().with(|s| s.quote.price = price).reason();
    let edge = |factor: f64| (f64::from(PRICE_REF) * factor) as u32;
    assert_eq!(at(edge(1.632_32)), Reason::RefTooFar);
    assert_eq!(at(edge(1.632_31)), Reason::None);
    assert_eq!(at(edge(0.612_62)), Reason::RefTooFar);
    assert_eq!(at(edge(0.612_64)), Reason::None);
}

#[test]
fn exposure_beyond_its_format_is_refused() {
    // A coin is 2^27 ladder units, times 2^39: 2^66 over 2^shift; ten of them need 3.4 bits more.
    let shift = |contract_shift| Scenario::selling().with(|s| s.bank.contract_shift = contract_shift).reason();
    assert_eq!(shift(14), Reason::ExposureRange);
    assert_ne!(shift(15), Reason::ExposureRange);
}

#[test]
fn plain_scenario_sells_and_its_mirror_buys_ten() {
    let events = Scenario::selling().decision();
    let hedge = hedge(&events).expect("a hedge");
    assert_eq!((hedge.quantity, hedge.exposure, hedge.band), (-10, 10 * CONTRACT, CONTRACT));
    assert_eq!((hedge.limit_price, hedge.order_id), (PRICE_REF - 128, 0));
    assert_eq!((events[0].bank_id(), events[0].flags() & FLAG_EXACT), (9, FLAG_EXACT));
    // The exposure's upper end is one unit above -10 contracts, so the tenth could overshoot.
    assert_eq!(Scenario::buying().sent(), 9);
}

#[test]
fn exposure_at_the_band_is_in_band_and_one_unit_beyond_is_not() {
    let band = |units: i64| Scenario::selling().with(|s| s.trigger.band_min = (10 * CONTRACT + units) as u64);
    assert_eq!(band(0).reason(), Reason::InBand);
    assert_eq!(band(-1).reason(), Reason::None);
    // Below the target the upper end of the exposure counts: it is one unit nearer.
    let band = |units: i64| Scenario::buying().with(|s| s.trigger.band_min = (10 * CONTRACT + units) as u64);
    assert_eq!(band(-1).reason(), Reason::InBand);
    assert_eq!(band(-2).reason(), Reason::None);
}

#[test]
fn cap_of_the_band_wins_over_its_floor() {
    let capped = |max: i64| {
        Scenario::selling().with(|s| (s.trigger.band_min, s.trigger.band_max) = (BAND_MAX, max as u64)).reason()
    };
    assert_eq!(capped(10 * CONTRACT), Reason::InBand);
    assert_eq!(capped(10 * CONTRACT - 1), Reason::None);
}

#[test]
fn factors_widen_the_band_of_their_own_side_only() {
    let wide = |s: &mut Scenario| {
        s.bank.band_factor = 5;
        s.trigger.band_scale_sell = 2 << 16;
    };
    assert_eq!(Scenario::selling().with(wide).reason(), Reason::InBand, "5 contracts times 2");
    assert_eq!(Scenario::buying().with(wide).reason(), Reason::None);
}

#[test]
fn error_bound_of_the_ladder_widens_the_floor_of_the_band() {
    let ladder = Scenario::selling().with(|s| s.exact_mode = false);
    let hedge = hedge(&ladder.decision()).expect("a hedge");
    // Eight ladder units of 2^-11 exposure unit floor to 0, and one for the floor itself.
    assert_eq!(hedge.band, CONTRACT + 1);
}

#[test]
fn exit_fraction_leaves_that_share_of_the_band() {
    let theta = |theta| Scenario::selling().with(|s| (s.trigger.theta, s.trigger.band_min) = (theta, 4 << 16)).sent();
    assert_eq!([theta(0), theta(1 << 15), theta(1 << 16)], [-10, -8, -6]);
}

#[test]
fn dust_is_kept_and_the_smallest_clip_is_sent() {
    let clip = |clip_min| Scenario::selling().with(|s| s.trigger.clip_min = clip_min);
    assert_eq!(clip(11).reason(), Reason::Dust);
    assert_eq!(clip(10).sent(), -10);
}

#[test]
fn dust_is_also_tested_after_the_largest_clip() {
    let clip = |clip_max| Scenario::selling().with(|s| (s.trigger.clip_min, s.trigger.clip_max) = (4, clip_max));
    assert_eq!(clip(3).reason(), Reason::Dust);
    assert_eq!(clip(4).sent(), -4);
}

#[test]
fn covered_when_open_orders_already_carry_the_exposure_back() {
    let scenario = Scenario::selling();
    let mut machine = scenario.machine();
    assert_eq!(sent(&machine.send(|h| scenario.quote.encode(h))), -10);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Covered);
    // Filled, the exposure is gone.
    update(&mut machine, code::ORDER_DONE, 0, 10);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::InBand);
}

#[test]
fn clips_follow_each_other_until_the_gap_is_covered() {
    let scenario = Scenario::selling().with(|s| s.trigger.clip_max = 4);
    let mut machine = scenario.machine();
    let mut quantities = vec![sent(&machine.send(|h| scenario.quote.encode(h)))];
    quantities.extend((0..3).map(|_| sent(&later(&mut machine, 1))));
    assert_eq!(quantities, [-4, -4, -2, 0]);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Covered);
}

#[test]
fn flip_waits_for_the_other_side_to_be_cancelled() {
    let scenario = Scenario::selling();
    let mut machine = scenario.machine();
    machine.send(|h| scenario.quote.encode(h));
    // A fill turns the exposure around while ten contracts are still on sale.
    let events = machine.trade(0, -10);
    assert_eq!(reason(&events), Reason::FlipCancelFirst);
    assert_eq!(Refused::decode(&events[0]).quantity, 9, "what is wanted is said");
    update(&mut machine, code::ORDER_UNKNOWN, 0, 0);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::FlipCancelFirst, "unknown is not cancelled");
    update(&mut machine, code::ORDER_DONE, 0, 0);
    assert_eq!(sent(&later(&mut machine, 1)), 9);
}

#[test]
fn trigger_speaks_before_the_gates() {
    let dusty = Scenario::selling().with(|s| (s.trigger.clip_min, s.actions) = (11, vec![code::DISARM]));
    assert_eq!(dusty.reason(), Reason::Dust);
    let calm = Scenario::selling().with(|s| (s.lots, s.actions) = (0, vec![code::KILL]));
    assert_eq!(calm.reason(), Reason::InBand);
}
