//! Cycles from the one in which a command is taken to the one in which its last event is presented.

use std::collections::BTreeMap;
use std::fmt;

use hedgewire_abi::command::{Quote, Trade};
use hedgewire_abi::event::{FLAG_EXACT, Refused};
use hedgewire_abi::{Command, Event, Reason};
use serde::Serialize;

/// How often a latency occurred.
#[derive(Debug, Default)]
pub struct Histogram(BTreeMap<u64, u64>);

/// A histogram in a few numbers, cycles.
#[derive(Debug, Clone, Serialize)]
pub struct Latency {
    count: u64,
    min: u64,
    p50: u64,
    p99: u64,
    max: u64,
}

impl Histogram {
    fn record(&mut self, cycles: u64) {
        *self.0.entry(cycles).or_default() += 1;
    }

    /// Its few numbers; none if nothing was recorded.
    pub fn summary(&self) -> Option<Latency> {
        let count: u64 = self.0.values().sum();
        // The smallest latency that so many hundredths do not exceed.
        let quantile = |per_cent: u64| {
            let mut below = 0;
            let rank = (count * per_cent).div_ceil(100);
            let reaches = |(_, often): &(&u64, &u64)| {
                below += **often;
                below >= rank
            };
            self.0.iter().find(reaches).map(|(&cycles, _)| cycles)
        };
        let (&min, _) = self.0.first_key_value()?;
        let (&max, _) = self.0.last_key_value()?;
        Some(Latency { count, min, p50: quantile(50)?, p99: quantile(99)?, max })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, min, p50, p99, max } = self;
        write!(f, "{min} to {max} cycles, median {p50}, 99 % {p99} ({count} times)")
    }
}

/// Latencies of decisions, by what they waited for. Commands that are refused as such are not counted.
#[derive(Debug, Default)]
pub struct Latencies {
    /// Quotes answered by the ladder, when everything before had been answered.
    pub quote: Histogram,
    /// The others answered by the ladder.
    pub quote_busy: Histogram,
    /// Quotes answered by an exact pass.
    pub quote_exact: Histogram,
    /// Trades, when everything before had been answered.
    pub trade: Histogram,
}

impl Latencies {
    /// Counts a command that was answered.
    pub fn record(&mut self, command: &Command, events: &[Event], is_busy: bool, cycles: u64) {
        let Some(first) = events.first() else { return };
        if first.kind() == Refused::KIND && first.reason().is_none_or(|reason| reason >= Reason::BadVersion) {
            return;
        }
        let is_exact = first.flags() & FLAG_EXACT != 0;
        match (command.kind(), is_exact, is_busy) {
            (Quote::KIND, true, _) => self.quote_exact.record(cycles),
            (Quote::KIND, false, true) => self.quote_busy.record(cycles),
            (Quote::KIND, false, false) => self.quote.record(cycles),
            (Trade::KIND, false, false) => self.trade.record(cycles),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_latencies_that_occurred() {
        let mut histogram = Histogram::default();
        assert!(histogram.summary().is_none());
        (1..=200).for_each(|cycles| histogram.record(cycles));
        let summary = histogram.summary().expect("recorded");
        let Latency { count, min, p50, p99, max } = summary;
        assert_eq!((count, min, p50, p99, max), (200, 1, 100, 198, 200));
    }
}
