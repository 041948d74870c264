//! The life of a bank's rows: `hedgewire_kernel::bank::Bank` and the quantities.
//!
//! ```text
//!   CLEAR   both banks of an underlying closed and zeroed, quantities zeroed, no slot written
//!   OPEN    one bank zeroed and open, no slot of it written
//!   WRITE   a row into an open bank, in place of what was written there since it was opened
//!   TRADE   a slot's quantity, and the row's weights in each bank that holds the slot
//!   SWAP    a bank active, the other closed
//! ```
//!
//! WRITE and TRADE are one pass: the old row out of the sums, the new one in, or nothing in where it
//! does not fit. They differ in the row that is put in: the command's, or the old one again.
//!
//! ```text
//!   cycle    1  2  3    4  5  6 | 7  8  9    11 12 13    14    | 15 16    17
//!   start -> read       d  g  v | d  g  v     d  g  v  commit   | g  v  commit    operands | weights
//!            rows       first     other bank
//! ```
//!
//! ```text
//!   start --> steps, state (here) --> Rows, Slots, States --> row and state of the bank at hand
//!                                                                |
//!       lanes, answers <-- LaneRow <-- Reweigh <-----------------+--> Counts, Constants --> States
//! ```
//!
//! The active bank comes first, and the other only if it holds the slot: `LATENCY` 15 cycles from
//! `start` to `done`, or 18. The shape of a trade's row in the active bank is known after `SHAPE`, long before its
//! weights. A refused WRITE is done after 4, SWAP after 4, OPEN after a cycle per 64
//! slots and 1, CLEAR after a cycle per slot and 1. One operation at a time.
//!
//! A slot is written if its bit is set in a word of 64 that OPEN and CLEAR zero: the kernel's epochs.
//! `reset` ends an operation and leaves the memories: nothing is read of an underlying before the
//! CLEAR that configures it.

use hedgewire_abi::Reason;
use hedgewire_abi::format::SLOT_BLOCK;
use rust_hdl::prelude::*;

use crate::decode::ReadRow;
use crate::primitive::Ram;
use crate::record::{self, BankState, Spec, Weights};
use crate::signal::{U, bits_lit};

mod constants;
mod counts;
mod lane_row;
mod reweigh;
mod rows;
mod slots;
mod states;
#[cfg(test)]
mod tests;
pub mod weigh;

use constants::Constants;
use counts::Counts;
use lane_row::LaneRow;
use reweigh::Reweigh;
use rows::Rows;
use slots::Slots;
use states::States;

/// `Bank::op`: back to the beginning, for `Configure`.
pub const CLEAR: u8 = 0;
/// `Bank::op`: opens a bank.
pub const OPEN: u8 = 1;
/// `Bank::op`: writes a row.
pub const WRITE: u8 = 2;
/// `Bank::op`: books a quantity.
pub const TRADE: u8 = 3;
/// `Bank::op`: makes a bank the active one.
pub const SWAP: u8 = 4;

/// `BankState::stage`: holds nothing that may be built.
pub const STAGE_CLOSED: u8 = 0;
/// `BankState::stage`: being written.
pub const STAGE_OPEN: u8 = 1;
/// `BankState::stage`: in use.
pub const STAGE_ACTIVE: u8 = 2;

/// Cycles from `start` to `done` of WRITE, and of TRADE where one bank at most holds the slot.
pub const LATENCY: usize = READ + reweigh::LATENCY + 1;
/// The same of TRADE where both do.
pub const LATENCY_BOTH: usize = LATENCY + reweigh::II;

/// Cycles until the row of the first bank is in registers: operands, memory, the bank at hand.
const READ: usize = 3;
/// Step in which SWAP closes the other bank.
const SWAP_OTHER: usize = 3;
/// Cycles from `start` to the shape of a trade's row.
pub const SHAPE: usize = READ + 1;
/// Steps in which the weights of a bank are in registers, and whether they fit.
const COMMIT_FIRST: usize = LATENCY - 1;
const COMMIT_OTHER: usize = LATENCY_BOTH - 1;

// `steps` has a bit for each.
const _: () = assert!(COMMIT_OTHER < 20);

