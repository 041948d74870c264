//! A configuration in wire units, and every check on the way there.
//!
//! ```text
//!   Config ──► sizes, market, own fills ─┐
//!          └─► per underlying: hedge ──► band ──► orders ──► gates ──► ladder ──► Plan
//!                                └─ what is checked against tick, contract size and price ─┘
//! ```
//!
//! Invariant: with no problem noted, every value in the plan is inside the kernel's and the
//! compiler's limits; with any, there is no plan.

use std::collections::BTreeMap;
use std::time::Duration;

use hedgewire_abi::command::{
    Configure, Reconcile, SetPriceLimits, SetRateLimits, SetSizeLimits, SetStatus, SetTarget, SetTrigger,
};
use hedgewire_abi::format::{
    BAND_SCALE_MAX, CONTRACT_BITS, DURATION_MAX_NS, ORDER_MAX, ORDER_SLOTS, POSITION_MAX, PRICE_BITS, QUANTITY_MAX,
    SLOT_BLOCK, STEP_SHIFT,
};
use hedgewire_abi::register::RING_SIZE_LOG2_MAX;
use hedgewire_kernel::Sizes;

use super::check::{Checks, is_multiple};
use super::escalation::escalation;
use super::live::{LivePlan, live};
use super::packets::packets;
use super::{
    BandConfig, BandRule, CardConfig, Config, FillConfig, FillPriceConfig, ForwardRule, GatesConfig, HedgeConfig,
    HoldingConfig, LadderConfig, MarketConfig, NumeraireConfig, OnFaultConfig, OrdersConfig, PayoffConfig, PoolConfig,
    PortfolioConfig, Problem, QuoteSource, Reference, RuleConfig, SizesConfig, SkewConfig, StressConfig,
    UnderlyingConfig,
};
use crate::card::{CardOptions, OnFault, SessionOptions};
use crate::compiler::{Band, HedgeInstrument, Ladder, Numeraire, PriceUnit, Settings, SkewRule, SlotRange};
use crate::deribit::starbase::orders::escalation::EscalationPolicy;
use crate::driver::Setup;
use crate::fills::{FillModel, FillPrice};
use crate::instrument::{AmmRange, Future, Instrument, Payoff};
use crate::packet::PacketSettings;

/// Basis points in 1.
const BP: f64 = 1e4;
/// Minutes in a year of 365 days.
const MINUTES_PER_YEAR: f64 = 365.0 * 1440.0;
/// Largest part of its middle that a ladder may reach up or down: the rows reach from 0.613 to 1.632
/// of the reference price (`hedgewire_abi::format::X_MAX`).
const LADDER_REACH_MAX: f64 = 0.35;

/// Most commands that are remembered for a card that comes back: 64 GiB of them.
const HISTORY_COMMANDS_MAX: u64 = 1 << 30;

/// A configuration that makes sense, in wire units.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Sizes of the kernel.
    pub sizes: Sizes,
    /// How market data becomes quotes and rows.
    pub market: MarketRules,
    /// How a card is used, where there is one.
    pub card: SessionOptions,
    /// Where packets come from, in a live run.
    pub packets: Option<PacketSettings>,
    /// A running engine.
    pub live: Option<LivePlan>,
    /// The desk's own fills.
    pub own_fills: Option<OwnFills>,
    /// The venue's numbers of instruments, by name, as configured.
    pub instrument_ids: Vec<(String, u32)>,
    /// The underlyings, by their index in the kernel.
    pub underlyings: Vec<UnderlyingPlan>,
}

/// How market data becomes quotes and rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketRules {
    /// Where best bid and ask come from.
    pub quotes: QuoteSource,
    /// The price at which the Greeks are taken.
    pub reference: Reference,
    /// Where forwards come from.
    pub forward: ForwardRule,
    /// From the first packet to the first bank, ns.
    pub warm_up_ns: u64,
    /// Between two banks, ns.
    pub recompile_ns: u64,
    /// Vol of an option without a mark.
    pub vol_default: f64,
    /// Vols that a mark is believed to imply: lowest, highest.
    pub vol_range: (f64, f64),
    /// Between two ticks of time while no quotes come, ns; 0 for none.
    pub time_every_ns: u64,
    /// Least time between two points of a curve, ns.
    pub series_every_ns: u64,
}

/// Which public trades are taken for the desk's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnFills {
    /// Every how many public trades of held options.
    pub every: u64,
    /// The desk's share.
    pub share: f64,
}

/// One underlying, in wire units.
#[derive(Debug, Clone, PartialEq)]
pub struct UnderlyingPlan {
    /// Its index in the kernel.
    pub index: u8,
    /// Coin.
    pub coin: String,
    /// Name of the hedge instrument.
    pub hedge_name: String,
    /// What the kernel is told once.
    pub setup: Setup,
    /// Its slots.
    pub range: SlotRange,
    /// How its rows are compiled.
    pub compiler: Settings,
    /// The grid of prices at its coarsest: each bank's may have a finer step.
    pub ladder: Ladder,
    /// What becomes of its orders.
    pub fill: FillModel,
    /// Fee of a taker, a fraction of the value traded.
    pub taker_fee: f64,
    /// How hard hedges are tried at a venue, if configured.
    pub escalation: Option<EscalationPolicy>,
    /// What is held.
    pub portfolio: Portfolio,
    /// Coin cash at the start, coin.
    pub cash_coin: f64,
}

