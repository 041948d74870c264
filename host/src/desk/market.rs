//! What the feed has said of the market of one underlying: tickers, index, and vols from marks.
//!
//! ```text
//!   tickers of options ──► mark, index ──► implied vol ──► smile ──┐
//!   tickers of dated futures, or parity, or the index ──► forward ─┼──► compiler::Market
//!   hedge instrument: book, ticker, last trade ──► touch, reference ┘
//! ```
//!
//! Invariant: a ticker never replaces a newer one (snapshot channels repeat old ones), and one from the
//! future is not believed: it would keep the true ones out, and pass for fresh when it is not.

use std::collections::BTreeMap;

use crate::black76::{implied_vol, years_between};
use crate::book::{Book, Level};
use crate::chain::ChainRow;
use crate::compiler::{ExpiryMarket, HedgeInstrument, Market, PriceError, PriceUnit, Smile, forwards};
use crate::config::{ForwardRule, MarketRules, QuoteSource};
use crate::deribit::legacy::Ticker;
use crate::instrument::{EuropeanOption, Payoff};

/// Nanoseconds in a millisecond.
const MS_NS: u64 = 1_000_000;
/// How far the venue's clock may be ahead of the capture's, ns: a minute, for captures taken on
/// machines that nobody has set right.
const CLOCK_LEAD_MAX_NS: u64 = 60_000_000_000;

/// What a ticker said last. Prices and amounts are above zero: the venue's 0 stands for none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Top {
    /// The venue's time, ms since 1970 UTC.
    pub timestamp_ms: u64,
    /// Price and amount of the best bid.
    pub bid: Option<(f64, f64)>,
    /// Price and amount of the best ask.
    pub ask: Option<(f64, f64)>,
    /// Mark price.
    pub mark: Option<f64>,
    /// Index price.
    pub index: Option<f64>,
}

impl Top {
    /// Takes a ticker over, unless it is older, or from the future.
    pub fn observe(&mut self, ticker: &Ticker<'_>, now_ns: u64) {
        let timestamp_ms = ticker.timestamp_ms();
        let is_ahead = timestamp_ms.saturating_mul(MS_NS) > now_ns.saturating_add(CLOCK_LEAD_MAX_NS);
        if timestamp_ms < self.timestamp_ms || is_ahead {
            return;
        }
        let some = |value: Option<f64>| value.filter(|&value| value > 0.0 && value.is_finite());
        *self = Self {
            timestamp_ms,
            bid: some(ticker.best_bid_price()).zip(some(ticker.best_bid_amount())),
            ask: some(ticker.best_ask_price()).zip(some(ticker.best_ask_amount())),
            mark: some(ticker.mark_price()),
            index: some(ticker.index_price()),
        };
    }

    /// Middle of bid and ask.
    pub fn mid(&self) -> Option<f64> {
        self.bid.zip(self.ask).map(|(bid, ask)| 0.5 * (bid.0 + ask.0))
    }
}

/// How a hedge instrument is counted: the one way from the floats of the legacy wire to the integers of a quote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measure {
    unit: PriceUnit,
    contract_size: f64,
}

impl Measure {
    /// That of an instrument.
    ///
    /// # Errors
    /// [`PriceError::Tick`] if its tick is not positive and finite.
    pub fn of(hedge: &HedgeInstrument) -> Result<Self, PriceError> {
        Ok(Self { unit: PriceUnit::of_tick(hedge.tick_usd)?, contract_size: hedge.contract_size })
    }

    /// A price in price units; `None` if it is none, or has no place in them.
    pub fn units(&self, price: f64) -> Option<u32> {
        self.unit.to_units(price).ok()
    }

    /// An amount in whole contracts.
    pub fn contracts(&self, amount: f64) -> u32 {
        // A float conversion saturates; the margin is for amounts that are no binary fractions.
        (amount / self.contract_size + 1e-9).floor() as u32
    }

    /// Price and size of a side; zeros if there is none.
    pub fn side(&self, side: Option<(f64, f64)>) -> (u32, u32) {
        side.and_then(|(price, amount)| Some((self.units(price)?, self.contracts(amount)))).unwrap_or((0, 0))
    }
}

/// Name of the index of a coin, as on the legacy wire.
pub(crate) fn index_name(coin: &str, payoff: Payoff) -> String {
    let currency = if payoff == Payoff::Inverse { "usd" } else { "usdc" };
    format!("{}_{currency}", coin.to_lowercase())
}

/// Best bid and ask of the hedge instrument, and what is to be thought of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Touch {
    /// Bid, ask, mark and index.
    pub top: Top,
    /// When the venue said so, ns since 1970 UTC.
    pub feed_ns: u64,
    /// Whether it may be traded on.
    pub is_trusted: bool,
}

