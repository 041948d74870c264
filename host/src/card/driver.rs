//! One card, brought up: commands go in by the window, events come out of the ring.
//!
//! ```text
//!   start:  magic, version, layout hash, sizes -> reset -> clear ring -> base, size, watchdog -> enable
//!
//!            post (credit: 16 unanswered)                     poll
//!   host ------------------------------> window     ring --------------> host
//!                                     consumer <------------- at half of the ring, or when idle
//! ```
//!
//! Invariants:
//! * a card that is not exactly the kernel wanted (version, layout hash, sizes) is not started: it would answer
//!   something else;
//! * never more than `COMMAND_CREDIT` commands are unanswered, so the window cannot lose one;
//! * [`CardDriver::post`] and [`CardDriver::poll`] read no register, no clock, and allocate nothing.

use std::io;
use std::time::{Duration, Instant};

use hedgewire_abi::event::FLAG_LAST;
use hedgewire_abi::register::{self, COMMAND_CREDIT, MAGIC_VALUE, RING_SIZE_LOG2_MAX, Register};
use hedgewire_abi::{Command, Event, LAYOUT_HASH, VERSION};
use hedgewire_kernel::Sizes;
use thiserror::Error;

use super::ring::{Consumer, Found};
use super::{ALL_ONES, Card, DmaMemory, Interrupt, WINDOW_LINES};

/// Polls without an event between two looks at the slot after the expected one.
const LOOK_AHEAD_POLLS: u32 = 64;
/// How long a card may take to reset.
const RESET_TIMEOUT: Duration = Duration::from_secs(2);

/// What a card says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Rows taken in a cycle.
    pub lanes: u32,
    /// Sizes of its kernel.
    pub sizes: Sizes,
    /// First bytes of the source revision that it was built from.
    pub build: [u8; 8],
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { lanes, sizes: Sizes { underlyings, rows, intervals }, build } = self;
        write!(f, "{lanes} lanes, {rows} rows, {intervals} intervals, {underlyings} underlyings, build ")?;
        build.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How a card is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardOptions {
    /// log2 of the ring's slots.
    pub ring_size_log2: u32,
    /// Cycles without a heartbeat after which the card takes no more commands; 0 for ever.
    pub watchdog_period_cycles: u32,
}

impl Default for CardOptions {
    /// 4,096 slots, no watchdog.
    fn default() -> Self {
        Self { ring_size_log2: 12, watchdog_period_cycles: 0 }
    }
}

/// Why a card could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BringUpError {
    /// Nothing answers.
    #[error("the card does not answer: its registers read as all ones; check that it is there and powered")]
    Gone,
    /// It is something else.
    #[error("this is no such card: its first register reads {found:#010x}, not {MAGIC_VALUE:#010x}; check the address")]
    Magic {
        /// What is there.
        found: u32,
    },
    /// Other records.
    #[error("the card takes records of version {found}, this program has {VERSION}; load the matching build")]
    Version {
        /// The card's.
        found: u32,
    },
    /// The same version, another layout.
    #[error("the card has layout hash {found:#018x}, this program {LAYOUT_HASH:#018x}; load the matching build")]
    LayoutHash {
        /// The card's.
        found: u64,
    },
    /// Other sizes: it would answer differently.
    #[error(
        "the card has {} underlyings, {} rows and {} intervals, the configuration wants {}, {} and {}; \
         give [sizes] the card's, or load a build of these",
        found.underlyings, found.rows, found.intervals, wanted.underlyings, wanted.rows, wanted.intervals
    )]
    Sizes {
        /// The card's.
        found: Sizes,
        /// The configured ones.
        wanted: Sizes,
    },
    /// The ring does not fit.
    #[error(
        "a ring of 2^{size_log2} slots is not possible in {slots} slots of DMA memory; choose 1 to {RING_SIZE_LOG2_MAX}, \
         and give it enough memory"
    )]
    Ring {
        /// log2 of the slots wanted.
        size_log2: u32,
        /// Slots there are.
        slots: usize,
    },
    /// The reset does not end.
    #[error("the card is still resetting after {} s; power it off and on", RESET_TIMEOUT.as_secs())]
    Resetting,
    /// A register does not hold what was written.
    #[error("{register} reads {found:#x} after {written:#x} was written; the card refuses it")]
    Refused {
        /// The register.
        register: &'static str,
        /// What was written.
        written: u32,
        /// What it reads as.
        found: u32,
    },
}

/// What can be wrong with a running card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CardFault {
    /// All ones: it was pulled, or its process is dead.
    #[error("the card is gone: its registers read as all ones")]
    Gone,
    /// No events, and nothing says why.
    #[error("the card is silent: no event within the deadline")]
    Silent,
    /// An event is missing.
    #[error("event {expected} is missing: {found} is in its place, or after it")]
    Gap {
        /// Sequence number expected.
        expected: u64,
        /// Sequence number found.
        found: u64,
    },
    /// Its watchdog has closed the intake.
    #[error("the card's watchdog has tripped: it had no heartbeat")]
    Tripped,
    /// It is no longer enabled.
    #[error("the card was reset")]
    Reset,
    /// It has dropped a command.
    #[error("the card has lost a command in its window")]
    CommandLost,
}

