//! Half band of both sides after factor, floor and cap, and the part of it that a hedge leaves.
//!
//! ```text
//!   cycle 1 to 5   band scale, one product a side
//!         6        compared with band_min + error and band_max
//!         7        no less than the one, no more than the other
//!        10        exit = band theta
//! ```
//!
//! `band = min(max(band scale / 2^16, band_min + error), band_max)`, `exit = floor(band theta / 2^16)`, in
//! 2^-16 contract and at most 2^43: `half_band` and `exit` of `hedgewire_kernel::trigger`. Cycles are those
//! of the desk.

use rust_hdl::prelude::*;

use crate::primitive::{Delay, Multiply};
use crate::record;
use crate::signal::*;

/// The cycle in which the band arrives, the one of the limits, and the one of bands and exits.
pub const START: usize = 1;
pub const LIMITS: usize = START + <Multiply<45, 22, 67>>::LATENCY - 1;
pub const DONE: usize = LIMITS + 3 + <Multiply<45, 18, 63>>::LATENCY;

/// Bands of both sides.
#[derive(LogicBlock, Default)]
pub struct Bands {
    pub clock: Signal<In, Clock>,
    /// Cycle 1, like the three that follow: at most 2^43.
    pub band: Signal<In, U<44>>,
    pub error: Signal<In, U<32>>,
    pub scale_buy: Signal<In, U<21>>,
    pub scale_sell: Signal<In, U<21>>,
    /// Cycle 4: floor, cap and theta.
    pub limits: Signal<In, record::Trigger>,
    /// Cycle 10, like the three that follow.
    pub band_buy: Signal<Out, U<44>>,
    pub band_sell: Signal<Out, U<44>>,
    pub exit_buy: Signal<Out, U<44>>,
    pub exit_sell: Signal<Out, U<44>>,
    buy: HalfBand,
    sell: HalfBand,
    error_at_limits: Delay<U<32>, 3>,
    floor: DFF<U<45>>,
    cap: DFF<U<44>>,
    theta: Delay<U<17>, 3>,
    floor_at_choice: DFF<U<44>>,
    cap_at_choice: DFF<U<44>>,
    is_pinched: DFF<Bit>,
    pinch: Signal<Local, U<46>>,
}

impl Logic for Bands {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, buy, sell, error_at_limits, floor, cap, theta);
        clock!(self, clock, floor_at_choice, cap_at_choice, is_pinched);
        self.error_at_limits.d.next = self.error.val();
        self.floor.d.next =
            unsigned_cast_wide(self.limits.val().band_min) + unsigned_cast_wide(self.error_at_limits.q.val());
        self.cap.d.next = self.limits.val().band_max;
        self.theta.d.next = self.limits.val().theta;
        // Below zero: the floor is above the cap.
        self.pinch.next = unsigned_cast_wide(self.cap.q.val()) - unsigned_cast_wide(self.floor.q.val());
        self.is_pinched.d.next = self.pinch.val().get_bit(45);
        self.floor_at_choice.d.next = self.floor.q.val().get_bits::<44>(0);
        self.cap_at_choice.d.next = self.cap.q.val();
        self.buy.band.next = self.band.val();
        self.buy.scale.next = self.scale_buy.val();
        self.buy.floor.next = self.floor.q.val();
        self.buy.cap.next = self.cap.q.val();
        self.buy.floor_at_choice.next = self.floor_at_choice.q.val();
        self.buy.cap_at_choice.next = self.cap_at_choice.q.val();
        self.buy.is_pinched.next = self.is_pinched.q.val();
        self.buy.theta.next = self.theta.q.val();
        self.sell.band.next = self.band.val();
        self.sell.scale.next = self.scale_sell.val();
        self.sell.floor.next = self.floor.q.val();
        self.sell.cap.next = self.cap.q.val();
        self.sell.floor_at_choice.next = self.floor_at_choice.q.val();
        self.sell.cap_at_choice.next = self.cap_at_choice.q.val();
        self.sell.is_pinched.next = self.is_pinched.q.val();
        self.sell.theta.next = self.theta.q.val();
        self.band_buy.next = self.buy.limited.val();
        self.band_sell.next = self.sell.limited.val();
        self.exit_buy.next = self.buy.exit.val();
        self.exit_sell.next = self.sell.exit.val();
    }
}

/// One side.
#[derive(LogicBlock, Default)]
struct HalfBand {
    pub clock: Signal<In, Clock>,
    pub band: Signal<In, U<44>>,
    pub scale: Signal<In, U<21>>,
    /// With the scaled band.
    pub floor: Signal<In, U<45>>,
    pub cap: Signal<In, U<44>>,
    /// A cycle later, like the two that follow: the floor where it is not above the cap.
    pub floor_at_choice: Signal<In, U<44>>,
    pub cap_at_choice: Signal<In, U<44>>,
    /// The floor is above the cap.
    pub is_pinched: Signal<In, Bit>,
    /// Two cycles after floor and cap.
    pub theta: Signal<In, U<17>>,
    pub limited: Signal<Out, U<44>>,
    pub exit: Signal<Out, U<44>>,
    scaling: Multiply<45, 22, 67>,
    scaled_at_choice: DFF<U<44>>,
    is_low: DFF<Bit>,
    is_high: DFF<Bit>,
    held: DFF<U<44>>,
    held_at_exit: Delay<U<44>, 3>,
    leaving: Multiply<45, 18, 63>,
    scaled: Signal<Local, U<48>>,
    above_floor: Signal<Local, U<49>>,
    below_cap: Signal<Local, U<49>>,
}

impl Logic for HalfBand {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, scaling, scaled_at_choice, is_low, is_high, held, held_at_exit, leaving);
        self.scaling.a.next = unsigned_cast_pos(self.band.val());
        self.scaling.b.next = unsigned_cast_pos(self.scale.val());
        self.scaled.next = self.scaling.p.val().get_bits::<48>(16);
        // Comparisons are signs of differences, which are carry chains.
        self.above_floor.next = unsigned_cast_wide(self.scaled.val()) - unsigned_cast_wide(self.floor.val());
        self.below_cap.next = unsigned_cast_wide(self.cap.val()) - unsigned_cast_wide(self.scaled.val());
        self.is_low.d.next = self.above_floor.val().get_bit(48);
        self.is_high.d.next = self.below_cap.val().get_bit(48);
        self.scaled_at_choice.d.next = self.scaled.val().get_bits::<44>(0);
        self.held.d.next = self.scaled_at_choice.q.val();
        if self.is_low.q.val() {
            self.held.d.next = self.floor_at_choice.val();
        }
        if self.is_high.q.val() | self.is_pinched.val() {
            self.held.d.next = self.cap_at_choice.val();
        }
        self.leaving.a.next = unsigned_cast_pos(self.held.q.val());
        self.leaving.b.next = unsigned_cast_pos(self.theta.val());
        self.held_at_exit.d.next = self.held.q.val();
        self.limited.next = self.held_at_exit.q.val();
        self.exit.next = self.leaving.p.val().get_bits::<44>(16);
    }
}
