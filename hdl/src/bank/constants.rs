//! A bank's constants, with a row in place of what is there: `hedgewire_kernel::row::Shape::constant`.
//!
//! ```text
//!   share(w) = w 2^28 (call), -w 2^28 (put), w 2^29 (constant), else 0
//!
//!   load --> 1 old share | 2 without it -----------------+
//!   weight of the new row --> 1 its share, its constant  +--> 2 with it
//! ```
//!
//! So constants are multiples of 2^28, and are kept and added in that unit: [`BITS`] bits. `-v = ~v + 1`: taken out or
//! put in, a share is a word and a carry into its lowest place.

use hedgewire_abi::command::code;
use rust_hdl::prelude::*;

use super::weigh::AddCarry;
use crate::record::{BankState, Spec, Weights};
use crate::signal::{S, U, signed_cast_same, signed_cast_wide, unsigned_cast_same, unsigned_cast_wide};

/// Bits of a constant above its unit.
const BITS: usize = 64 - UNIT;
/// A constant is so many bits above.
const UNIT: usize = 28;

/// The share of a weight. Combinational.
#[derive(LogicBlock)]
struct Share {
    kind: Signal<In, U<3>>,
    /// Delta weight, signed.
    weight: Signal<In, U<32>>,
    /// Take the share out instead.
    take_out: Signal<In, Bit>,
    word: Signal<Out, S<BITS>>,
    carry: Signal<Out, Bit>,
    /// A row of this kind has a share.
    counts: Signal<Out, Bit>,
    weight_signed: Signal<Local, S<32>>,
    wide: Signal<Local, S<BITS>>,
    raw: Signal<Local, U<BITS>>,
    size: Signal<Local, U<BITS>>,
    minus: Signal<Local, Bit>,
    empty: Constant<U<3>>,
    put: Constant<U<3>>,
    constant: Constant<U<3>>,
    range: Constant<U<3>>,
    twice: Constant<U<1>>,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            kind: Signal::default(),
            weight: Signal::default(),
            take_out: Signal::default(),
            word: Signal::default(),
            carry: Signal::default(),
            counts: Signal::default(),
            weight_signed: Signal::default(),
            wide: Signal::default(),
            raw: Signal::default(),
            size: Signal::default(),
            minus: Signal::default(),
            empty: Constant::new(U::new(code::EMPTY.into())),
            put: Constant::new(U::new(code::PUT.into())),
            constant: Constant::new(U::new(code::CONSTANT.into())),
            range: Constant::new(U::new(code::RANGE.into())),
            twice: Constant::new(U::new(1)),
        }
    }
}

impl Logic for Share {
    #[hdl_gen]
    fn update(&mut self) {
        self.weight_signed.next = signed_cast_same(self.weight.val());
        self.wide.next = signed_cast_wide(self.weight_signed.val());
        self.raw.next = unsigned_cast_same(self.wide.val());
        self.size.next = self.raw.val();
        if self.kind.val() == self.constant.val() {
            self.size.next = self.raw.val() << self.twice.val();
        }
        self.minus.next = self.take_out.val() ^ (self.kind.val() == self.put.val());
        if self.minus.val() {
            self.word.next = signed_cast_same(!self.size.val());
        } else {
            self.word.next = signed_cast_same(self.size.val());
        }
        self.carry.next = self.minus.val();
        self.counts.next = (self.kind.val() != self.empty.val()) & (self.kind.val() != self.range.val());
    }
}

/// The constants of a bank, without a row's old share and with its new one.
#[derive(LogicBlock)]
pub struct Constants {
    pub clock: Signal<In, Clock>,
    /// With the row that is taken out, its bank, and the state of that.
    pub load: Signal<In, Bit>,
    pub bank: Signal<In, Bit>,
    pub old: Signal<In, Spec>,
    pub old_weights: Signal<In, Weights>,
    pub state: Signal<In, BankState>,
    /// From the cycle after `load`: bank 0, and 1, holds the slot, and there is something to take out.
    pub held0: Signal<In, Bit>,
    pub held1: Signal<In, Bit>,
    /// The row that is put in, for three cycles, and its delta weight in the first of them.
    pub row: Signal<In, Spec>,
    pub weight: Signal<In, U<32>>,
    /// In the third: the row does not fit, and nothing is put in.
    pub is_over: Signal<In, Bit>,
    /// Signed.
    pub inverse: Signal<Out, U<64>>,
    pub linear: Signal<Out, U<64>>,

