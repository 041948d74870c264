//! Delta at the fraction `t` of an interval, and on top of it what does not depend on the price:
//! `net = delta(t) + offset`.
//!
//! ```text
//!   cycle 0     2                   4                   6
//!     c3 t --> + c2 --> times t --> + c1 --> times t --> + (c0 + offset)
//! ```
//!
//! `hedgewire_kernel::ladder::Interval::delta`: `t` in 2^-16, every product floored to ladder units before
//! the next coefficient is added. An exact pass takes the place of `c0`, with `t` zero in the last step.
//! |net| < 2^63. `LATENCY` 6, `II` 1.

use rust_hdl::prelude::*;

use super::multiply_add::MultiplyAdd;
use crate::primitive::Delay;
use crate::record;
use crate::signal::*;

/// Cycles from the coefficients to `net`.
pub const LATENCY: usize = 3 * MultiplyAdd::LATENCY;

/// Three steps of Horner.
#[derive(LogicBlock, Default)]
pub struct Cubic {
    pub clock: Signal<In, Clock>,
    pub coefficients: Signal<In, record::Interval>,
    pub t: Signal<In, U<16>>,
    /// The delta comes from an exact pass.
    pub is_exact: Signal<In, Bit>,
    /// Signed 44.
    pub exact_delta: Signal<In, U<44>>,
    /// A cycle after the coefficients: signed 63.
    pub offset: Signal<In, U<63>>,
    pub net: Signal<Out, S<64>>,
    third: MultiplyAdd,
    second: MultiplyAdd,
    first: MultiplyAdd,
    c2: DFF<U<48>>,
    c1: Delay<U<44>, 3>,
    c0: DFF<U<44>>,
    base: DFF<S<66>>,
    base_at_first: Delay<S<66>, 3>,
    t_at_second: Delay<U<16>, 2>,
    t_at_first: Delay<U<16>, 2>,
    exact_at_second: Delay<Bit, 2>,
    level: Signal<Local, S<66>>,
    shift: Signal<Local, S<66>>,
}

impl Logic for Cubic {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, third, second, first, c2, c1, c0, base, base_at_first);
        clock!(self, clock, t_at_second, t_at_first, exact_at_second);
        // 0 to 2: c3 t + c2
        self.third.a.next = signed_cast_wide(signed_cast_same(self.coefficients.val().c3));
        self.third.b.next = unsigned_cast_wide(self.t.val());
        self.c2.d.next = self.coefficients.val().c2;
        self.third.c.next = signed_cast_wide(signed_cast_same(self.c2.q.val()));
        // 2 to 4: t + c1
        self.t_at_second.d.next = self.t.val();
        self.second.a.next = signed_cast_same(self.third.whole.val().get_bits::<52>(0));
        self.second.b.next = unsigned_cast_wide(self.t_at_second.q.val());
        self.c1.d.next = self.coefficients.val().c1;
        self.second.c.next = signed_cast_wide(signed_cast_same(self.c1.q.val()));
        // 4 to 6: t + c0 + offset
        self.exact_at_second.d.next = self.is_exact.val();
        self.t_at_first.d.next = self.t_at_second.q.val();
        if self.exact_at_second.q.val() {
            self.t_at_first.d.next = bits_lit::<16>(0);
        }
        self.first.a.next = signed_cast_same(self.second.whole.val().get_bits::<52>(0));
        self.first.b.next = unsigned_cast_wide(self.t_at_first.q.val());
        self.c0.d.next = self.coefficients.val().c0;
        if self.is_exact.val() {
            self.c0.d.next = self.exact_delta.val();
        }
        self.level.next = signed_cast_wide(signed_cast_same(self.c0.q.val()));
        self.shift.next = signed_cast_wide(signed_cast_same(self.offset.val()));
        self.base.d.next = self.level.val() + self.shift.val();
        self.base_at_first.d.next = self.base.q.val();
        self.first.c.next = self.base_at_first.q.val();
        self.net.next = signed_cast_same(self.first.whole.val().get_bits::<64>(0));
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_kernel::ladder::Interval;

    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn equals_the_interval_and_the_exact_pass() {
        let mut bench = TestBench::new("cubic", Cubic::default());
        let most = 1i64 << 43;
        let (outer, c2s, c3s) =
            ([most - 1, 1 - most, 0, -1], [9 * most, -9 * most, 1, -7], [6 * most, -6 * most, -1, 5]);
        let (ts, offsets) = ([0xffff, 0, 1, 0x8000, 0x7fff], [(1i64 << 62) - 1, -(1 << 62), 0, -3]);
        let mut expected = Vec::new();
        for i in 0..200usize {
            let pick = |values: &[i64; 4], turn: usize| values[(i / turn + i) % 4];
            let cubic = [pick(&outer, 3), pick(&outer, 5), pick(&c2s, 7), pick(&c3s, 11)];
            let (t, offset, is_exact) = (ts[i % 5], pick(&offsets, 13), i % 9 == 0);
            let mut interval = Interval::default();
            interval.cubic = cubic;
            let delta = if is_exact { cubic[1] } else { interval.delta(t) };
            let coefficients = record::Interval {
                c0: U::new(cubic[0] as u128),
                c1: U::new(cubic[1] as u128),
                c2: U::new(cubic[2] as u128),
                c3: U::new(cubic[3] as u128),
                ..Default::default()
            };
            poke!(bench, coefficients, coefficients);
            poke!(bench, t, U::new(t as u128));
            poke!(bench, is_exact, is_exact);
            poke!(bench, exact_delta, U::new(cubic[1] as u128));
            cycle!(bench);
            poke!(bench, offset, U::new(offset as u128));
            expected.push(delta + offset);
            if let Some(earlier) = (i + 1).checked_sub(LATENCY) {
                assert_eq!(peek!(bench, net).raw(), i128::from(expected[earlier]), "vector {i}");
            }
        }
        bench.finish();
    }
}
