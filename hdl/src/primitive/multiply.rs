//! Wide signed products in limbs of 17 bits, one product a cycle.
//!
//! ```text
//!   a, b -> cut into limbs -> [all products of limbs] -> [sums of two] -> ... -> p
//!                               one register               one a level
//! ```
//!
//! `p = a b`, exact; `II` 1, `LATENCY` = 1 + the levels of the tree. A limb is what a multiplier block of
//! either family takes: 18 bits signed, so 17 and a sign, and the top limb may have 18. Good widths
//! are 18, 35, 52, 69. Where the synthesis tool keeps the product register outside the block, that
//! route is the slowest of the card; `ECP5_MULTIPLIER` (a Verilog macro) instantiates the block with
//! its own output register instead, which is the same register and costs no cycle.
//!
//! UltraScale+ multiplies 27 by 18 bits. With the macro `ULTRASCALE_MULTIPLIER` one factor is cut at 26
//! and what is left of it, where that is a few bits, goes into adders: 18 by 32 bits is one block
//! then and not two. The same product after the same cycles.

use rust_hdl::prelude::*;

use crate::signal::S;

const LIMB: usize = 17;
/// What one side of a block of UltraScale+ takes beside a sign.
const LONG_LIMB: usize = 26;
/// A limb of so many bits is not worth a block.
const SHORT: usize = 8;

/// Limbs of a signed operand of `bits`.
const fn limbs(bits: usize) -> usize {
    if bits <= LIMB + 1 { 1 } else { (bits - 1).div_ceil(LIMB) }
}

/// Levels of a tree that adds `terms`, two and two.
const fn levels(terms: usize) -> usize {
    terms.next_power_of_two().trailing_zeros() as usize
}

/// Cycles from operands to product.
pub const fn multiply_latency(a_bits: usize, b_bits: usize) -> usize {
    1 + levels(limbs(a_bits) * limbs(b_bits))
}

/// `p = a b`, with `P = A + B` at most 128.
#[derive(LogicBlock)]
pub struct Multiply<const A: usize, const B: usize, const P: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// First factor.
    pub a: Signal<In, S<A>>,
    /// Second factor.
    pub b: Signal<In, S<B>>,
    /// Product of `LATENCY` cycles ago.
    pub p: Signal<Out, S<P>>,
    _line: Vec<i128>,
}

impl<const A: usize, const B: usize, const P: usize> Multiply<A, B, P> {
    /// Cycles from operands to product.
    pub const LATENCY: usize = multiply_latency(A, B);
}

impl<const A: usize, const B: usize, const P: usize> Default for Multiply<A, B, P> {
    fn default() -> Self {
        const { assert!(P == A + B && P <= 128) };
        Self {
            clock: Signal::default(),
            a: Signal::default(),
            b: Signal::default(),
            p: Signal::default(),
            _line: vec![0; Self::LATENCY],
        }
    }
}

impl<const A: usize, const B: usize, const P: usize> Logic for Multiply<A, B, P> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self._line.rotate_right(1);
            self._line[0] = self.a.val().raw() * self.b.val().raw();
            self.p.next = S::new(self._line[Self::LATENCY - 1]);
        }
    }
    fn connect(&mut self) {
        self.p.connect();
    }
    fn hdl(&self) -> Verilog {
        let product = |(mut text, mut terms): (String, Vec<Term>)| {
            for level in 0..Self::LATENCY - 1 {
                terms = add_in_pairs(&mut text, terms, level, P);
            }
            text + &format!("always @(*) p = {};\n", terms[0].resized(P))
        };
        Verilog::Custom(format!(
            "`ifdef ULTRASCALE_MULTIPLIER\n{}`else\n{}`endif\n",
            product(long_products(A, B)),
            product(limb_products(A, B))
        ))
    }
}

/// A signed register of `bits` that counts from bit `shift` of the product on.
struct Term {
    name: String,
    shift: usize,
    bits: usize,
}

impl Term {
    fn resized(&self, bits: usize) -> String {
        let Self { name, bits: own, .. } = self;
        match bits.checked_sub(*own) {
            None => format!("{name}[{}:0]", bits - 1),
            Some(0) => name.clone(),
            Some(more) => format!("{{{{{more}{{{name}[{}]}}}}, {name}}}", own - 1),
        }
    }
}

/// Registers with the product of every pair of limbs.
fn limb_products(a_bits: usize, b_bits: usize) -> (String, Vec<Term>) {
    let mut text = String::new();
    let mut terms = Vec::new();
    for (i, a) in cut("a", a_bits, LIMB).into_iter().enumerate() {
        for (j, b) in cut("b", b_bits, LIMB).into_iter().enumerate() {
            let name = format!("m{i}_{j}");
            let bits = a.bits + b.bits;
            text += &format!(
                "wire signed [{}:0] {name}a = {}; wire signed [{}:0] {name}b = {};\n\
                 `ifdef ECP5_MULTIPLIER\n\
                 wire signed [35:0] {name}w;\n\
                 {}\n\
                 wire signed [{}:0] {name} = {name}w[{}:0];\n\
                 `else\n\
                 reg signed [{}:0] {name};\ninitial {name} = 0;\n\
                 always @(posedge clock) {name} <= {name}a * {name}b;\n\
                 `endif\n",
                a.bits - 1,
                a.name,
                b.bits - 1,
                b.name,
                ecp5_block(&name, a.bits, b.bits),
                bits - 1,
                bits - 1,
                bits - 1,
            );
            terms.push(Term { name, shift: a.shift + b.shift, bits });
        }
    }
    (text, terms)
}

