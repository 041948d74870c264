//! Roots, digit by digit: the floor of the square root of 64 bits, and of the cube root of 63 bits after
//! a shift.
//!
//! ```text
//!   SquareRoot  start: operand  -> 32 digits, two bits of the operand each -> root
//!   CubeRoot    start: operand  -> >> 0, 24, 48 -> >> 0, 12 -> >> 0, 3, 6, 9 -> 2 digits each -> << excess
//!   cycle              0           1               2           3                4 to 14          15
//! ```
//!
//! *Square*: with root r of the bits so far and the rest, the next digit is 1 if
//! `4 rest + two bits >= 4 r + 1`.
//!
//! *Cube*: the next digit is 1 if `8 rest + three bits >= (2r + 1)^3 - (2r)^3`, which is left then. All that two digits
//! can need follows from `3 r^2`, `9 r^2`, `3 r`, `9 r` and `27 r`, so the second is found beside the first, for either
//! value of it:
//!
//! ```text
//!   first       8 rest + b         - (12 r^2 + 6 r + 1)
//!   second, 0   64 rest + 8 b + b' - (48 r^2 + 12 r + 1)
//!   second, 1   64 rest + 8 b + b' - (144 r^2 + 108 r + 27)     8 (12 r^2 + 6 r + 1) of it are the first's
//! ```
//!
//! With `r' = 4 r + k` the five grow by `r'^2 = 16 r^2 + 8 k r + k^2`: one addition for each `k`, beside those
//! above. Of 22 digits the first is 0.
//!
//! *Shift*: 3e brings the operand below 2^63, e from 0 to 22, found in three steps: 8 or 16, 4, and the
//! rest, each from the bits that would still be too high.

use rust_hdl::prelude::*;

use crate::signal::{U, bits_lit, unsigned_cast_wide};

/// `root = isqrt(n)`.
#[derive(LogicBlock)]
pub struct SquareRoot {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Begins.
    pub start: Signal<In, Bit>,
    /// Radicand.
    pub n: Signal<In, U<64>>,
    /// `LATENCY` cycles after `start`.
    pub done: Signal<Out, Bit>,
    /// Floor of the square root.
    pub root: Signal<Out, U<32>>,
    /// Digits to come.
    left: DFF<U<6>>,
    is_running: DFF<Bit>,
    finished: DFF<Bit>,
    digits: DFF<U<64>>,
    /// At most `2 root`, which only after the last digit needs more.
    rest: DFF<U<32>>,
    found: DFF<U<32>>,

    two_bits: Signal<Local, U<2>>,
    low: Signal<Local, U<35>>,
    wide: Signal<Local, U<35>>,
    trial: Signal<Local, U<35>>,
    wide_root: Signal<Local, U<35>>,
    /// Its top bit is the borrow.
    difference: Signal<Local, U<35>>,
    shifted: Signal<Local, U<32>>,

    count: Constant<U<6>>,
    one: Constant<U<6>>,
    digit: Constant<U<32>>,
    unit: Constant<U<35>>,
    by_one: Constant<U<2>>,
    by_two: Constant<U<2>>,
}

impl SquareRoot {
    /// Cycles from `start` to `done`.
    pub const LATENCY: usize = 33;
}

impl Default for SquareRoot {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            start: Signal::default(),
            n: Signal::default(),
            done: Signal::default(),
            root: Signal::default(),
            left: DFF::default(),
            is_running: DFF::default(),
            finished: DFF::default(),
            digits: DFF::default(),
            rest: DFF::default(),
            found: DFF::default(),
            two_bits: Signal::default(),
            low: Signal::default(),
            wide: Signal::default(),
            trial: Signal::default(),
            wide_root: Signal::default(),
            difference: Signal::default(),
            shifted: Signal::default(),
            count: Constant::new(U::new(32)),
            one: Constant::new(U::new(1)),
            digit: Constant::new(U::new(1)),
            unit: Constant::new(U::new(1)),
            by_one: Constant::new(U::new(1)),
            by_two: Constant::new(U::new(2)),
        }
    }
}

