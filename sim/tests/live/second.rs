//! The second feed: hedges go on by it while Starbase may not be believed, and by nothing else while it may.

use std::sync::Arc;

use hedgewire_abi::Reason;
use hedgewire_host::config::Plan;
use hedgewire_host::telemetry::{AlarmKind, BookTrust, FeedCount, FeedState, PacketCount};
use hedgewire_sim::venue::{FaultSettings, LegacySettings, Output, Venue, VenueSettings};

use super::plans::{plan_with, settings};
use super::rig::{MS, PERPETUAL, Rig, START, UNIT};
use super::trading::day;

pub const LEGACY: LegacySettings = LegacySettings { snapshot_cycle_ns: 200 * MS, loss: 0.0 };

/// The example with the second feed, and more lines of `[live.second]`.
pub fn second_plan(more: &str) -> Arc<Plan> {
    let lines = "\"239.255.42.1:4230\", \"239.111.111.1:6100\", \"239.111.111.1:6101\"]";
    let second = format!(
        "[live.second]\ngroups = [\"239.111.111.1:6100\", \"239.111.111.1:6101\"]\nchannels = [1]\n{more}\n\n[[gateway]]"
    );
    let plan = plan_with(&[("\"239.255.42.1:4230\"]", lines), ("\n[[gateway]]", &format!("\n{second}"))]);
    let planned = plan.live.as_ref().and_then(|live| live.second.as_ref()).expect("it is there");
    assert_eq!((planned.groups.as_slice(), planned.channels.as_slice()), (&[2, 3][..], &[1][..]));
    plan
}

/// With a plan, at a venue that sends the legacy multicast, or does not.
pub fn rig_at(venue: VenueSettings, plan: Arc<Plan>, legacy: Option<LegacySettings>) -> Rig {
    let (seed, venue) = (venue.seed, Venue::new(venue, START, None));
    let venue = match legacy {
        Some(legacy) => venue.with_legacy(START, legacy),
        None => venue,
    };
    Rig::at(venue, seed, plan, |driver| driver)
}

fn second_rig(seed: u64, faults: FaultSettings) -> Rig {
    let mut rig = rig_at(settings(seed, faults), second_plan(""), Some(LEGACY));
    rig.run(4 * UNIT);
    rig
}

fn refusals(rig: &mut Rig, reason: Reason) -> u64 {
    rig.engine().driver().counts().refusals(reason)
}

/// Ends a test: quiet, and both sides agree.
fn end(mut rig: Rig, context: &str) {
    rig.venue.end_flow();
    rig.run(6 * UNIT);
    rig.agree(context);
}

/// The venue of another seed: its legacy feed disagrees.
struct Other(Venue);

impl Other {
    fn new(seed: u64) -> Self {
        let venue = Venue::new(settings(seed, FaultSettings::default()), START, None);
        Self(venue.with_legacy(START, LEGACY))
    }

    /// Runs a rig that hears the legacy feed of this venue instead of its own.
    fn run(&mut self, rig: &mut Rig, ns: i64) {
        rig.is_second_cut_off = true;
        for _ in 0..ns / MS {
            rig.step(MS);
            self.0.advance(rig.now_ns);
            let now_ns = rig.ns();
            while let Some(output) = self.0.next_output(rig.now_ns) {
                if let Output::Legacy { bytes, .. } = output {
                    rig.engine().on_second(now_ns, &bytes);
                    rig.flush();
                }
            }
        }
    }
}

