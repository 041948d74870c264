//! Bodies of the market data that the venue sends. Which template goes with a side: bids are even, asks odd.

use super::book::{Order, Side};
use super::codes::retransmit_reject;
use super::instrument::{Index, Instrument, Kind};
use super::layout as at;
use super::wire::{Body, NULL};

const INSTRUMENT_PERPETUAL: i8 = 0;
const INSTRUMENT_OPTION: i8 = 1;
const INSTRUMENT_DATED_FUTURE: i8 = 5;
const FLAG_REVERSED: u8 = 1;
const FLAG_PUT: u8 = 2;
const FLAG_PERPETUAL: u8 = 4;
const TRADE_IS_SELL: u32 = 1;

fn sided(mut body: Body, side: Side) -> Body {
    body.template += u16::from(side == Side::Sell);
    body
}

/// An order as it rests.
pub fn put(instrument_id: i64, order: &Order) -> Body {
    use at::bid_put::{INSTRUMENT_ID, LAYOUT, ORDER_ID, PRICE, QUANTITY_MANTISSA, SORT_ORDER_ID};
    let body = Body::new(&LAYOUT)
        .i64(ORDER_ID, order.order_id)
        .i64(INSTRUMENT_ID, instrument_id)
        .i64(QUANTITY_MANTISSA, order.open())
        .i64(PRICE, order.price)
        .i64(SORT_ORDER_ID, order.sort_id);
    sided(body, order.side)
}

/// An order that became smaller in its place.
pub fn reduced(instrument_id: i64, order: &Order) -> Body {
    use at::bid_qty_reduced::{INSTRUMENT_ID, LAYOUT, ORDER_ID, QUANTITY_MANTISSA};
    let body = Body::new(&LAYOUT)
        .i64(ORDER_ID, order.order_id)
        .i64(INSTRUMENT_ID, instrument_id)
        .i64(QUANTITY_MANTISSA, order.open());
    sided(body, order.side)
}

/// An order that rests no more.
pub fn deleted(instrument_id: i64, order: &Order) -> Body {
    use at::bid_delete::{INSTRUMENT_ID, LAYOUT, ORDER_ID};
    sided(Body::new(&LAYOUT).i64(ORDER_ID, order.order_id).i64(INSTRUMENT_ID, instrument_id), order.side)
}

fn trade_flags(side: Side) -> u32 {
    if side == Side::Sell { TRADE_IS_SELL } else { 0 }
}

/// What an incoming order traded in all.
pub fn trade_summary(
    instrument: &Instrument,
    index: &Index,
    taker: &Order,
    deepest: i64,
    count: i32,
    all: i64,
) -> Body {
    use at::trade_summary as f;
    Body::new(&f::LAYOUT)
        .i64(f::INSTRUMENT_ID, instrument.id)
        .i64(f::TAKER_ORDER_ID, taker.order_id)
        .i64(f::TOTAL_FILLED_MANTISSA, all)
        .i64(f::DEEPEST_PRICE, deepest)
        .i64(f::MARK_PRICE, instrument.mark.unwrap_or(NULL))
        .i64(f::INDEX_PRICE, index.price)
        .i32(f::TRADE_COUNT, count)
        .u32(f::TAKER_FLAGS, trade_flags(taker.side))
}

/// One trade.
pub fn trade(instrument_id: i64, match_id: i64, maker: &Order, quantity: i64) -> Body {
    use at::trade as f;
    Body::new(&f::LAYOUT)
        .i64(f::MATCH_ID, match_id)
        .i64(f::INSTRUMENT_ID, instrument_id)
        .i64(f::MAKER_ORDER_ID, maker.order_id)
        .i64(f::FILL_QTY_MANTISSA, quantity)
        .i64(f::FILL_PRICE, maker.price)
        .u32(f::MAKER_FLAGS, trade_flags(maker.side))
}

/// An instrument's terms.
pub fn definition(instrument: &Instrument, index: &Index) -> Body {
    use at::instrument_definition as f;
    let (expiry, strike, kind, mut flags) = match instrument.kind {
        Kind::Perpetual => (NULL, NULL, INSTRUMENT_PERPETUAL, FLAG_PERPETUAL),
        Kind::DatedFuture { expiry_ns } => (expiry_ns, NULL, INSTRUMENT_DATED_FUTURE, 0),
        Kind::Option { expiry_ns, strike, is_put } => {
            (expiry_ns, strike, INSTRUMENT_OPTION, if is_put { FLAG_PUT } else { 0 })
        }
    };
    flags |= if instrument.is_inverse { FLAG_REVERSED } else { 0 };
    Body::new(&f::LAYOUT)
        .i64(f::INSTRUMENT_ID, instrument.id)
        .chars(f::NAME, &instrument.name)
        .i64(f::INDEX_ID, index.id)
        .chars(f::UNDERLYING, &index.name)
        .chars(f::QUANTITY_ASSET, &instrument.quantity_asset)
        .chars(f::PRICE_ASSET, &instrument.price_asset)
        .i64(f::EXPIRY_TIME, expiry)
        .i64(f::STRIKE_PRICE, strike)
        .i64(f::MIN_ORDER_QUANTITY, instrument.min_quantity)
        .i64(f::TICK_SIZE, instrument.tick)
        .i8(f::QUANTITY_EXPONENT, instrument.quantity_exponent)
        .i8(f::KIND, kind)
        .u8(f::FLAGS, flags)
        .i8(f::STATUS, instrument.status)
        .group(&at::instrument_definition_large_tick_sizes::LAYOUT, &[])
        .group(&at::instrument_definition_legs::LAYOUT, &[])
}

