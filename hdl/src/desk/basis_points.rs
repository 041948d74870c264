//! A price difference in ten-thousandths of a price unit: `y = 10,000 x`, by shifts and sums.
//!
//! ```text
//!   cycle 0   x
//!         1   5 x = 4 x + x
//!         2   16 (125 (5 x)) = 16 (128 - 2 - 1) (5 x)
//! ```
//!
//! Exact, below 2^46. `LATENCY` 2, `II` 1.

use rust_hdl::prelude::*;

use crate::signal::*;

/// Ten thousand times.
#[derive(LogicBlock, Default)]
pub struct BasisPoints {
    pub clock: Signal<In, Clock>,
    pub x: Signal<In, U<32>>,
    pub y: Signal<Out, U<46>>,
    five: DFF<U<46>>,
    all: DFF<U<46>>,
    wide: Signal<Local, U<46>>,
    less: Signal<Local, U<46>>,
    sum: Signal<Local, U<46>>,
}

impl BasisPoints {
    /// Cycles from `x` to `y`.
    pub const LATENCY: usize = 2;
}

impl Logic for BasisPoints {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, five, all);
        self.wide.next = unsigned_cast_wide(self.x.val());
        self.five.d.next = (self.wide.val() << bits_lit::<2>(2)) + self.wide.val();
        self.less.next = (self.five.q.val() << bits_lit::<1>(1)) + self.five.q.val();
        self.sum.next = (self.five.q.val() << bits_lit::<3>(7)) - self.less.val();
        self.all.d.next = self.sum.val() << bits_lit::<3>(4);
        self.y.next = self.all.q.val();
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
