//! Orders at the venue, report by report.

use super::peer::*;
use hedgewire_host::deribit::starbase::orders::oms::{Oms, OmsEvent, OmsOptions, RequestError, Style, Wanted};
use hedgewire_host::deribit::starbase::orders::order::{Cause, Order, OrderFault, Quantities, Stage};
use hedgewire_host::deribit::starbase::orders::protection::Protected;
use hedgewire_host::deribit::starbase::orders::rate::TokenBucket;
use hedgewire_host::deribit::starbase::orders::value::{HedgeTerms, Side, Worth};
use hedgewire_host::deribit::starbase::orders::{
    CancelReason, Decimal72, Message, OrderFlags, OrderRejectReason, Price9, Wire,
};
use hedgewire_host::instrument::Payoff;

pub const FIRST_ID: i64 = 7_000_000;
const TIMEOUT_NS: u64 = 1_000;
/// 60,000 USD, as price units of a tick of 0.5 USD and in 10^-9 USD.
pub const PRICE_UNITS: u32 = 120_000 * 256;
pub const PRICE: i64 = 60_000_000_000_000;

pub fn terms() -> HedgeTerms {
    HedgeTerms {
        instrument_id: INSTRUMENT,
        payoff: Payoff::Inverse,
        contract_nano: CONTRACT_USD * 1_000_000_000,
        contract_quantity: Decimal72 { mantissa: CONTRACT_USD, exponent: 0 },
        tick_nano: 500_000_000,
        maker_fee_nano: -100_000,
        taker_fee_nano: 500_000,
    }
}

pub fn options() -> OmsOptions {
    OmsOptions {
        first_client_order_id: FIRST_ID,
        places_log2: 4,
        response_timeout_ns: TIMEOUT_NS,
        cancel_on_disconnect: true,
        mmp: false,
        self_match_prevention_id: None,
    }
}

/// An order management that has caught up, and what it told.
pub struct Table {
    pub oms: Oms,
    pub told: Vec<OmsEvent>,
    seq: i64,
}

impl Table {
    pub fn new() -> Self {
        let mut oms = Oms::new(options(), vec![terms()]);
        oms.caught_up(true);
        Self { oms, told: vec![], seq: 0 }
    }

    pub fn gives(&mut self, report: &Report) {
        let message = Message::decode(report.0, 15, &report.1.0).expect("the peer writes well-formed messages");
        let told = &mut self.told;
        self.oms.on_report(&message, &mut |event| told.push(event));
        self.assert_sound();
    }

    pub fn assert_sound(&self) {
        let Quantities { sent, filled, cancelled, rejected, open, unknown, overfilled } = self.oms.quantities();
        assert_eq!(filled + cancelled + rejected + open + unknown, sent);
        assert!([filled, cancelled, rejected, open, unknown, overfilled].iter().all(|part| *part >= 0));
    }

    /// A sent order, as the peer knows it.
    pub fn sends(&mut self, side: Side, contracts: i64, style: Style, now_ns: u64) -> Known {
        let price = Price9(PRICE);
        let wanted = Wanted { terms_index: 0, hedge: (0, 3), side, contracts, price, style, arrival: PRICE_UNITS };
        let request = self.oms.place(&wanted).expect("there is room");
        self.seq += 1;
        self.oms.sent(request.client_order_id, self.seq, now_ns);
        Known {
            client_id: request.client_order_id,
            correlation: request.correlation_id,
            order_id: request.client_order_id * 10,
            is_buy: side == Side::Buy,
            quantity: contracts,
            price: PRICE,
            total: 0,
        }
    }

    pub fn cancels(&mut self, known: &Known, now_ns: u64) -> Known {
        let request = self.oms.cancel(known.client_id).expect("it may be cancelled");
        self.seq += 1;
        self.oms.sent(known.client_id, self.seq, now_ns);
        Known { correlation: request.correlation_id, ..*known }
    }

    pub fn order(&self, known: &Known) -> Order {
        *self.oms.order(known.client_id).expect("it is in the table")
    }
}

fn with_total(known: &Known, total: i64) -> Known {
    Known { total, ..*known }
}

