//! The portfolio compiler: from holdings and a market to one bank of the hedge kernel.
//!
//! ```text
//!   holdings ─┐                         ┌──► widest scales that the largest quantities allow ─┐
//!   market   ─┼──► rows in real numbers ┤                                                     ├──► OpenBank
//!   settings ─┘    (`row`)              └──► per-lot weights, slopes, intercepts, edges ──────┘    WriteRow x slots
//! ```
//!
//! Works in f64, at millisecond cadence: when vols, forwards or instruments change, and as time
//! passes. The kernel turns its rows into risk in integers, at every price.
//!
//! What a row contributes at a price `P = P_ref e^x`, per lot held:
//!
//! | holding | coin numeraire | USD numeraire |
//! |---|---|---|
//! | inverse option | net transaction delta `(K/F) Phi(d2)`, in the inverse group | `Phi(d1)`, in the linear group |
//! | linear option | `(F/P) Phi(d1)`, linear group | the same |
//! | inverse future | `N/F`, inverse group | `N/entry`, linear group |
//! | linear future | `q F/P`, linear group | the same |
//! | AMM range | `-usd/P`, inverse group | `coin`, linear group |
//!
//! Conventions:
//! * The log basis `c = ln(F/P)` of an expiry does not move with the price between two banks. So a
//!   linear instrument on a dated forward has the weight `F/P` per coin: that is how much of the
//!   hedge instrument offsets it.
//! * In coin numeraire linear instruments are hedged for their USD profit, as their margin is held
//!   in USD. In USD numeraire the coin cash (equity less the options' value) is a constant of the
//!   delta; it enters through `SetTarget.cash`, not through rows.
//! * Vega is in coin per 1.00 of vol in both groups. `F phi(d1)/P` is `(F/P) phi(d1)`, so this needs
//!   no approximation in the linear group either.
//! * In the last 30 minutes an expiry settles on the average of the index: what is left of delta,
//!   gamma and vega falls linearly to zero. What has been averaged is coin or USD already; in USD
//!   numeraire such coin counts as cash ([`Bank::settled`]).
//!
//! Invariants:
//! * a bank has one row per slot of its range, in slot order; slots without a holding, and holdings
//!   past expiry, have an empty row;
//! * at quantities up to each holding's `quantity_max_lots`, weights stay a factor of two inside the
//!   kernel's limits;
//! * the same inputs give the same bytes, on every machine: logarithms and exponentials are `libm`'s,
//!   in Rust, not the platform's.

mod forward;
mod ladder;
mod market;
mod price;
mod row;
mod scale;

use std::collections::BTreeMap;

use hedgewire_abi::command::{OpenBank, WriteRow, code};
use hedgewire_abi::format::{DURATION_MAX_NS, QUANTITY_MAX, SLOT_BLOCK};
use thiserror::Error;

pub use forward::{Forward, ForwardSource, forwards, parity_forward};
pub use ladder::{FittedLadder, Ladder};
pub use market::{ExpiryMarket, Market, Smile};
pub use price::{PriceError, PriceUnit};

use crate::black76::InputError;
use crate::instrument::{Instrument, Payoff};
use row::{Context, RealRow};

/// Length of the average that options and dated futures settle on, ns (Deribit: 30 minutes).
pub const SETTLEMENT_WINDOW_NS: u64 = 30 * 60 * 1_000_000_000;

/// How long a bank may be used while one of its expiries settles, ns: weights then move by 1/1800 of
/// their size each second.
pub const SETTLING_AGE_MAX_NS: u64 = 1_000_000_000;

/// What wealth is counted in, and so what a hedge keeps constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numeraire {
    /// Coin: the delta is `P dE/dP` of the equity `E` in coin.
    Coin,
    /// USD: the delta is `dU/dP` of the equity `U` in USD.
    Usd,
}

/// How vols move when the price does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkewRule {
    /// The vol of a strike stays.
    StickyStrike,
    /// The vol of a moneyness `K/F` stays: `dvol/dlnP = -dvol/dlnK` of the smile.
    StickyMoneyness,
    /// [`ExpiryMarket::dvol_dprice`] of each expiry.
    Explicit,
}

/// The instrument that is traded to hedge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgeInstrument {
    /// Settled in coin or in USD.
    pub payoff: Payoff,
    /// Its smallest order increment: USD (inverse) or coin (linear).
    pub contract_size: f64,
    /// Price increment, USD; a price unit of the kernel is 1/256 of it.
    pub tick_usd: f64,
}

