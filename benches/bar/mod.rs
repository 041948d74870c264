//! The bar: the portfolio's three Greek sums in float64, AVX2 and FMA, as fast as we can make them.
//!
//! The integer kernel is compared with this and not with a scalar loop over a math library, which is fifty times slower
//! (`sums_reference`: 51 ns a row against 1.0, same machine as below) and would flatter us. The work is the kernel's work
//! on the same rows, sums only:
//!
//! ```text
//! u = a*x + b      S += w_delta * (Phi(u) - 1/2)      G += w_gamma * phi(u)      V += w_vega * phi(u)
//! ```
//!
//! `Phi - 1/2` and not `Phi`, because it is odd: the sign of `u` is one bit to copy. The half is a constant of the portfolio.
//!
//! # Algorithm
//!
//! With `z = s*u` and `s = sqrt(log2(e)/2)` (folded into `a` and `b` when a row is pushed) everything is a power of two:
//!
//! ```text
//! z^2 --round--> n + f, |f| <= 1/2      E = 2^-n * poly7(f) = 2^-(z^2) = e^(-u^2/2)
//! |z| --> M = P3(|z|) / Q4(|z|)         E*M = 1 - Phi(|u|)
//! Phi(u) - 1/2 = sign(u) * (1/2 - E*M)  phi(u) = E / sqrt(2 pi), the constant folded into w_gamma and w_vega
//! ```
//!
//! `z^2` needs no two-part reduction because nothing is multiplied by `log2(e)` here: the argument is a power of two
//! already. The quotient `M` does not wait for the exponential, so that the division hides behind the polynomial, and
//! `1/2 - E*M` is one FMA.
//!
//! # Layout
//!
//! Blocks of [`BLOCK_ROWS`] rows, in each block a column for each operand, aligned to a vector: one stream to prefetch
//! and no load that crosses a cache line. A short last block is padded with rows of weight zero. The vectors of a block
//! are interleaved stage by stage, because a vector alone is a chain of some sixty cycles (estimated from instruction
//! latencies) and the core sees only a few of them ahead. One accumulator a sum is enough: three dependent FMAs hide
//! easily behind the rest, more would spill registers. The constants are a field, so that they come from memory as FMA
//! operands; known to the compiler they become broadcasts, which take instruction slots.
//!
//! # Error
//!
//! `Phi` within 2.8e-10 absolute, `phi` within 5.5e-11 relative for `|u| <= 12`; past `|u| = 37` `phi` stays near 4e-302
//! instead of going to zero. `tests/float64_bar.rs` measures both against `libm`.
//!
//! # Invariants
//!
//! Every block holds [`BLOCK_ROWS`] rows. `rows` holds the same rows unscaled and is read by the reference only.

#![allow(dead_code, reason = "included by path: the bench and the test each use a part of it")]

/// Vectors interleaved. Of two to six, five was fastest where it was measured (Zen 4 EPYC under KVM, rustc 1.95; tenth
/// percentile of 3,000 interleaved runs over 1,000 rows: two 1.23, three 1.09, four 1.10, five 1.01, six 1.05 ns a row).
pub const UNROLL: usize = 5;

/// Rows in a block: [`UNROLL`] vectors of four.
pub const BLOCK_ROWS: usize = 4 * UNROLL;

/// One option as the portfolio compiler leaves it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatRow {
    /// Slope of `u` in log price, `1/(sigma*sqrt(tau))`, per unit; finite.
    pub a: f64,
    /// `u` at the reference price, in standard deviations; finite.
    pub b: f64,
    /// Weight of `Phi(u) - 1/2`, in units of delta.
    pub w_delta: f64,
    /// Weight of `phi(u)` in the gamma sum, in units of `d(delta)/dx`.
    pub w_gamma: f64,
    /// Weight of `phi(u)` in the vega sum, in units of vega.
    pub w_vega: f64,
}

/// `sqrt(log2(e)/2)`: turns `e^(-u^2/2)` into `2^-(z^2)`.
const Z_PER_U: f64 = 0.849_321_800_288_019;

/// `1/sqrt(2*pi)`.
const PHI_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// Polynomial of `2^-f` on `[-1/2, 1/2]`, lowest power first.
///
/// Source: our own minimax fit of the relative error, degree 7; with rounding 5.5e-11, asserted by
/// `tests/float64_bar.rs`.
const EXP2_NEG: [f64; 8] = [
    0.999_999_999_959_561_8,
    -0.693_147_180_556_832_4,
    0.240_226_512_134_980_93,
    -0.055_504_109_063_258_67,
    0.009_618_025_613_318_034,
    -0.001_333_347_847_368_541_5,
    0.000_154_697_292_141_182_97,
    -1.530_370_071_136_569_4e-5,
];

