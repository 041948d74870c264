//! What the stream knows of one underlying: the settings it sent and what the events told it.
//!
//! It is a mirror for aiming, not a model: where it is wrong, a command merely misses its mark.

use hedgewire_abi::command::{
    Build, Configure, OpenBank, OrderUpdate, Quote, Reconcile, SetPriceLimits, SetRateLimits, SetSizeLimits, SetStatus,
    SetTarget, SetTrigger, Trade, code,
};
use hedgewire_abi::event::{Accepted, Hedge, Ledger, Refused, Swapped};
use hedgewire_abi::format::{BAND_MAX, DURATION_MAX_NS, ORDER_MAX, ORDER_SLOTS, POSITION_MAX};
use hedgewire_abi::{Command, Event, Reason};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// An order that went out, as the stream has reported on it.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Its id.
    pub id: u32,
    /// Contracts, positive to buy.
    pub quantity: i64,
    /// Contracts reported filled.
    pub filled: u64,
    /// Coin reported.
    pub coin: i64,
    /// Cost reported.
    pub cost: i64,
    /// Reported done.
    pub is_done: bool,
}

/// A ladder that was asked for, and the scale of its bank.
#[derive(Debug, Clone, Copy, Default)]
pub struct Grid {
    /// First price.
    pub low: u32,
    /// First price beyond.
    pub high: u32,
    /// log2 of the step.
    pub shift: u32,
    /// Parameters of the bank.
    pub bank: OpenBank,
}

/// The mirror of one underlying.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Its index.
    pub index: u8,
    /// First slot and count; none before it is configured.
    pub slots: Option<(u32, u32)>,
    /// Around which its prices move.
    pub base_price: u32,
    /// Quotes are held back for now, so that a desk is also seen without one.
    pub holds_quotes_back: bool,
    /// The ladder that answers.
    pub active: Option<Grid>,
    /// The ladder that was asked for last.
    pub shadow: Grid,
    /// Settings as last sent.
    pub trigger: SetTrigger,
    /// Settings as last sent.
    pub price: SetPriceLimits,
    /// Settings as last sent.
    pub size: SetSizeLimits,
    /// Settings as last sent.
    pub rate: SetRateLimits,
    /// Settings as last sent.
    pub status: SetStatus,
    /// Target and cash as last sent.
    pub target: SetTarget,
    /// Last quote that counted.
    pub quote: Quote,
    /// Position by the last ledger event.
    pub position: i64,
    /// Contracts that may still be bought and sold, roughly.
    pub in_flight: (i64, i64),
    /// Exposure, band and quantity of the last decision.
    pub decision: (i64, i64, i64),
    /// Time of the last hedge, ns.
    pub last_hedge_ns: u64,
    /// Orders that went out, oldest first.
    pub orders: Vec<Order>,
}

impl Desk {
    /// A desk with a price of its own and a feed that is about to wrap.
    pub fn new(index: usize, rng: &mut ChaCha8Rng) -> Self {
        let bits = [14, 17, 20, 22, 24, 24, 25, 25, 26, 28, 30, 31][rng.random_range(0..12)];
        let base_price = (1u32 << bits) + (rng.random::<u32>() >> (32 - bits));
        Self {
            index: index as u8,
            slots: None,
            base_price,
            holds_quotes_back: false,
            active: None,
            shadow: Grid::default(),
            trigger: SetTrigger::default(),
            price: SetPriceLimits::default(),
            size: SetSizeLimits::default(),
            rate: SetRateLimits::default(),
            status: SetStatus::default(),
            target: SetTarget::default(),
            quote: Quote { feed_seq: 0u32.wrapping_sub(rng.random_range(0..2_000)), ..Quote::default() },
            position: 0,
            in_flight: (0, 0),
            decision: (0, 0, 0),
            last_hedge_ns: 0,
            orders: Vec::new(),
        }
    }

    /// Limits under which every order may leave.
    pub fn loosen(&mut self) {
        self.trigger = SetTrigger {
            theta: self.trigger.theta,
            band_scale_buy: 1 << 16,
            band_scale_sell: 1 << 16,
            clip_min: 1,
            clip_max: self.trigger.clip_max.clamp(4, 5_000),
            band_min: 1 << 16,
            band_max: BAND_MAX,
        };
        self.price = SetPriceLimits {
            width_max_bp: 10_000,
            quote_age_max_ns: DURATION_MAX_NS,
            cool_down_ns: 0,
            duplicate_window_ns: 0,
            collar_bp: 10_000,
            collar_last_bp: 10_000,
            size_min: 0,
            cross: 0,
        };
        self.size = SetSizeLimits {
            order_max: ORDER_MAX,
            band_emergency: BAND_MAX,
            position_max: POSITION_MAX as u64,
            gross_max: POSITION_MAX as u64,
            notional_max: u64::MAX,
        };
        self.rate = SetRateLimits {
            order_interval_ns: 0,
            order_burst_ns: DURATION_MAX_NS,
            loss_max: i64::MAX,
            hedges_per_minute: u32::MAX,
            attempts_max: u32::MAX,
            open_orders_max: ORDER_SLOTS as u32,
        };
        let margin = POSITION_MAX as u64;
        self.status = SetStatus { margin_buy: margin, margin_sell: margin, ..SetStatus::default() };
    }

