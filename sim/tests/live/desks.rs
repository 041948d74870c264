//! Several underlyings and sessions at once: what goes wrong with one leaves the other alone, and both sides agree on both.

use hedgewire_host::control::KillCause;
use hedgewire_host::live::{Alarm, Outcome, Request};
use hedgewire_host::telemetry::AlarmKind;
use hedgewire_sim::venue::listing::FIRST_CHANNEL_ID;

use super::rig::{MS, Rig, UNIT};

const BTC: usize = 0;
const ETH: usize = 1;
/// Place of ETH's perpetual in the listing.
const ETH_PERPETUAL: usize = 8;

/// Trades in both coins by turns.
fn trade_both(rig: &mut Rig, seconds: i64) {
    for turn in 0..seconds * 2 {
        rig.run(UNIT / 2);
        rig.trade_in(turn as usize % 2);
    }
}

fn hedges(rig: &Rig, gateway: usize) -> usize {
    rig.sent.keys().filter(|(of, _)| *of == gateway).count()
}

/// Ends the day: nothing happens any more, and both sides agree.
fn end(rig: &mut Rig, context: &str) {
    rig.venue.end_flow();
    rig.run(6 * UNIT);
    rig.agree(context);
    for coin in [BTC, ETH] {
        assert!(rig.engine().is_hedging(coin as u8), "{context}, {coin}: {:?}", rig.engine().alarms().on());
        assert!(rig.positions_in(coin).1 != 0, "{context}: {coin} was hedged");
    }
}

/// Alarms that began, of BTC: of its underlying, channel or gateway.
fn of_btc(rig: &Rig) -> Vec<Alarm> {
    let began = rig.alarms.iter().filter(|raised| raised.begins).map(|raised| raised.alarm);
    began
        .filter(|alarm| match alarm {
            Alarm::BookInDoubt { underlying, .. }
            | Alarm::InputStale { underlying }
            | Alarm::OrderInDoubt { underlying, .. }
            | Alarm::KernelFault { underlying, .. }
            | Alarm::PositionUnproved { underlying, .. } => *underlying == 0,
            Alarm::ChannelSilent { channel_id } | Alarm::MessagesLost { channel_id, .. } => {
                *channel_id == FIRST_CHANNEL_ID
            }
            Alarm::SessionDown { gateway }
            | Alarm::ReportsMissing { gateway, .. }
            | Alarm::ReportsLost { gateway }
            | Alarm::Unmatched { gateway, .. } => *gateway == 0,
            _ => false,
        })
        .collect()
}

#[test]
fn two_underlyings_at_one_gateway_and_at_two_are_hedged_and_agree() {
    for gateways in [1, 2] {
        let mut rig = Rig::of_two(50 + gateways as u64, gateways);
        rig.run(4 * UNIT);
        trade_both(&mut rig, 8);
        end(&mut rig, &format!("{gateways} gateways"));
        assert_eq!(rig.engine().counts().own_fills, 16);
        assert!(gateways == 1 || hedges(&rig, 1) > 3, "each goes to its own gateway");
    }
}

