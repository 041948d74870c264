//! Mass quotes: up to fifteen two-sided quotes of a group, each replacing the one before.
//!
//! Assumed where the venue's text is silent: a null price leaves a side as it is, a quantity of zero cancels it;
//! the same price with no larger a quantity keeps its place.

use super::{
    Asked, Exchange, Fill, Incoming, Order, Outcome, Owner, ProtectionKey, SelfTrade, Side, Stamp, Terms,
    cancel_reason, market, order_status,
};
use crate::venue::codes::{quote_reject, quote_status};
use crate::venue::instrument::Instrument;
use crate::venue::layout as at;
use crate::venue::request::optional;
use crate::venue::wire::{Block, Body, Decimal, NULL, half};

/// Most quotes of a request.
pub const QUOTES_MAX: usize = 15;

/// One side of a quote, as asked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    price: Option<i64>,
    quantity: Decimal,
}

/// A mass quote, as asked for.
#[derive(Clone, Debug)]
pub struct MassQuote {
    quote_id: i64,
    correlation_id: i64,
    group: i64,
    self_match_id: Option<i64>,
    is_reset: bool,
    /// Instrument, bid, ask.
    quotes: Vec<(i64, [Wanted; 2])>,
}

impl MassQuote {
    /// Reads a body of exactly its length.
    pub fn read(body: &[u8]) -> Option<Self> {
        use at::{mass_quote_request as f, mass_quote_request_quotes as q};
        let block = Block::new(body, &f::LAYOUT)?;
        let rest = &body[f::LAYOUT.block..];
        if rest.len() < 4 || usize::from(half(rest, 0)) != q::LAYOUT.block {
            return None;
        }
        let (count, entries) = (usize::from(half(rest, 2)), &rest[4..]);
        if entries.len() != count * q::LAYOUT.block {
            return None;
        }
        let quotes = entries.chunks_exact(q::LAYOUT.block).filter_map(|entry| {
            let entry = Block::new(entry, &q::LAYOUT)?;
            let side =
                |price, quantity| Wanted { price: optional(entry.i64(price)), quantity: entry.decimal(quantity) };
            Some((entry.i64(q::INSTRUMENT_ID), [side(q::BID_PRICE, q::BID_QTY), side(q::ASK_PRICE, q::ASK_QTY)]))
        });
        Some(Self {
            quote_id: block.i64(f::QUOTE_ID),
            correlation_id: block.i64(f::CORRELATION_ID),
            group: block.i64(f::MMP_GROUP_ID),
            self_match_id: optional(block.i64(f::SELF_MATCH_PREVENTION_ID)),
            is_reset: block.u8(f::FLAGS) & 1 != 0,
            quotes: quotes.collect(),
        })
    }

    /// A quote of one side of one instrument, the other left as it is.
    pub fn of_one_side(group: i64, terms: &Instrument, side: Side, (price, quantity): (i64, i64)) -> Self {
        let exponent = terms.quantity_exponent;
        let quoted = Wanted { price: Some(price), quantity: Decimal { mantissa: quantity, exponent } };
        let other = Wanted { price: None, quantity: Decimal { mantissa: 0, exponent } };
        let sides = if side == Side::Buy { [quoted, other] } else { [other, quoted] };
        Self {
            quote_id: 1,
            correlation_id: 0,
            group,
            self_match_id: None,
            is_reset: false,
            quotes: vec![(terms.id, sides)],
        }
    }

    /// The group and the request's number, for a refusal.
    fn refusal(&self, stamp: Stamp, reason: i8, details: &str) -> Body {
        use at::mass_quote_reject as f;
        Body::new(&f::LAYOUT)
            .i64(f::TIMESTAMP, stamp.now_ns)
            .i64(f::EXEC_ID, stamp.exec_id)
            .i64(f::QUOTE_ID, self.quote_id)
            .i64(f::CORRELATION_ID, self.correlation_id)
            .i64(f::MMP_GROUP_ID, self.group)
            .i8(f::REASON, reason)
            .text(details)
    }
}

/// What came of one side of a quote.
#[derive(Clone, Debug)]
struct SideOutcome {
    order: Option<Order>,
    status: i8,
    reject: i8,
    fills: Vec<Fill>,
}

