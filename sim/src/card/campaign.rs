//! Faults on every back end: a session whose card has one seeded fault, against a kernel that has no card.
//!
//! ```text
//!   Backend --connect--> card 0: FaultyCard(card)      then, each time the session tries again: a good card
//!      |
//!   CommandStream --> Session, a few commands in flight --> events --+
//!            \-----> Kernel ------------------------------ events ---+--> Tally: lost, doubled, changed
//! ```
//!
//! Each fail-over is timed: from the card's last good event, or from when the host turned to the ring if that was
//! later, to the first event of the CPU.
//!
//! Invariant: what is sent, when the host polls and what the fault hits follow from the seed; only times do not.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hedgewire_abi::register::Register;
use hedgewire_abi::{Command, Event};
use hedgewire_host::card::{Card, CardOptions, Cause, Change, DmaMemory, Session, SessionError, SessionOptions};
use hedgewire_kernel::{Form, Kernel, Sizes};

use super::{FaultKind, FaultPlan, FaultyCard, Side};
use crate::commands::CommandStream;
use crate::random::Random;

/// How long a good card may take to be taken back.
const PATIENCE: Duration = Duration::from_secs(300);
/// Commands of a stream that come after the one that the fault may hit last.
const COMMANDS_AFTER: usize = 100;

/// What a window absorbs that a host writes into and a card looks at: lines are taken in turn, so that a command that
/// comes twice stands there once, and one that comes before another stands behind it.
pub const ABSORBED_BY_A_WINDOW: &[(Side, FaultKind)] =
    &[(Side::Host, FaultKind::Doubled), (Side::Host, FaultKind::Reordered)];

/// Any card.
pub type DynCard = Box<dyn Card>;
/// What a session has told.
pub type Changes = Rc<RefCell<Vec<Change>>>;

/// Sessions with a small ring, which wraps many times, and the deadlines of a card that answers in microseconds.
pub fn in_microseconds() -> SessionOptions {
    SessionOptions {
        card: CardOptions { ring_size_log2: 6, ..CardOptions::default() },
        retry_every: Some(Duration::ZERO),
        ask_after: Duration::from_micros(20),
        deadline: Duration::from_micros(100),
        swap_deadline: Duration::from_micros(400),
        ..SessionOptions::default()
    }
}

/// A session whose cards are those of `connect`, called with 0, 1, ...; and what it tells.
///
/// # Errors
/// If it stops at once.
pub fn open(
    sizes: Sizes,
    options: SessionOptions,
    mut connect: impl FnMut(u32) -> Result<DynCard, String> + 'static,
) -> (Result<Session<DynCard>, SessionError>, Changes) {
    let changes = Changes::default();
    let told = Rc::clone(&changes);
    let mut number = 0;
    let connect = Box::new(move || {
        number += 1;
        connect(number - 1)
    });
    let observer = Box::new(move |change: &Change| told.borrow_mut().push(change.clone()));
    (Session::open(Kernel::new(sizes, Form::best()), options, connect, observer), changes)
}

/// Commands and what a kernel without a card says to them.
pub fn reference(sizes: Sizes, seed: u64, commands: usize) -> Vec<(Command, Vec<Event>)> {
    let (mut stream, mut kernel) = (CommandStream::new(seed, sizes), Kernel::new(sizes, Form::best()));
    let mut last = Vec::new();
    (0..commands)
        .map(|_| {
            let command = stream.next(&last);
            last = kernel.apply(&command).to_vec();
            (command, last.clone())
        })
        .collect()
}

/// What became of a stream.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Events in all.
    pub events: usize,
    /// That never came.
    pub lost: usize,
    /// That came again.
    pub doubled: usize,
    /// That were not the kernel's.
    pub changed: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.changed += other.changed;
    }

    /// Lost, doubled, changed.
    pub fn harm(&self) -> [usize; 3] {
        [self.lost, self.doubled, self.changed]
    }
}

