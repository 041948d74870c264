//! Everything around the core: it has the pins of the card on one side and the core's ports, mirrored,
//! on the other. A top wires the two together and adds nothing.
//!
//! ```text
//!   window_* -> Window -+ (first)                      core
//!                       +-> Fifo -> command_* ------->      -------> event_* -> Ring -> m_write_*
//!   s_axis_* -----------+    ^  ^                      |idle, built              ^
//!                            |  | not tripped          v                         |
//!   s_axil_* -> Registers ---+--+--- Watchdog      Registers ------- base, size, consumer
//! ```
//!
//! A command in the window goes before one on the stream, because the window cannot be held back; the
//! stream is taken only while `COMMAND_CREDIT` places are left for the window. Intake is open from the cycle after the
//! card is enabled to that in which the watchdog trips. The core says a cycle ahead whether it takes a command, and
//! `command_valid` is up where it takes one: in the cycle in which the watchdog trips for the last time.
//!
//! A reset, by pin or by register, holds `core_reset` for `RESET_CYCLES`, so that delay lines without a
//! reset of their own run empty; by register it also waits for an event that is being written.
//!
//! `COMMAND_LATENCY` 3 from the window's pins (last piece or 64-byte write) to `command_valid`, one less from the stream's,
//! and `EVENT_LATENCY` 1 from an event to `m_write_valid`, both idle. `II` 1.

use hedgewire_abi::register::COMMAND_CREDIT;
use rust_hdl::prelude::*;

use super::{Fifo, Identity, Registers, Ring, Watchdog, Window};
use crate::record::Words;
use crate::signal::U;

/// Commands that wait for the core: as many as the window may hold, and as many from the stream.
const DEPTH: usize = 2 * COMMAND_CREDIT as usize;

/// The card without its core.
#[derive(LogicBlock)]
pub struct Shell {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,

    // Registers: AXI4-Lite.
    pub s_axil_awvalid: Signal<In, Bit>,
    pub s_axil_awready: Signal<Out, Bit>,
    pub s_axil_awaddr: Signal<In, U<16>>,
    pub s_axil_wvalid: Signal<In, Bit>,
    pub s_axil_wready: Signal<Out, Bit>,
    pub s_axil_wdata: Signal<In, U<32>>,
    pub s_axil_wstrb: Signal<In, U<4>>,
    pub s_axil_bvalid: Signal<Out, Bit>,
    pub s_axil_bready: Signal<In, Bit>,
    pub s_axil_bresp: Signal<Out, U<2>>,
    pub s_axil_arvalid: Signal<In, Bit>,
    pub s_axil_arready: Signal<Out, Bit>,
    pub s_axil_araddr: Signal<In, U<16>>,
    pub s_axil_rvalid: Signal<Out, Bit>,
    pub s_axil_rready: Signal<In, Bit>,
    pub s_axil_rdata: Signal<Out, U<32>>,
    pub s_axil_rresp: Signal<Out, U<2>>,

    // Command window.
    pub window_write: Signal<In, Bit>,
    pub window_word: Signal<In, U<3>>,
    pub window_data: Signal<In, U<64>>,
    pub window_all: Signal<In, Bit>,
    pub window_words: Signal<In, Words>,

    // Command stream: AXI4-Stream, one beat a command.
    pub s_axis_valid: Signal<In, Bit>,
    pub s_axis_ready: Signal<Out, Bit>,
    pub s_axis_data: Signal<In, Words>,

    // Posted writes of 64 bytes.
    pub m_write_valid: Signal<Out, Bit>,
    pub m_write_ready: Signal<In, Bit>,
    pub m_write_address: Signal<Out, U<64>>,
    pub m_write_data: Signal<Out, Words>,

