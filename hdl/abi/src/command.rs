//! Commands: everything that can change a hedge kernel, and the only way in which time enters it.
//!
//! The header is the same for all of them; the bytes 3..8 and 16..56 belong to the kind.
//! Prices are in price units (tick / 256), quantities of the hedge instrument in contracts (its
//! smallest order increment), exposures and bands in 2^-16 contract, coin amounts in 2^-32 coin.

use crate::record::{describe, header_field as field, record};
use crate::{Command, Field, RecordLayout, VERSION};

const HEADER: &[Field] = &[
    field(0, 1, "kind", "u8", "Kind of the command."),
    field(1, 1, "version", "u8", "`VERSION`; another one is refused."),
    field(2, 1, "underlying", "u8", "Index of the underlying that the command is about."),
    field(8, 8, "now_ns", "u64", "Time of the command, ns since the Unix epoch; may not go back."),
    field(56, 8, "seq", "u64", "Free-running sequence number, successor of the one before."),
];

/// The header fields that a caller fills in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// Index of the underlying.
    pub underlying: u8,
    /// Time of the command, ns since the Unix epoch.
    pub now_ns: u64,
    /// Free-running sequence number.
    pub seq: u64,
}

macro_rules! commands {
    ($($(#[doc = $text:literal])+ $name:ident = $kind:literal { $($fields:tt)* })*) => {
        $(record! { Command, HEADER, $(#[doc = $text])+ $name = $kind { $($fields)* } }
        impl $name {
            /// The command on the wire.
            #[inline]
            pub fn encode(&self, header: Header) -> Command {
                let first = u64::from(Self::KIND) | (u64::from(VERSION) << 8) | (u64::from(header.underlying) << 16);
                let mut words = [first, header.now_ns, 0, 0, 0, 0, 0, header.seq];
                self.put(&mut words);
                Command::from_words(words)
            }
        })*
        /// Tables of all commands, in order of their kind.
        pub const LAYOUTS: &[RecordLayout] = &[$($name::LAYOUT),*];
    };
}

commands! {
    /// Gives an underlying its range of slots and resets it: disarmed, not reconciled, no rows, zero quantities.
    Configure = 1 {
        16 first_slot: u32 "First slot of its range; a multiple of 64.";
        20 slot_count: u32 "Slots in its range; a multiple of 64; may not meet another underlying's range.";
        24 exact_mode: u8 "1: every quote is answered by an exact pass over the rows; 0: by the ladder.";
    }
    /// Sets the hedge trigger: band limits, exit fraction and clips.
    SetTrigger = 2 {
        16 theta: u32 "Exit fraction, 2^-16: a hedge leaves theta times the band. 0 is the target, 65536 the edge.";
        20 band_scale_buy: u32 "Factor on the band below the target, 2^-16; at most 16.";
        24 band_scale_sell: u32 "Factor on the band above the target, 2^-16; at most 16.";
        28 clip_min: u32 "Smallest order, contracts; at least 1.";
        32 clip_max: u32 "Largest order, contracts.";
        40 band_min: u64 "Floor of the half band, 2^-16 contract; the interval's error bound is added to it.";
        48 band_max: u64 "Cap of the half band, 2^-16 contract.";
    }
    /// Sets the price and time gates.
    SetPriceLimits = 3 {
        4 width_max_bp: u32 "Widest spread, basis points of the bid.";
        16 quote_age_max_ns: u64 "Largest difference between `feed_ns` and now that may be hedged on, ns, either way.";
        24 cool_down_ns: u64 "Least time between two hedges, ns; an urgent one does not wait.";
        32 duplicate_window_ns: u64 "Time in which an equal order on an unchanged ledger is a duplicate, ns.";
        40 collar_bp: u32 "Largest distance of the limit price from the price of the hedge instrument, basis points.";
        44 collar_last_bp: u32 "Largest distance of the limit price from the last trade, basis points.";
        48 size_min: u32 "Least size at the touch on the side that is hit, contracts.";
        52 cross: u32 "How far through the touch the limit price goes, price units.";
    }
    /// Sets the size gates.
    SetSizeLimits = 4 {
        4 order_max: u32 "Largest order, contracts: a check on the clip, not a clip.";
        16 band_emergency: u64 "Exposure beyond which a hedge is urgent, 2^-16 contract.";
        24 position_max: u64 "Largest worst-case position of the hedge instrument, contracts.";
        32 gross_max: u64 "Largest position plus all open orders, contracts.";
        40 notional_max: u64 "Largest order: contracts (inverse), or contracts times price units (linear).";
    }
    /// Sets the rate and loss gates.
    SetRateLimits = 5 {
        16 order_interval_ns: u64 "Time that one order uses up of the message budget, ns.";
        24 order_burst_ns: u64 "Message budget that may be saved up, ns.";
        32 loss_max: i64 "Largest session hedge cost, 2^-32 coin.";
        40 hedges_per_minute: u32 "Most hedges in a minute.";
        44 attempts_max: u32 "Most orders in a row without a fill.";
        48 open_orders_max: u32 "Most open orders; at most 16.";
    }
    /// Sets the target and the coin cash of the portfolio.
    SetTarget = 6 {
        16 target: i64 "Net delta to hold, 2^-32 coin.";
        24 cash: i64 "Coin cash in total (premiums, fees, settlements), 2^-32 coin; counts in USD numeraire only.";
    }
    /// Makes the venue's word the truth: position set, no order open, underlying reconciled.
    Reconcile = 7 {
        16 position: i64 "Position of the hedge instrument, contracts, positive long.";
        24 hedge_coin: i64 "Coin constant of the hedges filled so far, 2^-32 coin (USD numeraire, inverse hedge).";
    }
    /// Tells what the host knows of venue, oracle and margin.
    SetStatus = 8 {
        3 oracle: u8 "0 good, 1 degraded (reduce only), 2 rejected.";
        4 restricted: u8 "1: the hedge instrument may not be traded.";
        16 margin_buy: u64 "Contracts that margin allows to buy.";
        24 margin_sell: u64 "Contracts that margin allows to sell.";
        32 own_bid: u32 "Our own best resting bid in the hedge instrument, price units; 0 none.";
        36 own_ask: u32 "Our own best resting ask, price units; 0 none.";
    }
    /// Arms, disarms, restricts or kills.
    Control = 9 {
        3 action: u8 "0 disarm, 1 arm, 2 normal mode, 3 reduce only, 4 halt, 5 kill (all underlyings), 6 clear the kill (all disarmed).";
    }
    /// Opens the shadow bank of an underlying, with the parameters that change together with its rows.
    OpenBank = 16 {
        4 bank_id: u32 "The compiler's name for this bank, below 65536; carried by every decision.";
        16 price_ref: u32 "Price at which the rows were compiled, price units.";
        20 contract_scale: u32 "Mantissa of the delta-to-contract factor, at least 2^31.";
        24 band_factor: u32 "Mantissa of the band's factor.";
        28 delta_bits: i8 "kd: delta weights are in 2^-kd coin.";
        29 gamma_bits: i8 "kg: gamma weights are in 2^-kg coin.";
        30 vega_bits: i8 "kv: vega weights are in 2^-kv coin.";
        31 contract_shift: u8 "Shift of the delta-to-contract factor.";
        32 band_shift: u8 "Shift of the band's factor.";
        33 band_kind: u8 "0 fixed, 1 gamma-scaled, 2 Whalley-Wilmott.";
        34 hedge_kind: u8 "0 inverse: a contract is worth USD; 1 linear: a contract is worth coin.";
        35 numeraire: u8 "0 coin, 1 USD.";
        40 valid_until_ns: u64 "Time after which the rows may not be hedged on, ns since the Unix epoch.";
    }
    /// Writes one row of the shadow bank.
    WriteRow = 17 {
        3 row_kind: u8 "0 empty, 1 call, 2 put, 3 constant, 4 range.";
        4 slot: u32 "Slot, within the underlying's range.";
        16 a: u32 "Option: 1/(sigma sqrt tau), 2^-18. Range: lower edge of e^-+x/2, 2^-29.";
        20 omega_delta: i32 "Delta weight of one lot, 2^-(kd + shift_delta) coin.";
        24 omega_gamma: i32 "Gamma weight of one lot, 2^-(kg + shift_gamma) coin.";
        28 omega_vega: i32 "Vega weight of one lot, 2^-(kv + shift_vega) coin.";
        32 b: i64 "Option: intercept of u = a x + b, 2^-34. Range: upper edge, 2^-29.";
        40 shift_delta: u8 "Right shift of quantity times omega_delta, to the nearest.";
        41 shift_gamma: u8 "Right shift of quantity times omega_gamma, to the nearest.";
        42 shift_vega: u8 "Right shift of quantity times omega_vega, to the nearest.";
        43 group: u8 "0 inverse (scaled by e^-x), 1 linear.";
    }
    /// Starts the build of the shadow ladder from the shadow bank.
    Build = 18 {
        16 centre: u32 "Price in the middle of the ladder, price units.";
        20 intervals: u32 "Intervals of the ladder, 2 to the kernel's size.";
        24 step_shift: u8 "log2 of the step, price units; 4 to 16.";
    }
    /// Makes the shadow bank and its ladder the active ones; waits for the build.
    Swap = 19 {}
    /// Market data of the hedge instrument and the reference price: the decision is taken now.
    Quote = 32 {
        3 flags: u8 "Bit 0: the book is not trusted. Bit 1: also answer with a risk event. Others 0.";
        4 feed_seq: u32 "Free-running sequence of the feed; an older one is refused.";
        16 bid: u32 "Best bid of the hedge instrument, price units; 0 none.";
        20 ask: u32 "Best ask of the hedge instrument, price units; 0 none.";
        24 bid_size: u32 "Size at the bid, contracts, saturating.";
        28 ask_size: u32 "Size at the ask, contracts, saturating.";
        32 price: u32 "Reference price, at which the Greeks are taken, price units.";
        36 hedge_price: u32 "Price of the hedge instrument, price units.";
        40 last_trade: u32 "Last trade of the hedge instrument, price units; 0 none.";
        48 feed_ns: u64 "When the venue sent it, ns since the Unix epoch.";
    }
    /// A fill of our own quote: the slot's quantity is now this, and the decision is taken now.
    Trade = 33 {
        4 slot: u32 "Slot, within the underlying's range.";
        16 quantity: i32 "New quantity of the slot, lots, positive long; below 2^30 in size.";
        24 cash: i64 "Coin cash in total after this trade, 2^-32 coin.";
    }
    /// What the venue said of a hedge order.
    OrderUpdate = 34 {
        3 status: u8 "0 open, 1 done (filled, cancelled or rejected), 2 unknown.";
        4 order_id: u32 "The order's id, from its hedge event.";
        16 filled: u64 "Contracts filled so far, in total.";
        24 coin: i64 "What its fills add to the coin constant so far, in total, 2^-32 coin.";
        32 cost: i64 "What its fills cost so far (fee and slippage), in total, 2^-32 coin.";
    }
    /// Time passes: the decision is taken again at the last quote.
    Time = 35 {
        3 flags: u8 "Bit 1: also answer with a risk event. Others 0.";
    }
}

/// Values of the coded fields.
pub mod code {
    /// `Control.action`: no order leaves any more.
    pub const DISARM: u8 = 0;
    /// `Control.action`: orders may leave.
    pub const ARM: u8 = 1;
    /// `Control.action`: hedge both ways.
    pub const NORMAL: u8 = 2;
    /// `Control.action`: only orders that make the position smaller.
    pub const REDUCE_ONLY: u8 = 3;
    /// `Control.action`: evaluate, but send nothing.
    pub const HALT: u8 = 4;
    /// `Control.action`: stop all underlyings until the kill is cleared.
    pub const KILL: u8 = 5;
    /// `Control.action`: clear the kill; everything stays disarmed.
    pub const CLEAR_KILL: u8 = 6;

    /// `WriteRow.row_kind`: contributes nothing.
    pub const EMPTY: u8 = 0;
    /// `WriteRow.row_kind`: a European call.
    pub const CALL: u8 = 1;
    /// `WriteRow.row_kind`: a European put.
    pub const PUT: u8 = 2;
    /// `WriteRow.row_kind`: a future or perpetual, constant in its group.
    pub const CONSTANT: u8 = 3;
    /// `WriteRow.row_kind`: AMM liquidity in a price range.
    pub const RANGE: u8 = 4;

    /// `WriteRow.group`: the sum is scaled by e^-x at the node.
    pub const GROUP_INVERSE: u8 = 0;
    /// `WriteRow.group`: the sum stands as it is.
    pub const GROUP_LINEAR: u8 = 1;

    /// `OpenBank.band_kind`: a constant half band.
    pub const BAND_FIXED: u8 = 0;
    /// `OpenBank.band_kind`: proportional to the size of gamma.
    pub const BAND_GAMMA: u8 = 1;
    /// `OpenBank.band_kind`: Whalley-Wilmott, the cube root of factor times gamma squared.
    pub const BAND_WHALLEY_WILMOTT: u8 = 2;

    /// `OpenBank.hedge_kind`: a contract is worth a number of USD.
    pub const HEDGE_INVERSE: u8 = 0;
    /// `OpenBank.hedge_kind`: a contract is worth a number of coins.
    pub const HEDGE_LINEAR: u8 = 1;

    /// `OpenBank.numeraire`: wealth is counted in coin.
    pub const NUMERAIRE_COIN: u8 = 0;
    /// `OpenBank.numeraire`: wealth is counted in USD.
    pub const NUMERAIRE_USD: u8 = 1;

    /// `Quote.flags`: the book behind the quote is not trusted.
    pub const QUOTE_UNTRUSTED: u8 = 1;
    /// `Quote.flags` and `Time.flags`: answer with a risk event too.
    pub const WANT_RISK: u8 = 2;

    /// `SetStatus.oracle`: good.
    pub const ORACLE_GOOD: u8 = 0;
    /// `SetStatus.oracle`: degraded, reduce only.
    pub const ORACLE_DEGRADED: u8 = 1;
    /// `SetStatus.oracle`: rejected, no hedging.
    pub const ORACLE_REJECTED: u8 = 2;

    /// `OrderUpdate.status`: the order is working.
    pub const ORDER_OPEN: u8 = 0;
    /// `OrderUpdate.status`: nothing of it can fill any more.
    pub const ORDER_DONE: u8 = 1;
    /// `OrderUpdate.status`: nobody knows; whatever is open of it may still fill.
    pub const ORDER_UNKNOWN: u8 = 2;
}

impl core::fmt::Debug for Command {
    /// Field by field, by the table of its kind.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        describe(f, &self.0, LAYOUTS, "Command")
    }
}
