//! The portfolio at the start: what a plan and its rule hold, and where.

use crate::compiler::{Bank, Holding};
use crate::config::{PlannedHolding, PortfolioRule, UnderlyingPlan};
use crate::instrument::{Instrument, Payoff};

/// What a rule holds of an instrument; `None` if it does not hold it.
pub(crate) fn by_rule(plan: &UnderlyingPlan, rule: PortfolioRule, instrument: &Instrument) -> Option<PlannedHolding> {
    Some(PlannedHolding {
        instrument: instrument.clone(),
        lot_size: plan.portfolio.lot_coin,
        quantity_lots: rule_quantity(rule, &plan.coin, instrument)?,
        quantity_max_lots: plan.portfolio.quantity_max_lots,
        vol: None,
        entry_price_usd: None,
    })
}

/// A planned holding as the compiler wants it, in the slot at a place of the underlying's range.
pub(crate) fn holding(plan: &UnderlyingPlan, at: usize, planned: &PlannedHolding) -> Holding {
    Holding {
        slot: plan.range.first_slot + at as u32,
        instrument: planned.instrument.clone(),
        quantity_max_lots: planned.quantity_max_lots,
        lot_size: planned.lot_size,
        vol: planned.vol,
        entry_price_usd: planned.entry_price_usd,
    }
}

/// Coin that settling holdings have earned under a bank; `lots` tells what a slot holds.
pub(crate) fn settled_coin(bank: &Bank, lots: impl Fn(u32) -> i32) -> f64 {
    bank.settled.iter().map(|part| f64::from(lots(part.slot)) * part.coin_per_lot).sum()
}

/// Whether an instrument is an option on a coin that settles in a given way; in any, if `None`.
fn is_option_on(instrument: &Instrument, coin: &str, payoff: Option<Payoff>) -> bool {
    match instrument {
        Instrument::Option(option) => option.underlying == coin && payoff.is_none_or(|payoff| payoff == option.payoff),
        _ => false,
    }
}

/// Lots that a rule holds of an instrument; `None` if it does not hold it.
fn rule_quantity(rule: PortfolioRule, coin: &str, instrument: &Instrument) -> Option<i32> {
    match rule {
        PortfolioRule::EveryOption { quantity_lots, payoff } => {
            is_option_on(instrument, coin, payoff).then_some(quantity_lots)
        }
        PortfolioRule::Seeded { seed, quantity_max_lots } => is_option_on(instrument, coin, None)
            .then(|| seeded_quantity(seed, &instrument.to_string(), quantity_max_lots)),
    }
}

/// A whole number from `-max` to `max`, drawn from seed and name alone: the portfolio does not depend
/// on what else the capture defines. The mixer is that of G. Steele, D. Lea and C. Flood, "Fast
/// splittable pseudorandom number generators" (2014).
fn seeded_quantity(seed: u64, name: &str, max: i32) -> i32 {
    let mix = |state: u64| {
        let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let drawn = name.bytes().fold(mix(seed), |state, byte| mix(state ^ u64::from(byte)));
    let width = 2 * i64::from(max) + 1;
    // The high bits of a product: an even spread without division, up to width / 2^64.
    ((u128::from(drawn) * width as u128) >> 64) as i32 - max
}
