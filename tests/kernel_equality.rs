//! The kernel is one machine, whatever form of it runs, whenever its background work runs, and
//! however its ladder came about.
//!
//! ```text
//!   scalar            = AVX2                         every byte of every event
//!   never worked      = fully worked = at random     every byte of every event
//!   trades one by one = rebuild                      every answer, bit for bit
//!   ladder            = exact pass                   exactly at nodes, within the reported bound between
//!   call - put        = constant                     every answer, bit for bit
//!   with refusals     = without them                 every answer, sequence numbers apart
//! ```
//!
//! All streams are seeded; a failure prints the seed and the step.

mod support;

use hedgewire_abi::command::{Configure, Control, OpenBank, Swap, Time, WriteRow, code};
use hedgewire_abi::event::{FLAG_EXACT, FLAG_LAST, Refused, Risk, Swapped};
use hedgewire_abi::{Command, Reason, event};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::commands::Statistics;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use support::portfolio::{
    CONTRACT_COIN, CONTRACT_USD, Grid, Instrument, Mix, PRICE_REF, bank, random_holdings, row, scale_bits, sizes_for,
    weights,
};
use support::{
    MEDIUM, Machine, SMALL, StreamRun, assert_same, exposure, has_avx2, is_command_refusal, reason, risk, said,
};

/// Commands per seed in the long streams.
const STREAM_COMMANDS: u64 = 200_000;

/// Sizes for a seed: mostly small ladders, sometimes medium ones.
fn sizes_of(seed: u64) -> Sizes {
    if seed % 3 == 2 { MEDIUM } else { SMALL }
}

#[test]
fn streams_reach_every_reason_and_every_event() {
    let mut reached = Statistics::default();
    for seed in 0..6 {
        let mut run = StreamRun::new(seed, sizes_of(seed), Form::best());
        for _ in 0..STREAM_COMMANDS {
            run.step();
        }
        reached.merge(run.stream.statistics());
    }
    println!("{reached}");
    for &reason in Reason::ALL {
        assert!(reached.reason_count(reason) > 0, "no stream was refused for {}", reason.name());
    }
    for layout in event::LAYOUTS {
        assert!(reached.event_count(layout.kind) > 0, "no stream brought a {} event", layout.name);
    }
    assert!(reached.exact_count() > 0, "no stream was answered by an exact pass");
}

#[test]
fn the_same_seed_gives_the_same_stream() {
    let bytes = |seed| {
        let mut run = StreamRun::new(seed, SMALL, Form::Scalar);
        (0..5_000).map(|_| run.step()).collect::<Vec<Command>>()
    };
    assert!(bytes(1) == bytes(1));
    assert!(bytes(1) != bytes(2));
}

// ---- forms and timing --------------------------------------------------------------------------

#[test]
fn scalar_and_avx2_answer_with_the_same_bytes() {
    if !has_avx2("scalar_and_avx2_answer_with_the_same_bytes") {
        return;
    }
    for seed in 100..108 {
        let mut run = StreamRun::new(seed, sizes_of(seed), Form::Scalar);
        let mut other = Kernel::new(sizes_of(seed), Form::Avx2);
        for step in 0..STREAM_COMMANDS {
            let command = run.step();
            assert_same("AVX2 against scalar", seed, step, &command, &run.events, other.apply(&command));
        }
    }
}

#[test]
fn background_work_is_never_seen_in_the_events() {
    for seed in 200..205 {
        let sizes = sizes_of(seed);
        let mut idle = StreamRun::new(seed, sizes, Form::best());
        let mut busy = Kernel::new(sizes, Form::best());
        let mut erratic = Kernel::new(sizes, Form::Scalar);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for step in 0..STREAM_COMMANDS / 2 {
            let command = idle.step();
            assert_same("fully worked", seed, step, &command, &idle.events, busy.apply(&command));
            assert_same("worked at random", seed, step, &command, &idle.events, erratic.apply(&command));
            while busy.work() {}
            let units = if rng.random_bool(0.7) { 0 } else { rng.random_range(1..40) };
            for _ in 0..units {
                erratic.work();
            }
        }
    }
}

