//! What each report of the venue does to the order that it is of.

use hedgewire_abi::format::POSITION_MAX;

use super::super::field::{Decimal72, FillFlags, Wire};
use super::super::layout::{Group, View};
use super::super::order::{Cause, Order, OrderFault, Stage};
use super::super::table::{
    CancelOrderReject, CanceledOrder, ImmediateFill, MassQuoteOrdersPlaced, MassQuoteResponse, Message, NewOrderReject,
    OrderFilled, QuoteFill, RestingFill,
};
use super::super::tally::Mark;
use super::super::value::HedgeTerms;
use super::super::values::{CancelOrderRejectReason, CancelReason, OrderRejectReason, OrderStatus, Side as WireSide};
use super::{DENIALS, Oms, OmsEvent, OwnFill, wire_side};

/// What the answers to a new order, an amendment and the speed bump have in common.
struct Answer<'a> {
    template: u16,
    client_order_id: i64,
    order_id: i64,
    instrument_id: i64,
    quantity: Decimal72,
    total_filled: Decimal72,
    status: OrderStatus,
    cancel_reason: CancelReason,
    fills: Group<'a, ImmediateFill>,
    side: Option<WireSide>,
    /// Correlation of the request that it answers.
    correlation_id: i64,
}

macro_rules! answer {
    ($message:ident, $response:ident, $side:expr) => {
        Answer {
            template: $message.template(),
            client_order_id: $response.client_order_id,
            order_id: $response.order_id,
            instrument_id: $response.instrument_id,
            quantity: $response.quantity,
            total_filled: $response.total_filled,
            status: $response.status,
            cancel_reason: $response.cancel_reason,
            fills: $response.fills(),
            side: $side,
            correlation_id: $response.correlation_id,
        }
    };
}

/// A quantity of an order, contracts, as far as the ledger can hold it.
fn contracts(terms: &HedgeTerms, quantity: Decimal72) -> Result<i64, OrderFault> {
    let contracts = terms.contracts_of(quantity).filter(|contracts| (0..=POSITION_MAX).contains(contracts));
    contracts.ok_or(OrderFault::Quantity)
}

impl Oms {
    /// Takes a report.
    pub fn on_report(&mut self, message: &Message<'_>, sink: &mut impl FnMut(OmsEvent)) {
        match message {
            Message::NewOrderResponse(r) => self.on_answer(answer!(message, r, Some(r.side)), sink),
            Message::AmendOrderResponse(r) => {
                if let Some(order) = self.order_mut(r.client_order_id).filter(|order| !order.is_done()) {
                    order.price = r.price;
                }
                self.on_answer(answer!(message, r, None), sink);
            }
            Message::OrderPlaced(r) => self.on_answer(answer!(message, r, None), sink),
            Message::OrderFilled(filled) => self.on_filled(filled, sink),
            Message::OrdersCanceled(canceled) => {
                canceled.orders().for_each(|entry| self.on_canceled(&entry, sink));
            }
            Message::NewOrderReject(reject) => self.on_new_reject(reject, sink),
            Message::AmendOrderReject(reject) => {
                let is_denied = reject.reason == OrderRejectReason::OrderNotFound;
                self.on_change_reject(reject.client_order_id, reject.correlation_id, is_denied);
                let (client_order_id, reason) = (reject.client_order_id, reject.reason);
                sink(OmsEvent::AmendRejected { client_order_id, reason });
            }
            Message::CancelOrderResponse(response) => {
                let known = self.with_order(
                    response.client_order_id,
                    |order, _| {
                        answered(order, response.correlation_id);
                        // Without every report before it, how much filled before the cancel is not known.
                        if order.is_lossy {
                            order.is_unknown = true;
                        } else {
                            order.finish(Cause::Cancelled(CancelReason::ByRequest));
                        }
                        Ok(())
                    },
                    sink,
                );
                self.expect_known(known, message.template(), response.client_order_id, response.instrument_id, sink);
            }
            Message::CancelOrderReject(reject) => self.on_cancel_reject(reject, sink),
            Message::MassCancelResponse(r) => sink(OmsEvent::MassCancelled { orders: r.total_order_count }),
            Message::MassCancelReject(r) => sink(OmsEvent::MassCancelRejected { reason: r.reason }),
            Message::MassQuoteResponse(response) => own_quote_fills(response, sink),
            Message::MassQuoteOrdersPlaced(placed) => own_placed_fills(placed, sink),
            Message::Reject(reject) => self.on_session_reject(reject.ref_sequence_number, reject.reason, sink),
            Message::Unknown { template } => sink(OmsEvent::UnknownReport { template: *template }),
            other => self.protection.on_report(other),
        }
    }

