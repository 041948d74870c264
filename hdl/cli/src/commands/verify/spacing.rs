//! How far apart commands are fed. What a card does meanwhile depends on it; what it answers must not.
//!
//! ```text
//!   a stretch of some commands, then another:
//!     together   a block of them, as fast as they are taken
//!     apart      one by one, 0 to N cycles before each; N is of the stretch
//!     in turn    the same, and none before all that is due has come
//! ```
//!
//! Invariant: a function of the seed alone, so that every engine is fed alike.

use hedgewire_sim::random::Random;

/// Commands that are fed together: a difference is found no later than after them.
const BLOCK_COMMANDS: usize = 64;
/// Most commands of a stretch.
const MOST_STRETCH: usize = 128;
/// The longest wait of a stretch is up to one of these: less than a decision takes, than a trade, and more.
const MOST_CYCLES: [usize; 4] = [4, 40, 250, 600];
/// The stream of random numbers of the seed; the commands have their own.
const STREAM: u64 = 7;

/// What is fed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Cycles before it.
    pub wait: u64,
    /// So many commands, or what is left.
    pub commands: usize,
    /// All that is due must come before the next.
    pub is_in_turn: bool,
}

/// Draws the spacing of a run.
pub struct Spacing {
    /// None: always in turn and without waits.
    random: Option<Random>,
    /// Commands left of the stretch.
    left: usize,
    most_wait: usize,
    is_together: bool,
    is_in_turn: bool,
}

impl Spacing {
    /// Stretches of every kind.
    pub fn drawn(seed: u64) -> Self {
        Self { random: Some(Random::new(seed, STREAM)), ..Self::in_turn() }
    }

    /// Each when all before it have been answered.
    pub fn in_turn() -> Self {
        Self { random: None, left: 0, most_wait: 0, is_together: false, is_in_turn: true }
    }

    /// What is fed next.
    pub fn next(&mut self) -> Turn {
        let Some(random) = &mut self.random else { return Turn { wait: 0, commands: 1, is_in_turn: true } };
        if self.left == 0 {
            self.left = 1 + random.index(MOST_STRETCH);
            let kind = random.index(4);
            self.is_together = kind < 2;
            self.is_in_turn = kind == 3;
            let most_cycles = MOST_CYCLES[random.index(MOST_CYCLES.len())];
            self.most_wait = random.index(most_cycles + 1);
        }
        let commands = if self.is_together { self.left.min(BLOCK_COMMANDS) } else { 1 };
        self.left -= commands;
        let wait = if self.is_together { 0 } else { random.index(self.most_wait + 1) as u64 };
        Turn { wait, commands, is_in_turn: self.is_in_turn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_feeds_together_apart_and_in_turn() {
        for seed in 0..20 {
            let mut spacing = Spacing::drawn(seed);
            let turns: Vec<Turn> = (0..20_000).map(|_| spacing.next()).collect();
            let count = |is_of: &dyn Fn(&Turn) -> bool| turns.iter().filter(|turn| is_of(turn)).count();
            let counts = [
                count(&|turn| turn.commands > 1 && turn.wait == 0 && !turn.is_in_turn),
                count(&|turn| turn.commands == 1 && (1..40).contains(&turn.wait) && !turn.is_in_turn),
                count(&|turn| turn.commands == 1 && turn.wait > 200 && !turn.is_in_turn),
                count(&|turn| turn.commands == 1 && turn.wait == 0 && turn.is_in_turn),
                count(&|turn| turn.commands == 1 && turn.wait > 200 && turn.is_in_turn),
            ];
            assert!(counts.iter().all(|&count| count > 50), "seed={seed} {counts:?}");
            assert!(turns.iter().all(|turn| (1..=BLOCK_COMMANDS).contains(&turn.commands)));
            let mut again = Spacing::drawn(seed);
            assert!(turns.iter().all(|turn| *turn == again.next()));
        }
    }
}
