//! What engines and venues are set up with: the example's configuration, changed, and venues that fit it.

use std::sync::Arc;

use hedgewire_host::config::Plan;
use hedgewire_sim::venue::{FaultSettings, VenueSettings, listing};

use super::rig::{START, STRIKES};

pub const EXAMPLE: &str = include_str!("../../../host/examples/live.toml");
/// Names and secrets of the keys, by gateway.
pub const MEMBERS: [(&str, &str); 2] = [("alpha", "alpha-secret"), ("beta", "beta-secret")];

/// A venue with one member, strikes and the public.
pub fn settings(seed: u64, faults: FaultSettings) -> VenueSettings {
    VenueSettings { faults, ..listing::venue(seed, START, (1, STRIKES), &MEMBERS[..1]) }
}

/// The example with some of its text replaced; each must be there.
pub fn plan_with(changes: &[(&str, &str)]) -> Arc<Plan> {
    let text = changes.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the example has no {from}");
        text.replace(from, to)
    });
    Arc::new(Plan::parse(&text).unwrap_or_else(|error| panic!("{changes:?}: {error}")))
}

/// Two underlyings, each at a gateway of its own, or both at one.
pub fn plan_of_two(gateways: usize) -> Arc<Plan> {
    let btc = &EXAMPLE[EXAMPLE.find("[[underlying]]").expect("the example has one")..];
    let eth = [
        ("\"BTC\"", "\"ETH\""),
        ("BTC-PERPETUAL", "ETH-PERPETUAL"),
        ("tick_usd = 0.5", "tick_usd = 0.05"),
        ("price_about_usd = 60_000.0", "price_about_usd = 3_000.0"),
        ("cross_usd = 5.0", "cross_usd = 0.25"),
    ];
    let eth = eth.iter().fold(btc.to_owned(), |text, (from, to)| text.replace(from, to));
    let gateway = &EXAMPLE[EXAMPLE.find("[[gateway]]").expect("the example has one")..EXAMPLE.len() - btc.len()];
    let second = gateway.replace("\"BTC\"", "\"ETH\"").replace("4210", "4211").replace("alpha", "beta");
    let text = if gateways == 2 {
        EXAMPLE.replace(gateway, &format!("{gateway}{second}"))
    } else {
        EXAMPLE.replace("underlyings = [\"BTC\"]", "underlyings = [\"BTC\", \"ETH\"]")
    };
    let channel = "[[live.channel]]\nid = 44850\nretransmit = \"127.0.0.1:4240\"\n\n";
    let text = text.replace("underlyings = 1\nrows = 64", "underlyings = 2\nrows = 128").replacen(
        "[[live.channel]]",
        &format!("{channel}[[live.channel]]"),
        1,
    );
    Arc::new(Plan::parse(&format!("{text}\n{eth}")).unwrap_or_else(|error| panic!("{error}")))
}
