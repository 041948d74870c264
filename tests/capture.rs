//! Captures, the Deribit legacy decoder and the order book, from bytes to best bid and ask.
//!
//! Golden packets are written by hand from the venue's byte tables and hold in both directions;
//! generated captures compare a whole reading with what was put in; damaged ones must cost what the
//! damage covers and nothing else. The venue's own sample capture is read where it is available.

#[path = "support/real_data.rs"]
mod real_data;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use real_data::real_data;

use hedgewire_host::book::{
    Action, Book, Break, ChangeHeader, ChangeOutcome, HELD_LEVELS_MAX, Level, LevelChange, Shape, Side, SnapshotHeader,
    SnapshotOutcome, Start, Trust,
};
use hedgewire_host::capture::{CaptureError, CaptureFile, Datagrams, Skipped};
use hedgewire_host::deribit::legacy::{
    Applied, Arrival, BookSide, Books, ChannelSequence, DecodeError, Direction, Frame, FramingFault, InstrumentKind,
    InstrumentState, Item, LAYOUTS, LevelAction, Liquidation, Message, MessageCounts, OptionRight, PayoffType,
    SettlementPeriod, TickDirection,
};
use hedgewire_sim::capture::{
    BookFields, CaptureFormat, CaptureWriter, ChangeFields, Expected, Fault, InstrumentFields, MarketCapture,
    PacketEncoder, SnapshotFields, TickerFields, TradeFields, UNKNOWN_SCHEMA, UNKNOWN_TEMPLATE, ethernet_frame,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Seed of the property tests; `HEDGEWIRE_SEED` overrides it.
const SEED: u64 = 0x4844_4757;

fn seed() -> u64 {
    let seed = std::env::var("HEDGEWIRE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    eprintln!("seed={seed} (set HEDGEWIRE_SEED to repeat another)");
    seed
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed()), ..ProptestConfig::default() }
}

/// Everything that reading a capture gave.
struct Reading {
    datagrams: u64,
    counts: MessageCounts,
    channels: BTreeMap<u16, ChannelSequence>,
    books: Books,
    skipped: Skipped,
    error: Option<CaptureError>,
}

impl Reading {
    fn of(capture: &[u8]) -> Self {
        Self::with_books(capture, Books::new(Start::AwaitSnapshot))
    }

    fn with_books(capture: &[u8], books: Books) -> Self {
        let mut reading = Self {
            datagrams: 0,
            counts: MessageCounts::default(),
            channels: BTreeMap::new(),
            books,
            skipped: Skipped::default(),
            error: None,
        };
        let mut datagrams = match Datagrams::from_bytes(capture) {
            Ok(datagrams) => datagrams,
            Err(error) => {
                reading.error = Some(error);
                return reading;
            }
        };
        while let Some(datagram) = datagrams.next() {
            match datagram {
                Ok(datagram) => reading.datagram(datagram.payload),
                Err(error) => reading.error = Some(error),
            }
            assert!(datagrams.position_bytes() <= datagrams.file_bytes());
        }
        reading.skipped = *datagrams.skipped();
        reading
    }

    fn datagram(&mut self, payload: &[u8]) {
        self.datagrams += 1;
        let frame = Frame::new(payload);
        self.counts.observe_frame(&frame);
        let Ok(frame) = frame else { return };
        let arrival = self.channels.entry(frame.channel).or_default().observe(frame.packet_seq);
        self.books.on_arrival(frame.channel, arrival);
        for message in frame.messages() {
            self.counts.observe(&message);
            if let Ok(message) = message {
                self.books.on_message(frame.channel, &message);
            }
        }
    }

    fn sum(&self, count: impl Fn(&ChannelSequence) -> u64) -> u64 {
        self.channels.values().map(count).sum()
    }

    fn book_gaps(&self) -> u64 {
        self.books.iter().map(|(_, book)| book.counts().gaps).sum()
    }

    fn assert_is(&self, expected: &Expected) {
        assert_eq!(self.datagrams, expected.packets);
        assert_eq!(self.counts.framing_errors, 0);
        for template in 1000..=1010 {
            let count = expected.messages.get(&template).copied().unwrap_or(0);
            assert_eq!(self.counts.of(template), count, "messages of template {template}");
        }
        assert_eq!(self.counts.trades, expected.trades);
        assert_eq!(self.counts.unknown_templates, expected.unknown_templates);
        assert_eq!(self.counts.unknown_schemas, expected.unknown_schemas);
        assert_eq!(self.sum(|channel| channel.gaps), expected.gaps);
        assert_eq!(self.sum(|channel| channel.missing_packets), expected.missing_packets);
        assert_eq!(self.sum(|channel| channel.duplicates), expected.duplicates);
        assert_eq!(self.sum(|channel| channel.late_packets), expected.late_packets);
        assert_eq!(self.sum(|channel| channel.restarts), 0);
        assert_eq!(self.book_gaps(), expected.book_gaps);
        assert_eq!(matches!(self.error, Some(CaptureError::Truncated { .. })), expected.is_truncated);
        self.assert_reliable_books_are(expected);
    }

    /// A book that calls itself reliable has the generator's levels.
    fn assert_reliable_books_are(&self, expected: &Expected) {
        for top in &expected.tops {
            let Some(book) = self.books.book(top.instrument_id) else { continue };
            if !book.is_reliable() || book.change_id() != Some(top.change_id) {
                continue;
            }
            let pair = |level: Level| (level.price_ticks, level.amount);
            assert_eq!(book.best_bid().map(pair), top.best_bid, "bid of {}", top.instrument_id);
            assert_eq!(book.best_ask().map(pair), top.best_ask, "ask of {}", top.instrument_id);
            assert_eq!(book.tick_size(), top.tick_size);
            assert_eq!(book.counts().mismatched_levels, 0);
        }
    }

    fn reliable_books(&self) -> usize {
        self.books.iter().filter(|(_, book)| book.is_reliable()).count()
    }
}

fn market(seed: u64, packets: usize, faults: &[Fault]) -> (Vec<u8>, Expected) {
    MarketCapture { seed, packets, faults: faults.to_vec(), format: CaptureFormat::PcapNg }
        .to_bytes()
        .expect("a capture in memory can be written")
}

fn messages(payload: &[u8]) -> Result<Vec<Message<'_>>, DecodeError> {
    Frame::new(payload)?.messages().collect()
}

fn only_message(payload: &[u8]) -> Message<'_> {
    let messages = messages(payload).expect("the packet is well formed");
    assert_eq!(messages.len(), 1);
    messages[0]
}

fn one_packet(encode: impl FnOnce(&mut PacketEncoder)) -> Vec<u8> {
    let mut packet = PacketEncoder::new(1, 7);
    encode(&mut packet);
    packet.finish()
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hex digits")).collect()
}

/// Asserts that the encoder writes `golden` and returns it for the decoder.
fn golden(golden: &str, encode: impl FnOnce(&mut PacketEncoder)) -> Vec<u8> {
    let golden = hex(golden);
    assert_eq!(one_packet(encode), golden);
    golden
}

mod golden_packets {
    use super::*;

    fn fields() -> InstrumentFields {
        InstrumentFields {
            instrument_id: 5,
            state: 1,
            kind: 1,
            payoff: 2,
            right: 2,
            rfq: 1,
            settlement_period: 4,
            settlement_period_count: 3,
            currencies: ["BTC", "USD", "EUR", "ETH", "SOL"].map(String::from),
            creation_ms: 0x0077_6655_4433_2211,
            expiry_ms: 0x0078_6655_4433_2211,
            strike: 60_000.0,
            contract_size: 1.0,
            min_trade_amount: 2.0,
            tick_size: 0.5,
            commissions: [3.0, 4.0, 5.0, 6.0],
            max_leverage: f64::NAN,
            name: "BTC-PERPETUAL".to_owned(),
        }
    }

    fn assert_definition(message: &Message<'_>) {
        let definition = message.definition().expect("an instrument");
        assert_eq!((definition.instrument_id, definition.name), (5, "BTC-PERPETUAL"));
        assert_eq!(definition.state, InstrumentState::Open);
        assert_eq!(definition.kind, InstrumentKind::Option);
        assert_eq!(definition.payoff, PayoffType::Linear);
        assert_eq!(definition.right, OptionRight::Put);
        assert_eq!(definition.settlement_period, SettlementPeriod::Week);
        assert_eq!(definition.base_currency.as_str(), Some("BTC"));
        assert_eq!(definition.quote_currency.as_str(), Some("USD"));
        assert_eq!(definition.settlement_currency.as_str(), Some("ETH"));
        assert_eq!(definition.size_currency.as_str(), Some("SOL"));
        assert_eq!(definition.expiry_ms, 0x0078_6655_4433_2211);
        assert_eq!(definition.strike, Some(60_000.0));
        assert_eq!(definition.contract_size, Some(1.0));
        assert_eq!(definition.min_trade_amount, Some(2.0));
        assert_eq!(definition.tick_size, Some(0.5));
        assert_eq!(definition.maker_commission, Some(3.0));
        assert_eq!(definition.taker_commission, Some(4.0));
    }

    #[test]
    fn instrument_is_template_1000() {
        let packet = golden(
            "a6 00 01 00 07 00 00 00
             8c 00 e8 03 01 00 02 00 00 00 01 00
             05 00 00 00 01 01 02 02 01 04 03 00
             42 54 43 00 00 00 00 00 55 53 44 00 00 00 00 00 45 55 52 00 00 00 00 00
             45 54 48 00 00 00 00 00 53 4f 4c 00 00 00 00 00
             11 22 33 44 55 66 77 00 11 22 33 44 55 66 78 00
             00 00 00 00 00 4c ed 40 00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 40
             00 00 00 00 00 00 e0 3f 00 00 00 00 00 00 08 40 00 00 00 00 00 00 10 40
             00 00 00 00 00 00 14 40 00 00 00 00 00 00 18 40 00 00 00 00 00 00 f8 7f
             0d 42 54 43 2d 50 45 52 50 45 54 55 41 4c",
            |packet| {
                packet.instrument(&fields());
            },
        );
        let message = only_message(&packet);
        assert_definition(&message);
        let Message::Instrument(instrument) = message else { panic!("{message:?}") };
        assert!(instrument.has_rfq());
        assert_eq!(instrument.settlement_period_count(), 3);
        assert_eq!(instrument.counter_currency().as_str(), Some("EUR"));
        assert_eq!(instrument.creation_ms(), 0x0077_6655_4433_2211);
        assert_eq!(instrument.block_trade_commission(), Some(5.0));
        assert_eq!(instrument.max_liquidation_commission(), Some(6.0));
        assert_eq!(instrument.max_leverage(), None);
    }

