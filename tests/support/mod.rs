//! What the kernel's tests share: sizes of test kernels, streams driven through them, and kernels
//! driven by hand.
//!
//! Invariant: nothing here decides what is right; it only drives kernels and says where two differ.

// Each test binary uses its own part of this module.
#![allow(dead_code)]

pub mod portfolio;

use hedgewire_abi::command::Header;
use hedgewire_abi::event::{Hedge, Refused, Risk};
use hedgewire_abi::{Command, Event, Reason};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::commands::CommandStream;

/// Sizes at which a complete ladder costs little, so that streams see many of them.
pub const SMALL: Sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };
/// Several blocks of rows per underlying, and ladders with an inside.
pub const MEDIUM: Sizes = Sizes { underlyings: 2, rows: 512, intervals: 32 };

/// Where the hand-driven tests' clock starts, ns since the Unix epoch.
pub const START_NS: u64 = 1_700_000_000_000_000_000;

/// Whether the AVX2 form runs here; says so on stderr where it does not.
pub fn has_avx2(test: &str) -> bool {
    let supported = Form::Avx2.is_supported();
    if !supported {
        eprintln!("SKIPPED: {test}: this CPU has no AVX2");
    }
    supported
}

/// Drives a kernel by a stream of its own.
pub struct StreamRun {
    /// The stream.
    pub stream: CommandStream,
    /// The kernel.
    pub kernel: Kernel,
    /// Events of the last command.
    pub events: Vec<Event>,
}

impl StreamRun {
    /// A fresh kernel and the stream of `seed`.
    pub fn new(seed: u64, sizes: Sizes, form: Form) -> Self {
        Self { stream: CommandStream::new(seed, sizes), kernel: Kernel::new(sizes, form), events: Vec::new() }
    }

    /// Sends the next command; its events are in `events`.
    pub fn step(&mut self) -> Command {
        let command = self.stream.next(&self.events);
        self.events.clear();
        self.events.extend_from_slice(self.kernel.apply(&command));
        command
    }
}

/// Asserts that a kernel answers a command as it should, byte for byte.
#[track_caller]
pub fn assert_same(what: &str, seed: u64, step: u64, command: &Command, expected: &[Event], got: &[Event]) {
    assert!(expected == got, "{what}: seed={seed} step={step}\n{command:?}\nexpected {expected:#?}\ngot      {got:#?}");
}

/// What an event says, without its place in the two streams.
pub fn said(event: &Event) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes.copy_from_slice(&event.0[..48]);
    bytes
}

/// Whether the command was refused as such, and so left the state untouched.
pub fn is_command_refusal(events: &[Event]) -> bool {
    events.len() == 1
        && events[0].kind() == Refused::KIND
        && events[0].reason().is_some_and(|r| r >= Reason::BadVersion)
}

/// A kernel driven by hand: it is given bodies, and counts sequence numbers and time itself.
pub struct Machine {
    /// The kernel.
    pub kernel: Kernel,
    /// Time of the next command, ns.
    pub now_ns: u64,
    /// Underlying of the next command.
    pub underlying: u8,
}

impl Machine {
    /// A fresh kernel.
    pub fn new(sizes: Sizes, form: Form) -> Self {
        Self { kernel: Kernel::new(sizes, form), now_ns: START_NS, underlying: 0 }
    }

    /// Sends a command, `|header| body.encode(header)`, and returns its events.
    pub fn send(&mut self, encode: impl FnOnce(Header) -> Command) -> Vec<Event> {
        let header = Header { underlying: self.underlying, now_ns: self.now_ns, seq: self.kernel.next_command_seq() };
        self.kernel.apply(&encode(header)).to_vec()
    }

    /// Sends a command that must not be refused as such.
    #[track_caller]
    pub fn must(&mut self, encode: impl FnOnce(Header) -> Command) -> Vec<Event> {
        let events = self.send(encode);
        assert!(!is_command_refusal(&events), "{events:?}");
        events
    }

    /// Does all background work.
    pub fn work_all(&mut self) {
        while self.kernel.work() {}
    }
}

/// The first event's reason: of a decision or of a command.
pub fn reason(events: &[Event]) -> Reason {
    events[0].reason().expect("a known reason")
}

/// Exposure that a decision was taken on, 2^-16 contract.
pub fn exposure(events: &[Event]) -> i64 {
    let decision = events.iter().find(|event| matches!(event.kind(), Hedge::KIND | Refused::KIND));
    match decision {
        Some(event) if event.kind() == Hedge::KIND => Hedge::decode(event).exposure,
        Some(event) => Refused::decode(event).exposure,
        None => panic!("no decision in {events:?}"),
    }
}

/// The hedge among the events.
pub fn hedge(events: &[Event]) -> Option<Hedge> {
    events.iter().find(|event| event.kind() == Hedge::KIND).map(Hedge::decode)
}

/// The risk among the events.
pub fn risk(events: &[Event]) -> Option<Risk> {
    events.iter().find(|event| event.kind() == Risk::KIND).map(Risk::decode)
}
