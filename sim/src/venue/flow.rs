//! The public: an index that moves, orders around the fair prices that follow from it, takers who trade with
//! whatever rests, and an adversary who takes members' quotes that have gone stale.
//!
//! ```text
//!   seed ──► index ──► fair price of each instrument ──► mark
//!                          ├─► orders placed and withdrawn
//!                          ├─► takers
//!                          └─► adversary: a member's order worse than fair? after its latency, it takes it
//! ```
//!
//! A tape takes the place of index and orders of its instrument; takers and adversary stay. Prices are drawn as
//! floats and rounded to ticks before they are orders: no float is compared with a price.

use std::collections::{BTreeMap, BTreeSet};

use super::book::Side;
use super::exchange::Exchange;
use super::tape::{Tape, TapeEvent};
use crate::random::Random;

const NS_PER_SECOND: f64 = 1e9;
/// Farthest that takers go from the fair price, ticks.
const TAKER_REACH_TICKS: i64 = 20;

/// Who takes stale quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdversarySettings {
    /// From the move of the fair price to its order, ns.
    pub latency_ns: i64,
    /// How far on the wrong side of fair a quote must be, ticks.
    pub edge_ticks: i64,
}

/// How the public behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowSettings {
    /// Orders placed, withdrawn or taken per second and instrument.
    pub rate: f64,
    /// Share of them that takes.
    pub taker_share: f64,
    /// Orders that rest per instrument, about.
    pub orders: usize,
    /// Mean distance from the fair price, ticks.
    pub distance_ticks: f64,
    /// Volatility of the index per year, in proportion to it.
    pub volatility: f64,
    /// Time between moves of the index, ns.
    pub index_interval_ns: i64,
    /// Who takes stale quotes.
    pub adversary: Option<AdversarySettings>,
}

impl Default for FlowSettings {
    fn default() -> Self {
        Self {
            rate: 20.0,
            taker_share: 0.1,
            orders: 40,
            distance_ticks: 8.0,
            volatility: 0.5,
            index_interval_ns: 100_000_000,
            adversary: Some(AdversarySettings { latency_ns: 2_000_000, edge_ticks: 2 }),
        }
    }
}

/// What the public did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FlowCounts {
    /// Orders placed.
    pub placed: u64,
    /// Orders withdrawn.
    pub withdrawn: u64,
    /// Takers.
    pub takers: u64,
    /// Stale quotes that the adversary saw.
    pub stale_seen: u64,
    /// Those still there when its order came.
    pub stale_taken: u64,
    /// Lines of the tape played.
    pub tape: u64,
}

/// The public.
#[derive(Debug)]
pub struct Flow {
    settings: FlowSettings,
    random: Random,
    index_random: Random,
    /// Price of each index and of each instrument at the start.
    base: Vec<i64>,
    base_marks: Vec<i64>,
    fair: Vec<i64>,
    resting: Vec<Vec<i64>>,
    next_event_ns: i64,
    next_index_ns: i64,
    /// What the adversary is about to take: when, and which order of which instrument.
    strikes: BTreeSet<(i64, usize, i64)>,
    seen: BTreeSet<i64>,
    tape: Option<Played>,
    /// What happened.
    pub counts: FlowCounts,
}

/// A tape that plays on an instrument.
#[derive(Debug)]
struct Played {
    tape: Tape,
    instrument: usize,
    /// From the tape's time to the venue's, ns.
    shift_ns: i64,
    next: usize,
    /// The public's order at each price, and its quantity as the tape has it.
    orders: BTreeMap<(Side, i64), i64>,
}

