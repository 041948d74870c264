//! Shifts by a signal. Combinational; put a register on either side.

use rust_hdl::prelude::*;

use crate::signal::{S, U};

/// `y = x >> by`, towards minus infinity: the one rounding rule. `by` may pass the width.
#[derive(LogicBlock, Default)]
pub struct ShiftRight<const N: usize, const B: usize> {
    /// Value.
    pub x: Signal<In, S<N>>,
    /// Places.
    pub by: Signal<In, U<B>>,
    /// Shifted value.
    pub y: Signal<Out, S<N>>,
}

impl<const N: usize, const B: usize> Logic for ShiftRight<N, B> {
    fn update(&mut self) {
        let by = self.by.val().raw().min(127) as u32;
        self.y.next = S::new(self.x.val().raw() >> by);
    }
    fn connect(&mut self) {
        self.y.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom("always @(*) y = x >>> by;".into())
    }
}

/// `y = x << by`, bits past the top lost. `by` may pass the width.
#[derive(LogicBlock, Default)]
pub struct ShiftLeft<const N: usize, const B: usize> {
    /// Value.
    pub x: Signal<In, S<N>>,
    /// Places.
    pub by: Signal<In, U<B>>,
    /// Shifted value.
    pub y: Signal<Out, S<N>>,
}

impl<const N: usize, const B: usize> Logic for ShiftLeft<N, B> {
    fn update(&mut self) {
        let by = self.by.val().raw();
        self.y.next = if by >= 128 { S::new(0) } else { S::new(self.x.val().raw() << by) };
    }
    fn connect(&mut self) {
        self.y.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom("always @(*) y = x << by;".into())
    }
}
