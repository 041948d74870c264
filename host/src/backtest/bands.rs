//! Seeded portfolios of real options, hedged by the kernel under four rules, compared at equal cost.
//!
//! At every snapshot the portfolio is compiled, swapped in, and the kernel is shown a quote of the
//! perpetual; what its trigger orders is filled at once at a proportional cost. A rule's tightness is
//! varied; each tightness gives one point of cost against error. The error is the standard deviation
//! of the interval profits before cost less those of the same portfolio hedged to its target at every
//! snapshot: what hedging less often costs in risk, without the vega and smile noise of marks that no
//! delta hedge removes and that is the same under every rule.

use std::collections::BTreeMap;
use std::path::Path;

use hedgewire_abi::command::{Build, Configure, Quote, SetTrigger, Trade};
use hedgewire_abi::event::Hedge;
use hedgewire_abi::format::{CONTRACT_BITS, DURATION_MAX_NS, SLOT_BLOCK};
use hedgewire_kernel::{Kernel, Sizes};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::{BacktestError, BacktestSettings, History};
use crate::chain::ChainRow;
use crate::compiler::{
    Band, HedgeInstrument, Holding, Market, Numeraire, PriceUnit, Settings, SkewRule, SlotRange, compile, forwards,
};
use crate::driver::{Driver, Setup};
use crate::fills::{FillModel, FillPrice, Fills};
use crate::instrument::{Instrument, Payoff};
use crate::journal::Writer;

/// Options of a portfolio, at most one block of slots.
const OPTIONS: usize = 24;
/// Smallest lot of an option, coin.
const LOT_COIN: f64 = 0.1;
/// Largest position, lots.
const LOTS_MAX: u32 = 50;
/// Strikes within this |ln K/F| at the start.
const MONEYNESS_MAX: f64 = 0.25;
/// Options must outlive the history by this, ns: five days.
const MARGIN_NS: u64 = 5 * 86_400 * 1_000_000_000;

/// When to hedge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HedgeRule {
    /// To the target, at every n-th snapshot.
    Time(u32),
    /// To the edge of a constant band, a fraction of the largest band tried.
    Fixed(f64),
    /// To the edge of a band that follows gamma: standard moves of six hours.
    Gamma(f64),
    /// To the edge of the Whalley-Wilmott band: risk aversion per USD.
    WhalleyWilmott(f64),
}

/// What one tightness of a rule came to, over all portfolios.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RulePoint {
    /// The rule and its tightness.
    pub rule: HedgeRule,
    /// Mean cost of a portfolio over the history, USD.
    pub cost: f64,
    /// Standard deviation of the error of an interval, USD.
    pub sd: f64,
    /// Standard deviation of the whole interval profit before cost, USD.
    pub profit_sd: f64,
    /// Hedges of a portfolio, mean.
    pub hedges: f64,
}

/// All points of one rule, by rising cost.
pub type Frontier = Vec<RulePoint>;

/// A rule at the cost that all are compared at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BandResult {
    /// Cost, USD per portfolio; the same for every rule.
    pub cost: f64,
    /// Standard deviation of the error at that cost, USD per interval.
    pub sd: f64,
}

/// The rule whose first portfolio is recorded.
const RECORDED: HedgeRule = HedgeRule::WhalleyWilmott(AVERSION_FIRST * 1024.0);
/// Smallest risk aversion tried, per USD, and the factor from one to the next.
const AVERSION_FIRST: f64 = 1e-7;
const AVERSION_RATIO: f64 = 4.0;

/// Names of the rules, in the order of reports.
const RULES: [&str; 4] = ["time", "fixed", "gamma", "whalley_wilmott"];

fn grid(name: &str) -> Vec<HedgeRule> {
    let geometric = |first: f64, ratio: f64, count: i32| (0..count).map(move |i| first * ratio.powi(i));
    match name {
        "time" => [1, 2, 3, 4, 6, 8, 12, 18].map(HedgeRule::Time).to_vec(),
        "fixed" => geometric(0.02, 1.8, 9).map(HedgeRule::Fixed).collect(),
        "gamma" => geometric(0.05, 1.8, 9).map(HedgeRule::Gamma).collect(),
        _ => geometric(AVERSION_FIRST, AVERSION_RATIO, 11).map(HedgeRule::WhalleyWilmott).collect(),
    }
}

/// The hedge instrument of a coin, as the venue lists it.
fn hedge_instrument(coin: &str) -> HedgeInstrument {
    let (contract_size, tick_usd) = if coin == "BTC" { (10.0, 0.5) } else { (1.0, 0.05) };
    HedgeInstrument { payoff: Payoff::Inverse, contract_size, tick_usd }
}

