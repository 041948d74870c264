//! Products of a lane that take fewer multiplier blocks than all pairs of limbs (`primitive::Multiply`).
//!
//! ```text
//!   Product  a b, both in halves of 16: three blocks for four       halves, 3 blocks, 2 sums   LATENCY 4
//!            a b = 2^32 hh + 2^16 ((h + l)(h + l) - hh - ll) + ll
//!   Narrow   a b, a of 21 bits = 8 h + l: two blocks for four       2 blocks and sum, sum      LATENCY 3
//!            a b = 8 h b + l b, l b in gates
//!   Square   a^2, a of 27 bits = 2^17 h + l: three blocks for four  3 blocks, sum              LATENCY 2
//!            a^2 = 2^34 hh + 2^18 hl + ll
//! ```
//!
//! All exact, `II` 1. Each instantiates `Multiply` for its blocks, which therefore keep their product
//! register inside on every family; around them stands Verilog written by hand.

use rust_hdl::prelude::*;

use crate::primitive::{Multiply, multiply_latency};
use crate::signal::S;

/// One multiplier block.
type Block18 = Multiply<18, 18, 36>;

/// Takes note that a hand-written module drives a block of its own.
macro_rules! connect_blocks {
    ($($block:expr),*) => {$(
        $block.clock.connect();
        $block.a.connect();
        $block.b.connect();
    )*};
}

/// Keeps a product for as long as the Verilog takes.
fn delay_product(line: &mut [i128], product: i128) -> i128 {
    line.rotate_right(1);
    line[0] = product;
    line[line.len() - 1]
}

/// `p = a b`, with `A` and `B` at most 33 and `P = A + B`: a sum of halves then fits 18 bits signed.
#[derive(LogicBlock)]
pub struct Product<const A: usize, const B: usize, const P: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// First factor.
    pub a: Signal<In, S<A>>,
    /// Second factor.
    pub b: Signal<In, S<B>>,
    /// Product of `LATENCY` cycles ago.
    pub p: Signal<Out, S<P>>,
    high: Block18,
    low: Block18,
    both: Block18,
    _line: Vec<i128>,
}

impl<const A: usize, const B: usize, const P: usize> Product<A, B, P> {
    /// Cycles from operands to product.
    pub const LATENCY: usize = Block18::LATENCY + 3;
}

impl<const A: usize, const B: usize, const P: usize> Default for Product<A, B, P> {
    fn default() -> Self {
        const { assert!(A > 17 && B > 17 && A <= 33 && B <= 33 && P == A + B) };
        Self {
            clock: Signal::default(),
            a: Signal::default(),
            b: Signal::default(),
            p: Signal::default(),
            high: Multiply::default(),
            low: Multiply::default(),
            both: Multiply::default(),
            _line: vec![0; Self::LATENCY],
        }
    }
}

impl<const A: usize, const B: usize, const P: usize> Logic for Product<A, B, P> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            let product = self.a.val().raw() * self.b.val().raw();
            self.p.next = S::new(delay_product(&mut self._line, product));
        }
    }
    fn connect(&mut self) {
        self.p.connect();
        connect_blocks!(self.high, self.low, self.both);
    }
    fn hdl(&self) -> Verilog {
        let halves = |operand: char, bits: usize| {
            format!(
                "wire signed [17:0] {operand}_high = $signed({operand}[{}:16]);\n\
                 wire signed [17:0] {operand}_low = $signed({{2'b0, {operand}[15:0]}});\n",
                bits - 1
            )
        };
        // The halves' products do not overlap: ll is unsigned and below 2^32. The lowest 16 bits pass
        // by; the sums are exact in P bits, so whatever they lose above is nothing.
        Verilog::Custom(format!(
            "{}{}\
             always @(*) begin\nhigh$clock = clock; low$clock = clock; both$clock = clock;\nend\n\
             always @(posedge clock) begin\n\
             high$a <= a_high; low$a <= a_low; both$a <= a_high + a_low;\n\
             high$b <= b_high; low$b <= b_low; both$b <= b_high + b_low;\nend\n\
             wire signed [{top}:0] outer = $signed({{high$p, low$p[31:16]}});\n\
             reg [15:0] lowest;\nreg signed [{top}:0] rest;\nreg signed [36:0] sides;\n\
             initial begin\n\
             high$a = 0; low$a = 0; both$a = 0; high$b = 0; low$b = 0; both$b = 0;\n\
             lowest = 0; rest = 0; sides = 0; p = 0;\nend\n\
             always @(posedge clock) begin\n\
             lowest <= low$p[15:0];\nrest <= outer + both$p;\nsides <= high$p + low$p;\n\
             p[15:0] <= lowest;\np[{last}:16] <= rest - sides;\nend",
            halves('a', A),
            halves('b', B),
            top = P - 17,
            last = P - 1
        ))
    }
}

/// Bits of the narrow factor.
const NARROW: usize = 21;

/// `p = a b` with `a` of 21 bits: three bits more than a block takes. `P = 21 + B`.
#[derive(LogicBlock)]
pub struct Narrow<const B: usize, const H: usize, const P: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Narrow factor.
    pub a: Signal<In, S<NARROW>>,
    /// Second factor.
    pub b: Signal<In, S<B>>,
    /// Product of `LATENCY` cycles ago.
    pub p: Signal<Out, S<P>>,
    high: Multiply<18, B, H>,
    _line: Vec<i128>,
}