#[test]
fn the_doorbell_rings_when_the_work_is_done_and_not_before() {
    let mut machine = Machine::new(sizes_for(64, 16), Form::best());
    machine.set_up(false);
    let grid = Grid { centre: PRICE_REF, intervals: 16, step_shift: 12 };
    machine.write_bank(bank([20, 20, 20], false), &[Instrument::Constant { is_linear: true }]);
    assert!(!machine.kernel.is_built(0));
    machine.must(|h| grid.build().encode(h));
    assert!(!machine.kernel.is_built(0));
    machine.work_all();
    assert!(machine.kernel.is_built(0));
    // A fill makes the ladder stale: a swap would have work to do.
    machine.trade(0, 5);
    assert!(!machine.kernel.is_built(0));
    machine.work_all();
    assert!(machine.kernel.is_built(0));
    machine.must(|h| Swap {}.encode(h));
    assert!(!machine.kernel.is_built(0), "the bank that was swapped out is closed");
}

// ---- incremental against rebuilt ----------------------------------------------------------------

/// Answers of the kernel over a list of prices: what the events say, without their numbers.
fn answers(machine: &mut Machine, prices: &[u32]) -> Vec<[u8; 48]> {
    prices.iter().flat_map(|&price| machine.quote(price).iter().map(said).collect::<Vec<_>>()).collect()
}

/// A portfolio of all kinds of row, most of which the ladder resolves.
const MIXED: Mix = Mix { deviation: (0.002, 2.0), spread: 0.03, ranges_per_cent: 3, lots: 200 };

/// Slot and its new quantity.
type Lots = (u32, i32);

/// A machine with `before` traded ahead of the bank, then built, swapped and given `after`.
fn traded(
    form: Form,
    holdings: &[(Instrument, i32)],
    grid: Grid,
    (before, after): (&[Lots], &[Lots]),
    mut work: impl FnMut(&mut Machine),
) -> Machine {
    let bits = scale_bits(holdings);
    let instruments: Vec<Instrument> = holdings.iter().map(|held| held.0).collect();
    let mut machine = Machine::new(sizes_for(instruments.len(), grid.intervals), form);
    machine.set_up(false);
    for &(slot, lots) in before {
        machine.trade(slot, lots);
    }
    machine.write_bank(bank(bits, false), &instruments);
    machine.build_and_swap(grid);
    for &(slot, lots) in after {
        machine.trade(slot, lots);
        work(&mut machine);
    }
    machine
}

/// Final quantities as a list of trades.
fn final_trades(trades: &[Lots], slots: usize) -> Vec<Lots> {
    let mut last = vec![0; slots];
    trades.iter().for_each(|&(slot, lots)| last[slot as usize] = lots);
    (0..).zip(last).collect()
}

#[test]
fn trades_on_a_built_ladder_equal_a_rebuild_bit_for_bit() {
    let grid = Grid { centre: PRICE_REF, intervals: 24, step_shift: 12 };
    // Below, at and above what can be pending before the oldest is applied to every node.
    for (seed, count) in [(1, 1), (2, 63), (3, 64), (4, 65), (5, 66), (6, 200), (7, 400), (8, 1_000)] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let holdings = random_holdings(&mut rng, 90, MIXED);
        let trades: Vec<Lots> = (0..count).map(|_| (rng.random_range(0..90), rng.random_range(-200..=200))).collect();
        let last = final_trades(&trades, 90);
        let expected = answers(&mut traded(Form::Scalar, &holdings, grid, (&last, &[]), |_| ()), &grid.prices());
        for form in [Form::Scalar, Form::best()] {
            let lazy = answers(&mut traded(form, &holdings, grid, (&[], &trades), |_| ()), &grid.prices());
            assert!(lazy == expected, "seed={seed} {count} trades, {}, never worked", form.name());
            // Long stretches without work, then any part of what there is to do.
            let mut units = ChaCha8Rng::seed_from_u64(seed);
            let mut idle_trades = 0;
            let work = |machine: &mut Machine| {
                if idle_trades > 0 {
                    idle_trades -= 1;
                    return;
                }
                (0..units.random_range(0..=grid.intervals + 2)).for_each(|_| _ = machine.kernel.work());
                idle_trades = units.random_range(0..90);
            };
            let worked = answers(&mut traded(form, &holdings, grid, (&[], &trades), work), &grid.prices());
            assert!(worked == expected, "seed={seed} {count} trades, {}, worked at random", form.name());
        }
    }
}

