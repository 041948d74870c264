//! Orders of earlier lives: what their reports, sent again, add to the positions that were remembered.
//!
//! ```text
//!   image: orders that may fill ─┐
//!   reports sent again ──────────┴─► fills beyond what was remembered ──► position, coin
//! ```
//!
//! The engine that sent these orders is gone; the venue cancels them with its connection, and a mass cancel makes sure.
//! All that matters is what they filled. Reports carry totals, so that what was booked before counts once.
//!
//! Invariant: after the last report the remembered position plus what came out of here is the venue's.

use std::collections::BTreeMap;

use super::image::Remembered;
use crate::deribit::starbase::orders::order::Order;
use crate::deribit::starbase::orders::value::{HedgeTerms, Side, Worth};
use crate::deribit::starbase::orders::{Decimal72, FillFlags, Group, ImmediateFill, Message, Price9, Side as WireSide};

/// Something filled, or an order was heard of that nobody remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Number of the order.
    pub client_order_id: i64,
    /// Its limit.
    pub price: Price9,
    /// Contracts of it that are filled now, in total: what is to be remembered, so that they count once whatever happens.
    pub filled: i64,
    /// Whether it buys.
    pub is_buy: bool,
    /// Index of the terms.
    pub terms_index: usize,
    /// Contracts, positive bought.
    pub contracts: i64,
    /// What that is worth.
    pub worth: Worth,
}

/// Orders of earlier lives.
#[derive(Debug)]
pub struct Recovery {
    terms: Vec<HedgeTerms>,
    orders: BTreeMap<i64, Order>,
}

/// One order's state in a report.
struct Said {
    client_order_id: i64,
    instrument_id: i64,
    side: Option<WireSide>,
    is_taker: bool,
}

impl Recovery {
    /// Orders as they were remembered; `terms_of` tells the index of an underlying's terms.
    pub fn new(
        terms: Vec<HedgeTerms>,
        remembered: &BTreeMap<i64, Remembered>,
        terms_of: impl Fn(u8) -> Option<usize>,
    ) -> Self {
        let order = |(&id, remembered): (&i64, &Remembered)| {
            let terms_index = terms_of(remembered.underlying)?;
            let side = if remembered.quantity > 0 { Side::Buy } else { Side::Sell };
            let mut order = Order::new(id, terms_index, (0, 0), side, remembered.quantity.saturating_abs());
            order.price = Price9(remembered.price);
            // Booked before; the value of it is in the image.
            let _ = order.fill_to(remembered.filled);
            Some((id, order))
        };
        let orders = remembered.iter().filter_map(order).collect();
        Self { terms, orders }
    }

    /// The numbers of all orders.
    pub fn orders(&self) -> impl Iterator<Item = i64> + '_ {
        self.orders.keys().copied()
    }

    /// Takes a report; `sink` gets what it adds.
    pub fn on_report(&mut self, message: &Message<'_>, sink: &mut impl FnMut(Found)) {
        match message {
            Message::NewOrderResponse(r) => {
                let said = said(r.client_order_id, r.instrument_id, Some(r.side));
                self.take_fills(&said, r.total_filled, r.fills(), sink);
            }
            Message::AmendOrderResponse(r) => {
                let said = said(r.client_order_id, r.instrument_id, None);
                self.take_fills(&said, r.total_filled, r.fills(), sink);
            }
            Message::OrderPlaced(r) => {
                let said = said(r.client_order_id, r.instrument_id, None);
                self.take_fills(&said, r.total_filled, r.fills(), sink);
            }
            Message::OrderFilled(filled) => {
                let hedges = filled.fills().filter(|fill| !fill.flags.contains(FillFlags::IS_QUOTE));
                for fill in hedges {
                    let said = said(fill.client_order_id, fill.instrument_id, Some(fill.side));
                    self.take(&Said { is_taker: false, ..said }, fill.total_filled, Some(fill.price), sink);
                }
            }
            Message::OrdersCanceled(canceled) => {
                for entry in canceled.orders() {
                    let said = said(entry.client_order_id, entry.instrument_id, None);
                    self.take(&said, entry.total_filled, None, sink);
                }
            }
            _ => {}
        }
    }

    /// Takes the fills of an answer, which end at its total; each at its own price.
    fn take_fills(
        &mut self,
        said: &Said,
        total: Decimal72,
        fills: Group<'_, ImmediateFill>,
        sink: &mut impl FnMut(Found),
    ) {
        let unit = self.terms.iter().find(|terms| terms.instrument_id == said.instrument_id);
        let Some(terms) = unit.copied() else { return };
        let sizes: i64 = fills.filter_map(|fill| terms.contracts_of(fill.fill_qty)).sum();
        let mut end = terms.contracts_of(total).unwrap_or(0).saturating_sub(sizes);
        for fill in fills {
            end += terms.contracts_of(fill.fill_qty).unwrap_or(0);
            if let Some(total) = terms.quantity_of(end) {
                self.take(said, total, Some(fill.fill_price), sink);
            }
        }
        self.take(said, total, None, sink);
    }

    fn take(&mut self, said: &Said, total: Decimal72, price: Option<Price9>, sink: &mut impl FnMut(Found)) {
        let Some(terms_index) = self.terms.iter().position(|terms| terms.instrument_id == said.instrument_id) else {
            return;
        };
        let terms = &self.terms[terms_index];
        let Some(total) = terms.contracts_of(total).filter(|total| *total >= 0) else { return };
        let is_new = !self.orders.contains_key(&said.client_order_id);
        if let (Some(side), true) = (said.side.and_then(side_of), is_new) {
            let order = Order::new(said.client_order_id, terms_index, (0, 0), side, i64::MAX);
            self.orders.insert(said.client_order_id, order);
        }
        let Some(order) = self.orders.get_mut(&said.client_order_id) else { return };
        let more = (total - order.filled()).max(0);
        if more == 0 && !is_new {
            return;
        }
        let _ = order.fill_to(total);
        let price = price.unwrap_or(order.price);
        // The price at the decision is gone with the engine that decided: what it cost beside the fee is not known.
        let arrival = terms.units_of(price.0).unwrap_or(0);
        let worth = terms.worth(order.side, more, price, arrival, said.is_taker).unwrap_or_default();
        let is_buy = order.side == Side::Buy;
        sink(Found {
            client_order_id: said.client_order_id,
            price: order.price,
            filled: order.filled(),
            is_buy,
            terms_index,
            contracts: if is_buy { more } else { -more },
            worth,
        });
    }
}

fn said(client_order_id: i64, instrument_id: i64, side: Option<WireSide>) -> Said {
    Said { client_order_id, instrument_id, side, is_taker: true }
}

fn side_of(side: WireSide) -> Option<Side> {
    match side {
        WireSide::Buy => Some(Side::Buy),
        WireSide::Sell => Some(Side::Sell),
        _ => None,
    }
}
