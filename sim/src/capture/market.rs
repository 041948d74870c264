//! A small seeded market and the packets that a venue would publish about it.
//!
//! ```text
//!   round of snapshots ─► events … ─► round of snapshots ─► events …
//!   channels 101–103       0 index, 1 perpetual, 2 options, 3 futures
//! ```
//!
//! Books start filled and never cross: a level is taken away when the middle moves past it. When a
//! book changes, the packet holds trades, ticker and book in this order, as the venue's do.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::encode::{
    BookFields, ChangeFields, InstrumentFields, PacketEncoder, SnapshotFields, TickerFields, TradeFields,
};

/// 10 Jun 2024, 06:13:20 UTC.
const START_NS: u64 = 1_718_000_000_000_000_000;
/// 27 Sep 2024, 08:00 UTC.
const EXPIRY_MS: u64 = 1_727_424_000_000;
/// Expiry of perpetuals, as far off as the venue writes it: 1 Jan 3000, 08:00 UTC.
const NEVER_MS: u64 = 32_503_708_800_000;
const INDEX_PRICE: f64 = 60_000.0;
/// Packets between rounds of snapshots.
const SNAPSHOT_INTERVAL_PACKETS: usize = 400;
/// Levels in the first of several parts of a snapshot.
const SNAPSHOT_PART_LEVELS: usize = 6;
const DEPTH_LEVELS: i64 = 8;
const ASK: u8 = 0;
const BID: u8 = 1;

/// A packet, with what a reader should get out of it.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub channel: u16,
    pub packet_seq: u32,
    pub capture_ns: u64,
    pub encoder: PacketEncoder,
    pub notes: Vec<Note>,
}

/// One thing that a message of a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    Message { template: u16 },
    Trades { count: u64 },
    Foreign { schema: u16 },
    Change { instrument_id: u32, prev_change_id: u64, change_id: u64 },
    SnapshotPart { instrument_id: u32, change_id: u64, is_first: bool, is_last: bool },
}

/// Best levels of an instrument, (price in ticks, amount).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedTop {
    /// The instrument.
    pub instrument_id: u32,
    /// Its finest price increment.
    pub tick_size: f64,
    /// Its last change.
    pub change_id: u64,
    /// Highest bid.
    pub best_bid: Option<(i64, f64)>,
    /// Lowest ask.
    pub best_ask: Option<(i64, f64)>,
}

pub(super) struct Feed {
    rng: ChaCha8Rng,
    now_ns: u64,
    index_price: f64,
    trade_id: u64,
    next_seq: BTreeMap<u16, u32>,
    listings: Vec<Listing>,
}

struct Listing {
    fields: InstrumentFields,
    tiers: Vec<(f64, f64)>,
    channel: u16,
    /// Distance of levels, in ticks: the tier's increment.
    step_ticks: i64,
    middle_ticks: i64,
    bids: BTreeMap<i64, f64>,
    asks: BTreeMap<i64, f64>,
    change_id: u64,
    trade_seq: u64,
    last_price: f64,
}