impl Logic for SquareRoot {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, left, is_running, found);
        clock!(self, clock, finished, digits, rest);

        // One digit.
        self.two_bits.next = self.digits.q.val().get_bits::<2>(62);
        self.low.next = unsigned_cast_wide(self.two_bits.val());
        self.wide.next = unsigned_cast_wide(self.rest.q.val());
        self.trial.next = (self.wide.val() << self.by_two.val()) | self.low.val();
        self.wide_root.next = unsigned_cast_wide(self.found.q.val());
        self.difference.next = self.trial.val() - ((self.wide_root.val() << self.by_two.val()) | self.unit.val());
        self.shifted.next = self.found.q.val() << self.by_one.val();

        self.finished.d.next = self.is_running.q.val() & (self.left.q.val() == self.one.val()) & !self.start.val();
        // After the last digit only what was found counts.
        self.digits.d.next = self.digits.q.val() << self.by_two.val();
        self.rest.d.next = self.difference.val().get_bits::<32>(0);
        if self.difference.val().get_bit(34) {
            self.rest.d.next = self.trial.val().get_bits::<32>(0);
        }
        if self.is_running.q.val() {
            self.left.d.next = self.left.q.val() - self.one.val();
            self.is_running.d.next = self.left.q.val() != self.one.val();
            self.found.d.next = self.shifted.val() | self.digit.val();
            if self.difference.val().get_bit(34) {
                self.found.d.next = self.shifted.val();
            }
        }
        if self.start.val() {
            self.left.d.next = self.count.val();
            self.is_running.d.next = true;
            self.digits.d.next = self.n.val();
            self.rest.d.next = bits_lit::<32>(0);
            self.found.d.next = bits_lit::<32>(0);
        }

        self.done.next = self.finished.q.val();
        self.root.next = self.found.q.val();
    }
}

/// Cycles for the digits of a cube root of 63 bits.
const STEPS: usize = 11;
/// Cycle, counted from `start`, in which the shifted operand goes to the digits.
const LOAD: usize = 3;
/// Cycle in which the root is shifted back.
const BACK: usize = LOAD + STEPS + 1;

/// `root = floor(cbrt(n >> 3e)) << e` for the smallest `e` that brings `n` below 2^63:
/// `hedgewire_kernel::elementary::cube_root`.
#[derive(LogicBlock)]
pub struct CubeRoot {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Begins.
    pub start: Signal<In, Bit>,
    /// Radicand.
    pub n: Signal<In, U<128>>,
    /// `LATENCY` cycles after `start`.
    pub done: Signal<Out, Bit>,
    /// Cube root.
    pub root: Signal<Out, U<64>>,
    /// Cycles since `start`; 0 without one.
    step: DFF<U<5>>,
    /// The step is `LOAD`, or `BACK`.
    is_load: DFF<Bit>,
    is_back: DFF<Bit>,
    finished: DFF<Bit>,

    // The shift. These only flow; what they hold in other cycles reaches nobody.
    whole: DFF<U<128>>,
    below_84: DFF<U<84>>,
    below_72: DFF<U<72>>,
    excess_1: DFF<U<5>>,
    excess_2: DFF<U<5>>,
    excess: DFF<U<5>>,

    // The digits. Widths are those before the last step; what is left after it, but for r, means nothing.
    digits: DFF<U<66>>,
    rest: DFF<U<40>>,
    /// r.
    found: DFF<U<21>>,
    /// 3 r, 9 r, 27 r.
    triple: DFF<U<21>>,
    ninefold: DFF<U<23>>,
    cubefold: DFF<U<24>>,
    /// 3 r^2, 9 r^2.
    square_3: DFF<U<40>>,
    square_9: DFF<U<42>>,
    result: DFF<U<64>>,