#[test]
fn a_request_says_what_was_wanted() {
    let mut oms = Oms::new(OmsOptions { mmp: true, self_match_prevention_id: Some(5), ..options() }, vec![terms()]);
    let wanted = Wanted {
        terms_index: 0,
        hedge: (0, 1),
        side: Side::Sell,
        contracts: 12,
        price: Price9(PRICE),
        style: Style::PostOnly,
        arrival: PRICE_UNITS,
    };
    let request = oms.place(&wanted).expect("there is room");
    assert_eq!((request.client_order_id, request.instrument_id, request.price), (FIRST_ID, INSTRUMENT, Price9(PRICE)));
    assert_eq!(request.quantity, Decimal72 { mantissa: 120, exponent: 0 });
    assert_eq!((request.side.to_wire(), request.time_in_force, request.self_match_prevention_id), (-1, 0, 5));
    assert_eq!(request.flags, OrderFlags(0b1_0111));
    let take =
        oms.place(&Wanted { style: Style::ImmediateOrCancel, side: Side::Buy, ..wanted }).expect("there is room");
    assert_eq!((take.side.to_wire(), take.time_in_force, take.flags), (1, -2, OrderFlags(0b1_0001)));
    assert_eq!(take.client_order_id, FIRST_ID + 1);
    assert_ne!(take.correlation_id, request.correlation_id);
    assert!(oms.place(&Wanted { contracts: 0, ..wanted }).is_err());
    assert!(oms.place(&Wanted { contracts: i64::MAX, ..wanted }).is_err());
    assert_eq!(oms.quantities().sent, 24, "what was refused was not counted");
}

#[test]
fn fills_in_the_response_and_later_are_booked_once() {
    let mut table = Table::new();
    let order = table.sends(Side::Buy, 10, Style::PostOnly, 0);
    table.gives(&new_order_response(&with_total(&order, 4), ACTIVE, 0, &[(1, PRICE, 1), (2, PRICE, 3)]));
    assert_eq!((table.order(&order).filled(), table.order(&order).stage), (4, Stage::Open));
    table.gives(&order_filled(&with_total(&order, 6), (3, PRICE, 2), 0));
    table.gives(&order_filled(&with_total(&order, 6), (3, PRICE, 2), 0));
    assert_eq!(table.order(&order).filled(), 6);
    table.gives(&order_filled(&with_total(&order, 10), (4, PRICE, 4), 2));
    assert_eq!(table.order(&order).stage, Stage::Done(Cause::Filled));
    assert_eq!(table.told, []);
    // 4 taken at a fee of 5 bp, 6 rested with 1 bp received: 100 USD of 60,000 are 2^-32 coin.
    let coin = |contracts: i64| i128::from(contracts) * 10 * (1i128 << 32) / 60_000;
    let worth = table.order(&order).worth(&terms());
    let fee = [1, 3].map(|n| coin(n) * 5 / 10_000).iter().sum::<i128>()
        + [2, 4].map(|n| (-coin(n)).div_euclid(10_000)).iter().sum::<i128>();
    let value = [1, 3, 2, 4].map(coin).iter().sum::<i128>();
    assert_eq!(i128::from(worth.coin), value - fee);
    assert_eq!(i128::from(worth.cost), fee, "filled at the arrival price: no slippage");
}

#[test]
fn worth_has_the_signs_of_its_formulas() {
    let worth = |side, payoff, price: i64| {
        let terms = HedgeTerms { payoff, contract_nano: 1_000_000_000, ..terms() };
        terms.worth(side, 1_000, Price9(price), PRICE_UNITS, true).expect("good prices")
    };
    for payoff in [Payoff::Inverse, Payoff::Linear] {
        let fee = worth(Side::Buy, payoff, PRICE).cost;
        assert!(fee > 0 && fee == worth(Side::Sell, payoff, PRICE).cost);
        assert!(worth(Side::Buy, payoff, PRICE * 11 / 10).cost > fee, "{payoff:?}: bought dearer");
        assert!(worth(Side::Sell, payoff, PRICE * 9 / 10).cost > fee, "{payoff:?}: sold cheaper");
        assert!(worth(Side::Buy, payoff, PRICE * 9 / 10).cost < 0, "{payoff:?}: bought cheaper");
    }
    assert!(worth(Side::Buy, Payoff::Inverse, PRICE).coin > 0 && worth(Side::Sell, Payoff::Inverse, PRICE).coin < 0);
    assert_eq!(worth(Side::Buy, Payoff::Linear, PRICE).coin, 0);
    assert_eq!(terms().worth(Side::Buy, 1, Price9(0), PRICE_UNITS, true), None);
    assert_eq!(terms().worth(Side::Buy, 1, Price9::NULL, PRICE_UNITS, true), None);
    assert_eq!(terms().price_of(PRICE_UNITS + 255, Side::Buy), Price9(PRICE), "a buyer's limit is never raised");
    assert_eq!(terms().price_of(PRICE_UNITS + 1, Side::Sell), Price9(PRICE + 500_000_000), "nor a seller's lowered");
    assert!(terms().is_sound() && !HedgeTerms { tick_nano: 100, ..terms() }.is_sound());
}

