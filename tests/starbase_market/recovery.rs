//! A venue with faults against a follower without: what is believed is right, and in the end all is well.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;

use super::believed::{Delivered, Witness};
use super::venue::{CHANNEL, Follower, Venue, read_request, reject};
use super::*;

/// What goes wrong, in per mille of packets unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    /// Lost on line A; on line B; on both at once.
    lost: [u32; 3],
    repeated: u32,
    /// Longest delay of a packet, ns: beyond the time between packets it changes their order.
    delay_ns: u64,
    /// How far snapshots are behind, ns.
    snapshots_late_ns: u64,
    snapshots_lost: u32,
    /// The snapshot cycle begins again in the middle.
    cycle_restarted: u32,
    replies_lost: u32,
    rejects: u32,
    /// A packet is cut, or has another number of messages than it says.
    damaged: u32,
    /// Messages that the gateway still has.
    cached: usize,
    /// No packet of line A, then none of line B: a fail-over in the middle.
    fails_over: bool,
}

/// A datagram under way: when it is due, its number, its source, its bytes.
type UnderWay = (u64, u64, u8, Vec<u8>);

struct Run {
    venue: Venue,
    channel: Channel,
    witness: Witness,
    delivered: Delivered,
    /// Number that the channel began at.
    start: Option<i64>,
    /// Numbers counted as lost that the venue never gave to a message.
    passed_over: u64,
    faults: Faults,
    network: BinaryHeap<Reverse<UnderWay>>,
    sent: u64,
    now_ns: u64,
    what: String,
}

const SOURCES: [Source; 3] = [Source::A, Source::B, Source::Unicast];

impl Run {
    fn new(seed: u64, faults: Faults) -> Self {
        Self::from_seq(seed, faults, 1000)
    }

    fn from_seq(seed: u64, faults: Faults, first_seq: i64) -> Self {
        let venue = Venue::new(seed, 5, first_seq);
        let mut settings = ChannelSettings::new(CHANNEL);
        // Small, so that its limits are met.
        settings.early_packets_max = 512;
        settings.held_changes_log2 = 10;
        settings.retransmit.reply_ns_max = 300_000;
        let witness = Witness::new(venue.state.clone(), first_seq);
        Self {
            venue,
            channel: Channel::new(settings),
            witness,
            delivered: Delivered::default(),
            start: None,
            passed_over: 0,
            faults,
            network: BinaryHeap::new(),
            sent: 0,
            now_ns: 1_700_000_000_000_000_000,
            what: format!("seed={seed} {faults:?}"),
        }
    }

    fn sending_time(&self) -> i64 {
        self.now_ns as i64
    }

    fn send(&mut self, source: usize, late_ns: u64, bytes: Vec<u8>) {
        let faults = self.faults;
        let copies = 1 + u64::from(self.venue.chance(faults.repeated));
        for _ in 0..copies {
            let mut bytes = bytes.clone();
            if self.venue.chance(faults.damaged) {
                self.damage(&mut bytes);
            }
            let delay_ns = self.venue.rng.random_range(0..=faults.delay_ns);
            self.sent += 1;
            self.network.push(Reverse((self.now_ns + 1000 + late_ns + delay_ns, self.sent, source as u8, bytes)));
        }
    }

