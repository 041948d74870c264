//! A venue, an engine, the file that it remembers in, and a clock that stands still between steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hedgewire_abi::Reason;
use hedgewire_host::config::Plan;
use hedgewire_host::deribit::starbase::market::Source;
use hedgewire_host::deribit::starbase::orders::Credential;
use hedgewire_host::driver::Driver;
use hedgewire_host::live::{
    Compiled, Compiler, DeskFill, Engine, Image, Outcome, Output, Raised, Record, Request, names,
};
use hedgewire_host::telemetry::{AlarmKind, Telemetry};
use hedgewire_kernel::{Form, Kernel};
use hedgewire_sim::random::Random;
use hedgewire_sim::venue::{FaultSettings, Line, Output as Said, Side, StreamOutput, Venue, VenueSettings, listing};

pub use super::plans::settings;
use super::plans::{MEMBERS, plan_of_two, plan_with};

pub const UNIT: i64 = 1_000_000_000;
pub const MS: i64 = 1_000_000;
pub const START: i64 = 1_790_000_000 * UNIT;
/// Strikes of each coin.
pub const STRIKES: i64 = 3;
/// Instruments of each coin: a perpetual, a future, calls and puts.
const INSTRUMENTS: usize = 2 + 2 * STRIKES as usize;
/// Options of each coin.
const OPTIONS: usize = 2 * STRIKES as usize;
/// Place of the perpetual in the listing.
pub const PERPETUAL: usize = 0;
/// Number of the first option.
pub const OPTION_ID: i64 = listing::BTC_PERPETUAL_ID + 2;
pub use hedgewire_sim::venue::listing::ID_STEP;
pub const CONTRACT_USD: i64 = 10;
/// Changes a message of a gateway on its way to the engine; returns whether it has, and is done then.
pub type Liar = Box<dyn FnMut(&mut [u8]) -> bool>;

/// What datagrams cost that quotes or hedges came of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metered {
    pub quotes: u64,
    pub hedges: u64,
    /// By what is counted: before and after such a datagram.
    pub cost: u64,
}

/// Everything around an engine.
pub struct Rig {
    pub venue: Venue,
    pub engine: Option<Engine>,
    pub plan: Arc<Plan>,
    /// What is seen of the present life.
    pub telemetry: Arc<Telemetry>,
    compiler: Compiler,
    /// Why the compiler gives no bank.
    pub compiler_fault: Option<&'static str>,
    /// Banks that the compiler is at, and when it is done.
    compiling: Vec<(i64, Compiled)>,
    /// What is on disk.
    pub disk: Vec<Record>,
    pub now_ns: i64,
    /// Of each gateway.
    connections: Vec<Option<u64>>,
    connection_count: u64,
    pub alarms: Vec<Raised>,
    /// Orders that reached the venue's way, by gateway and our number: each must come once.
    pub sent: BTreeMap<(usize, i64), u32>,
    /// Contracts of the largest of them.
    pub largest_order: i64,
    fill_id: i64,
    random: Random,
    /// Steps of records that are written late, to be lost in a crash.
    pub write_delay_steps: usize,
    unwritten: Vec<(usize, Record)>,
    steps: usize,
    /// Turns of the engine in a step.
    pub turns: usize,
    /// It is killed after so many more deliveries of its session.
    pub dies_after: Option<usize>,
    /// Nothing of the feed arrives.
    pub is_cut_off: bool,
    /// Nothing of these channels arrives.
    pub silent_channels: BTreeSet<i32>,
    /// Nothing of the second feed arrives.
    pub is_second_cut_off: bool,
    /// So many packets of its events are lost next.
    pub second_losses: usize,
    /// Nobody answers at any gateway's address.
    pub is_gateway_gone: bool,
    /// Nobody answers at the addresses of these.
    pub gone_gateways: BTreeSet<usize>,
    pub liar: Option<Liar>,
    /// Counts something that datagrams cost.
    pub meter: Option<fn() -> u64>,
    pub metered: Metered,
    /// Orders of the public that make up a market.
    market: Vec<i64>,
}

