//! Bodies of what the gateway tells a member about orders and quotes.

use super::book::Order;
use super::layout as at;
use super::wire::{Body, Decimal, NULL};

/// When and as what something is told: time of the engine and number of the event.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Time of the engine, ns.
    pub now_ns: i64,
    /// Number of the event.
    pub exec_id: i64,
}

/// A trade as a side of it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Number of the trade.
    pub match_id: i64,
    /// Price, 10^-9.
    pub price: i64,
    /// Quantity, mantissa.
    pub quantity: i64,
}

/// An instrument as reports write it.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The venue's number.
    pub instrument_id: i64,
    /// Power of ten of its quantities.
    pub exponent: i8,
}

impl Terms {
    fn quantity(self, mantissa: i64) -> Decimal {
        Decimal { mantissa, exponent: self.exponent }
    }
}

/// What came of an order.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The order, afterwards.
    pub order: Order,
    /// Its status, as on the wire.
    pub status: i8,
    /// Why it was cancelled, if it was.
    pub cancel_reason: i8,
    /// Its trades.
    pub fills: Vec<Fill>,
}

impl Outcome {
    /// What rests of it, mantissa.
    fn visible(&self) -> i64 {
        if self.status == super::codes::order_status::ACTIVE { self.order.open() } else { 0 }
    }
}

/// What a request said, to be told back.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The member's number of the order.
    pub client_order_id: i64,
    /// The member's number of the request.
    pub correlation_id: i64,
    /// The venue's number of the instrument, as asked for.
    pub instrument_id: i64,
    /// When the request came, ns.
    pub receive_ns: i64,
}

fn fills(terms: Terms, fills: &[Fill]) -> Vec<Body> {
    use at::new_order_response_fills as f;
    let entry = |fill: &Fill| {
        Body::new(&f::LAYOUT)
            .i64(f::MATCH_ID, fill.match_id)
            .i64(f::FILL_PRICE, fill.price)
            .decimal(f::FILL_QTY, terms.quantity(fill.quantity))
    };
    fills.iter().map(entry).collect()
}

/// The answer to a new order.
pub fn new_order(stamp: Stamp, terms: Terms, asked: &Asked, outcome: &Outcome) -> Body {
    use at::new_order_response as f;
    let order = &outcome.order;
    Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .i64(f::CLIENT_ORDER_ID, order.client_order_id)
        .i64(f::CORRELATION_ID, asked.correlation_id)
        .i64(f::ORDER_ID, order.order_id)
        .i64(f::INSTRUMENT_ID, terms.instrument_id)
        .i64(f::PRICE, order.price)
        .decimal(f::QUANTITY, terms.quantity(order.quantity))
        .decimal(f::TOTAL_FILLED, terms.quantity(order.filled))
        .decimal(f::VISIBLE_QTY, terms.quantity(outcome.visible()))
        .i64(f::RECEIVE_TIME, asked.receive_ns)
        .i8(f::SIDE, order.side.sign())
        .i8(f::STATUS, outcome.status)
        .i8(f::CANCEL_REASON, outcome.cancel_reason)
        .group(&at::new_order_response_fills::LAYOUT, &fills(terms, &outcome.fills))
        .group(&at::new_order_response_legs::LAYOUT, &[])
}

/// The answer to a changed order.
pub fn amended(stamp: Stamp, terms: Terms, asked: &Asked, outcome: &Outcome) -> Body {
    use at::amend_order_response as f;
    let order = &outcome.order;
    Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .i64(f::CLIENT_ORDER_ID, order.client_order_id)
        .i64(f::CORRELATION_ID, asked.correlation_id)
        .i64(f::ORDER_ID, order.order_id)
        .i64(f::INSTRUMENT_ID, terms.instrument_id)
        .i64(f::PRICE, order.price)
        .decimal(f::QUANTITY, terms.quantity(order.quantity))
        .decimal(f::TOTAL_FILLED, terms.quantity(order.filled))
        .decimal(f::VISIBLE_QTY, terms.quantity(outcome.visible()))
        .i64(f::RECEIVE_TIME, asked.receive_ns)
        .i8(f::STATUS, outcome.status)
        .i8(f::CANCEL_REASON, outcome.cancel_reason)
        .group(&at::amend_order_response_fills::LAYOUT, &fills(terms, &outcome.fills))
        .group(&at::amend_order_response_legs::LAYOUT, &[])
}

/// What came of an order after its speed bump.
pub fn placed(stamp: Stamp, terms: Terms, asked: &Asked, outcome: &Outcome) -> Body {
    use at::order_placed as f;
    let order = &outcome.order;
    Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .i64(f::CLIENT_ORDER_ID, order.client_order_id)
        .i64(f::ORDER_ID, order.order_id)
        .i64(f::INSTRUMENT_ID, terms.instrument_id)
        .i64(f::PRICE, order.price)
        .decimal(f::QUANTITY, terms.quantity(order.quantity))
        .decimal(f::TOTAL_FILLED, terms.quantity(order.filled))
        .decimal(f::VISIBLE_QTY, terms.quantity(outcome.visible()))
        .i8(f::STATUS, outcome.status)
        .i8(f::CANCEL_REASON, outcome.cancel_reason)
        .i64(f::CORRELATION_ID, asked.correlation_id)
        .group(&at::order_placed_fills::LAYOUT, &fills(terms, &outcome.fills))
        .group(&at::order_placed_legs::LAYOUT, &[])
}

