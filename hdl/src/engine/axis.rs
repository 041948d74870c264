//! The price axis of a ladder: how far a node lies above the lowest one, and where a new ladder begins and ends.
//!
//! ```text
//!   index, shift --> << by 3 at most --> << by the rest --> offset          2 cycles
//!
//!   fit:  cycle 0   half the intervals             into the shifter
//!               1   all of them                    into it
//!               2   low  = price on the step below `centre`, less the first offset
//!               3   high = low + the second one;   low against 65 steps
//!               4   fitted
//! ```
//!
//! `hedgewire_kernel::ladder::Ladder::start`. One shifter serves nodes, intervals and new ladders, which are never
//! worked on at the same time.

use rust_hdl::prelude::*;

use crate::signal::*;

/// Steps to prices.
#[derive(LogicBlock, Default)]
pub struct Axis {
    pub clock: Signal<In, Clock>,
    /// log2 of the ladder's step: 1 to 16.
    pub shift: Signal<In, U<5>>,
    pub index: Signal<In, U<15>>,
    /// `index << shift` of two cycles ago.
    pub offset: Signal<Out, U<32>>,
    /// One step, of a cycle ago.
    pub step: Signal<Out, U<32>>,

    /// A new ladder is fitted around `centre`: up until `fitted`, and down for a cycle before the next one.
    pub fit: Signal<In, Bit>,
    pub centre: Signal<In, U<32>>,
    pub new_shift: Signal<In, U<5>>,
    pub count: Signal<In, U<15>>,
    pub fitted: Signal<Out, Bit>,
    /// It lies within what a price can be, its first step above 64: a step in parts of the price then fits its format.
    pub ok: Signal<Out, Bit>,
    pub low: Signal<Out, U<32>>,
    pub high: Signal<Out, U<32>>,

    waited: DFF<U<3>>,
    part: DFF<U<32>>,
    whole: DFF<U<32>>,
    one_step: DFF<U<32>>,
    mask: DFF<U<32>>,
    low_end: DFF<U<33>>,
    high_end: DFF<U<33>>,
    is_low: DFF<Bit>,
    steps: Signal<Local, U<15>>,
    steps_wide: Signal<Local, U<32>>,
    places: Signal<Local, U<5>>,
    fine_places: Signal<Local, U<5>>,
    far_places: Signal<Local, U<5>>,
    ones: Signal<Local, U<32>>,
    unit_32: Signal<Local, U<32>>,
    base: Signal<Local, U<33>>,
    unit_39: Signal<Local, U<39>>,
    least: Signal<Local, U<39>>,
    low_wide: Signal<Local, U<39>>,
}

impl Logic for Axis {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, waited, part, whole, one_step, mask, is_low);
        dff_setup!(self, clock, low_end, high_end);

        // ---- the shifter
        self.places.next = self.shift.val();
        self.steps.next = self.index.val();
        if self.fit.val() {
            self.places.next = self.new_shift.val();
            self.steps.next = self.count.val();
            if self.waited.q.val() == bits_lit::<3>(0) {
                self.steps.next = unsigned_cast_wide(self.count.val().get_bits::<14>(1));
            }
        }
        self.steps_wide.next = unsigned_cast_wide(self.steps.val());
        self.fine_places.next = self.places.val() & bits_lit::<5>(0b00011);
        self.far_places.next = self.places.val() & bits_lit::<5>(0b11100);
        self.part.d.next = self.steps_wide.val() << self.fine_places.val();
        self.whole.d.next = self.part.q.val() << self.far_places.val();
        self.offset.next = self.whole.q.val();
        self.unit_32.next = bits_lit::<32>(1);
        self.one_step.d.next = self.unit_32.val() << self.places.val();
        self.step.next = self.one_step.q.val();

        // ---- a new ladder
        self.waited.d.next = bits_lit::<3>(0);
        if self.fit.val() {
            self.waited.d.next = self.waited.q.val() + bits_lit::<3>(1);
        }
        self.ones.next = bits_lit::<32>(0xffff_ffff_u64);
        self.mask.d.next = self.ones.val() << self.places.val();
        self.base.next = unsigned_cast_wide(self.centre.val() & self.mask.q.val());
        if self.waited.q.val() == bits_lit::<3>(2) {
            self.low_end.d.next = self.base.val() - unsigned_cast_wide(self.whole.q.val());
        }
        if self.waited.q.val() == bits_lit::<3>(3) {
            self.high_end.d.next = self.low_end.q.val() + unsigned_cast_wide(self.whole.q.val());
        }
        self.unit_39.next = unsigned_cast_wide(self.one_step.q.val());
        self.least.next = (self.unit_39.val() << bits_lit::<3>(6)) + self.unit_39.val();
        self.low_wide.next = unsigned_cast_wide(self.low_end.q.val().get_bits::<32>(0));
        // Below zero, too.
        self.is_low.d.next = self.low_end.q.val().get_bit(32) | (self.low_wide.val() < self.least.val());
        self.fitted.next = self.waited.q.val() == bits_lit::<3>(4);
        self.ok.next = !self.is_low.q.val() & !self.high_end.q.val().get_bit(32);
        self.low.next = self.low_end.q.val().get_bits::<32>(0);
        self.high.next = self.high_end.q.val().get_bits::<32>(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitive::tests::word;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn new_ladders_begin_and_end_where_the_kernels_formula_says() {
        let mut bench = TestBench::new("axis", Axis::default());
        let mut state = 0xa415;
        let (mut fits, mut low_edges, mut high_edges) = (0, 0, 0);
        for round in 0..600u32 {
            let shift = 1 + word(&mut state) as u32 % 16;
            let count = [2, 3, 256, 4096, 16_384][word(&mut state) as usize % 5] as u128;
            // At random, and at both edges of what fits.
            let low_steps = 65 + count / 2;
            let edge = match round % 3 {
                0 => word(&mut state) as u32 as i128,
                1 => (low_steps << shift) as i128,
                _ => (1 << 32) - ((count - count / 2) << shift) as i128,
            };
            let centre = (edge + [-1, 0, 1][word(&mut state) as usize % 3]).clamp(1, u32::MAX.into()) as u128;
            let low_step = (centre >> shift) as i128 - (count / 2) as i128;
            let (low, high) = (low_step << shift, (low_step + count as i128) << shift);
            let ok = low_step >= 65 && high <= u32::MAX.into();

            poke!(bench, fit, true);
            poke!(bench, centre, U::new(centre));
            poke!(bench, new_shift, U::new(shift.into()));
            poke!(bench, count, U::new(count));
            for cycles in 1..=4 {
                cycle!(bench);
                assert_eq!(peek!(bench, fitted), cycles == 4);
            }
            assert_eq!(peek!(bench, ok), ok, "{count} intervals of 2^{shift} around {centre}");
            if ok {
                assert_eq!((peek!(bench, low).raw() as i128, peek!(bench, high).raw() as i128), (low, high));
            }
            fits += usize::from(ok);
            low_edges += usize::from(low_step == 64 || low_step == 65);
            high_edges += usize::from((high - (1 << 32)).unsigned_abs() <= 1 << shift);
            poke!(bench, fit, false);
            cycle!(bench);
        }
        assert!(fits > 200 && low_edges > 50 && high_edges > 50, "{fits} {low_edges} {high_edges}");

        let (shift, index) = (13, 300);
        poke!(bench, shift, U::new(shift));
        poke!(bench, index, U::new(index));
        cycle!(bench);
        cycle!(bench);
        assert_eq!(peek!(bench, offset).raw(), index << shift);
        assert_eq!(peek!(bench, step).raw(), 1 << shift);
        bench.finish();
    }
}