#[test]
fn trades_while_a_bank_is_written_and_built_equal_a_rebuild() {
    let grid = Grid { centre: PRICE_REF, intervals: 24, step_shift: 12 };
    for seed in 20..32 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let holdings = random_holdings(&mut rng, 90, MIXED);
        let (bits, slots) = (scale_bits(&holdings), 128u32);
        let mut machine = Machine::new(sizes_for(90, grid.intervals), Form::best());
        machine.set_up(false);
        let mut trades = Vec::new();
        let mut trade = |machine: &mut Machine, rng: &mut ChaCha8Rng, per_cent: u32| {
            while rng.random_range(0..100) < per_cent {
                let (slot, lots) = (rng.random_range(0..90), rng.random_range(-200..=200));
                trades.push((slot, lots));
                machine.trade(slot, lots);
            }
        };
        if seed % 2 == 1 {
            // Another bank is in use meanwhile: fills go to both.
            let others: Vec<Instrument> = holdings.iter().rev().map(|held| held.0).collect();
            machine.write_bank(bank(bits, false), &others);
            machine.build_and_swap(grid);
        }
        machine.must(|h| bank(bits, false).encode(h));
        for slot in 0..slots {
            let empty = WriteRow { slot, ..WriteRow::default() };
            let written = holdings.get(slot as usize).map_or(empty, |held| row(slot, &held.0, bits));
            machine.must(|h| written.encode(h));
            trade(&mut machine, &mut rng, 20);
        }
        machine.must(|h| grid.build().encode(h));
        // Up to the last trades the build is somewhere on its way; more than 64 trades in all.
        for _ in 0..rng.random_range(1..40) {
            machine.kernel.work();
            trade(&mut machine, &mut rng, 75);
        }
        machine.must(|h| Swap {}.encode(h));
        trade(&mut machine, &mut rng, 90);
        let last = final_trades(&trades, 90);
        let mut fresh = traded(Form::Scalar, &holdings, grid, (&last, &[]), |_| ());
        assert!(answers(&mut machine, &grid.prices()) == answers(&mut fresh, &grid.prices()), "seed={seed}");
    }
}

#[test]
fn trades_while_a_node_is_half_summed_equal_a_rebuild() {
    // More rows than one piece of work takes, so that a trade can come in the middle of a node.
    let (grid, count) = (Grid { centre: PRICE_REF, intervals: 3, step_shift: 12 }, 1_280);
    for seed in 32..36 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let holdings = random_holdings(&mut rng, count, MIXED);
        let instruments: Vec<Instrument> = holdings.iter().map(|held| held.0).collect();
        let mut machine = Machine::new(sizes_for(count, grid.intervals), Form::best());
        machine.set_up(false);
        machine.write_bank(bank(scale_bits(&holdings), false), &instruments);
        machine.must(|h| grid.build().encode(h));
        let mut trades = Vec::new();
        for _ in 0..11 {
            machine.kernel.work();
            for _ in 0..rng.random_range(0..3) {
                let (slot, lots) = (rng.random_range(0..count as u32), rng.random_range(-200..=200));
                trades.push((slot, lots));
                machine.trade(slot, lots);
            }
        }
        machine.must(|h| Swap {}.encode(h));
        let last = final_trades(&trades, count);
        let mut fresh = traded(Form::Scalar, &holdings, grid, (&last, &[]), |_| ());
        assert!(answers(&mut machine, &grid.prices()) == answers(&mut fresh, &grid.prices()), "seed={seed}");
    }
}

