//! The core: the whole hedge kernel behind two streams, commands in and events out.
//!
//! ```text
//!   command -> buffer -> FETCH -> PLACE -> BASE -> SHIFT -> LOAD -> head
//!                 ^       ladder; price above its lowest; interval and fraction; the interval's word
//!                 |                                          |
//!                 |           a quote that the ladder answers|            anything else, once nothing
//!                 |           goes straight on, one a cycle  |            is in flight any more
//!                 |                                          v                     v
//!                 +---- fetched again after a slow ----  [ desk ]             [ sequencer ] -- engine, bank, book
//!                       command: it may have changed         |                     |
//!                       what was read ahead                  +------> events <-----+
//! ```
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
//! * a head without a usable interval is read again in every cycle in which it waits, and nothing
//!   makes an interval old while a fast quote is at the head;
//! * whether the head goes is known a cycle ahead, in `goes`: of the command behind it if the head goes
//!   now, else of the head;
//! * a refused command changes nothing but the sequence numbers; `now` moves with accepted ones only.

mod bells;
mod events;
mod front;
mod recent;
mod record;

use hedgewire_abi::command::code;
use hedgewire_abi::format::ORDER_SLOTS;
use rust_hdl::prelude::*;

use crate::bank::Bank;
use crate::book::{Book, Reconcile};
use crate::decode::{
    ReadBuild, ReadConfigure, ReadControl, ReadOrderUpdate, ReadPriceLimits, ReadRateLimits, ReadReconciliation,
    ReadScale, ReadSizeLimits, ReadStatus, ReadTarget, ReadTrade, ReadTrigger,
};
use crate::desk::Desk;
use crate::engine::{CardSizes, Engine, EngineOp};
use crate::finish::RiskUnit;
use crate::offset::OffsetUnit;
use crate::primitive::LookUp;
use crate::record::{ExactGreeks, Ledger, Order, PriceLimits, RateLimits, Setup, SizeLimits, Status, Trigger, Words};
use crate::signal::*;
use bells::Bells;
use events::Events;
use front::Front;
use record::{EventFields, Keep, Place, Verdict};

/// Cycles after a reset in which every unit runs dry.
const DRY_CYCLES: u128 = 200;

#[derive(LogicState, Clone, Copy, Debug, PartialEq)]
enum State {
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

/// The core with `N` lanes.
#[derive(LogicBlock)]
pub struct Core<const N: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub command_valid: Signal<In, Bit>,
    pub command_ready: Signal<Out, Bit>,
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
    desk: Desk,
    engine: Engine<N>,
    bank: Bank,
    book: Book,
    reconcile: Reconcile,
    offset: OffsetUnit,
    risk: RiskUnit,
    events: Events,
    bells: Bells,
    read_trigger: ReadTrigger,
    read_price: ReadPriceLimits,
    read_size: ReadSizeLimits,
    read_rate: ReadRateLimits,
    read_status: ReadStatus,
    read_scale: ReadScale,
    read_configure: ReadConfigure,
    read_target: ReadTarget,
    read_reconciliation: ReadReconciliation,
    read_control: ReadControl,
    read_build: ReadBuild,
    read_trade: ReadTrade,
    read_update: ReadOrderUpdate,

    // ---- memories
    keeps: LookUp<Keep, 8>,
    setups: LookUp<Setup, 8>,

    // ---- what is kept of the head's underlying, a cycle after it was looked up
    head_keep: DFF<Keep>,
    head_setup: DFF<Setup>,
    head_ledger: DFF<Ledger>,
    /// Which ladder and bank the sequencer looks at; what it sees of them comes two cycles later.
    look_at: DFF<U<9>>,

    // ---- machine
    state: DFF<State>,
    is_killed: DFF<Bit>,
    active_bits: DFF<U<32>>,

    // ---- what the sequencer asks of engine and offset unit
    engine_go: DFF<Bit>,
    engine_op: DFF<EngineOp>,
    engine_ladder: DFF<U<9>>,
    engine_price: DFF<U<32>>,
    is_wanted: DFF<Bit>,
    offset_go: DFF<Bit>,
    offset_usd: DFF<Bit>,
    offset_bits: DFF<U<8>>,

    // ---- what the sequencer writes, a cycle after it has said so
    writes_trigger: DFF<Bit>,
    writes_price: DFF<Bit>,
    writes_size: DFF<Bit>,
    writes_rate: DFF<Bit>,
    writes_status: DFF<Bit>,
    /// What is written is nothing, for `Configure`.
    forgets: DFF<Bit>,
    writes_ledger: DFF<Bit>,
    ledger_written: DFF<Ledger>,
    writes_order: DFF<Bit>,
    order_written: DFF<Order>,
    order_slot: DFF<U<4>>,
    writes_keep: DFF<Bit>,
    writes_setup: DFF<Bit>,
    keep_written: DFF<Keep>,
    setup_written: DFF<Setup>,
    /// Whose.
    written_at: DFF<U<8>>,
    /// The head's quote becomes the last one.
    takes_quote: DFF<Bit>,

    // ---- sequencer
    /// Cycles spent in a state that waits for what it looks at.
    waited: DFF<U<3>>,
    /// Of the head's words, two cycles after it came: what the decoders say, and where its slots are.
    configure_ok: DFF<Bit>,
    target_ok: DFF<Bit>,
    reconciliation_ok: DFF<Bit>,
    control_ok: DFF<Bit>,
    scale_ok: DFF<Bit>,
    build_ok: DFF<Bit>,
    trade_ok: DFF<Bit>,
    trigger_ok: DFF<Bit>,
    price_ok: DFF<Bit>,
    size_ok: DFF<Bit>,
    rate_ok: DFF<Bit>,
    status_ok: DFF<Bit>,
    is_current: DFF<Bit>,
    is_number: DFF<Bit>,
    owns: DFF<Bit>,
    fits_card: DFF<Bit>,
    fits_ladder: DFF<Bit>,
    other_first: DFF<U<33>>,
    other_end: DFF<U<33>>,
    /// Bit `k`: the head is a command of kind `k`.
    kinds: DFF<U<64>>,
    first_end: DFF<U<33>>,
    meets: DFF<Bit>,
    span_steps: DFF<U<32>>,
    span: DFF<U<32>>,
    coin_sum: DFF<S<64>>,
    is_news: DFF<Bit>,
    reason: DFF<U<8>>,
    moves_now: DFF<Bit>,
    moves_seq: DFF<Bit>,
    is_sweep: DFF<Bit>,
    is_halting: DFF<Bit>,
    is_exact: DFF<Bit>,
    is_asked: DFF<Bit>,
    engine_pending: DFF<Bit>,
    /// The nodes are to take a trade as soon as the engine has halted.
    is_owed: DFF<Bit>,
    /// What a trade does to the weights is known.
    is_weighed: DFF<Bit>,
    bank_pending: DFF<Bit>,
    loop_at: DFF<U<8>>,
    is_own_loop: DFF<Bit>,
    shadow_at: DFF<U<9>>,
    is_shadow_settled: DFF<Bit>,
    is_last_loop: DFF<Bit>,
    order_at: DFF<U<4>>,
    dry: DFF<U<8>>,
    first_units: DFF<U<62>>,
    second_units: DFF<U<62>>,
    greeks: DFF<ExactGreeks>,
    error: DFF<U<32>>,

