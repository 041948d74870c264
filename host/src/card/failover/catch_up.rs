//! A card that comes back and is given the day from its first command on; and how long any card may be silent.
//!
//! ```text
//!   history[next ..] --post--> card --events--> image        done: all posted, all answered
//!                                |
//!                                +-- nothing comes --> Silence: clock, then registers, then a fault
//! ```

use std::time::{Duration, Instant};

use hedgewire_abi::Command;
use hedgewire_abi::command::Swap;

use super::POLLS_PER_CLOCK;
use super::answer::Image;
use super::policy::SessionOptions;
use crate::card::Card;
use crate::card::driver::{CardDriver, CardFault};

/// Readings of the clock before a busy card is given up: a host that was itself off its core for a while must look
/// again before it takes its own absence for the card's silence.
const LOOKS_BEFORE_SILENT: u32 = 8;
/// Events that a card which catches up is asked for in one piece of work.
const CATCH_UP_EVENTS: u32 = 64;

/// A card that is given the history.
pub(super) struct CatchUp<C> {
    pub(super) driver: CardDriver<C>,
    /// Commands posted.
    next: usize,
    pub(super) image: Image,
    silence: Option<Silence>,
}

/// Commands are in flight, and no event has come.
pub(super) struct Silence {
    since: Instant,
    /// Readings of the clock since then.
    looks: u32,
    /// When the registers are to be read next.
    ask_at: Duration,
}

impl Silence {
    pub(super) fn from_now(options: &SessionOptions) -> Self {
        Self { since: Instant::now(), looks: 0, ask_at: options.ask_after }
    }

    /// What the card's registers say, if it is time to ask; `next` is the command to be answered next.
    pub(super) fn look<C: Card>(
        &mut self,
        driver: &mut CardDriver<C>,
        next: Option<&Command>,
        options: &SessionOptions,
    ) -> Option<CardFault> {
        self.looks += 1;
        let silent = self.since.elapsed();
        if silent < self.ask_at {
            return None;
        }
        self.ask_at = silent + options.ask_after;
        let is_swap = next.is_some_and(|command| command.kind() == Swap::KIND);
        let deadline = if is_swap { options.swap_deadline } else { options.deadline };
        match driver.diagnose() {
            Ok(true) => (silent >= deadline && self.looks >= LOOKS_BEFORE_SILENT).then_some(CardFault::Silent),
            // A read comes after all that the card has written: had it answered, the event would be here.
            Ok(false) => (!driver.is_event_there()).then_some(CardFault::Silent),
            Err(fault) => Some(fault),
        }
    }
}

impl<C: Card> CatchUp<C> {
    /// Nothing has been posted yet.
    pub(super) fn new(driver: CardDriver<C>) -> Self {
        Self { driver, next: 0, image: Image::default(), silence: None }
    }

    /// Posts what there is room for and takes what has come; whether anything did, or all is done.
    pub(super) fn advance(&mut self, history: &[Command], options: &SessionOptions) -> Result<bool, CardFault> {
        let mut has_moved = false;
        for _ in 0..CATCH_UP_EVENTS {
            while self.driver.has_credit() && self.next < history.len() {
                self.driver.post(&history[self.next]);
                self.next += 1;
            }
            if self.is_done(history) {
                return Ok(true);
            }
            match self.driver.poll()? {
                Some(event) => {
                    self.image.note(&event);
                    self.silence = None;
                    has_moved = true;
                }
                None if self.driver.empty_polls().is_multiple_of(POLLS_PER_CLOCK) => {
                    if options.card.watchdog_period_cycles > 0 {
                        self.driver.heartbeat();
                    }
                    let next = self.next.checked_sub(self.driver.unanswered() as usize);
                    let silence = self.silence.get_or_insert_with(|| Silence::from_now(options));
                    let fault = silence.look(&mut self.driver, next.and_then(|next| history.get(next)), options);
                    fault.map_or(Ok(()), Err)?;
                }
                None => {}
            }
        }
        Ok(has_moved)
    }

    pub(super) fn is_done(&self, history: &[Command]) -> bool {
        self.next == history.len() && self.driver.unanswered() == 0
    }
}