/// An index's name.
pub fn index_definition(index: &Index) -> Body {
    use at::index_definition::{INDEX_ID, LAYOUT, NAME};
    Body::new(&LAYOUT).i64(INDEX_ID, index.id).chars(NAME, &index.name)
}

/// An index's price.
pub fn index_info(index: &Index) -> Body {
    use at::index_info::{INDEX_ID, INDEX_PRICE, LAYOUT};
    Body::new(&LAYOUT).i64(INDEX_ID, index.id).i64(INDEX_PRICE, index.price)
}

/// An instrument's mark and price limits.
pub fn info(instrument: &Instrument) -> Body {
    use at::instrument_info as f;
    let (low, high) = instrument.band().unwrap_or((NULL, NULL));
    Body::new(&f::LAYOUT)
        .i64(f::INSTRUMENT_ID, instrument.id)
        .i64(f::MIN_SELL_PRICE, low)
        .i64(f::MAX_BUY_PRICE, high)
        .i64(f::MARK_PRICE, instrument.mark.unwrap_or(NULL))
}

/// What changes seldom: nothing of it is simulated but the open interest, in the instrument's quantity.
pub fn reference(instrument: &Instrument, open_interest: i64) -> Body {
    use at::instrument_ref as f;
    let scale = 10f64.powi(i32::from(instrument.quantity_exponent));
    Body::new(&f::LAYOUT)
        .i64(f::INSTRUMENT_ID, instrument.id)
        .f64(f::CURRENT_FUNDING, f64::NAN)
        .f64(f::FUNDING_8H, f64::NAN)
        .i64(f::ESTIMATED_DELIVERY_PRICE, NULL)
        .i64(f::DELIVERY_PRICE, NULL)
        .i64(f::SETTLEMENT_PRICE, NULL)
        .f64(f::OPEN_INTEREST, open_interest as f64 * scale)
}

/// An instrument's state.
pub fn status(instrument: &Instrument) -> Body {
    use at::instrument_status_update::{INSTRUMENT_ID, LAYOUT, TRADING_STATUS};
    Body::new(&LAYOUT).i64(INSTRUMENT_ID, instrument.id).i8(TRADING_STATUS, instrument.status)
}

/// The front of an instrument's snapshot.
pub fn snapshot_header(instrument_id: i64, time_ns: i64, seq: i64) -> Body {
    use at::snapshot_header as f;
    Body::new(&f::LAYOUT)
        .i64(f::INSTRUMENT_ID, instrument_id)
        .i64(f::INCREMENTAL_TIMESTAMP, time_ns)
        .i64(f::INCREMENTAL_SEQ_NUM, seq)
}

/// The end of an instrument's snapshot.
pub fn snapshot_trailer(instrument_id: i64, time_ns: i64, seq: i64) -> Body {
    use at::snapshot_trailer as f;
    Body::new(&f::LAYOUT).i64(f::INSTRUMENT_ID, instrument_id).i64(f::TIMESTAMP, time_ns).i64(f::INCREMENT_SEQ_NUM, seq)
}

/// The end of a round of snapshots.
pub fn end_of_cycle(instruments: usize) -> Body {
    use at::end_of_cycle::{ACTIVE_INSTRUMENT_COUNT, LAYOUT};
    let count = i32::try_from(instruments).unwrap_or(i32::MAX);
    Body::new(&LAYOUT).i32(ACTIVE_INSTRUMENT_COUNT, count)
}

/// Why a request for retransmission is not answered. `reason` is one of [`retransmit_reject`].
pub fn retransmit_reject(retry_delay_ns: i64, reason: i8) -> Body {
    use at::retransmit_reject as f;
    let details = match reason {
        retransmit_reject::SEQ_TOO_LOW => "no longer kept",
        retransmit_reject::SEQ_TOO_HIGH => "not sent yet",
        retransmit_reject::RATE_LIMIT_EXCEEDED => "too many requests",
        _ => "not understood",
    };
    Body::new(&f::LAYOUT).i64(f::RETRY_DELAY_NANOS, retry_delay_ns).chars(f::DETAILS, details).i8(f::REASON, reason)
}
