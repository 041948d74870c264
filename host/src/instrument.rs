//! What can be held: European options, futures and perpetuals, and AMM liquidity in a price range.
//!
//! ```text
//!   BTC-6FEB26-88000-P         inverse option        {coin}-{day}{MON}{yy}-{strike}-{C|P}
//!   XRP_USDC-27MAR26-0d55-C    linear option         {coin}_USDC-...; d is the decimal point
//!   BTC-25SEP26                inverse dated future
//!   ETH_USDC-PERPETUAL         linear perpetual
//! ```
//!
//! Names are those of Deribit; options and dated futures expire at 08:00 UTC of the day in the name.
//!
//! Invariants:
//! * a parsed strike is positive and finite, a parsed day exists;
//! * the name that an instrument displays parses back to the same instrument.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use thiserror::Error;

/// Hour of the day, UTC, at which options and dated futures expire.
pub const EXPIRY_HOUR_UTC: i8 = 8;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// The right of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// To buy at the strike.
    Call,
    /// To sell at the strike.
    Put,
}

/// The currency that an instrument is margined and settled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payoff {
    /// In the coin itself: a future of `N` USD earns `N (1/entry - 1/price)` coin.
    Inverse,
    /// In USDC: a future of `q` coin earns `q (price - entry)` USD.
    Linear,
}

/// A European option on the forward of its expiry.
#[derive(Debug, Clone, PartialEq)]
pub struct EuropeanOption {
    /// Coin, as in `BTC`.
    pub underlying: String,
    /// Expiry, ns since the Unix epoch.
    pub expiry_ns: u64,
    /// Strike, USD per coin; positive.
    pub strike_usd: f64,
    /// Call or put.
    pub right: Right,
    /// Settled in coin or in USD.
    pub payoff: Payoff,
}

/// A dated future or a perpetual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Future {
    /// Coin, as in `BTC`.
    pub underlying: String,
    /// Expiry, ns since the Unix epoch; `None` for a perpetual.
    pub expiry_ns: Option<u64>,
    /// Settled in coin or in USD.
    pub payoff: Payoff,
}

/// Liquidity between two prices of a constant-product pool of coin against USD.
///
/// Formulas: H. Adams et al., "Uniswap v3 Core" (2021), section 6; with `price_low_usd` 0 and
/// `price_high_usd` infinite it is a v2 position with `liquidity = sqrt(coin * usd)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AmmRange {
    /// Liquidity `L`, the root of coin times USD; positive.
    pub liquidity: f64,
    /// Lower end, USD per coin; 0 and more.
    pub price_low_usd: f64,
    /// Upper end, USD per coin; above the lower one, infinity allowed.
    pub price_high_usd: f64,
}

/// Anything that a slot of the portfolio can hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Instrument {
    /// A European option.
    Option(EuropeanOption),
    /// A dated future or a perpetual.
    Future(Future),
    /// AMM liquidity.
    Range(AmmRange),
}

/// Why a name is no instrument.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{name}` is no instrument: {reason}; expected a Deribit name such as BTC-6FEB26-88000-P, \
     XRP_USDC-27MAR26-0d55-C, BTC-25SEP26 or BTC-PERPETUAL"
)]
pub struct InstrumentError {
    /// The name as given.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Instrument {
    /// Expiry, ns since the Unix epoch; `None` for what does not expire.
    pub fn expiry_ns(&self) -> Option<u64> {
        match self {
            Instrument::Option(option) => Some(option.expiry_ns),
            Instrument::Future(future) => future.expiry_ns,
            Instrument::Range(_) => None,
        }
    }

    /// Coin that the instrument is on; `None` for AMM liquidity, which is on whatever it is held for.
    pub fn underlying(&self) -> Option<&str> {
        match self {
            Instrument::Option(option) => Some(&option.underlying),
            Instrument::Future(future) => Some(&future.underlying),
            Instrument::Range(_) => None,
        }
    }
}

impl AmmRange {
    /// The range in which `coin` coins are held at `price_usd`, which must be below the upper end:
    /// `L = coin / (1/sqrt(p) - 1/sqrt(p_high))` with `p` not below the lower end.
    ///
    /// Returns `None` where no positive, finite liquidity does that.
    pub fn from_coin(coin: f64, price_usd: f64, price_low_usd: f64, price_high_usd: f64) -> Option<Self> {
        let per_liquidity = 1.0 / price_usd.max(price_low_usd).sqrt() - 1.0 / price_high_usd.sqrt();
        let range = Self { liquidity: coin / per_liquidity, price_low_usd, price_high_usd };
        (range.is_valid() && per_liquidity > 0.0).then_some(range)
    }

    /// Whether liquidity and prices are within their ranges.
    pub fn is_valid(&self) -> bool {
        self.liquidity > 0.0
            && self.liquidity.is_finite()
            && self.price_low_usd >= 0.0
            && self.price_low_usd < self.price_high_usd
    }

    /// Amounts held at `price_usd`: coin `L (1/sqrt p - 1/sqrt p_high)` and USD
    /// `L (sqrt p - sqrt p_low)`, with `p` kept within the range.
    pub fn amounts(&self, price_usd: f64) -> (f64, f64) {
        let root = price_usd.clamp(self.price_low_usd, self.price_high_usd).sqrt();
        let coin = self.liquidity * (1.0 / root - 1.0 / self.price_high_usd.sqrt());
        let usd = self.liquidity * (root - self.price_low_usd.sqrt());
        (coin, usd)
    }

    /// Value at `price_usd`, USD.
    pub fn value_usd(&self, price_usd: f64) -> f64 {
        let (coin, usd) = self.amounts(price_usd);
        coin * price_usd + usd
    }
}

impl FromStr for Instrument {
    type Err = InstrumentError;

