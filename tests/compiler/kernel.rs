//! Banks loaded into the integer kernel: accepted, with the same risk, on a ladder that follows them up to expiry.

use hedgewire_abi::command::{Configure, Header, Quote, Swap, Trade, code};
use hedgewire_abi::event::{self, Risk};
use hedgewire_abi::{Command, Event};
use hedgewire_host::compiler::{
    Bank, ExpiryMarket, FittedLadder, Holding, Ladder, Numeraire, SlotRange, Smile, compile,
};
use hedgewire_host::instrument::{AmmRange, Instrument, Payoff, Right};
use hedgewire_kernel::{Form, Kernel, Sizes};
use proptest::prelude::*;

use crate::case::any_case;
use crate::market::{DAY_NS, NOW_NS, RANGE, SECOND_NS, compiled, future, hold, market, option, settings};
use crate::random::check_random;
use crate::sums::Sums;

/// A kernel with one underlying, numbering its commands.
struct Loaded {
    kernel: Kernel,
    feed_seq: u32,
}

impl Loaded {
    fn new(bank: &Bank, quantity: i32) -> Self {
        Self::on(Ladder { step_shift: 13, intervals: 64 }, bank, quantity)
    }

    fn on(ladder: Ladder, bank: &Bank, quantity: i32) -> Self {
        let sizes = Sizes { underlyings: 1, rows: 128, intervals: 64 };
        let mut loaded = Self { kernel: Kernel::new(sizes, Form::Scalar), feed_seq: 0 };
        let SlotRange { first_slot, slot_count } = RANGE;
        loaded.accepted(|header| Configure { first_slot, slot_count, exact_mode: 0 }.encode(header));
        loaded.accepted(|header| bank.open.encode(header));
        for row in &bank.rows {
            loaded.accepted(|header| row.encode(header));
        }
        loaded.accepted(|header| ladder.build(bank.open.price_ref).encode(header));
        let swapped = loaded.apply(|header| Swap {}.encode(header));
        assert_eq!(swapped[0].kind(), event::Swapped::KIND, "{swapped:?}");
        for row in bank.rows.iter().filter(|row| row.row_kind != code::EMPTY) {
            let events = loaded.apply(|header| Trade { slot: row.slot, quantity, cash: 0 }.encode(header));
            assert!(events.iter().all(|event| event.kind() != event::Fault::KIND), "{events:?}");
        }
        loaded
    }

    fn apply(&mut self, command: impl FnOnce(Header) -> Command) -> Vec<Event> {
        let seq = self.kernel.next_command_seq();
        self.kernel.apply(&command(Header { underlying: 0, now_ns: NOW_NS, seq })).to_vec()
    }

    fn accepted(&mut self, command: impl FnOnce(Header) -> Command) {
        let events = self.apply(command);
        assert_eq!(events[0].kind(), event::Accepted::KIND, "{events:?}");
    }

    /// The risk event of a quote.
    fn quote(&mut self, price: u32) -> Event {
        self.feed_seq += 1;
        let quote =
            Quote { flags: code::WANT_RISK, feed_seq: self.feed_seq, price, hedge_price: price, ..Quote::default() };
        let events = self.apply(|header| quote.encode(header));
        *events.iter().find(|event| event.kind() == Risk::KIND).expect("a risk event")
    }

    /// Whether a quote at a price needs an exact pass.
    fn is_exact_at(&mut self, price: u32) -> bool {
        self.quote(price).flags() & event::FLAG_EXACT != 0
    }

    /// Delta, gamma and vega of the rows at a price.
    fn risk(&mut self, price: u32) -> Sums {
        let risk = Risk::decode(&self.quote(price));
        let [delta, gamma, vega] = [risk.delta, risk.gamma, risk.vega].map(|coin| libm::ldexp(coin as f64, -32));
        Sums { delta, gamma, vega }
    }
}

