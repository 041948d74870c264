//! The records that travel on wires between blocks: one source for every width.
//!
//! RustHDL wants unsigned fields, so a signed quantity is held as its two's complement and cast where
//! it is used; `signed N` in a comment says so. Widths follow from the limits in `hedgewire_abi::format`; the
//! names are those of the kernel.

use rust_hdl::prelude::*;

use crate::signal::U;

/// The eight words of a command or an event.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Words {
    pub w0: U<64>,
    pub w1: U<64>,
    pub w2: U<64>,
    pub w3: U<64>,
    pub w4: U<64>,
    pub w5: U<64>,
    pub w6: U<64>,
    pub w7: U<64>,
}

/// `hedgewire_abi::command::Quote`, without its header.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Quote {
    pub flags: U<8>,
    pub feed_seq: U<32>,
    pub bid: U<32>,
    pub ask: U<32>,
    pub bid_size: U<32>,
    pub ask_size: U<32>,
    pub price: U<32>,
    pub hedge_price: U<32>,
    pub last_trade: U<32>,
    pub feed_ns: U<64>,
}

/// `SetTrigger`, checked.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Trigger {
    /// At most 2^16.
    pub theta: U<17>,
    /// At most 2^20.
    pub band_scale_buy: U<21>,
    pub band_scale_sell: U<21>,
    pub clip_min: U<32>,
    /// At most 2^26.
    pub clip_max: U<27>,
    /// At most 2^43.
    pub band_min: U<44>,
    pub band_max: U<44>,
}

/// `SetPriceLimits`, checked.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct PriceLimits {
    pub width_max_bp: U<32>,
    /// At most 2^61, like the other durations.
    pub quote_age_max_ns: U<62>,
    pub cool_down_ns: U<62>,
    pub duplicate_window_ns: U<62>,
    pub collar_bp: U<32>,
    pub collar_last_bp: U<32>,
    pub size_min: U<32>,
    pub cross: U<32>,
}

/// `SetSizeLimits`, checked.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct SizeLimits {
    pub order_max: U<27>,
    pub band_emergency: U<44>,
    pub position_max: U<37>,
    pub gross_max: U<37>,
    pub notional_max: U<64>,
}

/// `SetRateLimits`, checked.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimits {
    pub order_interval_ns: U<62>,
    pub order_burst_ns: U<62>,
    /// Signed 64.
    pub loss_max: U<64>,
    pub hedges_per_minute: U<32>,
    pub attempts_max: U<32>,
    pub open_orders_max: U<5>,
}

/// `SetStatus`, checked.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Status {
    pub oracle: U<2>,
    pub restricted: Bit,
    pub margin_buy: U<37>,
    pub margin_sell: U<37>,
    pub own_bid: U<32>,
    pub own_ask: U<32>,
}

/// `OpenBank`, checked: `hedgewire_kernel::bank::Scale`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Scale {
    pub bank_id: U<16>,
    pub price_ref: U<32>,
    /// kd, signed 8.
    pub delta_bits: U<8>,
    /// kg, signed 8.
    pub gamma_bits: U<8>,
    /// kv, signed 8.
    pub vega_bits: U<8>,
    /// At least 2^31.
    pub contract_scale: U<32>,
    /// At most 120.
    pub contract_shift: U<7>,
    pub linear_hedge: Bit,
    pub usd: Bit,
    pub band_kind: U<2>,
    pub band_factor: U<32>,
    /// At most 60.
    pub band_shift: U<6>,
    pub valid_until_ns: U<64>,
}

/// What a decision needs of an underlying and its active bank, and only a slow command can change.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Setup {
    pub bank_id: U<16>,
    pub contract_scale: U<32>,
    pub contract_shift: U<7>,
    pub linear_hedge: Bit,
    /// Whether the position counts as contracts (`Scale::counts_contracts`).
    pub counts_contracts: Bit,
    pub valid_until_ns: U<64>,
    /// Counted coin less target, ladder units, signed 63.
    pub offset: U<63>,
    pub coin_out_of_range: Bit,
    pub weights_out_of_range: Bit,
    pub is_armed: Bit,
    /// 0 normal, 1 reduce only, 2 halt.
    pub mode: U<2>,
}

