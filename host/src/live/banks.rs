//! Banks: asked for at a cadence, loaded in pieces between packets, swapped when built.
//!
//! While an input is stale no bank is asked for: the rows in use grow old, and the kernel says `ROWS_STALE` where it
//! would hedge. A bank that cannot be had is tried again a cadence later; the old one stays until its time is over.

use hedgewire_abi::command::{Quote, Reconcile, SetStatus, SetTarget, Trade};

use super::alarm::Alarm;
use super::compile::Compiled;
use super::desk::Loading;
use super::engine::{Engine, Output};
use crate::compiler::Numeraire;
use crate::deribit::starbase::orders::value::{HedgeTerms, Side};
use crate::desk::portfolio;
use crate::driver::{DriverError, Setup};
use crate::fills::to_wire_coin;

/// Rows that are written between two looks at the feed.
const ROWS_AT_ONCE: usize = 32;

impl Engine {
    /// Configures an underlying whose instruments are known now: with what is remembered, else what is configured.
    pub(super) fn take_over(&mut self, index: usize, now_ns: u64) {
        let desk = &mut self.desks[index];
        let underlying = desk.plan.index;
        for (id, (_, lots)) in self.image.holdings.iter().filter(|(_, (of, _))| *of == underlying) {
            match desk.held_mut(*id) {
                Some(held) => held.lots = *lots as i32,
                None => {
                    let alarm = Alarm::HoldingUnknown { instrument_id: *id, lots: *lots };
                    self.alarms.tell(now_ns, alarm);
                    desk.wants_arming = false;
                }
            }
        }
        let status = SetStatus { restricted: 1, ..desk.plan.setup.status };
        let target = SetTarget { cash: desk.cash_told(), ..desk.plan.setup.target };
        let setup = Setup { status, target, ..desk.plan.setup };
        desk.is_restricted = true;
        let cash = desk.cash_told();
        let trades: Vec<Trade> =
            desk.held.iter().map(|held| Trade { slot: held.holding.slot, quantity: held.lots, cash }).collect();
        let done = self.driver.configure(underlying, now_ns, &setup);
        match done.and_then(|()| self.driver.hold(underlying, now_ns, trades)) {
            Ok(()) => self.desks[index].is_configured = true,
            Err(error) => self.fail(now_ns, error),
        }
    }

    /// The venue has said that nothing is open: the position is what is remembered and was reported.
    pub(super) fn reconcile(&mut self, index: usize, now_ns: u64) {
        let desk = &mut self.desks[index];
        // Before the first fill the coin constant of a position is taken over at the price of now.
        let is_fresh = !self.image.positions.contains_key(&desk.plan.index) && desk.hedge_coin == 0;
        let price = desk.quote.map_or(0, |quote: Quote| quote.hedge_price);
        if is_fresh
            && desk.position != 0
            && price > 0
            && let Some(hedge) = &desk.hedge
        {
            let side = if desk.position > 0 { Side::Buy } else { Side::Sell };
            let free = HedgeTerms { taker_fee_nano: 0, ..hedge.terms };
            let at = free.price_of(price, side);
            let worth = free.worth(side, desk.position.saturating_abs(), at, price, true);
            desk.hedge_coin = worth.map_or(0, |worth| worth.coin);
        }
        let (underlying, position, hedge_coin) = (desk.plan.index, desk.position, desk.hedge_coin);
        desk.is_reconciled = true;
        self.send(underlying, now_ns, &Reconcile { position, hedge_coin }, |_| ());
        self.record_position(index);
    }

    /// Asks for banks that are due, and goes on with those that are being loaded.
    pub(super) fn keep_banks(&mut self, now_ns: u64) {
        for index in 0..self.desks.len() {
            if self.fatal.is_some() {
                return;
            }
            self.ask_for_bank(index, now_ns);
            if let Err(error) = self.load_piece(index, now_ns) {
                match error {
                    DriverError::Refused { .. } => self.bank_failed(index, now_ns),
                    error => self.fail(now_ns, error),
                }
            }
        }
    }

