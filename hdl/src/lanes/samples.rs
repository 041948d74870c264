//! Seeded words and rows for the tests of this part.

use hedgewire_abi::command::code;
use hedgewire_abi::format::{A_MAX, B_BITS, B_MAX, EDGE_MAX, U_BITS, X_MAX};
use hedgewire_kernel::elementary::Ratios;
use hedgewire_kernel::row::{Shape, Sums};

use crate::record;
use crate::signal::U;

/// Numbers from a seed.
pub struct Random(u64);

impl Random {
    /// The seed must not be 0.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }

    /// One of some numbers.
    pub fn one_of<T: Copy>(&mut self, numbers: &[T]) -> T {
        numbers[self.below(numbers.len() as u64) as usize]
    }

    /// All ones, zero, one bit, small or random.
    pub fn word(&mut self) -> i128 {
        let wide = (i128::from(self.bits() as i64) << 64) | i128::from(self.bits());
        match self.below(6) {
            0 => -1,
            1 => 0,
            2 => 1 << self.below(127),
            3 => wide >> self.below(128),
            4 => !(wide >> self.below(128)),
            _ => wide,
        }
    }

    /// A weight, or a change of one: below 2^`bits` in size.
    pub fn weight(&mut self, bits: u32) -> i64 {
        let limit = (1i64 << bits) - 1;
        match self.below(4) {
            0 => self.one_of(&[limit, -limit, 0, 1, -1]),
            _ => (self.bits() as i64) % limit,
        }
    }

    /// Ratios of a price within reach. Not all of them go together, which no row can tell.
    pub fn ratios(&mut self) -> Ratios {
        let x = match self.below(4) {
            0 => self.one_of(&[X_MAX, -X_MAX, X_MAX - 1, 1 - X_MAX, 0, 1, -1]),
            _ => (self.bits() as i64) % X_MAX,
        };
        let half = (x as f64 / f64::from(1 << 30) / 8.0).exp();
        let scale = f64::from(1 << 29);
        Ratios {
            x: x as i32,
            inverse: (scale * 4.0 / (half * half)) as u32,
            half_down: (scale / half) as u32,
            half_up: (scale * half) as u32,
        }
    }

    /// A row whose interesting places are near the price.
    pub fn shape(&mut self, at: &Ratios) -> Shape {
        let kind = self.one_of(&[
            code::CALL,
            code::PUT,
            code::CALL,
            code::PUT,
            code::RANGE,
            code::RANGE,
            code::EMPTY,
            code::CONSTANT,
        ]);
        let linear = self.below(2) == 1;
        match kind {
            code::CALL | code::PUT => {
                let a = match self.below(4) {
                    0 => self.one_of(&[0, 1, A_MAX, A_MAX - 1]),
                    1 => (self.bits() as u32) & A_MAX,
                    _ => (self.bits() as u32) >> (1 + self.below(20)),
                };
                let b = match self.below(4) {
                    0 => self.one_of(&[B_MAX, -B_MAX, B_MAX - 1, 1 - B_MAX, 0, 1, -1]),
                    // u within +-8 of the strike.
                    _ => {
                        let at_strike = -((i64::from(a) * i64::from(at.x)) >> (U_BITS - B_BITS));
                        let away = (self.bits() as i64) % (8 << B_BITS);
                        (at_strike + away).clamp(-B_MAX, B_MAX)
                    }
                };
                Shape { kind, linear, a, b: b << (U_BITS - B_BITS) }
            }
            code::RANGE => {
                let z = i64::from(if linear { at.half_down } else { at.half_up });
                let mut near = || match self.below(4) {
                    0 => self.one_of(&[0, EDGE_MAX, z]),
                    1 => z + self.one_of(&[-1, 0, 1]),
                    _ => z + (self.bits() as i64) % (1 << 27),
                };
                let (one, other) = (near().clamp(0, EDGE_MAX), near().clamp(0, EDGE_MAX));
                Shape { kind, linear, a: one.min(other) as u32, b: one.max(other) }
            }
            _ => Shape { kind, linear, a: 0, b: 0 },
        }
    }
}

/// Ratios on a wire.
pub fn wire_ratios(at: &Ratios) -> record::Ratios {
    let bits = |value: u32| U::new(u128::from(value));
    record::Ratios {
        x: bits(at.x as u32),
        inverse: bits(at.inverse),
        half_down: bits(at.half_down),
        half_up: bits(at.half_up),
    }
}

/// A row on a wire.
pub fn wire_row(shape: &Shape, weights: [i64; 3]) -> record::Row {
    let b = if shape.kind == code::RANGE { shape.b } else { shape.b >> (U_BITS - B_BITS) };
    let [delta, gamma, vega] = weights.map(|weight| U::new(i128::from(weight) as u128));
    record::Row {
        kind: U::new(u128::from(shape.kind)),
        linear: shape.linear,
        a: U::new(u128::from(shape.a)),
        b: U::new(i128::from(b) as u128),
        delta,
        gamma,
        vega,
    }
}

/// A contribution on a wire.
pub fn wire_contribution(linear: bool, sums: &Sums) -> record::Contribution {
    let bits = |value: i64| U::new(u128::from(value as u64));
    record::Contribution { linear, delta: bits(sums.delta), gamma: bits(sums.gamma), vega: bits(sums.vega) }
}
