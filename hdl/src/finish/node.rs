//! Values of a node from its sums: `hedgewire_kernel::ladder::NodeValue::new`.
//!
//! With `r` = price_ref / price (2^-31), `f` = step / price (2^-40) and `cut` = `Scale::gamma_shift`:
//!
//! ```text
//!   I = inverse delta + constant        drift = I r >> 31
//!   L = linear delta + constant         wide  = linear gamma + (inverse gamma r >> 31)
//!
//!   delta = sat43((L + drift) >> 22)                     vega  = (linear vega + (inverse vega r >> 31)) >> 23
//!   gamma = sat47((wide >> cut) - (drift >> 22))         slope = sat43((wide f >> 40 + cut) - (drift f >> 62))
//! ```
//!
//! The kernel adds the linear part before it shifts by 31; a floor of a sum with an integer is the same.
//!
//! Two multipliers, 65 x 33 for `r` (eight blocks) and 66 x 18 for `f` in halves of 17 bits (four):
//!
//! ```text
//!   cycle   0      I and L, of what the start has brought
//!           1..4   operands: inverse gamma, I, I, inverse vega   (times r)
//!           5..8   products                6..9   totals with the linear part: wide, delta, delta, vega
//!           7..10  operands: wide, drift   (times the lower and the upper half of f)
//!          10..13  products               12, 14  sums of the halves
//!           9, 12  shifts by cut, by eights: wide, wide f        10, 13  by the rest
//!          11, 14  differences            12, 15  limits: gamma, slope
//!          16      done
//! ```
//!
//! Cycle 0 is that after the start: what comes in has come a long way already. A start may follow another after `II` cycles or any more; what a node needs later than `II` cycles
//! after its start is handed from stage to stage every `II` cycles. Delta is multiplied twice, so that its
//! total comes late enough to stand for as long as that of vega.

use rust_hdl::prelude::*;

use crate::primitive::{Delay, Limit, Multiply, Saturate, ShiftRight};
use crate::record;
use crate::signal::*;

type ByRatio = Multiply<65, 33, 98>;
type ByStep = Multiply<66, 18, 84>;

// The table above is made of these.
const _: () = assert!(ByRatio::LATENCY == 4 && ByStep::LATENCY == 3);

/// `NodeValue::new`.
#[derive(LogicBlock, Default)]
pub struct NodeUnit {
    pub clock: Signal<In, Clock>,
    pub start: Signal<In, Bit>,
    pub node: Signal<In, record::Node>,
    /// Signed 64, like the next: `Bank::constant`. These and the shift are looked at in the cycle after the start.
    pub constant_inverse: Signal<In, U<64>>,
    pub constant_linear: Signal<In, U<64>>,
    /// `Scale::gamma_shift`, at most 62.
    pub gamma_shift: Signal<In, U<6>>,
    pub done: Signal<Out, Bit>,
    pub value: Signal<Out, record::NodeValue>,

    /// Bit `k`: cycle `k` of a node.
    at: DFF<U<17>>,
    // From cycle 0, for II cycles.
    held: DFF<record::Node>,
    // From cycle 1.
    held_ratio: DFF<U<32>>,
    held_step: DFF<U<34>>,
    held_edge: DFF<Bit>,
    held_inverse: DFF<S<65>>,
    held_linear: DFF<S<65>>,
    held_cut: DFF<U<6>>,
    // From cycle 5, for II cycles.
    step_5: DFF<U<34>>,
    cut_5: DFF<U<6>>,
    edge_5: DFF<Bit>,
    // From cycle 9.
    step_high_9: DFF<U<17>>,
    cut_9: DFF<U<6>>,
    edge_9: DFF<Bit>,
    // From cycle 13.
    edge_13: DFF<Bit>,

    factor: DFF<S<65>>,
    linear_now: DFF<S<65>>,
    by_ratio: ByRatio,
    linear_part: Delay<S<65>, { ByRatio::LATENCY }>,
    total: DFF<S<67>>,
    wide: DFF<S<66>>,
    drift: DFF<S<66>>,
    /// The factor of `f` is `wide`.
    takes_wide: DFF<Bit>,
    half: DFF<U<17>>,
    by_step: ByStep,
    lower_half: DFF<S<84>>,
    per_step: DFF<S<84>>,
    // Places of the shift, and those of them that are left behind the first part of it.
    cut_now: DFF<U<6>>,
    fine_now: DFF<U<3>>,
    by_eights: ShiftRight<66, 6>,
    part: DFF<S<66>>,
    by_ones: ShiftRight<66, 3>,
    shifted: DFF<S<66>>,
    drift_then: DFF<S<44>>,
    gamma_difference: DFF<S<67>>,
    slope_difference: DFF<S<62>>,
    delta_limit: Saturate<45, 44>,
    // The wide tests have a cycle of their own.
    gamma_limit: Limit<67, 48>,
    slope_limit: Limit<62, 44>,

