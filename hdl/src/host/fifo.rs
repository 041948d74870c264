//! A queue of commands in block RAM, whose output is that of the memory.
//!
//! ```text
//!           tail v                 v shown, again and again while it waits
//!   push -----> [ ][ ][ memory ][ ][ ] --> pop
//! ```
//!
//! `LATENCY` 2 from push to pop when the queue is empty, `II` 1. Whether and where a word is stored is a matter of
//! the level alone, not of `pop_ready`, so no path runs through the queue against its direction. The place behind the
//! last command is written in every cycle: a command is pushed by making it the last. What is shown keeps its place
//! until it is taken, since it is read anew in every cycle.

use rust_hdl::prelude::*;

use crate::primitive::Ram;
use crate::record::Words;
use crate::signal::{U, bits_lit};

/// A queue of `depth` times eight words, its memory addressed by `A` bits.
#[derive(LogicBlock)]
pub struct Fifo<const A: usize> {
    pub clock: Signal<In, Clock>,
    /// Empties the queue.
    pub reset: Signal<In, Bit>,
    pub push_valid: Signal<In, Bit>,
    pub push_ready: Signal<Out, Bit>,
    pub push_data: Signal<In, Words>,
    pub pop_valid: Signal<Out, Bit>,
    pub pop_ready: Signal<In, Bit>,
    pub pop_data: Signal<Out, Words>,
    /// Entries, the one at the output included.
    pub level: Signal<Out, U<8>>,
    memory: Ram<Words, A>,
    /// Place of the command that is shown.
    shown: DFF<U<A>>,
    tail: DFF<U<A>>,
    /// Entries that are not shown yet.
    stored: DFF<U<8>>,
    has_stored: DFF<Bit>,
    is_full: DFF<Bit>,
    valid: DFF<Bit>,
    entries: DFF<U<8>>,
    pushes: Signal<Local, Bit>,
    pops: Signal<Local, Bit>,
    loads: Signal<Local, Bit>,
    following: Signal<Local, U<A>>,
    one: Constant<U<8>>,
    step: Constant<U<A>>,
    last_place: Constant<U<8>>,
    last_shown: Constant<U<A>>,
}

impl<const A: usize> Fifo<A> {
    /// Cycles from push to pop, empty.
    pub const LATENCY: usize = 2;
    /// Cycles from one push to the next.
    pub const II: usize = 1;

    /// A queue of `depth` entries, at least 3 and at most as many as `A` bits address.
    pub fn new(depth: usize) -> Self {
        assert!(A <= 7 && depth >= 3 && depth <= 1 << A, "a queue of {depth} with an address of {A} bits");
        Self {
            clock: Signal::default(),
            reset: Signal::default(),
            push_valid: Signal::default(),
            push_ready: Signal::default(),
            push_data: Signal::default(),
            pop_valid: Signal::default(),
            pop_ready: Signal::default(),
            pop_data: Signal::default(),
            level: Signal::default(),
            memory: Ram::new(1 << A),
            shown: DFF::default(),
            tail: DFF::default(),
            stored: DFF::default(),
            has_stored: DFF::default(),
            is_full: DFF::default(),
            valid: DFF::default(),
            entries: DFF::default(),
            pushes: Signal::default(),
            pops: Signal::default(),
            loads: Signal::default(),
            following: Signal::default(),
            one: Constant::new(U::new(1)),
            step: Constant::new(U::new(1)),
            last_place: Constant::new(U::new(depth as u128 - 2)),
            last_shown: Constant::new(U::new((1 << A) - 1)),
        }
    }
}

