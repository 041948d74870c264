//! What the portfolio compiler, the pricing under it and its readers do.
//!
//! ```text
//!   holdings, market ──compile──► bank ──Sums::at: dequantise, f64──► delta, gamma, vega
//!                                                                        │ compared with
//!   Black-76, AMM values, finite differences ────────────────────────────┘
//! ```
//!
//! The bank is evaluated here in f64 straight from the wire format, so that the compiler and its
//! quantisation are tested apart from the integer kernel; one test then loads banks into that, which
//! must accept them and report the same risk. Random tests run from a fixed seed (`SEED`, or
//! the environment variable `HEDGEWIRE_SEED`), which is printed.

#[path = "support/real_data.rs"]
mod real_data;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use real_data::real_data;

use hedgewire_abi::command::{Configure, Header, Quote, Swap, Trade, WriteRow, code};
use hedgewire_abi::event::{self, Risk};
use hedgewire_abi::{Command, Event};
use hedgewire_host::black76::{Black76, ImpliedVolError, YEAR_NS, implied_vol, normal_cdf, normal_density};
use hedgewire_host::chain::{
    ChainError, FuturesPrices, Snapshot, read_perpetuals, read_snapshot, read_term_futures, snapshots,
};
use hedgewire_host::compiler::{
    Band, Bank, CompileError, ExpiryMarket, FittedLadder, ForwardSource, HedgeInstrument, Holding, HoldingError,
    Ladder, Market, Numeraire, PriceError, PriceUnit, Settings, SkewRule, SlotRange, Smile, compile, forwards,
    parity_forward, unsettled_part,
};
use hedgewire_host::instrument::{AmmRange, EuropeanOption, Future, Instrument, Payoff, Right};
use hedgewire_kernel::{Form, Kernel, Sizes};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

const SEED: u64 = 20_260_214;
const NOW_NS: u64 = 1_769_921_642_172_460_000;
const SECOND_NS: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * SECOND_NS;
const DAY_NS: u64 = 86_400 * SECOND_NS;
const RANGE: SlotRange = SlotRange { first_slot: 64, slot_count: 64 };
const BOTH: [Right; 2] = [Right::Call, Right::Put];

// ---- a small market ----

fn settings(numeraire: Numeraire) -> Settings {
    Settings {
        numeraire,
        skew: SkewRule::StickyStrike,
        hedge: HedgeInstrument { payoff: Payoff::Inverse, contract_size: 10.0, tick_usd: 0.5 },
        band: Band::Fixed { contracts: 2.0 },
        age_max_ns: 10 * SECOND_NS,
        coin_max: 1e6,
    }
}

fn market(expiry_ns: u64, forward_usd: f64, smile: Smile) -> Market {
    let expiry = ExpiryMarket { forward_usd, smile, dvol_dprice: 0.0 };
    Market {
        underlying: "BTC".to_owned(),
        now_ns: NOW_NS,
        price_ref_usd: 78_926.0,
        expiries: BTreeMap::from([(expiry_ns, expiry)]),
    }
}

fn option(expiry_ns: u64, strike_usd: f64, right: Right, payoff: Payoff) -> Instrument {
    Instrument::Option(EuropeanOption { underlying: "BTC".to_owned(), expiry_ns, strike_usd, right, payoff })
}

fn future(expiry_ns: Option<u64>, payoff: Payoff) -> Instrument {
    Instrument::Future(Future { underlying: "BTC".to_owned(), expiry_ns, payoff })
}

fn hold(slot: u32, instrument: Instrument) -> Holding {
    Holding { slot, instrument, quantity_max_lots: 1, lot_size: 1.0, vol: None, entry_price_usd: None }
}

fn compiled(holdings: &[Holding], market: &Market, settings: &Settings) -> Bank {
    compile(7, RANGE, holdings, market, settings).expect("the portfolio compiles")
}

// ---- the bank as numbers ----

/// Delta, its change per unit of log price, and vega of a bank in coin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    delta: f64,
    gamma: f64,
    vega: f64,
}

impl Sums {
    /// The bank with one quantity per slot, at the log distance `x` from its reference price.
    fn at(bank: &Bank, quantity: impl Fn(u32) -> i32, x: f64) -> Self {
        let mut groups = [Sums::default(); 2];
        for row in &bank.rows {
            let weights = weights(bank, row, quantity(row.slot));
            let part = contribution(row, weights, x);
            let group = &mut groups[usize::from(row.group)];
            group.delta += part.delta;
            group.gamma += part.gamma;
            group.vega += part.vega;
        }
        let [inverse, linear] = groups;
        let ratio = (-x).exp();
        Sums {
            delta: linear.delta + ratio * inverse.delta,
            gamma: linear.gamma + ratio * (inverse.gamma - inverse.delta),
            vega: linear.vega + ratio * inverse.vega,
        }
    }

    fn of_one(bank: &Bank, x: f64) -> Self {
        Self::at(bank, |_| 1, x)
    }
}

/// Weights in 2^-k coin, as the kernel works them out.
fn raw_weights(row: &WriteRow, quantity: i32) -> [i64; 3] {
    let weight = |omega: i32, shift: u8| (i64::from(quantity) * i64::from(omega)) >> shift;
    [
        weight(row.omega_delta, row.shift_delta),
        weight(row.omega_gamma, row.shift_gamma),
        weight(row.omega_vega, row.shift_vega),
    ]
}

fn weights(bank: &Bank, row: &WriteRow, quantity: i32) -> [f64; 3] {
    let raw = raw_weights(row, quantity);
    let bits = [bank.open.delta_bits, bank.open.gamma_bits, bank.open.vega_bits];
    [0, 1, 2].map(|i| libm::ldexp(raw[i] as f64, -i32::from(bits[i])))
}

fn contribution(row: &WriteRow, [delta, gamma, vega]: [f64; 3], x: f64) -> Sums {
    let u = libm::ldexp(f64::from(row.a), -18) * x + libm::ldexp(row.b as f64, -34);
    let density = normal_density(u);
    match row.row_kind {
        code::EMPTY => Sums::default(),
        code::CALL => Sums { delta: delta * normal_cdf(u), gamma: gamma * density, vega: vega * density },
        code::PUT => Sums { delta: -delta * normal_cdf(-u), gamma: gamma * density, vega: vega * density },
        code::CONSTANT => Sums { delta, ..Sums::default() },
        code::RANGE => range_contribution(row, delta, gamma, x),
        kind => panic!("row kind {kind}"),
    }
}

fn range_contribution(row: &WriteRow, delta: f64, gamma: f64, x: f64) -> Sums {
    let (low, high) = (libm::ldexp(f64::from(row.a), -29), libm::ldexp(row.b as f64, -29));
    let is_linear = row.group == code::GROUP_LINEAR;
    let z = if is_linear { (-0.5 * x).exp() } else { (0.5 * x).exp() };
    let slope = if low < z && z < high { 0.5 * z } else { 0.0 };
    let sign = if is_linear { -1.0 } else { 1.0 };
    Sums { delta: delta * (z.clamp(low, high) - low), gamma: sign * gamma * slope, vega: 0.0 }
}

// ---- random tests ----

