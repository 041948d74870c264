//! How far the exposure reaches beyond the band of one side, with all that may still fill there.
//!
//! ```text
//!   cycle 10   committed, counted, band, exit, emergency, clip_min
//!         11   thresholds: what size is compared with       size: the exposure, or its complement
//!         12   fires, outside, urgent, dust, gap
//! ```
//!
//! With `size` = exposure for a sell, and `-exposure - 1` (all bits inverted) for a buy, both sides are the
//! same inequalities of `hedgewire_kernel::trigger::decide`, in 2^-16 contract and below 2^56:
//! `fires: size > committed + band`, `outside: size > counted + band`, `urgent: size > committed + emergency`,
//! `gap = size - (committed + exit)`, `dust: gap < clip_min`. `committed` and `counted` are in contracts: what the position adds
//! to (takes from) the size, with orders in flight and without. A comparison is the sign of a difference: a carry
//! chain, and none overflows, sizes that count being below 2^55. `LATENCY` 1 from the size, 2 from the rest.

use rust_hdl::prelude::*;

use crate::signal::*;

/// One side of the comparison.
#[derive(LogicBlock, Default)]
pub struct Reach {
    pub clock: Signal<In, Clock>,
    pub committed: Signal<In, S<40>>,
    pub counted: Signal<In, S<40>>,
    pub band: Signal<In, U<44>>,
    pub exit: Signal<In, U<44>>,
    pub emergency: Signal<In, U<44>>,
    /// Contracts.
    pub clip_min: Signal<In, U<32>>,
    /// A cycle later.
    pub size: Signal<In, S<57>>,
    pub fires: Signal<Out, Bit>,
    pub outside: Signal<Out, Bit>,
    pub urgent: Signal<Out, Bit>,
    pub dust: Signal<Out, Bit>,
    pub gap: Signal<Out, S<57>>,
    fires_beyond: DFF<S<57>>,
    outside_beyond: DFF<S<57>>,
    urgent_beyond: DFF<S<57>>,
    dust_below: DFF<S<57>>,
    gap_from: DFF<S<57>>,
    has_fired: DFF<Bit>,
    is_outside: DFF<Bit>,
    is_urgent: DFF<Bit>,
    is_dust: DFF<Bit>,
    gap_at_size: DFF<S<57>>,
    committed_wide: Signal<Local, S<57>>,
    committed_bits: Signal<Local, U<57>>,
    counted_wide: Signal<Local, S<57>>,
    counted_bits: Signal<Local, U<57>>,
    band_wide: Signal<Local, S<57>>,
    exit_wide: Signal<Local, S<57>>,
    emergency_wide: Signal<Local, S<57>>,
    clip_wide: Signal<Local, U<57>>,
    committed_size: Signal<Local, S<57>>,
    counted_size: Signal<Local, S<57>>,
    fires_by: Signal<Local, S<57>>,
    outside_by: Signal<Local, S<57>>,
    urgent_by: Signal<Local, S<57>>,
    dust_by: Signal<Local, S<57>>,
}

impl Logic for Reach {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, fires_beyond, outside_beyond, urgent_beyond, dust_below, gap_from);
        clock!(self, clock, has_fired, is_outside, is_urgent, is_dust, gap_at_size);
        self.committed_wide.next = signed_cast_wide(self.committed.val());
        self.committed_bits.next = unsigned_cast_same(self.committed_wide.val());
        self.committed_size.next = signed_cast_same(self.committed_bits.val() << bits_lit::<5>(16));
        self.counted_wide.next = signed_cast_wide(self.counted.val());
        self.counted_bits.next = unsigned_cast_same(self.counted_wide.val());
        self.counted_size.next = signed_cast_same(self.counted_bits.val() << bits_lit::<5>(16));
        self.band_wide.next = unsigned_cast_pos(self.band.val());
        self.exit_wide.next = unsigned_cast_pos(self.exit.val());
        self.emergency_wide.next = unsigned_cast_pos(self.emergency.val());
        self.clip_wide.next = unsigned_cast_wide(self.clip_min.val());
        self.fires_beyond.d.next = self.committed_size.val() + self.band_wide.val();
        self.outside_beyond.d.next = self.counted_size.val() + self.band_wide.val();
        self.urgent_beyond.d.next = self.committed_size.val() + self.emergency_wide.val();
        self.dust_below.d.next = self.committed_size.val()
            + self.exit_wide.val()
            + signed_cast_same(self.clip_wide.val() << bits_lit::<5>(16));
        self.gap_from.d.next = self.committed_size.val() + self.exit_wide.val();
        self.fires_by.next = self.fires_beyond.q.val() - self.size.val();
        self.outside_by.next = self.outside_beyond.q.val() - self.size.val();
        self.urgent_by.next = self.urgent_beyond.q.val() - self.size.val();
        self.dust_by.next = self.size.val() - self.dust_below.q.val();
        self.has_fired.d.next = self.fires_by.val().get_bit(56);
        self.is_outside.d.next = self.outside_by.val().get_bit(56);
        self.is_urgent.d.next = self.urgent_by.val().get_bit(56);
        self.is_dust.d.next = self.dust_by.val().get_bit(56);
        self.gap_at_size.d.next = self.size.val() - self.gap_from.q.val();
        self.fires.next = self.has_fired.q.val();
        self.outside.next = self.is_outside.q.val();
        self.urgent.next = self.is_urgent.q.val();
        self.dust.next = self.is_dust.q.val();
        self.gap.next = self.gap_at_size.q.val();
    }
}
