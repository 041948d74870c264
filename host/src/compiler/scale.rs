//! Scales and quantisation: real rows, contract size and band as the integers of the wire.
//!
//! ```text
//!   weight of q lots = (q * omega + half) >> shift, in 2^-k coin      |omega| < 2^31, k one per Greek and bank
//! ```
//!
//! `k` is as large as the largest quantities allow: gross at most 2^33 and each weight at most 2^30,
//! half of what the kernel accepts, so that fills beyond them do not stop it at once. `omega` then
//! has as many bits as fit, so that a lot is as exact as a whole position.

use hedgewire_abi::command::{WriteRow, code};
use hedgewire_abi::format::{
    self, A_BITS, A_MAX, B_BITS, B_MAX, BAND_SHIFT_MAX, COIN_LADDER_BITS, CONTRACT_BITS, CONTRACT_SHIFT_MAX,
    DENSITY_BITS, EDGE_MAX, GAMMA_BITS, GUARD_BITS, HALF_RATIO_BITS,
};

use crate::compiler::row::{RealRow, Shape};
use crate::compiler::{Band, CompileError, HedgeInstrument, Holding, PriceUnit};
use crate::instrument::{Payoff, Right};

/// log2 of the largest gross, half of the kernel's limit.
const GROSS_BITS: f64 = 33.0;
/// log2 of the largest weight, half of the kernel's limit.
const WEIGHT_BITS: f64 = 30.0;
/// Fewest and most fraction bits of a weight that the kernel accepts.
const BITS_MIN: i32 = *format::WEIGHT_BITS.start();
const BITS_MAX: i32 = *format::WEIGHT_BITS.end();
/// The kernel shifts a gamma sum by `kg + GAMMA_CUT - kd`, which must be within 0 .. GAMMA_CUT_MAX.
const GAMMA_CUT: i32 = DENSITY_BITS as i32 - GUARD_BITS as i32;
const GAMMA_CUT_MAX: i32 = *format::GAMMA_CUT.end();
/// Largest right shift of a weight.
const SHIFT_MAX: i32 = format::WEIGHT_SHIFT_MAX as i32;

/// Fraction bits kd, kg, kv of the weights of a bank.
pub(super) fn choose_bits<'a>(
    rows: impl Iterator<Item = (&'a Holding, &'a RealRow)>,
    coin_max: f64,
) -> Result<[i32; 3], CompileError> {
    let (mut gross, mut largest) = ([0.0f64; 3], [0.0f64; 3]);
    for (holding, row) in rows {
        for (i, size) in row.size(holding).into_iter().enumerate() {
            gross[i] += size * gross_factor(&row.shape);
            largest[i] = largest[i].max(size);
        }
    }
    let widest = |i: usize| {
        let bits = (GROSS_BITS - gross[i].log2()).min(WEIGHT_BITS - largest[i].log2()).floor();
        (bits as i32).min(BITS_MAX)
    };
    // A coin amount must fit COIN_LADDER_BITS in 2^-(kd + 7), with one bit to spare.
    let coin_bits = COIN_LADDER_BITS as i32 - 1 - GUARD_BITS as i32 - coin_max.log2().ceil() as i32;
    let gamma = widest(1);
    // Gamma, in 2^-(kd + 7) coin, must fit GAMMA_BITS: densities are below 0.4, the drift below 1, both
    // times an e^-x of at most 1.64.
    let gamma_size = 1.64 * (0.4 * gross[1] + gross[0]);
    let gamma_room = (f64::from(GAMMA_BITS - GUARD_BITS) - libm::log2(gamma_size)).floor() as i32;
    let delta = widest(0).min(coin_bits).min(gamma_room).min(gamma.saturating_add(GAMMA_CUT));
    let gamma = gamma.min(delta.saturating_add(GAMMA_CUT_MAX - GAMMA_CUT));
    let bits = [delta, gamma, widest(2)];
    for (greek, bits) in ["delta", "gamma", "vega"].into_iter().zip(bits) {
        if bits < BITS_MIN {
            return Err(CompileError::GrossTooLarge { greek, bits });
        }
    }
    Ok(bits)
}