impl Feed {
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut listings = listings();
        for listing in &mut listings {
            listing.fill(&mut rng);
        }
        // Near the wrap, so that every capture of some length crosses it.
        let next_seq = BTreeMap::from([(1, u32::MAX - 40)]);
        Self { rng, now_ns: START_NS, index_price: INDEX_PRICE, trade_id: 100_000, next_seq, listings }
    }

    /// Returns the next `count` packets. No event beyond them happens, so that the books stand as
    /// the packets tell (a round of snapshots cut short changes nothing).
    pub fn packets(&mut self, count: usize) -> Vec<Packet> {
        let mut packets = Vec::with_capacity(count);
        while packets.len() < count {
            self.round_of_snapshots(&mut packets);
            for _ in 0..SNAPSHOT_INTERVAL_PACKETS.min(count.saturating_sub(packets.len())) {
                let packet = self.event();
                packets.push(packet);
            }
        }
        packets.truncate(count);
        packets
    }

    /// Returns the best levels as they are now.
    pub fn tops(&self) -> impl Iterator<Item = ExpectedTop> + '_ {
        self.listings.iter().map(|listing| ExpectedTop {
            instrument_id: listing.fields.instrument_id,
            tick_size: listing.fields.tick_size,
            change_id: listing.change_id,
            best_bid: listing.bids.last_key_value().map(|(ticks, amount)| (*ticks, *amount)),
            best_ask: listing.asks.first_key_value().map(|(ticks, amount)| (*ticks, *amount)),
        })
    }

    fn packet(&mut self, channel: u16) -> Packet {
        self.now_ns += self.rng.random_range(50_000..3_000_000);
        let next_seq = self.next_seq.entry(channel).or_insert(1);
        let packet_seq = *next_seq;
        *next_seq = packet_seq.wrapping_add(1);
        let encoder = PacketEncoder::new(channel, packet_seq);
        Packet { channel, packet_seq, capture_ns: self.now_ns, encoder, notes: Vec::new() }
    }

    fn now_ms(&self) -> u64 {
        self.now_ns / 1_000_000
    }

    fn round_of_snapshots(&mut self, packets: &mut Vec<Packet>) {
        for channel in [1, 3, 2] {
            let mut start = self.packet(channel + 100);
            start.encoder.snapshot_start(10);
            start.note(1005);
            packets.push(start);
            for place in 0..self.listings.len() {
                if self.listings[place].channel == channel {
                    self.snapshot(place, packets);
                }
            }
            let mut end = self.packet(channel + 100);
            end.encoder.snapshot_end();
            end.note(1006);
            packets.push(end);
        }
    }

    /// Definition, ticker and book of one instrument; a large book continues in a second packet.
    fn snapshot(&mut self, place: usize, packets: &mut Vec<Packet>) {
        let channel = self.listings[place].channel + 100;
        let mut packet = self.packet(channel);
        let (now_ms, index_price) = (self.now_ms(), self.index_price);
        let listing = &self.listings[place];
        packet.encoder.instrument(&listing.fields).tiered_instrument(&listing.fields, &listing.tiers);
        packet.encoder.ticker(&listing.ticker(now_ms, index_price));
        packet.note(1000);
        packet.note(1010);
        packet.note(1003);
        let levels = listing.levels();
        let (first, second) = levels.split_at(levels.len().min(SNAPSHOT_PART_LEVELS));
        let mut fields = SnapshotFields {
            instrument_id: listing.fields.instrument_id,
            timestamp_ms: now_ms,
            change_id: listing.change_id,
            is_book_complete: 1,
            is_last_in_book: u8::from(second.is_empty()),
        };
        packet.snapshot_part(&fields, first, true);
        packets.push(packet);
        if !second.is_empty() {
            fields.is_last_in_book = 1;
            let mut packet = self.packet(channel);
            packet.snapshot_part(&fields, second, false);
            packets.push(packet);
        }
    }

    fn event(&mut self) -> Packet {
        match self.rng.random_range(0..100) {
            0..10 => self.index_event(),
            10..12 => self.rare_event(),
            12..40 => self.ticker_event(),
            _ => self.book_event(),
        }
    }

    fn index_event(&mut self) -> Packet {
        self.index_price += f64::from(self.rng.random_range(-8..=8)) / 4.0;
        let mut packet = self.packet(0);
        packet.encoder.price_index("btc_usd", self.index_price, self.now_ms());
        packet.note(1008);
        packet
    }

    fn rare_event(&mut self) -> Packet {
        let mut packet = self.packet(2);
        packet.encoder.rfq(3, 1, 0, 25.0, self.now_ms()).combo_legs(900, &[(3, 1), (5, -1)]);
        packet.note(1009);
        packet.note(1007);
        packet
    }

    fn ticker_event(&mut self) -> Packet {
        let place = self.any_listing();
        let mut packet = self.packet(self.listings[place].channel);
        packet.encoder.ticker(&self.listings[place].ticker(self.now_ms(), self.index_price));
        packet.note(1003);
        packet
    }

    fn book_event(&mut self) -> Packet {
        let place = self.any_listing();
        let mut packet = self.packet(self.listings[place].channel);
        let (now_ms, index_price) = (self.now_ms(), self.index_price);
        let listing = &mut self.listings[place];
        if self.rng.random_bool(0.3) {
            let trades = listing.trade(&mut self.rng, &mut self.trade_id, now_ms, index_price);
            packet.encoder.trades(listing.fields.instrument_id, &trades);
            packet.note(1002);
            packet.notes.push(Note::Trades { count: trades.len() as u64 });
        }
        let changes = listing.change(&mut self.rng);
        packet.encoder.ticker(&listing.ticker(now_ms, index_price));
        packet.note(1003);
        let prev_change_id = listing.change_id;
        listing.change_id += self.rng.random_range(1..4);
        packet.change(listing, prev_change_id, now_ms, &changes);
        packet
    }

    /// The perpetual makes half of the traffic.
    fn any_listing(&mut self) -> usize {
        if self.rng.random_bool(0.5) { 0 } else { self.rng.random_range(1..self.listings.len()) }
    }
}

impl Packet {
    fn note(&mut self, template: u16) {
        self.notes.push(Note::Message { template });
    }

    fn snapshot_part(&mut self, fields: &SnapshotFields, levels: &[(u8, f64, f64)], is_first: bool) {
        self.encoder.snapshot(fields, levels);
        self.note(1004);
        self.notes.push(Note::SnapshotPart {
            instrument_id: fields.instrument_id,
            change_id: fields.change_id,
            is_first,
            is_last: fields.is_last_in_book == 1,
        });
    }

