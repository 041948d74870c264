//! What every card must do, whatever it is made of and however it is reached: one suite for all back ends.
//!
//! ```text
//!   CommandStream --> Kernel (expected events)
//!         |                      |  compared, byte for byte
//!         +--> CardDriver --> card
//! ```
//!
//! | check | asks |
//! |---|---|
//! | identity | the constant registers; other sizes are refused; registers that cannot be written do not change |
//! | random commands | events equal to the kernel's over many turns of a small ring, up to 16 commands in flight |
//! | full ring | a host that does not read loses nothing, and is overwritten by nothing |
//! | consumer index | an index beyond the last event is refused and gives no credit |
//! | incomplete command | a command with a word missing is dropped, counted, flagged, never answered |
//! | reset | in the middle of anything comes up clean, with a fresh kernel |
//! | watchdog | trips without heartbeats, takes nothing more, and only a reset brings it back |
//! | interrupt | for cards that have one: comes after each event, and not without |
//!
//! Invariant: a check gives an error with seed and place; it never panics on what a card does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hedgewire_abi::register::{self, COMMAND_CREDIT, Register};
use hedgewire_abi::{Command, Event};
use hedgewire_host::card::driver::identify;
use hedgewire_host::card::{ALL_ONES, BringUpError, Card, CardDriver, CardFault, CardOptions, LAST_WORD};
use hedgewire_kernel::{Form, Kernel, Sizes};
use thiserror::Error;

use crate::commands::CommandStream;
use crate::random::Random;

/// How long a card may be silent.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a card that has nothing to say is listened to.
const QUIET: Duration = Duration::from_millis(20);
/// A ring that wraps every few commands.
const SMALL_RING: CardOptions = CardOptions { ring_size_log2: 4, watchdog_period_cycles: 0 };

/// What is wrong with a card.
#[derive(Debug, Error)]
pub enum Failure {
    /// It does not start.
    #[error("{check}: the card does not start: {source}")]
    Start {
        /// The check.
        check: &'static str,
        /// Why.
        source: BringUpError,
    },
    /// It fails while running.
    #[error("{check}: {source}")]
    Fault {
        /// The check.
        check: &'static str,
        /// What.
        source: CardFault,
    },
    /// It answers something else than the kernel.
    #[error("{check}, seed {seed}, command {number}: {command:?}\nexpected {expected:?}\nfound    {found:?}")]
    Differs {
        /// The check.
        check: &'static str,
        /// Seed of the stream.
        seed: u64,
        /// Number of the command in the stream.
        number: u64,
        /// The command.
        command: Box<Command>,
        /// The kernel's event; none if it has none left.
        expected: Option<Box<Event>>,
        /// The card's event.
        found: Box<Event>,
    },
    /// Something else does not hold.
    #[error("{check}: {what}")]
    Claim {
        /// The check.
        check: &'static str,
        /// What should hold.
        what: String,
    },
}

/// What a card was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Commands compared.
    pub commands: u64,
    /// Events compared.
    pub events: u64,
    /// Checks passed.
    pub checks: u64,
}

/// Runs every check on a card of these sizes.
///
/// # Errors
/// [`Failure`] of the first check that fails.
pub fn run<C: Card>(card: C, sizes: Sizes, commands: u64, seed: u64) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut bench = Bench { sizes, seed, report: &mut report };
    let card = bench.identity(card)?;
    let card = bench.random_commands(card, commands)?;
    let card = bench.full_ring(card)?;
    let card = bench.consumer_index(card)?;
    let card = bench.incomplete_command(card)?;
    let card = bench.reset(card, commands)?;
    bench.watchdog(card)?;
    Ok(report)
}

/// Checks the interrupt of a card that has one: it comes with the events, after them, and not without.
///
/// # Errors
/// [`Failure`], also if there is none.
pub fn interrupt<C: Card>(card: C, sizes: Sizes, commands: u64, seed: u64) -> Result<Report, Failure> {
    let mut report = Report::default();
    Bench { sizes, seed, report: &mut report }.interrupt(card, commands)?;
    Ok(report)
}

struct Bench<'r> {
    sizes: Sizes,
    seed: u64,
    report: &'r mut Report,
}

