//! Packets written by hand, and the venue's own.

use super::*;
use wire::{INCREMENTAL, SNAPSHOT, WHOLE};

/// The venue's own packet of version 0, from its test environment, 10 April 2026.
const ASK_PUT_V0: &str = "9dad06c40c14a518 a558000000000000 35af0000 0100 0100 3000 1500 0000 0300 970106c40c14a518 \
    000080a2c15f5602 f9d9040000000000 0a00000000000000 000f264054040000";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits");
    digits.chunks(2).map(byte).collect()
}

fn assert_golden_ask_put(bytes: &[u8]) {
    let packet = Packet::new(bytes).expect("the venue's packet");
    assert_eq!((packet.sending_time_ns, packet.seq, packet.next_seq()), (1_775_847_673_128_463_773, 22_693, 22_694));
    assert_eq!((packet.channel_id, packet.kind.0, packet.message_count), (44_853, 0x01, 1));
    let framed = only(bytes);
    assert_eq!((framed.template, framed.version, framed.flags.0), (21, 0, 3));
    assert_eq!(packet.sending_time_ns - framed.transact_time_ns, 44_038);
    let Message::UnsortedPut(Side::Ask, put) = framed.message else { panic!("{framed:?}") };
    assert_eq!((put.order_id(), put.instrument_id()), (0x0256_5fc1_a280_0000, 317_945));
    assert_eq!((put.quantity_mantissa(), put.price()), (10, Some(4_759_900_000_000)));
}

#[test]
fn the_venues_own_packet_reads_as_it_should() {
    assert_golden_ask_put(&hex(ASK_PUT_V0));
    if let Some(bytes) = shared_file("starbase/deribit_starbase_golden_askput_v0.bin") {
        assert_eq!(bytes, hex(ASK_PUT_V0));
        assert_golden_ask_put(&bytes);
    }
}

