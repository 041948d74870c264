//! What can be seen of a running engine: counts, states, latencies, the picture of each underlying, the last decisions
//! and alarms.
//!
//! ```text
//!   engine's thread ---+--> Telemetry: atomic words ---+--> metrics ----> /metrics, for Prometheus
//!   journal's thread --+      (no lock, no allocation, +--> Snapshot ---> control socket: status, top
//!   compiler's thread -+       no system call)         +--> table of alarms ----> documentation
//! ```
//!
//! Invariants:
//! * each counter, gauge and histogram has one writing thread; alarms may be raised by any;
//! * nothing here waits for a reader, allocates after the start, formats, or asks the system: the engine's thread may call
//!   everything that is not a `read` or a `snapshot`;
//! * names of underlyings, feeds and sessions are given once, at the start, so that labels are bounded; everything else
//!   goes by their numbers, and a number that was not given is a mistake of the caller, which panics;
//! * no secret gets in here: there is no text but names.
//!
//! ```
//! use hedgewire_host::telemetry::{FeedCount, Names, Picture, Telemetry, Underlying};
//!
//! let names = Names { underlyings: vec![Underlying::new("BTC", "BTC-PERPETUAL", 0.5)], ..Names::default() };
//! let names = Names { feeds: vec!["starbase".to_owned()], sessions: vec!["hedge".to_owned()], ..names };
//! let telemetry = Telemetry::new(names, 0).expect("few enough names, and no name twice");
//! telemetry.feed(0).count(FeedCount::Packets).add(1);
//! let picture = Picture { position: -250, ..Picture::default() };
//! telemetry.underlying(0).publish(&picture);
//! assert_eq!(telemetry.snapshot(0).underlyings[0].position_contracts, -250);
//! ```

mod alarms;
mod cell;
mod counts;
mod decisions;
mod http;
mod latency;
mod metrics;
mod snapshot;
mod underlying;

use hedgewire_abi::Event;
use thiserror::Error;

use crate::card::failover::Change;

pub use alarms::{AlarmKind, Alarms, SUBJECTS_MAX, Scope, Severity};
pub use cell::{Counter, Gauge, Sequenced};
pub use counts::{
    Backend, BookTrust, CardCells, FailOverCause, FeedCells, FeedCount, FeedState, FillOrigin, JournalCells,
    JournalCount, OrderCount, PacketCells, PacketCount, SessionCells, SessionCount, SessionState,
};
pub use decisions::{DECISIONS, Decision, DecisionKind, Decisions};
pub use http::{MetricsError, MetricsServer, MetricsSettings};
pub use latency::{Latency, LatencyCounts, LatencyHistogram};
pub use metrics::{Exposition, Metric, metrics, write_markdown};
pub use snapshot::{
    AlarmStatus, CardStatus, DecisionStatus, FeedStatus, JournalStatus, LatencyStatus, SessionStatus, Snapshot,
    UnderlyingStatus,
};
pub use underlying::{Picture, UnderlyingCells};

/// Without a sign of life for so long the engine counts as stalled, ns.
pub const STALLED_NS: u64 = 1_000_000_000;
/// Bytes that a name may have.
const NAME_BYTES_MAX: usize = 64;

/// An underlying, as it is told of.
#[derive(Debug, Clone, PartialEq)]
pub struct Underlying {
    /// Its name: the coin.
    pub name: String,
    /// The hedge instrument.
    pub instrument: String,
    /// A price unit, USD: the tick divided by 2^8.
    pub price_unit_usd: f64,
}

impl Underlying {
    /// An underlying whose hedge instrument has this tick, USD.
    pub fn new(name: &str, instrument: &str, tick_usd: f64) -> Self {
        let price_unit_usd = tick_usd / f64::from(1u32 << hedgewire_abi::format::PRICE_BITS);
        Self { name: name.to_owned(), instrument: instrument.to_owned(), price_unit_usd }
    }
}

/// What there is to tell of, by number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names {
    /// Underlyings, as the kernel numbers them.
    pub underlyings: Vec<Underlying>,
    /// Feeds: channels of market data.
    pub feeds: Vec<String>,
    /// Order sessions.
    pub sessions: Vec<String>,
}

/// Names that do not do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NamesError {
    /// Too many.
    #[error("{count} {what}: at most {SUBJECTS_MAX} can be told apart")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// Twice.
    #[error("{what} {name:?} is there twice; give each a name of its own")]
    Twice {
        /// Of what.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// No name, or no good one.
    #[error("{name:?} is no name: 1 to {NAME_BYTES_MAX} bytes without control characters are wanted")]
    Unfit {
        /// The name.
        name: String,
    },
}

impl Names {
    fn check(&self) -> Result<(), NamesError> {
        let underlyings: Vec<&str> = self.underlyings.iter().map(|underlying| underlying.name.as_str()).collect();
        let feeds: Vec<&str> = self.feeds.iter().map(String::as_str).collect();
        let sessions: Vec<&str> = self.sessions.iter().map(String::as_str).collect();
        for (what, names) in [("underlyings", underlyings), ("feeds", feeds), ("sessions", sessions)] {
            if names.len() > SUBJECTS_MAX {
                return Err(NamesError::TooMany { what, count: names.len() });
            }
            for (at, name) in names.iter().enumerate() {
                let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
                if !fits {
                    return Err(NamesError::Unfit { name: (*name).to_owned() });
                }
                if names[..at].contains(name) {
                    return Err(NamesError::Twice { what, name: (*name).to_owned() });
                }
            }
        }
        Ok(())
    }

