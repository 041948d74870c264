//! The hedge never carries the exposure across its target: brute force over fills.
//!
//! ```text
//!   random state --> decide --> hedge q --> for every subset of open and unknown orders,
//!                                           filled in full, by half, by all but one:
//!                                           exposure + position + fills + q stays on its side of 0
//!   empty ledger --> decide, fill, cancel, lose sight of, decide, ... --> never across 0, and
//!                                           open and unknown sums equal what may still fill
//! ```
//!
//! The exposure is held fixed (one price, one set of Greeks), and is a rational here, with nothing
//! rounded: delta times factor over a power of two. The checker is itself checked: a second, plain
//! model of the trigger equals `decide`, and with each of a list of mistakes built in it must be
//! caught.

use hedgewire_abi::Reason;
use hedgewire_abi::command::{
    OrderUpdate, Quote, SetPriceLimits, SetRateLimits, SetSizeLimits, SetStatus, SetTrigger, code,
};
use hedgewire_abi::format::{BAND_MAX, CONTRACT_BITS, DURATION_MAX_NS, EXPOSURE_BITS, ORDER_MAX, POSITION_MAX};

use crate::bank::Scale;
use crate::ledger::{Ledger, Side, Sides};
use crate::trigger::{Circumstances, Decision, Outcome, Pace, Settings, Situation, decide, size_and_send};

/// States per run of the checker.
const STATES: u64 = 300_000;
/// Paths of several steps.
const PATHS: u64 = 60_000;

/// splitmix64: this crate has no dependency on a generator.
struct Draw(u64);

impl Draw {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.word() % n
    }
    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }
    fn coin(&mut self) -> bool {
        self.word() & 1 == 1
    }
}

/// An order in flight.
#[derive(Debug, Clone, Copy)]
struct Flying {
    side: Side,
    quantity: i64,
    is_unknown: bool,
}

impl Flying {
    fn signed(&self) -> i64 {
        if self.side == Side::Buy { self.quantity } else { -self.quantity }
    }
}

/// Everything that a decision is taken on.
#[derive(Debug, Clone)]
struct State {
    scale: Scale,
    price: u32,
    delta: i64,
    counts_contracts: bool,
    position: i64,
    orders: Vec<Flying>,
    trigger: SetTrigger,
    band: u64,
}

impl State {
    fn random(draw: &mut Draw) -> Self {
        let linear_hedge = draw.below(4) == 0;
        let scale = Scale {
            linear_hedge,
            contract_scale: (draw.word() as u32 | 1 << 31).into(),
            contract_shift: draw.between(40, 52) as u32,
            ..Scale::default()
        };
        let mut state = Self {
            scale,
            price: draw.between(1 << 24, (1 << 32) - 1) as u32,
            delta: (draw.between(-(1 << 40), 1 << 40)) >> draw.below(40),
            counts_contracts: draw.coin(),
            position: 0,
            orders: Vec::new(),
            trigger: random_trigger(draw),
            band: draw.below(1 << 26) >> draw.below(27),
        };
        if draw.below(8) == 0 {
            state.put_on_boundary(draw);
        }
        state.draw_position(draw);
        state.draw_orders(draw);
        state
    }

    /// A delta whose exposure is a whole number of contracts and a little more: the floor then hides
    /// as much as it can.
    fn put_on_boundary(&mut self, draw: &mut Draw) {
        self.trigger.theta = 0;
        // Less than one unit of exposure per ladder unit, or the boundary is stepped over.
        self.scale.contract_shift = self.scale.contract_shift.max(42);
        let factor = i128::from(self.factor());
        let wanted = i128::from(draw.between(-3_000, 3_000)) << (CONTRACT_BITS + self.scale.contract_shift);
        self.delta = (wanted + factor - 1).div_euclid(factor) as i64;
    }

    /// Near the hedged position, so that the trigger is about to fire, or anywhere.
    fn draw_position(&mut self, draw: &mut Draw) {
        let hedged = -(self.exposure() >> CONTRACT_BITS);
        let jitter = draw.between(-2_000, 2_000);
        let position = if draw.below(4) == 0 { jitter } else { hedged + jitter };
        self.position = position.clamp(-(1 << 30), 1 << 30);
        if !self.counts_contracts {
            // Filled hedges are in the coin constant, which is part of the delta.
            self.position = 0;
        }
    }

