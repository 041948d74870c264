//! The command journal: every command that a kernel was given and every event that it answered with.
//!
//! The kernel is a function of its commands, so the journal is the day: replaying it through a fresh
//! kernel, of any form, must give the same events to the last byte ([`verify`]).
//!
//! ```text
//!   header, 64 bytes                          entry, 72 bytes, as often as needed
//!    0  magic "HEDGEJ\r\n"                     0  tag: C command, E event, Z end
//!    8  u32 format version                     4  u32 checksum
//!   12  u32 version of the records             8  the 64-byte record
//!   16  u64 layout hash of the records            (Z: u64 commands, u64 events, zeros)
//!   24  u32 underlyings, rows, intervals
//!   36  zeros                                 a command is followed by its events
//!   60  u32 checksum of bytes 0..60
//! ```
//!
//! All integers are little-endian. An entry's checksum is the CRC-32 of its tag and record, continued
//! from the checksum before it (the header's, for the first): an entry that is damaged, missing,
//! repeated or moved is found where it happened, and everything before it stands.
//!
//! Invariants:
//! * the file is a function of the kernel's sizes and of the commands alone: no clock, path, kernel
//!   form or machine is in it;
//! * a file is only ever appended to, and never written over;
//! * no byte of a file can make the reader panic, or hold more than one buffer of it in memory.

pub mod behind;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hedgewire_abi::format::SLOT_BLOCK;
use hedgewire_abi::{Command, Event, LAYOUT_HASH, MAX_EVENTS_PER_COMMAND, RECORD_BYTES, VERSION};
use hedgewire_kernel::{Form, Kernel, Sizes};
use thiserror::Error;

/// First bytes of a journal. The line end shows a copy that was made as text.
pub const MAGIC: [u8; 8] = *b"HEDGEJ\r\n";
/// Version of the file format.
pub const FORMAT_VERSION: u32 = 1;
/// Length of the header.
pub const HEADER_BYTES: usize = 64;
/// Length of an entry: tag, checksum, record.
pub const ENTRY_BYTES: usize = 8 + RECORD_BYTES;
/// Entries of one block: what the writer holds back, at most, before it hands it to the system.
pub const BLOCK_ENTRIES: usize = 910;

const TAG_COMMAND: u8 = b'C';
const TAG_EVENT: u8 = b'E';
const TAG_END: u8 = b'Z';
/// Commands between two calls of a progress callback.
const PROGRESS_COMMANDS: u64 = 1 << 12;

/// Why a journal could not be written, or not be read to its end.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file could not be created.
    #[error("cannot create journal {}: {source}; check that the folder exists and may be written to", path.display())]
    Create {
        /// The path as given.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// There is a file already.
    #[error("journal {} exists and is never written over; choose another name or move the file away", path.display())]
    Exists {
        /// The path as given.
        path: PathBuf,
    },
    /// The file could not be opened.
    #[error("cannot open journal {}: {source}; check the path and its permissions", path.display())]
    Open {
        /// The path as given.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// Entries could not be handed to the system.
    #[error(
        "cannot write to the journal after {entries} entries: {source}; stop hedging, free the disk, \
         and go on with a new journal after a reconciliation"
    )]
    Write {
        /// Entries taken so far; the last of them, at most a block, are not in the file.
        entries: u64,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The system could not read the file on.
    #[error("cannot read the journal at byte {offset_bytes}: {source}; copy it from a sound disk")]
    Read {
        /// Where the entry starts.
        offset_bytes: u64,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The file is no journal.
    #[error("not a journal: the file starts with {found:02x?}, expected {MAGIC:02x?}; check the path")]
    NotAJournal {
        /// The first bytes, zeros where the file is shorter.
        found: [u8; 8],
    },
    /// The file's format is of another version.
    #[error(
        "the journal has format version {found}, this program reads {FORMAT_VERSION}; use the program that wrote it"
    )]
    FormatVersion {
        /// The version in the file.
        found: u32,
    },
    /// The header's checksum is wrong.
    #[error(
        "the journal's header is damaged: its checksum is {found:#010x}, its bytes give {computed:#010x}; \
         copy the file again"
    )]
    HeaderDamaged {
        /// The checksum in the file.
        found: u32,
        /// The checksum of what is there.
        computed: u32,
    },
    /// The records are of another version.
    #[error("the journal holds records of version {found}, this program has {VERSION}; use the program that wrote it")]
    RecordVersion {
        /// The version in the file.
        found: u32,
    },
    /// The records are laid out otherwise.
    #[error(
        "the journal's records have layout hash {found:#018x}, this program's have {LAYOUT_HASH:#018x}; \
         use the program that wrote it"
    )]
    LayoutHash {
        /// The hash in the file.
        found: u64,
    },
    /// No kernel has such sizes.
    #[error(
        "the journal asks for a kernel of {} underlyings, {} rows and {} intervals, which none can have; \
         the header was not written by this program", sizes.underlyings, sizes.rows, sizes.intervals
    )]
    Sizes {
        /// The sizes in the file.
        sizes: Sizes,
    },
    /// The file cannot be read beyond some byte; everything before it is good.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

