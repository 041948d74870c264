//! Events on their way out, and how much is under way.
//!
//! ```text
//!   sequencer: says, fields --+
//!                             +--> pushed --> Pack --> queue --> event_data
//!   desk: said, outcome ------+
//!
//!   issue, says  +1 --> held      --> has_room, is_empty     -1 <-- an event leaves
//!   issue        +1 --> in_flight --> is_calm                -1 <-- said
//! ```
//!
//! Held is every event that is said or still to be said: with every issue comes one. A slow command says two at most
//! beside its decision, and there is room for them in a queue that quotes leave alone while `has_room` is clear.
//! What is said is shown two cycles later; the sequencer says nothing in the cycle of a decision.

use rust_hdl::prelude::*;

use super::record::EventFields;
use crate::primitive::LookUp;
use crate::record::{Meta, Outcome, Words};
use crate::signal::*;

/// Events that may wait to be taken.
const EVENT_BITS: usize = 6;
/// Events that may be held before a quote waits. Some quotes are under way when that is known, and a slow command adds two.
const ROOM: u128 = 48;

/// The words of an event; the last one, its sequence, is stamped by the ring writer. Combinational.
#[derive(LogicBlock, Default)]
pub struct Pack {
    pub fields: Signal<In, EventFields>,
    pub words: Signal<Out, Words>,
}

impl Logic for Pack {
    fn update(&mut self) {
        let f = self.fields.val();
        let head = f.kind.raw()
            | f.version.raw() << 8
            | f.underlying.raw() << 16
            | f.reason.raw() << 24
            | u128::from(f.is_urgent) << 32
            | u128::from(f.is_exact) << 33
            | u128::from(f.is_last) << 34
            | f.bank_id.raw() << 48;
        self.words.next = Words {
            w0: U::new(head),
            w1: f.now_ns,
            w2: f.w2,
            w3: f.w3,
            w4: f.w4,
            w5: f.w5,
            w6: f.command_seq,
            w7: U::new(0),
        };
    }
    fn connect(&mut self) {
        self.words.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom("always @(*) words = {64'd0, fields};".into())
    }
}

/// The queue of events.
#[derive(LogicBlock)]
pub struct Events {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// The sequencer says something.
    pub says: Signal<In, Bit>,
    pub fields: Signal<In, EventFields>,
    /// A decision is asked of the desk.
    pub issue: Signal<In, Bit>,
    /// The desk has decided.
    pub said: Signal<In, Bit>,
    pub meta: Signal<In, Meta>,
    pub outcome: Signal<In, Outcome>,
    pub event_valid: Signal<Out, Bit>,
    pub event_ready: Signal<In, Bit>,
    pub event_data: Signal<Out, Words>,
    /// Another command may begin.
    pub has_room: Signal<Out, Bit>,
    /// No decision is under way.
    pub is_calm: Signal<Out, Bit>,
    /// Everything that was to be said has left.
    pub is_empty: Signal<Out, Bit>,
    pack: Pack,
    queue: LookUp<Words, 6>,
    is_pushed: DFF<Bit>,
    pushed: DFF<EventFields>,
    into: DFF<U<6>>,
    out_of: DFF<U<6>>,
    held: DFF<U<7>>,
    is_roomy: DFF<Bit>,
    is_waiting: DFF<Bit>,
    in_flight: DFF<U<6>>,
    entry: Signal<Local, EventFields>,
    high: Signal<Local, U<64>>,
    low: Signal<Local, U<64>>,
    next_out: Signal<Local, U<6>>,
    held_up: Signal<Local, Bit>,
    held_down: Signal<Local, Bit>,
    one_6: Constant<U<6>>,
    one_7: Constant<U<7>>,
    half_64: Constant<U<6>>,
    room: Constant<U<7>>,
}

impl Default for Events {
    fn default() -> Self {
        with_defaults!({
            queue: LookUp::new(1 << EVENT_BITS),
            one_6: Constant::new(U::new(1)),
            one_7: Constant::new(U::new(1)),
            half_64: Constant::new(U::new(32)),
            room: Constant::new(U::new(ROOM)),
        }
            clock reset says fields issue said meta outcome event_valid event_ready event_data has_room is_calm
            is_empty pack is_pushed pushed into out_of held is_roomy in_flight entry high low is_waiting next_out held_up held_down
        )
    }
}