    /// Takes note of a command and its events.
    pub fn observe(&mut self, command: &Command, events: &[Event], now_ns: u64) {
        for event in events {
            match event.kind() {
                Accepted::KIND => self.observe_accepted(command),
                Refused::KIND => {
                    let refused = Refused::decode(event);
                    self.decision = (refused.exposure, refused.band, refused.quantity);
                }
                Hedge::KIND => self.observe_hedge(&Hedge::decode(event), now_ns),
                Ledger::KIND => self.observe_ledger(command, &Ledger::decode(event)),
                Swapped::KIND => {
                    let swapped = Swapped::decode(event);
                    self.active = Some(Grid { low: swapped.low, high: swapped.high, ..self.shadow });
                }
                _ => {}
            }
        }
        let was_refused = |event: &Event| event.reason().is_some_and(|reason| reason >= Reason::BadVersion);
        match command.kind() {
            Trade::KIND if !events.iter().any(was_refused) => self.target.cash = Trade::decode(command).cash,
            Quote::KIND if !events.iter().any(was_refused) => self.quote = Quote::decode(command),
            _ => {}
        }
    }

    fn observe_accepted(&mut self, command: &Command) {
        match command.kind() {
            Configure::KIND => {
                let set = Configure::decode(command);
                self.slots = Some((set.first_slot, set.slot_count));
                self.active = None;
                self.orders.clear();
                (self.position, self.in_flight, self.target) = (0, (0, 0), SetTarget::default());
            }
            SetTarget::KIND => self.target = SetTarget::decode(command),
            OpenBank::KIND => self.shadow.bank = OpenBank::decode(command),
            Build::KIND => self.shadow.shift = u32::from(Build::decode(command).step_shift),
            _ => {}
        }
    }

    fn observe_hedge(&mut self, hedge: &Hedge, now_ns: u64) {
        self.decision = (hedge.exposure, hedge.band, hedge.quantity);
        self.last_hedge_ns = now_ns;
        self.in_flight.0 += hedge.quantity.max(0);
        self.in_flight.1 -= hedge.quantity.min(0);
        if self.orders.len() > 2 * ORDER_SLOTS {
            self.orders.remove(0);
        }
        let fresh = Order { id: hedge.order_id, quantity: hedge.quantity, filled: 0, coin: 0, cost: 0, is_done: false };
        self.orders.push(fresh);
    }

    fn observe_ledger(&mut self, command: &Command, ledger: &Ledger) {
        self.position = ledger.position;
        let sum = |a: u32, b: u32| i64::from(a) + i64::from(b);
        self.in_flight = (sum(ledger.open_buy, ledger.unknown_buy), sum(ledger.open_sell, ledger.unknown_sell));
        match command.kind() {
            Reconcile::KIND => {
                // A few stay, for updates of orders that the ledger has forgotten.
                self.orders.drain(..self.orders.len().saturating_sub(2));
                self.orders.iter_mut().for_each(|order| order.is_done = true);
            }
            OrderUpdate::KIND => self.observe_update(&OrderUpdate::decode(command)),
            _ => {}
        }
    }

    fn observe_update(&mut self, update: &OrderUpdate) {
        if let Some(order) = self.orders.iter_mut().find(|order| order.id == update.order_id) {
            (order.filled, order.coin, order.cost) = (update.filled, update.coin, update.cost);
            order.is_done |= update.status == code::ORDER_DONE || update.filled >= order.quantity.unsigned_abs();
        }
    }

    /// Session cost reported so far.
    pub fn cost(&self) -> i64 {
        self.orders.iter().fold(0, |sum: i64, order| sum.saturating_add(order.cost))
    }

    /// Contracts by which the worst case stands above zero in the direction of `quantity`.
    pub fn worst(&self, quantity: i64) -> i64 {
        if quantity >= 0 { self.position + self.in_flight.0 } else { self.in_flight.1 - self.position }
    }

    /// A change of exposure (2^-16 contract) as a change of target (2^-32 coin), on the active bank.
    pub fn coin_of_exposure(&self, exposure: i64) -> Option<i64> {
        let bank = &self.active?.bank;
        let linear = bank.hedge_kind == code::HEDGE_LINEAR;
        let scale = u128::from(bank.contract_scale);
        let factor = if linear { scale << 8 } else { (u128::from(self.quote.hedge_price) * scale) >> 24 };
        // |exposure| < 2^56, so this stays in 127 bits for the shifts that the stream draws.
        let delta =
            (i128::from(exposure) << u32::from(bank.contract_shift).min(70)) / i128::try_from(factor.max(1)).ok()?;
        let shift = 25 - i32::from(bank.delta_bits);
        let coin = if shift >= 0 { delta.checked_mul(1 << shift)? } else { delta >> -shift };
        i64::try_from(coin).ok()
    }
}
