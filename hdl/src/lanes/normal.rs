//! The Phi/phi unit: `hedgewire_kernel::row::normal`, one price a cycle.
//!
//! ```text
//!   m  = |s| >> 22                                    2^-28   SIGN, MAGNITUDE
//!   i  = nearest node, t = m - node                           INDEX     table: H0, phi0 -> WORD
//!   s1 = t (m - t/2) >> 25                            2^-31   S1
//!   e  = s1 - (s1^2 >> 32)                            2^-31   SQUARE, E
//!   phi = phi0 - (phi0 e >> 31)                       2^-30   CORRECTION, PHI
//!   h  = +-(H0 + ((phi0 + phi) t >> 30))              2^-29   AREA, H
//! ```
//!
//! A row that is no option brings its own table word (`given`): it is taken at t = 0, where h and phi
//! are the word itself, so range rows need no path around this unit. `II` 1; `phi` after
//! `PHI_LATENCY`, `h` after `LATENCY`.
//!
//! Widths. The kernel keeps low halves of shifted products; the wires here are narrower yet. Both are
//! equal, by two cases:
//! * the table's density is 0: from node 821 (u = 6.4) on. phi0 e and (phi0 + phi) t are then 0 whatever
//!   `t`, `s1` and `e` are, so phi = 0 and h = H0. H0 is 2^28 at every such node, so any node there is
//!   as good as the right one: from 1,022 on the index is that of the last of 1,024 words.
//! * the node is below that. Then m < 2^30.8, so `m` fits 31 bits and `m - t/2` fits 32 signed;
//!   |t| <= 2^20, so |s1| < 2^20 2^30.8 / 2^25 < 2^26 and s1^2 >> 32 < 2^20: `s1` and `e` fit 27 bits
//!   signed. phi0 < 2^29 and |phi0 e| >> 31 < 2^24, so phi < 2^30, phi0 + phi < 2^31, and the area is
//!   below 2^21.
//!
//! The test `widths_hold_at_every_node` checks the bounds on the table.

use rust_hdl::prelude::*;

use hedgewire_kernel::tables::NormalTable;

use super::product::{Narrow, Square};
use crate::primitive::{Delay, Multiply, Rom};
use crate::signal::*;

/// Bits of the index.
const INDEX_BITS: usize = 10;
/// Bits of each half of a table word.
const HALF_BITS: usize = 29;

/// A table word of a row's own.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Given {
    /// Whether the row has one.
    pub is_given: Bit,
    /// `h`, signed 31.
    pub h: U<31>,
    /// `phi`, signed 31.
    pub phi: U<31>,
}

type Table = Rom<{ 2 * HALF_BITS }, INDEX_BITS>;
type ByStep = Narrow<32, 50, 53>;
type Correction = Multiply<31, 27, 58>;

/// Cycles from `s` to each value.
mod stage {
    use super::{ByStep, Correction, Square, Table};
    pub const SIGN: usize = 1;
    pub const MAGNITUDE: usize = SIGN + 1;
    pub const INDEX: usize = MAGNITUDE + 1;
    pub const TABLE: usize = INDEX + Table::LATENCY;
    pub const WORD: usize = TABLE + 1;
    pub const BASE: usize = WORD + 1;
    pub const S1: usize = INDEX + ByStep::LATENCY;
    pub const SQUARE: usize = S1 + Square::LATENCY;
    pub const E: usize = SQUARE + 1;
    pub const CORRECTION: usize = E + Correction::LATENCY;
    pub const PHI: usize = CORRECTION + 1;
    pub const AREA: usize = PHI + ByStep::LATENCY;
    pub const H: usize = AREA + 1;
}

