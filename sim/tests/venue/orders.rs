//! What becomes of requests, read from bytes.

use super::*;

const ACTIVE: i8 = 1;
const FILLED: i8 = 2;
const CANCELED: i8 = 3;
const QUEUED: i8 = 4;
const IOC: i8 = -2;
const FOK: i8 = -1;
const MS: i64 = 1_000_000;

fn world() -> (World, Client, Client) {
    let mut world = World::new(settings(1));
    let alpha = Client::log_on(&mut world, "alpha");
    let beta = Client::log_on(&mut world, "beta");
    (world, alpha, beta)
}

/// Status and cancel reason of a new order's response.
fn status(message: &Message) -> (i8, i8) {
    assert_eq!(message.template, 200, "{message:?}");
    (message.i8(92), message.i8(93))
}

fn refusal(messages: &[Message], template: u16) -> i8 {
    assert_eq!(templates(messages), [template], "{messages:?}");
    messages[0].i8(48)
}

#[test]
fn resting_order_is_filled_and_both_sides_hear_the_same_trade() {
    let (mut world, mut alpha, mut beta) = world();
    let rested = alpha.order(&mut world, &Order::limit(1, 1, 60_000, 30));
    assert_eq!(status(&rested[0]), (ACTIVE, 0));
    assert_eq!((rested[0].usd(56), rested[0].usd(65), rested[0].usd(74)), (30, 0, 30));
    let taken = beta.order(&mut world, &Order::limit(5, -1, 59_990, 20));
    assert_eq!(status(&taken[0]), (FILLED, 0));
    // One fill, no leg; better than the limit.
    assert_eq!((taken[0].u16(94), taken[0].u16(96)), (25, 1));
    assert_eq!((taken[0].i64(98 + 8), taken[0].usd(98 + 16)), (60_000 * UNIT, 20));
    assert_eq!((taken[0].u16(123), taken[0].u16(125), taken[0].body.len()), (34, 0, 127));
    let filled = alpha.hear(&mut world);
    assert_eq!(templates(&filled), [300]);
    let entry = 20;
    assert_eq!((filled[0].u16(16), filled[0].u16(18)), (60, 1));
    assert_eq!(
        (filled[0].i64(entry), filled[0].i64(entry + 24)),
        (1, taken[0].i64(98)),
        "order and number of the trade"
    );
    assert_eq!((filled[0].usd(entry + 40), filled[0].usd(entry + 49), filled[0].i8(entry + 58)), (20, 20, 1));
    assert_eq!(filled[0].i8(entry + 59), 0, "not fully filled");
    assert_eq!((world.venue.position(0, PERPETUAL), world.venue.position(1, PERPETUAL)), (20, -20));
    let cancelled = alpha.cancel(&mut world, 1, PERPETUAL_ID);
    assert_eq!(templates(&cancelled), [220]);
    assert!(world.venue.book(PERPETUAL).is_empty());
}

#[test]
fn what_does_not_trade_at_once_is_cancelled_with_the_reason() {
    let (mut world, mut alpha, mut beta) = world();
    alpha.order(&mut world, &Order::limit(1, -1, 60_000, 50));
    let ioc = Order { time_in_force: IOC, ..Order::limit(2, 1, 60_000, 80) };
    let fok = Order { time_in_force: FOK, ..Order::limit(3, 1, 60_000, 80) };
    let answer = beta.order(&mut world, &fok);
    assert_eq!((status(&answer[0]), answer[0].usd(65)), ((CANCELED, 2), 0));
    let answer = beta.order(&mut world, &ioc);
    assert_eq!((status(&answer[0]), answer[0].usd(65)), ((CANCELED, 2), 50));
    alpha.order(&mut world, &Order::limit(4, -1, 60_100, 50));
    let market = Order { price: NULL, ..Order::limit(5, 1, 0, 10) };
    let answer = beta.order(&mut world, &market);
    assert_eq!((status(&answer[0]), answer[0].usd(65)), ((FILLED, 0), 10));
    let market_limit = Order { price: NULL, flags: 8, ..Order::limit(6, 1, 0, 70) };
    let answer = beta.order(&mut world, &market_limit);
    assert_eq!((status(&answer[0]), answer[0].usd(65), answer[0].i64(48)), ((ACTIVE, 0), 40, 60_100 * UNIT));
}

