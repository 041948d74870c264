//! A hedge kernel under laboratory conditions: every gate wide open, every quote answered exactly.
//!
//! ```text
//!   greeks(price)           Quote, risk wanted ──────────────► Risk event: delta, gamma, vega
//!   hedge(price, position)  Reconcile, Quote ──► trigger ────► Hedge event or IN_BAND: contracts
//! ```
//!
//! Only band, exit fraction and rows decide. The position is told to the kernel before each
//! decision, so that one kernel serves any number of paths which share their rows.

use hedgewire_abi::command::{
    Build, Configure, Control, Header, Quote, Reconcile, SetPriceLimits, SetRateLimits, SetSizeLimits, SetStatus,
    SetTrigger, Swap, Trade, code,
};
use hedgewire_abi::event::{Hedge, Refused, Risk};
use hedgewire_abi::format::{BAND_MAX, COIN_BITS, CONTRACT_BITS, ORDER_MAX, ORDER_SLOTS, POSITION_MAX, SLOT_BLOCK};
use hedgewire_abi::{Command, Event, Reason};
use hedgewire_host::compiler::{Bank, SlotRange};
use hedgewire_kernel::{Form, Kernel, Sizes};
use thiserror::Error;

/// Size at the touch in the quotes, contracts: more than any order.
const DEPTH_CONTRACTS: u32 = ORDER_MAX;

/// The kernel said no to something that the laboratory always allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the kernel answered {step} with {reason:?}; the study asks for something outside the kernel's limits")]
pub struct DeskError {
    /// What was asked.
    pub step: &'static str,
    /// The kernel's reason; `None` if it did not answer with the event expected.
    pub reason: Option<Reason>,
}

/// The Greeks of the rows, as the kernel reports them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Greeks {
    /// Delta, coin.
    pub delta_coin: f64,
    /// Change of delta per unit of log price, coin.
    pub gamma_coin: f64,
    /// Vega per 1.00 of vol, coin.
    pub vega_coin: f64,
}

/// A kernel whose underlyings have 64 slots each.
pub struct Desk {
    kernel: Kernel,
    now_ns: u64,
    feed_seq: u32,
}

impl Desk {
    /// A desk with a number of underlyings (at most 256), using a form of the kernel.
    pub fn new(underlyings: usize, form: Form) -> Self {
        let sizes = Sizes { underlyings, rows: underlyings * SLOT_BLOCK as usize, intervals: 2 };
        Self { kernel: Kernel::new(sizes, form), now_ns: 0, feed_seq: 0 }
    }

    /// The slots of an underlying.
    pub fn slots(underlying: u8) -> SlotRange {
        SlotRange { first_slot: u32::from(underlying) * SLOT_BLOCK, slot_count: SLOT_BLOCK }
    }

