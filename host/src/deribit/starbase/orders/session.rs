//! The session: logon, numbers both ways, heartbeats, gaps, logout, reconnect. Bytes and times go in;
//! bytes, events and the next deadline come out. It owns no socket and reads no clock.
//!
//! ```text
//!                 connected: Logon out            LogonConf
//!   Disconnected ────────────────────► LoggingOn ───────────► LoggedOn ──► ready when no gap is open
//!     ▲  │ ▲                              │                     │   ▲ │
//!     │  │ └── LoggedOut, timeout ────────┘       gap: resend ──┘   │ │ logout: Logout out
//!     │  └ retry time: Connect             asked for, all of it ────┘ ▼
//!     └──── connection lost, violation, silence, LoggedOut ◄──── LoggingOut
//! ```
//!
//! Numbers go on from connection to connection: what was missed is asked for after the logon, and
//! `Ready` says that it all came. They begin anew (`resetSeqNum`) only where there is nothing to
//! continue: no earlier numbers, a gateway that counts anew, or reports that it did not resend.
//!
//! Invariants:
//! * reports are given in order, each once; a report that is missing is either given later or said to
//!   be lost;
//! * whatever the gateway does wrong ends the session, with a reason of its own;
//! * the secret is in the bytes of the logon and in no text.
//!
//! Facts: schema descriptions of version 15; the venue's page on session messages (the gateway never
//! asks for a resend; an end of 0 is all; `lastProcessedSeqNo` is the last message received).
//! Whether frames are padded to 8 bytes is the venue's prose, unseen in bytes, and so an option.

mod event;
mod sequence;

use super::codec::{Encoder, Header, SCHEMA_VERSION};
use super::field::{Credential, HeaderFlags, Wire};
use super::frame::{Frame, FrameReader, Framing};
use super::layout::{Block, View};
use super::table::{
    GapFill, Heartbeat, Logon, LogonConf, Logout, MassQuoteRequest, Message, Quote, ResendRequest, TestRequest,
};
use super::values::Bool;
pub use event::{CloseReason, Event, ReasonText, SendError, Violation};
pub use sequence::{Arrival, Inbound};

/// The first version in which the schema is agreed on at logon.
pub const SCHEMA_VERSION_MIN: u16 = 12;
/// Longest heartbeat interval that is believed, s.
pub const HEARTBEAT_SECONDS_MAX: i32 = 3_600;
const NS_PER_SECOND: u64 = 1_000_000_000;

/// How a session is led. Times are ns.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// The key's name.
    pub client_id: Credential<16>,
    /// The key's secret.
    pub secret: Credential<48>,
    /// How frames are cut.
    pub framing: Framing,
    /// Whether the gateway cancels every order of the session when its connection is lost.
    pub cancel_on_disconnect: bool,
    /// Longest wait for the answer to a logon.
    pub logon_timeout_ns: u64,
    /// Longest wait for the answer to a logout.
    pub logout_timeout_ns: u64,
    /// Longest wait for missing reports.
    pub resend_timeout_ns: u64,
    /// First wait before connecting again; each failure doubles it.
    pub reconnect_min_ns: u64,
    /// Longest wait before connecting again.
    pub reconnect_max_ns: u64,
    /// Bytes that may wait for the connection.
    pub outgoing_bytes_max: usize,
}

/// Numbers to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequences {
    /// Of the next message sent.
    pub next_out: i64,
    /// Of the next message received.
    pub expected_in: i64,
}

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No connection.
    Disconnected,
    /// The logon is out.
    LoggingOn,
    /// Messages go both ways.
    LoggedOn,
    /// The logout is out.
    LoggingOut,
}

/// What happened in a session that did not end it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Logons that were confirmed.
    pub logons: u64,
    /// Gaps in the gateway's numbers.
    pub gaps: u64,
    /// Reports given a second time and dropped.
    pub duplicates: u64,
    /// Reports beyond a gap, dropped until they came again.
    pub early: u64,
    /// Messages that the gateway no longer had.
    pub lost: u64,
    /// Messages of unknown templates.
    pub unknown_templates: u64,
    /// Test requests sent.
    pub test_requests: u64,
}

/// One session with one gateway.
pub struct Session {
    reader: FrameReader,
    core: Core,
}

