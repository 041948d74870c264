//! What became of the orders of one instrument, as counts that only grow.
//!
//! ```text
//!   Mark::of(order) ─► something changes it ─► Tally::note(mark, order): what is new
//! ```
//!
//! Invariant: sent + revived = filled + cancelled + rejected + settled + orders that may still fill. An order that never
//! left is in none of them.

use super::order::{Cause, Order, Stage};
use super::value::Side;

/// The counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// New orders that left.
    pub sent: u64,
    /// Amendments that left.
    pub amendments: u64,
    /// Cancels by number that left.
    pub cancels: u64,
    /// Taken into the book.
    pub opened: u64,
    /// Put into the speed bump.
    pub queued: u64,
    /// Filled whole.
    pub filled: u64,
    /// Cancelled by the venue, asked or not.
    pub cancelled: u64,
    /// Not taken, or not understood.
    pub rejected: u64,
    /// Ended without the venue's word: presumed gone, or reconciled.
    pub settled: u64,
    /// Amendments and cancels that were refused.
    pub requests_rejected: u64,
    /// Came into doubt.
    pub unknown: u64,
    /// Presumed gone, and alive after all.
    pub revived: u64,
    /// Reports that contradict what is known of the order.
    pub faults: u64,
    /// Hedges that ended before they were filled whole.
    pub given_up: u64,
    /// Times that the message budget was used up when something was to be sent.
    pub throttled: u64,
    /// Fills.
    pub fills: u64,
    /// Contracts bought.
    pub bought: u64,
    /// Contracts sold.
    pub sold: u64,
}

/// What of an order is counted, as it was before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    stage: Stage,
    is_unknown: bool,
    filled: i64,
    fills: u32,
}

impl Mark {
    /// As it is now.
    #[inline]
    pub fn of(order: &Order) -> Self {
        Self { stage: order.stage, is_unknown: order.is_unknown, filled: order.filled(), fills: order.fills() }
    }
}

impl Tally {
    /// Counts what is new of an order.
    pub fn note(&mut self, before: Mark, order: &Order) {
        self.unknown += u64::from(order.is_unknown && !before.is_unknown);
        self.fills += u64::from(order.fills() - before.fills);
        let contracts = (order.filled() - before.filled).unsigned_abs();
        *(if order.side == Side::Buy { &mut self.bought } else { &mut self.sold }) += contracts;
        if order.stage == before.stage {
            return;
        }
        self.revived += u64::from(before.stage == Stage::Done(Cause::Presumed));
        match order.stage {
            Stage::Sent | Stage::Done(Cause::NotSent) => {}
            Stage::Queued => self.queued += 1,
            Stage::Open => self.opened += 1,
            Stage::Done(Cause::Filled) => self.filled += 1,
            Stage::Done(Cause::Cancelled(_)) => self.cancelled += 1,
            Stage::Done(Cause::Rejected(_) | Cause::NotUnderstood(_)) => self.rejected += 1,
            Stage::Done(Cause::Presumed | Cause::Reconciled) => self.settled += 1,
        }
    }

    /// Counts a fill of so many contracts, positive bought, of an order that is not in the table.
    pub fn book(&mut self, contracts: i64) {
        self.fills += 1;
        *(if contracts > 0 { &mut self.bought } else { &mut self.sold }) += contracts.unsigned_abs();
    }
}