#[test]
fn a_bid_put_of_version_1_reads_as_it_was_written() {
    let bytes = hex("0100000000000000 0700000000000000 35af0000 0100 0100
         3800 1400 0100 0300 0200000000000000
         0300000000000000 0400000000000000 0500000000000000 00ca9a3b00000000 0600000000000000");
    let framed = only(&bytes);
    assert_eq!((framed.template, framed.version, framed.transact_time_ns), (20, 1, 2));
    assert!(framed.flags.is_start() && framed.flags.is_end());
    let Message::Put(Side::Bid, put) = framed.message else { panic!("{framed:?}") };
    assert_eq!((put.order_id(), put.instrument_id(), put.quantity_mantissa()), (3, 4, 5));
    assert_eq!((put.price(), put.sort_order_id()), (Some(1_000_000_000), 6));
    let put = Body::put(true, 4, 3, 1_000_000_000, 5, 6);
    let again = packet(INCREMENTAL, 44_853, 7, 1, &[(put, WHOLE)]);
    assert_eq!(again[24..40], [&bytes[24..32], &1_700_000_000_000_000_000_i64.to_le_bytes()].concat());
    assert_eq!(again[40..], bytes[40..], "the tests' builder writes the same");
}

fn message(body: Body) -> Vec<u8> {
    packet(INCREMENTAL, 1, 1, 1, &[(body, WHOLE)])
}

#[test]
fn definitions_have_their_groups() {
    let bytes = message(Body::definition(42, 0, &[(1, 2), (3, 4)], &[(5, -1), (6, 2), (7, 1)]));
    let Message::Definition(definition) = only(&bytes).message else { panic!() };
    let instrument = definition.instrument;
    assert_eq!((instrument.instrument_id(), instrument.index_id()), (42, 77));
    assert_eq!(instrument.name().as_str(), Some("BTC-PERPETUAL"));
    assert_eq!(instrument.underlying().as_str(), Some("BTC"));
    assert_eq!((instrument.quantity_asset().as_str(), instrument.price_asset().as_str()), (Some("USD"), Some("USD")));
    assert_eq!((instrument.expiry_time(), instrument.strike_price()), (None, None));
    assert_eq!((instrument.min_order_quantity(), instrument.tick_size()), (10, 500_000_000));
    assert_eq!((instrument.quantity_exponent(), instrument.kind()), (0, InstrumentType::Perpetual));
    assert!(instrument.flags().is_reversed() && instrument.flags().is_perpetual() && !instrument.flags().is_put());
    assert_eq!(instrument.status(), InstrumentStatus::Open);
    let ticks: Vec<_> =
        definition.large_tick_sizes.map(|tick| (tick.large_tick_size(), tick.threshold_price())).collect();
    assert_eq!(ticks, [(1, 2), (3, 4)]);
    assert_eq!(definition.legs.len(), 3);
    let legs: Vec<_> = definition.legs.map(|leg| (leg.leg_instrument_id(), leg.ratio())).collect();
    assert_eq!(legs, [(5, -1), (6, 2), (7, 1)]);
}

#[test]
fn instrument_messages_read_as_they_were_written() {
    let bytes = message(Body::new(11).i64(7).text("btc_usd", 128));
    let Message::IndexDefinition(index) = only(&bytes).message else { panic!() };
    assert_eq!((index.index_id(), index.name().as_str()), (7, Some("btc_usd")));

    let bytes = message(Body::new(12).i64(7).i64(65_000));
    let Message::IndexInfo(index) = only(&bytes).message else { panic!() };
    assert_eq!((index.index_id(), index.index_price()), (7, Some(65_000)));

    let bytes = message(Body::new(14).i64(7).i64(1).i64(2).i64(i64::MIN));
    let Message::InstrumentInfo(info) = only(&bytes).message else { panic!() };
    assert_eq!((info.instrument_id(), info.min_sell_price(), info.max_buy_price()), (7, Some(1), Some(2)));
    assert_eq!(info.mark_price(), None);

    let body = Body::new(15).i64(7).f64(0.25).f64(f64::NAN).i64(1).i64(i64::MIN).i64(3).f64(4.5);
    let bytes = message(body);
    let Message::InstrumentRef(reference) = only(&bytes).message else { panic!() };
    assert_eq!((reference.current_funding(), reference.funding_8h()), (Some(0.25), None));
    assert_eq!((reference.estimated_delivery_price(), reference.delivery_price()), (Some(1), None));
    assert_eq!((reference.settlement_price(), reference.open_interest()), (Some(3), Some(4.5)));

    for (byte, status) in [
        (0, InstrumentStatus::Open),
        (1, InstrumentStatus::Inactive),
        (2, InstrumentStatus::Settlement),
        (3, InstrumentStatus::Delivered),
        (4, InstrumentStatus::Locked),
        (5, InstrumentStatus::Halted),
        (0x80, InstrumentStatus::Unknown(-128)),
    ] {
        let bytes = message(Body::status(7, byte));
        let Message::Status(update) = only(&bytes).message else { panic!() };
        assert_eq!((update.instrument_id(), update.trading_status()), (7, status));
    }
}

#[test]
fn order_messages_read_as_they_were_written() {
    for (is_bid, side) in [(true, Side::Bid), (false, Side::Ask)] {
        let bytes = message(Body::put(is_bid, 1, 2, -3, 4, 5));
        let Message::Put(read, put) = only(&bytes).message else { panic!() };
        assert_eq!((read, put.price(), put.sort_order_id()), (side, Some(-3), 5));
        let bytes = message(Body::reduce(is_bid, 1, 2, 3));
        let Message::QuantityReduced(read, reduced) = only(&bytes).message else { panic!() };
        assert_eq!((read, reduced.instrument_id(), reduced.order_id()), (side, 1, 2));
        assert_eq!(reduced.quantity_mantissa(), 3);
        let bytes = message(Body::delete(is_bid, 1, 2));
        let Message::Delete(read, delete) = only(&bytes).message else { panic!() };
        assert_eq!((read, delete.instrument_id(), delete.order_id()), (side, 1, 2));
    }
}

#[test]
fn trades_read_as_they_were_written() {
    let bytes = message(Body::new(30).i64(1).i64(2).i64(3).i64(4).i64(5).i64(6).i32(7).i32(3));
    let Message::TradeSummary(summary) = only(&bytes).message else { panic!() };
    assert_eq!((summary.instrument_id(), summary.taker_order_id(), summary.total_filled_mantissa()), (1, 2, 3));
    assert_eq!((summary.deepest_price(), summary.mark_price(), summary.index_price()), (Some(4), Some(5), Some(6)));
    assert_eq!(summary.trade_count(), 7);
    assert!(summary.taker_flags().is_sell() && summary.taker_flags().is_liquidation());

    let bytes = message(Body::new(31).i64(1).i64(2).i64(i64::MIN).i64(4).i64(5).i32(0));
    let Message::Trade(trade) = only(&bytes).message else { panic!() };
    assert_eq!((trade.match_id(), trade.instrument_id(), trade.maker_order_id()), (1, 2, None));
    assert_eq!((trade.fill_qty_mantissa(), trade.fill_price()), (4, Some(5)));
    assert!(!trade.maker_flags().is_sell());
}

#[test]
fn a_block_trade_of_version_2_reads_as_one_of_version_1_with_ten_bytes_more() {
    let block = Body::new(33).i64(1).i64(2).i64(3).i64(i64::MIN).i64(5).i64(6).i64(7).i64(8).f64(0.6).i32(1).u16(9);
    assert_eq!(block.bytes.len(), 78);
    let delayed = block.clone().i64(1_700_000_000).u16(1);
    for body in [block, delayed] {
        let bytes = message(body);
        let Message::BlockTrade(trade) = only(&bytes).message else { panic!() };
        assert_eq!((trade.match_id(), trade.instrument_id(), trade.block_trade_id()), (1, 2, 3));
        assert_eq!((trade.block_rfq_id(), trade.fill_qty_mantissa(), trade.fill_price()), (None, 5, Some(6)));
        assert_eq!((trade.mark_price(), trade.index_price()), (Some(7), Some(8)));
        assert_eq!((trade.implied_volatility(), trade.number_of_legs()), (Some(0.6), 9));
        assert!(trade.taker_flags().is_sell());
    }
}

#[test]
fn snapshot_and_retransmission_messages_read_as_they_were_written() {
    let bodies = [Body::snapshot_header(7, 8), Body::snapshot_trailer(7, 9), Body::end_of_cycle(3)];
    let bytes = packet(SNAPSHOT, 1, 1, 1, &bodies.map(|body| (body, 0)));
    let messages: Vec<_> = read(&bytes).into_iter().map(|framed| framed.expect("good").message).collect();
    let [Message::SnapshotHeader(header), Message::SnapshotTrailer(trailer), Message::EndOfCycle(end)] = messages[..]
    else {
        panic!("{messages:?}")
    };
    assert_eq!((header.instrument_id(), header.incremental_timestamp(), header.incremental_seq_num()), (7, 1, 8));
    assert_eq!((trailer.instrument_id(), trailer.timestamp(), trailer.increment_seq_num()), (7, 1, 9));
    assert_eq!(end.active_instrument_count(), 3);

    let bytes = message(Body::new(200).i64(5).u8(255));
    let Message::RetransmitRequest(request) = only(&bytes).message else { panic!() };
    assert_eq!((request.begin_seq_num(), request.message_count()), (5, 255));

    let bytes = message(Body::reject(3, 1000));
    let Message::RetransmitReject(reject) = only(&bytes).message else { panic!() };
    assert_eq!((reject.retry_delay_nanos(), reject.details().as_str()), (1000, Some("slow down")));
    assert_eq!(reject.reason(), RetransmitRejectReason::RateLimit);
}
