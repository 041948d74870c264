//! The matching engine: what becomes of requests. Requests and times go in; changes of books (for the feed) and
//! reports to members come out, in the order in which they happened.
//!
//! ```text
//!              ┌ refused ──────────────────────────────────────────────► reject
//!   new, ──► check ──► post-only that would trade: refused, or repriced ─► rests
//!   amend      │       would trade, and the book has a bump: QUEUED ──10 ms──┐
//!              └──► trade ◄──────────────────────────────────────────────────┘
//!                     └► the rest of it rests, or is cancelled with the reason
//! ```
//!
//! Rules that the venue states: price, then time; no bump for inverse BTC and ETH perpetuals and never for cancels;
//! an order in the bump cannot be amended; a smaller quantity keeps its place, anything else loses it. Rules assumed
//! where its text is silent: a cancel of an order in the bump is refused and turns it into one that does not rest
//! (`SPEED_BUMP_CONVERTED_TO_IOC`), a mass cancel and a disconnect do the same; an order that is amended into the
//! bump leaves the book at once; orders are kept from trading with each other by member and equal, given number.

mod amend;
mod cancel;
mod check;
mod protection;
mod quotes;

use std::collections::{BTreeMap, BTreeSet};

use super::book::{Book, Order, Owner, SelfTrade, Side, Step};
use super::codes::{cancel_reason, order_flag, order_reject, order_status};
use super::instrument::{Index, Instrument};
use super::market;
use super::reports::{self, Asked, Fill, Outcome, Refused, Stamp, Terms};
use super::request::{Amend, NewOrder};
use super::wire::{Body, Decimal};
use protection::Protections;
pub use protection::{ProtectionKey, ProtectionSettings};
pub use quotes::MassQuote;

/// Waiting time of an aggressing order, ns.
pub const SPEED_BUMP_NS: i64 = 10_000_000;
/// Most resting and waiting orders of a member.
pub const OPEN_ORDERS_MAX: usize = 10_000;

/// What the engine did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ExchangeCounts {
    /// Orders of members taken.
    pub orders: u64,
    /// Requests of members refused.
    pub refused: u64,
    /// Changes of orders of members.
    pub amends: u64,
    /// Orders of members cancelled, by whatever cause.
    pub cancels: u64,
    /// Orders that waited for the bump, anyone's.
    pub bumped: u64,
    /// Trades, anyone's.
    pub trades: u64,
    /// Sides of trades that were members'.
    pub member_fills: u64,
    /// Times that market-maker protection struck.
    pub protections: u64,
}

/// What came of requests, to be taken by the caller.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Changes of books by instrument's place, in order.
    pub changes: Vec<(usize, Body)>,
    /// Reports by member's place, in order.
    pub reports: Vec<(usize, Body)>,
}

/// How a request is refused: reason, as on the wire, and words.
type Refusal = (i8, &'static str);

/// What happens to a post-only order that would trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Post {
    Reprice,
    Refuse,
}

/// An order on its way into a book.
#[derive(Clone, Debug)]
struct Incoming {
    instrument: usize,
    order: Order,
    mode: SelfTrade,
    post: Option<Post>,
    is_all_or_nothing: bool,
    /// Why what does not trade is cancelled; `None` if it rests.
    remainder: Option<i8>,
    /// Rests at the price of its last trade.
    is_market_limit: bool,
    asked: Asked,
}

/// What a trade did to books and to others.
struct Executed {
    outcome: Outcome,
    reports: Vec<(usize, Body)>,
}