    // ---- wires: the head
    head_word: Signal<Local, U<64>>,
    kind: Signal<Local, U<8>>,
    version: Signal<Local, U<8>>,
    number: Signal<Local, U<8>>,
    number_wide: Signal<Local, U<9>>,
    code: Signal<Local, U<8>>,
    slot: Signal<Local, U<32>>,
    first_slot: Signal<Local, U<32>>,
    slot_count: Signal<Local, U<32>>,
    first: Signal<Local, U<20>>,
    count: Signal<Local, U<21>>,
    intervals: Signal<Local, U<32>>,
    at: Signal<Local, U<8>>,
    keep: Signal<Local, Keep>,
    place: Signal<Local, Place>,
    verdict: Signal<Local, Verdict>,
    words: Signal<Local, Words>,
    ledger: Signal<Local, Ledger>,
    setup: Signal<Local, Setup>,
    base_ladder: Signal<Local, U<9>>,
    active_ladder: Signal<Local, U<9>>,
    shadow_ladder: Signal<Local, U<9>>,
    is_quote: Signal<Local, Bit>,
    on_ladder: Signal<Local, Bit>,
    want_risk: Signal<Local, Bit>,
    /// The front reads again what is behind the last one that has gone; the head has gone.
    flush: Signal<Local, Bit>,
    retires: Signal<Local, Bit>,
    forgets_feed: Signal<Local, Bit>,
    is_answered: Signal<Local, Bit>,

    // ---- wires: the sequencer
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
    count_wide_32: Signal<Local, U<32>>,
    fits_active: Signal<Local, Bit>,
    fields: Signal<Local, EventFields>,
    push: Signal<Local, Bit>,
    zone: Signal<Local, U<64>>,
    zone2: Signal<Local, U<64>>,
    cash_wide: Signal<Local, S<64>>,
    coin_wide: Signal<Local, S<64>>,
    position_wide: Signal<Local, S<64>>,
    quantity_wide: Signal<Local, S<64>>,
    quantity: Signal<Local, S<32>>,
    filled_value: Signal<Local, U<64>>,

    // ---- constants
    most_value: Constant<U<64>>,
    not_risk: Constant<U<8>>,
    one_8: Constant<U<8>>,
    one_1: Constant<U<1>>,
    one_3: Constant<U<3>>,
    one_9: Constant<U<9>>,
    one_4: Constant<U<4>>,
    last_order: Constant<U<4>>,
    one_32: Constant<U<32>>,
    one_64: Constant<U<64>>,
    half_64: Constant<U<6>>,
    underlyings: Constant<U<9>>,
    last_underlying: Constant<U<8>>,
    rows: Constant<U<33>>,
    dry_cycles: Constant<U<8>>,
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
            one_3: Constant::new(U::new(1)),
            most_value: Constant::new(U::new(i64::MAX as u128)),
            not_risk: Constant::new(U::new(!u128::from(code::WANT_RISK))),
            one_8: Constant::new(U::new(1)),
            one_9: Constant::new(U::new(1)),
            one_4: Constant::new(U::new(1)),
            last_order: Constant::new(U::new(ORDER_SLOTS as u128 - 1)),
            one_32: Constant::new(U::new(1)),
            one_64: Constant::new(U::new(1)),
            half_64: Constant::new(U::new(32)),
            underlyings: Constant::new(U::new(sizes.underlyings as u128)),
            last_underlying: Constant::new(U::new(sizes.underlyings as u128 - 1)),
            rows: Constant::new(U::new(sizes.rows as u128)),
            dry_cycles: Constant::new(U::new(DRY_CYCLES)),
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
            desk: Desk::new(sizes.underlyings),
            engine: Engine::new(sizes),
            bank: Bank::new(sizes.underlyings, sizes.rows),
            keeps: LookUp::wrapping(sizes.underlyings),
            setups: LookUp::wrapping(sizes.underlyings),
        }
            clock reset command_valid command_ready command event_valid event_ready event_data idle built
            book reconcile offset risk bells read_trigger read_price read_size read_rate read_status
            read_scale read_configure read_target read_reconciliation read_control read_build read_trade
            read_update state is_killed active_bits reason moves_now moves_seq is_sweep is_halting is_exact
            is_asked engine_pending is_owed is_weighed bank_pending loop_at order_at dry first_units
            second_units greeks error head_word kind version number number_wide is_number code slot
            first_slot slot_count first count intervals at keep place ledger setup base_ladder active_ladder
            shadow_ladder is_quote is_current is_own_loop shadow_at is_shadow_settled is_last_loop on_ladder
            want_risk flush owns slot_wide first_wide count_wide end_wide configure_ok target_ok
            reconciliation_ok control_ok scale_ok build_ok trade_ok trigger_ok price_ok size_ok rate_ok
            status_ok fits_card fits_ladder other_first other_end keep_end keep_first_wide head_keep
            head_setup head_ledger look_at waited is_wanted engine_go engine_op engine_ladder engine_price
            offset_go offset_usd offset_bits writes_trigger writes_price writes_size writes_rate
            writes_status forgets writes_ledger ledger_written writes_order order_written order_slot
            writes_keep writes_setup keep_written setup_written written_at takes_quote kinds first_end meets
            count_wide_32 new_keep new_setup new_ledger news is_news fits_active fields push zone zone2
            coin_sum cash_wide coin_wide position_wide quantity_wide quantity span span_steps filled_value
            events verdict words retires forgets_feed is_answered
        )
    }
}