#[test]
fn cut_off_from_starbase_hedges_go_on_by_the_second_feed_and_come_back() {
    let mut rig = second_rig(41, FaultSettings::default());
    let telemetry = Arc::clone(&rig.telemetry);
    assert!(!rig.is_on(AlarmKind::SecondFeed) && rig.count(AlarmKind::SecondFeed) == 0, "{:?}", rig.alarms);
    assert_eq!(telemetry.underlying(0).trust(), BookTrust::Trusted);
    rig.is_cut_off = true;
    rig.run(3 * UNIT);
    assert!(rig.is_on(AlarmKind::SecondFeed), "a quote of Starbase is too old: {:?}", rig.alarms);
    let before = (rig.engine().counts().hedges, rig.engine().counts().banks);
    let refused =
        [Reason::BookUntrusted, Reason::QuoteStale, Reason::RowsStale].map(|reason| refusals(&mut rig, reason));
    // Long enough for all that is known of Starbase to run out: silence, rows, index.
    day(&mut rig, 30 * UNIT, 500 * MS);
    assert!(rig.is_on(AlarmKind::SecondFeed) && rig.is_on(AlarmKind::ChannelSilent), "{:?}", rig.alarms);
    assert!(!rig.is_on(AlarmKind::BookInDoubt) && !rig.is_on(AlarmKind::InputStale), "{:?}", rig.alarms);
    assert_eq!(rig.count(AlarmKind::SecondFeed), 1, "it stands in once");
    assert!(rig.engine().counts().hedges > before.0 + 10, "hedges go on: {:?}", rig.engine().counts());
    assert!(rig.engine().counts().banks > before.1 + 5, "rows are compiled: {:?}", rig.engine().counts());
    let now = [Reason::BookUntrusted, Reason::QuoteStale, Reason::RowsStale].map(|reason| refusals(&mut rig, reason));
    assert_eq!(now, refused, "and nothing is refused for want of a market");
    assert_eq!(telemetry.underlying(0).trust(), BookTrust::SecondFeed);
    let cells = telemetry.feed(1);
    assert_eq!((cells.state(), telemetry.feed(0).state()), (FeedState::Live, FeedState::Silent));
    assert!(cells.count(FeedCount::Packets).get() > 500 && cells.count(FeedCount::MessagesLost).get() == 0);
    rig.is_cut_off = false;
    rig.run(3 * UNIT);
    assert!(!rig.is_on(AlarmKind::SecondFeed) && !rig.is_on(AlarmKind::BookInDoubt), "{:?}", rig.alarms);
    assert_eq!(telemetry.underlying(0).trust(), BookTrust::Trusted);
    day(&mut rig, 5 * UNIT, 500 * MS);
    assert_eq!(rig.count(AlarmKind::SecondFeed), 1);
    end(rig, "the second feed stood in");
}

#[test]
fn packets_of_channels_that_are_not_configured_are_passed_over_and_counted() {
    let mut rig = second_rig(54, FaultSettings::default());
    let telemetry = Arc::clone(&rig.telemetry);
    let (foreign, known) = (telemetry.packets.count(PacketCount::Foreign), telemetry.feed(1).count(FeedCount::Packets));
    assert_eq!(foreign.get(), 0);
    // An empty packet of channel 4, the first one of its kind.
    let now_ns = rig.ns();
    rig.engine().on_second(now_ns, &[0, 0, 4, 0, 1, 0, 0, 0]);
    let before = known.get();
    rig.run(UNIT);
    assert_eq!(foreign.get(), 1);
    assert!(known.get() > before && rig.alarms.iter().all(|raised| raised.alarm.kind() != AlarmKind::SecondFeedDown));
    end(rig, "a foreign channel");
}

#[test]
fn vols_of_before_are_used_for_a_time_only() {
    let plan = second_plan("vols_age_max_ms = 15_000.0");
    let mut rig = rig_at(settings(42, FaultSettings::default()), plan, Some(LEGACY));
    rig.run(4 * UNIT);
    rig.is_cut_off = true;
    rig.run(14 * UNIT);
    assert!(rig.is_on(AlarmKind::SecondFeed) && !rig.is_on(AlarmKind::InputStale), "{:?}", rig.alarms);
    day(&mut rig, 25 * UNIT, 500 * MS);
    assert!(rig.is_on(AlarmKind::SecondFeed) && rig.is_on(AlarmKind::InputStale), "{:?}", rig.alarms);
    assert!(refusals(&mut rig, Reason::RowsStale) > 0);
    rig.is_cut_off = false;
    rig.run(4 * UNIT);
    assert!(!rig.is_on(AlarmKind::InputStale));
    end(rig, "vols ran out");
}

