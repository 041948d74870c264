//! What the host has set, read for the cycle in which a decision needs it.
//!
//! ```text
//!   set_* --write--> a memory per setting and reader --> a register
//!   index: cycle 0 -----> 1 ---> 3 ---> 7 ---> 8 ---> 9 ---> 12 --> 14 --> 16
//!                |        |      |      |      |      |      |      |      |
//!                1: setup 2:     4:     8:     9:     10:    13:    15:    17:
//!                price,   status bands  rate   setup, clips  clip_  sizes  bank_id
//!                scales                        size,         max
//!                                              status,
//!                                              rate, price
//! ```
//!
//! A memory has one read port, so a setting that several stages need is written into one for each; what
//! no reader uses of its word is not built. What is read is registered: a look-up and a comparison do not fit
//! into one cycle. Written only while no decision is under way. Cycles are those of the desk. An answer names the bank of
//! an underlying that there is not, too, which is 0: that memory alone looks at the whole address.

use rust_hdl::prelude::*;

use crate::primitive::{Delay, LookUp};
use crate::record;
use crate::signal::*;

/// Settings of all underlyings.
#[derive(LogicBlock)]
pub struct Settings {
    pub clock: Signal<In, Clock>,
    pub set_address: Signal<In, U<8>>,
    pub set_setup: Signal<In, Bit>,
    pub setup: Signal<In, record::Setup>,
    pub set_trigger: Signal<In, Bit>,
    pub trigger: Signal<In, record::Trigger>,
    pub set_price: Signal<In, Bit>,
    pub price_limits: Signal<In, record::PriceLimits>,
    pub set_size: Signal<In, Bit>,
    pub size_limits: Signal<In, record::SizeLimits>,
    pub set_rate: Signal<In, Bit>,
    pub rate_limits: Signal<In, record::RateLimits>,
    pub set_status: Signal<In, Bit>,
    pub status: Signal<In, record::Status>,
    /// Cycle 0.
    pub index: Signal<In, U<8>>,
    /// In the cycle of its name, like all that follow.
    pub setup_at_1: Signal<Out, record::Setup>,
    pub price_at_1: Signal<Out, record::PriceLimits>,
    pub trigger_at_1: Signal<Out, record::Trigger>,
    pub status_at_2: Signal<Out, record::Status>,
    pub trigger_at_4: Signal<Out, record::Trigger>,
    pub rate_at_8: Signal<Out, record::RateLimits>,
    pub setup_at_9: Signal<Out, record::Setup>,
    pub size_at_9: Signal<Out, record::SizeLimits>,
    pub status_at_9: Signal<Out, record::Status>,
    pub rate_at_9: Signal<Out, record::RateLimits>,
    pub price_at_9: Signal<Out, record::PriceLimits>,
    pub trigger_at_10: Signal<Out, record::Trigger>,
    pub trigger_at_13: Signal<Out, record::Trigger>,
    pub size_at_15: Signal<Out, record::SizeLimits>,
    pub size_at_16: Signal<Out, record::SizeLimits>,
    pub bank_id_at_17: Signal<Out, U<16>>,
    index_at_1: Delay<U<8>, 1>,
    index_at_3: Delay<U<8>, 2>,
    index_at_7: Delay<U<8>, 4>,
    index_at_8: Delay<U<8>, 1>,
    index_at_9: Delay<U<8>, 1>,
    index_at_12: Delay<U<8>, 3>,
    index_at_14: Delay<U<8>, 2>,
    index_at_16: Delay<U<8>, 2>,
    read_setup_at_1: Read<record::Setup>,
    read_price_at_1: Read<record::PriceLimits>,
    read_trigger_at_1: Read<record::Trigger>,
    read_status_at_2: Read<record::Status>,
    read_trigger_at_4: Read<record::Trigger>,
    read_rate_at_8: Read<record::RateLimits>,
    read_setup_at_9: Read<record::Setup>,
    read_size_at_9: Read<record::SizeLimits>,
    read_status_at_9: Read<record::Status>,
    read_rate_at_9: Read<record::RateLimits>,
    read_price_at_9: Read<record::PriceLimits>,
    read_trigger_at_10: Read<record::Trigger>,
    read_trigger_at_13: Read<record::Trigger>,
    read_size_at_15: Read<record::SizeLimits>,
    size_at_16_register: DFF<record::SizeLimits>,
    // Its address is looked at in a cycle of its own.
    bank_id_set: DFF<Bit>,
    bank_id_address: DFF<U<8>>,
    bank_id_written: DFF<U<16>>,
    read_bank_id: Read<U<16>>,
}

