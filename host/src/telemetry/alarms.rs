//! Alarms: what should wake somebody, by one table from which metrics, screen and documentation come.
//!
//! Invariants:
//! * an alarm is raised for a subject, by its number (see [`Scope`]), and stays until it is cleared;
//! * raising one that is raised changes nothing, so that whoever sees the fault may say so as often as it likes;
//! * any thread may raise and clear.

use std::sync::atomic::{AtomicU64, Ordering};

/// Subjects of an alarm: underlyings, feeds or sessions.
pub const SUBJECTS_MAX: usize = 64;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Hedging goes on; look at it by day.
    Warning,
    /// An underlying is not hedged, or may be hedged wrongly: wake somebody.
    Critical,
}

impl Severity {
    /// Name, as in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The engine: subject 0.
    Engine,
    /// A feed, by its number.
    Feed,
    /// An underlying, by its number.
    Underlying,
    /// A session, by its number.
    Session,
}

impl Scope {
    /// Name, as in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Feed => "feed",
            Self::Underlying => "underlying",
            Self::Session => "session",
        }
    }
}

macro_rules! alarms {
    ($($name:ident $label:literal $severity:ident $scope:ident $meaning:literal $action:literal;)*) => {
        /// A kind of alarm.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum AlarmKind {
            $(#[doc = $meaning] $name,)*
        }

        impl AlarmKind {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Name, as in metrics and logs.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What it is about.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$scope,)* }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// What to do at 3 a.m.
            pub const fn action(self) -> &'static str {
                match self { $(Self::$name => $action,)* }
            }
        }
    };
}

