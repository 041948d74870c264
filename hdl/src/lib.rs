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

/// A block whose listed fields are given and whose others are as they come.
macro_rules! with_defaults {
    ({ $($field:ident: $value:expr,)* } $($default:ident)*) => {
        Self { $($field: $value,)* $($default: Default::default(),)* }
    };
}

pub mod bank;
pub mod book;
pub mod core;
pub mod decode;
pub mod desk;
pub mod elementary;
pub mod engine;
pub mod finish;
pub mod host;
pub mod lanes;
pub mod model;
pub mod offset;
pub mod primitive;
#[cfg(test)]
mod prove;
pub mod record;
pub mod signal;
pub mod top;
#[cfg(test)]
#[macro_use]
mod testbench;
pub mod verilog;
