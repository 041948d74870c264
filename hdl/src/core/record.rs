//! The records of the core's own wires; those that other blocks know too are in `crate::record`.

use rust_hdl::prelude::*;

use crate::signal::U;

/// What the core keeps of an underlying, changed by slow commands only.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Keep {
    pub first: U<20>,
    /// 0 before `Configure`.
    pub count: U<21>,
    pub exact_mode: Bit,
    /// Which bank answers.
    pub active: Bit,
    pub has_rows: Bit,
    /// Signed 63, 2^-32 coin, like `cash`.
    pub target: U<63>,
    pub cash: U<63>,
}

/// The last quote's place in its feed.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Feed {
    pub has_quote: Bit,
    pub feed_seq: U<32>,
}

/// Where a command's price falls.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    pub ladder: U<9>,
    pub price: U<32>,
    pub index: U<15>,
    pub t: U<16>,
    pub inside: Bit,
    pub shift: U<5>,
    pub is_known: Bit,
    pub exact_mode: Bit,
    pub has_rows: Bit,
}

/// An event in fields; `Pack` makes eight words of it.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct EventFields {
    pub kind: U<8>,
    pub version: U<8>,
    pub underlying: U<8>,
    pub reason: U<8>,
    pub is_urgent: Bit,
    pub is_exact: Bit,
    pub is_last: Bit,
    pub no_flags: U<13>,
    pub bank_id: U<16>,
    pub now_ns: U<64>,
    pub w2: U<64>,
    pub w3: U<64>,
    pub w4: U<64>,
    pub w5: U<64>,
    pub command_seq: U<64>,
}
