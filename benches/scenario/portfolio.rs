//! A seeded portfolio of inverse options in floats: what the integer rows and the float64 bar are both made from.

use hedgewire_abi::command::{WriteRow, code};

#[path = "../bar/mod.rs"]
mod bar;

pub use bar::{Float64Rows, FloatRow};

/// kd: delta weights are in 2^-16 coin, so that 4,096 rows of double size fit the sum of weights.
pub const DELTA_BITS: i8 = 16;
/// kg.
pub const GAMMA_BITS: i8 = DELTA_BITS - 4;
/// kv.
pub const VEGA_BITS: i8 = DELTA_BITS;

/// A small, seeded generator of numbers (xorshift64): figures must not depend on a crate's stream.
pub struct Numbers(u64);

impl Numbers {
    /// A stream; `seed` may not be zero.
    pub fn new(seed: u64) -> Self {
        assert!(seed != 0);
        Self(seed)
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// An integer below `limit`, a small number.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.word() >> 20) % limit
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One option row.
#[derive(Debug, Clone, Copy)]
pub struct OptionRow {
    /// Slope of u per unit of log price.
    pub a: f64,
    /// Intercept of u.
    pub b: f64,
    /// Weights: delta, gamma, vega in coin.
    pub weight: [f64; 3],
    /// Whether it is a put.
    pub is_put: bool,
}

/// `count` inverse options: a day to three years, 30 to 100 % vol, near the money, 0.1 to 50 coins.
pub fn options(count: usize, seed: u64) -> Vec<OptionRow> {
    let mut numbers = Numbers::new(seed);
    (0..count).map(|_| option(&mut numbers)).collect()
}

fn option(numbers: &mut Numbers) -> OptionRow {
    let tau = 1.0 / 365.0 + numbers.unit() * 3.0;
    let deviation = (0.3 + 0.7 * numbers.unit()) * tau.sqrt();
    let log_moneyness = (numbers.unit() * 2.0 - 1.0) * 1.25 * deviation;
    let sign = if numbers.word() >> 63 == 0 { 1.0 } else { -1.0 };
    let quantity = sign * 10f64.powf(numbers.unit() * 2.7 - 1.0);
    let delta = quantity * (-log_moneyness).exp();
    let (a, b) = (1.0 / deviation, log_moneyness / deviation - 0.5 * deviation);
    OptionRow { a, b, weight: [delta, delta * a, delta * tau.sqrt()], is_put: numbers.word() >> 63 == 0 }
}

/// The row at `slot`; an empty one where there is no option.
pub fn row_command(slot: u32, option: Option<&OptionRow>) -> WriteRow {
    let Some(option) = option else { return WriteRow { slot, ..WriteRow::default() } };
    let weight = |value: f64, bits: i8| (value * 2f64.powi(i32::from(bits))).round() as i32;
    WriteRow {
        row_kind: if option.is_put { code::PUT } else { code::CALL },
        slot,
        a: (option.a * 2f64.powi(18)).round() as u32,
        omega_delta: weight(option.weight[0], DELTA_BITS),
        omega_gamma: weight(option.weight[1], GAMMA_BITS),
        omega_vega: weight(option.weight[2], VEGA_BITS),
        b: (option.b * 2f64.powi(34)).round() as i64,
        ..WriteRow::default()
    }
}

/// The same options for the bar.
pub fn float64_rows(count: usize, seed: u64) -> Float64Rows {
    let mut rows = Float64Rows::new();
    for option in options(count, seed) {
        let [w_delta, w_gamma, w_vega] = option.weight;
        rows.push(FloatRow { a: option.a, b: option.b, w_delta, w_gamma, w_vega });
    }
    rows
}
