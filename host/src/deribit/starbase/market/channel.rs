//! One channel, from datagrams to books that may be believed: order, recovery, snapshots, silence.
//!
//! ```text
//!   line A ─┐                                 ┌────────► observer: every message once, in order
//!   line B ─┼─► sequencer ──── in order ──────┴────────► books ──► book(handle): the book, or why not
//!   unicast ┘      │ gap                                   ▲
//!                  ▼                                       │ snapshots
//!            retransmitter ─► Request (poll)       snapshot channel
//!
//!                      first packet                     as many snapshots as instruments
//!       Unstarted ───────────────────► Joining ───────────────────────────────► Live
//!                                       ▲   ▲                                    │
//!                                       │   └──────────── reset, jump ───────────┤
//!                                       │                                        │ messages missing
//!                                       │  given up                              ▼
//!                                       └───────────────────────────────────── Gap ── filled ─► as before
//! ```
//!
//! A gap may open while joining too; silence is beside all of this. Nothing here reads a clock or a
//! socket: callers give datagrams and the time, and send what [`Channel::poll`] asks for. Every change of
//! state is counted and timed ([`ChannelCounts`]).
//!
//! Invariants:
//! * Every message reaches books and observer once and in order, or is counted as lost, and then no book
//!   that it may have changed is believed until a snapshot has it.
//! * The time never runs backwards in what is counted: an earlier one counts as no time.
//! * Bytes never cause a panic, a loop without bound, or memory without bound.

use super::books::{Books, Handle};
use super::counts::{BookCounts, ChannelCounts, GiveUp, LineCounts, RetransmitCounts, SnapshotCounts};
use super::instrument::{Doubt, Instrument};
use super::message::Message;
use super::order_book::OrderBook;
use super::packet::{Framed, Packet};
use super::retransmit::{Action, Request, Retransmitter};
use super::sequence::{Placed, Sequencer};
use super::settings::{ChannelSettings, ChannelState, Observer, Source};
use super::snapshot::Snapshots;

/// The gap that is open.
#[derive(Clone, Copy, Debug)]
struct OpenGap {
    end: i64,
    since_ns: u64,
}

/// One channel.
#[derive(Clone, Debug)]
pub struct Channel {
    settings: ChannelSettings,
    sequencer: Sequencer,
    retransmitter: Retransmitter,
    snapshots: Snapshots,
    books: Books,
    gap: Option<OpenGap>,
    /// Since when snapshots are waited for; `None` once joined.
    joining_since_ns: Option<u64>,
    /// When the last multicast packet came.
    heard_ns: Option<u64>,
    is_silent: bool,
    counts: ChannelCounts,
}

impl Channel {
    /// A channel that has received nothing.
    pub fn new(settings: ChannelSettings) -> Self {
        Self {
            sequencer: Sequencer::new(settings.early_packets_max, settings.early_bytes_max),
            retransmitter: Retransmitter::new(settings.retransmit, settings.channel_id),
            snapshots: Snapshots::new(),
            books: Books::new(settings.instruments_max, settings.held_changes_log2),
            gap: None,
            joining_since_ns: None,
            heard_ns: None,
            is_silent: false,
            counts: ChannelCounts::default(),
            settings,
        }
    }

    /// Takes a datagram that came at `now_ns`, ns since 1970 UTC by the caller's clock.
    pub fn on_datagram(&mut self, source: Source, payload: &[u8], now_ns: u64, observer: &mut impl Observer) {
        let packet = match Packet::new(payload) {
            Ok(packet) => packet,
            Err(error) => {
                self.counts.refused_packets += 1;
                observer.on_error(self.settings.channel_id, &error);
                return;
            }
        };
        if packet.channel_id != self.settings.channel_id {
            self.counts.foreign_packets += 1;
            return;
        }
        match (source, packet.kind.0) {
            (Source::Unicast, 0x05) => self.on_retransmitted(&packet, now_ns, observer),
            (Source::Unicast, 0x00) => self.on_reject(&packet, now_ns, observer),
            (Source::A | Source::B, 0x01) => {
                self.hear(source, now_ns);
                self.on_incremental(source, &packet, now_ns, observer);
            }
            (Source::A | Source::B, 0x02) => {
                // The snapshot channel says nothing about whether the incremental one is alive.
                if let Some(line) = self.line(source) {
                    line.packets += 1;
                }
                if self.snapshots.on_packet(&packet, &mut self.books, observer) {
                    self.on_joined(now_ns);
                }
            }
            _ => self.counts.misplaced_packets += 1,
        }
    }

