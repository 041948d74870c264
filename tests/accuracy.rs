//! How accurate the kernel's Greeks are, by region, against a reference of higher precision.
//!
//! ```text
//!   golden values (mpmath, 30 digits)  --- f64 reference agrees to 1e-12 ---  random sweep
//!             \                                                               /
//!              kernel: one row in a bank of its own, by the ladder and by the exact pass
//! ```
//!
//! Errors of single rows are per coin of the option and relative to the larger of 1 and the row's
//! weight K / P_ref; gamma and vega are relative, within one standard deviation of the money. The
//! bounds are those of the design: 1e-7 in delta where sigma sqrt tau is 0.005 or more, 1e-6 below,
//! 1e-6 in gamma and vega. A portfolio's error is per gross.
//!
//! Between nodes the ladder's gamma is a derivative of its cubic and its vega a line, so there they
//! are allowed what follows from that ([`Between`]); at nodes they are those of the exact pass.

mod support;

use hedgewire_abi::command::{OpenBank, Quote, code};
use hedgewire_abi::event::FLAG_EXACT;
use hedgewire_kernel::Form;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use support::golden_greeks::GOLDEN;
use support::portfolio::{
    Grid, Instrument, Mix, PRICE_REF, bank, quote, random_holdings, scale_bits, sizes_for, weights,
};
use support::{Machine, risk};

/// Lots in a bank of one row: enough that the resolution of risk events (2^-32 coin) is nothing.
const LOTS: i32 = 1_000;
/// Step of the ladder over standard deviation: the cubic's error is then below 3e-10.
const STEP_PER_DEVIATION: f64 = 0.02;
/// Bound on gamma and vega near the money, relative.
const GAMMA_VEGA_BOUND: f64 = 1e-6;
/// sqrt(tau) of the golden cases' vega.
const ROOT_TAU: f64 = 0.25;
/// sqrt of a minute and of three years, in years.
const ROOT_TAU_RANGE: (f64, f64) = (0.001_379, 1.732);

/// Delta, gamma and vega of one coin.
#[derive(Debug, Clone, Copy, Default)]
struct Greeks {
    delta: f64,
    gamma: f64,
    vega: f64,
}

/// Density of the normal distribution.
fn density(u: f64) -> f64 {
    libm::exp(-0.5 * u * u) * 0.398_942_280_401_432_7
}

/// Greeks of an instrument at a price in f64, `libm` only, so the table is the same everywhere.
fn reference(instrument: &Instrument, price: u32) -> Greeks {
    let x = libm::log(f64::from(price) / f64::from(PRICE_REF));
    match *instrument {
        Instrument::Option { is_call, is_linear, log_strike, deviation, root_tau } => {
            let d1 = (x - log_strike) / deviation + deviation / 2.0;
            let u = if is_linear { d1 } else { d1 - deviation };
            let tail = 0.5 * libm::erfc(if is_call { -u } else { u } * core::f64::consts::FRAC_1_SQRT_2);
            let delta = if is_call { tail } else { -tail };
            let factor = if is_linear { 1.0 } else { libm::exp(log_strike - x) };
            let drift = if is_linear { 0.0 } else { delta };
            Greeks {
                delta: factor * delta,
                gamma: factor * (density(u) / deviation - drift),
                vega: factor * density(u) * root_tau,
            }
        }
        Instrument::Constant { is_linear } => {
            let delta = if is_linear { 1.0 } else { libm::exp(-x) };
            Greeks { delta, gamma: if is_linear { 0.0 } else { -delta }, vega: 0.0 }
        }
        Instrument::Range { .. } => panic!("no ranges here"),
    }
}

/// A kernel with one instrument, in a bank whose scale is chosen for it.
struct Single {
    ladder: Machine,
    exact: Machine,
}

impl Single {
    fn new() -> Self {
        let make = |exact_mode| {
            let mut machine = Machine::new(sizes_for(64, 8), Form::best());
            machine.set_up(exact_mode);
            machine.trade(0, LOTS);
            machine
        };
        Self { ladder: make(false), exact: make(true) }
    }

