//! Cancels: one order, many, those of a lost connection; and halts. None of them waits for the speed bump.

use super::{
    Body, ENTRIES_MAX, Exchange, Instrument, Order, Owner, Refused, Side, Stamp, cancel_reason, market, reports,
};
use crate::venue::codes::{cancel_reject, mass_cancel_reject, product};
use crate::venue::instrument::Kind;
use crate::venue::reports::Asked;
use crate::venue::request::{Cancel, CancelKey, MassCancel};

impl Exchange {
    /// A member's cancel of one order.
    pub fn cancel(&mut self, now_ns: i64, member: usize, request: &Cancel) {
        let asked = |client_order_id| Asked {
            client_order_id,
            correlation_id: request.correlation_id,
            instrument_id: request.instrument_id,
            receive_ns: now_ns,
        };
        let (client_order_id, order_id) = match request.key {
            CancelKey::ClientOrderId(id) => (id, self.live.get(&(member, id)).copied()),
            CancelKey::OrderId(id) => (0, self.own_order_id(member, id)),
        };
        let Some(order_id) = order_id else {
            let refusal = (cancel_reject::UNKNOWN_ORDER, "no such order");
            let order_id = if let CancelKey::OrderId(id) = request.key { Some(id) } else { None };
            return self.refuse(now_ns, member, Refused::Cancel, &asked(client_order_id), order_id, refusal);
        };
        if let Some(incoming) = self.bump.values_mut().find(|incoming| incoming.order.order_id == order_id) {
            incoming.remainder.get_or_insert(cancel_reason::BY_REQUEST);
            let refusal = (cancel_reject::SPEED_BUMP_CONVERTED_TO_IOC, "waits for the speed bump; will not rest");
            let client_order_id = incoming.order.client_order_id;
            return self.refuse(now_ns, member, Refused::Cancel, &asked(client_order_id), Some(order_id), refusal);
        }
        if self.place_of(request.instrument_id) != self.homes.get(&order_id).copied() {
            let refusal = (cancel_reject::INVALID_INSTRUMENT, "the order is of another instrument");
            return self.refuse(now_ns, member, Refused::Cancel, &asked(client_order_id), Some(order_id), refusal);
        }
        let Some((instrument, order)) = self.withdraw(order_id) else { return };
        let (stamp, terms) = (self.stamp(now_ns), self.terms(instrument));
        let body = reports::cancelled(stamp, terms, &asked(order.client_order_id), &order);
        self.tell(Owner::Member(member), body);
    }

    /// An order of the member, resting or waiting, by the venue's number.
    fn own_order_id(&self, member: usize, order_id: i64) -> Option<i64> {
        let waits =
            || self.bump.values().any(|i| i.order.order_id == order_id && i.order.owner == Owner::Member(member));
        (self.owned.contains(&(member, order_id)) || waits()).then_some(order_id)
    }

    /// Takes a resting order out of its book, and says so on the feed.
    pub(super) fn withdraw(&mut self, order_id: i64) -> Option<(usize, Order)> {
        let instrument = *self.homes.get(&order_id)?;
        let order = self.books[instrument].remove(order_id)?;
        self.forget(&order);
        self.counts.cancels += u64::from(order.owner != Owner::Public);
        self.change(instrument, market::deleted(self.instruments[instrument].id, &order));
        Some((instrument, order))
    }

    /// Cancels an order of the public. Returns whether it rested.
    pub fn public_cancel(&mut self, order_id: i64) -> bool {
        let is_public = self
            .homes
            .get(&order_id)
            .and_then(|instrument| self.books[*instrument].order(order_id))
            .is_some_and(|order| order.owner == Owner::Public);
        is_public && self.withdraw(order_id).is_some()
    }

    /// Cancels a member's orders that are meant, and tells it; those in the bump will not rest. Returns how many
    /// were cancelled.
    pub(super) fn withdraw_all(
        &mut self,
        now_ns: i64,
        member: usize,
        reason: i8,
        is_meant: impl Fn(&Instrument, &Order) -> bool,
    ) -> usize {
        let instruments = &self.instruments;
        for incoming in self.bump.values_mut().filter(|incoming| incoming.order.owner == Owner::Member(member)) {
            if is_meant(&instruments[incoming.instrument], &incoming.order) {
                incoming.remainder.get_or_insert(reason);
            }
        }
        let meant: Vec<i64> = self
            .open_orders(member)
            .filter(|(instrument, order)| is_meant(&self.instruments[*instrument], order))
            .map(|(_, order)| order.order_id)
            .collect();
        let mut entries = vec![];
        for order_id in meant {
            if let Some((instrument, order)) = self.withdraw(order_id) {
                entries.push(reports::cancelled_entry(self.terms(instrument), &order, reason));
            }
        }
        let stamp = self.stamp(now_ns);
        self.tell_cancelled(member, stamp, &entries);
        entries.len()
    }

