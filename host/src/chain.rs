//! Option-chain snapshots and the futures prices that belong to them, from CSV.
//!
//! ```text
//!   folder ──snapshots()──► *_snapshot_{stamp}.csv[.gz] in time order
//!                                  │ read_snapshot
//!                                  ▼
//!   header ──by name──► columns ──► rows: Vec<ChainRow>     typed, empty fields are None
//!      └─ missing: error            bad:  Vec<BadRow>       line and reason, never fatal
//!
//!   read_perpetuals, read_term_futures ──► FuturesPrices, looked up by snapshot and coin
//! ```
//!
//! Columns are found by their header names, in any order; columns that nobody asked for are ignored.
//!
//! Invariants:
//! * every number in a row is finite; an empty field and `nan` are `None`;
//! * a row's option is the one its instrument name says, and its strike, right and expiry columns
//!   agree with that name;
//! * rows stand in file order; every line after the header is a row or a bad row.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use thiserror::Error;

use crate::instrument::{EuropeanOption, Future, Right};

/// Why a file or folder could not be read at all.
#[derive(Debug, Error)]
pub enum ChainError {
    /// The file or folder could not be opened or read to its end.
    #[error("cannot read {}: {source}; check the path, its permissions and that the file is complete", path.display())]
    Read {
        /// The path as given.
        path: PathBuf,
        /// What the operating system or the decompressor answered.
        source: io::Error,
    },
    /// The header lacks columns.
    #[error(
        "{} has no column {}; it needs a header with all of them, in any order",
        path.display(),
        columns.join(", ")
    )]
    MissingColumns {
        /// The path as given.
        path: PathBuf,
        /// Names of the missing columns.
        columns: Vec<&'static str>,
    },
}

/// A line that holds no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Line in the file, from 1; the header is line 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// One option of a snapshot. Prices of inverse options are in coin, of linear ones in USD.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainRow {
    /// Line in the file, from 1.
    pub line: u64,
    /// When the row was polled, ns since the Unix epoch.
    pub time_ns: u64,
    /// The option that its name says.
    pub option: EuropeanOption,
    /// Years to expiry as the file counts them.
    pub tau_years: Option<f64>,
    /// Best bid.
    pub bid: Option<f64>,
    /// Best ask.
    pub ask: Option<f64>,
    /// The venue's mark.
    pub mark: Option<f64>,
    /// The venue's forward of this expiry, USD.
    pub forward_usd: Option<f64>,
    /// The venue's mark vol, per root year (0.6 is 60 %).
    pub vol: Option<f64>,
    /// The venue's delta, `dV/dF`.
    pub delta: Option<f64>,
    /// The venue's vega, USD per vol point (0.01).
    pub vega: Option<f64>,
    /// Open interest, coins.
    pub open_interest: Option<f64>,
    /// Index of the coin, USD.
    pub index_usd: Option<f64>,
}

/// One chain file.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Its file name without folder and `.gz`: the key of its futures prices.
    pub name: String,
    /// Earliest time of its rows, ns since the Unix epoch; 0 if it has none.
    pub time_ns: u64,
    /// The rows, in file order.
    pub rows: Vec<ChainRow>,
    /// The lines that hold no row.
    pub bad: Vec<BadRow>,
}

impl Snapshot {
    /// The rows of one coin, in file order.
    pub fn rows_of<'a>(&'a self, underlying: &'a str) -> impl Iterator<Item = &'a ChainRow> + Clone {
        self.rows.iter().filter(move |row| row.option.underlying == underlying)
    }
}

/// A chain file in a folder, with the time in its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotFile {
    /// Time in its name, ns since the Unix epoch.
    pub time_ns: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// Lists the files `*_snapshot_{YYYYMMDD}T{hhmmss}Z.csv[.gz]` of a folder in time order; other files
/// are left out.
///
/// # Errors
/// [`ChainError::Read`] if the folder cannot be listed.
pub fn snapshots(folder: &Path) -> Result<Vec<SnapshotFile>, ChainError> {
    let fail = |source| ChainError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if let Some(time_ns) = snapshot_time(&path) {
            files.push(SnapshotFile { time_ns, path });
        }
    }
    files.sort();
    Ok(files)
}

/// The time in the name of a snapshot file, ns; `None` if it is none.
fn snapshot_time(path: &Path) -> Option<u64> {
    let name = key_of(path);
    let (_, stamp) = name.strip_suffix(".csv")?.rsplit_once("_snapshot_")?;
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?;
    let instant = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    u64::try_from(instant.as_nanosecond()).ok()
}

