//! The event ring: a card writes events into host memory, the host polls it and says now and then how far it is.
//!
//! ```text
//!                        slots, host memory
//!   card: Producer --->  | w0 .. w6, w7 = seq |  --->  host: Consumer
//!     |   seq, credit      w7 released last              expects seq, acquires w7 first
//!     |                                                       |
//!     +---- believed <------- consumer index, a register <----+  at the latest at half of the ring
//!
//!   slot of seq = seq modulo slots;   new <=> w7 = the seq expected;   stale <=> w7 = seq - slots, or 0 before
//! ```
//!
//! Both ends are here because the rules are one thing: a card in software uses [`Producer`], the host uses
//! [`Consumer`], and a test runs the two under a model checker, through every interleaving of their loads and
//! stores. They are generic over the word ([`Word`]) for that alone.
//!
//! What is defined:
//! * *wrap*: sequence numbers run freely; the index of a slot is masked, the consumer register is modulo 2^32;
//! * *full*: the producer has no credit and waits; nothing is overwritten;
//! * *slow consumer*: it stays the producer's `slots` behind at most, and finds all of them;
//! * *restart*: after a reset both ends start at the same number over a ring of zeros.
//!
//! Invariant: neither end reads what the other keeps for itself; each holds a copy of the other's index that is
//! never ahead of it.

use std::sync::atomic::{AtomicU64, Ordering};

/// A word that both ends reach.
pub trait Word {
    /// Loads; no other load or store is ordered by it.
    fn load(&self) -> u64;
    /// Loads; what follows sees everything before the store that was read.
    fn load_acquire(&self) -> u64;
    /// Stores; nothing is ordered by it.
    fn store(&self, value: u64);
    /// Stores; whoever acquires it sees everything before it.
    fn store_release(&self, value: u64);
}

impl Word for AtomicU64 {
    #[inline(always)]
    fn load(&self) -> u64 {
        AtomicU64::load(self, Ordering::Relaxed)
    }
    #[inline(always)]
    fn load_acquire(&self) -> u64 {
        AtomicU64::load(self, Ordering::Acquire)
    }
    #[inline(always)]
    fn store(&self, value: u64) {
        AtomicU64::store(self, value, Ordering::Relaxed);
    }
    #[inline(always)]
    fn store_release(&self, value: u64) {
        AtomicU64::store(self, value, Ordering::Release);
    }
}

/// What the host finds in the slot that it looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<const N: usize> {
    /// The record that was expected; the consumer has gone on.
    Record([u64; N]),
    /// What was there before: nothing new.
    Stale,
    /// Neither: a record was lost, or the slot was overwritten.
    Gap {
        /// The sequence number expected.
        expected: u64,
        /// The last word of the slot.
        found: u64,
    },
}

/// The host's end.
#[derive(Debug, Clone)]
pub struct Consumer {
    mask: u64,
    /// Sequence number expected next.
    next_seq: u64,
    /// Sequence number after the last one that the card was told of.
    reported_seq: u64,
    /// Sequence number of the first record since the restart.
    first_seq: u64,
}

impl Consumer {
    /// A consumer of a cleared ring of `2^size_log2` slots; the first record will be `first_seq`.
    pub fn new(size_log2: u32, first_seq: u64) -> Self {
        Self { mask: (1 << size_log2) - 1, next_seq: first_seq, reported_seq: first_seq, first_seq }
    }

    /// Sequence number expected next.
    #[inline]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Index of the slot that is looked at next.
    #[inline]
    pub fn index(&self) -> usize {
        (self.next_seq & self.mask) as usize
    }

    /// Looks at the slot of [`Consumer::index`], and goes on if the record expected is there.
    #[inline]
    pub fn take<W: Word, const N: usize>(&mut self, slot: &[W; N]) -> Found<N> {
        // ORDERING: acquires the last word before it copies the others. Pairs with the release in
        // `Producer::publish` (or the single posted write of a board): with this sequence number in it, the
        // record is whole.
        let last = slot[N - 1].load_acquire();
        if last != self.next_seq {
            return if last == self.stale() { Found::Stale } else { self.gap(last) };
        }
        let mut record = [last; N];
        for (value, word) in record.iter_mut().zip(&slot[..N - 1]) {
            *value = word.load();
        }
        self.next_seq = self.next_seq.wrapping_add(1);
        Found::Record(record)
    }

