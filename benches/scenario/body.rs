//! The bench bodies: rounds of work, of which only the part between two readings of the clock counts.
//!
//! ```text
//!   prepare: encode the round's commands, settle, touch other memory      not timed
//!   timed:   command -> kernel -> event -> address of the next command    timed
//!   check:   every event was of the kind, reason and path that is claimed
//! ```
//!
//! The commands of a round are few enough to stay in the L1 cache, and each round has new prices, so that the branch
//! predictor cannot learn them. Each command's address depends on the event before it: times are latencies, not
//! throughput.

use std::hint::black_box;

use hedgewire_abi::event::{Accepted, FLAG_EXACT, Hedge, Ledger, Refused};
use hedgewire_abi::format::ORDER_SLOTS;
use hedgewire_abi::{Command, Reason};
use hedgewire_kernel::{Form, Kernel};

use super::clock::Clock;
use super::portfolio::{Float64Rows, Numbers, float64_rows};
use super::{INTERVALS, Mood, PRICE_OFF_LADDER, PRICE_REF, SEED, Scenario};

/// Quotes in a round.
pub const QUOTES: usize = 256;
/// Trades in a burst: fewer than the ladder's log holds.
pub const BURST: usize = 32;
/// Words in a cache line.
const LINE_WORDS: usize = 8;

/// Work that is done in rounds.
pub trait Body {
    /// Operations in a round.
    fn operations(&self) -> usize;
    /// Does one round and returns the ticks of its timed part.
    fn round(&mut self, clock: &Clock) -> u64;
    /// Hash of all results so far.
    fn hash(&self) -> u64;

    /// Does one round and returns its nanoseconds per operation.
    fn ns(&mut self, clock: &Clock) -> f64 {
        clock.ns(self.round(clock)) / self.operations() as f64
    }
}

/// A body that may be of any type.
pub type AnyBody = Box<dyn Body>;

/// Kind, reason and path of the events that a round must see, alternating, as the first word of an event.
type Expected = [u64; 2];

/// Bits of an event's first word that [`Expected`] is about: kind, reason, and whether an exact pass answered.
const EXPECTED_BITS: u64 = 0xff00_00ff | ((FLAG_EXACT as u64) << 32);

const fn refused(reason: Reason) -> u64 {
    Refused::KIND as u64 | ((reason as u64) << 24)
}

const EXACT: u64 = (FLAG_EXACT as u64) << 32;

/// Sends the commands one after the other and returns a hash of the events, and whether one was not as expected.
///
/// Not inlined, so that it is the same code for every body and callgrind can find it.
#[inline(never)]
fn timed_commands(kernel: &mut Kernel, commands: &[Command], expected: Expected) -> (u64, u64) {
    let nothing: u64 = black_box(0);
    let (mut step, mut hash, mut wrong) = (0, 0u64, 0);
    for i in 0..commands.len() {
        let words = kernel.apply(&commands[i + step])[0].words();
        // Always zero, which only we know: the next command cannot be fetched before this event is there.
        step = ((words[1] ^ words[2]) & nothing) as usize;
        hash = hash.rotate_left(5) ^ words[1] ^ words[2] ^ words[3];
        wrong |= (words[0] & EXPECTED_BITS) ^ expected[i & 1];
    }
    (hash, wrong)
}

/// Fills the list with the commands of the next round.
type Prepare = Box<dyn FnMut(&mut Scenario, &mut Vec<Command>)>;

/// A body that sends commands.
struct Commands {
    scenario: Scenario,
    prepare: Prepare,
    expected: Expected,
    commands: Vec<Command>,
    operations: usize,
    hash: u64,
}

impl Commands {
    fn boxed(scenario: Scenario, operations: usize, expected: Expected, prepare: Prepare) -> AnyBody {
        Box::new(Self { scenario, prepare, expected, commands: Vec::new(), operations, hash: 0 })
    }
}

impl Body for Commands {
    fn operations(&self) -> usize {
        self.operations
    }

    fn round(&mut self, clock: &Clock) -> u64 {
        self.commands.clear();
        (self.prepare)(&mut self.scenario, &mut self.commands);
        let (ticks, (hash, wrong)) =
            clock.time(|| timed_commands(&mut self.scenario.kernel, &self.commands, self.expected));
        assert_eq!(wrong, 0, "a command was not answered as this bench is meant to measure");
        self.hash = self.hash.rotate_left(7) ^ hash;
        ticks
    }

    fn hash(&self) -> u64 {
        self.hash
    }
}

