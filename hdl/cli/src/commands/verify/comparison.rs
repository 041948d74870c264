//! What the card must say, and whether it said it.
//!
//! ```text
//!   Step: command, events of the kernel --> pending --+
//!                                                     +--> equal, or a difference
//!   Log: cycles of acceptance, events of the card ----+
//! ```
//!
//! Events are compared in order. The card leaves their sequence number zero, for the ring writer
//! counts: it is filled in before the comparison.

use std::collections::VecDeque;
use std::fmt;

use hedgewire_abi::{Command, Event, Reason};
use hedgewire_rtl::model::{Answer, CardError, Log};

use super::latency::Latencies;
use crate::source::Step;

/// What is seen of the time before and after.
const MARGIN_CYCLES: u64 = 16;
/// The longest window.
const MOST_CYCLES: u64 = 2_000;

/// A command on its way, and what must come of it.
struct Pending {
    step: Step,
    /// Its place among all commands, from 1.
    number: u64,
    accepted: Option<u64>,
    answered: usize,
}

/// An event that is not the kernel's.
#[derive(Debug)]
pub struct Difference {
    /// Its place among all commands, from 1; none for an event that no command asked for.
    number: Option<u64>,
    command: Option<Command>,
    /// When the command was taken.
    accepted: Option<u64>,
    expected: Option<Event>,
    got: Option<Event>,
    /// When the event was presented, or no longer waited for.
    cycle: u64,
    /// The cycles that show how it came about, first and last.
    pub window: (u64, u64),
    /// Why there is no event.
    note: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = |event: &Option<Event>| match event {
            Some(event) => format!("{event:?} {}", event.reason().map_or("UNKNOWN", Reason::name)),
            None => "none".to_owned(),
        };
        match (self.number, &self.command) {
            (Some(number), Some(command)) => {
                let taken = self.accepted.map_or("not taken".to_owned(), |cycle| format!("taken in cycle {cycle}"));
                writeln!(f, "command {number}, {taken}, event in cycle {}", self.cycle)?;
                writeln!(f, "  command  {command:?}")?;
            }
            _ => writeln!(f, "while no command is to be answered, in cycle {}", self.cycle)?,
        }
        writeln!(f, "  kernel   {}", event(&self.expected))?;
        write!(f, "  card     {}", event(&self.got))?;
        if let (Some(expected), Some(got)) = (&self.expected, &self.got) {
            let differing: Vec<String> =
                (0..64).filter(|&byte| expected.0[byte] != got.0[byte]).map(|byte| byte.to_string()).collect();
            write!(f, "\n  bytes    {}", differing.join(" "))?;
        }
        self.note.as_ref().map_or(Ok(()), |note| write!(f, "\n  {note}"))
    }
}

/// A comparison under way.
pub struct Comparison {
    /// Commands that were answered, or taken before a reset.
    pub commands: u64,
    /// Events of the card.
    pub events: u64,
    /// Events that are not the same, missing, or too many.
    pub differences: u64,
    /// The first of them.
    pub first_difference: Option<Difference>,
    /// Of the decisions.
    pub latencies: Latencies,
    keeps_going: bool,
    expected_commands: u64,
    pending: VecDeque<Pending>,
    /// How many of `pending` were taken.
    taken: usize,
    log: Log,
    /// Events since the last reset.
    event_seq: u64,
    /// When the last event was presented.
    presented: u64,
    /// When the last command was taken.
    last_accepted: u64,
}

impl Comparison {
    /// Nothing compared yet.
    pub fn new(keeps_going: bool) -> Self {
        Self {
            commands: 0,
            events: 0,
            differences: 0,
            first_difference: None,
            latencies: Latencies::default(),
            keeps_going,
            expected_commands: 0,
            pending: VecDeque::new(),
            taken: 0,
            log: Log::default(),
            event_seq: 0,
            presented: 0,
            last_accepted: 0,
        }
    }

