//! What a row adds to a bank's constants: `hedgewire_kernel::row::Shape::constant`. Combinational.
//!
//! ```text
//!   share(w) = w 2^28 (call), -w 2^28 (put), w 2^29 (constant), else 0
//! ```
//!
//! So constants are multiples of 2^28, and are kept and added in that unit: [`BITS`] bits. `-v = ~v + 1`: taken out or
//! put in, a share is a word and a carry into its lowest place.

use hedgewire_abi::command::code;
use rust_hdl::prelude::*;

use crate::signal::{S, U, signed_cast_same, signed_cast_wide, unsigned_cast_same};

/// Bits of a constant above its unit.
pub const BITS: usize = 64 - UNIT;
/// A constant is so many bits above.
pub const UNIT: usize = 28;

/// The share of a weight.
#[derive(LogicBlock)]
pub struct Share {
    pub kind: Signal<In, U<3>>,
    /// Delta weight, signed.
    pub weight: Signal<In, U<32>>,
    /// Take the share out instead.
    pub take_out: Signal<In, Bit>,
    pub word: Signal<Out, S<BITS>>,
    pub carry: Signal<Out, Bit>,
    /// A row of this kind has a share.
    pub counts: Signal<Out, Bit>,
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
