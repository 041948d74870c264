//! The one saturation rule (`hedgewire_abi::format::saturate`): clamps to `+-(2^B - 1)` and says
//! whether it had to: combinational, or on which side a cycle later.

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
        // Out of range: the bits from the magnitude up are not all the sign, or the value is -2^(M - 1), of
        // which only the lowest bit is another then. So the wide test of the magnitude is on no other's way.
        Verilog::Custom(format!(
            "wire over = |x[{n}:{m}] && !(&x[{n}:{m}]);\nwire least = &x[{n}:{m}] && !(|x[{k}:0]);\n\
             always @(*) begin\nclipped = over || least;\n\
             y = {{over ? {{x[{n}], {{{k}{{!x[{n}]}}}}}} : x[{m}:1], over || least || x[0]}};\nend",
            n = N - 1,
            m = M - 1,
            k = M - 2
        ))
    }
}

/// On which side `x` was out of range a cycle ago. The wide tests end in registers, so that whoever clamps has a
/// choice of three to make and nothing more.
#[derive(LogicBlock, Default)]
pub struct Limit<const N: usize, const M: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Value.
    pub x: Signal<In, S<N>>,
    /// More than `2^(M - 1) - 1`.
    pub is_above: Signal<Out, Bit>,
    /// Less than `-(2^(M - 1) - 1)`.
    pub is_below: Signal<Out, Bit>,
}

impl<const N: usize, const M: usize> Limit<N, M> {
    /// Cycles from the value to its side.
    pub const LATENCY: usize = 1;
}

impl<const N: usize, const M: usize> Logic for Limit<N, M> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            let limit = (1i128 << (M - 1)) - 1;
            let x = self.x.val().raw();
            self.is_above.next = x > limit;
            self.is_below.next = x < -limit;
        }
    }
    fn connect(&mut self) {
        assert!(M < N, "nothing to limit");
        self.is_above.connect();
        self.is_below.connect();
    }
    fn hdl(&self) -> Verilog {
        // Sign; a bit above the magnitude; all of them; a bit of the magnitude.
        Verilog::Custom(format!(
            "reg [3:0] seen;\ninitial begin\nseen = 0;\nend\n\
             always @(posedge clock) seen <= {{x[{n}], |x[{n}:{m}], &x[{n}:{m}], |x[{k}:0]}};\n\
             always @(*) begin\nis_above = !seen[3] && seen[2];\nis_below = seen[3] && !(seen[1] && seen[0]);\nend",
            n = N - 1,
            m = M - 1,
            k = M - 2
        ))
    }
}
