//! The lanes: sums of all rows at one price, `hedgewire_kernel::ladder::Source::option_sums` and
//! `add_ranges` in one.
//!
//! ```text
//!   slot s: lane s % N, address s / N, twice, for two banks
//!
//!   address --> RowMemory --> Lane --> Accumulator inverse, linear --+
//!      |    --> RowMemory --> Lane --> Accumulator inverse, linear --+--> lane 0 --> sums
//!      |    ...                                                      |
//!                  inject --> lane 0 --> contribution, injected
//!
//!   Idle --start--> Run (count / N addresses) --> Drain --> Reduce (N) --done--> Idle
//!                    \________________ abort ________________/---------------------^
//! ```
//!
//! Sums are exact, so neither the order of rows nor the number of lanes can be seen. A pass takes
//! `count / N + LATENCY` cycles from `start` to `done`; `busy` is low again with `done`, and a new pass
//! may start there. An abort forgets the rows in flight: the next cycle is idle.
//!
//! `regions_*` sum the region (0 below, 1 inside, 2 above) of every range row of a group. Within a group
//! each region is monotone in price, the same way for all rows, so equal sums at two prices mean equal
//! regions: `Source::has_edge_between` is a comparison of these.
//!
//! A row written in a cycle is in every pass that starts in a later one. Injected rows go through lane 0
//! and are not summed; they may come in any cycle that is not busy. Their weights come later: those of gamma and vega
//! `Lane::LATE_PHI` cycles after them, that of delta after `Lane::LATE_H`.

use std::array::from_fn;

use rust_hdl::prelude::*;

use hedgewire_abi::format::SLOT_BLOCK;

use crate::record::{Change, Contribution, Ratios, Row, Sums};
use crate::signal::*;

mod accumulator;
mod lane;
mod normal;
mod product;
mod row_memory;
#[cfg(test)]
mod samples;

use accumulator::{Accumulator, Total};
pub use lane::Lane;
pub use normal::{Given, Normal};
use row_memory::{ADDRESS_BITS, RowMemory};

/// Cycles in which a row of a pass is on its way from the address to the accumulator.
const FLIGHT: usize = RowMemory::LATENCY + Lane::LATENCY;
/// All of them but the last.
const BEHIND: usize = FLIGHT - 1;
/// Cycles from `inject` to `injected`.
pub const INJECT_LATENCY: usize = Lane::LATENCY;

// The bits of `injecting` in which an injected row's weights come.
const _: () = assert!(INJECT_LATENCY - Lane::LATE_PHI == 5 && INJECT_LATENCY - Lane::LATE_H == 4);

#[derive(LogicState, Clone, Copy, Debug, PartialEq)]
enum State {
    Idle,
    Run,
    Drain,
    Reduce,
}

