//! What one row adds at one price: `hedgewire_kernel::row::Shape::contribution`, one row a cycle.
//!
//! ```text
//!   option   a x [PRODUCT] + b [S] -----------> Normal -----> h ---> w_delta h     [SUM]
//!                                                 ^    \
//!   range    z [Z], against both edges [EDGES, WORD] +  +--> phi --> w_gamma phi, w_vega phi
//! ```
//!
//! A range row is a table word of its own: h = clamp(z, low, high) - low and phi = +-z strictly inside,
//! 0 elsewhere; its vega weight is taken as 0. Every other row has the word (0, 0). So all kinds share
//! the unit and the three products. Within reach z = e^(+-x/2) is below 2^30 (2^-29), and h is never
//! above z: both fit 31 bits signed.
//!
//! The weights of a row may come late, gamma and vega `LATE_PHI` cycles after it and delta `LATE_H`: nothing
//! before that follows from them.
//!
//! `a x + b`: |a x| < 2^62 and |b| < 2^62 for options, so 64 bits hold it. Products: 33 + 31 bits.
//! `II` 1. Blocks of 18 x 18: a x 3, `Normal` 11, the weights 4 + 3 + 3: 24 in all.

use rust_hdl::prelude::*;

use super::normal::{Given, Normal};
use super::product::Product;
use crate::primitive::{Delay, Multiply};
use crate::record::{Change, Contribution, Ratios, Row};
use crate::signal::*;

type Slope = Product<33, 32, 65>;
/// By `h`, which comes last: one cycle shorter for one block more.
type ByH = Multiply<33, 31, 64>;
type ByPhi = Product<33, 31, 64>;

/// Cycles from row to each value.
mod stage {
    use super::{ByH, ByPhi, Normal, Slope};
    pub const Z: usize = 1;
    pub const EDGES: usize = Z + 1;
    pub const WORD: usize = EDGES + 1;
    pub const PRODUCT: usize = Slope::LATENCY;
    pub const S: usize = PRODUCT + 1;
    pub const PHI: usize = S + Normal::PHI_LATENCY;
    pub const H: usize = S + Normal::LATENCY;
    pub const SUM: usize = H + ByH::LATENCY;
    /// When gamma and vega must start so as to be there with delta.
    pub const BY_PHI: usize = SUM - ByPhi::LATENCY;
}

/// A range row's edges and the coordinate it clamps, 2^-29.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
struct Coordinate {
    is_option: Bit,
    is_range: Bit,
    linear: Bit,
    z: U<32>,
    low: U<32>,
    high: U<32>,
}

/// Where the coordinate lies.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
struct Edges {
    is_option: Bit,
    is_range: Bit,
    linear: Bit,
    above_low: Bit,
    at_high: Bit,
    z: U<30>,
    /// `z - low`, meant where z is above it.
    from_low: U<30>,
    /// `high - low`, meant where z is at or above high.
    span: U<30>,
}

/// One lane.
#[derive(LogicBlock)]
pub struct Lane {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Row.
    pub row: Signal<In, Row>,
    /// Price that the row is taken at.
    pub at: Signal<In, Ratios>,
    /// The row of `LATE_PHI` cycles ago takes its weights of gamma and vega from here, that of `LATE_H` that of delta.
    pub is_late_phi: Signal<In, Bit>,
    pub is_late_h: Signal<In, Bit>,
    pub late: Signal<In, Change>,
    /// What the row adds, `LATENCY` cycles later.
    pub contribution: Signal<Out, Contribution>,
    /// `Shape::range_region` of a range row, 0 of others, with the contribution.
    pub region: Signal<Out, U<2>>,

    kind: Signal<Local, U<3>>,
    is_option: Signal<Local, Bit>,
    is_range: Signal<Local, Bit>,
    a: Signal<Local, U<32>>,
    x: Signal<Local, U<32>>,
    x_signed: Signal<Local, S<32>>,
    slope: Slope,
    b_at_product: Delay<U<48>, { stage::PRODUCT }>,
    b: Signal<Local, U<64>>,
    wire_shift: Constant<U<5>>,
    s: DFF<S<64>>,

