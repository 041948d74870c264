//! A card and a kernel that are given the same commands: what each command took, and that both agree.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::Context;
use hedgewire_abi::command::Header;
use hedgewire_abi::{Command, Event, Reason};
use hedgewire_kernel::{Form, Kernel};
use hedgewire_model::{Engine, Parameters};
use hedgewire_rtl::model::{Card, CardError, Log, Setup};

/// Time between two commands, ns.
pub const STEP_NS: u64 = 1_000;
/// Cycles after which a card that was asked one thing has nothing left to do but finish its ladders.
const REST_CYCLES: u64 = 64;

/// A command's answer, and when.
pub struct Answered {
    /// The cycle in which it was taken.
    pub accepted: u64,
    /// The cycle in which its last event was presented.
    pub presented: u64,
    /// What the kernel says, and the card.
    pub events: Vec<Event>,
}

impl Answered {
    /// Cycles from command to answer.
    pub fn cycles(&self) -> u64 {
        self.presented - self.accepted
    }

    /// The last event's reason.
    pub fn reason(&self) -> Option<Reason> {
        self.events.last().and_then(Event::reason)
    }
}

/// Card and kernel, side by side.
pub struct Session {
    card: Box<dyn Card>,
    kernel: Kernel,
    patience: u64,
    /// Processor time in the card.
    pub elapsed: Duration,
    seq: u64,
    now_ns: u64,
    event_seq: u64,
}

impl Session {
    /// Both, after a reset.
    pub fn new(parameters: Parameters, cache: &std::path::Path) -> anyhow::Result<Self> {
        let sizes = parameters.sizes;
        let patience = 100_000 + 8 * (sizes.rows as u64 + 200) * (sizes.intervals as u64 + 1);
        let setup = Setup { patience, ..Setup::default() };
        let mut card = hedgewire_model::start(parameters, Engine::Verilator, cache, setup)?;
        card.reset()?;
        let kernel = Kernel::new(sizes, Form::best());
        Ok(Self { card, kernel, patience, elapsed: Duration::ZERO, seq: 0, now_ns: 1 << 60, event_seq: 0 })
    }

    /// Cycles so far.
    pub fn cycle(&self) -> u64 {
        self.card.cycle()
    }

    /// The header of the next command; every header is to be sent, in order.
    pub fn header(&mut self, underlying: u8) -> Header {
        self.seq += 1;
        self.now_ns += STEP_NS;
        Header { underlying, now_ns: self.now_ns, seq: self.seq }
    }

    /// Sends a command that must be carried out.
    pub fn set(&mut self, underlying: u8, encode: impl FnOnce(Header) -> Command) -> anyhow::Result<Answered> {
        let command = encode(self.header(underlying));
        let answered = self.ask(command)?;
        anyhow::ensure!(answered.reason() == Some(Reason::None), "{command:?} was answered by {:?}", answered.events);
        Ok(answered)
    }

    /// Sends one command and waits for its answer, and until the card rests.
    pub fn ask(&mut self, command: Command) -> anyhow::Result<Answered> {
        let answered = self.run(&[command])?.pop().context("a command has an answer")?;
        self.rest(REST_CYCLES)?;
        Ok(answered)
    }

    /// Lets the card run without commands.
    pub fn rest(&mut self, cycles: u64) -> anyhow::Result<()> {
        let mut log = Log::default();
        self.timed(|card| card.wait(cycles, u64::MAX, &mut log))?;
        anyhow::ensure!(log.answers.is_empty(), "an event that nothing asked for: {:?}", log.answers);
        Ok(())
    }

    /// Sends commands back to back and waits for all answers; they must be the kernel's.
    pub fn run(&mut self, commands: &[Command]) -> anyhow::Result<Vec<Answered>> {
        let expected: Vec<Vec<Event>> = commands.iter().map(|command| self.kernel.apply(command).to_vec()).collect();
        let words: Vec<_> = commands.iter().map(Command::words).collect();
        let mut log = Log::default();
        let count = expected.iter().map(Vec::len).sum::<usize>();
        let patience = self.patience;
        self.timed(|card| card.feed(&words, &mut log))?;
        while log.answers.len() < count {
            let before = log.answers.len();
            self.timed(|card| card.wait(patience, (count - before) as u64, &mut log))?;
            anyhow::ensure!(log.answers.len() > before, "the card gives no answer in {patience} cycles");
        }
        let mut answers = log.answers.into_iter();
        let mut answered = Vec::with_capacity(commands.len());
        for ((command, events), accepted) in commands.iter().zip(expected).zip(log.accepted) {
            let mut presented = 0;
            for event in &events {
                let mut answer = answers.next().context("too few events")?;
                self.event_seq += 1;
                answer.record[7] = self.event_seq;
                let got = Event::from_words(answer.record);
                anyhow::ensure!(got == *event, "{command:?}: the card says {got:?}, the kernel {event:?}");
                presented = answer.presented;
            }
            answered.push(Answered { accepted, presented, events });
        }
        Ok(answered)
    }

    fn timed<T>(&mut self, work: impl FnOnce(&mut dyn Card) -> Result<T, CardError>) -> Result<T, CardError> {
        let start = processor_time();
        let outcome = work(self.card.as_mut());
        self.elapsed += processor_time().saturating_sub(start);
        outcome
    }
}

/// How long this thread has run, which others on the machine do not disturb; where the system does not say,
/// how long it has existed.
fn processor_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = said.split(' ').next().and_then(|ns| ns.parse().ok());
    ns.map_or_else(|| START.elapsed(), Duration::from_nanos)
}
