//! One multicast channel: numbers, packets, heartbeats, the round of snapshots, and retransmission.
//!
//! ```text
//!   transactions ──► number ──► packets ──► line ──────────────► network
//!                       └────► history ──► retransmission ─────► requester
//!   books ──► snapshots, one instrument at a time ─► packets ──► network (numbers of their own)
//! ```
//!
//! Invariants: incremental numbers go up by one per message; the first message of a transaction says that it is
//! the first, the last one that it is the last; a packet is at most [`PACKET_BYTES_MAX`] bytes.

use std::collections::VecDeque;

use super::codes::retransmit_reject as reason;
use super::layout::retransmit_request;
use super::market;
use super::wire::{Block, Body, half, word};

/// Most bytes of a packet: an Ethernet frame without fragments.
pub const PACKET_BYTES_MAX: usize = 1_400;
/// Bytes of a packet's header.
pub const PACKET_HEADER_BYTES: usize = 24;
/// Bytes of a message's header.
pub const MESSAGE_HEADER_BYTES: usize = 16;
/// Silence after which a heartbeat is sent, ns.
pub const HEARTBEAT_NS: i64 = 5_000_000_000;
const ALIGNMENT: usize = 8;
const VERSION: u16 = 1;
const START: u16 = 1;
const END: u16 = 2;
const KIND_REJECT: u16 = 0;
const KIND_INCREMENTAL: u16 = 1;
const KIND_SNAPSHOT: u16 = 2;
const KIND_RETRANSMIT: u16 = 5;

/// How retransmission is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetransmitSettings {
    /// Messages kept.
    pub history_messages: usize,
    /// Requests granted at once.
    pub burst: u32,
    /// Time in which one more is granted, ns.
    pub refill_ns: i64,
}

/// What a channel did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FeedCounts {
    /// Transactions.
    pub transactions: u64,
    /// Incremental messages.
    pub messages: u64,
    /// Incremental packets.
    pub packets: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Packets of snapshots.
    pub snapshot_packets: u64,
    /// Rounds of snapshots.
    pub cycles: u64,
    /// Requests for retransmission answered with messages.
    pub retransmits: u64,
    /// Requests refused: numbers no longer kept, not sent yet, too many, not understood.
    pub rejects: [u64; 4],
    /// Datagrams that were no request, and got no answer.
    pub malformed: u64,
}

/// A request for retransmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Comes back in a refusal.
    pub correlation: i64,
    /// The channel.
    pub channel_id: i32,
    /// First message; the rest is `None` if the message is not understood.
    pub range: Option<(i64, u8)>,
}

impl Request {
    /// Reads a datagram; `None` if not even its header can be.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        if datagram.len() < PACKET_HEADER_BYTES {
            return None;
        }
        let (header, message) = datagram.split_at(PACKET_HEADER_BYTES);
        let channel_id = i32::from_le_bytes([header[16], header[17], header[18], header[19]]);
        Some(Self { correlation: word(header, 8), channel_id, range: Self::range(header, message) })
    }

    fn range(header: &[u8], message: &[u8]) -> Option<(i64, u8)> {
        use retransmit_request::{BEGIN_SEQ_NUM, LAYOUT, MESSAGE_COUNT};
        if half(header, 22) != 1 || message.len() < MESSAGE_HEADER_BYTES {
            return None;
        }
        let len = usize::from(half(message, 0));
        if half(message, 2) != LAYOUT.template || len < MESSAGE_HEADER_BYTES {
            return None;
        }
        let body = Block::new(message.get(MESSAGE_HEADER_BYTES..len)?, &LAYOUT)?;
        Some((body.i64(BEGIN_SEQ_NUM), body.u8(MESSAGE_COUNT)))
    }
}

/// Packets as they are filled.
#[derive(Debug)]
struct Packer {
    channel_id: i32,
    kind: u16,
    packets: Vec<(i64, u16, Vec<u8>)>,
}

