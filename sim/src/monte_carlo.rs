//! Seeded Monte-Carlo of hedging strategies, decided by the integer kernel itself.
//!
//! ```text
//!   seed ─► blocks of paths ─┐
//!                            ├─ for each check time, for each strategy, for each path:
//!   options ─► compiler ─────┘     position ─► kernel: delta, band, exit ─► trade, cost ─► cash
//!                                                                               at expiry ─► PnL
//! ```
//!
//! The kernel is told each path's position and price and says what to trade; there is no second
//! implementation of delta, band or decision here. All paths share the rows of a check time, so a
//! bank is compiled once per time and price region and serves every path in it.
//!
//! Conventions:
//! * The underlying follows a geometric Brownian motion, stepped exactly from check to check.
//! * Options are European on it and settle in USD; all expire at the end. With a rate `r` their delta
//!   is that of Black and Scholes, `Phi(d1)`; cash earns `r`; a coin has no carry of its own.
//! * The premium is received when the options are sold at the start, at the strategy's own premium
//!   vol. Every trade of the hedge costs a fraction of its value.
//! * PnL is in USD at expiry.
//!
//! Invariants:
//! * every strategy sees the same paths (common random numbers), whatever the others do;
//! * a path's decisions do not depend on the paths beside it, so that a few of them can be simulated
//!   again, with a journal, and come out the same ([`record`]);
//! * the result depends on study, strategies and seed only, not on threads or form of the kernel;
//! * the last check is one step before expiry, and steps are longer than the settlement window of
//!   the compiler, in which it lets deltas fade.

mod laboratory;
mod moments;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use hedgewire_host::black76::{Black76, InputError, YEAR_NS};
use hedgewire_host::compiler::{
    Band, Bank, CompileError, ExpiryMarket, HedgeInstrument, Holding, Market, Numeraire, PriceError, PriceUnit,
    SETTLEMENT_WINDOW_NS, Settings, SkewRule, Smile, compile,
};
use hedgewire_host::instrument::{EuropeanOption, Instrument, Payoff, Right};
use hedgewire_host::journal::{JournalError, Writer};
use hedgewire_kernel::Form;
use thiserror::Error;

pub use laboratory::{Laboratory, LaboratoryError, RowGreeks};
pub use moments::Moments;

use crate::random::Random;

/// Size of a contract of the hedge, coin: small, so that whole contracts do not limit a strategy.
pub const CONTRACT_COIN: f64 = 1e-6;
/// The price at the start in price units: prices up to 32 times it fit, with steps of 7e-9 of it.
const START_UNITS: f64 = (1u32 << 27) as f64;
/// Distance of the reference prices of neighbouring regions, in log price. The band is worked out
/// with the reference price in place of the price, which is then at most 12.5 % off, or 4 % of the
/// band's width (its cube root).
const REGION_STEP: f64 = 0.25;
/// Regions on each side of the start: prices of a twentieth to 20 times it.
const REGIONS_EACH_SIDE: usize = 12;
const REGIONS: usize = 2 * REGIONS_EACH_SIDE + 1;
/// Paths that are simulated together; part of the definition of the random numbers.
const BLOCK_PATHS: usize = 2_000;
/// Coin of the simulation; any name does.
const UNDERLYING: &str = "COIN";

/// An option that is held, or sold, to expiry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldOption {
    /// Strike, USD.
    pub strike_usd: f64,
    /// Call or put.
    pub right: Right,
    /// Coins of the underlying that it is on; negative if it was sold. Whole numbers below 2^30.
    pub quantity: i32,
}

