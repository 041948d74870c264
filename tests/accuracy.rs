//! How exact the integer kernel is, by region of `s = sigma sqrt(tau)`, for single options and for
//! portfolios.
//!
//! ```text
//!   mpmath, 50 digits ──► golden/black76.txt ──► Black76 in f64      (one in 1e14, and the rounding of F/K)
//!                               └──────┐            └──► random sweep
//!                                      v                    v
//!   option ──► compile ──► bank of one row ──► kernel: exact pass and ladder ──► Risk ──► worst errors
//! ```
//!
//! Every case runs four times: coin numeraire (net transaction delta, `u = d2`) and USD numeraire
//! (`u = d1`), each by the exact pass and by a ladder. Options are quoted at the price they are
//! compiled at or within 3 % of it; 5 % to 400 % vol, a minute to three years, +-8 standard deviations.
//!
//! What is measured, per coin of notional:
//! * delta error, relative to the larger of 1 and the row's weight (`K/F`, or 1);
//! * gamma and vega error at the money (`|u| < 1`), relative to `w phi(u)/s` and `w phi(u) sqrt(tau)`.
//!   In coin numeraire gamma is `w phi(u)/s - delta` and passes zero, where nothing can be relative to it;
//!   the larger of the two is taken.
//!
//! Source of the bounds: the design's limits of error, at the constants; of the others, the comment there.
//! An option in its last half hour counts for the part that is not settled yet, here and in the compiler.
//!
//! `golden/black76.txt` was made once by this script (Python 3, mpmath 1.3.0), a line per option:
//! right, price (units of 1/512 USD), forward at that price, strike, seconds to expiry, vol; net
//! transaction delta, delta, d(net transaction delta)/dx, d(delta)/dx, coin vega.
//!
//! ```python
//! from mpmath import mp, mpf, erfc, exp, log, sqrt, pi
//! mp.dps = 50
//! PRICE_REF = 30_720_000
//! EDGES = ["8", "0.1", "0.02", "0.005", "0.0012", "0.00013"]
//! US = ["0", "0.3", "-0.7", "0.95", "-1.6", "2.4", "-3.3", "5.1", "-7.4"]
//! XS = ["0", "0.03", "-0.03", "0.011", "-0.0042", "0.0007"]
//! Phi = lambda d: erfc(-d / sqrt(mpf(2))) / 2
//! phi = lambda d: exp(-d * d / 2) / sqrt(2 * pi)
//! number = lambda v, digits: float(mp.nstr(v, digits))
//! for region in range(5):
//!     high, low = mpf(EDGES[region]), mpf(EDGES[region + 1])
//!     for i in range(16):
//!         s = min(low * (high / low) ** ((i + mpf("0.5")) / 16), mpf("6.8"))
//!         least, most = max(mpf("0.05"), s / sqrt(3)), min(mpf(4), s * sqrt(365 * 1440))
//!         vol = number(least * (most / least) ** (mpf((7 * i) % 16 + 1) / 17), 3)
//!         tau_s = int(mp.nint((s / vol) ** 2 * 365 * 86400))
//!         tau = mpf(tau_s) / (365 * 86400)
//!         s = vol * sqrt(tau)
//!         forward = number(60_000 * exp(mpf(XS[i % 6])) * (1 + mpf(i % 5) / 100), 7)
//!         price = int(mp.nint(PRICE_REF * exp(mpf(XS[i % 6]))))
//!         log_strike = max(min(-mpf(US[(i + region) % 9]) * s, mpf(2)), mpf(-2))
//!         strike = number(forward * exp(log_strike), 7)
//!         d1 = log(mpf(forward) / mpf(strike)) / s + s / 2
//!         d2 = d1 - s
//!         k = mpf(strike) / mpf(forward)
//!         right = "call" if i % 2 == 0 else "put"
//!         delta = Phi(d1) if right == "call" else -Phi(-d1)
//!         net = k * (Phi(d2) if right == "call" else -Phi(-d2))
//!         values = [net, delta, k * phi(d2) / s - net, phi(d1) / s, sqrt(tau) * phi(d1)]
//!         print(right, price, forward, strike, tau_s, vol, *[mp.nstr(v, 19, min_fixed=0, max_fixed=0) for v in values])
//! ```

use std::collections::BTreeMap;
use std::fmt;

use hedgewire_abi::Reason;
use hedgewire_abi::command::{Build, Configure, Quote, Trade, WriteRow, code};
use hedgewire_abi::event::{FLAG_EXACT, Risk};
use hedgewire_abi::format::{COIN_BITS, CONTRACT_BITS};
use hedgewire_host::black76::{Black76, YEAR_NS, normal_density};
use hedgewire_host::compiler::{
    Band, Bank, ExpiryMarket, HedgeInstrument, Holding, Market, Numeraire, SETTLEMENT_WINDOW_NS, Settings, SkewRule,
    SlotRange, Smile, compile,
};
use hedgewire_host::driver::Driver;
use hedgewire_host::instrument::{EuropeanOption, Future, Instrument, Payoff, Right};
use hedgewire_kernel::{Form, Kernel, Sizes};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const GOLDEN: &str = include_str!("golden/black76.txt");