/// `hedgewire_kernel::ledger::Ledger` without its orders.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Signed 38: at most 2^36 in size.
    pub position: U<38>,
    /// Signed 63, like `cost`.
    pub hedge_coin: U<63>,
    pub cost: U<63>,
    /// Sixteen orders of at most 2^26: below 2^31, like the three that follow.
    pub open_buy: U<31>,
    pub open_sell: U<31>,
    pub unknown_buy: U<31>,
    pub unknown_sell: U<31>,
    pub open_count: U<5>,
    pub is_reconciled: Bit,
    pub ledger_seq: U<32>,
    pub attempts: U<32>,
    pub next_id: U<32>,
    /// Bit `i`: something of the order in slot `i` may still fill.
    pub busy: U<16>,
}

/// One order of the ledger.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Order {
    pub id: U<32>,
    /// 0 free, 1 sent, 2 open, 3 unknown, 4 done.
    pub state: U<3>,
    /// 0 buy, 1 sell.
    pub side: Bit,
    /// At most 2^26.
    pub quantity: U<27>,
    /// At most 2^36.
    pub filled: U<37>,
    /// Signed 63, like `cost`.
    pub coin: U<63>,
    pub cost: U<63>,
}

/// `hedgewire_kernel::trigger::Pace`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    pub last_hedge_ns: U<64>,
    pub has_hedged: Bit,
    pub budget_whole_ns: U<64>,
    pub minute_start_ns: U<64>,
    pub minute_count: U<32>,
    pub last_side: Bit,
    pub last_quantity: U<27>,
    pub last_price: U<32>,
    pub last_ledger_seq: U<32>,
}

/// What a command is answered with, beside its outcome.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Meta {
    pub kind: U<8>,
    pub underlying: U<8>,
    pub now_ns: U<64>,
    pub command_seq: U<64>,
    /// Not 0: refused before any decision; passes the pipeline unchanged.
    pub reason: U<8>,
    /// The Greeks come from an exact pass.
    pub is_exact: Bit,
    /// A risk event follows.
    pub want_risk: Bit,
}

/// `hedgewire_kernel::trigger::Decision`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// 0: an order goes out.
    pub reason: U<8>,
    /// Signed 64.
    pub exposure: U<64>,
    /// Signed 64.
    pub band: U<64>,
    /// Signed 64.
    pub quantity: U<64>,
    pub limit_price: U<32>,
    pub order_id: U<32>,
    pub is_urgent: Bit,
    pub bank_id: U<16>,
}

/// A row in a lane: place, and weights (or, for an update, by how much they change).
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Row {
    /// `code::EMPTY`, `CALL`, `PUT`, `CONSTANT` or `RANGE`.
    pub kind: U<3>,
    pub linear: Bit,
    /// Option: slope of u, 2^-18. Range: lower edge, 2^-29.
    pub a: U<32>,
    /// Signed 48, as on the wire. Option: intercept of u, 2^-34. Range: upper edge, 2^-29.
    pub b: U<48>,
    /// Signed 33, like the two that follow.
    pub delta: U<33>,
    pub gamma: U<33>,
    pub vega: U<33>,
}

/// Weights of a row in a lane, or by how much they change; signed.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Change {
    pub delta: U<33>,
    pub gamma: U<33>,
    pub vega: U<33>,
}

/// `hedgewire_kernel::elementary::Ratios`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Ratios {
    /// Signed 32, 2^-32.
    pub x: U<32>,
    /// 2^-31.
    pub inverse: U<32>,
    /// 2^-29.
    pub half_down: U<32>,
    /// 2^-29.
    pub half_up: U<32>,
}

/// What one row adds at one price: `hedgewire_kernel::row::Sums` and its group.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Contribution {
    pub linear: Bit,
    /// Signed 64, like the two that follow.
    pub delta: U<64>,
    pub gamma: U<64>,
    pub vega: U<64>,
}

/// `hedgewire_kernel::row::GroupSums`, every field signed 64.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    pub inverse_delta: U<64>,
    pub inverse_gamma: U<64>,
    pub inverse_vega: U<64>,
    pub linear_delta: U<64>,
    pub linear_gamma: U<64>,
    pub linear_vega: U<64>,
}

/// A node of a ladder: `hedgewire_kernel::ladder::Node`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Node {
    pub sums: Sums,
    pub at: Ratios,
    /// 2^-40, below 2^34.
    pub step_ratio: U<34>,
    /// The edge of a range row lies between this node and the one before.
    pub edge_before: Bit,
}