/// Which request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A new order.
    New,
    /// A change.
    Amend,
    /// A cancel.
    Cancel,
}

/// A refusal. The three are laid out alike; `order_id` is null where there is no order.
pub fn refused(stamp: Stamp, what: Refused, asked: &Asked, order_id: Option<i64>, reason: i8, details: &str) -> Body {
    use at::new_order_reject as f;
    let mut body = Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .i64(f::CLIENT_ORDER_ID, asked.client_order_id)
        .i64(f::CORRELATION_ID, asked.correlation_id)
        .i64(f::ORDER_ID, order_id.unwrap_or(NULL))
        .i64(f::INSTRUMENT_ID, asked.instrument_id)
        .i8(f::REASON, reason)
        .text(details);
    body.template = match what {
        Refused::New => f::LAYOUT.template,
        Refused::Amend => at::amend_order_reject::LAYOUT.template,
        Refused::Cancel => at::cancel_order_reject::LAYOUT.template,
    };
    body
}

/// The answer to a cancel.
pub fn cancelled(stamp: Stamp, terms: Terms, asked: &Asked, order: &Order) -> Body {
    use at::cancel_order_response as f;
    Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .i64(f::CLIENT_ORDER_ID, order.client_order_id)
        .i64(f::CORRELATION_ID, asked.correlation_id)
        .i64(f::ORDER_ID, order.order_id)
        .i64(f::INSTRUMENT_ID, terms.instrument_id)
        .i64(f::RECEIVE_TIME, asked.receive_ns)
}

/// The answer to a mass cancel.
pub fn mass_cancelled(stamp: Stamp, correlation_id: i64, receive_ns: i64, orders: usize) -> Body {
    use at::mass_cancel_response as f;
    Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .i64(f::CORRELATION_ID, correlation_id)
        .i64(f::RECEIVE_TIME, receive_ns)
        .i32(f::TOTAL_ORDER_COUNT, i32::try_from(orders).unwrap_or(i32::MAX))
}

/// The refusal of a mass cancel.
pub fn mass_cancel_refused(stamp: Stamp, correlation_id: i64, reason: i8, details: &str) -> Body {
    use at::mass_cancel_reject as f;
    Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .i64(f::CORRELATION_ID, correlation_id)
        .i8(f::REASON, reason)
        .text(details)
}

/// A resting order's trade, an entry of [`filled`].
pub fn filled_entry(terms: Terms, order: &Order, fill: &Fill) -> Body {
    use super::codes::fill_flag::{IS_FULLY_FILLED, IS_QUOTE};
    use at::order_filled_fills as f;
    let flags = (if order.quote_group.is_some() { IS_QUOTE } else { 0 })
        | (if order.open() == 0 { IS_FULLY_FILLED } else { 0 });
    Body::new(&f::LAYOUT)
        .i64(f::CLIENT_ORDER_ID, order.client_order_id)
        .i64(f::ORDER_ID, order.order_id)
        .i64(f::INSTRUMENT_ID, terms.instrument_id)
        .i64(f::MATCH_ID, fill.match_id)
        .i64(f::PRICE, fill.price)
        .decimal(f::FILL_QTY, terms.quantity(fill.quantity))
        .decimal(f::TOTAL_FILLED, terms.quantity(order.filled))
        .i8(f::SIDE, order.side.sign())
        .u8(f::FLAGS, flags)
}

/// Trades of resting orders.
pub fn filled(stamp: Stamp, entries: &[Body]) -> Body {
    use at::order_filled as f;
    Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .group(&at::order_filled_fills::LAYOUT, entries)
        .group(&at::order_filled_legs::LAYOUT, &[])
}

/// A cancelled order, an entry of [`orders_cancelled`].
pub fn cancelled_entry(terms: Terms, order: &Order, reason: i8) -> Body {
    use at::orders_canceled_orders as f;
    Body::new(&f::LAYOUT)
        .i64(f::CLIENT_ORDER_ID, order.client_order_id)
        .i64(f::ORDER_ID, order.order_id)
        .i64(f::INSTRUMENT_ID, terms.instrument_id)
        .decimal(f::TOTAL_FILLED, terms.quantity(order.filled))
        .i8(f::CANCEL_REASON, reason)
        .u8(f::FLAGS, u8::from(order.quote_group.is_some()))
}

/// Orders that were cancelled without their own request.
pub fn orders_cancelled(stamp: Stamp, is_last: bool, entries: &[Body]) -> Body {
    use at::orders_canceled as f;
    Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .u8(f::FLAGS, u8::from(is_last))
        .group(&at::orders_canceled_orders::LAYOUT, entries)
}
