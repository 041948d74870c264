//! The legacy multicast of the venue: its perpetuals' books by price level, and their tickers.
//!
//! ```text
//!   book changed ──► levels now less levels told ──► ticker, changes ──► channel N, one packet
//!   index moved ───► ticker ───────────────────────────────────────────► channel N
//!   time ──────────► definition, snapshot in parts ────────────────────► channel 100 + N
//! ```
//!
//! Written by the encoder of captures. Books are those of the matching engine, so that both feeds say the same at the
//! same time; what goes wrong with Starbase's lines does not touch this one, which has losses of its own.
//!
//! Invariants: a change names the one before it; the levels told are the levels of the book; a packet has a number.

use std::collections::BTreeMap;

use super::book::{Book, Side};
use super::exchange::Exchange;
use super::instrument::{Instrument, Kind};
use crate::capture::{BookFields, ChangeFields, InstrumentFields, PacketEncoder, SnapshotFields, TickerFields};
use crate::random::Random;

/// Channel of BTC-PERPETUAL, and how far apart those of other coins' perpetuals are.
const FIRST_CHANNEL: u16 = 1;
const CHANNEL_STEP: u16 = 3;
/// Of an event channel to that of its snapshots.
const SNAPSHOT_OFFSET: u16 = 100;
/// Levels and changes of a message: a packet stays below the length of an Ethernet frame.
const LEVELS_MAX: usize = 60;
/// Expiry of perpetuals, as far off as the venue writes it: 1 Jan 3000, 08:00 UTC.
const NEVER_MS: u64 = 32_503_708_800_000;
/// Stream of random numbers for losses.
const STREAM: u64 = 2_000;
const NS_PER_MS: i64 = 1_000_000;
const NANO: f64 = 1e9;
const ASK: u8 = 0;
const BID: u8 = 1;

/// How the legacy feed is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LegacySettings {
    /// Between two rounds of snapshots, ns.
    pub snapshot_cycle_ns: i64,
    /// Packets lost, of 1.
    pub loss: f64,
}

/// What the legacy feed sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LegacyCounts {
    /// Packets of events.
    pub packets: u64,
    /// Packets of snapshots.
    pub snapshot_packets: u64,
    /// Packets of both that were lost.
    pub lost: u64,
}

/// A packet, and whether it is of a snapshot channel.
pub(super) type Packet = (bool, Vec<u8>);

/// A perpetual on the feed.
#[derive(Debug)]
struct Listed {
    instrument: usize,
    channel: u16,
    change_id: u64,
    /// Amounts by side and price, as they were told.
    levels: BTreeMap<(u8, i64), i64>,
    /// Numbers of the next packets, events and snapshots.
    next_seq: [u32; 2],
}

/// The legacy feed.
#[derive(Debug)]
pub(super) struct Legacy {
    settings: LegacySettings,
    listed: Vec<Listed>,
    random: Random,
    due_ns: i64,
    pub counts: LegacyCounts,
}

/// The levels of a book.
fn levels_of(book: &Book) -> BTreeMap<(u8, i64), i64> {
    let mut levels = BTreeMap::new();
    for (side, code) in [(Side::Sell, ASK), (Side::Buy, BID)] {
        for order in book.orders(side) {
            *levels.entry((code, order.price)).or_default() += order.open();
        }
    }
    levels
}

fn price(nano: i64) -> f64 {
    nano as f64 / NANO
}

fn amount(mantissa: i64, instrument: &Instrument) -> f64 {
    mantissa as f64 * 10f64.powi(i32::from(instrument.quantity_exponent))
}

fn ms(now_ns: i64) -> u64 {
    (now_ns / NS_PER_MS).unsigned_abs()
}

/// As the legacy feed says it: open, or not trading for now.
fn state(instrument: &Instrument) -> u8 {
    if instrument.is_open() { 1 } else { 5 }
}