impl<const N: usize> Logic for Core<N> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, front, desk, engine, bank, book, offset, risk, events, keeps, setups, configure_ok);
        clock!(self, clock, target_ok, reconciliation_ok, control_ok, scale_ok, build_ok, trade_ok, trigger_ok);
        clock!(self, clock, price_ok, size_ok, rate_ok, status_ok, owns, fits_card, fits_ladder, other_first);
        clock!(self, clock, other_end, head_keep, head_setup, head_ledger, look_at, waited, is_wanted, engine_go);
        clock!(self, clock, engine_op, engine_ladder, engine_price, offset_go, offset_usd, offset_bits);
        clock!(self, clock, writes_trigger, writes_price, writes_size, writes_rate, writes_status, forgets);
        clock!(self, clock, writes_ledger, ledger_written, writes_order, order_written, order_slot, writes_keep);
        clock!(self, clock, writes_setup, keep_written, setup_written, written_at, read_trigger, read_price);
        clock!(self, clock, read_size, read_rate, read_status, read_configure, read_target, read_reconciliation);
        clock!(self, clock, read_control, read_build, read_trade, read_update, read_scale, is_own_loop, shadow_at);
        clock!(self, clock, is_shadow_settled, is_last_loop, is_current, is_number, takes_quote, kinds, first_end);
        clock!(self, clock, meets, span_steps, span, coin_sum, is_news);
        dff_setup!(self, clock, state, is_killed, active_bits, reason, moves_now, moves_seq, is_sweep, is_halting);
        dff_setup!(self, clock, is_exact, is_asked, engine_pending, is_owed, is_weighed, bank_pending, loop_at);
        dff_setup!(self, clock, order_at, dry, first_units, second_units, greeks, error);
        self.front.reset.next = self.reset.val();
        self.desk.reset.next = self.reset.val();
        self.engine.reset.next = self.reset.val();
        self.bank.reset.next = self.reset.val();

        // ---- the head, and what is known of its underlying
        self.words.next = self.front.words.val();
        self.verdict.next = self.front.verdict.val();
        self.head_word.next = self.words.val().w0;
        self.kind.next = self.head_word.val().get_bits::<8>(0);
        self.version.next = self.head_word.val().get_bits::<8>(8);
        self.number.next = self.head_word.val().get_bits::<8>(16);
        self.code.next = self.head_word.val().get_bits::<8>(24);
        self.slot.next = self.head_word.val().get_bits::<32>(32);
        self.at.next = self.number.val();
        if self.is_sweep.q.val() | (self.state.q.val() == State::DisarmAll) {
            self.at.next = self.loop_at.q.val();
        }
        self.keeps.read_address.next = self.at.val();
        if self.state.q.val() == State::Meets {
            self.keeps.read_address.next = self.loop_at.q.val();
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
        self.waited.d.next = bits_lit::<3>(0);

        // ---- units that follow the head
        self.read_trigger.words.next = self.words.val();
        self.read_price.words.next = self.words.val();
        self.read_size.words.next = self.words.val();
        self.read_rate.words.next = self.words.val();
        self.read_status.words.next = self.words.val();
        self.read_scale.words.next = self.words.val();
        self.read_configure.words.next = self.words.val();
        self.read_target.words.next = self.words.val();
        self.read_reconciliation.words.next = self.words.val();
        self.read_control.words.next = self.words.val();
        self.read_build.words.next = self.words.val();
        self.read_trade.words.next = self.words.val();
        self.read_update.words.next = self.words.val();
        self.first_slot.next = self.read_configure.record.val().first_slot;
        self.slot_count.next = self.read_configure.record.val().slot_count;
        self.first.next = self.first_slot.val().get_bits::<20>(0);
        self.count.next = self.slot_count.val().get_bits::<21>(0);
        self.intervals.next = self.read_build.record.val().intervals;
        self.desk.owned.next = self.state.q.val() != State::Run;
        self.written_at.d.next = self.at.val();
        self.desk.book_address.next = self.at.val();
        self.head_ledger.d.next = self.desk.ledger.val();
        self.ledger.next = self.head_ledger.q.val();
        self.order_slot.d.next = self.slot.val().get_bits::<4>(0);
        if self.state.q.val() == State::ClearOrders {
            self.order_slot.d.next = self.order_at.q.val();
        }
        self.desk.order_slot.next = self.order_slot.q.val();
        self.desk.is_killed.next = self.is_killed.q.val();
        self.book.start.next = false;
        self.book.status.next = self.read_update.record.val().status;
        self.book.order_id.next = self.read_update.record.val().order_id;
        self.book.filled.next = self.read_update.record.val().filled;
        self.book.coin.next = self.read_update.record.val().coin;
        self.book.cost.next = self.read_update.record.val().cost;
        self.book.ledger.next = self.ledger.val();
        self.book.order.next = self.desk.order.val();
        self.reconcile.ledger.next = self.ledger.val();
        self.reconcile.word.next = self.read_reconciliation.record.val();

        self.look_at.d.next = self.active_ladder.val();
        if (self.state.q.val() == State::Check) | (self.state.q.val() == State::Dispatch) {
            self.look_at.d.next = self.shadow_ladder.val();
        } else if self.state.q.val() == State::UnitsFirst {
            self.look_at.d.next = self.base_ladder.val();
        } else if self.state.q.val() == State::UnitsSecond {
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
        self.bank.start.next = false;
        self.bank.op.next = bits_lit::<3>(0);
        self.bank.underlying.next = self.at.val();
        self.bank.bank.next = !self.keep.val().active;
        self.bank.first.next = self.keep.val().first;
        self.bank.count.next = self.keep.val().count;
        self.bank.slot.next = self.slot.val().get_bits::<20>(0);
        self.bank.words.next = self.words.val();
        self.bank.quantity.next = self.read_trade.record.val().quantity;

        self.offset_go.d.next = false;
        self.offset_usd.d.next = self.engine.look_scale.val().usd;
        self.offset_bits.d.next = self.engine.look_scale.val().delta_bits;
        if self.kinds.q.val().get_bit(16) {
            self.offset_usd.d.next = self.read_scale.scale.val().usd;
            self.offset_bits.d.next = self.read_scale.scale.val().delta_bits;
        }
        self.offset.start.next = self.offset_go.q.val();
        self.offset.usd.next = self.offset_usd.q.val();
        self.offset.delta_bits.next = self.offset_bits.q.val();
        self.offset.cash.next = self.keep.val().cash;
        self.offset.hedge_coin.next = self.ledger.val().hedge_coin;
        self.offset.target.next = self.keep.val().target;

        self.engine_go.d.next = false;
        self.engine_op.d.next = EngineOp::Configure;
        // Both ladders of the underlying, the one that is not in use, or the one that answers.
        self.engine_ladder.d.next = self.active_ladder.val();
        if self.kinds.q.val().get_bit(1) | self.kinds.q.val().get_bit(6) | self.is_sweep.q.val() {
            self.engine_ladder.d.next = self.base_ladder.val();
        } else if self.kinds.q.val().get_bit(16) | self.kinds.q.val().get_bit(18) {
            self.engine_ladder.d.next = self.shadow_ladder.val();
        }
        self.engine_price.d.next = self.place.val().price;
        if self.kinds.q.val().get_bit(18) {
            self.engine_price.d.next = self.read_build.record.val().centre;
        }
        self.engine.start.next = self.engine_go.q.val();
        self.engine.op.next = self.engine_op.q.val();
        self.engine.ladder.next = self.engine_ladder.q.val();
        self.engine.price.next = self.engine_price.q.val();
        self.engine.slots.next.first = self.first.val();
        self.engine.slots.next.count = self.count.val();
        if self.kinds.q.val().get_bit(1) {
            self.bank.first.next = self.first.val();
            self.bank.count.next = self.count.val();
        }
        if self.is_sweep.q.val() {
            self.bank.first.next = bits_lit::<20>(0);
            self.bank.count.next = bits_lit::<21>(64);
            self.engine.slots.next.first = bits_lit::<20>(0);
            self.engine.slots.next.count = bits_lit::<21>(0);
        }
        self.engine.scale.next = self.read_scale.scale.val();
        self.engine.target.next = self.first_units.q.val();
        self.engine.other_target.next = self.second_units.q.val();
        self.engine.shift.next = self.read_build.record.val().step_shift;
        self.engine.intervals.next = self.intervals.val().get_bits::<15>(0);
        self.engine.is_shaped.next = self.bank.is_shaped.val();
        self.engine.shape.next = self.bank.shape.val();
        self.engine.holds.next = self.bank.holds.val();
        self.engine.weighed.next = self.is_weighed.q.val();
        self.engine.changed0.next = self.bank.changed0.val();
        self.engine.changed1.next = self.bank.changed1.val();
        self.engine.change0.next = self.bank.change0.val();
        self.engine.change1.next = self.bank.change1.val();
        self.engine.halt.next = self.is_halting.q.val();
        self.is_wanted.d.next = false;
        self.engine.wanted.next = self.is_wanted.q.val();
        self.engine.wanted_ladder.next = self.place.val().ladder;
        self.engine.wanted_index.next = self.place.val().index;
        if self.engine.done.val() {
            self.engine_pending.d.next = false;
        }
        if self.bank.done.val() {
            self.bank_pending.d.next = false;
        }

        // ---- what the head is
        self.number_wide.next = unsigned_cast_wide(self.number.val());
        self.is_number.d.next = self.number_wide.val() < self.underlyings.val();
        self.kinds.d.next = self.one_64.val() << self.kind.val();
        // A head that goes at once is a quote; of any other the kind is known a cycle later, which is soon enough.
        self.is_quote.next = self.verdict.val().is_plain | self.kinds.q.val().get_bit(32);
        self.is_current.d.next = self.version.val() == bits_lit::<8>(1);
        self.on_ladder.next = self.place.val().has_rows & self.place.val().inside & !self.place.val().exact_mode;
        self.engine.has_place.next = self.front.has_quote.val() & self.on_ladder.val();
        self.engine.index.next = self.place.val().index;
        // A trade has another meaning for the bit, and a quote that goes at once has it clear.
        self.want_risk.next = self.code.val().get_bit(1) & !self.kinds.q.val().get_bit(33);

        // ---- the front
        self.front.command_valid.next = self.command_valid.val();
        self.front.command.next = self.command.val();
        self.command_ready.next = self.front.command_ready.val();
        self.front.is_open.next = (self.state.q.val() != State::Dry) & !self.is_sweep.q.val();
        self.front.is_running.next = self.state.q.val() == State::Run;
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
        self.desk.issue.next = self.front.issue.val();
        self.desk.meta.next.kind = self.kind.val();
        self.desk.meta.next.underlying = self.number.val();
        self.desk.meta.next.now_ns = self.words.val().w1;
        self.desk.meta.next.command_seq = self.words.val().w7;
        self.desk.meta.next.reason = bits_lit::<8>(0);
        self.desk.meta.next.is_exact = self.is_exact.q.val();
        self.desk.meta.next.want_risk = self.want_risk.val();
        self.desk.quote.next = self.front.quote.val();
        if !self.is_quote.val() {
            self.desk.quote.next = self.front.last_quote.val();
        }
        self.desk.coefficients.next = self.front.interval.val();
        self.desk.t.next = self.place.val().t;
        self.desk.exact.next = self.greeks.q.val();
        self.risk.start.next = false;
        self.risk.is_exact.next = self.is_exact.q.val();
        self.risk.exact.next = self.greeks.q.val();
        self.risk.interval.next = self.front.interval.val();
        self.risk.t.next = self.place.val().t;
        self.risk.price.next = self.place.val().price;
        self.risk.shift.next = self.place.val().shift;
        self.risk.delta_bits.next = self.engine.look_scale.val().delta_bits;
        self.risk.vega_bits.next = self.engine.look_scale.val().vega_bits;

        // ---- tables that slow commands write
        self.writes_keep.d.next = false;
        self.keeps.write.next = self.writes_keep.q.val();
        self.keeps.write_address.next = self.written_at.q.val();
        self.keeps.write_data.next = self.keep_written.q.val();
        self.new_keep.next = self.keep.val();
        if self.kinds.q.val().get_bit(1) {
            self.new_keep.next.first = self.first.val();
            self.new_keep.next.count = self.count.val();
            self.new_keep.next.exact_mode = self.read_configure.record.val().exact_mode;
            self.new_keep.next.has_rows = false;
            self.new_keep.next.target = bits_lit::<63>(0);
            self.new_keep.next.cash = bits_lit::<63>(0);
        }
        if self.kinds.q.val().get_bit(6) {
            self.new_keep.next.target = self.read_target.record.val().target;
            self.new_keep.next.cash = self.read_target.record.val().cash;
        }
        if self.kinds.q.val().get_bit(19) {
            self.new_keep.next.active = !self.keep.val().active;
            self.new_keep.next.has_rows = true;
        }
        if self.kinds.q.val().get_bit(33) {
            self.new_keep.next.cash = self.read_trade.record.val().cash;
        }
        if self.is_sweep.q.val() {
            self.new_keep.next = self.no_keep.val();
        }
        self.takes_quote.d.next = false;
        self.writes_setup.d.next = false;
        self.setups.write.next = self.writes_setup.q.val();
        self.setups.write_address.next = self.written_at.q.val();
        self.setups.write_data.next = self.setup_written.q.val();
        // Each kind of command writes one thing into it, whichever state says when.
        self.new_setup.next = self.setup.val();
        if self.kinds.q.val().get_bit(9) {
            if self.read_control.record.val().action == bits_lit::<3>(1) {
                self.new_setup.next.is_armed = true;
            } else if self.read_control.record.val().action == bits_lit::<3>(2) {
                self.new_setup.next.mode = bits_lit::<2>(0);
            } else if self.read_control.record.val().action == bits_lit::<3>(3) {
                self.new_setup.next.mode = bits_lit::<2>(1);
            } else if self.read_control.record.val().action == bits_lit::<3>(4) {
                self.new_setup.next.mode = bits_lit::<2>(2);
            } else if self.read_control.record.val().action != bits_lit::<3>(5) {
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
        if self.kinds.q.val().get_bit(1) | self.is_sweep.q.val() {
            self.new_setup.next = self.no_setup.val();
        }
        self.desk.set_address.next = self.written_at.q.val();
        self.desk.set_trigger.next = self.writes_trigger.q.val();
        self.desk.set_price.next = self.writes_price.q.val();
        self.desk.set_size.next = self.writes_size.q.val();
        self.desk.set_rate.next = self.writes_rate.q.val();
        self.desk.set_status.next = self.writes_status.q.val();
        self.forgets.d.next = false;
        self.writes_trigger.d.next = false;
        self.desk.trigger.next = self.read_trigger.record.val();
        self.writes_price.d.next = false;
        self.desk.price_limits.next = self.read_price.record.val();
        self.writes_size.d.next = false;
        self.desk.size_limits.next = self.read_size.record.val();
        self.writes_rate.d.next = false;
        self.desk.rate_limits.next = self.read_rate.record.val();
        self.writes_status.d.next = false;
        self.desk.status.next = self.read_status.record.val();
        self.desk.clear_pace.next = self.forgets.q.val();
        if self.forgets.q.val() {
            self.desk.trigger.next = self.no_trigger.val();
            self.desk.price_limits.next = self.no_price.val();
            self.desk.size_limits.next = self.no_size.val();
            self.desk.rate_limits.next = self.no_rate.val();
            self.desk.status.next = self.no_status.val();
        }
        self.desk.write_ledger.next = self.writes_ledger.q.val();
        self.writes_ledger.d.next = false;
        self.desk.new_ledger.next = self.ledger_written.q.val();
        self.desk.write_order.next = self.writes_order.q.val();
        self.desk.new_order.next = self.order_written.q.val();
        self.writes_order.d.next = false;
        self.order_written.d.next = self.no_order.val();

        // ---- arithmetic of the sequencer
        self.shadow_at.d.next = self.shadow_ladder.val();
        self.is_shadow_settled.d.next = self.engine.settled.val().get_bit(self.shadow_at.q.val().index());
        self.is_own_loop.d.next = self.loop_at.q.val() == self.number.val();
        self.is_last_loop.d.next = self.loop_at.q.val() == self.last_underlying.val();
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
        self.configure_ok.d.next = self.read_configure.was_ok.val();
        self.target_ok.d.next = self.read_target.was_ok.val();
        self.reconciliation_ok.d.next = self.read_reconciliation.was_ok.val();
        self.control_ok.d.next = self.read_control.was_ok.val();
        self.scale_ok.d.next = self.read_scale.ok.val();
        self.build_ok.d.next = self.read_build.was_ok.val();
        self.trade_ok.d.next = self.read_trade.was_ok.val();
        self.trigger_ok.d.next = self.read_trigger.was_ok.val();
        self.price_ok.d.next = self.read_price.was_ok.val();
        self.size_ok.d.next = self.read_size.was_ok.val();
        self.rate_ok.d.next = self.read_rate.was_ok.val();
        self.status_ok.d.next = self.read_status.was_ok.val();
        self.is_news.d.next = (self.bank.old_quantity.val() != self.read_trade.record.val().quantity)
            | (self.keep.val().cash != self.read_trade.record.val().cash);
        self.news.next = bits_lit::<32>(0);
        if self.is_news.q.val() {
            self.news.next = bits_lit::<32>(1);
        }
        self.fits_active.next = self.bank.fits0.val();
        if self.keep.val().active {
            self.fits_active.next = self.bank.fits1.val();
        }
        self.cash_wide.next = signed_cast_wide(signed_cast_same(self.keep.val().cash));
        self.coin_wide.next = signed_cast_wide(signed_cast_same(self.ledger.val().hedge_coin));
        self.coin_sum.d.next = self.cash_wide.val() + self.coin_wide.val();
        self.position_wide.next = signed_cast_wide(signed_cast_same(self.ledger.val().position));
        self.quantity.next = signed_cast_same(self.read_trade.record.val().quantity);
        self.quantity_wide.next = signed_cast_wide(self.quantity.val());
        self.count_wide_32.next = unsigned_cast_wide(self.engine.look_params.val().count);
        self.span_steps.d.next = self.count_wide_32.val() << self.engine.look_params.val().shift;
        self.span.d.next = self.engine.look_params.val().low + self.span_steps.q.val();
        self.filled_value.next = self.read_update.record.val().filled;
        if self.filled_value.val().get_bit(63) {
            self.filled_value.next = self.most_value.val();
        }

        self.new_ledger.next = self.ledger.val();
        self.new_ledger.next.ledger_seq = self.ledger.val().ledger_seq + self.news.val();
        if self.kinds.q.val().get_bit(7) {
            self.new_ledger.next = self.reconcile.new_ledger.val();
        }
        if self.kinds.q.val().get_bit(34) {
            self.new_ledger.next = self.book.new_ledger.val();
        }
        if self.kinds.q.val().get_bit(1) | self.is_sweep.q.val() {
            self.new_ledger.next = self.no_ledger.val();
        }

        // ---- an event, unless nothing is said
        self.push.next = false;
        self.fields.next.kind = bits_lit::<8>(2);
        self.fields.next.version = bits_lit::<8>(1);
        self.fields.next.underlying = self.number.val();
        self.fields.next.reason = bits_lit::<8>(0);
        self.fields.next.is_urgent = false;
        self.fields.next.is_exact = false;
        self.fields.next.is_last = true;
        self.fields.next.no_flags = bits_lit::<13>(0);
        self.fields.next.bank_id = self.setup.val().bank_id;
        if !self.is_number.q.val() {
            self.fields.next.bank_id = bits_lit::<16>(0);
        }
        self.fields.next.now_ns = self.words.val().w1;
        self.fields.next.w2 = bits_lit::<64>(0);
        self.fields.next.w3 = bits_lit::<64>(0);
        self.fields.next.w4 = bits_lit::<64>(0);
        self.fields.next.w5 = bits_lit::<64>(0);
        self.fields.next.command_seq = self.words.val().w7;

        self.flush.next = false;
        self.retires.next = false;
        self.forgets_feed.next = false;
        self.is_answered.next = false;

        if self.is_owed.q.val() & self.engine.halted.val() {
            self.engine_op.d.next = EngineOp::Trade;
            self.engine_go.d.next = true;
            self.engine_pending.d.next = true;
            self.is_owed.d.next = false;
        }

        match self.state.q.val() {
            State::Dry => {
                self.dry.d.next = self.dry.q.val() + self.one_8.val();
                if self.dry.q.val() == self.dry_cycles.val() {
                    self.is_sweep.d.next = true;
                    self.is_halting.d.next = true;
                    self.loop_at.d.next = bits_lit::<8>(0);
                    self.state.d.next = State::Forget;
                }
            }
            State::Run => {
                if self.front.is_head.val() {
                    if self.front.is_fast.val() & !self.verdict.val().is_usable {
                        self.is_wanted.d.next = true;
                    } else if (!self.front.is_fast.val() | self.verdict.val().is_exact)
                        & self.events.is_calm.val()
                        & !self.verdict.val().is_doubtful
                        & self.events.has_room.val()
                    {
                        self.state.d.next = State::Check;
                    }
                }
            }
            State::Check => {
                self.moves_now.d.next = false;
                self.moves_seq.d.next = false;
                self.is_exact.d.next = false;
                self.is_halting.d.next = false;
                self.state.d.next = State::Refuse;
                if !self.is_current.q.val() {
                    self.reason.d.next = bits_lit::<8>(128);
                } else if !self.verdict.val().is_next {
                    self.reason.d.next = bits_lit::<8>(131);
                } else {
                    self.moves_seq.d.next = true;
                    if !self.verdict.val().is_timely {
                        self.reason.d.next = bits_lit::<8>(133);
                    } else if self.kinds.q.val().get_bit(32) & self.place.val().is_known {
                        if self.verdict.val().is_stray {
                            self.reason.d.next = bits_lit::<8>(130);
                        } else if self.verdict.val().reason != bits_lit::<8>(0) {
                            self.reason.d.next = self.verdict.val().reason;
                        } else if !self.verdict.val().is_newer {
                            self.reason.d.next = bits_lit::<8>(141);
                        } else {
                            self.takes_quote.d.next = true;
                            self.moves_now.d.next = true;
                            self.state.d.next = State::Evaluate;
                        }
                    } else if !self.is_number.q.val()
                        | (!self.place.val().is_known & !self.kinds.q.val().get_bit(1) & !self.kinds.q.val().get_bit(9))
                    {
                        self.reason.d.next = bits_lit::<8>(132);
                    } else if !self.verdict.val().is_known {
                        self.reason.d.next = bits_lit::<8>(129);
                    } else if self.verdict.val().is_stray {
                        self.reason.d.next = bits_lit::<8>(130);
                    } else if (self.kinds.q.val().get_bit(33) | self.kinds.q.val().get_bit(35))
                        & !self.front.same_price.val()
                    {
                        // Placed before a quote ahead of it had moved the price: once more.
                        self.state.d.next = State::Again;
                    } else {
                        self.reason.d.next = bits_lit::<8>(134);
                        self.state.d.next = State::Dispatch;
                    }
                }
            }
            State::Again => {
                self.flush.next = true;
                self.state.d.next = State::Run;
            }
            // The reason is VALUE_RANGE unless said otherwise.
            State::Dispatch => {
                self.state.d.next = State::Refuse;
                self.loop_at.d.next = bits_lit::<8>(0);
                self.order_at.d.next = bits_lit::<4>(0);
                if self.kinds.q.val().get_bit(1) & self.configure_ok.q.val() & self.fits_card.q.val() {
                    self.state.d.next = State::Meets;
                }
                if self.kinds.q.val().get_bit(6) & self.target_ok.q.val() {
                    self.writes_keep.d.next = true;
                    self.state.d.next = State::Offset;
                    if self.read_target.record.val().target != self.keep.val().target {
                        self.state.d.next = State::UnitsFirst;
                    }
                }
                if self.kinds.q.val().get_bit(7) & self.reconciliation_ok.q.val() {
                    self.writes_ledger.d.next = true;
                    self.state.d.next = State::ClearOrders;
                }
                if self.kinds.q.val().get_bit(9) & self.control_ok.q.val() {
                    self.state.d.next = State::Control;
                }
                if self.kinds.q.val().get_bit(16) & self.scale_ok.q.val() {
                    self.offset_go.d.next = true;
                    self.is_halting.d.next = true;
                    self.state.d.next = State::Open;
                }
                if self.kinds.q.val().get_bit(17) | self.kinds.q.val().get_bit(18) | self.kinds.q.val().get_bit(19) {
                    self.state.d.next = State::Shadow;
                }
                if self.kinds.q.val().get_bit(33) {
                    self.is_halting.d.next = true;
                    self.state.d.next = State::TradeRows;
                }
                if self.kinds.q.val().get_bit(34) {
                    self.book.start.next = true;
                    self.state.d.next = State::Booking;
                }
                if self.kinds.q.val().get_bit(35) {
                    if (self.code.val() & self.not_risk.val()) != bits_lit::<8>(0) {
                        self.reason.d.next = bits_lit::<8>(130);
                    } else {
                        self.state.d.next = State::Ask;
                    }
                }
                if self.kinds.q.val().get_bit(2)
                    | self.kinds.q.val().get_bit(3)
                    | self.kinds.q.val().get_bit(4)
                    | self.kinds.q.val().get_bit(5)
                    | self.kinds.q.val().get_bit(8)
                {
                    self.state.d.next = State::Set;
                }
            }
            // The reason is still VALUE_RANGE.
            State::Shadow => {
                self.state.d.next = State::Refuse;
                if self.kinds.q.val().get_bit(17) {
                    if !self.owns.q.val() {
                        self.reason.d.next = bits_lit::<8>(135);
                    } else if self.engine.look_params.val().stage.any() {
                        self.reason.d.next = bits_lit::<8>(136);
                    } else {
                        self.bank.start.next = true;
                        self.bank.op.next = bits_lit::<3>(2);
                        self.state.d.next = State::Row;
                    }
                } else if self.kinds.q.val().get_bit(18) {
                    if self.build_ok.q.val() & self.fits_ladder.q.val() {
                        if self.bank.state.val().stage != bits_lit::<2>(1) {
                            self.reason.d.next = bits_lit::<8>(136);
                        } else if self.bank.state.val().written != self.keep.val().count {
                            self.reason.d.next = bits_lit::<8>(137);
                        } else {
                            self.reason.d.next = bits_lit::<8>(138);
                            self.is_halting.d.next = true;
                            self.state.d.next = State::Build;
                        }
                    }
                } else {
                    self.reason.d.next = bits_lit::<8>(139);
                    if self.engine.look_params.val().stage.any() {
                        self.state.d.next = State::SwapWait;
                    }
                }
            }
            State::Refuse => {
                self.push.next = true;
                self.fields.next.reason = self.reason.q.val();
                self.fields.next.w5 = unsigned_cast_wide(self.kind.val());
                self.state.d.next = State::Retire;
            }
            State::Accept => {
                self.push.next = true;
                self.fields.next.kind = bits_lit::<8>(1);
                self.fields.next.w2 = unsigned_cast_wide(self.kind.val());
                self.moves_now.d.next = true;
                self.state.d.next = State::Retire;
            }
            State::Retire => {
                self.is_exact.d.next = false;
                self.is_halting.d.next = false;
                self.flush.next = true;
                self.retires.next = true;
                self.state.d.next = State::Run;
            }
            // A decision at the last quote is wanted.
            State::Ask => {
                self.moves_now.d.next = true;
                self.is_halting.d.next = false;
                if !self.keep.val().has_rows {
                    self.reason.d.next = bits_lit::<8>(16);
                    self.state.d.next = State::Refuse;
                } else if !self.front.has_quote.val() {
                    self.reason.d.next = bits_lit::<8>(17);
                    self.state.d.next = State::Refuse;
                } else {
                    self.state.d.next = State::Evaluate;
                }
            }
            State::Set => {
                self.state.d.next = State::Refuse;
                self.writes_trigger.d.next = self.kinds.q.val().get_bit(2) & self.trigger_ok.q.val();
                self.writes_price.d.next = self.kinds.q.val().get_bit(3) & self.price_ok.q.val();
                self.writes_size.d.next = self.kinds.q.val().get_bit(4) & self.size_ok.q.val();
                self.writes_rate.d.next = self.kinds.q.val().get_bit(5) & self.rate_ok.q.val();
                self.writes_status.d.next = self.kinds.q.val().get_bit(8) & self.status_ok.q.val();
                if (self.kinds.q.val().get_bit(2) & self.trigger_ok.q.val())
                    | (self.kinds.q.val().get_bit(3) & self.price_ok.q.val())
                    | (self.kinds.q.val().get_bit(4) & self.size_ok.q.val())
                    | (self.kinds.q.val().get_bit(5) & self.rate_ok.q.val())
                    | (self.kinds.q.val().get_bit(8) & self.status_ok.q.val())
                {
                    self.state.d.next = State::Accept;
                }
            }
            State::Control => {
                self.state.d.next = State::Accept;
                self.writes_setup.d.next = true;
                if self.read_control.record.val().action == bits_lit::<3>(5) {
                    self.is_killed.d.next = true;
                }
                if self.read_control.record.val().action == bits_lit::<3>(6) {
                    self.is_killed.d.next = false;
                    self.state.d.next = State::DisarmAll;
                }
            }
            State::DisarmAll => {
                // Looked up, then written.
                self.is_asked.d.next = !self.is_asked.q.val();
                if self.is_asked.q.val() {
                    self.writes_setup.d.next = true;
                    self.loop_at.d.next = self.loop_at.q.val() + self.one_8.val();
                    if self.is_last_loop.q.val() {
                        self.state.d.next = State::Disarmed;
                    }
                }
            }
            State::Disarmed => {
                self.state.d.next = State::Accept;
            }
            State::Meets => {
                self.waited.d.next = self.waited.q.val() + self.one_3.val();
                if self.waited.q.val() == bits_lit::<3>(3) {
                    self.loop_at.d.next = self.loop_at.q.val() + self.one_8.val();
                }
                if self.waited.q.val() != bits_lit::<3>(3) {
                    // The slots of the other underlying are looked up, their end added, and compared.
                    self.state.d.next = State::Meets;
                } else if !self.is_own_loop.q.val() & self.meets.q.val() {
                    self.reason.d.next = bits_lit::<8>(135);
                    self.state.d.next = State::Refuse;
                } else if self.is_last_loop.q.val() {
                    self.is_halting.d.next = true;
                    self.state.d.next = State::Forget;
                }
            }
            State::Forget => {
                if self.engine.halted.val() {
                    self.engine_go.d.next = true;
                    self.bank.start.next = true;
                    self.engine_pending.d.next = true;
                    self.bank_pending.d.next = true;
                    self.state.d.next = State::Forgetting;
                }
            }
            State::Forgetting => {
                self.writes_keep.d.next = true;
                self.forgets_feed.next = true;
                self.writes_setup.d.next = true;
                self.writes_trigger.d.next = true;
                self.writes_price.d.next = true;
                self.writes_size.d.next = true;
                self.writes_rate.d.next = true;
                self.writes_status.d.next = true;
                self.forgets.d.next = true;
                self.writes_ledger.d.next = true;
                self.order_at.d.next = bits_lit::<4>(0);
                self.state.d.next = State::ClearOrders;
            }
            State::ClearOrders => {
                self.writes_order.d.next = true;
                if self.order_at.q.val() != self.last_order.val() {
                    self.order_at.d.next = self.order_at.q.val() + self.one_4.val();
                } else if self.waited.q.val() == bits_lit::<3>(0) {
                    // The last one is being written.
                    self.waited.d.next = bits_lit::<3>(1);
                } else {
                    self.state.d.next = State::Cleared;
                }
            }
            State::Cleared => {
                if !self.engine_pending.q.val() & !self.bank_pending.q.val() {
                    if !self.is_sweep.q.val() {
                        self.state.d.next = State::Accept;
                        if self.kinds.q.val().get_bit(7) {
                            self.state.d.next = State::Offset;
                        }
                    } else if self.is_last_loop.q.val() {
                        self.is_sweep.d.next = false;
                        self.is_halting.d.next = false;
                        self.state.d.next = State::Again;
                    } else {
                        self.loop_at.d.next = self.loop_at.q.val() + self.one_8.val();
                        self.state.d.next = State::Forget;
                    }
                }
            }
            State::UnitsFirst => {
                if self.waited.q.val() != bits_lit::<3>(2) {
                    self.waited.d.next = self.waited.q.val() + self.one_3.val();
                } else {
                    self.waited.d.next = bits_lit::<3>(2);
                    self.offset_go.d.next = !self.is_asked.q.val();
                    self.is_asked.d.next = true;
                }
                if self.is_asked.q.val() & self.offset.done.val() {
                    self.first_units.d.next = self.offset.target_units.val();
                    self.is_asked.d.next = false;
                    self.waited.d.next = bits_lit::<3>(0);
                    self.state.d.next = State::UnitsSecond;
                }
            }
            State::UnitsSecond => {
                if self.waited.q.val() != bits_lit::<3>(2) {
                    self.waited.d.next = self.waited.q.val() + self.one_3.val();
                } else {
                    self.waited.d.next = bits_lit::<3>(2);
                    self.offset_go.d.next = !self.is_asked.q.val();
                    self.is_asked.d.next = true;
                }
                if self.is_asked.q.val() & self.offset.done.val() {
                    self.second_units.d.next = self.offset.target_units.val();
                    self.is_asked.d.next = false;
                    self.is_halting.d.next = true;
                    self.waited.d.next = bits_lit::<3>(0);
                    self.state.d.next = State::Retarget;
                }
            }
            State::Retarget => {
                self.engine_op.d.next = EngineOp::Retarget;
                if !self.engine_pending.q.val() & self.engine.halted.val() {
                    self.engine_go.d.next = true;
                    self.engine_pending.d.next = true;
                }
                if self.engine_pending.q.val() & self.engine.done.val() {
                    self.is_halting.d.next = false;
                    self.state.d.next = State::Offset;
                }
            }
            State::Open => {
                self.engine_op.d.next = EngineOp::Open;
                if self.offset.done.val() {
                    self.first_units.d.next = self.offset.target_units.val();
                    self.state.d.next = State::OpenBank;
                }
            }
            State::OpenBank => {
                self.engine_op.d.next = EngineOp::Open;
                self.bank.op.next = bits_lit::<3>(1);
                if self.engine.halted.val() {
                    self.engine_go.d.next = true;
                    self.bank.start.next = true;
                    self.engine_pending.d.next = true;
                    self.bank_pending.d.next = true;
                    self.state.d.next = State::OpenWait;
                }
            }
            State::OpenWait => {
                self.engine_op.d.next = EngineOp::Open;
                if !self.engine_pending.q.val() & !self.bank_pending.q.val() {
                    self.state.d.next = State::Accept;
                }
            }
            State::Row => {
                self.bank.op.next = bits_lit::<3>(2);
                if self.bank.done.val() {
                    self.reason.d.next = self.bank.reason.val();
                    self.state.d.next = State::Accept;
                    if self.bank.reason.val() != bits_lit::<8>(0) {
                        self.state.d.next = State::Refuse;
                    }
                }
            }
            State::Build => {
                self.engine_op.d.next = EngineOp::Build;
                if !self.engine_pending.q.val() & self.engine.halted.val() {
                    self.engine_go.d.next = true;
                    self.engine_pending.d.next = true;
                }
                if self.engine_pending.q.val() & self.engine.done.val() {
                    self.state.d.next = State::Refuse;
                    if self.engine.ok.val() {
                        self.state.d.next = State::Accept;
                    }
                }
            }
            State::SwapWait => {
                if self.is_shadow_settled.q.val() {
                    self.is_halting.d.next = true;
                    self.state.d.next = State::Swap;
                }
            }
            State::Swap => {
                self.engine_op.d.next = EngineOp::Clear;
                self.bank.op.next = bits_lit::<3>(4);
                if self.engine.halted.val() & !self.engine_pending.q.val() {
                    self.engine_go.d.next = true;
                    self.bank.start.next = true;
                    self.engine_pending.d.next = true;
                    self.bank_pending.d.next = true;
                    self.state.d.next = State::SwapKeep;
                }
            }
            State::SwapKeep => {
                self.engine_op.d.next = EngineOp::Clear;
                if !self.engine_pending.q.val() & !self.bank_pending.q.val() {
                    self.writes_keep.d.next = true;
                    self.active_bits.d.next = self.active_bits.q.val() ^ (self.one_32.val() << self.at.val());
                    self.state.d.next = State::Offset;
                }
            }
            // Its bank's identification is looked up again.
            State::SwapSeen => {
                self.waited.d.next = self.waited.q.val() + self.one_3.val();
                if self.waited.q.val() == bits_lit::<3>(1) {
                    self.state.d.next = State::Swapped;
                }
            }
            State::Swapped => {
                self.push.next = true;
                self.fields.next.kind = bits_lit::<8>(6);
                self.fields.next.w2 = unsigned_cast_wide(self.engine.look_summary.val().error_bound);
                self.zone2.next = unsigned_cast_wide(self.bank.state.val().saturated);
                self.zone2.next = self.zone2.val() << self.half_64.val();
                self.zone.next = unsigned_cast_wide(self.engine.look_summary.val().exact_intervals);
                self.fields.next.w3 = self.zone2.val() | self.zone.val();
                self.zone2.next = unsigned_cast_wide(self.span.q.val());
                self.zone2.next = self.zone2.val() << self.half_64.val();
                self.zone.next = unsigned_cast_wide(self.engine.look_params.val().low);
                self.fields.next.w4 = self.zone2.val() | self.zone.val();
                self.moves_now.d.next = true;
                self.state.d.next = State::Retire;
            }
            State::TradeRows => {
                self.bank.op.next = bits_lit::<3>(3);
                if !self.owns.q.val() {
                    self.reason.d.next = bits_lit::<8>(135);
                    self.state.d.next = State::Refuse;
                } else if !self.trade_ok.q.val() {
                    self.state.d.next = State::Refuse;
                } else {
                    // A pass over the rows has been dropped before the row changes.
                    self.bank.start.next = true;
                    // The nodes take the trade while the weights and then the offset are worked out.
                    self.is_weighed.d.next = false;
                    self.is_owed.d.next = true;
                    self.state.d.next = State::TradeLedger;
                }
            }
            State::TradeLedger => {
                self.bank.op.next = bits_lit::<3>(3);
                if self.bank.done.val() {
                    self.writes_keep.d.next = true;
                    self.writes_ledger.d.next = true;
                    self.is_weighed.d.next = true;
                    // What the offset looks at has been seen.
                    self.waited.d.next = bits_lit::<3>(3);
                    self.state.d.next = State::Offset;
                }
            }
            State::TradeFault => {
                self.push.next = self.keep.val().has_rows & !self.fits_active.val();
                self.fields.next.kind = bits_lit::<8>(7);
                self.fields.next.reason = bits_lit::<8>(37);
                self.fields.next.is_last = false;
                self.fields.next.w2 = unsigned_cast_wide(self.slot.val());
                self.fields.next.w3 = unsigned_cast_same(self.quantity_wide.val());
                self.state.d.next = State::TradeNodes;
            }
            State::TradeNodes => {
                if self.engine.answered.val() & (self.engine.answer.val().error != bits_lit::<32>(0xffff_ffff_u64)) {
                    // A quote is there, on the ladder, and its interval answers.
                    self.is_answered.next = true;
                    self.moves_now.d.next = true;
                    self.is_halting.d.next = false;
                    self.state.d.next = State::Issue;
                } else if !self.is_owed.q.val() & (!self.engine_pending.q.val() | self.engine.done.val()) {
                    self.state.d.next = State::Ask;
                }
            }
            State::Booking => {
                if self.book.done.val() {
                    if self.book.refusal.val() != bits_lit::<8>(0) {
                        self.reason.d.next = self.book.refusal.val();
                        self.state.d.next = State::Refuse;
                    } else {
                        self.writes_ledger.d.next = true;
                        self.writes_order.d.next = self.book.write_order.val();
                        self.order_written.d.next = self.book.new_order.val();
                        self.state.d.next = State::Offset;
                    }
                }
            }
            State::OrderFault => {
                self.push.next = self.book.fault.val() != bits_lit::<8>(0);
                self.fields.next.kind = bits_lit::<8>(7);
                self.fields.next.reason = self.book.fault.val();
                self.fields.next.is_last = false;
                self.fields.next.w2 = unsigned_cast_wide(self.slot.val());
                self.fields.next.w3 = self.filled_value.val();
                self.state.d.next = State::SayLedger;
            }
            State::SayLedger => {
                self.push.next = true;
                self.fields.next.kind = bits_lit::<8>(5);
                self.fields.next.w2 = unsigned_cast_same(self.position_wide.val());
                self.fields.next.w3 = unsigned_cast_same(self.coin_sum.q.val());
                self.zone2.next = unsigned_cast_wide(self.ledger.val().open_sell);
                self.zone2.next = self.zone2.val() << self.half_64.val();
                self.zone.next = unsigned_cast_wide(self.ledger.val().open_buy);
                self.fields.next.w4 = self.zone2.val() | self.zone.val();
                self.zone2.next = unsigned_cast_wide(self.ledger.val().unknown_sell);
                self.zone2.next = self.zone2.val() << self.half_64.val();
                self.zone.next = unsigned_cast_wide(self.ledger.val().unknown_buy);
                self.fields.next.w5 = self.zone2.val() | self.zone.val();
                self.moves_now.d.next = true;
                self.state.d.next = State::Retire;
            }
            // What has been written is seen, and the ladder and bank that follow from it.
            State::Offset => {
                if self.waited.q.val() != bits_lit::<3>(4) {
                    self.waited.d.next = self.waited.q.val() + self.one_3.val();
                } else {
                    self.offset_go.d.next = true;
                    self.state.d.next = State::OffsetWait;
                }
            }
            State::OffsetWait => {
                if self.offset.done.val() {
                    self.writes_setup.d.next = true;
                    self.state.d.next = State::Accept;
                    if self.kinds.q.val().get_bit(7) {
                        self.state.d.next = State::SayLedger;
                    } else if self.kinds.q.val().get_bit(19) {
                        self.state.d.next = State::SwapSeen;
                    } else if self.kinds.q.val().get_bit(33) {
                        self.state.d.next = State::TradeFault;
                    } else if self.kinds.q.val().get_bit(34) {
                        self.state.d.next = State::OrderFault;
                    }
                }
            }
            State::Evaluate => {
                if !self.place.val().has_rows {
                    self.moves_now.d.next = true;
                    self.reason.d.next = bits_lit::<8>(16);
                    self.state.d.next = State::Refuse;
                } else if !self.on_ladder.val() {
                    self.is_halting.d.next = true;
                    self.state.d.next = State::Exact;
                } else if !self.verdict.val().is_usable {
                    self.is_wanted.d.next = true;
                } else if self.verdict.val().is_exact {
                    self.is_halting.d.next = true;
                    self.state.d.next = State::Exact;
                } else {
                    self.state.d.next = State::Issue;
                }
                self.moves_now.d.next = true;
            }
            State::Exact => {
                self.engine_op.d.next = EngineOp::Exact;
                if !self.engine_pending.q.val() & self.engine.halted.val() {
                    self.engine_go.d.next = true;
                    self.engine_pending.d.next = true;
                }
                if self.engine_pending.q.val() & self.engine.done.val() {
                    self.greeks.d.next = self.engine.greeks.val();
                    self.is_exact.d.next = true;
                    self.state.d.next = State::Issue;
                    if !self.engine.ok.val() {
                        self.reason.d.next = bits_lit::<8>(18);
                        self.state.d.next = State::Refuse;
                    }
                }
            }
            State::Issue => {
                self.desk.issue.next = true;
                self.error.d.next = self.front.interval.val().error;
                if self.is_exact.q.val() {
                    self.error.d.next = bits_lit::<32>(0);
                }
                self.state.d.next = State::Said;
            }
            State::Said => {
                if self.desk.said.val() {
                    self.state.d.next = State::Retire;
                    if self.want_risk.val() {
                        self.risk.start.next = true;
                        self.state.d.next = State::Risk;
                    }
                }
            }
            State::Risk => {
                if self.risk.done.val() {
                    self.push.next = true;
                    self.fields.next.kind = bits_lit::<8>(4);
                    self.fields.next.is_exact = self.is_exact.q.val();
                    self.fields.next.w2 = self.risk.delta.val();
                    self.fields.next.w3 = self.risk.gamma.val();
                    self.fields.next.w4 = self.risk.vega.val();
                    self.zone2.next = unsigned_cast_wide(self.error.q.val());
                    self.zone2.next = self.zone2.val() << self.half_64.val();
                    self.zone.next = unsigned_cast_wide(self.place.val().price);
                    self.fields.next.w5 = self.zone2.val() | self.zone.val();
                    self.state.d.next = State::Retire;
                }
            }
            _ => {
                self.state.d.next = State::Dry;
            }
        }

        // ---- tables, as the states left them
        self.keep_written.d.next = self.new_keep.val();
        self.setup_written.d.next = self.new_setup.val();
        self.desk.set_setup.next = self.writes_setup.q.val();
        self.desk.setup.next = self.setup_written.q.val();
        self.ledger_written.d.next = self.new_ledger.val();
        // ---- what the front hears of slow commands
        self.front.flush.next = self.flush.val();
        self.front.retires.next = self.retires.val();
        self.front.moves_seq.next = self.moves_seq.q.val();
        self.front.moves_now.next = self.moves_now.q.val();
        self.front.takes_quote.next = self.takes_quote.q.val();
        self.front.forgets_feed.next = self.forgets_feed.val();
        self.front.feed_at.next = self.at.val();
        self.front.write_keep.next = self.writes_keep.q.val();
        self.front.keep_at.next = self.written_at.q.val();
        self.front.keep.next = self.keep_written.q.val();
        self.front.is_answered.next = self.is_answered.val();
        self.front.answer.next = self.engine.answer.val();

        // ---- events go out
        self.events.reset.next = self.reset.val();
        self.events.says.next = self.push.val();
        self.events.fields.next = self.fields.val();
        self.events.issue.next = self.desk.issue.val();
        self.events.said.next = self.desk.said.val();
        self.events.meta.next = self.desk.said_meta.val();
        self.events.outcome.next = self.desk.outcome.val();
        self.events.event_ready.next = self.event_ready.val();
        self.event_data.next = self.events.event_data.val();
        self.event_valid.next = self.events.event_valid.val();
        self.idle.next = self.front.is_empty.val() & (self.state.q.val() == State::Run) & self.events.is_empty.val();

        // ---- the doorbell: settled, and not the bank that answers
        self.bells.settled.next = self.engine.settled.val();
        self.bells.active.next = self.active_bits.q.val();
        self.built.next = self.bells.built.val();

        if self.reset.val() {
            self.state.d.next = State::Dry;
            self.dry.d.next = bits_lit::<8>(0);
            self.is_sweep.d.next = false;
            self.is_killed.d.next = false;
            self.is_asked.d.next = false;
            self.active_bits.d.next = bits_lit::<32>(0);
            self.engine_pending.d.next = false;
            self.is_owed.d.next = false;
            self.bank_pending.d.next = false;
        }
    }
}

crate::core_ports!([const N: usize] Core<N>, event_data);
