//! One datagram in, its messages out, nothing copied.
//!
//! ```text
//!   payload ─► Packet ─► Messages ─► Framed { header, Message::Put, … }     views on the payload
//!                │           │
//!                │           └─► DecodeError: this message is unreadable, or it and all after it are lost
//!                └─► channel, kind, number of the first message
//!
//!   packet  = header(24) message{message_count}
//!   message = header(16) block group* zeros to a multiple of 8
//! ```
//!
//! Invariants:
//! * Every length of the wire is checked once, when a message is framed; views cannot fail after that.
//! * A message is known by its template and its length together. Any other pair is skipped by its
//!   length and told as [`Message::Unknown`]: neither version nor template alone says what the bytes mean.
//! * Decoding allocates nothing.

use std::iter::FusedIterator;

use super::error::{DecodeError, Fault, Item};
use super::field::{MessageFlags, PacketType};
use super::layout::*;
use super::message::{Definition, Message};

/// A packet whose header has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Time of sending, ns since 1970 UTC by the venue's clock.
    pub sending_time_ns: i64,
    /// Number of the first message; of the next one in a heartbeat. 0 or more.
    pub seq: i64,
    /// The channel.
    pub channel_id: i32,
    /// What kind of packet it is.
    pub kind: PacketType,
    /// Messages that it should have.
    pub message_count: u16,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the header of a UDP payload.
    ///
    /// # Errors
    /// [`DecodeError`] if the payload is shorter than the header and the headers of as many messages as it
    /// should have, or if these would have numbers below 0 or above `i64::MAX - 1`.
    #[inline]
    pub fn new(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let fail = |offset_bytes, fault| DecodeError { template: None, offset_bytes, fault };
        let header = PacketHeader::view(payload).ok_or_else(|| {
            let (needed_bytes, available_bytes) = (PacketHeader::BLOCK_BYTES, payload.len());
            fail(0, Fault::Short { item: Item::PacketHeader, needed_bytes, available_bytes })
        })?;
        let (seq, message_count) = (header.seq_num(), header.message_count());
        // The number after the last message must exist too: it is the one expected next.
        if seq < 0 || seq.checked_add(i64::from(message_count)).is_none() {
            return Err(fail(
                const { offset_of(&PACKET_HEADER, "seq_num") },
                Fault::SequenceRange { seq, message_count },
            ));
        }
        let needed_bytes = PacketHeader::BLOCK_BYTES + usize::from(message_count) * MessageHeader::BLOCK_BYTES;
        if needed_bytes > payload.len() {
            let fault = Fault::Short { item: Item::Packet, needed_bytes, available_bytes: payload.len() };
            return Err(fail(const { offset_of(&PACKET_HEADER, "message_count") }, fault));
        }
        Ok(Self {
            sending_time_ns: header.sending_time(),
            seq,
            channel_id: header.channel_id(),
            kind: header.kind(),
            message_count,
            payload,
        })
    }

    /// Returns the number of the message after the last one.
    #[inline]
    pub fn next_seq(&self) -> i64 {
        self.seq + i64::from(self.message_count)
    }

    /// Returns the packet's messages, in wire order.
    #[inline]
    pub fn messages(&self) -> Messages<'a> {
        Messages { payload: self.payload, position: PacketHeader::BLOCK_BYTES, left: self.message_count }
    }

    /// Returns the payload as it was given.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// A message with what its header says.
#[derive(Clone, Copy, Debug)]
pub struct Framed<'a> {
    /// Template number.
    pub template: u16,
    /// Schema version.
    pub version: u16,
    /// Where it stands in its transaction.
    pub flags: MessageFlags,
    /// Time of the transaction, ns since 1970 UTC.
    pub transact_time_ns: i64,
    /// The message.
    pub message: Message<'a>,
}

/// Iterator over the messages of a packet: as many items as the packet's header counts, unless an error
/// loses the rest, and one error more if bytes are left over.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    payload: &'a [u8],
    position: usize,
    left: u16,
}

