//! Order entry's sessions: connections, logons, numbers, heartbeats, resends. It knows nothing of orders: requests
//! come out of it, and reports go into it.
//!
//! ```text
//!                logon, right key            first message of another kind, wrong key, 10 s: closed
//!   connected ───────────────────► logged on ──┬─ Logout: LoggedOut, closed; orders stay
//!                                    │    ▲    ├─ number too low or beyond the next: LoggedOut, closed
//!                      silence: test │    │    ├─ no answer to a test, framing lost: closed
//!                                    └────┘    └─ connection lost ─► orders cancelled, if so agreed
//! ```
//!
//! Invariants:
//! * every message to a member has the next number of its session; numbers go on from connection to connection
//!   unless the member asks to begin anew;
//! * reports are kept for resending, also those that nobody was connected to hear; session messages are filled over;
//! * a connection speaks for one member, and a member has one connection.
//!
//! The gateway never asks for a resend (the venue's page on session messages): numbers may jump at a logon, since
//! what was written to a dead connection is lost, and nowhere else.

mod inbound;
mod messages;

use std::collections::{BTreeMap, VecDeque};

use super::codes::reject;
use super::layout as at;
use super::request::exact;
use super::wire::{Body, half, word};

/// Bytes of a message's header.
pub const HEADER_BYTES: usize = 32;
/// First byte of every message.
const PROTOCOL_ID: u8 = 0xdb;
const FLAG_RESEND: u8 = 1;
/// The version that is spoken, and the oldest that agrees on one at logon.
const VERSION: u16 = 15;
const VERSION_MIN: u16 = 12;
const ALIGNMENT: usize = 8;
/// Longest message that is read: far more than fifteen quotes.
const MESSAGE_BYTES_MAX: usize = 4_096;
const NS_PER_SECOND: i64 = 1_000_000_000;
/// Longest wait for a logon, ns.
const LOGON_TIMEOUT_NS: i64 = 10 * NS_PER_SECOND;
/// Most connections; more are closed at once.
const CONNECTIONS_MAX: usize = 64;

/// Who may log on.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// The key's name, at most 16 bytes.
    pub client_id: String,
    /// The key's secret, at most 48 bytes.
    pub secret: String,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret is in no text.
        f.debug_struct("Member").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// How sessions are led.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// Who may log on.
    pub members: Vec<Member>,
    /// Told at logon, s.
    pub heartbeat_seconds: i32,
    /// Whether frames are filled up to 8 bytes.
    pub is_padded: bool,
    /// Messages kept for resending, per member.
    pub history_messages: usize,
}

/// What sessions did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GatewayCounts {
    /// Connections.
    pub connections: u64,
    /// Logons.
    pub logons: u64,
    /// Logons refused.
    pub logons_refused: u64,
    /// Logouts in order.
    pub logouts: u64,
    /// Sessions ended by a lost connection, or because the member broke a rule.
    pub lost: u64,
    /// Requests taken.
    pub requests: u64,
    /// Reports numbered.
    pub reports: u64,
    /// Messages sent again.
    pub resent: u64,
    /// Session-level rejections.
    pub rejects: u64,
    /// Connections closed because of what they sent.
    pub violations: u64,
}

/// What happens to a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is written.
    Sent,
    /// It has its number and is kept, but is not written: the member finds a gap.
    Dropped,
}

/// What is to be done with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamOutput {
    /// Write these bytes.
    Bytes(u64, Vec<u8>),
    /// Close it, after what is written.
    Close(u64),
}

/// What came from members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// A request.
    Request {
        /// Whose.
        member: usize,
        /// Its number.
        seq: i64,
        /// Its template.
        template: u16,
        /// Its body.
        body: Vec<u8>,
    },
    /// A session's connection is gone.
    Lost {
        /// Whose.
        member: usize,
        /// Whether all its orders go with it.
        cancels_all: bool,
    },
}

#[derive(Debug)]
struct SessionState {
    next_out: i64,
    expected_in: i64,
    /// Kept messages up to the last one sent; `None` for session messages.
    history: VecDeque<Option<Vec<u8>>>,
    connection: Option<u64>,
    version: u16,
    cancels_all: bool,
}

#[derive(Debug, Default)]
struct Connection {
    buffer: Vec<u8>,
    member: Option<usize>,
    last_in_ns: i64,
    last_out_ns: i64,
    /// When the test that is open was sent.
    tested_ns: Option<i64>,
}

/// A message of a connection.
#[derive(Clone, Debug)]
struct Frame {
    template: u16,
    version: u16,
    seq: i64,
    last_processed: i64,
    body: Vec<u8>,
}

