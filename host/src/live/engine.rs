//! The machine: what goes in, what comes out, and in which order things are looked at.
//!
//! ```text
//!   on_datagram ─► books, notes ─► quotes of what changed ─┐
//!   on_stream ───► reports, own fills ─────────────────────┼─► gates act ─► updates ─► kernel ─► records, commit
//!   on_trade, on_bank, on_request, on_time ────────────────┘
//! ```
//!
//! Invariants:
//! * the order in which desks, gates and channels are looked at is that of the configuration;
//! * a hedge is counted by the kernel before its order has a number, and has a number before it is written;
//! * after a failure of driver or journal no command is sent, and everything at the venue is cancelled.

use std::collections::VecDeque;
use std::sync::Arc;

use thiserror::Error;

use super::alarm::{Alarm, Alarms};
use super::compile::Job;
use super::control::KillState;
use super::desk::Desk;
use super::feed::Feed;
use super::gate::{Gate, Told};
use super::image::{BookedFills, Image};
use super::record::Record;
use super::second::Second;
use crate::config::{LivePlan, Plan, UnderlyingPlan};
use crate::control::KillCause;
use crate::deribit::starbase::market::{Request as Retransmission, Source};
use crate::deribit::starbase::orders::Credential;
use crate::deribit::starbase::orders::hedges::Update;
use crate::driver::{Driver, DriverError};
use crate::packet;
use crate::telemetry::{AlarmKind, Latency, Picture, Telemetry};

/// Why an engine cannot be made, or stopped.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The configuration is not one of a running engine.
    #[error("the configuration has no {0}; host/examples/live.toml has one")]
    Missing(String),
    /// Kernel, card or journal failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

/// What is to be done outside.
#[derive(Debug)]
pub enum Output {
    /// Connect a gateway.
    Connect(usize),
    /// Close its connection.
    Close(usize),
    /// Send a request for lost messages of a channel.
    Retransmit(usize, Box<Retransmission>),
    /// Compile a bank.
    Compile(Box<Job>),
}

/// What an engine did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineCounts {
    /// Datagrams.
    pub datagrams: u64,
    /// Quotes given to the kernel.
    pub quotes: u64,
    /// Hedges that it decided on.
    pub hedges: u64,
    /// Hedges that would have gone across the target if everything open had filled: always a fault.
    pub over_hedges: u64,
    /// Banks in use so far.
    pub banks: u64,
    /// Own fills booked.
    pub own_fills: u64,
    /// Own fills that were booked before.
    pub own_fills_repeated: u64,
}

/// The engine.
pub struct Engine {
    pub(super) live: LivePlan,
    pub(super) driver: Driver,
    pub(super) feed: Feed,
    pub(super) desks: Vec<Desk>,
    /// By index; none until the instruments of its underlyings are known.
    pub(super) gates: Vec<Option<Gate>>,
    pub(super) secrets: Vec<Credential<48>>,
    pub(super) plan: Arc<Plan>,
    pub(super) image: Image,
    pub(super) fills: BookedFills,
    pub(super) alarms: Alarms,
    pub(super) outputs: VecDeque<Output>,
    pub(super) records: Vec<Record>,
    /// Records given so far, and so many of them that are in the file.
    pub(super) record_count: u64,
    durable_count: u64,
    pub(super) kill: Option<KillState>,
    /// What made it stop.
    pub(super) fatal: Option<LiveError>,
    pub(super) counts: EngineCounts,
    /// Time of the first datagram, ns.
    pub(super) first_ns: u64,
    swapped: Vec<Update>,
    told: Vec<Told>,
    checked_ns: u64,
    pub(super) is_card_down: bool,
    /// As last told.
    pub(super) packets: packet::Counts,
    pub(super) telemetry: Option<Arc<Telemetry>>,
    pub(super) pictures: Vec<Picture>,
    pub(super) shown_ns: u64,
}

/// Between two looks at what is counted on the feed, ns.
const CHECK_NS: u64 = 1_000_000_000;

