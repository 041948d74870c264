//! A made-up flow of changes of one order book, and its packets, for benches.
//!
//! It adds, amends, reduces and deletes orders near the best prices, and ends where it began, so that it can go round.
//! Numbers in the packets are written anew for each round ([`renumber`]).

#[path = "../../tests/starbase_market/wire.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
pub mod wire;

use hedgewire_host::book::Side;
use hedgewire_host::deribit::starbase::market::Order;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wire::{Body, INCREMENTAL, WHOLE, packet};

const SEED: u64 = 77;
/// Changes in a round, about.
const CHANGES: usize = 4096;
/// 1e-9 of the tick.
const TICK: i64 = 500_000_000;

/// A change of the book, as it is made up.
#[derive(Clone, Copy)]
pub enum Change {
    Put(Side, Order),
    Reduce(Side, i64, i64),
    Delete(Side, i64),
}

/// The best prices around which the flow is, in ticks.
#[derive(Clone, Copy)]
pub struct Touch {
    pub bid: i64,
    pub ask: i64,
}

impl Touch {
    /// The price of a level, counted from the best one on.
    pub fn price(self, side: Side, level: i64) -> i64 {
        let ticks = if side == Side::Bid { self.bid - level } else { self.ask + level };
        ticks * TICK
    }
}

/// Orders that come, change and go, most of them near the best price.
pub fn flow(touch: Touch) -> Vec<Change> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut alive: Vec<(Side, Order)> = Vec::new();
    let mut changes = Vec::new();
    let mut number = 1 << 30;
    while changes.len() < CHANGES || !alive.is_empty() {
        number += 1;
        let is_ending = changes.len() >= CHANGES;
        let level = rng.random_range(0..8i64) * rng.random_range(0..5i64) / 4;
        let roll = rng.random_range(0..10);
        if !is_ending && (alive.len() < 20 || roll < 4) {
            let side = if rng.random_bool(0.5) { Side::Bid } else { Side::Ask };
            let price = touch.price(side, level);
            let order = Order { order_id: number << 20, price, sort_order_id: number, quantity: 10 };
            alive.push((side, order));
            changes.push(Change::Put(side, order));
            continue;
        }
        let place = rng.random_range(0..alive.len());
        let (side, order) = &mut alive[place];
        match roll {
            4..6 if !is_ending => {
                (order.price, order.sort_order_id) = (touch.price(*side, level), number);
                changes.push(Change::Put(*side, *order));
            }
            6 if !is_ending && order.quantity > 1 => {
                order.quantity -= 1;
                changes.push(Change::Reduce(*side, order.order_id, order.quantity));
            }
            _ => {
                let (side, order) = alive.swap_remove(place);
                changes.push(Change::Delete(side, order.order_id));
            }
        }
    }
    changes
}

/// A change as a message about an instrument.
pub fn body(change: &Change, instrument_id: i64) -> Body {
    match *change {
        Change::Put(side, order) => {
            let Order { order_id, price, sort_order_id, quantity } = order;
            Body::put(side == Side::Bid, instrument_id, order_id, price, quantity, sort_order_id)
        }
        Change::Reduce(side, order_id, quantity) => Body::reduce(side == Side::Bid, instrument_id, order_id, quantity),
        Change::Delete(side, order_id) => Body::delete(side == Side::Bid, instrument_id, order_id),
    }
}

/// The flow as packets of so many messages, each a transaction.
pub fn packets(flow: &[Change], channel_id: i32, instrument_id: i64, messages: usize) -> Vec<Vec<u8>> {
    flow.chunks(messages)
        .map(|changes| {
            let bodies: Vec<_> = changes.iter().map(|change| (body(change, instrument_id), WHOLE)).collect();
            packet(INCREMENTAL, channel_id, 1, 1, &bodies)
        })
        .collect()
}

/// Gives a packet its number; returns the next packet's.
pub fn renumber(packet: &mut [u8], seq: i64) -> i64 {
    packet[8..16].copy_from_slice(&seq.to_le_bytes());
    seq + i64::from(u16::from_le_bytes([packet[22], packet[23]]))
}
