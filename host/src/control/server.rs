//! The server's side: the socket's file, its connections, and what is done for a request.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use thiserror::Error;

use super::protocol::{LINE_BYTES_MAX, ProtocolError, Reply, Request};
use super::{Answer, AskError, Asker, EngineRequest, KillCause, KillSwitch, Requests, channel};
use crate::telemetry::{AlarmKind, Telemetry, now_ns};

/// Connections served at the same time.
pub const CONNECTIONS_MAX: usize = 16;
/// Bytes that a configuration may have.
pub const RELOAD_BYTES_MAX: u64 = 1 << 20;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 16;
/// How long a client may take to say something, or to read.
const CLIENT_PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at new connections and at the engine's signs of life.
const REST: Duration = Duration::from_millis(20);

/// Where the socket is, and how long the engine may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSettings {
    /// The socket's file; its folder must be there.
    pub path: PathBuf,
    /// How long the engine may take to answer. A kill waits for the venue to confirm that no order is left.
    pub patience: Duration,
}

impl ControlSettings {
    /// A socket at a path; the engine may take 5 s.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), patience: Duration::from_secs(5) }
    }
}

/// Why there is no control socket.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Another engine lives there.
    #[error("another engine has the control socket {}; end it, or give this one a socket of its own", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{} is there and is no socket; remove it, or give another path", path.display())]
    NoSocket {
        /// What is there.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot make the control socket {}: {doing}: {source}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// The control socket, served by a thread until this is dropped.
#[derive(Debug)]
pub struct ControlServer {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Held as long as the socket is ours.
    _lock: File,
}

/// What a connection needs.
#[derive(Debug)]
struct Service {
    telemetry: Arc<Telemetry>,
    kill: Arc<KillSwitch>,
    asker: Asker,
    patience: Duration,
    connections: AtomicUsize,
}

impl ControlServer {
    /// Opens the socket and serves it. The engine takes its requests from the other end of the channel that is returned.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn start(
        settings: &ControlSettings,
        telemetry: Arc<Telemetry>,
        kill: Arc<KillSwitch>,
    ) -> Result<(Self, Requests), ControlError> {
        let path = settings.path.clone();
        let system =
            |doing| move |source: io::Error| ControlError::System { path: settings.path.clone(), doing, source };
        let lock = take_lock(&path)?;
        remove_stale(&path)?;
        let listener = open(&path).map_err(system("bind"))?;
        listener.set_nonblocking(true).map_err(system("set non-blocking"))?;
        let (asker, requests) = channel();
        let (patience, connections) = (settings.patience, AtomicUsize::new(0));
        let service = Arc::new(Service { telemetry, kill, asker, patience, connections });
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || accept(&listener, &service, &told))
            .map_err(system("start its thread"))?;
        tracing::info!(socket = %path.display(), "control socket is open");
        Ok((Self { path, stop, thread: Some(thread), _lock: lock }, requests))
    }

    /// A socket of mode 0600 that nobody else has, with the lock that says so: for other lines that are spoken locally.
    pub(crate) fn listen_alone(path: &Path) -> Result<(UnixListener, File), ControlError> {
        let lock = take_lock(path)?;
        remove_stale(path)?;
        let opened = open(path);
        let listener =
            opened.map_err(|source| ControlError::System { path: path.to_owned(), doing: "bind", source })?;
        Ok((listener, lock))
    }

    /// The socket's file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Takes the lock beside the socket. The system lets go of it when the process ends, however it ends.
fn take_lock(path: &Path) -> Result<File, ControlError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let system = |doing| move |source| ControlError::System { path: path.to_owned(), doing, source };
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(name)
        .map_err(system("open its lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ControlError::Taken { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(system("lock")(source)),
    }
}

/// Removes the socket that a dead engine left; nothing that answers, and nothing that is no socket.
fn remove_stale(path: &Path) -> Result<(), ControlError> {
    let owned = || path.to_owned();
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(ControlError::System { path: owned(), doing: "look at it", source }),
        Ok(found) => found,
    };
    if !found.file_type().is_socket() {
        return Err(ControlError::NoSocket { path: owned() });
    }
    // We have the lock, so no engine of ours is there; another program might be.
    if UnixStream::connect(path).is_ok() {
        return Err(ControlError::Taken { path: owned() });
    }
    std::fs::remove_file(path).map_err(|source| ControlError::System {
        path: owned(),
        doing: "remove a stale one",
        source,
    })
}

