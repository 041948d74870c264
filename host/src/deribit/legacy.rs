//! Decoder of the legacy multicast feed: one datagram in, its messages out, nothing copied.
//!
//! ```text
//!   payload ─► Frame ─► Messages ─► Message::Ticker, Message::Book, …   views on the payload
//!               │          │
//!               │          └─► DecodeError: ends the packet, earlier messages stand
//!               └─► channel, packet_seq ─► ChannelSequence: gaps, duplicates, restarts
//! ```
//!
//! Channel N carries events, channel 100 + N the snapshots of the same instruments; 0 carries index
//! prices. All integers are little-endian; a NaN price is "none".
//!
//! Invariants:
//! * Every length and count of the wire is checked once, when a message is framed; views cannot
//!   fail after that.
//! * A block, entry or message longer than known is read up to what is known: the schema grows at
//!   the ends. A shorter one is an error.
//! * Decoding allocates nothing.

mod books;
mod cursor;
mod error;
mod field;
mod layout;
mod sequence;

pub use books::{Applied, Books, BooksCounts};
pub use error::{DecodeError, FramingFault, Item};
pub use field::{
    BookSide, Direction, Double, Flag, Identifier, InstrumentKind, InstrumentState, LevelAction, Liquidation,
    OptionRight, PaddedText, PayoffType, SettlementPeriod, TickDirection, Wire,
};
pub use layout::*;
pub use sequence::{Arrival, ChannelSequence};

use cursor::Cursor;
use std::iter::FusedIterator;

/// Bytes of the frame header.
pub const FRAME_HEADER_BYTES: usize = 8;
/// The schema that the templates belong to.
pub const SCHEMA: u16 = 1;
/// Channel number of a snapshot channel less that of its event channel.
pub const SNAPSHOT_CHANNEL_OFFSET: u16 = 100;
/// The first known template.
pub const TEMPLATE_FIRST: u16 = 1000;
/// Known templates, numbered without a hole from [`TEMPLATE_FIRST`].
pub const TEMPLATE_COUNT: usize = 11;

/// A datagram whose header has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Channel that the packet belongs to.
    pub channel: u16,
    /// The channel's free-running packet number.
    pub packet_seq: u32,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the header of a UDP payload.
    ///
    /// # Errors
    /// [`DecodeError`] if the payload is shorter than the header, or if the packet length in it is
    /// not that of the payload.
    #[inline]
    pub fn new(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let fail = |fault| DecodeError { template: None, offset_bytes: 0, fault };
        let header: &[u8; FRAME_HEADER_BYTES] = payload.first_chunk().ok_or_else(|| {
            fail(FramingFault::Short {
                item: Item::FrameHeader,
                needed_bytes: FRAME_HEADER_BYTES,
                available_bytes: payload.len(),
            })
        })?;
        let declared_bytes = usize::from(u16::from_le_bytes([header[0], header[1]]));
        let payload_bytes = payload.len() - FRAME_HEADER_BYTES;
        if declared_bytes != payload_bytes {
            return Err(fail(FramingFault::PacketLength { declared_bytes, payload_bytes }));
        }
        Ok(Self {
            channel: u16::from_le_bytes([header[2], header[3]]),
            packet_seq: u32::from_le_bytes([header[4], header[5], header[6], header[7]]),
            payload,
        })
    }

    /// Returns the packet's messages, in wire order.
    pub fn messages(&self) -> Messages<'a> {
        Messages { cursor: Cursor::new(self.payload, FRAME_HEADER_BYTES) }
    }
}

/// Iterator over the messages of a packet. An error is the last item.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.is_at_end() {
            return None;
        }
        let message = self.cursor.message().and_then(|parts| Message::view(&parts));
        if message.is_err() {
            self.cursor.finish();
        }
        Some(message)
    }
}

impl FusedIterator for Messages<'_> {}

