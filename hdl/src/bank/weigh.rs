//! One weight of a row at a quantity, and the sum of sizes with it in place of the old one: a third of
//! `hedgewire_kernel::bank::Bank::reweigh`.
//!
//! ```text
//!   weight = (quantity omega + half) >> shift      = (((2 quantity omega) >> shift) + 1) >> 1
//!   rest   = gross - factor |old|                    factor 1 options, 2 constants, 4 ranges, 0 empty
//!   sum    = rest + factor |weight|
//!   fits   = |weight| < 2^31  and  sum < 2^34
//!
//!   1 old size, product | 2 rest, product | 3 product | 4 shift by eights | 5 by the rest | 6 round, size | 7 sum, fits
//! ```
//!
//! The halved form needs no half of its own, and what is rounded up by, like the one of a negation, is a
//! carry into the sum (see `Scaled`). `LATENCY` 7, `II` 1. Where it does not fit, weight and sum mean
//! nothing; the rest always does.

use hedgewire_abi::command::code;
use hedgewire_abi::format::GROSS_MAX;
use rust_hdl::prelude::*;

use crate::primitive::{Delay, Multiply, ShiftRight};
use crate::signal::{
    S, U, bits_lit, signed_cast_same, signed_cast_wide, unsigned_cast_pos, unsigned_cast_same, unsigned_cast_wide,
};

/// Cycles from operands to weight.
pub const LATENCY: usize = PRODUCT + 4;
/// Cycles between operands.
pub const II: usize = 1;

type Product = Multiply<31, 32, 63>;
const PRODUCT: usize = Product::LATENCY;

// The sum is tested by one bit; no old weight is one of an empty row.
const _: () = assert!(GROSS_MAX == 1 << 34 && code::EMPTY == 0);

/// What a size adds: `+-(value + up)` times the factor of `kind`, less one where there is a `carry`.
///
/// `-(v + 1) = ~v` and `-v = ~v + 1`: negated or not, there is a word and a carry into its lowest place.
/// The places that the factor puts below are filled with the carry, so that it runs through them.
#[derive(LogicBlock)]
struct Scaled {
    kind: Signal<In, U<3>>,
    value: Signal<In, S<32>>,
    negated: Signal<In, Bit>,
    /// One more than `value` is meant.
    up: Signal<In, Bit>,
    scaled: Signal<Out, S<36>>,
    carry: Signal<Out, Bit>,
    wide: Signal<Local, S<36>>,
    raw: Signal<Local, U<36>>,
    word: Signal<Local, U<36>>,
    total: Signal<Local, U<36>>,
    carried: Signal<Local, Bit>,
    constant: Constant<U<3>>,
    range: Constant<U<3>>,
    empty: Constant<U<3>>,
    one: Constant<U<36>>,
    three: Constant<U<36>>,
    once: Constant<U<2>>,
    twice: Constant<U<2>>,
}

impl Default for Scaled {
    fn default() -> Self {
        Self {
            kind: Signal::default(),
            value: Signal::default(),
            negated: Signal::default(),
            up: Signal::default(),
            scaled: Signal::default(),
            carry: Signal::default(),
            wide: Signal::default(),
            raw: Signal::default(),
            word: Signal::default(),
            total: Signal::default(),
            carried: Signal::default(),
            constant: Constant::new(U::new(code::CONSTANT.into())),
            range: Constant::new(U::new(code::RANGE.into())),
            empty: Constant::new(U::new(code::EMPTY.into())),
            one: Constant::new(U::new(1)),
            three: Constant::new(U::new(3)),
            once: Constant::new(U::new(1)),
            twice: Constant::new(U::new(2)),
        }
    }
}

impl Logic for Scaled {
    #[hdl_gen]
    fn update(&mut self) {
        self.wide.next = signed_cast_wide(self.value.val());
        self.raw.next = unsigned_cast_same(self.wide.val());
        self.word.next = self.raw.val();
        if self.negated.val() {
            self.word.next = !self.raw.val();
        }
        self.carried.next = self.up.val() ^ self.negated.val();
        self.carry.next = self.carried.val() & (self.kind.val() != self.empty.val());
        self.total.next = self.word.val();
        if self.kind.val() == self.empty.val() {
            self.total.next = bits_lit::<36>(0);
        } else if self.kind.val() == self.constant.val() {
            self.total.next = self.word.val() << self.once.val();
            if self.carried.val() {
                self.total.next = (self.word.val() << self.once.val()) | self.one.val();
            }
        } else if self.kind.val() == self.range.val() {
            self.total.next = self.word.val() << self.twice.val();
            if self.carried.val() {
                self.total.next = (self.word.val() << self.twice.val()) | self.three.val();
            }
        }
        self.scaled.next = signed_cast_same(self.total.val());
    }
}

