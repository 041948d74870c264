//! Fills without a venue: what becomes of hedge orders in a replay, and what they cost.
//!
//! ```text
//!   hedge event ──► Immediate: filled whole, at the touch or at the limit ─────────► update: done
//!         │
//!         └──────► NextOpposingQuote: working ──► quote at or inside the limit ────► update: open or done
//!                                        │        takes at most the size shown
//!                                        └──────► time to live over ───────────────► update: done
//! ```
//!
//! An update carries totals, as a venue's order state does: contracts filled, what they add to the
//! coin constant, and what they cost (taker fee, and slippage against the hedge instrument's price at
//! the decision).
//!
//! Neither model moves the market: a size that stands at the touch is there again in the next quote,
//! whatever was taken of it before. So a fast sequence of quotes fills faster than a venue would.
//!
//! Invariants:
//! * the same orders and quotes give the same updates: no clock and no randomness, only arithmetic
//!   that IEEE 754 fixes to the last bit;
//! * an order never fills beyond its quantity or its limit;
//! * an order is reported done once, and nothing of it fills later.

use hedgewire_abi::command::{OrderUpdate, Quote, code};
use hedgewire_abi::event::Hedge;
use hedgewire_abi::format::{COIN_BITS, COIN_MAGNITUDE_BITS};

use crate::compiler::{HedgeInstrument, PriceError, PriceUnit};
use crate::instrument::Payoff;

/// At what price an order fills that fills at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillPrice {
    /// At the best opposite price of the quote that it was decided on.
    Touch,
    /// At its limit: the worst that it allows.
    Limit,
}

/// What becomes of hedge orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillModel {
    /// Every order fills at once and whole, whatever size is shown.
    Immediate(FillPrice),
    /// An order works until a later quote trades with it, for the size shown there, or until its time
    /// is over.
    NextOpposingQuote {
        /// How long an order works, ns.
        time_to_live_ns: u64,
    },
}

/// What the hedges of one underlying came to, in the currency that the hedge instrument settles in:
/// coin for inverse, USD for linear ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgeAccount {
    payoff: Payoff,
    contract_size: f64,
    /// Position, contracts, positive long.
    pub position_contracts: i64,
    /// Contracts traded, both sides.
    pub traded_contracts: u64,
    /// Fills booked.
    pub fills: u64,
    /// Fees paid.
    pub fees: f64,
    /// Paid above (or received below) the price at the decision; negative where fills were better.
    pub slippage: f64,
    /// Inverse: the sum of signed `N / price`, coin. Linear: the sum of signed `q price`, USD.
    entry_value: f64,
}

impl HedgeAccount {
    /// No position and no fills.
    pub fn new(hedge: &HedgeInstrument) -> Self {
        Self {
            payoff: hedge.payoff,
            contract_size: hedge.contract_size,
            position_contracts: 0,
            traded_contracts: 0,
            fills: 0,
            fees: 0.0,
            slippage: 0.0,
            entry_value: 0.0,
        }
    }

    /// A position whose fills are known by their totals, fees included: what an inverse instrument's came to in coin, what
    /// a linear one's were paid with in USD.
    pub fn of_totals(hedge: &HedgeInstrument, position_contracts: i64, coin: f64, paid_usd: f64) -> Self {
        let entry_value = match hedge.payoff {
            Payoff::Inverse => coin,
            Payoff::Linear => paid_usd,
        };
        Self { position_contracts, entry_value, ..Self::new(hedge) }
    }

    /// An amount in the currency of settlement as USD, at a price.
    pub fn in_usd(&self, amount: f64, price_usd: f64) -> f64 {
        match self.payoff {
            Payoff::Inverse => amount * price_usd,
            Payoff::Linear => amount,
        }
    }

    /// Value of `contracts` (signed) at a price, in the currency of settlement: inverse `N / price`
    /// coin, linear `q price` USD.
    fn value(&self, contracts: i64, price_usd: f64) -> f64 {
        let size = contracts as f64 * self.contract_size;
        match self.payoff {
            Payoff::Inverse => size / price_usd,
            Payoff::Linear => size * price_usd,
        }
    }

    /// Profit of the position against its fills at a price, before fees: inverse
    /// `sum N (1/fill - 1/price)` coin, linear `sum q (price - fill)` USD.
    pub fn profit(&self, price_usd: f64) -> f64 {
        let now = self.value(self.position_contracts, price_usd);
        match self.payoff {
            Payoff::Inverse => self.entry_value - now,
            Payoff::Linear => now - self.entry_value,
        }
    }