fn check_random<S: Strategy>(
    name: &str,
    cases: u32,
    strategy: S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: std::fmt::Debug,
{
    let seed = std::env::var("HEDGEWIRE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    println!("{name}: {cases} cases, HEDGEWIRE_SEED={seed}");
    let config = Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(&strategy, property) {
        panic!("{name}, HEDGEWIRE_SEED={seed}: {error}");
    }
}

/// An option with its market: log of vol sqrt(tau) range, moneyness in standard deviations, basis.
#[derive(Debug, Clone)]
struct Case {
    expiry_ns: u64,
    vol: f64,
    strike_usd: f64,
    basis: f64,
    right: Right,
    payoff: Payoff,
    numeraire: Numeraire,
    x: f64,
}

fn any_case() -> impl Strategy<Value = Case> {
    let minutes = (35.0f64.ln()..(3.0 * 365.0 * 1440.0f64).ln()).prop_map(f64::exp);
    let vol = (0.05f64.ln()..4.0f64.ln()).prop_map(f64::exp);
    let right = prop_oneof![Just(Right::Call), Just(Right::Put)];
    let payoff = prop_oneof![Just(Payoff::Inverse), Just(Payoff::Linear)];
    let numeraire = prop_oneof![Just(Numeraire::Coin), Just(Numeraire::Usd)];
    (minutes, vol, -8.0f64..8.0, -0.05f64..0.05, right, payoff, numeraire, -0.03f64..0.03).prop_map(
        |(minutes, vol, deviations, basis, right, payoff, numeraire, x)| {
            let tau_ns = minutes * 60e9;
            let total = vol * (tau_ns / YEAR_NS).sqrt();
            let strike_usd = 78_926.0 * (basis + (deviations * total).clamp(-2.0, 2.0)).exp();
            Case { expiry_ns: NOW_NS + tau_ns as u64, vol, strike_usd, basis, right, payoff, numeraire, x }
        },
    )
}

/// What the row of a case has to give at its `x`, from Black-76 at the price there.
fn expected(case: &Case) -> Sums {
    let price = 78_926.0 * case.x.exp();
    let forward = price * case.basis.exp();
    let tau = (case.expiry_ns - NOW_NS) as f64 / YEAR_NS;
    let model = Black76::new(forward, case.strike_usd, tau, case.vol).expect("valid inputs");
    match (case.payoff, case.numeraire) {
        (Payoff::Inverse, Numeraire::Coin) => Sums {
            delta: model.net_transaction_delta(case.right),
            gamma: model.net_transaction_gamma(case.right),
            vega: model.coin_vega(),
        },
        (Payoff::Inverse, Numeraire::Usd) => {
            Sums { delta: model.delta(case.right), gamma: forward * model.gamma(), vega: model.vega() / forward }
        }
        (Payoff::Linear, _) => Sums {
            delta: forward / price * model.delta(case.right),
            gamma: forward / price * forward * model.gamma(),
            vega: model.vega() / price,
        },
    }
}

fn compile_case(case: &Case) -> (Bank, f64) {
    let market = market(case.expiry_ns, 78_926.0 * case.basis.exp(), Smile::flat(case.vol));
    let instrument = option(case.expiry_ns, case.strike_usd, case.right, case.payoff);
    let bank = compiled(&[hold(70, instrument)], &market, &settings(case.numeraire));
    let weight = weights(&bank, &bank.rows[6], 1)[0];
    (bank, weight)
}

#[test]
fn option_rows_reproduce_black_76_within_the_format_error() {
    let worst = std::cell::Cell::new([0.0f64; 3]);
    check_random("option rows", 4000, any_case(), |case| {
        let (bank, weight) = compile_case(&case);
        let (row, model) = (Sums::of_one(&bank, case.x), expected(&case));
        let slope = libm::ldexp(f64::from(bank.rows[6].a), -18);
        let vega = weights(&bank, &bank.rows[6], 1)[2];
        // Relative to the weight: rounding of a moves u by |x| 2^-19 = 5.7e-8, of b by 2^-35, and a
        // normal density is below 0.4; the weight itself is exact to 2^-25 coin or 2^-29 of itself.
        let error = [
            (row.delta - model.delta).abs() / weight.max(1.0),
            (row.gamma - model.gamma).abs() / (slope * weight).max(1.0),
            (row.vega - model.vega).abs() / vega.max(1.0),
        ];
        let so_far = worst.get();
        worst.set([0, 1, 2].map(|i| so_far[i].max(error[i])));
        prop_assert!(error.iter().all(|&error| error < 6e-8), "errors {error:?}");
        Ok(())
    });
    println!(
        "worst error of delta, gamma, vega, relative to their weights: {:?}",
        worst.get().map(|error| format!("{error:.1e}"))
    );
}

#[test]
fn call_and_put_of_a_strike_differ_in_the_row_kind_alone() {
    check_random("parity", 500, any_case(), |case| {
        let rows = BOTH.map(|right| compile_case(&Case { right, ..case.clone() }).0.rows[6]);
        prop_assert_eq!(rows[0].row_kind, code::CALL);
        prop_assert_eq!(rows[1].row_kind, code::PUT);
        prop_assert_eq!(WriteRow { row_kind: code::PUT, ..rows[0] }, rows[1]);
        Ok(())
    });
}

#[test]
fn scales_stay_within_the_kernels_limits_for_random_portfolios() {
    let quantity = (0.0f64..30.0).prop_map(|bits| (bits.exp2() as u32).clamp(1, (1 << 30) - 1));
    let lot = (-30.0f64..-10.0).prop_map(f64::exp2);
    let holding = (any_case(), quantity, lot, 0u8..4);
    let portfolio = (prop::collection::vec(holding, 1..64), 0.0f64..30.0, any::<bool>());
    check_random("scales", 600, portfolio, |(cases, coin_bits, is_usd)| {
        let numeraire = if is_usd { Numeraire::Usd } else { Numeraire::Coin };
        let settings = Settings { coin_max: coin_bits.exp2(), ..settings(numeraire) };
        let mut market = market(NOW_NS, 1.0, Smile::flat(0.5));
        let mut holdings = Vec::new();
        for (slot, (case, quantity_max_lots, lot_size, kind)) in (64..).zip(cases) {
            let forward_usd = 78_926.0 * case.basis.exp();
            let expiry = ExpiryMarket { forward_usd, smile: Smile::flat(case.vol), dvol_dprice: 0.0 };
            market.expiries.insert(case.expiry_ns, expiry);
            let instrument = match kind {
                0 => future(None, case.payoff),
                1 => Instrument::Range(AmmRange {
                    liquidity: 1000.0,
                    price_low_usd: case.strike_usd,
                    price_high_usd: case.strike_usd * 1.5,
                }),
                _ => option(case.expiry_ns, case.strike_usd, case.right, case.payoff),
            };
            let entry_price_usd = Some(70_000.0);
            holdings.push(Holding { quantity_max_lots, lot_size, entry_price_usd, ..hold(slot, instrument) });
        }
        let bank = match compile(1, RANGE, &holdings, &market, &settings) {
            Err(CompileError::GrossTooLarge { .. }) => return Ok(()),
            other => other.map_err(|error| TestCaseError::fail(error.to_string()))?,
        };
        check_limits(&bank, &holdings, coin_bits)
    });
}

fn check_limits(bank: &Bank, holdings: &[Holding], coin_bits: f64) -> Result<(), TestCaseError> {
    let open = &bank.open;
    let bits = [open.delta_bits, open.gamma_bits, open.vega_bits].map(i32::from);
    prop_assert!(bits.iter().all(|bits| (-24..=48).contains(bits)), "bits {bits:?}");
    prop_assert!((0..=62).contains(&(bits[1] + 23 - bits[0])), "bits {bits:?}");
    prop_assert!(coin_bits + f64::from(bits[0]) + 7.0 <= 61.0, "kd {} at 2^{coin_bits} coin", bits[0]);
    prop_assert!(open.contract_scale >= 1 << 31 && open.contract_shift <= 120);
    let mut gross = [0i64; 3];
    for (holding, sign) in holdings.iter().flat_map(|holding| [(holding, 1), (holding, -1)]) {
        let row = &bank.rows[holding.slot as usize - 64];
        let factor = match row.row_kind {
            code::CONSTANT => 2,
            code::RANGE => 4,
            _ => 1,
        };
        prop_assert!([row.shift_delta, row.shift_gamma, row.shift_vega].iter().all(|&shift| shift <= 62));
        for (i, weight) in raw_weights(row, sign * holding.quantity_max_lots as i32).into_iter().enumerate() {
            // Flooring a negative weight, and rounding, can each add one unit.
            prop_assert!(weight.abs() <= (1 << 30) + 2, "weight {weight} of slot {}", row.slot);
            gross[i] += weight.abs() * factor;
        }
    }
    // Both signs were counted, so twice the bound; 64 rows, 4 times, 2 units each.
    prop_assert!(gross.iter().all(|&gross| gross <= 2 * (1 << 33) + 1024), "gross {gross:?}");
    Ok(())
}

// ---- in the kernel ----

/// A kernel with one underlying, numbering its commands.
struct Loaded {
    kernel: Kernel,
    feed_seq: u32,
}

impl Loaded {
    fn new(bank: &Bank, quantity: i32) -> Self {
        Self::on(Ladder { step_shift: 13, intervals: 64 }, bank, quantity)
    }

    fn on(ladder: Ladder, bank: &Bank, quantity: i32) -> Self {
        let sizes = Sizes { underlyings: 1, rows: 128, intervals: 64 };
        let mut loaded = Self { kernel: Kernel::new(sizes, Form::Scalar), feed_seq: 0 };
        let SlotRange { first_slot, slot_count } = RANGE;
        loaded.accepted(|header| Configure { first_slot, slot_count, exact_mode: 0 }.encode(header));
        loaded.accepted(|header| bank.open.encode(header));
        for row in &bank.rows {
            loaded.accepted(|header| row.encode(header));
        }
        loaded.accepted(|header| ladder.build(bank.open.price_ref).encode(header));
        let swapped = loaded.apply(|header| Swap {}.encode(header));
        assert_eq!(swapped[0].kind(), event::Swapped::KIND, "{swapped:?}");
        for row in bank.rows.iter().filter(|row| row.row_kind != code::EMPTY) {
            let events = loaded.apply(|header| Trade { slot: row.slot, quantity, cash: 0 }.encode(header));
            assert!(events.iter().all(|event| event.kind() != event::Fault::KIND), "{events:?}");
        }
        loaded
    }

    fn apply(&mut self, command: impl FnOnce(Header) -> Command) -> Vec<Event> {
        let seq = self.kernel.next_command_seq();
        self.kernel.apply(&command(Header { underlying: 0, now_ns: NOW_NS, seq })).to_vec()
    }

    fn accepted(&mut self, command: impl FnOnce(Header) -> Command) {
        let events = self.apply(command);
        assert_eq!(events[0].kind(), event::Accepted::KIND, "{events:?}");
    }

    /// The risk event of a quote.
    fn quote(&mut self, price: u32) -> Event {
        self.feed_seq += 1;
        let quote =
            Quote { flags: code::WANT_RISK, feed_seq: self.feed_seq, price, hedge_price: price, ..Quote::default() };
        let events = self.apply(|header| quote.encode(header));
        *events.iter().find(|event| event.kind() == Risk::KIND).expect("a risk event")
    }

    /// Whether a quote at a price needs an exact pass.
    fn is_exact_at(&mut self, price: u32) -> bool {
        self.quote(price).flags() & event::FLAG_EXACT != 0
    }

    /// Delta, gamma and vega of the rows at a price.
    fn risk(&mut self, price: u32) -> Sums {
        let risk = Risk::decode(&self.quote(price));
        let [delta, gamma, vega] = [risk.delta, risk.gamma, risk.vega].map(|coin| libm::ldexp(coin as f64, -32));
        Sums { delta, gamma, vega }
    }
}

#[test]
fn the_kernel_accepts_compiled_banks_and_reports_the_same_risk() {
    let portfolio = (prop::collection::vec((any_case(), 0u8..6), 1..64), any::<bool>(), 1i32..2000);
    let worst = std::cell::Cell::new(0.0f64);
    check_random("banks in the kernel", 60, portfolio, |(cases, is_usd, quantity)| {
        let numeraire = if is_usd { Numeraire::Usd } else { Numeraire::Coin };
        let mut market = market(NOW_NS, 1.0, Smile::flat(0.5));
        let mut holdings = Vec::new();
        for (slot, (case, kind)) in (64..).zip(cases) {
            let expiry_ns = case.expiry_ns.max(NOW_NS + DAY_NS);
            let forward_usd = 78_926.0 * case.basis.exp();
            let expiry = ExpiryMarket { forward_usd, smile: Smile::flat(case.vol), dvol_dprice: 0.0 };
            market.expiries.insert(expiry_ns, expiry);
            let (instrument, lot_size) = match kind {
                0 => (future(Some(expiry_ns), case.payoff), if case.payoff == Payoff::Inverse { 1e4 } else { 0.1 }),
                1 => (v2_position(), 0.1),
                _ => (option(expiry_ns, case.strike_usd, case.right, case.payoff), 0.1),
            };
            let entry_price_usd = Some(70_000.0);
            holdings.push(Holding { quantity_max_lots: 2000, lot_size, entry_price_usd, ..hold(slot, instrument) });
        }
        let bank = compile(1, RANGE, &holdings, &market, &settings(numeraire)).expect("it compiles");
        let mut loaded = Loaded::new(&bank, quantity);
        for offset in [-150_000, -4096, 0, 77_777, 200_000] {
            let price = bank.open.price_ref.saturating_add_signed(offset);
            let (kernel, exact) = (loaded.risk(price), Sums::at(&bank, |_| quantity, log_ratio(price, &bank)));
            // 1e-8 of gross: Phi errs by up to 5.1e-9, the cubic and the ladder's units by less.
            let limit = 1e-8 * bank.gross_coin.max(1.0);
            worst.set(worst.get().max((kernel.delta - exact.delta).abs() / bank.gross_coin.max(1.0)));
            prop_assert!((kernel.delta - exact.delta).abs() < limit, "delta {kernel:?} for {exact:?}");
            prop_assert!((kernel.gamma - exact.gamma).abs() < 1e-4 * bank.gross_coin, "gamma {kernel:?} for {exact:?}");
            prop_assert!((kernel.vega - exact.vega).abs() < 1e-4 * bank.gross_coin, "vega {kernel:?} for {exact:?}");
        }
        Ok(())
    });
    println!("kernel against the same rows in f64: delta off by at most {:.1e} of gross", worst.get());
}

#[test]
fn the_ladder_follows_an_option_a_minute_before_expiry() {
    let expiry_ns = NOW_NS + 60 * SECOND_NS;
    let held = hold(64, option(expiry_ns, 78_950.0, Right::Call, Payoff::Inverse));
    let bank = compiled(&[held], &market(expiry_ns, 78_926.0, Smile::flat(0.5)), &settings(Numeraire::Coin));
    let coarse = Ladder { step_shift: 16, intervals: 64 };
    let FittedLadder { ladder, steep_rows } = coarse.fitted(bank.open.price_ref, &bank);
    // `vol sqrt(tau)` is 6.9e-4; the coarse step is 1.6e-3 of the price.
    assert_eq!((ladder.step_shift, steep_rows), (14, 0));
    let prices = || (-200_000..200_000).step_by(1_777).map(|offset| bank.open.price_ref.saturating_add_signed(offset));
    let mut unfitted = Loaded::on(coarse, &bank, 1);
    assert!(prices().any(|price| unfitted.is_exact_at(price)), "the configured step does not resolve the strike");
    let mut fitted = Loaded::on(ladder, &bank, 1);
    let mut worst = 0.0f64;
    for price in prices() {
        assert!(!fitted.is_exact_at(price));
        let exact = Sums::at(&bank, |_| 1, log_ratio(price, &bank));
        worst = worst.max((fitted.risk(price).delta - exact.delta).abs() / bank.gross_coin);
    }
    println!("a minute before expiry: {worst:.1e} of the weight off");
    // A cubic errs by 0.55 (h a)^4 / 384.
    assert!(worst < 0.55 * 0.6f64.powi(4) / 384.0, "{worst:e}");
}

fn v2_position() -> Instrument {
    Instrument::Range(AmmRange { liquidity: 500.0, price_low_usd: 0.0, price_high_usd: f64::INFINITY })
}

fn log_ratio(price: u32, bank: &Bank) -> f64 {
    (f64::from(price) / f64::from(bank.open.price_ref)).ln()
}

// ---- pricing ----

#[test]
fn black_76_without_time_or_vol_is_intrinsic_and_never_nan() {
    for (tau, vol) in [(0.0, 0.5), (-1.0, 0.5), (1.0, 0.0), (0.0, 0.0), (1.0, -0.3), (1e-300, 1e-300)] {
        for (strike, call_delta) in [(90.0, 1.0), (100.0, 0.5), (110.0, 0.0)] {
            let model = Black76::new(100.0, strike, tau, vol).expect("valid inputs");
            assert_eq!(model.value(Right::Call), (100.0f64 - strike).max(0.0));
            assert_eq!(model.value(Right::Put), (strike - 100.0f64).max(0.0));
            assert_eq!(model.delta(Right::Call), call_delta);
            assert_eq!(model.delta(Right::Put), call_delta - 1.0);
            let others = [model.gamma(), model.vega(), model.coin_vega(), model.net_transaction_gamma(Right::Put)];
            assert!(others.iter().all(|value| value.is_finite()), "{others:?}");
        }
    }
}

#[test]
fn black_76_refuses_inputs_that_no_option_has() {
    for (forward, strike, tau, vol, name) in [
        (0.0, 1.0, 1.0, 1.0, "forward"),
        (1.0, -1.0, 1.0, 1.0, "strike"),
        (1.0, 1.0, f64::NAN, 1.0, "tau_years"),
        (1.0, 1.0, 1.0, f64::INFINITY, "vol"),
    ] {
        let error = Black76::new(forward, strike, tau, vol).expect_err("it is refused");
        assert_eq!(error.name, name);
        assert!(error.to_string().contains(name));
    }
}

#[test]
fn black_76_greeks_are_the_slopes_of_its_values() {
    let price = |forward: f64, vol: f64, right| Black76::new(forward, 80_000.0, 0.25, vol).expect("valid").value(right);
    let mark = |forward: f64, right| price(forward, 0.6, right) / forward;
    for right in BOTH {
        for forward in [40_000.0, 76_000.0, 80_000.0, 95_000.0, 200_000.0] {
            let model = Black76::new(forward, 80_000.0, 0.25, 0.6).expect("valid");
            let h = forward * 1e-5;
            let slope = |f: &dyn Fn(f64) -> f64| (f(forward + h) - f(forward - h)) / (2.0 * h);
            assert!((slope(&|forward| price(forward, 0.6, right)) - model.delta(right)).abs() < 1e-8);
            let delta = |forward: f64| Black76::new(forward, 80_000.0, 0.25, 0.6).expect("valid").delta(right);
            assert!((slope(&delta) - model.gamma()).abs() * forward < 1e-7);
            let vega = (price(forward, 0.6 + 1e-5, right) - price(forward, 0.6 - 1e-5, right)) / 2e-5;
            assert!((vega - model.vega()).abs() / forward < 1e-8);
            let net = forward * slope(&|forward| mark(forward, right));
            assert!((net - model.net_transaction_delta(right)).abs() < 1e-8);
            assert!((model.delta(right) - model.coin_mark(right) - model.net_transaction_delta(right)).abs() < 1e-14);
        }
    }
}

#[test]
fn discounting_scales_values_and_greeks() {
    let plain = Black76::new(100.0, 110.0, 0.5, 0.4).expect("valid");
    let discounted = plain.with_rate(0.06).expect("valid");
    let factor = (-0.03f64).exp();
    for right in BOTH {
        assert!((discounted.value(right) / plain.value(right) - factor).abs() < 1e-14);
        assert!((discounted.delta(right) / plain.delta(right) - factor).abs() < 1e-14);
    }
    assert!((discounted.vega() / plain.vega() - factor).abs() < 1e-14);
    assert!(plain.with_rate(f64::NAN).is_err());
}

#[test]
fn implied_vol_inverts_black_76_for_both_rights() {
    let inputs = (0.02f64..4.0, -3.0f64..3.0, 1e-3f64..3.0, any::<bool>());
    check_random("implied vol", 2000, inputs, |(vol, deviations, tau, is_call)| {
        let right = if is_call { Right::Call } else { Right::Put };
        let strike = 100.0 * (deviations * vol * tau.sqrt()).clamp(-4.0, 4.0).exp();
        let model = Black76::new(100.0, strike, tau, vol).expect("valid");
        let found = implied_vol(model.value(right), 100.0, strike, tau, right);
        // A rounding of the price moves the vol by so much; deep in the money that is all there is.
        let resolution = 100.0 * f64::EPSILON * 64.0 / model.vega();
        let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!((found - vol).abs() < resolution + 1e-12 * vol, "{found} for {vol}");
        Ok(())
    });
}

#[test]
fn implied_vol_outside_the_arbitrage_bounds_is_a_typed_error() {
    use ImpliedVolError as E;
    assert!(matches!(implied_vol(9.0, 100.0, 90.0, 1.0, Right::Call), Err(E::BelowIntrinsic { .. })));
    assert!(matches!(implied_vol(100.0, 100.0, 90.0, 1.0, Right::Call), Err(E::AboveLimit { .. })));
    assert!(matches!(implied_vol(90.0, 100.0, 90.0, 1.0, Right::Put), Err(E::AboveLimit { .. })));
    assert!(matches!(implied_vol(-1.0, 100.0, 90.0, 1.0, Right::Put), Err(E::BelowIntrinsic { .. })));
    assert!(matches!(implied_vol(11.0, 100.0, 90.0, 0.0, Right::Call), Err(E::Expired { .. })));
    assert!(matches!(implied_vol(f64::NAN, 100.0, 90.0, 1.0, Right::Call), Err(E::Input(_))));
    assert_eq!(implied_vol(10.0, 100.0, 90.0, 1.0, Right::Call), Ok(0.0));
}

// ---- instruments ----

fn parsed(name: &str) -> Instrument {
    name.parse().expect("a valid name")
}

#[test]
fn deribit_names_parse_and_display_as_they_were() {
    for name in [
        "BTC-6FEB26-88000-P",
        "BTC-25SEP26-135000-C",
        "XRP_USDC-27MAR26-0d55-C",
        "ETH_USDC-31DEC26-2450-P",
        "BTC-PERPETUAL",
        "ETH_USDC-PERPETUAL",
        "BTC-25SEP26",
        "SOL_USDC-29FEB28",
    ] {
        assert_eq!(parsed(name).to_string(), name);
    }
    let Instrument::Option(option) = parsed("BTC-6FEB26-88000-P") else { panic!("an option") };
    assert_eq!((option.strike_usd, option.right, option.payoff), (88_000.0, Right::Put, Payoff::Inverse));
    // 6 Feb 2026 08:00 UTC.
    assert_eq!(option.expiry_ns, 1_770_364_800 * SECOND_NS);
    let Instrument::Option(option) = parsed("XRP_USDC-27MAR26-0d55-C") else { panic!("an option") };
    assert_eq!((option.strike_usd, option.payoff, option.underlying.as_str()), (0.55, Payoff::Linear, "XRP"));
    assert_eq!(parsed("BTC-PERPETUAL").expiry_ns(), None);
    assert_eq!(parsed("BTC-06FEB26"), parsed("BTC-6FEB26"));
}

#[test]
fn names_that_are_no_instrument_say_why() {
    for (name, reason) in [
        ("", "coin"),
        ("BTC", "parts"),
        ("btc-PERPETUAL", "coin"),
        ("BTC_EUR-PERPETUAL", "EUR"),
        ("BTC-31FEB26", "31FEB26"),
        ("BTC-6FEV26-1-C", "6FEV26"),
        ("BTC-+6FEB26-1-C", "+6FEB26"),
        ("BTC-6FEB26-88000-X", "right"),
        ("BTC-6FEB26-0-C", "strike"),
        ("BTC-6FEB26--5-C", "parts"),
        ("BTC-6FEB26-1e5-C", "strike"),
        ("BTC-6FEB26-1d-C", "strike"),
        ("BTC-6FEBé6-1-C", "6FEBé6"),
        ("BTC-6FEB26-88000", "parts"),
    ] {
        let error = name.parse::<Instrument>().expect_err("no instrument");
        assert!(error.reason.contains(reason), "{name}: {error}");
        assert!(error.to_string().contains("BTC-PERPETUAL"), "{error}");
    }
    assert!("BTC-PERPETUAL".parse::<EuropeanOption>().is_err());
    assert!("BTC-6FEB26-88000-P".parse::<Future>().is_err());
}

// ---- compiled rows ----

#[test]
fn options_at_or_past_expiry_are_empty_rows() {
    for expiry_ns in [NOW_NS, NOW_NS - 1, NOW_NS - DAY_NS] {
        let market = market(expiry_ns, 79_000.0, Smile::flat(0.6));
        let holding = hold(65, option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse));
        let bank = compiled(&[holding], &market, &settings(Numeraire::Coin));
        assert_eq!(bank.rows[1], WriteRow { slot: 65, ..WriteRow::default() });
        assert_eq!(bank.expired, [65]);
        assert_eq!(bank.open.valid_until_ns, NOW_NS + 10 * SECOND_NS);
    }
}

#[test]
fn zero_vol_is_a_step_at_the_strike_and_reported() {
    let expiry_ns = NOW_NS + 30 * DAY_NS;
    for strike in [77_000.0, 78_926.0, 80_000.0, 1.0, 1e9] {
        for right in BOTH {
            for numeraire in [Numeraire::Coin, Numeraire::Usd] {
                let market = market(expiry_ns, 78_926.0, Smile::flat(0.6));
                let holding = Holding { vol: Some(0.0), ..hold(64, option(expiry_ns, strike, right, Payoff::Inverse)) };
                let bank = compiled(&[holding], &market, &settings(numeraire));
                assert_eq!(bank.saturated, [64]);
                for x in [-0.4, -0.03, -0.001, 0.001, 0.03, 0.4] {
                    let price = 78_926.0 * f64::exp(x);
                    let per_coin = if numeraire == Numeraire::Coin { strike / price } else { 1.0 };
                    let step = if price > strike { 1.0 } else { 0.0 } - if right == Right::Put { 1.0 } else { 0.0 };
                    let delta = Sums::of_one(&bank, x).delta;
                    assert!((delta - per_coin * step).abs() <= 1e-7 * per_coin.max(1.0), "{strike} {x} {delta}");
                }
            }
        }
    }
}

#[test]
fn settlement_decays_the_net_transaction_delta_to_035_half_way() {
    // Deribit's example: delta 1.0, mark 0.3, 15 minutes before expiry: (1 - 0.3) / 2.
    let expiry_ns = NOW_NS + 15 * MINUTE_NS;
    let market = market(expiry_ns, 78_926.0, Smile::flat(0.5));
    let holding = hold(64, option(expiry_ns, 0.7 * 78_926.0, Right::Call, Payoff::Inverse));
    let coin = compiled(std::slice::from_ref(&holding), &market, &settings(Numeraire::Coin));
    assert!((Sums::of_one(&coin, 0.0).delta - 0.35).abs() < 1e-8);
    // In USD the delta left is half of 1.0, and half of the mark is coin already.
    let usd = compiled(&[holding], &market, &settings(Numeraire::Usd));
    assert!((Sums::of_one(&usd, 0.0).delta - 0.5).abs() < 1e-8);
    assert_eq!(usd.settled.len(), 1);
    assert!((usd.settled[0].coin_per_lot - 0.15).abs() < 1e-9);
    assert!(coin.settled.is_empty());
}

#[test]
fn unsettled_part_falls_linearly_in_the_last_half_hour_only() {
    let expiry_ns = NOW_NS;
    for (minutes, part) in [(1440, 1.0), (30, 1.0), (15, 0.5), (3, 0.1), (0, 0.0)] {
        assert!((unsettled_part(expiry_ns - minutes * MINUTE_NS, expiry_ns) - part).abs() < 1e-15);
    }
    assert_eq!(unsettled_part(expiry_ns + 1, expiry_ns), 0.0);
}

#[test]
fn a_bank_is_valid_until_its_age_its_next_expiry_or_a_second_of_settlement() {
    let valid_ns = |left_ns: u64, age_max_ns: u64| {
        let expiry_ns = NOW_NS + left_ns;
        let market = market(expiry_ns, 79_000.0, Smile::flat(0.6));
        let holding = hold(64, option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse));
        let settings = Settings { age_max_ns, ..settings(Numeraire::Coin) };
        compiled(&[holding], &market, &settings).open.valid_until_ns - NOW_NS
    };
    assert_eq!(valid_ns(DAY_NS, 10 * SECOND_NS), 10 * SECOND_NS);
    assert_eq!(valid_ns(15 * MINUTE_NS, 10 * SECOND_NS), SECOND_NS);
    assert_eq!(valid_ns(SECOND_NS / 2, 10 * SECOND_NS), SECOND_NS / 2);
    // Settlement begins within the age of the bank.
    assert_eq!(valid_ns(30 * MINUTE_NS + 4 * SECOND_NS, 10 * SECOND_NS), 5 * SECOND_NS);
    assert_eq!(valid_ns(15 * MINUTE_NS, SECOND_NS / 10), SECOND_NS / 10);
}

