//! What members ask for, handed to the exchange; and how much they may ask for.

use super::book::Side;
use super::codes::{order_reject, quote_reject, reject};
use super::exchange::MassQuote;
use super::gateway::SessionEvent;
use super::layout as at;
use super::reports::{Asked, Refused};
use super::request::{Amend, Cancel, MassCancel, NewOrder, exact};
use super::wire::Decimal;
use super::{RateLimit, Venue};

impl Venue {
    /// An order that somebody else places with a member's key. The answer goes to whoever asked, and what comes of the
    /// order later to the member's session. For tests that need a certain one.
    ///
    /// # Panics
    /// If there is no such instrument.
    pub fn member_order(
        &mut self,
        now_ns: i64,
        member: usize,
        instrument: usize,
        side: Side,
        (price, quantity): (i64, i64),
        client_order_id: i64,
    ) {
        self.advance(now_ns);
        let terms = &self.exchange.instruments[instrument];
        let request = NewOrder {
            client_order_id,
            correlation_id: 0,
            instrument_id: terms.id,
            price: Some(price),
            quantity: Decimal { mantissa: quantity, exponent: terms.quantity_exponent },
            show: None,
            self_match_id: None,
            side: side.sign(),
            time_in_force: 0,
            flags: 0,
            self_trading_mode: 0,
        };
        let answer = self.exchange.out.reports.len();
        self.exchange.new_order(now_ns, member, &request);
        self.exchange.out.reports.remove(answer);
        self.flush(now_ns);
    }

    /// One side of a mass quote of a member's group; all that comes of it is told to the member's session.
    ///
    /// # Panics
    /// If there is no such instrument.
    pub fn member_quote(
        &mut self,
        now_ns: i64,
        (member, group): (usize, i64),
        instrument: usize,
        side: Side,
        price_and_quantity: (i64, i64),
    ) {
        self.advance(now_ns);
        let terms = &self.exchange.instruments[instrument];
        let quote = MassQuote::of_one_side(group, terms, side, price_and_quantity);
        self.exchange.mass_quote(now_ns, member, &quote);
        self.flush(now_ns);
    }

    pub(super) fn on_session(&mut self, now_ns: i64, event: SessionEvent) {
        match event {
            SessionEvent::Lost { member, cancels_all } => {
                self.exchange.disconnected(now_ns, member, cancels_all);
            }
            SessionEvent::Request { member, seq, template, body } => {
                let reason =
                    if is_request(template) { reject::INVALID_BLOCK_LENGTH } else { reject::INVALID_TEMPLATE_ID };
                if self.on_request(now_ns, member, template, &body).is_none() {
                    self.gateway.reject(now_ns, member, seq, reason, "not a request of this version");
                }
            }
        }
    }

    /// Handles a request; `None` if its bytes are none.
    fn on_request(&mut self, now_ns: i64, member: usize, template: u16, body: &[u8]) -> Option<()> {
        use at::{
            amend_order_request, cancel_order_by_id_request, cancel_order_request, mass_cancel_request,
            mass_quote_cancel_request, mass_quote_request, new_order_request,
        };
        if template == new_order_request::LAYOUT.template {
            let request = NewOrder::read(body)?;
            let refusal = if self.faults.rejects_order() {
                Some((order_reject::SYSTEM_ERROR, "simulated"))
            } else {
                (!self.grants(now_ns, member)).then_some((order_reject::RATE_LIMIT, "too many requests"))
            };
            match refusal {
                None => self.exchange.new_order(now_ns, member, &request),
                Some(refusal) => {
                    let asked = Asked {
                        client_order_id: request.client_order_id,
                        correlation_id: request.correlation_id,
                        instrument_id: request.instrument_id,
                        receive_ns: now_ns,
                    };
                    self.exchange.refuse(now_ns, member, Refused::New, &asked, None, refusal);
                }
            }
        } else if template == amend_order_request::LAYOUT.template {
            let request = Amend::read(body)?;
            if self.grants(now_ns, member) {
                self.exchange.amend(now_ns, member, &request);
            } else {
                let asked = Asked {
                    client_order_id: request.client_order_id,
                    correlation_id: request.correlation_id,
                    instrument_id: request.instrument_id,
                    receive_ns: now_ns,
                };
                let refusal = (order_reject::RATE_LIMIT, "too many requests");
                self.exchange.refuse(now_ns, member, Refused::Amend, &asked, None, refusal);
            }
        } else if template == cancel_order_request::LAYOUT.template {
            self.exchange.cancel(now_ns, member, &Cancel::read(body)?);
        } else if template == cancel_order_by_id_request::LAYOUT.template {
            self.exchange.cancel(now_ns, member, &Cancel::read_by_id(body)?);
        } else if template == mass_cancel_request::LAYOUT.template {
            self.exchange.mass_cancel(now_ns, member, &MassCancel::read(body)?);
        } else if template == mass_quote_request::LAYOUT.template {
            let request = MassQuote::read(body)?;
            if self.grants(now_ns, member) {
                self.exchange.mass_quote(now_ns, member, &request);
            } else {
                let reason = quote_reject::RATE_LIMIT;
                self.exchange.refuse_quotes(now_ns, member, &request, reason, "too many requests");
            }
        } else if template == mass_quote_cancel_request::LAYOUT.template {
            use mass_quote_cancel_request::{CORRELATION_ID, LAYOUT, MMP_GROUP_ID, SIDE};
            let block = exact(body, &LAYOUT)?;
            let (correlation_id, group, side) = (block.i64(CORRELATION_ID), block.i64(MMP_GROUP_ID), block.i8(SIDE));
            self.exchange.quote_cancel(now_ns, member, correlation_id, group, side);
        } else {
            return None;
        }
        Some(())
    }

    /// Takes one request of a member's allowance; false if there is none left.
    fn grants(&mut self, now_ns: i64, member: usize) -> bool {
        let Some(RateLimit { burst, refill_ns }) = self.settings.rate_limit else { return true };
        let full_ns = self.rate_full_ns[member].max(now_ns) + refill_ns;
        let is_granted = full_ns - now_ns <= refill_ns * i64::from(burst);
        if is_granted {
            self.rate_full_ns[member] = full_ns;
        }
        self.over_rate += u64::from(!is_granted);
        is_granted
    }
}

/// Whether a message of this template is a request that the venue serves.
fn is_request(template: u16) -> bool {
    [
        at::new_order_request::LAYOUT,
        at::amend_order_request::LAYOUT,
        at::cancel_order_request::LAYOUT,
        at::cancel_order_by_id_request::LAYOUT,
        at::mass_quote_request::LAYOUT,
        at::mass_cancel_request::LAYOUT,
        at::mass_quote_cancel_request::LAYOUT,
    ]
    .iter()
    .any(|layout| layout.template == template)
}