impl SideOutcome {
    fn new(order: Option<Order>, status: i8) -> Self {
        Self { order, status, reject: 0, fills: vec![] }
    }
}

impl Exchange {
    /// A member's mass quote.
    pub fn mass_quote(&mut self, now_ns: i64, member: usize, request: &MassQuote) {
        if let Err((reason, details)) = self.check_quotes(now_ns, member, request) {
            return self.refuse_quotes(now_ns, member, request, reason, details);
        }
        let key = ProtectionKey::Group(request.group);
        if request.is_reset {
            self.protections.reset(member, key);
        }
        let mut sides = vec![];
        let mut reports = vec![];
        for (instrument_id, wanted) in &request.quotes {
            let Some(instrument) = self.place_of(*instrument_id) else { continue };
            for (side, wanted) in [Side::Buy, Side::Sell].into_iter().zip(wanted) {
                let outcome = self.quote_side(now_ns, (member, request), instrument, side, *wanted, &mut reports);
                sides.push((instrument, outcome));
            }
        }
        let stamp = self.stamp(now_ns);
        let body = self.answer(stamp, request, &sides);
        self.tell(Owner::Member(member), body);
        self.out.reports.extend(reports);
        self.protect(now_ns);
    }

    /// Refuses a mass quote.
    pub fn refuse_quotes(&mut self, now_ns: i64, member: usize, request: &MassQuote, reason: i8, details: &str) {
        self.counts.refused += 1;
        let stamp = self.stamp(now_ns);
        self.tell(Owner::Member(member), request.refusal(stamp, reason, details));
    }

