//! What the compiler knows of the market of one coin: price, forwards and smiles.
//!
//! Invariant: a [`Smile`]'s points have rising strikes, all positive, and positive vols.

use std::collections::BTreeMap;

use crate::chain::ChainRow;
use crate::compiler::Forward;

/// The market of one coin at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Market {
    /// Coin, as in `BTC`.
    pub underlying: String,
    /// The time, ns since the Unix epoch.
    pub now_ns: u64,
    /// Price of the hedge instrument or index, USD: rows are compiled at it and most exact near it.
    pub price_ref_usd: f64,
    /// By expiry, ns since the Unix epoch.
    pub expiries: BTreeMap<u64, ExpiryMarket>,
}

/// The market of one expiry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExpiryMarket {
    /// Forward, USD.
    pub forward_usd: f64,
    /// Vols by strike.
    pub smile: Smile,
    /// Change of all vols of this expiry per USD of price, for `SkewRule::Explicit`.
    pub dvol_dprice: f64,
}

/// Vols by strike, linear in log strike between points and flat beyond them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Smile {
    points: Vec<(f64, f64)>,
}

impl Market {
    /// A market with the given forwards and, as smiles, the mark vols of a chain. Expiries without a
    /// forward are left out.
    pub fn from_chain<'a>(
        underlying: &str,
        now_ns: u64,
        price_ref_usd: f64,
        rows: impl Iterator<Item = &'a ChainRow>,
        forwards: &BTreeMap<u64, Forward>,
    ) -> Self {
        let mut points: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
        for row in rows.filter(|row| row.option.underlying == underlying) {
            let of_expiry = points.entry(row.option.expiry_ns).or_default();
            of_expiry.extend(row.vol.map(|vol| (row.option.strike_usd, vol)));
        }
        let expiries = forwards.iter().map(|(&expiry_ns, forward)| {
            let smile = Smile::new(points.remove(&expiry_ns).unwrap_or_default());
            (expiry_ns, ExpiryMarket { forward_usd: forward.price_usd, smile, dvol_dprice: 0.0 })
        });
        Self { underlying: underlying.to_owned(), now_ns, price_ref_usd, expiries: expiries.collect() }
    }
}

impl Smile {
    /// A smile through points (strike in USD, vol per root year), in any order. Points that are not
    /// positive and finite are dropped; several vols of one strike, such as those of call and put,
    /// are averaged.
    pub fn new(mut points: Vec<(f64, f64)>) -> Self {
        let is_positive = |value: f64| value > 0.0 && value.is_finite();
        points.retain(|&(strike, vol)| is_positive(strike) && is_positive(vol));
        points.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.total_cmp(&right.1)));
        let same_strike = points.chunk_by(|left, right| left.0 == right.0);
        let mean = |vols: &[(f64, f64)]| vols.iter().map(|point| point.1).sum::<f64>() / vols.len() as f64;
        Self { points: same_strike.map(|vols| (vols[0].0, mean(vols))).collect() }
    }

    /// The same vol at every strike.
    pub fn flat(vol: f64) -> Self {
        Self::new(vec![(1.0, vol)])
    }

    /// Vol at a positive strike; `None` if the smile has no points.
    pub fn vol(&self, strike_usd: f64) -> Option<f64> {
        let above = self.points.partition_point(|point| point.0 <= strike_usd);
        let (first, last) = (self.points.first()?, self.points.last()?);
        if above == 0 {
            return Some(first.1);
        }
        if above == self.points.len() {
            return Some(last.1);
        }
        let (left, right) = (self.points[above - 1], self.points[above]);
        let part = libm::log(strike_usd / left.0) / libm::log(right.0 / left.0);
        Some(left.1 + part * (right.1 - left.1))
    }

    /// `dvol/dlnK` at a strike: of the parabola through three points at an inner point, of the
    /// segment between points, 0 beyond them.
    pub fn slope(&self, strike_usd: f64) -> f64 {
        let above = self.points.partition_point(|point| point.0 <= strike_usd);
        let is_point = above > 0 && self.points[above - 1].0 == strike_usd;
        match (is_point, above) {
            (true, 1) => self.segment_slope(0),
            (true, at) if at == self.points.len() => self.segment_slope(at - 2),
            (true, at) => self.point_slope(at - 1),
            (false, at) if at == 0 || at == self.points.len() => 0.0,
            (false, at) => self.segment_slope(at - 1),
        }
    }

    /// Slope between point `at` and the next one; 0 if there is none.
    fn segment_slope(&self, at: usize) -> f64 {
        match self.points.get(at..at + 2) {
            Some([left, right]) => (right.1 - left.1) / libm::log(right.0 / left.0),
            _ => 0.0,
        }
    }

    fn point_slope(&self, at: usize) -> f64 {
        let width = |left: usize| libm::log(self.points[left + 1].0 / self.points[left].0);
        let (below, above) = (width(at - 1), width(at));
        (self.segment_slope(at - 1) * above + self.segment_slope(at) * below) / (below + above)
    }
}
