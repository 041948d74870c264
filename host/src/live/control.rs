//! What people ask for, and what a gateway tells: kill, arm, disarm, limits, positions; reconciliation.
//!
//! ```text
//!   kill ─► kernel: kill, all underlyings ─► hedges cancelled one by one ─► mass cancel on every session
//!                                                    └─► until each session says that nothing is open: verified
//! ```
//!
//! Limits are widened by nothing but a request that carries them, and the kernel's journal has every one of them.

use hedgewire_abi::command::{Control, SetStatus, code};
use hedgewire_abi::format::POSITION_MAX;
use thiserror::Error;

use super::alarm::Alarm;
use super::engine::{Engine, Output};
use super::gate::{Gate, Standing, Told};
use super::own_fills::{DeskFill, Outcome};
use super::record::Record;
use crate::config::Plan;
use crate::control::KillCause;
use crate::deribit::starbase::orders::oms::OwnFill;
use crate::deribit::starbase::orders::{Decimal72, Side as WireSide};
use crate::telemetry::{AlarmKind, FillOrigin};

/// 10^-9 as a quantity.
const NANO: Decimal72 = Decimal72 { mantissa: 1, exponent: -9 };

/// What people ask for.
#[derive(Clone, Debug)]
pub enum Request {
    /// Stop everything, until people arm it again; says who asks.
    Kill(KillCause),
    /// No order leaves any more; what is at the venue is cancelled.
    Disarm,
    /// Orders may leave again; a kill is cleared.
    Arm,
    /// Take the limits of another plan over; everything else of it is ignored.
    Limits(Box<Plan>),
    /// The venue's word on a position of the hedge instrument, contracts: it stands instead of what is remembered.
    Position {
        /// Index of the underlying.
        underlying: u8,
        /// Contracts.
        contracts: i64,
    },
}

/// Why a position that people tell is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PositionRefusal {
    /// There is no such underlying.
    #[error("no underlying of this name is hedged here")]
    Unknown,
    /// More than the kernel can hold.
    #[error("a position has at most {POSITION_MAX} contracts either way")]
    TooLarge,
    /// It is hedged.
    #[error("it is armed, or to be armed: disarm it first, and tell the position once nothing of it is open")]
    Armed,
    /// Something may still fill.
    #[error("{0} of its orders may still fill: tell the position once the venue says that nothing is open")]
    Open(usize),
    /// Orders of earlier lives may still be there, or may still be told of.
    #[error(
        "its gateway has not said yet that nothing of an earlier run is open: wait until `hedgewire status` has it ready"
    )]
    Unswept,
}

/// A kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillState {
    /// When it was asked for, ns.
    pub since_ns: u64,
    /// When every gateway had said that nothing is open, ns.
    pub verified_ns: Option<u64>,
}

impl Engine {
    /// Does what people ask for.
    pub fn on_request(&mut self, now_ns: u64, request: &Request) {
        match request {
            Request::Kill(cause) => self.kill(now_ns, *cause),
            Request::Disarm => (0..self.desks.len()).for_each(|index| self.disarm(index, now_ns)),
            Request::Arm => self.arm_again(now_ns),
            Request::Limits(plan) => self.take_limits(plan, now_ns),
            Request::Position { underlying, contracts } => self.take_position(*underlying, *contracts, now_ns),
        }
        self.act(now_ns);
    }

    /// The kill, if there was one.
    pub fn kill_state(&self) -> Option<KillState> {
        self.kill
    }

    fn kill(&mut self, now_ns: u64, cause: KillCause) {
        if self.kill.is_some() {
            return;
        }
        self.send(0, now_ns, &Control { action: code::KILL }, |_| ());
        self.stop_at_venue(now_ns, cause);
    }