/// A card that has been started.
pub struct CardDriver<C> {
    card: C,
    memory: DmaMemory,
    consumer: Consumer,
    identity: Identity,
    slots: u64,
    posted: u64,
    answered: u64,
    empty_polls: u32,
}

impl<C: Card> CardDriver<C> {
    /// Checks that the card is the kernel wanted, resets it, gives it a ring and enables it.
    ///
    /// # Errors
    /// [`BringUpError`]; the card is dropped then.
    pub fn start(mut card: C, wanted: Sizes, options: &CardOptions) -> Result<Self, BringUpError> {
        let identity = identify(&mut card)?;
        if identity.sizes != wanted {
            return Err(BringUpError::Sizes { found: identity.sizes, wanted });
        }
        let memory = card.memory().clone();
        let (size_log2, slots) = (options.ring_size_log2, memory.slots().len());
        if !(1..=RING_SIZE_LOG2_MAX).contains(&size_log2) || slots < 1 << size_log2 {
            return Err(BringUpError::Ring { size_log2, slots });
        }
        reset(&mut card)?;
        memory.clear();
        enable(&mut card, memory.bus_address(), options)?;
        let consumer = Consumer::new(size_log2, 1);
        Ok(Self { card, memory, consumer, identity, slots: 1 << size_log2, posted: 0, answered: 0, empty_polls: 0 })
    }

    /// What the card said it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The card itself.
    pub fn card(&mut self) -> &mut C {
        &mut self.card
    }

    /// The card, to be started anew.
    pub fn into_card(self) -> C {
        self.card
    }

    /// Whether a command may be posted.
    #[inline]
    pub fn has_credit(&self) -> bool {
        self.unanswered() < u64::from(COMMAND_CREDIT)
    }

    /// Commands posted and not answered.
    #[inline]
    pub fn unanswered(&self) -> u64 {
        // A card that answers what nobody asked must not stop the host here; its events are refused above.
        self.posted.saturating_sub(self.answered)
    }

    /// Polls without an event since the last one.
    #[inline]
    pub fn empty_polls(&self) -> u32 {
        self.empty_polls
    }

    /// Posts a command.
    ///
    /// # Panics
    /// Without credit: the card could drop it.
    #[inline]
    pub fn post(&mut self, command: &Command) {
        assert!(self.has_credit(), "a command is posted only with credit");
        // The lines of the window are used in turn, so that a line is not written again while its command may
        // still be on its way, and a card that polls its window knows where to look.
        let line = self.posted % WINDOW_LINES;
        self.card.post(line as usize, command);
        self.posted += 1;
    }

