//! A price difference in ten-thousandths of a price unit: `y = 10,000 x`, by shifts and sums.
//!
//! ```text
//!   cycle 0   x
//!         1   5 x = 4 x + x
//!         2   16 (625 x),  625 x = 125 (5 x) = (128 - 2 - 1) (5 x)
//! ```
//!
//! Exact: 5 x is below 2^35, 625 x below 2^42. `LATENCY` 2, `II` 1.

use rust_hdl::prelude::*;

use crate::signal::*;

/// Ten thousand times.
#[derive(LogicBlock, Default)]
pub struct BasisPoints {
    pub clock: Signal<In, Clock>,
    pub x: Signal<In, U<32>>,
    pub y: Signal<Out, U<46>>,
    five: DFF<U<35>>,
    part: DFF<U<42>>,
    x_wide: Signal<Local, U<35>>,
    five_37: Signal<Local, U<37>>,
    less: Signal<Local, U<37>>,
    five_42: Signal<Local, U<42>>,
    part_wide: Signal<Local, U<46>>,
}

impl BasisPoints {
    /// Cycles from `x` to `y`.
    pub const LATENCY: usize = 2;
}

impl Logic for BasisPoints {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, five, part);
        self.x_wide.next = unsigned_cast_wide(self.x.val());
        self.five.d.next = (self.x_wide.val() << bits_lit::<2>(2)) + self.x_wide.val();
        self.five_37.next = unsigned_cast_wide(self.five.q.val());
        self.less.next = (self.five_37.val() << bits_lit::<1>(1)) + self.five_37.val();
        self.five_42.next = unsigned_cast_wide(self.five.q.val());
        self.part.d.next = (self.five_42.val() << bits_lit::<3>(7)) - unsigned_cast_wide(self.less.val());
        self.part_wide.next = unsigned_cast_wide(self.part.q.val());
        self.y.next = self.part_wide.val() << bits_lit::<3>(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn equals_ten_thousand_times() {
        let mut bench = TestBench::new("basis_points", BasisPoints::default());
        let values = [0, 1, 2, 3, 9_999, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 0, 0];
        for i in 0..values.len() {
            poke!(bench, x, U::new(values[i]));
            cycle!(bench);
            if let Some(earlier) = (i + 1).checked_sub(BasisPoints::LATENCY) {
                assert_eq!(peek!(bench, y).raw(), values[earlier] * 10_000);
            }
        }
        bench.finish();
    }
}
