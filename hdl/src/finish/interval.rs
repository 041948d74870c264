//! An interval from the nodes around it: `hedgewire_kernel::ladder::Ladder::make_interval`, and
//! `Source::exact_band`.
//!
//! ```text
//!   [Cubic]      cubic, slope and delta in the middle, bound of the error in ladder units
//!   [BandGamma]  size of gamma at the left node, the right one and in the middle; the largest counts
//!
//!   factor    = linear hedge ? contract_scale << 8 : (middle contract_scale) >> 24
//!   gamma     = the largest;  in the middle: sat47((slope_middle middle) >> shift)
//!   contracts = sat47((gamma factor) >> contract_shift)
//!   band      = (band_factor << 16) >> band_shift                      fixed
//!               (band_factor contracts) >> band_shift                  gamma
//!               cube_root(band_factor contracts contracts) >> band_shift   Whalley and Wilmott
//!   error     = ((bound factor) >> contract_shift) + 1, all ones where that passes half a contract,
//!               a node is saturated, or the edge of a range row lies in the interval
//! ```
//!
//! One multiplier of 52 x 35 (six blocks), its operands in registers. Numbers of 36 bits and more on
//! the narrow side go in pieces of 34 bits, the lowest first; what has been added up moves down by 34
//! each time:
//!
//! ```text
//!   cycle  0          operands                                             3  price in the middle
//!          3          slope_middle x middle      8, 9  shift by `shift`     10  limit: gamma in the middle
//!          4          contract_scale x middle        9  factor
//!          1..7       sizes of gamma at the nodes                             9..13 in the middle
//!         13, 14      gamma x factor                18..20 sum, shift        21 shift   22 limit: contracts
//!          8          the window: all nodes         17 bound
//!         18, 19      bound x factor                23..25 sum, shift        26 shift   27, 28 error
//!         22          contracts x band_factor       27 shift                 28 shift, limit: a band without a
//!                                                                               root, done at 29
//!         27, 28, 29  contracts x that product      32..35 sum               35 root; two shifts as it arrives,
//!                                                                               done a cycle later
//! ```
//!
//! One operation at a time. Operands stand still until `done`, and the whole window need not be there until `WINDOW`
//! cycles after the start. The interval is valid from the cycle of `done` until operands change: but for band and
//! error it follows from them without a start.
//!
//! Wide shifts go by eights first and by the rest after a register. A limit is a bit beside its number,
//! that is applied where the number is used.

use hedgewire_abi::command::code;
use rust_hdl::prelude::*;

use crate::elementary::CubeRoot;
use crate::finish::band_gamma::{self, BandGamma};
use crate::finish::cubic::{self, Cubic};
use crate::primitive::{Multiply, Saturate, ShiftRight};
use crate::record;
use crate::signal::*;

type Product = Multiply<52, 35, 87>;

// The table above is made of these.
const _: () = assert!(Product::LATENCY == 4 && band_gamma::LATENCY == 3);
const _: () = assert!(IntervalUnit::WINDOW + cubic::LATENCY < 18);
const _: () = assert!(code::BAND_FIXED == 0 && code::BAND_GAMMA == 1 && code::BAND_WHALLEY_WILMOTT == 2);

/// `make_interval` and `exact_band`.
#[derive(LogicBlock, Default)]
pub struct IntervalUnit {
    pub clock: Signal<In, Clock>,
    /// Begins.
    pub start: Signal<In, Bit>,
    /// The nodes of the interval; `left` alone where `exact`.
    pub left: Signal<In, record::NodeValue>,
    pub right: Signal<In, record::NodeValue>,
    /// The window `Ladder::around` of nodes, `WINDOW` cycles after the start.
    pub n0: Signal<In, record::Knot>,
    pub n1: Signal<In, record::Knot>,
    pub n2: Signal<In, record::Knot>,
    pub n3: Signal<In, record::Knot>,
    /// The ladder has two intervals, so there is no `n0`.
    pub two: Signal<In, Bit>,
    /// Price of the left node.
    pub left_price: Signal<In, U<32>>,
    /// log2 of the step: 1 to 16.
    pub shift: Signal<In, U<5>>,
    pub scale: Signal<In, record::Scale>,
    /// Ladder units, signed 62.
    pub target: Signal<In, U<62>>,
    /// `left` is the value of an exact pass at `left_price`, and only the band is wanted.
    pub exact: Signal<In, Bit>,
    /// It is done in the next cycle.
    pub nearly: Signal<Out, Bit>,
    pub done: Signal<Out, Bit>,
    pub interval: Signal<Out, record::Interval>,

    /// Bit `k`: an operation was started `k` cycles ago.
    at: DFF<U<36>>,
    half_step: DFF<U<16>>,
    middle: DFF<U<32>>,
    unresolved: DFF<Bit>,
    cubic: Cubic,
    delta_now: DFF<S<46>>,
    gammas: BandGamma,
    /// Of the nodes.
    largest: DFF<U<47>>,
    is_larger: DFF<Bit>,
    /// The multiplier takes `largest`.
    takes_largest: DFF<Bit>,

