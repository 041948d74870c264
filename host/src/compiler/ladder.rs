//! The grid of prices that a bank's ladder is built on, and how fine it has to be.
//!
//! Between two nodes the kernel answers from a cubic. Around its strike an option's delta is `Phi` of
//! `u = a ln P + ..`, which a cubic follows over a `u` of about 1: with `h` the step as a part of the
//! price, `h a <= 1` errs by at most 1.5e-3 of the row's weight, and from 1.4 on not even the kernel's
//! estimate of that error can be relied on. So the step is halved until the steepest option near the
//! ladder is resolved; the configured step is the coarsest one.
//!
//! Rows whose `vol sqrt(tau)` was raised to the format's least ([`Bank::saturated`]) are left out: their
//! slope is the format's and not the market's, and a ladder narrowed for them would serve nobody. Like
//! all that stay too steep at the finest step, they are counted.
//!
//! Invariant: the same bank and ladder give the same step, on every machine.

use hedgewire_abi::command::{Build, WriteRow, code};
use hedgewire_abi::format::{A_BITS, B_BITS, STEP_SHIFT};

use super::Bank;

/// Largest `h a`: step as a part of the price, times slope of the row.
const STEEPNESS_MAX: f64 = 1.0;
/// Beyond this |u| a delta is flat, to 1e-9 of its weight.
const FLAT_U: f64 = 6.0;

/// A grid of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    /// log2 of the step in price units.
    pub step_shift: u8,
    /// Number of steps.
    pub intervals: u32,
}

/// A ladder whose step suits a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FittedLadder {
    /// The ladder, its step at most what it was.
    pub ladder: Ladder,
    /// Option rows near it that its step does not resolve.
    pub steep_rows: u32,
}

/// Where an option's delta rises, and how steeply.
struct Slope {
    /// Change of u per unit of log price.
    a: f64,
    /// Log of the price at which u is 0 over the bank's reference price.
    middle: f64,
    is_saturated: bool,
}

impl Ladder {
    /// From the lowest to the highest price, price units.
    pub fn span(&self) -> u32 {
        self.intervals << self.step_shift
    }

    /// The command that builds it around a price.
    pub fn build(&self, centre: u32) -> Build {
        Build { centre, intervals: self.intervals, step_shift: self.step_shift }
    }

    /// The ladder around `centre` with its step halved as often as the bank's rows need.
    pub fn fitted(self, centre: u32, bank: &Bank) -> FittedLadder {
        let slopes: Vec<Slope> = bank.rows.iter().filter_map(|row| Slope::of(row, bank)).collect();
        let mut ladder = self;
        while ladder.step_shift > *STEP_SHIFT.start() && ladder.unresolved(centre, bank, &slopes, false) > 0 {
            ladder.step_shift -= 1;
        }
        FittedLadder { ladder, steep_rows: ladder.unresolved(centre, bank, &slopes, true) }
    }

    /// Rows near the ladder that are too steep for its step.
    fn unresolved(&self, centre: u32, bank: &Bank, slopes: &[Slope], counts_saturated: bool) -> u32 {
        let reference = f64::from(bank.open.price_ref);
        let (centre, half) = (f64::from(centre), f64::from(self.span()) / 2.0);
        let step = libm::ldexp(1.0, i32::from(self.step_shift));
        // A ladder that reaches to 0 has no lower end in log price; the kernel refuses it anyway.
        let (low, high) = ((centre - half).max(1.0), centre + half);
        let (log_low, log_high) = (libm::log(low / reference), libm::log(high / reference));
        let is_unresolved = |slope: &&Slope| {
            let reach = FLAT_U / slope.a;
            let is_near = slope.middle + reach >= log_low && slope.middle - reach <= log_high;
            let price = reference * libm::exp(slope.middle.clamp(log_low, log_high));
            let is_counted = counts_saturated || !slope.is_saturated;
            is_counted && is_near && slope.a * step > STEEPNESS_MAX * price
        };
        slopes.iter().filter(is_unresolved).count() as u32
    }
}

