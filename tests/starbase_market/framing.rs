//! Lengths: what is skipped, what is an error, and what an error costs.

use super::*;
use wire::{Header, INCREMENTAL, WHOLE, raw_packet};

const HEADER: Header = Header { sending_time: 1, seq: 10, channel: 1, kind: INCREMENTAL, count: 1 };

fn with_count(count: u16, messages: &[u8]) -> Vec<u8> {
    raw_packet(Header { count, ..HEADER }, messages)
}

#[test]
fn a_heartbeat_has_no_message() {
    let bytes = with_count(0, &[]);
    assert_eq!(Packet::new(&bytes).map(|packet| (packet.seq, packet.next_seq())), Ok((10, 10)));
    assert!(read(&bytes).is_empty());
}

#[test]
fn a_packet_shorter_than_its_header_is_refused() {
    let bytes = with_count(0, &[]);
    for length in 0..24 {
        let error = Packet::new(&bytes[..length]).expect_err("too short");
        let fault = Fault::Short { item: Item::PacketHeader, needed_bytes: 24, available_bytes: length };
        assert_eq!(error, DecodeError { template: None, offset_bytes: 0, fault });
        assert_eq!(
            error.to_string(),
            format!("packet at byte 0 of the payload: expected 24 bytes of packet header, found {length}")
        );
    }
}

#[test]
fn numbers_that_no_message_has_are_refused() {
    for (seq, count, is_good) in [
        (0, 0, true),
        (i64::MAX, 0, true),
        (i64::MAX - 1, 1, true),
        (i64::MAX, 1, false),
        (i64::MAX - 65_534, 65_535, false),
        (-1, 0, false),
        (i64::MIN, 1, false),
    ] {
        let bytes = raw_packet(Header { seq, count, ..HEADER }, &vec![0; usize::from(count) * 16]);
        let packet = Packet::new(&bytes);
        assert_eq!(packet.is_ok(), is_good, "{seq} {count}");
        if let Err(error) = packet {
            assert_eq!(error.fault, Fault::SequenceRange { seq, message_count: count });
        }
    }
}

#[test]
fn a_packet_cut_at_any_byte_gives_its_whole_messages_and_one_error() {
    let bodies = [Body::put(true, 1, 2, 3, 4, 5), Body::definition(1, 0, &[(1, 2)], &[(3, 4)]), Body::status(1, 0)];
    let messages: Vec<Vec<u8>> = bodies.iter().map(|body| body.message(1, WHOLE)).collect();
    let bytes = with_count(3, &messages.concat());
    let ends: Vec<usize> = messages
        .iter()
        .scan(24, |end, message| {
            *end += message.len();
            Some(*end)
        })
        .collect();
    // Shorter than three message headers it is refused as a whole.
    for cut in 24..24 + 3 * 16 {
        let fault = Fault::Short { item: Item::Packet, needed_bytes: 72, available_bytes: cut };
        let error = Packet::new(&bytes[..cut]).expect_err("too short");
        assert_eq!(error, DecodeError { template: None, offset_bytes: 22, fault });
    }
    for cut in 24 + 3 * 16..bytes.len() {
        let read = read(&bytes[..cut]);
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(read.iter().filter(|message| message.is_ok()).count(), whole, "cut at {cut}");
        let error = read.last().expect("something").expect_err("cut");
        assert!(error.fault.loses_rest());
        assert_eq!(error.offset_bytes, if whole == 0 { 24 } else { ends[whole - 1] });
        assert_eq!(read.len(), whole + 1);
    }
}

#[test]
fn a_message_shorter_than_its_header_loses_the_rest() {
    for length in 0..16u16 {
        let mut first = Body::delete(true, 1, 2).message(1, WHOLE);
        first[..2].copy_from_slice(&length.to_le_bytes());
        let bytes = with_count(2, &[first, Body::delete(true, 1, 2).message(1, WHOLE)].concat());
        let read = read(&bytes);
        assert_eq!(read.len(), 1);
        let fault = Fault::MessageLength { needed_bytes: 16, declared_bytes: usize::from(length) };
        assert_eq!(read[0].expect_err("short"), DecodeError { template: Some(24), offset_bytes: 24, fault });
    }
}

#[test]
fn bytes_after_the_last_message_are_told_and_cost_nothing() {
    let mut messages = Body::delete(true, 1, 2).message(1, WHOLE);
    messages.extend([0; 5]);
    let bytes = with_count(1, &messages);
    let read = read(&bytes);
    assert!(read[0].is_ok());
    let fault = Fault::Surplus { item: Item::Packet, surplus_bytes: 5 };
    assert_eq!(read[1].expect_err("surplus"), DecodeError { template: None, offset_bytes: 56, fault });
    assert!(!fault.loses_rest());
}

