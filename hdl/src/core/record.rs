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

/// What places a command: whose it is, and its price if it is a quote.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Aim {
    pub kind: U<8>,
    pub number: U<8>,
    pub price: U<32>,
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

/// Whether the fields of the head are in their ranges, as a command of each kind.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Oks {
    pub trigger: Bit,
    pub price: Bit,
    pub size: Bit,
    pub rate: Bit,
    pub status: Bit,
    pub scale: Bit,
    pub configure: Bit,
    pub target: Bit,
    pub reconciliation: Bit,
    pub control: Bit,
    pub build: Bit,
    pub trade: Bit,
}

/// What the sequencer is told of the head, of its underlying and of whatever else it looks at.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// Of the version that is spoken.
    pub is_current: Bit,
    /// The card has such an underlying.
    pub is_number: Bit,
    /// The ladder at the head was known when it was placed.
    pub is_known: Bit,
    pub had_rows: Bit,
    /// Its place is on that ladder, and answered from there.
    pub on_ladder: Bit,
    /// A quote has come, and the head was placed at its price.
    pub has_quote: Bit,
    pub same_price: Bit,
    pub want_risk: Bit,
    /// `Time`: more is asked for than there is.
    pub asks_more: Bit,
    /// `Control`.
    pub action: U<3>,
    pub has_rows: Bit,
    pub is_new_target: Bit,
    /// Slots: the head's is the underlying's; the head's fit the card, and meet those of another underlying.
    pub owns: Bit,
    pub fits_card: Bit,
    pub meets: Bit,
    pub fits_ladder: Bit,
    /// The ladder that is looked at has been begun; the one that does not answer is settled.
    pub is_begun: Bit,
    pub is_settled: Bit,
    /// The bank that is looked at.
    pub bank_stage: U<2>,
    pub is_complete: Bit,
    /// The trade's row does not fit the bank that answers.
    pub overflows: Bit,
}

/// What the sequencer keeps while it carries out a command, and from one to the next.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    /// Why the command is refused.
    pub reason: U<8>,
    /// What the command moves when it retires.
    pub moves_seq: Bit,
    pub moves_now: Bit,
    /// All underlyings are being forgotten.
    pub is_sweep: Bit,
    /// The engine is to halt what it does in the background.
    pub is_halting: Bit,
    /// The Greeks come from an exact pass.
    pub is_exact: Bit,
    /// What a trade does to the weights is known.
    pub is_weighed: Bit,
    pub is_killed: Bit,
    /// The underlying at hand, of all.
    pub loop_at: U<8>,
    /// The order that is cleared.
    pub order_at: U<4>,
    /// Which bank answers, one bit an underlying.
    pub active: U<32>,
}

/// What happens in the next cycle.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Requests {
    /// The engine begins an operation; the offset is worked out; the head's interval is wanted.
    pub engine: Bit,
    pub offset: Bit,
    pub wanted: Bit,
    /// What is written.
    pub trigger: Bit,
    pub price: Bit,
    pub size: Bit,
    pub rate: Bit,
    pub status: Bit,
    pub ledger: Bit,
    pub order: Bit,
    pub keep: Bit,
    pub setup: Bit,
    /// The head's quote becomes the last one.
    pub quote: Bit,
    /// What is written of trigger, limits and status is nothing, for `Configure`.
    pub forgets: Bit,
}