/// One snapshot of one coin, as a portfolio sees it.
struct Moment {
    price_usd: f64,
    market: Market,
    /// The venue's marks by option, coin.
    marks: BTreeMap<String, f64>,
}

/// All snapshots of one coin, in time order.
struct Course {
    hedge: HedgeInstrument,
    moments: Vec<Moment>,
}

impl Course {
    fn new(history: &History, coin: &str) -> Result<Self, BacktestError> {
        let moments =
            (0..history.snapshots.len()).map(|at| Moment::new(history, at, coin)).collect::<Result<_, _>>()?;
        Ok(Self { hedge: hedge_instrument(coin), moments })
    }
}

impl Moment {
    fn new(history: &History, at: usize, coin: &str) -> Result<Self, BacktestError> {
        let snapshot = &history.snapshots[at];
        let perpetual = history.perpetuals.perpetual_usd(&snapshot.name, coin);
        let missing = || BacktestError::NoPerpetual { snapshot: snapshot.name.clone(), coin: coin.to_owned() };
        let price_usd = perpetual.ok_or_else(missing)?;
        let term = history.term_futures.term_usd(&snapshot.name, coin);
        let forwards = forwards(coin, snapshot.rows_of(coin), &term, Some(price_usd));
        let market = Market::from_chain(coin, snapshot.time_ns, price_usd, snapshot.rows_of(coin), &forwards);
        let marks = snapshot.rows_of(coin).filter_map(|row| Some((row.option.to_string(), row.mark?))).collect();
        Ok(Self { price_usd, market, marks })
    }

    /// Value of a portfolio at the venue's marks, coin.
    fn value(&self, portfolio: &DrawnPortfolio) -> f64 {
        let value =
            |(name, &lots): (&String, &i32)| f64::from(lots) * LOT_COIN * self.marks.get(name).copied().unwrap_or(0.0);
        portfolio.names.iter().zip(&portfolio.lots).map(value).sum()
    }
}

/// One seeded portfolio of one coin.
struct DrawnPortfolio {
    /// Which of the courses it is on.
    course: usize,
    holdings: Vec<Holding>,
    lots: Vec<i32>,
    names: Vec<String>,
}

/// What one portfolio came to under one rule.
struct Run {
    /// Profit of each interval before cost, USD.
    profits: Vec<f64>,
    /// Cost over the history, USD.
    cost: f64,
    hedges: u64,
}

/// Measures all rules on all portfolios.
pub fn measure(
    history: &History,
    settings: &BacktestSettings,
    journal: Option<&Path>,
    progress: &mut impl FnMut(usize, usize),
) -> Result<BTreeMap<String, Frontier>, BacktestError> {
    let mut portfolios = Vec::new();
    let mut courses = Vec::new();
    for (course, coin) in ["BTC", "ETH"].into_iter().enumerate() {
        let mut numbers = ChaCha8Rng::seed_from_u64(settings.seed.wrapping_add(course as u64));
        let names = universe(history, coin);
        let rows = history.by_name(0, coin);
        portfolios.extend((0..settings.portfolios).filter_map(|_| draw(course, &rows, &names, &mut numbers)));
        courses.push(Course::new(history, coin)?);
    }
    let run_all = |rule: HedgeRule| {
        portfolios.iter().map(|p| run(&courses[p.course], settings, p, rule, None)).collect::<Result<Vec<_>, _>>()
    };
    let ideal = run_all(HedgeRule::Time(1))?;
    let rules: Vec<(&str, HedgeRule)> =
        RULES.iter().flat_map(|&name| grid(name).into_iter().map(move |rule| (name, rule))).collect();
    let mut frontiers: BTreeMap<String, Frontier> = BTreeMap::new();
    for (done, &(name, rule)) in rules.iter().enumerate() {
        frontiers.entry(name.to_owned()).or_default().push(point(rule, &run_all(rule)?, &ideal));
        progress(done + 1, rules.len());
    }
    if let (Some(path), Some(first)) = (journal, portfolios.first()) {
        run(&courses[first.course], settings, first, RECORDED, Some(path))?;
    }
    for frontier in frontiers.values_mut() {
        frontier.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    }
    Ok(frontiers)
}

/// Options of a coin that can be held over the whole history.
fn universe(history: &History, coin: &str) -> Vec<String> {
    let last_ns = history.snapshots.last().map_or(0, |snapshot| snapshot.time_ns);
    let is_usable =
        |row: &ChainRow| row.mark.is_some() && row.vol.is_some_and(|vol| vol > 0.0) && row.forward_usd.is_some();
    let mut names: Vec<String> = history
        .by_name(0, coin)
        .into_iter()
        .filter(|(_, row)| is_usable(row) && row.option.expiry_ns > last_ns + MARGIN_NS)
        .filter(|(_, row)| row.forward_usd.is_some_and(|f| (row.option.strike_usd / f).ln().abs() <= MONEYNESS_MAX))
        .map(|(name, _)| name)
        .collect();
    for at in 1..history.snapshots.len() {
        let present = history.by_name(at, coin);
        names.retain(|name| present.get(name).is_some_and(|row| is_usable(row)));
    }
    names
}

