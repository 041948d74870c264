//! The hedge kernel: `(state, command) -> (state, events)`, in integers.
//!
//! ```text
//!   Command --> header checks --> one handler per kind --> Event, Event
//!                                      |
//!        Quote, Trade, Time: ladder (or exact pass) -> trigger -> gates -> ledger
//!        OpenBank, WriteRow, Build, Swap: shadow bank and ladder        work(): build, catch up
//! ```
//!
//! This crate is the definition: the card equals it byte for byte, and so does every form of it.
//!
//! Invariants:
//! * between a command and its events there is no float, clock, allocation, hash map or panic;
//! * when [`Kernel::work`] runs cannot be seen in the events, only felt in the time they take;
//! * a refused command changes nothing but the two sequence counters.

#[cfg(target_arch = "x86_64")]
mod avx2;
pub mod bank;
pub mod elementary;
pub mod ladder;
pub mod ledger;
#[cfg(test)]
mod over_hedge;
pub mod row;
pub mod tables;
pub mod trigger;
pub mod underlying;

use hedgewire_abi::command::{
    self, Build, Configure, Control, OpenBank, OrderUpdate, Quote, Reconcile, SetTarget, Trade, WriteRow, code,
};
use hedgewire_abi::event::{
    Accepted, FLAG_EXACT, FLAG_LAST, FLAG_URGENT, Fault, Header, Hedge, Refused, Risk, Swapped,
};
use hedgewire_abi::format::{COIN_MAGNITUDE_BITS, POSITION_MAX, QUANTITY_MAX, SLOT_BLOCK, STEP_SHIFT};
use hedgewire_abi::{Command, Event, MAX_EVENTS_PER_COMMAND, Reason, VERSION, event};

use bank::{RowSpec, Rows, Scale, Stage};
use ladder::Greeks;
use ledger::Booked;
use tables::{LogTable, NormalTable};
use trigger::{Decision, Fired, Mode, Outcome, check_price, check_rate, check_size, check_status, check_trigger};
use underlying::Underlying;

/// Which form of the row kernel sums options. All give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One row at a time: the definition.
    Scalar,
    /// Four rows at a time.
    Avx2,
}

impl Form {
    /// The fastest form that this CPU can run.
    pub fn best() -> Self {
        if Self::Avx2.is_supported() { Self::Avx2 } else { Self::Scalar }
    }

    /// Whether this CPU can run the form.
    pub fn is_supported(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::is_supported(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 => false,
        }
    }

    /// Name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
        }
    }
}

/// Sizes of a kernel: what it allocates, once, at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Underlyings, at most 256.
    pub underlyings: usize,
    /// Slots for rows, of all underlyings together; a multiple of 64.
    pub rows: usize,
    /// Most intervals of a ladder.
    pub intervals: usize,
}

impl Default for Sizes {
    /// Eight underlyings, 4,096 rows, 256 intervals.
    fn default() -> Self {
        Self { underlyings: 8, rows: 4096, intervals: 256 }
    }
}

/// Constant tables, shared by all underlyings.
pub struct Shared {
    /// Normal distribution.
    pub normal: Box<NormalTable>,
    /// Logarithm.
    pub log: Box<LogTable>,
}

/// The events of one command.
struct Output {
    events: [Event; MAX_EVENTS_PER_COMMAND],
    count: usize,
    seq: u64,
}

/// The hedge kernel.
pub struct Kernel {
    shared: Shared,
    form: Form,
    sizes: Sizes,
    rows: [Rows; 2],
    quantities: Vec<i32>,
    underlyings: Vec<Underlying>,
    is_killed: bool,
    now_ns: u64,
    command_seq: u64,
    output: Output,
}

/// What a handler says: the command was carried out, or refused with nothing changed.
type Handled = Result<(), Reason>;