/// A walk of prices that stays well inside the ladder.
struct Walk {
    numbers: Numbers,
    price: u32,
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self { numbers: Numbers::new(seed), price: PRICE_REF }
    }

    /// Up to 4 USD either way, and back to the middle before the ladder ends.
    fn next(&mut self) -> u32 {
        let step = (self.numbers.below(33) as i32 - 16) * 128;
        self.price = self.price.wrapping_add_signed(step);
        if self.price.abs_diff(PRICE_REF) > 900_000 {
            self.price = PRICE_REF;
        }
        self.price
    }

    /// Anywhere in the inner part of the ladder.
    fn jump(&mut self) -> u32 {
        PRICE_REF - 900_000 + self.numbers.below(1_800_000) as u32
    }
}

/// Fills of our own quotes: random slots, each of one or two lots in turn, so that every trade changes something.
struct Fills {
    numbers: Numbers,
    quantities: Vec<i32>,
}

impl Fills {
    fn new(rows: usize) -> Self {
        Self { numbers: Numbers::new(SEED), quantities: vec![1; rows] }
    }

    fn next(&mut self, scenario: &mut Scenario) -> Command {
        let slot = self.numbers.below(self.quantities.len() as u64) as usize;
        self.quantities[slot] = 3 - self.quantities[slot];
        scenario.trade(0, slot, self.quantities[slot])
    }
}

/// Quotes in band, prices a walk, one underlying after the other.
pub fn quotes(form: Form, underlyings: u8, rows: usize) -> AnyBody {
    let mut walks: Vec<Walk> = (0..underlyings).map(|i| Walk::new(SEED + u64::from(i))).collect();
    let prepare = move |scenario: &mut Scenario, commands: &mut Vec<Command>| {
        for i in 0..QUOTES {
            let underlying = i % walks.len();
            commands.push(scenario.quote(underlying as u8, walks[underlying].next()));
        }
    };
    let scenario = Scenario::new(form, underlyings, rows, Mood::InBand);
    Commands::boxed(scenario, QUOTES, [refused(Reason::InBand); 2], Box::new(prepare))
}

/// Quotes in band, each price anywhere on the ladder: its interval is in the L2 cache and nothing can be predicted.
pub fn jumping_quotes(form: Form, rows: usize) -> AnyBody {
    let mut walk = Walk::new(SEED);
    let prepare = move |scenario: &mut Scenario, commands: &mut Vec<Command>| {
        commands.extend((0..QUOTES).map(|_| scenario.quote(0, walk.jump())));
    };
    let scenario = Scenario::new(form, 1, rows, Mood::InBand);
    Commands::boxed(scenario, QUOTES, [refused(Reason::InBand); 2], Box::new(prepare))
}

/// Quotes that are refused for want of rows: all of a quote's work but ladder and trigger.
pub fn refused_quotes(form: Form) -> AnyBody {
    let mut walk = Walk::new(SEED);
    let prepare = move |scenario: &mut Scenario, commands: &mut Vec<Command>| {
        commands.extend((0..QUOTES).map(|_| scenario.quote(0, walk.next())));
    };
    let scenario = Scenario::new(form, 1, 64, Mood::NoRows);
    Commands::boxed(scenario, QUOTES, [refused(Reason::NoRows); 2], Box::new(prepare))
}

/// One quote in band after `bytes` of other memory were read. The command itself is at hand, as it is when a feed
/// handler has just encoded it.
pub fn cold_quote(form: Form, rows: usize, bytes: usize) -> AnyBody {
    let other = vec![1u64; bytes / size_of::<u64>()];
    let mut walk = Walk::new(SEED);
    let prepare = move |scenario: &mut Scenario, commands: &mut Vec<Command>| {
        commands.push(scenario.quote(0, walk.next()));
        black_box(other.iter().step_by(LINE_WORDS).sum::<u64>());
        black_box(commands[0].words());
    };
    let scenario = Scenario::new(form, 1, rows, Mood::InBand);
    Commands::boxed(scenario, 1, [refused(Reason::InBand); 2], Box::new(prepare))
}

/// Quotes that each send an order, as many as the ledger holds; their fills come between the rounds.
pub fn hedges(form: Form, rows: usize) -> AnyBody {
    let mut walk = Walk::new(SEED);
    let mut open = 0;
    let prepare = move |scenario: &mut Scenario, commands: &mut Vec<Command>| {
        for _ in 0..open {
            let fill = scenario.fill();
            scenario.kernel.apply(&fill);
        }
        open = ORDER_SLOTS;
        commands.extend((0..open).map(|_| scenario.quote(0, walk.next())));
    };
    let scenario = Scenario::new(form, 1, rows, Mood::Hedging);
    Commands::boxed(scenario, ORDER_SLOTS, [u64::from(Hedge::KIND); 2], Box::new(prepare))
}

