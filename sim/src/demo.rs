//! The demo: one hour of a market maker in BTC and ETH options, hedged by the kernel.
//!
//! ```text
//!   market ─┬─ Quote ──► working hedge orders fill ──► OrderUpdate ─┐
//!           │      └───────────────────────────────────► Quote ─────┼─► kernel ─► hedge ─► working
//!           ├─ Fill ───► inventory ──────────────────────► Trade ───┤
//!           └─ Vols ───► compiler ─► bank ─► shadow build ─► Swap ──┘
//!                                 every second: marks by Black-76 ─► PnL with and without hedges
//! ```
//!
//! Real are the compiler, the driver, the kernel with all its gates, the ladder and the fill model;
//! simulated are prices, customers and vols ([`crate::market`]). Hedges are inverse perpetuals in
//! coin numeraire, under a Whalley-Wilmott band. The unhedged PnL is that of the same option fills
//! without the hedges, so the difference is the hedge alone.
//!
//! Invariants:
//! * the summary and the series depend on settings and seed only, never on the kernel's form or on
//!   time measured; latencies are kept apart;
//! * no hedge passes the target at the price it was decided at, counting every open order: each one
//!   is checked, and `over_hedges` says how many did.

mod desk;
mod limits;

use std::fs::File;

use hdrhistogram::Histogram;
use hedgewire_abi::Reason;
use hedgewire_abi::format::CONTRACT_BITS;
use hedgewire_host::black76::InputError;
use hedgewire_host::compiler::{CompileError, PriceError};
use hedgewire_host::driver::{Counts, Driver, DriverError, Latencies, Stage, Stopwatch};
use hedgewire_host::journal::{JournalError, Writer};
use hedgewire_kernel::{Form, Kernel, Sizes};
use thiserror::Error;

use crate::market::{Happening, MarketEvent, MarketSettings, START_NS, SimulatedMarket};
use crate::monte_carlo::Moments;

use desk::{CoinDesk, Terms};

/// Slots of each coin.
pub const SLOTS_PER_COIN: u32 = 128;
/// Time between samples of the series, ns.
pub const SAMPLE_NS: u64 = 1_000_000_000;
/// Samples between the two ends of a change of PnL: deviations are those of changes over a minute.
pub const CHANGE_SAMPLES: usize = 60;
/// Pieces of background work between two market events.
const WORK_PER_EVENT: usize = 64;

/// Sizes of the kernel for a number of coins; a journal must be made for the same.
pub fn sizes(coins: usize) -> Sizes {
    Sizes { underlyings: coins, rows: coins * SLOTS_PER_COIN as usize, intervals: 256 }
}

/// What to show.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoSettings {
    /// Seed of everything random.
    pub seed: u64,
    /// Form of the kernel.
    pub form: Form,
    /// The market.
    pub market: MarketSettings,
    /// Absolute risk aversion in the band of Whalley and Wilmott, per USD.
    pub risk_aversion_per_usd: f64,
    /// Exit fraction: 0 hedges to the target, 1 to the edge of the band.
    pub exit: f64,
    /// Fee of a hedge, a fraction of its value; also the cost in the band.
    pub taker_fee: f64,
}

impl DemoSettings {
    /// The scenario behind `hedgewire demo`: BTC and ETH, one hour, 5 bp fee.
    pub fn new(seed: u64, form: Form) -> Self {
        Self {
            seed,
            form,
            market: MarketSettings::btc_and_eth(),
            risk_aversion_per_usd: 2e-4,
            exit: 0.75,
            taker_fee: 5e-4,
        }
    }
}

/// One moment of one coin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Seconds since the start.
    pub seconds: f64,
    /// Mid of the perpetual, USD.
    pub price_usd: f64,
    /// Delta of the options at the kernel's last risk event, coin.
    pub option_delta_coin: f64,
    /// Change of that delta per unit of log price, coin.
    pub gamma_coin: f64,
    /// Vega of the options per 1.00 of vol, coin.
    pub vega_coin: f64,
    /// Net delta with filled hedges at the last decision, coin.
    pub net_delta_coin: f64,
    /// Half band at the last decision, coin.
    pub band_coin: f64,
    /// Position in the perpetual, contracts.
    pub position_contracts: i64,
    /// PnL of options and hedges since the start, after fees, USD.
    pub hedged_usd: f64,
    /// PnL of the options alone, USD.
    pub unhedged_usd: f64,
    /// Fees and slippage of the hedges so far, USD.
    pub hedge_cost_usd: f64,
}

/// One hedge order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgeOrder {
    /// Seconds since the start.
    pub seconds: f64,
    /// Contracts, positive to buy.
    pub contracts: i64,
    /// Limit price, USD.
    pub limit_usd: f64,
    /// Net delta that it was decided on, coin.
    pub net_delta_coin: f64,
    /// Whether exposure was beyond the emergency band.
    pub is_urgent: bool,
}