/// What is held.
#[derive(Debug, Clone, PartialEq)]
pub struct Portfolio {
    /// Lot of options and linear futures, coin.
    pub lot_coin: f64,
    /// Largest size of an option position, lots.
    pub quantity_max_lots: u32,
    /// A rule for the options that the feed defines.
    pub rule: Option<PortfolioRule>,
    /// Positions.
    pub holdings: Vec<PlannedHolding>,
}

/// A rule for the options that the feed defines, in lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortfolioRule {
    /// The same quantity of each.
    EveryOption {
        /// Quantity, lots, positive long.
        quantity_lots: i32,
        /// Only options that settle so; all if `None`.
        payoff: Option<Payoff>,
    },
    /// A quantity for each, drawn from seed and name.
    Seeded {
        /// Seed.
        seed: u64,
        /// Largest size, lots.
        quantity_max_lots: i32,
    },
}

/// One position.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedHolding {
    /// The instrument.
    pub instrument: Instrument,
    /// Size of a lot: coin, USD (inverse futures) or the whole range.
    pub lot_size: f64,
    /// Quantity, lots, positive long.
    pub quantity_lots: i32,
    /// Largest size between two banks, lots.
    pub quantity_max_lots: u32,
    /// Vol of an option, if configured.
    pub vol: Option<f64>,
    /// Entry price of an inverse future, USD.
    pub entry_price_usd: Option<f64>,
}

fn payoff_of(config: PayoffConfig) -> Payoff {
    match config {
        PayoffConfig::Inverse => Payoff::Inverse,
        PayoffConfig::Linear => Payoff::Linear,
    }
}

fn payoff_word(payoff: Payoff) -> &'static str {
    match payoff {
        Payoff::Inverse => "inverse",
        Payoff::Linear => "linear",
    }
}

/// Checks and converts a configuration.
pub(super) fn plan(config: &Config) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut checks = Checks::new(&mut problems);
    let sizes = sizes(&mut checks.at("sizes"), &config.sizes);
    let market = market(&mut checks.at("market"), &config.market);
    let card = card(&mut checks.at("card"), &config.card);
    let packets = config.packets.as_ref().map(|config| packets(&mut checks.at("packets"), config));
    let coins: Vec<&str> = config.underlying.iter().map(|underlying| underlying.coin.as_str()).collect();
    let live_plan = (config.live.as_ref())
        .map(|config_live| live(&mut checks, config_live, &config.gateway, &coins, packets.as_ref()));
    checks.require(config.live.is_some() || config.gateway.is_empty(), "gateway", config.gateway.len(), || {
        "is for a live run: add [live], or remove it".to_owned()
    });
    let own_fills = config.own_fills.map(|own| {
        let mut checks = checks.at("own_fills");
        checks.require(own.share > 0.0 && own.share <= 1.0, "share", own.share, || {
            "must be above 0 and at most 1".to_owned()
        });
        OwnFills { every: checks.whole("every", own.every, 1, 1 << 32), share: own.share }
    });
    check_underlyings(&mut checks, config, sizes);
    let mut first_slot = 0;
    let mut underlyings = Vec::new();
    for (index, underlying) in config.underlying.iter().enumerate() {
        let mut checks = checks.element("underlying", index);
        let planned = plan_underlying(&mut checks, underlying, &config.market, sizes, first_slot);
        first_slot += planned.range.slot_count;
        underlyings.push(UnderlyingPlan { index: index as u8, ..planned });
    }
    checks.require(first_slot as usize <= sizes.rows, "sizes.rows", sizes.rows, || {
        format!("the underlyings have {first_slot} slots together; raise it or lower their slots")
    });
    let instrument_ids = instrument_ids(&mut Checks::new(&mut problems).at("instrument_ids"), config);
    let plan = Plan { sizes, market, card, packets, live: live_plan, own_fills, instrument_ids, underlyings };
    if problems.is_empty() { Ok(plan) } else { Err(problems) }
}

fn card(checks: &mut Checks<'_>, config: &CardConfig) -> SessionOptions {
    let retry = Duration::from_nanos(checks.duration_ns("retry_every_ms", config.retry_every_ms));
    SessionOptions {
        card: CardOptions {
            ring_size_log2: checks.whole_u32("ring_size_log2", config.ring_size_log2, 1, RING_SIZE_LOG2_MAX),
            watchdog_period_cycles: checks.whole_u32("watchdog_cycles", config.watchdog_cycles, 0, u32::MAX),
        },
        on_fault: match config.on_fault {
            OnFaultConfig::FallBack => OnFault::FallBack,
            OnFaultConfig::Stop => OnFault::Stop,
        },
        check_every: checks.whole_u32("compare_first_every", config.compare_first_every, 0, u32::MAX),
        ask_after: Duration::from_nanos(checks.duration_ns("ask_after_ms", config.ask_after_ms)),
        deadline: Duration::from_nanos(checks.some_duration_ns("deadline_ms", config.deadline_ms)),
        swap_deadline: Duration::from_nanos(checks.some_duration_ns("swap_deadline_ms", config.swap_deadline_ms)),
        history_commands: checks.whole("history_commands", config.history_commands, 0, HISTORY_COMMANDS_MAX) as usize,
        retry_every: (!retry.is_zero()).then_some(retry),
        heartbeat_every: Duration::from_nanos(checks.duration_ns("heartbeat_every_ms", config.heartbeat_every_ms)),
    }
}