#[test]
fn futures_are_constants_of_their_group() {
    let expiry_ns = NOW_NS + 90 * DAY_NS;
    let market = market(expiry_ns, 80_500.0, Smile::default());
    let price = |x: f64| 78_926.0 * f64::exp(x);
    let basis = 80_500.0 / 78_926.0;
    let row = |instrument, numeraire, lot_size| {
        let holding = Holding { lot_size, entry_price_usd: Some(70_000.0), ..hold(64, instrument) };
        compiled(&[holding], &market, &settings(numeraire))
    };
    for x in [-0.1, 0.0, 0.05] {
        for (instrument, numeraire, lot_size, delta) in [
            (future(None, Payoff::Inverse), Numeraire::Coin, 5000.0, 5000.0 / price(x)),
            (future(None, Payoff::Inverse), Numeraire::Usd, 5000.0, 5000.0 / 70_000.0),
            (future(None, Payoff::Linear), Numeraire::Coin, 0.5, 0.5),
            (future(None, Payoff::Linear), Numeraire::Usd, 0.5, 0.5),
            (future(Some(expiry_ns), Payoff::Inverse), Numeraire::Coin, 5000.0, 5000.0 / (price(x) * basis)),
            (future(Some(expiry_ns), Payoff::Inverse), Numeraire::Usd, 5000.0, 5000.0 / 70_000.0),
            (future(Some(expiry_ns), Payoff::Linear), Numeraire::Usd, 0.5, 0.5 * basis),
        ] {
            let sums = Sums::of_one(&row(instrument, numeraire, lot_size), x);
            assert!((sums.delta - delta).abs() < 1e-9, "{} for {delta}", sums.delta);
        }
    }
}

