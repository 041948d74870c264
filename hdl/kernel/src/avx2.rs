//! The row kernel on four rows at once, by AVX2: the same bits as `row`, chosen at run time.
//!
//! Sums are exact integers, so the order in which vectors add them does not matter. Every product
//! is `vpmuldq` of low dwords, and of every shifted product only the low dword is used, so logical
//! shifts serve (AVX2 has no arithmetic 64-bit shift).

use core::arch::x86_64::*;

use hedgewire_abi::format::{SLOT_BLOCK, TABLE_ENTRIES};

use crate::bank::Rows;
use crate::row::{GroupSums, STEP_CUT, Sums, TABLE_CUT};
use crate::tables::{HALF_STEP, NormalTable};

const BLOCK: usize = SLOT_BLOCK as usize;
/// Vectors of four rows worked on side by side.
const SIDE_BY_SIDE: usize = 2;

/// Whether this CPU can run this form.
pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx2")
}

/// Four table words by indices that went through memory: fewer steps than the gather instruction
/// takes on Zen 3 and Zen 4.
///
/// # Safety
/// Every index must be below `TABLE_ENTRIES`.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn words(table: &NormalTable, index: &[u64; 4]) -> __m256i {
    let entry = |at: u64| table.0.as_ptr().wrapping_add(at as usize).cast::<f64>();
    // SAFETY: the caller has bounded the indices.
    unsafe {
        let low = _mm_loadh_pd(_mm_load_sd(entry(index[0])), entry(index[1]));
        let high = _mm_loadh_pd(_mm_load_sd(entry(index[2])), entry(index[3]));
        _mm256_castpd_si256(_mm256_insertf128_pd::<1>(_mm256_castpd128_pd256(low), high))
    }
}

/// `row::normal` on `N` vectors of four `s` each, step by step side by side: the chain of one vector
/// is longer than the CPU's scheduler, so vectors one after the other would wait for each other.
#[target_feature(enable = "avx2")]
#[inline]
fn normal4<const N: usize>(table: &NormalTable, s: [__m256i; N]) -> [(__m256i, __m256i); N] {
    let half = _mm256_set1_epi64x(HALF_STEP as i64);
    let last = _mm256_set1_epi64x(TABLE_ENTRIES as i64 - 1);
    let below_step = _mm256_set1_epi64x((1 << STEP_CUT) - 1);
    let zero = _mm256_setzero_si256();
    let negative = s.map(|s| _mm256_cmpgt_epi64(zero, s));
    let mut m = [zero; N];
    for k in 0..N {
        let size = _mm256_sub_epi64(_mm256_xor_si256(s[k], negative[k]), negative[k]);
        m[k] = _mm256_srli_epi64::<{ TABLE_CUT as i32 }>(size);
    }
    let shifted = m.map(|m| _mm256_add_epi64(m, half));
    let mut index = [[0u64; 4]; N];
    for k in 0..N {
        let bounded = _mm256_min_epu32(_mm256_srli_epi64::<{ STEP_CUT as i32 }>(shifted[k]), last);
        // SAFETY: the array holds the 32 bytes that are stored into it.
        unsafe { _mm256_storeu_si256(index[k].as_mut_ptr().cast(), bounded) };
    }
    let mut word = [zero; N];
    for k in 0..N {
        // SAFETY: every index is below TABLE_ENTRIES (the shifted values fit 32 bits, so the unsigned
        // minimum of low dwords bounds them).
        word[k] = unsafe { words(table, &index[k]) };
    }
    let t = shifted.map(|shifted| _mm256_sub_epi32(_mm256_and_si256(shifted, below_step), half));
    let mut s1 = [zero; N];
    for k in 0..N {
        let mean = _mm256_sub_epi32(m[k], _mm256_srai_epi32::<1>(t[k]));
        s1[k] = _mm256_srli_epi64::<25>(_mm256_mul_epi32(t[k], mean));
    }
    let e = s1.map(|s1| _mm256_sub_epi32(s1, _mm256_srli_epi64::<32>(_mm256_mul_epi32(s1, s1))));
    let density = word.map(|word| _mm256_srli_epi64::<32>(word));
    let mut phi = [zero; N];
    for k in 0..N {
        phi[k] = _mm256_sub_epi32(density[k], _mm256_srli_epi64::<31>(_mm256_mul_epi32(density[k], e[k])));
    }
    let mut h = [zero; N];
    for k in 0..N {
        let trapezoid = _mm256_srli_epi64::<30>(_mm256_mul_epi32(_mm256_add_epi32(density[k], phi[k]), t[k]));
        let size = _mm256_add_epi32(word[k], trapezoid);
        h[k] = _mm256_sub_epi32(_mm256_xor_si256(size, negative[k]), negative[k]);
    }
    core::array::from_fn(|k| (h[k], phi[k]))
}

/// Three vector accumulators.
#[derive(Clone, Copy)]
struct Accumulators {
    delta: __m256i,
    gamma: __m256i,
    vega: __m256i,
}

