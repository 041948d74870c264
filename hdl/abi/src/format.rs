//! Number formats of the hedge kernel, its one rounding rule and its one saturation rule.
//!
//! All arithmetic is on two's-complement integers. A product is formed at full width and then
//! floored by a right shift ([`floor_shift`]), weights alone with half a unit added before; a value that leaves its format is clamped
//! symmetrically and raises a flag ([`saturate`]). Nothing wraps.

use core::ops::RangeInclusive;

use crate::record::fnv1a;

/// The one rounding rule: a right shift of the full-width value, towards minus infinity.
#[inline(always)]
pub const fn floor_shift(value: i128, shift: u32) -> i128 {
    value >> shift
}

/// The one saturation rule: clamps to `+-(2^bits - 1)` and says whether it had to.
#[inline(always)]
pub const fn saturate(value: i128, bits: u32) -> (i64, bool) {
    let narrow = value as i64;
    // Nearly every value fits, and 64 bits are enough to see it.
    if narrow as i128 == value && narrow.unsigned_abs() < 1 << bits {
        (narrow, false)
    } else {
        (limit_towards(value, bits), true)
    }
}

/// The end of the symmetric range of `bits` bits on the side of `value`.
#[cold]
const fn limit_towards(value: i128, bits: u32) -> i64 {
    let limit = ((1u64 << bits) - 1) as i64;
    if value > 0 { limit } else { -limit }
}

/// Fraction bits of a price unit: a price is in tick / 2^8.
pub const PRICE_BITS: u32 = 8;
/// Fraction bits of `x = ln(price / price_ref)`.
pub const X_BITS: u32 = 32;
/// Largest `|x|`, 0.49: the price stays within 0.613 and 1.632 of the reference.
pub const X_MAX: i64 = 2_104_533_975;
/// Fraction bits of `a = 1/(sigma sqrt tau)`.
pub const A_BITS: u32 = 18;
/// Largest `a`; a row that reaches it is counted as saturated.
pub const A_MAX: u32 = 0x7fff_ffff;
/// Fraction bits of the intercept `b` on the wire.
pub const B_BITS: u32 = 34;
/// Largest `|b|` on the wire, 4023: `a x + b` then stays below 2^13.
pub const B_MAX: i64 = 4023 << B_BITS;
/// Fraction bits of `u = a x + b`.
pub const U_BITS: u32 = A_BITS + X_BITS;
/// Fraction bits of `|u|` at the table.
pub const M_BITS: u32 = 28;
/// Entries of the table of Phi and phi.
pub const TABLE_ENTRIES: usize = 1025;
/// Fraction bits of `Phi(u) - 1/2`.
pub const PHI_BITS: u32 = 29;
/// Fraction bits of `phi(u)`.
pub const DENSITY_BITS: u32 = 30;
/// Fraction bits of `e^-x` and, at a node, of `price_ref / price`.
pub const RATIO_BITS: u32 = 31;
/// Fraction bits of `e^(-x/2)` and `e^(x/2)`.
pub const HALF_RATIO_BITS: u32 = 29;
/// Fraction bits of `step / price`.
pub const STEP_RATIO_BITS: u32 = 40;
/// Bits that a ladder value has below the weights: deltas are in 2^-(kd + 7) coin.
pub const GUARD_BITS: u32 = 7;
/// Width of a ladder value's magnitude.
pub const VALUE_BITS: u32 = 43;
/// Width of the magnitude of gamma, in ladder units and in contracts.
pub const GAMMA_BITS: u32 = 47;
/// Fraction bits of the position in an interval.
pub const FRACTION_BITS: u32 = 16;
/// Fraction bits of an exposure or band, in contracts.
pub const CONTRACT_BITS: u32 = 16;
/// Width of the magnitude of an exposure.
pub const EXPOSURE_BITS: u32 = 55;
/// Fraction bits of a coin amount on the wire.
pub const COIN_BITS: u32 = 32;
/// Width of the magnitude of a coin amount on the wire.
pub const COIN_MAGNITUDE_BITS: u32 = 62;
/// Width of the magnitude of a coin amount in ladder units: delta + cash - target then fits 63 bits.
pub const COIN_LADDER_BITS: u32 = 61;
/// Weights are below 2^31 in size; the sum of their sizes in a bank stays below this (AMM rows and
/// constants count four and two times), so that a sum over all rows fits 63 bits unrounded.
pub const GROSS_MAX: i64 = 1 << 34;
/// Largest edge of a range row, 2^-29: no price that the rows reach gets there.
pub const EDGE_MAX: i64 = 1 << 31;
/// Fraction bits that weights may have: kd, kg and kv.
pub const WEIGHT_BITS: RangeInclusive<i32> = -24..=48;
/// What `kg + 23 - kd`, the cut from gamma sums to ladder units, may be.
pub const GAMMA_CUT: RangeInclusive<i32> = 0..=62;
/// Largest right shift of quantity times per-lot weight.
pub const WEIGHT_SHIFT_MAX: u8 = 62;
/// Largest shift of the delta-to-contract factor.
pub const CONTRACT_SHIFT_MAX: u8 = 120;
/// Largest shift of the band's factor.
pub const BAND_SHIFT_MAX: u8 = 60;
/// log2 of the step of a ladder, price units.
pub const STEP_SHIFT: RangeInclusive<u8> = 4..=16;
/// Slots come in blocks of this many.
pub const SLOT_BLOCK: u32 = 64;
/// Orders that the ledger of an underlying can hold.
pub const ORDER_SLOTS: usize = 16;
/// Largest position of the hedge instrument, contracts.
pub const POSITION_MAX: i64 = 1 << 36;
/// Largest order, contracts.
pub const ORDER_MAX: u32 = 1 << 26;
/// Largest quantity of a slot, lots.
pub const QUANTITY_MAX: i32 = (1 << 30) - 1;
/// Largest band, 2^-16 contract: 2^27 contracts.
pub const BAND_MAX: u64 = 1 << 43;
/// Largest factor on the band, 2^-16: band times factor then fits 63 bits.
pub const BAND_SCALE_MAX: u32 = 1 << 20;
/// Longest duration in a limit, ns (about 73 years).
pub const DURATION_MAX_NS: u64 = 1 << 61;

