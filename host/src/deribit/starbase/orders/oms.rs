//! Our orders at the venue, by our number: what was asked, what was answered, what is in doubt.
//!
//! ```text
//!   place ─► Order (counted) ─► request ─► sent: number remembered │ not sent: done at once
//!   report ─► its order ─► fills, stage ─► changed: the hedge looks at it
//!   no answer in time, or a disconnect ─► unknown ─► every report has come again
//!        ├─ acknowledged before: it lives                         (nothing ended it, or it would have come)
//!        └─ never acknowledged: cancelled by number; denied twice, a timeout apart: presumed gone
//! ```
//!
//! An order is never sent again. A denial counts twice over because a gateway may not know an order
//! yet that its matching engine already has. If reports were lost, denials and bare cancels prove
//! nothing: such an order ends by a report with a total, or by [`Oms::reconcile`].
//!
//! Invariants:
//! * an order is in the table before it is sent, and stays until it is done and its place is needed;
//! * a report changes nothing the second time;
//! * a report that fits no order of ours is told, not dropped.

mod report;

use thiserror::Error;

use super::field::{Decimal72, OrderFlags, Price9, ReplaceOrderFlags, Wire};
use super::order::{Cause, Order, OrderFault, Quantities, Stage};
use super::protection::Protection;
use super::table::{AmendOrderRequest, CancelOrderRequest, NewOrderRequest};
use super::tally::{Mark, Tally};
use super::value::{HedgeTerms, Side};
use super::values::{
    CancelOrderRejectReason, MassCancelRejectReason, OrderRejectReason, SelfTradingMode, Side as WireSide,
};

/// `timeInForce` of an order that rests until cancelled.
const GOOD_TILL_CANCELLED: i8 = 0;
/// `timeInForce` of an order that takes what there is.
const IMMEDIATE_OR_CANCEL: i8 = -2;
/// How often the venue must deny an order before it is believed.
const DENIALS: u8 = 2;

/// How an order meets the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Rests; refused if it would take.
    PostOnly,
    /// Takes what there is up to its limit; nothing rests.
    ImmediateOrCancel,
}

/// How orders are sent and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OmsOptions {
    /// Our first number; numbers go on from it. It must be above any that the key has used.
    pub first_client_order_id: i64,
    /// log2 of the places in the table.
    pub places_log2: u8,
    /// Without an answer for so long, an order is in doubt, ns.
    pub response_timeout_ns: u64,
    /// Whether each order is cancelled when the connection is lost.
    pub cancel_on_disconnect: bool,
    /// Whether orders are under market-maker protection: they pass the venue's margin check faster.
    pub mmp: bool,
    /// Number of the self-match group; `None` for none.
    pub self_match_prevention_id: Option<i64>,
}

/// What an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Index of the instrument's terms.
    pub terms_index: usize,
    /// Underlying and number of the hedge.
    pub hedge: (u8, u32),
    /// Its side.
    pub side: Side,
    /// Its size, contracts, above 0.
    pub contracts: i64,
    /// Its limit.
    pub price: Price9,
    /// How it meets the book.
    pub style: Style,
    /// Price of the instrument at the decision, price units.
    pub arrival: u32,
}

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The table is full of orders that may still fill.
    #[error("no place for another order: {0} of them may still fill")]
    Full(usize),
    /// The quantity does not fit the wire.
    #[error("{0} contracts do not fit the venue's quantity")]
    Quantity(i64),
    /// Not one of ours, done, in doubt, or with another request unanswered.
    #[error("order {0} cannot be changed now")]
    NotNow(i64),
}

/// A fill of one of the desk's own quotes, or of an order that is not a hedge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnFill {
    /// The venue's number of the instrument.
    pub instrument_id: i64,
    /// The venue's number of the order; null if not told.
    pub order_id: i64,
    /// The venue's number of the fill: the same fill always has the same.
    pub match_id: i64,
    /// Bought or sold; `Unknown` if not told.
    pub side: WireSide,
    /// At what price.
    pub price: Price9,
    /// How much.
    pub quantity: Decimal72,
}