/// Coin profit of an inverse future of `usd`, by trapezoid over its compiled delta: with
/// `d(profit)/dP = delta/P`, it is the integral of delta over the log price.
fn inverse_profit(usd: f64, entry: f64, exit: f64) -> f64 {
    let market = Market { price_ref_usd: entry, ..market(NOW_NS + DAY_NS, entry, Smile::default()) };
    let holding = Holding { lot_size: usd, ..hold(64, future(None, Payoff::Inverse)) };
    let bank = compiled(&[holding], &market, &settings(Numeraire::Coin));
    let (steps, end) = (1000, (exit / entry).ln());
    let at = |i: i32| Sums::of_one(&bank, end * f64::from(i) / f64::from(steps)).delta;
    (0..steps).map(|i| 0.5 * (at(i) + at(i + 1)) * end / f64::from(steps)).sum()
}

#[test]
fn integrated_inverse_delta_gives_the_published_profits() {
    for (usd, entry, exit, profit) in [
        (60_000.0, 600.0, 700.0, 14.2857),
        (60_000.0, 600.0, 500.0, -20.0),
        (50_000.0, 10_000.0, 11_000.0, 0.454_545),
        (50_000.0, 10_000.0, 9000.0, -0.555_556),
    ] {
        let found = inverse_profit(usd, entry, exit);
        assert!((found - profit).abs() < 5e-5 * f64::abs(profit).max(1.0), "{found} for {profit}");
    }
}

fn eth_market() -> Market {
    Market { underlying: "ETH".to_owned(), now_ns: NOW_NS, price_ref_usd: 2000.0, expiries: BTreeMap::new() }
}

#[test]
fn amm_amounts_reproduce_the_published_examples() {
    // 2 ETH at 2000 in 1500 .. 2500 go with 5076.10 USDC.
    let range = AmmRange::from_coin(2.0, 2000.0, 1500.0, 2500.0).expect("a range");
    let (coin, usd) = range.amounts(2000.0);
    assert!((coin - 2.0).abs() < 1e-12 && (usd - 5076.10).abs() < 0.005, "{coin} {usd}");
    // 2 ETH and 4000 USDC with the top at 3000: the bottom is 1333.33.
    let liquidity = AmmRange::from_coin(2.0, 2000.0, 0.0, 3000.0).expect("a range").liquidity;
    let bottom = (2000.0f64.sqrt() - 4000.0 / liquidity).powi(2);
    assert!((bottom - 1333.33).abs() < 0.005, "{bottom}");
    // The same position at 2500.
    let range = AmmRange { liquidity, price_low_usd: bottom, price_high_usd: 3000.0 };
    let (coin, usd) = range.amounts(2500.0);
    assert!((coin - 0.85).abs() < 0.005 && (usd - 6572.89).abs() < 0.015, "{coin} {usd}");
}

