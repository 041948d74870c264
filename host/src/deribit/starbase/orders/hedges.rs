//! The kernel's hedges at the venue: one order of the ledger, one or more orders after each other.
//!
//! ```text
//!   Hedge event ──► hedge ──ladder──► order ──done, something left──► next order ──► … ──► done
//!                     │                 │
//!                     │                 └─ in doubt: nothing new until it is settled
//!                     └──► OrderUpdate: status, filled, coin, cost in total; only when it changed
//! ```
//!
//! The kernel has counted the hedge before it comes here. Its quantity is never at the venue twice: a
//! next order is for what is left, and leaves only when nothing of the one before can fill any more.
//!
//! Invariants:
//! * filled + what may still fill is at most the hedge's quantity, as long as the venue fills what was sent;
//! * a hedge is told done once nothing of it can fill; a fill after that is told too, and is the kernel's fault;
//! * without a session that is ready nothing new is sent, and a hedge that has nothing at the venue ends.

use hedgewire_abi::command::{OrderUpdate, code};
use hedgewire_abi::event::Hedge;
use hedgewire_abi::format::ORDER_SLOTS;

use super::escalation::{EscalationPolicy, Ladder, Step, Top};
use super::oms::{Oms, OmsEvent, RequestError, Style, Wanted};
use super::order::{Cause, Order, Stage};
use super::rate::{RateLimits, TokenBucket};
use super::session::Event;
use super::table::{AmendOrderRequest, CancelOrderRequest, NewOrderRequest};
use super::tally::Tally;
use super::value::{Side, Worth};
use super::values::{CancelReason, OrderRejectReason};

/// A request for the session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Request {
    /// A new order.
    New(NewOrderRequest),
    /// Another price.
    Amend(AmendOrderRequest),
    /// A cancel.
    Cancel(CancelOrderRequest),
}

/// What the kernel is to be told of a hedge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// Index of the underlying.
    pub underlying: u8,
    /// The command.
    pub update: OrderUpdate,
    /// What its fills came to in all, 10^-6 USD: as [`Worth::paid`].
    pub paid: i64,
}

/// How one underlying's hedges are traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeRules {
    /// Index of the underlying in the kernel.
    pub underlying: u8,
    /// Index of its instrument's terms.
    pub terms_index: usize,
    /// How hard hedges are tried.
    pub policy: EscalationPolicy,
}

/// One order of the kernel's ledger.
#[derive(Clone, Copy, Debug)]
struct HedgeOrder {
    order_id: u32,
    side: Side,
    quantity: i64,
    arrival: u32,
    ladder: Ladder,
    /// The order that may still fill.
    child: Option<i64>,
    filled: i64,
    worth: Worth,
    is_done: bool,
    told: Option<OrderUpdate>,
}

/// Hedges of one underlying.
#[derive(Debug)]
struct Desk {
    rules: HedgeRules,
    top: Top,
    hedges: [Option<HedgeOrder>; ORDER_SLOTS],
}

/// The hedges of every underlying of one session.
#[derive(Debug)]
pub struct Hedges {
    /// The orders at the venue.
    pub oms: Oms,
    desks: Vec<Desk>,
    limits: RateLimits,
    bucket: TokenBucket,
    /// No token before this.
    starved_until_ns: u64,
    is_ready: bool,
    is_stopped: bool,
    changed: Vec<i64>,
    /// From an order's bytes in the socket to its first report, ns, not taken yet.
    answer_times: Vec<u64>,
}

impl Hedges {
    /// No hedges.
    pub fn new(oms: Oms, rules: &[HedgeRules], limits: RateLimits, now_ns: u64) -> Self {
        let desk = |rules: &HedgeRules| Desk { rules: *rules, top: Top::default(), hedges: [None; ORDER_SLOTS] };
        Self {
            oms,
            desks: rules.iter().map(desk).collect(),
            limits,
            bucket: TokenBucket::new(limits.capacity, limits.per_second, now_ns),
            starved_until_ns: 0,
            is_ready: false,
            is_stopped: false,
            changed: Vec::with_capacity(64),
            answer_times: Vec::with_capacity(64),
        }
    }

    /// What became of an underlying's hedges and their orders.
    pub fn tally(&self, underlying: u8) -> Option<&Tally> {
        let desk = self.desks.iter().find(|desk| desk.rules.underlying == underlying)?;
        self.oms.tally(desk.rules.terms_index)
    }

