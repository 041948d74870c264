//! Who answers, and why it changed: what is told of a fail-over.

use std::fmt;

use hedgewire_abi::{Command, Event};
use thiserror::Error;

use crate::card::driver::{BringUpError, CardFault, Identity};

/// Why a card does not answer, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Cause {
    /// There is none.
    #[error("no card: {0}")]
    NoCard(String),
    /// It cannot be started.
    #[error(transparent)]
    BringUp(#[from] BringUpError),
    /// It failed.
    #[error(transparent)]
    Fault(#[from] CardFault),
    /// An event that cannot be an answer to its command.
    #[error("an event that answers nothing asked\n  command {command:?}\n  event   {event:?}")]
    Corrupted {
        /// The oldest command without an answer; none if all had been answered.
        command: Option<Box<Command>>,
        /// The event.
        event: Box<Event>,
    },
    /// The CPU kernel says something else.
    #[error("card and CPU differ\n  command {command:?}\n  card    {card:?}\n  CPU     {cpu:?}")]
    Difference {
        /// The command.
        command: Box<Command>,
        /// The card's event; none if it has fewer.
        card: Option<Box<Event>>,
        /// The CPU's event; none if it has fewer.
        cpu: Option<Box<Event>>,
    },
    /// A card that caught up has said something else than was said.
    #[error("the card answered the day's {commands} commands with other events than the CPU; check its build")]
    OtherImage {
        /// Commands that it was given.
        commands: u64,
    },
    /// More commands than are remembered.
    #[error("the card cannot be given the day's commands again: there are more than {commands}; raise the history")]
    HistoryFull {
        /// Commands remembered.
        commands: usize,
    },
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// The card that says it is this.
    Card(Identity),
    /// The CPU kernel.
    Cpu,
    /// Nobody: stopped.
    Nobody,
}

/// A change of who answers, or a card that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Time of day.
    pub at: jiff::Timestamp,
    /// Commands answered before it.
    pub commands: u64,
    /// Who answers from then on.
    pub holder: Holder,
    /// Why; none if a card took over in good order.
    pub cause: Option<Cause>,
    /// How long it took until the commands in flight had been answered, ns.
    pub took_ns: u64,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}: after {} commands ", self.at, self.commands)?;
        match &self.holder {
            Holder::Card(identity) => write!(f, "the card answers ({identity})")?,
            Holder::Cpu => write!(f, "the CPU answers")?,
            Holder::Nobody => write!(f, "nobody answers")?,
        }
        match &self.cause {
            Some(cause) => write!(f, ": {cause} ({} us)", self.took_ns / 1000),
            None => Ok(()),
        }
    }
}

/// Why a command is not answered.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The card failed, and the configuration says to stop.
    #[error("stopped: {0}; cancel what is open at the venue, reconcile, and start again")]
    Stopped(Cause),
}