#[test]
fn the_kernel_accepts_compiled_banks_and_reports_the_same_risk() {
    let portfolio = (prop::collection::vec((any_case(), 0u8..6), 1..64), any::<bool>(), 1i32..2000);
    let worst = std::cell::Cell::new(0.0f64);
    check_random("banks in the kernel", 60, portfolio, |(cases, is_usd, quantity)| {
        let numeraire = if is_usd { Numeraire::Usd } else { Numeraire::Coin };
        let mut market = market(NOW_NS, 1.0, Smile::flat(0.5));
        let mut holdings = Vec::new();
        for (slot, (case, kind)) in (64..).zip(cases) {
            let expiry_ns = case.expiry_ns.max(NOW_NS + DAY_NS);
            let forward_usd = 78_926.0 * case.basis.exp();
            let expiry = ExpiryMarket { forward_usd, smile: Smile::flat(case.vol), dvol_dprice: 0.0 };
            market.expiries.insert(expiry_ns, expiry);
            let (instrument, lot_size) = match kind {
                0 => (future(Some(expiry_ns), case.payoff), if case.payoff == Payoff::Inverse { 1e4 } else { 0.1 }),
                1 => (v2_position(), 0.1),
                _ => (option(expiry_ns, case.strike_usd, case.right, case.payoff), 0.1),
            };
            let entry_price_usd = Some(70_000.0);
            holdings.push(Holding { quantity_max_lots: 2000, lot_size, entry_price_usd, ..hold(slot, instrument) });
        }
        let bank = compile(1, RANGE, &holdings, &market, &settings(numeraire)).expect("it compiles");
        let mut loaded = Loaded::new(&bank, quantity);
        for offset in [-150_000, -4096, 0, 77_777, 200_000] {
            let price = bank.open.price_ref.saturating_add_signed(offset);
            let (kernel, exact) = (loaded.risk(price), Sums::at(&bank, |_| quantity, log_ratio(price, &bank)));
            // 1e-8 of gross: Phi errs by up to 5.1e-9, the cubic and the ladder's units by less.
            let limit = 1e-8 * bank.gross_coin.max(1.0);
            worst.set(worst.get().max((kernel.delta - exact.delta).abs() / bank.gross_coin.max(1.0)));
            prop_assert!((kernel.delta - exact.delta).abs() < limit, "delta {kernel:?} for {exact:?}");
            prop_assert!((kernel.gamma - exact.gamma).abs() < 1e-4 * bank.gross_coin, "gamma {kernel:?} for {exact:?}");
            prop_assert!((kernel.vega - exact.vega).abs() < 1e-4 * bank.gross_coin, "vega {kernel:?} for {exact:?}");
        }
        Ok(())
    });
    println!("kernel against the same rows in f64: delta off by at most {:.1e} of gross", worst.get());
}

#[test]
fn the_ladder_follows_an_option_a_minute_before_expiry() {
    let expiry_ns = NOW_NS + 60 * SECOND_NS;
    let held = hold(64, option(expiry_ns, 78_950.0, Right::Call, Payoff::Inverse));
    let bank = compiled(&[held], &market(expiry_ns, 78_926.0, Smile::flat(0.5)), &settings(Numeraire::Coin));
    let coarse = Ladder { step_shift: 16, intervals: 64 };
    let FittedLadder { ladder, steep_rows } = coarse.fitted(bank.open.price_ref, &bank);
    // `vol sqrt(tau)` is 6.9e-4; the coarse step is 1.6e-3 of the price.
    assert_eq!((ladder.step_shift, steep_rows), (14, 0));
    let prices = || (-200_000..200_000).step_by(1_777).map(|offset| bank.open.price_ref.saturating_add_signed(offset));
    let mut unfitted = Loaded::on(coarse, &bank, 1);
    assert!(prices().any(|price| unfitted.is_exact_at(price)), "the configured step does not resolve the strike");
    let mut fitted = Loaded::on(ladder, &bank, 1);
    let mut worst = 0.0f64;
    for price in prices() {
        assert!(!fitted.is_exact_at(price));
        let exact = Sums::at(&bank, |_| 1, log_ratio(price, &bank));
        worst = worst.max((fitted.risk(price).delta - exact.delta).abs() / bank.gross_coin);
    }
    println!("a minute before expiry: {worst:.1e} of the weight off");
    // A cubic errs by 0.55 (h a)^4 / 384.
    assert!(worst < 0.55 * 0.6f64.powi(4) / 384.0, "{worst:e}");
}

fn v2_position() -> Instrument {
    Instrument::Range(AmmRange { liquidity: 500.0, price_low_usd: 0.0, price_high_usd: f64::INFINITY })
}

fn log_ratio(price: u32, bank: &Bank) -> f64 {
    (f64::from(price) / f64::from(bank.open.price_ref)).ln()
}
