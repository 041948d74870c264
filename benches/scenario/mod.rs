//! What the benches measure: a kernel in the middle of its day, the work put to it, and the clock.
//!
//! ```text
//!   portfolio (floats) --> rows of the kernel  --> Scenario: built, swapped in, every limit set, armed
//!                     \--> rows of the bar                     |
//!                                                body: rounds of pre-encoded commands, timed by clock
//! ```
//!
//! Rows are compiled here by the formulas of the portfolio compiler, reduced to what a bench needs, so that a bench of
//! the kernel depends on the kernel alone. `figures`, `criterion` and `tests/bench_smoke.rs` share all of it.
//!
//! Invariants: every set-up command is accepted, or the bench panics; whatever is encoded is also sent, in that order,
//! so that sequence numbers never have a gap.

#![allow(dead_code, reason = "included by path: each bench and the test use a part of it")]

pub mod body;
pub mod clock;
pub mod portfolio;

use hedgewire_abi::command::{
    Build, Configure, Control, Header, OpenBank, OrderUpdate, Quote, Reconcile, SetPriceLimits, SetRateLimits,
    SetSizeLimits, SetStatus, SetTarget, SetTrigger, Swap, Trade, code,
};
use hedgewire_abi::format::{BAND_MAX, POSITION_MAX};
use hedgewire_abi::{Command, Event, Reason, event};
use hedgewire_kernel::{Form, Kernel, Sizes};

use portfolio::{DELTA_BITS, options, row_command};

/// Reference price, price units: 78,933.50 USD at a tick of 0.50 USD.
pub const PRICE_REF: u32 = 78_933 * 512 + 256;
/// A price off the ladder and within reach of the rows: answered by an exact pass.
pub const PRICE_OFF_LADDER: u32 = PRICE_REF + (1 << 23);
/// Seed of portfolios and prices.
pub const SEED: u64 = 77;
/// Intervals of the ladder.
pub const INTERVALS: u32 = 256;
/// log2 of the ladder's step: 16 USD.
const STEP_SHIFT: u8 = 13;
/// Half a spread, price units: a quote is one tick wide.
const HALF_SPREAD: u32 = 128;
/// Hedge instrument less reference price, price units.
const BASIS: u32 = 37;
/// Time between two commands, ns.
const STEP_NS: u64 = 1000;
/// Contracts short at the start of a hedging scenario: below the emergency band, and enough for 33 million hedges.
const SHORT: i64 = 1 << 26;

/// Whether quotes find the portfolio inside its band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// No rows are swapped in: a quote is refused before the ladder is looked at.
    NoRows,
    /// Flat, in a band that no quote leaves.
    InBand,
    /// So short that every quote sends an order of two contracts.
    Hedging,
}

/// A kernel in the middle of its day.
pub struct Scenario {
    /// The kernel.
    pub kernel: Kernel,
    /// Rows of each underlying.
    pub rows: usize,
    slots: usize,
    mood: Mood,
    now_ns: u64,
    seq: u64,
    feed_seq: u32,
    order_id: u32,
    /// The commands that set it up, for another kernel that is to be in the same state.
    set_up: Vec<Command>,
    is_set_up: bool,
}

impl Scenario {
    /// `underlyings` portfolios of `rows` options each, built, swapped in and armed, its ladders settled.
    pub fn new(form: Form, underlyings: u8, rows: usize, mood: Mood) -> Self {
        let slots = rows.next_multiple_of(64);
        let count = usize::from(underlyings);
        let sizes = Sizes { underlyings: count, rows: slots * count, intervals: INTERVALS as usize };
        let kernel = Kernel::new(sizes, form);
        let (set_up, is_set_up) = (Vec::new(), false);
        let (now_ns, seq, feed_seq, order_id) = (1 << 60, 0, 0, 0);
        let mut scenario = Self { kernel, rows, slots, mood, now_ns, seq, feed_seq, order_id, set_up, is_set_up };
        for underlying in 0..underlyings {
            scenario.set_up(underlying);
        }
        scenario.settle();
        scenario.is_set_up = true;
        scenario
    }

    /// The commands that brought the kernel where it was when the scenario was made.
    pub fn set_up_commands(&self) -> &[Command] {
        &self.set_up
    }