impl Engine {
    /// An engine with what was remembered; `secrets` are those of the gateways, in order. The records that it begins
    /// with are in [`Engine::take_records`]: they are the new state file, and nothing is sent before they are written.
    ///
    /// # Errors
    /// [`LiveError::Missing`].
    pub fn new(
        plan: &Arc<Plan>,
        secrets: Vec<Credential<48>>,
        driver: Driver,
        image: Image,
    ) -> Result<Self, LiveError> {
        let live = plan.live.clone().ok_or_else(|| LiveError::Missing("[live]".to_owned()))?;
        if let Some(without) = plan.underlyings.iter().find(|underlying| underlying.escalation.is_none()) {
            return Err(LiveError::Missing(format!("[underlying.escalation] of {}", without.coin)));
        }
        if secrets.len() != live.gateways.len() {
            return Err(LiveError::Missing("secret for each gateway".to_owned()));
        }
        let gateway_of = |index: u8| live.gateways.iter().position(|gateway| gateway.underlyings.contains(&index));
        let desk = |underlying: &UnderlyingPlan| {
            let gateway = gateway_of(underlying.index);
            let gateway = gateway.ok_or_else(|| LiveError::Missing(format!("gateway of {}", underlying.coin)))?;
            Ok(Desk::new(underlying, plan.market, gateway, live.arms))
        };
        let desks = plan.underlyings.iter().map(desk).collect::<Result<Vec<_>, LiveError>>()?;
        let mut engine = Self {
            driver,
            feed: Feed::new(live.channels.iter().map(|channel| channel.id), Second::of(plan)),
            desks,
            gates: live.gateways.iter().map(|_| None).collect(),
            secrets,
            plan: Arc::clone(plan),
            fills: image.fills.clone(),
            alarms: Alarms::default(),
            outputs: VecDeque::with_capacity(64),
            records: Vec::with_capacity(1_024),
            record_count: 0,
            durable_count: 0,
            kill: None,
            fatal: None,
            counts: EngineCounts::default(),
            first_ns: 0,
            swapped: Vec::with_capacity(64),
            told: Vec::with_capacity(64),
            checked_ns: 0,
            is_card_down: false,
            packets: packet::Counts::default(),
            telemetry: None,
            pictures: Vec::new(),
            shown_ns: 0,
            live,
            image,
        };
        for desk in &mut engine.desks {
            if let Some(position) = engine.image.positions.get(&desk.plan.index) {
                (desk.position, desk.hedge_coin, desk.cash) = (position.contracts, position.hedge_coin, position.cash);
            }
        }
        for record in engine.image.records() {
            engine.record(record);
        }
        Ok(engine)
    }

    // ---- inputs ------------------------------------------------------------------------------

    /// Takes a datagram of a line, or one that came back to the socket that requests are sent from.
    pub fn on_datagram(&mut self, now_ns: u64, source: Source, payload: &[u8]) {
        if self.decide(now_ns, source, payload) {
            self.act(now_ns);
        }
    }

    /// As [`Engine::on_datagram`], up to the kernel's decisions: no byte of an order is built yet. Returns whether
    /// [`Engine::act`] must follow, at once and at the same time.
    pub(super) fn decide(&mut self, now_ns: u64, source: Source, payload: &[u8]) -> bool {
        self.counts.datagrams += 1;
        if self.first_ns == 0 {
            self.first_ns = now_ns;
        }
        let Some(channel) = self.feed.on_datagram(source, payload, now_ns) else { return false };
        while let Some(handle) = self.feed.channels[channel].channel.next_changed() {
            for desk in &mut self.desks {
                if let Some(hedge) = &desk.hedge {
                    desk.is_dirty |= hedge.channel == channel && hedge.handle == handle;
                }
            }
        }
        self.poll_channel(channel, now_ns);
        self.quote_dirty(now_ns);
        true
    }

    /// What became of packets so far, of all lines; to be told about once a second;
    /// `None` if nobody can say, because an interface is down or gone.
    pub fn on_packets(&mut self, now_ns: u64, counts: Option<&packet::Counts>) {
        let is_same = |on: &Alarm| *on == Alarm::InterfaceDown {};
        let Some(counts) = counts else {
            return self.alarms.raise(now_ns, Alarm::InterfaceDown {}, is_same);
        };
        self.alarms.clear(now_ns, is_same);
        let is_same = |on: &Alarm| matches!(on, Alarm::PacketsDropped { .. });
        let packets = counts.lost().saturating_sub(self.packets.lost());
        if packets == 0 {
            self.alarms.clear(now_ns, is_same);
        } else if !self.alarms.on().iter().any(is_same) {
            self.alarms.raise(now_ns, Alarm::PacketsDropped { packets }, is_same);
        }
        self.packets = *counts;
    }