    /// [`HedgeAccount::profit`] less fees.
    pub fn net_profit(&self, price_usd: f64) -> f64 {
        self.profit(price_usd) - self.fees
    }

    /// Fees and slippage, coin; a linear instrument's USD are converted at `price_usd`.
    pub fn cost_coin(&self, price_usd: f64) -> f64 {
        let cost = self.fees + self.slippage;
        match self.payoff {
            Payoff::Inverse => cost,
            Payoff::Linear => cost / price_usd,
        }
    }
}

/// A hedge order that may still fill.
#[derive(Debug, Clone, Copy)]
struct Working {
    order_id: u32,
    /// Contracts, positive to buy.
    quantity: i64,
    filled: i64,
    limit_price: u32,
    /// Price of the hedge instrument at the decision, price units.
    arrival_price: u32,
    sent_ns: u64,
    coin: f64,
    cost_coin: f64,
}

impl Working {
    fn update(&self, status: u8) -> OrderUpdate {
        OrderUpdate {
            status,
            order_id: self.order_id,
            filled: self.filled.unsigned_abs(),
            coin: to_wire_coin(self.coin),
            cost: to_wire_coin(self.cost_coin),
        }
    }

    fn remaining(&self) -> i64 {
        self.quantity - self.filled
    }
}

/// The hedge orders of one underlying and what they came to.
#[derive(Debug, Clone)]
pub struct Fills {
    model: FillModel,
    unit: PriceUnit,
    /// Fee of a taker, a fraction of the value traded.
    taker_fee: f64,
    orders: Vec<Working>,
    account: HedgeAccount,
}

impl Fills {
    /// No orders and no position. `taker_fee` is a fraction of the value traded (0.0005 is 5 bp).
    ///
    /// # Errors
    /// [`PriceError`] if the instrument's tick is no price increment.
    pub fn new(model: FillModel, hedge: &HedgeInstrument, taker_fee: f64) -> Result<Self, PriceError> {
        let unit = PriceUnit::of_tick(hedge.tick_usd)?;
        Ok(Self { model, unit, taker_fee, orders: Vec::with_capacity(16), account: HedgeAccount::new(hedge) })
    }

    /// What the hedges came to so far.
    pub fn account(&self) -> &HedgeAccount {
        &self.account
    }

    /// Orders that may still fill.
    pub fn open_orders(&self) -> usize {
        self.orders.len()
    }

    /// Takes over a position of earlier days at a price, free of charge.
    pub fn carry(&mut self, contracts: i64, price_usd: f64) {
        self.account.position_contracts += contracts;
        self.account.entry_value += self.account.value(contracts, price_usd);
    }

    /// Takes an order that was decided on `quote`; returns its update if it fills at once.
    pub fn on_hedge(&mut self, hedge: &Hedge, quote: &Quote, now_ns: u64) -> Option<OrderUpdate> {
        let mut order = Working {
            order_id: hedge.order_id,
            quantity: hedge.quantity,
            filled: 0,
            limit_price: hedge.limit_price,
            arrival_price: quote.hedge_price,
            sent_ns: now_ns,
            coin: 0.0,
            cost_coin: 0.0,
        };
        let FillModel::Immediate(price) = self.model else {
            self.orders.push(order);
            return None;
        };
        let touch = if hedge.quantity > 0 { quote.ask } else { quote.bid };
        let price = if price == FillPrice::Touch { touch } else { hedge.limit_price };
        self.fill(&mut order, hedge.quantity, price);
        Some(order.update(code::ORDER_DONE))
    }

    /// Lets a quote trade with the working orders, oldest first, and ends those whose time is over;
    /// appends what the venue would say of them to `updates`.
    pub fn on_quote(&mut self, quote: &Quote, now_ns: u64, updates: &mut Vec<OrderUpdate>) {
        let FillModel::NextOpposingQuote { time_to_live_ns } = self.model else { return };
        let mut shown = [i64::from(quote.ask_size), i64::from(quote.bid_size)];
        let mut index = 0;
        while index < self.orders.len() {
            let mut order = self.orders[index];
            let is_buy = order.quantity > 0;
            let price = if is_buy { quote.ask } else { quote.bid };
            let meets = price != 0 && if is_buy { price <= order.limit_price } else { price >= order.limit_price };
            let shown = &mut shown[usize::from(!is_buy)];
            let size = if meets { order.remaining().abs().min(*shown) } else { 0 };
            if size > 0 {
                *shown -= size;
                self.fill(&mut order, if is_buy { size } else { -size }, price);
            }
            let is_over = order.remaining() == 0 || now_ns.saturating_sub(order.sent_ns) >= time_to_live_ns;
            if is_over {
                updates.push(order.update(code::ORDER_DONE));
                self.orders.remove(index);
                continue;
            }
            if size > 0 {
                updates.push(order.update(code::ORDER_OPEN));
            }
            self.orders[index] = order;
            index += 1;
        }
    }

