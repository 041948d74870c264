//! The books of a whole feed: definitions, channels, losses.

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
fn tickers_change_no_book() {
    let mut books = defined();
    let applied = feed(&mut books, 1, |packet| {
        packet.ticker(&ticker_fields(2_000, (100.0, 5.0)));
    });
    assert_eq!(applied, [Applied::Ignored]);
    assert_eq!(books.book(5).map(Book::trust), Some(Trust::Broken));
    assert_eq!(books.book(5).map(|book| (book.best_bid(), book.best_ask())), Some((None, None)));
}

#[test]
fn messages_of_undefined_instruments_are_counted() {
    let mut books = Books::new(Start::JoinMidStream);
    let applied = feed(&mut books, 1, |packet| {
        let change = BookFields { instrument_id: 5, timestamp_ms: 1, prev_change_id: 1, change_id: 2, is_last: 1 };
        packet.book(&change, &[]).instrument(&fields(7, f64::NAN));
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
            let fields = BookFields { instrument_id, timestamp_ms: 1_001, prev_change_id: 1, change_id: 2, is_last: 1 };
            packet.book(&fields, &[]);
        });
    }
    books.on_arrival(1, Arrival::Gap { missing_packets: 3 });
    let doubts: Vec<_> = books.iter().map(|(id, book)| (id, book.is_suspect())).collect();
    assert_eq!(doubts, [(5, true), (6, false)]);
}