/// The matching engine.
#[derive(Debug)]
pub struct Exchange {
    /// What can be ordered.
    pub instruments: Vec<Instrument>,
    /// What instruments follow.
    pub indexes: Vec<Index>,
    books: Vec<Book>,
    by_id: BTreeMap<i64, usize>,
    /// Instrument of each resting order.
    homes: BTreeMap<i64, usize>,
    /// Members' resting orders and quotes.
    owned: BTreeSet<(usize, i64)>,
    /// Members' orders, resting or waiting, by their own number.
    live: BTreeMap<(usize, i64), i64>,
    /// Quotes by member, group, instrument and side.
    quotes: BTreeMap<(usize, i64, usize, Side), i64>,
    /// Orders in the bump, by when it ends.
    bump: BTreeMap<(i64, i64), Incoming>,
    bump_ns: i64,
    protections: Protections,
    positions: BTreeMap<(usize, usize), i64>,
    /// What traded in each instrument, mantissa: an open interest that nobody closes.
    traded: Vec<i64>,
    /// Price of the last trade of each instrument, 10^-9.
    last_prices: Vec<Option<i64>>,
    last_order_id: i64,
    last_sort_id: i64,
    last_match_id: i64,
    last_exec_id: i64,
    /// What came of requests.
    pub out: Outbox,
    /// What happened.
    pub counts: ExchangeCounts,
}

impl Exchange {
    /// An engine with empty books. Ids of instruments must differ.
    pub fn new(
        instruments: Vec<Instrument>,
        indexes: Vec<Index>,
        bump_ns: i64,
        protections: &[ProtectionSettings],
    ) -> Self {
        let by_id: BTreeMap<_, _> = instruments.iter().enumerate().map(|(place, i)| (i.id, place)).collect();
        let instruments_count = instruments.len();
        assert_eq!(by_id.len(), instruments_count, "instruments have numbers of their own");
        Self {
            books: vec![Book::default(); instruments_count],
            instruments,
            indexes,
            by_id,
            homes: BTreeMap::new(),
            owned: BTreeSet::new(),
            live: BTreeMap::new(),
            quotes: BTreeMap::new(),
            bump: BTreeMap::new(),
            bump_ns,
            protections: Protections::new(protections),
            positions: BTreeMap::new(),
            traded: vec![0; instruments_count],
            last_prices: vec![None; instruments_count],
            last_order_id: 0,
            last_sort_id: 0,
            last_match_id: 0,
            last_exec_id: 0,
            out: Outbox::default(),
            counts: ExchangeCounts::default(),
        }
    }

    /// The book of an instrument, by its place.
    pub fn book(&self, instrument: usize) -> &Book {
        &self.books[instrument]
    }

    /// An instrument's place, by the venue's number.
    pub fn place_of(&self, instrument_id: i64) -> Option<usize> {
        self.by_id.get(&instrument_id).copied()
    }

    /// What a member holds of an instrument, mantissa; negative when short.
    pub fn position(&self, member: usize, instrument: usize) -> i64 {
        self.positions.get(&(member, instrument)).copied().unwrap_or_default()
    }

    /// What traded of an instrument, mantissa.
    pub fn open_interest(&self, instrument: usize) -> i64 {
        self.traded[instrument]
    }

    /// Price of the last trade of an instrument, 10^-9.
    pub fn last_price(&self, instrument: usize) -> Option<i64> {
        self.last_prices[instrument]
    }

    /// A member's resting orders and quotes, in the order of their numbers.
    pub fn open_orders(&self, member: usize) -> impl Iterator<Item = (usize, &Order)> {
        self.owned.range((member, i64::MIN)..=(member, i64::MAX)).filter_map(|(_, order_id)| {
            let instrument = *self.homes.get(order_id)?;
            Some((instrument, self.books[instrument].order(*order_id)?))
        })
    }

    /// Number of orders in the bump.
    pub fn waiting(&self) -> usize {
        self.bump.len()
    }

    fn stamp(&mut self, now_ns: i64) -> Stamp {
        self.last_exec_id += 1;
        Stamp { now_ns, exec_id: self.last_exec_id }
    }

    fn terms(&self, instrument: usize) -> Terms {
        let Instrument { id, quantity_exponent, .. } = self.instruments[instrument];
        Terms { instrument_id: id, exponent: quantity_exponent }
    }

    fn tell(&mut self, owner: Owner, body: Body) {
        if let Owner::Member(member) = owner {
            self.out.reports.push((member, body));
        }
    }

    fn change(&mut self, instrument: usize, body: Body) {
        self.out.changes.push((instrument, body));
    }