    fn draw_orders(&mut self, draw: &mut Draw) {
        let buys = draw.below(5);
        let sells = if draw.coin() { 0 } else { draw.below(4) };
        let (buys, sells) = if draw.coin() { (buys, sells) } else { (sells, buys) };
        for (count, side) in [(buys, Side::Buy), (sells, Side::Sell)] {
            for _ in 0..count {
                self.orders.push(Flying { side, quantity: draw.between(1, 500), is_unknown: draw.coin() });
            }
        }
    }

    fn factor(&self) -> u64 {
        self.scale.contract_factor(self.price)
    }

    /// What the kernel decides on: floored.
    fn exposure(&self) -> i64 {
        self.scale.contracts_of(self.delta, self.price) as i64
    }

    /// The exposure with this many contracts, exact, in 2^-(16 + contract_shift) contract.
    fn exact(&self, contracts: i64) -> i128 {
        let rows = i128::from(self.delta) * i128::from(self.factor());
        rows + (i128::from(contracts) << (CONTRACT_BITS + self.scale.contract_shift))
    }

    /// Whether some subset of fills carries the exposure across 0 together with the hedge.
    fn is_over_hedged(&self, hedge: i64) -> bool {
        let shares: [fn(i64) -> i64; 3] = [|q| q, |q| q / 2, |q| q - q.signum()];
        let across = |filled: i64| {
            let after = self.exact(self.position + filled + hedge);
            if hedge > 0 { after > 0 } else { after < 0 }
        };
        (0..1u32 << self.orders.len()).any(|subset| {
            shares.iter().any(|share| {
                let chosen = self.orders.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1);
                across(chosen.map(|(_, order)| share(order.signed())).sum())
            })
        })
    }

    fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.reconcile(self.position, 0);
        for order in &self.orders {
            let order_id = ledger.reserve(order.side, order.quantity);
            if order.is_unknown {
                let update = OrderUpdate { status: code::ORDER_UNKNOWN, order_id, ..OrderUpdate::default() };
                ledger.update(&update).expect("the order is there");
            }
        }
        ledger
    }

    fn situation(&self) -> Situation {
        Situation { exposure: self.exposure(), band: self.band, error: 0, counts_contracts: self.counts_contracts }
    }
}

fn random_trigger(draw: &mut Draw) -> SetTrigger {
    let theta = [0, 1, 1 << 15, 65_535, 65_536, draw.below(65_537) as u32][draw.below(6) as usize];
    SetTrigger {
        theta,
        band_scale_buy: 1 << 16,
        band_scale_sell: 1 << draw.between(14, 18),
        clip_min: 1,
        clip_max: if draw.coin() { ORDER_MAX } else { draw.between(1, 1_000) as u32 },
        band_min: 1 << 16,
        band_max: BAND_MAX,
    }
}

/// Settings under which every gate lets everything pass.
fn open_gates(trigger: SetTrigger) -> Settings {
    Settings {
        trigger,
        price: SetPriceLimits {
            width_max_bp: u32::MAX,
            quote_age_max_ns: DURATION_MAX_NS,
            collar_bp: u32::MAX,
            collar_last_bp: u32::MAX,
            ..SetPriceLimits::default()
        },
        size: SetSizeLimits {
            order_max: ORDER_MAX,
            band_emergency: BAND_MAX,
            position_max: POSITION_MAX as u64,
            gross_max: POSITION_MAX as u64,
            notional_max: u64::MAX,
        },
        rate: SetRateLimits {
            order_burst_ns: DURATION_MAX_NS,
            loss_max: i64::MAX,
            hedges_per_minute: u32::MAX,
            attempts_max: u32::MAX,
            open_orders_max: 16,
            ..SetRateLimits::default()
        },
        status: SetStatus { margin_buy: POSITION_MAX as u64, margin_sell: POSITION_MAX as u64, ..SetStatus::default() },
    }
}

fn decide_on(situation: &Situation, linear_hedge: bool, trigger: SetTrigger, ledger: &mut Ledger) -> Decision {
    let quote = Quote { bid: 999, ask: 1_001, price: 1_000, hedge_price: 1_000, ..Quote::default() };
    let settings = open_gates(trigger);
    let at = Circumstances { linear_hedge, ..Circumstances::default() };
    match decide(situation, &settings, ledger) {
        Outcome::Quiet(decision) => decision,
        Outcome::Fired(fired) => size_and_send(&fired, &at, &quote, &settings, ledger, &mut Pace::default()),
    }
}

/// The kernel's decision: contracts to send, positive to buy, 0 for none.
fn kernel(state: &State) -> i64 {
    let decision = decide_on(&state.situation(), state.scale.linear_hedge, state.trigger, &mut state.ledger());
    if decision.reason == Reason::None { decision.quantity } else { 0 }
}

