//! Where each field of each message of schema 2102 is: one table, the only place for its offsets.
//!
//! Each entry of the `layouts!` table gives a `const` [`Layout`], from which tests compare with the
//! official XML and the one encoder takes its offsets, and a view with one accessor per field that
//! reads at the table's offset. A compile-time check proves that the fields of a layout follow each
//! other without hole or overlap and fill its block.
//!
//! An entry is one (template, length of the block): versions 0 and 1 and a correction of August 2026
//! gave the same templates other lengths, and the version on the wire does not tell them apart.
//! Offsets are from the start of the block, which follows the 16-byte message header. Prices are in
//! 1e-9 of the price currency, quantities in `10^quantity_exponent` of the quantity currency (see
//! [`InstrumentDefinition`]), times in ns since 1970 UTC. Facts: XML of 7 August 2026, version 1; for
//! version 0 and version 2 what the venue's golden packet and its documentation show.

use super::field::{
    InstrumentFlags, InstrumentStatus, InstrumentType, MessageFlags, Nullable, Opaque, PacketType,
    RetransmitRejectReason, TradeFlags,
};
use crate::deribit::legacy::{Double, FieldLayout, Layout, PaddedText, Wire};

/// Messages are padded with zeros to a multiple of this; the padding counts in the message's length.
pub const ALIGNMENT_BYTES: usize = 8;

/// Returns the offset of a field; fails to compile if a constant asks for one that is not there.
pub(super) const fn offset_of(layout: &Layout, field: &str) -> usize {
    let mut index = 0;
    while index < layout.fields.len() {
        if is_same(layout.fields[index].name.as_bytes(), field.as_bytes()) {
            return layout.fields[index].offset_bytes;
        }
        index += 1;
    }
    panic!("the layout has no such field")
}

const fn is_same(left: &[u8], right: &[u8]) -> bool {
    let mut index = 0;
    while index < left.len() && index < right.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    left.len() == right.len()
}