    /// A member's new order.
    pub fn new_order(&mut self, now_ns: i64, member: usize, request: &NewOrder) {
        let asked = Asked {
            client_order_id: request.client_order_id,
            correlation_id: request.correlation_id,
            instrument_id: request.instrument_id,
            receive_ns: now_ns,
        };
        let refused = match self.check_new(now_ns, member, request, asked) {
            Ok(incoming) => {
                if incoming.order.is_protected && request.flags & order_flag::RESET_MMP != 0 {
                    let pair = self.indexes[self.instruments[incoming.instrument].index].id;
                    self.protections.reset(member, ProtectionKey::CurrencyPair(pair));
                }
                self.place_new(now_ns, incoming)
            }
            Err(refusal) => Err(refusal),
        };
        match refused {
            Ok(()) => self.counts.orders += 1,
            Err(refusal) => self.refuse(now_ns, member, Refused::New, &asked, None, refusal),
        }
    }

    /// Refuses a request with a reason.
    pub fn refuse(
        &mut self,
        now_ns: i64,
        member: usize,
        what: Refused,
        asked: &Asked,
        order_id: Option<i64>,
        (reason, details): Refusal,
    ) {
        self.counts.refused += 1;
        let body = reports::refused(self.stamp(now_ns), what, asked, order_id, reason, details);
        self.tell(Owner::Member(member), body);
    }

    fn place_new(&mut self, now_ns: i64, mut incoming: Incoming) -> Result<(), Refusal> {
        self.post(&mut incoming)?;
        self.last_order_id += 1;
        incoming.order.order_id = self.last_order_id;
        let (owner, asked) = (incoming.order.owner, incoming.asked);
        let terms = self.terms(incoming.instrument);
        let executed = self.queue_or_execute(now_ns, incoming);
        let stamp = self.stamp(now_ns);
        self.tell(owner, reports::new_order(stamp, terms, &asked, &executed.outcome));
        self.out.reports.extend(executed.reports);
        self.protect(now_ns);
        Ok(())
    }

    /// An order of the public: traded, rested or queued like a member's, but told to nobody. Returns its number if
    /// it may rest.
    pub fn public_order(
        &mut self,
        now_ns: i64,
        instrument: usize,
        side: Side,
        (price, quantity): (i64, i64),
        is_at_once: bool,
    ) -> Option<i64> {
        let terms = &self.instruments[instrument];
        if !terms.is_open() || quantity <= 0 || price <= 0 || price % terms.tick != 0 {
            return None;
        }
        let asked = Asked { client_order_id: 0, correlation_id: 0, instrument_id: terms.id, receive_ns: now_ns };
        self.last_order_id += 1;
        let order_id = self.last_order_id;
        let order = Order {
            order_id,
            sort_id: 0,
            owner: Owner::Public,
            client_order_id: 0,
            side,
            price,
            quantity,
            filled: 0,
            self_match_id: None,
            cancel_on_disconnect: false,
            is_protected: false,
            quote_group: None,
        };
        let remainder = is_at_once.then_some(cancel_reason::TIME_IN_FORCE);
        let incoming = Incoming {
            instrument,
            order,
            mode: SelfTrade::CancelTaker,
            post: None,
            is_all_or_nothing: false,
            remainder,
            is_market_limit: false,
            asked,
        };
        let executed = self.queue_or_execute(now_ns, incoming);
        self.out.reports.extend(executed.reports);
        self.protect(now_ns);
        let may_rest = matches!(executed.outcome.status, order_status::ACTIVE | order_status::QUEUED);
        (may_rest && !is_at_once).then_some(order_id)
    }

    fn queue_or_execute(&mut self, now_ns: i64, incoming: Incoming) -> Executed {
        let Incoming { instrument, ref order, .. } = incoming;
        if !self.instruments[instrument].is_bumped || !self.books[instrument].would_trade(order.side, order.price) {
            return self.execute(now_ns, incoming);
        }
        self.counts.bumped += 1;
        let outcome = Outcome {
            order: *order,
            status: order_status::QUEUED,
            cancel_reason: cancel_reason::UNKNOWN,
            fills: vec![],
        };
        if let (Owner::Member(member), None) = (order.owner, order.quote_group) {
            self.live.insert((member, order.client_order_id), order.order_id);
        }
        self.bump.insert((now_ns + self.bump_ns, order.order_id), incoming);
        Executed { outcome, reports: vec![] }
    }

