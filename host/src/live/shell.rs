//! Sockets, a clock, threads and a core around the engine.
//!
//! ```text
//!   packets ──────────┐                                            ┌──► journal, state file: `memory`
//!   retransmission ───┤   one thread, pinned, never asleep         ├──► compiler: `compiler`
//!   gateways, TCP ────┼──► Engine, at the time of the clock ───────┼──► log: `alarms`
//!   control, kill ────┤                                            └──► connect: a thread for each attempt
//!   drop copy ────────┘
//! ```
//!
//! The engine's thread makes no system call for a packet but those of its source; gateways are read when no packet waits,
//! and after every so many packets. Whatever may block is another thread's.

use std::io::{ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use thiserror::Error;

use super::alarm::Raised;
use super::compile::{Compiled, Compiler, Job};
use super::control::Request;
use super::drop_copy::{self, DropCopy};
use super::engine::{Engine, EngineCounts, LiveError, Output};
use super::own_fills::{DeskFill, Outcome};
use super::record::{Record, StateError};
use super::sockets::{Gateway, Retransmission};
use super::writer::{Memory, MemoryError, StateFile};
use crate::config::{Plan, SecretError};
use crate::control::{Answer, ControlError, EngineRequest, KillCause, KillSwitch, Pending, Requests};
use crate::deribit::starbase::market::Source;
use crate::driver::{Driver, DriverError};
use crate::journal::{self, JournalError};
use crate::packet::{Counts, Handler, Line, PacketError, Received, Receiver as Packets, spin};
use crate::telemetry::{Latency, Telemetry};

/// Bytes read from a gateway at once.
const READ_BYTES: usize = 64 << 10;
/// Packets after which gateways have their turn all the same.
const PACKETS_IN_A_ROW_MAX: u32 = 16;
/// Idle turns between two looks at what is not urgent.
const SELDOM: u32 = 64;
/// Between two times that the receiver is asked what became of packets, ns.
const COUNTS_EVERY_NS: u64 = 1_000_000_000;
/// How long an orderly end may take.
const END_PATIENCE_NS: u64 = 5_000_000_000;
/// Jobs and alarms that may wait.
const QUEUE: usize = 4_096;

/// Why an engine does not run, or no longer.
#[derive(Debug, Error)]
pub enum RunError {
    /// The configuration, kernel, card or journal.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// A secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The state file.
    #[error(transparent)]
    State(#[from] StateError),
    /// Journal or state file, while running.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The journal cannot be made.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Packets.
    #[error(transparent)]
    Packets(#[from] PacketError),
    /// The drop-copy socket.
    #[error(transparent)]
    DropCopy(#[from] ControlError),
    /// The system.
    #[error("{doing}: {source}")]
    System {
        /// What was tried.
        doing: String,
        /// What the operating system answered.
        source: std::io::Error,
    },
}

/// What an engine is run with, beside its plan.
pub struct Setting {
    /// Where to write the journal, if anywhere. The file must not exist.
    pub journal: Option<PathBuf>,
    /// The drop-copy socket, if any.
    pub drop_copy: Option<PathBuf>,
    /// Where it is seen.
    pub telemetry: Arc<Telemetry>,
    /// Stops everything at the venue.
    pub kill: Arc<KillSwitch>,
    /// Ends the run, in good order.
    pub stop: Arc<AtomicBool>,
    /// Requests over the control socket.
    pub requests: Option<Requests>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Ended {
    /// What the engine did.
    pub counts: EngineCounts,
    /// What the kernel answered.
    pub answers: crate::driver::Counts,
    /// Positions of the hedge instruments, contracts, by underlying.
    pub positions: Vec<i64>,
    /// Orders that may still be open, as far as is known.
    pub open_orders: usize,
    /// Whether every gateway has said that nothing is open.
    pub is_verified: bool,
}

/// Runs an engine until it is told to stop. `driver` makes it a fresh driver without a journal; `told` hears of alarms, on
/// a thread of its own.
///
/// # Errors
/// [`RunError`].
pub fn run(
    plan: &Arc<Plan>,
    setting: Setting,
    driver: impl FnOnce() -> Result<Driver, DriverError>,
    told: impl Fn(&Raised) + Send + 'static,
) -> Result<Ended, RunError> {
    let live = plan.live.as_ref().ok_or_else(|| LiveError::Missing("[live]".to_owned()))?;
    let packets = plan.packets.as_ref().ok_or_else(|| LiveError::Missing("[packets]".to_owned()))?;
    let secrets = live.gateways.iter().map(|gateway| gateway.secret.read()).collect::<Result<Vec<_>, _>>()?;
    let (state, image) = StateFile::take(&live.state)?;
    let journal = setting.journal.as_deref().map(|path| journal::Writer::create(path, plan.sizes)).transpose()?;
    let (behind, tail) = journal.map(journal::behind::behind).unzip();
    let tail = tail.map(|tail| tail.watched(Arc::clone(&setting.telemetry)));
    let mut driver = driver().map_err(LiveError::from)?;
    if let Some(behind) = behind {
        driver = driver.journalled_behind(behind);
    }
    let mut engine = Engine::new(plan, secrets, driver, image)?.watched(Arc::clone(&setting.telemetry));
    let mut records = Vec::with_capacity(1_024);
    engine.take_records(&mut records);
    let appender = state.begin(&records)?;
    records.clear();
    let system = |doing: &str| {
        let doing = doing.to_owned();
        move |source| RunError::System { doing, source }
    };
    let memory =
        Memory::start(appender, tail, Arc::clone(&setting.telemetry)).map_err(system("cannot start a thread"))?;
    let mut receiver = Packets::open(packets)?;
    let copies = setting.drop_copy.as_deref().map(drop_copy::listen).transpose()?;
    let (drop_copy, fills) = copies.unzip();
    let (jobs, banks, compiler) = compiler(plan).map_err(system("cannot start a thread"))?;
    let (alarms, log) = log(told).map_err(system("cannot start a thread"))?;
    let mut shell = Shell {
        engine,
        memory,
        records,
        channels: live
            .channels
            .iter()
            .map(|channel| Retransmission::open(channel.retransmit))
            .collect::<Result<_, _>>()?,
        second_groups: live.second.iter().flat_map(|second| second.groups.iter().copied()).collect(),
        gateways: live.gateways.iter().map(|gateway| Gateway::new(gateway.address)).collect(),
        jobs: Some(jobs),
        banks,
        alarms: Some(alarms),
        fills,
        unacknowledged: Vec::new(),
        requests: setting.requests,
        killing: Vec::new(),
        kill: setting.kill,
        stop: setting.stop,
        telemetry: setting.telemetry,
        clock: Clock::start(),
        bytes: vec![0; READ_BYTES],
        packets_in_a_row: 0,
        turns: 0,
        counts_due_ns: 0,
        wants_counts: false,
        is_receiver_mute: false,
        ending: None,
        _drop_copy: drop_copy,
    };
    let spun = spin(&mut receiver, packets.core, &mut shell);
    let ended = shell.end();
    let _ = (compiler.join(), log.join());
    drop(state);
    spun?;
    ended
}

fn compiler(plan: &Arc<Plan>) -> std::io::Result<(Sender<Job>, Receiver<Compiled>, JoinHandle<()>)> {
    let (jobs, asked) = crossbeam_channel::bounded::<Job>(QUEUE);
    let (done, banks) = crossbeam_channel::bounded(QUEUE);
    let mut compiler = Compiler::new(Arc::clone(plan));
    let thread = std::thread::Builder::new().name("compiler".to_owned()).spawn(move || {
        for job in asked {
            if done.send(compiler.compile(&job)).is_err() {
                return;
            }
        }
    })?;
    Ok((jobs, banks, thread))
}

fn log(told: impl Fn(&Raised) + Send + 'static) -> std::io::Result<(Sender<Raised>, JoinHandle<()>)> {
    let (sender, alarms) = crossbeam_channel::bounded::<Raised>(QUEUE);
    let thread = std::thread::Builder::new().name("alarms".to_owned()).spawn(move || {
        alarms.iter().for_each(|raised| told(&raised));
    })?;
    Ok((sender, thread))
}

/// Everything that the engine's thread has.
struct Shell {
    engine: Engine,
    memory: Memory,
    records: Vec<Record>,
    channels: Vec<Retransmission>,
    /// Groups of the second feed, by number.
    second_groups: Vec<usize>,
    gateways: Vec<Gateway>,
    jobs: Option<Sender<Job>>,
    banks: Receiver<Compiled>,
    alarms: Option<Sender<Raised>>,
    fills: Option<Receiver<drop_copy::Pending>>,
    /// Fills that are booked and not written yet.
    unacknowledged: Vec<(u64, Outcome, drop_copy::Pending)>,
    requests: Option<Requests>,
    /// Kills that wait for the venue's word.
    killing: Vec<Pending>,
    kill: Arc<KillSwitch>,
    stop: Arc<AtomicBool>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    bytes: Vec<u8>,
    packets_in_a_row: u32,
    turns: u32,
    /// When the receiver is asked next what became of packets, ns.
    counts_due_ns: u64,
    wants_counts: bool,
    /// It could not say the last time.
    is_receiver_mute: bool,
    /// When the end began, ns.
    ending: Option<u64>,
    _drop_copy: Option<DropCopy>,
}

impl Handler for Shell {
    fn on_datagram(&mut self, datagram: &Received<'_>) -> ControlFlow<()> {
        let now_ns = self.clock.now_ns();
        let source = if datagram.line == Line::A { Source::A } else { Source::B };
        let (quotes, hedges) = (self.engine.counts().quotes, self.engine.counts().hedges);
        let is_taken = if self.second_groups.contains(&datagram.group) {
            self.engine.decide_second(now_ns, datagram.payload)
        } else {
            self.engine.decide(now_ns, source, datagram.payload)
        };
        // The clock is read again only for what is measured: once for a decision, and once for an order that has left.
        if self.engine.counts().quotes > quotes {
            self.measure(Latency::PacketToDecision, now_ns);
        }
        if is_taken {
            self.engine.act(now_ns);
        }
        if self.engine.counts().hedges > hedges && self.is_outgoing() {
            self.measure(Latency::PacketToBytes, now_ns);
            self.write_gateways(now_ns);
            // What the socket did not take leaves later, and is not of this packet alone any more.
            if !self.is_outgoing() {
                let taken_ns = self.measure(Latency::PacketToOrder, now_ns);
                self.engine.on_taken(taken_ns);
            }
        }
        self.after(now_ns);
        self.packets_in_a_row += 1;
        if self.packets_in_a_row < PACKETS_IN_A_ROW_MAX { ControlFlow::Continue(()) } else { self.on_idle() }
    }

    fn on_idle(&mut self) -> ControlFlow<()> {
        self.packets_in_a_row = 0;
        let now_ns = self.clock.now_ns();
        self.read_gateways(now_ns);
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(SELDOM) {
            self.look_around(now_ns);
        }
        self.engine.on_time(now_ns);
        self.after(now_ns);
        if self.is_over(now_ns) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    #[inline]
    fn wants_counts(&self) -> bool {
        self.wants_counts
    }

    fn on_counts(&mut self, counts: Result<Counts, PacketError>) {
        let now_ns = self.clock.now_ns();
        (self.wants_counts, self.counts_due_ns) = (false, now_ns.saturating_add(COUNTS_EVERY_NS));
        let was_mute = std::mem::replace(&mut self.is_receiver_mute, counts.is_err());
        self.engine.on_packets(now_ns, counts.as_ref().ok());
        if let Some(error) = counts.err().filter(|_| !was_mute) {
            // Whoever reads the log may be slow.
            let say = move || tracing::error!(%error, "nobody can say what became of packets");
            let _ = std::thread::Builder::new().name("packets' error".to_owned()).spawn(say);
        }
    }
}

impl Shell {
    /// Notes how long ago something was; returns the time of now.
    fn measure(&self, latency: Latency, since_ns: u64) -> u64 {
        let now_ns = self.clock.now_ns();
        self.telemetry.latency(latency).record(now_ns.saturating_sub(since_ns));
        now_ns
    }

    fn is_outgoing(&self) -> bool {
        (0..self.gateways.len()).any(|gateway| !self.engine.outgoing(gateway).is_empty())
    }

    /// Does what the engine asks for, and writes what it says.
    fn after(&mut self, now_ns: u64) {
        // Bytes first: a hedge is not to wait for anything.
        self.write_gateways(now_ns);
        if self.engine.has_untaken() && !self.is_outgoing() {
            self.engine.on_taken(self.clock.now_ns());
        }
        while let Some(output) = self.engine.next_output() {
            match output {
                Output::Connect(gateway) => self.gateways[gateway].connect(),
                Output::Close(gateway) => {
                    (self.gateways[gateway].stream, self.gateways[gateway].connecting) = (None, None);
                }
                Output::Retransmit(channel, request) => {
                    if let Some(socket) = &self.channels[channel].0 {
                        // A request that the system does not take is one that was lost: it is asked again.
                        let _ = socket.send(&request.bytes);
                    }
                }
                Output::Compile(job) => {
                    let sent = self.jobs.as_ref().map(|jobs| jobs.try_send(*job));
                    debug_assert!(sent.is_none_or(|sent| sent.is_ok()), "Invariant: one job of each underlying");
                }
            }
        }
        self.engine.take_records(&mut self.records);
        if !self.records.is_empty() {
            self.memory.give(&mut self.records);
        }
    }

    fn write_gateways(&mut self, now_ns: u64) {
        for gateway in 0..self.gateways.len() {
            while !self.engine.outgoing(gateway).is_empty() {
                let Some(stream) = &mut self.gateways[gateway].stream else { break };
                match stream.write(self.engine.outgoing(gateway)) {
                    Ok(0) => self.lose(now_ns, gateway),
                    Ok(bytes) => self.engine.written(gateway, bytes),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => self.lose(now_ns, gateway),
                }
            }
        }
    }

    fn lose(&mut self, now_ns: u64, gateway: usize) {
        self.gateways[gateway].stream = None;
        self.engine.on_disconnected(now_ns, gateway);
    }

    fn read_gateways(&mut self, now_ns: u64) {
        for gateway in 0..self.gateways.len() {
            if let Some(connecting) = &self.gateways[gateway].connecting {
                match connecting.try_recv() {
                    Ok(Ok(stream)) => {
                        (self.gateways[gateway].stream, self.gateways[gateway].connecting) = (Some(stream), None);
                        self.engine.on_connected(now_ns, gateway);
                    }
                    Err(crossbeam_channel::TryRecvError::Empty) => {}
                    Ok(Err(_)) | Err(crossbeam_channel::TryRecvError::Disconnected) => {
                        self.gateways[gateway].connecting = None;
                        self.engine.on_connection_failed(now_ns, gateway);
                    }
                }
            }
            let Some(stream) = &mut self.gateways[gateway].stream else { continue };
            match stream.read(&mut self.bytes) {
                Ok(0) => self.lose(now_ns, gateway),
                Ok(bytes) => self.engine.on_stream(now_ns, gateway, &self.bytes[..bytes]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => self.lose(now_ns, gateway),
            }
        }
        for channel in &self.channels {
            let Some(socket) = &channel.0 else { continue };
            while let Ok(bytes) = socket.recv(&mut self.bytes) {
                self.engine.on_datagram(now_ns, Source::Unicast, &self.bytes[..bytes]);
            }
        }
    }

    /// What is not urgent, but for the kill.
    fn look_around(&mut self, now_ns: u64) {
        self.wants_counts |= now_ns >= self.counts_due_ns;
        if let Some(cause) = self.kill.pulled().filter(|_| self.engine.kill_state().is_none()) {
            self.engine.on_request(now_ns, &Request::Kill(cause));
        }
        while let Ok(bank) = self.banks.try_recv() {
            self.engine.on_bank(now_ns, bank);
        }
        self.engine.on_durable(self.memory.durable());
        if self.memory.has_failed() && self.engine.kill_state().is_none() {
            self.engine.on_journal_failed(now_ns);
        }
        self.take_fills(now_ns);
        self.take_requests(now_ns);
        if let Some(alarms) = &self.alarms {
            let raised: Vec<Raised> = self.engine.alarms().drain().collect();
            for raised in raised {
                self.engine.show_alarm(&raised);
                let _ = alarms.try_send(raised);
            }
        }
    }

    fn take_fills(&mut self, now_ns: u64) {
        while let Some(pending) = self.fills.as_ref().and_then(|fills| fills.try_recv().ok()) {
            let drop_copy::Copied { fill_id, quantity_nano, price_nano, .. } = pending.fill;
            let outcome = match self.engine.instrument_id(&pending.fill.instrument) {
                None if !self.engine.is_defined() => Outcome::NotYet,
                None => Outcome::UnknownInstrument,
                Some(instrument_id) => {
                    let fill = DeskFill { instrument_id, fill_id, quantity_nano, price_nano };
                    self.engine.on_trade(now_ns, &fill)
                }
            };
            match outcome {
                Outcome::Booked(count) | Outcome::Repeated(count) => {
                    self.unacknowledged.push((count, outcome, pending));
                }
                outcome => pending.answer(outcome),
            }
        }
        let durable = self.memory.durable();
        for (_, outcome, pending) in self.unacknowledged.extract_if(.., |(count, ..)| *count <= durable) {
            pending.answer(outcome);
        }
    }

    fn take_requests(&mut self, now_ns: u64) {
        while let Some(pending) = self.requests.as_ref().and_then(Requests::next) {
            match &pending.request {
                EngineRequest::Kill => {
                    self.engine.on_request(now_ns, &Request::Kill(KillCause::Control));
                    self.killing.push(pending);
                }
                EngineRequest::Disarm => {
                    self.engine.on_request(now_ns, &Request::Disarm);
                    pending.answer(Answer::Done("disarmed; resting hedges are being cancelled".into()));
                }
                EngineRequest::Arm => {
                    self.kill.reset();
                    self.engine.on_request(now_ns, &Request::Arm);
                    pending.answer(Answer::Done("armed, as soon as positions are reconciled".into()));
                }
                EngineRequest::Position { underlying, contracts } => {
                    let (coin, contracts) = (underlying.as_str(), *contracts);
                    let answer = match self.engine.may_tell_position(coin, contracts) {
                        Ok(underlying) => {
                            self.engine.on_request(now_ns, &Request::Position { underlying, contracts });
                            let note = format!("{coin}: {contracts} contracts are taken; `hedgewire arm` hedges again");
                            Answer::Done(note.into())
                        }
                        Err(refusal) => Answer::Refused(format!("{coin}: {refusal}").into()),
                    };
                    pending.answer(answer);
                }
                EngineRequest::Reload { text, .. } => {
                    let answer = match Plan::parse(text) {
                        Ok(plan) => {
                            self.engine.on_request(now_ns, &Request::Limits(Box::new(plan)));
                            Answer::Done("limits are taken over; the journal has them".into())
                        }
                        Err(error) => Answer::Refused(error.to_string().into()),
                    };
                    pending.answer(answer);
                }
            }
        }
        if self.engine.kill_state().is_some_and(|kill| kill.verified_ns.is_some()) {
            for pending in self.killing.drain(..) {
                pending.answer(Answer::Done("killed; every gateway says that nothing is open".into()));
            }
        }
    }

    /// Whether the run is over: told to stop, everything cancelled and said to be, or waited for long enough.
    fn is_over(&mut self, now_ns: u64) -> bool {
        if self.ending.is_none() {
            if !self.stop.load(Ordering::Relaxed) && self.engine.fatal().is_none() {
                return false;
            }
            self.ending = Some(now_ns);
            self.engine.on_request(now_ns, &Request::Kill(KillCause::End));
        }
        let is_verified = self.engine.kill_state().is_some_and(|kill| kill.verified_ns.is_some());
        let is_late = self.ending.is_some_and(|since_ns| now_ns.saturating_sub(since_ns) > END_PATIENCE_NS);
        is_verified || is_late
    }

    fn end(mut self) -> Result<Ended, RunError> {
        let now_ns = self.clock.now_ns();
        self.after(now_ns);
        self.look_around(now_ns);
        (self.jobs, self.alarms) = (None, None);
        let Self { engine, memory, .. } = self;
        let ended = Ended {
            counts: *engine.counts(),
            answers: engine.driver().counts().clone(),
            positions: engine.positions(),
            open_orders: engine.open_orders(),
            is_verified: engine.kill_state().is_some_and(|kill| kill.verified_ns.is_some()),
        };
        let fatal = engine.finish();
        memory.finish()?;
        match fatal {
            Some(fatal) => Err(fatal.into()),
            None => Ok(ended),
        }
    }
}

/// Time since the epoch that never steps back: the system's at the start, and the monotonic clock from then on.
struct Clock {
    epoch_ns: u64,
    start: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { epoch_ns: crate::telemetry::now_ns(), start: Instant::now() }
    }

    #[inline]
    fn now_ns(&self) -> u64 {
        self.epoch_ns.saturating_add(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(0))
    }
}