impl<'a> Messages<'a> {
    #[inline]
    fn frame(&mut self) -> Result<Framed<'a>, DecodeError> {
        let offset_bytes = self.position;
        let rest = self.payload.get(offset_bytes..).unwrap_or(&[]);
        let fail = |template, fault| DecodeError { template, offset_bytes, fault };
        let short = |item, needed_bytes| Fault::Short { item, needed_bytes, available_bytes: rest.len() };
        let header = MessageHeader::view(rest)
            .ok_or_else(|| fail(None, short(Item::MessageHeader, MessageHeader::BLOCK_BYTES)))?;
        let template = header.template_id();
        let message_bytes = usize::from(header.message_length());
        let Some(body_bytes) = message_bytes.checked_sub(MessageHeader::BLOCK_BYTES) else {
            let (needed_bytes, declared_bytes) = (MessageHeader::BLOCK_BYTES, message_bytes);
            return Err(fail(Some(template), Fault::MessageLength { needed_bytes, declared_bytes }));
        };
        let body = rest[MessageHeader::BLOCK_BYTES..]
            .get(..body_bytes)
            .ok_or_else(|| fail(Some(template), short(Item::Message, message_bytes)))?;
        self.position += message_bytes;
        let message = if template == INSTRUMENT_DEFINITION.template && header.version() > 0 {
            let start = offset_bytes + MessageHeader::BLOCK_BYTES;
            Definition::read(body, start)?.map_or_else(|| Message::unknown(template, body), Message::Definition)
        } else {
            Message::read(template, header.version(), body)
        };
        Ok(Framed {
            template,
            version: header.version(),
            flags: header.flags(),
            transact_time_ns: header.transact_time(),
            message,
        })
    }

    fn surplus(&mut self) -> Option<DecodeError> {
        let surplus_bytes = self.payload.len().checked_sub(self.position).filter(|bytes| *bytes > 0)?;
        let fault = Fault::Surplus { item: Item::Packet, surplus_bytes };
        let error = DecodeError { template: None, offset_bytes: self.position, fault };
        self.position = self.payload.len();
        Some(error)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Framed<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Some(left) = self.left.checked_sub(1) else {
            return self.surplus().map(Err);
        };
        self.left = left;
        let framed = self.frame();
        if framed.as_ref().is_err_and(|error| error.fault.loses_rest()) {
            (self.left, self.position) = (0, self.payload.len());
        }
        Some(framed)
    }
}

impl FusedIterator for Messages<'_> {}

/// Templates up to this one are counted one by one.
const COUNTED_TEMPLATES: usize = 256;

/// Messages by template, and what could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageCounts {
    by_template: [u64; COUNTED_TEMPLATES],
    /// Messages of a template that this version does not know.
    pub unknown_templates: u64,
    /// Messages of a known template with a length that it never had.
    pub unknown_lengths: u64,
    /// Errors: packets refused, messages that could not be read, bytes left over.
    pub errors: u64,
}

impl Default for MessageCounts {
    fn default() -> Self {
        Self { by_template: [0; COUNTED_TEMPLATES], unknown_templates: 0, unknown_lengths: 0, errors: 0 }
    }
}

impl MessageCounts {
    /// Counts the outcome of reading a message.
    #[inline]
    pub fn observe(&mut self, message: &Result<Framed<'_>, DecodeError>) {
        match message {
            Err(_) => self.errors += 1,
            Ok(Framed { message: Message::Unknown(unknown), .. }) if unknown.is_known_template() => {
                self.unknown_lengths += 1;
            }
            Ok(Framed { message: Message::Unknown(_), .. }) => self.unknown_templates += 1,
            Ok(framed) => {
                if let Some(count) = self.by_template.get_mut(usize::from(framed.template)) {
                    *count += 1;
                }
            }
        }
    }

    /// Returns all messages of known templates that could be read.
    pub fn read(&self) -> u64 {
        self.by_template.iter().sum()
    }

    /// Returns the messages of a template that could be read.
    pub fn of(&self, template: u16) -> u64 {
        self.by_template.get(usize::from(template)).copied().unwrap_or(0)
    }
}