impl Kernel {
    /// A kernel of the given sizes, using the given form of the row kernel.
    ///
    /// # Panics
    /// If the form cannot run on this CPU or a size is out of range: a wrong program, not bad input.
    pub fn new(sizes: Sizes, form: Form) -> Self {
        assert!(form.is_supported(), "this CPU cannot run the {} form of the kernel", form.name());
        assert!((1..=256).contains(&sizes.underlyings) && (2..=1 << 14).contains(&sizes.intervals));
        assert!(sizes.rows.is_multiple_of(SLOT_BLOCK as usize) && sizes.rows <= 1 << 20);
        Self {
            shared: Shared { normal: NormalTable::new(), log: LogTable::new() },
            form,
            sizes,
            rows: [Rows::new(sizes.rows), Rows::new(sizes.rows)],
            quantities: vec![0; sizes.rows],
            underlyings: (0..sizes.underlyings).map(|_| Underlying::new(sizes.intervals)).collect(),
            is_killed: false,
            now_ns: 0,
            command_seq: 0,
            output: Output { events: [Event::ZERO; MAX_EVENTS_PER_COMMAND], count: 0, seq: 0 },
        }
    }

    /// The form of the row kernel in use.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The sizes it was made with.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Sequence number that the next command must carry.
    pub fn next_command_seq(&self) -> u64 {
        self.command_seq.wrapping_add(1)
    }

    /// Does one small piece of background work (at most 512 rows at a node: below a microsecond with
    /// AVX2, some three without): a part of a build, or an interval catching up with a trade. False
    /// when there is none. Never changes an event.
    pub fn work(&mut self) -> bool {
        let Self { shared, rows, underlyings, form, .. } = self;
        underlyings.iter_mut().any(|underlying| underlying.work(shared, rows, *form))
    }

    /// The doorbell: whether a swap of this underlying would find its ladder built and up to date.
    /// Not an event, because it comes at different times in different implementations.
    pub fn is_built(&self, underlying: u8) -> bool {
        self.underlyings.get(usize::from(underlying)).is_some_and(|u| u.ladders[1 - u.active].is_settled())
    }

    /// Delta of an underlying's rows at a price by the ladder's cubic alone, 2^-(kd + 7) coin, where the
    /// ladder answers there and nothing is stale. Reads only: for measuring the ladder apart from the
    /// decision.
    #[inline]
    pub fn ladder_delta(&self, underlying: u8, price: u32) -> Option<i64> {
        let underlying = self.underlyings.get(usize::from(underlying))?;
        underlying.ladders[underlying.active].delta(price)
    }

    /// Carries out one command and returns its events.
    #[inline]
    pub fn apply(&mut self, command: &Command) -> &[Event] {
        self.output.count = 0;
        match self.accept(command) {
            Ok(()) => self.now_ns = command.now_ns(),
            Err(reason) => {
                self.output.count = 0;
                self.refuse(command, Decision::refused(reason));
            }
        }
        &self.output.events[..self.output.count]
    }

    /// Checks the header and hands the command to its handler.
    #[inline(always)]
    fn accept(&mut self, command: &Command) -> Handled {
        if command.version() != VERSION {
            return Err(Reason::BadVersion);
        }
        if command.seq() != self.next_command_seq() {
            return Err(Reason::BadSequence);
        }
        self.command_seq = command.seq();
        if command.now_ns() < self.now_ns {
            return Err(Reason::TimeBackwards);
        }
        let index = usize::from(command.underlying());
        let underlying = self.underlyings.get_mut(index).ok_or(Reason::BadUnderlying)?;
        let is_known = underlying.slots.1 > underlying.slots.0;
        if command.kind() == Quote::KIND && is_known {
            let want_risk = take_quote(underlying, command)?;
            return self.evaluate(command, index, want_risk);
        }
        let is_setup = matches!(command.kind(), Configure::KIND | Control::KIND);
        if !(is_known || is_setup) {
            return Err(Reason::BadUnderlying);
        }
        self.dispatch(command, index)
    }

