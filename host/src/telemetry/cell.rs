//! What the engine's thread writes and others read: counters, gauges, and groups of words that belong together.
//!
//! Invariants:
//! * a cell has one writer; so an addition is a load and a store, without the bus lock of a read-modify-write;
//! * a reader never makes a writer wait, and what it reads of a [`Sequenced`] was written by one write.
//!
//! ```text
//!   writer:  number := odd     words := ... (each released)     number := even (released)
//!   reader:  number even?  ->  words (each acquired)  ->  number still the same?  ->  whole, else again
//! ```
//!
//! A reader that sees one word of a later write has acquired it, and with it that write's odd number, so that its second
//! look differs from its first.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::card::ring::Word;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds. For the cell's one writer.
    #[inline(always)]
    pub fn add(&self, n: u64) {
        // ORDERING: relaxed; one writer, and no other memory is told of by a count.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Takes over a total that is counted elsewhere. For the cell's one writer.
    #[inline(always)]
    pub fn set_total(&self, total: u64) {
        self.0.store(total, Ordering::Relaxed);
    }

    /// The count.
    #[inline(always)]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets it.
    #[inline(always)]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Its value.
    #[inline(always)]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Words of which a reader sees one write, whole.
#[derive(Debug)]
pub struct Sequenced<const N: usize, W = AtomicU64> {
    number: W,
    words: [W; N],
}

impl<const N: usize> Default for Sequenced<N> {
    /// All zero, as if never written.
    fn default() -> Self {
        Self { number: AtomicU64::new(0), words: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl<const N: usize, W: Word> Sequenced<N, W> {
    /// Writes all words. For the one writer.
    #[inline]
    pub fn write(&self, words: &[u64; N]) {
        let number = self.number.load();
        // ORDERING: each word releases the odd number; the even number releases the words.
        self.number.store(number.wrapping_add(1));
        for (cell, word) in self.words.iter().zip(words) {
            cell.store_release(*word);
        }
        self.number.store_release(number.wrapping_add(2));
    }

    /// Reads all words; `None` if a write was under way.
    #[inline]
    pub fn try_read(&self) -> Option<[u64; N]> {
        let before = self.number.load_acquire();
        // ORDERING: a word that is acquired brings its write's odd number with it, for the second look.
        let words = std::array::from_fn(|i| self.words[i].load_acquire());
        (before.is_multiple_of(2) && self.number.load() == before).then_some(words)
    }

    /// Reads all words. A write takes some nanoseconds, so that one of the next looks succeeds.
    pub fn read(&self) -> [u64; N] {
        loop {
            if let Some(words) = self.try_read() {
                return words;
            }
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use loom::sync::Arc;

    use super::*;
    use crate::card::ring::modelled::{LoomWord, Unordered};

    /// Two writes of equal words, and a reader that looks once.
    fn write_and_look<W: Word + Send + Sync + 'static>(word: fn(u64) -> W) {
        let cell = Arc::new(Sequenced { number: word(0), words: [word(0), word(0)] });
        let writer = Arc::clone(&cell);
        let thread = loom::thread::spawn(move || {
            writer.write(&[1, 1]);
            writer.write(&[2, 2]);
        });
        if let Some([first, second]) = cell.try_read() {
            assert_eq!(first, second, "one write, whole");
        }
        thread.join().expect("the writer ends");
        assert_eq!(cell.try_read(), Some([2, 2]));
    }

    #[test]
    fn no_interleaving_shows_two_writes_in_one_read() {
        loom::model(|| write_and_look(LoomWord::new));
    }

    #[test]
    #[should_panic(expected = "one write, whole")]
    fn the_model_finds_a_cell_without_its_barriers() {
        loom::model(|| write_and_look(|value| Unordered(LoomWord::new(value))));
    }

    #[test]
    fn counters_add_and_take_over_totals() {
        let counter = Counter::default();
        counter.add(2);
        counter.add(3);
        assert_eq!(counter.get(), 5);
        counter.set_total(40);
        counter.add(1);
        assert_eq!(counter.get(), 41);
    }
}
