//! A recorded tape of Binance's inverse BTC perpetual (COIN-M `BTCUSD_PERP`): depth changes and trades, mapped onto
//! an inverse perpetual here. One `recv_ns json` per line, compressed or not: messages of the streams, and the whole
//! depth where the recorder asked for it, which replaces what was known and outdates changes up to its number.
//!
//! Mapping: times as received; prices to the instrument's tick, bids down and asks up, so that nothing crosses that
//! did not; contracts of 100 USD to quantities in USD. Levels that fall on one tick are added. Numbers are read as
//! decimals, never as floats.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::book::Side;

/// USD of the tape's contract.
const CONTRACT_USD: i64 = 100;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a tape cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The file cannot be read.
    #[error("cannot read the tape {path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A line is not what a tape has.
    #[error("line {line} of the tape: {what}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Nothing is on it.
    #[error("the tape is empty")]
    Empty,
}

/// What a tape says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapeEvent {
    /// All that rests at a price now, mantissa; 0 for nothing.
    Level {
        /// Bids or asks.
        side: Side,
        /// Price, 10^-9.
        price: i64,
        /// Quantity, mantissa.
        quantity: i64,
    },
    /// A trade.
    Trade {
        /// Who took.
        side: Side,
        /// Price, 10^-9.
        price: i64,
        /// Quantity, mantissa.
        quantity: i64,
    },
}

/// A tape: times, ns, and what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    pub(super) events: Vec<(i64, TapeEvent)>,
}

/// Price and contracts.
type Levels = Vec<(String, String)>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Message {
        data: Data,
    },
    Whole {
        #[serde(rename = "lastUpdateId")]
        last: u64,
        bids: Levels,
        asks: Levels,
    },
}

#[derive(Deserialize)]
#[serde(tag = "e")]
enum Data {
    #[serde(rename = "depthUpdate")]
    Depth { u: u64, b: Levels, a: Levels },
    #[serde(rename = "trade")]
    Trade { p: String, q: String, m: bool },
    #[serde(other)]
    Other,
}

impl Tape {
    /// Reads a file for an instrument of a tick, 10^-9.
    ///
    /// # Errors
    /// [`TapeError`] says what cannot be read, and where.
    pub fn read(path: &Path, tick: i64) -> Result<Self, TapeError> {
        let failed = |error| TapeError::Io { path: path.display().to_string(), error };
        let bytes = std::fs::read(path).map_err(failed)?;
        let reader: Box<dyn Read> = if bytes.starts_with(&GZIP_MAGIC) {
            Box::new(flate2::read::MultiGzDecoder::new(bytes.as_slice()))
        } else {
            Box::new(bytes.as_slice())
        };
        Self::parse(BufReader::new(reader), tick)
    }

    /// Reads lines.
    ///
    /// # Errors
    /// As [`Tape::read`].
    pub fn parse(lines: impl BufRead, tick: i64) -> Result<Self, TapeError> {
        let mut depth = Depth { tick, raw: BTreeMap::new(), as_of: 0 };
        let mut events = vec![];
        for (place, line) in lines.lines().enumerate() {
            let wrong = |what: String| TapeError::Line { line: place + 1, what };
            let line = line.map_err(|error| wrong(error.to_string()))?;
            let (time, json) = line.split_once(' ').ok_or_else(|| wrong("no time before the message".into()))?;
            let time: i64 = time.parse().map_err(|error| wrong(format!("time: {error}")))?;
            let line: Line = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
            depth.take(line, &mut |event| events.push((time, event))).map_err(wrong)?;
        }
        // Received times may step back by a little: played in order all the same.
        events.sort_by_key(|(time, _)| *time);
        if events.is_empty() { Err(TapeError::Empty) } else { Ok(Self { events }) }
    }

    /// The time of the first event, ns.
    pub fn first_ns(&self) -> i64 {
        self.events.first().map_or(0, |(time, _)| *time)
    }

    /// Times, ns, and what happened.
    pub fn events(&self) -> &[(i64, TapeEvent)] {
        &self.events
    }

