//! What can be seen of an engine, from outside: the exposition over HTTP, and the control socket under whatever is sent.

mod control;
mod exposition;
mod scrape;

use std::sync::Arc;

use hedgewire_host::telemetry::{Names, Telemetry, Underlying};

/// Two underlyings, two feeds, a session with a name that labels must escape.
fn telemetry() -> Arc<Telemetry> {
    let underlyings = vec![Underlying::new("BTC", "BTC-PERPETUAL", 0.5), Underlying::new("ETH", "ETH-PERPETUAL", 0.05)];
    let feeds = vec!["starbase".to_owned(), "legacy".to_owned()];
    let names = Names { underlyings, feeds, sessions: vec!["key \"one\"\\".to_owned()] };
    Arc::new(Telemetry::new(names, 1_000_000_000).expect("names that do"))
}
