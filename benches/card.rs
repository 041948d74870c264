//! What a card costs the host: the driver's own share of a command, a quote's way to a card and back, and a card that
//! falls silent.
//!
//! ```text
//!   cargo bench --bench card [-- --core N]
//!
//!   own share     encode, post | poll, decode           against memory: nobody is waited for
//!   vfio-user     post ~~> card thread, kernel ~~> poll  mapped window and ring, one core each
//!   fail-over     post | silence | registers | CPU       a faulty card in process, which costs the host no time
//! ```
//!
//! # Budget, ns, on a quiet machine with two cores
//!
//! | figure | budget | a regression means |
//! |---|---|---|
//! | own share | 60, median | a register access, a copy or a clock has come into the driver's path |
//! | over vfio-user, quote in band | 1,000, median | more than two cache lines cross between the cores, or somebody sleeps |
//! | fail-over, from a quote to the CPU's event | 1,000,000, 99 % | silence is found late, or the image is far behind |
//!
//! Fail-over is with the deadlines of a card that answers in microseconds: [`ASK_AFTER`] until its registers are read,
//! [`DEADLINE`] until one that says it is busy is given up. It cannot be faster than they are.
//!
//! Everything is measured on the CPU. The card is the integer kernel behind a register front in another thread, so
//! no figure here is a time of a board, and none has PCIe in it. Where a budget is missed, the table says so; the
//! exit code is 0. Without `--bench` (as `cargo test --benches` calls it) few rounds run and nothing is claimed.

mod scenario;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use hdrhistogram::Histogram;
use hedgewire_abi::command::{Header, Quote};
use hedgewire_abi::event::{FLAG_LAST, Header as EventHeader, Refused};
use hedgewire_abi::register::{self, COMMAND_CREDIT, Register};
use hedgewire_abi::{Command, Event, LAYOUT_HASH, VERSION};
use hedgewire_host::card::ring::Producer;
use hedgewire_host::card::vfio_user::VfioUserCard;
use hedgewire_host::card::{
    Card, CardDriver, CardOptions, DmaMemory, LAST_WORD, Session, SessionOptions, WINDOW_LINES,
};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::card::server::{Pace, serve};
use hedgewire_sim::card::{FaultKind, FaultPlan, FaultyCard, InProcess, KernelEngine, Side};
use scenario::clock::Clock;
use scenario::{Mood, PRICE_REF, Scenario};

/// Commands posted before any is answered: as many as there is credit.
const BURST: usize = COMMAND_CREDIT as usize;
const SLOTS: usize = 1 << 12;
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// When the registers of a silent card are read, and when a busy one is given up.
const ASK_AFTER: Duration = Duration::from_micros(20);
const DEADLINE: Duration = Duration::from_micros(100);
/// Quotes before the card falls silent.
const GOOD_QUOTES: u64 = 50;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let is_bench = words.iter().any(|word| word == "--bench");
    let core = words.iter().position(|word| word == "--core").and_then(|at| words.get(at + 1)?.parse().ok());
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let host_core = core.map(|id| CoreId { id }).or_else(|| cores.last().copied());
    if let Some(core) = host_core {
        core_affinity::set_for_current(core);
    }
    let clock = Clock::new();
    let rounds = if is_bench { 20_000 } else { 20 };
    let own = own_share(&clock, rounds);
    let card_core = cores.iter().copied().find(|&core| Some(core) != host_core);
    let quotes = if is_bench { 400_000 } else { 400 };
    let round_trip = over_vfio_user(&clock, card_core, quotes);
    if is_bench {
        println!("host on core {:?}, card on core {:?}; measured on the CPU, no PCIe", host_core, card_core);
        show("own share: encode, post, poll, decode", &own, 0.5, 60);
        show("command to event over vfio-user, integer kernel, quote in band, 256 rows", &round_trip, 0.5, 1000);
    }
    for kind in [FaultKind::Dead, FaultKind::Stuck, FaultKind::Hung] {
        let ns = fail_over(kind, if is_bench { 500 } else { 2 });
        if is_bench {
            show(&format!("fail-over from a card that is {}", kind.name()), &ns, 0.99, 1_000_000);
        }
    }
}

