//! The rows of both banks: what they are, and what they weigh at their present quantity.
//!
//! ```text
//!   slot --> 1 memories of bank 0, of bank 1 --> 2 the row of the bank that is asked for
//! ```
//!
//! A slot that is written is not read in that cycle, but for words that nobody looks at.

use rust_hdl::prelude::*;

use crate::primitive::Ram;
use crate::record::{Spec, Weights};
use crate::signal::U;

/// Rows of all slots, twice.
#[derive(LogicBlock)]
pub struct Rows {
    pub clock: Signal<In, Clock>,
    pub slot: Signal<In, U<20>>,
    /// Which row is wanted in the next cycle.
    pub bank: Signal<In, Bit>,
    /// The wanted row, and its bank.
    pub row_bank: Signal<Out, Bit>,
    pub spec: Signal<Out, Spec>,
    pub weights: Signal<Out, Weights>,
    pub write_spec0: Signal<In, Bit>,
    pub write_spec1: Signal<In, Bit>,
    pub new_spec: Signal<In, Spec>,
    pub write_weights0: Signal<In, Bit>,
    pub write_weights1: Signal<In, Bit>,
    pub new_weights: Signal<In, Weights>,

    spec0: Ram<Spec, 20>,
    spec1: Ram<Spec, 20>,
    weights0: Ram<Weights, 20>,
    weights1: Ram<Weights, 20>,
    bank_now: DFF<Bit>,
    spec_now: DFF<Spec>,
    weights_now: DFF<Weights>,
}

impl Rows {
    /// For so many slots.
    pub fn new(rows: usize) -> Self {
        with_defaults!({
            spec0: Ram::new(rows),
            spec1: Ram::new(rows),
            weights0: Ram::new(rows),
            weights1: Ram::new(rows),
        }
            clock slot bank row_bank spec weights write_spec0 write_spec1 new_spec write_weights0 write_weights1
            new_weights bank_now spec_now weights_now
        )
    }
}

impl Logic for Rows {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, spec0, spec1, weights0, weights1, bank_now, spec_now, weights_now);

        self.spec0.read_address.next = self.slot.val();
        self.spec1.read_address.next = self.slot.val();
        self.weights0.read_address.next = self.slot.val();
        self.weights1.read_address.next = self.slot.val();
        self.bank_now.d.next = self.bank.val();
        self.spec_now.d.next = self.spec0.q.val();
        self.weights_now.d.next = self.weights0.q.val();
        if self.bank.val() {
            self.spec_now.d.next = self.spec1.q.val();
            self.weights_now.d.next = self.weights1.q.val();
        }
        self.row_bank.next = self.bank_now.q.val();
        self.spec.next = self.spec_now.q.val();
        self.weights.next = self.weights_now.q.val();

        self.spec0.write.next = self.write_spec0.val();
        self.spec0.write_address.next = self.slot.val();
        self.spec0.write_data.next = self.new_spec.val();
        self.spec1.write.next = self.write_spec1.val();
        self.spec1.write_address.next = self.slot.val();
        self.spec1.write_data.next = self.new_spec.val();
        self.weights0.write.next = self.write_weights0.val();
        self.weights0.write_address.next = self.slot.val();
        self.weights0.write_data.next = self.new_weights.val();
        self.weights1.write.next = self.write_weights1.val();
        self.weights1.write_address.next = self.slot.val();
        self.weights1.write_data.next = self.new_weights.val();
    }
}