impl Rig {
    pub fn new(settings: VenueSettings) -> Self {
        Self::with(settings, plan_with(&[]), |driver| driver)
    }

    /// A venue without a public: its market is made by [`Rig::market`].
    pub fn quiet(changes: &[(&str, &str)]) -> Self {
        let settings = VenueSettings { flow: None, ..settings(1, FaultSettings::default()) };
        let mut rig = Self::with(settings, plan_with(changes), |driver| driver);
        rig.market(59_995, 60_005, 100_000);
        rig
    }

    /// Two underlyings at so many gateways.
    pub fn of_two(seed: u64, gateways: usize) -> Self {
        let settings = listing::venue(seed, START, (2, STRIKES), &MEMBERS[..gateways]);
        Self::with(settings, plan_of_two(gateways), |driver| driver)
    }

    /// With a plan, and another driver than the plain one.
    pub fn with(settings: VenueSettings, plan: Arc<Plan>, driver: impl FnOnce(Driver) -> Driver) -> Self {
        let seed = settings.seed;
        Self::at(Venue::new(settings, START, None), seed, plan, driver)
    }

    /// At a venue that has begun at [`START`].
    pub fn at(venue: Venue, seed: u64, plan: Arc<Plan>, driver: impl FnOnce(Driver) -> Driver) -> Self {
        let gateways = plan.live.as_ref().map_or(0, |live| live.gateways.len());
        let mut rig = Self {
            venue,
            engine: None,
            telemetry: Arc::new(Telemetry::new(names(&plan), START.cast_unsigned()).expect("names of a plan")),
            compiler: Compiler::new(Arc::clone(&plan)),
            compiler_fault: None,
            compiling: vec![],
            disk: vec![],
            now_ns: START,
            connections: vec![None; gateways],
            connection_count: 0,
            alarms: vec![],
            sent: BTreeMap::new(),
            largest_order: 0,
            fill_id: 1,
            random: Random::new(seed, 31),
            write_delay_steps: 0,
            unwritten: vec![],
            steps: 0,
            turns: 4,
            dies_after: None,
            is_cut_off: false,
            silent_channels: BTreeSet::new(),
            is_second_cut_off: false,
            second_losses: 0,
            is_gateway_gone: false,
            gone_gateways: BTreeSet::new(),
            liar: None,
            meter: None,
            metered: Metered::default(),
            market: vec![],
            plan,
        };
        rig.start_with(driver);
        rig
    }

    /// A new life, from what is on disk.
    pub fn start(&mut self) {
        self.start_with(|driver| driver);
    }

    fn start_with(&mut self, driver: impl FnOnce(Driver) -> Driver) {
        let image = Image::of(&self.disk);
        let driver = driver(Driver::new(Kernel::new(self.plan.sizes, Form::Scalar), None).unmeasured());
        let secrets = MEMBERS[..self.connections.len()].iter();
        let secrets = secrets.map(|(_, secret)| Credential::new(secret).expect("it fits")).collect();
        self.telemetry = Arc::new(Telemetry::new(names(&self.plan), self.ns()).expect("names of a plan"));
        let engine = Engine::new(&self.plan, secrets, driver, image).expect("a live engine");
        let mut engine = engine.watched(Arc::clone(&self.telemetry));
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
        for connection in self.connections.iter_mut().filter_map(Option::take) {
            self.venue.disconnected(self.now_ns, connection);
        }
    }