#[test]
fn rows_written_twice_count_once() {
    let grid = Grid { centre: PRICE_REF, intervals: 16, step_shift: 12 };
    let mut rng = ChaCha8Rng::seed_from_u64(40);
    // Some of them so near expiry that `a` is at its limit.
    let holdings = random_holdings(&mut rng, 64, Mix { deviation: (0.000_05, 2.0), ..MIXED });
    let is_saturated =
        |held: &Instrument| matches!(held, Instrument::Option { deviation, .. } if *deviation < 0.000_122);
    let saturated = holdings.iter().filter(|held| is_saturated(&held.0)).count();
    let bits = scale_bits(&holdings);
    let last: Vec<Lots> = (0..).zip(holdings.iter().map(|held| held.1)).collect();
    let mut machine = Machine::new(sizes_for(64, grid.intervals), Form::best());
    machine.set_up(false);
    last.iter().for_each(|&(slot, lots)| drop(machine.trade(slot, lots)));
    machine.must(|h| bank(bits, false).encode(h));
    let mut order: Vec<u32> = (0..64).chain((0..64).filter(|slot| slot % 3 == 0)).collect();
    order.shuffle(&mut rng);
    for (turn, &slot) in order.iter().enumerate() {
        // Whatever is written first, another kind of row among it, the last word counts.
        let is_last = !order[turn + 1..].contains(&slot);
        let other = &holdings[rng.random_range(0..64)].0;
        let written = row(slot, if is_last { &holdings[slot as usize].0 } else { other }, bits);
        machine.must(|h| written.encode(h));
    }
    let swapped = Swapped::decode(&machine.build_and_swap(grid)[0]);
    assert!(saturated > 0);
    assert_eq!(swapped.saturated_rows as usize, saturated);
    let mut fresh = traded(Form::Scalar, &holdings, grid, (&last, &[]), |_| ());
    assert!(answers(&mut machine, &grid.prices()) == answers(&mut fresh, &grid.prices()));
}

// ---- ladder against exact pass -------------------------------------------------------------------

/// What a contract of the hedge is.
#[derive(Debug, Clone, Copy)]
struct HedgeUnit {
    is_linear: bool,
    /// How often the contract of `bank` is doubled: the larger it is, the fewer intervals are
    /// answered exactly because half a contract cannot be resolved.
    doublings: u8,
}

impl HedgeUnit {
    fn bank(self, bits: [i8; 3]) -> OpenBank {
        let bank = bank(bits, self.is_linear);
        OpenBank { contract_shift: bank.contract_shift + self.doublings, ..bank }
    }
}

/// A pair of machines with the same portfolio: one with the ladder, one in exact mode.
fn ladder_and_exact(holdings: &[(Instrument, i32)], grid: Grid, hedge: HedgeUnit) -> (Machine, Machine, Swapped) {
    let bits = scale_bits(holdings);
    let instruments: Vec<Instrument> = holdings.iter().map(|held| held.0).collect();
    let make = |exact_mode| {
        let mut machine = Machine::new(sizes_for(instruments.len(), grid.intervals), Form::best());
        machine.set_up(exact_mode);
        (0..).zip(holdings).for_each(|(slot, held)| drop(machine.trade(slot, held.1)));
        machine.write_bank(hedge.bank(bits), &instruments);
        let events = machine.build_and_swap(grid);
        // Disarmed: every quote is answered by an exposure, and none moves the ledger.
        machine.must(|h| Control { action: code::DISARM }.encode(h));
        (machine, Swapped::decode(&events[0]))
    };
    let ((ladder, swapped), (exact, _)) = (make(false), make(true));
    (ladder, exact, swapped)
}

/// How a ladder compared with the exact pass.
#[derive(Default)]
struct Comparison {
    answered: u64,
    worst_ratio: f64,
}