#[test]
fn amm_rows_are_the_slopes_of_the_positions_value() {
    let ranges = [(1500.0, 2500.0), (1990.0, 2010.0), (2200.0, 3000.0), (1000.0, 1800.0), (0.0, f64::INFINITY)];
    let settings = |numeraire| Settings {
        hedge: HedgeInstrument { payoff: Payoff::Inverse, contract_size: 1.0, tick_usd: 0.05 },
        ..settings(numeraire)
    };
    let mut worst = 0.0f64;
    for (price_low_usd, price_high_usd) in ranges {
        let range = AmmRange { liquidity: 900.0, price_low_usd, price_high_usd };
        let holdings = [hold(64, Instrument::Range(range))];
        let banks = [Numeraire::Usd, Numeraire::Coin].map(|n| compiled(&holdings, &eth_market(), &settings(n)));
        for x in [-0.45, -0.2, -0.03, -0.0041, 0.0, 0.0017, 0.02, 0.15, 0.3, 0.45] {
            let value = |x: f64| range.value_usd(2000.0 * f64::exp(x));
            let price = 2000.0 * f64::exp(x);
            let h = 1e-4;
            // dV/dP and P d(V/P)/dP, both from slopes over the log price.
            let usd = (value(x + h) - value(x - h)) / (2.0 * h) / price;
            let coin = usd - value(x) / price;
            for (bank, delta) in banks.iter().zip([usd, coin]) {
                let sums = Sums::of_one(bank, x);
                let error = (sums.delta - delta).abs() / 20.0;
                worst = worst.max(error);
                assert!(error < 1e-7, "{range} at {x}: {} for {delta}", sums.delta);
                let slope = (Sums::of_one(bank, x + h).delta - Sums::of_one(bank, x - h).delta) / (2.0 * h);
                assert!((sums.gamma - slope).abs() < 1e-5, "{range} at {x}: {} for {slope}", sums.gamma);
            }
        }
    }
    println!("AMM delta against finite differences: worst {worst:.1e} of the weight");
}

#[test]
fn amm_edges_saturate_beyond_the_prices_that_rows_reach() {
    let range = |price_low_usd, price_high_usd| AmmRange { liquidity: 1.0, price_low_usd, price_high_usd };
    for (range, numeraire, low, high) in [
        (range(0.0, f64::INFINITY), Numeraire::Usd, 0, 1i64 << 31),
        (range(0.0, f64::INFINITY), Numeraire::Coin, 0, 1 << 31),
        (range(2000.0, 8000.0), Numeraire::Usd, 1 << 28, 1 << 29),
        (range(2000.0, 8000.0), Numeraire::Coin, 1 << 29, 1 << 30),
        (range(1.0, 2.0), Numeraire::Usd, 1 << 31, 1 << 31),
    ] {
        let bank = compiled(&[hold(64, Instrument::Range(range))], &eth_market(), &settings(numeraire));
        assert_eq!((i64::from(bank.rows[0].a), bank.rows[0].b), (low, high), "{range}");
        assert_eq!(bank.rows[0].row_kind, code::RANGE);
    }
}

// ---- skew ----

/// Value in the bank's numeraire along a smile dynamic, and its log-price slope by differences.
fn skewed_delta(case: &Case, dvol_dx: f64) -> f64 {
    let tau = (case.expiry_ns - NOW_NS) as f64 / YEAR_NS;
    let value = |x: f64| {
        let forward = 78_926.0 * (x + case.basis).exp();
        let model = Black76::new(forward, case.strike_usd, tau, case.vol + dvol_dx * x).expect("valid");
        match (case.payoff, case.numeraire) {
            (Payoff::Inverse, Numeraire::Coin) => model.coin_mark(case.right),
            (Payoff::Inverse, Numeraire::Usd) => model.coin_mark(case.right) * 78_926.0 * x.exp(),
            (Payoff::Linear, _) => model.value(case.right),
        }
    };
    // Fourth order: the smallest sigma sqrt tau here is 0.04, where a second-order difference errs by 3e-7.
    let h = 1e-4;
    let difference = |h: f64| (value(case.x + h) - value(case.x - h)) / (2.0 * h);
    let slope = (4.0 * difference(h) - difference(2.0 * h)) / 3.0;
    let is_coin = case.payoff == Payoff::Inverse && case.numeraire == Numeraire::Coin;
    if is_coin { slope } else { slope / (78_926.0 * case.x.exp()) }
}

#[test]
fn explicit_skew_matches_finite_differences_along_the_moving_vol() {
    let mut worst = [0.0f64; 3];
    for days in [2, 30, 180] {
        for payoff in [Payoff::Inverse, Payoff::Linear] {
            for numeraire in [Numeraire::Coin, Numeraire::Usd] {
                for right in BOTH {
                    for moneyness in [-1.0, -0.3, 0.0, 0.4, 1.0] {
                        for dvol_dx in [-0.4, 0.15] {
                            let tau = days as f64 / 365.0;
                            let case = Case {
                                expiry_ns: NOW_NS + days * DAY_NS,
                                vol: 0.55,
                                strike_usd: 78_926.0 * (0.01 + moneyness * 0.55 * tau.sqrt()).exp(),
                                basis: 0.01,
                                right,
                                payoff,
                                numeraire,
                                x: 0.0,
                            };
                            let errors = skew_errors(&case, dvol_dx);
                            worst = [0, 1, 2].map(|i| worst[i].max(errors[i]));
                        }
                    }
                }
            }
        }
    }
    println!(
        "skew against finite differences: delta {:.1e}, gamma {:.1e}; 1 % away {:.1e}",
        worst[0], worst[1], worst[2]
    );
    assert!(worst[0] < 2e-8, "at the reference price {:e}", worst[0]);
    assert!(worst[1] < 1e-4, "gamma at the reference price {:e}", worst[1]);
    assert!(worst[2] < 2e-2, "1 % away {:e}", worst[2]);
}

/// Errors of delta, of gamma relative to its weight, both at the reference price, and of delta 1 % away.
fn skew_errors(case: &Case, dvol_dx: f64) -> [f64; 3] {
    let mut market = market(case.expiry_ns, 78_926.0 * case.basis.exp(), Smile::flat(case.vol));
    let expiry = market.expiries.get_mut(&case.expiry_ns).expect("the expiry");
    expiry.dvol_dprice = dvol_dx / 78_926.0;
    let settings = Settings { skew: SkewRule::Explicit, ..settings(case.numeraire) };
    let holding = hold(64, option(case.expiry_ns, case.strike_usd, case.right, case.payoff));
    let bank = compiled(&[holding], &market, &settings);
    assert!(bank.skew_bounded.is_empty());
    let at = |x: f64| skewed_delta(&Case { x, ..case.clone() }, dvol_dx);
    let row = Sums::of_one(&bank, 0.0);
    let gamma = (at(1e-3) - at(-1e-3)) / 2e-3;
    let far = |x: f64| (Sums::of_one(&bank, x).delta - at(x)).abs();
    let vega = Black76::new(
        78_926.0 * case.basis.exp(),
        case.strike_usd,
        (case.expiry_ns - NOW_NS) as f64 / YEAR_NS,
        case.vol,
    )
    .expect("valid")
    .vega()
        / 78_926.0;
    let vega_per_coin = if case.payoff == Payoff::Inverse { vega / case.basis.exp() } else { vega };
    assert!((row.vega - vega_per_coin).abs() < 1e-7, "vega {} for {vega_per_coin}", row.vega);
    let slope = libm::ldexp(f64::from(bank.rows[0].a), -18);
    [(row.delta - at(0.0)).abs(), (row.gamma - gamma).abs() / slope, far(0.01).max(far(-0.01))]
}

#[test]
fn sticky_moneyness_takes_the_slope_of_the_smile() {
    let expiry_ns = NOW_NS + 30 * DAY_NS;
    let smile =
        Smile::new((60..=100).map(|k| (f64::from(k) * 1000.0, 0.6 - 0.3 * (f64::from(k) / 79.0).ln())).collect());
    let strike = 80_000.0;
    assert!((smile.slope(strike) + 0.3).abs() < 1e-9);
    let market = market(expiry_ns, 79_000.0, smile.clone());
    let holding = [hold(64, option(expiry_ns, strike, Right::Put, Payoff::Inverse))];
    let rule = |skew| Settings { skew, ..settings(Numeraire::Coin) };
    let sticky = Sums::of_one(&compiled(&holding, &market, &rule(SkewRule::StickyMoneyness)), 0.0).delta;
    let plain = Sums::of_one(&compiled(&holding, &market, &rule(SkewRule::StickyStrike)), 0.0);
    // dvol/dlnP = -dvol/dlnK = 0.3.
    assert!((sticky - plain.delta - 0.3 * plain.vega).abs() < 1e-7);
}

#[test]
fn skew_beyond_its_bound_is_bounded_and_reported() {
    let expiry_ns = NOW_NS + 365 * DAY_NS;
    let mut market = market(expiry_ns, 79_000.0, Smile::flat(0.6));
    market.expiries.get_mut(&expiry_ns).expect("the expiry").dvol_dprice = -1e-4;
    let settings = Settings { skew: SkewRule::Explicit, ..settings(Numeraire::Coin) };
    let holding = hold(64, option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse));
    assert_eq!(compiled(&[holding], &market, &settings).skew_bounded, [64]);
}

#[test]
fn smile_interpolates_in_log_strike_and_is_flat_beyond_its_ends() {
    let smile = Smile::new(vec![(200.0, 0.5), (100.0, 0.7), (100.0, 0.9), (-1.0, 0.5), (150.0, f64::NAN)]);
    assert_eq!(smile.vol(100.0), Some(0.8));
    assert_eq!(smile.vol(50.0), Some(0.8));
    assert_eq!(smile.vol(300.0), Some(0.5));
    assert!((smile.vol(100.0 * 2.0f64.sqrt()).expect("a vol") - 0.65).abs() < 1e-12);
    assert!((smile.slope(120.0) + 0.3 / 2.0f64.ln()).abs() < 1e-12);
    assert_eq!((smile.slope(50.0), smile.slope(300.0)), (0.0, 0.0));
    assert_eq!(Smile::default().vol(1.0), None);
    assert_eq!(Smile::flat(0.4).slope(1.0), 0.0);
}

// ---- contract scale, band, prices ----