/// File name without folder and `.gz`.
fn key_of(path: &Path) -> String {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.strip_suffix(".gz").unwrap_or(name).to_owned()
}

const CHAIN_COLUMNS: [&str; 15] = [
    "timestamp",
    "instrument_name",
    "option_type",
    "strike",
    "expiry_datetime",
    "time_to_maturity",
    "bid_price",
    "ask_price",
    "mark_price",
    "futures_price",
    "implied_volatility",
    "delta",
    "vega",
    "open_interest",
    "index_price",
];

/// Reads a chain file, `.csv` or `.csv.gz`.
///
/// # Errors
/// [`ChainError`] if the file cannot be read to its end or its header lacks columns.
pub fn read_snapshot(path: &Path) -> Result<Snapshot, ChainError> {
    let table = read_table(path, CHAIN_COLUMNS, chain_row)?;
    let time_ns = table.rows.iter().map(|row| row.time_ns).min().unwrap_or(0);
    Ok(Snapshot { name: key_of(path), time_ns, rows: table.rows, bad: table.bad })
}

fn chain_row(line: u64, fields: [&str; 15]) -> Result<ChainRow, String> {
    let [time, name, right, strike, expiry, numbers @ ..] = fields;
    let option: EuropeanOption = name.parse().map_err(|error| format!("{error}"))?;
    agrees_with_name(&option, right, strike, expiry)?;
    let mut values = [None; 10];
    for (i, value) in values.iter_mut().enumerate() {
        *value = number(CHAIN_COLUMNS[5 + i], numbers[i])?;
    }
    let [tau_years, bid, ask, mark, forward_usd, vol, delta, vega, open_interest, index_usd] = values;
    let time_ns = time_ns("timestamp", time)?;
    Ok(ChainRow {
        line,
        time_ns,
        option,
        tau_years,
        bid,
        ask,
        mark,
        forward_usd,
        vol,
        delta,
        vega,
        open_interest,
        index_usd,
    })
}

/// A file whose name and columns disagree has shifted columns or a wrong join: nothing in the row
/// can be trusted.
fn agrees_with_name(option: &EuropeanOption, right: &str, strike: &str, expiry: &str) -> Result<(), String> {
    let named = match option.right {
        Right::Call => "call",
        Right::Put => "put",
    };
    if right != named {
        return Err(format!("option_type `{right}` disagrees with the name {option}"));
    }
    if number("strike", strike)? != Some(option.strike_usd) {
        return Err(format!("strike `{strike}` disagrees with the name {option}"));
    }
    if time_ns("expiry_datetime", expiry)? != option.expiry_ns {
        return Err(format!("expiry_datetime `{expiry}` disagrees with the name {option}"));
    }
    Ok(())
}

/// Price of a future or perpetual at the time of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct FuturePrice {
    /// When it was seen, ns since the Unix epoch.
    pub time_ns: u64,
    /// Its price, USD.
    pub price_usd: f64,
}

/// Prices of futures and perpetuals by snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FuturesPrices {
    /// By snapshot name (without `.gz`), then instrument name.
    pub prices: BTreeMap<String, BTreeMap<String, FuturePrice>>,
    /// The lines that hold no price.
    pub bad: Vec<BadRow>,
}

impl FuturesPrices {
    /// Price of the coin's inverse perpetual at a snapshot, USD.
    pub fn perpetual_usd(&self, snapshot: &str, underlying: &str) -> Option<f64> {
        self.prices.get(snapshot)?.get(&format!("{underlying}-PERPETUAL")).map(|price| price.price_usd)
    }

    /// Prices of the coin's dated futures at a snapshot, by expiry (ns since the Unix epoch), USD.
    pub fn term_usd(&self, snapshot: &str, underlying: &str) -> BTreeMap<u64, f64> {
        let prices = self.prices.get(snapshot).into_iter().flatten();
        prices
            .filter_map(|(name, price)| {
                let future: Future = name.parse().ok().filter(|future: &Future| future.underlying == underlying)?;
                Some((future.expiry_ns?, price.price_usd))
            })
            .collect()
    }
}

/// Reads perpetual prices by snapshot (`snapshot_file`, `obs_datetime`, `instrument_name`,
/// `perp_futures_mark_price`). A later line for the same instrument and snapshot replaces the
/// earlier one.
///
/// # Errors
/// [`ChainError`] if the file cannot be read to its end or its header lacks columns.
pub fn read_perpetuals(path: &Path) -> Result<FuturesPrices, ChainError> {
    read_futures(path, ["snapshot_file", "obs_datetime", "instrument_name", "perp_futures_mark_price"])
}