/// Edges of the regions of `sigma sqrt(tau)`, from above.
const EDGES: [f64; 6] = [8.0, 0.1, 0.02, 0.005, 0.0012, 0.00013];
const REGIONS: usize = EDGES.len() - 1;
/// Options per region and right in the random sweep.
const SWEEP: usize = 2_500;
/// Seed of everything random here.
const SEED: u64 = 20_260_731;

/// Largest delta error of a row: 1e-7 where `s >= 0.005`, 1e-6 below.
const DELTA_BOUND: [f64; REGIONS] = [1e-7, 1e-7, 1e-7, 1e-6, 1e-6];
/// Largest relative gamma and vega error at the money.
const GREEK_BOUND: f64 = 1e-6;
/// Largest portfolio error per gross: twice what is typical.
const GROSS_BOUND: f64 = 2e-9;
/// The part of it that is not of the weights: table, x and ladder; 2e-10 to 4e-10 on real chains.
const GROSS_BOUND_KERNEL: f64 = 5e-10;

/// Coins per lot of the single options: so many that the 2^-32 coin in which a risk event speaks
/// (2.3e-13 per coin here) do not show in the vega of a minute's option.
const LOT_COINS: f64 = 1_024.0;
/// Lots that a single option is compiled for, and held.
const LOTS_MAX: u32 = 1;
const TICK_USD: f64 = 0.5;
const CONTRACT_USD: f64 = 10.0;
/// Price at which the golden options are compiled, units: 60,000 USD.
const PRICE_REF: u32 = 30_720_000;
const START_NS: u64 = 1_700_000_000_000_000_000;
const SLOTS: u32 = 64;
/// Intervals of the ladders of single options: the one quoted and two on each side, for its bound.
const INTERVALS: u32 = 6;

// ---- the reference ---------------------------------------------------------------------------

/// One option at one price.
#[derive(Debug, Clone, Copy)]
struct Case {
    right: Right,
    price_ref: u32,
    price: u32,
    /// Forward at `price`, USD.
    forward: f64,
    strike: f64,
    tau_ns: u64,
    vol: f64,
}

impl Case {
    fn root_tau(&self) -> f64 {
        (self.tau_ns as f64 / YEAR_NS).sqrt()
    }

    fn deviation(&self) -> f64 {
        self.vol * self.root_tau()
    }

    fn region(&self) -> usize {
        let inside = |region: &usize| self.deviation() >= EDGES[region + 1];
        (0..REGIONS).find(inside).unwrap_or(REGIONS - 1)
    }

    fn black76(&self) -> Black76 {
        let tau_years = self.tau_ns as f64 / YEAR_NS;
        Black76::new(self.forward, self.strike, tau_years, self.vol).expect("an option that exists")
    }

    /// The part that is not settled yet.
    fn unsettled(&self) -> f64 {
        (self.tau_ns as f64 / SETTLEMENT_WINDOW_NS as f64).min(1.0)
    }
}

/// Greeks per coin of notional.
#[derive(Debug, Clone, Copy)]
struct Greeks {
    delta: f64,
    gamma: f64,
    vega: f64,
}

/// What an option should be: in coin and in USD numeraire.
#[derive(Debug, Clone, Copy)]
struct Reference {
    coin: Greeks,
    usd: Greeks,
}

impl Reference {
    fn in_f64(case: &Case) -> Self {
        let model = case.black76();
        let vega = model.coin_vega();
        let coin = (model.net_transaction_delta(case.right), model.net_transaction_gamma(case.right));
        let usd = (model.delta(case.right), case.forward * model.gamma());
        Self { coin: Greeks { delta: coin.0, gamma: coin.1, vega }, usd: Greeks { delta: usd.0, gamma: usd.1, vega } }
    }

    fn of(&self, numeraire: Numeraire) -> Greeks {
        match numeraire {
            Numeraire::Coin => self.coin,
            Numeraire::Usd => self.usd,
        }
    }
}

/// The golden options with their Greeks.
fn golden() -> Vec<(Case, Reference)> {
    GOLDEN.lines().map(golden_line).collect()
}