#[test]
fn contract_scale_turns_deltas_into_contracts() {
    let expiry_ns = NOW_NS + 30 * DAY_NS;
    let market = market(expiry_ns, 79_000.0, Smile::flat(0.6));
    for (quantity_max_lots, lot_size) in [(1, 1e-4), (1, 0.1), (500, 0.1), (1 << 29, 1.0)] {
        for (payoff, contract_size, tick_usd) in [
            (Payoff::Inverse, 10.0, 0.5),
            (Payoff::Inverse, 1.0, 0.05),
            (Payoff::Linear, 1e-4, 0.5),
            (Payoff::Linear, 1.0, 1e-4),
        ] {
            if market.price_ref_usd / tick_usd * 256.0 > f64::from(u32::MAX) {
                continue;
            }
            let hedge = HedgeInstrument { payoff, contract_size, tick_usd };
            let instrument = option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse);
            let holding = Holding { quantity_max_lots, lot_size, ..hold(64, instrument) };
            let bank = compiled(&[holding], &market, &Settings { hedge, ..settings(Numeraire::Coin) });
            let open = &bank.open;
            let (mantissa, shift) = (f64::from(open.contract_scale), i32::from(open.contract_shift));
            let factor = match payoff {
                Payoff::Inverse => f64::from(open.price_ref) * libm::ldexp(mantissa, -shift - 24),
                Payoff::Linear => libm::ldexp(mantissa, 8 - shift),
            };
            // From 2^-(kd+7) coin to 2^-16 contract.
            let contracts_per_coin = libm::ldexp(factor, i32::from(open.delta_bits) + 7 - 16);
            let exact = match payoff {
                Payoff::Inverse => 78_926.0 / contract_size,
                Payoff::Linear => 1.0 / contract_size,
            };
            assert!(open.contract_scale >= 1 << 31);
            let error = 1.0 - contracts_per_coin / exact;
            // Floored at 2^-31 of itself at worst.
            assert!((-1e-15..=libm::ldexp(1.0, -31)).contains(&error), "{error:e}");
        }
    }
}

/// The band of a bank in contracts for a gamma in coin, as the kernel works it out.
fn band_contracts(bank: &Bank, gamma_coin: f64, contracts_per_coin: f64) -> f64 {
    let (factor, shift) = (f64::from(bank.open.band_factor), -i32::from(bank.open.band_shift));
    let gamma = gamma_coin.abs() * contracts_per_coin * 65_536.0;
    let band = match bank.open.band_kind {
        code::BAND_FIXED => libm::ldexp(factor * 65_536.0, shift),
        code::BAND_GAMMA => libm::ldexp(factor * gamma, shift),
        _ => libm::ldexp((factor * gamma * gamma).cbrt(), shift),
    };
    band / 65_536.0
}

#[test]
fn bands_come_out_as_their_formulas_say() {
    let market = market(NOW_NS + DAY_NS, 79_000.0, Smile::flat(0.6));
    let gamma = 3.7;
    for hedge in [
        HedgeInstrument { payoff: Payoff::Inverse, contract_size: 10.0, tick_usd: 0.5 },
        HedgeInstrument { payoff: Payoff::Linear, contract_size: 1e-3, tick_usd: 0.5 },
    ] {
        let contracts_per_coin = match hedge.payoff {
            Payoff::Inverse => 7892.6,
            Payoff::Linear => 1000.0,
        };
        let band = |band| {
            let bank = compiled(&[], &market, &Settings { hedge, band, ..settings(Numeraire::Coin) });
            band_contracts(&bank, gamma, contracts_per_coin)
        };
        assert!((band(Band::Fixed { contracts: 2.75 }) - 2.75).abs() < 1e-8);
        assert_eq!(band(Band::Fixed { contracts: 0.0 }), 0.0);
        let window_years = 600.0 / (365.0 * 86_400.0);
        let scaled = band(Band::Gamma { k: 1.282, vol: 0.6, window_years });
        let exact = 1.282 * gamma * 0.6 * window_years.sqrt() * contracts_per_coin;
        assert!((scaled / exact - 1.0).abs() < 1e-8, "{scaled} for {exact}");
        // H = cbrt(3/2 lambda P Gamma^2 / a) with Gamma = G/P per USD.
        let (lambda, risk_aversion_per_usd) = (5e-4, 1e-6);
        let found = band(Band::WhalleyWilmott { lambda, risk_aversion_per_usd });
        let coin = (1.5 * lambda * 78_926.0 * (gamma / 78_926.0f64).powi(2) / risk_aversion_per_usd).cbrt();
        assert!((found / (coin * contracts_per_coin) - 1.0).abs() < 1e-8, "{found}");
    }
}

#[test]
fn prices_convert_to_units_of_a_256th_tick_and_back() {
    let unit = PriceUnit::of_tick(0.5).expect("a tick");
    assert_eq!(unit.to_units(78_926.25), Ok(78_926 * 512 + 128));
    assert_eq!(unit.to_usd(512), 1.0);
    assert_eq!(unit.to_units(unit.to_usd(u32::MAX)), Ok(u32::MAX));
    assert!(matches!(unit.to_units(1e-4), Err(PriceError::TooSmall { .. })));
    assert!(matches!(unit.to_units(9e6), Err(PriceError::TooLarge { .. })));
    for price in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(unit.to_units(price), Err(PriceError::NotPositive(_))));
    }
    assert!(matches!(PriceUnit::of_tick(0.0), Err(PriceError::Tick(_))));
    assert!(matches!(PriceUnit::of_tick(f64::NAN), Err(PriceError::Tick(_))));
}

// ---- refusals ----

#[test]
fn every_slot_of_the_range_has_one_row_in_order() {
    let market = market(NOW_NS + DAY_NS, 79_000.0, Smile::flat(0.6));
    let holdings = [hold(100, future(None, Payoff::Linear)), hold(66, future(None, Payoff::Linear))];
    let bank = compiled(&holdings, &market, &settings(Numeraire::Coin));
    assert!(bank.rows.iter().map(|row| row.slot).eq(64..128));
    let used: Vec<u32> = bank.rows.iter().filter(|row| row.row_kind != code::EMPTY).map(|row| row.slot).collect();
    assert_eq!(used, [66, 100]);
    assert_eq!((bank.open.bank_id, bank.open.price_ref), (7, 78_926 * 512));
}

#[test]
fn holdings_that_cannot_be_compiled_are_named() {
    let expiry_ns = NOW_NS + DAY_NS;
    let call = || option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse);
    let base = market(expiry_ns, 79_000.0, Smile::default());
    let error = |holding: Holding, numeraire| match compile(1, RANGE, &[holding], &base, &settings(numeraire)) {
        Err(CompileError::Holding { slot: 64, error, .. }) => error,
        other => panic!("{other:?}"),
    };
    use HoldingError as E;
    let coin = Numeraire::Coin;
    assert_eq!(error(hold(64, call()), coin), E::NoVol);
    assert_eq!(error(hold(64, option(expiry_ns + 1, 1.0, Right::Put, Payoff::Linear)), coin), E::NoForward);
    assert_eq!(error(hold(64, parsed("ETH-PERPETUAL")), coin), E::Underlying { expected: "BTC".to_owned() });
    assert_eq!(error(Holding { quantity_max_lots: 0, ..hold(64, call()) }, coin), E::Quantity(0));
    assert_eq!(error(Holding { quantity_max_lots: 1 << 30, ..hold(64, call()) }, coin), E::Quantity(1 << 30));
    assert_eq!(error(Holding { lot_size: 0.0, ..hold(64, call()) }, coin), E::LotSize(0.0));
    assert!(matches!(error(Holding { vol: Some(f64::NAN), ..hold(64, call()) }, coin), E::Input(_)));
    assert_eq!(error(hold(64, future(None, Payoff::Inverse)), Numeraire::Usd), E::NoEntryPrice);
    let range = AmmRange { liquidity: 1.0, price_low_usd: 2.0, price_high_usd: 2.0 };
    assert_eq!(error(hold(64, Instrument::Range(range)), coin), E::Range);
}

#[test]
fn ranges_slots_and_settings_out_of_bounds_are_refused() {
    let market = market(NOW_NS + DAY_NS, 79_000.0, Smile::flat(0.6));
    let perpetual = || future(None, Payoff::Linear);
    let coin = settings(Numeraire::Coin);
    let try_with = |range, holdings: &[Holding], settings: &Settings| compile(1, range, holdings, &market, settings);
    for range in [(1, 64), (0, 63), (0, 0), (u32::MAX - 63, 64)] {
        let range = SlotRange { first_slot: range.0, slot_count: range.1 };
        assert!(matches!(try_with(range, &[], &coin), Err(CompileError::Range { .. })), "{range:?}");
    }
    for slot in [63, 128] {
        assert!(matches!(try_with(RANGE, &[hold(slot, perpetual())], &coin), Err(CompileError::Slot { .. })));
    }
    let twice = [hold(64, perpetual()), hold(64, perpetual())];
    assert!(matches!(try_with(RANGE, &twice, &coin), Err(CompileError::SlotTwice { slot: 64, .. })));
    let hedge = HedgeInstrument { contract_size: 0.0, ..coin.hedge };
    assert!(matches!(try_with(RANGE, &[], &Settings { hedge, ..coin }), Err(CompileError::Setting { .. })));
    let hedge = HedgeInstrument { tick_usd: 1e-9, ..coin.hedge };
    assert!(matches!(try_with(RANGE, &[], &Settings { hedge, ..coin }), Err(CompileError::Price(_))));
    let band = Band::Fixed { contracts: 1e10 };
    assert!(matches!(try_with(RANGE, &[], &Settings { band, ..coin }), Err(CompileError::Setting { .. })));
    let huge = Holding { quantity_max_lots: (1 << 30) - 1, lot_size: 1e12, ..hold(64, perpetual()) };
    assert!(matches!(try_with(RANGE, &[huge], &coin), Err(CompileError::GrossTooLarge { greek: "delta", .. })));
}

// ---- readers ----

const HEADER: &str = "timestamp,instrument_name,underlying,option_type,strike,expiry_datetime,time_to_maturity,\
bid_price,ask_price,mark_price,futures_price,implied_volatility,delta,vega,open_interest,index_price";

fn line(name: &str, right: &str, strike: &str, bid: &str, vol: &str) -> String {
    format!(
        "2026-02-01T04:54:02.172460+00:00,{name},78919.8,{right},{strike},2026-02-06T08:00:00+00:00,0.014,\
         {bid},0.118,0.1164,78919.8,{vol},-0.94876,9.83912,430.2,78933.64"
    )
}