    /// The next event, if it has come.
    ///
    /// # Errors
    /// [`CardFault::Gap`] if an event was lost.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<Event>, CardFault> {
        match self.consumer.take(&self.memory.slots()[self.consumer.index()].0) {
            Found::Record(words) => {
                let event = Event::from_words(words);
                self.answered += u64::from(event.flags() & FLAG_LAST != 0);
                self.empty_polls = 0;
                if self.consumer.is_report_due() {
                    self.report();
                }
                Ok(Some(event))
            }
            Found::Stale => self.nothing().map(|()| None),
            Found::Gap { expected, found } => Err(CardFault::Gap { expected, found }),
        }
    }

    /// There was no event: lets the card go on, and now and then looks whether one was lost.
    fn nothing(&mut self) -> Result<(), CardFault> {
        self.empty_polls = self.empty_polls.saturating_add(1);
        if self.empty_polls.is_multiple_of(LOOK_AHEAD_POLLS) {
            let expected = self.consumer.next_seq();
            let next = (expected.wrapping_add(1) & (self.slots - 1)) as usize;
            let slots = self.memory.slots();
            if self.consumer.is_overtaken(&slots[self.consumer.index()].0, &slots[next].0) {
                return Err(CardFault::Gap { expected, found: expected.wrapping_add(1) });
            }
        }
        // Nobody waits for anything now: the card is told before it has to be.
        if self.consumer.unreported() * 4 > self.slots {
            self.report();
        }
        self.card.idle();
        Ok(())
    }

    /// Tells the card how far the host is.
    #[cold]
    fn report(&mut self) {
        // ORDERING: the events have been copied out before. A register write is a release: a posted write on a
        // bus that keeps the order of reads and writes of one CPU, a system call, or a call in this thread. Pairs
        // with the card, which overwrites a slot only after it has believed the index.
        std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
        let index = self.consumer.report();
        self.card.write(register::CONSUMER, index);
    }

    /// Tells the card that the host is alive.
    pub fn heartbeat(&mut self) {
        self.card.write(register::HEARTBEAT, 1);
    }

    /// Asks the card's registers what is wrong with it; if nothing is, whether it is busy. Reads across the bus: for
    /// when events do not come.
    ///
    /// # Errors
    /// What is wrong.
    pub fn diagnose(&mut self) -> Result<bool, CardFault> {
        let status = self.card.read(register::STATUS);
        let lost = register::COMMAND_LOST.mask() | register::COMMAND_INCOMPLETE.mask();
        if status == ALL_ONES {
            Err(CardFault::Gone)
        } else if status & register::TRIPPED.mask() != 0 {
            Err(CardFault::Tripped)
        } else if self.card.read(register::CONTROL) & register::ENABLE.mask() == 0 {
            Err(CardFault::Reset)
        } else if status & lost != 0 {
            Err(CardFault::CommandLost)
        } else {
            Ok(status & register::BUSY.mask() != 0)
        }
    }

    /// Whether the next event is there, without taking it.
    pub fn is_event_there(&self) -> bool {
        self.consumer.clone().take(&self.memory.slots()[self.consumer.index()].0) != Found::Stale
    }

    /// Sleeps until the next event is there; false if it is not when the time is over.
    ///
    /// # Errors
    /// If the interrupt cannot be waited for.
    pub fn sleep(&self, interrupt: &Interrupt, timeout: Duration) -> io::Result<bool> {
        let since = Instant::now();
        loop {
            // ORDERING: the count is taken before the ring is looked at. Pairs with the card, which writes an event
            // before it counts: one that comes after the look ends the wait.
            interrupt.take()?;
            if self.is_event_there() {
                return Ok(true);
            }
            let Some(left) = timeout.checked_sub(since.elapsed()) else { return Ok(false) };
            interrupt.wait(left)?;
        }
    }

    /// Commands that the kernel has taken since the reset, by the card's count.
    pub fn commands_taken(&mut self) -> u64 {
        read_wide(&mut self.card, register::COMMANDS_LOW, register::COMMANDS_HIGH)
    }

    /// Sequence number of the last event, by the card's count.
    pub fn events_written(&mut self) -> u64 {
        read_wide(&mut self.card, register::EVENTS_LOW, register::EVENTS_HIGH)
    }
}

/// A value of two registers: reading the low half holds the high one.
fn read_wide<C: Card>(card: &mut C, low: Register, high: Register) -> u64 {
    let low = card.read(low);
    u64::from(card.read(high)) << 32 | u64::from(low)
}

/// Reads what a card says it is, and checks that it speaks this program's records.
///
/// # Errors
/// [`BringUpError`] if it does not.
pub fn identify<C: Card>(card: &mut C) -> Result<Identity, BringUpError> {
    match card.read(register::MAGIC) {
        MAGIC_VALUE => {}
        ALL_ONES => return Err(BringUpError::Gone),
        found => return Err(BringUpError::Magic { found }),
    }
    let found = card.read(register::VERSION);
    if found != u32::from(VERSION) {
        return Err(BringUpError::Version { found });
    }
    let found = read_wide(card, register::LAYOUT_HASH_LOW, register::LAYOUT_HASH_HIGH);
    if found != LAYOUT_HASH {
        return Err(BringUpError::LayoutHash { found });
    }
    let mut size = |register| card.read(register) as usize;
    let sizes = Sizes {
        underlyings: size(register::UNDERLYINGS),
        rows: size(register::ROWS),
        intervals: size(register::INTERVALS),
    };
    let build = read_wide(card, register::BUILD_LOW, register::BUILD_HIGH).to_le_bytes();
    Ok(Identity { lanes: card.read(register::LANES), sizes, build })
}

fn reset<C: Card>(card: &mut C) -> Result<(), BringUpError> {
    card.write(register::CONTROL, register::RESET.mask());
    let start = Instant::now();
    loop {
        match card.read(register::STATUS) {
            ALL_ONES => return Err(BringUpError::Gone),
            status if status & register::RESETTING.mask() == 0 => return Ok(()),
            _ if start.elapsed() > RESET_TIMEOUT => return Err(BringUpError::Resetting),
            _ => card.idle(),
        }
    }
}

fn enable<C: Card>(card: &mut C, base: u64, options: &CardOptions) -> Result<(), BringUpError> {
    let settings = [
        (register::RING_BASE_LOW, base as u32),
        (register::RING_BASE_HIGH, (base >> 32) as u32),
        (register::RING_SIZE_LOG2, options.ring_size_log2),
        (register::WATCHDOG_PERIOD, options.watchdog_period_cycles),
        (register::CONTROL, register::ENABLE.mask()),
    ];
    for (register, written) in settings {
        card.write(register, written);
        let found = card.read(register);
        if found != written {
            return Err(BringUpError::Refused { register: register.name, written, found });
        }
    }
    Ok(())
}
