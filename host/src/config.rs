//! Configuration of a replay or a live set-up, from TOML, in the units that a desk speaks.
//!
//! ```text
//!   text ──serde──► Config ──plan()──► Plan       wire units: price units, contracts, 2^-32 coin, ns
//!             │                 │
//!             │                 └────► Invalid    every nonsensical value at once: path, value, reason
//!             └──► Syntax                         line and column: no TOML, unknown or missing fields
//! ```
//!
//! Numbers here are USD, contracts of the hedge instrument, coin, basis points and milliseconds.
//! Contracts are the smallest order increment: 10 USD of BTC-PERPETUAL are one.
//!
//! Invariants:
//! * a [`Plan`] that exists holds only values that the kernel and the compiler accept;
//! * a field that is not known is refused: a mistyped limit is not a limit that is off.

mod check;
mod escalation;
mod live;
mod packets;
mod plan;
mod second;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::card::SessionOptions;
pub use escalation::EscalationConfig;
pub use live::{
    ChannelConfig, ChannelPlan, GatewayConfig, GatewayPlan, LiveConfig, LivePlan, RateConfig, SecretError, SecretSource,
};
pub use packets::{LineConfig, PacketsConfig, PlaybackConfig};
pub use plan::{MarketRules, OwnFills, Plan, PlannedHolding, Portfolio, PortfolioRule, UnderlyingPlan};
pub use second::{SecondConfig, SecondPlan};

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands, as in `underlying[0].band.theta`.
    pub path: String,
    /// The value as given.
    pub value: String,
    /// Why it is refused, and what would be accepted.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.path, self.value, self.reason)
    }
}

/// Why a configuration was refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read configuration {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The path as given.
        path: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// It is no TOML, or has fields that are unknown, missing or of another type.
    #[error("the configuration cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// Some values make no sense.
    #[error("{} of the configuration's values make no sense; correct each of them:{}", .0.len(), Lines(.0))]
    Invalid(Vec<Problem>),
}

/// Problems, one a line.
struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// A whole configuration, as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Sizes of the kernel.
    #[serde(default)]
    pub sizes: SizesConfig,
    /// How market data becomes quotes and rows.
    #[serde(default)]
    pub market: MarketConfig,
    /// How a card is used, where there is one.
    #[serde(default)]
    pub card: CardConfig,
    /// Where packets come from; needed for a live run only.
    pub packets: Option<PacketsConfig>,
    /// A running engine; needed for a live run only.
    pub live: Option<LiveConfig>,
    /// Sessions for orders; needed for a live run only.
    #[serde(default)]
    pub gateway: Vec<GatewayConfig>,
    /// Fills of the desk's own quotes, made up from public trades; none if left out.
    pub own_fills: Option<OwnFillsConfig>,
    /// The venue's numbers of instruments, for captures that do not define them.
    #[serde(default)]
    pub instrument_ids: BTreeMap<String, u32>,
    /// The underlyings, in the order of their index in the kernel.
    pub underlying: Vec<UnderlyingConfig>,
}

/// Sizes of the kernel: what it allocates at start.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SizesConfig {
    /// Underlyings, 1 to 256.
    pub underlyings: f64,
    /// Slots of all underlyings together, a multiple of 64.
    pub rows: f64,
    /// Most intervals of a ladder, 2 to 16,384.
    pub intervals: f64,
}

impl Default for SizesConfig {
    fn default() -> Self {
        Self { underlyings: 8.0, rows: 4096.0, intervals: 256.0 }
    }
}

/// Where the best bid and ask of the hedge instrument come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuoteSource {
    /// The ticker's best bid and ask.
    Ticker,
    /// The book; quotes are marked as not trusted while it is not complete.
    Book,
    /// The book while it is complete, else the ticker.
    BookOrTicker,
}

/// The price at which the Greeks are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The index of the hedge instrument.
    Index,
    /// The middle of its best bid and ask; its mark while a side is empty.
    Mid,
    /// Its mark.
    Mark,
}

/// Where the forward of an expiry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardRule {
    /// The dated future's mark, else put-call parity, else the index.
    Future,
    /// The index.
    Index,
}

/// How vols move with the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkewConfig {
    /// The vol of a strike stays.
    StickyStrike,
    /// The vol of a moneyness stays.
    StickyMoneyness,
}

