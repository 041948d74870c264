//! Every kind of alarm, raised by the running engine on what it is about, and over when that is.
//!
//! ```text
//!   scene: something goes wrong, and right again ──► engine ──► alarms as whoever watches sees them: raised, still on?
//! ```
//!
//! Invariant: a kind that is added to the table of alarms does not compile here before somebody shows it.

use hedgewire_host::card::OnFault;
use hedgewire_host::control::KillCause;
use hedgewire_host::deribit::starbase::market::Source;
use hedgewire_host::live::{DeskFill, Outcome, Record, Request};
use hedgewire_host::packet::Counts;
use hedgewire_host::telemetry::AlarmKind;
use hedgewire_sim::card::FaultKind;
use hedgewire_sim::venue::{FaultSettings, Side, VenueSettings, listing};

use super::cards::{on_a_card_that_dies, over_hedge};
use super::lies;
use super::plans::plan_with;
use super::rig::{MS, OPTION_ID, PERPETUAL, Rig, UNIT, settings};
use super::second::{LEGACY, rig_at, second_plan};

/// What becomes of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It is off at the end of its scene: over, or it had no length.
    Off,
    /// It stays until people have looked.
    Stays,
}

fn scene(kind: AlarmKind) -> (fn() -> Rig, End) {
    use AlarmKind as K;
    match kind {
        K::EngineStalled => (stalled, End::Off),
        K::Killed | K::KillUnverified => (killed, End::Off),
        K::Disarmed => (disarmed, End::Off),
        K::BookInDoubt => (halted, End::Off),
        K::SecondFeed | K::SecondFeedDown => (stood_in_for, End::Off),
        K::MessagesLost => (lost, End::Off),
        K::ChannelSilent | K::InputStale => (silent, End::Off),
        K::LineChanged => {
            (|| faulty(FaultSettings { fail_over_mean_ns: 2 * UNIT, fail_over_ns: 50 * MS, ..NONE }), End::Off)
        }
        K::FeedUnreadable => (unreadable, End::Off),
        K::PacketsDropped | K::InterfaceDown => (packets_lost, End::Off),
        K::FeedDirty => (|| faulty(FaultSettings { duplicate: 0.2, ..NONE }), End::Off),
        K::BankFailed => (bank_failed, End::Off),
        K::DefinitionDiffers => (definition_differs, End::Stays),
        K::HoldingUnknown => (holding_unknown, End::Stays),
        K::FillRefused => (fill_refused, End::Off),
        K::KernelFault => (|| lied_to(lies::overfill), End::Stays),
        K::LedgerDiffers => (|| lied_to(lies::worthless), End::Stays),
        K::OverHedge => (over_hedge, End::Stays),
        K::PositionUnproved | K::ReportsLost => (reports_lost, End::Off),
        K::PositionDiffers => (position_differs, End::Off),
        K::SessionDown => (session_down, End::Off),
        K::ReportsMissing => (|| faulty(FaultSettings { report_drop: 0.3, ..NONE }), End::Off),
        K::OrderInDoubt => {
            (|| faulty(FaultSettings { report_delay: 0.3, report_delay_ns: 1_500 * MS, ..NONE }), End::Off)
        }
        K::OrderRefused => (|| faulty(FaultSettings { reject: 0.5, ..NONE }), End::Off),
        K::CancelRefused => (cancel_refused, End::Off),
        K::OrderFaulty => (|| lied_to(lies::other_side), End::Stays),
        K::Unmatched => (unmatched, End::Stays),
        K::JournalFailed => (journal_failed, End::Stays),
        K::CardDown => (|| on_a_card_that_dies(FaultKind::Dead, OnFault::FallBack).0, End::Off),
        K::NobodyAnswers => (|| on_a_card_that_dies(FaultKind::Dead, OnFault::Stop).0, End::Stays),
    }
}

#[test]
fn every_kind_of_alarm_is_raised_by_the_running_engine_and_ends_when_its_cause_does() {
    let mut unshown = vec![];
    for kind in AlarmKind::ALL {
        let (run, end) = scene(*kind);
        let mut rig = run();
        rig.look();
        let alarms = &rig.telemetry.alarms;
        let is_on = (0..2).any(|subject| alarms.is_raised(*kind, subject));
        println!("{}: raised {} times, {}", kind.name(), alarms.raised(*kind), if is_on { "on" } else { "off" });
        if alarms.raised(*kind) == 0 || is_on != (end == End::Stays) {
            unshown.push((kind.name(), alarms.raised(*kind), is_on));
        }
    }
    assert!(unshown.is_empty(), "not raised, or not ended as it should: {unshown:?}");
}

