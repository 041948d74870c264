//! Replay: a capture through decoder, books, kernel and fill model, as it would have been traded.
//!
//! ```text
//!                 once, for definitions
//!   capture ──┬───────────────────────► directory ──► portfolios, instrument numbers
//!             │
//!             └► packet ─► messages ─┬► books, tickers ─► quote ──┐
//!                                    ├► public option trades ─► own fill ──► driver ─► kernel
//!                                    └► marks, index ─► bank ─────┘             │
//!                                                        ▲                      ├─► journal
//!                        cadence, price off the middle ──┘      order updates ◄─┴─► hedge ─► fills
//! ```
//!
//! A packet is one moment: its messages are applied, then at most one quote per underlying is sent.
//! Time is that of the capture; what the machine takes is measured and reported, and decides nothing.
//!
//! The capture is read twice because it may begin anywhere between two rounds of definitions. Only
//! what a venue's reference data would say beforehand (numbers, names, ticks, contract sizes) is
//! taken from the first reading.
//!
//! Invariants:
//! * equal captures and plans give equal commands, and so equal journals, whatever the kernel's form,
//!   the machine, or the time of day;
//! * a damaged or truncated capture is replayed up to the damage, which the result reports.

mod desk;
mod directory;
mod summary;

use std::collections::BTreeMap;
use std::path::Path;

use hedgewire_kernel::{Form, Kernel};
use thiserror::Error;

use crate::book::Start;
use crate::capture::{CaptureError, CaptureFile, Datagram, Skipped};
use crate::compiler::{CompileError, PriceError};
use crate::config::Plan;
use crate::deribit::legacy::{Arrival, Books, ChannelSequence, Frame, Message, MessageCounts, SNAPSHOT_CHANNEL_OFFSET};
use crate::driver::{Driver, DriverError, Latencies, Stage, Stopwatch};
use crate::journal::{self, JournalError};
use desk::{Desk, OwnFillCounter};
use directory::Directory;

pub use directory::DefinitionDamage;

pub use summary::{HedgeRecord, LatencySummary, Point, ReplaySummary, UnderlyingResult, UnderlyingSummary};

/// Packets between two calls of a progress callback.
const PROGRESS_PACKETS: u64 = 1 << 10;

/// Why a capture could not be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The capture could not be opened, or is none.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The journal could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The kernel refused a command that must not be refused.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A portfolio could not be compiled.
    #[error("the portfolio of {coin} cannot be compiled: {source}")]
    Compile {
        /// The underlying.
        coin: String,
        /// Why.
        source: Box<CompileError>,
    },
    /// A tick is no price increment.
    #[error("the hedge instrument {instrument}: {source}")]
    Price {
        /// The hedge instrument.
        instrument: String,
        /// Why.
        source: PriceError,
    },
    /// The configuration names instruments that the capture does not define.
    #[error(
        "the capture defines no {}; correct the names, or give the venue's numbers in [instrument_ids]",
        names.join(", ")
    )]
    UnknownInstruments {
        /// The names.
        names: Vec<String>,
    },
    /// As [`ReplayError::UnknownInstruments`], of a capture that cannot be read whole: the definitions
    /// may be what was damaged.
    #[error(
        "the capture is damaged: {damage}; no definition of {} is left in it: copy it again, or give the venue's \
         numbers in [instrument_ids]", names.join(", ")
    )]
    DamagedDefinitions {
        /// What is wrong with the capture.
        damage: DefinitionDamage,
        /// The names.
        names: Vec<String>,
    },
    /// The capture gives a configured number to another instrument.
    #[error("{id} is the number of {found} in the capture; correct instrument_ids.{name}")]
    InstrumentNumber {
        /// The configured name.
        name: String,
        /// Its configured number.
        id: u32,
        /// The instrument of that number in the capture.
        found: String,
    },
    /// The capture defines the hedge instrument otherwise.
    #[error(
        "{instrument} has {field} = {found} in the capture and {configured} in the configuration; \
         correct underlying.hedge.{field}"
    )]
    Definition {
        /// The hedge instrument.
        instrument: String,
        /// The field of the configuration.
        field: &'static str,
        /// What the capture says.
        found: f64,
        /// What the configuration says.
        configured: f64,
    },
    /// A rule found more options than there are slots.
    #[error("{coin} would hold {count} instruments and has {slots} slots; raise underlying.slots")]
    Slots {
        /// The underlying.
        coin: String,
        /// Instruments to hold.
        count: usize,
        /// Slots.
        slots: u32,
    },
}

