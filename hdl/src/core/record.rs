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

/// What is known of a command behind BASE.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Based {
    /// Its price less the ladder's lowest.
    pub offset: U<32>,
    /// Intervals of the ladder.
    pub count: U<15>,
    /// By how much the offset is shifted to the left for its fraction.
    pub by: U<5>,
    /// There is such a command.
    pub is_known: Bit,
    /// Words with a reserved bit set, bit by word.
    pub strays: U<8>,
}

/// What is known of a command behind SHIFT.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Shifted {
    /// What is wrong with the fields of a quote.
    pub reason: U<8>,
    pub is_known: Bit,
    pub is_stray: Bit,
    pub index: U<32>,
    pub count: U<15>,
    /// The feed's place.
    pub has_quote: Bit,
    pub feed_seq: U<32>,
    /// The whole ladder was settled a cycle before: only a slow command, which ends in reading again, undoes that.
    pub is_settled: Bit,
    /// An interval of the ladder is answered by an exact pass: its own is looked at again.
    pub is_exact: Bit,
    /// An issue has moved the feed's place since it was looked up.
    pub is_doubtful: Bit,
}

/// What is known of a command in LOAD, and of the head.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// What is wrong with the fields of a quote.
    pub reason: U<8>,
    pub is_known: Bit,
    pub is_stray: Bit,
    /// Sequence and time are right once what is ahead of it has gone.
    pub is_next: Bit,
    pub is_timely: Bit,
    /// A quote's place in its feed is right, but for `is_doubtful`.
    pub is_newer: Bit,
    /// An issue has moved the feed's place since it was looked up.
    pub is_doubtful: Bit,
    /// A quote that nothing is wrong with but, maybe, sequence, time and place in its feed.
    pub is_plain: Bit,
    /// Its interval can be used; in LOAD it may also have become so since.
    pub is_usable: Bit,
    /// Its interval is answered by an exact pass; in LOAD one of its ladder is.
    pub is_exact: Bit,
}