/// What is simulated, apart from the strategies.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// The portfolio: 1 to 64 options, all expiring at the end.
    pub options: Vec<HeldOption>,
    /// Price of the underlying at the start, USD.
    pub price_usd: f64,
    /// Time to expiry, years of 365 days.
    pub tau_years: f64,
    /// Vol of the paths, per root year.
    pub vol: f64,
    /// Interest rate, continuous, per year.
    pub rate: f64,
    /// Drift of the underlying, continuous, per year; the rate for risk-neutral paths.
    pub drift: f64,
    /// Check times: the first is the start, the last one step before expiry.
    pub steps: u32,
    /// Number of paths.
    pub paths: usize,
    /// Cost of a trade of the hedge, a fraction of its value.
    pub cost: f64,
    /// Whether the first trade costs too.
    pub cost_at_start: bool,
}

/// When to trade.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// At every `every`-th check, to the target.
    Time {
        /// Checks from one trade to the next, at least 1.
        every: u32,
    },
    /// When the delta is outside a constant band.
    FixedBand {
        /// Half width, coin.
        half_band_coin: f64,
    },
    /// When it is outside a band in proportion to gamma.
    GammaBand {
        /// Half width per gamma (change of delta per unit of log price): a move of the log price.
        log_move: f64,
    },
    /// When it is outside the band of Whalley and Wilmott (1997) for the study's cost.
    WhalleyWilmott {
        /// Absolute risk aversion, per USD.
        risk_aversion_per_usd: f64,
    },
}

/// A way to hedge.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// Name, for tables.
    pub name: String,
    /// When to trade.
    pub rule: Rule,
    /// How far: 0 to the target, 1 to the edge of the band.
    pub exit: f64,
    /// Vol that deltas are worked out with, per root year.
    pub hedge_vol: f64,
    /// Vol that the options were sold at, per root year.
    pub premium_vol: f64,
}

impl Strategy {
    /// A strategy that hedges and sells at the vol of the study.
    pub fn new(name: impl Into<String>, rule: Rule, exit: f64, study: &Study) -> Self {
        Self { name: name.into(), rule, exit, hedge_vol: study.vol, premium_vol: study.vol }
    }
}

/// What a strategy did.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Name of the strategy.
    pub name: String,
    /// Received for the options, USD.
    pub premium_usd: f64,
    /// PnL at expiry, USD.
    pub pnl: Moments,
    /// Mean cost of the hedges of a path, USD when paid.
    pub cost_mean_usd: f64,
    /// Mean number of hedges of a path.
    pub trades_mean: f64,
    /// PnL of each path, USD, the same path at the same place for every strategy.
    pub pnl_usd: Vec<f64>,
}

/// Why a study cannot be simulated.
#[derive(Debug, Error)]
pub enum StudyError {
    /// A number out of range.
    #[error("{name} = {value} must be {range}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: String,
    },
    /// The compiler refused.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// A price of a path has no place on the kernel's scale.
    #[error("a path left the kernel's prices: {0}; lower vol or time")]
    Price(#[from] PriceError),
    /// An option cannot be priced.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The kernel refused.
    #[error(transparent)]
    Laboratory(#[from] LaboratoryError),
    /// No journal could be begun.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Simulates strategies on common paths, with a form of the kernel.
///
/// # Errors
/// [`StudyError`] names the setting to change.
pub fn simulate(study: &Study, strategies: &[Strategy], seed: u64, form: Form) -> Result<Vec<Outcome>, StudyError> {
    check(study, strategies)?;
    let blocks = study.paths.div_ceil(BLOCK_PATHS);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(blocks);
    let run_share = |worker: usize| -> Result<Vec<(usize, Vec<Tally>)>, StudyError> {
        let share = (worker..blocks).step_by(workers);
        share.map(|block| Ok((block, simulate_block(study, strategies, seed, block, form)?))).collect()
    };
    let mut finished = BTreeMap::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|worker| scope.spawn(move || run_share(worker))).collect();
        for thread in threads {
            // A worker panics only on a broken invariant; then so does its caller.
            let share = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            finished.extend(share);
        }
        Ok::<_, StudyError>(())
    })?;
    strategies
        .iter()
        .enumerate()
        .map(|(i, strategy)| outcome(study, strategy, finished.values().map(|b| &b[i])))
        .collect()
}