/// `Phi(s) - 1/2` and `phi(s)`.
#[derive(LogicBlock)]
pub struct Normal {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// `u`, 2^-50.
    pub s: Signal<In, S<64>>,
    /// With `s`.
    pub given: Signal<In, Given>,
    /// 2^-29, `LATENCY` cycles later. At most 2^28 in size unless given.
    pub h: Signal<Out, S<31>>,
    /// 2^-30, `PHI_LATENCY` cycles later. 0 to 2^29 unless given.
    pub phi: Signal<Out, S<31>>,

    low: Signal<Local, U<22>>,
    is_negative: Signal<Local, Bit>,
    high: DFF<U<42>>,
    /// 1 where nothing is cut of a negative price.
    carry: DFF<U<1>>,
    carry_wide: Signal<Local, U<31>>,
    magnitude: DFF<U<31>>,
    is_far: DFF<Bit>,

    nearer: Signal<Local, U<INDEX_BITS>>,
    near: Signal<Local, U<31>>,
    whole: Signal<Local, S<32>>,
    half_bits: Signal<Local, S<20>>,
    half_distance: Signal<Local, S<32>>,
    index: DFF<U<INDEX_BITS>>,
    distance: DFF<S<21>>,
    middle: DFF<S<32>>,

    nodes: Table,
    given_at_table: Delay<Given, { stage::TABLE }>,
    own: Signal<Local, Given>,
    half_phi_bits: Signal<Local, U<HALF_BITS>>,
    density_bits: Signal<Local, U<HALF_BITS>>,
    half_phi: DFF<S<31>>,
    density: DFF<S<31>>,
    sign_at_word: Delay<Bit, { stage::WORD }>,
    one: Constant<S<31>>,
    base: DFF<S<31>>,

    s1_product: ByStep,
    s1: Signal<Local, S<27>>,
    square: Square,
    s1_at_square: Delay<S<27>, { stage::SQUARE - stage::S1 }>,
    square_bits: Signal<Local, U<22>>,
    square_wide: Signal<Local, S<27>>,
    e: DFF<S<27>>,

    density_at_e: Delay<S<31>, { stage::E - stage::WORD }>,
    correction: Correction,
    density_at_correction: Delay<S<31>, { stage::CORRECTION - stage::E }>,
    cut: Signal<Local, S<27>>,
    cut_wide: Signal<Local, S<32>>,
    place: Constant<U<1>>,
    density_wide: Signal<Local, U<32>>,
    doubled: Signal<Local, U<32>>,
    phi_here: DFF<S<31>>,
    both: DFF<S<32>>,

    distance_at_phi: Delay<S<21>, { stage::PHI - stage::INDEX }>,
    area: ByStep,
    base_at_area: Delay<S<31>, { stage::AREA - stage::BASE }>,
    sign_at_area: Delay<Bit, { stage::AREA - stage::WORD }>,
    area_bits: Signal<Local, U<23>>,
    area_signed: Signal<Local, S<23>>,
    h_here: DFF<S<31>>,
}

impl Normal {
    /// Cycles from `s` to `h`.
    pub const LATENCY: usize = stage::H;
    /// Cycles from `s` to `phi`.
    pub const PHI_LATENCY: usize = stage::PHI;
    /// Cycles between two prices.
    pub const II: usize = 1;
}