/// One coin's hour.
#[derive(Debug, Clone, PartialEq)]
pub struct CoinRun {
    /// Name of the coin.
    pub name: String,
    /// Every second.
    pub samples: Vec<Sample>,
    /// Hedge orders in time order.
    pub hedges: Vec<HedgeOrder>,
    /// Trades of customers.
    pub option_fills: u64,
    /// Banks taken into use.
    pub swaps: u64,
    /// Largest error bound of a ladder, contracts.
    pub error_bound_contracts: f64,
    /// Most options of a bank that were too steep for the step of its ladder; there should be none.
    pub steep_rows: u32,
    /// Contracts of the perpetual traded.
    pub traded_contracts: u64,
    /// Fees and slippage of the hedges, USD at the last price.
    pub hedge_cost_usd: f64,
    /// Deviation of the PnL's changes over a minute with hedges, USD.
    pub hedged_deviation_usd: f64,
    /// The same without hedges, USD.
    pub unhedged_deviation_usd: f64,
}

/// What came of the hour, both coins together.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Quotes that the kernel was shown.
    pub quotes: u64,
    /// Trades of customers.
    pub option_fills: u64,
    /// Decisions taken: quotes and trades that were evaluated.
    pub decisions: u64,
    /// Hedge orders.
    pub hedges: u64,
    /// Refusals by reason, in order of their codes, without zeros.
    pub refusals: Vec<(Reason, u64)>,
    /// Faults; there should be none.
    pub faults: u64,
    /// Hedges that would have passed the target; there should be none.
    pub over_hedges: u64,
    /// Final PnL with hedges, after fees, USD.
    pub hedged_usd: f64,
    /// Final PnL of the options alone, USD.
    pub unhedged_usd: f64,
    /// Deviation of the PnL's changes over a minute with hedges, USD.
    pub hedged_deviation_usd: f64,
    /// The same without hedges, USD.
    pub unhedged_deviation_usd: f64,
    /// Fees and slippage of all hedges, USD.
    pub hedge_cost_usd: f64,
}

/// Latencies of the kernel for one kind of command, ns, with header and journal around it; they
/// include one reading of the clock.
#[derive(Debug, Clone)]
pub struct KindLatency {
    /// Kind of command: `quote`, `trade`, `order update` or `bank`.
    pub kind: &'static str,
    /// The latencies.
    pub histogram: Histogram<u64>,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Demo {
    /// What came of it.
    pub summary: Summary,
    /// Coin by coin.
    pub coins: Vec<CoinRun>,
    /// The kernel's counts.
    pub counts: Counts,
    /// Latencies by kind of command. The only part that differs between two runs of a seed.
    pub kernel_latency: Vec<KindLatency>,
    /// Latencies by stage of the driver.
    pub stages: Latencies,
}

impl Demo {
    /// Both coins together: seconds, PnL with hedges and without, USD.
    pub fn total(&self) -> Vec<(f64, f64, f64)> {
        total(&self.coins)
    }
}

/// Why the demo stopped.
#[derive(Debug, Error)]
pub enum DemoError {
    /// Driver, kernel or journal.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The compiler.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// A price has no place on the kernel's scale.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// An option cannot be priced.
    #[error(transparent)]
    Input(#[from] InputError),
}

impl From<JournalError> for DemoError {
    fn from(error: JournalError) -> Self {
        DriverError::from(error).into()
    }
}

/// Runs the demo; a journal, if there is one, must be for [`sizes`] of the coins. `progress` is told
/// the simulated ns that are done and that there are.
///
/// # Errors
/// [`DemoError`].
pub fn run(
    settings: &DemoSettings,
    journal: Option<Writer<File>>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Demo, DemoError> {
    let mut market = SimulatedMarket::new(&settings.market, settings.seed);
    let mut engine = Engine::new(settings, &market, journal)?;
    let total_ns = settings.market.duration_ns;
    let mut next_sample_ns = START_NS;
    for event in &mut market {
        while next_sample_ns <= event.time_ns {
            engine.sample(next_sample_ns)?;
            next_sample_ns += SAMPLE_NS;
            progress(next_sample_ns - START_NS, total_ns);
        }
        engine.take(&event)?;
    }
    if let Some(error) = market.error() {
        return Err(error.into());
    }
    while next_sample_ns <= START_NS + total_ns {
        engine.sample(next_sample_ns)?;
        next_sample_ns += SAMPLE_NS;
    }
    progress(total_ns, total_ns);
    engine.finish()
}

/// A command with its own latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timed {
    Quote,
    Trade,
    OrderUpdate,
    Bank,
}

impl Timed {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Quote, "quote"), (Self::Trade, "trade"), (Self::OrderUpdate, "order update"), (Self::Bank, "bank")];
}

/// What the coins' desks share: driver, counts and clocks.
struct Shared {
    driver: Driver,
    /// One histogram is used of each.
    by_kind: [Latencies; Timed::ALL.len()],
    over_hedges: u64,
}

impl Shared {
    /// Notes how long a command of a kind took.
    fn stop(&mut self, kind: Timed, watch: Stopwatch) {
        self.by_kind[kind as usize].stop(Stage::Kernel, watch);
    }

