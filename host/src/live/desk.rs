//! One underlying live: its hedge instrument, what it holds, what it quotes the kernel, and its banks.
//!
//! ```text
//!   Undefined ──definition on the feed──► Defined ──configured──► waits for rows ──swap──► Active
//!                                                                        ▲                  │ cadence, or
//!                     job ◄── prices of now ◄───────────────────────────┼──────────────────┘ price off the middle
//!                      └──► compiler ──► bank ──► loaded in pieces ──► built ──┘
//! ```
//!
//! Everything between feed and kernel is integers: prices in 10^-9 become price units by the tick, quantities contracts
//! by the smallest order. A book that may not be believed gives its last touch, marked: the kernel then says
//! `BOOK_UNTRUSTED` where it would hedge.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedgewire_abi::command::{OrderUpdate, Quote, code};
use hedgewire_abi::event::Hedge;
use hedgewire_abi::format::{ORDER_SLOTS, PRICE_BITS};

use super::compile::{Built, Job};
use super::feed::{Feed, Stated};
use super::profit::{RunProfit, Totals};
use super::second::Input;
use crate::book::Side as BookSide;
use crate::compiler::{Holding, Ladder};
use crate::config::{MarketRules, PlannedHolding, Reference, UnderlyingPlan};
use crate::deribit::starbase::market::{Channel, Doubt, Handle, InstrumentStatus, InstrumentType, Terms};
use crate::deribit::starbase::orders::Decimal72;
use crate::deribit::starbase::orders::escalation::Top;
use crate::deribit::starbase::orders::tally::Tally;
use crate::deribit::starbase::orders::value::HedgeTerms;
use crate::desk::portfolio;
use crate::instrument::{EuropeanOption, Future, Instrument, Payoff, Right};

/// 10^-9 in 1.
const NANO: f64 = 1e9;

/// The hedge instrument, as the feed defines it.
#[derive(Clone, Copy, Debug)]
pub struct HedgeInstrument {
    /// Index of its channel.
    pub channel: usize,
    /// Its place there.
    pub handle: Handle,
    /// Number of its index.
    pub index_id: i64,
    /// How it is counted.
    pub terms: HedgeTerms,
    /// Smallest order, in the feed's unit.
    pub lot: i64,
}

/// A holding, and where its mark is found.
#[derive(Clone, Debug)]
pub struct Held {
    /// As the compiler wants it.
    pub holding: Holding,
    /// The venue's number; `None` for AMM liquidity.
    pub instrument_id: Option<i64>,
    /// Lots.
    pub lots: i32,
    /// Size of a lot, 10^-9.
    pub lot_nano: i64,
}

/// The bank in use.
#[derive(Clone, Copy, Debug)]
struct Active {
    compiled_ns: u64,
    centre: u32,
    ladder: Ladder,
}

/// A bank that is being loaded.
#[derive(Debug)]
pub struct Loading {
    /// The bank and its ladder.
    pub built: Built,
    /// When its prices were, ns.
    pub asked_ns: u64,
    /// Middle of its ladder.
    pub centre: u32,
    /// Rows written; `None` before the bank is open.
    pub rows: Option<usize>,
    /// Whether the build was started.
    pub is_building: bool,
}

/// What was told of an order of the ledger.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    order_id: u32,
    sign: i64,
    told: (i64, i64, i64, i64),
}