const NONE: FaultSettings = FaultSettings {
    loss: 0.0,
    duplicate: 0.0,
    reorder: 0.0,
    reorder_ns: 0,
    report_drop: 0.0,
    report_delay: 0.0,
    report_delay_ns: 0,
    reject: 0.0,
    disconnect_mean_ns: 0,
    halt_mean_ns: 0,
    halt_ns: 0,
    fail_over_mean_ns: 0,
    fail_over_ns: 0,
    silence_mean_ns: 0,
    silence_ns: 0,
};

// ---- scenes ----------------------------------------------------------------------------------

fn hedging() -> Rig {
    let mut rig = Rig::quiet(&[]);
    rig.run(6 * UNIT);
    assert!(rig.engine().is_hedging(0), "{:?}", rig.alarms);
    rig
}

/// A hedge rests.
fn resting() -> Rig {
    let mut rig = hedging();
    rest(&mut rig, 2);
    rig
}

/// Trades, and waits until a hedge rests.
fn rest(rig: &mut Rig, coins: i64) {
    rig.buy_calls(coins);
    let rests = |rig: &mut Rig| rig.venue.open_orders(0).next().is_some();
    for _ in 0..1_000 {
        if rests(rig) {
            return;
        }
        rig.run(MS);
    }
    panic!("no hedge rests: {:?}", rig.alarms);
}

/// The second feed goes silent for a time, and Starbase after it.
fn stood_in_for() -> Rig {
    let mut rig = rig_at(settings(41, NONE), second_plan(""), Some(LEGACY));
    rig.run(4 * UNIT);
    rig.is_second_cut_off = true;
    rig.run(4 * UNIT);
    assert!(rig.is_on(AlarmKind::SecondFeedDown) && !rig.is_on(AlarmKind::SecondFeed), "{:?}", rig.alarms);
    rig.is_second_cut_off = false;
    rig.is_cut_off = true;
    rig.run(4 * UNIT);
    assert!(rig.is_on(AlarmKind::SecondFeed) && !rig.is_on(AlarmKind::SecondFeedDown), "{:?}", rig.alarms);
    rig.is_cut_off = false;
    rig.run(4 * UNIT);
    rig
}

/// Some seconds with a fault, and some after it.
fn faulty(faults: FaultSettings) -> Rig {
    let mut rig = Rig::new(settings(41, faults));
    rig.run(4 * UNIT);
    for _ in 0..20 {
        rig.run(300 * MS);
        if rig.engine().is_defined() {
            rig.trade();
        }
    }
    rig.venue.end_faults(rig.now_ns);
    rig.run(8 * UNIT);
    rig
}

fn stalled() -> Rig {
    let mut rig = hedging();
    rig.telemetry.watch(rig.ns());
    rig.now_ns += 2 * UNIT;
    assert!(rig.telemetry.watch(rig.ns()), "nothing was done for two seconds");
    assert!(rig.telemetry.alarms.is_raised(AlarmKind::EngineStalled, 0));
    rig.run(100 * MS);
    assert!(rig.telemetry.watch(rig.ns()));
    rig
}

fn killed() -> Rig {
    let mut rig = resting();
    rig.request(&Request::Kill(KillCause::Control));
    assert!(rig.is_on(AlarmKind::Killed) && rig.is_on(AlarmKind::KillUnverified));
    rig.run(UNIT);
    assert!(rig.is_on(AlarmKind::Killed) && !rig.is_on(AlarmKind::KillUnverified));
    rig.request(&Request::Arm);
    rig.run(100 * MS);
    rig
}

fn disarmed() -> Rig {
    let mut rig = hedging();
    rig.request(&Request::Disarm);
    rig.run(100 * MS);
    assert!(rig.telemetry.alarms.is_raised(AlarmKind::Disarmed, 0));
    rig.request(&Request::Arm);
    rig.run(100 * MS);
    rig
}

fn halted() -> Rig {
    let mut rig = hedging();
    rig.venue.set_halted(rig.now_ns, PERPETUAL, true);
    rig.run(UNIT);
    assert!(rig.is_on(AlarmKind::BookInDoubt));
    rig.venue.set_halted(rig.now_ns, PERPETUAL, false);
    rig.run(UNIT);
    rig
}