/// What reports say beside the state of an order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OmsEvent {
    /// Something odd about an order; booked all the same.
    Fault {
        /// Our number.
        client_order_id: i64,
        /// What is odd.
        fault: OrderFault,
    },
    /// A fill of the desk's quotes.
    OwnFill(OwnFill),
    /// A report of an order that is not in the table, and no quote: positions are in doubt.
    Unmatched {
        /// Template of the report.
        template: u16,
        /// The number that it names.
        client_order_id: i64,
        /// The instrument that it names.
        instrument_id: i64,
    },
    /// An amendment was not taken; the order is as it was.
    AmendRejected {
        /// Our number.
        client_order_id: i64,
        /// Why.
        reason: OrderRejectReason,
    },
    /// An order was not cancelled.
    CancelRejected {
        /// Our number.
        client_order_id: i64,
        /// Why.
        reason: CancelOrderRejectReason,
    },
    /// Orders were cancelled by a filter.
    MassCancelled {
        /// How many.
        orders: i32,
    },
    /// None was.
    MassCancelRejected {
        /// Why.
        reason: MassCancelRejectReason,
    },
    /// The venue did not understand a request that belongs to no order.
    RequestRejected {
        /// The request's number.
        seq: i64,
    },
    /// A report of a template that is not known.
    UnknownReport {
        /// Its template.
        template: u16,
    },
}

/// Our orders at the venue.
#[derive(Debug)]
pub struct Oms {
    options: OmsOptions,
    terms: Vec<HedgeTerms>,
    places: Vec<Option<Order>>,
    next_id: i64,
    next_correlation_id: i64,
    /// Orders that may still fill, by age.
    live: Vec<i64>,
    /// Orders that changed since the owner looked.
    changed: Vec<i64>,
    /// What was sent and is no longer in the table.
    forgotten: Quantities,
    is_caught_up: bool,
    /// Whether a new order was sent and the socket has not been said to have it.
    is_untaken: bool,
    /// By index of the terms.
    tallies: Vec<Tally>,
    /// What is frozen by market-maker protection.
    pub protection: Protection,
}

impl Oms {
    /// An empty table for instruments by index.
    pub fn new(options: OmsOptions, terms: Vec<HedgeTerms>) -> Self {
        let places = 1 << options.places_log2.min(20);
        Self {
            options,
            tallies: vec![Tally::default(); terms.len()],
            terms,
            places: vec![None; places],
            next_id: options.first_client_order_id,
            next_correlation_id: 1,
            live: Vec::with_capacity(places),
            changed: Vec::with_capacity(2 * places),
            forgotten: Quantities::default(),
            is_caught_up: false,
            is_untaken: false,
            protection: Protection::default(),
        }
    }

    /// Our next number: what a restart begins with.
    pub fn next_client_order_id(&self) -> i64 {
        self.next_id
    }

    /// The terms of an instrument.
    pub fn terms(&self, index: usize) -> Option<&HedgeTerms> {
        self.terms.get(index)
    }

    /// An order of ours, done or not.
    pub fn order(&self, client_order_id: i64) -> Option<&Order> {
        self.places[self.place_of(client_order_id)].as_ref().filter(|order| order.client_order_id == client_order_id)
    }

    /// Orders that may still fill, by age.
    pub fn live(&self) -> impl Iterator<Item = &Order> {
        self.live.iter().filter_map(|id| self.order(*id))
    }

    /// Everything that was ever sent, by what became of it.
    pub fn quantities(&self) -> Quantities {
        let mut sum = self.forgotten;
        self.places.iter().flatten().for_each(|order| sum.add(order.quantities()));
        sum
    }

    /// What became of the orders of an instrument.
    pub fn tally(&self, terms_index: usize) -> Option<&Tally> {
        self.tallies.get(terms_index)
    }

