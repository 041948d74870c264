//! Positions in an AMM: published amounts, and rows that are the slopes of their value.

use std::collections::BTreeMap;

use hedgewire_abi::command::code;
use hedgewire_host::compiler::{HedgeInstrument, Market, Numeraire, Settings};
use hedgewire_host::instrument::{AmmRange, Instrument, Payoff};

use crate::market::{NOW_NS, compiled, hold, settings};
use crate::sums::Sums;

fn eth_market() -> Market {
    Market { underlying: "ETH".to_owned(), now_ns: NOW_NS, price_ref_usd: 2000.0, expiries: BTreeMap::new() }
}

#[test]
fn amm_amounts_reproduce_the_published_examples() {
    // 2 ETH at 2000 in 1500 .. 2500 go with 5076.10 USDC.
    let range = AmmRange::from_coin(2.0, 2000.0, 1500.0, 2500.0).expect("a range");
    let (coin, usd) = range.amounts(2000.0);
    assert!((coin - 2.0).abs() < 1e-12 && (usd - 5076.10).abs() < 0.005, "{coin} {usd}");
    // 2 ETH and 4000 USDC with the top at 3000: the bottom is 1333.33.
    let liquidity = AmmRange::from_coin(2.0, 2000.0, 0.0, 3000.0).expect("a range").liquidity;
    let bottom = (2000.0f64.sqrt() - 4000.0 / liquidity).powi(2);
    assert!((bottom - 1333.33).abs() < 0.005, "{bottom}");
    // The same position at 2500.
    let range = AmmRange { liquidity, price_low_usd: bottom, price_high_usd: 3000.0 };
    let (coin, usd) = range.amounts(2500.0);
    assert!((coin - 0.85).abs() < 0.005 && (usd - 6572.89).abs() < 0.015, "{coin} {usd}");
}

#[test]
fn amm_rows_are_the_slopes_of_the_positions_value() {
    let ranges = [(1500.0, 2500.0), (1990.0, 2010.0), (2200.0, 3000.0), (1000.0, 1800.0), (0.0, f64::INFINITY)];
    let settings = |numeraire| Settings {
        hedge: HedgeInstrument { payoff: Payoff::Inverse, contract_size: 1.0, tick_usd: 0.05 },
        ..settings(numeraire)
    };
    let mut worst = 0.0f64;
    for (price_low_usd, price_high_usd) in ranges {
        let range = AmmRange { liquidity: 900.0, price_low_usd, price_high_usd };
        let holdings = [hold(64, Instrument::Range(range))];
        let banks = [Numeraire::Usd, Numeraire::Coin].map(|n| compiled(&holdings, &eth_market(), &settings(n)));
        for x in [-0.45, -0.2, -0.03, -0.0041, 0.0, 0.0017, 0.02, 0.15, 0.3, 0.45] {
            let value = |x: f64| range.value_usd(2000.0 * f64::exp(x));
            let price = 2000.0 * f64::exp(x);
            let h = 1e-4;
            // dV/dP and P d(V/P)/dP, both from slopes over the log price.
            let usd = (value(x + h) - value(x - h)) / (2.0 * h) / price;
            let coin = usd - value(x) / price;
            for (bank, delta) in banks.iter().zip([usd, coin]) {
                let sums = Sums::of_one(bank, x);
                let error = (sums.delta - delta).abs() / 20.0;
                worst = worst.max(error);
                assert!(error < 1e-7, "{range} at {x}: {} for {delta}", sums.delta);
                let slope = (Sums::of_one(bank, x + h).delta - Sums::of_one(bank, x - h).delta) / (2.0 * h);
                assert!((sums.gamma - slope).abs() < 1e-5, "{range} at {x}: {} for {slope}", sums.gamma);
            }
        }
    }
    println!("AMM delta against finite differences: worst {worst:.1e} of the weight");
}

#[test]
fn amm_edges_saturate_beyond_the_prices_that_rows_reach() {
    let range = |price_low_usd, price_high_usd| AmmRange { liquidity: 1.0, price_low_usd, price_high_usd };
    for (range, numeraire, low, high) in [
        (range(0.0, f64::INFINITY), Numeraire::Usd, 0, 1i64 << 31),
        (range(0.0, f64::INFINITY), Numeraire::Coin, 0, 1 << 31),
        (range(2000.0, 8000.0), Numeraire::Usd, 1 << 28, 1 << 29),
        (range(2000.0, 8000.0), Numeraire::Coin, 1 << 29, 1 << 30),
        (range(1.0, 2.0), Numeraire::Usd, 1 << 31, 1 << 31),
    ] {
        let bank = compiled(&[hold(64, Instrument::Range(range))], &eth_market(), &settings(numeraire));
        assert_eq!((i64::from(bank.rows[0].a), bank.rows[0].b), (low, high), "{range}");
        assert_eq!(bank.rows[0].row_kind, code::RANGE);
    }
}
