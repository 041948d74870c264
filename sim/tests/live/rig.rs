//! A venue, an engine, the file that it remembers in, and a clock that stands still between steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedgewire_host::config::Plan;
use hedgewire_host::deribit::starbase::market::Source;
use hedgewire_host::deribit::starbase::orders::Credential;
use hedgewire_host::driver::Driver;
use hedgewire_host::live::{Compiled, Compiler, DeskFill, Engine, Image, Outcome, Output, Raised, Record, Request};
use hedgewire_host::telemetry::AlarmKind;
use hedgewire_kernel::{Form, Kernel};
use hedgewire_sim::random::Random;
use hedgewire_sim::venue::{
    FaultSettings, FlowSettings, GatewaySettings, LegacySettings, Line, Lines, Member, Output as Said,
    RetransmitSettings, SPEED_BUMP_NS, StreamOutput, Venue, VenueSettings, listing,
};

pub const UNIT: i64 = 1_000_000_000;
pub const MS: i64 = 1_000_000;
pub const START: i64 = 1_790_000_000 * UNIT;
/// Place of the perpetual in the listing.
pub const PERPETUAL: usize = 0;
/// Number of the first option.
pub const OPTION_ID: i64 = listing::BTC_PERPETUAL_ID + 2;
pub const CONTRACT_USD: i64 = 10;
pub const EXAMPLE: &str = include_str!("../../../host/examples/live.toml");

/// A venue with one member, strikes and the public.
pub fn settings(seed: u64, faults: FaultSettings) -> VenueSettings {
    let (indexes, instruments) = listing::listing(START, 1, 3);
    VenueSettings {
        seed,
        indexes,
        instruments,
        gateway: GatewaySettings {
            members: vec![Member { client_id: "alpha".into(), secret: "alpha-secret".into() }],
            heartbeat_seconds: 1,
            is_padded: false,
            history_messages: 1_000_000,
        },
        rate_limit: None,
        protections: vec![],
        bump_ns: SPEED_BUMP_NS,
        retransmit: RetransmitSettings { history_messages: 10_000, burst: 50, refill_ns: 1_000_000 },
        snapshot_cycle_ns: 200_000_000,
        lines: Lines::Active,
        flow: Some(FlowSettings { rate: 60.0, ..FlowSettings::default() }),
        faults,
    }
}

pub fn plan() -> Arc<Plan> {
    Arc::new(Plan::parse(EXAMPLE).expect("the example"))
}

/// Everything around an engine.
pub struct Rig {
    pub venue: Venue,
    pub engine: Option<Engine>,
    plan: Arc<Plan>,
    compiler: Compiler,
    /// Banks that the compiler is at, and when it is done.
    compiling: Vec<(i64, Compiled)>,
    /// What is on disk.
    pub disk: Vec<Record>,
    pub now_ns: i64,
    connection: Option<u64>,
    connections: u64,
    pub alarms: Vec<Raised>,
    /// Orders that reached the venue's way, by our number: each must come once.
    pub sent: BTreeMap<i64, u32>,
    fill_id: i64,
    random: Random,
    /// Steps of records that are written late, to be lost in a crash.
    pub write_delay_steps: usize,
    unwritten: Vec<(usize, Record)>,
    steps: usize,
    /// It is killed after so many more deliveries of its session.
    pub dies_after: Option<usize>,
    /// Nothing of the feed arrives.
    pub is_cut_off: bool,
    /// Nothing of the second feed arrives.
    pub is_second_cut_off: bool,
    /// So many packets of its events are lost next.
    pub second_losses: usize,
    /// Nobody answers at the gateway's address.
    pub is_gateway_gone: bool,
}

impl Rig {
    pub fn new(settings: VenueSettings) -> Self {
        Self::with(settings, plan(), None)
    }

    /// With a plan, and with the legacy multicast.
    pub fn with(settings: VenueSettings, plan: Arc<Plan>, legacy: Option<LegacySettings>) -> Self {
        let seed = settings.seed;
        let venue = Venue::new(settings, START, None);
        let mut rig = Self {
            venue: match legacy {
                Some(legacy) => venue.with_legacy(START, legacy),
                None => venue,
            },
            engine: None,
            compiler: Compiler::new(Arc::clone(&plan)),
            compiling: vec![],
            disk: vec![],
            now_ns: START,
            connection: None,
            connections: 0,
            alarms: vec![],
            sent: BTreeMap::new(),
            fill_id: 1,
            random: Random::new(seed, 31),
            write_delay_steps: 0,
            unwritten: vec![],
            steps: 0,
            dies_after: None,
            is_cut_off: false,
            is_second_cut_off: false,
            second_losses: 0,
            is_gateway_gone: false,
            plan,
        };
        rig.start();
        rig
    }

