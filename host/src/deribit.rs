//! Deribit market data.
//!
//! [`legacy`] decodes the SBE multicast feed in service since 2022 (schema 1, versions 2 and 3).

pub mod legacy;