fn golden_line(line: &str) -> (Case, Reference) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let real = |at: usize| words[at].parse::<f64>().unwrap_or_else(|_| panic!("column {at} of {line}"));
    let whole = |at: usize| words[at].parse::<u64>().unwrap_or_else(|_| panic!("column {at} of {line}"));
    let right = if words[0] == "call" { Right::Call } else { Right::Put };
    let price = u32::try_from(whole(1)).expect("a price");
    let case = Case {
        right,
        price_ref: PRICE_REF,
        price,
        forward: real(2),
        strike: real(3),
        tau_ns: whole(4) * 1_000_000_000,
        vol: real(5),
    };
    let coin = Greeks { delta: real(6), gamma: real(8), vega: real(10) };
    let usd = Greeks { delta: real(7), gamma: real(9), vega: real(10) };
    (case, Reference { coin, usd })
}

/// A random option of a region: `s` and vol log-uniform, `u` within 8 standard deviations of the
/// quoted price, at the money more often than not; one in eight is quoted where it is compiled.
fn random_case(rng: &mut ChaCha8Rng, region: usize, right: Right) -> Case {
    let log_uniform = |rng: &mut ChaCha8Rng, low: f64, high: f64| low * (high / low).powf(rng.random());
    let (minute, root_three) = ((60e9 / YEAR_NS).sqrt(), 3f64.sqrt());
    let deviation = log_uniform(rng, EDGES[region + 1], EDGES[region].min(4.0 * root_three));
    let vol = log_uniform(rng, (deviation / root_three).max(0.05), (deviation / minute).min(4.0));
    let tau_ns = ((deviation / vol).powi(2) * YEAR_NS).ceil() as u64;
    let price_ref = rng.random_range(20_000_000..40_000_000);
    let x = if rng.random_bool(0.125) { 0.0 } else { rng.random_range(-0.03..=0.03) };
    let price = (f64::from(price_ref) * f64::exp(x)) as u32;
    let forward = f64::from(price) / 512.0 * rng.random_range(0.95..1.05);
    let u: f64 = if rng.random_bool(0.6) { rng.random_range(-1.0..1.0) } else { rng.random_range(-8.0..8.0) };
    let strike = forward * (-u * deviation).clamp(-2.0, 2.0).exp();
    Case { right, price_ref, price, forward, strike, tau_ns, vol }
}

// ---- the kernel ------------------------------------------------------------------------------

/// Who answers, in this order of underlyings.
const PROBES: [(Numeraire, bool); 4] =
    [(Numeraire::Coin, true), (Numeraire::Coin, false), (Numeraire::Usd, true), (Numeraire::Usd, false)];

/// A kernel with an underlying for each of [`PROBES`].
struct Probe {
    driver: Driver,
    feed_seq: u32,
}

/// A risk event in coin and contracts.
#[derive(Debug, Clone, Copy)]
struct Answer {
    raw: Risk,
    is_exact: bool,
    delta: f64,
    gamma: f64,
    vega: f64,
    /// Reported error bound of delta, coin.
    bound: f64,
}

impl Probe {
    fn new(slots: u32, intervals: u32) -> Self {
        let sizes =
            Sizes { underlyings: PROBES.len(), rows: PROBES.len() * slots as usize, intervals: intervals as usize };
        let mut probe = Self { driver: Driver::new(Kernel::new(sizes, Form::best()), None), feed_seq: 0 };
        for (at, (_, is_exact)) in PROBES.iter().enumerate() {
            let first_slot = at as u32 * slots;
            let configure = Configure { first_slot, slot_count: slots, exact_mode: u8::from(*is_exact) };
            probe.driver.carry_out(at as u8, START_NS, &configure).expect("a fresh kernel takes its ranges");
        }
        probe
    }

    fn hold(&mut self, at: usize, slot: u32, quantity: i32) {
        let trade = Trade { slot, quantity, cash: 0 };
        let events = self.driver.send(at as u8, START_NS, &trade).expect("there is no journal");
        // Nothing is armed: the decision is refused, the trade is not.
        let is_booked = events.iter().all(|event| event.reason().is_some_and(|reason| reason < Reason::BadVersion));
        assert!(is_booked, "{events:?}");
    }

    fn load(&mut self, at: usize, bank: &Bank, build: &Build) {
        let loaded = self.driver.load(at as u8, START_NS, &bank.open, &bank.rows, build);
        loaded.and_then(|()| self.driver.swap(at as u8, START_NS)).unwrap_or_else(|error| panic!("{error}: {build:?}"));
    }

    /// The risk at a price.
    fn risk(&mut self, at: usize, price: u32) -> Answer {
        self.feed_seq += 1;
        let (bid, ask) = (price - 1, price + 1);
        let feed_seq = self.feed_seq;
        let quote = Quote { flags: code::WANT_RISK, feed_seq, bid, ask, price, hedge_price: price, ..Quote::default() };
        let events = self.driver.send(at as u8, START_NS, &quote).expect("there is no journal");
        let event = events.last().filter(|event| event.kind() == Risk::KIND);
        let event = event.unwrap_or_else(|| panic!("no risk at {price}: {events:?}"));
        let (raw, is_exact) = (Risk::decode(event), event.flags() & FLAG_EXACT != 0);
        let coin = |amount: i64| amount as f64 / (1u64 << COIN_BITS) as f64;
        let contracts = f64::from(raw.error_bound) / f64::from(1u32 << CONTRACT_BITS);
        let bound = contracts * CONTRACT_USD / (f64::from(price) / 512.0);
        let (delta, gamma, vega) = (coin(raw.delta), coin(raw.gamma), coin(raw.vega));
        Answer { raw, is_exact, delta, gamma, vega, bound }
    }
}

