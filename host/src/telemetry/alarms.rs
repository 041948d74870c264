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
        /// An alarm.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Alarm {
            $(#[doc = $meaning] $name,)*
        }

        impl Alarm {
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
        "The kill is set: everything is disarmed, and orders have been cancelled."
        "Find out who or what pulled it: the log names the cause. Hedge by hand meanwhile. Restart, or reconcile and `hedgewire arm`, once the cause is known.";
    KillUnverified "kill_unverified" Critical Engine
        "After a kill the venue has not confirmed that no order is left."
        "Look at the open orders on the venue's own screen and cancel them there.";
    Disarmed "disarmed" Critical Underlying
        "The underlying is disarmed: it is watched and not hedged."
        "If nobody disarmed it on purpose: look for the alarm or log line before this one, solve that, then `hedgewire arm`.";
    FeedGap "feed_gap" Warning Feed
        "Messages are missing and being asked for; its books are in doubt."
        "Nothing, if it ends within a second. If it comes again and again: compare the dropped packets with the gaps to tell the host from the network.";
    FeedLost "feed_lost" Critical Feed
        "Messages were lost for good; books wait for their snapshots."
        "It ends with the next round of snapshots, seconds. If it does not, the snapshot group is not received: check its line, then tell the venue.";
    FeedSilent "feed_silent" Critical Feed
        "Not even a heartbeat comes."
        "Check the venue's status page, then the interface and the groups (`hedgewire doctor`). Nothing is hedged on this feed until it speaks.";
    FeedRestarted "feed_restarted" Warning Feed
        "The venue numbers its messages anew: it was restarted."
        "Nothing, if books come back within a minute. Check that sessions logged on again and positions agree.";
    LineDown "line_down" Warning Feed
        "One of the two lines brings nothing while the other does."
        "Hedging goes on over the other line. Have the line's switch port, interface and group checked by day.";
    PacketsDropped "packets_dropped" Warning Feed
        "Kernel or card throw packets away: the engine reads too slowly, or was off its core."
        "Look at what else runs on its core (`hedgewire doctor`); raise `ring_frames` at the next restart.";
    FeedMalformed "feed_malformed" Critical Feed
        "A packet or message could not be read: the venue's format is not the one known."
        "If it goes on, the venue has changed its schema: disarm, hedge by hand, and call whoever owns the decoder. The log has the first one.";
    BookUntrusted "book_untrusted" Critical Underlying
        "The hedge instrument's book has not been trustworthy for longer than a snapshot takes."
        "`hedgewire top` says why. Gap, silence or no snapshot: see the feed's alarm. Closed: the venue halted it; wait.";
    QuoteStale "quote_stale" Critical Underlying
        "No quote has come for longer than the gate allows."
        "Look at the feed and the venue's status. If the instrument is quiet but alive, the gate may be too narrow for this hour.";
    InputsStale "inputs_stale" Critical Underlying
        "Marks, vols or forwards are too old to compile the portfolio, or its rows are past their time."
        "See which input is late in the log (chain, forward, marks) and restart its source. Nothing is hedged on old rows.";
    CompilerFailed "compiler_failed" Warning Underlying
        "A bank could not be compiled; the one before stays in use until it is too old."
        "The log names the slot or setting. If it is one position, close or remove it; else call whoever owns the configuration.";
    BeyondBand "beyond_emergency_band" Critical Underlying
        "The exposure has been beyond the emergency band for longer than a hedge takes."
        "`hedgewire top` shows the reason of the last refusal. If it cannot be removed at once, hedge by hand on the venue's screen and reconcile.";
    HedgeGivenUp "hedge_given_up" Critical Underlying
        "The escalation ladder reached its end without a fill."
        "The market is thin, or has run away from the collar: look at the book, widen the collar by `hedgewire reload` or hedge by hand.";
    LossLimit "loss_limit" Critical Underlying
        "The session's hedge cost has reached its limit."
        "Do not simply raise it: look at fills and costs first. Then `hedgewire reload` with a new limit, or stop for the day.";
    KernelFault "kernel_fault" Critical Underlying
        "The kernel told of a fault: a late fill, an overfill, a weight or amount that does not fit."
        "Compare positions and open orders with the venue's screen. Restart reconciles; until then nothing is hedged.";
    NotReconciled "not_reconciled" Critical Underlying
        "Position and open orders do not agree with the venue's, or have not been compared yet."
        "The log lists the differences. Correct what is wrong by hand, then `hedgewire arm` or restart.";
    SessionDown "session_down" Critical Session
        "The order session is not ready: no hedge can be sent through it."
        "It reconnects by itself. Check the venue's status, then the gateway's address and the key's permissions in the log.";
    SessionRefused "session_refused" Critical Session
        "The gateway refuses the logon, or ended the session for something that was sent."
        "The log has its words. A wrong key or version is not healed by waiting: correct the configuration and restart.";
    ReportsLost "reports_lost" Critical Session
        "The gateway no longer has reports that are missing: fills may be unknown."
        "Compare positions and open orders with the venue's screen; restart reconciles.";
    OrderUnknown "order_unknown" Critical Underlying
        "An order has been in unknown state for longer than an answer takes."
        "Look for it on the venue's screen and cancel it there if it lives. The engine counts it as open meanwhile.";
    OrderRejected "order_rejected" Warning Underlying
        "The venue rejects orders."
        "The log has its reason. Margin, limits and permissions are set at the venue; a price limit passes by itself.";
    UnmatchedReport "unmatched_report" Critical Session
        "A report of an order that is not ours came: somebody else trades with this key."
        "Find out who. Positions are in doubt: compare them with the venue's and restart.";
    Throttled "throttled" Warning Session
        "Hedges wait for the message budget."
        "Look for a hedge that is amended again and again; a wider band or a longer `retry_ms` helps.";
    ProtectionTriggered "protection_triggered" Warning Session
        "The venue's market-maker protection has struck: the desk's quotes are frozen."
        "Find out what took them before it is reset: a stale quote, or a vol that moved.";
    DropCopyDown "drop_copy_down" Critical Engine
        "Nobody is connected to the drop-copy socket, or what came could not be read: option fills may be missing."
        "Restart its sender; the log has the line that was refused. Fills are resent from the number that the engine acknowledges.";
    CardFailedOver "card_failed_over" Warning Engine
        "The card has failed and the CPU answers."
        "Hedging goes on, slower. The log has the cause; the card is tried again by itself. Have it looked at by day.";
    CardDiffers "card_differs" Critical Engine
        "Card and CPU gave different answers; everything was disarmed."
        "Keep journal and log. Take the card out of the configuration, restart, reconcile and arm.";
    NobodyAnswers "nobody_answers" Critical Engine
        "The card has failed, and the configuration says to stop then."
        "Hedge by hand. Restart without the card, or with one that works.";
    JournalBehind "journal_behind" Warning Engine
        "The journal's backlog grows: the disk is slow."
        "See what else writes there. Beyond the loss bound the engine stops sending by itself.";
    JournalFailed "journal_failed" Critical Engine
        "The journal cannot be written: nothing may be sent that it does not hold."
        "Free space or give it another disk, and restart. Hedge by hand meanwhile.";
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
        Self(Alarm::ALL.iter().map(|_| AlarmCells::default()).collect())
    }
}