impl Flow {
    /// The public of a venue, from a time on.
    pub fn new(
        settings: FlowSettings,
        seed: u64,
        now_ns: i64,
        exchange: &Exchange,
        tape: Option<(Tape, usize)>,
    ) -> Self {
        assert!(settings.index_interval_ns > 0, "the index moves forward in time");
        let base_marks: Vec<i64> = exchange.instruments.iter().map(|i| i.mark.unwrap_or(i.tick)).collect();
        let tape = tape.map(|(tape, instrument)| Played {
            shift_ns: now_ns - tape.first_ns(),
            tape,
            instrument,
            next: 0,
            orders: BTreeMap::new(),
        });
        let mut flow = Self {
            settings,
            random: Random::new(seed, 1),
            index_random: Random::new(seed, 2),
            base: exchange.indexes.iter().map(|index| index.price).collect(),
            fair: base_marks.clone(),
            base_marks,
            resting: vec![vec![]; exchange.instruments.len()],
            next_event_ns: now_ns,
            next_index_ns: now_ns.saturating_add(settings.index_interval_ns),
            strikes: BTreeSet::new(),
            seen: BTreeSet::new(),
            tape,
            counts: FlowCounts::default(),
        };
        flow.draw_event(now_ns);
        flow
    }

    fn draw_event(&mut self, now_ns: i64) {
        let rate = self.settings.rate * self.base_marks.len() as f64;
        self.next_event_ns = if rate > 0.0 {
            now_ns.saturating_add(self.random.exponential(NS_PER_SECOND / rate) as i64 + 1)
        } else {
            i64::MAX
        };
    }

    /// When something happens next, ns.
    pub fn deadline_ns(&self) -> i64 {
        let strike_ns = self.strikes.first().map_or(i64::MAX, |(due_ns, ..)| *due_ns);
        self.next_event_ns.min(self.next_index_ns).min(strike_ns).min(self.tape_due_ns())
    }

    fn tape_due_ns(&self) -> i64 {
        let due = |played: &Played| Some(played.tape.events.get(played.next)?.0 + played.shift_ns);
        self.tape.as_ref().and_then(due).unwrap_or(i64::MAX)
    }

    /// Whether there is a tape and it is over.
    pub fn is_tape_over(&self) -> bool {
        self.tape.as_ref().is_some_and(|played| played.next >= played.tape.events.len())
    }

    /// Does one thing that is due. Returns whether index and marks moved.
    pub fn advance(&mut self, now_ns: i64, exchange: &mut Exchange) -> bool {
        if self.next_index_ns <= now_ns {
            self.next_index_ns = now_ns.saturating_add(self.settings.index_interval_ns);
            self.move_indexes(exchange);
            self.watch(now_ns, exchange);
            return true;
        }
        let is_strike_due = self.strikes.first().is_some_and(|(due_ns, ..)| *due_ns <= now_ns);
        if let Some((_, instrument, order_id)) = is_strike_due.then(|| self.strikes.pop_first()).flatten() {
            self.strike(now_ns, exchange, instrument, order_id);
        } else if self.tape_due_ns() <= now_ns {
            self.play(now_ns, exchange);
        } else if self.next_event_ns <= now_ns {
            self.draw_event(now_ns);
            let instrument = self.random.index(self.fair.len());
            self.act(now_ns, exchange, instrument);
        }
        false
    }

    fn move_indexes(&mut self, exchange: &mut Exchange) {
        let years = self.settings.index_interval_ns as f64 / (NS_PER_SECOND * 365.0 * 86_400.0);
        let taped = self.tape.as_ref().map(|played| exchange.instruments[played.instrument].index);
        for (place, index) in exchange.indexes.iter_mut().enumerate() {
            let step = self.settings.volatility * years.sqrt() * self.index_random.normal();
            if taped == Some(place) {
                if let Some(mid) = self.tape.as_ref().and_then(Played::mid) {
                    index.price = mid;
                }
            } else {
                index.price = ((index.price as f64 * (1.0 + step)) as i64).max(1);
            }
        }
        for (place, instrument) in exchange.instruments.iter_mut().enumerate() {
            let moved = i128::from(exchange.indexes[instrument.index].price) - i128::from(self.base[instrument.index]);
            let moved = moved * i128::from(instrument.sensitivity_nano) / 1_000_000_000;
            let fair = i64::try_from(i128::from(self.base_marks[place]) + moved).unwrap_or(i64::MAX / 2);
            let is_taped = self.tape.as_ref().is_some_and(|played| played.instrument == place);
            let fair = if is_taped { exchange.indexes[instrument.index].price } else { fair };
            self.fair[place] = instrument.floor(fair);
            instrument.mark = Some(self.fair[place]);
        }
    }

