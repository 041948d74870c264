use hedgewire_abi::command::Quote;
use hedgewire_abi::event::{FLAG_URGENT, Fault, Header, Hedge, Ledger, Refused};
use hedgewire_abi::{Reason, command};

use super::*;

fn names() -> Names {
    let underlyings = vec![Underlying::new("BTC", "BTC-PERPETUAL", 0.5), Underlying::new("ETH", "ETH-PERPETUAL", 0.05)];
    Names { underlyings, feeds: vec!["starbase".to_owned()], sessions: vec!["hedge".to_owned()] }
}

fn telemetry() -> Telemetry {
    Telemetry::new(names(), 1_000).expect("names that do")
}

fn refused(underlying: u8, reason: Reason, command_kind: u8) -> Event {
    let header = Header { underlying, reason, ..Header::default() };
    Refused { exposure: 3 << 16, band: 5 << 16, quantity: 0, command_kind }.encode(header)
}

#[test]
fn every_reason_is_counted_where_it_belongs() {
    let telemetry = telemetry();
    for &reason in Reason::ALL {
        telemetry.on_event(&refused(1, reason, Quote::KIND));
        telemetry.on_event(&refused(1, reason, command::Build::KIND));
    }
    let cells = telemetry.underlying(1);
    for &reason in Reason::ALL {
        let is_decision = (reason as u8) < 128;
        assert_eq!(cells.refused_decisions(reason), u64::from(is_decision), "{reason:?}");
        assert_eq!(cells.refused_commands(reason), 2 - u64::from(is_decision), "{reason:?}");
    }
    assert_eq!(telemetry.underlying(0).refused_decisions(Reason::InBand), 0);
    telemetry.on_event(&refused(9, Reason::BadUnderlying, Quote::KIND));
}

#[test]
fn decisions_are_remembered_when_they_say_something_new() {
    let telemetry = telemetry();
    let in_band = refused(0, Reason::InBand, Quote::KIND);
    for _ in 0..5 {
        telemetry.on_event(&in_band);
    }
    let header = Header { now_ns: 7, flags: FLAG_URGENT, ..Header::default() };
    let hedge = Hedge { exposure: -(6 << 16), band: 5 << 16, quantity: 12, limit_price: 256, order_id: 1 };
    telemetry.on_event(&hedge.encode(header));
    telemetry.on_event(&in_band);
    let fault = Fault { detail: 1, value: -4 };
    telemetry.on_event(&fault.encode(Header { reason: Reason::LateFill, underlying: 1, ..Header::default() }));
    let decisions = telemetry.decisions();
    let kinds: Vec<_> = decisions.iter().map(|decision| (decision.kind, decision.reason)).collect();
    use DecisionKind::{Fault as F, Hedge as H, Refused as R};
    assert_eq!(kinds, [(F, Reason::LateFill), (R, Reason::InBand), (H, Reason::None), (R, Reason::InBand)]);
    assert_eq!((decisions[2].quantity, decisions[2].limit_price, decisions[2].is_urgent), (12, 256, true));
    assert_eq!((decisions[2].exposure, decisions[2].band, decisions[2].at_ns), (-(6 << 16), 5 << 16, 7));
    assert_eq!(telemetry.underlying(1).faults(Reason::LateFill), 1);
    for _ in 0..DECISIONS {
        telemetry.on_event(&hedge.encode(header));
    }
    let numbers: Vec<u64> = telemetry.decisions().iter().map(|decision| decision.number).collect();
    assert_eq!(numbers, (5..=68).rev().collect::<Vec<_>>(), "the last ones, newest first");
}

#[test]
fn a_picture_follows_events_and_a_snapshot_has_its_units() {
    let telemetry = telemetry();
    let mut picture = Picture { quote_ns: 2_000_000_000, bid: 51_200, ask: 51_456, ..Picture::default() };
    picture.observe(&refused(0, Reason::InBand, Quote::KIND));
    let ledger =
        Ledger { position: -30, open_buy: 4, open_sell: 5, unknown_buy: 6, unknown_sell: 7, ..Default::default() };
    picture.observe(&ledger.encode(Header::default()));
    picture.delta = -(1 << 31);
    picture.profit_micro_usd = 1_500_000;
    telemetry.underlying(0).publish(&picture);
    let status = telemetry.snapshot(3_500_000_000).underlyings.swap_remove(0);
    assert_eq!((status.bid_usd, status.ask_usd, status.quote_age_s), (100.0, 100.5, Some(1.5)));
    assert_eq!((status.exposure_contracts, status.band_contracts), (3.0, 5.0));
    assert_eq!((status.highest_contracts, status.lowest_contracts), (13.0, -9.0));
    assert_eq!((status.position_contracts, status.rows_delta_coins, status.hedge_profit_usd), (-30, -0.5, 1.5));
}

#[test]
fn an_engine_that_gives_no_sign_of_life_is_told_of() {
    let telemetry = telemetry();
    assert!(!telemetry.watch(u64::MAX), "before its first sign it has not started");
    telemetry.alive(5);
    assert!(!telemetry.watch(5 + STALLED_NS) && telemetry.watch(6 + STALLED_NS));
    assert!(telemetry.alarms.is_raised(AlarmKind::EngineStalled, 0));
    assert_eq!(telemetry.snapshot(6 + STALLED_NS).alarms[0].name, "engine_stalled");
    telemetry.alive(6 + STALLED_NS);
    assert!(telemetry.watch(7 + STALLED_NS) && !telemetry.alarms.is_raised(AlarmKind::EngineStalled, 0));
}

#[test]
fn names_that_cannot_be_told_apart_are_refused() {
    let error = |names: Names| Telemetry::new(names, 0).expect_err("it is refused").to_string();
    let twice = Names { feeds: vec!["a".into(), "a".into()], ..names() };
    assert!(error(twice).contains("twice"));
    let many = Names { sessions: (0..65).map(|n| n.to_string()).collect(), ..names() };
    assert!(error(many).contains("at most 64"));
    for name in ["", "two\nlines", &"x".repeat(65)] {
        assert!(error(Names { feeds: vec![name.to_owned()], ..names() }).contains("no name"));
    }
}