#[test]
fn a_speed_bumped_order_is_queued_and_then_placed() {
    let mut table = Table::new();
    let order = table.sends(Side::Sell, 5, Style::ImmediateOrCancel, 0);
    table.gives(&new_order_response(&order, QUEUED, 0, &[]));
    assert_eq!(table.order(&order).stage, Stage::Queued);
    assert_eq!(table.oms.amend(order.client_id, Price9(1)), Err(RequestError::NotNow(order.client_id)));
    table.gives(&order_placed(&with_total(&order, 3), CANCELED, TIME_IN_FORCE, &[(1, PRICE, 3)]));
    assert_eq!(table.order(&order).stage, Stage::Done(Cause::Cancelled(CancelReason::TimeInForce)));
    let quantities = table.order(&order).quantities();
    assert_eq!((quantities.filled, quantities.cancelled, quantities.open), (3, 2, 0));
    let order = table.sends(Side::Sell, 5, Style::PostOnly, 0);
    table.gives(&new_order_response(&order, QUEUED, 0, &[]));
    table.gives(&order_placed(&order, ACTIVE, 0, &[]));
    table.gives(&new_order_response(&order, QUEUED, 0, &[]));
    assert_eq!(table.order(&order).stage, Stage::Open, "out of the speed bump it never goes back");
    assert_eq!(table.told, []);
}

#[test]
fn amendments_and_their_refusals() {
    let mut table = Table::new();
    let order = table.sends(Side::Buy, 10, Style::PostOnly, 0);
    assert!(table.oms.amend(order.client_id, Price9(1)).is_err(), "not before it is in the book");
    table.gives(&new_order_response(&with_total(&order, 2), ACTIVE, 0, &[(1, PRICE, 2)]));
    let request = table.oms.amend(order.client_id, Price9(PRICE + 500_000_000)).expect("it is in the book");
    assert_eq!(request.quantity, Decimal72 { mantissa: 100, exponent: 0 }, "the total, whatever has filled");
    table.oms.sent(order.client_id, 50, 5);
    assert!(table.oms.amend(order.client_id, Price9(1)).is_err(), "one at a time");
    let asked = Known { correlation: request.correlation_id, price: PRICE + 500_000_000, ..order };
    table.gives(&amend_response(&with_total(&asked, 3), ACTIVE, &[(2, PRICE, 1)]));
    assert_eq!((table.order(&order).price, table.order(&order).filled()), (Price9(PRICE + 500_000_000), 3));
    let request = table.oms.amend(order.client_id, Price9(PRICE)).expect("it is in the book");
    table.oms.sent(order.client_id, 51, 6);
    table.gives(&amend_reject(&Known { correlation: request.correlation_id, ..order }, POST_ONLY_REJECT));
    let rejected = OmsEvent::AmendRejected { client_order_id: order.client_id, reason: OrderRejectReason::PostOnly };
    assert_eq!(table.told, [rejected]);
    assert_eq!(table.order(&order).price, Price9(PRICE + 500_000_000));
    assert!(table.oms.amend(order.client_id, Price9(1)).is_ok());
    table.oms.not_sent(order.client_id);
    assert_eq!(table.order(&order).stage, Stage::Open, "an amendment that did not leave changes nothing");
    table.oms.amend(order.client_id, Price9(1)).expect("it is in the book");
    table.oms.sent(order.client_id, 52, 7);
    table.oms.cancel(order.client_id).expect("a cancel may follow at once");
    table.oms.not_sent(order.client_id);
    assert!(table.oms.cancel(order.client_id).is_ok(), "one that did not leave may be asked for again");
}

