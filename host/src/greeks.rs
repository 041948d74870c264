//! The kernel's Greeks of every option of a chain, beside the venue's and beside float64.
//!
//! ```text
//!   chain rows -> groups of one expiry, forward and time -> a coin and a USD bank
//!      -> one lot at a time: Trade, Quote with risk -> net transaction delta (coin), delta (USD)
//!      -> mark = delta - net transaction delta; vega
//! ```
//!
//! Nothing here computes a Greek in floats: float64 is only the yardstick. Banks are compiled one
//! per cent away from the price that is quoted, so that logarithm and ratios do their part.

use std::collections::BTreeMap;
use std::path::Path;

use hedgewire_abi::command::{Build, Configure, Quote, Trade, code};
use hedgewire_abi::event::Risk;
use hedgewire_abi::format::{COIN_BITS, SLOT_BLOCK};
use hedgewire_kernel::{Form, Kernel, Sizes};
use serde::Serialize;
use thiserror::Error;

use crate::black76::{Black76, InputError, years_between};
use crate::chain::{ChainRow, Snapshot};
use crate::compiler::{
    Band, CompileError, ExpiryMarket, HedgeInstrument, Holding, Market, Numeraire, PriceError, PriceUnit, Settings,
    SkewRule, SlotRange, Smile, compile,
};
use crate::driver::{Driver, DriverError};
use crate::instrument::{Instrument, Payoff};
use crate::journal::{JournalError, Writer};

/// Most options of one bank here.
const SLOTS: u32 = 8 * SLOT_BLOCK;
/// How far from the price quoted a bank is compiled.
const REFERENCE_RATIO: f64 = 1.01;
/// Tick of the price unit, USD: prices are exact to 1/256 of it.
const TICK_USD: f64 = 0.01;
/// Underlying of the probe that counts in coin.
const COIN: u8 = 0;
/// Underlying of the probe that counts in USD.
const USD: u8 = 1;

/// Why a chain could not be compared.
#[derive(Debug, Error)]
pub enum GreeksError {
    /// A group could not be compiled.
    #[error("options expiring at {expiry_ns} ns: {source}")]
    Compile {
        /// Their expiry, ns since the Unix epoch.
        expiry_ns: u64,
        /// What is wrong.
        source: CompileError,
    },
    /// A price does not fit.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// A number of the chain cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The kernel refused a bank.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The kernel answered with something else than a risk event.
    #[error("the kernel refused to evaluate an option: {0}")]
    Refused(String),
}

impl From<JournalError> for GreeksError {
    fn from(error: JournalError) -> Self {
        Self::Driver(error.into())
    }
}

/// Greeks of one lot of one coin's option.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Greeks {
    /// `dV/dF`, the delta that venues publish.
    pub delta: f64,
    /// Net transaction delta `F dv/dF`, the hedge delta in coin numeraire.
    pub net_transaction_delta: f64,
    /// Value of the inverse option, coin.
    pub mark_coin: f64,
    /// Vega, USD per vol point.
    pub vega_usd: f64,
}

/// One option, three times.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Name of the option.
    pub name: String,
    /// From the kernel, in integers.
    pub kernel: Greeks,
    /// From the same inputs in float64.
    pub float64: Greeks,
    /// As the venue published them; mark in coin.
    pub venue: VenueGreeks,
}

/// What the venue published.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct VenueGreeks {
    /// `dV/dF`.
    pub delta: Option<f64>,
    /// Mark, coin.
    pub mark_coin: Option<f64>,
    /// Vega, USD per vol point.
    pub vega_usd: Option<f64>,
}

/// Median, 99th percentile and largest of some differences; zeros if there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Distribution {
    /// Middle one.
    pub median: f64,
    /// 99th percentile, nearest rank.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

