//! Starbase order entry: table, codec, frames, session, orders, hedges.
//!
//! The gateway's side is in `peer`, written from the venue's byte tables and not through the codec: the
//! two cannot share a wrong offset.

#[path = "../support/real_data.rs"]
mod real_data;

mod codec;
mod escalation;
mod frames;
mod hedges;
mod order_properties;
mod orders;
mod peer;
mod session;
mod session_faults;
mod table;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Seed of the property tests; `HEDGEWIRE_SEED` overrides it.
const SEED: u64 = 0x4f45_0015;

fn seed() -> u64 {
    let seed = std::env::var("HEDGEWIRE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    eprintln!("seed={seed} (set HEDGEWIRE_SEED to repeat another)");
    seed
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed()), ..ProptestConfig::default() }
}

fn shared_file(name: &str) -> Option<PathBuf> {
    real_data::real_data(Path::new(env!("CARGO_MANIFEST_DIR")), name)
}
