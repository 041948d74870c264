//! What a wire carries: `U<N>` and `S<N>`, integers of `N` bits (1 to 128), unsigned and signed.
//!
//! RustHDL's own `Bits` and `Signed` are slow above 32 bits, and what they compute differs from the
//! Verilog that is emitted for them in a dozen ways. These two do not: a value is always held in its
//! width, and every operator means what the emitted operator means.
//!
//! Rules, each enforced by a signature where it can be:
//! * operators take two operands of one type; there is no arithmetic with a literal;
//! * a slice (`get_bits`) is unsigned, as it is in Verilog;
//! * width and sign change only through the functions below, whose names `#[hdl_gen]` translates to
//!   `$signed( )` and `$unsigned( )`, which keep what is inside at its own width;
//! * slice only a signal: never a parenthesis, a call or another slice (a syntax error in Verilog);
//! * [`unsigned_cast_pos`] and [`bits_lit`] stand alone on a right-hand side, or (`bits_lit`) on one
//!   side of `==` and `!=`;
//! * `>>` shifts in zeros and is offered by `U` alone; a signed shift is a slice, or a `Shifter`.

use std::ops::{Add, BitAnd, BitOr, BitXor, Neg, Not, Shl, Shr, Sub};

use rust_hdl::prelude::*;

/// An unsigned number of `N` bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Hash)]
pub struct U<const N: usize>(u128);

/// A signed number of `N` bits, two's complement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Hash)]
pub struct S<const N: usize>(i128);

const fn mask(bits: usize) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

impl<const N: usize> U<N> {
    /// The low `N` bits of a value.
    #[inline]
    pub const fn new(value: u128) -> Self {
        const { assert!(N >= 1 && N <= 128) };
        Self(value & mask(N))
    }
    /// The value.
    #[inline]
    pub const fn raw(self) -> u128 {
        self.0
    }
    /// The value's low 64 bits.
    #[inline]
    pub const fn word(self) -> u64 {
        self.0 as u64
    }
    /// `M` bits from `offset` on.
    #[inline]
    pub fn get_bits<const M: usize>(self, offset: usize) -> U<M> {
        debug_assert!(offset + M <= N, "a slice past the top is x in Verilog");
        U::new(self.0 >> offset)
    }
    /// One bit.
    #[inline]
    pub fn get_bit(self, index: usize) -> bool {
        index < N && self.0 >> index & 1 == 1
    }
    /// This number with one bit replaced.
    #[inline]
    pub fn replace_bit(self, index: usize, bit: bool) -> Self {
        let rest = self.0 & !(1 << index);
        Self::new(rest | (u128::from(bit) << index))
    }
    /// Whether any bit is set.
    #[inline]
    pub fn any(self) -> bool {
        self.0 != 0
    }
    /// Whether all bits are set.
    #[inline]
    pub fn all(self) -> bool {
        self.0 == mask(N)
    }
    /// As an index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl<const N: usize> S<N> {
    /// The low `N` bits of a value, the highest of them its sign.
    #[inline]
    pub const fn new(value: i128) -> Self {
        const { assert!(N >= 1 && N <= 128) };
        Self((value << (128 - N)) >> (128 - N))
    }
    /// The value.
    #[inline]
    pub const fn raw(self) -> i128 {
        self.0
    }
    /// `M` bits from `offset` on, unsigned.
    #[inline]
    pub fn get_bits<const M: usize>(self, offset: usize) -> U<M> {
        debug_assert!(offset + M <= N, "a slice past the top is x in Verilog");
        U::new((self.0 >> offset) as u128)
    }
    /// One bit.
    #[inline]
    pub fn get_bit(self, index: usize) -> bool {
        index < N && self.0 >> index & 1 == 1
    }
}

