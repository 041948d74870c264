//! A kernel takes its memory when it is made, and from then on touches no allocator: a command has no
//! page to wait for, and a day of trading cannot run out of memory.
//!
//! The allocator of this test program counts for the thread that asks it to. Streams are generated
//! before counting, by the events of a kernel of their own; only `Kernel::apply` and `Kernel::work` are
//! counted.
//!
//! Invariant: nothing but kernels runs while counting. The limit of 16 MiB is the project's, for a kernel
//! of default sizes; rows and ladders take a tenth of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use hedgewire_abi::command::{
    Build, Configure, Control, Header, OpenBank, Quote, Reconcile, Swap, Time, Trade, WriteRow, code,
};
use hedgewire_abi::event::{Refused, Swapped};
use hedgewire_abi::{Command, Reason};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::commands::CommandStream;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Most that a kernel of default sizes may hold.
const LIVE_BYTES_MAX: i64 = 16 << 20;
const SEED: u64 = 20_260_731;
const STREAM_COMMANDS: usize = 150_000;
/// 60,000 USD at a tick of 0.5, in price units.
const PRICE_REF: u32 = 120_000 << 8;
const START_NS: u64 = 1_700_000_000_000_000_000;

// ---- the allocator ---------------------------------------------------------------------------

/// What a thread asked of the allocator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    allocations: u64,
    frees: u64,
    live_bytes: i64,
}

thread_local! {
    // Constant and without a destructor, so that reading it allocates nothing itself.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, frees: 0, live_bytes: 0 }) };
}

/// The system's allocator, counting per thread.
struct Counting;

fn count(allocations: u64, frees: u64, live_bytes: i64) {
    let counts = COUNTS.get();
    COUNTS.set(Counts {
        allocations: counts.allocations + allocations,
        frees: counts.frees + frees,
        live_bytes: counts.live_bytes + live_bytes,
    });
}

fn size(layout: Layout) -> i64 {
    layout.size() as i64
}

// SAFETY: every method hands its arguments to `System` unchanged and returns what that returns, so it
// keeps the contract that `System` keeps; counting touches a thread-local cell only and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 0, size(layout));
        // SAFETY: the caller's promises for `alloc` are those that `System.alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, 0, size(layout));
        // SAFETY: the caller's promises for `alloc_zeroed` are those that `System.alloc_zeroed` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(1, 1, new_size as i64 - size(layout));
        // SAFETY: `block` came from this allocator, so from `System`, with this layout; the rest the
        // caller promises.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, 1, -size(layout));
        // SAFETY: `block` came from this allocator, so from `System`, with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs something; returns what it asked of the allocator, and its result.
fn counted<T>(run: impl FnOnce() -> T) -> (Counts, T) {
    let before = COUNTS.get();
    let result = run();
    let after = COUNTS.get();
    let counts = Counts {
        allocations: after.allocations - before.allocations,
        frees: after.frees - before.frees,
        live_bytes: after.live_bytes - before.live_bytes,
    };
    (counts, result)
}

// ---- streams ---------------------------------------------------------------------------------

/// Commands, made by answering a kernel's events with more of them.
fn mixed_stream(seed: u64, sizes: Sizes, form: Form) -> Vec<Command> {
    let (mut stream, mut kernel) = (CommandStream::new(seed, sizes), Kernel::new(sizes, form));
    let mut commands = Vec::with_capacity(STREAM_COMMANDS);
    let mut events = Vec::new();
    for _ in 0..STREAM_COMMANDS {
        let command = stream.next(&events);
        events = kernel.apply(&command).to_vec();
        commands.push(command);
    }
    commands
}

/// Commands numbered from 1, at one time.
struct Script {
    commands: Vec<Command>,
    feed_seq: u32,
    rng: ChaCha8Rng,
}

impl Script {
    fn push(&mut self, underlying: u8, encode: impl FnOnce(Header) -> Command) {
        let seq = self.commands.len() as u64 + 1;
        self.commands.push(encode(Header { underlying, now_ns: START_NS + seq, seq }));
    }