impl Legacy {
    /// A feed that has sent nothing.
    pub fn new(settings: LegacySettings, seed: u64, now_ns: i64, exchange: &Exchange) -> Self {
        let perpetuals = exchange.instruments.iter().enumerate().filter(|(_, i)| i.kind == Kind::Perpetual);
        let listed = perpetuals.zip(0u16..).map(|((instrument, _), place)| Listed {
            instrument,
            channel: FIRST_CHANNEL + CHANNEL_STEP * place,
            change_id: 1,
            levels: levels_of(exchange.book(instrument)),
            next_seq: [1, 1],
        });
        Self {
            settings,
            listed: listed.collect(),
            random: Random::new(seed, STREAM),
            due_ns: now_ns,
            counts: LegacyCounts::default(),
        }
    }

    /// When the next round of snapshots is, ns.
    pub fn deadline_ns(&self) -> i64 {
        self.due_ns
    }

    /// What there is to tell of perpetuals that changed: ticker, then book.
    pub fn changed(&mut self, now_ns: i64, changed: &[usize], exchange: &Exchange) -> Vec<Packet> {
        let mut packets = vec![];
        for place in 0..self.listed.len() {
            let listed = &mut self.listed[place];
            if !changed.contains(&listed.instrument) {
                continue;
            }
            let levels = levels_of(exchange.book(listed.instrument));
            let instrument = &exchange.instruments[listed.instrument];
            let changes = differences(&listed.levels, &levels, instrument);
            let mut packet = listed.packet(false);
            packet.ticker(&ticker(now_ns, instrument, &levels, exchange));
            if !changes.is_empty() {
                let fields = BookFields {
                    instrument_id: instrument_id(instrument),
                    timestamp_ms: ms(now_ns),
                    prev_change_id: listed.change_id,
                    change_id: listed.change_id + 1,
                    is_last: 0,
                };
                let parts = changes.len().div_ceil(LEVELS_MAX);
                for (part, changes) in changes.chunks(LEVELS_MAX).enumerate() {
                    if part > 0 {
                        let next = listed.packet(false);
                        packets.push((false, std::mem::replace(&mut packet, next).finish()));
                    }
                    packet.book(&BookFields { is_last: u8::from(part + 1 == parts), ..fields }, changes);
                }
                listed.change_id += 1;
                listed.levels = levels;
            }
            packets.push((false, packet.finish()));
        }
        self.on_their_way(packets)
    }

    /// The tickers of all perpetuals.
    pub fn tickers(&mut self, now_ns: i64, exchange: &Exchange) -> Vec<Packet> {
        let mut packets = vec![];
        for listed in &mut self.listed {
            let mut packet = listed.packet(false);
            let instrument = &exchange.instruments[listed.instrument];
            packet.ticker(&ticker(now_ns, instrument, &listed.levels, exchange));
            packets.push((false, packet.finish()));
        }
        self.on_their_way(packets)
    }

    /// A round of snapshots.
    pub fn snapshots(&mut self, now_ns: i64, exchange: &Exchange) -> Vec<Packet> {
        self.due_ns = now_ns.saturating_add(self.settings.snapshot_cycle_ns.max(1));
        let mut packets = vec![];
        for listed in &mut self.listed {
            let instrument = &exchange.instruments[listed.instrument];
            let mut packet = listed.packet(true);
            packet.snapshot_start(0).instrument(&definition(instrument, exchange));
            packet.ticker(&ticker(now_ns, instrument, &listed.levels, exchange));
            packets.push((true, packet.finish()));
            let level = |(&(side, at), &quantity): (&(u8, i64), &i64)| (side, price(at), amount(quantity, instrument));
            let levels: Vec<_> = listed.levels.iter().map(level).collect();
            let parts: Vec<&[_]> = if levels.is_empty() { vec![&[]] } else { levels.chunks(LEVELS_MAX).collect() };
            for (part, levels) in parts.iter().enumerate() {
                let fields = SnapshotFields {
                    instrument_id: instrument_id(instrument),
                    timestamp_ms: ms(now_ns),
                    change_id: listed.change_id,
                    is_book_complete: 1,
                    is_last_in_book: u8::from(part + 1 == parts.len()),
                };
                let mut packet = listed.packet(true);
                packet.snapshot(&fields, levels);
                packets.push((true, packet.finish()));
            }
            let mut packet = listed.packet(true);
            packet.snapshot_end();
            packets.push((true, packet.finish()));
        }
        self.on_their_way(packets)
    }

