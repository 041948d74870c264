//! Net delta in ladder units as an exposure in 2^-16 contract:
//! `exposure = floor(net factor / 2^shift)`, `factor` = scale 2^8 (linear) or price scale 2^-24 (inverse).
//!
//! ```text
//!   cycle 1 to 4   price scale
//!         5        factor (40 bits)
//!         6        factor 2^(-shift mod 8) (47 bits); net arrives
//!         8        three rows: net times a limb of the factor
//!         9        their sum in two halves, the carry of the lower one aside
//!        10        the product (111 bits)
//!        11        shifted right by whole bytes
//! ```
//!
//! `hedgewire_kernel::bank::Scale::contracts_of`. The fine part of the shift is a left shift of the factor,
//! off the path of the net; so the last stage is a choice among 16 bytes. Cycles are those of the desk.

use rust_hdl::prelude::*;

use super::multiply_add::MultiplyAdd;
use crate::primitive::{Delay, Multiply, ShiftRight};
use crate::signal::*;

/// The cycle in which price and scale arrive, the one of the net, and the one of the exposure.
pub const START: usize = 1;
pub const NET: usize = START + <Multiply<33, 33, 66>>::LATENCY + 2;
pub const DONE: usize = NET + MultiplyAdd::LATENCY + 3;

/// Net delta to contracts.
#[derive(LogicBlock, Default)]
pub struct Exposure {
    pub clock: Signal<In, Clock>,
    /// Cycle 1, like the three that follow.
    pub hedge_price: Signal<In, U<32>>,
    pub contract_scale: Signal<In, U<32>>,
    pub contract_shift: Signal<In, U<7>>,
    pub linear_hedge: Signal<In, Bit>,
    /// Cycle 6.
    pub net: Signal<In, S<64>>,
    /// Cycle 11.
    pub exposure: Signal<Out, S<112>>,
    price_times_scale: Multiply<33, 33, 66>,
    scale: Delay<U<32>, 3>,
    linear: Delay<Bit, 3>,
    shift: Delay<U<7>, 4>,
    factor: DFF<U<40>>,
    aligned: DFF<U<47>>,
    row0: Row,
    row1: Row,
    row2: Row,
    high: DFF<S<47>>,
    middle: DFF<U<50>>,
    low: DFF<U<17>>,
    upper: DFF<S<47>>,
    lower: DFF<U<65>>,
    bytes: Delay<U<4>, 5>,
    shifter: ShiftRight<112, 7>,
    shifted: DFF<S<112>>,
    wide_scale: Signal<Local, U<40>>,
    fine: Signal<Local, U<3>>,
    align: Signal<Local, U<3>>,
    some_fine: Signal<Local, U<4>>,
    zero: Signal<Local, U<3>>,
    wide_factor: Signal<Local, U<47>>,
    value0: Signal<Local, S<95>>,
    value1: Signal<Local, U<95>>,
    value2: Signal<Local, U<95>>,
    value1_wide: Signal<Local, S<95>>,
    value2_wide: Signal<Local, S<95>>,
    middle0: Signal<Local, U<50>>,
    middle1: Signal<Local, U<50>>,
    middle2: Signal<Local, U<50>>,
    value0_bits: Signal<Local, U<95>>,
    value2_shifted: Signal<Local, U<95>>,
    carry: Signal<Local, U<2>>,
    carry_wide: Signal<Local, S<47>>,
    middle_bits: Signal<Local, U<65>>,
    low_wide: Signal<Local, U<65>>,
    upper_wide: Signal<Local, S<112>>,
    upper_bits: Signal<Local, U<112>>,
    lower_bits: Signal<Local, U<112>>,
    product: Signal<Local, U<112>>,
    by_bytes: Signal<Local, U<7>>,
}