/// Numerator of `(1 - Phi(u)) * e^(u^2/2)` in `z = Z_PER_U*u`, `z >= 0`, lowest power first.
///
/// Source: our own rational minimax fit, 3 over 4, the error weighted by `2^-(z^2)` so that it is Phi's own error:
/// 2.8e-10, asserted by `tests/float64_bar.rs`.
const MILLS_P: [f64; 4] =
    [10.412_498_785_299_112, 7.301_359_137_629_939, 2.496_131_129_286_130_3, 0.337_727_452_174_436_83];

/// Denominator to [`MILLS_P`], of the same fit, lowest power first; the fourth power's coefficient is one.
const MILLS_Q: [f64; 4] = [20.824_997_581_364_395, 34.166_495_952_778_6, 22.654_781_735_070_047, 7.315_963_226_319_303];

/// Largest `z^2`: keeps the result's exponent in range, `2^-1000` standing for everything smaller.
const Z_SQUARED_MAX: f64 = 1000.0;

/// `1.5 * 2^52`: added to a small number, leaves its nearest integer in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// [`BLOCK_ROWS`] rows by column, scaled for the kernel.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
struct Block {
    a: [f64; BLOCK_ROWS],
    b: [f64; BLOCK_ROWS],
    w_delta: [f64; BLOCK_ROWS],
    w_gamma: [f64; BLOCK_ROWS],
    w_vega: [f64; BLOCK_ROWS],
}

impl Block {
    const EMPTY: Self = Self {
        a: [0.0; BLOCK_ROWS],
        b: [0.0; BLOCK_ROWS],
        w_delta: [0.0; BLOCK_ROWS],
        w_gamma: [0.0; BLOCK_ROWS],
        w_vega: [0.0; BLOCK_ROWS],
    };
}

/// A constant in each lane of a vector.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
struct Splat([f64; 4]);

/// The constants of the loop, in memory on purpose (see the head of the file).
struct Constants {
    exp2_neg: [Splat; 8],
    mills_p: [Splat; 4],
    mills_q: [Splat; 4],
    z_squared_max: Splat,
    rounder: Splat,
    half: Splat,
    sign: Splat,
}

impl Constants {
    fn new() -> Self {
        let splat = |value: f64| Splat([value; 4]);
        Self {
            exp2_neg: EXP2_NEG.map(splat),
            mills_p: MILLS_P.map(splat),
            mills_q: MILLS_Q.map(splat),
            z_squared_max: splat(Z_SQUARED_MAX),
            rounder: splat(ROUNDER),
            half: splat(0.5),
            sign: splat(-0.0),
        }
    }
}

/// A portfolio of rows, laid out for the float64 kernel.
pub struct Float64Rows {
    rows: Vec<FloatRow>,
    blocks: Vec<Block>,
    constants: Constants,
}

impl Default for Float64Rows {
    fn default() -> Self {
        Self::new()
    }
}

impl Float64Rows {
    /// Returns an empty portfolio.
    pub fn new() -> Self {
        Self { rows: Vec::new(), blocks: Vec::new(), constants: Constants::new() }
    }

    /// Appends a row; every field finite.
    pub fn push(&mut self, row: FloatRow) {
        let lane = self.rows.len() % BLOCK_ROWS;
        if lane == 0 {
            self.blocks.push(Block::EMPTY);
        }
        let block = self.blocks.last_mut().expect("a block was just made sure of");
        block.a[lane] = row.a * Z_PER_U;
        block.b[lane] = row.b * Z_PER_U;
        block.w_delta[lane] = row.w_delta;
        block.w_gamma[lane] = row.w_gamma * PHI_AT_ZERO;
        block.w_vega[lane] = row.w_vega * PHI_AT_ZERO;
        self.rows.push(row);
    }

    /// Returns the number of rows pushed, padding not counted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether no row was pushed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the delta, gamma and vega sums at log price `x` over the reference price, in the units of the weights, or
    /// `None` on a CPU without AVX2 and FMA.
    pub fn sums(&self, x: f64) -> Option<[f64; 3]> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: both features of the callee were found on this CPU in the line above.
            return Some(unsafe { avx2::sums(&self.blocks, &self.constants, x) });
        }
        None
    }

    /// Returns what [`Float64Rows::sums`] approximates, by `libm`, row by row.
    pub fn sums_reference(&self, x: f64) -> [f64; 3] {
        let mut sums = [0.0; 3];
        for row in &self.rows {
            let u = row.a * x + row.b;
            let density = density_reference(u);
            sums[0] += row.w_delta * probability_reference(u);
            sums[1] += row.w_gamma * density;
            sums[2] += row.w_vega * density;
        }
        sums
    }
}

/// Returns `Phi(u) - 1/2` by `libm`, through the complementary function so that the tail keeps its digits.
pub fn probability_reference(u: f64) -> f64 {
    let tail = 0.5 * libm::erfc(u.abs() * std::f64::consts::FRAC_1_SQRT_2);
    (0.5 - tail).copysign(u)
}

