//! What a node needs of its price: `hedgewire_kernel::elementary::Ratios::new` and `step_ratio`.
//!
//! ```text
//!   price_ref 2^31 / price  -> inverse -> sqrt(inverse 2^31) / 4 -> half_down
//!   price 2^31 / price_ref             -> sqrt(direct 2^31) / 4  -> half_up
//!   2^(step_shift + 40) / price        -> step_ratio
//!   ln(price), then ln(price_ref)      -> (difference + 2^7) >> 8 -> x, in_reach
//!
//!   cycle  0 operands    24, 48 logarithms    33 inverse, direct    65 step_ratio    66 done
//! ```
//!
//! `in_reach` is false where the kernel says `None` (`|x|` above `X_MAX`): the other outputs then mean
//! nothing, but come as punctually. Within reach a ratio is below 2, so 32 bits of its quotient are all.

use hedgewire_abi::format::{HALF_RATIO_BITS, RATIO_BITS, STEP_RATIO_BITS, X_MAX};
use rust_hdl::prelude::*;

use super::{Divide, Logarithm, SquareRoot};
use crate::record::Ratios;
use crate::signal::{S, U, bits_lit, signed_cast_same, signed_cast_wide, unsigned_cast_wide};

type Ratio = Divide<63, 32>;
type StepRatio = Divide<64, 64>;

/// The ratios at a price.
#[derive(LogicBlock)]
pub struct RatioUnit {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Begins.
    pub start: Signal<In, Bit>,
    /// Price, not 0.
    pub price: Signal<In, U<32>>,
    /// Reference price of the bank, not 0.
    pub price_ref: Signal<In, U<32>>,
    /// log2 of the step, at most 23.
    pub step_shift: Signal<In, U<5>>,
    /// `LATENCY` cycles after `start`.
    pub done: Signal<Out, Bit>,
    /// The ratios, where `in_reach`.
    pub ratios: Signal<Out, Ratios>,
    /// Low 34 bits of step / price, 2^-40.
    pub step_ratio: Signal<Out, U<34>>,
    /// Whether the rows reach to this price.
    pub in_reach: Signal<Out, Bit>,
    /// Cycles since `start`; 0 without one.
    step: DFF<U<7>>,
    finished: DFF<Bit>,
    reference: DFF<U<32>>,
    /// The logarithm at work is that of `price_ref`.
    is_second: DFF<Bit>,
    /// ln(price) and half a unit of x, 2^-40.
    first_ln: DFF<S<47>>,
    difference: DFF<S<47>>,
    is_reached: DFF<Bit>,

    inverse: Ratio,
    direct: Ratio,
    step_quotient: StepRatio,
    root_down: SquareRoot,
    root_up: SquareRoot,
    logarithm: Logarithm,

    wide_price: Signal<Local, U<63>>,
    wide_reference: Signal<Local, U<63>>,
    wide_inverse: Signal<Local, U<64>>,
    wide_direct: Signal<Local, U<64>>,
    wide_ln: Signal<Local, S<47>>,
    x: Signal<Local, S<39>>,

    one: Constant<U<7>>,
    last: Constant<U<7>>,
    half_unit: Constant<S<47>>,
    ratio_bits: Constant<U<5>>,
    unit: Constant<U<64>>,
    x_max: Constant<S<39>>,
    x_min: Constant<S<39>>,
}

impl RatioUnit {
    /// Cycles from `start` to `done`.
    pub const LATENCY: usize = Ratio::LATENCY + SquareRoot::LATENCY;
}

// What runs beside the roots is there before them: the long division, and both logarithms with their
// difference and its comparison.
const _: () = assert!(StepRatio::LATENCY <= RatioUnit::LATENCY && 2 * Logarithm::LATENCY + 2 <= RatioUnit::LATENCY);
// The formats that slices below are made for.
const _: () = assert!(RATIO_BITS == 31 && HALF_RATIO_BITS == 29);