    /// One change; of more than two levels, in two messages.
    fn change(&mut self, listing: &Listing, prev_change_id: u64, timestamp_ms: u64, changes: &[ChangeFields]) {
        let mut fields = BookFields {
            instrument_id: listing.fields.instrument_id,
            timestamp_ms,
            prev_change_id,
            change_id: listing.change_id,
            is_last: u8::from(changes.len() <= 2),
        };
        let (first, second) = changes.split_at(changes.len().min(2));
        self.encoder.book(&fields, first);
        self.note(1001);
        if !second.is_empty() {
            fields.is_last = 1;
            self.encoder.book(&fields, second);
            self.note(1001);
        }
        self.notes.push(Note::Change {
            instrument_id: fields.instrument_id,
            prev_change_id,
            change_id: fields.change_id,
        });
    }
}

impl Listing {
    fn new(fields: InstrumentFields, tiers: Vec<(f64, f64)>, channel: u16, price: f64) -> Self {
        let ticks = |size: f64| (size / fields.tick_size).round() as i64;
        let tier = tiers.iter().rev().find(|(above, _)| price > *above);
        let step_ticks = tier.map_or(1, |(_, tick_size)| ticks(*tick_size));
        let middle_ticks = (ticks(price) / step_ticks).max(2) * step_ticks;
        Self {
            tiers,
            channel,
            step_ticks,
            middle_ticks,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            change_id: 1_000 * u64::from(fields.instrument_id),
            trade_seq: 0,
            last_price: price,
            fields,
        }
    }

    fn price(&self, ticks: i64) -> f64 {
        ticks as f64 * self.fields.tick_size
    }

    fn amount(&self, rng: &mut ChaCha8Rng) -> f64 {
        f64::from(rng.random_range(1..500)) * self.fields.min_trade_amount
    }

    fn fill(&mut self, rng: &mut ChaCha8Rng) {
        for distance in 1..=DEPTH_LEVELS / 2 {
            let (below, above) = self.around(distance);
            let (bid, ask) = (self.amount(rng), self.amount(rng));
            if below > 0 {
                self.bids.insert(below, bid);
            }
            self.asks.insert(above, ask);
        }
    }

    fn around(&self, distance: i64) -> (i64, i64) {
        (self.middle_ticks - distance * self.step_ticks, self.middle_ticks + distance * self.step_ticks)
    }

    /// All levels, best first, the sides mixed.
    fn levels(&self) -> Vec<(u8, f64, f64)> {
        let mut asks = self.asks.iter().map(|(ticks, amount)| (ASK, self.price(*ticks), *amount));
        let mut bids = self.bids.iter().rev().map(|(ticks, amount)| (BID, self.price(*ticks), *amount));
        let mut levels = Vec::new();
        loop {
            match (asks.next(), bids.next()) {
                (None, None) => return levels,
                (ask, bid) => levels.extend(ask.into_iter().chain(bid)),
            }
        }
    }

    fn ticker(&self, timestamp_ms: u64, index_price: f64) -> TickerFields {
        let none = (f64::NAN, 0.0);
        let is_perpetual = self.fields.settlement_period == 0;
        let funding = if is_perpetual { (0.000_01, 0.000_08) } else { (f64::NAN, f64::NAN) };
        let mark_price = self.price(self.middle_ticks);
        TickerFields {
            instrument_id: self.fields.instrument_id,
            state: 1,
            timestamp_ms,
            open_interest: 1_500.0 * self.fields.min_trade_amount,
            min_sell_price: mark_price * 0.985,
            max_buy_price: mark_price * 1.015,
            last_price: self.last_price,
            index_price,
            mark_price,
            best_bid: self.bids.last_key_value().map_or(none, |(ticks, amount)| (self.price(*ticks), *amount)),
            best_ask: self.asks.first_key_value().map_or(none, |(ticks, amount)| (self.price(*ticks), *amount)),
            funding,
            delivery: (index_price, f64::NAN, mark_price),
        }
    }

    fn trade(&mut self, rng: &mut ChaCha8Rng, trade_id: &mut u64, now_ms: u64, index_price: f64) -> Vec<TradeFields> {
        let count = rng.random_range(1..4);
        let is_option = self.fields.kind == 1;
        (0..count)
            .map(|_| {
                let (direction, best) = match rng.random_bool(0.5) {
                    true => (0, self.asks.first_key_value()),
                    false => (1, self.bids.last_key_value()),
                };
                let price = best.map_or(self.last_price, |(ticks, _)| self.price(*ticks));
                self.last_price = price;
                self.trade_seq += 1;
                *trade_id += 1;
                TradeFields {
                    direction,
                    price,
                    amount: self.amount(rng),
                    timestamp_ms: now_ms,
                    mark_price: self.price(self.middle_ticks),
                    index_price,
                    trade_seq: self.trade_seq,
                    trade_id: *trade_id,
                    tick_direction: rng.random_range(0..4),
                    liquidation: 0,
                    iv_percent: if is_option { 55.0 } else { f64::NAN },
                    block_trade_id: 0,
                    combo_trade_id: u64::MAX,
                }
            })
            .collect()
    }