    /// Compiles the instrument, with a ladder around the price that resolves it.
    fn hold(&mut self, instrument: Instrument, price: u32) -> Between {
        let Instrument::Option { deviation, .. } = instrument else { panic!("options only") };
        let bits = scale_bits(&[(instrument, LOTS)]);
        let step = (STEP_PER_DEVIATION * deviation * f64::from(price)).log2().floor();
        let step_shift = step.clamp(4.0, 16.0) as u8;
        let grid = Grid { centre: price, intervals: 8, step_shift };
        for machine in [&mut self.ladder, &mut self.exact] {
            machine.write_bank(single_bank(bits), &[instrument]);
            machine.build_and_swap(grid);
        }
        Between::new(f64::from(1u32 << step_shift) / f64::from(price), deviation)
    }

    /// Greeks of one coin by the ladder and by the exact pass.
    fn greeks(&mut self, price: u32) -> [Greeks; 2] {
        let (ladder, exact) = (self.ladder.quote(price), self.exact.quote(price));
        assert!(ladder[0].flags() & FLAG_EXACT == 0, "price {price} is not answered by the ladder");
        assert!(exact[0].flags() & FLAG_EXACT != 0);
        [ladder, exact].map(|events| {
            let risk = risk(&events).expect("a risk event");
            let coin = |raw: i64| raw as f64 / 32f64.exp2() / f64::from(LOTS);
            Greeks { delta: coin(risk.delta), gamma: coin(risk.gamma), vega: coin(risk.vega) }
        })
    }
}

/// A hedge of a coin a contract, so that no interval is given up for want of a tenth of a cent.
fn single_bank(bits: [i8; 3]) -> OpenBank {
    let open = bank(bits, true);
    OpenBank { contract_shift: open.contract_shift + 10, ..open }
}

/// What gamma and vega may be off between nodes for the form of the ladder, relative to a density of
/// 0.242 (one standard deviation from the money), beyond what they are off at nodes.
#[derive(Debug, Clone, Copy, Default)]
struct Between {
    gamma: f64,
    vega: f64,
}

impl Between {
    /// `step` is in log price.
    ///
    /// * The deltas of two nodes are off by 5.1e-9 each and enter the slope with at most 3/2 over
    ///   the step; so does the rounding of their x to 2^-32, times the density; the cubic's own slope
    ///   is off by less than (h a)^3 0.55 / 125.
    /// * The curve under the line, e^-x phi(a x + b), has a second derivative of (1 + a)^2 at most.
    fn new(step: f64, deviation: f64) -> Self {
        let h_a = step / deviation;
        let gamma = (2.0 * 1.5 * 5.1e-9 / h_a + h_a.powi(3) * 0.55 / 125.0) / 0.242;
        let gamma = gamma + 2.0 * 1.5 * 0.54 * 32f64.exp2().recip() / step;
        Self { gamma, vega: (step + h_a).powi(2) / 8.0 }
    }
}

/// Worst errors of one way to answer.
#[derive(Debug, Clone, Copy, Default)]
struct Worst {
    delta: f64,
    gamma: f64,
    vega: f64,
    /// Gamma and vega beyond what the ladder is allowed between nodes.
    excess: f64,
}

impl Worst {
    /// Takes an answer in. Gamma and vega count within one standard deviation of the money, beyond
    /// what the ladder is allowed between nodes.
    fn note(&mut self, instrument: &Instrument, got: &Greeks, price: u32, between: Between) {
        let expected = reference(instrument, price);
        let [weight, ..] = weights(instrument);
        self.delta = self.delta.max((got.delta - expected.delta).abs() / weight.max(1.0));
        if expected.vega.abs() > 0.242 * vega_at_the_money(instrument, price) {
            // The parts of gamma may cancel in the inverse group: relative to their sizes.
            let parts = (expected.gamma + drift(instrument, &expected)).abs() + drift(instrument, &expected).abs();
            let gamma = (got.gamma - expected.gamma).abs() / parts;
            let vega = (got.vega / expected.vega - 1.0).abs();
            (self.gamma, self.vega) = (self.gamma.max(gamma), self.vega.max(vega));
            self.excess = self.excess.max(gamma - between.gamma).max(vega - between.vega);
        }
    }
}

/// The part of gamma that comes from e^-x and not from the option.
fn drift(instrument: &Instrument, greeks: &Greeks) -> f64 {
    match instrument {
        Instrument::Option { is_linear: false, .. } => greeks.delta,
        _ => 0.0,
    }
}