    fn check_quotes(&self, now_ns: i64, member: usize, request: &MassQuote) -> Result<(), (i8, &'static str)> {
        let key = ProtectionKey::Group(request.group);
        if !self.protections.has(key) {
            return Err((quote_reject::INVALID_MMP_GROUP, "no such group"));
        }
        if self.protections.is_frozen(now_ns, member, key) && !request.is_reset {
            return Err((quote_reject::MMP_GROUP_FROZEN, "protection struck"));
        }
        if request.quotes.len() > QUOTES_MAX {
            return Err((quote_reject::TOO_MANY_QUOTES, "more than 15 quotes"));
        }
        let mut ids: Vec<i64> = request.quotes.iter().map(|(id, _)| *id).collect();
        if ids.iter().any(|id| self.place_of(*id).is_none()) {
            return Err((quote_reject::INVALID_INSTRUMENT, "no such instrument"));
        }
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err((quote_reject::DUPLICATE_INSTRUMENT, "an instrument twice"));
        }
        Ok(())
    }

    fn quote_side(
        &mut self,
        now_ns: i64,
        (member, request): (usize, &MassQuote),
        instrument: usize,
        side: Side,
        wanted: Wanted,
        reports: &mut Vec<(usize, Body)>,
    ) -> SideOutcome {
        let place = (member, request.group, instrument, side);
        let resting = self.quotes.get(&place).and_then(|id| self.books[instrument].order(*id)).copied();
        let Some(price) = wanted.price else {
            let status = if resting.is_some() { quote_status::UNMODIFIED } else { quote_status::INACTIVE };
            return SideOutcome::new(resting, status);
        };
        // A quote in the bump is overtaken by the next one: it trades, and does not rest.
        for incoming in self.bump.values_mut().filter(|i| {
            let order = &i.order;
            order.owner == Owner::Member(member)
                && (order.quote_group, i.instrument, order.side) == (Some(request.group), instrument, side)
        }) {
            incoming.remainder.get_or_insert(cancel_reason::BY_REQUEST);
        }
        let checked = if wanted.quantity.mantissa == 0 {
            Ok(None)
        } else {
            self.check_quantity(instrument, wanted.quantity, None)
                .and_then(|quantity| Ok(Some((quantity, self.check_price(instrument, side, Some(price))?))))
        };
        let kept = match (&checked, &resting) {
            (Ok(Some((quantity, price))), Some(order)) if order.price == *price && order.open() >= *quantity => {
                Some((*quantity, *order))
            }
            _ => None,
        };
        if let Some((quantity, order)) = kept {
            return self.keep_quote(instrument, &order, quantity);
        }
        let withdrawn = resting.and_then(|order| self.withdraw(order.order_id)).map(|(_, order)| order);
        match checked {
            Ok(Some((quantity, price))) => {
                let order = self.quote_order(member, request, side, price, quantity);
                self.place_quote(now_ns, (instrument, order), request, reports)
            }
            Ok(None) if withdrawn.is_none() => SideOutcome::new(None, quote_status::INACTIVE),
            Ok(None) => SideOutcome::new(withdrawn, quote_status::CANCELED_BY_REQUEST),
            Err((reject, _)) => {
                let status =
                    if withdrawn.is_some() { quote_status::CANCELED_BY_REQUEST } else { quote_status::INACTIVE };
                SideOutcome { order: withdrawn, status, reject, fills: vec![] }
            }
        }
    }

    /// The same price, and no larger: the place is kept.
    fn keep_quote(&mut self, instrument: usize, order: &Order, quantity: i64) -> SideOutcome {
        if quantity == order.open() {
            return SideOutcome::new(Some(*order), quote_status::UNMODIFIED);
        }
        let reduced = self.books[instrument].reduce(order.order_id, order.filled + quantity);
        if let Some(order) = &reduced {
            self.change(instrument, market::reduced(self.instruments[instrument].id, order));
        }
        SideOutcome::new(reduced, quote_status::QTY_REDUCED)
    }

    fn quote_order(&mut self, member: usize, request: &MassQuote, side: Side, price: i64, quantity: i64) -> Order {
        self.last_order_id += 1;
        Order {
            order_id: self.last_order_id,
            sort_id: 0,
            owner: Owner::Member(member),
            client_order_id: request.quote_id,
            side,
            price,
            quantity,
            filled: 0,
            self_match_id: request.self_match_id,
            // The venue wants cancel-on-disconnect of whoever quotes.
            cancel_on_disconnect: true,
            is_protected: true,
            quote_group: Some(request.group),
        }
    }

    fn place_quote(
        &mut self,
        now_ns: i64,
        (instrument, order): (usize, Order),
        request: &MassQuote,
        reports: &mut Vec<(usize, Body)>,
    ) -> SideOutcome {
        let asked = Asked {
            client_order_id: request.quote_id,
            correlation_id: request.correlation_id,
            instrument_id: self.instruments[instrument].id,
            receive_ns: now_ns,
        };
        let incoming = Incoming {
            instrument,
            order,
            mode: SelfTrade::CancelTaker,
            post: None,
            is_all_or_nothing: false,
            remainder: None,
            is_market_limit: false,
            asked,
        };
        let executed = self.queue_or_execute(now_ns, incoming);
        reports.extend(executed.reports);
        let Outcome { order, status, fills, .. } = executed.outcome;
        let status = match status {
            order_status::ACTIVE => quote_status::UPDATED,
            order_status::FILLED => quote_status::FILLED,
            order_status::QUEUED => quote_status::SPEED_BUMPED,
            _ => quote_status::CANCELED_BY_SELF_MATCH,
        };
        SideOutcome { order: Some(order), status, reject: 0, fills }
    }

    fn answer(&self, stamp: Stamp, request: &MassQuote, sides: &[(usize, SideOutcome)]) -> Body {
        use at::{mass_quote_response as f, mass_quote_response_quotes as q};
        let mut quotes = vec![];
        let mut fills = [vec![], vec![]];
        for pair in sides.chunks_exact(2) {
            let [(instrument, bid), (_, ask)] = pair else { continue };
            let terms = self.terms(*instrument);
            let decimal = |mantissa| Decimal { mantissa, exponent: terms.exponent };
            let id = |side: &SideOutcome| side.order.map_or(NULL, |order| order.order_id);
            let price = |side: &SideOutcome| side.order.map_or(NULL, |order| order.price);
            let open = |side: &SideOutcome| decimal(side.order.map_or(0, |order| order.open()));
            let filled = |side: &SideOutcome| decimal(side.fills.iter().map(|fill| fill.quantity).sum());
            quotes.push(
                Body::new(&q::LAYOUT)
                    .i64(q::INSTRUMENT_ID, terms.instrument_id)
                    .i64(q::BID_ORDER_ID, id(bid))
                    .i64(q::ASK_ORDER_ID, id(ask))
                    .i64(q::BID_PRICE, price(bid))
                    .i64(q::ASK_PRICE, price(ask))
                    .decimal(q::BID_QTY, open(bid))
                    .decimal(q::ASK_QTY, open(ask))
                    .decimal(q::BID_FILLED_QTY, filled(bid))
                    .decimal(q::ASK_FILLED_QTY, filled(ask))
                    .i8(q::BID_STATUS, bid.status)
                    .i8(q::ASK_STATUS, ask.status)
                    .i8(q::BID_REJECT_REASON, bid.reject)
                    .i8(q::ASK_REJECT_REASON, ask.reject),
            );
            for (list, side) in fills.iter_mut().zip([bid, ask]) {
                list.extend(side.fills.iter().map(|fill| fill_entry(terms, fill)));
            }
        }
        Body::new(&f::LAYOUT)
            .i64(f::TIMESTAMP, stamp.now_ns)
            .i64(f::EXEC_ID, stamp.exec_id)
            .i64(f::QUOTE_ID, request.quote_id)
            .i64(f::CORRELATION_ID, request.correlation_id)
            .i64(f::MMP_GROUP_ID, request.group)
            .i64(f::RECEIVE_TIME, stamp.now_ns)
            .group(&q::LAYOUT, &quotes)
            .group(&at::mass_quote_response_bid_fills::LAYOUT, &fills[0])
            .group(&at::mass_quote_response_ask_fills::LAYOUT, &fills[1])
            .group(&at::mass_quote_response_legs::LAYOUT, &[])
    }
}