    /// Moves the middle, takes away what it passes, and changes one to three levels.
    fn change(&mut self, rng: &mut ChaCha8Rng) -> Vec<ChangeFields> {
        let moved = self.middle_ticks + rng.random_range(-1..=1) * self.step_ticks;
        self.middle_ticks = moved.max(2 * self.step_ticks);
        let mut changes = Vec::new();
        let passed_bids: Vec<i64> = self.bids.range(self.middle_ticks..).map(|(ticks, _)| *ticks).collect();
        let passed_asks: Vec<i64> = self.asks.range(..=self.middle_ticks).map(|(ticks, _)| *ticks).collect();
        changes.extend(passed_bids.into_iter().map(|ticks| self.set(BID, ticks, None)));
        changes.extend(passed_asks.into_iter().map(|ticks| self.set(ASK, ticks, None)));
        for _ in 0..rng.random_range(1..=3) {
            let (below, above) = self.around(rng.random_range(1..=DEPTH_LEVELS));
            let (side, ticks) = if rng.random_bool(0.5) { (BID, below) } else { (ASK, above) };
            let levels = if side == BID { &self.bids } else { &self.asks };
            let is_removed = levels.len() > 3 && levels.contains_key(&ticks) && rng.random_bool(0.5);
            let amount = (!is_removed).then(|| self.amount(rng));
            if ticks > 0 {
                changes.push(self.set(side, ticks, amount));
            }
        }
        changes
    }

    /// Sets a level's amount, `None` to remove it; returns the change to publish.
    fn set(&mut self, side: u8, ticks: i64, amount: Option<f64>) -> ChangeFields {
        let price = self.price(ticks);
        let levels = if side == BID { &mut self.bids } else { &mut self.asks };
        let action = match amount {
            Some(amount) => u8::from(levels.insert(ticks, amount).is_some()),
            None => {
                levels.remove(&ticks);
                2
            }
        };
        ChangeFields { side, action, price, amount: amount.unwrap_or(0.0) }
    }
}

fn listings() -> Vec<Listing> {
    let future = |instrument_id, name: &str, settlement_period, expiry_ms, tick_size| InstrumentFields {
        instrument_id,
        state: 1,
        kind: 0,
        payoff: 1,
        right: 0,
        rfq: 0,
        settlement_period,
        settlement_period_count: 1,
        currencies: ["BTC", "USD", "USD", "BTC", "USD"].map(String::from),
        creation_ms: START_NS / 1_000_000 - 86_400_000,
        expiry_ms,
        strike: f64::NAN,
        contract_size: 10.0,
        min_trade_amount: 10.0,
        tick_size,
        commissions: [0.0, 0.0005, 0.00025, 0.0075],
        max_leverage: 50.0,
        name: name.to_owned(),
    };
    let mut listings = vec![
        Listing::new(future(1, "BTC-PERPETUAL", 0, NEVER_MS, 0.5), vec![], 1, INDEX_PRICE),
        Listing::new(future(2, "BTC-27SEP24", 5, EXPIRY_MS, 2.5), vec![], 3, 1.02 * INDEX_PRICE),
    ];
    for (place, strike) in [55_000u32, 60_000, 65_000].into_iter().enumerate() {
        for (right, letter) in [(1, "C"), (2, "P")] {
            let mut fields = future(3 + 2 * place as u32 + u32::from(right) - 1, "", 5, EXPIRY_MS, 0.0001);
            fields.kind = 1;
            fields.right = right;
            fields.currencies = ["BTC", "BTC", "USD", "BTC", "BTC"].map(String::from);
            fields.strike = f64::from(strike);
            (fields.contract_size, fields.min_trade_amount) = (1.0, 0.1);
            fields.name = format!("BTC-27SEP24-{strike}-{letter}");
            let price = option_price(f64::from(strike), right == 1);
            listings.push(Listing::new(fields, vec![(0.005, 0.0005)], 2, price));
        }
    }
    listings
}

/// A price in coin of plausible size: intrinsic value and some time value around the money.
fn option_price(strike: f64, is_call: bool) -> f64 {
    let parity = 1.0 - strike / INDEX_PRICE;
    let intrinsic = if is_call { parity } else { -parity }.max(0.0);
    intrinsic + 0.1 * (-(parity / 0.3).powi(2)).exp()
}
