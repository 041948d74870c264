//! What the host has set, read in the cycle in which a decision needs it.
//!
//! ```text
//!   set_* --write--> a memory per setting and reader
//!   index --> cycle 0 -----> 2 ---> 4 ---> 7 ---> 8 ---> 9 ---> 11 ---> 13 ---> 14
//!               | register   |      |      |      |      |      |       |       |
//!               1: setup,    status bands  rate   setup, rate,  clip_   sizes   bank_id
//!                  price,                         size,  price, max
//!                  scales                         status clips
//! ```
//!
//! A memory has one read port, so a setting that several stages need is written into one for each; what
//! no reader uses of its word is not built. What goes into a multiplier is registered first. Written
//! only while no decision is under way. Cycles are those of the desk.

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
    pub rate_at_7: Signal<Out, record::RateLimits>,
    pub setup_at_8: Signal<Out, record::Setup>,
    pub size_at_8: Signal<Out, record::SizeLimits>,
    pub status_at_8: Signal<Out, record::Status>,
    pub trigger_at_9: Signal<Out, record::Trigger>,
    pub rate_at_9: Signal<Out, record::RateLimits>,
    pub price_at_9: Signal<Out, record::PriceLimits>,
    pub trigger_at_11: Signal<Out, record::Trigger>,
    pub size_at_13: Signal<Out, record::SizeLimits>,
    pub size_at_14: Signal<Out, record::SizeLimits>,
    pub bank_id_at_14: Signal<Out, U<16>>,
    index_at_2: Delay<U<8>, 2>,
    index_at_4: Delay<U<8>, 2>,
    index_at_7: Delay<U<8>, 3>,
    index_at_8: Delay<U<8>, 1>,
    index_at_9: Delay<U<8>, 1>,
    index_at_11: Delay<U<8>, 2>,
    index_at_13: Delay<U<8>, 2>,
    index_at_14: Delay<U<8>, 1>,
    setup_at_1_memory: LookUp<record::Setup, 8>,
    setup_at_1_register: DFF<record::Setup>,
    price_at_1_memory: LookUp<record::PriceLimits, 8>,
    price_at_1_register: DFF<record::PriceLimits>,
    trigger_at_1_memory: LookUp<record::Trigger, 8>,
    trigger_at_1_register: DFF<record::Trigger>,
    status_at_2_memory: LookUp<record::Status, 8>,
    trigger_at_4_memory: LookUp<record::Trigger, 8>,
    rate_at_7_memory: LookUp<record::RateLimits, 8>,
    setup_at_8_memory: LookUp<record::Setup, 8>,
    size_at_8_memory: LookUp<record::SizeLimits, 8>,
    status_at_8_memory: LookUp<record::Status, 8>,
    trigger_at_9_memory: LookUp<record::Trigger, 8>,
    rate_at_9_memory: LookUp<record::RateLimits, 8>,
    price_at_9_memory: LookUp<record::PriceLimits, 8>,
    trigger_at_11_memory: LookUp<record::Trigger, 8>,
    size_at_13_memory: LookUp<record::SizeLimits, 8>,
    size_at_14_register: DFF<record::SizeLimits>,
    bank_id_memory: LookUp<U<16>, 8>,
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
            rate_at_7: Signal::default(),
            setup_at_8: Signal::default(),
            size_at_8: Signal::default(),
            status_at_8: Signal::default(),
            trigger_at_9: Signal::default(),
            rate_at_9: Signal::default(),
            price_at_9: Signal::default(),
            trigger_at_11: Signal::default(),
            size_at_13: Signal::default(),
            size_at_14: Signal::default(),
            bank_id_at_14: Signal::default(),
            index_at_2: Delay::default(),
            index_at_4: Delay::default(),
            index_at_7: Delay::default(),
            index_at_8: Delay::default(),
            index_at_9: Delay::default(),
            index_at_11: Delay::default(),
            index_at_13: Delay::default(),
            index_at_14: Delay::default(),
            setup_at_1_memory: LookUp::new(underlyings),
            setup_at_1_register: DFF::default(),
            price_at_1_memory: LookUp::new(underlyings),
            price_at_1_register: DFF::default(),
            trigger_at_1_memory: LookUp::new(underlyings),
            trigger_at_1_register: DFF::default(),
            status_at_2_memory: LookUp::new(underlyings),
            trigger_at_4_memory: LookUp::new(underlyings),
            rate_at_7_memory: LookUp::new(underlyings),
            setup_at_8_memory: LookUp::new(underlyings),
            size_at_8_memory: LookUp::new(underlyings),
            status_at_8_memory: LookUp::new(underlyings),
            trigger_at_9_memory: LookUp::new(underlyings),
            rate_at_9_memory: LookUp::new(underlyings),
            price_at_9_memory: LookUp::new(underlyings),
            trigger_at_11_memory: LookUp::new(underlyings),
            size_at_13_memory: LookUp::new(underlyings),
            size_at_14_register: DFF::default(),
            bank_id_memory: LookUp::new(underlyings),
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
        clock!(self, clock, index_at_2, index_at_4, index_at_7, index_at_8, index_at_9, index_at_11, index_at_13);
        clock!(self, clock, index_at_14, setup_at_1_memory, setup_at_1_register, price_at_1_memory);
        clock!(self, clock, price_at_1_register, trigger_at_1_memory, trigger_at_1_register, status_at_2_memory);
        clock!(self, clock, trigger_at_4_memory, rate_at_7_memory, setup_at_8_memory, size_at_8_memory);
        clock!(self, clock, status_at_8_memory, trigger_at_9_memory, rate_at_9_memory, price_at_9_memory);
        clock!(self, clock, trigger_at_11_memory, size_at_13_memory, size_at_14_register, bank_id_memory);
        self.index_at_2.d.next = self.index.val();
        self.index_at_4.d.next = self.index_at_2.q.val();
        self.index_at_7.d.next = self.index_at_4.q.val();
        self.index_at_8.d.next = self.index_at_7.q.val();
        self.index_at_9.d.next = self.index_at_8.q.val();
        self.index_at_11.d.next = self.index_at_9.q.val();
        self.index_at_13.d.next = self.index_at_11.q.val();
        self.index_at_14.d.next = self.index_at_13.q.val();
        self.setup_at_1_memory.write.next = self.set_setup.val();
        self.setup_at_1_memory.write_address.next = self.set_address.val();
        self.setup_at_1_memory.write_data.next = self.setup.val();
        self.setup_at_1_memory.read_address.next = self.index.val();
        self.setup_at_1_register.d.next = self.setup_at_1_memory.q.val();
        self.setup_at_1.next = self.setup_at_1_register.q.val();
        self.price_at_1_memory.write.next = self.set_price.val();
        self.price_at_1_memory.write_address.next = self.set_address.val();
        self.price_at_1_memory.write_data.next = self.price_limits.val();
        self.price_at_1_memory.read_address.next = self.index.val();
        self.price_at_1_register.d.next = self.price_at_1_memory.q.val();
        self.price_at_1.next = self.price_at_1_register.q.val();
        self.trigger_at_1_memory.write.next = self.set_trigger.val();
        self.trigger_at_1_memory.write_address.next = self.set_address.val();
        self.trigger_at_1_memory.write_data.next = self.trigger.val();
        self.trigger_at_1_memory.read_address.next = self.index.val();
        self.trigger_at_1_register.d.next = self.trigger_at_1_memory.q.val();
        self.trigger_at_1.next = self.trigger_at_1_register.q.val();
        self.status_at_2_memory.write.next = self.set_status.val();
        self.status_at_2_memory.write_address.next = self.set_address.val();
        self.status_at_2_memory.write_data.next = self.status.val();
        self.status_at_2_memory.read_address.next = self.index_at_2.q.val();
        self.status_at_2.next = self.status_at_2_memory.q.val();
        self.trigger_at_4_memory.write.next = self.set_trigger.val();
        self.trigger_at_4_memory.write_address.next = self.set_address.val();
        self.trigger_at_4_memory.write_data.next = self.trigger.val();
        self.trigger_at_4_memory.read_address.next = self.index_at_4.q.val();
        self.trigger_at_4.next = self.trigger_at_4_memory.q.val();
        self.rate_at_7_memory.write.next = self.set_rate.val();
        self.rate_at_7_memory.write_address.next = self.set_address.val();
        self.rate_at_7_memory.write_data.next = self.rate_limits.val();
        self.rate_at_7_memory.read_address.next = self.index_at_7.q.val();
        self.rate_at_7.next = self.rate_at_7_memory.q.val();
        self.setup_at_8_memory.write.next = self.set_setup.val();
        self.setup_at_8_memory.write_address.next = self.set_address.val();
        self.setup_at_8_memory.write_data.next = self.setup.val();
        self.setup_at_8_memory.read_address.next = self.index_at_8.q.val();
        self.setup_at_8.next = self.setup_at_8_memory.q.val();
        self.size_at_8_memory.write.next = self.set_size.val();
        self.size_at_8_memory.write_address.next = self.set_address.val();
        self.size_at_8_memory.write_data.next = self.size_limits.val();
        self.size_at_8_memory.read_address.next = self.index_at_8.q.val();
        self.size_at_8.next = self.size_at_8_memory.q.val();
        self.status_at_8_memory.write.next = self.set_status.val();
        self.status_at_8_memory.write_address.next = self.set_address.val();
        self.status_at_8_memory.write_data.next = self.status.val();
        self.status_at_8_memory.read_address.next = self.index_at_8.q.val();
        self.status_at_8.next = self.status_at_8_memory.q.val();
        self.trigger_at_9_memory.write.next = self.set_trigger.val();
        self.trigger_at_9_memory.write_address.next = self.set_address.val();
        self.trigger_at_9_memory.write_data.next = self.trigger.val();
        self.trigger_at_9_memory.read_address.next = self.index_at_9.q.val();
        self.trigger_at_9.next = self.trigger_at_9_memory.q.val();
        self.rate_at_9_memory.write.next = self.set_rate.val();
        self.rate_at_9_memory.write_address.next = self.set_address.val();
        self.rate_at_9_memory.write_data.next = self.rate_limits.val();
        self.rate_at_9_memory.read_address.next = self.index_at_9.q.val();
        self.rate_at_9.next = self.rate_at_9_memory.q.val();
        self.price_at_9_memory.write.next = self.set_price.val();
        self.price_at_9_memory.write_address.next = self.set_address.val();
        self.price_at_9_memory.write_data.next = self.price_limits.val();
        self.price_at_9_memory.read_address.next = self.index_at_9.q.val();
        self.price_at_9.next = self.price_at_9_memory.q.val();
        self.trigger_at_11_memory.write.next = self.set_trigger.val();
        self.trigger_at_11_memory.write_address.next = self.set_address.val();
        self.trigger_at_11_memory.write_data.next = self.trigger.val();
        self.trigger_at_11_memory.read_address.next = self.index_at_11.q.val();
        self.trigger_at_11.next = self.trigger_at_11_memory.q.val();
        self.size_at_13_memory.write.next = self.set_size.val();
        self.size_at_13_memory.write_address.next = self.set_address.val();
        self.size_at_13_memory.write_data.next = self.size_limits.val();
        self.size_at_13_memory.read_address.next = self.index_at_13.q.val();
        self.size_at_13.next = self.size_at_13_memory.q.val();
        self.size_at_14_register.d.next = self.size_at_13_memory.q.val();
        self.size_at_14.next = self.size_at_14_register.q.val();
        self.bank_id_memory.write.next = self.set_setup.val();
        self.bank_id_memory.write_address.next = self.set_address.val();
        self.bank_id_memory.write_data.next = self.setup.val().bank_id;
        self.bank_id_memory.read_address.next = self.index_at_14.q.val();
        self.bank_id_at_14.next = self.bank_id_memory.q.val();
    }
}