/// How market data becomes quotes and rows. Times are times of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketConfig {
    /// Where best bid and ask come from.
    pub quotes: QuoteSource,
    /// The price at which the Greeks are taken.
    pub reference: Reference,
    /// Where forwards come from.
    pub forward: ForwardRule,
    /// How vols move with the price.
    pub skew: SkewConfig,
    /// From the first packet to the first bank, ms.
    pub warm_up_ms: f64,
    /// Between two banks, ms.
    pub recompile_ms: f64,
    /// Longest use of a bank, ms: after it quotes are refused as `ROWS_STALE`.
    pub rows_age_max_ms: f64,
    /// Vol of an option that has no mark yet, per root year (0.6 is 60 %).
    pub vol_default: f64,
    /// Lowest vol that a mark is believed to imply.
    pub vol_min: f64,
    /// Highest vol that a mark is believed to imply.
    pub vol_max: f64,
    /// Between two ticks of time while no quotes come, ms; 0 for none.
    pub time_every_ms: f64,
    /// Least time between two points of the report's curves, ms.
    pub series_every_ms: f64,
}

impl Default for MarketConfig {
    fn default() -> Self {
        Self {
            quotes: QuoteSource::BookOrTicker,
            reference: Reference::Mid,
            forward: ForwardRule::Future,
            skew: SkewConfig::StickyStrike,
            warm_up_ms: 5_000.0,
            recompile_ms: 5_000.0,
            rows_age_max_ms: 15_000.0,
            vol_default: 0.6,
            vol_min: 0.05,
            vol_max: 4.0,
            time_every_ms: 0.0,
            series_every_ms: 100.0,
        }
    }
}

/// What to do when a card fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFaultConfig {
    /// The CPU goes on.
    FallBack,
    /// Nothing more is answered.
    Stop,
}

/// How a card is used: `SessionOptions` says what each is for.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardConfig {
    /// What to do when it fails.
    pub on_fault: OnFaultConfig,
    /// Of how many commands one is compared with the CPU before its events are used: 1 is each, 0 none.
    pub compare_first_every: f64,
    /// Silence after which its registers are read.
    pub ask_after_ms: f64,
    /// Silence after which it is given up though it says that it is busy.
    pub deadline_ms: f64,
    /// The same while a swap waits for its ladder.
    pub swap_deadline_ms: f64,
    /// Between two attempts to get it back; 0 for never.
    pub retry_every_ms: f64,
    /// Commands remembered to get it back.
    pub history_commands: f64,
    /// log2 of the event ring's slots, 1 to 20.
    pub ring_size_log2: f64,
    /// Cycles of the card without a heartbeat after which it takes no more commands; 0 for never.
    pub watchdog_cycles: f64,
    /// Between two heartbeats.
    pub heartbeat_every_ms: f64,
}

impl Default for CardConfig {
    fn default() -> Self {
        let options = SessionOptions::default();
        let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
        Self {
            on_fault: OnFaultConfig::FallBack,
            compare_first_every: options.check_every.into(),
            ask_after_ms: ms(options.ask_after),
            deadline_ms: ms(options.deadline),
            swap_deadline_ms: ms(options.swap_deadline),
            retry_every_ms: options.retry_every.map_or(0.0, ms),
            history_commands: options.history_commands as f64,
            ring_size_log2: options.card.ring_size_log2.into(),
            watchdog_cycles: options.card.watchdog_period_cycles.into(),
            heartbeat_every_ms: ms(options.heartbeat_every),
        }
    }
}

/// The desk's own fills: some public option trades are taken for fills of its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnFillsConfig {
    /// Every how many public trades of held options one was the desk's.
    pub every: f64,
    /// The desk's share of it, above 0 and at most 1.
    pub share: f64,
}

/// What wealth is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumeraireConfig {
    /// In coin.
    Coin,
    /// In USD.
    Usd,
}

/// How an instrument settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoffConfig {
    /// In coin.
    Inverse,
    /// In USD.
    Linear,
}

