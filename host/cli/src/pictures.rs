//! Pictures that several reports share.

use hdrhistogram::Histogram;
use hedgewire_abi::Reason;
use hedgewire_host::report::{BandHistory, Bar, Chart, Clock, HedgeMark, HedgeSide, Series};

/// Percentiles of a latency curve: ever denser towards the largest.
const PERCENTILES: [f64; 17] =
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0];

/// What a decision saw: time in s, net exposure and half band, in the unit of the picture.
pub struct Seen {
    pub time_s: f64,
    pub exposure: f64,
    pub half_band: f64,
}

/// A hedge: time in s, the net exposure that it was decided on, contracts traded.
pub struct Hedged {
    pub time_s: f64,
    pub exposure: f64,
    pub contracts: i64,
}

/// Net exposure inside its band around zero, with the hedges marked.
pub fn band(
    axis: String,
    clock: Clock,
    seen: impl Iterator<Item = Seen>,
    hedges: impl Iterator<Item = Hedged>,
) -> Chart {
    let mut history = BandHistory { net_delta: Vec::new(), lower: Vec::new(), upper: Vec::new(), hedges: Vec::new() };
    for Seen { time_s, exposure, half_band } in seen {
        history.net_delta.push((time_s, exposure));
        history.lower.push((time_s, -half_band));
        history.upper.push((time_s, half_band));
    }
    history.hedges.extend(hedges.map(|hedge| HedgeMark {
        time_s: hedge.time_s,
        net_delta: hedge.exposure,
        side: if hedge.contracts > 0 { HedgeSide::Buy } else { HedgeSide::Sell },
    }));
    Chart::band(axis, clock, history)
}

/// One line per named histogram of ns.
pub fn latency<'a>(histograms: impl Iterator<Item = (&'a str, &'a Histogram<u64>)>) -> Chart {
    let series = histograms.filter(|(_, histogram)| !histogram.is_empty()).map(|(name, histogram)| {
        let point = |percentile: f64| (percentile, histogram.value_at_percentile(percentile).max(1) as f64);
        Series::new(name, PERCENTILES.map(point).to_vec())
    });
    Chart::percentiles("latency (ns)", series.collect())
}

/// Decisions not to trade, by reason.
pub fn refusals(counts: impl Iterator<Item = (Reason, u64)>) -> Chart {
    Chart::bars("decisions", counts.map(|(reason, count)| Bar::new(reason.name(), count as f64)).collect())
}

/// Median, 99 % and largest of a histogram, as text.
pub fn quantiles(histogram: &Histogram<u64>) -> [String; 4] {
    [0.5, 0.99, 0.999, 1.0].map(|quantile| histogram.value_at_quantile(quantile).to_string())
}