    fn ask_for_bank(&mut self, index: usize, now_ns: u64) {
        let desk = &mut self.desks[index];
        let underlying = desk.plan.index;
        if !desk.wants_bank(now_ns) {
            return;
        }
        let is_same = |on: &Alarm| *on == Alarm::InputStale { underlying };
        let Some(input) = desk.input(&self.feed, now_ns, self.live.input_age_max_ns) else {
            self.alarms.raise(now_ns, Alarm::InputStale { underlying }, is_same);
            return;
        };
        self.alarms.clear(now_ns, is_same);
        if let Some(job) = desk.job(&self.feed, input, now_ns) {
            self.outputs.push_back(Output::Compile(Box::new(job)));
        }
    }

    /// Takes a bank from the compiler.
    pub fn on_bank(&mut self, now_ns: u64, compiled: Compiled) {
        let index = usize::from(compiled.underlying);
        let Some(desk) = self.desks.get_mut(index) else { return };
        desk.asked_ns = None;
        match compiled.result {
            Ok(built) => {
                let (asked_ns, centre) = (compiled.asked_ns, compiled.centre);
                desk.loading = Some(Loading { built, asked_ns, centre, rows: None, is_building: false });
            }
            Err(_) => self.bank_failed(index, now_ns),
        }
    }

    fn bank_failed(&mut self, index: usize, now_ns: u64) {
        let desk = &mut self.desks[index];
        (desk.loading, desk.retry_ns) = (None, now_ns.saturating_add(desk.recompile_ns()));
        let alarm = Alarm::BankFailed { underlying: desk.plan.index };
        self.alarms.raise(now_ns, alarm, |on| *on == alarm);
    }

    /// Writes some rows, starts the build, or swaps.
    fn load_piece(&mut self, index: usize, now_ns: u64) -> Result<(), DriverError> {
        let Self { desks, driver, .. } = self;
        let underlying = desks[index].plan.index;
        let Some(loading) = desks[index].loading.as_mut() else { return Ok(()) };
        let bank = &loading.built.bank;
        let Some(written) = loading.rows else {
            driver.carry_out(underlying, now_ns, &bank.open)?;
            loading.rows = Some(0);
            return Ok(());
        };
        if written < bank.rows.len() {
            let end = (written + ROWS_AT_ONCE).min(bank.rows.len());
            for row in &bank.rows[written..end] {
                driver.carry_out(underlying, now_ns, row)?;
            }
            loading.rows = Some(end);
            return Ok(());
        }
        if !loading.is_building {
            driver.carry_out(underlying, now_ns, &loading.built.ladder.build(loading.centre))?;
            loading.is_building = true;
            return Ok(());
        }
        if !driver.is_built(underlying) {
            driver.work();
            return Ok(());
        }
        driver.swap(underlying, now_ns)?;
        let Some(loading) = desks[index].loading.take() else { return Ok(()) };
        let was_active = desks[index].is_active();
        desks[index].activate(&loading);
        self.counts.banks += 1;
        let alarm = Alarm::BankFailed { underlying };
        self.alarms.clear(now_ns, |on| *on == alarm);
        self.settle(index, &loading, now_ns);
        if !was_active {
            self.desks[index].is_dirty = true;
        }
        Ok(())
    }

    /// In USD numeraire the coin that settling holdings have earned counts as cash.
    fn settle(&mut self, index: usize, loading: &Loading, now_ns: u64) {
        let desk = &mut self.desks[index];
        if desk.plan.compiler.numeraire != Numeraire::Usd {
            return;
        }
        let lots = |slot: u32| desk.held.iter().find(|held| held.holding.slot == slot).map_or(0, |held| held.lots);
        let settled = to_wire_coin(portfolio::settled_coin(&loading.built.bank, lots));
        if settled != desk.settled_coin {
            desk.settled_coin = settled;
            let target = SetTarget { cash: desk.cash_told(), ..desk.plan.setup.target };
            let underlying = desk.plan.index;
            self.send(underlying, now_ns, &target, |_| ());
        }
    }
}