    /// Books a fill of `contracts` (signed) at a price in price units.
    fn fill(&mut self, order: &mut Working, contracts: i64, price: u32) {
        let (price_usd, arrival_usd) = (self.unit.to_usd(price), self.unit.to_usd(order.arrival_price));
        let account = &mut self.account;
        let (paid, fair) = (account.value(contracts, price_usd), account.value(contracts, arrival_usd));
        let fee = paid.abs() * self.taker_fee;
        // A buyer of an inverse contract gets less coin of it the higher the price; of a linear one he
        // pays more USD.
        let slippage = if account.payoff == Payoff::Inverse { fair - paid } else { paid - fair };
        order.filled += contracts;
        order.coin += if account.payoff == Payoff::Inverse { paid - fee } else { 0.0 };
        order.cost_coin += match account.payoff {
            Payoff::Inverse => fee + slippage,
            Payoff::Linear => (fee + slippage) / price_usd,
        };
        account.position_contracts += contracts;
        account.traded_contracts += contracts.unsigned_abs();
        account.fills += 1;
        account.fees += fee;
        account.slippage += slippage;
        account.entry_value += paid;
    }
}

/// A coin amount as the records carry it: 2^-32 coin, to the nearest, saturating at 62 bits.
pub fn to_wire_coin(coin: f64) -> i64 {
    let limit = (1i64 << COIN_MAGNITUDE_BITS) - 1;
    // The conversion saturates, and takes NaN to 0.
    ((coin * (1u64 << COIN_BITS) as f64).round() as i64).clamp(-limit, limit)
}