    /// Does what the time asks for: to be called often, at the latest when a request may be due. Returns a
    /// request to send to the retransmit gateway; at most one is under way.
    pub fn poll(&mut self, now_ns: u64, observer: &mut impl Observer) -> Option<Request> {
        self.watch_silence(now_ns);
        // Each round gives up one gap, so that there are no more rounds than packets held.
        while let Some(gap) = self.sequencer.gap() {
            match self.retransmitter.act(gap, now_ns) {
                Action::Nothing => return None,
                Action::Ask(request) => return Some(request),
                Action::GiveUp(cause) => self.give_up(cause, now_ns, observer),
            }
        }
        None
    }

    /// Returns where the channel is.
    pub fn state(&self) -> ChannelState {
        match (self.sequencer.expected(), self.gap) {
            (None, _) => ChannelState::Unstarted,
            (Some(_), Some(_)) => ChannelState::Gap,
            (Some(_), None) if self.books.is_joined() => ChannelState::Live,
            (Some(_), None) => ChannelState::Joining,
        }
    }

    /// Whether not even a heartbeat came in time.
    pub fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Returns the number of the incremental message expected next.
    pub fn expected_seq(&self) -> Option<i64> {
        self.sequencer.expected()
    }

    /// Returns an instrument's place, by the venue's number for it.
    pub fn handle(&self, instrument_id: i64) -> Option<Handle> {
        self.books.handle(instrument_id)
    }

    /// Returns an instrument, whatever is to be thought of its book.
    pub fn instrument(&self, handle: Handle) -> Option<&Instrument> {
        self.books.get(handle)
    }

    /// Returns every instrument, in the order in which they became known.
    pub fn instruments(&self) -> impl ExactSizeIterator<Item = &Instrument> {
        self.books.iter()
    }

    /// Returns an instrument's book.
    ///
    /// # Errors
    /// [`Doubt`] says why the book may not be believed now.
    #[inline]
    pub fn book(&self, handle: Handle) -> Result<&OrderBook, Doubt> {
        let instrument = self.books.get(handle).ok_or(Doubt::UnknownInstrument)?;
        let doubt = match instrument.unsynced {
            Some(doubt) => Some(doubt),
            None if self.gap.is_some() => Some(Doubt::Gap),
            None if self.is_silent => Some(Doubt::Silent),
            None => self.books.doubt(instrument),
        };
        doubt.map_or(Ok(instrument.book()), Err)
    }

    /// Takes the next instrument whose book, status or trust changed since it was last taken, whole
    /// transactions at a time. A gap, silence and their end change the trust of all and are not told here.
    pub fn next_changed(&mut self) -> Option<Handle> {
        self.books.next_changed()
    }

    /// Returns what happened on the channel.
    pub fn counts(&self) -> &ChannelCounts {
        &self.counts
    }

    /// Returns what happened to books.
    pub fn book_counts(&self) -> &BookCounts {
        &self.books.counts
    }

    /// Returns what happened on the snapshot channel.
    pub fn snapshot_counts(&self) -> &SnapshotCounts {
        &self.snapshots.counts
    }

    /// Returns what happened to requests for retransmission.
    pub fn retransmit_counts(&self) -> &RetransmitCounts {
        &self.retransmitter.counts
    }

    fn line(&mut self, source: Source) -> Option<&mut LineCounts> {
        match source {
            Source::A => Some(&mut self.counts.lines[0]),
            Source::B => Some(&mut self.counts.lines[1]),
            Source::Unicast => None,
        }
    }

    fn hear(&mut self, source: Source, now_ns: u64) {
        if self.is_silent {
            self.is_silent = false;
            let since_ns = self.heard_ns.unwrap_or(now_ns);
            self.counts.silence.add(now_ns.saturating_sub(since_ns));
        }
        self.heard_ns = Some(now_ns);
        if let Some(line) = self.line(source) {
            line.packets += 1;
            line.last_ns = now_ns;
        }
    }

    fn watch_silence(&mut self, now_ns: u64) {
        let Some(heard_ns) = self.heard_ns else { return };
        if !self.is_silent && now_ns.saturating_sub(heard_ns) > self.settings.silence_ns_max {
            self.is_silent = true;
            self.counts.silences += 1;
        }
    }

