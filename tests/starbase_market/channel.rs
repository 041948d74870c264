//! A channel step by step: order, gaps, requests, restarts and limits.

use super::desk::{Desk, ID, START_NS, bid};
use super::venue::{CHANNEL, read_request, reject};
use super::*;
use wire::{INCREMENTAL, RETRANSMITTED, SNAPSHOT, WHOLE};

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
    // A snapshot that was sent before the restart claims messages of the old numbering.
    desk.now_ns -= 1;
    desk.snapshot(ID, 1000);
    assert_eq!((desk.touch(), desk.channel.snapshot_counts().packets_old), (Err(Doubt::Lost), 1));
    desk.now_ns += 1;
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
    // Sent again without having been asked for.
    desk.retransmitted(100, &[bid(3, 100)]);
    assert_eq!((desk.channel.expected_seq(), desk.channel.retransmit_counts().stray_replies), (Some(100), 1));
    // Asked for, and others come.
    desk.incremental(102, &[bid(3, 100)]);
    assert_eq!(desk.pass(50_000).map(|request| request.begin_seq), Some(100));
    desk.retransmitted(50, &[bid(4, 98)]);
    desk.retransmitted(500, &[bid(4, 98)]);
    assert_eq!((desk.channel.expected_seq(), desk.channel.retransmit_counts().replies), (Some(100), 2));
    desk.retransmitted(99, &[bid(9, 98), bid(4, 98), bid(5, 98)]);
    assert_eq!((desk.channel.expected_seq(), desk.touch()), (Some(103), Ok((100, 101))));
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
