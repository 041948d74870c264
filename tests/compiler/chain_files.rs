//! Chains as files: typed rows, bad ones told by line and reason, compression, and prices of futures beside them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use hedgewire_host::chain::{ChainError, read_perpetuals, read_snapshot, read_term_futures, snapshots};
use hedgewire_host::instrument::Right;

use crate::market::{NOW_NS, SECOND_NS};

pub const HEADER: &str = "timestamp,instrument_name,underlying,option_type,strike,expiry_datetime,time_to_maturity,\
bid_price,ask_price,mark_price,futures_price,implied_volatility,delta,vega,open_interest,index_price";

pub fn line(name: &str, right: &str, strike: &str, bid: &str, vol: &str) -> String {
    format!(
        "2026-02-01T04:54:02.172460+00:00,{name},78919.8,{right},{strike},2026-02-06T08:00:00+00:00,0.014,\
         {bid},0.118,0.1164,78919.8,{vol},-0.94876,9.83912,430.2,78933.64"
    )
}

pub fn write_file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    path
}

#[test]
fn chain_rows_are_typed_and_empty_fields_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = [
        HEADER.to_owned(),
        line("BTC-6FEB26-88000-P", "put", "88000.0", "0.115", "0.5515"),
        line("BTC-6FEB26-80000-C", "call", "80000", "", "NaN"),
    ];
    let path = write_file(folder.path(), "chain.csv", &text.join("\n"));
    let snapshot = read_snapshot(&path).expect("it reads");
    assert!(snapshot.bad.is_empty(), "{:?}", snapshot.bad);
    assert_eq!((snapshot.name.as_str(), snapshot.time_ns), ("chain.csv", NOW_NS));
    let [put, call] = &snapshot.rows[..] else { panic!("two rows") };
    assert_eq!((put.line, put.bid, put.vol, put.ask), (2, Some(0.115), Some(0.5515), Some(0.118)));
    assert_eq!((put.option.right, put.option.strike_usd, put.time_ns), (Right::Put, 88_000.0, NOW_NS));
    assert_eq!((call.line, call.bid, call.vol, call.index_usd), (3, None, None, Some(78_933.64)));
    assert_eq!(snapshot.rows_of("ETH").count(), 0);
}

#[test]
fn bad_rows_are_counted_with_line_and_reason_and_the_rest_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = line("BTC-6FEB26-88000-P", "put", "88000", "0.115", "0.5515");
    let text = [
        HEADER.to_owned(),
        good.clone(),
        line("BTC-6FEB26-88000-P", "call", "88000", "0.1", "0.5"),
        line("BTC-6FEB26-88000-P", "put", "87000", "0.1", "0.5"),
        line("BTC-7FEB26-88000-P", "put", "88000", "0.1", "0.5"),
        line("BTC-6FEB26-88000-P", "put", "88000", "abc", "0.5"),
        line("BTC-6FEB26-88000-P", "put", "88000", "0.1", "inf"),
        line("nonsense", "put", "88000", "0.1", "0.5"),
        "1,2,3".to_owned(),
        good.replace("2026-02-01T04:54:02.172460+00:00", "yesterday"),
        good,
    ];
    let path = write_file(folder.path(), "chain.csv", &text.join("\n"));
    let snapshot = read_snapshot(&path).expect("it reads");
    assert_eq!(snapshot.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 11]);
    let reasons = [
        "option_type",
        "strike",
        "expiry_datetime",
        "bid_price `abc`",
        "infinite",
        "nonsense",
        "3 fields",
        "yesterday",
    ];
    assert_eq!(snapshot.bad.len(), reasons.len());
    for ((bad, reason), line) in snapshot.bad.iter().zip(reasons).zip(3..) {
        assert_eq!(bad.line, line);
        assert!(bad.reason.contains(reason), "line {line}: {}", bad.reason);
    }
}

#[test]
fn bytes_that_are_no_text_spoil_only_their_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = line("BTC-6FEB26-88000-P", "put", "88000", "0.115", "0.5515");
    let mut bytes = format!("{HEADER}\n{good}\n").into_bytes();
    bytes.extend_from_slice(good.replace("BTC", "B?C").as_bytes());
    let at = bytes.iter().rposition(|&byte| byte == b'?').expect("the mark");
    bytes[at] = 0xff;
    bytes.extend_from_slice(format!("\n{good}\n").as_bytes());
    let path = folder.path().join("chain.csv");
    fs::write(&path, bytes).expect("a file");
    let snapshot = read_snapshot(&path).expect("it reads");
    assert_eq!((snapshot.rows.len(), snapshot.bad.len(), snapshot.bad[0].line), (2, 1, 3));
}

