//! Captures, the Deribit legacy decoder and the order book, from bytes to best bid and ask.
//!
//! Golden packets are written by hand from the venue's byte tables and hold in both directions;
//! generated captures compare a whole reading with what was put in; damaged ones must cost what the
//! damage covers and nothing else. The venue's own sample capture is read where it is available.

#[path = "../support/real_data.rs"]
mod real_data;

mod books;
mod capture_files;
mod feed;
mod framing;
mod generated_captures;
mod golden_packets;
mod random_input;
mod real_capture;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use real_data::real_data;

use hedgewire_host::book::{
    Action, Book, Break, ChangeHeader, ChangeOutcome, HELD_LEVELS_MAX, Level, LevelChange, Shape, Side, SnapshotHeader,
    SnapshotOutcome, Start, Trust,
};
use hedgewire_host::capture::{CaptureError, CaptureFile, Datagrams, Skipped};
use hedgewire_host::deribit::legacy::{
    Applied, Arrival, BookSide, Books, ChannelSequence, DecodeError, Direction, Frame, FramingFault, InstrumentKind,
    InstrumentState, Item, LAYOUTS, LevelAction, Liquidation, Message, MessageCounts, OptionRight, PayoffType,
    SettlementPeriod, TickDirection,
};
use hedgewire_sim::capture::{
    BookFields, CaptureFormat, CaptureWriter, ChangeFields, Expected, Fault, InstrumentFields, MarketCapture,
    PacketEncoder, SnapshotFields, TickerFields, TradeFields, UNKNOWN_SCHEMA, UNKNOWN_TEMPLATE, ethernet_frame,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Seed of the property tests; `HEDGEWIRE_SEED` overrides it.
const SEED: u64 = 0x4844_4757;

fn seed() -> u64 {
    let seed = std::env::var("HEDGEWIRE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    eprintln!("seed={seed} (set HEDGEWIRE_SEED to repeat another)");
    seed
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed()), ..ProptestConfig::default() }
}

/// Everything that reading a capture gave.
struct Reading {
    datagrams: u64,
    counts: MessageCounts,
    channels: BTreeMap<u16, ChannelSequence>,
    books: Books,
    skipped: Skipped,
    error: Option<CaptureError>,
}

impl Reading {
    fn of(capture: &[u8]) -> Self {
        Self::with_books(capture, Books::new(Start::AwaitSnapshot))
    }

    fn with_books(capture: &[u8], books: Books) -> Self {
        let mut reading = Self {
            datagrams: 0,
            counts: MessageCounts::default(),
            channels: BTreeMap::new(),
            books,
            skipped: Skipped::default(),
            error: None,
        };
        let mut datagrams = match Datagrams::from_bytes(capture) {
            Ok(datagrams) => datagrams,
            Err(error) => {
                reading.error = Some(error);
                return reading;
            }
        };
        while let Some(datagram) = datagrams.next() {
            match datagram {
                Ok(datagram) => reading.datagram(datagram.payload),
                Err(error) => reading.error = Some(error),
            }
            assert!(datagrams.position_bytes() <= datagrams.file_bytes());
        }
        reading.skipped = *datagrams.skipped();
        reading
    }

    fn datagram(&mut self, payload: &[u8]) {
        self.datagrams += 1;
        let frame = Frame::new(payload);
        self.counts.observe_frame(&frame);
        let Ok(frame) = frame else { return };
        let arrival = self.channels.entry(frame.channel).or_default().observe(frame.packet_seq);
        self.books.on_arrival(frame.channel, arrival);
        for message in frame.messages() {
            self.counts.observe(&message);
            if let Ok(message) = message {
                self.books.on_message(frame.channel, &message);
            }
        }
    }

    fn sum(&self, count: impl Fn(&ChannelSequence) -> u64) -> u64 {
        self.channels.values().map(count).sum()
    }

    fn book_gaps(&self) -> u64 {
        self.books.iter().map(|(_, book)| book.counts().gaps).sum()
    }

    fn assert_is(&self, expected: &Expected) {
        assert_eq!(self.datagrams, expected.packets);
        assert_eq!(self.counts.framing_errors, 0);
        for template in 1000..=1010 {
            let count = expected.messages.get(&template).copied().unwrap_or(0);
            assert_eq!(self.counts.of(template), count, "messages of template {template}");
        }
        assert_eq!(self.counts.trades, expected.trades);
        assert_eq!(self.counts.unknown_templates, expected.unknown_templates);
        assert_eq!(self.counts.unknown_schemas, expected.unknown_schemas);
        assert_eq!(self.sum(|channel| channel.gaps), expected.gaps);
        assert_eq!(self.sum(|channel| channel.missing_packets), expected.missing_packets);
        assert_eq!(self.sum(|channel| channel.duplicates), expected.duplicates);
        assert_eq!(self.sum(|channel| channel.late_packets), expected.late_packets);
        assert_eq!(self.sum(|channel| channel.restarts), 0);
        assert_eq!(self.book_gaps(), expected.book_gaps);
        assert_eq!(matches!(self.error, Some(CaptureError::Truncated { .. })), expected.is_truncated);
        self.assert_reliable_books_are(expected);
    }

    /// A book that calls itself reliable has the generator's levels.
    fn assert_reliable_books_are(&self, expected: &Expected) {
        for top in &expected.tops {
            let Some(book) = self.books.book(top.instrument_id) else { continue };
            if !book.is_reliable() || book.change_id() != Some(top.change_id) {
                continue;
            }
            let pair = |level: Level| (level.price_ticks, level.amount);
            assert_eq!(book.best_bid().map(pair), top.best_bid, "bid of {}", top.instrument_id);
            assert_eq!(book.best_ask().map(pair), top.best_ask, "ask of {}", top.instrument_id);
            assert_eq!(book.tick_size(), top.tick_size);
            assert_eq!(book.counts().mismatched_levels, 0);
        }
    }

    fn reliable_books(&self) -> usize {
        self.books.iter().filter(|(_, book)| book.is_reliable()).count()
    }
}

fn market(seed: u64, packets: usize, faults: &[Fault]) -> (Vec<u8>, Expected) {
    MarketCapture { seed, packets, faults: faults.to_vec(), format: CaptureFormat::PcapNg }
        .to_bytes()
        .expect("a capture in memory can be written")
}

fn messages(payload: &[u8]) -> Result<Vec<Message<'_>>, DecodeError> {
    Frame::new(payload)?.messages().collect()
}

fn only_message(payload: &[u8]) -> Message<'_> {
    let messages = messages(payload).expect("the packet is well formed");
    assert_eq!(messages.len(), 1);
    messages[0]
}

fn one_packet(encode: impl FnOnce(&mut PacketEncoder)) -> Vec<u8> {
    let mut packet = PacketEncoder::new(1, 7);
    encode(&mut packet);
    packet.finish()
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hex digits")).collect()
}

/// Asserts that the encoder writes `golden` and returns it for the decoder.
fn golden(golden: &str, encode: impl FnOnce(&mut PacketEncoder)) -> Vec<u8> {
    let golden = hex(golden);
    assert_eq!(one_packet(encode), golden);
    golden
}
