//! Natural logarithm of a price: `hedgewire_kernel::elementary::ln`, with its steps.
//!
//! ```text
//!   price -> by bytes -> by two -> by one ->  mantissa -> table: 1/c, ln c
//!            (leading zeros, shifted out)         |            |
//!                                                 v            v
//!   z = mantissa / c - 1  ->  z^2  ->  z^3, z^4  ->  z^3 / 3          one multiplier, in turn
//!   sum = exponent ln 2 + ln c  + z - z^2/2  - z^4/4 + z^3/3          one term a cycle
//!
//!   cycle   0 price   1..3 shift   6 table   10 z   14 z^2   18 z^3   19 z^4   22 z^3/3   24 done
//! ```
//!
//! Formats: mantissa 2^-31, 1/c 2^-32, z and its powers and the result 2^-40; every product is cut
//! where the kernel cuts it. |z| is below 2^-9, so z has 33 bits with its sign and the multiplier is
//! 33 by 33: four blocks.

use hedgewire_kernel::elementary::{LN_2, THIRD};
use hedgewire_kernel::tables::LogTable;
use rust_hdl::prelude::*;

use crate::primitive::{Multiply, Rom};
use crate::signal::{S, U, bits_lit, signed_cast_same, signed_cast_wide, unsigned_cast_pos, unsigned_cast_same};

type Product = Multiply<33, 33, 66>;

/// Cycles, counted from `start`.
mod step {
    use super::Product;

    /// Operands become registers, and their product can be read this much later.
    const PRODUCT: usize = 1 + Product::LATENCY;

    /// The mantissa is there.
    pub const MANTISSA: usize = 3;
    /// Its words have come out of the table, and into a register: the memory takes long.
    pub const TABLE: usize = MANTISSA + 3;
    /// z is there.
    pub const Z: usize = TABLE + PRODUCT;
    /// z^2 is there, and becomes an operand with z.
    pub const SQUARE: usize = Z + PRODUCT;
    /// z^2 becomes an operand with itself.
    pub const AGAIN: usize = SQUARE + 1;
    /// z^3 is there.
    pub const CUBE: usize = SQUARE + PRODUCT;
    /// z^4 is there.
    pub const FOURTH: usize = AGAIN + PRODUCT;
    /// z^3 / 3 is there.
    pub const THIRD: usize = CUBE + PRODUCT;
    /// The last term is added.
    pub const LAST: usize = THIRD + 1;
}

// `steps` has a bit for each.
const _: () = assert!(step::LAST < 24);

/// `ln = ln(price)`, 2^-40.
#[derive(LogicBlock)]
pub struct Logarithm {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Begins.
    pub start: Signal<In, Bit>,
    /// Price, not 0.
    pub price: Signal<In, U<32>>,
    /// `LATENCY` cycles after `start`.
    pub done: Signal<Out, Bit>,
    /// Natural logarithm, 2^-40.
    pub ln: Signal<Out, S<46>>,
    /// Bit `k`: it was started `k` cycles ago. A start forgets the one before.
    steps: DFF<U<24>>,
    finished: DFF<Bit>,

    // The shift. These only flow.
    whole: DFF<U<32>>,
    by_bytes: DFF<U<32>>,
    by_two: DFF<U<32>>,
    zeros_8: DFF<U<5>>,
    zeros_2: DFF<U<5>>,
    zeros: DFF<U<5>>,

    a: DFF<S<33>>,
    b: DFF<S<33>>,
    product: Product,
    /// ln c above 1/c.
    parts: Rom<72, 8>,
    parts_then: DFF<U<72>>,
    /// `(31 - zeros) ln 2`, and the ones of two negations.
    exponents: Rom<45, 5>,
    exponent_then: DFF<U<45>>,
    /// What `sum` takes up next; the complement of what is negative.
    term: DFF<S<46>>,
    sum: DFF<S<46>>,

