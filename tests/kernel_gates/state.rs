//! Gates of state: modes, reconciliation, and amounts beyond the scale of a bank.

use hedgewire_abi::Reason;
use hedgewire_abi::command::{Build, Control, Reconcile, Swap, WriteRow, code};
use hedgewire_abi::event::Fault;

use crate::scenario::{Scenario, later, sent, update};
use crate::support::portfolio::PRICE_REF;
use crate::support::reason;

#[test]
fn killed_stops_every_underlying_and_clearing_leaves_all_disarmed() {
    let scenario = Scenario::selling().with(|s| s.actions = vec![code::ARM, code::KILL]);
    let mut machine = scenario.machine();
    assert_eq!(reason(&machine.send(|h| scenario.quote.encode(h))), Reason::Killed);
    // From any underlying, configured or not.
    machine.underlying = 1;
    machine.must(|h| Control { action: code::CLEAR_KILL }.encode(h));
    machine.underlying = 0;
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Disarmed);
    machine.must(|h| Control { action: code::ARM }.encode(h));
    assert_eq!(sent(&later(&mut machine, 1)), -10);
}

#[test]
fn disarmed_sends_nothing_until_armed() {
    assert_eq!(Scenario::selling().with(|s| s.actions = vec![]).reason(), Reason::Disarmed);
    assert_eq!(Scenario::selling().with(|s| s.actions = vec![code::ARM, code::DISARM]).reason(), Reason::Disarmed);
    assert_eq!(Scenario::selling().with(|s| s.actions = vec![code::ARM]).reason(), Reason::None);
}

#[test]
fn halted_sends_nothing_until_normal() {
    assert_eq!(Scenario::selling().with(|s| s.actions.push(code::HALT)).reason(), Reason::Halted);
    assert_eq!(Scenario::selling().with(|s| s.actions.extend([code::HALT, code::NORMAL])).reason(), Reason::None);
}

#[test]
fn reduce_only_lets_through_what_makes_the_position_smaller() {
    let reduce = |lots, position| {
        let reduced =
            |s: &mut Scenario| (s.lots, s.position, s.actions) = (lots, position, vec![code::ARM, code::REDUCE_ONLY]);
        Scenario::selling().with(reduced)
    };
    assert_eq!(reduce(10, 0).reason(), Reason::ReduceOnly);
    assert_eq!(reduce(12, -2).reason(), Reason::ReduceOnly);
    assert_eq!(reduce(0, 10).sent(), -10);
    assert_eq!(reduce(9, 1).sent(), -1, "not through zero");
    assert_eq!(reduce(0, -10).sent(), 9);
}

#[test]
fn unreconciled_position_stops_hedging() {
    let scenario = Scenario::selling().with(|s| s.is_reconciled = false);
    let mut machine = scenario.machine();
    assert_eq!(reason(&machine.send(|h| scenario.quote.encode(h))), Reason::NotReconciled);
    machine.must(|h| Reconcile { position: 0, hedge_coin: 0 }.encode(h));
    assert_eq!(sent(&later(&mut machine, 1)), -10);
}

#[test]
fn quantity_beyond_the_scale_is_booked_with_a_fault_and_stops_hedging_until_the_next_bank() {
    let scenario = Scenario::selling();
    let mut machine = scenario.machine();
    machine.send(|h| scenario.quote.encode(h));
    // A lot weighs 2^20, and a weight stays below 2^31.
    let fits = machine.trade(1, 2_047);
    assert!(fits.iter().all(|event| event.kind() != Fault::KIND));
    let events = machine.trade(1, 2_048);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::WeightRange));
    assert_eq!(Fault::decode(&events[0]), Fault { detail: 1, value: 2_048 });
    for order_id in 0..2 {
        update(&mut machine, code::ORDER_DONE, order_id, 0);
    }
    assert_eq!(reason(&later(&mut machine, 1)), Reason::WeightRange);
    let fits = machine.trade(1, 5);
    assert!(
        fits.iter().all(|event| event.kind() != Fault::KIND),
        "a fault names the trade that does not fit, no other"
    );
    assert_eq!(reason(&later(&mut machine, 1)), Reason::WeightRange, "only a new bank cures it");
    let rebuilt = Scenario { lots: 15, ..scenario };
    machine.must(|h| rebuilt.bank.encode(h));
    for slot in 0..64 {
        let row_kind = if slot < 2 { code::CONSTANT } else { code::EMPTY };
        let row = WriteRow { slot, row_kind, group: code::GROUP_LINEAR, omega_delta: 1 << 20, ..WriteRow::default() };
        machine.must(|h| row.encode(h));
    }
    machine.must(|h| Build { centre: PRICE_REF, intervals: 8, step_shift: 12 }.encode(h));
    machine.must(|h| Swap {}.encode(h));
    assert_eq!(sent(&later(&mut machine, 1)), -15, "both rows count, the fill was not lost");
}

#[test]
fn target_beyond_the_scale_stops_hedging() {
    // kd = 40: a coin amount is shifted left by 15 into ladder units, which have 61 bits.
    let target = |target| {
        Scenario::selling().with(|s| {
            (s.bank.delta_bits, s.bank.gamma_bits, s.target) = (40, 40, target);
        })
    };
    assert_eq!(target(1 << 46).reason(), Reason::CoinRange);
    assert_eq!(target((1 << 46) - 1).reason(), Reason::None);
}
