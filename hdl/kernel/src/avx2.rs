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

/// Whether this CPU can run this form.
pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx2")
}

/// `row::normal` on four `s` at once.
#[target_feature(enable = "avx2")]
#[inline]
fn normal4(table: &NormalTable, s: __m256i) -> (__m256i, __m256i) {
    let half = _mm256_set1_epi64x(HALF_STEP as i64);
    let negative = _mm256_cmpgt_epi64(_mm256_setzero_si256(), s);
    let m = _mm256_srli_epi64::<{ TABLE_CUT as i32 }>(_mm256_sub_epi64(_mm256_xor_si256(s, negative), negative));
    let shifted = _mm256_add_epi64(m, half);
    let last = _mm256_set1_epi64x(TABLE_ENTRIES as i64 - 1);
    let index = _mm256_min_epu32(_mm256_srli_epi64::<{ STEP_CUT as i32 }>(shifted), last);
    // SAFETY: every index is below TABLE_ENTRIES (the shifted values fit 32 bits, so the unsigned
    // minimum of low dwords bounds them), and the table has that many 8-byte entries.
    let word = unsafe { _mm256_i64gather_epi64::<8>(table.0.as_ptr().cast(), index) };
    let t = _mm256_sub_epi32(_mm256_and_si256(shifted, _mm256_set1_epi64x((1 << STEP_CUT) - 1)), half);
    let density = _mm256_srli_epi64::<32>(word);
    let mean = _mm256_sub_epi32(m, _mm256_srai_epi32::<1>(t));
    let s1 = _mm256_srli_epi64::<25>(_mm256_mul_epi32(t, mean));
    let e = _mm256_sub_epi32(s1, _mm256_srli_epi64::<32>(_mm256_mul_epi32(s1, s1)));
    let phi = _mm256_sub_epi32(density, _mm256_srli_epi64::<31>(_mm256_mul_epi32(density, e)));
    let trapezoid = _mm256_srli_epi64::<30>(_mm256_mul_epi32(_mm256_add_epi32(density, phi), t));
    let h = _mm256_add_epi32(word, trapezoid);
    (_mm256_sub_epi32(_mm256_xor_si256(h, negative), negative), phi)
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

/// Weighted products of the four rows at `slot`.
///
/// # Safety
/// `slot + 4` rows must exist.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn rows4(rows: &Rows, table: &NormalTable, x: __m256i, slot: usize) -> Accumulators {
    // SAFETY: the caller vouches for slot + 4 <= rows; the three arrays have the same length.
    let (a_delta, b, gamma_vega) = unsafe {
        (
            _mm256_loadu_si256(rows.a_delta.as_ptr().add(slot).cast()),
            _mm256_loadu_si256(rows.b.as_ptr().add(slot).cast()),
            _mm256_loadu_si256(rows.gamma_vega.as_ptr().add(slot).cast()),
        )
    };
    // a is below 2^31, so the signed product of low dwords is a x.
    let (h, phi) = normal4(table, _mm256_add_epi64(_mm256_mul_epi32(a_delta, x), b));
    Accumulators {
        delta: _mm256_mul_epi32(_mm256_srli_epi64::<32>(a_delta), h),
        gamma: _mm256_mul_epi32(gamma_vega, phi),
        vega: _mm256_mul_epi32(_mm256_srli_epi64::<32>(gamma_vega), phi),
    }
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
        let pair = unsafe { [rows4(rows, table, x, slot), rows4(rows, table, x, slot + 4)] };
        into.add(pair[0]);
        into.add(pair[1]);
        slot += 8;
    }
}

/// Sums of one block of 64 rows in which the groups are mixed.
#[target_feature(enable = "avx2")]
#[inline]
fn mixed_block(rows: &Rows, table: &NormalTable, x: __m256i, first: usize, into: &mut [Accumulators; 2]) {
    let mut linear = rows.linear[first / BLOCK];
    for slot in (first..first + BLOCK).step_by(4) {
        // SAFETY: `sums` has checked that the block's 64 rows exist.
        let products = unsafe { rows4(rows, table, x, slot) };
        into[0].add(products.masked(lane_mask(!linear)));
        into[1].add(products.masked(lane_mask(linear)));
        linear >>= 4;
    }
}

/// Sums of the option rows in `first..last`, whole blocks, at `x`.
#[target_feature(enable = "avx2")]
#[inline(never)]
pub fn sums(rows: &Rows, table: &NormalTable, x: i32, first: usize, last: usize) -> GroupSums {
    assert!(first.is_multiple_of(BLOCK) && last.is_multiple_of(BLOCK) && last <= rows.len());
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

/// `row::normal` at four `x` for one row: what a trade adds to four neighbouring nodes.
#[target_feature(enable = "avx2")]
#[inline]
pub fn normal_at_four(table: &NormalTable, a: u32, b: i64, x: [i32; 4]) -> [(i32, i32); 4] {
    let x = _mm256_setr_epi64x(i64::from(x[0]), i64::from(x[1]), i64::from(x[2]), i64::from(x[3]));
    let s = _mm256_add_epi64(_mm256_mul_epi32(_mm256_set1_epi64x(i64::from(a)), x), _mm256_set1_epi64x(b));
    let (h, phi) = normal4(table, s);
    let mut out = [[0i64; 4]; 2];
    // SAFETY: each of the two arrays holds the 32 bytes that are stored into it.
    unsafe {
        _mm256_storeu_si256(out[0].as_mut_ptr().cast(), h);
        _mm256_storeu_si256(out[1].as_mut_ptr().cast(), phi);
    }
    core::array::from_fn(|i| (out[0][i] as i32, out[1][i] as i32))
}