/// A stream, the kernel that says what is right, and what of it the card still owes.
struct Expected {
    check: &'static str,
    seed: u64,
    stream: CommandStream,
    kernel: Kernel,
    last: Vec<Event>,
    number: u64,
    owed: VecDeque<(u64, Command, Event)>,
    events: u64,
}

impl Expected {
    fn new(check: &'static str, seed: u64, sizes: Sizes) -> Self {
        Self {
            check,
            seed,
            stream: CommandStream::new(seed, sizes),
            kernel: Kernel::new(sizes, Form::best()),
            last: Vec::new(),
            number: 0,
            owed: VecDeque::new(),
            events: 0,
        }
    }

    /// The next command; what it must be answered with is owed from now on.
    fn next(&mut self) -> Command {
        let command = self.stream.next(&self.last);
        self.last.clear();
        self.last.extend_from_slice(self.kernel.apply(&command));
        self.number += 1;
        self.owed.extend(self.last.iter().map(|event| (self.number, command, *event)));
        command
    }

    /// Compares an event with the one owed next.
    fn take(&mut self, found: Event) -> Result<(), Failure> {
        let owed = self.owed.pop_front();
        self.events += 1;
        match owed {
            Some((_, _, expected)) if expected == found => Ok(()),
            _ => Err(Failure::Differs {
                check: self.check,
                seed: self.seed,
                number: owed.map_or(self.number, |(number, ..)| number),
                command: Box::new(owed.map_or(Command::ZERO, |(_, command, _)| command)),
                expected: owed.map(|(.., expected)| Box::new(expected)),
                found: Box::new(found),
            }),
        }
    }

