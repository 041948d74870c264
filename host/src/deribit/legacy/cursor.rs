//! The structure of a message on the wire: block, groups, strings, every length checked once.
//!
//! ```text
//!   message   = header(12) block group* text*
//!   header    = u16 block_bytes, template, schema, version, group_count, text_count
//!   group     = u16 block_bytes, entry_count, group_count, text_count; entries
//!   entry     = block group* text*              (this schema nests nothing, a later one may)
//!   text      = u8 length, bytes
//! ```
//!
//! The walk needs no knowledge of the template, so that unknown messages are skipped by it too. Each
//! step consumes at least one byte of the payload or is a multiplication, whatever counts the wire
//! claims: the cost is bounded by the payload's length.

use super::error::{DecodeError, FramingFault, Item};

pub(super) const MESSAGE_HEADER_BYTES: usize = 12;
const GROUP_HEADER_BYTES: usize = 8;
/// Nesting that is followed; this schema has 1.
const NESTING_LIMIT: u32 = 4;

/// The checked parts of one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub template: u16,
    pub schema: u16,
    pub version: u16,
    /// Where the message's header starts in the payload.
    pub offset_bytes: usize,
    pub block: &'a [u8],
    pub group_count: u16,
    pub text_count: u16,
    /// The first group, empty if there is none; later ones are skipped.
    pub group: RawGroup<'a>,
    /// The first string, empty if there is none.
    pub text: &'a [u8],
    /// Length of the message with its header.
    pub message_bytes: usize,
}

/// A group whose extent has been checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawGroup<'a> {
    pub entries: &'a [u8],
    pub block_bytes: u16,
    pub entry_count: u16,
    group_count: u16,
    text_count: u16,
    /// Where the group's header starts in the payload.
    pub offset_bytes: usize,
}

impl<'a> RawGroup<'a> {
    /// Splits the first entry off; returns its block and the group without it.
    pub fn split_first(self) -> Option<(&'a [u8], Self)> {
        let entry_count = self.entry_count.checked_sub(1)?;
        let mut cursor = Cursor { payload: self.entries, position: 0, template: None };
        let block = cursor.take(usize::from(self.block_bytes), Item::GroupEntries).ok()?;
        // Invariant: the extent was walked when the message was framed, so neither step can fail.
        cursor.skip_tail(self.group_count, self.text_count, 1).ok()?;
        Some((block, Self { entries: cursor.rest(), entry_count, ..self }))
    }
}

/// A read position in a payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    payload: &'a [u8],
    position: usize,
    /// The message being read, for errors.
    template: Option<u16>,
}

impl<'a> Cursor<'a> {
    pub fn new(payload: &'a [u8], position: usize) -> Self {
        Self { payload, position, template: None }
    }

    pub fn is_at_end(&self) -> bool {
        self.position >= self.payload.len()
    }

    /// Moves to the end: nothing more can be read.
    pub fn finish(&mut self) {
        self.position = self.payload.len();
    }

    fn rest(&self) -> &'a [u8] {
        self.payload.get(self.position..).unwrap_or(&[])
    }

    fn fail(&self, fault: FramingFault) -> DecodeError {
        DecodeError { template: self.template, offset_bytes: self.position, fault }
    }

    #[inline]
    fn take(&mut self, bytes: usize, item: Item) -> Result<&'a [u8], DecodeError> {
        let rest = self.rest();
        let Some((taken, _)) = rest.split_at_checked(bytes) else {
            return Err(self.fail(FramingFault::Short { item, needed_bytes: bytes, available_bytes: rest.len() }));
        };
        self.position += bytes;
        Ok(taken)
    }

    #[inline]
    fn take_array<const N: usize>(&mut self, item: Item) -> Result<&'a [u8; N], DecodeError> {
        let start = *self;
        let taken = self.take(N, item)?;
        taken
            .first_chunk()
            .ok_or_else(|| start.fail(FramingFault::Short { item, needed_bytes: N, available_bytes: taken.len() }))
    }

    /// Reads one whole message.
    #[inline]
    pub fn message(&mut self) -> Result<Parts<'a>, DecodeError> {
        self.template = None;
        let offset_bytes = self.position;
        let header: &[u8; MESSAGE_HEADER_BYTES] = self.take_array(Item::MessageHeader)?;
        let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let (group_count, text_count) = (word(8), word(10));
        self.template = Some(word(2));
        let block = self.take(usize::from(word(0)), Item::Block)?;
        let mut group = RawGroup::default();
        for index in 0..group_count {
            let read = self.group(0)?;
            if index == 0 {
                group = read;
            }
        }
        let mut text: &[u8] = &[];
        for index in 0..text_count {
            let read = self.text()?;
            if index == 0 {
                text = read;
            }
        }
        Ok(Parts {
            template: word(2),
            schema: word(4),
            version: word(6),
            offset_bytes,
            block,
            group_count,
            text_count,
            group,
            text,
            message_bytes: self.position - offset_bytes,
        })
    }

    #[inline]
    fn group(&mut self, depth: u32) -> Result<RawGroup<'a>, DecodeError> {
        if depth >= NESTING_LIMIT {
            return Err(self.fail(FramingFault::Nesting { limit: NESTING_LIMIT }));
        }
        let offset_bytes = self.position;
        let header: &[u8; GROUP_HEADER_BYTES] = self.take_array(Item::GroupHeader)?;
        let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let (block_bytes, entry_count, group_count, text_count) = (word(0), word(2), word(4), word(6));
        let start = self.position;
        if group_count == 0 && text_count == 0 {
            let entries_bytes = usize::from(block_bytes) * usize::from(entry_count);
            self.take(entries_bytes, Item::GroupEntries)?;
        } else {
            for _ in 0..entry_count {
                self.take(usize::from(block_bytes), Item::GroupEntries)?;
                self.skip_tail(group_count, text_count, depth + 1)?;
            }
        }
        let entries = &self.payload[start..self.position];
        Ok(RawGroup { entries, block_bytes, entry_count, group_count, text_count, offset_bytes })
    }

    /// Skips the groups and strings that follow an entry's block.
    #[inline]
    fn skip_tail(&mut self, group_count: u16, text_count: u16, depth: u32) -> Result<(), DecodeError> {
        for _ in 0..group_count {
            self.group(depth)?;
        }
        for _ in 0..text_count {
            self.text()?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<&'a [u8], DecodeError> {
        let [length] = *self.take_array::<1>(Item::Text)?;
        self.take(usize::from(length), Item::Text)
    }
}