    /// Every slot and every interval of every underlying in use, three times over, with quotes and trades
    /// before, during and after each build.
    fn full_size(seed: u64, sizes: Sizes) -> Vec<Command> {
        let mut script = Self { commands: Vec::new(), feed_seq: 0, rng: ChaCha8Rng::seed_from_u64(seed) };
        let slot_count = (sizes.rows / sizes.underlyings) as u32;
        for underlying in 0..sizes.underlyings as u8 {
            let first_slot = u32::from(underlying) * slot_count;
            script.push(underlying, |h| Configure { first_slot, slot_count, exact_mode: 0 }.encode(h));
            script.push(underlying, |h| Reconcile::default().encode(h));
            script.push(underlying, |h| Control { action: code::ARM }.encode(h));
        }
        for bank_id in 1..=3 {
            for underlying in 0..sizes.underlyings as u8 {
                let slots = u32::from(underlying) * slot_count..(u32::from(underlying) + 1) * slot_count;
                script.bank(underlying, bank_id, slots, sizes.intervals as u32);
            }
        }
        script.commands
    }

    fn bank(&mut self, underlying: u8, bank_id: u32, slots: std::ops::Range<u32>, intervals: u32) {
        self.push(underlying, |h| open(bank_id).encode(h));
        for slot in slots.clone() {
            let row = self.row(slot);
            self.push(underlying, |h| row.encode(h));
        }
        self.market(underlying, &slots, 200);
        self.push(underlying, |h| Build { centre: PRICE_REF, intervals, step_shift: 12 }.encode(h));
        self.market(underlying, &slots, 200);
        self.push(underlying, |h| Swap {}.encode(h));
        self.market(underlying, &slots, 200);
    }

    /// Quotes on and off the ladder, trades, and time.
    fn market(&mut self, underlying: u8, slots: &std::ops::Range<u32>, count: u32) {
        for at in 0..count {
            let (slot, quantity) = (self.rng.random_range(slots.clone()), self.rng.random_range(-200..=200));
            let price = PRICE_REF + self.rng.random_range(0..2_000_000) - 1_000_000;
            self.feed_seq += 1;
            let feed_seq = self.feed_seq;
            let (bid, ask) = (price - 128, price + 128);
            let quote =
                Quote { flags: code::WANT_RISK, feed_seq, bid, ask, price, hedge_price: price, ..Quote::default() };
            match at % 4 {
                0 => self.push(underlying, |h| Trade { slot, quantity, cash: 0 }.encode(h)),
                1 => self.push(underlying, |h| Time { flags: 0 }.encode(h)),
                _ => self.push(underlying, |h| quote.encode(h)),
            }
        }
    }

    /// Options of all sorts, ranges, and some empty slots.
    fn row(&mut self, slot: u32) -> WriteRow {
        let rng = &mut self.rng;
        let (a, x) = (rng.random_range(1u32..200 << 18), rng.random_range(-(1i64 << 27)..1 << 27));
        let edge = rng.random_range(0x1f00_0000u32..0x2100_0000);
        let omega_delta = rng.random_range(-(1 << 30)..1 << 30);
        let option = WriteRow { a, b: -((i64::from(a) * x) >> 16), ..WriteRow::default() };
        let row = match rng.random_range(0..10) {
            0 => WriteRow::default(),
            1 => WriteRow { row_kind: code::RANGE, a: edge, b: i64::from(edge) + (1 << 22), ..WriteRow::default() },
            2..6 => WriteRow { row_kind: code::CALL, ..option },
            _ => WriteRow { row_kind: code::PUT, ..option },
        };
        let (omega_gamma, shift) = (((i64::from(omega_delta) * i64::from(a)) >> 31) as i32, 14);
        let group = rng.random_range(0..2);
        let omegas = WriteRow { slot, omega_delta, omega_gamma, omega_vega: omega_delta, group, ..row };
        WriteRow { shift_delta: shift, shift_gamma: shift, shift_vega: shift, ..omegas }
    }
}

