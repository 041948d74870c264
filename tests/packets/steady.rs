//! At a rate that can be read, nothing is lost: 100,000 datagrams of two groups and more, by each way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use hedgewire_host::packet::{Counts, Stamp};

use super::*;

const DATAGRAMS: u64 = 100_000;
/// Fewer than the smallest buffer on the way holds: veth's has 256.
const WINDOW: u64 = 128;

#[test]
fn every_datagram_arrives_once_in_order_and_whole() {
    for way in WAYS {
        let Some(namespaces) = Namespaces::new(way.name, 1) else { return };
        let read = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let mut receiver = scope.spawn(|| open(&namespaces, &settings(way, 1024))).join().expect("a receiver");
            println!("{}: {receiver}", way.name);
            scope.spawn(|| send(&namespaces, &read));
            let mut next = 0;
            receive(&mut receiver, |datagram| {
                assert_eq!(number_of(datagram.payload), next, "{}", way.name);
                let group = group_of(next);
                assert_eq!((datagram.group, datagram.line), (group, LINES[group]), "{}", way.name);
                assert_stamped(datagram);
                next += 1;
                read.store(next, Ordering::Release);
                next == DATAGRAMS
            });
            let on_b = (0..DATAGRAMS).filter(|&number| LINES[group_of(number)] == Line::B).count() as u64;
            let expected = Counts { received: [DATAGRAMS - on_b, on_b], ..Counts::default() };
            assert_eq!(receiver.counts().expect("counts"), expected, "{}", way.name);
        });
    }
}

fn group_of(number: u64) -> usize {
    // UDP sockets are read in turn, so order holds between groups of one port only.
    if number.is_multiple_of(2) { 0 } else { 2 }
}

fn send(namespaces: &Namespaces, read: &AtomicU64) {
    let socket = sender(namespaces);
    for number in 0..DATAGRAMS {
        while number >= read.load(Ordering::Acquire) + WINDOW {
            std::thread::yield_now();
        }
        let bytes = 8 + (number as usize * 7) % 1400;
        socket.send_to(&payload(number, bytes), groups()[group_of(number)]).expect("sent");
    }
}

fn assert_stamped(datagram: &Received<'_>) {
    let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    assert!(datagram.received_ns <= now_ns && now_ns - datagram.received_ns < 3_600_000_000_000, "{datagram:?}");
    assert_ne!(datagram.stamp, Stamp::Hardware, "a cable of software");
}

#[test]
fn every_group_of_every_port_is_told_apart() {
    for way in WAYS {
        let Some(namespaces) = Namespaces::new(way.name, 1) else { return };
        std::thread::scope(|scope| {
            let mut receiver = scope.spawn(|| open(&namespaces, &settings(way, 256))).join().expect("a receiver");
            scope.spawn(|| {
                let socket = sender(&namespaces);
                for (at, group) in groups().iter().enumerate() {
                    // The groups' ports crossed, and a group that nobody joined: not for us.
                    let crossed = SocketAddrV4::new(*group.ip(), 8450 - group.port());
                    let foreign: SocketAddrV4 = "239.200.0.1:4220".parse().expect("an address");
                    for to in [*group, crossed, foreign] {
                        socket.send_to(&payload(at as u64, 100), to).expect("sent");
                    }
                }
            });
            let mut seen = Vec::new();
            receive(&mut receiver, |datagram| {
                assert_eq!(number_of(datagram.payload), datagram.group as u64, "{}", way.name);
                assert_eq!(datagram.line, LINES[datagram.group]);
                seen.push(datagram.group);
                seen.len() == 3
            });
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2]);
            drain(&mut receiver, |datagram| panic!("{}: {datagram:?}", way.name));
            let counts = receiver.counts().expect("counts");
            assert_eq!((counts.received, counts.lost()), ([2, 1], 0), "{}: {counts:?}", way.name);
        });
    }
}

#[test]
fn an_interface_that_goes_down_is_told() {
    for way in WAYS {
        let Some(namespaces) = Namespaces::new(way.name, 1) else { return };
        std::thread::scope(|scope| {
            let mut receiver = scope.spawn(|| open(&namespaces, &settings(way, 64))).join().expect("a receiver");
            receiver.counts().expect("it is up");
            namespaces.take_down();
            let error = receiver.counts().expect_err("it is down").to_string();
            assert!(error.contains(INTERFACE) && error.contains("is down"), "{}: {error}", way.name);
            let again = scope.spawn(|| {
                namespaces.enter_receiving();
                Receiver::open(&settings(way, 64)).map(|_| ()).expect_err("it is down").to_string()
            });
            assert!(again.join().expect("an error").contains("is down"));
        });
    }
}
