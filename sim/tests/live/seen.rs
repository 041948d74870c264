//! What people can see of an engine: a whole day with every fault and a card, after which no metric may stand where it
//! stood before the engine was started; and each count where it arises.
//!
//! ```text
//!   Rig (venue, engine, clock) ──► Telemetry ──► exposition, every 100 ms ──► series that have changed since the start
//!        └──► journal's other end: drained and synced between steps
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hedgewire_host::card::{Session, SessionOptions};
use hedgewire_host::config::Plan;
use hedgewire_host::control::KillCause;
use hedgewire_host::deribit::starbase::market::Source;
use hedgewire_host::deribit::starbase::orders::Credential;
use hedgewire_host::driver::Driver;
use hedgewire_host::journal::behind::{Tail, behind};
use hedgewire_host::journal::{Writer, verify};
use hedgewire_host::live::{Engine, Image, PositionRefusal, Request, names};
use hedgewire_host::packet::Counts;
use hedgewire_host::telemetry::{AlarmKind, Exposition, Telemetry, UnderlyingStatus, metrics};
use hedgewire_kernel::{Form, Kernel};
use hedgewire_sim::card::campaign::{DynCard, in_microseconds};
use hedgewire_sim::card::{FaultKind, FaultPlan, FaultyCard, InProcess, KernelEngine, Side};
use hedgewire_sim::venue::{FaultSettings, VenueSettings, listing};

use super::plans::EXAMPLE;
use super::rig::{MS, OPTION_ID, Rig, UNIT, settings};

/// Steps between two looks at the metrics, each before the journal is written and after.
const LOOK_STEPS: u32 = 100;

/// Metrics that do not change in the day below, and why.
const CANNOT_CHANGE: &[(&str, &str)] = &[
    ("hedgewire_build_info", "a constant"),
    ("hedgewire_start_timestamp_seconds", "a constant"),
    ("hedgewire_packet_to_decision_seconds", "measured by the shell, with a clock: host/cli/tests/run.rs"),
    ("hedgewire_packet_to_bytes_seconds", "measured by the shell, with a clock: host/cli/tests/run.rs"),
    ("hedgewire_packet_to_order_seconds", "measured by the shell, with a clock: host/cli/tests/run.rs"),
    ("hedgewire_kernel_faults_total", "a kernel that is told the truth finds no fault"),
    ("hedgewire_journal_errors_total", "the disk is good; host/src/live/writer.rs has a full one"),
    ("hedgewire_refused_commands_total", "the engine sends no command that is no good"),
    ("hedgewire_session_duplicates_total", "the gateway sends nothing twice unasked"),
    ("hedgewire_session_lost_reports_total", "the gateway forgets nothing; the test below has one that does"),
    ("hedgewire_session_unmatched_reports_total", "nobody else trades with the key"),
];

/// What of orders and fills does not happen in the day below, and why.
const CANNOT_HAPPEN: &[(&str, &str)] = &[
    ("queued", "the venue has no speed bump for the inverse perpetual"),
    ("revived", "the venue denies no order that it has"),
    ("settled", "no report is lost for good; the test below has some"),
    ("fault", "the venue contradicts itself in nothing"),
    ("quote", "the engine sends no quotes"),
];

/// A rig whose engine is watched.
struct Watched {
    rig: Rig,
    telemetry: Arc<Telemetry>,
    tail: Option<Tail>,
    journal: tempfile::TempDir,
    exposition: Exposition,
    fresh: BTreeMap<String, String>,
    changed: BTreeSet<String>,
    alarms_shown: usize,
    steps: u32,
}

