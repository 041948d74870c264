//! The sums of one group of rows in one lane, and their way to lane 0 at the end of a pass.
//!
//! ```text
//!   contribution --+
//!   next lane -----+--> [added] --> + --> [total]
//!                                   ^--------'
//!
//!   add      added = contribution, if it is of this group
//!   gather   added = total of the next lane
//!   pass     added = what the next lane has just added: lane 0 sees the totals one after the other
//!   clear    total = 0
//! ```
//!
//! What is added waits in a register, so that the wide sum is a cycle of its own; the totals of all lanes but
//! the first mean nothing after a `gather`.
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
    /// Makes the total 0.
    pub clear: Signal<In, Bit>,
    /// Whether the contribution counts.
    pub add: Signal<In, Bit>,
    pub contribution: Signal<In, Contribution>,
    pub region: Signal<In, U<2>>,
    /// Whether the next lane's total is taken; never together with `add`.
    pub gather: Signal<In, Bit>,
    pub next_total: Signal<In, Total>,
    /// Whether what the next lane has added is taken; never together with the others.
    pub pass: Signal<In, Bit>,
    pub next_added: Signal<In, Total>,
    pub total: Signal<Out, Total>,
    pub added: Signal<Out, Total>,

    none: Constant<Total>,
    share: DFF<Total>,
    sum: DFF<Total>,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            linear: Signal::default(),
            clear: Signal::default(),
            add: Signal::default(),
            contribution: Signal::default(),
            region: Signal::default(),
            gather: Signal::default(),
            next_total: Signal::default(),
            pass: Signal::default(),
            next_added: Signal::default(),
            total: Signal::default(),
            added: Signal::default(),
            none: Constant::new(Total::default()),
            share: DFF::default(),
            sum: DFF::default(),
        }
    }
}

impl Logic for Accumulator {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, share, sum);
        self.share.d.next = self.none.val();
        if self.add.val() & (self.contribution.val().linear == self.linear.val()) {
            self.share.d.next.delta = self.contribution.val().delta;
            self.share.d.next.gamma = self.contribution.val().gamma;
            self.share.d.next.vega = self.contribution.val().vega;
            self.share.d.next.regions = unsigned_cast_wide(self.region.val());
        }
        if self.gather.val() {
            self.share.d.next = self.next_total.val();
        }
        if self.pass.val() {
            self.share.d.next = self.next_added.val();
        }

        self.sum.d.next.delta = self.sum.q.val().delta + self.share.q.val().delta;
        self.sum.d.next.gamma = self.sum.q.val().gamma + self.share.q.val().gamma;
        self.sum.d.next.vega = self.sum.q.val().vega + self.share.q.val().vega;
        self.sum.d.next.regions = self.sum.q.val().regions + self.share.q.val().regions;
        if self.clear.val() {
            self.sum.d.next = self.none.val();
        }
        self.total.next = self.sum.q.val();
        self.added.next = self.share.q.val();
    }
}
