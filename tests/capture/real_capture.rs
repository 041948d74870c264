//! The venue's own sample captures, where they are available.

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

/// Price and amount of one side, as a ticker states them.
type Stated = Option<(f64, f64)>;

/// Bid and ask of the newest ticker of each instrument: the snapshot channels repeat older ones.
fn newest_tickers(file: &CaptureFile) -> BTreeMap<u32, (Stated, Stated)> {
    let mut newest: BTreeMap<u32, (u64, (Stated, Stated))> = BTreeMap::new();
    for datagram in file.datagrams().expect("a capture").map(|datagram| datagram.expect("a datagram")) {
        for message in messages(datagram.payload).expect("a good packet") {
            let Message::Ticker(ticker) = message else { continue };
            let bid = ticker.best_bid_price().zip(ticker.best_bid_amount());
            let ask = ticker.best_ask_price().zip(ticker.best_ask_amount());
            let entry = newest.entry(ticker.instrument_id()).or_default();
            if entry.0 <= ticker.timestamp_ms() {
                *entry = (ticker.timestamp_ms(), (bid, ask));
            }
        }
    }
    newest.into_iter().map(|(instrument_id, (_, tops))| (instrument_id, tops)).collect()
}

#[test]
fn the_sample_captures_tickers_state_the_best_of_its_books() {
    let Some(file) = sample("sample_capture_v1_6.pcapng") else { return };
    let reading = Reading::of(file.bytes());
    let (tickers, mut compared) = (newest_tickers(&file), 0);
    for (instrument_id, book) in reading.books.iter().filter(|(_, book)| book.is_reliable()) {
        let Some(&(bid, ask)) = tickers.get(&instrument_id) else { continue };
        let stated = |level: Option<Level>| level.map(|level| (book.price(level.price_ticks), level.amount));
        for (stated, ticker) in [(stated(book.best_bid()), bid), (stated(book.best_ask()), ask)] {
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
