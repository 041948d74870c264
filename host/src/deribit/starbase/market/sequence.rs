//! The incremental stream in order: both lines arbitrated, early packets held, restarts told from repeats.
//!
//! ```text
//!                      seq of the packet's first message, against the number expected next
//!   reaches beyond it, starts at or before it     Next: its new messages are delivered
//!   wholly before it                              Old: the other line was first, or it is late
//!     ... but sent long after those numbers were  Reset: the venue counts afresh
//!   after it                                      Ahead: held, a gap is open
//!   after it by more than WINDOW_MESSAGES         Wild, until a second packet says the same: Jump
//! ```
//!
//! Lines A and B carry the same messages, which may be grouped into packets differently, so that
//! numbers are compared message by message: the first copy of a message wins, whichever line it is on.
//!
//! Invariants:
//! * Messages are delivered in the order of their numbers, each at most once.
//! * Nothing is skipped but by [`Sequencer::skip_gap`] and [`Sequencer::start_at`], whose callers tell.
//! * What is held is bounded in packets and bytes; a packet that does not fit is told.

use std::collections::VecDeque;

use super::packet::Packet;

/// Farthest that a packet may be ahead and still be taken for one of the same stream.
pub const WINDOW_MESSAGES: i64 = 1 << 20;
/// How much later than its first copy, by the venue's clock, a repeated packet may be sent. Lines lag by
/// micro- to milliseconds; a venue does not start again within a second.
pub const REPEAT_NS_MAX: i64 = 1_000_000_000;

/// What a packet's number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// The first packet of the stream.
    First,
    /// It has the message expected next, or is a heartbeat that says that nothing is missing.
    Next,
    /// Every message of it has been delivered.
    Old,
    /// Messages before it are missing.
    Ahead,
    /// It is too far ahead to be believed.
    Wild,
    /// As far ahead as the packet before: the stream did jump.
    Jump,
    /// The venue counts afresh.
    Reset,
}

/// When the messages of the stream were sent, coarsely: enough to tell a repeat from a restart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SendingTimes {
    /// Messages before `.0` were sent at `.1` or earlier; oldest first, the first two some time apart.
    marks: [(i64, i64); 3],
}

impl SendingTimes {
    pub fn start(seq: i64, sent_ns: i64) -> Self {
        Self { marks: [(seq, sent_ns); 3] }
    }

    /// Takes note that messages before `next_seq` had been sent by then.
    #[inline]
    pub fn observe(&mut self, next_seq: i64, sent_ns: i64) {
        self.marks[2] = (next_seq, sent_ns);
        if sent_ns.saturating_sub(self.marks[1].1) >= REPEAT_NS_MAX {
            self.marks[0] = self.marks[1];
            self.marks[1] = self.marks[2];
        }
    }

    /// Whether a packet with these old numbers was sent too late to be a repeat.
    pub fn is_restart(&self, seq: i64, sent_ns: i64) -> bool {
        let mark = self.marks.iter().find(|mark| seq < mark.0).unwrap_or(&self.marks[2]);
        sent_ns > mark.1.saturating_add(REPEAT_NS_MAX)
    }
}

/// Order of the incremental stream.
#[derive(Clone, Debug)]
pub(super) struct Sequencer {
    expected: Option<i64>,
    /// Number after the last message that is known to exist.
    known_next: i64,
    sent: SendingTimes,
    /// Number after the last wild packet.
    wild_next: Option<i64>,
    early: EarlyPackets,
}

impl Sequencer {
    pub fn new(packets_max: usize, bytes_max: usize) -> Self {
        Self {
            expected: None,
            known_next: 0,
            sent: SendingTimes::default(),
            wild_next: None,
            early: EarlyPackets::new(packets_max, bytes_max),
        }
    }

    /// The number expected next; `None` before the first packet.
    #[inline]
    pub fn expected(&self) -> Option<i64> {
        self.expected
    }

    /// The missing messages that come first: from, and the first one after them that is known.
    #[inline]
    pub fn gap(&self) -> Option<(i64, i64)> {
        let expected = self.expected?;
        let end = self.early.first_seq().map_or(self.known_next, |seq| seq.min(self.known_next));
        (expected < end).then_some((expected, end))
    }

    /// Says where a multicast packet belongs.
    #[inline]
    pub fn place(&mut self, packet: &Packet<'_>) -> Placed {
        let Some(expected) = self.expected else { return Placed::First };
        let (seq, next_seq) = (packet.seq, packet.next_seq());
        if seq <= expected && (next_seq > expected || seq == expected) {
            self.wild_next = None;
            return Placed::Next;
        }
        if seq < expected {
            return self.place_old(packet, expected);
        }
        if seq - expected <= WINDOW_MESSAGES {
            self.wild_next = None;
            return Placed::Ahead;
        }
        match self.wild_next.replace(next_seq) {
            Some(wild_next) if seq.abs_diff(wild_next) <= WINDOW_MESSAGES.unsigned_abs() => Placed::Jump,
            _ => Placed::Wild,
        }
    }

