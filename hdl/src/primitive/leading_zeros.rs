//! Leading zeros of a word. Combinational.

use rust_hdl::prelude::*;

use crate::signal::U;

/// `zeros` is the number of zeros above the highest set bit of `x`; `N` for zero. `B` bits must hold `N`.
#[derive(LogicBlock, Default)]
pub struct LeadingZeros<const N: usize, const B: usize> {
    /// Word.
    pub x: Signal<In, U<N>>,
    /// Number of zeros above its highest set bit.
    pub zeros: Signal<Out, U<B>>,
}

impl<const N: usize, const B: usize> Logic for LeadingZeros<N, B> {
    fn update(&mut self) {
        let zeros = self.x.val().raw().leading_zeros() as usize - (128 - N);
        self.zeros.next = U::new(zeros as u128);
    }
    fn connect(&mut self) {
        assert!(N < 1 << B);
        self.zeros.connect();
    }
    fn hdl(&self) -> Verilog {
        // The last assignment wins, so the highest set bit does.
        Verilog::Custom(format!(
            "integer i;\nalways @(*) begin\nzeros = {B}'d{N};\n\
             for (i = 0; i < {N}; i = i + 1) if (x[i]) zeros = {B}'d{top} - i[{b}:0];\nend",
            top = N - 1,
            b = B - 1
        ))
    }
}