    /// The connection of a gateway breaks on the way.
    pub fn cut_connection(&mut self, gateway: usize) {
        let now_ns = self.ns();
        if let Some(connection) = self.connections[gateway].take() {
            self.venue.disconnected(self.now_ns, connection);
            self.engine().on_disconnected(now_ns, gateway);
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
            if self.engine.is_none() {
                continue;
            }
            match output {
                Said::Multicast { bytes, .. } if self.is_unheard(&bytes) => {}
                Said::Multicast { line, bytes, .. } => {
                    let source = if line == Line::A { Source::A } else { Source::B };
                    self.hear_datagram(now_ns, source, &bytes);
                }
                Said::Legacy { .. } if self.is_second_cut_off => {}
                Said::Legacy { is_snapshot: false, .. } if self.second_losses > 0 => self.second_losses -= 1,
                Said::Legacy { bytes, .. } => self.engine().on_second(now_ns, &bytes),
                Said::Unicast { bytes, .. } => self.hear_datagram(now_ns, Source::Unicast, &bytes),
                Said::Stream(StreamOutput::Bytes(connection, mut bytes)) => {
                    if let Some(gateway) = self.gateway_of(connection) {
                        self.lie(&mut bytes);
                        self.engine().on_stream(now_ns, gateway, &bytes);
                        self.dies_after = self.dies_after.map(|left| left.saturating_sub(1));
                    }
                }
                Said::Stream(StreamOutput::Close(connection)) => {
                    if let Some(gateway) = self.gateway_of(connection) {
                        self.connections[gateway] = None;
                        self.engine().on_disconnected(now_ns, gateway);
                    }
                }
            }
            self.flush();
            if self.dies_after == Some(0) {
                self.dies_after = None;
                self.crash();
            }
        }
    }

    fn gateway_of(&self, connection: u64) -> Option<usize> {
        self.connections.iter().position(|known| *known == Some(connection))
    }

    /// Whether a packet is lost on the way; its header has the channel at 16.
    fn is_unheard(&self, bytes: &[u8]) -> bool {
        let channel = i32::from_le_bytes(bytes[16..20].try_into().expect("4 bytes"));
        self.is_cut_off || self.silent_channels.contains(&channel)
    }

    fn hear_datagram(&mut self, now_ns: u64, source: Source, bytes: &[u8]) {
        let (meter, engine) = (self.meter, self.engine.as_mut().expect("it runs"));
        let before = (*engine.counts(), meter.map_or(0, |meter| meter()));
        engine.on_datagram(now_ns, source, bytes);
        let after = (*engine.counts(), meter.map_or(0, |meter| meter()));
        if after.0.quotes > before.0.quotes {
            self.metered.quotes += after.0.quotes - before.0.quotes;
            self.metered.hedges += after.0.hedges - before.0.hedges;
            self.metered.cost += after.1 - before.1;
        }
    }

