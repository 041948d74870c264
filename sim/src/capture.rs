//! Generated captures of the Deribit legacy feed, with faults on request and the counts to expect.
//!
//! ```text
//!   seed ─► Feed ─► packets ─► faults ─► CaptureWriter ─► pcapng or pcap
//!                      └──────────┴────► Expected
//! ```
//!
//! The encoder is written from the venue's byte tables without the decoder's, and the expectations
//! are computed from what was put in, never by decoding: agreement of the two sides means something.
//! The same seed, packet count and faults give the same bytes.

mod encode;
mod file;
mod market;

pub use encode::{
    BookFields, ChangeFields, InstrumentFields, PacketEncoder, SnapshotFields, TickerFields, TradeFields,
};
pub use file::{CaptureFormat, CaptureWriter, EVENT_PORT, SNAPSHOT_PORT, ethernet_frame, group_of};
pub use market::ExpectedTop;

use market::{Feed, Note, Packet};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// Template of the message that [`Fault::UnknownTemplate`] adds.
pub const UNKNOWN_TEMPLATE: u16 = 1999;
/// Schema of the message that [`Fault::UnknownSchema`] adds.
pub const UNKNOWN_SCHEMA: u16 = 77;

/// Something wrong with a capture. `at` counts packets as generated, from 0; a fault beyond the last
/// packet does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The packet is lost.
    Gap {
        /// Which packet.
        at: usize,
    },
    /// The packet comes twice.
    Duplicate {
        /// Which packet.
        at: usize,
    },
    /// The packet comes after the next one of its channel.
    Reorder {
        /// Which packet.
        at: usize,
    },
    /// One bit of the packet's payload is wrong.
    BitFlip {
        /// Which packet.
        at: usize,
        /// Which bit, counted from the payload's first; beyond its end, from the first again.
        bit: usize,
    },
    /// A message of a template that no schema has is at the packet's end.
    UnknownTemplate {
        /// Which packet.
        at: usize,
    },
    /// A message of another schema is at the packet's end.
    UnknownSchema {
        /// Which packet.
        at: usize,
    },
    /// The file ends in the middle of its last record.
    Truncate,
}

/// A capture to be generated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketCapture {
    /// Seed of the market.
    pub seed: u64,
    /// Packets, before faults.
    pub packets: usize,
    /// What goes wrong, in this order.
    pub faults: Vec<Fault>,
    /// Format of the file.
    pub format: CaptureFormat,
}

/// What reading a generated capture must give.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Packets in the file, without a truncated one.
    pub packets: u64,
    /// Packets with a wrong bit. Unless this is 0, everything below holds for the packets as they
    /// were before.
    pub flipped_packets: u64,
    /// Messages by template, without unknown ones.
    pub messages: BTreeMap<u16, u64>,
    /// Trades in messages of template 1002.
    pub trades: u64,
    /// Messages of an unknown template.
    pub unknown_templates: u64,
    /// Messages of another schema.
    pub unknown_schemas: u64,
    /// Gaps in the channels' packet numbers.
    pub gaps: u64,
    /// Packets in those gaps, late ones included.
    pub missing_packets: u64,
    /// Packets that came a second time.
    pub duplicates: u64,
    /// Packets that came after a later one.
    pub late_packets: u64,
    /// Changes that follow one which never came.
    pub book_gaps: u64,
    /// Whether the file ends in the middle of a record.
    pub is_truncated: bool,
    /// Last change that came, by instrument.
    pub last_change: BTreeMap<u32, u64>,
    /// Best levels after the last packet generated.
    pub tops: Vec<ExpectedTop>,
}

impl MarketCapture {
    /// Writes the capture to `path`; returns what reading it must give.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<Expected> {
        let (bytes, expected) = self.to_bytes()?;
        std::fs::write(path, bytes)?;
        Ok(expected)
    }

    /// Returns the bytes of the capture and what reading them must give.
    ///
    /// # Errors
    /// If the format cannot hold a record; no packet of the market is that large.
    pub fn to_bytes(&self) -> io::Result<(Vec<u8>, Expected)> {
        let mut market = Feed::new(self.seed);
        let mut records: Vec<Record> = market
            .packets(self.packets)
            .into_iter()
            .enumerate()
            .map(|(index, packet)| Record { index, packet, flipped_bit: None })
            .collect();
        for fault in &self.faults {
            apply(fault, &mut records);
        }
        let mut writer = CaptureWriter::new(Vec::new(), self.format)?;
        let mut last_record_bytes = 0;
        for record in &records {
            let payload = record.payload();
            last_record_bytes = payload.len();
            writer.packet(record.packet.capture_ns, record.packet.channel, &payload)?;
        }
        let mut bytes = writer.into_inner();
        let is_truncated = self.faults.contains(&Fault::Truncate) && records.pop().is_some();
        if is_truncated {
            bytes.truncate(bytes.len() - last_record_bytes / 2 - 1);
        }
        let mut expected = expectations(&records);
        expected.is_truncated = is_truncated;
        expected.tops = market.tops().collect();
        Ok((bytes, expected))
    }
}