/// What the row kernel itself may differ by between an exact pass and the two nodes around it, in
/// 2^-16 contract: 5.1e-9 of a row's weight in Phi at each of the two, and 6.3e-9 in phi, which
/// enters by the slopes with at most 2 * 4/27 h a; a rounding of x by half of 2^-32 in the exact pass
/// and at the nodes; and one unit for the two floors. The bound that
/// the kernel reports is the cubic's alone.
fn row_noise(holdings: &[(Instrument, i32)], grid: Grid, hedge: HedgeUnit) -> i64 {
    let step = f64::from(1u32 << grid.step_shift) / f64::from(PRICE_REF);
    let coin: f64 = holdings
        .iter()
        .map(|(held, lots)| {
            let [delta, gamma, _] = weights(held);
            f64::from(lots.abs())
                * (2.0 * 5.1e-9 * delta + (8.0 / 27.0 * 6.3e-9 * step + 0.4 * 32f64.exp2().recip()) * gamma)
        })
        .sum();
    let contracts = if hedge.is_linear { coin / CONTRACT_COIN } else { coin * 1.1 * 60_000.0 / CONTRACT_USD };
    (contracts * f64::from(16 - i32::from(hedge.doublings)).exp2()).ceil() as i64 + 1
}

fn compare(seed: u64, holdings: &[(Instrument, i32)], grid: Grid, hedge: HedgeUnit, total: &mut Comparison) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut ladder, mut exact, swapped) = ladder_and_exact(holdings, grid, hedge);
    let noise = row_noise(holdings, grid, hedge);
    let last = grid.intervals << grid.step_shift;
    let random: Vec<u32> = (0..400).map(|_| grid.low() + rng.random_range(0..last)).collect();
    for price in grid.prices().into_iter().chain(random) {
        let (fast, slow) = (ladder.quote(price), exact.quote(price));
        assert!(slow[0].flags() & FLAG_EXACT != 0);
        if fast[0].flags() & FLAG_EXACT != 0 {
            assert_eq!(fast.iter().map(said).collect::<Vec<_>>(), slow.iter().map(said).collect::<Vec<_>>());
            continue;
        }
        let bound = i64::from(risk(&fast).expect("a risk event").error_bound);
        assert!(bound as u64 <= swapped.error_bound, "seed={seed} price={price}: {bound} above the swap's bound");
        let difference = (exposure(&fast) - exposure(&slow)).abs();
        if (price - grid.low()).is_multiple_of(1 << grid.step_shift) {
            assert_eq!(difference, 0, "seed={seed} price={price}: a node is not exact");
        }
        let cubic = (difference - noise).max(0);
        assert!(cubic <= bound, "seed={seed} price={price}: off by {difference}, {noise} of it noise, bound {bound}");
        total.answered += 1;
        total.worst_ratio = total.worst_ratio.max(cubic as f64 / bound as f64);
    }
}

/// Where sigma sqrt tau is below the step, an option turns within an interval and the nodes see too
/// little of it to bound the cubic's error. The host chooses its steps by the same limit.
const STEP_PER_DEVIATION_MAX: f64 = 1.0;

/// Steps that resolve options of this deviation, from the widest down.
fn resolving_step(rng: &mut ChaCha8Rng, deviation: f64) -> u8 {
    // The ladder's first price is up to 16 steps of 2^16 below the reference.
    let widest = (STEP_PER_DEVIATION_MAX * deviation * f64::from(PRICE_REF) * 0.96).log2().floor() as u8;
    widest.min(16) - rng.random_range(0..4)
}

