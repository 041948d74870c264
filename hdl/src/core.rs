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
mod recent;
mod record;

use hedgewire_abi::command::code;
use hedgewire_abi::format::{FRACTION_BITS, ORDER_SLOTS};
use rust_hdl::prelude::*;

use crate::bank::Bank;
use crate::book::{Book, Reconcile};
use crate::decode::{
    ReadBuild, ReadConfigure, ReadControl, ReadOrderUpdate, ReadPriceLimits, ReadQuote, ReadRateLimits,
    ReadReconciliation, ReadScale, ReadSizeLimits, ReadStatus, ReadTarget, ReadTrade, ReadTrigger, Reserved,
};
use crate::desk::{self, Desk};
use crate::engine::{CardSizes, Engine, EngineOp};
use crate::finish::RiskUnit;
use crate::offset::OffsetUnit;
use crate::primitive::LookUp;
use crate::record::{
    ExactGreeks, Interval, Ledger, Order, PriceLimits, Quote, RateLimits, Setup, SizeLimits, Status, Trigger, Words,
};
use crate::signal::*;
use bells::Bells;
use events::Events;
use recent::Recent;
use record::{EventFields, Feed, Keep, Place};

/// Commands that may wait at the core's door.
const BUFFER_BITS: usize = 4;
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
    desk: Desk,
    engine: Engine<N>,
    bank: Bank,
    book: Book,
    reconcile: Reconcile,
    offset: OffsetUnit,
    risk: RiskUnit,
    events: Events,
    bells: Bells,
    recent: Recent,
    reserved: Reserved,
    read_quote: ReadQuote,
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
    buffer: LookUp<Words, 4>,
    keeps: LookUp<Keep, 8>,
    keeps_place: LookUp<Keep, 8>,
    feeds: LookUp<Feed, 8>,
    feeds_front: LookUp<Feed, 8>,
    quotes: LookUp<Quote, 8>,
    prices: LookUp<U<32>, 8>,
    setups: LookUp<Setup, 8>,

    // ---- buffer and front
    write_at: DFF<U<5>>,
    fetch_at: DFF<U<5>>,
    retire_at: DFF<U<5>>,
    is_fetched: DFF<Bit>,
    fetched: DFF<Words>,
    is_placed: DFF<Bit>,
    placed: DFF<Words>,
    placed_place: DFF<Place>,
    is_based: DFF<Bit>,
    based: DFF<Words>,
    based_place: DFF<Place>,
    based_offset: DFF<U<32>>,
    based_count: DFF<U<15>>,
    based_by: DFF<U<5>>,
    based_known: DFF<Bit>,
    /// Bit by word.
    based_strays: DFF<U<8>>,
    is_shifted: DFF<Bit>,
    shifted: DFF<Words>,
    shifted_place: DFF<Place>,
    shifted_quote: DFF<Quote>,
    shifted_reason: DFF<U<8>>,
    shifted_known: DFF<Bit>,
    shifted_stray: DFF<Bit>,
    shifted_index: DFF<U<32>>,
    /// The feed's place.
    shifted_feed: DFF<Feed>,
    /// Its whole ladder was settled a cycle before: only a slow command, which ends in reading again, undoes that.
    shifted_settled: DFF<Bit>,
    shifted_exact: DFF<Bit>,
    /// An issue has moved the feed's place since it was looked up, like the two below.
    shifted_doubt: DFF<Bit>,
    shifted_count: DFF<U<15>>,
    is_loading: DFF<Bit>,
    loading: DFF<Words>,
    loading_place: DFF<Place>,
    /// Its interval can be used; it may also have become so since.
    loading_usable: DFF<Bit>,
    /// An interval of its ladder is answered by an exact pass: its own is looked at again.
    loading_exact: DFF<Bit>,
    loading_quote: DFF<Quote>,
    loading_reason: DFF<U<8>>,
    loading_known: DFF<Bit>,
    loading_stray: DFF<Bit>,
    /// Sequence and time are right once what is ahead of it has gone.
    loading_next: DFF<Bit>,
    loading_timely: DFF<Bit>,
    loading_newer: DFF<Bit>,
    loading_doubt: DFF<Bit>,
    /// A quote that nothing is wrong with but, maybe, sequence, time and place in its feed.
    loading_plain: DFF<Bit>,
    /// Of the underlying that is right ahead of it.
    loading_same: DFF<Bit>,
    is_head: DFF<Bit>,
    head: DFF<Words>,
    head_place: DFF<Place>,
    head_quote: DFF<Quote>,
    head_reason: DFF<U<8>>,
    head_known: DFF<Bit>,
    head_stray: DFF<Bit>,
    head_next: DFF<Bit>,
    head_timely: DFF<Bit>,
    head_newer: DFF<Bit>,
    head_doubt: DFF<Bit>,
    head_plain: DFF<Bit>,
    head_interval: DFF<Interval>,
    head_usable: DFF<Bit>,
    head_exact: DFF<Bit>,
    /// The head is issued in this cycle.
    goes: DFF<Bit>,
    /// What is read, and what has been read, is the head's interval.
    rereads: DFF<Bit>,
    is_reread: DFF<Bit>,
    again_ladder: DFF<U<9>>,
    again_index: DFF<U<15>>,
    /// Sequence and time that the command behind SHIFT is compared with.
    ahead_seq: DFF<U<64>>,
    ahead_ns: DFF<U<64>>,

    // ---- what is kept of the head's underlying, a cycle after it was looked up
    head_keep: DFF<Keep>,
    head_setup: DFF<Setup>,
    head_ledger: DFF<Ledger>,
    head_feed: DFF<Feed>,
    /// All these are of this head, not of the one before it.
    has_stood: DFF<Bit>,
    /// The head was placed at the last quote's price.
    same_price: DFF<Bit>,
    /// Which ladder and bank the sequencer looks at; what it sees of them comes two cycles later.
    look_at: DFF<U<9>>,

    // ---- machine
    state: DFF<State>,
    last_seq: DFF<U<64>>,
    now_ns: DFF<U<64>>,
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
    /// The buffer takes a command.
    has_space: DFF<Bit>,

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
    feed: Signal<Local, Feed>,
    place: Signal<Local, Place>,
    ledger: Signal<Local, Ledger>,
    setup: Signal<Local, Setup>,
    base_ladder: Signal<Local, U<9>>,
    active_ladder: Signal<Local, U<9>>,
    shadow_ladder: Signal<Local, U<9>>,
    is_quote: Signal<Local, Bit>,
    is_newer: Signal<Local, Bit>,
    feed_step: Signal<Local, U<32>>,
    is_fresh: DFF<Bit>,
    is_finished: DFF<Bit>,
    is_settled: DFF<Bit>,
    is_exact_interval: Signal<Local, Bit>,
    shifted_usable: Signal<Local, Bit>,
    shifted_inside: Signal<Local, Bit>,
    shifted_word: Signal<Local, U<64>>,
    shifted_kind: Signal<Local, U<8>>,
    shifted_version: Signal<Local, U<8>>,
    shifted_code: Signal<Local, U<8>>,
    shifted_number: Signal<Local, U<8>>,
    based_word: Signal<Local, U<64>>,
    based_number: Signal<Local, U<8>>,
    shifted_step: Signal<Local, U<32>>,
    loading_word: Signal<Local, U<64>>,
    loading_number: Signal<Local, U<8>>,
    feeds_has: Signal<Local, Bit>,
    on_ladder: Signal<Local, Bit>,
    want_risk: Signal<Local, Bit>,
    is_fast: Signal<Local, Bit>,
    /// The head's place is read next, and not that of the command behind it.
    is_again: Signal<Local, Bit>,
    issue: Signal<Local, Bit>,
    advance: Signal<Local, Bit>,
    is_empty: Signal<Local, Bit>,
    flush: Signal<Local, Bit>,
    flush_to: Signal<Local, U<5>>,

    // ---- wires: the front
    fetched_word: Signal<Local, U<64>>,
    fetched_price: Signal<Local, U<64>>,
    front_kind: Signal<Local, U<8>>,
    front_at: Signal<Local, U<8>>,
    front_number: Signal<Local, U<9>>,
    front_ladder: Signal<Local, U<9>>,
    front_price: Signal<Local, U<32>>,
    fraction: Signal<Local, U<32>>,
    interval_index: Signal<Local, U<32>>,
    interval_count: Signal<Local, U<32>>,

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
    one_5: Constant<U<5>>,
    nearly_full: Constant<U<5>>,
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
    sixteen: Constant<U<5>>,
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
            one_5: Constant::new(U::new(1)),
            nearly_full: Constant::new(U::new((1 << BUFFER_BITS) - 1)),
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
            sixteen: Constant::new(U::new(u128::from(FRACTION_BITS))),
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
            desk: Desk::new(sizes.underlyings),
            engine: Engine::new(sizes),
            bank: Bank::new(sizes.underlyings, sizes.rows),
            recent: Recent::new(desk::INTERVAL),
            buffer: LookUp::new(1 << BUFFER_BITS),
            keeps: LookUp::wrapping(sizes.underlyings),
            keeps_place: LookUp::wrapping(sizes.underlyings),
            feeds: LookUp::wrapping(sizes.underlyings),
            feeds_front: LookUp::wrapping(sizes.underlyings),
            quotes: LookUp::wrapping(sizes.underlyings),
            prices: LookUp::wrapping(sizes.underlyings),
            setups: LookUp::wrapping(sizes.underlyings),
        }
            clock reset command_valid command_ready command event_valid event_ready event_data idle built
            book reconcile offset risk bells reserved read_quote read_trigger read_price read_size read_rate
            read_status read_scale read_configure read_target read_reconciliation read_control read_build
            read_trade read_update write_at fetch_at retire_at is_fetched fetched is_placed placed
            placed_place is_based based based_place based_offset based_count based_by based_known
            based_strays is_shifted shifted shifted_place shifted_quote shifted_reason shifted_known
            shifted_stray shifted_index shifted_count is_loading loading loading_place loading_quote
            loading_reason loading_known loading_stray loading_next loading_timely loading_newer
            loading_doubt loading_plain loading_same is_head head head_place head_quote head_reason
            head_known head_stray head_next head_timely head_newer head_doubt head_plain head_interval
            head_usable head_exact goes rereads is_reread again_ladder again_index ahead_seq ahead_ns state
            last_seq now_ns is_killed active_bits reason moves_now moves_seq is_sweep is_halting is_exact
            is_asked engine_pending is_owed is_weighed bank_pending loop_at order_at dry first_units
            second_units greeks error head_word kind version number number_wide is_number code slot
            first_slot slot_count first count intervals at keep feed place ledger setup base_ladder
            active_ladder shadow_ladder is_quote is_newer feed_step is_current is_fresh is_finished
            is_settled is_own_loop shadow_at is_shadow_settled is_last_loop is_exact_interval shifted_usable
            shifted_inside shifted_word shifted_kind shifted_version shifted_code shifted_number
            shifted_feed shifted_settled shifted_exact shifted_step loading_word loading_number feeds_has
            on_ladder want_risk is_fast is_again issue advance is_empty flush flush_to fetched_word
            fetched_price front_kind front_at front_ladder front_price fraction interval_index
            interval_count owns slot_wide first_wide count_wide end_wide configure_ok target_ok
            reconciliation_ok control_ok scale_ok build_ok trade_ok trigger_ok price_ok size_ok rate_ok
            status_ok fits_card fits_ladder other_first other_end keep_end keep_first_wide head_keep
            head_setup head_ledger head_feed has_stood same_price look_at waited is_wanted has_space
            engine_go engine_op engine_ladder engine_price offset_go offset_usd offset_bits based_number
            based_word loading_usable shifted_doubt front_number writes_trigger writes_price writes_size
            writes_rate writes_status forgets writes_ledger ledger_written writes_order order_written
            order_slot writes_keep writes_setup keep_written setup_written written_at takes_quote kinds
            first_end meets count_wide_32 loading_exact new_keep new_setup new_ledger news is_news
            fits_active fields push zone zone2 coin_sum cash_wide coin_wide position_wide quantity_wide
            quantity span span_steps filled_value events
        )
    }
}