    #[test]
    fn tiered_instrument_is_template_1010() {
        let packet = golden(
            "bd 00 01 00 07 00 00 00
             8b 00 f2 03 01 00 03 00 01 00 01 00
             05 00 00 00 01 01 02 02 04 03 00
             42 54 43 00 00 00 00 00 55 53 44 00 00 00 00 00 45 55 52 00 00 00 00 00
             45 54 48 00 00 00 00 00 53 4f 4c 00 00 00 00 00
             11 22 33 44 55 66 77 00 11 22 33 44 55 66 78 00
             00 00 00 00 00 4c ed 40 00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 40
             00 00 00 00 00 00 e0 3f 00 00 00 00 00 00 08 40 00 00 00 00 00 00 10 40
             00 00 00 00 00 00 14 40 00 00 00 00 00 00 18 40 00 00 00 00 00 00 f8 7f
             10 00 01 00 00 00 00 00
             00 00 00 00 00 00 24 40 00 00 00 00 00 00 f8 3f
             0d 42 54 43 2d 50 45 52 50 45 54 55 41 4c",
            |packet| {
                packet.tiered_instrument(&fields(), &[(10.0, 1.5)]);
            },
        );
        let message = only_message(&packet);
        assert_definition(&message);
        let Message::TieredInstrument(instrument) = message else { panic!("{message:?}") };
        assert_eq!(instrument.settlement_period_count(), 3);
        assert_eq!(instrument.counter_currency().as_str(), Some("EUR"));
        assert_eq!(instrument.creation_ms(), 0x0077_6655_4433_2211);
        assert_eq!(instrument.block_trade_commission(), Some(5.0));
        assert_eq!(instrument.max_liquidation_commission(), Some(6.0));
        assert_eq!(instrument.max_leverage(), None);
        let tiers: Vec<_> = instrument.tick_tiers().map(|tier| (tier.above_price(), tier.tick_size())).collect();
        assert_eq!(tiers, [(Some(10.0), Some(1.5))]);
    }

    #[test]
    fn book_update_is_template_1001() {
        let packet = golden(
            "55 00 01 00 07 00 00 00
             1d 00 e9 03 01 00 02 00 01 00 00 00
             05 00 00 00 11 22 33 44 55 66 77 00
             0a 00 00 00 00 00 00 01 0b 00 00 00 00 00 00 01 01
             12 00 02 00 00 00 00 00
             01 00 00 00 00 00 00 4c ed 40 00 00 00 00 00 00 24 40
             00 02 00 00 00 00 10 4c ed 40 00 00 00 00 00 00 00 00",
            |packet| {
                let fields = BookFields {
                    instrument_id: 5,
                    timestamp_ms: 0x0077_6655_4433_2211,
                    prev_change_id: 0x0100_0000_0000_000a,
                    change_id: 0x0100_0000_0000_000b,
                    is_last: 1,
                };
                let bid = ChangeFields { side: 1, action: 0, price: 60_000.0, amount: 10.0 };
                let ask = ChangeFields { side: 0, action: 2, price: 60_000.5, amount: 0.0 };
                packet.book(&fields, &[bid, ask]);
            },
        );
        let Message::Book(update) = only_message(&packet) else { panic!() };
        assert_eq!(update.instrument_id(), 5);
        assert_eq!(update.timestamp_ms(), 0x0077_6655_4433_2211);
        assert_eq!(update.prev_change_id(), 0x0100_0000_0000_000a);
        assert_eq!(update.change_id(), 0x0100_0000_0000_000b);
        assert!(update.is_last());
        let changes: Vec<_> =
            update.changes().map(|change| (change.side(), change.action(), change.price(), change.amount())).collect();
        assert_eq!(
            changes,
            [
                (BookSide::Bid, LevelAction::Created, Some(60_000.0), Some(10.0)),
                (BookSide::Ask, LevelAction::Deleted, Some(60_000.5), Some(0.0)),
            ]
        );
    }

    #[test]
    fn trades_are_template_1002() {
        let packet = golden(
            "6b 00 01 00 07 00 00 00
             04 00 ea 03 01 00 02 00 01 00 00 00
             05 00 00 00
             53 00 01 00 00 00 00 00
             01
             00 00 00 00 00 4c ed 40 00 00 00 00 00 00 24 40 11 22 33 44 55 66 77 00
             00 00 00 00 00 00 08 40 00 00 00 00 00 00 10 40
             0c 00 00 00 00 00 00 02 0d 00 00 00 00 00 00 03
             02 03
             00 00 00 00 00 80 4b 40
             ff ff ff ff ff ff ff ff 0e 00 00 00 00 00 00 04",
            |packet| {
                let trade = TradeFields {
                    direction: 1,
                    price: 60_000.0,
                    amount: 10.0,
                    timestamp_ms: 0x0077_6655_4433_2211,
                    mark_price: 3.0,
                    index_price: 4.0,
                    trade_seq: 0x0200_0000_0000_000c,
                    trade_id: 0x0300_0000_0000_000d,
                    tick_direction: 2,
                    liquidation: 3,
                    iv_percent: 55.0,
                    block_trade_id: u64::MAX,
                    combo_trade_id: 0x0400_0000_0000_000e,
                };
                packet.trades(5, &[trade]);
            },
        );
        let Message::Trades(trades) = only_message(&packet) else { panic!() };
        assert_eq!((trades.instrument_id(), trades.trades().len()), (5, 1));
        let trade = trades.trades().next().expect("one trade");
        assert_eq!(trade.direction(), Direction::Sell);
        assert_eq!((trade.price(), trade.amount()), (Some(60_000.0), Some(10.0)));
        assert_eq!(trade.timestamp_ms(), 0x0077_6655_4433_2211);
        assert_eq!((trade.mark_price(), trade.index_price()), (Some(3.0), Some(4.0)));
        assert_eq!((trade.trade_seq(), trade.trade_id()), (0x0200_0000_0000_000c, 0x0300_0000_0000_000d));
        assert_eq!(trade.tick_direction(), TickDirection::Minus);
        assert_eq!(trade.liquidation(), Liquidation::Both);
        assert_eq!(trade.iv_percent(), Some(55.0));
        assert_eq!(trade.block_trade_id(), None);
        assert_eq!(trade.combo_trade_id(), Some(0x0400_0000_0000_000e));
    }

    #[test]
    fn ticker_is_template_1003() {
        let packet = golden(
            "91 00 01 00 07 00 00 00
             85 00 eb 03 01 00 02 00 00 00 00 00
             05 00 00 00 06 11 22 33 44 55 66 77 00
             00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 40 00 00 00 00 00 00 08 40
             00 00 00 00 00 00 10 40 00 00 00 00 00 00 14 40 00 00 00 00 00 00 18 40
             00 00 00 00 00 00 1c 40 00 00 00 00 00 00 20 40 00 00 00 00 00 00 22 40
             00 00 00 00 00 00 24 40 00 00 00 00 00 00 26 40 00 00 00 00 00 00 28 40
             00 00 00 00 00 00 2a 40 00 00 00 00 00 00 2c 40 00 00 00 00 00 00 2e 40",
            |packet| {
                packet.ticker(&TickerFields {
                    instrument_id: 5,
                    state: 6,
                    timestamp_ms: 0x0077_6655_4433_2211,
                    open_interest: 1.0,
                    min_sell_price: 2.0,
                    max_buy_price: 3.0,
                    last_price: 4.0,
                    index_price: 5.0,
                    mark_price: 6.0,
                    best_bid: (7.0, 8.0),
                    best_ask: (9.0, 10.0),
                    funding: (11.0, 12.0),
                    delivery: (13.0, 14.0, 15.0),
                });
            },
        );
        let Message::Ticker(ticker) = only_message(&packet) else { panic!() };
        assert_eq!((ticker.instrument_id(), ticker.state()), (5, InstrumentState::Started));
        assert_eq!(ticker.timestamp_ms(), 0x0077_6655_4433_2211);
        let values = [
            ticker.open_interest(),
            ticker.min_sell_price(),
            ticker.max_buy_price(),
            ticker.last_price(),
            ticker.index_price(),
            ticker.mark_price(),
            ticker.best_bid_price(),
            ticker.best_bid_amount(),
            ticker.best_ask_price(),
            ticker.best_ask_amount(),
            ticker.current_funding(),
            ticker.funding_8h(),
            ticker.estimated_delivery_price(),
            ticker.delivery_price(),
            ticker.settlement_price(),
        ];
        assert_eq!(values, std::array::from_fn(|index| Some(index as f64 + 1.0)));
    }

    #[test]
    fn book_snapshot_is_template_1004() {
        let packet = golden(
            "4c 00 01 00 07 00 00 00
             16 00 ec 03 01 00 02 00 01 00 00 00
             05 00 00 00 11 22 33 44 55 66 77 00 0b 00 00 00 00 00 00 01 01 00
             11 00 02 00 00 00 00 00
             00 00 00 00 00 10 4c ed 40 00 00 00 00 00 00 24 40
             01 00 00 00 00 00 4c ed 40 00 00 00 00 00 00 08 40",
            |packet| {
                let fields = SnapshotFields {
                    instrument_id: 5,
                    timestamp_ms: 0x0077_6655_4433_2211,
                    change_id: 0x0100_0000_0000_000b,
                    is_book_complete: 1,
                    is_last_in_book: 0,
                };
                packet.snapshot(&fields, &[(0, 60_000.5, 10.0), (1, 60_000.0, 3.0)]);
            },
        );
        let Message::Snapshot(snapshot) = only_message(&packet) else { panic!() };
        assert_eq!((snapshot.instrument_id(), snapshot.change_id()), (5, 0x0100_0000_0000_000b));
        assert_eq!(snapshot.timestamp_ms(), 0x0077_6655_4433_2211);
        assert!(snapshot.is_book_complete());
        assert!(!snapshot.is_last_in_book());
        let levels: Vec<_> = snapshot.levels().map(|level| (level.side(), level.price(), level.amount())).collect();
        assert_eq!(levels, [(BookSide::Ask, Some(60_000.5), Some(10.0)), (BookSide::Bid, Some(60_000.0), Some(3.0))]);
    }

    #[test]
    fn snapshot_start_and_end_are_templates_1005_and_1006() {
        let packet = golden(
            "1c 00 01 00 07 00 00 00
             04 00 ed 03 01 00 02 00 00 00 00 00 0a 00 00 00
             00 00 ee 03 01 00 02 00 00 00 00 00",
            |packet| {
                packet.snapshot_start(10).snapshot_end();
            },
        );
        let messages = messages(&packet).expect("the packet is well formed");
        let [Message::SnapshotStart(start), Message::SnapshotEnd(_)] = messages[..] else { panic!("{messages:?}") };
        assert_eq!(start.snapshot_delay(), 10);
    }

    #[test]
    fn combo_legs_are_template_1007() {
        let packet = golden(
            "28 00 01 00 07 00 00 00
             04 00 ef 03 01 00 02 00 01 00 00 00
             05 00 00 00
             08 00 02 00 00 00 00 00
             06 00 00 00 01 00 00 00 07 00 00 00 fe ff ff ff",
            |packet| {
                packet.combo_legs(5, &[(6, 1), (7, -2)]);
            },
        );
        let Message::ComboLegs(combo) = only_message(&packet) else { panic!() };
        assert_eq!(combo.instrument_id(), 5);
        let legs: Vec<_> = combo.legs().map(|leg| (leg.instrument_id(), leg.size())).collect();
        assert_eq!(legs, [(6, 1), (7, -2)]);
    }

    #[test]
    fn price_index_is_template_1008() {
        let packet = golden(
            "2c 00 01 00 07 00 00 00
             20 00 f0 03 01 00 02 00 00 00 00 00
             62 74 63 5f 75 73 64 00 00 00 00 00 00 00 00 00
             00 00 00 00 00 4c ed 40 11 22 33 44 55 66 77 00",
            |packet| {
                packet.price_index("btc_usd", 60_000.0, 0x0077_6655_4433_2211);
            },
        );
        let Message::PriceIndex(index) = only_message(&packet) else { panic!() };
        assert_eq!(index.name().as_str(), Some("btc_usd"));
        assert_eq!((index.price(), index.timestamp_ms()), (Some(60_000.0), 0x0077_6655_4433_2211));
    }

