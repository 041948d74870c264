//! Fills of the desk's options that come over the order session: of quotes and of orders that others placed with the key.
//! Each is booked once and decided on at once, whatever report brings it and however often.

use hedgewire_host::live::Record;
use hedgewire_host::telemetry::AlarmKind;
use hedgewire_sim::venue::{ProtectionKey, ProtectionSettings, Side, VenueSettings};

use super::plans::plan_with;
use super::rig::{MS, OPTION_ID, Rig, UNIT, settings};

/// Group of the quotes.
const GROUP: i64 = 7;
/// Place of the call at the money in the listing, and its number.
const OPTION: usize = 4;
const ID: i64 = OPTION_ID + 2;
/// Prices of it, coin.
const LOW: i64 = UNIT / 50;
const HIGH: i64 = UNIT / 20;

/// A quiet venue with a group for quotes; orders in options wait for the bump, or do not.
fn rig(is_bumped: bool) -> Rig {
    let mut settings = VenueSettings { flow: None, ..settings(1, Default::default()) };
    settings.protections = vec![ProtectionSettings {
        key: ProtectionKey::Group(GROUP),
        quantity_max: 1_000_000,
        window_ns: UNIT,
        frozen_ns: UNIT,
    }];
    settings.instruments[OPTION].is_bumped = is_bumped;
    let mut rig = Rig::with(settings, plan_with(&[]), |driver| driver);
    rig.market(59_995, 60_005, 100_000);
    rig.run(6 * UNIT);
    assert!(rig.engine().is_hedging(0), "{:?}", rig.alarms);
    rig
}

/// Lots by the engine and by the venue, without those that the portfolio began with.
fn lots(rig: &mut Rig) -> (i64, i64) {
    (i64::from(rig.engine().lots(ID).expect("it is held")) + 10, rig.venue.position(0, OPTION))
}

/// A fill has come: so many lots are held, by both, and it is hedged.
fn expect(rig: &mut Rig, held: i64, hedges: u64, context: &str) {
    assert_eq!(lots(rig), (held, held), "{context}: {:?}", rig.alarms);
    rig.run(UNIT);
    assert!(rig.engine().counts().hedges > hedges, "{context}: it is hedged");
    assert!(rig.engine().is_hedging(0), "{context}: {:?}", rig.alarms);
    assert_eq!(rig.count(AlarmKind::Unmatched) + rig.count(AlarmKind::FillRefused), 0, "{context}");
}

fn hedges(rig: &mut Rig) -> u64 {
    rig.engine().counts().hedges
}

#[test]
fn fills_of_quotes_and_of_orders_of_others_are_booked_and_hedged_at_once() {
    let mut rig = rig(true);
    // A quote that rests is taken.
    let before = hedges(&mut rig);
    rig.venue.member_quote(rig.now_ns, (0, GROUP), OPTION, Side::Buy, (LOW, 30));
    rig.venue.public_order(rig.now_ns, OPTION, Side::Sell, (LOW, 20), true);
    rig.run(30 * MS);
    expect(&mut rig, 20, before, "a quote that rests");
    // One that takes, out of the bump.
    rig.run(2 * UNIT);
    let before = hedges(&mut rig);
    rig.venue.public_order(rig.now_ns, OPTION, Side::Sell, (HIGH, 15), false);
    rig.venue.member_quote(rig.now_ns, (0, GROUP), OPTION, Side::Buy, (HIGH, 15));
    rig.run(30 * MS);
    expect(&mut rig, 35, before, "a quote that takes, after the bump");
    // An order that somebody else has placed with the key.
    rig.run(2 * UNIT);
    let before = hedges(&mut rig);
    rig.venue.member_order(rig.now_ns, 0, OPTION, Side::Sell, (HIGH, 60), 9);
    rig.venue.public_order(rig.now_ns, OPTION, Side::Buy, (HIGH, 60), true);
    rig.run(30 * MS);
    expect(&mut rig, -25, before, "an order of others");
    rig.run(5 * UNIT);
    rig.agree("own fills over the session");
    assert_eq!(rig.engine().counts().own_fills, 3);
}

#[test]
fn a_quote_that_takes_at_once_is_booked_from_the_answer_to_the_quote() {
    let mut rig = rig(false);
    let before = hedges(&mut rig);
    rig.venue.public_order(rig.now_ns, OPTION, Side::Buy, (LOW, 25), false);
    rig.venue.member_quote(rig.now_ns, (0, GROUP), OPTION, Side::Sell, (LOW, 25));
    rig.run(5 * MS);
    expect(&mut rig, -25, before, "the answer to a quote");
}

#[test]
fn fills_that_come_while_nobody_is_connected_are_booked_once_when_the_session_is_back() {
    let mut rig = rig(false);
    rig.venue.member_order(rig.now_ns, 0, OPTION, Side::Buy, (LOW, 30), 9);
    rig.venue.public_order(rig.now_ns, OPTION, Side::Sell, (LOW, 30), true);
    // The report is on its way when the connection breaks.
    rig.is_gateway_gone = true;
    rig.cut_connection(0);
    rig.run(UNIT);
    assert_eq!(lots(&mut rig), (0, 30), "nobody has told it");
    rig.is_gateway_gone = false;
    rig.run(5 * UNIT);
    expect(&mut rig, 30, 0, "back");
    // Once more, without anything new.
    rig.cut_connection(0);
    rig.run(5 * UNIT);
    expect(&mut rig, 30, 0, "back again");
    assert_eq!(rig.engine().counts().own_fills, 1);
}

#[test]
fn fills_that_were_not_on_disk_come_again_after_a_death_and_are_booked_once() {
    // How far behind the disk is, steps: from everything written to nothing.
    for write_delay_steps in [0, 3, 40, 5_000] {
        let mut rig = rig(true);
        rig.write_delay_steps = write_delay_steps;
        rig.venue.member_order(rig.now_ns, 0, OPTION, Side::Buy, (LOW, 40), 9);
        for _ in 0..4 {
            rig.venue.public_order(rig.now_ns, OPTION, Side::Sell, (LOW, 10), true);
            rig.run(15 * MS);
        }
        assert_eq!(lots(&mut rig), (40, 40));
        rig.crash();
        let is_known = rig.disk.iter().filter(|record| matches!(record, Record::Fill { .. })).count();
        assert!(write_delay_steps > 0 || is_known == 4);
        assert!(write_delay_steps < 5_000 || is_known == 0);
        rig.write_delay_steps = 0;
        rig.start();
        rig.run(UNIT);
        // A quiet feed says something every five seconds.
        rig.market(59_995, 60_005, 100_000);
        rig.run(4 * UNIT);
        let context = format!("{write_delay_steps} steps behind, {is_known} on disk");
        assert_eq!(lots(&mut rig), (40, 40), "{context}");
        assert!(rig.engine().is_hedging(0), "{context}: {:?}", rig.engine().alarms().on());
        rig.agree(&context);
    }
}
