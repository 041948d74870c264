//! All memory is taken at start: after `Kernel::new` no command and no background work allocates,
//! and a kernel of the default sizes takes less than 16 MiB.
//!
//! A test binary of its own, because it counts every allocation of the process on this thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use hedgewire_abi::event::{Hedge, Swapped};
use hedgewire_abi::{Command, Event};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::commands::CommandStream;

/// Most memory that a kernel of the default sizes may take, bytes.
const MEMORY_BYTES_MAX: usize = 16 << 20;

thread_local! {
    /// Allocations of this thread, and the bytes they asked for.
    static TAKEN: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, counting.
struct Counting;

impl Counting {
    fn count(bytes: usize) {
        // A thread that is being torn down has no counter left, and nothing to count.
        let _ = TAKEN.try_with(|taken| {
            let (count, sum) = taken.get();
            taken.set((count + 1, sum + bytes));
        });
    }
}

// SAFETY: every call is handed on to the system's allocator unchanged; counting touches a cell that
// needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        Self::count(bytes);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` allocated: number and bytes.
fn taken_by(work: impl FnOnce()) -> (usize, usize) {
    let before = TAKEN.get();
    work();
    let after = TAKEN.get();
    (after.0 - before.0, after.1 - before.1)
}

/// Drives a kernel by a stream, with background work between commands; returns what the kernel
/// alone allocated. The stream allocates as it likes.
fn taken_by_kernel(seed: u64, kernel: &mut Kernel, commands: u64) -> (usize, usize) {
    let mut stream = CommandStream::new(seed, kernel.sizes());
    let mut events: Vec<Event> = Vec::with_capacity(hedgewire_abi::MAX_EVENTS_PER_COMMAND);
    let mut sum = (0, 0);
    for turn in 0..commands {
        let command: Command = stream.next(&events);
        events.clear();
        let taken = taken_by(|| {
            events.extend_from_slice(kernel.apply(&command));
            for _ in 0..turn % 7 {
                kernel.work();
            }
        });
        sum = (sum.0 + taken.0, sum.1 + taken.1);
    }
    let reached = stream.statistics();
    assert!(reached.event_count(Swapped::KIND) > 0 && reached.event_count(Hedge::KIND) > 0, "{reached}");
    sum
}

#[test]
fn the_counter_counts() {
    assert_eq!(taken_by(|| drop(Vec::<u8>::with_capacity(1_000))), (1, 1_000));
    assert_eq!(taken_by(|| ()), (0, 0));
}

#[test]
fn kernel_takes_less_than_sixteen_mebibytes_and_only_at_start() {
    for form in [Form::Scalar, Form::Avx2].into_iter().filter(|form| form.is_supported()) {
        let mut kernel = None;
        let (count, bytes) = taken_by(|| kernel = Some(Kernel::new(Sizes::default(), form)));
        println!("{}: {bytes} bytes in {count} allocations", form.name());
        assert!(bytes > 0 && bytes < MEMORY_BYTES_MAX, "{bytes} bytes");
        let mut kernel = kernel.expect("it was made");
        let taken = taken_by_kernel(1, &mut kernel, 60_000);
        assert_eq!(taken, (0, 0), "{}: allocations after start", form.name());
    }
}

#[test]
fn small_kernels_do_not_allocate_after_start_either() {
    let sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };
    for seed in 10..14 {
        let mut kernel = Kernel::new(sizes, Form::best());
        assert_eq!(taken_by_kernel(seed, &mut kernel, 60_000), (0, 0), "seed={seed}");
    }
}