    /// A new life, from what is on disk.
    pub fn start(&mut self) {
        let image = Image::of(&self.disk);
        let driver = Driver::new(Kernel::new(self.plan.sizes, Form::Scalar), None).unmeasured();
        let secret = Credential::new("alpha-secret").expect("it fits");
        let mut engine = Engine::new(&self.plan, vec![secret], driver, image).expect("a live engine");
        self.compiler = Compiler::new(Arc::clone(&self.plan));
        self.compiling.clear();
        self.disk.clear();
        let count = engine.take_records(&mut self.disk);
        engine.on_durable(count);
        self.engine = Some(engine);
    }

    /// SIGKILL: what was not written is gone, the connection breaks.
    pub fn crash(&mut self) {
        self.engine = None;
        self.unwritten.clear();
        if let Some(connection) = self.connection.take() {
            self.venue.disconnected(self.now_ns, connection);
        }
    }

    /// The connection breaks on the way.
    pub fn cut_connection(&mut self) {
        let now_ns = self.ns();
        if let Some(connection) = self.connection.take() {
            self.venue.disconnected(self.now_ns, connection);
            self.engine().on_disconnected(now_ns, 0);
        }
    }

    pub fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("it runs")
    }

    pub fn ns(&self) -> u64 {
        self.now_ns.cast_unsigned()
    }

    /// A step of time, and everything that comes of it.
    pub fn step(&mut self, step_ns: i64) {
        self.now_ns += step_ns;
        self.steps += 1;
        self.venue.advance(self.now_ns);
        self.hear();
        self.act();
    }

    /// Runs for a time, in steps of a millisecond.
    pub fn run(&mut self, ns: i64) {
        for _ in 0..ns / MS {
            self.step(MS);
        }
    }

    fn hear(&mut self) {
        let now_ns = self.ns();
        while let Some(output) = self.venue.next_output(self.now_ns) {
            let Some(engine) = self.engine.as_mut() else { continue };
            match output {
                Said::Multicast { .. } if self.is_cut_off => {}
                Said::Multicast { line, bytes, .. } => {
                    let source = if line == Line::A { Source::A } else { Source::B };
                    engine.on_datagram(now_ns, source, &bytes);
                }
                Said::Legacy { .. } if self.is_second_cut_off => {}
                Said::Legacy { is_snapshot: false, .. } if self.second_losses > 0 => self.second_losses -= 1,
                Said::Legacy { bytes, .. } => engine.on_second(now_ns, &bytes),
                Said::Unicast { bytes, .. } => engine.on_datagram(now_ns, Source::Unicast, &bytes),
                Said::Stream(StreamOutput::Bytes(connection, bytes)) if self.connection == Some(connection) => {
                    engine.on_stream(now_ns, 0, &bytes);
                    self.dies_after = self.dies_after.map(|left| left.saturating_sub(1));
                }
                Said::Stream(StreamOutput::Close(connection)) if self.connection == Some(connection) => {
                    self.connection = None;
                    engine.on_disconnected(now_ns, 0);
                }
                Said::Stream(_) => {}
            }
            self.flush();
            if self.dies_after == Some(0) {
                self.dies_after = None;
                self.crash();
            }
        }
    }

    fn act(&mut self) {
        let now_ns = self.ns();
        if self.engine.is_none() {
            return;
        }
        let done: Vec<Compiled> =
            self.compiling.extract_if(.., |(done_ns, _)| *done_ns <= self.now_ns).map(|(_, bank)| bank).collect();
        for bank in done {
            self.engine().on_bank(now_ns, bank);
        }
        for _ in 0..4 {
            self.engine().on_time(now_ns);
            self.flush();
        }
    }

    /// Does what the engine asks for, and writes what it says.
    pub fn flush(&mut self) {
        let now_ns = self.ns();
        loop {
            let Some(engine) = self.engine.as_mut() else { return };
            let Some(output) = engine.next_output() else { break };
            match output {
                Output::Connect(_) if self.is_gateway_gone => engine.on_connection_failed(now_ns, 0),
                Output::Connect(_) => {
                    self.connections += 1;
                    self.connection = Some(self.connections);
                    self.venue.connected(self.now_ns, self.connections);
                    engine.on_connected(now_ns, 0);
                }
                Output::Close(_) => {
                    if let Some(connection) = self.connection.take() {
                        self.venue.disconnected(self.now_ns, connection);
                    }
                }
                Output::Retransmit(_, request) => self.venue.on_datagram(self.now_ns, 1, &request.bytes),
                Output::Compile(job) => {
                    self.compiling.push((self.now_ns + 5 * MS, self.compiler.compile(&job)));
                }
            }
        }
        self.write();
        let Some(engine) = self.engine.as_mut() else { return };
        if let Some(connection) = self.connection {
            let bytes = engine.outgoing(0).to_vec();
            engine.written(0, bytes.len());
            note_orders(&mut self.sent, &bytes);
            self.venue.on_bytes(self.now_ns, connection, &bytes);
        }
        self.alarms.extend(engine.alarms().drain());
    }

    fn write(&mut self) {
        let Some(engine) = self.engine.as_mut() else { return };
        let mut records = vec![];
        let count = engine.take_records(&mut records);
        self.unwritten.extend(records.into_iter().map(|record| (self.steps, record)));
        let due = self.steps.saturating_sub(self.write_delay_steps);
        let ready = self.unwritten.iter().take_while(|(step, _)| *step <= due).count();
        self.disk.extend(self.unwritten.drain(..ready).map(|(_, record)| record));
        engine.on_durable(count - self.unwritten.len() as u64);
    }

    /// A fill of the desk's own, of a random option; returns it.
    pub fn trade(&mut self) -> DeskFill {
        let option = self.random.index(6) as i64;
        let lots = 1 + self.random.index(20) as i64;
        let sign = if self.random.chance(0.5) { 1 } else { -1 };
        self.fill_id += 1;
        let fill = DeskFill {
            instrument_id: OPTION_ID + option,
            fill_id: self.fill_id,
            quantity_nano: sign * lots * UNIT / 10,
            price_nano: UNIT / 25,
        };
        let now_ns = self.ns();
        self.engine().on_trade(now_ns, &fill);
        self.flush();
        fill
    }

    /// Sends a fill again.
    pub fn trade_again(&mut self, fill: &DeskFill) -> Outcome {
        let now_ns = self.ns();
        let outcome = self.engine().on_trade(now_ns, fill);
        self.flush();
        outcome
    }

    pub fn request(&mut self, request: &Request) {
        let now_ns = self.ns();
        self.engine().on_request(now_ns, request);
        self.flush();
    }

    /// The engine's position in contracts, the venue's in contracts.
    pub fn positions(&mut self) -> (i64, i64) {
        let venue = self.venue.position(0, PERPETUAL) / CONTRACT_USD;
        (self.engine().position(0), venue)
    }

    pub fn count(&self, kind: AlarmKind) -> usize {
        self.alarms.iter().filter(|raised| raised.begins && raised.alarm.kind() == kind).count()
    }

    pub fn is_on(&mut self, kind: AlarmKind) -> bool {
        self.engine().alarms().on().iter().any(|alarm| alarm.kind() == kind)
    }

    /// What must hold whatever went wrong.
    pub fn check(&mut self, context: &str) {
        assert!(self.sent.values().all(|times| *times == 1), "{context}: an order was sent twice");
        assert_eq!(self.engine().counts().over_hedges, 0, "{context}: over-hedges");
        let answers = self.engine().driver().counts();
        let (decisions, hedges) = (answers.decisions, answers.hedges);
        let refused: u64 =
            answers.refusals_by_reason().filter(|(reason, _)| (*reason as u8) < 128).map(|(_, n)| n).sum();
        assert_eq!(decisions, hedges + refused, "{context}: a decision without a reason");
        for kind in [AlarmKind::KernelFault, AlarmKind::LedgerDiffers, AlarmKind::Unmatched, AlarmKind::OrderFaulty] {
            let told: Vec<_> = self.alarms.iter().filter(|raised| raised.alarm.kind() == kind).collect();
            assert!(told.is_empty(), "{context}: {told:?}");
        }
    }

    /// Both sides agree, and nothing is open or in doubt.
    pub fn agree(&mut self, context: &str) {
        self.check(context);
        let (ours, theirs) = self.positions();
        assert_eq!(ours, theirs, "{context}: position; alarms {:?}", self.engine().alarms().on());
        assert_eq!(self.count(AlarmKind::OverHedge), 0, "{context}");
        let open: Vec<_> = self.venue.open_orders(0).map(|(_, order)| order.client_order_id).collect();
        assert_eq!(self.engine().open_orders(), open.len(), "{context}: {open:?}");
    }
}

/// Counts new orders by number: requests of template 100.
fn note_orders(sent: &mut BTreeMap<i64, u32>, bytes: &[u8]) {
    let mut rest = bytes;
    while rest.len() >= 32 {
        let len = usize::from(u16::from_le_bytes([rest[2], rest[3]]));
        if rest[4..6] == 100u16.to_le_bytes() {
            let id = i64::from_le_bytes(rest[32..40].try_into().expect("8 bytes"));
            *sent.entry(id).or_default() += 1;
        }
        rest = &rest[len.min(rest.len())..];
    }
}