/// One underlying.
#[derive(Debug)]
pub struct Desk {
    pub plan: UnderlyingPlan,
    rules: MarketRules,
    pub gateway: usize,
    pub hedge: Option<HedgeInstrument>,
    /// The definition on the feed is not the configuration's.
    pub is_contradicted: bool,
    pub held: Vec<Held>,
    holdings: Arc<Vec<Holding>>,
    by_instrument: BTreeMap<i64, usize>,
    futures: Vec<(i64, u64)>,
    feed_seq: u32,
    pub is_dirty: bool,
    /// The last quote that was made.
    pub quote: Option<Quote>,
    pub doubt: Option<Doubt>,
    /// Since when the book may not be believed.
    pub blind_ns: Option<u64>,
    /// Since when Starbase says nothing that a quote could come from, ns.
    pub lacking_ns: Option<u64>,
    /// Whether quotes come from the second feed.
    pub is_on_second: bool,
    pub evaluated_ns: u64,
    /// When the kernel was asked for the Greeks last, ns.
    pub risk_ns: u64,
    pub is_configured: bool,
    pub is_reconciled: bool,
    pub is_armed: bool,
    pub wants_arming: bool,
    pub is_restricted: bool,
    /// Whether a job is with the compiler, since when.
    pub asked_ns: Option<u64>,
    pub retry_ns: u64,
    next_bank_id: u16,
    pub loading: Option<Loading>,
    active: Option<Active>,
    pub position: i64,
    /// What people told of the position, less what it was then: it counts once nothing is open any more.
    pub correction: Option<i64>,
    pub hedge_coin: i64,
    pub cost: i64,
    /// What hedges were paid with in USD since the start, 10^-6 USD.
    pub paid: i64,
    pub profit: RunProfit,
    /// Fills of earlier lives that were found at the start.
    pub found: Tally,
    /// Coin cash of own fills.
    pub cash: i64,
    pub settled_coin: i64,
    slots: [Slot; ORDER_SLOTS],
}

impl Desk {
    /// An underlying whose instruments are not known yet.
    pub fn new(plan: &UnderlyingPlan, rules: MarketRules, gateway: usize, arms: bool) -> Self {
        Self {
            plan: plan.clone(),
            rules,
            gateway,
            hedge: None,
            is_contradicted: false,
            held: Vec::new(),
            holdings: Arc::default(),
            by_instrument: BTreeMap::new(),
            futures: Vec::new(),
            feed_seq: 0,
            is_dirty: false,
            quote: None,
            doubt: None,
            blind_ns: None,
            lacking_ns: None,
            is_on_second: false,
            evaluated_ns: 0,
            risk_ns: 0,
            is_configured: false,
            is_reconciled: false,
            is_armed: false,
            wants_arming: arms,
            is_restricted: false,
            asked_ns: None,
            retry_ns: 0,
            next_bank_id: 1,
            loading: None,
            active: None,
            position: plan.setup.reconcile.position,
            correction: None,
            hedge_coin: 0,
            cost: 0,
            paid: 0,
            profit: RunProfit::default(),
            found: Tally::default(),
            cash: 0,
            settled_coin: 0,
            slots: [Slot::default(); ORDER_SLOTS],
        }
    }

    // ---- definitions -------------------------------------------------------------------------

    /// Looks for its instruments on a channel whose snapshots have all come. Returns whether it is defined now.
    pub fn define(&mut self, index: usize, channel: &Channel, maker_fee_nano: i64) -> bool {
        let named = channel.instruments().find(|instrument| {
            instrument.terms().is_some_and(|terms| terms.name.as_str() == Some(self.plan.hedge_name.as_str()))
        });
        let found = named.and_then(|instrument| Some((instrument.id(), *instrument.terms()?)));
        let Some((id, terms)) = found else { return false };
        let handle = channel.handle(id);
        let Some((hedge_terms, handle)) = hedge_terms(&self.plan, id, &terms, maker_fee_nano).zip(handle) else {
            self.is_contradicted = true;
            return false;
        };
        let (index_id, lot) = (terms.index_id, terms.min_order_quantity);
        self.hedge = Some(HedgeInstrument { channel: index, handle, index_id, terms: hedge_terms, lot });
        let listed: Vec<(i64, Instrument)> = (channel.instruments())
            .filter_map(|instrument| Some((instrument.id(), instrument_of(instrument.terms()?)?)))
            .collect();
        self.take_portfolio(&listed);
        true
    }

    fn take_portfolio(&mut self, listed: &[(i64, Instrument)]) {
        let plan = self.plan.clone();
        let mut held: Vec<Held> = Vec::new();
        for planned in &plan.portfolio.holdings {
            let id = listed.iter().find(|(_, listed)| *listed == planned.instrument).map(|(id, _)| *id);
            held.push(hold(&plan, held.len(), id, planned));
        }
        for (id, instrument) in listed {
            let is_held = held.iter().any(|held| held.instrument_id == Some(*id));
            let planned = plan.portfolio.rule.filter(|_| !is_held);
            if let Some(planned) = planned.and_then(|rule| portfolio::by_rule(&plan, rule, instrument)) {
                held.push(hold(&plan, held.len(), Some(*id), &planned));
            }
        }
        held.truncate(plan.range.slot_count as usize);
        self.by_instrument = held.iter().enumerate().filter_map(|(at, held)| Some((held.instrument_id?, at))).collect();
        self.holdings = Arc::new(held.iter().map(|held| held.holding.clone()).collect());
        self.held = held;
        let future = |(id, instrument): &(i64, Instrument)| match instrument {
            Instrument::Future(Future { underlying, expiry_ns: Some(expiry_ns), payoff: Payoff::Inverse })
                if *underlying == plan.coin =>
            {
                Some((*id, *expiry_ns))
            }
            _ => None,
        };
        self.futures = listed.iter().filter_map(future).collect();
    }