    wide: DFF<S<52>>,
    /// What `wide` is for does not fit 47 bits.
    is_over: DFF<Bit>,
    /// `narrow` takes the lower part of the factor, or the upper one.
    takes_low: DFF<Bit>,
    takes_high: DFF<Bit>,
    /// `wide` is loaded.
    loads: DFF<Bit>,
    narrow: DFF<S<35>>,
    /// `narrow` stands at the factor of the band, and not at the price.
    is_late: DFF<Bit>,
    is_fixed: DFF<Bit>,
    product: Product,
    /// The next sum begins.
    clears: DFF<Bit>,
    sum: DFF<U<82>>,
    low: DFF<U<68>>,
    step_eights: ShiftRight<87, 5>,
    steep_part: DFF<S<87>>,
    step_ones: ShiftRight<87, 3>,
    steep: DFF<S<56>>,
    steep_limit: Saturate<56, 48>,
    gamma_now: DFF<S<48>>,
    factor: DFF<U<40>>,
    contract_eights: ShiftRight<89, 7>,
    /// The scale stands still from the start on; it comes from far.
    contract_places: DFF<U<7>>,
    contract_part: DFF<S<89>>,
    contract_ones: ShiftRight<89, 3>,
    contracts: DFF<U<54>>,
    /// Bits above those of `contracts`, and above half a contract.
    is_far: DFF<Bit>,
    is_error_far: DFF<Bit>,
    error: DFF<U<32>>,
    band_eights: ShiftRight<80, 6>,
    band_part: DFF<S<80>>,
    band_ones: ShiftRight<80, 3>,

    root: CubeRoot,
    root_eights: DFF<U<42>>,
    is_rooted: DFF<Bit>,
    band: DFF<U<43>>,
    // What the band has above its 43 bits: then it is its limit.
    is_capped: DFF<Bit>,
    is_done: DFF<Bit>,

    one: Signal<Local, U<1>>,
    eight_places: Signal<Local, U<4>>,
    sixteen_places: Signal<Local, U<5>>,
    now: Signal<Local, U<36>>,
    band_kind: Signal<Local, U<2>>,
    has_root: Signal<Local, Bit>,
    step: Signal<Local, U<32>>,
    price_unit: Signal<Local, U<32>>,
    a_delta: Signal<Local, S<44>>,
    b_delta: Signal<Local, S<44>>,
    a_gamma: Signal<Local, S<48>>,
    b_gamma: Signal<Local, S<48>>,
    a_now: Signal<Local, record::NodeValue>,
    b_now: Signal<Local, record::NodeValue>,
    slope_middle: Signal<Local, S<46>>,
    scale_wide: Signal<Local, U<40>>,
    factor_low: Signal<Local, U<34>>,
    factor_high: Signal<Local, U<6>>,
    is_larger_now: Signal<Local, Bit>,
    eights: Signal<Local, U<7>>,
    half_step_wide: Signal<Local, U<32>>,
    piece: Signal<Local, U<82>>,
    carried: Signal<Local, U<82>>,
    steep_bits: Signal<Local, U<56>>,
    over_54: Signal<Local, U<56>>,
    negative: Signal<Local, U<56>>,
    steep_above: Signal<Local, U<32>>,
    step_part: Signal<Local, U<5>>,
    contracts_wide: Signal<Local, U<89>>,
    exposure: Signal<Local, U<47>>,
    factor_a: Signal<Local, U<52>>,
    limit_47: Signal<Local, U<52>>,
    sum_low: Signal<Local, U<34>>,
    low_kept: Signal<Local, U<34>>,
    low_wide: Signal<Local, U<68>>,
    low_shifted: Signal<Local, U<68>>,
    low_kept_wide: Signal<Local, U<68>>,
    piece_places: Signal<Local, U<6>>,
    sum_wide: Signal<Local, U<88>>,
    sum_low_wide: Signal<Local, U<88>>,
    amount: Signal<Local, U<88>>,
    part_bits: Signal<Local, U<89>>,
    band_places: Signal<Local, U<6>>,
    error_unit: Signal<Local, U<16>>,
    fixed: Signal<Local, U<79>>,
    fixed_factor: Signal<Local, U<79>>,
    band_amount: Signal<Local, U<79>>,
    band_factor: Signal<Local, U<32>>,
    piece_0: Signal<Local, U<34>>,
    piece_1: Signal<Local, U<34>>,
    piece_2: Signal<Local, U<11>>,
    root_places: Signal<Local, U<7>>,
    root_high: Signal<Local, U<58>>,
    root_wide: Signal<Local, U<128>>,
    root_low: Signal<Local, U<128>>,
    c2: Signal<Local, U<48>>,
    c3: Signal<Local, U<47>>,
    vega_rise: Signal<Local, U<45>>,
    band_part_bits: Signal<Local, U<80>>,
    plain: Signal<Local, U<80>>,
    plain_high: Signal<Local, U<30>>,
    plain_middle: Signal<Local, U<7>>,
    plain_band: Signal<Local, U<43>>,
    is_plain: Signal<Local, Bit>,
    root_now: Signal<Local, U<42>>,
    root_band: Signal<Local, U<42>>,
}

impl IntervalUnit {
    /// Cycles from start to done, where the band has no root.
    pub const LATENCY: usize = 29;
    /// Cycles from start to the whole window.
    pub const WINDOW: usize = 8;
    /// Cycles from start to done, where the band is a root.
    pub const LATENCY_ROOT: usize = 35 + CubeRoot::LATENCY + 2;
}

