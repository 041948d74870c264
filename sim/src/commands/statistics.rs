//! What a stream has reached: reasons, kinds of event and kinds of command, counted.

use std::collections::BTreeMap;
use std::fmt;

use hedgewire_abi::event::{self, FLAG_EXACT};
use hedgewire_abi::{Command, Event, Reason, command};

/// Counts of what was sent and what came back.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    commands: BTreeMap<u8, u64>,
    events: BTreeMap<u8, u64>,
    reasons: BTreeMap<Reason, u64>,
    exact_answers: u64,
}

impl Statistics {
    /// Counts one command and its events.
    pub(super) fn note(&mut self, command: &Command, events: &[Event]) {
        *self.commands.entry(command.kind()).or_default() += 1;
        for event in events {
            *self.events.entry(event.kind()).or_default() += 1;
            self.exact_answers += u64::from(event.flags() & FLAG_EXACT != 0);
            if let Some(reason) = event.reason().filter(|&reason| reason != Reason::None) {
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    /// How often this reason was given.
    pub fn reason_count(&self, reason: Reason) -> u64 {
        self.reasons.get(&reason).copied().unwrap_or(0)
    }

    /// How often an event of this kind came.
    pub fn event_count(&self, kind: u8) -> u64 {
        self.events.get(&kind).copied().unwrap_or(0)
    }

    /// How often a command of this kind was sent.
    pub fn command_count(&self, kind: u8) -> u64 {
        self.commands.get(&kind).copied().unwrap_or(0)
    }

    /// How many events were answered by an exact pass.
    pub fn exact_count(&self) -> u64 {
        self.exact_answers
    }

    /// Adds the counts of another stream.
    pub fn merge(&mut self, other: &Self) {
        merge(&mut self.commands, &other.commands);
        merge(&mut self.events, &other.events);
        merge(&mut self.reasons, &other.reasons);
        self.exact_answers += other.exact_answers;
    }
}

fn merge<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (&key, count) in from {
        *into.entry(key).or_default() += count;
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | name | count |\n|---|---|---:|")?;
        for layout in command::LAYOUTS {
            writeln!(f, "| command | {} | {} |", layout.name, self.command_count(layout.kind))?;
        }
        for layout in event::LAYOUTS {
            writeln!(f, "| event | {} | {} |", layout.name, self.event_count(layout.kind))?;
        }
        writeln!(f, "| event | answered by an exact pass | {} |", self.exact_answers)?;
        for &reason in Reason::ALL {
            writeln!(f, "| reason | {} | {} |", reason.name(), self.reason_count(reason))?;
        }
        Ok(())
    }
}
