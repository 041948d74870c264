//! Journal and state file, on a thread of their own.
//!
//! ```text
//!   start:  lock ─► read the old file ─► Image ─► new file beside it, whole, on the disk ─► renamed over the old one
//!   then:   journal ring ─┐
//!           records ──────┴─► written as they come; `durable` says how many records the system has ─► the engine
//! ```
//!
//! **What can be lost.** Killed at any instant: what came since the last turn of this thread, some 200 us, at most a ring
//! and the records of that time. Nothing of it is lost for good, because the gateway sends its reports again from the last
//! commit on, and a drop copy is acknowledged only for what is written. A loss of power can take a second more.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use super::image::Image;
use super::record::{Encoder, Record, StateError, decode, header};
use crate::journal::JournalError;
use crate::journal::behind::Tail;
use crate::telemetry::{JournalCount, Telemetry};

/// Rest while there is nothing to write.
const REST: Duration = Duration::from_micros(200);
/// Between two times that the disk is waited for.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Records that may wait.
const RECORDS_MAX: usize = 1 << 16;

/// A state file that is ours: nobody else may open it until this is gone.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    _lock: File,
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn open(path: &Path, truncate: bool) -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(truncate).write(true).mode(0o600).open(path)
}

impl StateFile {
    /// Takes the file, and reads what is remembered in it.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn take(path: &Path) -> Result<(Self, Image), StateError> {
        let name = || path.display().to_string();
        let system = |source| StateError::System { path: name(), source };
        let lock = open(&beside(path, ".lock"), false).map_err(system)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse { path: name() }),
            Err(TryLockError::Error(source)) => return Err(system(source)),
        }
        let image = match std::fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Image::default(),
            Err(source) => return Err(system(source)),
            Ok(bytes) => {
                let records = decode(&bytes).ok_or_else(|| StateError::Foreign { path: name() })?;
                Image::of(&records)
            }
        };
        Ok((Self { path: path.to_owned(), _lock: lock }, image))
    }

    /// Writes a new file with these records in the place of the old one, and waits until the disk has it.
    ///
    /// # Errors
    /// [`StateError::System`]; the old file is then as it was.
    pub fn begin(&self, records: &[Record]) -> Result<Appender, StateError> {
        let system = |source| StateError::System { path: self.path.display().to_string(), source };
        let new = beside(&self.path, ".new");
        let mut appender = Appender { file: open(&new, true).map_err(system)?, encoder: Encoder::default(), count: 0 };
        appender.file.write_all(&header()).map_err(system)?;
        appender.append(records).and_then(|()| appender.file.sync_all()).map_err(system)?;
        std::fs::rename(&new, &self.path).map_err(system)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(system)?;
        Ok(appender)
    }
}

/// Appends to a state file.
#[derive(Debug)]
pub struct Appender {
    file: File,
    encoder: Encoder,
    count: u64,
}

impl Appender {
    fn append(&mut self, records: &[Record]) -> std::io::Result<()> {
        let bytes: Vec<u8> = records.iter().flat_map(|record| self.encoder.encode(record)).collect();
        self.count += records.len() as u64;
        self.file.write_all(&bytes)
    }
}

/// The engine's end.
#[derive(Debug)]
pub struct Memory {
    sender: Option<Sender<Record>>,
    durable: Arc<AtomicU64>,
    has_failed: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), MemoryError>>>,
}

/// Why nothing is remembered any more.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The state file.
    #[error("cannot write to the state file: {0}; free the disk, compare positions with the venue's, and start again")]
    State(#[from] std::io::Error),
    /// The thread.
    #[error("the thread that writes journal and state file has panicked")]
    Panicked,
}

impl Memory {
    /// Starts the thread. The appender has the records that the engine began with.
    ///
    /// # Errors
    /// What the system says of the thread.
    pub fn start(appender: Appender, journal: Option<Tail>, telemetry: Arc<Telemetry>) -> std::io::Result<Self> {
        let (sender, receiver) = crossbeam_channel::bounded(RECORDS_MAX);
        let durable = Arc::new(AtomicU64::new(appender.count));
        let has_failed = Arc::new(AtomicBool::new(false));
        let told = (Arc::clone(&durable), Arc::clone(&has_failed));
        let thread = std::thread::Builder::new().name("memory".to_owned()).spawn(move || {
            let done = write(appender, journal, &receiver, &told.0);
            if done.is_err() {
                telemetry.journal.count(JournalCount::Errors).add(1);
                told.1.store(true, Ordering::Relaxed);
            }
            done
        })?;
        Ok(Self { sender: Some(sender), durable, has_failed, thread: Some(thread) })
    }

