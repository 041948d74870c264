//! A venue that speaks Deribit's Starbase, to prove a client against: matching, order entry, market data, the
//! public, and faults. Bytes and times go in; bytes come out. It owns no socket and reads no clock: one seed and the
//! same input at the same times give the same bytes.
//!
//! ```text
//!   connections ──► gateway ──requests──► exchange ──changes──► feeds ──► lines A, B ──► faults ──► multicast
//!        ▲             ▲                     ▲    │               ▲ └──► retransmission ──────────► unicast
//!        └── faults ◄──┴──── reports ◄───────┼────┘               │
//!                                  flow, tape ──► index, marks ───┘ snapshots, one instrument at a time
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `layout`, `wire`, `codes`, `market`, `reports`, `request` | the venue's own codec, from the published byte tables |
//! | `book`, `exchange` | price-time books, and what becomes of requests |
//! | `gateway` | sessions |
//! | `feed` | a multicast channel |
//! | `legacy` | the legacy multicast of the perpetuals, if it is wanted |
//! | `requests`, `network` | the way in and the way out |
//! | `flow`, `tape` | the public |
//! | `faults` | what goes wrong |
//! | `desk_fills` | what the desk's own option quotes come to, told to the engine |
//! | `listing` | the instruments that `hedgewire-venue` lists |
//! | `shell` | sockets and clock around all of this |
//!
//! Invariants: what is due happens at its own time, in order of time, however seldom the venue is asked; every
//! change of a book is on the feed in one transaction; a report has its number before anybody may lose it.

mod book;
mod codes;
pub mod desk_fills;
mod exchange;
mod faults;
mod feed;
mod flow;
mod gateway;
mod instrument;
mod layout;
mod legacy;
pub mod listing;
mod market;
mod network;
mod reports;
mod request;
mod requests;
pub mod shell;
mod tape;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

pub use book::{Book, Order, Owner, SelfTrade, Side, Step};
use codes::instrument_status;
use exchange::Exchange;
pub use exchange::{ExchangeCounts, ProtectionKey, ProtectionSettings, SPEED_BUMP_NS};
pub use faults::{FaultCounts, FaultSettings};
use faults::{Faults, Incident};
use feed::{Feed, Request};
pub use feed::{FeedCounts, HEARTBEAT_NS, RetransmitSettings};
use flow::Flow;
pub use flow::{AdversarySettings, FlowCounts, FlowSettings};
use gateway::Gateway;
pub use gateway::{GatewayCounts, GatewaySettings, Member, StreamOutput};
pub use instrument::{Index, Instrument, Kind};
use legacy::Legacy;
pub use legacy::{LegacyCounts, LegacySettings};
pub use tape::{Tape, TapeError, TapeEvent};

/// A multicast line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The first switch's.
    A,
    /// The second switch's.
    B,
}

/// Which lines carry packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// The active switch's alone, as the venue does.
    Active,
    /// Both, each with losses of its own.
    Both,
}

/// Bytes that leave the venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A datagram to a multicast group.
    Multicast {
        /// On which line.
        line: Line,
        /// Whether it is of the snapshot channel.
        is_snapshot: bool,
        /// The payload.
        bytes: Vec<u8>,
    },
    /// A datagram of the legacy multicast.
    Legacy {
        /// Whether it is of a snapshot channel.
        is_snapshot: bool,
        /// The payload.
        bytes: Vec<u8>,
    },
    /// A datagram back to a requester.
    Unicast {
        /// Who, as it was given with the request.
        to: u64,
        /// The payload.
        bytes: Vec<u8>,
    },
    /// For a connection.
    Stream(StreamOutput),
}

/// A token bucket for requests of a member: new orders, changes and quotes; cancels are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests at once.
    pub burst: u32,
    /// Time in which one more is granted, ns.
    pub refill_ns: i64,
}

/// How a venue is.
#[derive(Clone, Debug)]
pub struct VenueSettings {
    /// Where everything random comes from.
    pub seed: u64,
    /// What instruments follow.
    pub indexes: Vec<Index>,
    /// What is listed.
    pub instruments: Vec<Instrument>,
    /// Sessions.
    pub gateway: GatewaySettings,
    /// Allowance of requests; none is no limit.
    pub rate_limit: Option<RateLimit>,
    /// Market-maker protections.
    pub protections: Vec<ProtectionSettings>,
    /// How long aggressing orders wait in bumped books, ns.
    pub bump_ns: i64,
    /// Retransmission.
    pub retransmit: RetransmitSettings,
    /// A round of snapshots of every channel takes so long, ns.
    pub snapshot_cycle_ns: i64,
    /// Which lines carry packets.
    pub lines: Lines,
    /// The public; none is a quiet venue.
    pub flow: Option<FlowSettings>,
    /// What goes wrong.
    pub faults: FaultSettings,
}

