//! From a packet on the wire to an order on the wire: the whole engine, by each way in, and under load.
//!
//! ```text
//!   cargo bench --bench wire [-- --venue CORE --engine CORE --rounds N --flood-seconds S --messages-in-packet N]
//!                                                              root, for namespaces; 0 leaves rounds or flood out
//!
//!   venue's core, spinning                                    engine's core, spinning: `live::run`
//!     clock, send ──────────────── multicast, veth ──────────► AF_XDP | packet ring | UDP
//!                                                                 │  order, book, quote, kernel, gates: its own share
//!     clock, read ◄───────────────── TCP, veth ────────────────── write
//! ```
//!
//! A probe is one packet that moves the price so far that a hedge follows. What is told, each the median of the rounds'
//! medians, and UDP beside it in the same round:
//! * *wire to wire*: from before the packet's send to after the read of the order. Both systems' work for a datagram and
//!   a segment is in it, twice a system call of the venue's side, and no network card;
//! * *own share*: from the packet being visible to the engine to the order's bytes being handed to the socket; and with
//!   the system's work for the segment.
//!
//! The flood sends messages about the hedged book at a steady rate, most of them at its best prices, each decided on, with
//! probes among them: a message that is lost shows as a gap, a queue that grows as probes that take longer from
//! one ten seconds to the next.
//!
//! A regression means an allocation, a system call or a search in the path. Without `--bench` (as `cargo test --benches`
//! calls it) one small round runs and nothing is claimed. Without namespaces it says `SKIPPED:`.

#[path = "wire/engine.rs"]
mod engine;
mod feed;
#[path = "../tests/packets/namespaces.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod namespaces;
#[path = "wire/venue.rs"]
mod venue;
#[path = "../tests/packets/ways.rs"]
mod ways;

use std::net::SocketAddrV4;
use std::time::Instant;

use engine::Running;
use hedgewire_host::live::shell::Ended;
use hedgewire_host::packet::pin;
use hedgewire_host::telemetry::{FeedCount, Latency};
use hedgewire_sim::venue::shell::Addresses;
use namespaces::{Namespaces, SENDER};
use venue::VenueSide;
use ways::{WAYS, Way};

const MS: i64 = 1_000_000;
/// Between two probes: long enough for the hedge to be filled and told.
const APART_NS: i64 = MS / 2;
/// Longest time until a first order, ns.
const START_NS: i64 = 20_000 * MS;
/// What the engine is to keep up with.
const MESSAGES_PER_SECOND: u64 = 200_000;
/// Of the flood, told together.
const PART_SECONDS: u64 = 10;
const PORTS: [u16; 4] = [4210, 4240, 4220, 4230];
const RING_FRAMES: u32 = 8_192;

/// What a run is asked for.
struct Asked {
    cores: [usize; 2],
    is_pinned: bool,
    rounds: usize,
    probes: usize,
    flood_seconds: u64,
    messages_in_packet: usize,
}

/// What the latencies of a round came to, ns.
struct Round {
    /// Median and p99.
    wire_to_wire: [u64; 2],
    own: OwnShare,
}

/// The engine's own share, ns, from the packet being visible.
struct OwnShare {
    /// Until everything is decided, of packets that led to a quote: the median.
    decision: u64,
    /// Until an order's bytes are handed to the socket: median and p99.
    bytes: [u64; 2],
    /// Until the socket has taken them: the median.
    order: u64,
}

fn own_share(running: &Running) -> OwnShare {
    let read = |latency, of| running.telemetry.latency(latency).read().quantile_ns(of).unwrap_or(0);
    OwnShare {
        decision: read(Latency::PacketToDecision, 0.5),
        bytes: [0.5, 0.99].map(|of| read(Latency::PacketToBytes, of)),
        order: read(Latency::PacketToOrder, 0.5),
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let is_bench = words.iter().any(|word| word == "--bench");
    let number = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)?.parse().ok());
    let asked = Asked {
        cores: [number("--venue").unwrap_or(0), number("--engine").unwrap_or(1)],
        is_pinned: is_bench,
        rounds: if is_bench { number("--rounds").unwrap_or(5) } else { 1 },
        probes: if is_bench { 2_000 } else { 20 },
        flood_seconds: if is_bench { number("--flood-seconds").unwrap_or(60) as u64 } else { 0 },
        messages_in_packet: number("--messages-in-packet").unwrap_or(2),
    };
    let Some(namespaces) = Namespaces::new("bench of the wire", 1) else { return };
    let mut rounds = WAYS.map(|_| Vec::new());
    for _ in 0..asked.rounds {
        for (way, rounds) in WAYS.iter().zip(&mut rounds) {
            rounds.push(latencies(&namespaces, *way, &asked));
        }
    }
    if is_bench && asked.rounds > 0 {
        show(&rounds, &asked);
    }
    if asked.flood_seconds > 0 {
        WAYS.iter().for_each(|way| flood(&namespaces, *way, &asked));
    }
}

