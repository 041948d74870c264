//! The book by `sortOrderId` against a sorted vector.

use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn order(order_id: i64, price: i64, sort_order_id: i64, quantity: i64) -> Order {
    Order { order_id, price, sort_order_id, quantity }
}

fn queue(book: &OrderBook, side: Side) -> Vec<i64> {
    book.orders(side).map(|order| order.order_id).collect()
}

#[test]
fn place_is_by_sort_number_and_never_by_arrival() {
    let mut book = OrderBook::default();
    for (id, price, sort) in [(1, 100, 30), (2, 100, 10), (3, 100, 20), (4, 101, 99), (5, 100, 40), (6, 99, 1)] {
        book.put(Side::Bid, order(id, price, sort, 1)).expect("good");
        book.put(Side::Ask, order(id + 10, price, sort, 1)).expect("good");
    }
    assert_eq!(queue(&book, Side::Bid), [4, 2, 3, 1, 5, 6]);
    assert_eq!(queue(&book, Side::Ask), [16, 12, 13, 11, 15, 14]);
}

#[test]
fn an_order_stated_again_in_its_place_keeps_it_and_another_place_moves_it() {
    let mut book = OrderBook::default();
    for (id, sort) in [(1, 10), (2, 20), (3, 30)] {
        book.put(Side::Ask, order(id, 100, sort, 5)).expect("good");
    }
    // Partly filled: same place, less of it.
    book.put(Side::Ask, order(1, 100, 10, 2)).expect("good");
    assert_eq!(queue(&book, Side::Ask), [1, 2, 3]);
    assert_eq!(book.best(Side::Ask), Some(PriceLevel { price: 100, quantity: 12, orders: 3 }));
    // Amended: to the end.
    book.put(Side::Ask, order(1, 100, 40, 2)).expect("good");
    assert_eq!(queue(&book, Side::Ask), [2, 3, 1]);
    // Amended to a better price.
    book.put(Side::Ask, order(3, 99, 50, 7)).expect("good");
    assert_eq!(queue(&book, Side::Ask), [3, 2, 1]);
    assert_eq!(book.best(Side::Ask), Some(PriceLevel { price: 99, quantity: 7, orders: 1 }));
    book.delete(Side::Ask, 3).expect("good");
    assert_eq!(book.levels(Side::Ask).len(), 1);
}

#[test]
fn a_contradiction_changes_nothing_and_says_why() {
    let mut book = OrderBook::default();
    book.put(Side::Bid, order(1, 100, 1, 5)).expect("good");
    book.put(Side::Bid, order(2, 100, 2, i64::MAX - 5)).expect("just fits");
    let before = book.clone();
    let cases = [
        (book.put(Side::Bid, order(3, 100, 3, 1)), Contradiction::LevelQuantity),
        (book.put(Side::Bid, order(1, 100, 1, 6)), Contradiction::LevelQuantity),
        (book.put(Side::Bid, order(1, 100, 9, 6)), Contradiction::LevelQuantity),
        (book.put(Side::Bid, order(3, 100, 3, 0)), Contradiction::Quantity),
        (book.put(Side::Bid, order(3, 100, 3, -1)), Contradiction::Quantity),
        (book.put(Side::Bid, order(3, i64::MIN, 3, 1)), Contradiction::Price),
        (book.put(Side::Ask, order(1, 200, 3, 1)), Contradiction::OtherSide),
        (book.reduce(Side::Ask, 1, 1), Contradiction::OtherSide),
        (book.reduce(Side::Bid, 7, 1), Contradiction::UnknownOrder),
        (book.reduce(Side::Bid, 1, 6), Contradiction::Grown),
        (book.reduce(Side::Bid, 1, 0), Contradiction::Quantity),
        (book.delete(Side::Bid, 7), Contradiction::UnknownOrder),
        (book.delete(Side::Ask, 1), Contradiction::OtherSide),
    ];
    for (outcome, expected) in cases {
        assert_eq!(outcome, Err(expected));
        assert!(!expected.to_string().is_empty());
    }
    assert_eq!(book, before);
    assert_eq!(book.best(Side::Bid).map(|level| level.quantity), Some(i64::MAX));
    // An order may move within a full level: it leaves first.
    book.put(Side::Bid, order(1, 100, 9, 5)).expect("nothing is added");
}

