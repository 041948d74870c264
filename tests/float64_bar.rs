//! Accuracy of the float64 bar: what the integer kernel is timed against must itself be right.
//!
//! The bar's own error is that of its two fits (2.8e-10 in Phi, 5.5e-11 of phi); every tolerance below is those, rounded up.

#[path = "../benches/bar/mod.rs"]
mod bar;

use bar::{BLOCK_ROWS, Float64Rows, FloatRow, density_reference, probability_reference};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEED: u64 = 20_240_607;

/// Fit error of Phi, absolute, with the rounding of a few operations.
const PROBABILITY_ERROR_MAX: f64 = 3e-10;
/// Fit error of phi, relative; the rounding of `u^2` at `|u| = 12` adds 1e-14.
const DENSITY_ERROR_MAX: f64 = 6e-11;

fn random_row(rng: &mut ChaCha8Rng) -> FloatRow {
    let years: f64 = rng.random_range(1.0..365.0) / 365.0;
    let deviation = rng.random_range(0.3..1.2) * years.sqrt();
    let log_moneyness: f64 = rng.random_range(-0.6..0.6);
    FloatRow {
        a: 1.0 / deviation,
        b: log_moneyness / deviation - deviation / 2.0,
        w_delta: rng.random_range(-10.0..10.0),
        w_gamma: rng.random_range(-10.0..10.0),
        w_vega: rng.random_range(-10.0..10.0),
    }
}

fn portfolio(rows: usize) -> (Vec<FloatRow>, Float64Rows) {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let list: Vec<FloatRow> = (0..rows).map(|_| random_row(&mut rng)).collect();
    let mut laid_out = Float64Rows::new();
    for row in &list {
        laid_out.push(*row);
    }
    (list, laid_out)
}

/// What each sum would be if no two rows offset each other.
fn gross(rows: &[FloatRow], x: f64) -> [f64; 3] {
    rows.iter().fold([0.0; 3], |total, row| {
        let u = row.a * x + row.b;
        let density = density_reference(u);
        [
            total[0] + (row.w_delta * probability_reference(u)).abs(),
            total[1] + (row.w_gamma * density).abs(),
            total[2] + (row.w_vega * density).abs(),
        ]
    })
}

/// Says why a test did nothing on a machine that cannot run the bar.
fn sums_or_skip(rows: &Float64Rows, x: f64) -> Option<[f64; 3]> {
    let sums = rows.sums(x);
    if sums.is_none() {
        eprintln!("SKIPPED: this CPU has no AVX2 and FMA");
    }
    sums
}

fn single_row_at(u: f64) -> Float64Rows {
    let mut rows = Float64Rows::new();
    rows.push(FloatRow { a: 0.0, b: u, w_delta: 1.0, w_gamma: 1.0, w_vega: 2.0 });
    rows
}

#[test]
fn sums_of_a_thousand_rows_agree_with_libm_to_a_billionth_of_gross() {
    let (list, rows) = portfolio(1_000);
    for step in -40..=40 {
        let x = f64::from(step) * 0.01;
        let Some(sums) = sums_or_skip(&rows, x) else {
            return;
        };
        let reference = rows.sums_reference(x);
        let gross = gross(&list, x);
        for greek in 0..3 {
            let error = (sums[greek] - reference[greek]).abs() / gross[greek];
            assert!(error < 1e-9, "seed={SEED} x={x} greek={greek}: {error:e} of gross");
        }
    }
}

#[test]
fn a_single_row_stays_within_the_error_of_the_fits() {
    for step in -12_000..=12_000 {
        let u = f64::from(step) / 1_000.0;
        let Some(sums) = sums_or_skip(&single_row_at(u), 0.0) else {
            return;
        };
        let probability_error = (sums[0] - probability_reference(u)).abs();
        let density_error = (sums[1] / density_reference(u) - 1.0).abs();
        assert!(probability_error < PROBABILITY_ERROR_MAX, "u={u}: {probability_error:e}");
        assert!(density_error < DENSITY_ERROR_MAX, "u={u}: {density_error:e}");
        assert_eq!(sums[2], 2.0 * sums[1], "u={u}");
    }
}

#[test]
fn far_tails_are_finite_and_saturate() {
    for u in [37.0, 100.0, 1e6, 1e30] {
        for sign in [-1.0, 1.0] {
            let Some(sums) = sums_or_skip(&single_row_at(sign * u), 0.0) else {
                return;
            };
            assert_eq!(sums[0], sign * 0.5, "u={u}");
            assert!((0.0..1e-290).contains(&sums[1]), "u={u}: {:e}", sums[1]);
        }
    }
}

#[test]
fn padding_adds_nothing_to_any_count_of_rows() {
    for count in 0..=2 * BLOCK_ROWS + 1 {
        let (list, rows) = portfolio(count);
        assert_eq!(rows.len(), count);
        assert_eq!(rows.is_empty(), count == 0);
        let Some(sums) = sums_or_skip(&rows, 0.05) else {
            return;
        };
        let reference = rows.sums_reference(0.05);
        // Phi's error is absolute, so one row near u = 0 is judged by its weight and not by its small contribution.
        let weight: f64 = list.iter().map(|row| row.w_delta.abs() + row.w_gamma.abs() + row.w_vega.abs()).sum();
        for greek in 0..3 {
            let error = (sums[greek] - reference[greek]).abs();
            assert!(error <= PROBABILITY_ERROR_MAX * weight, "{count} rows: {error:e}");
        }
    }
}
