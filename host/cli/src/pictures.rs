//! Pictures that several reports share.

use hdrhistogram::Histogram;
use hedgewire_abi::Reason;
use hedgewire_host::report::{Bar, Chart, Series};

/// Percentiles of a latency curve: ever denser towards the largest.
const PERCENTILES: [f64; 17] =
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0];

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
