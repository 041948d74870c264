//! Deribit's Starbase: direct access to its matching engine, binary both ways.
//!
//! [`orders`] is order entry over TCP.

pub mod orders;
