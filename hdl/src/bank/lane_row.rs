//! A row as the lanes want it: with its weights, or with what they change by. Combinational.

use rust_hdl::prelude::*;

use crate::record::{Row, Spec, Weights};
use crate::signal::{S, signed_cast_same, signed_cast_wide, unsigned_cast_same};

/// A row for the lanes.
#[derive(LogicBlock, Default)]
pub struct LaneRow {
    pub spec: Signal<In, Spec>,
    pub weights: Signal<In, Weights>,
    /// The weights before.
    pub old: Signal<In, Weights>,
    pub row: Signal<Out, Row>,
    /// The row with the changes of its weights.
    pub change: Signal<Out, Row>,
    new_row: Signal<Local, Row>,
    delta: Signal<Local, S<32>>,
    gamma: Signal<Local, S<32>>,
    vega: Signal<Local, S<32>>,
    old_delta: Signal<Local, S<32>>,
    old_gamma: Signal<Local, S<32>>,
    old_vega: Signal<Local, S<32>>,
    delta_wide: Signal<Local, S<33>>,
    gamma_wide: Signal<Local, S<33>>,
    vega_wide: Signal<Local, S<33>>,
    delta_change: Signal<Local, S<33>>,
    gamma_change: Signal<Local, S<33>>,
    vega_change: Signal<Local, S<33>>,
}

impl Logic for LaneRow {
    #[hdl_gen]
    fn update(&mut self) {
        self.delta.next = signed_cast_same(self.weights.val().delta);
        self.gamma.next = signed_cast_same(self.weights.val().gamma);
        self.vega.next = signed_cast_same(self.weights.val().vega);
        self.old_delta.next = signed_cast_same(self.old.val().delta);
        self.old_gamma.next = signed_cast_same(self.old.val().gamma);
        self.old_vega.next = signed_cast_same(self.old.val().vega);

        self.delta_wide.next = signed_cast_wide(self.delta.val());
        self.gamma_wide.next = signed_cast_wide(self.gamma.val());
        self.vega_wide.next = signed_cast_wide(self.vega.val());
        self.new_row.next.kind = self.spec.val().kind;
        self.new_row.next.linear = self.spec.val().linear;
        self.new_row.next.a = self.spec.val().a;
        self.new_row.next.b = self.spec.val().b;
        self.new_row.next.delta = unsigned_cast_same(self.delta_wide.val());
        self.new_row.next.gamma = unsigned_cast_same(self.gamma_wide.val());
        self.new_row.next.vega = unsigned_cast_same(self.vega_wide.val());
        self.row.next = self.new_row.val();

        self.delta_change.next =
            signed_cast_wide::<33, 32>(self.delta.val()) - signed_cast_wide::<33, 32>(self.old_delta.val());
        self.gamma_change.next =
            signed_cast_wide::<33, 32>(self.gamma.val()) - signed_cast_wide::<33, 32>(self.old_gamma.val());
        self.vega_change.next =
            signed_cast_wide::<33, 32>(self.vega.val()) - signed_cast_wide::<33, 32>(self.old_vega.val());
        self.change.next = self.new_row.val();
        self.change.next.delta = unsigned_cast_same(self.delta_change.val());
        self.change.next.gamma = unsigned_cast_same(self.gamma_change.val());
        self.change.next.vega = unsigned_cast_same(self.vega_change.val());
    }
}