/// The venue gives a number to one instrument only.
fn instrument_ids(checks: &mut Checks<'_>, config: &Config) -> Vec<(String, u32)> {
    let mut names: BTreeMap<u32, &str> = BTreeMap::new();
    for (name, &id) in &config.instrument_ids {
        checks.require(name.parse::<Instrument>().is_ok(), name, id, || "no instrument has such a name".to_owned());
        if let Some(other) = names.insert(id, name) {
            checks.refuse(name, id, format!("is the number of {other} too; correct one of them"));
        }
    }
    config.instrument_ids.iter().map(|(name, &id)| (name.clone(), id)).collect()
}

fn sizes(checks: &mut Checks<'_>, config: &SizesConfig) -> Sizes {
    let rows = checks.whole("rows", config.rows, u64::from(SLOT_BLOCK), 1 << 20) as usize;
    checks.require(rows.is_multiple_of(SLOT_BLOCK as usize), "rows", rows, || {
        format!("must be a multiple of {SLOT_BLOCK}")
    });
    Sizes {
        underlyings: checks.whole("underlyings", config.underlyings, 1, 256) as usize,
        rows,
        intervals: checks.whole("intervals", config.intervals, 2, 1 << 14) as usize,
    }
}

fn market(checks: &mut Checks<'_>, config: &MarketConfig) -> MarketRules {
    let vol_min = checks.positive("vol_min", config.vol_min);
    let vol_max = checks.positive("vol_max", config.vol_max);
    let vol_default = checks.positive("vol_default", config.vol_default);
    // What is no number has been told already and is in no range: it is not told a second time.
    let is_above = config.vol_min > config.vol_max;
    checks.require(!is_above, "vol_min", vol_min, || format!("must not be above vol_max = {vol_max}"));
    let is_outside = config.vol_default < config.vol_min || config.vol_default > config.vol_max;
    checks.require(!is_outside, "vol_default", vol_default, || {
        format!("must be from vol_min = {vol_min} to vol_max = {vol_max}")
    });
    let recompile_ns = checks.some_duration_ns("recompile_ms", config.recompile_ms);
    let rows_age_max_ns = checks.some_duration_ns("rows_age_max_ms", config.rows_age_max_ms);
    checks.require(rows_age_max_ns >= recompile_ns, "rows_age_max_ms", config.rows_age_max_ms, || {
        format!("must not be below recompile_ms = {}, or quotes are refused between two banks", config.recompile_ms)
    });
    MarketRules {
        quotes: config.quotes,
        reference: config.reference,
        forward: config.forward,
        warm_up_ns: checks.duration_ns("warm_up_ms", config.warm_up_ms),
        recompile_ns,
        vol_default,
        vol_range: (vol_min, vol_max),
        time_every_ns: checks.duration_ns("time_every_ms", config.time_every_ms),
        series_every_ns: checks.duration_ns("series_every_ms", config.series_every_ms),
    }
}

/// What can only be said of all underlyings together.
fn check_underlyings(checks: &mut Checks<'_>, config: &Config, sizes: Sizes) {
    let count = config.underlying.len();
    checks.require(count > 0, "underlying", count, || "there must be at least one".to_owned());
    checks.require(count <= sizes.underlyings, "underlying", count, || {
        format!("the kernel has sizes.underlyings = {}; raise it or remove some", sizes.underlyings)
    });
    for (index, underlying) in config.underlying.iter().enumerate() {
        let name = &underlying.hedge.instrument;
        let earlier = config.underlying[..index].iter().any(|other| other.hedge.instrument == *name);
        checks.element("underlying", index).require(!earlier, "hedge.instrument", name, || {
            "hedges another underlying already: two ledgers cannot share a position".to_owned()
        });
    }
}

/// What other values are checked against.
struct Scene {
    hedge: HedgeInstrument,
    price_usd: f64,
}

impl Scene {
    /// Contracts that a coin amount is worth.
    fn contracts_per_coin(&self) -> f64 {
        match self.hedge.payoff {
            Payoff::Inverse => self.price_usd / self.hedge.contract_size,
            Payoff::Linear => 1.0 / self.hedge.contract_size,
        }
    }

    /// Price units per USD.
    fn units_per_usd(&self) -> f64 {
        f64::from(1u32 << PRICE_BITS) / self.hedge.tick_usd
    }
}