#[test]
fn post_only_is_refused_or_repriced() {
    let (mut world, mut alpha, mut beta) = world();
    alpha.order(&mut world, &Order::limit(1, -1, 60_000, 50));
    let refused = beta.order(&mut world, &Order { flags: 6, ..Order::limit(2, 1, 60_000, 10) });
    assert_eq!(refusal(&refused, 202), 8);
    let repriced = beta.order(&mut world, &Order { flags: 2, ..Order::limit(3, 1, 60_010, 10) });
    assert_eq!((status(&repriced[0]), repriced[0].i64(48)), ((ACTIVE, 0), 60_000 * UNIT - UNIT / 2));
}

#[test]
fn orders_that_break_a_rule_are_refused_with_its_number() {
    let (mut world, mut alpha, _) = world();
    let good = Order::limit(1, 1, 60_000, 10);
    assert_eq!(status(&alpha.order(&mut world, &good)[0]).0, ACTIVE);
    let fresh = Order { id: 2, ..good };
    let cases = [
        (Order { instrument: 5, ..fresh }, 1),
        (Order { side: 0, ..fresh }, 2),
        (Order { time_in_force: -3, ..fresh }, 2),
        (Order { mode: 2, ..fresh }, 2),
        (good, 4),
        (Order { quantity: 15, ..fresh }, 5),
        (Order { quantity: 0, ..fresh }, 5),
        (Order { quantity: -10, ..fresh }, 5),
        (Order { price: fresh.price + 1, ..fresh }, 6),
        (Order { price: 0, ..fresh }, 6),
        (Order { price: 61_000 * UNIT, ..fresh }, 22),
        (Order { side: -1, price: 59_000 * UNIT, ..fresh }, 23),
    ];
    for (order, reason) in cases {
        assert_eq!(refusal(&alpha.order(&mut world, &order), 202), reason, "{order:?}");
    }
    let iceberg = Bytes(fresh.body()).quantity(41, 0);
    assert_eq!(refusal(&alpha.send(&mut world, 100, &iceberg.0), 202), 20);
    world.venue.set_halted(world.now_ns, PERPETUAL, true);
    assert_eq!(refusal(&alpha.order(&mut world, &fresh), 202), 7);
    assert_eq!(templates(&alpha.cancel(&mut world, 1, PERPETUAL_ID)), [220], "a halt does not hold cancels");
    world.venue.set_halted(world.now_ns, PERPETUAL, false);
    assert_eq!(status(&alpha.order(&mut world, &fresh)[0]).0, ACTIVE);
    assert_eq!(refusal(&alpha.cancel(&mut world, 99, PERPETUAL_ID), 222), 1);
}

#[test]
fn orders_of_one_number_do_not_trade_with_each_other() {
    let (mut world, mut alpha, mut beta) = world();
    beta.order(&mut world, &Order::limit(9, -1, 60_010, 10));
    alpha.order(&mut world, &Order { self_match: 3, ..Order::limit(1, -1, 60_000, 10) });
    let stopped = alpha.order(&mut world, &Order { self_match: 3, ..Order::limit(2, 1, 60_010, 20) });
    assert_eq!((status(&stopped[0]), stopped[0].usd(65)), ((CANCELED, 1), 0));
    let through = alpha.order(&mut world, &Order { self_match: 3, mode: 1, ..Order::limit(3, 1, 60_010, 20) });
    assert_eq!(templates(&through), [200, 310], "the answer, then the resting order that gave way");
    assert_eq!((status(&through[0]), through[0].usd(65)), ((ACTIVE, 0), 10));
    assert_eq!((through[1].i64(21), through[1].i8(21 + 33)), (1, 1));
    // Without a number, a member trades with itself, and hears of both sides.
    let both = alpha.order(&mut world, &Order::limit(4, -1, 60_010, 10));
    assert_eq!(templates(&both), [200, 300]);
    assert_eq!(world.venue.position(0, PERPETUAL), 10);
}

