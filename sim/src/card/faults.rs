//! Seeded faults on either side of a card: on commands on their way to it, on events on their way back, and on its
//! registers.
//!
//! ```text
//!   host -- store --> [FaultyCard: commands] --> card -- events --> [FaultyCard: events] --> host's ring
//!        -- read ---> [FaultyCard: dead: all ones]
//! ```
//!
//! What is late holds back all that comes behind it, as on a bus; only what is reordered is overtaken.
//!
//! A [`FaultyCard`] stands before any card. The card writes into the memory that it has; the host polls another ring,
//! into which the events are brought one by one, each when it is its turn: that is where they are late, dropped,
//! doubled, reordered and corrupted.
//!
//! Invariant: which record is hit, and how, follows from the seed; with no fault due, host and card see what they
//! would see without it.

use std::collections::VecDeque;

use hedgewire_abi::register::{self, Register};
use hedgewire_abi::{Command, Event};
use hedgewire_host::card::ring::{Consumer, Found, Producer};
use hedgewire_host::card::{ALL_ONES, Card, DmaMemory, LAST_WORD};

use crate::random::Random;

/// Calls of `idle` for which something late is held back.
const LATE_TURNS: u32 = 300;

/// Which way a record goes that is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Commands, host to card.
    Host,
    /// Events, card to host.
    Card,
}

/// What happens to a record, or to the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// It comes, after a while.
    Late,
    /// It never comes.
    Dropped,
    /// It comes twice.
    Doubled,
    /// The one after it comes first.
    Reordered,
    /// A bit of it is wrong.
    Corrupted,
    /// Nothing comes any more; the card still says that it is well.
    Stuck,
    /// Nothing comes any more; the card says that it is busy, for ever.
    Hung,
    /// Nothing comes any more, and registers read as all ones.
    Dead,
    /// The card resets.
    Reset,
    /// The card's watchdog trips.
    Tripped,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Late,
        Self::Dropped,
        Self::Doubled,
        Self::Reordered,
        Self::Corrupted,
        Self::Stuck,
        Self::Hung,
        Self::Dead,
        Self::Reset,
        Self::Tripped,
    ];

    /// Name, as in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Dropped => "dropped",
            Self::Doubled => "doubled",
            Self::Reordered => "reordered",
            Self::Corrupted => "corrupted",
            Self::Stuck => "stuck",
            Self::Hung => "hung",
            Self::Dead => "dead",
            Self::Reset => "reset",
            Self::Tripped => "tripped",
        }
    }
}

/// One fault to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultPlan {
    /// Which way.
    pub side: Side,
    /// What.
    pub kind: FaultKind,
    /// How many records of that way pass unharmed.
    pub after: u64,
    /// Seed of what else is random about it: the bit that is wrong.
    pub seed: u64,
}

/// A card that something happens to.
pub struct FaultyCard<C> {
    card: C,
    plan: FaultPlan,
    /// Records of each side that have passed.
    passed: [u64; 2],
    is_due: bool,
    has_struck: bool,
    /// The host's ring; the card's own is `card.memory()`.
    memory: DmaMemory,
    taken: Consumer,
    size_log2: u32,
    line: [u64; LAST_WORD + 1],
    /// What is to be overtaken.
    held_command: Option<(usize, Command)>,
    held_event: Option<Event>,
    /// Commands behind one that is late.
    late_commands: VecDeque<(usize, Command)>,
    /// Calls of `idle` for which each side is held back.
    late_turns: [u32; 2],
    /// How far the numbers of events are shifted by one that came twice.
    shift: u64,
    is_reachable: bool,
    is_moving: bool,
    /// Whatever its status says else.
    is_busy: bool,
}

impl<C: Card> FaultyCard<C> {
    /// A card to which `plan` will happen once.
    pub fn new(card: C, plan: FaultPlan) -> Self {
        let memory = DmaMemory::heap(card.memory().slots().len(), card.memory().bus_address());
        Self {
            card,
            plan,
            passed: [0; 2],
            is_due: true,
            has_struck: false,
            memory,
            taken: Consumer::new(1, 1),
            size_log2: 1,
            line: [0; LAST_WORD + 1],
            held_command: None,
            held_event: None,
            late_commands: VecDeque::new(),
            late_turns: [0; 2],
            shift: 0,
            is_reachable: true,
            is_moving: true,
            is_busy: false,
        }
    }

    /// Whether the fault has happened.
    pub fn has_struck(&self) -> bool {
        self.has_struck
    }

    /// Counts a record; the fault, if this is the one that it hits.
    fn strike(&mut self, side: Side) -> Option<FaultKind> {
        let passed = &mut self.passed[side as usize];
        *passed += 1;
        if !(self.is_due && side == self.plan.side && *passed > self.plan.after) {
            return None;
        }
        self.is_due = false;
        self.has_struck = true;
        match self.plan.kind {
            FaultKind::Stuck => self.is_moving = false,
            FaultKind::Hung => (self.is_moving, self.is_busy) = (false, true),
            FaultKind::Dead => (self.is_moving, self.is_reachable) = (false, false),
            FaultKind::Reset => self.card.write(register::CONTROL, register::RESET.mask()),
            FaultKind::Tripped => self.card.write(register::WATCHDOG_PERIOD, 1),
            FaultKind::Late => self.late_turns[side as usize] = LATE_TURNS,
            _ => {}
        }
        Some(self.plan.kind)
    }