    pub(super) fn tally_mut(&mut self, terms_index: usize) -> Option<&mut Tally> {
        self.tallies.get_mut(terms_index)
    }

    /// Changes an order, and counts what is new of it.
    fn alter(&mut self, client_order_id: i64, change: impl FnOnce(&mut Order)) {
        let Some(order) = self.order_mut(client_order_id) else { return };
        let before = Mark::of(order);
        change(order);
        let order = *order;
        if let Some(tally) = self.tally_mut(order.terms_index) {
            tally.note(before, &order);
        }
    }

    /// Whether an order is in doubt that only the venue's own books can settle.
    pub fn needs_reconciliation(&self) -> bool {
        self.live().any(|order| order.is_lossy)
    }

    /// Takes the changes since the last time: orders by number, some perhaps twice.
    pub(super) fn take_changed(&mut self, into: &mut Vec<i64>) {
        into.clear();
        into.append(&mut self.changed);
    }

    fn place_of(&self, client_order_id: i64) -> usize {
        let distance = client_order_id.wrapping_sub(self.options.first_client_order_id);
        // The number of places is a power of two; an order is known by its whole number.
        distance as usize & (self.places.len() - 1)
    }

    pub(super) fn order_mut(&mut self, client_order_id: i64) -> Option<&mut Order> {
        let place = self.place_of(client_order_id);
        self.places[place].as_mut().filter(|order| order.client_order_id == client_order_id)
    }

    /// Takes note that an order changed; one that is done is no longer live.
    fn touch(&mut self, client_order_id: i64) {
        let is_done = self.order(client_order_id).is_none_or(Order::is_done);
        let place = self.live.iter().position(|id| *id == client_order_id);
        match place {
            Some(place) if is_done => {
                self.live.remove(place);
            }
            None if !is_done => self.live.push(client_order_id),
            _ => {}
        }
        self.changed.push(client_order_id);
    }

    /// Counts an order, and gives the request for it; then [`Oms::sent`] or [`Oms::not_sent`].
    ///
    /// # Errors
    /// [`RequestError`]; nothing was counted then.
    pub fn place(&mut self, wanted: &Wanted) -> Result<NewOrderRequest, RequestError> {
        let id = self.next_id;
        let place = self.place_of(id);
        let before = self.places[place];
        if before.is_some_and(|order| !order.is_done()) {
            return Err(RequestError::Full(self.live.len()));
        }
        let terms = self.terms.get(wanted.terms_index).filter(|_| wanted.contracts > 0);
        let known = terms.and_then(|terms| Some((terms.instrument_id, terms.quantity_of(wanted.contracts)?)));
        let (instrument_id, quantity) = known.ok_or(RequestError::Quantity(wanted.contracts))?;
        if let Some(before) = before {
            self.forgotten.add(before.quantities());
        }
        let mut order = Order::new(id, wanted.terms_index, wanted.hedge, wanted.side, wanted.contracts);
        let correlation_id = self.correlate();
        (order.price, order.arrival, order.correlation_id) = (wanted.price, wanted.arrival, correlation_id);
        order.is_resting = wanted.style == Style::PostOnly;
        self.places[place] = Some(order);
        self.next_id += 1;
        self.touch(id);
        Ok(NewOrderRequest {
            client_order_id: id,
            correlation_id,
            instrument_id,
            price: wanted.price,
            quantity,
            show_qty: Decimal72::NULL,
            self_match_prevention_id: self.options.self_match_prevention_id.unwrap_or(i64::NULL),
            side: wire_side(wanted.side),
            time_in_force: match wanted.style {
                Style::PostOnly => GOOD_TILL_CANCELLED,
                Style::ImmediateOrCancel => IMMEDIATE_OR_CANCEL,
            },
            flags: self.flags(wanted.style),
            self_trading_mode: SelfTradingMode::CancelTaker,
        })
    }