fn settings(numeraire: Numeraire) -> Settings {
    Settings {
        numeraire,
        skew: SkewRule::StickyStrike,
        hedge: HedgeInstrument { payoff: Payoff::Inverse, contract_size: CONTRACT_USD, tick_usd: TICK_USD },
        band: Band::Fixed { contracts: 1.0 },
        age_max_ns: 60_000_000_000,
        coin_max: 1.0,
    }
}

fn option_holding(slot: u32, case: &Case, lot_size: f64, quantity_max_lots: u32) -> Holding {
    let option = EuropeanOption {
        underlying: "BTC".to_owned(),
        expiry_ns: START_NS + case.tau_ns,
        strike_usd: case.strike,
        right: case.right,
        payoff: Payoff::Inverse,
    };
    let instrument = Instrument::Option(option);
    Holding { slot, instrument, quantity_max_lots, lot_size, vol: Some(case.vol), entry_price_usd: None }
}

/// The market in which an option has its forward at its price, seen from the price it is compiled at.
fn market(cases: &[Case]) -> Market {
    let expiry = |case: &Case| {
        let forward_usd = case.forward * (f64::from(case.price_ref) / f64::from(case.price));
        (START_NS + case.tau_ns, ExpiryMarket { forward_usd, smile: Smile::default(), dvol_dprice: 0.0 })
    };
    Market {
        underlying: "BTC".to_owned(),
        now_ns: START_NS,
        price_ref_usd: f64::from(cases[0].price_ref) / 512.0,
        expiries: cases.iter().map(expiry).collect::<BTreeMap<_, _>>(),
    }
}

/// A bank that holds one option in its first slot.
fn single(at: usize, case: &Case, lot_coins: f64) -> Bank {
    let range = SlotRange { first_slot: at as u32 * SLOTS, slot_count: SLOTS };
    let holding = option_holding(range.first_slot, case, lot_coins, LOTS_MAX);
    let compiled = compile(1, range, &[holding], &market(&[*case]), &settings(PROBES[at].0));
    compiled.unwrap_or_else(|error| panic!("{error}: {case:?}"))
}

/// log2 of the largest step within `h a <= reach`, price units; 4 to 16 are legal.
fn step_shift(case: &Case, reach: f64) -> u8 {
    let step = reach * case.deviation() * f64::from(case.price);
    step.log2().floor().clamp(4.0, 16.0) as u8
}

fn build(case: &Case, reach: f64) -> Build {
    Build { centre: case.price, intervals: INTERVALS, step_shift: step_shift(case, reach) }
}

/// `h a` of a case's ladder.
fn step_deviations(case: &Case, reach: f64) -> f64 {
    f64::from(1u32 << step_shift(case, reach)) / (f64::from(case.price) * case.deviation())
}

// ---- the table -------------------------------------------------------------------------------

/// Steps of the ladders in the table: `0.55 (h a)^4 / 384` is then 4e-9.
const FINE: f64 = 0.04;

/// Largest errors: delta, gamma and vega at the money.
#[derive(Debug, Clone, Copy, Default)]
struct Worst {
    delta: f64,
    gamma: f64,
    vega: f64,
}

impl Worst {
    fn widen(&mut self, other: Worst) {
        self.delta = self.delta.max(other.delta);
        self.gamma = self.gamma.max(other.gamma);
        self.vega = self.vega.max(other.vega);
    }
}

/// A line of the table.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    cases: u32,
    exact: Worst,
    ladder: Worst,
}