#[test]
fn cut_off_from_both_nothing_is_hedged_and_says_why() {
    let mut rig = second_rig(43, FaultSettings::default());
    (rig.is_cut_off, rig.is_second_cut_off) = (true, true);
    rig.run(3 * UNIT);
    let (hedges, stale) = (rig.engine().counts().hedges, refusals(&mut rig, Reason::QuoteStale));
    day(&mut rig, 2 * UNIT, 500 * MS);
    assert!(refusals(&mut rig, Reason::QuoteStale) > stale, "quotes are too old");
    day(&mut rig, 5 * UNIT, 500 * MS);
    assert!(rig.is_on(AlarmKind::BookInDoubt) && !rig.is_on(AlarmKind::SecondFeed), "{:?}", rig.alarms);
    assert_eq!(rig.count(AlarmKind::SecondFeed), 0);
    let untrusted = refusals(&mut rig, Reason::BookUntrusted) + refusals(&mut rig, Reason::QuoteStale);
    assert!(untrusted > stale + 5);
    assert_eq!(rig.engine().counts().hedges, hedges, "nothing is hedged blind");
    // The second feed alone comes back.
    rig.is_second_cut_off = false;
    day(&mut rig, 3 * UNIT, 500 * MS);
    assert!(rig.is_on(AlarmKind::SecondFeed) && !rig.is_on(AlarmKind::BookInDoubt), "{:?}", rig.alarms);
    assert!(rig.engine().counts().hedges > hedges);
    // It is lost again, while Starbase is silent.
    rig.is_second_cut_off = true;
    rig.run(3 * UNIT);
    assert!(rig.is_on(AlarmKind::BookInDoubt) && !rig.is_on(AlarmKind::SecondFeed), "{:?}", rig.alarms);
    (rig.is_cut_off, rig.is_second_cut_off) = (false, false);
    rig.run(4 * UNIT);
    assert!(!rig.is_on(AlarmKind::BookInDoubt) && rig.engine().is_hedging(0));
    end(rig, "both were gone");
}

#[test]
fn a_gap_of_the_second_feed_puts_it_in_doubt_until_its_snapshot() {
    let rare = LegacySettings { snapshot_cycle_ns: 5 * UNIT, ..LEGACY };
    let mut rig = rig_at(settings(44, FaultSettings::default()), second_plan(""), Some(rare));
    rig.run(4 * UNIT);
    rig.is_cut_off = true;
    rig.run(6_500 * MS);
    assert!(rig.is_on(AlarmKind::SecondFeed), "{:?}", rig.alarms);
    rig.second_losses = 3;
    let mut waited_ms = 0;
    while rig.is_on(AlarmKind::SecondFeed) {
        rig.run(MS);
        waited_ms += 1;
        assert!(waited_ms < 1_000, "a gap goes unnoticed: {:?}", rig.alarms);
    }
    assert!(rig.is_on(AlarmKind::BookInDoubt), "neither may be believed: {:?}", rig.alarms);
    let both = |rig: &mut Rig| refusals(rig, Reason::BookUntrusted) + refusals(rig, Reason::QuoteStale);
    let (hedges, refused) = (rig.engine().counts().hedges, both(&mut rig));
    day(&mut rig, 3 * UNIT, 250 * MS);
    assert!(both(&mut rig) > refused, "it says why");
    assert_eq!(rig.engine().counts().hedges, hedges, "nothing is hedged on a book in doubt");
    rig.run(3 * UNIT);
    assert!(rig.is_on(AlarmKind::SecondFeed) && !rig.is_on(AlarmKind::BookInDoubt), "{:?}", rig.alarms);
    assert_eq!(rig.count(AlarmKind::SecondFeed), 2);
    rig.is_cut_off = false;
    rig.run(3 * UNIT);
    end(rig, "a gap of the second feed");
}

#[test]
fn feeds_that_disagree_do_not_flap() {
    let mut rig = rig_at(settings(45, FaultSettings::default()), second_plan(""), Some(LEGACY));
    let mut other = Other::new(46);
    other.run(&mut rig, 8 * UNIT);
    assert_eq!(rig.count(AlarmKind::SecondFeed), 0, "Starbase's word stands: {:?}", rig.alarms);
    rig.is_cut_off = true;
    other.run(&mut rig, 8 * UNIT);
    assert!(rig.is_on(AlarmKind::SecondFeed));
    rig.is_cut_off = false;
    other.run(&mut rig, 6 * UNIT);
    assert!(!rig.is_on(AlarmKind::SecondFeed));
    assert_eq!(rig.count(AlarmKind::SecondFeed), 1, "there and back, once: {:?}", rig.alarms);
    end(rig, "feeds that disagree");
}