    /// Between the first bids and asks, 10^-9: where an instrument's mark begins.
    pub fn first_mid(&self) -> Option<i64> {
        let mut best: [Option<i64>; 2] = [None; 2];
        for (_, event) in &self.events {
            let TapeEvent::Level { side, price, quantity: 1.. } = *event else { continue };
            // The first message has whole sides: of each the best.
            let best_of_side = &mut best[usize::from(side == Side::Sell)];
            if best_of_side.is_none_or(|best| side.crosses(price, best)) {
                *best_of_side = Some(price);
            }
            if let [Some(bid), Some(ask)] = best {
                return Some(bid + (ask - bid) / 2);
            }
        }
        None
    }

    /// How long it plays, ns.
    pub fn duration_ns(&self) -> i64 {
        self.events.last().map_or(0, |(time, _)| *time - self.first_ns())
    }
}

/// The tape's own levels.
struct Depth {
    tick: i64,
    raw: BTreeMap<(Side, i64), i64>,
    /// Number of the last whole depth; changes before it say nothing new.
    as_of: u64,
}

impl Depth {
    fn take(&mut self, line: Line, sink: &mut impl FnMut(TapeEvent)) -> Result<(), String> {
        let data = match line {
            Line::Message { data } => data,
            Line::Whole { last, bids, asks } => {
                self.as_of = last;
                let known: Vec<(Side, i64)> = self.raw.keys().copied().collect();
                known.into_iter().for_each(|(side, price)| self.level(side, price, 0, sink));
                return self.change(bids, asks, sink);
            }
        };
        match data {
            Data::Depth { u, b, a } if u >= self.as_of => self.change(b, a, sink)?,
            Data::Depth { .. } => {}
            Data::Trade { p, q, m } => {
                let side = if m { Side::Sell } else { Side::Buy };
                let price = round(nano(&p)?, self.tick, side.opposite());
                sink(TapeEvent::Trade { side, price, quantity: quantity(&q)? });
            }
            Data::Other => {}
        }
        Ok(())
    }

    fn change(&mut self, bids: Levels, asks: Levels, sink: &mut impl FnMut(TapeEvent)) -> Result<(), String> {
        for (side, changes) in [(Side::Buy, bids), (Side::Sell, asks)] {
            for (price, contracts) in changes {
                self.level(side, nano(&price)?, quantity(&contracts)?, sink);
            }
        }
        Ok(())
    }

    fn level(&mut self, side: Side, price: i64, quantity: i64, sink: &mut impl FnMut(TapeEvent)) {
        if quantity == 0 {
            self.raw.remove(&(side, price));
        } else {
            self.raw.insert((side, price), quantity);
        }
        let on_tick = round(price, self.tick, side);
        let (low, high) = (on_tick - self.tick, on_tick + self.tick);
        let sum = self
            .raw
            .range((side, low)..=(side, high))
            .filter(|((_, price), _)| round(*price, self.tick, side) == on_tick)
            .fold(0i64, |sum, (_, quantity)| sum.saturating_add(*quantity));
        sink(TapeEvent::Level { side, price: on_tick, quantity: sum });
    }
}

/// Bids down, asks up.
fn round(price: i64, tick: i64, side: Side) -> i64 {
    let down = price.div_euclid(tick) * tick;
    if side == Side::Sell && down != price { down + tick } else { down }
}

/// A decimal, 10^-9.
fn nano(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no price");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.len() > 9 || whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return Err(wrong());
    }
    let digits = format!("{whole}{fraction:0<9}");
    digits.parse().map_err(|_| wrong())
}

/// Contracts, in USD.
fn quantity(text: &str) -> Result<i64, String> {
    let contracts: i64 = text.parse().map_err(|error| format!("{text:?} contracts: {error}"))?;
    contracts
        .checked_mul(CONTRACT_USD)
        .filter(|usd| (0..=i64::MAX / 8).contains(usd))
        .ok_or_else(|| format!("{text} contracts are too many"))
}
