//! A small venue: seeded order flow, two lines, a snapshot channel, a retransmit gateway, and their faults.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::wire::{INCREMENTAL, REJECT, RETRANSMITTED, SNAPSHOT};
use super::*;

/// The channel of all tests.
pub const CHANNEL: i32 = 44_853;
/// Most bytes of a packet.
const PACKET_BYTES_MAX: usize = 1400;

/// A body's `i64` at an offset, by hand.
fn number(body: &Body, at: usize) -> i64 {
    i64::from_le_bytes(body.bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Books by instrument, fed with every message: what all others are compared with.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    pub books: BTreeMap<i64, NaiveBook>,
    pub statuses: BTreeMap<i64, u8>,
}

impl Follower {
    pub fn apply(&mut self, body: &Body) {
        let side = if body.template.is_multiple_of(2) { Side::Bid } else { Side::Ask };
        let applied = match body.template {
            10 => {
                self.books.entry(number(body, 0)).or_default();
                self.statuses.insert(number(body, 0), body.bytes[259]);
                Ok(())
            }
            16 => {
                self.statuses.insert(number(body, 0), body.bytes[8]);
                Ok(())
            }
            20 | 21 => self.books.entry(number(body, 8)).or_default().put(
                side,
                Order {
                    order_id: number(body, 0),
                    price: number(body, 24),
                    sort_order_id: number(body, 32),
                    quantity: number(body, 16),
                },
            ),
            22 | 23 => self.books.entry(number(body, 8)).or_default().reduce(side, number(body, 0), number(body, 16)),
            24 | 25 => self.books.entry(number(body, 8)).or_default().delete(side, number(body, 0)),
            _ => Ok(()),
        };
        applied.expect("the venue does not contradict itself");
    }
}

/// The venue.
pub struct Venue {
    pub rng: ChaCha8Rng,
    pub instruments: Vec<i64>,
    pub state: Follower,
    /// Number of the first message.
    pub first_seq: i64,
    /// Every message since, with its flags.
    pub history: Vec<(Body, u16)>,
    next_order: i64,
    snapshot_seq: i64,
    /// The instrument whose snapshot is next; their number for the end of the cycle.
    snapshot_next: usize,
}

impl Venue {
    pub fn new(seed: u64, instruments: usize, first_seq: i64) -> Self {
        let instruments: Vec<i64> = (0..instruments as i64).map(|number| 500_000 + (number << 20)).collect();
        let mut state = Follower::default();
        for id in &instruments {
            state.apply(&Body::definition(*id, 0, &[], &[]));
        }
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            instruments,
            state,
            first_seq,
            history: Vec::new(),
            next_order: 1 << 40,
            snapshot_seq: 1,
            snapshot_next: 0,
        }
    }

    pub fn next_seq(&self) -> i64 {
        self.first_seq + self.history.len() as i64
    }

    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.rng.random_range(0..1000) < per_mille
    }

    /// Counts afresh from `seq`, as after a restart; orders stay.
    pub fn restart(&mut self, seq: i64) {
        self.first_seq = seq;
        self.history.clear();
    }

    /// Lists an instrument, by its definition alone.
    pub fn list(&mut self, id: i64) {
        self.instruments.push(id);
        self.say(vec![Body::definition(id, 0, &[], &[])]);
    }

    /// Sends messages as one transaction.
    pub fn say(&mut self, bodies: Vec<Body>) {
        let last = bodies.len() - 1;
        for (place, body) in bodies.into_iter().enumerate() {
            self.state.apply(&body);
            let flags = u16::from(place == 0) | u16::from(place == last) << 1;
            self.history.push((body, flags));
        }
    }

    /// A random transaction.
    pub fn trade(&mut self) {
        let count = self.rng.random_range(1..=5);
        let mut bodies = Vec::new();
        let mut state = self.state.clone();
        for _ in 0..count {
            let body = self.random_change(&state);
            state.apply(&body);
            bodies.push(body);
        }
        self.say(bodies);
    }

    fn random_change(&mut self, state: &Follower) -> Body {
        let id = self.instruments[self.rng.random_range(0..self.instruments.len())];
        let is_bid = self.rng.random_bool(0.5);
        let orders = state.books[&id].side(if is_bid { Side::Bid } else { Side::Ask });
        let price = if is_bid { self.rng.random_range(980..=999) } else { self.rng.random_range(1001..=1020) };
        let quantity = self.rng.random_range(1..=50);
        self.next_order += 1 + self.rng.random_range(0..3);
        let kind = self.rng.random_range(0..100);
        if kind < 8 {
            return Body::info(id, 1000);
        }
        if kind < 10 {
            return Body::status(id, if self.rng.random_bool(0.7) { 0 } else { 5 });
        }
        if orders.is_empty() || (kind < 45 && orders.len() < 12) {
            // Numbers of many zero bits, as the venue's are; places that are not in order of arrival.
            let sort = self.next_order - self.rng.random_range(0..4);
            return Body::put(is_bid, id, self.next_order << 20, price, quantity, sort);
        }
        let order = orders[self.rng.random_range(0..orders.len())];
        let less = self.rng.random_range(1..=order.quantity);
        match kind {
            0..60 => Body::put(is_bid, id, order.order_id, price, quantity, self.next_order),
            60..70 => Body::put(is_bid, id, order.order_id, order.price, less, order.sort_order_id),
            70..80 => Body::reduce(is_bid, id, order.order_id, less),
            _ => Body::delete(is_bid, id, order.order_id),
        }
    }

    /// The messages from `seq` on as packets of random sizes.
    pub fn packets(&mut self, mut seq: i64, sending_time: i64) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        while seq < self.next_seq() {
            let start = (seq - self.first_seq) as usize;
            let count = self.rng.random_range(1..=4).min(self.history.len() - start);
            packets.push(packet(INCREMENTAL, CHANNEL, seq, sending_time, &self.history[start..start + count]));
            seq += count as i64;
        }
        packets
    }

    pub fn heartbeat(&self, sending_time: i64) -> Vec<u8> {
        packet(INCREMENTAL, CHANNEL, self.next_seq(), sending_time, &[])
    }

    /// Begins the snapshot cycle again, and the numbers of its channel if asked to.
    pub fn restart_cycle(&mut self, seq: Option<i64>) {
        self.snapshot_next = 0;
        self.snapshot_seq = seq.unwrap_or(self.snapshot_seq);
    }

    /// The next instrument's snapshot, or the end of the cycle, as packets.
    pub fn snapshot(&mut self, sending_time: i64) -> Vec<Vec<u8>> {
        let Some(&id) = self.instruments.get(self.snapshot_next) else {
            self.snapshot_next = 0;
            return self.snapshot_packets(vec![Body::end_of_cycle(self.instruments.len() as i32)], sending_time);
        };
        self.snapshot_next += 1;
        let seq = self.next_seq() - 1;
        let status = self.state.statuses[&id];
        let mut bodies = vec![Body::snapshot_header(id, seq), Body::definition(id, status, &[], &[])];
        bodies.push(Body::info(id, 1000));
        let book = &self.state.books[&id];
        for (is_bid, orders) in [(true, &book.bids), (false, &book.asks)] {
            bodies.extend(
                orders.iter().map(|order| {
                    Body::put(is_bid, id, order.order_id, order.price, order.quantity, order.sort_order_id)
                }),
            );
        }
        bodies.push(Body::snapshot_trailer(id, seq));
        self.snapshot_packets(bodies, sending_time)
    }

    fn snapshot_packets(&mut self, bodies: Vec<Body>, sending_time: i64) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for chunk in bodies.chunks(4) {
            let messages: Vec<_> = chunk.iter().map(|body| (body.clone(), 0)).collect();
            packets.push(packet(SNAPSHOT, CHANNEL, self.snapshot_seq, sending_time, &messages));
            self.snapshot_seq += chunk.len() as i64;
        }
        packets
    }

    /// The gateway's answer to a request. It has the last `cached` messages.
    pub fn answer(&self, request: &[u8], cached: usize, sending_time: i64) -> Vec<u8> {
        let (correlation, begin, count) = read_request(request);
        let oldest = self.next_seq() - cached.min(self.history.len()) as i64;
        if begin < oldest {
            return reject(correlation, 1, 0);
        }
        if begin >= self.next_seq() {
            return reject(correlation, 2, 1_000_000);
        }
        let start = (begin - self.first_seq) as usize;
        let mut bytes = 24;
        let fitting = self.history[start..].iter().take(usize::from(count)).take_while(|(body, flags)| {
            bytes += body.message(1, *flags).len();
            bytes <= PACKET_BYTES_MAX
        });
        let messages: Vec<_> = fitting.cloned().collect();
        packet(RETRANSMITTED, CHANNEL, begin, sending_time, &messages)
    }
}

/// A rejection.
pub fn reject(correlation: i64, reason: u8, retry_delay_ns: i64) -> Vec<u8> {
    packet(REJECT, CHANNEL, correlation, 1, &[(Body::reject(reason, retry_delay_ns), 3)])
}

/// Correlation, first number and count of a request, by hand.
pub fn read_request(request: &[u8]) -> (i64, i64, u8) {
    assert_eq!(request.len(), 56);
    assert_eq!(request[16..20], CHANNEL.to_le_bytes());
    assert_eq!(request[20..24], [4, 0, 1, 0], "a retransmit packet of one message");
    assert_eq!(request[24..32], [32, 0, 200, 0, 1, 0, 0, 0], "template 200, 32 bytes");
    let number = |at: usize| i64::from_le_bytes(request[at..at + 8].try_into().expect("eight bytes"));
    (number(8), number(40), request[48])
}
