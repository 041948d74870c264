//! Where each field of each message is: one table per message, the only place for its offsets.
//!
//! Each entry of the `layouts!` table below gives a `const` [`Layout`] for reports and tests, and a
//! view with one accessor per field that reads at the table's offset. A compile-time check proves
//! that the fields of a layout follow each other without hole or overlap and fill its block.

use super::cursor::{Parts, RawGroup};
use super::error::{DecodeError, FramingFault};
use super::field::{
    BookSide, Direction, Double, Flag, Identifier, InstrumentKind, InstrumentState, LevelAction, Liquidation,
    OptionRight, PaddedText, PayoffType, SettlementPeriod, TickDirection, Wire,
};
use std::marker::PhantomData;

/// Layout of one message, or of one entry of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Template number of the message.
    pub template: u16,
    /// Name of the message or entry.
    pub name: &'static str,
    /// Length of the fixed block.
    pub block_bytes: usize,
    /// Fields in wire order.
    pub fields: &'static [FieldLayout],
}

/// Place of one field in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldLayout {
    /// Name of the field.
    pub name: &'static str,
    /// Offset from the start of the block.
    pub offset_bytes: usize,
    /// Length.
    pub bytes: usize,
}

impl Layout {
    pub(in crate::deribit) const fn is_contiguous(&self) -> bool {
        let (mut end, mut index) = (0, 0);
        while index < self.fields.len() {
            if self.fields[index].offset_bytes != end {
                return false;
            }
            end += self.fields[index].bytes;
            index += 1;
        }
        end == self.block_bytes
    }
}

/// An entry of a group, as a view on its block.
pub trait GroupEntry<'a>: Copy {
    /// Length of the known part of an entry.
    const BLOCK_BYTES: usize;
    /// Views the entry; `None` if `block` is shorter than [`Self::BLOCK_BYTES`].
    fn view(block: &'a [u8]) -> Option<Self>;
}

/// The entries of a message's group, in wire order, read where they lie.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a, E> {
    raw: RawGroup<'a>,
    entry: PhantomData<E>,
}

impl<'a, E: GroupEntry<'a>> Group<'a, E> {
    fn checked(parts: &Parts<'a>) -> Result<Self, DecodeError> {
        let raw = parts.group;
        if raw.entry_count > 0 && usize::from(raw.block_bytes) < E::BLOCK_BYTES {
            return Err(DecodeError {
                template: Some(parts.template),
                offset_bytes: raw.offset_bytes,
                fault: FramingFault::GroupEntry {
                    declared_bytes: usize::from(raw.block_bytes),
                    known_bytes: E::BLOCK_BYTES,
                },
            });
        }
        Ok(Self { raw, entry: PhantomData })
    }
}

impl<E> Group<'_, E> {
    /// Returns the number of entries left.
    pub fn len(&self) -> usize {
        usize::from(self.raw.entry_count)
    }

    /// Whether no entry is left.
    pub fn is_empty(&self) -> bool {
        self.raw.entry_count == 0
    }
}

impl<'a, E: GroupEntry<'a>> Iterator for Group<'a, E> {
    type Item = E;

    #[inline]
    fn next(&mut self) -> Option<E> {
        let (block, rest) = self.raw.split_first()?;
        self.raw = rest;
        E::view(block)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<'a, E: GroupEntry<'a>> ExactSizeIterator for Group<'a, E> {}

/// Returns the message's block as the known layout's, leaving the tail of a longer one.
#[inline]
fn known_block<'a, const N: usize>(parts: &Parts<'a>) -> Result<&'a [u8; N], DecodeError> {
    parts.block.first_chunk().ok_or(DecodeError {
        template: Some(parts.template),
        offset_bytes: parts.offset_bytes,
        fault: FramingFault::Block { declared_bytes: parts.block.len(), known_bytes: N },
    })
}