    /// Cancels everything that is at the venue, and lets nothing follow.
    pub(super) fn stop_at_venue(&mut self, now_ns: u64, cause: KillCause) {
        self.kill.get_or_insert(KillState { since_ns: now_ns, verified_ns: None });
        self.alarms.raise(now_ns, Alarm::Killed { cause }, |on| matches!(on, Alarm::Killed { .. }));
        self.gates.iter_mut().flatten().for_each(Gate::kill);
    }

    /// Says which gateways have not said yet that nothing is open.
    pub(super) fn look_at_kill(&mut self, now_ns: u64) {
        let Some(kill) = self.kill.filter(|kill| kill.verified_ns.is_none()) else { return };
        let mut is_verified = true;
        for (gateway, gate) in self.gates.iter().enumerate() {
            let alarm = Alarm::KillUnverified { gateway: gateway as u8 };
            match gate {
                Some(gate) if !gate.is_empty() => {
                    is_verified = false;
                    self.alarms.raise(now_ns, alarm, |on| *on == alarm);
                }
                _ => self.alarms.clear(now_ns, |on| *on == alarm),
            }
        }
        if is_verified {
            self.kill = Some(KillState { verified_ns: Some(now_ns), ..kill });
        }
    }

    fn arm_again(&mut self, now_ns: u64) {
        // What was never remembered cannot be gone on with.
        if self.fatal.is_some() || self.alarms.count(AlarmKind::JournalFailed) > 0 {
            return;
        }
        if self.kill.take().is_some() {
            self.send(0, now_ns, &Control { action: code::CLEAR_KILL }, |_| ());
            self.gates.iter_mut().flatten().for_each(Gate::revive);
            self.alarms.clear(now_ns, |on| matches!(on, Alarm::Killed { .. }));
            for gateway in 0..self.gates.len() {
                self.alarms.clear(now_ns, |on| *on == Alarm::KillUnverified { gateway: gateway as u8 });
            }
            // Clearing the kill leaves everything disarmed.
            self.desks.iter_mut().for_each(|desk| desk.is_armed = false);
        }
        self.desks.iter_mut().for_each(|desk| desk.wants_arming = true);
    }

    pub(super) fn arm(&mut self, index: usize, now_ns: u64) {
        let underlying = self.desks[index].plan.index;
        self.desks[index].is_armed = true;
        self.send(underlying, now_ns, &Control { action: code::ARM }, |_| ());
    }

    /// No order of an underlying leaves until people arm it again; its orders are cancelled.
    pub(super) fn disarm(&mut self, index: usize, now_ns: u64) {
        let desk = &mut self.desks[index];
        let underlying = desk.plan.index;
        (desk.wants_arming, desk.is_armed) = (false, false);
        self.cancel_hedges(index);
        self.send(underlying, now_ns, &Control { action: code::DISARM }, |_| ());
    }

    fn take_limits(&mut self, plan: &Plan, now_ns: u64) {
        for index in 0..self.desks.len() {
            let Some(new) = plan.underlyings.get(index) else { continue };
            let desk = &mut self.desks[index];
            if new.hedge_name != desk.plan.hedge_name {
                continue;
            }
            let setup = &mut desk.plan.setup;
            (setup.trigger, setup.price, setup.size, setup.rate) =
                (new.setup.trigger, new.setup.price, new.setup.size, new.setup.rate);
            setup.status = new.setup.status;
            let (underlying, setup, is_restricted) = (desk.plan.index, *setup, desk.is_restricted);
            if !desk.is_configured {
                continue;
            }
            self.send(underlying, now_ns, &setup.trigger, |_| ());
            self.send(underlying, now_ns, &setup.price, |_| ());
            self.send(underlying, now_ns, &setup.size, |_| ());
            self.send(underlying, now_ns, &setup.rate, |_| ());
            let restricted = u8::from(is_restricted);
            let status = SetStatus { restricted, ..setup.status };
            self.send(underlying, now_ns, &status, |_| ());
        }
    }