/// `budget_ns` is for the quantile `of`.
fn show(what: &str, ns: &Histogram<u64>, of: f64, budget_ns: u64) {
    let at = |quantile| ns.value_at_quantile(quantile);
    let verdict = if at(of) <= budget_ns { "" } else { "  MISSED" };
    println!(
        "{what}: p50 {} ns, p10 {}, p99 {}, p99.9 {}, max {}, {} times; budget for p{} {budget_ns}{verdict}",
        at(0.5),
        at(0.1),
        at(0.99),
        at(0.999),
        ns.max(),
        ns.len(),
        of * 100.0
    );
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds of a histogram are legal")
}

// ---- own share ---------------------------------------------------------------------------------

/// Memory that takes commands and has a ring: a card of which only the host's side is there.
struct Loopback {
    window: DmaMemory,
    memory: DmaMemory,
    sizes: Sizes,
    registers: [u32; 64],
}

impl Card for Loopback {
    fn name(&self) -> String {
        "memory".into()
    }

    fn read(&mut self, register: Register) -> u32 {
        let constants = [
            (register::MAGIC, register::MAGIC_VALUE),
            (register::VERSION, VERSION.into()),
            (register::LAYOUT_HASH_LOW, LAYOUT_HASH as u32),
            (register::LAYOUT_HASH_HIGH, (LAYOUT_HASH >> 32) as u32),
            (register::ROWS, self.sizes.rows as u32),
            (register::INTERVALS, self.sizes.intervals as u32),
            (register::UNDERLYINGS, self.sizes.underlyings as u32),
        ];
        let constant = constants.iter().find(|(constant, _)| constant.offset == register.offset);
        constant.map_or(self.registers[register.offset as usize / 4], |(_, value)| *value)
    }

    fn write(&mut self, register: Register, value: u32) {
        let is_reset = register.offset == register::CONTROL.offset && value == register::RESET.mask();
        self.registers[register.offset as usize / 4] = if is_reset { 0 } else { value };
    }

    fn store(&mut self, line: usize, word: usize, value: u64) {
        let order = if word == LAST_WORD { Ordering::Release } else { Ordering::Relaxed };
        self.window.slots()[line].0[word].store(value, order);
    }

    fn memory(&self) -> &DmaMemory {
        &self.memory
    }
}

/// Per command, ns: bursts of posts, and of polls of events that are there already.
fn own_share(clock: &Clock, rounds: u32) -> Histogram<u64> {
    let sizes = Sizes { underlyings: 1, rows: 64, intervals: 4 };
    let (window, memory) = (DmaMemory::heap(WINDOW_LINES as usize, 0), DmaMemory::heap(SLOTS, 0));
    let card = Loopback { window, memory: memory.clone(), sizes, registers: [0; 64] };
    let mut driver = CardDriver::start(card, sizes, &CardOptions::default()).expect("memory is a good card");
    let mut producer = Producer::new(CardOptions::default().ring_size_log2, 1);
    let mut ns = histogram();
    let mut seq = 0;
    for _ in 0..rounds {
        let answers: [Event; BURST] = std::array::from_fn(|n| answer(seq + 1 + n as u64));
        let (post, ()) = clock.time(|| {
            for _ in 0..BURST {
                seq += 1;
                driver.post(&quote(seq));
            }
        });
        for event in &answers {
            assert!(producer.has_credit(), "the driver reports what it has read");
            let slot = &memory.slots()[producer.index()].0;
            let mut words = event.words();
            words[LAST_WORD] = producer.number();
            Producer::publish(slot, &words);
        }
        let (poll, exposure) = clock.time(|| {
            let mut exposure = 0;
            while let Ok(Some(event)) = driver.poll() {
                exposure ^= Refused::decode(&event).exposure;
                if event.command_seq() == seq {
                    break;
                }
            }
            exposure
        });
        black_box(exposure);
        assert_eq!(driver.unanswered(), 0);
        producer.consume(driver.card().registers[register::CONSUMER.offset as usize / 4]);
        ns.saturating_record(((clock.ns(post + poll)) / BURST as f64).round() as u64);
    }
    ns
}

fn quote(seq: u64) -> Command {
    let price = black_box(PRICE_REF) + (seq as u32 & 0xfff);
    let quote = Quote { price, hedge_price: price, bid: price - 1, ask: price + 1, ..Quote::default() };
    quote.encode(Header { underlying: 0, now_ns: seq, seq })
}