    #[inline]
    fn on_incremental(&mut self, source: Source, packet: &Packet<'_>, now_ns: u64, observer: &mut impl Observer) {
        if packet.message_count == 0
            && let Some(line) = self.line(source)
        {
            line.heartbeats += 1;
        }
        match self.sequencer.place(packet) {
            Placed::Next => self.deliver_and_drain(source, packet, now_ns, observer),
            Placed::Old => {
                if let Some(line) = self.line(source) {
                    line.packets_old += 1;
                }
            }
            Placed::Ahead => self.hold(source, packet, now_ns, observer),
            Placed::Wild => self.counts.wild_packets += 1,
            Placed::First => {
                self.sequencer.start_at(packet);
                self.books.start(packet.seq);
                self.joining_since_ns = Some(now_ns);
                self.deliver_and_drain(source, packet, now_ns, observer);
            }
            Placed::Jump => self.begin_again(GiveUp::Jump, source, packet, now_ns, observer),
            Placed::Reset => {
                self.counts.resets += 1;
                self.close_gap(now_ns, false);
                self.sequencer.start_at(packet);
                self.books.reset(packet.seq);
                self.snapshots.restart(packet.sending_time_ns);
                self.await_snapshots(now_ns);
                self.deliver_and_drain(source, packet, now_ns, observer);
            }
        }
    }

    /// Goes on at a packet; everything before it is lost.
    fn begin_again(
        &mut self,
        cause: GiveUp,
        source: Source,
        packet: &Packet<'_>,
        now_ns: u64,
        observer: &mut impl Observer,
    ) {
        self.counts.given_up.count(cause);
        let expected = self.sequencer.expected().unwrap_or(packet.seq);
        self.counts.messages_lost += packet.seq.abs_diff(expected);
        self.close_gap(now_ns, false);
        self.sequencer.start_at(packet);
        self.books.lose_before(packet.seq, Doubt::Lost);
        self.await_snapshots(now_ns);
        self.deliver_and_drain(source, packet, now_ns, observer);
    }

    fn on_retransmitted(&mut self, packet: &Packet<'_>, now_ns: u64, observer: &mut impl Observer) {
        if !self.retransmitter.is_asking() {
            // Late, or from before the venue counted afresh.
            self.retransmitter.counts.stray_replies += 1;
            return;
        }
        // One from beyond the gap was not asked for, and is worth nothing before the gap is filled.
        let mut helped = false;
        if self.sequencer.place_again(packet) == Placed::Next {
            let (first, next) = self.deliver(packet, observer);
            self.count_delivered(Source::Unicast, (first, next));
            helped = next > first;
        }
        self.retransmitter.on_reply(helped, now_ns);
        self.drain_and_follow(now_ns, observer);
    }

    fn on_reject(&mut self, packet: &Packet<'_>, now_ns: u64, observer: &mut impl Observer) {
        for message in packet.messages() {
            match message {
                Ok(Framed { message: Message::RetransmitReject(reject), .. }) => {
                    if let Some(cause) = self.retransmitter.on_reject(packet.seq, &reject, now_ns) {
                        self.give_up(cause, now_ns, observer);
                    }
                }
                Ok(_) => self.counts.misplaced_packets += 1,
                Err(error) => observer.on_error(packet.channel_id, &error),
            }
        }
    }

    fn hold(&mut self, source: Source, packet: &Packet<'_>, now_ns: u64, observer: &mut impl Observer) {
        if packet.message_count > 0 {
            match self.sequencer.hold(packet) {
                Some(is_new) => {
                    self.counts.early_packets += u64::from(is_new);
                    if let Some(line) = self.line(source) {
                        line.packets_old += u64::from(!is_new);
                        line.messages_first += if is_new { u64::from(packet.message_count) } else { 0 };
                    }
                }
                None => return self.begin_again(GiveUp::HeldFull, source, packet, now_ns, observer),
            }
        }
        // What it says of its own messages is believed once they are read.
        self.sequencer.know(packet.seq);
        self.follow_gap(now_ns);
    }

    #[inline]
    fn deliver_and_drain(&mut self, source: Source, packet: &Packet<'_>, now_ns: u64, observer: &mut impl Observer) {
        let delivered = self.deliver(packet, observer);
        self.count_delivered(source, delivered);
        self.drain_and_follow(now_ns, observer);
    }

    #[inline]
    fn drain_and_follow(&mut self, now_ns: u64, observer: &mut impl Observer) {
        if self.sequencer.held_packets() > 0 {
            self.drain(observer);
        }
        self.follow_gap(now_ns);
    }

