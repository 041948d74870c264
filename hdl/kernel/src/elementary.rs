//! Elementary functions in integers: logarithm of a price, ratios of prices, cube root.
//!
//! Each has a counterpart on the card with the same name. They run when a node is made, never when
//! a quote is answered from the ladder.

use hedgewire_abi::format::{HALF_RATIO_BITS, RATIO_BITS, STEP_RATIO_BITS, X_MAX};

use crate::tables::LogTable;

/// ln 2, 2^-40.
pub const LN_2: i64 = 762_123_384_786;
/// 1/3, 2^-40.
pub const THIRD: i64 = 366_503_875_925;

/// Natural logarithm of a positive price, 2^-40; error below 1e-11.
///
/// Mantissa by leading zeros, centre of one of 256 parts from the table, and four terms of
/// ln(1 + z) for the rest, |z| < 2^-8.9.
#[inline]
pub fn ln(table: &LogTable, price: u32) -> i64 {
    let zeros = price.leading_zeros();
    let mantissa = u64::from(price) << zeros;
    let part = ((mantissa >> 23) & 255) as usize;
    let z = (mantissa.wrapping_mul(table.reciprocal[part]).wrapping_sub(1 << 63) as i64) >> 23;
    let z2 = (z * z) >> 40;
    let z3 = (z2 * z) >> 40;
    let z4 = (z2 * z2) >> 40;
    let series = z - (z2 >> 1) + ((z3 * THIRD) >> 40) - (z4 >> 2);
    (31 - i64::from(zeros)) * LN_2 + table.log[part] + series
}

/// `x = ln(price / price_ref)`, 2^-32, or `None` where the rows do not reach.
#[inline]
pub fn log_ratio(table: &LogTable, price: u32, price_ref: u32) -> Option<i32> {
    let x = (ln(table, price) - ln(table, price_ref) + 128) >> 8;
    (x.abs() <= X_MAX).then_some(x as i32)
}

/// What a node needs to know of its price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ratios {
    /// `ln(price / price_ref)`, 2^-32.
    pub x: i32,
    /// `price_ref / price = e^-x`, 2^-31, floored.
    pub inverse: u32,
    /// `e^(-x/2)`, 2^-29, floored.
    pub half_down: u32,
    /// `e^(x/2)`, 2^-29, floored.
    pub half_up: u32,
}

impl Ratios {
    /// The ratios at `price`, or `None` where the rows do not reach.
    #[inline]
    pub fn new(table: &LogTable, price: u32, price_ref: u32) -> Option<Self> {
        let x = log_ratio(table, price, price_ref)?;
        let inverse = (u64::from(price_ref) << RATIO_BITS) / u64::from(price);
        let direct = (u64::from(price) << RATIO_BITS) / u64::from(price_ref);
        let root = |ratio: u64| ((ratio << RATIO_BITS).isqrt() >> (RATIO_BITS - HALF_RATIO_BITS)) as u32;
        Some(Self { x, inverse: inverse as u32, half_down: root(inverse), half_up: root(direct) })
    }
}

/// `step / price`, 2^-40, floored; the step is below price/64.
#[inline]
pub fn step_ratio(step_shift: u32, price: u32) -> u64 {
    (1u64 << (step_shift + STEP_RATIO_BITS)) / u64::from(price)
}

/// Cube root, with 20 or 21 leading bits exact and zeros below: `floor(cbrt(n >> 3e)) << e` for the
/// smallest `e` that brings `n` below 2^63.
///
/// Relative error below 2^-20, which is far below what is known of the risk aversion behind it.
#[inline]
pub fn cube_root(n: u128) -> u64 {
    let excess = (128 - n.leading_zeros()).saturating_sub(63).div_ceil(3);
    cube_root_63((n >> (3 * excess)) as u64) << excess
}

