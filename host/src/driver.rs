//! The driver: gives a kernel, on this CPU or on a card, its commands, keeps the journal, and measures.
//!
//! ```text
//!   typed body ──► header: seq, time ──► Kernel or card ──► journal ──► events, to the caller
//!                                             │
//!                                             └──► counts by reason, latency of the stage
//!
//!   set up:  Configure ─► SetTrigger, SetPriceLimits, SetSizeLimits, SetRateLimits, SetStatus, SetTarget
//!            ─► Reconcile ─► Trade x holdings ─► Control(arm)
//!   a bank:  OpenBank ─► WriteRow x slots ─► Build ─► (work) ─► Swap
//! ```
//!
//! Invariants:
//! * what is measured never reaches a command: a clock of this machine is read here and nowhere else
//!   in the engine, and only differences of it are kept;
//! * commands carry sequence numbers without a hole and times that never go back;
//! * events reach the caller only after the journal has taken them;
//! * whether a kernel or a card answers cannot be seen in commands, events or journal.

use std::fs::File;
use std::time::Instant;

use hdrhistogram::Histogram;
use hedgewire_abi::command::{self, Build, Control, Header, OpenBank, Trade, WriteRow, code};
use hedgewire_abi::event::{Hedge, Refused, Swapped};
use hedgewire_abi::format::{BAND_MAX, CONTRACT_BITS, DURATION_MAX_NS, ORDER_MAX, ORDER_SLOTS, POSITION_MAX};
use hedgewire_abi::{Command, Event, Reason};
use hedgewire_kernel::Kernel;
use thiserror::Error;

use crate::card::{Card, Session, SessionError};
use crate::journal::behind::Behind;
use crate::journal::{self, JournalError};

/// Why a set-up was not carried out.
#[derive(Debug, Error)]
pub enum DriverError {
    /// The journal could not be written: nothing may be sent that it does not hold.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A card failed, and the configuration says to stop then.
    #[error(transparent)]
    Card(#[from] SessionError),
    /// The kernel refused a command of a set-up.
    #[error(
        "the kernel refused {command:?}: {} ({}); correct the setting it carries",
        reason.name(), reason.description()
    )]
    Refused {
        /// The command.
        command: Box<Command>,
        /// Why.
        reason: Reason,
    },
}

/// The body of a command: what it says, without header.
pub trait Body {
    /// Value of the `kind` byte.
    const KIND: u8;
    /// The command on the wire.
    fn encode(&self, header: Header) -> Command;
}

macro_rules! bodies {
    ($($name:ident)*) => {$(
        impl Body for command::$name {
            const KIND: u8 = command::$name::KIND;
            #[inline]
            fn encode(&self, header: Header) -> Command {
                command::$name::encode(self, header)
            }
        }
    )*};
}
bodies! {
    Configure SetTrigger SetPriceLimits SetSizeLimits SetRateLimits SetTarget Reconcile SetStatus Control
    OpenBank WriteRow Build Swap Quote Trade OrderUpdate Time
}

/// Whether a command of this kind is answered by a decision.
const fn is_decision(kind: u8) -> bool {
    matches!(kind, command::Quote::KIND | Trade::KIND | command::Time::KIND)
}

// ---- measuring -------------------------------------------------------------------------------

/// A part of the way from packet to order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Finding the next message of a packet.
    Decode,
    /// Bringing books and tickers up to date with it.
    Book,
    /// The kernel's answer to a quote, a trade or a tick of time.
    Kernel,
    /// The fill model, for one quote or order.
    Fill,
    /// Compiling a bank, loading, building and swapping it.
    Bank,
}

impl Stage {
    /// All stages, in order of the way.
    pub const ALL: [Self; 5] = [Self::Decode, Self::Book, Self::Kernel, Self::Fill, Self::Bank];

    /// Name, as in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Book => "book",
            Self::Kernel => "kernel",
            Self::Fill => "fill",
            Self::Bank => "bank",
        }
    }
}

/// The start of something measured.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[inline]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

/// Longest latency that is told from longer ones, ns: a minute.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// Latencies by stage, ns, to three digits. They include one reading of the clock, some 20 to 30 ns.
#[derive(Debug, Clone)]
pub struct Latencies {
    histograms: [Histogram<u64>; Stage::ALL.len()],
}

impl Default for Latencies {
    fn default() -> Self {
        let empty = Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("constant bounds of a histogram are legal");
        Self { histograms: Stage::ALL.map(|_| empty.clone()) }
    }
}

