//! When a stream stalls: one generator, written three times (here, in the shim, in the bench).
//!
//! ```text
//!   once a cycle, after the edge    x ^= x << 13;  x ^= x >> 7;  x ^= x << 17
//!   in every 256th cycle first      levels = x[1:0], x[3:2]
//!   commands are withheld           x[15:8]  < LEVELS[levels.0]
//!   events are not taken            x[23:16] < LEVELS[levels.1]
//! ```
//!
//! So each stream has stretches in which it runs freely, is held up now and then, mostly, and almost
//! always, and all pairs of them occur.

/// Of 256 cycles, how many are stalled, by level.
pub(super) const LEVELS: [u64; 4] = [0, 64, 192, 248];
/// Cycles for which a level lasts.
pub(super) const LEVEL_CYCLES: u64 = 256;

/// The generator's state.
#[derive(Debug, Clone)]
pub struct Stalls {
    state: u64,
    levels: [usize; 2],
}

impl Stalls {
    /// The generator of a seed; without one it never stalls.
    pub fn new(seed: Option<u64>) -> Self {
        Self { state: Self::start(seed), levels: [0; 2] }
    }

    /// The state to start from: 0 stays 0 and stalls nothing.
    pub(super) fn start(seed: Option<u64>) -> u64 {
        // An odd factor spreads small seeds, and only 0 goes to 0.
        seed.map_or(0, |seed| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63)
    }

    /// Whether commands are withheld, and events not taken, in this cycle.
    #[inline]
    pub fn step(&mut self, cycle: u64) -> (bool, bool) {
        if cycle.is_multiple_of(LEVEL_CYCLES) {
            self.levels = [self.state & 3, self.state >> 2 & 3].map(|level| level as usize);
        }
        let draws = [self.state >> 8 & 255, self.state >> 16 & 255];
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (draws[0] < LEVELS[self.levels[0]], draws[1] < LEVELS[self.levels[1]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_seed_nothing_stalls() {
        let mut stalls = Stalls::new(None);
        assert!((0..10_000).all(|cycle| stalls.step(cycle) == (false, false)));
    }

    #[test]
    fn every_seed_stalls_both_streams_and_lets_both_run() {
        for seed in 0..20 {
            let mut stalls = Stalls::new(Some(seed));
            let drawn: Vec<_> = (0..20_000).map(|cycle| stalls.step(cycle)).collect();
            for wanted in [(false, false), (false, true), (true, false), (true, true)] {
                let count = drawn.iter().filter(|&&pair| pair == wanted).count();
                assert!(count > 1_000, "seed={seed} {wanted:?} {count}");
            }
        }
    }
}
