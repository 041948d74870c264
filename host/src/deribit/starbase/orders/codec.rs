//! Messages from and to bytes.
//!
//! ```text
//!   header(32) = u8 0xDB · u8 flags · u16 length · u16 template · u16 version
//!                · i64 sequence · i64 last processed · i64 send time          length counts header and body
//!   body       = block group* text?         text = u8 length, bytes
//! ```
//!
//! Neither block length nor schema is on the wire: where the groups begin follows from the version.
//! A newer message that is a block and nothing else is read up to what is known; one with groups or
//! texts is refused, for its fills could not be found. The version agreed on at logon keeps such
//! messages from being sent.
//!
//! Invariant: every length of the wire is checked before it is used; nothing here panics on any bytes.

use thiserror::Error;

use super::field::{HeaderFlags, Wire};
use super::layout::{Block, GROUPS_MAX, RawGroup, View};

/// First byte of every message.
pub const PROTOCOL_ID: u8 = 0xDB;
/// Version of the schema that the table is of.
pub const SCHEMA_VERSION: u16 = 15;
/// Length of a header.
pub const HEADER_BYTES: usize = 32;
/// Frames are padded to a multiple of this, where they are padded.
pub const ALIGNMENT_BYTES: usize = 8;
const GROUP_HEADER_BYTES: usize = 4;

/// What stands before every body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether it was sent before.
    pub flags: HeaderFlags,
    /// Header and body.
    pub message_bytes: u16,
    /// Which message it is.
    pub template: u16,
    /// Version of the schema that it was written by.
    pub version: u16,
    /// Number of the message, from 1, per direction.
    pub seq: i64,
    /// Number of the last message of the other side that the sender has seen.
    pub last_processed_seq: i64,
    /// When it was sent, ns since the Unix epoch.
    pub send_time_ns: i64,
}

impl Header {
    /// Reads a header; the protocol byte is the frame reader's business.
    pub fn read(bytes: &[u8; HEADER_BYTES]) -> Self {
        Self {
            flags: HeaderFlags::read(bytes, 1),
            message_bytes: u16::read(bytes, 2),
            template: u16::read(bytes, 4),
            version: u16::read(bytes, 6),
            seq: i64::read(bytes, 8),
            last_processed_seq: i64::read(bytes, 16),
            send_time_ns: i64::read(bytes, 24),
        }
    }

    fn write(&self, bytes: &mut [u8]) {
        bytes[0] = PROTOCOL_ID;
        self.flags.write(bytes, 1);
        self.message_bytes.write(bytes, 2);
        self.template.write(bytes, 4);
        self.version.write(bytes, 6);
        self.seq.write(bytes, 8);
        self.last_processed_seq.write(bytes, 16);
        self.send_time_ns.write(bytes, 24);
    }
}

/// A message that contradicts its own lengths, or that this version cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// An item runs past the end of the message.
    #[error("{message}: expected {needed_bytes} bytes of {item}, found {available_bytes}")]
    Short {
        /// The message's name.
        message: &'static str,
        /// What was being read.
        item: &'static str,
        /// Bytes that it takes.
        needed_bytes: usize,
        /// Bytes that are left.
        available_bytes: usize,
    },
    /// The entries of a group are smaller than they ever were.
    #[error("{message}: expected entries of at least {known_bytes} bytes in group {group}, found {declared_bytes}")]
    GroupEntry {
        /// The message's name.
        message: &'static str,
        /// The group's name.
        group: &'static str,
        /// The entry length on the wire.
        declared_bytes: usize,
        /// The entry length of the table.
        known_bytes: usize,
    },
    /// Something follows what is known and is no padding.
    #[error("{message}: {excess_bytes} bytes follow its last field; the venue's schema has changed")]
    Excess {
        /// The message's name.
        message: &'static str,
        /// How many.
        excess_bytes: usize,
    },
    /// Groups or text of this version cannot be found.
    #[error("{message}: version {version} is newer than the {SCHEMA_VERSION} that was agreed on")]
    NewerVersion {
        /// The message's name.
        message: &'static str,
        /// Its version.
        version: u16,
    },
}

fn split<'a>(
    message: &'static str,
    item: &'static str,
    bytes: &'a [u8],
    needed_bytes: usize,
) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
    let available_bytes = bytes.len();
    bytes.split_at_checked(needed_bytes).ok_or(DecodeError::Short { message, item, needed_bytes, available_bytes })
}