/// The block of the ECP5 with its output register alone, operands sign-extended to 18 bits.
fn ecp5_block(name: &str, a_bits: usize, b_bits: usize) -> String {
    let pins = |port: char, operand: &str, bits: usize| -> String {
        (0..18).map(|i| format!(".{port}{i}({operand}[{}]), ", i.min(bits - 1))).collect()
    };
    let outputs: Vec<String> = (0..36).map(|i| format!(".P{i}({name}w[{i}])")).collect();
    format!(
        "MULT18X18D #(.REG_INPUTA_CLK(\"NONE\"), .REG_INPUTB_CLK(\"NONE\"), .REG_PIPELINE_CLK(\"NONE\"), \
         .REG_OUTPUT_CLK(\"CLK0\"), .REG_OUTPUT_CE(\"CE0\"), .REG_OUTPUT_RST(\"RST0\")) {name}i (\
         {}{}.SIGNEDA(1'b1), .SIGNEDB(1'b1), .SOURCEA(1'b0), .SOURCEB(1'b0), \
         .CLK0(clock), .CE0(1'b1), .RST0(1'b0), {});",
        pins('A', &format!("{name}a"), a_bits),
        pins('B', &format!("{name}b"), b_bits),
        outputs.join(", ")
    )
}

/// The same with blocks of UltraScale+: the factor is cut long that leaves the fewer blocks.
fn long_products(a_bits: usize, b_bits: usize) -> (String, Vec<Term>) {
    let blocks = |long: usize, short: usize| {
        let parts = cut("", long, LONG_LIMB);
        parts.iter().filter(|part| part.bits > SHORT).count() * cut("", short, LIMB).len()
    };
    let (long, short) = if blocks(a_bits, b_bits) <= blocks(b_bits, a_bits) {
        (cut("a", a_bits, LONG_LIMB), cut("b", b_bits, LIMB))
    } else {
        (cut("b", b_bits, LONG_LIMB), cut("a", a_bits, LIMB))
    };
    let mut text = String::new();
    let mut terms = Vec::new();
    for (i, x) in long.iter().enumerate() {
        for (j, y) in short.iter().enumerate() {
            let name = format!("m{i}_{j}");
            let bits = x.bits + y.bits;
            let product = if x.bits <= SHORT { by_adders(&name, x.bits, bits) } else { format!("{name}x * {name}y") };
            text += &format!(
                "wire signed [{}:0] {name}x = {}; wire signed [{}:0] {name}y = {};\n\
                 reg signed [{}:0] {name};\ninitial {name} = 0;\nalways @(posedge clock) {name} <= {product};\n",
                x.bits - 1,
                x.name,
                y.bits - 1,
                y.name,
                bits - 1,
            );
            terms.push(Term { name, shift: x.shift + y.shift, bits });
        }
    }
    (text, terms)
}

/// `x y`, bit by bit of `x`; its top bit counts negative.
fn by_adders(name: &str, x_bits: usize, bits: usize) -> String {
    let wide = format!("{{{{{x_bits}{{{name}y[{}]}}}}, {name}y}}", bits - x_bits - 1);
    let share = |i: usize| format!("(({wide} & {{{bits}{{{name}x[{i}]}}}}) << {i})");
    let positive: Vec<_> = (0..x_bits - 1).map(share).collect();
    format!("{} - {}", positive.join(" + "), share(x_bits - 1))
}

/// Limbs of an operand, lowest first; all but the top one are unsigned, with a zero on top.
fn cut(operand: &str, bits: usize, limb: usize) -> Vec<Term> {
    let count = if bits <= limb + 1 { 1 } else { (bits - 1).div_ceil(limb) };
    let part = |i: usize| {
        let low = limb * i;
        if i + 1 == count {
            Term { name: format!("$signed({operand}[{}:{low}])", bits - 1), shift: low, bits: bits - low }
        } else {
            let high = low + limb - 1;
            Term { name: format!("$signed({{1'b0, {operand}[{high}:{low}]}})"), shift: low, bits: limb + 1 }
        }
    };
    (0..count).map(part).collect()
}

/// One level of the tree: neighbours by weight are added; the low bits of the lower one pass by.
fn add_in_pairs(text: &mut String, mut terms: Vec<Term>, level: usize, product_bits: usize) -> Vec<Term> {
    terms.sort_by_key(|term| term.shift);
    let mut sums = Vec::new();
    let mut rest = terms.into_iter();
    while let Some(low) = rest.next() {
        let name = format!("s{level}_{}", sums.len());
        let Some(high) = rest.next() else {
            *text += &format!(
                "reg signed [{w}:0] {name};\ninitial {name} = 0;\nalways @(posedge clock) {name} <= {};\n",
                low.name,
                w = low.bits - 1
            );
            sums.push(Term { name, ..low });
            continue;
        };
        let by = high.shift - low.shift;
        let bits = (high.bits.max(low.bits.saturating_sub(by)) + 1 + by).min(product_bits - low.shift);
        *text += &format!(
            "wire signed [{w}:0] {name}l = {}; wire signed [{w}:0] {name}h = {};\n\
             reg signed [{w}:0] {name};\ninitial {name} = 0;\nalways @(posedge clock) {name} <= {name}l + ({name}h <<< {by});\n",
            low.name,
            high.name,
            w = bits - 1
        );
        sums.push(Term { name, shift: low.shift, bits });
    }
    sums
}
