//! One underlying in a replay: what it holds, what it quotes the kernel, and its hedges.
//!
//! ```text
//!                  warm, and a price is known                   cadence, or price off the middle
//!   waiting ──────────────────────────────────► running ──┐ ◄──────────────┐
//!             set up, hold, first bank, swap, arm          └── next bank, swap
//!
//!   packet ─► dirty? ─► fills at the new quote ─► quote ─► hedge? ─► fill model ─► order update
//! ```
//!
//! A next bank that cannot be had, because a price on the feed is absurd, is counted, and tried again
//! a cadence later; the old one stays in use until its time is over. Only the first must succeed.
//!
//! Invariants:
//! * every price, size and quantity that goes into a command is worked out from the feed and the
//!   plan; nothing measured is;
//! * slots are given once, in the order of the plan and then of the venue's numbers.

use std::collections::BTreeMap;

use hedgewire_abi::command::{OrderUpdate, Quote, Reconcile, SetTarget, Time, Trade, code};

use super::ReplayError;
use super::directory::Directory;
use super::summary::{HedgeRecord, Point, UnderlyingResult};
use crate::compiler::{Bank, FittedLadder, Holding, Ladder, Numeraire, PriceUnit, compile};
use crate::config::{MarketRules, OwnFills, PlannedHolding, Reference, UnderlyingPlan};
use crate::deribit::legacy::{Books, Direction, Message, PriceIndex, Trade as PublicTrade};
use crate::desk::answer::Answer;
use crate::desk::market::{self, MarkedOption, Measure, Top, Touch};
use crate::desk::portfolio;
use crate::driver::{Driver, DriverError, Stage, Stopwatch};
use crate::fills::{Fills, from_wire_coin, to_wire_coin};
use crate::instrument::{Instrument, Payoff};

/// One position and what the feed says of it.
struct Held {
    holding: Holding,
    /// The venue's number; `None` for AMM liquidity.
    instrument_id: Option<u32>,
    quantity_lots: i32,
    top: Option<Top>,
    /// The last vol that the mark implied.
    vol: Option<f64>,
}

/// The bank in use.
#[derive(Debug, Clone, Copy)]
struct Active {
    bank_id: u16,
    compiled_ns: u64,
    /// Middle of its ladder, price units.
    centre: u32,
    ladder: Ladder,
}

/// One underlying.
pub(super) struct Desk<'p> {
    plan: &'p UnderlyingPlan,
    rules: &'p MarketRules,
    unit: PriceUnit,
    measure: Measure,
    hedge_id: u32,
    index_name: String,
    hedge_top: Option<Top>,
    index_usd: Option<f64>,
    /// Last trade of the hedge instrument, price units; 0 for none.
    last_trade: u32,
    held: Vec<Held>,
    by_instrument: BTreeMap<u32, usize>,
    /// Dated futures of the coin, with their expiries and marks.
    futures: BTreeMap<u32, (u64, Option<f64>)>,
    active: Option<Active>,
    /// After a bank that failed, when to try again, ns.
    retry_ns: u64,
    fills: Fills,
    cash_coin: f64,
    settled_coin: f64,
    feed_seq: u32,
    is_dirty: bool,
    /// The last quote that the kernel accepted.
    quote: Option<Quote>,
    evaluated_ns: u64,
    sampled_ns: u64,
    updates: Vec<OrderUpdate>,
    result: UnderlyingResult,
}

