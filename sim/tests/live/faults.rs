//! Each fault of the venue: the alarm that it raises, the gate that refuses, and agreement once it is over.
//!
//! Invariant: a fault that is added to the venue's settings does not compile here, or fails, before it has a row.

use hedgewire_abi::Reason;
use hedgewire_host::telemetry::AlarmKind;
use hedgewire_sim::venue::{FaultCounts, FaultSettings};

use super::rig::{MS, PERPETUAL, Rig, UNIT, settings};
use super::trading::day;

/// Faults that the venue can make: whether settings have them on.
fn switches(settings: &FaultSettings) -> [(&'static str, bool); 10] {
    // How late, how long: of the faults before them.
    let FaultSettings {
        loss,
        duplicate,
        reorder,
        reorder_ns: _,
        report_drop,
        report_delay,
        report_delay_ns: _,
        reject,
        disconnect_mean_ns,
        halt_mean_ns,
        halt_ns: _,
        fail_over_mean_ns,
        fail_over_ns: _,
        silence_mean_ns,
        silence_ns: _,
    } = *settings;
    [
        ("loss", loss > 0.0),
        ("duplicate", duplicate > 0.0),
        ("reorder", reorder > 0.0),
        ("report_drop", report_drop > 0.0),
        ("report_delay", report_delay > 0.0),
        ("reject", reject > 0.0),
        ("disconnect", disconnect_mean_ns > 0),
        ("halt", halt_mean_ns > 0),
        ("fail_over", fail_over_mean_ns > 0),
        ("silence", silence_mean_ns > 0),
    ]
}

/// How often each happened.
fn happened(counts: &FaultCounts, fault: &str) -> u64 {
    let FaultCounts {
        lost,
        duplicated,
        reordered,
        withheld,
        reports_dropped,
        reports_delayed,
        rejects,
        disconnects,
        halts,
        fail_overs,
        silences,
    } = *counts;
    match fault {
        "loss" => lost,
        "duplicate" => duplicated,
        "reorder" => reordered,
        "report_drop" => reports_dropped,
        "report_delay" => reports_delayed,
        "reject" => rejects,
        "disconnect" => disconnects,
        "halt" => halts,
        "fail_over" => fail_overs.min(withheld),
        "silence" => silences.min(withheld),
        _ => 0,
    }
}

/// A fault alone, the alarms that tell of it, and what the kernel then refuses for, if it does.
struct Row {
    faults: FaultSettings,
    alarms: &'static [AlarmKind],
    refuses: Option<Reason>,
}

fn table() -> Vec<Row> {
    use AlarmKind as K;
    let off = FaultSettings::default();
    let row = |faults, alarms| Row { faults, alarms, refuses: None };
    vec![
        row(FaultSettings { loss: 0.05, ..off }, &[K::FeedDirty, K::BookInDoubt]),
        row(FaultSettings { duplicate: 0.2, ..off }, &[K::FeedDirty]),
        row(FaultSettings { reorder: 0.1, reorder_ns: 3 * MS, ..off }, &[K::FeedDirty]),
        row(FaultSettings { report_drop: 0.1, ..off }, &[K::ReportsMissing]),
        row(FaultSettings { report_delay: 0.2, report_delay_ns: 1_500 * MS, ..off }, &[K::OrderInDoubt]),
        row(FaultSettings { reject: 0.3, ..off }, &[K::OrderRefused]),
        Row {
            faults: FaultSettings { disconnect_mean_ns: 2 * UNIT, ..off },
            alarms: &[K::SessionDown],
            refuses: Some(Reason::Restricted),
        },
        Row {
            faults: FaultSettings { halt_mean_ns: 2 * UNIT, halt_ns: UNIT, ..off },
            alarms: &[K::BookInDoubt],
            refuses: Some(Reason::BookUntrusted),
        },
        row(FaultSettings { fail_over_mean_ns: 4 * UNIT, fail_over_ns: 50 * MS, ..off }, &[K::LineChanged]),
        Row {
            faults: FaultSettings { silence_mean_ns: 4 * UNIT, silence_ns: 8 * UNIT, ..off },
            alarms: &[K::ChannelSilent, K::BookInDoubt, K::SessionDown],
            refuses: Some(Reason::BookUntrusted),
        },
    ]
}

#[test]
fn every_fault_alone_is_told_by_its_alarm_and_ends_in_agreement() {
    let table = table();
    for (fault, is_on) in switches(&FaultSettings::all()) {
        assert!(is_on, "{fault} is among all faults");
        let has = |row: &&Row| switches(&row.faults).contains(&(fault, true));
        assert_eq!(table.iter().filter(has).count(), 1, "{fault} has a row of its own");
    }
    for (number, row) in table.iter().enumerate() {
        let on: Vec<_> = switches(&row.faults).into_iter().filter(|(_, is_on)| *is_on).collect();
        let [(fault, _)] = on[..] else { panic!("one fault in a row: {on:?}") };
        let mut rig = faulty_day(100 + number as u64, row.faults, 20);
        rig.agree(fault);
        assert!(happened(&rig.venue.counts().faults, fault) > 0, "{fault} has not happened");
        for alarm in row.alarms {
            assert!(rig.count(*alarm) > 0, "{fault}: {} was not told", alarm.name());
            assert!(!rig.is_on(*alarm), "{fault}: {} is not over", alarm.name());
        }
        assert!(row.refuses.is_none_or(|reason| rig.refusals(reason) > 0), "{fault}: {:?}", row.refuses);
        assert!(rig.engine().is_hedging(0), "{fault}: {:?}", rig.engine().alarms().on());
    }
}

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

#[test]
fn a_gap_puts_the_book_in_doubt_and_the_kernel_refuses_on_it() {
    let mut rig = faulty_day(12, FaultSettings { loss: 0.1, ..FaultSettings::default() }, 20);
    rig.agree("gap");
    assert!(rig.count(AlarmKind::BookInDoubt) > 10);
    assert!(rig.refusals(Reason::BookUntrusted) > 0);
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
fn silence_is_told_refused_on_and_ends() {
    let mut rig = Rig::new(settings(15, FaultSettings::default()));
    rig.run(4 * UNIT);
    let before = rig.refusals(Reason::BookUntrusted);
    rig.is_cut_off = true;
    // Far outside the band, so that it would hedge if it could.
    for _ in 0..16 {
        rig.run(UNIT / 2);
        rig.trade();
    }
    assert!(rig.is_on(AlarmKind::ChannelSilent) && rig.is_on(AlarmKind::BookInDoubt), "{:?}", rig.alarms);
    let stale = rig.refusals(Reason::QuoteStale);
    let untrusted = rig.refusals(Reason::BookUntrusted) - before;
    assert!(stale > 0, "quotes grow old before the channel counts as silent");
    assert!(untrusted + stale > 10);
    rig.run(12 * UNIT);
    assert!(rig.is_on(AlarmKind::InputStale), "no bank is compiled from an old index: {:?}", rig.alarms);
    assert!(rig.refusals(Reason::RowsStale) + rig.refusals(Reason::QuoteStale) > stale);
    rig.is_cut_off = false;
    rig.run(5 * UNIT);
    assert!(!rig.is_on(AlarmKind::ChannelSilent) && !rig.is_on(AlarmKind::InputStale));
    rig.venue.end_flow();
    rig.run(5 * UNIT);
    rig.agree("silence");
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
    assert!(rig.refusals(Reason::BookUntrusted) > 0);
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
