//! Black-76 by itself: values, their slopes, and the vol that a price implies.

use hedgewire_host::black76::{Black76, ImpliedVolError, implied_vol};
use hedgewire_host::instrument::Right;
use proptest::prelude::*;

use crate::market::BOTH;
use crate::random::check_random;

#[test]
fn black_76_without_time_or_vol_is_intrinsic_and_never_nan() {
    for (tau, vol) in [(0.0, 0.5), (-1.0, 0.5), (1.0, 0.0), (0.0, 0.0), (1.0, -0.3), (1e-300, 1e-300)] {
        for (strike, call_delta) in [(90.0, 1.0), (100.0, 0.5), (110.0, 0.0)] {
            let model = Black76::new(100.0, strike, tau, vol).expect("valid inputs");
            assert_eq!(model.value(Right::Call), (100.0f64 - strike).max(0.0));
            assert_eq!(model.value(Right::Put), (strike - 100.0f64).max(0.0));
            assert_eq!(model.delta(Right::Call), call_delta);
            assert_eq!(model.delta(Right::Put), call_delta - 1.0);
            let others = [model.gamma(), model.vega(), model.coin_vega(), model.net_transaction_gamma(Right::Put)];
            assert!(others.iter().all(|value| value.is_finite()), "{others:?}");
        }
    }
}

#[test]
fn black_76_refuses_inputs_that_no_option_has() {
    for (forward, strike, tau, vol, name) in [
        (0.0, 1.0, 1.0, 1.0, "forward"),
        (1.0, -1.0, 1.0, 1.0, "strike"),
        (1.0, 1.0, f64::NAN, 1.0, "tau_years"),
        (1.0, 1.0, 1.0, f64::INFINITY, "vol"),
    ] {
        let error = Black76::new(forward, strike, tau, vol).expect_err("it is refused");
        assert_eq!(error.name, name);
        assert!(error.to_string().contains(name));
    }
}

#[test]
fn black_76_greeks_are_the_slopes_of_its_values() {
    let price = |forward: f64, vol: f64, right| Black76::new(forward, 80_000.0, 0.25, vol).expect("valid").value(right);
    let mark = |forward: f64, right| price(forward, 0.6, right) / forward;
    for right in BOTH {
        for forward in [40_000.0, 76_000.0, 80_000.0, 95_000.0, 200_000.0] {
            let model = Black76::new(forward, 80_000.0, 0.25, 0.6).expect("valid");
            let h = forward * 1e-5;
            let slope = |f: &dyn Fn(f64) -> f64| (f(forward + h) - f(forward - h)) / (2.0 * h);
            assert!((slope(&|forward| price(forward, 0.6, right)) - model.delta(right)).abs() < 1e-8);
            let delta = |forward: f64| Black76::new(forward, 80_000.0, 0.25, 0.6).expect("valid").delta(right);
            assert!((slope(&delta) - model.gamma()).abs() * forward < 1e-7);
            let vega = (price(forward, 0.6 + 1e-5, right) - price(forward, 0.6 - 1e-5, right)) / 2e-5;
            assert!((vega - model.vega()).abs() / forward < 1e-8);
            let net = forward * slope(&|forward| mark(forward, right));
            assert!((net - model.net_transaction_delta(right)).abs() < 1e-8);
            assert!((model.delta(right) - model.coin_mark(right) - model.net_transaction_delta(right)).abs() < 1e-14);
        }
    }
}

#[test]
fn discounting_scales_values_and_greeks() {
    let plain = Black76::new(100.0, 110.0, 0.5, 0.4).expect("valid");
    let discounted = plain.with_rate(0.06).expect("valid");
    let factor = (-0.03f64).exp();
    for right in BOTH {
        assert!((discounted.value(right) / plain.value(right) - factor).abs() < 1e-14);
        assert!((discounted.delta(right) / plain.delta(right) - factor).abs() < 1e-14);
    }
    assert!((discounted.vega() / plain.vega() - factor).abs() < 1e-14);
    assert!(plain.with_rate(f64::NAN).is_err());
}

#[test]
fn implied_vol_inverts_black_76_for_both_rights() {
    let inputs = (0.02f64..4.0, -3.0f64..3.0, 1e-3f64..3.0, any::<bool>());
    check_random("implied vol", 2000, inputs, |(vol, deviations, tau, is_call)| {
        let right = if is_call { Right::Call } else { Right::Put };
        let strike = 100.0 * (deviations * vol * tau.sqrt()).clamp(-4.0, 4.0).exp();
        let model = Black76::new(100.0, strike, tau, vol).expect("valid");
        let found = implied_vol(model.value(right), 100.0, strike, tau, right);
        // A rounding of the price moves the vol by so much; deep in the money that is all there is.
        let resolution = 100.0 * f64::EPSILON * 64.0 / model.vega();
        let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!((found - vol).abs() < resolution + 1e-12 * vol, "{found} for {vol}");
        Ok(())
    });
}

#[test]
fn implied_vol_outside_the_arbitrage_bounds_is_a_typed_error() {
    use ImpliedVolError as E;
    assert!(matches!(implied_vol(9.0, 100.0, 90.0, 1.0, Right::Call), Err(E::BelowIntrinsic { .. })));
    assert!(matches!(implied_vol(100.0, 100.0, 90.0, 1.0, Right::Call), Err(E::AboveLimit { .. })));
    assert!(matches!(implied_vol(90.0, 100.0, 90.0, 1.0, Right::Put), Err(E::AboveLimit { .. })));
    assert!(matches!(implied_vol(-1.0, 100.0, 90.0, 1.0, Right::Put), Err(E::BelowIntrinsic { .. })));
    assert!(matches!(implied_vol(11.0, 100.0, 90.0, 0.0, Right::Call), Err(E::Expired { .. })));
    assert!(matches!(implied_vol(f64::NAN, 100.0, 90.0, 1.0, Right::Call), Err(E::Input(_))));
    assert_eq!(implied_vol(10.0, 100.0, 90.0, 1.0, Right::Call), Ok(0.0));
}