/// Where a journal stops being readable, and what was read until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "{fault} at byte {offset_bytes} of the journal; the {commands} commands and {events} events before it are good: \
     use them, and reconcile with the venue for what came after"
)]
pub struct Damage {
    /// Where the entry that cannot be read starts.
    pub offset_bytes: u64,
    /// Commands before it.
    pub commands: u64,
    /// Events before it.
    pub events: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// The file ends inside the entry.
    #[error("cut: only {bytes} bytes left")]
    Cut {
        /// Bytes of the entry, or of the header, that are there.
        bytes: usize,
    },
    /// The file ends between two entries, but its writer had not finished.
    #[error("not finished: no end entry")]
    Unfinished,
    /// The entry, or the order of entries, was changed.
    #[error("damaged: checksum {found:#010x} where the bytes give {computed:#010x}")]
    Checksum {
        /// The checksum in the file.
        found: u32,
        /// The checksum of what is there.
        computed: u32,
    },
    /// An entry of a kind that does not exist.
    #[error("an entry with tag {tag:#010x}")]
    Tag {
        /// The tag word.
        tag: u32,
    },
    /// The end entry counts other entries than there are.
    #[error("an end entry that counts {commands} commands and {events} events")]
    Totals {
        /// Commands by its count.
        commands: u64,
        /// Events by its count.
        events: u64,
    },
    /// There is something after the end entry.
    #[error("bytes after the end entry")]
    Trailing,
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Version of the file format.
    pub format_version: u32,
    /// Version of the records.
    pub record_version: u32,
    /// Layout hash of the records.
    pub layout_hash: u64,
    /// Sizes of the kernel.
    pub sizes: Sizes,
}

impl Header {
    /// The header that this program writes.
    pub fn new(sizes: Sizes) -> Self {
        Self { format_version: FORMAT_VERSION, record_version: u32::from(VERSION), layout_hash: LAYOUT_HASH, sizes }
    }

