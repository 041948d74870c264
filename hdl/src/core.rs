//! The core: the whole hedge kernel behind two streams, commands in and events out.
//!
//! ```text
//!   command --> [ front ] -- head --+-- fast: goes on at once, one a cycle --> [ desk ] --------+
//!                  ^  ^             |                                             ^             |
//!                  |  |             +-- anything else, once nothing is in flight  | set-up,     v
//!                  |  |             v                                             | ledger   [ events ] -->
//!                  |  |        [ reading ] --> facts --> [ sequencer ] --requests-+             ^
//!                  |  |                                   |    |   |                            |
//!                  |  +-- read again: what was read ahead |    |   +-- state --> [ answers ] ---+
//!                  |      may have changed ---------------+    |
//!                  |                                           +--> engine, bank, book, offset, risk
//!                  +-- intervals -- engine --> bells --> built
//! ```
//!
//! | block | what |
//! |---|---|
//! | `front` | buffer, FETCH .. LOAD, head; what goes on at once |
//! | `reading` | what the head says, if it is a slow command |
//! | `sequencer` | carries slow commands out: the states |
//! | `answers`, `events` | what is said, and the queue in which it leaves |
//! | `bells`, `recent` | the doorbell; who was issued a moment ago |
//! | here | what ties them to the units: tables of underlyings, what is compared and written for the sequencer |
//!
//! A quote is fast when nothing is wrong with it and a fresh interval answers it. Fast quotes of one
//! underlying are `desk::INTERVAL` cycles apart, so that each sees the ledger that the one before left;
//! of different underlyings they may come every cycle. Everything else is slow: it waits until the
//! desk is empty, then the sequencer carries it out alone. `Trade` and `Time` end in a decision at the last
//! quote, for which they have been placed on their way like one; where that quote has changed since, they are
//! fetched and placed again before anything is done.
//!
//! What the sequencer looks up comes in registers (`head_keep`, `head_setup` and the like a cycle after the head,
//! what it sees of bank and ladder two cycles after `look_at`), and what it writes leaves in registers. Its states
//! are where those cycles have passed.
//!
//! Invariants:
//! * commands leave the head in order, and so do events: slow ones are said only while the desk is empty;
//! * nothing makes an interval old while a fast quote is at the head;
//! * a refused command changes nothing but the sequence numbers; `now` moves with accepted ones only.

mod answers;
mod bells;
mod events;
mod front;
mod reading;
mod recent;
mod record;
mod sequencer;

use hedgewire_abi::command::code;
use rust_hdl::prelude::*;

use crate::bank::Bank;
use crate::book::{Book, Reconcile};
use crate::desk::Desk;
use crate::engine::{CardSizes, Engine};
use crate::finish::RiskUnit;
use crate::offset::OffsetUnit;
use crate::primitive::LookUp;
use crate::record::{Ledger, Order, OrderUpdate, PriceLimits, RateLimits, Setup, SizeLimits, Status, Trigger, Words};
use crate::signal::*;
use answers::Answers;
use bells::Bells;
use events::Events;
use front::Front;
use reading::Reading;
use record::{Course, Keep, Place, Requests};
use sequencer::{Sequencer, State};

