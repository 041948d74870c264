//! What only waits: a line of `D` places as one module.
//!
//! ```text
//!   d -> [1] -> [2] -> ... -> [D] -> q        q is d of D cycles ago
//! ```
//!
//! A short or narrow line is a shift register. A long and wide one is a ring in a memory, read and written at one place
//! in each cycle, and a register: of the ECP5 a flip-flop a bit and place is a lot, and a memory of 16 places is a
//! few LUTs.
//!
//! It has the ports of a `DFF`, so `clock!` and `dff`-style code covers it. No reset: it carries data, and
//! what says whether the data means anything is reset elsewhere. `LATENCY` is `D`, `II` is 1.

use rust_hdl::prelude::*;

/// Fewer places than this are a shift register.
const SHORT: usize = 6;
/// And so are fewer bits.
const NARROW: usize = 8;
/// Most places of a ring.
const RING: usize = 16;
/// Bits that share a ring's counter, of which a wide line has several, so that none has to be near all of it.
const SLICE: usize = 32;

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
        } else if D < SHORT || bits < NARROW {
            format!(
                "reg [{}:0] s;\ninitial begin s = 0; q = 0; end\nalways @(posedge clock) {{q, s}} <= {{s, d}};",
                bits * (D - 1) - 1
            )
        } else {
            let mut text = String::new();
            let rings = D.div_ceil(RING + 1);
            for i in 0..rings {
                // As even as can be; each is a cycle longer than its ring has places.
                let places = (D + i) / rings - 1;
                let from = if i == 0 { "d".into() } else { format!("q{}", i - 1) };
                let to = if i + 1 == rings { "q".into() } else { format!("q{i}") };
                if i + 1 < rings {
                    text += &format!("reg [{}:0] {to};\n", bits - 1);
                }
                for low in (0..bits).step_by(SLICE) {
                    let high = (low + SLICE).min(bits) - 1;
                    // A tool would make one counter of all, if it were let.
                    text += &format!(
                        "reg [{w}:0] ring{i}_{low} [0:{last}]; (* keep *) reg [4:0] at{i}_{low}; integer i{i}_{low};\n\
                         initial begin {to}[{high}:{low}] = 0; at{i}_{low} = 0; \
                         for (i{i}_{low} = 0; i{i}_{low} <= {last}; i{i}_{low} = i{i}_{low} + 1) ring{i}_{low}[i{i}_{low}] = 0; end\n\
                         always @(posedge clock) begin\n\
                         {to}[{high}:{low}] <= ring{i}_{low}[at{i}_{low}]; ring{i}_{low}[at{i}_{low}] <= {from}[{high}:{low}]; \
                         at{i}_{low} <= at{i}_{low} == {last} ? 5'd0 : at{i}_{low} + 5'd1;\nend\n",
                        w = high - low,
                        last = places - 1
                    );
                }
            }
            text
        })
    }
}
