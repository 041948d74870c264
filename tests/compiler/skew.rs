//! Vol that moves with the price: skew by each rule against finite differences, its bound, and the smile under it.

use hedgewire_host::black76::{Black76, YEAR_NS};
use hedgewire_host::compiler::{Numeraire, Settings, SkewRule, Smile};
use hedgewire_host::instrument::{Payoff, Right};

use crate::case::Case;
use crate::market::{BOTH, DAY_NS, NOW_NS, compiled, hold, market, option, settings};
use crate::sums::Sums;

/// Value in the bank's numeraire along a smile dynamic, and its log-price slope by differences.
fn skewed_delta(case: &Case, dvol_dx: f64) -> f64 {
    let tau = (case.expiry_ns - NOW_NS) as f64 / YEAR_NS;
    let value = |x: f64| {
        let forward = 78_926.0 * (x + case.basis).exp();
        let model = Black76::new(forward, case.strike_usd, tau, case.vol + dvol_dx * x).expect("valid");
        match (case.payoff, case.numeraire) {
            (Payoff::Inverse, Numeraire::Coin) => model.coin_mark(case.right),
            (Payoff::Inverse, Numeraire::Usd) => model.coin_mark(case.right) * 78_926.0 * x.exp(),
            (Payoff::Linear, _) => model.value(case.right),
        }
    };
    // Fourth order: the smallest sigma sqrt tau here is 0.04, where a second-order difference errs by 3e-7.
    let h = 1e-4;
    let difference = |h: f64| (value(case.x + h) - value(case.x - h)) / (2.0 * h);
    let slope = (4.0 * difference(h) - difference(2.0 * h)) / 3.0;
    let is_coin = case.payoff == Payoff::Inverse && case.numeraire == Numeraire::Coin;
    if is_coin { slope } else { slope / (78_926.0 * case.x.exp()) }
}

#[test]
fn explicit_skew_matches_finite_differences_along_the_moving_vol() {
    let mut worst = [0.0f64; 3];
    for days in [2, 30, 180] {
        for payoff in [Payoff::Inverse, Payoff::Linear] {
            for numeraire in [Numeraire::Coin, Numeraire::Usd] {
                for right in BOTH {
                    for moneyness in [-1.0, -0.3, 0.0, 0.4, 1.0] {
                        for dvol_dx in [-0.4, 0.15] {
                            let tau = days as f64 / 365.0;
                            let case = Case {
                                expiry_ns: NOW_NS + days * DAY_NS,
                                vol: 0.55,
                                strike_usd: 78_926.0 * (0.01 + moneyness * 0.55 * tau.sqrt()).exp(),
                                basis: 0.01,
                                right,
                                payoff,
                                numeraire,
                                x: 0.0,
                            };
                            let errors = skew_errors(&case, dvol_dx);
                            worst = [0, 1, 2].map(|i| worst[i].max(errors[i]));
                        }
                    }
                }
            }
        }
    }
    println!(
        "skew against finite differences: delta {:.1e}, gamma {:.1e}; 1 % away {:.1e}",
        worst[0], worst[1], worst[2]
    );
    assert!(worst[0] < 2e-8, "at the reference price {:e}", worst[0]);
    assert!(worst[1] < 1e-4, "gamma at the reference price {:e}", worst[1]);
    assert!(worst[2] < 2e-2, "1 % away {:e}", worst[2]);
}

