//! The running engine: market data in, hedges out, and everything that a desk needs not to be hurt by it.
//!
//! ```text
//!   datagrams ──► feed ──► desk: quote ──► Driver: kernel or card ──► hedge ──► gate: order, session ──► bytes
//!                  │                          ▲      ▲      ▲                    │
//!                  └─ marks, index ─► job     │      │      └─ order updates ◄───┴─── reports ◄── bytes
//!                                      │      │      └──────── own fills ◄── session, drop copy
//!                       compiler ◄─────┘      └── bank, in pieces
//!                          └────────────────────────┘
//!   records ──► state file        commands, events ──► journal        alarms ──► log
//! ```
//!
//! [`Engine`] has neither clock nor socket nor thread: it is given times and inputs, and gives outputs. Equal inputs at
//! equal times give equal commands, whoever turns the handle: [`shell`] with sockets and a core of its own, or a test
//! with a simulated venue and no time at all.
//!
//! | file | what it holds |
//! |---|---|
//! | `engine.rs`, `watch.rs`, `decide.rs`, `banks.rs`, `own_fills.rs`, `control.rs` | the machine: inputs, decisions, banks, fills, requests |
//! | `feed.rs`, `desk.rs`, `gate.rs` | channels; an underlying; a session for orders |
//! | `second.rs` | the second feed, and when quotes come from it |
//! | `compile.rs` | jobs and banks |
//! | `alarm.rs`, `profit.rs` | what people must hear of; what hedges came to, in USD |
//! | `record.rs`, `image.rs`, `recovery.rs` | what is remembered, put together, and made up for |
//! | `shell.rs`, `sockets.rs`, `writer.rs`, `drop_copy.rs`, `sight.rs` | sockets and threads, what is written, fills from elsewhere, what is shown |

mod alarm;
mod banks;
mod compile;
mod control;
mod decide;
mod desk;
pub mod drop_copy;
mod engine;
mod feed;
mod gate;
mod image;
mod own_fills;
mod profit;
mod record;
mod recovery;
mod second;
pub mod shell;
mod sight;
mod sockets;
mod watch;
mod writer;

pub use alarm::{Alarm, Alarms, Raised};
pub use compile::{Built, Compiled, Compiler, Job};
pub use control::{KillState, PositionRefusal, Request};
pub use engine::{Engine, EngineCounts, LiveError, Output};
pub use feed::Stated;
pub use gate::Standing;
pub use image::{GatewayImage, Image, PositionImage, Remembered};
pub use own_fills::{DeskFill, Outcome};
pub use record::{Encoder, RECORD_BYTES, Record, StateError, decode, header};
pub use second::{Second, SecondTouch};
pub use sight::{card_changed, log, names};
pub use writer::{Appender, Memory, MemoryError, StateFile};
