//! What an interval and its error bound take from the nodes around it without a product: the part of
//! `hedgewire_kernel::ladder::Ladder::make_interval` that is sums.
//!
//! With the interval between nodes `a` and `b`, of delta `d`, slope `m` and vega `v`:
//!
//! ```text
//!   rise = db - da      c0 = da   c1 = ma   c2 = 3 rise - 2 ma - mb   c3 = ma + mb - 2 rise
//!   slope in the middle = ((3 c3 >> 1) + 2 c2 >> 1) + c1    = (6 rise - ma - mb) >> 2
//!   delta in the middle = (((c3 >> 1) + c2 >> 1) + c1 >> 1) + c0 = ((4 rise + ma - mb) >> 3) + da
//!
//!   bound = max(jump >> 4, miss >> 7) + 8
//!   jump  = the larger of |third(0, 1) - third(1, 2)| and |third(1, 2) - third(2, 3)|, where
//!           third(0, 1) - third(1, 2) = m0 - m2 + 2 (d0 - d1 + d2 - d1), and so on by one node
//!   miss  = |13 (d0 - d1 + d3 - d2) + 17 (m1 - m2) + 3 (m0 - m3)|
//! ```
//!
//! The right-hand sides of the middle are exact: a floor of a sum with an integer is the sum of the
//! floor and the integer, and a floor of a floor is one.
//!
//! Operands stand still, so that no register needs an enable: they settle, counted from the two nodes of the interval
//! `a` and `b` in cycle 1, `slope_middle` in cycle 3, the cubic and `delta_middle` in cycle 4, and the bound
//! `LATENCY` cycles from the whole window. A ladder of two intervals has no first node: one jump, no miss.

use rust_hdl::prelude::*;

use crate::record;
use crate::signal::*;

/// Cycles from the window to the bound.
pub const LATENCY: usize = 9;

/// Cubic, its middle, and its bound before it is a number of contracts.
#[derive(LogicBlock, Default)]
pub struct Cubic {
    pub clock: Signal<In, Clock>,
    /// The nodes of the interval.
    pub left: Signal<In, record::NodeValue>,
    pub right: Signal<In, record::NodeValue>,
    /// The window.
    pub n0: Signal<In, record::Knot>,
    pub n1: Signal<In, record::Knot>,
    pub n2: Signal<In, record::Knot>,
    pub n3: Signal<In, record::Knot>,
    /// The ladder has two intervals, so there is no `n0`.
    pub two: Signal<In, Bit>,
    /// The interval's nodes, a cycle later.
    pub a: Signal<Out, record::NodeValue>,
    pub b: Signal<Out, record::NodeValue>,
    pub c2: Signal<Out, S<48>>,
    pub c3: Signal<Out, S<47>>,
    pub vega_rise: Signal<Out, S<45>>,
    /// Change of delta per step in the middle: at most 7 2^44 / 4 in size.
    pub slope_middle: Signal<Out, S<46>>,
    /// Delta in the middle: at most 2^43 + 5 2^44 / 8 in size.
    pub delta_middle: Signal<Out, S<46>>,
    /// At most 2^43 + 8.
    pub bound: Signal<Out, U<44>>,

    left_node: DFF<record::NodeValue>,
    right_node: DFF<record::NodeValue>,
    rise: DFF<S<45>>,
    slope_sum: DFF<S<45>>,
    slope_fall: DFF<S<45>>,

    rise_thrice: DFF<S<47>>,
    slopes: DFF<S<46>>,
    second: DFF<S<48>>,
    third: DFF<S<47>>,
    vega_change: DFF<S<45>>,
    middle_rise: DFF<S<45>>,
    delta_half: DFF<S<46>>,

