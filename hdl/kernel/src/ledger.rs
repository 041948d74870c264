//! The ledger: position of the hedge instrument, and every order that may still change it.
//!
//! ```text
//!         reserve, before it is sent
//!   free ---------------------------> sent ----> open <----> unknown     all three count in full
//!    ^                                  |          |            |        on their side
//!    +--- slot reused by a later id --- done <-----+------------+
//! ```
//!
//! Invariants:
//! * `open` and `unknown` are the sums over the slots of what may still fill, per side;
//! * an update carries totals, so a repeated one changes nothing, and a fill is booked once;
//! * a fill is never dropped: what cannot be matched to an order ends the reconciliation instead.

use hedgewire_abi::Reason;
use hedgewire_abi::command::{OrderUpdate, code};
use hedgewire_abi::format::{COIN_MAGNITUDE_BITS, ORDER_SLOTS, POSITION_MAX};

/// Buy or sell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Side {
    /// Raises the position.
    #[default]
    Buy,
    /// Lowers the position.
    Sell,
}

/// Quantities of both sides, contracts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sides {
    /// Buys.
    pub buy: i64,
    /// Sells.
    pub sell: i64,
}

impl Sides {
    /// The quantity of one side.
    #[inline(always)]
    pub fn of(&mut self, side: Side) -> &mut i64 {
        match side {
            Side::Buy => &mut self.buy,
            Side::Sell => &mut self.sell,
        }
    }
}

/// Where an order is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// No order.
    #[default]
    Free,
    /// Counted and sent, not yet acknowledged.
    Sent,
    /// Acknowledged.
    Open,
    /// Nobody knows; whatever is open of it may still fill.
    Unknown,
    /// Nothing of it can fill any more.
    Done,
}

/// One order of the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: u32,
    /// Where it is in its life.
    pub state: State,
    /// Its side.
    pub side: Side,
    /// Its size, contracts.
    pub quantity: i64,
    /// What of it has filled, contracts.
    pub filled: i64,
    /// Coin constant of its fills, 2^-32 coin.
    pub coin: i64,
    /// Session cost of its fills, 2^-32 coin.
    pub cost: i64,
}

impl Order {
    /// What may still fill.
    pub fn remaining(&self) -> i64 {
        match self.state {
            State::Sent | State::Open | State::Unknown => (self.quantity - self.filled).max(0),
            State::Free | State::Done => 0,
        }
    }
}

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booked {
    /// As it should be.
    Clean,
    /// Booked, but it should not have happened.
    Faulty(Reason),
}

/// Position and orders of one underlying.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ledger {
    /// Position of the hedge instrument, contracts.
    pub position: i64,
    /// Coin constant of the hedges filled, 2^-32 coin.
    pub hedge_coin: i64,
    /// Session cost of the hedges filled, 2^-32 coin.
    pub cost: i64,
    /// Open quantity.
    pub open: Sides,
    /// Quantity of orders in unknown state.
    pub unknown: Sides,
    /// Orders that may still fill.
    pub open_count: u32,
    /// Whether the position can be relied on.
    pub is_reconciled: bool,
    /// Changes with every update, trade and reconciliation, but not with our own orders.
    pub ledger_seq: u32,
    /// Orders since the last fill.
    pub attempts: u32,
    /// Id of the next order.
    pub next_id: u32,
    /// Orders by id, modulo the number of slots.
    pub orders: [Order; ORDER_SLOTS],
}

impl Ledger {
    fn slot(id: u32) -> usize {
        id as usize % ORDER_SLOTS
    }

    /// Quantity that may still be bought or sold.
    #[inline(always)]
    pub fn in_flight(&self) -> Sides {
        Sides { buy: self.open.buy + self.unknown.buy, sell: self.open.sell + self.unknown.sell }
    }

    /// Whether the next order has a slot.
    #[inline]
    pub fn has_slot(&self) -> bool {
        self.orders[Self::slot(self.next_id)].remaining() == 0
    }