    /// Carries a command out, and keeps it if it is one of the set-up.
    fn apply(&mut self, command: &Command) -> &[Event] {
        if !self.is_set_up {
            self.set_up.push(*command);
        }
        self.kernel.apply(command)
    }

    /// Underlyings of the kernel.
    pub fn underlyings(&self) -> u8 {
        self.kernel.sizes().underlyings as u8
    }

    /// The header of the next command, a microsecond after the one before.
    fn header(&mut self, underlying: u8) -> Header {
        self.seq += 1;
        self.now_ns += STEP_NS;
        Header { underlying, now_ns: self.now_ns, seq: self.seq }
    }

    /// Sends a set-up command, which may not be refused; returns its last event.
    pub fn send(&mut self, underlying: u8, encode: impl FnOnce(Header) -> Command) -> Event {
        let command = encode(self.header(underlying));
        let event = *self.apply(&command).last().expect("every command is answered");
        assert_eq!(event.reason(), Some(Reason::None), "{command:?} was answered by {event:?}");
        event
    }

    fn set_up(&mut self, underlying: u8) {
        let configure =
            Configure { first_slot: self.first_slot(underlying), slot_count: self.slots as u32, exact_mode: 0 };
        self.send(underlying, |h| configure.encode(h));
        self.set_limits(underlying);
        self.send(underlying, |h| SetTarget { target: 5 << 32, cash: 1 << 32 }.encode(h));
        self.send(underlying, |h| Control { action: code::ARM }.encode(h));
        if self.mood == Mood::NoRows {
            return;
        }
        self.write_bank(underlying);
        self.book_quantities(underlying);
        self.send(underlying, |h| build_command().encode(h));
        self.send(underlying, |h| Swap {}.encode(h));
        self.reconcile(underlying);
    }

    /// Sets every limit to a value that must be compared and does not bite.
    fn set_limits(&mut self, underlying: u8) {
        let band = if self.mood == Mood::Hedging { 1 << 16 } else { BAND_MAX };
        let trigger = SetTrigger {
            theta: 1 << 15,
            band_scale_buy: 1 << 16,
            band_scale_sell: 1 << 16,
            clip_min: 1,
            clip_max: 2,
            band_min: band,
            band_max: BAND_MAX,
        };
        self.send(underlying, |h| trigger.encode(h));
        let price = SetPriceLimits {
            width_max_bp: 50,
            quote_age_max_ns: 1 << 30,
            cool_down_ns: STEP_NS / 2,
            duplicate_window_ns: STEP_NS / 2,
            collar_bp: 100,
            collar_last_bp: 100,
            size_min: 10,
            cross: 64,
        };
        self.send(underlying, |h| price.encode(h));
        let size = SetSizeLimits {
            order_max: 100,
            band_emergency: BAND_MAX,
            position_max: POSITION_MAX as u64,
            gross_max: POSITION_MAX as u64,
            notional_max: 1 << 40,
        };
        self.send(underlying, |h| size.encode(h));
        let rate = SetRateLimits {
            order_interval_ns: STEP_NS / 2,
            order_burst_ns: 1 << 30,
            loss_max: 1 << 60,
            hedges_per_minute: 100_000_000,
            attempts_max: 1000,
            open_orders_max: 16,
        };
        self.send(underlying, |h| rate.encode(h));
        let status = SetStatus {
            margin_buy: POSITION_MAX as u64,
            margin_sell: POSITION_MAX as u64,
            own_bid: PRICE_REF / 2,
            own_ask: PRICE_REF * 2,
            ..SetStatus::default()
        };
        self.send(underlying, |h| status.encode(h));
    }

    fn first_slot(&self, underlying: u8) -> u32 {
        u32::from(underlying) * self.slots as u32
    }

    /// Opens the shadow bank and writes all its rows.
    pub fn write_bank(&mut self, underlying: u8) {
        self.open_bank(underlying);
        let mut commands = Vec::new();
        self.encode_rows(underlying, &mut commands);
        for command in commands {
            let reason = self.apply(&command)[0].reason();
            assert_eq!(reason, Some(Reason::None), "{command:?}");
        }
    }

    /// Opens the shadow bank.
    pub fn open_bank(&mut self, underlying: u8) {
        self.send(underlying, |h| open_command().encode(h));
    }

