//! One holding as one row of the kernel, in real numbers.
//!
//! With `x = ln(P/P_ref)`, the log basis `c = ln(F/P)` of its expiry and `s = vol sqrt(tau)`, an
//! option is `w Phi(u)` (put: `w (Phi(u) - 1)`) at `u = a x + b`, where
//!
//! ```text
//!   a = 1/s      b = ln(P_ref e^c / K)/s -+ s/2      u = d2 (inverse group) or d1 (linear group)
//! ```
//!
//! ## Skew
//!
//! If vol moves with the price, `dvol/dx`, the delta is `w (Phi(u) + e phi(u))` with
//! `e = sqrt(tau) dvol/dx`, because vega is `w sqrt(tau) phi(u)`. A row sums no density into the
//! delta, but `Phi(u) + e phi(u)` is `Phi` of a moved argument: the row gets the intercept at which
//! value *and* slope of its delta are exact at `P_ref`, the slope being that along the moving vol,
//! `du/dx = a (1 - e d')` (`d'` the other one of d1 and d2). Away from `P_ref` the error is of second
//! order in `a x`, and the next bank removes it.
//!
//! Where `|e u|` or `|e d'|` passes 1/2 (far wings of a steep smile), delta plus skew would leave
//! 0 .. w or not be monotone, which no row can be; there the argument is just moved by `e`, with an
//! error of at most `0.121 e^2 w` (`max |u phi(u)| / 2`) plus third order. `e` itself is bounded by
//! 1/2; rows that reach this are reported.
//!
//! ## Small vol and time
//!
//! Where `1/s` exceeds the format's 8192, `s` is raised to 1/8192 *before* `b` is worked out: the
//! step stays at the strike, it is only less steep.

use hedgewire_abi::command::code;
use hedgewire_abi::format::{A_BITS, A_MAX};

use crate::black76::{Black76, InputError, normal_cdf, normal_density, years_between};
use crate::compiler::{
    ExpiryMarket, Holding, HoldingError, Market, Numeraire, Settings, SkewRule, check_holding, unsettled_part,
};
use crate::instrument::{AmmRange, EuropeanOption, Future, Instrument, Payoff, Right};

/// Largest slope of u that the format holds, some 8192.
const A_LIMIT: f64 = A_MAX as f64 / (1u32 << A_BITS) as f64;
/// Largest skew adjustment of u.
const SKEW_LIMIT: f64 = 0.5;
/// Beyond this |u| the kernel's Phi is 0 or 1.
const U_LIMIT: f64 = 8.0;

/// What all rows of a bank share.
pub(super) struct Context<'a> {
    pub market: &'a Market,
    pub settings: &'a Settings,
    /// Reference price after rounding to price units, USD.
    pub price_ref_usd: f64,
}

/// Place of a row on the price axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Empty,
    Option { right: Right, a: f64, b: f64 },
    Constant,
    Range { low: f64, high: f64 },
}

/// A row before it is quantised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RealRow {
    pub shape: Shape,
    /// `code::GROUP_*`.
    pub group: u8,
    /// Delta, gamma and vega weights of one lot, coin.
    pub weights: [f64; 3],
    /// Coin per lot that settlement has fixed already; USD numeraire only.
    pub settled_coin: f64,
    pub is_expired: bool,
    pub is_saturated: bool,
    pub is_skew_bounded: bool,
}

impl RealRow {
    const EMPTY: Self = Self {
        shape: Shape::Empty,
        group: 0,
        weights: [0.0; 3],
        settled_coin: 0.0,
        is_expired: false,
        is_saturated: false,
        is_skew_bounded: false,
    };

    /// Sizes of the weights at the holding's largest quantity, coin.
    pub fn size(&self, holding: &Holding) -> [f64; 3] {
        self.weights.map(|weight| weight.abs() * f64::from(holding.quantity_max_lots))
    }
}

/// Compiles one holding.
pub(super) fn compile(context: &Context<'_>, holding: &Holding) -> Result<RealRow, HoldingError> {
    check_holding(holding, &context.market.underlying)?;
    if holding.instrument.expiry_ns().is_some_and(|expiry_ns| expiry_ns <= context.market.now_ns) {
        return Ok(RealRow { is_expired: true, ..RealRow::EMPTY });
    }
    match &holding.instrument {
        Instrument::Option(option) => option_row(context, holding, option),
        Instrument::Future(future) => future_row(context, holding, future),
        Instrument::Range(range) => range_row(context, holding, range),
    }
}

/// `u` of an option: d2 where its value is counted in its own coin, d1 where it is in USD.
#[derive(Clone, Copy, PartialEq)]
enum Argument {
    D1,
    D2,
}