    /// Polls until at most `left` events are owed.
    fn settle<C: Card>(&mut self, driver: &mut CardDriver<C>, left: usize) -> Result<(), Failure> {
        let start = Instant::now();
        while self.owed.len() > left {
            match driver.poll().map_err(|source| Failure::Fault { check: self.check, source })? {
                Some(event) => self.take(event)?,
                None if driver.empty_polls().is_multiple_of(4096) && start.elapsed() > PATIENCE => {
                    let source = driver.diagnose().err().unwrap_or(CardFault::Silent);
                    return Err(Failure::Fault { check: self.check, source });
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Takes what is there.
    fn drain<C: Card>(&mut self, driver: &mut CardDriver<C>) -> Result<(), Failure> {
        while let Some(event) = driver.poll().map_err(|source| Failure::Fault { check: self.check, source })? {
            self.take(event)?;
        }
        Ok(())
    }
}

impl Bench<'_> {
    fn start<C: Card>(&self, check: &'static str, card: C, options: &CardOptions) -> Result<CardDriver<C>, Failure> {
        CardDriver::start(card, self.sizes, options).map_err(|source| Failure::Start { check, source })
    }

    /// Notes a check that has passed, and what was compared in it.
    fn passed<C>(&mut self, expected: Option<&Expected>, card: C) -> Result<C, Failure> {
        self.report.checks += 1;
        self.report.commands += expected.map_or(0, |expected| expected.number);
        self.report.events += expected.map_or(0, |expected| expected.events);
        Ok(card)
    }

    fn identity<C: Card>(&mut self, mut card: C) -> Result<C, Failure> {
        let check = "identity";
        let identity = identify(&mut card).map_err(|source| Failure::Start { check, source })?;
        ensure(check, identity.sizes == self.sizes, || {
            format!("sizes are {:?}, not {:?}", identity.sizes, self.sizes)
        })?;
        ensure(check, identity.lanes > 0, || "a card has lanes".into())?;
        for constant in &register::REGISTERS[..10] {
            let before = card.read(*constant);
            card.write(*constant, !before);
            let after = card.read(*constant);
            ensure(check, after == before, || format!("{} changed from {before:#x} to {after:#x}", constant.name))?;
        }
        let hole = Register { offset: 0x0ffc, ..register::MAGIC };
        let found = card.read(hole);
        ensure(check, found == ALL_ONES, || format!("there is a register {found:#x} where the table has none"))?;
        let heartbeat = card.read(register::HEARTBEAT);
        ensure(check, heartbeat == ALL_ONES, || format!("heartbeat reads {heartbeat:#x}, and is write-only"))?;
        let other = Sizes { rows: self.sizes.rows + 64, ..self.sizes };
        let refused = CardDriver::start(&mut card, other, &SMALL_RING).err();
        ensure(check, matches!(refused, Some(BringUpError::Sizes { .. })), || format!("other sizes give {refused:?}"))?;
        self.passed(None, card)
    }

    /// Up to 16 commands in flight, a few at a time at random.
    fn random_commands<C: Card>(&mut self, card: C, commands: u64) -> Result<C, Failure> {
        let check = "random commands";
        let mut driver = self.start(check, card, &SMALL_RING)?;
        let mut expected = Expected::new(check, self.seed, self.sizes);
        let mut random = Random::new(self.seed, 1);
        while expected.number < commands {
            let burst = (1 + random.index(COMMAND_CREDIT as usize) as u64).min(commands - expected.number);
            for _ in 0..burst {
                if !driver.has_credit() {
                    break;
                }
                driver.post(&expected.next());
            }
            let left = random.index(expected.owed.len() + 1);
            expected.settle(&mut driver, left)?;
        }
        expected.settle(&mut driver, 0)?;
        let (taken, written) = (driver.commands_taken(), driver.events_written());
        ensure(check, taken == commands, || format!("the card counts {taken} of {commands} commands"))?;
        let owed = expected.events;
        ensure(check, written == owed, || format!("the card counts {written} of {owed} events"))?;
        let nothing = driver.poll().map_err(|source| Failure::Fault { check, source })?;
        ensure(check, nothing.is_none(), || format!("an event that answers nothing: {nothing:?}"))?;
        self.passed(Some(&expected), driver.into_card())
    }

    /// The smallest ring there is, and a host that does not read while it has posted all that it may.
    fn full_ring<C: Card>(&mut self, card: C) -> Result<C, Failure> {
        let check = "full ring";
        let mut driver = self.start(check, card, &CardOptions { ring_size_log2: 1, ..SMALL_RING })?;
        let mut expected = Expected::new(check, self.seed + 1, self.sizes);
        for _ in 0..8 {
            while driver.has_credit() {
                driver.post(&expected.next());
            }
            wait_for(check, &mut driver, register::RING_FULL.mask())?;
            expected.settle(&mut driver, 0)?;
        }
        let lost = driver.card().read(register::COMMANDS_LOST);
        ensure(check, lost == 0, || format!("{lost} commands lost"))?;
        self.passed(Some(&expected), driver.into_card())
    }

    fn consumer_index<C: Card>(&mut self, card: C) -> Result<C, Failure> {
        let check = "consumer index";
        let mut driver = self.start(check, card, &CardOptions { ring_size_log2: 1, ..SMALL_RING })?;
        let mut expected = Expected::new(check, self.seed + 2, self.sizes);
        while driver.has_credit() {
            driver.post(&expected.next());
        }
        wait_for(check, &mut driver, register::RING_FULL.mask())?;
        // Believed, this would let the card write over both slots.
        driver.card().write(register::CONSUMER, 3);
        wait_for(check, &mut driver, register::CONSUMER_REFUSED.mask())?;
        let consumed = driver.card().read(register::CONSUMER);
        ensure(check, consumed == 0, || format!("an index beyond the last event was believed: {consumed}"))?;
        expected.settle(&mut driver, 0)?;
        self.passed(Some(&expected), driver.into_card())
    }

    fn incomplete_command<C: Card>(&mut self, card: C) -> Result<C, Failure> {
        let check = "incomplete command";
        let mut card = card;
        for missing in 0..LAST_WORD {
            let mut driver = self.start(check, card, &SMALL_RING)?;
            let mut expected = Expected::new(check, self.seed + 3, self.sizes);
            driver.post(&expected.next());
            expected.settle(&mut driver, 0)?;
            let command = expected.next();
            for word in (0..=LAST_WORD).filter(|&word| word != missing) {
                driver.card().store(1, word, command.words()[word]);
            }
            wait_for(check, &mut driver, register::COMMAND_INCOMPLETE.mask())?;
            let fault = driver.diagnose();
            ensure(check, fault == Err(CardFault::CommandLost), || format!("the diagnosis is {fault:?}"))?;
            let lost = driver.card().read(register::COMMANDS_LOST);
            ensure(check, lost == 1, || format!("{lost} commands counted as lost, not 1"))?;
            let answer = driver.poll().map_err(|source| Failure::Fault { check, source })?;
            ensure(check, answer.is_none(), || format!("word {missing} was missing, and it was answered: {answer:?}"))?;
            card = driver.into_card();
        }
        self.passed(None, card)
    }

    /// Rounds of bursts, each left in the middle; as long as the suite is.
    fn reset<C: Card>(&mut self, card: C, commands: u64) -> Result<C, Failure> {
        let check = "reset";
        let bursts = (commands / 100).clamp(3, 60);
        let mut random = Random::new(self.seed, 2);
        let mut card = card;
        for round in 0..20 {
            let mut driver = self.start(check, card, &SMALL_RING)?;
            let mut expected = Expected::new(check, self.seed + 10 + round, self.sizes);
            for _ in 0..bursts {
                while driver.has_credit() {
                    driver.post(&expected.next());
                }
                let left = random.index(expected.owed.len());
                expected.settle(&mut driver, left)?;
            }
            // With commands in its window and events on their way.
            self.passed(Some(&expected), ())?;
            card = driver.into_card();
        }
        self.report.checks -= 19;
        Ok(card)
    }

    /// A host that looks into the ring only when it was woken gets every event, so none comes after its interrupt.
    fn interrupt<C: Card>(&mut self, card: C, commands: u64) -> Result<C, Failure> {
        let check = "interrupt";
        let failed = |error: std::io::Error| Failure::Claim { check, what: error.to_string() };
        let mut driver = self.start(check, card, &SMALL_RING)?;
        let interrupt = driver.card().interrupt().map_err(|what| Failure::Claim { check, what })?;
        let unasked = interrupt.wait(QUIET).map_err(failed)?;
        ensure(check, unasked == 0, || format!("{unasked} interrupts of a card that was asked nothing"))?;
        let mut expected = Expected::new(check, self.seed + 6, self.sizes);
        while expected.number < commands {
            driver.post(&expected.next());
            while !expected.owed.is_empty() {
                // By turns as one who waits for the bare interrupt, and as the driver does.
                let is_woken = match expected.number % 2 {
                    0 => interrupt.wait(PATIENCE).map_err(failed)? > 0,
                    _ => driver.sleep(&interrupt, PATIENCE).map_err(failed)?,
                };
                let number = expected.number;
                ensure(check, is_woken, || {
                    format!("a host that sleeps is not woken by the answer to command {number}")
                })?;
                expected.drain(&mut driver)?;
            }
        }
        self.passed(Some(&expected), driver.into_card())
    }

    fn watchdog<C: Card>(&mut self, card: C) -> Result<C, Failure> {
        let check = "watchdog";
        let mut driver = self.start(check, card, &CardOptions { watchdog_period_cycles: 500, ..SMALL_RING })?;
        wait_for(check, &mut driver, register::TRIPPED.mask())?;
        driver.heartbeat();
        let mut expected = Expected::new(check, self.seed + 4, self.sizes);
        driver.post(&expected.next());
        wait_for(check, &mut driver, register::COMMAND_LOST.mask())?;
        let fault = driver.diagnose();
        ensure(check, fault == Err(CardFault::Tripped), || format!("the diagnosis is {fault:?}"))?;
        let answer = driver.poll().map_err(|source| Failure::Fault { check, source })?;
        ensure(check, answer.is_none(), || format!("a card that has tripped answers: {answer:?}"))?;
        let mut driver = self.start(check, driver.into_card(), &SMALL_RING)?;
        let mut expected = Expected::new(check, self.seed + 5, self.sizes);
        driver.post(&expected.next());
        expected.settle(&mut driver, 0)?;
        self.passed(Some(&expected), driver.into_card())
    }
}

/// Waits until the card's status has all these flags, reading nothing from the ring.
fn wait_for<C: Card>(check: &'static str, driver: &mut CardDriver<C>, flags: u32) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        let status = driver.card().read(register::STATUS);
        if status != ALL_ONES && status & flags == flags {
            return Ok(());
        }
        let is_late = start.elapsed() > PATIENCE;
        ensure(check, !is_late, || format!("status is {status:#x}; {flags:#x} was waited for"))?;
        driver.card().idle();
    }
}

fn ensure(check: &'static str, holds: bool, what: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::Claim { check, what: what() }) }
}
