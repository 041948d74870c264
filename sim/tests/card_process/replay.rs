//! A replay through a card in another process gives the CPU's journal byte for byte, also when that process is
//! killed in the middle, and when another one comes back.

#[path = "../../../tests/support/real_data.rs"]
mod real_data;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use hedgewire_abi::Command;
use hedgewire_abi::register::Register;
use hedgewire_host::card::failover::Holder;
use hedgewire_host::card::vfio_user::VfioUserCard;
use hedgewire_host::card::{Card, CardFault, Cause, Change, DmaMemory, Session, SessionOptions};
use hedgewire_host::config::Plan;
use hedgewire_host::driver::Driver;
use hedgewire_host::journal::Writer;
use hedgewire_host::replay::{Options, replay, replay_with};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::capture::MarketCapture;
use hedgewire_sim::commands::CommandStream;
use hedgewire_sim::random::Random;
use real_data::real_data;

use super::process::{CardProcess, REPLY_TIMEOUT, RING_SLOTS};

/// Random points at which the card is killed.
const POINTS: u64 = 20;

/// A capture and a plan for it, and what computes in its card.
struct Day {
    engine: &'static str,
    folder: tempfile::TempDir,
    capture: PathBuf,
    plan: Plan,
}

impl Day {
    fn generated(packets: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let capture = folder.path().join("day.pcapng");
        MarketCapture { seed: 7, packets, ..MarketCapture::default() }.write(&capture).expect("a disk");
        let plan = Plan::parse(include_str!("generated.toml")).unwrap_or_else(|error| panic!("{error}"));
        Self { engine: "kernel", folder, capture, plan }
    }

    fn real() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let capture = real_data(&root, "deribit-legacy/sample_capture_v1_6.pcapng")?;
        let plan = Plan::load(&root.join("host/examples/deribit-legacy.toml")).unwrap_or_else(|e| panic!("{e}"));
        Some(Self { engine: "kernel", folder: tempfile::tempdir().expect("a folder"), capture, plan })
    }

    fn journal(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The journal of the CPU alone.
    fn on_cpu(&self) -> Vec<u8> {
        let path = self.journal("cpu");
        let options = Options { form: Form::best(), journal: Some(&path) };
        replay(&self.capture, &self.plan, &options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
        fs::read(path).expect("a journal")
    }

    /// The journal with a card that is killed when it has been posted `at` commands, what was told, and how many it was
    /// posted.
    fn on_card(&self, name: &str, at: Option<u64>) -> (Vec<u8>, Vec<Change>, u64) {
        let path = self.journal(name);
        let process = Rc::new(RefCell::new(CardProcess::start_with(self.engine, self.plan.sizes, &[])));
        let (changes, posted) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(0)));
        let connect = {
            let (process, posted) = (Rc::clone(&process), Rc::clone(&posted));
            Box::new(move || {
                let path = process.borrow().path();
                let card =
                    VfioUserCard::connect(&path, RING_SLOTS, REPLY_TIMEOUT).map_err(|error| error.to_string())?;
                let card = Doomed { card, process: Rc::clone(&process), at, posted: Rc::clone(&posted) };
                Ok(Box::new(card) as Box<dyn Card>)
            })
        };
        let told = Rc::clone(&changes);
        let observer = Box::new(move |change: &Change| told.borrow_mut().push(change.clone()));
        let driver = || {
            let kernel = Kernel::new(self.plan.sizes, Form::best());
            let session = Session::open(kernel, self.plan.card, connect, observer).unwrap_or_else(|e| panic!("{e}"));
            Ok(Driver::with_card(session, Some(Writer::create(&path, self.plan.sizes)?)))
        };
        replay_with(&self.capture, &self.plan, driver, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
        let posted = *posted.borrow();
        (fs::read(path).expect("a journal"), changes.take(), posted)
    }
}

/// A card whose process gets a SIGKILL once so many commands have been posted.
struct Doomed {
    card: VfioUserCard,
    process: Rc<RefCell<CardProcess>>,
    at: Option<u64>,
    posted: Rc<RefCell<u64>>,
}

