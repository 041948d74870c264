//! The order of the gates: of two that are closed the earlier is the reason.

use hedgewire_abi::command::{Quote, code};
use hedgewire_abi::format::BAND_MAX;
use hedgewire_abi::{Event, Reason};

use crate::scenario::{Scenario, sent, update};
use crate::support::{START_NS, reason};

type Close = fn(&mut Scenario);

/// Every gate with what closes it on the second clip, in the order in which they are asked.
fn closed_gates() -> Vec<(Reason, Close)> {
    vec![
        (Reason::Killed, |s| s.actions.push(code::KILL)),
        (Reason::Disarmed, |s| s.actions.push(code::DISARM)),
        (Reason::Halted, |s| s.actions.push(code::HALT)),
        (Reason::ReduceOnly, |s| s.status.oracle = s.status.oracle.max(code::ORACLE_DEGRADED)),
        (Reason::NotReconciled, |s| s.is_reconciled = false),
        (Reason::QuoteStale, |s| s.quote.feed_ns = 0),
        (Reason::RowsStale, |s| s.bank.valid_until_ns = START_NS),
        (Reason::BookUntrusted, |s| s.quote.flags |= code::QUOTE_UNTRUSTED),
        (Reason::OneSided, |s| s.quote.ask = 0),
        (Reason::Wide, |s| s.price.width_max_bp = 0),
        (Reason::Thin, |s| s.price.size_min = u32::MAX),
        (Reason::OracleRejected, |s| s.status.oracle = code::ORACLE_REJECTED),
        (Reason::CollarReference, |s| s.price.collar_bp = 0),
        (Reason::CollarLast, |s| s.quote.last_trade = 1),
        (Reason::OrderQuantity, |s| s.size.order_max = 0),
        (Reason::OrderNotional, |s| s.size.notional_max = 0),
        (Reason::PositionNet, |s| s.size.position_max = 5),
        (Reason::PositionGross, |s| s.size.gross_max = 5),
        (Reason::OpenOrders, |s| s.rate.open_orders_max = 1),
        (Reason::MessageRate, |s| s.rate.order_burst_ns = 0),
        (Reason::Duplicate, |s| s.price.duplicate_window_ns = 1_000),
        (Reason::HedgeRate, |s| s.rate.hedges_per_minute = 1),
        (Reason::Attempts, |s| s.rate.attempts_max = 1),
        (Reason::LossLimit, |s| s.rate.loss_max = 0),
        (Reason::CoolDown, |s| s.price.cool_down_ns = 1_000),
        (Reason::Margin, |s| s.status.margin_sell = 2),
        (Reason::SelfMatch, |s| s.status.own_bid = u32::MAX),
        (Reason::Restricted, |s| s.status.restricted = 1),
    ]
}

/// The decision on a second clip of three, with gates closed after the first.
fn second_decision(close: &[Close]) -> Vec<Event> {
    let open = Scenario::selling().with(|s| {
        (s.lots, s.trigger.clip_min, s.trigger.clip_max) = (100, 3, 3);
        (s.rate.order_interval_ns, s.price.quote_age_max_ns, s.size.band_emergency) = (1_000, 1_000, BAND_MAX);
        s.quote.bid_size = u32::MAX - 1;
    });
    let mut closed = open.clone();
    close.iter().for_each(|close| close(&mut closed));
    let opening = Scenario { bank: closed.bank, ..open };
    let mut machine = opening.machine();
    assert_eq!(sent(&machine.must(|h| opening.quote.encode(h))), -3);
    closed.settle(&mut machine);
    if !closed.is_reconciled {
        update(&mut machine, code::ORDER_OPEN, 99, 0);
    }
    machine.now_ns += 1;
    let again = Quote { feed_seq: 2, ..closed.quote };
    machine.must(|h| again.encode(h))
}

#[test]
fn of_two_closed_gates_the_earlier_is_the_reason() {
    assert_eq!(sent(&second_decision(&[])), -3);
    let gates = closed_gates();
    for (i, &(first, close_first)) in gates.iter().enumerate() {
        assert_eq!(reason(&second_decision(&[close_first])), first, "{} alone", first.name());
        for &(second, close_second) in &gates[i + 1..] {
            let both = second_decision(&[close_first, close_second]);
            // A rejected oracle is not a degraded one: it does not make the underlying reduce only.
            // And an order that margin clips is another order than the one before.
            let expected = match (first, second) {
                (Reason::ReduceOnly, Reason::OracleRejected) => Reason::OracleRejected,
                (Reason::Duplicate, Reason::Margin) => Reason::Margin,
                _ => first,
            };
            assert_eq!(reason(&both), expected, "{} and {}", first.name(), second.name());
        }
    }
}

#[test]
fn gates_stand_in_the_order_of_their_codes() {
    let mut codes: Vec<u8> = closed_gates().iter().map(|gate| gate.0 as u8).collect();
    let before = codes.clone();
    codes.sort_unstable();
    assert_eq!(codes, before);
    // Weight and coin range have tests of their own: nothing else can be asked of such a bank.
    let gates = Reason::ALL.iter().filter(|&&r| r >= Reason::Killed && r < Reason::BadVersion).count();
    assert_eq!(codes.len() + 2, gates);
}

#[test]
fn urgent_hedge_passes_no_other_gate() {
    for (expected, close) in closed_gates() {
        if expected != Reason::CoolDown {
            let urgent = |s: &mut Scenario| s.size.band_emergency = 0;
            assert_eq!(reason(&second_decision(&[close, urgent])), expected, "{}", expected.name());
        }
    }
}