/// Lines by region, right and numeraire.
#[derive(Default)]
struct Table(BTreeMap<(usize, Right, bool), Line>);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = ["delta", "gamma", "vega", "delta", "gamma", "vega"].map(|title| format!("{title:>9}")).join(" ");
        writeln!(f, "{:15} {:4} {:4} {:>6} | exact{} | ladder", "sigma sqrt tau", "", "", "cases", " ".repeat(24))?;
        writeln!(f, "{:32} | {} | {}", "", &titles[..29], &titles[30..])?;
        for ((region, right, is_coin), line) in &self.0 {
            let range = format!("{} .. {}", EDGES[region + 1], EDGES[*region]);
            let right = if *right == Right::Call { "call" } else { "put" };
            let numeraire = if *is_coin { "coin" } else { "USD" };
            write!(f, "{range:15} {right:4} {numeraire:4} {:6}", line.cases)?;
            for worst in [line.exact, line.ladder] {
                write!(f, " | {:9.1e} {:9.1e} {:9.1e}", worst.delta, worst.gamma, worst.vega)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// What an answer is measured by.
struct Yardstick {
    expected: Greeks,
    part: f64,
    weight: f64,
    density: f64,
    deviation: f64,
    root_tau: f64,
    is_at_the_money: bool,
}

impl Yardstick {
    fn new(case: &Case, reference: &Reference, numeraire: Numeraire) -> Self {
        let model = case.black76();
        let (weight, u) = match numeraire {
            Numeraire::Coin => (case.strike / case.forward, model.d2()),
            Numeraire::Usd => (1.0, model.d1()),
        };
        Self {
            expected: reference.of(numeraire),
            part: case.unsettled(),
            weight,
            density: weight * normal_density(u),
            deviation: case.deviation(),
            root_tau: case.root_tau(),
            is_at_the_money: u.abs() < 1.0,
        }
    }

    fn errors(&self, answer: &Answer) -> Worst {
        let error = |answer: f64, expected: f64| (answer / LOT_COINS - expected * self.part).abs();
        let delta = error(answer.delta, self.expected.delta) / self.weight.max(1.0);
        if !self.is_at_the_money {
            return Worst { delta, ..Worst::default() };
        }
        let gamma_size = (self.density / self.deviation).max(self.expected.gamma.abs());
        Worst {
            delta,
            gamma: error(answer.gamma, self.expected.gamma) / (gamma_size * self.part),
            vega: error(answer.vega, self.expected.vega) / (self.density * self.root_tau * self.part),
        }
    }
}

/// What the ladder's gamma and vega may be off at the money, relative to the density, beyond what an
/// exact pass may.
///
/// Its gamma is the slope of the cubic: node deltas, each off by up to `n`, enter it as
/// `3/2 (D1 - D0)/(h a)`; the slope of a Hermite cubic is off by at most `sqrt(3)/216 (h a)^3` times the
/// fourth derivative of Phi, 0.55 there; and step/price is floored to 2^-40. At the money the density is
/// at least 0.24. `n`: the table of Phi (5.1e-9), x to half of 2^-32, and ladder units of 2^-37.
///
/// Its vega is a line in the price: off by `h^2/8` times the second derivative, which in coin numeraire is
/// `a^2 (u^2 - 1) + 3 a u + 2` of it, below `(a + 2)^2`.
fn ladder_allowance(case: &Case) -> (f64, f64) {
    let step = step_deviations(case, FINE);
    let log_step = step * case.deviation();
    let noise = 5.1e-9 + 0.4 * 2f64.powi(-33) / case.deviation() + 2f64.powi(-36);
    let slope = 1.5 * 2.0 * noise / step + 0.0044 * step.powi(3);
    (slope / 0.24 + 2f64.powi(-40) / log_step, (step + 2.0 * log_step).powi(2) / 8.0)
}

/// Asks all four about one option, adds their errors to the table, and asserts the bounds.
fn measure(probe: &mut Probe, table: &mut Table, case: &Case, reference: &Reference) {
    let (gamma_allowance, vega_allowance) = ladder_allowance(case);
    for (at, (numeraire, is_exact)) in PROBES.into_iter().enumerate() {
        probe.load(at, &single(at, case, LOT_COINS), &build(case, FINE));
        let answer = probe.risk(at, case.price);
        let errors = Yardstick::new(case, reference, numeraire).errors(&answer);
        let line = table.0.entry((case.region(), case.right, numeraire == Numeraire::Coin)).or_default();
        line.cases += u32::from(is_exact);
        if is_exact {
            line.exact.widen(errors)
        } else {
            line.ladder.widen(errors)
        }
        let allowed = if is_exact { (0.0, 0.0) } else { (gamma_allowance, vega_allowance) };
        let is_fine = answer.is_exact == is_exact
            && errors.delta <= DELTA_BOUND[case.region()]
            && errors.gamma <= GREEK_BOUND + allowed.0
            && errors.vega <= GREEK_BOUND + allowed.1;
        assert!(is_fine, "seed {SEED}: {errors:?} by {numeraire:?}, exact {is_exact}\n{case:?}\n{answer:?}");
    }
}

/// A probe whose first slots hold one lot each.
fn single_probe() -> Probe {
    let mut probe = Probe::new(SLOTS, INTERVALS);
    (0..PROBES.len()).for_each(|at| probe.hold(at, at as u32 * SLOTS, 1));
    probe
}

#[test]
fn f64_reference_agrees_with_the_golden_table() {
    for (case, golden) in golden() {
        let found = Reference::in_f64(&case);
        // The rounding of F/K, 2^-53 of it, moves d by 2^-53/s; d itself and tau are rounded a few times.
        let moved = 2f64.powi(-53) / case.deviation();
        let model = case.black76();
        let reach = model.d1().abs().max(model.d2().abs()) + 1.0;
        let weight = (case.strike / case.forward).max(1.0);
        let density = normal_density(model.d1()).max(weight * normal_density(model.d2()));
        let delta = 1e-14 * weight + moved * density;
        let relative = 1e-14 + moved * reach + 4e-16 * reach * reach;
        for (found, golden) in [(found.coin, golden.coin), (found.usd, golden.usd)] {
            let gamma = relative * density / case.deviation() + delta;
            assert!((found.delta - golden.delta).abs() <= delta, "{case:?}: {found:?} {golden:?}");
            assert!((found.gamma - golden.gamma).abs() <= gamma, "{case:?}: {found:?} {golden:?}");
            assert!((found.vega / golden.vega - 1.0).abs() <= relative, "{case:?}: {found:?} {golden:?}");
        }
    }
}

#[test]
fn golden_table_has_every_region_and_both_rights() {
    let mut counts = BTreeMap::new();
    for (case, _) in golden() {
        *counts.entry((case.region(), case.right)).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 2 * REGIONS);
    assert!(counts.values().all(|&count| count == 8), "{counts:?}");
}

#[test]
fn golden_options_are_within_the_bounds_of_their_region() {
    let mut probe = single_probe();
    let mut table = Table::default();
    for (case, reference) in golden() {
        measure(&mut probe, &mut table, &case, &reference);
    }
    println!("against 50 digits, 80 options:\n{table}");
}

#[test]
fn random_options_are_within_the_bounds_of_their_region() {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut probe = single_probe();
    let mut table = Table::default();
    for region in 0..REGIONS {
        for right in [Right::Call, Right::Put].repeat(SWEEP) {
            let case = random_case(&mut rng, region, right);
            measure(&mut probe, &mut table, &case, &Reference::in_f64(&case));
        }
    }
    println!("against f64, seed {SEED}:\n{table}");
}

// ---- ladder and exact pass -------------------------------------------------------------------

/// The cubic's own error is within the bound that is reported with it, also where steps are coarse.
#[test]
fn ladder_is_within_its_reported_bound_of_the_exact_pass() {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED + 1);
    let mut probe = single_probe();
    let (mut tightest, mut by_ladder) = (0.0f64, 0);
    for round in 0..4_000 {
        let right = if round % 2 == 0 { Right::Call } else { Right::Put };
        let case = random_case(&mut rng, round % REGIONS, right);
        let reach = 0.02 * 40f64.powf(rng.random());
        for at in [1, 3] {
            let bank = single(at, &case, 1.0);
            let exact_bank = single(at - 1, &case, 1.0);
            probe.load(at, &bank, &build(&case, reach));
            probe.load(at - 1, &exact_bank, &build(&case, reach));
            let (exact, ladder) = (probe.risk(at - 1, case.price), probe.risk(at, case.price));
            assert_eq!(exact.raw.error_bound, 0);
            by_ladder += u32::from(!ladder.is_exact);
            let gap = (ladder.delta - exact.delta).abs();
            let noise = pass_noise(&case);
            tightest = tightest.max((gap - noise) / ladder.bound.max(f64::MIN_POSITIVE));
            assert!(gap <= ladder.bound + noise, "seed {} round {round}: {case:?}\n{exact:?}\n{ladder:?}", SEED + 1);
            assert!(!ladder.is_exact || gap == 0.0, "{case:?}\n{exact:?}\n{ladder:?}");
        }
    }
    println!("{by_ladder} of 8000 answers by the ladder; largest (gap - noise) / bound {tightest:.3}");
    assert!(by_ladder > 2_000, "{by_ladder}");
}

/// By how much two passes at neighbouring prices can differ from the exact delta's own shape, per coin:
/// 2^-27 of the weight and, for each pass, the table of Phi (5.1e-9), x to half of 2^-32
/// at a slope of 0.4 a, and ladder units; in all, a floor to 2^-32
/// coin.
fn pass_noise(case: &Case) -> f64 {
    let pass = 5.1e-9 + 0.4 * 2f64.powi(-33) / case.deviation() + 2f64.powi(-36);
    (case.strike / case.forward).max(1.0) * (2f64.powi(-27) + 2.0 * pass) + 2f64.powi(-32)
}

// ---- parity ----------------------------------------------------------------------------------

/// Call less put of one strike is the future that they make, but for the floors to 2^-32 coin.
///
/// Exact pass: the three deltas add up before they are floored, so the floors leave 0 or 1 unit. Gamma is
/// floored twice, in its two terms, which can move a floor by one more. Ladder: each delta may be off by
/// the rounding of its chain as well.
#[test]
fn put_call_parity_is_exact_in_risk_events() {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED + 2);
    let mut probe = Probe::new(SLOTS, INTERVALS);
    for round in 0..1_500 {
        let case = random_case(&mut rng, round % REGIONS, Right::Call);
        // A perpetual has its forward at the price; so has the option here, or the two would not offset.
        let case = Case { forward: f64::from(case.price) / 512.0, ..case };
        for (at, (numeraire, is_exact)) in PROBES.into_iter().enumerate() {
            let range = SlotRange { first_slot: at as u32 * SLOTS, slot_count: SLOTS };
            let holdings = parity_holdings(range.first_slot, &case, numeraire);
            let bank = compile(1, range, &holdings, &market(&[case]), &settings(numeraire)).expect("parity compiles");
            probe.load(at, &bank, &build(&case, 0.2));
            let [call, put, future] = [0, 1, 2].map(|slot| {
                probe.hold(at, range.first_slot + slot, 1);
                let answer = probe.risk(at, case.price);
                probe.hold(at, range.first_slot + slot, 0);
                answer.raw
            });
            let delta = call.delta - put.delta - future.delta;
            let gamma = call.gamma - put.gamma - future.gamma;
            let what = format!("seed {} round {round}, {numeraire:?}: {case:?}", SEED + 2);
            // Ladder units are 2^-(kd + 7) coin; a chain is off by at most 3 of them.
            let units = 3.0 * 3.0 * f64::from(COIN_BITS as i32 - 7 - i32::from(bank.open.delta_bits)).exp2();
            let chain = if is_exact { 0 } else { units.ceil() as i64 };
            let fine = -chain..=1 + chain;
            assert!(fine.contains(&delta), "delta off by {delta}: {what}\n{call:?}\n{put:?}\n{future:?}");
            assert!(!is_exact || gamma.abs() <= 2, "gamma off by {gamma}: {what}\n{call:?}\n{put:?}\n{future:?}");
            assert_eq!(call.vega, put.vega, "{what}");
        }
    }
}