/// The core with `N` lanes.
#[derive(LogicBlock)]
pub struct Core<const N: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub command_valid: Signal<In, Bit>,
    pub command_ready: Signal<Out, Bit>,
    /// `command_ready` in the next cycle.
    pub will_take: Signal<Out, Bit>,
    pub command: Signal<In, Words>,
    pub event_valid: Signal<Out, Bit>,
    pub event_ready: Signal<In, Bit>,
    /// Its last word, the sequence, is zero.
    pub event_data: Signal<Out, Words>,
    /// Every command taken has been answered, and the answer has left.
    pub idle: Signal<Out, Bit>,
    /// Doorbell, one bit an underlying: a swap would find its ladder settled.
    pub built: Signal<Out, U<32>>,

    // ---- units
    front: Front,
    reading: Reading,
    sequencer: Sequencer,
    answers: Answers,
    desk: Desk,
    engine: Engine<N>,
    bank: Bank,
    book: Book,
    reconcile: Reconcile,
    offset: OffsetUnit,
    risk: RiskUnit,
    events: Events,
    bells: Bells,

    // ---- tables of underlyings
    keeps: LookUp<Keep, 8>,
    setups: LookUp<Setup, 8>,

    // ---- what is kept of the head's underlying, a cycle after it was looked up
    head_keep: DFF<Keep>,
    head_setup: DFF<Setup>,
    head_ledger: DFF<Ledger>,
    /// Which ladder and bank the sequencer looks at; what it sees of them comes two cycles later.
    look_at: DFF<U<9>>,

    // ---- what the sequencer asks of engine and offset unit
    engine_ladder: DFF<U<9>>,
    engine_price: DFF<U<32>>,
    offset_usd: DFF<Bit>,
    offset_bits: DFF<U<8>>,

    // ---- what the sequencer writes, a cycle after it has said so
    ledger_written: DFF<Ledger>,
    order_slot: DFF<U<4>>,
    keep_written: DFF<Keep>,
    setup_written: DFF<Setup>,
    /// Whose.
    written_at: DFF<U<8>>,

    // ---- what is compared for the sequencer
    is_number: DFF<Bit>,
    /// Slots of the underlying whose `keep` is looked at, and the end of those of the head.
    other_first: DFF<U<33>>,
    other_end: DFF<U<33>>,
    first_end: DFF<U<33>>,
    owns: DFF<Bit>,
    fits_card: DFF<Bit>,
    fits_ladder: DFF<Bit>,
    meets: DFF<Bit>,
    /// A trade that changes something.
    is_news: DFF<Bit>,
    /// Set-up and ledger of the underlying are those of one that has not been heard of.
    is_blank: DFF<Bit>,
    /// The order update at the head.
    update: DFF<OrderUpdate>,
    /// It is booked.
    books: DFF<Bit>,
    shadow_at: DFF<U<9>>,
    is_shadow_settled: DFF<Bit>,

    // ---- wires: the sequencer
    kinds: Signal<Local, U<64>>,
    course: Signal<Local, Course>,
    requests: Signal<Local, Requests>,

    // ---- wires: the head
    head_word: Signal<Local, U<64>>,
    kind: Signal<Local, U<8>>,
    number: Signal<Local, U<8>>,
    number_wide: Signal<Local, U<9>>,
    code: Signal<Local, U<8>>,
    slot: Signal<Local, U<32>>,
    first_slot: Signal<Local, U<32>>,
    slot_count: Signal<Local, U<32>>,
    first: Signal<Local, U<20>>,
    count: Signal<Local, U<21>>,
    intervals: Signal<Local, U<32>>,
    /// Whose tables are looked at.
    at: Signal<Local, U<8>>,
    keep: Signal<Local, Keep>,
    place: Signal<Local, Place>,
    words: Signal<Local, Words>,
    ledger: Signal<Local, Ledger>,
    setup: Signal<Local, Setup>,
    base_ladder: Signal<Local, U<9>>,
    active_ladder: Signal<Local, U<9>>,
    shadow_ladder: Signal<Local, U<9>>,
    is_quote: Signal<Local, Bit>,
    on_ladder: Signal<Local, Bit>,
    /// A decision begins.
    issue: Signal<Local, Bit>,
    want_risk: Signal<Local, Bit>,

    // ---- wires: what is compared and written
    slot_wide: Signal<Local, U<33>>,
    first_wide: Signal<Local, U<33>>,
    count_wide: Signal<Local, U<33>>,
    end_wide: Signal<Local, U<33>>,
    keep_end: Signal<Local, U<33>>,
    keep_first_wide: Signal<Local, U<33>>,
    new_keep: Signal<Local, Keep>,
    new_setup: Signal<Local, Setup>,
    new_ledger: Signal<Local, Ledger>,
    news: Signal<Local, U<32>>,
    fits_active: Signal<Local, Bit>,

    // ---- constants
    not_risk: Constant<U<8>>,
    one_1: Constant<U<1>>,
    one_9: Constant<U<9>>,
    underlyings: Constant<U<9>>,
    rows: Constant<U<33>>,
    most_intervals: Constant<U<32>>,
    no_keep: Constant<Keep>,
    no_setup: Constant<Setup>,
    no_ledger: Constant<Ledger>,
    no_order: Constant<Order>,
    no_trigger: Constant<Trigger>,
    no_price: Constant<PriceLimits>,
    no_size: Constant<SizeLimits>,
    no_rate: Constant<RateLimits>,
    no_status: Constant<Status>,
}