/// `N` lanes, a power of two up to 16.
#[derive(LogicBlock)]
pub struct Lanes<const N: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Forgets a pass and injected rows, not the rows in memory.
    pub reset: Signal<In, Bit>,
    /// Writes a row.
    pub write: Signal<In, Bit>,
    pub write_bank: Signal<In, Bit>,
    pub write_slot: Signal<In, U<20>>,
    /// Weights of at most 31 bits and a sign.
    pub write_row: Signal<In, Row>,
    /// Starts a pass. Looked at only while not busy.
    pub start: Signal<In, Bit>,
    pub bank: Signal<In, Bit>,
    /// First slot, a multiple of 64.
    pub first: Signal<In, U<20>>,
    /// Slots, a multiple of 64 and at least that.
    pub count: Signal<In, U<21>>,
    /// The price.
    pub ratios: Signal<In, Ratios>,
    /// Drops the pass at hand.
    pub abort: Signal<In, Bit>,
    /// From the cycle after `start` to the one before `done`, or through that of `abort`.
    pub busy: Signal<Out, Bit>,
    /// The next cycle is one of `done`.
    pub nearly: Signal<Out, Bit>,
    /// `sums` and `regions_*` are there, until the next start.
    pub done: Signal<Out, Bit>,
    pub sums: Signal<Out, Sums>,
    pub regions_inverse: Signal<Out, U<22>>,
    pub regions_linear: Signal<Out, U<22>>,
    /// Takes a row from outside.
    pub inject: Signal<In, Bit>,
    /// Its shape.
    pub inject_row: Signal<In, Row>,
    /// Weights, or changes of them, of a row that was injected before.
    pub inject_change: Signal<In, Change>,
    /// Its price.
    pub inject_ratios: Signal<In, Ratios>,
    /// The next cycle is one of `injected`.
    pub arriving: Signal<Out, Bit>,
    /// `contribution` is that of the row injected `INJECT_LATENCY` cycles ago.
    pub injected: Signal<Out, Bit>,
    pub contribution: Signal<Out, Contribution>,

    memories: [RowMemory; N],
    lanes: [Lane; N],
    inverse: [Accumulator; N],
    linear: [Accumulator; N],

    /// log2 N.
    lane_bits: Constant<U<3>>,
    lane_mask: Constant<U<20>>,
    /// Address of the second bank.
    second_bank: Constant<U<ADDRESS_BITS>>,
    write_base: Signal<Local, U<ADDRESS_BITS>>,
    write_place: Signal<Local, U<20>>,
    written: DFF<Bit>,
    written_lane: DFF<U<20>>,
    written_address: DFF<U<ADDRESS_BITS>>,
    written_row: DFF<Row>,

    state: DFF<State>,
    at: DFF<Ratios>,
    address: DFF<U<ADDRESS_BITS>>,
    left: DFF<U<21>>,
    one: Constant<U<21>>,
    /// N: a cycle for the total of each further lane, and one to add the last.
    hops: Constant<U<21>>,
    base: Signal<Local, U<ADDRESS_BITS>>,
    first_place: Signal<Local, U<20>>,
    is_starting: Signal<Local, Bit>,
    is_last: Signal<Local, Bit>,

    place: Constant<U<1>>,
    /// One bit a cycle of the way, the lowest for what is at the accumulators.
    in_flight: DFF<U<FLIGHT>>,
    departed: Constant<U<FLIGHT>>,
    injecting: DFF<U<INJECT_LATENCY>>,
    injected_now: Constant<U<INJECT_LATENCY>>,
    no_change: Constant<Change>,

    done_here: DFF<Bit>,
    /// What the accumulators do, in registers: they are many, and far.
    clears: DFF<Bit>,
    gathers: DFF<Bit>,
    passes: DFF<Bit>,
    /// Of the rows on their way none was behind the one at the accumulators.
    is_drained: DFF<Bit>,
    no_total: Constant<Total>,
    inverse_total: Signal<Local, Total>,
    linear_total: Signal<Local, Total>,
}

impl<const N: usize> Lanes<N> {
    /// Cycles from `start` to `done` beyond `count / N`: one to start, the way of a row, one to add it, and one
    /// for the total of each lane.
    pub const LATENCY: usize = 1 + FLIGHT + 1 + N;