    /// The connection of a gateway stands.
    pub fn on_connected(&mut self, now_ns: u64, gateway: usize) {
        if let Some(gate) = self.gates[gateway].as_mut() {
            gate.connected(now_ns);
            gate.is_due = true;
        }
        self.act(now_ns);
    }

    /// There is no connection to be had.
    pub fn on_connection_failed(&mut self, now_ns: u64, gateway: usize) {
        if let Some(gate) = self.gates[gateway].as_mut() {
            gate.session.connection_failed(now_ns);
            gate.is_due = true;
        }
        self.act(now_ns);
    }

    /// A connection is gone.
    pub fn on_disconnected(&mut self, now_ns: u64, gateway: usize) {
        if let Some(gate) = self.gates[gateway].as_mut() {
            gate.with_session(|session, mut sink| session.disconnected(now_ns, &mut sink));
        }
        self.act(now_ns);
    }

    /// Takes bytes of a gateway.
    pub fn on_stream(&mut self, now_ns: u64, gateway: usize, bytes: &[u8]) {
        if let Some(gate) = self.gates[gateway].as_mut() {
            gate.with_session(|session, mut sink| session.on_bytes(now_ns, bytes, &mut sink));
        }
        self.act(now_ns);
    }

    /// Time passes: to be called whenever there is nothing else to do.
    pub fn on_time(&mut self, now_ns: u64) {
        for channel in 0..self.feed.channels.len() {
            self.poll_channel(channel, now_ns);
        }
        self.define(now_ns);
        self.look_at_books(now_ns);
        self.quote_dirty(now_ns);
        self.tick(now_ns);
        self.keep_banks(now_ns);
        if self.fatal.is_none() {
            self.driver.work();
        }
        self.look_at_card(now_ns);
        self.act(now_ns);
        self.show(now_ns);
        if now_ns.saturating_sub(self.checked_ns) >= CHECK_NS {
            self.checked_ns = now_ns;
            self.look_at_channels(now_ns);
            self.look_at_second(now_ns);
        }
    }

    /// So many of the records are in the state file.
    pub fn on_durable(&mut self, record_count: u64) {
        self.durable_count = record_count;
        self.gates.iter_mut().flatten().for_each(|gate| gate.on_durable(record_count));
    }

    /// Journal or state file cannot be written: nothing is remembered any more, so nothing is done any more.
    pub fn on_journal_failed(&mut self, now_ns: u64) {
        self.alarms.tell(now_ns, Alarm::JournalFailed {});
        self.stop_at_venue(now_ns, KillCause::Fault);
    }

    // ---- outputs -----------------------------------------------------------------------------

    /// What is to be done outside, oldest first.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Bytes for a gateway's connection.
    pub fn outgoing(&self, gateway: usize) -> &[u8] {
        self.gates[gateway].as_ref().map_or(&[], |gate| gate.session.outgoing())
    }

    /// So many of them are written.
    pub fn written(&mut self, gateway: usize, bytes: usize) {
        if let Some(gate) = self.gates[gateway].as_mut() {
            gate.session.written(bytes);
        }
    }

    /// Whether there are new orders whose bytes nobody has said to be in a socket.
    pub fn has_untaken(&self) -> bool {
        self.gates.iter().flatten().any(|gate| gate.hedges.oms.has_untaken())
    }

    /// The sockets have taken every byte that there was.
    pub fn on_taken(&mut self, now_ns: u64) {
        self.gates.iter_mut().flatten().for_each(|gate| gate.hedges.oms.taken(now_ns));
    }

    /// Takes the records that are not in the state file yet: appends them to `into`. Returns how many there ever were.
    pub fn take_records(&mut self, into: &mut Vec<Record>) -> u64 {
        into.append(&mut self.records);
        self.record_count
    }

    /// What people must hear of.
    pub fn alarms(&mut self) -> &mut Alarms {
        &mut self.alarms
    }