impl Default for Normal {
    fn default() -> Self {
        let words = NormalTable::new();
        let half = |word: u64| u128::from(word) & ((1 << HALF_BITS) - 1);
        let table = words.0[..1 << INDEX_BITS].iter().map(|word| U::new(half(*word) | (half(word >> 32) << HALF_BITS)));
        Self {
            clock: Signal::default(),
            s: Signal::default(),
            given: Signal::default(),
            h: Signal::default(),
            phi: Signal::default(),
            low: Signal::default(),
            is_negative: Signal::default(),
            high: DFF::default(),
            carry: DFF::default(),
            carry_wide: Signal::default(),
            magnitude: DFF::default(),
            is_far: DFF::default(),
            nearer: Signal::default(),
            near: Signal::default(),
            whole: Signal::default(),
            half_bits: Signal::default(),
            half_distance: Signal::default(),
            index: DFF::default(),
            distance: DFF::default(),
            middle: DFF::default(),
            nodes: Rom::new(table),
            given_at_table: Delay::default(),
            own: Signal::default(),
            half_phi_bits: Signal::default(),
            density_bits: Signal::default(),
            half_phi: DFF::default(),
            density: DFF::default(),
            sign_at_word: Delay::default(),
            one: Constant::new(S::new(1)),
            base: DFF::default(),
            s1_product: Narrow::default(),
            s1: Signal::default(),
            square: Square::default(),
            s1_at_square: Delay::default(),
            square_bits: Signal::default(),
            square_wide: Signal::default(),
            e: DFF::default(),
            density_at_e: Delay::default(),
            correction: Multiply::default(),
            density_at_correction: Delay::default(),
            cut: Signal::default(),
            cut_wide: Signal::default(),
            place: Constant::new(U::new(1)),
            density_wide: Signal::default(),
            doubled: Signal::default(),
            phi_here: DFF::default(),
            both: DFF::default(),
            distance_at_phi: Delay::default(),
            area: Narrow::default(),
            base_at_area: Delay::default(),
            sign_at_area: Delay::default(),
            area_bits: Signal::default(),
            area_signed: Signal::default(),
            h_here: DFF::default(),
        }
    }
}

