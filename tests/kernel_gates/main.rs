//! Every gate and every refusal: what it stops, and that the legal value beside it passes.
//!
//! ```text
//!   command ──commands, settings, banks──► quote ──trigger──► state, quote, size, rate, status ──► ledger
//!                                                              the first closed is the reason (order)
//! ```
//!
//! Invariants: in the plain scenario (`scenario`) ten contracts are sold (or bought, mirrored); each test
//! changes as little as possible from there. No test has the name of another: what a running engine cannot
//! show is looked up here by name.

#[path = "../support/mod.rs"]
mod support;

mod banks;
mod commands;
mod ledger;
mod order;
mod quote;
mod rate;
mod scenario;
mod settings;
mod size;
mod state;
mod status;
mod trigger;