/// Draws options and quantities; `None` if the coin has none.
fn draw(
    course: usize,
    rows: &BTreeMap<String, &ChainRow>,
    names: &[String],
    numbers: &mut ChaCha8Rng,
) -> Option<DrawnPortfolio> {
    if names.is_empty() {
        return None;
    }
    let mut portfolio = DrawnPortfolio { course, holdings: Vec::new(), lots: Vec::new(), names: Vec::new() };
    for slot in 0..OPTIONS as u32 {
        let name = &names[numbers.random_range(0..names.len())];
        // A market maker is more often short than long what customers buy.
        let sign = if numbers.random_bool(0.65) { -1 } else { 1 };
        let lots = sign * numbers.random_range(1..=LOTS_MAX as i32);
        portfolio.holdings.push(Holding {
            slot,
            instrument: Instrument::Option(rows[name].option.clone()),
            quantity_max_lots: LOTS_MAX,
            lot_size: LOT_COIN,
            vol: None,
            entry_price_usd: None,
        });
        portfolio.lots.push(lots);
        portfolio.names.push(name.clone());
    }
    Some(portfolio)
}

/// Every order may pass: a backtest asks what the rule wants.
fn setup(rule: HedgeRule) -> Setup {
    let open = Setup::wide_open(Configure { first_slot: 0, slot_count: SLOT_BLOCK, exact_mode: 1 });
    let theta = if matches!(rule, HedgeRule::Time(_)) { 0 } else { 1 << CONTRACT_BITS };
    Setup { trigger: SetTrigger { theta, band_min: 1 << CONTRACT_BITS, ..open.trigger }, ..open }
}

/// The compiler's band of a rule. The widest fixed band is the hedge of a tenth of the gross.
fn band(rule: HedgeRule, portfolio: &DrawnPortfolio, price_usd: f64, contract_size: f64, cost: f64) -> Band {
    let gross_coin: f64 = portfolio.lots.iter().map(|lots| f64::from(lots.abs()) * LOT_COIN).sum();
    match rule {
        HedgeRule::Time(_) => Band::Fixed { contracts: 0.0 },
        HedgeRule::Fixed(part) => {
            Band::Fixed { contracts: (part * 0.1 * gross_coin * price_usd / contract_size).round() }
        }
        HedgeRule::Gamma(k) => Band::Gamma { k, vol: 0.6, window_years: 6.0 / 8760.0 },
        HedgeRule::WhalleyWilmott(risk_aversion_per_usd) => {
            Band::WhalleyWilmott { lambda: cost, risk_aversion_per_usd }
        }
    }
}

/// Hedges one portfolio through the history.
fn run(
    course: &Course,
    settings: &BacktestSettings,
    portfolio: &DrawnPortfolio,
    rule: HedgeRule,
    journal: Option<&Path>,
) -> Result<Run, BacktestError> {
    let unit = PriceUnit::of_tick(course.hedge.tick_usd)?;
    let sizes = Sizes { underlyings: 1, rows: SLOT_BLOCK as usize, intervals: 2 };
    let journal = journal.map(|path| Writer::create(path, sizes)).transpose()?;
    let mut driver = Driver::new(Kernel::new(sizes, settings.form), journal).unmeasured();
    driver.set_up(0, 0, &setup(rule))?;
    driver.arm(0, 0)?;
    let slots = 0..portfolio.lots.len() as u32;
    driver.hold(0, 0, slots.zip(&portfolio.lots).map(|(slot, &quantity)| Trade { slot, quantity, cash: 0 }))?;
    let mut fills = Fills::new(FillModel::Immediate(FillPrice::Touch), &course.hedge, settings.cost)?;
    let mut run = Run { profits: Vec::new(), cost: 0.0, hedges: 0 };
    let mut before: Option<(f64, f64)> = None;
    for (at, moment) in (0u32..).zip(&course.moments) {
        let price_usd = moment.price_usd;
        let (options, hedges) = (moment.value(portfolio), fills.account().profit(price_usd));
        if let Some((options_before, hedges_before)) = before {
            run.profits.push((options - options_before + hedges - hedges_before) * price_usd);
        }
        let is_asked = match rule {
            HedgeRule::Time(every) => at.is_multiple_of(every),
            _ => true,
        };
        let fees_before = fills.account().fees;
        if is_asked {
            load(
                &mut driver,
                portfolio,
                &moment.market,
                settings_of(rule, portfolio, price_usd, course.hedge, settings.cost),
            )?;
            hedge_once(&mut driver, &mut fills, unit.to_units(price_usd)?, moment.market.now_ns, at + 1)?;
        }
        run.cost += (fills.account().fees - fees_before) * price_usd;
        before = Some((options, fills.account().profit(price_usd)));
    }
    run.hedges = driver.counts().hedges;
    driver.finish()?;
    Ok(run)
}