    /// What of it arrives.
    fn on_their_way(&mut self, mut packets: Vec<Packet>) -> Vec<Packet> {
        let snapshots = packets.iter().filter(|(is_snapshot, _)| *is_snapshot).count();
        self.counts.snapshot_packets += snapshots as u64;
        self.counts.packets += (packets.len() - snapshots) as u64;
        let sent = packets.len();
        packets.retain(|_| !self.random.chance(self.settings.loss));
        self.counts.lost += (sent - packets.len()) as u64;
        packets
    }
}

impl Listed {
    fn packet(&mut self, is_snapshot: bool) -> PacketEncoder {
        let seq = &mut self.next_seq[usize::from(is_snapshot)];
        let packet = PacketEncoder::new(self.channel + if is_snapshot { SNAPSHOT_OFFSET } else { 0 }, *seq);
        *seq = seq.wrapping_add(1);
        packet
    }
}

/// The legacy feed has its own numbers for instruments; here they are the same, as far as they fit.
fn instrument_id(instrument: &Instrument) -> u32 {
    u32::try_from(instrument.id).expect("a number of 32 bits")
}

fn differences(
    told: &BTreeMap<(u8, i64), i64>,
    now: &BTreeMap<(u8, i64), i64>,
    instrument: &Instrument,
) -> Vec<ChangeFields> {
    let change = |side, action, at, quantity| ChangeFields {
        side,
        action,
        price: price(at),
        amount: amount(quantity, instrument),
    };
    let gone = told.keys().filter(|key| !now.contains_key(key)).map(|&(side, at)| change(side, 2, at, 0));
    let here = now.iter().filter_map(|(key @ &(side, at), &quantity)| match told.get(key) {
        None => Some(change(side, 0, at, quantity)),
        Some(&before) if before != quantity => Some(change(side, 1, at, quantity)),
        Some(_) => None,
    });
    gone.chain(here).collect()
}

fn ticker(
    now_ns: i64,
    instrument: &Instrument,
    levels: &BTreeMap<(u8, i64), i64>,
    exchange: &Exchange,
) -> TickerFields {
    let best = |level: Option<(&(u8, i64), &i64)>| {
        level.map_or((f64::NAN, f64::NAN), |(&(_, at), &quantity)| (price(at), amount(quantity, instrument)))
    };
    let (low, high) = instrument.band().unwrap_or_default();
    let last_price = exchange.place_of(instrument.id).and_then(|place| exchange.last_price(place));
    TickerFields {
        instrument_id: instrument_id(instrument),
        state: state(instrument),
        timestamp_ms: ms(now_ns),
        open_interest: f64::NAN,
        min_sell_price: price(low),
        max_buy_price: price(high),
        last_price: last_price.map_or(f64::NAN, price),
        index_price: price(exchange.indexes[instrument.index].price),
        mark_price: instrument.mark.map_or(f64::NAN, price),
        best_bid: best(levels.range((BID, i64::MIN)..).next_back()),
        best_ask: best(levels.range(..(BID, i64::MIN)).next()),
        funding: (0.0, 0.0),
        delivery: (f64::NAN, f64::NAN, f64::NAN),
    }
}

fn definition(instrument: &Instrument, exchange: &Exchange) -> InstrumentFields {
    let base = exchange.indexes[instrument.index].name.split('_').next().unwrap_or_default().to_uppercase();
    let settled = if instrument.is_inverse { base.clone() } else { instrument.price_asset.clone() };
    let currencies = [base, instrument.price_asset.clone(), instrument.price_asset.clone(), settled];
    let [base, quote, counter, settlement] = currencies;
    let smallest = amount(instrument.min_quantity, instrument);
    InstrumentFields {
        instrument_id: instrument_id(instrument),
        state: state(instrument),
        kind: 0,
        payoff: if instrument.is_inverse { 1 } else { 2 },
        right: 0,
        rfq: 0,
        settlement_period: 0,
        settlement_period_count: 1,
        currencies: [base, quote, counter, settlement, instrument.quantity_asset.clone()],
        creation_ms: 0,
        expiry_ms: NEVER_MS,
        strike: f64::NAN,
        contract_size: smallest,
        min_trade_amount: smallest,
        tick_size: price(instrument.tick),
        commissions: [0.0; 4],
        max_leverage: 50.0,
        name: instrument.name.clone(),
    }
}
