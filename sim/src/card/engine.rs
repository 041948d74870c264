//! What stands behind a card's registers: something that takes commands and answers them in order.
//!
//! ```text
//!   Front -- offer(command) --> Engine -- event() --> Front (numbers it, writes it into the ring)
//!              false: later       |
//!                                 +-- advance(): a step of what it does by itself
//! ```
//!
//! Invariant: the events are those of the sequential kernel for the commands taken, whenever `advance` is called
//! and however long an event is left waiting.

use std::collections::VecDeque;

use hedgewire_abi::{Command, Event, MAX_EVENTS_PER_COMMAND};
use hedgewire_kernel::{Form, Kernel, Sizes};

/// A hedge kernel, whatever it is made of.
pub trait Engine {
    /// Its sizes.
    fn sizes(&self) -> Sizes;
    /// Rows that it takes in a cycle, as it says in its register.
    fn lanes(&self) -> u32;
    /// First bytes of the source revision that it was built from.
    fn build(&self) -> [u8; 8];
    /// Back to what it was after power-up.
    fn reset(&mut self);
    /// Offers a command; false if it cannot take one now.
    fn offer(&mut self, command: &Command) -> bool;
    /// The next event; its last word is ignored.
    fn event(&mut self) -> Option<Event>;
    /// Goes on by itself; false if there was nothing to do.
    fn advance(&mut self) -> bool;
    /// Whether it has taken a command whose events have not all been fetched.
    fn is_busy(&self) -> bool;
    /// Bit per underlying: the ladder of its shadow bank is built.
    fn built(&self) -> u32;
    /// Why it does nothing any more, if it failed: for people.
    fn failure(&self) -> Option<&str> {
        None
    }
}

/// The version of this package, for what is built from no other revision.
pub(super) fn package_version() -> [u8; 8] {
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    std::array::from_fn(|i| version.get(i).copied().unwrap_or(0))
}

/// The integer kernel.
pub struct KernelEngine {
    kernel: Kernel,
    lanes: u32,
    events: VecDeque<Event>,
}

impl KernelEngine {
    /// A kernel of these sizes, in the fastest form that this CPU can run, that says it has `lanes` lanes.
    pub fn new(sizes: Sizes, lanes: u32) -> Self {
        let events = VecDeque::with_capacity(MAX_EVENTS_PER_COMMAND);
        Self { kernel: Kernel::new(sizes, Form::best()), lanes, events }
    }
}

impl Engine for KernelEngine {
    fn sizes(&self) -> Sizes {
        self.kernel.sizes()
    }

    fn lanes(&self) -> u32 {
        self.lanes
    }

    /// An integer kernel is not built from a revision of Verilog.
    fn build(&self) -> [u8; 8] {
        package_version()
    }

    fn reset(&mut self) {
        self.kernel = Kernel::new(self.kernel.sizes(), self.kernel.form());
        self.events.clear();
    }

    #[inline]
    fn offer(&mut self, command: &Command) -> bool {
        // One command at a time: its events wait for credit, and the kernel behind them.
        if !self.events.is_empty() {
            return false;
        }
        self.events.extend(self.kernel.apply(command));
        true
    }

    #[inline]
    fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn advance(&mut self) -> bool {
        self.kernel.work()
    }

    fn is_busy(&self) -> bool {
        !self.events.is_empty()
    }

    fn built(&self) -> u32 {
        let underlyings = self.kernel.sizes().underlyings.min(32) as u8;
        (0..underlyings).filter(|&index| self.kernel.is_built(index)).fold(0, |bits, index| bits | 1 << index)
    }
}