/// A gateway for lost messages that has forgotten them.
fn lost() -> Rig {
    let mut settings = settings(42, NONE);
    settings.retransmit.history_messages = 10;
    let mut rig = Rig::new(settings);
    rig.run(4 * UNIT);
    rig.is_cut_off = true;
    rig.run(2 * UNIT);
    rig.is_cut_off = false;
    rig.run(3 * UNIT);
    rig
}

/// A datagram that breaks off in its header.
fn unreadable() -> Rig {
    let mut rig = hedging();
    let now_ns = rig.ns();
    let mut torn = [0; 30];
    torn[16..20].copy_from_slice(&listing::FIRST_CHANNEL_ID.to_le_bytes());
    (torn[20], torn[22]) = (1, 1);
    rig.engine().on_datagram(now_ns, Source::A, &torn);
    rig.run(3 * UNIT);
    rig
}

/// The kernel drops packets, then the interface is gone for a while.
fn packets_lost() -> Rig {
    let mut rig = hedging();
    let dropped = Counts { dropped: 3, ..Counts::default() };
    for counts in [Some(Counts::default()), Some(dropped), None, Some(dropped), Some(dropped)] {
        let now_ns = rig.ns();
        rig.engine().on_packets(now_ns, counts.as_ref());
        rig.run(UNIT);
    }
    rig
}

fn silent() -> Rig {
    let mut rig = hedging();
    rig.is_cut_off = true;
    rig.run(12 * UNIT);
    assert!(rig.is_on(AlarmKind::ChannelSilent) && rig.is_on(AlarmKind::InputStale));
    rig.is_cut_off = false;
    rig.run(4 * UNIT);
    rig
}

fn bank_failed() -> Rig {
    let mut rig = hedging();
    rig.compiler_fault = Some("a compiler that fails");
    rig.run(3 * UNIT);
    assert!(rig.is_on(AlarmKind::BankFailed));
    rig.compiler_fault = None;
    rig.run(4 * UNIT);
    rig
}

/// A tick that is not the configured one.
fn definition_differs() -> Rig {
    let mut rig = Rig::quiet(&[("tick_usd = 0.5", "tick_usd = 1.0")]);
    rig.run(3 * UNIT);
    assert!(!rig.engine().is_defined() && !rig.engine().is_hedging(0));
    rig
}

/// A position of an option that is not listed any more is remembered.
fn holding_unknown() -> Rig {
    let mut rig = hedging();
    rig.crash();
    rig.disk.push(Record::Holding { underlying: 0, instrument_id: 99, lots: 3 });
    let commit = rig.disk.iter().rev().find(|record| matches!(record, Record::Commit { .. })).copied();
    rig.disk.extend(commit);
    rig.start();
    rig.run(5 * UNIT);
    assert!(!rig.engine().is_hedging(0), "its risk is not hedged, so nothing is");
    rig
}

fn fill_refused() -> Rig {
    let mut rig = hedging();
    let fill = DeskFill { instrument_id: OPTION_ID, fill_id: 1, quantity_nano: UNIT / 1_000, price_nano: UNIT / 25 };
    assert_eq!(rig.trade_again(&fill), Outcome::Quantity);
    rig
}

/// A gateway that lies about the orders of some trades.
fn lied_to(lie: fn(&mut [u8]) -> bool) -> Rig {
    let mut rig = hedging();
    rig.liar = Some(Box::new(lie));
    for _ in 0..4 {
        rig.buy_calls(1);
        rig.run(UNIT);
    }
    rig
}

/// The disk was far behind: the fill that it lacks is found by the reports that come again.
fn position_differs() -> Rig {
    let mut rig = hedging();
    rig.write_delay_steps = 5_000;
    rig.buy_calls(2);
    rig.run(2 * UNIT);
    rig.crash();
    rig.write_delay_steps = 0;
    rig.start();
    rig.run(4 * UNIT);
    rig
}

/// The same, with a gateway that remembers little.
fn forgotten() -> Rig {
    let mut settings = VenueSettings { flow: None, ..settings(1, NONE) };
    settings.gateway.history_messages = 20;
    let mut rig = Rig::with(settings, plan_with(&[]), |driver| driver);
    rig.market(59_995, 60_005, 100_000);
    rig.run(6 * UNIT);
    rig.write_delay_steps = 5_000;
    rig.buy_calls(10);
    rig.run(4 * UNIT);
    rig.crash();
    rig.write_delay_steps = 0;
    rig
}

/// People tell the position as the venue has it.
fn tell_position(rig: &mut Rig) {
    let contracts = rig.positions().1;
    rig.request(&Request::Position { underlying: 0, contracts });
    rig.request(&Request::Arm);
    rig.run(4 * UNIT);
}

