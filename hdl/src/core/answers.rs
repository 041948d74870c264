//! What a slow command is answered with, but for its decision, which the desk words.
//!
//! ```text
//!   state --------------------------> which event
//!   head, underlying, units --------> its fields
//!                       +-----------> coin, span, error: registers, ready before they are said
//! ```
//!
//! | state | event |
//! |---|---|
//! | `Refuse` | refused, with the reason |
//! | `Accept` | accepted |
//! | `SayLedger` | the ledger |
//! | `Swapped` | a bank has taken over |
//! | `TradeFault`, `OrderFault` | a fault; the command's own answer follows |
//! | `Risk` | numbers of a decision |
//!
//! In any other state the fields are nobody's.

use rust_hdl::prelude::*;

use super::record::{Course, EventFields};
use super::sequencer::State;
use crate::engine::{LadderParams, Summary};
use crate::record::{Ledger, Words};
use crate::signal::*;

/// Words the answers of slow commands.
#[derive(LogicBlock)]
pub struct Answers {
    pub clock: Signal<In, Clock>,
    pub state: Signal<In, State>,
    pub course: Signal<In, Course>,
    pub words: Signal<In, Words>,
    /// Zero where there is no such underlying.
    pub bank_id: Signal<In, U<16>>,
    pub ledger: Signal<In, Ledger>,
    /// Signed 63.
    pub cash: Signal<In, U<63>>,
    /// Of the order update.
    pub filled: Signal<In, U<64>>,
    pub fault: Signal<In, U<8>>,
    /// Of the trade; signed 32.
    pub quantity: Signal<In, U<32>>,
    /// The ladder and the bank that are looked at.
    pub params: Signal<In, LadderParams>,
    pub summary: Signal<In, Summary>,
    pub saturated: Signal<In, U<21>>,
    /// The price the head was placed at, and the error of its interval.
    pub price: Signal<In, U<32>>,
    pub interval_error: Signal<In, U<32>>,
    pub delta: Signal<In, U<64>>,
    pub gamma: Signal<In, U<64>>,
    pub vega: Signal<In, U<64>>,
    pub fields: Signal<Out, EventFields>,
    coin: DFF<S<64>>,
    span_steps: DFF<U<32>>,
    span: DFF<U<32>>,
    /// Of the decision that is being made.
    error: DFF<U<32>>,
    word: Signal<Local, U<64>>,
    kind: Signal<Local, U<8>>,
    number: Signal<Local, U<8>>,
    slot: Signal<Local, U<32>>,
    entry: Signal<Local, EventFields>,
    high: Signal<Local, U<64>>,
    low: Signal<Local, U<64>>,
    cash_wide: Signal<Local, S<64>>,
    hedge_wide: Signal<Local, S<64>>,
    position_wide: Signal<Local, S<64>>,
    quantity_signed: Signal<Local, S<32>>,
    quantity_wide: Signal<Local, S<64>>,
    count_wide: Signal<Local, U<32>>,
    filled_value: Signal<Local, U<64>>,
    half_64: Constant<U<6>>,
    most_value: Constant<U<64>>,
}

impl Default for Answers {
    fn default() -> Self {
        with_defaults!({
            half_64: Constant::new(U::new(32)),
            most_value: Constant::new(U::new(i64::MAX as u128)),
        }
            clock state course words bank_id ledger cash filled fault quantity params summary saturated
            price interval_error delta gamma vega fields coin span_steps span error word kind number slot
            entry high low cash_wide hedge_wide position_wide quantity_signed quantity_wide count_wide
            filled_value
        )
    }
}

