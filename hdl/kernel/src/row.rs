//! The row kernel: what one row of the portfolio adds to the sums at one price.
//!
//! ```text
//!   option      s = a x + b -> |s| -> table word (H, phi) at the nearest node -> trapezoid correction
//!   range       z = e^-+x/2 -> clamp to [low, high]
//!   constant    nothing here: it enters the bank's constant when it is written
//! ```
//!
//! This scalar form is the definition. `avx2` and the card compute the same bits.
//!
//! Widths: |a x| < 2^62 and |b| < 2^62, so `s` fits 63 bits; weights are below 2^31 and `H`, `phi`,
//! `z` below 2^30, so a product is below 2^61.

use hedgewire_abi::command::code;
use hedgewire_abi::format::{A_MAX, TABLE_ENTRIES};

use crate::elementary::Ratios;
use crate::tables::{HALF_STEP, NormalTable};

/// Bits by which `s` (2^-50) is cut for the table (2^-28).
pub const TABLE_CUT: u32 = 22;
/// Bits of `|u|` below a table step.
pub const STEP_CUT: u32 = 21;

/// `Phi(u) - 1/2` (2^-29) and `phi(u)` (2^-30) at `u = s 2^-50`.
///
/// From the nearest table node u0, with t = u - u0 and s1 = (u^2 - u0^2)/2: phi(u) = phi(u0)
/// (1 - s1 + s1^2/2 ...) taken as phi0 (1 - (s1 - s1^2/2)), and Phi by the trapezoid of the two
/// densities. Largest error over the axis: 5.1e-9 and 6.3e-9.
#[inline(always)]
pub fn normal(table: &NormalTable, s: i64) -> (i32, i32) {
    let negative = s < 0;
    let m = s.unsigned_abs() >> TABLE_CUT;
    let shifted = m + HALF_STEP;
    let index = ((shifted >> STEP_CUT) as usize).min(TABLE_ENTRIES - 1);
    let t = (shifted & ((1 << STEP_CUT) - 1)) as i64 - HALF_STEP as i64;
    let word = table.0[index];
    let (half_phi, density) = (i64::from(word as u32 as i32), (word >> 32) as i64);
    // Above u = 8 the table's density is 0, so whatever the low 32 bits of m are, the result is
    // exact. Only low halves of shifted products are used, as in the vector form.
    let s1 = i64::from(((t * i64::from((m as i32).wrapping_sub((t >> 1) as i32))) >> 25) as i32);
    let e = i64::from((s1 as i32).wrapping_sub(((s1 * s1) >> 32) as i32));
    let phi = density - i64::from(((density * e) >> 31) as i32);
    let h = half_phi + i64::from((((density + phi) * t) >> 30) as i32);
    let h = h as i32;
    (if negative { -h } else { h }, phi as i32)
}

/// What a row adds to the three sums of its group; also the weights it does that with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Delta, 2^-(kd + 29) coin.
    pub delta: i64,
    /// Gamma, 2^-(kg + 30) coin.
    pub gamma: i64,
    /// Vega, 2^-(kv + 30) coin.
    pub vega: i64,
}

impl Sums {
    /// Adds another contribution. Sums are exact, so their order does not matter.
    #[inline(always)]
    pub fn add(&mut self, other: Sums) {
        self.delta += other.delta;
        self.gamma += other.gamma;
        self.vega += other.vega;
    }
}

/// The sums of both groups at one price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupSums {
    /// Rows that are scaled by e^-x.
    pub inverse: Sums,
    /// Rows that stand as they are.
    pub linear: Sums,
}

impl GroupSums {
    /// The sums of one group.
    #[inline(always)]
    pub fn group(&mut self, linear: bool) -> &mut Sums {
        if linear { &mut self.linear } else { &mut self.inverse }
    }
}

/// A row without its quantity: where it is on the price axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// `code::EMPTY`, `CALL`, `PUT`, `CONSTANT` or `RANGE`.
    pub kind: u8,
    /// Whether the row is in the linear group.
    pub linear: bool,
    /// Option: slope of u, 2^-18. Range: lower edge, 2^-29.
    pub a: u32,
    /// Option: intercept of u, 2^-50. Range: upper edge, 2^-29.
    pub b: i64,
}

impl Shape {
    /// Whether the row is an option.
    #[inline]
    pub fn is_option(&self) -> bool {
        matches!(self.kind, code::CALL | code::PUT)
    }

    /// Whether an option is steeper than its format can say.
    pub fn is_saturated(&self) -> bool {
        self.is_option() && self.a == A_MAX
    }

    /// What the row adds to its group at a price, with weights `w` (delta, gamma, vega).
    #[inline]
    pub fn contribution(&self, table: &NormalTable, at: &Ratios, w: [i64; 3]) -> Sums {
        match self.kind {
            code::CALL | code::PUT => {
                let (h, phi) = normal(table, i64::from(self.a) * i64::from(at.x) + self.b);
                Sums { delta: w[0] * i64::from(h), gamma: w[1] * i64::from(phi), vega: w[2] * i64::from(phi) }
            }
            code::RANGE => self.range_contribution(at, w),
            _ => Sums::default(),
        }
    }

    /// A range adds `w (clamp(z, low, high) - low)`, with z falling as e^(-x/2) in the linear group
    /// and rising as e^(x/2) in the inverse one (the token amounts of a v2 or v3
    /// position). Its slope per unit of log price is -+ w z / 2 strictly inside, 0 elsewhere; the
    /// half is in the format of gamma.
    #[inline]
    fn range_contribution(&self, at: &Ratios, w: [i64; 3]) -> Sums {
        let z = self.range_coordinate(at);
        let (low, high) = (i64::from(self.a), self.b);
        let inside = low < z && z < high;
        let slope = if !inside {
            0
        } else if self.linear {
            -z
        } else {
            z
        };
        Sums { delta: w[0] * (z.clamp(low, high) - low), gamma: w[1] * slope, vega: 0 }
    }

    /// The coordinate that a range row clamps, 2^-29.
    #[inline]
    fn range_coordinate(&self, at: &Ratios) -> i64 {
        i64::from(if self.linear { at.half_down } else { at.half_up })
    }

    /// On which side of its two edges a range row is: 0 below, 1 inside, 2 above.
    #[inline]
    pub fn range_region(&self, at: &Ratios) -> u8 {
        let z = self.range_coordinate(at);
        u8::from(z > i64::from(self.a)) + u8::from(z >= self.b)
    }

    /// What the row adds to the constant of its group, 2^-(kd + 29) coin, with delta weight `w`:
    /// w Phi = w/2 + w H, and w (Phi - 1) = -w/2 + w H.
    #[inline]
    pub fn constant(&self, w: i64) -> i64 {
        // A factor and no choice of formulas: whether a row is a call or a put cannot be predicted.
        let halves = match self.kind {
            code::CALL => 1,
            code::PUT => -1,
            code::CONSTANT => 2,
            _ => 0,
        };
        (w << 28) * halves
    }

    /// How often the size of a weight counts towards the gross limit, so that sums stay below 2^63.
    #[inline]
    pub fn gross_factor(&self) -> i64 {
        match self.kind {
            code::CALL | code::PUT => 1,
            code::CONSTANT => 2,
            code::RANGE => 4,
            _ => 0,
        }
    }
}