impl<'p> Desk<'p> {
    pub fn new(plan: &'p UnderlyingPlan, rules: &'p MarketRules, directory: &Directory) -> Result<Self, ReplayError> {
        let hedge = &plan.compiler.hedge;
        let price_error = |source| ReplayError::Price { instrument: plan.hedge_name.clone(), source };
        let unit = PriceUnit::of_tick(hedge.tick_usd).map_err(price_error)?;
        let measure = Measure::of(hedge).map_err(price_error)?;
        let fills = Fills::new(plan.fill, hedge, plan.taker_fee).map_err(price_error)?;
        let unknown = || ReplayError::UnknownInstruments { names: vec![plan.hedge_name.clone()] };
        let hedge_id = directory.id_of(&plan.hedge_name).ok_or_else(unknown)?;
        let held = portfolio(plan, directory)?;
        let by_instrument = held.iter().enumerate().filter_map(|(at, held)| Some((held.instrument_id?, at))).collect();
        Ok(Self {
            plan,
            rules,
            unit,
            measure,
            hedge_id,
            index_name: market::index_name(&plan.coin, hedge.payoff),
            hedge_top: None,
            index_usd: None,
            last_trade: 0,
            held,
            by_instrument,
            futures: dated_futures(plan, directory),
            active: None,
            retry_ns: 0,
            fills,
            cash_coin: plan.cash_coin,
            settled_coin: 0.0,
            feed_seq: 0,
            is_dirty: false,
            quote: None,
            evaluated_ns: 0,
            sampled_ns: 0,
            updates: Vec::new(),
            result: UnderlyingResult::new(plan),
        })
    }

    // ---- what the feed says ------------------------------------------------------------------

    /// Takes note of a message. Books are kept elsewhere; only `is_event` messages, not the repeats of
    /// the snapshot channels, make a new quote due.
    pub fn observe(&mut self, message: &Message<'_>, is_event: bool, now_ns: u64) {
        match message {
            Message::Ticker(ticker) => {
                let id = ticker.instrument_id();
                if id == self.hedge_id {
                    let top = self.hedge_top.get_or_insert_default();
                    top.observe(ticker, now_ns);
                    self.index_usd = top.index.or(self.index_usd);
                    self.is_dirty |= is_event;
                }
                if let Some(&at) = self.by_instrument.get(&id) {
                    self.held[at].top.get_or_insert_default().observe(ticker, now_ns);
                }
                if let Some((_, mark)) = self.futures.get_mut(&id) {
                    *mark = ticker.mark_price().filter(|&price| price > 0.0).or(*mark);
                }
            }
            Message::Book(update) => self.is_dirty |= is_event && update.instrument_id() == self.hedge_id,
            Message::Trades(trades) if is_event && trades.instrument_id() == self.hedge_id => {
                let last = trades.trades().last().and_then(|trade| trade.price());
                self.last_trade = last.and_then(|price| self.measure.units(price)).unwrap_or(self.last_trade);
            }
            Message::PriceIndex(index) => self.observe_index(index),
            _ => {}
        }
    }

    fn observe_index(&mut self, index: &PriceIndex<'_>) {
        if index.name().as_str() == Some(&self.index_name)
            && let Some(price) = index.price().filter(|&price| price > 0.0)
        {
            self.index_usd = Some(price);
            self.is_dirty |= self.rules.reference == Reference::Index && self.hedge_top.is_some();
        }
    }

    /// The slot that holds an option with this number of the venue, as an index of what is held.
    pub fn option_slot(&self, instrument_id: u32) -> Option<usize> {
        let at = *self.by_instrument.get(&instrument_id)?;
        matches!(self.held[at].holding.instrument, Instrument::Option(_)).then_some(at)
    }

    // ---- what the kernel is told -------------------------------------------------------------

    /// Does what is due after a packet: a first or next bank, a quote, a tick of time.
    pub fn after_packet(
        &mut self,
        driver: &mut Driver,
        books: &Books,
        now_ns: u64,
        is_warm: bool,
    ) -> Result<(), ReplayError> {
        let is_tick = self.rules.time_every_ns > 0 && now_ns - self.evaluated_ns >= self.rules.time_every_ns;
        if std::mem::take(&mut self.is_dirty) {
            let touch = market::touch(self.rules.quotes, self.hedge_top.as_ref(), books.book(self.hedge_id));
            let Some(quote) = touch.and_then(|touch| self.quote_of(&touch, now_ns)) else { return Ok(()) };
            if self.active.is_none() {
                return if is_warm { self.activate(driver, &quote, now_ns) } else { Ok(()) };
            }
            self.send_quote(driver, quote, now_ns)?;
            self.keep_bank(driver, quote.price, now_ns)
        } else if let (Some(quote), true) = (self.quote.filter(|_| self.active.is_some()), is_tick) {
            self.send_time(driver, now_ns)?;
            self.keep_bank(driver, quote.price, now_ns)
        } else {
            Ok(())
        }
    }