    coordinate: DFF<Coordinate>,
    coordinate_here: Signal<Local, Coordinate>,
    z: Signal<Local, U<32>>,
    low: Signal<Local, U<32>>,
    high_wide: Signal<Local, U<48>>,
    high: Signal<Local, U<32>>,
    from_low: Signal<Local, U<32>>,
    span: Signal<Local, U<32>>,
    edges: DFF<Edges>,
    edges_here: Signal<Local, Edges>,
    clamped: Signal<Local, U<30>>,
    z_kept: Signal<Local, U<30>>,
    rising: Signal<Local, S<31>>,
    density: Signal<Local, S<31>>,
    flat: Constant<S<31>>,
    word: DFF<Given>,
    word_at_s: Delay<Given, { stage::S - stage::WORD }>,
    region_here: DFF<U<2>>,

    normal: Normal,
    delta_before_h: Delay<U<33>, { stage::H - 1 }>,
    gamma_before_phi: Delay<U<33>, { stage::BY_PHI - 1 }>,
    vega_before_phi: Delay<U<33>, { stage::BY_PHI - 1 }>,
    range_before_phi: Delay<Bit, { stage::BY_PHI - 1 }>,
    delta_at_h: DFF<U<33>>,
    gamma_at_phi: DFF<U<33>>,
    vega_at_phi: DFF<U<33>>,
    phi_at_start: Delay<S<31>, { stage::BY_PHI - stage::PHI }>,
    delta: ByH,
    gamma: ByPhi,
    vega: ByPhi,
    linear_at_sum: Delay<Bit, { stage::SUM }>,
    region_at_sum: Delay<U<2>, { stage::SUM - stage::WORD }>,
}

impl Lane {
    /// Cycles from row to contribution.
    pub const LATENCY: usize = stage::SUM;
    /// Cycles between two rows.
    pub const II: usize = 1;
    /// Cycles from row to late weights of gamma and vega.
    pub const LATE_PHI: usize = stage::BY_PHI - 1;
    /// Cycles from row to a late weight of delta.
    pub const LATE_H: usize = stage::H - 1;
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            row: Signal::default(),
            at: Signal::default(),
            is_late_phi: Signal::default(),
            is_late_h: Signal::default(),
            late: Signal::default(),
            contribution: Signal::default(),
            region: Signal::default(),
            kind: Signal::default(),
            is_option: Signal::default(),
            is_range: Signal::default(),
            a: Signal::default(),
            x: Signal::default(),
            x_signed: Signal::default(),
            slope: Slope::default(),
            b_at_product: Delay::default(),
            b: Signal::default(),
            wire_shift: Constant::new(U::new(16)),
            s: DFF::default(),
            coordinate: DFF::default(),
            coordinate_here: Signal::default(),
            z: Signal::default(),
            low: Signal::default(),
            high_wide: Signal::default(),
            high: Signal::default(),
            from_low: Signal::default(),
            span: Signal::default(),
            edges: DFF::default(),
            edges_here: Signal::default(),
            clamped: Signal::default(),
            z_kept: Signal::default(),
            rising: Signal::default(),
            density: Signal::default(),
            flat: Constant::new(S::new(0)),
            word: DFF::default(),
            word_at_s: Delay::default(),
            region_here: DFF::default(),
            normal: Normal::default(),
            delta_before_h: Delay::default(),
            gamma_before_phi: Delay::default(),
            vega_before_phi: Delay::default(),
            range_before_phi: Delay::default(),
            delta_at_h: DFF::default(),
            gamma_at_phi: DFF::default(),
            vega_at_phi: DFF::default(),
            phi_at_start: Delay::default(),
            delta: ByH::default(),
            gamma: ByPhi::default(),
            vega: ByPhi::default(),
            linear_at_sum: Delay::default(),
            region_at_sum: Delay::default(),
        }
    }
}

