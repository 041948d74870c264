//! Packet sequence numbers of a channel: what is missing, repeated or late.
//!
//! ```text
//!   distance = packet_seq - expected_seq   (32 bits, wrapping, signed)
//!     0            InOrder
//!     > 0          Gap, that many packets missing
//!     -1 .. -64    already seen: Duplicate, otherwise: Late (fills a gap, or precedes the first)
//!     below        Restarted: the publisher began again; counting starts afresh
//! ```
//!
//! Invariant: no packet number, however wrong, is believed for longer than the next good one takes
//! to arrive. A corrupted number far ahead shows as a gap and then as a restart.

/// What a packet's number says about its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The first packet of the channel; nothing is known of what came before.
    First,
    /// The packet that was expected.
    InOrder,
    /// Packets before this one are missing.
    Gap {
        /// How many.
        missing_packets: u32,
    },
    /// The packet has been seen before; its messages must not be applied again.
    Duplicate,
    /// The packet comes after later ones, for the first time.
    Late,
    /// The numbering began again.
    Restarted,
}

/// Follows the packet numbers of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelSequence {
    expected_seq: Option<u32>,
    /// Bit n is set if packet `expected_seq - 1 - n` was seen.
    seen: u64,
    /// Packets from the first one to the one expected, missing ones included.
    span_packets: u64,
    /// Late packets that had been counted as missing.
    filled_packets: u64,
    /// Packets of any kind.
    pub packets: u64,
    /// Gaps, each of one or more packets.
    pub gaps: u64,
    /// Packets in those gaps, late ones included.
    pub missing_packets: u64,
    /// Packets seen more than once, not counting the first time.
    pub duplicates: u64,
    /// Packets that came after later ones.
    pub late_packets: u64,
    /// Times that the numbering began again.
    pub restarts: u64,
}

impl ChannelSequence {
    /// How many packets back a late packet is told from a duplicate.
    pub const WINDOW_PACKETS: u32 = u64::BITS;

    /// Takes note of a packet.
    pub fn observe(&mut self, packet_seq: u32) -> Arrival {
        self.packets += 1;
        let Some(expected_seq) = self.expected_seq else {
            self.begin(packet_seq);
            return Arrival::First;
        };
        let distance = packet_seq.wrapping_sub(expected_seq).cast_signed();
        match distance {
            0.. => self.advance(packet_seq, distance.unsigned_abs()),
            _ => self.look_back(packet_seq, distance.unsigned_abs() - 1),
        }
    }

    /// Returns the packets that are still missing.
    pub fn lost_packets(&self) -> u64 {
        self.missing_packets - self.filled_packets
    }

    fn begin(&mut self, packet_seq: u32) {
        self.expected_seq = Some(packet_seq.wrapping_add(1));
        self.seen = 1;
        self.span_packets = 1;
    }

    fn advance(&mut self, packet_seq: u32, missing_packets: u32) -> Arrival {
        self.expected_seq = Some(packet_seq.wrapping_add(1));
        let shifted = missing_packets.checked_add(1).and_then(|by| self.seen.checked_shl(by));
        self.seen = shifted.unwrap_or(0) | 1;
        self.span_packets += u64::from(missing_packets) + 1;
        if missing_packets == 0 {
            return Arrival::InOrder;
        }
        self.gaps += 1;
        self.missing_packets += u64::from(missing_packets);
        Arrival::Gap { missing_packets }
    }

    fn look_back(&mut self, packet_seq: u32, packets_back: u32) -> Arrival {
        let Some(bit) = 1u64.checked_shl(packets_back) else {
            self.restarts += 1;
            self.begin(packet_seq);
            return Arrival::Restarted;
        };
        if self.seen & bit != 0 {
            self.duplicates += 1;
            return Arrival::Duplicate;
        }
        self.seen |= bit;
        self.late_packets += 1;
        // One from before the first packet was missed by nobody.
        self.filled_packets += u64::from(u64::from(packets_back) < self.span_packets);
        Arrival::Late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe_all(packet_seqs: &[u32]) -> (Vec<Arrival>, ChannelSequence) {
        let mut sequence = ChannelSequence::default();
        let arrivals = packet_seqs.iter().map(|seq| sequence.observe(*seq)).collect();
        (arrivals, sequence)
    }

    #[test]
    fn numbering_continues_across_the_wrap() {
        let (arrivals, sequence) = observe_all(&[u32::MAX - 1, u32::MAX, 0, 1]);
        assert_eq!(arrivals[1..], [Arrival::InOrder; 3]);
        assert_eq!((sequence.gaps, sequence.packets), (0, 4));
    }

    #[test]
    fn a_gap_across_the_wrap_is_counted_and_filled_by_late_packets() {
        let (arrivals, sequence) = observe_all(&[u32::MAX - 1, 1, 0, u32::MAX, 0]);
        assert_eq!(
            arrivals[1..],
            [Arrival::Gap { missing_packets: 2 }, Arrival::Late, Arrival::Late, Arrival::Duplicate]
        );
        assert_eq!((sequence.gaps, sequence.missing_packets, sequence.lost_packets()), (1, 2, 0));
    }

    #[test]
    fn duplicates_are_recognised_up_to_the_window() {
        let mut sequence = ChannelSequence::default();
        for packet_seq in 100..200 {
            sequence.observe(packet_seq);
        }
        assert_eq!(sequence.observe(199), Arrival::Duplicate);
        assert_eq!(sequence.observe(200 - ChannelSequence::WINDOW_PACKETS), Arrival::Duplicate);
        assert_eq!(sequence.observe(199 - ChannelSequence::WINDOW_PACKETS), Arrival::Restarted);
    }

    #[test]
    fn a_packet_from_before_the_first_is_late_and_fills_nothing() {
        let (arrivals, sequence) = observe_all(&[10, 9, 9, 13]);
        let gap = Arrival::Gap { missing_packets: 2 };
        assert_eq!(arrivals, [Arrival::First, Arrival::Late, Arrival::Duplicate, gap]);
        assert_eq!((sequence.late_packets, sequence.lost_packets()), (1, 2));
    }

    #[test]
    fn a_wild_number_costs_one_gap_and_one_restart() {
        let (arrivals, sequence) = observe_all(&[5, 6, 7 | 1 << 30, 8, 9, 10]);
        assert_eq!(arrivals[3..], [Arrival::Restarted, Arrival::InOrder, Arrival::InOrder]);
        assert_eq!((sequence.gaps, sequence.restarts), (1, 1));
    }

    #[test]
    fn a_gap_longer_than_the_window_forgets_what_was_seen() {
        let (arrivals, _) = observe_all(&[1, 1000, 999, 1000]);
        assert_eq!(arrivals[2..], [Arrival::Late, Arrival::Duplicate]);
        let (arrivals, _) = observe_all(&[0, 63, 0, 64, 0]);
        assert_eq!(arrivals[2], Arrival::Duplicate);
        assert_eq!(arrivals[4], Arrival::Restarted);
    }
}
