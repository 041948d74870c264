//! The engines that run a card's core: RustHDL in process, its Verilog compiled by Verilator, its
//! Verilog interpreted by Icarus.
//!
//! ```text
//!   commands --> Card::feed --> [ command_valid/ready ]           [ event_valid/ready ] --> Log
//!                                        |        the core            ^
//!                                        +----------------------------+
//! ```
//!
//! A cycle, the same in every engine:
//!
//! ```text
//!   clock low    inputs set, combinational logic settles
//!                command taken  if command_valid and command_ready
//!                event presented when event_valid first stands; taken if event_ready too
//!   clock high   registers take their values; the cycle is counted
//! ```
//!
//! Invariants:
//! * engines of one design, fed alike, agree on the cycle of everything: stalls come from one
//!   generator ([`Stalls`]) and no cycle passes between two calls;
//! * a command that is offered stays offered until it is taken.

mod design;
mod icarus;
mod ports;
mod rusthdl;
mod stalls;
pub mod stand_in;
#[cfg(test)]
mod tests;
mod verilator;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use design::Design;
pub use icarus::Icarus;
pub use ports::{CorePorts, Inputs, Outputs};
pub use rusthdl::InProcess;
pub use stalls::Stalls;
pub use verilator::Verilator;

/// A command or an event as it is on the card's ports.
pub type Record = [u64; 8];

/// Cycles for which a reset is held.
pub const RESET_CYCLES: u64 = 4;

/// A core that can be given commands.
pub trait Card {
    /// Offers the commands in order until the last of them is taken.
    ///
    /// # Errors
    /// [`CardError::Hung`] if for [`Setup::patience`] cycles no command is taken and no event comes;
    /// others if the engine itself fails.
    fn feed(&mut self, commands: &[Record], log: &mut Log) -> Result<(), CardError>;

    /// Goes on without commands for `cycles`, or until `events` more events have come.
    ///
    /// # Errors
    /// If the engine fails.
    fn wait(&mut self, cycles: u64, events: u64, log: &mut Log) -> Result<(), CardError>;

    /// Resets the core, whatever it is doing, for [`RESET_CYCLES`].
    ///
    /// # Errors
    /// If the engine fails.
    fn reset(&mut self) -> Result<(), CardError>;

    /// Cycles so far.
    fn cycle(&self) -> u64;

    /// Bit per underlying: the ladder of its shadow bank is built, after the last cycle.
    fn built(&self) -> u32;
}

/// How a card is to be run.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Seed of random stalls on both streams; none: both run freely.
    pub stalls: Option<u64>,
    /// Cycles without progress after which a card hangs.
    pub patience: u64,
    /// Waves to write.
    pub trace: Option<Trace>,
}

impl Default for Setup {
    /// No stalls, no waves, a million cycles of patience.
    fn default() -> Self {
        Self { stalls: None, patience: 1 << 20, trace: None }
    }
}

/// A window of cycles whose signals are written as a VCD file.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The file.
    pub path: PathBuf,
    /// First cycle.
    pub from: u64,
    /// Last cycle.
    pub to: u64,
}

/// What a card did.
#[derive(Debug, Default)]
pub struct Log {
    /// The cycle in which each command was taken.
    pub accepted: Vec<u64>,
    /// The events, in order.
    pub answers: Vec<Answer>,
}

/// An event and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The event; its sequence number is 0, for the ring writer counts.
    pub record: Record,
    /// The cycle in which it was first presented.
    pub presented: u64,
}

/// Why a card could not be run.
#[derive(Debug, Error)]
pub enum CardError {
    /// A program is missing.
    #[error("{program} is not installed; on Debian and Ubuntu: apt-get install {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// The package that brings it.
        package: &'static str,
    },
    /// The Verilog is not that of a core.
    #[error("the Verilog has no module `top` with the ports of a core: {what}")]
    Ports {
        /// What is wrong.
        what: String,
    },
    /// A program failed.
    #[error("{program} failed:\n{output}")]
    Failed {
        /// The program.
        program: &'static str,
        /// The end of what it said.
        output: String,
    },
    /// The compiled model could not be loaded.
    #[error("cannot load the compiled model {}: {source}; delete it and run again", path.display())]
    Load {
        /// The shared library.
        path: PathBuf,
        /// What the loader says.
        source: libloading::Error,
    },
    /// A file could not be read or written.
    #[error("cannot write or read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The core does neither take a command nor give an event.
    #[error("the card hangs: no command taken and no event given in the {patience} cycles before cycle {cycle}")]
    Hung {
        /// When it was given up.
        cycle: u64,
        /// How long it was waited for.
        patience: u64,
    },
    /// The simulation of the source does not come to rest.
    #[error("the logic does not settle in cycle {cycle}: a combinational loop")]
    Unsettled {
        /// The cycle.
        cycle: u64,
    },
    /// An output that counts is neither 0 nor 1.
    #[error("an output of the card is undefined in cycle {cycle}: something was not reset")]
    Undefined {
        /// The cycle.
        cycle: u64,
    },
    /// The engine said something that makes no sense.
    #[error("the bench said {line:?}, which is not of its protocol")]
    Protocol {
        /// What it said.
        line: String,
    },
}

impl CardError {
    fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// What a program's failure to start means.
    fn start(program: &'static str, package: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { program, package },
            _ => Self::File { path: program.into(), source },
        }
    }

    /// A program that ended badly, with the last of what it said.
    fn failed(program: &'static str, output: &std::process::Output) -> Self {
        const KEPT_LINES: usize = 40;
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        Self::Failed { program, output: lines[lines.len().saturating_sub(KEPT_LINES)..].join("\n") }
    }
}
