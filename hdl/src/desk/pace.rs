//! Would an order come too soon, too often, or twice? And what to note if it goes out.
//!
//! ```text
//!   cycle  8   pace, time, sequence of the ledger
//!          9   time over budget, since the last hedge, since the minute began
//!         10   MESSAGE_RATE, inside the windows, whether the minute is over
//!         11   hedges in this minute
//!         12   HEDGE_RATE, the note
//! ```
//!
//! `hedgewire_kernel::trigger::Pace`: differences of times saturate at zero, the budget at the largest u64.
//! A wide comparison is the sign of a difference, which is a carry chain. Cycles are those of the desk.

use rust_hdl::prelude::*;

use crate::primitive::Delay;
use crate::record;
use crate::signal::*;

/// The cycle in which the pace arrives, and the one of the answer.
pub const START: usize = 8;
pub const DONE: usize = START + 4;

/// What the pace says.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Paced {
    pub message_rate: Bit,
    pub hedge_rate: Bit,
    /// COOL_DOWN, unless the order is urgent.
    pub cooling: Bit,
    /// DUPLICATE, if side, quantity and price are these.
    pub repeats: Bit,
    pub last_side: Bit,
    pub last_quantity: U<27>,
    pub last_price: U<32>,
    /// The note, if the order goes out.
    pub budget_whole_ns: U<64>,
    pub minute_start_ns: U<64>,
    pub minute_count: U<32>,
}

/// Gates of the pace.
#[derive(LogicBlock, Default)]
pub struct PaceGates {
    pub clock: Signal<In, Clock>,
    /// Cycle 8, like the two that follow.
    pub pace: Signal<In, record::Pace>,
    pub now_ns: Signal<In, U<64>>,
    pub ledger_seq: Signal<In, U<32>>,
    /// Cycle 9, like the one that follows.
    pub rate: Signal<In, record::RateLimits>,
    pub windows: Signal<In, record::PriceLimits>,
    /// Cycle 12.
    pub paced: Signal<Out, Paced>,
    past: Delay<record::Pace, 3>,
    pace_at_9: DFF<record::Pace>,
    now_at_9: DFF<U<64>>,
    now_at_10: DFF<U<64>>,
    over_ns: DFF<U<64>>,
    is_over: DFF<Bit>,
    since_ns: DFF<U<64>>,
    is_since: DFF<Bit>,
    in_minute_ns: DFF<U<64>>,
    is_in_minute: DFF<Bit>,
    /// A hedge was sent, and the ledger is as it was then.
    is_unheard: DFF<Bit>,
    message_rate: Delay<Bit, 3>,
    cooling: Delay<Bit, 3>,
    repeats: Delay<Bit, 3>,
    base_ns: DFF<U<64>>,
    start_at_10: DFF<U<64>>,
    is_minute_over: DFF<Bit>,
    is_first: DFF<Bit>,
    count_at_10: DFF<U<32>>,
    count: DFF<U<32>>,
    interval_ns: DFF<U<62>>,
    hedges_per_minute: Delay<U<32>, 2>,
    budget_at_11: DFF<U<65>>,
    start_at_11: DFF<U<64>>,
    hedge_rate: DFF<Bit>,
    noted_budget_ns: DFF<U<64>>,
    noted_start_ns: DFF<U<64>>,
    noted_count: DFF<U<32>>,
    last_hedge_ns: Signal<Local, U<64>>,
    budget_ns: Signal<Local, U<64>>,
    start_ns: Signal<Local, U<64>>,
    burst: Signal<Local, U<65>>,
    cool_down: Signal<Local, U<65>>,
    duplicate_window: Signal<Local, U<65>>,
    minute: Signal<Local, U<65>>,
    within_cool_down: Signal<Local, Bit>,
    within_duplicate: Signal<Local, Bit>,
    over: Signal<Local, U<65>>,
    since: Signal<Local, U<65>>,
    in_minute: Signal<Local, U<65>>,
    burst_left: Signal<Local, U<65>>,
    cool_down_left: Signal<Local, U<65>>,
    duplicate_left: Signal<Local, U<65>>,
    minute_left: Signal<Local, U<65>>,
    hedges_left: Signal<Local, U<33>>,
    minute_count: Signal<Local, U<32>>,
    one: Signal<Local, U<32>>,
}