impl<const N: usize> Core<N> {
    /// A core of these sizes.
    pub fn new(sizes: CardSizes) -> Self {
        assert!((1..=32).contains(&sizes.underlyings), "a card has 1 to 32 underlyings");
        with_defaults!({
            one_1: Constant::new(U::new(1)),
            not_risk: Constant::new(U::new(!u128::from(code::WANT_RISK))),
            one_9: Constant::new(U::new(1)),
            underlyings: Constant::new(U::new(sizes.underlyings as u128)),
            rows: Constant::new(U::new(sizes.rows as u128)),
            most_intervals: Constant::new(U::new(sizes.intervals as u128)),
            no_keep: Constant::new(Keep::default()),
            no_setup: Constant::new(Setup::default()),
            no_ledger: Constant::new(Ledger::default()),
            no_order: Constant::new(Order::default()),
            no_trigger: Constant::new(Trigger::default()),
            no_price: Constant::new(PriceLimits::default()),
            no_size: Constant::new(SizeLimits::default()),
            no_rate: Constant::new(RateLimits::default()),
            no_status: Constant::new(Status::default()),
            front: Front::new(sizes.underlyings),
            sequencer: Sequencer::new(sizes.underlyings),
            desk: Desk::new(sizes.underlyings),
            engine: Engine::new(sizes),
            bank: Bank::new(sizes.underlyings, sizes.rows),
            keeps: LookUp::wrapping(sizes.underlyings),
            setups: LookUp::wrapping(sizes.underlyings),
        }
            clock reset command_valid command_ready will_take command event_valid event_ready event_data idle built
            book reconcile offset risk bells head_word kind number number_wide is_number code slot
            first_slot slot_count first count intervals at keep place ledger setup base_ladder active_ladder
            shadow_ladder is_quote shadow_at is_shadow_settled on_ladder want_risk owns slot_wide first_wide
            count_wide end_wide fits_card fits_ladder other_first other_end keep_end keep_first_wide
            head_keep head_setup head_ledger look_at engine_ladder engine_price offset_usd offset_bits
            ledger_written order_slot keep_written setup_written written_at first_end meets
            new_keep new_setup new_ledger news is_news is_blank update books fits_active events words reading answers course
            requests kinds issue
        )
    }
}

