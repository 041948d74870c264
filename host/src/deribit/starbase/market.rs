//! Multicast market data of Starbase (SBE schema 2102): from datagrams to order books, without I/O.
//!
//! ```text
//!   datagrams, time ─► Channel ─► OrderBook per instrument, or the Doubt why not
//!                        │  └───► Observer: every message once and in order: marks, indices, trades
//!                        └──────► Request for retransmission, to be sent by unicast
//!
//!   layout ─► message ─► packet ─► sequence, retransmit ─► channel ─► held, books ◄─ snapshot
//! ```
//!
//! The feed is order by order, on two lines, with a snapshot channel that goes round all the time and a
//! gateway that sends lost messages again. How the parts recover together is in [`Channel`]'s module and
//! in the package's README. Facts: the official XML of the schema, and the venue's documentation of its
//! multicast channels, order-book maintenance and retransmit gateway.
//!
//! Prices are `i64` in 1e-9, quantities `i64` in each instrument's unit; no float is made of either.

mod books;
mod channel;
mod counts;
mod error;
mod field;
mod held;
mod instrument;
pub mod layout;
mod message;
mod order_book;
mod packet;
mod retransmit;
mod sequence;
mod settings;
mod snapshot;

pub use books::Handle;
pub use channel::Channel;
pub use counts::{
    BookCounts, ChannelCounts, GiveUp, GiveUpCounts, LineCounts, RetransmitCounts, SnapshotCounts, StepTimes,
};
pub use error::{DecodeError, Fault, Item};
pub use field::{
    InstrumentFlags, InstrumentStatus, InstrumentType, MessageFlags, Nullable, Opaque, PacketType,
    RetransmitRejectReason, TradeFlags,
};
pub use instrument::{Doubt, Instrument, Terms};
pub use message::{Definition, Group, GroupEntry, Message, Unknown};
pub use order_book::{Contradiction, ORDERS_MAX, Order, OrderBook, PriceLevel};
pub use packet::{Framed, MessageCounts, Messages, Packet};
pub use retransmit::{REQUEST_BYTES, Request, RetransmitSettings};
pub use sequence::{REPEAT_NS_MAX, WINDOW_MESSAGES};
pub use settings::{ChannelSettings, ChannelState, HEARTBEAT_NS, Observer, Source};
