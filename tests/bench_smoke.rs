//! Runs every bench body once, tiny, so that the benches cannot rot; nothing is timed.
//!
//! A body itself asserts that each of its commands was answered on the path that it claims to measure. What the kernel
//! said must be the same in both forms of the row kernel, and on every run.

#[path = "../benches/scenario/mod.rs"]
mod scenario;

use hedgewire_kernel::Form;
use scenario::body::{Named, catalogue};
use scenario::clock::Clock;

const ROWS: usize = 24;
const ROUNDS: usize = 3;

/// Hash of each body's results.
fn hashes(form: Form) -> Vec<(&'static str, u64)> {
    let clock = Clock::new();
    let run = |Named { name, mut body }: Named| {
        for _ in 0..ROUNDS {
            body.round(&clock);
        }
        (name, body.hash())
    };
    catalogue(form, ROWS).into_iter().map(run).collect()
}

#[test]
fn every_bench_body_runs_and_says_the_same_in_both_forms() {
    let scalar = hashes(Form::Scalar);
    for (name, hash) in &scalar {
        println!("{name:<24} {hash:016x}");
        assert_ne!(*hash, 0, "{name} did nothing");
    }
    assert_eq!(scalar, hashes(Form::best()));
}
