//! Which intervals may answer: those of a settled ladder, those of the ladder being finished that are behind it, and
//! the one that was made last for its own sake.
//!
//! ```text
//!   job --> forget, begins, finishes, freshens, settles --> settled bit by ladder
//!                                                           finish: ladder, next interval
//!                                                           fresh: ladder, interval
//!   wanted --> [register] --> is it there? --> is_lacking, the cycle after
//! ```
//!
//! Invariant: an interval is usable only if it follows from nodes that hold every trade. What makes it untrue is
//! `forget`, and a ladder's neighbour has a `forget` of its own.

use rust_hdl::prelude::*;

use crate::signal::*;

/// What may be read of up to 64 ladders.
#[derive(LogicBlock)]
pub struct Usable {
    pub clock: Signal<In, Clock>,
    /// No interval is usable.
    pub reset: Signal<In, Bit>,

    // ---- the ladder and interval at hand, and what happens to them
    pub ladder: Signal<In, U<9>>,
    pub index: Signal<In, U<15>>,
    /// Nothing of the ladder is usable any more, or of its underlying's other one.
    pub forget: Signal<In, Bit>,
    pub forget_other: Signal<In, Bit>,
    /// The ladder is the one being finished, from the interval at hand on.
    pub begins: Signal<In, Bit>,
    /// The interval has been made: of the ladder being finished, or for its own sake.
    pub finishes: Signal<In, Bit>,
    pub freshens: Signal<In, Bit>,
    /// Only an exact pass may answer for it. A cycle before it is said that it has been made, at the latest.
    pub unresolved: Signal<In, Bit>,
    /// None is being finished any more; then all of the ladder are.
    pub ends: Signal<In, Bit>,
    pub settles: Signal<In, Bit>,
    /// The interval is usable, a cycle late.
    pub is_there: Signal<Out, Bit>,

    // ---- the ladder that may be worked on next
    pub scan: Signal<In, U<9>>,
    /// A cycle late, like the next.
    pub is_settled: Signal<Out, Bit>,
    pub is_finishing: Signal<Out, Bit>,

    // ---- the front
    pub settled: Signal<Out, U<64>>,
    /// Bit by ladder: it has had an interval that is answered by an exact pass.
    pub any_exact: Signal<Out, U<64>>,
    pub finish_ladder: Signal<Out, U<9>>,
    pub finish_next: Signal<Out, U<15>>,
    pub finish_valid: Signal<Out, Bit>,
    pub fresh_ladder: Signal<Out, U<9>>,
    pub fresh_index: Signal<Out, U<15>>,
    pub fresh_valid: Signal<Out, Bit>,
    pub wanted: Signal<In, Bit>,
    pub wanted_ladder: Signal<In, U<9>>,
    pub wanted_index: Signal<In, U<15>>,
    /// What was wanted two cycles ago is not there.
    pub is_lacking: Signal<Out, Bit>,
    pub lacking_ladder: Signal<Out, U<9>>,
    pub lacking_index: Signal<Out, U<15>>,

    settled_bits: DFF<U<64>>,
    exact_bits: DFF<U<64>>,
    finish_at: DFF<U<9>>,
    finish_to: DFF<U<15>>,
    finish_on: DFF<Bit>,
    fresh_at: DFF<U<9>>,
    fresh_to: DFF<U<15>>,
    fresh_on: DFF<Bit>,
    /// Bit of the ladder at hand, a cycle late.
    ladder_bit: DFF<U<64>>,
    forgets: DFF<Bit>,
    forgets_other: DFF<Bit>,
    there: DFF<Bit>,
    scanned_settled: DFF<Bit>,
    scanned_finishing: DFF<Bit>,
    is_awaited: DFF<Bit>,
    awaited_ladder: DFF<U<9>>,
    awaited_index: DFF<U<15>>,
    // Of what is awaited.
    is_fresh: DFF<Bit>,
    is_finished: DFF<Bit>,
    is_whole: DFF<Bit>,
    lacks: DFF<Bit>,
    lacks_ladder: DFF<U<9>>,
    lacks_index: DFF<U<15>>,