impl<const N: usize> Logic for Core<N> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(
            self,
            clock,
            desk,
            engine,
            bank,
            book,
            offset,
            risk,
            recent,
            buffer,
            events,
            keeps,
            keeps_place,
            feeds,
            feeds_front,
            quotes,
            prices,
            setups
        );
        dff_setup!(
            self,
            clock,
            write_at,
            fetch_at,
            retire_at,
            is_fetched,
            fetched,
            is_placed,
            placed,
            placed_place,
            is_based,
            based,
            based_place,
            based_offset,
            based_count,
            based_by,
            based_known,
            based_strays,
            is_shifted,
            shifted,
            shifted_place,
            shifted_quote,
            shifted_reason,
            shifted_known,
            shifted_stray,
            shifted_index,
            shifted_feed,
            shifted_settled,
            shifted_exact,
            shifted_doubt,
            shifted_count,
            is_loading,
            loading,
            loading_place,
            loading_usable,
            loading_exact,
            loading_quote,
            loading_reason,
            loading_known,
            loading_stray,
            loading_next,
            loading_timely,
            loading_newer,
            loading_doubt,
            loading_plain,
            loading_same,
            is_head,
            head,
            head_place,
            head_quote,
            head_reason,
            head_known,
            head_stray,
            head_next,
            head_timely,
            head_newer,
            head_doubt,
            head_plain,
            head_interval,
            head_usable,
            head_exact,
            goes,
            rereads,
            is_reread,
            again_ladder,
            again_index,
            ahead_seq,
            ahead_ns,
            state,
            last_seq,
            now_ns,
            is_killed,
            active_bits,
            reason,
            moves_now,
            moves_seq,
            is_sweep,
            is_halting,
            is_exact,
            is_asked,
            engine_pending,
            is_owed,
            is_weighed,
            bank_pending,
            loop_at,
            order_at,
            dry,
            first_units,
            second_units,
            greeks,
            error
        );
        clock!(
            self,
            clock,
            configure_ok,
            target_ok,
            reconciliation_ok,
            control_ok,
            scale_ok,
            build_ok,
            trade_ok,
            trigger_ok,
            price_ok,
            size_ok,
            rate_ok,
            status_ok,
            owns,
            fits_card,
            fits_ladder,
            other_first,
            other_end
        );
        clock!(
            self,
            clock,
            head_keep,
            head_setup,
            head_ledger,
            head_feed,
            has_stood,
            same_price,
            look_at,
            waited,
            is_wanted
        );
        clock!(self, clock, engine_go, engine_op, engine_ladder, engine_price, offset_go, offset_usd, offset_bits);
        clock!(
            self,
            clock,
            writes_trigger,
            writes_price,
            writes_size,
            writes_rate,
            writes_status,
            forgets,
            writes_ledger,
            ledger_written
        );
        clock!(
            self,
            clock,
            writes_order,
            order_written,
            order_slot,
            writes_keep,
            writes_setup,
            keep_written,
            setup_written,
            written_at
        );
        clock!(self, clock, read_quote, read_trigger, read_price, read_size, read_rate, read_status, read_configure);
        clock!(self, clock, read_target, read_reconciliation, read_control, read_build, read_trade, read_update);
        clock!(
            self,
            clock,
            read_scale,
            is_own_loop,
            shadow_at,
            is_shadow_settled,
            is_last_loop,
            is_fresh,
            is_finished,
            is_settled,
            is_current,
            is_number,
            takes_quote,
            kinds,
            first_end,
            meets,
            span_steps,
            span,
            coin_sum,
            is_news
        );
        clock!(self, clock, has_space);
        self.desk.reset.next = self.reset.val();
        self.engine.reset.next = self.reset.val();
        self.bank.reset.next = self.reset.val();

        // ---- the head, and what is known of its underlying
        self.head_word.next = self.head.q.val().w0;
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
        self.feeds.read_address.next = self.number.val();
        self.head_feed.d.next = self.feeds.q.val();
        self.feed.next = self.head_feed.q.val();
        self.quotes.read_address.next = self.number.val();
        self.setups.read_address.next = self.at.val();
        self.head_setup.d.next = self.setups.q.val();
        self.setup.next = self.head_setup.q.val();
        self.same_price.d.next = self.quotes.q.val().price == self.head_place.q.val().price;
        self.place.next = self.head_place.q.val();
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
        self.read_trigger.words.next = self.head.q.val();
        self.read_price.words.next = self.head.q.val();
        self.read_size.words.next = self.head.q.val();
        self.read_rate.words.next = self.head.q.val();
        self.read_status.words.next = self.head.q.val();
        self.read_scale.words.next = self.head.q.val();
        self.read_configure.words.next = self.head.q.val();
        self.read_target.words.next = self.head.q.val();
        self.read_reconciliation.words.next = self.head.q.val();
        self.read_control.words.next = self.head.q.val();
        self.read_build.words.next = self.head.q.val();
        self.read_trade.words.next = self.head.q.val();
        self.read_update.words.next = self.head.q.val();
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
        self.bank.words.next = self.head.q.val();
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
        self.is_quote.next = self.head_plain.q.val() | self.kinds.q.val().get_bit(32);
        self.feed_step.next = self.head_quote.q.val().feed_seq - self.feed.val().feed_seq;
        self.is_newer.next = !self.feed.val().has_quote
            | ((self.head_quote.q.val().feed_seq != self.feed.val().feed_seq) & !self.feed_step.val().get_bit(31));
        self.is_current.d.next = self.version.val() == bits_lit::<8>(1);
        // A cycle late: whoever reads its interval again has been the head for a cycle.
        self.is_fresh.d.next = self.engine.fresh_valid.val()
            & (self.engine.fresh_ladder.val() == self.place.val().ladder)
            & (self.engine.fresh_index.val() == self.place.val().index);
        self.is_finished.d.next = self.engine.finish_valid.val()
            & (self.engine.finish_ladder.val() == self.place.val().ladder)
            & (self.place.val().index < self.engine.finish_next.val());
        self.is_settled.d.next = self.engine.settled.val().get_bit(self.place.val().ladder.index());
        self.shifted_usable.next = (self.engine.fresh_valid.val()
            & (self.engine.fresh_ladder.val() == self.shifted_place.q.val().ladder)
            & (self.engine.fresh_index.val() == self.shifted_place.q.val().index))
            | (self.engine.finish_valid.val()
                & (self.engine.finish_ladder.val() == self.shifted_place.q.val().ladder)
                & (self.shifted_place.q.val().index < self.engine.finish_next.val()))
            | self.shifted_settled.q.val();
        self.is_exact_interval.next = self.engine.read_exact.val();
        self.on_ladder.next = self.place.val().has_rows & self.place.val().inside & !self.place.val().exact_mode;
        self.engine.has_place.next = self.feed.val().has_quote & self.on_ladder.val();
        self.engine.index.next = self.place.val().index;
        // A trade has another meaning for the bit, and a quote that goes at once has it clear.
        self.want_risk.next = self.code.val().get_bit(1) & !self.kinds.q.val().get_bit(33);
        self.is_fast.next =
            self.head_plain.q.val() & self.head_next.q.val() & self.head_timely.q.val() & self.head_newer.q.val();
        self.issue.next = self.goes.q.val();
        self.advance.next = (self.state.q.val() == State::Run) & (!self.is_head.q.val() | self.goes.q.val());
        // Who goes next waits for its interval, an earlier decision of its underlying, room for the event.
        self.loading_word.next = self.loading.q.val().w0;
        self.loading_number.next = self.loading_word.val().get_bits::<8>(16);
        self.recent.underlying.next = self.number.val();
        self.recent.ahead.next = self.loading_number.val();
        self.recent.issue.next = self.issue.val();
        self.goes.d.next = self.is_head.q.val()
            & !self.goes.q.val()
            & (self.state.q.val() == State::Run)
            & self.is_fast.val()
            & self.head_usable.q.val()
            // The word of the command behind it is read in the cycle before it goes.
            & !self.rereads.q.val()
            & !self.head_exact.q.val()
            & !self.recent.seen.val()
            & !self.head_doubt.q.val()
            & self.events.has_room.val();
        if self.advance.val() {
            self.goes.d.next = self.is_loading.q.val()
                & self.loading_plain.q.val()
                & self.loading_next.q.val()
                & self.loading_timely.q.val()
                & self.loading_newer.q.val()
                & self.loading_usable.q.val()
                & !self.loading_exact.q.val()
                & !self.recent.ahead_seen.val()
                & !self.loading_same.q.val()
                & !self.loading_doubt.q.val()
                & self.events.has_room.val();
        }

        // ---- commands come in
        self.buffer.write_address.next = self.write_at.q.val().get_bits::<4>(0);
        self.buffer.write_data.next = self.command.val();
        self.buffer.write.next = false;
        // One may come while this is found out, and one when it has been.
        self.has_space.d.next = (self.write_at.q.val() - self.retire_at.q.val() < self.nearly_full.val())
            & (self.state.q.val() != State::Dry)
            & !self.is_sweep.q.val();
        self.command_ready.next = self.has_space.q.val();
        if self.has_space.q.val() & self.command_valid.val() {
            self.buffer.write.next = true;
            self.write_at.d.next = self.write_at.q.val() + self.one_5.val();
        }
        self.is_empty.next = self.write_at.q.val() == self.fetch_at.q.val();

        // ---- FETCH
        self.buffer.read_address.next = self.fetch_at.q.val().get_bits::<4>(0);
        if self.advance.val() {
            self.is_fetched.d.next = !self.is_empty.val();
            self.fetched.d.next = self.buffer.q.val();
            if !self.is_empty.val() {
                self.fetch_at.d.next = self.fetch_at.q.val() + self.one_5.val();
            }
        }

        // ---- PLACE: the ladder that answers, and the price
        self.fetched_word.next = self.fetched.q.val().w0;
        self.front_kind.next = self.fetched_word.val().get_bits::<8>(0);
        self.front_at.next = self.fetched_word.val().get_bits::<8>(16);
        self.front_number.next = unsigned_cast_wide(self.front_at.val());
        self.keeps_place.read_address.next = self.front_at.val();
        self.prices.read_address.next = self.front_at.val();
        self.front_price.next = self.prices.q.val();
        self.fetched_price.next = self.fetched.q.val().w4;
        if self.front_kind.val() == bits_lit::<8>(32) {
            self.front_price.next = self.fetched_price.val().get_bits::<32>(0);
        }
        self.front_ladder.next = unsigned_cast_wide(self.front_at.val());
        self.front_ladder.next = self.front_ladder.val() + self.front_ladder.val();
        if self.keeps_place.q.val().active {
            self.front_ladder.next = self.front_ladder.val() + self.one_9.val();
        }
        if self.advance.val() {
            self.is_placed.d.next = self.is_fetched.q.val();
            self.placed.d.next = self.fetched.q.val();
            self.placed_place.d.next.ladder = self.front_ladder.val();
            self.placed_place.d.next.price = self.front_price.val();
            self.placed_place.d.next.is_known =
                self.keeps_place.q.val().count.any() & (self.front_number.val() < self.underlyings.val());
            self.placed_place.d.next.exact_mode = self.keeps_place.q.val().exact_mode;
            self.placed_place.d.next.has_rows = self.keeps_place.q.val().has_rows;
        }

        // ---- BASE: how far the price is above the lowest of the ladder
        self.engine.front_ladder.next = self.placed_place.q.val().ladder;
        self.reserved.words.next = self.placed.q.val();
        if self.advance.val() {
            self.is_based.d.next = self.is_placed.q.val();
            self.based.d.next = self.placed.q.val();
            self.based_place.d.next = self.placed_place.q.val();
            self.based_place.d.next.shift = self.engine.front_params.val().shift;
            self.based_offset.d.next = self.placed_place.q.val().price - self.engine.front_params.val().low;
            self.based_count.d.next = self.engine.front_params.val().count;
            self.based_known.d.next = self.reserved.known.val();
            self.based_strays.d.next = self.reserved.strays.val();
            self.based_by.d.next = self.sixteen.val() - self.engine.front_params.val().shift;
        }

        // ---- SHIFT: interval, and fraction in 2^-16
        self.interval_index.next = self.based_offset.q.val() >> self.based_place.q.val().shift;
        self.fraction.next = self.based_offset.q.val() << self.based_by.q.val();
        self.based_word.next = self.based.q.val().w0;
        self.based_number.next = self.based_word.val().get_bits::<8>(16);
        self.feeds_front.read_address.next = self.based_number.val();
        self.read_quote.words.next = self.based.q.val();
        if self.advance.val() {
            self.is_shifted.d.next = self.is_based.q.val();
            self.shifted.d.next = self.based.q.val();
            self.shifted_place.d.next = self.based_place.q.val();
            self.shifted_place.d.next.index = self.interval_index.val().get_bits::<15>(0);
            self.shifted_place.d.next.t = self.fraction.val().get_bits::<16>(0);
            self.shifted_index.d.next = self.interval_index.val();
            self.shifted_count.d.next = self.based_count.q.val();
            self.shifted_quote.d.next = self.read_quote.quote.val();
            self.shifted_reason.d.next = self.read_quote.reason.val();
            self.shifted_known.d.next = self.based_known.q.val();
            self.shifted_stray.d.next = self.based_strays.q.val().any();
            self.shifted_feed.d.next = self.feeds_front.q.val();
            // An interval is in use later than it is known to be answered by an exact pass.
            self.shifted_exact.d.next = self.engine.any_exact.val().get_bit(self.based_place.q.val().ladder.index());
            self.shifted_settled.d.next = self.engine.settled.val().get_bit(self.based_place.q.val().ladder.index());
            self.shifted_doubt.d.next = self.issue.val() & (self.based_number.val() == self.number.val());
        }

        // ---- LOAD: the interval's word is read, and everything compared that the head needs to know
        self.interval_count.next = unsigned_cast_wide(self.shifted_count.q.val());
        self.shifted_inside.next = self.shifted_index.q.val() < self.interval_count.val();
        self.shifted_word.next = self.shifted.q.val().w0;
        self.shifted_kind.next = self.shifted_word.val().get_bits::<8>(0);
        self.shifted_version.next = self.shifted_word.val().get_bits::<8>(8);
        self.shifted_number.next = self.shifted_word.val().get_bits::<8>(16);
        self.shifted_code.next = self.shifted_word.val().get_bits::<8>(24);
        self.shifted_step.next = self.shifted_quote.q.val().feed_seq - self.shifted_feed.q.val().feed_seq;
        if self.advance.val() {
            self.is_loading.d.next = self.is_shifted.q.val();
            self.loading.d.next = self.shifted.q.val();
            self.loading_place.d.next = self.shifted_place.q.val();
            self.loading_place.d.next.inside = self.shifted_inside.val();
            self.loading_usable.d.next = self.shifted_usable.val();
            self.loading_exact.d.next = self.shifted_exact.q.val();
            self.loading_quote.d.next = self.shifted_quote.q.val();
            self.loading_reason.d.next = self.shifted_reason.q.val();
            self.loading_known.d.next = self.shifted_known.q.val();
            self.loading_stray.d.next = self.shifted_stray.q.val();
            self.loading_next.d.next = self.shifted.q.val().w7 == self.ahead_seq.q.val();
            self.loading_timely.d.next = self.shifted.q.val().w1 >= self.ahead_ns.q.val();
            self.loading_doubt.d.next =
                self.shifted_doubt.q.val() | (self.issue.val() & (self.shifted_number.val() == self.number.val()));
            self.loading_newer.d.next = !self.shifted_feed.q.val().has_quote
                | ((self.shifted_quote.q.val().feed_seq != self.shifted_feed.q.val().feed_seq)
                    & !self.shifted_step.val().get_bit(31));
            self.loading_plain.d.next = (self.shifted_kind.val() == bits_lit::<8>(32))
                & (self.shifted_version.val() == bits_lit::<8>(1))
                & !self.shifted_code.val().get_bit(1)
                & !self.shifted_stray.q.val()
                & (self.shifted_reason.q.val() == bits_lit::<8>(0))
                & self.shifted_place.q.val().is_known
                & self.shifted_place.q.val().has_rows
                & !self.shifted_place.q.val().exact_mode
                & self.shifted_inside.val();
            self.loading_same.d.next =
                self.is_loading.q.val() & (self.shifted_number.val() == self.loading_number.val());
        }
        // What the next command must follow: the one ahead, or what was left by those that have gone.
        if self.is_shifted.q.val() {
            if self.advance.val() {
                self.ahead_seq.d.next = self.shifted.q.val().w7 + self.one_64.val();
                self.ahead_ns.d.next = self.shifted.q.val().w1;
            }
        } else if !self.is_loading.q.val() & !self.is_head.q.val() {
            self.ahead_seq.d.next = self.last_seq.q.val() + self.one_64.val();
            self.ahead_ns.d.next = self.now_ns.q.val();
        }

        // ---- the head; one whose interval is not usable is read again
        // Chosen a cycle ahead, for the memory's sake: the head's place, or that of the command behind it.
        self.is_again.next = (self.state.q.val() != State::Run) | (self.is_head.q.val() & !self.head_usable.q.val());
        self.rereads.d.next = self.is_again.val();
        self.again_ladder.d.next = self.loading_place.q.val().ladder;
        self.again_index.d.next = self.loading_place.q.val().index;
        if self.is_again.val() {
            self.again_ladder.d.next = self.head_place.q.val().ladder;
            self.again_index.d.next = self.head_place.q.val().index;
        }
        self.engine.read_ladder.next = self.again_ladder.q.val();
        self.engine.read_index.next = self.again_index.q.val();
        self.is_reread.d.next = self.rereads.q.val();
        self.has_stood.d.next = true;
        if self.has_stood.q.val() {
            self.head_newer.d.next = self.is_newer.val();
            self.head_doubt.d.next = false;
        }
        if self.is_reread.q.val() {
            self.head_interval.d.next = self.engine.read_interval.val();
            self.head_usable.d.next = self.is_fresh.q.val() | self.is_finished.q.val() | self.is_settled.q.val();
            self.head_exact.d.next = self.is_exact_interval.val();
        }
        if self.advance.val() {
            self.rereads.d.next = false;
            self.again_ladder.d.next = self.shifted_place.q.val().ladder;
            self.again_index.d.next = self.shifted_place.q.val().index;
            self.engine.read_ladder.next = self.shifted_place.q.val().ladder;
            self.engine.read_index.next = self.shifted_place.q.val().index;
            self.is_head.d.next = self.is_loading.q.val();
            self.head.d.next = self.loading.q.val();
            self.head_place.d.next = self.loading_place.q.val();
            self.head_quote.d.next = self.loading_quote.q.val();
            self.head_reason.d.next = self.loading_reason.q.val();
            self.head_known.d.next = self.loading_known.q.val();
            self.head_stray.d.next = self.loading_stray.q.val();
            self.head_next.d.next = self.loading_next.q.val();
            self.head_timely.d.next = self.loading_timely.q.val();
            self.head_newer.d.next = self.loading_newer.q.val();
            self.head_doubt.d.next =
                self.loading_doubt.q.val() | (self.issue.val() & (self.loading_number.val() == self.number.val()));
            self.head_plain.d.next = self.loading_plain.q.val();
            self.head_interval.d.next = self.engine.read_interval.val();
            self.head_usable.d.next = self.loading_usable.q.val();
            self.head_exact.d.next = self.is_exact_interval.val();
            self.is_reread.d.next = false;
            self.has_stood.d.next = false;
        }

        // ---- the desk
        self.desk.issue.next = self.issue.val();
        self.desk.meta.next.kind = self.kind.val();
        self.desk.meta.next.underlying = self.number.val();
        self.desk.meta.next.now_ns = self.head.q.val().w1;
        self.desk.meta.next.command_seq = self.head.q.val().w7;
        self.desk.meta.next.reason = bits_lit::<8>(0);
        self.desk.meta.next.is_exact = self.is_exact.q.val();
        self.desk.meta.next.want_risk = self.want_risk.val();
        self.desk.quote.next = self.head_quote.q.val();
        if !self.is_quote.val() {
            self.desk.quote.next = self.quotes.q.val();
        }
        self.desk.coefficients.next = self.head_interval.q.val();
        self.desk.t.next = self.place.val().t;
        self.desk.exact.next = self.greeks.q.val();
        self.risk.start.next = false;
        self.risk.is_exact.next = self.is_exact.q.val();
        self.risk.exact.next = self.greeks.q.val();
        self.risk.interval.next = self.head_interval.q.val();
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
        self.feeds.write.next = self.issue.val() | self.takes_quote.q.val();
        self.feeds.write_address.next = self.at.val();
        self.feeds_has.next = true;
        self.quotes.write.next = self.issue.val() | self.takes_quote.q.val();
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
        self.fields.next.now_ns = self.head.q.val().w1;
        self.fields.next.w2 = bits_lit::<64>(0);
        self.fields.next.w3 = bits_lit::<64>(0);
        self.fields.next.w4 = bits_lit::<64>(0);
        self.fields.next.w5 = bits_lit::<64>(0);
        self.fields.next.command_seq = self.head.q.val().w7;

        self.flush.next = false;
        self.flush_to.next = self.retire_at.q.val();

        // ---- a fast quote leaves the head
        if self.issue.val() {
            self.retire_at.d.next = self.retire_at.q.val() + self.one_5.val();
            self.last_seq.d.next = self.head.q.val().w7;
            self.now_ns.d.next = self.head.q.val().w1;
        }

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
                if self.is_head.q.val() {
                    if self.is_fast.val() & !self.head_usable.q.val() {
                        self.is_wanted.d.next = true;
                    } else if (!self.is_fast.val() | self.head_exact.q.val())
                        & self.events.is_calm.val()
                        & !self.head_doubt.q.val()
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
                } else if !self.head_next.q.val() {
                    self.reason.d.next = bits_lit::<8>(131);
                } else {
                    self.moves_seq.d.next = true;
                    if !self.head_timely.q.val() {
                        self.reason.d.next = bits_lit::<8>(133);
                    } else if self.kinds.q.val().get_bit(32) & self.place.val().is_known {
                        if self.head_stray.q.val() {
                            self.reason.d.next = bits_lit::<8>(130);
                        } else if self.head_reason.q.val() != bits_lit::<8>(0) {
                            self.reason.d.next = self.head_reason.q.val();
                        } else if !self.head_newer.q.val() {
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
                    } else if !self.head_known.q.val() {
                        self.reason.d.next = bits_lit::<8>(129);
                    } else if self.head_stray.q.val() {
                        self.reason.d.next = bits_lit::<8>(130);
                    } else if (self.kinds.q.val().get_bit(33) | self.kinds.q.val().get_bit(35))
                        & !self.same_price.q.val()
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
                if self.moves_seq.q.val() {
                    self.last_seq.d.next = self.head.q.val().w7;
                }
                if self.moves_now.q.val() {
                    self.now_ns.d.next = self.head.q.val().w1;
                }
                self.is_exact.d.next = false;
                self.is_halting.d.next = false;
                self.retire_at.d.next = self.retire_at.q.val() + self.one_5.val();
                self.flush.next = true;
                self.flush_to.next = self.retire_at.q.val() + self.one_5.val();
                self.state.d.next = State::Run;
            }
            // A decision at the last quote is wanted.
            State::Ask => {
                self.moves_now.d.next = true;
                self.is_halting.d.next = false;
                if !self.keep.val().has_rows {
                    self.reason.d.next = bits_lit::<8>(16);
                    self.state.d.next = State::Refuse;
                } else if !self.feed.val().has_quote {
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
                self.feeds.write.next = true;
                self.feeds_has.next = false;
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
                    self.head_interval.d.next = self.engine.answer.val();
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
                } else if !self.head_usable.q.val() {
                    self.is_wanted.d.next = true;
                } else if self.head_exact.q.val() {
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
                self.error.d.next = self.head_interval.q.val().error;
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
        self.feeds.write_data.next.has_quote = self.feeds_has.val();
        self.feeds.write_data.next.feed_seq = self.head_quote.q.val().feed_seq;
        self.keep_written.d.next = self.new_keep.val();
        self.feeds_front.write.next = self.feeds.write.val();
        self.feeds_front.write_address.next = self.at.val();
        self.feeds_front.write_data.next.has_quote = self.feeds_has.val();
        self.feeds_front.write_data.next.feed_seq = self.head_quote.q.val().feed_seq;
        self.keeps_place.write.next = self.writes_keep.q.val();
        self.keeps_place.write_address.next = self.written_at.q.val();
        self.keeps_place.write_data.next = self.keep_written.q.val();
        self.setup_written.d.next = self.new_setup.val();
        self.desk.set_setup.next = self.writes_setup.q.val();
        self.desk.setup.next = self.setup_written.q.val();
        self.ledger_written.d.next = self.new_ledger.val();
        self.quotes.write_address.next = self.number.val();
        self.quotes.write_data.next = self.head_quote.q.val();
        self.prices.write.next = self.quotes.write.val();
        self.prices.write_address.next = self.number.val();
        self.prices.write_data.next = self.head_quote.q.val().price;

        // ---- after a slow command what was read ahead is read again
        if self.flush.val() {
            self.fetch_at.d.next = self.flush_to.val();
            self.is_fetched.d.next = false;
            self.is_placed.d.next = false;
            self.is_based.d.next = false;
            self.is_shifted.d.next = false;
            self.is_loading.d.next = false;
            self.is_head.d.next = false;
            self.goes.d.next = false;
        }

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
        self.idle.next = (self.write_at.q.val() == self.retire_at.q.val())
            & (self.state.q.val() == State::Run)
            & self.events.is_empty.val();

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
            self.is_fetched.d.next = false;
            self.is_placed.d.next = false;
            self.is_based.d.next = false;
            self.is_shifted.d.next = false;
            self.is_loading.d.next = false;
            self.is_head.d.next = false;
            self.goes.d.next = false;
            self.engine_pending.d.next = false;
            self.is_owed.d.next = false;
            self.bank_pending.d.next = false;
            self.write_at.d.next = bits_lit::<5>(0);
            self.fetch_at.d.next = bits_lit::<5>(0);
            self.retire_at.d.next = bits_lit::<5>(0);
            self.last_seq.d.next = bits_lit::<64>(0);
            self.now_ns.d.next = bits_lit::<64>(0);
        }
    }
}

crate::core_ports!([const N: usize] Core<N>, event_data);
