//! Starbase market data: what a message costs from the wire to its book.
//!
//! ```text
//!   market/decode    packet -> messages, every field that a book needs read        budget 60 ns a message
//!   market/book      change -> order book of 300 orders, by sort number            budget 100 ns a change
//!   market/channel   datagram -> order, decoding, transaction, book, trust         budget 160 ns a message
//! ```
//!
//! Each is per message, with one message in a packet and with eight. A regression in `decode` means a length checked
//! twice or a field copied; in `book` a search through more than the near levels, a longer chain in the index or an
//! allocation; in `channel` that arbitration, counting or trust grew. Everything is measured on the CPU, caches warm.
//!
//! Numbers in the packets are written anew before each round, outside the timed part.

mod feed;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use feed::wire::{Body, INCREMENTAL, SNAPSHOT, packet};
use feed::{Change, Touch};
use hedgewire_host::book::Side;
use hedgewire_host::deribit::starbase::market::{
    Channel, ChannelSettings, ChannelState, Message, Order, OrderBook, Packet, Source,
};

const CHANNEL: i32 = 1;
const ID: i64 = 317_945;
/// Orders of a side that stay.
const RESTING: i64 = 150;
/// Levels that they stand on.
const LEVELS: i64 = 40;
const TOUCH: Touch = Touch { bid: 120_000, ask: 120_001 };

/// The orders that stay.
fn resting() -> Vec<(Side, Order)> {
    let order = |side, number| {
        let first_id = if side == Side::Bid { 1i64 << 40 } else { 1 << 41 };
        let (order_id, price) = (first_id + (number << 20), TOUCH.price(side, number % LEVELS));
        (side, Order { order_id, price, sort_order_id: number, quantity: 100 })
    };
    [Side::Bid, Side::Ask].into_iter().flat_map(|side| (0..RESTING).map(move |number| order(side, number))).collect()
}

/// Time of `operations`, by whole rounds of `per_round`: the median round counts for all, so that rounds in which
/// another process had the core do not.
fn time(operations: u64, per_round: usize, mut round: impl FnMut() -> Duration) -> Duration {
    let per_round = per_round as u64;
    let mut rounds: Vec<Duration> = (0..operations.div_ceil(per_round)).map(|_| round()).collect();
    let middle = rounds.len() / 2;
    rounds.select_nth_unstable(middle).1.mul_f64(operations as f64 / per_round as f64)
}

/// Reads what a book needs of every message.
fn decode(packets: &[Vec<u8>]) -> i64 {
    let mut sum = 0i64;
    for payload in packets {
        let Ok(packet) = Packet::new(payload) else { continue };
        for framed in packet.messages() {
            let Ok(framed) = framed else { continue };
            sum ^= match framed.message {
                Message::Put(_, put) => {
                    put.order_id() ^ put.price().unwrap_or(0) ^ put.quantity_mantissa() ^ put.sort_order_id()
                }
                Message::QuantityReduced(_, reduced) => reduced.order_id() ^ reduced.quantity_mantissa(),
                Message::Delete(_, delete) => delete.order_id() ^ delete.instrument_id(),
                _ => 0,
            };
        }
    }
    sum
}

fn apply(book: &mut OrderBook, change: &Change) {
    let applied = match *change {
        Change::Put(side, order) => book.put(side, order),
        Change::Reduce(side, order_id, quantity) => book.reduce(side, order_id, quantity),
        Change::Delete(side, order_id) => book.delete(side, order_id),
    };
    assert!(applied.is_ok(), "the flow does not contradict itself");
}

/// A live channel with the resting orders.
fn live_channel() -> Channel {
    let mut channel = Channel::new(ChannelSettings::new(CHANNEL));
    channel.on_datagram(Source::A, &packet(INCREMENTAL, CHANNEL, 1, 1, &[]), 1, &mut ());
    let mut bodies = vec![Body::snapshot_header(ID, 0), Body::definition(ID, 0, &[], &[])];
    bodies.extend(resting().iter().map(|(side, order)| feed::body(&Change::Put(*side, *order), ID)));
    bodies.extend([Body::snapshot_trailer(ID, 0), Body::end_of_cycle(1)]);
    let bodies: Vec<_> = bodies.into_iter().map(|body| (body, 0)).collect();
    channel.on_datagram(Source::A, &packet(SNAPSHOT, CHANNEL, 1, 1, &bodies), 1, &mut ());
    assert_eq!(channel.state(), ChannelState::Live);
    channel
}

/// One round through a channel; the touch is read after each packet, as an engine does.
fn channel_round(channel: &mut Channel, packets: &mut [Vec<u8>]) -> Duration {
    let mut seq = channel.expected_seq().expect("it is live");
    for payload in packets.iter_mut() {
        seq = feed::renumber(payload, seq);
    }
    let handle = channel.handle(ID).expect("it is known");
    let mut sum = 0;
    let start = Instant::now();
    for payload in packets.iter() {
        channel.on_datagram(Source::A, payload, 2, &mut ());
        while let Some(changed) = channel.next_changed() {
            let Ok(book) = channel.book(changed) else { continue };
            sum ^= book.best(Side::Bid).map_or(0, |level| level.price ^ level.quantity);
            sum ^= book.best(Side::Ask).map_or(0, |level| level.price ^ level.quantity);
        }
    }
    let elapsed = start.elapsed();
    black_box(sum);
    assert!(channel.book(handle).is_ok());
    elapsed
}

fn all(criterion: &mut Criterion) {
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.into_iter().next_back()) {
        core_affinity::set_for_current(core);
    }
    let flow = feed::flow(TOUCH);
    for messages in [1, 8] {
        let packets = feed::packets(&flow, CHANNEL, ID, messages);
        criterion.bench_function(&format!("market/decode/{messages}"), |bencher| {
            bencher.iter_custom(|operations| {
                time(operations, flow.len(), || {
                    let start = Instant::now();
                    black_box(decode(black_box(&packets)));
                    start.elapsed()
                })
            });
        });
    }
    let mut book = OrderBook::default();
    resting().iter().for_each(|(side, order)| apply(&mut book, &Change::Put(*side, *order)));
    let before = book.clone();
    criterion.bench_function("market/book", |bencher| {
        bencher.iter_custom(|operations| {
            time(operations, flow.len(), || {
                let start = Instant::now();
                flow.iter().for_each(|change| apply(&mut book, black_box(change)));
                start.elapsed()
            })
        });
    });
    assert!(book == before, "a round ends where it began");
    for messages in [1, 8] {
        let mut packets = feed::packets(&flow, CHANNEL, ID, messages);
        let mut channel = live_channel();
        criterion.bench_function(&format!("market/channel/{messages}"), |bencher| {
            bencher
                .iter_custom(|operations| time(operations, flow.len(), || channel_round(&mut channel, &mut packets)));
        });
    }
}

criterion_group! {
    name = market;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = all
}
criterion_main!(market);