    /// When the next order leaves the bump, or a protection thaws, ns.
    pub fn deadline_ns(&self) -> Option<i64> {
        let bump_ns = self.bump.keys().next().map(|(due_ns, _)| *due_ns);
        bump_ns.into_iter().chain(self.protections.deadline_ns()).min()
    }

    /// Does one thing that is due: places an order that has waited, or thaws a protection. Returns whether there
    /// was one.
    pub fn advance(&mut self, now_ns: i64) -> bool {
        if self.thaw(now_ns) {
            return true;
        }
        let Some(entry) = self.bump.first_entry().filter(|entry| entry.key().0 <= now_ns) else { return false };
        let incoming = entry.remove();
        let (order, asked, instrument) = (incoming.order, incoming.asked, incoming.instrument);
        self.forget_live(&order);
        let executed = if self.instruments[instrument].is_open() {
            self.execute(now_ns, incoming)
        } else {
            let outcome = Outcome {
                order,
                status: order_status::CANCELED,
                cancel_reason: cancel_reason::MARKET_STATE_TRANSITION,
                fills: vec![],
            };
            Executed { outcome, reports: vec![] }
        };
        let (stamp, terms) = (self.stamp(now_ns), self.terms(instrument));
        let body = match order.quote_group {
            None => reports::placed(stamp, terms, &asked, &executed.outcome),
            Some(group) => quotes::placed(stamp, group, terms, &executed.outcome),
        };
        self.tell(order.owner, body);
        self.out.reports.extend(executed.reports);
        self.protect(now_ns);
        true
    }

    /// Trades an order, and rests or cancels what is left of it.
    fn execute(&mut self, now_ns: i64, incoming: Incoming) -> Executed {
        let Incoming { instrument, mut order, mode, .. } = incoming;
        let book = &mut self.books[instrument];
        let is_short = incoming.is_all_or_nothing && book.tradable(&order, mode) < order.open();
        let mut steps = vec![];
        let is_stopped = !is_short && book.trade(&mut order, mode, &mut steps);
        let (fills, reports) = self.settle(now_ns, instrument, &order, &steps);
        let rest_reason = match incoming.remainder {
            _ if is_stopped => Some(cancel_reason::SELF_MATCH_PREVENTION),
            None if incoming.is_market_limit && fills.is_empty() => Some(cancel_reason::TIME_IN_FORCE),
            remainder => remainder,
        };
        let (status, cancel_reason) = match (order.open(), rest_reason) {
            (0, _) => (order_status::FILLED, cancel_reason::UNKNOWN),
            (_, Some(reason)) => (order_status::CANCELED, reason),
            (_, None) => (order_status::ACTIVE, cancel_reason::UNKNOWN),
        };
        if status == order_status::ACTIVE {
            if let (true, Some(last)) = (incoming.is_market_limit, fills.last()) {
                order.price = last.price;
            }
            self.last_sort_id += 1;
            order.sort_id = self.last_sort_id;
            self.rest(instrument, order);
        }
        Executed { outcome: Outcome { order, status, cancel_reason, fills }, reports }
    }

    fn rest(&mut self, instrument: usize, order: Order) {
        self.books[instrument].rest(order);
        self.homes.insert(order.order_id, instrument);
        if let Owner::Member(member) = order.owner {
            self.owned.insert((member, order.order_id));
            match order.quote_group {
                None => self.live.insert((member, order.client_order_id), order.order_id),
                Some(group) => self.quotes.insert((member, group, instrument, order.side), order.order_id),
            };
        }
        self.change(instrument, market::put(self.instruments[instrument].id, &order));
    }