impl<const A: usize> Logic for Fifo<A> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, memory);
        dff_setup!(self, clock, shown, tail, stored, has_stored, entries, is_full, valid);
        self.push_ready.next = !self.is_full.q.val();
        self.pop_valid.next = self.valid.q.val();
        self.pop_data.next = self.memory.q.val();
        self.level.next = self.entries.q.val();

        self.pushes.next = self.push_valid.val() & !self.is_full.q.val();
        self.pops.next = self.valid.q.val() & self.pop_ready.val();
        self.loads.next = (!self.valid.q.val() | self.pop_ready.val()) & self.has_stored.q.val();

        self.memory.write.next = !self.is_full.q.val();
        self.memory.write_address.next = self.tail.q.val();
        self.memory.write_data.next = self.push_data.val();
        self.following.next = self.shown.q.val() + self.step.val();
        self.memory.read_address.next = self.shown.q.val();
        if self.pushes.val() {
            self.tail.d.next = self.tail.q.val() + self.step.val();
        }
        if self.pops.val() {
            self.valid.d.next = false;
        }
        if self.loads.val() {
            self.valid.d.next = true;
            self.shown.d.next = self.following.val();
            self.memory.read_address.next = self.following.val();
        }
        if self.pushes.val() {
            self.has_stored.d.next = true;
        } else if self.loads.val() {
            self.has_stored.d.next = self.stored.q.val() != self.one.val();
        }
        if self.pushes.val() & !self.loads.val() {
            self.stored.d.next = self.stored.q.val() + self.one.val();
            self.is_full.d.next = self.stored.q.val() == self.last_place.val();
        }
        if self.loads.val() & !self.pushes.val() {
            self.stored.d.next = self.stored.q.val() - self.one.val();
            self.is_full.d.next = false;
        }
        if self.pushes.val() & !self.pops.val() {
            self.entries.d.next = self.entries.q.val() + self.one.val();
        }
        if self.pops.val() & !self.pushes.val() {
            self.entries.d.next = self.entries.q.val() - self.one.val();
        }

        if self.reset.val() {
            // The place before the first: nothing is written there before something is shown.
            self.shown.d.next = self.last_shown.val();
            self.tail.d.next = bits_lit::<A>(0);
            self.stored.d.next = bits_lit::<8>(0);
            self.has_stored.d.next = false;
            self.entries.d.next = bits_lit::<8>(0);
            self.is_full.d.next = false;
            self.valid.d.next = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::super::stimulus::Random;
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    /// Pushes and pops at random, with and without pressure from either side.
    fn run(name: &'static str, depth: usize, seed: u64) {
        let mut bench = TestBench::new(name, Fifo::<3>::new(depth));
        let mut random = Random(seed);
        let mut model = VecDeque::new();
        let mut reached = [false; 2];
        poke!(bench, push_valid, false);
        poke!(bench, pop_ready, false);
        poke!(bench, reset, true);
        cycle!(bench);
        for i in 0..600 {
            let (push, pop) = match i / 100 % 3 {
                0 => (95, 20),
                1 => (20, 95),
                _ => (90, 90),
            };
            let (push, pop, data) = (random.chance(push), random.chance(pop), random.words());
            let reset = random.chance(1);
            poke!(bench, push_valid, push);
            poke!(bench, push_data, data);
            poke!(bench, pop_ready, pop);
            poke!(bench, reset, reset);
            let ready = peek!(bench, push_ready);
            assert_eq!(ready, model.len() < depth, "cycle {i}");
            reached[0] |= !ready;
            let was_shown = peek!(bench, pop_valid);
            cycle!(bench);
            if pop && was_shown {
                model.pop_front();
            }
            // What is pushed now is shown a cycle later.
            let is_shown = !model.is_empty() && !reset;
            if push && ready {
                model.push_back(data);
            }
            if reset {
                model.clear();
            }
            reached[1] |= model.is_empty();
            assert_eq!(peek!(bench, pop_valid), is_shown, "cycle {i}");
            assert_eq!(peek!(bench, level).index(), model.len(), "cycle {i}");
            if let Some(first) = model.front().filter(|_| is_shown) {
                assert_eq!(peek!(bench, pop_data), *first, "cycle {i}");
            }
        }
        assert_eq!(reached, [true; 2], "full and empty were both reached");
        bench.finish();
    }

    #[test]
    fn nothing_is_lost_doubled_or_reordered() {
        run("fifo_3", 3, 1);
        run("fifo_5", 5, 2);
        run("fifo_8", 8, 3);
    }

    #[test]
    fn latency_is_as_stated() {
        let mut bench = TestBench::new("fifo_latency", Fifo::<3>::new(8));
        poke!(bench, reset, false);
        poke!(bench, push_valid, true);
        cycle!(bench, settle);
        for _ in 0..Fifo::<3>::LATENCY {
            assert!(!peek!(bench, pop_valid));
            cycle!(bench);
        }
        assert!(peek!(bench, pop_valid));
        bench.finish();
    }
}
