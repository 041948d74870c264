//! Order-by-order book of one instrument, kept by `sortOrderId`.
//!
//! ```text
//!   index: order_id ─► slot of the order
//!   side:  sorted levels, worst first ─► level { quantity, orders, first, last }
//!   level: first ◄─► order ◄─► order ◄─► last      ascending sort_order_id; the first trades first
//! ```
//!
//! Most changes are near the best price, which stands at the end of the sorted levels, so that little
//! moves; and at the end of a level's queue, which is where a queue is searched from.
//!
//! Invariants:
//! * An order's place in its queue is by its sort number alone, never by when it came. Orders with equal
//!   numbers stand in order of arrival.
//! * A level has at least one order, its quantity is the sum of theirs, and both fit an `i64`.
//! * A change that contradicts the book changes nothing and says why.
//! * The same calls give the same book: the index is never walked. After warm-up nothing is allocated.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use thiserror::Error;

use crate::book::{Shape, Side};

/// Stands for "no order" in a queue.
const NONE: u32 = u32::MAX;
/// Most orders of a book: beyond it a feed is broken or hostile.
pub const ORDERS_MAX: usize = 1 << 20;
/// Orders that a book has room for at least, once it is installed.
const ROOM: usize = 128;
/// Levels next to the best that are searched one by one before the rest is halved.
const NEAR_LEVELS: usize = 8;

/// Why a change cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Contradiction {
    /// The order to change is not in the book.
    #[error("the order is not in the book")]
    UnknownOrder,
    /// The order is on the other side.
    #[error("the order is on the other side of the book")]
    OtherSide,
    /// The quantity is not above zero.
    #[error("the quantity is not above zero")]
    Quantity,
    /// The quantity of the order grows where it may only shrink.
    #[error("the quantity grew in a message that only reduces it")]
    Grown,
    /// There is no price.
    #[error("the order has no price")]
    Price,
    /// The book has [`ORDERS_MAX`] orders.
    #[error("the book has {ORDERS_MAX} orders already")]
    Full,
    /// The sum of a level's quantities does not fit.
    #[error("the quantity of the level does not fit 63 bits")]
    LevelQuantity,
}

/// A resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The venue's number.
    pub order_id: i64,
    /// Price, 1e-9.
    pub price: i64,
    /// Place in the queue of its price.
    pub sort_order_id: i64,
    /// Visible quantity, above 0, in the instrument's unit.
    pub quantity: i64,
}

/// A price level: all orders at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceLevel {
    /// Price, 1e-9.
    pub price: i64,
    /// Sum of their visible quantities, above 0, in the instrument's unit.
    pub quantity: i64,
    /// Number of orders, above 0.
    pub orders: u32,
}

/// An order, and its neighbours in the queue.
#[derive(Clone, Copy, Debug)]
struct Slot {
    order: Order,
    side: Side,
    level: u32,
    before: u32,
    after: u32,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    shown: PriceLevel,
    first: u32,
    last: u32,
}

/// A level's place among the sorted: `key` grows towards the best.
#[derive(Clone, Copy, Debug)]
struct SortedLevel {
    key: i64,
    level: u32,
}

/// Hash of an order or instrument number: such numbers may end in many zero bits, so both halves of the
/// product are used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    #[inline]
    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }
}

/// A map by order or instrument number. It is never walked, so that no order of hashing can be seen.
pub(super) type ByNumber<T> = HashMap<i64, T, BuildHasherDefault<NumberHasher>>;

/// The book of one instrument.
#[derive(Clone, Debug, Default)]
pub struct OrderBook {
    index: ByNumber<u32>,
    slots: Vec<Slot>,
    free_slots: Vec<u32>,
    levels: Vec<Level>,
    free_levels: Vec<u32>,
    bids: Vec<SortedLevel>,
    asks: Vec<SortedLevel>,
}

impl OrderBook {
    /// An empty book with room for `orders` before anything is allocated.
    pub fn with_capacity(orders: usize) -> Self {
        Self {
            index: ByNumber::with_capacity_and_hasher(orders, BuildHasherDefault::default()),
            slots: Vec::with_capacity(orders),
            free_slots: Vec::with_capacity(orders),
            levels: Vec::with_capacity(orders),
            free_levels: Vec::with_capacity(orders),
            bids: Vec::with_capacity(orders),
            asks: Vec::with_capacity(orders),
        }
    }

    /// Removes every order; keeps the memory.
    pub fn clear(&mut self) {
        self.index.clear();
        self.slots.clear();
        self.free_slots.clear();
        self.levels.clear();
        self.free_levels.clear();
        self.bids.clear();
        self.asks.clear();
    }

    /// Makes room for as many orders again as there are, and for `ROOM` at least, so that changes need not.
    pub fn make_room(&mut self) {
        let orders = (2 * self.len()).max(ROOM);
        self.index.reserve(orders - self.index.len());
        self.slots.reserve(orders.saturating_sub(self.slots.len()));
        self.free_slots.reserve(orders.saturating_sub(self.free_slots.len()));
        self.levels.reserve(orders.saturating_sub(self.levels.len()));
        self.free_levels.reserve(orders.saturating_sub(self.free_levels.len()));
        self.bids.reserve(orders.saturating_sub(self.bids.len()));
        self.asks.reserve(orders.saturating_sub(self.asks.len()));
    }

