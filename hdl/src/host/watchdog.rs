//! The watchdog: a host that has gone silent gets no more orders sent in its name.
//!
//! ```text
//!   count = cycles since the last heartbeat, while enabled;   tripped once count reaches the period
//! ```
//!
//! `tripped` is latched, and cleared by a reset alone: a host that comes back late must not find a
//! card that trades again by itself. It closes the *intake* of commands and touches nothing else. That
//! keeps the machine deterministic: time does not enter the kernel, no event depends on the
//! watchdog, and what the card says is what the sequential kernel says to the commands that were
//! taken. Had it turned orders into refusals, the events would depend on a cycle count, and neither
//! a replay nor the CPU that takes over could repeat them. Commands taken before it trips are answered,
//! so an order may still leave for as long as those take.
//!
//! `LATENCY` 1: `tripped` stands one cycle after the count has reached the period.

use rust_hdl::prelude::*;

use crate::signal::{U, bits_lit};

/// Counts cycles without a heartbeat.
#[derive(LogicBlock)]
pub struct Watchdog {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// Counts while set.
    pub enable: Signal<In, Bit>,
    /// Cycles without a heartbeat; 0 is for ever.
    pub period: Signal<In, U<32>>,
    pub heartbeat: Signal<In, Bit>,
    pub tripped: Signal<Out, Bit>,
    count: DFF<U<32>>,
    has_tripped: DFF<Bit>,
    /// The period of a cycle ago, and whether it is one: a wide test.
    limit: DFF<U<32>>,
    has_limit: DFF<Bit>,
    one: Constant<U<32>>,
}

impl Default for Watchdog {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            reset: Signal::default(),
            enable: Signal::default(),
            period: Signal::default(),
            heartbeat: Signal::default(),
            tripped: Signal::default(),
            count: DFF::default(),
            has_tripped: DFF::default(),
            limit: DFF::default(),
            has_limit: DFF::default(),
            one: Constant::new(U::new(1)),
        }
    }
}

impl Watchdog {
    /// Cycles from the last cycle of the period to `tripped`.
    pub const LATENCY: usize = 1;
}

impl Logic for Watchdog {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, count, has_tripped);
        clock!(self, clock, limit, has_limit);
        self.limit.d.next = self.period.val();
        self.has_limit.d.next = self.period.val().any();
        self.tripped.next = self.has_tripped.q.val();
        self.count.d.next = self.count.q.val() + self.one.val();
        if self.heartbeat.val() | !self.enable.val() | !self.has_limit.q.val() {
            self.count.d.next = bits_lit::<32>(0);
        } else if self.count.q.val() >= self.limit.q.val() {
            // A period made shorter than the count trips too.
            self.count.d.next = self.count.q.val();
            self.has_tripped.d.next = true;
        }
        if self.reset.val() {
            self.count.d.next = bits_lit::<32>(0);
            self.has_tripped.d.next = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stimulus::Random;
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    fn bench(period: u128) -> TestBench<Watchdog> {
        let mut bench = TestBench::new("watchdog", Watchdog::default());
        poke!(bench, reset, false);
        poke!(bench, enable, true);
        poke!(bench, period, U::new(period));
        poke!(bench, heartbeat, true);
        cycle!(bench);
        poke!(bench, heartbeat, false);
        bench
    }

    #[test]
    fn trips_after_the_period_and_not_before() {
        let mut bench = bench(10);
        for beat in [true, false] {
            poke!(bench, heartbeat, beat);
            cycle!(bench);
        }
        // Two cycles have passed; the count is 1.
        for _ in 0..9 {
            assert!(!peek!(bench, tripped));
            cycle!(bench);
        }
        for _ in 0..Watchdog::LATENCY {
            assert!(!peek!(bench, tripped));
            cycle!(bench);
        }
        assert!(peek!(bench, tripped));
        bench.finish();
    }

    #[test]
    fn only_a_reset_brings_it_back() {
        let mut bench = bench(3);
        for _ in 0..6 {
            cycle!(bench);
        }
        for (heartbeat, enable, period) in [(true, true, 3), (false, false, 3), (true, true, 0), (false, true, 100)] {
            poke!(bench, heartbeat, heartbeat);
            poke!(bench, enable, enable);
            poke!(bench, period, U::new(period));
            cycle!(bench);
            assert!(peek!(bench, tripped));
        }
        poke!(bench, reset, true);
        cycle!(bench);
        assert!(!peek!(bench, tripped));
        bench.finish();
    }

    #[test]
    fn random_heartbeats_trip_it_exactly_when_they_are_late() {
        let mut bench = bench(12);
        let mut random = Random(9);
        let (mut count, mut tripped, mut trips, mut before) = (0u32, false, 0, 12);
        for i in 0..3000 {
            let (beat, reset, enable) = (random.chance(15), random.chance(2), random.chance(99));
            let period = before;
            before = if random.chance(2) { random.next() as u32 % 20 } else { 12 };
            poke!(bench, heartbeat, beat);
            poke!(bench, reset, reset);
            poke!(bench, enable, enable);
            poke!(bench, period, U::new(u128::from(before)));
            cycle!(bench);
            if reset {
                (count, tripped) = (0, false);
            } else if beat || !enable || period == 0 {
                count = 0;
            } else if count >= period {
                trips += u32::from(!tripped);
                tripped = true;
            } else {
                count += 1;
            }
            assert_eq!(peek!(bench, tripped), tripped, "cycle {i}");
        }
        assert!(trips > 5, "{trips} trips");
        bench.finish();
    }
}