fn write_file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    path
}

#[test]
fn chain_rows_are_typed_and_empty_fields_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = [
        HEADER.to_owned(),
        line("BTC-6FEB26-88000-P", "put", "88000.0", "0.115", "0.5515"),
        line("BTC-6FEB26-80000-C", "call", "80000", "", "NaN"),
    ];
    let path = write_file(folder.path(), "chain.csv", &text.join("\n"));
    let snapshot = read_snapshot(&path).expect("it reads");
    assert!(snapshot.bad.is_empty(), "{:?}", snapshot.bad);
    assert_eq!((snapshot.name.as_str(), snapshot.time_ns), ("chain.csv", NOW_NS));
    let [put, call] = &snapshot.rows[..] else { panic!("two rows") };
    assert_eq!((put.line, put.bid, put.vol, put.ask), (2, Some(0.115), Some(0.5515), Some(0.118)));
    assert_eq!((put.option.right, put.option.strike_usd, put.time_ns), (Right::Put, 88_000.0, NOW_NS));
    assert_eq!((call.line, call.bid, call.vol, call.index_usd), (3, None, None, Some(78_933.64)));
    assert_eq!(snapshot.rows_of("ETH").count(), 0);
}

#[test]
fn bad_rows_are_counted_with_line_and_reason_and_the_rest_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = line("BTC-6FEB26-88000-P", "put", "88000", "0.115", "0.5515");
    let text = [
        HEADER.to_owned(),
        good.clone(),
        line("BTC-6FEB26-88000-P", "call", "88000", "0.1", "0.5"),
        line("BTC-6FEB26-88000-P", "put", "87000", "0.1", "0.5"),
        line("BTC-7FEB26-88000-P", "put", "88000", "0.1", "0.5"),
        line("BTC-6FEB26-88000-P", "put", "88000", "abc", "0.5"),
        line("BTC-6FEB26-88000-P", "put", "88000", "0.1", "inf"),
        line("nonsense", "put", "88000", "0.1", "0.5"),
        "1,2,3".to_owned(),
        good.replace("2026-02-01T04:54:02.172460+00:00", "yesterday"),
        good,
    ];
    let path = write_file(folder.path(), "chain.csv", &text.join("\n"));
    let snapshot = read_snapshot(&path).expect("it reads");
    assert_eq!(snapshot.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 11]);
    let reasons = [
        "option_type",
        "strike",
        "expiry_datetime",
        "bid_price `abc`",
        "infinite",
        "nonsense",
        "3 fields",
        "yesterday",
    ];
    assert_eq!(snapshot.bad.len(), reasons.len());
    for ((bad, reason), line) in snapshot.bad.iter().zip(reasons).zip(3..) {
        assert_eq!(bad.line, line);
        assert!(bad.reason.contains(reason), "line {line}: {}", bad.reason);
    }
}

#[test]
fn bytes_that_are_no_text_spoil_only_their_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = line("BTC-6FEB26-88000-P", "put", "88000", "0.115", "0.5515");
    let mut bytes = format!("{HEADER}\n{good}\n").into_bytes();
    bytes.extend_from_slice(good.replace("BTC", "B?C").as_bytes());
    let at = bytes.iter().rposition(|&byte| byte == b'?').expect("the mark");
    bytes[at] = 0xff;
    bytes.extend_from_slice(format!("\n{good}\n").as_bytes());
    let path = folder.path().join("chain.csv");
    fs::write(&path, bytes).expect("a file");
    let snapshot = read_snapshot(&path).expect("it reads");
    assert_eq!((snapshot.rows.len(), snapshot.bad.len(), snapshot.bad[0].line), (2, 1, 3));
}

#[test]
fn missing_columns_are_named_and_unreadable_files_say_which() {
    let folder = tempfile::tempdir().expect("a folder");
    let header = HEADER.replace("strike,", "").replace(",vega", "");
    let path = write_file(folder.path(), "chain.csv", &header);
    let error = read_snapshot(&path).expect_err("columns are missing");
    let ChainError::MissingColumns { columns, .. } = &error else { panic!("{error}") };
    assert_eq!(columns, &["strike", "vega"]);
    assert!(error.to_string().contains("strike, vega") && error.to_string().contains("chain.csv"));
    let error = read_snapshot(&folder.path().join("absent.csv")).expect_err("no file");
    assert!(error.to_string().contains("absent.csv"));
    let empty = write_file(folder.path(), "empty.csv", "");
    assert!(matches!(read_snapshot(&empty), Err(ChainError::MissingColumns { columns, .. }) if columns.len() == 15));
}

#[test]
fn compressed_chains_read_the_same_and_truncated_ones_fail() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: Vec<String> =
        (0..2000).map(|i| line("BTC-6FEB26-88000-P", "put", "88000", &format!("0.{i:04}"), "0.5")).collect();
    let text = format!("{HEADER}\n{}\n", rows.join("\n"));
    let plain = read_snapshot(&write_file(folder.path(), "a_snapshot_20260201T045402Z.csv", &text)).expect("it reads");
    let bytes = gzip(text.as_bytes());
    let path = folder.path().join("a_snapshot_20260201T045402Z.csv.gz");
    fs::write(&path, &bytes).expect("a file");
    assert_eq!(read_snapshot(&path).expect("it reads"), plain);
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("a file");
    assert!(matches!(read_snapshot(&path), Err(ChainError::Read { .. })));
    let broken = write_file(folder.path(), "b.csv.gz", &text);
    assert!(matches!(read_snapshot(&broken), Err(ChainError::Read { .. })));
}

/// Gzip of stored blocks (RFC 1951, 3.2.4; RFC 1952), so that the test needs no compressor.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks: Vec<&[u8]> = bytes.chunks(60_000).collect();
    for (i, block) in blocks.iter().enumerate() {
        out.push(u8::from(i + 1 == blocks.len()));
        out.extend_from_slice(&(block.len() as u16).to_le_bytes());
        out.extend_from_slice(&(!(block.len() as u16)).to_le_bytes());
        out.write_all(block).expect("memory");
    }
    out.extend_from_slice(&crc32(bytes).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, step)
}

#[test]
fn snapshots_are_listed_in_time_order_and_other_files_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "x_snapshot_20260214T212435Z.csv.gz",
        "x_snapshot_20260201T045402Z.csv.gz",
        "x_snapshot_20260201T092323Z.csv",
        "x_snapshot_20261301T092323Z.csv",
        "perpetual_futures_prices.csv",
        "notes.txt",
    ] {
        write_file(folder.path(), name, "");
    }
    let files = snapshots(folder.path()).expect("it lists");
    let names: Vec<_> = files.iter().map(|file| file.path.file_name().expect("a name").to_owned()).collect();
    assert_eq!(
        names,
        ["x_snapshot_20260201T045402Z.csv.gz", "x_snapshot_20260201T092323Z.csv", "x_snapshot_20260214T212435Z.csv.gz"]
    );
    assert_eq!(files[0].time_ns, NOW_NS / SECOND_NS * SECOND_NS);
    assert!(snapshots(&folder.path().join("absent")).is_err());
}

#[test]
fn futures_prices_are_found_by_snapshot_and_coin() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "snapshot_file,obs_datetime,coin,instrument_name,perp_futures_mark_price\n\
                s.csv,2026-02-01T04:54:02+00:00,BTC,BTC-PERPETUAL,78926.0\n\
                s.csv,2026-02-01T04:54:02+00:00,ETH,ETH-PERPETUAL,\n";
    let perpetuals = read_perpetuals(&write_file(folder.path(), "p.csv", text)).expect("it reads");
    assert_eq!(perpetuals.perpetual_usd("s.csv", "BTC"), Some(78_926.0));
    assert_eq!(perpetuals.perpetual_usd("s.csv", "ETH"), None);
    assert_eq!(perpetuals.perpetual_usd("t.csv", "BTC"), None);
    assert_eq!((perpetuals.bad.len(), perpetuals.bad[0].line), (1, 3));
    let text = "snapshot_file,timestamp,futures_instrument_name,snapshot_term_mark_price\n\
                s.csv.gz,2026-02-01T04:54:02+00:00,BTC-6FEB26,78919.8\n\
                s.csv,2026-02-01T04:54:02+00:00,ETH-6FEB26,2440\n";
    let terms = read_term_futures(&write_file(folder.path(), "t.csv", text)).expect("it reads");
    assert_eq!(terms.term_usd("s.csv", "BTC"), BTreeMap::from([(1_770_364_800 * SECOND_NS, 78_919.8)]));
    assert!(matches!(read_perpetuals(&folder.path().join("t.csv")), Err(ChainError::MissingColumns { .. })));
}

// ---- forwards ----

/// Quotes of one expiry around Black-76 coin or USD prices, `half_spread` wide.
fn quotes(forward: f64, payoff: Payoff, half_spread: f64) -> Snapshot {
    let folder = tempfile::tempdir().expect("a folder");
    let text = [HEADER.to_owned(), line("BTC-6FEB26-88000-P", "put", "88000", "0.115", "0.5")];
    let mut snapshot = read_snapshot(&write_file(folder.path(), "s.csv", &text.join("\n"))).expect("it reads");
    let template = snapshot.rows.remove(0);
    for strike in (60..=100).step_by(2).map(|k| f64::from(k) * 1000.0) {
        for right in BOTH {
            let model = Black76::new(forward, strike, 0.014, 0.55).expect("valid");
            let price = if payoff == Payoff::Inverse { model.coin_mark(right) } else { model.value(right) };
            let mut row = template.clone();
            row.option = EuropeanOption { strike_usd: strike, right, payoff, ..row.option };
            (row.bid, row.ask) = (Some(price - half_spread).filter(|&bid| bid > 0.0), Some(price + half_spread));
            snapshot.rows.push(row);
        }
    }
    snapshot
}

#[test]
fn parity_finds_the_forward_of_inverse_and_linear_quotes() {
    for (payoff, half_spread) in [(Payoff::Inverse, 0.0005), (Payoff::Linear, 40.0)] {
        let snapshot = quotes(79_123.0, payoff, half_spread);
        let forward = parity_forward(&snapshot.rows.iter().collect::<Vec<_>>()).expect("a forward");
        // The middle in USD is not that in coin: 0.001^2 apart.
        assert!((forward.price_usd / 79_123.0 - 1.0).abs() < 2e-6, "{forward:?}");
        assert!(matches!(forward.source, ForwardSource::Parity { pairs } if pairs >= 8), "{forward:?}");
    }
}