#[derive(LogicState, Clone, Copy, Debug, PartialEq)]
enum State {
    Idle,
    Weighing,
    Sweeping,
    Swapping,
}

/// Rows, quantities and states of all banks.
#[derive(LogicBlock)]
pub struct Bank {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// One cycle, with the operands.
    pub start: Signal<In, Bit>,
    /// `CLEAR`, `OPEN`, `WRITE`, `TRADE` or `SWAP`.
    pub op: Signal<In, U<3>>,
    pub underlying: Signal<In, U<8>>,
    /// OPEN, WRITE: the shadow bank. SWAP: the one that becomes active.
    pub bank: Signal<In, Bit>,
    /// CLEAR, OPEN: the underlying's slots; both multiples of 64, at least one block.
    pub first: Signal<In, U<20>>,
    pub count: Signal<In, U<21>>,
    /// WRITE, TRADE.
    pub slot: Signal<In, U<20>>,
    /// WRITE: the `WriteRow` command. Stays until `done`, like the quantity.
    pub words: Signal<In, record::Words>,
    /// TRADE: lots, signed, below 2^30 in size.
    pub quantity: Signal<In, U<32>>,
    /// One cycle; the results stay until the next.
    pub done: Signal<Out, Bit>,
    /// WRITE: 0, or why it is refused.
    pub reason: Signal<Out, U<8>>,
    /// TRADE: one cycle, `SHAPE` after the start, with the row in the active bank. Its weights mean nothing yet.
    pub is_shaped: Signal<Out, Bit>,
    pub shape: Signal<Out, record::Row>,
    /// With `is_shaped`: the active bank holds the slot.
    pub holds: Signal<Out, Bit>,
    /// TRADE: the quantity before, signed.
    pub old_quantity: Signal<Out, U<32>>,
    /// TRADE: the bank holds the slot and a weight changed.
    pub changed0: Signal<Out, Bit>,
    pub changed1: Signal<Out, Bit>,
    /// TRADE: the bank does not hold the slot, or its scale has room for the weights.
    pub fits0: Signal<Out, Bit>,
    pub fits1: Signal<Out, Bit>,
    /// TRADE: the row with the changes of its weights, where the bank holds the slot.
    pub change0: Signal<Out, record::Row>,
    pub change1: Signal<Out, record::Row>,
    /// A row has new weights: for the lanes.
    pub row_write: Signal<Out, Bit>,
    pub row_bank: Signal<Out, Bit>,
    pub row_slot: Signal<Out, U<20>>,
    pub row: Signal<Out, record::Row>,
    /// Underlying times two plus bank.
    pub state_address: Signal<In, U<9>>,
    pub other_address: Signal<In, U<9>>,
    /// State at that address, a cycle later; what an operation changes is there two cycles after `done`.
    pub state: Signal<Out, BankState>,
    pub other_state: Signal<Out, BankState>,

    // What is remembered.
    rows: Rows,
    quantities: Ram<U<32>, 20>,
    slots: Slots,
    states: States,

    // The operation.
    at: DFF<State>,
    /// Bit `k`: an operation was started `k` cycles ago.
    steps: DFF<U<20>>,
    op_now: DFF<U<3>>,
    is_write: DFF<Bit>,
    is_trade: DFF<Bit>,
    underlying_now: DFF<U<8>>,
    bank_now: DFF<Bit>,
    slot_now: DFF<U<20>>,
    held_words: DFF<record::Words>,
    read: ReadRow,
    spec_ok: DFF<Bit>,
    /// The bank that comes first.
    lead: DFF<Bit>,
    held0: DFF<Bit>,
    held1: DFF<Bit>,
    lots: DFF<U<31>>,
    left: DFF<U<21>>,
    stride: DFF<U<21>>,

    // What is written, and what with.
    reweigh: Reweigh,
    constants: Constants,
    counts: Counts,
    lane_row: LaneRow,
    kept_bank: DFF<Bit>,
    kept_spec: DFF<Spec>,
    kept_weights: DFF<Weights>,
    // Commit, decided a cycle ahead: of a bank's row, its description and a trade's answer.
    ends: DFF<Bit>,
    puts: DFF<Bit>,
    puts0: DFF<Bit>,
    puts1: DFF<Bit>,
    writes0: DFF<Bit>,
    writes1: DFF<Bit>,
    answers0: DFF<Bit>,
    answers1: DFF<Bit>,
    /// The bank whose state is written.
    state_bank: DFF<Bit>,
    shaped: DFF<Bit>,
    /// It sweeps: what is written is nothing.
    sweeps: DFF<Bit>,

