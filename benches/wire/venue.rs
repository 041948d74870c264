//! The venue's side of the wire: the simulated venue in real time, on a spinning thread, with the prices in our hands.
//!
//! ```text
//!   ask rests at LOW + 1 ──withdrawn──► wide ──bid placed at HIGH - 1──► high        each arrow is a probe: one packet,
//!         ▲                                                               │          after which the middle is half of
//!         └──── ask placed ◄── wide ◄────────────── bid withdrawn ────────┘          HIGH - LOW elsewhere
//! ```
//!
//! Large orders rest at `LOW` and `HIGH`, so that a hedge that crosses is filled whole and at once.
//!
//! From [`VenueSide::flood`] on packets get numbers of our own, so that packets of another flow can stand between them;
//! snapshots, whose numbers would be wrong then, are held back.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

use hedgewire_sim::venue::shell::{Addresses, Clock};
use hedgewire_sim::venue::{FlowSettings, Line, Output, Side, StreamOutput, Venue, VenueSettings, listing};

use super::feed::{self, Touch};

/// The engine's key.
pub const CLIENT: (&str, &str) = ("alpha", "a-secret-of-a-bench");
/// Where the book's two sides rest, ticks.
pub const TOUCH: Touch = Touch { bid: 119_999, ask: 120_120 };
const MS: i64 = 1_000_000;
/// 1e-9 of the perpetual's tick.
const TICK: i64 = 500_000_000;
/// USD that rest at each.
const DEEP: i64 = 1_000_000_000;
/// Place of the perpetual in the listing.
const PERPETUAL: usize = 0;
/// Template of a new order.
const NEW_ORDER: [u8; 2] = 100u16.to_le_bytes();
/// An order later than this after a probe is not counted as its.
const PATIENCE_NS: i64 = 200_000;

/// Packets between the venue's own.
struct Flood {
    packets: Vec<Vec<u8>>,
    next: usize,
    due_ns: i64,
    interval_ns: i64,
    messages: u64,
}

/// The venue and its sockets.
pub struct VenueSide {
    venue: Venue,
    clock: Clock,
    addresses: Addresses,
    multicast: UdpSocket,
    listener: TcpListener,
    stream: Option<TcpStream>,
    connections: u64,
    /// The order that makes the touch narrow, and what the next probe does.
    narrow: Option<i64>,
    probes: usize,
    /// When the probe's packet was about to be sent, until its order is there, ns.
    probed_ns: Option<i64>,
    /// Number of the next packet, once it is ours to give.
    seq: Option<i64>,
    flood: Option<Flood>,
    /// Whether an order was ever seen.
    pub has_ordered: bool,
}

impl VenueSide {
    /// Opens the sockets, in the calling thread's namespace.
    pub fn open(addresses: Addresses) -> Self {
        let clock = Clock::start();
        let now_ns = clock.now_ns();
        let mut venue = Venue::new(settings(now_ns), now_ns, None);
        for (side, ticks) in [(Side::Buy, TOUCH.bid), (Side::Sell, TOUCH.ask)] {
            venue.public_order(now_ns, PERPETUAL, side, (ticks * TICK, DEEP), false).expect("it rests");
        }
        let listener = TcpListener::bind(addresses.orders).expect("the gateway's address");
        listener.set_nonblocking(true).expect("a socket");
        let multicast = UdpSocket::bind((addresses.retransmit.ip(), 0)).expect("a socket");
        Self {
            venue,
            clock,
            addresses,
            multicast,
            listener,
            stream: None,
            connections: 0,
            narrow: None,
            probes: 0,
            probed_ns: None,
            seq: None,
            flood: None,
            has_ordered: false,
        }
    }

    /// Serves for so long.
    pub fn serve(&mut self, ns: i64) {
        let end_ns = self.clock.now_ns() + ns;
        while self.clock.now_ns() < end_ns {
            self.turn();
        }
    }

    /// Moves the market by one packet. Returns how long it took from before the packet was sent until the order that
    /// it led to was read, ns; none if none came.
    pub fn probe(&mut self) -> Option<i64> {
        let now_ns = self.clock.now_ns();
        let is_up = self.probes % 4 < 2;
        self.probes += 1;
        match self.narrow.take() {
            Some(order_id) => assert!(self.venue.public_cancel(now_ns, order_id), "it rests"),
            None => {
                let (side, ticks) = if is_up { (Side::Buy, TOUCH.ask - 1) } else { (Side::Sell, TOUCH.bid + 1) };
                self.narrow = self.venue.public_order(now_ns, PERPETUAL, side, (ticks * TICK, DEEP / 10), false);
            }
        }
        self.probed_ns = Some(self.clock.now_ns());
        let sent_ns = self.probed_ns?;
        self.send(now_ns);
        let mut bytes = [0; 4096];
        while self.clock.now_ns() < sent_ns + PATIENCE_NS {
            if let Some(len) = self.read(&mut bytes) {
                let read_ns = self.clock.now_ns();
                let is_order = has_order(&bytes[..len]);
                self.venue.on_bytes(read_ns, self.connections, &bytes[..len]);
                if is_order {
                    self.has_ordered = true;
                    return Some(read_ns - sent_ns);
                }
            }
        }
        None
    }

