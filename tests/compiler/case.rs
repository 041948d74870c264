//! An option with its market, made by hand or at random.

use hedgewire_host::black76::YEAR_NS;
use hedgewire_host::compiler::Numeraire;
use hedgewire_host::instrument::{Payoff, Right};
use proptest::prelude::*;

use crate::market::NOW_NS;

/// An option with its market: log of vol sqrt(tau) range, moneyness in standard deviations, basis.
#[derive(Debug, Clone)]
pub struct Case {
    pub expiry_ns: u64,
    pub vol: f64,
    pub strike_usd: f64,
    pub basis: f64,
    pub right: Right,
    pub payoff: Payoff,
    pub numeraire: Numeraire,
    pub x: f64,
}

pub fn any_case() -> impl Strategy<Value = Case> {
    let minutes = (35.0f64.ln()..(3.0 * 365.0 * 1440.0f64).ln()).prop_map(f64::exp);
    let vol = (0.05f64.ln()..4.0f64.ln()).prop_map(f64::exp);
    let right = prop_oneof![Just(Right::Call), Just(Right::Put)];
    let payoff = prop_oneof![Just(Payoff::Inverse), Just(Payoff::Linear)];
    let numeraire = prop_oneof![Just(Numeraire::Coin), Just(Numeraire::Usd)];
    (minutes, vol, -8.0f64..8.0, -0.05f64..0.05, right, payoff, numeraire, -0.03f64..0.03).prop_map(
        |(minutes, vol, deviations, basis, right, payoff, numeraire, x)| {
            let tau_ns = minutes * 60e9;
            let total = vol * (tau_ns / YEAR_NS).sqrt();
            let strike_usd = 78_926.0 * (basis + (deviations * total).clamp(-2.0, 2.0)).exp();
            Case { expiry_ns: NOW_NS + tau_ns as u64, vol, strike_usd, basis, right, payoff, numeraire, x }
        },
    )
}
