//! What came of a replay: figures for people and programs, and curves for the report.
//!
//! Invariant: everything but the latencies is a function of capture and plan.

use std::collections::BTreeMap;

use hedgewire_abi::format::PRICE_BITS;
use serde::Serialize;

use crate::capture::{CaptureError, Skipped};
use crate::compiler::{HedgeInstrument, Ladder};
use crate::config::UnderlyingPlan;
use crate::deribit::legacy::{ChannelSequence, MessageCounts};
use crate::driver::{Counts, Latencies, Stage};
use crate::fills::HedgeAccount;
use crate::instrument::Payoff;

/// Names of the templates from 1000 on, as in reports; 1002 stands apart, because one message can
/// carry several trades.
const TEMPLATE_NAMES: [(u16, &str); 11] = [
    (1000, "instrument"),
    (1001, "book"),
    (1002, "trade_messages"),
    (1003, "ticker"),
    (1004, "snapshot"),
    (1005, "snapshot_start"),
    (1006, "snapshot_end"),
    (1007, "combo_legs"),
    (1008, "price_index"),
    (1009, "rfq"),
    (1010, "tiered_instrument"),
];

/// Latencies of a stage, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LatencySummary {
    /// Measurements.
    pub count: u64,
    /// Median.
    pub p50: u64,
    /// 99 of 100 are at most this.
    pub p99: u64,
    /// 999 of 1000 are at most this.
    pub p999: u64,
    /// The largest.
    pub max: u64,
}

/// The figures of a replay.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReplaySummary {
    /// Datagrams of the capture.
    pub packets: u64,
    /// Datagrams that contradict their own lengths.
    pub framing_errors: u64,
    /// Gaps in the packet numbers of the channels.
    pub gaps: u64,
    /// Packets missing in those gaps that did not come later.
    pub lost_packets: u64,
    /// Packets that came twice.
    pub duplicate_packets: u64,
    /// Packets that hold no complete, timed UDP datagram.
    pub skipped_packets: u64,
    /// Channels with packets.
    pub channels: u64,
    /// Messages by kind; `trades` counts trades, `trade_messages` the messages that carry them.
    pub messages: BTreeMap<&'static str, u64>,
    /// Time from the first packet to the last, s.
    pub duration_s: f64,
    /// What ended the capture before its end.
    pub capture_error: Option<String>,
    /// Commands given to the kernel.
    pub commands: u64,
    /// Quotes given to the kernel.
    pub quotes: u64,
    /// Fills of the desk's own quotes.
    pub own_fills: u64,
    /// Banks compiled and swapped in.
    pub banks: u64,
    /// Quotes, fills and ticks of time on which a decision was taken.
    pub decisions: u64,
    /// Hedge orders.
    pub hedges: u64,
    /// Faults of the kernel.
    pub faults: u64,
    /// Decisions not to trade and commands refused, by reason.
    pub refusals: BTreeMap<&'static str, u64>,
    /// Latencies by stage.
    pub latency_ns: BTreeMap<&'static str, LatencySummary>,
    /// The underlyings, in order of their index.
    pub underlyings: Vec<UnderlyingSummary>,
}

impl ReplaySummary {
    pub(super) fn new(messages: &MessageCounts, answers: &Counts, latencies: &Latencies) -> Self {
        let mut by_kind: BTreeMap<_, _> =
            TEMPLATE_NAMES.iter().map(|&(template, name)| (name, messages.of(template))).collect();
        by_kind.insert("trades", messages.trades);
        by_kind.insert("unknown", messages.unknown_templates + messages.unknown_schemas);
        let refusals = answers.refusals_by_reason().map(|(reason, count)| (reason.name(), count));
        Self {
            framing_errors: messages.framing_errors,
            messages: by_kind,
            commands: answers.commands,
            decisions: answers.decisions,
            hedges: answers.hedges,
            faults: answers.faults,
            refusals: refusals.collect(),
            latency_ns: Stage::ALL.into_iter().map(|stage| (stage.name(), latency(latencies, stage))).collect(),
            ..Self::default()
        }
    }

