//! The one saturation rule (`hedgewire_abi::format::saturate`): clamps to `+-(2^B - 1)` and says
//! whether it had to. Combinational.

use rust_hdl::prelude::*;

use crate::signal::S;

/// Clamps `N` bits to a magnitude of `M - 1` bits.
#[derive(LogicBlock, Default)]
pub struct Saturate<const N: usize, const M: usize> {
    /// Value.
    pub x: Signal<In, S<N>>,
    /// The value, or the limit of its sign: at most `2^(M - 1) - 1` in size.
    pub y: Signal<Out, S<M>>,
    /// Whether it was out of range.
    pub clipped: Signal<Out, Bit>,
}

impl<const N: usize, const M: usize> Logic for Saturate<N, M> {
    fn update(&mut self) {
        let limit = (1i128 << (M - 1)) - 1;
        let x = self.x.val().raw();
        self.y.next = S::new(x.clamp(-limit, limit));
        self.clipped.next = x > limit || x < -limit;
    }
    fn connect(&mut self) {
        assert!(M < N, "nothing to saturate");
        self.y.connect();
        self.clipped.connect();
    }
    fn hdl(&self) -> Verilog {
        // Out of range: the bits above the magnitude are not all the sign, or the value is -2^(M - 1).
        Verilog::Custom(format!(
            "wire fits = (x[{n}:{m}] == {{{w}{{x[{n}]}}}}) && (x[{m}:0] != {{1'b1, {{{m}{{1'b0}}}}}});\n\
             always @(*) begin\nclipped = !fits;\n\
             y = fits ? x[{m}:0] : x[{n}] ? {{1'b1, {{{k}{{1'b0}}}}, 1'b1}} : {{1'b0, {{{m}{{1'b1}}}}}};\nend",
            n = N - 1,
            m = M - 1,
            k = M - 2,
            w = N - M + 1
        ))
    }
}
