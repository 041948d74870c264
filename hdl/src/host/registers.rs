//! The register file: an AXI4-Lite slave of 32 bits over `hedgewire_abi::register`.
//!
//! ```text
//!   aw --> [address] --+                                ar --> [look] --> [select] --> [data] --> r
//!   w  --> [data] -----+--> [act] --> [answer] --> b          ROM
//! ```
//!
//! Address and data of a write may come in any order; one write and one read are in hand at a time.
//! What never changes (identity, parameters, build) is a ROM; the rest is selected by offset. Offsets and
//! bit numbers are constants from `abi`'s table, and a test walks that table. `READ_LATENCY` cycles from
//! address to data, `WRITE_LATENCY` from the later of address and data to what the write does.

use hedgewire_abi::register::{self, Flag, Register};
use hedgewire_abi::{LAYOUT_HASH, VERSION};
use rust_hdl::prelude::*;

use crate::primitive::Rom;
use crate::signal::{U, bits_lit, unsigned_cast_wide};

/// What a card says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Rows taken in a cycle.
    pub lanes: u32,
    /// Rows of a bank.
    pub rows: u32,
    /// Intervals of a ladder.
    pub intervals: u32,
    /// Underlyings.
    pub underlyings: u32,
    /// First bytes of the source revision that the card was built from.
    pub build: [u8; 8],
}

impl Identity {
    /// Every register that never changes, with its value; they are the first of the table, without a gap.
    fn words(&self) -> impl Iterator<Item = U<32>> {
        let [b0, b1, b2, b3, b4, b5, b6, b7] = self.build;
        [
            (register::MAGIC, register::MAGIC_VALUE),
            (register::VERSION, VERSION.into()),
            (register::LAYOUT_HASH_LOW, LAYOUT_HASH as u32),
            (register::LAYOUT_HASH_HIGH, (LAYOUT_HASH >> 32) as u32),
            (register::LANES, self.lanes),
            (register::ROWS, self.rows),
            (register::INTERVALS, self.intervals),
            (register::UNDERLYINGS, self.underlyings),
            (register::BUILD_LOW, u32::from_le_bytes([b0, b1, b2, b3])),
            (register::BUILD_HIGH, u32::from_le_bytes([b4, b5, b6, b7])),
        ]
        .into_iter()
        .enumerate()
        .map(|(i, (place, value))| {
            assert_eq!(place.offset as usize, 4 * i, "{} is out of place", place.name);
            U::new(value.into())
        })
    }
}

/// All registers.
#[derive(LogicBlock)]
pub struct Registers {
    pub clock: Signal<In, Clock>,
    /// Reset of the bus.
    pub reset: Signal<In, Bit>,
    /// The card is being reset: registers return to their values after power-up, writes are refused.
    pub clear: Signal<In, Bit>,

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

    pub enable: Signal<Out, Bit>,
    /// The host asks for a reset: one cycle.
    pub reset_request: Signal<Out, Bit>,
    pub ring_base: Signal<Out, U<64>>,
    /// Slots of the ring less 1.
    pub ring_mask: Signal<Out, U<32>>,
    /// A consumer index is written: one cycle.
    pub consumer_write: Signal<Out, Bit>,
    pub consumer: Signal<Out, U<32>>,
    pub watchdog_period: Signal<Out, U<32>>,
    /// One cycle.
    pub heartbeat: Signal<Out, Bit>,

    pub is_busy: Signal<In, Bit>,
    pub tripped: Signal<In, Bit>,
    pub ring_full: Signal<In, Bit>,
    /// The consumer index that the ring believes.
    pub consumed: Signal<In, U<32>>,
    /// Sequence number of the last event.
    pub events: Signal<In, U<64>>,
    pub built: Signal<In, U<32>>,
    /// Counted and flagged here, one in each cycle in which the bit is set.
    pub consumer_refused: Signal<In, Bit>,
    pub command_taken: Signal<In, Bit>,
    pub command_incomplete: Signal<In, Bit>,
    pub command_lost: Signal<In, Bit>,