/// Compares by place: the stream has to be the same, not only to hold the same.
fn compare(expected: &[Event], found: &[Event]) -> Tally {
    let mut tally = Tally { events: found.len(), ..Tally::default() };
    let mut seen = 0;
    for event in found {
        match expected.get(seen) {
            Some(right) if right == event => seen += 1,
            _ if expected[..seen].contains(event) => tally.doubled += 1,
            Some(right) if right.seq() == event.seq() => {
                tally.changed += 1;
                seen += 1;
            }
            _ => tally.changed += 1,
        }
    }
    tally.lost = expected.len() - seen;
    tally
}

/// Drives all commands through the session, a few in flight; every event, and how long the first take-over took.
///
/// # Errors
/// If the session stops.
///
/// # Panics
/// If there are more events than there should be.
pub fn drive(
    session: &mut Session<DynCard>,
    commands: &[(Command, Vec<Event>)],
    random: &mut Random,
) -> Result<(Vec<Event>, Option<Duration>), SessionError> {
    let (mut left, mut in_flight) = (commands.iter(), VecDeque::new());
    let (mut events, mut gap) = (Vec::new(), None);
    let mut changes = session.changes();
    loop {
        for _ in 0..random.index(8) {
            if !session.has_room() {
                break;
            }
            let Some((command, answer)) = left.next() else { break };
            session.submit(command)?;
            in_flight.push_back(answer.len());
        }
        if in_flight.is_empty() && left.len() == 0 {
            return Ok((events, gap));
        }
        let mut owed = random.index(1 + in_flight.iter().sum::<usize>());
        let mut waiting_since = Instant::now();
        while owed > 0 {
            let Some(event) = session.poll()? else { continue };
            if session.changes() != changes {
                changes = session.changes();
                gap = gap.or(Some(waiting_since.elapsed()));
            }
            waiting_since = Instant::now();
            events.push(event);
            owed -= 1;
            let first = in_flight.front_mut().expect("no more events than there should be");
            *first -= 1;
            if *first == 0 {
                in_flight.pop_front();
            }
        }
        for _ in 0..random.index(40) {
            session.work();
        }
    }
}

/// The kernel's events.
pub fn expected_of(commands: &[(Command, Vec<Event>)]) -> Vec<Event> {
    commands.iter().flat_map(|(_, events)| events).copied().collect()
}

/// What was seen of one kind of fault.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Runs.
    pub runs: u32,
    /// Runs in which the fault has happened.
    pub struck: u32,
    /// Times that the CPU took over.
    pub take_overs: u32,
    /// Times that a card did, the start included.
    pub returns: u32,
    /// What became of the streams.
    pub tally: Tally,
    /// Of the changes, and how often.
    pub causes: BTreeMap<String, u32>,
    /// Of the first take-over of each run, ns.
    pub fail_over: Histogram<u64>,
}

impl Default for Seen {
    fn default() -> Self {
        let fail_over = Histogram::new_with_bounds(1, 600_000_000_000, 3);
        Self {
            runs: 0,
            struck: 0,
            take_overs: 0,
            returns: 0,
            tally: Tally::default(),
            causes: BTreeMap::new(),
            fail_over: fail_over.expect("constant bounds of a histogram are legal"),
        }
    }
}

/// Median, 99 % and the longest, us.
fn quantiles(ns: &Histogram<u64>) -> String {
    let us = |ns: u64| ns as f64 / 1e3;
    let at = |quantile| us(ns.value_at_quantile(quantile));
    format!("p50 {:.1} p99 {:.1} max {:.1} us, {} times", at(0.5), at(0.99), us(ns.max()), ns.len())
}

/// Cards of one kind, and how they are run.
pub struct Backend {
    /// For reports.
    pub name: &'static str,
    /// Of its kernel.
    pub sizes: Sizes,
    /// Of its sessions.
    pub options: SessionOptions,
    /// Commands of a run.
    pub commands: usize,
    /// Faults that it makes good without a word, because of how it is reached.
    pub absorbs: &'static [(Side, FaultKind)],
    /// Reaches a good card.
    pub connect: Rc<dyn Fn() -> Result<DynCard, String>>,
}