/// Reads marks of dated futures by snapshot (`snapshot_file`, `timestamp`,
/// `futures_instrument_name`, `snapshot_term_mark_price`): the mark that the option rows of the
/// snapshot were polled with, not the candle beside it, which may be a minute old.
///
/// # Errors
/// [`ChainError`] if the file cannot be read to its end or its header lacks columns.
pub fn read_term_futures(path: &Path) -> Result<FuturesPrices, ChainError> {
    read_futures(path, ["snapshot_file", "timestamp", "futures_instrument_name", "snapshot_term_mark_price"])
}

fn read_futures(path: &Path, columns: [&'static str; 4]) -> Result<FuturesPrices, ChainError> {
    let table = read_table(path, columns, |_, [snapshot, time, name, price]| {
        let future: Future = name.parse().map_err(|error| format!("{error}"))?;
        let price_usd = number(columns[3], price)?
            .filter(|&price| price > 0.0)
            .ok_or_else(|| format!("{} `{price}` is no positive price", columns[3]))?;
        let price = FuturePrice { time_ns: time_ns(columns[1], time)?, price_usd };
        Ok((key_of(Path::new(snapshot)), future.to_string(), price))
    })?;
    let mut futures = FuturesPrices { bad: table.bad, ..FuturesPrices::default() };
    for (snapshot, name, price) in table.rows {
        futures.prices.entry(snapshot).or_default().insert(name, price);
    }
    Ok(futures)
}

struct Table<T> {
    rows: Vec<T>,
    bad: Vec<BadRow>,
}

/// Reads a file row by row; `parse` gets the line number and the named columns in their order.
fn read_table<T, const N: usize>(
    path: &Path,
    names: [&'static str; N],
    parse: impl Fn(u64, [&str; N]) -> Result<T, String>,
) -> Result<Table<T>, ChainError> {
    let fail = |source| ChainError::Read { path: path.to_owned(), source };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(open(path).map_err(fail)?);
    let header = reader.headers().map_err(|error| fail(error.into()))?;
    let columns = find_columns(path, header, names)?;
    let width = header.len();
    let mut table = Table { rows: Vec::new(), bad: Vec::new() };
    for record in reader.records() {
        let (line, row) = match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                (line, named_fields(&record, width, columns).and_then(|fields| parse(line, fields)))
            }
            Err(error) if error.is_io_error() => return Err(fail(error.into())),
            Err(error) => (error.position().map_or(0, csv::Position::line), Err(error.to_string())),
        };
        match row {
            Ok(row) => table.rows.push(row),
            Err(reason) => table.bad.push(BadRow { line, reason }),
        }
    }
    Ok(table)
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = BufReader::new(File::open(path)?);
    Ok(if path.extension() == Some(OsStr::new("gz")) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn find_columns<const N: usize>(
    path: &Path,
    header: &StringRecord,
    names: [&'static str; N],
) -> Result<[usize; N], ChainError> {
    let found = names.map(|name| header.iter().position(|column| column.trim() == name));
    let missing: Vec<&'static str> =
        names.iter().zip(found).filter(|(_, at)| at.is_none()).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        Ok(found.map(Option::unwrap_or_default))
    } else {
        Err(ChainError::MissingColumns { path: path.to_owned(), columns: missing })
    }
}

fn named_fields<const N: usize>(record: &StringRecord, width: usize, columns: [usize; N]) -> Result<[&str; N], String> {
    if record.len() != width {
        return Err(format!("it has {} fields, the header has {width}", record.len()));
    }
    Ok(columns.map(|column| record[column].trim()))
}

/// A number, `None` for an empty field or a NaN.
fn number(column: &str, text: &str) -> Result<Option<f64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let value: f64 = text.parse().map_err(|_| format!("{column} `{text}` is no number"))?;
    if value.is_infinite() {
        return Err(format!("{column} `{text}` is infinite"));
    }
    Ok(Some(value).filter(|value| !value.is_nan()))
}

fn time_ns(column: &str, text: &str) -> Result<u64, String> {
    let instant: Timestamp =
        text.parse().map_err(|_| format!("{column} `{text}` is no time such as 2026-02-01T08:00:00+00:00"))?;
    u64::try_from(instant.as_nanosecond()).map_err(|_| format!("{column} `{text}` is before 1970"))
}