/// The half width of the no-trade band, before the trigger's floor and cap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Band {
    /// Always the same.
    Fixed {
        /// Half width, contracts of the hedge instrument.
        contracts: f64,
    },
    /// `k |gamma| sigma sqrt(window)`, gamma being the change of delta per unit of log price: the
    /// change of delta that `k` standard moves within the window bring about.
    Gamma {
        /// Standard moves.
        k: f64,
        /// Vol of the underlying, per root year.
        vol: f64,
        /// Window, years.
        window_years: f64,
    },
    /// `(3/2 lambda P Gamma^2 / a)^(1/3)` coin: A. E. Whalley and P. Wilmott, "An asymptotic analysis
    /// of an optimal hedging model for option pricing with transaction costs" (1997), with r = 0.
    WhalleyWilmott {
        /// Proportional cost of a trade, a fraction of its value.
        lambda: f64,
        /// Absolute risk aversion `a`, per USD.
        risk_aversion_per_usd: f64,
    },
}

/// What does not come from the market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// What wealth is counted in.
    pub numeraire: Numeraire,
    /// How vols move with the price.
    pub skew: SkewRule,
    /// What is traded to hedge.
    pub hedge: HedgeInstrument,
    /// The no-trade band.
    pub band: Band,
    /// Longest use of a bank, ns.
    pub age_max_ns: u64,
    /// Largest size of target, coin cash and coin constant of the hedges, coin; bounds the scale.
    pub coin_max: f64,
}

/// What one slot holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    /// Slot, within the range.
    pub slot: u32,
    /// The instrument.
    pub instrument: Instrument,
    /// Largest size of the position until the next bank, lots; at least 1. Scales are chosen for it.
    pub quantity_max_lots: u32,
    /// Size of a lot: coin for options and linear futures, USD for inverse futures, multiples of the
    /// range for AMM liquidity.
    pub lot_size: f64,
    /// Vol of an option, per root year; `None` takes it from the smile of its expiry.
    pub vol: Option<f64>,
    /// Average entry price of an inverse future, USD; needed in USD numeraire.
    pub entry_price_usd: Option<f64>,
}

/// The slots of an underlying, as given to the kernel by `Configure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotRange {
    /// First slot, a multiple of 64.
    pub first_slot: u32,
    /// Number of slots, a multiple of 64.
    pub slot_count: u32,
}

/// Coin that a settling holding has earned already.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settled {
    /// Its slot.
    pub slot: u32,
    /// Coin per lot, at the bank's forward: in USD numeraire, quantity times this counts as coin cash
    /// while the bank is in use.
    pub coin_per_lot: f64,
}

/// A compiled bank: what the kernel needs, and what a desk should be told about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bank {
    /// Opens the bank.
    pub open: OpenBank,
    /// One row per slot of the range, in slot order.
    pub rows: Vec<WriteRow>,
    /// Slots whose holding is past expiry: empty rows.
    pub expired: Vec<u32>,
    /// Slots whose `vol sqrt(tau)` is below the format's 1.22e-4 and was raised to it: their delta
    /// may be wrong by a full step within some 5e-4 of the strike.
    pub saturated: Vec<u32>,
    /// Slots whose skew adjustment was cut off at its bound.
    pub skew_bounded: Vec<u32>,
    /// Coin earned by settling inverse holdings (USD numeraire only).
    pub settled: Vec<Settled>,
    /// Sum of the largest delta weights, coin. Rounding of weights perturbs the delta by at most
    /// 2^-kd coin per row.
    pub gross_coin: f64,
}

/// What is wrong with one holding.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum HoldingError {
    /// Not on the underlying of the bank.
    #[error("it is not on {expected}; give each underlying its own bank")]
    Underlying {
        /// The bank's coin.
        expected: String,
    },
    /// The largest quantity is out of range.
    #[error("its quantity_max_lots {0} is not within 1 .. 2^30 - 1; choose a larger lot")]
    Quantity(u32),
    /// The lot size is not a positive number.
    #[error("its lot_size {0} is not positive and finite")]
    LotSize(f64),
    /// The range is empty or without liquidity.
    #[error("its liquidity must be positive and its lower price below its upper one")]
    Range,
    /// The market has no forward for its expiry.
    #[error("the market has no forward for its expiry; add a future, quotes for parity or a perpetual")]
    NoForward,
    /// Neither the holding nor the market has a vol.
    #[error("neither the holding nor the smile of its expiry has a vol")]
    NoVol,
    /// A number of the market cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// In USD numeraire an inverse future is worth what it was entered at.
    #[error("USD numeraire needs a positive entry_price_usd for an inverse future")]
    NoEntryPrice,
}

