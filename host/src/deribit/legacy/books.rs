//! The books of every instrument on the feed, from messages and packet arrivals.
//!
//! ```text
//!   Instrument, TieredInstrument ─► define: tick size, book
//!   Book       (channel N)       ─► changes, in order
//!   Snapshot   (channel 100 + N) ─► parts, unless the first one may have been lost
//!   Arrival::Gap, Restarted      ─► books of that channel in doubt, their snapshots abandoned
//! ```
//!
//! Invariant: a book exists only for an instrument whose tick size is known; changes to others are
//! counted. A capture that starts between definitions is read twice: once for [`Books::define`],
//! once for the books.

use std::collections::BTreeMap;

use super::field::{BookSide, LevelAction};
use super::layout::{BookChange, BookSnapshot, BookUpdate, SnapshotLevel};
use super::{Arrival, InstrumentDefinition, Message};
use crate::book::{
    Action, Book, ChangeHeader, ChangeOutcome, LevelChange, Side, SnapshotHeader, SnapshotOutcome, Start,
};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is none of a book.
    Ignored,
    /// It defined an instrument.
    Defined,
    /// It is about an instrument that has not been defined.
    Undefined,
    /// It went to a book as a change.
    Change(ChangeOutcome),
    /// It went to a book as a part of a snapshot.
    Snapshot(SnapshotOutcome),
    /// A part of a snapshot whose beginning may have been lost.
    SnapshotTail,
}

/// What the set of books could not use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BooksCounts {
    /// Book messages of instruments that were not defined.
    pub undefined: u64,
    /// Definitions without a usable tick size.
    pub bad_definitions: u64,
    /// Parts of snapshots whose beginning may have been lost.
    pub snapshot_tails: u64,
}

/// One instrument's book, and the channels that it was seen on.
#[derive(Clone, Debug)]
struct FeedBook {
    book: Book,
    event_channel: Option<u16>,
    snapshot_channel: Option<u16>,
}

/// Whether parts on a snapshot channel can be told from the rest of an interrupted snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SnapshotStream {
    /// Nothing but a round's start, or a change of instrument, shows where a snapshot begins.
    Unsure,
    /// The parts of this instrument are passed over up to the last.
    Skipping(u32),
    /// Every part since the last interruption was seen.
    Sure,
}

/// The books of every defined instrument.
#[derive(Clone, Debug)]
pub struct Books {
    start: Start,
    instruments: BTreeMap<u32, FeedBook>,
    streams: BTreeMap<u16, SnapshotStream>,
    counts: BooksCounts,
}

impl Books {
    /// Makes an empty set, whose books will begin as `start` says.
    pub fn new(start: Start) -> Self {
        Self { start, instruments: BTreeMap::new(), streams: BTreeMap::new(), counts: BooksCounts::default() }
    }

    /// Returns what could not be used.
    pub fn counts(&self) -> &BooksCounts {
        &self.counts
    }

    /// Returns an instrument's book.
    pub fn book(&self, instrument_id: u32) -> Option<&Book> {
        self.instruments.get(&instrument_id).map(|instrument| &instrument.book)
    }