fn plan_underlying(
    checks: &mut Checks<'_>,
    config: &UnderlyingConfig,
    market: &MarketConfig,
    sizes: Sizes,
    first_slot: u32,
) -> UnderlyingPlan {
    let slot_count = checks.whole_u32("slots", config.slots, SLOT_BLOCK, 1 << 20);
    checks.require(slot_count.is_multiple_of(SLOT_BLOCK), "slots", slot_count, || {
        format!("must be a multiple of {SLOT_BLOCK}")
    });
    let scene = hedge(&mut checks.at("hedge"), &config.hedge, &config.coin);
    let position = whole_position(&mut checks.at("hedge"), &config.hedge);
    let trigger = trigger(checks, config);
    let (price, cross_usd) = price_limits(checks, &config.gates, &config.orders, &scene);
    let size = size_limits(checks, config, &scene);
    let rate = rate_limits(&mut checks.at("gates"), &config.gates);
    check_together(checks, config, &scene, &trigger, &size, cross_usd);
    let status = status(&mut checks.at("gates"), &config.gates, &size);
    let ladder = ladder(&mut checks.at("ladder"), &config.ladder, sizes, &scene);
    let (fill, taker_fee) = fill(&mut checks.at("fill"), &config.fill);
    let escalation = config.escalation.map(|escalation_config| {
        escalation(&mut checks.at("escalation"), &escalation_config, &config.hedge, &config.gates)
    });
    let portfolio = portfolio(&mut checks.at("portfolio"), config, slot_count);
    let (target, cash) = (checks.coin("target_coin", config.target_coin), checks.coin("cash_coin", config.cash_coin));
    let band = band_rule(&mut checks.at("band.rule"), &config.band.rule);
    let usd = config.numeraire == NumeraireConfig::Usd;
    let coin_max =
        config.target_coin.abs() + config.cash_coin.abs() + size.position_max as f64 / scene.contracts_per_coin();
    UnderlyingPlan {
        index: 0,
        coin: config.coin.clone(),
        hedge_name: config.hedge.instrument.clone(),
        setup: Setup {
            configure: Configure { first_slot, slot_count, exact_mode: u8::from(config.exact_mode) },
            trigger,
            price,
            size,
            rate,
            status,
            target: SetTarget { target, cash },
            // What the position adds to the coin constant depends on the first price: the engine adds it.
            reconcile: Reconcile { position, hedge_coin: 0 },
        },
        range: SlotRange { first_slot, slot_count },
        compiler: Settings {
            numeraire: if usd { Numeraire::Usd } else { Numeraire::Coin },
            skew: match market.skew {
                SkewConfig::StickyStrike => SkewRule::StickyStrike,
                SkewConfig::StickyMoneyness => SkewRule::StickyMoneyness,
            },
            hedge: scene.hedge,
            band,
            age_max_ns: (market.rows_age_max_ms.clamp(0.0, DURATION_MAX_NS as f64 / 1e6) * 1e6).round() as u64,
            // Twice as much as limits allow: fees and premiums come on top.
            coin_max: (2.0 * coin_max).max(1.0),
        },
        ladder,
        fill,
        taker_fee,
        escalation,
        portfolio,
        cash_coin: config.cash_coin,
    }
}

fn hedge(checks: &mut Checks<'_>, config: &HedgeConfig, coin: &str) -> Scene {
    let hedge = HedgeInstrument {
        payoff: payoff_of(config.kind),
        contract_size: checks.positive("contract_size", config.contract_size),
        tick_usd: checks.positive("tick_usd", config.tick_usd),
    };
    let price_usd = checks.positive("price_about_usd", config.price_about_usd);
    match config.instrument.parse::<Future>() {
        Err(error) => checks.refuse("instrument", &config.instrument, error.to_string()),
        Ok(future) => {
            checks.require(future.underlying == coin, "instrument", &config.instrument, || {
                format!("is not on {coin}; hedge an underlying with its own coin")
            });
            checks.require(future.payoff == hedge.payoff, "kind", payoff_word(hedge.payoff), || {
                format!("{} is {}", config.instrument, payoff_word(future.payoff))
            });
        }
    }
    let reaches =
        PriceUnit::of_tick(hedge.tick_usd).and_then(|unit| unit.to_units(price_usd / (1.0 - LADDER_REACH_MAX)));
    if let Err(error) = reaches {
        checks.refuse("tick_usd", hedge.tick_usd, format!("prices of about {price_usd} USD do not fit: {error}"));
    }
    Scene { hedge, price_usd }
}

fn whole_position(checks: &mut Checks<'_>, config: &HedgeConfig) -> i64 {
    let size = checks.whole("position_contracts", config.position_contracts.abs(), 0, POSITION_MAX as u64) as i64;
    if config.position_contracts < 0.0 { -size } else { size }
}

fn band_rule(checks: &mut Checks<'_>, rule: &BandRule) -> Band {
    match *rule {
        BandRule::Fixed { contracts } => {
            Band::Fixed { contracts: checks.real("contracts", contracts, 0.0, (1u64 << 30) as f64) }
        }
        BandRule::Gamma { k, vol, window_minutes } => Band::Gamma {
            k: checks.positive("k", k),
            vol: checks.positive("vol", vol),
            window_years: checks.positive("window_minutes", window_minutes) / MINUTES_PER_YEAR,
        },
        BandRule::WhalleyWilmott { cost_bp, risk_aversion_per_usd } => Band::WhalleyWilmott {
            lambda: checks.positive("cost_bp", cost_bp) / BP,
            risk_aversion_per_usd: checks.positive("risk_aversion_per_usd", risk_aversion_per_usd),
        },
    }
}