/// One underlying: a portfolio and the instrument that hedges it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnderlyingConfig {
    /// Coin, as in `BTC`.
    pub coin: String,
    /// What wealth is counted in, and so what a hedge keeps constant.
    pub numeraire: NumeraireConfig,
    /// Slots for instruments, a multiple of 64.
    pub slots: f64,
    /// Whether every quote is answered by an exact pass over the rows instead of the ladder.
    #[serde(default)]
    pub exact_mode: bool,
    /// Net delta to hold, coin.
    #[serde(default)]
    pub target_coin: f64,
    /// Coin cash at the start, coin; counts in USD numeraire.
    #[serde(default)]
    pub cash_coin: f64,
    /// The hedge instrument.
    pub hedge: HedgeConfig,
    /// What is held.
    pub portfolio: PortfolioConfig,
    /// The no-trade band.
    pub band: BandConfig,
    /// How orders are made.
    pub orders: OrdersConfig,
    /// What no order may pass.
    pub gates: GatesConfig,
    /// The grid of prices.
    pub ladder: LadderConfig,
    /// What becomes of orders in a replay.
    pub fill: FillConfig,
    /// How hard hedges are tried at a venue; needed for a live run only.
    pub escalation: Option<EscalationConfig>,
    /// A stress that orders must keep up with; not checked if left out.
    pub stress: Option<StressConfig>,
}

/// The instrument that is traded to hedge.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HedgeConfig {
    /// Name, as in `BTC-PERPETUAL`.
    pub instrument: String,
    /// How it settles.
    pub kind: PayoffConfig,
    /// Smallest order increment: USD (inverse) or coin (linear).
    pub contract_size: f64,
    /// Price increment, USD.
    pub tick_usd: f64,
    /// About where it trades, USD: only used to check the other values.
    pub price_about_usd: f64,
    /// Smallest order of the venue, contracts.
    #[serde(default = "one")]
    pub venue_min_contracts: f64,
    /// Position at the start, contracts, positive long.
    #[serde(default)]
    pub position_contracts: f64,
}

/// What is held.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortfolioConfig {
    /// Smallest trade of options and linear futures, coin: quantities are whole numbers of it.
    pub lot_coin: f64,
    /// Smallest trade of inverse futures, USD.
    #[serde(default = "ten")]
    pub lot_usd: f64,
    /// Largest size of an option position between two banks, coin: scales are chosen for it.
    pub instrument_max_coin: f64,
    /// A rule that fills the portfolio with the options that the feed defines.
    pub rule: Option<RuleConfig>,
    /// Positions one by one.
    #[serde(default)]
    pub holding: Vec<HoldingConfig>,
    /// AMM liquidity.
    #[serde(default)]
    pub pool: Vec<PoolConfig>,
}

/// A rule that makes a portfolio of all options of the coin that the feed defines.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum RuleConfig {
    /// The same quantity of each.
    EveryOption {
        /// Quantity, coin, positive long.
        quantity_coin: f64,
        /// Only options that settle so; all if left out.
        payoff: Option<PayoffConfig>,
    },
    /// A quantity between the two limits for each, drawn from seed and name.
    Seeded {
        /// Seed.
        seed: u64,
        /// Largest size, coin.
        quantity_max_coin: f64,
    },
}

/// One position.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldingConfig {
    /// Name, as in `BTC-16JUN23-25000-C`.
    pub instrument: String,
    /// Quantity, positive long: coin for options and linear futures, USD for inverse futures.
    pub quantity: f64,
    /// Vol of an option, per root year; from its mark if left out.
    pub vol: Option<f64>,
    /// Average entry price of an inverse future, USD; needed in USD numeraire.
    pub entry_price_usd: Option<f64>,
}

/// AMM liquidity in a price range.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// Coin in it at `price_usd`.
    pub coin: f64,
    /// A price below the upper end, USD.
    pub price_usd: f64,
    /// Lower end of the range, USD.
    pub price_low_usd: f64,
    /// Upper end of the range, USD.
    pub price_high_usd: f64,
}

/// The no-trade band.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandConfig {
    /// Half width before floor and cap.
    pub rule: BandRule,
    /// Floor of the half width, contracts.
    pub min_contracts: f64,
    /// Cap of the half width, contracts.
    pub max_contracts: f64,
    /// Exposure beyond which the cool-down is not waited for, contracts.
    pub emergency_contracts: f64,
    /// Part of the band that a hedge leaves: 0 hedges to the target, 1 to the edge.
    pub theta: f64,
    /// Factor on the half width where the hedge would buy.
    #[serde(default = "one")]
    pub scale_buy: f64,
    /// Factor on the half width where the hedge would sell.
    #[serde(default = "one")]
    pub scale_sell: f64,
}

