//! Black-76 in f64: prices and Greeks of European options on a forward, and implied vol.
//!
//! Used where a venue's model has to be reproduced off the hot path: by the portfolio compiler, by
//! reports, and as the reference that the integer kernel is held against.
//!
//! ```text
//!   F, K, tau, vol [, r] ──► d1, d2 ──► value, delta, gamma, vega         in USD
//!                                  └──► mark v = V/F, F dv/dF, vega/F     in coin (inverse options)
//!   price ──► arbitrage bounds ──► implied vol
//! ```
//!
//! Sources: F. Black, "The pricing of commodity contracts" (1976); the inverse forms follow from
//! `v = V/F` by differentiation, and `F phi(d1) = K phi(d2)`.
//!
//! Invariants:
//! * a [`Black76`] that exists has finite inputs and a positive forward and strike, so that no
//!   result is NaN;
//! * vol and time enter together as `vol * sqrt(tau)`; where that is zero (no vol, at or past
//!   expiry) the results are the limits: intrinsic value, a delta of 0, 1/2 (forward exactly at the
//!   strike) or 1, no gamma;
//! * call and put share d1 and d2, so that put-call parity holds to the last bits.

use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility};
use thiserror::Error;

use crate::instrument::Right;

/// Nanoseconds in a year of 365 days, the day count of the venues.
pub const YEAR_NS: f64 = 365.0 * 86_400.0 * 1e9;

/// Years (ACT/365) from `now_ns` to `expiry_ns`; negative after expiry.
pub fn years_between(now_ns: u64, expiry_ns: u64) -> f64 {
    (i128::from(expiry_ns) - i128::from(now_ns)) as f64 / YEAR_NS
}

/// Distribution function of the standard normal, accurate to some 1e-16 relative in both tails.
pub fn normal_cdf(u: f64) -> f64 {
    0.5 * libm::erfc(-u * std::f64::consts::FRAC_1_SQRT_2)
}

/// Density of the standard normal; 0 at infinity.
pub fn normal_density(u: f64) -> f64 {
    const INVERSE_SQRT_TWO_PI: f64 = 0.398_942_280_401_432_7;
    INVERSE_SQRT_TWO_PI * libm::exp(-0.5 * u * u)
}

/// An input that no option has.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("Black-76 cannot take {name} = {value}: it must be {range}; check the market data it came from")]
pub struct InputError {
    /// Which input.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// What it may be.
    pub range: &'static str,
}

/// The inputs of one option, calls and puts alike, with d1 and d2 worked out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Black76 {
    forward: f64,
    strike: f64,
    root_tau: f64,
    discount: f64,
    total_vol: f64,
    d1: f64,
    d2: f64,
}

impl Black76 {
    /// Inputs: `forward` and `strike` in USD per coin, `tau_years` (ACT/365) and `vol` per root year
    /// (0.6 is 60 %). A time or vol of zero or less gives the limits at expiry. No discounting:
    /// crypto venues price with a rate of zero.
    ///
    /// # Errors
    /// [`InputError`] if an input is not finite, or forward or strike are not positive.
    pub fn new(forward: f64, strike: f64, tau_years: f64, vol: f64) -> Result<Self, InputError> {
        positive("forward", forward)?;
        positive("strike", strike)?;
        finite("tau_years", tau_years)?;
        finite("vol", vol)?;
        let root_tau = tau_years.max(0.0).sqrt();
        let total_vol = vol.max(0.0) * root_tau;
        let (d1, d2) = d1_d2(forward, strike, total_vol);
        Ok(Self { forward, strike, root_tau, discount: 1.0, total_vol, d1, d2 })
    }

    /// The same option with values and Greeks discounted at `rate` per year, continuously.
    ///
    /// # Errors
    /// [`InputError`] if the rate is not finite.
    pub fn with_rate(self, rate: f64) -> Result<Self, InputError> {
        finite("rate", rate)?;
        Ok(Self { discount: libm::exp(-rate * self.root_tau * self.root_tau), ..self })
    }

    /// `(ln(F/K) + s^2/2) / s` with `s = vol sqrt(tau)`; infinite or 0 in the limit `s = 0`.
    pub fn d1(&self) -> f64 {
        self.d1
    }

    /// `d1 - vol sqrt(tau)`.
    pub fn d2(&self) -> f64 {
        self.d2
    }

    /// Value in USD: call `F Phi(d1) - K Phi(d2)`, put `K Phi(-d2) - F Phi(-d1)`, discounted.
    pub fn value(&self, right: Right) -> f64 {
        let value = match right {
            Right::Call => self.forward * normal_cdf(self.d1) - self.strike * normal_cdf(self.d2),
            Right::Put => self.strike * normal_cdf(-self.d2) - self.forward * normal_cdf(-self.d1),
        };
        self.discount * value.max(0.0)
    }

    /// Delta `dV/dF`: call `Phi(d1)`, put `-Phi(-d1)`, discounted. Venues publish this one.
    pub fn delta(&self, right: Right) -> f64 {
        self.discount * signed_cdf(self.d1, right)
    }

    /// Gamma `d2V/dF2 = phi(d1) / (F s)`, per USD. 0 where `s = vol sqrt(tau)` is 0: the spike at
    /// the strike is no number.
    pub fn gamma(&self) -> f64 {
        if self.total_vol == 0.0 {
            return 0.0;
        }
        self.discount * normal_density(self.d1) / (self.forward * self.total_vol)
    }