/// A driver, with a card that fails in some way after so many events, or without.
fn driver(plan: &Plan, telemetry: &Arc<Telemetry>, card: Option<FaultPlan>) -> Driver {
    let kernel = Kernel::new(plan.sizes, Form::Scalar);
    let Some(fault) = card else { return Driver::new(kernel, None).unmeasured() };
    let (sizes, mut cards) = (plan.sizes, 0);
    let options = SessionOptions { deadline: std::time::Duration::from_secs(5), ..in_microseconds() };
    let connect = Box::new(move || {
        cards += 1;
        let card = InProcess::new(KernelEngine::new(sizes, 2), 1 << options.card.ring_size_log2);
        Ok(if cards == 1 { Box::new(FaultyCard::new(card, fault)) as DynCard } else { Box::new(card) as DynCard })
    });
    let told = Arc::clone(telemetry);
    let session = Session::open(kernel, options, connect, Box::new(move |change| told.on_card_change(change)));
    Driver::with_card(session.expect("there is a card"), None).unmeasured()
}

impl Watched {
    fn new(settings: VenueSettings, plan: &str, card: Option<FaultPlan>) -> Self {
        let mut rig = Rig::new(settings);
        let plan = Arc::new(Plan::parse(plan).expect("a plan"));
        let telemetry = Arc::new(Telemetry::new(names(&plan), rig.ns()).expect("names that do"));
        let journal = tempfile::tempdir().expect("a folder");
        let writer = Writer::create(&journal.path().join("journal"), plan.sizes).expect("a journal");
        let exposition = Exposition::new(Arc::clone(&telemetry));
        let fresh = series(&exposition);
        let (behind, tail) = behind(writer);
        let driver = driver(&plan, &telemetry, card).journalled_behind(behind);
        let secret = Credential::new("alpha-secret").expect("it fits");
        let engine = Engine::new(&plan, vec![secret], driver, Image::default()).expect("a live engine");
        let mut engine = engine.watched(Arc::clone(&telemetry));
        rig.disk.clear();
        let count = engine.take_records(&mut rig.disk);
        engine.on_durable(count);
        rig.engine = Some(engine);
        let tail = Some(tail.watched(Arc::clone(&telemetry)));
        let changed = BTreeSet::new();
        Self { rig, telemetry, tail, journal, exposition, fresh, changed, alarms_shown: 0, steps: 0 }
    }

    fn engine(&mut self) -> &mut Engine {
        self.rig.engine()
    }

    /// A millisecond, and what a shell does in it.
    fn step(&mut self) {
        self.rig.step(MS);
        let now_ns = self.rig.ns();
        if self.engine().has_untaken() {
            self.engine().on_taken(now_ns);
        }
        for raised in &self.rig.alarms[self.alarms_shown..] {
            self.rig.engine.as_ref().expect("it runs").show_alarm(raised);
        }
        self.alarms_shown = self.rig.alarms.len();
        self.steps += 1;
        if self.steps.is_multiple_of(LOOK_STEPS) {
            self.look();
            let tail = self.tail.as_mut().expect("it is open");
            tail.drain().and_then(|_| tail.sync()).expect("the disk is good");
            self.look();
        }
    }

    fn run(&mut self, ns: i64) {
        (0..ns / MS).for_each(|_| self.step());
    }

    /// Notes which series are not what they were before the start.
    fn look(&mut self) {
        let now = series(&self.exposition);
        let differs = |(name, value): &(&String, &String)| self.fresh.get(*name) != Some(*value);
        self.changed.extend(now.iter().filter(differs).map(|(name, _)| name.clone()));
    }

    fn has_changed(&self, name: &str) -> bool {
        let rest = |series: &String| series.strip_prefix(name).map(str::to_owned);
        let is_of = |rest: String| {
            ["", "{", "_bucket", "_sum", "_count"].iter().any(|suffix| match *suffix {
                "" => rest.is_empty(),
                suffix => rest.starts_with(suffix),
            })
        };
        self.changed.iter().filter_map(rest).any(is_of)
    }

    fn status(&self) -> UnderlyingStatus {
        self.telemetry.snapshot(0).underlyings.swap_remove(0)
    }

    fn session(&self, name: &str) -> u64 {
        self.telemetry.snapshot(0).sessions[0].counts[name]
    }

    fn feed(&self, name: &str) -> u64 {
        self.telemetry.snapshot(0).feeds[0].counts[name]
    }

    fn packets(&self, name: &str) -> u64 {
        self.telemetry.snapshot(0).packets[name]
    }
}

