//! A command with the events that answered it, and the hash over all events of a day.
//!
//! Invariant: two streams of events have one [`Image`] only if they are equal, but for an accident of 64 bits.

use hedgewire_abi::event::{Accepted, FLAG_EXACT, FLAG_LAST, FLAG_URGENT, Fault};
use hedgewire_abi::{Command, Event, MAX_EVENTS_PER_COMMAND, VERSION};

use super::change::Cause;

/// A hash over events, in order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Image {
    events: u64,
    hash: u64,
}

impl Image {
    #[inline]
    pub(super) fn note(&mut self, event: &Event) {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        // Words are mixed side by side, and only their sum waits for the event before: some four ns.
        let digest = event.words().iter().zip(1u64..).fold(0u64, |sum, (word, place)| {
            let mixed = (word ^ (word >> 32)).wrapping_mul(MIX.wrapping_mul(2 * place + 1));
            sum.wrapping_add(mixed ^ (mixed >> 29))
        });
        self.hash = (self.hash ^ digest).wrapping_mul(MIX).rotate_left(31);
        self.events += 1;
    }
}

/// A command and all that answered it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) command: Command,
    events: [Event; MAX_EVENTS_PER_COMMAND],
    pub(super) count: usize,
}

impl Answer {
    pub(super) const EMPTY: Self =
        Self { command: Command::ZERO, events: [Event::ZERO; MAX_EVENTS_PER_COMMAND], count: 0 };

    pub(super) fn of(command: &Command, events: &[Event]) -> Self {
        let mut answer = Self { command: *command, ..Self::EMPTY };
        answer.events[..events.len()].copy_from_slice(events);
        answer.count = events.len();
        answer
    }

    /// These events, as the answer to this command.
    pub(super) fn to(self, command: Command) -> Self {
        Self { command, ..self }
    }

    #[inline]
    pub(super) fn push(&mut self, event: &Event) {
        self.events[self.count] = *event;
        self.count += 1;
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.events[..self.count]
    }

    /// The first of these events that the kernel said otherwise; with `is_whole`, also one that is missing.
    pub(super) fn difference(&self, cpu: &[Event], is_whole: bool) -> Option<Cause> {
        let count = if is_whole { self.count.max(cpu.len()) } else { self.count };
        let pairs = (0..count).map(|i| (self.events().get(i).copied(), cpu.get(i).copied()));
        pairs.filter(|(card, cpu)| card != cpu).map(|(card, cpu)| self.differs(card, cpu)).next()
    }

    pub(super) fn differs(&self, card: Option<Event>, cpu: Option<Event>) -> Cause {
        Cause::Difference { command: Box::new(self.command), card: card.map(Box::new), cpu: cpu.map(Box::new) }
    }
}

/// Whether an event can be the answer to a command, in the given place among its events: what can be told without
/// knowing the state.
pub(super) fn is_answer(command: &Command, event: &Event, place: usize) -> bool {
    let is_last = event.flags() & FLAG_LAST != 0;
    event.version() == VERSION
        && event.command_seq() == command.seq()
        && event.now_ns() == command.now_ns()
        && event.underlying() == command.underlying()
        && (Accepted::KIND..=Fault::KIND).contains(&event.kind())
        && event.flags() & !(FLAG_LAST | FLAG_EXACT | FLAG_URGENT) == 0
        && event.reason().is_some()
        && (is_last || place + 1 < MAX_EVENTS_PER_COMMAND)
}