    /// The header's bytes.
    ///
    /// # Panics
    /// If a size does not fit 32 bits; no kernel has such a size.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let size = |size: usize| u32::try_from(size).expect("sizes of a kernel fit 32 bits").to_le_bytes();
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&self.format_version.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.record_version.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.layout_hash.to_le_bytes());
        bytes[24..28].copy_from_slice(&size(self.sizes.underlyings));
        bytes[28..32].copy_from_slice(&size(self.sizes.rows));
        bytes[32..36].copy_from_slice(&size(self.sizes.intervals));
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads and checks a header. The order matters: what a field means depends on those before it.
    fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, JournalError> {
        if bytes[..8] != MAGIC {
            let mut found = [0; 8];
            found.copy_from_slice(&bytes[..8]);
            return Err(JournalError::NotAJournal { found });
        }
        let format_version = u32_at(bytes, 8);
        if format_version != FORMAT_VERSION {
            return Err(JournalError::FormatVersion { found: format_version });
        }
        let (found, computed) = (u32_at(bytes, 60), crc32fast::hash(&bytes[..60]));
        if found != computed {
            return Err(JournalError::HeaderDamaged { found, computed });
        }
        let size = |at| u32_at(bytes, at) as usize;
        let sizes = Sizes { underlyings: size(24), rows: size(28), intervals: size(32) };
        let header = Self { format_version, record_version: u32_at(bytes, 12), layout_hash: u64_at(bytes, 16), sizes };
        header.check()
    }

    fn check(self) -> Result<Self, JournalError> {
        if self.record_version != u32::from(VERSION) {
            return Err(JournalError::RecordVersion { found: self.record_version });
        }
        if self.layout_hash != LAYOUT_HASH {
            return Err(JournalError::LayoutHash { found: self.layout_hash });
        }
        let Sizes { underlyings, rows, intervals } = self.sizes;
        let is_possible = (1..=256).contains(&underlyings)
            && (2..=1 << 14).contains(&intervals)
            && rows.is_multiple_of(SLOT_BLOCK as usize)
            && rows <= 1 << 20;
        if is_possible { Ok(self) } else { Err(JournalError::Sizes { sizes: self.sizes }) }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// CRC-32 of an entry's tag word and record, continued from the entry before.
fn chained_checksum(previous: u32, tag: [u8; 4], record: &[u8; RECORD_BYTES]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(previous);
    hasher.update(&tag);
    hasher.update(record);
    hasher.finalize()
}

// ---- writing ---------------------------------------------------------------------------------

/// Appends commands and events to a journal.
///
/// What was appended goes to the system a block at a time. When the process is killed, at most the
/// last block ([`BLOCK_ENTRIES`] entries) is lost; nothing is lost when it returns or panics, because
/// dropping the writer hands the block over, nor after [`Writer::flush`]. A loss of power can take
/// what the system has not written yet, up to [`Writer::close`], which waits for the disk.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: W,
    block: Vec<u8>,
    checksum: u32,
    commands: u64,
    events: u64,
    /// Handed to the system.
    written: u64,
    is_finished: bool,
}

impl Writer<File> {
    /// Creates the file at `path` and writes the header.
    ///
    /// # Errors
    /// [`JournalError::Exists`] if there is a file already, [`JournalError::Create`] or
    /// [`JournalError::Write`] if it cannot be made or written to.
    pub fn create(path: &Path, sizes: Sizes) -> Result<Self, JournalError> {
        let created = OpenOptions::new().write(true).create_new(true).open(path);
        let file = created.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => JournalError::Exists { path: path.to_path_buf() },
            _ => JournalError::Create { path: path.to_path_buf(), source },
        })?;
        Self::new(file, sizes)
    }

    /// As [`Writer::finish`], and waits until the disk has it all: the journal then survives a loss of
    /// power.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn close(mut self) -> Result<(), JournalError> {
        self.end()?;
        self.sync()
    }

    /// Waits until the disk has what was handed to the system.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.output.sync_data().map_err(|source| JournalError::Write { entries: self.entries(), source })
    }
}

impl<W: Write> Writer<W> {
    /// Begins a journal of a kernel with these sizes, and writes the header.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn new(output: W, sizes: Sizes) -> Result<Self, JournalError> {
        let header = Header::new(sizes).encode();
        let mut writer = Self {
            output,
            block: Vec::with_capacity(BLOCK_ENTRIES * ENTRY_BYTES),
            checksum: u32_at(&header, 60),
            commands: 0,
            events: 0,
            written: 0,
            is_finished: false,
        };
        writer.block.extend_from_slice(&header);
        writer.flush()?;
        Ok(writer)
    }

    /// Entries appended so far.
    pub fn entries(&self) -> u64 {
        self.commands + self.events
    }

    /// Entries that were handed to the system.
    pub fn written(&self) -> u64 {
        // The entry at the end is none of them.
        self.written.min(self.entries())
    }

    /// Appends a command and the events that answered it.
    ///
    /// # Errors
    /// [`JournalError::Write`] if a full block could not be handed to the system.
    pub fn append(&mut self, command: &Command, events: &[Event]) -> Result<(), JournalError> {
        self.commands += 1;
        self.put(TAG_COMMAND, &command.0)?;
        events.iter().try_for_each(|event| self.append_event(event))
    }

    /// Appends one more event of the last command, where events come one by one.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn append_event(&mut self, event: &Event) -> Result<(), JournalError> {
        self.events += 1;
        self.put(TAG_EVENT, &event.0)
    }

    /// Hands everything appended so far to the system.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn flush(&mut self) -> Result<(), JournalError> {
        let written = self.output.write_all(&self.block).and_then(|()| self.output.flush());
        if written.is_ok() {
            self.written += (self.block.len() / ENTRY_BYTES) as u64;
        }
        // After an error nobody knows how much was written: repeating it could only do harm.
        self.block.clear();
        written.map_err(|source| JournalError::Write { entries: self.entries(), source })
    }

    /// Writes the end entry: only with it the journal counts as complete.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn finish(mut self) -> Result<(), JournalError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), JournalError> {
        let mut totals = [0; RECORD_BYTES];
        totals[..8].copy_from_slice(&self.commands.to_le_bytes());
        totals[8..16].copy_from_slice(&self.events.to_le_bytes());
        self.put(TAG_END, &totals)?;
        self.is_finished = true;
        self.flush()
    }

    #[inline]
    fn put(&mut self, tag: u8, record: &[u8; RECORD_BYTES]) -> Result<(), JournalError> {
        if self.block.len() + ENTRY_BYTES > BLOCK_ENTRIES * ENTRY_BYTES {
            self.flush()?;
        }
        let tag = [tag, 0, 0, 0];
        self.checksum = chained_checksum(self.checksum, tag, record);
        self.block.extend_from_slice(&tag);
        self.block.extend_from_slice(&self.checksum.to_le_bytes());
        self.block.extend_from_slice(record);
        Ok(())
    }
}

