//! When a book may be believed: snapshots, contradictions, transactions, status, silence.

use super::desk::{Desk, ID, START_NS, ask, bid};
use super::venue::{CHANNEL, read_request, reject};
use super::*;
use wire::SNAPSHOT;

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
    // Applied again it would contradict the book.
    desk.incremental(101, &[Body::delete(true, ID, 77)]);
    assert_eq!((desk.touch(), desk.changed()), (Ok((99, 101)), 1));
    assert_eq!(desk.channel.book_counts().in_snapshot, 2);
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
    // Twice the same, then grouped differently: an order again would contradict the snapshot.
    for (start, end) in [(0, 2), (0, 2), (1, 4)] {
        let bytes = packet(SNAPSHOT, CHANNEL, 1 + start as i64, START_NS as i64, &bodies[start..end]);
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
    // A snapshot in the middle of one.
    desk.flagged(105, &[(Body::delete(true, ID, 77), 3)]);
    desk.flagged(106, &[(bid(6, 100), 1)]);
    desk.snapshot(ID, 105);
    assert_eq!(desk.touch(), Err(Doubt::OpenTransaction));
    desk.flagged(107, &[(ask(7, 102), 2)]);
    assert_eq!(desk.touch(), Ok((100, 101)));
    // Books that a transaction does not touch are not its business.
    desk.flagged(108, &[(Body::put(true, 8, 1, 1, 1, 1), 1)]);
    assert_eq!(desk.touch(), Ok((100, 101)));
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