/// Call, put, and the future that they make: `K` USD of the perpetual in coin numeraire, and a coin that
/// cost the present price in USD numeraire.
fn parity_holdings(first_slot: u32, case: &Case, numeraire: Numeraire) -> [Holding; 3] {
    let put = Case { right: Right::Put, ..*case };
    let part = case.unsettled();
    let perpetual = Future { underlying: "BTC".to_owned(), expiry_ns: None, payoff: Payoff::Inverse };
    let (lot_size, entry) = match numeraire {
        Numeraire::Coin => (case.strike * part, None),
        Numeraire::Usd => (case.forward * part, Some(case.forward)),
    };
    let future = Holding {
        slot: first_slot + 2,
        instrument: Instrument::Future(perpetual),
        quantity_max_lots: LOTS_MAX,
        lot_size,
        vol: None,
        entry_price_usd: entry,
    };
    [option_holding(first_slot, case, 1.0, LOTS_MAX), option_holding(first_slot + 1, &put, 1.0, LOTS_MAX), future]
}

// ---- portfolios ------------------------------------------------------------------------------

/// Options of a portfolio like a venue's chain.
const PORTFOLIO: u32 = 768;
const PORTFOLIO_INTERVALS: u32 = 256;
/// 0.1 coin, and up to 500 coins of an option.
const PORTFOLIO_LOT: f64 = 0.1;
const PORTFOLIO_LOTS: i32 = 5_000;

