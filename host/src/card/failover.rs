//! Fail-over: one stream of commands and events, answered by a card while it is good and by the CPU kernel else,
//! that does not show who answered.
//!
//! ```text
//!              start: good                     fault, difference
//!   (connect) ------------> card answers ---------------------------> CPU answers <--+
//!       |                     ^                                          |           | fault, other image
//!       | not good            | same image                     connected |           |
//!       +-----> CPU answers   +------------- catching up <---------------+-----------+
//!                                            CPU answers; the card is given all commands from the first on
//!
//!   commands --> history --> card --> events --> caller
//!                   |                   | answered, in order, behind the caller's back
//!                   |                   v
//!                   |                CPU kernel, compared: the state image
//!                   +--> a card that comes back
//! ```
//!
//! *The state image is a CPU kernel* that is given every answered command when there is nothing else to do. A
//! card has no way to read its state out, or in; and the kernel is a function of its commands, so another kernel
//! that was given them is the state. Against an image written every so often it costs one command's work on the
//! CPU off the path and saves the replay at the moment of a fault: what is left to do then is what the image is
//! behind, [`BEHIND_COMMANDS`] at most, and the commands in flight. It also compares every event that the card
//! has ever said. Its hash is over all events so far; a card that comes back is given every command from the
//! first on, and takes over again when its events hash alike.
//!
//! Invariants:
//! * the caller gets every event of every command once, in order, whoever answers: events that were handed on are
//!   skipped when the CPU takes over, those that were not are said by it;
//! * a clock decides who answers, and never what;
//! * while a card answers, submit and poll allocate nothing and read no register: the history's memory is
//!   reserved at the start.

mod answer;
mod catch_up;
mod change;
mod policy;

use std::collections::VecDeque;
use std::time::Instant;

use hedgewire_abi::event::FLAG_LAST;
use hedgewire_abi::register::COMMAND_CREDIT;
use hedgewire_abi::{Command, Event, MAX_EVENTS_PER_COMMAND, VERSION};
use hedgewire_kernel::Kernel;

use super::Card;
use super::driver::{CardDriver, CardFault};
use answer::{Answer, Image, is_answer};
use catch_up::{CatchUp, Silence};
pub use change::{Cause, Change, Holder, SessionError};
pub use policy::{OnFault, SessionOptions};

/// Answered commands that the image may be behind.
pub const BEHIND_COMMANDS: usize = 1 << 10;
/// Polls without an event between two readings of the clock: some two microseconds.
const POLLS_PER_CLOCK: u32 = 1 << 7;

enum State<C> {
    Card(Box<CardDriver<C>>),
    CatchingUp(Box<CatchUp<C>>),
    Cpu,
    Stopped(Cause),
}

/// How a card is reached: called at the start, and again to get one back.
pub type Connect<C> = Box<dyn FnMut() -> Result<C, String>>;
/// Told of each change as it happens.
pub type Observer = Box<dyn FnMut(&Change)>;

/// A card, the CPU kernel, and the stream that they answer.
pub struct Session<C> {
    state: State<C>,
    kernel: Kernel,
    options: SessionOptions,
    connect: Connect<C>,
    observer: Observer,
    /// Commands in flight, oldest first.
    unanswered: VecDeque<Command>,
    /// Events of the oldest of them that were handed on.
    partial: Answer,
    /// What the kernel says to the oldest of them, if it was asked beforehand.
    expected: Option<Answer>,
    /// Answered by the card, not yet given to the kernel.
    behind: VecDeque<Answer>,
    /// Said by the kernel, not yet handed on.
    ready: VecDeque<Event>,
    /// Of the kernel's events.
    image: Image,
    commands: u64,
    history: Vec<Command>,
    next_seq: u64,
    silence: Option<Silence>,
    tried: Instant,
    beaten: Instant,
    is_disarm_due: bool,
    last: Answer,
    changes: u64,
    /// A card that has failed: letting go of its memory takes longer than all else, and waits.
    retired: Option<Box<CardDriver<C>>>,
}