fn answer(seq: u64) -> Event {
    let refused = Refused { exposure: seq as i64, ..Refused::default() };
    refused.encode(EventHeader { flags: FLAG_LAST, now_ns: seq, command_seq: seq, seq, ..EventHeader::default() })
}

// ---- over vfio-user ----------------------------------------------------------------------------

/// Each from the first store of a quote to its event in hand, ns.
fn over_vfio_user(clock: &Clock, card_core: Option<CoreId>, quotes: usize) -> Histogram<u64> {
    let mut scenario = Scenario::new(Form::best(), 1, 256, Mood::InBand);
    let sizes = scenario.kernel.sizes();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("card.sock");
    let stop = Arc::new(AtomicBool::new(false));
    let card = spawn_card(sizes, &path, card_core, Arc::clone(&stop));
    let card_side = VfioUserCard::connect(&path, SLOTS, REPLY_TIMEOUT).expect("the card listens");
    let mut driver = CardDriver::start(card_side, sizes, &CardOptions::default()).expect("a good card");
    for command in scenario.set_up_commands() {
        driver.post(command);
        wait(&mut driver);
    }
    let mut ns = histogram();
    for n in 0..quotes {
        let command = scenario.quote(0, PRICE_REF + (n as u32).wrapping_mul(2_654_435_761) % (1 << 18));
        let expected = scenario.kernel.apply(&command)[0];
        let (ticks, event) = clock.time(|| {
            driver.post(&command);
            wait(&mut driver)
        });
        assert_eq!(event, expected, "the card answers as the kernel does");
        ns.saturating_record(clock.ns(ticks).round() as u64);
    }
    drop(driver);
    stop.store(true, Ordering::Relaxed);
    card.join().expect("the card ends");
    ns
}

fn spawn_card(sizes: Sizes, path: &Path, core: Option<CoreId>, stop: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let (path, (ready, is_ready)) = (path.to_path_buf(), channel());
    let card = thread::spawn(move || {
        if let Some(core) = core {
            core_affinity::set_for_current(core);
        }
        let pace = Pace { clock_hz: 250_000_000, delay_ns: 0 };
        let ready = || ready.send(()).expect("the bench waits");
        serve(KernelEngine::new(sizes, 2), &path, pace, false, &stop, ready).expect("the card is served");
    });
    is_ready.recv().expect("the card is ready");
    card
}

/// The last event of a command.
fn wait<C: Card>(driver: &mut CardDriver<C>) -> Event {
    loop {
        if let Some(event) = driver.poll().expect("a good card")
            && event.flags() & FLAG_LAST != 0
        {
            return event;
        }
    }
}

// ---- fail-over ---------------------------------------------------------------------------------

/// From the first store of the quote that the card does not answer to the CPU's event for it, ns.
fn fail_over(kind: FaultKind, rounds: u64) -> Histogram<u64> {
    let mut ns = histogram();
    for seed in 0..rounds {
        let mut scenario = Scenario::new(Form::best(), 1, 256, Mood::InBand);
        let sizes = scenario.kernel.sizes();
        let after = scenario.set_up_commands().len() as u64 + GOOD_QUOTES;
        let plan = FaultPlan { side: Side::Host, kind, after, seed };
        let connect = Box::new(move || {
            let card = InProcess::new(KernelEngine::new(sizes, 2), 1 << CardOptions::default().ring_size_log2);
            Ok(FaultyCard::new(card, plan))
        });
        let options =
            SessionOptions { ask_after: ASK_AFTER, deadline: DEADLINE, retry_every: None, ..SessionOptions::default() };
        let mut session = Session::open(Kernel::new(sizes, Form::best()), options, connect, Box::new(|_| {}))
            .expect("the CPU is there");
        for command in scenario.set_up_commands() {
            session.apply(command).expect("a policy to fall back");
        }
        while session.is_on_card() {
            while session.work() {}
            let command = scenario.quote(0, PRICE_REF);
            let expected = scenario.kernel.apply(&command)[0];
            let start = Instant::now();
            let event = session.apply(&command).expect("a policy to fall back")[0];
            if !session.is_on_card() {
                ns.saturating_record(start.elapsed().as_nanos() as u64);
            }
            assert_eq!(event, expected, "the CPU answers as the card would have");
        }
    }
    ns
}