impl Distribution {
    /// The distribution of the sizes of some differences.
    pub fn of(differences: impl Iterator<Item = f64>) -> Self {
        let mut sizes: Vec<f64> = differences.map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        let rank = |part: f64| ((sizes.len() as f64 * part).ceil() as usize).clamp(1, sizes.len().max(1)) - 1;
        let at = |part: f64| sizes.get(rank(part)).copied().unwrap_or(0.0);
        Self { median: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

/// What `hedgewire greeks` reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Options with a vol and a mark that were compared.
    pub options: usize,
    /// Kernel against venue, delta.
    pub delta_abs_diff: Distribution,
    /// Kernel against venue, mark in coin.
    pub mark_abs_diff: Distribution,
    /// Kernel against venue, vega, relative; options whose published vega is at least 1 USD a point.
    pub vega_rel_diff: Distribution,
    /// Kernel against float64, delta and net transaction delta, the larger of the two.
    pub delta_f64_abs_diff: Distribution,
    /// Kernel against float64, mark in coin.
    pub mark_f64_abs_diff: Distribution,
}

impl Summary {
    /// Sums up compared options.
    pub fn of(options: &[Compared]) -> Self {
        let venue = |pair: fn(&Compared) -> Option<(f64, f64)>| options.iter().filter_map(pair);
        let difference = |(ours, theirs): (f64, f64)| ours - theirs;
        let delta = venue(|o| Some((o.kernel.delta, o.venue.delta?)));
        let mark = venue(|o| Some((o.kernel.mark_coin, o.venue.mark_coin?)));
        let vega = venue(|o| o.venue.vega_usd.filter(|&vega| vega >= 1.0).map(|vega| (o.kernel.vega_usd / vega, 1.0)));
        let delta_f64 = |o: &Compared| {
            let net = o.kernel.net_transaction_delta - o.float64.net_transaction_delta;
            (o.kernel.delta - o.float64.delta).abs().max(net.abs())
        };
        Self {
            options: options.len(),
            delta_abs_diff: Distribution::of(delta.map(difference)),
            mark_abs_diff: Distribution::of(mark.map(difference)),
            vega_rel_diff: Distribution::of(vega.map(difference)),
            delta_f64_abs_diff: Distribution::of(options.iter().map(delta_f64)),
            mark_f64_abs_diff: Distribution::of(options.iter().map(|o| o.kernel.mark_coin - o.float64.mark_coin)),
        }
    }
}

/// Compares every inverse option of a snapshot that has a forward, a vol, a mark and time left.
/// `journal` records the kernel that is asked; the file must not exist.
///
/// # Errors
/// [`GreeksError`] if a group of options cannot be compiled or evaluated, or the journal not written.
pub fn compare(snapshot: &Snapshot, form: Form, journal: Option<&Path>) -> Result<Vec<Compared>, GreeksError> {
    let mut groups: BTreeMap<(&str, u64, u64, u64), Vec<&ChainRow>> = BTreeMap::new();
    for row in snapshot.rows.iter().filter(|row| is_comparable(row)) {
        let forward_bits = row.forward_usd.unwrap_or_default().to_bits();
        let key = (row.option.underlying.as_str(), row.option.expiry_ns, row.time_ns, forward_bits);
        groups.entry(key).or_default().push(row);
    }
    let mut probe = Probe::new(form, journal)?;
    let mut compared = Vec::new();
    for rows in groups.values().flat_map(|rows| rows.chunks(SLOTS as usize)) {
        compared.extend(probe.compare_group(rows)?);
    }
    probe.driver.finish()?;
    Ok(compared)
}

fn is_comparable(row: &ChainRow) -> bool {
    let is_positive = |value: Option<f64>| value.is_some_and(|value| value > 0.0);
    row.option.payoff == Payoff::Inverse
        && row.option.expiry_ns > row.time_ns
        && is_positive(row.forward_usd)
        && is_positive(row.vol)
        && row.mark.is_some()
}

/// A kernel with two underlyings, in exact mode, that holds one lot of one option at a time.
struct Probe {
    driver: Driver,
    unit: PriceUnit,
    now_ns: u64,
    feed_seq: u32,
}

impl Probe {
    fn new(form: Form, journal: Option<&Path>) -> Result<Self, GreeksError> {
        let sizes = Sizes { underlyings: 2, rows: 2 * SLOTS as usize, intervals: 2 };
        let unit = PriceUnit::of_tick(TICK_USD)?;
        let journal = journal.map(|path| Writer::create(path, sizes)).transpose()?;
        let driver = Driver::new(Kernel::new(sizes, form), journal).unmeasured();
        let mut probe = Self { driver, unit, now_ns: 0, feed_seq: 0 };
        for underlying in [COIN, USD] {
            let first_slot = u32::from(underlying) * SLOTS;
            let configure = Configure { first_slot, slot_count: SLOTS, exact_mode: 1 };
            probe.driver.carry_out(underlying, 0, &configure)?;
        }
        Ok(probe)
    }

    /// Compares options of one expiry, forward and time.
    fn compare_group(&mut self, rows: &[&ChainRow]) -> Result<Vec<Compared>, GreeksError> {
        let forward = rows[0].forward_usd.unwrap_or_default();
        let price = self.unit.to_units(rows[0].index_usd.unwrap_or(forward))?;
        for underlying in [COIN, USD] {
            self.load(underlying, rows, forward, price)?;
        }
        rows.iter().enumerate().map(|(at, row)| self.compare_row(at as u32, row, forward, price)).collect()
    }

    fn load(&mut self, underlying: u8, rows: &[&ChainRow], forward: f64, price: u32) -> Result<(), GreeksError> {
        let first_slot = u32::from(underlying) * SLOTS;
        let expiry_ns = rows[0].option.expiry_ns;
        let market = Market {
            underlying: rows[0].option.underlying.clone(),
            now_ns: rows[0].time_ns,
            price_ref_usd: self.unit.to_usd(price) * REFERENCE_RATIO,
            expiries: BTreeMap::from([(
                expiry_ns,
                ExpiryMarket { forward_usd: forward * REFERENCE_RATIO, smile: Smile::default(), dvol_dprice: 0.0 },
            )]),
        };
        let holdings: Vec<Holding> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| Holding {
                slot: first_slot + at as u32,
                instrument: Instrument::Option(row.option.clone()),
                quantity_max_lots: 1,
                lot_size: 1.0,
                vol: row.vol,
                entry_price_usd: None,
            })
            .collect();
        let range = SlotRange { first_slot, slot_count: SLOTS };
        let bank = compile(1, range, &holdings, &market, &settings(underlying))
            .map_err(|source| GreeksError::Compile { expiry_ns, source })?;
        self.now_ns = self.now_ns.max(market.now_ns);
        let build = Build { centre: price, intervals: 2, step_shift: 4 };
        self.driver.load(underlying, self.now_ns, &bank.open, &bank.rows, &build)?;
        self.driver.swap(underlying, self.now_ns)?;
        Ok(())
    }

    fn compare_row(&mut self, at: u32, row: &ChainRow, forward: f64, price: u32) -> Result<Compared, GreeksError> {
        let tau_years = years_between(row.time_ns, row.option.expiry_ns);
        // The price that the kernel was asked about, seen through the compiled log basis.
        let reference = self.unit.to_units(self.unit.to_usd(price) * REFERENCE_RATIO)?;
        let forward = forward * REFERENCE_RATIO * f64::from(price) / f64::from(reference);
        let exact = Black76::new(forward, row.option.strike_usd, tau_years, row.vol.unwrap_or_default())?;
        let right = row.option.right;
        let coin = self.risk_of(COIN, at, price)?;
        let usd = self.risk_of(USD, at, price)?;
        let real = |raw: i64| raw as f64 / (1u64 << COIN_BITS) as f64;
        let kernel = Greeks {
            delta: real(usd.delta),
            net_transaction_delta: real(coin.delta),
            mark_coin: real(usd.delta) - real(coin.delta),
            vega_usd: real(coin.vega) * forward / 100.0,
        };
        let float64 = Greeks {
            delta: exact.delta(right),
            net_transaction_delta: exact.net_transaction_delta(right),
            mark_coin: exact.coin_mark(right),
            vega_usd: exact.vega() / 100.0,
        };
        let venue = VenueGreeks { delta: row.delta, mark_coin: row.mark, vega_usd: row.vega };
        Ok(Compared { name: row.option.to_string(), kernel, float64, venue })
    }

    /// Greeks of one lot in a slot.
    fn risk_of(&mut self, underlying: u8, at: u32, price: u32) -> Result<Risk, GreeksError> {
        let slot = u32::from(underlying) * SLOTS + at;
        self.driver.send(underlying, self.now_ns, &Trade { slot, quantity: 1, cash: 0 })?;
        self.feed_seq = self.feed_seq.wrapping_add(1);
        let (feed_seq, feed_ns) = (self.feed_seq, self.now_ns);
        let (bid, ask) = (price.saturating_sub(1), price.saturating_add(1));
        let quote = Quote {
            feed_seq,
            feed_ns,
            bid,
            ask,
            price,
            hedge_price: price,
            flags: code::WANT_RISK,
            ..Quote::default()
        };
        let events = self.driver.send(underlying, self.now_ns, &quote)?;
        let risk = match events.last() {
            Some(event) if event.kind() == Risk::KIND => Risk::decode(event),
            other => return Err(GreeksError::Refused(format!("{other:?}"))),
        };
        self.driver.send(underlying, self.now_ns, &Trade { slot, quantity: 0, cash: 0 })?;
        Ok(risk)
    }
}

fn settings(underlying: u8) -> Settings {
    Settings {
        numeraire: if underlying == COIN { Numeraire::Coin } else { Numeraire::Usd },
        skew: SkewRule::StickyStrike,
        hedge: HedgeInstrument { payoff: Payoff::Inverse, contract_size: 10.0, tick_usd: TICK_USD },
        band: Band::Fixed { contracts: 1.0 },
        age_max_ns: 60_000_000_000,
        coin_max: 1.0,
    }
}
