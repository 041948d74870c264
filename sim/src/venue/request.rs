//! Requests of members, read from the bodies of their messages. Only lengths are checked here; values are the
//! exchange's affair.

use super::layout as at;
use super::wire::{Block, Decimal, NULL};

/// `None` for the wire's null.
pub fn optional(value: i64) -> Option<i64> {
    (value != NULL).then_some(value)
}

/// A new order, as asked for.
#[derive(Clone, Copy, Debug)]
pub struct NewOrder {
    /// The member's number.
    pub client_order_id: i64,
    /// Comes back in the answer.
    pub correlation_id: i64,
    /// The venue's number of the instrument.
    pub instrument_id: i64,
    /// Limit, 10^-9; none for the market.
    pub price: Option<i64>,
    /// All of it.
    pub quantity: Decimal,
    /// What is to be seen of it; none for all.
    pub show: Option<Decimal>,
    /// Which orders of the member do not trade with each other.
    pub self_match_id: Option<i64>,
    /// 1 or -1.
    pub side: i8,
    /// -2 at once, -1 all or nothing, 0 until cancelled, days above.
    pub time_in_force: i8,
    /// Bits of `order_flag`.
    pub flags: u16,
    /// 0 cancels the incoming, 1 the resting order.
    pub self_trading_mode: i8,
}

impl NewOrder {
    /// Reads a body of exactly its length.
    pub fn read(body: &[u8]) -> Option<Self> {
        use at::new_order_request as f;
        let block = exact(body, &f::LAYOUT)?;
        Some(Self {
            client_order_id: block.i64(f::CLIENT_ORDER_ID),
            correlation_id: block.i64(f::CORRELATION_ID),
            instrument_id: block.i64(f::INSTRUMENT_ID),
            price: optional(block.i64(f::PRICE)),
            quantity: block.decimal(f::QUANTITY),
            show: Some(block.decimal(f::SHOW_QTY)).filter(|show| show.mantissa != NULL),
            self_match_id: optional(block.i64(f::SELF_MATCH_PREVENTION_ID)),
            side: block.i8(f::SIDE),
            time_in_force: block.i8(f::TIME_IN_FORCE),
            flags: block.u16(f::FLAGS),
            self_trading_mode: block.i8(f::SELF_TRADING_MODE),
        })
    }
}

/// A change of an order, as asked for.
#[derive(Clone, Copy, Debug)]
pub struct Amend {
    /// The member's number.
    pub client_order_id: i64,
    /// Comes back in the answer.
    pub correlation_id: i64,
    /// The venue's number of the instrument.
    pub instrument_id: i64,
    /// New limit, 10^-9.
    pub price: Option<i64>,
    /// All of it, with what has traded.
    pub quantity: Decimal,
    /// What is to be seen of it; none for all.
    pub show: Option<Decimal>,
    /// Bits of `order_flag`.
    pub flags: u16,
}

impl Amend {
    /// Reads a body of exactly its length.
    pub fn read(body: &[u8]) -> Option<Self> {
        use at::amend_order_request as f;
        let block = exact(body, &f::LAYOUT)?;
        Some(Self {
            client_order_id: block.i64(f::CLIENT_ORDER_ID),
            correlation_id: block.i64(f::CORRELATION_ID),
            instrument_id: block.i64(f::INSTRUMENT_ID),
            price: optional(block.i64(f::PRICE)),
            quantity: block.decimal(f::QUANTITY),
            show: Some(block.decimal(f::SHOW_QTY)).filter(|show| show.mantissa != NULL),
            flags: block.u16(f::FLAGS),
        })
    }
}

/// By which number an order is to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelKey {
    /// The member's.
    ClientOrderId(i64),
    /// The venue's.
    OrderId(i64),
}

/// A cancel, as asked for.
#[derive(Clone, Copy, Debug)]
pub struct Cancel {
    /// Which order.
    pub key: CancelKey,
    /// Comes back in the answer.
    pub correlation_id: i64,
    /// The venue's number of the instrument.
    pub instrument_id: i64,
}

impl Cancel {
    /// Reads a body of exactly its length, by the member's number.
    pub fn read(body: &[u8]) -> Option<Self> {
        use at::cancel_order_request as f;
        let block = exact(body, &f::LAYOUT)?;
        Some(Self {
            key: CancelKey::ClientOrderId(block.i64(f::CLIENT_ORDER_ID)),
            correlation_id: block.i64(f::CORRELATION_ID),
            instrument_id: block.i64(f::INSTRUMENT_ID),
        })
    }

    /// Reads a body of exactly its length, by the venue's number.
    pub fn read_by_id(body: &[u8]) -> Option<Self> {
        use at::cancel_order_by_id_request as f;
        let block = exact(body, &f::LAYOUT)?;
        Some(Self {
            key: CancelKey::OrderId(block.i64(f::ORDER_ID)),
            correlation_id: block.i64(f::CORRELATION_ID),
            instrument_id: block.i64(f::INSTRUMENT_ID),
        })
    }
}

/// A mass cancel, as asked for.
#[derive(Clone, Copy, Debug)]
pub struct MassCancel {
    /// Comes back in the answer.
    pub correlation_id: i64,
    /// Of which index; 0 or null for all.
    pub currency_pair_id: i64,
    /// Of which instrument; none for all.
    pub instrument_id: Option<i64>,
    /// Which products.
    pub product: i8,
    /// 1, -1, or 0 for both.
    pub side: i8,
}

impl MassCancel {
    /// Reads a body of exactly its length.
    pub fn read(body: &[u8]) -> Option<Self> {
        use at::mass_cancel_request as f;
        let block = exact(body, &f::LAYOUT)?;
        Some(Self {
            correlation_id: block.i64(f::CORRELATION_ID),
            currency_pair_id: block.i64(f::CURRENCY_PAIR_ID),
            instrument_id: optional(block.i64(f::INSTRUMENT_ID)),
            product: block.i8(f::PRODUCT_TYPE),
            side: block.i8(f::SIDE),
        })
    }
}

/// The block of a body that has nothing else.
pub fn exact<'a>(body: &'a [u8], layout: &at::Layout) -> Option<Block<'a>> {
    if body.len() == layout.block { Block::new(body, layout) } else { None }
}
