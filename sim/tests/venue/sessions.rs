//! Sessions: logon, numbers, heartbeats, resends, logout, lost connections, and any bytes at all.

use super::*;
use hedgewire_sim::random::Random;

fn world() -> World {
    World::new(settings(1))
}

#[test]
fn logon_is_confirmed_in_the_published_bytes() {
    let mut world = world();
    let connection = world.connect();
    world.write(connection, &frame(1, 1, 0, &logon_body("alpha", true, false)));
    let time = START.to_le_bytes();
    #[rustfmt::skip]
    let expected = [
        &[0xdb, 0, 38, 0, 2, 0, 15, 0][..],
        &[1, 0, 0, 0, 0, 0, 0, 0],
        &[1, 0, 0, 0, 0, 0, 0, 0],
        &time[..],
        &[1, 0, 0, 0, 15, 0],
    ]
    .concat();
    assert_eq!(world.streams[&connection], (expected, false));
}

#[test]
fn version_is_the_lower_of_both() {
    let mut world = world();
    for (asked, answered) in [(12, Some(12)), (40, Some(15)), (11, None)] {
        let connection = world.connect();
        let body = Bytes(logon_body("alpha", true, false)).u16(65, asked).0;
        world.write(connection, &frame(1, 1, 0, &body));
        let bytes = &world.streams[&connection].0;
        match answered {
            Some(version) => assert_eq!((bytes[4], u16::from_le_bytes([bytes[36], bytes[37]])), (2, version)),
            None => assert_eq!((bytes[4], world.is_closed(connection)), (5, true)),
        }
        world.venue.disconnected(world.now_ns, connection);
        world.collect();
    }
}

#[test]
fn whoever_may_not_log_on_is_closed() {
    let mut world = world();
    let mut refused = |first: &[u8]| {
        let connection = world.connect();
        world.write(connection, first);
        assert!(world.is_closed(connection));
        assert!(world.read(connection).is_empty());
    };
    let wrong = Bytes(logon_body("alpha", true, false)).put(16, b"guess!").0;
    refused(&frame(1, 1, 0, &wrong));
    refused(&frame(1, 1, 0, &logon_body("gamma", true, false)));
    refused(&frame(1, 1, 0, &logon_body("alpha", true, false)[..66]));
    refused(&frame(10, 1, 0, &[0; 8]));
    refused(b"GET / HTTP/1.1\r\n");
    let connection = world.connect();
    world.wait(10 * UNIT);
    assert!(world.is_closed(connection), "no logon in time");
    let alpha = Client::log_on(&mut world, "alpha");
    let connection = world.connect();
    world.write(connection, &frame(1, 1, 0, &logon_body("alpha", true, false)));
    assert!(world.is_closed(connection), "a member has one connection");
    assert!(!world.is_closed(alpha.connection));
    assert_eq!(world.venue.counts().gateway.logons_refused, 5);
}

#[test]
fn tests_are_answered_and_silence_is_tested() {
    let mut world = world();
    let mut alpha = Client::log_on(&mut world, "alpha");
    let answer = alpha.send(&mut world, 11, &77i64.to_le_bytes());
    assert_eq!((answer[0].template, answer[0].i64(0), answer[0].last_processed), (10, 77, 2));
    world.wait(UNIT);
    assert_eq!(templates(&alpha.hear(&mut world)), [10], "a heartbeat after a second of silence");
    world.wait(UNIT / 2);
    assert_eq!(templates(&alpha.hear(&mut world)), [11], "and a test after half another");
    alpha.send(&mut world, 10, &0i64.to_le_bytes());
    world.wait(UNIT);
    assert!(!world.is_closed(alpha.connection));
    world.wait(2 * UNIT);
    assert!(world.is_closed(alpha.connection));
    assert_eq!(world.venue.counts().gateway.lost, 1);
}

#[test]
fn missed_reports_are_sent_again_and_session_messages_filled_over() {
    let mut world = world();
    let mut alpha = Client::log_on(&mut world, "alpha");
    let mut beta = Client::log_on(&mut world, "beta");
    alpha.order(&mut world, &Order::limit(1, 1, 60_000, 30));
    alpha.send(&mut world, 11, &5i64.to_le_bytes());
    assert_eq!(alpha.last_in, 3);
    world.venue.disconnected(world.now_ns, alpha.connection);
    beta.order(&mut world, &Order::limit(1, -1, 60_000, 10));
    beta.order(&mut world, &Order::limit(2, -1, 60_000, 10));
    let heard = alpha.connect(&mut world, false, false);
    assert_eq!((templates(&heard), heard[0].seq), (vec![2], 6), "two reports were missed");
    let again = alpha.send(&mut world, 20, &[1i64.to_le_bytes(), 0i64.to_le_bytes()].concat());
    let shape: Vec<_> = again.iter().map(|message| (message.template, message.flags, message.seq)).collect();
    assert_eq!(shape, [(21, 1, 1), (200, 1, 2), (21, 1, 3), (300, 1, 4), (300, 1, 5), (21, 1, 6)]);
    let fills: Vec<_> = again.iter().filter(|message| message.template == 21).map(|message| message.i64(0)).collect();
    assert_eq!(fills, [2, 4, 7]);
    let refused = alpha.send(&mut world, 20, &[9i64.to_le_bytes(), 0i64.to_le_bytes()].concat());
    assert_eq!((refused[0].template, refused[0].i64(0), refused[0].i8(8)), (30, 6, 4));
}