fn trigger(checks: &mut Checks<'_>, config: &UnderlyingConfig) -> SetTrigger {
    let (band, orders) = (&config.band, &config.orders);
    let venue_min = checks.at("hedge").whole_u32("venue_min_contracts", config.hedge.venue_min_contracts, 1, ORDER_MAX);
    let mut at_orders = checks.at("orders");
    let clip_min = at_orders.whole_u32("clip_min_contracts", orders.clip_min_contracts, 1, ORDER_MAX);
    let clip_max = at_orders.whole_u32("clip_max_contracts", orders.clip_max_contracts, 1, ORDER_MAX);
    at_orders.require(clip_min >= venue_min, "clip_min_contracts", clip_min, || {
        format!("is below the venue's smallest order of {venue_min} contracts")
    });
    at_orders.require(clip_min <= clip_max, "clip_min_contracts", clip_min, || {
        format!("must not be above clip_max_contracts = {clip_max}")
    });
    let mut at_band = checks.at("band");
    let trigger = SetTrigger {
        theta: at_band.factor("theta", band.theta, 0.0, 1.0),
        band_scale_buy: at_band.factor("scale_buy", band.scale_buy, 1.0 / 256.0, SCALE_MAX),
        band_scale_sell: at_band.factor("scale_sell", band.scale_sell, 1.0 / 256.0, SCALE_MAX),
        clip_min,
        clip_max,
        band_min: at_band.exposure("min_contracts", band.min_contracts),
        band_max: at_band.exposure("max_contracts", band.max_contracts),
    };
    check_band(&mut at_band, band);
    trigger
}

/// Largest factor on the band of a side.
const SCALE_MAX: f64 = (BAND_SCALE_MAX >> CONTRACT_BITS) as f64;

/// The rules of a sound trigger: a band narrower than a lot trades to and fro, and so does one whose
/// exit is less than half a lot inside its edge.
fn check_band(checks: &mut Checks<'_>, band: &BandConfig) {
    let (min, max) = (band.min_contracts, band.max_contracts);
    checks.require(min.is_nan() || min >= 0.5, "min_contracts", min, || {
        "is below half a contract: rounding alone would make it trade".to_owned()
    });
    checks.require(min.is_nan() || max.is_nan() || min <= max, "min_contracts", min, || {
        format!("must not be above max_contracts = {max}")
    });
    let (smallest, largest) = half_widths(band);
    if smallest.is_nan() || largest.is_nan() {
        return;
    }
    checks.require(smallest >= 1.0, "rule", smallest, || {
        "the half band can be narrower than one contract; raise min_contracts or the rule's width to 1".to_owned()
    });
    checks.require(smallest * (1.0 - band.theta) >= 0.5 || band.theta.is_nan(), "theta", band.theta, || {
        format!(
            "a hedge must leave the edge by half a contract at least: lower theta to {}",
            (1.0 - 0.5 / smallest).max(0.0)
        )
    });
    checks.require(band.emergency_contracts > largest, "emergency_contracts", band.emergency_contracts, || {
        format!("must be above the largest half band of {largest} contracts, or every hedge is an emergency")
    });
}

/// Smallest and largest half width that the band can take, contracts.
fn half_widths(band: &BandConfig) -> (f64, f64) {
    let (min, max) = (band.min_contracts, band.max_contracts);
    match band.rule {
        BandRule::Fixed { contracts } => {
            let on = |scale: f64| (contracts * scale).max(min).min(max);
            let (buy, sell) = (on(band.scale_buy), on(band.scale_sell));
            (buy.min(sell), buy.max(sell))
        }
        BandRule::Gamma { .. } | BandRule::WhalleyWilmott { .. } => (min, max),
    }
}