/// `hedgewire_kernel::ladder::NodeValue`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeValue {
    /// Signed 44.
    pub delta: U<44>,
    /// Signed 44.
    pub slope: U<44>,
    /// Signed 48.
    pub gamma: U<48>,
    /// Signed 44.
    pub vega: U<44>,
    pub saturated: Bit,
    /// As in `Node`.
    pub edge_before: Bit,
}

/// What the error bound of an interval takes from a node.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Knot {
    /// Signed 44.
    pub delta: U<44>,
    /// Signed 44.
    pub slope: U<44>,
}

/// `hedgewire_kernel::ladder::Interval`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// Signed 44.
    pub c0: U<44>,
    /// Signed 44.
    pub c1: U<44>,
    /// Signed 48: at most 9 2^43 in size.
    pub c2: U<48>,
    /// Signed 47: at most 6 2^43 in size.
    pub c3: U<47>,
    /// Signed 44.
    pub vega: U<44>,
    /// Signed 45.
    pub vega_rise: U<45>,
    /// Half band, capped at `BAND_MAX` (2^43): nobody looks above it.
    pub band: U<44>,
    /// All ones: an exact pass must answer.
    pub error: U<32>,
}

/// What an exact pass answers with.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct ExactGreeks {
    /// Signed 44.
    pub delta: U<44>,
    /// Signed 48.
    pub gamma: U<48>,
    /// Signed 44.
    pub vega: U<44>,
    /// Capped at `BAND_MAX`.
    pub band: U<44>,
}

/// `Configure`; its slots are checked against the others' by the sequencer.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Configure {
    pub first_slot: U<32>,
    pub slot_count: U<32>,
    pub exact_mode: Bit,
}

/// `SetTarget`, checked.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Target {
    /// Signed 63, like `cash`.
    pub target: U<63>,
    pub cash: U<63>,
}

/// `Reconcile`, checked.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Reconciliation {
    /// Signed 38.
    pub position: U<38>,
    /// Signed 63.
    pub hedge_coin: U<63>,
}

/// `Control`, checked.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Control {
    pub action: U<3>,
}

/// `Build`; the number of intervals is checked against the card's size by the sequencer.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Build {
    pub centre: U<32>,
    pub intervals: U<32>,
    /// 4 to 16.
    pub step_shift: U<5>,
}

/// `Trade`, checked.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Trade {
    pub slot: U<32>,
    /// Signed 32, below 2^30 in size.
    pub quantity: U<32>,
    /// Signed 63.
    pub cash: U<63>,
}

/// `OrderUpdate`: its amounts are what the venue said, at the width of the wire.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct OrderUpdate {
    pub status: U<8>,
    pub order_id: U<32>,
    pub filled: U<64>,
    /// Signed 64, like `cost`.
    pub coin: U<64>,
    pub cost: U<64>,
}

/// `WriteRow`, checked: `hedgewire_kernel::bank::RowSpec` without its weights.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Spec {
    /// As in `Row`, like the three that follow.
    pub kind: U<3>,
    pub linear: Bit,
    pub a: U<32>,
    pub b: U<48>,
    /// Weights of one lot, signed 32.
    pub omega_delta: U<32>,
    pub omega_gamma: U<32>,
    pub omega_vega: U<32>,
    /// At most 62.
    pub shift_delta: U<6>,
    pub shift_gamma: U<6>,
    pub shift_vega: U<6>,
}

/// Weights of a row at its present quantity, signed 32, never the least value.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights {
    pub delta: U<32>,
    pub gamma: U<32>,
    pub vega: U<32>,
}

/// `hedgewire_kernel::bank::Bank`, without its scale and its rows.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct BankState {
    /// 0 closed, 1 open, 2 active.
    pub stage: U<2>,
    /// Slots written since the bank was opened.
    pub written: U<21>,
    /// Rows whose `a` is at its limit.
    pub saturated: U<21>,
    pub out_of_range: Bit,
    /// Signed 64, 2^-(kd + 29) coin, like the next.
    pub constant_inverse: U<64>,
    pub constant_linear: U<64>,
    /// Below 2^34, like the two that follow.
    pub gross_delta: U<35>,
    pub gross_gamma: U<35>,
    pub gross_vega: U<35>,
}