    /// Lets the liar have each message, if there is one.
    fn lie(&mut self, bytes: &mut [u8]) {
        let Some(mut liar) = self.liar.take() else { return };
        let mut rest = bytes;
        let mut has_lied = false;
        while rest.len() >= 32 && !has_lied {
            let len = usize::from(u16::from_le_bytes([rest[2], rest[3]])).min(rest.len());
            let (message, after) = rest.split_at_mut(len);
            has_lied = liar(message);
            rest = after;
        }
        self.liar = Some(liar).filter(|_| !has_lied);
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
        for _ in 0..self.turns {
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
                Output::Connect(gateway) if self.is_gateway_gone || self.gone_gateways.contains(&gateway) => {
                    engine.on_connection_failed(now_ns, gateway);
                }
                Output::Connect(gateway) => {
                    self.connection_count += 1;
                    self.connections[gateway] = Some(self.connection_count);
                    self.venue.connected(self.now_ns, self.connection_count);
                    engine.on_connected(now_ns, gateway);
                }
                Output::Close(gateway) => {
                    if let Some(connection) = self.connections[gateway].take() {
                        self.venue.disconnected(self.now_ns, connection);
                    }
                }
                Output::Retransmit(_, request) => self.venue.on_datagram(self.now_ns, 1, &request.bytes),
                Output::Compile(job) => {
                    let mut compiled = self.compiler.compile(&job);
                    if let Some(fault) = self.compiler_fault {
                        compiled.result = Err(fault.to_owned());
                    }
                    self.compiling.push((self.now_ns + 5 * MS, compiled));
                }
            }
        }
        self.write();
        let Some(engine) = self.engine.as_mut() else { return };
        for (gateway, connection) in self.connections.iter().enumerate() {
            let Some(connection) = connection else { continue };
            let bytes = engine.outgoing(gateway).to_vec();
            engine.written(gateway, bytes.len());
            self.largest_order = self.largest_order.max(note_orders(&mut self.sent, gateway, &bytes));
            self.venue.on_bytes(self.now_ns, *connection, &bytes);
        }
        let raised: Vec<Raised> = engine.alarms().drain().collect();
        raised.iter().for_each(|raised| engine.show_alarm(raised));
        self.alarms.extend(raised);
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
        self.trade_in(0)
    }

    /// As [`Rig::trade`], in an option of a coin.
    pub fn trade_in(&mut self, coin: usize) -> DeskFill {
        let option = ID_STEP * coin as i64 + self.random.index(OPTIONS) as i64;
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

    /// Calls around the money bought (or sold) in coins, all at once.
    pub fn buy_calls(&mut self, coins: i64) -> Outcome {
        self.fill_id += 1;
        let at_the_money = OPTION_ID + (OPTIONS as i64 / 2 - 1);
        let (fill_id, quantity_nano) = (self.fill_id, coins * UNIT);
        self.trade_again(&DeskFill { instrument_id: at_the_money, fill_id, quantity_nano, price_nano: UNIT / 25 })
    }

    /// Replaces the public's market of the perpetual: bid, ask (0 for none; USD) and contracts at each.
    pub fn market(&mut self, bid: i64, ask: i64, contracts: i64) {
        for order_id in std::mem::take(&mut self.market) {
            self.venue.public_cancel(self.now_ns, order_id);
        }
        for (side, price) in [(Side::Buy, bid), (Side::Sell, ask)].into_iter().filter(|(_, price)| *price > 0) {
            let order = (price * UNIT, contracts * CONTRACT_USD);
            self.market.extend(self.venue.public_order(self.now_ns, PERPETUAL, side, order, false));
        }
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
        self.positions_in(0)
    }

    /// As [`Rig::positions`], of a coin's perpetual.
    pub fn positions_in(&mut self, coin: usize) -> (i64, i64) {
        let member = if self.connections.len() > 1 { coin } else { 0 };
        let venue = self.venue.position(member, INSTRUMENTS * coin + PERPETUAL) / CONTRACT_USD;
        (self.engine().position(coin as u8), venue)
    }

    pub fn count(&self, kind: AlarmKind) -> usize {
        self.alarms.iter().filter(|raised| raised.begins && raised.alarm.kind() == kind).count()
    }

    /// Shows once more what there is to be seen.
    pub fn look(&mut self) {
        self.run(25 * MS);
    }

    /// Decisions refused for a reason.
    pub fn refusals(&mut self, reason: Reason) -> u64 {
        self.engine().driver().counts().refusals(reason)
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
        for coin in 0..self.plan.underlyings.len() {
            let (ours, theirs) = self.positions_in(coin);
            assert_eq!(ours, theirs, "{context}: position {coin}; alarms {:?}", self.engine().alarms().on());
        }
        assert_eq!(self.count(AlarmKind::OverHedge), 0, "{context}");
        let members = 0..self.connections.len();
        let open = members.flat_map(|member| self.venue.open_orders(member));
        let open: Vec<_> = open.map(|(_, order)| order.client_order_id).collect();
        assert_eq!(self.engine().open_orders(), open.len(), "{context}: {open:?}");
    }
}

/// Counts new orders by number: requests of template 100. Returns the contracts of the largest.
fn note_orders(sent: &mut BTreeMap<(usize, i64), u32>, gateway: usize, bytes: &[u8]) -> i64 {
    let (mut rest, mut largest) = (bytes, 0);
    let word = |bytes: &[u8], at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    while rest.len() >= 32 {
        let len = usize::from(u16::from_le_bytes([rest[2], rest[3]]));
        if rest[4..6] == 100u16.to_le_bytes() {
            *sent.entry((gateway, word(rest, 32))).or_default() += 1;
            largest = largest.max(word(rest, 32 + 32) / CONTRACT_USD);
        }
        rest = &rest[len.min(rest.len())..];
    }
    largest
}