/// A sum with a carry into it, which is an adder of one place more. Combinational.
#[derive(LogicBlock, Default)]
pub struct AddCarry {
    pub a: Signal<In, S<36>>,
    pub b: Signal<In, S<36>>,
    pub carry: Signal<In, Bit>,
    pub y: Signal<Out, S<36>>,
    a_bits: Signal<Local, U<36>>,
    b_bits: Signal<Local, U<36>>,
    a_wide: Signal<Local, U<37>>,
    b_wide: Signal<Local, U<37>>,
    a_placed: Signal<Local, U<37>>,
    b_placed: Signal<Local, U<37>>,
    sum: Signal<Local, U<37>>,
    place: Signal<Local, U<1>>,
    one: Signal<Local, U<37>>,
}

impl Logic for AddCarry {
    #[hdl_gen]
    fn update(&mut self) {
        self.place.next = bits_lit::<1>(1);
        self.one.next = bits_lit::<37>(1);
        self.a_bits.next = unsigned_cast_same(self.a.val());
        self.b_bits.next = unsigned_cast_same(self.b.val());
        self.a_wide.next = unsigned_cast_wide(self.a_bits.val());
        self.b_wide.next = unsigned_cast_wide(self.b_bits.val());
        self.a_placed.next = (self.a_wide.val() << self.place.val()) | self.one.val();
        self.b_placed.next = self.b_wide.val() << self.place.val();
        if self.carry.val() {
            self.b_placed.next = (self.b_wide.val() << self.place.val()) | self.one.val();
        }
        self.sum.next = self.a_placed.val() + self.b_placed.val();
        self.y.next = signed_cast_same(self.sum.val().get_bits::<36>(1));
    }
}

/// A weight and what it does to its sum of sizes.
#[derive(LogicBlock, Default)]
pub struct Weigh {
    pub clock: Signal<In, Clock>,
    /// Lots, signed.
    pub quantity: Signal<In, U<31>>,
    /// Weight of one lot, signed.
    pub omega: Signal<In, U<32>>,
    /// At most 62.
    pub shift: Signal<In, U<6>>,
    /// Kind of the row.
    pub kind: Signal<In, U<3>>,
    /// Sum of sizes.
    pub gross: Signal<In, U<35>>,
    /// The weight to be replaced, signed; there is one.
    pub old: Signal<In, U<32>>,
    pub has_old: Signal<In, Bit>,
    /// Kind of the row it belongs to.
    pub old_kind: Signal<In, U<3>>,
    /// Signed.
    pub weight: Signal<Out, U<32>>,
    /// Sum of sizes without the row.
    pub rest: Signal<Out, U<35>>,
    /// Sum of sizes with it.
    pub sum: Signal<Out, U<35>>,
    pub fits: Signal<Out, Bit>,
    old_size: Scaled,
    old_signed: Signal<Local, S<32>>,
    gross_wide: Signal<Local, S<36>>,
    gross_then: DFF<S<36>>,
    old_then: DFF<S<36>>,
    old_carry: DFF<Bit>,
    less: AddCarry,
    rest_at_size: Delay<S<36>, { PRODUCT + 2 }>,
    product: Product,
    omega_signed: Signal<Local, S<32>>,
    quantity_signed: Signal<Local, S<31>>,
    shift_at_product: Delay<U<6>, PRODUCT>,
    fine_at_part: DFF<U<6>>,
    kind_at_cut: Delay<U<3>, { PRODUCT + 2 }>,
    product_wide: Signal<Local, S<64>>,
    product_bits: Signal<Local, U<64>>,
    doubled: Signal<Local, U<64>>,
    by_eights: ShiftRight<64, 6>,
    part: DFF<S<64>>,
    by_ones: ShiftRight<64, 3>,
    cut: DFF<S<64>>,
    high: Signal<Local, U<32>>,
    low: Signal<Local, U<32>>,
    floor: Signal<Local, S<32>>,
    up_wide: Signal<Local, S<32>>,
    up_bit: Signal<Local, U<1>>,
    size: Scaled,
    weight_now: DFF<S<32>>,
    in_range: DFF<Bit>,
    size_now: DFF<S<36>>,
    size_carry: DFF<Bit>,
    more: AddCarry,
    weight_last: DFF<S<32>>,
    sum_last: DFF<S<36>>,
    rest_last: DFF<S<36>>,
    fits_last: DFF<Bit>,
    sum_bits: Signal<Local, U<36>>,
    eights: Signal<Local, U<6>>,
    place: Signal<Local, U<1>>,
}