    /// Gives records; waits while too many wait. Nothing is lost unless the thread has failed.
    pub fn give(&self, records: &mut Vec<Record>) {
        let Some(sender) = &self.sender else { return };
        for record in records.drain(..) {
            let _ = sender.send(record);
        }
    }

    /// Records that the system has.
    #[inline]
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Whether nothing is written any more.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Waits until everything is written; the journal's other end must be gone.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn finish(mut self) -> Result<(), MemoryError> {
        self.sender = None;
        let thread = self.thread.take();
        thread.map_or(Ok(()), |thread| thread.join().unwrap_or(Err(MemoryError::Panicked)))
    }
}

fn write(
    mut appender: Appender,
    mut journal: Option<Tail>,
    records: &Receiver<Record>,
    durable: &AtomicU64,
) -> Result<(), MemoryError> {
    let mut synced = Instant::now();
    let mut batch = Vec::with_capacity(1_024);
    let mut is_unsynced = false;
    loop {
        let is_over = loop {
            match records.try_recv() {
                Ok(record) => batch.push(record),
                Err(error) => break error == TryRecvError::Disconnected,
            }
            if batch.len() == batch.capacity() {
                break false;
            }
        };
        let mut is_busy = !batch.is_empty();
        if is_busy {
            appender.append(&batch)?;
            batch.clear();
            // ORDERING: release; whoever sees the count may rely on the file.
            durable.store(appender.count, Ordering::Release);
            is_unsynced = true;
        }
        match journal.as_mut().map(Tail::drain).transpose()? {
            Some(Some(came)) => {
                is_busy |= came;
                is_unsynced |= came;
            }
            Some(None) => {
                if let Some(journal) = journal.take() {
                    journal.close()?;
                }
            }
            None => {}
        }
        if is_over && journal.is_none() && !is_busy {
            appender.file.sync_all()?;
            return Ok(());
        }
        if is_unsynced && synced.elapsed() >= SYNC_EVERY {
            appender.file.sync_data()?;
            journal.as_mut().map(Tail::sync).transpose()?;
            (synced, is_unsynced) = (Instant::now(), false);
        }
        if !is_busy {
            std::thread::sleep(REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Names;

    #[test]
    fn what_was_given_is_remembered_and_two_engines_cannot_share_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let commit = |expected_in| Record::Commit { gateway: 0, expected_in };
        let (file, image) = StateFile::take(&path).expect("a new one");
        assert!(image.is_empty());
        assert!(matches!(StateFile::take(&path), Err(StateError::InUse { .. })));
        let telemetry = Arc::new(Telemetry::new(Names::default(), 0).expect("no names"));
        let memory =
            Memory::start(file.begin(&[commit(3)]).expect("it is written"), None, telemetry).expect("a thread");
        assert_eq!(memory.durable(), 1);
        memory.give(&mut vec![commit(4), commit(5)]);
        memory.finish().expect("it is written");
        drop(file);
        let (file, image) = StateFile::take(&path).expect("nobody has it");
        assert_eq!(image.gateways[&0].expected_in, 5);
        // A file that was being replaced when the engine was killed is still the old one.
        std::fs::write(beside(&path, ".new"), b"half").expect("it is written");
        drop(file);
        let (_, image) = StateFile::take(&path).expect("nobody has it");
        assert_eq!(image.gateways[&0].expected_in, 5);
    }

    #[test]
    fn a_disk_that_is_full_is_counted_and_ends_it() {
        let telemetry = Arc::new(Telemetry::new(Names::default(), 0).expect("no names"));
        let file = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let appender = Appender { file, encoder: Encoder::default(), count: 0 };
        let memory = Memory::start(appender, None, Arc::clone(&telemetry)).expect("a thread");
        memory.give(&mut vec![Record::Commit { gateway: 0, expected_in: 1 }]);
        while !memory.has_failed() {
            std::thread::yield_now();
        }
        assert_eq!(telemetry.journal.count(JournalCount::Errors).get(), 1);
        assert_eq!(memory.durable(), 0);
        assert!(matches!(memory.finish(), Err(MemoryError::State(_))));
    }

    #[test]
    fn another_file_is_not_taken_for_a_state() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        std::fs::write(&path, [7; 200]).expect("it is written");
        assert!(matches!(StateFile::take(&path), Err(StateError::Foreign { .. })));
    }
}
