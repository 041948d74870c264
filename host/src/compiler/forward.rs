//! The forward of each expiry, from the best source there is.
//!
//! ```text
//!   mark of the dated future of that expiry
//!        └─ none ──► put-call parity of that expiry's quotes, a median
//!                         └─ fewer than three strikes ──► the perpetual, flagged
//! ```
//!
//! Parity (European options, no discounting): inverse options in coin, `C - P = 1 - K/F`; linear
//! options in USD, `C - P = F - K`.

use std::collections::BTreeMap;

use crate::chain::ChainRow;
use crate::instrument::{Payoff, Right};

/// Fewest strikes that parity is believed from.
const PAIRS_MIN: usize = 3;
/// Widest interval of a strike, high over low: one that is wider says less than the perpetual does.
const WIDTH_MAX: f64 = 1.05;

/// Where a forward comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardSource {
    /// The dated future of that expiry.
    Future,
    /// Put-call parity.
    Parity {
        /// Strikes that it was taken over.
        pairs: usize,
    },
    /// The perpetual, for want of anything better: the basis is taken for zero.
    Perpetual,
}

/// A forward and its source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forward {
    /// Price, USD.
    pub price_usd: f64,
    /// Where it comes from.
    pub source: ForwardSource,
}

/// Forwards of all expiries of a coin that have options or a dated future, by expiry.
///
/// `futures_usd` are the marks of dated futures by expiry (`FuturesPrices::term_usd`). An expiry
/// that no source covers is left out.
pub fn forwards<'a>(
    underlying: &str,
    rows: impl Iterator<Item = &'a ChainRow>,
    futures_usd: &BTreeMap<u64, f64>,
    perpetual_usd: Option<f64>,
) -> BTreeMap<u64, Forward> {
    let mut by_expiry: BTreeMap<u64, Vec<&ChainRow>> = BTreeMap::new();
    for row in rows.filter(|row| row.option.underlying == underlying) {
        by_expiry.entry(row.option.expiry_ns).or_default().push(row);
    }
    for &expiry_ns in futures_usd.keys() {
        by_expiry.entry(expiry_ns).or_default();
    }
    let forward = |expiry_ns: u64, rows: &[&ChainRow]| {
        let future = futures_usd.get(&expiry_ns).map(|&price_usd| Forward { price_usd, source: ForwardSource::Future });
        let perpetual = || perpetual_usd.map(|price_usd| Forward { price_usd, source: ForwardSource::Perpetual });
        future.or_else(|| parity_forward(rows)).or_else(perpetual)
    };
    by_expiry.iter().filter_map(|(&expiry_ns, rows)| Some((expiry_ns, forward(expiry_ns, rows)?))).collect()
}

/// Where put and call of one strike allow the forward to be, USD.
#[derive(Clone, Copy)]
struct Bounds {
    low_usd: f64,
    high_usd: f64,
}

/// The forward that put-call parity gives for options of one expiry; `None` with fewer than three
/// strikes whose two-sided quotes of call and put leave it at most 5 % open.
///
/// The quotes of a strike leave an interval: buying the call and selling the put, or the reverse,
/// must not be free money. The result is the median of all interval ends, which is the point with
/// the least sum of distances to the intervals: the middle of what all of them allow if they meet,
/// and unmoved by a few stale quotes if they do not.
pub fn parity_forward(rows: &[&ChainRow]) -> Option<Forward> {
    let bounds = bounds(rows);
    let pairs = bounds.len();
    if pairs < PAIRS_MIN {
        return None;
    }
    let mut ends: Vec<f64> = bounds.iter().flat_map(|bounds| [bounds.low_usd, bounds.high_usd]).collect();
    ends.sort_by(f64::total_cmp);
    let price_usd = 0.5 * (ends[pairs - 1] + ends[pairs]);
    Some(Forward { price_usd, source: ForwardSource::Parity { pairs } })
}

#[derive(Clone, Copy)]
struct Quote {
    bid: f64,
    ask: f64,
}

#[derive(Default)]
struct Pair {
    call: Option<Quote>,
    put: Option<Quote>,
}

fn bounds(rows: &[&ChainRow]) -> Vec<Bounds> {
    // Positive floats sort by their bits, which makes a strike a key.
    let mut pairs: BTreeMap<(Payoff, u64), Pair> = BTreeMap::new();
    for row in rows {
        let pair = pairs.entry((row.option.payoff, row.option.strike_usd.to_bits())).or_default();
        match row.option.right {
            Right::Call => pair.call = two_sided(row),
            Right::Put => pair.put = two_sided(row),
        }
    }
    let mut all = Vec::new();
    for ((payoff, strike), pair) in pairs {
        let (Some(call), Some(put)) = (pair.call, pair.put) else { continue };
        let at = |difference| parity(payoff, f64::from_bits(strike), difference);
        let (Some(low_usd), Some(high_usd)) = (at(call.bid - put.ask), at(call.ask - put.bid)) else { continue };
        if low_usd > 0.0 && high_usd <= low_usd * WIDTH_MAX {
            all.push(Bounds { low_usd, high_usd });
        }
    }
    all
}

/// The forward at which a call is worth `difference` more than the put of the same strike.
fn parity(payoff: Payoff, strike_usd: f64, difference: f64) -> Option<f64> {
    match payoff {
        Payoff::Linear => Some(strike_usd + difference),
        Payoff::Inverse => (difference < 1.0).then(|| strike_usd / (1.0 - difference)),
    }
}

/// A quote with both sides, not crossed.
fn two_sided(row: &ChainRow) -> Option<Quote> {
    let (bid, ask) = (row.bid?, row.ask?);
    (bid > 0.0 && ask >= bid).then_some(Quote { bid, ask })
}
