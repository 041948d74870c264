//! A channel step by step: every state, doubt, request and limit, by hand.

use super::venue::{CHANNEL, read_request, reject};
use super::*;
use wire::{INCREMENTAL, RETRANSMITTED, SNAPSHOT, WHOLE};

const START_NS: u64 = 1_700_000_000_000_000_000;
/// The only instrument of most tests.
const ID: i64 = 7;

/// A channel and a clock.
struct Desk {
    channel: Channel,
    now_ns: u64,
    snapshot_seq: i64,
}

impl Desk {
    fn new() -> Self {
        Self::with(ChannelSettings::new(CHANNEL))
    }

    fn with(settings: ChannelSettings) -> Self {
        Self { channel: Channel::new(settings), now_ns: START_NS, snapshot_seq: 1 }
    }

    /// A channel at `seq` whose one book has a bid at 99 (order 1) and an ask at 101 (order 2).
    fn live(seq: i64) -> Self {
        Self::live_with(ChannelSettings::new(CHANNEL), seq)
    }

    fn live_with(settings: ChannelSettings, seq: i64) -> Self {
        let mut desk = Self::with(settings);
        desk.incremental(seq, &[]);
        desk.snapshot(ID, seq - 1);
        desk.cycle_end(1);
        assert_eq!(desk.channel.state(), ChannelState::Live);
        assert_eq!(desk.touch(), Ok((99, 101)));
        desk
    }

    fn give(&mut self, source: Source, bytes: &[u8]) {
        self.channel.on_datagram(source, bytes, self.now_ns, &mut ());
    }

    fn incremental(&mut self, seq: i64, bodies: &[Body]) {
        let bodies: Vec<_> = bodies.iter().map(|body| (body.clone(), WHOLE)).collect();
        let bytes = packet(INCREMENTAL, CHANNEL, seq, self.now_ns as i64, &bodies);
        self.give(Source::A, &bytes);
    }

    fn flagged(&mut self, seq: i64, bodies: &[(Body, u16)]) {
        let bytes = packet(INCREMENTAL, CHANNEL, seq, self.now_ns as i64, bodies);
        self.give(Source::B, &bytes);
    }

    fn retransmitted(&mut self, seq: i64, bodies: &[Body]) {
        let bodies: Vec<_> = bodies.iter().map(|body| (body.clone(), WHOLE)).collect();
        let bytes = packet(RETRANSMITTED, CHANNEL, seq, self.now_ns as i64, &bodies);
        self.give(Source::Unicast, &bytes);
    }

    fn snapshot_bodies(&mut self, bodies: Vec<Body>) {
        let bodies: Vec<_> = bodies.into_iter().map(|body| (body, 0)).collect();
        let bytes = packet(SNAPSHOT, CHANNEL, self.snapshot_seq, self.now_ns as i64, &bodies);
        self.snapshot_seq += bodies.len() as i64;
        self.give(Source::A, &bytes);
    }

    fn snapshot(&mut self, id: i64, seq: i64) {
        self.snapshot_bodies(vec![
            Body::snapshot_header(id, seq),
            Body::definition(id, 0, &[], &[]),
            Body::put(true, id, 1, 99, 10, 1),
            Body::put(false, id, 2, 101, 10, 2),
            Body::snapshot_trailer(id, seq),
        ]);
    }

    fn cycle_end(&mut self, instruments: i32) {
        self.snapshot_bodies(vec![Body::end_of_cycle(instruments)]);
    }

    fn pass(&mut self, ns: u64) -> Option<Request> {
        self.now_ns += ns;
        self.channel.poll(self.now_ns, &mut ())
    }

    fn touch(&self) -> Result<(i64, i64), Doubt> {
        let handle = self.channel.handle(ID).ok_or(Doubt::UnknownInstrument)?;
        let book = self.channel.book(handle)?;
        let price = |side| book.best(side).map_or(0, |level| level.price);
        Ok((price(Side::Bid), price(Side::Ask)))
    }

    fn changed(&mut self) -> usize {
        std::iter::from_fn(|| self.channel.next_changed()).count()
    }
}

fn bid(order: i64, price: i64) -> Body {
    Body::put(true, ID, order, price, 10, order)
}

fn ask(order: i64, price: i64) -> Body {
    Body::put(false, ID, order, price, 10, order)
}