impl<C: Card> Session<C> {
    /// Connects a card to a fresh kernel; the CPU answers if there is none that is good.
    ///
    /// # Errors
    /// [`SessionError::Stopped`] if there is none and the options say to stop then.
    pub fn open(
        kernel: Kernel,
        options: SessionOptions,
        connect: Connect<C>,
        observer: Observer,
    ) -> Result<Self, SessionError> {
        let now = Instant::now();
        let mut session = Self {
            state: State::Cpu,
            next_seq: kernel.next_command_seq(),
            kernel,
            options,
            connect,
            observer,
            unanswered: VecDeque::with_capacity(COMMAND_CREDIT as usize),
            partial: Answer::EMPTY,
            expected: None,
            behind: VecDeque::with_capacity(BEHIND_COMMANDS),
            ready: VecDeque::with_capacity(MAX_EVENTS_PER_COMMAND * (COMMAND_CREDIT as usize + 1)),
            image: Image::default(),
            commands: 0,
            history: Vec::with_capacity(options.history_commands),
            silence: None,
            tried: now,
            beaten: now,
            is_disarm_due: false,
            last: Answer::EMPTY,
            changes: 0,
            retired: None,
        };
        match session.start_card() {
            Ok(driver) => session.give_to_card(driver),
            Err(cause) => session.take_over(cause),
        }
        match session.state {
            State::Stopped(cause) => Err(SessionError::Stopped(cause)),
            _ => Ok(session),
        }
    }

    // ---- what a caller sees ------------------------------------------------------------------

    /// Sequence number that the next command must carry.
    #[inline]
    pub fn next_command_seq(&self) -> u64 {
        self.next_seq
    }

    /// The CPU kernel: at the stream's end or, while a card answers, a little behind it.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Whether a card answers.
    pub fn is_on_card(&self) -> bool {
        matches!(self.state, State::Card(_))
    }

    /// How often who answers has changed, the start included.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether card and CPU have differed since this was last asked: every underlying is to be disarmed then, for
    /// an order may have left that should not have.
    pub fn take_disarm(&mut self) -> bool {
        std::mem::take(&mut self.is_disarm_due)
    }

    /// Whether one more command may be submitted before events are polled.
    #[inline]
    pub fn has_room(&self) -> bool {
        match &self.state {
            State::Card(driver) => driver.has_credit(),
            _ => self.ready.len() < MAX_EVENTS_PER_COMMAND * COMMAND_CREDIT as usize,
        }
    }

    /// Gives a command to whoever answers.
    ///
    /// # Errors
    /// [`SessionError::Stopped`].
    ///
    /// # Panics
    /// Without room: the caller asks before.
    #[inline]
    pub fn submit(&mut self, command: &Command) -> Result<(), SessionError> {
        assert!(self.has_room(), "a command is submitted only with room");
        match &mut self.state {
            State::Card(driver) => {
                driver.post(command);
                self.unanswered.push_back(*command);
            }
            State::Stopped(cause) => return Err(SessionError::Stopped(cause.clone())),
            State::CatchingUp(_) | State::Cpu => {
                Self::answer(&mut self.kernel, &mut self.image, &mut self.ready, command, 0);
            }
        }
        self.remember(command);
        Ok(())
    }

    /// The next event, if it is there.
    ///
    /// # Errors
    /// [`SessionError::Stopped`].
    #[inline]
    pub fn poll(&mut self) -> Result<Option<Event>, SessionError> {
        if let Some(event) = self.ready.pop_front() {
            return Ok(Some(event));
        }
        let driver = match &mut self.state {
            State::Card(driver) => driver,
            State::Stopped(cause) => return Err(SessionError::Stopped(cause.clone())),
            State::CatchingUp(_) | State::Cpu => return Ok(None),
        };
        match driver.poll() {
            Ok(Some(event)) => match self.accept(&event) {
                Ok(()) => Ok(Some(event)),
                Err(cause) => self.take_over_and_poll(cause),
            },
            Ok(None) if self.unanswered.is_empty() => Ok(None),
            Ok(None) => match self.wait() {
                None => Ok(None),
                Some(fault) => self.take_over_and_poll(fault.into()),
            },
            Err(fault) => self.take_over_and_poll(fault.into()),
        }
    }

    /// Submits a command and waits for all events that answer it.
    ///
    /// # Errors
    /// [`SessionError::Stopped`].
    #[inline]
    pub fn apply(&mut self, command: &Command) -> Result<&[Event], SessionError> {
        self.submit(command)?;
        self.last.count = 0;
        loop {
            if let Some(event) = self.poll()? {
                self.last.push(&event);
                if event.flags() & FLAG_LAST != 0 {
                    return Ok(self.last.events());
                }
            }
        }
    }

    /// The events of the last command that was applied.
    pub fn last_events(&self) -> &[Event] {
        self.last.events()
    }

