//! Events: everything that a hedge kernel says.
//!
//! The header is the same for all of them. `now_ns` repeats the command's, so the stream of events
//! holds no other time than that of the commands.

use crate::record::{describe, header_field as field, record};
use crate::{Event, Field, Reason, RecordLayout, VERSION};

const HEADER: &[Field] = &[
    field(0, 1, "kind", "u8", "Kind of the event."),
    field(1, 1, "version", "u8", "`VERSION`."),
    field(2, 1, "underlying", "u8", "Underlying of the command."),
    field(3, 1, "reason", "u8", "Reason code; 0 when nothing was refused."),
    field(4, 2, "flags", "u16", "Bit 0 urgent, bit 1 answered by an exact pass, bit 2 last event of its command."),
    field(6, 2, "bank_id", "u16", "The active bank of the underlying; 0 before the first swap."),
    field(8, 8, "now_ns", "u64", "Time of the command, ns."),
    field(48, 8, "command_seq", "u64", "Sequence number of the command answered."),
    field(56, 8, "seq", "u64", "Free-running sequence number of the event."),
];

/// `flags`: exposure is beyond the emergency band.
pub const FLAG_URGENT: u16 = 1;
/// `flags`: the answer comes from an exact pass over the rows.
pub const FLAG_EXACT: u16 = 2;
/// `flags`: the last event of its command.
pub const FLAG_LAST: u16 = 4;

/// The header fields of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// Underlying of the command.
    pub underlying: u8,
    /// Reason code.
    pub reason: Reason,
    /// Flag bits.
    pub flags: u16,
    /// Active bank of the underlying.
    pub bank_id: u16,
    /// Time of the command, ns.
    pub now_ns: u64,
    /// Sequence number of the command answered.
    pub command_seq: u64,
    /// Sequence number of the event.
    pub seq: u64,
}

impl Header {
    /// The header's part of the eight words of an event.
    #[inline(always)]
    fn words(self, kind: u8) -> [u64; 8] {
        let first = u64::from(kind)
            | (u64::from(VERSION) << 8)
            | (u64::from(self.underlying) << 16)
            | (u64::from(self.reason as u8) << 24)
            | (u64::from(self.flags) << 32)
            | (u64::from(self.bank_id) << 48);
        [first, self.now_ns, 0, 0, 0, 0, self.command_seq, self.seq]
    }
}

impl Event {
    /// Reason code; `None` for a number that no kernel of this version sends.
    #[inline]
    pub fn reason(&self) -> Option<Reason> {
        Reason::from_code(self.0[3])
    }
    /// Flag bits.
    #[inline]
    pub fn flags(&self) -> u16 {
        u16::from_le_bytes([self.0[4], self.0[5]])
    }
    /// Bank on which the answer rests.
    #[inline]
    pub fn bank_id(&self) -> u16 {
        u16::from_le_bytes([self.0[6], self.0[7]])
    }
}

macro_rules! events {
    ($($(#[doc = $text:literal])+ $name:ident = $kind:literal { $($fields:tt)* })*) => {
        $(record! { Event, HEADER, $(#[doc = $text])+ $name = $kind { $($fields)* } }
        impl $name {
            /// The event on the wire.
            #[inline(always)]
            pub fn encode(&self, header: Header) -> Event {
                let mut words = header.words(Self::KIND);
                self.put(&mut words);
                Event::from_words(words)
            }
        })*
        /// Tables of all events, in order of their kind.
        pub const LAYOUTS: &[RecordLayout] = &[$($name::LAYOUT),*];
    };
}

events! {
    /// The command was carried out and there is nothing else to say.
    Accepted = 1 {
        16 command_kind: u8 "Kind of the command.";
    }
    /// The decision is not to trade, or the command was refused; `reason` says why.
    Refused = 2 {
        16 exposure: i64 "Net exposure against the target, 2^-16 contract; 0 when it was not computed.";
        24 band: i64 "Half band on the side of the exposure, 2^-16 contract; 0 when it was not computed.";
        32 quantity: i64 "What would have been traded, contracts, positive to buy; 0 when the trigger did not fire.";
        40 command_kind: u8 "Kind of the command.";
    }
    /// Send this order. It is already counted in the ledger.
    Hedge = 3 {
        16 exposure: i64 "Net exposure against the target, 2^-16 contract.";
        24 band: i64 "Half band on the side of the exposure, 2^-16 contract.";
        32 quantity: i64 "Contracts, positive to buy.";
        40 limit_price: u32 "Limit price, price units.";
        44 order_id: u32 "The order's id, free-running per underlying.";
    }
    /// The Greeks of the portfolio at the reference price.
    Risk = 4 {
        16 delta: i64 "Delta of the rows, 2^-32 coin, saturating.";
        24 gamma: i64 "Change of that delta per unit of log price, 2^-32 coin, saturating.";
        32 vega: i64 "Vega of the rows per 1.00 of vol, 2^-32 coin, saturating.";
        40 price: u32 "Reference price, price units.";
        44 error_bound: u32 "Error bound of the interval, estimated from its neighbours, 2^-16 contract; 0 for an exact pass.";
    }
    /// The ledger of an underlying after an order update or a reconciliation.
    Ledger = 5 {
        16 position: i64 "Position of the hedge instrument, contracts.";
        24 coin: i64 "Coin constant (cash and hedges filled), 2^-32 coin.";
        32 open_buy: u32 "Open buy quantity, contracts.";
        36 open_sell: u32 "Open sell quantity, contracts.";
        40 unknown_buy: u32 "Buy quantity of orders in unknown state, contracts.";
        44 unknown_sell: u32 "Sell quantity of orders in unknown state, contracts.";
    }
    /// Bank and ladder were swapped.
    Swapped = 6 {
        16 error_bound: u64 "Largest error bound of an interval answered by its cubic, 2^-16 contract.";
        24 exact_intervals: u32 "Intervals that are answered by an exact pass: an AMM edge, or not resolved.";
        28 saturated_rows: u32 "Rows whose `a` is at its limit.";
        32 low: u32 "First price of the ladder, price units.";
        36 high: u32 "First price beyond the ladder, price units.";
    }
    /// Something happened that should not have; `reason` says what. Where it leaves position or weights in doubt, hedging stops until they are reconciled or recompiled.
    Fault = 7 {
        16 detail: u64 "Slot or order id.";
        24 value: i64 "The quantity or amount concerned.";
    }
}

impl core::fmt::Debug for Event {
    /// Field by field, by the table of its kind.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        describe(f, &self.0, LAYOUTS, "Event")
    }
}