impl Alarms {
    /// Raises an alarm for a subject. Returns whether it was not raised before: then a line in the log is due.
    ///
    /// # Panics
    /// If there can be no such subject.
    pub fn raise(&self, alarm: Alarm, subject: usize, now_ns: u64) -> bool {
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
    pub fn clear(&self, alarm: Alarm, subject: usize) -> bool {
        let (cells, bit) = (&self.0[alarm as usize], bit_of(subject));
        cells.active.load(Ordering::Relaxed) & bit != 0 && cells.active.fetch_and(!bit, Ordering::Relaxed) & bit != 0
    }

    /// Raises or clears it. Returns whether that changed anything.
    pub fn set(&self, alarm: Alarm, subject: usize, is_raised: bool, now_ns: u64) -> bool {
        if is_raised { self.raise(alarm, subject, now_ns) } else { self.clear(alarm, subject) }
    }

    /// Whether it is raised for a subject.
    pub fn is_raised(&self, alarm: Alarm, subject: usize) -> bool {
        self.0[alarm as usize].active.load(Ordering::Relaxed) & bit_of(subject) != 0
    }

    /// Times that it was raised.
    pub fn raised(&self, alarm: Alarm) -> u64 {
        self.0[alarm as usize].raised.load(Ordering::Relaxed)
    }

    /// When it was last raised, ns since 1970; 0 for never.
    pub fn raised_ns(&self, alarm: Alarm) -> u64 {
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
        assert!(alarms.raise(Alarm::FeedGap, 1, 5));
        assert!(!alarms.raise(Alarm::FeedGap, 1, 6), "it is raised already");
        assert!(alarms.raise(Alarm::FeedGap, 63, 7));
        assert_eq!((alarms.raised(Alarm::FeedGap), alarms.raised_ns(Alarm::FeedGap)), (2, 7));
        assert!(alarms.is_raised(Alarm::FeedGap, 1) && !alarms.is_raised(Alarm::FeedGap, 0));
        assert!(!alarms.is_raised(Alarm::FeedLost, 1), "another alarm");
        assert!(alarms.clear(Alarm::FeedGap, 1) && !alarms.clear(Alarm::FeedGap, 1));
        assert!(alarms.is_raised(Alarm::FeedGap, 63), "another subject");
        assert!(alarms.set(Alarm::FeedGap, 1, true, 8) && !alarms.set(Alarm::FeedGap, 0, false, 8));
    }

    #[test]
    fn the_table_has_names_that_differ_and_sentences() {
        for (at, alarm) in Alarm::ALL.iter().enumerate() {
            assert!(Alarm::ALL[..at].iter().all(|other| other.name() != alarm.name()), "{} twice", alarm.name());
            assert!(alarm.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert!(alarm.meaning().ends_with('.') && alarm.action().ends_with('.'), "{}", alarm.name());
        }
    }
}
