//! The running engine's path from a datagram to the bytes of an order allocates nothing once warm.
//!
//! ```text
//!   datagram ──► books, quote, kernel, hedge, order, session ──► bytes in the session's buffer      counted: 0
//! ```
//!
//! A binary of its own, because it has an allocator of its own. What is counted is what a call of the engine with a
//! datagram asks of the allocator, for datagrams that quotes or hedges come of; venue and rig around it may do as they like.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[path = "live/plans.rs"]
#[allow(dead_code, reason = "shared with the tests of the running engine")]
mod plans;
#[path = "live/rig.rs"]
#[allow(dead_code, reason = "shared with the tests of the running engine")]
mod rig;

use hedgewire_sim::venue::{FaultSettings, Lines, VenueSettings};
use rig::{MS, Metered, Rig, UNIT, settings};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn allocations() -> u64 {
    ALLOCATIONS.get()
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

/// Counts what this thread asks for.
struct Counting;

// SAFETY: every method hands its arguments to `System` unchanged and returns what that returns, so it keeps the
// contract that `System` keeps; counting touches a thread-local cell without a destructor and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises for `alloc` are those that `System.alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises for `alloc_zeroed` are those that `System.alloc_zeroed` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: `block` came from this allocator, so from `System`, with this layout; the rest the caller promises.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from this allocator, so from `System`, with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Trades for some seconds, so often that packets find something to hedge.
fn trade(rig: &mut Rig, seconds: i64) {
    for _ in 0..seconds * 5 {
        rig.run(200 * MS);
        rig.trade();
    }
}

#[test]
fn from_datagram_to_order_bytes_nothing_is_allocated_once_warm() {
    let settings = VenueSettings { lines: Lines::Both, ..settings(91, FaultSettings::default()) };
    let mut rig = Rig::new(settings);
    rig.meter = Some(allocations);
    let before = allocations();
    drop(std::hint::black_box(Box::new(1u8)));
    assert_eq!(allocations(), before + 1, "the meter counts");
    rig.run(4 * UNIT);
    trade(&mut rig, 10);
    rig.metered = Metered::default();
    trade(&mut rig, 20);
    let Metered { quotes, hedges, cost } = rig.metered;
    println!("{quotes} quotes, {hedges} hedges by datagrams: {cost} allocations");
    assert!(quotes > 500 && hedges > 5, "{:?}", rig.metered);
    assert_eq!(cost, 0, "{:?}", rig.metered);
}