    // Results: the numbers are the first cycle in which they stand.
    delta_9: DFF<U<44>>,
    clipped_9: DFF<Bit>,
    vega_10: DFF<U<44>>,
    delta_13: DFF<U<44>>,
    clipped_13: DFF<Bit>,
    vega_13: DFF<U<44>>,
    gamma_14: DFF<U<48>>,
    gamma_clipped_14: DFF<Bit>,
    slope_16: DFF<U<44>>,

    one: Signal<Local, U<1>>,
    first: Signal<Local, U<17>>,
    now: Signal<Local, U<17>>,
    eights: Signal<Local, U<6>>,
    most_gamma: Signal<Local, U<48>>,
    least_gamma: Signal<Local, U<48>>,
    most_value: Signal<Local, U<44>>,
    least_value: Signal<Local, U<44>>,
    held_sums: Signal<Local, record::Sums>,
    ratios: Signal<Local, record::Ratios>,
    inverse_delta: Signal<Local, S<64>>,
    inverse_constant: Signal<Local, S<64>>,
    inverse_left: Signal<Local, S<65>>,
    inverse_right: Signal<Local, S<65>>,
    linear_delta: Signal<Local, S<64>>,
    linear_constant: Signal<Local, S<64>>,
    linear_left: Signal<Local, S<65>>,
    linear_right: Signal<Local, S<65>>,
    inverse_gamma: Signal<Local, S<64>>,
    inverse_vega: Signal<Local, S<64>>,
    linear_gamma: Signal<Local, S<64>>,
    linear_vega: Signal<Local, S<64>>,
    ratio: Signal<Local, S<33>>,
    scaled: Signal<Local, S<67>>,
    added: Signal<Local, S<67>>,
    step_high: Signal<Local, U<17>>,
    carried: Signal<Local, S<67>>,
    carried_wide: Signal<Local, S<84>>,
    per_step_cut: Signal<Local, S<61>>,
    drift_cut: Signal<Local, S<44>>,
    drift_cut_wide: Signal<Local, S<67>>,
    shifted_wide: Signal<Local, S<67>>,
    drift_per_step: Signal<Local, S<39>>,
    drift_per_step_wide: Signal<Local, S<62>>,
    shifted_part: Signal<Local, S<62>>,
    vega: Signal<Local, S<44>>,
}

impl NodeUnit {
    /// Cycles from start to done.
    pub const LATENCY: usize = 17;
    /// Least number of cycles from start to start.
    pub const II: usize = 4;
}

