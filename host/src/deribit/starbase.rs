//! Deribit's Starbase: direct access to its matching engine, binary both ways.
//!
//! [`market`] reads its multicast market data (SBE schema 2102); [`orders`] is order entry over TCP.

pub mod market;
pub mod orders;