impl Settings {
    /// Memories of so many underlyings.
    pub fn new(underlyings: usize) -> Self {
        Self {
            clock: Signal::default(),
            set_address: Signal::default(),
            set_setup: Signal::default(),
            setup: Signal::default(),
            set_trigger: Signal::default(),
            trigger: Signal::default(),
            set_price: Signal::default(),
            price_limits: Signal::default(),
            set_size: Signal::default(),
            size_limits: Signal::default(),
            set_rate: Signal::default(),
            rate_limits: Signal::default(),
            set_status: Signal::default(),
            status: Signal::default(),
            index: Signal::default(),
            setup_at_1: Signal::default(),
            price_at_1: Signal::default(),
            trigger_at_1: Signal::default(),
            status_at_2: Signal::default(),
            trigger_at_4: Signal::default(),
            rate_at_8: Signal::default(),
            setup_at_9: Signal::default(),
            size_at_9: Signal::default(),
            status_at_9: Signal::default(),
            rate_at_9: Signal::default(),
            price_at_9: Signal::default(),
            trigger_at_10: Signal::default(),
            trigger_at_13: Signal::default(),
            size_at_15: Signal::default(),
            size_at_16: Signal::default(),
            bank_id_at_17: Signal::default(),
            index_at_1: Delay::default(),
            index_at_3: Delay::default(),
            index_at_7: Delay::default(),
            index_at_8: Delay::default(),
            index_at_9: Delay::default(),
            index_at_12: Delay::default(),
            index_at_14: Delay::default(),
            index_at_16: Delay::default(),
            read_setup_at_1: Read::new(underlyings),
            read_price_at_1: Read::new(underlyings),
            read_trigger_at_1: Read::new(underlyings),
            read_status_at_2: Read::new(underlyings),
            read_trigger_at_4: Read::new(underlyings),
            read_rate_at_8: Read::new(underlyings),
            read_setup_at_9: Read::new(underlyings),
            read_size_at_9: Read::new(underlyings),
            read_status_at_9: Read::new(underlyings),
            read_rate_at_9: Read::new(underlyings),
            read_price_at_9: Read::new(underlyings),
            read_trigger_at_10: Read::new(underlyings),
            read_trigger_at_13: Read::new(underlyings),
            read_size_at_15: Read::new(underlyings),
            size_at_16_register: DFF::default(),
            bank_id_set: DFF::default(),
            bank_id_address: DFF::default(),
            bank_id_written: DFF::default(),
            read_bank_id: Read::of(LookUp::new(underlyings)),
        }
    }
}

impl Default for Settings {
    /// As many underlyings as an address can name.
    fn default() -> Self {
        Self::new(256)
    }
}

