//! Seeded streams of commands for any hedge kernel: integer, RustHDL, compiled Verilog or card.
//!
//! ```text
//!               +--------- events of the last command ----------+
//!               v                                               |
//!   CommandStream::next --> observe (mirror of each desk) --> plan --> Command --> kernel
//! ```
//!
//! Streams are weighted to where implementations differ: values exactly at, one below and one above
//! a limit, nodes and edges of ladders, prices at and beyond the rows' reach, rows at the limits of
//! their formats, trades and swaps while something is being built, and every kind of order update.
//! They follow the events, so that fills answer orders that really went out and a desk that is
//! stopped is set going again; some four commands in a hundred are malformed on purpose.
//!
//! Invariants:
//! * the stream is a function of seed, sizes and the events it was given: two kernels that answer
//!   alike are driven alike, with no float, clock or hash map in between;
//! * it never waits: whatever the events are, there is a next command.
//!
//! Order ids and command sequence numbers count up from a fixed start, so their wrap cannot be
//! reached by commands; the wrap of an order's slot (id modulo 16) and of `feed_seq` is.

mod action;
mod desk;
mod drill;
mod malform;
mod portfolio;
mod statistics;

use std::collections::VecDeque;

use hedgewire_abi::{Command, Event};
use hedgewire_kernel::Sizes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use desk::Desk;
pub use statistics::Statistics;

/// Times in commands and limits are mostly multiples of this, so that they often meet exactly.
const QUANTUM_NS: u64 = 1_000;
/// Of a hundred commands, how many cut into a plan that is under way.
const INTERJECTIONS_PER_CENT: u32 = 25;
/// Of a hundred commands, how many are malformed.
const MALFORMED_PER_CENT: u32 = 4;

/// A command without its place in the stream.
#[derive(Debug, Clone, Copy)]
struct Planned {
    command: Command,
    delay_ns: u64,
}

/// A seeded, endless stream of commands.
pub struct CommandStream {
    rng: ChaCha8Rng,
    sizes: Sizes,
    seq: u64,
    now_ns: u64,
    desks: Vec<Desk>,
    plan: VecDeque<Planned>,
    last: Command,
    statistics: Statistics,
}

impl CommandStream {
    /// The stream of this seed for a kernel of these sizes.
    pub fn new(seed: u64, sizes: Sizes) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let starts_ns = [1_700_000_000_000_000_000, 0, u64::MAX - (1 << 60)];
        let now_ns = starts_ns[[0, 0, 0, 1, 2][rng.random_range(0..5)]];
        let desks = (0..sizes.underlyings).map(|index| Desk::new(index, &mut rng)).collect();
        Self {
            rng,
            sizes,
            seq: 0,
            now_ns,
            desks,
            plan: VecDeque::new(),
            last: Command::ZERO,
            statistics: Statistics::default(),
        }
    }

    /// The next command, given the events that answered the one before (none before the first).
    pub fn next(&mut self, last_events: &[Event]) -> Command {
        self.observe(last_events);
        if self.chance(MALFORMED_PER_CENT) {
            let command = self.malformed();
            self.last = command;
            return command;
        }
        if self.plan.is_empty() {
            self.plan_something();
        }
        let planned = if self.chance(INTERJECTIONS_PER_CENT) { self.interjection() } else { self.plan.pop_front() };
        let planned = planned.unwrap_or_else(|| self.time(0));
        self.issue(planned)
    }

    /// What the stream has reached so far.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Gives a command its sequence number and time.
    fn issue(&mut self, planned: Planned) -> Command {
        self.now_ns = self.now_ns.saturating_add(planned.delay_ns);
        self.seq = self.seq.wrapping_add(1);
        self.last = with_now(planned.command, self.now_ns).with_seq(self.seq);
        self.last
    }

    fn observe(&mut self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        self.statistics.note(&self.last, events);
        let now_ns = self.now_ns;
        if let Some(desk) = self.desks.get_mut(usize::from(self.last.underlying())) {
            desk.observe(&self.last, events, now_ns);
        }
        self.recover(events);
    }

    // ---- draws -------------------------------------------------------------------------------

    /// True `per_cent` times in a hundred.
    fn chance(&mut self, per_cent: u32) -> bool {
        self.rng.random_range(0..100) < per_cent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.random_range(0..from.len())]
    }

    /// The value, or one beside it.
    fn near(&mut self, value: i64) -> i64 {
        value.saturating_add(self.rng.random_range(-1..=1))
    }

    /// A number of up to `bits` bits, all lengths alike.
    fn of_length(&mut self, bits: u32) -> u64 {
        let length = self.rng.random_range(0..=bits);
        if length == 0 { 0 } else { self.rng.random::<u64>() >> (64 - length) }
    }

    /// A time span: nothing, a few quanta give or take one, or long.
    fn span_ns(&mut self) -> u64 {
        match self.rng.random_range(0..20) {
            0..6 => 0,
            6..8 => 1,
            8..16 => QUANTUM_NS * self.rng.random_range(0..5),
            16..18 => (QUANTUM_NS * self.rng.random_range(1..5)).saturating_add_signed(self.pick(&[-1, 1])),
            18 => 1_000_000_000,
            _ => self.pick(&[59_999_999_999, 60_000_000_000, 60_000_000_001, 61_000_000_000]),
        }
    }

    /// Index of a desk; the first ones more often.
    fn some_desk(&mut self) -> usize {
        let last = self.rng.random_range(0..self.desks.len());
        self.rng.random_range(0..=last)
    }
}

/// The command at another time.
fn with_now(mut command: Command, now_ns: u64) -> Command {
    command.0[8..16].copy_from_slice(&now_ns.to_le_bytes());
    command
}
