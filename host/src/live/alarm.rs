//! What a desk must hear of: raised when it begins, cleared when it is over, each with its place and reason.
//!
//! An alarm is a value without text, so that raising one costs the hot path a copy; `Display` writes it out for the
//! log. Kinds, with their names, what they mean and what to do about them at 3 a.m., are those of the telemetry.

use std::fmt;

use hedgewire_abi::Reason;

use crate::control::KillCause;
use crate::deribit::starbase::market::Doubt;
use crate::deribit::starbase::orders::order::OrderFault;
use crate::deribit::starbase::orders::{CancelOrderRejectReason, OrderRejectReason};
use crate::telemetry::AlarmKind;

macro_rules! alarms {
    ($($(#[doc = $text:literal])+ $kind:ident { $($(#[doc = $field_text:literal])+ $field:ident: $type:ty),* };)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Alarm {
            $($(#[doc = $text])+ $kind { $($(#[doc = $field_text])+ $field: $type),* },)*
        }

        impl Alarm {
            /// Its kind.
            pub fn kind(&self) -> AlarmKind {
                match self { $(Self::$kind { .. } => AlarmKind::$kind,)* }
            }
        }
    };
}

alarms! {
    /// The book of a hedge instrument may not be traded on.
    BookInDoubt {
        /// Index of the underlying.
        underlying: u8,
        /// Why.
        doubt: Doubt
    };
    /// Quotes come from the second feed.
    SecondFeed {
        /// Index of the underlying.
        underlying: u8,
        /// Why Starbase's book may not be believed; none if it only has not spoken for too long.
        doubt: Option<Doubt>
    };
    /// Nothing would stand in for Starbase.
    SecondFeedDown {};
    /// Messages of the feed were lost for good: books wait for snapshots.
    MessagesLost {
        /// The channel.
        channel_id: i32,
        /// How many, in total since the start.
        messages: u64
    };
    /// Not even a heartbeat of a channel came in time.
    ChannelSilent {
        /// The channel.
        channel_id: i32
    };
    /// The line that brings a channel's messages changed.
    LineChanged {
        /// The channel.
        channel_id: i32,
        /// Now line B, else line A.
        is_line_b: bool
    };
    /// Datagrams of a channel came twice or late: more than a thousandth of them.
    FeedDirty {
        /// The channel.
        channel_id: i32,
        /// Such datagrams since the last check.
        datagrams: u64
    };
    /// Packets or messages of a channel could not be read.
    FeedUnreadable {
        /// The channel.
        channel_id: i32,
        /// Of those since the last check.
        errors: u64
    };
    /// Packets for the feed's groups were not handed on: dropped, in another queue, in pieces, malformed, or of a wrong sum.
    PacketsDropped {
        /// Of those since the last check.
        packets: u64
    };
    /// Nobody can say what became of packets: an interface is down or gone.
    InterfaceDown {};
    /// The session with a gateway is not there: nothing can be sent.
    SessionDown {
        /// Index of the gateway.
        gateway: u8
    };
    /// Reports of a gateway are missing and were asked for.
    ReportsMissing {
        /// Index of the gateway.
        gateway: u8,
        /// Number of the first one.
        from: i64
    };
    /// Reports of a gateway are lost for good: positions must be told by people.
    ReportsLost {
        /// Index of the gateway.
        gateway: u8
    };
    /// What became of an order of the kernel is not known.
    OrderInDoubt {
        /// Index of the underlying.
        underlying: u8,
        /// The kernel's number of it.
        order_id: u32
    };
    /// The venue refused an order.
    OrderRefused {
        /// Our number of it.
        client_order_id: i64,
        /// Why.
        reason: OrderRejectReason
    };
    /// The venue refused a cancel.
    CancelRefused {
        /// Our number of the order.
        client_order_id: i64,
        /// Why.
        reason: CancelOrderRejectReason
    };
    /// A report contradicts what is known of an order.
    OrderFaulty {
        /// Our number of it.
        client_order_id: i64,
        /// What is odd.
        fault: OrderFault
    };
    /// A report of an order or request that is not ours: the underlyings of the gateway are disarmed.
    Unmatched {
        /// Index of the gateway.
        gateway: u8,
        /// The number that it names.
        client_order_id: i64
    };
    /// The kernel found a fault.
    KernelFault {
        /// Index of the underlying.
        underlying: u8,
        /// Which.
        reason: Reason
    };
    /// The kernel's position is not the sum of the fills: the underlying is disarmed.
    LedgerDiffers {
        /// Index of the underlying.
        underlying: u8,
        /// The kernel's, contracts.
        kernel: i64,
        /// The sum of the fills, contracts.
        fills: i64
    };
    /// A hedge would carry the exposure across its target if everything open filled: the underlying is disarmed.
    OverHedge {
        /// Index of the underlying.
        underlying: u8,
        /// Contracts of the hedge, positive to buy.
        contracts: i64
    };
    /// No bank could be compiled, or the kernel refused it: rows go stale.
    BankFailed {
        /// Index of the underlying.
        underlying: u8
    };
    /// What banks are compiled from is stale: none is compiled, and rows go stale.
    InputStale {
        /// Index of the underlying.
        underlying: u8
    };
    /// A definition on the feed differs from the configuration: the underlying is not hedged.
    DefinitionDiffers {
        /// Index of the underlying.
        underlying: u8
    };
    /// The position cannot be proved: it must be told by people.
    PositionUnproved {
        /// Index of the underlying.
        underlying: u8,
        /// What is remembered, contracts.
        remembered: i64
    };
    /// At the start the venue's word differed from what was remembered; the venue's was taken.
    PositionDiffers {
        /// Index of the underlying.
        underlying: u8,
        /// What was remembered, contracts.
        remembered: i64,
        /// What the venue says, contracts.
        venue: i64
    };
    /// A fill of the desk's own that could not be booked: unknown instrument, part of a lot, beyond a limit.
    FillRefused {
        /// The venue's number of the instrument.
        instrument_id: i64,
        /// Number of the fill.
        fill_id: i64
    };
    /// A position of an instrument that the plan does not hold is remembered: it is not hedged.
    HoldingUnknown {
        /// The venue's number of the instrument.
        instrument_id: i64,
        /// Lots.
        lots: i64
    };
    /// Everything was told to stop.
    Killed {
        /// Who told it.
        cause: KillCause
    };
    /// After a kill a gateway has not said yet that nothing is open.
    KillUnverified {
        /// Index of the gateway.
        gateway: u8
    };
    /// Journal or state file cannot be written: the engine is killed.
    JournalFailed {};
    /// The card failed, and the CPU answers.
    CardDown {};
    /// The card failed, and the configuration says to stop: the engine is killed.
    NobodyAnswers {};
}

/// An alarm that began, or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// When, ns since 1970 UTC.
    pub now_ns: u64,
    /// What.
    pub alarm: Alarm,
    /// Whether it began; else it is over.
    pub begins: bool,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BookInDoubt { doubt, .. } => write!(f, "no hedging on this book: {doubt}"),
            Self::SecondFeed { doubt: Some(doubt), .. } => write!(f, "quotes come from the second feed: {doubt}"),
            Self::SecondFeed { doubt: None, .. } => {
                f.write_str("quotes come from the second feed: the first has sent nothing for too long")
            }
            Self::SecondFeedDown {} => f.write_str("the second feed is silent, or its books are not whole"),
            Self::MessagesLost { channel_id, messages } => {
                write!(f, "channel {channel_id} lost messages for good, {messages} since the start")
            }
            Self::ChannelSilent { channel_id } => write!(f, "channel {channel_id} is silent"),
            Self::LineChanged { channel_id, is_line_b } => {
                write!(f, "channel {channel_id} comes over line {} now", if *is_line_b { "B" } else { "A" })
            }
            Self::FeedDirty { channel_id, datagrams } => {
                write!(f, "channel {channel_id}: {datagrams} datagrams twice or late")
            }
            Self::FeedUnreadable { channel_id, errors } => {
                write!(f, "channel {channel_id}: {errors} packets or messages cannot be read")
            }
            Self::PacketsDropped { packets } => {
                write!(f, "{packets} packets were dropped or refused before the engine")
            }
            Self::InterfaceDown {} => f.write_str("an interface that packets come from is down or gone"),
            Self::SessionDown { gateway } => write!(f, "gateway {gateway}: no session, nothing can be sent"),
            Self::ReportsMissing { gateway, from } => {
                write!(f, "gateway {gateway}: reports from {from} on are missing")
            }
            Self::ReportsLost { gateway } => write!(f, "gateway {gateway}: reports are lost; tell it the positions"),
            Self::OrderInDoubt { order_id, .. } => write!(f, "what became of hedge {order_id} is not known"),
            Self::OrderRefused { client_order_id, reason } => write!(f, "order {client_order_id} refused: {reason:?}"),
            Self::CancelRefused { client_order_id, reason } => {
                write!(f, "cancel of order {client_order_id} refused: {reason:?}")
            }
            Self::OrderFaulty { client_order_id, fault } => write!(f, "order {client_order_id}: {fault:?}"),
            Self::Unmatched { gateway, client_order_id } => {
                write!(f, "gateway {gateway} reports order {client_order_id}, which is not ours")
            }
            Self::KernelFault { reason, .. } => {
                write!(f, "the kernel found {}: {}", reason.name(), reason.description())
            }
            Self::LedgerDiffers { kernel, fills, .. } => {
                write!(f, "the kernel's position is {kernel} contracts, the fills add up to {fills}")
            }
            Self::OverHedge { contracts, .. } => {
                write!(f, "a hedge of {contracts} contracts would go across the target")
            }
            Self::BankFailed { .. } => f.write_str("no new bank; the old rows go stale"),
            Self::InputStale { .. } => f.write_str("marks or index are stale; no new bank is compiled"),
            Self::DefinitionDiffers { .. } => f.write_str("the feed defines the hedge instrument otherwise"),
            Self::PositionUnproved { remembered, .. } => {
                write!(f, "the position cannot be proved ({remembered} contracts are remembered); tell it the venue's")
            }
            Self::PositionDiffers { remembered, venue, .. } => {
                write!(f, "{remembered} contracts were remembered, the venue has {venue}; the venue's are taken")
            }
            Self::FillRefused { instrument_id, fill_id } => {
                write!(f, "fill {fill_id} of instrument {instrument_id} could not be booked")
            }
            Self::HoldingUnknown { instrument_id, lots } => {
                write!(f, "{lots} lots of instrument {instrument_id} are held and not in the plan")
            }
            Self::Killed { cause } => write!(f, "killed by {}: nothing is sent any more", cause.name()),
            Self::KillUnverified { gateway } => write!(f, "gateway {gateway} has not said that nothing is open"),
            Self::JournalFailed {} => f.write_str("journal or state file cannot be written"),
            Self::CardDown {} => f.write_str("the card does not answer: the CPU does"),
            Self::NobodyAnswers {} => f.write_str("the card failed, and the configuration says to stop"),
        }
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.begins { "alarm" } else { "over" };
        write!(f, "{word} {}: {}", self.alarm.kind().name(), self.alarm)
    }
}