/// A number format, for the generated table.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// What the number is.
    pub name: &'static str,
    /// Storage.
    pub storage: &'static str,
    /// Fraction bits, or the formula for them.
    pub unit: &'static str,
    /// Range.
    pub range: &'static str,
    /// Why.
    pub why: &'static str,
}

macro_rules! formats {
    ($($name:literal $storage:literal $unit:literal $range:literal $why:literal;)*) => {
        /// All formats, for readers.
        pub const FORMATS: &[Format] = &[$(Format { name: $name, storage: $storage, unit: $unit, range: $range, why: $why }),*];
    };
}

formats! {
    "price" "u32" "tick / 2^8" "1 .. 2^32 - 1" "mids and microprices are exact";
    "x = ln(price / price_ref)" "i32" "2^-32" "size <= 0.49" "beyond it the rows are refused: REF_TOO_FAR";
    "a = 1/(sigma sqrt tau)" "u32" "2^-18" "< 2^31, that is 8192" "sigma sqrt tau of 1.22e-4 and more";
    "b" "i64" "2^-34" "size <= 4023" "a clamped b saturates for every legal x, so clamping is exact";
    "u = a x + b" "i64" "2^-50" "size < 2^13" "63 bits are enough";
    "Phi(u) - 1/2" "i32" "2^-29" "size <= 2^28" "odd by construction: put-call parity is exact in node sums";
    "phi(u)" "i32" "2^-30" "0 .. 428345379" "shares a 64-bit table word with Phi";
    "weights" "i32" "2^-kd, 2^-kg, 2^-kv coin" "size < 2^31, sum of sizes < 2^34" "sums over rows are exact in 63 bits";
    "per-lot weights omega" "i32" "2^-(k + shift)" "size < 2^31" "weight = (quantity omega + half) >> shift: to the nearest";
    "node sums" "i64" "2^-(kd+29), 2^-(kg+30), 2^-(kv+30) coin" "size < 2^63" "never rounded, so their order does not matter";
    "r = price_ref / price" "u32" "2^-31" "0.613 .. 1.632" "is e^-x: no exponential unit";
    "e^(-x/2), e^(x/2)" "u32" "2^-29" "0.78 .. 1.28" "AMM rows are a clamp of these";
    "step / price" "u64" "2^-40" "< 1/64" "turns a slope per log price into one per step";
    "delta, slope" "i64" "2^-(kd+7) coin" "size < 2^43" "a saturated slope flags its intervals for the exact pass";
    "cubic c0..c3" "i64" "2^-(kd+7) coin" "size <= 9 2^43" "Horner stays below 2^63";
    "fraction t" "u16" "2^-16" "0 .. 1" "exact, because a step is at most 2^16 price units";
    "gamma" "i64" "2^-(kd+7) coin" "size < 2^47" "change of delta per unit of log price";
    "vega" "i64" "2^-(kv+7) coin per 1.00 vol" "size < 2^43" "in coin in both groups";
    "exposure, band" "i64" "2^-16 contract" "size < 2^55" "orders and positions are integers in it";
    "coin on the wire" "i64" "2^-32 coin" "size < 2^62" "does not depend on a bank";
}

