//! What only waits: a shift register of `D` places as one module.
//!
//! ```text
//!   d -> [1] -> [2] -> ... -> [D] -> q        q is d of D cycles ago
//! ```
//!
//! It has the ports of a `DFF`, so `clock!` and `dff`-style code covers it. No reset: it carries data, and
//! what says whether the data means anything is reset elsewhere. `LATENCY` is `D`, `II` is 1.

use rust_hdl::prelude::*;

/// `q` is `d` of `D` cycles ago; `D` at least 1.
#[derive(LogicBlock)]
pub struct Delay<T: Synth, const D: usize> {
    /// Input.
    pub d: Signal<In, T>,
    /// Output.
    pub q: Signal<Out, T>,
    /// Clock.
    pub clock: Signal<In, Clock>,
    _ring: Vec<T>,
    _at: Box<usize>,
}

impl<T: Synth, const D: usize> Default for Delay<T, D> {
    fn default() -> Self {
        assert!(D >= 1, "a delay of no cycles is a wire");
        Self {
            d: Signal::default(),
            q: Signal::default(),
            clock: Signal::default(),
            _ring: vec![T::default(); D],
            _at: Box::new(0),
        }
    }
}

impl<T: Synth, const D: usize> Logic for Delay<T, D> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            let at = *self._at;
            self._ring[at] = self.d.val();
            *self._at = if at + 1 == D { 0 } else { at + 1 };
            self.q.next = self._ring[*self._at];
        }
    }
    fn connect(&mut self) {
        self.q.connect();
    }
    fn hdl(&self) -> Verilog {
        let bits = T::BITS;
        Verilog::Custom(if D == 1 {
            format!("initial q = {bits}'h0;\nalways @(posedge clock) q <= d;")
        } else {
            format!(
                "reg [{}:0] s;\ninitial begin s = 0; q = 0; end\nalways @(posedge clock) {{q, s}} <= {{s, d}};",
                bits * (D - 1) - 1
            )
        })
    }
}