/// Alarms by kind and place: what is on, what was ever raised, and what nobody has heard yet.
#[derive(Debug)]
pub struct Alarms {
    on: Vec<Alarm>,
    untold: Vec<Raised>,
    counts: Vec<u64>,
}

/// Most alarms that wait to be told; more are counted only.
const UNTOLD_MAX: usize = 4_096;

impl Default for Alarms {
    fn default() -> Self {
        Self {
            on: Vec::with_capacity(64),
            untold: Vec::with_capacity(UNTOLD_MAX),
            counts: vec![0; AlarmKind::ALL.len()],
        }
    }
}

impl Alarms {
    /// How often a kind was raised.
    pub fn count(&self, kind: AlarmKind) -> u64 {
        self.counts[kind as usize]
    }

    /// What is on now.
    pub fn on(&self) -> &[Alarm] {
        &self.on
    }

    /// Takes what has not been told yet, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = Raised> + '_ {
        self.untold.drain(..)
    }

    /// Tells of something that has no end of its own.
    pub fn tell(&mut self, now_ns: u64, alarm: Alarm) {
        self.counts[alarm.kind() as usize] += 1;
        self.push(Raised { now_ns, alarm, begins: true });
    }

    /// An alarm is on: told once, until it is cleared. `is_same` says which one of its kind is the same.
    pub fn raise(&mut self, now_ns: u64, alarm: Alarm, is_same: impl Fn(&Alarm) -> bool) {
        match self.on.iter_mut().find(|on| is_same(on)) {
            Some(on) if *on == alarm => return,
            Some(on) => *on = alarm,
            None => self.on.push(alarm),
        }
        self.tell(now_ns, alarm);
    }

    /// It is over.
    pub fn clear(&mut self, now_ns: u64, is_same: impl Fn(&Alarm) -> bool) {
        if let Some(at) = self.on.iter().position(is_same) {
            let alarm = self.on.swap_remove(at);
            self.push(Raised { now_ns, alarm, begins: false });
        }
    }

    fn push(&mut self, raised: Raised) {
        if self.untold.len() < UNTOLD_MAX {
            self.untold.push(raised);
        }
    }
}