    #[test]
    fn rfq_is_template_1009() {
        let packet = golden(
            "22 00 01 00 07 00 00 00
             16 00 f1 03 01 00 02 00 00 00 00 00
             05 00 00 00 01 ff 00 00 00 00 00 00 24 40 11 22 33 44 55 66 77 00",
            |packet| {
                packet.rfq(5, 1, 255, 10.0, 0x0077_6655_4433_2211);
            },
        );
        let Message::Rfq(rfq) = only_message(&packet) else { panic!() };
        assert_eq!(rfq.instrument_id(), 5);
        assert!(rfq.is_open());
        assert_eq!(rfq.side(), Direction::Unknown(255));
        assert!(rfq.side().is_null());
        assert_eq!((rfq.amount(), rfq.timestamp_ms()), (Some(10.0), 0x0077_6655_4433_2211));
    }

    #[test]
    fn frame_header_gives_channel_and_packet_number() {
        let packet = PacketEncoder::new(0x1234, 0x89ab_cdef).finish();
        assert_eq!(packet, hex("00 00 34 12 ef cd ab 89"));
        let frame = Frame::new(&packet).expect("an empty packet is a packet");
        assert_eq!((frame.channel, frame.packet_seq), (0x1234, 0x89ab_cdef));
        assert_eq!(frame.messages().count(), 0);
    }
}

mod framing {
    use super::*;

    /// A message from its parts.
    fn message(template: u16, block: &[u8], counts: (u16, u16), rest: &[u8]) -> Vec<u8> {
        let header = [block.len() as u16, template, 1, 2, counts.0, counts.1];
        let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(block);
        bytes.extend_from_slice(rest);
        bytes
    }

    fn packet(messages: &[Vec<u8>]) -> Vec<u8> {
        one_packet(|packet| {
            packet.raw(&messages.concat());
        })
    }

    fn group(words: [u16; 4], entries: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(entries);
        bytes
    }

    fn fault(packet: &[u8]) -> DecodeError {
        messages(packet).expect_err("the packet is damaged")
    }

    #[test]
    fn layouts_have_the_block_lengths_of_the_venue() {
        let lengths: Vec<_> = LAYOUTS.iter().map(|layout| (layout.template, layout.block_bytes)).collect();
        assert_eq!(
            lengths,
            [
                (1000, 140),
                (1001, 29),
                (1001, 18),
                (1002, 4),
                (1002, 83),
                (1003, 133),
                (1004, 22),
                (1004, 17),
                (1005, 4),
                (1006, 0),
                (1007, 4),
                (1007, 8),
                (1008, 32),
                (1009, 22),
                (1010, 139),
                (1010, 16),
            ]
        );
    }

    #[test]
    fn a_longer_block_is_read_up_to_what_is_known() {
        let bytes = packet(&[message(1005, &[10, 0, 0, 0, 99, 99], (0, 0), &[]), message(1006, &[1], (0, 0), &[])]);
        let messages = messages(&bytes).expect("longer blocks are allowed");
        let [Message::SnapshotStart(start), Message::SnapshotEnd(_)] = messages[..] else { panic!("{messages:?}") };
        assert_eq!(start.snapshot_delay(), 10);
    }

