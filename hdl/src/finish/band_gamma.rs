//! Size of the gamma that a band is for: `hedgewire_kernel::ladder::Source::band_gamma`.
//!
//! ```text
//!   size = |sat47(gamma + drift)|     drift = delta - target where the hedge drifts, else 0
//!
//!   cycle 0 delta -> 1 drift; gamma -> 2 sum -> 3 size
//! ```
//!
//! One value a cycle; gamma comes a cycle after its delta. `LATENCY` is from delta to size.

use rust_hdl::prelude::*;

use crate::primitive::Saturate;
use crate::signal::*;

/// Cycles from delta to size.
pub const LATENCY: usize = 3;

/// `Source::band_gamma`.
#[derive(LogicBlock, Default)]
pub struct BandGamma {
    pub clock: Signal<In, Clock>,
    /// `Scale::hedge_drifts`.
    pub drifts: Signal<In, Bit>,
    /// Ladder units, below 2^61 in size.
    pub target: Signal<In, S<62>>,
    /// Below 2^45 in size.
    pub delta: Signal<In, S<46>>,
    pub gamma: Signal<In, S<48>>,
    pub size: Signal<Out, U<47>>,
    /// Below 2^61 + 2^45 in size, and the sum below 2^61 + 2^45 + 2^47.
    drift: DFF<S<63>>,
    sum: DFF<S<63>>,
    limit: Saturate<63, 48>,
    limited: DFF<U<47>>,
    delta_wide: Signal<Local, S<63>>,
    target_wide: Signal<Local, S<63>>,
    gamma_wide: Signal<Local, S<63>>,
    positive: Signal<Local, S<63>>,
    no_drift: Signal<Local, U<63>>,
}

impl Logic for BandGamma {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, drift, sum, limited);
        self.delta_wide.next = signed_cast_wide(self.delta.val());
        self.target_wide.next = signed_cast_wide(self.target.val());
        self.drift.d.next = self.delta_wide.val() - self.target_wide.val();
        self.no_drift.next = bits_lit::<63>(0);
        if !self.drifts.val() {
            self.drift.d.next = signed_cast_same(self.no_drift.val());
        }
        self.gamma_wide.next = signed_cast_wide(self.gamma.val());
        self.sum.d.next = self.gamma_wide.val() + self.drift.q.val();
        // Both at once: the size, and whether it is out of range.
        self.limit.x.next = self.sum.q.val();
        self.positive.next = self.sum.q.val();
        if self.sum.q.val().get_bit(62) {
            self.positive.next = -self.sum.q.val();
        }
        self.limited.d.next = self.positive.val().get_bits::<47>(0);
        if self.limit.clipped.val() {
            self.limited.d.next = bits_lit::<47>(0x7fff_ffff_ffff_u64);
        }
        self.size.next = self.limited.q.val();
    }
}
