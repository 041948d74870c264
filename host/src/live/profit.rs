//! What this run's hedges came to, in USD: for people, in float64, and never on the way of an order.
//!
//! ```text
//!   value of what was traded, against the position at the price of now      first look: taken as the start
//!   V = HedgeAccount::profit (coin or USD)  ──────────────────────────────► profit = (V - V at the start) x USD
//! ```
//!
//! The definition of profit is [`HedgeAccount`]'s, as in a replay. Fees are in it: the coin constant of an inverse
//! instrument has them, and so has what was paid for a linear one.
//!
//! Invariant: a position that is corrected, not traded, changes no profit.

use crate::compiler::HedgeInstrument;
use crate::fills::{HedgeAccount, from_wire_coin};

/// Totals of an underlying's hedges, as they are kept in integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Position, contracts.
    pub position: i64,
    /// What the fills add to the coin constant, 2^-32 coin.
    pub coin: i64,
    /// What was paid, 10^-6 USD.
    pub paid: i64,
    /// Fees and slippage, 2^-32 coin.
    pub cost: i64,
}

/// The profit since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunProfit {
    /// V at the start, or such that a correction makes no difference.
    base: Option<f64>,
    /// As of the last look, in the currency of settlement.
    profit: f64,
}

impl RunProfit {
    /// The totals are about to be corrected: what was made so far stays, and it goes on from the next look.
    pub fn keep(&mut self) {
        self.base = None;
    }

    /// Profit and cost at a price of the hedge instrument above 0, 10^-6 USD.
    pub fn look(&mut self, hedge: &HedgeInstrument, totals: &Totals, price_usd: f64) -> (i64, i64) {
        let coin = from_wire_coin(totals.coin);
        let account = HedgeAccount::of_totals(hedge, totals.position, coin, totals.paid as f64 * 1e-6);
        let value = account.net_profit(price_usd);
        let base = *self.base.get_or_insert(value - self.profit);
        self.profit = value - base;
        let micro = |usd: f64| (usd * 1e6).round() as i64;
        (micro(account.in_usd(self.profit, price_usd)), micro(from_wire_coin(totals.cost) * price_usd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fills::to_wire_coin;
    use crate::instrument::Payoff;

    const INVERSE: HedgeInstrument = HedgeInstrument { payoff: Payoff::Inverse, contract_size: 10.0, tick_usd: 0.5 };
    const LINEAR: HedgeInstrument = HedgeInstrument { payoff: Payoff::Linear, contract_size: 0.001, tick_usd: 0.5 };

    #[test]
    fn a_position_of_the_start_earns_from_then_on_and_fills_from_their_price() {
        let mut run = RunProfit::default();
        // 1,000 contracts that an earlier run has bought, whatever they cost it.
        let mut totals = Totals { position: 1_000, coin: 12_345, ..Totals::default() };
        assert_eq!(run.look(&INVERSE, &totals, 50_000.0), (0, 0));
        let coin = 10_000.0_f64 * (1.0 / 50_000.0 - 1.0 / 40_000.0);
        assert_eq!(run.look(&INVERSE, &totals, 40_000.0).0, (coin * 40_000.0 * 1e6).round() as i64);
        // Sold at 40,000 with a fee of 0.0001: nothing but the fee changes, now and at any other price.
        totals = Totals {
            position: 0,
            coin: totals.coin + to_wire_coin(-0.25 - 0.0001),
            cost: to_wire_coin(0.0001),
            ..totals
        };
        let (profit, cost) = run.look(&INVERSE, &totals, 60_000.0);
        assert!((profit - ((coin - 0.0001) * 60_000.0 * 1e6) as i64).abs() < 100, "{profit}");
        assert!((cost - 6_000_000).abs() < 100, "{cost}");
    }

    #[test]
    fn a_linear_instrument_is_paid_in_usd() {
        let mut run = RunProfit::default();
        assert_eq!(run.look(&LINEAR, &Totals::default(), 50_000.0), (0, 0));
        // 100 contracts of 0.001 coin at 50,000, and 2 USD of fee.
        let totals = Totals { position: 100, paid: 5_002_000_000, ..Totals::default() };
        assert_eq!(run.look(&LINEAR, &totals, 50_100.0).0, 8_000_000);
    }

    #[test]
    fn a_correction_is_no_profit() {
        let mut run = RunProfit::default();
        let mut totals = Totals { position: 1_000, ..Totals::default() };
        run.look(&INVERSE, &totals, 50_000.0);
        let before = run.look(&INVERSE, &totals, 51_000.0);
        run.keep();
        totals.position = -3_000;
        assert_eq!(run.look(&INVERSE, &totals, 51_000.0), before);
        assert!(run.look(&INVERSE, &totals, 52_000.0).0 < before.0, "short from then on");
    }
}
