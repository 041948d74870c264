//! What is counted, as tables: from each row come the counter, its metric and its line in the documentation.

use super::cell::{Counter, Gauge};

macro_rules! counts {
    ($(#[doc = $doc:literal])+ $table:ident { $($name:ident $label:literal $text:literal;)* }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $table {
            $(#[doc = $text] $name,)*
        }

        impl $table {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Name, as in metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// What it says, in a sentence.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

counts! {
    /// What a feed counts: each is a metric `hedgewire_feed_<name>_total`.
    FeedCount {
        Packets "packets" "Datagrams taken, all lines.";
        Messages "messages" "Messages delivered in order.";
        LineADatagrams "line_a_datagrams" "Datagrams of line A.";
        LineBDatagrams "line_b_datagrams" "Datagrams of line B.";
        Malformed "malformed_packets" "Packets and messages whose lengths or values contradict each other.";
        UnknownMessages "unknown_messages" "Messages of an unknown template or length, skipped.";
        Gaps "gaps" "Times that a message was missing.";
        GapsGivenUp "gaps_given_up" "Gaps that only a snapshot could end.";
        MessagesLost "lost_messages" "Messages that never came.";
        Retransmissions "retransmission_requests" "Requests for missing messages.";
        Retransmitted "retransmitted_messages" "Messages that came by retransmission.";
        RetransmissionRejects "retransmission_rejects" "Requests that the venue rejected or did not answer in time.";
        Snapshots "snapshots" "Snapshots of instruments that were taken into use.";
        HeartbeatLosses "heartbeat_losses" "Times that not even a heartbeat came in time.";
        Restarts "restarts" "Times that the venue began to number anew.";
        BookContradictions "book_contradictions" "Messages that contradicted their book.";
    }
}

counts! {
    /// What became of packets before anybody knew their feed: each is a metric `hedgewire_packets_<name>_total`.
    PacketCount {
        Received "received" "Datagrams handed on by kernel or card, all lines.";
        Dropped "dropped" "Datagrams that kernel or card threw away because a ring or buffer was full.";
        OtherQueue "other_queue" "Datagrams of the feed in a queue that nobody listens to (AF_XDP).";
        Fragments "fragments" "Pieces of IP packets to one of the groups.";
        Malformed "malformed" "Frames whose lengths or versions contradict each other, or that were cut short.";
        WrongSums "wrong_sums" "Datagrams whose UDP sum is wrong.";
        NotForUs "not_for_us" "Frames and datagrams of others.";
        Foreign "foreign" "Datagrams of channels that are not configured, or too short to tell.";
    }
}

counts! {
    /// Where a feed is.
    FeedState {
        Unstarted "unstarted" "No packet has come.";
        Joining "joining" "Books wait for their snapshots.";
        Gap "gap" "Messages are missing and being asked for.";
        Live "live" "Everything is there.";
        Silent "silent" "Not even a heartbeat comes.";
    }
}

counts! {
    /// How far the book of a hedge instrument may be believed.
    BookTrust {
        Unknown "unknown" "Nothing is known of the instrument yet.";
        Trusted "trusted" "The book is whole.";
        SecondFeed "second_feed" "It is not, or is too old; the second feed's is, and quotes come from there.";
        NoSnapshot "no_snapshot" "A snapshot is waited for.";
        Gap "gap" "Messages are missing.";
        Silent "silent" "The channel is silent.";
        Contradicted "contradicted" "A message contradicted the book, or could not be read.";
        Unsettled "unsettled" "A transaction is open, or the stream has yet to reach the snapshot.";
        Closed "closed" "The instrument does not trade.";
        Crossed "crossed" "The book is crossed or locked.";
    }
}

impl From<crate::deribit::starbase::market::Doubt> for BookTrust {
    fn from(doubt: crate::deribit::starbase::market::Doubt) -> Self {
        use crate::deribit::starbase::market::Doubt;
        match doubt {
            Doubt::UnknownInstrument | Doubt::Undefined => Self::Unknown,
            Doubt::NoSnapshot | Doubt::Lost => Self::NoSnapshot,
            Doubt::Contradicted(_) | Doubt::Unreadable => Self::Contradicted,
            Doubt::Gap => Self::Gap,
            Doubt::Silent => Self::Silent,
            Doubt::Ahead | Doubt::OpenTransaction => Self::Unsettled,
            Doubt::NotOpen(_) => Self::Closed,
            Doubt::Crossed | Doubt::Locked => Self::Crossed,
        }
    }
}

counts! {
    /// What becomes of hedge orders: the label `event` of `hedgewire_orders_total`.
    OrderCount {
        New "new" "Sent to the venue.";
        Amended "amended" "Amendments sent.";
        CancelSent "cancel_sent" "Cancels sent, by number.";
        Opened "opened" "Taken into the book by the venue.";
        Queued "queued" "Put into the speed bump by the venue.";
        Filled "filled" "Filled whole.";
        Cancelled "cancelled" "Cancelled by the venue, asked or not.";
        Rejected "rejected" "Rejected by the venue.";
        Settled "settled" "Ended without the venue's word: presumed gone, or by a position that people told.";
        RequestRejected "request_rejected" "Amendments and cancels that the venue rejected.";
        Unknown "unknown" "Came into unknown state: a disconnect, or no answer in time.";
        Revived "revived" "Presumed gone, and alive after all.";
        GivenUp "given_up" "Hedges that ended before they were filled whole.";
        Throttled "throttled" "Times that an order waited for the message budget.";
        Faults "fault" "Reports that contradict what is known of the order.";
    }
}

counts! {
    /// Whose fill it is: the label `origin` of `hedgewire_fills_total`.
    FillOrigin {
        Hedge "hedge" "A hedge order's.";
        Quote "quote" "One of the desk's own quotes, by the venue session.";
        DropCopy "drop_copy" "One of the desk's own, by the drop-copy line.";
    }
}

counts! {
    /// What a session counts: each is a metric `hedgewire_session_<name>_total`.
    SessionCount {
        Logons "logons" "Logons that the gateway confirmed.";
        Disconnects "disconnects" "Connections that ended.";
        Violations "violations" "Sessions ended because the gateway did what it must not.";
        Gaps "gaps" "Gaps in the gateway's numbers.";
        Duplicates "duplicates" "Reports that came twice and were dropped.";
        Lost "lost_reports" "Reports that the gateway no longer had.";
        TestRequests "test_requests" "Test requests sent after silence.";
        HeartbeatLosses "heartbeat_losses" "Connections given up because nothing came after a test request.";
        MassCancels "mass_cancels" "Mass cancels sent.";
        Unmatched "unmatched_reports" "Reports of orders or requests that are not ours.";
    }
}

counts! {
    /// Where a session is.
    SessionState {
        Disconnected "disconnected" "No connection.";
        LoggingOn "logging_on" "The logon is out.";
        LoggedOn "logged_on" "Messages go both ways; reports may still be missing.";
        Ready "ready" "Every report has come: orders may be sent.";
        LoggingOut "logging_out" "The logout is out.";
    }
}

counts! {
    /// Who answers as the kernel.
    Backend {
        Cpu "cpu" "The CPU kernel, no card being configured.";
        Card "card" "The card.";
        FallBack "fall_back" "The CPU kernel, because the card failed.";
        Nobody "nobody" "Nobody: stopped.";
    }
}

counts! {
    /// Why a card does not answer: the label `cause` of `hedgewire_card_failovers_total`.
    FailOverCause {
        NoCard "no_card" "There is none, or it cannot be reached.";
        BringUp "bring_up" "It cannot be started, or is another build.";
        Gone "gone" "Its registers read as all ones.";
        Silent "silent" "No event within the deadline.";
        Gap "gap" "An event is missing.";
        Watchdog "watchdog" "Its watchdog has tripped.";
        Reset "reset" "It was reset.";
        CommandLost "command_lost" "It has lost a command.";
        Corrupted "corrupted" "An event that cannot be an answer.";
        Difference "difference" "The CPU kernel says something else.";
        OtherImage "other_image" "It came back and answered the day otherwise.";
        HistoryFull "history_full" "It came back after more commands than are remembered.";
    }
}

impl From<&crate::card::failover::Cause> for FailOverCause {
    fn from(cause: &crate::card::failover::Cause) -> Self {
        use crate::card::driver::CardFault;
        use crate::card::failover::Cause;
        match cause {
            Cause::NoCard(_) => Self::NoCard,
            Cause::BringUp(_) => Self::BringUp,
            Cause::Fault(CardFault::Gone) => Self::Gone,
            Cause::Fault(CardFault::Silent) => Self::Silent,
            Cause::Fault(CardFault::Gap { .. }) => Self::Gap,
            Cause::Fault(CardFault::Tripped) => Self::Watchdog,
            Cause::Fault(CardFault::Reset) => Self::Reset,
            Cause::Fault(CardFault::CommandLost) => Self::CommandLost,
            Cause::Corrupted { .. } => Self::Corrupted,
            Cause::Difference { .. } => Self::Difference,
            Cause::OtherImage { .. } => Self::OtherImage,
            Cause::HistoryFull { .. } => Self::HistoryFull,
        }
    }
}

counts! {
    /// What the journal counts: each is a metric `hedgewire_journal_<name>_total`.
    JournalCount {
        Entries "entries" "Entries handed to the journal.";
        Written "written_entries" "Entries that the system has taken.";
        Synced "synced_entries" "Entries that are on the disk.";
        Errors "errors" "Writes of journal or state file that failed: nothing is sent after one.";
    }
}

/// The counters of one table.
#[derive(Debug)]
pub struct Counts(Box<[Counter]>);

impl Counts {
    /// As many as the table has rows, all 0.
    pub(super) fn new(rows: usize) -> Self {
        Self((0..rows).map(|_| Counter::default()).collect())
    }

    pub(super) fn at(&self, row: usize) -> &Counter {
        &self.0[row]
    }
}

macro_rules! cells {
    ($(#[doc = $doc:literal])+ $cells:ident counts $table:ident state $state:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub struct $cells {
            counts: Counts,
            state: Gauge,
        }

        impl Default for $cells {
            /// Nothing counted; the first state.
            fn default() -> Self {
                Self { counts: Counts::new($table::ALL.len()), state: Gauge::default() }
            }
        }

        impl $cells {
            /// The counter of a row.
            #[inline]
            pub fn count(&self, row: $table) -> &Counter {
                self.counts.at(row as usize)
            }

            /// Sets the state.
            #[inline]
            pub fn set_state(&self, state: $state) {
                self.state.set(state as u64);
            }

            /// The state.
            pub fn state(&self) -> $state {
                $state::ALL.get(self.state.get() as usize).copied().unwrap_or($state::ALL[0])
            }
        }
    };
}

cells! {
    /// One feed.
    FeedCells counts FeedCount state FeedState
}
cells! {
    /// One session.
    SessionCells counts SessionCount state SessionState
}
cells! {
    /// The card: fail-overs by cause, and who answers.
    CardCells counts FailOverCause state Backend
}

macro_rules! plain_cells {
    ($(#[doc = $doc:literal])+ $cells:ident counts $table:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub struct $cells {
            counts: Counts,
        }

        impl Default for $cells {
            /// Nothing counted.
            fn default() -> Self {
                Self { counts: Counts::new($table::ALL.len()) }
            }
        }

        impl $cells {
            /// The counter of a row.
            #[inline]
            pub fn count(&self, row: $table) -> &Counter {
                self.counts.at(row as usize)
            }
        }
    };
}

plain_cells! {
    /// Packets, whatever their feed.
    PacketCells counts PacketCount
}
plain_cells! {
    /// The journal.
    JournalCells counts JournalCount
}

impl JournalCells {
    /// Entries handed over and not yet taken by the system.
    pub fn backlog(&self) -> u64 {
        self.count(JournalCount::Entries).get().saturating_sub(self.count(JournalCount::Written).get())
    }
}
