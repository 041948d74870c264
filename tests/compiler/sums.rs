//! A bank as numbers: delta, gamma and vega in f64, straight from the wire format of its rows.

use hedgewire_abi::command::{WriteRow, code};
use hedgewire_host::black76::{normal_cdf, normal_density};
use hedgewire_host::compiler::Bank;

/// Delta, its change per unit of log price, and vega of a bank in coin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sums {
    pub delta: f64,
    pub gamma: f64,
    pub vega: f64,
}

impl Sums {
    /// The bank with one quantity per slot, at the log distance `x` from its reference price.
    pub fn at(bank: &Bank, quantity: impl Fn(u32) -> i32, x: f64) -> Self {
        let mut groups = [Sums::default(); 2];
        for row in &bank.rows {
            let weights = weights(bank, row, quantity(row.slot));
            let part = contribution(row, weights, x);
            let group = &mut groups[usize::from(row.group)];
            group.delta += part.delta;
            group.gamma += part.gamma;
            group.vega += part.vega;
        }
        let [inverse, linear] = groups;
        let ratio = (-x).exp();
        Sums {
            delta: linear.delta + ratio * inverse.delta,
            gamma: linear.gamma + ratio * (inverse.gamma - inverse.delta),
            vega: linear.vega + ratio * inverse.vega,
        }
    }

    pub fn of_one(bank: &Bank, x: f64) -> Self {
        Self::at(bank, |_| 1, x)
    }
}

/// Weights in 2^-k coin, as the kernel works them out.
pub fn raw_weights(row: &WriteRow, quantity: i32) -> [i64; 3] {
    let weight = |omega: i32, shift: u8| (i64::from(quantity) * i64::from(omega)) >> shift;
    [
        weight(row.omega_delta, row.shift_delta),
        weight(row.omega_gamma, row.shift_gamma),
        weight(row.omega_vega, row.shift_vega),
    ]
}

pub fn weights(bank: &Bank, row: &WriteRow, quantity: i32) -> [f64; 3] {
    let raw = raw_weights(row, quantity);
    let bits = [bank.open.delta_bits, bank.open.gamma_bits, bank.open.vega_bits];
    [0, 1, 2].map(|i| libm::ldexp(raw[i] as f64, -i32::from(bits[i])))
}

pub fn contribution(row: &WriteRow, [delta, gamma, vega]: [f64; 3], x: f64) -> Sums {
    let u = libm::ldexp(f64::from(row.a), -18) * x + libm::ldexp(row.b as f64, -34);
    let density = normal_density(u);
    match row.row_kind {
        code::EMPTY => Sums::default(),
        code::CALL => Sums { delta: delta * normal_cdf(u), gamma: gamma * density, vega: vega * density },
        code::PUT => Sums { delta: -delta * normal_cdf(-u), gamma: gamma * density, vega: vega * density },
        code::CONSTANT => Sums { delta, ..Sums::default() },
        code::RANGE => range_contribution(row, delta, gamma, x),
        kind => panic!("row kind {kind}"),
    }
}

fn range_contribution(row: &WriteRow, delta: f64, gamma: f64, x: f64) -> Sums {
    let (low, high) = (libm::ldexp(f64::from(row.a), -29), libm::ldexp(row.b as f64, -29));
    let is_linear = row.group == code::GROUP_LINEAR;
    let z = if is_linear { (-0.5 * x).exp() } else { (0.5 * x).exp() };
    let slope = if low < z && z < high { 0.5 * z } else { 0.0 };
    let sign = if is_linear { -1.0 } else { 1.0 };
    Sums { delta: delta * (z.clamp(low, high) - low), gamma: sign * gamma * slope, vega: 0.0 }
}