    /// Lanes with two banks of `rows` slots, a multiple of 64.
    pub fn new(rows: usize) -> Self {
        assert!(N.is_power_of_two() && N <= 16, "{N} lanes");
        assert!(rows.is_multiple_of(SLOT_BLOCK as usize) && rows > 0 && rows <= 1 << 20, "{rows} rows");
        let depth = rows / N;
        let number = |value: usize| value as u128;
        Self {
            clock: Signal::default(),
            reset: Signal::default(),
            write: Signal::default(),
            write_bank: Signal::default(),
            write_slot: Signal::default(),
            write_row: Signal::default(),
            start: Signal::default(),
            bank: Signal::default(),
            first: Signal::default(),
            count: Signal::default(),
            ratios: Signal::default(),
            abort: Signal::default(),
            busy: Signal::default(),
            nearly: Signal::default(),
            done: Signal::default(),
            sums: Signal::default(),
            regions_inverse: Signal::default(),
            regions_linear: Signal::default(),
            inject: Signal::default(),
            inject_row: Signal::default(),
            inject_change: Signal::default(),
            inject_ratios: Signal::default(),
            arriving: Signal::default(),
            injected: Signal::default(),
            contribution: Signal::default(),
            memories: from_fn(|_| RowMemory::new(2 * depth)),
            lanes: from_fn(|_| Lane::default()),
            inverse: from_fn(|_| Accumulator::default()),
            linear: from_fn(|_| Accumulator::default()),
            lane_bits: Constant::new(U::new(u128::from(N.trailing_zeros()))),
            lane_mask: Constant::new(U::new(number(N - 1))),
            second_bank: Constant::new(U::new(number(depth))),
            write_base: Signal::default(),
            write_place: Signal::default(),
            written: DFF::default(),
            written_lane: DFF::default(),
            written_address: DFF::default(),
            written_row: DFF::default(),
            state: DFF::default(),
            at: DFF::default(),
            address: DFF::default(),
            left: DFF::default(),
            one: Constant::new(U::new(1)),
            hops: Constant::new(U::new(number(N))),
            base: Signal::default(),
            first_place: Signal::default(),
            is_starting: Signal::default(),
            is_last: Signal::default(),
            place: Constant::new(U::new(1)),
            in_flight: DFF::default(),
            departed: Constant::new(U::new(1 << (FLIGHT - 1))),
            injecting: DFF::default(),
            injected_now: Constant::new(U::new(1 << (INJECT_LATENCY - 1))),
            no_change: Constant::new(Change::default()),
            done_here: DFF::default(),
            clears: DFF::default(),
            gathers: DFF::default(),
            passes: DFF::default(),
            is_drained: DFF::default(),
            no_total: Constant::new(Total::default()),
            inverse_total: Signal::default(),
            linear_total: Signal::default(),
        }
    }
}

