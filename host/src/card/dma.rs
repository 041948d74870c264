//! Memory that a card and the host both reach: slots of 64 bytes, touched by atomic words only.
//!
//! ```text
//!   owner (mapping, kept alive) --- start ---> | slot 0 | slot 1 | ... |       bus address of slot 0
//! ```
//!
//! Invariant: the memory stays mapped, at the same place, while any clone of its [`DmaMemory`] lives.

use std::any::Any;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::MmapOptions;

use super::memory::Memory;

// Words are little-endian on the wire and are loaded and stored whole.
const _: () = assert!(cfg!(target_endian = "little"), "records are shared with cards as little-endian words");

/// Words of a slot.
pub const SLOT_WORDS: usize = 8;

/// One record's place: a cache line.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Slot(pub [AtomicU64; SLOT_WORDS]);

/// Memory shared with a card.
#[derive(Clone)]
pub struct DmaMemory {
    start: NonNull<Slot>,
    slots: usize,
    bus_address: u64,
    /// Keeps the memory mapped.
    _owner: Arc<dyn Any + Send + Sync>,
}

// SAFETY: the memory belongs to nobody's thread: it is reached through atomics alone, and its owner, which is
// `Send + Sync` itself, keeps it where it is.
unsafe impl Send for DmaMemory {}
// SAFETY: as above.
unsafe impl Sync for DmaMemory {}

impl DmaMemory {
    /// Memory of `slots` slots from `start` on, that the card reaches at `bus_address`.
    ///
    /// # Safety
    /// From `start` on, that many slots must be mapped for reading and writing while `owner` lives, and this
    /// process must reach them through [`DmaMemory`] only.
    ///
    /// # Panics
    /// If `start` is not aligned to a slot.
    pub unsafe fn new(owner: Arc<dyn Any + Send + Sync>, start: NonNull<u8>, slots: usize, bus_address: u64) -> Self {
        let start = start.cast::<Slot>();
        assert!(start.is_aligned(), "DMA memory starts at a slot");
        Self { start, slots, bus_address, _owner: owner }
    }

    /// Memory of this process alone, for a card in process.
    pub fn heap(slots: usize, bus_address: u64) -> Self {
        let owner: Arc<Box<[Slot]>> = Arc::new((0..slots).map(|_| Slot::default()).collect());
        let start = NonNull::from(&owner[..]).cast::<u8>();
        // SAFETY: the slice is `slots` long, aligned by its type, and lives as long as the owner. Slots are
        // atomics, so writing through a pointer from a shared reference is theirs to allow.
        unsafe { Self::new(owner, start, slots, bus_address) }
    }

    /// Slots of memory that was taken for a card, which reaches the first of them at `bus_address`.
    ///
    /// # Panics
    /// If the memory has not all of them.
    pub fn of(memory: Arc<Memory>, slots: Range<usize>, bus_address: u64) -> Self {
        let words = &memory.words()[slots.start * SLOT_WORDS..slots.end * SLOT_WORDS];
        let start = NonNull::from(words).cast::<u8>();
        // SAFETY: these words are writable, start at a slot of page-aligned memory, and stay where they are while the
        // `Arc` owns it; the memory gives out nothing but atomics.
        unsafe { Self::new(memory, start, slots.len(), bus_address) }
    }

    /// Memory of `slots` slots that a file holds from `offset` on, a multiple of a page.
    ///
    /// # Errors
    /// If the system cannot map it.
    pub fn map(file: &File, offset: u64, slots: usize, bus_address: u64) -> io::Result<Self> {
        let map = MmapOptions::new().offset(offset).len(slots * size_of::<Slot>()).map_raw(file)?;
        let start = NonNull::new(map.as_mut_ptr()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // SAFETY: the mapping is as long as asked for, readable and writable (`map_raw`) while the `Arc` owns it,
        // starts at a page, and nobody else in this process has its address.
        Ok(unsafe { Self::new(Arc::new(map), start, slots, bus_address) })
    }

    /// The slots.
    #[inline]
    pub fn slots(&self) -> &[Slot] {
        // SAFETY: mapped for this length while the owner lives, which `self` keeps; aligned (asserted); any bits
        // are a valid slot, and it is only touched by atomics.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.slots) }
    }

    /// Where the card reaches slot 0.
    pub fn bus_address(&self) -> u64 {
        self.bus_address
    }

    /// Makes every word zero.
    pub fn clear(&self) {
        self.slots().iter().flat_map(|slot| &slot.0).for_each(|word| word.store(0, Ordering::Relaxed));
    }
}