/// Returns `phi(u)` by `libm`.
pub fn density_reference(u: f64) -> f64 {
    PHI_AT_ZERO * libm::exp(-0.5 * u * u)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{BLOCK_ROWS, Block, Constants, Splat, UNROLL};
    use std::arch::x86_64::*;

    /// Sums all blocks. Not inlined, so that a caller with known rows or constants times the same code as any other.
    #[target_feature(enable = "avx2,fma")]
    #[inline(never)]
    pub(super) fn sums(blocks: &[Block], constants: &Constants, x: f64) -> [f64; 3] {
        let x = _mm256_set1_pd(x);
        let mut sums = [_mm256_setzero_pd(); 3];
        for block in blocks {
            add_block(block, constants, x, &mut sums);
        }
        let [delta, gamma, vega] = sums;
        [horizontal_sum(delta), horizontal_sum(gamma), horizontal_sum(vega)]
    }

    /// Adds the rows of `block`, stage by stage over its [`UNROLL`] vectors so that independent chains lie next to each
    /// other.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn add_block(block: &Block, k: &Constants, x: __m256d, sums: &mut [__m256d; 3]) {
        let zero = _mm256_setzero_pd();
        let sign = load(&k.sign);
        let (mut z, mut z_squared, mut mills) = ([zero; UNROLL], [zero; UNROLL], [zero; UNROLL]);
        for i in 0..UNROLL {
            z[i] = _mm256_fmadd_pd(x, column(&block.a, i), column(&block.b, i));
            z_squared[i] = _mm256_min_pd(_mm256_mul_pd(z[i], z[i]), load(&k.z_squared_max));
        }
        for i in 0..UNROLL {
            mills[i] = mills_ratio(_mm256_andnot_pd(sign, z[i]), k);
        }
        let exponential = exp2_neg(z_squared, k);
        for i in 0..UNROLL {
            let e = exponential[i];
            let body = _mm256_fnmadd_pd(e, mills[i], load(&k.half));
            let probability = _mm256_or_pd(body, _mm256_and_pd(sign, z[i]));
            sums[1] = _mm256_fmadd_pd(column(&block.w_gamma, i), e, sums[1]);
            sums[2] = _mm256_fmadd_pd(column(&block.w_vega, i), e, sums[2]);
            sums[0] = _mm256_fmadd_pd(column(&block.w_delta, i), probability, sums[0]);
        }
    }

    /// Returns `(1 - Phi(u)) * e^(u^2/2)` of `z >= 0`, at the price of one division.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn mills_ratio(z: __m256d, k: &Constants) -> __m256d {
        let mut p = load(&k.mills_p[3]);
        let mut q = _mm256_add_pd(z, load(&k.mills_q[3]));
        for power in (0..3).rev() {
            p = _mm256_fmadd_pd(p, z, load(&k.mills_p[power]));
            q = _mm256_fmadd_pd(q, z, load(&k.mills_q[power]));
        }
        _mm256_div_pd(p, q)
    }

    /// Returns `2^-v` of each vector, `0 <= v <= 1000`.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn exp2_neg(v: [__m256d; UNROLL], k: &Constants) -> [__m256d; UNROLL] {
        let zero = _mm256_setzero_pd();
        let (mut rounded, mut fraction) = ([zero; UNROLL], [zero; UNROLL]);
        let mut result = [load(&k.exp2_neg[7]); UNROLL];
        for i in 0..UNROLL {
            rounded[i] = _mm256_add_pd(v[i], load(&k.rounder));
            fraction[i] = _mm256_sub_pd(v[i], _mm256_sub_pd(rounded[i], load(&k.rounder)));
        }
        for power in (0..7).rev() {
            for i in 0..UNROLL {
                result[i] = _mm256_fmadd_pd(result[i], fraction[i], load(&k.exp2_neg[power]));
            }
        }
        for i in 0..UNROLL {
            // The integer is in the low bits of `rounded`: move it over the exponent and take it off.
            let exponent = _mm256_slli_epi64::<52>(_mm256_castpd_si256(rounded[i]));
            let bits = _mm256_sub_epi64(_mm256_castpd_si256(result[i]), exponent);
            result[i] = _mm256_castsi256_pd(bits);
        }
        result
    }

    /// Loads the `i`-th vector of a column, `i < UNROLL`.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn column(values: &[f64; BLOCK_ROWS], i: usize) -> __m256d {
        let lanes: &[f64] = &values[4 * i..4 * i + 4];
        // SAFETY: the slice is four values long, and the load asks for no alignment.
        unsafe { _mm256_loadu_pd(lanes.as_ptr()) }
    }

    /// Loads a constant.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn load(constant: &Splat) -> __m256d {
        // SAFETY: a `Splat` is four values long and aligned to 32 bytes.
        unsafe { _mm256_load_pd(constant.0.as_ptr()) }
    }

    /// Adds the four lanes, low to high.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn horizontal_sum(vector: __m256d) -> f64 {
        let mut lanes = [0.0; 4];
        // SAFETY: `lanes` is four values long, and the store asks for no alignment.
        unsafe { _mm256_storeu_pd(lanes.as_mut_ptr(), vector) };
        lanes.iter().sum()
    }
}
