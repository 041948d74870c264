//! What the venue says: `hedgewire_kernel::ledger::Ledger::update` and `reconcile`.
//!
//! ```text
//!   start                     |                |             |           | done
//!   compare                   | differences    | sums        | choose    |
//!   filled, changes of coin   | position, coin | open, fits  | takes?    | what is said
//!
//!   status unknown            -> refusal VALUE_RANGE
//!   not this order            -> fault UNKNOWN_ORDER, not reconciled
//!   filled beyond any position-> fault LEDGER_RANGE,  not reconciled
//!   filled less than before   -> refusal STALE_UPDATE
//!   a sum does not fit        -> fault LEDGER_RANGE,  not reconciled
//!   nothing new               -> nothing changes
//!   else                      -> booked; fault OVERFILL (not reconciled) or LATE_FILL where it is one
//! ```
//!
//! `LATENCY` 4, from the cycle of `start` to that of `done`; one at a time. Operands stand still until `done`, so
//! the registers behind them settle, one row of them a cycle.

use hedgewire_abi::Reason;
use hedgewire_abi::command::code;
use hedgewire_abi::format::{COIN_MAGNITUDE_BITS, POSITION_MAX};
use rust_hdl::prelude::*;

use crate::record;
use crate::signal::{S, U, bits_lit, signed_cast_same, signed_cast_wide, unsigned_cast_pos, unsigned_cast_wide};

#[cfg(test)]
mod tests;

/// Cycles from `start` to `done`.
pub const LATENCY: usize = 4;

// The widths below are written out.
const _: () = assert!(COIN_MAGNITUDE_BITS == 62 && POSITION_MAX == 1 << 36);

/// `record::Order::state`.
const STATE_FREE: u128 = 0;
const STATE_OPEN: u128 = 2;
const STATE_UNKNOWN: u128 = 3;
const STATE_DONE: u128 = 4;

/// A sum of coin after one of its totals moved (`add_change`). Its operands stand still.
#[derive(LogicBlock, Default)]
struct AddChange {
    clock: Signal<In, Clock>,
    /// Signed, like the two that follow.
    sum: Signal<In, U<63>>,
    old_total: Signal<In, U<63>>,
    new_total: Signal<In, U<64>>,
    /// The totals are the same, after one cycle.
    same: Signal<Out, Bit>,
    /// The sum plus new less old, after two cycles.
    total: Signal<Out, U<63>>,
    /// New total and sum fit the format of coin, after two cycles.
    fits: Signal<Out, Bit>,
    change: DFF<S<66>>,
    is_same: DFF<Bit>,
    new_fits: DFF<Bit>,
    moved: DFF<S<66>>,
    sum_signed: Signal<Local, S<63>>,
    old_signed: Signal<Local, S<63>>,
    new_signed: Signal<Local, S<64>>,
    new_above: Signal<Local, U<2>>,
    new_below: Signal<Local, U<62>>,
    above: Signal<Local, U<4>>,
    below: Signal<Local, U<62>>,
}

impl Logic for AddChange {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, change, is_same, new_fits, moved);
        self.sum_signed.next = signed_cast_same(self.sum.val());
        self.old_signed.next = signed_cast_same(self.old_total.val());
        self.new_signed.next = signed_cast_same(self.new_total.val());
        self.change.d.next =
            signed_cast_wide::<66, 64>(self.new_signed.val()) - signed_cast_wide::<66, 63>(self.old_signed.val());
        self.is_same.d.next =
            signed_cast_same(self.new_total.val()) == signed_cast_wide::<64, 63>(self.old_signed.val());
        // Below 2^62 in size: nothing but sign from bit 62 on, and not -2^62.
        self.new_above.next = self.new_total.val().get_bits::<2>(62);
        self.new_below.next = self.new_total.val().get_bits::<62>(0);
        self.new_fits.d.next = !self.new_above.val().any() | (self.new_above.val().all() & self.new_below.val().any());
        self.moved.d.next = signed_cast_wide::<66, 63>(self.sum_signed.val()) + self.change.q.val();
        self.above.next = self.moved.q.val().get_bits::<4>(62);
        self.below.next = self.moved.q.val().get_bits::<62>(0);
        self.same.next = self.is_same.q.val();
        self.total.next = self.moved.q.val().get_bits::<63>(0);
        self.fits.next =
            self.new_fits.q.val() & (!self.above.val().any() | (self.above.val().all() & self.below.val().any()));
    }
}