    #[inline(never)]
    fn dispatch(&mut self, command: &Command, index: usize) -> Handled {
        macro_rules! body {
            ($kind:ident) => {{
                check_reserved(command, &command::$kind::RESERVED)?;
                command::$kind::decode(command)
            }};
        }
        match command.kind() {
            Configure::KIND => self.configure(command, index, &body!(Configure)),
            command::SetTrigger::KIND => {
                let set = body!(SetTrigger);
                check_trigger(&set)?;
                self.underlyings[index].settings.trigger = set;
                self.accepted(command)
            }
            command::SetPriceLimits::KIND => {
                let set = body!(SetPriceLimits);
                check_price(&set)?;
                self.underlyings[index].settings.price = set;
                self.accepted(command)
            }
            command::SetSizeLimits::KIND => {
                let set = body!(SetSizeLimits);
                check_size(&set)?;
                self.underlyings[index].settings.size = set;
                self.accepted(command)
            }
            command::SetRateLimits::KIND => {
                let set = body!(SetRateLimits);
                check_rate(&set)?;
                self.underlyings[index].settings.rate = set;
                self.accepted(command)
            }
            command::SetStatus::KIND => {
                let set = body!(SetStatus);
                check_status(&set)?;
                self.underlyings[index].settings.status = set;
                self.accepted(command)
            }
            SetTarget::KIND => self.set_target(command, index, &body!(SetTarget)),
            Reconcile::KIND => self.reconcile(command, index, &body!(Reconcile)),
            Control::KIND => self.control(command, index, &body!(Control)),
            OpenBank::KIND => self.open_bank(command, index, &body!(OpenBank)),
            WriteRow::KIND => self.write_row(command, index, &body!(WriteRow)),
            Build::KIND => self.build(command, index, &body!(Build)),
            command::Swap::KIND => {
                check_reserved(command, &command::Swap::RESERVED)?;
                self.swap(command, index)
            }
            Trade::KIND => self.trade(command, index, &body!(Trade)),
            OrderUpdate::KIND => self.order_update(command, index, &body!(OrderUpdate)),
            command::Time::KIND => {
                let time = body!(Time);
                if time.flags & !code::WANT_RISK != 0 {
                    return Err(Reason::ReservedBits);
                }
                self.evaluate(command, index, time.flags & code::WANT_RISK != 0)
            }
            _ => Err(Reason::BadKind),
        }
    }

    // ---- market data -------------------------------------------------------------------------

    /// Takes the decision at the last quote and says it.
    #[inline(always)]
    fn evaluate(&mut self, command: &Command, index: usize, want_risk: bool) -> Handled {
        let Self { shared, rows, underlyings, form, .. } = self;
        let underlying = &mut underlyings[index];
        if !underlying.has_rows || !underlying.has_quote {
            let reason = if underlying.has_rows { Reason::NoQuote } else { Reason::NoRows };
            self.refuse(command, Decision::refused(reason));
            return Ok(());
        }
        let price = underlying.quote.price;
        let greeks = underlying.ladder_greeks(shared, rows, *form, price, want_risk);
        match greeks {
            Some(greeks) => conclude(underlying, &mut self.output, command, self.is_killed, &greeks, want_risk),
            None => self.evaluate_exactly(command, index, want_risk),
        }
        Ok(())
    }

    /// Apart from the ladder's path, so that a quote answered from the ladder stays in registers.
    #[cold]
    #[inline(never)]
    fn evaluate_exactly(&mut self, command: &Command, index: usize, want_risk: bool) {
        let Self { shared, rows, underlyings, form, .. } = self;
        let underlying = &mut underlyings[index];
        match underlying.exact_greeks(shared, rows, *form, underlying.quote.price) {
            Some(greeks) => conclude(underlying, &mut self.output, command, self.is_killed, &greeks, want_risk),
            None => self.refuse(command, Decision::refused(Reason::RefTooFar)),
        }
    }

    fn trade(&mut self, command: &Command, index: usize, trade: &Trade) -> Handled {
        if !self.underlyings[index].owns(trade.slot) {
            return Err(Reason::BadSlot);
        }
        if trade.quantity.unsigned_abs() > QUANTITY_MAX as u32 || !fits_coin(trade.cash) {
            return Err(Reason::ValueRange);
        }
        let slot = trade.slot as usize;
        let Self { shared, rows, underlyings, form, quantities, .. } = self;
        let underlying = &mut underlyings[index];
        // The same fill told twice is no news, and opens no gate for duplicates.
        let is_news = quantities[slot] != trade.quantity || underlying.cash != trade.cash;
        quantities[slot] = trade.quantity;
        let fits = underlying.trade(shared, rows, *form, slot, trade.quantity);
        underlying.cash = trade.cash;
        underlying.ledger.ledger_seq = underlying.ledger.ledger_seq.wrapping_add(u32::from(is_news));
        underlying.update_offset();
        if !fits && underlying.has_rows {
            let fault = Fault { detail: u64::from(trade.slot), value: i64::from(trade.quantity) };
            self.fault(command, index, Reason::WeightRange, &fault);
        }
        self.evaluate(command, index, false)
    }