    over_107: Signal<Local, U<20>>,
    over_83: Signal<Local, U<24>>,
    over_71: Signal<Local, U<12>>,
    over_68: Signal<Local, U<3>>,
    over_65: Signal<Local, U<3>>,
    over_62: Signal<Local, U<3>>,
    three_bits: Signal<Local, U<3>>,
    next_bits: Signal<Local, U<3>>,
    low: Signal<Local, U<48>>,
    next_low: Signal<Local, U<48>>,
    wide: Signal<Local, U<48>>,
    trial: Signal<Local, U<48>>,
    next_trial: Signal<Local, U<48>>,
    wide_triple: Signal<Local, U<48>>,
    wide_ninefold: Signal<Local, U<48>>,
    wide_cubefold: Signal<Local, U<48>>,
    wide_square_3: Signal<Local, U<48>>,
    wide_square_9: Signal<Local, U<48>>,
    /// What is left by the first digit, and by the second behind either. The top bit is the borrow.
    left: Signal<Local, U<48>>,
    left_0: Signal<Local, U<48>>,
    left_1: Signal<Local, U<48>>,
    left_then: Signal<Local, U<48>>,
    square_3_0: Signal<Local, U<48>>,
    square_3_1: Signal<Local, U<48>>,
    square_3_2: Signal<Local, U<48>>,
    square_3_3: Signal<Local, U<48>>,
    square_9_0: Signal<Local, U<48>>,
    square_9_1: Signal<Local, U<48>>,
    square_9_2: Signal<Local, U<48>>,
    square_9_3: Signal<Local, U<48>>,
    found_0: Signal<Local, U<21>>,
    triple_0: Signal<Local, U<21>>,
    triple_1: Signal<Local, U<21>>,
    triple_2: Signal<Local, U<21>>,
    triple_3: Signal<Local, U<21>>,
    ninefold_0: Signal<Local, U<23>>,
    ninefold_1: Signal<Local, U<23>>,
    ninefold_2: Signal<Local, U<23>>,
    ninefold_3: Signal<Local, U<23>>,
    cubefold_0: Signal<Local, U<24>>,
    cubefold_1: Signal<Local, U<24>>,
    cubefold_2: Signal<Local, U<24>>,
    cubefold_3: Signal<Local, U<24>>,
    wide_root: Signal<Local, U<64>>,

    first: Constant<U<5>>,
    before_load: Constant<U<5>>,
    before_back: Constant<U<5>>,
    four: Constant<U<5>>,
    eight: Constant<U<5>>,
    sixteen: Constant<U<5>>,
    two: Constant<U<5>>,
    three: Constant<U<5>>,
    by_one: Constant<U<3>>,
    by_two: Constant<U<3>>,
    by_three: Constant<U<3>>,
    by_four: Constant<U<3>>,
    by_six: Constant<U<3>>,
    digit_1: Constant<U<21>>,
    digit_2: Constant<U<21>>,
    digit_3: Constant<U<21>>,
    unit: Constant<U<48>>,
    three_units: Constant<U<48>>,
    nine_units: Constant<U<48>>,
    twelve_units: Constant<U<48>>,
    units_27: Constant<U<48>>,
    units_36: Constant<U<48>>,
    units_81: Constant<U<48>>,
}

impl CubeRoot {
    /// Cycles from `start` to `done`.
    pub const LATENCY: usize = BACK + 1;
}

