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
//! The active bank comes first, and the other only if it holds the slot: `LATENCY` 15 cycles from
//! `start` to `done`, or 18. The shape of a trade's row in the active bank is known after `SHAPE`, long before its
//! weights. A refused WRITE is done after 4, SWAP after 4, OPEN after a cycle per 64
//! slots and 1, CLEAR after a cycle per slot and 1. One operation at a time.
//!
//! A slot is written if its bit is set in a word of 64 that OPEN and CLEAR zero: the kernel's epochs.
//! `reset` ends an operation and leaves the memories: nothing is read of an underlying before the
//! CLEAR that configures it.

use hedgewire_abi::Reason;
use hedgewire_abi::command::code;
use hedgewire_abi::format::{A_MAX, SLOT_BLOCK};
use rust_hdl::prelude::*;

use crate::decode::ReadRow;
use crate::primitive::{LookUp, Ram};
use crate::record::{self, BankState, Spec, Weights};
use crate::signal::{S, U, bits_lit, signed_cast_same, signed_cast_wide, unsigned_cast_same, unsigned_cast_wide};

mod constants;
#[cfg(test)]
mod tests;
pub mod weigh;

use constants::{BITS, Share, UNIT};
use weigh::{AddCarry, Weigh};

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
pub const LATENCY: usize = READ + 3 + weigh::LATENCY + 2;
/// The same of TRADE where both do.
pub const LATENCY_BOTH: usize = LATENCY + 3;

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

/// One weight on its way to `Weigh`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
struct Operand {
    omega: U<32>,
    shift: U<6>,
    old: U<32>,
    gross: U<35>,
}

/// One weight on its way back.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
struct Weighed {
    weight: U<32>,
    rest: U<35>,
    sum: U<35>,
    fits: Bit,
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
    /// WRITE: the `WriteRow` command.
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
    spec0: Ram<Spec, 20>,
    spec1: Ram<Spec, 20>,
    weights0: Ram<Weights, 20>,
    weights1: Ram<Weights, 20>,
    quantities: Ram<U<32>, 20>,
    written0: Ram<U<64>, 14>,
    written1: Ram<U<64>, 14>,
    state0: LookUp<BankState, 8>,
    state1: LookUp<BankState, 8>,
    view: LookUp<BankState, 9>,
    other_view: LookUp<BankState, 9>,

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
    quantity_now: DFF<U<32>>,
    read: ReadRow,
    spec_now: DFF<Spec>,
    spec_ok: DFF<Bit>,
    lead: DFF<Bit>,
    /// Read of the bank at hand.
    row_bank_now: DFF<Bit>,
    row_spec: DFF<Spec>,
    row_weights: DFF<Weights>,
    word0_held: DFF<U<64>>,
    word1_held: DFF<U<64>>,
    /// The eight slots of which the slot is one.
    byte0: DFF<U<8>>,
    byte1: DFF<U<8>>,
    state0_held: DFF<BankState>,
    state1_held: DFF<BankState>,
    held0: DFF<Bit>,
    held1: DFF<Bit>,
    left: DFF<U<21>>,
    stride: DFF<U<21>>,

    // Operands of the weights.
    lots: DFF<U<31>>,
    feed_delta: DFF<Operand>,
    feed_gamma: DFF<Operand>,
    feed_vega: DFF<Operand>,
    feed_bank: DFF<Bit>,
    feed_kind: DFF<U<3>>,
    feed_old_kind: DFF<U<3>>,
    weigh: Weigh,

    // What is committed.
    kept_bank: DFF<Bit>,
    kept_spec: DFF<Spec>,
    kept_old_saturated: DFF<Bit>,
    kept_new_saturated: DFF<Bit>,
    kept_weights: DFF<Weights>,
    result_vega: DFF<Weighed>,
    result_gamma: DFF<Weighed>,
    result_delta: DFF<Weighed>,
    all_fit: DFF<Bit>,
    /// The opposite, for the state: either drives much.
    is_over: DFF<Bit>,
    fits_next: Signal<Local, Bit>,
    // The constants of the row's bank; without its old share; with its new one.
    old_share: Share,
    old_word: DFF<S<BITS>>,
    old_carry: DFF<Bit>,
    old_counts: DFF<Bit>,
    old_is_linear: DFF<Bit>,
    old_bank: DFF<Bit>,
    old_group: DFF<U<BITS>>,
    old_inverse: DFF<U<BITS>>,
    old_linear: DFF<U<BITS>>,
    take_out: AddCarry,
    without_inverse: DFF<U<BITS>>,
    without_linear: DFF<U<BITS>>,
    new_share: Share,
    new_word: DFF<S<BITS>>,
    new_carry: DFF<Bit>,
    new_counts: DFF<Bit>,
    new_group: DFF<U<BITS>>,
    put_in: AddCarry,
    with_inverse: DFF<U<BITS>>,
    with_linear: DFF<U<BITS>>,
    // Commit, decided a cycle ahead: of a bank's row, its description and a trade's answer.
    commits: DFF<Bit>,
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
    saturated_less: DFF<U<21>>,
    saturated: DFF<U<21>>,
    written_more: DFF<U<21>>,
    position_bit: DFF<U<64>>,
    shaped: DFF<Bit>,
    delta_same: DFF<Bit>,
    gamma_same: DFF<Bit>,
    vega_same: DFF<Bit>,
    kept_nothing: DFF<Bit>,

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
    out_write: DFF<Bit>,
    out_bank: DFF<Bit>,
    out_slot: DFF<U<20>>,
    out_row: DFF<record::Row>,
    write_state: DFF<Bit>,
    write_state0: DFF<Bit>,
    write_state1: DFF<Bit>,
    write_place: DFF<U<9>>,
    written_state: DFF<BankState>,
    seen: DFF<BankState>,
    other_seen: DFF<BankState>,

