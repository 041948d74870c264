//! Each fault of the venue: the alarm that it raises, the gate that refuses, and agreement once it is over.

use hedgewire_abi::Reason;
use hedgewire_host::telemetry::AlarmKind;
use hedgewire_sim::venue::FaultSettings;

use super::rig::{MS, PERPETUAL, Rig, UNIT, settings};
use super::trading::day;

/// A day with one kind of fault, and the time after it.
fn faulty_day(seed: u64, faults: FaultSettings, seconds: i64) -> Rig {
    let mut rig = Rig::new(settings(seed, faults));
    rig.run(4 * UNIT);
    day(&mut rig, seconds * UNIT, 300 * MS);
    let now_ns = rig.now_ns;
    rig.venue.end_faults(now_ns);
    rig.run(10 * UNIT);
    // Nothing of our own happens any more: hedges in flight end, those that wait for the band stay away.
    rig.venue.end_flow();
    rig.run(6 * UNIT);
    rig
}

fn refusals(rig: &mut Rig, reason: Reason) -> u64 {
    rig.engine().driver().counts().refusals(reason)
}

#[test]
fn lost_doubled_and_late_packets_are_told_and_made_up_for() {
    for (name, faults) in [
        ("loss", FaultSettings { loss: 0.05, ..FaultSettings::default() }),
        ("doubled", FaultSettings { duplicate: 0.2, ..FaultSettings::default() }),
        ("late", FaultSettings { reorder: 0.1, reorder_ns: 3 * MS, ..FaultSettings::default() }),
    ] {
        let mut rig = faulty_day(11, faults, 10);
        rig.agree(name);
        assert!(rig.count(AlarmKind::FeedDirty) > 0, "{name}: {:?}", rig.alarms);
        assert!(rig.engine().is_hedging(0), "{name}");
    }
}

#[test]
fn a_gap_puts_the_book_in_doubt_and_the_kernel_refuses_on_it() {
    let mut rig = faulty_day(12, FaultSettings { loss: 0.1, ..FaultSettings::default() }, 20);
    rig.agree("gap");
    assert!(rig.count(AlarmKind::BookInDoubt) > 10);
    assert!(refusals(&mut rig, Reason::BookUntrusted) > 0);
}

#[test]
fn messages_that_are_lost_for_good_are_told() {
    let mut settings = settings(13, FaultSettings::default());
    // A gateway that has forgotten what was missed.
    settings.retransmit.history_messages = 10;
    let mut rig = Rig::new(settings);
    rig.run(4 * UNIT);
    rig.is_cut_off = true;
    rig.run(2 * UNIT);
    rig.is_cut_off = false;
    rig.run(3 * UNIT);
    assert_eq!(rig.count(AlarmKind::MessagesLost), 1, "{:?}", rig.alarms);
    assert!(rig.count(AlarmKind::BookInDoubt) > 0);
    assert!(rig.engine().is_hedging(0));
}

#[test]
fn a_feed_that_never_spoke_is_told() {
    let mut rig = Rig::new(settings(21, FaultSettings::default()));
    rig.is_cut_off = true;
    rig.run(4 * UNIT);
    assert!(!rig.is_on(AlarmKind::ChannelSilent), "it has a few heartbeats' time");
    rig.run(4 * UNIT);
    assert!(rig.is_on(AlarmKind::ChannelSilent), "{:?}", rig.alarms);
    rig.is_cut_off = false;
    rig.run(4 * UNIT);
    assert!(!rig.is_on(AlarmKind::ChannelSilent), "{:?}", rig.alarms);
    assert!(rig.engine().is_hedging(0));
}

#[test]
fn fail_over_of_the_lines_is_told() {
    let faults = FaultSettings { fail_over_mean_ns: 4 * UNIT, fail_over_ns: 50 * MS, ..FaultSettings::default() };
    let mut rig = faulty_day(14, faults, 20);
    rig.agree("fail-over");
    assert!(rig.count(AlarmKind::LineChanged) > 0);
}