    // Results.
    done_now: DFF<Bit>,
    reason_now: DFF<U<8>>,
    quantity_before: DFF<U<32>>,
    out_changed0: DFF<Bit>,
    out_changed1: DFF<Bit>,
    out_fits0: DFF<Bit>,
    out_fits1: DFF<Bit>,
    out_change0: DFF<record::Row>,
    out_change1: DFF<record::Row>,

    step_first: Signal<Local, Bit>,
    step_feed: Signal<Local, Bit>,
    step_commit: Signal<Local, Bit>,
    step_old: Signal<Local, Bit>,
    step_last: Signal<Local, Bit>,
    load_kept: Signal<Local, Bit>,
    fetch_state: Signal<Local, BankState>,
    fetch_new: Signal<Local, Spec>,
    kept_held: Signal<Local, Bit>,
    other_held: Signal<Local, Bit>,
    kept_state: Signal<Local, BankState>,
    commit: Signal<Local, Bit>,
    put: Signal<Local, Bit>,
    answer: Signal<Local, Bit>,
    state_old: Signal<Local, BankState>,
    state_new: Signal<Local, BankState>,
    state_write: Signal<Local, Bit>,
    target_stage: Signal<Local, U<2>>,
    refused: Signal<Local, Bit>,
    lots_source: Signal<Local, U<32>>,
    slot_stride: Signal<Local, U<20>>,

    op_clear: Constant<U<3>>,
    op_open: Constant<U<3>>,
    op_write: Constant<U<3>>,
    op_trade: Constant<U<3>>,
    closed: Constant<U<2>>,
    open: Constant<U<2>>,
    active: Constant<U<2>>,
    at_row: Constant<U<5>>,
    at_feed: Constant<U<5>>,
    at_first: Constant<U<5>>,
    at_commit: Constant<U<5>>,
    before_commit: Constant<U<5>>,
    before_other: Constant<U<5>>,
    at_open: Constant<U<5>>,
    at_close: Constant<U<5>>,
    at_state: Constant<U<5>>,
    one_step: Constant<U<1>>,
    first_step: Constant<U<20>>,
    one_slot: Constant<U<21>>,
    block: Constant<U<21>>,
    slot_mask: Constant<U<20>>,
    no_lots: Constant<U<32>>,
    nothing: Constant<BankState>,
    value_range: Constant<U<8>>,
    bank_closed: Constant<U<8>>,
}

impl Bank {
    /// For `underlyings` underlyings (at most 256) and `rows` slots (a multiple of 64, at most 2^20).
    pub fn new(underlyings: usize, rows: usize) -> Self {
        with_defaults!({
            rows: Rows::new(rows),
            quantities: Ram::new(rows),
            slots: Slots::new(rows / SLOT_BLOCK as usize),
            states: States::new(underlyings),
            op_clear: Constant::new(U::new(CLEAR.into())),
            op_open: Constant::new(U::new(OPEN.into())),
            op_write: Constant::new(U::new(WRITE.into())),
            op_trade: Constant::new(U::new(TRADE.into())),
            closed: Constant::new(U::new(STAGE_CLOSED.into())),
            open: Constant::new(U::new(STAGE_OPEN.into())),
            active: Constant::new(U::new(STAGE_ACTIVE.into())),
            at_row: Constant::new(U::new((READ - 1) as u128)),
            at_feed: Constant::new(U::new((READ + reweigh::II) as u128)),
            at_first: Constant::new(U::new(READ as u128)),
            at_commit: Constant::new(U::new(COMMIT_FIRST as u128)),
            before_commit: Constant::new(U::new(COMMIT_FIRST as u128 - 1)),
            before_other: Constant::new(U::new(COMMIT_OTHER as u128 - 1)),
            at_open: Constant::new(U::new((SWAP_OTHER - 1) as u128)),
            at_close: Constant::new(U::new(SWAP_OTHER as u128)),
            at_state: Constant::new(U::new(1)),
            one_step: Constant::new(U::new(1)),
            first_step: Constant::new(U::new(2)),
            one_slot: Constant::new(U::new(1)),
            block: Constant::new(U::new(SLOT_BLOCK.into())),
            slot_mask: Constant::new(U::new(rows.next_power_of_two() as u128 - 1)),
            no_lots: Constant::new(U::new(0)),
            nothing: Constant::new(BankState::default()),
            value_range: Constant::new(U::new(Reason::ValueRange as u128)),
            bank_closed: Constant::new(U::new(Reason::BankClosed as u128)),
        }
            clock reset start op underlying bank first count slot words quantity done reason is_shaped shape holds
            old_quantity changed0 changed1 fits0 fits1 change0 change1 row_write row_bank row_slot row state_address
            other_address state other_state at steps op_now is_write is_trade underlying_now bank_now slot_now
            held_words read spec_ok lead held0 held1 lots left stride reweigh constants counts lane_row
            kept_bank kept_spec kept_weights ends puts puts0 puts1 writes0 writes1 answers0 answers1 state_bank
            shaped sweeps done_now reason_now quantity_before out_changed0 out_changed1 out_fits0 out_fits1 out_change0
            out_change1 step_first step_feed step_commit step_old step_last
            load_kept fetch_state fetch_new kept_held other_held kept_state commit put answer state_old state_new
            state_write target_stage refused lots_source slot_stride
        )
    }
}

