//! Starbase, Deribit's matching engine for direct access: binary both ways.
//!
//! [`market`] reads its multicast market data (SBE schema 2102), [`orders`] is order entry over TCP (SBE schema 2101).

pub mod market;
pub mod orders;