fn open(bank_id: u32) -> OpenBank {
    OpenBank {
        bank_id,
        price_ref: PRICE_REF,
        contract_scale: 3_435_973_836,
        contract_shift: 35,
        band_factor: 1 << 20,
        band_shift: 20,
        delta_bits: 24,
        gamma_bits: 11,
        vega_bits: 20,
        valid_until_ns: u64::MAX,
        ..OpenBank::default()
    }
}

// ---- the tests -------------------------------------------------------------------------------

/// What came of a stream.
#[derive(Debug, Clone, Copy, Default)]
struct Answers {
    events: u64,
    swaps: u64,
    refused_commands: u64,
    work: u64,
}

/// Sends the commands, with background work between them; nothing in here may allocate.
fn drive(kernel: &mut Kernel, commands: &[Command]) -> Answers {
    let mut answers = Answers::default();
    for (at, command) in commands.iter().enumerate() {
        for event in black_box(kernel.apply(command)) {
            answers.events += 1;
            answers.swaps += u64::from(event.kind() == Swapped::KIND);
            let is_refused = event.kind() == Refused::KIND && event.0[3] >= Reason::BadVersion as u8;
            answers.refused_commands += u64::from(is_refused);
        }
        // From none to many pieces, so that builds end at every stage of what follows them.
        for _ in 0..at % 7 {
            answers.work += u64::from(kernel.work());
        }
    }
    while kernel.work() {
        answers.work += 1;
    }
    answers
}

fn forms() -> impl Iterator<Item = Form> {
    [Form::Scalar, Form::Avx2].into_iter().filter(|form| form.is_supported())
}

#[test]
fn the_allocator_counts() {
    let (counts, bytes) = counted(|| black_box(vec![1u8; 1_000]));
    assert_eq!(counts, Counts { allocations: 1, frees: 0, live_bytes: 1_000 });
    let (counts, ()) = counted(|| drop(bytes));
    assert_eq!(counts, Counts { allocations: 0, frees: 1, live_bytes: -1_000 });
}

#[test]
fn kernel_of_default_sizes_lives_in_less_than_16_mib() {
    let default = Sizes { underlyings: 8, rows: 4_096, intervals: 256 };
    assert_eq!(Sizes::default(), default);
    let (counts, kernel) = counted(|| Kernel::new(default, Form::best()));
    let bytes = counts.live_bytes + size_of::<Kernel>() as i64;
    println!("kernel of default sizes: {bytes} bytes live ({:.2} MiB)", bytes as f64 / f64::from(1 << 20));
    assert!(bytes < LIVE_BYTES_MAX, "{bytes}");
    // Two banks of 4,096 rows in 20 packed bytes and two ladders of 256 cache lines for each underlying
    // are the least that can be: a figure below that would mean that the count misses something.
    assert!(bytes > 2 * 4_096 * 20 + 8 * 2 * 256 * 64, "{bytes}");
    drop(kernel);
}

#[test]
fn no_command_of_a_mixed_stream_touches_the_allocator() {
    for form in forms() {
        let commands = mixed_stream(SEED, Sizes::default(), form);
        let mut kernel = Kernel::new(Sizes::default(), form);
        let (counts, answers) = counted(|| drive(&mut kernel, &commands));
        println!("{form:?}, mixed: {} commands, {answers:?}", commands.len());
        assert_eq!(counts, Counts::default(), "seed {SEED}, {form:?}");
        assert!(answers.swaps >= 10 && answers.work > 1_000, "seed {SEED}: {answers:?}");
    }
}

#[test]
fn no_build_or_swap_of_full_size_touches_the_allocator() {
    for form in forms() {
        let sizes = Sizes::default();
        let commands = Script::full_size(SEED, sizes);
        let mut kernel = Kernel::new(sizes, form);
        let (counts, answers) = counted(|| drive(&mut kernel, &commands));
        println!("{form:?}, full size: {} commands, {answers:?}", commands.len());
        assert_eq!(counts, Counts::default(), "seed {SEED}, {form:?}");
        // Three banks of each underlying, and no command that was not carried out.
        assert_eq!((answers.swaps, answers.refused_commands), (3 * sizes.underlyings as u64, 0), "seed {SEED}");
    }
}