/// Why no bank could be compiled.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CompileError {
    /// The range is not made of blocks.
    #[error(
        "slots {first_slot} + {slot_count} are not whole blocks of 64; round both to multiples \
         of 64"
    )]
    Range {
        /// First slot.
        first_slot: u32,
        /// Number of slots.
        slot_count: u32,
    },
    /// A holding outside the range.
    #[error(
        "slot {slot} ({instrument}) is outside {first_slot} .. {end_slot}; configure a larger range or move the holding"
    )]
    Slot {
        /// The slot.
        slot: u32,
        /// What it holds.
        instrument: String,
        /// First slot of the range.
        first_slot: u32,
        /// The slot after the last.
        end_slot: u32,
    },
    /// Two holdings in one slot.
    #[error("slot {slot} holds both {first} and {second}; give each a slot of its own")]
    SlotTwice {
        /// The slot.
        slot: u32,
        /// One of them.
        first: String,
        /// The other one.
        second: String,
    },
    /// A holding that cannot be compiled.
    #[error("slot {slot} ({instrument}): {error}")]
    Holding {
        /// The slot.
        slot: u32,
        /// What it holds.
        instrument: String,
        /// What is wrong.
        error: HoldingError,
    },
    /// The reference price does not fit.
    #[error("reference price: {0}")]
    Price(#[from] PriceError),
    /// A setting out of range.
    #[error("setting {name} = {value} must be {range}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// The largest quantities are too large for any scale.
    #[error(
        "the {greek} weights are too large for the kernel: they would need {bits} fraction bits, the fewest are -24; \
         lower quantity_max_lots or lot_size"
    )]
    GrossTooLarge {
        /// `delta`, `gamma` or `vega`.
        greek: &'static str,
        /// Fraction bits that they would need.
        bits: i32,
    },
}

/// Compiles one bank.
///
/// `bank_id` is the caller's name for it; every decision of the kernel carries it. Positions are not
/// needed, only how large they may become: they live in the kernel, once per slot.
///
/// # Errors
/// [`CompileError`] names the slot or setting that has to change. Nothing is compiled halfway.
pub fn compile(
    bank_id: u16,
    range: SlotRange,
    holdings: &[Holding],
    market: &Market,
    settings: &Settings,
) -> Result<Bank, CompileError> {
    let unit = PriceUnit::of_tick(settings.hedge.tick_usd)?;
    check_settings(settings)?;
    let by_slot = slot_order(range, holdings)?;
    let price_ref = unit.to_units(market.price_ref_usd)?;
    let context = Context { market, settings, price_ref_usd: unit.to_usd(price_ref) };
    let mut real_rows = BTreeMap::new();
    for (&slot, holding) in &by_slot {
        real_rows.insert(slot, real_row(&context, holding)?);
    }
    let bits = scale::choose_bits(by_slot.values().copied().zip(real_rows.values()), settings.coin_max)?;
    let (contract_scale, contract_shift) = scale::contract_scale(&settings.hedge, unit, bits[0])?;
    let (band_kind, band_factor, band_shift) = scale::band(&settings.band, &settings.hedge, context.price_ref_usd)?;
    let open = OpenBank {
        bank_id: u32::from(bank_id),
        price_ref,
        contract_scale,
        band_factor,
        delta_bits: bits[0] as i8,
        gamma_bits: bits[1] as i8,
        vega_bits: bits[2] as i8,
        contract_shift,
        band_shift,
        band_kind,
        hedge_kind: match settings.hedge.payoff {
            Payoff::Inverse => code::HEDGE_INVERSE,
            Payoff::Linear => code::HEDGE_LINEAR,
        },
        numeraire: match settings.numeraire {
            Numeraire::Coin => code::NUMERAIRE_COIN,
            Numeraire::Usd => code::NUMERAIRE_USD,
        },
        valid_until_ns: valid_until_ns(holdings, market.now_ns, settings.age_max_ns),
    };
    let slots = range.first_slot..range.first_slot + range.slot_count;
    let rows = slots.map(|slot| match real_rows.get(&slot) {
        Some(row) => scale::quantise(slot, row, bits),
        None => WriteRow { slot, ..WriteRow::default() },
    });
    let rows = rows.collect();
    let which =
        |flag: fn(&RealRow) -> bool| real_rows.iter().filter(|(_, row)| flag(row)).map(|(&slot, _)| slot).collect();
    Ok(Bank {
        open,
        rows,
        expired: which(|row| row.is_expired),
        saturated: which(|row| row.is_saturated),
        skew_bounded: which(|row| row.is_skew_bounded),
        settled: settled(&real_rows),
        gross_coin: by_slot.iter().map(|(slot, holding)| real_rows[slot].size(holding)[0]).sum(),
    })
}

fn real_row(context: &Context<'_>, holding: &Holding) -> Result<RealRow, CompileError> {
    row::compile(context, holding).map_err(|error| CompileError::Holding {
        slot: holding.slot,
        instrument: holding.instrument.to_string(),
        error,
    })
}