    /// Changes an order; whether there is one. Faults are told.
    fn with_order(
        &mut self,
        client_order_id: i64,
        change: impl FnOnce(&mut Order, &HedgeTerms) -> Result<(), OrderFault>,
        sink: &mut impl FnMut(OmsEvent),
    ) -> bool {
        let place = self.place_of(client_order_id);
        let order = self.places[place].as_mut().filter(|order| order.client_order_id == client_order_id);
        let Some(order) = order else { return false };
        let Some((terms, tally)) = self.terms.get(order.terms_index).zip(self.tallies.get_mut(order.terms_index))
        else {
            return false;
        };
        let before = Mark::of(order);
        order.is_heard = true;
        if let Err(fault) = change(order, terms) {
            tally.faults += u64::from(fault != OrderFault::Revived);
            sink(OmsEvent::Fault { client_order_id, fault });
        }
        tally.note(before, order);
        self.touch(client_order_id);
        true
    }

    fn expect_known(
        &self,
        is_known: bool,
        template: u16,
        client_order_id: i64,
        instrument_id: i64,
        sink: &mut impl FnMut(OmsEvent),
    ) {
        if !is_known {
            sink(OmsEvent::Unmatched { template, client_order_id, instrument_id });
        }
    }

    fn on_answer(&mut self, answer: Answer<'_>, sink: &mut impl FnMut(OmsEvent)) {
        let is_certain = self.is_caught_up;
        let (template, id, instrument_id) = (answer.template, answer.client_order_id, answer.instrument_id);
        let known = self.with_order(
            id,
            |order, terms| {
                answered(order, answer.correlation_id);
                order.order_id = answer.order_id;
                order.denials = 0;
                let matches = instrument_id == terms.instrument_id
                    && answer.side.is_none_or(|side| side == wire_side(order.side))
                    && contracts(terms, answer.quantity) == Ok(order.quantity);
                let booked = book_answer(order, terms, &answer);
                let staged = stage_answer(order, &answer, is_certain);
                booked.and(staged).and(if matches { Ok(()) } else { Err(OrderFault::Mismatch) })
            },
            sink,
        );
        self.expect_known(known, template, id, instrument_id, sink);
    }

    fn on_filled(&mut self, filled: &View<'_, OrderFilled>, sink: &mut impl FnMut(OmsEvent)) {
        let is_certain = self.is_caught_up;
        for entry in filled.fills() {
            let known = !entry.flags.contains(FillFlags::IS_QUOTE)
                && self.with_order(
                    entry.client_order_id,
                    |order, terms| {
                        let alive = order.live(Stage::Open, is_certain);
                        let total = contracts(terms, entry.total_filled)?;
                        let filled = match contracts(terms, entry.fill_qty) {
                            Ok(fill) => order.fill(terms, total, fill, entry.price, false),
                            Err(fault) => order.fill_to(total).and(Err(fault)),
                        };
                        let is_ours = entry.instrument_id == terms.instrument_id && entry.side == wire_side(order.side);
                        filled.and(alive).and(if is_ours { Ok(()) } else { Err(OrderFault::Mismatch) })
                    },
                    sink,
                );
            if !known {
                self.not_ours(&entry, sink);
            }
        }
    }

    /// A fill of no hedge: of a quote of the desk, or of an instrument that hedges are in.
    fn not_ours(&self, entry: &RestingFill, sink: &mut impl FnMut(OmsEvent)) {
        let is_quote = entry.flags.contains(FillFlags::IS_QUOTE);
        if !is_quote && self.terms.iter().any(|terms| terms.instrument_id == entry.instrument_id) {
            let (client_order_id, instrument_id) = (entry.client_order_id, entry.instrument_id);
            sink(OmsEvent::Unmatched { template: 300, client_order_id, instrument_id });
        }
        sink(OmsEvent::OwnFill(OwnFill {
            instrument_id: entry.instrument_id,
            order_id: entry.order_id,
            match_id: entry.match_id,
            side: entry.side,
            price: entry.price,
            quantity: entry.fill_qty,
        }));
    }

    fn on_canceled(&mut self, entry: &CanceledOrder, sink: &mut impl FnMut(OmsEvent)) {
        // What is not in the table is a quote or an order of another life: nothing of it can fill any more.
        self.with_order(
            entry.client_order_id,
            |order, terms| {
                let filled = contracts(terms, entry.total_filled).and_then(|total| order.fill_to(total));
                order.finish(Cause::Cancelled(entry.cancel_reason));
                filled
            },
            sink,
        );
    }

    fn on_new_reject(&mut self, reject: &View<'_, NewOrderReject>, sink: &mut impl FnMut(OmsEvent)) {
        let known = self.with_order(
            reject.client_order_id,
            |order, _| match order.stage {
                Stage::Sent => {
                    order.finish(Cause::Rejected(reject.reason));
                    Ok(())
                }
                Stage::Done(Cause::Rejected(_)) => Ok(()),
                _ => Err(OrderFault::Mismatch),
            },
            sink,
        );
        self.expect_known(known, 202, reject.client_order_id, reject.instrument_id, sink);
    }