impl Packer {
    fn new(channel_id: i32, kind: u16) -> Self {
        Self { channel_id, kind, packets: vec![] }
    }

    fn push(&mut self, seq: i64, message: &[u8]) {
        let room = PACKET_BYTES_MAX - PACKET_HEADER_BYTES;
        match self.packets.last_mut() {
            Some((_, count, bytes)) if bytes.len() + message.len() <= room => {
                *count += 1;
                bytes.extend(message);
            }
            _ => self.packets.push((seq, 1, message.to_vec())),
        }
    }

    fn finish(self, now_ns: i64) -> impl Iterator<Item = Vec<u8>> {
        let (channel_id, kind) = (self.channel_id, self.kind);
        self.packets.into_iter().map(move |(seq, count, bytes)| {
            let mut packet = packet_header(now_ns, seq, channel_id, kind, count);
            packet.extend(bytes);
            packet
        })
    }
}

fn packet_header(now_ns: i64, seq: i64, channel_id: i32, kind: u16, count: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PACKET_BYTES_MAX);
    bytes.extend(now_ns.to_le_bytes());
    bytes.extend(seq.to_le_bytes());
    bytes.extend(channel_id.to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes
}

/// A body behind its header, padded; its length says so.
fn message(body: &Body, flags: u16, time_ns: i64) -> Vec<u8> {
    let len = (MESSAGE_HEADER_BYTES + body.bytes.len()).next_multiple_of(ALIGNMENT);
    let mut bytes = Vec::with_capacity(len);
    bytes.extend((len as u16).to_le_bytes());
    bytes.extend(body.template.to_le_bytes());
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(flags.to_le_bytes());
    bytes.extend(time_ns.to_le_bytes());
    bytes.extend(&body.bytes);
    bytes.resize(len, 0);
    bytes
}

fn edge_flags(place: usize, count: usize) -> u16 {
    (if place == 0 { START } else { 0 }) | (if place + 1 == count { END } else { 0 })
}

/// A channel.
#[derive(Debug)]
pub struct Feed {
    channel_id: i32,
    settings: RetransmitSettings,
    /// Number of the next incremental message.
    next_seq: i64,
    next_snapshot_seq: i64,
    history: VecDeque<Vec<u8>>,
    last_sent_ns: i64,
    last_transact_ns: i64,
    /// When all granted requests will be granted anew.
    grants_full_ns: i64,
    /// What happened.
    pub counts: FeedCounts,
}

impl Feed {
    /// A channel that has sent nothing.
    pub fn new(channel_id: i32, settings: RetransmitSettings, now_ns: i64) -> Self {
        Self {
            channel_id,
            settings,
            next_seq: 1,
            next_snapshot_seq: 1,
            history: VecDeque::new(),
            last_sent_ns: now_ns,
            last_transact_ns: now_ns,
            grants_full_ns: now_ns,
            counts: FeedCounts::default(),
        }
    }

    /// The venue's number for the channel.
    pub fn channel_id(&self) -> i32 {
        self.channel_id
    }

    /// Number of the last incremental message; 0 before the first.
    pub fn last_seq(&self) -> i64 {
        self.next_seq - 1
    }

    /// Sends a transaction.
    pub fn transaction(&mut self, now_ns: i64, bodies: &[Body]) -> Vec<Vec<u8>> {
        let mut packer = Packer::new(self.channel_id, KIND_INCREMENTAL);
        for (place, body) in bodies.iter().enumerate() {
            let bytes = message(body, edge_flags(place, bodies.len()), now_ns);
            packer.push(self.next_seq, &bytes);
            self.next_seq += 1;
            self.history.push_back(bytes);
        }
        let surplus = self.history.len().saturating_sub(self.settings.history_messages);
        self.history.drain(..surplus);
        (self.last_sent_ns, self.last_transact_ns) = (now_ns, now_ns);
        let packets: Vec<_> = packer.finish(now_ns).collect();
        self.counts.transactions += 1;
        self.counts.messages += bodies.len() as u64;
        self.counts.packets += packets.len() as u64;
        packets
    }

