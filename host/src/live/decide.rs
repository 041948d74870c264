//! Quotes to the kernel, its answers to the gates, what becomes of orders back to the kernel.
//!
//! A quote is sent for a book that changed, whose trust changed, or that was confirmed by a packet of its channel since
//! the last tick; a tick of time where nothing came. Whatever the kernel refuses has its reason; `FLIP_CANCEL_FIRST` is
//! an instruction, and is followed.

use hedgewire_abi::command::{OrderUpdate, SetStatus, Time, code};
use hedgewire_abi::event::{Fault, Hedge, Ledger};
use hedgewire_abi::format::CONTRACT_BITS;
use hedgewire_abi::{Event, Reason};

use super::alarm::Alarm;
use super::engine::Engine;
use super::gate::{Gate, Standing};
use super::record::Record;
use crate::control::KillCause;
use crate::deribit::starbase::orders::hedges::Update;
use crate::desk::answer::Answer;
use crate::driver::{Body, DriverError};

/// Between two quotes that ask for the Greeks, which are shown and decide nothing, ns.
const RISK_NS: u64 = 1_000_000_000;

impl Engine {
    /// Sends a command; after a failure nothing more, ever.
    pub(super) fn send<B: Body, T>(
        &mut self,
        underlying: u8,
        now_ns: u64,
        body: &B,
        read: impl FnOnce(&[Event]) -> T,
    ) -> Option<T> {
        if self.fatal.is_some() {
            return None;
        }
        match self.driver.send(underlying, now_ns, body) {
            Ok(events) => {
                if let Some(telemetry) = &self.telemetry {
                    for event in events {
                        telemetry.on_event(event);
                        self.pictures[usize::from(underlying)].observe(event);
                    }
                }
                let fault = fault_of(events);
                let read = read(events);
                if let Some(reason) = fault {
                    self.alarms.tell(now_ns, Alarm::KernelFault { underlying, reason });
                }
                Some(read)
            }
            Err(error) => {
                self.fail(now_ns, error);
                None
            }
        }
    }

    /// Nobody answers any more, or the journal failed.
    pub(super) fn fail(&mut self, now_ns: u64, error: DriverError) {
        if self.fatal.is_some() {
            return;
        }
        if matches!(error, DriverError::Journal(_)) {
            self.on_journal_failed(now_ns);
        } else {
            self.alarms.tell(now_ns, Alarm::NobodyAnswers {});
            self.stop_at_venue(now_ns, KillCause::Fault);
        }
        self.fatal = Some(error.into());
    }

    // ---- quotes ------------------------------------------------------------------------------

    pub(super) fn quote_dirty(&mut self, now_ns: u64) {
        for index in 0..self.desks.len() {
            if std::mem::take(&mut self.desks[index].is_dirty) {
                self.quote(index, now_ns);
            }
        }
    }

    pub(super) fn quote(&mut self, index: usize, now_ns: u64) {
        let Some(mut quote) = self.desks[index].quote_of(&self.feed) else { return };
        let desk = &self.desks[index];
        let (underlying, gateway, top) = (desk.plan.index, desk.gateway, desk.top());
        if let Some(gate) = self.gates[gateway].as_mut() {
            gate.hedges.on_top(underlying, top);
            // Only what rests or waits cares about prices.
            gate.is_due |= gate.hedges.is_working();
        }
        if !desk.is_active() {
            return;
        }
        self.counts.quotes += 1;
        let desk = &mut self.desks[index];
        if now_ns.saturating_sub(desk.risk_ns) >= RISK_NS {
            desk.risk_ns = now_ns;
            quote.flags |= code::WANT_RISK;
        }
        let answer = self.send(underlying, now_ns, &quote, Answer::of);
        self.take(index, answer, now_ns);
    }

    /// Decides again where nothing came for a tick.
    pub(super) fn tick(&mut self, now_ns: u64) {
        for index in 0..self.desks.len() {
            let desk = &self.desks[index];
            let is_due = now_ns.saturating_sub(desk.evaluated_ns) >= self.live.tick_ns;
            let (Some(quote), Some(hedge), true) = (desk.quote, desk.hedge, is_due && desk.is_active()) else {
                continue;
            };
            // Whatever came on the channel says that the book is still what it was.
            if self.feed.channels[hedge.channel].sent_ns > quote.feed_ns {
                self.quote(index, now_ns);
            } else {
                let answer = self.send(desk.plan.index, now_ns, &Time::default(), Answer::of);
                self.take(index, answer, now_ns);
            }
        }
    }

    /// Follows a decision.
    pub(super) fn take(&mut self, index: usize, answer: Option<Answer>, now_ns: u64) {
        let Some(answer) = answer else { return };
        let desk = &mut self.desks[index];
        desk.evaluated_ns = now_ns;
        if let Some(hedge) = &answer.hedge {
            self.counts.hedges += 1;
            desk.on_hedge(hedge);
            let goes_across = self.goes_across(index, hedge);
            let desk = &self.desks[index];
            let arrival = desk.quote.map_or(0, |quote| quote.hedge_price);
            let (underlying, gateway) = (desk.plan.index, desk.gateway);
            if let Some(gate) = self.gates[gateway].as_mut() {
                gate.hedges.on_hedge(underlying, hedge, arrival, answer.is_urgent, now_ns);
                gate.is_due = true;
            }
            if goes_across {
                self.counts.over_hedges += 1;
                self.alarms.tell(now_ns, Alarm::OverHedge { underlying, contracts: hedge.quantity });
                // Gives this hedge up with all others before an order of it can be: the kernel hears that it is done.
                self.disarm(index, now_ns);
            }
        } else if answer.reason == Reason::FlipCancelFirst {
            self.cancel_hedges(index);
        }
    }