    fall_01: DFF<S<45>>,
    rise_12: DFF<S<45>>,
    rise_23: DFF<S<45>>,
    slope_02: DFF<S<45>>,
    slope_13: DFF<S<45>>,
    slope_12: DFF<S<45>>,
    slope_03: DFF<S<45>>,
    bend_1: DFF<S<46>>,
    bend_2: DFF<S<46>>,
    ends: DFF<S<46>>,
    jump_1: DFF<S<48>>,
    jump_2: DFF<S<48>>,
    ends_12: DFF<S<50>>,
    inner_17: DFF<S<50>>,
    outer_3: DFF<S<47>>,
    ends_13: DFF<S<50>>,
    slopes_20: DFF<S<50>>,
    size_1: DFF<U<47>>,
    size_2: DFF<U<47>>,
    is_second: DFF<Bit>,
    jump: DFF<U<47>>,
    miss: DFF<S<51>>,
    miss_size: DFF<U<50>>,
    is_miss: DFF<Bit>,
    largest: DFF<U<43>>,
    rounded: DFF<U<44>>,

    one: Signal<Local, U<1>>,
    two_places: Signal<Local, U<2>>,
    four_places: Signal<Local, U<3>>,
    rounding: Signal<Local, U<44>>,
    a_delta: Signal<Local, S<44>>,
    a_slope: Signal<Local, S<44>>,
    b_delta: Signal<Local, S<44>>,
    b_slope: Signal<Local, S<44>>,
    a_delta_45: Signal<Local, S<45>>,
    a_slope_45: Signal<Local, S<45>>,
    b_delta_45: Signal<Local, S<45>>,
    b_slope_45: Signal<Local, S<45>>,
    delta: Signal<Local, S<44>>,
    slope: Signal<Local, S<44>>,
    a_vega: Signal<Local, S<44>>,
    b_vega: Signal<Local, S<44>>,
    delta_46: Signal<Local, S<46>>,
    slope_46: Signal<Local, S<46>>,
    a_vega_45: Signal<Local, S<45>>,
    b_vega_45: Signal<Local, S<45>>,
    rise_47: Signal<Local, S<47>>,
    rise_doubled: Signal<Local, S<47>>,
    rise_48: Signal<Local, S<48>>,
    thrice_twice: Signal<Local, S<48>>,
    rise_four_times: Signal<Local, S<48>>,
    sum_46: Signal<Local, S<46>>,
    sum_47: Signal<Local, S<47>>,
    sum_48: Signal<Local, S<48>>,
    fall_48: Signal<Local, S<48>>,
    thrice_48: Signal<Local, S<48>>,
    slopes_48: Signal<Local, S<48>>,
    middle_slope: Signal<Local, S<48>>,
    middle_rise_8: Signal<Local, S<48>>,
    middle_rise_46: Signal<Local, S<46>>,
    d0: Signal<Local, S<44>>,
    d1: Signal<Local, S<44>>,
    d2: Signal<Local, S<44>>,
    d3: Signal<Local, S<44>>,
    m0: Signal<Local, S<44>>,
    m1: Signal<Local, S<44>>,
    m2: Signal<Local, S<44>>,
    m3: Signal<Local, S<44>>,
    d0_45: Signal<Local, S<45>>,
    d1_45: Signal<Local, S<45>>,
    d2_45: Signal<Local, S<45>>,
    d3_45: Signal<Local, S<45>>,
    m0_45: Signal<Local, S<45>>,
    m1_45: Signal<Local, S<45>>,
    m2_45: Signal<Local, S<45>>,
    m3_45: Signal<Local, S<45>>,
    fall_01_46: Signal<Local, S<46>>,
    rise_12_46: Signal<Local, S<46>>,
    rise_23_46: Signal<Local, S<46>>,
    bend_1_48: Signal<Local, S<48>>,
    bend_2_48: Signal<Local, S<48>>,
    bend_1_twice: Signal<Local, S<48>>,
    bend_2_twice: Signal<Local, S<48>>,
    slope_02_48: Signal<Local, S<48>>,
    slope_13_48: Signal<Local, S<48>>,
    ends_50: Signal<Local, S<50>>,
    ends_4: Signal<Local, S<50>>,
    ends_8: Signal<Local, S<50>>,
    inner_50: Signal<Local, S<50>>,
    inner_16: Signal<Local, S<50>>,
    outer_47: Signal<Local, S<47>>,
    outer_2: Signal<Local, S<47>>,
    outer_50: Signal<Local, S<50>>,
    jump_1_size: Signal<Local, S<48>>,
    jump_2_size: Signal<Local, S<48>>,
    ends_51: Signal<Local, S<51>>,
    slopes_51: Signal<Local, S<51>>,
    miss_positive: Signal<Local, S<51>>,
    three_places: Signal<Local, U<2>>,
    by_jump: Signal<Local, U<43>>,
    by_miss: Signal<Local, U<43>>,
    largest_44: Signal<Local, U<44>>,
}

