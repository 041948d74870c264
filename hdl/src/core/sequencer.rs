//! The sequencer: carries out one slow command at a time, while the desk is empty and the front stands still.
//!
//! ```text
//!   Dry -> sweep: Forget .. Cleared, of every underlying -> Again -> Run
//!
//!   Run -> Check -> Dispatch -+-> Set, Control, Booking, Shadow, TradeRows, ... -> Offset -> OffsetWait -+
//!    ^       |                |                                                                         |
//!    |       v                v                                                                         v
//!    +---- Retire <-- Refuse, Accept, SayLedger, Swapped <----------------------------------------------+
//!    |       ^                                                                                          |
//!    |       +---- Risk <- Said <- Issue <- Exact <- Evaluate <- Ask <----- Trade, Time, a slow quote <-+
//!    +---- Again: placed before a quote ahead of it had moved the price
//! ```
//!
//! What it looks at comes in registers: `facts` a cycle or two after the head, what it sees of bank and ladder two
//! cycles after it looks. What it asks for leaves in registers: `requests`, a cycle after it has said so. Its states
//! are where those cycles have passed.
//!
//! Invariants:
//! * events are said in order: none is while a decision is under way;
//! * nothing makes an interval old while a fast quote is at the head: only another head, or one that an exact pass
//!   must answer, leads out of `Run`;
//! * a refused command changes nothing but the sequence numbers; `now` moves with accepted ones only.

use hedgewire_abi::format::ORDER_SLOTS;
use rust_hdl::prelude::*;

use super::record::{Course, Facts, Oks, Requests, Verdict};
use crate::engine::EngineOp;
use crate::signal::*;

/// Cycles after a reset in which every unit runs dry.
const DRY_CYCLES: u128 = 200;

/// What is being done.
#[derive(LogicState, Clone, Copy, Debug, PartialEq)]
pub enum State {
    /// After a reset units run dry, then every underlying is forgotten.
    Dry,
    /// Fast quotes pass; a slow head waits for the desk to empty.
    Run,
    Check,
    /// Whatever was fetched is fetched and placed again.
    Again,
    Dispatch,
    /// The ends of a slow command.
    Refuse,
    Accept,
    Retire,
    /// A decision at the last quote.
    Ask,
    Set,
    Control,
    DisarmAll,
    /// The set-up of the command's underlying is looked up again.
    Disarmed,
    /// `Configure`.
    Meets,
    Forget,
    Forgetting,
    ClearOrders,
    Cleared,
    /// `SetTarget`.
    UnitsFirst,
    UnitsSecond,
    Retarget,
    /// `OpenBank`, `WriteRow`, `Build`, `Swap`; the bank that does not answer is seen.
    Shadow,
    Open,
    OpenBank,
    OpenWait,
    Row,
    Build,
    SwapWait,
    Swap,
    SwapKeep,
    SwapSeen,
    Swapped,
    /// `Trade`.
    TradeRows,
    TradeLedger,
    TradeFault,
    TradeNodes,
    /// `OrderUpdate`, `Reconcile`.
    Booking,
    OrderFault,
    SayLedger,
    /// Coin constant and set-up of the underlying, worked out anew.
    Offset,
    OffsetWait,
    /// The decision of a slow command.
    Evaluate,
    Exact,
    Issue,
    Said,
    Risk,
}

/// The state machine behind the head.
#[derive(LogicBlock)]
pub struct Sequencer {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,

    // ---- what it does
    pub state: Signal<Out, State>,
    /// The next one is `Run`.
    pub will_run: Signal<Out, Bit>,
    pub course: Signal<Out, Course>,
    pub requests: Signal<Out, Requests>,
    /// Of `requests.engine`.
    pub engine_op: Signal<Out, EngineOp>,
    /// The target in units of both banks; of the one that is opened, the first.
    pub first_units: Signal<Out, U<62>>,
    pub second_units: Signal<Out, U<62>>,
    /// In the same cycle: bank, book and risk begin; an event is said.
    pub bank_start: Signal<Out, Bit>,
    pub bank_op: Signal<Out, U<3>>,
    pub book_start: Signal<Out, Bit>,
    pub risk_start: Signal<Out, Bit>,
    pub says: Signal<Out, Bit>,
    /// To the front.
    pub flush: Signal<Out, Bit>,
    pub retires: Signal<Out, Bit>,
    pub is_answered: Signal<Out, Bit>,

