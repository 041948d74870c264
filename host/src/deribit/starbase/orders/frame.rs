//! Messages cut from the bytes of a connection, which come in any pieces.
//!
//! ```text
//!   bytes ──► buffer ──► header whole? ──► protocol, length ──► message and padding whole? ──► Frame
//!                            │ no: wait          │ nonsense: FrameError, for good     │ no: wait
//! ```
//!
//! Invariants:
//! * a frame is given out once, in order, and only when it is whole;
//! * after a [`FrameError`] nothing more is read: where the next message starts is not known;
//! * the buffer never grows beyond two of the largest frames.

use thiserror::Error;

use super::codec::{ALIGNMENT_BYTES, HEADER_BYTES, Header, PROTOCOL_ID};

/// Bytes that no message begins with. The connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Not the protocol's first byte.
    #[error("expected a message to begin with 0xdb, found {found:#04x}; its start is lost")]
    Protocol {
        /// The byte found.
        found: u8,
    },
    /// Shorter than a header.
    #[error("a message of {message_bytes} bytes is shorter than its own header of {HEADER_BYTES}")]
    Short {
        /// The declared length.
        message_bytes: usize,
    },
    /// Longer than this side accepts.
    #[error("a message of {message_bytes} bytes is longer than the {limit_bytes} accepted")]
    Oversize {
        /// The declared length.
        message_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// What should be padding is not zero.
    #[error("the padding after a message holds {found:#04x}; is padding configured as the venue does it?")]
    Padding {
        /// The byte found.
        found: u8,
    },
}

/// How frames are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Whether each message is followed by zeros to a multiple of 8 bytes.
    pub is_padded: bool,
    /// Longest message accepted, header included; at least a header.
    pub message_bytes_max: u16,
}

/// A whole message.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// What follows it.
    pub body: &'a [u8],
}

/// Cuts frames from a stream of bytes.
pub struct FrameReader {
    framing: Framing,
    /// Fixed in size: two of the largest frames.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    failed: Option<FrameError>,
}

impl FrameReader {
    /// An empty reader.
    pub fn new(framing: Framing) -> Self {
        let frame_bytes_max = usize::from(framing.message_bytes_max).max(HEADER_BYTES) + ALIGNMENT_BYTES;
        Self { framing, buffer: vec![0; 2 * frame_bytes_max].into(), start: 0, end: 0, failed: None }
    }

    /// Forgets everything, for a new connection.
    pub fn reset(&mut self) {
        (self.start, self.end, self.failed) = (0, 0, None);
    }

    /// Bytes that are waiting for the rest of their message.
    pub fn pending_bytes(&self) -> usize {
        self.end - self.start
    }

    /// Takes as many of `bytes` as there is room for; returns how many. Not 0, as long as every whole
    /// frame is taken out first.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        if self.start > 0 && bytes.len() > self.buffer.len() - self.end {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let taken = bytes.len().min(self.buffer.len() - self.end);
        self.buffer[self.end..self.end + taken].copy_from_slice(&bytes[..taken]);
        self.end += taken;
        taken
    }

    /// Returns the next whole message.
    ///
    /// # Errors
    /// [`FrameError`], again and again until [`FrameReader::reset`].
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.cut() {
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
            Ok(None) => Ok(None),
            Ok(Some((header, from, to))) => Ok(Some(Frame { header, body: &self.buffer[from..to] })),
        }
    }

    /// The next header, and where its body is.
    fn cut(&mut self) -> Result<Option<(Header, usize, usize)>, FrameError> {
        let pending = &self.buffer[self.start..self.end];
        match pending.first() {
            Some(&found) if found != PROTOCOL_ID => return Err(FrameError::Protocol { found }),
            _ => {}
        }
        let Some(header) = pending.first_chunk().map(Header::read) else { return Ok(None) };
        let (message_bytes, limit_bytes) =
            (usize::from(header.message_bytes), usize::from(self.framing.message_bytes_max));
        if message_bytes < HEADER_BYTES {
            return Err(FrameError::Short { message_bytes });
        }
        if message_bytes > limit_bytes {
            return Err(FrameError::Oversize { message_bytes, limit_bytes });
        }
        let alignment = if self.framing.is_padded { ALIGNMENT_BYTES } else { 1 };
        let Some(frame) = pending.get(..message_bytes.next_multiple_of(alignment)) else { return Ok(None) };
        if let Some(&found) = frame[message_bytes..].iter().find(|byte| **byte != 0) {
            return Err(FrameError::Padding { found });
        }
        let (from, to) = (self.start + HEADER_BYTES, self.start + message_bytes);
        self.start += frame.len();
        Ok(Some((header, from, to)))
    }
}