/// Vega over its density: so density > 0.242 is |u| < 1.
fn vega_at_the_money(instrument: &Instrument, price: u32) -> f64 {
    let Instrument::Option { is_linear, log_strike, root_tau, .. } = *instrument else { return f64::INFINITY };
    let x = libm::log(f64::from(price) / f64::from(PRICE_REF));
    root_tau * if is_linear { 1.0 } else { libm::exp(log_strike - x) }
}

/// Bound on a single row's delta error.
fn delta_bound(deviation: f64) -> f64 {
    if deviation >= 0.005 { 1e-7 } else { 1e-6 }
}

#[test]
fn golden_greeks_are_met_by_ladder_exact_pass_and_reference() {
    let mut single = Single::new();
    let mut worst = [Worst::default(); 2];
    for golden in GOLDEN {
        let parse = |digits: &str| digits.parse::<f64>().expect("a number");
        let (deviation, log_strike) = (parse(golden.deviation), parse(golden.log_strike));
        let greeks = golden.greeks.map(parse);
        for (kind, is_call, is_linear) in [(0, true, false), (1, false, false), (2, true, true), (3, false, true)] {
            let instrument = Instrument::Option { is_call, is_linear, log_strike, deviation, root_tau: ROOT_TAU };
            let what = format!("{instrument:?} at {}", golden.price);
            let [weight, ..] = weights(&instrument);
            let float = reference(&instrument, golden.price);
            // u is known to 1e-16 / (sigma sqrt tau) in floats.
            let float_error = 1e-15 * weight.max(1.0) / deviation.min(1.0);
            assert!((float.delta - greeks[kind]).abs() < float_error, "reference: {what}");
            let gamma = if is_linear { greeks[4] } else { float.gamma };
            assert!((float.gamma - gamma).abs() <= 1e-11 * gamma.abs().max(1.0), "reference: {what}");
            let vega = greeks[5] * ROOT_TAU;
            assert!((float.vega - vega).abs() <= 1e-11 * vega + 1e-15, "reference: {what}");
            let between = single.hold(instrument, golden.price);
            for (answer, (got, between)) in
                single.greeks(golden.price).iter().zip([between, Between::default()]).enumerate()
            {
                let error = (got.delta - greeks[kind]).abs() / weight.max(1.0);
                assert!(error <= delta_bound(deviation), "{what}: delta {} for {}", got.delta, greeks[kind]);
                worst[answer].note(&instrument, got, golden.price, between);
            }
        }
    }
    println!("golden cases: {} x 4; ladder {:?}, exact pass {:?}", GOLDEN.len(), worst[0], worst[1]);
    for worst in worst {
        assert!(worst.excess <= GAMMA_VEGA_BOUND, "{worst:?}");
    }
}

/// Regions of sigma sqrt tau.
const REGIONS: [(f64, f64); 5] = [(0.1, 8.0), (0.02, 0.1), (0.005, 0.02), (0.0012, 0.005), (0.000_13, 0.0012)];

/// An option of a region, up to eight standard deviations from the money at the price.
fn random_option(rng: &mut ChaCha8Rng, (least, most): (f64, f64), price: u32) -> Instrument {
    let deviation = libm::exp(rng.random_range(libm::log(least)..libm::log(most)));
    let vol = libm::exp(rng.random_range(libm::log(0.05)..libm::log(4.0)));
    // Half of them near the money, where gamma and vega are looked at.
    let distance = if rng.random_bool(0.5) { rng.random_range(-8.0..8.0) } else { rng.random_range(-1.2..1.2) };
    let x = libm::log(f64::from(price) / f64::from(PRICE_REF));
    Instrument::Option {
        is_call: rng.random_bool(0.5),
        is_linear: rng.random_bool(0.5),
        // Weights up to e^8 fit a scale of their own.
        log_strike: (x - distance * deviation).clamp(-8.0, 8.0),
        deviation,
        root_tau: (deviation / vol).clamp(ROOT_TAU_RANGE.0, ROOT_TAU_RANGE.1),
    }
}