fn option_row(context: &Context<'_>, holding: &Holding, option: &EuropeanOption) -> Result<RealRow, HoldingError> {
    let expiry = expiry_market(context, option.expiry_ns)?;
    let vol = holding.vol.or_else(|| expiry.smile.vol(option.strike_usd)).ok_or(HoldingError::NoVol)?;
    if !(vol >= 0.0 && vol.is_finite()) {
        return Err(InputError { name: "vol", value: vol, range: "0 or more, and finite" }.into());
    }
    let root_tau = years_between(context.market.now_ns, option.expiry_ns).sqrt();
    let a = (1.0 / (vol * root_tau)).min(A_LIMIT);
    let log_moneyness = libm::log(expiry.forward_usd / option.strike_usd);
    let (d1, d2) = (log_moneyness * a + 0.5 / a, log_moneyness * a - 0.5 / a);

    let is_coin = context.settings.numeraire == Numeraire::Coin && option.payoff == Payoff::Inverse;
    let (argument, u, other) = if is_coin { (Argument::D2, d2, d1) } else { (Argument::D1, d1, d2) };
    let per_coin = match (argument, option.payoff) {
        (Argument::D2, _) => option.strike_usd / expiry.forward_usd,
        (Argument::D1, Payoff::Inverse) => 1.0,
        (Argument::D1, Payoff::Linear) => expiry.forward_usd / context.price_ref_usd,
    };
    let part = unsettled_part(context.market.now_ns, option.expiry_ns);
    let delta = holding.lot_size * per_coin * part;

    let skew = root_tau * dvol_dlog_price(context, expiry, option.strike_usd);
    let bounded = skew.clamp(-SKEW_LIMIT, SKEW_LIMIT);
    let moved = moved_by_skew(u, other, bounded);
    let slope = (a * moved.slope_factor).min(A_LIMIT);
    Ok(RealRow {
        shape: Shape::Option { right: option.right, a: slope, b: moved.u },
        group: if is_coin { code::GROUP_INVERSE } else { code::GROUP_LINEAR },
        weights: [delta, delta * slope, delta * root_tau * moved.vega_factor],
        settled_coin: settled_option_coin(context, option, expiry.forward_usd, vol, holding.lot_size * (1.0 - part))?,
        is_expired: false,
        is_saturated: slope == A_LIMIT,
        is_skew_bounded: bounded != skew,
    })
}

/// An inverse option that is partly settled has earned that part of its mark in coin.
fn settled_option_coin(
    context: &Context<'_>,
    option: &EuropeanOption,
    forward_usd: f64,
    vol: f64,
    settled_lot: f64,
) -> Result<f64, InputError> {
    if context.settings.numeraire == Numeraire::Coin || option.payoff == Payoff::Linear || settled_lot == 0.0 {
        return Ok(0.0);
    }
    let tau_years = years_between(context.market.now_ns, option.expiry_ns);
    Ok(settled_lot * Black76::new(forward_usd, option.strike_usd, tau_years, vol)?.coin_mark(option.right))
}

fn dvol_dlog_price(context: &Context<'_>, expiry: &ExpiryMarket, strike_usd: f64) -> f64 {
    match context.settings.skew {
        SkewRule::StickyStrike => 0.0,
        SkewRule::StickyMoneyness => -expiry.smile.slope(strike_usd),
        SkewRule::Explicit => context.price_ref_usd * expiry.dvol_dprice,
    }
}

fn expiry_market<'a>(context: &Context<'a>, expiry_ns: u64) -> Result<&'a ExpiryMarket, HoldingError> {
    let expiry = context.market.expiries.get(&expiry_ns).ok_or(HoldingError::NoForward)?;
    if !(expiry.forward_usd > 0.0 && expiry.forward_usd.is_finite()) {
        let input = InputError { name: "forward_usd", value: expiry.forward_usd, range: "positive and finite" };
        return Err(input.into());
    }
    if !expiry.dvol_dprice.is_finite() {
        return Err(InputError { name: "dvol_dprice", value: expiry.dvol_dprice, range: "finite" }.into());
    }
    Ok(expiry)
}

/// The argument of a row whose delta includes skew, with the factors on its slope and vega weight.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moved {
    u: f64,
    slope_factor: f64,
    vega_factor: f64,
}

/// Moves `u` so that `Phi` of it is `Phi(u) + e phi(u)`, and its slope and vega are exact there.
fn moved_by_skew(u: f64, other: f64, skew: f64) -> Moved {
    let is_within = (skew * u).abs() <= 0.5 && (skew * other).abs() <= 0.5 && u.abs() < U_LIMIT;
    if !is_within || skew == 0.0 {
        return Moved { u: u + skew, slope_factor: 1.0, vega_factor: 1.0 };
    }
    let moved = if u > 0.0 { -solve_lower(-u, -skew) } else { solve_lower(u, skew) };
    let density_ratio = libm::exp(0.5 * (moved - u) * (moved + u));
    Moved {
        u: moved,
        slope_factor: density_ratio * (1.0 - skew * u) * (1.0 - skew * other),
        vega_factor: density_ratio,
    }
}