impl Logic for Settings {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, index_at_1, index_at_3, index_at_7, index_at_8, index_at_9, index_at_12);
        clock!(
            self,
            clock,
            index_at_14,
            index_at_16,
            read_setup_at_1,
            read_price_at_1,
            read_trigger_at_1,
            read_status_at_2
        );
        clock!(
            self,
            clock,
            read_trigger_at_4,
            read_rate_at_8,
            read_setup_at_9,
            read_size_at_9,
            read_status_at_9,
            read_rate_at_9
        );
        clock!(
            self,
            clock,
            read_price_at_9,
            read_trigger_at_10,
            read_trigger_at_13,
            read_size_at_15,
            size_at_16_register,
            bank_id_set,
            bank_id_address,
            bank_id_written,
            read_bank_id
        );
        self.index_at_1.d.next = self.index.val();
        self.index_at_3.d.next = self.index_at_1.q.val();
        self.index_at_7.d.next = self.index_at_3.q.val();
        self.index_at_8.d.next = self.index_at_7.q.val();
        self.index_at_9.d.next = self.index_at_8.q.val();
        self.index_at_12.d.next = self.index_at_9.q.val();
        self.index_at_14.d.next = self.index_at_12.q.val();
        self.index_at_16.d.next = self.index_at_14.q.val();
        self.read_setup_at_1.write.next = self.set_setup.val();
        self.read_setup_at_1.write_address.next = self.set_address.val();
        self.read_setup_at_1.word.next = self.setup.val();
        self.read_setup_at_1.index.next = self.index.val();
        self.setup_at_1.next = self.read_setup_at_1.q.val();
        self.read_price_at_1.write.next = self.set_price.val();
        self.read_price_at_1.write_address.next = self.set_address.val();
        self.read_price_at_1.word.next = self.price_limits.val();
        self.read_price_at_1.index.next = self.index.val();
        self.price_at_1.next = self.read_price_at_1.q.val();
        self.read_trigger_at_1.write.next = self.set_trigger.val();
        self.read_trigger_at_1.write_address.next = self.set_address.val();
        self.read_trigger_at_1.word.next = self.trigger.val();
        self.read_trigger_at_1.index.next = self.index.val();
        self.trigger_at_1.next = self.read_trigger_at_1.q.val();
        self.read_status_at_2.write.next = self.set_status.val();
        self.read_status_at_2.write_address.next = self.set_address.val();
        self.read_status_at_2.word.next = self.status.val();
        self.read_status_at_2.index.next = self.index_at_1.q.val();
        self.status_at_2.next = self.read_status_at_2.q.val();
        self.read_trigger_at_4.write.next = self.set_trigger.val();
        self.read_trigger_at_4.write_address.next = self.set_address.val();
        self.read_trigger_at_4.word.next = self.trigger.val();
        self.read_trigger_at_4.index.next = self.index_at_3.q.val();
        self.trigger_at_4.next = self.read_trigger_at_4.q.val();
        self.read_rate_at_8.write.next = self.set_rate.val();
        self.read_rate_at_8.write_address.next = self.set_address.val();
        self.read_rate_at_8.word.next = self.rate_limits.val();
        self.read_rate_at_8.index.next = self.index_at_7.q.val();
        self.rate_at_8.next = self.read_rate_at_8.q.val();
        self.read_setup_at_9.write.next = self.set_setup.val();
        self.read_setup_at_9.write_address.next = self.set_address.val();
        self.read_setup_at_9.word.next = self.setup.val();
        self.read_setup_at_9.index.next = self.index_at_8.q.val();
        self.setup_at_9.next = self.read_setup_at_9.q.val();
        self.read_size_at_9.write.next = self.set_size.val();
        self.read_size_at_9.write_address.next = self.set_address.val();
        self.read_size_at_9.word.next = self.size_limits.val();
        self.read_size_at_9.index.next = self.index_at_8.q.val();
        self.size_at_9.next = self.read_size_at_9.q.val();
        self.read_status_at_9.write.next = self.set_status.val();
        self.read_status_at_9.write_address.next = self.set_address.val();
        self.read_status_at_9.word.next = self.status.val();
        self.read_status_at_9.index.next = self.index_at_8.q.val();
        self.status_at_9.next = self.read_status_at_9.q.val();
        self.read_rate_at_9.write.next = self.set_rate.val();
        self.read_rate_at_9.write_address.next = self.set_address.val();
        self.read_rate_at_9.word.next = self.rate_limits.val();
        self.read_rate_at_9.index.next = self.index_at_8.q.val();
        self.rate_at_9.next = self.read_rate_at_9.q.val();
        self.read_price_at_9.write.next = self.set_price.val();
        self.read_price_at_9.write_address.next = self.set_address.val();
        self.read_price_at_9.word.next = self.price_limits.val();
        self.read_price_at_9.index.next = self.index_at_8.q.val();
        self.price_at_9.next = self.read_price_at_9.q.val();
        self.read_trigger_at_10.write.next = self.set_trigger.val();
        self.read_trigger_at_10.write_address.next = self.set_address.val();
        self.read_trigger_at_10.word.next = self.trigger.val();
        self.read_trigger_at_10.index.next = self.index_at_9.q.val();
        self.trigger_at_10.next = self.read_trigger_at_10.q.val();
        self.read_trigger_at_13.write.next = self.set_trigger.val();
        self.read_trigger_at_13.write_address.next = self.set_address.val();
        self.read_trigger_at_13.word.next = self.trigger.val();
        self.read_trigger_at_13.index.next = self.index_at_12.q.val();
        self.trigger_at_13.next = self.read_trigger_at_13.q.val();
        self.read_size_at_15.write.next = self.set_size.val();
        self.read_size_at_15.write_address.next = self.set_address.val();
        self.read_size_at_15.word.next = self.size_limits.val();
        self.read_size_at_15.index.next = self.index_at_14.q.val();
        self.size_at_15.next = self.read_size_at_15.q.val();
        self.size_at_16_register.d.next = self.read_size_at_15.q.val();
        self.size_at_16.next = self.size_at_16_register.q.val();
        self.bank_id_set.d.next = self.set_setup.val();
        self.bank_id_address.d.next = self.set_address.val();
        self.bank_id_written.d.next = self.setup.val().bank_id;
        self.read_bank_id.write.next = self.bank_id_set.q.val();
        self.read_bank_id.write_address.next = self.bank_id_address.q.val();
        self.read_bank_id.word.next = self.bank_id_written.q.val();
        self.read_bank_id.index.next = self.index_at_16.q.val();
        self.bank_id_at_17.next = self.read_bank_id.q.val();
    }
}

/// A setting for one reader: the word of `index`, a cycle later.
#[derive(LogicBlock)]
struct Read<T: Synth> {
    pub clock: Signal<In, Clock>,
    pub write: Signal<In, Bit>,
    pub write_address: Signal<In, U<8>>,
    pub word: Signal<In, T>,
    pub index: Signal<In, U<8>>,
    pub q: Signal<Out, T>,
    memory: LookUp<T, 8>,
    register: DFF<T>,
}

impl<T: Synth> Read<T> {
    /// A reader that means only underlyings that there are.
    fn new(underlyings: usize) -> Self {
        Self::of(LookUp::wrapping(underlyings))
    }

    fn of(memory: LookUp<T, 8>) -> Self {
        Self {
            clock: Signal::default(),
            write: Signal::default(),
            write_address: Signal::default(),
            word: Signal::default(),
            index: Signal::default(),
            q: Signal::default(),
            memory,
            register: DFF::default(),
        }
    }
}

impl<T: Synth> Logic for Read<T> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, memory, register);
        self.memory.write.next = self.write.val();
        self.memory.write_address.next = self.write_address.val();
        self.memory.write_data.next = self.word.val();
        self.memory.read_address.next = self.index.val();
        self.register.d.next = self.memory.q.val();
        self.q.next = self.register.q.val();
    }
}