    /// The quote of a touch; `None` while no price of the hedge instrument is known.
    fn quote_of(&mut self, touch: &Touch, now_ns: u64) -> Option<Quote> {
        let units = |price: f64| self.measure.units(price);
        let (bid, ask) = (self.measure.side(touch.top.bid), self.measure.side(touch.top.ask));
        let hedge_usd = touch.top.mid().or(touch.top.mark)?;
        let reference_usd = match self.rules.reference {
            Reference::Index => self.index_usd?,
            Reference::Mid => hedge_usd,
            Reference::Mark => touch.top.mark?,
        };
        self.feed_seq = self.feed_seq.wrapping_add(1);
        Some(Quote {
            flags: if touch.is_trusted { 0 } else { code::QUOTE_UNTRUSTED },
            feed_seq: self.feed_seq,
            bid: bid.0,
            ask: ask.0,
            bid_size: bid.1,
            ask_size: ask.1,
            price: units(reference_usd)?,
            hedge_price: units(hedge_usd)?,
            last_trade: self.last_trade,
            // A venue's clock a little ahead of the capture's is no message from the future.
            feed_ns: touch.feed_ns.min(now_ns),
        })
    }

    fn send_quote(&mut self, driver: &mut Driver, mut quote: Quote, now_ns: u64) -> Result<(), ReplayError> {
        self.let_orders_trade(driver, &quote, now_ns)?;
        let is_sample = now_ns - self.sampled_ns >= self.rules.series_every_ns;
        if is_sample {
            quote.flags |= code::WANT_RISK;
        }
        let answer = Answer::of(driver.send(self.plan.index, now_ns, &quote)?);
        self.result.quotes += 1;
        if !answer.is_refused_command {
            self.quote = Some(quote);
        }
        self.take(driver, answer, now_ns, is_sample)
    }

    fn send_time(&mut self, driver: &mut Driver, now_ns: u64) -> Result<(), ReplayError> {
        let answer = Answer::of(driver.send(self.plan.index, now_ns, &Time::default())?);
        self.take(driver, answer, now_ns, false)
    }

    /// Books a fill of the desk's own quote: the other side of a public trade.
    pub fn own_fill(
        &mut self,
        driver: &mut Driver,
        at: usize,
        trade: &PublicTrade<'_>,
        share: f64,
        now_ns: u64,
    ) -> Result<(), ReplayError> {
        let held = &mut self.held[at];
        let (Some(amount), Some(price), true) = (trade.amount(), trade.price(), self.active.is_some()) else {
            return Ok(());
        };
        let lots = (amount * share / held.holding.lot_size + 1e-9).floor();
        let side = match trade.direction() {
            Direction::Buy => -1.0,
            Direction::Sell => 1.0,
            Direction::Unknown(_) => 0.0,
        };
        let quantity = f64::from(held.quantity_lots) + side * lots;
        if lots * side == 0.0 || quantity.abs() > f64::from(held.holding.quantity_max_lots) {
            self.result.own_fills_passed += 1;
            return Ok(());
        }
        held.quantity_lots = quantity as i32;
        if matches!(&held.holding.instrument, Instrument::Option(option) if option.payoff == Payoff::Inverse) {
            self.cash_coin -= side * lots * held.holding.lot_size * price;
        }
        let slot = held.holding.slot;
        let trade = Trade { slot, quantity: quantity as i32, cash: self.cash() };
        let answer = Answer::of(driver.send(self.plan.index, now_ns, &trade)?);
        self.result.own_fills += 1;
        self.take(driver, answer, now_ns, false)
    }

