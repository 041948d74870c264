//! The ledger's updates against the kernel's ledger, driven side by side.

use hedgewire_abi::command::OrderUpdate;
use hedgewire_kernel::ledger::{Booked, Ledger, Side};

use super::*;
use crate::primitive::tests::word;
use crate::testbench::TestBench;
use crate::{cycle, peek, poke};

fn signed<const N: usize>(value: U<N>) -> i64 {
    signed_cast_same(value).raw() as i64
}

/// The kernel's ledger shows its orders only in its debug text: that of an order of the card.
fn order_text(order: &record::Order) -> String {
    let state = ["Free", "Sent", "Open", "Unknown", "Done"][order.state.index()];
    let side = if order.side { "Sell" } else { "Buy" };
    format!(
        "Order {{ id: {}, state: {state}, side: {side}, quantity: {}, filled: {}, coin: {}, cost: {} }}",
        order.id.raw(),
        order.quantity.raw(),
        order.filled.raw(),
        signed(order.coin),
        signed(order.cost)
    )
}

/// The card's ledger beside the kernel's.
struct Pair {
    kernel: Ledger,
    ledger: record::Ledger,
    orders: [record::Order; 16],
}

impl Pair {
    fn new() -> Self {
        Self { kernel: Ledger::default(), ledger: record::Ledger::default(), orders: [record::Order::default(); 16] }
    }

    /// What the card's desk does when an order goes out.
    fn reserve(&mut self, side: Side, quantity: i64) {
        let id = self.kernel.reserve(side, quantity);
        let ledger = &mut self.ledger;
        assert_eq!(ledger.next_id.raw() as u32, id);
        let is_sell = side == Side::Sell;
        self.orders[id as usize % 16] = record::Order {
            id: U::new(id.into()),
            state: U::new(1),
            side: is_sell,
            quantity: U::new(quantity as u128),
            ..record::Order::default()
        };
        let open = if is_sell { &mut ledger.open_sell } else { &mut ledger.open_buy };
        *open = U::new(open.raw() + quantity as u128);
        ledger.open_count = U::new(ledger.open_count.raw() + 1);
        ledger.attempts = U::new(ledger.attempts.raw() + 1);
        ledger.next_id = U::new(ledger.next_id.raw() + 1);
        ledger.busy = ledger.busy.replace_bit(id as usize % 16, true);
    }

    fn compare(&self) {
        let (card, kernel) = (&self.ledger, &self.kernel);
        assert_eq!(
            (signed(card.position), signed(card.hedge_coin), signed(card.cost)),
            (kernel.position, kernel.hedge_coin, kernel.cost)
        );
        assert_eq!((card.open_buy.raw() as i64, card.open_sell.raw() as i64), (kernel.open.buy, kernel.open.sell));
        assert_eq!(
            (card.unknown_buy.raw() as i64, card.unknown_sell.raw() as i64),
            (kernel.unknown.buy, kernel.unknown.sell)
        );
        assert_eq!(card.open_count.raw() as u32, kernel.open_count);
        assert_eq!(card.is_reconciled, kernel.is_reconciled);
        assert_eq!(card.ledger_seq.raw() as u32, kernel.ledger_seq);
        assert_eq!(card.attempts.raw() as u32, kernel.attempts);
        assert_eq!(!card.busy.get_bit(card.next_id.index() % 16), kernel.has_slot());
        let text = format!("{kernel:?}");
        let orders: Vec<String> = self.orders.iter().map(order_text).collect();
        assert!(
            text.ends_with(&format!("next_id: {}, orders: [{}] }}", card.next_id.raw(), orders.join(", "))),
            "{text}"
        );
    }
}

/// An update of a recent order: mostly sound, else wrong in one way or several.
fn random_update(pair: &Pair, state: &mut u64) -> OrderUpdate {
    let mut pick = |n: u128| word(state).rem_euclid(n) as usize;
    let next = pair.ledger.next_id.raw() as u32;
    let back = if pick(10) == 0 { 20 } else { 6 };
    let id = next.wrapping_sub(1 + pick(back) as u32);
    let order = &pair.orders[id as usize % 16];
    let (quantity, filled) = (order.quantity.raw() as u64, order.filled.raw() as u64);
    let room = quantity.saturating_sub(filled);
    let filled = match pick(16) {
        0..=2 => filled,
        3..=7 => filled + pick(room as u128 + 1) as u64,
        8..=10 => filled.max(quantity),
        11 => filled.saturating_sub(1),
        12 => quantity + pick(3) as u64,
        13 if pick(4) == 0 => (POSITION_MAX - pair.kernel.position.abs()) as u64 + filled + pick(3) as u64,
        14 if pick(4) == 0 => POSITION_MAX as u64 + pick(3) as u64,
        15 if pick(4) == 0 => [u64::MAX, 1 << 63, 1 << 37, 1 << 40][pick(4)],
        _ => filled + pick(4) as u64,
    };
    let mut coin = |old: U<63>, sum: i64| {
        let old = signed(old);
        let limit = (1i64 << 62) - 1;
        let step = pick(1 << 40) as i64 - (1 << 39);
        match pick(24) {
            0..=5 => old,
            6 => limit,
            7 => -limit,
            8 => (limit - sum).saturating_add(old).saturating_add(pick(3) as i64 - 1),
            9 => (-limit - sum).saturating_add(old).saturating_add(pick(3) as i64 - 1),
            10 => [i64::MAX, i64::MIN, limit + 1, -limit - 1][pick(4)],
            11 => 0,
            _ => old + step,
        }
    };
    let (coin, cost) = (coin(order.coin, pair.kernel.hedge_coin), coin(order.cost, pair.kernel.cost));
    let status = match pick(20) {
        0 => 3 + pick(253) as u8,
        n => (n % 3) as u8,
    };
    OrderUpdate { status, order_id: id, filled, coin, cost }
}

