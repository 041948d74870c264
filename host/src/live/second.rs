//! The second feed: the legacy multicast, which hedge instruments are quoted from while Starbase may not be believed.
//!
//! ```text
//!   datagram of its groups ──► channel by its number: gaps ──► books, tickers of the hedge instruments, by name
//!                                                                   │
//!   Starbase:  trusted ◄──── trusted again: at once ──── stood in for: quotes of the second feed, `second_feed` raised
//!                 │                                           ▲     │
//!                 └── in doubt, or older than a quote may be ──┤     └── second in doubt or stale: marked as before
//!                       for `after_ms`, second reliable, fresh ┘
//! ```
//!
//! Invariants:
//! * prices of the two feeds are never compared and never mixed in a quote: a quote is of one feed whole;
//! * what the venue does not trade, by the last word of either feed, is not stood in for;
//! * prices become price units as in a replay ([`Measure`]); from there on everything is integers;
//! * what is kept is bounded by the configuration: channels and instruments that are not in it are passed over.

use super::alarm::Alarm;
use super::desk::Desk;
use super::engine::Engine;
use super::feed::Feed;
use crate::book::{Book, Shape, Start, Trust};
use crate::config::{Plan, QuoteSource, SecondPlan, UnderlyingPlan};
use crate::deribit::legacy::{
    Arrival, Books, ChannelSequence, Frame, InstrumentDefinition, InstrumentState, Message, MessageCounts,
    SNAPSHOT_CHANNEL_OFFSET, Ticker,
};
use crate::deribit::starbase::market::Doubt;
use crate::desk::market::{self, Measure, Top};
use crate::telemetry::{FeedCount, FeedState, Telemetry};

/// 10^-9 in 1.
const NANO: f64 = 1e9;
/// Nanoseconds in a millisecond.
const MS_NS: u64 = 1_000_000;

/// Name of the feed, as it is shown.
pub const NAME: &str = "legacy";

/// What the second feed says of a hedge instrument: price units and contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondTouch {
    /// Best bid and its size.
    pub bid: (u32, u32),
    /// Best ask and its size.
    pub ask: (u32, u32),
    /// Mark.
    pub mark: Option<u32>,
    /// Index.
    pub index: Option<u32>,
    /// Last trade; 0 for none.
    pub last_trade: u32,
    /// When the venue said so, ns since 1970 UTC; never after its arrival.
    pub feed_ns: u64,
}

/// An index, as banks are compiled from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Index {
    price: f64,
    timestamp_ms: u64,
}

/// A hedge instrument on the second feed.
#[derive(Debug)]
struct Standby {
    name: String,
    index_name: String,
    tick_usd: f64,
    contract_size: f64,
    /// None for an instrument that no price unit fits: it is never stood in for.
    measure: Option<Measure>,
    instrument_id: Option<u32>,
    /// Finest tick and contract of its definitions.
    found: (Option<f64>, Option<f64>),
    is_listed: bool,
    top: Top,
    state: Option<InstrumentState>,
    index: Index,
    last_trade: u32,
    /// When a packet of events with a word on it came last, ns.
    heard_ns: u64,
    is_changed: bool,
}

impl Standby {
    fn new(plan: &UnderlyingPlan) -> Self {
        let hedge = &plan.compiler.hedge;
        Self {
            name: plan.hedge_name.clone(),
            index_name: market::index_name(&plan.coin, hedge.payoff),
            tick_usd: hedge.tick_usd,
            contract_size: hedge.contract_size,
            measure: Measure::of(hedge).ok(),
            instrument_id: None,
            found: (None, None),
            is_listed: false,
            top: Top::default(),
            state: None,
            index: Index::default(),
            last_trade: 0,
            heard_ns: 0,
            is_changed: false,
        }
    }

    /// The venue repeats definitions, and states the finest tick in one of its two kinds only.
    fn define(&mut self, definition: &InstrumentDefinition<'_>) {
        if self.instrument_id != Some(definition.instrument_id) {
            *self = Self {
                name: std::mem::take(&mut self.name),
                index_name: std::mem::take(&mut self.index_name),
                instrument_id: Some(definition.instrument_id),
                found: (None, None),
                top: Top::default(),
                state: None,
                last_trade: 0,
                heard_ns: 0,
                ..*self
            };
        }
        let (tick, contract) = self.found;
        let finest = [tick, definition.tick_size].into_iter().flatten().reduce(f64::min);
        self.found = (finest, definition.contract_size.or(contract));
        use InstrumentState::{Closed, Deactivated, Inactive, Settled};
        self.is_listed = !matches!(definition.state, Closed | Settled | Deactivated | Inactive);
    }

