//! A listing from a recorded option chain: its expiries and strikes around the money, its forwards, marks and deltas.
//!
//! The chain is moved in time by whole days, up to the venue's opening, so that every option has the life that it had
//! when it was recorded, and at most a day more. An option's fair price follows the index by its net transaction
//! delta over the price of the coin (the derivative of a coin price; `reference/domain` of inverse options).

use std::collections::{BTreeMap, BTreeSet};

use hedgewire_host::chain::{ChainRow, Snapshot};
use hedgewire_host::instrument::{EuropeanOption, Payoff, Right};
use thiserror::Error;

use super::{COINS, Coin, NS_PER_DAY, UNIT};
use crate::venue::instrument::{Index, Instrument, Kind};

/// Why a chain makes no listing.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ChainListingError {
    /// Nothing of a coin.
    #[error("the chain has no inverse option of {0} that is alive and has mark, delta, forward and index")]
    Nothing(&'static str),
    /// A price that does not fit.
    #[error("line {line} of the chain: {what} {value} is no price")]
    Price {
        /// Line in the file.
        line: u64,
        /// Which price.
        what: &'static str,
        /// The text of its value.
        value: String,
    },
}

/// A row with everything that is listed of it.
#[derive(Clone, Copy)]
struct Listed<'a> {
    option: &'a EuropeanOption,
    line: u64,
    mark: f64,
    delta: f64,
    forward: f64,
    index: f64,
}

/// Indexes and instruments at an opening time, ns, of a chain's first expiries, each with so many strikes nearest to its
/// forward. `coins` are at most two: BTC, then ETH.
///
/// # Errors
/// [`ChainListingError`].
pub fn listing(
    snapshot: &Snapshot,
    now_ns: i64,
    coins: usize,
    expiries: usize,
    strikes: usize,
) -> Result<(Vec<Index>, Vec<Instrument>), ChainListingError> {
    let (mut indexes, mut instruments) = (vec![], vec![]);
    let days = (now_ns - snapshot.time_ns.cast_signed()).div_euclid(NS_PER_DAY) + 1;
    for (place, coin) in COINS.iter().enumerate().take(coins) {
        let of_expiries = by_expiry(snapshot, coin.base);
        let first = of_expiries.values().flatten().next().ok_or(ChainListingError::Nothing(coin.base))?;
        let (index, perpetual) = coin.begin(place, nano(first.line, "index", first.index)?);
        indexes.push(index);
        let mut id = perpetual.id;
        instruments.push(perpetual.clone());
        for rows in of_expiries.values().take(expiries) {
            let shifted = list(coin, &perpetual, &near(rows, strikes), days * NS_PER_DAY, &mut id)?;
            instruments.extend(shifted);
        }
    }
    Ok((indexes, instruments))
}

/// The options of a coin that can be listed.
fn by_expiry<'a>(snapshot: &'a Snapshot, base: &'a str) -> BTreeMap<u64, Vec<Listed<'a>>> {
    let mut of_expiries: BTreeMap<u64, Vec<Listed<'_>>> = BTreeMap::new();
    let is_alive = |row: &&ChainRow| row.option.payoff == Payoff::Inverse && row.option.expiry_ns > snapshot.time_ns;
    for row in snapshot.rows_of(base).filter(is_alive) {
        let known = || {
            let (option, line) = (&row.option, row.line);
            let (forward, index) = (row.forward_usd?, row.index_usd?);
            Some(Listed { option, line, mark: row.mark?, delta: row.delta?, forward, index })
        };
        if let Some(listed) = known() {
            of_expiries.entry(row.option.expiry_ns).or_default().push(listed);
        }
    }
    of_expiries
}

/// Rows of the strikes that are nearest to the forward, in order of strike, calls first.
fn near<'a>(rows: &[Listed<'a>], strikes: usize) -> Vec<Listed<'a>> {
    let forward = rows.first().map_or(0.0, |row| row.forward);
    let dollars = |row: &Listed<'_>| row.option.strike_usd.round() as i64;
    let mut nearest: Vec<i64> = rows.iter().map(dollars).collect::<BTreeSet<_>>().into_iter().collect();
    nearest.sort_by_key(|strike| (*strike as f64 - forward).abs() as i64);
    nearest.truncate(strikes);
    let mut near: Vec<_> = rows.iter().copied().filter(|row| nearest.contains(&dollars(row))).collect();
    near.sort_by_key(|row| (dollars(row), row.option.right == Right::Put));
    near
}

