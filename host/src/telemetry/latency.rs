//! Latencies as counts of fixed buckets, recorded without a lock, an allocation or a system call.
//!
//! The recorder of `hdrhistogram`'s synchronised histogram is not taken: a reader's refresh makes it allocate a new
//! histogram and send the old one over a channel, in the middle of a recording. Here is the same idea of buckets, an
//! octave divided into 32, in atomic words with one writer; a recording is three loads and two stores.
//!
//! ```text
//!   bucket:  (0, 32 ns] by 1 ns; then each octave (2^k, 2^(k+1)] in 32 equal parts, up to 2^34 ns (17 s); beyond
//! ```
//!
//! A bucket has its upper end and not its lower, as Prometheus counts, so that powers of two are exact limits there.
//! A quantile is the upper end of its bucket: at most 1/32 too large, never too small. The largest latency is exact.

use super::cell::{Counter, Gauge};

/// log2 of the parts of an octave.
const PARTS_LOG2: u32 = 5;
const PARTS: usize = 1 << PARTS_LOG2;
/// log2 of the largest latency that is told from larger ones, ns.
const MAX_LOG2: u32 = 34;
/// All buckets, and one for what is beyond.
const BUCKETS: usize = (MAX_LOG2 - PARTS_LOG2 + 1) as usize * PARTS + 1;
/// Limits told to Prometheus, log2 of ns: 64 ns to 17 s.
const LIMITS_LOG2: std::ops::RangeInclusive<u32> = 6..=MAX_LOG2;

macro_rules! latencies {
    ($($name:ident $label:literal $text:literal;)*) => {
        /// What is measured.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Latency {
            $(#[doc = $text] $name,)*
        }

        impl Latency {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Name, as in metrics: `hedgewire_<name>_seconds`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// What it is, in a sentence.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

latencies! {
    PacketToDecision "packet_to_decision" "From a packet being visible to the engine to the kernel's decision on every quote of it, before an order's bytes are built";
    PacketToBytes "packet_to_bytes" "From a packet being visible to the engine to the bytes of an order that followed being handed to the socket";
    PacketToOrder "packet_to_order" "From a packet being visible to the engine to the socket having taken every byte of what was decided on it";
    OrderToAnswer "order_to_answer" "From the socket having taken every byte of a new order to the turn in which the venue's first report of it was read";
}

/// Latencies of one kind.
#[derive(Debug)]
pub struct LatencyHistogram {
    buckets: Box<[Counter]>,
    sum_ns: Counter,
    max_ns: Gauge,
}

impl Default for LatencyHistogram {
    /// Empty.
    fn default() -> Self {
        let buckets = (0..BUCKETS).map(|_| Counter::default()).collect();
        Self { buckets, sum_ns: Counter::default(), max_ns: Gauge::default() }
    }
}

/// The bucket of a latency.
#[inline(always)]
const fn bucket(ns: u64) -> usize {
    let below = ns.saturating_sub(1);
    if below < PARTS as u64 {
        return below as usize;
    }
    let octave = below.ilog2() - PARTS_LOG2;
    let at = (octave as usize) * PARTS + (below >> octave) as usize;
    if at < BUCKETS { at } else { BUCKETS - 1 }
}

/// The largest latency of a bucket, ns.
const fn upper_ns(bucket: usize) -> u64 {
    let octave = (bucket / PARTS).saturating_sub(1);
    ((bucket - octave * PARTS) as u64 + 1) << octave
}

impl LatencyHistogram {
    /// Counts a latency. For the one thread that measures it.
    #[inline]
    pub fn record(&self, ns: u64) {
        self.buckets[bucket(ns)].add(1);
        self.sum_ns.add(ns);
        if ns > self.max_ns.get() {
            self.max_ns.set(ns);
        }
    }

    /// A copy to look at.
    pub fn read(&self) -> LatencyCounts {
        let counts: Vec<u64> = self.buckets.iter().map(Counter::get).collect();
        LatencyCounts { counts, sum_ns: self.sum_ns.get(), max_ns: self.max_ns.get() }
    }
}

/// A copy of a histogram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyCounts {
    counts: Vec<u64>,
    sum_ns: u64,
    max_ns: u64,
}

impl LatencyCounts {
    /// How many.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum, s.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_ns as f64 * 1e-9
    }

    /// The latency that a share `quantile` (0 to 1) does not pass, ns: the end of its bucket, or the largest
    /// latency if that is less; `None` if there is none.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let count = self.count();
        let rank = ((quantile * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let at = self.counts.iter().position(|&n| {
            seen += n;
            seen >= rank
        })?;
        Some(if at + 1 == BUCKETS { self.max_ns } else { upper_ns(at).min(self.max_ns) })
    }

    /// Limits in seconds, each with how many are at most so large and above the limit before. The last has no limit.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let mut from = 0;
        let mut buckets: Vec<(f64, u64)> = LIMITS_LOG2
            .map(|log2| {
                let end = bucket(1 << log2) + 1;
                let count = self.counts[from..end].iter().sum();
                from = end;
                ((1u64 << log2) as f64 * 1e-9, count)
            })
            .collect();
        buckets.push((f64::INFINITY, self.counts[from..].iter().sum()));
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_is_in_the_bucket_that_ends_at_it_or_above() {
        for ns in (0..5_000).chain((6..34).flat_map(|k| [(1 << k) - 1, 1 << k, (1 << k) + 1])) {
            let at = bucket(ns);
            assert!(ns <= upper_ns(at), "{ns}: {at} ends at {}", upper_ns(at));
            assert!(at == 0 || ns > upper_ns(at - 1), "{ns}: {at} begins after {}", upper_ns(at - 1));
        }
        assert_eq!(bucket(1 << MAX_LOG2), BUCKETS - 2);
        assert_eq!(bucket((1 << MAX_LOG2) + 1), BUCKETS - 1);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_at_most_one_part_too_large() {
        let histogram = LatencyHistogram::default();
        for ns in 1..=10_000 {
            histogram.record(ns);
        }
        let counts = histogram.read();
        for (quantile, exact) in [(0.5, 5_000), (0.99, 9_900), (0.999, 9_990), (1.0, 10_000), (0.0, 1)] {
            let found = counts.quantile_ns(quantile).expect("it is not empty");
            assert!((exact..=exact + exact / 32 + 1).contains(&found), "{quantile}: {found}, not {exact}");
        }
        assert_eq!(counts.quantile_ns(1.0), Some(10_000), "the largest is exact");
        histogram.record(u64::MAX / 2);
        assert_eq!(histogram.read().quantile_ns(1.0), Some(u64::MAX / 2), "and beyond the buckets");
        assert_eq!(LatencyHistogram::default().read().quantile_ns(0.5), None);
    }

    #[test]
    fn limits_for_prometheus_count_what_is_at_most_so_large() {
        let histogram = LatencyHistogram::default();
        for ns in [1, 64, 65, 128, 1 << 34, (1 << 34) + 1] {
            histogram.record(ns);
        }
        let buckets = histogram.read().buckets();
        assert_eq!(buckets[0], (64e-9, 2));
        assert_eq!(buckets[1], (128e-9, 2));
        assert_eq!(buckets[buckets.len() - 2].1, 1);
        assert_eq!(buckets[buckets.len() - 1], (f64::INFINITY, 1));
        assert_eq!(buckets.iter().map(|(_, n)| n).sum::<u64>(), 6);
    }
}
