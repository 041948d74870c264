//! Starbase market data, from bytes to books that may be believed.
//!
//! Bytes are written by hand from the venue's tables (`wire`), not by the decoder's table. The oracle
//! (`naive`) is a sorted vector of orders per side. A small venue (`venue`) sends a seeded flow of orders
//! over two lines, a snapshot channel and a retransmit gateway, all of which lose, repeat, delay and refuse;
//! a follower that is fed without loss says what every book must be whenever it calls itself trustworthy.

#[path = "../support/real_data.rs"]
mod real_data;

mod believed;
mod channel;
mod desk;
mod framing;
mod golden;
mod naive;
mod order_book;
mod random_input;
mod recovery;
mod schema;
mod trust;
mod venue;
mod wire;

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use real_data::real_data;

use hedgewire_host::book::{Shape, Side};
use hedgewire_host::deribit::starbase::market::*;

use naive::NaiveBook;
use wire::{Body, packet};

/// Seed of the random tests; `HEDGEWIRE_SEED` overrides it.
const SEED: u64 = 0x4844_4757;

fn seed() -> u64 {
    let seed = std::env::var("HEDGEWIRE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    eprintln!("seed={seed} (set HEDGEWIRE_SEED to repeat another)");
    seed
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed()), ..ProptestConfig::default() }
}

fn read(payload: &[u8]) -> Vec<Result<Framed<'_>, DecodeError>> {
    Packet::new(payload).expect("a good packet header").messages().collect()
}

fn only(payload: &[u8]) -> Framed<'_> {
    let messages = read(payload);
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages[0].expect("a good message")
}

fn shared_file(name: &str) -> Option<Vec<u8>> {
    let path = real_data(Path::new(env!("CARGO_MANIFEST_DIR")), name)?;
    Some(std::fs::read(path).expect("the file can be read"))
}
