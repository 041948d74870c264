//! The event writer: numbers events and posts each into its slot of the host's ring.
//!
//! ```text
//!   event --> [seq into w7] --> [output: address, data] --> m_write      address = base + 64 (seq & mask)
//!               ^ only with credit
//!   credit = slots - events unconsumed        -1 an event taken        +n the host has consumed n
//! ```
//!
//! An event is taken only while `credit` is not zero, so the ring is never overrun, whatever the host
//! writes: a consumer index is believed only between the last one believed and the last event written. That
//! is proved of the emitted Verilog by induction (below). Rules: `hedgewire_abi::register::RULES`.
//!
//! A consumer index is judged in three cycles: the distances, their comparison, what follows; one that is written
//! meanwhile waits, and of several the last. Its credit counts two cycles after that. None of it is on the way of an
//! event: `LATENCY` 1 from event to write, `II` 1.
//!
//! Disabled is reset: sequence, credit and consumer start anew. What stands in the output is still written, since
//! a bus write that was shown may not be taken back; only `reset`, which resets the bus too, drops it.

use rust_hdl::prelude::*;

use crate::record::Words;
use crate::signal::{U, bits_lit, unsigned_cast_wide};

/// Writes events into a ring.
#[derive(LogicBlock)]
pub struct Ring {
    pub clock: Signal<In, Clock>,
    /// Reset of the bus.
    pub reset: Signal<In, Bit>,
    /// Events are taken, from the next cycle on. While it is set, and in the cycle before, base and mask stand still.
    pub enable: Signal<In, Bit>,
    /// Bus address of slot 0, a multiple of 64.
    pub base: Signal<In, U<64>>,
    /// Slots less 1, slots being a power of two.
    pub mask: Signal<In, U<32>>,
    /// The host writes its consumer index.
    pub consumer_write: Signal<In, Bit>,
    /// Events consumed, modulo 2^32.
    pub consumer: Signal<In, U<32>>,
    pub event_valid: Signal<In, Bit>,
    pub event_ready: Signal<Out, Bit>,
    /// The event; its last word is ignored.
    pub event_data: Signal<In, Words>,
    pub m_write_valid: Signal<Out, Bit>,
    pub m_write_ready: Signal<In, Bit>,
    pub m_write_address: Signal<Out, U<64>>,
    pub m_write_data: Signal<Out, Words>,
    /// Sequence number of the last event taken.
    pub written: Signal<Out, U<64>>,
    /// The consumer index believed.
    pub consumed: Signal<Out, U<32>>,
    /// A consumer index was not believed: one cycle.
    pub is_refused: Signal<Out, Bit>,
    /// An event waits for credit.
    pub is_full: Signal<Out, Bit>,
    /// Nothing stands in the output.
    pub is_idle: Signal<Out, Bit>,
    /// Sequence number of the next event, and of the last.
    seq: DFF<U<64>>,
    last: DFF<U<64>>,
    credit: DFF<U<32>>,
    /// There is credit; where it has just come, a cycle later.
    has_credit: DFF<Bit>,
    is_on: DFF<Bit>,
    /// It is on and there is credit, in one register: all that an event waits for, but for the bus.
    may: DFF<Bit>,
    /// Credit believed and not yet counted; and one less.
    more: DFF<U<32>>,
    more_less: DFF<U<32>>,
    believed: DFF<U<32>>,
    claim: DFF<U<32>>,
    has_claim: DFF<Bit>,
    is_sized: DFF<Bit>,
    is_judged: DFF<Bit>,
    is_believed: DFF<Bit>,
    was_refused: DFF<Bit>,
    /// Events that the claim says were consumed.
    claimed: DFF<U<32>>,
    /// One more than there are to consume.
    bound: DFF<U<32>>,
    valid: DFF<Bit>,
    address: DFF<U<64>>,
    data: DFF<Words>,
    is_free: Signal<Local, Bit>,
    takes: Signal<Local, Bit>,
    slot: Signal<Local, U<32>>,
    place: Signal<Local, U<64>>,
    judges: Signal<Local, Bit>,
    beyond_one: Signal<Local, U<31>>,
    one: Constant<U<32>>,
    one_event: Constant<U<64>>,
    slot_bits: Constant<U<6>>,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            reset: Signal::default(),
            enable: Signal::default(),
            base: Signal::default(),
            mask: Signal::default(),
            consumer_write: Signal::default(),
            consumer: Signal::default(),
            event_valid: Signal::default(),
            event_ready: Signal::default(),
            event_data: Signal::default(),
            m_write_valid: Signal::default(),
            m_write_ready: Signal::default(),
            m_write_address: Signal::default(),
            m_write_data: Signal::default(),
            written: Signal::default(),
            consumed: Signal::default(),
            is_refused: Signal::default(),
            is_full: Signal::default(),
            is_idle: Signal::default(),
            seq: DFF::default(),
            credit: DFF::default(),
            more: DFF::default(),
            believed: DFF::default(),
            claim: DFF::default(),
            has_claim: DFF::default(),
            is_sized: DFF::default(),
            is_judged: DFF::default(),
            is_believed: DFF::default(),
            was_refused: DFF::default(),
            claimed: DFF::default(),
            bound: DFF::default(),
            last: DFF::default(),
            has_credit: DFF::default(),
            is_on: DFF::default(),
            may: DFF::default(),
            more_less: DFF::default(),
            valid: DFF::default(),
            address: DFF::default(),
            data: DFF::default(),
            is_free: Signal::default(),
            takes: Signal::default(),
            slot: Signal::default(),
            place: Signal::default(),
            judges: Signal::default(),
            beyond_one: Signal::default(),
            one: Constant::new(U::new(1)),
            one_event: Constant::new(U::new(1)),
            slot_bits: Constant::new(U::new(hedgewire_abi::RECORD_BYTES.trailing_zeros().into())),
        }
    }
}