impl Latencies {
    /// Notes that a stage took from the watch's start until now.
    #[inline]
    pub fn stop(&mut self, stage: Stage, watch: Stopwatch) {
        let elapsed_ns = u64::try_from(watch.0.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.histograms[stage as usize].saturating_record(elapsed_ns);
    }

    /// Notes that a stage took from one watch's start to another's.
    #[inline]
    pub fn between(&mut self, stage: Stage, start: Stopwatch, end: Stopwatch) {
        let elapsed_ns = u64::try_from(end.0.saturating_duration_since(start.0).as_nanos()).unwrap_or(u64::MAX);
        self.histograms[stage as usize].saturating_record(elapsed_ns);
    }

    /// The latencies of a stage.
    pub fn of(&self, stage: Stage) -> &Histogram<u64> {
        &self.histograms[stage as usize]
    }
}

/// What the kernel answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Commands sent, of all kinds.
    pub commands: u64,
    /// Quotes, trades and ticks of time that were evaluated, whatever came of it.
    pub decisions: u64,
    /// Hedge orders.
    pub hedges: u64,
    /// Faults.
    pub faults: u64,
    /// Refusals, by code.
    refusals: [u64; 256],
}

impl Default for Counts {
    fn default() -> Self {
        Self { commands: 0, decisions: 0, hedges: 0, faults: 0, refusals: [0; 256] }
    }
}

impl Counts {
    /// Refusals for a reason.
    pub fn refusals(&self, reason: Reason) -> u64 {
        self.refusals[reason as usize]
    }

    /// Reasons with at least one refusal, by code.
    pub fn refusals_by_reason(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.iter().map(|&reason| (reason, self.refusals(reason))).filter(|(_, count)| *count > 0)
    }

    #[inline]
    fn observe(&mut self, is_decision: bool, events: &[Event]) {
        for event in events {
            match event.kind() {
                Refused::KIND => {
                    self.refusals[usize::from(event.0[3])] += 1;
                    // Codes from 128 on say that the command was no good: nothing was evaluated.
                    self.decisions += u64::from(is_decision && event.0[3] < 128);
                }
                Hedge::KIND => {
                    self.hedges += 1;
                    self.decisions += 1;
                }
                hedgewire_abi::event::Fault::KIND => self.faults += 1,
                _ => {}
            }
        }
    }
}

// ---- set-up ----------------------------------------------------------------------------------

/// Everything that an underlying is told once, before its first bank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Setup {
    /// Its slots.
    pub configure: command::Configure,
    /// Band limits, exit fraction and clips.
    pub trigger: command::SetTrigger,
    /// Price and time gates.
    pub price: command::SetPriceLimits,
    /// Size gates.
    pub size: command::SetSizeLimits,
    /// Rate and loss gates.
    pub rate: command::SetRateLimits,
    /// Venue, oracle and margin.
    pub status: command::SetStatus,
    /// Target and cash.
    pub target: command::SetTarget,
    /// The venue's word on the position.
    pub reconcile: command::Reconcile,
}

impl Setup {
    /// Every gate as wide open as the kernel lets it be, hedging to the target from any distance: for
    /// backtests, simulations and tests, which ask what rows and band want. Never for a venue.
    pub fn wide_open(configure: command::Configure) -> Self {
        let contracts_max = POSITION_MAX as u64;
        Self {
            configure,
            trigger: command::SetTrigger {
                theta: 0,
                band_scale_buy: 1 << CONTRACT_BITS,
                band_scale_sell: 1 << CONTRACT_BITS,
                clip_min: 1,
                clip_max: ORDER_MAX,
                band_min: 0,
                band_max: BAND_MAX,
            },
            price: command::SetPriceLimits {
                width_max_bp: u32::MAX,
                quote_age_max_ns: DURATION_MAX_NS,
                collar_bp: 10_000,
                collar_last_bp: 10_000,
                ..command::SetPriceLimits::default()
            },
            size: command::SetSizeLimits {
                order_max: ORDER_MAX,
                band_emergency: BAND_MAX,
                position_max: contracts_max,
                gross_max: contracts_max,
                notional_max: u64::MAX,
            },
            rate: command::SetRateLimits {
                order_burst_ns: DURATION_MAX_NS,
                loss_max: i64::MAX,
                hedges_per_minute: u32::MAX,
                attempts_max: u32::MAX,
                open_orders_max: ORDER_SLOTS as u32,
                ..command::SetRateLimits::default()
            },
            status: command::SetStatus {
                margin_buy: contracts_max,
                margin_sell: contracts_max,
                ..command::SetStatus::default()
            },
            ..Self::default()
        }
    }
}

/// The refusal among the events of a command, with the command's header.
fn refusal(events: &[Event]) -> Option<(Header, Reason)> {
    let event = events.iter().find(|event| event.kind() == Refused::KIND)?;
    let header = Header { underlying: event.underlying(), now_ns: event.now_ns(), seq: event.command_seq() };
    Some((header, event.reason()?))
}

/// Who answers.
enum Machine {
    Kernel(Box<Kernel>),
    Card(Box<CardSession>),
}

