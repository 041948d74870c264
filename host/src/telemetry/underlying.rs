//! One underlying as the engine sees it: its picture, its decisions by reason, its orders and fills.

use hedgewire_abi::command::{Quote, Time, Trade};
use hedgewire_abi::event::{FLAG_URGENT, Fault, Hedge, Ledger, Refused, Risk};
use hedgewire_abi::{Event, Reason};

use super::cell::{Counter, Gauge, Sequenced};
use super::counts::{BookTrust, Counts, FillOrigin, OrderCount};

/// Codes that a reason may have.
const CODES: usize = 256;
/// Words of a picture.
const WORDS: usize = 15;

/// Everything of one underlying that belongs together. The engine keeps it, brings it up to date and publishes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Picture {
    /// When the quote behind it arrived, ns since 1970; 0 before the first.
    pub quote_ns: u64,
    /// Best bid, price units; 0 for none.
    pub bid: u32,
    /// Best ask, price units; 0 for none.
    pub ask: u32,
    /// Reference price, price units.
    pub price: u32,
    /// Delta of the rows, hedges not included, 2^-32 coin.
    pub delta: i64,
    /// Gamma, 2^-32 coin per unit of log price.
    pub gamma: i64,
    /// Vega, 2^-32 coin per 1.00 of vol.
    pub vega: i64,
    /// Net delta to hold, 2^-32 coin.
    pub target: i64,
    /// Net exposure against the target, 2^-16 contract.
    pub exposure: i64,
    /// Half band on the side of the exposure, 2^-16 contract.
    pub band: i64,
    /// Position of the hedge instrument, contracts.
    pub position: i64,
    /// Open orders that buy, contracts.
    pub open_buy: u32,
    /// Open orders that sell, contracts.
    pub open_sell: u32,
    /// Orders in unknown state that buy, contracts.
    pub unknown_buy: u32,
    /// Orders in unknown state that sell, contracts.
    pub unknown_sell: u32,
    /// Profit of this run's hedges, 10^-6 USD: as `hedgewire_hedge_profit_usd` defines it.
    pub profit_micro_usd: i64,
    /// Cost of this run's hedges (fees and slippage), 10^-6 USD.
    pub cost_micro_usd: i64,
    /// Whether orders may leave.
    pub is_armed: bool,
    /// Whether the kill is set.
    pub is_killed: bool,
    /// Whether position and open orders have been reconciled with the venue.
    pub is_reconciled: bool,
    /// Whether the exposure is beyond the emergency band.
    pub is_urgent: bool,
    /// Whether nothing can be traded: no session takes orders, or the venue does not trade the instrument.
    pub is_restricted: bool,
}

/// Two halves of a word.
fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// The halves of a word, the high one first.
fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

impl Picture {
    /// Takes over what an event of its underlying says: exposure, band, Greeks, ledger, urgency.
    #[inline]
    pub fn observe(&mut self, event: &Event) {
        match event.kind() {
            Hedge::KIND => {
                let hedge = Hedge::decode(event);
                (self.exposure, self.band) = (hedge.exposure, hedge.band);
                self.is_urgent = event.flags() & FLAG_URGENT != 0;
            }
            Refused::KIND => {
                let refused = Refused::decode(event);
                // 0 where it was not computed.
                if refused.band != 0 {
                    (self.exposure, self.band) = (refused.exposure, refused.band);
                    self.is_urgent = event.flags() & FLAG_URGENT != 0;
                }
            }
            Risk::KIND => {
                let risk = Risk::decode(event);
                (self.delta, self.gamma, self.vega, self.price) = (risk.delta, risk.gamma, risk.vega, risk.price);
            }
            Ledger::KIND => {
                let ledger = Ledger::decode(event);
                self.position = ledger.position;
                (self.open_buy, self.open_sell) = (ledger.open_buy, ledger.open_sell);
                (self.unknown_buy, self.unknown_sell) = (ledger.unknown_buy, ledger.unknown_sell);
            }
            _ => {}
        }
    }

    fn words(&self) -> [u64; WORDS] {
        let flags = u64::from(self.is_armed)
            | u64::from(self.is_killed) << 1
            | u64::from(self.is_reconciled) << 2
            | u64::from(self.is_urgent) << 3
            | u64::from(self.is_restricted) << 4;
        [
            self.quote_ns,
            pair(self.bid, self.ask),
            u64::from(self.price),
            self.delta.cast_unsigned(),
            self.gamma.cast_unsigned(),
            self.vega.cast_unsigned(),
            self.target.cast_unsigned(),
            self.exposure.cast_unsigned(),
            self.band.cast_unsigned(),
            self.position.cast_unsigned(),
            pair(self.open_buy, self.open_sell),
            pair(self.unknown_buy, self.unknown_sell),
            self.profit_micro_usd.cast_unsigned(),
            self.cost_micro_usd.cast_unsigned(),
            flags,
        ]
    }

    fn from_words(words: &[u64; WORDS]) -> Self {
        let ((bid, ask), (open_buy, open_sell)) = (halves(words[1]), halves(words[10]));
        let (unknown_buy, unknown_sell) = halves(words[11]);
        let flags = words[14];
        Self {
            quote_ns: words[0],
            bid,
            ask,
            price: words[2] as u32,
            delta: words[3].cast_signed(),
            gamma: words[4].cast_signed(),
            vega: words[5].cast_signed(),
            target: words[6].cast_signed(),
            exposure: words[7].cast_signed(),
            band: words[8].cast_signed(),
            position: words[9].cast_signed(),
            open_buy,
            open_sell,
            unknown_buy,
            unknown_sell,
            profit_micro_usd: words[12].cast_signed(),
            cost_micro_usd: words[13].cast_signed(),
            is_armed: flags & 1 != 0,
            is_killed: flags & 2 != 0,
            is_reconciled: flags & 4 != 0,
            is_urgent: flags & 8 != 0,
            is_restricted: flags & 16 != 0,
        }
    }
}

