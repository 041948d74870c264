//! What can be wrong with a packet, and where.

use std::fmt;

use thiserror::Error;

/// A packet or message that contradicts its own lengths, or one whose parts do not fit its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{} at byte {offset_bytes} of the payload: {fault}", Place(*template))]
pub struct DecodeError {
    /// Template of the message, if its header could be read.
    pub template: Option<u16>,
    /// Where in the UDP payload the offending item starts.
    pub offset_bytes: usize,
    /// What was expected there.
    pub fault: Fault,
}

/// What was expected, and what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The item runs past the end of what holds it.
    #[error("expected {needed_bytes} bytes of {item}, found {available_bytes}")]
    Short {
        /// What was being read.
        item: Item,
        /// Bytes that it takes.
        needed_bytes: usize,
        /// Bytes that are left.
        available_bytes: usize,
    },
    /// The message would be shorter than its header.
    #[error("expected a message length of at least {needed_bytes}, found {declared_bytes}")]
    MessageLength {
        /// Length of the header.
        needed_bytes: usize,
        /// The length on the wire.
        declared_bytes: usize,
    },
    /// No message has such a number.
    #[error("expected {message_count} messages from a number between 0 and 2^63 - 1 on, found {seq}")]
    SequenceRange {
        /// Number of the first message.
        seq: i64,
        /// Messages in the packet.
        message_count: u16,
    },
    /// The entries of a group do not have the known length, so that the block before it has another one too.
    #[error("expected group entries of {known_bytes} bytes, found {declared_bytes}")]
    GroupEntry {
        /// The entry length on the wire.
        declared_bytes: usize,
        /// The entry length of the known layout.
        known_bytes: usize,
    },
    /// There are bytes after the last item.
    #[error("expected the end of {item}, found {surplus_bytes} bytes more")]
    Surplus {
        /// What should have ended.
        item: Item,
        /// Bytes that are left.
        surplus_bytes: usize,
    },
}

impl Fault {
    /// Whether messages after this place can no longer be found: they are lost, and so is this one.
    pub fn loses_rest(&self) -> bool {
        matches!(self, Self::Short { item: Item::MessageHeader | Item::Message, .. } | Self::MessageLength { .. })
    }
}

/// A part of a packet, for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The 24-byte packet header.
    PacketHeader,
    /// All messages that the packet header counts.
    Packet,
    /// A 16-byte message header.
    MessageHeader,
    /// A message.
    Message,
    /// A 4-byte group header.
    GroupHeader,
    /// The entries of a group.
    GroupEntries,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PacketHeader => "packet header",
            Self::Packet => "packet",
            Self::MessageHeader => "message header",
            Self::Message => "message",
            Self::GroupHeader => "group header",
            Self::GroupEntries => "group entries",
        })
    }
}

/// The message that an error is in, for people.
struct Place(Option<u16>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(template) => write!(f, "message of template {template}"),
            None => f.write_str("packet"),
        }
    }
}
