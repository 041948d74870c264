//! The hedge's own units: coin to contracts, the band in contracts, prices in parts of a tick.

use hedgewire_abi::command::code;
use hedgewire_host::compiler::{
    Band, Bank, HedgeInstrument, Holding, Numeraire, PriceError, PriceUnit, Settings, Smile,
};
use hedgewire_host::instrument::{Payoff, Right};

use crate::market::{DAY_NS, NOW_NS, compiled, hold, market, option, settings};

#[test]
fn contract_scale_turns_deltas_into_contracts() {
    let expiry_ns = NOW_NS + 30 * DAY_NS;
    let market = market(expiry_ns, 79_000.0, Smile::flat(0.6));
    for (quantity_max_lots, lot_size) in [(1, 1e-4), (1, 0.1), (500, 0.1), (1 << 29, 1.0)] {
        for (payoff, contract_size, tick_usd) in [
            (Payoff::Inverse, 10.0, 0.5),
            (Payoff::Inverse, 1.0, 0.05),
            (Payoff::Linear, 1e-4, 0.5),
            (Payoff::Linear, 1.0, 1e-4),
        ] {
            if market.price_ref_usd / tick_usd * 256.0 > f64::from(u32::MAX) {
                continue;
            }
            let hedge = HedgeInstrument { payoff, contract_size, tick_usd };
            let instrument = option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse);
            let holding = Holding { quantity_max_lots, lot_size, ..hold(64, instrument) };
            let bank = compiled(&[holding], &market, &Settings { hedge, ..settings(Numeraire::Coin) });
            let open = &bank.open;
            let (mantissa, shift) = (f64::from(open.contract_scale), i32::from(open.contract_shift));
            let factor = match payoff {
                Payoff::Inverse => f64::from(open.price_ref) * libm::ldexp(mantissa, -shift - 24),
                Payoff::Linear => libm::ldexp(mantissa, 8 - shift),
            };
            // From 2^-(kd+7) coin to 2^-16 contract.
            let contracts_per_coin = libm::ldexp(factor, i32::from(open.delta_bits) + 7 - 16);
            let exact = match payoff {
                Payoff::Inverse => 78_926.0 / contract_size,
                Payoff::Linear => 1.0 / contract_size,
            };
            assert!(open.contract_scale >= 1 << 31);
            let error = 1.0 - contracts_per_coin / exact;
            // Floored at 2^-31 of itself at worst.
            assert!((-1e-15..=libm::ldexp(1.0, -31)).contains(&error), "{error:e}");
        }
    }
}

/// The band of a bank in contracts for a gamma in coin, as the kernel works it out.
fn band_contracts(bank: &Bank, gamma_coin: f64, contracts_per_coin: f64) -> f64 {
    let (factor, shift) = (f64::from(bank.open.band_factor), -i32::from(bank.open.band_shift));
    let gamma = gamma_coin.abs() * contracts_per_coin * 65_536.0;
    let band = match bank.open.band_kind {
        code::BAND_FIXED => libm::ldexp(factor * 65_536.0, shift),
        code::BAND_GAMMA => libm::ldexp(factor * gamma, shift),
        _ => libm::ldexp((factor * gamma * gamma).cbrt(), shift),
    };
    band / 65_536.0
}

#[test]
fn bands_come_out_as_their_formulas_say() {
    let market = market(NOW_NS + DAY_NS, 79_000.0, Smile::flat(0.6));
    let gamma = 3.7;
    for hedge in [
        HedgeInstrument { payoff: Payoff::Inverse, contract_size: 10.0, tick_usd: 0.5 },
        HedgeInstrument { payoff: Payoff::Linear, contract_size: 1e-3, tick_usd: 0.5 },
    ] {
        let contracts_per_coin = match hedge.payoff {
            Payoff::Inverse => 7892.6,
            Payoff::Linear => 1000.0,
        };
        let band = |band| {
            let bank = compiled(&[], &market, &Settings { hedge, band, ..settings(Numeraire::Coin) });
            band_contracts(&bank, gamma, contracts_per_coin)
        };
        assert!((band(Band::Fixed { contracts: 2.75 }) - 2.75).abs() < 1e-8);
        assert_eq!(band(Band::Fixed { contracts: 0.0 }), 0.0);
        let window_years = 600.0 / (365.0 * 86_400.0);
        let scaled = band(Band::Gamma { k: 1.282, vol: 0.6, window_years });
        let exact = 1.282 * gamma * 0.6 * window_years.sqrt() * contracts_per_coin;
        assert!((scaled / exact - 1.0).abs() < 1e-8, "{scaled} for {exact}");
        // H = cbrt(3/2 lambda P Gamma^2 / a) with Gamma = G/P per USD.
        let (lambda, risk_aversion_per_usd) = (5e-4, 1e-6);
        let found = band(Band::WhalleyWilmott { lambda, risk_aversion_per_usd });
        let coin = (1.5 * lambda * 78_926.0 * (gamma / 78_926.0f64).powi(2) / risk_aversion_per_usd).cbrt();
        assert!((found / (coin * contracts_per_coin) - 1.0).abs() < 1e-8, "{found}");
    }
}

#[test]
fn prices_convert_to_units_of_a_256th_tick_and_back() {
    let unit = PriceUnit::of_tick(0.5).expect("a tick");
    assert_eq!(unit.to_units(78_926.25), Ok(78_926 * 512 + 128));
    assert_eq!(unit.to_usd(512), 1.0);
    assert_eq!(unit.to_units(unit.to_usd(u32::MAX)), Ok(u32::MAX));
    assert!(matches!(unit.to_units(1e-4), Err(PriceError::TooSmall { .. })));
    assert!(matches!(unit.to_units(9e6), Err(PriceError::TooLarge { .. })));
    for price in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(unit.to_units(price), Err(PriceError::NotPositive(_))));
    }
    assert!(matches!(PriceUnit::of_tick(0.0), Err(PriceError::Tick(_))));
    assert!(matches!(PriceUnit::of_tick(f64::NAN), Err(PriceError::Tick(_))));
}
