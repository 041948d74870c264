//! The ladder: how hard a hedge is tried, when, and at which price; and what its configuration refuses.

use std::path::Path;

use super::config;
use hedgewire_host::config::{ConfigError, Plan};
use hedgewire_host::deribit::starbase::orders::escalation::{Effort, EscalationPolicy, Ladder, Reach, Step, Top};
use hedgewire_host::deribit::starbase::orders::value::Side;
use proptest::prelude::*;

const TICK: u32 = 256;

pub const POLICY: EscalationPolicy = EscalationPolicy {
    passive_ns: 1_000,
    improve_ns: 500,
    cross: Reach { ticks: 2, collar_ppm: 1_000, attempts: 2 },
    wide: Reach { ticks: 8, collar_ppm: 3_000, attempts: 3 },
    retry_ns: 100,
    lifetime_ns: 50_000,
};

fn top(bid_ticks: u32, ask_ticks: u32) -> Top {
    Top { bid: bid_ticks * TICK, ask: ask_ticks * TICK, reference: (bid_ticks + ask_ticks) * TICK / 2 }
}

#[test]
fn a_buyer_climbs_rung_by_rung() {
    let market = top(10_000, 10_010);
    let mut ladder = Ladder::new(POLICY, Side::Buy, false, 0);
    assert_eq!(ladder.step(&market, 999), Step::Rest(10_000 * TICK));
    assert_eq!(ladder.deadline_ns(999), Some(1_000));
    assert_eq!(ladder.step(&market, 1_000), Step::Rest(10_001 * TICK));
    assert_eq!(
        ladder.step(&top(10_001, 10_010), 1_200),
        Step::Rest(10_001 * TICK),
        "our own best is not improved again"
    );
    assert_eq!(ladder.step(&top(10_003, 10_010), 1_300), Step::Rest(10_003 * TICK), "others go further: joined");
    assert_eq!(ladder.step(&top(9_999, 10_001), 1_400), Step::Rest(10_000 * TICK), "never at the opposite price");
    assert_eq!(ladder.step(&market, 1_499), Step::Rest(10_001 * TICK));
    assert_eq!(ladder.step(&market, 1_500), Step::Take(10_012 * TICK));
    ladder.failed(1_500);
    assert_eq!((ladder.step(&market, 1_599), ladder.deadline_ns(1_599)), (Step::Wait, Some(1_600)));
    assert_eq!(ladder.step(&market, 1_600), Step::Take(10_012 * TICK));
    ladder.failed(1_600);
    assert_eq!((ladder.step(&market, 1_700), ladder.effort()), (Step::Take(10_018 * TICK), Effort::Wide));
    for now_ns in [1_700, 1_800, 1_900] {
        ladder.failed(now_ns);
    }
    assert_eq!((ladder.step(&market, 2_000), ladder.deadline_ns(2_000)), (Step::Stop, None));
}

#[test]
fn a_seller_is_the_mirror_image() {
    let market = top(10_000, 10_010);
    let mut ladder = Ladder::new(POLICY, Side::Sell, false, 0);
    assert_eq!(ladder.step(&market, 0), Step::Rest(10_010 * TICK));
    assert_eq!(ladder.step(&market, 1_000), Step::Rest(10_009 * TICK));
    assert_eq!(ladder.step(&market, 1_500), Step::Take(9_998 * TICK));
}

#[test]
fn a_tick_wide_market_is_not_improved_into_a_cross() {
    let market = top(10_000, 10_001);
    for (side, own) in [(Side::Buy, 10_000), (Side::Sell, 10_001)] {
        let mut ladder = Ladder::new(POLICY, side, false, 0);
        assert_eq!(ladder.step(&market, 1_200), Step::Rest(own * TICK));
    }
}

#[test]
fn urgency_and_a_market_that_comes_skip_the_resting() {
    let market = top(10_000, 10_010);
    let mut ladder = Ladder::new(POLICY, Side::Buy, true, 0);
    assert_eq!(ladder.step(&market, 0), Step::Take(10_012 * TICK));
    let mut ladder = Ladder::new(POLICY, Side::Buy, false, 0);
    ladder.met(10);
    assert_eq!(ladder.step(&market, 10), Step::Take(10_012 * TICK));
}

#[test]
fn a_market_outside_the_collar_is_a_failed_attempt() {
    // The ask is 5 per mille above the reference: outside both collars.
    let market = Top { bid: 9_900 * TICK, ask: 10_050 * TICK, reference: 10_000 * TICK };
    let mut ladder = Ladder::new(POLICY, Side::Buy, true, 0);
    let mut now_ns = 0;
    while ladder.effort() != Effort::Stop {
        assert_ne!(ladder.step(&market, now_ns), Step::Take(0));
        assert!(matches!(ladder.step(&market, now_ns), Step::Wait | Step::Stop));
        now_ns += 100;
    }
    assert_eq!(now_ns, 500, "two attempts across, three further");
}

