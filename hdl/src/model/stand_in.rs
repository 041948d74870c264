//! A card's core that is none: it has the ports, and accepts whatever it is told.
//!
//! ```text
//!   command -> [held] -> event: Accepted of that command        latency 1, one command in two cycles
//! ```
//!
//! The engines' own tests run on it, because it compiles in a second.

use rust_hdl::prelude::*;

use crate::record::Words;
use crate::signal::{U, bits_lit, unsigned_cast_wide};

/// Answers every command with `Accepted`, one after the other.
#[derive(LogicBlock)]
pub struct StandIn {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub command_valid: Signal<In, Bit>,
    pub command_ready: Signal<Out, Bit>,
    pub command: Signal<In, Words>,
    pub event_valid: Signal<Out, Bit>,
    pub event_ready: Signal<In, Bit>,
    pub answer: Signal<Out, Words>,
    pub idle: Signal<Out, Bit>,
    pub built: Signal<Out, U<32>>,
    held: DFF<Words>,
    full: DFF<Bit>,
    count: DFF<U<32>>,
    one: Constant<U<32>>,
    first: Signal<Local, U<64>>,
    kind: Signal<Local, U<8>>,
    underlying: Signal<Local, U<64>>,
    underlying_byte: Signal<Local, U<8>>,
    marks: Constant<U<64>>,
    place: Constant<U<6>>,
}

impl Default for StandIn {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            reset: Signal::default(),
            command_valid: Signal::default(),
            command_ready: Signal::default(),
            command: Signal::default(),
            event_valid: Signal::default(),
            event_ready: Signal::default(),
            answer: Signal::default(),
            idle: Signal::default(),
            built: Signal::default(),
            held: DFF::default(),
            full: DFF::default(),
            count: DFF::default(),
            one: Constant::new(U::new(1)),
            first: Signal::default(),
            kind: Signal::default(),
            underlying: Signal::default(),
            underlying_byte: Signal::default(),
            // Kind 1, version 1, and the flag of the last event.
            marks: Constant::new(U::new(1 | 1 << 8 | 4 << 32)),
            place: Constant::new(U::new(16)),
        }
    }
}

impl Logic for StandIn {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, held, full, count);
        self.command_ready.next = !self.full.q.val();
        self.event_valid.next = self.full.q.val();
        self.idle.next = !self.full.q.val();
        self.built.next = self.count.q.val();
        if self.command_valid.val() & !self.full.q.val() {
            self.held.d.next = self.command.val();
            self.full.d.next = true;
            self.count.d.next = self.count.q.val() + self.one.val();
        }
        if self.full.q.val() & self.event_ready.val() {
            self.full.d.next = false;
        }
        self.first.next = self.held.q.val().w0;
        self.kind.next = self.first.val().get_bits::<8>(0);
        self.underlying_byte.next = self.first.val().get_bits::<8>(16);
        self.underlying.next = unsigned_cast_wide(self.underlying_byte.val());
        self.answer.next.w0 = self.marks.val() | (self.underlying.val() << self.place.val());
        self.answer.next.w1 = self.held.q.val().w1;
        self.answer.next.w2 = unsigned_cast_wide(self.kind.val());
        self.answer.next.w3 = bits_lit::<64>(0);
        self.answer.next.w4 = bits_lit::<64>(0);
        self.answer.next.w5 = bits_lit::<64>(0);
        self.answer.next.w6 = self.held.q.val().w7;
        self.answer.next.w7 = bits_lit::<64>(0);
        if self.reset.val() {
            self.full.d.next = false;
            self.count.d.next = bits_lit::<32>(0);
        }
    }
}

crate::core_ports!([] StandIn, answer);
