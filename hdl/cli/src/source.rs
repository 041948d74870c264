//! Where commands come from, and the events that the kernel answers them with.

use std::fs::File;
use std::path::Path;

use anyhow::Context;
use hedgewire_abi::{Command, Event};
use hedgewire_host::journal::{Entry, JournalError, Reader};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::commands::CommandStream;

/// A command and the kernel's answer.
#[derive(Debug, Clone)]
pub struct Step {
    /// The command.
    pub command: Command,
    /// What the kernel says to it.
    pub events: Vec<Event>,
}

/// Commands for a fresh kernel.
pub trait Source {
    /// The next command; none at the end.
    fn next(&mut self) -> anyhow::Result<Option<Step>>;
}

/// A seeded stream, of so many commands.
pub struct Generated {
    stream: CommandStream,
    kernel: Kernel,
    events: Vec<Event>,
    left: u64,
}

impl Generated {
    /// The stream of a seed.
    pub fn new(seed: u64, sizes: Sizes, commands: u64) -> Self {
        let (stream, kernel) = (CommandStream::new(seed, sizes), Kernel::new(sizes, Form::best()));
        Self { stream, kernel, events: Vec::new(), left: commands }
    }
}

impl Source for Generated {
    fn next(&mut self) -> anyhow::Result<Option<Step>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let command = self.stream.next(&self.events);
        self.events.clear();
        self.events.extend_from_slice(self.kernel.apply(&command));
        Ok(Some(Step { command, events: self.events.clone() }))
    }
}

/// The commands of a journal; its events must be the kernel's too.
pub struct Journal {
    reader: Reader<File>,
    kernel: Kernel,
    /// What the journal should hold next.
    due: std::vec::IntoIter<Event>,
    left: u64,
}

impl Journal {
    /// Opens a journal, for at most so many commands.
    pub fn open(path: &Path, most_commands: u64) -> anyhow::Result<Self> {
        let reader = Reader::open(path).map_err(told_once)?;
        let kernel = Kernel::new(reader.header().sizes, Form::best());
        Ok(Self { reader, kernel, due: Vec::new().into_iter(), left: most_commands })
    }

    /// Sizes of the kernel that wrote it.
    pub fn sizes(&self) -> Sizes {
        self.reader.header().sizes
    }

    /// Commands in the journal, read to its end.
    pub fn count(path: &Path) -> anyhow::Result<u64> {
        let mut reader = Reader::open(path).map_err(told_once)?;
        for entry in reader.by_ref() {
            entry.map_err(told_once).context("the journal cannot be read to its end")?;
        }
        Ok(reader.commands())
    }
}

/// The message of a journal's error has the cause in it already, which a chain of causes would add again.
fn told_once(error: JournalError) -> anyhow::Error {
    anyhow::Error::msg(error)
}

impl Source for Journal {
    fn next(&mut self) -> anyhow::Result<Option<Step>> {
        const STALE: &str = "the journal's own events are not the kernel's; see `hedgewire journal verify`";
        if self.left == 0 {
            return Ok(None);
        }
        loop {
            match self.reader.next().transpose().map_err(told_once).context("the journal cannot be read to its end")? {
                Some(Entry::Event(event)) => anyhow::ensure!(self.due.next() == Some(event), STALE),
                Some(Entry::Command(command)) => {
                    anyhow::ensure!(self.due.next().is_none(), STALE);
                    let events = self.kernel.apply(&command).to_vec();
                    self.due = events.clone().into_iter();
                    self.left -= 1;
                    return Ok(Some(Step { command, events }));
                }
                None => {
                    anyhow::ensure!(self.due.next().is_none(), STALE);
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hedgewire_abi::command::{Build, Quote, Swap, Trade};
    use hedgewire_abi::event::{Hedge, Swapped};

    /// What a card finds harder than a kernel, counted in a stream.
    #[derive(Default)]
    struct Seen {
        swaps: u32,
        hedges: u32,
        trades_in_build: u32,
        quotes_behind_own_order: u32,
        quotes_behind_other_order: u32,
        longest_run_of_quotes: u32,
    }

    fn seen(sizes: Sizes) -> Seen {
        let mut source = Generated::new(1, sizes, 20_000);
        let mut seen = Seen::default();
        let (mut is_building, mut run, mut ordered) = (false, 0, None);
        while let Some(Step { command, events }) = source.next().expect("a stream has no end of its own") {
            is_building = command.kind() == Build::KIND || is_building && command.kind() != Swap::KIND;
            seen.trades_in_build += u32::from(is_building && command.kind() == Trade::KIND);
            run = if command.kind() == Quote::KIND { run + 1 } else { 0 };
            seen.longest_run_of_quotes = seen.longest_run_of_quotes.max(run);
            if run > 0 {
                seen.quotes_behind_own_order += u32::from(ordered == Some(command.underlying()));
                seen.quotes_behind_other_order += u32::from(ordered.is_some_and(|other| other != command.underlying()));
            }
            let count = |kind| events.iter().filter(|event| event.kind() == kind).count() as u32;
            seen.swaps += count(Swapped::KIND);
            seen.hedges += count(Hedge::KIND);
            ordered = (count(Hedge::KIND) > 0).then_some(command.underlying());
        }
        seen
    }

    #[test]
    fn streams_for_small_cards_have_what_a_card_finds_hard() {
        for (underlyings, rows, intervals) in [(1, 64, 4), (1, 128, 16), (3, 192, 4), (3, 256, 16), (4, 256, 8)] {
            let seen = seen(Sizes { underlyings, rows, intervals });
            let sizes = (underlyings, rows, intervals);
            assert!(seen.swaps >= 20 && seen.hedges >= 400, "{sizes:?}: {} swaps, {} hedges", seen.swaps, seen.hedges);
            assert!(seen.trades_in_build >= 10, "{sizes:?}: {}", seen.trades_in_build);
            assert!(seen.quotes_behind_own_order >= 60, "{sizes:?}: {}", seen.quotes_behind_own_order);
            assert!(
                underlyings == 1 || seen.quotes_behind_other_order >= 60,
                "{sizes:?}: {}",
                seen.quotes_behind_other_order
            );
            assert!(seen.longest_run_of_quotes >= 16, "{sizes:?}: {}", seen.longest_run_of_quotes);
        }
    }
}