/// Simulates the first `paths` paths again and journals every command and event, one strategy after
/// the other on one kernel: each is configured anew when the last one's options have expired. The file
/// must not exist. Returns the PnL of these paths by strategy, which is that of [`simulate`].
///
/// # Errors
/// [`StudyError`]; `paths` is at most the study's, and at most 2,000.
pub fn record(
    study: &Study,
    strategies: &[Strategy],
    seed: u64,
    form: Form,
    paths: usize,
    journal: &Path,
) -> Result<Vec<Vec<f64>>, StudyError> {
    check(study, strategies)?;
    within("journal_paths", paths as f64, 1.0, study.paths.min(BLOCK_PATHS) as f64)?;
    let journal = Writer::create(journal, Laboratory::sizes(REGIONS))?;
    let mut laboratory = Laboratory::new(REGIONS, form, Some(journal));
    let mut pnl_usd = Vec::with_capacity(strategies.len());
    for strategy in strategies {
        let mut prices = Prices::of_block(study, seed, 0);
        let mut runner = Runner::new(study, strategy, paths, laboratory)?;
        for step in 0..study.steps {
            if runner.is_due(step) {
                runner.step(step, &prices.usd[..paths])?;
            }
            prices.advance();
        }
        let (tally, used) = runner.settle(premium_usd(study, strategy.premium_vol)?, &prices.usd[..paths]);
        pnl_usd.push(tally.pnl_usd);
        laboratory = used;
    }
    laboratory.finish()?;
    Ok(pnl_usd)
}

/// The banks of a study: what the compiler makes of its options at a price and time.
pub struct Rows<'a> {
    study: &'a Study,
    strategy: &'a Strategy,
    unit: PriceUnit,
    start_ns: u64,
}

impl<'a> Rows<'a> {
    /// The rows of a study for a strategy.
    ///
    /// # Errors
    /// [`StudyError::Price`] if the start price is no price.
    pub fn new(study: &'a Study, strategy: &'a Strategy) -> Result<Self, StudyError> {
        let unit = PriceUnit::of_tick(study.price_usd / START_UNITS * 256.0)?;
        Ok(Self { study, strategy, unit, start_ns: 0 })
    }

    /// The same rows for a study that starts at another time than 0, ns: the times left are equal.
    fn starting_at(self, start_ns: u64) -> Self {
        Self { start_ns, ..self }
    }

    /// The price unit.
    pub fn unit(&self) -> PriceUnit {
        self.unit
    }

    /// Time of a check, ns.
    pub fn time_ns(&self, step: u32) -> u64 {
        self.start_ns.saturating_add(self.since_start_ns(step))
    }

    fn since_start_ns(&self, step: u32) -> u64 {
        (self.study.tau_years * YEAR_NS * f64::from(step) / f64::from(self.study.steps)).round() as u64
    }

    /// The bank of an underlying of a laboratory at a check, compiled at `price_usd`.
    ///
    /// # Errors
    /// [`StudyError`] if the compiler refuses.
    pub fn compile(&self, underlying: u8, step: u32, price_usd: f64) -> Result<Bank, StudyError> {
        let now_ns = self.time_ns(step);
        let left_years = self.study.tau_years * f64::from(self.study.steps - step) / f64::from(self.study.steps);
        let growth = (self.study.rate * left_years).exp();
        let expiry = ExpiryMarket {
            forward_usd: price_usd * growth,
            smile: Smile::flat(self.strategy.hedge_vol),
            dvol_dprice: 0.0,
        };
        let market = Market {
            underlying: UNDERLYING.to_owned(),
            now_ns,
            price_ref_usd: price_usd,
            expiries: BTreeMap::from([(self.expiry_ns(), expiry)]),
        };
        let slots = Laboratory::slots(underlying);
        let holdings: Vec<Holding> = (slots.first_slot..)
            .zip(&self.study.options)
            .map(|(slot, held)| self.holding(slot, held, growth))
            .collect();
        Ok(compile(0, slots, &holdings, &market, &self.settings(growth))?)
    }

