//! How long a datagram takes from a send in one network namespace to its payload in another, by each way in.
//!
//! ```text
//!   cargo bench --bench packets [-- --sender N --receiver N]        root, for namespaces and rings
//!
//!   sender's core: clock, send --> veth --> AF_XDP native | AF_XDP generic | packet ring | UDP --> clock, payload
//!                    rounds: every way in turn, so that a noisy moment touches all of them
//! ```
//!
//! Figures are measured over veth: they have the sender's system call in them and no network card, and say what a way
//! in costs beside another, not how long a packet takes. So ratios to UDP are told, each formed inside of a round, and
//! their median over the rounds; times are for orientation.
//!
//! A regression of a ratio means that a system call, a copy or a lock has come into the path. Without `--bench` (as
//! `cargo test --benches` calls it) one small round runs and nothing is claimed. Without namespaces it says `SKIPPED:`.

#[path = "../tests/packets/namespaces.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod namespaces;
#[path = "../tests/packets/ways.rs"]
mod ways;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hedgewire_host::packet::{PacketSettings, Polled, Receiver, pin};
use namespaces::{Namespaces, SENDER};
use ways::WAYS;

const GROUP: &str = "239.1.2.3:4220";
/// Between two datagrams: each is read before the next is sent.
const APART: Duration = Duration::from_micros(100);
/// A datagram that is not read by then is given up.
const PATIENCE: Duration = Duration::from_secs(2);
/// Sequence number and time.
const PAYLOAD_BYTES: usize = 256;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let is_bench = words.iter().any(|word| word == "--bench");
    let number = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)?.parse().ok());
    let cores = (number("--sender").unwrap_or(0), number("--receiver").unwrap_or(1));
    let (rounds, datagrams) = if is_bench { (15, 1_000) } else { (1, 20) };
    let Some(namespaces) = Namespaces::new("bench of packets", 1) else { return };
    // By way, the median of each round, ns.
    let mut medians = vec![Vec::new(); WAYS.len()];
    for _ in 0..rounds {
        for (at, way) in WAYS.iter().enumerate() {
            let settings = way.settings([&[GROUP.parse().expect("a group")], &[]], 1024);
            medians[at].push(round(&namespaces, settings, cores, datagrams, is_bench));
        }
    }
    if is_bench {
        show(&medians, cores, datagrams);
    }
}

fn show(medians: &[Vec<u64>], cores: (usize, usize), datagrams: u64) {
    let (rounds, bar) = (medians[0].len(), &medians[WAYS.len() - 1]);
    println!(
        "measured over veth, sender on core {}, receiver on core {}, {PAYLOAD_BYTES}-byte payloads",
        cores.0, cores.1
    );
    println!(
        "{rounds} rounds of {datagrams}; send to payload, the sender's call included; median of the rounds' medians"
    );
    for (way, ns) in WAYS.iter().zip(medians) {
        let name = way.name;
        let ratios: Vec<f64> = ns.iter().zip(bar).map(|(ns, bar)| *ns as f64 / *bar as f64).collect();
        let (least, middle, most) = (quantile(&ratios, 0.0), quantile(&ratios, 0.5), quantile(&ratios, 1.0));
        let times: Vec<f64> = ns.iter().map(|ns| *ns as f64).collect();
        println!(
            "{name:<16} {:>7.0} ns, best round {:>6.0}; over UDP {middle:.2} ({least:.2} to {most:.2})",
            quantile(&times, 0.5),
            quantile(&times, 0.0)
        );
    }
}

fn quantile(values: &[f64], of: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * of).round() as usize]
}

/// Median of the times of one way, ns.
fn round(
    namespaces: &Namespaces,
    settings: PacketSettings,
    cores: (usize, usize),
    datagrams: u64,
    is_pinned: bool,
) -> u64 {
    let clock = Instant::now();
    let (read, is_ready) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut times = std::thread::scope(|scope| {
        scope.spawn(|| {
            if is_pinned {
                pin(cores.0).expect("the sender's core");
            }
            send(namespaces, clock, datagrams, &read, &is_ready);
        });
        let reader = scope.spawn(|| {
            namespaces.enter_receiving();
            if is_pinned {
                pin(cores.1).expect("the receiver's core");
            }
            let mut receiver = Receiver::open(&settings).unwrap_or_else(|error| panic!("{error}"));
            is_ready.store(true, Ordering::Release);
            collect(&mut receiver, clock, datagrams, &read)
        });
        reader.join().expect("times")
    });
    times.sort_unstable();
    times[times.len() / 2]
}

fn send(namespaces: &Namespaces, clock: Instant, datagrams: u64, read: &AtomicU64, is_ready: &AtomicBool) {
    namespaces.enter_sending();
    let socket = UdpSocket::bind((SENDER, 0)).expect("a socket");
    socket.connect(GROUP).expect("a group");
    while !is_ready.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    let mut payload = [0; PAYLOAD_BYTES];
    for number in 0..datagrams {
        let pause = Instant::now();
        while pause.elapsed() < APART || read.load(Ordering::Acquire) < number {
            std::hint::spin_loop();
            assert!(pause.elapsed() < PATIENCE, "datagram {number} was lost");
        }
        payload[..8].copy_from_slice(&number.to_le_bytes());
        payload[8..16].copy_from_slice(&(clock.elapsed().as_nanos() as u64).to_le_bytes());
        socket.send(&payload).expect("sent");
    }
}

fn collect(receiver: &mut Receiver, clock: Instant, datagrams: u64, read: &AtomicU64) -> Vec<u64> {
    let mut times = Vec::with_capacity(datagrams as usize);
    while (times.len() as u64) < datagrams {
        match receiver.receive().expect("a source that works") {
            Polled::Datagram(datagram) => {
                let now_ns = clock.elapsed().as_nanos() as u64;
                let word = |at: usize| u64::from_le_bytes(*datagram.payload[at..].first_chunk().expect("a word"));
                assert_eq!(word(0), times.len() as u64, "in order");
                times.push(now_ns - word(8));
                read.store(times.len() as u64, Ordering::Release);
            }
            Polled::Nothing => std::hint::spin_loop(),
            Polled::Over => unreachable!("no capture"),
        }
    }
    times
}