struct Core {
    options: SessionOptions,
    phase: Phase,
    /// When the phase began.
    since_ns: u64,
    outgoing: Vec<u8>,
    next_out: i64,
    inbound: Inbound,
    /// The gateway's last word on what it has seen.
    acknowledged: i64,
    /// Version that both sides write.
    version: u16,
    begins_anew: bool,
    is_continuous: bool,
    is_ready: bool,
    heartbeat_ns: u64,
    last_sent_ns: u64,
    last_received_ns: u64,
    /// When the test request that is open was sent.
    tested_ns: Option<u64>,
    gap_since_ns: u64,
    /// When to connect; none if nobody wants a session.
    retry_ns: Option<u64>,
    failures: u32,
    counts: SessionCounts,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The outgoing bytes may hold a logon.
        f.debug_struct("Session")
            .field("phase", &self.core.phase)
            .field("sequences", &self.sequences())
            .field("is_ready", &self.core.is_ready)
            .field("counts", &self.core.counts)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session without a connection; without `sequences`, its first logon begins numbers anew.
    pub fn new(options: SessionOptions, sequences: Option<Sequences>) -> Self {
        let numbers = sequences.unwrap_or(Sequences { next_out: 1, expected_in: 1 });
        let core = Core {
            options,
            phase: Phase::Disconnected,
            since_ns: 0,
            outgoing: Vec::with_capacity(options.outgoing_bytes_max + usize::from(u16::MAX)),
            next_out: numbers.next_out,
            inbound: Inbound::new(numbers.expected_in),
            acknowledged: 0,
            version: SCHEMA_VERSION,
            begins_anew: sequences.is_none(),
            is_continuous: sequences.is_some(),
            is_ready: false,
            heartbeat_ns: 0,
            last_sent_ns: 0,
            last_received_ns: 0,
            tested_ns: None,
            gap_since_ns: 0,
            retry_ns: None,
            failures: 0,
            counts: SessionCounts::default(),
        };
        Self { reader: FrameReader::new(options.framing), core }
    }

    /// Where the session is.
    pub fn phase(&self) -> Phase {
        self.core.phase
    }

    /// Whether orders may be sent: logged on, and no report is missing.
    pub fn is_ready(&self) -> bool {
        self.core.is_ready
    }

    /// Numbers to go on with after a restart.
    pub fn sequences(&self) -> Sequences {
        Sequences { next_out: self.core.next_out, expected_in: self.core.inbound.expected }
    }

    /// The last of our messages that the gateway says it has seen.
    pub fn acknowledged_seq(&self) -> i64 {
        self.core.acknowledged
    }

    /// What happened so far.
    pub fn counts(&self) -> &SessionCounts {
        &self.core.counts
    }

    /// Wants a session from now on.
    pub fn start(&mut self, now_ns: u64) {
        if self.core.phase == Phase::Disconnected {
            self.core.retry_ns = Some(now_ns);
        }
    }

    /// The connection stands: the logon goes out.
    pub fn connected(&mut self, now_ns: u64) {
        self.reader.reset();
        self.core.log_on(now_ns);
    }

    /// There is no connection to be had; it is tried again later.
    pub fn connection_failed(&mut self, now_ns: u64) {
        self.core.schedule(now_ns);
    }

    /// The connection is gone.
    pub fn disconnected(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        if self.core.phase != Phase::Disconnected {
            self.core.close(now_ns, CloseReason::ConnectionLost, sink);
        }
    }

    /// Bytes that wait to be written to the connection.
    pub fn outgoing(&self) -> &[u8] {
        &self.core.outgoing
    }

    /// Says that the first `bytes` of [`Session::outgoing`] are written.
    pub fn written(&mut self, bytes: usize) {
        let bytes = bytes.min(self.core.outgoing.len());
        self.core.outgoing.drain(..bytes);
    }