/// Books an order update.
#[derive(LogicBlock)]
pub struct Book {
    pub clock: Signal<In, Clock>,
    /// One cycle, with the operands, which stay until `done`.
    pub start: Signal<In, Bit>,
    /// Of the update, like the four that follow.
    pub status: Signal<In, U<8>>,
    pub order_id: Signal<In, U<32>>,
    pub filled: Signal<In, U<64>>,
    /// Signed, like `cost`.
    pub coin: Signal<In, U<64>>,
    pub cost: Signal<In, U<64>>,
    pub ledger: Signal<In, record::Ledger>,
    /// The order in slot `order_id % 16`.
    pub order: Signal<In, record::Order>,
    /// One cycle, with the results.
    pub done: Signal<Out, Bit>,
    /// 0, or why the command is refused: nothing changes. Until the next `done`, like `fault`.
    pub refusal: Signal<Out, U<8>>,
    /// 0, or what is wrong though the command is carried out.
    pub fault: Signal<Out, U<8>>,
    /// In the cycle before `done`: ledger and order become those that are booked.
    pub takes: Signal<Out, Bit>,
    pub booked: Signal<Out, record::Ledger>,
    pub booked_order: Signal<Out, record::Order>,
    /// What is to be said of the ledger in any case.
    pub is_reconciled: Signal<Out, Bit>,
    /// The order has changed.
    pub write_order: Signal<Out, Bit>,

    // Compare.
    compared: DFF<Bit>,
    bad_status: DFF<Bit>,
    is_free: DFF<Bit>,
    is_other: DFF<Bit>,
    too_many: DFF<Bit>,
    older: DFF<Bit>,
    // In two halves.
    same_filled_low: DFF<Bit>,
    same_filled_high: DFF<Bit>,
    was_short: DFF<Bit>,
    is_short: DFF<Bit>,
    over: DFF<Bit>,
    is_done: DFF<Bit>,
    was_unknown: DFF<Bit>,
    says_open: DFF<Bit>,
    says_unknown: DFF<Bit>,
    sells: DFF<Bit>,
    bought: DFF<U<37>>,
    room_before: DFF<U<27>>,
    room_after: DFF<U<27>>,
    coin_change: AddChange,
    cost_change: AddChange,

    // Differences.
    differed: DFF<Bit>,
    state: DFF<U<3>>,
    same_totals: DFF<Bit>,
    // What could and what can still fill, in the sum that it is part of: not both of a pair, and none is
    // there where nothing is left.
    had_left: DFF<Bit>,
    has_left: DFF<Bit>,
    open_out: DFF<U<27>>,
    unknown_out: DFF<U<27>>,
    open_in: DFF<U<27>>,
    unknown_in: DFF<U<27>>,
    has_bought: DFF<Bit>,
    is_barred: DFF<Bit>,
    open_before: DFF<U<31>>,
    unknown_before: DFF<U<31>>,
    moved: DFF<S<40>>,

    // Sums.
    summed: DFF<Bit>,
    fits: DFF<Bit>,
    same: DFF<Bit>,
    open: DFF<U<31>>,
    unknown: DFF<U<31>>,
    count: DFF<U<5>>,
    busy: DFF<U<16>>,

    // Choose.
    chosen: DFF<Bit>,
    said_takes: DFF<Bit>,
    said_reconciled: DFF<Bit>,
    said_refusal: DFF<U<8>>,
    said_fault: DFF<U<8>>,