/// Every number above that two implementations must share; the hash follows them.
const NUMBERS: &[i128] = &[
    PRICE_BITS as i128,
    X_BITS as i128,
    X_MAX as i128,
    A_BITS as i128,
    A_MAX as i128,
    B_BITS as i128,
    B_MAX as i128,
    M_BITS as i128,
    TABLE_ENTRIES as i128,
    PHI_BITS as i128,
    DENSITY_BITS as i128,
    RATIO_BITS as i128,
    HALF_RATIO_BITS as i128,
    STEP_RATIO_BITS as i128,
    GUARD_BITS as i128,
    VALUE_BITS as i128,
    GAMMA_BITS as i128,
    FRACTION_BITS as i128,
    CONTRACT_BITS as i128,
    EXPOSURE_BITS as i128,
    COIN_BITS as i128,
    COIN_MAGNITUDE_BITS as i128,
    COIN_LADDER_BITS as i128,
    GROSS_MAX as i128,
    EDGE_MAX as i128,
    *WEIGHT_BITS.start() as i128,
    *WEIGHT_BITS.end() as i128,
    *GAMMA_CUT.end() as i128,
    WEIGHT_SHIFT_MAX as i128,
    CONTRACT_SHIFT_MAX as i128,
    BAND_SHIFT_MAX as i128,
    *STEP_SHIFT.start() as i128,
    *STEP_SHIFT.end() as i128,
    SLOT_BLOCK as i128,
    ORDER_SLOTS as i128,
    POSITION_MAX as i128,
    ORDER_MAX as i128,
    QUANTITY_MAX as i128,
    BAND_MAX as i128,
    BAND_SCALE_MAX as i128,
    DURATION_MAX_NS as i128,
];

/// Hashes the numbers, and the formats' names, units and ranges.
pub(crate) const fn hash_formats(mut hash: u64) -> u64 {
    let mut i = 0;
    while i < NUMBERS.len() {
        hash = fnv1a(hash, &NUMBERS[i].to_le_bytes());
        i += 1;
    }
    i = 0;
    while i < FORMATS.len() {
        hash = fnv1a(hash, FORMATS[i].name.as_bytes());
        hash = fnv1a(hash, FORMATS[i].storage.as_bytes());
        hash = fnv1a(hash, FORMATS[i].unit.as_bytes());
        hash = fnv1a(hash, FORMATS[i].range.as_bytes());
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_shift_equals_its_definition_for_all_8_bit_values() {
        for value in -128..=127i128 {
            for shift in 0..8 {
                assert_eq!(floor_shift(value, shift), value.div_euclid(1 << shift));
            }
        }
    }

    #[test]
    fn saturate_equals_its_definition_for_all_8_bit_values() {
        for value in -128..=127i128 {
            for bits in 1..7 {
                let limit = (1 << bits) - 1;
                let expected = value.clamp(-limit, limit);
                assert_eq!(saturate(value, bits), (expected as i64, expected != value));
            }
        }
    }
}