/// The cells of one underlying.
#[derive(Debug)]
pub struct UnderlyingCells {
    picture: Sequenced<WORDS>,
    trust: Gauge,
    hedges: Counter,
    refused_decisions: Box<[Counter]>,
    refused_commands: Box<[Counter]>,
    faults: Box<[Counter]>,
    orders: Counts,
    fills: Counts,
    bought: Counter,
    sold: Counter,
    /// Reason of the decision before, for the log of decisions.
    last_reason: Gauge,
}

impl Default for UnderlyingCells {
    fn default() -> Self {
        let codes = || (0..CODES).map(|_| Counter::default()).collect();
        Self {
            picture: Sequenced::default(),
            trust: Gauge::default(),
            hedges: Counter::default(),
            refused_decisions: codes(),
            refused_commands: codes(),
            faults: codes(),
            orders: Counts::new(OrderCount::ALL.len()),
            fills: Counts::new(FillOrigin::ALL.len()),
            bought: Counter::default(),
            sold: Counter::default(),
            last_reason: Gauge::default(),
        }
    }
}

/// Whether a command of this kind is answered by a decision.
const fn is_decision(kind: u8) -> bool {
    matches!(kind, Quote::KIND | Trade::KIND | Time::KIND)
}

impl UnderlyingCells {
    /// Publishes the picture.
    #[inline]
    pub fn publish(&self, picture: &Picture) {
        self.picture.write(&picture.words());
    }

    /// The picture as last published, whole.
    pub fn picture(&self) -> Picture {
        Picture::from_words(&self.picture.read())
    }

    /// Says how far the book of the hedge instrument may be believed.
    #[inline]
    pub fn set_trust(&self, trust: BookTrust) {
        self.trust.set(trust as u64);
    }

    /// How far the book may be believed.
    pub fn trust(&self) -> BookTrust {
        BookTrust::ALL.get(self.trust.get() as usize).copied().unwrap_or(BookTrust::Unknown)
    }

    /// The counter of what becomes of orders.
    #[inline]
    pub fn orders(&self, row: OrderCount) -> &Counter {
        self.orders.at(row as usize)
    }

    /// The counter of fills by origin.
    #[inline]
    pub fn fills(&self, origin: FillOrigin) -> &Counter {
        self.fills.at(origin as usize)
    }

    /// Takes over how many contracts of the hedge instrument were bought and sold.
    #[inline]
    pub fn set_contracts(&self, bought: u64, sold: u64) {
        self.bought.set_total(bought);
        self.sold.set_total(sold);
    }

    /// Contracts of the hedge instrument bought and sold.
    pub fn contracts(&self) -> (u64, u64) {
        (self.bought.get(), self.sold.get())
    }

    /// Decisions to send an order.
    pub fn hedges(&self) -> u64 {
        self.hedges.get()
    }

    /// Decisions not to trade, for this reason.
    pub fn refused_decisions(&self, reason: Reason) -> u64 {
        self.refused_decisions[reason as usize].get()
    }

    /// Commands that the kernel refused for this reason.
    pub fn refused_commands(&self, reason: Reason) -> u64 {
        self.refused_commands[reason as usize].get()
    }

    /// Faults that the kernel told of.
    pub fn faults(&self, reason: Reason) -> u64 {
        self.faults[reason as usize].get()
    }

    /// Counts an event. Returns whether it is a decision worth remembering: an order, a fault, a refused command, or a
    /// reason other than that of the decision before.
    #[inline]
    pub(super) fn count(&self, event: &Event) -> bool {
        let code = event.0[3];
        match event.kind() {
            Hedge::KIND => {
                self.hedges.add(1);
                self.last_reason.set(0);
                true
            }
            Refused::KIND => {
                let command = Refused::decode(event).command_kind;
                // Codes from 128 on say that the command was no good: nothing was evaluated.
                if !is_decision(command) || code >= 128 {
                    self.refused_commands[usize::from(code)].add(1);
                    return true;
                }
                self.refused_decisions[usize::from(code)].add(1);
                let is_new = self.last_reason.get() != u64::from(code);
                self.last_reason.set(u64::from(code));
                is_new
            }
            Fault::KIND => {
                self.faults[usize::from(code)].add(1);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_comes_back_as_it_was_published() {
        let cells = UnderlyingCells::default();
        assert_eq!(cells.picture(), Picture::default());
        let picture = Picture {
            quote_ns: u64::MAX,
            bid: 1,
            ask: u32::MAX,
            price: 3,
            delta: i64::MIN,
            gamma: -5,
            vega: 6,
            target: -7,
            exposure: i64::MAX,
            band: 9,
            position: -10,
            open_buy: 11,
            open_sell: u32::MAX,
            unknown_buy: 13,
            unknown_sell: 14,
            profit_micro_usd: -15,
            cost_micro_usd: 16,
            is_armed: true,
            is_killed: false,
            is_reconciled: true,
            is_urgent: true,
            is_restricted: true,
        };
        cells.publish(&picture);
        assert_eq!(cells.picture(), picture);
    }
}