/// A session with whatever card there is.
pub type CardSession = Session<Box<dyn Card>>;

/// Who writes the journal.
enum Journal {
    /// Whoever sends.
    Here(journal::Writer<File>),
    /// Another thread.
    Behind(Behind),
}

/// A kernel or card, its journal, and what was measured.
pub struct Driver {
    machine: Machine,
    journal: Option<Journal>,
    is_measured: bool,
    now_ns: u64,
    counts: Counts,
    /// Latencies by stage; the kernel's own stage is measured here, the others by whoever does them.
    pub latencies: Latencies,
}

impl Driver {
    /// Drives a fresh kernel; `journal`, if there is one, must have been made for its sizes.
    pub fn new(kernel: Kernel, journal: Option<journal::Writer<File>>) -> Self {
        Self::of(Machine::Kernel(Box::new(kernel)), journal)
    }

    /// Drives a card, with the CPU behind it; `journal` as for a kernel.
    pub fn with_card(session: CardSession, journal: Option<journal::Writer<File>>) -> Self {
        Self::of(Machine::Card(Box::new(session)), journal)
    }

    fn of(machine: Machine, journal: Option<journal::Writer<File>>) -> Self {
        let (counts, latencies) = (Counts::default(), Latencies::default());
        let journal = journal.map(Journal::Here);
        Self { machine, journal, is_measured: true, now_ns: 0, counts, latencies }
    }

    /// With a journal that another thread writes.
    #[must_use]
    pub fn journalled_behind(self, behind: Behind) -> Self {
        Self { journal: Some(Journal::Behind(behind)), ..self }
    }

    /// Without latencies of the kernel: where nobody waits for an answer, reading the clock twice for each is
    /// a good part of the work and tells nothing.
    #[must_use]
    pub fn unmeasured(self) -> Self {
        Self { is_measured: false, ..self }
    }

    /// The doorbell: whether a swap of this underlying would find its ladder built. Of a card's, this is told from
    /// the CPU kernel that follows it.
    pub fn is_built(&self, underlying: u8) -> bool {
        match &self.machine {
            Machine::Kernel(kernel) => kernel.is_built(underlying),
            Machine::Card(session) => session.kernel().is_built(underlying),
        }
    }

    #[inline]
    fn next_command_seq(&self) -> u64 {
        match &self.machine {
            Machine::Kernel(kernel) => kernel.next_command_seq(),
            Machine::Card(session) => session.next_command_seq(),
        }
    }

    /// What the kernel answered so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Entries given to the journal; 0 without one.
    pub fn journal_entries(&self) -> u64 {
        match &self.journal {
            Some(Journal::Here(journal)) => journal.entries(),
            Some(Journal::Behind(journal)) => journal.entries(),
            None => 0,
        }
    }

    /// Whether the card answers now; none if there is none to answer.
    pub fn is_on_card(&self) -> Option<bool> {
        match &self.machine {
            Machine::Kernel(_) => None,
            Machine::Card(session) => Some(session.is_on_card()),
        }
    }

    /// Time of the last command, ns since the Unix epoch.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Sends a command and returns its events. A time before that of the command before counts as
    /// equal to it: clocks are set back, kernels are not.
    ///
    /// # Errors
    /// [`DriverError::Journal`]: the kernel has taken the command, the journal may lack it; or
    /// [`DriverError::Card`]. Nothing may be sent to the venue after that.
    #[inline]
    pub fn send<B: Body>(&mut self, underlying: u8, now_ns: u64, body: &B) -> Result<&[Event], DriverError> {
        if let Machine::Card(session) = &mut self.machine
            && session.take_disarm()
        {
            self.disarm_all(now_ns)?;
        }
        self.transmit::<B, true>(underlying, now_ns, body)
    }

    /// Card and CPU have differed: no order leaves until people have armed every underlying again.
    #[cold]
    fn disarm_all(&mut self, now_ns: u64) -> Result<(), DriverError> {
        let Machine::Card(session) = &self.machine else { return Ok(()) };
        for underlying in 0..session.kernel().sizes().underlyings {
            let disarm = Control { action: code::DISARM };
            self.transmit::<Control, true>(underlying as u8, now_ns, &disarm)?;
        }
        Ok(())
    }