    /// Takes bytes from the connection; returns after the last one, or when the session is closed.
    pub fn on_bytes(&mut self, now_ns: u64, bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        let mut rest = bytes;
        while self.core.phase != Phase::Disconnected {
            let taken = self.reader.push(rest);
            rest = &rest[taken..];
            self.drain(now_ns, sink);
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Handles every whole message.
    fn drain(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        while self.core.phase != Phase::Disconnected {
            let done = match self.reader.next_frame() {
                Ok(None) => return,
                Ok(Some(frame)) => self.core.on_frame(now_ns, &frame, sink),
                Err(error) => Err(Violation::Frame(error)),
            };
            if let Err(violation) = done {
                self.core.close(now_ns, CloseReason::Violation(violation), sink);
            }
        }
    }

    /// When [`Session::on_time`] has something to do next, ns; `None` for never.
    pub fn deadline_ns(&self) -> Option<u64> {
        self.core.deadline_ns()
    }

    /// Does what is due: connect, heartbeat, test request, timeouts.
    pub fn on_time(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        self.core.on_time(now_ns, sink);
    }

    /// Sends a message that has neither groups nor texts; returns its number.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent then, and no number used up.
    #[inline]
    pub fn send<M: Block>(&mut self, now_ns: u64, message: &M) -> Result<i64, SendError> {
        debug_assert!(M::LAYOUT.is_fixed(), "Invariant: only messages without groups and texts");
        self.core.check_sendable()?;
        self.core.write(now_ns, |out, header, is_padded| Encoder::new(out, header, message).finish(is_padded))
    }

    /// Sends quotes; returns the message's number.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent then, and no number used up.
    pub fn send_quotes(&mut self, now_ns: u64, request: &MassQuoteRequest, quotes: &[Quote]) -> Result<i64, SendError> {
        self.core.check_sendable()?;
        self.core
            .write(now_ns, |out, header, is_padded| Encoder::new(out, header, request).group(quotes).finish(is_padded))
    }

    /// Ends the session in order; reports still come until `Closed`. Without a connection, or before
    /// the logon is confirmed, it just stops wanting one.
    pub fn log_out(&mut self, now_ns: u64, reason: &str, sink: &mut impl FnMut(Event<'_>)) {
        let core = &mut self.core;
        core.retry_ns = None;
        match core.phase {
            Phase::LoggedOn => {
                let reason = &reason.as_bytes()[..reason.len().min(usize::from(u8::MAX))];
                let written = core.write(now_ns, |out, header, is_padded| {
                    Encoder::new(out, header, &Logout {}).text(reason)?.finish(is_padded)
                });
                debug_assert!(written.is_ok(), "Invariant: a logout fits the wire");
                core.enter(Phase::LoggingOut, now_ns);
                core.is_ready = false;
            }
            Phase::LoggingOn => {
                core.close(now_ns, CloseReason::LoggedOut(ReasonText::new(b"before the logon", b"")), sink);
                core.retry_ns = None;
            }
            Phase::Disconnected | Phase::LoggingOut => {}
        }
    }
}

impl Core {
    fn enter(&mut self, phase: Phase, now_ns: u64) {
        (self.phase, self.since_ns) = (phase, now_ns);
    }

    fn check_sendable(&self) -> Result<(), SendError> {
        if self.phase != Phase::LoggedOn {
            return Err(SendError::NotLoggedOn(self.phase));
        }
        let pending_bytes = self.outgoing.len();
        if pending_bytes >= self.options.outgoing_bytes_max { Err(SendError::Full { pending_bytes }) } else { Ok(()) }
    }

    /// Writes a message with the next number; returns the number.
    #[inline]
    fn write(
        &mut self,
        now_ns: u64,
        encode: impl FnOnce(&mut Vec<u8>, Header, bool) -> Result<(), super::codec::EncodeError>,
    ) -> Result<i64, SendError> {
        let seq = self.next_out;
        let header = Header {
            flags: HeaderFlags::default(),
            message_bytes: 0,
            template: 0,
            version: self.version,
            seq,
            last_processed_seq: self.inbound.expected - 1,
            send_time_ns: now_ns.cast_signed(),
        };
        encode(&mut self.outgoing, header, self.options.framing.is_padded)?;
        self.next_out += 1;
        self.last_sent_ns = now_ns;
        Ok(seq)
    }

    /// Writes a session message, which always fits.
    fn write_own<M: Block>(&mut self, now_ns: u64, message: &M) {
        let written = self.write(now_ns, |out, header, is_padded| Encoder::new(out, header, message).finish(is_padded));
        debug_assert!(written.is_ok(), "Invariant: a session message fits the wire");
    }

    fn log_on(&mut self, now_ns: u64) {
        self.forget_connection();
        self.version = SCHEMA_VERSION;
        if self.begins_anew {
            (self.next_out, self.inbound, self.acknowledged) = (1, Inbound::new(1), 0);
            self.is_continuous = false;
        }
        let flag = |yes| if yes { Bool::True } else { Bool::False };
        let logon = Logon {
            client_id: self.options.client_id,
            secret: self.options.secret,
            reset_seq_num: flag(self.begins_anew),
            schema_version: SCHEMA_VERSION,
            cancel_on_disconnect: flag(self.options.cancel_on_disconnect),
        };
        self.write_own(now_ns, &logon);
        self.retry_ns = None;
        self.enter(Phase::LoggingOn, now_ns);
    }

    fn close(&mut self, now_ns: u64, reason: CloseReason, sink: &mut impl FnMut(Event<'_>)) {
        if let CloseReason::Violation(violation) = &reason {
            self.begins_anew |= violation.breaks_numbering();
        }
        let wants_another = self.phase != Phase::LoggingOut;
        self.forget_connection();
        self.enter(Phase::Disconnected, now_ns);
        if wants_another {
            self.schedule(now_ns);
        }
        sink(Event::Closed(reason));
    }

    /// What goes with a connection; numbers stay.
    fn forget_connection(&mut self) {
        self.outgoing.clear();
        self.inbound.disconnect();
        self.tested_ns = None;
        self.is_ready = false;
    }

    /// Sets the time of the next attempt to connect.
    fn schedule(&mut self, now_ns: u64) {
        let doubled = self.options.reconnect_min_ns.checked_shl(self.failures.min(63)).unwrap_or(u64::MAX);
        let is_exact = doubled >> self.failures.min(63) == self.options.reconnect_min_ns;
        let wait_ns = if is_exact { doubled.min(self.options.reconnect_max_ns) } else { self.options.reconnect_max_ns };
        self.failures = self.failures.saturating_add(1);
        self.retry_ns = Some(now_ns.saturating_add(wait_ns));
    }

    fn secret_text(&self) -> Vec<u8> {
        let mut block = [0; <Credential<48> as Wire>::BYTES];
        self.options.secret.write(&mut block, 0);
        block.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
    }
}

mod inbound;
mod timing;