    fn flags(&self, style: Style) -> OrderFlags {
        let flag = |yes, flag| if yes { flag } else { OrderFlags::default() };
        let post_only = OrderFlags::POST_ONLY.with(OrderFlags::POST_ONLY_REJECT);
        flag(style == Style::PostOnly, post_only)
            .with(flag(self.options.cancel_on_disconnect, OrderFlags::CANCEL_ON_DISCONNECT))
            .with(flag(self.options.mmp, OrderFlags::MMP))
    }

    /// The request for another price; the quantity stays what it is in total.
    ///
    /// # Errors
    /// [`RequestError::NotNow`] unless the order is in the book with nothing unanswered.
    pub fn amend(&mut self, client_order_id: i64, price: Price9) -> Result<AmendOrderRequest, RequestError> {
        let not_now = RequestError::NotNow(client_order_id);
        let order = *self.order(client_order_id).ok_or(not_now)?;
        let is_quiet = order.asked.is_none() && !order.is_unknown && order.stage == Stage::Open;
        let terms = self.terms.get(order.terms_index).filter(|_| is_quiet).ok_or(not_now)?;
        let quantity = terms.quantity_of(order.quantity).ok_or(RequestError::Quantity(order.quantity))?;
        let instrument_id = terms.instrument_id;
        let correlation_id = self.correlate();
        if let Some(order) = self.order_mut(client_order_id) {
            (order.amending, order.correlation_id) = (Some(price), correlation_id);
        }
        Ok(AmendOrderRequest {
            client_order_id,
            correlation_id,
            instrument_id,
            price,
            quantity,
            show_qty: Decimal72::NULL,
            flags: ReplaceOrderFlags::POST_ONLY.with(ReplaceOrderFlags::POST_ONLY_REJECT),
        })
    }

    /// The request for a cancel: of a live order, in doubt or not, that has none unanswered.
    ///
    /// # Errors
    /// [`RequestError::NotNow`].
    pub fn cancel(&mut self, client_order_id: i64) -> Result<CancelOrderRequest, RequestError> {
        let not_now = RequestError::NotNow(client_order_id);
        let order = self.order(client_order_id).filter(|order| !order.is_done() && !order.is_cancelling);
        let terms_index = order.ok_or(not_now)?.terms_index;
        let instrument_id = self.terms.get(terms_index).ok_or(not_now)?.instrument_id;
        let correlation_id = self.correlate();
        if let Some(order) = self.order_mut(client_order_id) {
            (order.is_cancelling, order.correlation_id) = (true, correlation_id);
        }
        Ok(CancelOrderRequest { client_order_id, correlation_id, instrument_id })
    }

    fn correlate(&mut self) -> i64 {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        correlation_id
    }

    /// The request for an order left, with a number.
    pub fn sent(&mut self, client_order_id: i64, seq: i64, now_ns: u64) {
        let Some(order) = self.order_mut(client_order_id) else { return };
        order.asked = Some((now_ns, seq));
        let (order, is_new) = (*order, !order.is_cancelling && order.amending.is_none());
        self.is_untaken |= is_new;
        let Some(tally) = self.tally_mut(order.terms_index) else { return };
        // A cancel may follow an amendment that is unanswered: it is the later of the two.
        *match (order.is_cancelling, is_new) {
            (true, _) => &mut tally.cancels,
            (false, true) => &mut tally.sent,
            (false, false) => &mut tally.amendments,
        } += 1;
    }

    /// Whether a new order was sent and [`Oms::taken`] has not been said since.
    pub fn has_untaken(&self) -> bool {
        self.is_untaken
    }

    /// The socket has taken every byte that there was.
    pub fn taken(&mut self, now_ns: u64) {
        if !std::mem::take(&mut self.is_untaken) {
            return;
        }
        for index in 0..self.live.len() {
            let id = self.live[index];
            let order = self.order_mut(id).filter(|order| order.taken_ns == 0 && !order.is_heard);
            if let Some(order) = order.filter(|order| order.asked.is_some()) {
                order.taken_ns = now_ns;
            }
        }
    }