/// A mistake in the trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    None,
    /// The gap is rounded to the nearest contract.
    GapToNearest,
    /// Buys of orders in unknown state do not count.
    UnknownBuysDropped,
    /// The exposure's upper end is taken for its lower one.
    HighIsLow,
    /// What is in flight on the side of the hedge does not count.
    InFlightIgnored,
}

/// The trigger's rule once more, plainly, with room for a mistake.
fn model(state: &State, mutant: Mutant) -> i64 {
    let mut sums = Sides::default();
    for order in &state.orders {
        let is_dropped = mutant == Mutant::UnknownBuysDropped && order.is_unknown && order.side == Side::Buy;
        *sums.of(order.side) += if is_dropped { 0 } else { order.quantity };
    }
    let scaled = |scale: u32| (i128::from(state.band) * i128::from(scale)) >> 16;
    let band = |scale: u32| scaled(scale).clamp(state.trigger.band_min.into(), state.trigger.band_max.into());
    let (band_buy, band_sell) = (band(state.trigger.band_scale_buy), band(state.trigger.band_scale_sell));
    let low = i128::from(state.exposure()) + (i128::from(state.position) << 16);
    let high = low + if mutant == Mutant::HighIsLow { 0 } else { 1 };
    let counted = |quantity: i64| if mutant == Mutant::InFlightIgnored { 0 } else { i128::from(quantity) << 16 };
    let (worst_high, worst_low) = (high + counted(sums.buy), low - counted(sums.sell));
    let exit = |band: i128| (band * i128::from(state.trigger.theta)) >> 16;
    let half = if mutant == Mutant::GapToNearest { 1 << 15 } else { 0 };
    let (sign, gap, opposite) = if worst_high < -band_buy {
        (1, -exit(band_buy) - worst_high, sums.sell)
    } else if worst_low > band_sell {
        (-1, worst_low - exit(band_sell), sums.buy)
    } else {
        return 0;
    };
    let contracts = ((gap + half) >> 16).min(state.trigger.clip_max.into());
    let headroom = POSITION_MAX - state.position.abs() - sums.buy - sums.sell;
    let contracts = contracts.min(headroom.into());
    if opposite > 0 || contracts < i128::from(state.trigger.clip_min) { 0 } else { sign * contracts as i64 }
}

/// What a run of the checker saw.
#[derive(Debug, Default)]
struct Seen {
    hedges: u64,
    over_hedges: u64,
}

fn check(seed: u64, decider: impl Fn(&State) -> i64) -> Seen {
    let mut draw = Draw(seed);
    let mut seen = Seen::default();
    for _ in 0..STATES {
        let state = State::random(&mut draw);
        let hedge = decider(&state);
        seen.hedges += u64::from(hedge != 0);
        seen.over_hedges += u64::from(hedge != 0 && state.is_over_hedged(hedge));
    }
    seen
}

#[test]
fn no_subset_of_fills_carries_the_hedge_across_the_target() {
    for seed in 1..3 {
        let seen = check(seed, kernel);
        println!("seed={seed}: {STATES} states, {seen:?}");
        assert_eq!(seen.over_hedges, 0, "seed={seed}");
        assert!(seen.hedges > STATES / 10, "seed={seed}: {seen:?}: the states are not where hedges happen");
    }
}

#[test]
fn the_plain_model_decides_as_the_kernel_does() {
    let mut draw = Draw(3);
    for _ in 0..STATES {
        let state = State::random(&mut draw);
        assert!(state.exposure().unsigned_abs() < 1 << EXPOSURE_BITS, "{state:?}");
        assert_eq!(kernel(&state), model(&state, Mutant::None), "{state:?}");
    }
}

#[track_caller]
fn assert_caught(mutant: Mutant) {
    let seen = check(4, |state| model(state, mutant));
    println!("{mutant:?}: {seen:?}");
    assert!(seen.over_hedges > 0, "{mutant:?} is not caught: {seen:?}");
}

#[test]
fn rounding_the_gap_to_nearest_is_caught() {
    assert_caught(Mutant::GapToNearest);
}

#[test]
fn dropping_unknown_buys_is_caught() {
    assert_caught(Mutant::UnknownBuysDropped);
}

#[test]
fn taking_the_upper_end_of_the_exposure_for_the_lower_is_caught() {
    assert_caught(Mutant::HighIsLow);
}

#[test]
fn ignoring_what_is_in_flight_on_the_side_of_the_hedge_is_caught() {
    assert_caught(Mutant::InFlightIgnored);
}

