//! Prices in USD and in the kernel's price units.
//!
//! A price unit is tick / 256, so that mids and microprices are exact; a price is a `u32` of at least
//! 1 (`hedgewire_abi::format::PRICE_BITS`).

use hedgewire_abi::format::PRICE_BITS;
use thiserror::Error;

/// Why a price has no place on the kernel's scale.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum PriceError {
    /// The tick is no price increment.
    #[error("the tick {0} USD is not positive and finite; take it from the instrument's definition")]
    Tick(f64),
    /// The price is no price.
    #[error("the price {0} USD is not positive and finite; check the feed")]
    NotPositive(f64),
    /// Less than half a price unit.
    #[error("the price {price_usd} USD is below the smallest price unit, {unit_usd} USD; the tick is too large for it")]
    TooSmall {
        /// The price, USD.
        price_usd: f64,
        /// A price unit, USD.
        unit_usd: f64,
    },
    /// Beyond 32 bits.
    #[error(
        "the price {price_usd} USD is above the largest one, {limit_usd} USD at this tick; the tick is too small for it"
    )]
    TooLarge {
        /// The price, USD.
        price_usd: f64,
        /// The largest price, USD.
        limit_usd: f64,
    },
}

/// The price unit of an instrument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriceUnit {
    usd: f64,
}

impl PriceUnit {
    /// The unit of an instrument whose price increment is `tick_usd`.
    ///
    /// # Errors
    /// [`PriceError::Tick`] if the tick is not positive and finite.
    pub fn of_tick(tick_usd: f64) -> Result<Self, PriceError> {
        let usd = tick_usd / f64::from(1u32 << PRICE_BITS);
        if usd > 0.0 && usd.is_finite() { Ok(Self { usd }) } else { Err(PriceError::Tick(tick_usd)) }
    }

    /// USD per price unit.
    pub fn usd(&self) -> f64 {
        self.usd
    }

    /// The price unit nearest to a price.
    ///
    /// # Errors
    /// [`PriceError`] if the price is not positive, or outside 1 .. 2^32 - 1 units.
    pub fn to_units(&self, price_usd: f64) -> Result<u32, PriceError> {
        if !(price_usd > 0.0 && price_usd.is_finite()) {
            return Err(PriceError::NotPositive(price_usd));
        }
        let units = (price_usd / self.usd).round();
        if units < 1.0 {
            Err(PriceError::TooSmall { price_usd, unit_usd: self.usd })
        } else if units > f64::from(u32::MAX) {
            Err(PriceError::TooLarge { price_usd, limit_usd: self.to_usd(u32::MAX) })
        } else {
            Ok(units as u32)
        }
    }

    /// The price in USD of a number of price units.
    pub fn to_usd(&self, units: u32) -> f64 {
        f64::from(units) * self.usd
    }
}