    /// Whether the record after the one expected is there (`next`, the slot after [`Consumer::index`]) and the one
    /// expected is not (`slot`): what a lost record leaves behind.
    pub fn is_overtaken<W: Word, const N: usize>(&self, slot: &[W; N], next: &[W; N]) -> bool {
        // ORDERING: acquires the later record's last word before it looks at the earlier one again. Pairs with the
        // release in `Producer::publish`: records are published in order, so an earlier one that was written is
        // seen. The look that found it missing was before, and says nothing.
        let is_next_there = next[N - 1].load_acquire() == self.next_seq.wrapping_add(1);
        is_next_there && slot[N - 1].load() == self.stale()
    }

    /// What the slot holds before the record expected: the record one turn ago, or zero in the first turn.
    #[inline]
    fn stale(&self) -> u64 {
        let turn = self.mask + 1;
        if self.next_seq.wrapping_sub(self.first_seq) >= turn { self.next_seq.wrapping_sub(turn) } else { 0 }
    }

    #[cold]
    fn gap<const N: usize>(&self, found: u64) -> Found<N> {
        Found::Gap { expected: self.next_seq, found }
    }

    /// Records taken and not reported.
    #[inline]
    pub fn unreported(&self) -> u64 {
        self.next_seq.wrapping_sub(self.reported_seq)
    }

    /// Whether the card must be told now, or it may have to wait.
    #[inline]
    pub fn is_report_due(&self) -> bool {
        self.unreported() > self.mask / 2
    }

    /// The consumer index for the card: the number of the last record taken, modulo 2^32. It must be written with
    /// release semantics, after the records have been copied out.
    #[inline]
    pub fn report(&mut self) -> u32 {
        self.reported_seq = self.next_seq;
        self.next_seq.wrapping_sub(1) as u32
    }
}

/// The card's end.
#[derive(Debug, Clone)]
pub struct Producer {
    mask: u64,
    /// Sequence number of the next record.
    next_seq: u64,
    /// Sequence number of the last record that the host has consumed, as far as is known.
    consumed_seq: u64,
}

impl Producer {
    /// A producer into a ring of `2^size_log2` slots whose first record will be `first_seq`.
    pub fn new(size_log2: u32, first_seq: u64) -> Self {
        Self { mask: (1 << size_log2) - 1, next_seq: first_seq, consumed_seq: first_seq.wrapping_sub(1) }
    }

    /// Sequence number of the next record.
    #[inline]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Sequence number of the last record that the host is known to have consumed.
    pub fn consumed_seq(&self) -> u64 {
        self.consumed_seq
    }

    /// Index of the next record's slot.
    #[inline]
    pub fn index(&self) -> usize {
        (self.next_seq & self.mask) as usize
    }

    /// Whether a record may be written without overwriting one that the host has not consumed.
    #[inline]
    pub fn has_credit(&self) -> bool {
        self.next_seq.wrapping_sub(1).wrapping_sub(self.consumed_seq) <= self.mask
    }

    /// Takes note of the host's consumer index; false, and nothing is believed, beyond the last record written, or
    /// back.
    pub fn consume(&mut self, index: u32) -> bool {
        let claimed = index.wrapping_sub(self.consumed_seq as u32);
        let unconsumed = self.next_seq.wrapping_sub(1).wrapping_sub(self.consumed_seq);
        let is_believed = u64::from(claimed) <= unconsumed;
        if is_believed {
            self.consumed_seq = self.consumed_seq.wrapping_add(u64::from(claimed));
        }
        is_believed
    }

    /// Gives the next record its number and goes on; the caller has seen that there is credit.
    #[inline]
    pub fn number(&mut self) -> u64 {
        debug_assert!(self.has_credit());
        let seq = self.next_seq;
        self.next_seq = self.next_seq.wrapping_add(1);
        seq
    }

    /// Writes a record, whose last word is its sequence number, into its slot.
    #[inline]
    pub fn publish<W: Word, const N: usize>(slot: &[W; N], record: &[u64; N]) {
        for (word, value) in slot[..N - 1].iter().zip(record) {
            word.store(*value);
        }
        // ORDERING: releases the other words with the last one. Pairs with the acquire in `Consumer::take`. What
        // was in the slot before has been copied out: the consumer index that gave the credit was released by the
        // host after its copy, and acquired by the card before it came here.
        slot[N - 1].store_release(record[N - 1]);
    }
}