impl Backend {
    /// One run; whether underlyings were to be disarmed.
    ///
    /// # Errors
    /// If the session stops, no good card is taken back, or events were harmed though every command was compared, or
    /// though nobody was told.
    pub fn run(&self, plan: FaultPlan, seen: &mut Seen) -> Result<bool, String> {
        let commands = reference(self.sizes, plan.seed, self.commands);
        let struck = Rc::new(RefCell::new(false));
        let (is_struck, connect) = (Rc::clone(&struck), Rc::clone(&self.connect));
        let (session, changes) = open(self.sizes, self.options, move |number| {
            let card = connect()?;
            if number > 0 {
                return Ok(card);
            }
            Ok(Box::new(Watched { card: FaultyCard::new(card, plan), struck: Rc::clone(&is_struck) }))
        });
        let stopped = |error: SessionError| format!("{plan:?}: {error}");
        let mut session = session.map_err(stopped)?;
        let (events, gap) = drive(&mut session, &commands, &mut Random::new(plan.seed, 5)).map_err(stopped)?;
        let since = Instant::now();
        while !session.is_on_card() || session.work() {
            session.work();
            if since.elapsed() > PATIENCE {
                return Err(format!("{plan:?}: no good card is taken back\n{:#?}", changes.borrow()));
            }
        }
        let tally = compare(&expected_of(&commands), &events);
        seen.note(*struck.borrow(), tally, gap, &changes.borrow());
        let is_disarmed = session.take_disarm();
        if tally.harm() == [0; 3] || (self.options.check_every == 0 && is_disarmed) {
            return Ok(is_disarmed);
        }
        Err(format!("{plan:?}: {tally:?}\n{:#?}", changes.borrow()))
    }

    /// Every kind on both sides, so many seeds of each.
    ///
    /// # Errors
    /// As [`Backend::run`].
    pub fn campaign(&self, seeds: u64) -> Result<Campaign, String> {
        let mut campaign = Campaign {
            what: self.name,
            every: self.options.check_every,
            absorbs: self.absorbs,
            seen: BTreeMap::new(),
            disarmed: 0,
        };
        for side in [Side::Host, Side::Card] {
            for kind in FaultKind::ALL {
                let seen = campaign.seen.entry((side, kind)).or_default();
                for number in 0..seeds {
                    let seed = 1_000 * (kind as u64 + 1) + 100_000 * side as u64 + number;
                    let after = Random::new(seed, 6).index(self.commands - COMMANDS_AFTER) as u64;
                    let is_disarmed = self.run(FaultPlan { side, kind, after, seed }, seen)?;
                    campaign.disarmed += u32::from(is_disarmed);
                }
            }
        }
        Ok(campaign)
    }
}

impl Seen {
    fn note(&mut self, struck: bool, tally: Tally, gap: Option<Duration>, changes: &[Change]) {
        self.runs += 1;
        self.struck += u32::from(struck);
        self.tally.add(tally);
        if let Some(gap) = gap {
            self.fail_over.saturating_record(u64::try_from(gap.as_nanos()).unwrap_or(u64::MAX));
        }
        for change in changes {
            match &change.cause {
                Some(cause) => {
                    self.take_overs += 1;
                    *self.causes.entry(cause_name(cause)).or_default() += 1;
                }
                None => self.returns += 1,
            }
        }
    }
}

/// What was seen of all kinds.
#[derive(Debug, Clone)]
pub struct Campaign {
    what: &'static str,
    every: u32,
    absorbs: &'static [(Side, FaultKind)],
    /// By side and kind.
    pub seen: BTreeMap<(Side, FaultKind), Seen>,
    /// Runs in which underlyings were to be disarmed.
    pub disarmed: u32,
}