    fn order_update(&mut self, command: &Command, index: usize, update: &OrderUpdate) -> Handled {
        let underlying = &mut self.underlyings[index];
        let booked = underlying.ledger.update(update)?;
        underlying.update_offset();
        if let Booked::Faulty(reason) = booked {
            let value = i64::try_from(update.filled).unwrap_or(i64::MAX);
            self.fault(command, index, reason, &Fault { detail: u64::from(update.order_id), value });
        }
        self.say_ledger(command, index);
        Ok(())
    }

    // ---- set-up ------------------------------------------------------------------------------

    fn configure(&mut self, command: &Command, index: usize, set: &Configure) -> Handled {
        let block = u64::from(SLOT_BLOCK);
        let (first, count) = (u64::from(set.first_slot), u64::from(set.slot_count));
        let is_aligned = first.is_multiple_of(block) && count.is_multiple_of(block) && count > 0;
        if !is_aligned || set.exact_mode > 1 || first + count > self.quantities.len() as u64 {
            return Err(Reason::ValueRange);
        }
        let (first, last) = (first as usize, (first + count) as usize);
        let meets = |(i, other): (usize, &Underlying)| i != index && first < other.slots.1 && other.slots.0 < last;
        if self.underlyings.iter().enumerate().any(meets) {
            return Err(Reason::BadSlot);
        }
        self.quantities[first..last].fill(0);
        self.rows.iter_mut().for_each(|rows| rows.forget(first, last));
        self.underlyings[index].configure(first, last - first, set.exact_mode == 1);
        self.accepted(command)
    }

    fn set_target(&mut self, command: &Command, index: usize, set: &SetTarget) -> Handled {
        if !fits_coin(set.target) || !fits_coin(set.cash) {
            return Err(Reason::ValueRange);
        }
        self.underlyings[index].set_target(set.target, set.cash);
        self.accepted(command)
    }

    fn reconcile(&mut self, command: &Command, index: usize, set: &Reconcile) -> Handled {
        if set.position.unsigned_abs() > POSITION_MAX as u64 || !fits_coin(set.hedge_coin) {
            return Err(Reason::ValueRange);
        }
        let underlying = &mut self.underlyings[index];
        underlying.ledger.reconcile(set.position, set.hedge_coin);
        underlying.update_offset();
        self.say_ledger(command, index);
        Ok(())
    }

    fn control(&mut self, command: &Command, index: usize, set: &Control) -> Handled {
        let underlying = &mut self.underlyings[index];
        match set.action {
            code::DISARM => underlying.is_armed = false,
            code::ARM => underlying.is_armed = true,
            code::NORMAL => underlying.mode = Mode::Normal,
            code::REDUCE_ONLY => underlying.mode = Mode::ReduceOnly,
            code::HALT => underlying.mode = Mode::Halt,
            code::KILL => self.is_killed = true,
            code::CLEAR_KILL => {
                self.is_killed = false;
                self.underlyings.iter_mut().for_each(|underlying| underlying.is_armed = false);
            }
            _ => return Err(Reason::ValueRange),
        }
        self.accepted(command)
    }

    // ---- banks and ladders -------------------------------------------------------------------

    fn open_bank(&mut self, command: &Command, index: usize, open: &OpenBank) -> Handled {
        let scale = Scale::read(open)?;
        self.underlyings[index].open_shadow(scale);
        self.accepted(command)
    }

    fn write_row(&mut self, command: &Command, index: usize, row: &WriteRow) -> Handled {
        let underlying = &mut self.underlyings[index];
        if !underlying.owns(row.slot) {
            return Err(Reason::BadSlot);
        }
        let shadow = 1 - underlying.active;
        if underlying.ladders[shadow].is_started() {
            return Err(Reason::BankClosed);
        }
        let bank = &mut underlying.banks[shadow];
        let written = RowSpec::read(row, bank.epoch)?;
        let slot = row.slot as usize;
        bank.write(&mut self.rows[shadow], underlying.slots.0, slot, written, self.quantities[slot])?;
        self.accepted(command)
    }

