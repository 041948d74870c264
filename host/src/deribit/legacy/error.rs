//! What can be wrong with a datagram, and where.

use std::fmt;

use thiserror::Error;

/// A datagram that contradicts its own lengths.
///
/// The messages before it in the datagram were good and have been delivered. What follows is lost:
/// without the length of one message the start of the next is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "{} at byte {offset_bytes} of the payload: {fault}; drop the rest of the packet and distrust \
     the channel's books until a snapshot", Place(*template)
)]
pub struct DecodeError {
    /// Template of the message, if its header could be read.
    pub template: Option<u16>,
    /// Where in the UDP payload the offending item starts.
    pub offset_bytes: usize,
    /// What was expected there.
    pub fault: FramingFault,
}

/// What was expected, and what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FramingFault {
    /// The item runs past the end of the payload.
    #[error("expected {needed_bytes} bytes of {item}, found {available_bytes}")]
    Short {
        /// What was being read.
        item: Item,
        /// Bytes that it takes.
        needed_bytes: usize,
        /// Bytes that are left.
        available_bytes: usize,
    },
    /// The frame's length is not that of the datagram.
    #[error("expected a packet length of {payload_bytes}, found {declared_bytes}")]
    PacketLength {
        /// The packet length in the frame header.
        declared_bytes: usize,
        /// Bytes of the datagram after the frame header.
        payload_bytes: usize,
    },
    /// The message's block is smaller than every version of this template had.
    #[error("expected a block of at least {known_bytes} bytes, found {declared_bytes}")]
    Block {
        /// The block length on the wire.
        declared_bytes: usize,
        /// The block length of the known layout.
        known_bytes: usize,
    },
    /// The entries of the message's group are smaller than they ever were.
    #[error("expected group entries of at least {known_bytes} bytes, found {declared_bytes}")]
    GroupEntry {
        /// The entry length on the wire.
        declared_bytes: usize,
        /// The entry length of the known layout.
        known_bytes: usize,
    },
    /// The message lacks a group that its template has.
    #[error("expected {known} groups, found {declared}")]
    GroupCount {
        /// Groups on the wire.
        declared: u16,
        /// Groups of the known layout.
        known: u16,
    },
    /// The message lacks a string that its template has.
    #[error("expected {known} variable-length fields, found {declared}")]
    TextCount {
        /// Variable-length fields on the wire.
        declared: u16,
        /// Variable-length fields of the known layout.
        known: u16,
    },
    /// Groups are nested deeper than any schema does.
    #[error("expected groups nested at most {limit} deep")]
    Nesting {
        /// The deepest nesting that is followed.
        limit: u32,
    },
}

/// A part of the frame, for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The 8-byte frame header.
    FrameHeader,
    /// A 12-byte message header.
    MessageHeader,
    /// A message's fixed block.
    Block,
    /// An 8-byte group header.
    GroupHeader,
    /// The entries of a group.
    GroupEntries,
    /// A length-prefixed string.
    Text,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FrameHeader => "frame header",
            Self::MessageHeader => "message header",
            Self::Block => "fixed block",
            Self::GroupHeader => "group header",
            Self::GroupEntries => "group entries",
            Self::Text => "text",
        })
    }
}

/// The message that an error is in, for people.
struct Place(Option<u16>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(template) => write!(f, "message of template {template}"),
            None => f.write_str("frame"),
        }
    }
}