#[test]
fn ladder_is_within_its_reported_bound_of_the_exact_pass() {
    let mixes = [
        ("days to years", Mix { deviation: (0.02, 2.0), spread: 0.2, ranges_per_cent: 0, lots: 500 }),
        ("hours to weeks", Mix { deviation: (0.003, 0.1), spread: 0.03, ranges_per_cent: 1, lots: 500 }),
        ("minutes", Mix { deviation: (0.0004, 0.004), spread: 0.02, ranges_per_cent: 0, lots: 50 }),
        ("seconds", Mix { deviation: (0.00013, 0.001), spread: 0.004, ranges_per_cent: 0, lots: 5 }),
        ("ranges", Mix { deviation: (0.01, 1.0), spread: 0.03, ranges_per_cent: 8, lots: 500 }),
    ];
    for (name, mix) in mixes {
        let mut total = Comparison::default();
        for seed in 0..300 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let count = [1, 2, 5, 20, 64, 120][seed as usize % 6];
            let holdings = random_holdings(&mut rng, count, mix);
            let step_shift = resolving_step(&mut rng, mix.deviation.0);
            let grid = Grid { centre: PRICE_REF, intervals: 32, step_shift };
            let hedge = HedgeUnit { is_linear: seed % 2 == 1, doublings: rng.random_range(0..16) };
            compare(seed, &holdings, grid, hedge, &mut total);
        }
        assert!(total.answered > 5_000, "{name}: only {} answers from the ladder", total.answered);
        println!("{name}: {} answers, largest error {:.3} of its bound", total.answered, total.worst_ratio);
    }
}

// ---- put-call parity -----------------------------------------------------------------------------

#[test]
fn call_minus_put_of_a_strike_is_a_constant_bit_for_bit() {
    let mut rng = ChaCha8Rng::seed_from_u64(60);
    for turn in 0..40 {
        let is_linear = turn % 2 == 0;
        let deviation: f64 = rng.random_range(0.000_13f64.ln()..2f64.ln()).exp();
        let log_strike = rng.random_range(-0.05..0.05);
        let option = |is_call| Instrument::Option { is_call, is_linear, log_strike, deviation, root_tau: 0.1 };
        let lots = rng.random_range(1..100);
        let pair = [(option(true), lots), (option(false), -lots)];
        let grid = Grid { centre: PRICE_REF, intervals: 24, step_shift: rng.random_range(8..=15) };
        // w Phi(u) - w (Phi(u) - 1) = w: a constant row of the same weight is the same portfolio.
        // Weights without a shift: nothing is rounded, so those of the two signs are alike.
        let bits = scale_bits(&pair).map(|bits| bits - 8);
        let unshifted = |row: WriteRow| WriteRow {
            omega_delta: row.omega_delta >> row.shift_delta,
            omega_gamma: row.omega_gamma >> row.shift_gamma,
            omega_vega: row.omega_vega >> row.shift_vega,
            shift_delta: 0,
            shift_gamma: 0,
            shift_vega: 0,
            ..row
        };
        let call = unshifted(row(0, &pair[0].0, bits));
        let constant = WriteRow { row_kind: code::CONSTANT, a: 0, b: 0, ..call };
        let exact_mode = turn % 4 > 1;
        let make = |rows: &[(WriteRow, i32)]| {
            let mut machine = Machine::new(sizes_for(64, grid.intervals), Form::best());
            machine.set_up(exact_mode);
            machine.must(|h| bank(bits, false).encode(h));
            for slot in 0..64 {
                let empty = WriteRow { slot, ..WriteRow::default() };
                machine.must(|h| rows.get(slot as usize).map_or(empty, |row| WriteRow { slot, ..row.0 }).encode(h));
            }
            (0..).zip(rows).for_each(|(slot, row)| drop(machine.trade(slot, row.1)));
            machine.build_and_swap(grid);
            machine
        };
        let put = unshifted(row(1, &pair[1].0, bits));
        let mut options = make(&[(call, lots), (put, -lots)]);
        let mut future = make(&[(constant, lots)]);
        for price in grid.prices() {
            let (pair, single) = (options.quote(price), future.quote(price));
            let (pair, single): (Vec<_>, Vec<_>) = (pair.iter().map(said).collect(), single.iter().map(said).collect());
            assert_eq!(pair, single, "turn={turn} price={price}");
        }
    }
}

// ---- swaps ---------------------------------------------------------------------------------------

