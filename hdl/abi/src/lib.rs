//! What every hedge kernel and whoever drives it agree on: records, formats, reason codes, registers.
//!
//! Everything that the CPU kernel, the card, the host, the journal and the simulators must agree on
//! stands here and nowhere else. The crate is `no_std` and depends on nothing, so that an emitter, a
//! driver and a simulator can all read the same tables.
//!
//! ```text
//!             64-byte commands, seq 1, 2, 3, ...            64-byte events, seq 1, 2, 3, ...
//!   host  ------------------------------------->  kernel  ------------------------------->  host
//!                                                  |  every command is answered by one or two
//!                                                  |  events that carry its sequence number
//! ```
//!
//! Sequence rules:
//! * both counters are free-running `u64` and start at 1;
//! * a command with another version, or whose `seq` is not the successor of the last one, is refused
//!   (`BAD_VERSION`, `BAD_SEQUENCE`) and does not use the number up; every other command does;
//! * every command is answered by at least one and at most [`MAX_EVENTS_PER_COMMAND`] events, in
//!   command order, each carrying the command's `seq` in `command_seq`;
//! * a refused command leaves the state untouched, except for the two counters.
//!
//! Invariant: [`LAYOUT_HASH`] changes whenever a field, a format, a code, a register or the version
//! changes.
#![no_std]

pub mod command;
pub mod event;
pub mod format;
mod markdown;
pub mod reason;
mod record;
pub mod register;

pub use markdown::write_markdown;
pub use reason::Reason;
pub use record::{Command, Event, Field, RECORD_BYTES, RecordLayout};

/// Version of the records. A kernel refuses a command that carries another one.
pub const VERSION: u8 = 1;

/// The most events that one command can produce.
pub const MAX_EVENTS_PER_COMMAND: usize = 2;

/// Hash of every table in this crate (FNV-1a, 64 bit): what host and card compare before they talk.
pub const LAYOUT_HASH: u64 = {
    let mut hash = record::fnv1a(record::FNV_OFFSET, &[VERSION]);
    hash = record::hash_layouts(hash, command::LAYOUTS);
    hash = record::hash_layouts(hash, event::LAYOUTS);
    hash = format::hash_formats(hash);
    hash = reason::hash_reasons(hash);
    register::hash_registers(hash)
};
