//! The order book of one instrument: every order, by price and then by the order in which they came to rest.
//! Prices are 10^-9, quantities the instrument's mantissas; nothing is a float.
//!
//! Invariants: an order rests once; its open quantity is positive; numbers for sorting never repeat, and a
//! smaller one trades first at its price. What crosses is the caller's affair: the book matches when told to.

use std::collections::BTreeMap;

/// Buy or sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Bids.
    Buy,
    /// Asks.
    Sell,
}

impl Side {
    /// The other side.
    pub fn opposite(self) -> Self {
        if self == Self::Buy { Self::Sell } else { Self::Buy }
    }

    /// 1 or -1, also the wire's number.
    pub fn sign(self) -> i8 {
        if self == Self::Buy { 1 } else { -1 }
    }

    /// Whether an order of this side at `price` trades with one of the other side at `other`.
    pub fn crosses(self, price: i64, other: i64) -> bool {
        if self == Self::Buy { price >= other } else { price <= other }
    }
}

/// Whose an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A member with a session, by its place in the settings.
    Member(usize),
    /// The simulated public.
    Public,
}

/// What gives way when an order meets one of its own member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTrade {
    /// The incoming order.
    CancelTaker,
    /// The resting order.
    CancelMaker,
}

/// An order, resting or on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The venue's number.
    pub order_id: i64,
    /// Its place among those at its price.
    pub sort_id: i64,
    /// Whose it is.
    pub owner: Owner,
    /// The member's number.
    pub client_order_id: i64,
    /// Buy or sell.
    pub side: Side,
    /// Limit, 10^-9.
    pub price: i64,
    /// All of it, mantissa.
    pub quantity: i64,
    /// What has traded, mantissa.
    pub filled: i64,
    /// Orders of one member with the same number do not trade with each other.
    pub self_match_id: Option<i64>,
    /// Whether it goes when its session's connection does.
    pub cancel_on_disconnect: bool,
    /// Whether market-maker protection counts it.
    pub is_protected: bool,
    /// The protection group of a quote; `None` of an order.
    pub quote_group: Option<i64>,
}

impl Order {
    /// What has not traded, mantissa.
    pub fn open(&self) -> i64 {
        self.quantity - self.filled
    }

    /// Whether the two are kept from trading with each other.
    pub fn is_own(&self, other: &Self) -> bool {
        self.owner == other.owner && self.self_match_id.is_some() && self.self_match_id == other.self_match_id
    }
}

/// What an incoming order did to a resting one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// They traded.
    Fill {
        /// The resting order, afterwards.
        maker: Order,
        /// How much, mantissa.
        quantity: i64,
    },
    /// The resting order gave way to one of its own member.
    MakerCancelled(Order),
}

/// Price, counted so that a smaller one is better, and place.
type Key = (i64, i64);

/// A book.
#[derive(Clone, Debug, Default)]
pub struct Book {
    bids: BTreeMap<Key, Order>,
    asks: BTreeMap<Key, Order>,
    places: BTreeMap<i64, (Side, Key)>,
}

fn key(order: &Order) -> Key {
    // Prices are positive, so that one can be negated.
    (if order.side == Side::Buy { -order.price } else { order.price }, order.sort_id)
}

impl Book {
    fn side(&self, side: Side) -> &BTreeMap<Key, Order> {
        if side == Side::Buy { &self.bids } else { &self.asks }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Key, Order> {
        if side == Side::Buy { &mut self.bids } else { &mut self.asks }
    }

    /// Number of orders.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing rests.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The best price of a side, 10^-9.
    pub fn best(&self, side: Side) -> Option<i64> {
        self.side(side).values().next().map(|order| order.price)
    }

    /// The orders of a side in the order in which they trade.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = &Order> {
        self.side(side).values()
    }

    /// An order by the venue's number.
    pub fn order(&self, order_id: i64) -> Option<&Order> {
        let (side, key) = self.places.get(&order_id)?;
        self.side(*side).get(key)
    }

    /// Whether an order of `side` at `price` would trade at once.
    pub fn would_trade(&self, side: Side, price: i64) -> bool {
        self.best(side.opposite()).is_some_and(|best| side.crosses(price, best))
    }

    /// Puts an order to rest.
    ///
    /// # Panics
    /// If it rests already, or has nothing open.
    pub fn rest(&mut self, order: Order) {
        assert!(order.open() > 0 && order.price > 0, "only an open order rests: {order:?}");
        let key = key(&order);
        let is_new = self.places.insert(order.order_id, (order.side, key)).is_none();
        let has_own_place = self.side_mut(order.side).insert(key, order).is_none();
        assert!(is_new && has_own_place, "an order rests once: {order:?}");
    }

    /// Takes an order out.
    pub fn remove(&mut self, order_id: i64) -> Option<Order> {
        let (side, key) = self.places.remove(&order_id)?;
        self.side_mut(side).remove(&key)
    }

    /// Makes an order smaller, in its place. `quantity` is all of it, and more than has traded.
    pub fn reduce(&mut self, order_id: i64, quantity: i64) -> Option<Order> {
        let (side, key) = *self.places.get(&order_id)?;
        let order = self.side_mut(side).get_mut(&key)?;
        assert!(quantity <= order.quantity && quantity > order.filled, "an order is reduced to {quantity}: {order:?}");
        order.quantity = quantity;
        Some(*order)
    }

    /// How much of `taker` would trade at once, mantissa.
    pub fn tradable(&self, taker: &Order, mode: SelfTrade) -> i64 {
        let mut quantity = 0;
        for maker in self.orders(taker.side.opposite()) {
            if !taker.side.crosses(taker.price, maker.price) || quantity >= taker.open() {
                break;
            }
            match (taker.is_own(maker), mode) {
                (true, SelfTrade::CancelTaker) => break,
                (true, SelfTrade::CancelMaker) => {}
                (false, _) => quantity += maker.open(),
            }
        }
        quantity.min(taker.open())
    }

    /// Trades `taker` as far as its limit allows; `taker.filled` grows. Returns whether it was stopped by an order
    /// of its own member.
    pub fn trade(&mut self, taker: &mut Order, mode: SelfTrade, steps: &mut Vec<Step>) -> bool {
        let side = taker.side.opposite();
        while taker.open() > 0 {
            let Some((&key, maker)) = self.side_mut(side).iter_mut().next() else { break };
            if !taker.side.crosses(taker.price, maker.price) {
                break;
            }
            if taker.is_own(maker) {
                if mode == SelfTrade::CancelTaker {
                    return true;
                }
                steps.push(Step::MakerCancelled(*maker));
                self.forget(side, key);
                continue;
            }
            let quantity = taker.open().min(maker.open());
            taker.filled += quantity;
            maker.filled += quantity;
            steps.push(Step::Fill { maker: *maker, quantity });
            if maker.open() == 0 {
                self.forget(side, key);
            }
        }
        false
    }

    fn forget(&mut self, side: Side, key: Key) {
        if let Some(order) = self.side_mut(side).remove(&key) {
            self.places.remove(&order.order_id);
        }
    }
}