impl<const N: usize> Logic for Lanes<N> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, at, address, left);
        clock!(
            self,
            clock,
            written,
            written_lane,
            written_address,
            written_row,
            in_flight,
            injecting,
            done_here,
            clears,
            gathers,
            passes,
            is_drained
        );

        // Writes
        self.write_base.next = bits_lit::<21>(0);
        if self.write_bank.val() {
            self.write_base.next = self.second_bank.val();
        }
        self.write_place.next = self.write_slot.val() >> self.lane_bits.val();
        self.written.d.next = self.write.val();
        self.written_lane.d.next = self.write_slot.val() & self.lane_mask.val();
        self.written_address.d.next = unsigned_cast_wide(self.write_place.val()) + self.write_base.val();
        self.written_row.d.next = self.write_row.val();

        // The pass
        self.base.next = bits_lit::<21>(0);
        if self.bank.val() {
            self.base.next = self.second_bank.val();
        }
        self.first_place.next = self.first.val() >> self.lane_bits.val();
        self.in_flight.d.next = self.in_flight.q.val() >> self.place.val();
        self.is_starting.next = false;
        self.gathers.d.next = false;
        self.passes.d.next = false;
        self.is_last.next = self.left.q.val() == bits_lit::<21>(1);
        self.is_drained.d.next = !self.in_flight.q.val().get_bits::<BEHIND>(1).any();
        // What is past the last row is read too, and not added.
        self.address.d.next = self.address.q.val() + self.one.val();
        self.left.d.next = self.left.q.val() - self.one.val();
        self.done_here.d.next = false;
        match self.state.q.val() {
            State::Idle => {
                self.at.d.next = self.ratios.val();
                self.address.d.next = unsigned_cast_wide(self.first_place.val()) + self.base.val();
                self.left.d.next = self.count.val() >> self.lane_bits.val();
                if self.start.val() {
                    self.is_starting.next = true;
                    self.state.d.next = State::Run;
                }
            }
            State::Run => {
                self.in_flight.d.next = (self.in_flight.q.val() >> self.place.val()) | self.departed.val();
                if self.is_last.val() {
                    self.state.d.next = State::Drain;
                }
            }
            State::Drain => {
                // The last row is in what is added now.
                self.left.d.next = self.hops.val();
                if self.is_drained.q.val() {
                    self.gathers.d.next = true;
                    self.state.d.next = State::Reduce;
                }
            }
            State::Reduce => {
                self.passes.d.next = true;
                if self.is_last.val() {
                    self.passes.d.next = false;
                    self.done_here.d.next = true;
                    self.state.d.next = State::Idle;
                }
            }
            _ => {
                self.state.d.next = State::Idle;
            }
        }
        // Rows arrive much later.
        self.clears.d.next = self.is_starting.val();
        if self.abort.val() & (self.state.q.val() != State::Idle) {
            self.in_flight.d.next = bits_lit::<FLIGHT>(0);
            self.done_here.d.next = false;
            self.state.d.next = State::Idle;
        }

        // Rows from outside
        self.injecting.d.next = self.injecting.q.val() >> self.place.val();
        if self.inject.val() {
            self.injecting.d.next = (self.injecting.q.val() >> self.place.val()) | self.injected_now.val();
        }

        for i in 0..N {
            self.memories[i].clock.next = self.clock.val();
            self.memories[i].write.next = false;
            if self.written_lane.q.val().index() == i {
                self.memories[i].write.next = self.written.q.val();
            }
            self.memories[i].write_address.next = self.written_address.q.val();
            self.memories[i].write_row.next = self.written_row.q.val();
            self.memories[i].read_address.next = self.address.q.val();
            self.lanes[i].clock.next = self.clock.val();
            self.lanes[i].row.next = self.memories[i].row.val();
            self.lanes[i].at.next = self.at.q.val();
            self.lanes[i].is_late_phi.next = false;
            self.lanes[i].is_late_h.next = false;
            self.lanes[i].late.next = self.no_change.val();
            self.inverse[i].clock.next = self.clock.val();
            self.inverse[i].linear.next = false;
            self.inverse[i].clear.next = self.clears.q.val();
            self.inverse[i].add.next = self.in_flight.q.val().get_bit(0);
            self.inverse[i].contribution.next = self.lanes[i].contribution.val();
            self.inverse[i].region.next = self.lanes[i].region.val();
            self.inverse[i].gather.next = self.gathers.q.val();
            self.inverse[i].next_total.next = self.no_total.val();
            self.inverse[i].pass.next = self.passes.q.val();
            self.inverse[i].next_added.next = self.no_total.val();
            self.linear[i].clock.next = self.clock.val();
            self.linear[i].linear.next = true;
            self.linear[i].clear.next = self.clears.q.val();
            self.linear[i].add.next = self.in_flight.q.val().get_bit(0);
            self.linear[i].contribution.next = self.lanes[i].contribution.val();
            self.linear[i].region.next = self.lanes[i].region.val();
            self.linear[i].gather.next = self.gathers.q.val();
            self.linear[i].next_total.next = self.no_total.val();
            self.linear[i].pass.next = self.passes.q.val();
            self.linear[i].next_added.next = self.no_total.val();
        }
        for i in 1..N {
            self.inverse[i - 1].next_total.next = self.inverse[i].total.val();
            self.inverse[i - 1].next_added.next = self.inverse[i].added.val();
            self.linear[i - 1].next_total.next = self.linear[i].total.val();
            self.linear[i - 1].next_added.next = self.linear[i].added.val();
        }
        if self.inject.val() {
            self.lanes[0].row.next = self.inject_row.val();
            self.lanes[0].at.next = self.inject_ratios.val();
        }
        self.lanes[0].is_late_phi.next = self.injecting.q.val().get_bit(5);
        self.lanes[0].is_late_h.next = self.injecting.q.val().get_bit(4);
        self.lanes[0].late.next = self.inject_change.val();

        self.busy.next = self.state.q.val() != State::Idle;
        self.done.next = self.done_here.q.val();
        self.inverse_total.next = self.inverse[0].total.val();
        self.linear_total.next = self.linear[0].total.val();
        self.sums.next.inverse_delta = self.inverse_total.val().delta;
        self.sums.next.inverse_gamma = self.inverse_total.val().gamma;
        self.sums.next.inverse_vega = self.inverse_total.val().vega;
        self.sums.next.linear_delta = self.linear_total.val().delta;
        self.sums.next.linear_gamma = self.linear_total.val().gamma;
        self.sums.next.linear_vega = self.linear_total.val().vega;
        self.regions_inverse.next = self.inverse_total.val().regions;
        self.regions_linear.next = self.linear_total.val().regions;
        self.arriving.next = self.injecting.q.val().get_bit(1);
        self.injected.next = self.injecting.q.val().get_bit(0);
        self.contribution.next = self.lanes[0].contribution.val();

        if self.reset.val() {
            self.written.d.next = false;
            self.in_flight.d.next = bits_lit::<FLIGHT>(0);
            self.injecting.d.next = bits_lit::<INJECT_LATENCY>(0);
            self.done_here.d.next = false;
            self.state.d.next = State::Idle;
        }
        self.nearly.next = self.done_here.d.val();
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_abi::command::code;
    use hedgewire_kernel::elementary;
    use hedgewire_kernel::row::{GroupSums, Shape};
    use hedgewire_kernel::tables::NormalTable;

    use super::samples::{Random, wire_contribution, wire_ratios, wire_row};
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    const ROWS: usize = 192;

    /// Lanes, and the rows that they should hold.
    struct Rig<const N: usize> {
        bench: TestBench<Lanes<N>>,
        rows: [Vec<(Shape, [i64; 3])>; 2],
        table: Box<NormalTable>,
        random: Random,
    }

    impl<const N: usize> Rig<N> {
        fn new(name: &'static str) -> Self {
            let mut rig = Self {
                bench: TestBench::new(name, Lanes::new(ROWS)),
                rows: [0; 2].map(|_| vec![(Shape::default(), [0; 3]); ROWS]),
                table: NormalTable::new(),
                random: Random::new(9),
            };
            let bench = &mut rig.bench;
            for pulse in [true, false] {
                poke!(bench, reset, pulse);
                poke!(bench, write, false);
                poke!(bench, write_bank, false);
                poke!(bench, write_slot, U::new(0));
                poke!(bench, write_row, Row::default());
                poke!(bench, start, false);
                poke!(bench, bank, false);
                poke!(bench, first, U::new(0));
                poke!(bench, count, U::new(64));
                poke!(bench, ratios, Ratios::default());
                poke!(bench, abort, false);
                poke!(bench, inject, false);
                poke!(bench, inject_row, Row::default());
                poke!(bench, inject_change, Change::default());
                poke!(bench, inject_ratios, Ratios::default());
                cycle!(bench);
            }
            rig
        }

        fn write(&mut self, bank: usize, slot: usize, at: &elementary::Ratios) {
            // Of a bank's worth of such weights the sums stay within 2^63.
            let weights = [0; 3].map(|_: i64| self.random.weight(if slot == 5 { 31 } else { 24 }));
            let shape = self.random.shape(at);
            self.rows[bank][slot] = (shape, weights);
            let bench = &mut self.bench;
            poke!(bench, write, true);
            poke!(bench, write_bank, bank == 1);
            poke!(bench, write_slot, U::new(slot as u128));
            poke!(bench, write_row, wire_row(&shape, weights));
            cycle!(bench);
            poke!(bench, write, false);
        }

        fn start(&mut self, bank: usize, first: usize, count: usize, at: &elementary::Ratios) {
            let bench = &mut self.bench;
            poke!(bench, start, true);
            poke!(bench, bank, bank == 1);
            poke!(bench, first, U::new(first as u128));
            poke!(bench, count, U::new(count as u128));
            poke!(bench, ratios, wire_ratios(at));
            cycle!(bench);
            poke!(bench, start, false);
            poke!(bench, ratios, Ratios::default());
            assert!(peek!(bench, busy) && !peek!(bench, done));
        }

        /// Waits for the end of a pass begun `waited` cycles ago, and compares.
        fn finish(&mut self, bank: usize, first: usize, count: usize, at: &elementary::Ratios, waited: usize) {
            let bench = &mut self.bench;
            let cycles = count / N + Lanes::<N>::LATENCY - 1 - waited;
            for cycle in 1..=cycles {
                assert!(peek!(bench, busy) && !peek!(bench, done));
                assert_eq!(peek!(bench, nearly), cycle == cycles);
                cycle!(bench);
            }
            assert!(peek!(bench, done) && !peek!(bench, busy));
            self.compare(bank, first, count, at);
        }

        fn compare(&mut self, bank: usize, first: usize, count: usize, at: &elementary::Ratios) {
            let mut sums = GroupSums::default();
            let mut regions = [0u64; 2];
            for (shape, weights) in &self.rows[bank][first..first + count] {
                sums.group(shape.linear).add(shape.contribution(&self.table, at, *weights));
                if shape.kind == code::RANGE {
                    regions[usize::from(shape.linear)] += u64::from(shape.range_region(at));
                }
            }
            let bench = &mut self.bench;
            let wires = peek!(bench, sums);
            let wire = |sums: &hedgewire_kernel::row::Sums| wire_contribution(false, sums);
            let (inverse, linear) = (wire(&sums.inverse), wire(&sums.linear));
            assert_eq!(
                wires,
                Sums {
                    inverse_delta: inverse.delta,
                    inverse_gamma: inverse.gamma,
                    inverse_vega: inverse.vega,
                    linear_delta: linear.delta,
                    linear_gamma: linear.gamma,
                    linear_vega: linear.vega,
                }
            );
            assert_eq!(peek!(bench, regions_inverse).word(), regions[0]);
            assert_eq!(peek!(bench, regions_linear).word(), regions[1]);
        }

        /// Injects `count` rows, with a gap, and compares what comes out.
        fn inject(&mut self, count: usize) {
            let mut expected = vec![None; count + INJECT_LATENCY];
            let mut arriving = false;
            let mut changes = vec![Change::default(); count + INJECT_LATENCY];
            for i in 0..count + INJECT_LATENCY {
                let fed = i < count && i != 2;
                if fed {
                    let at = self.random.ratios();
                    let (shape, change) = (self.random.shape(&at), [0; 3].map(|_: i64| self.random.weight(32)));
                    let sums = shape.contribution(&self.table, &at, change);
                    expected[i] = Some(wire_contribution(shape.linear, &sums));
                    let bench = &mut self.bench;
                    let row = wire_row(&shape, change);
                    changes[i] = Change { delta: row.delta, gamma: row.gamma, vega: row.vega };
                    // Weights in the row itself mean nothing.
                    poke!(bench, inject_row, wire_row(&shape, change.map(|weight| weight / 3 + 1)));
                    poke!(bench, inject_ratios, wire_ratios(&at));
                }
                let bench = &mut self.bench;
                let by_phi = i.checked_sub(Lane::LATE_PHI).map_or_else(Change::default, |at| changes[at]);
                let by_h = i.checked_sub(Lane::LATE_H).map_or_else(Change::default, |at| changes[at]);
                poke!(bench, inject_change, Change { delta: by_h.delta, ..by_phi });
                poke!(bench, inject, fed);
                cycle!(bench);
                let injected = peek!(bench, injected);
                assert_eq!(injected, arriving);
                arriving = peek!(bench, arriving);
                let due = (i + 1).checked_sub(INJECT_LATENCY).and_then(|at| expected[at]);
                assert_eq!(injected, due.is_some());
                if let Some(due) = due {
                    assert_eq!(peek!(bench, contribution), due);
                }
            }
        }
    }

    fn passes<const N: usize>(name: &'static str) {
        let mut rig = Rig::<N>::new(name);
        let at = rig.random.ratios();
        for bank in 0..2 {
            for slot in 0..ROWS {
                rig.write(bank, slot, &at);
            }
        }
        // Whole banks, and parts of them.
        for (bank, first, count) in [(0, 0, ROWS), (1, 0, ROWS), (1, 64, 128), (0, 128, 64)] {
            rig.start(bank, first, count, &at);
            rig.finish(bank, first, count, &at, 0);
        }
        // Another price, started in the cycle of `done`; then rows from outside, which no sum sees.
        let other = rig.random.ratios();
        rig.start(0, 64, 64, &other);
        rig.finish(0, 64, 64, &other, 0);
        rig.inject(6);
        rig.compare(0, 64, 64, &other);
        // The last injected row may still be on its way when a pass starts.
        let bench = &mut rig.bench;
        poke!(bench, inject, true);
        cycle!(bench);
        poke!(bench, inject, false);
        rig.start(1, 0, 64, &at);
        rig.finish(1, 0, 64, &at, 0);
        // Dropped while it runs, drains and reduces, and started again at once. A start with an abort
        // while idle is a start.
        for wait in [0, 1, 64 / N - 1, 64 / N, 64 / N + 20, 64 / N + Lanes::<N>::LATENCY - 2] {
            rig.start(0, 0, 64, &at);
            let bench = &mut rig.bench;
            for _ in 0..wait {
                cycle!(bench);
            }
            assert!(peek!(bench, busy));
            poke!(bench, abort, true);
            cycle!(bench);
            assert!(!peek!(bench, busy) && !peek!(bench, done));
            rig.start(1, 128, 64, &other);
            let bench = &mut rig.bench;
            poke!(bench, abort, false);
            rig.finish(1, 128, 64, &other, 0);
        }
        // A row changes between two passes, the second in the cycle after.
        for slot in [0, N - 1, 63] {
            rig.write(0, slot, &at);
        }
        rig.start(0, 0, 64, &at);
        // A start while busy is not looked at, nor is a row of the other bank in the way.
        let bench = &mut rig.bench;
        poke!(bench, start, true);
        poke!(bench, bank, true);
        rig.write(1, 3, &at);
        let bench = &mut rig.bench;
        poke!(bench, start, false);
        rig.finish(0, 0, 64, &at, 1);
        // A reset drops a pass.
        rig.start(0, 0, 64, &at);
        let bench = &mut rig.bench;
        cycle!(bench);
        poke!(bench, reset, true);
        cycle!(bench);
        poke!(bench, reset, false);
        assert!(!peek!(bench, busy));
        rig.start(1, 0, ROWS, &at);
        rig.finish(1, 0, ROWS, &at, 0);
        rig.bench.finish();
    }

    #[test]
    fn one_lane_sums_as_the_kernel() {
        passes::<1>("lanes_1");
    }

    #[test]
    fn two_lanes_sum_as_the_kernel() {
        passes::<2>("lanes_2");
    }

    #[test]
    fn four_lanes_sum_as_the_kernel() {
        passes::<4>("lanes_4");
    }

    #[test]
    fn a_row_from_outside_takes_no_longer_than_the_engine_plans() {
        assert_eq!(INJECT_LATENCY, 25);
        assert_eq!(Lanes::<2>::LATENCY, 31);
    }
}