fn fill_entry(terms: Terms, fill: &Fill) -> Body {
    use at::mass_quote_response_bid_fills as f;
    Body::new(&f::LAYOUT)
        .i64(f::MATCH_ID, fill.match_id)
        .i64(f::INSTRUMENT_ID, terms.instrument_id)
        .i64(f::FILL_PRICE, fill.price)
        .decimal(f::FILL_QTY, Decimal { mantissa: fill.quantity, exponent: terms.exponent })
}

/// What came of a quote after its speed bump.
pub(super) fn placed(stamp: Stamp, group: i64, terms: Terms, outcome: &Outcome) -> Body {
    use at::{
        mass_quote_orders_placed as f, mass_quote_orders_placed_fills as l, mass_quote_orders_placed_orders as o,
    };
    let (order, decimal) = (&outcome.order, |mantissa| Decimal { mantissa, exponent: terms.exponent });
    let visible = if outcome.status == order_status::ACTIVE { order.open() } else { 0 };
    let entry = Body::new(&o::LAYOUT)
        .i64(o::CLIENT_ORDER_ID, order.client_order_id)
        .i64(o::ORDER_ID, order.order_id)
        .i64(o::INSTRUMENT_ID, terms.instrument_id)
        .i64(o::PRICE, order.price)
        .decimal(o::QUANTITY, decimal(order.quantity))
        .decimal(o::TOTAL_FILLED, decimal(order.filled))
        .decimal(o::VISIBLE_QTY, decimal(visible))
        .i8(o::SIDE, order.side.sign())
        .i8(o::STATUS, outcome.status)
        .i8(o::CANCEL_REASON, outcome.cancel_reason);
    let fill = |fill: &Fill| {
        Body::new(&l::LAYOUT)
            .i64(l::MATCH_ID, fill.match_id)
            .i64(l::ORDER_ID, order.order_id)
            .i64(l::FILL_PRICE, fill.price)
            .decimal(l::FILL_QTY, decimal(fill.quantity))
    };
    let fills: Vec<Body> = outcome.fills.iter().map(fill).collect();
    Body::new(&f::LAYOUT)
        .i64(f::TIMESTAMP, stamp.now_ns)
        .i64(f::EXEC_ID, stamp.exec_id)
        .i64(f::MMP_GROUP_ID, group)
        .group(&o::LAYOUT, &[entry])
        .group(&l::LAYOUT, &fills)
        .group(&at::mass_quote_orders_placed_legs::LAYOUT, &[])
}