#[test]
fn amended_order_keeps_its_place_only_when_it_becomes_smaller() {
    let (mut world, mut alpha, mut beta) = world();
    for id in 1..=3 {
        alpha.order(&mut world, &Order::limit(id, 1, 60_000, 30));
    }
    let first = |world: &World| world.venue.book(PERPETUAL).orders(hedgewire_sim::venue::Side::Buy).next().copied();
    let smaller = alpha.amend(&mut world, &Order::limit(1, 1, 60_000, 20));
    assert_eq!((smaller[0].template, smaller[0].i8(91), smaller[0].usd(56)), (210, ACTIVE, 20));
    assert_eq!(first(&world).map(|order| order.client_order_id), Some(1));
    alpha.amend(&mut world, &Order::limit(1, 1, 60_000, 40));
    assert_eq!(first(&world).map(|order| order.client_order_id), Some(2));
    let own_price = alpha.amend(&mut world, &Order::limit(2, 1, 60_010, 30));
    assert_eq!(own_price[0].i64(48), 60_010 * UNIT);
    // A trade through the best price shows the new order of places.
    let sold = beta.order(&mut world, &Order::limit(1, -1, 60_000, 70));
    assert_eq!(sold[0].u16(96), 3);
    let filled = alpha.hear(&mut world);
    let ids: Vec<i64> = (0..3).map(|entry| filled[0].i64(20 + 60 * entry)).collect();
    assert_eq!(ids, [2, 3, 1]);
    // What has traded cannot be taken back.
    assert_eq!(refusal(&alpha.amend(&mut world, &Order::limit(1, 1, 60_000, 10)), 212), 5);
    assert_eq!(refusal(&alpha.amend(&mut world, &Order::limit(2, 1, 60_000, 10)), 212), 12);
    // An amended order may trade at once.
    beta.order(&mut world, &Order::limit(2, -1, 60_020, 10));
    let through = alpha.amend(&mut world, &Order::limit(1, 1, 60_020, 40));
    assert_eq!((through[0].template, through[0].i8(91), through[0].usd(65)), (210, ACTIVE, 20));
    assert_eq!((through[0].u16(93), through[0].u16(95)), (25, 1));
}

#[test]
fn aggressing_orders_wait_ten_milliseconds_but_for_inverse_perpetuals() {
    let (mut world, mut alpha, mut beta) = world();
    let on_future = |order: Order| Order { instrument: FUTURE_ID, ..order };
    assert_eq!(status(&alpha.order(&mut world, &on_future(Order::limit(1, -1, 60_000, 30)))[0]).0, ACTIVE);
    let queued = beta.order(&mut world, &on_future(Order::limit(2, 1, 60_000, 50)));
    assert_eq!(status(&queued[0]).0, QUEUED);
    assert_eq!(refusal(&beta.amend(&mut world, &on_future(Order::limit(2, 1, 59_000, 50))), 212), 34);
    world.wait(10 * MS - 1);
    assert!(beta.hear(&mut world).is_empty() && world.venue.waiting_orders() == 1);
    // A cancel of what rests does not wait.
    assert_eq!(templates(&alpha.order(&mut world, &on_future(Order::limit(3, -1, 59_990, 10)))), [200]);
    assert_eq!(templates(&alpha.cancel(&mut world, 1, FUTURE_ID)), [220]);
    world.wait(1);
    let placed = beta.hear(&mut world);
    assert_eq!(templates(&placed), [312]);
    assert_eq!((placed[0].i64(16), placed[0].i64(80), placed[0].i8(75)), (2, 1_002, ACTIVE));
    assert_eq!((placed[0].usd(57), placed[0].u16(88), placed[0].u16(90)), (10, 25, 1));
    assert_eq!(templates(&alpha.hear(&mut world)), [300]);
}

