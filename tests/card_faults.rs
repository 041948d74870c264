//! Whatever happens to a card, the stream of events is the kernel's: nothing lost, doubled or changed.
//!
//! Fail-over is timed in every run, and its histogram printed: from the card's last good event, or from when the host
//! turned to the ring if that was later, to the first event of the CPU. What is aimed at stands in `benches/card.rs`.
//!
//! Each run drives a stream through a session whose card has one seeded fault, with up to 16 commands in flight;
//! a good card comes back afterwards. The events are compared with those of a kernel that had no card at all.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hedgewire_abi::command::{Configure, Control, Time, code};
use hedgewire_abi::register::{self, Register};
use hedgewire_abi::{Command, Event};
use hedgewire_host::card::failover::Holder;
use hedgewire_host::card::{
    BringUpError, Card, CardFault, CardOptions, Cause, Change, DmaMemory, OnFault, Session, SessionError,
    SessionOptions,
};
use hedgewire_host::driver::{Driver, Setup};
use hedgewire_host::journal;
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::card::{FaultKind, FaultPlan, FaultyCard, InProcess, KernelEngine, Side};
use hedgewire_sim::commands::CommandStream;
use hedgewire_sim::random::Random;

const SIZES: Sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };
/// Commands of a run.
const COMMANDS: usize = 1_200;
/// Slots of the ring: it wraps many times.
const RING_LOG2: u32 = 6;

type DynCard = Box<dyn Card>;
type Changes = Rc<RefCell<Vec<Change>>>;

fn options() -> SessionOptions {
    SessionOptions {
        card: CardOptions { ring_size_log2: RING_LOG2, ..CardOptions::default() },
        retry_every: Some(Duration::ZERO),
        // For a card that answers in microseconds, as one in process does.
        ask_after: Duration::from_micros(20),
        deadline: Duration::from_micros(100),
        swap_deadline: Duration::from_micros(400),
        ..SessionOptions::default()
    }
}

fn good_card() -> InProcess<KernelEngine> {
    InProcess::new(KernelEngine::new(SIZES, 2), 1 << RING_LOG2)
}

/// A session whose cards are those of `connect`, called with 0, 1, ...; and what it tells.
fn open(
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
    (Session::open(Kernel::new(SIZES, Form::best()), options, connect, observer), changes)
}