#[test]
fn a_channel_starts_joins_and_lives() {
    let mut desk = Desk::new();
    assert_eq!((desk.channel.state(), desk.channel.expected_seq()), (ChannelState::Unstarted, None));
    // A snapshot before the stream has begun leads nowhere: what follows it may have been missed.
    desk.snapshot(ID, 99);
    assert_eq!((desk.touch(), desk.channel.snapshot_counts().too_old), (Err(Doubt::UnknownInstrument), 1));
    desk.incremental(100, &[bid(3, 98)]);
    assert_eq!((desk.channel.state(), desk.touch()), (ChannelState::Joining, Err(Doubt::NoSnapshot)));
    // Too old by one; then one that reaches the message held.
    desk.snapshot(ID, 98);
    assert_eq!(desk.touch(), Err(Doubt::NoSnapshot));
    desk.now_ns += 7;
    desk.snapshot(ID, 99);
    assert_eq!(desk.touch(), Ok((99, 101)));
    let handle = desk.channel.handle(ID).expect("known");
    assert_eq!(desk.channel.book(handle).expect("good").len(), 3, "the held bid was replayed");
    assert_eq!(desk.channel.state(), ChannelState::Joining, "there may be other instruments");
    desk.cycle_end(1);
    assert_eq!(desk.channel.state(), ChannelState::Live);
    assert_eq!(desk.channel.counts().joined, StepTimes { count: 1, last_ns: 7, max_ns: 7, total_ns: 7 });
    let terms = desk.channel.instrument(handle).and_then(Instrument::terms).expect("defined");
    assert_eq!(
        (terms.name.as_str(), terms.tick_size, terms.kind),
        (Some("BTC-PERPETUAL"), 500_000_000, InstrumentType::Perpetual)
    );
}

#[test]
fn a_cycle_with_fewer_snapshots_than_instruments_does_not_join() {
    let mut desk = Desk::new();
    desk.incremental(100, &[]);
    desk.snapshot(ID, 99);
    desk.cycle_end(2);
    assert_eq!(desk.channel.state(), ChannelState::Joining);
    desk.cycle_end(-1);
    assert_eq!(desk.channel.state(), ChannelState::Joining);
    desk.snapshot(8, 99);
    desk.cycle_end(2);
    assert_eq!(desk.channel.state(), ChannelState::Live);
}

#[test]
fn the_first_copy_of_a_message_wins_however_lines_group_them() {
    let mut desk = Desk::live(100);
    desk.incremental(100, &[bid(3, 98), bid(4, 97), bid(5, 96)]);
    desk.flagged(100, &[(bid(3, 98), WHOLE)]);
    desk.flagged(101, &[(bid(4, 97), WHOLE), (bid(5, 96), WHOLE), (bid(6, 100), WHOLE)]);
    desk.incremental(103, &[bid(6, 100)]);
    assert_eq!((desk.touch(), desk.channel.expected_seq()), (Ok((100, 101)), Some(104)));
    let lines = desk.channel.counts().lines;
    assert_eq!((lines[0].messages_first, lines[1].messages_first), (3, 1));
    assert_eq!((lines[0].packets_old, lines[1].packets_old), (1, 1));
    assert_eq!(desk.channel.book_counts().applied, 4);
}

#[test]
fn a_gap_puts_books_in_doubt_until_the_other_line_fills_it() {
    let mut desk = Desk::live(100);
    desk.incremental(101, &[bid(4, 97)]);
    assert_eq!((desk.channel.state(), desk.touch()), (ChannelState::Gap, Err(Doubt::Gap)));
    assert_eq!(desk.pass(49_999), None, "the other line has its time");
    desk.flagged(100, &[(bid(3, 100), WHOLE)]);
    assert_eq!((desk.channel.state(), desk.touch()), (ChannelState::Live, Ok((100, 101))));
    let counts = desk.channel.counts();
    assert_eq!((counts.gaps, counts.messages_late, counts.early_packets), (1, 1, 1));
    assert_eq!((counts.gap_filled.count, counts.gap_filled.last_ns), (1, 49_999));
    assert_eq!(desk.pass(1_000_000), None);
}

#[test]
fn a_heartbeat_tells_of_messages_that_nothing_else_told_of() {
    let mut desk = Desk::live(100);
    desk.incremental(100, &[]);
    assert_eq!(desk.channel.state(), ChannelState::Live);
    desk.incremental(103, &[]);
    assert_eq!(desk.touch(), Err(Doubt::Gap));
    let request = desk.pass(50_000).expect("asked for");
    assert_eq!((request.begin_seq, request.message_count), (100, 3));
    desk.retransmitted(100, &[bid(3, 98), bid(4, 97), bid(5, 100)]);
    assert_eq!(desk.touch(), Ok((100, 101)));
    assert_eq!(desk.channel.counts().messages_retransmitted, 3);
    assert_eq!(desk.channel.counts().lines[0].heartbeats, 3);
}