impl Card for Doomed {
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
    fn post(&mut self, line: usize, command: &Command) {
        self.card.post(line, command);
        let mut posted = self.posted.borrow_mut();
        *posted += 1;
        if Some(*posted) == self.at {
            self.process.borrow_mut().kill();
        }
    }
    fn memory(&self) -> &DmaMemory {
        self.card.memory()
    }
    fn idle(&mut self) {
        self.card.idle();
    }
}

fn assert_killed_at_any_point_changes_nothing(day: &Day, what: &str, points: u64) {
    let expected = day.on_cpu();
    let (journal, changes, commands) = day.on_card("whole", None);
    assert!(journal == expected, "{what}: the card's journal is the CPU's");
    assert!(matches!(&changes[..], [Change { holder: Holder::Card(_), cause: None, .. }]), "{changes:?}");
    println!("{what}: {commands} commands, journal of {} bytes equal", journal.len());
    for seed in 0..points {
        let at = 1 + Random::new(seed, 0).index(commands as usize) as u64;
        let (journal, changes, _) = day.on_card(&format!("killed at {at} seed {seed}"), Some(at));
        assert!(journal == expected, "{what}: seed {seed}, killed at command {at}");
        let [_, taken] = &changes[..] else { panic!("{what}: seed {seed}: {changes:?}") };
        assert_eq!(taken.holder, Holder::Cpu);
        // The last command may have been answered before the signal came.
        assert!(taken.commands + 1 >= at && taken.commands <= at, "{taken} at {at}");
        assert_eq!(taken.cause, Some(Cause::Fault(CardFault::Gone)));
        println!("{what}: seed {seed}, killed at command {at}: {taken}");
    }
}

#[test]
fn a_card_killed_at_random_points_leaves_the_journal_of_a_generated_day_as_it_is() {
    assert_killed_at_any_point_changes_nothing(&Day::generated(3_000), "generated day", POINTS);
}

#[test]
fn a_card_killed_at_random_points_leaves_the_journal_of_a_real_capture_as_it_is() {
    let Some(day) = Day::real() else { return };
    assert_killed_at_any_point_changes_nothing(&day, "real capture", POINTS);
}

#[cfg(feature = "verilog")]
#[test]
fn the_verilog_of_the_card_killed_at_random_points_leaves_the_journal_of_a_generated_day_as_it_is() {
    if !super::verilator::has_verilator() {
        return;
    }
    let mut day = Day { engine: "verilator", ..Day::generated(150) };
    // A compiled core takes its time over a bank, and shares the machine with other tests.
    (day.plan.card.deadline, day.plan.card.swap_deadline) = (Duration::from_secs(120), Duration::from_secs(120));
    assert_killed_at_any_point_changes_nothing(&day, "generated day, compiled Verilog", POINTS);
}

#[cfg(feature = "verilog")]
#[test]
fn the_verilog_of_the_card_conforms_and_wakes_a_host_that_sleeps() {
    if !super::verilator::has_verilator() {
        return;
    }
    let sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };
    let process = CardProcess::start_with("verilator", sizes, &["--lanes", "1"]);
    let report = hedgewire_sim::card::conformance::run(process.connect(), sizes, 500, 4);
    println!("compiled Verilog: {:?}", report.unwrap_or_else(|failure| panic!("{failure}")));
    let report = hedgewire_sim::card::conformance::interrupt(process.connect(), sizes, 100, 4);
    println!("compiled Verilog, a host that sleeps: {:?}", report.unwrap_or_else(|failure| panic!("{failure}")));
    assert!(process.end().contains("0 writes blocked"));
}

/// How a process is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// SIGKILL.
    Killed,
    /// SIGSTOP: it is there, and says nothing.
    Stopped,
}