    /// When a heartbeat is due.
    pub fn heartbeat_due_ns(&self) -> i64 {
        self.last_sent_ns.saturating_add(HEARTBEAT_NS)
    }

    /// A heartbeat: a packet without a message, with the number of the next one.
    pub fn heartbeat(&mut self, now_ns: i64) -> Vec<u8> {
        self.last_sent_ns = now_ns;
        self.counts.heartbeats += 1;
        packet_header(now_ns, self.next_seq, self.channel_id, KIND_INCREMENTAL, 0)
    }

    /// Packets of one part of a round of snapshots.
    pub fn snapshot(&mut self, now_ns: i64, bodies: &[Body]) -> Vec<Vec<u8>> {
        let mut packer = Packer::new(self.channel_id, KIND_SNAPSHOT);
        for (place, body) in bodies.iter().enumerate() {
            packer.push(self.next_snapshot_seq, &message(body, edge_flags(place, bodies.len()), now_ns));
            self.next_snapshot_seq += 1;
        }
        let packets: Vec<_> = packer.finish(now_ns).collect();
        self.counts.snapshot_packets += packets.len() as u64;
        packets
    }

    /// A snapshot's frame around what it holds.
    pub fn framed(&self, instrument_id: i64, inner: Vec<Body>) -> Vec<Body> {
        let (time_ns, seq) = (self.last_transact_ns, self.last_seq());
        let mut bodies = vec![market::snapshot_header(instrument_id, time_ns, seq)];
        bodies.extend(inner);
        bodies.push(market::snapshot_trailer(instrument_id, time_ns, seq));
        bodies
    }

    /// Answers a request: as many messages as fit one packet, or why none.
    pub fn retransmit(&mut self, now_ns: i64, request: &Request) -> Vec<u8> {
        let first = self.next_seq - self.history.len() as i64;
        let refused = match request.range {
            None | Some((_, 0)) => Some((reason::OTHER_ERROR, 0)),
            Some((begin, _)) if begin < first => Some((reason::SEQ_TOO_LOW, 0)),
            Some((begin, _)) if begin >= self.next_seq => Some((reason::SEQ_TOO_HIGH, 0)),
            Some(_) => self.take_grant(now_ns).map(|delay_ns| (reason::RATE_LIMIT_EXCEEDED, delay_ns)),
        };
        let (begin, count) = request.range.unwrap_or_default();
        if let Some((reason, delay_ns)) = refused {
            self.counts.rejects[usize::from(reason.unsigned_abs()) - 1] += 1;
            let mut packet = packet_header(now_ns, request.correlation, self.channel_id, KIND_REJECT, 1);
            packet.extend(message(&market::retransmit_reject(delay_ns, reason), START | END, now_ns));
            return packet;
        }
        self.counts.retransmits += 1;
        let mut packer = Packer::new(self.channel_id, KIND_RETRANSMIT);
        let skipped = (begin - first) as usize;
        for (seq, bytes) in (begin..).zip(self.history.iter().skip(skipped).take(usize::from(count))) {
            packer.push(seq, bytes);
            if packer.packets.len() > 1 {
                break;
            }
        }
        packer.finish(now_ns).next().expect("a granted range has a first message")
    }

    /// Takes one of the granted requests; the time until the next one if there is none.
    fn take_grant(&mut self, now_ns: i64) -> Option<i64> {
        let refill_ns = self.settings.refill_ns;
        let full_ns = self.grants_full_ns.max(now_ns) + refill_ns;
        let excess_ns = full_ns - now_ns - refill_ns * i64::from(self.settings.burst);
        if excess_ns > 0 {
            return Some(excess_ns);
        }
        self.grants_full_ns = full_ns;
        None
    }
}
