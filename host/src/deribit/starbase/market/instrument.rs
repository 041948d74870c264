//! One instrument of a channel: its terms, its book, and why the book may not be believed.
//!
//! ```text
//!              snapshot that reaches the held changes
//!     Unsynced ──────────────────────────────────────► Synced
//!        ▲                                               │
//!        └── messages lost, contradiction, unreadable ◄──┘
//! ```
//!
//! Invariant: a book that is not synced is empty, so that nobody quotes from one by forgetting to ask.

use std::fmt;

use super::field::{InstrumentFlags, InstrumentStatus, InstrumentType};
use super::held::Chain;
use super::message::Definition;
use super::order_book::{Contradiction, OrderBook};
use crate::book::Shape;
use crate::deribit::legacy::PaddedText;

/// A number before every message.
pub(super) const NEVER: i64 = i64::MIN;

/// Why a book may not be traded on, the most fundamental reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// Nothing is known of such an instrument.
    UnknownInstrument,
    /// No snapshot has come yet.
    NoSnapshot,
    /// Messages were lost for good; a snapshot is waited for.
    Lost,
    /// A message contradicted the book; a snapshot is waited for.
    Contradicted(Contradiction),
    /// A message about the book could not be read; a snapshot is waited for.
    Unreadable,
    /// Messages are missing and are being asked for.
    Gap,
    /// Not even a heartbeat came in time.
    Silent,
    /// The snapshot has messages that the stream has yet to bring.
    Ahead,
    /// A transaction that changes the book has not ended yet.
    OpenTransaction,
    /// No definition has come: units and status are not known.
    Undefined,
    /// The venue does not trade it now.
    NotOpen(InstrumentStatus),
    /// The best bid is above the best ask.
    Crossed,
    /// The best bid is the best ask.
    Locked,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownInstrument => f.write_str("nothing is known of the instrument"),
            Self::NoSnapshot => f.write_str("no snapshot has come yet"),
            Self::Lost => f.write_str("messages were lost; a snapshot is waited for"),
            Self::Contradicted(why) => write!(f, "a message contradicted the book ({why}); a snapshot is waited for"),
            Self::Unreadable => f.write_str("a message about the book was unreadable; a snapshot is waited for"),
            Self::Gap => f.write_str("messages are missing and are being asked for"),
            Self::Silent => f.write_str("the channel is silent"),
            Self::Ahead => f.write_str("the stream has yet to reach the snapshot"),
            Self::OpenTransaction => f.write_str("a transaction has not ended yet"),
            Self::Undefined => f.write_str("no definition has come yet"),
            Self::NotOpen(status) => write!(f, "the instrument does not trade ({status:?})"),
            Self::Crossed => f.write_str("the book is crossed"),
            Self::Locked => f.write_str("the book is locked: best bid and best ask are equal"),
        }
    }
}

/// What an instrument is, and in which units it is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Name, such as `BTC-PERPETUAL`.
    pub name: PaddedText<128>,
    /// What it is.
    pub kind: InstrumentType,
    /// Inverse, put, perpetual.
    pub flags: InstrumentFlags,
    /// Index that it settles to.
    pub index_id: i64,
    /// Currency of quantities.
    pub quantity_asset: PaddedText<8>,
    /// Currency of prices.
    pub price_asset: PaddedText<8>,
    /// Expiry, ns since 1970 UTC; `None` for perpetuals.
    pub expiry_ns: Option<i64>,
    /// Strike, 1e-9; options only.
    pub strike_price: Option<i64>,
    /// Smallest quantity of an order, in the instrument's unit.
    pub min_order_quantity: i64,
    /// Price increment, 1e-9.
    pub tick_size: i64,
    /// The instrument's unit of quantity is `10^quantity_exponent` of the quantity asset.
    pub quantity_exponent: i8,
}

/// What a definition says of an instrument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defined {
    terms: Terms,
    status: InstrumentStatus,
}