// ---- paths of several steps --------------------------------------------------------------------

/// The venue's side of an order.
#[derive(Debug, Clone, Copy)]
struct Live {
    id: u32,
    side: Side,
    quantity: i64,
    filled: i64,
}

/// A path: the kernel's ledger on one side, what can really fill on the other.
struct Path {
    state: State,
    ledger: Ledger,
    live: Vec<Live>,
    /// Contracts filled since the start, positive bought.
    filled: i64,
    /// The mistake: a partly filled order is reported done while the rest of it still works.
    releases_early: bool,
}

impl Path {
    fn new(draw: &mut Draw, releases_early: bool) -> Self {
        let state = State { orders: Vec::new(), ..State::random(draw) };
        let ledger = state.ledger();
        Self { state, ledger, live: Vec::new(), filled: 0, releases_early }
    }

    fn decide(&mut self) {
        let mut situation = self.state.situation();
        if !self.state.counts_contracts {
            // A fill at this price moves the coin constant by exactly its contracts.
            situation.exposure += self.filled << CONTRACT_BITS;
        }
        let decision = decide_on(&situation, self.state.scale.linear_hedge, self.state.trigger, &mut self.ledger);
        if decision.reason == Reason::None {
            let side = if decision.quantity > 0 { Side::Buy } else { Side::Sell };
            let quantity = decision.quantity.abs();
            self.live.push(Live { id: decision.order_id, side, quantity, filled: 0 });
        }
    }

    /// The venue does something to one of the orders, and says so.
    fn venue(&mut self, draw: &mut Draw) {
        if self.live.is_empty() {
            return;
        }
        let index = draw.below(self.live.len() as u64) as usize;
        let left = self.live[index].quantity - self.live[index].filled;
        match draw.below(6) {
            0 => self.fill(index, left, code::ORDER_DONE),
            1 => self.fill(index, draw.between(1, left), code::ORDER_OPEN),
            // Lost sight of: it may still fill, and later does.
            2 => self.fill(index, 0, code::ORDER_UNKNOWN),
            3 => self.fill(index, draw.between(0, left), code::ORDER_UNKNOWN),
            // Cancelled: what was filled before arrives with the cancel.
            4 => self.fill(index, draw.between(0, left - 1), code::ORDER_DONE),
            _ => self.fill(index, 0, code::ORDER_OPEN),
        }
    }

    fn fill(&mut self, index: usize, contracts: i64, status: u8) {
        let order = &mut self.live[index];
        order.filled += contracts;
        self.filled += if order.side == Side::Buy { contracts } else { -contracts };
        let (order, is_over) = (*order, order.filled == order.quantity || status == code::ORDER_DONE);
        let is_partial = contracts > 0 && !is_over;
        let status = if self.releases_early && is_partial { code::ORDER_DONE } else { status };
        let update = OrderUpdate { status, order_id: order.id, filled: order.filled as u64, coin: 0, cost: 0 };
        self.ledger.update(&update).expect("the update is in order");
        if is_over {
            self.live.swap_remove(index);
        }
    }

    /// Whether the exposure with what is filled is across 0 from where it began.
    fn has_crossed(&self) -> bool {
        let (start, now) = (self.state.exact(self.state.position), self.state.exact(self.state.position + self.filled));
        start.signum() * now.signum() < 0
    }

    /// Reserved less released is what may still fill, always.
    fn assert_ledger_is_what_may_fill(&self) {
        let mut sums = Sides::default();
        self.live.iter().for_each(|order| *sums.of(order.side) += order.quantity - order.filled);
        assert_eq!(self.ledger.in_flight(), sums);
        assert_eq!(self.ledger.open_count as usize, self.live.len());
    }
}

/// Number of paths on which the hedge crossed the target.
fn crossings(seed: u64, releases_early: bool) -> u64 {
    let mut draw = Draw(seed);
    let mut crossed = 0;
    for _ in 0..PATHS {
        let mut path = Path::new(&mut draw, releases_early);
        for _ in 0..16 {
            path.decide();
            path.venue(&mut draw);
            if !releases_early {
                path.assert_ledger_is_what_may_fill();
            }
            if path.has_crossed() {
                crossed += 1;
                break;
            }
        }
    }
    crossed
}

#[test]
fn no_path_of_fills_cancels_and_lost_orders_crosses_the_target() {
    for seed in 5..7 {
        assert_eq!(crossings(seed, false), 0, "seed={seed}");
    }
}

#[test]
fn releasing_a_reservation_before_it_is_terminal_is_caught() {
    assert!(crossings(5, true) > 0);
}