impl<const N: usize> Logic for Core<N> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, front, reading, sequencer, answers, desk, engine, bank, book, offset, risk, events);
        clock!(self, clock, keeps, setups, owns, fits_card, fits_ladder, other_first, other_end, head_keep);
        clock!(self, clock, head_setup, head_ledger, look_at, engine_ladder, engine_price, offset_usd, offset_bits);
        clock!(self, clock, ledger_written, order_slot, keep_written, setup_written, written_at);
        clock!(
            self,
            clock,
            shadow_at,
            is_shadow_settled,
            is_number,
            first_end,
            meets,
            is_news,
            is_blank,
            update,
            books
        );
        self.sequencer.reset.next = self.reset.val();
        self.front.reset.next = self.reset.val();
        self.desk.reset.next = self.reset.val();
        self.engine.reset.next = self.reset.val();
        self.bank.reset.next = self.reset.val();

        // ---- the head, and what is known of its underlying
        self.words.next = self.front.words.val();
        self.kinds.next = self.reading.kinds.val();
        self.course.next = self.sequencer.course.val();
        self.requests.next = self.sequencer.requests.val();
        self.head_word.next = self.words.val().w0;
        self.kind.next = self.head_word.val().get_bits::<8>(0);
        self.number.next = self.head_word.val().get_bits::<8>(16);
        self.code.next = self.head_word.val().get_bits::<8>(24);
        self.slot.next = self.head_word.val().get_bits::<32>(32);
        self.at.next = self.number.val();
        if self.course.val().is_sweep | (self.sequencer.state.val() == State::DisarmAll) {
            self.at.next = self.course.val().loop_at;
        }
        self.keeps.read_address.next = self.at.val();
        if self.sequencer.state.val() == State::Meets {
            self.keeps.read_address.next = self.course.val().loop_at;
        }
        self.head_keep.d.next = self.keeps.q.val();
        self.keep.next = self.head_keep.q.val();
        self.setups.read_address.next = self.at.val();
        self.head_setup.d.next = self.setups.q.val();
        self.setup.next = self.head_setup.q.val();
        self.place.next = self.front.place.val();
        self.base_ladder.next = unsigned_cast_wide(self.at.val());
        self.base_ladder.next = self.base_ladder.val() << self.one_1.val();
        self.active_ladder.next = self.base_ladder.val();
        self.shadow_ladder.next = self.base_ladder.val() | self.one_9.val();
        if self.keep.val().active {
            self.active_ladder.next = self.base_ladder.val() | self.one_9.val();
            self.shadow_ladder.next = self.base_ladder.val();
        }

        // ---- units that follow the head
        self.reading.words.next = self.words.val();
        self.first_slot.next = self.reading.configure.val().first_slot;
        self.slot_count.next = self.reading.configure.val().slot_count;
        self.first.next = self.first_slot.val().get_bits::<20>(0);
        self.count.next = self.slot_count.val().get_bits::<21>(0);
        self.intervals.next = self.reading.build.val().intervals;
        self.desk.owned.next = self.sequencer.state.val() != State::Run;
        self.written_at.d.next = self.at.val();
        self.desk.book_address.next = self.at.val();
        self.head_ledger.d.next = self.desk.ledger.val();
        self.ledger.next = self.head_ledger.q.val();
        self.order_slot.d.next = self.slot.val().get_bits::<4>(0);
        if self.sequencer.state.val() == State::ClearOrders {
            self.order_slot.d.next = self.course.val().order_at;
        }
        self.desk.order_slot.next = self.order_slot.q.val();
        self.desk.is_killed.next = self.course.val().is_killed;
        // It has stood for cycles when the book starts, and is far from it.
        self.update.d.next = self.reading.update.val();
        self.book.status.next = self.update.q.val().status;
        self.book.order_id.next = self.update.q.val().order_id;
        self.book.filled.next = self.update.q.val().filled;
        self.book.coin.next = self.update.q.val().coin;
        self.book.cost.next = self.update.q.val().cost;
        self.book.ledger.next = self.ledger.val();
        self.book.order.next = self.desk.order.val();
        self.reconcile.ledger.next = self.ledger.val();
        self.reconcile.word.next = self.reading.reconciliation.val();

        self.look_at.d.next = self.active_ladder.val();
        if (self.sequencer.state.val() == State::Check) | (self.sequencer.state.val() == State::Dispatch) {
            self.look_at.d.next = self.shadow_ladder.val();
        } else if self.sequencer.state.val() == State::UnitsFirst {
            self.look_at.d.next = self.base_ladder.val();
        } else if self.sequencer.state.val() == State::UnitsSecond {
            self.look_at.d.next = self.base_ladder.val() | self.one_9.val();
        }
        self.engine.look_ladder.next = self.look_at.q.val();
        self.bank.state_address.next = self.look_at.q.val();
        self.bank.other_address.next = self.engine.bank_address.val();
        self.engine.constant_inverse.next = self.bank.other_state.val().constant_inverse;
        self.engine.constant_linear.next = self.bank.other_state.val().constant_linear;
        self.engine.row_write.next = self.bank.row_write.val();
        self.engine.row_bank.next = self.bank.row_bank.val();
        self.engine.row_slot.next = self.bank.row_slot.val();
        self.engine.row.next = self.bank.row.val();
        self.bank.underlying.next = self.at.val();
        self.bank.bank.next = !self.keep.val().active;
        self.bank.first.next = self.keep.val().first;
        self.bank.count.next = self.keep.val().count;
        self.bank.slot.next = self.slot.val().get_bits::<20>(0);
        self.bank.words.next = self.words.val();
        self.bank.quantity.next = self.reading.trade.val().quantity;

        self.offset_usd.d.next = self.engine.look_scale.val().usd;
        self.offset_bits.d.next = self.engine.look_scale.val().delta_bits;
        if self.kinds.val().get_bit(16) {
            self.offset_usd.d.next = self.reading.scale.val().usd;
            self.offset_bits.d.next = self.reading.scale.val().delta_bits;
        }
        self.offset.start.next = self.requests.val().offset;
        self.offset.usd.next = self.offset_usd.q.val();
        self.offset.delta_bits.next = self.offset_bits.q.val();
        self.offset.cash.next = self.keep.val().cash;
        self.offset.hedge_coin.next = self.ledger.val().hedge_coin;
        self.offset.target.next = self.keep.val().target;

        // Both ladders of the underlying, the one that is not in use, or the one that answers.
        self.engine_ladder.d.next = self.active_ladder.val();
        if self.kinds.val().get_bit(1) | self.kinds.val().get_bit(6) | self.course.val().is_sweep {
            self.engine_ladder.d.next = self.base_ladder.val();
        } else if self.kinds.val().get_bit(16) | self.kinds.val().get_bit(18) {
            self.engine_ladder.d.next = self.shadow_ladder.val();
        }
        self.engine_price.d.next = self.place.val().price;
        if self.kinds.val().get_bit(18) {
            self.engine_price.d.next = self.reading.build.val().centre;
        }
        self.engine.start.next = self.requests.val().engine;
        self.engine.op.next = self.sequencer.engine_op.val();
        self.engine.ladder.next = self.engine_ladder.q.val();
        self.engine.price.next = self.engine_price.q.val();
        self.engine.slots.next.first = self.first.val();
        self.engine.slots.next.count = self.count.val();
        if self.kinds.val().get_bit(1) {
            self.bank.first.next = self.first.val();
            self.bank.count.next = self.count.val();
        }
        if self.course.val().is_sweep {
            self.bank.first.next = bits_lit::<20>(0);
            self.bank.count.next = bits_lit::<21>(64);
            self.engine.slots.next.first = bits_lit::<20>(0);
            self.engine.slots.next.count = bits_lit::<21>(0);
        }
        self.engine.scale.next = self.reading.scale.val();
        self.engine.target.next = self.sequencer.first_units.val();
        self.engine.other_target.next = self.sequencer.second_units.val();
        self.engine.shift.next = self.reading.build.val().step_shift;
        self.engine.intervals.next = self.intervals.val().get_bits::<15>(0);
        self.engine.is_shaped.next = self.bank.is_shaped.val();
        self.engine.shape.next = self.bank.shape.val();
        self.engine.holds.next = self.bank.holds.val();
        self.engine.weighed.next = self.course.val().is_weighed;
        self.engine.changed0.next = self.bank.changed0.val();
        self.engine.changed1.next = self.bank.changed1.val();
        self.engine.change0.next = self.bank.change0.val();
        self.engine.change1.next = self.bank.change1.val();
        self.engine.halt.next = self.course.val().is_halting;
        self.engine.wanted.next = self.requests.val().wanted;
        self.engine.wanted_ladder.next = self.place.val().ladder;
        self.engine.wanted_index.next = self.place.val().index;

        // ---- what the head is
        self.number_wide.next = unsigned_cast_wide(self.number.val());
        self.is_number.d.next = self.number_wide.val() < self.underlyings.val();
        // A head that goes at once is a quote; of any other the kind is known a cycle later, which is soon enough.
        self.is_quote.next = self.front.verdict.val().is_plain | self.kinds.val().get_bit(32);
        self.on_ladder.next = self.place.val().has_rows & self.place.val().inside & !self.place.val().exact_mode;
        self.engine.has_place.next = self.front.has_quote.val() & self.on_ladder.val();
        self.engine.index.next = self.place.val().index;
        // A trade has another meaning for the bit, and a quote that goes at once has it clear.
        self.want_risk.next = self.code.val().get_bit(1) & !self.kinds.val().get_bit(33);

        // ---- the front
        self.front.command_valid.next = self.command_valid.val();
        self.front.command.next = self.command.val();
        self.command_ready.next = self.front.command_ready.val();
        self.will_take.next = self.front.will_take.val();
        self.front.is_open.next = (self.sequencer.state.val() != State::Dry) & !self.course.val().is_sweep;
        self.front.is_running.next = self.sequencer.state.val() == State::Run;
        self.front.will_run.next = self.sequencer.will_run.val();
        self.front.has_room.next = self.events.has_room.val();
        self.engine.front_ladder.next = self.front.params_ladder.val();
        self.front.params.next = self.engine.front_params.val();
        self.engine.read_ladder.next = self.front.read_ladder.val();
        self.engine.read_index.next = self.front.read_index.val();
        self.front.read_interval.next = self.engine.read_interval.val();
        self.front.read_exact.next = self.engine.read_exact.val();
        self.front.settled.next = self.engine.settled.val();
        self.front.any_exact.next = self.engine.any_exact.val();
        self.front.finish_ladder.next = self.engine.finish_ladder.val();
        self.front.finish_next.next = self.engine.finish_next.val();
        self.front.finish_valid.next = self.engine.finish_valid.val();
        self.front.fresh_ladder.next = self.engine.fresh_ladder.val();
        self.front.fresh_index.next = self.engine.fresh_index.val();
        self.front.fresh_valid.next = self.engine.fresh_valid.val();

        // ---- the desk
        self.issue.next = self.front.issue.val() | (self.sequencer.state.val() == State::Issue);
        self.desk.issue.next = self.issue.val();
        self.desk.meta.next.kind = self.kind.val();
        self.desk.meta.next.underlying = self.number.val();
        self.desk.meta.next.now_ns = self.words.val().w1;
        self.desk.meta.next.command_seq = self.words.val().w7;
        self.desk.meta.next.reason = bits_lit::<8>(0);
        self.desk.meta.next.is_exact = self.course.val().is_exact;
        self.desk.meta.next.want_risk = self.want_risk.val();
        self.desk.quote.next = self.front.quote.val();
        if !self.is_quote.val() {
            self.desk.quote.next = self.front.last_quote.val();
        }
        self.desk.coefficients.next = self.front.interval.val();
        self.desk.t.next = self.place.val().t;
        self.desk.exact.next = self.engine.greeks.val();
        self.risk.is_exact.next = self.course.val().is_exact;
        self.risk.exact.next = self.engine.greeks.val();
        self.risk.interval.next = self.front.interval.val();
        self.risk.t.next = self.place.val().t;
        self.risk.price.next = self.place.val().price;
        self.risk.shift.next = self.place.val().shift;
        self.risk.delta_bits.next = self.engine.look_scale.val().delta_bits;
        self.risk.vega_bits.next = self.engine.look_scale.val().vega_bits;

        // ---- tables that slow commands write
        self.keeps.write.next = self.requests.val().keep;
        self.keeps.write_address.next = self.written_at.q.val();
        self.keeps.write_data.next = self.keep_written.q.val();
        self.new_keep.next = self.keep.val();
        if self.kinds.val().get_bit(1) {
            self.new_keep.next.first = self.first.val();
            self.new_keep.next.count = self.count.val();
            self.new_keep.next.exact_mode = self.reading.configure.val().exact_mode;
            self.new_keep.next.has_rows = false;
            self.new_keep.next.target = bits_lit::<63>(0);
            self.new_keep.next.cash = bits_lit::<63>(0);
        }
        if self.kinds.val().get_bit(6) {
            self.new_keep.next.target = self.reading.target.val().target;
            self.new_keep.next.cash = self.reading.target.val().cash;
        }
        if self.kinds.val().get_bit(19) {
            self.new_keep.next.active = !self.keep.val().active;
            self.new_keep.next.has_rows = true;
        }
        if self.kinds.val().get_bit(33) {
            self.new_keep.next.cash = self.reading.trade.val().cash;
        }
        if self.course.val().is_sweep {
            self.new_keep.next = self.no_keep.val();
        }
        self.setups.write.next = self.requests.val().setup;
        self.setups.write_address.next = self.written_at.q.val();
        self.setups.write_data.next = self.setup_written.q.val();
        // Each kind of command writes one thing into it, whichever state says when.
        self.new_setup.next = self.setup.val();
        if self.kinds.val().get_bit(9) {
            if self.reading.control.val().action == bits_lit::<3>(1) {
                self.new_setup.next.is_armed = true;
            } else if self.reading.control.val().action == bits_lit::<3>(2) {
                self.new_setup.next.mode = bits_lit::<2>(0);
            } else if self.reading.control.val().action == bits_lit::<3>(3) {
                self.new_setup.next.mode = bits_lit::<2>(1);
            } else if self.reading.control.val().action == bits_lit::<3>(4) {
                self.new_setup.next.mode = bits_lit::<2>(2);
            } else if self.reading.control.val().action != bits_lit::<3>(5) {
                self.new_setup.next.is_armed = false;
            }
        } else {
            self.new_setup.next.bank_id = self.engine.look_scale.val().bank_id;
            self.new_setup.next.contract_scale = self.engine.look_scale.val().contract_scale;
            self.new_setup.next.contract_shift = self.engine.look_scale.val().contract_shift;
            self.new_setup.next.linear_hedge = self.engine.look_scale.val().linear_hedge;
            self.new_setup.next.counts_contracts =
                self.engine.look_scale.val().linear_hedge | !self.engine.look_scale.val().usd;
            self.new_setup.next.valid_until_ns = self.engine.look_scale.val().valid_until_ns;
            self.new_setup.next.offset = self.offset.offset.val();
            self.new_setup.next.coin_out_of_range = self.offset.coin_out_of_range.val();
            self.new_setup.next.weights_out_of_range = self.bank.state.val().out_of_range;
        }
        // A register: what it clears is wide, and written later.
        self.is_blank.d.next = self.kinds.val().get_bit(1) | self.course.val().is_sweep;
        if self.is_blank.q.val() {
            self.new_setup.next = self.no_setup.val();
        }
        self.desk.set_address.next = self.written_at.q.val();
        self.desk.set_trigger.next = self.requests.val().trigger;
        self.desk.set_price.next = self.requests.val().price;
        self.desk.set_size.next = self.requests.val().size;
        self.desk.set_rate.next = self.requests.val().rate;
        self.desk.set_status.next = self.requests.val().status;
        self.desk.trigger.next = self.reading.trigger.val();
        self.desk.price_limits.next = self.reading.price_limits.val();
        self.desk.size_limits.next = self.reading.size_limits.val();
        self.desk.rate_limits.next = self.reading.rate_limits.val();
        self.desk.status.next = self.reading.status.val();
        self.desk.clear_pace.next = self.requests.val().forgets;
        if self.requests.val().forgets {
            self.desk.trigger.next = self.no_trigger.val();
            self.desk.price_limits.next = self.no_price.val();
            self.desk.size_limits.next = self.no_size.val();
            self.desk.rate_limits.next = self.no_rate.val();
            self.desk.status.next = self.no_status.val();
        }
        self.desk.write_ledger.next = self.requests.val().ledger;
        self.desk.new_ledger.next = self.ledger_written.q.val();
        self.desk.write_order.next = self.requests.val().order;
        self.desk.new_order.next = self.book.booked_order.val();
        if self.course.val().is_sweep | !self.kinds.val().get_bit(34) {
            self.desk.new_order.next = self.no_order.val();
        }

        // ---- arithmetic of the sequencer
        self.shadow_at.d.next = self.shadow_ladder.val();
        self.is_shadow_settled.d.next = self.engine.settled.val().get_bit(self.shadow_at.q.val().index());
        self.slot_wide.next = unsigned_cast_wide(self.slot.val());
        self.owns.d.next =
            (self.slot_wide.val() >= self.other_first.q.val()) & (self.slot_wide.val() < self.other_end.q.val());
        self.first_wide.next = unsigned_cast_wide(self.first_slot.val());
        self.count_wide.next = unsigned_cast_wide(self.slot_count.val());
        self.end_wide.next = self.first_wide.val() + self.count_wide.val();
        self.first_end.d.next = self.end_wide.val();
        self.meets.d.next =
            (self.first_wide.val() < self.other_end.q.val()) & (self.other_first.q.val() < self.first_end.q.val());
        self.keep_first_wide.next = unsigned_cast_wide(self.keep.val().first);
        self.keep_end.next = unsigned_cast_wide(self.keep.val().count);
        self.other_first.d.next = self.keep_first_wide.val();
        self.other_end.d.next = self.keep_first_wide.val() + self.keep_end.val();
        self.fits_card.d.next = (self.first_slot.val().get_bits::<6>(0) == bits_lit::<6>(0))
            & (self.slot_count.val().get_bits::<6>(0) == bits_lit::<6>(0))
            & self.slot_count.val().any()
            & (self.first_end.q.val() <= self.rows.val());
        self.fits_ladder.d.next = self.intervals.val() <= self.most_intervals.val();
        self.is_news.d.next = self.kinds.val().get_bit(33)
            & ((self.bank.old_quantity.val() != self.reading.trade.val().quantity)
                | (self.keep.val().cash != self.reading.trade.val().cash));
        self.news.next = bits_lit::<32>(0);
        if self.is_news.q.val() {
            self.news.next = bits_lit::<32>(1);
        }
        self.fits_active.next = self.bank.fits0.val();
        if self.keep.val().active {
            self.fits_active.next = self.bank.fits1.val();
        }
        // A register: the ledger is wide.
        self.books.d.next = self.kinds.val().get_bit(34) & self.book.takes.val();
        self.new_ledger.next = self.ledger.val();
        self.new_ledger.next.ledger_seq = self.ledger.val().ledger_seq + self.news.val();
        if self.kinds.val().get_bit(7) {
            self.new_ledger.next = self.reconcile.new_ledger.val();
        }
        if self.kinds.val().get_bit(34) {
            self.new_ledger.next.is_reconciled = self.book.is_reconciled.val();
        }
        if self.books.q.val() {
            self.new_ledger.next = self.book.booked.val();
            self.new_ledger.next.is_reconciled = self.book.is_reconciled.val();
        }
        if self.is_blank.q.val() {
            self.new_ledger.next = self.no_ledger.val();
        }

        // ---- the sequencer, and what it is told
        self.sequencer.is_head.next = self.front.is_head.val();
        self.sequencer.is_fast.next = self.front.is_fast.val();
        self.sequencer.verdict.next = self.front.verdict.val();
        self.sequencer.number.next = self.number.val();
        self.sequencer.whose.next = self.at.val();
        self.sequencer.kinds.next = self.kinds.val();
        self.sequencer.ok.next = self.reading.ok.val();
        self.sequencer.facts.next.is_current = self.reading.is_current.val();
        self.sequencer.facts.next.is_number = self.is_number.q.val();
        self.sequencer.facts.next.is_known = self.place.val().is_known;
        self.sequencer.facts.next.had_rows = self.place.val().has_rows;
        self.sequencer.facts.next.on_ladder = self.on_ladder.val();
        self.sequencer.facts.next.has_quote = self.front.has_quote.val();
        self.sequencer.facts.next.same_price = self.front.same_price.val();
        self.sequencer.facts.next.want_risk = self.want_risk.val();
        self.sequencer.facts.next.asks_more = (self.code.val() & self.not_risk.val()) != bits_lit::<8>(0);
        self.sequencer.facts.next.action = self.reading.control.val().action;
        self.sequencer.facts.next.has_rows = self.keep.val().has_rows;
        self.sequencer.facts.next.is_new_target = self.reading.target.val().target != self.keep.val().target;
        self.sequencer.facts.next.owns = self.owns.q.val();
        self.sequencer.facts.next.fits_card = self.fits_card.q.val();
        self.sequencer.facts.next.meets = self.meets.q.val();
        self.sequencer.facts.next.fits_ladder = self.fits_ladder.q.val();
        self.sequencer.facts.next.is_begun = self.engine.look_params.val().stage.any();
        self.sequencer.facts.next.is_settled = self.is_shadow_settled.q.val();
        self.sequencer.facts.next.bank_stage = self.bank.state.val().stage;
        self.sequencer.facts.next.is_complete = self.bank.state.val().written == self.keep.val().count;
        self.sequencer.facts.next.overflows = self.keep.val().has_rows & !self.fits_active.val();
        self.sequencer.is_calm.next = self.events.is_calm.val();
        self.sequencer.has_room.next = self.events.has_room.val();
        self.sequencer.halted.next = self.engine.halted.val();
        self.sequencer.engine_done.next = self.engine.done.val();
        self.sequencer.engine_ok.next = self.engine.ok.val();
        self.sequencer.engine_behind.next = self.engine.is_behind.val();
        self.sequencer.has_answer.next = self.engine.answered.val();
        self.sequencer.bank_done.next = self.bank.done.val();
        self.sequencer.bank_reason.next = self.bank.reason.val();
        self.sequencer.offset_done.next = self.offset.done.val();
        self.sequencer.target_units.next = self.offset.target_units.val();
        self.sequencer.book_done.next = self.book.done.val();
        self.sequencer.refusal.next = self.book.refusal.val();
        self.sequencer.book_faults.next = self.book.fault.val() != bits_lit::<8>(0);
        self.sequencer.writes_order.next = self.book.write_order.val();
        self.sequencer.said.next = self.desk.said.val();
        self.sequencer.risk_done.next = self.risk.done.val();
        self.bank.start.next = self.sequencer.bank_start.val();
        self.bank.op.next = self.sequencer.bank_op.val();
        self.book.start.next = self.sequencer.book_start.val();
        self.risk.start.next = self.sequencer.risk_start.val();

        // ---- what it answers
        self.answers.state.next = self.sequencer.state.val();
        self.answers.course.next = self.course.val();
        self.answers.words.next = self.words.val();
        self.answers.bank_id.next = self.setup.val().bank_id;
        if !self.is_number.q.val() {
            self.answers.bank_id.next = bits_lit::<16>(0);
        }
        self.answers.ledger.next = self.ledger.val();
        self.answers.cash.next = self.keep.val().cash;
        self.answers.filled.next = self.reading.update.val().filled;
        self.answers.fault.next = self.book.fault.val();
        self.answers.quantity.next = self.reading.trade.val().quantity;
        self.answers.params.next = self.engine.look_params.val();
        self.answers.summary.next = self.engine.look_summary.val();
        self.answers.saturated.next = self.bank.state.val().saturated;
        self.answers.price.next = self.place.val().price;
        self.answers.interval_error.next = self.front.interval.val().error;
        self.answers.delta.next = self.risk.delta.val();
        self.answers.gamma.next = self.risk.gamma.val();
        self.answers.vega.next = self.risk.vega.val();

        // ---- tables
        self.keep_written.d.next = self.new_keep.val();
        self.setup_written.d.next = self.new_setup.val();
        self.desk.set_setup.next = self.requests.val().setup;
        self.desk.setup.next = self.setup_written.q.val();
        self.ledger_written.d.next = self.new_ledger.val();
        // ---- what the front hears of slow commands
        self.front.flush.next = self.sequencer.flush.val();
        self.front.retires.next = self.sequencer.retires.val();
        self.front.moves_seq.next = self.course.val().moves_seq;
        self.front.moves_now.next = self.course.val().moves_now;
        self.front.takes_quote.next = self.requests.val().quote;
        self.front.forgets_feed.next = self.sequencer.state.val() == State::Forgetting;
        self.front.feed_at.next = self.at.val();
        self.front.write_keep.next = self.requests.val().keep;
        self.front.keep_at.next = self.written_at.q.val();
        self.front.keep.next = self.keep_written.q.val();
        self.front.is_answered.next = self.sequencer.is_answered.val();
        self.front.answer.next = self.engine.answer.val();

        // ---- events go out
        self.events.reset.next = self.reset.val();
        self.events.says.next = self.sequencer.says.val();
        self.events.fields.next = self.answers.fields.val();
        self.events.issue.next = self.issue.val();
        self.events.said.next = self.desk.said.val();
        self.events.meta.next = self.desk.said_meta.val();
        self.events.outcome.next = self.desk.outcome.val();
        self.events.event_ready.next = self.event_ready.val();
        self.event_data.next = self.events.event_data.val();
        self.event_valid.next = self.events.event_valid.val();
        self.idle.next =
            self.front.is_empty.val() & (self.sequencer.state.val() == State::Run) & self.events.is_empty.val();

        // ---- the doorbell: settled, and not the bank that answers
        self.bells.settled.next = self.engine.settled.val();
        self.bells.active.next = self.course.val().active;
        self.built.next = self.bells.built.val();
    }
}

crate::core_ports!([const N: usize] Core<N>, event_data);