/// What a portfolio's delta is off by, per gross.
#[derive(Debug, Clone, Copy, Default)]
struct PortfolioError {
    /// In all.
    total: f64,
    /// Against a reference with the weights as the kernel has them: its own error.
    kernel: f64,
}

impl PortfolioError {
    fn widen(&mut self, other: Self) {
        self.total = self.total.max(other.total);
        self.kernel = self.kernel.max(other.kernel);
    }
}

/// Errors of a portfolio are mostly of its weights, not of its rows: they are stated per gross, which is
/// the sum of the sizes of its weights.
#[test]
fn portfolio_error_is_within_2e_9_of_gross() {
    let mut probe = Probe::new(PORTFOLIO, PORTFOLIO_INTERVALS);
    println!("portfolios of {PORTFOLIO} options, delta error per gross: total, not of weights");
    for seed in SEED..SEED + 6 {
        for (at, (numeraire, is_exact)) in PROBES.into_iter().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let held = random_portfolio(&mut rng);
            let bank = load_portfolio(&mut probe, at, &held);
            let mut worst = PortfolioError::default();
            for _ in 0..40 {
                let price = rng.random_range(PRICE_REF / 1_000 * 985..PRICE_REF / 1_000 * 1_015);
                worst.widen(portfolio_error(&mut probe, at, &held, &bank, price));
            }
            let (mode, gross) = (if is_exact { "exact " } else { "ladder" }, bank.gross_coin);
            let PortfolioError { total, kernel } = worst;
            println!("{seed} {numeraire:4?} {mode} gross {gross:7.0}: {total:.1e} {kernel:.1e}");
            let is_fine = total <= GROSS_BOUND && kernel <= GROSS_BOUND_KERNEL;
            assert!(is_fine, "seed {seed} {numeraire:?} {mode}: {worst:?}");
        }
    }
}