/// What a venue served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct VenueCounts {
    /// The matching engine.
    pub exchange: ExchangeCounts,
    /// Sessions.
    pub gateway: GatewayCounts,
    /// All channels.
    pub feeds: FeedCounts,
    /// The public.
    pub flow: FlowCounts,
    /// Faults.
    pub faults: FaultCounts,
    /// The legacy multicast, if there is one.
    pub legacy: LegacyCounts,
    /// Requests over a member's allowance.
    pub over_rate: u64,
}

/// The round of snapshots of a channel.
#[derive(Debug)]
struct Cycle {
    instruments: Vec<usize>,
    /// What comes next: 0 the indexes, then the instruments, then the end.
    step: usize,
    due_ns: i64,
}

/// The venue.
#[derive(Debug)]
pub struct Venue {
    settings: VenueSettings,
    exchange: Exchange,
    gateway: Gateway,
    feeds: Vec<(Feed, Cycle)>,
    /// The feed of each instrument.
    feed_of: Vec<usize>,
    legacy: Option<Legacy>,
    flow: Option<Flow>,
    faults: Faults,
    line: Line,
    /// Whether nothing is sent on the feed: incidents that say so, at the moment.
    withheld: u32,
    halted: Option<usize>,
    /// When each member's allowance is whole again, ns.
    rate_full_ns: Vec<i64>,
    over_rate: u64,
    outputs: BTreeMap<(i64, u64), Output>,
    output_count: u64,
    /// When a connection may be written to: never before what was written earlier.
    stream_free_ns: BTreeMap<u64, i64>,
}

impl Venue {
    /// A venue that opens at a time, ns since the epoch; a tape plays on the instrument at a place.
    pub fn new(settings: VenueSettings, now_ns: i64, tape: Option<(Tape, usize)>) -> Self {
        let VenueSettings { instruments, indexes, bump_ns, protections, retransmit, seed, .. } = &settings;
        let channels: BTreeSet<i32> = instruments.iter().map(|instrument| instrument.channel_id).collect();
        let feed = |channel_id: &i32| {
            let listed = |(_, instrument): &(usize, &Instrument)| instrument.channel_id == *channel_id;
            let instruments = instruments.iter().enumerate().filter(listed).map(|(place, _)| place).collect();
            (Feed::new(*channel_id, *retransmit, now_ns), Cycle { instruments, step: 0, due_ns: now_ns })
        };
        let feeds: Vec<_> = channels.iter().map(feed).collect();
        let feed_of =
            instruments.iter().filter_map(|i| channels.iter().position(|channel| *channel == i.channel_id)).collect();
        let exchange = Exchange::new(instruments.clone(), indexes.clone(), *bump_ns, protections);
        let flow = settings.flow.map(|flow| Flow::new(flow, *seed, now_ns, &exchange, tape));
        let mut venue = Self {
            exchange,
            gateway: Gateway::new(settings.gateway.clone()),
            feeds,
            feed_of,
            legacy: None,
            flow,
            faults: Faults::new(settings.faults, *seed, now_ns),
            line: Line::A,
            withheld: 0,
            halted: None,
            rate_full_ns: vec![now_ns; settings.gateway.members.len()],
            over_rate: 0,
            outputs: BTreeMap::new(),
            output_count: 0,
            stream_free_ns: BTreeMap::new(),
            settings,
        };
        venue.announce(now_ns);
        venue
    }

    /// With the legacy multicast beside Starbase, from a time on.
    #[must_use]
    pub fn with_legacy(mut self, now_ns: i64, settings: LegacySettings) -> Self {
        self.legacy = Some(Legacy::new(settings, self.settings.seed, now_ns, &self.exchange));
        self
    }

    /// The book of an instrument, by its place in the settings.
    pub fn book(&self, instrument: usize) -> &Book {
        self.exchange.book(instrument)
    }

    /// The instruments as they are now.
    pub fn instruments(&self) -> &[Instrument] {
        &self.exchange.instruments
    }

    /// What a member holds of an instrument, mantissa; negative when short.
    pub fn position(&self, member: usize, instrument: usize) -> i64 {
        self.exchange.position(member, instrument)
    }

    /// A member's resting orders and quotes: place of the instrument, and order.
    pub fn open_orders(&self, member: usize) -> impl Iterator<Item = (usize, &Order)> {
        self.exchange.open_orders(member)
    }

    /// Number of orders in the speed bump.
    pub fn waiting_orders(&self) -> usize {
        self.exchange.waiting()
    }

