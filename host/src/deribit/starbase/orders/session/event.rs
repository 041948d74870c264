//! What a session tells its owner: reports, its own state, and why it ended.

use std::fmt;

use thiserror::Error;

use super::super::codec::{DecodeError, EncodeError, Header, SCHEMA_VERSION};
use super::super::frame::FrameError;
use super::super::table::Message;
use super::Phase;

/// What a session tells its owner.
#[derive(Debug)]
pub enum Event<'a> {
    /// It is time to connect; then `connected` or `connection_failed`.
    Connect,
    /// Logged on, and every report that there was has been given: orders may be sent.
    Ready {
        /// Whether nothing between the last time and now was lost. If not, what became of orders is
        /// known to the venue only: reconcile.
        is_continuous: bool,
    },
    /// A report, in order, each once.
    Report {
        /// Its header.
        header: &'a Header,
        /// What it says.
        message: &'a Message<'a>,
    },
    /// Reports are missing and were asked for. No order may be sent until `Ready`.
    GapOpened {
        /// Number of the first one.
        from: i64,
    },
    /// Session messages that the gateway does not resend; no report was among them.
    GapFilled {
        /// First number.
        from: i64,
        /// Last number.
        to: i64,
    },
    /// Reports that the gateway does not have any more: reconcile.
    Lost {
        /// First number.
        from: i64,
        /// Last number.
        to: i64,
    },
    /// The session is over: close the connection.
    Closed(CloseReason),
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// As we asked.
    #[error("logged out as asked: {0}")]
    LoggedOut(ReasonText),
    /// By the gateway, unasked.
    #[error("the gateway ended the session: {0}")]
    EndedByGateway(ReasonText),
    /// The gateway did not let us in.
    #[error("the gateway refused the logon: {0}; check key, gateway and schema version")]
    LogonRefused(ReasonText),
    /// The connection broke.
    #[error("the connection was lost")]
    ConnectionLost,
    /// The gateway broke the protocol, or was silent.
    #[error("{0}")]
    Violation(Violation),
}

/// A text of the gateway, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonText(String);

impl ReasonText {
    /// The text with everything escaped that is not printable; not shown at all if it repeats a secret.
    pub(super) fn new(text: &[u8], secret: &[u8]) -> Self {
        let repeats = !secret.is_empty() && text.windows(secret.len()).any(|part| part == secret);
        Self(if repeats { "(repeats the secret, not shown)".to_owned() } else { text.escape_ascii().to_string() })
    }
}

impl fmt::Display for ReasonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// What the gateway did that it must not do. Every one ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Violation {
    /// Bytes that are no message.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A message that cannot be read; it may have been a fill.
    #[error("message {seq} cannot be read: {error}")]
    Decode {
        /// Its number.
        seq: i64,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A message that does not belong where the session is.
    #[error("a message of template {template} while the session is {phase:?}")]
    OutOfPhase {
        /// Its template.
        template: u16,
        /// Where the session is.
        phase: Phase,
    },
    /// A message that only clients send.
    #[error("a message of template {template}, which only clients send")]
    ClientMessage {
        /// Its template.
        template: u16,
    },
    /// A number below the expected one, not marked as resent. The next logon begins numbers anew.
    #[error("message {seq} where {expected} was expected, not marked as resent: the gateway counts anew")]
    SequenceTooLow {
        /// The number expected.
        expected: i64,
        /// The number found.
        seq: i64,
    },
    /// No number.
    #[error("{seq} is no message number")]
    SequenceInvalid {
        /// The number found.
        seq: i64,
    },
    /// The gateway has seen what was not sent.
    #[error("the gateway has processed message {acknowledged}, but {sent} is the last one sent")]
    AcknowledgedUnsent {
        /// The number it names.
        acknowledged: i64,
        /// The last number sent.
        sent: i64,
    },
    /// The gateway has seen less than before.
    #[error("the gateway has processed message {acknowledged}, after it had processed {before}")]
    AcknowledgedBackwards {
        /// The number it names.
        acknowledged: i64,
        /// The number it named before.
        before: i64,
    },
    /// A gap fill that goes back.
    #[error("a gap fill back to {next}, where {expected} is expected next")]
    GapFillBackwards {
        /// The number it names.
        next: i64,
        /// The number expected.
        expected: i64,
    },
    /// A schema version that the table is not of.
    #[error(
        "the gateway answers with schema version {answered}; between {} and {SCHEMA_VERSION} are known",
        super::SCHEMA_VERSION_MIN
    )]
    SchemaVersion {
        /// The version.
        answered: u16,
    },
    /// A heartbeat interval that makes no sense.
    #[error("a heartbeat interval of {seconds} s; between 1 and {} make sense", super::HEARTBEAT_SECONDS_MAX)]
    HeartbeatInterval {
        /// The interval.
        seconds: i32,
    },
    /// No answer to the logon.
    #[error("no answer to the logon within {waited_ns} ns")]
    LogonTimeout {
        /// How long.
        waited_ns: u64,
    },
    /// No answer to the logout.
    #[error("no answer to the logout within {waited_ns} ns")]
    LogoutTimeout {
        /// How long.
        waited_ns: u64,
    },
    /// Missing reports did not come. The next logon begins numbers anew.
    #[error("reports from {from} on were asked for and did not come within {waited_ns} ns")]
    ResendTimeout {
        /// The first one missing.
        from: i64,
        /// How long.
        waited_ns: u64,
    },
    /// Neither heartbeats nor an answer to a test request.
    #[error("nothing received for {silent_ns} ns, a test request included")]
    Silent {
        /// How long.
        silent_ns: u64,
    },
}

impl Violation {
    /// Whether numbers can no longer be continued.
    pub(super) fn breaks_numbering(self) -> bool {
        matches!(self, Self::SequenceTooLow { .. } | Self::ResendTimeout { .. })
    }
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// Nobody is logged on.
    #[error("the session is {0:?}: nothing can be sent")]
    NotLoggedOn(Phase),
    /// The connection takes less than is sent.
    #[error("{pending_bytes} bytes wait for the connection: nothing more is taken")]
    Full {
        /// Bytes waiting.
        pending_bytes: usize,
    },
    /// The message does not fit the wire.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