impl Logic for PaceGates {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, past, pace_at_9, now_at_9, now_at_10, over_ns, is_over, since_ns, is_since);
        clock!(self, clock, in_minute_ns, is_in_minute, is_unheard, message_rate, cooling, repeats);
        clock!(self, clock, base_ns, start_at_10, is_minute_over, is_first, count_at_10, count, interval_ns);
        clock!(self, clock, hedges_per_minute, hedge_rate, budget_at_11, start_at_11);
        clock!(self, clock, noted_budget_ns, noted_start_ns, noted_count);
        // 9: differences, and whether they are more than zero
        self.budget_ns.next = self.pace.val().budget_whole_ns;
        self.last_hedge_ns.next = self.pace.val().last_hedge_ns;
        self.start_ns.next = self.pace.val().minute_start_ns;
        // A difference below zero borrows: its top bit.
        self.over.next = unsigned_cast_wide(self.now_ns.val()) - unsigned_cast_wide(self.budget_ns.val());
        self.since.next = unsigned_cast_wide(self.last_hedge_ns.val()) - unsigned_cast_wide(self.now_ns.val());
        self.in_minute.next = unsigned_cast_wide(self.start_ns.val()) - unsigned_cast_wide(self.now_ns.val());
        self.over_ns.d.next = self.budget_ns.val() - self.now_ns.val();
        self.is_over.d.next = self.over.val().get_bit(64);
        self.since_ns.d.next = self.now_ns.val() - self.last_hedge_ns.val();
        self.is_since.d.next = self.since.val().get_bit(64);
        self.in_minute_ns.d.next = self.now_ns.val() - self.start_ns.val();
        self.is_in_minute.d.next = self.in_minute.val().get_bit(64);
        self.is_unheard.d.next =
            self.pace.val().has_hedged & (self.pace.val().last_ledger_seq == self.ledger_seq.val());
        self.pace_at_9.d.next = self.pace.val();
        self.past.d.next = self.pace_at_9.q.val();
        self.now_at_9.d.next = self.now_ns.val();
        self.now_at_10.d.next = self.now_at_9.q.val();
        // 10
        self.burst.next = unsigned_cast_wide(self.rate.val().order_burst_ns);
        self.cool_down.next = unsigned_cast_wide(self.windows.val().cool_down_ns);
        self.duplicate_window.next = unsigned_cast_wide(self.windows.val().duplicate_window_ns);
        self.burst_left.next = self.burst.val() - unsigned_cast_wide(self.over_ns.q.val());
        self.message_rate.d.next = self.is_over.q.val() & self.burst_left.val().get_bit(64);
        self.cool_down_left.next = unsigned_cast_wide(self.since_ns.q.val()) - self.cool_down.val();
        self.duplicate_left.next = unsigned_cast_wide(self.since_ns.q.val()) - self.duplicate_window.val();
        self.within_cool_down.next = self.cool_down.val().any();
        self.within_duplicate.next = self.duplicate_window.val().any();
        if self.is_since.q.val() {
            self.within_cool_down.next = self.cool_down_left.val().get_bit(64);
            self.within_duplicate.next = self.duplicate_left.val().get_bit(64);
        }
        self.cooling.d.next = self.pace_at_9.q.val().has_hedged & self.within_cool_down.val();
        self.repeats.d.next = self.within_duplicate.val() & self.is_unheard.q.val();
        self.minute.next = bits_lit::<65>(60_000_000_000_u64);
        self.minute_left.next = unsigned_cast_wide(self.in_minute_ns.q.val()) - self.minute.val();
        self.is_minute_over.d.next = self.is_in_minute.q.val() & !self.minute_left.val().get_bit(64);
        self.minute_count.next = self.pace_at_9.q.val().minute_count;
        self.is_first.d.next = !self.minute_count.val().any();
        self.count_at_10.d.next = self.minute_count.val();
        self.base_ns.d.next = self.now_at_9.q.val();
        if self.is_over.q.val() {
            self.base_ns.d.next = self.pace_at_9.q.val().budget_whole_ns;
        }
        self.interval_ns.d.next = self.rate.val().order_interval_ns;
        self.hedges_per_minute.d.next = self.rate.val().hedges_per_minute;
        // 11
        self.count.d.next = self.count_at_10.q.val();
        self.start_at_10.d.next = self.pace_at_9.q.val().minute_start_ns;
        self.start_at_11.d.next = self.start_at_10.q.val();
        if self.is_minute_over.q.val() {
            self.count.d.next = bits_lit::<32>(0);
        }
        if self.is_minute_over.q.val() | self.is_first.q.val() {
            self.start_at_11.d.next = self.now_at_10.q.val();
        }
        self.budget_at_11.d.next =
            unsigned_cast_wide(self.base_ns.q.val()) + unsigned_cast_wide(self.interval_ns.q.val());
        // 12
        self.hedges_left.next =
            unsigned_cast_wide(self.count.q.val()) - unsigned_cast_wide(self.hedges_per_minute.q.val());
        self.hedge_rate.d.next = !self.hedges_left.val().get_bit(32);
        self.one.next = bits_lit::<32>(1);
        self.noted_count.d.next = self.count.q.val() + self.one.val();
        self.noted_start_ns.d.next = self.start_at_11.q.val();
        self.noted_budget_ns.d.next = self.budget_at_11.q.val().get_bits::<64>(0);
        if self.budget_at_11.q.val().get_bit(64) {
            self.noted_budget_ns.d.next = bits_lit::<64>(0xffff_ffff_ffff_ffff_u64);
        }
        self.paced.next.message_rate = self.message_rate.q.val();
        self.paced.next.hedge_rate = self.hedge_rate.q.val();
        self.paced.next.cooling = self.cooling.q.val();
        self.paced.next.repeats = self.repeats.q.val();
        self.paced.next.last_side = self.past.q.val().last_side;
        self.paced.next.last_quantity = self.past.q.val().last_quantity;
        self.paced.next.last_price = self.past.q.val().last_price;
        self.paced.next.budget_whole_ns = self.noted_budget_ns.q.val();
        self.paced.next.minute_start_ns = self.noted_start_ns.q.val();
        self.paced.next.minute_count = self.noted_count.q.val();
    }
}
