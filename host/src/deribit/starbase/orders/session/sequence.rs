//! Numbers of the messages that the gateway sends: what comes in order, twice, too early, or never.
//!
//! ```text
//!              number = expected            number > expected
//!   in order ◄────────────────── whole ───────────────────────► gap: ask again from expected on
//!                                  ▲                             │  later ones: early, they come again
//!                                  └── expected passes them all ─┘  resent one beyond expected: lost
//! ```
//!
//! Messages that arrive early are dropped: the resend is asked for without an end, so they come again,
//! in order. A resent message beyond the expected one says that the gateway no longer has what is in
//! between; it is then lost, and said to be.

/// What a message's number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The one expected.
    InOrder,
    /// The one expected by nobody any more: it has been seen, and says itself that it is resent.
    Duplicate,
    /// Beyond the expected one: a gap opens.
    Gap,
    /// Beyond the expected one while a gap is open.
    Early,
    /// In order, but what is between the expected number and this one will not come.
    AfterLoss {
        /// First number that is lost.
        from: i64,
        /// Last number that is lost.
        to: i64,
    },
    /// Below the expected one, and not marked as resent: the gateway counts anew.
    TooLow,
    /// No number: numbers begin at 1 and end before the last one of 64 bits.
    Invalid,
}

/// Follows the numbers of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The next number in order.
    pub expected: i64,
    /// Highest number seen beyond a gap.
    beyond_gap: Option<i64>,
}

impl Inbound {
    /// Expects `expected` next.
    pub fn new(expected: i64) -> Self {
        Self { expected, beyond_gap: None }
    }

    /// Whether messages are missing.
    pub fn has_gap(&self) -> bool {
        self.beyond_gap.is_some()
    }

    /// Takes note of a message.
    pub fn observe(&mut self, seq: i64, is_resend: bool) -> Arrival {
        if seq < 1 || seq == i64::MAX {
            return Arrival::Invalid;
        }
        if seq == self.expected {
            self.advance(seq + 1);
            return Arrival::InOrder;
        }
        if seq < self.expected {
            return if is_resend { Arrival::Duplicate } else { Arrival::TooLow };
        }
        match self.beyond_gap {
            Some(_) if is_resend => {
                let from = self.expected;
                self.advance(seq + 1);
                Arrival::AfterLoss { from, to: seq - 1 }
            }
            Some(highest) => {
                self.beyond_gap = Some(highest.max(seq));
                Arrival::Early
            }
            None => {
                self.beyond_gap = Some(seq);
                Arrival::Gap
            }
        }
    }

    /// Skips to `next`; `None` if that is backwards.
    pub fn fill(&mut self, next: i64) -> Option<()> {
        if next < self.expected || next == i64::MAX {
            return None;
        }
        self.advance(next);
        Some(())
    }

    /// Forgets the gap when a connection ends; the expected number stays.
    pub fn disconnect(&mut self) {
        self.beyond_gap = None;
    }

    fn advance(&mut self, next: i64) {
        self.expected = next;
        self.beyond_gap = self.beyond_gap.filter(|highest| *highest >= next);
    }
}
