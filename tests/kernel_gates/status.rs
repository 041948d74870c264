//! Gates of the status, which the host sets: oracle, margin, our own orders, and whether the instrument may be traded.

use hedgewire_abi::Reason;
use hedgewire_abi::command::code;

use crate::scenario::Scenario;
use crate::support::portfolio::PRICE_REF;

#[test]
fn degraded_oracle_is_reduce_only() {
    let degraded = |lots, position| {
        let change = |s: &mut Scenario| (s.lots, s.position, s.status.oracle) = (lots, position, code::ORACLE_DEGRADED);
        Scenario::selling().with(change)
    };
    assert_eq!(degraded(10, 0).reason(), Reason::ReduceOnly);
    assert_eq!(degraded(0, 10).sent(), -10);
}

#[test]
fn rejected_oracle_stops_hedging() {
    assert_eq!(Scenario::selling().with(|s| s.status.oracle = code::ORACLE_REJECTED).reason(), Reason::OracleRejected);
    assert_eq!(Scenario::selling().with(|s| s.status.oracle = code::ORACLE_GOOD).reason(), Reason::None);
}

#[test]
fn margin_clips_and_then_refuses_on_its_own_side() {
    let margin = |margin_sell, clip_min| {
        Scenario::selling().with(|s| {
            (s.status.margin_sell, s.status.margin_buy, s.trigger.clip_min) = (margin_sell, 0, clip_min);
        })
    };
    assert_eq!(margin(3, 3).sent(), -3);
    assert_eq!(margin(2, 3).reason(), Reason::Margin);
    let buying = Scenario::buying().with(|s| (s.status.margin_sell, s.status.margin_buy) = (0, 3));
    assert_eq!(buying.sent(), 3);
}

#[test]
fn order_does_not_trade_with_our_own() {
    let bid = |own_bid| Scenario::selling().with(|s| s.status.own_bid = own_bid).reason();
    assert_eq!(bid(PRICE_REF - 128), Reason::SelfMatch);
    assert_eq!(bid(PRICE_REF - 129), Reason::None);
    let ask = |own_ask| Scenario::buying().with(|s| s.status.own_ask = own_ask).reason();
    assert_eq!(ask(PRICE_REF + 128), Reason::SelfMatch);
    assert_eq!(ask(PRICE_REF + 129), Reason::None);
    assert_eq!(ask(0), Reason::None);
}

#[test]
fn restricted_instrument_is_not_traded() {
    assert_eq!(Scenario::selling().with(|s| s.status.restricted = 1).reason(), Reason::Restricted);
    assert_eq!(Scenario::selling().with(|s| s.status.restricted = 0).reason(), Reason::None);
}