impl<W: Write> Drop for Writer<W> {
    fn drop(&mut self) {
        if !self.is_finished {
            // Nobody is left to be told of an error; without an end entry the reader will tell.
            let _ = self.flush();
        }
    }
}

// ---- reading ---------------------------------------------------------------------------------

/// One entry of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A command.
    Command(Command),
    /// An event that answered the last command.
    Event(Event),
}

/// Iterator over the entries of a journal, in order. An error is the last item; everything before it
/// is good. Only a journal that was finished ends without one.
#[derive(Debug)]
pub struct Reader<R: Read> {
    input: R,
    header: Header,
    buffer: Box<[u8]>,
    /// The part of the buffer that has not been handed out.
    unread: std::ops::Range<usize>,
    offset_bytes: u64,
    checksum: u32,
    commands: u64,
    events: u64,
    is_over: bool,
}

impl Reader<File> {
    /// Opens the journal at `path` and checks its header.
    ///
    /// # Errors
    /// [`JournalError::Open`], or as [`Reader::new`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(|source| JournalError::Open { path: path.to_path_buf(), source })?;
        Self::new(file)
    }
}

impl<R: Read> Reader<R> {
    /// Reads and checks the header.
    ///
    /// # Errors
    /// [`JournalError::NotAJournal`], [`JournalError::FormatVersion`],
    /// [`JournalError::HeaderDamaged`], [`JournalError::RecordVersion`],
    /// [`JournalError::LayoutHash`] or [`JournalError::Sizes`] if this program cannot read the
    /// journal; [`JournalError::Damaged`] if the file ends inside its header;
    /// [`JournalError::Read`] if the system cannot read it.
    pub fn new(input: R) -> Result<Self, JournalError> {
        let mut reader = Self {
            input,
            header: Header::new(Sizes::default()),
            buffer: vec![0; BLOCK_ENTRIES * ENTRY_BYTES].into_boxed_slice(),
            unread: 0..0,
            offset_bytes: 0,
            checksum: 0,
            commands: 0,
            events: 0,
            is_over: false,
        };
        let mut bytes = [0; HEADER_BYTES];
        let count = reader.read_into(&mut bytes)?;
        if count < HEADER_BYTES && MAGIC.starts_with(&bytes[..count.min(MAGIC.len())]) {
            return Err(reader.damage(Fault::Cut { bytes: count }));
        }
        reader.header = Header::decode(&bytes)?;
        reader.checksum = u32_at(&bytes, 60);
        reader.offset_bytes = HEADER_BYTES as u64;
        Ok(reader)
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where the next entry starts in the file.
    pub fn offset_bytes(&self) -> u64 {
        self.offset_bytes
    }

    /// Commands read so far.
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// Events read so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Fills `bytes` as far as the file reaches; returns how far.
    fn read_into(&mut self, bytes: &mut [u8]) -> Result<usize, JournalError> {
        let mut count = 0;
        while count < bytes.len() {
            if self.unread.is_empty() && !self.refill()? {
                break;
            }
            let part = (bytes.len() - count).min(self.unread.len());
            let from = self.unread.start;
            bytes[count..count + part].copy_from_slice(&self.buffer[from..from + part]);
            self.unread.start += part;
            count += part;
        }
        Ok(count)
    }

    /// Reads some bytes into the empty buffer; false at the end of the file.
    fn refill(&mut self) -> Result<bool, JournalError> {
        loop {
            match self.input.read(&mut self.buffer) {
                Ok(count) => {
                    self.unread = 0..count.min(self.buffer.len());
                    return Ok(count > 0);
                }
                Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(JournalError::Read { offset_bytes: self.offset_bytes, source }),
            }
        }
    }

    fn damage(&self, fault: Fault) -> JournalError {
        let Self { offset_bytes, commands, events, .. } = *self;
        Damage { offset_bytes, commands, events, fault }.into()
    }

    /// Reads the next entry; `None` after the end entry.
    fn read_entry(&mut self) -> Result<Option<Entry>, JournalError> {
        let mut bytes = [0; ENTRY_BYTES];
        let count = self.read_into(&mut bytes)?;
        if count == 0 {
            return Err(self.damage(Fault::Unfinished));
        }
        if count < ENTRY_BYTES {
            return Err(self.damage(Fault::Cut { bytes: count }));
        }
        let mut record = [0; RECORD_BYTES];
        record.copy_from_slice(&bytes[8..]);
        let tag = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let (found, computed) = (u32_at(&bytes, 4), chained_checksum(self.checksum, tag, &record));
        if found != computed {
            return Err(self.damage(Fault::Checksum { found, computed }));
        }
        let entry = match tag {
            [TAG_COMMAND, 0, 0, 0] => Entry::Command(Command(record)),
            [TAG_EVENT, 0, 0, 0] => Entry::Event(Event(record)),
            [TAG_END, 0, 0, 0] => return self.end(&record),
            _ => return Err(self.damage(Fault::Tag { tag: u32::from_le_bytes(tag) })),
        };
        self.checksum = found;
        self.offset_bytes += ENTRY_BYTES as u64;
        match entry {
            Entry::Command(_) => self.commands += 1,
            Entry::Event(_) => self.events += 1,
        }
        Ok(Some(entry))
    }

    /// Checks the end entry, and that it is the end.
    fn end(&mut self, totals: &[u8; RECORD_BYTES]) -> Result<Option<Entry>, JournalError> {
        let (commands, events) = (u64_at(totals, 0), u64_at(totals, 8));
        if (commands, events) != (self.commands, self.events) {
            return Err(self.damage(Fault::Totals { commands, events }));
        }
        self.offset_bytes += ENTRY_BYTES as u64;
        let is_end = self.read_into(&mut [0])? == 0;
        if is_end { Ok(None) } else { Err(self.damage(Fault::Trailing)) }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let entry = self.read_entry().transpose();
        self.is_over = !matches!(entry, Some(Ok(_)));
        entry
    }
}

impl<R: Read> std::iter::FusedIterator for Reader<R> {}

// ---- verifying -------------------------------------------------------------------------------

/// What came of replaying a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Commands replayed.
    pub commands: u64,
    /// Events in the journal.
    pub events: u64,
    /// Events that are not the same, are missing from the journal, or should not be in it.
    pub differences: u64,
    /// The first of them.
    pub first_difference: Option<Difference>,
    /// Where the journal stops being readable; `None` if it was read to its end. A journal that was
    /// cut is verified as far as it goes.
    pub damage: Option<Damage>,
}