    fn build(&mut self, command: &Command, index: usize, build: &Build) -> Handled {
        let intervals = build.intervals as usize;
        let is_sized = (2..=self.sizes.intervals).contains(&intervals);
        if !is_sized || !STEP_SHIFT.contains(&build.step_shift) {
            return Err(Reason::ValueRange);
        }
        let underlying = &mut self.underlyings[index];
        let shadow = 1 - underlying.active;
        let bank = &underlying.banks[shadow];
        match bank.stage {
            Stage::Open(written) if written as usize == underlying.slots.1 - underlying.slots.0 => {}
            Stage::Open(_) => return Err(Reason::BankIncomplete),
            Stage::Closed | Stage::Active => return Err(Reason::BankClosed),
        }
        let shift = u32::from(build.step_shift);
        let ladder = &mut underlying.ladders[shadow];
        if !ladder.start(&self.shared.log, bank.scale.price_ref, build.centre, shift, intervals) {
            return Err(Reason::LadderRange);
        }
        self.accepted(command)
    }

    fn swap(&mut self, command: &Command, index: usize) -> Handled {
        let Self { shared, rows, underlyings, form, .. } = self;
        let underlying = &mut underlyings[index];
        let shadow = 1 - underlying.active;
        if !underlying.ladders[shadow].is_started() {
            return Err(Reason::NotBuilt);
        }
        underlying.complete_shadow(shared, rows, *form);
        underlying.banks[underlying.active].stage = Stage::Closed;
        underlying.ladders[underlying.active].clear();
        underlying.active = shadow;
        underlying.has_rows = true;
        underlying.banks[shadow].stage = Stage::Active;
        underlying.update_offset();
        let ladder = &underlying.ladders[shadow];
        let (error_bound, exact_intervals) = ladder.summary();
        let (low, high) = ladder.span();
        let saturated_rows = underlying.banks[shadow].saturated;
        let swapped = Swapped { error_bound: u64::from(error_bound), exact_intervals, saturated_rows, low, high };
        let header = self.header(command, index);
        self.output.push(|seq| swapped.encode(Header { seq, ..header }));
        Ok(())
    }

    // ---- events ------------------------------------------------------------------------------

    /// Header of an event of an underlying, which need not exist.
    #[inline(always)]
    fn header(&self, command: &Command, index: usize) -> Header {
        answer_header(command, self.underlyings.get(index).map_or(0, Underlying::bank_id))
    }

    fn accepted(&mut self, command: &Command) -> Handled {
        let header = self.header(command, usize::from(command.underlying()));
        self.output.push(|seq| Accepted { command_kind: command.kind() }.encode(Header { seq, ..header }));
        Ok(())
    }

    #[inline(always)]
    fn refuse(&mut self, command: &Command, decision: Decision) {
        let header = self.header(command, usize::from(command.underlying()));
        self.output.push_refused(command, &decision, Header { reason: decision.reason, ..header });
    }

    fn say_ledger(&mut self, command: &Command, index: usize) {
        let underlying = &self.underlyings[index];
        let ledger = &underlying.ledger;
        let event = event::Ledger {
            position: ledger.position,
            coin: underlying.cash.saturating_add(ledger.hedge_coin),
            open_buy: ledger.open.buy as u32,
            open_sell: ledger.open.sell as u32,
            unknown_buy: ledger.unknown.buy as u32,
            unknown_sell: ledger.unknown.sell as u32,
        };
        let header = self.header(command, index);
        self.output.push(|seq| event.encode(Header { seq, ..header }));
    }

    /// A fault always comes before the event that ends the command.
    fn fault(&mut self, command: &Command, index: usize, reason: Reason, fault: &Fault) {
        let header = Header { reason, flags: 0, ..self.header(command, index) };
        self.output.push(|seq| fault.encode(Header { seq, ..header }));
    }
}

// ---- the decision -------------------------------------------------------------------------------
//
// Functions of one underlying and the output, not of the kernel: the quote's path looks the
// underlying up once.

/// Takes note of a quote; returns whether a risk snapshot is wanted with the answer.
#[inline(always)]
fn take_quote(underlying: &mut Underlying, command: &Command) -> Result<bool, Reason> {
    check_reserved(command, &Quote::RESERVED)?;
    let quote = Quote::decode(command);
    if quote.flags & !(code::QUOTE_UNTRUSTED | code::WANT_RISK) != 0 {
        return Err(Reason::ReservedBits);
    }
    if quote.price == 0 || quote.hedge_price == 0 {
        return Err(Reason::ValueRange);
    }
    if quote.bid != 0 && quote.ask != 0 && quote.ask <= quote.bid {
        return Err(Reason::Crossed);
    }
    let is_newer = quote.feed_seq.wrapping_sub(underlying.quote.feed_seq) as i32 > 0;
    if underlying.has_quote && !is_newer {
        return Err(Reason::FeedSequence);
    }
    underlying.quote = quote;
    underlying.has_quote = true;
    Ok(quote.flags & code::WANT_RISK != 0)
}