/// Quotes that each send an order, each followed by the update that fills it; a pair is one operation.
pub fn hedges_and_fills(form: Form, rows: usize) -> AnyBody {
    let mut walk = Walk::new(SEED);
    let prepare = move |scenario: &mut Scenario, commands: &mut Vec<Command>| {
        for _ in 0..QUOTES / 2 {
            commands.push(scenario.quote(0, walk.next()));
            commands.push(scenario.fill());
        }
    };
    let scenario = Scenario::new(form, 1, rows, Mood::Hedging);
    let expected = [u64::from(Hedge::KIND), u64::from(Ledger::KIND)];
    Commands::boxed(scenario, QUOTES / 2, expected, Box::new(prepare))
}

/// The ladder's cubic alone: place, fraction and Horner chain, no decision and no event.
pub fn cubics(form: Form, rows: usize) -> AnyBody {
    let scenario = Scenario::new(form, 1, rows, Mood::InBand);
    Box::new(Cubics { scenario, walk: Walk::new(SEED), prices: Vec::new(), hash: 0 })
}

struct Cubics {
    scenario: Scenario,
    walk: Walk,
    prices: Vec<u32>,
    hash: u64,
}

/// Sum of the deltas, each price's address depending on the delta before it; not inlined for the reasons of
/// [`timed_commands`]. `None` if the ladder did not answer somewhere.
#[inline(never)]
fn timed_cubics(kernel: &Kernel, prices: &[u32]) -> Option<i64> {
    let nothing: i64 = black_box(0);
    let (mut step, mut sum) = (0, 0i64);
    for i in 0..prices.len() {
        let delta = kernel.ladder_delta(0, prices[i + step])?;
        step = (delta & nothing) as usize;
        sum = sum.wrapping_add(delta);
    }
    Some(sum)
}

impl Body for Cubics {
    fn operations(&self) -> usize {
        QUOTES
    }

    fn round(&mut self, clock: &Clock) -> u64 {
        self.prices.clear();
        self.prices.extend((0..QUOTES).map(|_| self.walk.next()));
        let (ticks, sum) = clock.time(|| timed_cubics(&self.scenario.kernel, &self.prices));
        assert!(sum.is_some(), "a price was not answered by a cubic");
        self.hash = self.hash.rotate_left(7) ^ sum.unwrap_or_default() as u64;
        ticks
    }

    fn hash(&self) -> u64 {
        self.hash
    }
}

/// `count` trades in a row, each of a random row, on a settled ladder with a new price before the first.
pub fn trades(form: Form, rows: usize, count: usize) -> AnyBody {
    let (mut walk, mut fills) = (Walk::new(SEED), Fills::new(rows));
    let prepare = move |scenario: &mut Scenario, commands: &mut Vec<Command>| {
        let quote = scenario.quote(0, walk.next());
        scenario.kernel.apply(&quote);
        scenario.settle();
        commands.extend((0..count).map(|_| fills.next(scenario)));
    };
    let scenario = Scenario::new(form, 1, rows, Mood::InBand);
    Commands::boxed(scenario, count, [refused(Reason::InBand); 2], Box::new(prepare))
}

/// One quote off the ladder, answered by an exact pass; a row is one operation. What the pass does once (logarithm,
/// node values, cube root, decision) is in it.
pub fn exact_pass(form: Form, rows: usize) -> AnyBody {
    let mut walk = Walk::new(SEED);
    let prepare = move |scenario: &mut Scenario, commands: &mut Vec<Command>| {
        commands.push(scenario.quote(0, PRICE_OFF_LADDER + walk.next() - PRICE_REF));
    };
    let scenario = Scenario::new(form, 1, rows, Mood::InBand);
    Commands::boxed(scenario, rows, [refused(Reason::InBand) | EXACT; 2], Box::new(prepare))
}

/// Rows written to the shadow bank.
pub fn row_writes(form: Form, rows: usize) -> AnyBody {
    let prepare = move |scenario: &mut Scenario, commands: &mut Vec<Command>| {
        scenario.open_bank(0);
        scenario.encode_rows(0, commands);
    };
    let scenario = Scenario::new(form, 1, rows, Mood::InBand);
    let slots = rows.next_multiple_of(64);
    Commands::boxed(scenario, slots, [u64::from(Accepted::KIND); 2], Box::new(prepare))
}

/// The background work that a trade leaves: every interval of the ladder made anew.
pub fn settling(form: Form, rows: usize) -> AnyBody {
    let scenario = Scenario::new(form, 1, rows, Mood::InBand);
    Box::new(Settling { scenario, fills: Fills::new(rows), hash: 0 })
}

