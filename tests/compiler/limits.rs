//! Scales of random portfolios: weights and their sums stay within what the kernel can add up.

use hedgewire_abi::command::code;
use hedgewire_host::compiler::{Bank, CompileError, ExpiryMarket, Holding, Numeraire, Settings, Smile, compile};
use hedgewire_host::instrument::{AmmRange, Instrument};
use proptest::prelude::*;

use crate::case::any_case;
use crate::market::{NOW_NS, RANGE, future, hold, market, option, settings};
use crate::random::check_random;
use crate::sums::raw_weights;

#[test]
fn scales_stay_within_the_kernels_limits_for_random_portfolios() {
    let quantity = (0.0f64..30.0).prop_map(|bits| (bits.exp2() as u32).clamp(1, (1 << 30) - 1));
    let lot = (-30.0f64..-10.0).prop_map(f64::exp2);
    let holding = (any_case(), quantity, lot, 0u8..4);
    let portfolio = (prop::collection::vec(holding, 1..64), 0.0f64..30.0, any::<bool>());
    check_random("scales", 600, portfolio, |(cases, coin_bits, is_usd)| {
        let numeraire = if is_usd { Numeraire::Usd } else { Numeraire::Coin };
        let settings = Settings { coin_max: coin_bits.exp2(), ..settings(numeraire) };
        let mut market = market(NOW_NS, 1.0, Smile::flat(0.5));
        let mut holdings = Vec::new();
        for (slot, (case, quantity_max_lots, lot_size, kind)) in (64..).zip(cases) {
            let forward_usd = 78_926.0 * case.basis.exp();
            let expiry = ExpiryMarket { forward_usd, smile: Smile::flat(case.vol), dvol_dprice: 0.0 };
            market.expiries.insert(case.expiry_ns, expiry);
            let instrument = match kind {
                0 => future(None, case.payoff),
                1 => Instrument::Range(AmmRange {
                    liquidity: 1000.0,
                    price_low_usd: case.strike_usd,
                    price_high_usd: case.strike_usd * 1.5,
                }),
                _ => option(case.expiry_ns, case.strike_usd, case.right, case.payoff),
            };
            let entry_price_usd = Some(70_000.0);
            holdings.push(Holding { quantity_max_lots, lot_size, entry_price_usd, ..hold(slot, instrument) });
        }
        let bank = match compile(1, RANGE, &holdings, &market, &settings) {
            Err(CompileError::GrossTooLarge { .. }) => return Ok(()),
            other => other.map_err(|error| TestCaseError::fail(error.to_string()))?,
        };
        check_limits(&bank, &holdings, coin_bits)
    });
}

fn check_limits(bank: &Bank, holdings: &[Holding], coin_bits: f64) -> Result<(), TestCaseError> {
    let open = &bank.open;
    let bits = [open.delta_bits, open.gamma_bits, open.vega_bits].map(i32::from);
    prop_assert!(bits.iter().all(|bits| (-24..=48).contains(bits)), "bits {bits:?}");
    prop_assert!((0..=62).contains(&(bits[1] + 23 - bits[0])), "bits {bits:?}");
    prop_assert!(coin_bits + f64::from(bits[0]) + 7.0 <= 61.0, "kd {} at 2^{coin_bits} coin", bits[0]);
    prop_assert!(open.contract_scale >= 1 << 31 && open.contract_shift <= 120);
    let mut gross = [0i64; 3];
    for (holding, sign) in holdings.iter().flat_map(|holding| [(holding, 1), (holding, -1)]) {
        let row = &bank.rows[holding.slot as usize - 64];
        let factor = match row.row_kind {
            code::CONSTANT => 2,
            code::RANGE => 4,
            _ => 1,
        };
        prop_assert!([row.shift_delta, row.shift_gamma, row.shift_vega].iter().all(|&shift| shift <= 62));
        for (i, weight) in raw_weights(row, sign * holding.quantity_max_lots as i32).into_iter().enumerate() {
            // Flooring a negative weight, and rounding, can each add one unit.
            prop_assert!(weight.abs() <= (1 << 30) + 2, "weight {weight} of slot {}", row.slot);
            gross[i] += weight.abs() * factor;
        }
    }
    // Both signs were counted, so twice the bound; 64 rows, 4 times, 2 units each.
    prop_assert!(gross.iter().all(|&gross| gross <= 2 * (1 << 33) + 1024), "gross {gross:?}");
    Ok(())
}