#[test]
fn without_a_market_it_waits_until_its_lifetime_is_over() {
    let mut ladder = Ladder::new(POLICY, Side::Buy, true, 7);
    for market in [Top::default(), top(10_001, 10_000), Top { reference: 0, ..top(1, 2) }] {
        assert_eq!(ladder.step(&market, 8), Step::Wait);
    }
    assert_eq!(ladder.step(&Top::default(), 50_006), Step::Wait);
    assert_eq!(ladder.step(&Top::default(), 50_007), Step::Stop);
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn no_limit_is_beyond_its_collar_and_nothing_that_rests_crosses(
        is_buy in any::<bool>(),
        is_urgent in any::<bool>(),
        markets in prop::collection::vec(
            (9_000u32..11_000, 1u32..40, 9_500u32..10_500, 0u64..400, any::<bool>()), 1..60,
        ),
    ) {
        let side = if is_buy { Side::Buy } else { Side::Sell };
        let (mut ladder, mut now_ns, mut effort) = (Ladder::new(POLICY, side, is_urgent, 0), 0, Effort::Passive);
        for (bid, width, reference, wait_ns, has_failed) in markets {
            now_ns += wait_ns;
            let market = Top { reference: reference * TICK, ..top(bid, bid + width) };
            let collar = u64::from(market.reference) * 3_000 / 1_000_000;
            match ladder.step(&market, now_ns) {
                Step::Rest(price) if is_buy => prop_assert!(price >= market.bid && price < market.ask),
                Step::Rest(price) => prop_assert!(price > market.bid && price <= market.ask),
                Step::Take(price) => {
                    prop_assert!(u64::from(price.abs_diff(market.reference)) <= collar);
                    let meets = if is_buy { price >= market.ask } else { price <= market.bid };
                    prop_assert!(meets);
                    if has_failed {
                        ladder.failed(now_ns);
                    }
                }
                Step::Wait | Step::Stop => {}
            }
            prop_assert!(ladder.effort() >= effort, "it never tries less hard");
            effort = ladder.effort();
            prop_assert!(ladder.deadline_ns(now_ns).is_none_or(|due_ns| due_ns > now_ns));
        }
    }
}

const ESCALATION: &str = "
[underlying.escalation]
passive_ms = 20
improve_ms = 10.5
cross_ticks = 2
cross_collar_bp = 5
cross_attempts = 3
wide_ticks = 10
wide_collar_bp = 10
wide_attempts = 2
retry_ms = 5
lifetime_ms = 2000
";

/// The smallest example with an escalation for its last underlying.
fn plan(escalation: &str) -> Result<Plan, ConfigError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("host/examples/minimal.toml");
    let example = std::fs::read_to_string(path).expect("the example is part of the project");
    Plan::parse(&format!("{example}\n{escalation}"))
}

#[test]
fn a_configured_escalation_is_in_wire_units() {
    let planned = plan(ESCALATION).expect("it makes sense");
    let expected = EscalationPolicy {
        passive_ns: 20_000_000,
        improve_ns: 10_500_000,
        cross: Reach { ticks: 2, collar_ppm: 500, attempts: 3 },
        wide: Reach { ticks: 10, collar_ppm: 1_000, attempts: 2 },
        retry_ns: 5_000_000,
        lifetime_ns: 2_000_000_000,
    };
    assert_eq!(planned.underlyings.last().expect("there is one").escalation, Some(expected));
    assert_eq!(plan("").expect("it is optional").underlyings[0].escalation, None);
}

#[test]
fn every_nonsensical_value_of_an_escalation_is_told() {
    let cases = [
        ("wide_ticks = 10", "wide_ticks = 1", "wide_ticks"),
        ("wide_collar_bp = 10", "wide_collar_bp = 4", "wide_collar_bp"),
        ("wide_collar_bp = 10", "wide_collar_bp = 900", "gate's collar_bp"),
        ("cross_collar_bp = 5", "cross_collar_bp = 0.0001", "less than a tick"),
        ("cross_attempts = 3", "cross_attempts = 0", "cross_attempts"),
        ("retry_ms = 5", "retry_ms = 0", "retry_ms"),
        ("lifetime_ms = 2000", "lifetime_ms = 30", "lifetime_ms"),
        ("passive_ms = 20", "passive_ms = nan", "passive_ms"),
        ("passive_ms = 20", "passive_ms = 20\npassive_s = 1", "passive_s"),
    ];
    for (good, bad, named) in cases {
        let error = plan(&ESCALATION.replace(good, bad)).expect_err(bad).to_string();
        assert!(error.contains(named), "{bad}: {error}");
    }
}