fn price_limits(
    checks: &mut Checks<'_>,
    gates: &GatesConfig,
    orders: &OrdersConfig,
    scene: &Scene,
) -> (SetPriceLimits, f64) {
    let mut at_orders = checks.at("orders");
    let (tick, price) = (scene.hedge.tick_usd, scene.price_usd);
    let cross_usd = at_orders.real("cross_usd", orders.cross_usd, 0.0, price);
    at_orders.require(is_multiple(cross_usd, tick), "cross_usd", cross_usd, || {
        format!("is no multiple of the tick of {tick} USD: the venue would refuse the price")
    });
    let cool_down_ns = at_orders.duration_ns("cool_down_ms", orders.cool_down_ms);
    let duplicate_window_ns = at_orders.duration_ns("duplicate_window_ms", orders.duplicate_window_ms);
    let mut at_gates = checks.at("gates");
    let limits = SetPriceLimits {
        width_max_bp: at_gates.whole_u32("width_max_bp", gates.width_max_bp, 1, 10_000),
        quote_age_max_ns: at_gates.some_duration_ns("quote_age_max_ms", gates.quote_age_max_ms),
        cool_down_ns,
        duplicate_window_ns,
        collar_bp: at_gates.whole_u32("collar_bp", gates.collar_bp, 1, 10_000),
        collar_last_bp: at_gates.whole_u32("collar_last_bp", gates.collar_last_bp, 1, 10_000),
        size_min: at_gates.whole_u32("size_min_contracts", gates.size_min_contracts, 0, u32::MAX),
        // Saturating: what is too large has been refused above.
        cross: (cross_usd / tick * f64::from(1u32 << PRICE_BITS)).round() as u32,
    };
    for (name, value) in [("collar_bp", gates.collar_bp), ("collar_last_bp", gates.collar_last_bp)] {
        let collar_usd = value / BP * price;
        if !collar_usd.is_finite() {
            continue;
        }
        at_gates.require(collar_usd >= tick, name, value, || {
            format!("is below a tick ({collar_usd} USD at a price of {price}, the tick is {tick}): no order would pass")
        });
        at_gates.require(collar_usd < tick || collar_usd >= cross_usd, name, value, || {
            format!(
                "is below orders.cross_usd = {cross_usd} ({collar_usd} USD at a price of {price}): no order would pass"
            )
        });
    }
    (limits, cross_usd)
}

fn size_limits(checks: &mut Checks<'_>, config: &UnderlyingConfig, scene: &Scene) -> SetSizeLimits {
    let gates = &config.gates;
    let band_emergency = checks.at("band").exposure("emergency_contracts", config.band.emergency_contracts);
    let mut at_gates = checks.at("gates");
    let position_limit = POSITION_MAX as u64;
    let notional_usd = at_gates.positive("notional_max_usd", gates.notional_max_usd);
    let notional = match scene.hedge.payoff {
        Payoff::Inverse => notional_usd / scene.hedge.contract_size,
        Payoff::Linear => notional_usd / scene.hedge.contract_size * scene.units_per_usd(),
    };
    SetSizeLimits {
        order_max: at_gates.whole_u32("order_max_contracts", gates.order_max_contracts, 1, ORDER_MAX),
        band_emergency,
        position_max: at_gates.whole("position_max_contracts", gates.position_max_contracts, 1, position_limit),
        gross_max: at_gates.whole("gross_max_contracts", gates.gross_max_contracts, 1, position_limit),
        notional_max: notional.floor() as u64,
    }
}

fn rate_limits(checks: &mut Checks<'_>, gates: &GatesConfig) -> SetRateLimits {
    checks.require(gates.loss_max_coin > 0.0, "loss_max_coin", gates.loss_max_coin, || {
        "must be above 0, or no order would pass".to_owned()
    });
    SetRateLimits {
        order_interval_ns: checks.duration_ns("order_interval_ms", gates.order_interval_ms),
        order_burst_ns: checks.duration_ns("order_burst_ms", gates.order_burst_ms),
        loss_max: checks.coin("loss_max_coin", gates.loss_max_coin),
        hedges_per_minute: checks.whole_u32("hedges_per_minute", gates.hedges_per_minute, 1, u32::MAX),
        attempts_max: checks.whole_u32("attempts_max", gates.attempts_max, 1, u32::MAX),
        open_orders_max: checks.whole_u32("open_orders_max", gates.open_orders_max, 1, ORDER_SLOTS as u32),
    }
}

/// Limits that contradict each other would silence the engine.
fn check_together(
    checks: &mut Checks<'_>,
    config: &UnderlyingConfig,
    scene: &Scene,
    trigger: &SetTrigger,
    size: &SetSizeLimits,
    cross_usd: f64,
) {
    let clip_max = trigger.clip_max;
    let (gates, position) = (&config.gates, config.hedge.position_contracts.abs());
    let mut at_gates = checks.at("gates");
    at_gates.require(size.order_max >= clip_max, "order_max_contracts", size.order_max, || {
        format!("is below orders.clip_max_contracts = {clip_max}: full clips would be refused")
    });
    let clip_usd = match scene.hedge.payoff {
        Payoff::Inverse => f64::from(clip_max) * scene.hedge.contract_size,
        Payoff::Linear => f64::from(clip_max) * scene.hedge.contract_size * (scene.price_usd + cross_usd),
    };
    at_gates.require(
        clip_usd <= gates.notional_max_usd || gates.notional_max_usd.is_nan(),
        "notional_max_usd",
        gates.notional_max_usd,
        || format!("a clip of {clip_max} contracts is {clip_usd} USD: full clips would be refused"),
    );
    at_gates.require(size.gross_max >= size.position_max, "gross_max_contracts", size.gross_max, || {
        format!("is below position_max_contracts = {}, which could never be reached", size.position_max)
    });
    at_gates.require(
        position <= size.position_max as f64 || position.is_nan(),
        "position_max_contracts",
        size.position_max,
        || format!("the position of {position} contracts is beyond it from the start"),
    );
    at_gates.require(
        size.position_max >= u64::from(trigger.clip_min),
        "position_max_contracts",
        size.position_max,
        || format!("is below orders.clip_min_contracts = {}: no order would pass", trigger.clip_min),
    );
    if let Some(stress) = &config.stress {
        check_stress(&mut checks.at("stress"), stress, config, scene);
    }
}