    /// Encodes the commands that write every slot of the shadow bank.
    pub fn encode_rows(&mut self, underlying: u8, commands: &mut Vec<Command>) {
        let options = options(self.rows, SEED + u64::from(underlying));
        for slot in 0..self.slots {
            let row = row_command(self.first_slot(underlying) + slot as u32, options.get(slot));
            commands.push(row.encode(self.header(underlying)));
        }
    }

    fn book_quantities(&mut self, underlying: u8) {
        for slot in 0..self.rows {
            let trade = self.trade(underlying, slot, 1);
            let reason = self.apply(&trade)[0].reason();
            assert_eq!(reason, Some(Reason::NoRows), "a bank that is not swapped in is not hedged on");
        }
    }

    /// Starts the build of the shadow bank; [`Scenario::settle`] finishes it.
    pub fn build(&mut self, underlying: u8) {
        self.send(underlying, |h| build_command().encode(h));
    }

    /// Makes the position what the mood asks for: flat, or so short that every quote must hedge.
    fn reconcile(&mut self, underlying: u8) {
        self.send(underlying, |h| Reconcile { position: 0, hedge_coin: 0 }.encode(h));
        self.send(underlying, |h| Control { action: code::HALT }.encode(h));
        let quote = self.quote(underlying, PRICE_REF);
        let event = self.apply(&quote)[0];
        let flat = -(event::Refused::decode(&event).exposure >> 16);
        let position = if self.mood == Mood::Hedging { flat - SHORT } else { flat };
        self.send(underlying, |h| Reconcile { position, hedge_coin: 0 }.encode(h));
        self.send(underlying, |h| Control { action: code::NORMAL }.encode(h));
    }

    /// The next quote, at `price`, all fields of the book set.
    pub fn quote(&mut self, underlying: u8, price: u32) -> Command {
        self.feed_seq = self.feed_seq.wrapping_add(1);
        let header = self.header(underlying);
        let hedge_price = price + BASIS;
        let quote = Quote {
            flags: 0,
            feed_seq: self.feed_seq,
            bid: hedge_price - HALF_SPREAD,
            ask: hedge_price + HALF_SPREAD,
            bid_size: 1000,
            ask_size: 1000,
            price,
            hedge_price,
            last_trade: hedge_price - HALF_SPREAD,
            feed_ns: header.now_ns - STEP_NS / 2,
        };
        quote.encode(header)
    }

    /// The next trade: the slot's quantity is now `quantity`.
    pub fn trade(&mut self, underlying: u8, slot: usize, quantity: i32) -> Command {
        let slot = self.first_slot(underlying) + slot as u32;
        Trade { slot, quantity, cash: 1 << 32 }.encode(self.header(underlying))
    }

    /// The next order update: the oldest order not yet updated is filled. Of underlying 0.
    pub fn fill(&mut self) -> Command {
        let update = OrderUpdate { status: code::ORDER_DONE, order_id: self.order_id, filled: 2, coin: 0, cost: 1 };
        self.order_id = self.order_id.wrapping_add(1);
        update.encode(self.header(0))
    }

    /// Finishes all background work.
    pub fn settle(&mut self) {
        while self.kernel.work() {}
    }
}

fn build_command() -> Build {
    Build { centre: PRICE_REF, intervals: INTERVALS, step_shift: STEP_SHIFT }
}

/// The parameters of a bank: inverse hedge of 10 USD a contract, coin numeraire, Whalley-Wilmott band.
fn open_command() -> OpenBank {
    // unit/cs 2^-(kd+7) 2^16 = mantissa 2^-(shift+24), unit = 0.5/256 USD, cs = 10 USD.
    let factor = 0.5 / 256.0 / 10.0 * 2f64.powi(16 - 7 - i32::from(DELTA_BITS));
    let shift = 31 - factor.log2().floor() as i32;
    OpenBank {
        bank_id: 1,
        price_ref: PRICE_REF,
        contract_scale: (factor * 2f64.powi(shift)) as u32,
        contract_shift: (shift - 24) as u8,
        delta_bits: DELTA_BITS,
        gamma_bits: portfolio::GAMMA_BITS,
        vega_bits: portfolio::VEGA_BITS,
        band_kind: code::BAND_WHALLEY_WILMOTT,
        band_factor: 1 << 31,
        band_shift: 3,
        valid_until_ns: u64::MAX,
        ..OpenBank::default()
    }
}
