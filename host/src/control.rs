//! The control socket: status, kill, disarm, arm, position and reload, for `hedgewire kill` and its kin.
//!
//! ```text
//!   client --- one line of JSON ---> server's thread --- Pending ---> engine
//!                                     |    |    (bounded channel)        |
//!                                     |    +- status: from Telemetry,    |
//!                                     |       without the engine         |
//!                                     +- kill: the KillSwitch first      |
//!   client <--- one line of JSON ---  answers <--- Answer, in time ------+
//! ```
//!
//! Invariants:
//! * the socket is a file of mode 0600 from its first moment on, so that only its owner (and root) may connect; a lock beside it
//!   tells a live engine from the file that a dead one left;
//! * whatever comes over it is answered by a line, and an error is one; nothing of it can panic, or take memory beyond
//!   [`LINE_BYTES_MAX`] a connection and [`CONNECTIONS_MAX`] connections;
//! * a kill does not wait for the engine to take requests: [`KillSwitch`] is pulled before the request is queued, and the engine
//!   looks at it on every turn;
//! * an arm, position or reload that the client was told had failed is not carried out later: a request that is past its time is
//!   dropped ([`Requests::next`]); disarm and kill are carried out however late.

mod client;
mod protocol;
mod server;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError};

pub use client::{ClientError, request};
pub use protocol::{LINE_BYTES_MAX, ProtocolError, Reply, Request};
pub use server::{CONNECTIONS_MAX, ControlError, ControlServer, ControlSettings, RELOAD_BYTES_MAX};

/// Requests that wait for the engine.
pub const PENDING_MAX: usize = 16;

/// Where the control socket is if nothing is said: `HEDGEWIRE_SOCKET`, else `hedgewire.sock` in `XDG_RUNTIME_DIR`, else in
/// `/run`.
pub fn default_socket() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("HEDGEWIRE_SOCKET")
        .unwrap_or_else(|| set("XDG_RUNTIME_DIR").unwrap_or_else(|| PathBuf::from("/run")).join("hedgewire.sock"))
}

/// Who pulled the kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum KillCause {
    /// The control socket.
    Control = 1,
    /// A signal.
    Signal = 2,
    /// The card's watchdog.
    Watchdog = 3,
    /// The engine itself, for a fault that leaves nothing else.
    Fault = 4,
    /// The run ends in good order.
    End = 5,
}

impl KillCause {
    /// Its name, for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control socket",
            Self::Signal => "signal",
            Self::Watchdog => "the card's watchdog",
            Self::Fault => "a fault, told beside this",
            Self::End => "the run ends",
        }
    }
}

/// A switch that whoever wants everything stopped pulls, and that the engine looks at on every turn. Pulling it is one
/// atomic store, so that a signal handler may.
#[derive(Debug, Default)]
pub struct KillSwitch(AtomicU8);

impl KillSwitch {
    /// Pulls it. The first cause stays.
    pub fn pull(&self, cause: KillCause) {
        // ORDERING: relaxed; the engine does all that follows, from its own state.
        let _ = self.0.compare_exchange(0, cause as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Who pulled it; none if it was not.
    #[inline(always)]
    pub fn pulled(&self) -> Option<KillCause> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(KillCause::Control),
            2 => Some(KillCause::Signal),
            3 => Some(KillCause::Watchdog),
            4 => Some(KillCause::Fault),
            _ => Some(KillCause::End),
        }
    }

    /// Sets it back: for the engine, once people have armed it again.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// What the engine is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineRequest {
    /// Disarm everything, cancel every order, verify that none is left.
    Kill,
    /// Let no order leave any more.
    Disarm,
    /// Let orders leave again; after a kill this clears it.
    Arm,
    /// Take the venue's word on a position of the hedge instrument: it stands instead of what is remembered. To be
    /// journalled.
    Position {
        /// Coin of the underlying.
        underlying: String,
        /// Contracts, positive long.
        contracts: i64,
    },
    /// Take over the limits of a configuration: the only way to widen one. To be journalled.
    Reload {
        /// Where it was read from, absolute.
        path: PathBuf,
        /// What it says.
        text: String,
    },
}

impl EngineRequest {
    /// Whether it is carried out even if nobody waits for the answer any more.
    fn is_for_safety(&self) -> bool {
        matches!(self, Self::Kill | Self::Disarm)
    }
}

/// What the engine answers. Text that is known beforehand needs no formatting on its thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done; what there is to say of it.
    Done(Cow<'static, str>),
    /// Not done, and why.
    Refused(Cow<'static, str>),
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Pending {
    /// What is asked.
    pub request: EngineRequest,
    reply: Sender<Answer>,
    deadline: Instant,
}

impl Pending {
    /// Answers it. Never blocks; if nobody waits any more, nothing happens.
    pub fn answer(self, answer: Answer) {
        let _ = self.reply.try_send(answer);
    }
}

/// The engine's end of the channel.
#[derive(Debug)]
pub struct Requests(Receiver<Pending>);

impl Requests {
    /// The next request, if there is one; never blocks. Without one this is some loads, and no look at a clock. Requests
    /// other than kill and disarm that are past their time are dropped.
    pub fn next(&self) -> Option<Pending> {
        while let Ok(pending) = self.0.try_recv() {
            if pending.request.is_for_safety() || Instant::now() < pending.deadline {
                return Some(pending);
            }
        }
        None
    }
}

/// The server's end of the channel.
#[derive(Debug, Clone)]
struct Asker(Sender<Pending>);

/// Why the engine has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum AskError {
    #[error("{PENDING_MAX} requests wait for the engine already: it does not take them")]
    Full,
    #[error("the engine has ended")]
    Gone,
    #[error("the engine has not answered in time")]
    Late,
}

/// A channel to the engine.
fn channel() -> (Asker, Requests) {
    let (sender, receiver) = crossbeam_channel::bounded(PENDING_MAX);
    (Asker(sender), Requests(receiver))
}

impl Asker {
    /// Asks, and waits for the answer.
    fn ask(&self, request: EngineRequest, patience: Duration) -> Result<Answer, AskError> {
        let (reply, answer) = crossbeam_channel::bounded(1);
        let deadline = Instant::now() + patience;
        self.0.try_send(Pending { request, reply, deadline }).map_err(|error| match error {
            TrySendError::Full(_) => AskError::Full,
            TrySendError::Disconnected(_) => AskError::Gone,
        })?;
        answer.recv_deadline(deadline).map_err(|error| match error {
            crossbeam_channel::RecvTimeoutError::Timeout => AskError::Late,
            // Dropped unanswered: by an engine that has ended, or past its time.
            crossbeam_channel::RecvTimeoutError::Disconnected => AskError::Gone,
        })
    }
}

#[cfg(test)]
mod tests;