impl From<&Definition<'_>> for Defined {
    fn from(definition: &Definition<'_>) -> Self {
        let instrument = definition.instrument;
        let terms = Terms {
            name: instrument.name(),
            kind: instrument.kind(),
            flags: instrument.flags(),
            index_id: instrument.index_id(),
            quantity_asset: instrument.quantity_asset(),
            price_asset: instrument.price_asset(),
            expiry_ns: instrument.expiry_time(),
            strike_price: instrument.strike_price(),
            min_order_quantity: instrument.min_order_quantity(),
            tick_size: instrument.tick_size(),
            quantity_exponent: instrument.quantity_exponent(),
        };
        Self { terms, status: instrument.status() }
    }
}

/// One instrument of a channel.
#[derive(Clone, Debug)]
pub struct Instrument {
    pub(super) id: i64,
    pub(super) book: OrderBook,
    pub(super) terms: Option<Box<Terms>>,
    pub(super) status: Option<InstrumentStatus>,
    /// Number of the incremental message that terms and status are from, or of the snapshot's.
    pub(super) terms_seq: i64,
    pub(super) status_seq: i64,
    /// Why the book is not synced; `None` if it is.
    pub(super) unsynced: Option<Doubt>,
    /// The last incremental message in the snapshot that the book was made of.
    pub(super) snapshot_seq: i64,
    /// Every change from this number on is in the book or held: a snapshot must reach the one before it.
    pub(super) join_from: i64,
    pub(super) held: Option<Chain>,
    /// The last round of joining that it got a snapshot in.
    pub(super) epoch: u32,
    pub(super) is_touched: bool,
    pub(super) is_changed: bool,
}

impl Instrument {
    pub(super) fn new(id: i64, join_from: i64) -> Self {
        Self {
            id,
            book: OrderBook::default(),
            terms: None,
            status: None,
            terms_seq: NEVER,
            status_seq: NEVER,
            unsynced: Some(Doubt::NoSnapshot),
            snapshot_seq: NEVER,
            join_from,
            held: None,
            epoch: 0,
            is_touched: false,
            is_changed: false,
        }
    }

    /// Returns the venue's number for it.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Returns the book, to look at: whether it may be believed is [`super::Channel::book`]'s to say.
    pub fn book(&self) -> &OrderBook {
        &self.book
    }

    /// Returns what it is; `None` before its definition.
    pub fn terms(&self) -> Option<&Terms> {
        self.terms.as_deref()
    }

    /// Returns its status; `None` before its definition.
    pub fn status(&self) -> Option<InstrumentStatus> {
        self.status
    }

    /// Why the book may not be believed, as far as the instrument itself knows.
    #[inline]
    pub(super) fn doubt(&self) -> Option<Doubt> {
        match (self.terms(), self.status) {
            (Some(_), Some(InstrumentStatus::Open)) => {}
            (Some(_), Some(status)) => return Some(Doubt::NotOpen(status)),
            _ => return Some(Doubt::Undefined),
        }
        match self.book.shape() {
            Shape::Crossed => Some(Doubt::Crossed),
            Shape::Locked => Some(Doubt::Locked),
            _ => None,
        }
    }

    /// Takes a definition, unless a newer one is known.
    pub(super) fn define(&mut self, defined: &Defined, seq: i64) {
        if seq >= self.terms_seq {
            self.terms_seq = seq;
            match &mut self.terms {
                Some(known) => **known = defined.terms,
                None => self.terms = Some(Box::new(defined.terms)),
            }
        }
        self.set_status(defined.status, seq);
    }

    /// Takes a status, unless a newer one is known.
    pub(super) fn set_status(&mut self, status: InstrumentStatus, seq: i64) {
        if seq >= self.status_seq {
            self.status_seq = seq;
            self.status = Some(status);
        }
    }

    /// Forgets by which numbers things were known.
    pub(super) fn forget_numbers(&mut self) {
        (self.snapshot_seq, self.terms_seq, self.status_seq) = (NEVER, NEVER, NEVER);
    }
}