    /// A record's words with one wrong bit. Of a command the last word is spared: a board's bus checks what it
    /// carries, and a host that posted another sequence number would be refused by number, which `Dropped` is.
    fn corrupt(&self, words: [u64; 8]) -> [u64; 8] {
        let mut random = Random::new(self.plan.seed, 9);
        let mut words = words;
        words[random.index(LAST_WORD)] ^= 1 << random.index(64);
        words
    }

    fn command(&mut self, line: usize, command: Command) {
        let fault = self.strike(Side::Host);
        if !self.is_moving {
            return;
        }
        if self.late_turns[Side::Host as usize] > 0 {
            return self.late_commands.push_back((line, command));
        }
        let overtaken = self.held_command.take();
        match fault {
            Some(FaultKind::Dropped) => {}
            Some(FaultKind::Reordered) => self.held_command = Some((line, command)),
            Some(FaultKind::Doubled) => {
                self.card.post(line, &command);
                self.card.post(line, &command);
            }
            Some(FaultKind::Corrupted) => self.card.post(line, &Command::from_words(self.corrupt(command.words()))),
            _ => self.card.post(line, &command),
        }
        if let Some((line, command)) = overtaken {
            self.card.post(line, &command);
        }
    }

    /// Brings on what the card has written.
    fn events(&mut self) {
        while self.is_moving && self.late_turns[Side::Card as usize] == 0 {
            let slot = &self.card.memory().slots()[self.taken.index()].0;
            let Found::Record(words) = self.taken.take(slot) else { return };
            self.event(&Event::from_words(words));
        }
    }

    fn event(&mut self, event: &Event) {
        let fault = self.strike(Side::Card);
        if !self.is_moving {
            return;
        }
        let overtaken = self.held_event.take();
        match fault {
            Some(FaultKind::Dropped) => {}
            Some(FaultKind::Reordered) => self.held_event = Some(*event),
            Some(FaultKind::Doubled) => {
                self.bring(event);
                self.shift += 1;
                self.bring(event);
            }
            Some(FaultKind::Corrupted) => self.bring(&Event::from_words(self.corrupt(event.words()))),
            _ => self.bring(event),
        }
        if let Some(event) = overtaken {
            self.bring(&event);
        }
    }

    /// Writes an event into the host's ring.
    fn bring(&mut self, event: &Event) {
        let mut words = event.words();
        words[LAST_WORD] += self.shift;
        let index = words[LAST_WORD] & ((1 << self.size_log2) - 1);
        Producer::publish(&self.memory.slots()[index as usize].0, &words);
    }

    /// Time passes for what is late.
    fn release(&mut self) {
        for turns in &mut self.late_turns {
            *turns = turns.saturating_sub(1);
        }
        if self.late_turns[Side::Host as usize] == 0 {
            while let Some((line, command)) = self.late_commands.pop_front() {
                self.card.post(line, &command);
            }
        }
    }
}

impl<C: Card> Card for FaultyCard<C> {
    fn name(&self) -> String {
        format!("{} with a fault: {:?}", self.card.name(), self.plan)
    }

    fn read(&mut self, register: Register) -> u32 {
        if !self.is_reachable {
            return ALL_ONES;
        }
        // A read comes after all that was written before it, here too.
        let value = self.card.read(register);
        self.events();
        let is_status = self.is_busy && register.offset == register::STATUS.offset;
        if is_status { value | register::BUSY.mask() } else { value }
    }

    fn write(&mut self, register: Register, value: u32) {
        if !self.is_reachable {
            return;
        }
        if register.offset == register::RING_SIZE_LOG2.offset {
            self.size_log2 = value.clamp(1, register::RING_SIZE_LOG2_MAX);
            self.taken = Consumer::new(self.size_log2, 1);
        }
        if register.offset == register::CONTROL.offset && value & register::RESET.mask() != 0 {
            self.card.memory().clear();
            (self.held_command, self.held_event, self.shift) = (None, None, 0);
            self.late_commands.clear();
        }
        let is_consumer = register.offset == register::CONSUMER.offset;
        self.card.write(register, if is_consumer { value.wrapping_sub(self.shift as u32) } else { value });
    }

    fn store(&mut self, line: usize, word: usize, value: u64) {
        self.line[word] = value;
        if word == LAST_WORD {
            self.command(line, Command::from_words(self.line));
        }
    }

    fn memory(&self) -> &DmaMemory {
        &self.memory
    }

    fn idle(&mut self) {
        // A card that stands still takes none of the host's time, which one in process would.
        if self.is_moving {
            self.card.idle();
        }
        self.events();
        self.release();
    }
}