#[test]
fn a_request_is_these_bytes() {
    let mut desk = Desk::live(100);
    desk.incremental(400, &[bid(9, 90)]);
    let request = desk.pass(50_000).expect("asked for");
    let mut expected = Vec::new();
    expected.extend((START_NS as i64 + 50_000).to_le_bytes());
    expected.extend(1i64.to_le_bytes());
    expected.extend(CHANNEL.to_le_bytes());
    expected.extend([4, 0, 1, 0]);
    expected.extend([32, 0, 200, 0, 1, 0, 0, 0]);
    expected.extend((START_NS as i64 + 50_000).to_le_bytes());
    expected.extend(100i64.to_le_bytes());
    expected.extend([255, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(request.bytes[..], expected);
    assert_eq!(read_request(&request.bytes), (1, 100, 255));
}

#[test]
fn a_large_gap_is_asked_for_page_by_page() {
    let mut desk = Desk::live(100);
    desk.incremental(400, &[bid(1000, 100)]);
    let mut next = 100;
    desk.pass(49_999);
    for (page, served) in [(255, 20), (255, 255), (25, 25)] {
        let request = desk.pass(1).expect("the next page at once");
        assert_eq!((request.begin_seq, request.message_count), (next, page));
        assert_eq!(desk.pass(0), None, "one request at a time");
        let bodies: Vec<Body> = (next..next + served).map(|seq| bid(seq, 90)).collect();
        desk.retransmitted(next, &bodies);
        next += served;
    }
    assert_eq!((desk.channel.state(), desk.touch()), (ChannelState::Live, Ok((100, 101))));
    assert_eq!(desk.channel.retransmit_counts().round_trip.count, 3);
    assert_eq!(desk.channel.counts().messages_retransmitted, 300);
}

#[test]
fn a_rejection_is_waited_out_and_one_for_another_request_is_not_listened_to() {
    let mut desk = Desk::live(100);
    desk.incremental(101, &[bid(3, 98)]);
    let correlation = read_request(&desk.pass(50_000).expect("asked").bytes).0;
    desk.give(Source::Unicast, &reject(correlation + 1, 1, 0));
    assert_eq!(desk.channel.retransmit_counts().stray_rejects, 1);
    desk.give(Source::Unicast, &reject(correlation, 3, 30_000_000));
    assert_eq!(desk.pass(29_999_999), None);
    let again = read_request(&desk.pass(1).expect("asked again").bytes);
    assert_eq!(again, (correlation + 1, 100, 1));
    // A negative delay is none.
    desk.give(Source::Unicast, &reject(again.0, 2, i64::MIN));
    assert!(desk.pass(0).is_some());
    assert_eq!(desk.channel.state(), ChannelState::Gap);
}

#[test]
fn a_gap_is_given_up_for_each_of_its_reasons() {
    // Too old.
    let mut desk = Desk::live(100);
    desk.incremental(101, &[bid(3, 98)]);
    let correlation = read_request(&desk.pass(50_000).expect("asked").bytes).0;
    desk.give(Source::Unicast, &reject(correlation, 1, 0));
    assert_given_up(&desk, GiveUp::TooOld, 1);

    // The venue's delay is longer than a gap may stay open; also one without end.
    for delay in [200_000_000, i64::MAX] {
        let mut desk = Desk::live(100);
        desk.incremental(101, &[bid(3, 98)]);
        let correlation = read_request(&desk.pass(50_000).expect("asked").bytes).0;
        desk.give(Source::Unicast, &reject(correlation, 3, delay));
        assert_given_up(&desk, GiveUp::TooLong, 1);
    }

    // No answer, four times.
    let mut desk = Desk::live(100);
    desk.incremental(101, &[bid(3, 98)]);
    desk.pass(50_000).expect("asked");
    for _ in 0..3 {
        desk.pass(5_000_000).expect("asked again");
    }
    assert_eq!(desk.pass(5_000_000), None);
    assert_given_up(&desk, GiveUp::TooOften, 1);
    assert_eq!(desk.channel.retransmit_counts().timeouts, 4);

    // Answers that help, and a gap that grows faster.
    let mut desk = Desk::live(100);
    desk.incremental(101, &[]);
    for seq in 100..141 {
        desk.incremental(seq + 2, &[]);
        desk.pass(5_000_000);
        if desk.channel.state() == ChannelState::Joining {
            break;
        }
        desk.retransmitted(seq, &[bid(seq, 90)]);
    }
    assert_given_up(&desk, GiveUp::TooLong, 2);

    // More than is asked for.
    let mut desk = Desk::live(100);
    desk.incremental(100 + 8193, &[bid(3, 98)]);
    assert_eq!(desk.pass(50_000), None);
    assert_given_up(&desk, GiveUp::TooLarge, 8193);
}

#[track_caller]
fn assert_given_up(desk: &Desk, cause: GiveUp, lost: u64) {
    let counts = desk.channel.counts();
    assert_eq!((counts.given_up.of(cause), counts.given_up.total()), (1, 1), "{cause:?}");
    assert_eq!((counts.messages_lost, counts.gap_given_up.count), (lost, 1), "{cause:?}");
    assert_eq!((desk.channel.state(), desk.touch()), (ChannelState::Joining, Err(Doubt::Lost)), "{cause:?}");
}

#[test]
fn after_a_loss_a_snapshot_that_reaches_it_and_what_was_held_make_the_book() {
    let mut desk = Desk::live(100);
    desk.incremental(101, &[bid(3, 98), bid(4, 100)]);
    let correlation = read_request(&desk.pass(50_000).expect("asked").bytes).0;
    desk.give(Source::Unicast, &reject(correlation, 1, 0));
    desk.snapshot(ID, 99);
    assert_eq!((desk.touch(), desk.channel.snapshot_counts().too_old), (Err(Doubt::Lost), 1));
    desk.now_ns += 11;
    desk.snapshot(ID, 101);
    desk.cycle_end(1);
    assert_eq!((desk.touch(), desk.channel.state()), (Ok((100, 101)), ChannelState::Live));
    let counts = desk.channel.book_counts();
    assert_eq!((counts.held, counts.in_snapshot, counts.replayed), (2, 1, 1));
    assert_eq!((desk.channel.counts().joined.count, desk.channel.counts().joined.last_ns), (2, 11));
}

#[test]
fn a_snapshot_ahead_of_the_stream_is_believed_once_the_stream_has_reached_it() {
    let mut desk = Desk::new();
    desk.incremental(100, &[]);
    desk.snapshot(ID, 101);
    assert_eq!(desk.touch(), Err(Doubt::Ahead));
    desk.changed();
    desk.incremental(100, &[ask(2, 103)]);
    assert_eq!(desk.touch(), Err(Doubt::Ahead));
    desk.incremental(101, &[Body::info(8, 5)]);
    assert_eq!((desk.touch(), desk.changed()), (Ok((99, 101)), 1));
    assert_eq!(desk.channel.book_counts().in_snapshot, 1);
    desk.incremental(102, &[bid(5, 100)]);
    assert_eq!(desk.touch(), Ok((100, 101)));
}

#[test]
fn a_loss_that_a_snapshot_has_already_costs_that_book_nothing() {
    let mut desk = Desk::new();
    desk.incremental(100, &[]);
    desk.snapshot(ID, 105);
    desk.snapshot(8, 99);
    desk.incremental(106, &[bid(5, 100)]);
    let correlation = read_request(&desk.pass(50_000).expect("asked").bytes).0;
    desk.give(Source::Unicast, &reject(correlation, 1, 0));
    assert_eq!(desk.touch(), Ok((100, 101)));
    let other = desk.channel.handle(8).expect("known");
    assert_eq!(desk.channel.book(other).err(), Some(Doubt::Lost));
}

#[test]
fn a_snapshot_from_impossibly_far_ahead_is_not_believed() {
    let mut desk = Desk::new();
    desk.incremental(100, &[]);
    for seq in [i64::MAX, 100 + WINDOW_MESSAGES + 1] {
        desk.snapshot(ID, seq);
        assert_eq!(desk.touch(), Err(Doubt::NoSnapshot));
    }
    assert_eq!(desk.channel.snapshot_counts().contradictory, 2);
    desk.snapshot(ID, i64::MIN);
    assert_eq!(desk.channel.snapshot_counts().too_old, 1);
}

#[test]
fn a_snapshot_that_is_broken_off_or_contradicts_itself_makes_no_book() {
    let header = || Body::snapshot_header(ID, 99);
    let trailer = || Body::snapshot_trailer(ID, 99);
    let cases: Vec<Vec<Body>> = vec![
        // No trailer, another header, the end of the cycle.
        vec![header(), bid(1, 99)],
        vec![header(), bid(1, 99), Body::end_of_cycle(0)],
        vec![header(), Body::snapshot_header(8, 99), trailer()],
        // Another instrument's order, an order twice, one that cannot be, one that cannot be read.
        vec![header(), Body::put(true, 8, 1, 99, 10, 1), trailer()],
        vec![header(), bid(1, 99), bid(1, 98), trailer()],
        vec![header(), Body::put(true, ID, 1, 99, 0, 1), trailer()],
        vec![header(), bid(1, 99).i64(5), trailer()],
        // Another number, another instrument at the end, an end without a beginning.
        vec![header(), Body::snapshot_trailer(ID, 100)],
        vec![header(), Body::snapshot_trailer(8, 99)],
        vec![trailer()],
    ];
    for bodies in cases {
        let mut desk = Desk::new();
        desk.incremental(100, &[bid(3, 98)]);
        let what = format!("{bodies:?}");
        desk.snapshot_bodies(bodies);
        assert_eq!(desk.touch(), Err(Doubt::NoSnapshot), "{what}");
        // The next one does.
        desk.snapshot(ID, 99);
        assert_eq!(desk.touch(), Ok((99, 101)), "{what}");
        let counts = desk.channel.snapshot_counts();
        assert!(counts.abandoned + counts.contradictory <= 2 && counts.installed == 1, "{what} {counts:?}");
    }
}

#[test]
fn a_lost_packet_of_a_snapshot_breaks_it_off() {
    let mut desk = Desk::new();
    desk.incremental(100, &[]);
    desk.snapshot_bodies(vec![Body::snapshot_header(ID, 99), Body::definition(ID, 0, &[], &[])]);
    desk.snapshot_seq += 3;
    desk.snapshot_bodies(vec![Body::put(false, ID, 2, 101, 10, 2), Body::snapshot_trailer(ID, 99)]);
    assert_eq!(desk.touch(), Err(Doubt::NoSnapshot));
    let counts = *desk.channel.snapshot_counts();
    assert_eq!((counts.gaps, counts.abandoned, counts.installed), (1, 1, 0));
}

#[test]
fn the_other_lines_copy_of_a_snapshot_is_old() {
    let mut desk = Desk::new();
    desk.incremental(100, &[]);
    let bodies = [
        (Body::snapshot_header(ID, 99), 0),
        (bid(1, 99), 0),
        (Body::snapshot_trailer(ID, 99), 0),
        (Body::end_of_cycle(1), 0),
    ];
    for end in [2, 2, 4] {
        let bytes = packet(SNAPSHOT, CHANNEL, 1, START_NS as i64, &bodies[..end]);
        desk.give(Source::B, &bytes);
    }
    assert_eq!((desk.channel.snapshot_counts().packets_old, desk.channel.state()), (1, ChannelState::Live));
}

#[test]
fn a_contradiction_takes_one_book_out_of_use_until_a_snapshot_has_it() {
    let mut desk = Desk::live(100);
    desk.snapshot(8, 99);
    desk.incremental(100, &[Body::put(true, 8, 1, 50, 1, 1)]);
    desk.incremental(101, &[Body::delete(true, ID, 77), bid(5, 100)]);
    assert_eq!(desk.touch(), Err(Doubt::Contradicted(Contradiction::UnknownOrder)));
    let handle = desk.channel.handle(ID).expect("known");
    assert!(desk.channel.instrument(handle).is_some_and(|instrument| instrument.book().is_empty()));
    let other = desk.channel.handle(8).expect("known");
    assert!(desk.channel.book(other).is_ok());
    desk.snapshot(ID, 100);
    assert_eq!(desk.touch(), Err(Doubt::Contradicted(Contradiction::UnknownOrder)), "it lacks the contradiction");
    desk.snapshot(ID, 101);
    assert_eq!(desk.touch(), Ok((100, 101)));
    assert_eq!(desk.channel.book_counts().contradictions, 1);
}

#[test]
fn a_replay_that_contradicts_the_snapshot_waits_for_another_one() {
    let mut desk = Desk::new();
    desk.incremental(100, &[Body::delete(true, ID, 77), bid(5, 100)]);
    desk.snapshot(ID, 99);
    assert_eq!(desk.touch(), Err(Doubt::Contradicted(Contradiction::UnknownOrder)));
    desk.snapshot(ID, 100);
    assert_eq!(desk.touch(), Ok((100, 101)), "what was held after it is still there");
}

#[test]
fn book_messages_that_cannot_be_read_take_books_out_of_use() {
    // Which instrument a put of another length is about is not known: all of them.
    let mut desk = Desk::live(100);
    desk.incremental(100, &[bid(3, 98).i64(0)]);
    assert_eq!((desk.touch(), desk.channel.counts().messages.unknown_lengths), (Err(Doubt::Unreadable), 1));
    desk.snapshot(ID, 100);
    assert_eq!(desk.touch(), Ok((99, 101)));

    // A put of version 0 has no place in a queue.
    let mut desk = Desk::live(100);
    desk.incremental(100, &[Body::new(20).i64(3).i64(ID).i64(10).i64(98)]);
    assert_eq!((desk.touch(), desk.channel.book_counts().unreadable), (Err(Doubt::Unreadable), 1));

    // What no book depends on is skipped.
    let mut desk = Desk::live(100);
    desk.incremental(100, &[Body::new(4711), Body::new(31).i64(1)]);
    assert_eq!((desk.touch(), desk.channel.expected_seq()), (Ok((99, 101)), Some(102)));
}

#[test]
fn a_packet_cut_in_the_middle_costs_what_was_cut_and_is_asked_for() {
    let mut desk = Desk::live(100);
    let bodies: Vec<_> = (3..6).map(|order| (bid(order, 90 + order), WHOLE)).collect();
    let bytes = packet(INCREMENTAL, CHANNEL, 100, START_NS as i64, &bodies);
    desk.give(Source::A, &bytes[..bytes.len() - 1]);
    assert_eq!((desk.channel.expected_seq(), desk.touch()), (Some(102), Err(Doubt::Gap)));
    let request = desk.pass(50_000).expect("asked for");
    assert_eq!((request.begin_seq, request.message_count), (102, 1));
    desk.give(Source::B, &bytes);
    assert_eq!((desk.channel.expected_seq(), desk.touch()), (Some(103), Ok((99, 101))));
    assert_eq!(desk.channel.counts().messages.errors, 1);
}

#[test]
fn nothing_is_seen_of_a_transaction_before_its_end() {
    let mut desk = Desk::live(100);
    desk.changed();
    desk.flagged(100, &[(bid(3, 100), 1), (Body::delete(false, ID, 2), 0)]);
    assert_eq!((desk.touch(), desk.changed()), (Err(Doubt::OpenTransaction), 0));
    desk.flagged(102, &[(ask(4, 102), 2)]);
    assert_eq!((desk.touch(), desk.changed()), (Ok((100, 102)), 1));
    // One that another's start cuts off.
    desk.flagged(103, &[(bid(5, 101), 1)]);
    desk.flagged(104, &[(Body::info(ID, 3), 3)]);
    assert_eq!((desk.touch(), desk.channel.book_counts().unfinished_transactions), (Ok((101, 102)), 1));
    // Books that a transaction does not touch are not its business.
    desk.flagged(105, &[(Body::put(true, 8, 1, 1, 1, 1), 1)]);
    assert_eq!(desk.touch(), Ok((101, 102)));
}

#[test]
fn crossed_and_locked_books_and_closed_instruments_are_in_doubt() {
    let mut desk = Desk::live(100);
    desk.incremental(100, &[bid(3, 101)]);
    assert_eq!(desk.touch(), Err(Doubt::Locked));
    desk.incremental(101, &[bid(3, 102)]);
    assert_eq!(desk.touch(), Err(Doubt::Crossed));
    desk.incremental(102, &[bid(3, 100)]);
    assert_eq!(desk.touch(), Ok((100, 101)));
    for (byte, status) in
        [(5, InstrumentStatus::Halted), (4, InstrumentStatus::Locked), (9, InstrumentStatus::Unknown(9))]
    {
        let seq = desk.channel.expected_seq().expect("started");
        desk.changed();
        desk.incremental(seq, &[Body::status(ID, byte)]);
        assert_eq!((desk.touch(), desk.changed()), (Err(Doubt::NotOpen(status)), 1));
    }
    let seq = desk.channel.expected_seq().expect("started");
    desk.incremental(seq, &[Body::status(ID, 0)]);
    assert_eq!(desk.touch(), Ok((100, 101)));
}

#[test]
fn a_book_without_a_definition_is_in_doubt() {
    let mut desk = Desk::new();
    desk.incremental(100, &[]);
    desk.snapshot_bodies(vec![Body::snapshot_header(ID, 99), Body::snapshot_trailer(ID, 99)]);
    assert_eq!(desk.touch(), Err(Doubt::Undefined));
    desk.incremental(100, &[Body::definition(ID, 0, &[], &[])]);
    assert_eq!(desk.touch(), Ok((0, 0)));
}

#[test]
fn what_a_snapshot_says_does_not_overwrite_what_came_after_it() {
    let mut desk = Desk::new();
    desk.incremental(100, &[bid(3, 98)]);
    desk.incremental(101, &[Body::status(ID, 5)]);
    desk.snapshot(ID, 100);
    assert_eq!(desk.touch(), Err(Doubt::NotOpen(InstrumentStatus::Halted)));
}

#[test]
fn silence_is_told_at_the_given_time_and_ends_with_the_next_packet() {
    let mut desk = Desk::live(100);
    assert_eq!(desk.pass(5_500_000_000), None);
    assert_eq!((desk.channel.is_silent(), desk.touch()), (false, Ok((99, 101))));
    desk.pass(1);
    assert_eq!((desk.channel.is_silent(), desk.touch()), (true, Err(Doubt::Silent)));
    // Snapshots come from elsewhere: they do not show that the incremental channel is alive.
    desk.cycle_end(1);
    desk.pass(1_000_000_000);
    assert!(desk.channel.is_silent());
    desk.incremental(100, &[]);
    assert_eq!((desk.channel.is_silent(), desk.touch()), (false, Ok((99, 101))));
    assert_eq!((desk.channel.counts().silences, desk.channel.counts().silence.last_ns), (1, 6_500_000_001));
}

#[test]
fn a_number_too_far_ahead_is_believed_when_the_next_packet_agrees() {
    let far = 101 + WINDOW_MESSAGES + 1;
    let mut desk = Desk::live(100);
    desk.incremental(far, &[bid(3, 98)]);
    assert_eq!((desk.channel.counts().wild_packets, desk.touch()), (1, Ok((99, 101))));
    desk.incremental(100, &[bid(3, 100)]);
    assert_eq!(desk.touch(), Ok((100, 101)), "it was a wrong number");
    desk.incremental(far, &[bid(4, 98)]);
    desk.incremental(far + 1, &[bid(5, 98)]);
    assert_eq!((desk.channel.expected_seq(), desk.touch()), (Some(far + 2), Err(Doubt::Lost)));
    assert_eq!(desk.channel.counts().given_up.of(GiveUp::Jump), 1);
    assert_eq!(desk.channel.counts().messages_lost, far.abs_diff(101) + 1);
}

#[test]
fn a_restart_is_told_from_a_repeat_by_when_it_was_sent() {
    let mut desk = Desk::live(1000);
    desk.incremental(1000, &[bid(3, 98)]);
    // A repeat, half a second late.
    desk.now_ns += 500_000_000;
    desk.incremental(1000, &[bid(3, 98)]);
    assert_eq!((desk.channel.counts().resets, desk.touch()), (0, Ok((99, 101))));
    // The last number instead of the next one in a heartbeat is no restart.
    desk.now_ns += 5_000_000_000;
    desk.incremental(1000, &[]);
    assert_eq!((desk.channel.counts().resets, desk.touch()), (0, Ok((99, 101))));
    desk.incremental(0, &[bid(4, 97)]);
    assert_eq!((desk.channel.counts().resets, desk.touch()), (1, Err(Doubt::Lost)));
    assert_eq!(desk.channel.expected_seq(), Some(1));
    desk.snapshot(ID, 0);
    assert_eq!(desk.touch(), Ok((99, 101)));
}

#[test]
fn more_early_packets_than_can_be_held_end_the_gap() {
    let mut settings = ChannelSettings::new(CHANNEL);
    settings.early_packets_max = 3;
    let mut desk = Desk::live_with(settings, 100);
    for seq in 101..104 {
        desk.incremental(seq, &[bid(seq, 98)]);
        desk.incremental(seq, &[bid(seq, 98)]);
    }
    assert_eq!((desk.channel.state(), desk.channel.counts().early_packets), (ChannelState::Gap, 3));
    desk.incremental(104, &[bid(104, 100)]);
    assert_eq!(desk.channel.counts().given_up.of(GiveUp::HeldFull), 1);
    assert_eq!((desk.touch(), desk.channel.expected_seq()), (Err(Doubt::Lost), Some(105)));
    desk.snapshot(ID, 103);
    assert_eq!(desk.touch(), Ok((100, 101)));

    let mut settings = ChannelSettings::new(CHANNEL);
    settings.early_bytes_max = 100;
    let mut desk = Desk::live_with(settings, 100);
    desk.incremental(101, &[bid(3, 98)]);
    desk.incremental(102, &[bid(3, 98)]);
    assert_eq!(desk.channel.counts().given_up.of(GiveUp::HeldFull), 1);
}

#[test]
fn when_no_more_changes_can_be_held_a_newer_snapshot_is_needed() {
    let mut settings = ChannelSettings::new(CHANNEL);
    settings.held_changes_log2 = 2;
    let mut desk = Desk::with(settings);
    for seq in 100..106 {
        desk.incremental(seq, &[bid(seq, 90)]);
    }
    assert_eq!(desk.channel.book_counts().held_dropped, 2);
    desk.snapshot(ID, 100);
    assert_eq!((desk.touch(), desk.channel.snapshot_counts().too_old), (Err(Doubt::NoSnapshot), 1));
    desk.snapshot(ID, 101);
    assert_eq!(desk.touch(), Ok((99, 101)));
    let handle = desk.channel.handle(ID).expect("known");
    assert_eq!(desk.channel.book(handle).expect("good").len(), 6);
}

#[test]
fn instruments_beyond_the_most_are_refused_and_counted() {
    let mut settings = ChannelSettings::new(CHANNEL);
    settings.instruments_max = 1;
    let mut desk = Desk::live_with(settings, 100);
    desk.incremental(100, &[Body::put(true, 8, 1, 1, 1, 1), Body::definition(9, 0, &[], &[])]);
    assert_eq!((desk.channel.instruments().len(), desk.channel.book_counts().instruments_refused), (1, 2));
    assert_eq!(desk.touch(), Ok((99, 101)));
}

#[test]
fn packets_that_do_not_belong_here_are_counted_and_change_nothing() {
    let mut desk = Desk::live(100);
    let message = [(bid(3, 100), WHOLE)];
    let now = START_NS as i64;
    desk.give(Source::A, &packet(INCREMENTAL, CHANNEL + 1, 100, now, &message));
    desk.give(Source::A, &packet(RETRANSMITTED, CHANNEL, 100, now, &message));
    desk.give(Source::Unicast, &packet(INCREMENTAL, CHANNEL, 100, now, &message));
    desk.give(Source::Unicast, &packet(SNAPSHOT, CHANNEL, 100, now, &message));
    desk.give(Source::B, &packet(0x03, CHANNEL, 100, now, &message));
    desk.give(Source::B, &[0; 23]);
    let counts = desk.channel.counts();
    assert_eq!((counts.foreign_packets, counts.misplaced_packets, counts.refused_packets), (1, 4, 1));
    assert_eq!((desk.channel.expected_seq(), desk.touch()), (Some(100), Ok((99, 101))));
    // Sent again without having been asked for: no harm.
    desk.retransmitted(100, &[bid(3, 100)]);
    desk.retransmitted(100, &[bid(3, 100)]);
    desk.retransmitted(500, &[bid(4, 100)]);
    assert_eq!((desk.channel.expected_seq(), desk.touch()), (Some(101), Ok((100, 101))));
}

#[test]
fn the_last_number_of_all_ends_the_stream_and_nothing_else() {
    let mut desk = Desk::live(i64::MAX - 2);
    desk.incremental(i64::MAX - 2, &[bid(3, 98)]);
    desk.incremental(i64::MAX - 1, &[bid(4, 100)]);
    assert_eq!((desk.channel.expected_seq(), desk.touch()), (Some(i64::MAX), Ok((100, 101))));
    desk.incremental(i64::MAX, &[]);
    desk.incremental(i64::MAX, &[bid(5, 100)]);
    assert_eq!((desk.channel.counts().refused_packets, desk.channel.state()), (1, ChannelState::Live));
    let mut surplus = packet(INCREMENTAL, CHANNEL, i64::MAX, START_NS as i64, &[]);
    surplus.extend([0; 8]);
    desk.give(Source::A, &surplus);
    assert_eq!((desk.channel.counts().messages.errors, desk.channel.state()), (1, ChannelState::Live));
}

#[test]
fn time_that_runs_backwards_counts_as_no_time() {
    let mut desk = Desk::live(100);
    desk.incremental(101, &[bid(3, 98)]);
    desk.now_ns -= 1_000_000_000;
    desk.flagged(100, &[(bid(4, 100), WHOLE)]);
    assert_eq!(desk.channel.counts().gap_filled, StepTimes { count: 1, ..StepTimes::default() });
    assert_eq!((desk.pass(0), desk.channel.is_silent()), (None, false));
}

#[test]
fn every_doubt_says_what_is_the_matter() {
    let all = [
        Doubt::UnknownInstrument,
        Doubt::NoSnapshot,
        Doubt::Lost,
        Doubt::Contradicted(Contradiction::Grown),
        Doubt::Unreadable,
        Doubt::Gap,
        Doubt::Silent,
        Doubt::Ahead,
        Doubt::OpenTransaction,
        Doubt::Undefined,
        Doubt::NotOpen(InstrumentStatus::Halted),
        Doubt::Crossed,
        Doubt::Locked,
    ];
    let mut texts: Vec<String> = all.iter().map(Doubt::to_string).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), all.len());
}