impl Default for RatioUnit {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            start: Signal::default(),
            price: Signal::default(),
            price_ref: Signal::default(),
            step_shift: Signal::default(),
            done: Signal::default(),
            ratios: Signal::default(),
            step_ratio: Signal::default(),
            in_reach: Signal::default(),
            step: DFF::default(),
            finished: DFF::default(),
            reference: DFF::default(),
            is_second: DFF::default(),
            first_ln: DFF::default(),
            difference: DFF::default(),
            is_reached: DFF::default(),
            inverse: Ratio::default(),
            direct: Ratio::default(),
            step_quotient: StepRatio::default(),
            root_down: SquareRoot::default(),
            root_up: SquareRoot::default(),
            logarithm: Logarithm::default(),
            wide_price: Signal::default(),
            wide_reference: Signal::default(),
            wide_inverse: Signal::default(),
            wide_direct: Signal::default(),
            wide_ln: Signal::default(),
            x: Signal::default(),
            one: Constant::new(U::new(1)),
            last: Constant::new(U::new(Self::LATENCY as u128 - 1)),
            half_unit: Constant::new(S::new(1 << 7)),
            ratio_bits: Constant::new(U::new(RATIO_BITS.into())),
            unit: Constant::new(U::new(1 << STEP_RATIO_BITS)),
            x_max: Constant::new(S::new(X_MAX.into())),
            x_min: Constant::new(S::new((-X_MAX).into())),
        }
    }
}

