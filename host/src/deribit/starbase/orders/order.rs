//! One order at the venue: where it is, what of it has filled, what that is worth.
//!
//! ```text
//!          response                     placed
//!   Sent ────────────► Queued ───────────────────► Open        each of the three may also be unknown:
//!    │ │ ───────────────────────────────────────► ▲│           a disconnect, or no answer in time
//!    │ reject                                      │ filled, cancelled, rejected
//!    └──────────────────────► Done ◄───────────────┘           Done stays, but for one that was presumed
//! ```
//!
//! Fills tile the order's quantity: a fill of `q` after which `t` are filled in total is the piece
//! `t - q .. t`. So a fill that is reported twice is the same piece, whatever the order of the reports,
//! and a piece whose report is missing is known by its size before it is known by its price.
//!
//! Invariants:
//! * sent = filled + cancelled + rejected + open + unknown, always, each of them 0 or more;
//! * what is filled never shrinks; no piece is valued twice.

use super::field::{Price9, Wire};
use super::value::{HedgeTerms, Side, Worth};
use super::values::{CancelReason, OrderRejectReason, RejectReason};

/// Pieces that can be known apart before those between them are.
const PIECES_MAX: usize = 8;

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Sent, no answer yet.
    Sent,
    /// In the speed bump.
    Queued,
    /// In the book.
    Open,
    /// Nothing of it can fill any more.
    Done(Cause),
}

/// Why an order is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Filled whole.
    Filled,
    /// Cancelled by the venue, asked or not.
    Cancelled(CancelReason),
    /// Not taken.
    Rejected(OrderRejectReason),
    /// Not understood.
    NotUnderstood(RejectReason),
    /// Never left this side.
    NotSent,
    /// The venue does not know it, though it was asked after every report had come.
    Presumed,
    /// Settled by reconciliation with the venue.
    Reconciled,
}

/// What should not have happened to an order. The amounts are booked all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderFault {
    /// More filled than was sent.
    Overfill,
    /// A quantity that is no whole number of contracts: it was not booked.
    Quantity,
    /// A fill that does not fit its own total.
    FillTotal,
    /// A fill that contradicts one before.
    FillConflict,
    /// A fill after the end.
    LateFill,
    /// An order lives that was presumed gone: cancel it.
    Revived,
    /// A fill without a price: it is valued at the limit.
    Price,
    /// A report of another instrument or side.
    Mismatch,
}

/// An order's quantity by what became of it, contracts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantities {
    /// Sent.
    pub sent: i64,
    /// Filled, without what is beyond the quantity.
    pub filled: i64,
    /// Ended without a fill.
    pub cancelled: i64,
    /// Never taken.
    pub rejected: i64,
    /// May fill.
    pub open: i64,
    /// May fill, or not be there.
    pub unknown: i64,
    /// Filled beyond what was sent: always a fault.
    pub overfilled: i64,
}

impl Quantities {
    /// Adds those of another order.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.filled += other.filled;
        self.cancelled += other.cancelled;
        self.rejected += other.rejected;
        self.open += other.open;
        self.unknown += other.unknown;
        self.overfilled += other.overfilled;
    }
}

/// Which pieces of a quantity are known.
#[derive(Clone, Copy, Debug, Default)]
struct Pieces {
    /// Disjoint, sorted, not adjacent; the first `count` count.
    pieces: [(i64, i64); PIECES_MAX],
    count: usize,
}

impl Pieces {
    /// Adds `from .. to`; returns how much of it is new, or `None` if there is no room to remember it.
    fn add(&mut self, from: i64, to: i64) -> Option<i64> {
        let (mut merged, mut known) = ((from, to), 0);
        let mut kept = Self::default();
        for &(start, end) in &self.pieces[..self.count] {
            if end < from || start > to {
                kept.push((start, end))?;
                continue;
            }
            known += end.min(to) - start.max(from);
            merged = (merged.0.min(start), merged.1.max(end));
        }
        kept.push(merged)?;
        kept.pieces[..kept.count].sort_unstable();
        *self = kept;
        Some(to - from - known)
    }

    fn push(&mut self, piece: (i64, i64)) -> Option<()> {
        *self.pieces.get_mut(self.count)? = piece;
        self.count += 1;
        Some(())
    }

    fn total(&self) -> i64 {
        self.pieces[..self.count].iter().map(|(start, end)| end - start).sum()
    }
}

/// One order at the venue.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Our number.
    pub client_order_id: i64,
    /// The venue's number; null until it is known.
    pub order_id: i64,
    /// Index of its terms.
    pub terms_index: usize,
    /// Underlying and number of the hedge that it works for.
    pub hedge: (u8, u32),
    /// Its side.
    pub side: Side,
    /// Its size, contracts.
    pub quantity: i64,
    /// Its limit, as sent or as last amended.
    pub price: Price9,
    /// Price of the instrument at the decision, price units.
    pub arrival: u32,
    /// Whether it rests, and never takes.
    pub is_resting: bool,
    /// Where it is.
    pub stage: Stage,
    /// Whether that is in doubt.
    pub is_unknown: bool,
    /// Correlation of the last request; null once it is answered.
    pub correlation_id: i64,
    /// When the request that is unanswered was sent, and its number.
    pub asked: Option<(u64, i64)>,
    /// Price of the amendment that is unanswered.
    pub amending: Option<Price9>,
    /// Whether a cancel is unanswered.
    pub is_cancelling: bool,
    /// Whether reports of it may have been lost: then only a report with a total, or reconciliation, ends it.
    pub is_lossy: bool,
    /// How often the venue said that it does not know it.
    pub denials: u8,
    /// Filled, contracts.
    filled: i64,
    pieces: Pieces,
    worth: Worth,
    /// Fills that were not there before.
    fills: u32,
    /// What the hedge has been told of it.
    pub told: (i64, Worth),
    /// When the socket had taken every byte of the new order, ns; 0 for not yet, or if its answer was measured.
    pub taken_ns: u64,
    /// Whether a report of it has come.
    pub is_heard: bool,
}