#[test]
fn a_rejected_order_never_was() {
    let mut table = Table::new();
    let order = table.sends(Side::Buy, 10, Style::PostOnly, 0);
    table.gives(&new_order_reject(&order, 34));
    assert_eq!(table.order(&order).stage, Stage::Done(Cause::Rejected(OrderRejectReason::Unknown(34))));
    assert_eq!(table.oms.quantities().rejected, 10);
    table.gives(&new_order_reject(&order, 34));
    assert_eq!(table.told, []);
    let order = table.sends(Side::Buy, 3, Style::PostOnly, 0);
    let body = Bytes::zeros(9).i64(0, 2).i8(8, 4).text("bad field");
    table.gives(&(30, body.clone()));
    assert!(matches!(table.order(&order).stage, Stage::Done(Cause::NotUnderstood(_))), "found by the request's number");
    table.gives(&(30, body));
    assert_eq!(table.told, [OmsEvent::RequestRejected { seq: 2 }]);
    let order = table.sends(Side::Buy, 3, Style::PostOnly, 0);
    table.oms.not_sent(order.client_id);
    assert_eq!(table.order(&order).stage, Stage::Done(Cause::NotSent));
    assert_eq!(table.oms.quantities().rejected, 16);
}

#[test]
fn a_disconnect_puts_orders_in_doubt_until_every_report_has_come() {
    let mut table = Table::new();
    let (acked, unacked) =
        (table.sends(Side::Buy, 5, Style::PostOnly, 0), table.sends(Side::Sell, 7, Style::PostOnly, 0));
    table.gives(&new_order_response(&acked, ACTIVE, 0, &[]));
    table.oms.disconnected();
    assert_eq!(table.oms.quantities().unknown, 12);
    assert_eq!(table.oms.to_probe(), None, "not while reports are missing");
    // Resent: one fill, and the other's acknowledgement with the cancel that followed.
    table.gives(&order_filled(&with_total(&acked, 2), (1, PRICE, 2), 0));
    table.gives(&new_order_response(&unacked, ACTIVE, 0, &[]));
    assert_eq!(table.oms.quantities().unknown, 10, "what is resent is old: still in doubt");
    table.gives(&orders_canceled(&unacked, CLIENT_DISCONNECT));
    table.oms.caught_up(true);
    let quantities = table.oms.quantities();
    assert_eq!((quantities.open, quantities.filled, quantities.cancelled, quantities.unknown), (3, 2, 7, 0));
    assert_eq!(table.oms.to_probe(), None);
}

#[test]
fn an_order_that_was_never_acknowledged_is_asked_after_twice() {
    let mut table = Table::new();
    let order = table.sends(Side::Buy, 5, Style::PostOnly, 0);
    table.oms.on_time(TIMEOUT_NS - 1);
    assert_eq!((table.oms.quantities().unknown, table.oms.deadline_ns()), (0, Some(TIMEOUT_NS)));
    table.oms.on_time(TIMEOUT_NS);
    assert_eq!((table.oms.quantities().unknown, table.oms.to_probe()), (5, Some(order.client_id)));
    let probe = table.cancels(&order, TIMEOUT_NS);
    table.gives(&cancel_reject(&probe, UNKNOWN_ORDER));
    table.gives(&cancel_reject(&probe, UNKNOWN_ORDER));
    assert_eq!(table.oms.quantities().unknown, 5, "a gateway may not know what its engine has; twice told is once");
    assert_eq!(table.oms.to_probe(), None, "not asked again at once");
    table.oms.on_time(2 * TIMEOUT_NS);
    assert_eq!(table.oms.to_probe(), Some(order.client_id));
    let probe = table.cancels(&order, 2 * TIMEOUT_NS);
    table.gives(&cancel_reject(&probe, UNKNOWN_ORDER));
    assert_eq!(table.order(&order).stage, Stage::Done(Cause::Presumed));
    // And if it lives after all, that is told, and counted.
    table.told.clear();
    table.gives(&new_order_response(&order, ACTIVE, 0, &[]));
    assert_eq!(table.told, [OmsEvent::Fault { client_order_id: order.client_id, fault: OrderFault::Revived }]);
    assert_eq!(table.oms.quantities().open, 5);
    let cancel = table.cancels(&order, 3 * TIMEOUT_NS);
    table.gives(&cancel_response(&cancel));
    assert_eq!(table.oms.quantities().cancelled, 5);
}