    /// What is held of an instrument.
    pub fn held_mut(&mut self, instrument_id: i64) -> Option<&mut Held> {
        let at = *self.by_instrument.get(&instrument_id)?;
        self.held.get_mut(at)
    }

    /// Lots of an instrument.
    pub fn lots(&self, instrument_id: i64) -> Option<i32> {
        self.by_instrument.get(&instrument_id).map(|at| self.held[*at].lots)
    }

    /// Whether an instrument is held.
    pub fn holds(&self, instrument_id: i64) -> bool {
        self.by_instrument.contains_key(&instrument_id)
    }

    /// Between two banks, ns.
    pub fn recompile_ns(&self) -> u64 {
        self.rules.recompile_ns
    }

    /// The holding of a name.
    pub fn instrument_id(&self, name: &str) -> Option<i64> {
        let instrument = name.parse::<Instrument>().ok()?;
        let held = self.held.iter().find(|held| held.holding.instrument == instrument)?;
        held.instrument_id
    }

    // ---- quotes ------------------------------------------------------------------------------

    /// Why the book may not be believed now; `None` if it may.
    pub fn doubt_now(&self, feed: &Feed) -> Option<Doubt> {
        let hedge = self.hedge.as_ref()?;
        feed.channels[hedge.channel].channel.book(hedge.handle).err()
    }

    /// Whether the venue trades the hedge instrument.
    pub fn is_open(&self, feed: &Feed) -> bool {
        let Some(hedge) = &self.hedge else { return false };
        let instrument = feed.channels[hedge.channel].channel.instrument(hedge.handle);
        instrument.and_then(|instrument| instrument.status()) == Some(InstrumentStatus::Open)
    }

    /// The quote of now; `None` while no price is known.
    pub fn quote_of(&mut self, feed: &Feed) -> Option<Quote> {
        let hedge = self.hedge?;
        let channel = &feed.channels[hedge.channel];
        let terms = &hedge.terms;
        let last = self.quote.unwrap_or_default();
        let mut quote = Quote { flags: 0, feed_ns: channel.sent_ns, ..last };
        let second = feed.second.as_ref().filter(|_| self.is_on_second);
        let second = second.and_then(|second| second.touch(usize::from(self.plan.index)));
        match (channel.channel.book(hedge.handle), second) {
            (_, Some(second)) => {
                (quote.bid, quote.bid_size) = second.bid;
                (quote.ask, quote.ask_size) = second.ask;
                quote.feed_ns = second.feed_ns;
            }
            (Ok(book), None) => {
                let side = |side| {
                    let level = book.best(side)?;
                    let contracts = u32::try_from(level.quantity / hedge.lot).unwrap_or(u32::MAX);
                    Some((terms.units_of(level.price)?, contracts))
                };
                (quote.bid, quote.bid_size) = side(BookSide::Bid).unwrap_or_default();
                (quote.ask, quote.ask_size) = side(BookSide::Ask).unwrap_or_default();
            }
            (Err(_), None) => quote.flags = code::QUOTE_UNTRUSTED,
        }
        let stated =
            |prices: &BTreeMap<i64, Stated>, id: i64| prices.get(&id).and_then(|stated| terms.units_of(stated.price));
        let last_trade = stated(&feed.notes.trades, terms.instrument_id).unwrap_or(0);
        let (mark, index, last_trade) = match second {
            // An old trade is a limit all the same, where the second feed has told of none.
            Some(touch) => (touch.mark, touch.index, if touch.last_trade == 0 { last_trade } else { touch.last_trade }),
            None => (
                stated(&feed.notes.marks, terms.instrument_id),
                stated(&feed.notes.indices, hedge.index_id),
                last_trade,
            ),
        };
        let mid = (quote.bid > 0 && quote.ask > 0).then(|| quote.bid.midpoint(quote.ask));
        quote.hedge_price = mid.or(mark).unwrap_or(last.hedge_price);
        quote.price = match self.rules.reference {
            Reference::Index => index.unwrap_or(last.price),
            Reference::Mid => quote.hedge_price,
            Reference::Mark => mark.unwrap_or(last.price),
        };
        if quote.price == 0 || quote.hedge_price == 0 {
            return None;
        }
        quote.last_trade = last_trade;
        self.feed_seq = self.feed_seq.wrapping_add(1);
        quote.feed_seq = self.feed_seq;
        self.quote = Some(quote);
        Some(quote)
    }