    /// Cuts a packet, or changes how many messages it should have.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        if self.venue.rng.random_bool(0.5) {
            bytes.truncate(self.venue.rng.random_range(0..bytes.len()));
        } else {
            bytes[22] ^= 1 << self.venue.rng.random_range(0..8);
        }
    }

    /// A transaction on both lines.
    fn trade(&mut self) {
        let seq = self.venue.next_seq();
        self.venue.trade();
        self.publish(seq);
    }

    fn publish(&mut self, seq: i64) {
        let is_lost_on_both = self.venue.chance(self.faults.lost[2]);
        for line in 0..2 {
            for bytes in self.venue.packets(seq, self.sending_time()) {
                if !is_lost_on_both && !self.venue.chance(self.faults.lost[line]) {
                    self.send(line, 0, bytes);
                }
            }
        }
    }

    fn snapshot(&mut self) {
        if self.venue.chance(self.faults.cycle_restarted) {
            self.venue.restart_cycle(None);
        }
        for bytes in self.venue.snapshot(self.sending_time()) {
            if !self.venue.chance(self.faults.snapshots_lost) {
                self.send(0, self.faults.snapshots_late_ns, bytes);
            }
        }
    }

    /// Lets time pass, and everything arrive that is due.
    fn pass(&mut self, ns: u64) {
        let end_ns = self.now_ns + ns;
        while let Some(Reverse((due_ns, ..))) = self.network.peek() {
            if *due_ns > end_ns {
                break;
            }
            let Some(Reverse((due_ns, _, source, bytes))) = self.network.pop() else { break };
            self.now_ns = self.now_ns.max(due_ns);
            let source = SOURCES[usize::from(source)];
            self.channel.on_datagram(source, &bytes, self.now_ns, &mut self.delivered);
            self.start = self.start.or(self.channel.expected_seq().map(|seq| seq - self.delivered.messages as i64));
            self.witness.check(&self.channel, &self.venue, &self.what);
            self.poll();
        }
        self.now_ns = end_ns;
        self.poll();
    }

    fn poll(&mut self) {
        let request = self.channel.poll(self.now_ns, &mut self.delivered);
        self.witness.check(&self.channel, &self.venue, &self.what);
        let Some(request) = request else { return };
        let (correlation, begin, count) = read_request(&request.bytes);
        assert_eq!((begin, count), (request.begin_seq, request.message_count));
        assert_eq!(Some(begin), self.channel.expected_seq());
        let answer = if self.venue.chance(self.faults.rejects) {
            let reason = self.venue.rng.random_range(2..=5);
            reject(correlation, reason, 200_000)
        } else {
            self.venue.answer(&request.bytes, self.faults.cached, self.sending_time())
        };
        if !self.venue.chance(self.faults.replies_lost) {
            self.send(2, 0, answer);
        }
    }

    fn trade_for(&mut self, transactions: usize) {
        for number in 0..transactions {
            if self.faults.fails_over && number == transactions / 2 {
                self.faults.lost.swap(0, 1);
            }
            self.trade();
            if number % 3 == 0 {
                self.snapshot();
            }
            let ns = self.venue.rng.random_range(1_000..=40_000);
            self.pass(ns);
        }
    }

    /// Everything works again: in the end all books must be the venue's.
    fn settle(&mut self) {
        self.faults = all_cached();
        // A damaged count may have told of messages that did not exist yet: now they do.
        self.trade_for(20);
        for _ in 0..200 {
            let heartbeat = self.venue.heartbeat(self.sending_time());
            self.send(0, 0, heartbeat);
            self.snapshot();
            self.pass(10_000_000);
        }
        self.assert_settled();
    }

    fn assert_settled(&self) {
        let what = &self.what;
        assert_eq!(self.channel.state(), ChannelState::Live, "{what}");
        assert_eq!(self.channel.expected_seq(), Some(self.venue.next_seq()), "{what}");
        for id in &self.venue.instruments {
            let handle = self.channel.handle(*id).expect("every instrument is known");
            let instrument = self.channel.instrument(handle).expect("it is there");
            self.venue.state.books[id].assert_is(instrument.book(), || format!("in the end, {what}"));
            let open = self.venue.state.statuses[id] == 0;
            assert_eq!(self.channel.book(handle).is_ok(), open, "{:?} {what}", self.channel.book(handle).err());
        }
        if let Some(start) = self.start {
            let accounted = self.delivered.messages + self.channel.counts().messages_lost - self.passed_over;
            assert_eq!(accounted, self.venue.next_seq().abs_diff(start), "every message came or is lost, {what}");
        }
        let firsts: u64 = self.channel.counts().lines.iter().map(|line| line.messages_first).sum();
        let is_any_open = self.venue.state.statuses.values().any(|status| *status == 0);
        assert!(firsts > 0 && (self.witness.compared > 0 || !is_any_open), "{what}");
    }

    fn go(mut self, transactions: usize) -> Channel {
        self.trade_for(transactions);
        self.settle();
        self.channel
    }
}