#[test]
fn a_late_answer_ends_the_doubt() {
    let mut table = Table::new();
    let order = table.sends(Side::Buy, 5, Style::PostOnly, 0);
    table.oms.on_time(TIMEOUT_NS);
    table.gives(&new_order_response(&with_total(&order, 1), ACTIVE, 0, &[(1, PRICE, 1)]));
    let quantities = table.oms.quantities();
    assert_eq!((quantities.open, quantities.filled, quantities.unknown), (4, 1, 0));
    assert_eq!(table.told, []);
}

#[test]
fn after_a_loss_only_totals_and_reconciliation_end_an_order() {
    let mut table = Table::new();
    let orders = [(); 3].map(|()| table.sends(Side::Buy, 5, Style::PostOnly, 0));
    for order in &orders {
        table.gives(&new_order_response(order, ACTIVE, 0, &[]));
    }
    table.oms.disconnected();
    table.oms.caught_up(false);
    assert!(table.oms.needs_reconciliation());
    assert_eq!(table.oms.quantities().unknown, 15);
    let probe = table.cancels(&orders[0], 0);
    table.gives(&cancel_response(&probe));
    assert_eq!(table.oms.quantities().unknown, 15, "how much filled before the cancel is not known");
    table.gives(&orders_canceled(&with_total(&orders[1], 2), BY_REQUEST));
    let quantities = table.oms.quantities();
    assert_eq!((quantities.filled, quantities.cancelled, quantities.unknown), (2, 3, 10));
    assert_eq!(table.oms.reconcile(orders[0].client_id, 1), Ok(()));
    assert_eq!(table.oms.reconcile(orders[2].client_id, 0), Ok(()));
    let quantities = table.oms.quantities();
    assert_eq!((quantities.filled, quantities.cancelled, quantities.unknown), (3, 12, 0));
    assert!(!table.oms.needs_reconciliation());
}

#[test]
fn what_is_odd_is_booked_and_told() {
    let mut table = Table::new();
    let order = table.sends(Side::Buy, 5, Style::PostOnly, 0);
    table.gives(&new_order_response(&order, ACTIVE, 0, &[]));
    let fault = |fault| OmsEvent::Fault { client_order_id: order.client_id, fault };
    table.gives(&order_filled(&with_total(&order, 8), (1, PRICE, 8), 0));
    assert_eq!(table.told.pop(), Some(fault(OrderFault::Overfill)));
    assert_eq!((table.oms.quantities().filled, table.oms.quantities().overfilled), (5, 3));
    let order = table.sends(Side::Buy, 5, Style::PostOnly, 0);
    let fault = |fault| OmsEvent::Fault { client_order_id: order.client_id, fault };
    let cancel = table.cancels(&order, 0);
    table.gives(&cancel_response(&cancel));
    table.gives(&order_filled(&with_total(&order, 2), (2, PRICE, 2), 0));
    assert_eq!(table.told.pop(), Some(fault(OrderFault::LateFill)));
    assert_eq!(table.order(&order).quantities().cancelled, 3);
    table.gives(&order_filled(&with_total(&order, 1), (3, PRICE, 2), 0));
    assert_eq!(table.told.pop(), Some(fault(OrderFault::FillTotal)), "more than its own total");
    let order = table.sends(Side::Buy, 5, Style::PostOnly, 0);
    let fault = |fault| OmsEvent::Fault { client_order_id: order.client_id, fault };
    let (template, mut body) = order_filled(&with_total(&order, 2), (4, PRICE, 2), 0);
    body = body.i64(20 + 40, 15);
    table.gives(&(template, body));
    assert_eq!(table.told.pop(), Some(fault(OrderFault::Quantity)), "no whole contract");
    assert_eq!(table.order(&order).filled(), 2, "its total is whole");
    table.gives(&order_filled(&with_total(&Known { client_id: 5, ..order }, 2), (5, PRICE, 2), 0));
    let unmatched = OmsEvent::Unmatched { template: 300, client_order_id: 5, instrument_id: INSTRUMENT };
    assert!(table.told.contains(&unmatched));
    table.told.clear();
    table.gives(&order_filled(&with_total(&Known { client_id: 5, ..order }, 2), (5, PRICE, 2), 1));
    assert!(matches!(table.told[..], [OmsEvent::OwnFill(fill)] if fill.match_id == 5), "a quote is the desk's own");
    table.told.clear();
    table.gives(&(4_000, Bytes::zeros(3)));
    assert_eq!(table.told, [OmsEvent::UnknownReport { template: 4_000 }]);
}