#[test]
fn numbers_must_follow_within_a_connection_and_may_not_fall_at_a_logon() {
    let mut world = world();
    let mut alpha = Client::log_on(&mut world, "alpha");
    alpha.next_out += 1;
    let ended = alpha.order(&mut world, &Order::limit(1, 1, 60_000, 30));
    assert_eq!(templates(&ended), [5]);
    assert!(world.is_closed(alpha.connection));
    alpha.next_out = 1;
    assert_eq!(templates(&alpha.connect(&mut world, false, false)), [5], "too low");
    alpha.next_out = 40;
    assert_eq!(templates(&alpha.connect(&mut world, false, false)), [2], "what was written to a dead connection");
    alpha.last_in += 1;
    assert_eq!(templates(&alpha.order(&mut world, &Order::limit(1, 1, 60_000, 30))), [5], "heard what was never said");
    assert_eq!(world.venue.counts().exchange.orders, 0);
}

#[test]
fn orders_go_with_a_lost_connection_if_that_was_agreed() {
    let mut world = world();
    let mut alpha = Client::log_on(&mut world, "alpha");
    alpha.order(&mut world, &Order::limit(1, 1, 60_000, 30));
    alpha.order(&mut world, &Order { flags: 1, ..Order::limit(2, 1, 60_000, 30) });
    world.venue.disconnected(world.now_ns, alpha.connection);
    assert_eq!(world.venue.open_orders(0).count(), 1, "the marked one is gone");
    alpha.connect(&mut world, false, true);
    let again = alpha.send(&mut world, 20, &[4i64.to_le_bytes(), 4i64.to_le_bytes()].concat());
    assert_eq!((again[0].template, again[0].i64(21), again[0].i8(54)), (310, 2, 7));
    let ended = alpha.send(&mut world, 4, &[0]);
    assert_eq!((templates(&ended), world.is_closed(alpha.connection)), (vec![5], true));
    assert_eq!(world.venue.open_orders(0).count(), 1, "a logout is no loss");
    alpha.connect(&mut world, false, true);
    world.venue.disconnect(world.now_ns, alpha.connection);
    world.collect();
    assert!(world.is_closed(alpha.connection));
    assert_eq!(world.venue.open_orders(0).count(), 0, "all of them");
}

#[test]
fn what_is_no_request_is_rejected_with_its_number() {
    let mut world = world();
    let mut alpha = Client::log_on(&mut world, "alpha");
    let rejected = |messages: Vec<Message>| (messages[0].template, messages[0].i64(0), messages[0].i8(8));
    assert_eq!(rejected(alpha.send(&mut world, 999, &[1, 2, 3])), (30, 2, 2));
    assert_eq!(rejected(alpha.send(&mut world, 100, &[0; 62])), (30, 3, 3));
    assert_eq!(rejected(alpha.send(&mut world, 130, &[0; 36])), (30, 4, 3));
    assert_eq!(rejected(alpha.send(&mut world, 10, &[0; 9])), (30, 5, 3));
    let old = Bytes(frame(10, 6, 0, &[0; 8])).u16(6, 14).0;
    world.write(alpha.connection, &old);
    assert_eq!(rejected(alpha.hear(&mut world)), (30, 6, 1));
    assert!(!world.is_closed(alpha.connection));
}

#[test]
fn bytes_may_come_in_any_pieces() {
    let orders: Vec<u8> =
        (1..=20).flat_map(|id| frame(100, 1 + id, 0, &Order::limit(id, 1, 59_500 + id, 10).body())).collect();
    let said = |piece: usize| {
        let mut world = world();
        let alpha = Client::log_on(&mut world, "alpha");
        orders.chunks(piece).for_each(|bytes| world.write(alpha.connection, bytes));
        (world.streams, world.incremental)
    };
    let whole = said(orders.len());
    for piece in [1, 7, 32, 95, 100] {
        assert_eq!(said(piece), whole, "pieces of {piece} bytes");
    }
}

#[test]
fn any_bytes_are_survived() {
    for seed in 0..300 {
        let mut random = Random::new(seed, 0);
        let mut world = world();
        let mut alpha = Client::log_on(&mut world, "alpha");
        for _ in 0..30 {
            if world.is_closed(alpha.connection) {
                let number = alpha.next_out + 1_000;
                alpha.next_out = number;
                alpha.connect(&mut world, random.chance(0.5), random.chance(0.5));
            }
            let template = [1, 4, 10, 11, 20, 100, 110, 120, 125, 130, 140, 145, 155, 200][random.index(14)];
            let len = [0, 8, 16, 24, 26, 17, 33, 52, 63, 68, 83, 129, 300][random.index(13)];
            let mut body: Vec<u8> = (0..len).map(|_| random.index(256) as u8).collect();
            if len > 20 && random.chance(0.5) {
                let at = if template == 125 || template == 140 { 0 } else { 16 };
                body[at..at + 8].copy_from_slice(&PERPETUAL_ID.to_le_bytes());
            }
            let mut bytes = frame(template, alpha.next_out, 0, &body);
            alpha.next_out += 1;
            if random.chance(0.1) {
                let at = random.index(bytes.len());
                bytes[at] ^= 1 << random.index(8);
            }
            world.write(alpha.connection, &bytes);
            world.read(alpha.connection);
            let datagram: Vec<u8> = (0..random.index(80)).map(|_| random.index(256) as u8).collect();
            world.venue.on_datagram(world.now_ns, 1, &datagram);
            world.wait(random.index(100_000_000) as i64);
        }
    }
}