#[test]
fn what_goes_wrong_with_one_underlying_leaves_the_other_alone() {
    let mut rig = Rig::of_two(60, 2);
    rig.run(4 * UNIT);
    trade_both(&mut rig, 2);
    type Trouble = fn(&mut Rig, bool);
    let troubles: [(&str, Trouble); 4] = [
        ("silence", |rig, is_on| {
            rig.silent_channels = is_on.then_some(FIRST_CHANNEL_ID + 1).into_iter().collect();
        }),
        ("no gateway", |rig, is_on| {
            rig.gone_gateways = is_on.then_some(1).into_iter().collect();
            rig.cut_connection(1);
        }),
        ("halt", |rig, is_on| rig.venue.set_halted(rig.now_ns, ETH_PERPETUAL, is_on)),
        ("a key that others use", |rig, is_on| {
            use hedgewire_sim::venue::Side;
            let price = rig.venue.book(ETH_PERPETUAL).best(Side::Buy).expect("a market");
            if is_on {
                rig.venue.member_order(rig.now_ns, 1, ETH_PERPETUAL, Side::Buy, (price + 50_000_000, 10), 1);
                rig.venue.public_order(rig.now_ns, ETH_PERPETUAL, Side::Sell, (price + 50_000_000, 10), true);
            }
        }),
    ];
    for (name, trouble) in troubles {
        rig.alarms.clear();
        trouble(&mut rig, true);
        let before = hedges(&rig, 0);
        // A silent channel is known by its missing heartbeats.
        trade_both(&mut rig, 7);
        assert!(!rig.engine().is_hedging(1) || rig.is_on(AlarmKind::BookInDoubt), "{name}: {:?}", rig.alarms);
        assert!(rig.engine().is_hedging(0) && hedges(&rig, 0) > before, "{name}: BTC goes on");
        assert_eq!(of_btc(&rig), [], "{name}");
        trouble(&mut rig, false);
        rig.run(7 * UNIT);
        assert!(rig.engine().is_hedging(1) || name.starts_with("a key"), "{name}: {:?}", rig.engine().alarms().on());
    }
    // A contract of ETH was bought by somebody else, and ETH is disarmed until people have looked.
    assert!(!rig.engine().is_hedging(1) && rig.count(AlarmKind::Unmatched) > 0);
    rig.venue.end_flow();
    rig.run(6 * UNIT);
    let (ours, theirs) = rig.positions_in(ETH);
    assert_eq!(theirs - ours, 1, "what others traded with the key");
    let (ours, theirs) = rig.positions_in(BTC);
    assert_eq!(ours, theirs);
}

#[test]
fn an_underlying_that_is_never_defined_holds_nobody_up() {
    let mut rig = Rig::of_two(61, 2);
    rig.silent_channels.insert(FIRST_CHANNEL_ID + 1);
    rig.run(4 * UNIT);
    assert!(!rig.engine().is_defined() && rig.engine().is_hedging(0), "{:?}", rig.alarms);
    assert!(matches!(rig.buy_calls(2), Outcome::Booked(_)), "BTC's fills are booked");
    let before = hedges(&rig, 0);
    let early = rig.trade_in(ETH);
    assert_eq!(rig.trade_again(&early), Outcome::NotYet, "ETH's are to be sent again");
    rig.run(3 * UNIT);
    assert!(hedges(&rig, 0) > before || rig.positions().1 != 0, "and hedged");
    rig.silent_channels.clear();
    rig.run(4 * UNIT);
    assert!(matches!(rig.trade_again(&early), Outcome::Booked(_)));
    trade_both(&mut rig, 4);
    end(&mut rig, "defined late");
}

#[test]
fn two_sessions_lose_and_double_nothing_when_they_are_killed() {
    for gateways in [1, 2] {
        let mut rig = Rig::of_two(70 + gateways as u64, gateways);
        rig.run(4 * UNIT);
        for death in 0..6 {
            rig.write_delay_steps = 50 * death;
            trade_both(&mut rig, 2);
            rig.run(37 * death as i64 * MS);
            rig.check(&format!("{gateways} gateways, death {death}"));
            rig.crash();
            rig.write_delay_steps = 0;
            rig.start();
            rig.run(3 * UNIT);
        }
        trade_both(&mut rig, 2);
        end(&mut rig, &format!("{gateways} gateways, killed"));
    }
}

#[test]
fn a_kill_is_verified_by_every_gateway() {
    let mut rig = Rig::of_two(80, 2);
    rig.run(4 * UNIT);
    trade_both(&mut rig, 2);
    rig.gone_gateways.insert(1);
    rig.cut_connection(1);
    rig.request(&Request::Kill(KillCause::Control));
    rig.run(UNIT);
    let unverified: Vec<Alarm> =
        rig.engine().alarms().on().iter().filter(|on| on.kind() == AlarmKind::KillUnverified).copied().collect();
    assert_eq!(unverified, [Alarm::KillUnverified { gateway: 1 }], "the other has said it");
    assert_eq!(rig.venue.open_orders(0).count(), 0);
    rig.gone_gateways.clear();
    rig.run(7 * UNIT);
    assert!(rig.engine().kill_state().is_some_and(|kill| kill.verified_ns.is_some()), "{:?}", rig.alarms);
    rig.agree("killed");
}