/// Half width of the band before floor and cap.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BandRule {
    /// Always the same.
    Fixed {
        /// Half width, contracts.
        contracts: f64,
    },
    /// The change of delta over `k` standard moves within the window.
    Gamma {
        /// Standard moves.
        k: f64,
        /// Vol of the coin, per root year.
        vol: f64,
        /// Window, minutes.
        window_minutes: f64,
    },
    /// Whalley and Wilmott's band for proportional cost.
    WhalleyWilmott {
        /// Cost of a trade, basis points of its value: fee and half spread.
        cost_bp: f64,
        /// Absolute risk aversion, per USD.
        risk_aversion_per_usd: f64,
    },
}

/// How orders are made.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrdersConfig {
    /// Smallest order, contracts.
    pub clip_min_contracts: f64,
    /// Largest order, contracts.
    pub clip_max_contracts: f64,
    /// How far through the best opposite price the limit goes, USD.
    pub cross_usd: f64,
    /// Least time between two hedges, ms.
    pub cool_down_ms: f64,
    /// Time in which an equal order on an unchanged ledger is a duplicate, ms.
    pub duplicate_window_ms: f64,
}

/// What no order may pass. None of these has a default: a limit that nobody chose is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatesConfig {
    /// Widest spread, basis points of the bid.
    pub width_max_bp: f64,
    /// Oldest quote that is hedged on, ms.
    pub quote_age_max_ms: f64,
    /// Least size at the side that is hit, contracts.
    pub size_min_contracts: f64,
    /// Largest distance of the limit price from the hedge instrument's price, basis points.
    pub collar_bp: f64,
    /// Largest distance of the limit price from its last trade, basis points.
    pub collar_last_bp: f64,
    /// Largest order, contracts: a check on the clip, not a clip.
    pub order_max_contracts: f64,
    /// Largest order, USD.
    pub notional_max_usd: f64,
    /// Largest position if everything open fills, contracts.
    pub position_max_contracts: f64,
    /// Largest position and open orders together, contracts.
    pub gross_max_contracts: f64,
    /// Most open orders, 1 to 16.
    pub open_orders_max: f64,
    /// Time that one order uses up of the message budget, ms.
    pub order_interval_ms: f64,
    /// Message budget that may be saved up, ms.
    pub order_burst_ms: f64,
    /// Most hedges in a minute.
    pub hedges_per_minute: f64,
    /// Most orders in a row without a fill.
    pub attempts_max: f64,
    /// Largest cost of the session's hedges, coin.
    pub loss_max_coin: f64,
    /// Contracts that margin allows to buy; the largest position if left out.
    pub margin_buy_contracts: Option<f64>,
    /// Contracts that margin allows to sell; the largest position if left out.
    pub margin_sell_contracts: Option<f64>,
}

/// The grid of prices that the kernel works the portfolio out on.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderConfig {
    /// Largest step, ticks of the hedge instrument: a power of two from 1/16 to 256. Banks with options
    /// too steep for it get a finer one.
    pub step_ticks: f64,
    /// Number of steps.
    pub intervals: f64,
}

/// At what price an order fills that fills at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillPriceConfig {
    /// At the best opposite price.
    Touch,
    /// At its limit.
    Limit,
}

/// What becomes of orders in a replay.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case", deny_unknown_fields)]
pub enum FillConfig {
    /// Every order fills at once and whole.
    Immediate {
        /// At what price.
        price: FillPriceConfig,
        /// Fee of a taker, basis points.
        taker_fee_bp: f64,
    },
    /// An order works until a later quote trades with it.
    NextOpposingQuote {
        /// How long it works, ms.
        time_to_live_ms: f64,
        /// Fee of a taker, basis points.
        taker_fee_bp: f64,
    },
}

/// A stress that orders must keep up with: clip times rate covers the gamma.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StressConfig {
    /// Largest change of delta per unit of log price, coin.
    pub gamma_coin: f64,
    /// Move of the price in a minute, basis points.
    pub move_bp_per_minute: f64,
}

fn one() -> f64 {
    1.0
}

fn ten() -> f64 {
    10.0
}

impl Config {
    /// Reads a configuration from TOML.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`], with line and column.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Ok(toml::from_str(text)?)
    }

    /// Checks every value and converts to wire units.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with all problems.
    pub fn plan(&self) -> Result<Plan, ConfigError> {
        plan::plan(self).map_err(ConfigError::Invalid)
    }
}

impl Plan {
    /// Reads, checks and converts a configuration.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] or [`ConfigError::Invalid`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Config::parse(text)?.plan()
    }

    /// As [`Plan::parse`], from a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = std::fs::read_to_string(path);
        Self::parse(&read.map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?)
    }
}