#[inline]
fn check_counts(parts: &Parts<'_>, groups: u16, texts: u16) -> Result<(), DecodeError> {
    let fault = if parts.group_count < groups {
        FramingFault::GroupCount { declared: parts.group_count, known: groups }
    } else if parts.text_count < texts {
        FramingFault::TextCount { declared: parts.text_count, known: texts }
    } else {
        return Ok(());
    };
    Err(DecodeError { template: Some(parts.template), offset_bytes: parts.offset_bytes, fault })
}

macro_rules! one {
    ($($anything:tt)*) => {
        1
    };
}

macro_rules! layout_constant {
    ($view:ident, $constant:ident, $template:literal, $block:literal, $($field:ident, $wire:ty, $offset:literal;)*) => {
        #[doc = concat!("Offsets of [`", stringify!($view), "`].")]
        pub const $constant: Layout = Layout {
            template: $template,
            name: stringify!($view),
            block_bytes: $block,
            fields: &[$(FieldLayout {
                name: stringify!($field),
                offset_bytes: $offset,
                bytes: <$wire as Wire>::BYTES,
            },)*],
        };
        const _: () = assert!($constant.is_contiguous());
    };
}

macro_rules! layouts {
    ($(
        $(#[$meta:meta])*
        $kind:ident $view:ident: $constant:ident = $template:literal, $block:literal bytes {
            $($(#[$field_meta:meta])* $field:ident: $wire:ty = $offset:literal,)*
        }
        $(+ group $(#[$group_meta:meta])* $group:ident: $entry:ident;)?
        $(+ text $(#[$text_meta:meta])* $text:ident;)?
    )*) => {$(
        layout_constant!($view, $constant, $template, $block, $($field, $wire, $offset;)*);

        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub struct $view<'a> {
            block: &'a [u8; $block],
            $($group: Group<'a, $entry<'a>>,)?
            $($text: &'a [u8],)?
        }

        impl<'a> $view<'a> {
            /// Returns the block as it lies in the payload, up to the length that is known.
            pub fn block(&self) -> &'a [u8; $block] {
                self.block
            }
            $(
                $(#[$field_meta])*
                #[inline]
                pub fn $field(&self) -> <$wire as Wire>::Value<'a> {
                    <$wire as Wire>::read(self.block, $offset)
                }
            )*
            $(
                $(#[$group_meta])*
                #[inline]
                pub fn $group(&self) -> Group<'a, $entry<'a>> {
                    self.$group
                }
            )?
            $(
                $(#[$text_meta])*
                ///
                /// `None` if it is not UTF-8.
                pub fn $text(&self) -> Option<&'a str> {
                    std::str::from_utf8(self.$text).ok()
                }
            )?
        }

        layouts!(@$kind $view, $block, $($group: $entry)?, $($text)?);
    )*};
    (@message $view:ident, $block:literal, $($group:ident: $entry:ident)?, $($text:ident)?) => {
        impl<'a> TryFrom<&Parts<'a>> for $view<'a> {
            type Error = DecodeError;

            #[inline]
            fn try_from(parts: &Parts<'a>) -> Result<Self, DecodeError> {
                let block = known_block::<$block>(parts)?;
                check_counts(parts, 0 $(+ one!($group))?, 0 $(+ one!($text))?)?;
                Ok(Self {
                    block,
                    $($group: Group::checked(parts)?,)?
                    $($text: parts.text,)?
                })
            }
        }
    };
    (@entry $view:ident, $block:literal, ,) => {
        impl<'a> GroupEntry<'a> for $view<'a> {
            const BLOCK_BYTES: usize = $block;

            #[inline]
            fn view(block: &'a [u8]) -> Option<Self> {
                block.first_chunk().map(|block| Self { block })
            }
        }
    };
}

layouts! {
    /// Definition of an instrument with one tick size (template 1000).
    message Instrument: INSTRUMENT = 1000, 140 bytes {
        /// The venue's number for the instrument.
        instrument_id: u32 = 0,
        /// Where it is in its life.
        state: InstrumentState = 4,
        /// What it is.
        kind: InstrumentKind = 5,
        /// In which currency it pays.
        payoff: PayoffType = 6,
        /// Call or put.
        right: OptionRight = 7,
        /// Whether a request for quote is open.
        has_rfq: Flag = 8,
        /// Unit of the settlement period.
        settlement_period: SettlementPeriod = 9,
        /// Settlement period in that unit.
        settlement_period_count: u16 = 10,
        /// Coin that the instrument is about.
        base_currency: PaddedText<8> = 12,
        /// Currency of the price.
        quote_currency: PaddedText<8> = 20,
        /// Currency of the counter amount.
        counter_currency: PaddedText<8> = 28,
        /// Currency of margin and settlement.
        settlement_currency: PaddedText<8> = 36,
        /// Currency of the amount.
        size_currency: PaddedText<8> = 44,
        /// Listing time, ms since 1970 UTC.
        creation_ms: u64 = 52,
        /// Expiry, ms since 1970 UTC; far in the future for perpetuals.
        expiry_ms: u64 = 60,
        /// Strike in quote currency.
        strike: Double = 68,
        /// Contract size in size currency.
        contract_size: Double = 76,
        /// Smallest amount of a trade, in size currency.
        min_trade_amount: Double = 84,
        /// Price increment.
        tick_size: Double = 92,
        /// Maker commission, fraction of the amount.
        maker_commission: Double = 100,
        /// Taker commission, fraction of the amount.
        taker_commission: Double = 108,
        /// Commission of a block trade, fraction of the amount.
        block_trade_commission: Double = 116,
        /// Largest commission of a liquidation, fraction of the amount.
        max_liquidation_commission: Double = 124,
        /// Largest leverage.
        max_leverage: Double = 132,
    }
    + text
        /// Name, such as `BTC-PERPETUAL`.
        name;

    /// Definition of an instrument whose tick size grows with the price (template 1010).
    message TieredInstrument: TIERED_INSTRUMENT = 1010, 139 bytes {
        /// The venue's number for the instrument.
        instrument_id: u32 = 0,
        /// Where it is in its life.
        state: InstrumentState = 4,
        /// What it is.
        kind: InstrumentKind = 5,
        /// In which currency it pays.
        payoff: PayoffType = 6,
        /// Call or put.
        right: OptionRight = 7,
        /// Unit of the settlement period.
        settlement_period: SettlementPeriod = 8,
        /// Settlement period in that unit.
        settlement_period_count: u16 = 9,
        /// Coin that the instrument is about.
        base_currency: PaddedText<8> = 11,
        /// Currency of the price.
        quote_currency: PaddedText<8> = 19,
        /// Currency of the counter amount.
        counter_currency: PaddedText<8> = 27,
        /// Currency of margin and settlement.
        settlement_currency: PaddedText<8> = 35,
        /// Currency of the amount.
        size_currency: PaddedText<8> = 43,
        /// Listing time, ms since 1970 UTC.
        creation_ms: u64 = 51,
        /// Expiry, ms since 1970 UTC; far in the future for perpetuals.
        expiry_ms: u64 = 59,
        /// Strike in quote currency.
        strike: Double = 67,
        /// Contract size in size currency.
        contract_size: Double = 75,
        /// Smallest amount of a trade, in size currency.
        min_trade_amount: Double = 83,
        /// Price increment below the first tier.
        tick_size: Double = 91,
        /// Maker commission, fraction of the amount.
        maker_commission: Double = 99,
        /// Taker commission, fraction of the amount.
        taker_commission: Double = 107,
        /// Commission of a block trade, fraction of the amount.
        block_trade_commission: Double = 115,
        /// Largest commission of a liquidation, fraction of the amount.
        max_liquidation_commission: Double = 123,
        /// Largest leverage.
        max_leverage: Double = 131,
    }
    + group
        /// Tick sizes of higher prices.
        tick_tiers: TickTier;
    + text
        /// Name, such as `BTC-27SEP24-60000-C`.
        name;

    /// The tick size above a price (entry of template 1010).
    entry TickTier: TICK_TIER = 1010, 16 bytes {
        /// Price above which the tier holds.
        above_price: Double = 0,
        /// Price increment there.
        tick_size: Double = 8,
    }

    /// Changes to an instrument's book (template 1001).
    message BookUpdate: BOOK_UPDATE = 1001, 29 bytes {
        /// The venue's number for the instrument.
        instrument_id: u32 = 0,
        /// Time of the change, ms since 1970 UTC.
        timestamp_ms: u64 = 4,
        /// Change that this one follows.
        prev_change_id: u64 = 12,
        /// This change.
        change_id: u64 = 20,
        /// Whether this message ends the change.
        is_last: Flag = 28,
    }
    + group
        /// Price levels that changed.
        changes: BookChange;

    /// One changed price level (entry of template 1001).
    entry BookChange: BOOK_CHANGE = 1001, 18 bytes {
        /// Side of the book.
        side: BookSide = 0,
        /// What happened to the level.
        action: LevelAction = 1,
        /// Price in quote currency (in coin for inverse options).
        price: Double = 2,
        /// Amount now at that price, in size currency.
        amount: Double = 10,
    }

    /// Trades of an instrument (template 1002).
    message Trades: TRADES = 1002, 4 bytes {
        /// The venue's number for the instrument.
        instrument_id: u32 = 0,
    }
    + group
        /// The trades, oldest first.
        trades: Trade;

    /// One trade (entry of template 1002).
    entry Trade: TRADE = 1002, 83 bytes {
        /// Side of the taker.
        direction: Direction = 0,
        /// Price in quote currency (in coin for inverse options).
        price: Double = 1,
        /// Amount in size currency.
        amount: Double = 9,
        /// Time, ms since 1970 UTC.
        timestamp_ms: u64 = 17,
        /// Mark price at that time.
        mark_price: Double = 25,
        /// Index price at that time.
        index_price: Double = 33,
        /// The instrument's running number of this trade.
        trade_seq: u64 = 41,
        /// The venue's number for the trade.
        trade_id: u64 = 49,
        /// Price against that of the trade before.
        tick_direction: TickDirection = 57,
        /// Which side was a liquidation.
        liquidation: Liquidation = 58,
        /// Implied volatility in percent; `None` for futures.
        iv_percent: Double = 59,
        /// Block trade that it belongs to.
        block_trade_id: Identifier = 67,
        /// Combination trade that it belongs to.
        combo_trade_id: Identifier = 75,
    }

    /// State of an instrument's market (template 1003).
    message Ticker: TICKER = 1003, 133 bytes {
        /// The venue's number for the instrument.
        instrument_id: u32 = 0,
        /// Where it is in its life.
        state: InstrumentState = 4,
        /// Time, ms since 1970 UTC.
        timestamp_ms: u64 = 5,
        /// Open contracts, in size currency.
        open_interest: Double = 13,
        /// Lowest price at which the venue takes a sell order.
        min_sell_price: Double = 21,
        /// Highest price at which the venue takes a buy order.
        max_buy_price: Double = 29,
        /// Price of the last trade.
        last_price: Double = 37,
        /// Index price.
        index_price: Double = 45,
        /// Mark price.
        mark_price: Double = 53,
        /// Highest bid; `None` if there is none.
        best_bid_price: Double = 61,
        /// Amount of the highest bid.
        best_bid_amount: Double = 69,
        /// Lowest ask; `None` if there is none.
        best_ask_price: Double = 77,
        /// Amount of the lowest ask.
        best_ask_amount: Double = 85,
        /// Present funding rate; perpetuals only.
        current_funding: Double = 93,
        /// Funding rate of the last eight hours; perpetuals only.
        funding_8h: Double = 101,
        /// Delivery price as estimated now.
        estimated_delivery_price: Double = 109,
        /// Delivery price; settled instruments only.
        delivery_price: Double = 117,
        /// Price of the last settlement.
        settlement_price: Double = 125,
    }

    /// Part of a snapshot of an instrument's book (template 1004).
    message BookSnapshot: BOOK_SNAPSHOT = 1004, 22 bytes {
        /// The venue's number for the instrument.
        instrument_id: u32 = 0,
        /// Time of the snapshot, ms since 1970 UTC.
        timestamp_ms: u64 = 4,
        /// Last change that the snapshot contains.
        change_id: u64 = 12,
        /// Whether the snapshot holds every level of the book.
        is_book_complete: Flag = 20,
        /// Whether this message ends the instrument's snapshot.
        is_last_in_book: Flag = 21,
    }
    + group
        /// Price levels, best first, the sides mixed.
        levels: SnapshotLevel;

    /// One price level (entry of template 1004).
    entry SnapshotLevel: SNAPSHOT_LEVEL = 1004, 17 bytes {
        /// Side of the book.
        side: BookSide = 0,
        /// Price in quote currency (in coin for inverse options).
        price: Double = 1,
        /// Amount at that price, in size currency.
        amount: Double = 9,
    }

    /// Start of a round of snapshots on a snapshot channel (template 1005).
    message SnapshotStart: SNAPSHOT_START = 1005, 4 bytes {
        /// Delay of the snapshots behind the events, as the venue gives it (its unit is not
        /// documented).
        snapshot_delay: u32 = 0,
    }

    /// End of a round of snapshots (template 1006).
    message SnapshotEnd: SNAPSHOT_END = 1006, 0 bytes {
    }

    /// Legs of a combination (template 1007).
    message ComboLegs: COMBO_LEGS = 1007, 4 bytes {
        /// The venue's number for the combination.
        instrument_id: u32 = 0,
    }
    + group
        /// The legs.
        legs: ComboLeg;

    /// One leg of a combination (entry of template 1007).
    entry ComboLeg: COMBO_LEG = 1007, 8 bytes {
        /// The venue's number for the leg's instrument.
        instrument_id: u32 = 0,
        /// Amount of the leg per unit of the combination, negative for sold.
        size: i32 = 4,
    }

    /// An index price (template 1008).
    message PriceIndex: PRICE_INDEX = 1008, 32 bytes {
        /// Name of the index, such as `btc_usd`.
        name: PaddedText<16> = 0,
        /// Its price.
        price: Double = 16,
        /// Time, ms since 1970 UTC.
        timestamp_ms: u64 = 24,
    }

    /// A request for quote (template 1009).
    message Rfq: RFQ = 1009, 22 bytes {
        /// The venue's number for the instrument.
        instrument_id: u32 = 0,
        /// Whether the request is open.
        is_open: Flag = 4,
        /// Side that is asked for; null for both.
        side: Direction = 5,
        /// Amount in size currency.
        amount: Double = 6,
        /// Time, ms since 1970 UTC.
        timestamp_ms: u64 = 14,
    }
}

/// Every layout, messages and group entries, in template order.
pub const LAYOUTS: [&Layout; 16] = [
    &INSTRUMENT,
    &BOOK_UPDATE,
    &BOOK_CHANGE,
    &TRADES,
    &TRADE,
    &TICKER,
    &BOOK_SNAPSHOT,
    &SNAPSHOT_LEVEL,
    &SNAPSHOT_START,
    &SNAPSHOT_END,
    &COMBO_LEGS,
    &COMBO_LEG,
    &PRICE_INDEX,
    &RFQ,
    &TIERED_INSTRUMENT,
    &TICK_TIER,
];
