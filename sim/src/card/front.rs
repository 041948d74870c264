//! A card's registers, command window, queue, watchdog and event-ring writer, in software: `hdl/src/host` in
//! Rust, over any engine.
//!
//! ```text
//!   store --> window --> queue --> Engine --> number --> Bus (host memory)
//!                          ^                    ^
//!   read, write --> registers ---- enable ------+--- credit
//!                          |
//!                       watchdog, counts the cycles it is told of
//! ```
//!
//! Offsets and access come from `hedgewire_abi::register`; what each means is its description there.
//!
//! Invariants:
//! * an event is taken from the engine only with credit in the ring: nothing is overwritten, whatever the host
//!   writes;
//! * a command with a word missing, without room, or with the intake closed, is dropped, counted and flagged;
//! * time is the cycles given to [`Front::step`]: no clock is read here.

use std::collections::VecDeque;

use hedgewire_abi::register::{
    self, Access, COMMAND_CREDIT, Flag, MAGIC_VALUE, RING_SIZE_LOG2_MAX, Register, slot_offset,
};
use hedgewire_abi::{Command, Event, LAYOUT_HASH, VERSION};
use hedgewire_host::card::LAST_WORD;
use hedgewire_host::card::ring::Producer;

use super::Engine;

/// Commands that wait for the engine, as in hardware: as many as the window may hold, and as many again.
const QUEUE_COMMANDS: usize = 2 * COMMAND_CREDIT as usize;
/// All words of a command but the last have been written.
const ALL_SEEN: u8 = (1 << LAST_WORD) - 1;

/// Where events are written to.
pub trait Bus {
    /// Writes a record of 64 bytes, its last word last.
    fn write(&mut self, address: u64, event: &Event);
}

/// An access that the card refuses (a bus error); nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// What a card has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Commands answered.
    pub commands: u64,
    /// Events written.
    pub events: u64,
    /// Commands dropped.
    pub lost: u64,
    /// Resets.
    pub resets: u64,
}

/// What a reset clears.
#[derive(Default)]
struct State {
    enabled: bool,
    ring_base: u64,
    ring_size_log2: u32,
    watchdog_period: u32,
    silent_cycles: u64,
    tripped: bool,
    window: [u64; 8],
    seen: u8,
    queue: VecDeque<Command>,
    producer: Option<Producer>,
    commands: u64,
    commands_lost: u32,
    commands_high: u32,
    events_high: u32,
    sticky: u32,
}

/// The card around an engine.
pub struct Front<E> {
    engine: E,
    state: State,
    is_resetting: bool,
    served: Served,
}

impl<E: Engine> Front<E> {
    /// A card after power-up.
    pub fn new(engine: E) -> Self {
        Self { engine, state: State::default(), is_resetting: false, served: Served::default() }
    }

    /// The engine.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// What it has done.
    pub fn served(&self) -> Served {
        self.served
    }

    // ---- registers ---------------------------------------------------------------------------

    /// Reads the register at an offset.
    ///
    /// # Errors
    /// [`Refused`] if there is none, or it cannot be read.
    pub fn read(&mut self, offset: u32) -> Result<u32, Refused> {
        let register = find(offset, Access::WriteOnly)?;
        let (sizes, hash) = (self.engine.sizes(), LAYOUT_HASH);
        let build = u64::from_le_bytes(self.engine.build());
        let state = &mut self.state;
        let events = state.producer.as_ref().map_or(0, |producer| producer.next_seq() - 1);
        let is = |other: Register| register.offset == other.offset;
        Ok(match register.offset {
            _ if is(register::MAGIC) => MAGIC_VALUE,
            _ if is(register::VERSION) => VERSION.into(),
            _ if is(register::LAYOUT_HASH_LOW) => hash as u32,
            _ if is(register::LAYOUT_HASH_HIGH) => (hash >> 32) as u32,
            _ if is(register::LANES) => self.engine.lanes(),
            _ if is(register::ROWS) => sizes.rows as u32,
            _ if is(register::INTERVALS) => sizes.intervals as u32,
            _ if is(register::UNDERLYINGS) => sizes.underlyings as u32,
            _ if is(register::BUILD_LOW) => build as u32,
            _ if is(register::BUILD_HIGH) => (build >> 32) as u32,
            _ if is(register::CONTROL) => flag(register::ENABLE, state.enabled),
            _ if is(register::STATUS) => self.status(),
            _ if is(register::COMMANDS_LOW) => {
                state.commands_high = (state.commands >> 32) as u32;
                state.commands as u32
            }
            _ if is(register::COMMANDS_HIGH) => state.commands_high,
            _ if is(register::COMMANDS_LOST) => state.commands_lost,
            _ if is(register::BUILT) => self.engine.built(),
            _ if is(register::RING_BASE_LOW) => state.ring_base as u32,
            _ if is(register::RING_BASE_HIGH) => (state.ring_base >> 32) as u32,
            _ if is(register::RING_SIZE_LOG2) => state.ring_size_log2,
            _ if is(register::CONSUMER) => state.producer.as_ref().map_or(0, |producer| producer.consumed_seq() as u32),
            _ if is(register::EVENTS_LOW) => {
                state.events_high = (events >> 32) as u32;
                events as u32
            }
            _ if is(register::EVENTS_HIGH) => state.events_high,
            _ => state.watchdog_period,
        })
    }

    fn status(&self) -> u32 {
        let state = &self.state;
        let has_credit = state.producer.as_ref().is_none_or(Producer::has_credit);
        let waits = !state.queue.is_empty() && !state.tripped;
        state.sticky
            | flag(register::BUSY, waits || self.engine.is_busy())
            | flag(register::RESETTING, self.is_resetting)
            | flag(register::TRIPPED, state.tripped)
            | flag(register::RING_FULL, !has_credit && self.engine.is_busy())
    }

