//! The constant tables of the kernel: normal distribution and logarithm.
//!
//! They are computed once, at start, with the pure-Rust `libm`, so every machine holds the same
//! bits; a test pins their hash. After that nothing in this crate touches a float.

use hedgewire_abi::format::{DENSITY_BITS, M_BITS, PHI_BITS, TABLE_ENTRIES};

/// Table steps per unit of `u`, as a power of two.
pub const STEP_BITS: u32 = 7;
/// Half a table step, in the format of `|u|` at the table (2^-28).
pub const HALF_STEP: u64 = 1 << (M_BITS - STEP_BITS - 1);

/// Entry `i` holds, for `u = i/128`, `Phi(u) - 1/2` in its low half (2^-29, with half a unit added
/// to centre the floors of the row kernel, but exactly 0 at 0 and 2^28 at saturation) and `phi(u)`
/// in its high half (2^-30): one 64-bit load gets both.
#[repr(C, align(64))]
pub struct NormalTable(pub [u64; TABLE_ENTRIES]);

/// Reciprocals and logarithms of 256 mantissas.
pub struct LogTable {
    /// 1/c for the centre c of each of 256 parts of [1, 2), 2^-32.
    pub reciprocal: [u64; 256],
    /// ln of the exact reciprocal of the stored `reciprocal`, 2^-40.
    pub log: [i64; 256],
}

impl NormalTable {
    /// Computes the table.
    pub fn new() -> Box<Self> {
        let mut table = Box::new(Self([0; TABLE_ENTRIES]));
        for (i, entry) in table.0.iter_mut().enumerate() {
            let u = i as f64 / f64::from(1u32 << STEP_BITS);
            *entry = half_phi(u) | (density(u) << 32);
        }
        table
    }
}

/// `Phi(u) - 1/2` as the table stores it.
fn half_phi(u: f64) -> u64 {
    if u == 0.0 {
        return 0;
    }
    let exact = 0.5 - 0.5 * libm::erfc(u * core::f64::consts::FRAC_1_SQRT_2);
    let rounded = libm::round(exact * f64::from(1u32 << PHI_BITS) + 0.5) as u64;
    rounded.min(1 << (PHI_BITS - 1))
}

/// `phi(u)` as the table stores it.
fn density(u: f64) -> u64 {
    let inverse_sqrt_two_pi = 0.398_942_280_401_432_7;
    libm::round(libm::exp(-0.5 * u * u) * inverse_sqrt_two_pi * f64::from(1u32 << DENSITY_BITS)) as u64
}

impl LogTable {
    /// Computes the table.
    pub fn new() -> Box<Self> {
        let mut table = Box::new(Self { reciprocal: [0; 256], log: [0; 256] });
        for i in 0..256 {
            let centre = 1.0 + (i as f64 + 0.5) / 256.0;
            let reciprocal = libm::round((1u64 << 32) as f64 / centre);
            table.reciprocal[i] = reciprocal as u64;
            table.log[i] = libm::round(-libm::log(reciprocal / (1u64 << 32) as f64) * (1u64 << 40) as f64) as i64;
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fnv1a(words: impl Iterator<Item = u64>) -> u64 {
        words
            .flat_map(u64::to_le_bytes)
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }

    #[test]
    fn tables_are_the_same_bits_everywhere() {
        let normal = NormalTable::new();
        let log = LogTable::new();
        assert_eq!(fnv1a(normal.0.iter().copied()), NORMAL_HASH);
        let words = log.reciprocal.iter().copied().chain(log.log.iter().map(|&l| l as u64));
        assert_eq!(fnv1a(words), LOG_HASH);
    }

    const NORMAL_HASH: u64 = 11_401_807_363_362_473_343;
    const LOG_HASH: u64 = 2_647_281_375_181_040_855;

    #[test]
    fn table_ends_are_exact() {
        let normal = NormalTable::new();
        assert_eq!(normal.0[0] as u32, 0);
        assert_eq!(normal.0[TABLE_ENTRIES - 1], 1 << (PHI_BITS - 1));
    }
}