/// All sessions.
#[derive(Debug)]
pub struct Gateway {
    settings: GatewaySettings,
    sessions: Vec<SessionState>,
    connections: BTreeMap<u64, Connection>,
    lost: VecDeque<SessionEvent>,
    outputs: VecDeque<StreamOutput>,
    /// Whether heartbeats and answers to tests are withheld.
    pub is_mute: bool,
    /// What happened.
    pub counts: GatewayCounts,
}

impl Gateway {
    /// A gateway without connections.
    pub fn new(settings: GatewaySettings) -> Self {
        assert!(settings.heartbeat_seconds > 0, "heartbeats have an interval");
        let session = |_: &Member| SessionState {
            next_out: 1,
            expected_in: 1,
            history: VecDeque::new(),
            connection: None,
            version: VERSION,
            cancels_all: false,
        };
        Self {
            sessions: settings.members.iter().map(session).collect(),
            settings,
            connections: BTreeMap::new(),
            lost: VecDeque::new(),
            outputs: VecDeque::new(),
            is_mute: false,
            counts: GatewayCounts::default(),
        }
    }

    /// A connection was made.
    pub fn connected(&mut self, now_ns: i64, connection: u64) {
        self.counts.connections += 1;
        if self.connections.len() >= CONNECTIONS_MAX {
            self.outputs.push_back(StreamOutput::Close(connection));
            return;
        }
        let state = Connection { last_in_ns: now_ns, last_out_ns: now_ns, ..Connection::default() };
        self.connections.insert(connection, state);
    }

    /// A connection is gone.
    pub fn disconnected(&mut self, connection: u64) {
        if let Some(Connection { member: Some(member), .. }) = self.connections.remove(&connection) {
            self.lose(member);
        }
    }

    fn lose(&mut self, member: usize) {
        self.counts.lost += 1;
        let session = &mut self.sessions[member];
        session.connection = None;
        self.lost.push_back(SessionEvent::Lost { member, cancels_all: session.cancels_all });
    }

    /// Closes a connection from this side, as a fault or because of what it sent.
    pub fn close(&mut self, connection: u64) {
        if self.connections.contains_key(&connection) {
            self.outputs.push_back(StreamOutput::Close(connection));
            self.disconnected(connection);
        }
    }

    fn violated(&mut self, connection: u64) {
        self.counts.violations += 1;
        self.close(connection);
    }

    /// The connection that speaks for a member.
    pub fn connection_of(&self, member: usize) -> Option<u64> {
        self.sessions[member].connection
    }

    /// Takes bytes of a connection, to be read by [`Gateway::next_event`].
    pub fn push(&mut self, now_ns: i64, connection: u64, bytes: &[u8]) {
        if let Some(state) = self.connections.get_mut(&connection) {
            state.buffer.extend(bytes);
            state.last_in_ns = now_ns;
            state.tested_ns = None;
        }
    }

    /// The next thing to be written or closed.
    pub fn next_output(&mut self) -> Option<StreamOutput> {
        self.outputs.pop_front()
    }

    /// Reads what `connection` sent up to the next request; `None` if there is none. Lost sessions come first.
    pub fn next_event(&mut self, now_ns: i64, connection: u64) -> Option<SessionEvent> {
        loop {
            if let Some(lost) = self.lost.pop_front() {
                return Some(lost);
            }
            let state = self.connections.get_mut(&connection)?;
            match cut(&mut state.buffer, self.settings.is_padded) {
                Ok(None) => return None,
                Ok(Some(frame)) => match state.member {
                    None => self.log_on(now_ns, connection, &frame),
                    Some(member) => {
                        if let Some(event) = self.on_frame(now_ns, connection, member, frame) {
                            return Some(event);
                        }
                    }
                },
                Err(()) => self.violated(connection),
            }
        }
    }

    /// Sessions that were lost without a byte being read.
    pub fn next_lost(&mut self) -> Option<SessionEvent> {
        self.lost.pop_front()
    }

    /// Rejects a message that is no request.
    pub fn reject(&mut self, now_ns: i64, member: usize, ref_seq: i64, reason: i8, details: &str) {
        self.counts.rejects += 1;
        // A member acts on it as on a report: it is kept as one.
        let frame = self.number(now_ns, member, &messages::reject(ref_seq, reason, details), true);
        self.write(now_ns, member, frame);
    }

    /// Numbers a report, keeps it, and writes it if the member is there and fate does not forbid it.
    pub fn report(&mut self, now_ns: i64, member: usize, body: &Body, fate: Fate) {
        self.counts.reports += 1;
        let frame = self.number(now_ns, member, body, true);
        if fate == Fate::Sent {
            self.write(now_ns, member, frame);
        }
    }

    fn send_own(&mut self, now_ns: i64, member: usize, body: &Body) {
        let frame = self.number(now_ns, member, body, false);
        self.write(now_ns, member, frame);
    }