impl Verification {
    /// Whether the journal is whole and every event was reproduced.
    pub fn is_clean(&self) -> bool {
        self.differences == 0 && self.damage.is_none()
    }
}

/// An event of the journal that the replay did not reproduce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The command that was answered; `None` for an event before the first command.
    pub command: Option<Command>,
    /// The event in the journal; `None` if it is missing there.
    pub recorded: Option<Event>,
    /// The event that the replay gave; `None` if it gave none.
    pub replayed: Option<Event>,
    /// Where the next entry starts in the file.
    pub offset_bytes: u64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = |event: &Option<Event>| event.map_or_else(|| "none".to_owned(), |event| format!("{event:?}"));
        writeln!(f, "before byte {} of the journal", self.offset_bytes)?;
        match &self.command {
            Some(command) => writeln!(f, "  command   {command:?}")?,
            None => writeln!(f, "  command   none")?,
        }
        writeln!(f, "  recorded  {}", event(&self.recorded))?;
        write!(f, "  replayed  {}", event(&self.replayed))
    }
}

/// Replays the journal at `path` through a fresh kernel of the given form and compares every byte of
/// every event. `progress` is told the bytes read and the bytes there are, now and then and at the end.
///
/// # Errors
/// [`JournalError`] if the journal cannot be opened, is not one that this program can replay, or the
/// system cannot read it. A cut or damaged journal is no error: see [`Verification::damage`].
pub fn verify(path: &Path, form: Form, progress: &mut dyn FnMut(u64, u64)) -> Result<Verification, JournalError> {
    let reader = Reader::open(path)?;
    let total_bytes = reader.input.metadata().map_or(0, |metadata| metadata.len());
    verify_entries(reader, form, &mut |bytes| progress(bytes, total_bytes))
}