    fn expiry_ns(&self) -> u64 {
        self.time_ns(self.study.steps)
    }

    /// The compiler's linear option is undiscounted, `(F/P) Phi(d1)` with `F/P = e^(r tau)`; a lot of
    /// `e^(-r tau)` makes that the delta of Black and Scholes.
    fn holding(&self, slot: u32, held: &HeldOption, growth: f64) -> Holding {
        let option = EuropeanOption {
            underlying: UNDERLYING.to_owned(),
            expiry_ns: self.expiry_ns(),
            strike_usd: held.strike_usd,
            right: held.right,
            payoff: Payoff::Linear,
        };
        Holding {
            slot,
            instrument: Instrument::Option(option),
            quantity_max_lots: held.quantity.unsigned_abs().max(1),
            lot_size: 1.0 / growth,
            vol: None,
            entry_price_usd: None,
        }
    }

    fn settings(&self, growth: f64) -> Settings {
        Settings {
            numeraire: Numeraire::Usd,
            skew: SkewRule::StickyStrike,
            hedge: HedgeInstrument {
                payoff: Payoff::Linear,
                contract_size: CONTRACT_COIN,
                tick_usd: self.unit.usd() * 256.0,
            },
            band: self.band(growth),
            age_max_ns: self.since_start_ns(self.study.steps),
            coin_max: 1.0,
        }
    }

    /// With a rate the band of Whalley and Wilmott has `e^(-r tau)` in front of the cost.
    fn band(&self, growth: f64) -> Band {
        match self.strategy.rule {
            Rule::Time { .. } => Band::Fixed { contracts: 0.0 },
            Rule::FixedBand { half_band_coin } => Band::Fixed { contracts: half_band_coin / CONTRACT_COIN },
            Rule::GammaBand { log_move } => Band::Gamma { k: log_move, vol: 1.0, window_years: 1.0 },
            Rule::WhalleyWilmott { risk_aversion_per_usd } => {
                Band::WhalleyWilmott { lambda: self.study.cost / growth, risk_aversion_per_usd }
            }
        }
    }
}

/// Paths of one strategy, at the same places as in the block's prices.
struct Tally {
    position: Vec<i64>,
    /// Value at the start of all cash flows of the hedge, USD.
    cash_usd: Vec<f64>,
    cost_usd: f64,
    trades: u64,
    /// PnL, USD at expiry; empty until then.
    pnl_usd: Vec<f64>,
}

/// One strategy's kernel while a block is simulated.
struct Runner<'a> {
    rows: Rows<'a>,
    laboratory: Laboratory,
    /// Check time that the rows of each region are for.
    loaded: [Option<u32>; REGIONS],
    tally: Tally,
}

impl<'a> Runner<'a> {
    /// A runner that starts when the laboratory's last one has ended.
    fn new(
        study: &'a Study,
        strategy: &'a Strategy,
        paths: usize,
        mut laboratory: Laboratory,
    ) -> Result<Self, StudyError> {
        let rows = Rows::new(study, strategy)?.starting_at(laboratory.now_ns());
        let quantities: Vec<i32> = study.options.iter().map(|held| held.quantity).collect();
        for region in 0..REGIONS {
            laboratory.configure(region as u8, strategy.exit, &quantities)?;
        }
        let tally = Tally {
            position: vec![0; paths],
            cash_usd: vec![0.0; paths],
            cost_usd: 0.0,
            trades: 0,
            pnl_usd: Vec::new(),
        };
        Ok(Self { rows, laboratory, loaded: [None; REGIONS], tally })
    }

    fn is_due(&self, step: u32) -> bool {
        match self.rows.strategy.rule {
            Rule::Time { every } => step.is_multiple_of(every),
            _ => true,
        }
    }