    /// Does one small piece of what can wait: the image's, the kernel's own, a card that comes back. False when
    /// there is none.
    pub fn work(&mut self) -> bool {
        self.beat();
        self.retired = None;
        if let Some(answer) = self.behind.pop_front() {
            if let Some(cause) = self.follow(&answer) {
                self.take_over(cause);
            }
            return true;
        }
        if self.kernel.work() {
            return true;
        }
        match &self.state {
            State::CatchingUp(_) => self.catch_up(),
            State::Cpu => self.try_again(),
            State::Card(_) | State::Stopped(_) => false,
        }
    }

    // ---- while a card answers ----------------------------------------------------------------

    #[inline]
    fn remember(&mut self, command: &Command) {
        self.commands += 1;
        if command.version() == VERSION && command.seq() == self.next_seq {
            self.next_seq = self.next_seq.wrapping_add(1);
        }
        if self.history.len() < self.options.history_commands {
            self.history.push(*command);
        }
    }

    /// Checks an event against the oldest command in flight, and keeps both for the image.
    #[inline]
    fn accept(&mut self, event: &Event) -> Result<(), Cause> {
        let command = self.unanswered.front().copied();
        let Some(command) = command.filter(|command| is_answer(command, event, self.partial.count)) else {
            return Err(Cause::Corrupted { command: command.map(Box::new), event: Box::new(*event) });
        };
        let number = self.commands - self.unanswered.len() as u64;
        if self.options.check_every > 0 && number.is_multiple_of(self.options.check_every.into()) {
            self.compare(&command, event)?;
        }
        self.partial.push(event);
        if event.flags() & FLAG_LAST == 0 {
            return Ok(());
        }
        self.unanswered.pop_front();
        self.silence = None;
        let answer = self.partial.to(command);
        self.partial.count = 0;
        if self.expected.take().is_some() {
            return Ok(());
        }
        if self.behind.len() == BEHIND_COMMANDS
            && let Some(oldest) = self.behind.pop_front()
            && let Some(cause) = self.follow(&oldest)
        {
            // This answer was handed on with the others: it stays to be compared.
            self.behind.push_back(answer);
            self.take_over(cause);
            return Ok(());
        }
        self.behind.push_back(answer);
        Ok(())
    }

    /// Asks the kernel what the oldest command is to be answered, and compares.
    fn compare(&mut self, command: &Command, event: &Event) -> Result<(), Cause> {
        self.catch_image_up().map_or(Ok(()), Err)?;
        if self.expected.is_none() {
            let events = self.kernel.apply(command);
            events.iter().for_each(|event| self.image.note(event));
            self.expected = Some(Answer::of(command, events));
        }
        let place = self.partial.count;
        let cpu = self.expected.as_ref().and_then(|expected| expected.events().get(place).copied());
        if cpu == Some(*event) {
            return Ok(());
        }
        Err(Answer::of(command, &[]).differs(Some(*event), cpu))
    }

    /// Gives the kernel a command that the card has answered; the difference, if there is one.
    fn follow(&mut self, answer: &Answer) -> Option<Cause> {
        let events = self.kernel.apply(&answer.command);
        events.iter().for_each(|event| self.image.note(event));
        answer.difference(events, true)
    }

    /// Gives the kernel all that the card has answered; the first difference, if there is one.
    fn catch_image_up(&mut self) -> Option<Cause> {
        let mut difference = None;
        while let Some(answer) = self.behind.pop_front() {
            let found = self.follow(&answer);
            difference = difference.or(found);
        }
        difference
    }

    /// Commands are in flight and no event has come: says what is wrong, if something is.
    #[inline]
    fn wait(&mut self) -> Option<CardFault> {
        let State::Card(driver) = &mut self.state else { return None };
        if !driver.empty_polls().is_multiple_of(POLLS_PER_CLOCK) {
            return None;
        }
        let silence = self.silence.get_or_insert_with(|| Silence::from_now(&self.options));
        let fault = silence.look(driver, self.unanswered.front(), &self.options);
        self.beat();
        fault
    }

    /// A heartbeat, if one is due.
    fn beat(&mut self) {
        let State::Card(driver) = &mut self.state else { return };
        if self.options.card.watchdog_period_cycles > 0 && self.beaten.elapsed() >= self.options.heartbeat_every {
            driver.heartbeat();
            self.beaten = Instant::now();
        }
    }

    // ---- handing over ------------------------------------------------------------------------

    #[cold]
    fn take_over_and_poll(&mut self, cause: Cause) -> Result<Option<Event>, SessionError> {
        self.take_over(cause);
        match &self.state {
            State::Stopped(cause) => Err(SessionError::Stopped(cause.clone())),
            _ => Ok(self.ready.pop_front()),
        }
    }