/// How often a weight counts towards the gross limit of the kernel.
fn gross_factor(shape: &Shape) -> f64 {
    match shape {
        Shape::Empty => 0.0,
        Shape::Option { .. } => 1.0,
        Shape::Constant => 2.0,
        Shape::Range { .. } => 4.0,
    }
}

/// A row on the wire.
pub(super) fn quantise(slot: u32, row: &RealRow, bits: [i32; 3]) -> WriteRow {
    let (row_kind, a, b) = match row.shape {
        Shape::Empty => return WriteRow { slot, ..WriteRow::default() },
        Shape::Option { right: Right::Call, a, b } => (code::CALL, slope(a), intercept(b)),
        Shape::Option { right: Right::Put, a, b } => (code::PUT, slope(a), intercept(b)),
        Shape::Constant => (code::CONSTANT, 0, 0),
        Shape::Range { low, high } => (code::RANGE, edge(low), i64::from(edge(high))),
    };
    let [delta, gamma, vega] = [0, 1, 2].map(|i| per_lot(row.weights[i], bits[i]));
    WriteRow {
        row_kind,
        slot,
        a,
        omega_delta: delta.0,
        omega_gamma: gamma.0,
        omega_vega: vega.0,
        b,
        shift_delta: delta.1,
        shift_gamma: gamma.1,
        shift_vega: vega.1,
        group: row.group,
    }
}

fn slope(a: f64) -> u32 {
    (a * f64::from(1u32 << A_BITS)).round().min(f64::from(A_MAX)) as u32
}

/// Clamped: such a row is 0 or 1 at every price that the rows reach, so nothing changes.
fn intercept(b: f64) -> i64 {
    let limit = B_MAX as f64;
    (libm::ldexp(b, B_BITS as i32)).round().clamp(-limit, limit) as i64
}

fn edge(z: f64) -> u32 {
    libm::ldexp(z, HALF_RATIO_BITS as i32).round().min(EDGE_MAX as f64) as u32
}

/// `omega` and `shift` of a weight in coin per lot: the largest shift with `|omega| < 2^31`.
fn per_lot(weight: f64, bits: i32) -> (i32, u8) {
    if weight == 0.0 {
        return (0, 0);
    }
    let (_, exponent) = libm::frexp(weight);
    let mut shift = (31 - exponent - bits).clamp(0, SHIFT_MAX);
    let mut omega = libm::ldexp(weight, bits + shift).round();
    if omega.abs() >= libm::ldexp(1.0, 31) && shift > 0 {
        shift -= 1;
        omega = libm::ldexp(weight, bits + shift).round();
    }
    (omega as i32, shift as u8)
}

/// The delta-to-contract factor as mantissa (2^31 .. 2^32 - 1, floored) and shift (0 .. 120).
///
/// A delta is in `2^-(kd + 7)` coin, an exposure in 2^-16 contract. Inverse hedge:
/// `unit/contract_size 2^(9 - kd) = m 2^-(shift + 24)`, to be multiplied by a price in units; linear:
/// `2^(9 - kd)/contract_size = m 2^8 2^-shift`.
pub(super) fn contract_scale(hedge: &HedgeInstrument, unit: PriceUnit, kd: i32) -> Result<(u32, u8), CompileError> {
    let power = CONTRACT_BITS as i32 - GUARD_BITS as i32 - kd;
    let factor = match hedge.payoff {
        Payoff::Inverse => libm::ldexp(unit.usd() / hedge.contract_size, power + 24),
        Payoff::Linear => libm::ldexp(1.0 / hedge.contract_size, power - 8),
    };
    let (fraction, exponent) = libm::frexp(factor);
    let shift = 32 - exponent;
    if !(0..=i32::from(CONTRACT_SHIFT_MAX)).contains(&shift) {
        return Err(CompileError::Setting {
            name: "hedge.contract_size",
            value: hedge.contract_size,
            range: "nearer to the size of the portfolio: no contract factor fits",
        });
    }
    Ok((libm::ldexp(fraction, 32).floor() as u32, shift as u8))
}

