//! Random tests, each from a seed that it prints.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

const SEED: u64 = 20_260_214;

pub fn check_random<S: Strategy>(
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