fn reports_lost() -> Rig {
    let mut rig = forgotten();
    rig.start();
    rig.run(4 * UNIT);
    assert!(rig.is_on(AlarmKind::PositionUnproved) && rig.is_on(AlarmKind::ReportsLost), "{:?}", rig.alarms);
    tell_position(&mut rig);
    rig
}

fn session_down() -> Rig {
    let mut rig = hedging();
    rig.is_gateway_gone = true;
    rig.cut_connection(0);
    rig.run(UNIT);
    assert!(rig.is_on(AlarmKind::SessionDown));
    rig.is_gateway_gone = false;
    rig.run(7 * UNIT);
    rig
}

/// An order trades at the venue while the cancel of it is on its way.
fn cancel_refused() -> Rig {
    let mut rig = resting();
    // The public's order behind ours.
    rig.market(59_995, 60_005, 100_000);
    let sells = rig.venue.open_orders(0).next().map(|(_, order)| (order.price, order.open()));
    let sells = sells.expect("it rests");
    rig.venue.public_order(rig.now_ns, PERPETUAL, Side::Buy, sells, true);
    rig.request(&Request::Disarm);
    rig.run(UNIT);
    rig.request(&Request::Arm);
    rig.run(UNIT);
    rig
}

/// Somebody else trades the hedge instrument with our key.
fn unmatched() -> Rig {
    let mut rig = hedging();
    rig.venue.member_order(rig.now_ns, 0, PERPETUAL, Side::Buy, (60_000 * UNIT, 100), 1);
    rig.venue.public_order(rig.now_ns, PERPETUAL, Side::Sell, (60_000 * UNIT, 100), true);
    rig.run(UNIT);
    assert!(!rig.engine().is_hedging(0), "the position is not what is believed");
    rig
}

fn journal_failed() -> Rig {
    let mut rig = resting();
    let now_ns = rig.ns();
    rig.engine().on_journal_failed(now_ns);
    rig.run(UNIT);
    assert_eq!(rig.venue.open_orders(0).count(), 0);
    rig
}

#[test]
fn no_restart_proves_a_position_of_which_reports_are_lost() {
    let mut rig = forgotten();
    for life in 0..3 {
        rig.start();
        rig.alarms.clear();
        rig.run(4 * UNIT);
        assert!(rig.is_on(AlarmKind::PositionUnproved) && !rig.engine().is_hedging(0), "life {life}: {:?}", rig.alarms);
        rig.crash();
    }
    rig.start();
    rig.run(4 * UNIT);
    tell_position(&mut rig);
    assert!(rig.engine().is_hedging(0), "{:?}", rig.engine().alarms().on());
    rig.agree("told by people");
    rig.crash();
    rig.start();
    rig.run(4 * UNIT);
    assert!(rig.engine().is_hedging(0), "what people told is proved from then on: {:?}", rig.engine().alarms().on());
    rig.agree("told by people, a life later");
}

#[test]
fn a_position_that_is_told_while_a_hedge_rests_counts_once_nothing_is_open() {
    let mut rig = resting();
    // People count as the venue does, and the hedge that rests fills a little later.
    let contracts = rig.positions().1;
    rig.request(&Request::Position { underlying: 0, contracts });
    rig.run(3 * UNIT);
    assert!(rig.engine().is_hedging(0), "{:?}", rig.alarms);
    rig.agree("told while a hedge rested");
    let wrong = rig.positions().1 - 70;
    rest(&mut rig, -2);
    rig.request(&Request::Position { underlying: 0, contracts: wrong });
    rig.run(3 * UNIT);
    let (ours, theirs) = rig.positions();
    assert_eq!(theirs - ours, 70, "what people say stands, and what filled since is added");
    rig.check("told otherwise");
}

#[test]
fn a_position_that_was_told_survives_a_death_before_it_counts() {
    let mut rig = forgotten();
    rig.start();
    rig.run(4 * UNIT);
    assert!(rig.is_on(AlarmKind::PositionUnproved), "{:?}", rig.alarms);
    let contracts = rig.positions().1;
    rig.request(&Request::Position { underlying: 0, contracts });
    // It dies with the sweep's answer, which is committed, and before anything else is done.
    rig.dies_after = Some(1);
    rig.run(100 * MS);
    assert!(rig.engine.is_none(), "the answer came");
    rig.start();
    rig.run(4 * UNIT);
    assert!(rig.engine().is_hedging(0), "{:?}", rig.engine().alarms().on());
    rig.agree("told, and killed at once");
}