    /// Number of the last incremental message of a channel.
    pub fn last_seq(&self, channel_id: i32) -> Option<i64> {
        self.feeds.iter().find(|(feed, _)| feed.channel_id() == channel_id).map(|(feed, _)| feed.last_seq())
    }

    /// The connection that speaks for a member.
    pub fn connection_of(&self, member: usize) -> Option<u64> {
        self.gateway.connection_of(member)
    }

    /// Whether there is a tape and it is over.
    pub fn is_tape_over(&self) -> bool {
        self.flow.as_ref().is_some_and(Flow::is_tape_over)
    }

    /// What was served so far.
    pub fn counts(&self) -> VenueCounts {
        let mut feeds = FeedCounts::default();
        for (feed, _) in &self.feeds {
            let FeedCounts { transactions, messages, packets, heartbeats, snapshot_packets, .. } = feed.counts;
            feeds.transactions += transactions;
            feeds.messages += messages;
            feeds.packets += packets;
            feeds.heartbeats += heartbeats;
            feeds.snapshot_packets += snapshot_packets;
            feeds.cycles += feed.counts.cycles;
            feeds.retransmits += feed.counts.retransmits;
            feeds.malformed += feed.counts.malformed;
            for (sum, count) in feeds.rejects.iter_mut().zip(feed.counts.rejects) {
                *sum += count;
            }
        }
        VenueCounts {
            exchange: self.exchange.counts,
            gateway: self.gateway.counts,
            feeds,
            flow: self.flow.as_ref().map(|flow| flow.counts).unwrap_or_default(),
            faults: self.faults.counts,
            legacy: self.legacy.as_ref().map(|legacy| legacy.counts).unwrap_or_default(),
            over_rate: self.over_rate,
        }
    }

    /// From now on nothing goes wrong any more; what has, still has its consequences. For the end of a test.
    pub fn end_faults(&mut self, now_ns: i64) {
        self.advance(now_ns);
        let counts = self.faults.counts;
        self.faults = Faults::new(FaultSettings::default(), self.settings.seed, now_ns);
        self.faults.counts = counts;
        (self.withheld, self.gateway.is_mute) = (0, false);
        if let Some(instrument) = self.halted.take() {
            self.exchange.set_status(instrument, instrument_status::OPEN);
            self.flush(now_ns);
        }
    }

    /// From now on the public does nothing any more. For the end of a test.
    pub fn end_flow(&mut self) {
        self.flow = None;
    }

    /// Opens or halts an instrument.
    pub fn set_halted(&mut self, now_ns: i64, instrument: usize, is_halted: bool) {
        self.advance(now_ns);
        let status = if is_halted { instrument_status::HALTED } else { instrument_status::OPEN };
        self.exchange.set_status(instrument, status);
        self.flush(now_ns);
    }

    /// An order of the public, for tests that need a certain one. Returns its number if it may rest.
    pub fn public_order(
        &mut self,
        now_ns: i64,
        instrument: usize,
        side: Side,
        price_and_quantity: (i64, i64),
        is_at_once: bool,
    ) -> Option<i64> {
        self.advance(now_ns);
        let order_id = self.exchange.public_order(now_ns, instrument, side, price_and_quantity, is_at_once);
        self.flush(now_ns);
        order_id
    }

    /// Withdraws an order of the public. Returns whether it rested.
    pub fn public_cancel(&mut self, now_ns: i64, order_id: i64) -> bool {
        self.advance(now_ns);
        let has_rested = self.exchange.public_cancel(order_id);
        self.flush(now_ns);
        has_rested
    }

    /// A connection was made; `connection` is the caller's number for it, never used again.
    pub fn connected(&mut self, now_ns: i64, connection: u64) {
        self.advance(now_ns);
        self.gateway.connected(now_ns, connection);
        self.flush(now_ns);
    }

    /// A connection was lost.
    pub fn disconnected(&mut self, now_ns: i64, connection: u64) {
        self.advance(now_ns);
        self.gateway.disconnected(connection);
        self.flush(now_ns);
    }

    /// Closes a connection from the venue's side.
    pub fn disconnect(&mut self, now_ns: i64, connection: u64) {
        self.advance(now_ns);
        self.gateway.close(connection);
        self.flush(now_ns);
    }

    /// Takes bytes of a connection.
    pub fn on_bytes(&mut self, now_ns: i64, connection: u64, bytes: &[u8]) {
        self.advance(now_ns);
        self.gateway.push(now_ns, connection, bytes);
        while let Some(event) = self.gateway.next_event(now_ns, connection) {
            self.on_session(now_ns, event);
            self.flush(now_ns);
        }
        self.flush(now_ns);
    }