    /// Asks the kernel about every path at a check time.
    fn step(&mut self, step: u32, prices_usd: &[f64]) -> Result<(), StudyError> {
        let study = self.rows.study;
        self.laboratory.set_time(self.rows.time_ns(step));
        let years = study.tau_years * f64::from(step) / f64::from(study.steps);
        let discount = (-study.rate * years).exp();
        let cost = if step > 0 || study.cost_at_start { study.cost } else { 0.0 };
        for (path, &price_usd) in prices_usd.iter().enumerate() {
            let region = self.region(step, price_usd)?;
            let price = self.rows.unit.to_units(price_usd)?;
            let contracts = self.laboratory.hedge(region, price, self.tally.position[path])?;
            if contracts != 0 {
                let value_usd = contracts as f64 * CONTRACT_COIN * price_usd;
                let cost_usd = value_usd.abs() * cost;
                self.tally.position[path] += contracts;
                self.tally.cash_usd[path] -= discount * (value_usd + cost_usd);
                self.tally.cost_usd += cost_usd;
                self.tally.trades += 1;
            }
        }
        Ok(())
    }

    /// The region of a price, with rows of this check time loaded.
    fn region(&mut self, step: u32, price_usd: f64) -> Result<u8, StudyError> {
        let start_usd = self.rows.study.price_usd;
        let offset = ((price_usd / start_usd).ln() / REGION_STEP).round();
        let limit = REGIONS_EACH_SIDE as f64;
        let offset = offset.clamp(-limit, limit);
        let region = (offset + limit) as usize;
        if self.loaded[region] != Some(step) {
            let bank = self.rows.compile(region as u8, step, start_usd * (offset * REGION_STEP).exp())?;
            self.laboratory.load(region as u8, &bank)?;
            self.loaded[region] = Some(step);
        }
        Ok(region as u8)
    }

    /// Settles options and hedges at expiry, without a cost, and hands the laboratory back.
    fn settle(mut self, premium_usd: f64, prices_usd: &[f64]) -> (Tally, Laboratory) {
        let study = self.rows.study;
        let growth = (study.rate * study.tau_years).exp();
        let pnl = prices_usd.iter().zip(self.tally.position.iter().zip(&self.tally.cash_usd));
        self.tally.pnl_usd = pnl
            .map(|(&price_usd, (&position, &cash_usd))| {
                let hedge_usd = position as f64 * CONTRACT_COIN * price_usd;
                growth * (premium_usd + cash_usd) + hedge_usd + payoff_usd(study, price_usd)
            })
            .collect();
        self.laboratory.set_time(self.rows.expiry_ns());
        (self.tally, self.laboratory)
    }
}

fn payoff_usd(study: &Study, price_usd: f64) -> f64 {
    let payoff = |held: &HeldOption| {
        let intrinsic = match held.right {
            Right::Call => price_usd - held.strike_usd,
            Right::Put => held.strike_usd - price_usd,
        };
        f64::from(held.quantity) * intrinsic.max(0.0)
    };
    study.options.iter().map(payoff).sum()
}

/// What the options bring when they are sold at `vol`, USD; negative when they are bought.
///
/// # Errors
/// [`InputError`] if an option cannot be priced.
pub fn premium_usd(study: &Study, vol: f64) -> Result<f64, InputError> {
    let forward_usd = study.price_usd * (study.rate * study.tau_years).exp();
    study.options.iter().try_fold(0.0, |premium, held| {
        let option = Black76::new(forward_usd, held.strike_usd, study.tau_years, vol)?.with_rate(study.rate)?;
        Ok(premium - f64::from(held.quantity) * option.value(held.right))
    })
}

/// Prices of the underlying on the paths of a block, from check to check.
struct Prices {
    random: Random,
    /// Drift and deviation of the log price from one check to the next.
    trend: f64,
    deviation: f64,
    usd: Vec<f64>,
}

impl Prices {
    fn of_block(study: &Study, seed: u64, block: usize) -> Self {
        let paths = BLOCK_PATHS.min(study.paths - block * BLOCK_PATHS);
        let step_years = study.tau_years / f64::from(study.steps);
        Self {
            random: Random::new(seed, block as u64),
            trend: (study.drift - 0.5 * study.vol * study.vol) * step_years,
            deviation: study.vol * step_years.sqrt(),
            usd: vec![study.price_usd; paths],
        }
    }

