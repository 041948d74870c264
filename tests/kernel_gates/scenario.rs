//! The plain scenario that every test here begins with, and what is asked of a machine in it.
//!
//! ```text
//!   Scenario: one row of one coin a lot, hedge of one coin a contract, everything loose
//!      lots + position = exposure, in contracts;  a change to the scenario closes one gate
//! ```

use hedgewire_abi::command::{
    Build, Configure, Control, OpenBank, OrderUpdate, Quote, Reconcile, SetPriceLimits, SetRateLimits, SetSizeLimits,
    SetStatus, SetTarget, SetTrigger, Swap, Time, WriteRow, code,
};
use hedgewire_abi::event::Ledger;
use hedgewire_abi::{Event, Reason};
use hedgewire_host::driver::Setup;
use hedgewire_kernel::{Form, Sizes};

use crate::support::portfolio::{PRICE_REF, loose_limits, quote};
use crate::support::{Machine, START_NS, hedge, reason};

/// One contract in the unit of exposures and bands.
pub const CONTRACT: i64 = 1 << 16;
/// One coin on the wire.
pub const COIN: i64 = 1 << 32;

/// A situation in which the trigger wants to sell ten contracts and every gate is open.
#[derive(Clone)]
pub struct Scenario {
    pub lots: i32,
    pub position: i64,
    pub is_reconciled: bool,
    pub exact_mode: bool,
    pub trigger: SetTrigger,
    pub price: SetPriceLimits,
    pub size: SetSizeLimits,
    pub rate: SetRateLimits,
    pub status: SetStatus,
    pub quote: Quote,
    pub bank: OpenBank,
    pub target: i64,
    pub actions: Vec<u8>,
}

impl Scenario {
    pub fn selling() -> Self {
        let Setup { trigger, price, size, rate, status, .. } = loose_limits();
        let bank = OpenBank {
            bank_id: 9,
            price_ref: PRICE_REF,
            contract_scale: 1 << 31,
            band_factor: 0,
            delta_bits: 20,
            gamma_bits: 20,
            vega_bits: 20,
            // A delta weight of 2^20 is one coin, 2^27 ladder units; times 2^39 over 2^50: 2^16.
            contract_shift: 50,
            band_shift: 0,
            band_kind: code::BAND_FIXED,
            hedge_kind: code::HEDGE_LINEAR,
            numeraire: code::NUMERAIRE_COIN,
            valid_until_ns: u64::MAX,
        };
        Self {
            lots: 10,
            position: 0,
            is_reconciled: true,
            // No error bound widens the band then, so that limits can be met exactly.
            exact_mode: true,
            trigger,
            price,
            size,
            rate,
            status,
            quote: quote(PRICE_REF, 1, START_NS),
            bank,
            target: 0,
            actions: vec![code::ARM],
        }
    }

    pub fn buying() -> Self {
        Self { lots: -10, ..Self::selling() }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The machine up to the quote.
    pub fn machine(&self) -> Machine {
        let mut machine = Machine::new(Sizes { underlyings: 2, rows: 128, intervals: 8 }, Form::best());
        machine.must(|h| Configure { first_slot: 0, slot_count: 64, exact_mode: u8::from(self.exact_mode) }.encode(h));
        machine.must(|h| self.bank.encode(h));
        for slot in 0..64 {
            let row_kind = if slot < 2 { code::CONSTANT } else { code::EMPTY };
            let row =
                WriteRow { slot, row_kind, group: code::GROUP_LINEAR, omega_delta: 1 << 20, ..WriteRow::default() };
            machine.must(|h| row.encode(h));
        }
        machine.must(|h| Build { centre: PRICE_REF, intervals: 8, step_shift: 12 }.encode(h));
        machine.must(|h| Swap {}.encode(h));
        machine.trade(0, self.lots);
        machine.must(|h| SetTarget { target: self.target, cash: 0 }.encode(h));
        if self.is_reconciled {
            machine.must(|h| Reconcile { position: self.position, hedge_coin: 0 }.encode(h));
        }
        self.settle(&mut machine);
        machine
    }

    /// Settings and modes.
    pub fn settle(&self, machine: &mut Machine) {
        machine.must(|h| self.trigger.encode(h));
        machine.must(|h| self.price.encode(h));
        machine.must(|h| self.size.encode(h));
        machine.must(|h| self.rate.encode(h));
        machine.must(|h| self.status.encode(h));
        for &action in &self.actions {
            machine.must(|h| Control { action }.encode(h));
        }
    }

    /// The decision at the quote.
    pub fn decision(&self) -> Vec<Event> {
        self.machine().send(|h| self.quote.encode(h))
    }

    pub fn reason(&self) -> Reason {
        reason(&self.decision())
    }

    /// What is sent, positive bought; 0 when nothing is.
    pub fn sent(&self) -> i64 {
        hedge(&self.decision()).map_or(0, |hedge| hedge.quantity)
    }
}

/// Evaluates again at a later time.
pub fn later(machine: &mut Machine, ns: u64) -> Vec<Event> {
    machine.now_ns += ns;
    machine.must(|h| Time { flags: 0 }.encode(h))
}

pub fn update(machine: &mut Machine, status: u8, order_id: u32, filled: u64) -> Vec<Event> {
    machine.send(|h| OrderUpdate { status, order_id, filled, coin: 0, cost: 0 }.encode(h))
}

pub fn ledger(events: &[Event]) -> Ledger {
    events.iter().find(|event| event.kind() == Ledger::KIND).map(Ledger::decode).expect("a ledger event")
}

/// Quantity sent by the events, 0 when nothing was.
pub fn sent(events: &[Event]) -> i64 {
    hedge(events).map_or(0, |hedge| hedge.quantity)
}

/// A scenario of clips of four, after the first has gone out.
pub fn after_first_clip(change: impl FnOnce(&mut Scenario)) -> Machine {
    let scenario = Scenario::selling().with(|s| (s.lots, s.trigger.clip_max) = (100, 4)).with(change);
    let mut machine = scenario.machine();
    assert_eq!(sent(&machine.send(|h| scenario.quote.encode(h))), -4);
    machine
}