impl Logic for Exposure {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, price_times_scale, scale, linear, shift, factor, aligned, row0, row1, row2);
        clock!(self, clock, high, middle, low, upper, lower, bytes, shifted);
        // 1 to 4: price scale
        self.price_times_scale.a.next = unsigned_cast_pos(self.hedge_price.val());
        self.price_times_scale.b.next = unsigned_cast_pos(self.contract_scale.val());
        self.scale.d.next = self.contract_scale.val();
        self.linear.d.next = self.linear_hedge.val();
        // 5: the factor
        self.wide_scale.next = unsigned_cast_wide(self.scale.q.val());
        self.factor.d.next = self.price_times_scale.p.val().get_bits::<40>(24);
        if self.linear.q.val() {
            self.factor.d.next = self.wide_scale.val() << bits_lit::<4>(8);
        }
        // 6: shift = 8 bytes - align
        self.shift.d.next = self.contract_shift.val();
        self.zero.next = bits_lit::<3>(0);
        self.fine.next = self.shift.q.val().get_bits::<3>(0);
        self.align.next = self.zero.val() - self.fine.val();
        self.wide_factor.next = unsigned_cast_wide(self.factor.q.val());
        self.aligned.d.next = self.wide_factor.val() << self.align.val();
        self.some_fine.next = bits_lit::<4>(0);
        if self.fine.val().any() {
            self.some_fine.next = bits_lit::<4>(1);
        }
        self.bytes.d.next = self.shift.q.val().get_bits::<4>(3) + self.some_fine.val();
        // 8: rows
        self.row0.net.next = self.net.val();
        self.row1.net.next = self.net.val();
        self.row2.net.next = self.net.val();
        self.row0.limb.next = self.aligned.q.val().get_bits::<17>(0);
        self.row1.limb.next = self.aligned.q.val().get_bits::<17>(17);
        self.row2.limb.next = unsigned_cast_wide(self.aligned.q.val().get_bits::<13>(34));
        // 9: the halves of the product above its low 17 bits, which pass by
        self.value0.next = signed_cast_wide(signed_cast_same(self.row0.y.val().get_bits::<65>(17)));
        self.value1_wide.next = signed_cast_wide(self.row1.y.val());
        self.value1.next = unsigned_cast_same(self.value1_wide.val());
        self.value2_wide.next = signed_cast_wide(self.row2.y.val());
        self.value2.next = unsigned_cast_same(self.value2_wide.val());
        self.value0_bits.next = unsigned_cast_same(self.value0.val());
        self.value2_shifted.next = self.value2.val() << bits_lit::<5>(17);
        self.middle0.next = unsigned_cast_wide(self.value0_bits.val().get_bits::<48>(0));
        self.middle1.next = unsigned_cast_wide(self.value1.val().get_bits::<48>(0));
        self.middle2.next = unsigned_cast_wide(self.value2_shifted.val().get_bits::<48>(0));
        self.middle.d.next = self.middle0.val() + self.middle1.val() + self.middle2.val();
        self.high.d.next = signed_cast_same(self.value0_bits.val().get_bits::<47>(48))
            + signed_cast_same(self.value1.val().get_bits::<47>(48))
            + signed_cast_same(self.value2_shifted.val().get_bits::<47>(48));
        self.low.d.next = self.row0.y.val().get_bits::<17>(0);
        // 10: the carry, at most 2
        self.carry.next = self.middle.q.val().get_bits::<2>(48);
        self.carry_wide.next = unsigned_cast_pos(self.carry.val());
        self.upper.d.next = self.high.q.val() + self.carry_wide.val();
        self.middle_bits.next = unsigned_cast_wide(self.middle.q.val().get_bits::<48>(0));
        self.low_wide.next = unsigned_cast_wide(self.low.q.val());
        self.lower.d.next = (self.middle_bits.val() << bits_lit::<5>(17)) | self.low_wide.val();
        // 11: whole bytes
        self.upper_wide.next = signed_cast_wide(self.upper.q.val());
        self.upper_bits.next = unsigned_cast_same(self.upper_wide.val());
        self.lower_bits.next = unsigned_cast_wide(self.lower.q.val());
        self.product.next = (self.upper_bits.val() << bits_lit::<7>(65)) | self.lower_bits.val();
        self.by_bytes.next = unsigned_cast_wide(self.bytes.q.val());
        self.shifter.x.next = signed_cast_same(self.product.val());
        self.shifter.by.next = self.by_bytes.val() << bits_lit::<2>(3);
        self.shifted.d.next = self.shifter.y.val();
        self.exposure.next = self.shifted.q.val();
    }
}