    // The core.
    pub core_reset: Signal<Out, Bit>,
    pub command_valid: Signal<Out, Bit>,
    /// The core takes one in the next cycle: `command_valid` is up in such cycles alone.
    pub will_take: Signal<In, Bit>,
    pub command: Signal<Out, Words>,
    pub event_valid: Signal<In, Bit>,
    pub event_ready: Signal<Out, Bit>,
    pub event_data: Signal<In, Words>,
    pub idle: Signal<In, Bit>,
    pub built: Signal<In, U<32>>,

    registers: Registers,
    window: Window,
    queue: Fifo<5>,
    ring: Ring,
    watchdog: Watchdog,
    /// Cycles that a reset still lasts.
    hold: DFF<U<8>>,
    clears: DFF<Bit>,
    /// In a register, like what was lost: what follows from either is on the way of a command otherwise.
    is_open: DFF<Bit>,
    has_lost: DFF<Bit>,
    /// The core takes what the queue shows.
    takes: DFF<Bit>,
    has_taken: DFF<Bit>,
    /// Something is on its way, known a cycle late; of a push when the queue's level shows it.
    is_busy: DFF<Bit>,
    has_room: Signal<Local, Bit>,
    stream_limit: Constant<U<8>>,
    reset_cycles: Constant<U<8>>,
    one: Constant<U<8>>,
}

impl Shell {
    /// Cycles from the window's pins to `command_valid`; from the stream's it is one less.
    pub const COMMAND_LATENCY: usize = Window::LATENCY + Fifo::<5>::LATENCY;
    /// Cycles from an event to `m_write_valid`.
    pub const EVENT_LATENCY: usize = Ring::LATENCY;
    /// Cycles from one command, or one event, to the next.
    pub const II: usize = 1;
    /// Cycles that `core_reset` lasts: more than any delay line of the core is long.
    pub const RESET_CYCLES: usize = 255;

    /// The shell of a card that says it is this.
    pub fn new(identity: Identity) -> Self {
        Self {
            clock: Signal::default(),
            reset: Signal::default(),
            s_axil_awvalid: Signal::default(),
            s_axil_awready: Signal::default(),
            s_axil_awaddr: Signal::default(),
            s_axil_wvalid: Signal::default(),
            s_axil_wready: Signal::default(),
            s_axil_wdata: Signal::default(),
            s_axil_wstrb: Signal::default(),
            s_axil_bvalid: Signal::default(),
            s_axil_bready: Signal::default(),
            s_axil_bresp: Signal::default(),
            s_axil_arvalid: Signal::default(),
            s_axil_arready: Signal::default(),
            s_axil_araddr: Signal::default(),
            s_axil_rvalid: Signal::default(),
            s_axil_rready: Signal::default(),
            s_axil_rdata: Signal::default(),
            s_axil_rresp: Signal::default(),
            window_write: Signal::default(),
            window_word: Signal::default(),
            window_data: Signal::default(),
            window_all: Signal::default(),
            window_words: Signal::default(),
            s_axis_valid: Signal::default(),
            s_axis_ready: Signal::default(),
            s_axis_data: Signal::default(),
            m_write_valid: Signal::default(),
            m_write_ready: Signal::default(),
            m_write_address: Signal::default(),
            m_write_data: Signal::default(),
            core_reset: Signal::default(),
            command_valid: Signal::default(),
            will_take: Signal::default(),
            command: Signal::default(),
            event_valid: Signal::default(),
            event_ready: Signal::default(),
            event_data: Signal::default(),
            idle: Signal::default(),
            built: Signal::default(),
            registers: Registers::new(identity),
            window: Window::default(),
            queue: Fifo::new(DEPTH),
            ring: Ring::default(),
            watchdog: Watchdog::default(),
            hold: DFF::default(),
            clears: DFF::default(),
            is_open: DFF::default(),
            has_lost: DFF::default(),
            takes: DFF::default(),
            has_taken: DFF::default(),
            is_busy: DFF::default(),
            has_room: Signal::default(),
            stream_limit: Constant::new(U::new(DEPTH as u128 - u128::from(COMMAND_CREDIT))),
            // The register behind the counter adds the last one.
            reset_cycles: Constant::new(U::new(Self::RESET_CYCLES as u128 - 1)),
            one: Constant::new(U::new(1)),
        }
    }
}

