//! The doorbell: who may swap.
//!
//! ```text
//!   settled, one bit a ladder --+
//!                               +--> built, one bit an underlying
//!   active, one bit each -------+
//! ```
//!
//! An underlying `u` has ladders `2 u` and `2 u + 1`; the one that does not answer is looked at. Combinational.

use rust_hdl::prelude::*;

use crate::signal::U;

/// The doorbell: bit `u` is set while the ladder of underlying `u` that does not answer is settled.
#[derive(LogicBlock, Default)]
pub struct Bells {
    /// One bit a ladder.
    pub settled: Signal<In, U<64>>,
    /// One bit an underlying: the bank that answers.
    pub active: Signal<In, U<32>>,
    pub built: Signal<Out, U<32>>,
}

impl Logic for Bells {
    fn update(&mut self) {
        let (settled, active) = (self.settled.val(), self.active.val());
        let bell = |u: usize| u128::from(settled.get_bit(2 * u + usize::from(!active.get_bit(u)))) << u;
        self.built.next = U::new((0..32).map(bell).sum());
    }
    fn connect(&mut self) {
        self.built.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(
            "integer u;\nalways @(*) begin\nbuilt = 0;\n\
             for (u = 0; u < 32; u = u + 1) built[u] = active[u] ? settled[2 * u] : settled[2 * u + 1];\nend"
                .into(),
        )
    }
}