    filled_above: Signal<Local, U<27>>,
    filled_now: Signal<Local, U<37>>,
    filled_then: Signal<Local, U<37>>,
    wide_now: Signal<Local, U<38>>,
    wide_then: Signal<Local, U<38>>,
    wide_quantity: Signal<Local, U<38>>,
    gain: Signal<Local, U<38>>,
    lack: Signal<Local, U<38>>,
    same_filled: Signal<Local, Bit>,
    quantity: Signal<Local, U<37>>,
    space_before: Signal<Local, U<37>>,
    space_after: Signal<Local, U<37>>,
    next_state: Signal<Local, U<3>>,
    position: Signal<Local, S<38>>,
    step: Signal<Local, S<40>>,
    slot: Signal<Local, U<4>>,
    place: Signal<Local, U<16>>,
    goes_open: Signal<Local, Bit>,
    goes_unknown: Signal<Local, Bit>,
    was_left: Signal<Local, Bit>,
    open_less: Signal<Local, U<31>>,
    open_more: Signal<Local, U<31>>,
    unknown_less: Signal<Local, U<31>>,
    unknown_more: Signal<Local, U<31>>,
    takes_now: Signal<Local, Bit>,
    refusal_now: Signal<Local, U<8>>,
    fault_now: Signal<Local, U<8>>,
    is_reconciled_now: Signal<Local, Bit>,

    no_room: Constant<U<27>>,
    one_bit: Constant<U<16>>,
    one_seq: Constant<U<32>>,
    one_count: Constant<U<5>>,
    no_attempts: Constant<U<32>>,
    status_max: Constant<U<8>>,
    filled_max: Constant<U<37>>,
    position_max: Constant<S<40>>,
    position_min: Constant<S<40>>,
    order_open: Constant<U<8>>,
    order_unknown: Constant<U<8>>,
    free: Constant<U<3>>,
    open_state: Constant<U<3>>,
    unknown_state: Constant<U<3>>,
    done_state: Constant<U<3>>,
    value_range: Constant<U<8>>,
    unknown_order: Constant<U<8>>,
    ledger_range: Constant<U<8>>,
    stale_update: Constant<U<8>>,
    overfill: Constant<U<8>>,
    late_fill: Constant<U<8>>,
}

impl Default for Book {
    fn default() -> Self {
        let reason = |reason: Reason| Constant::new(U::new(reason as u128));
        let state = |state| Constant::new(U::new(state));
        with_defaults!({
            no_room: Constant::new(U::new(0)),
            one_bit: Constant::new(U::new(1)),
            one_seq: Constant::new(U::new(1)),
            one_count: Constant::new(U::new(1)),
            no_attempts: Constant::new(U::new(0)),
            status_max: Constant::new(U::new(code::ORDER_UNKNOWN.into())),
            filled_max: Constant::new(U::new(POSITION_MAX as u128)),
            position_max: Constant::new(S::new(POSITION_MAX.into())),
            position_min: Constant::new(S::new((-POSITION_MAX).into())),
            order_open: Constant::new(U::new(code::ORDER_OPEN.into())),
            order_unknown: Constant::new(U::new(code::ORDER_UNKNOWN.into())),
            free: state(STATE_FREE),
            open_state: state(STATE_OPEN),
            unknown_state: state(STATE_UNKNOWN),
            done_state: state(STATE_DONE),
            value_range: reason(Reason::ValueRange),
            unknown_order: reason(Reason::UnknownOrder),
            ledger_range: reason(Reason::LedgerRange),
            stale_update: reason(Reason::StaleUpdate),
            overfill: reason(Reason::Overfill),
            late_fill: reason(Reason::LateFill),
        }
            clock start status order_id filled coin cost ledger order done refusal fault takes
            is_reconciled write_order compared bad_status is_free is_other too_many older
            same_filled_low same_filled_high was_short is_short over is_done was_unknown says_open
            says_unknown sells bought room_before room_after coin_change cost_change differed state
            same_totals had_left has_left open_out unknown_out open_in unknown_in has_bought
            is_barred open_before unknown_before moved summed fits same open unknown count busy
            filled_above filled_now filled_then wide_now wide_then wide_quantity gain lack same_filled quantity space_before space_after
            next_state position step slot place goes_open goes_unknown was_left open_less open_more
            unknown_less unknown_more takes_now booked booked_order refusal_now fault_now
            is_reconciled_now chosen said_takes said_reconciled said_refusal said_fault
        )
    }
}