    /// How often a kind of alarm was raised.
    pub fn alarm_count(&self, kind: AlarmKind) -> u64 {
        self.alarms.count(kind)
    }

    /// What was done.
    pub fn counts(&self) -> &EngineCounts {
        &self.counts
    }

    /// What the hedges of an underlying came to, contracts.
    pub fn position(&self, underlying: u8) -> i64 {
        self.desks.get(usize::from(underlying)).map_or(0, |desk| desk.position)
    }

    /// Orders at the venue that may still fill, as far as is known.
    pub fn open_orders(&self) -> usize {
        self.gates.iter().flatten().map(|gate| gate.hedges.oms.live().count()).sum()
    }

    /// Whether an underlying hedges: reconciled, armed, with rows, and a session that takes orders.
    pub fn is_hedging(&self, underlying: u8) -> bool {
        self.desks.get(usize::from(underlying)).is_some_and(|desk| {
            desk.is_armed && desk.is_reconciled && desk.is_active() && !desk.is_restricted && self.kill.is_none()
        })
    }

    /// Lots of an instrument.
    pub fn lots(&self, instrument_id: i64) -> Option<i32> {
        self.desks.iter().find_map(|desk| desk.lots(instrument_id))
    }

    /// What the kernel answered.
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// What made it stop, if anything did.
    pub fn fatal(&self) -> Option<&LiveError> {
        self.fatal.as_ref()
    }

    /// What the hedges of every underlying came to, contracts.
    pub fn positions(&self) -> Vec<i64> {
        self.desks.iter().map(|desk| desk.position).collect()
    }

    /// Lets go of the driver, so that its journal can be ended. Returns what made it stop, if anything did.
    pub fn finish(self) -> Option<LiveError> {
        let ended = self.driver.finish();
        self.fatal.or_else(|| ended.err().map(|error| LiveError::Driver(error.into())))
    }

    // ---- orders ------------------------------------------------------------------------------

    pub(super) fn record(&mut self, record: Record) {
        self.records.push(record);
        self.record_count += 1;
    }

    /// Lets gates do what is due, and carries over what they tell, until nothing is.
    pub(super) fn act(&mut self, now_ns: u64) {
        for gateway in 0..self.gates.len() {
            for _ in 0..ROUNDS_MAX {
                let Some(gate) = self.gates[gateway].as_mut() else { break };
                if let Some(record) = gate.reserve(self.record_count + 1) {
                    self.record(record);
                }
                let Some(gate) = self.gates[gateway].as_mut() else { break };
                if !gate.is_due && now_ns < gate.deadline_ns && gate.told.is_empty() {
                    break;
                }
                gate.act(now_ns);
                for ns in gate.hedges.take_answer_times() {
                    if let Some(telemetry) = &self.telemetry {
                        telemetry.latency(Latency::OrderToAnswer).record(ns);
                    }
                }
                std::mem::swap(&mut gate.updates, &mut self.swapped);
                std::mem::swap(&mut gate.told, &mut self.told);
                self.carry_updates(now_ns);
                self.carry_told(gateway, now_ns);
            }
            self.commit(gateway);
        }
        self.look_at_status(now_ns);
        self.look_at_kill(now_ns);
    }

    fn carry_updates(&mut self, now_ns: u64) {
        let mut updates = std::mem::take(&mut self.swapped);
        for update in updates.drain(..) {
            self.on_update(&update, now_ns);
        }
        self.swapped = updates;
    }

    fn carry_told(&mut self, gateway: usize, now_ns: u64) {
        let mut told = std::mem::take(&mut self.told);
        for told in told.drain(..) {
            self.on_told(gateway, &told, now_ns);
        }
        self.told = told;
    }

    fn commit(&mut self, gateway: usize) {
        // A commit says that everything reported is in the positions: it waits until it is.
        let is_due = |gate: &&mut Gate| gate.is_uncommitted && gate.hedges.is_all_told();
        let Some(gate) = self.gates[gateway].as_mut().filter(is_due) else { return };
        let before = self.records.len();
        gate.commit(&mut self.records);
        self.record_count += (self.records.len() - before) as u64;
    }
}

/// Rounds of acting and carrying over, before other gates have their turn.
const ROUNDS_MAX: usize = 8;