/// `clip_max * rate >= worst gamma * expected move`: hedging must be able to keep up.
fn check_stress(checks: &mut Checks<'_>, stress: &StressConfig, config: &UnderlyingConfig, scene: &Scene) {
    let gamma = checks.positive("gamma_coin", stress.gamma_coin);
    let move_bp = checks.positive("move_bp_per_minute", stress.move_bp_per_minute);
    let needed = gamma * move_bp / BP * scene.contracts_per_coin();
    let possible = config.orders.clip_max_contracts * config.gates.hedges_per_minute;
    checks.require(possible >= needed || possible.is_nan(), "gamma_coin", gamma, || {
        format!(
            "a move of {move_bp} bp a minute needs {needed:.0} contracts a minute, and clip_max_contracts times \
             hedges_per_minute is {possible}; raise one of them"
        )
    });
}

fn status(checks: &mut Checks<'_>, gates: &GatesConfig, size: &SetSizeLimits) -> SetStatus {
    let mut margin = |name, value: Option<f64>| {
        value.map_or(size.position_max, |value| checks.whole(name, value, 0, POSITION_MAX as u64))
    };
    SetStatus {
        margin_buy: margin("margin_buy_contracts", gates.margin_buy_contracts),
        margin_sell: margin("margin_sell_contracts", gates.margin_sell_contracts),
        ..SetStatus::default()
    }
}

fn ladder(checks: &mut Checks<'_>, config: &LadderConfig, sizes: Sizes, scene: &Scene) -> Ladder {
    let intervals = checks.whole_u32("intervals", config.intervals, 2, sizes.intervals as u32);
    let shift = STEP_SHIFT
        .into_iter()
        .find(|&shift| config.step_ticks == libm::ldexp(1.0, i32::from(shift) - PRICE_BITS as i32));
    let Some(step_shift) = shift else {
        checks.refuse("step_ticks", config.step_ticks, "must be a power of two from 1/16 to 256");
        return Ladder { step_shift: 8, intervals };
    };
    let ladder = Ladder { step_shift, intervals };
    let half = f64::from(intervals) * config.step_ticks * scene.hedge.tick_usd / 2.0;
    checks.require(half <= LADDER_REACH_MAX * scene.price_usd, "intervals", intervals, || {
        format!(
            "the ladder reaches {half} USD up and down from {}, more than {LADDER_REACH_MAX} of it; lower intervals \
             or step_ticks",
            scene.price_usd
        )
    });
    ladder
}

fn fill(checks: &mut Checks<'_>, config: &FillConfig) -> (FillModel, f64) {
    let (model, fee_bp) = match *config {
        FillConfig::Immediate { price, taker_fee_bp } => {
            let price = match price {
                FillPriceConfig::Touch => FillPrice::Touch,
                FillPriceConfig::Limit => FillPrice::Limit,
            };
            (FillModel::Immediate(price), taker_fee_bp)
        }
        FillConfig::NextOpposingQuote { time_to_live_ms, taker_fee_bp } => {
            let time_to_live_ns = checks.some_duration_ns("time_to_live_ms", time_to_live_ms);
            (FillModel::NextOpposingQuote { time_to_live_ns }, taker_fee_bp)
        }
    };
    (model, checks.real("taker_fee_bp", fee_bp, 0.0, 1_000.0) / BP)
}

fn portfolio(checks: &mut Checks<'_>, config: &UnderlyingConfig, slot_count: u32) -> Portfolio {
    let PortfolioConfig { rule, holding, pool, .. } = &config.portfolio;
    let lots = Lots::new(checks, &config.portfolio);
    let rule = rule.as_ref().map(|rule| plan_rule(&mut checks.at("rule"), rule, &lots));
    let mut holdings = Vec::new();
    for (index, holding) in holding.iter().enumerate() {
        let mut checks = checks.element("holding", index);
        holdings.extend(plan_holding(&mut checks, holding, config, &lots));
    }
    for (index, other) in holdings.iter().enumerate() {
        let is_twice = holdings[..index].iter().any(|holding: &PlannedHolding| holding.instrument == other.instrument);
        let name = other.instrument.to_string();
        checks.require(!is_twice, "holding", &name, || "is listed twice; give its whole quantity once".to_owned());
    }
    for (index, pool) in pool.iter().enumerate() {
        holdings.extend(plan_pool(&mut checks.element("pool", index), pool));
    }
    checks.require(holdings.len() <= slot_count as usize, "holding", holdings.len(), || {
        format!("there are slots = {slot_count}; raise it")
    });
    let is_empty = rule.is_none() && holding.is_empty() && pool.is_empty();
    checks.require(!is_empty, "holding", holdings.len(), || {
        "nothing is held; add a rule, a holding or a pool".to_owned()
    });
    Portfolio { lot_coin: lots.coin, quantity_max_lots: lots.max, rule, holdings }
}

/// Sizes in lots.
struct Lots {
    coin: f64,
    usd: f64,
    max: u32,
}