/// `$signed(x)`: the same bits, read as signed.
#[inline]
pub fn signed_cast_same<const N: usize>(x: U<N>) -> S<N> {
    S::new(x.0 as i128)
}
/// `$signed(x)`: sign-extended.
#[inline]
pub fn signed_cast_wide<const M: usize, const N: usize>(x: S<N>) -> S<M> {
    const { assert!(M >= N) };
    S(x.0)
}
/// `$unsigned(x)`: the same bits, read as unsigned.
#[inline]
pub fn unsigned_cast_same<const N: usize>(x: S<N>) -> U<N> {
    U::new(x.0 as u128)
}
/// `$unsigned(x)`: zero-extended.
#[inline]
pub fn unsigned_cast_wide<const M: usize, const N: usize>(x: U<N>) -> U<M> {
    const { assert!(M >= N) };
    U(x.0)
}
/// `$unsigned(x)`: zero-extended into a wider signed number. Alone on a right-hand side.
#[inline]
pub fn unsigned_cast_pos<const M: usize, const N: usize>(x: U<N>) -> S<M> {
    const { assert!(M > N) };
    S(x.0 as i128)
}
/// A literal. Alone on a right-hand side, or on one side of `==` or `!=`.
#[inline]
pub fn bits_lit<const N: usize>(value: u64) -> U<N> {
    U::new(u128::from(value))
}

macro_rules! unsigned_operator {
    ($($trait:ident $method:ident $body:expr;)*) => {$(
        impl<const N: usize> $trait for U<N> {
            type Output = Self;
            #[inline]
            fn $method(self, other: Self) -> Self {
                let apply: fn(u128, u128) -> u128 = $body;
                Self::new(apply(self.0, other.0))
            }
        }
    )*};
}
unsigned_operator! {
    Add add |a, b| a.wrapping_add(b);
    Sub sub |a, b| a.wrapping_sub(b);
    BitAnd bitand |a, b| a & b;
    BitOr bitor |a, b| a | b;
    BitXor bitxor |a, b| a ^ b;
}

impl<const N: usize> Not for U<N> {
    type Output = Self;
    #[inline]
    fn not(self) -> Self {
        Self::new(!self.0)
    }
}
impl<const N: usize, const M: usize> Shl<U<M>> for U<N> {
    type Output = Self;
    #[inline]
    fn shl(self, by: U<M>) -> Self {
        if by.0 >= N as u128 { Self(0) } else { Self::new(self.0 << by.0) }
    }
}
impl<const N: usize, const M: usize> Shr<U<M>> for U<N> {
    type Output = Self;
    #[inline]
    fn shr(self, by: U<M>) -> Self {
        if by.0 >= N as u128 { Self(0) } else { Self(self.0 >> by.0) }
    }
}
impl<const N: usize> Add for S<N> {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self::new(self.0.wrapping_add(other.0))
    }
}
impl<const N: usize> Sub for S<N> {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self::new(self.0.wrapping_sub(other.0))
    }
}
impl<const N: usize> Neg for S<N> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self::new(self.0.wrapping_neg())
    }
}

/// Bits of a value for RustHDL's literals and traces.
fn to_bits<const N: usize>(value: u128) -> Bits<N> {
    let mut bits = Bits::<N>::default();
    for i in 0..N {
        bits = bits.replace_bit(i, value >> i & 1 == 1);
    }
    bits
}

macro_rules! synth {
    ($type:ident, $kind:ident) => {
        impl<const N: usize> From<$type<N>> for Bits<N> {
            fn from(x: $type<N>) -> Self {
                to_bits(x.0 as u128)
            }
        }
        impl<const N: usize> Synth for $type<N> {
            const BITS: usize = N;
            fn descriptor() -> TypeDescriptor {
                TypeDescriptor { name: format!("{}_{N}", stringify!($type)), kind: TypeKind::$kind(N) }
            }
            fn vcd(self) -> VCDValue {
                Bits::<N>::from(self).into()
            }
            fn verilog(self) -> VerilogLiteral {
                Bits::<N>::from(self).into()
            }
        }
    };
}
synth!(U, Bits);
synth!(S, Signed);