/// A small machine with a mixed portfolio, disarmed, and its bank and instruments.
fn standing(seed: u64, grid: Grid) -> (Machine, OpenBank, Vec<Instrument>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let holdings = random_holdings(&mut rng, 64, MIXED);
    let instruments: Vec<Instrument> = holdings.iter().map(|held| held.0).collect();
    let open = bank(scale_bits(&holdings), false);
    let mut machine = Machine::new(sizes_for(64, 32), Form::best());
    machine.set_up(false);
    (0..).zip(&holdings).for_each(|(slot, held)| drop(machine.trade(slot, held.1)));
    machine.write_bank(open, &instruments);
    machine.build_and_swap(grid);
    machine.must(|h| Control { action: code::DISARM }.encode(h));
    (machine, open, instruments)
}

#[test]
fn a_second_swap_without_a_build_is_refused_and_changes_nothing() {
    let grid = Grid { centre: PRICE_REF, intervals: 32, step_shift: 12 };
    let (mut machine, ..) = standing(70, grid);
    let before = answers(&mut machine, &grid.prices());
    assert_eq!(reason(&machine.send(|h| Swap {}.encode(h))), Reason::NotBuilt);
    assert!(answers(&mut machine, &grid.prices()) == before);
}

#[test]
fn the_same_bank_swapped_in_again_gives_the_same_answers() {
    let grid = Grid { centre: PRICE_REF, intervals: 32, step_shift: 12 };
    let (mut machine, open, instruments) = standing(71, grid);
    let before = answers(&mut machine, &grid.prices());
    for _ in 0..3 {
        machine.write_bank(open, &instruments);
        machine.must(|h| grid.build().encode(h));
        assert!(answers(&mut machine, &grid.prices()) == before, "between build and swap the old ladder answers");
        machine.must(|h| Swap {}.encode(h));
        assert!(answers(&mut machine, &grid.prices()) == before);
    }
}

#[test]
fn a_recentred_ladder_agrees_at_every_node_that_both_have() {
    let grid = Grid { centre: PRICE_REF, intervals: 32, step_shift: 12 };
    let moved = Grid { centre: PRICE_REF + (9 << 12), ..grid };
    let (mut machine, open, instruments) = standing(72, grid);
    let shared: Vec<u32> = (9..32).map(|node| grid.node(node)).collect();
    let exposures = |machine: &mut Machine| shared.iter().map(|&p| exposure(&machine.quote(p))).collect::<Vec<_>>();
    let before = exposures(&mut machine);
    machine.write_bank(open, &instruments);
    // A build elsewhere that is given up half-way leaves no trace.
    machine.must(|h| Grid { centre: PRICE_REF / 16 * 15, ..grid }.build().encode(h));
    (0..7).for_each(|_| _ = machine.kernel.work());
    let events = machine.build_and_swap(moved);
    let swapped = Swapped::decode(&events[0]);
    assert_eq!((swapped.low, swapped.high), (moved.low(), moved.node(32)));
    assert_eq!(exposures(&mut machine), before);
}

// ---- refusals ------------------------------------------------------------------------------------

#[test]
fn refused_commands_leave_the_state_untouched() {
    for seed in 300..304 {
        let sizes = sizes_of(seed);
        let mut run = StreamRun::new(seed, sizes, Form::best());
        let mut spared = Kernel::new(sizes, Form::best());
        let mut refused = 0;
        for step in 0..STREAM_COMMANDS {
            let command = run.step();
            if is_command_refusal(&run.events) {
                refused += 1;
                continue;
            }
            let renumbered = command.with_seq(spared.next_command_seq());
            let got: Vec<_> = spared.apply(&renumbered).iter().map(said).collect();
            let expected: Vec<_> = run.events.iter().map(said).collect();
            assert!(expected == got, "seed={seed} step={step} {command:?}\nwith refusals {:#?}", run.events);
        }
        assert!(refused > STREAM_COMMANDS / 50, "seed={seed}: only {refused} refusals");
    }
}