/// A packet on its way into the file.
#[derive(Clone, Debug)]
struct Record {
    /// Number of the packet as generated.
    index: usize,
    packet: Packet,
    flipped_bit: Option<usize>,
}

impl Record {
    fn payload(&self) -> Vec<u8> {
        let mut payload = self.packet.encoder.clone().finish();
        if let Some(bit) = self.flipped_bit {
            let bit = bit % (8 * payload.len());
            payload[bit / 8] ^= 1 << (bit % 8);
        }
        payload
    }
}

fn apply(fault: &Fault, records: &mut Vec<Record>) {
    let find = |at: usize| records.iter().position(|record| record.index == at);
    match *fault {
        Fault::Gap { at } => records.retain(|record| record.index != at),
        Fault::Duplicate { at } => {
            if let Some(place) = find(at) {
                records.insert(place + 1, records[place].clone());
            }
        }
        Fault::Reorder { at } => {
            let Some(place) = find(at) else { return };
            let channel = records[place].packet.channel;
            let is_next = |record: &Record| record.packet.channel == channel;
            if let Some(distance) = records[place + 1..].iter().position(is_next) {
                records[place..=place + 1 + distance].rotate_left(1);
            }
        }
        Fault::BitFlip { at, bit } => {
            if let Some(place) = find(at) {
                records[place].flipped_bit = Some(bit);
            }
        }
        Fault::UnknownTemplate { at } => append_foreign(records, at, UNKNOWN_TEMPLATE, 1),
        Fault::UnknownSchema { at } => append_foreign(records, at, 1003, UNKNOWN_SCHEMA),
        Fault::Truncate => {}
    }
}

fn append_foreign(records: &mut [Record], at: usize, template: u16, schema: u16) {
    for record in records.iter_mut().filter(|record| record.index == at) {
        record.packet.encoder.foreign(template, schema);
        record.packet.notes.push(Note::Foreign { schema });
    }
}

fn expectations(records: &[Record]) -> Expected {
    let mut expected = Expected::default();
    let mut channels: BTreeMap<u16, ChannelModel> = BTreeMap::new();
    let mut open_snapshots = BTreeSet::new();
    for Record { packet, flipped_bit, .. } in records {
        expected.packets += 1;
        expected.flipped_packets += u64::from(flipped_bit.is_some());
        channels.entry(packet.channel).or_default().observe(packet.packet_seq, &mut expected);
        for note in &packet.notes {
            expect_note(note, &mut expected, &mut open_snapshots);
        }
    }
    expected
}

fn expect_note(note: &Note, expected: &mut Expected, open_snapshots: &mut BTreeSet<u32>) {
    match *note {
        Note::Message { template } => *expected.messages.entry(template).or_default() += 1,
        Note::Trades { count } => expected.trades += count,
        Note::Foreign { schema: UNKNOWN_SCHEMA } => expected.unknown_schemas += 1,
        Note::Foreign { .. } => expected.unknown_templates += 1,
        Note::Change { instrument_id, prev_change_id, change_id } => {
            let last = expected.last_change.entry(instrument_id).or_insert(prev_change_id);
            if change_id > *last {
                expected.book_gaps += u64::from(prev_change_id != *last);
                *last = change_id;
            }
        }
        Note::SnapshotPart { instrument_id, change_id, is_first, is_last } => {
            if is_first {
                open_snapshots.insert(instrument_id);
            }
            if is_last && open_snapshots.remove(&instrument_id) {
                let last = expected.last_change.entry(instrument_id).or_insert(change_id);
                *last = (*last).max(change_id);
            }
        }
    }
}

/// Packet numbers of one channel, as a set of those that came.
#[derive(Default)]
struct ChannelModel {
    next_seq: Option<u32>,
    seen: BTreeSet<u32>,
}

impl ChannelModel {
    fn observe(&mut self, packet_seq: u32, expected: &mut Expected) {
        let next_seq = self.next_seq.unwrap_or(packet_seq);
        let missing = packet_seq.wrapping_sub(next_seq);
        let is_ahead = missing < 1 << 31;
        if is_ahead {
            expected.gaps += u64::from(missing > 0);
            expected.missing_packets += u64::from(missing);
            self.next_seq = Some(packet_seq.wrapping_add(1));
        } else if self.seen.contains(&packet_seq) {
            expected.duplicates += 1;
        } else {
            expected.late_packets += 1;
        }
        self.seen.insert(packet_seq);
    }
}
