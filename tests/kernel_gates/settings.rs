//! Settings that are refused: the largest value of each field is taken, and one more is not.

use hedgewire_abi::Reason;
use hedgewire_abi::command::{
    Reconcile, SetPriceLimits, SetRateLimits, SetSizeLimits, SetStatus, SetTarget, SetTrigger, Trade,
};
use hedgewire_abi::format::{BAND_MAX, BAND_SCALE_MAX, COIN_MAGNITUDE_BITS, DURATION_MAX_NS, ORDER_MAX, POSITION_MAX};

use crate::commands::tried;
use crate::scenario::Scenario;

/// A field and the largest value that it may have.
type Bounded<T> = (fn(&mut T, u64), u64);

#[test]
fn trigger_settings_are_refused_outside_their_range() {
    let set = |change: fn(&mut SetTrigger)| {
        let mut set = Scenario::selling().trigger;
        change(&mut set);
        tried(|h| set.encode(h))
    };
    assert_eq!(set(|s| s.theta = 65_536), Reason::None);
    assert_eq!(set(|s| s.theta = 65_537), Reason::ValueRange);
    assert_eq!(set(|s| s.clip_min = 1), Reason::None);
    assert_eq!(set(|s| s.clip_min = 0), Reason::ValueRange);
    assert_eq!(set(|s| s.clip_max = ORDER_MAX), Reason::None);
    assert_eq!(set(|s| s.clip_max = ORDER_MAX + 1), Reason::ValueRange);
    assert_eq!(set(|s| s.band_min = BAND_MAX), Reason::None);
    assert_eq!(set(|s| s.band_min = BAND_MAX + 1), Reason::ValueRange);
    assert_eq!(set(|s| s.band_max = BAND_MAX), Reason::None);
    assert_eq!(set(|s| s.band_max = BAND_MAX + 1), Reason::ValueRange);
    assert_eq!(set(|s| s.band_scale_buy = BAND_SCALE_MAX), Reason::None);
    assert_eq!(set(|s| s.band_scale_buy = BAND_SCALE_MAX + 1), Reason::ValueRange);
    assert_eq!(set(|s| s.band_scale_sell = BAND_SCALE_MAX), Reason::None);
    assert_eq!(set(|s| s.band_scale_sell = BAND_SCALE_MAX + 1), Reason::ValueRange);
}

#[test]
fn price_limits_are_refused_outside_their_range() {
    let set = |change: fn(&mut SetPriceLimits, u64), ns| {
        let mut set = Scenario::selling().price;
        change(&mut set, ns);
        tried(|h| set.encode(h))
    };
    let fields: [fn(&mut SetPriceLimits, u64); 3] =
        [|s, ns| s.quote_age_max_ns = ns, |s, ns| s.cool_down_ns = ns, |s, ns| s.duplicate_window_ns = ns];
    for field in fields {
        assert_eq!(set(field, DURATION_MAX_NS), Reason::None);
        assert_eq!(set(field, DURATION_MAX_NS + 1), Reason::ValueRange);
    }
}

#[test]
fn size_limits_are_refused_outside_their_range() {
    let set = |change: fn(&mut SetSizeLimits, u64), value| {
        let mut set = Scenario::selling().size;
        change(&mut set, value);
        tried(|h| set.encode(h))
    };
    let fields: Vec<Bounded<SetSizeLimits>> = vec![
        (|s, value| s.order_max = value as u32, u64::from(ORDER_MAX)),
        (|s, value| s.position_max = value, POSITION_MAX as u64),
        (|s, value| s.gross_max = value, POSITION_MAX as u64),
        (|s, value| s.band_emergency = value, BAND_MAX),
    ];
    for (field, most) in fields {
        assert_eq!(set(field, most), Reason::None);
        assert_eq!(set(field, most + 1), Reason::ValueRange);
    }
}

#[test]
fn rate_limits_are_refused_outside_their_range() {
    let set = |change: fn(&mut SetRateLimits, u64), value| {
        let mut set = Scenario::selling().rate;
        change(&mut set, value);
        tried(|h| set.encode(h))
    };
    let fields: Vec<Bounded<SetRateLimits>> = vec![
        (|s, value| s.order_interval_ns = value, DURATION_MAX_NS),
        (|s, value| s.order_burst_ns = value, DURATION_MAX_NS),
        (|s, value| s.open_orders_max = value as u32, 16),
    ];
    for (field, most) in fields {
        assert_eq!(set(field, most), Reason::None);
        assert_eq!(set(field, most + 1), Reason::ValueRange);
    }
}

#[test]
fn status_is_refused_outside_its_range() {
    let set = |change: fn(&mut SetStatus, u64), value| {
        let mut set = Scenario::selling().status;
        change(&mut set, value);
        tried(|h| set.encode(h))
    };
    let fields: Vec<Bounded<SetStatus>> = vec![
        (|s, value| s.oracle = value as u8, 2),
        (|s, value| s.restricted = value as u8, 1),
        (|s, value| s.margin_buy = value, POSITION_MAX as u64),
        (|s, value| s.margin_sell = value, POSITION_MAX as u64),
    ];
    for (field, most) in fields {
        assert_eq!(set(field, most), Reason::None);
        assert_eq!(set(field, most + 1), Reason::ValueRange);
    }
}

#[test]
fn coin_amounts_are_refused_outside_their_range() {
    let limit = (1i64 << COIN_MAGNITUDE_BITS) - 1;
    for (coin, expected) in
        [(limit, Reason::None), (-limit, Reason::None), (limit + 1, Reason::ValueRange), (i64::MIN, Reason::ValueRange)]
    {
        assert_eq!(tried(|h| SetTarget { target: coin, cash: 0 }.encode(h)), expected);
        assert_eq!(tried(|h| SetTarget { target: 0, cash: coin }.encode(h)), expected);
        assert_eq!(tried(|h| Reconcile { position: 0, hedge_coin: coin }.encode(h)), expected);
        let is_refused = tried(|h| Trade { slot: 0, quantity: 0, cash: coin }.encode(h)) == Reason::ValueRange;
        assert_eq!(is_refused, expected == Reason::ValueRange);
    }
}

#[test]
fn positions_are_refused_outside_their_range() {
    let set = |position| tried(|h| Reconcile { position, hedge_coin: 0 }.encode(h));
    assert_eq!([set(POSITION_MAX), set(-POSITION_MAX)], [Reason::None; 2]);
    assert_eq!([set(POSITION_MAX + 1), set(-POSITION_MAX - 1), set(i64::MIN)], [Reason::ValueRange; 3]);
}
