//! What is left of an option's profit after hedging it alone over one interval.

use std::collections::BTreeMap;

use hedgewire_kernel::Form;
use serde::Serialize;

use super::{BacktestError, History};
use crate::chain::ChainRow;
use crate::greeks::{Greeks, compare};
use crate::instrument::Right;

/// Longest time between two snapshots that count as consecutive, ns.
const GAP_MAX_NS: u64 = 12 * 3600 * 1_000_000_000;
/// Shortest and longest time to expiry, years: a week and six months.
const TAU_YEARS: (f64, f64) = (7.0 / 365.0, 183.0 / 365.0);
/// Furthest strike, |ln K/F|.
const MONEYNESS_MAX: f64 = 0.25;

/// Standard deviations of one kind of option, coin per option and interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ResidualSd {
    /// Without a hedge.
    pub unhedged: f64,
    /// Hedged with the net transaction delta of the kernel.
    pub ntd: f64,
    /// Hedged with the Black-Scholes delta, as venues publish it.
    pub bs: f64,
}

/// Residuals of all kinds.
pub struct Residuals {
    /// Option intervals measured.
    pub intervals: usize,
    /// By kind: `BTC_call` and so on.
    pub sd: BTreeMap<String, ResidualSd>,
}

/// Sums of squares and of values, for three standard deviations.
#[derive(Default)]
struct Moments {
    count: f64,
    sum: [f64; 3],
    square: [f64; 3],
}

impl Moments {
    fn add(&mut self, values: [f64; 3]) {
        self.count += 1.0;
        for (i, value) in values.into_iter().enumerate() {
            self.sum[i] += value;
            self.square[i] += value * value;
        }
    }

    fn sd(&self) -> ResidualSd {
        let sd = |i: usize| {
            let mean = self.sum[i] / self.count;
            (self.square[i] / self.count - mean * mean).max(0.0).sqrt()
        };
        ResidualSd { unhedged: sd(0), ntd: sd(1), bs: sd(2) }
    }
}

/// Measures all consecutive pairs of snapshots.
pub fn measure(history: &History, form: Form) -> Result<Residuals, BacktestError> {
    let mut by_kind: BTreeMap<String, Moments> = BTreeMap::new();
    for (at, pair) in history.snapshots.windows(2).enumerate() {
        if pair[1].time_ns.saturating_sub(pair[0].time_ns) > GAP_MAX_NS {
            continue;
        }
        let greeks: BTreeMap<String, Greeks> =
            compare(&pair[0], form, None)?.into_iter().map(|option| (option.name, option.kernel)).collect();
        for coin in ["BTC", "ETH"] {
            let later = history.by_name(at + 1, coin);
            for (name, row) in history.by_name(at, coin) {
                let Some((greeks, next)) = greeks.get(&name).zip(later.get(&name)) else { continue };
                if let Some(residual) = residual(row, next, greeks) {
                    let right = if row.option.right == Right::Call { "call" } else { "put" };
                    by_kind.entry(format!("{coin}_{right}")).or_default().add(residual);
                }
            }
        }
    }
    let intervals = by_kind.values().map(|moments| moments.count as usize).sum();
    Ok(Residuals { intervals, sd: by_kind.iter().map(|(kind, moments)| (kind.clone(), moments.sd())).collect() })
}

/// Profit of one option over the interval: unhedged, and hedged with each delta, coin. A delta `D`
/// in coin is hedged by `N = -D F0` USD of the inverse future, which earns `-D (1 - F0/F1)` coin.
fn residual(row: &ChainRow, next: &ChainRow, greeks: &Greeks) -> Option<[f64; 3]> {
    let (forward, forward_next) = (row.forward_usd?, next.forward_usd?);
    let tau_years = row.tau_years?;
    let is_near = (row.option.strike_usd / forward).ln().abs() <= MONEYNESS_MAX;
    if !(is_near && (TAU_YEARS.0..=TAU_YEARS.1).contains(&tau_years)) {
        return None;
    }
    let profit = next.mark? - row.mark?;
    let hedge = |delta: f64| profit - delta * (1.0 - forward / forward_next);
    Some([profit, hedge(greeks.net_transaction_delta), hedge(greeks.delta)])
}