impl Default for CubeRoot {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            start: Signal::default(),
            n: Signal::default(),
            done: Signal::default(),
            root: Signal::default(),
            step: DFF::default(),
            is_load: DFF::default(),
            is_back: DFF::default(),
            finished: DFF::default(),
            whole: DFF::default(),
            below_84: DFF::default(),
            below_72: DFF::default(),
            excess_1: DFF::default(),
            excess_2: DFF::default(),
            excess: DFF::default(),
            digits: DFF::default(),
            rest: DFF::default(),
            found: DFF::default(),
            triple: DFF::default(),
            ninefold: DFF::default(),
            cubefold: DFF::default(),
            square_3: DFF::default(),
            square_9: DFF::default(),
            result: DFF::default(),
            over_107: Signal::default(),
            over_83: Signal::default(),
            over_71: Signal::default(),
            over_68: Signal::default(),
            over_65: Signal::default(),
            over_62: Signal::default(),
            three_bits: Signal::default(),
            next_bits: Signal::default(),
            low: Signal::default(),
            next_low: Signal::default(),
            wide: Signal::default(),
            trial: Signal::default(),
            next_trial: Signal::default(),
            wide_triple: Signal::default(),
            wide_ninefold: Signal::default(),
            wide_cubefold: Signal::default(),
            wide_square_3: Signal::default(),
            wide_square_9: Signal::default(),
            left: Signal::default(),
            left_0: Signal::default(),
            left_1: Signal::default(),
            left_then: Signal::default(),
            square_3_0: Signal::default(),
            square_3_1: Signal::default(),
            square_3_2: Signal::default(),
            square_3_3: Signal::default(),
            square_9_0: Signal::default(),
            square_9_1: Signal::default(),
            square_9_2: Signal::default(),
            square_9_3: Signal::default(),
            found_0: Signal::default(),
            triple_0: Signal::default(),
            triple_1: Signal::default(),
            triple_2: Signal::default(),
            triple_3: Signal::default(),
            ninefold_0: Signal::default(),
            ninefold_1: Signal::default(),
            ninefold_2: Signal::default(),
            ninefold_3: Signal::default(),
            cubefold_0: Signal::default(),
            cubefold_1: Signal::default(),
            cubefold_2: Signal::default(),
            cubefold_3: Signal::default(),
            wide_root: Signal::default(),
            first: Constant::new(U::new(1)),
            before_load: Constant::new(U::new(LOAD as u128 - 1)),
            before_back: Constant::new(U::new(BACK as u128 - 1)),
            four: Constant::new(U::new(4)),
            eight: Constant::new(U::new(8)),
            sixteen: Constant::new(U::new(16)),
            two: Constant::new(U::new(2)),
            three: Constant::new(U::new(3)),
            by_one: Constant::new(U::new(1)),
            by_two: Constant::new(U::new(2)),
            by_three: Constant::new(U::new(3)),
            by_four: Constant::new(U::new(4)),
            by_six: Constant::new(U::new(6)),
            digit_1: Constant::new(U::new(1)),
            digit_2: Constant::new(U::new(2)),
            digit_3: Constant::new(U::new(3)),
            unit: Constant::new(U::new(1)),
            three_units: Constant::new(U::new(3)),
            nine_units: Constant::new(U::new(9)),
            twelve_units: Constant::new(U::new(12)),
            units_27: Constant::new(U::new(27)),
            units_36: Constant::new(U::new(36)),
            units_81: Constant::new(U::new(81)),
        }
    }
}