impl Logic for Normal {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, high, carry, magnitude, is_far, index, distance, middle, nodes, given_at_table);
        clock!(self, clock, half_phi, density, sign_at_word);
        clock!(self, clock, base, s1_product, square, s1_at_square, e, density_at_e, correction, density_at_correction);
        clock!(self, clock, phi_here, both, distance_at_phi, area, base_at_area, sign_at_area, h_here);

        // SIGN. -(s >> 22) rounded towards zero: the complement, and one more where nothing is cut.
        self.is_negative.next = self.s.val().get_bit(63) & !self.given.val().is_given;
        self.low.next = self.s.val().get_bits::<22>(0);
        self.high.d.next = self.s.val().get_bits::<42>(22);
        self.carry.d.next = bits_lit::<1>(0);
        if self.s.val().get_bit(63) {
            self.high.d.next = !self.s.val().get_bits::<42>(22);
            if !self.low.val().any() {
                self.carry.d.next = bits_lit::<1>(1);
            }
        }
        if self.given.val().is_given {
            self.high.d.next = bits_lit::<42>(0);
            self.carry.d.next = bits_lit::<1>(0);
        }

        // MAGNITUDE. Far is from node 1,022 on, so that neither the carry nor the rounding can leave the table.
        self.carry_wide.next = unsigned_cast_wide(self.carry.q.val());
        self.magnitude.d.next = self.high.q.val().get_bits::<31>(0) + self.carry_wide.val();
        self.is_far.d.next = self.high.q.val().get_bits::<11>(31).any() | self.high.q.val().get_bits::<9>(22).all();

        // INDEX. The low 21 bits of m, read as signed, are its distance from the nearest node.
        self.nearer.next = bits_lit::<10>(0);
        if self.magnitude.q.val().get_bit(20) {
            self.nearer.next = bits_lit::<10>(1);
        }
        self.index.d.next = self.magnitude.q.val().get_bits::<10>(21) + self.nearer.val();
        if self.is_far.q.val() {
            self.index.d.next = bits_lit::<10>(1023);
        }
        self.distance.d.next = signed_cast_same(self.magnitude.q.val().get_bits::<21>(0));
        self.near.next = self.magnitude.q.val().get_bits::<31>(0);
        self.whole.next = unsigned_cast_pos(self.near.val());
        self.half_bits.next = signed_cast_same(self.magnitude.q.val().get_bits::<20>(1));
        self.half_distance.next = signed_cast_wide(self.half_bits.val());
        self.middle.d.next = self.whole.val() - self.half_distance.val();

        // WORD
        self.nodes.read_address.next = self.index.q.val();
        self.given_at_table.d.next = self.given.val();
        self.own.next = self.given_at_table.q.val();
        self.half_phi_bits.next = self.nodes.q.val().get_bits::<29>(0);
        self.density_bits.next = self.nodes.q.val().get_bits::<29>(29);
        self.half_phi.d.next = unsigned_cast_pos(self.half_phi_bits.val());
        self.density.d.next = unsigned_cast_pos(self.density_bits.val());
        if self.own.val().is_given {
            self.half_phi.d.next = signed_cast_same(self.own.val().h);
            self.density.d.next = signed_cast_same(self.own.val().phi);
        }

        // BASE. -(H0 + area) = (1 - H0) + !area: the sign costs no adder at the end.
        self.sign_at_word.d.next = self.is_negative.val();
        self.base.d.next = self.half_phi.q.val();
        if self.sign_at_word.q.val() {
            self.base.d.next = self.one.val() - self.half_phi.q.val();
        }

        // S1, SQUARE, E
        self.s1_product.a.next = self.distance.q.val();
        self.s1_product.b.next = self.middle.q.val();
        self.s1.next = signed_cast_same(self.s1_product.p.val().get_bits::<27>(25));
        self.square.a.next = self.s1.val();
        self.s1_at_square.d.next = self.s1.val();
        self.square_bits.next = self.square.p.val().get_bits::<22>(32);
        self.square_wide.next = unsigned_cast_pos(self.square_bits.val());
        self.e.d.next = self.s1_at_square.q.val() - self.square_wide.val();

        // CORRECTION, PHI
        self.density_at_e.d.next = self.density.q.val();
        self.correction.a.next = self.density_at_e.q.val();
        self.correction.b.next = self.e.q.val();
        self.density_at_correction.d.next = self.density_at_e.q.val();
        self.cut.next = signed_cast_same(self.correction.p.val().get_bits::<27>(31));
        self.phi_here.d.next = self.density_at_correction.q.val() - signed_cast_wide(self.cut.val());
        self.phi.next = self.phi_here.q.val();
        self.density_wide.next = unsigned_cast_wide(unsigned_cast_same(self.density_at_correction.q.val()));
        self.doubled.next = self.density_wide.val() << self.place.val();
        self.cut_wide.next = signed_cast_wide(self.cut.val());
        self.both.d.next = signed_cast_same(self.doubled.val()) - self.cut_wide.val();

        // AREA, H
        self.distance_at_phi.d.next = self.distance.q.val();
        self.area.a.next = self.distance_at_phi.q.val();
        self.area.b.next = self.both.q.val();
        self.base_at_area.d.next = self.base.q.val();
        self.sign_at_area.d.next = self.sign_at_word.q.val();
        self.area_bits.next = self.area.p.val().get_bits::<23>(30);
        if self.sign_at_area.q.val() {
            self.area_bits.next = !self.area.p.val().get_bits::<23>(30);
        }
        self.area_signed.next = signed_cast_same(self.area_bits.val());
        self.h_here.d.next = self.base_at_area.q.val() + signed_cast_wide(self.area_signed.val());
        self.h.next = self.h_here.q.val();
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_kernel::row::normal;
    use hedgewire_kernel::tables::HALF_STEP;

    use super::*;
    use crate::lanes::samples::Random;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    /// From this node on the table's density is 0.
    const NODES_WITH_DENSITY: usize = 821;

    #[test]
    fn widths_hold_at_every_node() {
        let table = NormalTable::new();
        for (i, word) in table.0.iter().enumerate() {
            let (half_phi, density) = (*word as u32, word >> 32);
            assert_eq!(density == 0, i >= NODES_WITH_DENSITY, "node {i}");
            assert!(half_phi <= 1 << 28 && density < 1 << HALF_BITS);
            assert!(i < NODES_WITH_DENSITY || half_phi == 1 << 28, "node {i}");
        }
        // Every bound grows with the node; the largest step at the last one.
        let (last, step) = (((NODES_WITH_DENSITY - 1) as i64) << 21, HALF_STEP as i64);
        for t in [-step, step - 1] {
            let middle = last + t - (t >> 1);
            let s1 = (t * middle) >> 25;
            assert!(last + t < 1 << 31 && middle < 1 << 31 && s1.abs() < 1 << 26);
            assert!((s1 - ((s1 * s1) >> 32)).abs() < 1 << 26);
        }
    }

    /// Around every edge of the unit, and random words of every size.
    fn samples(random: &mut Random) -> Vec<i64> {
        let around = |s: i64| [-(1i64 << 22), -1, 0, 1, 1 << 22].map(|d| s.wrapping_add(d));
        let mut all: Vec<i64> =
            [0, i64::MAX, i64::MIN, 1 << 22, 1 << 42, 1 << 43].into_iter().flat_map(around).collect();
        // Nodes, and the places half way between two, up to past u = 8.
        for node in [0, 1, 2, 127, 128, 400, 811, 812, 813, 820, 821, 822, 1022, 1023, 1024, 1025, 2048, 2049] {
            for m in [node << 21, (node << 21) + (1 << 20)] {
                all.extend(around(m << 22));
                all.extend(around(-(m << 22)));
            }
        }
        for bit in 0..63 {
            all.extend([1i64 << bit, -(1i64 << bit), (1i64 << bit) - 1]);
        }
        for i in 0..2400 {
            // Two in three within the table.
            let s = random.bits() as i64;
            all.push(if i % 3 == 0 { s >> random.below(64) } else { s % (7 << 50) });
        }
        all
    }

    #[test]
    fn equals_the_kernel() {
        let table = NormalTable::new();
        let mut random = Random::new(1);
        let mut bench = TestBench::new("normal", Normal::default());
        let samples = samples(&mut random);
        poke!(bench, given, Given::default());
        for i in 0..samples.len() + Normal::LATENCY {
            poke!(bench, s, S::new(i128::from(samples.get(i).copied().unwrap_or(0))));
            cycle!(bench);
            let (h, phi) = (peek!(bench, h), peek!(bench, phi));
            if let Some(s) = (i + 1).checked_sub(Normal::LATENCY).and_then(|at| samples.get(at)) {
                assert_eq!(h.raw(), i128::from(normal(&table, *s).0), "h({s:#x})");
            }
            if let Some(s) = (i + 1).checked_sub(Normal::PHI_LATENCY).and_then(|at| samples.get(at)) {
                assert_eq!(phi.raw(), i128::from(normal(&table, *s).1), "phi({s:#x})");
            }
        }
        bench.finish();
    }

    #[test]
    fn a_given_word_comes_out_as_it_is() {
        let mut random = Random::new(2);
        let mut bench = TestBench::new("normal_given", Normal::default());
        let limit = (1i128 << 30) - 1;
        let mut expected = Vec::new();
        for i in 0..200 {
            let word = |random: &mut Random| match random.below(3) {
                0 => random.one_of(&[0, limit, -limit, 1, -1]),
                _ => random.word() % limit,
            };
            let (h, phi) = (word(&mut random), word(&mut random));
            expected.push((h, phi));
            poke!(bench, s, S::new(random.word()));
            poke!(bench, given, Given { is_given: true, h: U::new(h as u128), phi: U::new(phi as u128) });
            cycle!(bench);
            let (h, phi) = (peek!(bench, h), peek!(bench, phi));
            if let Some(at) = (i + 1usize).checked_sub(Normal::LATENCY) {
                assert_eq!(h.raw(), expected[at].0);
            }
            if let Some(at) = (i + 1usize).checked_sub(Normal::PHI_LATENCY) {
                assert_eq!(phi.raw(), expected[at].1);
            }
        }
        bench.finish();
    }
}