    /// Sets the time that commands carry, ns; it may not go back.
    pub fn set_time(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    /// Makes an underlying ready: exit fraction `exit` (0 is the target, 1 the edge of the band), and
    /// the quantities of its first slots, lots.
    ///
    /// # Errors
    /// [`DeskError`] if the kernel refuses a setting.
    pub fn configure(&mut self, underlying: u8, exit: f64, quantities: &[i32]) -> Result<(), DeskError> {
        let SlotRange { first_slot, slot_count } = Self::slots(underlying);
        let configure = Configure { first_slot, slot_count, exact_mode: 1 };
        self.set_up("Configure", underlying, |header| configure.encode(header))?;
        let theta = (exit * f64::from(1u32 << CONTRACT_BITS)).round() as u32;
        self.set_up("SetTrigger", underlying, |header| trigger(theta).encode(header))?;
        self.set_up("SetPriceLimits", underlying, |header| price_limits().encode(header))?;
        self.set_up("SetSizeLimits", underlying, |header| size_limits().encode(header))?;
        self.set_up("SetRateLimits", underlying, |header| rate_limits().encode(header))?;
        self.set_up("SetStatus", underlying, |header| status().encode(header))?;
        self.set_up("Control", underlying, |header| Control { action: code::ARM }.encode(header))?;
        for (slot, &quantity) in (first_slot..).zip(quantities) {
            // Answered by NO_ROWS: booked, and nothing to decide yet.
            self.send(underlying, |header| Trade { slot, quantity, cash: 0 }.encode(header));
        }
        Ok(())
    }

    /// Gives an underlying new rows.
    ///
    /// # Errors
    /// [`DeskError`] if the kernel refuses one of them.
    pub fn load(&mut self, underlying: u8, bank: &Bank) -> Result<(), DeskError> {
        self.set_up("OpenBank", underlying, |header| bank.open.encode(header))?;
        for row in &bank.rows {
            self.set_up("WriteRow", underlying, |header| row.encode(header))?;
        }
        // Never read, as every quote is answered exactly: the smallest ladder there is.
        let build = Build { centre: bank.open.price_ref, intervals: 2, step_shift: 4 };
        self.set_up("Build", underlying, |header| build.encode(header))?;
        self.set_up("Swap", underlying, |header| Swap {}.encode(header))
    }

    /// The Greeks of the rows at a price in price units.
    ///
    /// # Errors
    /// [`DeskError`] if the price is out of reach of the rows.
    pub fn greeks(&mut self, underlying: u8, price: u32) -> Result<Greeks, DeskError> {
        let quote = self.quote(price, code::WANT_RISK);
        let events = self.send(underlying, |header| quote.encode(header));
        let risk = events.iter().find(|event| event.kind() == Risk::KIND).map(Risk::decode);
        let risk = risk.ok_or(refusal("Quote", events))?;
        let coin = |amount: i64| amount as f64 / (1u64 << COIN_BITS) as f64;
        Ok(Greeks { delta_coin: coin(risk.delta), gamma_coin: coin(risk.gamma), vega_coin: coin(risk.vega) })
    }

    /// What the kernel decides at a price in price units, holding `position` contracts of the hedge:
    /// contracts to trade, positive to buy.
    ///
    /// # Errors
    /// [`DeskError`] if it refuses for another reason than being in the band.
    pub fn hedge(&mut self, underlying: u8, price: u32, position: i64) -> Result<i64, DeskError> {
        let reconcile = Reconcile { position, hedge_coin: 0 };
        self.set_up("Reconcile", underlying, |header| reconcile.encode(header))?;
        let quote = self.quote(price, 0);
        let events = self.send(underlying, |header| quote.encode(header));
        match (events[0].kind(), events[0].reason()) {
            (Hedge::KIND, _) => Ok(Hedge::decode(&events[0]).quantity),
            (_, Some(Reason::InBand | Reason::Dust)) => Ok(0),
            _ => Err(refusal("Quote", events)),
        }
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

    fn send(&mut self, underlying: u8, encode: impl FnOnce(Header) -> Command) -> &[Event] {
        let header = Header { underlying, now_ns: self.now_ns, seq: self.kernel.next_command_seq() };
        self.kernel.apply(&encode(header))
    }

    /// Sends a command that must not be refused.
    fn set_up(
        &mut self,
        step: &'static str,
        underlying: u8,
        encode: impl FnOnce(Header) -> Command,
    ) -> Result<(), DeskError> {
        let events = self.send(underlying, encode);
        if events[0].kind() == Refused::KIND { Err(refusal(step, events)) } else { Ok(()) }
    }
}

fn refusal(step: &'static str, events: &[Event]) -> DeskError {
    DeskError { step, reason: events[0].reason() }
}

/// The band as it comes from the bank, without factor, floor or cap.
fn trigger(theta: u32) -> SetTrigger {
    SetTrigger {
        theta,
        band_scale_buy: 1 << CONTRACT_BITS,
        band_scale_sell: 1 << CONTRACT_BITS,
        clip_min: 1,
        clip_max: ORDER_MAX,
        band_min: 0,
        band_max: BAND_MAX,
    }
}

fn price_limits() -> SetPriceLimits {
    SetPriceLimits { width_max_bp: u32::MAX, collar_bp: 10_000, collar_last_bp: 10_000, ..SetPriceLimits::default() }
}

fn size_limits() -> SetSizeLimits {
    SetSizeLimits {
        order_max: ORDER_MAX,
        band_emergency: BAND_MAX,
        position_max: POSITION_MAX as u64,
        gross_max: POSITION_MAX as u64,
        notional_max: u64::MAX,
    }
}

fn rate_limits() -> SetRateLimits {
    SetRateLimits {
        loss_max: i64::MAX,
        hedges_per_minute: u32::MAX,
        attempts_max: u32::MAX,
        open_orders_max: ORDER_SLOTS as u32,
        ..SetRateLimits::default()
    }
}

fn status() -> SetStatus {
    SetStatus { margin_buy: POSITION_MAX as u64, margin_sell: POSITION_MAX as u64, ..SetStatus::default() }
}