#[test]
fn updates_are_booked_as_the_kernel_books_them() {
    let mut bench = TestBench::new("book", Book::default());
    let mut state = 0x5eed_b001;
    let mut pair = Pair::new();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for i in 0..1500 {
        // A new epoch of life now and then, so that sums near their limits do not stay there.
        if i % 150 == 0 {
            pair = Pair::new();
            let near = [0, POSITION_MAX - 5, 5 - POSITION_MAX, 1000][i / 150 % 4];
            pair.kernel.reconcile(near, if i % 300 == 0 { 0 } else { (1 << 62) - 100 });
            pair.ledger = record::Ledger {
                position: U::new(near as u128),
                hedge_coin: U::new(pair.kernel.hedge_coin as u128),
                is_reconciled: true,
                ledger_seq: U::new(1),
                ..record::Ledger::default()
            };
        }
        if word(&mut state).is_multiple_of(3) && pair.kernel.has_slot() {
            let quantity = [1, 5, 1 << 26, 1 + (word(&mut state) % 1000) as i64][word(&mut state) as usize % 4];
            let side = if word(&mut state).is_multiple_of(2) { Side::Buy } else { Side::Sell };
            pair.reserve(side, quantity);
        }
        let update = random_update(&pair, &mut state);
        let slot = update.order_id as usize % 16;
        poke!(bench, start, true);
        poke!(bench, status, U::<8>::new(update.status.into()));
        poke!(bench, order_id, U::<32>::new(update.order_id.into()));
        poke!(bench, filled, U::<64>::new(update.filled.into()));
        poke!(bench, coin, U::<64>::new(update.coin as u128));
        poke!(bench, cost, U::<64>::new(update.cost as u128));
        poke!(bench, ledger, pair.ledger);
        poke!(bench, order, pair.orders[slot]);
        for n in 1..=LATENCY {
            cycle!(bench);
            poke!(bench, start, false);
            assert_eq!(peek!(bench, done), n == LATENCY);
        }
        let before = format!("{:?}", pair.kernel);
        let booked = pair.kernel.update(&update);
        let (refusal, fault) = match booked {
            Err(reason) => (reason, Reason::None),
            Ok(Booked::Faulty(reason)) => (Reason::None, reason),
            Ok(Booked::Clean) => (Reason::None, Reason::None),
        };
        assert_eq!(peek!(bench, refusal).raw(), refusal as u128, "{update:?}\n{before}");
        let changed = peek!(bench, write_order);
        let order = if changed { peek!(bench, booked_order) } else { pair.orders[slot] };
        assert_eq!(changed, order != pair.orders[slot]);
        if changed {
            pair.ledger = peek!(bench, booked);
        }
        pair.ledger.is_reconciled = peek!(bench, is_reconciled);
        pair.orders[slot] = order;
        pair.compare();
        // What is wrong is said after the new ledger has become the operand.
        cycle!(bench);
        poke!(bench, ledger, pair.ledger);
        poke!(bench, order, order);
        cycle!(bench);
        assert_eq!(peek!(bench, fault).raw(), fault as u128, "{update:?}\n{before}");
        *seen.entry(format!("{booked:?} {changed}")).or_default() += 1;
    }
    for reason in ["ValueRange", "UnknownOrder", "StaleUpdate", "LedgerRange", "Overfill", "LateFill"] {
        let count: usize = seen.iter().filter(|(key, _)| key.contains(reason)).map(|(_, count)| count).sum();
        assert!(count >= 5, "{reason}: {seen:?}");
    }
    assert!(seen["Ok(Clean) true"] > 150 && seen["Ok(Clean) false"] > 20, "{seen:?}");
    bench.finish();
}

#[test]
fn reconciliation_is_the_kernels() {
    let mut bench = TestBench::new("reconcile", Reconcile::default());
    let mut state = 77;
    for _ in 0..100 {
        let mut pair = Pair::new();
        for _ in 0..word(&mut state) % 16 {
            pair.reserve(
                if word(&mut state).is_multiple_of(2) { Side::Buy } else { Side::Sell },
                1 + (word(&mut state) % 99) as i64,
            );
        }
        pair.kernel.cost = word(&mut state) as i64 >> 2;
        pair.kernel.ledger_seq = word(&mut state) as u32;
        pair.ledger.cost = U::new(pair.kernel.cost as u128);
        pair.ledger.ledger_seq = U::new(pair.kernel.ledger_seq.into());
        let position =
            [POSITION_MAX, -POSITION_MAX, 0, word(&mut state) as i64 % POSITION_MAX][word(&mut state) as usize % 4];
        let hedge_coin = word(&mut state) as i64 >> 2;
        poke!(bench, ledger, pair.ledger);
        poke!(
            bench,
            word,
            record::Reconciliation { position: U::new(position as u128), hedge_coin: U::new(hedge_coin as u128) }
        );
        cycle!(bench, settle);
        pair.kernel.reconcile(position, hedge_coin);
        pair.ledger = peek!(bench, new_ledger);
        pair.orders = [record::Order::default(); 16];
        pair.compare();
    }
    bench.finish();
}