#[test]
fn a_process_that_is_killed_or_stands_still_is_replaced_and_the_time_is_printed() {
    let sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };
    // Microseconds, as for a card that answers in them.
    let options = SessionOptions {
        ask_after: Duration::from_micros(50),
        deadline: Duration::from_micros(300),
        retry_every: None,
        ..SessionOptions::default()
    };
    for loss in [Loss::Killed, Loss::Stopped] {
        let bounds = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3);
        let mut gaps = bounds.expect("constant bounds of a histogram are legal");
        for seed in 0..12 {
            let mut process = CardProcess::start(sizes, &[]);
            let path = process.path();
            let connect = Box::new(move || {
                VfioUserCard::connect(&path, RING_SLOTS, REPLY_TIMEOUT).map_err(|error| error.to_string())
            });
            let changes = Rc::new(RefCell::new(Vec::new()));
            let told = Rc::clone(&changes);
            let observer = Box::new(move |change: &Change| told.borrow_mut().push(change.clone()));
            let kernel = Kernel::new(sizes, Form::best());
            let mut session = Session::open(kernel, options, connect, observer).unwrap_or_else(|e| panic!("{e}"));
            let (mut stream, mut alone) = (CommandStream::new(seed, sizes), Kernel::new(sizes, Form::best()));
            let at = 20 + Random::new(seed, 3).index(200);
            for number in 0..300 {
                let command = stream.next(session.last_events());
                if number == at {
                    match loss {
                        Loss::Killed => process.kill(),
                        Loss::Stopped => process.signal("STOP"),
                    }
                }
                let (before, since) = (session.changes(), Instant::now());
                session.apply(&command).unwrap_or_else(|error| panic!("{error}"));
                if session.changes() > before {
                    gaps.saturating_record(since.elapsed().as_nanos() as u64);
                }
                let events = session.last_events();
                assert!(events == alone.apply(&command), "{loss:?}, seed {seed}: {command:?}");
                // The image is brought up between commands, as a driver does.
                while session.work() {}
            }
            assert!(!session.is_on_card() && session.changes() == 2, "{loss:?}, seed {seed}: {:?}", changes.borrow());
        }
        let us = |ns: u64| ns as f64 / 1e3;
        println!(
            "{loss:?}: from the command to the first event of the CPU: p50 {:.1} p99 {:.1} max {:.1} us, {} times",
            us(gaps.value_at_quantile(0.5)),
            us(gaps.value_at_quantile(0.99)),
            us(gaps.max()),
            gaps.len()
        );
    }
}

/// Commands before, while and after there is no card.
const PHASE: usize = 2_000;

#[test]
fn a_card_that_comes_back_is_given_the_day_and_goes_on() {
    let sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };
    for seed in 0..3 {
        let process = Rc::new(RefCell::new(CardProcess::start(sizes, &[])));
        let path = process.borrow().path();
        let connect = Box::new(move || {
            VfioUserCard::connect(&path, RING_SLOTS, REPLY_TIMEOUT).map_err(|error| error.to_string())
        });
        let observer = Box::new(move |change: &Change| println!("seed {seed}: {change}"));
        let options = SessionOptions { retry_every: Some(Duration::ZERO), ..SessionOptions::default() };
        let kernel = Kernel::new(sizes, Form::best());
        let mut session = Session::open(kernel, options, connect, observer).unwrap_or_else(|error| panic!("{error}"));
        let (mut stream, mut alone) = (CommandStream::new(seed, sizes), Kernel::new(sizes, Form::best()));
        let mut apply = |session: &mut Session<VfioUserCard>| {
            for _ in 0..PHASE {
                let command = stream.next(session.last_events());
                let events = session.apply(&command).unwrap_or_else(|error| panic!("{error}"));
                assert!(events == alone.apply(&command), "seed {seed}: {command:?}");
            }
        };
        apply(&mut session);
        assert!(session.is_on_card());
        process.borrow_mut().kill();
        apply(&mut session);
        assert!(!session.is_on_card());
        process.borrow_mut().restart();
        let start = Instant::now();
        while !session.is_on_card() {
            session.work();
            assert!(start.elapsed() < Duration::from_secs(60), "seed {seed}: the card is not taken back");
        }
        apply(&mut session);
        assert!(session.is_on_card() && session.changes() == 3);
    }
}