impl Lots {
    fn new(checks: &mut Checks<'_>, config: &PortfolioConfig) -> Self {
        let (coin, usd) = (checks.positive("lot_coin", config.lot_coin), checks.positive("lot_usd", config.lot_usd));
        let max_coin = checks.positive("instrument_max_coin", config.instrument_max_coin);
        let max = (max_coin / coin).round();
        checks.require((1.0..=f64::from(QUANTITY_MAX)).contains(&max), "instrument_max_coin", max_coin, || {
            format!("must be from 1 to {QUANTITY_MAX} lots of {coin} coin")
        });
        Self { coin, usd, max: max.clamp(1.0, f64::from(QUANTITY_MAX)) as u32 }
    }

    /// A quantity as lots of a size; 0, noted, if it is not a whole number of them or beyond `max`.
    fn of(&self, checks: &mut Checks<'_>, name: &str, quantity: f64, lot: f64, max: u32) -> i32 {
        let lots = (quantity / lot).round();
        if !quantity.is_finite() || !is_multiple(quantity, lot) {
            checks.refuse(name, quantity, format!("must be a whole number of lots of {lot}"));
            return 0;
        }
        if lots.abs() > f64::from(max) {
            checks.refuse(
                name,
                quantity,
                format!("is beyond the largest position of {} ({max} lots)", f64::from(max) * lot),
            );
            return 0;
        }
        lots as i32
    }
}

fn plan_rule(checks: &mut Checks<'_>, rule: &RuleConfig, lots: &Lots) -> PortfolioRule {
    match *rule {
        RuleConfig::EveryOption { quantity_coin, payoff } => PortfolioRule::EveryOption {
            quantity_lots: lots.of(checks, "quantity_coin", quantity_coin, lots.coin, lots.max),
            payoff: payoff.map(payoff_of),
        },
        RuleConfig::Seeded { seed, quantity_max_coin } => {
            let size = checks.positive("quantity_max_coin", quantity_max_coin);
            PortfolioRule::Seeded {
                seed,
                quantity_max_lots: lots.of(checks, "quantity_max_coin", size, lots.coin, lots.max),
            }
        }
    }
}

fn plan_holding(
    checks: &mut Checks<'_>,
    config: &HoldingConfig,
    underlying: &UnderlyingConfig,
    lots: &Lots,
) -> Option<PlannedHolding> {
    let name = &config.instrument;
    checks.require(*name != underlying.hedge.instrument, "instrument", name, || {
        "is the hedge instrument: its position is hedge.position_contracts".to_owned()
    });
    let instrument = match name.parse::<Instrument>() {
        Ok(instrument) => instrument,
        Err(error) => {
            checks.refuse("instrument", name, error.to_string());
            return None;
        }
    };
    checks.require(instrument.underlying() == Some(&underlying.coin), "instrument", name, || {
        format!("is not on {}; each underlying holds its own coin", underlying.coin)
    });
    let is_inverse_future = matches!(&instrument, Instrument::Future(future) if future.payoff == Payoff::Inverse);
    let is_option = matches!(&instrument, Instrument::Option(_));
    if is_inverse_future && underlying.numeraire == NumeraireConfig::Usd {
        let entry = config.entry_price_usd.unwrap_or(f64::NAN);
        checks.require(entry > 0.0 && entry.is_finite(), "entry_price_usd", entry, || {
            "USD numeraire needs the price at which an inverse future was entered".to_owned()
        });
    }
    if let Some(vol) = config.vol {
        checks.require(is_option, "vol", vol, || format!("{name} is a future"));
        checks.real("vol", vol, 1e-3, 20.0);
    }
    let (lot_size, max) = if is_inverse_future { (lots.usd, QUANTITY_MAX as u32) } else { (lots.coin, lots.max) };
    let max = if is_option { max } else { QUANTITY_MAX as u32 };
    let quantity_lots = lots.of(checks, "quantity", config.quantity, lot_size, max);
    let quantity_max_lots = if is_option { lots.max } else { quantity_lots.unsigned_abs().max(1) };
    let (vol, entry_price_usd) = (config.vol, config.entry_price_usd);
    Some(PlannedHolding { instrument, lot_size, quantity_lots, quantity_max_lots, vol, entry_price_usd })
}

fn plan_pool(checks: &mut Checks<'_>, config: &PoolConfig) -> Option<PlannedHolding> {
    let range = AmmRange::from_coin(config.coin, config.price_usd, config.price_low_usd, config.price_high_usd);
    let is_valid = config.price_usd > 0.0 && config.price_usd < config.price_high_usd;
    let Some(range) = range.filter(|_| is_valid) else {
        let value = format!("{} .. {}", config.price_low_usd, config.price_high_usd);
        checks.refuse(
            "price_low_usd",
            value,
            "no liquidity holds this coin: prices must rise from low to high, and \
             price_usd must be below the upper end, coin above 0",
        );
        return None;
    };
    Some(PlannedHolding {
        instrument: Instrument::Range(range),
        lot_size: 1.0,
        quantity_lots: 1,
        quantity_max_lots: 1,
        vol: None,
        entry_price_usd: None,
    })
}