impl Logic for RatioUnit {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, step, reference, is_second, first_ln, difference);
        clock!(self, clock, finished, is_reached, inverse, direct, step_quotient, root_down, root_up, logarithm);

        if self.start.val() {
            self.step.d.next = self.one.val();
        } else if self.step.q.val() == self.last.val() {
            self.step.d.next = bits_lit::<7>(0);
        } else if self.step.q.val().any() {
            self.step.d.next = self.step.q.val() + self.one.val();
        }
        self.finished.d.next = (self.step.q.val() == self.last.val()) & !self.start.val();

        // The quotients, and the roots of two of them.
        self.wide_price.next = unsigned_cast_wide(self.price.val());
        self.wide_reference.next = unsigned_cast_wide(self.price_ref.val());
        self.inverse.start.next = self.start.val();
        self.inverse.dividend.next = self.wide_reference.val() << self.ratio_bits.val();
        self.inverse.divisor.next = self.price.val();
        self.direct.start.next = self.start.val();
        self.direct.dividend.next = self.wide_price.val() << self.ratio_bits.val();
        self.direct.divisor.next = self.price_ref.val();
        self.step_quotient.start.next = self.start.val();
        self.step_quotient.dividend.next = self.unit.val() << self.step_shift.val();
        self.step_quotient.divisor.next = self.price.val();
        self.wide_inverse.next = unsigned_cast_wide(self.inverse.quotient.val());
        self.wide_direct.next = unsigned_cast_wide(self.direct.quotient.val());
        self.root_down.start.next = self.inverse.done.val();
        self.root_down.n.next = self.wide_inverse.val() << self.ratio_bits.val();
        self.root_up.start.next = self.direct.done.val();
        self.root_up.n.next = self.wide_direct.val() << self.ratio_bits.val();

        // The logarithms: of `price` at once, of `price_ref` when that is done.
        self.wide_ln.next = signed_cast_wide(self.logarithm.ln.val());
        self.logarithm.start.next = self.start.val();
        self.logarithm.price.next = self.price.val();
        if self.start.val() {
            self.reference.d.next = self.price_ref.val();
            self.is_second.d.next = false;
        } else if self.logarithm.done.val() {
            if self.is_second.q.val() {
                self.difference.d.next = self.first_ln.q.val() - self.wide_ln.val();
            } else {
                self.first_ln.d.next = self.wide_ln.val() + self.half_unit.val();
                self.is_second.d.next = true;
                self.logarithm.start.next = true;
                self.logarithm.price.next = self.reference.q.val();
            }
        }
        self.x.next = signed_cast_same(self.difference.q.val().get_bits::<39>(8));
        self.is_reached.d.next = (self.x.val() <= self.x_max.val()) & (self.x.val() >= self.x_min.val());

        self.done.next = self.finished.q.val();
        self.ratios.next.x = self.difference.q.val().get_bits::<32>(8);
        self.ratios.next.inverse = self.inverse.quotient.val();
        self.ratios.next.half_down = unsigned_cast_wide(self.root_down.root.val().get_bits::<30>(2));
        self.ratios.next.half_up = unsigned_cast_wide(self.root_up.root.val().get_bits::<30>(2));
        self.step_ratio.next = self.step_quotient.quotient.val().get_bits::<34>(0);
        self.in_reach.next = self.is_reached.q.val();
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_kernel::elementary::{self, step_ratio};
    use hedgewire_kernel::tables::LogTable;

    use super::*;
    use crate::elementary::tests::{operate, word};
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn ratios_equal_the_kernels() {
        let table = LogTable::new();
        let mut bench = TestBench::new("ratio_unit", RatioUnit::default());
        let mut state = 11;
        let mut pairs = vec![(1, 1), (1, 2), (2, 1), (1, u32::MAX), (u32::MAX, 1), (u32::MAX, u32::MAX)];
        // The last price within reach and the first without, on both sides.
        for reference in [1_000u32, 10_000_000, 2_560_000_123, 1 << 31] {
            let reaches = |price: u32| elementary::Ratios::new(&table, price, reference).is_some();
            let edge = |far: f64, step: i64| {
                let mut price = (f64::from(reference) * far) as i64;
                while reaches(price as u32) {
                    price += step;
                }
                price
            };
            let (low, high) = (edge(0.613, -1), edge(1.632, 1));
            pairs.extend([low - 1, low, low + 1, high - 1, high, high + 1].map(|price| (price as u32, reference)));
        }
        for _ in 0..60 {
            let reference = (word(&mut state) as u32).max(1);
            let far = 0.55 + (word(&mut state) % 1_200) as f64 / 1_000.0;
            let price = (f64::from(reference) * far) as u32;
            pairs.extend([(price.max(1), reference), ((word(&mut state) as u32).max(1), reference)]);
        }
        let mut reached = 0;
        for (i, (price, reference)) in pairs.iter().copied().enumerate() {
            let shift = [0, 4, 9, 16, 23][i % 5];
            operate!(
                bench,
                RatioUnit::LATENCY,
                price = U::<32>::new(price.into()),
                price_ref = U::<32>::new(reference.into()),
                step_shift = U::<5>::new(shift.into())
            );
            // Held.
            cycle!(bench);
            assert!(!peek!(bench, done));
            let expected = elementary::Ratios::new(&table, price, reference);
            assert_eq!(peek!(bench, in_reach), expected.is_some(), "{price} {reference}");
            if let Some(at) = expected {
                let ratios = Ratios {
                    x: U::new(at.x as u128),
                    inverse: U::new(at.inverse.into()),
                    half_down: U::new(at.half_down.into()),
                    half_up: U::new(at.half_up.into()),
                };
                assert_eq!(peek!(bench, ratios), ratios, "{price} {reference}");
                reached += 1;
            }
            assert_eq!(peek!(bench, step_ratio), U::new(step_ratio(shift, price).into()), "{price} {shift}");
        }
        assert!(reached > 40 && reached + 40 < pairs.len(), "{reached}");
        bench.finish();
    }

    #[test]
    fn a_new_start_drops_the_former_and_a_price_of_zero_ends() {
        let table = LogTable::new();
        let mut bench = TestBench::new("ratio_unit_again", RatioUnit::default());
        for after in [1, 23, 24, 25, 32, 33, 34, 47, 48, 49, 64, 65] {
            poke!(bench, price, U::<32>::new(0));
            poke!(bench, price_ref, U::<32>::new(0));
            poke!(bench, step_shift, U::<5>::new(31));
            poke!(bench, start, true);
            for _ in 0..after {
                cycle!(bench);
                poke!(bench, start, false);
            }
            operate!(
                bench,
                RatioUnit::LATENCY,
                price = U::<32>::new(10_000_000),
                price_ref = U::<32>::new(9_000_000),
                step_shift = U::<5>::new(12)
            );
            let at = elementary::Ratios::new(&table, 10_000_000, 9_000_000).expect("within reach");
            assert!(peek!(bench, in_reach));
            let ratios = peek!(bench, ratios);
            assert_eq!((ratios.x.word(), ratios.half_up.word()), (at.x as u64, at.half_up.into()));
        }
        operate!(
            bench,
            RatioUnit::LATENCY,
            price = U::<32>::new(0),
            price_ref = U::<32>::new(0),
            step_shift = U::<5>::new(31)
        );
        bench.finish();
    }
}
