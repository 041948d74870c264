//! The end of an option: settlement over the last half hour, no row after it, and how long a bank is valid.

use hedgewire_abi::command::WriteRow;
use hedgewire_host::compiler::{Numeraire, Settings, Smile, unsettled_part};
use hedgewire_host::instrument::{Payoff, Right};

use crate::market::{DAY_NS, MINUTE_NS, NOW_NS, SECOND_NS, compiled, hold, market, option, settings};
use crate::sums::Sums;

#[test]
fn options_at_or_past_expiry_are_empty_rows() {
    for expiry_ns in [NOW_NS, NOW_NS - 1, NOW_NS - DAY_NS] {
        let market = market(expiry_ns, 79_000.0, Smile::flat(0.6));
        let holding = hold(65, option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse));
        let bank = compiled(&[holding], &market, &settings(Numeraire::Coin));
        assert_eq!(bank.rows[1], WriteRow { slot: 65, ..WriteRow::default() });
        assert_eq!(bank.expired, [65]);
        assert_eq!(bank.open.valid_until_ns, NOW_NS + 10 * SECOND_NS);
    }
}

#[test]
fn settlement_decays_the_net_transaction_delta_to_035_half_way() {
    // Deribit's example: delta 1.0, mark 0.3, 15 minutes before expiry: (1 - 0.3) / 2.
    let expiry_ns = NOW_NS + 15 * MINUTE_NS;
    let market = market(expiry_ns, 78_926.0, Smile::flat(0.5));
    let holding = hold(64, option(expiry_ns, 0.7 * 78_926.0, Right::Call, Payoff::Inverse));
    let coin = compiled(std::slice::from_ref(&holding), &market, &settings(Numeraire::Coin));
    assert!((Sums::of_one(&coin, 0.0).delta - 0.35).abs() < 1e-8);
    // In USD the delta left is half of 1.0, and half of the mark is coin already.
    let usd = compiled(&[holding], &market, &settings(Numeraire::Usd));
    assert!((Sums::of_one(&usd, 0.0).delta - 0.5).abs() < 1e-8);
    assert_eq!(usd.settled.len(), 1);
    assert!((usd.settled[0].coin_per_lot - 0.15).abs() < 1e-9);
    assert!(coin.settled.is_empty());
}

#[test]
fn unsettled_part_falls_linearly_in_the_last_half_hour_only() {
    let expiry_ns = NOW_NS;
    for (minutes, part) in [(1440, 1.0), (30, 1.0), (15, 0.5), (3, 0.1), (0, 0.0)] {
        assert!((unsettled_part(expiry_ns - minutes * MINUTE_NS, expiry_ns) - part).abs() < 1e-15);
    }
    assert_eq!(unsettled_part(expiry_ns + 1, expiry_ns), 0.0);
}

#[test]
fn a_bank_is_valid_until_its_age_its_next_expiry_or_a_second_of_settlement() {
    let valid_ns = |left_ns: u64, age_max_ns: u64| {
        let expiry_ns = NOW_NS + left_ns;
        let market = market(expiry_ns, 79_000.0, Smile::flat(0.6));
        let holding = hold(64, option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse));
        let settings = Settings { age_max_ns, ..settings(Numeraire::Coin) };
        compiled(&[holding], &market, &settings).open.valid_until_ns - NOW_NS
    };
    assert_eq!(valid_ns(DAY_NS, 10 * SECOND_NS), 10 * SECOND_NS);
    assert_eq!(valid_ns(15 * MINUTE_NS, 10 * SECOND_NS), SECOND_NS);
    assert_eq!(valid_ns(SECOND_NS / 2, 10 * SECOND_NS), SECOND_NS / 2);
    // Settlement begins within the age of the bank.
    assert_eq!(valid_ns(30 * MINUTE_NS + 4 * SECOND_NS, 10 * SECOND_NS), 5 * SECOND_NS);
    assert_eq!(valid_ns(15 * MINUTE_NS, SECOND_NS / 10), SECOND_NS / 10);
}