impl Logic for Book {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, said_takes, said_reconciled, said_refusal, said_fault);
        clock!(self, clock, compared, differed, summed, chosen, coin_change, cost_change);
        clock!(self, clock, bad_status, is_free, is_other, too_many, older, was_short, is_short, over);
        clock!(self, clock, same_filled_low, same_filled_high);
        clock!(self, clock, is_done, was_unknown, says_open, says_unknown, sells, bought, room_before, room_after);
        clock!(self, clock, state, same_totals, had_left, has_left, open_out, unknown_out, open_in, unknown_in);
        clock!(self, clock, has_bought, is_barred, open_before, unknown_before, moved);
        clock!(self, clock, fits, same, open, unknown, count, busy);
        self.compared.d.next = self.start.val();
        self.differed.d.next = self.compared.q.val();
        self.summed.d.next = self.differed.q.val();

        // Compare.
        self.filled_above.next = self.filled.val().get_bits::<27>(37);
        self.filled_now.next = self.filled.val().get_bits::<37>(0);
        self.quantity.next = unsigned_cast_wide(self.order.val().quantity);
        self.bad_status.d.next = self.status.val() > self.status_max.val();
        self.sells.d.next = self.order.val().side;
        self.is_free.d.next = self.order.val().state == self.free.val();
        self.is_other.d.next = self.order.val().id != self.order_id.val();
        self.too_many.d.next = self.filled_above.val().any() | (self.filled_now.val() > self.filled_max.val());
        self.filled_then.next = self.order.val().filled;
        self.same_filled_low.d.next =
            self.filled_now.val().get_bits::<19>(0) == self.filled_then.val().get_bits::<19>(0);
        self.same_filled_high.d.next =
            self.filled_now.val().get_bits::<18>(19) == self.filled_then.val().get_bits::<18>(19);
        self.is_short.d.next = self.filled_now.val() < self.quantity.val();
        self.over.d.next = self.filled_now.val() > self.quantity.val();
        self.is_done.d.next = self.order.val().state == self.done_state.val();
        self.was_unknown.d.next = self.order.val().state == self.unknown_state.val();
        self.says_open.d.next = self.status.val() == self.order_open.val();
        self.says_unknown.d.next = self.status.val() == self.order_unknown.val();
        // The order comes out of a memory: two of its comparisons are borrows.
        self.wide_now.next = unsigned_cast_wide(self.filled_now.val());
        self.wide_then.next = unsigned_cast_wide(self.filled_then.val());
        self.wide_quantity.next = unsigned_cast_wide(self.quantity.val());
        self.gain.next = self.wide_now.val() - self.wide_then.val();
        self.lack.next = self.wide_then.val() - self.wide_quantity.val();
        self.older.d.next = self.gain.val().get_bit(37);
        self.was_short.d.next = self.lack.val().get_bit(37);
        self.bought.d.next = self.gain.val().get_bits::<37>(0);
        self.space_before.next = self.quantity.val() - self.order.val().filled;
        self.room_before.d.next = self.space_before.val().get_bits::<27>(0);
        self.space_after.next = self.quantity.val() - self.filled_now.val();
        self.room_after.d.next = self.space_after.val().get_bits::<27>(0);
        self.coin_change.sum.next = self.ledger.val().hedge_coin;
        self.coin_change.old_total.next = self.order.val().coin;
        self.coin_change.new_total.next = self.coin.val();
        self.cost_change.sum.next = self.ledger.val().cost;
        self.cost_change.old_total.next = self.order.val().cost;
        self.cost_change.new_total.next = self.cost.val();

        self.same_filled.next = self.same_filled_low.q.val() & self.same_filled_high.q.val();

        // Differences. An order that is done stays done; one that is filled is done.
        self.was_left.next = !self.is_done.q.val() & self.was_short.q.val();
        self.goes_open.next = !self.is_done.q.val() & self.is_short.q.val() & self.says_open.q.val();
        self.goes_unknown.next = !self.is_done.q.val() & self.is_short.q.val() & self.says_unknown.q.val();
        self.next_state.next = self.done_state.val();
        self.open_in.d.next = self.no_room.val();
        self.unknown_in.d.next = self.no_room.val();
        if self.goes_open.val() {
            self.next_state.next = self.open_state.val();
            self.open_in.d.next = self.room_after.q.val();
        }
        if self.goes_unknown.val() {
            self.next_state.next = self.unknown_state.val();
            self.unknown_in.d.next = self.room_after.q.val();
        }
        self.state.d.next = self.next_state.val();
        self.open_out.d.next = self.no_room.val();
        if self.was_left.val() & !self.was_unknown.q.val() {
            self.open_out.d.next = self.room_before.q.val();
        }
        self.unknown_out.d.next = self.no_room.val();
        if self.was_left.val() & self.was_unknown.q.val() {
            self.unknown_out.d.next = self.room_before.q.val();
        }
        self.had_left.d.next = self.was_left.val();
        self.has_left.d.next = self.goes_open.val() | self.goes_unknown.val();
        self.same_totals.d.next = self.same_filled.val() & self.coin_change.same.val() & self.cost_change.same.val();

        self.is_barred.d.next = self.bad_status.q.val()
            | self.is_free.q.val()
            | self.is_other.q.val()
            | self.too_many.q.val()
            | self.older.q.val();
        self.open_before.d.next = self.ledger.val().open_buy;
        self.unknown_before.d.next = self.ledger.val().unknown_buy;
        if self.sells.q.val() {
            self.open_before.d.next = self.ledger.val().open_sell;
            self.unknown_before.d.next = self.ledger.val().unknown_sell;
        }
        self.has_bought.d.next = self.bought.q.val().any();
        self.position.next = signed_cast_same(self.ledger.val().position);
        self.step.next = unsigned_cast_pos(self.bought.q.val());
        self.moved.d.next = signed_cast_wide::<40, 38>(self.position.val()) + self.step.val();
        if self.sells.q.val() {
            self.moved.d.next = signed_cast_wide::<40, 38>(self.position.val()) - self.step.val();
        }

        // Sums.
        self.fits.d.next = (self.moved.q.val() >= self.position_min.val())
            & (self.moved.q.val() <= self.position_max.val())
            & self.coin_change.fits.val()
            & self.cost_change.fits.val();
        self.same.d.next = self.same_totals.q.val() & (self.state.q.val() == self.order.val().state);

        self.open_less.next = unsigned_cast_wide(self.open_out.q.val());
        self.open_more.next = unsigned_cast_wide(self.open_in.q.val());
        self.unknown_less.next = unsigned_cast_wide(self.unknown_out.q.val());
        self.unknown_more.next = unsigned_cast_wide(self.unknown_in.q.val());
        self.open.d.next = self.open_before.q.val() - self.open_less.val() + self.open_more.val();
        self.unknown.d.next = self.unknown_before.q.val() - self.unknown_less.val() + self.unknown_more.val();
        self.slot.next = self.order_id.val().get_bits::<4>(0);
        self.place.next = self.one_bit.val() << self.slot.val();
        self.count.d.next = self.ledger.val().open_count;
        self.busy.d.next = self.ledger.val().busy & !self.place.val();
        if self.had_left.q.val() & !self.has_left.q.val() {
            self.count.d.next = self.ledger.val().open_count - self.one_count.val();
        } else if !self.had_left.q.val() & self.has_left.q.val() {
            self.count.d.next = self.ledger.val().open_count + self.one_count.val();
        }
        if self.has_left.q.val() {
            self.busy.d.next = self.ledger.val().busy | self.place.val();
        }

        // Choose.
        self.booked.next = self.ledger.val();
        self.booked.next.position = self.moved.q.val().get_bits::<38>(0);
        self.booked.next.hedge_coin = self.coin_change.total.val();
        self.booked.next.cost = self.cost_change.total.val();
        if self.sells.q.val() {
            self.booked.next.open_sell = self.open.q.val();
            self.booked.next.unknown_sell = self.unknown.q.val();
        } else {
            self.booked.next.open_buy = self.open.q.val();
            self.booked.next.unknown_buy = self.unknown.q.val();
        }
        self.booked.next.open_count = self.count.q.val();
        self.booked.next.busy = self.busy.q.val();
        self.booked.next.ledger_seq = self.ledger.val().ledger_seq + self.one_seq.val();
        if self.has_bought.q.val() {
            self.booked.next.attempts = self.no_attempts.val();
        }
        self.takes_now.next = !self.is_barred.q.val() & self.fits.q.val() & !self.same.q.val();
        self.booked_order.next = self.order.val();
        self.booked_order.next.state = self.state.q.val();
        self.booked_order.next.filled = self.filled.val().get_bits::<37>(0);
        self.booked_order.next.coin = self.coin.val().get_bits::<63>(0);
        self.booked_order.next.cost = self.cost.val().get_bits::<63>(0);

        self.refusal_now.next = bits_lit::<8>(0);
        self.fault_now.next = bits_lit::<8>(0);
        self.is_reconciled_now.next = self.ledger.val().is_reconciled;
        if self.takes_now.val() {
            if self.over.q.val() {
                self.is_reconciled_now.next = false;
                self.fault_now.next = self.overfill.val();
            } else if self.is_done.q.val() & !self.same_filled.val() {
                self.fault_now.next = self.late_fill.val();
            }
        } else if self.bad_status.q.val() {
            self.refusal_now.next = self.value_range.val();
        } else if self.is_free.q.val() | self.is_other.q.val() {
            self.is_reconciled_now.next = false;
            self.fault_now.next = self.unknown_order.val();
        } else if self.too_many.q.val() {
            self.is_reconciled_now.next = false;
            self.fault_now.next = self.ledger_range.val();
        } else if self.older.q.val() {
            self.refusal_now.next = self.stale_update.val();
        } else if !self.fits.q.val() {
            self.is_reconciled_now.next = false;
            self.fault_now.next = self.ledger_range.val();
        }
        self.chosen.d.next = self.summed.q.val();
        if self.summed.q.val() {
            self.said_takes.d.next = self.takes_now.val();
            self.said_reconciled.d.next = self.is_reconciled_now.val();
            self.said_refusal.d.next = self.refusal_now.val();
            self.said_fault.d.next = self.fault_now.val();
        }
        self.takes.next = self.takes_now.val();
        self.write_order.next = self.said_takes.q.val();
        self.is_reconciled.next = self.said_reconciled.q.val();
        self.refusal.next = self.said_refusal.q.val();
        self.fault.next = self.said_fault.q.val();
        self.done.next = self.chosen.q.val();
    }
}