impl Logic for Cubic {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, left_node, right_node);
        clock!(self, clock, fall_01, rise_12, rise_23, slope_02, slope_13, slope_12, slope_03);
        clock!(self, clock, rise, slope_sum, slope_fall, middle_rise, is_second, is_miss);
        clock!(self, clock, rise_thrice, slopes, second, third, vega_change, delta_half, bend_1, bend_2, ends);
        clock!(self, clock, jump_1, jump_2, ends_12, inner_17, outer_3, ends_13, slopes_20, size_1, size_2);
        clock!(self, clock, jump, miss, miss_size, largest, rounded);
        self.one.next = bits_lit::<1>(1);
        self.two_places.next = bits_lit::<2>(2);
        self.three_places.next = bits_lit::<2>(3);
        self.four_places.next = bits_lit::<3>(4);
        self.rounding.next = bits_lit::<44>(8);

        // 0.
        self.left_node.d.next = self.left.val();
        self.right_node.d.next = self.right.val();
        self.a.next = self.left_node.q.val();
        self.b.next = self.right_node.q.val();

        // 1: differences and the sum of the interval's nodes.
        self.a_delta.next = signed_cast_same(self.left_node.q.val().delta);
        self.a_slope.next = signed_cast_same(self.left_node.q.val().slope);
        self.b_delta.next = signed_cast_same(self.right_node.q.val().delta);
        self.b_slope.next = signed_cast_same(self.right_node.q.val().slope);
        self.a_delta_45.next = signed_cast_wide(self.a_delta.val());
        self.a_slope_45.next = signed_cast_wide(self.a_slope.val());
        self.b_delta_45.next = signed_cast_wide(self.b_delta.val());
        self.b_slope_45.next = signed_cast_wide(self.b_slope.val());
        self.rise.d.next = self.b_delta_45.val() - self.a_delta_45.val();
        self.slope_sum.d.next = self.a_slope_45.val() + self.b_slope_45.val();
        self.slope_fall.d.next = self.a_slope_45.val() - self.b_slope_45.val();

        // The middle. rise and the sums of slopes are below 2^44.
        self.rise_48.next = signed_cast_wide(self.rise.q.val());
        self.rise_four_times.next = signed_cast_same(unsigned_cast_same(self.rise_48.val()) << self.two_places.val());
        self.sum_48.next = signed_cast_wide(self.slope_sum.q.val());
        self.fall_48.next = signed_cast_wide(self.slope_fall.q.val());
        self.thrice_48.next = signed_cast_wide(self.rise_thrice.q.val());
        self.thrice_twice.next = signed_cast_same(unsigned_cast_same(self.thrice_48.val()) << self.one.val());
        self.middle_slope.next = self.thrice_twice.val() - self.sum_48.val();
        self.slope_middle.next = signed_cast_same(self.middle_slope.val().get_bits::<46>(2));
        self.middle_rise_8.next = self.rise_four_times.val() + self.fall_48.val();
        self.middle_rise.d.next = signed_cast_same(self.middle_rise_8.val().get_bits::<45>(3));
        self.middle_rise_46.next = signed_cast_wide(self.middle_rise.q.val());
        self.delta.next = signed_cast_same(self.left_node.q.val().delta);
        self.delta_46.next = signed_cast_wide(self.delta.val());
        self.delta_half.d.next = self.middle_rise_46.val() + self.delta_46.val();
        self.delta_middle.next = self.delta_half.q.val();

        // The cubic: |c2| <= 9 2^43, |c3| <= 6 2^43.
        self.rise_47.next = signed_cast_wide(self.rise.q.val());
        self.rise_doubled.next = signed_cast_same(unsigned_cast_same(self.rise_47.val()) << self.one.val());
        self.rise_thrice.d.next = self.rise_doubled.val() + self.rise_47.val();
        self.slope.next = signed_cast_same(self.left_node.q.val().slope);
        self.slope_46.next = signed_cast_wide(self.slope.val());
        self.sum_46.next = signed_cast_wide(self.slope_sum.q.val());
        self.slopes.d.next = self.sum_46.val() + self.slope_46.val();
        self.slopes_48.next = signed_cast_wide(self.slopes.q.val());
        self.second.d.next = self.thrice_48.val() - self.slopes_48.val();
        self.c2.next = self.second.q.val();
        self.sum_47.next = signed_cast_wide(self.slope_sum.q.val());
        self.third.d.next = self.sum_47.val() - self.rise_doubled.val();
        self.c3.next = self.third.q.val();
        self.a_vega.next = signed_cast_same(self.left_node.q.val().vega);
        self.b_vega.next = signed_cast_same(self.right_node.q.val().vega);
        self.a_vega_45.next = signed_cast_wide(self.a_vega.val());
        self.b_vega_45.next = signed_cast_wide(self.b_vega.val());
        self.vega_change.d.next = self.b_vega_45.val() - self.a_vega_45.val();
        self.vega_rise.next = self.vega_change.q.val();

        // 0 from the window: differences of neighbours, below 2^44.
        self.d0.next = signed_cast_same(self.n0.val().delta);
        self.d1.next = signed_cast_same(self.n1.val().delta);
        self.d2.next = signed_cast_same(self.n2.val().delta);
        self.d3.next = signed_cast_same(self.n3.val().delta);
        self.m0.next = signed_cast_same(self.n0.val().slope);
        self.m1.next = signed_cast_same(self.n1.val().slope);
        self.m2.next = signed_cast_same(self.n2.val().slope);
        self.m3.next = signed_cast_same(self.n3.val().slope);
        self.d0_45.next = signed_cast_wide(self.d0.val());
        self.d1_45.next = signed_cast_wide(self.d1.val());
        self.d2_45.next = signed_cast_wide(self.d2.val());
        self.d3_45.next = signed_cast_wide(self.d3.val());
        self.m0_45.next = signed_cast_wide(self.m0.val());
        self.m1_45.next = signed_cast_wide(self.m1.val());
        self.m2_45.next = signed_cast_wide(self.m2.val());
        self.m3_45.next = signed_cast_wide(self.m3.val());
        self.fall_01.d.next = self.d0_45.val() - self.d1_45.val();
        self.rise_12.d.next = self.d2_45.val() - self.d1_45.val();
        self.rise_23.d.next = self.d3_45.val() - self.d2_45.val();
        self.slope_02.d.next = self.m0_45.val() - self.m2_45.val();
        self.slope_13.d.next = self.m1_45.val() - self.m3_45.val();
        self.slope_12.d.next = self.m1_45.val() - self.m2_45.val();
        self.slope_03.d.next = self.m0_45.val() - self.m3_45.val();

        // 1: below 2^45.
        self.fall_01_46.next = signed_cast_wide(self.fall_01.q.val());
        self.rise_12_46.next = signed_cast_wide(self.rise_12.q.val());
        self.rise_23_46.next = signed_cast_wide(self.rise_23.q.val());
        self.bend_1.d.next = self.fall_01_46.val() + self.rise_12_46.val();
        self.bend_2.d.next = self.rise_23_46.val() - self.rise_12_46.val();
        self.ends.d.next = self.fall_01_46.val() + self.rise_23_46.val();

        // 2: jumps below 2^46 + 2^44, the parts of the miss below 12 2^45, 17 2^44 and 3 2^44.
        self.bend_1_48.next = signed_cast_wide(self.bend_1.q.val());
        self.bend_2_48.next = signed_cast_wide(self.bend_2.q.val());
        self.bend_1_twice.next = signed_cast_same(unsigned_cast_same(self.bend_1_48.val()) << self.one.val());
        self.bend_2_twice.next = signed_cast_same(unsigned_cast_same(self.bend_2_48.val()) << self.one.val());
        self.slope_02_48.next = signed_cast_wide(self.slope_02.q.val());
        self.slope_13_48.next = signed_cast_wide(self.slope_13.q.val());
        self.jump_1.d.next = self.slope_02_48.val() + self.bend_1_twice.val();
        self.jump_2.d.next = self.slope_13_48.val() + self.bend_2_twice.val();
        self.ends_50.next = signed_cast_wide(self.ends.q.val());
        self.ends_4.next = signed_cast_same(unsigned_cast_same(self.ends_50.val()) << self.two_places.val());
        self.ends_8.next = signed_cast_same(unsigned_cast_same(self.ends_50.val()) << self.three_places.val());
        self.ends_12.d.next = self.ends_8.val() + self.ends_4.val();
        self.inner_50.next = signed_cast_wide(self.slope_12.q.val());
        self.inner_16.next = signed_cast_same(unsigned_cast_same(self.inner_50.val()) << self.four_places.val());
        self.inner_17.d.next = self.inner_16.val() + self.inner_50.val();
        self.outer_47.next = signed_cast_wide(self.slope_03.q.val());
        self.outer_2.next = signed_cast_same(unsigned_cast_same(self.outer_47.val()) << self.one.val());
        self.outer_3.d.next = self.outer_2.val() + self.outer_47.val();

        // 3: below 13 2^45 and 20 2^44.
        self.jump_1_size.next = self.jump_1.q.val();
        if self.jump_1.q.val().get_bit(47) {
            self.jump_1_size.next = -self.jump_1.q.val();
        }
        self.jump_2_size.next = self.jump_2.q.val();
        if self.jump_2.q.val().get_bit(47) {
            self.jump_2_size.next = -self.jump_2.q.val();
        }
        self.size_1.d.next = self.jump_1_size.val().get_bits::<47>(0);
        self.size_2.d.next = self.jump_2_size.val().get_bits::<47>(0);
        self.ends_13.d.next = self.ends_12.q.val() + self.ends_50.val();
        self.outer_50.next = signed_cast_wide(self.outer_3.q.val());
        self.slopes_20.d.next = self.inner_17.q.val() + self.outer_50.val();

        // 4: the miss is below 46 2^44 < 2^50.
        self.is_second.d.next = (self.size_2.q.val() > self.size_1.q.val()) | self.two.val();
        self.jump.d.next = self.size_1.q.val();
        if self.is_second.q.val() {
            self.jump.d.next = self.size_2.q.val();
        }
        self.ends_51.next = signed_cast_wide(self.ends_13.q.val());
        self.slopes_51.next = signed_cast_wide(self.slopes_20.q.val());
        self.miss.d.next = self.ends_51.val() + self.slopes_51.val();

        // 5.
        self.miss_positive.next = self.miss.q.val();
        if self.miss.q.val().get_bit(50) {
            self.miss_positive.next = -self.miss.q.val();
        }
        self.miss_size.d.next = self.miss_positive.val().get_bits::<50>(0);
        if self.two.val() {
            self.miss_size.d.next = bits_lit::<50>(0);
        }

        // 6, 7, 8.
        self.by_jump.next = self.jump.q.val().get_bits::<43>(4);
        self.by_miss.next = self.miss_size.q.val().get_bits::<43>(7);
        self.is_miss.d.next = self.by_miss.val() > self.by_jump.val();
        self.largest.d.next = self.by_jump.val();
        if self.is_miss.q.val() {
            self.largest.d.next = self.by_miss.val();
        }
        self.largest_44.next = unsigned_cast_wide(self.largest.q.val());
        self.rounded.d.next = self.largest_44.val() + self.rounding.val();
        self.bound.next = self.rounded.q.val();
    }
}
