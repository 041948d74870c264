//! Market data: bytes by hand from the venue's tables, snapshots, retransmission.

use super::*;

/// A packet's sequence number, type, count, and its messages: template, flags, length, body.
pub type Packet = (i64, u16, u16, Vec<(u16, u16, usize, Vec<u8>)>);

pub fn read(packet: &[u8]) -> Packet {
    let half = |at: usize| u16::from_le_bytes([packet[at], packet[at + 1]]);
    let seq = i64::from_le_bytes(packet[8..16].try_into().expect("8 bytes"));
    assert_eq!(i32::from_le_bytes(packet[16..20].try_into().expect("4 bytes")), 44_849);
    let (mut at, mut messages) = (24, vec![]);
    while at < packet.len() {
        let len = usize::from(half(at));
        assert!(len >= 16 && len % 8 == 0, "padded to 8 bytes");
        messages.push((half(at + 2), half(at + 6), len, packet[at + 16..at + len].to_vec()));
        at += len;
    }
    assert_eq!(at, packet.len());
    (seq, half(20), half(22), messages)
}

fn word(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

/// A world whose packets so far are taken away.
fn world() -> (World, Client) {
    let mut world = World::new(settings(1));
    let alpha = Client::log_on(&mut world, "alpha");
    world.incremental.clear();
    (world, alpha)
}

#[test]
fn resting_order_is_a_packet_of_the_published_bytes() {
    let (mut world, mut alpha) = world();
    alpha.order(&mut world, &Order::limit(1, -1, 60_000, 10));
    let time = START.to_le_bytes();
    // Five messages announced the listing: an index and four instruments.
    #[rustfmt::skip]
    let expected = [
        &time[..],
        &[6, 0, 0, 0, 0, 0, 0, 0],
        &[0x31, 0xaf, 0, 0], // channel 44849
        &[1, 0, 1, 0], // incremental, one message
        &[0x38, 0, 0x15, 0, 1, 0, 3, 0], // 56 bytes, AskPut, version 1, start and end
        &time[..],
        &[1, 0, 0, 0, 0, 0, 0, 0], // order
        &[0x96, 0x37, 3, 0, 0, 0, 0, 0], // instrument 210838
        &[10, 0, 0, 0, 0, 0, 0, 0],
        &[0x00, 0xc0, 0xaf, 0xd6, 0x91, 0x36, 0x00, 0x00], // 60000 * 10^9
        &[1, 0, 0, 0, 0, 0, 0, 0], // first to rest
    ]
    .concat();
    assert_eq!(60_000 * UNIT, 0x3691_d6af_c000);
    assert_eq!(world.incremental, [expected]);
}

#[test]
fn trade_is_one_transaction_summary_trades_then_book() {
    let (mut world, mut alpha) = world();
    alpha.order(&mut world, &Order::limit(1, 1, 60_000, 10));
    alpha.order(&mut world, &Order::limit(2, 1, 59_990, 30));
    world.incremental.clear();
    alpha.order(&mut world, &Order::limit(3, -1, 59_990, 20));
    assert_eq!(world.incremental.len(), 1);
    let (seq, kind, count, messages) = read(&world.incremental[0]);
    assert_eq!((seq, kind, count), (8, 1, 5));
    let shape: Vec<_> = messages.iter().map(|(template, flags, len, _)| (*template, *flags, *len)).collect();
    assert_eq!(shape, [(30, 1, 72), (31, 0, 64), (31, 0, 64), (24, 0, 32), (20, 2, 56)]);
    let summary = &messages[0].3;
    assert_eq!((word(summary, 16), word(summary, 24), summary[48], summary[52]), (20, 59_990 * UNIT, 2, 1));
    assert_eq!((word(&messages[1].3, 24), word(&messages[1].3, 32)), (10, 60_000 * UNIT));
    assert_eq!((word(&messages[4].3, 16), word(&messages[4].3, 32)), (20, 2), "restated with its place");
    alpha.amend(&mut world, &Order::limit(2, 1, 59_990, 20));
    let (_, _, _, messages) = read(&world.incremental[1]);
    assert_eq!((messages[0].0, messages[0].1, messages[0].2, word(&messages[0].3, 16)), (22, 3, 40, 10));
}

#[test]
fn silence_has_heartbeats_with_the_number_of_the_next_message() {
    let (mut world, _) = world();
    world.wait(5 * UNIT);
    let heartbeats: Vec<_> = world.incremental.iter().map(|packet| read(packet)).collect();
    assert_eq!(heartbeats, [(6, 1, 0, vec![])]);
    assert_eq!(world.incremental[0].len(), 24);
}

#[test]
fn snapshots_hold_every_book_and_the_number_that_it_is_as_of() {
    let (mut world, mut alpha) = world();
    alpha.order(&mut world, &Order::limit(1, 1, 60_000, 10));
    alpha.order(&mut world, &Order::limit(2, -1, 60_100, 30));
    world.snapshots.clear();
    world.wait(UNIT);
    let mut expected = None;
    let mut templates = vec![];
    for packet in &world.snapshots {
        let (seq, kind, count, messages) = read(packet);
        assert_eq!((kind, usize::from(count)), (2, messages.len()));
        assert!(expected.is_none_or(|expected| expected == seq), "numbers of its own");
        expected = Some(seq + i64::from(count));
        templates.extend(messages);
    }
    let ends: Vec<_> = (0..templates.len()).filter(|place| templates[*place].0 == 119).collect();
    let round = &templates[ends[0] + 1..=ends[1]];
    let shape: Vec<u16> = round.iter().map(|(template, ..)| *template).collect();
    let expected: Vec<u16> = [
        vec![12, 100, 10, 14, 15, 20, 21, 101],
        vec![100, 10, 14, 15, 101],
        vec![100, 10, 14, 15, 101],
        vec![100, 10, 14, 15, 101, 119],
    ]
    .concat();
    assert_eq!(shape, expected);
    let (header, trailer) = (&round[1].3, &round[7].3);
    assert_eq!((word(header, 0), word(header, 16)), (PERPETUAL_ID, 7));
    assert_eq!((word(trailer, 0), word(trailer, 16)), (PERPETUAL_ID, 7));
    assert_eq!((round[2].2, round.last().expect("an end").3[0]), (288, 4), "a definition with two empty groups");
    let definition = &round[2].3;
    assert_eq!(&definition[8..21], b"BTC-PERPETUAL");
    assert_eq!((word(definition, 232), word(definition, 240), word(definition, 248)), (NULL, 10, UNIT / 2));
    assert_eq!(definition[256..260], [0, 0, 5, 0], "exponent, perpetual, reversed and perpetual, open");
}

fn request(channel: i32, begin: i64, count: u8) -> Vec<u8> {
    Bytes::zeros(56)
        .i64(8, 4_711)
        .put(16, &channel.to_le_bytes())
        .u16(22, 1)
        .u16(24, 32)
        .u16(26, 200)
        .u16(28, 1)
        .i64(40, begin)
        .put(48, &[count])
        .0
}

#[test]
fn lost_messages_come_again_as_they_were_up_to_a_packet() {
    let (mut world, mut alpha) = world();
    for id in 1..=100 {
        alpha.order(&mut world, &Order::limit(id, 1, 59_500 + id, 10));
    }
    world.venue.on_datagram(world.now_ns, 9, &request(44_849, 10, 255));
    world.collect();
    let (seq, kind, count, again) = read(&world.unicast[0]);
    assert_eq!((seq, kind, count), (10, 5, 24), "24 messages of 56 bytes fit");
    let first: Vec<_> = world.incremental[4..28].iter().flat_map(|packet| read(packet).3).collect();
    assert_eq!(again, first);
    world.unicast.clear();
    world.venue.on_datagram(world.now_ns, 9, &request(44_849, 104, 2));
    world.collect();
    assert_eq!(read(&world.unicast[0]).2, 2);
}

#[test]
fn requests_that_cannot_be_met_are_refused() {
    let mut settings = settings(1);
    settings.retransmit.history_messages = 8;
    settings.retransmit.burst = 2;
    let mut world = World::new(settings);
    let mut alpha = Client::log_on(&mut world, "alpha");
    for id in 1..=20 {
        alpha.order(&mut world, &Order::limit(id, 1, 59_500 + id, 10));
    }
    let mut ask = |datagram: &[u8]| {
        world.venue.on_datagram(world.now_ns, 9, datagram);
        world.collect();
        world.unicast.pop().map(|packet| read(&packet))
    };
    let mut refused = |datagram: &[u8], reason: u8, delay: i64| {
        let (seq, kind, count, messages) = ask(datagram).expect("an answer");
        assert_eq!((seq, kind, count), (4_711, 0, 1));
        assert_eq!((messages[0].0, messages[0].2), (202, 72));
        assert_eq!((messages[0].3[48], word(&messages[0].3, 0)), (reason, delay));
    };
    refused(&request(44_849, 17, 1), 1, 0);
    refused(&request(44_849, 26, 1), 2, 0);
    refused(&request(44_849, 18, 0), 4, 0);
    refused(&request(44_849, 18, 1)[..50], 4, 0);
    assert_eq!(ask(&request(44_849, 18, 1)).map(|packet| packet.1), Some(5));
    assert_eq!(ask(&request(44_849, 25, 1)).map(|packet| packet.1), Some(5));
    let (_, kind, _, messages) = ask(&request(44_849, 18, 1)).expect("an answer");
    assert_eq!((kind, messages[0].3[48], word(&messages[0].3, 0)), (0, 3, 1_000_000));
    assert_eq!(ask(&request(1, 18, 1)), None, "no such channel");
    assert_eq!(ask(&[1, 2, 3]), None);
    let counts = world.venue.counts().feeds;
    assert_eq!((counts.retransmits, counts.rejects, counts.malformed), (2, [1, 1, 1, 2], 2));
}