impl Order {
    /// An order that is about to be sent.
    pub fn new(client_order_id: i64, terms_index: usize, hedge: (u8, u32), side: Side, quantity: i64) -> Self {
        Self {
            client_order_id,
            order_id: i64::NULL,
            terms_index,
            hedge,
            side,
            quantity,
            price: Price9::NULL,
            arrival: 0,
            is_resting: false,
            stage: Stage::Sent,
            is_unknown: false,
            correlation_id: i64::NULL,
            asked: None,
            amending: None,
            is_cancelling: false,
            is_lossy: false,
            denials: 0,
            filled: 0,
            pieces: Pieces::default(),
            worth: Worth::default(),
            fills: 0,
            told: (0, Worth::default()),
            taken_ns: 0,
            is_heard: false,
        }
    }

    /// Fills that were booked, each once.
    pub fn fills(&self) -> u32 {
        self.fills
    }

    /// Whether nothing of it can fill any more.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done(_))
    }

    /// Filled so far, contracts, whatever was sent.
    pub fn filled(&self) -> i64 {
        self.filled
    }

    /// The quantity by what became of it.
    pub fn quantities(&self) -> Quantities {
        let filled = self.filled.min(self.quantity);
        let rest = self.quantity - filled;
        let mut quantities =
            Quantities { sent: self.quantity, filled, overfilled: self.filled - filled, ..Quantities::default() };
        *match self.stage {
            Stage::Done(Cause::Rejected(_) | Cause::NotUnderstood(_) | Cause::NotSent) => &mut quantities.rejected,
            Stage::Done(_) => &mut quantities.cancelled,
            _ if self.is_unknown => &mut quantities.unknown,
            _ => &mut quantities.open,
        } = rest;
        quantities
    }

    /// What its fills are worth; those whose price has not come yet, at the limit.
    pub fn worth(&self, terms: &HedgeTerms) -> Worth {
        let unpriced = self.filled - self.pieces.total();
        if unpriced <= 0 {
            return self.worth;
        }
        let guess = terms.worth(self.side, unpriced, self.price, self.arrival, true);
        self.worth.plus(guess.unwrap_or_default())
    }

    /// Books a fill after which `total` are filled; all in contracts.
    ///
    /// # Errors
    /// [`OrderFault`] if the fill is odd; it counts as far as it can be believed.
    pub fn fill(
        &mut self,
        terms: &HedgeTerms,
        total: i64,
        contracts: i64,
        price: Price9,
        is_taker: bool,
    ) -> Result<(), OrderFault> {
        let from = total.checked_sub(contracts).filter(|from| contracts > 0 && *from >= 0);
        let from = from.ok_or(OrderFault::FillTotal)?;
        let grown = self.fill_to(total);
        // Without room to remember the piece it stays without a price of its own.
        let Some(fresh) = self.pieces.add(from, total) else { return grown.and(Err(OrderFault::Price)) };
        let is_conflict = fresh > 0 && fresh < contracts;
        self.fills += u32::from(fresh > 0);
        match terms.worth(self.side, fresh, price, self.arrival, is_taker) {
            Some(worth) => self.worth = self.worth.plus(worth),
            None => return grown.and(Err(OrderFault::Price)),
        }
        grown.and(if is_conflict { Err(OrderFault::FillConflict) } else { Ok(()) })
    }

    /// Takes note that `total` contracts are filled.
    ///
    /// # Errors
    /// [`OrderFault`] if it is more than there was, or comes after the end.
    pub fn fill_to(&mut self, total: i64) -> Result<(), OrderFault> {
        if total <= self.filled {
            return Ok(());
        }
        self.filled = total;
        if total > self.quantity {
            self.finish(Cause::Filled);
            return Err(OrderFault::Overfill);
        }
        if self.is_done() {
            return Err(OrderFault::LateFill);
        }
        if total == self.quantity {
            self.finish(Cause::Filled);
        }
        Ok(())
    }

    /// The venue has it: in the speed bump or in the book. `is_certain` unless older reports are missing.
    ///
    /// # Errors
    /// [`OrderFault::Revived`] if it was presumed gone.
    pub fn live(&mut self, stage: Stage, is_certain: bool) -> Result<(), OrderFault> {
        let was_presumed = self.stage == Stage::Done(Cause::Presumed) && self.filled < self.quantity;
        match (self.stage, stage) {
            (Stage::Done(_), _) if !was_presumed => return Ok(()),
            // Out of the speed bump it never goes back.
            (Stage::Open, Stage::Queued) => {}
            _ => self.stage = stage,
        }
        self.is_unknown &= !is_certain;
        if was_presumed { Err(OrderFault::Revived) } else { Ok(()) }
    }

    /// Nothing of it can fill any more; the first cause stays, unless it was presumed.
    pub fn finish(&mut self, cause: Cause) {
        if self.is_done() && self.stage != Stage::Done(Cause::Presumed) {
            return;
        }
        let is_filled = self.filled >= self.quantity;
        self.stage = Stage::Done(if is_filled { Cause::Filled } else { cause });
        self.is_unknown = false;
        (self.asked, self.amending, self.is_cancelling) = (None, None, false);
    }

    /// Nobody knows any more.
    pub fn doubt(&mut self) {
        if !self.is_done() {
            self.is_unknown = true;
            (self.asked, self.amending, self.is_cancelling) = (None, None, false);
        }
    }
}