    /// Hands the packet's new messages on. Returns the numbers of the first one and after the last one.
    #[inline]
    fn deliver(&mut self, packet: &Packet<'_>, observer: &mut impl Observer) -> (i64, i64) {
        let first = self.sequencer.expected().unwrap_or(packet.seq);
        let mut next = first;
        let mut known = packet.next_seq();
        // One number more than there are messages: surplus bytes are told in its place.
        for (seq, message) in (packet.seq..=packet.next_seq()).zip(packet.messages()) {
            if seq < next {
                continue;
            }
            self.counts.messages.observe(&message);
            match &message {
                Ok(framed) => {
                    self.books.on_message(seq, framed);
                    observer.on_message(seq, framed);
                }
                Err(error) => {
                    observer.on_error(packet.channel_id, error);
                    if error.fault.loses_rest() {
                        // The count may be wrong too: this message is missing, of those after it nothing is known.
                        known = seq + 1;
                        break;
                    }
                    if seq == packet.next_seq() {
                        break;
                    }
                }
            }
            next = seq + 1;
            self.sequencer.delivered(seq);
        }
        self.sequencer.know(known);
        self.sequencer.observe(packet);
        (first, next)
    }

    #[inline]
    fn count_delivered(&mut self, source: Source, (first, next): (i64, i64)) {
        if let Some(gap) = self.gap {
            let filled = gap.end.min(next).saturating_sub(first).max(0).unsigned_abs();
            match source {
                Source::Unicast => self.counts.messages_retransmitted += filled,
                Source::A | Source::B => self.counts.messages_late += filled,
            }
        }
        if let Some(line) = self.line(source) {
            line.messages_first += first.abs_diff(next);
        }
    }

    /// Delivers held packets as far as they follow.
    fn drain(&mut self, observer: &mut impl Observer) {
        let bytes = self.sequencer.take_held_bytes();
        while let Some(range) = self.sequencer.next_ready() {
            // The bytes were a packet when they were held.
            if let Some(packet) = bytes.get(range).and_then(|payload| Packet::new(payload).ok()) {
                self.deliver(&packet, observer);
            }
        }
        self.sequencer.return_held_bytes(bytes);
    }

    /// Opens and closes the gap as the sequencer sees it.
    #[inline]
    fn follow_gap(&mut self, now_ns: u64) {
        match (self.gap, self.sequencer.gap()) {
            (None, None) => {}
            (None, Some((_, end))) => self.open_gap(end, now_ns),
            (Some(_), None) => self.close_gap(now_ns, true),
            (Some(open), Some((from, end))) if from >= open.end => {
                self.close_gap(now_ns, true);
                self.open_gap(end, now_ns);
            }
            (Some(open), Some((_, end))) => self.gap = Some(OpenGap { end, ..open }),
        }
    }

    #[cold]
    fn open_gap(&mut self, end: i64, now_ns: u64) {
        self.counts.gaps += 1;
        self.gap = Some(OpenGap { end, since_ns: now_ns });
        self.retransmitter.open(now_ns);
    }

    #[cold]
    fn close_gap(&mut self, now_ns: u64, is_filled: bool) {
        let Some(open) = self.gap.take() else { return };
        let times = if is_filled { &mut self.counts.gap_filled } else { &mut self.counts.gap_given_up };
        times.add(now_ns.saturating_sub(open.since_ns));
        self.retransmitter.close();
    }

    /// Passes over the missing messages: books wait for snapshots that have them.
    #[cold]
    fn give_up(&mut self, cause: GiveUp, now_ns: u64, observer: &mut impl Observer) {
        let Some((from, _)) = self.sequencer.gap() else { return };
        let Some(next) = self.sequencer.skip_gap() else { return };
        self.counts.given_up.count(cause);
        self.counts.messages_lost += next.abs_diff(from);
        self.close_gap(now_ns, false);
        self.books.lose_before(next, Doubt::Lost);
        self.await_snapshots(now_ns);
        self.drain_and_follow(now_ns, observer);
    }

    fn await_snapshots(&mut self, now_ns: u64) {
        // A second loss before the snapshots came makes the wait longer, not new.
        self.joining_since_ns.get_or_insert(now_ns);
    }

    fn on_joined(&mut self, now_ns: u64) {
        if let Some(since_ns) = self.joining_since_ns.take() {
            self.counts.joined.add(now_ns.saturating_sub(since_ns));
        }
    }
}
