//! A bank's constants with a row's share put in or taken out: `hedgewire_kernel::row::Shape::constant`.
//! Combinational.
//!
//! ```text
//!   share(w) = w 2^28 (call), -w 2^28 (put), w 2^29 (constant), else 0
//! ```

use hedgewire_abi::command::code;
use rust_hdl::prelude::*;

use crate::signal::{S, U, signed_cast_same, signed_cast_wide, unsigned_cast_same};

/// Adds the share of a weight to the constant of its group.
#[derive(LogicBlock)]
pub struct Constants {
    pub kind: Signal<In, U<3>>,
    pub is_linear: Signal<In, Bit>,
    /// Delta weight, signed.
    pub weight: Signal<In, U<32>>,
    /// Take the share out instead.
    pub take_out: Signal<In, Bit>,
    /// There is such a row.
    pub on: Signal<In, Bit>,
    /// The constants, signed.
    pub inverse: Signal<In, U<64>>,
    pub linear: Signal<In, U<64>>,
    pub new_inverse: Signal<Out, U<64>>,
    pub new_linear: Signal<Out, U<64>>,
    weight_signed: Signal<Local, S<32>>,
    wide: Signal<Local, S<64>>,
    raw: Signal<Local, U<64>>,
    share: Signal<Local, U<64>>,
    minus: Signal<Local, Bit>,
    group: Signal<Local, U<64>>,
    total: Signal<Local, U<64>>,
    empty: Constant<U<3>>,
    put: Constant<U<3>>,
    constant: Constant<U<3>>,
    range: Constant<U<3>>,
    half: Constant<U<5>>,
    whole: Constant<U<5>>,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            kind: Signal::default(),
            is_linear: Signal::default(),
            weight: Signal::default(),
            take_out: Signal::default(),
            on: Signal::default(),
            inverse: Signal::default(),
            linear: Signal::default(),
            new_inverse: Signal::default(),
            new_linear: Signal::default(),
            weight_signed: Signal::default(),
            wide: Signal::default(),
            raw: Signal::default(),
            share: Signal::default(),
            minus: Signal::default(),
            group: Signal::default(),
            total: Signal::default(),
            empty: Constant::new(U::new(code::EMPTY.into())),
            put: Constant::new(U::new(code::PUT.into())),
            constant: Constant::new(U::new(code::CONSTANT.into())),
            range: Constant::new(U::new(code::RANGE.into())),
            half: Constant::new(U::new(28)),
            whole: Constant::new(U::new(29)),
        }
    }
}

impl Logic for Constants {
    #[hdl_gen]
    fn update(&mut self) {
        self.weight_signed.next = signed_cast_same(self.weight.val());
        self.wide.next = signed_cast_wide(self.weight_signed.val());
        self.raw.next = unsigned_cast_same(self.wide.val());
        self.share.next = self.raw.val() << self.half.val();
        if self.kind.val() == self.constant.val() {
            self.share.next = self.raw.val() << self.whole.val();
        }
        self.minus.next = self.take_out.val() ^ (self.kind.val() == self.put.val());
        self.group.next = self.inverse.val();
        if self.is_linear.val() {
            self.group.next = self.linear.val();
        }
        self.total.next = self.group.val() + self.share.val();
        if self.minus.val() {
            self.total.next = self.group.val() - self.share.val();
        }
        self.new_inverse.next = self.inverse.val();
        self.new_linear.next = self.linear.val();
        if self.on.val() & (self.kind.val() != self.empty.val()) & (self.kind.val() != self.range.val()) {
            if self.is_linear.val() {
                self.new_linear.next = self.total.val();
            } else {
                self.new_inverse.next = self.total.val();
            }
        }
    }
}