    fn place_old(&self, packet: &Packet<'_>, expected: i64) -> Placed {
        // A heartbeat has the next number; should a venue put the last one there, it is no restart.
        let is_last_number = packet.message_count == 0 && packet.seq == expected - 1;
        if !is_last_number && self.sent.is_restart(packet.seq, packet.sending_time_ns) {
            return Placed::Reset;
        }
        Placed::Old
    }

    /// Says where a retransmitted packet belongs. It was sent long after its messages, so that its time
    /// says nothing, and it was asked for, so that it cannot be the first or far ahead.
    pub fn place_again(&self, packet: &Packet<'_>) -> Placed {
        match self.expected {
            Some(expected) if packet.next_seq() <= expected => Placed::Old,
            Some(expected) if packet.seq <= expected => Placed::Next,
            _ => Placed::Ahead,
        }
    }

    /// Begins at a packet, and forgets what is held.
    pub fn start_at(&mut self, packet: &Packet<'_>) {
        self.expected = Some(packet.seq);
        self.known_next = packet.seq;
        self.sent = SendingTimes::start(packet.seq, packet.sending_time_ns);
        self.wild_next = None;
        self.early.clear();
    }

    /// Takes note of the message delivered.
    #[inline]
    pub fn delivered(&mut self, seq: i64) {
        self.expected = Some(seq + 1);
    }

    /// Takes note that messages before `next_seq` exist.
    #[inline]
    pub fn know(&mut self, next_seq: i64) {
        self.known_next = self.known_next.max(next_seq);
    }

    /// Takes note of when a packet's messages, all of them delivered, were sent.
    #[inline]
    pub fn observe(&mut self, packet: &Packet<'_>) {
        if Some(packet.next_seq()) == self.expected {
            self.sent.observe(packet.next_seq(), packet.sending_time_ns);
        }
    }

    /// Holds a packet that is ahead. Says whether it is new, and `None` if it does not fit.
    pub fn hold(&mut self, packet: &Packet<'_>) -> Option<bool> {
        self.early.hold(packet)
    }

    /// Gives up the messages that are missing first; returns the number to go on with.
    pub fn skip_gap(&mut self) -> Option<i64> {
        let (_, end) = self.gap()?;
        self.expected = Some(end);
        Some(end)
    }

    /// Hands over the held packets' bytes, for a walk by [`Sequencer::next_ready`].
    pub fn take_held_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.early.bytes)
    }

    /// Takes the bytes back.
    pub fn return_held_bytes(&mut self, bytes: Vec<u8>) {
        self.early.bytes = bytes;
        self.early.tidy();
    }

    /// The place among the held bytes of the next packet that can be delivered.
    pub fn next_ready(&mut self) -> Option<std::ops::Range<usize>> {
        self.early.pop_ready(self.expected?)
    }

    /// Packets held.
    pub fn held_packets(&self) -> usize {
        self.early.packets.len()
    }
}

/// Packets that came before others that belong before them, by number.
#[derive(Clone, Debug)]
struct EarlyPackets {
    packets: VecDeque<EarlyPacket>,
    bytes: Vec<u8>,
    packets_max: usize,
    bytes_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct EarlyPacket {
    seq: i64,
    next_seq: i64,
    start: usize,
    end: usize,
}

impl EarlyPackets {
    fn new(packets_max: usize, bytes_max: usize) -> Self {
        let (packets, bytes) = (VecDeque::with_capacity(packets_max), Vec::with_capacity(bytes_max));
        Self { packets, bytes, packets_max, bytes_max }
    }

    fn first_seq(&self) -> Option<i64> {
        self.packets.front().map(|packet| packet.seq)
    }

    fn clear(&mut self) {
        self.packets.clear();
        self.bytes.clear();
    }

    /// Forgets the bytes once no packet is left in them.
    fn tidy(&mut self) {
        if self.packets.is_empty() {
            self.bytes.clear();
        }
    }

    fn hold(&mut self, packet: &Packet<'_>) -> Option<bool> {
        let (seq, next_seq, payload) = (packet.seq, packet.next_seq(), packet.payload());
        let place = self.packets.partition_point(|held| (held.seq, held.next_seq) < (seq, next_seq));
        let covers = |held: Option<&EarlyPacket>| held.is_some_and(|held| held.seq <= seq && held.next_seq >= next_seq);
        if covers(self.packets.get(place))
            || place.checked_sub(1).is_some_and(|before| covers(self.packets.get(before)))
        {
            return Some(false);
        }
        if self.packets.len() >= self.packets_max || payload.len() > self.bytes_max - self.bytes.len() {
            return None;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.packets.insert(place, EarlyPacket { seq, next_seq, start, end: self.bytes.len() });
        Some(true)
    }

    fn pop_ready(&mut self, expected: i64) -> Option<std::ops::Range<usize>> {
        while self.packets.front().is_some_and(|packet| packet.seq <= expected) {
            let packet = self.packets.pop_front()?;
            if packet.next_seq > expected {
                return Some(packet.start..packet.end);
            }
        }
        None
    }
}