/// The future of an expiry and its options, moved in time; numbers follow `id`.
fn list(
    coin: &Coin,
    perpetual: &Instrument,
    rows: &[Listed<'_>],
    shift_ns: i64,
    id: &mut i64,
) -> Result<Vec<Instrument>, ChainListingError> {
    let mut instruments = vec![];
    for row in rows {
        let expiry_ns = row.option.expiry_ns.cast_signed() + shift_ns;
        if instruments.is_empty() {
            *id += 1;
            instruments.push(coin.future(perpetual, *id, expiry_ns, nano(row.line, "forward", row.forward)?));
        }
        *id += 1;
        let option = EuropeanOption { expiry_ns: expiry_ns.cast_unsigned(), ..row.option.clone() };
        let strike = nano(row.line, "strike", row.option.strike_usd)?;
        let kind = Kind::Option { expiry_ns, strike, is_put: row.option.right == Right::Put };
        let slope = (row.delta - row.mark) / row.forward * UNIT as f64;
        let mark = nano(row.line, "mark", row.mark)?;
        let listed = perpetual.clone().inverse_option(*id, &option.to_string(), kind, mark, slope.round() as i64);
        instruments.push(Instrument { mark: Some(listed.floor(mark)), ..listed });
    }
    Ok(instruments)
}

/// A price as 10^-9.
fn nano(line: u64, what: &'static str, value: f64) -> Result<i64, ChainListingError> {
    let nano = (value * UNIT as f64).round();
    let is_price = (0.0..1e18).contains(&nano);
    is_price.then_some(nano as i64).ok_or_else(|| ChainListingError::Price { line, what, value: value.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNAPSHOT_NS: u64 = 1_770_000_000_000_000_000;
    const NOW_NS: i64 = 1_790_000_000_000_000_000;

    fn row(line: u64, days: u64, strike_usd: f64, right: Right) -> ChainRow {
        let day = NS_PER_DAY.cast_unsigned();
        let expiry_ns = (SNAPSHOT_NS / day + days) * day + day / 3;
        let option = EuropeanOption { underlying: "BTC".into(), expiry_ns, strike_usd, right, payoff: Payoff::Inverse };
        ChainRow {
            line,
            time_ns: SNAPSHOT_NS,
            option,
            tau_years: None,
            bid: None,
            ask: None,
            mark: Some(0.031_27),
            forward_usd: Some(70_100.0),
            vol: Some(0.5),
            delta: Some(0.55),
            vega: None,
            open_interest: None,
            index_usd: Some(70_000.0),
        }
    }

    fn snapshot() -> Snapshot {
        let mut rows = vec![row(2, 0, 70_000.0, Right::Call)];
        rows[0].option.expiry_ns = SNAPSHOT_NS - 1;
        for (days, first_line) in [(10, 3), (40, 23)] {
            for at in 0..10 {
                let right = if at % 2 == 0 { Right::Call } else { Right::Put };
                rows.push(row(first_line + at, days, 60_000.0 + 5_000.0 * (at / 2) as f64, right));
            }
        }
        Snapshot { name: "made up".into(), time_ns: SNAPSHOT_NS, rows, bad: vec![] }
    }

    #[test]
    fn expiries_and_strikes_around_the_money_are_listed_with_the_life_that_they_had() {
        let (indexes, instruments) = listing(&snapshot(), NOW_NS, 1, 1, 3).expect("a listing");
        assert_eq!((indexes.len(), indexes[0].price), (1, 70_000 * UNIT));
        let strikes: Vec<_> = instruments
            .iter()
            .filter_map(|instrument| match instrument.kind {
                Kind::Option { strike, is_put, .. } => Some((strike / UNIT, is_put)),
                _ => None,
            })
            .collect();
        let expected = [65_000, 70_000, 75_000].map(|strike| [(strike, false), (strike, true)]);
        assert_eq!(strikes, expected.concat());
        let Kind::DatedFuture { expiry_ns } = instruments[1].kind else { panic!("the expiry's future") };
        assert_eq!(instruments[1].mark, Some(70_100 * UNIT));
        let life_ns = expiry_ns - NOW_NS;
        let lived_ns = snapshot().rows[1].option.expiry_ns.cast_signed() - SNAPSHOT_NS.cast_signed();
        assert!((0..=NS_PER_DAY).contains(&(life_ns - lived_ns)), "{life_ns} ns, recorded {lived_ns}");
        let option = &instruments[2];
        // Whole ticks of 0.0001 coin; the slope is that of the coin price.
        assert_eq!(option.mark, Some(31_200_000));
        assert_eq!(option.sensitivity_nano, ((0.55 - 0.031_27) / 70_100.0 * 1e9_f64).round() as i64);
        let names: BTreeSet<_> = instruments.iter().map(|instrument| (&instrument.name, instrument.id)).collect();
        assert_eq!(names.len(), instruments.len(), "every name and number once");
    }

    #[test]
    fn a_chain_without_a_coin_or_with_a_price_that_is_none_is_refused() {
        assert_eq!(listing(&snapshot(), NOW_NS, 2, 1, 3), Err(ChainListingError::Nothing("ETH")));
        let mut wrong = snapshot();
        wrong.rows[5].mark = Some(-0.1);
        let error = listing(&wrong, NOW_NS, 1, 2, 9).expect_err("a negative mark").to_string();
        assert_eq!(error, "line 7 of the chain: mark -0.1 is no price");
    }
}
