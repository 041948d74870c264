//! What a portfolio must be to become a bank: a row for every slot, and a name for everything that is refused.

use hedgewire_abi::command::code;
use hedgewire_host::compiler::{
    Band, CompileError, HedgeInstrument, Holding, HoldingError, Numeraire, Settings, SlotRange, Smile, compile,
};
use hedgewire_host::instrument::{AmmRange, Instrument, Payoff, Right};

use crate::market::{DAY_NS, NOW_NS, RANGE, compiled, future, hold, market, option, parsed, settings};

#[test]
fn every_slot_of_the_range_has_one_row_in_order() {
    let market = market(NOW_NS + DAY_NS, 79_000.0, Smile::flat(0.6));
    let holdings = [hold(100, future(None, Payoff::Linear)), hold(66, future(None, Payoff::Linear))];
    let bank = compiled(&holdings, &market, &settings(Numeraire::Coin));
    assert!(bank.rows.iter().map(|row| row.slot).eq(64..128));
    let used: Vec<u32> = bank.rows.iter().filter(|row| row.row_kind != code::EMPTY).map(|row| row.slot).collect();
    assert_eq!(used, [66, 100]);
    assert_eq!((bank.open.bank_id, bank.open.price_ref), (7, 78_926 * 512));
}

#[test]
fn holdings_that_cannot_be_compiled_are_named() {
    let expiry_ns = NOW_NS + DAY_NS;
    let call = || option(expiry_ns, 80_000.0, Right::Call, Payoff::Inverse);
    let base = market(expiry_ns, 79_000.0, Smile::default());
    let error = |holding: Holding, numeraire| match compile(1, RANGE, &[holding], &base, &settings(numeraire)) {
        Err(CompileError::Holding { slot: 64, error, .. }) => error,
        other => panic!("{other:?}"),
    };
    use HoldingError as E;
    let coin = Numeraire::Coin;
    assert_eq!(error(hold(64, call()), coin), E::NoVol);
    assert_eq!(error(hold(64, option(expiry_ns + 1, 1.0, Right::Put, Payoff::Linear)), coin), E::NoForward);
    assert_eq!(error(hold(64, parsed("ETH-PERPETUAL")), coin), E::Underlying { expected: "BTC".to_owned() });
    assert_eq!(error(Holding { quantity_max_lots: 0, ..hold(64, call()) }, coin), E::Quantity(0));
    assert_eq!(error(Holding { quantity_max_lots: 1 << 30, ..hold(64, call()) }, coin), E::Quantity(1 << 30));
    assert_eq!(error(Holding { lot_size: 0.0, ..hold(64, call()) }, coin), E::LotSize(0.0));
    assert!(matches!(error(Holding { vol: Some(f64::NAN), ..hold(64, call()) }, coin), E::Input(_)));
    assert_eq!(error(hold(64, future(None, Payoff::Inverse)), Numeraire::Usd), E::NoEntryPrice);
    let range = AmmRange { liquidity: 1.0, price_low_usd: 2.0, price_high_usd: 2.0 };
    assert_eq!(error(hold(64, Instrument::Range(range)), coin), E::Range);
}

#[test]
fn ranges_slots_and_settings_out_of_bounds_are_refused() {
    let market = market(NOW_NS + DAY_NS, 79_000.0, Smile::flat(0.6));
    let perpetual = || future(None, Payoff::Linear);
    let coin = settings(Numeraire::Coin);
    let try_with = |range, holdings: &[Holding], settings: &Settings| compile(1, range, holdings, &market, settings);
    for range in [(1, 64), (0, 63), (0, 0), (u32::MAX - 63, 64)] {
        let range = SlotRange { first_slot: range.0, slot_count: range.1 };
        assert!(matches!(try_with(range, &[], &coin), Err(CompileError::Range { .. })), "{range:?}");
    }
    for slot in [63, 128] {
        assert!(matches!(try_with(RANGE, &[hold(slot, perpetual())], &coin), Err(CompileError::Slot { .. })));
    }
    let twice = [hold(64, perpetual()), hold(64, perpetual())];
    assert!(matches!(try_with(RANGE, &twice, &coin), Err(CompileError::SlotTwice { slot: 64, .. })));
    let hedge = HedgeInstrument { contract_size: 0.0, ..coin.hedge };
    assert!(matches!(try_with(RANGE, &[], &Settings { hedge, ..coin }), Err(CompileError::Setting { .. })));
    let hedge = HedgeInstrument { tick_usd: 1e-9, ..coin.hedge };
    assert!(matches!(try_with(RANGE, &[], &Settings { hedge, ..coin }), Err(CompileError::Price(_))));
    let band = Band::Fixed { contracts: 1e10 };
    assert!(matches!(try_with(RANGE, &[], &Settings { band, ..coin }), Err(CompileError::Setting { .. })));
    let huge = Holding { quantity_max_lots: (1 << 30) - 1, lot_size: 1e12, ..hold(64, perpetual()) };
    assert!(matches!(try_with(RANGE, &[huge], &coin), Err(CompileError::GrossTooLarge { greek: "delta", .. })));
}
