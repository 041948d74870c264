//! The books of a channel: whole transactions, joined to snapshots one instrument at a time.
//!
//! ```text
//!   message in order ─► instrument synced?  yes ─► its book            transaction ends ─► changed
//!                                           no  ─► held ──┐
//!   snapshot up to N ─► N reaches what is held? ─► book = snapshot + held changes after N
//! ```
//!
//! A channel is joined once as many instruments have had their snapshot as the venue says that there are;
//! from then on every message is seen, so that an instrument first heard of by its definition is new
//! and its book begins empty. Until then, and after every loss, instruments wait for their snapshot.
//!
//! Invariants:
//! * A change is applied to a book once: it is in the snapshot, or it comes after it.
//! * A change that contradicts a book, or cannot be read, takes the book out of use until a snapshot.
//! * A book touched by a transaction that has not ended is in doubt until it has.
//! * Instruments and held changes are bounded; what is refused or dropped is counted.

use super::counts::BookCounts;
use super::held::{Change, HeldChanges};
use super::instrument::{Defined, Doubt, Instrument};
use super::message::{Definition, Message};
use super::order_book::{ByNumber, Contradiction, Order, OrderBook};
use super::packet::Framed;
use super::sequence::WINDOW_MESSAGES;

/// An instrument's place in its channel; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub(super) u32);

/// All books of a channel.
#[derive(Clone, Debug)]
pub(super) struct Books {
    by_id: ByNumber<u32>,
    instruments: Vec<Instrument>,
    instruments_max: usize,
    held: HeldChanges,
    /// First message since which none was lost; `None` before the first one.
    join_from: Option<i64>,
    /// Number of the message that comes next.
    next_seq: i64,
    /// Number of the round of joining.
    epoch: u32,
    /// Instruments that got their snapshot in this round.
    synced_in_epoch: usize,
    is_joined: bool,
    is_transaction_open: bool,
    touched: Vec<u32>,
    changed: Vec<u32>,
    /// Instruments whose snapshot has messages that have yet to come.
    ahead: Vec<u32>,
    pub counts: BookCounts,
}

impl Books {
    pub fn new(instruments_max: usize, held_size_log2: u32) -> Self {
        Self {
            by_id: ByNumber::default(),
            instruments: Vec::new(),
            instruments_max,
            held: HeldChanges::new(held_size_log2),
            join_from: None,
            next_seq: 0,
            epoch: 0,
            synced_in_epoch: 0,
            is_joined: false,
            is_transaction_open: false,
            touched: Vec::new(),
            changed: Vec::new(),
            ahead: Vec::new(),
            counts: BookCounts::default(),
        }
    }

    pub fn is_joined(&self) -> bool {
        self.is_joined
    }

    pub fn handle(&self, instrument_id: i64) -> Option<Handle> {
        self.by_id.get(&instrument_id).copied().map(Handle)
    }