/// The touch by the configured source; `None` before there is one.
pub(crate) fn touch(rule: QuoteSource, ticker: Option<&Top>, book: Option<&Book>) -> Option<Touch> {
    let from_ticker = |is_trusted| {
        let top = *ticker?;
        Some(Touch { top, feed_ns: top.timestamp_ms.saturating_mul(MS_NS), is_trusted })
    };
    let from_book = |book: &Book, is_trusted| {
        let side = |level: Option<Level>| level.map(|level| (book.price(level.price_ticks), level.amount));
        // A quiet book is as fresh as the last ticker beside it.
        let timestamp_ms = book.timestamp_ms().max(ticker.map_or(0, |top| top.timestamp_ms));
        let rest = ticker.copied().unwrap_or_default();
        let top = Top { bid: side(book.best_bid()), ask: side(book.best_ask()), timestamp_ms, ..rest };
        Touch { top, feed_ns: timestamp_ms.saturating_mul(MS_NS), is_trusted }
    };
    let reliable = book.filter(|book| book.is_reliable());
    match rule {
        QuoteSource::Ticker => from_ticker(true),
        QuoteSource::Book => book.map(|book| from_book(book, book.is_reliable())),
        QuoteSource::BookOrTicker => reliable.map(|book| from_book(book, true)).or_else(|| from_ticker(true)),
    }
}

/// An option whose vol is wanted, and what is known of it.
pub(crate) struct MarkedOption<'a> {
    /// The option.
    pub option: &'a EuropeanOption,
    /// Its ticker.
    pub top: Option<&'a Top>,
    /// The last vol that its mark implied.
    pub vol: &'a mut Option<f64>,
}

/// The market of a coin from tickers: forwards first, then vols in their light.
///
/// `futures_usd` are marks of dated futures by expiry.
pub(crate) fn market(
    coin: &str,
    now_ns: u64,
    price_ref_usd: f64,
    index_usd: f64,
    rules: &MarketRules,
    options: &mut [MarkedOption<'_>],
    futures_usd: &BTreeMap<u64, f64>,
) -> Market {
    let rows: Vec<ChainRow> = options.iter().map(|marked| chain_row(marked, now_ns)).collect();
    let mut forwards_usd: BTreeMap<u64, f64> = options
        .iter()
        .map(|marked| marked.option.expiry_ns)
        .chain(futures_usd.keys().copied())
        .map(|expiry_ns| (expiry_ns, index_usd))
        .collect();
    if rules.forward == ForwardRule::Future {
        let found = forwards(coin, rows.iter(), futures_usd, Some(index_usd));
        forwards_usd.extend(found.iter().map(|(&expiry_ns, forward)| (expiry_ns, forward.price_usd)));
    }
    let mut points: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for marked in options.iter_mut() {
        let forward_usd = forwards_usd.get(&marked.option.expiry_ns).copied();
        if let Some(vol) = marked_vol(marked, forward_usd, rules) {
            *marked.vol = Some(vol);
        }
        let strike_usd = marked.option.strike_usd;
        points.entry(marked.option.expiry_ns).or_default().extend(marked.vol.map(|vol| (strike_usd, vol)));
    }
    let expiries = forwards_usd.iter().map(|(&expiry_ns, &forward_usd)| {
        let mut smile = Smile::new(points.remove(&expiry_ns).unwrap_or_default());
        if smile.vol(1.0).is_none() {
            smile = Smile::flat(rules.vol_default);
        }
        (expiry_ns, ExpiryMarket { forward_usd, smile, dvol_dprice: 0.0 })
    });
    Market { underlying: coin.to_owned(), now_ns, price_ref_usd, expiries: expiries.collect() }
}

/// The vol that an option's mark implies, if it is to be believed.
///
/// A linear option's mark is in USD, an inverse one's in coin of its forward. Where forwards are the
/// index, each mark is read at the index that its own ticker carried: the linear index differs from
/// the inverse one.
fn marked_vol(marked: &MarkedOption<'_>, forward_usd: Option<f64>, rules: &MarketRules) -> Option<f64> {
    let top = marked.top?;
    let forward_usd = match rules.forward {
        ForwardRule::Index => top.index?,
        ForwardRule::Future => forward_usd?,
    };
    let EuropeanOption { strike_usd, right, expiry_ns, payoff, .. } = *marked.option;
    let value_usd = if payoff == Payoff::Inverse { top.mark? * forward_usd } else { top.mark? };
    let tau_years = years_between(top.timestamp_ms.saturating_mul(MS_NS), expiry_ns);
    let vol = implied_vol(value_usd, forward_usd, strike_usd, tau_years, right).ok()?;
    (rules.vol_range.0..=rules.vol_range.1).contains(&vol).then_some(vol)
}

/// An option's ticker as a row of a chain, for put-call parity.
fn chain_row(marked: &MarkedOption<'_>, now_ns: u64) -> ChainRow {
    let top = marked.top.copied().unwrap_or_default();
    ChainRow {
        line: 0,
        time_ns: now_ns,
        option: marked.option.clone(),
        tau_years: None,
        bid: top.bid.map(|bid| bid.0),
        ask: top.ask.map(|ask| ask.0),
        mark: top.mark,
        forward_usd: None,
        vol: None,
        delta: None,
        vega: None,
        open_interest: None,
        index_usd: top.index,
    }
}
