//! Changes of books that wait for a snapshot: one bounded ring for a channel, a chain per instrument.
//!
//! ```text
//!   ring:    head ─► [a1][b1][a2][dead][b2][a3] ◄─ tail        free-running positions, masked places
//!   chain a:          a1 ──────► a2 ─────────► a3              followed when a's snapshot comes
//! ```
//!
//! Invariants:
//! * A chain is in the order of delivery and has every change of its instrument since the number that the
//!   instrument's snapshot must reach. When the ring is full its oldest change goes, and that number rises.
//! * Nothing is allocated after the start.

use super::order_book::Order;
use crate::book::Side;

/// A change of one book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Put(Side, Order),
    Reduce { side: Side, order_id: i64, quantity: i64 },
    Delete { side: Side, order_id: i64 },
}

/// The changes held for an instrument, as positions in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    first: u64,
    last: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The instrument's place.
    pub instrument: u32,
    pub seq: i64,
    pub change: Change,
    /// Position of the next change of the same instrument; its own for the last one.
    next: u64,
}

/// The ring.
#[derive(Clone, Debug)]
pub(super) struct HeldChanges {
    places: Vec<Held>,
    mask: u64,
    head: u64,
    tail: u64,
}

impl HeldChanges {
    /// Room for `1 << size_log2` changes.
    pub fn new(size_log2: u32) -> Self {
        let size = 1usize << size_log2;
        Self { places: Vec::with_capacity(size), mask: size as u64 - 1, head: 0, tail: 0 }
    }

    /// Forgets everything; the chains must be forgotten too.
    pub fn clear(&mut self) {
        self.head = self.tail;
    }

    /// Whether something has to go before another change can be held.
    pub fn is_full(&self) -> bool {
        self.tail - self.head > self.mask
    }

    /// Drops the oldest change. Returns it with its position.
    pub fn pop(&mut self) -> Option<(u64, Held)> {
        let position = (self.head < self.tail).then_some(self.head)?;
        self.head += 1;
        Some((position, self.at(position)))
    }

    /// Holds a change at the end of a chain. The ring must not be full.
    pub fn push(&mut self, chain: &mut Option<Chain>, instrument: u32, seq: i64, change: Change) {
        let position = self.tail;
        let held = Held { instrument, seq, change, next: position };
        let place = (position & self.mask) as usize;
        match self.places.get_mut(place) {
            Some(old) => *old = held,
            // The ring fills for the first time: `place` is the next one.
            None => self.places.push(held),
        }
        self.tail += 1;
        match chain {
            Some(chain) => {
                self.places[(chain.last & self.mask) as usize].next = position;
                chain.last = position;
            }
            None => *chain = Some(Chain { first: position, last: position }),
        }
    }

    /// Takes the first change off a chain.
    pub fn take_first(&self, chain: &mut Option<Chain>) -> Option<Held> {
        let Chain { first, last } = (*chain)?;
        let held = self.at(first);
        *chain = (first != last).then_some(Chain { first: held.next, last });
        Some(held)
    }

    fn at(&self, position: u64) -> Held {
        self.places[(position & self.mask) as usize]
    }
}

impl Chain {
    /// Whether the chain begins at a position: that change is not dead.
    pub fn starts_at(&self, position: u64) -> bool {
        self.first == position
    }
}