/// A message, as a view on the payload.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Template 1000.
    Instrument(Instrument<'a>),
    /// Template 1001.
    Book(BookUpdate<'a>),
    /// Template 1002.
    Trades(Trades<'a>),
    /// Template 1003.
    Ticker(Ticker<'a>),
    /// Template 1004.
    Snapshot(BookSnapshot<'a>),
    /// Template 1005.
    SnapshotStart(SnapshotStart<'a>),
    /// Template 1006.
    SnapshotEnd(SnapshotEnd<'a>),
    /// Template 1007.
    ComboLegs(ComboLegs<'a>),
    /// Template 1008.
    PriceIndex(PriceIndex<'a>),
    /// Template 1009.
    Rfq(Rfq<'a>),
    /// Template 1010.
    TieredInstrument(TieredInstrument<'a>),
    /// A template or schema that this version does not know, skipped by its length.
    Unknown(UnknownMessage),
}

/// A message that was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownMessage {
    /// Its template.
    pub template: u16,
    /// Its schema.
    pub schema: u16,
    /// Its schema version.
    pub version: u16,
    /// Its length with its header.
    pub message_bytes: usize,
}

impl<'a> Message<'a> {
    #[inline]
    fn view(parts: &cursor::Parts<'a>) -> Result<Self, DecodeError> {
        let unknown = UnknownMessage {
            template: parts.template,
            schema: parts.schema,
            version: parts.version,
            message_bytes: parts.message_bytes,
        };
        if parts.schema != SCHEMA {
            return Ok(Self::Unknown(unknown));
        }
        Ok(match parts.template {
            1000 => Self::Instrument(parts.try_into()?),
            1001 => Self::Book(parts.try_into()?),
            1002 => Self::Trades(parts.try_into()?),
            1003 => Self::Ticker(parts.try_into()?),
            1004 => Self::Snapshot(parts.try_into()?),
            1005 => Self::SnapshotStart(parts.try_into()?),
            1006 => Self::SnapshotEnd(parts.try_into()?),
            1007 => Self::ComboLegs(parts.try_into()?),
            1008 => Self::PriceIndex(parts.try_into()?),
            1009 => Self::Rfq(parts.try_into()?),
            1010 => Self::TieredInstrument(parts.try_into()?),
            _ => Self::Unknown(unknown),
        })
    }

    /// Returns the template number.
    pub fn template(&self) -> u16 {
        match self {
            Self::Instrument(_) => INSTRUMENT.template,
            Self::Book(_) => BOOK_UPDATE.template,
            Self::Trades(_) => TRADES.template,
            Self::Ticker(_) => TICKER.template,
            Self::Snapshot(_) => BOOK_SNAPSHOT.template,
            Self::SnapshotStart(_) => SNAPSHOT_START.template,
            Self::SnapshotEnd(_) => SNAPSHOT_END.template,
            Self::ComboLegs(_) => COMBO_LEGS.template,
            Self::PriceIndex(_) => PRICE_INDEX.template,
            Self::Rfq(_) => RFQ.template,
            Self::TieredInstrument(_) => TIERED_INSTRUMENT.template,
            Self::Unknown(unknown) => unknown.template,
        }
    }

    /// Returns the instrument's definition, if the message is one.
    pub fn definition(&self) -> Option<InstrumentDefinition<'a>> {
        match self {
            Self::Instrument(instrument) => Some(InstrumentDefinition::from(instrument)),
            Self::TieredInstrument(instrument) => Some(InstrumentDefinition::from(instrument)),
            _ => None,
        }
    }
}

/// What templates 1000 and 1010 say alike of an instrument.
#[derive(Clone, Copy, Debug)]
pub struct InstrumentDefinition<'a> {
    /// The venue's number for the instrument.
    pub instrument_id: u32,
    /// Name, such as `BTC-PERPETUAL`; empty if it is not UTF-8.
    pub name: &'a str,
    /// Where it is in its life.
    pub state: InstrumentState,
    /// What it is.
    pub kind: InstrumentKind,
    /// In which currency it pays.
    pub payoff: PayoffType,
    /// Call or put.
    pub right: OptionRight,
    /// Unit of the settlement period; tells perpetuals from dated futures.
    pub settlement_period: SettlementPeriod,
    /// Coin that the instrument is about.
    pub base_currency: PaddedText<8>,
    /// Currency of the price.
    pub quote_currency: PaddedText<8>,
    /// Currency of margin and settlement.
    pub settlement_currency: PaddedText<8>,
    /// Currency of the amount.
    pub size_currency: PaddedText<8>,
    /// Expiry, ms since 1970 UTC; far in the future for perpetuals.
    pub expiry_ms: u64,
    /// Strike in quote currency; options only.
    pub strike: Option<f64>,
    /// Contract size in size currency.
    pub contract_size: Option<f64>,
    /// Smallest amount of a trade, in size currency.
    pub min_trade_amount: Option<f64>,
    /// Smallest price increment; the increments of higher tiers are multiples of it.
    pub tick_size: Option<f64>,
    /// Maker commission, fraction of the amount.
    pub maker_commission: Option<f64>,
    /// Taker commission, fraction of the amount.
    pub taker_commission: Option<f64>,
}

macro_rules! definition_from {
    ($($view:ident),*) => {$(
        impl<'a> From<&$view<'a>> for InstrumentDefinition<'a> {
            fn from(instrument: &$view<'a>) -> Self {
                let is_option = instrument.kind() == InstrumentKind::Option;
                Self {
                    instrument_id: instrument.instrument_id(),
                    name: instrument.name().unwrap_or(""),
                    state: instrument.state(),
                    kind: instrument.kind(),
                    payoff: instrument.payoff(),
                    right: instrument.right(),
                    settlement_period: instrument.settlement_period(),
                    base_currency: instrument.base_currency(),
                    quote_currency: instrument.quote_currency(),
                    settlement_currency: instrument.settlement_currency(),
                    size_currency: instrument.size_currency(),
                    expiry_ms: instrument.expiry_ms(),
                    strike: instrument.strike().filter(|_| is_option),
                    contract_size: instrument.contract_size(),
                    min_trade_amount: instrument.min_trade_amount(),
                    tick_size: instrument.tick_size(),
                    maker_commission: instrument.maker_commission(),
                    taker_commission: instrument.taker_commission(),
                }
            }
        }
    )*};
}
definition_from!(Instrument, TieredInstrument);

/// Messages by template, and what could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    by_template: [u64; TEMPLATE_COUNT],
    /// Packets whose frame header was good.
    pub packets: u64,
    /// Trades, of which one message may carry several.
    pub trades: u64,
    /// Messages of the known schema with an unknown template.
    pub unknown_templates: u64,
    /// Messages of another schema.
    pub unknown_schemas: u64,
    /// Packets given up at some point because of a [`DecodeError`].
    pub framing_errors: u64,
}

impl MessageCounts {
    /// Counts the outcome of reading a packet's header.
    pub fn observe_frame(&mut self, frame: &Result<Frame<'_>, DecodeError>) {
        match frame {
            Ok(_) => self.packets += 1,
            Err(_) => self.framing_errors += 1,
        }
    }

    /// Counts the outcome of reading a message.
    pub fn observe(&mut self, message: &Result<Message<'_>, DecodeError>) {
        match message {
            Err(_) => self.framing_errors += 1,
            Ok(Message::Unknown(unknown)) if unknown.schema != SCHEMA => self.unknown_schemas += 1,
            Ok(message) => {
                if let Message::Trades(trades) = message {
                    self.trades += trades.trades().len() as u64;
                }
                match self.by_template.get_mut(slot_of(message.template())) {
                    Some(count) => *count += 1,
                    None => self.unknown_templates += 1,
                }
            }
        }
    }

    /// Returns the messages of a template; 0 for an unknown one.
    pub fn of(&self, template: u16) -> u64 {
        self.by_template.get(slot_of(template)).copied().unwrap_or(0)
    }

    /// Returns the messages of every known template.
    pub fn known(&self) -> u64 {
        self.by_template.iter().sum()
    }
}

/// Place of a template in a table of the known ones, beyond its end for any other.
fn slot_of(template: u16) -> usize {
    usize::from(template.wrapping_sub(TEMPLATE_FIRST))
}