#[test]
fn cancel_in_the_bump_keeps_the_order_from_resting() {
    let (mut world, mut alpha, mut beta) = world();
    let on_future = |order: Order| Order { instrument: FUTURE_ID, ..order };
    alpha.order(&mut world, &on_future(Order::limit(1, -1, 60_000, 30)));
    beta.order(&mut world, &on_future(Order::limit(2, 1, 60_000, 50)));
    assert_eq!(refusal(&beta.cancel(&mut world, 2, FUTURE_ID), 222), 8);
    world.wait(10 * MS);
    let placed = beta.hear(&mut world);
    assert_eq!((placed[0].template, placed[0].i8(75), placed[0].i8(76), placed[0].usd(57)), (312, CANCELED, 12, 30));
    assert!(world.venue.book(FUTURE).is_empty());
}

#[test]
fn mass_cancel_takes_what_is_meant_and_says_how_much() {
    let (mut world, mut alpha, mut beta) = world();
    for (id, side, instrument) in [(1, 1, PERPETUAL_ID), (2, -1, PERPETUAL_ID), (3, 1, FUTURE_ID)] {
        let price = 60_000 - 100 * i64::from(side);
        alpha.order(&mut world, &Order { instrument, ..Order::limit(id, side, price, 10) });
    }
    beta.order(&mut world, &Order::limit(1, 1, 59_000 + 500, 10));
    let mass = |instrument: i64, product: i8, side: i8| {
        Bytes::zeros(26).i64(0, 77).i64(8, 1).i64(16, instrument).i8(24, product).i8(25, side).0
    };
    let options = alpha.send(&mut world, 140, &mass(NULL, 1, 0));
    assert_eq!((templates(&options), options[0].body[32]), (vec![240], 0));
    let sells = alpha.send(&mut world, 140, &mass(PERPETUAL_ID, 2, -1));
    assert_eq!(templates(&sells), [310, 240]);
    assert_eq!((sells[0].u16(19), sells[0].i64(21), sells[0].i8(54)), (1, 2, 12));
    let all = alpha.send(&mut world, 140, &mass(NULL, 0, 0));
    assert_eq!((templates(&all), all[0].u16(19), all[1].body[32], all[1].i64(16)), (vec![310, 240], 2, 2, 77));
    assert_eq!((world.venue.open_orders(0).count(), world.venue.open_orders(1).count()), (0, 1));
    let unknown = alpha.send(&mut world, 140, &mass(5, 0, 0));
    assert_eq!(templates(&unknown), [242]);
}

fn quote(bid: (i64, i64), ask: (i64, i64), flags: u8) -> Vec<u8> {
    let root = Bytes::zeros(33).i64(0, 900).i64(8, 901).i64(16, GROUP).i64(24, NULL).put(32, &[flags]);
    let entry = Bytes::zeros(46)
        .i64(0, PERPETUAL_ID)
        .i64(8, bid.0 * UNIT)
        .i64(16, ask.0 * UNIT)
        .quantity(24, bid.1)
        .quantity(33, ask.1);
    [root.0, vec![46, 0, 1, 0], entry.0].concat()
}

/// Statuses of bid and ask in a response to quotes.
fn quote_statuses(messages: &[Message]) -> (i8, i8) {
    assert_eq!((messages[0].template, messages[0].u16(48), messages[0].u16(50)), (230, 80, 1), "{messages:?}");
    (messages[0].i8(52 + 76), messages[0].i8(52 + 77))
}