    /// Whether a position of the hedge instrument of a coin may be told now; the underlying's index. What is told while
    /// an order may still fill would not count what it fills.
    ///
    /// # Errors
    /// [`PositionRefusal`].
    pub fn may_tell_position(&self, coin: &str, contracts: i64) -> Result<u8, PositionRefusal> {
        let desk = self.desks.iter().find(|desk| desk.plan.coin == coin).ok_or(PositionRefusal::Unknown)?;
        if contracts.unsigned_abs() > POSITION_MAX.unsigned_abs() {
            return Err(PositionRefusal::TooLarge);
        }
        if desk.is_armed || desk.wants_arming {
            return Err(PositionRefusal::Armed);
        }
        let gate = self.gates[desk.gateway].as_ref().filter(|gate| gate.standing() == Standing::Clean);
        let gate = gate.ok_or(PositionRefusal::Unswept)?;
        // What reports were lost of is settled by nothing else.
        let own = gate.hedges.oms.live().filter(|order| order.hedge.0 == desk.plan.index && !order.is_lossy);
        match own.count() {
            0 => Ok(desk.plan.index),
            open => Err(PositionRefusal::Open(open)),
        }
    }

    fn take_position(&mut self, underlying: u8, contracts: i64, now_ns: u64) {
        let index = usize::from(underlying);
        let Some(desk) = self.desks.get_mut(index) else { return };
        let (remembered, gateway) = (desk.position, desk.gateway);
        if remembered != contracts {
            self.alarms.tell(now_ns, Alarm::PositionDiffers { underlying, remembered, venue: contracts });
        }
        self.desks[index].correction = Some(contracts.saturating_sub(remembered));
        self.record_position(index);
        let others: Vec<usize> = (0..self.desks.len()).filter(|other| self.desks[*other].gateway == gateway).collect();
        let alarm = |on: &Alarm| matches!(on, Alarm::PositionUnproved { underlying: of, .. } if *of == underlying);
        self.alarms.clear(now_ns, alarm);
        let is_unproved = |on: &Alarm| matches!(on, Alarm::PositionUnproved { underlying, .. } if others.contains(&usize::from(*underlying)));
        let is_last = !self.alarms.on().iter().any(is_unproved);
        let Some(gate) = self.gates[gateway].as_mut() else { return };
        if is_last {
            gate.prove();
            self.alarms.clear(now_ns, |on| *on == Alarm::ReportsLost { gateway: gateway as u8 });
        }
        // The kernel's ledger begins anew with a position: nothing may be on its way then.
        gate.sweep();
        self.desks[index].is_reconciled = false;
        self.cancel_hedges(index);
    }

    // ---- what a gateway tells ----------------------------------------------------------------

    pub(super) fn on_told(&mut self, gateway: usize, told: &Told, now_ns: u64) {
        let index = gateway as u8;
        match *told {
            Told::Connect => self.outputs.push_back(Output::Connect(gateway)),
            Told::Close => self.outputs.push_back(Output::Close(gateway)),
            Told::Alarm(alarm) => self.alarms.tell(now_ns, alarm),
            Told::Missing(from) => {
                let is_same = |on: &Alarm| matches!(on, Alarm::ReportsMissing { gateway, .. } if *gateway == index);
                match from {
                    Some(from) => {
                        self.alarms.raise(now_ns, Alarm::ReportsMissing { gateway: index, from }, is_same);
                    }
                    None => self.alarms.clear(now_ns, is_same),
                }
            }
            Told::Lost => self.on_lost(gateway, now_ns),
            Told::Unmatched(client_order_id) => {
                if let Some(gate) = &mut self.gates[gateway] {
                    gate.counts.unmatched += 1;
                }
                self.alarms.tell(now_ns, Alarm::Unmatched { gateway: index, client_order_id });
                self.disarm_gateway(gateway, now_ns);
            }
            Told::Own(fill) => self.on_own_fill(&fill, now_ns),
            Told::Found(found) => {
                let desk = self.live.gateways[gateway].underlyings.get(found.terms_index);
                if let Some(desk) = desk.map(|desk| usize::from(*desk)) {
                    self.record(Record::Order {
                        gateway: index,
                        underlying: self.desks[desk].plan.index,
                        client_order_id: found.client_order_id,
                        quantity: if found.is_buy { i64::MAX } else { -i64::MAX },
                        filled: found.filled,
                        price: found.price.0,
                    });
                    self.desks[desk].found.book(found.contracts);
                    self.desks[desk].position += found.contracts;
                    self.desks[desk].hedge_coin = self.desks[desk].hedge_coin.saturating_add(found.worth.coin);
                    self.record_position(desk);
                }
            }
            Told::Swept { .. } => self.look_at_status(now_ns),
        }
    }

