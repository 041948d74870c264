//! The three weights of a row at a quantity, one after another: `hedgewire_kernel::bank::Bank::reweigh`.
//!
//! ```text
//!   load --> operands  d g v --> Weigh --> vega <-- gamma <-- delta, each moves on --> 11 all three, do they fit?
//!            cycle     1 2 3               8                                               changed?
//! ```
//!
//! Where one does not fit, the row weighs nothing, and the sums of sizes are those without it. `LATENCY` cycles from
//! `load` to the results, which stay for one cycle.

use rust_hdl::prelude::*;

use super::weigh::{self, Weigh};
use crate::record::{BankState, Spec, Weights};
use crate::signal::{U, bits_lit};

/// Cycles from the operands to the results.
pub const LATENCY: usize = 3 + weigh::LATENCY + 1;
/// Cycles between rows.
pub const II: usize = 3;

/// One weight on its way to `Weigh`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
struct Operand {
    omega: U<32>,
    shift: U<6>,
    old: U<32>,
    gross: U<35>,
}

/// One weight on its way back.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
struct Weighed {
    weight: U<32>,
    rest: U<35>,
    sum: U<35>,
    fits: Bit,
}

/// Weights of a row, and the sums of sizes with it.
#[derive(LogicBlock)]
pub struct Reweigh {
    pub clock: Signal<In, Clock>,
    /// With the operands.
    pub load: Signal<In, Bit>,
    pub bank: Signal<In, Bit>,
    pub spec: Signal<In, Spec>,
    /// The row that is taken out, if its bank holds the slot.
    pub old_kind: Signal<In, U<3>>,
    pub old: Signal<In, Weights>,
    /// State of its bank.
    pub state: Signal<In, BankState>,
    /// From the cycle after `load`: bank 0, and 1, holds the slot.
    pub held0: Signal<In, Bit>,
    pub held1: Signal<In, Bit>,
    /// Lots, signed; like the bits above.
    pub lots: Signal<In, U<31>>,
    /// The row's weights before, a cycle before the results.
    pub previous: Signal<In, Weights>,
    /// The delta weight, two cycles before the results, whether it fits or not; signed.
    pub first: Signal<Out, U<32>>,
    pub weights: Signal<Out, Weights>,
    pub gross_delta: Signal<Out, U<35>>,
    pub gross_gamma: Signal<Out, U<35>>,
    pub gross_vega: Signal<Out, U<35>>,
    pub fits: Signal<Out, Bit>,
    /// The opposite, for the state: either drives much.
    pub is_over: Signal<Out, Bit>,
    /// The weights are not those before.
    pub differs: Signal<Out, Bit>,

    feed_delta: DFF<Operand>,
    feed_gamma: DFF<Operand>,
    feed_vega: DFF<Operand>,
    feed_bank: DFF<Bit>,
    feed_kind: DFF<U<3>>,
    feed_old_kind: DFF<U<3>>,
    feed_held: Signal<Local, Bit>,
    weigh: Weigh,
    result: Signal<Local, Weighed>,
    result_vega: DFF<Weighed>,
    result_gamma: DFF<Weighed>,
    result_delta: DFF<Weighed>,
    fits_next: Signal<Local, Bit>,
    all_fit: DFF<Bit>,
    over: DFF<Bit>,
    delta_same: DFF<Bit>,
    gamma_same: DFF<Bit>,
    vega_same: DFF<Bit>,
    weighed_nothing: DFF<Bit>,
    no_weights: Constant<Weights>,
}

impl Default for Reweigh {
    fn default() -> Self {
        with_defaults!({
            no_weights: Constant::new(Weights::default()),
        }
            clock load bank spec old_kind old state held0 held1 lots previous first weights gross_delta gross_gamma
            gross_vega fits is_over differs feed_delta feed_gamma feed_vega feed_bank feed_kind feed_old_kind feed_held
            weigh result result_vega result_gamma result_delta fits_next all_fit over delta_same gamma_same vega_same
            weighed_nothing
        )
    }
}