    pub(super) fn add_capture(
        &mut self,
        packets: u64,
        first_ns: u64,
        last_ns: u64,
        sequences: &BTreeMap<u16, ChannelSequence>,
        skipped: &Skipped,
        error: Option<&CaptureError>,
    ) {
        self.packets = packets;
        self.gaps = sequences.values().map(|sequence| sequence.gaps).sum();
        self.lost_packets = sequences.values().map(ChannelSequence::lost_packets).sum();
        self.duplicate_packets = sequences.values().map(|sequence| sequence.duplicates).sum();
        self.skipped_packets = skipped.total();
        self.channels = sequences.len() as u64;
        self.duration_s = (last_ns - first_ns) as f64 / 1e9;
        self.capture_error = error.map(CaptureError::to_string);
    }

    pub(super) fn add_underlyings(&mut self, results: &[UnderlyingResult]) {
        self.quotes = results.iter().map(|result| result.quotes).sum();
        self.own_fills = results.iter().map(|result| result.own_fills).sum();
        self.banks = results.iter().map(|result| result.banks).sum();
        self.underlyings = results.iter().map(UnderlyingResult::summary).collect();
    }
}

fn latency(latencies: &Latencies, stage: Stage) -> LatencySummary {
    let histogram = latencies.of(stage);
    LatencySummary {
        count: histogram.len(),
        p50: histogram.value_at_quantile(0.5),
        p99: histogram.value_at_quantile(0.99),
        p999: histogram.value_at_quantile(0.999),
        max: histogram.max(),
    }
}

/// The figures of one underlying.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnderlyingSummary {
    /// Coin.
    pub coin: String,
    /// Name of the hedge instrument.
    pub hedge_instrument: String,
    /// Instruments held.
    pub holdings: u64,
    /// Quotes given to the kernel.
    pub quotes: u64,
    /// Fills of the desk's own quotes.
    pub own_fills: u64,
    /// Public trades that were the desk's by rule, but too small or beyond its limit.
    pub own_fills_passed: u64,
    /// Banks compiled and swapped in.
    pub banks: u64,
    /// Banks that could not be had; the one before stayed in use.
    pub banks_failed: u64,
    /// Why, of the first of them.
    pub bank_error: Option<String>,
    /// Largest error bound of a ladder's intervals, contracts.
    pub error_bound_contracts: f64,
    /// Finest step of a ladder, ticks: the configured one, unless a steep option needed a finer one.
    pub ladder_step_ticks: f64,
    /// Most options of a bank that were too steep for the step of its ladder.
    pub steep_rows: u32,
    /// Hedge orders.
    pub hedges: u64,
    /// Contracts traded.
    pub traded_contracts: u64,
    /// Position at the end, contracts, positive long.
    pub position_contracts: i64,
    /// Orders still working at the end.
    pub open_orders: u64,
    /// Price of the hedge instrument at the end, USD.
    pub price_usd: f64,
    /// Currency of the amounts below: the coin for inverse hedges, USD for linear ones.
    pub currency: String,
    /// Profit of the hedges at that price, before fees.
    pub hedge_profit: f64,
    /// Fees.
    pub fees: f64,
    /// Paid above the price at the decisions.
    pub slippage: f64,
}

/// One point of an underlying's curves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Time, ns since 1970 UTC.
    pub time_ns: u64,
    /// Price of the hedge instrument, USD.
    pub price_usd: f64,
    /// Net exposure against the target before the decision, contracts.
    pub exposure_contracts: f64,
    /// Half width of the band on the side of the exposure, contracts.
    pub band_contracts: f64,
    /// Position of the hedge instrument, contracts.
    pub position_contracts: i64,
    /// Fees and slippage so far, coin.
    pub cost_coin: f64,
    /// Profit of the hedges so far less fees, in the currency of their settlement.
    pub hedge_profit: f64,
    /// Delta of the rows, coin; of sampled quotes only.
    pub delta_coin: Option<f64>,
    /// Change of that delta per unit of log price, coin; of sampled quotes only.
    pub gamma_coin: Option<f64>,
    /// Vega of the rows, coin per 1.00 of vol; of sampled quotes only.
    pub vega_coin: Option<f64>,
}