fn show(rounds: &[Vec<Round>], asked: &Asked) {
    println!(
        "measured over veth, venue on core {}, engine on core {}; {} rounds of {} probes; ns, medians of the rounds",
        asked.cores[0], asked.cores[1], asked.rounds, asked.probes
    );
    println!(
        "{:<16} {:>24}  {:>9}  {:>28}  {:>9}",
        "", "wire to wire, p50 (p99)", "over UDP", "own share, p50 (p99)", "written"
    );
    let bar = &rounds[WAYS.len() - 1];
    for (way, rounds) in WAYS.iter().zip(rounds) {
        let middle = |of: &dyn Fn(&Round) -> u64| quantile(rounds.iter().map(of).collect(), 0.5);
        let ratios = rounds.iter().zip(bar).map(|(way, udp)| 1_000 * way.wire_to_wire[0] / udp.wire_to_wire[0].max(1));
        println!(
            "{:<16} {:>14} ({:>7})  {:>9.2}  {:>7} ({:>7}), decided {:>5}  {:>9}",
            way.name,
            middle(&|round| round.wire_to_wire[0]),
            middle(&|round| round.wire_to_wire[1]),
            quantile(ratios.collect(), 0.5) as f64 / 1_000.0,
            middle(&|round| round.own.bytes[0]),
            middle(&|round| round.own.bytes[1]),
            middle(&|round| round.own.decision),
            middle(&|round| round.own.order),
        );
    }
}

fn quantile(mut values: Vec<u64>, of: f64) -> u64 {
    values.sort_unstable();
    values.get(((values.len().max(1) - 1) as f64 * of).round() as usize).copied().unwrap_or(0)
}

/// Runs an engine by a way, and a venue that `drive` plays; returns what the engine said at its end, and `drive`'s.
fn session<T: Send>(
    namespaces: &Namespaces,
    way: Way,
    asked: &Asked,
    drive: impl FnOnce(&mut VenueSide, &Running) -> T + Send,
) -> (Ended, T) {
    let folder = tempfile::tempdir().expect("a folder");
    let [orders, retransmit, incremental, snapshot] = PORTS;
    let group = |last: u8, port: u16| SocketAddrV4::new([239, 255, 42, last].into(), port);
    let addresses = Addresses {
        orders: (SENDER, orders).into(),
        retransmit: (SENDER, retransmit).into(),
        incremental: [group(1, incremental), group(2, incremental)],
        snapshot: [group(1, snapshot), group(2, snapshot)],
        legacy: None,
    };
    let groups = [0, 1].map(|line| [addresses.incremental[line], addresses.snapshot[line]]);
    let mut packets = way.settings([&groups[0], &groups[1]], RING_FRAMES);
    packets.core = asked.is_pinned.then_some(asked.cores[1]);
    let running = &Running::new(engine::plan(folder.path(), addresses.orders, packets));
    let journal = folder.path().join("journal");
    std::thread::scope(|scope| {
        let venue = scope.spawn(move || {
            namespaces.enter_sending();
            if asked.is_pinned {
                pin(asked.cores[0]).expect("the venue's core");
            }
            let mut venue = VenueSide::open(addresses);
            start(&mut venue);
            let driven = drive(&mut venue, running);
            running.stop();
            // Until the engine has ended in good order.
            venue.serve(500 * MS);
            driven
        });
        let engine = scope.spawn(|| {
            namespaces.enter_receiving();
            running.run(&journal)
        });
        (engine.join().expect("an end"), venue.join().expect("a venue"))
    })
}

/// Serves until hedges follow probes.
fn start(venue: &mut VenueSide) {
    for _ in 0..START_NS / (10 * MS) {
        venue.serve(10 * MS);
        venue.probe();
        if venue.has_ordered {
            return;
        }
    }
    panic!("the engine has sent no order");
}

fn latencies(namespaces: &Namespaces, way: Way, asked: &Asked) -> Round {
    let (_, round) = session(namespaces, way, asked, |venue, running| {
        let mut times = Vec::with_capacity(asked.probes);
        for _ in 0..10 * asked.probes {
            venue.serve(APART_NS);
            times.extend(venue.probe().map(i64::unsigned_abs));
            if times.len() == asked.probes {
                break;
            }
        }
        assert_eq!(times.len(), asked.probes, "{}: too few hedges", way.name);
        Round { wire_to_wire: [quantile(times.clone(), 0.5), quantile(times, 0.99)], own: own_share(running) }
    });
    round
}

fn flood(namespaces: &Namespaces, way: Way, asked: &Asked) {
    let (ended, (messages, seconds, parts, gaps, own)) = session(namespaces, way, asked, |venue, running| {
        let gaps = || running.telemetry.feed(0).count(FeedCount::Gaps).get();
        let before = gaps();
        let begun = Instant::now();
        venue.flood(MESSAGES_PER_SECOND, asked.messages_in_packet);
        let parts: Vec<Vec<u64>> = (0..asked.flood_seconds.div_ceil(PART_SECONDS))
            .map(|_| {
                let mut times = Vec::new();
                for _ in 0..PART_SECONDS * 100 {
                    venue.serve(10 * MS);
                    times.extend(venue.probe().map(i64::unsigned_abs));
                }
                times
            })
            .collect();
        let messages = venue.end_flood();
        let seconds = begun.elapsed().as_secs_f64();
        // A heartbeat tells of what was lost last.
        venue.serve(2_000 * MS);
        (messages, seconds, parts, gaps() - before, own_share(running))
    });
    let told: Vec<String> = parts
        .into_iter()
        .map(|times| format!("{} ({})", quantile(times.clone(), 0.5), quantile(times, 0.99)))
        .collect();
    println!(
        "{}: {messages} messages in {seconds:.1} s, {:.0} a second, {} to a packet, {} quotes decided, {} hedges, {gaps} gaps; own share, p50: decided \
         {}, bytes {}; wire to wire by {PART_SECONDS} s, p50 (p99): {}",
        way.name,
        messages as f64 / seconds,
        asked.messages_in_packet,
        ended.counts.quotes,
        ended.counts.hedges,
        own.decision,
        own.bytes[0],
        told.join(", ")
    );
}