    /// Takes a datagram that came to the retransmit gateway; `from` says where an answer is to go.
    pub fn on_datagram(&mut self, now_ns: i64, from: u64, datagram: &[u8]) {
        self.advance(now_ns);
        let request = Request::read(datagram);
        let feed =
            request.and_then(|request| self.feeds.iter().position(|(f, _)| f.channel_id() == request.channel_id));
        match (request, feed) {
            (Some(request), Some(feed)) => {
                let bytes = self.feeds[feed].0.retransmit(now_ns, &request);
                self.send_copies(now_ns, |bytes| Output::Unicast { to: from, bytes }, &bytes);
            }
            _ => {
                if let Some((feed, _)) = self.feeds.first_mut() {
                    feed.counts.malformed += 1;
                }
            }
        }
    }

    /// When the venue has something to do or to send next, ns.
    pub fn deadline_ns(&self) -> i64 {
        let output_ns = self.outputs.keys().next().map_or(i64::MAX, |(due_ns, _)| *due_ns);
        output_ns.min(self.due_ns())
    }

    fn due_ns(&self) -> i64 {
        let feed_ns = |(feed, cycle): &(Feed, Cycle)| feed.heartbeat_due_ns().min(cycle.due_ns);
        let feeds_ns = self.feeds.iter().map(feed_ns).min().unwrap_or(i64::MAX);
        let flow_ns = self.flow.as_ref().map_or(i64::MAX, Flow::deadline_ns);
        let exchange_ns = self.exchange.deadline_ns().unwrap_or(i64::MAX);
        let gateway_ns = self.gateway.deadline_ns().unwrap_or(i64::MAX);
        let legacy_ns = self.legacy.as_ref().map_or(i64::MAX, Legacy::deadline_ns);
        feeds_ns.min(flow_ns).min(exchange_ns).min(gateway_ns).min(legacy_ns).min(self.faults.deadline_ns())
    }

    /// Does everything that is due, each at its own time.
    pub fn advance(&mut self, now_ns: i64) {
        loop {
            let due_ns = self.due_ns();
            if due_ns > now_ns {
                return;
            }
            self.step(due_ns);
            self.flush(due_ns);
        }
    }

    /// Does one of the things that are due at a time.
    fn step(&mut self, due_ns: i64) {
        if let Some(incident) = self.faults.fire(due_ns) {
            return self.on_incident(incident);
        }
        if self.exchange.deadline_ns().is_some_and(|deadline_ns| deadline_ns <= due_ns) {
            self.exchange.advance(due_ns);
            return;
        }
        if self.gateway.deadline_ns().is_some_and(|deadline_ns| deadline_ns <= due_ns) {
            return self.gateway.advance(due_ns);
        }
        if let Some(flow) = self.flow.as_mut().filter(|flow| flow.deadline_ns() <= due_ns) {
            if flow.advance(due_ns, &mut self.exchange) {
                self.send_marks(due_ns);
            }
            return;
        }
        self.send_legacy_snapshots(due_ns);
        for place in 0..self.feeds.len() {
            if self.feeds[place].0.heartbeat_due_ns() <= due_ns {
                let packet = self.feeds[place].0.heartbeat(due_ns);
                self.send_packets(due_ns, false, &[packet]);
            }
            if self.feeds[place].1.due_ns <= due_ns {
                self.send_snapshot(due_ns, place);
            }
        }
    }

    fn on_incident(&mut self, incident: Incident) {
        match incident {
            Incident::Disconnect => {
                let members = 0..self.settings.gateway.members.len();
                let there: Vec<u64> = members.filter_map(|member| self.gateway.connection_of(member)).collect();
                if !there.is_empty() {
                    let chosen = self.faults.choose(there.len());
                    self.gateway.close(there[chosen]);
                }
            }
            Incident::Halt => {
                let instrument = self.faults.choose(self.exchange.instruments.len());
                self.halted = Some(instrument);
                self.exchange.set_status(instrument, instrument_status::HALTED);
            }
            Incident::HaltEnd => {
                if let Some(instrument) = self.halted.take() {
                    self.exchange.set_status(instrument, instrument_status::OPEN);
                }
            }
            Incident::FailOver => {
                self.line = if self.line == Line::A { Line::B } else { Line::A };
                self.withheld += 1;
            }
            Incident::FailOverEnd => self.withheld = self.withheld.saturating_sub(1),
            Incident::Silence => {
                self.withheld += 1;
                self.gateway.is_mute = true;
            }
            Incident::SilenceEnd => {
                self.withheld = self.withheld.saturating_sub(1);
                self.gateway.is_mute = false;
            }
        }
    }

    /// The next bytes to leave by now, in order of time.
    pub fn next_output(&mut self, now_ns: i64) -> Option<Output> {
        let entry = self.outputs.first_entry().filter(|entry| entry.key().0 <= now_ns)?;
        Some(entry.remove())
    }
}