    other: Signal<Local, U<9>>,
    other_bit: Signal<Local, U<64>>,
    /// Ladders of which nothing is settled any more.
    forgotten: Signal<Local, U<64>>,
    one_9: Constant<U<9>>,
    one_15: Constant<U<15>>,
    one_64: Constant<U<64>>,
    one_place: Constant<U<1>>,
    first_banks: Constant<U<64>>,
}

impl Default for Usable {
    fn default() -> Self {
        with_defaults!({
            one_9: Constant::new(U::new(1)),
            one_15: Constant::new(U::new(1)),
            one_64: Constant::new(U::new(1)),
            one_place: Constant::new(U::new(1)),
            first_banks: Constant::new(U::new(0x5555_5555_5555_5555)),
        }
            clock reset ladder index forget forget_other begins finishes freshens unresolved ends settles is_there scan
            is_settled is_finishing settled any_exact finish_ladder finish_next finish_valid fresh_ladder fresh_index
            fresh_valid wanted wanted_ladder wanted_index is_lacking lacking_ladder lacking_index settled_bits
            exact_bits finish_at finish_to finish_on fresh_at fresh_to fresh_on ladder_bit forgets forgets_other there
            scanned_settled scanned_finishing is_awaited awaited_ladder awaited_index is_fresh is_finished is_whole
            lacks lacks_ladder lacks_index other other_bit forgotten
        )
    }
}

