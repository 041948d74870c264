//! The card's core itself as an engine: its source, or its Verilog, run cycle by cycle.
//!
//! ```text
//!   offer --> [offered] --feed--> core --> [events] --> event
//!                                  ^
//!                     advance: a turn of cycles, with the offered command or without one
//! ```
//!
//! The core's clock stands still while events wait, and once nothing has happened for so long that nothing can happen
//! any more without a command.
//!
//! Invariant: a core that fails, or that owes an answer and is silent for longer than it can be, is said to have
//! failed and does nothing more.

use std::collections::VecDeque;
use std::path::Path;
use std::slice;

use hedgewire_abi::event::FLAG_LAST;
use hedgewire_abi::{Command, Event};
use hedgewire_kernel::Sizes;
use hedgewire_model::Parameters;
use hedgewire_rtl::model::{Card, CardError, Log, Record, Setup};

use super::Engine;
use super::engine::package_version;

/// Cycles of a turn: few enough that a register is answered meanwhile. Compiled, they take well below a millisecond.
const TURN_CYCLES: u64 = 64;
/// The same for RustHDL, which is slower by far.
const TURN_CYCLES_RUSTHDL: u64 = 1;

/// A running core.
pub struct ModelEngine {
    core: Box<dyn Card>,
    parameters: Parameters,
    turn_cycles: u64,
    log: Log,
    /// Taken from the host, and not yet by the core.
    offered: Option<Record>,
    events: VecDeque<Event>,
    /// Commands whose last event has not been fetched.
    owed: u64,
    /// The cycle in which a command or an event moved last.
    moved: u64,
    failure: Option<String>,
}

impl ModelEngine {
    /// A core after a reset. Compiled models are kept in `cache`.
    ///
    /// # Errors
    /// If what runs it is not installed, or cannot run it.
    pub fn start(parameters: Parameters, engine: hedgewire_model::Engine, cache: &Path) -> anyhow::Result<Self> {
        let turn_cycles = if engine == hedgewire_model::Engine::Rusthdl { TURN_CYCLES_RUSTHDL } else { TURN_CYCLES };
        let setup = Setup { patience: turn_cycles, ..Setup::default() };
        let mut core = hedgewire_model::start(parameters, engine, cache, setup)?;
        core.reset()?;
        let moved = core.cycle();
        Ok(Self {
            core,
            parameters,
            turn_cycles,
            log: Log::default(),
            offered: None,
            events: VecDeque::new(),
            owed: 0,
            moved,
            failure: None,
        })
    }

    /// A turn of cycles; the core's own patience is one turn, so that to be out of it is no failure yet.
    fn turn(&mut self) -> Result<(), CardError> {
        let Some(command) = &self.offered else { return self.core.wait(self.turn_cycles, 1, &mut self.log) };
        match self.core.feed(slice::from_ref(command), &mut self.log) {
            Ok(()) => {
                self.offered = None;
                self.moved = self.core.cycle();
                Ok(())
            }
            Err(CardError::Hung { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn fail(&mut self, error: &CardError) {
        self.failure = Some(error.to_string());
    }
}

impl Engine for ModelEngine {
    fn sizes(&self) -> Sizes {
        self.parameters.sizes
    }

    fn lanes(&self) -> u32 {
        self.parameters.lanes as u32
    }

    /// Its Verilog is emitted when it is started, by this program.
    fn build(&self) -> [u8; 8] {
        package_version()
    }

    fn reset(&mut self) {
        if let Err(error) = self.core.reset() {
            self.fail(&error);
        }
        (self.offered, self.owed, self.moved) = (None, 0, self.core.cycle());
        self.events.clear();
    }

    fn offer(&mut self, command: &Command) -> bool {
        let can_take = self.offered.is_none() && self.events.is_empty() && self.failure.is_none();
        if can_take {
            self.offered = Some(command.words());
            self.owed += 1;
            self.moved = self.core.cycle();
        }
        can_take
    }

    fn event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        // A core that answers what nobody asked is found out by the host.
        self.owed = self.owed.saturating_sub(u64::from(event.flags() & FLAG_LAST != 0));
        Some(event)
    }

    fn advance(&mut self) -> bool {
        if self.failure.is_some() || !self.events.is_empty() {
            return false;
        }
        let patience = self.parameters.patience_cycles();
        if self.core.cycle() - self.moved > patience {
            if self.is_busy() {
                self.fail(&CardError::Hung { cycle: self.core.cycle(), patience });
            }
            return false;
        }
        if let Err(error) = self.turn() {
            self.fail(&error);
        }
        self.log.accepted.clear();
        if !self.log.answers.is_empty() {
            self.moved = self.core.cycle();
            self.events.extend(self.log.answers.drain(..).map(|answer| Event::from_words(answer.record)));
        }
        true
    }

    fn is_busy(&self) -> bool {
        self.owed > 0
    }

    fn built(&self) -> u32 {
        self.core.built()
    }

    fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}