#[test]
fn missing_columns_are_named_and_unreadable_files_say_which() {
    let folder = tempfile::tempdir().expect("a folder");
    let header = HEADER.replace("strike,", "").replace(",vega", "");
    let path = write_file(folder.path(), "chain.csv", &header);
    let error = read_snapshot(&path).expect_err("columns are missing");
    let ChainError::MissingColumns { columns, .. } = &error else { panic!("{error}") };
    assert_eq!(columns, &["strike", "vega"]);
    assert!(error.to_string().contains("strike, vega") && error.to_string().contains("chain.csv"));
    let error = read_snapshot(&folder.path().join("absent.csv")).expect_err("no file");
    assert!(error.to_string().contains("absent.csv"));
    let empty = write_file(folder.path(), "empty.csv", "");
    assert!(matches!(read_snapshot(&empty), Err(ChainError::MissingColumns { columns, .. }) if columns.len() == 15));
}

#[test]
fn compressed_chains_read_the_same_and_truncated_ones_fail() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: Vec<String> =
        (0..2000).map(|i| line("BTC-6FEB26-88000-P", "put", "88000", &format!("0.{i:04}"), "0.5")).collect();
    let text = format!("{HEADER}\n{}\n", rows.join("\n"));
    let plain = read_snapshot(&write_file(folder.path(), "a_snapshot_20260201T045402Z.csv", &text)).expect("it reads");
    let bytes = gzip(text.as_bytes());
    let path = folder.path().join("a_snapshot_20260201T045402Z.csv.gz");
    fs::write(&path, &bytes).expect("a file");
    assert_eq!(read_snapshot(&path).expect("it reads"), plain);
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("a file");
    assert!(matches!(read_snapshot(&path), Err(ChainError::Read { .. })));
    let broken = write_file(folder.path(), "b.csv.gz", &text);
    assert!(matches!(read_snapshot(&broken), Err(ChainError::Read { .. })));
}

/// Gzip of stored blocks (RFC 1951, 3.2.4; RFC 1952), so that the test needs no compressor.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks: Vec<&[u8]> = bytes.chunks(60_000).collect();
    for (i, block) in blocks.iter().enumerate() {
        out.push(u8::from(i + 1 == blocks.len()));
        out.extend_from_slice(&(block.len() as u16).to_le_bytes());
        out.extend_from_slice(&(!(block.len() as u16)).to_le_bytes());
        out.write_all(block).expect("memory");
    }
    out.extend_from_slice(&crc32(bytes).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, step)
}

#[test]
fn snapshots_are_listed_in_time_order_and_other_files_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "x_snapshot_20260214T212435Z.csv.gz",
        "x_snapshot_20260201T045402Z.csv.gz",
        "x_snapshot_20260201T092323Z.csv",
        "x_snapshot_20261301T092323Z.csv",
        "perpetual_futures_prices.csv",
        "notes.txt",
    ] {
        write_file(folder.path(), name, "");
    }
    let files = snapshots(folder.path()).expect("it lists");
    let names: Vec<_> = files.iter().map(|file| file.path.file_name().expect("a name").to_owned()).collect();
    assert_eq!(
        names,
        ["x_snapshot_20260201T045402Z.csv.gz", "x_snapshot_20260201T092323Z.csv", "x_snapshot_20260214T212435Z.csv.gz"]
    );
    assert_eq!(files[0].time_ns, NOW_NS / SECOND_NS * SECOND_NS);
    assert!(snapshots(&folder.path().join("absent")).is_err());
}

#[test]
fn futures_prices_are_found_by_snapshot_and_coin() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "snapshot_file,obs_datetime,coin,instrument_name,perp_futures_mark_price\n\
                s.csv,2026-02-01T04:54:02+00:00,BTC,BTC-PERPETUAL,78926.0\n\
                s.csv,2026-02-01T04:54:02+00:00,ETH,ETH-PERPETUAL,\n";
    let perpetuals = read_perpetuals(&write_file(folder.path(), "p.csv", text)).expect("it reads");
    assert_eq!(perpetuals.perpetual_usd("s.csv", "BTC"), Some(78_926.0));
    assert_eq!(perpetuals.perpetual_usd("s.csv", "ETH"), None);
    assert_eq!(perpetuals.perpetual_usd("t.csv", "BTC"), None);
    assert_eq!((perpetuals.bad.len(), perpetuals.bad[0].line), (1, 3));
    let text = "snapshot_file,timestamp,futures_instrument_name,snapshot_term_mark_price\n\
                s.csv.gz,2026-02-01T04:54:02+00:00,BTC-6FEB26,78919.8\n\
                s.csv,2026-02-01T04:54:02+00:00,ETH-6FEB26,2440\n";
    let terms = read_term_futures(&write_file(folder.path(), "t.csv", text)).expect("it reads");
    assert_eq!(terms.term_usd("s.csv", "BTC"), BTreeMap::from([(1_770_364_800 * SECOND_NS, 78_919.8)]));
    assert!(matches!(read_perpetuals(&folder.path().join("t.csv")), Err(ChainError::MissingColumns { .. })));
}
