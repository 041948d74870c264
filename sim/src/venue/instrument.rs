//! Instruments of the venue: terms, state, mark. Prices are 10^-9, quantities mantissas at the instrument's exponent.

use super::codes::instrument_status;

/// What an instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A perpetual future.
    Perpetual,
    /// A future with an expiry, ns.
    DatedFuture {
        /// Expiry, ns since the epoch.
        expiry_ns: i64,
    },
    /// An option.
    Option {
        /// Expiry, ns since the epoch.
        expiry_ns: i64,
        /// Strike, 10^-9.
        strike: i64,
        /// A put, else a call.
        is_put: bool,
    },
}

/// An index: what instruments follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The venue's number, also that of the currency pair.
    pub id: i64,
    /// Name, such as `btc_usd`.
    pub name: String,
    /// Price, 10^-9.
    pub price: i64,
}

/// Terms and state of an instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// The venue's number.
    pub id: i64,
    /// Name, such as `BTC-PERPETUAL`.
    pub name: String,
    /// Its index, by place in the settings.
    pub index: usize,
    /// Its multicast channel.
    pub channel_id: i32,
    /// What it is.
    pub kind: Kind,
    /// Whether it is margined and paid in coin.
    pub is_inverse: bool,
    /// Whether aggressing orders wait for the speed bump.
    pub is_bumped: bool,
    /// Price step, 10^-9.
    pub tick: i64,
    /// Smallest quantity and quantity step, mantissa.
    pub min_quantity: i64,
    /// Power of ten of quantities.
    pub quantity_exponent: i8,
    /// What quantities are in.
    pub quantity_asset: String,
    /// What prices are in.
    pub price_asset: String,
    /// How far orders may be from the mark, 10^-6.
    pub band_ppm: i64,
    /// How far the fair price moves for a move of the index, 10^-9 of price per 10^-9 of index, 10^-9.
    pub sensitivity_nano: i64,
    /// Mark price, 10^-9; without one nothing can be ordered.
    pub mark: Option<i64>,
    /// State, as on the wire.
    pub status: i8,
}

const PPM: i64 = 1_000_000;

impl Instrument {
    /// An inverse perpetual, quoted in USD, ordered in multiples of 10 USD. `base` is `BTC` or `ETH`, whose inverse
    /// perpetuals alone have no speed bump, or another coin.
    pub fn inverse_perpetual(id: i64, base: &str, index: usize, channel_id: i32, tick: i64, mark: i64) -> Self {
        Self {
            id,
            name: format!("{base}-PERPETUAL"),
            index,
            channel_id,
            kind: Kind::Perpetual,
            is_inverse: true,
            is_bumped: !matches!(base, "BTC" | "ETH"),
            tick,
            min_quantity: 10,
            quantity_exponent: 0,
            quantity_asset: "USD".into(),
            price_asset: "USD".into(),
            band_ppm: 15_000,
            sensitivity_nano: 1_000_000_000,
            mark: Some(mark),
            status: instrument_status::OPEN,
        }
    }

    /// The same underlying with an expiry: bumped.
    pub fn dated_future(self, id: i64, name: &str, expiry_ns: i64, mark: i64) -> Self {
        let kind = Kind::DatedFuture { expiry_ns };
        Self { id, name: name.into(), kind, is_bumped: true, band_ppm: 50_000, mark: Some(mark), ..self }
    }

    /// An inverse option on the same underlying, quoted in coin, ordered in tenths of a coin.
    pub fn inverse_option(self, id: i64, name: &str, kind: Kind, mark: i64, sensitivity_nano: i64) -> Self {
        let asset = name.split('-').next().unwrap_or_default().to_owned();
        Self {
            id,
            name: name.into(),
            kind,
            is_bumped: true,
            tick: 100_000,
            min_quantity: 1,
            quantity_exponent: -1,
            quantity_asset: asset.clone(),
            price_asset: asset,
            // An option of little worth moves by multiples.
            band_ppm: 900_000,
            sensitivity_nano,
            mark: Some(mark),
            ..self
        }
    }

    /// Lowest price to sell at and highest to buy at, 10^-9 and whole ticks.
    pub fn band(&self) -> Option<(i64, i64)> {
        let mark = self.mark?;
        let width = i64::try_from(i128::from(mark) * i128::from(self.band_ppm) / i128::from(PPM)).ok()?.max(self.tick);
        let low = (mark - width).max(self.tick);
        let up = (low + self.tick - 1) / self.tick * self.tick;
        Some((up, (mark.saturating_add(width)) / self.tick * self.tick))
    }

    /// The nearest price of whole ticks at or below, at least one tick.
    pub fn floor(&self, price: i64) -> i64 {
        (price.div_euclid(self.tick) * self.tick).max(self.tick)
    }

    /// Whether orders are taken.
    pub fn is_open(&self) -> bool {
        self.status == instrument_status::OPEN
    }
}
