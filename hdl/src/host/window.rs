//! The command window: puts a command together from the pieces in which it crossed the bus.
//!
//! ```text
//!   pieces of 8 bytes --> [words 0..7] -- word 7 written, all seen --> [valid] --> command
//!   64 bytes at once ----------^------------------------------------------^
//! ```
//!
//! Rules: `hedgewire_abi::register::RULES`. A piece may come in any order but for the last word, which takes
//! the command: it is shown in the cycle after, from registers, because what a command sets in motion is long.
//! `LATENCY` 1, `II` 1 for a 64-byte write. A command with a
//! word missing is dropped and flagged, never completed with an old word.

use rust_hdl::prelude::*;

use crate::record::Words;
use crate::signal::{U, bits_lit};

/// One command at a time.
#[derive(LogicBlock, Default)]
pub struct Window {
    pub clock: Signal<In, Clock>,
    /// Forgets pieces.
    pub reset: Signal<In, Bit>,
    /// A piece is written.
    pub window_write: Signal<In, Bit>,
    /// Which of the eight words it is.
    pub window_word: Signal<In, U<3>>,
    pub window_data: Signal<In, U<64>>,
    /// All eight words are written at once; a piece in the same cycle is ignored.
    pub window_all: Signal<In, Bit>,
    pub window_words: Signal<In, Words>,
    /// A command is there, in this cycle only: a bus write cannot be held back, so there is no ready.
    pub valid: Signal<Out, Bit>,
    pub command: Signal<Out, Words>,
    /// The last word came and others had not; with the cycle of `valid`.
    pub is_incomplete: Signal<Out, Bit>,
    words: DFF<Words>,
    /// Bit `i`: word `i` was written since the last command.
    seen: DFF<U<7>>,
    has_all: DFF<Bit>,
    takes: DFF<Bit>,
    lacks: DFF<Bit>,
    last: Signal<Local, Bit>,
}

impl Window {
    /// Cycles from the last piece to the command.
    pub const LATENCY: usize = 1;
    /// Cycles from one command to the next, 64 bytes at once.
    pub const II: usize = 1;
}

impl Logic for Window {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, words, seen);
        clock!(self, clock, has_all, takes, lacks);
        self.last.next = self.window_write.val() & !self.window_all.val() & self.window_word.val().all();
        if self.window_write.val() {
            match self.window_word.val().index() {
                0 => {
                    self.words.d.next.w0 = self.window_data.val();
                    self.seen.d.next = self.seen.q.val().replace_bit(0, true);
                }
                1 => {
                    self.words.d.next.w1 = self.window_data.val();
                    self.seen.d.next = self.seen.q.val().replace_bit(1, true);
                }
                2 => {
                    self.words.d.next.w2 = self.window_data.val();
                    self.seen.d.next = self.seen.q.val().replace_bit(2, true);
                }
                3 => {
                    self.words.d.next.w3 = self.window_data.val();
                    self.seen.d.next = self.seen.q.val().replace_bit(3, true);
                }
                4 => {
                    self.words.d.next.w4 = self.window_data.val();
                    self.seen.d.next = self.seen.q.val().replace_bit(4, true);
                }
                5 => {
                    self.words.d.next.w5 = self.window_data.val();
                    self.seen.d.next = self.seen.q.val().replace_bit(5, true);
                }
                6 => {
                    self.words.d.next.w6 = self.window_data.val();
                    self.seen.d.next = self.seen.q.val().replace_bit(6, true);
                }
                _ => {
                    self.words.d.next.w7 = self.window_data.val();
                }
            }
        }
        if self.window_all.val() {
            self.words.d.next = self.window_words.val();
        }
        if self.last.val() | self.window_all.val() | self.reset.val() {
            self.seen.d.next = bits_lit::<7>(0);
        }
        self.has_all.d.next = self.seen.d.val().all();

        self.takes.d.next = self.window_all.val() | (self.last.val() & self.has_all.q.val());
        self.lacks.d.next = self.last.val() & !self.has_all.q.val();
        self.valid.next = self.takes.q.val();
        self.command.next = self.words.q.val();
        self.is_incomplete.next = self.lacks.q.val();
    }
}

#[cfg(test)]
mod tests {
    use super::super::stimulus::{Random, words};
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    fn idle() -> TestBench<Window> {
        let mut bench = TestBench::new("window", Window::default());
        poke!(bench, reset, false);
        poke!(bench, window_write, false);
        poke!(bench, window_word, U::new(0));
        poke!(bench, window_data, U::new(0));
        poke!(bench, window_all, false);
        poke!(bench, window_words, Words::default());
        cycle!(bench);
        bench
    }

    #[test]
    fn random_pieces_give_the_commands_of_the_rules() {
        let mut bench = idle();
        let mut random = Random(5);
        let mut held = [None; 7];
        let mut counts = [0; 3];
        for i in 0..3000 {
            let (reset, all, write) = (random.chance(1), random.chance(6), random.chance(80));
            // Word 7 is rarer, so that the other seven are often complete.
            let word = if random.chance(6) { 7 } else { (random.next() % 7) as usize };
            let (data, whole) = (random.next(), random.words());
            poke!(bench, reset, reset);
            poke!(bench, window_all, all);
            poke!(bench, window_words, whole);
            poke!(bench, window_write, write);
            poke!(bench, window_word, U::new(word as u128));
            poke!(bench, window_data, U::new(u128::from(data)));
            cycle!(bench);

            let last = write && !all && word == 7;
            let complete = held.iter().all(|word| word.is_some());
            let valid = all || last && complete;
            assert_eq!(peek!(bench, valid), valid, "cycle {i}");
            assert_eq!(peek!(bench, is_incomplete), last && !complete, "cycle {i}");
            if all {
                assert_eq!(peek!(bench, command), whole, "cycle {i}");
            } else if valid {
                let mut expected = [data; 8];
                for (to, from) in expected.iter_mut().zip(held) {
                    *to = from.expect("complete");
                }
                assert_eq!(peek!(bench, command), words(expected), "cycle {i}");
            }
            counts[0] += usize::from(all);
            counts[1] += usize::from(last && complete);
            counts[2] += usize::from(last && !complete);

            if write && word < 7 {
                held[word] = Some(data);
            }
            if all || last || reset {
                held = [None; 7];
            }
        }
        assert!(counts.iter().all(|&n| n > 5), "every case occurs: {counts:?}");
        bench.finish();
    }

    #[test]
    fn a_stale_word_never_completes_a_command() {
        let mut bench = idle();
        for (round, skipped) in [(0, 8), (1, 3), (2, 8)] {
            for word in (0..8).filter(|word| *word != skipped) {
                poke!(bench, window_write, true);
                poke!(bench, window_word, U::new(word));
                poke!(bench, window_data, U::new(10 * round + word));
                cycle!(bench);
                assert_eq!(peek!(bench, valid), word == 7 && skipped == 8);
                assert_eq!(peek!(bench, is_incomplete), word == 7 && skipped != 8);
            }
        }
        bench.finish();
    }
}