    /// Checks an order of the kernel against what the order manager knows to be on its way, not against the kernel's own
    /// ledger: whether a fill of everything would carry the exposure across the target.
    fn goes_across(&self, index: usize, hedge: &Hedge) -> bool {
        let desk = &self.desks[index];
        let gate = self.gates[desk.gateway].as_ref();
        let (buy, sell) = gate.map_or((0, 0), |gate| gate.hedges.in_flight(desk.plan.index));
        let (exposure, contracts) = (i128::from(hedge.exposure), hedge.quantity);
        if contracts > 0 {
            sell > 0 || exposure + (i128::from(buy + contracts) << CONTRACT_BITS) > 0
        } else {
            buy > 0 || exposure + (i128::from(contracts - sell) << CONTRACT_BITS) < 0
        }
    }

    /// Gives every hedge of an underlying up.
    pub(super) fn cancel_hedges(&mut self, index: usize) {
        let desk = &self.desks[index];
        if let Some(gate) = self.gates[desk.gateway].as_mut().filter(|gate| gate.hedges.is_working()) {
            gate.hedges.cancel_all(desk.plan.index);
            gate.is_due = true;
        }
    }

    // ---- what became of orders ---------------------------------------------------------------

    pub(super) fn on_update(&mut self, update: &Update, now_ns: u64) {
        let underlying = update.underlying;
        let index = usize::from(underlying);
        let is_known = self.desks[index].on_update(&update.update, update.paid);
        let ledger = self.send(underlying, now_ns, &update.update, ledger_of).flatten();
        self.note_doubt(underlying, &update.update, now_ns);
        let desk = &mut self.desks[index];
        let fills = desk.position;
        if let Some(kernel) = ledger.map(|ledger| ledger.position).filter(|kernel| *kernel != fills || !is_known) {
            desk.position = kernel;
            desk.profit.keep();
            self.alarms.tell(now_ns, Alarm::LedgerDiffers { underlying, kernel, fills });
            self.disarm(index, now_ns);
        }
        self.record_position(index);
        if let Some(gate) = self.gates[self.desks[index].gateway].as_mut() {
            gate.is_uncommitted = true;
        }
    }

    fn note_doubt(&mut self, underlying: u8, update: &OrderUpdate, now_ns: u64) {
        let alarm = Alarm::OrderInDoubt { underlying, order_id: update.order_id };
        if update.status == code::ORDER_UNKNOWN {
            self.alarms.raise(now_ns, alarm, |on| *on == alarm);
        } else {
            self.alarms.clear(now_ns, |on| *on == alarm);
        }
    }

    pub(super) fn record_position(&mut self, index: usize) {
        let desk = &self.desks[index];
        let record = Record::Position {
            underlying: desk.plan.index,
            // What people told is remembered before it counts: the reports that it stands for are not asked for again.
            contracts: desk.position.saturating_add(desk.correction.unwrap_or(0)),
            hedge_coin: desk.hedge_coin,
            cash: desk.cash,
        };
        self.record(record);
    }

    // ---- status ------------------------------------------------------------------------------

    /// Tells the kernel whether the hedge instrument may be traded, and arms what is ready.
    pub(super) fn look_at_status(&mut self, now_ns: u64) {
        for index in 0..self.desks.len() {
            let desk = &self.desks[index];
            if !desk.is_configured {
                continue;
            }
            let may_send = self.gates[desk.gateway].as_ref().is_some_and(Gate::may_send);
            let is_restricted = !may_send || !desk.is_open(&self.feed);
            if is_restricted != desk.is_restricted {
                let status = SetStatus { restricted: u8::from(is_restricted), ..desk.plan.setup.status };
                let underlying = desk.plan.index;
                self.desks[index].is_restricted = is_restricted;
                self.send(underlying, now_ns, &status, |_| ());
            }
            self.settle_position(index, now_ns);
            let desk = &self.desks[index];
            let is_ready = desk.is_active() && desk.is_reconciled && desk.wants_arming && !desk.is_armed;
            if is_ready && self.kill.is_none() {
                self.arm(index, now_ns);
            }
        }
        for gateway in 0..self.gates.len() {
            let is_down = self.gates[gateway].as_ref().is_some_and(|gate| gate.standing() == Standing::Closed);
            let alarm = Alarm::SessionDown { gateway: gateway as u8 };
            if is_down {
                self.alarms.raise(now_ns, alarm, |on| *on == alarm);
            } else if self.gates[gateway].is_some() {
                self.alarms.clear(now_ns, |on| *on == alarm);
            }
        }
    }
}

/// The fault among a command's events.
fn fault_of(events: &[Event]) -> Option<Reason> {
    events.iter().find(|event| event.kind() == Fault::KIND)?.reason()
}

/// The ledger after a command.
fn ledger_of(events: &[Event]) -> Option<Ledger> {
    events.iter().find(|event| event.kind() == Ledger::KIND).map(Ledger::decode)
}
