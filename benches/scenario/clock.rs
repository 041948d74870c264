//! The clock: ticks of the CPU's counter, fenced, with the cost of reading it known.
//!
//! On x86-64 the time-stamp counter, whose rate is measured against `Instant`; elsewhere `Instant` itself. The
//! counter's grain is some 10 ns on the machines at hand: single shots cannot be told apart below that.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long the counter is compared with `Instant`.
const CALIBRATION: Duration = Duration::from_millis(100);

/// A counter of known rate.
pub struct Clock {
    start: Instant,
    ns_per_tick: f64,
    overhead: u64,
}

impl Clock {
    /// Measures the rate of the counter and the cost of reading it.
    pub fn new() -> Self {
        let mut clock = Self { start: Instant::now(), ns_per_tick: 1.0, overhead: 0 };
        clock.calibrate();
        let mut empty: Vec<u64> = (0..10_001).map(|_| clock.time(|| black_box(0)).0).collect();
        empty.sort_unstable();
        clock.overhead = empty[empty.len() / 2];
        clock
    }

    fn calibrate(&mut self) {
        let (first_tick, first_time) = self.both();
        while first_time.elapsed() < CALIBRATION {}
        let (last_tick, last_time) = self.both();
        self.ns_per_tick = (last_time - first_time).as_nanos() as f64 / (last_tick - first_tick) as f64;
    }

    /// Counter and `Instant` of the same moment: the tightest of some pairs, so that no interruption lies between.
    fn both(&self) -> (u64, Instant) {
        let pairs = (0..64).map(|_| {
            let before = self.ticks();
            let time = Instant::now();
            (self.ticks() - before, before, time)
        });
        let (_, tick, time) = pairs.min_by_key(|pair| pair.0).expect("there are 64 pairs");
        (tick, time)
    }

    /// Runs `work` and returns its ticks, less those of an empty run, and its result.
    #[inline(always)]
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> (u64, T) {
        let first = self.ticks();
        let result = work();
        let last = self.ticks();
        ((last - first).saturating_sub(self.overhead), result)
    }

    /// Ticks as nanoseconds.
    pub fn ns(&self, ticks: u64) -> f64 {
        ticks as f64 * self.ns_per_tick
    }

    /// Nanoseconds that reading the clock twice takes, which are subtracted everywhere.
    pub fn overhead_ns(&self) -> f64 {
        self.ns(self.overhead)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn ticks(&self) -> u64 {
        use std::arch::x86_64::{__rdtscp, _mm_lfence};
        let mut core = 0;
        // SAFETY: both instructions are part of every x86-64 that runs Rust's standard library here, read no memory,
        // and `core` is a valid place to write to. `rdtscp` waits for what is before it, the fences keep the rest
        // apart.
        unsafe {
            _mm_lfence();
            let ticks = __rdtscp(&mut core);
            _mm_lfence();
            ticks
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    fn ticks(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
