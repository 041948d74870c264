//! The card: the shell and the core, wired together, and nothing else.
//!
//! ```text
//!   window_* ----+                  command                   +---> m_write_*
//!   s_axis_* --> | Shell | -------------------> | Core |      |
//!   s_axil_* <-> |       | <------------------- |      |      |
//!                +---|---+   event, idle, built +------+      |
//!                    +----------------------------------------+
//! ```
//!
//! Its pins are the shell's. `Shell::COMMAND_LATENCY` cycles before the core and `Shell::EVENT_LATENCY`
//! behind it are what the card adds to the core's latencies.

use rust_hdl::prelude::*;

use crate::core::Core;
use crate::engine::CardSizes;
use crate::host::{Identity, Shell};
use crate::record::Words;
use crate::signal::U;

/// The card with `N` lanes.
#[derive(LogicBlock)]
pub struct Top<const N: usize> {
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

    shell: Shell,
    core: Core<N>,
}

impl<const N: usize> Top<N> {
    /// A card of these sizes that says it was built from this revision.
    pub fn new(sizes: CardSizes, build: [u8; 8]) -> Self {
        let CardSizes { rows, intervals, underlyings } = sizes;
        let [lanes, rows, intervals, underlyings] =
            [N, rows, intervals, underlyings].map(|size| u32::try_from(size).expect("a card's sizes are small"));
        with_defaults!({
            shell: Shell::new(Identity { lanes, rows, intervals, underlyings, build }),
            core: Core::new(sizes),
        }
            clock reset s_axil_awvalid s_axil_awready s_axil_awaddr s_axil_wvalid s_axil_wready
            s_axil_wdata s_axil_wstrb s_axil_bvalid s_axil_bready s_axil_bresp s_axil_arvalid
            s_axil_arready s_axil_araddr s_axil_rvalid s_axil_rready s_axil_rdata s_axil_rresp
            window_write window_word window_data window_all window_words s_axis_valid s_axis_ready
            s_axis_data m_write_valid m_write_ready m_write_address m_write_data
        )
    }
}

