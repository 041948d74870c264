//! No sequence of reports, in whatever order and however often repeated, books a fill twice or makes
//! open quantity negative.

use super::config;
use super::orders::{Table, terms};
use super::peer::*;
use hedgewire_host::deribit::starbase::orders::Price9;
use hedgewire_host::deribit::starbase::orders::oms::Style;
use hedgewire_host::deribit::starbase::orders::value::{Side, Worth};
use proptest::prelude::*;

/// How an honest venue may treat an order: its reports, what filled at which prices, how it ended.
#[derive(Clone, Debug)]
struct Life {
    quantity: i64,
    is_buy: bool,
    /// Sizes and price offsets of fills, of which the first ones are immediate.
    fills: Vec<(i64, i64)>,
    immediate: usize,
    is_queued: bool,
    is_cancelled: bool,
}

fn lives() -> impl Strategy<Value = Life> {
    let fills = prop::collection::vec((1i64..6, -3i64..4), 0..7);
    (1i64..30, any::<bool>(), fills, any::<prop::sample::Index>(), any::<bool>(), any::<bool>()).prop_map(
        |(quantity, is_buy, mut fills, immediate, is_queued, is_cancelled)| {
            let mut left = quantity;
            fills.retain_mut(|(size, _)| {
                *size = (*size).min(left);
                left -= *size;
                *size > 0
            });
            let immediate = immediate.index(fills.len() + 1);
            Life { quantity, is_buy, fills, immediate, is_queued, is_cancelled: is_cancelled && left > 0 }
        },
    )
}

/// The reports of a life in order, and what it came to.
fn reports(life: &Life, known: Known) -> (Vec<Report>, i64, Worth) {
    let side = if life.is_buy { Side::Buy } else { Side::Sell };
    let (mut known, mut reports, mut worth) = (known, vec![], Worth::default());
    let mut book = |(size, offset): (i64, i64), is_taker| {
        let price = PRICE_AT + offset * 500_000_000;
        worth =
            worth.plus(terms().worth(side, size, Price9(price), super::orders::PRICE_UNITS, is_taker).expect("good"));
        price
    };
    let taken: Vec<Fill> = life.fills[..life.immediate]
        .iter()
        .enumerate()
        .map(|(id, fill)| (id as i64, book(*fill, true), fill.0))
        .collect();
    if life.is_queued {
        reports.push(new_order_response(&known, QUEUED, 0, &[]));
    }
    known.total = taken.iter().map(|fill| fill.2).sum();
    let status = if known.total == life.quantity { FILLED } else { ACTIVE };
    reports.push(if life.is_queued {
        order_placed(&known, status, 0, &taken)
    } else {
        new_order_response(&known, status, 0, &taken)
    });
    for (id, fill) in life.fills.iter().enumerate().skip(life.immediate) {
        known.total += fill.0;
        reports.push(order_filled(&known, (id as i64, book(*fill, false), fill.0), 0));
    }
    if life.is_cancelled {
        reports.push(orders_canceled(&known, BY_REQUEST));
    }
    (reports, known.total, worth)
}

const PRICE_AT: i64 = super::orders::PRICE;

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn reports_in_any_order_and_number_come_to_the_same(
        lives in prop::collection::vec(lives(), 1..5),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        shuffle in any::<u64>(),
    ) {
        let mut table = Table::new();
        let mut all = vec![];
        let mut expected = vec![];
        for life in &lives {
            let side = if life.is_buy { Side::Buy } else { Side::Sell };
            let known = table.sends(side, life.quantity, Style::PostOnly, 0);
            let (reports, total, worth) = reports(life, known);
            all.extend(reports);
            expected.push((known, total, worth, life.is_cancelled));
        }
        let mut sequence: Vec<&Report> = picks.iter().map(|pick| &all[pick.index(all.len())]).collect();
        sequence.extend(&all);
        let mut random = shuffle | 1;
        for place in (1..sequence.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sequence.swap(place, (random >> 33) as usize % (place + 1));
        }
        let mut filled_before = 0;
        for report in sequence {
            table.gives(report);
            let filled = table.oms.quantities().filled;
            prop_assert!(filled >= filled_before, "what is filled never shrinks");
            filled_before = filled;
        }
        for (known, total, worth, is_cancelled) in expected {
            let order = table.order(&known);
            prop_assert_eq!(order.filled(), total);
            prop_assert_eq!(order.worth(&terms()), worth, "each piece is valued once, at its own price");
            prop_assert_eq!(order.is_done(), is_cancelled || total == known.quantity);
            prop_assert_eq!(order.quantities().overfilled, 0);
        }
    }

    #[test]
    fn reports_of_a_lying_venue_keep_the_sums(
        reports in prop::collection::vec((0u8..9, 0i64..40, 0i64..40, 0i8..6, 0usize..4), 1..60),
    ) {
        let mut table = Table::new();
        let orders = [(); 4].map(|()| table.sends(Side::Buy, 10, Style::PostOnly, 0));
        for (kind, total, size, status, which) in reports {
            let known = Known { total, ..orders[which] };
            let fill = (1, PRICE_AT, size);
            table.gives(&match kind {
                0 => new_order_response(&known, status, 2, &[fill]),
                1 => amend_response(&known, status, &[fill, fill]),
                2 => order_placed(&known, status, 2, &[fill]),
                3 => order_filled(&known, fill, 0),
                4 => orders_canceled(&known, BY_REQUEST),
                5 => new_order_reject(&known, status),
                6 => cancel_response(&known),
                7 => cancel_reject(&known, status),
                _ => {
                    table.oms.disconnected();
                    table.oms.caught_up(total % 3 > 0);
                    table.assert_sound();
                    continue;
                }
            });
            let most = table.order(&orders[which]).filled();
            prop_assert!(most <= 40);
        }
    }
}