    /// Whether the feed has it on the terms of the configuration.
    fn is_as_configured(&self) -> bool {
        let is_same = |found: Option<f64>, wanted: f64| found.is_some_and(|f| (f - wanted).abs() <= 1e-9 * wanted);
        is_same(self.found.0, self.tick_usd) && is_same(self.found.1, self.contract_size)
    }

    fn take_ticker(&mut self, ticker: &Ticker<'_>, now_ns: u64) {
        self.top.observe(ticker, now_ns);
        if self.top.timestamp_ms != ticker.timestamp_ms() {
            return;
        }
        self.state = Some(ticker.state());
        let last = ticker.last_price().and_then(|price| self.measure?.units(price));
        self.last_trade = last.unwrap_or(self.last_trade);
        if let Some(price) = self.top.index {
            self.take_index(price, ticker.timestamp_ms());
        }
    }

    fn take_index(&mut self, price: f64, timestamp_ms: u64) {
        if price > 0.0 && price.is_finite() && timestamp_ms >= self.index.timestamp_ms {
            self.index = Index { price, timestamp_ms };
        }
    }

    fn hear(&mut self, now_ns: u64) {
        (self.heard_ns, self.is_changed) = (now_ns, true);
    }
}

/// A channel, and what its packets' numbers say.
#[derive(Debug)]
struct Numbered {
    channel: u16,
    sequence: ChannelSequence,
}

/// The second feed.
#[derive(Debug)]
pub struct Second {
    /// As it is configured.
    pub plan: SecondPlan,
    channels: Vec<Numbered>,
    books: Books,
    /// Hedge instruments, by underlying.
    instruments: Vec<Standby>,
    messages: MessageCounts,
    /// Packets of channels that are not configured.
    pub(super) foreign: u64,
    /// When the last packet came, ns; 0 for never.
    heard_ns: u64,
    /// When it was last seen to be live, or first looked at, ns; 0 for never.
    live_ns: u64,
    /// Whether it is said to be down.
    is_down: bool,
}

impl Second {
    /// The second feed of a plan, if it has one; nothing has come of it.
    pub fn of(plan: &Plan) -> Option<Self> {
        let second = plan.live.as_ref()?.second.clone()?;
        let numbered = |channel| Numbered { channel, sequence: ChannelSequence::default() };
        let channels = second.channels.iter().flat_map(|channel| [*channel, channel + SNAPSHOT_CHANNEL_OFFSET]);
        Some(Self {
            channels: channels.map(numbered).collect(),
            books: Books::new(Start::AwaitSnapshot),
            instruments: plan.underlyings.iter().map(Standby::new).collect(),
            messages: MessageCounts::default(),
            foreign: 0,
            heard_ns: 0,
            live_ns: 0,
            is_down: false,
            plan: second,
        })
    }

    /// Takes a datagram of its groups.
    pub fn on_datagram(&mut self, payload: &[u8], now_ns: u64) {
        let frame = Frame::new(payload);
        self.messages.observe_frame(&frame);
        let Ok(frame) = frame else { return };
        let Some(at) = self.channels.iter().position(|numbered| numbered.channel == frame.channel) else {
            self.foreign += 1;
            return;
        };
        self.heard_ns = now_ns;
        let arrival = self.channels[at].sequence.observe(frame.packet_seq);
        self.books.on_arrival(frame.channel, arrival);
        if arrival == Arrival::Duplicate {
            return;
        }
        for message in frame.messages() {
            self.messages.observe(&message);
            match message {
                Ok(message) => self.on_message(frame.channel, &message, now_ns),
                // What followed in this packet is lost, as if a packet were missing.
                Err(_) => self.books.on_arrival(frame.channel, Arrival::Gap { missing_packets: 1 }),
            }
        }
    }