impl Logic for IntervalUnit {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, largest, wide, is_over, is_late, factor, error, band_part, band, is_capped);
        clock!(
            self,
            clock,
            at,
            middle,
            cubic,
            delta_now,
            gammas,
            is_larger,
            takes_largest,
            product,
            clears,
            sum,
            low,
            steep_part,
            steep,
            takes_low,
            takes_high
        );
        clock!(self, clock, half_step, loads, narrow, is_fixed);
        clock!(
            self,
            clock,
            gamma_now,
            contract_places,
            contract_part,
            contracts,
            is_far,
            is_error_far,
            root_eights,
            is_rooted
        );
        clock!(self, clock, unresolved, root, is_done);
        self.one.next = bits_lit::<1>(1);
        self.eight_places.next = bits_lit::<4>(8);
        self.sixteen_places.next = bits_lit::<5>(16);
        self.piece_places.next = bits_lit::<6>(34);
        self.root_places.next = bits_lit::<7>(68);
        self.eights.next = bits_lit::<7>(0b111_1000);

        // 0: operands.
        self.now.next = self.at.q.val();
        self.at.d.next = self.now.val() << self.one.val();
        if self.start.val() {
            self.at.d.next = bits_lit::<36>(2);
        }
        self.cubic.left.next = self.left.val();
        self.cubic.right.next = self.right.val();
        self.cubic.n0.next = self.n0.val();
        self.cubic.n1.next = self.n1.val();
        self.cubic.n2.next = self.n2.val();
        self.cubic.n3.next = self.n3.val();
        self.cubic.two.next = self.two.val();
        self.band_kind.next = self.scale.val().band_kind;
        self.has_root.next = self.band_kind.val().get_bit(1);

        // 1, 2: the price.
        self.price_unit.next = bits_lit::<32>(1);
        self.step.next = self.price_unit.val() << self.shift.val();
        self.half_step.d.next = self.step.val().get_bits::<16>(1);
        if self.exact.val() {
            self.half_step.d.next = bits_lit::<16>(0);
        }
        self.half_step_wide.next = unsigned_cast_wide(self.half_step.q.val());
        self.middle.d.next = self.left_price.val() + self.half_step_wide.val();

        // 1..7: the nodes' gammas, left and right; the right one stands until that of the middle comes, from
        // 9 on.
        self.a_now.next = self.cubic.a.val();
        self.b_now.next = self.cubic.b.val();
        self.a_delta.next = signed_cast_same(self.a_now.val().delta);
        self.b_delta.next = signed_cast_same(self.b_now.val().delta);
        self.a_gamma.next = signed_cast_same(self.a_now.val().gamma);
        self.b_gamma.next = signed_cast_same(self.b_now.val().gamma);
        self.unresolved.d.next = self.a_now.val().saturated | self.b_now.val().saturated | self.b_now.val().edge_before;
        self.gammas.drifts.next = !self.scale.val().usd & !self.scale.val().linear_hedge;
        self.gammas.target.next = signed_cast_same(self.target.val());
        self.delta_now.d.next = signed_cast_wide(self.b_delta.val());
        if self.now.val().get_bit(1) {
            self.delta_now.d.next = signed_cast_wide(self.a_delta.val());
        } else if self.now.val().get_bit(9) {
            self.delta_now.d.next = self.cubic.delta_middle.val();
        }
        self.gammas.delta.next = self.delta_now.q.val();
        self.gamma_now.d.next = self.b_gamma.val();
        if self.now.val().get_bit(2) {
            self.gamma_now.d.next = self.a_gamma.val();
        } else if self.now.val().get_bit(10) {
            self.gamma_now.d.next = self.steep_limit.y.val();
        }
        self.gammas.gamma.next = self.gamma_now.q.val();
        self.is_larger_now.next = (self.gammas.size.val() > self.largest.q.val()) & !self.exact.val();
        self.is_larger.d.next = self.is_larger_now.val();
        if self.now.val().get_bit(5) | (self.now.val().get_bit(7) & self.is_larger.q.val()) {
            self.largest.d.next = self.gammas.size.val();
        }

        self.over_54.next = bits_lit::<56>(0x40_0000_0000_0000_u64);
        self.negative.next = bits_lit::<56>(0x80_0000_0000_0000_u64);
        // 8..10: gamma in the middle. Below 2^45 2^32. Of the bits that are too high, those that are so wherever the
        // last shift leaves them are looked at before it, and make bit 54 another than the sign.
        self.step_eights.x.next = self.product.p.val();
        self.step_part.next = self.shift.val() & self.eights.val().get_bits::<5>(0);
        self.step_eights.by.next = self.step_part.val();
        self.steep_part.d.next = self.step_eights.y.val();
        self.step_ones.x.next = self.steep_part.q.val();
        self.step_ones.by.next = self.shift.val().get_bits::<3>(0);
        self.steep_above.next = self.steep_part.q.val().get_bits::<32>(55);
        self.steep_bits.next = unsigned_cast_wide(self.step_ones.y.val().get_bits::<55>(0));
        if self.steep_above.val().any() & !self.steep_above.val().all() {
            self.steep_bits.next = unsigned_cast_wide(self.step_ones.y.val().get_bits::<54>(0));
            if !self.steep_part.q.val().get_bit(86) {
                self.steep_bits.next = self.over_54.val();
            }
        }
        self.steep.d.next = signed_cast_same(self.steep_bits.val());
        if self.steep_part.q.val().get_bit(86) {
            self.steep.d.next = signed_cast_same(self.steep_bits.val() | self.negative.val());
        }
        self.steep_limit.x.next = self.steep.q.val();

        // 9: the factor, below 2^40.
        self.scale_wide.next = unsigned_cast_wide(self.scale.val().contract_scale);
        if self.now.val().get_bit(9) {
            self.factor.d.next = self.product.p.val().get_bits::<40>(24);
            if self.scale.val().linear_hedge {
                self.factor.d.next = self.scale_wide.val() << self.eight_places.val();
            }
        }
        self.factor_low.next = self.factor.q.val().get_bits::<34>(0);
        self.factor_high.next = self.factor.q.val().get_bits::<6>(34);

        // 18..25 and 32..35: sums of pieces. A piece's product is below 2^47 2^34, and so is the sum. Before
        // the first one of each the sum is cleared.
        self.clears.d.next = self.now.val().get_bit(16) | self.now.val().get_bit(21) | self.now.val().get_bit(30);
        self.piece.next = self.product.p.val().get_bits::<82>(0);
        self.carried.next = unsigned_cast_wide(self.sum.q.val().get_bits::<48>(34));
        self.sum.d.next = self.piece.val() + self.carried.val();
        if self.clears.q.val() {
            self.sum.d.next = bits_lit::<82>(0);
        }
        self.sum_low.next = self.sum.q.val().get_bits::<34>(0);
        self.low_wide.next = unsigned_cast_wide(self.sum_low.val());
        self.low_shifted.next = self.low_wide.val() << self.piece_places.val();
        self.low_kept.next = self.low.q.val().get_bits::<34>(34);
        self.low_kept_wide.next = unsigned_cast_wide(self.low_kept.val());
        self.low.d.next = self.low_shifted.val() | self.low_kept_wide.val();

        // 20..22 and 25..27: products with the factor, below 2^47 2^40, in contracts. Of the bits that are too
        // high, those that are so wherever the last shift leaves them are looked at before it.
        self.sum_wide.next = unsigned_cast_wide(self.sum.q.val().get_bits::<54>(0));
        self.sum_low_wide.next = unsigned_cast_wide(self.low_kept.val());
        self.amount.next = (self.sum_wide.val() << self.piece_places.val()) | self.sum_low_wide.val();
        self.contract_places.d.next = self.scale.val().contract_shift;
        self.contract_eights.x.next = unsigned_cast_pos(self.amount.val());
        self.contract_eights.by.next = self.contract_places.q.val() & self.eights.val();
        self.contract_part.d.next = self.contract_eights.y.val();
        self.contract_ones.x.next = self.contract_part.q.val();
        self.contract_ones.by.next = self.contract_places.q.val().get_bits::<3>(0);
        self.part_bits.next = unsigned_cast_same(self.contract_part.q.val());
        self.contracts_wide.next = unsigned_cast_same(self.contract_ones.y.val());
        self.contracts.d.next = self.contracts_wide.val().get_bits::<54>(0);
        self.exposure.next = self.contracts.q.val().get_bits::<47>(0);
        self.is_far.d.next = self.part_bits.val().get_bits::<35>(54).any();

        // 27: the error, with its unit above half a contract where the floor reaches 2^15.
        self.is_error_far.d.next = self.part_bits.val().get_bits::<67>(22).any();
        self.error_unit.next = bits_lit::<16>(1);
        if self.now.val().get_bit(27) {
            self.error.d.next = unsigned_cast_wide(self.contracts.q.val().get_bits::<16>(0) + self.error_unit.val());
            if self.unresolved.q.val() | self.is_error_far.q.val() | self.contracts.q.val().get_bits::<7>(15).any() {
                self.error.d.next = bits_lit::<32>(0xffff_ffff_u64);
            }
        }

        // 27, 28: a band without a root, below 2^32 2^47 before its shift.
        self.fixed_factor.next = unsigned_cast_wide(self.scale.val().band_factor);
        self.fixed.next = self.fixed_factor.val() << self.sixteen_places.val();
        self.band_amount.next = self.product.p.val().get_bits::<79>(0);
        self.is_fixed.d.next = !self.band_kind.val().any();
        if self.is_fixed.q.val() {
            self.band_amount.next = self.fixed.val();
        }
        self.band_places.next = self.scale.val().band_shift;
        self.band_eights.x.next = unsigned_cast_pos(self.band_amount.val());
        self.band_eights.by.next = self.band_places.val() & self.eights.val().get_bits::<6>(0);
        // From the register: a local read here would tie what the shifter gives to what it gets.
        if self.at.q.val().get_bit(27) {
            self.band_part.d.next = self.band_eights.y.val();
        }
        self.band_ones.x.next = self.band_part.q.val();
        self.band_ones.by.next = self.band_places.val().get_bits::<3>(0);

        // Operands of the multiplier. The product of 22 stands until the operands of 27 arrive: 27..31.
        self.slope_middle.next = self.cubic.slope_middle.val();
        self.loads.d.next = self.now.val().get_bit(2)
            | self.now.val().get_bit(3)
            | self.now.val().get_bit(12)
            | self.now.val().get_bit(17)
            | self.now.val().get_bit(21);
        if self.loads.q.val() {
            self.wide.d.next = unsigned_cast_pos(self.exposure.val());
            self.is_over.d.next = self.is_far.q.val() | self.contracts.q.val().get_bits::<7>(47).any();
            if self.now.val().get_bit(3) {
                self.wide.d.next = signed_cast_wide(self.slope_middle.val());
                self.is_over.d.next = false;
            } else if self.now.val().get_bit(4) {
                self.wide.d.next = unsigned_cast_pos(self.scale_wide.val());
                self.is_over.d.next = false;
            } else if self.now.val().get_bit(13) {
                self.wide.d.next = unsigned_cast_pos(self.gammas.size.val());
                self.is_over.d.next = false;
            } else if self.now.val().get_bit(18) {
                self.wide.d.next = unsigned_cast_pos(self.cubic.bound.val());
                self.is_over.d.next = false;
            }
        }
        self.band_factor.next = self.scale.val().band_factor;
        self.piece_0.next = self.product.p.val().get_bits::<34>(0);
        self.piece_1.next = self.product.p.val().get_bits::<34>(34);
        self.piece_2.next = self.product.p.val().get_bits::<11>(68);
        if self.now.val().get_bit(2) {
            self.is_late.d.next = false;
        } else if self.now.val().get_bit(18) {
            self.is_late.d.next = true;
        }
        self.takes_low.d.next = self.now.val().get_bit(12) | self.now.val().get_bit(17);
        self.takes_high.d.next = self.takes_low.q.val();
        self.narrow.d.next = unsigned_cast_pos(self.middle.q.val());
        if self.takes_low.q.val() {
            self.narrow.d.next = unsigned_cast_pos(self.factor_low.val());
        } else if self.takes_high.q.val() {
            self.narrow.d.next = unsigned_cast_pos(self.factor_high.val());
        } else if self.now.val().get_bit(27) {
            self.narrow.d.next = unsigned_cast_pos(self.piece_0.val());
        } else if self.now.val().get_bit(28) {
            self.narrow.d.next = unsigned_cast_pos(self.piece_1.val());
        } else if self.now.val().get_bit(29) {
            self.narrow.d.next = unsigned_cast_pos(self.piece_2.val());
        } else if self.is_late.q.val() {
            self.narrow.d.next = unsigned_cast_pos(self.band_factor.val());
        }
        // 13..15: gamma in the middle is compared while it is already on its way.
        self.takes_largest.d.next = (self.now.val().get_bit(13) & !self.is_larger_now.val())
            | (self.now.val().get_bit(14) & self.takes_largest.q.val());
        self.limit_47.next = bits_lit::<52>(0x7fff_ffff_ffff_u64);
        self.factor_a.next = unsigned_cast_same(self.wide.q.val());
        if self.takes_largest.q.val() {
            self.factor_a.next = unsigned_cast_wide(self.largest.q.val());
        } else if self.is_over.q.val() {
            self.factor_a.next = self.limit_47.val();
        }
        self.product.a.next = signed_cast_same(self.factor_a.val());
        self.product.b.next = self.narrow.q.val();

        // 35: the radicand, below 2^126, so that the root is below 2^42 and needs no cap.
        self.root_high.next = self.sum.q.val().get_bits::<58>(0);
        self.root_wide.next = unsigned_cast_wide(self.root_high.val());
        self.root_low.next = unsigned_cast_wide(self.low.q.val());
        self.root.n.next = (self.root_wide.val() << self.root_places.val()) | self.root_low.val();
        self.root.start.next = self.now.val().get_bit(35);

        // The interval, and its band.
        self.c2.next = unsigned_cast_same(self.cubic.c2.val());
        self.c3.next = unsigned_cast_same(self.cubic.c3.val());
        self.vega_rise.next = unsigned_cast_same(self.cubic.vega_rise.val());
        self.band_part_bits.next = unsigned_cast_same(self.band_part.q.val());
        self.plain.next = unsigned_cast_same(self.band_ones.y.val());
        self.plain_high.next = self.band_part_bits.val().get_bits::<30>(50);
        self.plain_middle.next = self.plain.val().get_bits::<7>(43);
        self.plain_band.next = self.plain.val().get_bits::<43>(0);
        // The root stands still, and is below 2^42.
        self.root_now.next = self.root.root.val().get_bits::<42>(0);
        self.root_eights.d.next = self.root_now.val() >> (self.band_places.val() & self.eights.val().get_bits::<6>(0));
        self.root_band.next = self.root_eights.q.val() >> self.band_places.val().get_bits::<3>(0);
        self.is_plain.next = self.now.val().get_bit(28) & !self.has_root.val();
        self.is_rooted.d.next = self.root.done.val();
        self.nearly.next = self.is_plain.val() | self.is_rooted.q.val();
        self.is_done.d.next = self.is_plain.val() | self.is_rooted.q.val();
        if self.is_plain.val() {
            // What the root would need is not begun.
            self.at.d.next = bits_lit::<36>(0);
            self.band.d.next = self.plain_band.val();
            self.is_capped.d.next = self.plain_high.val().any() | self.plain_middle.val().any();
        }
        if self.is_rooted.q.val() {
            self.band.d.next = unsigned_cast_wide(self.root_band.val());
            self.is_capped.d.next = false;
        }
        self.done.next = self.is_done.q.val();
        self.interval.next.c0 = self.a_now.val().delta;
        self.interval.next.c1 = self.a_now.val().slope;
        self.interval.next.c2 = self.c2.val();
        self.interval.next.c3 = self.c3.val();
        self.interval.next.vega = self.a_now.val().vega;
        self.interval.next.vega_rise = self.vega_rise.val();
        self.interval.next.error = self.error.q.val();
        self.interval.next.band = unsigned_cast_wide(self.band.q.val());
        if self.is_capped.q.val() {
            self.interval.next.band = bits_lit::<44>(0x800_0000_0000_u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_abi::format::{BAND_MAX, FRACTION_BITS, GAMMA_BITS, saturate};
    use hedgewire_kernel::Form;
    use hedgewire_kernel::bank::{Bank, RowSpec, Rows, Scale};
    use hedgewire_kernel::elementary::{Ratios, step_ratio};
    use hedgewire_kernel::ladder::{self, Interval, Ladder, NodeValue, Source};
    use hedgewire_kernel::row::{GroupSums, Shape};
    use hedgewire_kernel::tables::{LogTable, NormalTable};

    use super::*;
    use crate::finish::vectors::{Vectors, scale_record, value_record};
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    const VALUE_MAX: i64 = (1 << 43) - 1;
    const GAMMA_MAX: i64 = (1 << 47) - 1;

    /// What `IntervalUnit` is asked.
    #[derive(Clone)]
    struct Question {
        nodes: Vec<NodeValue>,
        left: usize,
        has_edge: bool,
        left_price: u32,
        shift: u32,
        bank: Bank,
        target: i64,
        exact: bool,
    }

    /// The kernel's tables.
    struct Tables {
        normal: Box<NormalTable>,
        log: Box<LogTable>,
        rows: Rows,
    }

    impl Tables {
        fn new() -> Self {
            Self { normal: NormalTable::new(), log: LogTable::new(), rows: Rows::default() }
        }

        fn source<'a>(&'a self, bank: &'a Bank, target: i64) -> Source<'a> {
            let Self { normal, log, rows } = self;
            Source { normal, log, rows, bank, slots: (0, 0), target, form: Form::Scalar }
        }
    }

    impl Question {
        fn draw(vectors: &mut Vectors) -> Self {
            let count = 3 + usize::from(vectors.below(4) > 0);
            // Values that have nothing to do with one another, or such as a smooth delta has.
            let size = [63, 63, 40, 24, 12][vectors.below(5) as usize];
            let base = [VALUE_MAX, GAMMA_MAX].map(|limit| vectors.signed(limit));
            let mut near = |base: i64, limit: i64| {
                let noise = vectors.signed(limit.min(1 << (size.min(47))));
                if size == 63 { noise } else { (base + noise).clamp(-limit, limit) }
            };
            let mut nodes = Vec::new();
            for _ in 0..count {
                let mut node = NodeValue::default();
                node.delta = near(base[0], VALUE_MAX);
                node.slope = near(0, VALUE_MAX);
                node.gamma = near(base[1], GAMMA_MAX);
                node.vega = near(base[0], VALUE_MAX);
                nodes.push(node);
            }
            for node in &mut nodes {
                node.saturated = vectors.below(32) == 0;
            }
            let shift = vectors.between(4, 16) as u32;
            Self {
                nodes,
                left: vectors.below(count as u64 - 1) as usize,
                has_edge: vectors.below(16) == 0,
                left_price: vectors.between(1 << 16, u64::from(u32::MAX) - (1 << 16)) as u32,
                shift,
                bank: Bank { scale: vectors.scale(), ..Bank::default() },
                target: vectors.signed((1 << 61) - 1) >> [0, 0, 16, 24, 61][vectors.below(5) as usize],
                exact: vectors.below(8) == 0,
            }
        }

        /// `Ladder::make_interval` and `Ladder::error_bound`, put together from their parts.
        fn answer(&self, tables: &Tables) -> record::Interval {
            let source = tables.source(&self.bank, self.target);
            let band = |band: u64| U::new(band.min(BAND_MAX).into());
            if self.exact {
                let band = band(source.exact_band(&self.nodes[0], self.left_price));
                return record::Interval { band, ..record::Interval::default() };
            }
            let (a, b) = (&self.nodes[self.left], &self.nodes[self.left + 1]);
            let rise = b.delta - a.delta;
            let mut interval = Interval::default();
            interval.cubic = [a.delta, a.slope, 3 * rise - 2 * a.slope - b.slope, ladder::third(a, b)];
            interval.vega = [a.vega, b.vega - a.vega];
            let middle = self.left_price + (1 << (self.shift - 1));
            let half = 1 << (FRACTION_BITS - 1);
            let gamma_middle = saturate((interval.slope(half) * i128::from(middle)) >> self.shift, GAMMA_BITS).0;
            let gamma = source
                .band_gamma(gamma_middle, interval.delta(half))
                .max(source.band_gamma(a.gamma, a.delta))
                .max(source.band_gamma(b.gamma, b.delta));
            let bits = |value: i64| value as u128;
            record::Interval {
                c0: U::new(bits(interval.cubic[0])),
                c1: U::new(bits(interval.cubic[1])),
                c2: U::new(bits(interval.cubic[2])),
                c3: U::new(bits(interval.cubic[3])),
                vega: U::new(bits(interval.vega[0])),
                vega_rise: U::new(bits(interval.vega[1])),
                band: band(source.band(gamma, middle)),
                error: U::new(self.error(&self.bank.scale, middle).into()),
            }
        }

        fn error(&self, scale: &Scale, middle: u32) -> u32 {
            if self.has_edge || self.nodes[self.left].saturated || self.nodes[self.left + 1].saturated {
                return ladder::EXACT;
            }
            let jump = |n: &[NodeValue]| ladder::third(&n[0], &n[1]).abs_diff(ladder::third(&n[1], &n[2]));
            let jump = self.nodes.windows(3).map(jump).max().unwrap_or(0);
            let miss = self.nodes.first_chunk().map_or(0, |nodes| ladder::miss_512(nodes).unsigned_abs());
            let bound = (jump >> 4).max(miss >> 7) + ladder::ROUNDING;
            let contracts = scale.contracts_of(bound as i64, middle).unsigned_abs() + 1;
            if contracts > ladder::ERROR_MAX { ladder::EXACT } else { contracts as u32 }
        }
    }

    macro_rules! ask {
        ($bench:expr, $vectors:expr, $question:expr) => {{
            let question: &Question = $question;
            let node = |at: usize| {
                let edge = if at == question.left + 1 { question.has_edge } else { at % 2 == 1 };
                question.nodes.get(at).map_or_else(record::NodeValue::default, |value| value_record(value, edge))
            };
            // Three nodes stand in the last three places; what is in the first does not matter then.
            let first = 4 - question.nodes.len();
            let mut knot = |place: usize| {
                let at = place.checked_sub(first).unwrap_or_else(|| $vectors.below(3) as usize);
                record::Knot { delta: node(at).delta, slope: node(at).slope }
            };
            poke!($bench, start, true);
            poke!($bench, left, node(if question.exact { 0 } else { question.left }));
            poke!($bench, right, node(question.left + 1));
            let knots = [knot(0), knot(1), knot(2), knot(3)];
            poke!($bench, n0, knots[0]);
            poke!($bench, n1, knots[1]);
            poke!($bench, n2, knots[2]);
            poke!($bench, n3, knots[3]);
            poke!($bench, two, question.nodes.len() == 3);
            poke!($bench, left_price, U::new(question.left_price.into()));
            poke!($bench, shift, U::new(question.shift.into()));
            poke!($bench, scale, scale_record(&question.bank.scale));
            poke!($bench, target, U::new(question.target as u128));
            poke!($bench, exact, question.exact);
            knots
        }};
    }

    macro_rules! check {
        ($bench:expr, $question:expr, $answer:expr) => {{
            let (question, answer): (&Question, record::Interval) = ($question, $answer);
            if question.exact {
                assert_eq!(peek!($bench, interval).band, answer.band);
            } else {
                assert_eq!(peek!($bench, interval), answer);
            }
        }};
    }

    #[test]
    fn intervals_equal_the_kernels() {
        let tables = Tables::new();
        let mut bench = TestBench::new("interval_unit", IntervalUnit::default());
        let mut vectors = Vectors::new(0x2545_f491_4f6c_dd1d);
        let (mut resolved, mut capped, mut rooted) = (0, 0, 0);
        for _ in 0..320 {
            let question = Question::draw(&mut vectors);
            let answer = question.answer(&tables);
            let knots = ask!(bench, vectors, &question);
            // The values beside the interval may come as late as this.
            let is_late = vectors.flag();
            if is_late {
                poke!(bench, n0, record::Knot::default());
                poke!(bench, n3, record::Knot::default());
            }
            for cycles in 1.. {
                cycle!(bench);
                poke!(bench, start, false);
                if is_late && cycles == IntervalUnit::WINDOW {
                    poke!(bench, n0, knots[0]);
                    poke!(bench, n3, knots[3]);
                }
                if peek!(bench, done) {
                    break;
                }
                assert!(cycles <= IntervalUnit::LATENCY_ROOT);
            }
            check!(bench, &question, answer);
            for _ in 0..vectors.below(3) {
                cycle!(bench);
                check!(bench, &question, answer);
            }
            resolved += usize::from(!question.exact && !answer.error.all());
            capped += usize::from(answer.band.word() == BAND_MAX);
            rooted += usize::from(question.bank.scale.band_kind == code::BAND_WHALLEY_WILMOTT && answer.band.any());
        }
        assert!(resolved > 100 && capped > 10 && rooted > 50, "{resolved} {capped} {rooted}");
        bench.finish();
    }

    #[test]
    fn it_takes_the_cycles_it_says() {
        let tables = Tables::new();
        let mut bench = TestBench::new("interval_unit_cycles", IntervalUnit::default());
        let mut vectors = Vectors::new(0x853c_49e6_748f_ea9b);
        for kind in [code::BAND_FIXED, code::BAND_GAMMA, code::BAND_WHALLEY_WILMOTT] {
            let mut question = Question::draw(&mut vectors);
            question.bank.scale.band_kind = kind;
            question.exact = false;
            ask!(bench, vectors, &question);
            let mut done = 0;
            for at in 1..=70 {
                cycle!(bench);
                poke!(bench, start, false);
                if peek!(bench, done) {
                    assert_eq!(done, 0);
                    check!(bench, &question, question.answer(&tables));
                    done = at;
                }
            }
            let is_root = kind == code::BAND_WHALLEY_WILMOTT;
            assert_eq!(done, if is_root { IntervalUnit::LATENCY_ROOT } else { IntervalUnit::LATENCY });
        }
        bench.finish();
    }

    /// Two calls, a steep one, a put and a range around the centre: smooth intervals, some with an edge
    /// in them, some not resolved.
    fn write_rows(rows: &mut Rows, bank: &mut Bank, vectors: &mut Vectors) {
        let option = |kind, linear, a: u32, b: i64| Shape { kind, linear, a: a << 18, b };
        let range = Shape { kind: code::RANGE, linear: true, a: (1 << 29) - 130_000, b: (1 << 29) + 250_000 };
        let steep = 2000 + vectors.below(4000) as u32;
        let shapes = [
            option(code::CALL, false, 50, 1 << 49),
            option(code::CALL, true, 20, -(1 << 50)),
            option(code::CALL, false, steep, 3 << 49),
            option(code::PUT, false, 300, -(1 << 48)),
            range,
        ];
        for (slot, shape) in shapes.into_iter().enumerate() {
            let omega = [0; 3].map(|_| vectors.signed(1 << 24) as i32);
            let spec = RowSpec { kind: shape.kind, omega, epoch: bank.epoch, ..RowSpec::default() };
            bank.write(rows, 0, slot, (shape, spec), 1).expect("the bank is open");
        }
    }

    #[test]
    fn intervals_equal_those_of_ladders_of_rows() {
        const PRICE_REF: u32 = 10_000_000;
        let mut tables = Tables::new();
        tables.rows = Rows::new(64);
        let mut bench = TestBench::new("interval_unit_ladders", IntervalUnit::default());
        let mut vectors = Vectors::new(0x0123_4567_89ab_cdef);
        let mut seen = [0; 2];
        for round in 0..12 {
            let (count, shift) = ([2, 3, 4, 8][round % 4], 10 + vectors.below(3) as u32);
            let mut bank = Bank::default();
            bank.open(Scale {
                bits: [20, 14, 20],
                contract_shift: 26 + vectors.below(10) as u32,
                price_ref: PRICE_REF,
                band_factor: 1 << 20,
                band_shift: 4,
                ..vectors.scale()
            });
            write_rows(&mut tables.rows, &mut bank, &mut vectors);
            let target = vectors.signed(1 << 40);
            let source = Source { slots: (0, 5), ..tables.source(&bank, target) };
            let mut ladder = Ladder::new(count);
            assert!(ladder.start(&tables.log, PRICE_REF, PRICE_REF, shift, count));
            ladder.complete(&source);
            let low = ladder.span().0;

            let nodes: Vec<(Ratios, NodeValue)> = (0..=count as u32)
                .map(|node| {
                    let price = low + (node << shift);
                    let at = Ratios::new(&tables.log, price, PRICE_REF).expect("within reach");
                    let mut sums = GroupSums::default();
                    for slot in 0..5 {
                        let shape = tables.rows.shape(slot);
                        let weight = tables.rows.spec[slot].weight.map(i64::from);
                        sums.group(shape.linear).add(shape.contribution(&tables.normal, &at, weight));
                    }
                    (at, NodeValue::new(&sums, &bank, &at, step_ratio(shift, price)))
                })
                .collect();
            for index in 0..count {
                let first = index.saturating_sub(1).min(count.saturating_sub(3));
                let last = (first + 3).min(count);
                let range = tables.rows.shape(4);
                let question = Question {
                    nodes: nodes[first..=last].iter().map(|node| node.1).collect(),
                    left: index - first,
                    has_edge: range.range_region(&nodes[index].0) != range.range_region(&nodes[index + 1].0),
                    left_price: low + ((index as u32) << shift),
                    shift,
                    bank,
                    target,
                    exact: false,
                };
                ask!(bench, vectors, &question);
                cycle!(bench);
                poke!(bench, start, false);
                while !peek!(bench, done) {
                    cycle!(bench);
                }
                let answer = peek!(bench, interval);
                let cubic =
                    [(answer.c0.raw(), 44), (answer.c1.raw(), 44), (answer.c2.raw(), 48), (answer.c3.raw(), 47)];
                let mut interval = Interval::default();
                interval.cubic = cubic.map(|(bits, width)| ((bits << (128 - width)) as i128 >> (128 - width)) as i64);
                let ts = [0, 1, 1000, 32_768, 65_535];
                let greeks = ts.map(|t| ladder.greeks(index, t, question.left_price, true));
                seen[usize::from(answer.error.all())] += 1;
                for (t, greeks) in ts.into_iter().zip(greeks) {
                    let Some(greeks) = greeks else {
                        assert!(answer.error.all());
                        continue;
                    };
                    assert_eq!(answer.error, U::new(greeks.error.into()));
                    assert_eq!(answer.band, U::new(greeks.band.min(BAND_MAX).into()));
                    assert_eq!(interval.delta(t), greeks.delta);
                }
            }
        }
        assert!(seen.iter().all(|&count| count > 8), "{seen:?}");
        bench.finish();
    }
}
