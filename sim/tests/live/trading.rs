//! Quotes, hedges, fills: what an engine does on a good day.

use hedgewire_host::live::{DeskFill, Outcome};
use hedgewire_host::telemetry::AlarmKind;
use hedgewire_sim::venue::FaultSettings;

use super::rig::{MS, OPTION_ID, PERPETUAL, Rig, UNIT, settings};

/// A day: trades of the desk's own now and then, then quiet.
pub fn day(rig: &mut Rig, ns: i64, trade_every_ns: i64) {
    let mut rest_ns = ns;
    while rest_ns > 0 {
        rig.run(trade_every_ns);
        rest_ns -= trade_every_ns;
        rig.trade();
    }
}

#[test]
fn hedges_bring_the_position_to_the_portfolio_and_both_sides_agree() {
    let mut rig = Rig::new(settings(1, FaultSettings::default()));
    rig.run(4 * UNIT);
    assert!(rig.engine().is_hedging(0), "{:?}", rig.alarms);
    day(&mut rig, 20 * UNIT, 500 * MS);
    rig.venue.end_flow();
    rig.run(5 * UNIT);
    rig.agree("a good day");
    let counts = *rig.engine().counts();
    assert!(counts.hedges > 10 && counts.quotes > 500 && counts.banks > 5 && counts.own_fills == 40, "{counts:?}");
    assert!(rig.venue.counts().exchange.member_fills > 10);
    assert!(rig.venue.position(0, PERPETUAL) != 0);
    assert!(rig.engine().alarms().on().is_empty(), "{:?}", rig.alarms);
}

#[test]
fn the_same_seed_gives_the_same_decisions() {
    let run = |seed| {
        let mut rig = Rig::new(settings(seed, FaultSettings::all()));
        day(&mut rig, 15 * UNIT, 300 * MS);
        (*rig.engine().counts(), rig.engine().driver().counts().clone(), rig.sent.clone(), rig.alarms, rig.disk)
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3).2, run(4).2);
}

#[test]
fn a_fill_of_our_own_is_booked_once_whichever_way_it_comes() {
    let mut rig = Rig::new(settings(2, FaultSettings::default()));
    let early = DeskFill { instrument_id: OPTION_ID, fill_id: 1, quantity_nano: UNIT, price_nano: UNIT / 20 };
    assert_eq!(rig.trade_again(&early), Outcome::NotYet);
    rig.run(4 * UNIT);
    let before = rig.engine().lots(OPTION_ID).expect("it is held");
    assert!(matches!(rig.trade_again(&early), Outcome::Booked(_)));
    assert_eq!(rig.engine().lots(OPTION_ID), Some(before + 10));
    assert!(matches!(rig.trade_again(&early), Outcome::Repeated(_)));
    assert_eq!(rig.engine().lots(OPTION_ID), Some(before + 10));
    let part = DeskFill { fill_id: 2, quantity_nano: UNIT / 20, ..early };
    assert_eq!(rig.trade_again(&part), Outcome::Quantity);
    let foreign = DeskFill { instrument_id: 7, ..early };
    assert_eq!(rig.trade_again(&foreign), Outcome::UnknownInstrument);
    assert_eq!(rig.count(AlarmKind::FillRefused), 2);
    let vast = DeskFill { fill_id: 3, quantity_nano: 1_000 * UNIT, ..early };
    assert_eq!(rig.trade_again(&vast), Outcome::Quantity);
}

#[test]
fn a_fill_of_our_own_is_hedged_at_once() {
    let mut rig = Rig::new(settings(5, FaultSettings::default()));
    rig.run(8 * UNIT);
    // A moment in which nothing is on its way and no cool-down runs.
    let mut quiet = (rig.engine().counts().hedges, 0);
    while quiet.1 < 200 || rig.engine().open_orders() > 0 {
        rig.run(MS);
        let hedges = rig.engine().counts().hedges;
        quiet = if hedges == quiet.0 { (hedges, quiet.1 + 1) } else { (hedges, 0) };
    }
    // Ten coins of a call: thousands of contracts of delta.
    let fill = DeskFill { instrument_id: OPTION_ID, fill_id: 77, quantity_nano: 10 * UNIT, price_nano: UNIT / 20 };
    assert!(matches!(rig.trade_again(&fill), Outcome::Booked(_)));
    assert_eq!(rig.engine().counts().hedges, quiet.0 + 1, "the trade itself is answered by an order");
}