/// Words for models of what is shared.
#[cfg(test)]
pub(crate) mod modelled {
    use std::sync::atomic::Ordering;

    pub use loom::sync::atomic::AtomicU64 as LoomWord;

    use super::Word;

    impl Word for LoomWord {
        fn load(&self) -> u64 {
            self.load(Ordering::Relaxed)
        }
        fn load_acquire(&self) -> u64 {
            self.load(Ordering::Acquire)
        }
        fn store(&self, value: u64) {
            self.store(value, Ordering::Relaxed);
        }
        fn store_release(&self, value: u64) {
            self.store(value, Ordering::Release);
        }
    }

    /// A word whose release and acquire are relaxed: nothing that needs them may work with it.
    pub struct Unordered(pub LoomWord);

    impl Word for Unordered {
        fn load(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
        fn load_acquire(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
        fn store(&self, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }
        fn store_release(&self, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use loom::sync::Arc;

    use super::modelled::{LoomWord, Unordered};
    use super::*;

    /// What the word next to the sequence number holds.
    fn content(seq: u64) -> u64 {
        seq.wrapping_mul(3) ^ 5
    }

    /// Card and host on two threads, over a ring of two slots and records of two words; `records` of them from
    /// `first_seq` on, with the consumer index in a register of its own.
    fn exchange<W: Word + Send + Sync + 'static>(word: fn(u64) -> W, first_seq: u64, records: u64) {
        let shared = Arc::new(([[word(0), word(0)], [word(0), word(0)]], word(first_seq.wrapping_sub(1))));
        let card = Arc::clone(&shared);
        let thread = loom::thread::spawn(move || {
            let (slots, register) = &*card;
            let mut producer = Producer::new(1, first_seq);
            for _ in 0..records {
                while !producer.has_credit() {
                    // ORDERING: as a card's register does, acquires what the host released.
                    assert!(producer.consume(register.load_acquire() as u32), "the host claims what it has seen");
                    loom::thread::yield_now();
                }
                let slot = &slots[producer.index()];
                let seq = producer.number();
                Producer::publish(slot, &[content(seq), seq]);
            }
        });
        let (slots, register) = &*shared;
        let mut consumer = Consumer::new(1, first_seq);
        for n in 0..records {
            let expected = first_seq.wrapping_add(n);
            loop {
                match consumer.take(&slots[consumer.index()]) {
                    Found::Record(record) => {
                        assert_eq!(record, [content(expected), expected], "the record is whole");
                        break;
                    }
                    Found::Stale => loom::thread::yield_now(),
                    Found::Gap { expected, found } => panic!("{found} where {expected} was expected"),
                }
            }
            if consumer.is_report_due() {
                register.store_release(consumer.report().into());
            }
        }
        thread.join().expect("the card ends");
    }

    /// Starts in the middle, where the register wraps, and where the sequence number does. None is a number at
    /// which a record would be numbered 0, which a cleared ring holds: that takes 2^64 events.
    const STARTS: [u64; 3] = [1, u32::MAX as u64 - 1, (1 << 63) - 1];

    #[test]
    fn every_interleaving_delivers_every_record_whole_and_once() {
        for first_seq in STARTS {
            // More records make more turns, not more cases: three go once round, and fill the ring.
            loom::model(move || exchange(LoomWord::new, first_seq, 3));
        }
    }

    /// Two records, and a host that looks for lost ones whenever it finds nothing.
    fn look_for_lost_records<W: Word + Send + Sync + 'static>(word: fn(u64) -> W) {
        let slots = Arc::new([[word(0), word(0)], [word(0), word(0)]]);
        let card = Arc::clone(&slots);
        let thread = loom::thread::spawn(move || {
            let mut producer = Producer::new(1, 1);
            for _ in 0..2 {
                let slot = &card[producer.index()];
                let seq = producer.number();
                Producer::publish(slot, &[content(seq), seq]);
            }
        });
        let consumer = Consumer::new(1, 1);
        let (slot, next) = (&slots[1], &slots[0]);
        if consumer.clone().take(slot) == Found::Stale {
            assert!(!consumer.is_overtaken(slot, next), "no record is lost");
        }
        thread.join().expect("the card ends");
    }

    #[test]
    fn no_interleaving_takes_a_late_look_for_a_lost_record() {
        loom::model(|| look_for_lost_records(LoomWord::new));
    }

    #[test]
    #[should_panic(expected = "no record is lost")]
    fn the_model_finds_a_look_without_its_barrier() {
        loom::model(|| look_for_lost_records(|value| Unordered(LoomWord::new(value))));
    }

    #[test]
    #[should_panic(expected = "the record is whole")]
    fn the_model_finds_a_ring_without_its_barriers() {
        loom::model(|| exchange(|value| Unordered(LoomWord::new(value)), 1, 4));
    }

    fn ring<const SLOTS: usize>() -> [[AtomicU64; 2]; SLOTS] {
        std::array::from_fn(|_| Default::default())
    }

    fn produce<const SLOTS: usize>(producer: &mut Producer, slots: &[[AtomicU64; 2]; SLOTS]) {
        let slot = &slots[producer.index()];
        let seq = producer.number();
        Producer::publish(slot, &[content(seq), seq]);
    }

    #[test]
    fn a_full_ring_waits_and_loses_nothing() {
        for first_seq in STARTS {
            let slots = ring::<8>();
            let (mut producer, mut consumer) = (Producer::new(3, first_seq), Consumer::new(3, first_seq));
            for turn in 0..5 {
                while producer.has_credit() {
                    produce(&mut producer, &slots);
                }
                for n in 0..8 {
                    let seq = first_seq + 8 * turn + n;
                    assert_eq!(consumer.take(&slots[consumer.index()]), Found::Record([content(seq), seq]));
                }
                assert_eq!(consumer.take(&slots[consumer.index()]), Found::Stale);
                assert!(consumer.is_report_due() && !producer.has_credit());
                assert!(producer.consume(consumer.report()));
                assert_eq!(consumer.unreported(), 0);
            }
        }
    }

    #[test]
    fn a_report_is_due_at_half_of_the_ring() {
        let slots = ring::<8>();
        let (mut producer, mut consumer) = (Producer::new(3, 1), Consumer::new(3, 1));
        for n in 1..=4 {
            produce(&mut producer, &slots);
            assert!(matches!(consumer.take(&slots[consumer.index()]), Found::Record(_)));
            assert_eq!(consumer.is_report_due(), n == 4);
        }
    }

    #[test]
    fn a_consumer_index_is_believed_up_to_what_was_written_and_never_back() {
        for first_seq in STARTS {
            let slots = ring::<8>();
            let mut producer = Producer::new(3, first_seq);
            let index = |seq: u64| seq as u32;
            assert!(producer.consume(index(first_seq - 1)), "nothing consumed of nothing");
            assert!(!producer.consume(index(first_seq)));
            for _ in 0..5 {
                produce(&mut producer, &slots);
            }
            assert!(!producer.consume(index(first_seq + 5)));
            assert!(producer.consume(index(first_seq + 2)));
            assert!(!producer.consume(index(first_seq + 1)), "back");
            assert_eq!(producer.consumed_seq(), first_seq + 2);
        }
    }

    #[test]
    fn lost_and_overwritten_records_are_gaps() {
        let slots = ring::<4>();
        let (mut producer, mut consumer) = (Producer::new(2, 1), Consumer::new(2, 1));
        produce(&mut producer, &slots);
        assert!(matches!(consumer.take(&slots[consumer.index()]), Found::Record(_)));
        // Record 2 never arrives; 3 does.
        producer.number();
        assert!(!consumer.is_overtaken(&slots[2], &slots[3]));
        produce(&mut producer, &slots);
        assert_eq!(consumer.take(&slots[consumer.index()]), Found::Stale);
        assert!(consumer.is_overtaken(&slots[2], &slots[3]));
        // A card that does not mind its credit comes round: 6 is where 2 should be.
        Producer::publish(&slots[2], &[content(6), 6]);
        assert_eq!(consumer.take(&slots[consumer.index()]), Found::Gap { expected: 2, found: 6 });
    }
}