/// A listening socket of mode 0600. On Linux the file gets the mode of the socket that is bound, so that there is no moment
/// at which others could connect.
fn open(path: &Path) -> io::Result<UnixListener> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

/// Takes connections and watches the engine, until told to stop.
fn accept(listener: &UnixListener, service: &Arc<Service>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        if service.telemetry.watch(now_ns()) {
            let is_stalled = service.telemetry.alarms.is_raised(AlarmKind::EngineStalled, 0);
            tracing::error!(
                alarm = AlarmKind::EngineStalled.name(),
                is_raised = is_stalled,
                "the engine's signs of life"
            );
        }
        match listener.accept() {
            Ok((stream, _)) => serve_apart(stream, service),
            Err(_) => std::thread::sleep(REST),
        }
    }
}

/// Serves a connection on a thread of its own, so that nobody has to wait for a slow client: a kill least of all.
fn serve_apart(stream: UnixStream, service: &Arc<Service>) {
    let ready = stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_read_timeout(Some(CLIENT_PATIENCE)))
        .and_then(|()| stream.set_write_timeout(Some(CLIENT_PATIENCE)));
    if ready.is_err() {
        return;
    }
    if service.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
        service.connections.fetch_sub(1, Ordering::Relaxed);
        let _ = send(&stream, &Reply::error(format!("there are {CONNECTIONS_MAX} connections already")));
        return;
    }
    let own = Arc::clone(service);
    let spawned = std::thread::Builder::new().name("control client".to_owned()).spawn(move || {
        serve(&stream, &own);
        own.connections.fetch_sub(1, Ordering::Relaxed);
    });
    if spawned.is_err() {
        service.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers the requests of a connection, until it ends, says nothing for too long, or says something that is no request.
fn serve(stream: &UnixStream, service: &Service) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        match reader.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let (reply, goes_on) = match Request::parse(&line) {
            Ok(request) => (service.carry_out(request), true),
            // What follows a line that is too long is the rest of it.
            Err(error) => (Reply::error(error.to_string()), !matches!(error, ProtocolError::TooLong)),
        };
        if send(stream, &reply).is_err() || !goes_on {
            return;
        }
    }
}

fn send(mut stream: &UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line)
}

impl Service {
    fn carry_out(&self, request: Request) -> Reply {
        let name = request.name();
        let request = match request {
            Request::Status {} => return Reply::status(self.telemetry.snapshot(now_ns())),
            Request::Kill {} => {
                // Before anything that could fail.
                self.kill.pull(KillCause::Control);
                EngineRequest::Kill
            }
            Request::Disarm {} => EngineRequest::Disarm,
            Request::Arm {} => EngineRequest::Arm,
            Request::Position { underlying, contracts } => EngineRequest::Position { underlying, contracts },
            Request::Reload { file } => match read_configuration(&file) {
                Ok(text) => EngineRequest::Reload { path: file, text },
                Err(error) => return Reply::error(format!("cannot read {}: {error}", file.display())),
            },
        };
        tracing::warn!(command = name, "control command");
        let is_kill = request == EngineRequest::Kill;
        let reply = match self.asker.ask(request, self.patience) {
            Ok(Answer::Done(note)) => Reply::done(note),
            Ok(Answer::Refused(reason)) => Reply::error(reason),
            Err(error) => Reply::error(unanswered(error, is_kill)),
        };
        tracing::warn!(command = name, ok = reply.ok, note = reply.note, error = reply.error, "control answer");
        reply
    }
}

/// What to do if the engine does not answer.
fn unanswered(error: AskError, is_kill: bool) -> String {
    if is_kill {
        format!(
            "the kill is set, but {error}: look at open orders on the venue's own screen, cancel them there, and end the process"
        )
    } else {
        format!("{error}: whether it was carried out is not known; look at `hedgewire status`")
    }
}

/// Reads a configuration, on this thread and not on the engine's.
fn read_configuration(path: &Path) -> io::Result<String> {
    // Not to wait for the writer of a pipe.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut text = String::new();
    file.take(RELOAD_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > RELOAD_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {RELOAD_BYTES_MAX} bytes")));
    }
    Ok(text)
}
