//! Two counts of a bank, with a row in place of what is there: slots written, and rows whose `a` is at its limit.
//!
//! ```text
//!   1 old row at its limit? | 2 does it count? new row at its limit? counts so far | 3 one less, one more, or neither
//! ```

use hedgewire_abi::command::code;
use hedgewire_abi::format::A_MAX;
use rust_hdl::prelude::*;

use crate::record::Spec;
use crate::signal::{U, bits_lit};

/// Counts with the row in.
#[derive(LogicBlock)]
pub struct Counts {
    pub clock: Signal<In, Clock>,
    /// The row as it is, to be taken out, is in `old`.
    pub load: Signal<In, Bit>,
    pub old: Signal<In, Spec>,
    /// The bank holds the slot.
    pub holds: Signal<In, Bit>,
    /// The row to be put in, like the two that follow from the cycle after `load`.
    pub row: Signal<In, Spec>,
    pub written_before: Signal<In, U<21>>,
    pub saturated_before: Signal<In, U<21>>,
    /// With the slot, if it was not written before.
    pub written: Signal<Out, U<21>>,
    pub saturated: Signal<Out, U<21>>,
    old_at_limit: DFF<Bit>,
    new_at_limit: DFF<Bit>,
    /// The row that is taken out counts.
    takes_out: DFF<Bit>,
    saturated_now: DFF<U<21>>,
    more: DFF<U<21>>,
    written_now: DFF<U<21>>,
    written_more: DFF<U<21>>,
    call: Constant<U<3>>,
    put: Constant<U<3>>,
    a_max: Constant<U<32>>,
    change: Signal<Local, U<21>>,
    one: Constant<U<21>>,
    less_one: Constant<U<21>>,
}

impl Default for Counts {
    fn default() -> Self {
        with_defaults!({
            call: Constant::new(U::new(code::CALL.into())),
            put: Constant::new(U::new(code::PUT.into())),
            a_max: Constant::new(U::new(A_MAX.into())),
            one: Constant::new(U::new(1)),
            less_one: Constant::new(U::new((1 << 21) - 1)),
        }
            clock load old holds row written_before saturated_before written saturated old_at_limit new_at_limit
            takes_out saturated_now more written_now written_more change
        )
    }
}

impl Logic for Counts {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, old_at_limit);
        clock!(self, clock, new_at_limit, takes_out, saturated_now, more, written_now, written_more);
        if self.load.val() {
            self.old_at_limit.d.next = (self.old.val().a == self.a_max.val())
                & ((self.old.val().kind == self.call.val()) | (self.old.val().kind == self.put.val()));
        }
        self.new_at_limit.d.next = (self.row.val().a == self.a_max.val())
            & ((self.row.val().kind == self.call.val()) | (self.row.val().kind == self.put.val()));
        self.takes_out.d.next = self.holds.val() & self.old_at_limit.q.val();
        self.saturated_now.d.next = self.saturated_before.val();
        self.change.next = bits_lit::<21>(0);
        if self.new_at_limit.q.val() & !self.takes_out.q.val() {
            self.change.next = self.one.val();
        } else if self.takes_out.q.val() & !self.new_at_limit.q.val() {
            self.change.next = self.less_one.val();
        }
        self.more.d.next = self.saturated_now.q.val() + self.change.val();
        self.written_now.d.next = self.written_before.val();
        self.written_more.d.next = self.written_now.q.val() + self.one.val();
        self.saturated.next = self.more.q.val();
        self.written.next = self.written_more.q.val();
    }
}