impl Logic for Bank {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, rows, quantities, slots, states, held_words, read, spec_ok, reweigh, constants, counts);
        dff_setup!(self, clock, at, op_now, is_write, is_trade, underlying_now, bank_now, slot_now);
        dff_setup!(self, clock, lead, held0, held1, left, stride, lots, kept_bank, kept_spec, kept_weights);
        dff_setup!(self, clock, reason_now, quantity_before, out_changed0, out_changed1, out_fits0, out_fits1);
        dff_setup!(self, clock, out_change0, out_change1);
        clock!(self, clock, ends, puts, puts0, puts1, writes0, writes1, answers0, answers1);
        clock!(self, clock, steps, state_bank, shaped, sweeps, done_now);

        self.steps.d.next = self.steps.q.val() << self.one_step.val();
        self.step_first.next = self.steps.q.val().get_bit(self.at_first.val().index());
        self.step_feed.next = self.steps.q.val().get_bit(self.at_feed.val().index());
        self.step_commit.next = self.steps.q.val().get_bit(self.at_commit.val().index());
        self.step_old.next = self.steps.q.val().get_bit(self.before_commit.val().index());
        self.step_last.next = self.steps.q.val().get_bit(self.before_other.val().index());

        // Where the memories are read.
        self.rows.slot.next = self.slot_now.q.val();
        self.quantities.read_address.next = self.slot_now.q.val();
        self.slots.slot.next = self.slot_now.q.val();
        self.states.underlying.next = self.underlying_now.q.val();
        self.states.state_address.next = self.state_address.val();
        self.states.other_address.next = self.other_address.val();
        self.state.next = self.states.state.val();
        self.other_state.next = self.states.other_state.val();
        // Words stay while a row is written, and have stood before: they may come later, and the verdict on them too.
        self.held_words.d.next = self.words.val();
        self.read.words.next = self.held_words.q.val();
        self.spec_ok.d.next = self.read.ok.val();

        // The row of the first bank before the first step, then that of the other.
        self.rows.bank.next = self.lead.q.val() ^ !self.steps.q.val().get_bit(self.at_row.val().index());
        self.fetch_state.next = self.states.held0.val();
        if self.rows.row_bank.val() {
            self.fetch_state.next = self.states.held1.val();
        }
        self.fetch_new.next = self.rows.spec.val();
        if self.is_write.q.val() {
            self.fetch_new.next = self.read.spec.val();
        }

        // What is written, from the first step until the commit.
        self.load_kept.next = self.step_first.val() | self.step_commit.val();
        if self.load_kept.val() {
            self.kept_bank.d.next = self.rows.row_bank.val();
            self.kept_spec.d.next = self.fetch_new.val();
            self.kept_weights.d.next = self.rows.weights.val();
        }
        self.kept_held.next = self.held0.q.val();
        self.other_held.next = self.held1.q.val();
        self.kept_state.next = self.states.held0.val();
        if self.kept_bank.q.val() {
            self.kept_held.next = self.held1.q.val();
            self.other_held.next = self.held0.q.val();
            self.kept_state.next = self.states.held1.val();
        }

        self.reweigh.load.next = self.step_first.val() | self.step_feed.val();
        self.reweigh.bank.next = self.rows.row_bank.val();
        self.reweigh.spec.next = self.fetch_new.val();
        self.reweigh.old_kind.next = self.rows.spec.val().kind;
        self.reweigh.old.next = self.rows.weights.val();
        self.reweigh.state.next = self.fetch_state.val();
        self.reweigh.held0.next = self.held0.q.val();
        self.reweigh.held1.next = self.held1.q.val();
        self.reweigh.lots.next = self.lots.q.val();
        self.reweigh.previous.next = self.kept_weights.q.val();

        // The old share from when the row is read; that of the other bank just before its turn.
        self.constants.load.next = self.step_first.val() | self.step_old.val();
        self.constants.bank.next = self.rows.row_bank.val();
        self.constants.old.next = self.rows.spec.val();
        self.constants.old_weights.next = self.rows.weights.val();
        self.constants.state.next = self.fetch_state.val();
        self.constants.held0.next = self.held0.q.val();
        self.constants.held1.next = self.held1.q.val();
        self.constants.row.next = self.kept_spec.q.val();
        self.constants.weight.next = self.reweigh.first.val();
        self.constants.is_over.next = self.reweigh.is_over.val();

        self.counts.load.next = self.load_kept.val();
        self.counts.old.next = self.rows.spec.val();
        self.counts.holds.next = self.kept_held.val();
        self.counts.row.next = self.kept_spec.q.val();
        self.counts.written_before.next = self.kept_state.val().written;
        self.counts.saturated_before.next = self.kept_state.val().saturated;

        self.lane_row.spec.next = self.kept_spec.q.val();
        self.lane_row.weights.next = self.reweigh.weights.val();
        self.lane_row.old.next = self.kept_weights.q.val();

        // Commit: once per bank.
        self.commit.next = (self.at.q.val() == State::Weighing) & (self.step_old.val() | self.step_last.val());
        self.put.next = self.commit.val() & (self.is_write.q.val() | self.kept_held.val());
        self.answer.next = self.commit.val() & self.is_trade.q.val() & self.kept_held.val();
        self.ends.d.next = self.commit.val() & (self.step_last.val() | self.is_write.q.val() | !self.other_held.val());
        self.puts.d.next = self.put.val();
        self.puts0.d.next = self.put.val() & !self.kept_bank.q.val();
        self.puts1.d.next = self.put.val() & self.kept_bank.q.val();
        self.writes0.d.next = self.put.val() & self.is_write.q.val() & !self.kept_bank.q.val();
        self.writes1.d.next = self.put.val() & self.is_write.q.val() & self.kept_bank.q.val();
        self.answers0.d.next = self.answer.val() & !self.kept_bank.q.val();
        self.answers1.d.next = self.answer.val() & self.kept_bank.q.val();

        self.state_bank.d.next = self.kept_bank.q.val();
        if self.at.q.val() == State::Sweeping {
            self.state_bank.d.next = self.bank_now.q.val();
            if self.op_now.q.val() == self.op_clear.val() {
                // The two banks in turn.
                self.state_bank.d.next = self.slot_now.q.val().get_bit(0);
            }
        } else if self.at.q.val() == State::Idle {
            // OPEN may sweep for one cycle only.
            self.state_bank.d.next = self.bank.val();
        } else if self.at.q.val() == State::Swapping {
            self.state_bank.d.next = self.bank_now.q.val() ^ self.steps.q.val().get_bit(self.at_open.val().index());
        }
        self.state_old.next = self.states.held0.val();
        if self.state_bank.q.val() {
            self.state_old.next = self.states.held1.val();
        }
        self.state_new.next = self.nothing.val();
        self.state_write.next = self.puts.q.val();
        if self.sweeps.q.val() {
            self.state_write.next = true;
            if self.op_now.q.val() == self.op_open.val() {
                self.state_new.next.stage = self.open.val();
            }
        } else if self.at.q.val() == State::Swapping {
            self.state_write.next = self.steps.q.val().get_bit(self.at_open.val().index())
                | self.steps.q.val().get_bit(self.at_close.val().index());
            self.state_new.next = self.state_old.val();
            self.state_new.next.stage = self.active.val();
            if self.steps.q.val().get_bit(self.at_close.val().index()) {
                self.state_new.next.stage = self.closed.val();
            }
        } else {
            self.state_new.next = self.state_old.val();
            self.state_new.next.saturated = self.counts.saturated.val();
            if !self.kept_held.val() {
                self.state_new.next.written = self.counts.written.val();
            }
            if self.reweigh.is_over.val() {
                self.state_new.next.out_of_range = true;
            }
            self.state_new.next.gross_delta = self.reweigh.gross_delta.val();
            self.state_new.next.gross_gamma = self.reweigh.gross_gamma.val();
            self.state_new.next.gross_vega = self.reweigh.gross_vega.val();
            self.state_new.next.constant_inverse = self.constants.inverse.val();
            self.state_new.next.constant_linear = self.constants.linear.val();
        }
        self.states.write.next = self.state_write.val();
        self.states.bank.next = self.state_bank.q.val();
        self.states.written.next = self.state_new.val();

        self.rows.write_spec0.next = self.writes0.q.val();
        self.rows.write_spec1.next = self.writes1.q.val();
        self.rows.new_spec.next = self.kept_spec.q.val();
        self.rows.write_weights0.next = self.puts0.q.val();
        self.rows.write_weights1.next = self.puts1.q.val();
        self.rows.new_weights.next = self.reweigh.weights.val();

        // The bits of written slots: one set by a write, a word cleared in a sweep.
        self.slots.bank.next = self.kept_bank.q.val();
        self.slots.clear.next = false;
        self.slots.write0.next = self.writes0.q.val();
        self.slots.write1.next = self.writes1.q.val();
        if self.at.q.val() == State::Sweeping {
            self.slots.clear.next = true;
            self.slots.write0.next = (self.op_now.q.val() == self.op_clear.val()) | !self.bank_now.q.val();
            self.slots.write1.next = (self.op_now.q.val() == self.op_clear.val()) | self.bank_now.q.val();
        }

        self.quantities.write.next = false;
        self.quantities.write_address.next = self.slot_now.q.val();
        self.quantities.write_data.next = self.quantity.val();

        self.done_now.d.next = false;
        if self.answers0.q.val() {
            self.out_changed0.d.next = self.reweigh.differs.val();
            self.out_fits0.d.next = self.reweigh.fits.val();
            self.out_change0.d.next = self.lane_row.change.val();
        }
        if self.answers1.q.val() {
            self.out_changed1.d.next = self.reweigh.differs.val();
            self.out_fits1.d.next = self.reweigh.fits.val();
            self.out_change1.d.next = self.lane_row.change.val();
        }
        self.target_stage.next = self.states.held0.val().stage;
        if self.bank_now.q.val() {
            self.target_stage.next = self.states.held1.val().stage;
        }
        self.refused.next =
            self.is_write.q.val() & (!self.spec_ok.q.val() | (self.target_stage.val() != self.open.val()));
        self.lots_source.next = self.quantity.val();
        if self.is_write.q.val() {
            self.lots_source.next = self.quantities.q.val();
        }
        self.slot_stride.next = self.stride.q.val().get_bits::<20>(0);

        if self.is_trade.q.val() & self.steps.q.val().get_bit(self.at_state.val().index()) {
            self.lead.d.next = self.states.stage1.val() == self.active.val();
        }

        match self.at.q.val() {
            State::Weighing => {
                if self.step_first.val() {
                    self.held0.d.next =
                        self.slots.written0.val() & (self.states.held0.val().stage != self.closed.val());
                    self.held1.d.next =
                        self.slots.written1.val() & (self.states.held1.val().stage != self.closed.val());
                    self.lots.d.next = self.lots_source.val().get_bits::<31>(0);
                    self.quantity_before.d.next = self.quantities.q.val();
                    self.quantities.write.next = self.is_trade.q.val();
                    if self.refused.val() {
                        self.reason_now.d.next = self.bank_closed.val();
                        if !self.spec_ok.q.val() {
                            self.reason_now.d.next = self.value_range.val();
                        }
                        self.done_now.d.next = true;
                        self.at.d.next = State::Idle;
                    }
                }
                if self.ends.q.val() {
                    self.done_now.d.next = true;
                    self.at.d.next = State::Idle;
                }
            }
            State::Sweeping => {
                self.quantities.write.next = self.op_now.q.val() == self.op_clear.val();
                self.quantities.write_data.next = self.no_lots.val();
                self.slot_now.d.next = (self.slot_now.q.val() + self.slot_stride.val()) & self.slot_mask.val();
                self.left.d.next = self.left.q.val() - self.stride.q.val();
                if self.left.q.val() == self.stride.q.val() {
                    self.done_now.d.next = true;
                    self.at.d.next = State::Idle;
                }
            }
            State::Swapping => {
                if self.steps.q.val().get_bit(self.at_close.val().index()) {
                    self.done_now.d.next = true;
                    self.at.d.next = State::Idle;
                }
            }
            _ => {
                // Operands are taken whether it starts or not: the start comes late, and they are many.
                self.op_now.d.next = self.op.val();
                self.is_write.d.next = self.op.val() == self.op_write.val();
                self.is_trade.d.next = self.op.val() == self.op_trade.val();
                self.underlying_now.d.next = self.underlying.val();
                self.bank_now.d.next = self.bank.val();
                // No slot lies past the memories: they need not look.
                self.slot_now.d.next = self.slot.val() & self.slot_mask.val();
                if (self.op.val() == self.op_clear.val()) | (self.op.val() == self.op_open.val()) {
                    self.slot_now.d.next = self.first.val() & self.slot_mask.val();
                }
                self.left.d.next = self.count.val();
                self.stride.d.next = self.one_slot.val();
                if self.op.val() == self.op_open.val() {
                    self.stride.d.next = self.block.val();
                }
                self.lead.d.next = self.bank.val();
                if self.start.val() {
                    self.steps.d.next = self.first_step.val();
                    self.reason_now.d.next = bits_lit::<8>(0);
                    self.out_changed0.d.next = false;
                    self.out_changed1.d.next = false;
                    self.out_fits0.d.next = true;
                    self.out_fits1.d.next = true;
                    self.at.d.next = State::Swapping;
                    if (self.op.val() == self.op_trade.val()) | (self.op.val() == self.op_write.val()) {
                        self.at.d.next = State::Weighing;
                    } else if (self.op.val() == self.op_clear.val()) | (self.op.val() == self.op_open.val()) {
                        self.at.d.next = State::Sweeping;
                    }
                }
            }
        }
        if self.reset.val() {
            self.at.d.next = State::Idle;
            self.ends.d.next = false;
            self.puts.d.next = false;
            self.puts0.d.next = false;
            self.puts1.d.next = false;
            self.writes0.d.next = false;
            self.writes1.d.next = false;
            self.answers0.d.next = false;
            self.answers1.d.next = false;
            self.done_now.d.next = false;
        }
        self.sweeps.d.next = self.at.d.val() == State::Sweeping;

        self.shaped.d.next = self.step_first.val() & self.is_trade.q.val();
        self.is_shaped.next = self.shaped.q.val();
        self.shape.next = self.lane_row.row.val();
        self.holds.next = self.kept_held.val();
        self.done.next = self.done_now.q.val();
        self.reason.next = self.reason_now.q.val();
        self.old_quantity.next = self.quantity_before.q.val();
        self.changed0.next = self.out_changed0.q.val();
        self.changed1.next = self.out_changed1.q.val();
        self.fits0.next = self.out_fits0.q.val();
        self.fits1.next = self.out_fits1.q.val();
        self.change0.next = self.out_change0.q.val();
        self.change1.next = self.out_change1.q.val();
        self.row_write.next = self.puts.q.val();
        self.row_bank.next = self.kept_bank.q.val();
        self.row_slot.next = self.slot_now.q.val();
        self.row.next = self.lane_row.row.val();
    }
}