/// How to replay.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Form of the kernel.
    pub form: Form,
    /// Where to write the journal, if anywhere. The file must not exist.
    pub journal: Option<&'a Path>,
}

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the capture that have been replayed.
    pub done_bytes: u64,
    /// Bytes of the capture.
    pub total_bytes: u64,
    /// Packets replayed.
    pub packets: u64,
}

/// What came of a replay.
#[derive(Debug)]
pub struct Replay {
    /// The figures, for people and programs.
    pub summary: ReplaySummary,
    /// Curves, hedges and account of each underlying, in order of their index.
    pub underlyings: Vec<UnderlyingResult>,
    /// Latencies by stage.
    pub latencies: Latencies,
    /// What ended the capture before its end, if anything did.
    pub capture_error: Option<CaptureError>,
}

/// Replays the capture at `capture` by a plan.
///
/// # Errors
/// [`ReplayError`]. What is wrong inside the capture is no error: it is counted, and a capture that
/// breaks off is replayed up to there ([`Replay::capture_error`]).
pub fn replay(
    capture: &Path,
    plan: &Plan,
    options: &Options<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Replay, ReplayError> {
    let driver = || {
        let journal = options.journal.map(|path| journal::Writer::create(path, plan.sizes)).transpose()?;
        Ok(Driver::new(Kernel::new(plan.sizes, options.form), journal))
    };
    replay_with(capture, plan, driver, progress)
}

/// As [`replay`], with the driver that `driver` makes once the capture is known to be readable: of a card, say. It
/// must be fresh, and of the plan's sizes.
///
/// # Errors
/// As [`replay`], and what `driver` fails with.
pub fn replay_with(
    capture: &Path,
    plan: &Plan,
    driver: impl FnOnce() -> Result<Driver, ReplayError>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Replay, ReplayError> {
    let file = CaptureFile::open(capture)?;
    let mut books = Books::new(Start::JoinMidStream);
    let directory = Directory::read(&file, plan, &mut books)?;
    let mut engine = Engine::new(plan, &directory, books, driver()?)?;
    let total_bytes = file.bytes().len() as u64;
    let mut datagrams = file.datagrams()?;
    let mut capture_error = None;
    while let Some(datagram) = datagrams.next() {
        match datagram {
            Ok(datagram) => engine.packet(&datagram)?,
            Err(error) => capture_error = Some(error),
        }
        if engine.packets.is_multiple_of(PROGRESS_PACKETS) {
            progress(Progress { done_bytes: datagrams.position_bytes(), total_bytes, packets: engine.packets });
        }
    }
    progress(Progress { done_bytes: datagrams.position_bytes(), total_bytes, packets: engine.packets });
    engine.finish(*datagrams.skipped(), capture_error)
}

/// Everything that a packet can change.
struct Engine<'p> {
    plan: &'p Plan,
    driver: Driver,
    books: Books,
    sequences: BTreeMap<u16, ChannelSequence>,
    counts: MessageCounts,
    desks: Vec<Desk<'p>>,
    own_fills: Option<OwnFillCounter>,
    packets: u64,
    first_ns: u64,
    now_ns: u64,
}

impl<'p> Engine<'p> {
    fn new(plan: &'p Plan, directory: &Directory, books: Books, driver: Driver) -> Result<Self, ReplayError> {
        let desks = plan.underlyings.iter().map(|underlying| Desk::new(underlying, &plan.market, directory));
        Ok(Self {
            plan,
            driver,
            books,
            sequences: BTreeMap::new(),
            counts: MessageCounts::default(),
            desks: desks.collect::<Result<_, _>>()?,
            own_fills: plan.own_fills.map(OwnFillCounter::new),
            packets: 0,
            first_ns: 0,
            now_ns: 0,
        })
    }

    fn packet(&mut self, datagram: &Datagram<'_>) -> Result<(), ReplayError> {
        self.packets += 1;
        // Several interfaces may have written one capture: its times need not rise.
        self.now_ns = self.now_ns.max(datagram.capture_ns);
        if self.packets == 1 {
            self.first_ns = self.now_ns;
        }
        let frame = Frame::new(datagram.payload);
        self.counts.observe_frame(&frame);
        let Ok(frame) = frame else { return Ok(()) };
        let arrival = self.sequences.entry(frame.channel).or_default().observe(frame.packet_seq);
        self.books.on_arrival(frame.channel, arrival);
        self.messages(&frame, arrival != Arrival::Duplicate)?;
        let (now_ns, is_warm) = (self.now_ns, self.now_ns - self.first_ns >= self.plan.market.warm_up_ns);
        for desk in &mut self.desks {
            desk.after_packet(&mut self.driver, &self.books, now_ns, is_warm)?;
        }
        // Between two packets an engine has nothing else to do; no event shows that it did this.
        while self.driver.work() {}
        Ok(())
    }

    fn messages(&mut self, frame: &Frame<'_>, is_new: bool) -> Result<(), ReplayError> {
        let (mut messages, now_ns) = (frame.messages(), self.now_ns);
        loop {
            let start = Stopwatch::start();
            let Some(message) = messages.next() else { return Ok(()) };
            let decoded = Stopwatch::start();
            self.driver.latencies.between(Stage::Decode, start, decoded);
            self.counts.observe(&message);
            match message {
                Ok(message) if is_new => {
                    self.books.on_message(frame.channel, &message);
                    let is_event = frame.channel < SNAPSHOT_CHANNEL_OFFSET;
                    self.desks.iter_mut().for_each(|desk| desk.observe(&message, is_event, now_ns));
                    self.driver.latencies.stop(Stage::Book, decoded);
                    if is_event {
                        self.public_trades(&message)?;
                    }
                }
                Ok(_) => {}
                // What followed in this packet is lost, as if a packet were missing.
                Err(_) => self.books.on_arrival(frame.channel, Arrival::Gap { missing_packets: 1 }),
            }
        }
    }

    /// Takes some of the public trades for fills of the desk's own quotes.
    fn public_trades(&mut self, message: &Message<'_>) -> Result<(), ReplayError> {
        let (Some(counter), Message::Trades(trades)) = (&mut self.own_fills, message) else { return Ok(()) };
        for desk in &mut self.desks {
            let Some(slot) = desk.option_slot(trades.instrument_id()) else { continue };
            for trade in trades.trades() {
                if let Some(share) = counter.next_share() {
                    desk.own_fill(&mut self.driver, slot, &trade, share, self.now_ns)?;
                }
            }
        }
        Ok(())
    }

    fn finish(self, skipped: Skipped, capture_error: Option<CaptureError>) -> Result<Replay, ReplayError> {
        let Self { driver, sequences, counts, desks, packets, first_ns, now_ns, .. } = self;
        let (answers, latencies) = driver.finish()?;
        let mut summary = ReplaySummary::new(&counts, &answers, &latencies);
        summary.add_capture(packets, first_ns, now_ns, &sequences, &skipped, capture_error.as_ref());
        let underlyings: Vec<UnderlyingResult> = desks.into_iter().map(Desk::finish).collect();
        summary.add_underlyings(&underlyings);
        Ok(Replay { summary, underlyings, latencies, capture_error })
    }
}