impl Slope {
    /// The slope of a row; `None` for one that is no option, or weighs nothing.
    fn of(row: &WriteRow, bank: &Bank) -> Option<Self> {
        let is_option = matches!(row.row_kind, code::CALL | code::PUT);
        if !is_option || row.a == 0 || row.omega_delta == 0 {
            return None;
        }
        let a = libm::ldexp(f64::from(row.a), -(A_BITS as i32));
        let u_at_reference = libm::ldexp(row.b as f64, -(B_BITS as i32));
        let is_saturated = bank.saturated.contains(&row.slot);
        Some(Self { a, middle: -u_at_reference / a, is_saturated })
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_abi::command::OpenBank;

    use super::*;

    const CENTRE: u32 = 1 << 23;
    /// 1,024 USD at 8,192 a USD in 64 steps: 6 % up and down, `h` is 2^-10.
    const COARSE: Ladder = Ladder { step_shift: 13, intervals: 128 };

    /// A bank of calls of one coin: slope, log of strike over reference price.
    fn bank(reference: u32, calls: &[(f64, f64)], saturated: &[u32]) -> Bank {
        let row = |(slot, &(a, log_strike)): (u32, &(f64, f64))| WriteRow {
            row_kind: code::CALL,
            slot,
            a: libm::ldexp(a, A_BITS as i32) as u32,
            b: libm::ldexp(-a * log_strike, B_BITS as i32) as i64,
            omega_delta: 1,
            ..WriteRow::default()
        };
        Bank {
            open: OpenBank { price_ref: reference, ..OpenBank::default() },
            rows: (0..).zip(calls).map(row).collect(),
            expired: Vec::new(),
            saturated: saturated.to_vec(),
            skew_bounded: Vec::new(),
            settled: Vec::new(),
            gross_coin: 1.0,
        }
    }

    fn fitted(calls: &[(f64, f64)], saturated: &[u32]) -> (u8, u32) {
        let FittedLadder { ladder, steep_rows } = COARSE.fitted(CENTRE, &bank(CENTRE, calls, saturated));
        assert_eq!(ladder.intervals, COARSE.intervals);
        (ladder.step_shift, steep_rows)
    }

    #[test]
    fn step_is_halved_until_the_steepest_option_is_resolved_and_no_further() {
        assert_eq!(fitted(&[], &[]), (13, 0));
        assert_eq!(fitted(&[(30.0, 0.0), (1_023.0, 0.0)], &[]), (13, 0));
        assert_eq!(fitted(&[(30.0, 0.0), (1_025.0, 0.0)], &[]), (12, 0));
        assert_eq!(fitted(&[(3_000.0, 0.01), (30.0, 0.0)], &[]), (11, 0));
        // The same step is a larger part of a lower price.
        assert_eq!(fitted(&[(1_000.0, -0.03)], &[]), (12, 0));
    }

    #[test]
    fn options_that_are_steep_elsewhere_do_not_matter() {
        assert_eq!(fitted(&[(3_000.0, 0.2), (3_000.0, -0.2)], &[]), (13, 0));
        // A strike beyond the last price still bends the delta below it.
        assert_eq!(fitted(&[(1_100.0, 0.064)], &[]), (12, 0));
        let weightless = WriteRow { omega_delta: 0, ..bank(CENTRE, &[(3_000.0, 0.0)], &[]).rows[0] };
        let bank = Bank { rows: vec![weightless], ..bank(CENTRE, &[], &[]) };
        assert_eq!(COARSE.fitted(CENTRE, &bank), FittedLadder { ladder: COARSE, steep_rows: 0 });
    }

    #[test]
    fn options_at_the_formats_slope_are_counted_and_do_not_narrow_the_ladder() {
        assert_eq!(fitted(&[(8_191.0, 0.0), (30.0, 0.0)], &[0]), (13, 1));
        assert_eq!(fitted(&[(8_191.0, 0.0), (3_000.0, 0.0)], &[0]), (11, 1));
    }

    #[test]
    fn step_stops_at_the_finest_and_what_is_still_too_steep_is_counted() {
        let reference = 1 << 14;
        let bank = bank(reference, &[(3_000.0, 0.0), (500.0, 0.0)], &[]);
        let coarse = Ladder { step_shift: 6, intervals: 16 };
        assert_eq!(
            coarse.fitted(reference, &bank),
            FittedLadder { ladder: Ladder { step_shift: 4, ..coarse }, steep_rows: 1 }
        );
    }
}