fn settled(rows: &BTreeMap<u32, RealRow>) -> Vec<Settled> {
    let earned = rows.iter().filter(|(_, row)| row.settled_coin != 0.0);
    earned.map(|(&slot, row)| Settled { slot, coin_per_lot: row.settled_coin }).collect()
}

fn slot_order(range: SlotRange, holdings: &[Holding]) -> Result<BTreeMap<u32, &Holding>, CompileError> {
    let SlotRange { first_slot, slot_count } = range;
    let end_slot = first_slot.checked_add(slot_count);
    let are_blocks = first_slot % SLOT_BLOCK == 0 && slot_count % SLOT_BLOCK == 0 && slot_count > 0;
    let Some(end_slot) = end_slot.filter(|_| are_blocks) else {
        return Err(CompileError::Range { first_slot, slot_count });
    };
    let mut by_slot: BTreeMap<u32, &Holding> = BTreeMap::new();
    for holding in holdings {
        let (slot, instrument) = (holding.slot, &holding.instrument);
        if !(first_slot..end_slot).contains(&slot) {
            return Err(CompileError::Slot { slot, instrument: instrument.to_string(), first_slot, end_slot });
        }
        if let Some(other) = by_slot.insert(slot, holding) {
            let (first, second) = (other.instrument.to_string(), instrument.to_string());
            return Err(CompileError::SlotTwice { slot, first, second });
        }
    }
    Ok(by_slot)
}

fn check_settings(settings: &Settings) -> Result<(), CompileError> {
    positive("hedge.contract_size", settings.hedge.contract_size)?;
    positive("coin_max", settings.coin_max)?;
    if settings.age_max_ns > DURATION_MAX_NS {
        let value = settings.age_max_ns as f64;
        return Err(CompileError::Setting { name: "age_max_ns", value, range: "at most 2^61" });
    }
    match settings.band {
        Band::Fixed { contracts } => not_negative("band.contracts", contracts),
        Band::Gamma { k, vol, window_years } => {
            not_negative("band.k", k)?;
            not_negative("band.vol", vol)?;
            not_negative("band.window_years", window_years)
        }
        Band::WhalleyWilmott { lambda, risk_aversion_per_usd } => {
            not_negative("band.lambda", lambda)?;
            positive("band.risk_aversion_per_usd", risk_aversion_per_usd)
        }
    }
}

fn positive(name: &'static str, value: f64) -> Result<(), CompileError> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(CompileError::Setting { name, value, range: "positive and finite" })
    }
}

fn not_negative(name: &'static str, value: f64) -> Result<(), CompileError> {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(CompileError::Setting { name, value, range: "0 or more, and finite" })
    }
}

/// A bank ends with its age, with its next expiry, and a second into a settlement window, whether
/// that has begun or begins within the bank's age.
fn valid_until_ns(holdings: &[Holding], now_ns: u64, age_max_ns: u64) -> u64 {
    let live = holdings.iter().filter_map(|holding| holding.instrument.expiry_ns()).filter(|&expiry| expiry > now_ns);
    let ends = live.map(|expiry_ns| {
        let settling_ns = expiry_ns.saturating_sub(SETTLEMENT_WINDOW_NS).max(now_ns);
        expiry_ns.min(settling_ns.saturating_add(SETTLING_AGE_MAX_NS))
    });
    ends.fold(now_ns.saturating_add(age_max_ns), u64::min)
}

/// Part of a holding that has yet to settle: 1 until the last 30 minutes, then falling linearly to 0
/// at expiry.
///
/// Source: Deribit's settlement rules (the settlement price is the average of the index over the
/// last 30 minutes). Its worked example: a call of delta 1 and mark 0.3 has a net transaction delta
/// of `(1 - 0.3) * 15/30 = 0.35` after 15 minutes.
pub fn unsettled_part(now_ns: u64, expiry_ns: u64) -> f64 {
    let left_ns = expiry_ns.saturating_sub(now_ns);
    (left_ns as f64 / SETTLEMENT_WINDOW_NS as f64).min(1.0)
}

fn check_holding(holding: &Holding, underlying: &str) -> Result<(), HoldingError> {
    if holding.instrument.underlying().is_some_and(|coin| coin != underlying) {
        return Err(HoldingError::Underlying { expected: underlying.to_owned() });
    }
    if holding.quantity_max_lots == 0 || holding.quantity_max_lots > QUANTITY_MAX as u32 {
        return Err(HoldingError::Quantity(holding.quantity_max_lots));
    }
    if !(holding.lot_size > 0.0 && holding.lot_size.is_finite()) {
        return Err(HoldingError::LotSize(holding.lot_size));
    }
    Ok(())
}