impl Accumulators {
    #[target_feature(enable = "avx2")]
    #[inline]
    fn zero() -> Self {
        let zero = _mm256_setzero_si256();
        Self { delta: zero, gamma: zero, vega: zero }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn add(&mut self, other: Self) {
        self.delta = _mm256_add_epi64(self.delta, other.delta);
        self.gamma = _mm256_add_epi64(self.gamma, other.gamma);
        self.vega = _mm256_add_epi64(self.vega, other.vega);
    }

    /// The products whose lane of `mask` is all ones.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn masked(self, mask: __m256i) -> Self {
        Self {
            delta: _mm256_and_si256(self.delta, mask),
            gamma: _mm256_and_si256(self.gamma, mask),
            vega: _mm256_and_si256(self.vega, mask),
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn total(self) -> Sums {
        Sums { delta: lanes(self.delta), gamma: lanes(self.gamma), vega: lanes(self.vega) }
    }
}

/// Sum of the four lanes.
#[target_feature(enable = "avx2")]
#[inline]
fn lanes(v: __m256i) -> i64 {
    let half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    _mm_cvtsi128_si64(half) + _mm_extract_epi64::<1>(half)
}

/// Weighted products of `N` times four rows from `slot` on.
///
/// # Safety
/// `slot + 4 N` rows must exist.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn rows4<const N: usize>(rows: &Rows, table: &NormalTable, x: __m256i, slot: usize) -> [Accumulators; N] {
    // SAFETY: the caller vouches for slot + 4 N <= rows, and each array has a row of padding behind
    // them for the loads that start in the middle of a word.
    let load = |words: *const u64, half: usize, k: usize| unsafe {
        _mm256_loadu_si256(words.add(slot + 4 * k).cast::<u32>().add(half).cast())
    };
    let (a_delta, gamma_vega) = (rows.a_delta.as_ptr(), rows.gamma_vega.as_ptr());
    let mut s = [_mm256_setzero_si256(); N];
    for (k, s) in s.iter_mut().enumerate() {
        // a is below 2^31, so the signed product of low dwords is a x.
        let a_times_x = _mm256_mul_epi32(load(a_delta, 0, k), x);
        *s = _mm256_add_epi64(a_times_x, load(rows.b.as_ptr().cast(), 0, k));
    }
    let normal = normal4(table, s);
    let mut products = [Accumulators::zero(); N];
    for k in 0..N {
        let (h, phi) = normal[k];
        // High halves come by a load four bytes on: shifts are what this loop has too many of.
        products[k] = Accumulators {
            delta: _mm256_mul_epi32(load(a_delta, 1, k), h),
            gamma: _mm256_mul_epi32(load(gamma_vega, 0, k), phi),
            vega: _mm256_mul_epi32(load(gamma_vega, 1, k), phi),
        };
    }
    products
}

/// The four lanes' masks for the low four of `bits`.
#[target_feature(enable = "avx2")]
#[inline]
fn lane_mask(bits: u64) -> __m256i {
    let select = _mm256_setr_epi64x(1, 2, 4, 8);
    _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x((bits & 15) as i64), select), select)
}

/// Sums of one block of 64 rows that are all in one group.
#[target_feature(enable = "avx2")]
#[inline]
fn uniform_block(rows: &Rows, table: &NormalTable, x: __m256i, first: usize, into: &mut Accumulators) {
    let mut slot = first;
    while slot < first + BLOCK {
        // SAFETY: `sums` has checked that the block's 64 rows exist.
        for products in unsafe { rows4::<SIDE_BY_SIDE>(rows, table, x, slot) } {
            into.add(products);
        }
        slot += 4 * SIDE_BY_SIDE;
    }
}

/// Sums of one block of 64 rows in which the groups are mixed.
#[target_feature(enable = "avx2")]
#[inline]
fn mixed_block(rows: &Rows, table: &NormalTable, x: __m256i, first: usize, into: &mut [Accumulators; 2]) {
    let mut linear = rows.linear[first / BLOCK];
    for slot in (first..first + BLOCK).step_by(4) {
        // SAFETY: `sums` has checked that the block's 64 rows exist.
        let [products] = unsafe { rows4::<1>(rows, table, x, slot) };
        into[0].add(products.masked(lane_mask(!linear)));
        into[1].add(products.masked(lane_mask(linear)));
        linear >>= 4;
    }
}

/// Sums of the option rows in `first..last`, whole blocks, at `x`.
#[target_feature(enable = "avx2")]
#[inline(never)]
pub fn sums(rows: &Rows, table: &NormalTable, x: i32, first: usize, last: usize) -> GroupSums {
    assert!(first.is_multiple_of(BLOCK) && last.is_multiple_of(BLOCK) && last <= rows.slots());
    let x = _mm256_set1_epi64x(i64::from(x));
    let mut groups = [Accumulators::zero(); 2];
    for block in (first..last).step_by(BLOCK) {
        match rows.linear[block / BLOCK] {
            0 => uniform_block(rows, table, x, block, &mut groups[0]),
            u64::MAX => uniform_block(rows, table, x, block, &mut groups[1]),
            _ => mixed_block(rows, table, x, block, &mut groups),
        }
    }
    GroupSums { inverse: groups[0].total(), linear: groups[1].total() }
}

/// `row::normal` at four `x` for one row: what a trade adds to four neighbouring nodes. Only the low
/// halves of what is returned count.
#[target_feature(enable = "avx2")]
#[inline]
pub fn normal_at_four(table: &NormalTable, a: u32, b: i64, x: [i32; 4]) -> [[i64; 4]; 2] {
    let x = _mm256_setr_epi64x(i64::from(x[0]), i64::from(x[1]), i64::from(x[2]), i64::from(x[3]));
    let s = _mm256_add_epi64(_mm256_mul_epi32(_mm256_set1_epi64x(i64::from(a)), x), _mm256_set1_epi64x(b));
    let [(h, phi)] = normal4(table, [s]);
    let mut out = [[0i64; 4]; 2];
    // SAFETY: each of the two arrays holds the 32 bytes that are stored into it.
    unsafe {
        _mm256_storeu_si256(out[0].as_mut_ptr().cast(), h);
        _mm256_storeu_si256(out[1].as_mut_ptr().cast(), phi);
    }
    out
}