    // ---- the head
    pub is_head: Signal<In, Bit>,
    pub is_fast: Signal<In, Bit>,
    pub verdict: Signal<In, Verdict>,
    pub number: Signal<In, U<8>>,
    /// Whose tables are looked at: the head's, or those of `loop_at`.
    pub whose: Signal<In, U<8>>,
    pub kinds: Signal<In, U<64>>,
    pub ok: Signal<In, Oks>,
    pub facts: Signal<In, Facts>,

    // ---- the units
    pub is_calm: Signal<In, Bit>,
    pub has_room: Signal<In, Bit>,
    pub halted: Signal<In, Bit>,
    pub engine_done: Signal<In, Bit>,
    pub engine_ok: Signal<In, Bit>,
    /// Nodes still lack the trade before, and look at what the bank has said of it.
    pub engine_behind: Signal<In, Bit>,
    /// The engine has the interval at the last quote, and it answers.
    pub has_answer: Signal<In, Bit>,
    pub bank_done: Signal<In, Bit>,
    pub bank_reason: Signal<In, U<8>>,
    pub offset_done: Signal<In, Bit>,
    pub target_units: Signal<In, U<62>>,
    pub book_done: Signal<In, Bit>,
    pub refusal: Signal<In, U<8>>,
    pub book_faults: Signal<In, Bit>,
    pub writes_order: Signal<In, Bit>,
    pub said: Signal<In, Bit>,
    pub risk_done: Signal<In, Bit>,

    // ---- registers
    at: DFF<State>,
    work: DFF<Course>,
    asks: DFF<Requests>,
    op: DFF<EngineOp>,
    first: DFF<U<62>>,
    second: DFF<U<62>>,
    /// Cycles spent in a state that waits for what it looks at.
    waited: DFF<U<3>>,
    dry: DFF<U<8>>,
    is_asked: DFF<Bit>,
    engine_pending: DFF<Bit>,
    bank_pending: DFF<Bit>,
    /// The nodes are to take a trade as soon as the engine has halted.
    is_owed: DFF<Bit>,
    /// The engine has halted, a cycle late: where the bank begins with it.
    has_halted: DFF<Bit>,
    is_own_loop: DFF<Bit>,
    is_last_loop: DFF<Bit>,

    /// A head is there that only leads out of `Run`.
    leaves: Signal<Local, Bit>,

    // ---- constants
    one_8: Constant<U<8>>,
    one_3: Constant<U<3>>,
    one_4: Constant<U<4>>,
    one_32: Constant<U<32>>,
    last_order: Constant<U<4>>,
    last_underlying: Constant<U<8>>,
    dry_cycles: Constant<U<8>>,
    no_requests: Constant<Requests>,
}

impl Sequencer {
    /// A sequencer for so many underlyings.
    pub fn new(underlyings: usize) -> Self {
        with_defaults!({
            one_8: Constant::new(U::new(1)),
            one_3: Constant::new(U::new(1)),
            one_4: Constant::new(U::new(1)),
            one_32: Constant::new(U::new(1)),
            last_order: Constant::new(U::new(ORDER_SLOTS as u128 - 1)),
            last_underlying: Constant::new(U::new(underlyings as u128 - 1)),
            dry_cycles: Constant::new(U::new(DRY_CYCLES)),
            no_requests: Constant::new(Requests::default()),
        }
            clock reset state will_run leaves course requests engine_op first_units second_units bank_start bank_op
            book_start risk_start says flush retires is_answered is_head is_fast verdict number whose kinds
            ok facts is_calm has_room halted engine_done engine_ok engine_behind has_answer bank_done
            bank_reason offset_done target_units book_done refusal book_faults writes_order said risk_done
            at work asks op first second waited dry is_asked engine_pending bank_pending is_owed has_halted
            is_own_loop is_last_loop
        )
    }
}