#[test]
fn every_event_repeats_its_command_and_counts_by_one() {
    let mut run = StreamRun::new(310, SMALL, Form::best());
    let mut seq = 0;
    for _ in 0..STREAM_COMMANDS / 2 {
        let command = run.step();
        assert!((1..=hedgewire_abi::MAX_EVENTS_PER_COMMAND).contains(&run.events.len()));
        for (i, event) in run.events.iter().enumerate() {
            seq += 1;
            assert_eq!(event.seq(), seq);
            assert_eq!(event.command_seq(), command.seq());
            assert_eq!((event.now_ns(), event.underlying()), (command.now_ns(), command.underlying()));
            assert_eq!(event.flags() & FLAG_LAST != 0, i + 1 == run.events.len(), "{:?}", run.events);
        }
    }
}

// ---- risk on request -----------------------------------------------------------------------------

#[test]
fn a_quote_that_wants_risk_is_answered_by_the_decision_and_then_the_greeks() {
    let grid = Grid { centre: PRICE_REF, intervals: 8, step_shift: 12 };
    let mut machine = Machine::new(sizes_for(64, 8), Form::best());
    machine.set_up(false);
    machine.trade(0, 3);
    machine.trade(1, 2);
    // Three coins that do not move with the price, and two that go as price_ref / price.
    let futures = [Instrument::Constant { is_linear: true }, Instrument::Constant { is_linear: false }];
    machine.write_bank(bank([24, 24, 24], false), &futures);
    machine.build_and_swap(grid);
    let coin = |coins: f64| (coins * 32f64.exp2()) as i64;
    let price = PRICE_REF + (2 << 12);
    let events = machine.quote(price);
    assert_eq!(events.len(), 2);
    assert!(matches!(events[0].kind(), Refused::KIND | event::Hedge::KIND));
    assert_eq!(events[1].kind(), Risk::KIND);
    let said = Risk::decode(&events[1]);
    let inverse = 2.0 * f64::from(PRICE_REF) / f64::from(price);
    // One unit of the ladder is 2^-31 coin, and the floors of sum and coefficients add up to three.
    assert!((said.delta - coin(3.0 + inverse)).abs() <= 2 * 4, "{said:?}");
    // d/dx of 2 e^-x; gamma is known to the floors of a slope times price over step, 2^12.9.
    assert!((said.gamma + coin(inverse)).abs() <= 1 << 16, "{said:?}");
    assert_eq!((said.vega, said.price), (0, price));
    let time = machine.must(|h| Time { flags: code::WANT_RISK }.encode(h));
    assert_eq!(risk(&time), Some(said), "time repeats the last quote's Greeks");
    assert_eq!(machine.must(|h| Time { flags: 0 }.encode(h)).len(), 1);
}

// ---- found by the streams ------------------------------------------------------------------------

#[test]
fn slots_that_change_hands_do_not_carry_rows_over() {
    let sizes = Sizes { underlyings: 2, rows: 128, intervals: 8 };
    let mut machine = Machine::new(sizes, Form::best());
    let open = bank([20, 20, 20], false);
    let rows = |machine: &mut Machine, first: u32| {
        machine.must(|h| open.encode(h));
        for slot in first..first + 64 {
            let future = row(slot, &Instrument::Constant { is_linear: true }, [20; 3]);
            machine.must(|h| future.encode(h));
        }
        machine.must(|h| Grid { centre: PRICE_REF, intervals: 8, step_shift: 12 }.build().encode(h));
    };
    let place = |machine: &mut Machine, underlying, first_slot| {
        machine.underlying = underlying;
        machine.must(|h| Configure { first_slot, slot_count: 64, exact_mode: 0 }.encode(h));
    };
    place(&mut machine, 0, 0);
    rows(&mut machine, 0);
    place(&mut machine, 0, 64);
    // The other underlying's first opening has the same number as the one that wrote these slots.
    place(&mut machine, 1, 0);
    machine.trade(5, 10);
    rows(&mut machine, 0);
    let events = machine.must(|h| Swap {}.encode(h));
    assert_eq!(Swapped::decode(&events[0]).saturated_rows, 0);
    let delta = risk(&machine.quote(PRICE_REF)).expect("a risk event").delta;
    assert_eq!(delta, 10 << 32, "ten lots of one coin");
}
