//! Cards without hardware: the registers, window and ring of a card in software, an engine behind them, and
//! ways to reach it.
//!
//! ```text
//!   host's driver -- trait Card --> InProcess ---------------+
//!                      |                                     v
//!                      +-- vfio-user client ~~ socket, ~~> Front (registers, window, ring) --> Engine
//!                                              mapped BAR    |               the kernel; with the feature
//!                                                            |               `verilog`, the card's core
//!                                                            +--> Bus: DMA memory
//! ```
//!
//! Invariant: whatever the engine, the front follows `hedgewire_abi::register`'s table and rules, and the same
//! conformance suite passes.

pub mod campaign;
mod configuration;
pub mod conformance;
pub mod engine;
pub mod faults;
pub mod front;
pub mod in_process;
#[cfg(feature = "verilog")]
pub mod model;
pub mod server;

pub use engine::{Engine, KernelEngine};
pub use faults::{FaultKind, FaultPlan, FaultyCard, Side};
pub use front::{Bus, Front};
pub use in_process::InProcess;
#[cfg(feature = "verilog")]
pub use model::ModelEngine;