/// Errors of delta, of gamma relative to its weight, both at the reference price, and of delta 1 % away.
fn skew_errors(case: &Case, dvol_dx: f64) -> [f64; 3] {
    let mut market = market(case.expiry_ns, 78_926.0 * case.basis.exp(), Smile::flat(case.vol));
    let expiry = market.expiries.get_mut(&case.expiry_ns).expect("the expiry");
    expiry.dvol_dprice = dvol_dx / 78_926.0;
    let settings = Settings { skew: SkewRule::Explicit, ..settings(case.numeraire) };
    let holding = hold(64, option(case.expiry_ns, case.strike_usd, case.right, case.payoff));
    let bank = compiled(&[holding], &market, &settings);
    assert!(bank.skew_bounded.is_empty());
    let at = |x: f64| skewed_delta(&Case { x, ..case.clone() }, dvol_dx);
    let row = Sums::of_one(&bank, 0.0);
    let gamma = (at(1e-3) - at(-1e-3)) / 2e-3;
    let far = |x: f64| (Sums::of_one(&bank, x).delta - at(x)).abs();
    let vega = Black76::new(
        78_926.0 * case.basis.exp(),
        case.strike_usd,
        (case.expiry_ns - NOW_NS) as f64 / YEAR_NS,
        case.vol,
    )
    .expect("valid")
    .vega()
        / 78_926.0;
    let vega_per_coin = if case.payoff == Payoff::Inverse { vega / case.basis.exp() } else { vega };
    assert!((row.vega - vega_per_coin).abs() < 1e-7, "vega {} for {vega_per_coin}", row.vega);
    let slope = libm::ldexp(f64::from(bank.rows[0].a), -18);
    [(row.delta - at(0.0)).abs(), (row.gamma - gamma).abs() / slope, far(0.01).max(far(-0.01))]
}

#[test]
fn sticky_moneyness_takes_the_slope_of_the_smile() {
    let expiry_ns = NOW_NS + 30 * DAY_NS;
    let smile =
        Smile::new((60..=100).map(|k| (f64::from(k) * 1000.0, 0.6 - 0.3 * (f64::from(k) / 79.0).ln())).collect());
    let strike = 80_000.0;
    assert!((smile.slope(strike) + 0.3).abs() < 1e-9);
    let market = market(expiry_ns, 79_000.0, smile.clone());
    let holding = [hold(64, option(expiry_ns, strike, Right::Put, Payoff::Inverse))];
    let rule = |skew| Settings { skew, ..settings(Numeraire::Coin) };
    let sticky = Sums::of_one(&compiled(&holding, &market, &rule(SkewRule::StickyMoneyness)), 0.0).delta;
    let plain = Sums::of_one(&compiled(&holding, &market, &rule(SkewRule::StickyStrike)), 0.0);
    // dvol/dlnP = -dvol/dlnK = 0.3.
    assert!((sticky - plain.delta - 0.3 * plain.vega).abs() < 1e-7);
}

#[test]
fn skew_beyond_its_bound_is_bounded_and_reported() {
    let expiry_ns = NOW_NS + 365 * DAY_NS;
    let mut market = market(expiry_ns, 79_000.0, Smile::flat(0.6));
    market.expiries.get_mut(&expiry_ns).expect("the expiry").dvol_dprice = -1e-4;
    let settings = Settings { skew: SkewRule::Explicit, ..settings(Numeraire::Coin) };
    let holding = hold(64, option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse));
    assert_eq!(compiled(&[holding], &market, &settings).skew_bounded, [64]);
}

#[test]
fn smile_interpolates_in_log_strike_and_is_flat_beyond_its_ends() {
    let smile = Smile::new(vec![(200.0, 0.5), (100.0, 0.7), (100.0, 0.9), (-1.0, 0.5), (150.0, f64::NAN)]);
    assert_eq!(smile.vol(100.0), Some(0.8));
    assert_eq!(smile.vol(50.0), Some(0.8));
    assert_eq!(smile.vol(300.0), Some(0.5));
    assert!((smile.vol(100.0 * 2.0f64.sqrt()).expect("a vol") - 0.65).abs() < 1e-12);
    assert!((smile.slope(120.0) + 0.3 / 2.0f64.ln()).abs() < 1e-12);
    assert_eq!((smile.slope(50.0), smile.slope(300.0)), (0.0, 0.0));
    assert_eq!(Smile::default().vol(1.0), None);
    assert_eq!(Smile::flat(0.4).slope(1.0), 0.0);
}