    /// The market as hedges see it: none while the book may not be believed.
    pub fn top(&self) -> Top {
        match self.quote.filter(|quote| quote.flags & code::QUOTE_UNTRUSTED == 0) {
            Some(quote) => Top { bid: quote.bid, ask: quote.ask, reference: quote.hedge_price },
            None => Top::default(),
        }
    }

    // ---- banks -------------------------------------------------------------------------------

    /// Whether there are rows to decide on.
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Whether a new bank is due.
    pub fn wants_bank(&self, now_ns: u64) -> bool {
        let Some(quote) = self.quote.filter(|_| self.asked_ns.is_none() && self.loading.is_none()) else {
            return false;
        };
        let is_due = self.active.is_none_or(|active| {
            let is_old = now_ns.saturating_sub(active.compiled_ns) >= self.rules.recompile_ns;
            is_old || quote.price.abs_diff(active.centre) > active.ladder.span() / 4
        });
        is_due && self.is_configured && now_ns >= self.retry_ns
    }

    /// When the index was last stated; ns, 0 for never.
    pub fn input_ns(&self, feed: &Feed) -> u64 {
        let index = self.hedge.and_then(|hedge| feed.notes.indices.get(&hedge.index_id));
        index.map_or(0, |index| index.time_ns)
    }

    /// What a bank of now is compiled from.
    pub fn job(&mut self, feed: &Feed, input: Input, now_ns: u64) -> Option<Job> {
        let (hedge, quote) = (self.hedge?, self.quote?);
        let first_index = feed.notes.indices.get(&hedge.index_id).map_or(0, |index| index.price);
        let stated = |id: &i64| feed.notes.marks.get(id).copied().unwrap_or_default();
        // Without a mark a vol stays what it was.
        let mark = |id: &i64| if input == Input::First { stated(id) } else { Stated::default() };
        let (index, future) = match input {
            Input::First => (first_index, None),
            Input::Second(index) => (index, Some((index, first_index))),
        };
        let moved = |price: i64| match future {
            Some((now, then)) if then > 0 => {
                i64::try_from(i128::from(price) * i128::from(now) / i128::from(then)).unwrap_or(0)
            }
            Some(_) => 0,
            None => price,
        };
        let bank_id = self.next_bank_id;
        self.next_bank_id = self.next_bank_id.checked_add(1).unwrap_or(1);
        self.asked_ns = Some(now_ns);
        Some(Job {
            underlying: self.plan.index,
            bank_id,
            now_ns,
            price: quote.price,
            index,
            holdings: Arc::clone(&self.holdings),
            marks: self
                .held
                .iter()
                .map(|held| held.instrument_id.as_ref().map_or_else(Stated::default, mark))
                .collect(),
            futures: (self.futures.iter())
                .map(|(id, expiry_ns)| (*expiry_ns, moved(stated(id).price)))
                .filter(|(_, price)| *price > 0)
                .collect(),
        })
    }

    /// The bank that was loaded is in use.
    pub fn activate(&mut self, loading: &Loading) {
        let (compiled_ns, centre, ladder) = (loading.asked_ns, loading.centre, loading.built.ladder);
        self.active = Some(Active { compiled_ns, centre, ladder });
    }

    // ---- the ledger --------------------------------------------------------------------------

    /// Coin cash as the kernel is told it, 2^-32 coin.
    pub fn cash_told(&self) -> i64 {
        self.plan.setup.target.cash.saturating_add(self.cash).saturating_add(self.settled_coin)
    }

