//! A card in the host's own thread: it goes on when the host has nothing to do, a cycle at a time.
//!
//! ```text
//!   store, write --> Front        idle --> Front::step(1 cycle) --> DMA memory (this process)
//! ```
//!
//! Invariant: deterministic. Equal calls give equal events after equal numbers of calls to `idle`.

use hedgewire_abi::Event;
use hedgewire_abi::register::Register;
use hedgewire_host::card::ring::Producer;
use hedgewire_host::card::{ALL_ONES, Card, DmaMemory};

use super::{Bus, Engine, Front};

/// Where the host's memory is on the bus of a card in process.
const BUS_ADDRESS: u64 = 0x1_0000_0000;

/// A card and its memory.
pub struct InProcess<E> {
    front: Front<E>,
    memory: Memory,
}

impl<E: Engine> InProcess<E> {
    /// A card after power-up, with room for a ring of `slots`.
    pub fn new(engine: E, slots: usize) -> Self {
        Self { front: Front::new(engine), memory: Memory(DmaMemory::heap(slots, BUS_ADDRESS)) }
    }
}

/// Host memory as the card reaches it.
struct Memory(DmaMemory);

impl Bus for Memory {
    #[inline]
    fn write(&mut self, address: u64, event: &Event) {
        write_slot(&self.0, address, event);
    }
}

/// Writes an event to a bus address inside the memory; false if it is outside.
pub(super) fn write_slot(memory: &DmaMemory, address: u64, event: &Event) -> bool {
    let index = address.wrapping_sub(memory.bus_address()) / hedgewire_abi::RECORD_BYTES as u64;
    let slot = usize::try_from(index).ok().and_then(|index| memory.slots().get(index));
    if let Some(slot) = slot {
        Producer::publish(&slot.0, &event.words());
    }
    slot.is_some()
}

impl<E: Engine> Card for InProcess<E> {
    fn name(&self) -> String {
        "a card in process".into()
    }

    /// A read that the card refuses gives all ones, as a bus error does.
    fn read(&mut self, register: Register) -> u32 {
        self.front.read(register.offset).unwrap_or(ALL_ONES)
    }

    fn write(&mut self, register: Register, value: u32) {
        // Posted: nobody hears of a refusal, and nothing has changed.
        let _ = self.front.write(register.offset, value);
    }

    fn store(&mut self, _line: usize, word: usize, value: u64) {
        self.front.store(word, value);
    }

    fn memory(&self) -> &DmaMemory {
        &self.memory.0
    }

    fn idle(&mut self) {
        self.front.step(1, &mut self.memory);
    }
}
