//! What the ledger books of orders, fills, cash and coin, and what it takes for doubtful.

use hedgewire_abi::Reason;
use hedgewire_abi::command::{OrderUpdate, Reconcile, Trade, code};
use hedgewire_abi::event::Fault;
use hedgewire_abi::format::{COIN_MAGNITUDE_BITS, POSITION_MAX};

use crate::scenario::{COIN, CONTRACT, Scenario, after_first_clip, later, ledger, sent, update};
use crate::support::{Machine, exposure, reason};

#[test]
fn the_same_trade_twice_counts_once() {
    let scenario = Scenario::selling().with(|s| s.actions = vec![]);
    let mut machine = scenario.machine();
    machine.must(|h| scenario.quote.encode(h));
    let first = machine.trade(0, 25);
    let second = machine.trade(0, 25);
    assert_eq!(exposure(&first), 25 * CONTRACT);
    assert_eq!(exposure(&second), 25 * CONTRACT);
}

#[test]
fn the_same_order_update_twice_counts_once() {
    let mut machine = after_first_clip(|_| ());
    let fill = OrderUpdate { status: code::ORDER_OPEN, order_id: 0, filled: 3, coin: 7, cost: 5 };
    let first = machine.must(|h| fill.encode(h));
    let second = machine.must(|h| fill.encode(h));
    assert_eq!(ledger(&first), ledger(&second));
    assert_eq!((ledger(&first).position, ledger(&first).open_sell, ledger(&first).coin), (-3, 1, 7));
}

#[test]
fn fill_that_takes_back_an_earlier_one_is_stale() {
    let mut machine = after_first_clip(|_| ());
    update(&mut machine, code::ORDER_OPEN, 0, 3);
    assert_eq!(reason(&update(&mut machine, code::ORDER_OPEN, 0, 2)), Reason::StaleUpdate);
    assert_eq!(ledger(&update(&mut machine, code::ORDER_OPEN, 0, 3)).position, -3);
}

#[test]
fn late_fill_of_an_order_reported_done_is_booked_with_a_fault() {
    let mut machine = after_first_clip(|_| ());
    update(&mut machine, code::ORDER_DONE, 0, 1);
    let events = update(&mut machine, code::ORDER_DONE, 0, 3);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::LateFill));
    assert_eq!((ledger(&events).position, ledger(&events).open_sell), (-3, 0));
    // Done stays done, whatever a late acknowledgement says.
    assert_eq!(ledger(&update(&mut machine, code::ORDER_OPEN, 0, 3)).open_sell, 0);
}

#[test]
fn overfill_is_booked_with_a_fault_and_ends_the_reconciliation() {
    let mut machine = after_first_clip(|_| ());
    let events = update(&mut machine, code::ORDER_OPEN, 0, 5);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::Overfill));
    assert_eq!(Fault::decode(&events[0]), Fault { detail: 0, value: 5 });
    assert_eq!((ledger(&events).position, ledger(&events).open_sell), (-5, 0));
    assert_eq!(reason(&later(&mut machine, 1)), Reason::NotReconciled);
}

#[test]
fn update_of_an_order_that_the_ledger_does_not_hold_ends_the_reconciliation() {
    let mut machine = after_first_clip(|_| ());
    let events = update(&mut machine, code::ORDER_DONE, 16, 2);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::UnknownOrder));
    assert_eq!((ledger(&events).position, ledger(&events).open_sell), (0, 4));
    assert_eq!(reason(&later(&mut machine, 1)), Reason::NotReconciled);
    machine.must(|h| Reconcile { position: 2, hedge_coin: 0 }.encode(h));
    assert_eq!(reason(&update(&mut machine, code::ORDER_DONE, 0, 4)), Reason::UnknownOrder, "forgotten with it");
}

#[test]
fn unknown_orders_count_in_full_and_may_come_back() {
    let mut machine = after_first_clip(|_| ());
    let lost = ledger(&update(&mut machine, code::ORDER_UNKNOWN, 0, 1));
    assert_eq!((lost.position, lost.open_sell, lost.unknown_sell), (-1, 0, 3));
    let found = ledger(&update(&mut machine, code::ORDER_OPEN, 0, 1));
    assert_eq!((found.position, found.open_sell, found.unknown_sell), (-1, 3, 0));
}