    fn advance(&mut self) {
        for price in &mut self.usd {
            *price *= (self.trend + self.deviation * self.random.normal()).exp();
        }
    }
}

fn simulate_block(
    study: &Study,
    strategies: &[Strategy],
    seed: u64,
    block: usize,
    form: Form,
) -> Result<Vec<Tally>, StudyError> {
    let mut prices = Prices::of_block(study, seed, block);
    let mut runners: Vec<Runner> = Vec::new();
    for strategy in strategies {
        runners.push(Runner::new(study, strategy, prices.usd.len(), Laboratory::new(REGIONS, form, None))?);
    }
    for step in 0..study.steps {
        for runner in runners.iter_mut().filter(|runner| runner.is_due(step)) {
            runner.step(step, &prices.usd)?;
        }
        prices.advance();
    }
    let settle = |runner: Runner| {
        let premium_usd = premium_usd(study, runner.rows.strategy.premium_vol)?;
        Ok(runner.settle(premium_usd, &prices.usd).0)
    };
    runners.into_iter().map(settle).collect()
}

fn outcome<'a>(
    study: &Study,
    strategy: &Strategy,
    tallies: impl Iterator<Item = &'a Tally>,
) -> Result<Outcome, StudyError> {
    let (mut pnl_usd, mut cost_usd, mut trades) = (Vec::with_capacity(study.paths), 0.0, 0);
    for tally in tallies {
        pnl_usd.extend_from_slice(&tally.pnl_usd);
        cost_usd += tally.cost_usd;
        trades += tally.trades;
    }
    Ok(Outcome {
        name: strategy.name.clone(),
        premium_usd: premium_usd(study, strategy.premium_vol)?,
        pnl: Moments::of(&pnl_usd),
        cost_mean_usd: cost_usd / study.paths as f64,
        trades_mean: trades as f64 / study.paths as f64,
        pnl_usd,
    })
}

fn check(study: &Study, strategies: &[Strategy]) -> Result<(), StudyError> {
    positive("price_usd", study.price_usd)?;
    positive("tau_years", study.tau_years)?;
    positive("vol", study.vol)?;
    within("steps", f64::from(study.steps), 1.0, 1e6)?;
    within("paths", study.paths as f64, 1.0, 1e8)?;
    within("cost", study.cost, 0.0, 1.0)?;
    within("rate", study.rate, -1.0, 1.0)?;
    within("drift", study.drift, -10.0, 10.0)?;
    within("options", study.options.len() as f64, 1.0, 64.0)?;
    let step_ns = study.tau_years * YEAR_NS / f64::from(study.steps);
    within("step in ns", step_ns, SETTLEMENT_WINDOW_NS as f64, f64::INFINITY)?;
    for held in &study.options {
        positive("strike_usd", held.strike_usd)?;
        within("quantity", f64::from(held.quantity.unsigned_abs()), 1.0, f64::from(1 << 30))?;
    }
    for strategy in strategies {
        within("exit", strategy.exit, 0.0, 1.0)?;
        positive("hedge_vol", strategy.hedge_vol)?;
        positive("premium_vol", strategy.premium_vol)?;
        if let Rule::Time { every } = strategy.rule {
            within("every", f64::from(every), 1.0, 1e6)?;
        }
    }
    Ok(())
}

fn positive(name: &'static str, value: f64) -> Result<(), StudyError> {
    let is_fine = value > 0.0 && value.is_finite();
    if is_fine { Ok(()) } else { Err(StudyError::Setting { name, value, range: "positive and finite".to_owned() }) }
}

fn within(name: &'static str, value: f64, low: f64, high: f64) -> Result<(), StudyError> {
    let is_fine = (low..=high).contains(&value);
    if is_fine { Ok(()) } else { Err(StudyError::Setting { name, value, range: format!("within {low} and {high}") }) }
}
