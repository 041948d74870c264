//! Collects what is wrong with a configuration, and converts what is right.
//!
//! Every check notes its problem and goes on with a harmless value, so that one reading of a file
//! finds everything that is wrong with it.

use std::fmt::Display;

use hedgewire_abi::format::{BAND_MAX, COIN_BITS, COIN_MAGNITUDE_BITS, CONTRACT_BITS, DURATION_MAX_NS};

use super::Problem;

/// A collector of problems, at some place in the file.
pub(super) struct Checks<'a> {
    problems: &'a mut Vec<Problem>,
    path: String,
}

impl<'a> Checks<'a> {
    /// At the top of the file.
    pub fn new(problems: &'a mut Vec<Problem>) -> Self {
        Self { problems, path: String::new() }
    }

    /// At a table of the present place.
    pub fn at(&mut self, name: impl Display) -> Checks<'_> {
        let path = self.path_of(&name.to_string());
        Checks { problems: self.problems, path }
    }

    /// At an element of a list of the present place.
    pub fn element(&mut self, name: &str, index: usize) -> Checks<'_> {
        self.at(format!("{name}[{index}]"))
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Notes a problem.
    pub fn refuse(&mut self, name: &str, value: impl Display, reason: impl Into<String>) {
        let (path, value, reason) = (self.path_of(name), value.to_string(), reason.into());
        self.problems.push(Problem { path, value, reason });
    }

    /// Notes a problem unless `holds`.
    pub fn require(&mut self, holds: bool, name: &str, value: impl Display, reason: impl FnOnce() -> String) {
        if !holds {
            self.refuse(name, value, reason());
        }
    }

    /// A number within `low ..= high`; `low` if it is not.
    pub fn real(&mut self, name: &str, value: f64, low: f64, high: f64) -> f64 {
        // Not a comparison with `<`: NaN is in no range.
        if (low..=high).contains(&value) {
            return value;
        }
        self.refuse(name, value, format!("must be a number from {low} to {high}"));
        low
    }

    /// A finite number above zero; 1 if it is not.
    pub fn positive(&mut self, name: &str, value: f64) -> f64 {
        if value > 0.0 && value.is_finite() {
            return value;
        }
        self.refuse(name, value, "must be a finite number above 0");
        1.0
    }

    /// A whole number within `low ..= high`; `low` if it is not. The limits are below 2^53.
    pub fn whole(&mut self, name: &str, value: f64, low: u64, high: u64) -> u64 {
        if value.fract() == 0.0 && (low as f64..=high as f64).contains(&value) {
            return value as u64;
        }
        self.refuse(name, value, format!("must be a whole number from {low} to {high}"));
        low
    }

    /// As [`Checks::whole`], where the limits fit 32 bits.
    pub fn whole_u32(&mut self, name: &str, value: f64, low: u32, high: u32) -> u32 {
        self.whole(name, value, u64::from(low), u64::from(high)) as u32
    }

    /// Milliseconds, 0 and more, as nanoseconds.
    pub fn duration_ns(&mut self, name: &str, value_ms: f64) -> u64 {
        (self.real(name, value_ms, 0.0, DURATION_MAX_NS as f64 / 1e6) * 1e6).round() as u64
    }

    /// Milliseconds, above 0, as nanoseconds.
    pub fn some_duration_ns(&mut self, name: &str, value_ms: f64) -> u64 {
        let ns = self.duration_ns(name, value_ms);
        self.require(ns > 0 || value_ms.is_nan() || value_ms < 0.0, name, value_ms, || "must be above 0".to_owned());
        ns.max(1)
    }

    /// Coin, as 2^-32 coin.
    pub fn coin(&mut self, name: &str, value: f64) -> i64 {
        // An exact power of two below the format's limit.
        let limit = (1u64 << (COIN_MAGNITUDE_BITS - 1 - COIN_BITS)) as f64;
        if !(-limit..=limit).contains(&value) {
            self.refuse(name, value, format!("must be a number from {} to {limit}", -limit));
            return 0;
        }
        (value * (1u64 << COIN_BITS) as f64).round() as i64
    }

    /// Contracts and parts of contracts, up to the kernel's widest band, as 2^-16 contract.
    pub fn exposure(&mut self, name: &str, value: f64) -> u64 {
        let contracts = self.real(name, value, 0.0, (BAND_MAX >> CONTRACT_BITS) as f64);
        (contracts * f64::from(1u32 << CONTRACT_BITS)).round() as u64
    }

    /// A factor, as 2^-16.
    pub fn factor(&mut self, name: &str, value: f64, low: f64, high: f64) -> u32 {
        (self.real(name, value, low, high) * f64::from(1u32 << CONTRACT_BITS)).round() as u32
    }
}

/// Whether `value` is a whole number of `step`. Decimal fractions are no binary ones: 25.3 is 253 steps
/// of 0.1 up to some 1e-13.
pub(super) fn is_multiple(value: f64, step: f64) -> bool {
    let steps = value / step;
    (steps - steps.round()).abs() <= (1e-9 * steps.abs()).clamp(1e-9, 1e-3)
}