impl Campaign {
    /// Whether every fault has happened, none has harmed an event, each that must be felt was, and good cards were
    /// taken back: where every command is compared first.
    ///
    /// # Errors
    /// What does not hold.
    pub fn nothing_is_harmed(&self) -> Result<(), String> {
        for ((side, kind), seen) in &self.seen {
            // Late is no fault, two events of one command that come together are in order when they are looked at, and
            // not every bit of a command matters to an answer.
            let may_pass = self.absorbs.contains(&(*side, *kind))
                || matches!(
                    (side, kind),
                    (_, FaultKind::Late) | (Side::Card, FaultKind::Reordered) | (Side::Host, FaultKind::Corrupted)
                );
            let claims = [
                (seen.struck == seen.runs, "every fault strikes"),
                (seen.tally.harm() == [0; 3], "nothing is lost, doubled or changed"),
                (may_pass || seen.take_overs >= seen.runs, "the CPU takes over"),
                (seen.returns == seen.runs + seen.take_overs, "a good card is taken back"),
            ];
            if let Some((_, claim)) = claims.iter().find(|(holds, _)| !holds) {
                return Err(format!("{}, {side:?} {kind:?}: {claim}: does not hold\n{self}", self.what));
            }
        }
        Ok(())
    }

    /// Of these kinds together.
    fn fail_over(&self, is_counted: impl Fn(FaultKind) -> bool) -> Histogram<u64> {
        let mut total = Seen::default().fail_over;
        for (_, seen) in self.seen.iter().filter(|((_, kind), _)| is_counted(*kind)) {
            total.add(&seen.fail_over).expect("equal bounds");
        }
        total
    }
}

impl fmt::Display for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "faults, {}; compared before hand-over: 1 in {} (0 is none)", self.what, self.every)?;
        writeln!(
            f,
            "side kind        runs struck take-overs returns   events lost doubled changed  causes; fail-over, measured"
        )?;
        for ((side, kind), seen) in &self.seen {
            let Seen { runs, struck, take_overs, returns, tally, causes, fail_over } = seen;
            writeln!(
                f,
                "{side:?} {:10} {runs:5} {struck:6} {take_overs:10} {returns:7} {:8} {:4} {:7} {:7}  {causes:?}; {}",
                kind.name(),
                tally.events,
                tally.lost,
                tally.doubled,
                tally.changed,
                quantiles(fail_over)
            )?;
        }
        let is_silent = |kind| matches!(kind, FaultKind::Dropped | FaultKind::Stuck | FaultKind::Hung);
        writeln!(f, "fail-over, all: {}", quantiles(&self.fail_over(|_| true)))?;
        write!(f, "fail-over, silent cards (dropped, stuck, hung): {}", quantiles(&self.fail_over(is_silent)))
    }
}

/// Tells from outside whether the fault has struck.
struct Watched {
    card: FaultyCard<DynCard>,
    struck: Rc<RefCell<bool>>,
}

impl Card for Watched {
    fn name(&self) -> String {
        self.card.name()
    }
    fn read(&mut self, register: Register) -> u32 {
        let value = self.card.read(register);
        *self.struck.borrow_mut() |= self.card.has_struck();
        value
    }
    fn write(&mut self, register: Register, value: u32) {
        self.card.write(register, value);
    }
    fn store(&mut self, line: usize, word: usize, value: u64) {
        self.card.store(line, word, value);
    }
    fn memory(&self) -> &DmaMemory {
        self.card.memory()
    }
    fn idle(&mut self) {
        self.card.idle();
        *self.struck.borrow_mut() |= self.card.has_struck();
    }
}

fn cause_name(cause: &Cause) -> String {
    match cause {
        Cause::Fault(fault) => format!("{fault:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
        Cause::Corrupted { .. } => "Corrupted".into(),
        Cause::Difference { .. } => "Difference".into(),
        other => format!("{other:?}"),
    }
}