    /// Sends a command; whether it counts as a decision, and is measured as one, is known beforehand.
    #[inline]
    fn transmit<B: Body, const COUNTS: bool>(
        &mut self,
        underlying: u8,
        now_ns: u64,
        body: &B,
    ) -> Result<&[Event], DriverError> {
        self.now_ns = self.now_ns.max(now_ns);
        let command = body.encode(Header { underlying, now_ns: self.now_ns, seq: self.next_command_seq() });
        self.counts.commands += 1;
        let is_decision = COUNTS && is_decision(B::KIND);
        let watch = (is_decision && self.is_measured).then(Stopwatch::start);
        let events = match &mut self.machine {
            Machine::Kernel(kernel) => kernel.apply(&command),
            Machine::Card(session) => session.apply(&command)?,
        };
        if let Some(watch) = watch {
            self.latencies.stop(Stage::Kernel, watch);
        }
        if COUNTS {
            self.counts.observe(is_decision, events);
        }
        match &mut self.journal {
            Some(Journal::Here(journal)) => journal.append(&command, events)?,
            Some(Journal::Behind(journal)) => journal.append(&command, events)?,
            None => {}
        }
        Ok(events)
    }

    /// As [`Driver::send`], for commands that must not be refused.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn carry_out<B: Body>(&mut self, underlying: u8, now_ns: u64, body: &B) -> Result<&[Event], DriverError> {
        let events = self.send(underlying, now_ns, body)?;
        match refusal(events) {
            Some((header, reason)) => Err(DriverError::Refused { command: Box::new(body.encode(header)), reason }),
            None => Ok(events),
        }
    }

    /// Does one small piece of background work, the kernel's or the card session's, for when there is nothing else to
    /// do; false when there is none.
    pub fn work(&mut self) -> bool {
        match &mut self.machine {
            Machine::Kernel(kernel) => kernel.work(),
            Machine::Card(session) => session.work(),
        }
    }

    /// As [`Driver::set_up`] without the venue's word on the position: until that is told, the kernel refuses every
    /// hedge as `NOT_RECONCILED`.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn configure(&mut self, underlying: u8, now_ns: u64, setup: &Setup) -> Result<(), DriverError> {
        self.carry_out(underlying, now_ns, &setup.configure)?;
        self.carry_out(underlying, now_ns, &setup.trigger)?;
        self.carry_out(underlying, now_ns, &setup.price)?;
        self.carry_out(underlying, now_ns, &setup.size)?;
        self.carry_out(underlying, now_ns, &setup.rate)?;
        self.carry_out(underlying, now_ns, &setup.status)?;
        self.carry_out(underlying, now_ns, &setup.target)?;
        Ok(())
    }

    /// Configures an underlying and sets its gates. It stays disarmed.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn set_up(&mut self, underlying: u8, now_ns: u64, setup: &Setup) -> Result<(), DriverError> {
        self.configure(underlying, now_ns, setup)?;
        self.carry_out(underlying, now_ns, &setup.reconcile)?;
        Ok(())
    }

    /// Tells the quantities held before the first bank. No decision can be taken yet: the refusals
    /// that say so are neither counted nor measured.
    ///
    /// # Errors
    /// [`DriverError::Refused`] if a slot or quantity is out of range.
    pub fn hold(
        &mut self,
        underlying: u8,
        now_ns: u64,
        quantities: impl IntoIterator<Item = Trade>,
    ) -> Result<(), DriverError> {
        for trade in quantities {
            let events = self.transmit::<Trade, false>(underlying, now_ns, &trade)?;
            if let Some((header, reason)) = refusal(events).filter(|&(_, reason)| reason != Reason::NoRows) {
                return Err(DriverError::Refused { command: Box::new(trade.encode(header)), reason });
            }
        }
        Ok(())
    }

    /// Lets orders leave.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn arm(&mut self, underlying: u8, now_ns: u64) -> Result<(), DriverError> {
        self.carry_out(underlying, now_ns, &Control { action: code::ARM }).map(|_| ())
    }

    /// Loads a bank into the shadow and starts the build of its ladder. Quotes may be sent meanwhile;
    /// [`Driver::work`] builds, and [`Driver::swap`] takes it into use.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn load(
        &mut self,
        underlying: u8,
        now_ns: u64,
        open: &OpenBank,
        rows: &[WriteRow],
        build: &Build,
    ) -> Result<(), DriverError> {
        self.carry_out(underlying, now_ns, open)?;
        for row in rows {
            self.carry_out(underlying, now_ns, row)?;
        }
        self.carry_out(underlying, now_ns, build).map(|_| ())
    }

    /// Takes the shadow bank into use, waiting for its ladder if need be.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn swap(&mut self, underlying: u8, now_ns: u64) -> Result<Swapped, DriverError> {
        let events = self.carry_out(underlying, now_ns, &command::Swap {})?;
        let swapped = events.iter().find(|event| event.kind() == Swapped::KIND);
        Ok(swapped.map(Swapped::decode).unwrap_or_default())
    }

    /// Ends the journal, if there is one, and waits until the disk has it.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn finish(self) -> Result<(Counts, Latencies), JournalError> {
        if let Some(Journal::Here(journal)) = self.journal {
            journal.close()?;
        }
        Ok((self.counts, self.latencies))
    }
}