    /// Takes the times, ns, from the socket having a new order to the venue's first report of it, since the last time.
    pub fn take_answer_times(&mut self) -> impl Iterator<Item = u64> + '_ {
        self.answer_times.drain(..)
    }

    /// Takes a hedge that the kernel has decided on, at a price of the instrument of `arrival` price units.
    pub fn on_hedge(&mut self, underlying: u8, hedge: &Hedge, arrival: u32, is_urgent: bool, now_ns: u64) {
        let Some(desk) = self.desks.iter_mut().find(|desk| desk.rules.underlying == underlying) else { return };
        let side = if hedge.quantity > 0 { Side::Buy } else { Side::Sell };
        let mut ladder = Ladder::new(desk.rules.policy, side, is_urgent, now_ns);
        if !self.is_ready || self.is_stopped {
            ladder.stop();
        }
        // The kernel gives a slot to another order only when nothing of the one before can fill any more.
        desk.hedges[hedge.order_id as usize % ORDER_SLOTS] = Some(HedgeOrder {
            order_id: hedge.order_id,
            side,
            quantity: hedge.quantity.saturating_abs(),
            arrival,
            ladder,
            child: None,
            filled: 0,
            worth: Worth::default(),
            is_done: false,
            told: None,
        });
    }

    /// Takes the market of an underlying's hedge instrument.
    pub fn on_top(&mut self, underlying: u8, top: Top) {
        if let Some(desk) = self.desks.iter_mut().find(|desk| desk.rules.underlying == underlying) {
            desk.top = top;
        }
    }

    /// Takes an event of the session; then [`Hedges::act`].
    pub fn on_session(&mut self, event: &Event<'_>, sink: &mut impl FnMut(OmsEvent)) {
        match event {
            Event::Report { message, .. } => self.oms.on_report(message, sink),
            Event::Ready { is_continuous } => {
                self.is_ready = true;
                self.oms.caught_up(*is_continuous);
            }
            Event::GapOpened { .. } => {
                self.is_ready = false;
                self.oms.fell_behind();
            }
            Event::Lost { .. } => self.oms.lost(),
            Event::Closed(_) => {
                self.is_ready = false;
                self.oms.disconnected();
                // What the kernel decided on before is old when the session is back: it decides anew.
                self.stop_all();
            }
            Event::Connect | Event::GapFilled { .. } => {}
        }
    }

    /// Gives every hedge up: what is at the venue is cancelled. Later ones are refused until
    /// [`Hedges::resume`].
    pub fn stop(&mut self) {
        self.is_stopped = true;
        self.stop_all();
    }

    /// Takes hedges again.
    pub fn resume(&mut self) {
        self.is_stopped = false;
    }

    /// Gives one hedge up.
    pub fn cancel(&mut self, underlying: u8, order_id: u32) {
        if let Some(hedge) = self.hedge_mut((underlying, order_id)) {
            hedge.ladder.stop();
        }
    }

    /// Gives every hedge of an underlying up; later ones are taken.
    pub fn cancel_all(&mut self, underlying: u8) {
        let desks = self.desks.iter_mut().filter(|desk| desk.rules.underlying == underlying);
        desks.flat_map(|desk| desk.hedges.iter_mut().flatten()).for_each(|hedge| hedge.ladder.stop());
    }

    /// Whether orders may be sent: a session is ready, and nobody said stop.
    pub fn is_ready(&self) -> bool {
        self.is_ready && !self.is_stopped
    }

    /// Whether every fill that was reported has been told: only then are positions what the reports add up to.
    pub fn is_all_told(&self) -> bool {
        let mut hedges = self.desks.iter().flat_map(|desk| desk.hedges.iter().flatten());
        hedges.all(|hedge| hedge.told.map_or(0, |told| told.filled) == hedge.filled.unsigned_abs())
    }

    /// Contracts of an underlying that may still be bought and sold, by what is known here.
    pub fn in_flight(&self, underlying: u8) -> (i64, i64) {
        let desks = self.desks.iter().filter(|desk| desk.rules.underlying == underlying);
        let hedges = desks.flat_map(|desk| desk.hedges.iter().flatten());
        hedges.filter(|hedge| !hedge.is_done || hedge.child.is_some()).fold((0, 0), |(buy, sell), hedge| {
            let left = (hedge.quantity - hedge.filled).max(0);
            if hedge.side == Side::Buy { (buy + left, sell) } else { (buy, sell + left) }
        })
    }

    /// Whether any hedge is being worked: prices matter to it.
    pub fn is_working(&self) -> bool {
        self.desks.iter().flat_map(|desk| desk.hedges.iter().flatten()).any(|hedge| !hedge.is_done)
    }

    fn stop_all(&mut self) {
        let hedges = self.desks.iter_mut().flat_map(|desk| desk.hedges.iter_mut().flatten());
        hedges.for_each(|hedge| hedge.ladder.stop());
    }

    fn hedge_mut(&mut self, (underlying, order_id): (u8, u32)) -> Option<&mut HedgeOrder> {
        let desk = self.desks.iter_mut().find(|desk| desk.rules.underlying == underlying)?;
        desk.hedges[order_id as usize % ORDER_SLOTS].as_mut().filter(|hedge| hedge.order_id == order_id)
    }

    /// An order whose hedge has lost its place to another: it must go.
    fn orphan(&self) -> Option<i64> {
        self.oms.orphan(|(underlying, order_id)| {
            let desk = self.desks.iter().find(|desk| desk.rules.underlying == underlying);
            let hedge = desk.and_then(|desk| desk.hedges[order_id as usize % ORDER_SLOTS].as_ref());
            hedge.is_some_and(|hedge| hedge.order_id == order_id)
        })
    }

    /// The next time after `now_ns` at which [`Hedges::act`] has something to do of itself, ns; `None`
    /// for never.
    pub fn deadline_ns(&self, now_ns: u64) -> Option<u64> {
        let hedges = self.desks.iter().flat_map(|desk| desk.hedges.iter().flatten());
        let waiting = hedges.filter(|hedge| !hedge.is_done);
        let ladders = waiting.filter_map(|hedge| hedge.ladder.deadline_ns(now_ns));
        let starved = Some(self.starved_until_ns).filter(|until_ns| *until_ns < u64::MAX);
        ladders.chain(self.oms.deadline_ns()).chain(starved).filter(|due_ns| *due_ns > now_ns).min()
    }

    /// Does what is due: gives requests to `send`, which returns the number of each that left, and
    /// updates for the kernel to `tell`.
    pub fn act(&mut self, now_ns: u64, send: &mut impl FnMut(&Request) -> Option<i64>, tell: &mut impl FnMut(Update)) {
        self.oms.on_time(now_ns);
        self.absorb(now_ns, tell);
        while let Some(id) = self.oms.to_probe() {
            if !self.cancel_child(id, now_ns, send) {
                break;
            }
        }
        while let Some(id) = self.orphan() {
            if !self.cancel_child(id, now_ns, send) {
                break;
            }
        }
        for desk in 0..self.desks.len() {
            for slot in 0..ORDER_SLOTS {
                self.work(desk, slot, now_ns, send);
            }
        }
        self.absorb(now_ns, tell);
        self.tell_all(tell);
    }

    /// Carries what happened to orders over to their hedges.
    fn absorb(&mut self, now_ns: u64, tell: &mut impl FnMut(Update)) {
        let mut changed = std::mem::take(&mut self.changed);
        self.oms.take_changed(&mut changed);
        for id in &changed {
            let Some(order) = self.oms.order(*id).copied() else { continue };
            let Some(terms) = self.oms.terms(order.terms_index) else { continue };
            let now = (order.filled(), order.worth(terms));
            if let Some(order) = self.oms.order_mut(*id) {
                order.told = now;
                if order.is_heard && order.taken_ns > 0 && self.answer_times.len() < self.answer_times.capacity() {
                    self.answer_times.push(now_ns.saturating_sub(std::mem::take(&mut order.taken_ns)));
                }
            }
            let (filled, worth) = (now.0 - order.told.0, now.1.minus(order.told.1));
            let Some(hedge) = self.hedge_mut(order.hedge) else {
                // Its place is another hedge's by now: the kernel finds that it does not know it.
                if filled > 0 {
                    tell(forgotten(&order, filled, worth));
                }
                continue;
            };
            hedge.filled += filled;
            hedge.worth = hedge.worth.plus(worth);
            if order.is_done() && hedge.child == Some(*id) {
                hedge.child = None;
                after(hedge, &order, now_ns);
            } else if !order.is_done() && hedge.child.is_none() {
                // Revived: nothing new beside it, and it goes.
                hedge.child = Some(*id);
                hedge.ladder.stop();
            }
        }
        self.changed = changed;
    }

    /// Does what the ladder of one hedge says.
    fn work(&mut self, desk: usize, slot: usize, now_ns: u64, send: &mut impl FnMut(&Request) -> Option<i64>) {
        let Desk { rules, top, hedges } = &mut self.desks[desk];
        let (rules, top) = (*rules, *top);
        let Some(hedge) = hedges[slot].as_mut().filter(|hedge| !hedge.is_done || hedge.child.is_some()) else { return };
        let step = hedge.ladder.step(&top, now_ns);
        let child = hedge.child.and_then(|id| self.oms.order(id)).copied();
        let hedge = *hedge;
        match (step, child) {
            (_, Some(child)) => self.manage(&child, step, now_ns, send),
            (Step::Stop, None) => self.finish(desk, slot),
            (Step::Wait, None) => {}
            (Step::Rest(price) | Step::Take(price), None) => {
                let left = hedge.quantity - hedge.filled;
                let terms = self.oms.terms(rules.terms_index).copied();
                let Some(terms) = terms.filter(|_| left > 0) else { return self.finish(desk, slot) };
                let style = if matches!(step, Step::Rest(_)) { Style::PostOnly } else { Style::ImmediateOrCancel };
                let wanted = Wanted {
                    terms_index: rules.terms_index,
                    hedge: (rules.underlying, hedge.order_id),
                    side: hedge.side,
                    contracts: left,
                    price: terms.price_of(price, hedge.side),
                    style,
                    arrival: hedge.arrival,
                };
                self.send_new(desk, slot, &wanted, now_ns, send);
            }
        }
    }

    /// What the ladder means for an order that may still fill.
    fn manage(&mut self, child: &Order, step: Step, now_ns: u64, send: &mut impl FnMut(&Request) -> Option<i64>) {
        // In doubt it is settled by itself; in the speed bump it cannot be amended, but cancelled.
        if child.is_unknown || !self.is_ready {
            return;
        }
        match step {
            Step::Rest(price) => {
                let Some(terms) = self.oms.terms(child.terms_index) else { return };
                let price = terms.price_of(price, child.side);
                if price != child.price && child.stage == Stage::Open && child.asked.is_none() {
                    self.amend_child(child.client_order_id, price, now_ns, send);
                }
            }
            // One that takes is about to end by itself, in the speed bump or out of it.
            Step::Take(_) if !child.is_resting => {}
            Step::Take(_) | Step::Stop if child.stage != Stage::Sent => {
                self.cancel_child(child.client_order_id, now_ns, send);
            }
            Step::Take(_) | Step::Stop | Step::Wait => {}
        }
    }

    fn send_new(
        &mut self,
        desk: usize,
        slot: usize,
        wanted: &Wanted,
        now_ns: u64,
        send: &mut impl FnMut(&Request) -> Option<i64>,
    ) {
        let terms_index = wanted.terms_index;
        if !self.is_ready || !self.afford(terms_index, self.limits.new_cost, now_ns) {
            return;
        }
        match self.oms.place(wanted) {
            Ok(request) => {
                let id = request.client_order_id;
                if let Some(hedge) = &mut self.desks[desk].hedges[slot] {
                    hedge.child = Some(id);
                }
                self.sent(id, send(&Request::New(request)), now_ns);
            }
            Err(RequestError::Full(_) | RequestError::Quantity(_) | RequestError::NotNow(_)) => {
                self.finish(desk, slot);
            }
        }
    }

    fn amend_child(
        &mut self,
        id: i64,
        price: super::field::Price9,
        now_ns: u64,
        send: &mut impl FnMut(&Request) -> Option<i64>,
    ) {
        let Some(terms_index) = self.oms.order(id).map(|order| order.terms_index) else { return };
        if !self.afford(terms_index, self.limits.amend_cost, now_ns) {
            return;
        }
        if let Ok(request) = self.oms.amend(id, price) {
            self.sent(id, send(&Request::Amend(request)), now_ns);
        }
    }

    /// Asks for a cancel, whatever it costs; whether the request left.
    fn cancel_child(&mut self, id: i64, now_ns: u64, send: &mut impl FnMut(&Request) -> Option<i64>) -> bool {
        let Ok(request) = self.oms.cancel(id) else { return false };
        let seq = send(&Request::Cancel(request));
        self.sent(id, seq, now_ns);
        if seq.is_some() {
            self.bucket.drain(self.limits.cancel_cost, now_ns);
        }
        seq.is_some()
    }

    fn sent(&mut self, id: i64, seq: Option<i64>, now_ns: u64) {
        match seq {
            Some(seq) => self.oms.sent(id, seq, now_ns),
            None => self.oms.not_sent(id),
        }
    }

    fn afford(&mut self, terms_index: usize, tokens: u32, now_ns: u64) -> bool {
        let taken = self.bucket.take(tokens, now_ns);
        // Once for each time that it begins to wait.
        let begins = taken.is_err() && self.starved_until_ns == 0;
        if let Some(tally) = self.oms.tally_mut(terms_index).filter(|_| begins) {
            tally.throttled += 1;
        }
        self.starved_until_ns = taken.err().unwrap_or(0);
        taken.is_ok()
    }

    fn finish(&mut self, desk: usize, slot: usize) {
        let terms_index = self.desks[desk].rules.terms_index;
        let Some(hedge) = self.desks[desk].hedges[slot].as_mut().filter(|hedge| !hedge.is_done) else { return };
        hedge.is_done = true;
        if let Some(tally) = self.oms.tally_mut(terms_index).filter(|_| hedge.filled < hedge.quantity) {
            tally.given_up += 1;
        }
    }

    fn tell_all(&mut self, tell: &mut impl FnMut(Update)) {
        for desk in &mut self.desks {
            for hedge in desk.hedges.iter_mut().flatten() {
                let child = hedge.child.and_then(|id| self.oms.order(id));
                let update = hedge.update(child);
                if update != hedge.told {
                    hedge.told = update;
                    let (underlying, paid) = (desk.rules.underlying, hedge.worth.paid);
                    update.into_iter().for_each(|update| tell(Update { underlying, update, paid }));
                }
            }
        }
    }
}