    has_address: DFF<Bit>,
    /// The place of the write, one bit for each that may be written.
    to_control: DFF<Bit>,
    to_ring_base_low: DFF<Bit>,
    to_ring_base_high: DFF<Bit>,
    to_ring_size: DFF<Bit>,
    to_consumer: DFF<Bit>,
    to_period: DFF<Bit>,
    to_heartbeat: DFF<Bit>,
    has_data: DFF<Bit>,
    write_data: DFF<U<32>>,
    /// All four bytes are written.
    is_whole: DFF<Bit>,
    /// The data may be the low half of a ring's base.
    is_low_aligned: DFF<Bit>,
    /// The data is the size of a ring.
    is_size: DFF<Bit>,
    has_answer: DFF<Bit>,
    is_error: DFF<Bit>,
    write_word: Signal<Local, U<14>>,
    read_word: Signal<Local, U<14>>,
    is_known: Signal<Local, Bit>,
    word_fixed: Signal<Local, U<32>>,
    word_control: Signal<Local, U<32>>,
    word_status: Signal<Local, U<32>>,
    word_commands_low: Signal<Local, U<32>>,
    word_commands_high: Signal<Local, U<32>>,
    word_commands_lost: Signal<Local, U<32>>,
    word_built: Signal<Local, U<32>>,
    word_ring_base_low: Signal<Local, U<32>>,
    word_ring_base_high: Signal<Local, U<32>>,
    word_ring_size: Signal<Local, U<32>>,
    word_consumer: Signal<Local, U<32>>,
    word_events_low: Signal<Local, U<32>>,
    word_events_high: Signal<Local, U<32>>,
    word_period: Signal<Local, U<32>>,
    /// A write is carried out in this cycle.
    acts: DFF<Bit>,
    may_act: DFF<Bit>,
    begins: Signal<Local, Bit>,
    is_allowed: Signal<Local, Bit>,
    size_log2: Signal<Local, U<5>>,

    is_looking: DFF<Bit>,
    is_selected: DFF<Bit>,
    /// What is selected of what is set and of what is counted.
    word_set: DFF<U<32>>,
    word_counted: DFF<U<32>>,
    has_data_out: DFF<Bit>,
    /// The place of the read, one bit each; none for what cannot be read.
    from_fixed: DFF<Bit>,
    from_control: DFF<Bit>,
    from_status: DFF<Bit>,
    from_commands_low: DFF<Bit>,
    from_commands_high: DFF<Bit>,
    from_commands_lost: DFF<Bit>,
    from_built: DFF<Bit>,
    from_ring_base_low: DFF<Bit>,
    from_ring_base_high: DFF<Bit>,
    from_ring_size: DFF<Bit>,
    from_consumer: DFF<Bit>,
    from_events_low: DFF<Bit>,
    from_events_high: DFF<Bit>,
    from_period: DFF<Bit>,
    read_data: DFF<U<32>>,
    read_error: DFF<Bit>,
    fixed: Rom<32, 4>,
    status: Signal<Local, U<32>>,
    control: Signal<Local, U<32>>,
    commands_high_held: DFF<U<32>>,
    events_high_held: DFF<U<32>>,

    is_enabled: DFF<Bit>,
    base_low: DFF<U<32>>,
    base_high: DFF<U<32>>,
    ring_size: DFF<U<5>>,
    mask: DFF<U<32>>,
    period: DFF<U<32>>,
    commands: DFF<U<64>>,
    commands_lost: DFF<U<32>>,
    was_refused: DFF<Bit>,
    was_incomplete: DFF<Bit>,
    was_lost: DFF<Bit>,

    fixed_end: Constant<U<14>>,
    control_at: Constant<U<14>>,
    status_at: Constant<U<14>>,
    commands_low_at: Constant<U<14>>,
    commands_high_at: Constant<U<14>>,
    commands_lost_at: Constant<U<14>>,
    built_at: Constant<U<14>>,
    ring_base_low_at: Constant<U<14>>,
    ring_base_high_at: Constant<U<14>>,
    ring_size_at: Constant<U<14>>,
    consumer_at: Constant<U<14>>,
    events_low_at: Constant<U<14>>,
    events_high_at: Constant<U<14>>,
    period_at: Constant<U<14>>,
    heartbeat_at: Constant<U<14>>,
    enable_bit: Constant<U<5>>,
    reset_bit: Constant<U<5>>,
    busy_bit: Constant<U<5>>,
    resetting_bit: Constant<U<5>>,
    tripped_bit: Constant<U<5>>,
    ring_full_bit: Constant<U<5>>,
    refused_bit: Constant<U<5>>,
    incomplete_bit: Constant<U<5>>,
    lost_bit: Constant<U<5>>,
    size_max: Constant<U<32>>,
    all_ones: Constant<U<32>>,
    one: Constant<U<32>>,
    one_command: Constant<U<64>>,
    half: Constant<U<6>>,
}