fn all_cached() -> Faults {
    Faults { cached: usize::MAX, ..Faults::default() }
}

#[test]
fn without_faults_nothing_is_asked_for_and_every_book_is_right() {
    let channel = Run::new(seed(), all_cached()).go(2000);
    let counts = channel.counts();
    assert_eq!((counts.gaps, counts.messages_lost, counts.resets, counts.silences), (0, 0, 0, 0));
    assert_eq!(channel.retransmit_counts().requests, 0);
    assert_eq!(channel.book_counts().contradictions, 0);
    assert_eq!(counts.joined.count, 1);
    assert_eq!(channel.snapshot_counts().installed, 5);
    // Both lines carry everything; together they are first once.
    assert!(counts.lines[1].packets_old + counts.lines[0].packets_old > 0);
}

#[test]
fn what_one_line_loses_the_other_brings() {
    for lost in [[300, 0, 0], [0, 300, 0]] {
        let channel = Run::new(seed(), Faults { lost, ..all_cached() }).go(2000);
        assert_eq!(channel.counts().messages_lost, 0);
        assert!(channel.counts().lines.iter().all(|line| line.messages_first > 0 || lost[0] == 0));
    }
}

#[test]
fn a_fail_over_from_line_to_line_loses_nothing() {
    let faults = Faults { lost: [0, 1000, 0], fails_over: true, ..all_cached() };
    let channel = Run::new(seed(), faults).go(2000);
    let counts = channel.counts();
    assert_eq!((counts.gaps, counts.messages_lost), (0, 0));
    assert!(counts.lines.iter().all(|line| line.messages_first > 1000));
}

#[test]
fn what_both_lines_lose_is_sent_again() {
    let channel = Run::new(seed(), Faults { lost: [0, 0, 50], ..all_cached() }).go(3000);
    let counts = channel.counts();
    assert!(counts.gaps > 50 && counts.messages_retransmitted > 50, "{counts:?}");
    assert_eq!((counts.messages_lost, counts.given_up.total()), (0, 0));
    assert_eq!(counts.gap_filled.count, counts.gaps);
    assert!(counts.gap_filled.max_ns > 0 && channel.retransmit_counts().round_trip.count > 50);
}

#[test]
fn repeats_and_changed_order_change_nothing() {
    let faults = Faults { repeated: 300, delay_ns: 200_000, ..all_cached() };
    let channel = Run::new(seed(), faults).go(3000);
    assert!(channel.counts().early_packets > 100 && channel.counts().messages_late > 100);
    assert_eq!(channel.counts().messages_lost, 0);
}

#[test]
fn what_the_gateway_no_longer_has_is_made_up_by_snapshots() {
    let channel =
        Run::new(seed(), Faults { lost: [0, 0, 10], snapshots_late_ns: 300_000, ..Faults::default() }).go(3000);
    let counts = channel.counts();
    assert!(counts.given_up.of(GiveUp::TooOld) > 5, "{counts:?}");
    assert!(counts.messages_lost > 5 && counts.joined.count > 1);
    assert_eq!(counts.gap_given_up.count, counts.given_up.total());
    assert_eq!(channel.book_counts().contradictions, 0);
    assert!(channel.book_counts().replayed > 0 && channel.book_counts().in_snapshot > 0);
}

#[test]
fn rejections_with_a_delay_are_waited_out() {
    let faults = Faults { lost: [0, 0, 20], rejects: 500, replies_lost: 100, ..all_cached() };
    let channel = Run::new(seed(), faults).go(3000);
    let counts = channel.retransmit_counts();
    assert!(counts.rejects_rate_limit > 0 && counts.rejects_too_high > 0 && counts.rejects_other > 0, "{counts:?}");
    assert!(counts.timeouts > 0 && channel.counts().messages_retransmitted > 20, "{counts:?}");
}