impl HedgeOrder {
    /// What the kernel is to know; nothing before an order was taken.
    fn update(&mut self, child: Option<&Order>) -> Option<OrderUpdate> {
        self.is_done |= child.is_none() && self.filled >= self.quantity;
        let status = match child {
            Some(child) if child.is_unknown => code::ORDER_UNKNOWN,
            None if self.is_done => code::ORDER_DONE,
            // What has filled is told at once, whatever the next order is doing: whoever remembers positions counts on it.
            _ if self.filled > 0 => code::ORDER_OPEN,
            Some(child) if child.stage == Stage::Sent && self.told.is_none() => return None,
            None if self.told.is_none() => return None,
            _ => code::ORDER_OPEN,
        };
        Some(OrderUpdate {
            status,
            order_id: self.order_id,
            filled: self.filled.unsigned_abs(),
            coin: self.worth.coin,
            cost: self.worth.cost,
        })
    }
}

/// A fill of an order whose hedge is no longer known.
fn forgotten(order: &Order, filled: i64, worth: Worth) -> Update {
    let (underlying, order_id) = order.hedge;
    let filled = filled.unsigned_abs();
    let Worth { coin, cost, paid } = worth;
    Update { underlying, update: OrderUpdate { status: code::ORDER_DONE, order_id, filled, coin, cost }, paid }
}

/// What the end of an order means for its hedge's ladder.
fn after(hedge: &mut HedgeOrder, order: &Order, now_ns: u64) {
    match order.stage {
        Stage::Done(Cause::Cancelled(CancelReason::TimeInForce)) => hedge.ladder.failed(now_ns),
        Stage::Done(Cause::Cancelled(CancelReason::PostOnly) | Cause::Rejected(OrderRejectReason::PostOnly)) => {
            hedge.ladder.met(now_ns);
        }
        // Ours, on the way to the next stage; or whole.
        Stage::Done(Cause::Cancelled(CancelReason::ByRequest) | Cause::Filled) => {}
        // Anything else will not be better the next time: the kernel decides anew.
        _ => hedge.ladder.stop(),
    }
}
