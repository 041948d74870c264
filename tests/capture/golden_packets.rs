//! Packets written by hand from the venue's byte tables: the encoder writes them, the decoder reads them.

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