#[test]
fn quotes_replace_each_other() {
    let (mut world, mut alpha, _) = world();
    let mut send = |bid, ask| quote_statuses(&alpha.send(&mut world, 130, &quote(bid, ask, 0)));
    assert_eq!(send((59_900, 50), (60_100, 50)), (3, 3));
    assert_eq!(send((59_900, 50), (60_100, 30)), (1, 2));
    assert_eq!(send((59_910, 50), (60_100, 0)), (3, 5));
    assert_eq!(send((59_910, 0), (60_100, 0)), (5, 0));
    assert!(world.venue.book(PERPETUAL).is_empty());
}

#[test]
fn protection_strikes_freezes_and_thaws() {
    let (mut world, mut alpha, mut beta) = world();
    alpha.send(&mut world, 130, &quote((59_900, 200), (60_100, 50), 0));
    beta.order(&mut world, &Order::limit(1, -1, 59_900, 100));
    assert_eq!(templates(&alpha.hear(&mut world)), [300], "as much as the limit is not above it");
    beta.order(&mut world, &Order::limit(2, -1, 59_900, 10));
    let struck = alpha.hear(&mut world);
    assert_eq!(templates(&struck), [300, 310, 320]);
    assert_eq!((struck[1].u16(19), struck[1].i8(21 + 33), struck[1].body[21 + 34]), (2, 4, 1), "both sides, as quotes");
    assert_eq!((struck[2].i64(16), struck[2].i64(24)), (GROUP, world.now_ns + 2 * UNIT));
    assert!(world.venue.book(PERPETUAL).is_empty());
    let frozen = alpha.send(&mut world, 130, &quote((59_900, 50), (60_100, 50), 0));
    assert_eq!((frozen[0].template, frozen[0].i8(40)), (232, 3));
    let reset = alpha.send(&mut world, 130, &quote((59_900, 50), (60_100, 50), 1));
    assert_eq!(quote_statuses(&reset), (3, 3));
    // Orders have a protection of their own, by currency pair.
    alpha.order(&mut world, &Order { flags: 16, ..Order::limit(5, 1, 59_950, 200) });
    beta.order(&mut world, &Order::limit(3, -1, 59_950, 110));
    let struck = alpha.hear(&mut world);
    assert_eq!((templates(&struck), struck[2].i64(16)), (vec![300, 310, 322], 1));
    assert_eq!(refusal(&alpha.order(&mut world, &Order { flags: 16, ..Order::limit(6, 1, 59_950, 10) }), 202), 15);
    let heard: Vec<u16> = (0..5)
        .flat_map(|_| {
            world.wait(UNIT / 2);
            let heartbeat = |template: &u16| *template != 10 && *template != 11;
            templates(&alpha.hear(&mut world)).into_iter().filter(heartbeat).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(heard, [326]);
}

#[test]
fn requests_beyond_the_allowance_are_refused_and_cancels_are_free() {
    let mut settings = settings(1);
    settings.rate_limit = Some(hedgewire_sim::venue::RateLimit { burst: 2, refill_ns: 100 * MS });
    let mut world = World::new(settings);
    let mut alpha = Client::log_on(&mut world, "alpha");
    for id in 1..=2 {
        assert_eq!(status(&alpha.order(&mut world, &Order::limit(id, 1, 60_000, 10))[0]).0, ACTIVE);
    }
    assert_eq!(refusal(&alpha.order(&mut world, &Order::limit(3, 1, 60_000, 10)), 202), 25);
    assert_eq!(refusal(&alpha.amend(&mut world, &Order::limit(2, 1, 60_010, 10)), 212), 25);
    assert_eq!(templates(&alpha.cancel(&mut world, 1, PERPETUAL_ID)), [220]);
    world.wait(100 * MS);
    assert_eq!(templates(&alpha.amend(&mut world, &Order::limit(2, 1, 60_010, 10))), [210]);
    assert_eq!(world.venue.counts().over_rate, 2);
}