    is_mantissa: Signal<Local, Bit>,
    is_table: Signal<Local, Bit>,
    is_z: Signal<Local, Bit>,
    is_square: Signal<Local, Bit>,
    is_again: Signal<Local, Bit>,
    is_cube: Signal<Local, Bit>,
    is_fourth: Signal<Local, Bit>,
    is_third: Signal<Local, Bit>,
    is_last: Signal<Local, Bit>,
    byte_3: Signal<Local, U<8>>,
    byte_2: Signal<Local, U<8>>,
    byte_1: Signal<Local, U<8>>,
    pair_3: Signal<Local, U<2>>,
    pair_2: Signal<Local, U<2>>,
    pair_1: Signal<Local, U<2>>,
    mantissa: Signal<Local, U<32>>,
    reciprocal: Signal<Local, U<32>>,
    log: Signal<Local, U<40>>,
    wide_log: Signal<Local, S<46>>,
    wide_exponent: Signal<Local, S<46>>,
    z: Signal<Local, S<33>>,
    power: Signal<Local, S<26>>,
    half: Signal<Local, S<25>>,
    quarter: Signal<Local, S<24>>,
    third: Signal<Local, S<34>>,
    wide_half: Signal<Local, S<46>>,
    wide_quarter: Signal<Local, S<46>>,

    first: Constant<U<24>>,
    next: Constant<U<1>>,
    at_mantissa: Constant<U<5>>,
    at_table: Constant<U<5>>,
    at_z: Constant<U<5>>,
    at_square: Constant<U<5>>,
    at_again: Constant<U<5>>,
    at_cube: Constant<U<5>>,
    at_fourth: Constant<U<5>>,
    at_third: Constant<U<5>>,
    at_last: Constant<U<5>>,
    zero: Constant<S<46>>,
    one_third: Constant<S<33>>,
    n_1: Constant<U<5>>,
    n_2: Constant<U<5>>,
    n_4: Constant<U<5>>,
    n_6: Constant<U<5>>,
    n_8: Constant<U<5>>,
    n_16: Constant<U<5>>,
    n_24: Constant<U<5>>,
}

/// 1/3, 2^-32: the kernel's constant without its last eight bits. Both are (2^k - 1) / 3 exactly, with
/// k 40 and 32, and `floor(y (2^k - 1) / (3 2^k))` is the same for every k with |y| < 2^k.
const SHORT_THIRD: i64 = THIRD >> 8;
const _: () = assert!(3 * THIRD == (1 << 40) - 1 && 3 * SHORT_THIRD == (1 << 32) - 1);

impl Logarithm {
    /// Cycles from `start` to `done`.
    pub const LATENCY: usize = step::LAST + 1;
}

impl Default for Logarithm {
    fn default() -> Self {
        let table = LogTable::new();
        let part = |i: usize| U::new((table.log[i] as u128) << 32 | u128::from(table.reciprocal[i]));
        let number = |n: usize| Constant::new(U::new(n as u128));
        Self {
            clock: Signal::default(),
            start: Signal::default(),
            price: Signal::default(),
            done: Signal::default(),
            ln: Signal::default(),
            steps: DFF::default(),
            finished: DFF::default(),
            whole: DFF::default(),
            by_bytes: DFF::default(),
            by_two: DFF::default(),
            zeros_8: DFF::default(),
            zeros_2: DFF::default(),
            zeros: DFF::default(),
            a: DFF::default(),
            b: DFF::default(),
            product: Product::default(),
            parts: Rom::new((0..256).map(part)),
            parts_then: DFF::default(),
            exponents: Rom::new((0..32).map(|zeros| U::new((31 - zeros) * LN_2 as u128 + 2))),
            exponent_then: DFF::default(),
            term: DFF::default(),
            sum: DFF::default(),
            is_mantissa: Signal::default(),
            is_table: Signal::default(),
            is_z: Signal::default(),
            is_square: Signal::default(),
            is_again: Signal::default(),
            is_cube: Signal::default(),
            is_fourth: Signal::default(),
            is_third: Signal::default(),
            is_last: Signal::default(),
            byte_3: Signal::default(),
            byte_2: Signal::default(),
            byte_1: Signal::default(),
            pair_3: Signal::default(),
            pair_2: Signal::default(),
            pair_1: Signal::default(),
            mantissa: Signal::default(),
            reciprocal: Signal::default(),
            log: Signal::default(),
            wide_log: Signal::default(),
            wide_exponent: Signal::default(),
            z: Signal::default(),
            power: Signal::default(),
            half: Signal::default(),
            quarter: Signal::default(),
            third: Signal::default(),
            wide_half: Signal::default(),
            wide_quarter: Signal::default(),
            first: Constant::new(U::new(2)),
            next: Constant::new(U::new(1)),
            at_mantissa: number(step::MANTISSA),
            at_table: number(step::TABLE),
            at_z: number(step::Z),
            at_square: number(step::SQUARE),
            at_again: number(step::AGAIN),
            at_cube: number(step::CUBE),
            at_fourth: number(step::FOURTH),
            at_third: number(step::THIRD),
            at_last: number(step::LAST),
            zero: Constant::new(S::new(0)),
            one_third: Constant::new(S::new(SHORT_THIRD.into())),
            n_1: number(1),
            n_2: number(2),
            n_4: number(4),
            n_6: number(6),
            n_8: number(8),
            n_16: number(16),
            n_24: number(24),
        }
    }
}