#[test]
fn silence_is_told_refused_on_and_ends() {
    let mut rig = Rig::new(settings(15, FaultSettings::default()));
    rig.run(4 * UNIT);
    let before = refusals(&mut rig, Reason::BookUntrusted);
    rig.is_cut_off = true;
    // Far outside the band, so that it would hedge if it could.
    for _ in 0..16 {
        rig.run(UNIT / 2);
        rig.trade();
    }
    assert!(rig.is_on(AlarmKind::ChannelSilent) && rig.is_on(AlarmKind::BookInDoubt), "{:?}", rig.alarms);
    let stale = refusals(&mut rig, Reason::QuoteStale);
    let untrusted = refusals(&mut rig, Reason::BookUntrusted) - before;
    assert!(stale > 0, "quotes grow old before the channel counts as silent");
    assert!(untrusted + stale > 10);
    rig.run(12 * UNIT);
    assert!(rig.is_on(AlarmKind::InputStale), "no bank is compiled from an old index: {:?}", rig.alarms);
    assert!(refusals(&mut rig, Reason::RowsStale) + refusals(&mut rig, Reason::QuoteStale) > stale);
    rig.is_cut_off = false;
    rig.run(5 * UNIT);
    assert!(!rig.is_on(AlarmKind::ChannelSilent) && !rig.is_on(AlarmKind::InputStale));
    rig.venue.end_flow();
    rig.run(5 * UNIT);
    rig.agree("silence");
}

#[test]
fn a_disconnect_is_told_nothing_is_sent_and_orders_are_settled() {
    let faults = FaultSettings { disconnect_mean_ns: 2 * UNIT, ..FaultSettings::default() };
    let mut rig = faulty_day(16, faults, 30);
    rig.agree("disconnects");
    assert!(rig.count(AlarmKind::SessionDown) > 3 && !rig.is_on(AlarmKind::SessionDown));
    assert!(refusals(&mut rig, Reason::Restricted) > 0, "without a session the kernel says why");
    assert!(rig.venue.counts().gateway.logons > 3);
}

#[test]
fn dropped_and_late_reports_are_told_and_made_up_for() {
    let faults =
        FaultSettings { report_drop: 0.1, report_delay: 0.1, report_delay_ns: 1_500 * MS, ..FaultSettings::default() };
    let mut rig = faulty_day(17, faults, 30);
    rig.agree("reports");
    assert!(rig.count(AlarmKind::ReportsMissing) > 0 && rig.count(AlarmKind::OrderInDoubt) > 0);
    assert!(!rig.is_on(AlarmKind::OrderInDoubt));
}

#[test]
fn refused_orders_are_told() {
    let mut rig = faulty_day(18, FaultSettings { reject: 0.3, ..FaultSettings::default() }, 20);
    rig.agree("rejects");
    assert!(rig.count(AlarmKind::OrderRefused) > 3);
}

#[test]
fn a_halt_is_told_and_refused_on() {
    let mut rig = Rig::new(settings(19, FaultSettings::default()));
    rig.run(4 * UNIT);
    let now_ns = rig.now_ns;
    rig.venue.set_halted(now_ns, PERPETUAL, true);
    for _ in 0..4 {
        rig.run(UNIT / 2);
        rig.trade();
    }
    assert!(rig.is_on(AlarmKind::BookInDoubt), "{:?}", rig.alarms);
    assert!(refusals(&mut rig, Reason::BookUntrusted) > 0);
    let hedges = rig.engine().counts().hedges;
    rig.run(UNIT);
    assert_eq!(rig.engine().counts().hedges, hedges, "no hedge in a halt");
    let now_ns = rig.now_ns;
    rig.venue.set_halted(now_ns, PERPETUAL, false);
    rig.run(3 * UNIT);
    assert!(!rig.is_on(AlarmKind::BookInDoubt) && rig.engine().counts().hedges > hedges);
    rig.venue.end_flow();
    rig.run(5 * UNIT);
    rig.agree("halt");
}