fn settings_of(
    rule: HedgeRule,
    portfolio: &DrawnPortfolio,
    price_usd: f64,
    hedge: HedgeInstrument,
    cost: f64,
) -> Settings {
    Settings {
        numeraire: Numeraire::Coin,
        skew: SkewRule::StickyStrike,
        hedge,
        band: band(rule, portfolio, price_usd, hedge.contract_size, cost),
        age_max_ns: DURATION_MAX_NS / 2,
        coin_max: 1.0,
    }
}

fn load(
    driver: &mut Driver,
    portfolio: &DrawnPortfolio,
    market: &Market,
    settings: Settings,
) -> Result<(), BacktestError> {
    let range = SlotRange { first_slot: 0, slot_count: SLOT_BLOCK };
    let bank = compile(1, range, &portfolio.holdings, market, &settings)?;
    let build = Build { centre: bank.open.price_ref, intervals: 2, step_shift: 4 };
    driver.load(0, market.now_ns, &bank.open, &bank.rows, &build)?;
    driver.swap(0, market.now_ns)?;
    Ok(())
}

/// Shows the kernel one quote and fills what it orders.
fn hedge_once(
    driver: &mut Driver,
    fills: &mut Fills,
    price: u32,
    now_ns: u64,
    feed_seq: u32,
) -> Result<(), BacktestError> {
    let quote = Quote {
        feed_seq,
        bid: price - 1,
        ask: price + 1,
        bid_size: u32::MAX,
        ask_size: u32::MAX,
        price,
        hedge_price: price,
        feed_ns: now_ns,
        ..Quote::default()
    };
    let answer = driver.send(0, now_ns, &quote)?;
    let hedge = answer.iter().find(|event| event.kind() == Hedge::KIND).map(Hedge::decode);
    if let Some(update) = hedge.and_then(|hedge| fills.on_hedge(&hedge, &quote, now_ns)) {
        driver.carry_out(0, now_ns, &update)?;
    }
    Ok(())
}

/// One point of a frontier.
fn point(rule: HedgeRule, runs: &[Run], ideal: &[Run]) -> RulePoint {
    let errors =
        || runs.iter().zip(ideal).flat_map(|(run, ideal)| run.profits.iter().zip(&ideal.profits).map(|(a, b)| a - b));
    let count = runs.len().max(1) as f64;
    RulePoint {
        rule,
        cost: runs.iter().map(|run| run.cost).sum::<f64>() / count,
        sd: deviation(errors()),
        profit_sd: deviation(runs.iter().flat_map(|run| run.profits.iter().copied())),
        hedges: runs.iter().map(|run| run.hedges as f64).sum::<f64>() / count,
    }
}

fn deviation(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum, square) = values.fold((0.0, 0.0, 0.0), |(n, s, q), v| (n + 1.0, s + v, q + v * v));
    if count == 0.0 { 0.0 } else { (square / count - (sum / count) * (sum / count)).max(0.0).sqrt() }
}

/// All rules at the cost of rebalancing every fourth snapshot (about daily), by linear interpolation
/// of the error between the two points around it.
pub fn at_matched_cost(frontiers: &BTreeMap<String, Frontier>) -> BTreeMap<String, BandResult> {
    let daily = frontiers.get("time").and_then(|f| f.iter().find(|point| point.rule == HedgeRule::Time(4)));
    let Some(cost) = daily.map(|point| point.cost) else { return BTreeMap::new() };
    frontiers
        .iter()
        .map(|(name, frontier)| (name.clone(), BandResult { cost, sd: interpolate(frontier, cost) }))
        .collect()
}

fn interpolate(frontier: &Frontier, cost: f64) -> f64 {
    let above = frontier.partition_point(|point| point.cost <= cost);
    match (above.checked_sub(1).and_then(|at| frontier.get(at)), frontier.get(above)) {
        (Some(low), Some(high)) => low.sd + (high.sd - low.sd) * (cost - low.cost) / (high.cost - low.cost),
        (Some(only), None) | (None, Some(only)) => only.sd,
        (None, None) => 0.0,
    }
}