#[test]
fn a_stale_quote_moves_the_parity_forward_by_less_than_the_other_quotes_are_wide() {
    for (payoff, half_spread) in [(Payoff::Inverse, 0.0005), (Payoff::Linear, 40.0)] {
        let mut snapshot = quotes(79_123.0, payoff, half_spread);
        let stale = snapshot.rows.iter_mut().find(|row| row.option.strike_usd == 80_000.0).expect("a row");
        let price = stale.ask.expect("an ask") * 1.5;
        (stale.bid, stale.ask) = (Some(price), Some(price));
        let forward = parity_forward(&snapshot.rows.iter().collect::<Vec<_>>()).expect("a forward");
        // Call and put are each 0.0005 coin, or 40 USD, to either side of their values: 0.1 %. Alone,
        // the stale quote is off by ten times as much.
        assert!((forward.price_usd / 79_123.0 - 1.0).abs() < 1.05e-3, "{forward:?}");
    }
}

#[test]
fn quotes_too_wide_to_tell_the_forward_are_not_believed() {
    let snapshot = quotes(79_123.0, Payoff::Inverse, 0.02);
    assert_eq!(parity_forward(&snapshot.rows.iter().collect::<Vec<_>>()), None);
}

#[test]
fn a_forward_comes_from_the_future_then_parity_then_the_perpetual() {
    let snapshot = quotes(79_123.0, Payoff::Inverse, 0.0005);
    let expiry_ns = snapshot.rows[0].option.expiry_ns;
    let marks = BTreeMap::from([(expiry_ns, 79_100.0), (expiry_ns + DAY_NS, 79_200.0)]);
    let found = forwards("BTC", snapshot.rows.iter(), &marks, Some(79_000.0));
    assert_eq!(found.len(), 2);
    assert_eq!((found[&expiry_ns].price_usd, found[&expiry_ns].source), (79_100.0, ForwardSource::Future));
    let found = forwards("BTC", snapshot.rows.iter(), &BTreeMap::new(), Some(79_000.0));
    assert!(matches!(found[&expiry_ns].source, ForwardSource::Parity { .. }));
    let few = &snapshot.rows[..4];
    let found = forwards("BTC", few.iter(), &BTreeMap::new(), Some(79_000.0));
    assert_eq!((found[&expiry_ns].price_usd, found[&expiry_ns].source), (79_000.0, ForwardSource::Perpetual));
    assert!(forwards("BTC", few.iter(), &BTreeMap::new(), None).is_empty());
    assert!(forwards("ETH", snapshot.rows.iter(), &BTreeMap::new(), Some(1.0)).is_empty());
}

// ---- real chains ----

/// Folder of the real chains, or `None` after saying loudly that they are absent.
fn real_chains() -> Option<PathBuf> {
    real_data(Path::new(env!("CARGO_MANIFEST_DIR")), "deribit-chains")
}

struct RealMarket {
    snapshot: Snapshot,
    perpetuals: FuturesPrices,
    terms: FuturesPrices,
}

fn each_real_market(folder: &Path, mut visit: impl FnMut(&RealMarket)) -> usize {
    let perpetuals = read_perpetuals(&folder.join("perpetual_futures_prices.csv")).expect("it reads");
    let terms = read_term_futures(&folder.join("term_futures_marks.csv")).expect("it reads");
    assert!(perpetuals.bad.is_empty() && terms.bad.is_empty(), "{:?} {:?}", perpetuals.bad, terms.bad);
    let files = snapshots(folder).expect("it lists");
    let mut market = RealMarket {
        snapshot: Snapshot { name: String::new(), time_ns: 0, rows: vec![], bad: vec![] },
        perpetuals,
        terms,
    };
    for file in &files {
        market.snapshot = read_snapshot(&file.path).expect("it reads");
        visit(&market);
    }
    files.len()
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part) as usize]
}

#[test]
fn real_chains_read_without_a_bad_row_and_black_76_gives_their_marks() {
    let Some(folder) = real_chains() else { return };
    let (mut rows, mut mark_errors, mut delta_errors) = (0, vec![], vec![]);
    let files = each_real_market(&folder, |market| {
        let snapshot = &market.snapshot;
        assert!(snapshot.bad.is_empty(), "{}: {:?}", snapshot.name, snapshot.bad.first());
        assert!(!snapshot.rows.is_empty(), "{}", snapshot.name);
        rows += snapshot.rows.len();
        for row in &snapshot.rows {
            let (Some(forward), Some(vol), Some(mark)) = (row.forward_usd, row.vol, row.mark) else { continue };
            let tau = hedgewire_host::black76::years_between(row.time_ns, row.option.expiry_ns);
            let model = Black76::new(forward, row.option.strike_usd, tau, vol).expect("valid");
            mark_errors.push((model.coin_mark(row.option.right) - mark).abs());
            delta_errors.extend(row.delta.map(|delta| (model.delta(row.option.right) - delta).abs()));
        }
    });
    assert!(files > 0, "no snapshot in {}", folder.display());
    let (mark, delta) = (quantile(&mut mark_errors, 0.5), quantile(&mut delta_errors, 0.5));
    println!(
        "{files} files, {rows} rows; |BS/F - mark| median {mark:.1e} coin, 99 % {:.1e}",
        quantile(&mut mark_errors, 0.99)
    );
    println!("|delta - venue's| median {delta:.1e}, 99 % {:.1e}", quantile(&mut delta_errors, 0.99));
    // Vols are rounded to 1e-4, and the forward is polled within seconds of the mark.
    assert!(mark < 1e-4 && delta < 1e-3);
}

#[test]
fn forwards_from_real_quotes_agree_with_the_venues_forward_price() {
    let Some(folder) = real_chains() else { return };
    let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut sources = [0usize; 3];
    each_real_market(&folder, |market| {
        let snapshot = &market.snapshot;
        for coin in ["BTC", "ETH"] {
            let venue: BTreeMap<u64, f64> =
                snapshot.rows_of(coin).filter_map(|row| Some((row.option.expiry_ns, row.forward_usd?))).collect();
            let perpetual = market.perpetuals.perpetual_usd(&snapshot.name, coin);
            let parity = forwards(coin, snapshot.rows_of(coin), &BTreeMap::new(), perpetual);
            for (expiry_ns, forward) in &parity {
                if matches!(forward.source, ForwardSource::Parity { .. }) {
                    let error = (forward.price_usd / venue[expiry_ns]).ln().abs() * 1e4;
                    errors.entry(coin).or_default().push(error);
                }
            }
            let marks = market.terms.term_usd(&snapshot.name, coin);
            for forward in forwards(coin, snapshot.rows_of(coin), &marks, perpetual).values() {
                sources[match forward.source {
                    ForwardSource::Future => 0,
                    ForwardSource::Parity { .. } => 1,
                    ForwardSource::Perpetual => 2,
                }] += 1;
            }
        }
    });
    println!("forwards from futures, parity, perpetual: {sources:?}");
    for (coin, errors) in &mut errors {
        let [median, most, worst] = [0.5, 0.99, 1.0].map(|part| quantile(errors, part));
        println!(
            "{coin}: {} forwards by parity, off by {median:.2} bp median, {most:.1} bp 99 %, {worst:.1} bp worst",
            errors.len()
        );
        // Within one file the venue's own forwards move by up to 25 bp while it is polled.
        assert!(median < 3.0 && most < 15.0 && worst < 40.0, "{coin}");
    }
    assert!(errors.len() == 2 && sources[0] > 0 && sources[1] > 0);
}

#[test]
fn real_chains_compile_into_rows_that_reproduce_black_76() {
    let Some(folder) = real_chains() else { return };
    let (mut worst, mut options, mut saturated) = (0.0f64, 0, 0);
    each_real_market(&folder, |market| {
        let snapshot = &market.snapshot;
        let perpetual = market.perpetuals.perpetual_usd(&snapshot.name, "BTC").expect("a perpetual");
        let marks = market.terms.term_usd(&snapshot.name, "BTC");
        let found = forwards("BTC", snapshot.rows_of("BTC"), &marks, Some(perpetual));
        let mut model = Market::from_chain("BTC", snapshot.time_ns, perpetual, snapshot.rows_of("BTC"), &found);
        // One market per snapshot, without the decay of what is about to settle.
        model.expiries.retain(|&expiry_ns, _| expiry_ns > snapshot.time_ns + 30 * MINUTE_NS);
        let live = snapshot.rows_of("BTC").filter(|row| model.expiries.contains_key(&row.option.expiry_ns));
        let live = live.filter(|row| row.vol.is_some_and(|vol| vol > 0.0));
        let holdings: Vec<Holding> = (0..)
            .zip(live)
            .map(|(slot, row)| {
                let instrument = Instrument::Option(row.option.clone());
                Holding { quantity_max_lots: 1000, lot_size: 0.1, vol: row.vol, ..hold(slot, instrument) }
            })
            .collect();
        let range = SlotRange { first_slot: 0, slot_count: 2048 };
        let bank = compile(1, range, &holdings, &model, &settings(Numeraire::Coin)).expect("it compiles");
        options += holdings.len();
        saturated += bank.saturated.len();
        for holding in &holdings {
            let Instrument::Option(option) = &holding.instrument else { unreachable!() };
            let forward = model.expiries[&option.expiry_ns].forward_usd;
            let tau = hedgewire_host::black76::years_between(snapshot.time_ns, option.expiry_ns);
            let exact = Black76::new(forward, option.strike_usd, tau, holding.vol.expect("a vol")).expect("valid");
            let row = &bank.rows[holding.slot as usize];
            let part = contribution(row, weights(&bank, row, 1000), 0.0);
            let error = (part.delta - 100.0 * exact.net_transaction_delta(option.right)).abs();
            // Half a unit of kd coin, and one more for the floor.
            let unit = libm::ldexp(1.0, -i32::from(bank.open.delta_bits));
            assert!(error < 2.0 * unit + 1e-8, "{option}: {error:e}");
            worst = worst.max(error);
        }
    });
    println!(
        "{options} BTC options compiled at 100 coin each, {saturated} saturated; worst delta error {worst:.1e} coin"
    );
}