impl Logic for CubeRoot {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, step, excess, result);
        clock!(
            self, clock, is_load, is_back, finished, whole, below_84, below_72, excess_1, excess_2, digits, rest,
            found, triple, ninefold, cubefold, square_3, square_9
        );

        if self.start.val() {
            self.step.d.next = self.first.val();
        } else if self.is_back.q.val() {
            self.step.d.next = bits_lit::<5>(0);
        } else if self.step.q.val().any() {
            self.step.d.next = self.step.q.val() + self.first.val();
        }
        self.is_load.d.next = (self.step.q.val() == self.before_load.val()) & !self.start.val();
        self.is_back.d.next = (self.step.q.val() == self.before_back.val()) & !self.start.val();
        self.finished.d.next = self.is_back.q.val() & !self.start.val();

        // Cycles 0 to 3: shift.
        self.whole.d.next = self.n.val();
        self.over_107.next = self.whole.q.val().get_bits::<20>(108);
        self.over_83.next = self.whole.q.val().get_bits::<24>(84);
        if self.over_107.val().any() {
            self.below_84.d.next = unsigned_cast_wide(self.whole.q.val().get_bits::<80>(48));
            self.excess_1.d.next = self.sixteen.val();
        } else if self.over_83.val().any() {
            self.below_84.d.next = self.whole.q.val().get_bits::<84>(24);
            self.excess_1.d.next = self.eight.val();
        } else {
            self.below_84.d.next = self.whole.q.val().get_bits::<84>(0);
            self.excess_1.d.next = bits_lit::<5>(0);
        }
        self.over_71.next = self.below_84.q.val().get_bits::<12>(72);
        if self.over_71.val().any() {
            self.below_72.d.next = self.below_84.q.val().get_bits::<72>(12);
            self.excess_2.d.next = self.excess_1.q.val() | self.four.val();
        } else {
            self.below_72.d.next = self.below_84.q.val().get_bits::<72>(0);
            self.excess_2.d.next = self.excess_1.q.val();
        }
        self.over_68.next = self.below_72.q.val().get_bits::<3>(69);
        self.over_65.next = self.below_72.q.val().get_bits::<3>(66);
        self.over_62.next = self.below_72.q.val().get_bits::<3>(63);

        // Cycles 4 to 14: two digits each.
        self.three_bits.next = self.digits.q.val().get_bits::<3>(63);
        self.next_bits.next = self.digits.q.val().get_bits::<3>(60);
        self.low.next = unsigned_cast_wide(self.three_bits.val());
        self.next_low.next = unsigned_cast_wide(self.next_bits.val());
        self.wide.next = unsigned_cast_wide(self.rest.q.val());
        self.trial.next = (self.wide.val() << self.by_three.val()) | self.low.val();
        self.next_trial.next = (self.trial.val() << self.by_three.val()) | self.next_low.val();
        self.wide_triple.next = unsigned_cast_wide(self.triple.q.val());
        self.wide_ninefold.next = unsigned_cast_wide(self.ninefold.q.val());
        self.wide_cubefold.next = unsigned_cast_wide(self.cubefold.q.val());
        self.wide_square_3.next = unsigned_cast_wide(self.square_3.q.val());
        self.wide_square_9.next = unsigned_cast_wide(self.square_9.q.val());
        self.left.next = self.trial.val()
            - ((self.wide_square_3.val() << self.by_two.val()) | self.unit.val())
            - (self.wide_triple.val() << self.by_one.val());
        self.left_0.next = self.next_trial.val()
            - ((self.wide_square_3.val() << self.by_four.val()) | self.unit.val())
            - (self.wide_triple.val() << self.by_two.val());
        self.left_1.next = self.next_trial.val()
            - (self.wide_square_9.val() << self.by_four.val())
            - (self.wide_cubefold.val() << self.by_two.val())
            - self.units_27.val();
        self.left_then.next = (self.left.val() << self.by_three.val()) | self.next_low.val();
        self.square_3_0.next = self.wide_square_3.val() << self.by_four.val();
        self.square_3_1.next = ((self.wide_square_3.val() << self.by_four.val()) | self.three_units.val())
            + (self.wide_triple.val() << self.by_three.val());
        self.square_3_2.next = ((self.wide_square_3.val() << self.by_four.val()) | self.twelve_units.val())
            + (self.wide_triple.val() << self.by_four.val());
        self.square_3_3.next = (self.wide_square_3.val() << self.by_four.val())
            + (self.wide_ninefold.val() << self.by_three.val())
            + self.units_27.val();
        self.square_9_0.next = self.wide_square_9.val() << self.by_four.val();
        self.square_9_1.next = ((self.wide_square_9.val() << self.by_four.val()) | self.nine_units.val())
            + (self.wide_ninefold.val() << self.by_three.val());
        self.square_9_2.next = (self.wide_square_9.val() << self.by_four.val())
            + (self.wide_ninefold.val() << self.by_four.val())
            + self.units_36.val();
        self.square_9_3.next = (self.wide_square_9.val() << self.by_four.val())
            + (self.wide_cubefold.val() << self.by_three.val())
            + self.units_81.val();
        self.found_0.next = self.found.q.val() << self.by_two.val();
        self.triple_0.next = self.triple.q.val() << self.by_two.val();
        self.ninefold_0.next = self.ninefold.q.val() << self.by_two.val();
        self.cubefold_0.next = self.cubefold.q.val() << self.by_two.val();
        // 3, 9 and 27 times the digits, the two low bits of each apart: sums of one operand would be made one sum behind
        // the digits' choice.
        self.triple_1.next = self.triple_0.val() | bits_lit::<21>(3);
        self.triple_2.next = (self.triple_0.val() | bits_lit::<21>(2)) + bits_lit::<21>(4);
        self.triple_3.next = (self.triple_0.val() | bits_lit::<21>(1)) + bits_lit::<21>(8);
        self.ninefold_1.next = (self.ninefold_0.val() | bits_lit::<23>(1)) + bits_lit::<23>(8);
        self.ninefold_2.next = (self.ninefold_0.val() | bits_lit::<23>(2)) + bits_lit::<23>(16);
        self.ninefold_3.next = (self.ninefold_0.val() | bits_lit::<23>(3)) + bits_lit::<23>(24);
        self.cubefold_1.next = (self.cubefold_0.val() | bits_lit::<24>(3)) + bits_lit::<24>(24);
        self.cubefold_2.next = (self.cubefold_0.val() | bits_lit::<24>(2)) + bits_lit::<24>(52);
        self.cubefold_3.next = (self.cubefold_0.val() | bits_lit::<24>(1)) + bits_lit::<24>(80);

        if self.is_load.q.val() {
            if self.over_68.val().any() {
                self.digits.d.next = unsigned_cast_wide(self.below_72.q.val().get_bits::<63>(9));
                self.excess.d.next = self.excess_2.q.val() | self.three.val();
            } else if self.over_65.val().any() {
                self.digits.d.next = unsigned_cast_wide(self.below_72.q.val().get_bits::<63>(6));
                self.excess.d.next = self.excess_2.q.val() | self.two.val();
            } else if self.over_62.val().any() {
                self.digits.d.next = unsigned_cast_wide(self.below_72.q.val().get_bits::<63>(3));
                self.excess.d.next = self.excess_2.q.val() | self.first.val();
            } else {
                self.digits.d.next = unsigned_cast_wide(self.below_72.q.val().get_bits::<63>(0));
                self.excess.d.next = self.excess_2.q.val();
            }
            self.rest.d.next = bits_lit::<40>(0);
            self.square_3.d.next = bits_lit::<40>(0);
            self.square_9.d.next = bits_lit::<42>(0);
            self.found.d.next = bits_lit::<21>(0);
            self.triple.d.next = bits_lit::<21>(0);
            self.ninefold.d.next = bits_lit::<23>(0);
            self.cubefold.d.next = bits_lit::<24>(0);
        } else {
            self.digits.d.next = self.digits.q.val() << self.by_six.val();
            // Either borrow chooses beside the first digit, not behind it.
            if self.left.val().get_bit(47) {
                if self.left_0.val().get_bit(47) {
                    self.rest.d.next = self.next_trial.val().get_bits::<40>(0);
                    self.square_3.d.next = self.square_3_0.val().get_bits::<40>(0);
                    self.square_9.d.next = self.square_9_0.val().get_bits::<42>(0);
                    self.found.d.next = self.found_0.val();
                    self.triple.d.next = self.triple_0.val();
                    self.ninefold.d.next = self.ninefold_0.val();
                    self.cubefold.d.next = self.cubefold_0.val();
                } else {
                    self.rest.d.next = self.left_0.val().get_bits::<40>(0);
                    self.square_3.d.next = self.square_3_1.val().get_bits::<40>(0);
                    self.square_9.d.next = self.square_9_1.val().get_bits::<42>(0);
                    self.found.d.next = self.found_0.val() | self.digit_1.val();
                    self.triple.d.next = self.triple_1.val();
                    self.ninefold.d.next = self.ninefold_1.val();
                    self.cubefold.d.next = self.cubefold_1.val();
                }
            } else if self.left_1.val().get_bit(47) {
                self.rest.d.next = self.left_then.val().get_bits::<40>(0);
                self.square_3.d.next = self.square_3_2.val().get_bits::<40>(0);
                self.square_9.d.next = self.square_9_2.val().get_bits::<42>(0);
                self.found.d.next = self.found_0.val() | self.digit_2.val();
                self.triple.d.next = self.triple_2.val();
                self.ninefold.d.next = self.ninefold_2.val();
                self.cubefold.d.next = self.cubefold_2.val();
            } else {
                self.rest.d.next = self.left_1.val().get_bits::<40>(0);
                self.square_3.d.next = self.square_3_3.val().get_bits::<40>(0);
                self.square_9.d.next = self.square_9_3.val().get_bits::<42>(0);
                self.found.d.next = self.found_0.val() | self.digit_3.val();
                self.triple.d.next = self.triple_3.val();
                self.ninefold.d.next = self.ninefold_3.val();
                self.cubefold.d.next = self.cubefold_3.val();
            }
        }

        // Cycle 15: shift back.
        self.wide_root.next = unsigned_cast_wide(self.found.q.val());
        if self.is_back.q.val() {
            self.result.d.next = self.wide_root.val() << self.excess.q.val();
        }

        self.done.next = self.finished.q.val();
        self.root.next = self.result.q.val();
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_kernel::elementary::cube_root;

    use super::*;
    use crate::elementary::tests::{operate, word};
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn square_root_is_floored() {
        let mut bench = TestBench::new("square_root", SquareRoot::default());
        let mut state = 3;
        let mut radicands = vec![0, 1, 2, 3, 4, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 62) - 1, 1 << 62];
        for _ in 0..60 {
            let root = u64::from(word(&mut state) as u32);
            let square = root * root;
            radicands.extend([square, square.saturating_sub(1), square + 2 * root, word(&mut state) as u64]);
        }
        for n in radicands {
            operate!(bench, SquareRoot::LATENCY, n = U::<64>::new(n.into()));
            assert_eq!(peek!(bench, root).word(), n.isqrt(), "{n}");
        }
        bench.finish();
    }

    #[test]
    fn cube_root_equals_the_kernels() {
        let mut bench = TestBench::new("cube_root", CubeRoot::default());
        let mut state = 5;
        let mut radicands = vec![0, 1, 7, 8, 9, 26, 27, u128::MAX, u128::MAX - 1];
        // Both sides of every width, so of every shift.
        for bits in 60..128 {
            radicands.extend([(1 << bits) - 1, 1 << bits, (1 << bits) | (word(&mut state) >> (128 - bits))]);
        }
        for i in 0..40 {
            let cube = (word(&mut state) & 0x1f_ffff).pow(3);
            let random = word(&mut state);
            radicands.extend([cube, cube.saturating_sub(1), cube + 1, random, random >> 64, cube << (i % 65)]);
        }
        for n in radicands {
            operate!(bench, CubeRoot::LATENCY, n = U::<128>::new(n));
            assert_eq!(peek!(bench, root).word(), cube_root(n), "{n:#x}");
        }
        bench.finish();
    }

    #[test]
    fn a_new_start_drops_the_former_root() {
        let mut square = TestBench::new("square_root_again", SquareRoot::default());
        let mut cube = TestBench::new("cube_root_again", CubeRoot::default());
        for after in [1, 3, 4, CubeRoot::LATENCY - 2, CubeRoot::LATENCY - 1] {
            poke!(square, n, U::<64>::new(u64::MAX.into()));
            poke!(square, start, true);
            poke!(cube, n, U::<128>::new(u128::MAX));
            poke!(cube, start, true);
            for _ in 0..after {
                cycle!(square);
                cycle!(cube);
                poke!(square, start, false);
                poke!(cube, start, false);
            }
            operate!(square, SquareRoot::LATENCY, n = U::<64>::new(1_000_000));
            assert_eq!(peek!(square, root).word(), 1000);
            operate!(cube, CubeRoot::LATENCY, n = U::<128>::new(1_000_000_000));
            assert_eq!(peek!(cube, root).word(), 1000);
        }
        square.finish();
        cube.finish();
    }
}