#[test]
fn single_rows_are_within_their_bounds_in_every_region() {
    println!("| sigma sqrt tau | side | ladder: delta | gamma | vega | exact pass: delta | gamma | vega |");
    println!("|---|---|---:|---:|---:|---:|---:|---:|");
    let mut single = Single::new();
    for (seed, region) in (500..).zip(REGIONS) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Calls, puts; ladder, exact pass.
        let mut worst = [[Worst::default(); 2]; 2];
        for _ in 0..2_500 {
            let log_price: f64 = rng.random_range(-0.1..0.1);
            let price = (f64::from(PRICE_REF) * libm::exp(log_price)) as u32;
            let option = random_option(&mut rng, region, price);
            let Instrument::Option { is_call, .. } = option else { continue };
            let between = single.hold(option, price);
            for _ in 0..4 {
                let near = price + rng.random_range(0..32);
                for (i, (got, between)) in single.greeks(near).iter().zip([between, Between::default()]).enumerate() {
                    worst[usize::from(!is_call)][i].note(&option, got, near, between);
                }
            }
        }
        for (side, [ladder, exact]) in ["call", "put"].into_iter().zip(worst) {
            let (low, high) = region;
            print!("| {low}..{high} | {side} | {:.1e} | {:.1e} | {:.1e} ", ladder.delta, ladder.gamma, ladder.vega);
            println!("| {:.1e} | {:.1e} | {:.1e} |", exact.delta, exact.gamma, exact.vega);
            for worst in [ladder, exact] {
                assert!(worst.delta <= delta_bound(low), "seed={seed} {side} {region:?}: {worst:?}");
                assert!(worst.excess <= GAMMA_VEGA_BOUND, "seed={seed} {side} {region:?}: {worst:?}");
            }
        }
    }
}

#[test]
fn portfolios_are_within_their_bound_per_gross() {
    println!("| portfolio | rows | ladder: largest error per gross | exact pass |\n|---|---:|---:|---:|");
    let mixes = [
        ("days to years", Mix { deviation: (0.02, 2.0), spread: 0.2, ranges_per_cent: 0, lots: 500 }, 14),
        ("hours to weeks", Mix { deviation: (0.003, 0.1), spread: 0.05, ranges_per_cent: 0, lots: 500 }, 12),
        ("minutes to days", Mix { deviation: (0.0005, 0.02), spread: 0.02, ranges_per_cent: 0, lots: 500 }, 9),
    ];
    for (seed, (name, mix, step_shift)) in (600..).zip(mixes) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let holdings = random_holdings(&mut rng, 400, mix);
        let gross: f64 = holdings.iter().map(|(held, lots)| f64::from(lots.abs()) * weights(held)[0]).sum();
        let instruments: Vec<Instrument> = holdings.iter().map(|held| held.0).collect();
        let grid = Grid { centre: PRICE_REF, intervals: 64, step_shift };
        let mut worst = [0f64; 2];
        for (worst, exact_mode) in worst.iter_mut().zip([false, true]) {
            let mut machine = Machine::new(sizes_for(400, 64), Form::best());
            machine.set_up(exact_mode);
            (0..).zip(&holdings).for_each(|(slot, held)| drop(machine.trade(slot, held.1)));
            let open = bank(scale_bits(&holdings), true);
            machine.write_bank(OpenBank { contract_shift: open.contract_shift + 12, ..open }, &instruments);
            machine.build_and_swap(grid);
            for _ in 0..2_000 {
                let price = grid.low() + rng.random_range(0..64u32 << step_shift);
                let feed_seq = machine.kernel.next_command_seq() as u32;
                let plain = quote(price, feed_seq, machine.now_ns);
                let events = machine.must(|h| Quote { flags: code::WANT_RISK, ..plain }.encode(h));
                let got = risk(&events).expect("a risk event").delta as f64 / 32f64.exp2();
                let expected: f64 =
                    holdings.iter().map(|(held, lots)| f64::from(*lots) * reference(held, price).delta).sum();
                *worst = worst.max((got - expected).abs() / gross);
            }
        }
        println!("| {name} | {} | {:.1e} | {:.1e} |", holdings.len(), worst[0], worst[1]);
        // A weight is floored to one unit, and gross is at least 2^29 units; rows themselves are
        // within 4.4e-8 above 0.0012 and 3.3e-7 below, whatever their signs.
        let rows = if mix.deviation.0 < 0.0012 { 3.3e-7 } else { 4.4e-8 };
        let bound = rows + holdings.len() as f64 / 29f64.exp2();
        assert!(worst.iter().all(|&worst| worst <= bound), "seed={seed} {name}: {worst:?}, bound {bound:e}");
    }
}
