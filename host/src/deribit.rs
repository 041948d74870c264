//! Deribit: market data and order entry.
//!
//! [`legacy`] decodes the SBE multicast feed in service since 2022 (schema 1, versions 2 and 3);
//! [`starbase`] is the venue's direct access of 2026.

pub mod legacy;
pub mod starbase;
