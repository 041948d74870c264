//! Fills of the desk's own quotes: from the session's reports, or from a drop copy; trade commands at once.
//!
//! A fill is known by its instrument and number, whichever way it comes, and is booked once. What is not a whole number
//! of lots, or beyond a limit of the slot, is not booked in part: it is refused, loudly, and the underlying is disarmed
//! if it came from the venue, because then the position is not what the engine believes.

use hedgewire_abi::command::Trade;
use hedgewire_abi::format::COIN_BITS;

use super::alarm::Alarm;
use super::engine::Engine;
use super::record::Record;
use crate::desk::answer::Answer;
use crate::instrument::{Instrument, Payoff};
use crate::telemetry::FillOrigin;

/// 10^-18 in 1: a price times a quantity.
const NANO_SQUARED: i128 = 1_000_000_000_000_000_000;

/// A fill of the desk's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskFill {
    /// The venue's number of the instrument.
    pub instrument_id: i64,
    /// Number of the fill: the same fill always has the same.
    pub fill_id: i64,
    /// Bought (above 0) or sold, 10^-9 of the instrument's unit.
    pub quantity_nano: i64,
    /// Price, 10^-9.
    pub price_nano: i64,
}

/// What became of a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Booked; it is safe once so many records are in the state file.
    Booked(u64),
    /// It was booked before, and is safe once so many records are.
    Repeated(u64),
    /// The instruments are not known yet: to be sent again later.
    NotYet,
    /// Not of an instrument that is held.
    UnknownInstrument,
    /// Not a whole number of lots, or more than the slot may hold.
    Quantity,
}

impl Engine {
    /// The venue's number of a held instrument, by name.
    pub fn instrument_id(&self, name: &str) -> Option<i64> {
        self.desks.iter().find_map(|desk| desk.instrument_id(name))
    }

    /// Whether the instruments of every underlying are known.
    pub fn is_defined(&self) -> bool {
        self.desks.iter().all(|desk| desk.is_configured)
    }

    /// Takes a fill of a drop copy.
    pub fn on_trade(&mut self, now_ns: u64, fill: &DeskFill) -> Outcome {
        // An underlying whose instruments are not known holds up its own fills alone.
        let is_known = self.desks.iter().any(|desk| desk.is_configured && desk.holds(fill.instrument_id));
        if !is_known && !self.is_defined() {
            return Outcome::NotYet;
        }
        let outcome = self.book(now_ns, fill, FillOrigin::DropCopy);
        if let Outcome::Booked(_) = outcome {
            // Nothing of a session is in between: what it has said so far is committed with this.
            let gateway = (self.desks.iter().find(|desk| desk.holds(fill.instrument_id))).map(|desk| desk.gateway);
            if let Some(gate) = gateway.and_then(|gateway| self.gates[gateway].as_mut()) {
                gate.is_uncommitted = true;
            }
            self.act(now_ns);
            return Outcome::Booked(self.record_count);
        }
        self.act(now_ns);
        outcome
    }

    /// Books a fill, if it is new, and lets the kernel decide at once.
    pub(super) fn book(&mut self, now_ns: u64, fill: &DeskFill, origin: FillOrigin) -> Outcome {
        let DeskFill { instrument_id, fill_id, quantity_nano, price_nano } = *fill;
        if self.fills.contains(instrument_id, fill_id) {
            self.counts.own_fills_repeated += 1;
            return Outcome::Repeated(self.record_count);
        }
        let Some(index) = self.desks.iter().position(|desk| desk.holds(instrument_id)) else {
            self.alarms.tell(now_ns, Alarm::FillRefused { instrument_id, fill_id });
            return Outcome::UnknownInstrument;
        };
        let desk = &mut self.desks[index];
        let Some(held) = desk.held_mut(instrument_id) else { return Outcome::UnknownInstrument };
        let lots = (quantity_nano % held.lot_nano == 0).then_some(quantity_nano / held.lot_nano);
        let quantity = lots.and_then(|lots| lots.checked_add(i64::from(held.lots)));
        let limit = i64::from(held.holding.quantity_max_lots);
        let Some(quantity) = quantity.filter(|quantity| quantity.abs() <= limit) else {
            self.alarms.tell(now_ns, Alarm::FillRefused { instrument_id, fill_id });
            return Outcome::Quantity;
        };
        held.lots = quantity as i32;
        let slot = held.holding.slot;
        let pays_coin =
            matches!(&held.holding.instrument, Instrument::Option(option) if option.payoff == Payoff::Inverse);
        if pays_coin {
            let paid = (i128::from(quantity_nano) * i128::from(price_nano)) << COIN_BITS;
            desk.cash = desk.cash.saturating_sub(i64::try_from(paid / NANO_SQUARED).unwrap_or(i64::MAX));
        }
        let (underlying, cash) = (desk.plan.index, desk.cash_told());
        self.fills.insert(instrument_id, fill_id);
        self.counts.own_fills += 1;
        if let Some(telemetry) = &self.telemetry {
            telemetry.underlying(usize::from(underlying)).fills(origin).add(1);
        }
        let trade = Trade { slot, quantity: quantity as i32, cash };
        let answer = self.send(underlying, now_ns, &trade, Answer::of);
        self.record(Record::Holding { underlying, instrument_id, lots: quantity });
        self.record(Record::Fill { instrument_id, fill_id });
        self.record_position(index);
        self.take(index, answer, now_ns);
        Outcome::Booked(self.record_count)
    }
}