    fn disarm_gateway(&mut self, gateway: usize, now_ns: u64) {
        let indices: Vec<usize> = (0..self.desks.len()).filter(|index| self.desks[*index].gateway == gateway).collect();
        indices.into_iter().for_each(|index| self.disarm(index, now_ns));
    }

    /// Positions are no longer what the reports add up to.
    fn on_lost(&mut self, gateway: usize, now_ns: u64) {
        let alarm = Alarm::ReportsLost { gateway: gateway as u8 };
        self.alarms.raise(now_ns, alarm, |on| *on == alarm);
        self.disarm_gateway(gateway, now_ns);
        for index in 0..self.desks.len() {
            let desk = &self.desks[index];
            if desk.gateway != gateway {
                continue;
            }
            let (underlying, remembered) = (desk.plan.index, desk.position);
            let is_same =
                |on: &Alarm| matches!(on, Alarm::PositionUnproved { underlying: of, .. } if *of == underlying);
            self.alarms.raise(now_ns, Alarm::PositionUnproved { underlying, remembered }, is_same);
        }
    }

    /// Nothing is open at its gateway, every report has come, and a price is known: the position stands.
    pub(super) fn settle_position(&mut self, index: usize, now_ns: u64) {
        let desk = &self.desks[index];
        let gate = self.gates[desk.gateway].as_ref();
        let stands = gate.is_some_and(|gate| gate.standing() == Standing::Clean && gate.is_proved());
        if desk.is_reconciled || desk.quote.is_none() || !stands {
            return;
        }
        let (underlying, venue) = (desk.plan.index, desk.position);
        if let Some(correction) = self.desks[index].correction.take() {
            self.desks[index].position = venue.saturating_add(correction);
            self.desks[index].profit.keep();
        } else {
            let remembered = self.image.positions.get(&underlying).map_or(venue, |position| position.contracts);
            if remembered != venue {
                self.alarms.tell(now_ns, Alarm::PositionDiffers { underlying, remembered, venue });
            }
        }
        self.reconcile(index, now_ns);
        if let Some(gate) = self.gates[self.desks[index].gateway].as_mut() {
            gate.is_uncommitted = true;
        }
    }

    fn on_own_fill(&mut self, fill: &OwnFill, now_ns: u64) {
        let sign = match fill.side {
            WireSide::Buy => 1,
            WireSide::Sell => -1,
            _ => 0,
        };
        let quantity_nano = fill.quantity.in_units(NANO).unwrap_or(0) * sign;
        let fill = DeskFill {
            instrument_id: fill.instrument_id,
            fill_id: fill.match_id,
            quantity_nano,
            price_nano: fill.price.0,
        };
        let outcome = if quantity_nano == 0 {
            self.alarms.tell(now_ns, Alarm::FillRefused { instrument_id: fill.instrument_id, fill_id: fill.fill_id });
            Outcome::Quantity
        } else {
            self.book(now_ns, &fill, FillOrigin::Quote)
        };
        if outcome == Outcome::Quantity
            && let Some(index) = self.desks.iter().position(|desk| desk.holds(fill.instrument_id))
        {
            self.disarm(index, now_ns);
        }
    }
}