impl Ring {
    /// Cycles from event to write.
    pub const LATENCY: usize = 1;
    /// Cycles from one event to the next.
    pub const II: usize = 1;
}

impl Logic for Ring {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, seq, last, believed, claim, claimed, bound, valid, address, data);
        clock!(
            self,
            clock,
            credit,
            has_credit,
            is_on,
            may,
            more,
            more_less,
            has_claim,
            is_sized,
            is_judged,
            is_believed,
            was_refused
        );
        self.m_write_valid.next = self.valid.q.val();
        self.m_write_address.next = self.address.q.val();
        self.m_write_data.next = self.data.q.val();
        self.written.next = self.last.q.val();
        self.consumed.next = self.believed.q.val();
        self.is_idle.next = !self.valid.q.val();

        // Event to output.
        self.is_free.next = !self.valid.q.val() | self.m_write_ready.val();
        self.event_ready.next = self.may.q.val() & self.is_free.val();
        self.is_full.next = self.is_on.q.val() & self.event_valid.val() & !self.has_credit.q.val();
        self.takes.next = self.event_valid.val() & self.may.q.val() & self.is_free.val();
        self.slot.next = self.seq.q.val().get_bits::<32>(0) & self.mask.val();
        self.place.next = unsigned_cast_wide(self.slot.val());
        if self.m_write_ready.val() {
            self.valid.d.next = false;
        }
        // What is not valid may be anything.
        if self.is_free.val() {
            self.address.d.next = self.base.val() + (self.place.val() << self.slot_bits.val());
            self.data.d.next = self.event_data.val();
            self.data.d.next.w7 = self.seq.q.val();
        }
        if self.takes.val() {
            self.valid.d.next = true;
            self.seq.d.next = self.seq.q.val() + self.one_event.val();
            self.last.d.next = self.seq.q.val();
        }

        // Consumer index to credit.
        self.judges.next = self.has_claim.q.val() & !self.is_sized.q.val() & !self.is_judged.q.val();
        self.has_claim.d.next = self.consumer_write.val() | (self.has_claim.q.val() & !self.judges.val());
        if self.consumer_write.val() {
            self.claim.d.next = self.consumer.val();
        }
        self.is_sized.d.next = self.judges.val();
        if self.judges.val() {
            self.claimed.d.next = self.claim.q.val() - self.believed.q.val();
            self.bound.d.next = self.seq.q.val().get_bits::<32>(0) - self.believed.q.val();
        }
        self.is_judged.d.next = self.is_sized.q.val();
        self.is_believed.d.next = self.is_sized.q.val() & (self.claimed.q.val() < self.bound.q.val());
        self.more.d.next = bits_lit::<32>(0);
        self.more_less.d.next = bits_lit::<32>(0xffff_ffff_u64);
        if self.is_believed.q.val() {
            self.more.d.next = self.claimed.q.val();
            self.more_less.d.next = self.claimed.q.val() - self.one.val();
            self.believed.d.next = self.believed.q.val() + self.claimed.q.val();
        }
        self.was_refused.d.next = self.is_judged.q.val() & !self.is_believed.q.val() & self.is_on.q.val();
        self.is_refused.next = self.was_refused.q.val();
        self.credit.d.next = self.credit.q.val() + self.more.q.val();
        if self.takes.val() {
            self.credit.d.next = self.credit.q.val() + self.more_less.q.val();
        }
        self.beyond_one.next = self.credit.q.val().get_bits::<31>(1);
        self.has_credit.d.next = self.beyond_one.val().any() | (self.credit.q.val().get_bit(0) & !self.takes.val());

        if !self.is_on.q.val() {
            self.seq.d.next = self.one_event.val();
            self.last.d.next = bits_lit::<64>(0);
            self.credit.d.next = self.mask.val() + self.one.val();
            self.has_credit.d.next = true;
            self.more.d.next = bits_lit::<32>(0);
            self.more_less.d.next = bits_lit::<32>(0xffff_ffff_u64);
            self.believed.d.next = bits_lit::<32>(0);
            self.has_claim.d.next = false;
            self.is_sized.d.next = false;
            self.is_judged.d.next = false;
            self.is_believed.d.next = false;
        }
        if self.reset.val() {
            self.valid.d.next = false;
        }
        self.is_on.d.next = self.enable.val();
        self.may.d.next = self.enable.val() & self.has_credit.d.val();
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_abi::register::slot_offset;

    use super::super::stimulus::Random;
    use super::*;
    use crate::prove::{By, emitted, holds};
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    const BASE: u64 = 0x12_3456_7fc0;

    fn enabled(name: &'static str, size_log2: u32) -> TestBench<Ring> {
        let mut bench = TestBench::new(name, Ring::default());
        poke!(bench, reset, false);
        poke!(bench, enable, false);
        poke!(bench, base, U::new(u128::from(BASE)));
        poke!(bench, mask, U::new((1 << size_log2) - 1));
        poke!(bench, consumer_write, false);
        poke!(bench, consumer, U::new(0));
        poke!(bench, event_valid, false);
        poke!(bench, event_data, Words::default());
        poke!(bench, m_write_ready, false);
        cycle!(bench);
        poke!(bench, enable, true);
        cycle!(bench);
        bench
    }

    #[test]
    fn latency_is_as_stated() {
        let mut bench = enabled("ring_latency", 3);
        poke!(bench, event_valid, true);
        for _ in 0..Ring::LATENCY {
            cycle!(bench, settle);
            assert!(peek!(bench, event_ready) && !peek!(bench, m_write_valid));
            cycle!(bench);
        }
        assert!(peek!(bench, m_write_valid));
        bench.finish();
    }

    /// A host that reads its own memory and nothing else, behind a bus that stalls. `lies` makes it write
    /// consumer indices that are behind, or ahead of what was written.
    fn run(name: &'static str, size_log2: u32, seed: u64, lies: u64) {
        let mut bench = enabled(name, size_log2);
        let mut random = Random(seed);
        let slots = 1u64 << size_log2;
        let mut memory = vec![Words::default(); slots as usize];
        let (mut sent, mut posted, mut read, mut told) = (Vec::new(), 0u64, 0u64, 0u64);
        // Between two writes of the host lie at least two cycles.
        let (mut waits, mut refusals, mut quiet) = (0, 0, 9);
        for i in 0..2500u64 {
            let (event, ready, copy) = match i / 250 % 3 {
                0 => (95, 95, 10),
                1 => (50, 50, 90),
                _ => (90, 60, 60),
            };
            // The host copies out what is new, and sometimes says so.
            if random.chance(copy) {
                while memory[((read + 1) % slots) as usize].w7.word() == read + 1 {
                    read += 1;
                }
            }
            let writes = random.chance(25) && quiet >= 3;
            quiet = if writes { 0 } else { quiet + 1 };
            let lie = writes && random.chance(lies);
            let index = match (lie, random.next() % 3) {
                (false, _) => read,
                (true, 0) => sent.len() as u64 + 2 + random.next() % 5,
                (true, 1) => told.wrapping_sub(1 + random.next() % 5),
                (true, _) => told.wrapping_add(random.next() << 20),
            };
            let (valid, data, ready) = (random.chance(event), random.words(), random.chance(ready));
            poke!(bench, event_valid, valid);
            poke!(bench, event_data, data);
            poke!(bench, m_write_ready, ready);
            poke!(bench, consumer_write, writes);
            poke!(bench, consumer, U::new(u128::from(index)));
            cycle!(bench, settle);
            let taken = peek!(bench, event_ready) && valid;
            waits += u32::from(peek!(bench, is_full));
            refusals += u32::from(peek!(bench, is_refused));
            assert_eq!(peek!(bench, is_idle), !peek!(bench, m_write_valid));
            if peek!(bench, m_write_valid) && ready {
                let (address, data) = (peek!(bench, m_write_address), peek!(bench, m_write_data));
                posted += 1;
                assert_eq!(data, Words { w7: U::new(u128::from(posted)), ..sent[posted as usize - 1] }, "cycle {i}");
                assert_eq!(address.word(), BASE + slot_offset(posted, size_log2), "cycle {i}");
                let slot = &mut memory[(posted % slots) as usize];
                assert!(slot.w7.word() <= told, "cycle {i}: event {} was overwritten", slot.w7.word());
                *slot = data;
            }
            cycle!(bench);
            if taken {
                sent.push(data);
            }
            if writes && !lie {
                told = read;
            }
            assert_eq!(peek!(bench, written).word(), sent.len() as u64);
        }
        assert!(posted > 300 && waits > 20, "{posted} events, {waits} waits");
        assert_eq!(refusals > 0, lies > 0, "{refusals} refusals");
        // The last word of the host, which is true, is heard.
        for write in [true, false, false, false, false, false, false, false] {
            poke!(bench, consumer_write, write);
            poke!(bench, consumer, U::new(u128::from(read)));
            poke!(bench, event_valid, false);
            cycle!(bench);
        }
        assert_eq!(peek!(bench, consumed).word(), read & 0xffff_ffff);
        bench.finish();
    }

    #[test]
    fn events_arrive_in_their_slots_and_none_is_overwritten() {
        run("ring_8", 3, 21, 0);
        run("ring_2", 1, 22, 0);
        run("ring_16", 4, 23, 0);
    }

    #[test]
    fn a_host_that_lies_about_what_it_consumed_is_refused() {
        run("ring_lies", 3, 24, 30);
    }

    #[test]
    fn disabled_it_starts_anew_but_finishes_its_write() {
        let mut bench = enabled("ring_restart", 2);
        poke!(bench, event_valid, true);
        for _ in 0..3 {
            poke!(bench, m_write_ready, true);
            cycle!(bench);
        }
        poke!(bench, m_write_ready, false);
        poke!(bench, enable, false);
        cycle!(bench);
        cycle!(bench);
        assert!(peek!(bench, m_write_valid));
        assert_eq!(peek!(bench, m_write_data).w7.word(), 3);
        assert_eq!(peek!(bench, written).word(), 0);
        poke!(bench, m_write_ready, true);
        cycle!(bench);
        assert!(!peek!(bench, m_write_valid));
        poke!(bench, enable, true);
        cycle!(bench);
        assert!(!peek!(bench, m_write_valid));
        cycle!(bench);
        assert_eq!(peek!(bench, m_write_data).w7.word(), 1);
        assert_eq!(peek!(bench, m_write_address).word(), BASE + 64);
        bench.finish();
    }

    /// What is assumed, put into the emitted module, where it sees every register: the first cycle is
    /// off; size and base stand still once enabled, and while it is on; there are 2^k slots, at most 2^20.
    const ASSUMPTIONS: &str = "