impl Logic for Logarithm {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, a, b);
        clock!(
            self,
            clock,
            steps,
            finished,
            whole,
            by_bytes,
            by_two,
            zeros_8,
            zeros_2,
            zeros,
            product,
            parts,
            parts_then,
            exponents,
            exponent_then,
            term,
            sum
        );

        self.steps.d.next = self.steps.q.val() << self.next.val();
        if self.start.val() {
            self.steps.d.next = self.first.val();
        }
        self.is_mantissa.next = self.steps.q.val().get_bit(self.at_mantissa.val().index());
        self.is_table.next = self.steps.q.val().get_bit(self.at_table.val().index());
        self.is_z.next = self.steps.q.val().get_bit(self.at_z.val().index());
        self.is_square.next = self.steps.q.val().get_bit(self.at_square.val().index());
        self.is_again.next = self.steps.q.val().get_bit(self.at_again.val().index());
        self.is_cube.next = self.steps.q.val().get_bit(self.at_cube.val().index());
        self.is_fourth.next = self.steps.q.val().get_bit(self.at_fourth.val().index());
        self.is_third.next = self.steps.q.val().get_bit(self.at_third.val().index());
        self.is_last.next = self.steps.q.val().get_bit(self.at_last.val().index());
        self.finished.d.next = self.is_last.val() & !self.start.val();

        // Cycles 0 to 3: leading zeros, by bytes, by two, by one.
        self.whole.d.next = self.price.val();
        self.byte_3.next = self.whole.q.val().get_bits::<8>(24);
        self.byte_2.next = self.whole.q.val().get_bits::<8>(16);
        self.byte_1.next = self.whole.q.val().get_bits::<8>(8);
        if self.byte_3.val().any() {
            self.by_bytes.d.next = self.whole.q.val();
            self.zeros_8.d.next = bits_lit::<5>(0);
        } else if self.byte_2.val().any() {
            self.by_bytes.d.next = self.whole.q.val() << self.n_8.val();
            self.zeros_8.d.next = self.n_8.val();
        } else if self.byte_1.val().any() {
            self.by_bytes.d.next = self.whole.q.val() << self.n_16.val();
            self.zeros_8.d.next = self.n_16.val();
        } else {
            self.by_bytes.d.next = self.whole.q.val() << self.n_24.val();
            self.zeros_8.d.next = self.n_24.val();
        }
        self.pair_3.next = self.by_bytes.q.val().get_bits::<2>(30);
        self.pair_2.next = self.by_bytes.q.val().get_bits::<2>(28);
        self.pair_1.next = self.by_bytes.q.val().get_bits::<2>(26);
        if self.pair_3.val().any() {
            self.by_two.d.next = self.by_bytes.q.val();
            self.zeros_2.d.next = self.zeros_8.q.val();
        } else if self.pair_2.val().any() {
            self.by_two.d.next = self.by_bytes.q.val() << self.n_2.val();
            self.zeros_2.d.next = self.zeros_8.q.val() | self.n_2.val();
        } else if self.pair_1.val().any() {
            self.by_two.d.next = self.by_bytes.q.val() << self.n_4.val();
            self.zeros_2.d.next = self.zeros_8.q.val() | self.n_4.val();
        } else {
            self.by_two.d.next = self.by_bytes.q.val() << self.n_6.val();
            self.zeros_2.d.next = self.zeros_8.q.val() | self.n_6.val();
        }
        if self.by_two.q.val().get_bit(31) {
            self.mantissa.next = self.by_two.q.val();
            self.zeros.d.next = self.zeros_2.q.val();
        } else {
            self.mantissa.next = self.by_two.q.val() << self.n_1.val();
            self.zeros.d.next = self.zeros_2.q.val() | self.n_1.val();
        }

        // The tables.
        self.parts.read_address.next = self.a.q.val().get_bits::<8>(23);
        self.exponents.read_address.next = self.zeros.q.val();
        self.parts_then.d.next = self.parts.q.val();
        self.exponent_then.d.next = self.exponents.q.val();
        self.reciprocal.next = self.parts_then.q.val().get_bits::<32>(0);
        self.log.next = self.parts_then.q.val().get_bits::<40>(32);
        self.wide_log.next = unsigned_cast_pos(self.log.val());
        self.wide_exponent.next = unsigned_cast_pos(self.exponent_then.q.val());

        // The products, each cut to what it means. z is the first one less 2^63, which is its sign alone.
        self.product.a.next = self.a.q.val();
        self.product.b.next = self.b.q.val();
        self.z.next = signed_cast_same(self.product.p.val().get_bits::<33>(23));
        self.power.next = signed_cast_same(self.product.p.val().get_bits::<26>(40));
        self.half.next = signed_cast_same(self.product.p.val().get_bits::<25>(41));
        self.quarter.next = signed_cast_same(self.product.p.val().get_bits::<24>(42));
        self.third.next = signed_cast_same(self.product.p.val().get_bits::<34>(32));
        self.wide_half.next = signed_cast_wide(self.half.val());
        self.wide_quarter.next = signed_cast_wide(self.quarter.val());

        // The factors.
        if self.is_mantissa.val() {
            self.a.d.next = unsigned_cast_pos(self.mantissa.val());
        } else if self.is_table.val() {
            self.b.d.next = unsigned_cast_pos(self.reciprocal.val());
        } else if self.is_z.val() {
            self.a.d.next = self.z.val();
            self.b.d.next = self.z.val();
        } else if self.is_square.val() {
            self.a.d.next = signed_cast_wide(self.power.val());
        } else if self.is_again.val() {
            self.b.d.next = self.a.q.val();
        } else if self.is_cube.val() {
            self.a.d.next = signed_cast_wide(self.power.val());
            self.b.d.next = self.one_third.val();
        }

        // The sum.
        if self.is_z.val() {
            self.term.d.next = signed_cast_wide(self.z.val());
        } else if self.is_square.val() {
            self.term.d.next = signed_cast_same(!unsigned_cast_same(self.wide_half.val()));
        } else if self.is_fourth.val() {
            self.term.d.next = signed_cast_same(!unsigned_cast_same(self.wide_quarter.val()));
        } else if self.is_third.val() {
            self.term.d.next = signed_cast_wide(self.third.val());
        } else {
            self.term.d.next = self.zero.val();
        }
        if self.is_table.val() {
            self.sum.d.next = self.wide_exponent.val() + self.wide_log.val();
        } else {
            self.sum.d.next = self.sum.q.val() + self.term.q.val();
        }

        self.done.next = self.finished.q.val();
        self.ln.next = self.sum.q.val();
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_kernel::elementary::ln;

    use super::*;
    use crate::elementary::tests::{operate, word};
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn a_third_of_fewer_bits_gives_the_same_floors() {
        for y in -20_000..20_000i64 {
            assert_eq!((y * SHORT_THIRD) >> 32, (y * THIRD) >> 40, "{y}");
        }
    }

    #[test]
    fn logarithm_equals_the_kernels() {
        let table = LogTable::new();
        let mut bench = TestBench::new("logarithm", Logarithm::default());
        let mut state = 7;
        let mut prices = vec![1, 2, 3, u32::MAX, u32::MAX - 1];
        for bits in 1..32 {
            prices.extend([(1 << bits) - 1, 1 << bits, (1 << bits) | (word(&mut state) as u32 >> (32 - bits))]);
        }
        // Both ends of parts of the table, where z is largest.
        for part in (0..256).step_by(5).chain([255]) {
            prices.extend([1 << 31 | part << 23, 1 << 31 | part << 23 | 0x7f_ffff]);
        }
        prices.extend((0..100).map(|_| (word(&mut state) as u32).max(1)));
        for price in prices {
            operate!(bench, Logarithm::LATENCY, price = U::<32>::new(price.into()));
            assert_eq!(peek!(bench, ln).raw(), ln(&table, price).into(), "{price}");
        }
        bench.finish();
    }

    #[test]
    fn a_new_start_drops_the_former_logarithm() {
        let table = LogTable::new();
        let mut bench = TestBench::new("logarithm_again", Logarithm::default());
        for after in 1..Logarithm::LATENCY {
            poke!(bench, price, U::<32>::new(3_000_000_000));
            poke!(bench, start, true);
            for _ in 0..after {
                cycle!(bench);
                poke!(bench, start, false);
            }
            operate!(bench, Logarithm::LATENCY, price = U::<32>::new(12_345));
            assert_eq!(peek!(bench, ln).raw(), ln(&table, 12_345).into());
        }
        bench.finish();
    }
}
