//! Whatever happens to a card, the stream of events is the kernel's: nothing lost, doubled or changed. Here for a card
//! in process; those in another process have the same campaign in `sim/tests/card_process`.

use std::rc::Rc;
use std::time::Duration;

use hedgewire_abi::Command;
use hedgewire_abi::command::{Configure, Control, Time, code};
use hedgewire_abi::register::{self, Register};
use hedgewire_host::card::failover::Holder;
use hedgewire_host::card::{
    BringUpError, Card, CardFault, CardOptions, Cause, Change, DmaMemory, OnFault, SessionError, SessionOptions,
};
use hedgewire_host::driver::{Driver, Setup};
use hedgewire_host::journal;
use hedgewire_kernel::{Form, Sizes};
use hedgewire_sim::card::campaign::{Backend, DynCard, Seen, drive, expected_of, in_microseconds, open, reference};
use hedgewire_sim::card::{FaultKind, FaultPlan, FaultyCard, InProcess, KernelEngine, Side};
use hedgewire_sim::random::Random;

const SIZES: Sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };

fn options() -> SessionOptions {
    in_microseconds()
}

fn good_card() -> InProcess<KernelEngine> {
    InProcess::new(KernelEngine::new(SIZES, 2), 1 << options().card.ring_size_log2)
}

fn in_process(check_every: u32) -> Backend {
    let options = SessionOptions { check_every, ..options() };
    let connect = Rc::new(|| Ok(Box::new(good_card()) as DynCard));
    Backend { name: "integer kernel in process", sizes: SIZES, options, commands: 1_200, absorbs: &[], connect }
}

#[test]
fn nothing_is_lost_doubled_or_changed_where_every_command_is_compared_first() {
    let campaign = in_process(1).campaign(24).unwrap_or_else(|error| panic!("{error}"));
    println!("{campaign}");
    campaign.nothing_is_harmed().unwrap_or_else(|error| panic!("{error}"));
    assert!(campaign.disarmed > 0, "wrong bits in what an event says are differences, and disarm");
}

#[test]
fn what_is_compared_afterwards_is_found_and_disarms() {
    let campaign = in_process(0).campaign(24).unwrap_or_else(|error| panic!("{error}"));
    println!("{campaign}");
    let changed = |is: fn(FaultKind) -> bool| -> usize {
        campaign.seen.iter().filter(|((_, kind), _)| is(*kind)).map(|(_, seen)| seen.tally.changed).sum()
    };
    assert!(changed(|kind| kind == FaultKind::Corrupted) > 0, "without a comparison a wrong bit can pass");
    // An event that comes twice can pass too, where two commands in a row have one number: the stream sends such.
    assert_eq!(changed(|kind| !matches!(kind, FaultKind::Corrupted | FaultKind::Doubled)), 0, "and nothing else can");
    assert!(campaign.disarmed > 0, "each of them was found afterwards");
}

#[test]
fn a_sample_is_compared_first_and_the_rest_afterwards() {
    let mut seen = Seen::default();
    for seed in 0..8 {
        let plan = FaultPlan { side: Side::Card, kind: FaultKind::Dropped, after: 40 * seed, seed };
        in_process(7).run(plan, &mut seen).unwrap_or_else(|error| panic!("{error}"));
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
    let commands = reference(SIZES, 1, 200);
    for (connect, is_cause) in cases {
        let (session, changes) = open(SIZES, SessionOptions { retry_every: None, ..options() }, move |_| connect());
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
    let (session, _) = open(SIZES, stop, |_| Err("none there".into()));
    assert!(matches!(session, Err(SessionError::Stopped(Cause::NoCard(_)))));

    let plan = FaultPlan { side: Side::Card, kind: FaultKind::Dead, after: 50, seed: 3 };
    let (session, changes) = open(SIZES, stop, move |_| Ok(Box::new(FaultyCard::new(good_card(), plan)) as DynCard));
    let mut session = session.unwrap_or_else(|error| panic!("{error}"));
    let commands = reference(SIZES, 3, 200);
    let stopped = drive(&mut session, &commands, &mut Random::new(3, 5)).err();
    assert!(matches!(stopped, Some(SessionError::Stopped(Cause::Fault(CardFault::Gone)))), "{stopped:?}");
    assert!(session.submit(&commands[0].0).is_err() && session.poll().is_err(), "and stays stopped");
    assert_eq!(changes.borrow().last().map(|change| change.holder.clone()), Some(Holder::Nobody));
}

#[test]
fn a_card_that_comes_back_with_another_memory_is_not_taken() {
    let commands = reference(SIZES, 4, 600);
    let first = FaultPlan { side: Side::Card, kind: FaultKind::Dead, after: 100, seed: 4 };
    // The card that comes back gets one of the day's commands with a wrong bit.
    let second = FaultPlan { side: Side::Host, kind: FaultKind::Corrupted, after: 60, seed: 4 };
    let (session, changes) = open(SIZES, options(), move |number| {
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
    let commands = reference(SIZES, 5, 600);
    let plan = FaultPlan { side: Side::Card, kind: FaultKind::Dead, after: 300, seed: 5 };
    let (session, changes) = open(SIZES, SessionOptions { history_commands: 100, ..options() }, move |number| {
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
    let watched = CardOptions { watchdog_period_cycles: 20_000, ring_size_log2: options().card.ring_size_log2 };
    let commands = reference(SIZES, 6, 2_000);
    for (heartbeat_every, trips) in [(Duration::ZERO, false), (Duration::from_secs(3600), true)] {
        let options = SessionOptions { card: watched, heartbeat_every, retry_every: None, ..options() };
        let (session, changes) = open(SIZES, options, |_| Ok(Box::new(good_card()) as DynCard));
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
        let (session, changes) = open(SIZES, SessionOptions { check_every: 1, ..options() }, move |number| {
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