macro_rules! layouts {
    ($(
        $(#[$meta:meta])*
        $view:ident: $constant:ident = $template:literal $name:literal, $block:literal bytes {
            $($(#[$field_meta:meta])* $field:ident: $wire:ty = $offset:literal,)*
        }
    )*) => {$(
        #[doc = concat!("Offsets of [`", stringify!($view), "`].")]
        pub const $constant: Layout = Layout {
            template: $template,
            name: $name,
            block_bytes: $block,
            fields: &[$(FieldLayout {
                name: stringify!($field),
                offset_bytes: $offset,
                bytes: <$wire as Wire>::BYTES,
            },)*],
        };
        const _: () = assert!($constant.is_contiguous());

        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub struct $view<'a> {
            block: &'a [u8; $block],
        }

        impl<'a> $view<'a> {
            /// Length of the block.
            pub const BLOCK_BYTES: usize = $block;

            /// Views the start of `bytes`; `None` if it is shorter than the block.
            #[inline]
            pub fn view(bytes: &'a [u8]) -> Option<Self> {
                bytes.first_chunk().map(|block| Self { block })
            }
            $(
                $(#[$field_meta])*
                #[inline]
                pub fn $field(&self) -> <$wire as Wire>::Value<'a> {
                    <$wire as Wire>::read(self.block, $offset)
                }
            )*
        }
    )*};
}

layouts! {
    /// Header of every packet.
    PacketHeader: PACKET_HEADER = 0 "PacketHeader", 24 bytes {
        /// Time of sending, ns.
        sending_time: i64 = 0,
        /// Number of the first message in the packet; of the next one if there is none.
        seq_num: i64 = 8,
        /// The channel.
        channel_id: i32 = 16,
        /// Incremental, snapshot, retransmitted.
        kind: PacketType = 20,
        /// Messages in the packet; 0 in a heartbeat.
        message_count: u16 = 22,
    }

    /// Header of every message.
    MessageHeader: MESSAGE_HEADER = 0 "mdMessageHeader", 16 bytes {
        /// Length of the message with this header and its padding.
        message_length: u16 = 0,
        /// Its template.
        template_id: u16 = 2,
        /// Its schema version.
        version: u16 = 4,
        /// Where it stands in its transaction.
        flags: MessageFlags = 6,
        /// Time of the transaction, ns.
        transact_time: i64 = 8,
    }

    /// Header of a repeating group.
    GroupHeader: GROUP_HEADER = 0 "groupSizeEncoding", 4 bytes {
        /// Length of an entry.
        block_length: u16 = 0,
        /// Number of entries.
        num_in_group: u16 = 2,
    }

    /// Definition of an instrument (template 10), without its groups.
    InstrumentDefinition: INSTRUMENT_DEFINITION = 10 "InstrumentDefinition", 260 bytes {
        /// The venue's number for the instrument.
        instrument_id: i64 = 0,
        /// Name, such as `BTC-PERPETUAL`.
        name: PaddedText<128> = 8,
        /// Index that it settles to.
        index_id: i64 = 136,
        /// Its underlying.
        underlying: PaddedText<64> = 144,
        /// Currency of quantities.
        quantity_asset: PaddedText<8> = 208,
        /// Currency of prices.
        price_asset: PaddedText<8> = 216,
        /// Expiry, ns; `None` for perpetuals.
        expiry_time: Nullable = 224,
        /// Strike, 1e-9; options only.
        strike_price: Nullable = 232,
        /// Smallest quantity of an order.
        min_order_quantity: i64 = 240,
        /// Price increment, 1e-9.
        tick_size: i64 = 248,
        /// Decimal exponent of quantities.
        quantity_exponent: i8 = 256,
        /// What it is.
        kind: InstrumentType = 257,
        /// Inverse, put, perpetual.
        flags: InstrumentFlags = 258,
        /// Whether it trades.
        status: InstrumentStatus = 259,
    }

    /// Price increment above a price (entry of template 10).
    LargeTickSize: LARGE_TICK_SIZE = 10 "largeTickSizes", 16 bytes {
        /// Price increment, 1e-9.
        large_tick_size: i64 = 0,
        /// Price from which it holds, 1e-9.
        threshold_price: i64 = 8,
    }

    /// One leg of a combination (entry of template 10).
    Leg: LEG = 10 "legs", 9 bytes {
        /// The leg's instrument.
        leg_instrument_id: i64 = 0,
        /// Units of the leg per unit of the combination, negative for sold.
        ratio: i8 = 8,
    }

    /// Definition of an index (template 11).
    IndexDefinition: INDEX_DEFINITION = 11 "IndexDefinition", 136 bytes {
        /// The venue's number for the index.
        index_id: i64 = 0,
        /// Name, such as `btc_usd`.
        name: PaddedText<128> = 8,
    }

    /// Price of an index (template 12).
    IndexInfo: INDEX_INFO = 12 "IndexInfo", 16 bytes {
        /// The venue's number for the index.
        index_id: i64 = 0,
        /// Price, 1e-9.
        index_price: Nullable = 8,
    }

    /// What changes often about an instrument (template 14).
    InstrumentInfo: INSTRUMENT_INFO = 14 "InstrumentInfo", 32 bytes {
        /// The venue's number for the instrument.
        instrument_id: i64 = 0,
        /// Lowest price at which an order to sell is taken, 1e-9.
        min_sell_price: Nullable = 8,
        /// Highest price at which an order to buy is taken, 1e-9.
        max_buy_price: Nullable = 16,
        /// Mark price, 1e-9.
        mark_price: Nullable = 24,
    }

    /// What changes seldom about an instrument (template 15).
    InstrumentRef: INSTRUMENT_REF = 15 "InstrumentRef", 56 bytes {
        /// The venue's number for the instrument.
        instrument_id: i64 = 0,
        /// Present funding rate; perpetuals only.
        current_funding: Double = 8,
        /// Funding rate of the last eight hours; perpetuals only.
        funding_8h: Double = 16,
        /// Delivery price as estimated now, 1e-9.
        estimated_delivery_price: Nullable = 24,
        /// Delivery price, 1e-9; delivered instruments only.
        delivery_price: Nullable = 32,
        /// Price of the last settlement, 1e-9.
        settlement_price: Nullable = 40,
        /// Open interest.
        open_interest: Double = 48,
    }

    /// Change of an instrument's status (template 16).
    InstrumentStatusUpdate: INSTRUMENT_STATUS_UPDATE = 16 "InstrumentStatusUpdate", 9 bytes {
        /// The venue's number for the instrument.
        instrument_id: i64 = 0,
        /// Whether it trades.
        trading_status: InstrumentStatus = 8,
    }

    /// An order that is new, amended, or partly filled and stated again (templates 20 and 21).
    Put: BID_PUT = 20 "BidPut", 40 bytes {
        /// The venue's number for the order.
        order_id: i64 = 0,
        /// The venue's number for the instrument.
        instrument_id: i64 = 8,
        /// Visible quantity.
        quantity_mantissa: i64 = 16,
        /// Price, 1e-9.
        price: Nullable = 24,
        /// Place in the queue of its price: the smallest trades first.
        sort_order_id: i64 = 32,
    }

    /// A put of version 0, without a place in the queue (templates 20 and 21).
    UnsortedPut: UNSORTED_BID_PUT = 20 "BidPut", 32 bytes {
        /// The venue's number for the order.
        order_id: i64 = 0,
        /// The venue's number for the instrument.
        instrument_id: i64 = 8,
        /// Visible quantity.
        quantity_mantissa: i64 = 16,
        /// Price, 1e-9.
        price: Nullable = 24,
    }

    /// An order of which less is left, its place unchanged (templates 22 and 23).
    QuantityReduced: BID_QUANTITY_REDUCED = 22 "BidQtyReduced", 24 bytes {
        /// The venue's number for the order.
        order_id: i64 = 0,
        /// The venue's number for the instrument.
        instrument_id: i64 = 8,
        /// Visible quantity from now on.
        quantity_mantissa: i64 = 16,
    }

    /// An order that is gone (templates 24 and 25).
    Delete: BID_DELETE = 24 "BidDelete", 16 bytes {
        /// The venue's number for the order.
        order_id: i64 = 0,
        /// The venue's number for the instrument.
        instrument_id: i64 = 8,
    }

    /// All fills of an incoming order together (template 30); its trades follow.
    TradeSummary: TRADE_SUMMARY = 30 "TradeSummary", 56 bytes {
        /// The venue's number for the instrument.
        instrument_id: i64 = 0,
        /// The incoming order.
        taker_order_id: i64 = 8,
        /// Quantity filled.
        total_filled_mantissa: i64 = 16,
        /// The worst price that it traded at, 1e-9.
        deepest_price: Nullable = 24,
        /// Mark price, 1e-9.
        mark_price: Nullable = 32,
        /// Index price, 1e-9.
        index_price: Nullable = 40,
        /// Trades that follow.
        trade_count: i32 = 48,
        /// The taker's side.
        taker_flags: TradeFlags = 52,
    }

    /// One trade (template 31).
    Trade: TRADE = 31 "Trade", 44 bytes {
        /// The venue's number for the trade.
        match_id: i64 = 0,
        /// The venue's number for the instrument.
        instrument_id: i64 = 8,
        /// The resting order; `None` for legs of a combination and implied orders.
        maker_order_id: Nullable = 16,
        /// Quantity.
        fill_qty_mantissa: i64 = 24,
        /// Price, 1e-9.
        fill_price: Nullable = 32,
        /// The maker's side.
        maker_flags: TradeFlags = 40,
    }

    /// One fill of a block trade (template 33).
    BlockTrade: BLOCK_TRADE = 33 "BlockTrade", 78 bytes {
        /// The venue's number for the trade.
        match_id: i64 = 0,
        /// The venue's number for the instrument.
        instrument_id: i64 = 8,
        /// The block trade.
        block_trade_id: i64 = 16,
        /// The request for quote that it answers.
        block_rfq_id: Nullable = 24,
        /// Quantity.
        fill_qty_mantissa: i64 = 32,
        /// Price, 1e-9.
        fill_price: Nullable = 40,
        /// Mark price, 1e-9.
        mark_price: Nullable = 48,
        /// Index price, 1e-9.
        index_price: Nullable = 56,
        /// Implied volatility; options only.
        implied_volatility: Double = 64,
        /// The taker's side.
        taker_flags: TradeFlags = 72,
        /// Legs of the block trade.
        number_of_legs: u16 = 76,
    }

    /// What version 2 appends to a block trade: time of execution and a flag for delayed prints, their
    /// places not published.
    BlockTradeDelayed: BLOCK_TRADE_DELAYED = 33 "BlockTrade", 88 bytes {
        /// The block trade as before.
        block_trade: Opaque<78> = 0,
        /// The fields of version 2.
        appended: Opaque<10> = 78,
    }

    /// Start of an instrument's snapshot (template 100).
    SnapshotHeader: SNAPSHOT_HEADER = 100 "SnapshotHeader", 24 bytes {
        /// The venue's number for the instrument.
        instrument_id: i64 = 0,
        /// Time of the last incremental message in the snapshot, ns.
        incremental_timestamp: i64 = 8,
        /// Number of that message.
        incremental_seq_num: i64 = 16,
    }

    /// End of an instrument's snapshot (template 101).
    SnapshotTrailer: SNAPSHOT_TRAILER = 101 "SnapshotTrailer", 24 bytes {
        /// The venue's number for the instrument.
        instrument_id: i64 = 0,
        /// Time of the last incremental message in the snapshot, ns.
        timestamp: i64 = 8,
        /// Number of that message.
        increment_seq_num: i64 = 16,
    }

    /// End of a round of snapshots (template 119).
    EndOfCycle: END_OF_CYCLE = 119 "EndOfCycle", 4 bytes {
        /// Instruments in the round.
        active_instrument_count: i32 = 0,
    }

    /// A request for messages that were lost (template 200).
    RetransmitRequest: RETRANSMIT_REQUEST = 200 "RetransmitRequest", 9 bytes {
        /// Number of the first message wanted.
        begin_seq_num: i64 = 0,
        /// Messages wanted.
        message_count: u8 = 8,
    }

    /// Refusal of such a request (template 202).
    RetransmitReject: RETRANSMIT_REJECT = 202 "RetransmitReject", 49 bytes {
        /// How long to wait before the next request, ns.
        retry_delay_nanos: i64 = 0,
        /// The reason, for people.
        details: PaddedText<40> = 8,
        /// The reason.
        reason: RetransmitRejectReason = 48,
    }
}

/// Offsets of [`Put`] on the other side.
pub const ASK_PUT: Layout = Layout { template: 21, name: "AskPut", ..BID_PUT };
/// Offsets of [`UnsortedPut`] on the other side.
pub const UNSORTED_ASK_PUT: Layout = Layout { template: 21, name: "AskPut", ..UNSORTED_BID_PUT };
/// Offsets of [`QuantityReduced`] on the other side.
pub const ASK_QUANTITY_REDUCED: Layout = Layout { template: 23, name: "AskQtyReduced", ..BID_QUANTITY_REDUCED };
/// Offsets of [`Delete`] on the other side.
pub const ASK_DELETE: Layout = Layout { template: 25, name: "AskDelete", ..BID_DELETE };

/// Headers: of packets, messages and groups.
pub const HEADERS: [&Layout; 3] = [&PACKET_HEADER, &MESSAGE_HEADER, &GROUP_HEADER];

/// Entries of the groups of template 10, in wire order.
pub const GROUP_ENTRIES: [&Layout; 2] = [&LARGE_TICK_SIZE, &LEG];

/// Messages of version 1, in template order.
pub const MESSAGES: [&Layout; 20] = [
    &INSTRUMENT_DEFINITION,
    &INDEX_DEFINITION,
    &INDEX_INFO,
    &INSTRUMENT_INFO,
    &INSTRUMENT_REF,
    &INSTRUMENT_STATUS_UPDATE,
    &BID_PUT,
    &ASK_PUT,
    &BID_QUANTITY_REDUCED,
    &ASK_QUANTITY_REDUCED,
    &BID_DELETE,
    &ASK_DELETE,
    &TRADE_SUMMARY,
    &TRADE,
    &BLOCK_TRADE,
    &SNAPSHOT_HEADER,
    &SNAPSHOT_TRAILER,
    &END_OF_CYCLE,
    &RETRANSMIT_REQUEST,
    &RETRANSMIT_REJECT,
];

/// Known lengths of other versions.
pub const OTHER_VERSIONS: [&Layout; 3] = [&UNSORTED_BID_PUT, &UNSORTED_ASK_PUT, &BLOCK_TRADE_DELAYED];