    /// Counts an order before it is sent; returns its id. There must be a slot.
    #[inline]
    pub fn reserve(&mut self, side: Side, quantity: i64) -> u32 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.orders[Self::slot(id)] = Order { id, state: State::Sent, side, quantity, ..Order::default() };
        *self.open.of(side) += quantity;
        self.open_count += 1;
        self.attempts = self.attempts.saturating_add(1);
        id
    }

    /// Takes the venue's word: position and coin set, no order open.
    pub fn reconcile(&mut self, position: i64, hedge_coin: i64) {
        *self = Self {
            position,
            hedge_coin,
            cost: self.cost,
            is_reconciled: true,
            ledger_seq: self.ledger_seq.wrapping_add(1),
            next_id: self.next_id,
            ..Self::default()
        };
    }

    /// Books what the venue said of an order.
    ///
    /// # Errors
    /// `StaleUpdate` if it is older than what is known, `ValueRange` for a status that does not exist;
    /// the ledger is then untouched. An amount that cannot be right is a fault, not an error: what it
    /// stands for may have happened.
    pub fn update(&mut self, update: &OrderUpdate) -> Result<Booked, Reason> {
        if update.status > code::ORDER_UNKNOWN {
            return Err(Reason::ValueRange);
        }
        let order = self.orders[Self::slot(update.order_id)];
        if order.state == State::Free || order.id != update.order_id {
            return Ok(self.lose_track(Reason::UnknownOrder));
        }
        let filled = i64::try_from(update.filled).ok().filter(|&filled| filled <= POSITION_MAX);
        match filled {
            Some(filled) if filled < order.filled => Err(Reason::StaleUpdate),
            Some(filled) => {
                Ok(self.book(order, filled, update).unwrap_or_else(|| self.lose_track(Reason::LedgerRange)))
            }
            None => Ok(self.lose_track(Reason::LedgerRange)),
        }
    }

    /// The position can no longer be relied on.
    fn lose_track(&mut self, reason: Reason) -> Booked {
        self.is_reconciled = false;
        Booked::Faulty(reason)
    }

    /// Books an update that is not older than what is known; `None` if an amount does not fit.
    fn book(&mut self, order: Order, filled: i64, update: &OrderUpdate) -> Option<Booked> {
        let bought = filled - order.filled;
        let signed = if order.side == Side::Buy { bought } else { -bought };
        let position = Some(self.position + signed).filter(|position| position.abs() <= POSITION_MAX)?;
        let hedge_coin = add_change(self.hedge_coin, order.coin, update.coin)?;
        let cost = add_change(self.cost, order.cost, update.cost)?;
        let state = next_state(&order, filled, update.status);
        let next = Order { state, filled, coin: update.coin, cost: update.cost, ..order };
        if next == order {
            return Some(Booked::Clean);
        }
        self.replace(order, next);
        (self.position, self.hedge_coin, self.cost) = (position, hedge_coin, cost);
        self.ledger_seq = self.ledger_seq.wrapping_add(1);
        if bought > 0 {
            self.attempts = 0;
        }
        if filled > order.quantity {
            return Some(self.lose_track(Reason::Overfill));
        }
        let late = order.state == State::Done && bought > 0;
        Some(if late { Booked::Faulty(Reason::LateFill) } else { Booked::Clean })
    }

    /// Replaces an order and moves the sums from its old remainder to the new one.
    fn replace(&mut self, old: Order, new: Order) {
        *self.bucket(&old) -= old.remaining();
        *self.bucket(&new) += new.remaining();
        self.open_count -= u32::from(old.remaining() > 0);
        self.open_count += u32::from(new.remaining() > 0);
        self.orders[Self::slot(new.id)] = new;
    }

    fn bucket(&mut self, order: &Order) -> &mut i64 {
        match order.state {
            State::Unknown => self.unknown.of(order.side),
            _ => self.open.of(order.side),
        }
    }
}

/// A sum after one of its totals moved from `old` to `new`; `None` if either does not fit the format
/// of coin.
fn add_change(sum: i64, old: i64, new: i64) -> Option<i64> {
    let fits = |coin: &i64| coin.unsigned_abs() < 1 << COIN_MAGNITUDE_BITS;
    // Both totals fit 62 bits, so their difference fits.
    let change = Some(new).filter(fits)? - old;
    sum.checked_add(change).filter(fits)
}

/// An order that is done stays done; one that is filled is done.
fn next_state(order: &Order, filled: i64, status: u8) -> State {
    if order.state == State::Done || filled >= order.quantity {
        return State::Done;
    }
    match status {
        code::ORDER_OPEN => State::Open,
        code::ORDER_UNKNOWN => State::Unknown,
        _ => State::Done,
    }
}