impl Logic for Reweigh {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, feed_bank, feed_kind, feed_old_kind);
        clock!(self, clock, feed_delta, feed_gamma, feed_vega, weigh, result_vega, result_gamma, result_delta);
        clock!(self, clock, all_fit, over, delta_same, gamma_same, vega_same, weighed_nothing);

        // Operands.
        self.feed_delta.d.next = self.feed_gamma.q.val();
        self.feed_gamma.d.next = self.feed_vega.q.val();
        self.feed_vega.d.next = self.feed_vega.q.val();
        if self.load.val() {
            self.feed_bank.d.next = self.bank.val();
            self.feed_kind.d.next = self.spec.val().kind;
            self.feed_old_kind.d.next = self.old_kind.val();
            self.feed_delta.d.next.omega = self.spec.val().omega_delta;
            self.feed_delta.d.next.shift = self.spec.val().shift_delta;
            self.feed_delta.d.next.old = self.old.val().delta;
            self.feed_delta.d.next.gross = self.state.val().gross_delta;
            self.feed_gamma.d.next.omega = self.spec.val().omega_gamma;
            self.feed_gamma.d.next.shift = self.spec.val().shift_gamma;
            self.feed_gamma.d.next.old = self.old.val().gamma;
            self.feed_gamma.d.next.gross = self.state.val().gross_gamma;
            self.feed_vega.d.next.omega = self.spec.val().omega_vega;
            self.feed_vega.d.next.shift = self.spec.val().shift_vega;
            self.feed_vega.d.next.old = self.old.val().vega;
            self.feed_vega.d.next.gross = self.state.val().gross_vega;
        }
        self.feed_held.next = self.held0.val();
        if self.feed_bank.q.val() {
            self.feed_held.next = self.held1.val();
        }
        self.weigh.quantity.next = self.lots.val();
        self.weigh.omega.next = self.feed_delta.q.val().omega;
        self.weigh.shift.next = self.feed_delta.q.val().shift;
        self.weigh.kind.next = self.feed_kind.q.val();
        self.weigh.gross.next = self.feed_delta.q.val().gross;
        self.weigh.old.next = self.feed_delta.q.val().old;
        self.weigh.has_old.next = self.feed_held.val();
        self.weigh.old_kind.next = self.feed_old_kind.q.val();

        // The weights as they come: delta, gamma, vega.
        self.result.next.weight = self.weigh.weight.val();
        self.result.next.rest = self.weigh.rest.val();
        self.result.next.sum = self.weigh.sum.val();
        self.result.next.fits = self.weigh.fits.val();
        self.result_vega.d.next = self.result.val();
        self.result_gamma.d.next = self.result_vega.q.val();
        self.result_delta.d.next = self.result_gamma.q.val();
        self.first.next = self.result_vega.q.val().weight;

        // Looked at a cycle ahead.
        self.fits_next.next = self.result.val().fits & self.result_vega.q.val().fits & self.result_gamma.q.val().fits;
        self.all_fit.d.next = self.fits_next.val();
        self.over.d.next = !self.fits_next.val();
        self.delta_same.d.next = self.result_gamma.q.val().weight == self.previous.val().delta;
        self.gamma_same.d.next = self.result_vega.q.val().weight == self.previous.val().gamma;
        self.vega_same.d.next = self.result.val().weight == self.previous.val().vega;
        self.weighed_nothing.d.next = self.previous.val() == self.no_weights.val();

        // All three.
        self.fits.next = self.all_fit.q.val();
        self.is_over.next = self.over.q.val();
        self.weights.next.delta = bits_lit::<32>(0);
        self.weights.next.gamma = bits_lit::<32>(0);
        self.weights.next.vega = bits_lit::<32>(0);
        if self.all_fit.q.val() {
            self.weights.next.delta = self.result_delta.q.val().weight;
            self.weights.next.gamma = self.result_gamma.q.val().weight;
            self.weights.next.vega = self.result_vega.q.val().weight;
        }
        self.gross_delta.next = self.result_delta.q.val().sum;
        self.gross_gamma.next = self.result_gamma.q.val().sum;
        self.gross_vega.next = self.result_vega.q.val().sum;
        if self.over.q.val() {
            self.gross_delta.next = self.result_delta.q.val().rest;
            self.gross_gamma.next = self.result_gamma.q.val().rest;
            self.gross_vega.next = self.result_vega.q.val().rest;
        }
        self.differs.next = !(self.delta_same.q.val() & self.gamma_same.q.val() & self.vega_same.q.val());
        if !self.all_fit.q.val() {
            self.differs.next = !self.weighed_nothing.q.val();
        }
    }
}
