//! Hostile bytes into everything that reads market data: as a capture file, as one UDP payload, and
//! as the body of a well-formed frame, each applied to books.
//!
//! Nothing may panic, overflow or run away; books must stay sorted and agree with their shape.

#![no_main]

use hedgewire_host::book::{Book, Shape, Side, Start, Trust};
use hedgewire_host::capture::Datagrams;
use hedgewire_host::deribit::legacy::{Books, ChannelSequence, FRAME_HEADER_BYTES, Frame, MessageCounts};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|bytes: &[u8]| {
    // One bit of the input chooses how books begin, so that both are reached from one corpus.
    let start = match bytes.last() {
        Some(byte) if byte & 1 == 1 => Start::JoinMidStream,
        _ => Start::AwaitSnapshot,
    };
    let mut feed = Feed::new(start);
    feed.capture(bytes);
    feed.payload(bytes);
    if let Some(payload) = framed(bytes) {
        feed.payload(&payload);
    }
    feed.assert_books_are_sane();
});

struct Feed {
    counts: MessageCounts,
    channels: BTreeMap<u16, ChannelSequence>,
    books: Books,
}

impl Feed {
    fn new(start: Start) -> Self {
        Self { counts: MessageCounts::default(), channels: BTreeMap::new(), books: Books::new(start) }
    }

    fn capture(&mut self, file: &[u8]) {
        let Ok(mut datagrams) = Datagrams::from_bytes(file) else { return };
        let mut position_bytes = datagrams.position_bytes();
        while let Some(datagram) = datagrams.next() {
            assert!(datagrams.position_bytes() >= position_bytes);
            position_bytes = datagrams.position_bytes();
            match datagram {
                Ok(datagram) => self.payload(datagram.payload),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }

    fn payload(&mut self, payload: &[u8]) {
        let frame = Frame::new(payload);
        self.counts.observe_frame(&frame);
        let Ok(frame) = frame else { return };
        let arrival = self.channels.entry(frame.channel).or_default().observe(frame.packet_seq);
        self.books.on_arrival(frame.channel, arrival);
        for message in frame.messages() {
            self.counts.observe(&message);
            match message {
                Ok(message) => {
                    self.books.on_message(frame.channel, &message);
                }
                Err(error) => assert!(error.offset_bytes <= payload.len()),
            }
        }
    }

    fn assert_books_are_sane(&self) {
        for (_, book) in self.books.iter() {
            assert_sorted(book);
            assert!(book.trust() != Trust::Broken || book.shape() == Shape::Empty);
        }
        for channel in self.channels.values() {
            assert!(channel.lost_packets() <= channel.missing_packets);
        }
    }
}

fn assert_sorted(book: &Book) {
    let bids: Vec<i64> = book.levels(Side::Bid).map(|level| level.price_ticks).collect();
    let asks: Vec<i64> = book.levels(Side::Ask).map(|level| level.price_ticks).collect();
    assert!(bids.windows(2).all(|pair| pair[0] > pair[1]));
    assert!(asks.windows(2).all(|pair| pair[0] < pair[1]));
}

/// The input with the packet length that its frame header should have.
fn framed(bytes: &[u8]) -> Option<Vec<u8>> {
    let body_bytes = u16::try_from(bytes.len().checked_sub(FRAME_HEADER_BYTES)?).ok()?;
    let mut payload = bytes.to_vec();
    payload[..2].copy_from_slice(&body_bytes.to_le_bytes());
    Some(payload)
}
