//! Rows of options against Black-76: within the format's error at random, and a step where there is no vol.

use hedgewire_abi::command::{WriteRow, code};
use hedgewire_host::black76::{Black76, YEAR_NS};
use hedgewire_host::compiler::{Bank, Holding, Numeraire, Smile};
use hedgewire_host::instrument::{Payoff, Right};
use proptest::prelude::*;

use crate::case::{Case, any_case};
use crate::market::{BOTH, DAY_NS, NOW_NS, compiled, hold, market, option, settings};
use crate::random::check_random;
use crate::sums::{Sums, weights};

/// What the row of a case has to give at its `x`, from Black-76 at the price there.
fn expected(case: &Case) -> Sums {
    let price = 78_926.0 * case.x.exp();
    let forward = price * case.basis.exp();
    let tau = (case.expiry_ns - NOW_NS) as f64 / YEAR_NS;
    let model = Black76::new(forward, case.strike_usd, tau, case.vol).expect("valid inputs");
    match (case.payoff, case.numeraire) {
        (Payoff::Inverse, Numeraire::Coin) => Sums {
            delta: model.net_transaction_delta(case.right),
            gamma: model.net_transaction_gamma(case.right),
            vega: model.coin_vega(),
        },
        (Payoff::Inverse, Numeraire::Usd) => {
            Sums { delta: model.delta(case.right), gamma: forward * model.gamma(), vega: model.vega() / forward }
        }
        (Payoff::Linear, _) => Sums {
            delta: forward / price * model.delta(case.right),
            gamma: forward / price * forward * model.gamma(),
            vega: model.vega() / price,
        },
    }
}

fn compile_case(case: &Case) -> (Bank, f64) {
    let market = market(case.expiry_ns, 78_926.0 * case.basis.exp(), Smile::flat(case.vol));
    let instrument = option(case.expiry_ns, case.strike_usd, case.right, case.payoff);
    let bank = compiled(&[hold(70, instrument)], &market, &settings(case.numeraire));
    let weight = weights(&bank, &bank.rows[6], 1)[0];
    (bank, weight)
}

#[test]
fn option_rows_reproduce_black_76_within_the_format_error() {
    let worst = std::cell::Cell::new([0.0f64; 3]);
    check_random("option rows", 4000, any_case(), |case| {
        let (bank, weight) = compile_case(&case);
        let (row, model) = (Sums::of_one(&bank, case.x), expected(&case));
        let slope = libm::ldexp(f64::from(bank.rows[6].a), -18);
        let vega = weights(&bank, &bank.rows[6], 1)[2];
        // Relative to the weight: rounding of a moves u by |x| 2^-19 = 5.7e-8, of b by 2^-35, and a
        // normal density is below 0.4; the weight itself is exact to 2^-25 coin or 2^-29 of itself.
        let error = [
            (row.delta - model.delta).abs() / weight.max(1.0),
            (row.gamma - model.gamma).abs() / (slope * weight).max(1.0),
            (row.vega - model.vega).abs() / vega.max(1.0),
        ];
        let so_far = worst.get();
        worst.set([0, 1, 2].map(|i| so_far[i].max(error[i])));
        prop_assert!(error.iter().all(|&error| error < 6e-8), "errors {error:?}");
        Ok(())
    });
    println!(
        "worst error of delta, gamma, vega, relative to their weights: {:?}",
        worst.get().map(|error| format!("{error:.1e}"))
    );
}

#[test]
fn call_and_put_of_a_strike_differ_in_the_row_kind_alone() {
    check_random("parity", 500, any_case(), |case| {
        let rows = BOTH.map(|right| compile_case(&Case { right, ..case.clone() }).0.rows[6]);
        prop_assert_eq!(rows[0].row_kind, code::CALL);
        prop_assert_eq!(rows[1].row_kind, code::PUT);
        prop_assert_eq!(WriteRow { row_kind: code::PUT, ..rows[0] }, rows[1]);
        Ok(())
    });
}

#[test]
fn zero_vol_is_a_step_at_the_strike_and_reported() {
    let expiry_ns = NOW_NS + 30 * DAY_NS;
    for strike in [77_000.0, 78_926.0, 80_000.0, 1.0, 1e9] {
        for right in BOTH {
            for numeraire in [Numeraire::Coin, Numeraire::Usd] {
                let market = market(expiry_ns, 78_926.0, Smile::flat(0.6));
                let holding = Holding { vol: Some(0.0), ..hold(64, option(expiry_ns, strike, right, Payoff::Inverse)) };
                let bank = compiled(&[holding], &market, &settings(numeraire));
                assert_eq!(bank.saturated, [64]);
                for x in [-0.4, -0.03, -0.001, 0.001, 0.03, 0.4] {
                    let price = 78_926.0 * f64::exp(x);
                    let per_coin = if numeraire == Numeraire::Coin { strike / price } else { 1.0 };
                    let step = if price > strike { 1.0 } else { 0.0 } - if right == Right::Put { 1.0 } else { 0.0 };
                    let delta = Sums::of_one(&bank, x).delta;
                    assert!((delta - per_coin * step).abs() <= 1e-7 * per_coin.max(1.0), "{strike} {x} {delta}");
                }
            }
        }
    }
}
