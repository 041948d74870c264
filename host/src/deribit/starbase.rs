//! Starbase, Deribit's matching engine for direct access.
//!
//! [`market`] reads its multicast market data (SBE schema 2102).

pub mod market;
