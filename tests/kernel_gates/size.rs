//! Gates of size: of an order, of the position that it may lead to, and of how many are open.

use hedgewire_abi::Reason;
use hedgewire_abi::command::code;

use crate::scenario::{Scenario, later, sent, update};
use crate::support::portfolio::PRICE_REF;
use crate::support::{hedge, reason};

#[test]
fn order_may_be_as_large_as_its_limit_and_no_larger() {
    let order = |order_max| Scenario::selling().with(|s| s.size.order_max = order_max).reason();
    assert_eq!(order(9), Reason::OrderQuantity);
    assert_eq!(order(10), Reason::None);
}

#[test]
fn notional_of_a_linear_hedge_is_contracts_times_price() {
    let most = 10 * u64::from(PRICE_REF);
    let notional = |notional_max| Scenario::selling().with(|s| s.size.notional_max = notional_max).reason();
    assert_eq!(notional(most - 1), Reason::OrderNotional);
    assert_eq!(notional(most), Reason::None);
}

#[test]
fn notional_of_an_inverse_hedge_is_contracts() {
    let notional = |notional_max| {
        let change = |s: &mut Scenario| {
            // price 2^24.9 times 2^31 over 2^24 is 2^31.9: 2^43 makes ten coins about 9.3 contracts.
            (s.bank.hedge_kind, s.bank.contract_shift, s.size.notional_max) = (code::HEDGE_INVERSE, 43, notional_max);
        };
        Scenario::selling().with(change)
    };
    let wanted = notional(u64::MAX).sent().unsigned_abs();
    assert!(wanted > 1);
    assert_eq!(notional(wanted - 1).reason(), Reason::OrderNotional);
    assert_eq!(notional(wanted).reason(), Reason::None);
}

#[test]
fn worst_case_position_clips_and_then_refuses() {
    let net = |position_max, clip_min| {
        Scenario::selling().with(|s| (s.size.position_max, s.trigger.clip_min) = (position_max, clip_min))
    };
    assert_eq!(net(4, 4).sent(), -4);
    assert_eq!(net(3, 4).reason(), Reason::PositionNet);
    assert_eq!(net(0, 1).reason(), Reason::PositionNet);
    // A long position leaves more room to sell, and less to buy.
    assert_eq!(net(4, 1).with(|s| (s.lots, s.position) = (6, 4)).sent(), -8);
    assert_eq!(net(4, 1).with(|s| (s.lots, s.position) = (-14, 4)).reason(), Reason::PositionNet);
}

#[test]
fn gross_position_clips_and_then_refuses() {
    let gross = |gross_max, clip_min| {
        Scenario::selling().with(|s| (s.size.gross_max, s.trigger.clip_min) = (gross_max, clip_min))
    };
    assert_eq!(gross(4, 4).sent(), -4);
    assert_eq!(gross(3, 4).reason(), Reason::PositionGross);
    assert_eq!(gross(9, 1).with(|s| (s.lots, s.position) = (16, -6)).sent(), -3);
}

#[test]
fn open_orders_may_be_as_many_as_their_limit() {
    let open = |open_orders_max| Scenario::selling().with(|s| s.rate.open_orders_max = open_orders_max).reason();
    assert_eq!(open(0), Reason::OpenOrders);
    assert_eq!(open(1), Reason::None);
}

#[test]
fn ledger_holds_sixteen_orders_and_reuses_the_slots_of_those_that_are_done() {
    let scenario = Scenario::selling().with(|s| (s.lots, s.trigger.clip_max) = (100, 1));
    let mut machine = scenario.machine();
    assert_eq!(sent(&machine.send(|h| scenario.quote.encode(h))), -1);
    for _ in 1..16 {
        assert_eq!(sent(&later(&mut machine, 1)), -1);
    }
    assert_eq!(reason(&later(&mut machine, 1)), Reason::OpenOrders);
    // The next id, 16, wants the slot of order 0, whoever else is done.
    update(&mut machine, code::ORDER_DONE, 5, 0);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::OpenOrders);
    update(&mut machine, code::ORDER_DONE, 0, 1);
    let events = later(&mut machine, 1);
    assert_eq!(hedge(&events).map(|hedge| hedge.order_id), Some(16));
}