    /// A request to change an order was refused: it is as before, but if the venue does not know it.
    fn on_change_reject(&mut self, client_order_id: i64, correlation_id: i64, is_denied: bool) {
        let terms_index = self.order(client_order_id).map(|order| order.terms_index);
        if let Some(tally) = terms_index.and_then(|terms_index| self.tally_mut(terms_index)) {
            tally.requests_rejected += 1;
        }
        let Some(order) = self.order_mut(client_order_id).filter(|order| !order.is_done()) else { return };
        let (asked, before) = (order.asked, Mark::of(order));
        if !answered(order, correlation_id) {
            return;
        }
        if is_denied {
            order.denials = order.denials.saturating_add(1);
            order.is_unknown = true;
            // Not asked again before the time for an answer is over.
            order.asked = asked;
            if order.denials >= DENIALS && !order.is_lossy {
                order.finish(Cause::Presumed);
            }
        }
        let order = *order;
        if let Some(tally) = self.tally_mut(order.terms_index) {
            tally.note(before, &order);
        }
        self.touch(client_order_id);
    }

    fn on_cancel_reject(&mut self, reject: &View<'_, CancelOrderReject>, sink: &mut impl FnMut(OmsEvent)) {
        let (client_order_id, reason) = (reject.client_order_id, reject.reason);
        let is_denied = reason == CancelOrderRejectReason::UnknownOrder;
        self.on_change_reject(client_order_id, reject.correlation_id, is_denied);
        sink(OmsEvent::CancelRejected { client_order_id, reason });
    }

    fn on_session_reject(
        &mut self,
        seq: i64,
        reason: super::super::values::RejectReason,
        sink: &mut impl FnMut(OmsEvent),
    ) {
        let asked = self.live().find(|order| order.asked.is_some_and(|(_, asked)| asked == seq));
        let Some(order) = asked.copied() else {
            sink(OmsEvent::RequestRejected { seq });
            return;
        };
        if order.stage == Stage::Sent && order.amending.is_none() && !order.is_cancelling {
            let id = order.client_order_id;
            self.with_order(
                id,
                |order, _| {
                    order.finish(Cause::NotUnderstood(reason));
                    Ok(())
                },
                sink,
            );
        } else {
            self.on_change_reject(order.client_order_id, order.correlation_id, false);
        }
    }
}

/// Takes note of an answer; whether it is the one that was waited for.
fn answered(order: &mut Order, correlation_id: i64) -> bool {
    if correlation_id != order.correlation_id {
        return false;
    }
    order.correlation_id = i64::NULL;
    (order.asked, order.amending, order.is_cancelling) = (None, None, false);
    true
}

/// Fills of an answer: together they end at its total.
fn book_answer(order: &mut Order, terms: &HedgeTerms, answer: &Answer<'_>) -> Result<(), OrderFault> {
    let total = contracts(terms, answer.total_filled)?;
    let sizes = answer.fills.map(|fill| contracts(terms, fill.fill_qty));
    let Ok(sum) = sizes.sum::<Result<i64, _>>() else { return order.fill_to(total).and(Err(OrderFault::Quantity)) };
    let Some(mut end) = total.checked_sub(sum).filter(|start| *start >= 0) else {
        return order.fill_to(total).and(Err(OrderFault::FillTotal));
    };
    let mut booked = Ok(());
    for fill in answer.fills {
        let size = contracts(terms, fill.fill_qty)?;
        end += size;
        booked = booked.and(order.fill(terms, end, size, fill.fill_price, true));
    }
    booked.and(order.fill_to(total))
}

/// Where an answer says the order is.
fn stage_answer(order: &mut Order, answer: &Answer<'_>, is_certain: bool) -> Result<(), OrderFault> {
    match answer.status {
        OrderStatus::Active => order.live(Stage::Open, is_certain),
        OrderStatus::Queued => order.live(Stage::Queued, is_certain),
        OrderStatus::Filled => {
            let is_whole = order.filled() >= order.quantity;
            order.finish(Cause::Filled);
            if is_whole { Ok(()) } else { Err(OrderFault::FillTotal) }
        }
        OrderStatus::Canceled => {
            order.finish(Cause::Cancelled(answer.cancel_reason));
            Ok(())
        }
        OrderStatus::Unknown(_) => {
            order.doubt();
            Err(OrderFault::Mismatch)
        }
    }
}

fn own_quote_fills(response: &View<'_, MassQuoteResponse>, sink: &mut impl FnMut(OmsEvent)) {
    let mut tell = |fill: QuoteFill, side| {
        sink(OmsEvent::OwnFill(OwnFill {
            instrument_id: fill.instrument_id,
            order_id: i64::NULL,
            match_id: fill.match_id,
            side,
            price: fill.fill_price,
            quantity: fill.fill_qty,
        }));
    };
    response.bid_fills().for_each(|fill| tell(fill, WireSide::Buy));
    response.ask_fills().for_each(|fill| tell(fill, WireSide::Sell));
}

fn own_placed_fills(placed: &View<'_, MassQuoteOrdersPlaced>, sink: &mut impl FnMut(OmsEvent)) {
    for fill in placed.fills() {
        let order = placed.orders().find(|order| order.order_id == fill.order_id);
        sink(OmsEvent::OwnFill(OwnFill {
            instrument_id: order.map_or(i64::NULL, |order| order.instrument_id),
            order_id: fill.order_id,
            match_id: fill.match_id,
            side: order.map_or(WireSide::NULL, |order| order.side),
            price: fill.fill_price,
            quantity: fill.fill_qty,
        }));
    }
}