    /// Writes the register at an offset.
    ///
    /// # Errors
    /// [`Refused`] if there is none, it cannot be written, or not now.
    pub fn write(&mut self, offset: u32, value: u32) -> Result<(), Refused> {
        let register = find(offset, Access::ReadOnly)?;
        if self.is_resetting {
            return Err(Refused);
        }
        let state = &mut self.state;
        let is = |other: Register| register.offset == other.offset;
        let is_ring = is(register::RING_BASE_LOW) || is(register::RING_BASE_HIGH) || is(register::RING_SIZE_LOG2);
        if is_ring && state.enabled {
            return Err(Refused);
        }
        match register.offset {
            _ if is(register::CONTROL) => return self.control(value),
            _ if is(register::RING_BASE_LOW) && value.is_multiple_of(64) => {
                state.ring_base = state.ring_base >> 32 << 32 | u64::from(value);
            }
            _ if is(register::RING_BASE_HIGH) => {
                state.ring_base = u64::from(value) << 32 | state.ring_base & u64::from(u32::MAX);
            }
            _ if is(register::RING_SIZE_LOG2) && value <= RING_SIZE_LOG2_MAX => state.ring_size_log2 = value,
            _ if is(register::CONSUMER) => {
                let is_believed = state.producer.as_mut().ok_or(Refused)?.consume(value);
                state.sticky |= flag(register::CONSUMER_REFUSED, !is_believed);
            }
            _ if is(register::WATCHDOG_PERIOD) => state.watchdog_period = value,
            _ if is(register::HEARTBEAT) => state.silent_cycles = 0,
            _ => return Err(Refused),
        }
        Ok(())
    }

    fn control(&mut self, value: u32) -> Result<(), Refused> {
        if value & register::RESET.mask() != 0 {
            self.is_resetting = true;
            return Ok(());
        }
        let state = &mut self.state;
        if value & register::ENABLE.mask() == 0 || state.enabled {
            return Ok(());
        }
        if state.ring_size_log2 == 0 {
            return Err(Refused);
        }
        state.enabled = true;
        state.producer = Some(Producer::new(state.ring_size_log2, 1));
        Ok(())
    }

    /// Resets everything but the bus, as a function-level reset does.
    pub fn reset(&mut self) {
        self.engine.reset();
        self.state = State::default();
        self.is_resetting = false;
        self.served.resets += 1;
    }

    // ---- window ------------------------------------------------------------------------------

    /// A word of a command is written.
    #[inline]
    pub fn store(&mut self, word: usize, value: u64) {
        let state = &mut self.state;
        if word < LAST_WORD {
            state.window[word] = value;
            state.seen |= 1 << word;
            return;
        }
        state.window[LAST_WORD] = value;
        let is_complete = std::mem::take(&mut state.seen) == ALL_SEEN;
        let is_open = state.enabled && !state.tripped && !self.is_resetting;
        let flags = match (is_complete, is_open && state.queue.len() < QUEUE_COMMANDS) {
            (true, true) => return state.queue.push_back(Command::from_words(state.window)),
            (true, false) => register::COMMAND_LOST.mask(),
            (false, _) => register::COMMAND_INCOMPLETE.mask(),
        };
        state.sticky |= flags;
        state.commands_lost = state.commands_lost.wrapping_add(1);
        self.served.lost += 1;
    }

    // ---- what goes on by itself --------------------------------------------------------------

    /// `cycles` go by; false if nothing happened.
    #[inline]
    pub fn step<B: Bus>(&mut self, cycles: u64, bus: &mut B) -> bool {
        if self.is_resetting {
            self.reset();
            return true;
        }
        self.watch(cycles);
        let has_written = self.write_events(bus);
        let has_taken = self.take_command();
        has_written || has_taken || self.engine.advance()
    }

    fn watch(&mut self, cycles: u64) {
        let state = &mut self.state;
        if !state.enabled || state.watchdog_period == 0 {
            state.silent_cycles = 0;
            return;
        }
        state.silent_cycles = state.silent_cycles.saturating_add(cycles);
        state.tripped |= state.silent_cycles > u64::from(state.watchdog_period);
    }

    fn write_events<B: Bus>(&mut self, bus: &mut B) -> bool {
        let Some(producer) = &mut self.state.producer else { return false };
        let before = producer.next_seq();
        while producer.has_credit()
            && let Some(event) = self.engine.event()
        {
            let seq = producer.number();
            let mut words = event.words();
            words[LAST_WORD] = seq;
            let address = self.state.ring_base + slot_offset(seq, self.state.ring_size_log2);
            bus.write(address, &Event::from_words(words));
            self.served.events += 1;
        }
        producer.next_seq() != before
    }

    fn take_command(&mut self) -> bool {
        let state = &mut self.state;
        let Some(command) = state.queue.front().filter(|_| !state.tripped) else { return false };
        let is_taken = self.engine.offer(command);
        if is_taken {
            state.queue.pop_front();
            state.commands += 1;
            self.served.commands += 1;
        }
        is_taken
    }
}

/// The register at an offset, unless its access is the one that does not go.
fn find(offset: u32, refused: Access) -> Result<Register, Refused> {
    let found = register::REGISTERS.iter().find(|register| register.offset == offset);
    found.filter(|register| register.access != refused).copied().ok_or(Refused)
}

fn flag(flag: Flag, is_set: bool) -> u32 {
    if is_set { flag.mask() } else { 0 }
}