    /// Checks a hedge against the target: the end of the exposure that is worse for it, every open
    /// order of its side filled, and itself.
    fn check_over_hedge(&mut self, exposure: i64, contracts: i64, open_same_side: i64) {
        let sent = (open_same_side + contracts.abs()) << CONTRACT_BITS;
        let passes = if contracts > 0 { exposure + 1 + sent > 0 } else { exposure - sent < 0 };
        self.over_hedges += u64::from(passes);
    }
}

struct Engine {
    shared: Shared,
    desks: Vec<CoinDesk>,
    quotes: u64,
}

impl Engine {
    fn new(
        settings: &DemoSettings,
        market: &SimulatedMarket,
        journal: Option<Writer<File>>,
    ) -> Result<Self, DemoError> {
        let kernel = Kernel::new(sizes(settings.market.coins.len()), settings.form);
        let mut shared = Shared {
            driver: Driver::new(kernel, journal),
            by_kind: std::array::from_fn(|_| Latencies::default()),
            over_hedges: 0,
        };
        let terms = Terms {
            risk_aversion_per_usd: settings.risk_aversion_per_usd,
            exit: settings.exit,
            taker_fee: settings.taker_fee,
            seed: settings.seed,
        };
        let mut desks = Vec::new();
        for (underlying, coin) in (0u8..).zip(&settings.market.coins) {
            let (chain, surface) = (market.listed(underlying).clone(), market.surface(underlying));
            desks.push(CoinDesk::open(underlying, coin, chain, surface, terms, &mut shared)?);
        }
        Ok(Self { shared, desks, quotes: 0 })
    }

    fn take(&mut self, event: &MarketEvent) -> Result<(), DemoError> {
        let desk = &mut self.desks[usize::from(event.underlying)];
        match event.happening {
            Happening::Quote(top) => {
                self.quotes += 1;
                desk.on_quote(&mut self.shared, event.time_ns, top)?;
            }
            Happening::Fill(fill) => desk.on_fill(&mut self.shared, event.time_ns, fill)?,
            Happening::Vols(surface) => desk.on_vols(&mut self.shared, event.time_ns, surface)?,
        }
        // What a core does between two packets.
        for _ in 0..WORK_PER_EVENT {
            if !self.shared.driver.work() {
                break;
            }
        }
        self.desks.iter_mut().try_for_each(|desk| desk.swap_if_built(&mut self.shared, event.time_ns))
    }

    fn sample(&mut self, time_ns: u64) -> Result<(), DemoError> {
        self.desks.iter_mut().try_for_each(|desk| Ok(desk.sample(time_ns)?))
    }

    fn finish(self) -> Result<Demo, DemoError> {
        let kernel_latency = Timed::ALL.map(|(kind, name)| KindLatency {
            kind: name,
            histogram: self.shared.by_kind[kind as usize].of(Stage::Kernel).clone(),
        });
        let coins: Vec<CoinRun> = self.desks.into_iter().map(CoinDesk::finish).collect();
        let (counts, stages) = self.shared.driver.finish()?;
        let (seconds_hedged, seconds_unhedged): (Vec<f64>, Vec<f64>) =
            total(&coins).into_iter().map(|(_, hedged, unhedged)| (hedged, unhedged)).unzip();
        let summary = Summary {
            quotes: self.quotes,
            option_fills: coins.iter().map(|coin| coin.option_fills).sum(),
            decisions: counts.decisions,
            hedges: counts.hedges,
            refusals: counts.refusals_by_reason().collect(),
            faults: counts.faults,
            over_hedges: self.shared.over_hedges,
            hedged_usd: seconds_hedged.last().copied().unwrap_or(0.0),
            unhedged_usd: seconds_unhedged.last().copied().unwrap_or(0.0),
            hedged_deviation_usd: change_deviation(&seconds_hedged),
            unhedged_deviation_usd: change_deviation(&seconds_unhedged),
            hedge_cost_usd: coins.iter().map(|coin| coin.hedge_cost_usd).sum(),
        };
        Ok(Demo { summary, coins, counts, kernel_latency: kernel_latency.to_vec(), stages })
    }
}

fn total(coins: &[CoinRun]) -> Vec<(f64, f64, f64)> {
    let moments = coins.iter().map(|coin| coin.samples.len()).min().unwrap_or(0);
    let at = |i: usize| {
        coins.iter().fold((0.0, 0.0, 0.0), |(_, hedged, unhedged), coin| {
            let sample = &coin.samples[i];
            (sample.seconds, hedged + sample.hedged_usd, unhedged + sample.unhedged_usd)
        })
    };
    (0..moments).map(at).collect()
}

/// Standard deviation of the changes of a series over a minute.
fn change_deviation(series: &[f64]) -> f64 {
    let changes: Vec<f64> =
        series.iter().zip(series.iter().skip(CHANGE_SAMPLES)).map(|(before, after)| after - before).collect();
    Moments::of(&changes).deviation
}