    /// The request for an order did not leave: a new one is done, others are as before.
    pub fn not_sent(&mut self, client_order_id: i64) {
        let Some(order) = self.order_mut(client_order_id) else { return };
        // A cancel may follow an amendment that is unanswered: it is the later of the two.
        if !std::mem::take(&mut order.is_cancelling) && order.amending.take().is_none() {
            order.finish(Cause::NotSent);
        }
        self.touch(client_order_id);
    }

    /// The connection is gone: whatever lives is in doubt.
    pub fn disconnected(&mut self) {
        self.is_caught_up = false;
        self.doubt_all(false);
    }

    /// Reports are missing: until they have come, an answer may be older than what it says.
    pub fn fell_behind(&mut self) {
        self.is_caught_up = false;
    }

    /// Reports were lost for good.
    pub fn lost(&mut self) {
        self.doubt_all(true);
    }

    fn doubt_all(&mut self, is_lossy: bool) {
        for index in 0..self.live.len() {
            let id = self.live[index];
            self.alter(id, |order| {
                order.doubt();
                order.is_lossy |= is_lossy;
            });
            self.changed.push(id);
        }
    }

    /// Every report that there was has come. What the venue took and nothing ended is alive.
    pub fn caught_up(&mut self, is_continuous: bool) {
        if !is_continuous {
            self.doubt_all(true);
        }
        self.is_caught_up = true;
        for index in 0..self.live.len() {
            let id = self.live[index];
            let Some(order) = self.order_mut(id) else { continue };
            if order.is_unknown && !order.is_lossy && order.stage != Stage::Sent {
                order.is_unknown = false;
                self.changed.push(id);
            }
        }
    }

    /// Puts orders in doubt whose answer is overdue.
    pub fn on_time(&mut self, now_ns: u64) {
        for index in 0..self.live.len() {
            let id = self.live[index];
            let timeout_ns = self.options.response_timeout_ns;
            let asked_ns = self.order(id).and_then(|order| order.asked).map(|(asked_ns, _)| asked_ns);
            if asked_ns.is_some_and(|asked_ns| now_ns.saturating_sub(asked_ns) >= timeout_ns) {
                self.alter(id, Order::doubt);
                self.changed.push(id);
            }
        }
    }

    /// When the next answer is overdue, ns.
    pub fn deadline_ns(&self) -> Option<u64> {
        let asked = self.live().filter_map(|order| order.asked);
        asked.map(|(asked_ns, _)| asked_ns.saturating_add(self.options.response_timeout_ns)).min()
    }

    /// The oldest order whose hedge `is_known` denies, if no cancel of it is on the way.
    pub(super) fn orphan(&self, is_known: impl Fn((u8, u32)) -> bool) -> Option<i64> {
        let is_idle = |order: &&Order| order.asked.is_none() && !order.is_cancelling && !is_known(order.hedge);
        self.live().find(is_idle).map(|order| order.client_order_id)
    }

    /// An order in doubt that should be cancelled by number, to learn what became of it; the oldest.
    pub fn to_probe(&self) -> Option<i64> {
        let in_doubt = |order: &&Order| order.is_unknown && !order.is_cancelling && order.asked.is_none();
        self.live().find(|order| self.is_caught_up && in_doubt(order)).map(|order| order.client_order_id)
    }

    /// The venue's own books say that `filled` contracts of an order are filled, and nothing of it is open.
    ///
    /// # Errors
    /// [`OrderFault`] as for a report.
    pub fn reconcile(&mut self, client_order_id: i64, filled: i64) -> Result<(), OrderFault> {
        let mut done = Err(OrderFault::Mismatch);
        self.alter(client_order_id, |order| {
            done = order.fill_to(filled);
            order.finish(Cause::Reconciled);
        });
        if self.order(client_order_id).is_some() {
            self.touch(client_order_id);
        }
        done
    }
}

fn wire_side(side: Side) -> WireSide {
    match side {
        Side::Buy => WireSide::Buy,
        Side::Sell => WireSide::Sell,
    }
}
