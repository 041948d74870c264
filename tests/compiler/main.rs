//! What the portfolio compiler, the pricing under it and its readers do.
//!
//! ```text
//!   holdings, market ──compile──► bank ──Sums::at: dequantise, f64──► delta, gamma, vega
//!                                                                        │ compared with
//!   Black-76, AMM values, finite differences ────────────────────────────┘
//! ```
//!
//! The bank is evaluated in f64 straight from the wire format (`sums`), so that the compiler and its
//! quantisation are tested apart from the integer kernel; `kernel` then loads banks into that, which
//! must accept them and report the same risk. Random tests run from a fixed seed (`random::SEED`, or
//! the environment variable `HEDGEWIRE_SEED`), which is printed.

#[path = "../support/real_data.rs"]
mod real_data;

mod amm;
mod black76;
mod case;
mod chain_files;
mod contracts;
mod expiry;
mod forwards;
mod futures;
mod instruments;
mod kernel;
mod limits;
mod market;
mod options;
mod random;
mod real_chains;
mod refusals;
mod skew;
mod sums;
