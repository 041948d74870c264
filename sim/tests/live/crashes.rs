//! SIGKILL at random instants: after each restart nothing is lost, nothing is doubled, and nothing is hedged before the
//! venue has said what is open. And the kill.

use hedgewire_abi::Reason;
use hedgewire_host::control::KillCause;
use hedgewire_host::live::Request;
use hedgewire_host::telemetry::AlarmKind;
use hedgewire_sim::random::Random;
use hedgewire_sim::venue::FaultSettings;

use super::rig::{MS, Rig, UNIT, settings};

/// Lives and deaths: each life trades for a while, and is killed in the middle of it. What the disk has may be far behind.
fn lives(seed: u64, faults: FaultSettings, deaths: usize) -> Rig {
    let mut rig = Rig::new(settings(seed, faults));
    let mut random = Random::new(seed, 5);
    let mut booked: Vec<_> = vec![];
    for death in 0..deaths {
        rig.write_delay_steps = random.index(400);
        rig.run(3 * UNIT);
        for _ in 0..1 + random.index(8) {
            rig.run((1 + random.index(400) as i64) * MS);
            if !rig.engine().is_defined() {
                continue;
            }
            let fill = rig.trade();
            booked.push(fill);
        }
        rig.run(random.index(300) as i64 * MS);
        rig.check(&format!("seed {seed}, death {death}"));
        rig.crash();
        // Dead for a while: reports and cancels come without anybody to hear them.
        rig.run(random.index(1_000) as i64 * MS);
        rig.start();
        // Some die again while they are being told what they missed, with all that they heard so far on the disk.
        rig.write_delay_steps = 0;
        rig.dies_after = Some(1 + random.index(12)).filter(|_| random.chance(0.7));
        rig.run(3 * UNIT);
        rig.dies_after = None;
        if rig.engine.is_none() {
            rig.start();
            rig.run(3 * UNIT);
        }
        // What was not acknowledged is sent again by whoever sent it; what was is known.
        for fill in &booked {
            let now_ns = rig.ns();
            rig.engine().on_trade(now_ns, fill);
            rig.flush();
        }
        let told = rig.alarms.iter().any(|raised| raised.alarm.kind() == AlarmKind::PositionUnproved);
        assert!(!told, "seed {seed}, death {death}: {:?}", rig.alarms);
    }
    let now_ns = rig.now_ns;
    rig.venue.end_faults(now_ns);
    rig.run(10 * UNIT);
    rig.venue.end_flow();
    rig.run(8 * UNIT);
    let lots: i64 = booked.iter().map(|fill| fill.quantity_nano * 10 / UNIT).sum();
    let held: i64 = (0..6).filter_map(|option| rig.engine().lots(super::rig::OPTION_ID + option)).map(i64::from).sum();
    assert_eq!(held, lots - 60, "seed {seed}: own fills, each once, on top of six short coins");
    rig
}

#[test]
fn fifty_deaths_lose_nothing_and_double_nothing() {
    let mut made_up_for = 0;
    for seed in 1..=5 {
        let mut rig = lives(seed, FaultSettings::default(), 10);
        rig.agree(&format!("seed {seed}"));
        assert!(rig.engine().is_hedging(0), "seed {seed}: {:?}", rig.engine().alarms().on());
        made_up_for += rig.count(AlarmKind::PositionDiffers);
    }
    assert!(made_up_for > 3, "fills that the disk did not have were found by the venue's word: {made_up_for}");
}

#[test]
fn deaths_in_the_middle_of_every_fault_lose_nothing_and_double_nothing() {
    for seed in 21..=23 {
        let mut rig = lives(seed, FaultSettings::all(), 6);
        rig.agree(&format!("seed {seed}"));
    }
}

#[test]
fn after_a_restart_nothing_is_hedged_before_the_venue_has_spoken() {
    let mut rig = Rig::new(settings(31, FaultSettings::default()));
    rig.run(4 * UNIT);
    for _ in 0..10 {
        rig.run(200 * MS);
        rig.trade();
    }
    rig.crash();
    // Disk as it was, and a gateway that is not there.
    rig.is_gateway_gone = true;
    rig.start();
    for _ in 0..10 {
        rig.run(UNIT / 2);
        if rig.engine().is_defined() {
            rig.trade();
        }
    }
    assert!(!rig.engine().is_hedging(0) && rig.is_on(AlarmKind::SessionDown));
    assert_eq!(rig.engine().counts().hedges, 0);
    assert!(rig.engine().driver().counts().refusals(Reason::Disarmed) > 0, "it would have, and says why not");
    rig.is_gateway_gone = false;
    rig.run(8 * UNIT);
    assert!(rig.engine().is_hedging(0) && rig.engine().counts().hedges > 0);
    rig.venue.end_flow();
    rig.run(6 * UNIT);
    rig.agree("a gateway that came late");
}