/// Floor of the cube root of a number below 2^63.
///
/// A line between two of 257 roots gives fifteen bits, one Newton step the rest, a comparison the last
/// unit.
#[inline]
pub fn cube_root_63(n: u64) -> u64 {
    if n == 0 {
        return 0;
    }
    // Bring n to [2^60, 2^63) by a power of eight, and the root back by the power of two.
    let lift = (n.leading_zeros() - 1) / 3;
    let m = n << (3 * lift);
    let (part, fraction) = ((m >> 55) as usize, (m >> 39) & 0xffff);
    let (low, high) = (u64::from(CUBE_ROOTS[part]), u64::from(CUBE_ROOTS[part + 1]));
    let line = low + (((high - low) * fraction) >> 16);
    let mut root = ((2 * line + m / (line * line)) / 3) >> lift;
    // root^3 stays below 2^64: root < 2^21 + 1.
    while root * root * root > n {
        root -= 1;
    }
    while (root + 1) * (root + 1) * (root + 1) <= n {
        root += 1;
    }
    root
}

/// Roots at the ends of 256 parts of [0, 2^63).
static CUBE_ROOTS: [u32; 257] = {
    let mut table = [0u32; 257];
    let mut i = 0;
    while i < table.len() {
        let n = (i as u64) << 55;
        let mut root = 0u64;
        let mut bit = 1u64 << 20;
        while bit > 0 {
            let next = root | bit;
            if next * next * next <= n {
                root = next;
            }
            bit >>= 1;
        }
        table[i] = root as u32;
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn bitwise_root(n: u64) -> u64 {
        let mut root = 0u64;
        for bit in (0..21).rev() {
            let next = root | (1 << bit);
            if u128::from(next).pow(3) <= u128::from(n) {
                root = next;
            }
        }
        root
    }

    #[test]
    fn cube_root_equals_its_definition_on_small_numbers_cubes_and_random_ones() {
        for n in 0..100_000u64 {
            assert_eq!(cube_root_63(n), bitwise_root(n), "n={n}");
        }
        let mut state = 88_172_645_463_325_252u64;
        for i in 0..200_000u64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let n = state >> (1 + i % 60);
            assert_eq!(cube_root_63(n), bitwise_root(n), "n={n}");
            let cube = (state >> 43).pow(3);
            for n in [cube.saturating_sub(1), cube, cube + 1] {
                let n = n.min((1 << 63) - 1);
                assert_eq!(cube_root_63(n), bitwise_root(n), "n={n}");
            }
        }
        assert_eq!(cube_root_63((1 << 63) - 1), bitwise_root((1 << 63) - 1));
    }

    #[test]
    fn wide_cube_root_keeps_twenty_bits() {
        for shift in 0..126 {
            let n = (0x1234_5678_9abc_def0_1234_5678_9abc_def0u128 >> 1) >> shift;
            let root = cube_root(n) as f64;
            let exact = (n as f64).cbrt();
            assert!((root - exact).abs() <= exact / (1 << 20) as f64 + 1.0, "shift {shift}: {root} {exact}");
        }
    }

    #[test]
    fn logarithm_is_within_a_thirtieth_of_a_unit_of_x() {
        let table = LogTable::new();
        let mut worst = 0f64;
        for price in (1..=u32::MAX).step_by(4099) {
            let error = ln(&table, price) as f64 / (1u64 << 40) as f64 - f64::from(price).ln();
            worst = worst.max(error.abs());
        }
        assert!(worst < 1e-11, "{worst:e}");
    }

    #[test]
    fn ratios_agree_with_the_logarithm() {
        let table = LogTable::new();
        for price in (6_200_000..16_000_000).step_by(1_237) {
            let ratios = Ratios::new(&table, price, 10_000_000).expect("inside the range");
            let x = f64::from(ratios.x) / (1u64 << 32) as f64;
            assert!((f64::from(ratios.inverse) / (1u64 << 31) as f64 - (-x).exp()).abs() < 1e-9);
            assert!((f64::from(ratios.half_down) / (1u64 << 29) as f64 - (-x / 2.0).exp()).abs() < 4e-9);
            assert!((f64::from(ratios.half_up) / (1u64 << 29) as f64 - (x / 2.0).exp()).abs() < 4e-9);
        }
        assert_eq!(Ratios::new(&table, 20_000_000, 10_000_000), None);
    }
}
