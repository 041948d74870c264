//! The lines of the control socket: one JSON object each, a request and its reply.
//!
//! ```text
//!   {"command":"status"}                                 {"ok":true,"status":{...}}
//!   {"command":"kill"}                                   {"ok":true,"note":"..."}
//!   {"command":"position","underlying":"BTC","contracts":-120}
//!   {"command":"reload","file":"/etc/hedgewire.toml"}    {"ok":false,"error":"..."}
//! ```

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::telemetry::Snapshot;

/// Bytes that a request may have, its line feed included.
pub const LINE_BYTES_MAX: usize = 8_192;

/// What a client may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Everything that can be seen.
    Status {},
    /// Disarm, cancel everything, verify.
    Kill {},
    /// Let no order leave any more.
    Disarm {},
    /// Let orders leave again.
    Arm {},
    /// Take the venue's word on a position of the hedge instrument.
    Position {
        /// Coin of the underlying.
        underlying: String,
        /// Contracts, positive long.
        contracts: i64,
    },
    /// Take over the limits of a configuration.
    Reload {
        /// It, by its absolute path.
        file: PathBuf,
    },
}

impl Request {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status {} => "status",
            Self::Kill {} => "kill",
            Self::Disarm {} => "disarm",
            Self::Arm {} => "arm",
            Self::Position { .. } => "position",
            Self::Reload { .. } => "reload",
        }
    }
}

/// A line that is no request.
#[derive(Debug, Error)]
pub enum ProtocolError {
    /// Too long.
    #[error("a request has at most {LINE_BYTES_MAX} bytes, its line feed included")]
    TooLong,
    /// No such object.
    #[error("not a request: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A path that depends on where the engine was started.
    #[error("{} is no absolute path", .0.display())]
    RelativePath(PathBuf),
}

impl Request {
    /// Reads a request from a line, with or without its line feed.
    ///
    /// # Errors
    /// [`ProtocolError`], of any bytes whatever.
    pub fn parse(line: &[u8]) -> Result<Self, ProtocolError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(ProtocolError::TooLong);
        }
        let request: Self = serde_json::from_slice(line)?;
        match request {
            Self::Reload { file } if !file.is_absolute() => Err(ProtocolError::RelativePath(file)),
            request => Ok(request),
        }
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Whether it was done.
    pub ok: bool,
    /// What there is to say of what was done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// Everything that can be seen, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<Box<Snapshot>>,
}

impl Reply {
    /// Done.
    pub fn done(note: impl Into<String>) -> Self {
        Self { ok: true, note: Some(note.into()), error: None, status: None }
    }

    /// Not done.
    pub fn error(error: impl Into<String>) -> Self {
        Self { ok: false, note: None, error: Some(error.into()), status: None }
    }

    /// A snapshot.
    pub fn status(snapshot: Snapshot) -> Self {
        Self { ok: true, note: None, error: None, status: Some(Box::new(snapshot)) }
    }
}