/// As [`verify`], from any reader; `progress` is told the bytes read.
///
/// # Errors
/// [`JournalError::Read`].
pub fn verify_entries<R: Read>(
    mut reader: Reader<R>,
    form: Form,
    progress: &mut dyn FnMut(u64),
) -> Result<Verification, JournalError> {
    let mut comparison = Comparison::new(reader.header().sizes, form);
    let mut damage = None;
    while let Some(entry) = reader.next() {
        match entry {
            Ok(Entry::Command(command)) => {
                comparison.command(command, reader.offset_bytes());
                if reader.commands().is_multiple_of(PROGRESS_COMMANDS) {
                    progress(reader.offset_bytes());
                }
            }
            Ok(Entry::Event(event)) => comparison.event(event, reader.offset_bytes()),
            Err(JournalError::Damaged(found)) => damage = Some(found),
            Err(error) => return Err(error),
        }
    }
    progress(reader.offset_bytes());
    if damage.is_none() {
        // Of a journal that was cut the last command may lack events that were never written.
        comparison.finish_command(reader.offset_bytes());
    }
    Ok(Verification {
        commands: reader.commands(),
        events: reader.events(),
        differences: comparison.differences,
        first_difference: comparison.first_difference,
        damage,
    })
}

/// The kernel that replays, and the events of its last command that the journal has not matched.
struct Comparison {
    kernel: Kernel,
    command: Option<Command>,
    replayed: [Event; MAX_EVENTS_PER_COMMAND],
    count: usize,
    matched: usize,
    differences: u64,
    first_difference: Option<Difference>,
}

impl Comparison {
    fn new(sizes: Sizes, form: Form) -> Self {
        Self {
            kernel: Kernel::new(sizes, form),
            command: None,
            replayed: [Event::ZERO; MAX_EVENTS_PER_COMMAND],
            count: 0,
            matched: 0,
            differences: 0,
            first_difference: None,
        }
    }

    fn command(&mut self, command: Command, offset_bytes: u64) {
        self.finish_command(offset_bytes);
        let events = self.kernel.apply(&command);
        self.replayed[..events.len()].copy_from_slice(events);
        self.count = events.len();
        self.matched = 0;
        self.command = Some(command);
    }

    fn event(&mut self, recorded: Event, offset_bytes: u64) {
        let replayed = self.replayed[..self.count].get(self.matched).copied();
        self.matched += 1;
        if replayed != Some(recorded) {
            self.differ(Some(recorded), replayed, offset_bytes);
        }
    }

    /// Counts the events that the journal lacks.
    fn finish_command(&mut self, offset_bytes: u64) {
        for index in self.matched..self.count {
            self.differ(None, Some(self.replayed[index]), offset_bytes);
        }
        self.count = 0;
        self.matched = 0;
    }

    fn differ(&mut self, recorded: Option<Event>, replayed: Option<Event>, offset_bytes: u64) {
        self.differences += 1;
        let command = self.command;
        self.first_difference.get_or_insert(Difference { command, recorded, replayed, offset_bytes });
    }
}