struct Settling {
    scenario: Scenario,
    fills: Fills,
    hash: u64,
}

impl Body for Settling {
    fn operations(&self) -> usize {
        1
    }

    fn round(&mut self, clock: &Clock) -> u64 {
        let trade = self.fills.next(&mut self.scenario);
        self.hash = self.hash.rotate_left(7) ^ self.scenario.kernel.apply(&trade)[0].words()[2];
        clock.time(|| self.scenario.settle()).0
    }

    fn hash(&self) -> u64 {
        self.hash
    }
}

/// A whole ladder built from a freshly written shadow bank.
pub fn builds(form: Form, rows: usize) -> AnyBody {
    Box::new(Builds { scenario: Scenario::new(form, 1, rows, Mood::InBand), hash: 0 })
}

struct Builds {
    scenario: Scenario,
    hash: u64,
}

impl Body for Builds {
    fn operations(&self) -> usize {
        1
    }

    fn round(&mut self, clock: &Clock) -> u64 {
        self.scenario.write_bank(0);
        let scenario = &mut self.scenario;
        let (ticks, ()) = clock.time(|| {
            scenario.build(0);
            scenario.settle();
        });
        assert!(self.scenario.kernel.is_built(0));
        self.hash += 1;
        ticks
    }

    fn hash(&self) -> u64 {
        self.hash
    }
}

/// The bar, `passes` times over the same portfolio; a row of a pass is one operation. `None` on a CPU that cannot run
/// it.
pub fn float64_passes(rows: usize, passes: usize) -> Option<AnyBody> {
    let rows = float64_rows(rows, SEED);
    rows.sums(0.0)?;
    Some(Box::new(Float64Passes { rows, passes, walk: Walk::new(SEED), hash: 0 }))
}

/// Prices of a ladder: as many passes as a build makes.
pub const NODES: usize = INTERVALS as usize + 1;

struct Float64Passes {
    rows: Float64Rows,
    passes: usize,
    walk: Walk,
    hash: u64,
}

/// The timed part; not inlined for the reasons of [`timed_commands`].
#[inline(never)]
fn timed_float64(rows: &Float64Rows, passes: usize, x: f64) -> f64 {
    let mut total = 0.0;
    for pass in 0..passes {
        if let Some([delta, gamma, vega]) = black_box(rows).sums(x + 1e-4 * pass as f64) {
            total += delta + gamma + vega;
        }
    }
    total
}

impl Body for Float64Passes {
    fn operations(&self) -> usize {
        self.rows.len() * self.passes
    }

    fn round(&mut self, clock: &Clock) -> u64 {
        let x = (f64::from(self.walk.next()) / f64::from(PRICE_REF)).ln();
        let (ticks, sum) = clock.time(|| timed_float64(&self.rows, self.passes, x));
        self.hash = self.hash.rotate_left(7) ^ sum.to_bits();
        ticks
    }

    fn hash(&self) -> u64 {
        self.hash
    }
}

/// A body with its name, `area/thing`.
pub struct Named {
    /// Name.
    pub name: &'static str,
    /// Body.
    pub body: AnyBody,
}

/// Every body once, with portfolios of `rows` options: for criterion, for instruction counts and for the smoke test.
pub fn catalogue(form: Form, rows: usize) -> Vec<Named> {
    let mut list = vec![
        Named { name: "kernel/quote", body: quotes(form, 1, rows) },
        Named { name: "kernel/quote_jump", body: jumping_quotes(form, rows) },
        Named { name: "kernel/quote_eight", body: quotes(form, 8, rows.div_ceil(8)) },
        Named { name: "kernel/quote_cold", body: cold_quote(form, rows, 256 << 10) },
        Named { name: "kernel/hedge", body: hedges(form, rows) },
        Named { name: "kernel/hedge_and_fill", body: hedges_and_fills(form, rows) },
        Named { name: "kernel/trade", body: trades(form, rows, 1) },
        Named { name: "kernel/trade_burst", body: trades(form, rows, BURST) },
        Named { name: "ladder/cubic", body: cubics(form, rows) },
        Named { name: "ladder/without", body: refused_quotes(form) },
        Named { name: "ladder/settle", body: settling(form, rows) },
        Named { name: "ladder/build", body: builds(form, rows) },
        Named { name: "bank/write_row", body: row_writes(form, rows) },
        Named { name: "row/scalar", body: exact_pass(Form::Scalar, rows) },
    ];
    if Form::Avx2.is_supported() {
        list.push(Named { name: "row/avx2", body: exact_pass(Form::Avx2, rows) });
    }
    list.extend(float64_passes(rows, 1).map(|body| Named { name: "row/float64", body }));
    list
}