    /// The kernel has decided on an order.
    pub fn on_hedge(&mut self, hedge: &Hedge) {
        let slot = &mut self.slots[hedge.order_id as usize % ORDER_SLOTS];
        *slot = Slot { order_id: hedge.order_id, sign: hedge.quantity.signum(), told: (0, 0, 0, 0) };
    }

    /// What this run's hedges came to and cost, 10^-6 USD; `None` before the position is known, or without a price.
    pub fn profit_and_cost(&mut self) -> Option<(i64, i64)> {
        let quote = self.quote.filter(|quote| self.is_reconciled && quote.hedge_price > 0)?;
        let hedge = &self.plan.compiler.hedge;
        let price_usd = f64::from(quote.hedge_price) * hedge.tick_usd / f64::from(1u32 << PRICE_BITS);
        let totals = Totals { position: self.position, coin: self.hedge_coin, paid: self.paid, cost: self.cost };
        Some(self.profit.look(hedge, &totals, price_usd))
    }

    /// Something is known of an order: what it adds to the position. Returns false if it is none of its.
    pub fn on_update(&mut self, update: &OrderUpdate, paid: i64) -> bool {
        let slot = &mut self.slots[update.order_id as usize % ORDER_SLOTS];
        if slot.order_id != update.order_id || slot.sign == 0 {
            return false;
        }
        let filled = update.filled.cast_signed();
        self.position += slot.sign * (filled - slot.told.0);
        // A venue's price may be absurd; the kernel then says that it does not fit.
        self.hedge_coin = self.hedge_coin.saturating_add(update.coin - slot.told.1);
        self.cost = self.cost.saturating_add(update.cost - slot.told.2);
        self.paid = self.paid.saturating_add(paid - slot.told.3);
        slot.told = (filled, update.coin, update.cost, paid);
        true
    }
}

fn hold(plan: &UnderlyingPlan, at: usize, instrument_id: Option<i64>, planned: &PlannedHolding) -> Held {
    Held {
        holding: portfolio::holding(plan, at, planned),
        instrument_id,
        lots: planned.quantity_lots,
        lot_nano: (planned.lot_size * NANO).round() as i64,
    }
}

/// The terms of a hedge instrument; `None` if the configuration has them otherwise.
fn hedge_terms(plan: &UnderlyingPlan, instrument_id: i64, terms: &Terms, maker_fee_nano: i64) -> Option<HedgeTerms> {
    let hedge = &plan.compiler.hedge;
    let contract_nano = (hedge.contract_size * NANO).round() as i64;
    let contract_quantity = Decimal72 { mantissa: terms.min_order_quantity, exponent: terms.quantity_exponent };
    let contract = Decimal72 { mantissa: contract_nano, exponent: -9 };
    let payoff = if terms.flags.is_reversed() { Payoff::Inverse } else { Payoff::Linear };
    let found = HedgeTerms {
        instrument_id,
        payoff,
        contract_nano,
        contract_quantity,
        tick_nano: terms.tick_size,
        maker_fee_nano,
        taker_fee_nano: (plan.taker_fee * NANO).round() as i64,
    };
    let is_same = terms.kind == InstrumentType::Perpetual
        && payoff == hedge.payoff
        && terms.tick_size == (hedge.tick_usd * NANO).round() as i64
        && contract.in_units(contract_quantity) == Some(1);
    (is_same && found.is_sound()).then_some(found)
}

/// An instrument by its definition, whatever its name looks like; `None` for what cannot be held.
fn instrument_of(terms: &Terms) -> Option<Instrument> {
    let name = terms.name.as_str()?;
    let underlying = name.split(['-', '_']).next()?.to_owned();
    let payoff = if terms.flags.is_reversed() { Payoff::Inverse } else { Payoff::Linear };
    let expiry_ns = terms.expiry_ns.and_then(|expiry_ns| u64::try_from(expiry_ns).ok());
    Some(match terms.kind {
        InstrumentType::Option => Instrument::Option(EuropeanOption {
            underlying,
            expiry_ns: expiry_ns?,
            strike_usd: terms.strike_price? as f64 / NANO,
            right: if terms.flags.is_put() { Right::Put } else { Right::Call },
            payoff,
        }),
        InstrumentType::DatedFuture => Instrument::Future(Future { underlying, expiry_ns: Some(expiry_ns?), payoff }),
        InstrumentType::Perpetual => Instrument::Future(Future { underlying, expiry_ns: None, payoff }),
        _ => return None,
    })
}