    /// Coin cash as the kernel is told it.
    fn cash(&self) -> i64 {
        to_wire_coin(self.cash_coin + self.settled_coin)
    }

    // ---- what the kernel says ----------------------------------------------------------------

    /// Notes a decision, and gives its order, if there is one, to the fill model.
    fn take(&mut self, driver: &mut Driver, answer: Answer, now_ns: u64, is_sample: bool) -> Result<(), ReplayError> {
        self.evaluated_ns = now_ns;
        let Some(quote) = self.quote else { return Ok(()) };
        if answer.is_evaluated && (is_sample || answer.hedge.is_some()) {
            self.sampled_ns = now_ns;
            self.result.points.push(self.point(&answer, &quote, now_ns));
        }
        let Some(hedge) = answer.hedge else { return Ok(()) };
        self.result.hedges.push(HedgeRecord {
            time_ns: now_ns,
            order_id: hedge.order_id,
            contracts: hedge.quantity,
            limit_usd: self.shown_usd(hedge.limit_price),
            price_usd: self.shown_usd(quote.hedge_price),
            exposure_contracts: contracts_of(hedge.exposure),
            band_contracts: contracts_of(hedge.band),
        });
        let watch = Stopwatch::start();
        let update = self.fills.on_hedge(&hedge, &quote, now_ns);
        driver.latencies.stop(Stage::Fill, watch);
        match update {
            Some(update) => driver.carry_out(self.plan.index, now_ns, &update).map(|_| ()).map_err(ReplayError::from),
            None => Ok(()),
        }
    }

    fn let_orders_trade(&mut self, driver: &mut Driver, quote: &Quote, now_ns: u64) -> Result<(), ReplayError> {
        if self.fills.open_orders() == 0 {
            return Ok(());
        }
        let watch = Stopwatch::start();
        let mut updates = std::mem::take(&mut self.updates);
        self.fills.on_quote(quote, now_ns, &mut updates);
        driver.latencies.stop(Stage::Fill, watch);
        for update in updates.drain(..) {
            driver.carry_out(self.plan.index, now_ns, &update)?;
        }
        self.updates = updates;
        Ok(())
    }

    fn point(&self, answer: &Answer, quote: &Quote, now_ns: u64) -> Point {
        let price_usd = self.shown_usd(quote.hedge_price);
        let account = self.fills.account();
        Point {
            time_ns: now_ns,
            price_usd,
            exposure_contracts: contracts_of(answer.exposure),
            band_contracts: contracts_of(answer.band),
            position_contracts: account.position_contracts,
            cost_coin: account.cost_coin(price_usd),
            hedge_profit: account.net_profit(price_usd),
            delta_coin: answer.risk.map(|risk| from_wire_coin(risk.delta)),
            gamma_coin: answer.risk.map(|risk| from_wire_coin(risk.gamma)),
            vega_coin: answer.risk.map(|risk| from_wire_coin(risk.vega)),
        }
    }

    /// A price as it is shown: without the binary dust beyond a millionth of a USD.
    fn shown_usd(&self, price: u32) -> f64 {
        (self.unit.to_usd(price) * 1e6).round() / 1e6
    }

    // ---- banks -------------------------------------------------------------------------------

    /// Sets the underlying up at its first price.
    fn activate(&mut self, driver: &mut Driver, quote: &Quote, now_ns: u64) -> Result<(), ReplayError> {
        let index = self.plan.index;
        let hedge_usd = self.unit.to_usd(quote.hedge_price);
        let position = self.plan.setup.reconcile.position;
        let hedge = &self.plan.compiler.hedge;
        self.fills.carry(position, hedge_usd);
        let mut setup = self.plan.setup;
        if hedge.payoff == Payoff::Inverse {
            // What a position N adds to the coin constant is N / entry; it is taken over at this price.
            let hedge_coin = to_wire_coin(position as f64 * hedge.contract_size / hedge_usd);
            setup.reconcile = Reconcile { hedge_coin, ..setup.reconcile };
        }
        driver.set_up(index, now_ns, &setup)?;
        let cash = self.cash();
        let quantities = self.held.iter().map(|held| (held.holding.slot, held.quantity_lots));
        let trades = quantities.map(|(slot, quantity)| Trade { slot, quantity, cash });
        driver.hold(index, now_ns, trades)?;
        self.next_bank(driver, quote.price, now_ns)?;
        driver.arm(index, now_ns)?;
        self.send_quote(driver, *quote, now_ns)
    }