#[test]
fn reconciliation_takes_the_venues_word_and_closes_every_order() {
    let mut machine = after_first_clip(|_| ());
    let set = ledger(&machine.must(|h| Reconcile { position: -7, hedge_coin: 3 }.encode(h)));
    assert_eq!((set.position, set.coin, set.open_sell), (-7, 3, 0));
    assert_eq!(exposure(&later(&mut machine, 1)), 93 * CONTRACT);
}

#[test]
fn coin_total_that_sums_up_to_the_smallest_integer_is_not_booked() {
    // Found by reading: the sum passes the checked addition, and its absolute value does not exist.
    let limit = (1i64 << COIN_MAGNITUDE_BITS) - 1;
    let mut machine = after_first_clip(|_| ());
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    machine.must(|h| Reconcile { position: 0, hedge_coin: -limit }.encode(h));
    for _ in 0..2 {
        assert_eq!(sent(&later(&mut machine, 1)), -4);
    }
    let book = |machine: &mut Machine, order_id, coin, cost| {
        machine.send(|h| OrderUpdate { status: code::ORDER_OPEN, order_id, filled: 0, coin, cost }.encode(h))
    };
    assert_eq!(ledger(&book(&mut machine, 2, limit, 0)).coin, 0);
    assert_eq!(ledger(&book(&mut machine, 3, -limit, 0)).coin, -limit);
    let events = book(&mut machine, 2, -2, 0);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::LedgerRange));
    assert_eq!(ledger(&events).coin, -limit);
}

#[test]
fn cash_counts_in_usd_numeraire_only() {
    let exposed = |numeraire| {
        let scenario = Scenario::selling().with(|s| (s.bank.numeraire, s.actions) = (numeraire, vec![]));
        let mut machine = scenario.machine();
        machine.must(|h| scenario.quote.encode(h));
        exposure(&machine.must(|h| Trade { slot: 0, quantity: 10, cash: 3 * COIN }.encode(h)))
    };
    assert_eq!(exposed(code::NUMERAIRE_COIN), 10 * CONTRACT);
    assert_eq!(exposed(code::NUMERAIRE_USD), 13 * CONTRACT);
}

#[test]
fn filled_inverse_hedges_in_usd_numeraire_count_by_their_coin_and_not_as_contracts() {
    let change = |s: &mut Scenario| {
        (s.bank.numeraire, s.bank.hedge_kind, s.bank.contract_shift) = (code::NUMERAIRE_USD, code::HEDGE_INVERSE, 43);
        s.actions = vec![];
    };
    let scenario = Scenario::selling().with(change);
    let mut machine = scenario.machine();
    let before = exposure(&machine.must(|h| scenario.quote.encode(h)));
    machine.must(|h| Reconcile { position: 1_000, hedge_coin: 0 }.encode(h));
    assert_eq!(exposure(&later(&mut machine, 1)), before);
    machine.must(|h| Reconcile { position: 0, hedge_coin: -10 * COIN }.encode(h));
    assert_eq!(exposure(&later(&mut machine, 1)), 0);
}

#[test]
fn amounts_that_do_not_fit_the_ledger_are_not_booked_and_end_the_reconciliation() {
    let limit = (1i64 << COIN_MAGNITUDE_BITS) - 1;
    let updated = |filled: u64, coin, cost| {
        let mut machine = after_first_clip(|_| ());
        let update = OrderUpdate { status: code::ORDER_OPEN, order_id: 0, filled, coin, cost };
        let events = machine.must(|h| update.encode(h));
        let after = (ledger(&events).position, ledger(&events).open_sell);
        let is_doubtful = reason(&later(&mut machine, 1)) == Reason::NotReconciled;
        (reason(&events), after, is_doubtful)
    };
    let out_of_range = (Reason::LedgerRange, (0, 4), true);
    assert_eq!(updated(POSITION_MAX as u64 + 1, 0, 0), out_of_range);
    assert_eq!(updated(u64::MAX, 0, 0), out_of_range);
    assert_eq!(updated(1, limit + 1, 0), out_of_range);
    assert_eq!(updated(1, i64::MIN, 0), out_of_range);
    assert_eq!(updated(1, 0, limit + 1), out_of_range);
    assert_eq!(updated(1, 0, i64::MIN), out_of_range);
    assert_eq!(updated(1, limit, -limit), (Reason::None, (-1, 3), false));
    assert_eq!(updated(POSITION_MAX as u64, 0, 0), (Reason::Overfill, (-POSITION_MAX, 0), true));
}