impl Logic for Lane {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, slope, b_at_product, s, coordinate, edges, word, word_at_s, region_here, normal);
        clock!(self, clock, delta_before_h, gamma_before_phi, vega_before_phi, range_before_phi);
        clock!(self, clock, delta_at_h, gamma_at_phi, vega_at_phi, phi_at_start, delta, gamma, vega);
        clock!(self, clock, linear_at_sum, region_at_sum);

        // The kinds of `hedgewire_abi::command::code`.
        self.kind.next = self.row.val().kind;
        self.is_option.next = (self.kind.val() == bits_lit::<3>(1)) | (self.kind.val() == bits_lit::<3>(2));
        self.is_range.next = self.kind.val() == bits_lit::<3>(4);

        // PRODUCT, S
        self.a.next = self.row.val().a;
        self.slope.a.next = unsigned_cast_pos(self.a.val());
        self.x.next = self.at.val().x;
        self.x_signed.next = signed_cast_same(self.x.val());
        self.slope.b.next = self.x_signed.val();
        self.b_at_product.d.next = self.row.val().b;
        self.b.next = unsigned_cast_wide(self.b_at_product.q.val());
        self.s.d.next = signed_cast_same(self.slope.p.val().get_bits::<64>(0))
            + signed_cast_same(self.b.val() << self.wire_shift.val());

        // Z
        self.coordinate.d.next.is_option = self.is_option.val();
        self.coordinate.d.next.is_range = self.is_range.val();
        self.coordinate.d.next.linear = self.row.val().linear;
        self.coordinate.d.next.z = self.at.val().half_up;
        if self.row.val().linear {
            self.coordinate.d.next.z = self.at.val().half_down;
        }
        self.coordinate.d.next.low = self.a.val();
        self.high_wide.next = self.row.val().b;
        self.coordinate.d.next.high = self.high_wide.val().get_bits::<32>(0);

        // EDGES
        self.coordinate_here.next = self.coordinate.q.val();
        self.z.next = self.coordinate_here.val().z;
        self.low.next = self.coordinate_here.val().low;
        self.high.next = self.coordinate_here.val().high;
        self.from_low.next = self.z.val() - self.low.val();
        self.span.next = self.high.val() - self.low.val();
        self.edges.d.next.is_option = self.coordinate_here.val().is_option;
        self.edges.d.next.is_range = self.coordinate_here.val().is_range;
        self.edges.d.next.linear = self.coordinate_here.val().linear;
        self.edges.d.next.above_low = self.z.val() > self.low.val();
        self.edges.d.next.at_high = self.z.val() >= self.high.val();
        self.edges.d.next.z = self.z.val().get_bits::<30>(0);
        self.edges.d.next.from_low = self.from_low.val().get_bits::<30>(0);
        self.edges.d.next.span = self.span.val().get_bits::<30>(0);

        // WORD
        self.edges_here.next = self.edges.q.val();
        self.clamped.next = bits_lit::<30>(0);
        self.density.next = self.flat.val();
        self.region_here.d.next = bits_lit::<2>(0);
        if self.edges_here.val().is_range {
            if self.edges_here.val().above_low & self.edges_here.val().at_high {
                self.region_here.d.next = bits_lit::<2>(2);
            } else if self.edges_here.val().above_low | self.edges_here.val().at_high {
                // At equal edges the second alone is possible.
                self.region_here.d.next = bits_lit::<2>(1);
            }
        }
        self.z_kept.next = self.edges_here.val().z;
        self.rising.next = unsigned_cast_pos(self.z_kept.val());
        if self.edges_here.val().is_range & self.edges_here.val().above_low {
            if self.edges_here.val().at_high {
                self.clamped.next = self.edges_here.val().span;
            } else {
                self.clamped.next = self.edges_here.val().from_low;
                if self.edges_here.val().linear {
                    self.density.next = -self.rising.val();
                } else {
                    self.density.next = self.rising.val();
                }
            }
        }
        self.word.d.next.is_given = !self.edges_here.val().is_option;
        self.word.d.next.h = unsigned_cast_wide(self.clamped.val());
        self.word.d.next.phi = unsigned_cast_same(self.density.val());
        self.word_at_s.d.next = self.word.q.val();

        self.normal.s.next = self.s.q.val();
        self.normal.given.next = self.word_at_s.q.val();

        // SUM
        self.delta_before_h.d.next = self.row.val().delta;
        self.gamma_before_phi.d.next = self.row.val().gamma;
        self.vega_before_phi.d.next = self.row.val().vega;
        self.range_before_phi.d.next = self.is_range.val();
        self.delta_at_h.d.next = self.delta_before_h.q.val();
        if self.is_late_h.val() {
            self.delta_at_h.d.next = self.late.val().delta;
        }
        self.gamma_at_phi.d.next = self.gamma_before_phi.q.val();
        self.vega_at_phi.d.next = self.vega_before_phi.q.val();
        if self.is_late_phi.val() {
            self.gamma_at_phi.d.next = self.late.val().gamma;
            self.vega_at_phi.d.next = self.late.val().vega;
        }
        if self.range_before_phi.q.val() {
            self.vega_at_phi.d.next = bits_lit::<33>(0);
        }
        self.phi_at_start.d.next = self.normal.phi.val();
        self.delta.a.next = signed_cast_same(self.delta_at_h.q.val());
        self.delta.b.next = self.normal.h.val();
        self.gamma.a.next = signed_cast_same(self.gamma_at_phi.q.val());
        self.gamma.b.next = self.phi_at_start.q.val();
        self.vega.a.next = signed_cast_same(self.vega_at_phi.q.val());
        self.vega.b.next = self.phi_at_start.q.val();
        self.linear_at_sum.d.next = self.row.val().linear;
        self.region_at_sum.d.next = self.region_here.q.val();
        self.contribution.next.linear = self.linear_at_sum.q.val();
        self.contribution.next.delta = unsigned_cast_same(self.delta.p.val());
        self.contribution.next.gamma = unsigned_cast_same(self.gamma.p.val());
        self.contribution.next.vega = unsigned_cast_same(self.vega.p.val());
        self.region.next = self.region_at_sum.q.val();
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_abi::command::code;
    use hedgewire_abi::format::{A_MAX, B_BITS, B_MAX, EDGE_MAX, U_BITS, X_MAX};
    use hedgewire_kernel::row::Shape;
    use hedgewire_kernel::tables::NormalTable;

    use super::*;
    use crate::lanes::samples::{Random, wire_contribution, wire_ratios, wire_row};
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    type Sample = (Shape, [i64; 3], hedgewire_kernel::elementary::Ratios);

    fn edges() -> Vec<Sample> {
        let mut random = Random::new(3);
        let mut all = Vec::new();
        for x in [X_MAX, -X_MAX, 0] {
            let at = hedgewire_kernel::elementary::Ratios { x: x as i32, ..random.ratios() };
            for linear in [false, true] {
                for a in [0, 1, A_MAX] {
                    for b in [-B_MAX, 0, B_MAX].map(|b| b << (U_BITS - B_BITS)) {
                        let weights = [0; 3].map(|_: i64| random.weight(32));
                        all.push((Shape { kind: code::CALL, linear, a, b }, weights, at));
                    }
                }
                let z = i64::from(if linear { at.half_down } else { at.half_up });
                for (low, high) in
                    [(0, EDGE_MAX), (EDGE_MAX, EDGE_MAX), (0, 0), (z, z), (z - 1, z), (z, z + 1), (z - 1, z + 1)]
                {
                    let weights = [0; 3].map(|_: i64| random.weight(32));
                    all.push((Shape { kind: code::RANGE, linear, a: low as u32, b: high }, weights, at));
                }
            }
        }
        all
    }

    #[test]
    fn equals_the_kernel_for_every_kind() {
        let table = NormalTable::new();
        let mut random = Random::new(4);
        let mut samples = edges();
        for _ in 0..1500 {
            let at = random.ratios();
            let shape = random.shape(&at);
            samples.push((shape, [0; 3].map(|_: i64| random.weight(32)), at));
        }
        let mut bench = TestBench::new("lane", Lane::default());
        poke!(bench, is_late_phi, false);
        poke!(bench, is_late_h, false);
        poke!(bench, late, Change::default());
        for i in 0..samples.len() + Lane::LATENCY {
            let (shape, weights, at) = samples.get(i).copied().unwrap_or_default();
            poke!(bench, row, wire_row(&shape, weights));
            poke!(bench, at, wire_ratios(&at));
            cycle!(bench);
            let (contribution, region) = (peek!(bench, contribution), peek!(bench, region));
            if let Some(sample) = (i + 1).checked_sub(Lane::LATENCY).and_then(|at| samples.get(at)) {
                let (shape, weights, at) = sample;
                let expected = shape.contribution(&table, at, *weights);
                assert_eq!(contribution, wire_contribution(shape.linear, &expected), "{sample:?}");
                let expected = if shape.kind == code::RANGE { shape.range_region(at) } else { 0 };
                assert_eq!(region.raw(), u128::from(expected), "{sample:?}");
            }
        }
        bench.finish();
    }
}
