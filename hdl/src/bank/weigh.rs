//! One weight of a row at a quantity, and the sum of sizes with it in place of the old one: a third of
//! `hedgewire_kernel::bank::Bank::reweigh`.
//!
//! ```text
//!   weight = (quantity omega + half) >> shift      = (((2 quantity omega) >> shift) + 1) >> 1
//!   rest   = gross - factor |old|                    factor 1 options, 2 constants, 4 ranges, 0 empty
//!   sum    = rest + factor |weight|
//!   fits   = |weight| < 2^31  and  sum < 2^34
//!
//!   1 rest, product | 2, 3 product | 4 shift | 5 round, sum
//! ```
//!
//! The halved form needs no half of its own, and the bit it rounds up by is the carry into both of the
//! last two adders, so that rounding costs no cycle. `LATENCY` 5, `II` 1. Where it does not fit, weight
//! and sum mean nothing; the rest always does.

use hedgewire_abi::command::code;
use hedgewire_abi::format::GROSS_MAX;
use rust_hdl::prelude::*;

use crate::primitive::{Delay, Multiply, ShiftRight};
use crate::signal::{S, U, bits_lit, signed_cast_same, signed_cast_wide, unsigned_cast_pos, unsigned_cast_same};

/// Cycles from operands to weight.
pub const LATENCY: usize = PRODUCT + 2;
/// Cycles between operands.
pub const II: usize = 1;

type Product = Multiply<31, 32, 63>;
const PRODUCT: usize = Product::LATENCY;

// The sum is tested by one bit.
const _: () = assert!(GROSS_MAX == 1 << 34);

/// A size as it counts: `value` times the factor of `kind`, with what is rounded up kept apart.
#[derive(LogicBlock)]
struct Scaled {
    kind: Signal<In, U<3>>,
    value: Signal<In, S<32>>,
    /// One more than `value` is meant.
    up: Signal<In, Bit>,
    /// `(value + up) factor - carry`.
    scaled: Signal<Out, S<36>>,
    carry: Signal<Out, S<36>>,
    wide: Signal<Local, S<36>>,
    raw: Signal<Local, U<36>>,
    total: Signal<Local, U<36>>,
    constant: Constant<U<3>>,
    range: Constant<U<3>>,
    empty: Constant<U<3>>,
    one: Constant<U<36>>,
    three: Constant<U<36>>,
    once: Constant<U<2>>,
    twice: Constant<U<2>>,
    signed_one: Constant<S<36>>,
    signed_zero: Constant<S<36>>,
}

impl Default for Scaled {
    fn default() -> Self {
        Self {
            kind: Signal::default(),
            value: Signal::default(),
            up: Signal::default(),
            scaled: Signal::default(),
            carry: Signal::default(),
            wide: Signal::default(),
            raw: Signal::default(),
            total: Signal::default(),
            constant: Constant::new(U::new(code::CONSTANT.into())),
            range: Constant::new(U::new(code::RANGE.into())),
            empty: Constant::new(U::new(code::EMPTY.into())),
            one: Constant::new(U::new(1)),
            three: Constant::new(U::new(3)),
            once: Constant::new(U::new(1)),
            twice: Constant::new(U::new(2)),
            signed_one: Constant::new(S::new(1)),
            signed_zero: Constant::new(S::new(0)),
        }
    }
}

