//! An underlying with a portfolio of options, every limit set and armed; and the commands it is asked.
//!
//! ```text
//!   Configure, limits, SetTarget, ARM -> OpenBank, WriteRow..., Trade... -> Build, Swap -> Reconcile
//! ```
//!
//! Portfolios are drawn in integers by a fixed generator: figures depend on no other crate's stream.

use hedgewire_abi::command::{
    Build, Configure, Control, OpenBank, OrderUpdate, Quote, Reconcile, SetPriceLimits, SetRateLimits, SetSizeLimits,
    SetStatus, SetTarget, SetTrigger, Swap, Trade, WriteRow, code,
};
use hedgewire_abi::event::{Hedge, Refused};
use hedgewire_abi::format::{A_BITS, BAND_MAX, POSITION_MAX};
use hedgewire_abi::{Command, Reason};

use super::session::{Answered, STEP_NS, Session};

/// Reference price, price units: 78,933.50 USD at a tick of 0.50 USD.
const PRICE_REF: u32 = 78_933 * 512 + 256;
/// log2 of the ladder's step: 16 USD.
const STEP_SHIFT: u8 = 13;
/// Half a spread, price units: a quote is one tick wide.
const HALF_SPREAD: u32 = 128;
/// kd, kg = kd - 4, kv: weights are in 2^-16, 2^-12 coin.
const DELTA_BITS: i8 = 16;
/// Contracts short where every quote must hedge: below the emergency band.
const SHORT: i64 = 1 << 26;
/// Contracts of every hedge.
const CLIP: u32 = 2;

/// How wide the band is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// The same at every price.
    Fixed,
    /// By a cube root at every node.
    WhalleyWilmott,
}

/// Whether quotes find the portfolio inside its band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Flat, in a band that no quote leaves.
    InBand,
    /// So short that every quote sends an order.
    Hedging,
}

/// xorshift64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(limit)) as u32
    }
}

/// An underlying of a session.
pub struct Desk {
    underlying: u8,
    first_slot: u32,
    rows: u32,
    intervals: u32,
    feed_seq: u32,
    numbers: Numbers,
    quantities: Vec<i32>,
}

impl Desk {
    /// Configures it and sets all limits; it has no rows yet.
    pub fn new(
        session: &mut Session,
        underlying: u8,
        first_slot: u32,
        rows: u32,
        intervals: u32,
    ) -> anyhow::Result<Self> {
        let numbers = Numbers(0x5eed + u64::from(underlying));
        let quantities = vec![1; rows as usize];
        let desk = Self { underlying, first_slot, rows, intervals, feed_seq: 0, numbers, quantities };
        let configure = Configure { first_slot, slot_count: rows, exact_mode: 0 };
        session.set(underlying, |h| configure.encode(h))?;
        desk.set_limits(session)?;
        session.set(underlying, |h| SetTarget { target: 5 << 32, cash: 1 << 32 }.encode(h))?;
        session.set(underlying, |h| Control { action: code::ARM }.encode(h))?;
        Ok(desk)
    }

    /// Limits that must be compared and do not bite.
    fn set_limits(&self, session: &mut Session) -> anyhow::Result<()> {
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
        session.set(self.underlying, |h| price.encode(h))?;
        let size = SetSizeLimits {
            order_max: 100,
            band_emergency: BAND_MAX,
            position_max: POSITION_MAX as u64,
            gross_max: POSITION_MAX as u64,
            notional_max: 1 << 40,
        };
        session.set(self.underlying, |h| size.encode(h))?;
        let rate = SetRateLimits {
            order_interval_ns: STEP_NS / 2,
            order_burst_ns: 1 << 30,
            loss_max: 1 << 60,
            hedges_per_minute: 100_000_000,
            attempts_max: 1_000,
            open_orders_max: 16,
        };
        session.set(self.underlying, |h| rate.encode(h))?;
        let status = SetStatus {
            margin_buy: POSITION_MAX as u64,
            margin_sell: POSITION_MAX as u64,
            own_bid: PRICE_REF / 2,
            own_ask: PRICE_REF * 2,
            ..SetStatus::default()
        };
        session.set(self.underlying, |h| status.encode(h))?;
        Ok(())
    }

    /// Buys one lot of every row; nothing is swapped in yet, so nothing is decided.
    pub fn buy(&mut self, session: &mut Session) -> anyhow::Result<()> {
        let trades: Vec<Command> = (0..self.rows as usize).map(|row| self.trade(session, row)).collect();
        for answered in session.run(&trades)? {
            let is_booked = answered.reason() == Some(Reason::NoRows);
            anyhow::ensure!(is_booked, "a trade was answered by {:?}", answered.events);
        }
        Ok(())
    }

    /// Opens the shadow bank and writes all its rows.
    pub fn write_bank(&mut self, session: &mut Session, band: Band) -> anyhow::Result<()> {
        let open = OpenBank {
            bank_id: 1,
            price_ref: PRICE_REF,
            // A contract of 10 USD: 0.5/256/10 2^(16 - 7 - kd) = mantissa 2^-(shift + 24).
            contract_scale: 0xcccc_cccc,
            contract_shift: 27,
            delta_bits: DELTA_BITS,
            gamma_bits: DELTA_BITS - 4,
            vega_bits: DELTA_BITS,
            band_kind: if band == Band::Fixed { code::BAND_FIXED } else { code::BAND_WHALLEY_WILMOTT },
            band_factor: 1 << 31,
            band_shift: 3,
            valid_until_ns: u64::MAX,
            ..OpenBank::default()
        };
        session.set(self.underlying, |h| open.encode(h))?;
        for row in 0..self.rows {
            let row = self.option(row);
            session.set(self.underlying, |h| row.encode(h))?;
        }
        Ok(())
    }

