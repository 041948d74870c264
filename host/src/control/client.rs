//! A client of the control socket: one request, one reply.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::protocol::{Reply, Request};

/// Bytes that a reply may have: a snapshot of 64 underlyings has some 300 KiB.
const REPLY_BYTES_MAX: u64 = 4 << 20;

/// Why there is no reply.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error(
        "no engine answers at {}: {source}; start one with `hedgewire run`, or say where its socket is (--socket, \
         HEDGEWIRE_SOCKET)", path.display()
    )]
    NoEngine {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not for us.
    #[error("{} belongs to somebody else: use the account that the engine runs under", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// Nothing came in time.
    #[error("the engine at {} has not answered within {} s; look at its process, and at open orders on the venue's own \
             screen", path.display(), patience.as_secs())]
    Late {
        /// The socket.
        path: PathBuf,
        /// How long was waited.
        patience: Duration,
    },
    /// The connection broke.
    #[error("the connection to {} broke: {source}", path.display())]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What came is no reply.
    #[error("{} answers something else ({source}): is it an engine of this version?", path.display())]
    Malformed {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Asks the engine at a socket, and waits so long for its reply.
///
/// # Errors
/// [`ClientError`]: there is no reply. A reply may be an error too.
pub fn request(path: &Path, request: &Request, patience: Duration) -> Result<Reply, ClientError> {
    let owned = || path.to_owned();
    let mut stream = UnixStream::connect(path).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => ClientError::NotAllowed { path: owned() },
        _ => ClientError::NoEngine { path: owned(), source },
    })?;
    let broken = |source: io::Error| match source.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::Late { path: owned(), patience },
        _ => ClientError::Broken { path: owned(), source },
    };
    let malformed = |source| ClientError::Malformed { path: owned(), source };
    let mut line = serde_json::to_vec(request).map_err(malformed)?;
    line.push(b'\n');
    stream.set_read_timeout(Some(patience)).and_then(|()| stream.set_write_timeout(Some(patience))).map_err(broken)?;
    // An engine that refuses the connection may close before it reads; its line is there all the same.
    let written = stream.write_all(&line);
    let mut reply = Vec::new();
    BufReader::new((&stream).take(REPLY_BYTES_MAX)).read_until(b'\n', &mut reply).map_err(broken)?;
    if reply.is_empty() {
        let ended = || io::Error::new(io::ErrorKind::UnexpectedEof, "it was closed without an answer");
        return Err(broken(written.err().unwrap_or_else(ended)));
    }
    serde_json::from_slice(&reply).map_err(malformed)
}