#[test]
fn a_halt_is_never_overridden() {
    let mut rig = rig_at(settings(47, FaultSettings::default()), second_plan(""), Some(LEGACY));
    // A second feed that has not heard of the halt.
    let mut other = Other::new(47);
    other.run(&mut rig, 4 * UNIT);
    let now_ns = rig.now_ns;
    rig.venue.set_halted(now_ns, PERPETUAL, true);
    other.run(&mut rig, UNIT);
    let hedges = rig.engine().counts().hedges;
    rig.is_cut_off = true;
    for _ in 0..16 {
        rig.trade();
        other.run(&mut rig, UNIT / 2);
    }
    assert!(rig.is_on(AlarmKind::BookInDoubt) && rig.count(AlarmKind::SecondFeed) == 0, "{:?}", rig.alarms);
    assert_eq!(rig.engine().counts().hedges, hedges, "no hedge in a halt");
    // Starbase is cut off before the halt: the second feed tells of it.
    let mut rig = second_rig(48, FaultSettings::default());
    rig.is_cut_off = true;
    rig.run(3 * UNIT);
    assert!(rig.is_on(AlarmKind::SecondFeed), "{:?}", rig.alarms);
    let now_ns = rig.now_ns;
    rig.venue.set_halted(now_ns, PERPETUAL, true);
    rig.run(10 * MS);
    assert!(!rig.is_on(AlarmKind::SecondFeed), "{:?}", rig.alarms);
}

/// A day on a plan, and everything that came of it but what was received, and whether a second feed was.
fn trace(seed: u64, faults: FaultSettings, plan: Arc<Plan>, legacy: Option<LegacySettings>) -> impl PartialEq {
    let mut rig = rig_at(settings(seed, faults), plan, legacy);
    day(&mut rig, 12 * UNIT, 300 * MS);
    let counts = hedgewire_host::live::EngineCounts { datagrams: 0, ..*rig.engine().counts() };
    rig.alarms.retain(|raised| raised.alarm.kind() != AlarmKind::SecondFeedDown);
    (counts, rig.engine().driver().counts().clone(), rig.sent, rig.alarms, rig.disk)
}

#[test]
fn without_a_second_feed_in_the_configuration_nothing_is_different() {
    for faults in [FaultSettings::default(), FaultSettings::all()] {
        let alone = trace(49, faults, plan_with(&[]), None);
        assert!(
            trace(49, faults, plan_with(&[]), Some(LEGACY)) == alone,
            "a venue that sends it to nobody, {faults:?}"
        );
        assert!(trace(49, faults, second_plan(""), None) == alone, "a second feed that never speaks, {faults:?}");
    }
    let alone = trace(50, FaultSettings::default(), plan_with(&[]), None);
    assert!(trace(50, FaultSettings::default(), second_plan(""), Some(LEGACY)) == alone, "Starbase needs no stand-in");
}

#[test]
fn with_every_fault_on_both_feeds_the_same_seed_gives_the_same_decisions_and_both_sides_agree() {
    let lossy = LegacySettings { loss: 0.01, ..LEGACY };
    let run = |seed| trace(seed, FaultSettings::all(), second_plan(""), Some(lossy));
    assert!(run(51) == run(51));
    let mut rig = rig_at(settings(52, FaultSettings::all()), second_plan(""), Some(lossy));
    rig.run(4 * UNIT);
    day(&mut rig, 30 * UNIT, 300 * MS);
    assert!(rig.count(AlarmKind::SecondFeed) > 0, "{:?}", rig.alarms);
    let now_ns = rig.now_ns;
    rig.venue.end_faults(now_ns);
    rig.run(10 * UNIT);
    end(rig, "every fault, two feeds");
}

#[test]
fn any_bytes_at_all_are_survived() {
    let mut rig = second_rig(53, FaultSettings::default());
    let mut venue = Other::new(53);
    venue.0.advance(START + 2 * UNIT);
    let mut random = hedgewire_sim::random::Random::new(53, 7);
    let mut packets = 0;
    while let Some(output) = venue.0.next_output(START + 2 * UNIT) {
        let Output::Legacy { mut bytes, .. } = output else { continue };
        let now_ns = rig.ns();
        for _ in 0..1 + random.index(4) {
            let at = random.index(bytes.len());
            bytes[at] = random.index(256) as u8;
        }
        bytes.truncate(1 + random.index(2 * bytes.len()));
        rig.engine().on_second(now_ns, &bytes);
        packets += 1;
    }
    assert!(packets > 50);
    rig.run(2 * UNIT);
    assert_eq!(rig.count(AlarmKind::SecondFeed), 0, "Starbase is trusted all along");
    end(rig, "any bytes");
}
