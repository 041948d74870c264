//! What nobody reads is counted.

use super::*;

const DATAGRAMS: u64 = 20_000;
const RING_FRAMES: u32 = 64;

#[test]
fn a_flood_is_counted_to_the_last_datagram() {
    for way in WAYS {
        let Some(namespaces) = Namespaces::new(way.name, 1) else { return };
        std::thread::scope(|scope| {
            let mut receiver =
                scope.spawn(|| open(&namespaces, &settings(way, RING_FRAMES))).join().expect("a receiver");
            let flood = scope.spawn(|| {
                let socket = sender(&namespaces);
                (0..DATAGRAMS).for_each(|number| {
                    socket.send_to(&payload(number, 200), groups()[0]).expect("sent");
                });
            });
            flood.join().expect("sent");
            let (mut received, mut next) = (0, 0);
            drain(&mut receiver, |datagram| {
                let number = number_of(datagram.payload);
                assert!(number >= next, "{}: {number} after {next}", way.name);
                (received, next) = (received + 1, number + 1);
            });
            let counts = receiver.counts().expect("counts");
            let by_cable = namespaces.dropped_by_cable();
            println!(
                "{}: {received} of {DATAGRAMS} read, {} dropped, {by_cable} by the cable",
                way.name, counts.dropped
            );
            assert!(received > 0 && counts.dropped > 0, "{}: {counts:?}", way.name);
            assert_eq!(received + counts.dropped + by_cable, DATAGRAMS, "{}: {counts:?}", way.name);
            assert_eq!(counts.received, [received, 0]);
            // Asked again, drops are not counted again, and the source goes on.
            assert_eq!(receiver.counts().expect("counts"), counts);
            scope.spawn(|| sender(&namespaces).send_to(&payload(DATAGRAMS, 50), groups()[0]).map(|_| ()));
            receive(&mut receiver, |datagram| number_of(datagram.payload) == DATAGRAMS);
        });
    }
}

#[test]
fn datagrams_in_queues_that_nobody_reads_are_counted() {
    const SOURCES: u64 = 64;
    let way = WAYS[0];
    let Some(namespaces) = Namespaces::new(way.name, 2) else { return };
    let mut settings = settings(way, 256);
    settings.lines.iter_mut().for_each(|line| line.queues = vec![1]);
    std::thread::scope(|scope| {
        let mut receiver = scope.spawn(|| open(&namespaces, &settings)).join().expect("a receiver");
        scope.spawn(|| {
            // Flows are spread over queues by their ports.
            for number in 0..SOURCES {
                sender(&namespaces).send_to(&payload(number, 50), groups()[0]).expect("sent");
            }
        });
        let mut received = 0;
        drain(&mut receiver, |_| received += 1);
        let counts = receiver.counts().expect("counts");
        println!("{receiver}: {counts:?}");
        assert!(received > 0 && counts.other_queue > 0, "{counts:?}");
        assert_eq!(received + counts.other_queue, SOURCES, "{counts:?}");
    });
}

#[test]
fn all_queues_are_read_unless_some_are_named() {
    let way = WAYS[0];
    let Some(namespaces) = Namespaces::new(way.name, 2) else { return };
    std::thread::scope(|scope| {
        let mut receiver = scope.spawn(|| open(&namespaces, &settings(way, 256))).join().expect("a receiver");
        scope.spawn(|| {
            for number in 0..64 {
                sender(&namespaces).send_to(&payload(number, 50), groups()[0]).expect("sent");
            }
        });
        let mut seen = 0;
        receive(&mut receiver, |_| {
            seen += 1;
            seen == 64
        });
        assert_eq!(receiver.counts().expect("counts").lost(), 0);
    });
}

#[test]
fn queues_that_were_just_let_go_are_had_again() {
    let way = WAYS[0];
    let Some(namespaces) = Namespaces::new(way.name, 1) else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| (0..20).for_each(|_| drop(open(&namespaces, &settings(way, 64)))));
    });
}

#[test]
fn a_second_program_and_a_queue_that_is_not_there_are_refused_with_advice() {
    let way = WAYS[0];
    let Some(namespaces) = Namespaces::new(way.name, 1) else { return };
    std::thread::scope(|scope| {
        let tried = scope.spawn(|| {
            let _first = open(&namespaces, &settings(way, 64));
            let refused =
                |settings: &PacketSettings| Receiver::open(settings).map(|_| ()).expect_err("refused").to_string();
            let mut elsewhere = settings(way, 64);
            elsewhere.lines[0].queues = vec![5];
            elsewhere.lines[1].queues = vec![5];
            (refused(&settings(way, 64)), refused(&elsewhere))
        });
        let (second, elsewhere) = tried.join().expect("two errors");
        assert!(second.contains("another program has it") && second.contains(INTERFACE), "{second}");
        assert!(elsewhere.contains("has 1 receive queues, and queue 5"), "{elsewhere}");
    });
}