    /// Vega `dV/dvol = F phi(d1) sqrt(tau)`, USD per 1.00 of vol (a hundredth of it per point).
    pub fn vega(&self) -> f64 {
        self.discount * self.forward * normal_density(self.d1) * self.root_tau
    }

    /// Mark of an inverse option in coin, `v = V/F`.
    pub fn coin_mark(&self, right: Right) -> f64 {
        self.value(right) / self.forward
    }

    /// Net transaction delta of an inverse option, `F dv/dF = delta - v`, in coin: call
    /// `(K/F) Phi(d2)`, put `-(K/F) Phi(-d2)`. The hedge delta in coin numeraire.
    pub fn net_transaction_delta(&self, right: Right) -> f64 {
        self.discount * self.strike / self.forward * signed_cdf(self.d2, right)
    }

    /// Change of the net transaction delta per unit of log forward,
    /// `(K/F) phi(d2)/s - NTD`, in coin.
    pub fn net_transaction_gamma(&self, right: Right) -> f64 {
        self.forward * self.gamma() - self.net_transaction_delta(right)
    }

    /// Vega of an inverse option in coin per 1.00 of vol, `V_vol / F`.
    pub fn coin_vega(&self) -> f64 {
        self.vega() / self.forward
    }
}

/// `Phi(d)` for a call, `Phi(d) - 1` for a put, the latter without cancellation.
fn signed_cdf(d: f64, right: Right) -> f64 {
    match right {
        Right::Call => normal_cdf(d),
        Right::Put => -normal_cdf(-d),
    }
}

fn d1_d2(forward: f64, strike: f64, total_vol: f64) -> (f64, f64) {
    let log_moneyness = libm::log(forward / strike);
    if total_vol > 0.0 {
        // A quotient too large for f64 is an infinity of the right sign, as in the limit below.
        let centre = log_moneyness / total_vol;
        (centre + 0.5 * total_vol, centre - 0.5 * total_vol)
    } else if log_moneyness == 0.0 {
        (0.0, 0.0)
    } else {
        let d = f64::INFINITY.copysign(log_moneyness);
        (d, d)
    }
}

fn finite(name: &'static str, value: f64) -> Result<(), InputError> {
    if value.is_finite() { Ok(()) } else { Err(InputError { name, value, range: "finite" }) }
}

fn positive(name: &'static str, value: f64) -> Result<(), InputError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(InputError { name, value, range: "positive and finite" })
    }
}

/// Why a price has no implied vol.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum ImpliedVolError {
    /// An input that no option has.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The option has no time left, so that its price says nothing of vol.
    #[error("no implied vol {tau_years} years from expiry: the option has expired; take it out of the portfolio")]
    Expired {
        /// Years to expiry.
        tau_years: f64,
    },
    /// Cheaper than exercising.
    #[error(
        "no implied vol: the price {price} is below the intrinsic value {intrinsic}; the quote or the forward is stale"
    )]
    BelowIntrinsic {
        /// The price, USD.
        price: f64,
        /// The least it can be, USD.
        intrinsic: f64,
    },
    /// As dear as the most that the option can ever pay.
    #[error(
        "no implied vol: the price {price} is not below {limit}, which no vol reaches; the quote is \
         in the wrong unit or stale"
    )]
    AboveLimit {
        /// The price, USD.
        price: f64,
        /// What it must be below, USD: the forward (call) or the strike (put).
        limit: f64,
    },
    /// Within the bounds, but the solver gave up.
    #[error(
        "no implied vol found for the price {price}, which is within its bounds; use the vol of a strike beside it"
    )]
    Unresolved {
        /// The price, USD.
        price: f64,
    },
}

/// Implied vol of an undiscounted price in USD (a coin price of an inverse option times its
/// forward), by P. Jäckel, "Let's be rational" (2017), of the `implied-vol` crate.
///
/// Returns 0 for a price equal to the intrinsic value.
///
/// # Errors
/// [`ImpliedVolError`] for inputs no option has, at or past expiry, and outside the arbitrage bounds
/// `intrinsic <= price < forward` (call) or `< strike` (put).
pub fn implied_vol(
    price: f64,
    forward: f64,
    strike: f64,
    tau_years: f64,
    right: Right,
) -> Result<f64, ImpliedVolError> {
    finite("price", price)?;
    positive("forward", forward)?;
    positive("strike", strike)?;
    finite("tau_years", tau_years)?;
    if tau_years <= 0.0 {
        return Err(ImpliedVolError::Expired { tau_years });
    }
    let (intrinsic, limit) = match right {
        Right::Call => ((forward - strike).max(0.0), forward),
        Right::Put => ((strike - forward).max(0.0), strike),
    };
    if price < intrinsic {
        return Err(ImpliedVolError::BelowIntrinsic { price, intrinsic });
    }
    if price >= limit {
        return Err(ImpliedVolError::AboveLimit { price, limit });
    }
    ImpliedBlackVolatility::builder()
        .option_price(price)
        .forward(forward)
        .strike(strike)
        .expiry(tau_years)
        .is_call(right == Right::Call)
        .build()
        .and_then(|option| option.calculate::<DefaultSpecialFn>())
        .filter(|vol| vol.is_finite())
        .ok_or(ImpliedVolError::Unresolved { price })
}