    read_block: Signal<Local, U<14>>,
    slot_value: Signal<Local, U<20>>,
    step_first: Signal<Local, Bit>,
    step_feed: Signal<Local, Bit>,
    step_commit: Signal<Local, Bit>,
    step_old: Signal<Local, Bit>,
    step_last: Signal<Local, Bit>,
    load_old: Signal<Local, Bit>,
    old_linear_source: Signal<Local, U<64>>,
    old_inverse_source: Signal<Local, U<64>>,
    old_held: Signal<Local, Bit>,
    inverse: Signal<Local, U<64>>,
    linear: Signal<Local, U<64>>,
    fetch_state: Signal<Local, BankState>,
    fetch_new: Signal<Local, Spec>,
    load_feed: Signal<Local, Bit>,
    load_kept: Signal<Local, Bit>,
    position: Signal<Local, U<6>>,
    word0: Signal<Local, U<64>>,
    word1: Signal<Local, U<64>>,
    word: Signal<Local, U<64>>,
    bytes: Signal<Local, U<6>>,
    shifted0: Signal<Local, U<64>>,
    shifted1: Signal<Local, U<64>>,
    in_byte: Signal<Local, U<3>>,
    other_held: Signal<Local, Bit>,
    feed_held: Signal<Local, Bit>,
    kept_held: Signal<Local, Bit>,
    target_stage: Signal<Local, U<2>>,
    lots_source: Signal<Local, U<32>>,
    refused: Signal<Local, Bit>,
    commit: Signal<Local, Bit>,
    put: Signal<Local, Bit>,
    answer: Signal<Local, Bit>,
    result: Signal<Local, Weighed>,
    new_delta: Signal<Local, U<32>>,
    new_gamma: Signal<Local, U<32>>,
    new_vega: Signal<Local, U<32>>,
    delta_signed: Signal<Local, S<32>>,
    gamma_signed: Signal<Local, S<32>>,
    vega_signed: Signal<Local, S<32>>,
    delta_wide: Signal<Local, S<33>>,
    gamma_wide: Signal<Local, S<33>>,
    vega_wide: Signal<Local, S<33>>,
    delta_change: Signal<Local, S<33>>,
    gamma_change: Signal<Local, S<33>>,
    vega_change: Signal<Local, S<33>>,
    old_delta: Signal<Local, S<32>>,
    old_gamma: Signal<Local, S<32>>,
    old_vega: Signal<Local, S<32>>,
    new_weights: Signal<Local, Weights>,
    new_row: Signal<Local, record::Row>,
    change: Signal<Local, record::Row>,
    differs: Signal<Local, Bit>,
    kept_kind: Signal<Local, U<3>>,
    kept_linear: Signal<Local, Bit>,
    kept_a: Signal<Local, U<32>>,
    kept_state: Signal<Local, BankState>,
    state_old: Signal<Local, BankState>,
    state_new: Signal<Local, BankState>,
    state_write: Signal<Local, Bit>,
    underlying_wide: Signal<Local, U<9>>,
    state_place: Signal<Local, U<9>>,
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
    one_word: Constant<U<64>>,
    one_place: Constant<U<9>>,
    slot_mask: Constant<U<20>>,
    whole_bytes: Constant<U<6>>,
    unit: Constant<U<5>>,
    no_lots: Constant<U<32>>,
    no_weights: Constant<Weights>,
    nothing: Constant<BankState>,
    call: Constant<U<3>>,
    put_kind: Constant<U<3>>,
    a_max: Constant<U<32>>,
    value_range: Constant<U<8>>,
    bank_closed: Constant<U<8>>,
}