alarms! {
    EngineStalled "engine_stalled" Critical Engine
        "The engine's thread has given no sign of life for a second."
        "Cancel everything at the venue's own screen, then stop the process and look at its log. Cancel-on-disconnect takes the orders when it ends.";
    Killed "killed" Critical Engine
        "Everything was told to stop: nothing is sent any more, and orders have been cancelled."
        "Find out who or what pulled the kill: the log names the cause. Hedge by hand meanwhile. Restart, or `hedgewire arm`, once the cause is known.";
    KillUnverified "kill_unverified" Critical Session
        "After a kill the gateway has not said yet that nothing is open."
        "Look at the open orders on the venue's own screen and cancel them there if it stays.";
    Disarmed "disarmed" Critical Underlying
        "The underlying is disarmed: it is watched and not hedged."
        "If nobody disarmed it on purpose: look for the alarm or log line before this one, solve that, then `hedgewire arm`.";
    BookInDoubt "book_in_doubt" Critical Underlying
        "The hedge instrument's book may not be traded on; the log and `hedgewire top` say why."
        "Nothing for a second; then see the feed's alarm. Where the venue has halted the instrument: wait.";
    SecondFeed "second_feed" Warning Underlying
        "Quotes come from the second feed: Starbase's book may not be traded on, or has not spoken for too long."
        "Hedging goes on; see the feed's alarm, and watch that the second feed stays `live`: nothing stands in for it. Vols stay as they are until then.";
    SecondFeedDown "second_feed_down" Warning Engine
        "The second feed is silent, or its books are not whole: nothing would stand in for Starbase."
        "Nothing if it ends in seconds. If it stays: its groups and channels in the configuration, then its line. With `second_feed` or `book_in_doubt` beside it: hedge by hand.";
    MessagesLost "messages_lost" Critical Feed
        "Messages were lost for good; books wait for their snapshots."
        "Nothing if it ends in seconds. If it does not, the snapshot group is not received: check its line, then tell the venue.";
    ChannelSilent "channel_silent" Critical Feed
        "Not even a heartbeat comes, or nothing has ever come."
        "Check the venue's status page, then interface, groups and `checksums` (`hedgewire doctor`). Nothing is hedged on this feed until it speaks.";
    LineChanged "line_changed" Warning Feed
        "The other line brings the feed's messages now."
        "Nothing; tell the venue if it goes to and fro.";
    FeedDirty "feed_dirty" Warning Feed
        "More than 1 in 1,000 datagrams came twice or late."
        "By day: which line, which switch.";
    FeedUnreadable "feed_unreadable" Warning Feed
        "Packets or messages of the feed could not be read; books that they may have changed are in doubt."
        "Nothing if it was once: see which line by day. If it goes on the venue has changed its format: disarm, and hedge by hand.";
    PacketsDropped "packets_dropped" Warning Engine
        "Packets of the feed's groups were thrown away before the engine: by kernel or card, in a queue that nobody reads, in pieces, malformed, or for a wrong sum. `hedgewire status` counts each."
        "Nothing if it was once: what is missing is asked for. If it goes on: `ring_frames`, `queues` and `checksums` of the configuration, then the network card and its cable (`hedgewire doctor`).";
    InterfaceDown "interface_down" Critical Engine
        "An interface that packets come from is down or gone, or the system does not answer for it; the log says which."
        "Bring it up again (`ip link`), or restart once it is there. Nothing is hedged on a silent feed.";
    InputStale "input_stale" Critical Underlying
        "Marks or index are stale: no new rows are compiled from them, and the old ones run out."
        "See the feed's alarm. Nothing is hedged on rows that are too old.";
    BankFailed "bank_failed" Warning Underlying
        "No bank could be compiled, or the kernel refused it; the one before stays in use until it is too old."
        "Call whoever owns the configuration.";
    DefinitionDiffers "definition_differs" Critical Underlying
        "Tick, contract or settlement of the hedge instrument are not the configured ones: it is not hedged."
        "Correct the configuration and restart.";
    HoldingUnknown "holding_unknown" Critical Engine
        "A position of an instrument that the plan does not hold is remembered: its underlying is not armed."
        "Put it into the portfolio and restart.";
    FillRefused "fill_refused" Critical Engine
        "A fill of the desk's own could not be booked: unknown instrument, part of a lot, or beyond a limit."
        "The portfolio is not what the engine believes: correct it and restart. The log has the fill.";
    KernelFault "kernel_fault" Critical Underlying
        "The kernel told of a fault: a late fill, an overfill, a weight or amount that does not fit."
        "Keep journal and log. Compare positions and open orders with the venue's screen, and restart.";
    LedgerDiffers "ledger_differs" Critical Underlying
        "The kernel's position is not the sum of the fills: the underlying was disarmed."
        "It must not be. Keep journal and log, compare positions, restart, and tell us.";
    OverHedge "over_hedge" Critical Underlying
        "A hedge would carry the exposure across its target if everything open filled: the underlying was disarmed."
        "It must not be. Keep journal and log, compare positions, restart, and tell us.";
    PositionUnproved "position_unproved" Critical Underlying
        "The position is not what the reports add up to: the underlying is disarmed."
        "Look at positions and open orders on the venue's screen. Once nothing is open tell the position (`hedgewire position`), then `hedgewire arm`.";
    PositionDiffers "position_differs" Warning Underlying
        "At the start there were fills that were not remembered; they were booked."
        "Nothing; if nobody expects it, compare positions with the venue's screen.";
    SessionDown "session_down" Critical Session
        "The order session is not ready: no hedge can be sent through it."
        "It reconnects by itself. Check the venue's status and the gateway's address. A key that is refused does not heal: correct it and restart.";
    ReportsMissing "reports_missing" Warning Session
        "Reports are missing and were asked for; nothing is sent meanwhile."
        "Nothing for a second.";
    ReportsLost "reports_lost" Critical Session
        "The gateway no longer has reports that are missing: fills may be unknown."
        "As for `position_unproved`, for each of its underlyings.";
    OrderInDoubt "order_in_doubt" Critical Underlying
        "What became of an order is not known: it counts as open, and is cancelled by number until the venue says."
        "If it lasts: look for it on the venue's screen and cancel it there if it lives.";
    OrderRefused "order_refused" Warning Engine
        "The venue refuses orders; the log has its reason."
        "Margin, limits and permissions are set at the venue; a price limit passes by itself.";
    CancelRefused "cancel_refused" Warning Engine
        "The venue refused a cancel; the log has its reason."
        "A cancel that comes late is harmless.";
    OrderFaulty "order_faulty" Critical Engine
        "A report contradicts what is known of an order."
        "Keep journal and log; compare positions with the venue's screen.";
    Unmatched "unmatched" Critical Session
        "A report of an order that is not ours came: somebody else trades with this key. Its underlyings were disarmed."
        "Find out who. Positions are in doubt: compare them with the venue's and restart.";
    JournalFailed "journal_failed" Critical Engine
        "Journal or state file cannot be written: everything was cancelled, and nothing is sent."
        "Free space or give it another disk, compare positions, and restart. Hedge by hand meanwhile.";
    CardDown "card_down" Warning Engine
        "The card failed or was never there: the CPU answers, with the same decisions. The log says why."
        "Nothing: it is tried again. By day: `hedgewire doctor`, and the cause in the log.";
    NobodyAnswers "nobody_answers" Critical Engine
        "The card failed, and the configuration says to stop then: everything was cancelled, and nothing is sent."
        "Hedge by hand, compare positions, and restart without the card, or with `on_fault = \"fall_back\"`.";
}