    /// The card was reset: what it owed will not come.
    pub fn restart(&mut self) {
        self.commands += self.taken as u64;
        self.pending.clear();
        self.taken = 0;
        self.log = Log::default();
        self.event_seq = 0;
    }

    /// Commands that are about to be fed.
    pub fn expect(&mut self, block: Vec<Step>) {
        for step in block {
            self.expected_commands += 1;
            self.pending.push_back(Pending { step, number: self.expected_commands, accepted: None, answered: 0 });
        }
    }

    /// Where the card is to write what it does.
    pub fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Events that are still to come.
    pub fn missing(&self) -> u64 {
        self.pending.iter().map(|pending| (pending.step.events.len() - pending.answered) as u64).sum()
    }

    /// Compares what the card has done; true if it is enough. A card that hangs is a difference.
    pub fn conclude(&mut self, outcome: Result<(), CardError>, cycle: u64) -> Result<bool, CardError> {
        self.settle();
        match outcome {
            Ok(()) => Ok(self.differences > 0 && !self.keeps_going),
            Err(error @ (CardError::Hung { .. } | CardError::Undefined { .. })) => {
                self.miss(cycle, Some(error.to_string()));
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// The card has had its time: what has not come is missing.
    pub fn end(&mut self, cycle: u64) {
        self.differences += self.missing().saturating_sub(1);
        self.miss(cycle, None);
    }

    fn settle(&mut self) {
        for cycle in self.log.accepted.drain(..) {
            if let Some(pending) = self.pending.get_mut(self.taken) {
                pending.accepted = Some(cycle);
                self.last_accepted = cycle;
                self.taken += 1;
            }
        }
        for answer in std::mem::take(&mut self.log.answers) {
            if self.differences == 0 || self.keeps_going {
                self.compare(answer);
            }
        }
    }

    fn compare(&mut self, answer: Answer) {
        self.events += 1;
        self.event_seq += 1;
        let mut words = answer.record;
        if words[7] == 0 {
            words[7] = self.event_seq;
        }
        let got = Event::from_words(words);
        let cycle = answer.presented;
        // From shortly before the command is taken, if that is not too long ago.
        let window = |accepted: u64| {
            (accepted.max(cycle.saturating_sub(MOST_CYCLES)).saturating_sub(MARGIN_CYCLES), cycle + MARGIN_CYCLES)
        };
        let Some(pending) = self.pending.front_mut() else {
            let nothing = Difference {
                number: None,
                command: None,
                accepted: None,
                expected: None,
                got: Some(got),
                cycle,
                window: window(self.last_accepted),
                note: None,
            };
            return self.differ(nothing);
        };
        let expected = pending.step.events.get(pending.answered).copied();
        pending.answered += 1;
        let (number, command, accepted) = (pending.number, pending.step.command, pending.accepted);
        if pending.answered >= pending.step.events.len() {
            if let Some(accepted) = accepted {
                let is_busy = self.presented >= accepted;
                let events = &pending.step.events;
                self.latencies.record(&command, events, is_busy, cycle.saturating_sub(accepted));
            }
            self.pending.pop_front();
            self.commands += 1;
            self.taken = self.taken.saturating_sub(1);
        }
        self.presented = cycle;
        if expected != Some(got) {
            let (number, command, got) = (Some(number), Some(command), Some(got));
            let window = window(accepted.unwrap_or(cycle));
            self.differ(Difference { number, command, accepted, expected, got, cycle, window, note: None });
        }
    }

    /// Takes down the next event as missing, if there should be one.
    fn miss(&mut self, cycle: u64, note: Option<String>) {
        let Some(pending) = self.pending.front() else { return };
        // What matters is when it fell silent, not when it was given up.
        let silent = self.presented.max(self.last_accepted).saturating_sub(MARGIN_CYCLES);
        let difference = Difference {
            number: Some(pending.number),
            command: Some(pending.step.command),
            accepted: pending.accepted,
            expected: pending.step.events.get(pending.answered).copied(),
            got: None,
            cycle,
            window: (silent, silent + MOST_CYCLES),
            note,
        };
        self.differ(difference);
    }

    fn differ(&mut self, difference: Difference) {
        self.differences += 1;
        self.first_difference.get_or_insert(difference);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hedgewire_abi::command::{Configure, Header, SetStatus};
    use hedgewire_kernel::{Form, Kernel, Sizes};
    use hedgewire_rtl::model::stand_in::StandIn;
    use hedgewire_rtl::model::{Card, InProcess, Setup};

    /// Commands that a kernel does nothing but accept, and its answers.
    fn accepted(count: u64) -> Vec<Step> {
        let mut kernel = Kernel::new(Sizes { underlyings: 2, rows: 128, intervals: 4 }, Form::Scalar);
        let mut steps = Vec::new();
        for seq in 1..=count {
            let header = Header { underlying: (seq & 1) as u8, now_ns: 1_000 * seq, seq };
            let command = if seq <= 2 {
                Configure { first_slot: 64 * (seq as u32 & 1), slot_count: 64, exact_mode: 0 }.encode(header)
            } else {
                SetStatus { margin_buy: seq, ..SetStatus::default() }.encode(header)
            };
            steps.push(Step { command, events: kernel.apply(&command).to_vec() });
        }
        steps
    }

    /// Compares the stand-in with these steps.
    fn compared(steps: Vec<Step>, keeps_going: bool) -> Comparison {
        let mut card = InProcess::new(StandIn::default(), Setup { stalls: Some(3), ..Setup::default() });
        let mut comparison = Comparison::new(keeps_going);
        card.reset().expect("a reset");
        let words: Vec<_> = steps.iter().map(|step| step.command.words()).collect();
        comparison.expect(steps);
        let fed = card.feed(&words, comparison.log());
        if !comparison.conclude(fed, card.cycle()).expect("it runs") {
            let waited = card.wait(1_000, comparison.missing() + 1, comparison.log());
            comparison.conclude(waited, card.cycle()).expect("it runs");
            comparison.end(card.cycle());
        }
        comparison
    }

    #[test]
    fn equal_events_are_no_difference() {
        let comparison = compared(accepted(500), false);
        assert_eq!((comparison.commands, comparison.events, comparison.differences), (500, 500, 0));
    }

    #[test]
    fn any_bit_of_any_event_is_a_difference() {
        for (at, byte) in [(0, 0), (7, 63), (100, 17), (499, 48)] {
            let mut steps = accepted(500);
            steps[at].events[0].0[byte] ^= 0x10;
            let comparison = compared(steps, false);
            let first = comparison.first_difference.expect("a difference");
            assert_eq!((comparison.differences, first.number), (1, Some(at as u64 + 1)));
            assert!(first.to_string().contains(&format!("bytes    {byte}")), "{first}");
            assert!(first.cycle > first.accepted.expect("taken"));
            assert!(first.window.0 <= first.cycle && first.cycle < first.window.1);
        }
    }

    #[test]
    fn all_differences_are_counted_when_told_to_go_on() {
        let mut steps = accepted(500);
        (0..10).for_each(|at| steps[at * 40].events[0].0[20] ^= 1);
        let comparison = compared(steps, true);
        assert_eq!((comparison.events, comparison.differences), (500, 10));
    }

    #[test]
    fn missing_and_surplus_events_are_differences() {
        let mut steps = accepted(20);
        let twice = steps[19].events[0];
        steps[19].events.push(twice);
        let missing = compared(steps, false).first_difference.expect("a difference");
        assert!(missing.got.is_none() && missing.expected.is_some() && missing.number == Some(20));

        let mut steps = accepted(20);
        steps[19].events.clear();
        let surplus = compared(steps, false).first_difference.expect("a difference");
        assert!(surplus.got.is_some() && surplus.expected.is_none());
    }
}