    fn tell_cancelled(&mut self, member: usize, stamp: Stamp, entries: &[Body]) {
        let parts = entries.len().div_ceil(ENTRIES_MAX);
        for (place, part) in entries.chunks(ENTRIES_MAX).enumerate() {
            let body = reports::orders_cancelled(stamp, place + 1 == parts, part);
            self.tell(Owner::Member(member), body);
        }
    }

    /// A member's mass cancel: what was cancelled, then how much it was.
    pub fn mass_cancel(&mut self, now_ns: i64, member: usize, request: &MassCancel) {
        let is_known_pair = matches!(request.currency_pair_id, 0 | i64::MIN)
            || self.indexes.iter().any(|index| index.id == request.currency_pair_id);
        let is_known_instrument = request.instrument_id.is_none_or(|id| self.place_of(id).is_some());
        let is_known_product = (product::ALL..=product::SPOT).contains(&request.product);
        if !(is_known_pair && is_known_instrument && is_known_product && (-1..=1).contains(&request.side)) {
            self.counts.refused += 1;
            let stamp = self.stamp(now_ns);
            let (reason, details) = (mass_cancel_reject::ERROR, "no such pair, instrument, product or side");
            let body = reports::mass_cancel_refused(stamp, request.correlation_id, reason, details);
            return self.tell(Owner::Member(member), body);
        }
        let pairs: Vec<i64> = self.indexes.iter().map(|index| index.id).collect();
        let count = self.withdraw_all(now_ns, member, cancel_reason::BY_REQUEST, |instrument, order| {
            (matches!(request.currency_pair_id, 0 | i64::MIN) || pairs[instrument.index] == request.currency_pair_id)
                && request.instrument_id.is_none_or(|id| id == instrument.id)
                && is_product(request.product, instrument)
                && (request.side == 0 || request.side == order.side.sign())
        });
        let stamp = self.stamp(now_ns);
        let body = reports::mass_cancelled(stamp, request.correlation_id, now_ns, count);
        self.tell(Owner::Member(member), body);
    }

    /// A member's cancel of the quotes of a group.
    pub fn quote_cancel(&mut self, now_ns: i64, member: usize, correlation_id: i64, group: i64, side: i8) {
        let is_side = |order_side: Side| side == 0 || side == order_side.sign();
        let stamp = self.stamp(now_ns);
        if !self.protections.has(super::ProtectionKey::Group(group)) || !(-1..=1).contains(&side) {
            self.counts.refused += 1;
            let (reason, details) = (mass_cancel_reject::INVALID_MMP_GROUP, "no such group or side");
            let body = reports::mass_cancel_refused(stamp, correlation_id, reason, details);
            return self.tell(Owner::Member(member), body);
        }
        let count = self.withdraw_all(now_ns, member, cancel_reason::BY_REQUEST, |_, order| {
            order.quote_group == Some(group) && is_side(order.side)
        });
        let body = reports::mass_cancelled(stamp, correlation_id, now_ns, count);
        self.tell(Owner::Member(member), body);
    }

    /// Cancels what goes with a lost connection: everything if the session asked for that, else marked orders.
    pub fn disconnected(&mut self, now_ns: i64, member: usize, is_for_all: bool) -> usize {
        self.withdraw_all(now_ns, member, cancel_reason::CLIENT_DISCONNECT, |_, order| {
            is_for_all || order.cancel_on_disconnect
        })
    }

    /// Opens or halts an instrument. What rests stays.
    pub fn set_status(&mut self, instrument: usize, status: i8) {
        self.instruments[instrument].status = status;
        self.change(instrument, market::status(&self.instruments[instrument]));
    }
}

fn is_product(wanted: i8, instrument: &Instrument) -> bool {
    match wanted {
        product::ALL => true,
        product::OPTIONS => matches!(instrument.kind, Kind::Option { .. }),
        product::FUTURES => matches!(instrument.kind, Kind::Perpetual | Kind::DatedFuture { .. }),
        // No combination and no spot instrument is listed.
        _ => false,
    }
}