impl Logic for Answers {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, coin, span_steps, span);
        dff_setup!(self, clock, error);

        self.word.next = self.words.val().w0;
        self.kind.next = self.word.val().get_bits::<8>(0);
        self.number.next = self.word.val().get_bits::<8>(16);
        self.slot.next = self.word.val().get_bits::<32>(32);

        // ---- arithmetic
        self.cash_wide.next = signed_cast_wide(signed_cast_same(self.cash.val()));
        self.hedge_wide.next = signed_cast_wide(signed_cast_same(self.ledger.val().hedge_coin));
        self.coin.d.next = self.cash_wide.val() + self.hedge_wide.val();
        self.position_wide.next = signed_cast_wide(signed_cast_same(self.ledger.val().position));
        self.quantity_signed.next = signed_cast_same(self.quantity.val());
        self.quantity_wide.next = signed_cast_wide(self.quantity_signed.val());
        self.count_wide.next = unsigned_cast_wide(self.params.val().count);
        self.span_steps.d.next = self.count_wide.val() << self.params.val().shift;
        self.span.d.next = self.params.val().low + self.span_steps.q.val();
        self.filled_value.next = self.filled.val();
        if self.filled.val().get_bit(63) {
            self.filled_value.next = self.most_value.val();
        }
        if self.state.val() == State::Issue {
            self.error.d.next = self.interval_error.val();
            if self.course.val().is_exact {
                self.error.d.next = bits_lit::<32>(0);
            }
        }

        // ---- the event
        self.high.next = bits_lit::<64>(0);
        self.low.next = bits_lit::<64>(0);
        self.entry.next.kind = bits_lit::<8>(2);
        self.entry.next.version = bits_lit::<8>(1);
        self.entry.next.underlying = self.number.val();
        self.entry.next.reason = bits_lit::<8>(0);
        self.entry.next.is_urgent = false;
        self.entry.next.is_exact = false;
        self.entry.next.is_last = true;
        self.entry.next.no_flags = bits_lit::<13>(0);
        self.entry.next.bank_id = self.bank_id.val();
        self.entry.next.now_ns = self.words.val().w1;
        self.entry.next.w2 = bits_lit::<64>(0);
        self.entry.next.w3 = bits_lit::<64>(0);
        self.entry.next.w4 = bits_lit::<64>(0);
        self.entry.next.w5 = bits_lit::<64>(0);
        self.entry.next.command_seq = self.words.val().w7;
        match self.state.val() {
            State::Refuse => {
                self.entry.next.reason = self.course.val().reason;
                self.entry.next.w5 = unsigned_cast_wide(self.kind.val());
            }
            State::Accept => {
                self.entry.next.kind = bits_lit::<8>(1);
                self.entry.next.w2 = unsigned_cast_wide(self.kind.val());
            }
            State::Swapped => {
                self.entry.next.kind = bits_lit::<8>(6);
                self.entry.next.w2 = unsigned_cast_wide(self.summary.val().error_bound);
                self.high.next = unsigned_cast_wide(self.saturated.val());
                self.low.next = unsigned_cast_wide(self.summary.val().exact_intervals);
                self.entry.next.w3 = (self.high.val() << self.half_64.val()) | self.low.val();
                self.high.next = unsigned_cast_wide(self.span.q.val());
                self.low.next = unsigned_cast_wide(self.params.val().low);
                self.entry.next.w4 = (self.high.val() << self.half_64.val()) | self.low.val();
            }
            State::TradeFault => {
                self.entry.next.kind = bits_lit::<8>(7);
                self.entry.next.reason = bits_lit::<8>(37);
                self.entry.next.is_last = false;
                self.entry.next.w2 = unsigned_cast_wide(self.slot.val());
                self.entry.next.w3 = unsigned_cast_same(self.quantity_wide.val());
            }
            State::OrderFault => {
                self.entry.next.kind = bits_lit::<8>(7);
                self.entry.next.reason = self.fault.val();
                self.entry.next.is_last = false;
                self.entry.next.w2 = unsigned_cast_wide(self.slot.val());
                self.entry.next.w3 = self.filled_value.val();
            }
            State::SayLedger => {
                self.entry.next.kind = bits_lit::<8>(5);
                self.entry.next.w2 = unsigned_cast_same(self.position_wide.val());
                self.entry.next.w3 = unsigned_cast_same(self.coin.q.val());
                self.high.next = unsigned_cast_wide(self.ledger.val().open_sell);
                self.low.next = unsigned_cast_wide(self.ledger.val().open_buy);
                self.entry.next.w4 = (self.high.val() << self.half_64.val()) | self.low.val();
                self.high.next = unsigned_cast_wide(self.ledger.val().unknown_sell);
                self.low.next = unsigned_cast_wide(self.ledger.val().unknown_buy);
                self.entry.next.w5 = (self.high.val() << self.half_64.val()) | self.low.val();
            }
            State::Risk => {
                self.entry.next.kind = bits_lit::<8>(4);
                self.entry.next.is_exact = self.course.val().is_exact;
                self.entry.next.w2 = self.delta.val();
                self.entry.next.w3 = self.gamma.val();
                self.entry.next.w4 = self.vega.val();
                self.high.next = unsigned_cast_wide(self.error.q.val());
                self.low.next = unsigned_cast_wide(self.price.val());
                self.entry.next.w5 = (self.high.val() << self.half_64.val()) | self.low.val();
            }
            _ => {}
        }
        self.fields.next = self.entry.val();
    }
}