    /// The CPU answers from now on, beginning with what is in flight.
    #[cold]
    fn take_over(&mut self, cause: Cause) {
        let start = Instant::now();
        // What the card has said last and not least: it is told before the kernel goes on.
        let mut cause = self.catch_image_up().unwrap_or(cause);
        self.tried = start;
        self.silence = None;
        let answered = self.commands - self.unanswered.len() as u64;
        if self.options.on_fault == OnFault::Stop {
            self.is_disarm_due |= matches!(cause, Cause::Difference { .. });
            self.state = State::Stopped(cause.clone());
            return self.tell(answered, Holder::Nobody, Some(cause), start);
        }
        if let State::Card(driver) = std::mem::replace(&mut self.state, State::Cpu) {
            self.retired = Some(driver);
        }
        let handed_on = std::mem::replace(&mut self.partial, Answer::EMPTY);
        for (place, command) in std::mem::take(&mut self.unanswered).into_iter().enumerate() {
            let skip = if place == 0 { handed_on.count } else { 0 };
            let answer = match self.expected.take() {
                Some(expected) => {
                    self.ready.extend(&expected.events()[skip.min(expected.count)..]);
                    expected
                }
                None => Self::answer(&mut self.kernel, &mut self.image, &mut self.ready, &command, skip),
            };
            if place == 0
                && let Some(difference) = handed_on.to(command).difference(answer.events(), false)
            {
                cause = difference;
            }
        }
        self.is_disarm_due |= matches!(cause, Cause::Difference { .. });
        self.tell(answered, Holder::Cpu, Some(cause), start);
    }

    /// Answers a command by the kernel, but for its first `skip` events.
    fn answer(
        kernel: &mut Kernel,
        image: &mut Image,
        ready: &mut VecDeque<Event>,
        command: &Command,
        skip: usize,
    ) -> Answer {
        let events = kernel.apply(command);
        events.iter().for_each(|event| image.note(event));
        ready.extend(&events[skip.min(events.len())..]);
        Answer::of(command, events)
    }

    fn tell(&mut self, commands: u64, holder: Holder, cause: Option<Cause>, start: Instant) {
        let took_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.changes += 1;
        (self.observer)(&Change { at: jiff::Timestamp::now(), commands, holder, cause, took_ns });
    }

    // ---- a card that comes back --------------------------------------------------------------

    fn start_card(&mut self) -> Result<CardDriver<C>, Cause> {
        let card = (self.connect)().map_err(Cause::NoCard)?;
        Ok(CardDriver::start(card, self.kernel.sizes(), &self.options.card)?)
    }

    fn give_to_card(&mut self, mut driver: CardDriver<C>) {
        driver.card().answer_within(self.options.deadline);
        let holder = Holder::Card(*driver.identity());
        self.beaten = Instant::now();
        self.state = State::Card(Box::new(driver));
        self.tell(self.commands, holder, None, self.beaten);
    }

    /// Looks whether there is a card again.
    fn try_again(&mut self) -> bool {
        let is_due = self.options.retry_every.is_some_and(|every| self.tried.elapsed() >= every);
        if !is_due {
            return false;
        }
        self.tried = Instant::now();
        if self.commands > self.history.len() as u64 {
            self.options.retry_every = None;
            let cause = Cause::HistoryFull { commands: self.options.history_commands };
            self.tell(self.commands, Holder::Cpu, Some(cause), self.tried);
            return false;
        }
        // That there is still none is no news.
        let Ok(driver) = self.start_card() else { return false };
        self.state = State::CatchingUp(Box::new(CatchUp::new(driver)));
        true
    }

    /// Gives a card that came back some more of the history; false if it has nothing to say just now.
    fn catch_up(&mut self) -> bool {
        let State::CatchingUp(catch_up) = &mut self.state else { return false };
        if self.commands > self.history.len() as u64 {
            self.state = State::Cpu;
            return false;
        }
        match catch_up.advance(&self.history, &self.options) {
            Err(fault) => self.refuse_card(fault.into()),
            Ok(false) => return false,
            Ok(true) if !catch_up.is_done(&self.history) => {}
            Ok(true) if catch_up.image != self.image => {
                self.options.retry_every = None;
                self.refuse_card(Cause::OtherImage { commands: self.commands });
            }
            Ok(true) => {
                if let State::CatchingUp(catch_up) = std::mem::replace(&mut self.state, State::Cpu) {
                    self.give_to_card(catch_up.driver);
                }
            }
        }
        true
    }

    fn refuse_card(&mut self, cause: Cause) {
        let now = Instant::now();
        self.tried = now;
        self.state = State::Cpu;
        self.tell(self.commands, Holder::Cpu, Some(cause), now);
    }
}