#[test]
fn a_position_that_cannot_be_proved_is_not_hedged_until_people_tell_it() {
    let mut settings = settings(32, FaultSettings::default());
    // A gateway that remembers next to nothing.
    settings.gateway.history_messages = 1;
    let mut rig = Rig::new(settings);
    rig.run(6 * UNIT);
    for _ in 0..10 {
        rig.run(200 * MS);
        rig.trade();
    }
    rig.write_delay_steps = 5_000;
    for _ in 0..10 {
        rig.run(200 * MS);
        rig.trade();
    }
    rig.crash();
    rig.write_delay_steps = 0;
    rig.start();
    rig.run(8 * UNIT);
    assert!(rig.is_on(AlarmKind::PositionUnproved) && rig.is_on(AlarmKind::ReportsLost), "{:?}", rig.alarms);
    assert!(!rig.engine().is_hedging(0));
    let contracts = rig.positions().1;
    rig.request(&Request::Position { underlying: 0, contracts });
    rig.request(&Request::Arm);
    rig.run(2 * UNIT);
    assert!(!rig.is_on(AlarmKind::PositionUnproved) && rig.engine().is_hedging(0), "{:?}", rig.engine().alarms().on());
    rig.run(5 * UNIT);
    rig.venue.end_flow();
    rig.run(6 * UNIT);
    rig.agree("told by people");
}

#[test]
fn a_kill_leaves_nothing_open_says_so_and_sends_nothing_more() {
    let mut rig = Rig::new(settings(33, FaultSettings::default()));
    rig.run(5 * UNIT);
    // In the middle of a passive hedge.
    while rig.engine().open_orders() == 0 {
        rig.trade();
        rig.run(20 * MS);
    }
    rig.request(&Request::Kill(KillCause::Control));
    assert!(rig.engine().kill_state().is_some_and(|kill| kill.verified_ns.is_none()));
    assert!(rig.is_on(AlarmKind::KillUnverified));
    rig.run(UNIT);
    assert!(rig.engine().kill_state().is_some_and(|kill| kill.verified_ns.is_some()), "{:?}", rig.alarms);
    assert!(rig.is_on(AlarmKind::Killed) && !rig.is_on(AlarmKind::KillUnverified));
    assert_eq!(rig.venue.open_orders(0).count(), 0);
    let orders = rig.sent.len();
    for _ in 0..10 {
        rig.run(200 * MS);
        rig.trade();
    }
    assert_eq!(rig.sent.len(), orders, "nothing is sent after a kill");
    assert!(rig.engine().driver().counts().refusals(Reason::Killed) > 0);
    rig.agree("killed");
    rig.request(&Request::Arm);
    rig.run(4 * UNIT);
    assert!(rig.engine().is_hedging(0) && rig.sent.len() > orders, "armed again by people");
}

#[test]
fn a_kill_without_a_session_is_not_verified_until_there_is_one() {
    let mut rig = Rig::new(settings(34, FaultSettings::default()));
    rig.run(5 * UNIT);
    rig.is_gateway_gone = true;
    rig.cut_connection(0);
    rig.request(&Request::Kill(KillCause::Control));
    rig.run(2 * UNIT);
    assert!(rig.is_on(AlarmKind::KillUnverified));
    rig.is_gateway_gone = false;
    rig.run(8 * UNIT);
    assert!(rig.engine().kill_state().is_some_and(|kill| kill.verified_ns.is_some()), "{:?}", rig.alarms);
    assert!(!rig.is_on(AlarmKind::KillUnverified));
}

#[test]
fn disarm_cancels_what_rests_and_arm_goes_on() {
    let mut rig = Rig::new(settings(35, FaultSettings::default()));
    rig.run(5 * UNIT);
    while rig.engine().open_orders() == 0 {
        rig.trade();
        rig.run(20 * MS);
    }
    rig.request(&Request::Disarm);
    rig.run(UNIT);
    assert_eq!(rig.venue.open_orders(0).count(), 0);
    let orders = rig.sent.len();
    rig.trade();
    rig.run(UNIT);
    assert_eq!(rig.sent.len(), orders);
    rig.request(&Request::Arm);
    rig.run(3 * UNIT);
    assert!(rig.sent.len() > orders);
}

#[test]
fn a_failed_journal_stops_everything_at_the_venue() {
    let mut rig = Rig::new(settings(36, FaultSettings::default()));
    rig.run(5 * UNIT);
    while rig.engine().open_orders() == 0 {
        rig.trade();
        rig.run(20 * MS);
    }
    let now_ns = rig.ns();
    rig.engine().on_journal_failed(now_ns);
    rig.run(UNIT);
    assert_eq!(rig.venue.open_orders(0).count(), 0);
    assert_eq!(rig.count(AlarmKind::JournalFailed), 1);
    let orders = rig.sent.len();
    rig.request(&Request::Arm);
    rig.trade();
    rig.run(2 * UNIT);
    assert_eq!(rig.sent.len(), orders, "what cannot be remembered is not done");
}
