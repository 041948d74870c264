//! Contracts and price units of the kernel against quantities and prices of the venue, and what a fill
//! is worth: integers throughout.
//!
//! For `n` contracts of size `s` filled at price `p`, decided at price `a`, with a fee of rate `f`:
//!
//! ```text
//!            value         fee              slippage of a buy     coin constant
//!   inverse  n s / p       f · value        n s / a - n s / p     value - fee     coin
//!   linear   n s p         f · n s          n s (p - a) / p       0               coin, at the fill's price
//! ```
//!
//! A sell's value is negative and its slippage has the other sign; the fee is always paid (a rate below
//! zero is received). These are the sums of [`crate::fills`], which works in float64. Each fill is
//! rounded on its own, towards zero, so that totals do not depend on the order of the fills.

use hedgewire_abi::format::{COIN_BITS, COIN_MAGNITUDE_BITS, PRICE_BITS, saturate};

use super::field::{Decimal72, Price9};
use crate::instrument::Payoff;
pub use hedgewire_kernel::ledger::Side;

/// 10^-9 in 1.
const NANO: i128 = 1_000_000_000;
/// 10^-18 in 10^-6.
const NANO_SQUARED_IN_MICRO: i128 = 1_000_000_000_000;

/// How the hedge instrument is counted. Rates and sizes are in 10^-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeTerms {
    /// The venue's number of the instrument.
    pub instrument_id: i64,
    /// How it settles.
    pub payoff: Payoff,
    /// Value of a contract: 10^-9 USD (inverse) or 10^-9 coin (linear); positive.
    pub contract_nano: i64,
    /// A contract as a quantity of the venue; its mantissa is positive.
    pub contract_quantity: Decimal72,
    /// Price increment, 10^-9 USD; at least 256, so that a price unit is not below 10^-9 USD.
    pub tick_nano: i64,
    /// Fee of a resting order, 10^-9 of the value; negative if it is received.
    pub maker_fee_nano: i64,
    /// Fee of a taker, 10^-9 of the value.
    pub taker_fee_nano: i64,
}

/// What fills are worth, 2^-32 coin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worth {
    /// What they add to the coin constant.
    pub coin: i64,
    /// Fee and slippage.
    pub cost: i64,
    /// What was paid for them, fee included, 10^-6 USD; negative if it was received. 0 for an inverse instrument, whose
    /// fills are paid in coin.
    pub paid: i64,
}

impl Worth {
    /// The sum, within the format of coin.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let add = |a, b| coin_of(i128::from(a) + i128::from(b));
        let paid = self.paid.saturating_add(other.paid);
        Self { coin: add(self.coin, other.coin), cost: add(self.cost, other.cost), paid }
    }

    /// The difference, within the format of coin.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        let subtract = |a, b| coin_of(i128::from(a) - i128::from(b));
        let paid = self.paid.saturating_sub(other.paid);
        Self { coin: subtract(self.coin, other.coin), cost: subtract(self.cost, other.cost), paid }
    }
}

fn coin_of(value: i128) -> i64 {
    saturate(value, COIN_MAGNITUDE_BITS).0
}

impl HedgeTerms {
    /// Whether the terms make sense: what the config promises, asked of whoever else fills them in.
    pub fn is_sound(&self) -> bool {
        let in_range = |fee: i64| i128::from(fee).abs() < NANO;
        self.contract_nano > 0
            && self.contract_quantity.mantissa > 0
            && self.tick_nano >= 1 << PRICE_BITS
            && in_range(self.maker_fee_nano)
            && in_range(self.taker_fee_nano)
    }

    /// Contracts as a quantity; `None` if they do not fit.
    pub fn quantity_of(&self, contracts: i64) -> Option<Decimal72> {
        let Decimal72 { mantissa, exponent } = self.contract_quantity;
        contracts.checked_mul(mantissa).map(|mantissa| Decimal72 { mantissa, exponent })
    }

    /// A quantity as contracts; `None` if it is no whole number of them.
    pub fn contracts_of(&self, quantity: Decimal72) -> Option<i64> {
        quantity.in_units(self.contract_quantity)
    }

    /// Price units as a price, moved to the next increment away from the market: a limit is never made worse.
    pub fn price_of(&self, units: u32, side: Side) -> Price9 {
        let tick = 1u32 << PRICE_BITS;
        let ticks = match side {
            Side::Buy => units / tick,
            Side::Sell => units.div_ceil(tick),
        };
        Price9(i64::from(ticks).saturating_mul(self.tick_nano))
    }

    /// A price as price units, rounded down; `None` if it is not positive, or has no place in 32 bits.
    pub fn units_of(&self, price: i64) -> Option<u32> {
        let units = (i128::from(price) << PRICE_BITS) / i128::from(self.tick_nano);
        u32::try_from(units).ok().filter(|units| *units > 0)
    }

    /// Price units as 10^-9 USD, rounded down: exact where a tick is a multiple of 256.
    fn nano_of(&self, units: u32) -> i128 {
        (i128::from(units) * i128::from(self.tick_nano)) >> PRICE_BITS
    }

    /// What a fill is worth; `None` if the price is not positive or the arrival price is not known.
    pub fn worth(&self, side: Side, contracts: i64, price: Price9, arrival: u32, is_taker: bool) -> Option<Worth> {
        let (price, arrival) = (i128::from(price.0), self.nano_of(arrival));
        if price <= 0 || arrival <= 0 || contracts < 0 {
            return None;
        }
        let fee_nano = i128::from(if is_taker { self.taker_fee_nano } else { self.maker_fee_nano });
        let size = i128::from(contracts).checked_mul(i128::from(self.contract_nano))?.checked_mul(1 << COIN_BITS)?;
        let sign = if side == Side::Buy { 1 } else { -1 };
        // `size` is in 10^-9 2^-32 of a USD or a coin: divided by a price in 10^-9 it is in 2^-32 coin.
        let (value, fee, slippage) = match self.payoff {
            Payoff::Inverse => {
                let (value, fair) = (size / price, size / arrival);
                (value, (value.checked_mul(fee_nano)?).div_euclid(NANO), fair - value)
            }
            Payoff::Linear => {
                let coin = size / NANO;
                let slippage = coin.checked_mul(price - arrival)? / price;
                (0, (coin.checked_mul(fee_nano)?).div_euclid(NANO), slippage)
            }
        };
        let coin = if self.payoff == Payoff::Inverse { sign * value - fee } else { 0 };
        let paid = match self.payoff {
            Payoff::Inverse => 0,
            Payoff::Linear => {
                let value = i128::from(contracts).checked_mul(i128::from(self.contract_nano))?.checked_mul(price)?;
                let (value, fee) = (value / NANO_SQUARED_IN_MICRO, value / NANO * fee_nano / NANO_SQUARED_IN_MICRO);
                i64::try_from(sign * value + fee).unwrap_or(i64::MAX)
            }
        };
        Some(Worth { coin: coin_of(coin), cost: coin_of(fee + sign * slippage), paid })
    }
}