/// One hedge order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HedgeRecord {
    /// Time, ns since 1970 UTC.
    pub time_ns: u64,
    /// The order's id.
    pub order_id: u32,
    /// Contracts, positive to buy.
    pub contracts: i64,
    /// Limit price, USD.
    pub limit_usd: f64,
    /// Price of the hedge instrument, USD.
    pub price_usd: f64,
    /// Net exposure that caused it, contracts.
    pub exposure_contracts: f64,
    /// Half width of the band, contracts.
    pub band_contracts: f64,
}

/// Curves, hedges and account of one underlying.
#[derive(Debug, Clone, PartialEq)]
pub struct UnderlyingResult {
    /// Coin.
    pub coin: String,
    /// Name of the hedge instrument.
    pub hedge_name: String,
    /// The hedge instrument.
    pub hedge: HedgeInstrument,
    /// Points, at most one per sampling interval and one per hedge.
    pub points: Vec<Point>,
    /// Hedges, in order.
    pub hedges: Vec<HedgeRecord>,
    /// What the hedges came to.
    pub account: HedgeAccount,
    /// What is held at the end: name and quantity, in coin, USD (inverse futures) or ranges.
    pub holdings: Vec<(String, f64)>,
    /// Price of the hedge instrument at the end, USD; 0 if there was none.
    pub price_usd: f64,
    /// Quotes given to the kernel.
    pub quotes: u64,
    /// Fills of the desk's own quotes.
    pub own_fills: u64,
    /// Public trades that were the desk's by rule, but too small or beyond its limit.
    pub own_fills_passed: u64,
    /// Banks compiled and swapped in.
    pub banks: u64,
    /// Banks that could not be had; the one before stayed in use.
    pub banks_failed: u64,
    /// Why, of the first of them.
    pub bank_error: Option<String>,
    /// Largest error bound of a ladder's intervals, contracts.
    pub error_bound_contracts: f64,
    /// log2 of the finest step of a ladder, price units.
    pub step_shift: u8,
    /// Most options of a bank that were too steep for the step of its ladder.
    pub steep_rows: u32,
    /// Orders still working at the end.
    pub open_orders: usize,
}

impl UnderlyingResult {
    pub(super) fn new(plan: &UnderlyingPlan) -> Self {
        let hedge = plan.compiler.hedge;
        Self {
            coin: plan.coin.clone(),
            hedge_name: plan.hedge_name.clone(),
            hedge,
            points: Vec::new(),
            hedges: Vec::new(),
            account: HedgeAccount::new(&hedge),
            holdings: Vec::new(),
            price_usd: 0.0,
            quotes: 0,
            own_fills: 0,
            own_fills_passed: 0,
            banks: 0,
            banks_failed: 0,
            bank_error: None,
            error_bound_contracts: 0.0,
            step_shift: plan.ladder.step_shift,
            steep_rows: 0,
            open_orders: 0,
        }
    }

    /// Takes note of the ladder of a bank that is in use now.
    pub(super) fn note_ladder(&mut self, ladder: Ladder, steep_rows: u32) {
        self.step_shift = self.step_shift.min(ladder.step_shift);
        self.steep_rows = self.steep_rows.max(steep_rows);
    }

    fn summary(&self) -> UnderlyingSummary {
        let profit = if self.price_usd > 0.0 { self.account.profit(self.price_usd) } else { 0.0 };
        UnderlyingSummary {
            coin: self.coin.clone(),
            hedge_instrument: self.hedge_name.clone(),
            holdings: self.holdings.len() as u64,
            quotes: self.quotes,
            own_fills: self.own_fills,
            own_fills_passed: self.own_fills_passed,
            banks: self.banks,
            banks_failed: self.banks_failed,
            bank_error: self.bank_error.clone(),
            error_bound_contracts: self.error_bound_contracts,
            ladder_step_ticks: f64::from(1u32 << self.step_shift) / f64::from(1u32 << PRICE_BITS),
            steep_rows: self.steep_rows,
            hedges: self.hedges.len() as u64,
            traded_contracts: self.account.traded_contracts,
            position_contracts: self.account.position_contracts,
            open_orders: self.open_orders as u64,
            price_usd: self.price_usd,
            currency: match self.hedge.payoff {
                Payoff::Inverse => self.coin.clone(),
                Payoff::Linear => "USD".to_owned(),
            },
            hedge_profit: profit,
            fees: self.account.fees,
            slippage: self.account.slippage,
        }
    }
}