    pub fn get(&self, handle: Handle) -> Option<&Instrument> {
        self.instruments.get(handle.0 as usize)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Instrument> {
        self.instruments.iter()
    }

    /// Takes the next instrument whose book or trust changed since it was last taken.
    pub fn next_changed(&mut self) -> Option<Handle> {
        let place = self.changed.pop()?;
        self.instruments[place as usize].is_changed = false;
        Some(Handle(place))
    }

    /// Why a book may not be believed, as far as books know.
    #[inline]
    pub fn doubt(&self, instrument: &Instrument) -> Option<Doubt> {
        if instrument.snapshot_seq >= self.next_seq {
            Some(Doubt::Ahead)
        } else if instrument.is_touched {
            Some(Doubt::OpenTransaction)
        } else {
            instrument.doubt()
        }
    }

    /// Begins: messages from `seq` on will come without a hole.
    pub fn start(&mut self, seq: i64) {
        self.join_from = Some(seq);
        self.await_snapshots(seq, Doubt::NoSnapshot);
    }

    /// The venue counts afresh: what was known by the old numbers means nothing any more.
    pub fn reset(&mut self, seq: i64) {
        for instrument in &mut self.instruments {
            instrument.forget_numbers();
        }
        self.lose_before(seq, Doubt::Lost);
    }

    /// Messages before `seq` are lost, from it on they come without a hole. A book whose snapshot has
    /// the lost ones already stays.
    pub fn lose_before(&mut self, seq: i64, doubt: Doubt) {
        self.join_from = Some(seq);
        self.await_snapshots(seq, doubt);
    }

    fn await_snapshots(&mut self, seq: i64, doubt: Doubt) {
        self.epoch = self.epoch.wrapping_add(1);
        self.synced_in_epoch = 0;
        self.is_joined = false;
        self.is_transaction_open = false;
        self.next_seq = seq;
        self.touched.clear();
        self.ahead.clear();
        self.held.clear();
        for place in 0..self.instruments.len() {
            let instrument = &mut self.instruments[place];
            instrument.is_touched = false;
            instrument.held = None;
            if instrument.unsynced.is_none() && instrument.snapshot_seq >= seq - 1 {
                instrument.epoch = self.epoch;
                self.synced_in_epoch += 1;
                if instrument.snapshot_seq >= seq {
                    self.ahead.push(place as u32);
                }
                continue;
            }
            instrument.book.clear();
            instrument.unsynced = Some(instrument.unsynced.unwrap_or(doubt));
            instrument.join_from = seq;
            self.mark_changed(place as u32);
        }
    }

    /// Takes the next message of the stream.
    #[inline]
    pub fn on_message(&mut self, seq: i64, framed: &Framed<'_>) {
        if framed.flags.is_start() {
            self.counts.unfinished_transactions += u64::from(self.is_transaction_open);
        }
        self.is_transaction_open = true;
        self.next_seq = seq + 1;
        self.dispatch(seq, &framed.message);
        if framed.flags.is_end() {
            self.end_transaction();
        }
    }

    #[inline]
    fn dispatch(&mut self, seq: i64, message: &Message<'_>) {
        match message {
            Message::Put(side, put) => {
                let order = Order {
                    order_id: put.order_id(),
                    price: put.price().unwrap_or(i64::MIN),
                    sort_order_id: put.sort_order_id(),
                    quantity: put.quantity_mantissa(),
                };
                self.change(seq, put.instrument_id(), Change::Put(*side, order));
            }
            Message::QuantityReduced(side, reduced) => {
                let (order_id, quantity) = (reduced.order_id(), reduced.quantity_mantissa());
                self.change(seq, reduced.instrument_id(), Change::Reduce { side: *side, order_id, quantity });
            }
            Message::Delete(side, delete) => {
                let change = Change::Delete { side: *side, order_id: delete.order_id() };
                self.change(seq, delete.instrument_id(), change);
            }
            Message::UnsortedPut(_, put) => {
                self.counts.unreadable += 1;
                if let Some(place) = self.place_of(put.instrument_id(), seq) {
                    self.distrust(place, seq, Doubt::Unreadable);
                }
            }
            Message::Unknown(unknown) if unknown.may_change_book() => {
                self.counts.unreadable += 1;
                self.lose_before(seq + 1, Doubt::Unreadable);
            }
            Message::Definition(definition) => self.define(seq, definition),
            Message::Status(update) => {
                if let Some(place) = self.place_of(update.instrument_id(), seq) {
                    self.instruments[place as usize].set_status(update.trading_status(), seq);
                    self.touch(place);
                }
            }
            _ => {}
        }
    }

    fn end_transaction(&mut self) {
        self.counts.transactions += 1;
        self.is_transaction_open = false;
        while let Some(place) = self.touched.pop() {
            self.instruments[place as usize].is_touched = false;
            self.mark_changed(place);
        }
        if !self.ahead.is_empty() {
            self.release_reached();
        }
    }

    /// Tells of instruments whose snapshot the stream has reached.
    #[cold]
    fn release_reached(&mut self) {
        for index in (0..self.ahead.len()).rev() {
            let place = self.ahead[index];
            if self.instruments[place as usize].snapshot_seq < self.next_seq {
                self.ahead.swap_remove(index);
                self.mark_changed(place);
            }
        }
    }

    /// The place of an instrument, which is made if it was not known. `None` if there are too many.
    #[inline]
    fn place_of(&mut self, instrument_id: i64, seq: i64) -> Option<u32> {
        match self.by_id.get(&instrument_id) {
            Some(place) => Some(*place),
            None => self.add(instrument_id, seq),
        }
    }

    #[cold]
    fn add(&mut self, instrument_id: i64, seq: i64) -> Option<u32> {
        if self.instruments.len() >= self.instruments_max {
            self.counts.instruments_refused += 1;
            return None;
        }
        let place = self.instruments.len() as u32;
        // None of its messages was passed over since then: the first one would have made it known.
        self.instruments.push(Instrument::new(instrument_id, self.join_from.unwrap_or(seq)));
        self.by_id.insert(instrument_id, place);
        for list in [&mut self.touched, &mut self.changed, &mut self.ahead] {
            list.reserve(self.instruments.len() - list.len());
        }
        Some(place)
    }

    #[inline]
    fn change(&mut self, seq: i64, instrument_id: i64, change: Change) {
        let Some(place) = self.place_of(instrument_id, seq) else { return };
        let instrument = &mut self.instruments[place as usize];
        if instrument.unsynced.is_some() {
            return self.hold(place, seq, change);
        }
        if seq <= instrument.snapshot_seq {
            self.counts.in_snapshot += 1;
            return;
        }
        match apply(&mut instrument.book, change) {
            Ok(()) => {
                self.counts.applied += 1;
                self.touch(place);
            }
            Err(why) => self.contradict(place, seq, why),
        }
    }

    #[inline]
    fn touch(&mut self, place: u32) {
        let instrument = &mut self.instruments[place as usize];
        if !instrument.is_touched {
            instrument.is_touched = true;
            self.touched.push(place);
        }
    }

    fn mark_changed(&mut self, place: u32) {
        let instrument = &mut self.instruments[place as usize];
        if !instrument.is_changed {
            instrument.is_changed = true;
            self.changed.push(place);
        }
    }

    #[cold]
    fn contradict(&mut self, place: u32, seq: i64, why: Contradiction) {
        self.counts.contradictions += 1;
        self.distrust(place, seq, Doubt::Contradicted(why));
    }

    /// Takes a book out of use until a snapshot has message `seq`.
    fn distrust(&mut self, place: u32, seq: i64, doubt: Doubt) {
        let instrument = &mut self.instruments[place as usize];
        instrument.book.clear();
        instrument.unsynced = Some(doubt);
        instrument.join_from = instrument.join_from.max(seq + 1);
        self.mark_changed(place);
    }

    fn hold(&mut self, place: u32, seq: i64, change: Change) {
        if self.held.is_full() {
            self.drop_oldest();
        }
        let instrument = &mut self.instruments[place as usize];
        self.held.push(&mut instrument.held, place, seq, change);
        self.counts.held += 1;
    }

    fn drop_oldest(&mut self) {
        let Some((position, oldest)) = self.held.pop() else { return };
        let instrument = &mut self.instruments[oldest.instrument as usize];
        if instrument.held.is_some_and(|chain| chain.starts_at(position)) {
            self.held.take_first(&mut instrument.held);
            instrument.join_from = instrument.join_from.max(oldest.seq + 1);
            self.counts.held_dropped += 1;
        }
    }

    fn define(&mut self, seq: i64, definition: &Definition<'_>) {
        let id = definition.instrument.instrument_id();
        let is_new = self.is_joined && !self.by_id.contains_key(&id);
        let Some(place) = self.place_of(id, seq) else { return };
        let instrument = &mut self.instruments[place as usize];
        instrument.define(&definition.into(), seq);
        if is_new {
            instrument.unsynced = None;
            instrument.snapshot_seq = seq;
            instrument.epoch = self.epoch;
            self.synced_in_epoch += 1;
        }
        self.touch(place);
    }

    /// Whether a snapshot with the incremental messages up to `seq` is of use.
    pub fn wants(&mut self, instrument_id: i64, seq: i64) -> Wanted {
        let Some(join_from) = self.join_from else { return Wanted::TooOld };
        let Some(place) = self.place_of(instrument_id, join_from) else { return Wanted::Unneeded };
        let instrument = &self.instruments[place as usize];
        if instrument.unsynced.is_none() {
            Wanted::Unneeded
        } else if seq < instrument.join_from - 1 {
            Wanted::TooOld
        } else if seq - self.next_seq > WINDOW_MESSAGES {
            Wanted::Unbelievable
        } else {
            Wanted::By(Handle(place))
        }
    }

    /// Makes a snapshot the instrument's book, with the held changes that come after it. `book` becomes
    /// one to fill again. Returns whether the snapshot was of use to the end.
    pub fn install(&mut self, handle: Handle, seq: i64, book: &mut OrderBook, defined: Option<&Defined>) -> bool {
        let place = handle.0;
        let instrument = &mut self.instruments[place as usize];
        if instrument.unsynced.is_none() || seq < instrument.join_from - 1 {
            return false;
        }
        if let Some(defined) = defined {
            instrument.define(defined, seq);
        }
        std::mem::swap(&mut instrument.book, book);
        instrument.book.make_room();
        instrument.unsynced = None;
        instrument.snapshot_seq = seq;
        if instrument.epoch != self.epoch {
            instrument.epoch = self.epoch;
            self.synced_in_epoch += 1;
        }
        if seq >= self.next_seq {
            self.ahead.push(place);
        }
        self.replay(place, seq);
        if self.is_transaction_open {
            // What was held may be a part of it.
            self.touch(place);
        }
        self.mark_changed(place);
        true
    }

    fn replay(&mut self, place: u32, snapshot_seq: i64) {
        let instrument = &mut self.instruments[place as usize];
        while let Some(held) = self.held.take_first(&mut instrument.held) {
            if held.seq <= snapshot_seq {
                self.counts.in_snapshot += 1;
                continue;
            }
            self.counts.replayed += 1;
            if let Err(why) = apply(&mut instrument.book, held.change) {
                return self.contradict(place, held.seq, why);
            }
        }
    }

    /// The venue's round of snapshots ended. Returns whether that made the channel joined.
    pub fn on_cycle_end(&mut self, active_instruments: i32) -> bool {
        let is_complete = usize::try_from(active_instruments).is_ok_and(|active| self.synced_in_epoch >= active);
        let has_joined = is_complete && !self.is_joined && self.join_from.is_some();
        self.is_joined |= has_joined;
        has_joined
    }
}

/// Whether a snapshot is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It makes this instrument's book.
    By(Handle),
    /// The book needs none.
    Unneeded,
    /// Changes after it are missing.
    TooOld,
    /// It claims messages that are too far ahead.
    Unbelievable,
}

#[inline]
fn apply(book: &mut OrderBook, change: Change) -> Result<(), Contradiction> {
    match change {
        Change::Put(side, order) => book.put(side, order),
        Change::Reduce { side, order_id, quantity } => book.reduce(side, order_id, quantity),
        Change::Delete { side, order_id } => book.delete(side, order_id),
    }
}