    fn from_str(name: &str) -> Result<Self, InstrumentError> {
        parse(name).map_err(|reason| InstrumentError { name: name.to_owned(), reason })
    }
}

impl FromStr for EuropeanOption {
    type Err = InstrumentError;

    fn from_str(name: &str) -> Result<Self, InstrumentError> {
        match name.parse()? {
            Instrument::Option(option) => Ok(option),
            _ => Err(InstrumentError { name: name.to_owned(), reason: "it is a future, not an option".to_owned() }),
        }
    }
}

impl FromStr for Future {
    type Err = InstrumentError;

    fn from_str(name: &str) -> Result<Self, InstrumentError> {
        match name.parse()? {
            Instrument::Future(future) => Ok(future),
            _ => Err(InstrumentError { name: name.to_owned(), reason: "it is an option, not a future".to_owned() }),
        }
    }
}

fn parse(name: &str) -> Result<Instrument, String> {
    let parts: Vec<&str> = name.split('-').collect();
    let (underlying, payoff) = parse_pair(parts[0])?;
    match parts[1..] {
        ["PERPETUAL"] => Ok(Instrument::Future(Future { underlying, expiry_ns: None, payoff })),
        [day] => Ok(Instrument::Future(Future { underlying, expiry_ns: Some(parse_expiry(day)?), payoff })),
        [day, strike, right] => Ok(Instrument::Option(EuropeanOption {
            underlying,
            expiry_ns: parse_expiry(day)?,
            strike_usd: parse_strike(strike)?,
            right: parse_right(right)?,
            payoff,
        })),
        _ => Err(format!("it has {} parts between dashes, not 2 or 4", parts.len())),
    }
}

fn parse_pair(pair: &str) -> Result<(String, Payoff), String> {
    let (coin, payoff) = match pair.split_once('_') {
        None => (pair, Payoff::Inverse),
        Some((coin, "USDC")) => (coin, Payoff::Linear),
        Some((_, quote)) => return Err(format!("its quote currency `{quote}` is not USDC")),
    };
    let is_coin = !coin.is_empty() && coin.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if is_coin {
        Ok((coin.to_owned(), payoff))
    } else {
        Err(format!("its coin `{coin}` is not of capital letters and digits"))
    }
}

fn parse_expiry(text: &str) -> Result<u64, String> {
    let wrong = || format!("its expiry `{text}` is no day such as 6FEB26");
    if !text.is_ascii() || !(6..=7).contains(&text.len()) {
        return Err(wrong());
    }
    let (day, rest) = text.split_at(text.len() - 5);
    let (month, year) = rest.split_at(3);
    let month = MONTHS.iter().position(|&name| name == month).ok_or_else(wrong)? as i8 + 1;
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    let day: i8 = number(day).ok_or_else(wrong)?;
    let year: i8 = number(year).ok_or_else(wrong)?;
    expiry_of_day(2000 + i16::from(year), month, day).ok_or_else(wrong)
}

/// 08:00 UTC of a day, ns since the Unix epoch; `None` if there is no such day.
fn expiry_of_day(year: i16, month: i8, day: i8) -> Option<u64> {
    let date = Date::new(year, month, day).ok()?;
    let instant = date.at(EXPIRY_HOUR_UTC, 0, 0, 0).to_zoned(TimeZone::UTC).ok()?.timestamp();
    u64::try_from(instant.as_nanosecond()).ok()
}

fn parse_strike(text: &str) -> Result<f64, String> {
    let wrong = || format!("its strike `{text}` is no positive number such as 88000 or 0d55");
    let (whole, fraction) = text.split_once('d').unwrap_or((text, "0"));
    let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return Err(wrong());
    }
    let strike: f64 = format!("{whole}.{fraction}").parse().map_err(|_| wrong())?;
    if strike > 0.0 && strike.is_finite() { Ok(strike) } else { Err(wrong()) }
}

fn parse_right(text: &str) -> Result<Right, String> {
    match text {
        "C" => Ok(Right::Call),
        "P" => Ok(Right::Put),
        _ => Err(format!("its right `{text}` is neither C nor P")),
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Right::Call => "C",
            Right::Put => "P",
        })
    }
}

impl fmt::Display for EuropeanOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_pair(f, &self.underlying, self.payoff)?;
        write_day(f, self.expiry_ns)?;
        let strike = self.strike_usd.to_string().replace('.', "d");
        write!(f, "-{strike}-{}", self.right)
    }
}

impl fmt::Display for Future {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_pair(f, &self.underlying, self.payoff)?;
        match self.expiry_ns {
            Some(expiry_ns) => write_day(f, expiry_ns),
            None => f.write_str("-PERPETUAL"),
        }
    }
}

impl fmt::Display for AmmRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AMM range {} .. {} USD, liquidity {}", self.price_low_usd, self.price_high_usd, self.liquidity)
    }
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Instrument::Option(option) => option.fmt(f),
            Instrument::Future(future) => future.fmt(f),
            Instrument::Range(range) => range.fmt(f),
        }
    }
}

fn write_pair(f: &mut fmt::Formatter<'_>, underlying: &str, payoff: Payoff) -> fmt::Result {
    match payoff {
        Payoff::Inverse => f.write_str(underlying),
        Payoff::Linear => write!(f, "{underlying}_USDC"),
    }
}

fn write_day(f: &mut fmt::Formatter<'_>, expiry_ns: u64) -> fmt::Result {
    let instant = jiff::Timestamp::from_nanosecond(i128::from(expiry_ns)).map_err(|_| fmt::Error)?;
    let date = TimeZone::UTC.to_datetime(instant).date();
    let month = MONTHS[usize::from(date.month().unsigned_abs()) - 1];
    write!(f, "-{}{month}{:02}", date.day(), date.year().rem_euclid(100))
}