    /// Returns the books by instrument number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Book)> {
        self.instruments.iter().map(|(id, instrument)| (*id, &instrument.book))
    }

    /// Makes the instrument's book, if it has none. The venue repeats definitions, and states a
    /// different tick size in each of the two kinds when it has tiers: the finest counts, and only
    /// a finer one than before makes the book anew.
    pub fn define(&mut self, definition: &InstrumentDefinition<'_>) {
        let tick_size = definition.tick_size.unwrap_or(f64::NAN);
        let known = self.instruments.get(&definition.instrument_id);
        if known.is_some_and(|known| known.book.tick_size() <= tick_size) {
            return;
        }
        let Ok(book) = Book::new(tick_size, self.start) else {
            self.counts.bad_definitions += 1;
            return;
        };
        match self.instruments.get_mut(&definition.instrument_id) {
            Some(instrument) => instrument.book = book,
            None => {
                let instrument = FeedBook { book, event_channel: None, snapshot_channel: None };
                self.instruments.insert(definition.instrument_id, instrument);
            }
        }
    }

    /// Takes note of a packet before its messages. A duplicate's messages need not be applied, but
    /// may be: change identifiers keep them out.
    pub fn on_arrival(&mut self, channel: u16, arrival: Arrival) {
        if !matches!(arrival, Arrival::Gap { .. } | Arrival::Restarted) {
            return;
        }
        if let Some(stream) = self.streams.get_mut(&channel) {
            *stream = SnapshotStream::Unsure;
        }
        for instrument in self.instruments.values_mut() {
            if instrument.event_channel == Some(channel) {
                instrument.book.suspect();
            }
            if instrument.snapshot_channel == Some(channel) {
                instrument.book.abandon_snapshot();
            }
        }
    }

    /// Applies a message that came on `channel`.
    pub fn on_message(&mut self, channel: u16, message: &Message<'_>) -> Applied {
        match message {
            Message::Book(update) => self.on_update(channel, update),
            Message::Snapshot(snapshot) => self.on_snapshot(channel, snapshot),
            Message::SnapshotStart(_) => {
                self.streams.insert(channel, SnapshotStream::Sure);
                Applied::Ignored
            }
            _ => match message.definition() {
                Some(definition) => {
                    // An instrument's definition comes before its snapshot: no part can be open.
                    self.streams.insert(channel, SnapshotStream::Sure);
                    self.define(&definition);
                    Applied::Defined
                }
                None => Applied::Ignored,
            },
        }
    }

    fn on_update(&mut self, channel: u16, update: &BookUpdate<'_>) -> Applied {
        let Some(instrument) = self.instruments.get_mut(&update.instrument_id()) else {
            self.counts.undefined += 1;
            return Applied::Undefined;
        };
        instrument.event_channel = Some(channel);
        let header = ChangeHeader {
            prev_change_id: update.prev_change_id(),
            change_id: update.change_id(),
            timestamp_ms: update.timestamp_ms(),
            is_last: update.is_last(),
        };
        let changes = update.changes().map(|change| level_change(&change));
        Applied::Change(instrument.book.apply_changes(header, changes))
    }

    fn on_snapshot(&mut self, channel: u16, snapshot: &BookSnapshot<'_>) -> Applied {
        let instrument_id = snapshot.instrument_id();
        if !self.is_from_its_first_part(channel, instrument_id, snapshot.is_last_in_book()) {
            self.counts.snapshot_tails += 1;
            return Applied::SnapshotTail;
        }
        let Some(instrument) = self.instruments.get_mut(&instrument_id) else {
            self.counts.undefined += 1;
            return Applied::Undefined;
        };
        instrument.snapshot_channel = Some(channel);
        let header = SnapshotHeader {
            change_id: snapshot.change_id(),
            timestamp_ms: snapshot.timestamp_ms(),
            is_complete: snapshot.is_book_complete(),
            is_last: snapshot.is_last_in_book(),
        };
        let levels = snapshot.levels().map(|level| snapshot_level(&level));
        Applied::Snapshot(instrument.book.apply_snapshot(header, levels))
    }

    /// Follows a snapshot channel. The first instrument after an interruption may be in the middle
    /// of its snapshot, which nothing in the message shows: it is passed over, once.
    fn is_from_its_first_part(&mut self, channel: u16, instrument_id: u32, is_last: bool) -> bool {
        let stream = self.streams.entry(channel).or_insert(SnapshotStream::Unsure);
        let is_known = match *stream {
            SnapshotStream::Sure => true,
            SnapshotStream::Skipping(skipped) => skipped != instrument_id,
            SnapshotStream::Unsure => false,
        };
        *stream = if is_known || is_last { SnapshotStream::Sure } else { SnapshotStream::Skipping(instrument_id) };
        is_known
    }
}

fn side_of(side: BookSide) -> Option<Side> {
    match side {
        BookSide::Ask => Some(Side::Ask),
        BookSide::Bid => Some(Side::Bid),
        BookSide::Unknown(_) => None,
    }
}

fn level_change(change: &BookChange<'_>) -> Option<LevelChange> {
    let action = match change.action() {
        LevelAction::Created => Action::Create,
        LevelAction::Changed => Action::Change,
        LevelAction::Deleted => Action::Delete,
        LevelAction::Unknown(_) => return None,
    };
    // A deletion's amount is not read, so that a missing one does no harm.
    let amount = change.amount().unwrap_or(f64::NAN);
    Some(LevelChange { side: side_of(change.side())?, action, price: change.price()?, amount })
}

fn snapshot_level(level: &SnapshotLevel<'_>) -> Option<(Side, f64, f64)> {
    Some((side_of(level.side())?, level.price()?, level.amount()?))
}
