//! What happened on a channel: counters and times of each step, for metrics and alarms.
//!
//! Invariant: counters only grow. Times are differences of the times that callers gave.

use super::packet::MessageCounts;

/// How long a step took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTimes {
    /// Steps that ended.
    pub count: u64,
    /// The last one, ns.
    pub last_ns: u64,
    /// The longest one, ns.
    pub max_ns: u64,
    /// All of them together, ns.
    pub total_ns: u64,
}

impl StepTimes {
    pub(super) fn add(&mut self, ns: u64) {
        self.count += 1;
        self.last_ns = ns;
        self.max_ns = self.max_ns.max(ns);
        self.total_ns = self.total_ns.saturating_add(ns);
    }
}

/// One multicast line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Packets, of either channel, heartbeats too.
    pub packets: u64,
    /// Heartbeats of the incremental channel.
    pub heartbeats: u64,
    /// Incremental messages that this line was first to bring, at once or ahead of others.
    pub messages_first: u64,
    /// Incremental packets that brought nothing new.
    pub packets_old: u64,
    /// When the last packet came, ns of the caller's clock; 0 for never.
    pub last_ns: u64,
}

/// Requests for retransmission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetransmitCounts {
    /// Requests sent.
    pub requests: u64,
    /// Packets of retransmitted messages.
    pub replies: u64,
    /// Requests that nothing came of in time.
    pub timeouts: u64,
    /// Rejected: the venue no longer has the messages.
    pub rejects_too_low: u64,
    /// Rejected: the venue does not have the messages yet.
    pub rejects_too_high: u64,
    /// Rejected: too many requests.
    pub rejects_rate_limit: u64,
    /// Rejected for another reason.
    pub rejects_other: u64,
    /// Packets of retransmitted messages while no request is under way.
    pub stray_replies: u64,
    /// Rejections of a request that is not under way.
    pub stray_rejects: u64,
    /// From a request to the reply that helped.
    pub round_trip: StepTimes,
}

/// Why a gap was given up and a snapshot is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GiveUp {
    /// The venue no longer has the messages.
    TooOld,
    /// More messages are missing than are asked for.
    TooLarge,
    /// Requests brought nothing, several times.
    TooOften,
    /// The gap was open for too long, or would be by the venue's delay.
    TooLong,
    /// What came meanwhile can no longer be held.
    HeldFull,
    /// The numbers jumped by more than any gap.
    Jump,
}

/// Gaps given up, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GiveUpCounts {
    by_cause: [u64; 6],
}

impl GiveUpCounts {
    pub(super) fn count(&mut self, cause: GiveUp) {
        self.by_cause[cause as usize] += 1;
    }

    /// Returns the gaps given up for a cause.
    pub fn of(&self, cause: GiveUp) -> u64 {
        self.by_cause[cause as usize]
    }

    /// Returns all gaps given up.
    pub fn total(&self) -> u64 {
        self.by_cause.iter().sum()
    }
}

/// Snapshots and the books made of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotCounts {
    /// Packets in order.
    pub packets: u64,
    /// Packets that had been seen.
    pub packets_old: u64,
    /// Times that packets were missing.
    pub gaps: u64,
    /// Times that the numbering began again.
    pub resets: u64,
    /// Rounds that ended.
    pub cycles: u64,
    /// Snapshots that became a book.
    pub installed: u64,
    /// Snapshots passed over because the book needs none.
    pub unneeded: u64,
    /// Snapshots older than what is held to follow them.
    pub too_old: u64,
    /// Snapshots broken off: a packet was lost, or another one began.
    pub abandoned: u64,
    /// Snapshots that contradict themselves.
    pub contradictory: u64,
}

/// Changes of books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookCounts {
    /// Changes applied.
    pub applied: u64,
    /// Changes that the snapshot of their book has already.
    pub in_snapshot: u64,
    /// Changes held for a book that waits for its snapshot.
    pub held: u64,
    /// Changes dropped because no more could be held: the book needs a newer snapshot.
    pub held_dropped: u64,
    /// Held changes applied after a snapshot.
    pub replayed: u64,
    /// Changes that contradicted their book, which waits for a snapshot since.
    pub contradictions: u64,
    /// Book messages that could not be read.
    pub unreadable: u64,
    /// Transactions that ended.
    pub transactions: u64,
    /// Transactions that another one's start cut off.
    pub unfinished_transactions: u64,
    /// Messages about an instrument beyond the most that are kept.
    pub instruments_refused: u64,
}

/// Everything counted on a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelCounts {
    /// Incremental messages delivered, by template, and what could not be read.
    pub messages: MessageCounts,
    /// Lines A and B.
    pub lines: [LineCounts; 2],
    /// Packets that could not be: header unreadable.
    pub refused_packets: u64,
    /// Packets of another channel.
    pub foreign_packets: u64,
    /// Packets of a kind that does not belong where they came from.
    pub misplaced_packets: u64,
    /// Packets too far ahead to be believed.
    pub wild_packets: u64,
    /// Incremental packets held because others were missing before them.
    pub early_packets: u64,
    /// Gaps that opened.
    pub gaps: u64,
    /// Missing messages that a line brought after all.
    pub messages_late: u64,
    /// Missing messages that retransmission brought.
    pub messages_retransmitted: u64,
    /// Missing messages given up.
    pub messages_lost: u64,
    /// Gaps given up.
    pub given_up: GiveUpCounts,
    /// Times that the venue counted afresh.
    pub resets: u64,
    /// Times that the channel fell silent.
    pub silences: u64,
    /// From a gap's opening until it was filled.
    pub gap_filled: StepTimes,
    /// From a gap's opening until it was given up.
    pub gap_given_up: StepTimes,
    /// From the start, a loss or a reset until every book had its snapshot.
    pub joined: StepTimes,
    /// From the last packet before a silence to the first one after it.
    pub silence: StepTimes,
}