impl Logic for Events {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, queue, is_pushed, pushed, is_roomy, is_waiting);
        dff_setup!(self, clock, into, out_of, held, in_flight);

        // ---- what is said: by the sequencer, or by the desk
        self.high.next = unsigned_cast_wide(self.outcome.val().order_id);
        self.high.next = self.high.val() << self.half_64.val();
        self.low.next = unsigned_cast_wide(self.outcome.val().limit_price);
        self.entry.next = self.fields.val();
        if self.said.val() {
            self.entry.next.kind = bits_lit::<8>(3);
            self.entry.next.w5 = self.high.val() | self.low.val();
            if self.outcome.val().reason != bits_lit::<8>(0) {
                self.entry.next.kind = bits_lit::<8>(2);
                self.entry.next.w5 = unsigned_cast_wide(self.meta.val().kind);
            }
            self.entry.next.underlying = self.meta.val().underlying;
            self.entry.next.reason = self.outcome.val().reason;
            self.entry.next.is_urgent = self.outcome.val().is_urgent;
            self.entry.next.is_exact = self.meta.val().is_exact;
            self.entry.next.is_last = !self.meta.val().want_risk;
            self.entry.next.bank_id = self.outcome.val().bank_id;
            self.entry.next.now_ns = self.meta.val().now_ns;
            self.entry.next.w2 = self.outcome.val().exposure;
            self.entry.next.w3 = self.outcome.val().band;
            self.entry.next.w4 = self.outcome.val().quantity;
            self.entry.next.command_seq = self.meta.val().command_seq;
        }
        self.is_pushed.d.next = self.says.val() | self.said.val();
        self.pushed.d.next = self.entry.val();

        // ---- the queue
        self.pack.fields.next = self.pushed.q.val();
        self.queue.write.next = self.is_pushed.q.val();
        self.queue.write_address.next = self.into.q.val();
        self.queue.write_data.next = self.pack.words.val();
        self.queue.read_address.next = self.out_of.q.val();
        self.event_data.next = self.queue.q.val();
        self.event_valid.next = self.is_waiting.q.val();
        self.held_down.next = self.is_waiting.q.val() & self.event_ready.val();
        if self.is_pushed.q.val() {
            self.into.d.next = self.into.q.val() + self.one_6.val();
        }
        // Whether one waits is a register: beyond it is the ring, and back.
        self.next_out.next = self.out_of.q.val() + self.one_6.val();
        self.is_waiting.d.next = self.is_pushed.q.val() | (self.into.q.val() != self.out_of.q.val());
        if self.held_down.val() {
            self.out_of.d.next = self.next_out.val();
            self.is_waiting.d.next = self.is_pushed.q.val() | (self.into.q.val() != self.next_out.val());
        }

        // ---- how much is held, and under way
        self.held_up.next = self.issue.val() | (self.says.val() & !self.said.val());
        if self.held_up.val() & !self.held_down.val() {
            self.held.d.next = self.held.q.val() + self.one_7.val();
        }
        if !self.held_up.val() & self.held_down.val() {
            self.held.d.next = self.held.q.val() - self.one_7.val();
        }
        if self.issue.val() & !self.said.val() {
            self.in_flight.d.next = self.in_flight.q.val() + self.one_6.val();
        }
        if !self.issue.val() & self.said.val() {
            self.in_flight.d.next = self.in_flight.q.val() - self.one_6.val();
        }
        self.is_roomy.d.next = self.held.q.val() < self.room.val();
        self.has_room.next = self.is_roomy.q.val();
        self.is_calm.next = self.in_flight.q.val() == bits_lit::<6>(0);
        self.is_empty.next = self.held.q.val() == bits_lit::<7>(0);

        if self.reset.val() {
            self.is_pushed.d.next = false;
            self.is_waiting.d.next = false;
            self.into.d.next = bits_lit::<6>(0);
            self.out_of.d.next = bits_lit::<6>(0);
            self.held.d.next = bits_lit::<7>(0);
            self.in_flight.d.next = bits_lit::<6>(0);
        }
    }
}