    /// An option near the money; its gamma fits its delta.
    fn option(&mut self, row: u32) -> WriteRow {
        let numbers = &mut self.numbers;
        let steepness = 1 + numbers.below(8);
        let delta = (1 << 12) + numbers.below(1 << 18) as i32;
        let delta = if numbers.below(2) == 0 { delta } else { -delta };
        WriteRow {
            row_kind: if numbers.below(2) == 0 { code::PUT } else { code::CALL },
            slot: self.first_slot + row,
            a: steepness << A_BITS,
            b: i64::from(numbers.below(1 << 31)) * 16 - (1 << 34),
            omega_delta: delta,
            omega_gamma: delta / 16 * steepness as i32,
            omega_vega: delta / 2,
            ..WriteRow::default()
        }
    }

    /// Builds the shadow ladder and swaps it in as soon as it is: how long that took.
    pub fn build(&mut self, session: &mut Session) -> anyhow::Result<u64> {
        let commands = [self.build_command(session), self.swap_command(session)];
        let answered = session.run(&commands)?;
        Ok(answered[1].presented - answered[0].accepted)
    }

    /// Starts a build.
    pub fn build_command(&self, session: &mut Session) -> Command {
        let build = Build { centre: PRICE_REF, intervals: self.intervals, step_shift: STEP_SHIFT };
        build.encode(session.header(self.underlying))
    }

    /// Waits for a build.
    pub fn swap_command(&self, session: &mut Session) -> Command {
        Swap {}.encode(session.header(self.underlying))
    }

    /// Band, and a position inside it or far outside.
    pub fn set_mood(&mut self, session: &mut Session, mood: Mood) -> anyhow::Result<()> {
        let trigger = SetTrigger {
            theta: 1 << 15,
            band_scale_buy: 1 << 16,
            band_scale_sell: 1 << 16,
            clip_min: 1,
            clip_max: CLIP,
            band_min: if mood == Mood::Hedging { 1 << 16 } else { BAND_MAX },
            band_max: BAND_MAX,
        };
        session.set(self.underlying, |h| trigger.encode(h))?;
        session.set(self.underlying, |h| Reconcile { position: 0, hedge_coin: 0 }.encode(h))?;
        session.set(self.underlying, |h| Control { action: code::HALT }.encode(h))?;
        let quote = self.quote(session, PRICE_REF, 0);
        let event = session.ask(quote)?.events[0];
        let flat = -(Refused::decode(&event).exposure >> 16);
        let position = if mood == Mood::Hedging { flat - SHORT } else { flat };
        session.set(self.underlying, |h| Reconcile { position, hedge_coin: 0 }.encode(h))?;
        session.set(self.underlying, |h| Control { action: code::NORMAL }.encode(h))?;
        Ok(())
    }

    /// The next quote, anywhere in the inner half of the ladder.
    pub fn next_quote(&mut self, session: &mut Session, flags: u8) -> Command {
        let half = self.intervals << STEP_SHIFT >> 1;
        let price = PRICE_REF - half / 2 + self.numbers.below(half);
        self.quote(session, price, flags)
    }

    /// The next quote beyond the ladder, within the reach of the rows.
    pub fn quote_off_ladder(&mut self, session: &mut Session) -> Command {
        let price = PRICE_REF + (self.intervals << STEP_SHIFT) + self.numbers.below(1 << STEP_SHIFT);
        self.quote(session, price, 0)
    }

    fn quote(&mut self, session: &mut Session, price: u32, flags: u8) -> Command {
        self.feed_seq += 1;
        let header = session.header(self.underlying);
        let quote = Quote {
            flags,
            feed_seq: self.feed_seq,
            bid: price - HALF_SPREAD,
            ask: price + HALF_SPREAD,
            bid_size: 1_000,
            ask_size: 1_000,
            price,
            hedge_price: price,
            last_trade: price - HALF_SPREAD,
            feed_ns: header.now_ns - STEP_NS / 2,
        };
        quote.encode(header)
    }

    /// The next trade: a row has one lot more, or one less.
    pub fn next_trade(&mut self, session: &mut Session) -> Command {
        let row = self.numbers.below(self.rows) as usize;
        self.quantities[row] = 3 - self.quantities[row];
        self.trade(session, row)
    }

    fn trade(&self, session: &mut Session, row: usize) -> Command {
        let slot = self.first_slot + row as u32;
        Trade { slot, quantity: self.quantities[row], cash: 1 << 32 }.encode(session.header(self.underlying))
    }

    /// The order of this answer is filled.
    pub fn fill(&self, session: &mut Session, answered: &Answered) -> anyhow::Result<Answered> {
        let order_id = Hedge::decode(&answered.events[0]).order_id;
        let filled = u64::from(CLIP);
        let update = OrderUpdate { status: code::ORDER_DONE, order_id, filled, coin: 0, cost: 1 };
        session.set(self.underlying, |h| update.encode(h))
    }
}