    /// What the subject of an alarm is called.
    pub fn subject(&self, scope: Scope, subject: usize) -> &str {
        let name = match scope {
            Scope::Engine => None,
            Scope::Feed => self.feeds.get(subject).map(String::as_str),
            Scope::Underlying => self.underlyings.get(subject).map(|underlying| underlying.name.as_str()),
            Scope::Session => self.sessions.get(subject).map(String::as_str),
        };
        name.unwrap_or("engine")
    }

    /// How many subjects an alarm of this scope may have.
    pub fn subjects(&self, scope: Scope) -> usize {
        match scope {
            Scope::Engine => 1,
            Scope::Feed => self.feeds.len(),
            Scope::Underlying => self.underlyings.len(),
            Scope::Session => self.sessions.len(),
        }
    }
}

/// Everything that can be seen of an engine. Shared as an [`Arc`](std::sync::Arc).
#[derive(Debug)]
pub struct Telemetry {
    names: Names,
    started_ns: u64,
    alive_ns: Gauge,
    turns: Counter,
    underlyings: Box<[UnderlyingCells]>,
    feeds: Box<[FeedCells]>,
    sessions: Box<[SessionCells]>,
    latencies: Box<[LatencyHistogram]>,
    decisions: Decisions,
    /// Packets, whatever their feed.
    pub packets: PacketCells,
    /// The card: fail-overs by cause, and who answers.
    pub card: CardCells,
    /// The journal; its written and synced entries and its errors are counted by its own thread.
    pub journal: JournalCells,
    /// Alarms.
    pub alarms: Alarms,
}

/// As many cells as there are names.
fn cells<T: Default>(count: usize) -> Box<[T]> {
    (0..count).map(|_| T::default()).collect()
}

impl Telemetry {
    /// Everything at 0. `now_ns` is the time of the start, ns since 1970.
    ///
    /// # Errors
    /// [`NamesError`].
    pub fn new(names: Names, now_ns: u64) -> Result<Self, NamesError> {
        names.check()?;
        Ok(Self {
            started_ns: now_ns,
            alive_ns: Gauge::default(),
            turns: Counter::default(),
            underlyings: cells(names.underlyings.len()),
            feeds: cells(names.feeds.len()),
            sessions: cells(names.sessions.len()),
            latencies: cells(Latency::ALL.len()),
            decisions: Decisions::default(),
            packets: PacketCells::default(),
            card: CardCells::default(),
            journal: JournalCells::default(),
            alarms: Alarms::default(),
            names,
        })
    }

    /// The names given at the start.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Time of the start, ns since 1970.
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// The engine's sign of life: its time, ns since 1970 by the machine's clock. To be given at least ten times a second.
    #[inline]
    pub fn alive(&self, now_ns: u64) {
        self.alive_ns.set(now_ns);
        self.turns.add(1);
    }

    /// The last sign of life, ns since 1970; 0 before the first.
    pub fn alive_ns(&self) -> u64 {
        self.alive_ns.get()
    }

    /// Signs of life given.
    pub fn turns(&self) -> u64 {
        self.turns.get()
    }

    /// Counts an event of the kernel by reason, and remembers it if it is worth it. For the engine's thread.
    #[inline]
    pub fn on_event(&self, event: &Event) {
        // An event may repeat the number of an underlying that a bad command named.
        let Some(cells) = self.underlyings.get(usize::from(event.underlying())) else { return };
        if cells.count(event) {
            self.decisions.push(event);
        }
    }

    /// Counts why another answers as the kernel: for whoever is told of it, on the engine's thread.
    pub fn on_card_change(&self, change: &Change) {
        if let Some(cause) = &change.cause {
            self.card.count(cause.into()).add(1);
        }
    }

    /// An underlying's cells.
    #[inline]
    pub fn underlying(&self, number: usize) -> &UnderlyingCells {
        &self.underlyings[number]
    }

    /// A feed's cells.
    #[inline]
    pub fn feed(&self, number: usize) -> &FeedCells {
        &self.feeds[number]
    }

    /// A session's cells.
    #[inline]
    pub fn session(&self, number: usize) -> &SessionCells {
        &self.sessions[number]
    }

    /// The histogram of a latency.
    #[inline]
    pub fn latency(&self, latency: Latency) -> &LatencyHistogram {
        &self.latencies[latency as usize]
    }

    /// The last decisions, newest first.
    pub fn decisions(&self) -> Vec<Decision> {
        self.decisions.read()
    }

    /// Raises [`AlarmKind::EngineStalled`] if the engine gave a first sign of life and then none for [`STALLED_NS`], and
    /// clears it when there is one again. For a thread that is not the engine's, several times a second. Returns whether
    /// that changed.
    pub fn watch(&self, now_ns: u64) -> bool {
        let alive_ns = self.alive_ns();
        let is_stalled = alive_ns != 0 && now_ns.saturating_sub(alive_ns) > STALLED_NS;
        self.alarms.set(AlarmKind::EngineStalled, 0, is_stalled, now_ns)
    }
}

/// The machine's time, ns since 1970.
pub fn now_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
