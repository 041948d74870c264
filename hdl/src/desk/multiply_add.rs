//! One step of a Horner chain, and one row of a wide product: `y = a b + c`, `b` a single limb.
//!
//! ```text
//!   cycle 0   a = high | middle | low (17 + 17 + 18 bits), b
//!         1   high b, middle b, low b; c                      one multiplier block each
//!         2   whole = {high b, low b} 2^-16 + middle b 2 + c  rest: the 16 bits below
//! ```
//!
//! `whole = floor(a b / 2^16) + c`, which is the kernel's `((a * b) >> 16) + c`. `c` is a multiple of
//! 2^16, so the bits below pass by the adder; the products of the outer limbs do not overlap, so three
//! numbers are added in one cycle. `LATENCY` 2 (1 for `c`), `II` 1.

use rust_hdl::prelude::*;

use crate::primitive::Multiply;
use crate::signal::*;

/// `a b + 2^16 c`, cut at 2^16.
#[derive(LogicBlock, Default)]
pub struct MultiplyAdd {
    pub clock: Signal<In, Clock>,
    pub a: Signal<In, S<52>>,
    pub b: Signal<In, U<17>>,
    /// A cycle after `a` and `b`.
    pub c: Signal<In, S<66>>,
    pub whole: Signal<Out, S<66>>,
    pub rest: Signal<Out, U<16>>,
    low: Multiply<18, 18, 36>,
    middle: Multiply<18, 18, 36>,
    high: Multiply<18, 18, 36>,
    sum: DFF<S<66>>,
    below: DFF<U<16>>,
    low_limb: Signal<Local, U<17>>,
    middle_limb: Signal<Local, U<17>>,
    factor: Signal<Local, S<18>>,
    low_part: Signal<Local, U<66>>,
    middle_part: Signal<Local, U<66>>,
    middle_wide: Signal<Local, S<66>>,
    high_part: Signal<Local, U<66>>,
    high_wide: Signal<Local, S<66>>,
    outer: Signal<Local, U<66>>,
}

impl MultiplyAdd {
    /// Cycles from `a` and `b` to `whole`.
    pub const LATENCY: usize = 2;
}

impl Logic for MultiplyAdd {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, low, middle, high, sum, below);
        self.low_limb.next = self.a.val().get_bits::<17>(0);
        self.middle_limb.next = self.a.val().get_bits::<17>(17);
        self.factor.next = unsigned_cast_pos(self.b.val());
        self.low.a.next = unsigned_cast_pos(self.low_limb.val());
        self.middle.a.next = unsigned_cast_pos(self.middle_limb.val());
        self.high.a.next = signed_cast_same(self.a.val().get_bits::<18>(34));
        self.low.b.next = self.factor.val();
        self.middle.b.next = self.factor.val();
        self.high.b.next = self.factor.val();
        // The lower two products are not negative and below 2^34.
        self.low_part.next = unsigned_cast_wide(self.low.p.val().get_bits::<18>(16));
        self.high_wide.next = signed_cast_wide(self.high.p.val());
        self.high_part.next = unsigned_cast_same(self.high_wide.val());
        self.middle_wide.next = signed_cast_wide(self.middle.p.val());
        self.middle_part.next = unsigned_cast_same(self.middle_wide.val());
        self.outer.next = (self.high_part.val() << bits_lit::<5>(18)) | self.low_part.val();
        self.sum.d.next = signed_cast_same(self.outer.val())
            + signed_cast_same(self.middle_part.val() << bits_lit::<5>(1))
            + self.c.val();
        self.below.d.next = self.low.p.val().get_bits::<16>(0);
        self.whole.next = self.sum.q.val();
        self.rest.next = self.below.q.val();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn equals_product_and_sum_at_full_width() {
        let mut bench = TestBench::new("multiply_add", MultiplyAdd::default());
        let (ends, words) = ([0, 1, -1, (1 << 51) - 1, -(1 << 51)], [0, 1, 0xffff, 0x1_0000, 0x1_ffff]);
        let mut state = 0x5eed_u64;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            i128::from(state as i64)
        };
        let mut expected = None;
        for i in 0..400 {
            let a = if i % 3 == 0 { ends[i / 3 % 5] } else { S::<52>::new(next() >> (i % 64)).raw() };
            let b = if i % 4 == 0 { words[i / 4 % 5] } else { next() as u128 & 0x1_ffff };
            let c = S::<65>::new(next() << 1).raw();
            poke!(bench, a, S::new(a));
            poke!(bench, b, U::new(b));
            cycle!(bench);
            if let Some((whole, rest)) = expected {
                assert_eq!((peek!(bench, whole), peek!(bench, rest)), (whole, rest), "vector {i}");
            }
            poke!(bench, c, S::new(c));
            let product = a * b as i128;
            expected = Some((S::new((product >> 16) + c), U::new(product as u128)));
        }
        bench.finish();
    }
}