    /// Compiles anew when the bank is old, or the price has left the inner half of its ladder.
    fn keep_bank(&mut self, driver: &mut Driver, price: u32, now_ns: u64) -> Result<(), ReplayError> {
        let Some(active) = self.active else { return Ok(()) };
        let is_old = now_ns - active.compiled_ns >= self.rules.recompile_ns;
        let is_off = price.abs_diff(active.centre) > active.ladder.span() / 4;
        if now_ns < self.retry_ns || !(is_old || is_off) {
            return Ok(());
        }
        match self.next_bank(driver, price, now_ns) {
            Err(error @ (ReplayError::Compile { .. } | ReplayError::Driver(DriverError::Refused { .. }))) => {
                self.retry_ns = now_ns.saturating_add(self.rules.recompile_ns);
                self.result.banks_failed += 1;
                self.result.bank_error.get_or_insert_with(|| error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    fn next_bank(&mut self, driver: &mut Driver, price: u32, now_ns: u64) -> Result<(), ReplayError> {
        let watch = Stopwatch::start();
        let bank_id = self.active.map_or(0, |active| active.bank_id).checked_add(1).unwrap_or(1);
        let bank = self.compile(bank_id, price, now_ns)?;
        let FittedLadder { ladder, steep_rows } = self.plan.ladder.fitted(price, &bank);
        let index = self.plan.index;
        driver.load(index, now_ns, &bank.open, &bank.rows, &ladder.build(price))?;
        while driver.work() {}
        let swapped = driver.swap(index, now_ns)?;
        driver.latencies.stop(Stage::Bank, watch);
        self.active = Some(Active { bank_id, compiled_ns: now_ns, centre: price, ladder });
        self.result.note_ladder(ladder, steep_rows);
        self.result.banks += 1;
        self.result.error_bound_contracts =
            self.result.error_bound_contracts.max(swapped.error_bound as f64 / f64::from(1u32 << 16));
        self.settle(driver, &bank, now_ns)
    }

    fn compile(&mut self, bank_id: u16, price: u32, now_ns: u64) -> Result<Bank, ReplayError> {
        let price_usd = self.unit.to_usd(price);
        let mut options = Vec::new();
        for held in &mut self.held {
            if let Instrument::Option(option) = &held.holding.instrument {
                options.push(MarkedOption { option, top: held.top.as_ref(), vol: &mut held.vol });
            }
        }
        let futures_usd = self.futures.values().filter_map(|&(expiry_ns, mark)| Some((expiry_ns, mark?))).collect();
        let index_usd = self.index_usd.unwrap_or(price_usd);
        let market =
            market::market(&self.plan.coin, now_ns, price_usd, index_usd, self.rules, &mut options, &futures_usd);
        let holdings: Vec<Holding> = self.held.iter().map(Held::for_compiler).collect();
        compile(bank_id, self.plan.range, &holdings, &market, &self.plan.compiler)
            .map_err(|source| ReplayError::Compile { coin: self.plan.coin.clone(), source: Box::new(source) })
    }

    /// In USD numeraire the coin that settling holdings have earned counts as cash.
    fn settle(&mut self, driver: &mut Driver, bank: &Bank, now_ns: u64) -> Result<(), ReplayError> {
        let lots =
            |slot: u32| self.held.iter().find(|held| held.holding.slot == slot).map_or(0, |held| held.quantity_lots);
        let settled = portfolio::settled_coin(bank, lots);
        let is_usd = self.plan.compiler.numeraire == Numeraire::Usd;
        if is_usd && settled != self.settled_coin {
            self.settled_coin = settled;
            let target = SetTarget { cash: self.cash(), ..self.plan.setup.target };
            driver.carry_out(self.plan.index, now_ns, &target)?;
        }
        Ok(())
    }

    /// What came of it all.
    pub fn finish(mut self) -> UnderlyingResult {
        self.result.price_usd = self.quote.map_or(0.0, |quote| self.shown_usd(quote.hedge_price));
        self.result.open_orders = self.fills.open_orders();
        self.result.account = *self.fills.account();
        self.result.holdings =
            self.held.iter().map(|held| (held.holding.instrument.to_string(), held.quantity())).collect();
        self.result
    }
}

impl Held {
    /// Quantity in the instrument's unit: coin, USD, or ranges.
    fn quantity(&self) -> f64 {
        f64::from(self.quantity_lots) * self.holding.lot_size
    }

    /// As the compiler wants it: a configured vol stands, one from the mark fills in for the smile.
    fn for_compiler(&self) -> Holding {
        Holding { vol: self.holding.vol.or(self.vol), ..self.holding.clone() }
    }
}

/// An exposure of the records in contracts.
fn contracts_of(exposure: i64) -> f64 {
    exposure as f64 / f64::from(1u32 << hedgewire_abi::format::CONTRACT_BITS)
}

/// Counts public trades, and says which of them were the desk's.
pub(super) struct OwnFillCounter {
    rule: OwnFills,
    trades: u64,
}

impl OwnFillCounter {
    pub fn new(rule: OwnFills) -> Self {
        Self { rule, trades: 0 }
    }

    /// The desk's share of the next trade, if it has one.
    pub fn next_share(&mut self) -> Option<f64> {
        self.trades += 1;
        self.trades.is_multiple_of(self.rule.every).then_some(self.rule.share)
    }
}

// ---- the portfolio at the start ---------------------------------------------------------------

fn portfolio(plan: &UnderlyingPlan, directory: &Directory) -> Result<Vec<Held>, ReplayError> {
    let mut held: Vec<Held> = Vec::new();
    for planned in &plan.portfolio.holdings {
        let id = directory.id_of(&planned.instrument.to_string());
        held.push(hold(plan, held.len(), id, planned));
    }
    if let Some(rule) = plan.portfolio.rule {
        for (id, listing) in directory.iter() {
            let Some(instrument) = &listing.instrument else { continue };
            let is_held = held.iter().any(|held| held.instrument_id == Some(id));
            let planned = if is_held { None } else { portfolio::by_rule(plan, rule, instrument) };
            if let Some(planned) = planned {
                held.push(hold(plan, held.len(), Some(id), &planned));
            }
        }
    }
    if held.len() > plan.range.slot_count as usize {
        let (coin, count, slots) = (plan.coin.clone(), held.len(), plan.range.slot_count);
        return Err(ReplayError::Slots { coin, count, slots });
    }
    Ok(held)
}

fn hold(plan: &UnderlyingPlan, at: usize, instrument_id: Option<u32>, planned: &PlannedHolding) -> Held {
    Held {
        holding: portfolio::holding(plan, at, planned),
        instrument_id,
        quantity_lots: planned.quantity_lots,
        top: None,
        vol: None,
    }
}

fn dated_futures(plan: &UnderlyingPlan, directory: &Directory) -> BTreeMap<u32, (u64, Option<f64>)> {
    let future = |(id, instrument): (u32, &Instrument)| match instrument {
        Instrument::Future(future) if future.underlying == plan.coin && future.payoff == Payoff::Inverse => {
            Some((id, (future.expiry_ns?, None)))
        }
        _ => None,
    };
    directory.iter().filter_map(|(id, listing)| Some((id, listing.instrument.as_ref()?))).filter_map(future).collect()
}