/// The `v` of `Phi(v) = Phi(u) + e phi(u)` for `u <= 0` and `|e| <= 1/2`, `|e u| <= 1/2`: there the
/// right side is positive, as `Phi(u) > phi(u) |u| / (1 + u^2)`.
///
/// Newton's method from the third-order expansion of the solution in `e`; it converges in three
/// steps over the whole domain, and the lower tail keeps its relative precision.
fn solve_lower(u: f64, skew: f64) -> f64 {
    let target = normal_cdf(u) + skew * normal_density(u);
    let mut v = u + skew * (1.0 + skew * (0.5 * u + skew * (1.0 + 2.0 * u * u) / 6.0));
    for _ in 0..6 {
        v -= (normal_cdf(v) - target) / normal_density(v);
    }
    v
}

fn future_row(context: &Context<'_>, holding: &Holding, future: &Future) -> Result<RealRow, HoldingError> {
    let (forward_usd, part) = match future.expiry_ns {
        None => (context.price_ref_usd, 1.0),
        Some(expiry_ns) => {
            (expiry_market(context, expiry_ns)?.forward_usd, unsettled_part(context.market.now_ns, expiry_ns))
        }
    };
    let (group, lot, settled_coin) = match (future.payoff, context.settings.numeraire) {
        (Payoff::Linear, _) => (code::GROUP_LINEAR, holding.lot_size * forward_usd / context.price_ref_usd, 0.0),
        (Payoff::Inverse, Numeraire::Coin) => (code::GROUP_INVERSE, holding.lot_size / forward_usd, 0.0),
        (Payoff::Inverse, Numeraire::Usd) => {
            let entry_usd = holding.entry_price_usd.filter(|&price| price > 0.0 && price.is_finite());
            let entry_usd = entry_usd.ok_or(HoldingError::NoEntryPrice)?;
            // What has settled is N (1/entry - 1/F) coin, as the price average stands at F.
            let earned = holding.lot_size * (1.0 / entry_usd - 1.0 / forward_usd);
            (code::GROUP_LINEAR, holding.lot_size / entry_usd, earned * (1.0 - part))
        }
    };
    let weights = [lot * part, 0.0, 0.0];
    Ok(RealRow { shape: Shape::Constant, group, weights, settled_coin, ..RealRow::EMPTY })
}

/// AMM liquidity, from the amounts it holds ([`AmmRange::amounts`]).
///
/// USD numeraire: `dV/dP` is the coin held, `L (1/sqrt(p) - 1/sqrt(p_b))`, in the linear group in
/// `z = e^(-x/2) = sqrt(P_ref/p)`. Coin numeraire: `P d(V/P)/dP = -usd/P`
/// `= -(P_ref/P) (L/sqrt(P_ref)) (sqrt(p/P_ref) - sqrt(p_a/P_ref))`, in the inverse group (which is
/// scaled by `e^-x = P_ref/P`) in `z = e^(x/2)`.
fn range_row(context: &Context<'_>, holding: &Holding, range: &AmmRange) -> Result<RealRow, HoldingError> {
    if !range.is_valid() {
        return Err(HoldingError::Range);
    }
    let root = |price_usd: f64| (price_usd / context.price_ref_usd).sqrt();
    let (low, high) = (root(range.price_low_usd), root(range.price_high_usd));
    let size = holding.lot_size * range.liquidity / context.price_ref_usd.sqrt();
    let (group, weight, shape) = match context.settings.numeraire {
        Numeraire::Usd => (code::GROUP_LINEAR, size, Shape::Range { low: 1.0 / high, high: 1.0 / low }),
        Numeraire::Coin => (code::GROUP_INVERSE, -size, Shape::Range { low, high }),
    };
    Ok(RealRow { shape, group, weights: [weight, weight, 0.0], ..RealRow::EMPTY })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_argument_reproduces_delta_with_skew_in_both_tails() {
        let mut worst = 0.0f64;
        for step in -790..=790 {
            let u = f64::from(step) / 100.0;
            for tenth in -50..=50 {
                let skew = f64::from(tenth) / 100.0;
                if (skew * u).abs() > 0.5 {
                    continue;
                }
                let moved = moved_by_skew(u, u, skew);
                // On the side of the smaller tail, where relative precision can be seen.
                let (sign, e) = if u > 0.0 { (-1.0, -skew) } else { (1.0, skew) };
                let target = normal_cdf(sign * u) + e * normal_density(u);
                worst = worst.max((normal_cdf(sign * moved.u) / target - 1.0).abs());
            }
        }
        // A few roundings, relative to a tail value that itself comes from a difference.
        assert!(worst < 1e-13, "worst relative error {worst:e}");
    }

    #[test]
    fn plain_move_errs_by_at_most_its_stated_bound() {
        for step in -800..=800 {
            let u = f64::from(step) / 100.0;
            for skew in [-0.5, -0.2, 0.05, 0.3, 0.5] {
                let error = normal_cdf(u + skew) - normal_cdf(u) - skew * normal_density(u);
                let third_order = 0.4 * f64::powi(f64::abs(skew), 3) / 6.0;
                assert!(error.abs() <= 0.121 * skew * skew + third_order);
            }
        }
    }
}
