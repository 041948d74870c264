//! The states of all banks: for the operation at hand, and for those who look from outside.
//!
//! ```text
//!   write --> registers --> memory of bank 0, of bank 1, and a view for each who looks
//!   underlying --> stage1 at once --> held0, held1
//!   address    --> view           --> state
//! ```
//!
//! Written in one cycle, a state is read two cycles later. The underlying stays for a cycle after a write.

use rust_hdl::prelude::*;

use crate::primitive::LookUp;
use crate::record::BankState;
use crate::signal::{U, unsigned_cast_wide};

/// What is remembered of every bank.
#[derive(LogicBlock)]
pub struct States {
    pub clock: Signal<In, Clock>,
    /// Whose states are read and written.
    pub underlying: Signal<In, U<8>>,
    pub write: Signal<In, Bit>,
    pub bank: Signal<In, Bit>,
    pub written: Signal<In, BankState>,
    /// Stage of the underlying's bank 1, in the same cycle.
    pub stage1: Signal<Out, U<2>>,
    /// States of the underlying's banks, a cycle later.
    pub held0: Signal<Out, BankState>,
    pub held1: Signal<Out, BankState>,
    /// Underlying times two plus bank.
    pub state_address: Signal<In, U<9>>,
    pub other_address: Signal<In, U<9>>,
    /// State at that address, a cycle later.
    pub state: Signal<Out, BankState>,
    pub other_state: Signal<Out, BankState>,

    state0: LookUp<BankState, 8>,
    state1: LookUp<BankState, 8>,
    view: LookUp<BankState, 9>,
    other_view: LookUp<BankState, 9>,
    state0_held: DFF<BankState>,
    state1_held: DFF<BankState>,
    seen: DFF<BankState>,
    other_seen: DFF<BankState>,
    write_state: DFF<Bit>,
    write_state0: DFF<Bit>,
    write_state1: DFF<Bit>,
    write_place: DFF<U<9>>,
    written_state: DFF<BankState>,
    underlying_wide: Signal<Local, U<9>>,
    place: Signal<Local, U<9>>,
    one_place: Constant<U<9>>,
}

impl States {
    /// For so many underlyings.
    pub fn new(underlyings: usize) -> Self {
        with_defaults!({
            state0: LookUp::wrapping(underlyings),
            state1: LookUp::wrapping(underlyings),
            view: LookUp::wrapping(2 * underlyings),
            other_view: LookUp::wrapping(2 * underlyings),
            one_place: Constant::new(U::new(1)),
        }
            clock underlying write bank written stage1 held0 held1 state_address other_address state other_state
            state0_held state1_held seen other_seen write_state write_state0 write_state1 write_place written_state
            underlying_wide place
        )
    }
}

impl Logic for States {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, state0, state1, view, other_view, state0_held, state1_held, seen, other_seen);
        clock!(self, clock, write_state, write_state0, write_state1, write_place, written_state);

        self.state0.read_address.next = self.underlying.val();
        self.state1.read_address.next = self.underlying.val();
        self.stage1.next = self.state1.q.val().stage;
        self.state0_held.d.next = self.state0.q.val();
        self.state1_held.d.next = self.state1.q.val();
        self.held0.next = self.state0_held.q.val();
        self.held1.next = self.state1_held.q.val();

        self.view.read_address.next = self.state_address.val();
        self.seen.d.next = self.view.q.val();
        self.state.next = self.seen.q.val();
        self.other_view.read_address.next = self.other_address.val();
        self.other_seen.d.next = self.other_view.q.val();
        self.other_state.next = self.other_seen.q.val();

        self.underlying_wide.next = unsigned_cast_wide(self.underlying.val());
        self.place.next = self.underlying_wide.val() + self.underlying_wide.val();
        if self.bank.val() {
            self.place.next = self.underlying_wide.val() + self.underlying_wide.val() + self.one_place.val();
        }
        self.write_state.d.next = self.write.val();
        self.write_state0.d.next = self.write.val() & !self.bank.val();
        self.write_state1.d.next = self.write.val() & self.bank.val();
        self.write_place.d.next = self.place.val();
        self.written_state.d.next = self.written.val();
        self.state0.write.next = self.write_state0.q.val();
        self.state0.write_address.next = self.underlying.val();
        self.state0.write_data.next = self.written_state.q.val();
        self.state1.write.next = self.write_state1.q.val();
        self.state1.write_address.next = self.underlying.val();
        self.state1.write_data.next = self.written_state.q.val();
        self.view.write.next = self.write_state.q.val();
        self.view.write_address.next = self.write_place.q.val();
        self.view.write_data.next = self.written_state.q.val();
        self.other_view.write.next = self.write_state.q.val();
        self.other_view.write_address.next = self.write_place.q.val();
        self.other_view.write_data.next = self.written_state.q.val();
    }
}