#[test]
fn a_full_table_refuses_and_forgets_nothing() {
    let mut table = Table::new();
    let first = table.sends(Side::Buy, 1, Style::PostOnly, 0);
    for _ in 1..16 {
        table.sends(Side::Buy, 1, Style::PostOnly, 0);
    }
    let wanted = Wanted {
        terms_index: 0,
        hedge: (0, 1),
        side: Side::Buy,
        contracts: 1,
        price: Price9(PRICE),
        style: Style::PostOnly,
        arrival: PRICE_UNITS,
    };
    assert_eq!(table.oms.place(&wanted), Err(RequestError::Full(16)));
    table.gives(&new_order_reject(&first, 1));
    assert!(table.oms.place(&wanted).is_ok());
    let quantities = table.oms.quantities();
    assert_eq!((quantities.sent, quantities.rejected, quantities.open), (17, 1, 16));
    table.gives(&new_order_response(&first, ACTIVE, 0, &[]));
    assert!(matches!(table.told[..], [OmsEvent::Unmatched { client_order_id: FIRST_ID, .. }]));
}

#[test]
fn protection_freezes_and_thaws() {
    let mut table = Table::new();
    let quotes = Protected::Quotes(9);
    let triggered = (320, Bytes::zeros(57).i64(16, 9).i64(24, 500).i8(56, 1));
    table.gives(&triggered);
    assert!(table.oms.protection.frozen(quotes, 499).is_some());
    assert!(table.oms.protection.frozen(quotes, 500).is_none());
    assert!(table.oms.protection.frozen(Protected::Orders(9), 1).is_none());
    table.gives(&(322, Bytes::zeros(57).i64(16, 9).i64(24, 0)));
    assert!(table.oms.protection.frozen(Protected::Orders(9), u64::MAX).is_some(), "until it is reset");
    table.gives(&(326, Bytes::zeros(32).i64(16, 9)));
    assert!(table.oms.protection.frozen(Protected::Orders(9), 1).is_none());
    table.gives(&(280, Bytes::zeros(32).i64(16, 9).i64(24, NULL)));
    assert!(table.oms.protection.frozen(quotes, 1).is_none(), "a status without a time says that it is free");
    assert_eq!(table.oms.protection.triggered, 2);
}

#[test]
fn a_bucket_gives_what_it_has_and_no_more() {
    let mut bucket = TokenBucket::new(5_000, 1_000, 100);
    assert_eq!((bucket.take(2_000, 100), bucket.take(2_000, 100), bucket.level(100)), (Ok(()), Ok(()), 1_000));
    assert_eq!(bucket.take(2_000, 100), Err(100 + 1_000_000_000));
    assert_eq!(bucket.take(2_000, 99 + 1_000_000_000), Err(100 + 1_000_000_000), "not a ns too early");
    assert_eq!(bucket.take(2_000, 100 + 1_000_000_000), Ok(()));
    assert_eq!((bucket.level(0), bucket.take(5_001, 0)), (0, Err(u64::MAX)));
    bucket.drain(9_000, 100 + 2_000_000_000);
    assert_eq!(bucket.level(100 + 2_000_000_000), 0);
    assert_eq!(bucket.level(u64::MAX), 5_000);
    assert_eq!(TokenBucket::new(1, 0, 0).take(1, 0), Ok(()));
    assert_eq!(
        Worth::default().plus(Worth { coin: i64::MAX, ..Worth::default() }).coin,
        (1 << 62) - 1,
        "within the format"
    );
}
