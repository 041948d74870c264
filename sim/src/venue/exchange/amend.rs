//! Changes of orders: a smaller quantity keeps its place, anything else is a new arrival.

use super::check::post;
use super::{
    Amend, Asked, Exchange, Incoming, Order, Outcome, Refusal, Refused, SelfTrade, cancel_reason, market, order_reject,
    order_status, reports,
};

impl Exchange {
    /// A member's change of an order.
    pub fn amend(&mut self, now_ns: i64, member: usize, request: &Amend) {
        let asked = Asked {
            client_order_id: request.client_order_id,
            correlation_id: request.correlation_id,
            instrument_id: request.instrument_id,
            receive_ns: now_ns,
        };
        let order_id = self.live.get(&(member, request.client_order_id)).copied();
        match self.try_amend(now_ns, member, request, asked) {
            Ok(()) => self.counts.amends += 1,
            Err(refusal) => self.refuse(now_ns, member, Refused::Amend, &asked, order_id, refusal),
        }
    }

    fn try_amend(&mut self, now_ns: i64, member: usize, request: &Amend, asked: Asked) -> Result<(), Refusal> {
        let not_found = (order_reject::ORDER_NOT_FOUND, "no such order");
        let order_id = *self.live.get(&(member, request.client_order_id)).ok_or(not_found)?;
        let instrument = *self.homes.get(&order_id).ok_or((order_reject::SPEED_BUMPED, "waits for the speed bump"))?;
        let resting = *self.books[instrument].order(order_id).ok_or(not_found)?;
        if self.place_of(request.instrument_id) != Some(instrument) {
            return Err((order_reject::INVALID_INSTRUMENT, "the order is of another instrument"));
        }
        let price = request.price.ok_or((order_reject::INVALID_PRICE, "no price"))?;
        let quantity = self.check_quantity(instrument, request.quantity, request.show)?;
        let price = self.check_price(instrument, resting.side, Some(price))?;
        if quantity <= resting.filled {
            return Err((order_reject::INVALID_QUANTITY, "that much has traded"));
        }
        let (id, terms) = (self.instruments[instrument].id, self.terms(instrument));
        if price == resting.price && quantity <= resting.quantity {
            let order = self.books[instrument].reduce(order_id, quantity).ok_or(not_found)?;
            if quantity < resting.quantity {
                self.change(instrument, market::reduced(id, &order));
            }
            let (status, cancel_reason) = (order_status::ACTIVE, cancel_reason::UNKNOWN);
            let outcome = Outcome { order, status, cancel_reason, fills: vec![] };
            let stamp = self.stamp(now_ns);
            self.tell(resting.owner, reports::amended(stamp, terms, &asked, &outcome));
            return Ok(());
        }
        let mut incoming = Incoming {
            instrument,
            order: Order { price, quantity, ..resting },
            mode: SelfTrade::CancelTaker,
            post: post(request.flags),
            is_all_or_nothing: false,
            remainder: None,
            is_market_limit: false,
            asked,
        };
        self.post(&mut incoming)?;
        self.books[instrument].remove(order_id);
        self.forget(&resting);
        let executed = self.queue_or_execute(now_ns, incoming);
        if executed.outcome.status != order_status::ACTIVE {
            self.change(instrument, market::deleted(id, &resting));
        }
        let stamp = self.stamp(now_ns);
        self.tell(resting.owner, reports::amended(stamp, terms, &asked, &executed.outcome));
        self.out.reports.extend(executed.reports);
        self.protect(now_ns);
        Ok(())
    }
}
