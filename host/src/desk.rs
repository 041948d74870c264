//! What a desk in a replay and a live one have in common: the market that rows are compiled from, the
//! portfolio at the start, and the reading of the kernel's answers.
//!
//! ```text
//!   marks, index ──► market ──► compiler::Market          plan, rule ──► portfolio ──► Holding per slot
//!                                kernel's events ──► answer: exposure, band, hedge, why not
//! ```

pub(crate) mod answer;
pub(crate) mod market;
pub(crate) mod portfolio;