impl Logic for Scaled {
    #[hdl_gen]
    fn update(&mut self) {
        self.wide.next = signed_cast_wide(self.value.val());
        self.raw.next = unsigned_cast_same(self.wide.val());
        self.total.next = self.raw.val();
        self.carry.next = self.signed_zero.val();
        if self.up.val() & (self.kind.val() != self.empty.val()) {
            self.carry.next = self.signed_one.val();
        }
        // The places below the value are filled with the carry, so that it runs through them.
        if self.kind.val() == self.empty.val() {
            self.total.next = bits_lit::<36>(0);
        } else if self.kind.val() == self.constant.val() {
            self.total.next = self.raw.val() << self.once.val();
            if self.up.val() {
                self.total.next = (self.raw.val() << self.once.val()) | self.one.val();
            }
        } else if self.kind.val() == self.range.val() {
            self.total.next = self.raw.val() << self.twice.val();
            if self.up.val() {
                self.total.next = (self.raw.val() << self.twice.val()) | self.three.val();
            }
        }
        self.scaled.next = signed_cast_same(self.total.val());
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
    rest_now: DFF<S<36>>,
    product: Product,
    omega_signed: Signal<Local, S<32>>,
    quantity_signed: Signal<Local, S<31>>,
    shift_at_product: Delay<U<6>, PRODUCT>,
    rest_at_cut: Delay<S<36>, PRODUCT>,
    kind_at_cut: Delay<U<3>, { PRODUCT + 1 }>,
    product_wide: Signal<Local, S<64>>,
    product_bits: Signal<Local, U<64>>,
    doubled: Signal<Local, U<64>>,
    shifter: ShiftRight<64, 6>,
    cut: DFF<S<64>>,
    high: Signal<Local, U<32>>,
    low: Signal<Local, U<32>>,
    up: Signal<Local, Bit>,
    floor: Signal<Local, S<32>>,
    up_wide: Signal<Local, S<32>>,
    up_bit: Signal<Local, U<1>>,
    size: Scaled,
    weight_now: DFF<S<32>>,
    in_range: DFF<Bit>,
    sum_now: DFF<S<36>>,
    rest_last: DFF<S<36>>,
    sum_bits: Signal<Local, U<35>>,
}

impl Logic for Weigh {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, rest_now, product, shift_at_product, rest_at_cut, kind_at_cut);
        clock!(self, clock, cut, weight_now, in_range, sum_now, rest_last);

        // Rest.
        self.old_signed.next = signed_cast_same(self.old.val());
        self.old_size.kind.next = self.old_kind.val();
        self.old_size.value.next = self.old_signed.val();
        self.old_size.up.next = false;
        self.gross_wide.next = unsigned_cast_pos(self.gross.val());
        self.rest_now.d.next = self.gross_wide.val();
        if self.has_old.val() {
            self.rest_now.d.next = self.gross_wide.val() - self.old_size.scaled.val();
            if self.old.val().get_bit(31) {
                self.rest_now.d.next = self.gross_wide.val() + self.old_size.scaled.val();
            }
        }
        self.rest_at_cut.d.next = self.rest_now.q.val();
        self.kind_at_cut.d.next = self.kind.val();

        // Product.
        self.quantity_signed.next = signed_cast_same(self.quantity.val());
        self.omega_signed.next = signed_cast_same(self.omega.val());
        self.product.a.next = self.quantity_signed.val();
        self.product.b.next = self.omega_signed.val();
        self.shift_at_product.d.next = self.shift.val();

        // Shift.
        self.product_wide.next = signed_cast_wide(self.product.p.val());
        self.product_bits.next = unsigned_cast_same(self.product_wide.val());
        self.doubled.next = self.product_bits.val() + self.product_bits.val();
        self.shifter.x.next = signed_cast_same(self.doubled.val());
        self.shifter.by.next = self.shift_at_product.q.val();
        self.cut.d.next = self.shifter.y.val();

        // Round, and add the size.
        self.high.next = self.cut.q.val().get_bits::<32>(32);
        self.low.next = self.cut.q.val().get_bits::<32>(0);
        self.in_range.d.next =
            (!self.high.val().any() & !self.low.val().all()) | (self.high.val().all() & self.low.val().any());
        self.floor.next = signed_cast_same(self.cut.q.val().get_bits::<32>(1));
        self.up_bit.next = self.cut.q.val().get_bits::<1>(0);
        self.up.next = self.cut.q.val().get_bit(0);
        self.up_wide.next = unsigned_cast_pos(self.up_bit.val());
        self.weight_now.d.next = self.floor.val() + self.up_wide.val();
        self.size.kind.next = self.kind_at_cut.q.val();
        self.size.value.next = self.floor.val();
        self.size.up.next = self.up.val();
        self.sum_now.d.next = self.rest_at_cut.q.val() + self.size.scaled.val() + self.size.carry.val();
        // The sign of `floor`.
        if self.cut.q.val().get_bit(32) {
            self.sum_now.d.next = self.rest_at_cut.q.val() - self.size.scaled.val() - self.size.carry.val();
        }
        self.rest_last.d.next = self.rest_at_cut.q.val();

        self.weight.next = unsigned_cast_same(self.weight_now.q.val());
        self.rest.next = self.rest_last.q.val().get_bits::<35>(0);
        self.sum_bits.next = self.sum_now.q.val().get_bits::<35>(0);
        self.sum.next = self.sum_now.q.val().get_bits::<35>(0);
        self.fits.next = self.in_range.q.val() & !self.sum_bits.val().get_bit(34);
    }
}