    #[test]
    fn longer_group_entries_are_read_up_to_what_is_known() {
        let entries = [6, 0, 0, 0, 1, 0, 0, 0, 99, 7, 0, 0, 0, 2, 0, 0, 0, 99];
        let bytes = packet(&[message(1007, &[5, 0, 0, 0], (1, 0), &group([9, 2, 0, 0], &entries))]);
        let Message::ComboLegs(combo) = only_message(&bytes) else { panic!() };
        assert_eq!(combo.legs().map(|leg| leg.size()).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn groups_nested_by_a_later_version_are_stepped_over() {
        // Each entry: 8 known bytes, a nested group of one 2-byte entry, a string of 3.
        let tail = [group([2, 1, 0, 0], &[1, 2]), vec![3, 97, 98, 99]].concat();
        let entry = |id: u8, size: u8| [vec![id, 0, 0, 0, size, 0, 0, 0], tail.clone()].concat();
        let entries = [entry(6, 1), entry(7, 2)].concat();
        let rest = [group([8, 2, 1, 1], &entries), group([1, 1, 0, 0], &[9]), vec![1, 120]].concat();
        let bytes = packet(&[message(1007, &[5, 0, 0, 0], (2, 1), &rest), message(1006, &[], (0, 0), &[])]);
        let messages = messages(&bytes).expect("nested groups are allowed");
        let [Message::ComboLegs(combo), Message::SnapshotEnd(_)] = messages[..] else { panic!("{messages:?}") };
        assert_eq!(combo.legs().map(|leg| (leg.instrument_id(), leg.size())).collect::<Vec<_>>(), [(6, 1), (7, 2)]);
    }

    #[test]
    fn unknown_templates_and_schemas_are_skipped_by_their_length() {
        let bytes = one_packet(|packet| {
            packet.foreign(UNKNOWN_TEMPLATE, 1).foreign(1003, UNKNOWN_SCHEMA).snapshot_start(3);
        });
        let mut counts = MessageCounts::default();
        Frame::new(&bytes).expect("a good frame").messages().for_each(|message| counts.observe(&message));
        assert_eq!((counts.unknown_templates, counts.unknown_schemas, counts.of(1005)), (1, 1, 1));
        assert_eq!((counts.of(1003), counts.framing_errors, counts.known()), (0, 0, 1));
        let messages = messages(&bytes).expect("unknown messages are no errors");
        let [Message::Unknown(template), Message::Unknown(schema), _] = messages[..] else { panic!("{messages:?}") };
        assert_eq!((template.template, template.schema, template.version), (UNKNOWN_TEMPLATE, 1, 9));
        assert_eq!((schema.template, schema.schema, schema.message_bytes), (1003, UNKNOWN_SCHEMA, 41));
    }

    #[test]
    fn a_shorter_block_is_an_error_that_names_template_place_and_length() {
        let bytes = packet(&[message(1006, &[], (0, 0), &[]), message(1003, &[0; 132], (0, 0), &[])]);
        let error = fault(&bytes);
        assert_eq!(
            error,
            DecodeError {
                template: Some(1003),
                offset_bytes: 20,
                fault: FramingFault::Block { declared_bytes: 132, known_bytes: 133 },
            }
        );
        let text = error.to_string();
        assert!(text.contains("template 1003") && text.contains("byte 20"), "{text}");
        assert!(text.contains("at least 133 bytes, found 132"), "{text}");
        assert_eq!(Frame::new(&bytes).expect("a good frame").messages().count(), 2);
    }

    #[test]
    fn shorter_group_entries_are_an_error() {
        let bytes = packet(&[message(1007, &[5, 0, 0, 0], (1, 0), &group([7, 1, 0, 0], &[0; 7]))]);
        assert_eq!(fault(&bytes).fault, FramingFault::GroupEntry { declared_bytes: 7, known_bytes: 8 });
    }

    #[test]
    fn a_missing_group_or_text_is_an_error() {
        let without_group = packet(&[message(1007, &[5, 0, 0, 0], (0, 0), &[])]);
        assert_eq!(fault(&without_group).fault, FramingFault::GroupCount { declared: 0, known: 1 });
        let without_text = packet(&[message(1000, &[0; 140], (0, 0), &[])]);
        assert_eq!(fault(&without_text).fault, FramingFault::TextCount { declared: 0, known: 1 });
    }

    #[test]
    fn an_empty_group_is_a_group_whatever_its_entries_would_be() {
        let bytes = packet(&[message(1007, &[5, 0, 0, 0], (1, 0), &group([0, 0, 0, 0], &[]))]);
        let Message::ComboLegs(combo) = only_message(&bytes) else { panic!() };
        assert!(combo.legs().is_empty());
    }

    #[test]
    fn counts_beyond_the_packet_are_errors_and_cost_nothing() {
        let huge = packet(&[message(1001, &[0; 29], (1, 0), &group([18, u16::MAX, 0, 0], &[0; 18]))]);
        let short = FramingFault::Short {
            item: Item::GroupEntries,
            needed_bytes: 18 * usize::from(u16::MAX),
            available_bytes: 18,
        };
        assert_eq!(fault(&huge).fault, short);
        let nested = packet(&[message(1999, &[], (u16::MAX, 0), &group([0, u16::MAX, u16::MAX, 0], &[]))]);
        assert!(matches!(fault(&nested).fault, FramingFault::Short { .. }));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let level = group([0, 1, 1, 0], &[]);
        let bytes = packet(&[message(1999, &[], (1, 0), &level.repeat(5000))]);
        assert_eq!(fault(&bytes).fault, FramingFault::Nesting { limit: 4 });
    }

    #[test]
    fn a_packet_length_other_than_the_payload_is_an_error() {
        let good = one_packet(|packet| {
            packet.snapshot_start(1);
        });
        for wrong in [&good[..good.len() - 1], &[&good[..], &[0]].concat()[..]] {
            let error = Frame::new(wrong).expect_err("the length differs");
            let fault = FramingFault::PacketLength { declared_bytes: 16, payload_bytes: wrong.len() - 8 };
            assert_eq!(error, DecodeError { template: None, offset_bytes: 0, fault });
        }
        assert!(matches!(Frame::new(&good[..7]), Err(DecodeError { fault: FramingFault::Short { .. }, .. })));
    }

    #[test]
    fn a_payload_cut_at_any_byte_gives_a_prefix_of_its_messages() {
        let bytes = one_packet(|packet| {
            packet.snapshot_start(3).combo_legs(5, &[(6, 1)]).foreign(UNKNOWN_TEMPLATE, 1).price_index("i", 1.0, 2);
        });
        let ends: Vec<usize> = messages(&bytes)
            .expect("a good packet")
            .iter()
            .scan(8, |end, message| {
                *end += match message {
                    Message::SnapshotStart(_) => 16,
                    Message::ComboLegs(_) => 32,
                    Message::Unknown(unknown) => unknown.message_bytes,
                    _ => 44,
                };
                Some(*end)
            })
            .collect();
        assert_eq!(ends.last(), Some(&bytes.len()));
        for cut in 8..bytes.len() {
            let mut cut_packet = bytes[..cut].to_vec();
            cut_packet[..2].copy_from_slice(&(cut as u16 - 8).to_le_bytes());
            let read: Vec<_> = Frame::new(&cut_packet).expect("the length was patched").messages().collect();
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(read.iter().filter(|message| message.is_ok()).count(), whole, "cut at {cut}");
            let is_between = cut == 8 || ends.contains(&cut);
            assert_eq!(read.iter().any(|message| message.is_err()), !is_between, "cut at {cut}");
        }
    }

    #[test]
    fn nan_is_none_and_zero_or_all_ones_are_no_identifier() {
        let trade = |block_trade_id, combo_trade_id| TradeFields {
            direction: 0,
            price: f64::NAN,
            amount: 1.0,
            timestamp_ms: 1,
            mark_price: -f64::NAN,
            index_price: f64::INFINITY,
            trade_seq: 0,
            trade_id: u64::MAX,
            tick_direction: 255,
            liquidation: 9,
            iv_percent: f64::NAN,
            block_trade_id,
            combo_trade_id,
        };
        let bytes = one_packet(|packet| {
            packet.trades(5, &[trade(0, u64::MAX), trade(1, 2)]);
        });
        let Message::Trades(trades) = only_message(&bytes) else { panic!() };
        let read: Vec<_> = trades.trades().collect();
        assert_eq!((read[0].price(), read[0].mark_price(), read[0].iv_percent()), (None, None, None));
        assert_eq!(read[0].index_price(), Some(f64::INFINITY));
        assert_eq!((read[0].block_trade_id(), read[0].combo_trade_id()), (None, None));
        assert_eq!((read[1].block_trade_id(), read[1].combo_trade_id()), (Some(1), Some(2)));
        assert!(read[0].tick_direction().is_null());
        assert_eq!(read[0].liquidation(), Liquidation::Unknown(9));
        assert_eq!((read[0].trade_seq(), read[0].trade_id()), (0, u64::MAX));
    }

    #[test]
    fn names_that_are_not_utf_8_are_none_and_padding_may_be_blanks() {
        let mut block = [0; 140];
        block[12..20].copy_from_slice(b"BTC     ");
        block[20..28].copy_from_slice(b"\xff\xfe\0\0\0\0\0\0");
        let bytes = packet(&[message(1000, &block, (0, 1), &[2, 0xff, 0xfe])]);
        let Message::Instrument(instrument) = only_message(&bytes) else { panic!() };
        assert_eq!(instrument.name(), None);
        assert_eq!(instrument.base_currency().as_str(), Some("BTC"));
        assert_eq!(instrument.quote_currency().as_str(), None);
        assert_eq!(instrument.counter_currency().as_str(), Some(""));
    }
}

mod generated_captures {
    use super::*;

    #[test]
    fn reading_gives_what_the_generator_put_in() {
        for seed in 0..4 {
            for format in [CaptureFormat::PcapNg, CaptureFormat::Pcap] {
                let capture = MarketCapture { seed, packets: 2_000, faults: vec![], format };
                let (bytes, expected) = capture.to_bytes().expect("a capture in memory can be written");
                let reading = Reading::of(&bytes);
                reading.assert_is(&expected);
                assert!(reading.error.is_none());
                assert_eq!(reading.reliable_books(), expected.tops.len(), "seed={seed}");
                assert_eq!(reading.skipped.total(), 0);
                assert!((1000..=1010).all(|template| reading.counts.of(template) > 0), "seed={seed}");
                let confirmed: u64 = reading.books.iter().map(|(_, book)| book.counts().snapshots_confirmed).sum();
                assert_eq!(confirmed, 4 * expected.tops.len() as u64, "seed={seed}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_file_and_another_seed_another() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("market.pcapng");
        let capture = |seed| MarketCapture { seed, packets: 200, ..MarketCapture::default() };
        let expected = capture(1).write(&path).expect("the capture is written");
        let file = CaptureFile::open(&path).expect("the capture opens");
        assert_eq!((file.bytes(), &expected), (&market(1, 200, &[]).0[..], &market(1, 200, &[]).1));
        assert_ne!(file.bytes(), &market(2, 200, &[]).0[..]);
        let datagrams: Result<Vec<_>, _> = file.datagrams().expect("a capture").collect();
        assert_eq!(datagrams.expect("no damage").len(), 200);
    }

    #[test]
    fn lost_packets_are_counted_and_cost_only_the_books_they_changed() {
        let mut broken = 0;
        for at in 100..160 {
            let (bytes, expected) = market(5, 400, &[Fault::Gap { at }]);
            assert_eq!(expected.packets, 399);
            let reading = Reading::of(&bytes);
            reading.assert_is(&expected);
            assert_eq!(reading.sum(ChannelSequence::lost_packets), expected.missing_packets);
            let books_broken = reading.books.iter().filter(|(_, book)| book.trust() == Trust::Broken).count();
            assert_eq!(books_broken as u64, expected.book_gaps, "at={at}");
            broken += books_broken;
        }
        assert!(broken > 20, "the losses hit books");
    }

    #[test]
    fn a_lost_packet_heals_with_the_next_round_of_snapshots() {
        for at in [120, 130, 140, 150, 160] {
            let (bytes, expected) = market(6, 900, &[Fault::Gap { at }]);
            let reading = Reading::of(&bytes);
            reading.assert_is(&expected);
            assert_eq!(reading.reliable_books(), expected.tops.len(), "at={at}");
        }
    }

    #[test]
    fn a_lost_part_of_a_snapshot_costs_no_book_its_chain() {
        for at in 0..30 {
            let (bytes, expected) = market(7, 1_000, &[Fault::Gap { at }]);
            let reading = Reading::of(&bytes);
            reading.assert_is(&expected);
            assert_eq!(reading.reliable_books(), expected.tops.len(), "at={at}");
        }
    }

    #[test]
    fn duplicates_change_nothing() {
        for at in 90..130 {
            let (bytes, expected) = market(8, 300, &[Fault::Duplicate { at }]);
            assert_eq!((expected.packets, expected.duplicates, expected.book_gaps), (301, 1, 0));
            let reading = Reading::of(&bytes);
            reading.assert_is(&expected);
            assert_eq!(reading.reliable_books(), expected.tops.len(), "at={at}");
        }
    }

    #[test]
    fn reordered_packets_are_a_gap_and_a_late_packet() {
        let mut gaps = 0;
        for at in 90..130 {
            let (bytes, expected) = market(9, 400, &[Fault::Reorder { at }]);
            assert_eq!(expected.late_packets, 1);
            gaps += expected.gaps;
            let reading = Reading::of(&bytes);
            reading.assert_is(&expected);
            assert_eq!(reading.sum(ChannelSequence::lost_packets), 0);
        }
        // A channel's first packet, when late, was not missed before.
        assert!((35..40).contains(&gaps), "{gaps}");
    }

    #[test]
    fn unknown_messages_are_counted_and_change_nothing() {
        let faults = [Fault::UnknownTemplate { at: 50 }, Fault::UnknownSchema { at: 60 }];
        let (bytes, expected) = market(10, 300, &faults);
        assert_eq!((expected.unknown_templates, expected.unknown_schemas), (1, 1));
        let reading = Reading::of(&bytes);
        reading.assert_is(&expected);
        assert_eq!(reading.reliable_books(), expected.tops.len());
    }

    #[test]
    fn a_truncated_file_gives_all_whole_packets_and_then_says_where_it_ends() {
        for format in [CaptureFormat::PcapNg, CaptureFormat::Pcap] {
            let capture = MarketCapture { seed: 11, packets: 300, faults: vec![Fault::Truncate], format };
            let (bytes, expected) = capture.to_bytes().expect("a capture in memory can be written");
            assert_eq!((expected.packets, expected.is_truncated), (299, true));
            let reading = Reading::of(&bytes);
            reading.assert_is(&expected);
            let Some(CaptureError::Truncated { position_bytes, file_bytes, records }) = reading.error else { panic!() };
            assert_eq!((file_bytes, records), (bytes.len() as u64, 299));
            assert!(position_bytes < file_bytes);
        }
    }

    #[test]
    fn all_faults_together_add_up() {
        let faults = [
            Fault::Gap { at: 120 },
            Fault::Gap { at: 121 },
            Fault::Duplicate { at: 140 },
            Fault::Reorder { at: 160 },
            Fault::UnknownTemplate { at: 180 },
            Fault::UnknownSchema { at: 200 },
            Fault::Truncate,
        ];
        for seed in 20..40 {
            let (bytes, expected) = market(seed, 600, &faults);
            Reading::of(&bytes).assert_is(&expected);
        }
    }

    #[test]
    fn a_file_cut_at_any_byte_gives_a_prefix_of_its_packets() {
        for format in [CaptureFormat::PcapNg, CaptureFormat::Pcap] {
            let capture = MarketCapture { seed: 12, packets: 40, faults: vec![], format };
            let (bytes, _) = capture.to_bytes().expect("a capture in memory can be written");
            let whole: Vec<_> = Datagrams::from_bytes(&bytes)
                .expect("a capture")
                .map(|datagram| datagram.expect("no damage"))
                .collect();
            for cut in 0..bytes.len() {
                let Ok(datagrams) = Datagrams::from_bytes(&bytes[..cut]) else {
                    assert!(cut < 28, "the file header is whole at {cut}");
                    continue;
                };
                let (mut read, mut errors) = (0, 0);
                for datagram in datagrams {
                    match datagram {
                        Ok(datagram) => {
                            assert_eq!(datagram, whole[read]);
                            assert_eq!(errors, 0);
                            read += 1;
                        }
                        Err(CaptureError::Truncated { .. }) => errors += 1,
                        Err(other) => panic!("cut at {cut}: {other}"),
                    }
                }
                let starts_record = whole.iter().any(|datagram| datagram.position_bytes == cut as u64);
                assert!(errors == 1 || starts_record || read == 0, "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_flipped_bit_in_a_payload_costs_no_other_packet() {
        for bit in 0..2_000 {
            let (bytes, expected) = market(13, 150, &[Fault::BitFlip { at: 120, bit }]);
            let reading = Reading::of(&bytes);
            assert_eq!((reading.datagrams, expected.flipped_packets), (150, 1));
            assert!(reading.counts.framing_errors <= 1, "bit={bit}");
            assert!(reading.counts.packets >= 149, "bit={bit}");
        }
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn flipped_bits_anywhere_in_a_file_never_panic(
        seed in 0u64..8,
        is_pcapng in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..12),
    ) {
        let format = if is_pcapng { CaptureFormat::PcapNg } else { CaptureFormat::Pcap };
        let capture = MarketCapture { seed, packets: 60, faults: vec![], format };
        let (mut bytes, expected) = capture.to_bytes().expect("a capture in memory can be written");
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        let reading = Reading::with_books(&bytes, Books::new(Start::JoinMidStream));
        prop_assert!(reading.datagrams + reading.skipped.total() <= expected.packets + 1);
    }

    #[test]
    fn arbitrary_payloads_never_panic(payload in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut reading = Reading::of(&market(0, 40, &[]).0);
        let before = reading.counts.packets + reading.counts.framing_errors;
        reading.datagram(&payload);
        // The same bytes as the body of a frame with the right length reach the message walk.
        let framed = one_packet(|packet| { packet.raw(&payload); });
        reading.datagram(&framed);
        prop_assert!(reading.counts.packets + reading.counts.framing_errors >= before + 2);
    }

    #[test]
    fn arbitrary_message_headers_never_panic(
        template in 998u16..1013,
        words in prop::array::uniform4(0u16..40),
        body in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let header = [words[0] * 4, template, 1, words[1], words[2] % 3, words[3] % 3];
        let bytes = one_packet(|packet| {
            packet.raw(&header.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()).raw(&body);
        });
        let mut reading = Reading::of(&market(0, 40, &[]).0);
        reading.datagram(&bytes);
    }

    #[test]
    fn arbitrary_changes_keep_books_sorted(
        changes in prop::collection::vec((any::<bool>(), 0u8..3, 1i64..60, 1u32..9, 0u64..3), 1..200),
    ) {
        let mut book = Book::new(0.5, Start::JoinMidStream).expect("a good tick size");
        let mut change_id = 0;
        for (is_bid, action, ticks, amount, id_step) in changes {
            let change = LevelChange {
                side: if is_bid { Side::Bid } else { Side::Ask },
                action: [Action::Create, Action::Change, Action::Delete][usize::from(action)],
                price: ticks as f64 * 0.5,
                amount: f64::from(amount),
            };
            let prev_change_id = change_id;
            change_id += id_step;
            let header = ChangeHeader { prev_change_id, change_id, timestamp_ms: change_id, is_last: true };
            book.apply_changes(header, [Some(change)]);
            let bids: Vec<_> = book.levels(Side::Bid).map(|level| level.price_ticks).collect();
            let asks: Vec<_> = book.levels(Side::Ask).map(|level| level.price_ticks).collect();
            prop_assert!(bids.windows(2).all(|pair| pair[0] > pair[1]));
            prop_assert!(asks.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(book.best_bid().map(|level| level.price_ticks), bids.first().copied());
            prop_assert_eq!(book.best_ask().map(|level| level.price_ticks), asks.first().copied());
        }
    }
}

mod capture_files {
    use super::*;

    /// A pcapng file of the given frames, each 1 ms after the one before.
    fn pcapng(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = CaptureWriter::new(Vec::new(), CaptureFormat::PcapNg).expect("memory can be written");
        for (index, frame) in frames.iter().enumerate() {
            writer.frame(1_000_000 * (index as u64 + 1), frame).expect("memory can be written");
        }
        writer.into_inner()
    }

    fn payload() -> Vec<u8> {
        one_packet(|packet| {
            packet.snapshot_start(1);
        })
    }

    fn frame() -> Vec<u8> {
        ethernet_frame(1, &payload())
    }

    /// The payloads read, what was skipped and how it ended.
    fn read(capture: &[u8]) -> (Vec<Vec<u8>>, Skipped, Option<CaptureError>) {
        let mut datagrams = Datagrams::from_bytes(capture).expect("a capture");
        let (mut payloads, mut error) = (Vec::new(), None);
        for datagram in &mut datagrams {
            match datagram {
                Ok(datagram) => payloads.push(datagram.payload.to_vec()),
                Err(damage) => error = Some(damage),
            }
        }
        (payloads, *datagrams.skipped(), error)
    }

    /// A pcapng block around `body`, little-endian.
    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let body_bytes = body.len().next_multiple_of(4);
        let length = (body_bytes as u32 + 12).to_le_bytes();
        let mut bytes = [&kind.to_le_bytes()[..], &length, body].concat();
        bytes.resize(8 + body_bytes, 0);
        bytes.extend_from_slice(&length);
        bytes
    }

    fn section() -> Vec<u8> {
        block(0x0A0D_0D0A, &hex("4d 3c 2b 1a 01 00 00 00 ff ff ff ff ff ff ff ff"))
    }

    /// An interface description; `options` come before the end-of-options mark.
    fn interface(link_type: u8, options: &[u8]) -> Vec<u8> {
        block(1, &[&[link_type, 0, 0, 0, 0, 0, 4, 0], options, &[0, 0, 0, 0]].concat())
    }

    fn enhanced(interface_id: u32, clock_units: u64, frame: &[u8], options: &[u8]) -> Vec<u8> {
        let length = (frame.len() as u32).to_le_bytes();
        let mut body = [&interface_id.to_le_bytes()[..], &((clock_units >> 32) as u32).to_le_bytes()].concat();
        body.extend_from_slice(&(clock_units as u32).to_le_bytes());
        body.extend_from_slice(&length);
        body.extend_from_slice(&length);
        body.extend_from_slice(frame);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend_from_slice(options);
        block(6, &body)
    }

    #[test]
    fn a_datagram_tells_time_addresses_payload_and_place() {
        for format in [CaptureFormat::PcapNg, CaptureFormat::Pcap] {
            let mut writer = CaptureWriter::new(Vec::new(), format).expect("memory can be written");
            writer.packet(1_718_000_000_123_456_789, 102, &payload()).expect("memory can be written");
            let bytes = writer.into_inner();
            let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
            let start = datagrams.position_bytes();
            let datagram = datagrams.next().expect("one packet").expect("no damage");
            assert_eq!(datagram.capture_ns, 1_718_000_000_123_456_789);
            assert_eq!(datagram.source.to_string(), "10.0.0.1:40000");
            assert_eq!(datagram.destination.to_string(), "239.111.111.2:6101");
            assert_eq!(datagram.payload, payload());
            assert!(datagram.position_bytes >= start);
            assert!(datagrams.next().is_none());
            assert_eq!(datagrams.position_bytes(), datagrams.file_bytes());
        }
    }

    #[test]
    fn link_layer_padding_is_not_payload() {
        let mut padded = ethernet_frame(1, &[0; 8]);
        padded.resize(60, 0xEE);
        assert_eq!(read(&pcapng(&[padded])).0, [vec![0; 8]]);
    }

    #[test]
    fn vlan_tags_are_looked_through() {
        let plain = frame();
        let tagged = [&plain[..12], &hex("81 00 00 2a")[..], &plain[12..]].concat();
        let twice = [&plain[..12], &hex("88 a8 00 07 81 00 00 2a")[..], &plain[12..]].concat();
        let (payloads, skipped, _) = read(&pcapng(&[tagged, twice]));
        assert_eq!((payloads, skipped.total()), (vec![payload(); 2], 0));
    }

    #[test]
    fn packets_without_a_whole_datagram_are_counted_by_reason() {
        let plain = frame();
        let with = |place: usize, byte: u8| {
            let mut frame = plain.clone();
            frame[place] = byte;
            frame
        };
        let arp = [&plain[..12], &hex("08 06 00 01 08 00 06 04 00 01")[..], &[0; 20]].concat();
        let lldp = [&plain[..12], &hex("88 cc")[..], &[0; 40]].concat();
        let other_protocol = with(23, 1);
        let fragment = with(20, 0x20);
        let later_fragment = with(21, 0x05);
        let wrong_version = with(14, 0x75);
        let short_header = with(14, 0x41);
        let cut = plain[..plain.len() - 3].to_vec();
        let runt = plain[..9].to_vec();
        let frames = [
            arp,
            lldp,
            other_protocol,
            fragment,
            later_fragment,
            wrong_version,
            short_header,
            cut,
            runt,
            vec![],
            plain,
        ];
        let (payloads, skipped, error) = read(&pcapng(&frames));
        assert_eq!(payloads, [payload()]);
        assert!(error.is_none());
        assert_eq!((skipped.not_ip, skipped.not_udp, skipped.fragmented, skipped.malformed), (2, 1, 2, 5));
        assert_eq!(skipped.total(), 10);
    }

    #[test]
    fn ipv6_loopback_and_cooked_captures_are_read() {
        let udp = &frame()[34..];
        let ipv6 = [
            &hex("60 00 00 00 00 20 11 01")[..],
            &hex("fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01"),
            &hex("ff 05 00 00 00 00 00 00 00 00 00 00 00 00 00 02"),
            udp,
        ]
        .concat();
        assert_eq!(udp.len(), 0x20);
        let ipv4 = &frame()[14..];
        let cooked = [&hex("00 00 00 01 00 06 00 00 00 00 00 00 00 00 08 00")[..], ipv4].concat();
        let cooked2 = [&hex("08 00 00 00 00 00 00 01 00 01 00 06 00 00 00 00 00 00 00 00")[..], ipv4].concat();
        let loopback = [&hex("02 00 00 00")[..], ipv4].concat();
        let bytes = [
            section(),
            interface(101, &[]),
            interface(113, &[]),
            block(1, &hex("14 01 00 00 00 00 04 00")),
            interface(0, &[]),
            interface(147, &[]),
            enhanced(0, 1, &ipv6, &[]),
            enhanced(0, 2, ipv4, &[]),
            enhanced(1, 3, &cooked, &[]),
            enhanced(2, 4, &cooked2, &[]),
            enhanced(3, 5, &loopback, &[]),
            enhanced(4, 6, &loopback, &[]),
        ]
        .concat();
        let (payloads, skipped, error) = read(&bytes);
        assert_eq!(payloads, vec![payload(); 5]);
        assert_eq!((skipped.not_ip, skipped.total()), (1, 1), "the link type nobody knows");
        assert!(error.is_none());
        let first = Datagrams::from_bytes(&bytes).expect("a capture").next().expect("a packet").expect("no damage");
        assert_eq!(first.destination.to_string(), "[ff05::2]:6100");
    }

    #[test]
    fn pcapng_times_follow_the_interface_resolution() {
        let bytes = [
            section(),
            interface(1, &[]),
            interface(1, &hex("09 00 01 00 09 00 00 00")),
            interface(1, &hex("09 00 01 00 8a 00 00 00")),
            interface(1, &hex("0e 00 08 00 02 00 00 00 00 00 00 00")),
            interface(1, &hex("09 00 01 00 7f 00 00 00")),
            enhanced(0, 1_718_000_000_000_001, &frame(), &[]),
            enhanced(1, 1_718_000_000_000_000_001, &frame(), &[]),
            enhanced(2, 1536, &frame(), &[]),
            enhanced(3, 5, &frame(), &[]),
            enhanced(4, 5, &frame(), &[]),
        ]
        .concat();
        let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
        let times: Vec<u64> = datagrams.by_ref().map(|datagram| datagram.expect("no damage").capture_ns).collect();
        assert_eq!(times, [1_718_000_000_000_001_000, 1_718_000_000_000_000_001, 1_500_000_000, 2_000_005_000]);
        assert_eq!(datagrams.skipped().untimed, 1, "a resolution of 1e-127 s");
    }

    #[test]
    fn obsolete_simple_and_foreign_blocks_are_handled() {
        let frame = frame();
        let length = (frame.len() as u32).to_le_bytes();
        let time: u64 = 1_718_000_000_000_001;
        let obsolete = [
            &[0, 0, 0, 0][..],
            &((time >> 32) as u32).to_le_bytes(),
            &(time as u32).to_le_bytes(),
            &length,
            &length,
            &frame,
        ]
        .concat();
        let simple = [&length[..], &frame].concat();
        let bytes = [
            section(),
            interface(1, &[]),
            block(2, &obsolete),
            block(3, &simple),
            block(5, &[0; 12]),
            block(0x0BAD_CAFE, &[1, 2, 3, 4]),
            enhanced(7, 1, &frame, &[]),
            // Options that contradict themselves.
            enhanced(0, 1, &frame, &hex("02 00 09 00 01 01 01 01")),
            enhanced(0, 1, &frame, &hex("01 00 03 00 61 62 63 00 00 00 00 00")),
        ]
        .concat();
        let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
        let times: Vec<u64> = datagrams.by_ref().map(|datagram| datagram.expect("no damage").capture_ns).collect();
        assert_eq!(times, [1_718_000_000_000_001_000, 1_000]);
        let skipped = datagrams.skipped();
        assert_eq!((skipped.untimed, skipped.unknown_interface, skipped.unreadable), (1, 1, 1));
        assert_eq!(skipped.total(), 3);
    }

    #[test]
    fn an_unreadable_interface_keeps_its_number() {
        // if_tzone has 4 bytes by the standard; the parser takes 1 and gives up.
        let bytes = [
            section(),
            interface(1, &hex("0a 00 04 00 00 00 00 00")),
            interface(1, &[]),
            enhanced(0, 1, &frame(), &[]),
            enhanced(1, 2, &frame(), &[]),
        ]
        .concat();
        let (payloads, skipped, error) = read(&bytes);
        assert_eq!((payloads.len(), skipped.not_ip), (1, 1));
        assert!(error.is_none());
    }

    #[test]
    fn a_second_section_begins_its_own_interfaces() {
        let one = [section(), interface(1, &[]), enhanced(0, 1, &frame(), &[])].concat();
        let bytes = [one.clone(), section(), enhanced(0, 1, &frame(), &[]), one].concat();
        let (payloads, skipped, error) = read(&bytes);
        assert_eq!((payloads.len(), skipped.unknown_interface), (2, 1));
        assert!(error.is_none());
    }

    #[test]
    fn a_wrong_record_length_ends_the_stream_after_the_packets_before_it() {
        let good = [section(), interface(1, &[]), enhanced(0, 1, &frame(), &[])].concat();
        for wrong_length in [0u32, 8, 13, 0x7FFF_FFFC, u32::MAX] {
            let mut bytes = [good.clone(), enhanced(0, 1, &frame(), &[])].concat();
            bytes[good.len() + 4..good.len() + 8].copy_from_slice(&wrong_length.to_le_bytes());
            let (payloads, _, error) = read(&bytes);
            assert_eq!(payloads.len(), 1);
            let position = match error.expect("the damage is reported") {
                CaptureError::Truncated { position_bytes, records: 1, .. } => position_bytes,
                CaptureError::Corrupt { position_bytes, records: 1, .. } => position_bytes,
                other => panic!("{other}"),
            };
            assert_eq!(position, good.len() as u64);
        }
        let mut trailer = [good.clone(), enhanced(0, 1, &frame(), &[])].concat();
        let last = trailer.len() - 1;
        trailer[last] = 1;
        assert!(matches!(read(&trailer).2, Some(CaptureError::Corrupt { .. })));
    }

    #[test]
    fn packets_cut_by_the_snapshot_length_are_counted() {
        let frame = frame();
        let record = |captured: usize| {
            let header = [1u32, 2, captured as u32, frame.len() as u32];
            [&header.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()[..], &frame[..captured]].concat()
        };
        let header = hex("d4 c3 b2 a1 02 00 04 00 00 00 00 00 00 00 00 00 00 00 04 00 01 00 00 00");
        let bytes = [header, record(frame.len() - 1), record(frame.len())].concat();
        let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
        let read: Vec<_> = datagrams.by_ref().map(|datagram| datagram.expect("no damage").capture_ns).collect();
        assert_eq!(read, [1_000_002_000]);
        assert_eq!((datagrams.skipped().cut_short, datagrams.skipped().total()), (1, 1));
    }

    #[test]
    fn big_endian_captures_are_read_and_impossible_times_counted() {
        let frame = frame();
        let record = |fraction: u32| {
            let header = [1u32, fraction, frame.len() as u32, frame.len() as u32];
            [&header.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>()[..], &frame].concat()
        };
        let header = hex("a1 b2 c3 d4 00 02 00 04 00 00 00 00 00 00 00 00 00 04 00 00 00 00 00 01");
        let bytes = [header, record(999_999), record(1_000_000)].concat();
        let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
        let times: Vec<_> = datagrams.by_ref().map(|datagram| datagram.expect("no damage").capture_ns).collect();
        assert_eq!((times, datagrams.skipped().untimed), (vec![1_999_999_000], 1));
    }

    #[test]
    fn what_is_no_capture_is_refused_with_advice() {
        let refusal = |bytes: &[u8]| Datagrams::from_bytes(bytes).err().expect("no capture").to_string();
        assert!(refusal(b"").contains("neither pcap nor pcapng"));
        assert!(refusal(b"\x1f\x8b\x08\x00rest").contains("1f, 8b"));
        assert!(refusal(b"\xd4\xc3\xb2\xa1\x02\x00").contains("file header"));
        assert!(refusal(b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00").contains("file header"));
        let wifi = hex("d4 c3 b2 a1 02 00 04 00 00 00 00 00 00 00 00 00 00 00 04 00 69 00 00 00");
        assert!(refusal(&wifi).contains("link type 105"));
        let missing = CaptureFile::open(&PathBuf::from("no-such.pcapng")).expect_err("there is no such file");
        assert!(missing.to_string().contains("no-such.pcapng"), "{missing}");
    }

    #[test]
    fn an_empty_file_opens_and_is_no_capture() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("empty.pcap");
        std::fs::write(&path, b"").expect("the file is written");
        let file = CaptureFile::open(&path).expect("an empty file can be mapped");
        assert!(matches!(file.datagrams(), Err(CaptureError::NotACapture { magic: [0, 0, 0, 0] })));
    }
}

mod books {
    use super::*;

    const TICK: f64 = 0.5;

    fn book(start: Start) -> Book {
        Book::new(TICK, start).expect("a good tick size")
    }

    fn header(prev_change_id: u64, change_id: u64) -> ChangeHeader {
        ChangeHeader { prev_change_id, change_id, timestamp_ms: 1_000 + change_id, is_last: true }
    }

    fn part(prev_change_id: u64, change_id: u64) -> ChangeHeader {
        ChangeHeader { is_last: false, ..header(prev_change_id, change_id) }
    }

    fn set(side: Side, price: f64, amount: f64) -> Option<LevelChange> {
        Some(LevelChange { side, action: Action::Create, price, amount })
    }

    fn delete(side: Side, price: f64) -> Option<LevelChange> {
        Some(LevelChange { side, action: Action::Delete, price, amount: 0.0 })
    }

    fn snapshot(change_id: u64) -> SnapshotHeader {
        SnapshotHeader { change_id, timestamp_ms: 1_000 + change_id, is_complete: true, is_last: true }
    }

    const BID: Option<(Side, f64, f64)> = Some((Side::Bid, 100.0, 3.0));
    const ASK: Option<(Side, f64, f64)> = Some((Side::Ask, 101.0, 4.0));

    /// A complete book at change 10: bid 100.0, ask 101.0.
    fn complete() -> Book {
        let mut book = book(Start::AwaitSnapshot);
        assert_eq!(book.apply_snapshot(snapshot(10), [BID, ASK]), SnapshotOutcome::Installed);
        assert!(book.is_reliable());
        book
    }

    fn best(book: &Book) -> (Option<i64>, Option<i64>) {
        (book.best_bid().map(|level| level.price_ticks), book.best_ask().map(|level| level.price_ticks))
    }

    #[test]
    fn a_book_without_a_usable_tick_is_refused() {
        for tick_size in [0.0, -0.5, f64::NAN, f64::INFINITY] {
            assert!(Book::new(tick_size, Start::AwaitSnapshot).is_err());
        }
    }

    #[test]
    fn changes_chain_and_move_the_best_levels() {
        let mut book = complete();
        assert_eq!(best(&book), (Some(200), Some(202)));
        assert_eq!(book.apply_changes(header(10, 12), [set(Side::Bid, 100.5, 1.0)]), ChangeOutcome::Applied);
        assert_eq!(best(&book), (Some(201), Some(202)));
        assert_eq!(book.apply_changes(header(12, 13), [delete(Side::Ask, 101.0)]), ChangeOutcome::Applied);
        assert_eq!((best(&book), book.shape()), ((Some(201), None), Shape::BidOnly));
        assert_eq!(book.price(201), 100.5);
        assert_eq!((book.counts().links_held, book.counts().gaps), (2, 0));
    }

    #[test]
    fn one_sided_locked_and_crossed_books_are_visible() {
        let mut book = book(Start::AwaitSnapshot);
        book.apply_snapshot(snapshot(1), []);
        assert_eq!((book.shape(), book.trust()), (Shape::Empty, Trust::Complete));
        book.apply_changes(header(1, 2), [set(Side::Ask, 101.0, 1.0)]);
        assert_eq!((book.shape(), book.best_bid()), (Shape::AskOnly, None));
        book.apply_changes(header(2, 3), [set(Side::Bid, 100.5, 1.0)]);
        assert_eq!(book.shape(), Shape::Open);
        book.apply_changes(header(3, 4), [set(Side::Bid, 101.0, 1.0)]);
        assert_eq!(book.shape(), Shape::Locked);
        book.apply_changes(header(4, 5), [set(Side::Bid, 101.5, 1.0)]);
        assert_eq!((book.shape(), best(&book)), (Shape::Crossed, (Some(203), Some(202))));
        book.apply_changes(header(5, 6), [delete(Side::Ask, 101.0)]);
        assert_eq!(book.shape(), Shape::BidOnly);
    }

    #[test]
    fn prices_below_zero_are_prices() {
        let mut book = book(Start::AwaitSnapshot);
        book.apply_snapshot(snapshot(1), [Some((Side::Bid, -1.5, 1.0)), Some((Side::Ask, -0.5, 1.0))]);
        assert_eq!((best(&book), book.shape()), ((Some(-3), Some(-1)), Shape::Open));
    }

    #[test]
    fn a_missing_change_empties_the_book_until_a_snapshot_meets_the_changes_held() {
        let mut book = complete();
        let broke = book.apply_changes(header(11, 12), [set(Side::Bid, 100.5, 1.0)]);
        assert_eq!(broke, ChangeOutcome::Broke(Break::Gap));
        assert_eq!((book.trust(), book.shape(), book.counts().gaps), (Trust::Broken, Shape::Empty, 1));
        assert_eq!(book.apply_changes(header(12, 14), [set(Side::Ask, 100.5, 2.0)]), ChangeOutcome::Held);
        assert_eq!(book.apply_snapshot(snapshot(10), [BID, ASK]), SnapshotOutcome::Unchained);
        assert_eq!(book.trust(), Trust::Broken);
        // At change 11: what was lost is in it, what came after is held.
        assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
        assert!(book.is_reliable());
        assert_eq!((best(&book), book.shape()), ((Some(201), Some(201)), Shape::Locked));
        assert_eq!(book.apply_changes(header(14, 15), []), ChangeOutcome::Applied);
    }

    #[test]
    fn a_snapshot_newer_than_every_change_needs_none_of_them() {
        let mut book = complete();
        book.apply_changes(header(11, 12), [set(Side::Bid, 100.5, 1.0)]);
        assert_eq!(book.apply_snapshot(snapshot(20), [BID]), SnapshotOutcome::Installed);
        assert_eq!((best(&book), book.change_id()), ((Some(200), None), Some(20)));
        // Changes that the snapshot contains come late on the other channel.
        assert_eq!(book.apply_changes(header(12, 20), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Stale);
        assert_eq!(book.apply_changes(header(20, 21), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Applied);
    }

    #[test]
    fn a_second_gap_while_broken_is_counted_and_restarts_the_chain() {
        let mut book = complete();
        book.apply_changes(header(11, 12), [set(Side::Bid, 100.5, 1.0)]);
        assert_eq!(book.apply_changes(header(13, 14), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Held);
        assert_eq!((book.counts().gaps, book.counts().breaks), (2, 1));
        assert_eq!(book.apply_snapshot(snapshot(12), [BID, ASK]), SnapshotOutcome::Unchained);
        assert_eq!(book.apply_snapshot(snapshot(13), [ASK]), SnapshotOutcome::Installed);
        assert_eq!(best(&book), (Some(198), Some(202)));
    }

    #[test]
    fn a_book_may_join_at_the_first_change_and_becomes_complete_with_a_snapshot() {
        let mut book = book(Start::JoinMidStream);
        assert_eq!(book.trust(), Trust::Broken);
        assert_eq!(book.apply_changes(header(7, 8), [set(Side::Bid, 100.0, 1.0)]), ChangeOutcome::Joined);
        assert_eq!((book.trust(), book.is_reliable()), (Trust::Joined, false));
        assert_eq!(book.apply_changes(header(8, 9), [delete(Side::Ask, 105.0)]), ChangeOutcome::Applied);
        assert_eq!((best(&book), book.counts().mismatched_levels), ((Some(200), None), 0));
        assert_eq!(book.apply_snapshot(snapshot(7), [ASK, Some((Side::Ask, 105.0, 1.0))]), SnapshotOutcome::Installed);
        assert!(book.is_reliable());
        assert_eq!((best(&book), book.levels(Side::Ask).len()), ((Some(200), Some(202)), 1));
        assert_eq!(book.change_id(), Some(9));
    }

    #[test]
    fn a_joined_book_that_breaks_waits_for_a_snapshot() {
        let mut book = book(Start::JoinMidStream);
        book.apply_changes(header(7, 8), [set(Side::Bid, 100.0, 1.0)]);
        assert_eq!(book.apply_changes(header(9, 10), []), ChangeOutcome::Broke(Break::Gap));
        assert_eq!(book.apply_changes(header(10, 11), [set(Side::Bid, 100.0, 1.0)]), ChangeOutcome::Held);
        assert_eq!((book.trust(), book.shape()), (Trust::Broken, Shape::Empty));
    }

    #[test]
    fn a_joined_book_forgets_its_oldest_changes_beyond_the_limit() {
        let mut book = book(Start::JoinMidStream);
        let last = HELD_LEVELS_MAX as u64 + 100;
        for change_id in 1..=last {
            book.apply_changes(header(change_id - 1, change_id), [set(Side::Bid, change_id as f64, 1.0)]);
        }
        assert_eq!(book.trust(), Trust::Joined);
        assert_eq!(book.apply_snapshot(snapshot(50), [BID]), SnapshotOutcome::Unchained);
        assert_eq!(book.apply_snapshot(snapshot(100), [BID]), SnapshotOutcome::Installed);
        assert_eq!(book.levels(Side::Bid).len(), HELD_LEVELS_MAX + 1);
        assert_eq!((book.trust(), book.change_id()), (Trust::Complete, Some(last)));
    }

    #[test]
    fn a_single_change_beyond_the_limit_is_not_replayed_in_part() {
        let mut book = book(Start::AwaitSnapshot);
        let many = (0..=HELD_LEVELS_MAX).map(|ticks| set(Side::Bid, ticks as f64, 1.0));
        assert_eq!(book.apply_changes(header(1, 2), many), ChangeOutcome::Held);
        assert_eq!(book.apply_snapshot(snapshot(1), [BID]), SnapshotOutcome::Unchained);
        assert_eq!(book.apply_snapshot(snapshot(2), [BID]), SnapshotOutcome::Installed);
    }

    #[test]
    fn repeated_changes_are_stale_and_ids_that_start_afresh_break_the_book() {
        let mut book = complete();
        book.apply_changes(header(10, 12), [set(Side::Bid, 100.5, 1.0)]);
        assert_eq!(book.apply_changes(header(10, 12), [set(Side::Bid, 100.5, 9.0)]), ChangeOutcome::Stale);
        assert_eq!(book.best_bid(), Some(Level { price_ticks: 201, amount: 1.0 }));
        let afresh = ChangeHeader { timestamp_ms: 9_000, ..header(0, 1) };
        assert_eq!(book.apply_changes(afresh, []), ChangeOutcome::Broke(Break::Restart));
        assert_eq!(book.change_id(), Some(1));
        let snapshot = SnapshotHeader { timestamp_ms: 9_000, ..snapshot(1) };
        assert_eq!(book.apply_snapshot(snapshot, [BID, ASK]), SnapshotOutcome::Installed);
        assert!(book.is_reliable());
    }

    #[test]
    fn a_snapshot_with_ids_that_start_afresh_replaces_the_book() {
        let mut book = complete();
        let afresh = SnapshotHeader { timestamp_ms: 9_000, ..snapshot(2) };
        assert_eq!(book.apply_snapshot(afresh, [ASK]), SnapshotOutcome::Installed);
        assert_eq!((best(&book), book.change_id()), ((None, Some(202)), Some(2)));
        assert_eq!(book.counts().breaks, 1);
    }

    #[test]
    fn a_snapshot_older_than_the_book_is_passed_over_and_an_equal_one_confirms_it() {
        let mut book = complete();
        book.apply_changes(header(10, 12), [set(Side::Bid, 100.5, 1.0)]);
        assert_eq!(book.apply_snapshot(snapshot(10), [BID]), SnapshotOutcome::Stale);
        let levels = [Some((Side::Bid, 100.5, 1.0)), BID, ASK];
        assert_eq!(book.apply_snapshot(snapshot(12), levels), SnapshotOutcome::Confirmed);
        assert_eq!(book.apply_snapshot(snapshot(12), [BID, ASK]), SnapshotOutcome::Corrected);
        assert_eq!(best(&book), (Some(200), Some(202)));
        assert_eq!((book.counts().snapshots_confirmed, book.counts().snapshots_corrected), (1, 1));
    }

    #[test]
    fn a_snapshot_in_parts_counts_from_its_last_part() {
        let mut book = book(Start::AwaitSnapshot);
        let first = SnapshotHeader { is_last: false, ..snapshot(10) };
        assert_eq!(book.apply_snapshot(first, [BID]), SnapshotOutcome::Partial);
        assert_eq!((book.trust(), book.shape()), (Trust::Broken, Shape::Empty));
        assert_eq!(book.apply_snapshot(snapshot(10), [ASK]), SnapshotOutcome::Installed);
        assert_eq!(best(&book), (Some(200), Some(202)));
    }

    #[test]
    fn parts_of_different_snapshots_do_not_mix() {
        let mut book = book(Start::AwaitSnapshot);
        book.apply_snapshot(SnapshotHeader { is_last: false, ..snapshot(10) }, [BID]);
        assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
        assert_eq!(best(&book), (None, Some(202)));
        book.apply_snapshot(SnapshotHeader { is_last: false, ..snapshot(12) }, [BID]);
        book.abandon_snapshot();
        assert_eq!(book.apply_snapshot(snapshot(12), [ASK]), SnapshotOutcome::Installed);
        assert_eq!(best(&book), (None, Some(202)));
    }

    #[test]
    fn an_incomplete_snapshot_never_makes_a_book_complete() {
        let mut empty = book(Start::AwaitSnapshot);
        let part = SnapshotHeader { is_complete: false, ..snapshot(10) };
        assert_eq!(empty.apply_snapshot(part, [BID]), SnapshotOutcome::Installed);
        assert_eq!((empty.trust(), best(&empty)), (Trust::Joined, (Some(200), None)));
        let mut book = complete();
        assert_eq!(book.apply_snapshot(SnapshotHeader { change_id: 11, ..part }, [BID]), SnapshotOutcome::Incomplete);
        assert_eq!((book.trust(), best(&book)), (Trust::Complete, (Some(200), Some(202))));
    }

    #[test]
    fn a_change_in_parts_is_unreliable_until_its_last() {
        let mut book = complete();
        assert_eq!(book.apply_changes(part(10, 11), [delete(Side::Bid, 100.0)]), ChangeOutcome::Applied);
        assert!(book.is_mid_change() && !book.is_reliable());
        assert_eq!(book.apply_changes(header(10, 11), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Applied);
        assert!(book.is_reliable());
        assert_eq!((best(&book), book.counts().links_held), ((Some(198), Some(202)), 1));
    }

    #[test]
    fn a_change_without_its_last_part_breaks_the_book() {
        let mut book = complete();
        book.apply_changes(part(10, 11), [delete(Side::Bid, 100.0)]);
        let broke = book.apply_changes(header(11, 12), [set(Side::Bid, 99.0, 1.0)]);
        assert_eq!(broke, ChangeOutcome::Broke(Break::Unfinished));
        assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
        assert_eq!(best(&book), (Some(198), Some(202)));
    }

    #[test]
    fn lost_packets_put_a_book_in_doubt_until_the_next_change_chains() {
        let mut book = complete();
        book.suspect();
        assert!(book.is_suspect() && !book.is_reliable());
        assert_eq!(book.trust(), Trust::Complete);
        book.apply_changes(header(10, 11), []);
        assert!(book.is_reliable());
        book.suspect();
        assert_eq!(book.apply_snapshot(snapshot(11), [BID, ASK]), SnapshotOutcome::Confirmed);
        assert!(book.is_reliable());
    }

    #[test]
    fn lost_packets_in_the_middle_of_a_change_break_the_book() {
        let mut book = complete();
        book.apply_changes(part(10, 11), [delete(Side::Bid, 100.0)]);
        book.suspect();
        assert_eq!(book.trust(), Trust::Broken);
        assert_eq!(book.apply_changes(header(10, 11), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Stale);
        assert_eq!(book.apply_snapshot(snapshot(10), [BID, ASK]), SnapshotOutcome::Unchained);
        assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
    }

    #[test]
    fn prices_off_the_tick_and_unclear_levels_are_counted_and_break_the_book() {
        let price = |price| [set(Side::Bid, price, 1.0)];
        for (changes, reason) in [
            (price(100.25), Break::OffTick),
            (price(100.000_01), Break::OffTick),
            (price(f64::NAN), Break::OffTick),
            (price(1e300), Break::OffTick),
            (price(f64::INFINITY), Break::OffTick),
            ([set(Side::Bid, 100.0, f64::NAN)], Break::Malformed),
            ([set(Side::Bid, 100.0, 0.0)], Break::Malformed),
            ([set(Side::Bid, 100.0, -1.0)], Break::Malformed),
            ([None], Break::Malformed),
        ] {
            let mut book = complete();
            assert_eq!(book.apply_changes(header(10, 11), changes), ChangeOutcome::Broke(reason));
            assert_eq!((book.trust(), book.shape()), (Trust::Broken, Shape::Empty));
            let counts = *book.counts();
            assert_eq!(counts.off_tick_levels + counts.malformed_levels, 1);
            // The chain goes on: a snapshot that has the change makes the book good again.
            assert_eq!(book.apply_changes(header(11, 12), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Held);
            assert_eq!(book.apply_snapshot(snapshot(10), [BID, ASK]), SnapshotOutcome::Unchained);
            assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
            assert_eq!(best(&book), (Some(198), Some(202)));
        }
    }

    #[test]
    fn rounding_of_the_venue_is_within_the_tolerance() {
        let mut book = Book::new(0.0001, Start::AwaitSnapshot).expect("a good tick size");
        let price = 0.0125 + f64::EPSILON;
        assert_eq!(book.apply_snapshot(snapshot(1), [Some((Side::Bid, price, 1.0))]), SnapshotOutcome::Installed);
        assert_eq!(book.best_bid(), Some(Level { price_ticks: 125, amount: 1.0 }));
    }

    #[test]
    fn an_unreadable_snapshot_leaves_the_book_as_it_was() {
        let mut book = complete();
        let off_tick = [Some((Side::Bid, 100.1, 1.0)), ASK];
        assert_eq!(book.apply_snapshot(snapshot(11), off_tick), SnapshotOutcome::Unreadable);
        assert_eq!((book.trust(), best(&book)), (Trust::Complete, (Some(200), Some(202))));
        assert_eq!(book.apply_snapshot(snapshot(11), [None, BID]), SnapshotOutcome::Unreadable);
        assert_eq!(book.counts().snapshots_ignored, 2);
    }

    #[test]
    fn changes_that_do_not_fit_a_complete_book_are_counted() {
        let mut book = complete();
        let change = |price| Some(LevelChange { side: Side::Bid, action: Action::Change, price, amount: 7.0 });
        book.apply_changes(header(10, 11), [set(Side::Bid, 100.0, 5.0), change(99.0), delete(Side::Ask, 102.0)]);
        assert_eq!(book.counts().mismatched_levels, 3);
        assert_eq!(book.levels(Side::Bid).map(|level| level.amount).collect::<Vec<_>>(), [5.0, 7.0]);
    }
}

mod feed {
    use super::*;

    fn fields(instrument_id: u32, tick_size: f64) -> InstrumentFields {
        InstrumentFields {
            instrument_id,
            state: 1,
            kind: 0,
            payoff: 1,
            right: 0,
            rfq: 0,
            settlement_period: 0,
            settlement_period_count: 1,
            currencies: ["BTC", "USD", "USD", "BTC", "USD"].map(String::from),
            creation_ms: 0,
            expiry_ms: 0,
            strike: 0.0,
            contract_size: 10.0,
            min_trade_amount: 10.0,
            tick_size,
            commissions: [0.0; 4],
            max_leverage: 50.0,
            name: format!("I-{instrument_id}"),
        }
    }

    fn snapshot_fields(instrument_id: u32, change_id: u64, is_last_in_book: u8) -> SnapshotFields {
        SnapshotFields { instrument_id, timestamp_ms: 1_000, change_id, is_book_complete: 1, is_last_in_book }
    }

    fn ticker_fields(timestamp_ms: u64, best_bid: (f64, f64)) -> TickerFields {
        TickerFields {
            instrument_id: 5,
            state: 1,
            timestamp_ms,
            open_interest: 1.0,
            min_sell_price: 1.0,
            max_buy_price: 1.0,
            last_price: 1.0,
            index_price: 60_000.0,
            mark_price: 60_001.0,
            best_bid,
            best_ask: (f64::NAN, 0.0),
            funding: (f64::NAN, f64::NAN),
            delivery: (f64::NAN, f64::NAN, f64::NAN),
        }
    }

    /// Feeds one packet of messages; returns what became of each.
    fn feed(books: &mut Books, channel: u16, encode: impl FnOnce(&mut PacketEncoder)) -> Vec<Applied> {
        let packet = one_packet(encode);
        messages(&packet).expect("a good packet").iter().map(|message| books.on_message(channel, message)).collect()
    }

    fn defined() -> Books {
        let mut books = Books::new(Start::AwaitSnapshot);
        let applied = feed(&mut books, 101, |packet| {
            packet.instrument(&fields(5, 0.5)).instrument(&fields(6, 0.5));
        });
        assert_eq!(applied, [Applied::Defined; 2]);
        books
    }

    #[test]
    fn a_crossed_and_a_one_sided_book_come_through_from_the_wire() {
        let mut books = defined();
        feed(&mut books, 101, |packet| {
            packet
                .snapshot(&snapshot_fields(5, 1, 1), &[(1, 100.0, 1.0), (0, 99.0, 2.0)])
                .snapshot(&snapshot_fields(6, 1, 1), &[(0, 99.0, 2.0)]);
        });
        assert_eq!(books.book(5).map(Book::shape), Some(Shape::Crossed));
        assert_eq!(books.book(6).map(Book::shape), Some(Shape::AskOnly));
    }

    #[test]
    fn a_change_without_a_price_breaks_the_book() {
        let mut books = defined();
        feed(&mut books, 101, |packet| {
            packet.snapshot(&snapshot_fields(5, 1, 1), &[(1, 100.0, 1.0)]);
        });
        let change = |side, action, price| ChangeFields { side, action, price, amount: 1.0 };
        for bad in [change(1, 0, f64::NAN), change(255, 0, 100.0), change(1, 7, 100.0)] {
            let mut books = books.clone();
            let applied = feed(&mut books, 1, |packet| {
                let fields =
                    BookFields { instrument_id: 5, timestamp_ms: 1_001, prev_change_id: 1, change_id: 2, is_last: 1 };
                packet.book(&fields, &[bad]);
            });
            assert_eq!(applied, [Applied::Change(ChangeOutcome::Broke(Break::Malformed))]);
        }
    }

    #[test]
    fn the_ticker_stands_beside_the_book_and_never_goes_back() {
        let mut books = defined();
        feed(&mut books, 1, |packet| {
            packet.ticker(&ticker_fields(2_000, (100.0, 5.0))).ticker(&ticker_fields(1_000, (90.0, 5.0)));
        });
        let ticker = books.ticker(5).expect("a ticker came");
        assert_eq!((ticker.best_bid, ticker.best_ask), (Some((100.0, 5.0)), None));
        assert_eq!((ticker.mark_price, ticker.index_price), (Some(60_001.0), Some(60_000.0)));
        assert_eq!(books.book(5).map(Book::trust), Some(Trust::Broken));
        assert!(books.ticker(6).is_none());
    }

    #[test]
    fn messages_of_undefined_instruments_are_counted() {
        let mut books = Books::new(Start::JoinMidStream);
        let applied = feed(&mut books, 1, |packet| {
            packet.ticker(&ticker_fields(1, (1.0, 1.0))).instrument(&fields(7, f64::NAN));
        });
        assert_eq!(applied, [Applied::Undefined, Applied::Defined]);
        assert_eq!((books.counts().undefined, books.counts().bad_definitions), (1, 1));
        assert!(books.book(7).is_none());
    }

    #[test]
    fn the_finest_tick_size_of_repeated_definitions_counts() {
        let mut books = defined();
        feed(&mut books, 101, |packet| {
            packet.tiered_instrument(&fields(5, 0.1), &[(10.0, 0.5)]).instrument(&fields(5, 0.5));
        });
        assert_eq!(books.book(5).map(Book::tick_size), Some(0.1));
        assert_eq!(books.book(6).map(Book::tick_size), Some(0.5));
    }

    #[test]
    fn after_a_loss_the_rest_of_an_interrupted_snapshot_is_passed_over() {
        let mut books = defined();
        feed(&mut books, 101, |packet| {
            packet.snapshot(&snapshot_fields(5, 1, 0), &[(1, 100.0, 1.0)]);
        });
        books.on_arrival(101, Arrival::Gap { missing_packets: 1 });
        let applied = feed(&mut books, 101, |packet| {
            packet
                .snapshot(&snapshot_fields(5, 1, 0), &[(1, 99.0, 1.0)])
                .snapshot(&snapshot_fields(5, 1, 1), &[(1, 98.0, 1.0)])
                .snapshot(&snapshot_fields(6, 1, 1), &[(1, 50.0, 1.0)]);
        });
        let installed = Applied::Snapshot(SnapshotOutcome::Installed);
        assert_eq!(applied, [Applied::SnapshotTail, Applied::SnapshotTail, installed]);
        assert_eq!(books.book(5).map(Book::trust), Some(Trust::Broken));
        assert_eq!(books.counts().snapshot_tails, 2);
    }

    #[test]
    fn a_loss_on_an_event_channel_puts_its_books_in_doubt_and_no_others() {
        let mut books = defined();
        feed(&mut books, 101, |packet| {
            packet.snapshot(&snapshot_fields(5, 1, 1), &[]).snapshot(&snapshot_fields(6, 1, 1), &[]);
        });
        for (instrument_id, channel) in [(5, 1), (6, 2)] {
            feed(&mut books, channel, |packet| {
                let fields =
                    BookFields { instrument_id, timestamp_ms: 1_001, prev_change_id: 1, change_id: 2, is_last: 1 };
                packet.book(&fields, &[]);
            });
        }
        books.on_arrival(1, Arrival::Gap { missing_packets: 3 });
        let doubts: Vec<_> = books.iter().map(|(id, book)| (id, book.is_suspect())).collect();
        assert_eq!(doubts, [(5, true), (6, false)]);
    }
}

mod real_capture {
    use super::*;

    /// The venue's sample capture, outside the project; `None` after saying so if it is absent.
    fn sample(name: &str) -> Option<CaptureFile> {
        let name = format!("deribit-legacy/{name}");
        let path = real_data(Path::new(env!("CARGO_MANIFEST_DIR")), &name)?;
        Some(CaptureFile::open(&path).expect("the sample capture opens"))
    }

    #[test]
    fn the_sample_capture_reads_without_a_loss() {
        let Some(file) = sample("sample_capture_v1_6.pcapng") else { return };
        let reading = Reading::of(file.bytes());
        assert!(reading.error.is_none());
        assert_eq!((reading.datagrams, reading.skipped.total()), (5_066, 0));
        assert_eq!((reading.counts.packets, reading.counts.framing_errors), (5_066, 0));
        assert_eq!((reading.counts.unknown_templates, reading.counts.unknown_schemas), (0, 0));
        assert_eq!(reading.channels.len(), 29);
        assert_eq!(reading.sum(|channel| channel.gaps + channel.duplicates + channel.restarts), 0);
        let counts: Vec<u64> = (1000..=1010).map(|template| reading.counts.of(template)).collect();
        assert_eq!(counts, [194, 1_064, 332, 4_211, 197, 60, 60, 0, 468, 0, 194]);
        assert_eq!(reading.counts.trades, 421);
    }

    #[test]
    fn the_sample_captures_changes_follow_each_other() {
        let Some(file) = sample("sample_capture_v1_6.pcapng") else { return };
        let (mut last, mut links, mut held) = (BTreeMap::new(), 0, 0);
        for datagram in file.datagrams().expect("a capture") {
            let payload = datagram.expect("no damage").payload;
            for message in messages(payload).expect("no framing errors") {
                let Message::Book(update) = message else { continue };
                if let Some(last_id) = last.insert(update.instrument_id(), update.change_id()) {
                    links += 1;
                    held += u64::from(update.prev_change_id() == last_id);
                }
            }
        }
        assert_eq!((held, links), (988, 988));
    }

    #[test]
    fn the_sample_captures_books_join_mid_stream_and_agree_with_its_snapshots() {
        let Some(file) = sample("sample_capture_v1_6.pcapng") else { return };
        let mut books = Books::new(Start::JoinMidStream);
        for datagram in file.datagrams().expect("a capture") {
            let payload = datagram.expect("no damage").payload;
            for message in messages(payload).expect("no framing errors") {
                if let Some(definition) = message.definition() {
                    books.define(&definition);
                }
            }
        }
        assert_eq!(books.iter().count(), 84);
        let reading = Reading::with_books(file.bytes(), books);
        let sum = |count: fn(&hedgewire_host::book::BookCounts) -> u64| -> u64 {
            reading.books.iter().map(|(_, book)| count(book.counts())).sum()
        };
        assert_eq!(sum(|counts| counts.changes), 1_064);
        assert_eq!(sum(|counts| counts.gaps + counts.breaks), 0);
        assert_eq!(sum(|counts| counts.off_tick_levels + counts.malformed_levels), 0);
        assert_eq!(sum(|counts| counts.mismatched_levels), 0);
        assert_eq!(sum(|counts| counts.snapshots_corrected), 0);
        assert!(sum(|counts| counts.snapshots_confirmed) > 50);
        let complete = reading.books.iter().filter(|(_, book)| book.trust() == Trust::Complete).count();
        assert_eq!(complete, 84);
    }

    #[test]
    fn the_sample_captures_tickers_state_the_best_of_its_books() {
        let Some(file) = sample("sample_capture_v1_6.pcapng") else { return };
        let reading = Reading::of(file.bytes());
        let mut compared = 0;
        for (instrument_id, book) in reading.books.iter().filter(|(_, book)| book.is_reliable()) {
            let Some(ticker) = reading.books.ticker(instrument_id) else { continue };
            let stated = |level: Option<Level>| level.map(|level| (book.price(level.price_ticks), level.amount));
            for (stated, ticker) in
                [(stated(book.best_bid()), ticker.best_bid), (stated(book.best_ask()), ticker.best_ask)]
            {
                match (stated, ticker) {
                    (Some(book), Some(ticker)) => {
                        assert!((book.0 - ticker.0).abs() < 1e-6 && book.1 == ticker.1, "{instrument_id}");
                    }
                    (None, None | Some((_, 0.0))) => {}
                    other => panic!("{instrument_id}: {other:?}"),
                }
                compared += 1;
            }
        }
        assert!(compared >= 160, "{compared}");
    }

    #[test]
    fn the_price_index_capture_reads_without_a_loss() {
        let Some(file) = sample("price_index.pcapng") else { return };
        let reading = Reading::of(file.bytes());
        assert!(reading.error.is_none());
        assert_eq!((reading.datagrams, reading.counts.of(1008), reading.counts.framing_errors), (1_277, 1_277, 0));
    }
}