fn portfolio_error(probe: &mut Probe, at: usize, held: &[(Case, i32)], bank: &Bank, price: u32) -> PortfolioError {
    let (answer, numeraire) = (probe.risk(at, price), PROBES[at].0);
    let delta = |sizes: Vec<f64>| portfolio_delta(held, price, numeraire, &sizes);
    let exact = delta(held.iter().map(|(_, lots)| f64::from(*lots) * PORTFOLIO_LOT).collect());
    let error = |expected: f64| ((answer.delta - expected).abs() - answer.bound).max(0.0) / bank.gross_coin;
    let kernel = error(delta(machine_sizes(held, bank, numeraire)));
    PortfolioError { total: error(exact), kernel }
}

/// Weight of an option of one coin.
fn per_coin(case: &Case, numeraire: Numeraire) -> f64 {
    if numeraire == Numeraire::Coin { case.strike / case.forward } else { 1.0 }
}

/// Coins of each option that the kernel's weights stand for.
fn machine_sizes(held: &[(Case, i32)], bank: &Bank, numeraire: Numeraire) -> Vec<f64> {
    let unit = 2f64.powi(-i32::from(bank.open.delta_bits));
    let size = |((case, lots), row): (&(Case, i32), &WriteRow)| {
        let half = (1i64 << row.shift_delta) >> 1;
        let weight = (i64::from(*lots) * i64::from(row.omega_delta) + half) >> row.shift_delta;
        weight as f64 * unit / per_coin(case, numeraire)
    };
    held.iter().zip(&bank.rows).map(size).collect()
}

/// Twelve expiries between six hours and three years, vols from 20 % to 120 %.
fn random_portfolio(rng: &mut ChaCha8Rng) -> Vec<(Case, i32)> {
    let expiries: Vec<(u64, f64)> =
        (0..12).map(|i| ((6.0 * 3.6e12 * 1.97f64.powi(i)) as u64, 60_000.0 * rng.random_range(0.99..1.05))).collect();
    let option = |_| {
        let (tau_ns, forward) = expiries[rng.random_range(0..expiries.len())];
        let vol = rng.random_range(0.2..1.2);
        let deviation = vol * (tau_ns as f64 / YEAR_NS).sqrt();
        let strike = forward * (rng.random_range(-3.0..3.0) * deviation).clamp(-2.0, 2.0).exp();
        let right = if rng.random_bool(0.5) { Right::Call } else { Right::Put };
        let case = Case { right, price_ref: PRICE_REF, price: PRICE_REF, forward, strike, tau_ns, vol };
        (case, rng.random_range(-PORTFOLIO_LOTS..=PORTFOLIO_LOTS))
    };
    (0..PORTFOLIO).map(option).collect()
}

fn load_portfolio(probe: &mut Probe, at: usize, held: &[(Case, i32)]) -> Bank {
    let first_slot = at as u32 * PORTFOLIO;
    let range = SlotRange { first_slot, slot_count: PORTFOLIO };
    let slots = || held.iter().zip(first_slot..);
    let holdings: Vec<Holding> = slots()
        .map(|((case, lots), slot)| option_holding(slot, case, PORTFOLIO_LOT, lots.unsigned_abs().max(1)))
        .collect();
    let cases: Vec<Case> = held.iter().map(|(case, _)| *case).collect();
    let bank = compile(1, range, &holdings, &market(&cases), &settings(PROBES[at].0)).expect("a portfolio compiles");
    for ((_, lots), slot) in slots() {
        probe.hold(at, slot, *lots);
    }
    // 1.3 bp a step, +-1.7 % in all.
    probe.load(at, &bank, &Build { centre: PRICE_REF, intervals: PORTFOLIO_INTERVALS, step_shift: 12 });
    bank
}

/// Delta of a portfolio of these sizes, coin.
fn portfolio_delta(held: &[(Case, i32)], price: u32, numeraire: Numeraire, sizes: &[f64]) -> f64 {
    let delta = |((case, _), size): (&(Case, i32), &f64)| {
        let case = Case { forward: case.forward * (f64::from(price) / f64::from(PRICE_REF)), ..*case };
        size * Reference::in_f64(&case).of(numeraire).delta
    };
    held.iter().zip(sizes).map(delta).sum()
}
