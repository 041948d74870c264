//! Seeded numbers for this module's tests, weighted to edges.

use hedgewire_abi::command::code;
use hedgewire_abi::format::WEIGHT_BITS;
use hedgewire_kernel::bank::Scale;
use hedgewire_kernel::ladder::NodeValue;

use crate::record;
use crate::signal::U;

/// A generator.
pub struct Vectors(u64);

impl Vectors {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.word() % limit
    }

    pub fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// A signed number of at most `limit` in size: its limits and their neighbours, 0, a power of two, any size.
    pub fn signed(&mut self, limit: i64) -> i64 {
        let sign = if self.flag() { -1 } else { 1 };
        let size = match self.below(8) {
            0 => limit,
            1 => limit - 1,
            2 => 0,
            3 => 1,
            4 => limit & (1 << self.below(63)),
            _ => (self.word() >> 1) as i64 >> self.below(63),
        };
        sign * size.min(limit)
    }

    /// Unsigned, from `low` to `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high - low;
        low + match self.below(8) {
            0 => 0,
            1 => span,
            2 => span.saturating_sub(1),
            3 => 1.min(span),
            4 => (self.word() >> self.below(64)).min(span),
            _ => self.below(span + 1),
        }
    }

    /// Parameters of a bank, every field within its limits.
    pub fn scale(&mut self) -> Scale {
        let bits = loop {
            let (kd, kv) = (self.between(0, 72) as i32 - 24, self.between(0, 72) as i32 - 24);
            let cut = if self.flag() { self.between(0, 8) } else { self.between(0, 62) } as i32;
            let kg = cut + kd - 23;
            if WEIGHT_BITS.contains(&kg) {
                break [kd, kg, kv];
            }
        };
        Scale {
            bits,
            contract_scale: self.between(1 << 31, u64::from(u32::MAX)),
            contract_shift: if self.flag() { self.between(0, 120) } else { self.between(40, 72) } as u32,
            linear_hedge: self.flag(),
            usd: self.flag(),
            band_kind: [code::BAND_FIXED, code::BAND_GAMMA, code::BAND_WHALLEY_WILMOTT, code::BAND_WHALLEY_WILMOTT]
                [self.below(4) as usize],
            band_factor: self.between(0, u64::from(u32::MAX)) as u32,
            band_shift: if self.flag() { self.between(0, 60) } else { self.between(0, 12) } as u32,
            ..Scale::default()
        }
    }
}

/// A scale on the card's wires.
pub fn scale_record(scale: &Scale) -> record::Scale {
    let number = |value: u64| u128::from(value);
    let signed = |value: i32| value as u128;
    record::Scale {
        delta_bits: U::new(signed(scale.bits[0])),
        gamma_bits: U::new(signed(scale.bits[1])),
        vega_bits: U::new(signed(scale.bits[2])),
        contract_scale: U::new(number(scale.contract_scale)),
        contract_shift: U::new(scale.contract_shift.into()),
        linear_hedge: scale.linear_hedge,
        usd: scale.usd,
        band_kind: U::new(scale.band_kind.into()),
        band_factor: U::new(scale.band_factor.into()),
        band_shift: U::new(scale.band_shift.into()),
        ..record::Scale::default()
    }
}

/// A node's values on the card's wires.
pub fn value_record(value: &NodeValue, edge_before: bool) -> record::NodeValue {
    record::NodeValue {
        delta: U::new(value.delta as u128),
        slope: U::new(value.slope as u128),
        gamma: U::new(value.gamma as u128),
        vega: U::new(value.vega as u128),
        saturated: value.saturated,
        edge_before,
    }
}
