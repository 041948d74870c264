//! The sums of one group of rows in one lane, and their way to lane 0 at the end of a pass.
//!
//! ```text
//!   clear    0
//!   add      total + contribution, if it is of this group
//!   pass on  lane 0: total + that of lane 1;  every other lane i: that of lane i + 1
//! ```
//!
//! Sums are exact: the gross limit keeps them below 2^63.

use rust_hdl::prelude::*;

use crate::record::Contribution;
use crate::signal::*;

/// Sums over the rows of a group.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    /// Signed 64, like the two that follow.
    pub delta: U<64>,
    pub gamma: U<64>,
    pub vega: U<64>,
    /// Regions of range rows: at most 2 for each of 2^20.
    pub regions: U<22>,
}

/// One group's sums in one lane.
#[derive(LogicBlock)]
pub struct Accumulator {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Whether it is the linear group's; fixed.
    pub linear: Signal<In, Bit>,
    /// Whether it is lane 0; fixed.
    pub is_first: Signal<In, Bit>,
    /// Makes the total 0; comes before the others.
    pub clear: Signal<In, Bit>,
    /// Whether the contribution counts.
    pub add: Signal<In, Bit>,
    pub contribution: Signal<In, Contribution>,
    pub region: Signal<In, U<2>>,
    /// Whether the next lane's total is taken; never together with `add`.
    pub pass_on: Signal<In, Bit>,
    /// Total of the next lane.
    pub next_lane: Signal<In, Total>,
    pub total: Signal<Out, Total>,

    zero: Constant<Total>,
    register: DFF<Total>,
    kept: Signal<Local, Total>,
    added: Signal<Local, Total>,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            linear: Signal::default(),
            is_first: Signal::default(),
            clear: Signal::default(),
            add: Signal::default(),
            contribution: Signal::default(),
            region: Signal::default(),
            pass_on: Signal::default(),
            next_lane: Signal::default(),
            total: Signal::default(),
            zero: Constant::new(Total::default()),
            register: DFF::default(),
            kept: Signal::default(),
            added: Signal::default(),
        }
    }
}

impl Logic for Accumulator {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, register);
        self.kept.next = self.register.q.val();
        if self.clear.val() | (self.pass_on.val() & !self.is_first.val()) {
            self.kept.next = self.zero.val();
        }
        self.added.next = self.zero.val();
        if self.pass_on.val() {
            self.added.next = self.next_lane.val();
        }
        if self.add.val() & (self.contribution.val().linear == self.linear.val()) {
            self.added.next.delta = self.contribution.val().delta;
            self.added.next.gamma = self.contribution.val().gamma;
            self.added.next.vega = self.contribution.val().vega;
            self.added.next.regions = unsigned_cast_wide(self.region.val());
        }
        self.register.d.next.delta = self.kept.val().delta + self.added.val().delta;
        self.register.d.next.gamma = self.kept.val().gamma + self.added.val().gamma;
        self.register.d.next.vega = self.kept.val().vega + self.added.val().vega;
        self.register.d.next.regions = self.kept.val().regions + self.added.val().regions;
        self.total.next = self.register.q.val();
    }
}