impl Logic for NodeUnit {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, at, held, held_ratio, held_step, held_edge, held_inverse, held_linear, held_cut);
        dff_setup!(self, clock, step_5, cut_5, edge_5, step_high_9, cut_9, edge_9, edge_13);
        dff_setup!(self, clock, wide, drift, gamma_difference);
        dff_setup!(self, clock, delta_9, clipped_9, vega_10, delta_13, clipped_13, vega_13, gamma_14, gamma_clipped_14);
        clock!(
            self,
            clock,
            factor,
            linear_now,
            by_ratio,
            linear_part,
            by_step,
            total,
            takes_wide,
            half,
            lower_half,
            per_step
        );
        clock!(
            self,
            clock,
            drift_then,
            cut_now,
            fine_now,
            part,
            shifted,
            slope_difference,
            slope_16,
            gamma_limit,
            slope_limit
        );

        self.one.next = bits_lit::<1>(1);
        self.first.next = bits_lit::<17>(1);
        self.now.next = self.at.q.val();
        self.at.d.next = self.now.val() << self.one.val();
        if self.start.val() {
            self.at.d.next = (self.now.val() << self.one.val()) | self.first.val();
            self.held.d.next = self.node.val();
        }

        // 0: operands. The constants are added here: below 2^64 in size.
        self.held_sums.next = self.held.q.val().sums;
        self.ratios.next = self.held.q.val().at;
        self.inverse_delta.next = signed_cast_same(self.held_sums.val().inverse_delta);
        self.inverse_constant.next = signed_cast_same(self.constant_inverse.val());
        self.inverse_left.next = signed_cast_wide(self.inverse_delta.val());
        self.inverse_right.next = signed_cast_wide(self.inverse_constant.val());
        self.linear_delta.next = signed_cast_same(self.held_sums.val().linear_delta);
        self.linear_constant.next = signed_cast_same(self.constant_linear.val());
        self.linear_left.next = signed_cast_wide(self.linear_delta.val());
        self.linear_right.next = signed_cast_wide(self.linear_constant.val());
        if self.now.val().get_bit(0) {
            self.held_ratio.d.next = self.ratios.val().inverse;
            self.held_step.d.next = self.held.q.val().step_ratio;
            self.held_edge.d.next = self.held.q.val().edge_before;
            self.held_cut.d.next = self.gamma_shift.val();
            self.held_inverse.d.next = self.inverse_left.val() + self.inverse_right.val();
            self.held_linear.d.next = self.linear_left.val() + self.linear_right.val();
        }

        // 1..4: times r. In cycle 0 of a node none of these bits can be set.
        self.inverse_gamma.next = signed_cast_same(self.held_sums.val().inverse_gamma);
        self.linear_gamma.next = signed_cast_same(self.held_sums.val().linear_gamma);
        self.inverse_vega.next = signed_cast_same(self.held_sums.val().inverse_vega);
        self.linear_vega.next = signed_cast_same(self.held_sums.val().linear_vega);
        self.factor.d.next = signed_cast_wide(self.inverse_gamma.val());
        self.linear_now.d.next = signed_cast_wide(self.linear_gamma.val());
        if self.now.val().get_bit(1) | self.now.val().get_bit(2) {
            self.factor.d.next = self.held_inverse.q.val();
            self.linear_now.d.next = self.held_linear.q.val();
        } else if self.now.val().get_bit(3) {
            self.factor.d.next = signed_cast_wide(self.inverse_vega.val());
            self.linear_now.d.next = signed_cast_wide(self.linear_vega.val());
        }
        self.ratio.next = unsigned_cast_pos(self.held_ratio.q.val());
        self.by_ratio.b.next = self.ratio.val();
        self.by_ratio.a.next = self.factor.q.val();
        self.linear_part.d.next = self.linear_now.q.val();
        if self.now.val().get_bit(4) {
            self.step_5.d.next = self.held_step.q.val();
            self.cut_5.d.next = self.held_cut.q.val();
            self.edge_5.d.next = self.held_edge.q.val();
        }

        // 5..8: totals. Sizes: scaled at most 2^64 2^32 / 2^31 = 2^65, so a total is below 2^67 / 2 and
        // wide, of parts of 2^63, below 2^65.
        self.scaled.next = signed_cast_same(self.by_ratio.p.val().get_bits::<67>(31));
        self.added.next = signed_cast_wide(self.linear_part.q.val());
        self.total.d.next = self.scaled.val() + self.added.val();
        if self.now.val().get_bit(6) {
            self.drift.d.next = signed_cast_same(self.scaled.val().get_bits::<66>(0));
            self.wide.d.next = signed_cast_same(self.total.q.val().get_bits::<66>(0));
        }
        self.delta_limit.x.next = signed_cast_same(self.total.q.val().get_bits::<45>(22));
        self.step_high.next = self.step_5.q.val().get_bits::<17>(17);
        if self.now.val().get_bit(8) {
            self.delta_9.d.next = unsigned_cast_same(self.delta_limit.y.val());
            self.clipped_9.d.next = self.delta_limit.clipped.val();
            self.cut_9.d.next = self.cut_5.q.val();
            self.edge_9.d.next = self.edge_5.q.val();
            self.step_high_9.d.next = self.step_high.val();
        }
        // Below 2^65 / 2^23: vega cannot saturate.
        self.vega.next = signed_cast_same(self.total.q.val().get_bits::<44>(23));
        if self.now.val().get_bit(9) {
            self.vega_10.d.next = unsigned_cast_same(self.vega.val());
        }

        // 7..10: times the halves of f.
        self.takes_wide.d.next = self.now.val().get_bit(6) | self.now.val().get_bit(7);
        self.half.d.next = self.step_5.q.val().get_bits::<17>(0);
        if self.now.val().get_bit(7) {
            self.half.d.next = self.step_high.val();
        } else if self.now.val().get_bit(9) {
            self.half.d.next = self.step_high_9.q.val();
        }
        self.by_step.a.next = self.drift.q.val();
        if self.takes_wide.q.val() {
            self.by_step.a.next = self.wide.q.val();
        }
        self.by_step.b.next = unsigned_cast_pos(self.half.q.val());

        // 10..13: their products; what the lower one has below bit 17 is below the shift that follows.
        // Below 2^65 2^17 + 2^65: 84 bits.
        self.lower_half.d.next = self.by_step.p.val();
        self.carried.next = signed_cast_same(self.lower_half.q.val().get_bits::<67>(17));
        self.carried_wide.next = signed_cast_wide(self.carried.val());
        self.per_step.d.next = self.by_step.p.val() + self.carried_wide.val();

        // 9, 10: wide >> cut. 12, 13: wide f >> 40 (17 of it done) >> cut.
        self.cut_now.d.next = self.cut_9.q.val();
        if self.now.val().get_bit(8) {
            self.cut_now.d.next = self.cut_5.q.val();
        }
        self.fine_now.d.next = self.cut_now.q.val().get_bits::<3>(0);
        self.per_step_cut.next = signed_cast_same(self.per_step.q.val().get_bits::<61>(23));
        self.by_eights.x.next = signed_cast_wide(self.per_step_cut.val());
        if self.now.val().get_bit(9) {
            self.by_eights.x.next = self.wide.q.val();
        }
        self.eights.next = bits_lit::<6>(0b11_1000);
        self.by_eights.by.next = self.cut_now.q.val() & self.eights.val();
        self.part.d.next = self.by_eights.y.val();
        self.by_ones.x.next = self.part.q.val();
        self.by_ones.by.next = self.fine_now.q.val();
        self.shifted.d.next = self.by_ones.y.val();

        // 11, 12: gamma, with the drift of the cycle before.
        self.drift_cut.next = signed_cast_same(self.drift.q.val().get_bits::<44>(22));
        self.drift_then.d.next = self.drift_cut.val();
        self.drift_cut_wide.next = signed_cast_wide(self.drift_then.q.val());
        self.shifted_wide.next = signed_cast_wide(self.shifted.q.val());
        if self.now.val().get_bit(11) {
            self.gamma_difference.d.next = self.shifted_wide.val() - self.drift_cut_wide.val();
        }
        self.gamma_limit.x.next = self.gamma_difference.q.val();
        if self.now.val().get_bit(12) {
            self.delta_13.d.next = self.delta_9.q.val();
            self.clipped_13.d.next = self.clipped_9.q.val();
            self.vega_13.d.next = self.vega_10.q.val();
            self.edge_13.d.next = self.edge_9.q.val();
        }

        self.most_gamma.next = bits_lit::<48>(0x7fff_ffff_ffff_u64);
        self.least_gamma.next = bits_lit::<48>(0x8000_0000_0001_u64);
        if self.now.val().get_bit(13) {
            self.gamma_14.d.next = self.gamma_difference.q.val().get_bits::<48>(0);
            self.gamma_clipped_14.d.next = self.gamma_limit.is_above.val() | self.gamma_limit.is_below.val();
            if self.gamma_limit.is_above.val() {
                self.gamma_14.d.next = self.most_gamma.val();
            } else if self.gamma_limit.is_below.val() {
                self.gamma_14.d.next = self.least_gamma.val();
            }
        }

        // 14, 15: slope. Below 2^65 2^34 / 2^40 and 2^65 2^34 / 2^62.
        self.drift_per_step.next = signed_cast_same(self.per_step.q.val().get_bits::<39>(45));
        self.drift_per_step_wide.next = signed_cast_wide(self.drift_per_step.val());
        self.shifted_part.next = signed_cast_same(self.shifted.q.val().get_bits::<62>(0));
        self.slope_difference.d.next = self.shifted_part.val() - self.drift_per_step_wide.val();
        self.slope_limit.x.next = self.slope_difference.q.val();
        self.slope_16.d.next = self.slope_difference.q.val().get_bits::<44>(0);

        // 16.
        self.most_value.next = bits_lit::<44>(0x7ff_ffff_ffff_u64);
        self.least_value.next = bits_lit::<44>(0x800_0000_0001_u64);
        self.done.next = self.now.val().get_bit(16);
        self.value.next.delta = self.delta_13.q.val();
        self.value.next.slope = self.slope_16.q.val();
        if self.slope_limit.is_above.val() {
            self.value.next.slope = self.most_value.val();
        } else if self.slope_limit.is_below.val() {
            self.value.next.slope = self.least_value.val();
        }
        self.value.next.gamma = self.gamma_14.q.val();
        self.value.next.vega = self.vega_13.q.val();
        self.value.next.saturated = self.clipped_13.q.val()
            | self.gamma_clipped_14.q.val()
            | self.slope_limit.is_above.val()
            | self.slope_limit.is_below.val();
        self.value.next.edge_before = self.edge_13.q.val();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use hedgewire_kernel::bank::Bank;
    use hedgewire_kernel::elementary::Ratios;
    use hedgewire_kernel::ladder::NodeValue;
    use hedgewire_kernel::row::{GroupSums, Sums};

    use super::*;
    use crate::finish::vectors::{Vectors, value_record};
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    /// A node, its bank, and what the kernel makes of them.
    fn draw(vectors: &mut Vectors) -> (record::Node, Bank, record::NodeValue) {
        // Sums of any size, or such that the values are in range.
        let cut = [0, 0, 1, 20][vectors.below(4) as usize];
        let mut sum = || vectors.signed(i64::MAX) >> cut;
        let mut group = || Sums { delta: sum(), gamma: sum(), vega: sum() };
        let mut sums = GroupSums { inverse: group(), linear: group() };
        let mut constant = [vectors.signed(i64::MAX) >> cut, vectors.signed(i64::MAX) >> cut];
        if vectors.below(8) == 0 {
            // Only here does delta saturate.
            let limit = if vectors.flag() { i64::MAX } else { i64::MIN };
            (sums.inverse.delta, sums.linear.delta, constant) = (limit, limit, [limit; 2]);
        }
        let bank = Bank { scale: vectors.scale(), constant, ..Bank::default() };
        let inverse = if vectors.flag() {
            vectors.between(0, u64::from(u32::MAX))
        } else {
            vectors.between(1_300_000_000, 3_400_000_000)
        };
        let at = Ratios { inverse: inverse as u32, ..Ratios::default() };
        let step_ratio = vectors.between(0, (1 << 34) - 1);
        let edge_before = vectors.flag();
        let node = record::Node {
            sums: record::Sums {
                inverse_delta: U::new(sums.inverse.delta as u128),
                inverse_gamma: U::new(sums.inverse.gamma as u128),
                inverse_vega: U::new(sums.inverse.vega as u128),
                linear_delta: U::new(sums.linear.delta as u128),
                linear_gamma: U::new(sums.linear.gamma as u128),
                linear_vega: U::new(sums.linear.vega as u128),
            },
            at: record::Ratios { inverse: U::new(inverse.into()), ..record::Ratios::default() },
            step_ratio: U::new(step_ratio.into()),
            edge_before,
        };
        (node, bank, value_record(&NodeValue::new(&sums, &bank, &at, step_ratio), edge_before))
    }

    #[test]
    fn values_equal_the_kernels_whatever_the_distance_of_starts() {
        let mut bench = TestBench::new("node_unit", NodeUnit::default());
        let mut vectors = Vectors::new(0x9e37_79b9_7f4a_7c15);
        let mut expected = VecDeque::new();
        let mut bank_before = Bank::default();
        let (mut wait, mut clean, mut clipped) = (0, 0, [0; 3]);
        for at in 0..4000 {
            let start = wait == 0;
            // Operands are there in the cycle of the start alone, and the bank's in the one after.
            let (node, bank, value) = draw(&mut vectors);
            poke!(bench, start, start);
            poke!(bench, node, node);
            poke!(bench, constant_inverse, U::new(bank_before.constant[0] as u128));
            poke!(bench, constant_linear, U::new(bank_before.constant[1] as u128));
            poke!(bench, gamma_shift, U::new(bank_before.scale.gamma_shift().into()));
            bank_before = bank;
            if start {
                expected.push_back((at + NodeUnit::LATENCY, value));
                wait = if vectors.flag() { NodeUnit::II } else { NodeUnit::II + vectors.below(14) as usize };
            }
            wait -= 1;
            cycle!(bench);
            let done = peek!(bench, done);
            let due = expected.front().is_some_and(|&(when, _)| when == at + 1);
            assert_eq!(done, due, "cycle {at}");
            if due {
                let (_, value) = expected.pop_front().expect("one is due");
                assert_eq!(peek!(bench, value), value, "cycle {at}");
                clean += usize::from(!value.saturated);
                let limits = |bits: usize| [(1 << (bits - 1)) - 1, (1 << (bits - 1)) + 1];
                clipped[0] += usize::from(limits(44).contains(&value.delta.raw()));
                clipped[1] += usize::from(limits(44).contains(&value.slope.raw()));
                clipped[2] += usize::from(limits(48).contains(&value.gamma.raw()));
            }
        }
        assert!(clean > 50 && clipped.iter().all(|&count| count > 20), "{clean} {clipped:?}");
        bench.finish();
    }
}