    /// From now on packets of another flow stand between the venue's, so many messages a second in packets of so many.
    pub fn flood(&mut self, messages_per_second: u64, messages: usize) {
        let channel_id = listing::FIRST_CHANNEL_ID;
        let packets = feed::packets(&feed::flow(TOUCH), channel_id, listing::BTC_PERPETUAL_ID, messages);
        // What waits has the venue's numbers.
        self.turn();
        self.seq = Some(self.venue.last_seq(channel_id).expect("a channel") + 1);
        self.flood = Some(Flood {
            packets,
            next: 0,
            due_ns: self.clock.now_ns(),
            interval_ns: (messages as i64 * 1_000_000_000) / messages_per_second as i64,
            messages: 0,
        });
    }

    /// Ends the flood where it began; returns how many messages it had.
    pub fn end_flood(&mut self) -> u64 {
        while self.flood.as_ref().is_some_and(|flood| flood.next != 0) {
            self.turn();
        }
        self.flood.take().map_or(0, |flood| flood.messages)
    }

    /// One turn of everything.
    fn turn(&mut self) {
        let now_ns = self.clock.now_ns();
        self.send_flood(now_ns);
        if let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).expect("a socket");
            self.stream = Some(stream);
            self.connections += 1;
            self.venue.connected(now_ns, self.connections);
        }
        let mut bytes = [0; 4096];
        while let Some(len) = self.read(&mut bytes) {
            self.has_ordered |= has_order(&bytes[..len]);
            self.venue.on_bytes(now_ns, self.connections, &bytes[..len]);
        }
        self.venue.advance(now_ns);
        self.send(now_ns);
    }

    /// What the engine has written; none if nothing.
    fn read(&mut self, bytes: &mut [u8]) -> Option<usize> {
        match self.stream.as_mut()?.read(bytes) {
            Ok(0) => {
                self.stream = None;
                self.venue.disconnected(self.clock.now_ns(), self.connections);
                None
            }
            Ok(len) => Some(len),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted), "{error}");
                None
            }
        }
    }

    /// Sends what the venue says.
    fn send(&mut self, now_ns: i64) {
        while let Some(output) = self.venue.next_output(now_ns) {
            match output {
                Output::Multicast { is_snapshot: true, .. } if self.seq.is_some() => {}
                Output::Multicast { line, is_snapshot, mut bytes } => {
                    if let Some(seq) = &mut self.seq {
                        *seq = feed::renumber(&mut bytes, *seq);
                    }
                    let groups = if is_snapshot { self.addresses.snapshot } else { self.addresses.incremental };
                    self.multicast.send_to(&bytes, groups[usize::from(line == Line::B)]).expect("sent");
                }
                Output::Stream(StreamOutput::Bytes(_, bytes)) => {
                    if let Some(stream) = &mut self.stream {
                        stream.write_all(&bytes).expect("the engine reads");
                    }
                }
                Output::Stream(StreamOutput::Close(_)) => self.stream = None,
                Output::Legacy { .. } => unreachable!("it has none"),
                Output::Unicast { .. } => unreachable!("nobody can ask"),
            }
        }
    }

    /// Sends one packet of the flood, if it is due.
    fn send_flood(&mut self, now_ns: i64) {
        let (Some(flood), Some(seq)) = (&mut self.flood, &mut self.seq) else { return };
        if flood.due_ns > now_ns {
            return;
        }
        let packet = &mut flood.packets[flood.next];
        packet[..8].copy_from_slice(&now_ns.to_le_bytes());
        let next = feed::renumber(packet, *seq);
        flood.messages += (next - *seq).unsigned_abs();
        *seq = next;
        self.multicast.send_to(packet, self.addresses.incremental[0]).expect("sent");
        flood.next = (flood.next + 1) % flood.packets.len();
        flood.due_ns += flood.interval_ns;
    }
}

/// Whether there is a new order among the frames.
fn has_order(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while rest.len() >= 8 {
        if rest[4..6] == NEW_ORDER {
            return true;
        }
        let len = usize::from(u16::from_le_bytes([rest[2], rest[3]])).max(8);
        rest = &rest[len.min(rest.len())..];
    }
    false
}

/// A venue whose public does nothing but keep the index fresh.
fn settings(now_ns: i64) -> VenueSettings {
    let flow = FlowSettings {
        rate: 1e-9,
        volatility: 1e-6,
        orders: 0,
        index_interval_ns: 500 * MS,
        adversary: None,
        ..FlowSettings::default()
    };
    VenueSettings { flow: Some(flow), ..listing::venue(1, now_ns, (1, 5), &[CLIENT]) }
}