/// Reads the body of a message of a known template.
#[inline]
pub(super) fn view<M: Block>(version: u16, body: &[u8]) -> Result<View<'_, M>, DecodeError> {
    let layout = const { &M::LAYOUT };
    let message = layout.name;
    let is_newer = version > SCHEMA_VERSION;
    if is_newer && !layout.is_fixed() {
        return Err(DecodeError::NewerVersion { message, version });
    }
    let (block, mut rest) = split(message, "its block", body, layout.block_bytes_in(version))?;
    let mut groups = [RawGroup::default(); GROUPS_MAX];
    for (raw, (group, entry)) in groups.iter_mut().zip(layout.groups) {
        (*raw, rest) = read_group(message, group, entry.block_bytes, rest)?;
    }
    let mut text: &[u8] = &[];
    if layout.text.is_some() {
        let (length, after) = split(message, "a text's length", rest, 1)?;
        (text, rest) = split(message, "a text", after, usize::from(length[0]))?;
    }
    // The market data feed counts padding in its lengths; should this one come to, it must not end a session.
    let is_padding = rest.len() < ALIGNMENT_BYTES && rest.iter().all(|byte| *byte == 0);
    if !is_padding && !is_newer {
        return Err(DecodeError::Excess { message, excess_bytes: rest.len() });
    }
    Ok(View { fields: M::read(block), groups, text })
}

fn read_group<'a>(
    message: &'static str,
    group: &'static str,
    known_bytes: usize,
    rest: &'a [u8],
) -> Result<(RawGroup<'a>, &'a [u8]), DecodeError> {
    let (header, rest) = split(message, "a group's header", rest, GROUP_HEADER_BYTES)?;
    let (entry_bytes, count) = (usize::from(u16::read(header, 0)), usize::from(u16::read(header, 2)));
    if count > 0 && entry_bytes < known_bytes {
        return Err(DecodeError::GroupEntry { message, group, declared_bytes: entry_bytes, known_bytes });
    }
    let (entries, rest) = split(message, "a group's entries", rest, entry_bytes * count)?;
    Ok((RawGroup { entries, entry_bytes, count }, rest))
}

/// A message that does not fit the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// More than its length field can say.
    #[error("a message of {message_bytes} bytes does not fit; send fewer entries")]
    TooLong {
        /// Bytes of header and body.
        message_bytes: usize,
    },
    /// A text longer than its length byte can say.
    #[error("a text of {text_bytes} bytes does not fit into 255")]
    Text {
        /// Bytes of it.
        text_bytes: usize,
    },
}

/// Appends one message to a buffer: block, then groups and text in the table's order, then `finish`.
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    header: Header,
}

impl<'a> Encoder<'a> {
    /// Begins a message; template and length of `header` are filled in.
    pub fn new<M: Block>(out: &'a mut Vec<u8>, header: Header, message: &M) -> Self {
        let layout = const { &M::LAYOUT };
        let start = out.len();
        out.resize(start + HEADER_BYTES + layout.block_bytes, 0);
        message.write(&mut out[start + HEADER_BYTES..]);
        Self { out, start, header: Header { template: layout.template, ..header } }
    }

    /// Appends a group.
    #[must_use]
    pub fn group<E: Block>(self, entries: &[E]) -> Self {
        let entry_bytes = const { E::LAYOUT.block_bytes };
        let mut place = self.out.len();
        self.out.resize(place + GROUP_HEADER_BYTES + entry_bytes * entries.len(), 0);
        // More entries than 16 bits can count are longer than 16 bits can say: `finish` refuses them.
        (entry_bytes as u16).write(self.out, place);
        (entries.len() as u16).write(self.out, place + 2);
        place += GROUP_HEADER_BYTES;
        for entry in entries {
            entry.write(&mut self.out[place..place + entry_bytes]);
            place += entry_bytes;
        }
        self
    }

    /// Appends a text.
    ///
    /// # Errors
    /// [`EncodeError::Text`]; the buffer is then as it was before the message.
    pub fn text(self, text: &[u8]) -> Result<Self, EncodeError> {
        let Ok(text_bytes) = u8::try_from(text.len()) else {
            self.out.truncate(self.start);
            return Err(EncodeError::Text { text_bytes: text.len() });
        };
        self.out.push(text_bytes);
        self.out.extend_from_slice(text);
        Ok(self)
    }

    /// Writes the header, and pads the frame if frames are padded.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`]; the buffer is then as it was before the message.
    pub fn finish(self, is_padded: bool) -> Result<(), EncodeError> {
        let message_bytes = self.out.len() - self.start;
        let Ok(length) = u16::try_from(message_bytes) else {
            self.out.truncate(self.start);
            return Err(EncodeError::TooLong { message_bytes });
        };
        Header { message_bytes: length, ..self.header }.write(&mut self.out[self.start..]);
        if is_padded {
            self.out.resize(self.start + message_bytes.next_multiple_of(ALIGNMENT_BYTES), 0);
        }
        Ok(())
    }
}