/// Every series with its value.
fn series(exposition: &Exposition) -> BTreeMap<String, String> {
    let text = exposition.text();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.rsplit_once(' ')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The example, with a target, and with an allowance that a large hedge uses up.
fn eventful_plan() -> String {
    EXAMPLE
        .replace("coin = \"BTC\"\n", "coin = \"BTC\"\ntarget_coin = 0.5\n")
        .replace("per_second = 100_000", "per_second = 20_000")
}

/// A packet of a channel with so many messages declared, and these bytes.
fn packet(channel_id: i32, seq: i64, sent_ns: i64, messages: u16, body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    packet.extend(sent_ns.to_le_bytes());
    packet.extend(seq.to_le_bytes());
    packet.extend(channel_id.to_le_bytes());
    packet.extend(1u16.to_le_bytes());
    packet.extend(messages.to_le_bytes());
    packet.extend(body);
    packet
}

const CHANNEL: i32 = 44_849;

impl Watched {
    /// A packet that continues the channel.
    fn next_packet(&mut self, body: &[u8]) {
        let next = self.rig.venue.last_seq(CHANNEL).expect("the channel") + 1;
        let (now_ns, sent_ns) = (self.rig.ns(), self.rig.now_ns);
        let packet = packet(CHANNEL, next, sent_ns, 1, body);
        self.engine().on_datagram(now_ns, Source::A, &packet);
    }
}

#[test]
fn in_a_day_with_every_fault_and_a_card_no_metric_stays_where_it_was() {
    let mut settings = settings(77, FaultSettings { reject: 0.05, ..FaultSettings::all() });
    // So little that what a cut of the feed lost is lost for good.
    settings.retransmit.history_messages = 10;
    let fault = FaultPlan { side: Side::Card, kind: FaultKind::Dead, after: 3_000, seed: 1 };
    let mut day = Watched::new(settings, &eventful_plan(), Some(fault));
    day.run(5 * UNIT);
    for turn in 0..120 {
        day.run(250 * MS);
        day.rig.trade();
        match turn {
            20 => {
                // What the card that receives and the system counted, as the shell would tell it.
                let counts = Counts {
                    received: [5, 6],
                    dropped: 1,
                    other_queue: 2,
                    not_for_us: 3,
                    fragments: 4,
                    malformed: 5,
                    wrong_checksum: 6,
                };
                let now_ns = day.rig.ns();
                day.engine().on_packets(now_ns, Some(&counts));
                day.engine().on_datagram(now_ns, Source::A, &packet(7, 1, 0, 0, &[]));
            }
            // A template that nobody knows, and a message that ends before it begins.
            30 => day.next_packet(&[16, 0, 0xf0, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            40 => day.next_packet(&[7, 0]),
            50 => {
                day.rig.is_cut_off = true;
                day.run(2 * UNIT);
                day.rig.is_cut_off = false;
            }
            // The end of an order that never was, and a venue that counts afresh.
            54 => {
                let mut body = vec![32, 0, 24, 0, 2, 0, 3, 0];
                body.extend(day.rig.now_ns.to_le_bytes());
                body.extend(77i64.to_le_bytes());
                body.extend(listing::BTC_PERPETUAL_ID.to_le_bytes());
                day.next_packet(&body);
            }
            56 => {
                let (now_ns, sent_ns) = (day.rig.ns(), day.rig.now_ns);
                day.engine().on_datagram(now_ns, Source::A, &packet(CHANNEL, 1, sent_ns, 0, &[]));
            }
            // Bytes that are no message.
            60 => {
                let now_ns = day.rig.ns();
                day.engine().on_stream(now_ns, 0, &[0xff; 64]);
                day.rig.flush();
            }
            // Far beyond the emergency band, and back.
            70 | 74 => {
                let (now_ns, sign) = (day.rig.ns(), if turn == 70 { 1 } else { -1 });
                let fill = hedgewire_host::live::DeskFill {
                    instrument_id: OPTION_ID,
                    fill_id: 900_000 + turn,
                    quantity_nano: sign * 10 * UNIT,
                    price_nano: UNIT / 20,
                };
                day.engine().on_trade(now_ns, &fill);
                day.rig.flush();
            }
            90 => day.rig.request(&Request::Kill(KillCause::Control)),
            96 => day.rig.request(&Request::Arm),
            _ => {}
        }
    }
    let now_ns = day.rig.now_ns;
    day.rig.venue.end_faults(now_ns);
    day.run(15 * UNIT);
    day.rig.venue.end_flow();
    day.run(8 * UNIT);
    day.rig.agree("the day");
    let status = day.status();
    let unchanged: Vec<String> =
        metrics().into_iter().map(|metric| metric.name).filter(|name| !day.has_changed(name)).collect();
    let allowed: Vec<&str> = CANNOT_CHANGE.iter().map(|(name, _)| *name).collect();
    let dead: Vec<&String> = unchanged.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(dead.is_empty(), "nobody writes {dead:?}; {status:#?}");
    let alive: Vec<&&str> = allowed.iter().filter(|name| !unchanged.iter().any(|other| other == **name)).collect();
    assert!(alive.is_empty(), "{alive:?} do change: off the list with them");
    for (event, count) in status.orders.iter().chain(&status.fills) {
        let cannot = CANNOT_HAPPEN.iter().any(|(name, _)| name == event);
        assert_eq!(*count == 0, cannot, "{event}: {count} in {:?} {:?}", status.orders, status.fills);
    }
    // Each order that left ended in one way, and the contracts are the venue's.
    let of = |event: &str| status.orders[event];
    let ended = of("filled") + of("cancelled") + of("rejected") + of("settled");
    assert_eq!(of("new"), ended, "nothing is open: {:?}", status.orders);
    assert_eq!(of("new"), day.rig.sent.len() as u64);
    let (bought, sold) = day.telemetry.underlying(0).contracts();
    assert_eq!(bought.cast_signed() - sold.cast_signed(), status.position_contracts);
    assert_eq!(day.rig.positions().0, status.position_contracts);
    day.journal_is_whole();
}

impl Watched {
    /// Ends the engine: what it counted of the journal is what is there.
    fn journal_is_whole(&mut self) {
        self.run(LOOK_STEPS.into());
        self.rig.engine.take().expect("it runs").finish();
        let mut tail = self.tail.take().expect("it is open");
        while tail.drain().expect("the disk is good").is_some() {}
        tail.close().expect("the disk is good");
        let path = self.journal.path().join("journal");
        let found = verify(&path, Form::Scalar, &mut |_, _| ()).expect("it can be read");
        assert!(found.damage.is_none(), "{found:?}");
        let journal = self.telemetry.snapshot(0).journal;
        let entries = found.commands + found.events;
        for row in ["written_entries", "synced_entries"] {
            assert_eq!(journal.counts[row], entries, "{row}");
        }
        assert!(found.differences == 0 && entries > 10_000, "{found:?}");
    }
}

#[test]
fn profit_is_that_of_the_position_and_cost_is_fees_and_slippage() {
    let mut day = Watched::new(settings(41, FaultSettings::default()), EXAMPLE, None);
    day.run(4 * UNIT);
    for _ in 0..20 {
        day.run(250 * MS);
        day.rig.trade();
    }
    // Nothing is hedged any more, and prices go on: what is earned then is the position's alone.
    day.rig.request(&Request::Disarm);
    day.run(3 * UNIT);
    let look = |day: &mut Watched| {
        let status = day.status();
        ((status.bid_usd + status.ask_usd) / 2.0, status.hedge_profit_usd, status.position_contracts)
    };
    let (first_usd, before_usd, contracts) = look(&mut day);
    assert!(contracts != 0 && before_usd != 0.0);
    assert!(day.status().hedge_cost_usd > 0.0, "a taker pays");
    day.run(5 * UNIT);
    let (last_usd, after_usd, same) = look(&mut day);
    assert!(same == contracts && last_usd != first_usd);
    // Inverse: N (1/entry - 1/price) coin, so that what was earned is told at two prices.
    let size_usd = contracts as f64 * 10.0;
    let earned_coin = after_usd / last_usd - before_usd / first_usd;
    let expected_coin = size_usd * (1.0 / first_usd - 1.0 / last_usd);
    assert!((earned_coin - expected_coin).abs() < 1e-6 * size_usd.abs() / first_usd, "{earned_coin} {expected_coin}");
}

#[test]
fn packets_that_kernel_or_card_dropped_are_told_until_no_more_are() {
    let mut day = Watched::new(settings(42, FaultSettings::default()), EXAMPLE, None);
    day.run(3 * UNIT);
    let tell = |day: &mut Watched, counts: Option<Counts>| {
        let now_ns = day.rig.ns();
        day.engine().on_packets(now_ns, counts.as_ref());
        day.run(UNIT / 2);
    };
    let good = Counts { received: [10, 10], not_for_us: 5, ..Counts::default() };
    tell(&mut day, Some(good));
    assert!(!day.rig.is_on(AlarmKind::PacketsDropped), "frames of others are none of ours");
    for (at, bad) in [
        Counts { dropped: 2, ..good },
        Counts { dropped: 2, wrong_checksum: 1, ..good },
        Counts { dropped: 2, wrong_checksum: 1, malformed: 4, ..good },
    ]
    .into_iter()
    .enumerate()
    {
        tell(&mut day, Some(bad));
        assert!(
            day.rig.is_on(AlarmKind::PacketsDropped) && day.telemetry.alarms.is_raised(AlarmKind::PacketsDropped, 0)
        );
        tell(&mut day, Some(bad));
        assert!(!day.rig.is_on(AlarmKind::PacketsDropped), "no more since");
        assert_eq!(day.rig.count(AlarmKind::PacketsDropped), at + 1);
    }
    assert_eq!((day.packets("dropped"), day.packets("wrong_sums"), day.packets("malformed")), (2, 1, 4));
    tell(&mut day, None);
    assert!(day.rig.is_on(AlarmKind::InterfaceDown) && day.telemetry.alarms.is_raised(AlarmKind::InterfaceDown, 0));
    tell(&mut day, Some(Counts { dropped: 2, wrong_checksum: 1, malformed: 4, ..good }));
    assert!(!day.rig.is_on(AlarmKind::InterfaceDown) && !day.rig.is_on(AlarmKind::PacketsDropped));
}

#[test]
fn what_cannot_be_read_is_counted_and_told() {
    let mut day = Watched::new(settings(43, FaultSettings::default()), EXAMPLE, None);
    day.run(4 * UNIT);
    assert!(day.feed("messages") > 100 && day.feed("malformed_packets") == 0 && day.feed("unknown_messages") == 0);
    // Known length, unknown template: skipped, and nothing is amiss.
    day.next_packet(&[16, 0, 0xf0, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    day.run(2 * UNIT);
    assert_eq!((day.feed("unknown_messages"), day.feed("malformed_packets")), (1, 0));
    assert!(!day.rig.is_on(AlarmKind::FeedUnreadable));
    // Shorter than its own header says.
    day.next_packet(&[7, 0]);
    day.run(UNIT);
    assert_eq!(day.rig.count(AlarmKind::FeedUnreadable), 1, "{:?}", day.rig.alarms);
    assert!(day.feed("malformed_packets") > 0);
    let now_ns = day.rig.ns();
    day.engine().on_datagram(now_ns, Source::A, &[1, 2, 3]);
    day.run(2 * UNIT);
    assert_eq!(day.packets("foreign"), 1);
    assert!(!day.rig.is_on(AlarmKind::FeedUnreadable), "it is over");
}

#[test]
fn ends_of_a_session_are_counted_by_whose_fault_they_were() {
    let mut day = Watched::new(settings(44, FaultSettings::default()), EXAMPLE, None);
    day.run(4 * UNIT);
    assert!(day.session("mass_cancels") > 0, "it begins with a sweep");
    let now_ns = day.rig.ns();
    day.engine().on_stream(now_ns, 0, &[0xff; 64]);
    day.rig.flush();
    day.run(3 * UNIT);
    assert_eq!((day.session("violations"), day.session("heartbeat_losses"), day.session("disconnects")), (1, 0, 1));
    day.rig.cut_connection(0);
    day.run(3 * UNIT);
    assert_eq!((day.session("violations"), day.session("disconnects")), (1, 2), "a connection that broke is nobody's");

    let silence = FaultSettings { silence_mean_ns: 4 * UNIT, silence_ns: 6 * UNIT, ..FaultSettings::default() };
    let mut day = Watched::new(settings(45, silence), EXAMPLE, None);
    day.run(30 * UNIT);
    assert!(day.session("heartbeat_losses") > 0 && day.session("violations") == 0);
    assert!(day.session("test_requests") >= day.session("heartbeat_losses"));
}

#[test]
fn a_position_is_taken_from_people_only_while_nothing_can_fill() {
    let mut day = Watched::new(settings(46, FaultSettings::default()), EXAMPLE, None);
    assert_eq!(day.engine().may_tell_position("BTC", 0), Err(PositionRefusal::Armed), "to be armed by itself");
    day.rig.request(&Request::Disarm);
    assert_eq!(day.engine().may_tell_position("BTC", 0), Err(PositionRefusal::Unswept));
    day.rig.request(&Request::Arm);
    day.run(5 * UNIT);
    while day.engine().open_orders() == 0 {
        day.rig.trade();
        day.run(20 * MS);
    }
    assert_eq!(day.engine().may_tell_position("ETH", 0), Err(PositionRefusal::Unknown));
    assert_eq!(day.engine().may_tell_position("BTC", i64::MIN), Err(PositionRefusal::TooLarge));
    assert_eq!(day.engine().may_tell_position("BTC", 0), Err(PositionRefusal::Armed));
    day.rig.request(&Request::Disarm);
    assert_eq!(day.engine().may_tell_position("BTC", 0), Err(PositionRefusal::Open(1)), "its cancel is on the way");
    day.run(UNIT);
    assert_eq!(day.engine().may_tell_position("BTC", 0), Ok(0));
    let profit_usd = day.status().hedge_profit_usd;
    let told = day.rig.positions().0 - 1_000;
    day.rig.request(&Request::Position { underlying: 0, contracts: told });
    day.run(40 * MS);
    let status = day.status();
    assert!(status.is_reconciled && !status.is_armed && status.position_contracts == told);
    let change_usd = (status.hedge_profit_usd - profit_usd).abs();
    assert!(change_usd < 100.0, "10,000 USD that were never there are no profit: {change_usd}");
}

#[test]
fn reports_that_are_lost_for_good_are_counted_and_settled_by_a_position_that_people_tell() {
    let mut settings = settings(47, FaultSettings { report_drop: 0.05, ..FaultSettings::default() });
    // A gateway that remembers next to nothing.
    settings.gateway.history_messages = 1;
    let mut day = Watched::new(settings, EXAMPLE, None);
    day.run(4 * UNIT);
    while day.session("lost_reports") == 0 {
        day.rig.trade();
        day.run(50 * MS);
    }
    let now_ns = day.rig.now_ns;
    day.rig.venue.end_faults(now_ns);
    day.run(3 * UNIT);
    assert!(day.rig.is_on(AlarmKind::PositionUnproved) && !day.status().is_armed, "{:?}", day.rig.alarms);
    assert_eq!(day.rig.venue.open_orders(0).count(), 0);
    let contracts = day.rig.positions().1;
    let underlying = day.engine().may_tell_position("BTC", contracts).expect("nothing can fill but what was lost");
    day.rig.request(&Request::Position { underlying, contracts });
    day.rig.request(&Request::Arm);
    day.run(5 * UNIT);
    assert!(!day.rig.is_on(AlarmKind::PositionUnproved) && day.engine().is_hedging(0), "{:?}", day.rig.alarms);
    day.rig.venue.end_flow();
    day.run(6 * UNIT);
    day.rig.agree("told by people");
    let orders = day.status().orders;
    let ended: u64 = ["filled", "cancelled", "rejected", "settled"].iter().map(|event| orders[*event]).sum();
    assert_eq!(orders["new"], ended, "{orders:?}");
}
