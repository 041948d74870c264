//! A channel and a clock, driven by hand.

use super::venue::CHANNEL;
use super::*;
use wire::{INCREMENTAL, RETRANSMITTED, SNAPSHOT, WHOLE};

/// Where the clock starts, ns since 1970 UTC.
pub const START_NS: u64 = 1_700_000_000_000_000_000;
/// The only instrument of most tests.
pub const ID: i64 = 7;

/// A channel and a clock.
pub struct Desk {
    pub channel: Channel,
    pub now_ns: u64,
    pub snapshot_seq: i64,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(ChannelSettings::new(CHANNEL))
    }

    pub fn with(settings: ChannelSettings) -> Self {
        Self { channel: Channel::new(settings), now_ns: START_NS, snapshot_seq: 1 }
    }

    /// A channel at `seq` whose one book has a bid at 99 (order 1) and an ask at 101 (order 2).
    pub fn live(seq: i64) -> Self {
        Self::live_with(ChannelSettings::new(CHANNEL), seq)
    }

    pub fn live_with(settings: ChannelSettings, seq: i64) -> Self {
        let mut desk = Self::with(settings);
        desk.incremental(seq, &[]);
        desk.snapshot(ID, seq - 1);
        desk.cycle_end(1);
        assert_eq!(desk.channel.state(), ChannelState::Live);
        assert_eq!(desk.touch(), Ok((99, 101)));
        desk
    }

    pub fn give(&mut self, source: Source, bytes: &[u8]) {
        self.channel.on_datagram(source, bytes, self.now_ns, &mut ());
    }

    pub fn incremental(&mut self, seq: i64, bodies: &[Body]) {
        let bodies: Vec<_> = bodies.iter().map(|body| (body.clone(), WHOLE)).collect();
        let bytes = packet(INCREMENTAL, CHANNEL, seq, self.now_ns as i64, &bodies);
        self.give(Source::A, &bytes);
    }

    pub fn flagged(&mut self, seq: i64, bodies: &[(Body, u16)]) {
        let bytes = packet(INCREMENTAL, CHANNEL, seq, self.now_ns as i64, bodies);
        self.give(Source::B, &bytes);
    }

    pub fn retransmitted(&mut self, seq: i64, bodies: &[Body]) {
        let bodies: Vec<_> = bodies.iter().map(|body| (body.clone(), WHOLE)).collect();
        let bytes = packet(RETRANSMITTED, CHANNEL, seq, self.now_ns as i64, &bodies);
        self.give(Source::Unicast, &bytes);
    }

    pub fn snapshot_bodies(&mut self, bodies: Vec<Body>) {
        let bodies: Vec<_> = bodies.into_iter().map(|body| (body, 0)).collect();
        let bytes = packet(SNAPSHOT, CHANNEL, self.snapshot_seq, self.now_ns as i64, &bodies);
        self.snapshot_seq += bodies.len() as i64;
        self.give(Source::A, &bytes);
    }

    pub fn snapshot(&mut self, id: i64, seq: i64) {
        self.snapshot_bodies(vec![
            Body::snapshot_header(id, seq),
            Body::definition(id, 0, &[], &[]),
            Body::put(true, id, 1, 99, 10, 1),
            Body::put(false, id, 2, 101, 10, 2),
            Body::snapshot_trailer(id, seq),
        ]);
    }

    pub fn cycle_end(&mut self, instruments: i32) {
        self.snapshot_bodies(vec![Body::end_of_cycle(instruments)]);
    }

    pub fn pass(&mut self, ns: u64) -> Option<Request> {
        self.now_ns += ns;
        self.channel.poll(self.now_ns, &mut ())
    }

    pub fn touch(&self) -> Result<(i64, i64), Doubt> {
        let handle = self.channel.handle(ID).ok_or(Doubt::UnknownInstrument)?;
        let book = self.channel.book(handle)?;
        let price = |side| book.best(side).map_or(0, |level| level.price);
        Ok((price(Side::Bid), price(Side::Ask)))
    }

    pub fn changed(&mut self) -> usize {
        std::iter::from_fn(|| self.channel.next_changed()).count()
    }
}

pub fn bid(order: i64, price: i64) -> Body {
    Body::put(true, ID, order, price, 10, order)
}

pub fn ask(order: i64, price: i64) -> Body {
    Body::put(false, ID, order, price, 10, order)
}