impl<const N: usize> Logic for Top<N> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, shell, core);
        self.shell.reset.next = self.reset.val();
        self.shell.s_axil_awvalid.next = self.s_axil_awvalid.val();
        self.s_axil_awready.next = self.shell.s_axil_awready.val();
        self.shell.s_axil_awaddr.next = self.s_axil_awaddr.val();
        self.shell.s_axil_wvalid.next = self.s_axil_wvalid.val();
        self.s_axil_wready.next = self.shell.s_axil_wready.val();
        self.shell.s_axil_wdata.next = self.s_axil_wdata.val();
        self.shell.s_axil_wstrb.next = self.s_axil_wstrb.val();
        self.s_axil_bvalid.next = self.shell.s_axil_bvalid.val();
        self.shell.s_axil_bready.next = self.s_axil_bready.val();
        self.s_axil_bresp.next = self.shell.s_axil_bresp.val();
        self.shell.s_axil_arvalid.next = self.s_axil_arvalid.val();
        self.s_axil_arready.next = self.shell.s_axil_arready.val();
        self.shell.s_axil_araddr.next = self.s_axil_araddr.val();
        self.s_axil_rvalid.next = self.shell.s_axil_rvalid.val();
        self.shell.s_axil_rready.next = self.s_axil_rready.val();
        self.s_axil_rdata.next = self.shell.s_axil_rdata.val();
        self.s_axil_rresp.next = self.shell.s_axil_rresp.val();
        self.shell.window_write.next = self.window_write.val();
        self.shell.window_word.next = self.window_word.val();
        self.shell.window_data.next = self.window_data.val();
        self.shell.window_all.next = self.window_all.val();
        self.shell.window_words.next = self.window_words.val();
        self.shell.s_axis_valid.next = self.s_axis_valid.val();
        self.s_axis_ready.next = self.shell.s_axis_ready.val();
        self.shell.s_axis_data.next = self.s_axis_data.val();
        self.m_write_valid.next = self.shell.m_write_valid.val();
        self.shell.m_write_ready.next = self.m_write_ready.val();
        self.m_write_address.next = self.shell.m_write_address.val();
        self.m_write_data.next = self.shell.m_write_data.val();

        self.core.reset.next = self.shell.core_reset.val();
        self.core.command_valid.next = self.shell.command_valid.val();
        self.core.command.next = self.shell.command.val();
        self.shell.will_take.next = self.core.will_take.val();
        self.shell.event_valid.next = self.core.event_valid.val();
        self.shell.event_data.next = self.core.event_data.val();
        self.core.event_ready.next = self.shell.event_ready.val();
        self.shell.idle.next = self.core.idle.val();
        self.shell.built.next = self.core.built.val();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use hedgewire_abi::event::FLAG_LAST;
    use hedgewire_abi::register::{self, COMMAND_CREDIT, Register, slot_offset};
    use hedgewire_kernel::{Form, Kernel, Sizes};
    use hedgewire_sim::commands::CommandStream;

    use super::*;
    use crate::host::Registers;
    use crate::host::stimulus::{Random, words};
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    const SIZES: Sizes = Sizes { underlyings: 1, rows: 64, intervals: 4 };
    const BASE: u64 = 0x12_3456_7040;
    const COMMANDS: usize = 240;
    /// The card in Rust is larger than a test's stack.
    const STACK_BYTES: usize = 64 << 20;
    /// log2 of the ring's slots.
    const RING: u32 = 4;
    /// Events after which the host says what it has read.
    const READ_AT_ONCE: usize = 5;

    /// The card, a bus that stalls, and a host that reads the ring.
    struct Host {
        bench: TestBench<Top<1>>,
        random: Random,
        streamed: VecDeque<Words>,
        is_offered: bool,
        pieces: VecDeque<(usize, U<64>)>,
        /// Commands that have been sent through the window, and answered since.
        posted: usize,
        answered: usize,
        /// Addresses and records, as they were written.
        written: Vec<(u64, Words)>,
        read: usize,
    }

    impl Host {
        fn new(seed: u64) -> Self {
            let Sizes { underlyings, rows, intervals } = SIZES;
            let top = Top::new(CardSizes { rows, intervals, underlyings }, *b"revision");
            let mut bench = TestBench::new("top", top);
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
            poke!(bench, reset, true);
            cycle!(bench);
            poke!(bench, reset, false);
            Self {
                bench,
                random: Random(seed),
                streamed: VecDeque::new(),
                is_offered: false,
                pieces: VecDeque::new(),
                posted: 0,
                answered: 0,
                written: Vec::new(),
                read: 0,
            }
        }

        /// One cycle of card and bus; what the caller has poked goes with it.
        fn step(&mut self) {
            let Self { bench, random, .. } = self;
            if !self.is_offered
                && random.chance(70)
                && let Some(command) = self.streamed.front()
            {
                poke!(bench, s_axis_valid, true);
                poke!(bench, s_axis_data, *command);
                self.is_offered = true;
            }
            let has_credit = self.posted < self.answered + COMMAND_CREDIT as usize;
            let piece = if has_credit && random.chance(80) { self.pieces.pop_front() } else { None };
            if let Some((word, data)) = piece {
                poke!(bench, window_write, true);
                poke!(bench, window_word, U::new(word as u128));
                poke!(bench, window_data, data);
                self.posted += usize::from(word == 7);
            }
            let is_ready = random.chance(60);
            poke!(bench, m_write_ready, is_ready);
            cycle!(bench, settle);
            let is_taken = self.is_offered && peek!(bench, s_axis_ready);
            if peek!(bench, m_write_valid) && is_ready {
                let (address, record) = (peek!(bench, m_write_address).word(), peek!(bench, m_write_data));
                self.answered += usize::from(record.w0.word() >> 32 & u64::from(FLAG_LAST) != 0);
                self.written.push((address, record));
            }
            cycle!(bench);
            if is_taken {
                self.streamed.pop_front();
                poke!(bench, s_axis_valid, false);
                self.is_offered = false;
            }
            if piece.is_some() {
                poke!(bench, window_write, false);
            }
        }

        fn write(&mut self, register: Register, data: u32) {
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
            assert_eq!(peek!(bench, s_axil_bresp).raw(), 0, "{} is not to be written", register.name);
            self.step();
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
            let data = peek!(bench, s_axil_rdata).word() as u32;
            self.step();
            data
        }

        /// Ring and enable.
        fn start(&mut self) {
            while self.read_register(register::STATUS) & register::RESETTING.mask() != 0 {}
            self.write(register::RING_BASE_LOW, BASE as u32);
            self.write(register::RING_BASE_HIGH, (BASE >> 32) as u32);
            self.write(register::RING_SIZE_LOG2, RING);
            self.write(register::CONTROL, register::ENABLE.mask());
        }

        /// Runs until so many events have been written in total.
        fn run(&mut self, events: usize) {
            let mut patience = 0;
            while self.written.len() < events {
                let before = self.written.len();
                self.step();
                if self.written.len() >= self.read + READ_AT_ONCE {
                    self.read = self.written.len();
                    self.write(register::CONSUMER, self.read as u32);
                }
                patience = if self.written.len() == before { patience + 1 } else { 0 };
                assert!(patience < 20_000, "{} of {events} events", self.written.len());
            }
        }
    }

    #[test]
    fn commands_from_pins_are_answered_in_the_ring_as_the_kernel_answers_them() {
        let test = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(commands_are_answered);
        test.expect("a thread").join().expect("the card equals the kernel");
    }

    fn commands_are_answered() {
        let (mut stream, mut kernel) = (CommandStream::new(5, SIZES), Kernel::new(SIZES, Form::Scalar));
        let (mut commands, mut expected) = (Vec::new(), Vec::new());
        let mut last = Vec::new();
        for _ in 0..COMMANDS {
            let command = stream.next(&last);
            last = kernel.apply(&command).to_vec();
            commands.push(words(command.words()));
            expected.push(last.clone());
        }
        let mut host = Host::new(51);
        host.start();
        assert_eq!(host.read_register(register::LANES), 1);
        assert_eq!(host.read_register(register::BUILD_LOW), u32::from_le_bytes(*b"revi"));
        let (first, second) = commands.split_at(COMMANDS * 2 / 3);
        host.streamed.extend(first);
        host.run(expected[..first.len()].iter().map(Vec::len).sum());
        host.answered = 0;
        for command in second {
            let Words { w0, w1, w2, w3, w4, w5, w6, w7 } = *command;
            // Any order that ends with the sequence.
            let mut pieces: Vec<_> = [w0, w1, w2, w3, w4, w5, w6].into_iter().enumerate().collect();
            pieces.rotate_left(host.random.next() as usize % 7);
            host.pieces.extend(pieces);
            host.pieces.push_back((7, w7));
        }
        host.run(expected.iter().map(Vec::len).sum());
        for _ in 0..50 {
            host.step();
        }
        let expected: Vec<_> = expected
            .iter()
            .flatten()
            .zip(1u64..)
            .map(|(event, seq)| (BASE + slot_offset(seq, RING), words(event.words())))
            .collect();
        assert_eq!(host.written.len(), expected.len());
        for (written, expected) in host.written.iter().zip(&expected) {
            assert_eq!(written, expected);
        }
        assert_eq!(host.read_register(register::COMMANDS_LOW), COMMANDS as u32);
        assert_eq!(host.read_register(register::COMMANDS_LOST), 0);
        host.bench.finish();
    }
}
