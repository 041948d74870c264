//! How a card and the CPU share the work: what is configured.

use std::time::Duration;

use crate::card::driver::CardOptions;

/// What to do when a card fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFault {
    /// The CPU goes on.
    #[default]
    FallBack,
    /// Nothing more is answered: a desk that would rather not trade than trade at the CPU's speed.
    Stop,
}

/// How a card and the CPU share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOptions {
    /// Ring and watchdog.
    pub card: CardOptions,
    /// What to do when the card fails.
    pub on_fault: OnFault,
    /// Of how many commands one is compared with the CPU kernel before its events are handed on: 1 is each, 0 none.
    /// The others are compared afterwards, when there is time.
    pub check_every: u32,
    /// After how long without an event the card's registers are read, and how often from then on: a card that says it is
    /// idle has lost it.
    pub ask_after: Duration,
    /// After how long without an event, or without an answer from its registers, a busy card is given up.
    pub deadline: Duration,
    /// The same while a swap is to be answered next: it waits for a ladder to be built.
    pub swap_deadline: Duration,
    /// Commands remembered for a card that comes back; with more, none can.
    pub history_commands: usize,
    /// Time between two attempts to get a card back; none for never.
    pub retry_every: Option<Duration>,
    /// Time between two heartbeats, where there is a watchdog.
    pub heartbeat_every: Duration,
}

impl Default for SessionOptions {
    /// Falls back; compares afterwards; asks after 200 us, gives up after 2 s; remembers 2^22 commands (256 MiB,
    /// taken as they come); tries again every 100 ms; a heartbeat every 10 ms.
    fn default() -> Self {
        Self {
            card: CardOptions::default(),
            on_fault: OnFault::FallBack,
            check_every: 0,
            ask_after: Duration::from_micros(200),
            deadline: Duration::from_secs(2),
            swap_deadline: Duration::from_secs(2),
            history_commands: 1 << 22,
            retry_every: Some(Duration::from_millis(100)),
            heartbeat_every: Duration::from_millis(10),
        }
    }
}