    old_share: Share,
    old_word: DFF<S<BITS>>,
    old_carry: DFF<Bit>,
    old_counts: DFF<Bit>,
    old_is_linear: DFF<Bit>,
    old_bank: DFF<Bit>,
    old_group: DFF<U<BITS>>,
    old_inverse: DFF<U<BITS>>,
    old_linear: DFF<U<BITS>>,
    take_out: AddCarry,
    without_inverse: DFF<U<BITS>>,
    without_linear: DFF<U<BITS>>,
    new_share: Share,
    new_word: DFF<S<BITS>>,
    new_carry: DFF<Bit>,
    new_counts: DFF<Bit>,
    new_group: DFF<U<BITS>>,
    put_in: AddCarry,
    with_inverse: DFF<U<BITS>>,
    with_linear: DFF<U<BITS>>,
    state_inverse: Signal<Local, U<64>>,
    state_linear: Signal<Local, U<64>>,
    old_held: Signal<Local, Bit>,
    inverse_wide: Signal<Local, U<64>>,
    linear_wide: Signal<Local, U<64>>,
    unit: Constant<U<5>>,
}

impl Default for Constants {
    fn default() -> Self {
        with_defaults!({
            unit: Constant::new(U::new(UNIT as u128)),
        }
            clock load bank old old_weights state held0 held1 row weight is_over inverse linear old_share old_word
            old_carry old_counts old_is_linear old_bank old_group old_inverse old_linear take_out without_inverse
            without_linear new_share new_word new_carry new_counts new_group put_in with_inverse with_linear
            state_inverse state_linear old_held inverse_wide linear_wide
        )
    }
}

impl Logic for Constants {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, old_word, old_carry, old_counts, old_is_linear, old_bank);
        dff_setup!(self, clock, old_group, old_inverse, old_linear);
        clock!(self, clock, without_inverse, without_linear, with_inverse, with_linear);
        clock!(self, clock, new_word, new_carry, new_counts, new_group);

        // Without the old share.
        self.old_share.kind.next = self.old.val().kind;
        self.old_share.weight.next = self.old_weights.val().delta;
        self.old_share.take_out.next = true;
        self.state_inverse.next = self.state.val().constant_inverse;
        self.state_linear.next = self.state.val().constant_linear;
        if self.load.val() {
            self.old_word.d.next = self.old_share.word.val();
            self.old_carry.d.next = self.old_share.carry.val();
            self.old_counts.d.next = self.old_share.counts.val();
            self.old_is_linear.d.next = self.old.val().linear;
            self.old_bank.d.next = self.bank.val();
            self.old_inverse.d.next = self.state_inverse.val().get_bits::<BITS>(28);
            self.old_linear.d.next = self.state_linear.val().get_bits::<BITS>(28);
            self.old_group.d.next = self.state_inverse.val().get_bits::<BITS>(28);
            if self.old.val().linear {
                self.old_group.d.next = self.state_linear.val().get_bits::<BITS>(28);
            }
        }
        self.old_held.next = self.held0.val();
        if self.old_bank.q.val() {
            self.old_held.next = self.held1.val();
        }
        self.take_out.a.next = signed_cast_same(self.old_group.q.val());
        self.take_out.b.next = self.old_word.q.val();
        self.take_out.carry.next = self.old_carry.q.val();
        self.without_inverse.d.next = self.old_inverse.q.val();
        self.without_linear.d.next = self.old_linear.q.val();
        if self.old_held.val() & self.old_counts.q.val() {
            if self.old_is_linear.q.val() {
                self.without_linear.d.next = unsigned_cast_same(self.take_out.y.val());
            } else {
                self.without_inverse.d.next = unsigned_cast_same(self.take_out.y.val());
            }
        }

        // With the new one.
        self.new_share.kind.next = self.row.val().kind;
        self.new_share.weight.next = self.weight.val();
        self.new_share.take_out.next = false;
        self.new_word.d.next = self.new_share.word.val();
        self.new_carry.d.next = self.new_share.carry.val();
        self.new_counts.d.next = self.new_share.counts.val();
        self.new_group.d.next = self.without_inverse.q.val();
        if self.row.val().linear {
            self.new_group.d.next = self.without_linear.q.val();
        }
        self.put_in.a.next = signed_cast_same(self.new_group.q.val());
        self.put_in.b.next = self.new_word.q.val();
        self.put_in.carry.next = self.new_carry.q.val();
        self.with_inverse.d.next = self.without_inverse.q.val();
        self.with_linear.d.next = self.without_linear.q.val();
        if self.new_counts.q.val() {
            if self.row.val().linear {
                self.with_linear.d.next = unsigned_cast_same(self.put_in.y.val());
            } else {
                self.with_inverse.d.next = unsigned_cast_same(self.put_in.y.val());
            }
        }

        self.inverse_wide.next = unsigned_cast_wide(self.without_inverse.q.val());
        self.linear_wide.next = unsigned_cast_wide(self.without_linear.q.val());
        if !self.is_over.val() {
            self.inverse_wide.next = unsigned_cast_wide(self.with_inverse.q.val());
            self.linear_wide.next = unsigned_cast_wide(self.with_linear.q.val());
        }
        self.inverse.next = self.inverse_wide.val() << self.unit.val();
        self.linear.next = self.linear_wide.val() << self.unit.val();
    }
}
