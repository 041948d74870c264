//! Unsigned division with floor, restoring, one bit of the quotient a cycle.
//!
//! ```text
//!   start    rest = dividend >> Q        quotient = low Q bits of the dividend
//!   Q times  trial = 2 rest + top bit of quotient
//!            trial >= divisor:  rest = trial - divisor,  quotient = 2 quotient + 1
//!            else:              rest = trial,            quotient = 2 quotient
//! ```
//!
//! The quotient must fit its `Q` bits (`dividend >> Q` below the divisor); with `Q = D` it always does
//! unless the divisor is 0. Otherwise the result means nothing, but comes as punctually.

use rust_hdl::prelude::*;

use crate::signal::{U, unsigned_cast_wide};

/// `quotient = dividend / divisor`, `D` and `Q` at least 32 and at most 64, `Q` at most `D`.
#[derive(LogicBlock)]
pub struct Divide<const D: usize, const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Begins.
    pub start: Signal<In, Bit>,
    /// Dividend.
    pub dividend: Signal<In, U<D>>,
    /// Divisor, not 0.
    pub divisor: Signal<In, U<32>>,
    /// `LATENCY` cycles after `start`.
    pub done: Signal<Out, Bit>,
    /// Floor of the quotient.
    pub quotient: Signal<Out, U<Q>>,
    /// Bits of the quotient to come.
    left: DFF<U<7>>,
    is_running: DFF<Bit>,
    finished: DFF<Bit>,
    by: DFF<U<32>>,
    rest: DFF<U<32>>,
    /// Below the bits of the quotient that there are, the bits of the dividend that wait.
    bits: DFF<U<Q>>,

    head: Signal<Local, U<D>>,
    next_bit: Signal<Local, U<1>>,
    low: Signal<Local, U<34>>,
    wide: Signal<Local, U<34>>,
    trial: Signal<Local, U<34>>,
    wide_divisor: Signal<Local, U<34>>,
    /// Its top bit is the borrow.
    difference: Signal<Local, U<34>>,
    shifted: Signal<Local, U<Q>>,

    size: Constant<U<7>>,
    high: Constant<U<7>>,
    place: Constant<U<1>>,
    one: Constant<U<7>>,
    bit_one: Constant<U<Q>>,
}

impl<const D: usize, const Q: usize> Divide<D, Q> {
    /// Cycles from `start` to `done`.
    pub const LATENCY: usize = Q + 1;
}

impl<const D: usize, const Q: usize> Default for Divide<D, Q> {
    fn default() -> Self {
        const { assert!(32 <= Q && Q <= D && D <= 64) };
        Self {
            clock: Signal::default(),
            start: Signal::default(),
            dividend: Signal::default(),
            divisor: Signal::default(),
            done: Signal::default(),
            quotient: Signal::default(),
            left: DFF::default(),
            is_running: DFF::default(),
            finished: DFF::default(),
            by: DFF::default(),
            rest: DFF::default(),
            bits: DFF::default(),
            head: Signal::default(),
            next_bit: Signal::default(),
            low: Signal::default(),
            wide: Signal::default(),
            trial: Signal::default(),
            wide_divisor: Signal::default(),
            difference: Signal::default(),
            shifted: Signal::default(),
            size: Constant::new(U::new(Q as u128)),
            high: Constant::new(U::new(Q as u128 - 1)),
            place: Constant::new(U::new(1)),
            one: Constant::new(U::new(1)),
            bit_one: Constant::new(U::new(1)),
        }
    }
}

