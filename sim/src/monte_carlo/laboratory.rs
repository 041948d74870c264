//! A hedge kernel under laboratory conditions: every gate wide open, every quote answered exactly.
//!
//! ```text
//!   greeks(price)           Quote, risk wanted ──────────────► Risk event: delta, gamma, vega
//!   hedge(price, position)  Reconcile, Quote ──► trigger ────► Hedge event or IN_BAND: contracts
//! ```
//!
//! Only band, exit fraction and rows decide. The position is told to the kernel before each
//! decision, so that one kernel serves any number of paths which share their rows. Commands go
//! through the host's driver, which journals them where it was given a journal.

use std::fs::File;

use hedgewire_abi::Reason;
use hedgewire_abi::command::{Build, Configure, Quote, Reconcile, SetTrigger, Trade, code};
use hedgewire_abi::event::{Hedge, Risk};
use hedgewire_abi::format::{COIN_BITS, CONTRACT_BITS, ORDER_MAX, SLOT_BLOCK};
use hedgewire_host::compiler::{Bank, SlotRange};
use hedgewire_host::driver::{Driver, DriverError, Setup};
use hedgewire_host::journal::{JournalError, Writer};
use hedgewire_kernel::{Form, Kernel, Sizes};
use thiserror::Error;

/// Size at the touch in the quotes, contracts: more than any order.
const DEPTH_CONTRACTS: u32 = ORDER_MAX;

/// The kernel said no to something that the laboratory always allows, or the journal is full.
#[derive(Debug, Error)]
pub enum LaboratoryError {
    /// A command was refused, or could not be journalled.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A quote was not evaluated.
    #[error("the kernel answered a quote with {reason:?}; the study asks for something outside the kernel's limits")]
    Quote {
        /// The kernel's reason; `None` if it did not answer with the event expected.
        reason: Option<Reason>,
    },
}

impl From<JournalError> for LaboratoryError {
    fn from(error: JournalError) -> Self {
        Self::Driver(error.into())
    }
}

/// The Greeks of the rows, as the kernel reports them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowGreeks {
    /// Delta, coin.
    pub delta_coin: f64,
    /// Change of delta per unit of log price, coin.
    pub gamma_coin: f64,
    /// Vega per 1.00 of vol, coin.
    pub vega_coin: f64,
}

/// A kernel whose underlyings have 64 slots each.
pub struct Laboratory {
    driver: Driver,
    now_ns: u64,
    feed_seq: u32,
}

impl Laboratory {
    /// One with a number of underlyings (at most 256), using a form of the kernel. A journal, if there
    /// is one, must have been made for [`Laboratory::sizes`].
    pub fn new(underlyings: usize, form: Form, journal: Option<Writer<File>>) -> Self {
        let driver = Driver::new(Kernel::new(Self::sizes(underlyings), form), journal).unmeasured();
        Self { driver, now_ns: 0, feed_seq: 0 }
    }

    /// Sizes of a kernel with a number of underlyings.
    pub fn sizes(underlyings: usize) -> Sizes {
        Sizes { underlyings, rows: underlyings * SLOT_BLOCK as usize, intervals: 2 }
    }

    /// The slots of an underlying.
    pub fn slots(underlying: u8) -> SlotRange {
        SlotRange { first_slot: u32::from(underlying) * SLOT_BLOCK, slot_count: SLOT_BLOCK }
    }

    /// Time that commands carry, ns.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Sets the time that commands carry, ns; it may not go back.
    pub fn set_time(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    /// Makes an underlying ready: exit fraction `exit` (0 is the target, 1 the edge of the band), and
    /// the quantities of its first slots, lots.
    ///
    /// # Errors
    /// [`LaboratoryError`] if the kernel refuses a setting.
    pub fn configure(&mut self, underlying: u8, exit: f64, quantities: &[i32]) -> Result<(), LaboratoryError> {
        let SlotRange { first_slot, slot_count } = Self::slots(underlying);
        let open = Setup::wide_open(Configure { first_slot, slot_count, exact_mode: 1 });
        let theta = (exit * f64::from(1u32 << CONTRACT_BITS)).round() as u32;
        let setup = Setup { trigger: SetTrigger { theta, ..open.trigger }, ..open };
        self.driver.set_up(underlying, self.now_ns, &setup)?;
        self.driver.arm(underlying, self.now_ns)?;
        let held = (first_slot..).zip(quantities).map(|(slot, &quantity)| Trade { slot, quantity, cash: 0 });
        Ok(self.driver.hold(underlying, self.now_ns, held)?)
    }

    /// Gives an underlying new rows.
    ///
    /// # Errors
    /// [`LaboratoryError`] if the kernel refuses one of them.
    pub fn load(&mut self, underlying: u8, bank: &Bank) -> Result<(), LaboratoryError> {
        // Never read, as every quote is answered exactly: the smallest ladder there is.
        let build = Build { centre: bank.open.price_ref, intervals: 2, step_shift: 4 };
        self.driver.load(underlying, self.now_ns, &bank.open, &bank.rows, &build)?;
        self.driver.swap(underlying, self.now_ns)?;
        Ok(())
    }

    /// The Greeks of the rows at a price in price units.
    ///
    /// # Errors
    /// [`LaboratoryError`] if the price is out of reach of the rows.
    pub fn greeks(&mut self, underlying: u8, price: u32) -> Result<RowGreeks, LaboratoryError> {
        let quote = self.quote(price, code::WANT_RISK);
        let events = self.driver.send(underlying, self.now_ns, &quote)?;
        let risk = events.iter().find(|event| event.kind() == Risk::KIND).map(Risk::decode);
        let risk = risk.ok_or(LaboratoryError::Quote { reason: events[0].reason() })?;
        let coin = |amount: i64| amount as f64 / (1u64 << COIN_BITS) as f64;
        Ok(RowGreeks { delta_coin: coin(risk.delta), gamma_coin: coin(risk.gamma), vega_coin: coin(risk.vega) })
    }

    /// What the kernel decides at a price in price units, holding `position` contracts of the hedge:
    /// contracts to trade, positive to buy.
    ///
    /// # Errors
    /// [`LaboratoryError`] if it refuses for another reason than being in the band.
    pub fn hedge(&mut self, underlying: u8, price: u32, position: i64) -> Result<i64, LaboratoryError> {
        self.driver.carry_out(underlying, self.now_ns, &Reconcile { position, hedge_coin: 0 })?;
        let quote = self.quote(price, 0);
        let events = self.driver.send(underlying, self.now_ns, &quote)?;
        match (events[0].kind(), events[0].reason()) {
            (Hedge::KIND, _) => Ok(Hedge::decode(&events[0]).quantity),
            (_, Some(Reason::InBand | Reason::Dust)) => Ok(0),
            (_, reason) => Err(LaboratoryError::Quote { reason }),
        }
    }

    /// Ends the journal, if there is one.
    ///
    /// # Errors
    /// [`LaboratoryError::Driver`].
    pub fn finish(self) -> Result<(), LaboratoryError> {
        self.driver.finish()?;
        Ok(())
    }

    fn quote(&mut self, price: u32, flags: u8) -> Quote {
        self.feed_seq = self.feed_seq.wrapping_add(1);
        Quote {
            flags,
            feed_seq: self.feed_seq,
            bid: price - 1,
            ask: price + 1,
            bid_size: DEPTH_CONTRACTS,
            ask_size: DEPTH_CONTRACTS,
            price,
            hedge_price: price,
            last_trade: 0,
            feed_ns: self.now_ns,
        }
    }
}