/// Kind, factor and shift of the band. The kernel's gamma `g` is in 2^-16 contract per unit of log
/// price; fixed: `factor 2^(16 - shift)`; gamma: `factor g 2^-shift`; Whalley-Wilmott:
/// `cbrt(factor g^2) 2^-shift`, so that `factor 2^(-3 shift)` is `K 2^16 contracts per coin` with
/// `K = 1.5 lambda / (risk_aversion P)`.
pub(super) fn band(band: &Band, hedge: &HedgeInstrument, price_ref_usd: f64) -> Result<(u8, u32, u8), CompileError> {
    let (kind, name, factor, step) = match *band {
        Band::Fixed { contracts } => (code::BAND_FIXED, "band.contracts", contracts, 1),
        Band::Gamma { k, vol, window_years } => (code::BAND_GAMMA, "band.k", k * vol * window_years.sqrt(), 1),
        Band::WhalleyWilmott { lambda, risk_aversion_per_usd } => {
            let contract_usd = match hedge.payoff {
                Payoff::Inverse => hedge.contract_size,
                Payoff::Linear => hedge.contract_size * price_ref_usd,
            };
            let scale = f64::from(1u32 << CONTRACT_BITS);
            let factor = 1.5 * lambda * scale / (risk_aversion_per_usd * contract_usd);
            (code::BAND_WHALLEY_WILMOTT, "band.lambda", factor, 3)
        }
    };
    match mantissa(factor, step) {
        Some((factor, shift)) => Ok((kind, factor, shift)),
        None => Err(CompileError::Setting { name, value: factor, range: "so small that its factor is below 2^32" }),
    }
}

/// `value` as `factor 2^(-step shift)` with as many bits as a u32 and a shift of at most 60 allow.
fn mantissa(value: f64, step: i32) -> Option<(u32, u8)> {
    let (_, exponent) = libm::frexp(value);
    let widest = if value == 0.0 { 0 } else { (32 - exponent).div_euclid(step).min(i32::from(BAND_SHIFT_MAX)) };
    // Rounding up can need one bit more than the value has.
    [widest, widest - 1].into_iter().filter(|&shift| shift >= 0).find_map(|shift| {
        let factor = libm::ldexp(value, step * shift).round();
        (factor <= f64::from(u32::MAX)).then_some((factor as u32, shift as u8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_lot_weight_keeps_31_bits_at_every_size() {
        for exponent in -60..=28 {
            for fraction in [0.5, 0.500_000_1, 0.75, 0.999_999_999_99] {
                for sign in [1.0, -1.0] {
                    let weight = sign * libm::ldexp(fraction, exponent);
                    let (omega, shift) = per_lot(weight, 1);
                    let back = libm::ldexp(f64::from(omega), -1 - i32::from(shift));
                    let unit = libm::ldexp(0.5, -1 - i32::from(shift));
                    assert!((back - weight).abs() <= unit, "{weight}: {omega} >> {shift}");
                    assert!(omega.unsigned_abs() >= 1 << 30 || shift == 62, "{weight}: {omega} >> {shift}");
                    assert_eq!(omega.signum() as f64, if omega == 0 { 0.0 } else { sign });
                }
            }
        }
    }

    #[test]
    fn mantissa_is_within_half_a_unit_and_uses_the_bits_there_are() {
        for exponent in -28..=31 {
            for step in [1, 3] {
                let value = libm::ldexp(0.777, exponent);
                let (factor, shift) = mantissa(value, step).expect("it fits");
                assert!((libm::ldexp(f64::from(factor), -step * i32::from(shift)) / value - 1.0).abs() < 1e-8);
                assert!(u64::from(factor) << step > u64::from(u32::MAX) / 2);
            }
        }
        assert_eq!(mantissa(0.0, 1), Some((0, 0)));
        assert_eq!(mantissa(libm::ldexp(1.0, 32), 1), None);
    }
}