#[test]
fn snapshot_cycles_that_begin_again_or_lose_packets_only_take_longer() {
    let faults = Faults {
        lost: [0, 0, 10],
        snapshots_late_ns: 300_000,
        snapshots_lost: 100,
        cycle_restarted: 100,
        ..Faults::default()
    };
    let channel = Run::new(seed(), faults).go(3000);
    let counts = channel.snapshot_counts();
    assert!(counts.abandoned > 10 && counts.gaps > 10, "{counts:?}");
    assert!(channel.counts().joined.count >= 1);
}

#[test]
fn with_every_fault_at_once_what_is_believed_is_right() {
    let first = seed();
    for seed in first..first + 25 {
        let faults = Faults {
            lost: [50, 80, 10],
            repeated: 100,
            delay_ns: 300_000,
            snapshots_late_ns: 500_000,
            snapshots_lost: 30,
            cycle_restarted: 20,
            replies_lost: 200,
            rejects: 100,
            damaged: 200,
            cached: [0, 30, 100_000][seed as usize % 3],
            fails_over: true,
        };
        let channel = Run::new(seed, faults).go(600);
        assert!(channel.counts().gaps > 5 && channel.counts().messages_retransmitted > 0 || faults.cached == 0);
    }
}

#[test]
fn numbers_may_run_up_to_the_last() {
    let faults = Faults { lost: [50, 50, 20], delay_ns: 100_000, ..all_cached() };
    let mut run = Run::from_seq(seed(), faults, i64::MAX - 3000);
    while run.venue.next_seq() < i64::MAX - 200 {
        run.trade_for(1);
    }
    run.settle();
    assert!(run.channel.counts().gaps > 3);
}

#[test]
fn a_venue_that_counts_afresh_is_followed() {
    for restart_at in [0, 1, 990, 5_000_000] {
        let mut run = Run::new(seed(), all_cached());
        run.trade_for(500);
        run.pass(3_000_000_000);
        let before = run.channel.counts().clone();
        run.venue.restart(restart_at);
        run.venue.restart_cycle(Some(1));
        run.witness = Witness::new(run.venue.state.clone(), restart_at);
        run.delivered = Delivered::default();
        let is_jump = restart_at > 1_000_000;
        run.start = Some(restart_at);
        // What a jump passes over was never sent.
        let expected = run.channel.expected_seq().expect("started");
        run.passed_over = if is_jump { restart_at.abs_diff(expected) } else { 0 };
        run.trade_for(500);
        run.settle();
        let counts = run.channel.counts();
        assert_eq!(counts.resets - before.resets, u64::from(!is_jump), "{restart_at}");
        assert_eq!(counts.given_up.of(GiveUp::Jump), u64::from(is_jump));
        assert_eq!(run.channel.snapshot_counts().resets, 1);
    }
}

#[test]
fn an_instrument_listed_meanwhile_begins_empty() {
    let mut run = Run::new(seed(), all_cached());
    run.trade_for(300);
    assert_eq!(run.channel.state(), ChannelState::Live);
    let seq = run.venue.next_seq();
    run.venue.list(9_999_999);
    run.publish(seq);
    run.pass(100_000);
    let handle = run.channel.handle(9_999_999).expect("it is known");
    assert!(run.channel.book(handle).expect("an empty book").is_empty());
    run.trade_for(300);
    run.settle();
    assert_eq!(run.channel.snapshot_counts().installed, 5);
}

#[test]
fn the_follower_is_fed_by_messages_alone() {
    // Guards the oracle: a follower that ignored messages would agree with a channel that did.
    let mut venue = Venue::new(seed(), 5, 1);
    let mut follower = Follower { books: venue.state.books.clone(), statuses: venue.state.statuses.clone() };
    (0..500).for_each(|_| venue.trade());
    venue.history.iter().for_each(|(body, _)| follower.apply(body));
    assert_eq!(follower.books, venue.state.books);
    assert!(venue.state.books.values().all(|book| book.bids.len() + book.asks.len() > 5));
}