/// A register's word in the register file.
fn at(register: Register) -> Constant<U<14>> {
    Constant::new(U::new(u128::from(register.offset / 4)))
}

/// A flag's bit.
fn bit(flag: Flag) -> Constant<U<5>> {
    Constant::new(U::new(flag.bit.into()))
}

impl Registers {
    /// Cycles from a read's address to its data.
    pub const READ_LATENCY: usize = 3;
    /// Cycles from a write's address and data to what it does.
    pub const WRITE_LATENCY: usize = 2;

    /// The registers of a card.
    pub fn new(identity: Identity) -> Self {
        Self {
            clock: Signal::default(),
            reset: Signal::default(),
            clear: Signal::default(),
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
            enable: Signal::default(),
            reset_request: Signal::default(),
            ring_base: Signal::default(),
            ring_mask: Signal::default(),
            consumer_write: Signal::default(),
            consumer: Signal::default(),
            watchdog_period: Signal::default(),
            heartbeat: Signal::default(),
            is_busy: Signal::default(),
            tripped: Signal::default(),
            ring_full: Signal::default(),
            consumed: Signal::default(),
            events: Signal::default(),
            built: Signal::default(),
            consumer_refused: Signal::default(),
            command_taken: Signal::default(),
            command_incomplete: Signal::default(),
            command_lost: Signal::default(),
            has_address: DFF::default(),
            to_control: DFF::default(),
            to_ring_base_low: DFF::default(),
            to_ring_base_high: DFF::default(),
            to_ring_size: DFF::default(),
            to_consumer: DFF::default(),
            to_period: DFF::default(),
            to_heartbeat: DFF::default(),
            has_data: DFF::default(),
            write_data: DFF::default(),
            is_whole: DFF::default(),
            is_size: DFF::default(),
            is_low_aligned: DFF::default(),
            has_answer: DFF::default(),
            is_error: DFF::default(),
            write_word: Signal::default(),
            read_word: Signal::default(),
            is_known: Signal::default(),
            word_fixed: Signal::default(),
            word_control: Signal::default(),
            word_status: Signal::default(),
            word_commands_low: Signal::default(),
            word_commands_high: Signal::default(),
            word_commands_lost: Signal::default(),
            word_built: Signal::default(),
            word_ring_base_low: Signal::default(),
            word_ring_base_high: Signal::default(),
            word_ring_size: Signal::default(),
            word_consumer: Signal::default(),
            word_events_low: Signal::default(),
            word_events_high: Signal::default(),
            word_period: Signal::default(),
            acts: DFF::default(),
            may_act: DFF::default(),
            begins: Signal::default(),
            is_allowed: Signal::default(),
            size_log2: Signal::default(),
            is_looking: DFF::default(),
            is_selected: DFF::default(),
            word_set: DFF::default(),
            word_counted: DFF::default(),
            has_data_out: DFF::default(),
            from_fixed: DFF::default(),
            from_control: DFF::default(),
            from_status: DFF::default(),
            from_commands_low: DFF::default(),
            from_commands_high: DFF::default(),
            from_commands_lost: DFF::default(),
            from_built: DFF::default(),
            from_ring_base_low: DFF::default(),
            from_ring_base_high: DFF::default(),
            from_ring_size: DFF::default(),
            from_consumer: DFF::default(),
            from_events_low: DFF::default(),
            from_events_high: DFF::default(),
            from_period: DFF::default(),
            read_data: DFF::default(),
            read_error: DFF::default(),
            fixed: Rom::new(identity.words()),
            status: Signal::default(),
            control: Signal::default(),
            commands_high_held: DFF::default(),
            events_high_held: DFF::default(),
            is_enabled: DFF::default(),
            base_low: DFF::default(),
            base_high: DFF::default(),
            ring_size: DFF::default(),
            mask: DFF::default(),
            period: DFF::default(),
            commands: DFF::default(),
            commands_lost: DFF::default(),
            was_refused: DFF::default(),
            was_incomplete: DFF::default(),
            was_lost: DFF::default(),
            fixed_end: Constant::new(U::new(identity.words().count() as u128)),
            control_at: at(register::CONTROL),
            status_at: at(register::STATUS),
            commands_low_at: at(register::COMMANDS_LOW),
            commands_high_at: at(register::COMMANDS_HIGH),
            commands_lost_at: at(register::COMMANDS_LOST),
            built_at: at(register::BUILT),
            ring_base_low_at: at(register::RING_BASE_LOW),
            ring_base_high_at: at(register::RING_BASE_HIGH),
            ring_size_at: at(register::RING_SIZE_LOG2),
            consumer_at: at(register::CONSUMER),
            events_low_at: at(register::EVENTS_LOW),
            events_high_at: at(register::EVENTS_HIGH),
            period_at: at(register::WATCHDOG_PERIOD),
            heartbeat_at: at(register::HEARTBEAT),
            enable_bit: bit(register::ENABLE),
            reset_bit: bit(register::RESET),
            busy_bit: bit(register::BUSY),
            resetting_bit: bit(register::RESETTING),
            tripped_bit: bit(register::TRIPPED),
            ring_full_bit: bit(register::RING_FULL),
            refused_bit: bit(register::CONSUMER_REFUSED),
            incomplete_bit: bit(register::COMMAND_INCOMPLETE),
            lost_bit: bit(register::COMMAND_LOST),
            size_max: Constant::new(U::new(register::RING_SIZE_LOG2_MAX.into())),
            all_ones: Constant::new(U::new(0xffff_ffff)),
            one: Constant::new(U::new(1)),
            one_command: Constant::new(U::new(1)),
            half: Constant::new(U::new(32)),
        }
    }
}