impl<const B: usize, const H: usize, const P: usize> Narrow<B, H, P> {
    /// Cycles from operands to product.
    pub const LATENCY: usize = multiply_latency(18, B) + 1;
}

impl<const B: usize, const H: usize, const P: usize> Default for Narrow<B, H, P> {
    fn default() -> Self {
        // The product of the low bits is added up in two steps while the blocks multiply.
        const { assert!(P == NARROW + B && Self::LATENCY == 3) };
        Self {
            clock: Signal::default(),
            a: Signal::default(),
            b: Signal::default(),
            p: Signal::default(),
            high: Multiply::default(),
            _line: vec![0; Self::LATENCY],
        }
    }
}

impl<const B: usize, const H: usize, const P: usize> Logic for Narrow<B, H, P> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            let product = self.a.val().raw() * self.b.val().raw();
            self.p.next = S::new(delay_product(&mut self._line, product));
        }
    }
    fn connect(&mut self) {
        self.p.connect();
        connect_blocks!(self.high);
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "always @(*) begin\nhigh$clock = clock; high$a = a[20:3]; high$b = b;\nend\n\
             wire signed [{w2}:0] b_0 = a[0] ? b : {B}'sd0;\n\
             wire signed [{w2}:0] b_1 = a[1] ? b : {B}'sd0;\n\
             reg signed [{w2}:0] low_1;\nreg signed [{w}:0] b_2;\nreg signed [{w3}:0] low_2;\n\
             initial begin\nlow_1 = 0; b_2 = 0; low_2 = 0; p = 0;\nend\n\
             wire signed [{w3}:0] b_2w = b_2;\nwire signed [{top}:0] high_w = high$p;\n\
             always @(posedge clock) begin\n\
             low_1 <= b_0 + (b_1 <<< 1);\nb_2 <= a[2] ? b : {B}'sd0;\n\
             low_2 <= low_1 + (b_2w <<< 2);\np <= (high_w <<< 3) + low_2;\nend",
            w = B - 1,
            w2 = B + 1,
            w3 = B + 2,
            top = P - 1
        ))
    }
}

/// `p = a^2` of 27 bits.
#[derive(LogicBlock)]
pub struct Square {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Number.
    pub a: Signal<In, S<27>>,
    /// Its square of `LATENCY` cycles ago.
    pub p: Signal<Out, S<54>>,
    high: Block18,
    low: Block18,
    mixed: Block18,
    _line: Vec<i128>,
}

impl Square {
    /// Cycles from number to square.
    pub const LATENCY: usize = Block18::LATENCY + 1;
}

impl Default for Square {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            a: Signal::default(),
            p: Signal::default(),
            high: Multiply::default(),
            low: Multiply::default(),
            mixed: Multiply::default(),
            _line: vec![0; Self::LATENCY],
        }
    }
}

impl Logic for Square {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            let product = self.a.val().raw() * self.a.val().raw();
            self.p.next = S::new(delay_product(&mut self._line, product));
        }
    }
    fn connect(&mut self) {
        self.p.connect();
        connect_blocks!(self.high, self.low, self.mixed);
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(
            "wire signed [17:0] a_high = $signed(a[26:17]);\n\
             wire signed [17:0] a_low = $signed({1'b0, a[16:0]});\n\
             always @(*) begin\n\
             high$clock = clock; low$clock = clock; mixed$clock = clock;\n\
             high$a = a_high; high$b = a_high; low$a = a_low; low$b = a_low; mixed$a = a_high; mixed$b = a_low;\n\
             end\n\
             wire signed [35:0] outer = $signed({high$p[19:0], low$p[33:18]});\n\
             initial p = 0;\n\
             always @(posedge clock) begin\np[17:0] <= low$p[17:0];\np[53:18] <= outer + mixed$p;\nend"
                .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::samples::Random;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    macro_rules! product_tests {
        ($($name:ident $unit:ty, $a:literal $b:literal;)*) => {$(
            #[test]
            fn $name() {
                let mut bench = TestBench::new(stringify!($name), <$unit>::default());
                let mut random = Random::new(5);
                let mut expected = Vec::new();
                for i in 0..400 {
                    let (a, b) = (S::new(random.word()), S::new(random.word()));
                    expected.push(a.raw() * b.raw());
                    poke!(bench, a, a);
                    poke!(bench, b, b);
                    cycle!(bench);
                    let p = peek!(bench, p);
                    if i + 1 >= <$unit>::LATENCY {
                        assert_eq!(p.raw(), expected[i + 1 - <$unit>::LATENCY], "vector {i}");
                    }
                }
                bench.finish();
            }
        )*};
    }

    product_tests! {
        product_of_33_and_32 Product<33, 32, 65>, 33 32;
        product_of_33_and_31 Product<33, 31, 64>, 33 31;
        product_of_18_and_33 Product<18, 33, 51>, 18 33;
        narrow_of_32 Narrow<32, 50, 53>, 21 32;
    }

    #[test]
    fn square_of_27() {
        let mut bench = TestBench::new("square_of_27", Square::default());
        let mut random = Random::new(6);
        let mut expected = Vec::new();
        for i in 0..400 {
            let a = S::new(random.word());
            expected.push(a.raw() * a.raw());
            poke!(bench, a, a);
            cycle!(bench);
            let p = peek!(bench, p);
            if i + 1 >= Square::LATENCY {
                assert_eq!(p.raw(), expected[i + 1 - Square::LATENCY], "vector {i}");
            }
        }
        bench.finish();
    }
}