    fn on_message(&mut self, channel: u16, message: &Message<'_>, now_ns: u64) {
        // Snapshot channels repeat what was said before: they confirm a book, and are no news.
        let is_event = channel < SNAPSHOT_CHANNEL_OFFSET;
        match message {
            Message::Ticker(ticker) => {
                if let Some(standby) = self.standby(ticker.instrument_id()) {
                    standby.take_ticker(ticker, now_ns);
                    if is_event {
                        standby.hear(now_ns);
                    }
                }
            }
            Message::Book(update) => {
                if let Some(standby) = self.standby(update.instrument_id()) {
                    standby.hear(now_ns);
                }
                self.books.on_message(channel, message);
            }
            Message::Trades(trades) if is_event => {
                if let Some(standby) = self.standby(trades.instrument_id()) {
                    let last = trades.trades().last().and_then(|trade| trade.price());
                    let units = last.and_then(|price| standby.measure?.units(price));
                    standby.last_trade = units.unwrap_or(standby.last_trade);
                }
            }
            Message::PriceIndex(index) => {
                let (name, timestamp_ms) = (index.name(), index.timestamp_ms());
                let of_index = |standby: &&mut Standby| name.as_str() == Some(&standby.index_name);
                if let Some(price) = index.price().filter(|_| timestamp_ms.saturating_mul(MS_NS) <= now_ns) {
                    self.instruments.iter_mut().filter(of_index).for_each(|s| s.take_index(price, timestamp_ms));
                }
            }
            _ => match message.definition() {
                // Books are kept of the hedge instruments alone, however many others are defined.
                Some(definition) => {
                    if let Some(standby) = self.instruments.iter_mut().find(|s| s.name == definition.name) {
                        standby.define(&definition);
                        self.books.on_message(channel, message);
                    }
                }
                None => {
                    self.books.on_message(channel, message);
                }
            },
        }
    }

    fn standby(&mut self, instrument_id: u32) -> Option<&mut Standby> {
        self.instruments.iter_mut().find(|standby| standby.instrument_id == Some(instrument_id))
    }

    fn book(&self, standby: &Standby) -> Option<&Book> {
        self.books.book(standby.instrument_id?)
    }

    /// Whether there is news of an underlying since this was last asked, and its book is at rest.
    fn take_changed(&mut self, underlying: usize) -> bool {
        let standby = &self.instruments[underlying];
        let is_at_rest = self.book(standby).is_some_and(|book| !book.is_mid_change());
        is_at_rest && std::mem::take(&mut self.instruments[underlying].is_changed)
    }

    /// What it says of an underlying's hedge instrument; `None` while it may not be believed: not defined as
    /// configured, not open, its book not whole, crossed or locked.
    pub fn touch(&self, underlying: usize) -> Option<SecondTouch> {
        let standby = self.instruments.get(underlying)?;
        let (measure, book) = (standby.measure?, self.book(standby)?);
        let is_open = standby.is_listed && standby.state == Some(InstrumentState::Open);
        let is_sound = !matches!(book.shape(), Shape::Crossed | Shape::Locked);
        if !is_open || !is_sound || !standby.is_as_configured() {
            return None;
        }
        let touch =
            market::touch(QuoteSource::Book, Some(&standby.top), Some(book)).filter(|touch| touch.is_trusted)?;
        let (bid, ask) = (measure.side(touch.top.bid), measure.side(touch.top.ask));
        Some(SecondTouch {
            bid,
            ask,
            mark: touch.top.mark.and_then(|price| measure.units(price)),
            index: measure.units(standby.index.price),
            last_trade: standby.last_trade,
            // A venue's clock a little ahead of ours is no message from the future.
            feed_ns: touch.feed_ns.min(standby.heard_ns),
        })
    }

    /// Whether quotes may come from it now: to be believed, and not older than configured by either clock.
    fn may_stand_in(&self, underlying: usize, now_ns: u64) -> bool {
        self.touch(underlying).is_some_and(|touch| now_ns.saturating_sub(touch.feed_ns) <= self.plan.age_max_ns)
    }

    /// Whether a change of the book has come in part only, and may still be completed.
    fn is_mid_change(&self, underlying: usize, now_ns: u64) -> bool {
        let standby = &self.instruments[underlying];
        let is_fresh = now_ns.saturating_sub(standby.heard_ns) <= self.plan.age_max_ns;
        is_fresh && self.book(standby).is_some_and(Book::is_mid_change)
    }