    fn number(&mut self, now_ns: i64, member: usize, body: &Body, is_kept: bool) -> Vec<u8> {
        let seq = self.sessions[member].next_out;
        let frame = self.frame(now_ns, member, 0, seq, body);
        let session = &mut self.sessions[member];
        session.next_out += 1;
        session.history.push_back(is_kept.then(|| frame.clone()));
        let surplus = session.history.len().saturating_sub(self.settings.history_messages);
        session.history.drain(..surplus);
        frame
    }

    /// A whole message, without padding.
    fn frame(&self, now_ns: i64, member: usize, flags: u8, seq: i64, body: &Body) -> Vec<u8> {
        let session = &self.sessions[member];
        let len = HEADER_BYTES + body.bytes.len();
        let mut bytes = Vec::with_capacity(len.next_multiple_of(ALIGNMENT));
        bytes.extend([PROTOCOL_ID, flags]);
        bytes.extend(u16::try_from(len).expect("reports are cut to fit").to_le_bytes());
        bytes.extend(body.template.to_le_bytes());
        bytes.extend(session.version.to_le_bytes());
        bytes.extend(seq.to_le_bytes());
        bytes.extend((session.expected_in - 1).to_le_bytes());
        bytes.extend(now_ns.to_le_bytes());
        bytes.extend(&body.bytes);
        bytes
    }

    fn write(&mut self, now_ns: i64, member: usize, mut frame: Vec<u8>) {
        let Some(connection) = self.sessions[member].connection else { return };
        if self.settings.is_padded {
            frame.resize(frame.len().next_multiple_of(ALIGNMENT), 0);
        }
        if let Some(state) = self.connections.get_mut(&connection) {
            state.last_out_ns = now_ns;
        }
        self.outputs.push_back(StreamOutput::Bytes(connection, frame));
    }

    fn heartbeat_ns(&self) -> i64 {
        i64::from(self.settings.heartbeat_seconds) * NS_PER_SECOND
    }

    /// When a connection's next deadline is: logon, or heartbeat, or silence.
    fn due(&self, state: &Connection) -> i64 {
        let heartbeat_ns = self.heartbeat_ns();
        if state.member.is_none() {
            return state.last_in_ns + LOGON_TIMEOUT_NS;
        }
        let silence_ns = match state.tested_ns {
            Some(tested_ns) => tested_ns + heartbeat_ns,
            None => state.last_in_ns + heartbeat_ns + heartbeat_ns / 2,
        };
        silence_ns.min(state.last_out_ns + heartbeat_ns)
    }

    /// When [`Gateway::advance`] has something to do, ns.
    pub fn deadline_ns(&self) -> Option<i64> {
        self.connections.values().map(|state| self.due(state)).min()
    }

    /// Does what is due: heartbeats, tests, timeouts.
    pub fn advance(&mut self, now_ns: i64) {
        let heartbeat_ns = self.heartbeat_ns();
        let due: Vec<u64> =
            self.connections.iter().filter(|(_, state)| self.due(state) <= now_ns).map(|(id, _)| *id).collect();
        for connection in due {
            let Some(state) = self.connections.get_mut(&connection) else { continue };
            let Some(member) = state.member else {
                self.violated(connection);
                continue;
            };
            let is_overdue = |tested_ns: i64| now_ns >= tested_ns + heartbeat_ns;
            if state.tested_ns.is_some_and(is_overdue) {
                self.violated(connection);
                continue;
            }
            let is_silent = now_ns >= state.last_in_ns + heartbeat_ns + heartbeat_ns / 2;
            let body = if is_silent && state.tested_ns.is_none() {
                state.tested_ns = Some(now_ns);
                messages::test_request(now_ns)
            } else {
                messages::heartbeat(0)
            };
            state.last_out_ns = now_ns;
            if !self.is_mute {
                self.send_own(now_ns, member, &body);
            }
        }
    }
}

/// Cuts the next message off a buffer; an error if that is no message.
fn cut(buffer: &mut Vec<u8>, is_padded: bool) -> Result<Option<Frame>, ()> {
    if buffer.first().is_some_and(|byte| *byte != PROTOCOL_ID) {
        return Err(());
    }
    if buffer.len() < HEADER_BYTES {
        return Ok(None);
    }
    let len = usize::from(half(buffer, 2));
    if !(HEADER_BYTES..=MESSAGE_BYTES_MAX).contains(&len) {
        return Err(());
    }
    let whole = if is_padded { len.next_multiple_of(ALIGNMENT) } else { len };
    if buffer.len() < whole {
        return Ok(None);
    }
    let frame = Frame {
        template: half(buffer, 4),
        version: half(buffer, 6),
        seq: word(buffer, 8),
        last_processed: word(buffer, 16),
        body: buffer[HEADER_BYTES..len].to_vec(),
    };
    buffer.drain(..whole);
    Ok(Some(frame))
}
