//! Starbase order entry (schema 2101, version 15): session, orders, and what the hedge kernel hears of
//! them. Everything is driven with bytes and times, and gives bytes, events and deadlines.
//!
//! ```text
//!   bytes ──► frame ──► session ──► codec ──► Report ──► oms ──► Update: OrderUpdate of the kernel
//!     ▲                    ▲                              │
//!     │                    └──────── requests ◄─── rate ◄─┴─ escalation: price and style of a hedge
//!     └── outgoing bytes ◄─┘
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `table.rs`, `layout.rs`, `field.rs`, `values.rs` | where every field of every message is: one table, read and written |
//! | `codec.rs`, `frame.rs` | messages from and to bytes, and cut from a stream |
//! | `session.rs` | logon, numbers, heartbeats, gaps, logout, reconnect |
//! | `order.rs`, `oms.rs` | one order's life, and all of them by our number |
//! | `tally.rs` | what became of orders, counted |
//! | `hedges.rs`, `escalation.rs` | the kernel's hedges as orders, and how hard they are tried |
//! | `value.rs`, `rate.rs`, `protection.rs` | what fills are worth, the message allowance, market-maker protection |

mod codec;
pub mod escalation;
mod field;
mod frame;
pub mod hedges;
mod layout;
pub mod oms;
pub mod order;
pub mod protection;
pub mod rate;
pub mod session;
mod table;
pub mod tally;
pub mod value;
mod values;

pub use codec::{
    ALIGNMENT_BYTES, DecodeError, EncodeError, Encoder, HEADER_BYTES, Header, PROTOCOL_ID, SCHEMA_VERSION,
};
pub use field::{
    CancelFlags, Credential, Decimal72, FillFlags, HeaderFlags, MassQuoteFlags, MultiPartEventFlags, OrderFlags,
    Price9, ReplaceOrderFlags, Wire,
};
pub use frame::{Frame, FrameError, FrameReader, Framing};
pub use layout::{Block, FieldLayout, GROUPS_MAX, Group, Layout, View};
pub use table::*;
pub use values::*;