impl Logic for Usable {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, settled_bits, exact_bits, ladder_bit, forgets, forgets_other, there, scanned_settled);
        clock!(self, clock, scanned_finishing, is_awaited, awaited_ladder, awaited_index, is_fresh, is_finished);
        clock!(self, clock, is_whole, lacks, lacks_ladder, lacks_index);
        dff_setup!(self, clock, finish_at, finish_to, finish_on, fresh_at, fresh_to, fresh_on);

        self.settled.next = self.settled_bits.q.val();
        self.any_exact.next = self.exact_bits.q.val();
        self.finish_ladder.next = self.finish_at.q.val();
        self.finish_next.next = self.finish_to.q.val();
        self.finish_valid.next = self.finish_on.q.val();
        self.fresh_ladder.next = self.fresh_at.q.val();
        self.fresh_index.next = self.fresh_to.q.val();
        self.fresh_valid.next = self.fresh_on.q.val();

        // ---- is it there?
        self.there.d.next = (self.fresh_on.q.val()
            & (self.fresh_at.q.val() == self.ladder.val())
            & (self.fresh_to.q.val() == self.index.val()))
            | (self.finish_on.q.val()
                & (self.finish_at.q.val() == self.ladder.val())
                & (self.index.val() < self.finish_to.q.val()))
            | self.settled_bits.q.val().get_bit(self.ladder.val().index());
        self.is_there.next = self.there.q.val();
        self.scanned_settled.d.next = self.settled_bits.q.val().get_bit(self.scan.val().index());
        self.is_settled.next = self.scanned_settled.q.val();
        self.scanned_finishing.d.next = self.finish_on.q.val() & (self.finish_at.q.val() == self.scan.val());
        self.is_finishing.next = self.scanned_finishing.q.val();
        self.is_awaited.d.next = self.wanted.val();
        self.awaited_ladder.d.next = self.wanted_ladder.val();
        self.awaited_index.d.next = self.wanted_index.val();
        self.is_fresh.d.next = self.fresh_on.q.val()
            & (self.fresh_at.q.val() == self.wanted_ladder.val())
            & (self.fresh_to.q.val() == self.wanted_index.val());
        self.is_finished.d.next = self.finish_on.q.val()
            & (self.finish_at.q.val() == self.wanted_ladder.val())
            & (self.wanted_index.val() < self.finish_to.q.val());
        self.is_whole.d.next = self.settled_bits.q.val().get_bit(self.wanted_ladder.val().index());
        self.lacks.d.next =
            self.is_awaited.q.val() & !self.is_fresh.q.val() & !self.is_finished.q.val() & !self.is_whole.q.val();
        self.lacks_ladder.d.next = self.awaited_ladder.q.val();
        self.lacks_index.d.next = self.awaited_index.q.val();
        self.is_lacking.next = self.lacks.q.val();
        self.lacking_ladder.next = self.lacks_ladder.q.val();
        self.lacking_index.next = self.lacks_index.q.val();

        // ---- ladders, by bits; neighbours are changed over
        self.ladder_bit.d.next = self.one_64.val() << self.ladder.val();
        self.other.next = self.ladder.val() ^ self.one_9.val();
        self.other_bit.next = ((self.ladder_bit.q.val() & self.first_banks.val()) << self.one_place.val())
            | ((self.ladder_bit.q.val() >> self.one_place.val()) & self.first_banks.val());
        self.forgets.d.next = self.forget.val();
        self.forgets_other.d.next = self.forget_other.val();
        self.forgotten.next = bits_lit::<64>(0);
        if self.forgets.q.val() {
            self.forgotten.next = self.ladder_bit.q.val();
        }
        if self.forgets_other.q.val() {
            self.forgotten.next = self.forgotten.val() | self.other_bit.val();
        }
        self.settled_bits.d.next = self.settled_bits.q.val() & !self.forgotten.val();
        self.exact_bits.d.next = self.exact_bits.q.val() & !self.forgotten.val();
        if self.settles.val() {
            self.settled_bits.d.next = self.settled_bits.q.val() | self.ladder_bit.q.val();
        }
        if self.unresolved.val() {
            self.exact_bits.d.next = self.exact_bits.q.val() | self.ladder_bit.q.val();
        }

        // ---- intervals
        if self.begins.val() {
            self.finish_on.d.next = true;
            self.finish_at.d.next = self.ladder.val();
            self.finish_to.d.next = self.index.val();
        }
        if self.finishes.val() {
            self.finish_to.d.next = self.index.val() + self.one_15.val();
        }
        if self.freshens.val() {
            // What has just been made is seen two cycles from now.
            self.is_fresh.d.next = true;
            self.lacks.d.next = false;
            self.fresh_on.d.next = true;
            self.fresh_at.d.next = self.ladder.val();
            self.fresh_to.d.next = self.index.val();
        }
        if self.ends.val()
            | (self.forget.val() & (self.finish_at.q.val() == self.ladder.val()))
            | (self.forget_other.val() & (self.finish_at.q.val() == self.other.val()))
        {
            self.finish_on.d.next = false;
        }
        if (self.forget.val() & (self.fresh_at.q.val() == self.ladder.val()))
            | (self.forget_other.val() & (self.fresh_at.q.val() == self.other.val()))
        {
            self.fresh_on.d.next = false;
        }

        if self.reset.val() {
            self.forgets.d.next = false;
            self.forgets_other.d.next = false;
            self.settled_bits.d.next = bits_lit::<64>(0);
            self.exact_bits.d.next = bits_lit::<64>(0);
            self.finish_on.d.next = false;
            self.fresh_on.d.next = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn an_interval_answers_until_its_ladder_is_forgotten_and_its_neighbour_stays() {
        let mut bench = TestBench::new("usable", Usable::default());
        poke!(bench, reset, true);
        cycle!(bench);
        poke!(bench, reset, false);
        for ladder in [4, 5] {
            poke!(bench, ladder, U::new(ladder));
            cycle!(bench);
            cycle!(bench);
            poke!(bench, settles, true);
            cycle!(bench);
            poke!(bench, settles, false);
        }
        assert_eq!(peek!(bench, settled).raw(), 0b11 << 4);
        poke!(bench, forget_other, true);
        cycle!(bench);
        poke!(bench, forget_other, false);
        cycle!(bench);
        assert_eq!(peek!(bench, settled).raw(), 1 << 5);

        // What is wanted is lacking until it has been made for its own sake.
        poke!(bench, ladder, U::new(4));
        poke!(bench, index, U::new(7));
        poke!(bench, wanted, true);
        poke!(bench, wanted_ladder, U::new(4));
        poke!(bench, wanted_index, U::new(7));
        cycle!(bench);
        cycle!(bench);
        assert!(peek!(bench, is_lacking));
        poke!(bench, freshens, true);
        cycle!(bench);
        poke!(bench, freshens, false);
        for _ in 0..4 {
            assert!(!peek!(bench, is_lacking) && peek!(bench, fresh_valid));
            cycle!(bench);
        }
        poke!(bench, forget, true);
        cycle!(bench);
        poke!(bench, forget, false);
        assert!(!peek!(bench, fresh_valid));
        cycle!(bench);
        cycle!(bench);
        assert!(peek!(bench, is_lacking));
        bench.finish();
    }
}
