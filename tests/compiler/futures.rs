//! Rows of futures and perpetuals: constants, which add up to the published profits.

use hedgewire_host::compiler::{Holding, Market, Numeraire, Smile};
use hedgewire_host::instrument::Payoff;

use crate::market::{DAY_NS, NOW_NS, compiled, future, hold, market, settings};
use crate::sums::Sums;

#[test]
fn futures_are_constants_of_their_group() {
    let expiry_ns = NOW_NS + 90 * DAY_NS;
    let market = market(expiry_ns, 80_500.0, Smile::default());
    let price = |x: f64| 78_926.0 * f64::exp(x);
    let basis = 80_500.0 / 78_926.0;
    let row = |instrument, numeraire, lot_size| {
        let holding = Holding { lot_size, entry_price_usd: Some(70_000.0), ..hold(64, instrument) };
        compiled(&[holding], &market, &settings(numeraire))
    };
    for x in [-0.1, 0.0, 0.05] {
        for (instrument, numeraire, lot_size, delta) in [
            (future(None, Payoff::Inverse), Numeraire::Coin, 5000.0, 5000.0 / price(x)),
            (future(None, Payoff::Inverse), Numeraire::Usd, 5000.0, 5000.0 / 70_000.0),
            (future(None, Payoff::Linear), Numeraire::Coin, 0.5, 0.5),
            (future(None, Payoff::Linear), Numeraire::Usd, 0.5, 0.5),
            (future(Some(expiry_ns), Payoff::Inverse), Numeraire::Coin, 5000.0, 5000.0 / (price(x) * basis)),
            (future(Some(expiry_ns), Payoff::Inverse), Numeraire::Usd, 5000.0, 5000.0 / 70_000.0),
            (future(Some(expiry_ns), Payoff::Linear), Numeraire::Usd, 0.5, 0.5 * basis),
        ] {
            let sums = Sums::of_one(&row(instrument, numeraire, lot_size), x);
            assert!((sums.delta - delta).abs() < 1e-9, "{} for {delta}", sums.delta);
        }
    }
}

/// Coin profit of an inverse future of `usd`, by trapezoid over its compiled delta: with
/// `d(profit)/dP = delta/P`, it is the integral of delta over the log price.
fn inverse_profit(usd: f64, entry: f64, exit: f64) -> f64 {
    let market = Market { price_ref_usd: entry, ..market(NOW_NS + DAY_NS, entry, Smile::default()) };
    let holding = Holding { lot_size: usd, ..hold(64, future(None, Payoff::Inverse)) };
    let bank = compiled(&[holding], &market, &settings(Numeraire::Coin));
    let (steps, end) = (1000, (exit / entry).ln());
    let at = |i: i32| Sums::of_one(&bank, end * f64::from(i) / f64::from(steps)).delta;
    (0..steps).map(|i| 0.5 * (at(i) + at(i + 1)) * end / f64::from(steps)).sum()
}

#[test]
fn integrated_inverse_delta_gives_the_published_profits() {
    for (usd, entry, exit, profit) in [
        (60_000.0, 600.0, 700.0, 14.2857),
        (60_000.0, 600.0, 500.0, -20.0),
        (50_000.0, 10_000.0, 11_000.0, 0.454_545),
        (50_000.0, 10_000.0, 9000.0, -0.555_556),
    ] {
        let found = inverse_profit(usd, entry, exit);
        assert!((found - profit).abs() < 5e-5 * f64::abs(profit).max(1.0), "{found} for {profit}");
    }
}