#[test]
fn prices_of_combinations_may_be_zero_or_below() {
    let mut book = OrderBook::default();
    for (id, price) in [(1, -5), (2, 0), (3, i64::MIN + 1)] {
        book.put(Side::Bid, order(id, price, id, 1)).expect("good");
    }
    for (id, price) in [(4, 7), (5, i64::MAX)] {
        book.put(Side::Ask, order(id, price, id, 1)).expect("good");
    }
    assert_eq!(queue(&book, Side::Bid), [2, 1, 3]);
    assert_eq!(queue(&book, Side::Ask), [4, 5]);
    assert_eq!(book.shape(), Shape::Open);
    book.put(Side::Ask, order(6, 0, 6, 1)).expect("good");
    assert_eq!(book.shape(), Shape::Locked);
    book.put(Side::Ask, order(6, -1, 6, 1)).expect("good");
    assert_eq!(book.shape(), Shape::Crossed);
}

#[test]
fn a_cleared_book_is_empty_and_can_be_filled_again() {
    let mut book = OrderBook::with_capacity(4);
    for round in 0..3 {
        assert_eq!((book.shape(), book.len(), book.is_empty()), (Shape::Empty, 0, true));
        for id in 1..100 {
            book.put(Side::Bid, order(id, id % 7, -id, 1)).expect("good");
        }
        assert_eq!((book.len(), book.levels(Side::Bid).len()), (99, 7), "round {round}");
        assert_eq!(book.order(5), Some((Side::Bid, order(5, 5, -5, 1))));
        book.clear();
    }
}

/// A change of any kind, good or not.
fn random_step(rng: &mut ChaCha8Rng, book: &mut OrderBook, oracle: &mut NaiveBook, ids: i64) -> bool {
    let side = if rng.random_bool(0.5) { Side::Bid } else { Side::Ask };
    let id = rng.random_range(0..ids) << 30;
    let (got, expected) = match rng.random_range(0..10) {
        0..=5 => {
            let quantity = rng.random_range(-1..100);
            let order = order(id, rng.random_range(-20..20), rng.random_range(0..30), quantity);
            (book.put(side, order), oracle.put(side, order))
        }
        6 => {
            let quantity = rng.random_range(0..60);
            (book.reduce(side, id, quantity), oracle.reduce(side, id, quantity))
        }
        _ => (book.delete(side, id), oracle.delete(side, id)),
    };
    assert_eq!(got, expected);
    got.is_ok()
}

#[test]
fn a_hundred_thousand_random_changes_leave_the_oracles_book_after_each() {
    let seed = seed();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut book, mut oracle) = (OrderBook::default(), NaiveBook::default());
    let mut good = 0;
    for step in 0..100_000 {
        // Thin books and full ones.
        let ids = [4, 30, 200][step / 1000 % 3];
        good += u32::from(random_step(&mut rng, &mut book, &mut oracle, ids));
        oracle.assert_is(&book, || format!("seed={seed} step={step}"));
    }
    assert!((30_000..95_000).contains(&good), "{good} of the changes were good: both kinds must be tried");
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn books_of_the_same_orders_are_equal_however_they_were_built(
        orders in prop::collection::btree_map(0i64..50, (0i64..5, 1i64..9), 1..40),
        shuffle in any::<u64>(),
    ) {
        // Each order has a sort number of its own, so that the order of arrival must not matter.
        let orders: Vec<Order> =
            orders.into_iter().map(|(id, (price, quantity))| order(id, price, id * 7 % 50, quantity)).collect();
        let mut shuffled = orders.clone();
        let mut rng = ChaCha8Rng::seed_from_u64(shuffle);
        for last in (1..shuffled.len()).rev() {
            shuffled.swap(last, rng.random_range(0..=last));
        }
        let build = |orders: &[Order]| {
            let mut book = OrderBook::default();
            orders.iter().for_each(|order| book.put(Side::Bid, *order).expect("good"));
            book
        };
        prop_assert_eq!(build(&orders), build(&shuffled));
    }
}