/// `y = net limb`, two cycles later.
#[derive(LogicBlock, Default)]
struct Row {
    pub clock: Signal<In, Clock>,
    pub net: Signal<In, S<64>>,
    pub limb: Signal<In, U<17>>,
    pub y: Signal<Out, S<82>>,
    lower: MultiplyAdd,
    upper: Multiply<18, 18, 36>,
    lower_net: Signal<Local, U<51>>,
    upper_wide: Signal<Local, S<66>>,
    upper_bits: Signal<Local, U<66>>,
    whole_wide: Signal<Local, S<82>>,
    whole_bits: Signal<Local, U<82>>,
    rest_bits: Signal<Local, U<82>>,
}

impl Logic for Row {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, lower, upper);
        // The lower three limbs of the net are unsigned; the product of the top one is added to theirs.
        self.lower_net.next = self.net.val().get_bits::<51>(0);
        self.lower.a.next = unsigned_cast_pos(self.lower_net.val());
        self.lower.b.next = self.limb.val();
        self.upper.a.next = signed_cast_wide(signed_cast_same(self.net.val().get_bits::<13>(51)));
        self.upper.b.next = unsigned_cast_pos(self.limb.val());
        self.upper_wide.next = signed_cast_wide(self.upper.p.val());
        self.upper_bits.next = unsigned_cast_same(self.upper_wide.val());
        self.lower.c.next = signed_cast_same(self.upper_bits.val() << bits_lit::<6>(35));
        self.whole_wide.next = signed_cast_wide(self.lower.whole.val());
        self.whole_bits.next = unsigned_cast_same(self.whole_wide.val());
        self.rest_bits.next = unsigned_cast_wide(self.lower.rest.val());
        self.y.next = signed_cast_same((self.whole_bits.val() << bits_lit::<5>(16)) | self.rest_bits.val());
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_kernel::bank::Scale;

    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn equals_contracts_of_at_every_shift() {
        let mut bench = TestBench::new("exposure", Exposure::default());
        let nets =
            [i64::MAX, -i64::MAX, 1, -1, 0, (1 << 51) - 1, 1 << 51, -(1 << 51), 0x1234_5678_9abc_def0, -0x7654_3210];
        let prices = [1, u32::MAX, 1 << 24, 25_600_128];
        let mut answers = Vec::new();
        for i in 0..484usize {
            let scale = Scale {
                contract_shift: i as u32 % 121,
                contract_scale: [1 << 31, u32::MAX.into(), 0xdead_beef][i % 3],
                linear_hedge: i % 5 == 0,
                ..Scale::default()
            };
            let (price, net) = (prices[i / 2 % 4], nets[i % 10]);
            poke!(bench, hedge_price, U::new(price.into()));
            poke!(bench, contract_scale, U::new(scale.contract_scale.into()));
            poke!(bench, contract_shift, U::new(scale.contract_shift.into()));
            poke!(bench, linear_hedge, scale.linear_hedge);
            // The net of a command comes later than its scale.
            let late = i.checked_sub(NET - START).map_or(0, |earlier| nets[earlier % 10]);
            poke!(bench, net, S::new(late.into()));
            cycle!(bench);
            answers.push(scale.contracts_of(net, price));
            if let Some(earlier) = (i + 1).checked_sub(DONE - START) {
                assert_eq!(peek!(bench, exposure).raw(), answers[earlier], "vector {i}");
            }
        }
        bench.finish();
    }
}