/// Takes the venue's word (`Ledger::reconcile`). Combinational. The sixteen orders of the ledger
/// become free, which is for whoever holds them to do; `busy` says so here.
#[derive(LogicBlock)]
pub struct Reconcile {
    pub ledger: Signal<In, record::Ledger>,
    pub word: Signal<In, record::Reconciliation>,
    pub new_ledger: Signal<Out, record::Ledger>,
    one: Constant<U<32>>,
    nothing: Constant<record::Ledger>,
}

impl Default for Reconcile {
    fn default() -> Self {
        Self {
            ledger: Signal::default(),
            word: Signal::default(),
            new_ledger: Signal::default(),
            one: Constant::new(U::new(1)),
            nothing: Constant::new(record::Ledger::default()),
        }
    }
}

impl Logic for Reconcile {
    #[hdl_gen]
    fn update(&mut self) {
        self.new_ledger.next = self.nothing.val();
        self.new_ledger.next.position = self.word.val().position;
        self.new_ledger.next.hedge_coin = self.word.val().hedge_coin;
        self.new_ledger.next.cost = self.ledger.val().cost;
        self.new_ledger.next.is_reconciled = true;
        self.new_ledger.next.ledger_seq = self.ledger.val().ledger_seq + self.one.val();
        self.new_ledger.next.next_id = self.ledger.val().next_id;
    }
}