impl Logic for Weigh {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, gross_then, old_then, old_carry, rest_at_size, product, shift_at_product, fine_at_part);
        clock!(self, clock, kind_at_cut, part, cut, weight_now, in_range, size_now, size_carry);
        clock!(self, clock, weight_last, sum_last, rest_last, fits_last);

        // Rest.
        self.old_signed.next = signed_cast_same(self.old.val());
        self.old_size.kind.next = bits_lit::<3>(0);
        if self.has_old.val() {
            self.old_size.kind.next = self.old_kind.val();
        }
        self.old_size.value.next = self.old_signed.val();
        self.old_size.negated.next = !self.old.val().get_bit(31);
        self.old_size.up.next = false;
        self.gross_wide.next = unsigned_cast_pos(self.gross.val());
        self.gross_then.d.next = self.gross_wide.val();
        self.old_then.d.next = self.old_size.scaled.val();
        self.old_carry.d.next = self.old_size.carry.val();
        self.less.a.next = self.gross_then.q.val();
        self.less.b.next = self.old_then.q.val();
        self.less.carry.next = self.old_carry.q.val();
        self.rest_at_size.d.next = self.less.y.val();
        self.kind_at_cut.d.next = self.kind.val();

        // Product.
        self.quantity_signed.next = signed_cast_same(self.quantity.val());
        self.omega_signed.next = signed_cast_same(self.omega.val());
        self.product.a.next = self.quantity_signed.val();
        self.product.b.next = self.omega_signed.val();
        self.shift_at_product.d.next = self.shift.val();

        // Shift.
        self.eights.next = bits_lit::<6>(0b11_1000);
        self.place.next = bits_lit::<1>(1);
        self.product_wide.next = signed_cast_wide(self.product.p.val());
        self.product_bits.next = unsigned_cast_same(self.product_wide.val());
        self.doubled.next = self.product_bits.val() << self.place.val();
        self.by_eights.x.next = signed_cast_same(self.doubled.val());
        self.by_eights.by.next = self.shift_at_product.q.val() & self.eights.val();
        self.part.d.next = self.by_eights.y.val();
        self.fine_at_part.d.next = self.shift_at_product.q.val();
        self.by_ones.x.next = self.part.q.val();
        self.by_ones.by.next = self.fine_at_part.q.val().get_bits::<3>(0);
        self.cut.d.next = self.by_ones.y.val();

        // Round, and the size.
        self.high.next = self.cut.q.val().get_bits::<32>(32);
        self.low.next = self.cut.q.val().get_bits::<32>(0);
        self.in_range.d.next =
            (!self.high.val().any() & !self.low.val().all()) | (self.high.val().all() & self.low.val().any());
        self.floor.next = signed_cast_same(self.cut.q.val().get_bits::<32>(1));
        self.up_bit.next = self.cut.q.val().get_bits::<1>(0);
        self.up_wide.next = unsigned_cast_pos(self.up_bit.val());
        self.weight_now.d.next = self.floor.val() + self.up_wide.val();
        self.size.kind.next = self.kind_at_cut.q.val();
        self.size.value.next = self.floor.val();
        // The sign of `floor`.
        self.size.negated.next = self.cut.q.val().get_bit(32);
        self.size.up.next = self.cut.q.val().get_bit(0);
        self.size_now.d.next = self.size.scaled.val();
        self.size_carry.d.next = self.size.carry.val();

        // Sum, and whether both fit.
        self.more.a.next = self.rest_at_size.q.val();
        self.more.b.next = self.size_now.q.val();
        self.more.carry.next = self.size_carry.q.val();
        self.sum_last.d.next = self.more.y.val();
        self.sum_bits.next = unsigned_cast_same(self.more.y.val());
        self.fits_last.d.next = self.in_range.q.val() & !self.sum_bits.val().get_bit(34);
        self.weight_last.d.next = self.weight_now.q.val();
        self.rest_last.d.next = self.rest_at_size.q.val();

        self.weight.next = unsigned_cast_same(self.weight_last.q.val());
        self.rest.next = self.rest_last.q.val().get_bits::<35>(0);
        self.sum.next = self.sum_last.q.val().get_bits::<35>(0);
        self.fits.next = self.fits_last.q.val();
    }
}