/// A coin amount of the records in coin.
pub fn from_wire_coin(raw: i64) -> f64 {
    raw as f64 / (1u64 << COIN_BITS) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVERSE: HedgeInstrument = HedgeInstrument { payoff: Payoff::Inverse, contract_size: 10.0, tick_usd: 0.5 };
    const LINEAR: HedgeInstrument = HedgeInstrument { payoff: Payoff::Linear, contract_size: 0.001, tick_usd: 0.5 };
    const TTL: FillModel = FillModel::NextOpposingQuote { time_to_live_ns: 1_000 };

    fn units(usd: f64) -> u32 {
        (usd * 512.0) as u32
    }

    fn quote(bid: f64, ask: f64, size: u32) -> Quote {
        Quote {
            bid: units(bid),
            ask: units(ask),
            bid_size: size,
            ask_size: size,
            hedge_price: units(0.5 * (bid + ask)),
            ..Quote::default()
        }
    }

    fn order(quantity: i64, limit: f64) -> Hedge {
        Hedge { quantity, limit_price: units(limit), order_id: 7, ..Hedge::default() }
    }

    /// Profit of a position in an inverse contract of 1 USD between two prices, without fees.
    fn inverse_profit(contracts: i64, entry: f64, exit: f64) -> f64 {
        let hedge = HedgeInstrument { contract_size: 1.0, ..INVERSE };
        let mut fills = Fills::new(FillModel::Immediate(FillPrice::Touch), &hedge, 0.0).expect("a tick");
        fills.carry(contracts, entry);
        fills.account().profit(exit)
    }

    #[test]
    fn inverse_profit_equals_published_vectors() {
        let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-4, "{value} {expected}");
        close(inverse_profit(60_000, 600.0, 700.0), 14.2857);
        close(inverse_profit(60_000, 600.0, 500.0), -20.0);
        close(inverse_profit(50_000, 10_000.0, 11_000.0), 0.454545);
        close(inverse_profit(50_000, 10_000.0, 9_000.0), -0.555556);
    }

    #[test]
    fn immediate_order_fills_whole_at_the_touch_with_fee_and_half_spread() {
        let mut fills = Fills::new(FillModel::Immediate(FillPrice::Touch), &INVERSE, 0.0005).expect("a tick");
        let update = fills.on_hedge(&order(-30, 24_990.0), &quote(25_000.0, 25_010.0, 1), 5).expect("at once");
        assert_eq!((update.status, update.order_id, update.filled), (code::ORDER_DONE, 7, 30));
        let sold = 300.0 / 25_000.0;
        assert_eq!(update.coin, to_wire_coin(-sold - sold * 0.0005));
        assert_eq!(update.cost, to_wire_coin(sold * 0.0005 + (300.0 / 25_000.0 - 300.0 / 25_005.0)));
        assert_eq!(fills.account().position_contracts, -30);
        assert!(fills.account().slippage > 0.0);
    }

    #[test]
    fn immediate_order_can_be_charged_its_limit() {
        let mut fills = Fills::new(FillModel::Immediate(FillPrice::Limit), &LINEAR, 0.0).expect("a tick");
        let update = fills.on_hedge(&order(2, 25_020.0), &quote(25_000.0, 25_010.0, 1), 5).expect("at once");
        // Nothing of a linear instrument is coin; the 15 USD of slippage are.
        assert_eq!(update.coin, 0);
        assert_eq!(update.cost, to_wire_coin(0.002 * 15.0 / 25_020.0));
        assert!((fills.account().profit(25_120.0) - 0.002 * 100.0).abs() < 1e-9);
    }

    #[test]
    fn working_order_fills_only_on_a_later_quote_inside_its_limit_and_for_the_size_shown() {
        let mut fills = Fills::new(TTL, &INVERSE, 0.0).expect("a tick");
        let mut updates = Vec::new();
        assert!(fills.on_hedge(&order(30, 25_010.0), &quote(25_000.0, 25_010.0, 99), 100).is_none());
        fills.on_quote(&quote(25_001.0, 25_011.0, 99), 110, &mut updates);
        assert!(updates.is_empty());
        fills.on_quote(&quote(25_001.0, 25_009.0, 20), 120, &mut updates);
        assert_eq!((updates[0].status, updates[0].filled), (code::ORDER_OPEN, 20));
        fills.on_quote(&quote(25_001.0, 25_008.0, 20), 130, &mut updates);
        assert_eq!((updates[1].status, updates[1].filled, updates.len()), (code::ORDER_DONE, 30, 2));
        assert_eq!((fills.open_orders(), fills.account().position_contracts), (0, 30));
        let coin = 200.0 / 25_009.0 + 100.0 / 25_008.0;
        assert_eq!(updates[1].coin, to_wire_coin(coin));
    }

    #[test]
    fn one_quote_gives_its_size_to_the_oldest_order_first() {
        let mut fills = Fills::new(TTL, &INVERSE, 0.0).expect("a tick");
        let mut updates = Vec::new();
        fills.on_hedge(&Hedge { order_id: 1, ..order(-5, 25_000.0) }, &quote(25_000.0, 25_010.0, 99), 0);
        fills.on_hedge(&Hedge { order_id: 2, ..order(-5, 25_000.0) }, &quote(25_000.0, 25_010.0, 99), 0);
        fills.on_quote(&quote(25_000.0, 25_010.0, 8), 10, &mut updates);
        let said: Vec<_> = updates.iter().map(|u| (u.order_id, u.status, u.filled)).collect();
        assert_eq!(said, [(1, code::ORDER_DONE, 5), (2, code::ORDER_OPEN, 3)]);
    }

    #[test]
    fn order_whose_time_is_over_is_reported_done_with_what_it_had() {
        let mut fills = Fills::new(TTL, &INVERSE, 0.0).expect("a tick");
        let mut updates = Vec::new();
        fills.on_hedge(&order(30, 25_000.0), &quote(24_990.0, 25_000.0, 99), 100);
        fills.on_quote(&quote(25_010.0, 25_020.0, 99), 1_100, &mut updates);
        assert_eq!((updates[0].status, updates[0].filled, fills.open_orders()), (code::ORDER_DONE, 0, 0));
    }

    #[test]
    fn wire_coin_saturates_and_takes_no_number_for_zero() {
        assert_eq!(to_wire_coin(1.0), 1 << 32);
        assert_eq!(to_wire_coin(1e300), (1 << 62) - 1);
        assert_eq!(to_wire_coin(-1e300), -((1 << 62) - 1));
        assert_eq!(to_wire_coin(f64::NAN), 0);
        assert_eq!(from_wire_coin(to_wire_coin(-0.25)), -0.25);
    }
}
