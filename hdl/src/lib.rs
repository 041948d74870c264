//! The card: the hedge kernel of `hedgewire_kernel` in RustHDL.
//!
//! ```text
//!   host ---- window, stream, registers ----> front --> desk --> events --> ring --> host
//!                                               |         ^
//!                                               v         | interval, exact Greeks
//!                                           sequencer --> ladder --> lanes
//!                                               |                      ^
//!                                               +------> bank ---------+
//! ```
//!
//! The integer kernel is the definition: a block has the name and the steps of its counterpart there,
//! and is done when its emitted Verilog equals it in every bit.
// Ports and fields are described where they are declared; derived accessors have no place for it.
#![allow(missing_docs)]

pub mod bank;
pub mod desk;
pub mod elementary;
pub mod engine;
pub mod finish;
pub mod host;
pub mod lanes;
pub mod primitive;
pub mod record;
pub mod signal;
#[cfg(test)]
#[macro_use]
mod testbench;