    /// Returns the number of orders.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no order.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Returns an order by its number.
    pub fn order(&self, order_id: i64) -> Option<(Side, Order)> {
        let slot = &self.slots[*self.index.get(&order_id)? as usize];
        Some((slot.side, slot.order))
    }

    /// Returns the best level of a side.
    #[inline]
    pub fn best(&self, side: Side) -> Option<PriceLevel> {
        self.sorted(side).last().map(|sorted| self.levels[sorted.level as usize].shown)
    }

    /// Returns the levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl ExactSizeIterator<Item = PriceLevel> + '_ {
        self.sorted(side).iter().rev().map(|sorted| self.levels[sorted.level as usize].shown)
    }

    /// Returns the orders of a side in the order in which they trade.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = Order> + '_ {
        self.sorted(side).iter().rev().flat_map(|sorted| {
            let first = Some(self.levels[sorted.level as usize].first);
            let next = |slot: &u32| Some(self.slots[*slot as usize].after).filter(|after| *after != NONE);
            std::iter::successors(first, next).map(|slot| self.slots[slot as usize].order)
        })
    }

    /// Returns which sides have levels, and how they lie to each other.
    #[inline]
    pub fn shape(&self) -> Shape {
        match (self.best(Side::Bid), self.best(Side::Ask)) {
            (None, None) => Shape::Empty,
            (Some(_), None) => Shape::BidOnly,
            (None, Some(_)) => Shape::AskOnly,
            (Some(bid), Some(ask)) if bid.price < ask.price => Shape::Open,
            (Some(bid), Some(ask)) if bid.price == ask.price => Shape::Locked,
            (Some(_), Some(_)) => Shape::Crossed,
        }
    }

    /// Adds an order, or states one anew: with another price, place or quantity.
    ///
    /// # Errors
    /// [`Contradiction`] if price or quantity cannot be, or the order is on the other side.
    pub fn put(&mut self, side: Side, order: Order) -> Result<(), Contradiction> {
        if order.quantity <= 0 {
            return Err(Contradiction::Quantity);
        }
        if order.price == i64::MIN {
            return Err(Contradiction::Price);
        }
        let Some(&slot) = self.index.get(&order.order_id) else {
            return self.add(side, order);
        };
        let known = self.slots[slot as usize];
        if known.side != side {
            return Err(Contradiction::OtherSide);
        }
        if (known.order.price, known.order.sort_order_id) == (order.price, order.sort_order_id) {
            return self.set_quantity(slot, order.quantity);
        }
        self.check_level(side, order.price, order.quantity, known)?;
        self.unlink(slot);
        self.slots[slot as usize].order = order;
        self.link(slot);
        Ok(())
    }

    /// Sets what is left of an order; its place stays.
    ///
    /// # Errors
    /// [`Contradiction`] if the order is not on that side of the book, or has no more than that.
    pub fn reduce(&mut self, side: Side, order_id: i64, quantity: i64) -> Result<(), Contradiction> {
        let slot = self.find(side, order_id)?;
        if quantity <= 0 {
            return Err(Contradiction::Quantity);
        }
        if quantity > self.slots[slot as usize].order.quantity {
            return Err(Contradiction::Grown);
        }
        self.set_quantity(slot, quantity)
    }

    /// Removes an order.
    ///
    /// # Errors
    /// [`Contradiction`] if the order is not on that side of the book.
    pub fn delete(&mut self, side: Side, order_id: i64) -> Result<(), Contradiction> {
        let slot = self.find(side, order_id)?;
        self.unlink(slot);
        self.index.remove(&order_id);
        self.free_slots.push(slot);
        Ok(())
    }

    fn sorted(&self, side: Side) -> &Vec<SortedLevel> {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    fn sorted_mut(&mut self, side: Side) -> &mut Vec<SortedLevel> {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }

    fn find(&self, side: Side, order_id: i64) -> Result<u32, Contradiction> {
        let slot = *self.index.get(&order_id).ok_or(Contradiction::UnknownOrder)?;
        if self.slots[slot as usize].side == side { Ok(slot) } else { Err(Contradiction::OtherSide) }
    }

    fn add(&mut self, side: Side, order: Order) -> Result<(), Contradiction> {
        if self.index.len() >= ORDERS_MAX {
            return Err(Contradiction::Full);
        }
        if let Ok(place) = self.place_of(side, order.price) {
            let level = self.sorted(side)[place].level;
            let sum = self.levels[level as usize].shown.quantity.checked_add(order.quantity);
            sum.ok_or(Contradiction::LevelQuantity)?;
        }
        let slot = Slot { order, side, level: NONE, before: NONE, after: NONE };
        let number = match self.free_slots.pop() {
            Some(number) => {
                self.slots[number as usize] = slot;
                number
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        };
        self.index.insert(order.order_id, number);
        self.link(number);
        Ok(())
    }

    fn set_quantity(&mut self, slot: u32, quantity: i64) -> Result<(), Contradiction> {
        let slot = &mut self.slots[slot as usize];
        let shown = &mut self.levels[slot.level as usize].shown;
        let others = shown.quantity - slot.order.quantity;
        shown.quantity = others.checked_add(quantity).ok_or(Contradiction::LevelQuantity)?;
        slot.order.quantity = quantity;
        Ok(())
    }

    /// Whether an order may move to a level, seen as if it had left its own.
    fn check_level(&self, side: Side, price: i64, quantity: i64, moved: Slot) -> Result<(), Contradiction> {
        let Ok(place) = self.place_of(side, price) else { return Ok(()) };
        let level = self.sorted(side)[place].level;
        let leaving = if moved.level == level { moved.order.quantity } else { 0 };
        let others = self.levels[level as usize].shown.quantity - leaving;
        others.checked_add(quantity).map(|_| ()).ok_or(Contradiction::LevelQuantity)
    }

    /// The place of a price among the sorted levels, or where it would be.
    #[inline]
    fn place_of(&self, side: Side, price: i64) -> Result<usize, usize> {
        let key = key_of(side, price);
        let sorted = self.sorted(side);
        let near = sorted.len().saturating_sub(NEAR_LEVELS);
        for place in (near..sorted.len()).rev() {
            if sorted[place].key <= key {
                return if sorted[place].key == key { Ok(place) } else { Err(place + 1) };
            }
        }
        sorted[..near].binary_search_by_key(&key, |sorted| sorted.key)
    }

    /// Puts an order into the queue of its price. Its level's sum has been checked.
    fn link(&mut self, slot: u32) {
        let Slot { order, side, .. } = self.slots[slot as usize];
        let level = match self.place_of(side, order.price) {
            Ok(place) => self.sorted(side)[place].level,
            Err(place) => self.add_level(side, order.price, place),
        };
        let Level { first, last, .. } = self.levels[level as usize];
        let before = self.last_not_after(first, last, order.sort_order_id);
        let after = if before == NONE { first } else { self.slots[before as usize].after };
        let Slot { level: own_level, before: own_before, after: own_after, .. } = &mut self.slots[slot as usize];
        (*own_level, *own_before, *own_after) = (level, before, after);
        match before {
            NONE => self.levels[level as usize].first = slot,
            before => self.slots[before as usize].after = slot,
        }
        match after {
            NONE => self.levels[level as usize].last = slot,
            after => self.slots[after as usize].before = slot,
        }
        let shown = &mut self.levels[level as usize].shown;
        shown.quantity += order.quantity;
        shown.orders += 1;
    }

    /// The last order of a queue that trades before an order of this sort number; `NONE` if it is the first.
    fn last_not_after(&self, first: u32, last: u32, sort_order_id: i64) -> u32 {
        if first != NONE && self.slots[first as usize].order.sort_order_id > sort_order_id {
            return NONE;
        }
        let mut before = last;
        while before != NONE && self.slots[before as usize].order.sort_order_id > sort_order_id {
            before = self.slots[before as usize].before;
        }
        before
    }

    fn unlink(&mut self, slot: u32) {
        let Slot { order, side, level, before, after } = self.slots[slot as usize];
        match before {
            NONE => self.levels[level as usize].first = after,
            before => self.slots[before as usize].after = after,
        }
        match after {
            NONE => self.levels[level as usize].last = before,
            after => self.slots[after as usize].before = before,
        }
        let shown = &mut self.levels[level as usize].shown;
        shown.quantity -= order.quantity;
        shown.orders -= 1;
        if shown.orders == 0 {
            if let Ok(place) = self.place_of(side, order.price) {
                self.sorted_mut(side).remove(place);
            }
            self.free_levels.push(level);
        }
    }

    fn add_level(&mut self, side: Side, price: i64, place: usize) -> u32 {
        let level = Level { shown: PriceLevel { price, quantity: 0, orders: 0 }, first: NONE, last: NONE };
        let number = match self.free_levels.pop() {
            Some(number) => {
                self.levels[number as usize] = level;
                number
            }
            None => {
                self.levels.push(level);
                (self.levels.len() - 1) as u32
            }
        };
        self.sorted_mut(side).insert(place, SortedLevel { key: key_of(side, price), level: number });
        number
    }
}

/// Two books are equal if the same orders stand in the same queues.
impl PartialEq for OrderBook {
    fn eq(&self, other: &Self) -> bool {
        [Side::Bid, Side::Ask].into_iter().all(|side| self.orders(side).eq(other.orders(side)))
    }
}

impl Eq for OrderBook {}

/// A price as a number that grows towards the best. `i64::MIN` is no price, so that the sign can be turned.
#[inline]
fn key_of(side: Side, price: i64) -> i64 {
    match side {
        Side::Bid => price,
        Side::Ask => -price,
    }
}