impl<const D: usize, const Q: usize> Logic for Divide<D, Q> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, left, is_running, by, bits);
        clock!(self, clock, finished, rest);

        // One step.
        self.next_bit.next = self.bits.q.val().get_bits::<1>(self.high.val().index());
        self.low.next = unsigned_cast_wide(self.next_bit.val());
        self.wide.next = unsigned_cast_wide(self.rest.q.val());
        self.trial.next = (self.wide.val() << self.place.val()) | self.low.val();
        self.wide_divisor.next = unsigned_cast_wide(self.by.q.val());
        self.difference.next = self.trial.val() - self.wide_divisor.val();
        self.shifted.next = self.bits.q.val() << self.place.val();

        self.head.next = self.dividend.val() >> self.size.val();
        self.finished.d.next = self.is_running.q.val() & (self.left.q.val() == self.one.val()) & !self.start.val();
        // What is left after the last bit does not count.
        self.rest.d.next = self.difference.val().get_bits::<32>(0);
        if self.difference.val().get_bit(33) {
            self.rest.d.next = self.trial.val().get_bits::<32>(0);
        }
        if self.is_running.q.val() {
            self.left.d.next = self.left.q.val() - self.one.val();
            self.is_running.d.next = self.left.q.val() != self.one.val();
            self.bits.d.next = self.shifted.val() | self.bit_one.val();
            if self.difference.val().get_bit(33) {
                self.bits.d.next = self.shifted.val();
            }
        }
        if self.start.val() {
            self.left.d.next = self.size.val();
            self.is_running.d.next = true;
            self.by.d.next = self.divisor.val();
            self.rest.d.next = self.head.val().get_bits::<32>(0);
            self.bits.d.next = self.dividend.val().get_bits::<Q>(0);
        }

        self.done.next = self.finished.q.val();
        self.quotient.next = self.bits.q.val();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementary::tests::{operate, word};
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    /// Floors of quotients that fit, on edges and random words.
    fn check<const D: usize, const Q: usize>(name: &'static str) {
        let mut bench = TestBench::new(name, Divide::<D, Q>::default());
        let mut state = 0x9e37_79b9_7f4a_7c15;
        for i in 0..160u64 {
            let divisor = match i % 4 {
                0 => u64::from(u32::MAX) - i / 4,
                1 => 1 + i / 4,
                _ => (word(&mut state) as u64 & u64::from(u32::MAX)).max(1),
            };
            // Some quotient that fits, and a dividend at either end of those with that quotient.
            let limit = (1u128 << D) / u128::from(divisor);
            let quotient = match i % 3 {
                0 => word(&mut state) & ((1 << Q) - 1),
                1 => (1 << Q) - 1,
                _ => i.into(),
            };
            let quotient = quotient.min(limit.saturating_sub(1));
            let rest = match i % 5 {
                0 => 0,
                1 => divisor - 1,
                _ => word(&mut state) as u64 % divisor,
            };
            let dividend = quotient * u128::from(divisor) + u128::from(rest);
            operate!(
                bench,
                Divide::<D, Q>::LATENCY,
                dividend = U::<D>::new(dividend),
                divisor = U::<32>::new(divisor.into())
            );
            assert_eq!(peek!(bench, quotient).raw(), dividend / u128::from(divisor), "{dividend} / {divisor}");
        }
        bench.finish();
    }

    #[test]
    fn quotients_of_all_bits_are_floored() {
        check::<64, 64>("divide_64_64");
    }

    #[test]
    fn short_quotients_are_floored() {
        check::<63, 32>("divide_63_32");
    }

    #[test]
    fn a_division_by_zero_ends_and_a_new_start_drops_the_former() {
        type Unit = Divide<63, 32>;
        let mut bench = TestBench::new("divide_again", Unit::default());
        let dividend = U::<63>::new(1 << 40);
        operate!(bench, Unit::LATENCY, dividend = dividend, divisor = U::<32>::new(0));
        cycle!(bench);
        assert!(!peek!(bench, done));
        for after in [1, 20, Unit::LATENCY - 1] {
            poke!(bench, start, true);
            for _ in 0..after {
                cycle!(bench);
                poke!(bench, start, false);
            }
            operate!(bench, Unit::LATENCY, dividend = dividend, divisor = U::<32>::new(1000));
            assert_eq!(peek!(bench, quotient).raw(), (1 << 40) / 1000);
        }
        bench.finish();
    }
}