    /// The adversary looks for quotes that have gone stale.
    fn watch(&mut self, now_ns: i64, exchange: &Exchange) {
        let Some(AdversarySettings { latency_ns, edge_ticks }) = self.settings.adversary else { return };
        for (place, instrument) in exchange.instruments.iter().enumerate() {
            for side in [Side::Buy, Side::Sell] {
                let edge = edge_ticks.saturating_mul(instrument.tick);
                let stale = exchange.book(place).orders(side).take_while(|order| {
                    (order.price - self.fair[place]).saturating_mul(i64::from(side.sign())) >= edge
                });
                for order in stale.filter(|order| order.owner != super::book::Owner::Public) {
                    if self.seen.insert(order.order_id) {
                        self.counts.stale_seen += 1;
                        self.strikes.insert((now_ns.saturating_add(latency_ns), place, order.order_id));
                    }
                }
            }
        }
    }

    fn strike(&mut self, now_ns: i64, exchange: &mut Exchange, instrument: usize, order_id: i64) {
        self.seen.remove(&order_id);
        let Some(order) = exchange.book(instrument).order(order_id).copied() else { return };
        self.counts.stale_taken += 1;
        exchange.public_order(now_ns, instrument, order.side.opposite(), (order.price, order.open()), true);
    }

    /// Places, withdraws or takes.
    fn act(&mut self, now_ns: i64, exchange: &mut Exchange, instrument: usize) {
        let side = if self.random.chance(0.5) { Side::Buy } else { Side::Sell };
        let tick = exchange.instruments[instrument].tick;
        let quantity = exchange.instruments[instrument].min_quantity * (1 + self.random.exponential(20.0) as i64);
        if self.random.chance(self.settings.taker_share) {
            self.counts.takers += 1;
            let reach = i64::from(side.sign()) * TAKER_REACH_TICKS * tick;
            let price = exchange.instruments[instrument].floor(self.fair[instrument].saturating_add(reach));
            exchange.public_order(now_ns, instrument, side, (price, quantity), true);
            return;
        }
        if self.tape.as_ref().is_some_and(|played| played.instrument == instrument) {
            return;
        }
        let resting = &mut self.resting[instrument];
        let is_full = self.random.uniform() * 2.0 * self.settings.orders as f64 <= resting.len() as f64;
        if is_full && !resting.is_empty() {
            let order_id = resting.swap_remove(self.random.index(resting.len()));
            self.counts.withdrawn += u64::from(exchange.public_cancel(order_id));
            return;
        }
        let distance = 1 + self.random.exponential(self.settings.distance_ticks) as i64;
        let price = self.fair[instrument] - i64::from(side.sign()) * distance * tick;
        let price = exchange.instruments[instrument].floor(price);
        self.counts.placed += 1;
        self.resting[instrument].extend(exchange.public_order(now_ns, instrument, side, (price, quantity), false));
    }

    /// Plays a line of the tape.
    fn play(&mut self, now_ns: i64, exchange: &mut Exchange) {
        let Some(played) = &mut self.tape else { return };
        let Some((_, event)) = played.tape.events.get(played.next).copied() else { return };
        played.next += 1;
        self.counts.tape += 1;
        let instrument = played.instrument;
        match event {
            TapeEvent::Trade { side, price, quantity } => {
                exchange.public_order(now_ns, instrument, side, (price, quantity), true);
            }
            TapeEvent::Level { side, price, quantity } => {
                if let Some(order_id) = played.orders.remove(&(side, price)) {
                    self.counts.withdrawn += u64::from(exchange.public_cancel(order_id));
                }
                if let Some(order_id) =
                    exchange.public_order(now_ns, instrument, side, (price, quantity), false).filter(|_| quantity > 0)
                {
                    self.counts.placed += 1;
                    played.orders.insert((side, price), order_id);
                }
            }
        }
    }
}

impl Played {
    /// Between the tape's best prices, 10^-9.
    fn mid(&self) -> Option<i64> {
        let bid = self.orders.range(..(Side::Sell, i64::MIN)).next_back()?.0.1;
        let ask = self.orders.range((Side::Sell, i64::MIN)..).next()?.0.1;
        Some(bid + (ask - bid) / 2)
    }
}