impl Logic for Sequencer {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, asks, op, waited, has_halted, is_own_loop, is_last_loop);
        dff_setup!(self, clock, at, work, first, second, dry, is_asked, engine_pending, bank_pending, is_owed);

        self.state.next = self.at.q.val();
        self.course.next = self.work.q.val();
        self.requests.next = self.asks.q.val();
        self.engine_op.next = self.op.q.val();
        self.first_units.next = self.first.q.val();
        self.second_units.next = self.second.q.val();
        self.bank_start.next = false;
        self.bank_op.next = bits_lit::<3>(0);
        self.book_start.next = false;
        self.risk_start.next = false;
        self.says.next = false;
        self.flush.next = false;
        self.retires.next = false;
        self.is_answered.next = false;

        self.asks.d.next = self.no_requests.val();
        self.op.d.next = EngineOp::Configure;
        self.waited.d.next = bits_lit::<3>(0);
        self.has_halted.d.next = self.halted.val();
        self.is_own_loop.d.next = self.work.q.val().loop_at == self.number.val();
        self.is_last_loop.d.next = self.work.q.val().loop_at == self.last_underlying.val();
        if self.engine_done.val() {
            self.engine_pending.d.next = false;
        }
        if self.bank_done.val() {
            self.bank_pending.d.next = false;
        }
        if self.is_owed.q.val() & self.halted.val() {
            self.op.d.next = EngineOp::Trade;
            self.asks.d.next.engine = true;
            self.engine_pending.d.next = true;
            self.is_owed.d.next = false;
        }

        // Fast quotes go by themselves; one whose interval is not there waits for it.
        self.leaves.next = self.is_head.val()
            & (!self.is_fast.val() | (self.verdict.val().is_usable & self.verdict.val().is_exact))
            & self.is_calm.val()
            & !self.verdict.val().is_doubtful
            & self.has_room.val();
        self.will_run.next = !self.reset.val()
            & ((self.at.q.val() == State::Retire)
                | (self.at.q.val() == State::Again)
                | ((self.at.q.val() == State::Run) & !self.leaves.val()));

        match self.at.q.val() {
            State::Dry => {
                self.dry.d.next = self.dry.q.val() + self.one_8.val();
                if self.dry.q.val() == self.dry_cycles.val() {
                    self.work.d.next.is_sweep = true;
                    self.work.d.next.is_halting = true;
                    self.work.d.next.loop_at = bits_lit::<8>(0);
                    self.at.d.next = State::Forget;
                }
            }
            State::Run => {
                self.asks.d.next.wanted = self.is_head.val() & self.is_fast.val() & !self.verdict.val().is_usable;
                if self.leaves.val() {
                    self.at.d.next = State::Check;
                }
            }
            State::Check => {
                self.work.d.next.moves_now = false;
                self.work.d.next.moves_seq = false;
                self.work.d.next.is_exact = false;
                self.work.d.next.is_halting = false;
                self.at.d.next = State::Refuse;
                if !self.facts.val().is_current {
                    self.work.d.next.reason = bits_lit::<8>(128);
                } else if !self.verdict.val().is_next {
                    self.work.d.next.reason = bits_lit::<8>(131);
                } else {
                    self.work.d.next.moves_seq = true;
                    if !self.verdict.val().is_timely {
                        self.work.d.next.reason = bits_lit::<8>(133);
                    } else if self.kinds.val().get_bit(32) & self.facts.val().is_known {
                        if self.verdict.val().is_stray {
                            self.work.d.next.reason = bits_lit::<8>(130);
                        } else if self.verdict.val().reason != bits_lit::<8>(0) {
                            self.work.d.next.reason = self.verdict.val().reason;
                        } else if !self.verdict.val().is_newer {
                            self.work.d.next.reason = bits_lit::<8>(141);
                        } else {
                            self.asks.d.next.quote = true;
                            self.work.d.next.moves_now = true;
                            self.at.d.next = State::Evaluate;
                        }
                    } else if !self.facts.val().is_number
                        | (!self.facts.val().is_known & !self.kinds.val().get_bit(1) & !self.kinds.val().get_bit(9))
                    {
                        self.work.d.next.reason = bits_lit::<8>(132);
                    } else if !self.verdict.val().is_known {
                        self.work.d.next.reason = bits_lit::<8>(129);
                    } else if self.verdict.val().is_stray {
                        self.work.d.next.reason = bits_lit::<8>(130);
                    } else if (self.kinds.val().get_bit(33) | self.kinds.val().get_bit(35))
                        & !self.facts.val().same_price
                    {
                        // Placed before a quote ahead of it had moved the price: once more.
                        self.at.d.next = State::Again;
                    } else {
                        self.work.d.next.reason = bits_lit::<8>(134);
                        self.at.d.next = State::Dispatch;
                    }
                }
            }
            State::Again => {
                self.flush.next = true;
                self.at.d.next = State::Run;
            }
            // The reason is VALUE_RANGE unless said otherwise.
            State::Dispatch => {
                self.at.d.next = State::Refuse;
                self.work.d.next.loop_at = bits_lit::<8>(0);
                self.work.d.next.order_at = bits_lit::<4>(0);
                if self.kinds.val().get_bit(1) & self.ok.val().configure & self.facts.val().fits_card {
                    self.at.d.next = State::Meets;
                }
                if self.kinds.val().get_bit(6) & self.ok.val().target {
                    self.asks.d.next.keep = true;
                    self.at.d.next = State::Offset;
                    if self.facts.val().is_new_target {
                        self.at.d.next = State::UnitsFirst;
                    }
                }
                if self.kinds.val().get_bit(7) & self.ok.val().reconciliation {
                    self.asks.d.next.ledger = true;
                    self.at.d.next = State::ClearOrders;
                }
                if self.kinds.val().get_bit(9) & self.ok.val().control {
                    self.at.d.next = State::Control;
                }
                if self.kinds.val().get_bit(16) & self.ok.val().scale {
                    self.asks.d.next.offset = true;
                    self.work.d.next.is_halting = true;
                    self.at.d.next = State::Open;
                }
                if self.kinds.val().get_bit(17) | self.kinds.val().get_bit(18) | self.kinds.val().get_bit(19) {
                    self.at.d.next = State::Shadow;
                }
                if self.kinds.val().get_bit(33) {
                    self.work.d.next.is_halting = true;
                    self.at.d.next = State::TradeRows;
                }
                if self.kinds.val().get_bit(34) {
                    self.book_start.next = true;
                    self.at.d.next = State::Booking;
                }
                if self.kinds.val().get_bit(35) {
                    if self.facts.val().asks_more {
                        self.work.d.next.reason = bits_lit::<8>(130);
                    } else {
                        self.at.d.next = State::Ask;
                    }
                }
                if self.kinds.val().get_bit(2)
                    | self.kinds.val().get_bit(3)
                    | self.kinds.val().get_bit(4)
                    | self.kinds.val().get_bit(5)
                    | self.kinds.val().get_bit(8)
                {
                    self.at.d.next = State::Set;
                }
            }
            // The reason is still VALUE_RANGE.
            State::Shadow => {
                self.at.d.next = State::Refuse;
                if self.kinds.val().get_bit(17) {
                    if !self.facts.val().owns {
                        self.work.d.next.reason = bits_lit::<8>(135);
                    } else if self.facts.val().is_begun {
                        self.work.d.next.reason = bits_lit::<8>(136);
                    } else {
                        self.bank_start.next = true;
                        self.bank_op.next = bits_lit::<3>(2);
                        self.at.d.next = State::Row;
                    }
                } else if self.kinds.val().get_bit(18) {
                    if self.ok.val().build & self.facts.val().fits_ladder {
                        if self.facts.val().bank_stage != bits_lit::<2>(1) {
                            self.work.d.next.reason = bits_lit::<8>(136);
                        } else if !self.facts.val().is_complete {
                            self.work.d.next.reason = bits_lit::<8>(137);
                        } else {
                            self.work.d.next.reason = bits_lit::<8>(138);
                            self.work.d.next.is_halting = true;
                            self.at.d.next = State::Build;
                        }
                    }
                } else {
                    self.work.d.next.reason = bits_lit::<8>(139);
                    if self.facts.val().is_begun {
                        self.at.d.next = State::SwapWait;
                    }
                }
            }
            State::Refuse => {
                self.says.next = true;
                self.at.d.next = State::Retire;
            }
            State::Accept => {
                self.says.next = true;
                self.work.d.next.moves_now = true;
                self.at.d.next = State::Retire;
            }
            State::Retire => {
                self.work.d.next.is_exact = false;
                self.work.d.next.is_halting = false;
                self.flush.next = true;
                self.retires.next = true;
                self.at.d.next = State::Run;
            }
            // A decision at the last quote is wanted.
            State::Ask => {
                self.work.d.next.moves_now = true;
                self.work.d.next.is_halting = false;
                if !self.facts.val().has_rows {
                    self.work.d.next.reason = bits_lit::<8>(16);
                    self.at.d.next = State::Refuse;
                } else if !self.facts.val().has_quote {
                    self.work.d.next.reason = bits_lit::<8>(17);
                    self.at.d.next = State::Refuse;
                } else {
                    self.at.d.next = State::Evaluate;
                }
            }
            State::Set => {
                self.at.d.next = State::Refuse;
                self.asks.d.next.trigger = self.kinds.val().get_bit(2) & self.ok.val().trigger;
                self.asks.d.next.price = self.kinds.val().get_bit(3) & self.ok.val().price;
                self.asks.d.next.size = self.kinds.val().get_bit(4) & self.ok.val().size;
                self.asks.d.next.rate = self.kinds.val().get_bit(5) & self.ok.val().rate;
                self.asks.d.next.status = self.kinds.val().get_bit(8) & self.ok.val().status;
                if (self.kinds.val().get_bit(2) & self.ok.val().trigger)
                    | (self.kinds.val().get_bit(3) & self.ok.val().price)
                    | (self.kinds.val().get_bit(4) & self.ok.val().size)
                    | (self.kinds.val().get_bit(5) & self.ok.val().rate)
                    | (self.kinds.val().get_bit(8) & self.ok.val().status)
                {
                    self.at.d.next = State::Accept;
                }
            }
            State::Control => {
                self.at.d.next = State::Accept;
                self.asks.d.next.setup = true;
                if self.facts.val().action == bits_lit::<3>(5) {
                    self.work.d.next.is_killed = true;
                }
                if self.facts.val().action == bits_lit::<3>(6) {
                    self.work.d.next.is_killed = false;
                    self.at.d.next = State::DisarmAll;
                }
            }
            State::DisarmAll => {
                // Looked up, then written.
                self.is_asked.d.next = !self.is_asked.q.val();
                if self.is_asked.q.val() {
                    self.asks.d.next.setup = true;
                    self.work.d.next.loop_at = self.work.q.val().loop_at + self.one_8.val();
                    if self.is_last_loop.q.val() {
                        self.at.d.next = State::Disarmed;
                    }
                }
            }
            State::Disarmed => {
                self.at.d.next = State::Accept;
            }
            State::Meets => {
                self.waited.d.next = self.waited.q.val() + self.one_3.val();
                if self.waited.q.val() == bits_lit::<3>(3) {
                    self.work.d.next.loop_at = self.work.q.val().loop_at + self.one_8.val();
                }
                if self.waited.q.val() != bits_lit::<3>(3) {
                    // The slots of the other underlying are looked up, their end added, and compared.
                    self.at.d.next = State::Meets;
                } else if !self.is_own_loop.q.val() & self.facts.val().meets {
                    self.work.d.next.reason = bits_lit::<8>(135);
                    self.at.d.next = State::Refuse;
                } else if self.is_last_loop.q.val() {
                    self.work.d.next.is_halting = true;
                    self.at.d.next = State::Forget;
                }
            }
            State::Forget => {
                if self.has_halted.q.val() {
                    self.asks.d.next.engine = true;
                    self.bank_start.next = true;
                    self.engine_pending.d.next = true;
                    self.bank_pending.d.next = true;
                    self.at.d.next = State::Forgetting;
                }
            }
            State::Forgetting => {
                self.asks.d.next.keep = true;
                self.asks.d.next.setup = true;
                self.asks.d.next.trigger = true;
                self.asks.d.next.price = true;
                self.asks.d.next.size = true;
                self.asks.d.next.rate = true;
                self.asks.d.next.status = true;
                self.asks.d.next.forgets = true;
                self.asks.d.next.ledger = true;
                self.work.d.next.order_at = bits_lit::<4>(0);
                self.at.d.next = State::ClearOrders;
            }
            State::ClearOrders => {
                self.asks.d.next.order = true;
                if self.work.q.val().order_at != self.last_order.val() {
                    self.work.d.next.order_at = self.work.q.val().order_at + self.one_4.val();
                } else if self.waited.q.val() == bits_lit::<3>(0) {
                    // The last one is being written.
                    self.waited.d.next = bits_lit::<3>(1);
                } else {
                    self.at.d.next = State::Cleared;
                }
            }
            State::Cleared => {
                if !self.engine_pending.q.val() & !self.bank_pending.q.val() {
                    if !self.work.q.val().is_sweep {
                        self.at.d.next = State::Accept;
                        if self.kinds.val().get_bit(7) {
                            self.at.d.next = State::Offset;
                        }
                    } else if self.is_last_loop.q.val() {
                        self.work.d.next.is_sweep = false;
                        self.work.d.next.is_halting = false;
                        self.at.d.next = State::Again;
                    } else {
                        self.work.d.next.loop_at = self.work.q.val().loop_at + self.one_8.val();
                        self.at.d.next = State::Forget;
                    }
                }
            }
            State::UnitsFirst => {
                if self.waited.q.val() != bits_lit::<3>(2) {
                    self.waited.d.next = self.waited.q.val() + self.one_3.val();
                } else {
                    self.waited.d.next = bits_lit::<3>(2);
                    self.asks.d.next.offset = !self.is_asked.q.val();
                    self.is_asked.d.next = true;
                }
                if self.is_asked.q.val() & self.offset_done.val() {
                    self.first.d.next = self.target_units.val();
                    self.is_asked.d.next = false;
                    self.waited.d.next = bits_lit::<3>(0);
                    self.at.d.next = State::UnitsSecond;
                }
            }
            State::UnitsSecond => {
                if self.waited.q.val() != bits_lit::<3>(2) {
                    self.waited.d.next = self.waited.q.val() + self.one_3.val();
                } else {
                    self.waited.d.next = bits_lit::<3>(2);
                    self.asks.d.next.offset = !self.is_asked.q.val();
                    self.is_asked.d.next = true;
                }
                if self.is_asked.q.val() & self.offset_done.val() {
                    self.second.d.next = self.target_units.val();
                    self.is_asked.d.next = false;
                    self.work.d.next.is_halting = true;
                    self.waited.d.next = bits_lit::<3>(0);
                    self.at.d.next = State::Retarget;
                }
            }
            State::Retarget => {
                self.op.d.next = EngineOp::Retarget;
                if !self.engine_pending.q.val() & self.halted.val() {
                    self.asks.d.next.engine = true;
                    self.engine_pending.d.next = true;
                }
                if self.engine_pending.q.val() & self.engine_done.val() {
                    self.work.d.next.is_halting = false;
                    self.at.d.next = State::Offset;
                }
            }
            State::Open => {
                self.op.d.next = EngineOp::Open;
                if self.offset_done.val() {
                    self.first.d.next = self.target_units.val();
                    self.at.d.next = State::OpenBank;
                }
            }
            State::OpenBank => {
                self.op.d.next = EngineOp::Open;
                self.bank_op.next = bits_lit::<3>(1);
                if self.has_halted.q.val() {
                    self.asks.d.next.engine = true;
                    self.bank_start.next = true;
                    self.engine_pending.d.next = true;
                    self.bank_pending.d.next = true;
                    self.at.d.next = State::OpenWait;
                }
            }
            State::OpenWait => {
                self.op.d.next = EngineOp::Open;
                if !self.engine_pending.q.val() & !self.bank_pending.q.val() {
                    self.at.d.next = State::Accept;
                }
            }
            State::Row => {
                self.bank_op.next = bits_lit::<3>(2);
                if self.bank_done.val() {
                    self.work.d.next.reason = self.bank_reason.val();
                    self.at.d.next = State::Accept;
                    if self.bank_reason.val() != bits_lit::<8>(0) {
                        self.at.d.next = State::Refuse;
                    }
                }
            }
            State::Build => {
                self.op.d.next = EngineOp::Build;
                if !self.engine_pending.q.val() & self.halted.val() {
                    self.asks.d.next.engine = true;
                    self.engine_pending.d.next = true;
                }
                if self.engine_pending.q.val() & self.engine_done.val() {
                    self.at.d.next = State::Refuse;
                    if self.engine_ok.val() {
                        self.at.d.next = State::Accept;
                    }
                }
            }
            State::SwapWait => {
                if self.facts.val().is_settled {
                    self.work.d.next.is_halting = true;
                    self.at.d.next = State::Swap;
                }
            }
            State::Swap => {
                self.op.d.next = EngineOp::Clear;
                self.bank_op.next = bits_lit::<3>(4);
                if self.has_halted.q.val() & !self.engine_pending.q.val() {
                    self.asks.d.next.engine = true;
                    self.bank_start.next = true;
                    self.engine_pending.d.next = true;
                    self.bank_pending.d.next = true;
                    self.at.d.next = State::SwapKeep;
                }
            }
            State::SwapKeep => {
                self.op.d.next = EngineOp::Clear;
                if !self.engine_pending.q.val() & !self.bank_pending.q.val() {
                    self.asks.d.next.keep = true;
                    self.work.d.next.active = self.work.q.val().active ^ (self.one_32.val() << self.whose.val());
                    self.at.d.next = State::Offset;
                }
            }
            // Its bank's identification is looked up again.
            State::SwapSeen => {
                self.waited.d.next = self.waited.q.val() + self.one_3.val();
                if self.waited.q.val() == bits_lit::<3>(1) {
                    self.at.d.next = State::Swapped;
                }
            }
            State::Swapped => {
                self.says.next = true;
                self.work.d.next.moves_now = true;
                self.at.d.next = State::Retire;
            }
            State::TradeRows => {
                self.bank_op.next = bits_lit::<3>(3);
                if !self.facts.val().owns {
                    self.work.d.next.reason = bits_lit::<8>(135);
                    self.at.d.next = State::Refuse;
                } else if !self.ok.val().trade {
                    self.at.d.next = State::Refuse;
                } else if !self.engine_behind.val() {
                    // A pass over the rows has been dropped before the row changes.
                    self.bank_start.next = true;
                    // The nodes take the trade while the weights and then the offset are worked out.
                    self.work.d.next.is_weighed = false;
                    self.is_owed.d.next = true;
                    self.at.d.next = State::TradeLedger;
                }
            }
            State::TradeLedger => {
                self.bank_op.next = bits_lit::<3>(3);
                if self.bank_done.val() {
                    self.asks.d.next.keep = true;
                    self.asks.d.next.ledger = true;
                    self.work.d.next.is_weighed = true;
                    // What the offset looks at has been seen.
                    self.waited.d.next = bits_lit::<3>(3);
                    self.at.d.next = State::Offset;
                }
            }
            State::TradeFault => {
                self.says.next = self.facts.val().overflows;
                self.at.d.next = State::TradeNodes;
            }
            State::TradeNodes => {
                if self.has_answer.val() {
                    // A quote is there, on the ladder, and its interval answers.
                    self.is_answered.next = true;
                    self.work.d.next.moves_now = true;
                    self.work.d.next.is_halting = false;
                    self.at.d.next = State::Issue;
                } else if !self.is_owed.q.val() & (!self.engine_pending.q.val() | self.engine_done.val()) {
                    self.at.d.next = State::Ask;
                }
            }
            State::Booking => {
                if self.book_done.val() {
                    if self.refusal.val() != bits_lit::<8>(0) {
                        self.work.d.next.reason = self.refusal.val();
                        self.at.d.next = State::Refuse;
                    } else {
                        self.asks.d.next.ledger = true;
                        self.asks.d.next.order = self.writes_order.val();
                        self.at.d.next = State::Offset;
                    }
                }
            }
            State::OrderFault => {
                self.says.next = self.book_faults.val();
                self.at.d.next = State::SayLedger;
            }
            State::SayLedger => {
                self.says.next = true;
                self.work.d.next.moves_now = true;
                self.at.d.next = State::Retire;
            }
            // What has been written is seen, and the ladder and bank that follow from it.
            State::Offset => {
                if self.waited.q.val() != bits_lit::<3>(4) {
                    self.waited.d.next = self.waited.q.val() + self.one_3.val();
                } else {
                    self.asks.d.next.offset = true;
                    self.at.d.next = State::OffsetWait;
                }
            }
            State::OffsetWait => {
                if self.offset_done.val() {
                    self.asks.d.next.setup = true;
                    self.at.d.next = State::Accept;
                    if self.kinds.val().get_bit(7) {
                        self.at.d.next = State::SayLedger;
                    } else if self.kinds.val().get_bit(19) {
                        self.at.d.next = State::SwapSeen;
                    } else if self.kinds.val().get_bit(33) {
                        self.at.d.next = State::TradeFault;
                    } else if self.kinds.val().get_bit(34) {
                        self.at.d.next = State::OrderFault;
                    }
                }
            }
            State::Evaluate => {
                if !self.facts.val().had_rows {
                    self.work.d.next.moves_now = true;
                    self.work.d.next.reason = bits_lit::<8>(16);
                    self.at.d.next = State::Refuse;
                } else if !self.facts.val().on_ladder {
                    self.work.d.next.is_halting = true;
                    self.at.d.next = State::Exact;
                } else if !self.verdict.val().is_usable {
                    self.asks.d.next.wanted = true;
                } else if self.verdict.val().is_exact {
                    self.work.d.next.is_halting = true;
                    self.at.d.next = State::Exact;
                } else {
                    self.at.d.next = State::Issue;
                }
                self.work.d.next.moves_now = true;
            }
            State::Exact => {
                self.op.d.next = EngineOp::Exact;
                if !self.engine_pending.q.val() & self.halted.val() {
                    self.asks.d.next.engine = true;
                    self.engine_pending.d.next = true;
                }
                if self.engine_pending.q.val() & self.engine_done.val() {
                    self.work.d.next.is_exact = true;
                    self.at.d.next = State::Issue;
                    if !self.engine_ok.val() {
                        self.work.d.next.reason = bits_lit::<8>(18);
                        self.at.d.next = State::Refuse;
                    }
                }
            }
            State::Issue => {
                self.at.d.next = State::Said;
            }
            State::Said => {
                if self.said.val() {
                    self.at.d.next = State::Retire;
                    if self.facts.val().want_risk {
                        self.risk_start.next = true;
                        self.at.d.next = State::Risk;
                    }
                }
            }
            State::Risk => {
                if self.risk_done.val() {
                    self.says.next = true;
                    self.at.d.next = State::Retire;
                }
            }
            _ => {
                self.at.d.next = State::Dry;
            }
        }

        if self.reset.val() {
            self.at.d.next = State::Dry;
            self.dry.d.next = bits_lit::<8>(0);
            self.work.d.next.is_sweep = false;
            self.work.d.next.is_killed = false;
            self.work.d.next.active = bits_lit::<32>(0);
            self.is_asked.d.next = false;
            self.engine_pending.d.next = false;
            self.is_owed.d.next = false;
            self.bank_pending.d.next = false;
        }
    }
}