impl Logic for Registers {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, fixed, acts, may_act, mask, is_low_aligned);
        dff_setup!(self, clock, has_address, has_data, write_data, is_whole, is_size, has_answer, is_error);
        dff_setup!(
            self,
            clock,
            to_control,
            to_ring_base_low,
            to_ring_base_high,
            to_ring_size,
            to_consumer,
            to_period,
            to_heartbeat
        );
        dff_setup!(
            self,
            clock,
            from_fixed,
            from_control,
            from_status,
            from_commands_low,
            from_commands_high,
            from_commands_lost,
            from_built,
            from_ring_base_low,
            from_ring_base_high,
            from_ring_size,
            from_consumer,
            from_events_low,
            from_events_high,
            from_period
        );
        dff_setup!(
            self,
            clock,
            is_looking,
            is_selected,
            word_set,
            word_counted,
            has_data_out,
            read_data,
            read_error,
            commands_high_held,
            events_high_held
        );
        dff_setup!(self, clock, is_enabled, base_low, base_high, ring_size, period);
        dff_setup!(self, clock, commands, commands_lost, was_refused, was_incomplete, was_lost);
        self.enable.next = self.is_enabled.q.val();
        self.ring_base.next = (unsigned_cast_wide::<64, 32>(self.base_high.q.val()) << self.half.val())
            | unsigned_cast_wide::<64, 32>(self.base_low.q.val());
        self.ring_mask.next = self.mask.q.val();
        self.watchdog_period.next = self.period.q.val();
        self.consumer.next = self.write_data.q.val();

        // Counters and sticky flags.
        if self.command_taken.val() {
            self.commands.d.next = self.commands.q.val() + self.one_command.val();
        }
        if self.command_lost.val() | self.command_incomplete.val() {
            self.commands_lost.d.next = self.commands_lost.q.val() + self.one.val();
        }
        self.was_refused.d.next = self.was_refused.q.val() | self.consumer_refused.val();
        self.was_incomplete.d.next = self.was_incomplete.q.val() | self.command_incomplete.val();
        self.was_lost.d.next = self.was_lost.q.val() | self.command_lost.val();
        self.control.next = bits_lit::<32>(0);
        self.control.next = self.control.val().replace_bit(self.enable_bit.val().index(), self.is_enabled.q.val());
        self.status.next = bits_lit::<32>(0);
        self.status.next = self.status.val().replace_bit(self.busy_bit.val().index(), self.is_busy.val());
        self.status.next = self.status.val().replace_bit(self.resetting_bit.val().index(), self.clear.val());
        self.status.next = self.status.val().replace_bit(self.tripped_bit.val().index(), self.tripped.val());
        self.status.next = self.status.val().replace_bit(self.ring_full_bit.val().index(), self.ring_full.val());
        self.status.next = self.status.val().replace_bit(self.refused_bit.val().index(), self.was_refused.q.val());
        self.status.next =
            self.status.val().replace_bit(self.incomplete_bit.val().index(), self.was_incomplete.q.val());
        self.status.next = self.status.val().replace_bit(self.lost_bit.val().index(), self.was_lost.q.val());

        // Places are told apart as they come in.
        self.write_word.next = self.s_axil_awaddr.val().get_bits::<14>(2);
        self.read_word.next = self.s_axil_araddr.val().get_bits::<14>(2);

        // A write: address and data, then the act, then the answer.
        self.s_axil_awready.next = !self.has_address.q.val();
        self.s_axil_wready.next = !self.has_data.q.val();
        self.s_axil_bvalid.next = self.has_answer.q.val();
        if self.is_error.q.val() {
            self.s_axil_bresp.next = bits_lit::<2>(2);
        } else {
            self.s_axil_bresp.next = bits_lit::<2>(0);
        }
        if self.s_axil_awvalid.val() & !self.has_address.q.val() {
            self.has_address.d.next = true;
            self.to_control.d.next = self.write_word.val() == self.control_at.val();
            self.to_ring_base_low.d.next = self.write_word.val() == self.ring_base_low_at.val();
            self.to_ring_base_high.d.next = self.write_word.val() == self.ring_base_high_at.val();
            self.to_ring_size.d.next = self.write_word.val() == self.ring_size_at.val();
            self.to_consumer.d.next = self.write_word.val() == self.consumer_at.val();
            self.to_period.d.next = self.write_word.val() == self.period_at.val();
            self.to_heartbeat.d.next = self.write_word.val() == self.heartbeat_at.val();
        }
        if self.s_axil_wvalid.val() & !self.has_data.q.val() {
            self.has_data.d.next = true;
            self.write_data.d.next = self.s_axil_wdata.val();
            self.is_whole.d.next = self.s_axil_wstrb.val().all();
            self.is_size.d.next = self.s_axil_wdata.val() <= self.size_max.val();
        }
        self.begins.next = self.has_address.q.val()
            & self.has_data.q.val()
            & (!self.has_answer.q.val() | self.s_axil_bready.val())
            & !self.acts.q.val();
        self.acts.d.next = self.begins.val();
        self.may_act.d.next = self.begins.val() & self.is_whole.q.val() & !self.clear.val();
        self.is_low_aligned.d.next = !self.write_data.q.val().get_bits::<6>(0).any();
        self.is_allowed.next = false;
        self.reset_request.next = false;
        self.consumer_write.next = false;
        self.heartbeat.next = false;
        self.size_log2.next = self.write_data.q.val().get_bits::<5>(0);
        if self.may_act.q.val() {
            if self.to_control.q.val() {
                self.is_allowed.next = true;
                if self.write_data.q.val().get_bit(self.reset_bit.val().index()) {
                    self.reset_request.next = true;
                } else if self.write_data.q.val().get_bit(self.enable_bit.val().index()) {
                    self.is_allowed.next = self.ring_size.q.val().any();
                    self.is_enabled.d.next = self.ring_size.q.val().any();
                }
            } else if self.to_ring_base_low.q.val() {
                if !self.is_enabled.q.val() & self.is_low_aligned.q.val() {
                    self.is_allowed.next = true;
                    self.base_low.d.next = self.write_data.q.val();
                }
            } else if self.to_ring_base_high.q.val() {
                if !self.is_enabled.q.val() {
                    self.is_allowed.next = true;
                    self.base_high.d.next = self.write_data.q.val();
                }
            } else if self.to_ring_size.q.val() {
                if !self.is_enabled.q.val() & self.is_size.q.val() {
                    self.is_allowed.next = true;
                    self.ring_size.d.next = self.size_log2.val();
                }
            } else if self.to_consumer.q.val() {
                self.is_allowed.next = self.is_enabled.q.val();
                self.consumer_write.next = self.is_enabled.q.val();
            } else if self.to_period.q.val() {
                self.is_allowed.next = true;
                self.period.d.next = self.write_data.q.val();
            } else if self.to_heartbeat.q.val() {
                self.is_allowed.next = true;
                self.heartbeat.next = true;
            }
        }
        // A cycle after the size; 0 is none.
        self.mask.d.next = !(self.all_ones.val() << self.ring_size.q.val());
        if self.acts.q.val() {
            self.has_address.d.next = false;
            self.has_data.d.next = false;
            self.has_answer.d.next = true;
            self.is_error.d.next = !self.is_allowed.val();
        } else if self.s_axil_bready.val() {
            self.has_answer.d.next = false;
        }

        // A read.
        self.s_axil_arready.next = !self.is_looking.q.val() & !self.is_selected.q.val() & !self.has_data_out.q.val();
        self.s_axil_rvalid.next = self.has_data_out.q.val();
        self.s_axil_rdata.next = self.read_data.q.val();
        if self.read_error.q.val() {
            self.s_axil_rresp.next = bits_lit::<2>(2);
        } else {
            self.s_axil_rresp.next = bits_lit::<2>(0);
        }
        // Of the places at most one is meant.
        self.word_fixed.next = bits_lit::<32>(0);
        if self.from_fixed.q.val() {
            self.word_fixed.next = self.fixed.q.val();
        }
        self.word_control.next = bits_lit::<32>(0);
        if self.from_control.q.val() {
            self.word_control.next = self.control.val();
        }
        self.word_status.next = bits_lit::<32>(0);
        if self.from_status.q.val() {
            self.word_status.next = self.status.val();
        }
        self.word_commands_low.next = bits_lit::<32>(0);
        if self.from_commands_low.q.val() {
            self.word_commands_low.next = self.commands.q.val().get_bits::<32>(0);
        }
        self.word_commands_high.next = bits_lit::<32>(0);
        if self.from_commands_high.q.val() {
            self.word_commands_high.next = self.commands_high_held.q.val();
        }
        self.word_commands_lost.next = bits_lit::<32>(0);
        if self.from_commands_lost.q.val() {
            self.word_commands_lost.next = self.commands_lost.q.val();
        }
        self.word_built.next = bits_lit::<32>(0);
        if self.from_built.q.val() {
            self.word_built.next = self.built.val();
        }
        self.word_ring_base_low.next = bits_lit::<32>(0);
        if self.from_ring_base_low.q.val() {
            self.word_ring_base_low.next = self.base_low.q.val();
        }
        self.word_ring_base_high.next = bits_lit::<32>(0);
        if self.from_ring_base_high.q.val() {
            self.word_ring_base_high.next = self.base_high.q.val();
        }
        self.word_ring_size.next = bits_lit::<32>(0);
        if self.from_ring_size.q.val() {
            self.word_ring_size.next = unsigned_cast_wide(self.ring_size.q.val());
        }
        self.word_consumer.next = bits_lit::<32>(0);
        if self.from_consumer.q.val() {
            self.word_consumer.next = self.consumed.val();
        }
        self.word_events_low.next = bits_lit::<32>(0);
        if self.from_events_low.q.val() {
            self.word_events_low.next = self.events.val().get_bits::<32>(0);
        }
        self.word_events_high.next = bits_lit::<32>(0);
        if self.from_events_high.q.val() {
            self.word_events_high.next = self.events_high_held.q.val();
        }
        self.word_period.next = bits_lit::<32>(0);
        if self.from_period.q.val() {
            self.word_period.next = self.period.q.val();
        }
        self.word_set.d.next = self.word_fixed.val()
            | self.word_control.val()
            | self.word_status.val()
            | self.word_ring_base_low.val()
            | self.word_ring_base_high.val()
            | self.word_ring_size.val()
            | self.word_period.val();
        self.word_counted.d.next = self.word_commands_low.val()
            | self.word_commands_high.val()
            | self.word_commands_lost.val()
            | self.word_built.val()
            | self.word_consumer.val()
            | self.word_events_low.val()
            | self.word_events_high.val();
        self.is_known.next = self.from_fixed.q.val()
            | self.from_control.q.val()
            | self.from_status.q.val()
            | self.from_commands_low.q.val()
            | self.from_commands_high.q.val()
            | self.from_commands_lost.q.val()
            | self.from_built.q.val()
            | self.from_ring_base_low.q.val()
            | self.from_ring_base_high.q.val()
            | self.from_ring_size.q.val()
            | self.from_consumer.q.val()
            | self.from_events_low.q.val()
            | self.from_events_high.q.val()
            | self.from_period.q.val();
        self.fixed.read_address.next = self.s_axil_araddr.val().get_bits::<4>(2);
        self.is_looking.d.next = false;
        self.is_selected.d.next = false;
        if self.has_data_out.q.val() {
            self.has_data_out.d.next = !self.s_axil_rready.val();
        } else if self.is_looking.q.val() {
            self.is_selected.d.next = true;
            if self.from_commands_low.q.val() {
                self.commands_high_held.d.next = self.commands.q.val().get_bits::<32>(32);
            }
            if self.from_events_low.q.val() {
                self.events_high_held.d.next = self.events.val().get_bits::<32>(32);
            }
        } else if self.is_selected.q.val() {
            self.has_data_out.d.next = true;
            self.read_data.d.next = self.word_set.q.val() | self.word_counted.q.val();
            self.read_error.d.next = !self.is_known.val();
        } else {
            self.is_looking.d.next = self.s_axil_arvalid.val();
            self.from_fixed.d.next = self.read_word.val() < self.fixed_end.val();
            self.from_control.d.next = self.read_word.val() == self.control_at.val();
            self.from_status.d.next = self.read_word.val() == self.status_at.val();
            self.from_commands_low.d.next = self.read_word.val() == self.commands_low_at.val();
            self.from_commands_high.d.next = self.read_word.val() == self.commands_high_at.val();
            self.from_commands_lost.d.next = self.read_word.val() == self.commands_lost_at.val();
            self.from_built.d.next = self.read_word.val() == self.built_at.val();
            self.from_ring_base_low.d.next = self.read_word.val() == self.ring_base_low_at.val();
            self.from_ring_base_high.d.next = self.read_word.val() == self.ring_base_high_at.val();
            self.from_ring_size.d.next = self.read_word.val() == self.ring_size_at.val();
            self.from_consumer.d.next = self.read_word.val() == self.consumer_at.val();
            self.from_events_low.d.next = self.read_word.val() == self.events_low_at.val();
            self.from_events_high.d.next = self.read_word.val() == self.events_high_at.val();
            self.from_period.d.next = self.read_word.val() == self.period_at.val();
        }

        if self.clear.val() {
            self.is_enabled.d.next = false;
            self.base_low.d.next = bits_lit::<32>(0);
            self.base_high.d.next = bits_lit::<32>(0);
            self.ring_size.d.next = bits_lit::<5>(0);
            self.period.d.next = bits_lit::<32>(0);
            self.commands.d.next = bits_lit::<64>(0);
            self.commands_lost.d.next = bits_lit::<32>(0);
            self.commands_high_held.d.next = bits_lit::<32>(0);
            self.events_high_held.d.next = bits_lit::<32>(0);
            self.was_refused.d.next = false;
            self.was_incomplete.d.next = false;
            self.was_lost.d.next = false;
        }
        if self.reset.val() {
            self.acts.d.next = false;
            self.may_act.d.next = false;
            self.has_address.d.next = false;
            self.has_data.d.next = false;
            self.has_answer.d.next = false;
            self.is_looking.d.next = false;
            self.is_selected.d.next = false;
            self.has_data_out.d.next = false;
        }
    }
}

#[cfg(test)]
mod tests;