    /// The index of an underlying, 10^-9, and when it was stated, ns.
    fn index(&self, underlying: usize) -> Option<(i64, u64)> {
        let Index { price, timestamp_ms } = self.instruments.get(underlying)?.index;
        // A float conversion saturates.
        let nano = (price * NANO).round() as i64;
        (nano > 0 && nano < i64::MAX).then_some((nano, timestamp_ms.saturating_mul(MS_NS)))
    }

    fn state(&self, now_ns: u64) -> FeedState {
        if self.heard_ns == 0 {
            return FeedState::Unstarted;
        }
        if now_ns.saturating_sub(self.heard_ns) > self.plan.age_max_ns {
            return FeedState::Silent;
        }
        let mut state = FeedState::Live;
        for standby in &self.instruments {
            match self.book(standby) {
                Some(book) if book.trust() == Trust::Complete && !book.is_suspect() => {}
                Some(book) if book.trust() == Trust::Complete => state = FeedState::Gap,
                _ => return FeedState::Joining,
            }
        }
        state
    }

    /// Whether it is silent, or has not been live for as long as that takes: to be asked now and then.
    fn is_down_at(&mut self, now_ns: u64) -> bool {
        let state = self.state(now_ns);
        if state == FeedState::Live || self.live_ns == 0 {
            self.live_ns = now_ns;
        }
        state == FeedState::Silent || now_ns.saturating_sub(self.live_ns) > self.plan.age_max_ns
    }

    /// Shows it as the feed of a number. Its packets are what is lost, since messages have no numbers.
    pub(super) fn show(&self, telemetry: &Telemetry, number: usize, now_ns: u64) {
        let cells = telemetry.feed(number);
        let sum = |count: fn(&ChannelSequence) -> u64| self.channels.iter().map(|n| count(&n.sequence)).sum::<u64>();
        let books = |count: fn(&Book) -> u64| self.books.iter().map(|(_, book)| count(book)).sum::<u64>();
        let total = |row: FeedCount, total: u64| cells.count(row).set_total(total);
        total(FeedCount::Packets, self.messages.packets);
        total(FeedCount::Messages, self.messages.known());
        total(FeedCount::Malformed, self.messages.framing_errors);
        total(FeedCount::UnknownMessages, self.messages.unknown_templates + self.messages.unknown_schemas);
        total(FeedCount::Gaps, sum(|sequence| sequence.gaps));
        total(FeedCount::Restarts, sum(|sequence| sequence.restarts));
        // A packet that comes late was lost until then: a total does not go back.
        let lost = sum(ChannelSequence::lost_packets).max(cells.count(FeedCount::MessagesLost).get());
        total(FeedCount::MessagesLost, lost);
        total(FeedCount::Snapshots, books(|book| book.counts().snapshots_installed));
        total(FeedCount::BookContradictions, books(|book| book.counts().snapshots_corrected));
        cells.set_state(self.state(now_ns));
    }
}

/// What banks are compiled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Index and marks of Starbase.
    First,
    /// This index of the second feed, 10^-9; vols stay as they are, and futures keep their distance from the index.
    Second(i64),
}

impl Desk {
    /// Whether Starbase says nothing that a quote could come from: in doubt, or older than the kernel takes a quote.
    /// A word of Starbase's that stands, such as a halt or a crossed book, is none of it.
    fn lacks_first(&self, feed: &Feed, doubt: Option<Doubt>, now_ns: u64) -> bool {
        let Some(hedge) = &self.hedge else { return false };
        let age_ns = now_ns.saturating_sub(feed.channels[hedge.channel].sent_ns);
        match doubt {
            None | Some(Doubt::OpenTransaction) => age_ns > self.plan.setup.price.quote_age_max_ns,
            Some(Doubt::NoSnapshot | Doubt::Lost | Doubt::Contradicted(_) | Doubt::Unreadable) => true,
            Some(Doubt::Gap | Doubt::Silent | Doubt::Ahead) => true,
            Some(Doubt::UnknownInstrument | Doubt::Undefined | Doubt::NotOpen(_)) => false,
            Some(Doubt::Crossed | Doubt::Locked) => false,
        }
    }