impl Bank {
    /// For `underlyings` underlyings (at most 256) and `rows` slots (a multiple of 64, at most 2^20).
    pub fn new(underlyings: usize, rows: usize) -> Self {
        let blocks = rows / SLOT_BLOCK as usize;
        Self {
            spec0: Ram::new(rows),
            spec1: Ram::new(rows),
            weights0: Ram::new(rows),
            weights1: Ram::new(rows),
            quantities: Ram::new(rows),
            written0: Ram::new(blocks),
            written1: Ram::new(blocks),
            state0: LookUp::wrapping(underlyings),
            state1: LookUp::wrapping(underlyings),
            view: LookUp::wrapping(2 * underlyings),
            other_view: LookUp::wrapping(2 * underlyings),
            op_clear: Constant::new(U::new(CLEAR.into())),
            op_open: Constant::new(U::new(OPEN.into())),
            op_write: Constant::new(U::new(WRITE.into())),
            op_trade: Constant::new(U::new(TRADE.into())),
            closed: Constant::new(U::new(STAGE_CLOSED.into())),
            open: Constant::new(U::new(STAGE_OPEN.into())),
            active: Constant::new(U::new(STAGE_ACTIVE.into())),
            at_row: Constant::new(U::new((READ - 1) as u128)),
            at_feed: Constant::new(U::new((READ + 3) as u128)),
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
            one_word: Constant::new(U::new(1)),
            one_place: Constant::new(U::new(1)),
            slot_mask: Constant::new(U::new(rows.next_power_of_two() as u128 - 1)),
            whole_bytes: Constant::new(U::new(0b11_1000)),
            unit: Constant::new(U::new(UNIT as u128)),
            no_lots: Constant::new(U::new(0)),
            no_weights: Constant::new(Weights::default()),
            nothing: Constant::new(BankState::default()),
            call: Constant::new(U::new(code::CALL.into())),
            put_kind: Constant::new(U::new(code::PUT.into())),
            a_max: Constant::new(U::new(A_MAX.into())),
            value_range: Constant::new(U::new(Reason::ValueRange as u128)),
            bank_closed: Constant::new(U::new(Reason::BankClosed as u128)),
            clock: Signal::default(),
            reset: Signal::default(),
            start: Signal::default(),
            op: Signal::default(),
            underlying: Signal::default(),
            bank: Signal::default(),
            first: Signal::default(),
            count: Signal::default(),
            slot: Signal::default(),
            words: Signal::default(),
            quantity: Signal::default(),
            done: Signal::default(),
            reason: Signal::default(),
            is_shaped: Signal::default(),
            shape: Signal::default(),
            holds: Signal::default(),
            old_quantity: Signal::default(),
            changed0: Signal::default(),
            changed1: Signal::default(),
            fits0: Signal::default(),
            fits1: Signal::default(),
            change0: Signal::default(),
            change1: Signal::default(),
            row_write: Signal::default(),
            row_bank: Signal::default(),
            row_slot: Signal::default(),
            row: Signal::default(),
            state_address: Signal::default(),
            other_address: Signal::default(),
            state: Signal::default(),
            other_state: Signal::default(),
            at: DFF::default(),
            steps: DFF::default(),
            op_now: DFF::default(),
            is_write: DFF::default(),
            is_trade: DFF::default(),
            underlying_now: DFF::default(),
            bank_now: DFF::default(),
            slot_now: DFF::default(),
            quantity_now: DFF::default(),
            read: ReadRow::default(),
            spec_now: DFF::default(),
            spec_ok: DFF::default(),
            lead: DFF::default(),
            row_bank_now: DFF::default(),
            row_spec: DFF::default(),
            row_weights: DFF::default(),
            word0_held: DFF::default(),
            word1_held: DFF::default(),
            byte0: DFF::default(),
            byte1: DFF::default(),
            state0_held: DFF::default(),
            state1_held: DFF::default(),
            held0: DFF::default(),
            held1: DFF::default(),
            left: DFF::default(),
            stride: DFF::default(),
            lots: DFF::default(),
            feed_delta: DFF::default(),
            feed_gamma: DFF::default(),
            feed_vega: DFF::default(),
            feed_bank: DFF::default(),
            feed_kind: DFF::default(),
            feed_old_kind: DFF::default(),
            weigh: Weigh::default(),
            kept_bank: DFF::default(),
            kept_spec: DFF::default(),
            kept_old_saturated: DFF::default(),
            kept_new_saturated: DFF::default(),
            kept_weights: DFF::default(),
            result_vega: DFF::default(),
            result_gamma: DFF::default(),
            result_delta: DFF::default(),
            all_fit: DFF::default(),
            is_over: DFF::default(),
            fits_next: Signal::default(),
            old_share: Share::default(),
            old_word: DFF::default(),
            old_carry: DFF::default(),
            old_counts: DFF::default(),
            old_is_linear: DFF::default(),
            old_bank: DFF::default(),
            old_group: DFF::default(),
            old_inverse: DFF::default(),
            old_linear: DFF::default(),
            take_out: AddCarry::default(),
            without_inverse: DFF::default(),
            without_linear: DFF::default(),
            new_share: Share::default(),
            new_word: DFF::default(),
            new_carry: DFF::default(),
            new_counts: DFF::default(),
            new_group: DFF::default(),
            put_in: AddCarry::default(),
            with_inverse: DFF::default(),
            with_linear: DFF::default(),
            commits: DFF::default(),
            ends: DFF::default(),
            puts: DFF::default(),
            puts0: DFF::default(),
            puts1: DFF::default(),
            writes0: DFF::default(),
            writes1: DFF::default(),
            answers0: DFF::default(),
            answers1: DFF::default(),
            state_bank: DFF::default(),
            saturated_less: DFF::default(),
            saturated: DFF::default(),
            written_more: DFF::default(),
            position_bit: DFF::default(),
            shaped: DFF::default(),
            delta_same: DFF::default(),
            gamma_same: DFF::default(),
            vega_same: DFF::default(),
            kept_nothing: DFF::default(),
            done_now: DFF::default(),
            reason_now: DFF::default(),
            quantity_before: DFF::default(),
            out_changed0: DFF::default(),
            out_changed1: DFF::default(),
            out_fits0: DFF::default(),
            out_fits1: DFF::default(),
            out_change0: DFF::default(),
            out_change1: DFF::default(),
            out_write: DFF::default(),
            out_bank: DFF::default(),
            out_slot: DFF::default(),
            out_row: DFF::default(),
            write_state: DFF::default(),
            write_state0: DFF::default(),
            write_state1: DFF::default(),
            write_place: DFF::default(),
            written_state: DFF::default(),
            seen: DFF::default(),
            other_seen: DFF::default(),
            read_block: Signal::default(),
            slot_value: Signal::default(),
            step_first: Signal::default(),
            step_feed: Signal::default(),
            step_commit: Signal::default(),
            step_old: Signal::default(),
            step_last: Signal::default(),
            load_old: Signal::default(),
            old_linear_source: Signal::default(),
            old_inverse_source: Signal::default(),
            old_held: Signal::default(),
            inverse: Signal::default(),
            linear: Signal::default(),
            fetch_state: Signal::default(),
            fetch_new: Signal::default(),
            load_feed: Signal::default(),
            load_kept: Signal::default(),
            position: Signal::default(),
            word0: Signal::default(),
            word1: Signal::default(),
            word: Signal::default(),
            bytes: Signal::default(),
            shifted0: Signal::default(),
            shifted1: Signal::default(),
            in_byte: Signal::default(),
            other_held: Signal::default(),
            feed_held: Signal::default(),
            kept_held: Signal::default(),
            target_stage: Signal::default(),
            lots_source: Signal::default(),
            refused: Signal::default(),
            commit: Signal::default(),
            put: Signal::default(),
            answer: Signal::default(),
            result: Signal::default(),
            new_delta: Signal::default(),
            new_gamma: Signal::default(),
            new_vega: Signal::default(),
            delta_signed: Signal::default(),
            gamma_signed: Signal::default(),
            vega_signed: Signal::default(),
            delta_wide: Signal::default(),
            gamma_wide: Signal::default(),
            vega_wide: Signal::default(),
            delta_change: Signal::default(),
            gamma_change: Signal::default(),
            vega_change: Signal::default(),
            old_delta: Signal::default(),
            old_gamma: Signal::default(),
            old_vega: Signal::default(),
            new_weights: Signal::default(),
            new_row: Signal::default(),
            change: Signal::default(),
            differs: Signal::default(),
            kept_kind: Signal::default(),
            kept_linear: Signal::default(),
            kept_a: Signal::default(),
            kept_state: Signal::default(),
            state_old: Signal::default(),
            state_new: Signal::default(),
            state_write: Signal::default(),
            underlying_wide: Signal::default(),
            state_place: Signal::default(),
            slot_stride: Signal::default(),
        }
    }
}