impl Logic for Shell {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, registers, window, queue, ring, watchdog);
        dff_setup!(self, clock, hold, clears);
        clock!(self, clock, is_open, has_lost, takes, has_taken, is_busy);

        // Reset.
        self.clears.d.next = self.reset.val() | self.registers.reset_request.val() | self.hold.q.val().any();
        if self.reset.val() | self.registers.reset_request.val() {
            self.hold.d.next = self.reset_cycles.val();
        } else if self.hold.q.val().any() & self.ring.is_idle.val() {
            self.hold.d.next = self.hold.q.val() - self.one.val();
        }
        self.core_reset.next = self.clears.q.val();
        self.registers.reset.next = self.reset.val();
        self.registers.clear.next = self.clears.q.val();
        self.window.reset.next = self.clears.q.val();
        self.queue.reset.next = self.clears.q.val();
        self.watchdog.reset.next = self.clears.q.val();
        self.ring.reset.next = self.reset.val();

        // Window and stream into the queue.
        self.is_open.d.next = self.registers.enable.val() & !self.watchdog.tripped.val() & !self.clears.q.val();
        self.has_room.next =
            self.is_open.q.val() & (self.queue.level.val() < self.stream_limit.val()) & !self.window.valid.val();
        self.window.window_write.next = self.window_write.val();
        self.window.window_word.next = self.window_word.val();
        self.window.window_data.next = self.window_data.val();
        self.window.window_all.next = self.window_all.val();
        self.window.window_words.next = self.window_words.val();
        self.s_axis_ready.next = self.has_room.val();
        self.queue.push_valid.next =
            (self.is_open.q.val() & self.window.valid.val()) | (self.has_room.val() & self.s_axis_valid.val());
        // Assigned once: a default overridden here would wake the queue, whose level wakes this block again,
        // without end in an event-driven simulator.
        if self.window.valid.val() {
            self.queue.push_data.next = self.window.command.val();
        } else {
            self.queue.push_data.next = self.s_axis_data.val();
        }

        // Queue to core.
        self.takes.d.next = self.will_take.val() & !self.watchdog.tripped.val();
        self.command_valid.next = self.queue.pop_valid.val() & self.takes.q.val();
        self.command.next = self.queue.pop_data.val();
        self.queue.pop_ready.next = self.takes.q.val();

        // Core to ring.
        self.ring.enable.next = self.registers.enable.val() & !self.clears.q.val();
        self.ring.base.next = self.registers.ring_base.val();
        self.ring.mask.next = self.registers.ring_mask.val();
        self.ring.consumer_write.next = self.registers.consumer_write.val();
        self.ring.consumer.next = self.registers.consumer.val();
        self.ring.event_valid.next = self.event_valid.val();
        self.ring.event_data.next = self.event_data.val();
        self.event_ready.next = self.ring.event_ready.val();
        self.m_write_valid.next = self.ring.m_write_valid.val();
        self.ring.m_write_ready.next = self.m_write_ready.val();
        self.m_write_address.next = self.ring.m_write_address.val();
        self.m_write_data.next = self.ring.m_write_data.val();

        self.watchdog.enable.next = self.registers.enable.val();
        self.watchdog.period.next = self.registers.watchdog_period.val();
        self.watchdog.heartbeat.next = self.registers.heartbeat.val();

        // What the registers show.
        self.is_busy.d.next = (self.queue.level.val().any() & (!self.watchdog.tripped.val() | self.takes.q.val()))
            | self.queue.push_valid.val()
            | !self.idle.val()
            | self.event_valid.val()
            | !self.ring.is_idle.val();
        self.registers.is_busy.next = self.is_busy.q.val();
        self.registers.tripped.next = self.watchdog.tripped.val();
        self.registers.ring_full.next = self.ring.is_full.val();
        self.registers.consumed.next = self.ring.consumed.val();
        self.registers.events.next = self.ring.written.val();
        self.registers.built.next = self.built.val();
        self.registers.consumer_refused.next = self.ring.is_refused.val();
        self.has_taken.d.next = self.queue.pop_valid.val() & self.takes.q.val();
        self.registers.command_taken.next = self.has_taken.q.val();
        self.registers.command_incomplete.next = self.window.is_incomplete.val();
        self.has_lost.d.next = self.window.valid.val() & !(self.is_open.q.val() & self.queue.push_ready.val());
        self.registers.command_lost.next = self.has_lost.q.val();
        self.registers.s_axil_awvalid.next = self.s_axil_awvalid.val();
        self.s_axil_awready.next = self.registers.s_axil_awready.val();
        self.registers.s_axil_awaddr.next = self.s_axil_awaddr.val();
        self.registers.s_axil_wvalid.next = self.s_axil_wvalid.val();
        self.s_axil_wready.next = self.registers.s_axil_wready.val();
        self.registers.s_axil_wdata.next = self.s_axil_wdata.val();
        self.registers.s_axil_wstrb.next = self.s_axil_wstrb.val();
        self.s_axil_bvalid.next = self.registers.s_axil_bvalid.val();
        self.registers.s_axil_bready.next = self.s_axil_bready.val();
        self.s_axil_bresp.next = self.registers.s_axil_bresp.val();
        self.registers.s_axil_arvalid.next = self.s_axil_arvalid.val();
        self.s_axil_arready.next = self.registers.s_axil_arready.val();
        self.registers.s_axil_araddr.next = self.s_axil_araddr.val();
        self.s_axil_rvalid.next = self.registers.s_axil_rvalid.val();
        self.registers.s_axil_rready.next = self.s_axil_rready.val();
        self.s_axil_rdata.next = self.registers.s_axil_rdata.val();
        self.s_axil_rresp.next = self.registers.s_axil_rresp.val();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use hedgewire_abi::register::{self, Register, slot_offset};

    use super::super::stimulus::{Random, words};
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    const IDENTITY: Identity = Identity { lanes: 1, rows: 64, intervals: 16, underlyings: 2, build: [7; 8] };
    const BASE: u64 = 0x1_0000_0fc0;

    /// Answers of a core to a command: one event, or two.
    fn answers(command: &Words) -> impl Iterator<Item = Words> + use<> {
        let command = *command;
        (0..1 + command.w1.word() % 2).map(move |n| Words { w5: U::new(n.into()), w7: U::new(0), ..command })
    }

    /// A card with a core that answers after a random while, a bus that stalls, and a host.
    struct Card {
        bench: TestBench<Shell>,
        random: Random,
        size_log2: u32,
        /// Events that the core has not handed over yet, and when it may.
        core: VecDeque<(u64, Words)>,
        taken: Vec<Words>,
        posted: Vec<Words>,
        memory: Vec<Words>,
        read: u64,
        now: u64,
        /// Per cent of the cycles in which the bus, and the core, are ready.
        bus: u64,
        core_speed: u64,
    }

    impl Card {
        fn new(name: &'static str, seed: u64, size_log2: u32) -> Self {
            let mut bench = TestBench::new(name, Shell::new(IDENTITY));
            poke!(bench, s_axil_awvalid, false);
            poke!(bench, s_axil_awaddr, U::new(0));
            poke!(bench, s_axil_wvalid, false);
            poke!(bench, s_axil_wdata, U::new(0));
            poke!(bench, s_axil_wstrb, U::new(15));
            poke!(bench, s_axil_bready, true);
            poke!(bench, s_axil_arvalid, false);
            poke!(bench, s_axil_araddr, U::new(0));
            poke!(bench, s_axil_rready, true);
            poke!(bench, window_write, false);
            poke!(bench, window_word, U::new(0));
            poke!(bench, window_data, U::new(0));
            poke!(bench, window_all, false);
            poke!(bench, window_words, Words::default());
            poke!(bench, s_axis_valid, false);
            poke!(bench, s_axis_data, Words::default());
            poke!(bench, m_write_ready, false);
            poke!(bench, will_take, false);
            poke!(bench, event_valid, false);
            poke!(bench, event_data, Words::default());
            poke!(bench, idle, true);
            poke!(bench, built, U::new(2));
            poke!(bench, reset, true);
            cycle!(bench);
            poke!(bench, reset, false);
            Self {
                bench,
                random: Random(seed),
                size_log2,
                core: VecDeque::new(),
                taken: Vec::new(),
                posted: Vec::new(),
                memory: vec![Words::default(); 1 << size_log2],
                read: 0,
                now: 0,
                bus: 80,
                core_speed: 80,
            }
        }

        /// One cycle of core and bus; what the caller has poked goes with it.
        fn step(&mut self) {
            let Self { bench, random, .. } = self;
            self.now += 1;
            let offered = self.core.front().filter(|(at, _)| *at <= self.now).map(|(_, event)| *event);
            poke!(bench, event_valid, offered.is_some());
            poke!(bench, event_data, offered.unwrap_or_default());
            poke!(bench, idle, self.core.is_empty());
            let will_take = self.core.len() < 8 && random.chance(self.core_speed);
            poke!(bench, will_take, will_take);
            let bus = random.chance(self.bus);
            poke!(bench, m_write_ready, bus);
            cycle!(bench, settle);
            if peek!(bench, core_reset) {
                self.core.clear();
            } else {
                if offered.is_some() && peek!(bench, event_ready) {
                    self.core.pop_front();
                }
                if peek!(bench, command_valid) {
                    let command = peek!(bench, command);
                    self.taken.push(command);
                    self.core.extend(answers(&command).map(|event| (self.now + 1 + random.next() % 9, event)));
                }
            }
            if peek!(bench, m_write_valid) && bus {
                let (address, data) = (peek!(bench, m_write_address).word(), peek!(bench, m_write_data));
                let seq = data.w7.word();
                assert_eq!(address, BASE + slot_offset(seq, self.size_log2));
                self.memory[(slot_offset(seq, self.size_log2) / 64) as usize] = data;
                self.posted.push(data);
            }
            cycle!(bench);
            cycle!(bench, settle);
        }

        fn write(&mut self, register: Register, data: u32) -> bool {
            let bench = &mut self.bench;
            poke!(bench, s_axil_awvalid, true);
            poke!(bench, s_axil_awaddr, U::new(register.offset.into()));
            poke!(bench, s_axil_wvalid, true);
            poke!(bench, s_axil_wdata, U::new(data.into()));
            self.step();
            let bench = &mut self.bench;
            poke!(bench, s_axil_awvalid, false);
            poke!(bench, s_axil_wvalid, false);
            for _ in 0..Registers::WRITE_LATENCY {
                self.step();
            }
            let bench = &mut self.bench;
            assert!(peek!(bench, s_axil_bvalid));
            let accepted = peek!(bench, s_axil_bresp).raw() == 0;
            self.step();
            accepted
        }

        fn read_register(&mut self, register: Register) -> u32 {
            let bench = &mut self.bench;
            poke!(bench, s_axil_arvalid, true);
            poke!(bench, s_axil_araddr, U::new(register.offset.into()));
            self.step();
            let bench = &mut self.bench;
            poke!(bench, s_axil_arvalid, false);
            for _ in 1..Registers::READ_LATENCY {
                self.step();
            }
            let bench = &mut self.bench;
            assert!(peek!(bench, s_axil_rvalid));
            assert_eq!(peek!(bench, s_axil_rresp).raw(), 0);
            let data = peek!(bench, s_axil_rdata).word() as u32;
            self.step();
            data
        }

        fn status(&mut self) -> u32 {
            self.read_register(register::STATUS)
        }

        /// From the rules: wait for the reset, set the ring up, enable.
        fn start(&mut self, watchdog_period: u32) {
            while self.status() & register::RESETTING.mask() != 0 {}
            assert_eq!(self.read_register(register::MAGIC), register::MAGIC_VALUE);
            self.memory.fill(Words::default());
            self.posted.clear();
            self.taken.clear();
            self.read = 0;
            assert!(self.write(register::RING_BASE_LOW, BASE as u32));
            assert!(self.write(register::RING_BASE_HIGH, (BASE >> 32) as u32));
            assert!(self.write(register::RING_SIZE_LOG2, self.size_log2));
            assert!(self.write(register::WATCHDOG_PERIOD, watchdog_period));
            assert!(self.write(register::CONTROL, register::ENABLE.mask()));
        }

        /// The host looks at the one slot that matters, and tells what it has read.
        fn poll(&mut self) {
            let before = self.read;
            loop {
                let slot = self.memory[(slot_offset(self.read + 1, self.size_log2) / 64) as usize];
                if slot.w7.word() != self.read + 1 {
                    break;
                }
                self.read += 1;
            }
            if self.read != before {
                assert!(self.write(register::CONSUMER, self.read as u32));
            }
        }

        /// Pieces of a command, in an order that ends with its sequence, or all at once.
        fn post(&mut self, command: &Words, skipped: Option<usize>) {
            let w: [U<64>; 8] =
                [command.w0, command.w1, command.w2, command.w3, command.w4, command.w5, command.w6, command.w7];
            if skipped.is_none() && self.random.chance(50) {
                let bench = &mut self.bench;
                poke!(bench, window_all, true);
                poke!(bench, window_words, *command);
                self.step();
                let bench = &mut self.bench;
                poke!(bench, window_all, false);
                return;
            }
            let first = self.random.next() as usize % 7;
            for i in (0..7).map(|i| (i + first) % 7).chain([7]).filter(|i| Some(*i) != skipped) {
                let bench = &mut self.bench;
                poke!(bench, window_write, true);
                poke!(bench, window_word, U::new(i as u128));
                poke!(bench, window_data, w[i]);
                self.step();
            }
            let bench = &mut self.bench;
            poke!(bench, window_write, false);
        }

        fn drain(&mut self) {
            for _ in 0..600 {
                self.poll();
                self.step();
                if self.status() & register::BUSY.mask() == 0 {
                    self.poll();
                    return;
                }
            }
            panic!("still busy");
        }

        /// What was posted is the answers to what was taken, numbered from 1.
        fn assert_answered(&self) {
            let expected: Vec<Words> = self
                .taken
                .iter()
                .flat_map(answers)
                .zip(1u64..)
                .map(|(event, seq)| Words { w7: U::new(seq.into()), ..event })
                .collect();
            assert_eq!(self.posted, expected);
        }
    }

    #[test]
    fn latencies_are_as_stated() {
        let mut card = Card::new("shell_latency", 41, 3);
        card.start(0);
        card.bus = 0;
        card.core_speed = 0;
        let bench = &mut card.bench;
        poke!(bench, will_take, true);
        for pins in 0..3 {
            poke!(bench, window_all, pins == 0);
            poke!(bench, s_axis_valid, pins == 1);
            if pins == 2 {
                poke!(bench, window_write, true);
                for word in 0..7 {
                    poke!(bench, window_word, U::new(word));
                    cycle!(bench);
                }
                poke!(bench, window_word, U::new(7));
            }
            for _ in 0..Shell::COMMAND_LATENCY - usize::from(pins == 1) {
                cycle!(bench, settle);
                assert!(!peek!(bench, command_valid));
                cycle!(bench);
                // One command each.
                poke!(bench, window_all, false);
                poke!(bench, s_axis_valid, false);
                poke!(bench, window_write, false);
            }
            assert!(peek!(bench, command_valid));
            cycle!(bench);
        }
        poke!(bench, event_valid, true);
        for _ in 0..Shell::EVENT_LATENCY {
            cycle!(bench, settle);
            assert!(peek!(bench, event_ready) && !peek!(bench, m_write_valid));
            cycle!(bench);
        }
        assert!(peek!(bench, m_write_valid));
        card.bench.finish();
    }

    #[test]
    fn commands_from_window_and_stream_are_answered_in_the_ring() {
        let mut card = Card::new("shell_traffic", 42, 3);
        card.start(0);
        assert_eq!(card.read_register(register::BUILT), 2);
        let mut window = Vec::new();
        let mut stream = VecDeque::new();
        let mut streamed = Vec::new();
        let (mut held, mut shown) = (0, false);
        for i in 0..260 {
            (card.bus, card.core_speed) = [(90, 90), (20, 90), (90, 15)][i / 30 % 3];
            if stream.is_empty() && card.random.chance(60) {
                stream.push_back(card.random.words());
            }
            let command = card.random.words();
            let bench = &mut card.bench;
            poke!(bench, s_axis_valid, !stream.is_empty());
            if let Some(first) = stream.front() {
                poke!(bench, s_axis_data, *first);
            }
            // Never more of them unanswered than the window's credit.
            let answered = card.taken.iter().filter(|taken| window.contains(*taken)).count();
            let posts = window.len() - answered < COMMAND_CREDIT as usize && card.random.chance(50);
            if posts {
                poke!(bench, window_all, true);
                poke!(bench, window_words, command);
            }
            cycle!(bench, settle);
            let takes = peek!(bench, s_axis_ready);
            assert!(!(shown && takes), "the window goes first");
            held += u32::from(!shown && !takes);
            if takes && let Some(first) = stream.pop_front() {
                streamed.push(first);
            }
            if posts {
                window.push(command);
            }
            card.step();
            let bench = &mut card.bench;
            poke!(bench, window_all, false);
            poke!(bench, s_axis_valid, false);
            // The window shows its command now, unless that passes while the host looks.
            shown = posts && i % 3 != 0;
            if i % 3 == 0 {
                card.step();
                card.poll();
            }
        }
        (card.bus, card.core_speed) = (90, 90);
        card.drain();
        card.assert_answered();
        assert!(held > 10 && window.len() > 40 && streamed.len() > 40, "{held} {} {}", window.len(), streamed.len());
        let of = |source: &[Words]| -> Vec<Words> {
            card.taken.iter().filter(|taken| source.contains(*taken)).copied().collect()
        };
        assert!(of(&window) == window && of(&streamed) == streamed, "each source in its order, nothing lost");
        assert_eq!(card.taken.len(), window.len() + streamed.len());
        let (taken, posted) = (card.taken.len() as u32, card.posted.len() as u32);
        assert_eq!(card.read_register(register::COMMANDS_LOW), taken);
        assert_eq!(card.read_register(register::EVENTS_LOW), posted);
        assert_eq!(card.read_register(register::CONSUMER), posted);
        assert_eq!(card.read_register(register::COMMANDS_LOST), 0);
        assert_eq!(card.status(), 0);
        card.bench.finish();
    }

    #[test]
    fn commands_that_cannot_be_taken_are_dropped_and_counted() {
        let mut card = Card::new("shell_lost", 43, 4);
        let commands: Vec<Words> = (0..4).map(|i| words([i, 2, 3, 4, 5, 6, 7, i])).collect();
        // Before it is enabled.
        while card.status() & register::RESETTING.mask() != 0 {}
        card.post(&commands[0], None);
        // On its way to the flag.
        card.step();
        card.step();
        assert_eq!(card.status(), register::COMMAND_LOST.mask());
        card.start(0);
        // A word missing; then whole.
        card.post(&commands[1], Some(3));
        card.post(&commands[2], None);
        card.drain();
        assert_eq!(card.taken, [commands[2]]);
        assert_eq!(card.status(), register::COMMAND_LOST.mask() | register::COMMAND_INCOMPLETE.mask());
        assert_eq!(card.read_register(register::COMMANDS_LOST), 2);
        // More than there is room for: a core that does not answer.
        card.core_speed = 0;
        for _ in 0..DEPTH + 3 {
            card.post(&commands[3], None);
        }
        card.step();
        card.step();
        assert_eq!(card.read_register(register::COMMANDS_LOST), 2 + 3);
        card.core_speed = 90;
        card.drain();
        assert_eq!(card.taken.len(), 1 + DEPTH);
        card.assert_answered();
        card.bench.finish();
    }

    #[test]
    fn a_silent_host_closes_the_intake_and_a_reset_opens_it() {
        let mut card = Card::new("shell_watchdog", 44, 4);
        card.start(60);
        for i in 0..12 {
            let command = card.random.words();
            card.post(&command, None);
            assert!(card.write(register::HEARTBEAT, i));
            card.poll();
        }
        card.core_speed = 0;
        for _ in 0..8 {
            let command = card.random.words();
            card.post(&command, None);
        }
        for _ in 0..70 {
            card.step();
        }
        card.core_speed = 90;
        assert!(card.status() & register::TRIPPED.mask() != 0);
        let taken = card.taken.len();
        // Late, and too late: what was taken is answered, nothing more is.
        assert!(card.write(register::HEARTBEAT, 0));
        let command = card.random.words();
        card.post(&command, None);
        let bench = &mut card.bench;
        poke!(bench, s_axis_valid, true);
        for _ in 0..10 {
            card.step();
            let bench = &mut card.bench;
            assert!(!peek!(bench, s_axis_ready) && !peek!(bench, command_valid));
        }
        let bench = &mut card.bench;
        poke!(bench, s_axis_valid, false);
        card.drain();
        assert_eq!(card.taken.len(), taken);
        assert!((12..20).contains(&taken), "{taken} commands were taken before it tripped");
        card.assert_answered();
        assert_eq!(card.status(), register::TRIPPED.mask() | register::COMMAND_LOST.mask());

        assert!(card.write(register::CONTROL, register::RESET.mask()));
        assert!(card.status() & register::RESETTING.mask() != 0);
        assert!(!card.write(register::HEARTBEAT, 0), "no write during a reset");
        card.start(0);
        assert_eq!(card.status(), 0);
        card.post(&command, None);
        card.drain();
        assert_eq!(card.taken, [command]);
        card.assert_answered();
        card.bench.finish();
    }

    #[test]
    fn a_reset_in_the_middle_comes_up_clean() {
        let mut card = Card::new("shell_reset", 45, 2);
        for round in 0..3 {
            card.start(0);
            // A bus that stands still keeps the reset waiting: a write that was shown is not taken back.
            card.bus = 0;
            for _ in 0..4 + round {
                let command = card.random.words();
                card.post(&command, None);
            }
            for _ in 0..20 {
                card.step();
            }
            let bench = &mut card.bench;
            assert!(peek!(bench, m_write_valid), "an event is on its way");
            let data = peek!(bench, m_write_data);
            assert!(card.write(register::CONTROL, register::RESET.mask()));
            for _ in 0..300 {
                card.step();
            }
            let bench = &mut card.bench;
            assert!(peek!(bench, m_write_valid) && peek!(bench, m_write_data) == data && peek!(bench, core_reset));
            card.bus = 90;
        }
        card.start(0);
        let command = card.random.words();
        card.post(&command, None);
        card.drain();
        assert_eq!(card.taken, [command]);
        card.assert_answered();
        card.bench.finish();
    }

    #[test]
    fn a_reset_lasts_as_long_as_stated() {
        let mut card = Card::new("shell_reset_cycles", 46, 2);
        let bench = &mut card.bench;
        for _ in 0..Shell::RESET_CYCLES {
            assert!(peek!(bench, core_reset));
            cycle!(bench);
        }
        assert!(!peek!(bench, core_reset));
        card.bench.finish();
    }
}