reg started = 0;
reg [31:0] mask_before = 0;
always @(posedge clock) begin started <= 1; mask_before <= mask; end
wire [31:0] slots = mask + 1;
wire [31:0] unconsumed = seq$q[31:0] - 32'd1 - believed$q;
always @(*) begin
  assume (started || !is_on$q);
  assume (!enable || mask == mask_before);
  assume (!is_on$q || mask == mask_before);
  assume (mask < 32'h100000 && (mask & slots) == 0);
end
";

    /// The theorem: an event is taken only while fewer than all slots are unconsumed.
    const THEOREM: &str = "
always @(*) if (started && is_on$q) assert (!(event_valid && event_ready) || unconsumed < slots);
";

    /// What makes it inductive: credit, credit on its way and unconsumed events are together the slots.
    const INVARIANT: &str = "
always @(*) if (started && is_on$q) begin
  assert (unconsumed <= slots);
  assert (credit$q <= slots);
  assert (credit$q + more$q + unconsumed == slots);
  assert (more_less$q == more$q - 32'd1);
  assert (!has_credit$q || credit$q != 0);
  assert (!may$q || has_credit$q);
  assert (!(is_sized$q || is_judged$q) || bound$q - 32'd1 <= unconsumed);
  assert (!(is_sized$q && is_judged$q));
  assert (!is_believed$q || (is_judged$q && claimed$q < bound$q));
  assert (!is_sized$q || !is_believed$q);
end
";

    #[test]
    fn it_is_proved_that_the_ring_never_overruns_its_credit() {
        let Some(verilog) = emitted("ring's credit", Ring::default()) else { return };
        assert!(holds(&verilog, &[], &format!("{ASSUMPTIONS}{THEOREM}{INVARIANT}"), By::Induction));
    }

    /// One host index too many believed; no credit taken for an event; a stall of the credit forgotten.
    #[test]
    fn the_proof_refutes_broken_rings() {
        let Some(verilog) = emitted("ring's credit", Ring::default()) else { return };
        for (from, to) in [
            ("claimed$q < bound$q", "claimed$q <= bound$q"),
            ("credit$q + more_less$q", "credit$q + more$q"),
            ("may$d = enable & has_credit$d", "may$d = enable"),
        ] {
            assert!(verilog.contains(from), "{from} is in the emitted Verilog");
            let broken = verilog.replace(from, to);
            assert!(!holds(&broken, &[], &format!("{ASSUMPTIONS}{THEOREM}"), By::Induction), "{from} -> {to}");
        }
    }
}