/// One alarm's state. It has several writers, and is not on the path of a packet.
#[derive(Debug, Default)]
struct AlarmCells {
    /// A bit for each subject.
    active: AtomicU64,
    raised: AtomicU64,
    raised_ns: AtomicU64,
}

/// All alarms.
#[derive(Debug)]
pub struct Alarms(Box<[AlarmCells]>);

impl Default for Alarms {
    /// None is raised.
    fn default() -> Self {
        Self(AlarmKind::ALL.iter().map(|_| AlarmCells::default()).collect())
    }
}

impl Alarms {
    /// Raises an alarm for a subject. Returns whether it was not raised before: then a line in the log is due.
    ///
    /// # Panics
    /// If there can be no such subject.
    pub fn raise(&self, alarm: AlarmKind, subject: usize, now_ns: u64) -> bool {
        let (cells, bit) = (&self.0[alarm as usize], bit_of(subject));
        // ORDERING: relaxed; an alarm is told of by its own words alone.
        let is_new =
            cells.active.load(Ordering::Relaxed) & bit == 0 && cells.active.fetch_or(bit, Ordering::Relaxed) & bit == 0;
        if is_new {
            cells.raised.fetch_add(1, Ordering::Relaxed);
            cells.raised_ns.store(now_ns, Ordering::Relaxed);
        }
        is_new
    }

    /// Clears an alarm for a subject. Returns whether it was raised.
    ///
    /// # Panics
    /// If there can be no such subject.
    pub fn clear(&self, alarm: AlarmKind, subject: usize) -> bool {
        let (cells, bit) = (&self.0[alarm as usize], bit_of(subject));
        cells.active.load(Ordering::Relaxed) & bit != 0 && cells.active.fetch_and(!bit, Ordering::Relaxed) & bit != 0
    }

    /// Raises or clears it. Returns whether that changed anything.
    pub fn set(&self, alarm: AlarmKind, subject: usize, is_raised: bool, now_ns: u64) -> bool {
        if is_raised { self.raise(alarm, subject, now_ns) } else { self.clear(alarm, subject) }
    }

    /// Whether it is raised for a subject.
    pub fn is_raised(&self, alarm: AlarmKind, subject: usize) -> bool {
        self.0[alarm as usize].active.load(Ordering::Relaxed) & bit_of(subject) != 0
    }

    /// Times that it was raised.
    pub fn raised(&self, alarm: AlarmKind) -> u64 {
        self.0[alarm as usize].raised.load(Ordering::Relaxed)
    }

    /// When it was last raised, ns since 1970; 0 for never.
    pub fn raised_ns(&self, alarm: AlarmKind) -> u64 {
        self.0[alarm as usize].raised_ns.load(Ordering::Relaxed)
    }
}

fn bit_of(subject: usize) -> u64 {
    assert!(subject < SUBJECTS_MAX, "subject {subject} of an alarm: at most {SUBJECTS_MAX}");
    1 << subject
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_raised_once_and_stays_until_cleared() {
        let alarms = Alarms::default();
        assert!(alarms.raise(AlarmKind::FeedDirty, 1, 5));
        assert!(!alarms.raise(AlarmKind::FeedDirty, 1, 6), "it is raised already");
        assert!(alarms.raise(AlarmKind::FeedDirty, 63, 7));
        assert_eq!((alarms.raised(AlarmKind::FeedDirty), alarms.raised_ns(AlarmKind::FeedDirty)), (2, 7));
        assert!(alarms.is_raised(AlarmKind::FeedDirty, 1) && !alarms.is_raised(AlarmKind::FeedDirty, 0));
        assert!(!alarms.is_raised(AlarmKind::MessagesLost, 1), "another alarm");
        assert!(alarms.clear(AlarmKind::FeedDirty, 1) && !alarms.clear(AlarmKind::FeedDirty, 1));
        assert!(alarms.is_raised(AlarmKind::FeedDirty, 63), "another subject");
        assert!(alarms.set(AlarmKind::FeedDirty, 1, true, 8) && !alarms.set(AlarmKind::FeedDirty, 0, false, 8));
    }

    #[test]
    fn the_table_has_names_that_differ_and_sentences() {
        for (at, alarm) in AlarmKind::ALL.iter().enumerate() {
            assert!(AlarmKind::ALL[..at].iter().all(|other| other.name() != alarm.name()), "{} twice", alarm.name());
            assert!(alarm.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert!(alarm.meaning().ends_with('.') && alarm.action().ends_with('.'), "{}", alarm.name());
        }
    }
}