    /// Takes a finished order out of every list but its book.
    fn forget(&mut self, order: &Order) {
        let home = self.homes.remove(&order.order_id);
        if let (Owner::Member(member), Some(instrument)) = (order.owner, home) {
            self.owned.remove(&(member, order.order_id));
            if let Some(group) = order.quote_group {
                self.quotes.remove(&(member, group, instrument, order.side));
            }
        }
        self.forget_live(order);
    }

    fn forget_live(&mut self, order: &Order) {
        if let (Owner::Member(member), None) = (order.owner, order.quote_group) {
            self.live.remove(&(member, order.client_order_id));
        }
    }

    /// Tells the feed and the resting side what was traded. Returns the incoming side's trades, and reports.
    fn settle(
        &mut self,
        now_ns: i64,
        instrument: usize,
        taker: &Order,
        steps: &[Step],
    ) -> (Vec<Fill>, Vec<(usize, Body)>) {
        let mut fills = vec![];
        let mut trades = vec![];
        let mut changes = vec![];
        let mut entries: BTreeMap<usize, Vec<Body>> = BTreeMap::new();
        let mut reports = vec![];
        let (id, terms) = (self.instruments[instrument].id, self.terms(instrument));
        for step in steps {
            match step {
                Step::Fill { maker, quantity } => {
                    self.last_match_id += 1;
                    let fill = Fill { match_id: self.last_match_id, price: maker.price, quantity: *quantity };
                    trades.push(market::trade(id, fill.match_id, maker, *quantity));
                    changes.push(if maker.open() > 0 { market::put(id, maker) } else { market::deleted(id, maker) });
                    if let Owner::Member(member) = maker.owner {
                        entries.entry(member).or_default().push(reports::filled_entry(terms, maker, &fill));
                    }
                    self.book_fill(now_ns, instrument, maker, *quantity);
                    self.book_fill(now_ns, instrument, taker, *quantity);
                    if maker.open() == 0 {
                        self.forget(maker);
                    }
                    self.traded[instrument] = self.traded[instrument].saturating_add(*quantity);
                    self.last_prices[instrument] = Some(maker.price);
                    fills.push(fill);
                }
                Step::MakerCancelled(maker) => {
                    changes.push(market::deleted(id, maker));
                    self.forget(maker);
                    if let Owner::Member(member) = maker.owner {
                        self.counts.cancels += 1;
                        let entry = reports::cancelled_entry(terms, maker, cancel_reason::SELF_MATCH_PREVENTION);
                        let stamp = self.stamp(now_ns);
                        reports.push((member, reports::orders_cancelled(stamp, true, &[entry])));
                    }
                }
            }
        }
        if let Some(deepest) = fills.last() {
            let (terms, all) = (&self.instruments[instrument], fills.iter().map(|fill| fill.quantity).sum());
            let count = i32::try_from(fills.len()).unwrap_or(i32::MAX);
            let index = &self.indexes[terms.index];
            let summary = market::trade_summary(terms, index, taker, deepest.price, count, all);
            self.change(instrument, summary);
        }
        for body in trades.into_iter().chain(changes) {
            self.change(instrument, body);
        }
        self.counts.trades += fills.len() as u64;
        for (member, entries) in entries {
            let stamp = self.stamp(now_ns);
            reports.extend(entries.chunks(ENTRIES_MAX).map(|part| (member, reports::filled(stamp, part))));
        }
        (fills, reports)
    }

    /// Books a side of a trade: position, and market-maker protection.
    fn book_fill(&mut self, now_ns: i64, instrument: usize, order: &Order, quantity: i64) {
        let Owner::Member(member) = order.owner else { return };
        self.counts.member_fills += 1;
        *self.positions.entry((member, instrument)).or_default() += quantity * i64::from(order.side.sign());
        if order.is_protected {
            let terms = &self.instruments[instrument];
            let pair = ProtectionKey::CurrencyPair(self.indexes[terms.index].id);
            let key = order.quote_group.map_or(pair, ProtectionKey::Group);
            self.protections.fill(
                now_ns,
                member,
                key,
                Decimal { mantissa: quantity, exponent: terms.quantity_exponent },
            );
        }
    }
}

/// Most entries of a group in one report: a message's length is a `u16`.
const ENTRIES_MAX: usize = 500;
