//! The snapshot channel: one instrument's snapshot at a time, put together beside the books.
//!
//! ```text
//!             SnapshotHeader (wanted)        SnapshotTrailer, same instrument and number
//!      Idle ──────────────────────► Staging ──────────────────────────────► book installed ─► Idle
//!       ▲                             │  ▲
//!       │                             │  └─ definition, puts
//!       └── packet lost, another header, end of cycle, contradiction: abandoned
//! ```
//!
//! A cycle is: prices of indices, then each instrument from header to trailer, then `EndOfCycle`. A
//! snapshot that is broken off costs one cycle. Invariant: only a snapshot received from header to
//! trailer without a hole becomes a book.

use super::Observer;
use super::books::{Books, Handle, Wanted};
use super::counts::SnapshotCounts;
use super::error::DecodeError;
use super::instrument::Defined;
use super::layout::{Put, SnapshotHeader, SnapshotTrailer};
use super::message::{Definition, Message};
use super::order_book::{Order, OrderBook};
use super::packet::{Framed, Packet};
use super::sequence::SendingTimes;
use crate::book::Side;

/// An instrument's snapshot being put together.
#[derive(Clone, Copy, Debug)]
struct Staging {
    handle: Handle,
    instrument_id: i64,
    incremental_seq: i64,
    defined: Option<Defined>,
}

/// The snapshot channel.
#[derive(Clone, Debug)]
pub(super) struct Snapshots {
    expected: Option<i64>,
    sent: SendingTimes,
    /// Packets sent before are of another numbering of the incremental channel.
    not_before_ns: i64,
    staging: Option<Staging>,
    /// Orders of the snapshot being put together.
    staged: OrderBook,
    pub counts: SnapshotCounts,
}

impl Snapshots {
    pub fn new() -> Self {
        Self {
            expected: None,
            sent: SendingTimes::default(),
            not_before_ns: i64::MIN,
            staging: None,
            staged: OrderBook::default(),
            counts: SnapshotCounts::default(),
        }
    }

    /// Breaks off what is being put together.
    pub fn abandon(&mut self) {
        self.counts.abandoned += u64::from(self.staging.take().is_some());
    }

    /// The incremental channel counts afresh since `sent_ns`: a snapshot from before would claim messages that
    /// are yet to come.
    pub fn restart(&mut self, sent_ns: i64) {
        self.abandon();
        self.not_before_ns = sent_ns;
    }

    /// Takes a packet. Returns whether the books became complete with it.
    pub fn on_packet(&mut self, packet: &Packet<'_>, books: &mut Books, observer: &mut impl Observer) -> bool {
        if packet.sending_time_ns < self.not_before_ns {
            self.counts.packets_old += 1;
            return false;
        }
        if !self.follows(packet) {
            return false;
        }
        let mut has_joined = false;
        // One number more than there are messages: surplus bytes are told in its place.
        for (seq, message) in (packet.seq..=packet.next_seq()).zip(packet.messages()) {
            if seq < self.expected.unwrap_or(seq) {
                continue;
            }
            match message {
                Ok(framed) => {
                    has_joined |= self.on_message(&framed, books);
                    observer.on_snapshot(&framed);
                }
                Err(error) => self.on_error(packet, &error, observer),
            }
        }
        self.expected = Some(packet.next_seq());
        self.sent.observe(packet.next_seq(), packet.sending_time_ns);
        has_joined
    }

    /// Whether a packet has something new; what is missing before it breaks the snapshot off.
    fn follows(&mut self, packet: &Packet<'_>) -> bool {
        let Some(expected) = self.expected else {
            self.start(packet);
            return true;
        };
        if packet.next_seq() <= expected && packet.seq < expected {
            if !self.sent.is_restart(packet.seq, packet.sending_time_ns) {
                self.counts.packets_old += 1;
                return false;
            }
            self.counts.resets += 1;
            self.abandon();
            self.start(packet);
            return true;
        }
        if packet.seq > expected {
            self.counts.gaps += 1;
            self.abandon();
            self.expected = Some(packet.seq);
        }
        self.counts.packets += 1;
        true
    }

    fn start(&mut self, packet: &Packet<'_>) {
        self.expected = Some(packet.seq);
        self.sent = SendingTimes::start(packet.seq, packet.sending_time_ns);
        self.counts.packets += 1;
    }

    fn on_error(&mut self, packet: &Packet<'_>, error: &DecodeError, observer: &mut impl Observer) {
        self.abandon();
        observer.on_error(packet.channel_id, error);
    }

    fn on_message(&mut self, framed: &Framed<'_>, books: &mut Books) -> bool {
        match &framed.message {
            Message::SnapshotHeader(header) => self.begin(header, books),
            Message::Definition(definition) => self.define(definition),
            Message::Put(side, put) => self.put(*side, put),
            Message::SnapshotTrailer(trailer) => self.finish(trailer, books),
            Message::UnsortedPut(..) => self.abandon(),
            Message::Unknown(unknown) if unknown.may_change_book() => self.abandon(),
            Message::EndOfCycle(end) => {
                self.abandon();
                self.counts.cycles += 1;
                return books.on_cycle_end(end.active_instrument_count());
            }
            _ => {}
        }
        false
    }

    fn begin(&mut self, header: &SnapshotHeader<'_>, books: &mut Books) {
        self.abandon();
        let (instrument_id, incremental_seq) = (header.instrument_id(), header.incremental_seq_num());
        match books.wants(instrument_id, incremental_seq) {
            Wanted::By(handle) => {
                self.staged.clear();
                self.staging = Some(Staging { handle, instrument_id, incremental_seq, defined: None });
            }
            Wanted::Unneeded => self.counts.unneeded += 1,
            Wanted::TooOld => self.counts.too_old += 1,
            Wanted::Unbelievable => self.counts.contradictory += 1,
        }
    }

    fn define(&mut self, definition: &Definition<'_>) {
        let id = definition.instrument.instrument_id();
        if let Some(staging) = self.staging.as_mut().filter(|staging| staging.instrument_id == id) {
            staging.defined = Some(definition.into());
        }
    }

    fn put(&mut self, side: Side, put: &Put<'_>) {
        let Some(staging) = &self.staging else { return };
        let order = Order {
            order_id: put.order_id(),
            price: put.price().unwrap_or(i64::MIN),
            sort_order_id: put.sort_order_id(),
            quantity: put.quantity_mantissa(),
        };
        // An order twice would hide that one is missing.
        let is_new = self.staged.order(order.order_id).is_none();
        if put.instrument_id() != staging.instrument_id || !is_new || self.staged.put(side, order).is_err() {
            self.contradict();
        }
    }

    fn finish(&mut self, trailer: &SnapshotTrailer<'_>, books: &mut Books) {
        let Some(staging) = self.staging else { return };
        let ends = (trailer.instrument_id(), trailer.increment_seq_num());
        if ends != (staging.instrument_id, staging.incremental_seq) {
            return self.contradict();
        }
        self.staging = None;
        let seq = staging.incremental_seq;
        match books.install(staging.handle, seq, &mut self.staged, staging.defined.as_ref()) {
            true => self.counts.installed += 1,
            false => self.counts.too_old += 1,
        }
    }

    fn contradict(&mut self) {
        self.staging = None;
        self.counts.contradictory += 1;
    }
}
