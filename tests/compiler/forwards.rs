//! Forwards: from a future, from parity of calls and puts, from the perpetual.

use std::collections::BTreeMap;

use hedgewire_host::black76::Black76;
use hedgewire_host::chain::{Snapshot, read_snapshot};
use hedgewire_host::compiler::{ForwardSource, forwards, parity_forward};
use hedgewire_host::instrument::{EuropeanOption, Payoff};

use crate::chain_files::{HEADER, line, write_file};
use crate::market::{BOTH, DAY_NS};

/// Quotes of one expiry around Black-76 coin or USD prices, `half_spread` wide.
fn quotes(forward: f64, payoff: Payoff, half_spread: f64) -> Snapshot {
    let folder = tempfile::tempdir().expect("a folder");
    let text = [HEADER.to_owned(), line("BTC-6FEB26-88000-P", "put", "88000", "0.115", "0.5")];
    let mut snapshot = read_snapshot(&write_file(folder.path(), "s.csv", &text.join("\n"))).expect("it reads");
    let template = snapshot.rows.remove(0);
    for strike in (60..=100).step_by(2).map(|k| f64::from(k) * 1000.0) {
        for right in BOTH {
            let model = Black76::new(forward, strike, 0.014, 0.55).expect("valid");
            let price = if payoff == Payoff::Inverse { model.coin_mark(right) } else { model.value(right) };
            let mut row = template.clone();
            row.option = EuropeanOption { strike_usd: strike, right, payoff, ..row.option };
            (row.bid, row.ask) = (Some(price - half_spread).filter(|&bid| bid > 0.0), Some(price + half_spread));
            snapshot.rows.push(row);
        }
    }
    snapshot
}

#[test]
fn parity_finds_the_forward_of_inverse_and_linear_quotes() {
    for (payoff, half_spread) in [(Payoff::Inverse, 0.0005), (Payoff::Linear, 40.0)] {
        let snapshot = quotes(79_123.0, payoff, half_spread);
        let forward = parity_forward(&snapshot.rows.iter().collect::<Vec<_>>()).expect("a forward");
        // The middle in USD is not that in coin: 0.001^2 apart.
        assert!((forward.price_usd / 79_123.0 - 1.0).abs() < 2e-6, "{forward:?}");
        assert!(matches!(forward.source, ForwardSource::Parity { pairs } if pairs >= 8), "{forward:?}");
    }
}

#[test]
fn a_stale_quote_moves_the_parity_forward_by_less_than_the_other_quotes_are_wide() {
    for (payoff, half_spread) in [(Payoff::Inverse, 0.0005), (Payoff::Linear, 40.0)] {
        let mut snapshot = quotes(79_123.0, payoff, half_spread);
        let stale = snapshot.rows.iter_mut().find(|row| row.option.strike_usd == 80_000.0).expect("a row");
        let price = stale.ask.expect("an ask") * 1.5;
        (stale.bid, stale.ask) = (Some(price), Some(price));
        let forward = parity_forward(&snapshot.rows.iter().collect::<Vec<_>>()).expect("a forward");
        // Call and put are each 0.0005 coin, or 40 USD, to either side of their values: 0.1 %. Alone,
        // the stale quote is off by ten times as much.
        assert!((forward.price_usd / 79_123.0 - 1.0).abs() < 1.05e-3, "{forward:?}");
    }
}

#[test]
fn quotes_too_wide_to_tell_the_forward_are_not_believed() {
    let snapshot = quotes(79_123.0, Payoff::Inverse, 0.02);
    assert_eq!(parity_forward(&snapshot.rows.iter().collect::<Vec<_>>()), None);
}

#[test]
fn a_forward_comes_from_the_future_then_parity_then_the_perpetual() {
    let snapshot = quotes(79_123.0, Payoff::Inverse, 0.0005);
    let expiry_ns = snapshot.rows[0].option.expiry_ns;
    let marks = BTreeMap::from([(expiry_ns, 79_100.0), (expiry_ns + DAY_NS, 79_200.0)]);
    let found = forwards("BTC", snapshot.rows.iter(), &marks, Some(79_000.0));
    assert_eq!(found.len(), 2);
    assert_eq!((found[&expiry_ns].price_usd, found[&expiry_ns].source), (79_100.0, ForwardSource::Future));
    let found = forwards("BTC", snapshot.rows.iter(), &BTreeMap::new(), Some(79_000.0));
    assert!(matches!(found[&expiry_ns].source, ForwardSource::Parity { .. }));
    let few = &snapshot.rows[..4];
    let found = forwards("BTC", few.iter(), &BTreeMap::new(), Some(79_000.0));
    assert_eq!((found[&expiry_ns].price_usd, found[&expiry_ns].source), (79_000.0, ForwardSource::Perpetual));
    assert!(forwards("BTC", few.iter(), &BTreeMap::new(), None).is_empty());
    assert!(forwards("ETH", snapshot.rows.iter(), &BTreeMap::new(), Some(1.0)).is_empty());
}