impl Logic for Bank {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, spec0, spec1, weights0, weights1, quantities, written0, written1);
        clock!(self, clock, state0, state1, view, other_view, weigh, read, spec_ok);
        dff_setup!(
            self,
            clock,
            at,
            op_now,
            is_write,
            is_trade,
            underlying_now,
            bank_now,
            slot_now,
            quantity_now,
            spec_now
        );
        dff_setup!(self, clock, lead, held0, held1, left, stride, lots, feed_bank, feed_kind, feed_old_kind);
        dff_setup!(self, clock, kept_bank, kept_spec, kept_old_saturated, kept_weights);
        dff_setup!(self, clock, old_word, old_carry, old_counts, old_is_linear, old_bank);
        dff_setup!(self, clock, old_group, old_inverse, old_linear);
        dff_setup!(self, clock, reason_now, quantity_before, out_changed0, out_changed1, out_fits0, out_fits1);
        dff_setup!(self, clock, out_change0, out_change1, out_bank, out_slot, out_row);
        clock!(
            self,
            clock,
            feed_delta,
            feed_gamma,
            feed_vega,
            result_vega,
            result_gamma,
            result_delta,
            all_fit,
            is_over
        );
        clock!(self, clock, without_inverse, without_linear, with_inverse, with_linear);
        clock!(self, clock, new_word, new_carry, new_counts, new_group, kept_new_saturated);
        clock!(self, clock, commits, ends, puts, puts0, puts1, writes0, writes1, answers0, answers1);
        clock!(self, clock, steps, row_bank_now, row_spec, row_weights, byte0, byte1, done_now, out_write);
        clock!(self, clock, word0_held, word1_held, state0_held, state1_held);
        clock!(self, clock, state_bank, saturated_less, saturated, written_more, position_bit);
        clock!(self, clock, delta_same, gamma_same, vega_same, kept_nothing, shaped);
        clock!(self, clock, write_state, write_state0, write_state1, write_place, written_state, seen, other_seen);

        // Where the memories are read.
        self.slot_value.next = self.slot_now.q.val();
        self.read_block.next = self.slot_value.val().get_bits::<14>(6);
        self.spec0.read_address.next = self.slot_now.q.val();
        self.spec1.read_address.next = self.slot_now.q.val();
        self.weights0.read_address.next = self.slot_now.q.val();
        self.weights1.read_address.next = self.slot_now.q.val();
        self.quantities.read_address.next = self.slot_now.q.val();
        self.written0.read_address.next = self.read_block.val();
        self.written1.read_address.next = self.read_block.val();
        self.state0.read_address.next = self.underlying_now.q.val();
        self.state1.read_address.next = self.underlying_now.q.val();
        self.state0_held.d.next = self.state0.q.val();
        self.state1_held.d.next = self.state1.q.val();
        self.word0_held.d.next = self.written0.q.val();
        self.word1_held.d.next = self.written1.q.val();
        self.view.read_address.next = self.state_address.val();
        self.seen.d.next = self.view.q.val();
        self.state.next = self.seen.q.val();
        self.other_view.read_address.next = self.other_address.val();
        self.other_seen.d.next = self.other_view.q.val();
        self.other_state.next = self.other_seen.q.val();
        // Words stay while a row is written: the verdict on them may come later.
        self.read.words.next = self.words.val();
        self.spec_ok.d.next = self.read.ok.val();

        self.steps.d.next = self.steps.q.val() << self.one_step.val();
        self.step_first.next = self.steps.q.val().get_bit(self.at_first.val().index());
        self.step_feed.next = self.steps.q.val().get_bit(self.at_feed.val().index());
        self.step_commit.next = self.steps.q.val().get_bit(self.at_commit.val().index());
        self.step_old.next = self.steps.q.val().get_bit(self.before_commit.val().index());
        self.step_last.next = self.steps.q.val().get_bit(self.before_other.val().index());

        // The row of the first bank before the first step, then that of the other.
        self.load_feed.next = self.step_first.val() | self.step_feed.val();
        self.load_kept.next = self.step_first.val() | self.step_commit.val();
        self.row_bank_now.d.next = self.lead.q.val() ^ !self.steps.q.val().get_bit(self.at_row.val().index());
        self.row_spec.d.next = self.spec0.q.val();
        self.row_weights.d.next = self.weights0.q.val();
        if self.row_bank_now.d.val() {
            self.row_spec.d.next = self.spec1.q.val();
            self.row_weights.d.next = self.weights1.q.val();
        }
        self.fetch_state.next = self.state0_held.q.val();
        if self.row_bank_now.q.val() {
            self.fetch_state.next = self.state1_held.q.val();
        }
        self.fetch_new.next = self.row_spec.q.val();
        if self.is_write.q.val() {
            self.fetch_new.next = self.spec_now.q.val();
        }

        // Operands.
        self.feed_delta.d.next = self.feed_gamma.q.val();
        self.feed_gamma.d.next = self.feed_vega.q.val();
        self.feed_vega.d.next = self.feed_vega.q.val();
        if self.load_feed.val() {
            self.feed_bank.d.next = self.row_bank_now.q.val();
            self.feed_kind.d.next = self.fetch_new.val().kind;
            self.feed_old_kind.d.next = self.row_spec.q.val().kind;
            self.feed_delta.d.next.omega = self.fetch_new.val().omega_delta;
            self.feed_delta.d.next.shift = self.fetch_new.val().shift_delta;
            self.feed_delta.d.next.old = self.row_weights.q.val().delta;
            self.feed_delta.d.next.gross = self.fetch_state.val().gross_delta;
            self.feed_gamma.d.next.omega = self.fetch_new.val().omega_gamma;
            self.feed_gamma.d.next.shift = self.fetch_new.val().shift_gamma;
            self.feed_gamma.d.next.old = self.row_weights.q.val().gamma;
            self.feed_gamma.d.next.gross = self.fetch_state.val().gross_gamma;
            self.feed_vega.d.next.omega = self.fetch_new.val().omega_vega;
            self.feed_vega.d.next.shift = self.fetch_new.val().shift_vega;
            self.feed_vega.d.next.old = self.row_weights.q.val().vega;
            self.feed_vega.d.next.gross = self.fetch_state.val().gross_vega;
        }
        self.feed_held.next = self.held0.q.val();
        if self.feed_bank.q.val() {
            self.feed_held.next = self.held1.q.val();
        }
        self.weigh.quantity.next = self.lots.q.val();
        self.weigh.omega.next = self.feed_delta.q.val().omega;
        self.weigh.shift.next = self.feed_delta.q.val().shift;
        self.weigh.kind.next = self.feed_kind.q.val();
        self.weigh.gross.next = self.feed_delta.q.val().gross;
        self.weigh.old.next = self.feed_delta.q.val().old;
        self.weigh.has_old.next = self.feed_held.val();
        self.weigh.old_kind.next = self.feed_old_kind.q.val();

        // The weights as they come: delta, gamma, vega.
        self.result.next.weight = self.weigh.weight.val();
        self.result.next.rest = self.weigh.rest.val();
        self.result.next.sum = self.weigh.sum.val();
        self.result.next.fits = self.weigh.fits.val();
        self.result_vega.d.next = self.result.val();
        self.result_gamma.d.next = self.result_vega.q.val();
        self.result_delta.d.next = self.result_gamma.q.val();

        // What is written: the row's old share out of the state, its new one in.
        self.kept_held.next = self.held0.q.val();
        self.other_held.next = self.held1.q.val();
        if self.kept_bank.q.val() {
            self.kept_held.next = self.held1.q.val();
            self.other_held.next = self.held0.q.val();
        }
        self.kept_kind.next = self.kept_spec.q.val().kind;
        self.kept_linear.next = self.kept_spec.q.val().linear;
        self.kept_a.next = self.kept_spec.q.val().a;

        self.state_bank.d.next = self.kept_bank.q.val();
        if self.at.q.val() == State::Sweeping {
            self.state_bank.d.next = self.bank_now.q.val();
            if self.op_now.q.val() == self.op_clear.val() {
                // The two banks in turn.
                self.state_bank.d.next = self.slot_value.val().get_bit(0);
            }
        } else if self.at.q.val() == State::Idle {
            // OPEN may sweep for one cycle only.
            self.state_bank.d.next = self.bank.val();
        } else if self.at.q.val() == State::Swapping {
            self.state_bank.d.next = self.bank_now.q.val() ^ self.steps.q.val().get_bit(self.at_open.val().index());
        }
        self.state_old.next = self.state0_held.q.val();
        if self.state_bank.q.val() {
            self.state_old.next = self.state1_held.q.val();
        }
        self.kept_state.next = self.state0_held.q.val();
        if self.kept_bank.q.val() {
            self.kept_state.next = self.state1_held.q.val();
        }

        // The constants without the old share, from when the row is read; the other bank's just before its turn.
        self.load_old.next = self.step_first.val() | self.step_old.val();
        self.old_share.kind.next = self.row_spec.q.val().kind;
        self.old_share.weight.next = self.row_weights.q.val().delta;
        self.old_share.take_out.next = true;
        self.old_inverse_source.next = self.fetch_state.val().constant_inverse;
        self.old_linear_source.next = self.fetch_state.val().constant_linear;
        if self.load_old.val() {
            self.old_word.d.next = self.old_share.word.val();
            self.old_carry.d.next = self.old_share.carry.val();
            self.old_counts.d.next = self.old_share.counts.val();
            self.old_is_linear.d.next = self.row_spec.q.val().linear;
            self.old_bank.d.next = self.row_bank_now.q.val();
            self.old_inverse.d.next = self.old_inverse_source.val().get_bits::<BITS>(28);
            self.old_linear.d.next = self.old_linear_source.val().get_bits::<BITS>(28);
            self.old_group.d.next = self.old_inverse_source.val().get_bits::<BITS>(28);
            if self.row_spec.q.val().linear {
                self.old_group.d.next = self.old_linear_source.val().get_bits::<BITS>(28);
            }
        }
        self.old_held.next = self.held0.q.val();
        if self.old_bank.q.val() {
            self.old_held.next = self.held1.q.val();
        }
        self.take_out.a.next = signed_cast_same(self.old_group.q.val());
        self.take_out.b.next = self.old_word.q.val();
        self.take_out.carry.next = self.old_carry.q.val();
        self.without_inverse.d.next = self.old_inverse.q.val();
        self.without_linear.d.next = self.old_linear.q.val();
        if self.old_held.val() & self.old_counts.q.val() {
            if self.old_is_linear.q.val() {
                self.without_linear.d.next = unsigned_cast_same(self.take_out.y.val());
            } else {
                self.without_inverse.d.next = unsigned_cast_same(self.take_out.y.val());
            }
        }

        // The same with the new share, which is the first of the three weights.
        self.new_share.kind.next = self.kept_kind.val();
        self.new_share.weight.next = self.result_vega.q.val().weight;
        self.new_share.take_out.next = false;
        self.new_word.d.next = self.new_share.word.val();
        self.new_carry.d.next = self.new_share.carry.val();
        self.new_counts.d.next = self.new_share.counts.val();
        self.new_group.d.next = self.without_inverse.q.val();
        if self.kept_linear.val() {
            self.new_group.d.next = self.without_linear.q.val();
        }
        self.put_in.a.next = signed_cast_same(self.new_group.q.val());
        self.put_in.b.next = self.new_word.q.val();
        self.put_in.carry.next = self.new_carry.q.val();
        self.with_inverse.d.next = self.without_inverse.q.val();
        self.with_linear.d.next = self.without_linear.q.val();
        if self.new_counts.q.val() {
            if self.kept_linear.val() {
                self.with_linear.d.next = unsigned_cast_same(self.put_in.y.val());
            } else {
                self.with_inverse.d.next = unsigned_cast_same(self.put_in.y.val());
            }
        }

        self.fits_next.next = self.result.val().fits & self.result_vega.q.val().fits & self.result_gamma.q.val().fits;
        self.all_fit.d.next = self.fits_next.val();
        self.is_over.d.next = !self.fits_next.val();
        self.new_delta.next = bits_lit::<32>(0);
        self.new_gamma.next = bits_lit::<32>(0);
        self.new_vega.next = bits_lit::<32>(0);
        if self.all_fit.q.val() {
            self.new_delta.next = self.result_delta.q.val().weight;
            self.new_gamma.next = self.result_gamma.q.val().weight;
            self.new_vega.next = self.result_vega.q.val().weight;
        }
        self.new_weights.next.delta = self.new_delta.val();
        self.new_weights.next.gamma = self.new_gamma.val();
        self.new_weights.next.vega = self.new_vega.val();
        // Compared a cycle ahead.
        self.delta_same.d.next = self.result_gamma.q.val().weight == self.kept_weights.q.val().delta;
        self.gamma_same.d.next = self.result_vega.q.val().weight == self.kept_weights.q.val().gamma;
        self.vega_same.d.next = self.result.val().weight == self.kept_weights.q.val().vega;
        self.kept_nothing.d.next = self.kept_weights.q.val() == self.no_weights.val();
        self.differs.next = !(self.delta_same.q.val() & self.gamma_same.q.val() & self.vega_same.q.val());
        if !self.all_fit.q.val() {
            self.differs.next = !self.kept_nothing.q.val();
        }

        self.delta_signed.next = signed_cast_same(self.new_delta.val());
        self.gamma_signed.next = signed_cast_same(self.new_gamma.val());
        self.vega_signed.next = signed_cast_same(self.new_vega.val());
        self.old_delta.next = signed_cast_same(self.kept_weights.q.val().delta);
        self.old_gamma.next = signed_cast_same(self.kept_weights.q.val().gamma);
        self.old_vega.next = signed_cast_same(self.kept_weights.q.val().vega);
        self.new_row.next.kind = self.kept_kind.val();
        self.new_row.next.linear = self.kept_linear.val();
        self.new_row.next.a = self.kept_a.val();
        self.new_row.next.b = self.kept_spec.q.val().b;
        self.delta_wide.next = signed_cast_wide(self.delta_signed.val());
        self.gamma_wide.next = signed_cast_wide(self.gamma_signed.val());
        self.vega_wide.next = signed_cast_wide(self.vega_signed.val());
        self.new_row.next.delta = unsigned_cast_same(self.delta_wide.val());
        self.new_row.next.gamma = unsigned_cast_same(self.gamma_wide.val());
        self.new_row.next.vega = unsigned_cast_same(self.vega_wide.val());
        self.change.next = self.new_row.val();
        self.delta_change.next =
            signed_cast_wide::<33, 32>(self.delta_signed.val()) - signed_cast_wide::<33, 32>(self.old_delta.val());
        self.gamma_change.next =
            signed_cast_wide::<33, 32>(self.gamma_signed.val()) - signed_cast_wide::<33, 32>(self.old_gamma.val());
        self.vega_change.next =
            signed_cast_wide::<33, 32>(self.vega_signed.val()) - signed_cast_wide::<33, 32>(self.old_vega.val());
        self.change.next.delta = unsigned_cast_same(self.delta_change.val());
        self.change.next.gamma = unsigned_cast_same(self.gamma_change.val());
        self.change.next.vega = unsigned_cast_same(self.vega_change.val());

        self.kept_new_saturated.d.next = (self.kept_a.val() == self.a_max.val())
            & ((self.kept_kind.val() == self.call.val()) | (self.kept_kind.val() == self.put_kind.val()));
        self.saturated_less.d.next = self.kept_state.val().saturated;
        if self.kept_held.val() & self.kept_old_saturated.q.val() {
            self.saturated_less.d.next = self.kept_state.val().saturated - self.one_slot.val();
        }
        self.saturated.d.next = self.saturated_less.q.val();
        if self.kept_new_saturated.q.val() {
            self.saturated.d.next = self.saturated_less.q.val() + self.one_slot.val();
        }
        self.written_more.d.next = self.kept_state.val().written + self.one_slot.val();

        // Commit: once per bank.
        self.commit.next = (self.at.q.val() == State::Weighing) & (self.step_old.val() | self.step_last.val());
        self.put.next = self.commit.val() & (self.is_write.q.val() | self.kept_held.val());
        self.answer.next = self.commit.val() & self.is_trade.q.val() & self.kept_held.val();
        self.commits.d.next = self.commit.val();
        self.ends.d.next = self.commit.val() & (self.step_last.val() | self.is_write.q.val() | !self.other_held.val());
        self.puts.d.next = self.put.val();
        self.puts0.d.next = self.put.val() & !self.kept_bank.q.val();
        self.puts1.d.next = self.put.val() & self.kept_bank.q.val();
        self.writes0.d.next = self.put.val() & self.is_write.q.val() & !self.kept_bank.q.val();
        self.writes1.d.next = self.put.val() & self.is_write.q.val() & self.kept_bank.q.val();
        self.answers0.d.next = self.answer.val() & !self.kept_bank.q.val();
        self.answers1.d.next = self.answer.val() & self.kept_bank.q.val();

        self.inverse.next = unsigned_cast_wide(self.without_inverse.q.val());
        self.linear.next = unsigned_cast_wide(self.without_linear.q.val());
        self.state_new.next = self.nothing.val();
        self.state_write.next = self.puts.q.val();
        if self.at.q.val() == State::Sweeping {
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
            self.state_new.next.saturated = self.saturated.q.val();
            if !self.kept_held.val() {
                self.state_new.next.written = self.written_more.q.val();
            }
            if !self.is_over.q.val() {
                self.inverse.next = unsigned_cast_wide(self.with_inverse.q.val());
                self.linear.next = unsigned_cast_wide(self.with_linear.q.val());
                self.state_new.next.gross_delta = self.result_delta.q.val().sum;
                self.state_new.next.gross_gamma = self.result_gamma.q.val().sum;
                self.state_new.next.gross_vega = self.result_vega.q.val().sum;
            } else {
                self.state_new.next.out_of_range = true;
                self.state_new.next.gross_delta = self.result_delta.q.val().rest;
                self.state_new.next.gross_gamma = self.result_gamma.q.val().rest;
                self.state_new.next.gross_vega = self.result_vega.q.val().rest;
            }
            self.state_new.next.constant_inverse = self.inverse.val() << self.unit.val();
            self.state_new.next.constant_linear = self.linear.val() << self.unit.val();
        }
        self.underlying_wide.next = unsigned_cast_wide(self.underlying_now.q.val());
        self.state_place.next = self.underlying_wide.val() + self.underlying_wide.val();
        if self.state_bank.q.val() {
            self.state_place.next = self.underlying_wide.val() + self.underlying_wide.val() + self.one_place.val();
        }
        self.write_state.d.next = self.state_write.val();
        self.write_state0.d.next = self.state_write.val() & !self.state_bank.q.val();
        self.write_state1.d.next = self.state_write.val() & self.state_bank.q.val();
        self.write_place.d.next = self.state_place.val();
        self.written_state.d.next = self.state_new.val();
        self.state0.write.next = self.write_state0.q.val();
        self.state0.write_address.next = self.underlying_now.q.val();
        self.state0.write_data.next = self.written_state.q.val();
        self.state1.write.next = self.write_state1.q.val();
        self.state1.write_address.next = self.underlying_now.q.val();
        self.state1.write_data.next = self.written_state.q.val();
        self.view.write.next = self.write_state.q.val();
        self.view.write_address.next = self.write_place.q.val();
        self.view.write_data.next = self.written_state.q.val();
        self.other_view.write.next = self.write_state.q.val();
        self.other_view.write_address.next = self.write_place.q.val();
        self.other_view.write_data.next = self.written_state.q.val();

        self.spec0.write.next = self.writes0.q.val();
        self.spec0.write_address.next = self.slot_now.q.val();
        self.spec0.write_data.next = self.kept_spec.q.val();
        self.spec1.write.next = self.writes1.q.val();
        self.spec1.write_address.next = self.slot_now.q.val();
        self.spec1.write_data.next = self.kept_spec.q.val();
        self.weights0.write.next = self.puts0.q.val();
        self.weights0.write_address.next = self.slot_now.q.val();
        self.weights0.write_data.next = self.new_weights.val();
        self.weights1.write.next = self.puts1.q.val();
        self.weights1.write_address.next = self.slot_now.q.val();
        self.weights1.write_data.next = self.new_weights.val();

        // The bits of written slots: one set by a write, a word cleared in a sweep.
        self.position.next = self.slot_value.val().get_bits::<6>(0);
        self.position_bit.d.next = self.one_word.val() << self.position.val();
        self.word0.next = self.word0_held.q.val();
        self.word1.next = self.word1_held.q.val();
        self.bytes.next = self.position.val() & self.whole_bytes.val();
        self.shifted0.next = self.written0.q.val() >> self.bytes.val();
        self.shifted1.next = self.written1.q.val() >> self.bytes.val();
        self.byte0.d.next = self.shifted0.val().get_bits::<8>(0);
        self.byte1.d.next = self.shifted1.val().get_bits::<8>(0);
        self.in_byte.next = self.slot_value.val().get_bits::<3>(0);
        self.word.next = self.word0.val() | self.position_bit.q.val();
        if self.kept_bank.q.val() {
            self.word.next = self.word1.val() | self.position_bit.q.val();
        }
        self.written0.write.next = self.writes0.q.val();
        self.written1.write.next = self.writes1.q.val();
        if self.at.q.val() == State::Sweeping {
            self.word.next = bits_lit::<64>(0);
            self.written0.write.next = (self.op_now.q.val() == self.op_clear.val()) | !self.bank_now.q.val();
            self.written1.write.next = (self.op_now.q.val() == self.op_clear.val()) | self.bank_now.q.val();
        }
        self.written0.write_address.next = self.slot_value.val().get_bits::<14>(6);
        self.written0.write_data.next = self.word.val();
        self.written1.write_address.next = self.slot_value.val().get_bits::<14>(6);
        self.written1.write_data.next = self.word.val();

        self.quantities.write.next = false;
        self.quantities.write_address.next = self.slot_now.q.val();
        self.quantities.write_data.next = self.quantity_now.q.val();

        self.done_now.d.next = false;
        self.out_write.d.next = false;
        if self.commits.q.val() {
            self.out_write.d.next = self.puts.q.val();
            self.out_bank.d.next = self.kept_bank.q.val();
            self.out_slot.d.next = self.slot_now.q.val();
            self.out_row.d.next = self.new_row.val();
        }
        if self.answers0.q.val() {
            self.out_changed0.d.next = self.differs.val();
            self.out_fits0.d.next = self.all_fit.q.val();
            self.out_change0.d.next = self.change.val();
        }
        if self.answers1.q.val() {
            self.out_changed1.d.next = self.differs.val();
            self.out_fits1.d.next = self.all_fit.q.val();
            self.out_change1.d.next = self.change.val();
        }
        if self.load_kept.val() {
            self.kept_bank.d.next = self.row_bank_now.q.val();
            self.kept_spec.d.next = self.fetch_new.val();
            self.kept_old_saturated.d.next = (self.row_spec.q.val().a == self.a_max.val())
                & ((self.row_spec.q.val().kind == self.call.val())
                    | (self.row_spec.q.val().kind == self.put_kind.val()));
            self.kept_weights.d.next = self.row_weights.q.val();
        }

        self.target_stage.next = self.state0_held.q.val().stage;
        if self.bank_now.q.val() {
            self.target_stage.next = self.state1_held.q.val().stage;
        }
        self.refused.next =
            self.is_write.q.val() & (!self.spec_ok.q.val() | (self.target_stage.val() != self.open.val()));
        self.lots_source.next = self.quantity_now.q.val();
        if self.is_write.q.val() {
            self.lots_source.next = self.quantities.q.val();
        }
        self.slot_stride.next = self.stride.q.val().get_bits::<20>(0);

        if self.is_trade.q.val() & self.steps.q.val().get_bit(self.at_state.val().index()) {
            self.lead.d.next = self.state1.q.val().stage == self.active.val();
        }

        match self.at.q.val() {
            State::Weighing => {
                if self.step_first.val() {
                    self.held0.d.next = self.byte0.q.val().get_bit(self.in_byte.val().index())
                        & (self.state0_held.q.val().stage != self.closed.val());
                    self.held1.d.next = self.byte1.q.val().get_bit(self.in_byte.val().index())
                        & (self.state1_held.q.val().stage != self.closed.val());
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
                if self.start.val() {
                    self.steps.d.next = self.first_step.val();
                    self.op_now.d.next = self.op.val();
                    self.is_write.d.next = self.op.val() == self.op_write.val();
                    self.is_trade.d.next = self.op.val() == self.op_trade.val();
                    self.underlying_now.d.next = self.underlying.val();
                    self.bank_now.d.next = self.bank.val();
                    // No slot lies past the memories: they need not look.
                    self.slot_now.d.next = self.slot.val() & self.slot_mask.val();
                    self.quantity_now.d.next = self.quantity.val();
                    self.spec_now.d.next = self.read.spec.val();
                    self.left.d.next = self.count.val();
                    self.stride.d.next = self.one_slot.val();
                    if self.op.val() == self.op_open.val() {
                        self.stride.d.next = self.block.val();
                    }
                    self.reason_now.d.next = bits_lit::<8>(0);
                    self.out_changed0.d.next = false;
                    self.out_changed1.d.next = false;
                    self.out_fits0.d.next = true;
                    self.out_fits1.d.next = true;
                    self.lead.d.next = self.bank.val();
                    self.at.d.next = State::Swapping;
                    if (self.op.val() == self.op_trade.val()) | (self.op.val() == self.op_write.val()) {
                        self.at.d.next = State::Weighing;
                    } else if (self.op.val() == self.op_clear.val()) | (self.op.val() == self.op_open.val()) {
                        self.slot_now.d.next = self.first.val() & self.slot_mask.val();
                        self.at.d.next = State::Sweeping;
                    }
                }
            }
        }
        if self.reset.val() {
            self.at.d.next = State::Idle;
            self.commits.d.next = false;
            self.ends.d.next = false;
            self.puts.d.next = false;
            self.puts0.d.next = false;
            self.puts1.d.next = false;
            self.writes0.d.next = false;
            self.writes1.d.next = false;
            self.answers0.d.next = false;
            self.answers1.d.next = false;
            self.done_now.d.next = false;
            self.out_write.d.next = false;
        }

        self.shaped.d.next = self.step_first.val() & self.is_trade.q.val();
        self.is_shaped.next = self.shaped.q.val();
        self.shape.next = self.new_row.val();
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
        self.row_write.next = self.out_write.q.val();
        self.row_bank.next = self.out_bank.q.val();
        self.row_slot.next = self.out_slot.q.val();
        self.row.next = self.out_row.q.val();
    }
}