/// Decides on the Greeks at the last quote, and says so.
#[inline(always)]
fn conclude(
    underlying: &mut Underlying,
    output: &mut Output,
    command: &Command,
    is_killed: bool,
    greeks: &Greeks,
    want_risk: bool,
) {
    let exact = if greeks.is_exact { FLAG_EXACT } else { 0 };
    let flags = exact | if want_risk { 0 } else { FLAG_LAST };
    match underlying.decide(greeks) {
        Outcome::Quiet(decision) => {
            let header = answer_header(command, underlying.bank_id());
            output.push_refused(command, &decision, Header { reason: decision.reason, flags, ..header });
        }
        Outcome::Fired(fired) => fulfil(underlying, output, command, is_killed, fired, flags),
    }
    if want_risk {
        say_risk(underlying, output, command, greeks, FLAG_LAST | exact);
    }
}

/// Apart from the quiet path, so that the decision of a quote inside the band stays in registers.
#[inline(never)]
fn fulfil(
    underlying: &mut Underlying,
    output: &mut Output,
    command: &Command,
    is_killed: bool,
    fired: Fired,
    flags: u16,
) {
    let decision = underlying.fulfil(&fired, command.now_ns(), is_killed);
    let flags = flags | if decision.is_urgent { FLAG_URGENT } else { 0 };
    let header = Header { reason: decision.reason, flags, ..answer_header(command, underlying.bank_id()) };
    if decision.reason != Reason::None {
        return output.push_refused(command, &decision, header);
    }
    let hedge = Hedge {
        exposure: decision.exposure,
        band: decision.band,
        quantity: decision.quantity,
        limit_price: decision.limit_price,
        order_id: decision.order_id,
    };
    output.push(|seq| hedge.encode(Header { seq, ..header }));
}

fn say_risk(underlying: &Underlying, output: &mut Output, command: &Command, greeks: &Greeks, flags: u16) {
    let scale = &underlying.banks[underlying.active].scale;
    let risk = Risk {
        delta: scale.coin_of(greeks.delta, scale.bits[0]),
        gamma: scale.coin_of(greeks.gamma, scale.bits[0]),
        vega: scale.coin_of(greeks.vega, scale.bits[2]),
        price: underlying.quote.price,
        error_bound: greeks.error,
    };
    let header = Header { flags, ..answer_header(command, underlying.bank_id()) };
    output.push(|seq| risk.encode(Header { seq, ..header }));
}

/// Header of an event that ends its command.
#[inline(always)]
fn answer_header(command: &Command, bank_id: u16) -> Header {
    Header {
        underlying: command.underlying(),
        bank_id,
        flags: FLAG_LAST,
        now_ns: command.now_ns(),
        command_seq: command.seq(),
        ..Header::default()
    }
}

impl Output {
    #[inline(always)]
    fn push(&mut self, event: impl FnOnce(u64) -> Event) {
        self.seq = self.seq.wrapping_add(1);
        self.events[self.count] = event(self.seq);
        self.count += 1;
    }

    #[inline(always)]
    fn push_refused(&mut self, command: &Command, decision: &Decision, header: Header) {
        let refused = Refused {
            exposure: decision.exposure,
            band: decision.band,
            quantity: decision.quantity,
            command_kind: command.kind(),
        };
        self.push(|seq| refused.encode(Header { seq, ..header }));
    }
}

/// Refuses a command with a bit set that no field covers.
#[inline(always)]
fn check_reserved(command: &Command, reserved: &[u64; 8]) -> Handled {
    let words = command.words();
    let mut stray = 0;
    for i in 0..8 {
        stray |= words[i] & reserved[i];
    }
    if stray == 0 { Ok(()) } else { Err(Reason::ReservedBits) }
}

/// Whether a coin amount is within its format.
fn fits_coin(coin: i64) -> bool {
    coin.unsigned_abs() < 1 << COIN_MAGNITUDE_BITS
}
