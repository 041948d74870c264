//! The journal off the hot thread: entries go into a ring, and another thread writes them.
//!
//! ```text
//!   Driver ──Entry──► ring of 65,536 ──► Tail::drain: Writer, flushed whenever the ring is empty ──► system
//! ```
//!
//! **What can be lost.** A process that is killed loses what is in the ring and in the writer's block: what came since the
//! last drain, and at most [`RING_ENTRIES`] and a block. A ring that is full holds the hot thread up rather than
//! lose an entry; a writer that failed makes every further append an error.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError};
use hedgewire_abi::{Command, Event};

use super::{Entry, JournalError, Writer};
use crate::telemetry::{JournalCount, Telemetry};

/// Entries that wait to be written, at most.
pub const RING_ENTRIES: usize = 1 << 16;
/// Entries written before others have their turn.
const DRAIN_MAX: usize = 4_096;

/// The end that entries go in at.
#[derive(Debug)]
pub struct Behind {
    sender: Sender<Entry>,
    has_failed: Arc<AtomicBool>,
    entries: u64,
}

/// The end that writes them.
#[derive(Debug)]
pub struct Tail {
    receiver: Receiver<Entry>,
    has_failed: Arc<AtomicBool>,
    writer: Writer<File>,
    is_dirty: bool,
    /// Where what is written is counted.
    telemetry: Option<Arc<Telemetry>>,
}

/// A journal in two ends, the second for another thread.
pub fn behind(writer: Writer<File>) -> (Behind, Tail) {
    let (sender, receiver) = crossbeam_channel::bounded(RING_ENTRIES);
    let has_failed = Arc::new(AtomicBool::new(false));
    let behind = Behind { sender, has_failed: Arc::clone(&has_failed), entries: 0 };
    (behind, Tail { receiver, has_failed, writer, is_dirty: false, telemetry: None })
}

impl Behind {
    /// Entries taken so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Appends a command and the events that answered it.
    ///
    /// # Errors
    /// [`JournalError::Write`] if the other end failed or is gone.
    #[inline]
    pub fn append(&mut self, command: &Command, events: &[Event]) -> Result<(), JournalError> {
        self.put(Entry::Command(*command))?;
        events.iter().try_for_each(|event| self.put(Entry::Event(*event)))
    }

    #[inline]
    fn put(&mut self, mut entry: Entry) -> Result<(), JournalError> {
        self.entries += 1;
        loop {
            // ORDERING: relaxed; it only says that nothing is written any more.
            if self.has_failed.load(Ordering::Relaxed) {
                return Err(self.failed());
            }
            match self.sender.try_send(entry) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) => entry = back,
                Err(TrySendError::Disconnected(_)) => return Err(self.failed()),
            }
            std::hint::spin_loop();
        }
    }

    #[cold]
    fn failed(&self) -> JournalError {
        let source = std::io::Error::other("the thread that writes it has failed");
        JournalError::Write { entries: self.entries, source }
    }
}

impl Tail {
    /// With somebody who watches what is written and synced.
    #[must_use]
    pub fn watched(self, telemetry: Arc<Telemetry>) -> Self {
        Self { telemetry: Some(telemetry), ..self }
    }

    /// Writes what has come, and hands it to the system when there is nothing more. Returns whether anything had come;
    /// `None` when the other end is gone and everything is written.
    ///
    /// # Errors
    /// [`JournalError::Write`]; the other end is told.
    pub fn drain(&mut self) -> Result<Option<bool>, JournalError> {
        let drained = self.write();
        if drained.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        self.count(JournalCount::Written, self.writer.written());
        drained
    }

    /// Waits until the disk has what the system has taken.
    ///
    /// # Errors
    /// [`JournalError::Write`]; the other end is told.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        let synced = self.writer.sync();
        match &synced {
            Ok(()) => self.count(JournalCount::Synced, self.writer.written()),
            Err(_) => self.has_failed.store(true, Ordering::Relaxed),
        }
        synced
    }

    fn count(&self, row: JournalCount, total: u64) {
        if let Some(telemetry) = &self.telemetry {
            telemetry.journal.count(row).set_total(total);
        }
    }

    fn write(&mut self) -> Result<Option<bool>, JournalError> {
        for count in 0..DRAIN_MAX {
            match self.receiver.try_recv() {
                Ok(Entry::Command(command)) => self.writer.append(&command, &[])?,
                Ok(Entry::Event(event)) => self.writer.append_event(&event)?,
                Err(error) => {
                    if std::mem::take(&mut self.is_dirty) || count > 0 {
                        self.writer.flush()?;
                    }
                    let is_over = error == TryRecvError::Disconnected;
                    return Ok((!is_over).then_some(count > 0));
                }
            }
        }
        self.is_dirty = true;
        Ok(Some(true))
    }

    /// Ends the journal, and waits until the disk has it.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn close(self) -> Result<(), JournalError> {
        let (entries, telemetry) = (self.writer.entries(), self.telemetry);
        self.writer.close()?;
        if let Some(telemetry) = telemetry {
            telemetry.journal.count(JournalCount::Written).set_total(entries);
            telemetry.journal.count(JournalCount::Synced).set_total(entries);
        }
        Ok(())
    }
}
