//! The book against a naive one: a list of orders, searched anew at every step.

use hedgewire_sim::random::Random;
use hedgewire_sim::venue::{Book, Order, Owner, SelfTrade, Side, Step};

/// Orders in the order in which they came to rest.
#[derive(Default)]
struct Naive(Vec<Order>);

impl Naive {
    /// The best order that a side at a price may trade with: by price, then by arrival.
    fn best(&self, side: Side, price: i64) -> Option<usize> {
        let better = |a: &Order, b: &Order| if side == Side::Buy { a.price < b.price } else { a.price > b.price };
        let mut best: Option<usize> = None;
        for (place, order) in self.0.iter().enumerate() {
            let crosses = if side == Side::Buy { order.price <= price } else { order.price >= price };
            let is_better = best.is_none_or(|best| better(order, &self.0[best]));
            if order.side != side && crosses && is_better {
                best = Some(place);
            }
        }
        best
    }

    fn trade(&mut self, taker: &mut Order, mode: SelfTrade) -> (Vec<Step>, bool) {
        let mut steps = vec![];
        while taker.quantity > taker.filled {
            let Some(place) = self.best(taker.side, taker.price) else { break };
            let maker = self.0[place];
            let is_own = maker.owner == taker.owner
                && taker.self_match_id.is_some()
                && maker.self_match_id == taker.self_match_id;
            if is_own && mode == SelfTrade::CancelTaker {
                return (steps, true);
            }
            if is_own {
                steps.push(Step::MakerCancelled(self.0.remove(place)));
                continue;
            }
            let quantity = (maker.quantity - maker.filled).min(taker.quantity - taker.filled);
            taker.filled += quantity;
            self.0[place].filled += quantity;
            steps.push(Step::Fill { maker: self.0[place], quantity });
            if self.0[place].filled == self.0[place].quantity {
                self.0.remove(place);
            }
        }
        (steps, false)
    }

    fn side(&self, side: Side) -> Vec<Order> {
        let mut orders: Vec<Order> = self.0.iter().filter(|order| order.side == side).copied().collect();
        // Stable: arrival decides among equals.
        orders.sort_by_key(|order| if side == Side::Buy { -order.price } else { order.price });
        orders
    }
}

fn draw(random: &mut Random, id: i64) -> Order {
    let owner = if random.chance(0.5) { Owner::Public } else { Owner::Member(random.index(2)) };
    Order {
        order_id: id,
        sort_id: id,
        owner,
        client_order_id: id,
        side: if random.chance(0.5) { Side::Buy } else { Side::Sell },
        price: 95 + random.index(11) as i64,
        quantity: 1 + random.index(50) as i64,
        filled: 0,
        self_match_id: random.chance(0.5).then(|| random.index(2) as i64),
        cancel_on_disconnect: false,
        is_protected: false,
        quote_group: None,
    }
}

#[test]
fn book_trades_as_a_naive_one_does_over_100_000_operations() {
    let seed = 20_261_126;
    let mut random = Random::new(seed, 0);
    let (mut book, mut naive) = (Book::default(), Naive::default());
    let mut seen = [0u32; 5];
    for id in 1..=100_000 {
        let place = format!("seed {seed}, operation {id}");
        match random.weighted(&[0.7, 0.2, 0.1]) {
            0 => {
                let mut order = draw(&mut random, id);
                let mut same = order;
                let mode = if random.chance(0.5) { SelfTrade::CancelTaker } else { SelfTrade::CancelMaker };
                let tradable = book.tradable(&order, mode);
                let mut steps = vec![];
                let is_stopped = book.trade(&mut order, mode, &mut steps);
                assert_eq!((steps.clone(), is_stopped), naive.trade(&mut same, mode), "{place}");
                assert_eq!(order, same, "{place}");
                assert_eq!(tradable, order.filled, "{place}");
                seen[0] += u32::from(steps.iter().any(|step| matches!(step, Step::Fill { .. })));
                seen[1] += u32::from(steps.iter().any(|step| matches!(step, Step::MakerCancelled(_))));
                seen[2] += u32::from(is_stopped);
                if !is_stopped && order.open() > 0 {
                    book.rest(order);
                    naive.0.push(order);
                }
            }
            1 if !naive.0.is_empty() => {
                let order = naive.0.remove(random.index(naive.0.len()));
                assert_eq!(book.remove(order.order_id), Some(order), "{place}");
                assert_eq!(book.remove(order.order_id), None, "{place}");
                seen[3] += 1;
            }
            _ if !naive.0.is_empty() => {
                let chosen = random.index(naive.0.len());
                let order = &mut naive.0[chosen];
                let quantity = order.filled + 1 + random.index((order.quantity - order.filled) as usize) as i64;
                order.quantity = quantity;
                assert_eq!(book.reduce(order.order_id, quantity), Some(*order), "{place}");
                seen[4] += 1;
            }
            _ => {}
        }
        assert_eq!(book.len(), naive.0.len(), "{place}");
        for side in [Side::Buy, Side::Sell] {
            assert_eq!(book.best(side), naive.side(side).first().map(|order| order.price), "{place}");
            if id % 16 == 0 {
                assert_eq!(book.orders(side).copied().collect::<Vec<_>>(), naive.side(side), "{place}");
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 500), "every kind of step was taken: {seen:?}");
}