#[test]
fn other_templates_and_other_lengths_are_skipped_and_counted() {
    let longer = Body::put(false, 1, 2, 3, 4, 5).i64(6);
    let shorter = Body::new(25).i64(1);
    let foreign = Body::new(4711).i64(1).u8(2);
    let known = Body::delete(true, 8, 9);
    let messages: Vec<u8> =
        [&longer, &shorter, &foreign, &known].iter().flat_map(|body| body.message(9, WHOLE)).collect();
    let bytes = with_count(4, &messages);
    let mut counts = MessageCounts::default();
    let mut unknown = Vec::new();
    for framed in read(&bytes) {
        counts.observe(&framed);
        match framed.expect("skipped, not refused").message {
            Message::Unknown(skipped) => {
                unknown.push((skipped.template, skipped.body_bytes, skipped.may_change_book()));
            }
            Message::Delete(Side::Bid, delete) => assert_eq!(delete.order_id(), 9),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(unknown, [(21, 48, true), (25, 8, true), (4711, 16, false)]);
    assert_eq!((counts.unknown_lengths, counts.unknown_templates, counts.errors, counts.of(24)), (2, 1, 0, 1));
}

#[test]
fn every_length_of_every_template_is_read_or_skipped() {
    let known: Vec<(u16, usize)> = layout::MESSAGES
        .iter()
        .chain(&layout::OTHER_VERSIONS)
        .map(|layout| (layout.template, layout.block_bytes))
        .collect();
    for template in 0..300 {
        for length in 0..320usize {
            let mut message = Body { template, bytes: vec![1; length] }.message(1, WHOLE);
            // Unpadded, so that every length is tried.
            message.truncate(16 + length);
            message[..2].copy_from_slice(&(16 + length as u16).to_le_bytes());
            let bytes = with_count(1, &message);
            let read = read(&bytes);
            let is_unknown = matches!(read[0], Ok(Framed { message: Message::Unknown(_), .. }));
            let padded = |block: usize| (16 + block).next_multiple_of(8) - 16;
            let is_known =
                known.iter().any(|(known, block)| *known == template && (length == *block || length == padded(*block)));
            match template {
                // Its groups are in the message.
                10 => assert_eq!(is_unknown, length < 260),
                _ => assert_eq!(is_unknown, !is_known, "template {template}, {length} bytes"),
            }
        }
    }
}

#[test]
fn a_definition_whose_groups_do_not_fit_is_an_error_that_costs_no_other_message() {
    let good = Body::definition(1, 0, &[(1, 2)], &[(3, 4)]);
    let entry = |at: usize, bytes: u16| {
        let mut body = good.clone();
        body.bytes[at..at + 2].copy_from_slice(&bytes.to_le_bytes());
        body
    };
    let start = 24 + 16;
    for (body, offset_bytes, fault) in [
        (entry(260, 17), 260, Fault::GroupEntry { declared_bytes: 17, known_bytes: 16 }),
        (entry(260, 0), 260, Fault::GroupEntry { declared_bytes: 0, known_bytes: 16 }),
        (entry(262, 9), 264, Fault::Short { item: Item::GroupEntries, needed_bytes: 144, available_bytes: 32 }),
        (entry(280, 10), 280, Fault::GroupEntry { declared_bytes: 10, known_bytes: 9 }),
        (
            entry(282, 65_535),
            284,
            Fault::Short { item: Item::GroupEntries, needed_bytes: 589_815, available_bytes: 12 },
        ),
        (good.clone().i64(0), 293, Fault::Surplus { item: Item::Message, surplus_bytes: 11 }),
    ] {
        let messages = [body.message(1, WHOLE), Body::delete(true, 8, 9).message(1, WHOLE)].concat();
        let bytes = with_count(2, &messages);
        let read = read(&bytes);
        let error = read[0].expect_err("does not fit");
        assert_eq!(error, DecodeError { template: Some(10), offset_bytes: start + offset_bytes, fault });
        assert!(!error.fault.loses_rest());
        assert!(matches!(read[1], Ok(Framed { message: Message::Delete(..), .. })));
    }
}

#[test]
fn version_0_used_low_templates_for_other_messages() {
    for template in [10, 11, 12, 14, 15, 16] {
        let layout = layout::MESSAGES.iter().find(|layout| layout.template == template).expect("known");
        let body = Body { template, bytes: vec![0; layout.block_bytes] };
        let bytes = with_count(1, &body.message(0, WHOLE));
        assert!(matches!(only(&bytes).message, Message::Unknown(_)), "template {template}");
    }
    let bytes = with_count(1, &Body::delete(true, 1, 2).message(0, WHOLE));
    assert!(matches!(only(&bytes).message, Message::Delete(..)));
}