    /// What a bank of now may be compiled from; `None` if everything is stale.
    pub fn input(&self, feed: &Feed, now_ns: u64, age_max_ns: u64) -> Option<Input> {
        let first_ns = self.input_ns(feed);
        let is_silent = self.hedge.is_some_and(|hedge| feed.channels[hedge.channel].channel.is_silent());
        if now_ns.saturating_sub(first_ns) <= age_max_ns && !is_silent {
            return Some(Input::First);
        }
        let second = feed.second.as_ref().filter(|_| self.is_on_second)?;
        let (index, stated_ns) = second.index(usize::from(self.plan.index))?;
        let is_fresh = now_ns.saturating_sub(stated_ns) <= age_max_ns;
        // Marks come with the index: as old as that are the vols.
        let is_recent = now_ns.saturating_sub(first_ns) <= second.plan.vols_age_max_ns;
        (is_fresh && is_recent).then_some(Input::Second(index))
    }
}

impl Engine {
    /// Takes a datagram of a group of the second feed.
    pub fn on_second(&mut self, now_ns: u64, payload: &[u8]) {
        if self.decide_second(now_ns, payload) {
            self.act(now_ns);
        }
    }

    /// As [`Engine::on_second`], up to the kernel's decisions. Returns whether [`Engine::act`] must follow, at once and
    /// at the same time: while Starbase is believed nothing comes of a datagram, not even a look at what is due.
    pub(super) fn decide_second(&mut self, now_ns: u64, payload: &[u8]) -> bool {
        let Some(second) = self.feed.second.as_mut() else { return false };
        self.counts.datagrams += 1;
        second.on_datagram(payload, now_ns);
        for (index, desk) in self.desks.iter_mut().enumerate() {
            desk.is_dirty |= second.take_changed(index) && desk.is_on_second;
        }
        self.look_at_books(now_ns);
        let is_taken = self.desks.iter().any(|desk| desk.is_dirty);
        if is_taken {
            self.quote_dirty(now_ns);
        }
        is_taken
    }

    /// Says whether it could stand in: now and then, and also while nobody needs it.
    pub(super) fn look_at_second(&mut self, now_ns: u64) {
        let Some(second) = &mut self.feed.second else { return };
        let is_down = second.is_down_at(now_ns);
        if std::mem::replace(&mut second.is_down, is_down) == is_down {
            return;
        }
        let is_same = |on: &Alarm| *on == Alarm::SecondFeedDown {};
        if is_down {
            self.alarms.raise(now_ns, Alarm::SecondFeedDown {}, is_same);
        } else {
            self.alarms.clear(now_ns, is_same);
        }
    }

    /// Decides which feed an underlying is quoted from; returns why its quotes may not be believed, `None` if they may.
    pub(super) fn doubt_of_quotes(&mut self, index: usize, now_ns: u64) -> Option<Doubt> {
        let desk = &mut self.desks[index];
        let doubt = desk.doubt_now(&self.feed);
        let Some(second) = &self.feed.second else { return doubt };
        let lacks_first = desk.lacks_first(&self.feed, doubt, now_ns);
        // Between two packets of one transaction nothing is decided.
        if doubt == Some(Doubt::OpenTransaction) && !lacks_first {
            return doubt;
        }
        desk.lacking_ns = lacks_first.then(|| desk.lacking_ns.unwrap_or(now_ns));
        let is_due = desk.lacking_ns.is_some_and(|since_ns| now_ns - since_ns >= second.plan.after_ns);
        let goes_on = desk.is_on_second && second.is_mid_change(index, now_ns);
        let is_on = is_due && desk.is_open(&self.feed) && (goes_on || second.may_stand_in(index, now_ns));
        if is_on != desk.is_on_second {
            (desk.is_on_second, desk.is_dirty) = (is_on, true);
            let underlying = desk.plan.index;
            let is_same = |on: &Alarm| matches!(on, Alarm::SecondFeed { underlying: of, .. } if *of == underlying);
            if is_on {
                self.alarms.raise(now_ns, Alarm::SecondFeed { underlying, doubt }, is_same);
            } else {
                self.alarms.clear(now_ns, is_same);
            }
        }
        if is_on { None } else { doubt }
    }
}