/// Commands and what a kernel without a card says to them.
fn reference(seed: u64, commands: usize) -> Vec<(Command, Vec<Event>)> {
    let (mut stream, mut kernel) = (CommandStream::new(seed, SIZES), Kernel::new(SIZES, Form::best()));
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
struct Tally {
    events: usize,
    lost: usize,
    doubled: usize,
    changed: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.changed += other.changed;
    }

    fn harm(&self) -> [usize; 3] {
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
fn drive(
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

fn expected_of(commands: &[(Command, Vec<Event>)]) -> Vec<Event> {
    commands.iter().flat_map(|(_, events)| events).copied().collect()
}

/// What was seen of one kind of fault.
#[derive(Default)]
struct Seen {
    runs: u32,
    struck: u32,
    take_overs: u32,
    returns: u32,
    tally: Tally,
    causes: BTreeMap<String, u32>,
    /// Fail-over, ns.
    gaps: Option<Histogram<u64>>,
}

impl Seen {
    fn gaps(&mut self) -> &mut Histogram<u64> {
        self.gaps.get_or_insert_with(histogram)
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds of a histogram are legal")
}

/// Median, 99 % and the longest, us.
fn quantiles(gaps: &Histogram<u64>) -> String {
    let us = |ns: u64| ns as f64 / 1e3;
    let at = |quantile| us(gaps.value_at_quantile(quantile));
    format!("p50 {:.1} p99 {:.1} max {:.1} us, {} times", at(0.5), at(0.99), us(gaps.max()), gaps.len())
}

/// One run; what became of the stream, what was told, and whether underlyings were to be disarmed.
fn run(plan: FaultPlan, check_every: u32, seen: &mut Seen) -> bool {
    let commands = reference(plan.seed, COMMANDS);
    let struck = Rc::new(RefCell::new(false));
    let is_struck = Rc::clone(&struck);
    let (session, changes) = open(SessionOptions { check_every, ..options() }, move |number| {
        Ok(match number {
            0 => Box::new(Watched { card: FaultyCard::new(good_card(), plan), struck: Rc::clone(&is_struck) }),
            _ => Box::new(good_card()),
        })
    });
    let mut session = session.unwrap_or_else(|error| panic!("{error}"));
    let mut random = Random::new(plan.seed, 5);
    let (events, gap) = drive(&mut session, &commands, &mut random).unwrap_or_else(|error| panic!("{error}"));
    while !session.is_on_card() || session.work() {
        session.work();
    }
    let tally = compare(&expected_of(&commands), &events);
    seen.runs += 1;
    seen.struck += u32::from(*struck.borrow());
    seen.tally.add(tally);
    if let Some(gap) = gap {
        seen.gaps().saturating_record(gap.as_nanos() as u64);
    }
    let is_disarmed = session.take_disarm();
    for change in changes.borrow().iter() {
        match &change.cause {
            Some(cause) => {
                seen.take_overs += 1;
                *seen.causes.entry(cause_name(cause)).or_default() += 1;
            }
            None => seen.returns += 1,
        }
    }
    assert!(
        tally.harm() == [0; 3] || (check_every == 0 && is_disarmed),
        "{plan:?}: {tally:?}\n{:#?}",
        changes.borrow()
    );
    is_disarmed
}

/// Tells from outside whether the fault has struck.
struct Watched {
    card: FaultyCard<InProcess<KernelEngine>>,
    struck: Rc<RefCell<bool>>,
}

impl Card for Watched {
    fn name(&self) -> String {
        self.card.name()
    }
    fn read(&mut self, register: Register) -> u32 {
        self.card.read(register)
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

/// Every kind on both sides, so many seeds of each.
fn campaign(check_every: u32, seeds: u64) -> (BTreeMap<(Side, FaultKind), Seen>, u32) {
    let (mut all, mut disarmed) = (BTreeMap::<_, Seen>::new(), 0);
    for side in [Side::Host, Side::Card] {
        for kind in FaultKind::ALL {
            let seen = all.entry((side, kind)).or_default();
            for number in 0..seeds {
                let seed = 1_000 * (kind as u64 + 1) + 100_000 * side as u64 + number;
                let after = Random::new(seed, 6).index(COMMANDS - 100) as u64;
                let is_disarmed = run(FaultPlan { side, kind, after, seed }, check_every, seen);
                disarmed += u32::from(is_disarmed);
            }
        }
    }
    println!("checked before hand-over: 1 in {check_every} (0 is none)");
    println!(
        "side kind        runs struck take-overs returns   events lost doubled changed  causes; fail-over, measured"
    );
    let (mut total, mut silent) = (histogram(), histogram());
    for ((side, kind), seen) in &mut all {
        let gaps = seen.gaps().clone();
        total.add(&gaps).expect("equal bounds");
        if matches!(kind, FaultKind::Dropped | FaultKind::Stuck | FaultKind::Hung) {
            silent.add(&gaps).expect("equal bounds");
        }
        let Seen { runs, struck, take_overs, returns, tally, causes, .. } = seen;
        println!(
            "{side:?} {:10} {runs:5} {struck:6} {take_overs:10} {returns:7} {:8} {:4} {:7} {:7}  {causes:?}; {}",
            kind.name(),
            tally.events,
            tally.lost,
            tally.doubled,
            tally.changed,
            quantiles(&gaps)
        );
    }
    println!("fail-over, all: {}", quantiles(&total));
    println!("fail-over, cards that only fall silent (dropped, stuck, hung): {}", quantiles(&silent));
    (all, disarmed)
}

#[test]
fn nothing_is_lost_doubled_or_changed_where_every_command_is_compared_first() {
    let (all, disarmed) = campaign(1, 24);
    for ((side, kind), seen) in &all {
        assert_eq!(seen.struck, seen.runs, "{side:?} {kind:?}: every fault strikes");
        assert_eq!(seen.tally.harm(), [0; 3]);
        // Late is no fault, two events of one command that come together are in order when they are looked at, and
        // not every bit of a command matters to an answer.
        let is_always_felt = !matches!(
            (side, kind),
            (_, FaultKind::Late) | (Side::Card, FaultKind::Reordered) | (Side::Host, FaultKind::Corrupted)
        );
        assert!(!is_always_felt || seen.take_overs >= seen.runs, "{side:?} {kind:?}: {} take-overs", seen.take_overs);
        assert_eq!(seen.returns, seen.runs + seen.take_overs, "{side:?} {kind:?}: a good card is taken back");
    }
    assert!(disarmed > 0, "wrong bits in what an event says are differences, and disarm");
}

#[test]
fn what_is_compared_afterwards_is_found_and_disarms() {
    let (all, disarmed) = campaign(0, 24);
    let changed = |is: fn(FaultKind) -> bool| -> usize {
        all.iter().filter(|((_, kind), _)| is(*kind)).map(|(_, seen)| seen.tally.changed).sum()
    };
    assert!(changed(|kind| kind == FaultKind::Corrupted) > 0, "without a comparison a wrong bit can pass");
    // An event that comes twice can pass too, where two commands in a row have one number: the stream sends such.
    assert_eq!(changed(|kind| !matches!(kind, FaultKind::Corrupted | FaultKind::Doubled)), 0, "and nothing else can");
    assert!(disarmed > 0, "each of them was found afterwards");
}

#[test]
fn a_sample_is_compared_first_and_the_rest_afterwards() {
    let mut seen = Seen::default();
    for seed in 0..8 {
        let plan = FaultPlan { side: Side::Card, kind: FaultKind::Dropped, after: 40 * seed, seed };
        run(plan, 7, &mut seen);
    }
    assert_eq!((seen.tally.harm(), seen.struck), ([0; 3], 8));
}

// ---- cards that are not taken --------------------------------------------------------------------

/// A card one of whose registers reads otherwise.
struct Misread {
    card: InProcess<KernelEngine>,
    register: Register,
    value: u32,
}

impl Card for Misread {
    fn name(&self) -> String {
        self.card.name()
    }
    fn read(&mut self, register: Register) -> u32 {
        if register.offset == self.register.offset { self.value } else { self.card.read(register) }
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
    }
}

#[test]
fn a_card_that_is_not_the_kernel_wanted_is_not_taken_and_the_cpu_answers() {
    type Connect = Box<dyn Fn() -> Result<DynCard, String>>;
    type Check = fn(&Cause) -> bool;
    let misread = |register, value| move || Ok(Box::new(Misread { card: good_card(), register, value }) as DynCard);
    let cases: Vec<(Connect, Check)> = vec![
        (Box::new(|| Err("none there".into())), |cause| *cause == Cause::NoCard("none there".into())),
        (Box::new(misread(register::MAGIC, u32::MAX)), |cause| *cause == Cause::BringUp(BringUpError::Gone)),
        (Box::new(misread(register::MAGIC, 7)), |cause| *cause == Cause::BringUp(BringUpError::Magic { found: 7 })),
        (Box::new(misread(register::VERSION, 9)), |cause| *cause == Cause::BringUp(BringUpError::Version { found: 9 })),
        (Box::new(misread(register::LAYOUT_HASH_HIGH, 1)), |cause| {
            matches!(cause, Cause::BringUp(BringUpError::LayoutHash { .. }))
        }),
        (Box::new(misread(register::ROWS, 64)), |cause| matches!(cause, Cause::BringUp(BringUpError::Sizes { .. }))),
        (Box::new(misread(register::RING_SIZE_LOG2, 0)), |cause| {
            matches!(cause, Cause::BringUp(BringUpError::Refused { .. }))
        }),
    ];
    let commands = reference(1, 200);
    for (connect, is_cause) in cases {
        let (session, changes) = open(SessionOptions { retry_every: None, ..options() }, move |_| connect());
        let mut session = session.unwrap_or_else(|error| panic!("{error}"));
        let (events, _) = drive(&mut session, &commands, &mut Random::new(1, 5)).unwrap_or_else(|e| panic!("{e}"));
        assert!(events == expected_of(&commands) && !session.is_on_card());
        let changes = changes.borrow();
        assert!(matches!(&changes[..], [Change { holder: Holder::Cpu, cause: Some(cause), .. }] if is_cause(cause)));
        println!("{}", changes[0]);
    }
}

#[test]
fn a_policy_to_stop_stops() {
    let stop = SessionOptions { on_fault: OnFault::Stop, ..options() };
    let (session, _) = open(stop, |_| Err("none there".into()));
    assert!(matches!(session, Err(SessionError::Stopped(Cause::NoCard(_)))));

    let plan = FaultPlan { side: Side::Card, kind: FaultKind::Dead, after: 50, seed: 3 };
    let (session, changes) = open(stop, move |_| Ok(Box::new(FaultyCard::new(good_card(), plan)) as DynCard));
    let mut session = session.unwrap_or_else(|error| panic!("{error}"));
    let commands = reference(3, 200);
    let stopped = drive(&mut session, &commands, &mut Random::new(3, 5)).err();
    assert!(matches!(stopped, Some(SessionError::Stopped(Cause::Fault(CardFault::Gone)))), "{stopped:?}");
    assert!(session.submit(&commands[0].0).is_err() && session.poll().is_err(), "and stays stopped");
    assert_eq!(changes.borrow().last().map(|change| change.holder.clone()), Some(Holder::Nobody));
}

#[test]
fn a_card_that_comes_back_with_another_memory_is_not_taken() {
    let commands = reference(4, 600);
    let first = FaultPlan { side: Side::Card, kind: FaultKind::Dead, after: 100, seed: 4 };
    // The card that comes back gets one of the day's commands with a wrong bit.
    let second = FaultPlan { side: Side::Host, kind: FaultKind::Corrupted, after: 60, seed: 4 };
    let (session, changes) = open(options(), move |number| {
        let plan = if number == 0 { first } else { second };
        Ok(Box::new(FaultyCard::new(good_card(), plan)) as DynCard)
    });
    let mut session = session.unwrap_or_else(|error| panic!("{error}"));
    let (events, _) = drive(&mut session, &commands, &mut Random::new(4, 5)).unwrap_or_else(|error| panic!("{error}"));
    while session.work() {}
    assert!(events == expected_of(&commands) && !session.is_on_card());
    let causes: Vec<_> = changes.borrow().iter().filter_map(|change| change.cause.clone()).collect();
    assert!(matches!(causes[..], [Cause::Fault(CardFault::Gone), Cause::OtherImage { .. }]), "{causes:?}");
}

#[test]
fn a_card_that_comes_back_too_late_for_the_history_is_not_taken() {
    let commands = reference(5, 600);
    let plan = FaultPlan { side: Side::Card, kind: FaultKind::Dead, after: 300, seed: 5 };
    let (session, changes) = open(SessionOptions { history_commands: 100, ..options() }, move |number| {
        Ok(if number == 0 { Box::new(FaultyCard::new(good_card(), plan)) as DynCard } else { Box::new(good_card()) })
    });
    let mut session = session.unwrap_or_else(|error| panic!("{error}"));
    let (events, _) = drive(&mut session, &commands, &mut Random::new(5, 5)).unwrap_or_else(|error| panic!("{error}"));
    while session.work() {}
    assert!(events == expected_of(&commands) && !session.is_on_card());
    assert_eq!(
        changes.borrow().last().and_then(|change| change.cause.clone()),
        Some(Cause::HistoryFull { commands: 100 })
    );
}

#[test]
fn heartbeats_keep_the_watchdog_quiet_and_their_absence_is_told() {
    let watched = CardOptions { watchdog_period_cycles: 20_000, ring_size_log2: RING_LOG2 };
    let commands = reference(6, 2_000);
    for (heartbeat_every, trips) in [(Duration::ZERO, false), (Duration::from_secs(3600), true)] {
        let options = SessionOptions { card: watched, heartbeat_every, retry_every: None, ..options() };
        let (session, changes) = open(options, |_| Ok(Box::new(good_card()) as DynCard));
        let mut session = session.unwrap_or_else(|error| panic!("{error}"));
        let mut events = Vec::new();
        for (command, _) in &commands {
            events.extend_from_slice(session.apply(command).unwrap_or_else(|error| panic!("{error}")));
            // The card's clock goes on while nothing is asked.
            for _ in 0..20 {
                assert_eq!(session.poll().unwrap_or_else(|error| panic!("{error}")), None);
            }
            session.work();
        }
        assert!(events == expected_of(&commands));
        let last = changes.borrow().last().and_then(|change| change.cause.clone());
        assert_eq!(last, trips.then_some(Cause::Fault(CardFault::Tripped)));
    }
}

#[test]
fn a_difference_makes_the_driver_disarm_every_underlying_before_anything_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut disarmed = 0;
    for seed in 0..12 {
        let path = folder.path().join(format!("{seed}.journal"));
        let plan = FaultPlan { side: Side::Card, kind: FaultKind::Corrupted, after: 20, seed };
        let (session, changes) = open(SessionOptions { check_every: 1, ..options() }, move |number| {
            Ok(if number == 0 {
                Box::new(FaultyCard::new(good_card(), plan)) as DynCard
            } else {
                Box::new(good_card())
            })
        });
        let session = session.unwrap_or_else(|error| panic!("{error}"));
        let journal = journal::Writer::create(&path, SIZES).unwrap_or_else(|error| panic!("{error}"));
        let mut driver = Driver::with_card(session, Some(journal));
        let setup = Setup::wide_open(Configure { first_slot: 0, slot_count: 64, exact_mode: 0 });
        driver.set_up(0, 1, &setup).and_then(|()| driver.arm(0, 2)).unwrap_or_else(|error| panic!("{error}"));
        for now_ns in 3..40 {
            driver.send(0, now_ns, &Time::default()).unwrap_or_else(|error| panic!("{error}"));
        }
        driver.finish().unwrap_or_else(|error| panic!("{error}"));
        let differs = changes.borrow().iter().any(|change| matches!(change.cause, Some(Cause::Difference { .. })));
        let commands: Vec<Command> = journal::Reader::open(&path)
            .and_then(|reader| reader.collect::<Result<Vec<_>, _>>())
            .unwrap_or_else(|error| panic!("{error}"))
            .into_iter()
            .filter_map(|entry| if let journal::Entry::Command(command) = entry { Some(command) } else { None })
            .collect();
        let disarms = commands
            .iter()
            .filter(|command| command.kind() == Control::KIND && Control::decode(command).action == code::DISARM);
        assert_eq!(disarms.count(), if differs { SIZES.underlyings } else { 0 }, "seed {seed}: {changes:?}");
        // The ninth command armed; the event hit answers the twenty-first.
        let first = commands.iter().position(|command| command.kind() == Control::KIND && command.seq() > 9);
        assert_eq!(first, differs.then_some(21), "seed {seed}: the first command after the difference");
        let verification =
            journal::verify(&path, Form::best(), &mut |_, _| {}).unwrap_or_else(|error| panic!("{error}"));
        assert!(verification.is_clean(), "seed {seed}: the journal is the CPU's, with the commands that disarm");
        disarmed += u32::from(differs);
    }
    assert!(disarmed > 0, "some of the wrong bits are in what an event says");
}
