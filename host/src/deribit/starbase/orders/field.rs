//! The types of the wire: how many bytes each takes, how it is read and written, what is its null.
//!
//! Invariants:
//! * reading and writing are inverse to each other for every bit pattern, unknown values included: an
//!   enumeration may grow, and a value that is not known stays what it was;
//! * a field that lies beyond the end of a shorter, older block reads as its null;
//! * a credential is never shown.

use std::fmt;

/// A type of the wire.
pub trait Wire: Copy {
    /// Bytes that it takes.
    const BYTES: usize;
    /// What a field reads as that is not there.
    const NULL: Self;
    /// Reads the value at `offset` of `block`; [`Wire::NULL`] if it is not wholly inside.
    fn read(block: &[u8], offset: usize) -> Self;
    /// Writes the value at `offset` of `block`, which must hold it.
    fn write(self, block: &mut [u8], offset: usize);
}

#[inline]
fn bytes_at<const N: usize>(block: &[u8], offset: usize) -> Option<[u8; N]> {
    block.get(offset..).and_then(<[u8]>::first_chunk).copied()
}

#[inline]
fn write_at<const N: usize>(block: &mut [u8], offset: usize, bytes: [u8; N]) {
    block[offset..offset + N].copy_from_slice(&bytes);
}

macro_rules! numbers {
    ($($number:ty, $null:expr;)*) => {$(
        impl Wire for $number {
            const BYTES: usize = size_of::<Self>();
            const NULL: Self = $null;
            #[inline]
            fn read(block: &[u8], offset: usize) -> Self {
                bytes_at(block, offset).map_or(Self::NULL, Self::from_le_bytes)
            }
            #[inline]
            fn write(self, block: &mut [u8], offset: usize) {
                write_at(block, offset, self.to_le_bytes());
            }
        }
    )*};
}
// SBE's nulls: the lowest value of a signed integer, the highest of an unsigned one, NaN.
numbers! {
    i8, i8::MIN;
    u8, u8::MAX;
    u16, u16::MAX;
    i32, i32::MIN;
    i64, i64::MIN;
    f64, f64::NAN;
}

impl<const N: usize> Wire for [u8; N] {
    const BYTES: usize = N;
    const NULL: Self = [0; N];
    #[inline]
    fn read(block: &[u8], offset: usize) -> Self {
        bytes_at(block, offset).unwrap_or(Self::NULL)
    }
    #[inline]
    fn write(self, block: &mut [u8], offset: usize) {
        write_at(block, offset, self);
    }
}

/// A price, 10^-9 of the quote currency; the null is a market order's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price9(pub i64);

impl Price9 {
    /// Whether there is no price.
    pub fn is_null(self) -> bool {
        self == Self::NULL
    }
}

impl Wire for Price9 {
    const BYTES: usize = 8;
    const NULL: Self = Self(i64::NULL);
    #[inline]
    fn read(block: &[u8], offset: usize) -> Self {
        Self(i64::read(block, offset))
    }
    #[inline]
    fn write(self, block: &mut [u8], offset: usize) {
        self.0.write(block, offset);
    }
}

/// A quantity, `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal72 {
    /// Digits; the null is that of a signed integer.
    pub mantissa: i64,
    /// Power of ten.
    pub exponent: i8,
}

impl Decimal72 {
    /// Whether there is no quantity; the exponent of a null does not matter.
    pub fn is_null(self) -> bool {
        self.mantissa == i64::NULL
    }

    /// How many `unit`s this is; `None` if that is no whole number, or does not fit, or either is null.
    ///
    /// `unit` is positive. Comparing across exponents is exact: powers of ten up to 10^18 are applied
    /// in 128 bits, beyond that only zero is a multiple.
    pub fn in_units(self, unit: Self) -> Option<i64> {
        if self.is_null() || unit.is_null() || unit.mantissa <= 0 {
            return None;
        }
        if self.mantissa == 0 {
            return Some(0);
        }
        let shift = i32::from(self.exponent) - i32::from(unit.exponent);
        let scale = 10i128.checked_pow(shift.unsigned_abs()).filter(|_| shift.unsigned_abs() <= 18)?;
        let (quantity, unit) = (i128::from(self.mantissa), i128::from(unit.mantissa));
        let (quantity, unit) = if shift >= 0 { (quantity * scale, unit) } else { (quantity, unit * scale) };
        if quantity % unit == 0 { i64::try_from(quantity / unit).ok() } else { None }
    }
}

impl Wire for Decimal72 {
    const BYTES: usize = 9;
    /// As the venue's own sample writes it: exponent 0.
    const NULL: Self = Self { mantissa: i64::NULL, exponent: 0 };
    #[inline]
    fn read(block: &[u8], offset: usize) -> Self {
        let Some(bytes) = bytes_at::<9>(block, offset) else { return Self::NULL };
        Self { mantissa: i64::read(&bytes, 0), exponent: i8::read(&bytes, 8) }
    }
    #[inline]
    fn write(self, block: &mut [u8], offset: usize) {
        self.mantissa.write(block, offset);
        self.exponent.write(block, offset + 8);
    }
}

/// Text of fixed width, padded with NUL, that says who we are: never shown, whatever shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credential<const N: usize>([u8; N]);

impl<const N: usize> Credential<N> {
    /// The text, if it is ASCII, not empty, and fits.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.is_ascii() && !text.is_empty() && text.len() <= N;
        let mut bytes = [0; N];
        bytes.get_mut(..text.len()).filter(|_| fits)?.copy_from_slice(text.as_bytes());
        Some(Self(bytes))
    }
}

impl<const N: usize> fmt::Debug for Credential<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(not shown)")
    }
}

impl<const N: usize> Wire for Credential<N> {
    const BYTES: usize = N;
    const NULL: Self = Self([0; N]);
    #[inline]
    fn read(block: &[u8], offset: usize) -> Self {
        Self(<[u8; N]>::read(block, offset))
    }
    #[inline]
    fn write(self, block: &mut [u8], offset: usize) {
        self.0.write(block, offset);
    }
}

/// Declares a set of flags, bits by number. Unknown bits are kept.
macro_rules! wire_flags {
    ($($(#[$meta:meta])* $name:ident: $bits:ty { $($(#[$flag_meta:meta])* $flag:ident = $bit:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub $bits);

        impl $name {
            $($(#[$flag_meta])* pub const $flag: Self = Self(1 << $bit);)*

            /// Whether every flag of `flags` is set.
            pub fn contains(self, flags: Self) -> bool {
                self.0 & flags.0 == flags.0
            }

            /// These flags and those.
            #[must_use]
            pub fn with(self, flags: Self) -> Self {
                Self(self.0 | flags.0)
            }
        }

        impl Wire for $name {
            const BYTES: usize = size_of::<$bits>();
            const NULL: Self = Self(0);
            #[inline]
            fn read(block: &[u8], offset: usize) -> Self {
                bytes_at(block, offset).map_or(Self::NULL, |bytes| Self(<$bits>::from_le_bytes(bytes)))
            }
            #[inline]
            fn write(self, block: &mut [u8], offset: usize) {
                self.0.write(block, offset);
            }
        }
    )*};
}

wire_flags! {
    /// Flags of a message's header.
    HeaderFlags: u8 {
        /// The message has been sent before.
        IS_RESEND = 0,
    }
    /// Flags of an order.
    OrderFlags: u16 {
        /// Cancelled when the session's connection is lost.
        CANCEL_ON_DISCONNECT = 0,
        /// Never a taker: its price is moved back if it would cross.
        POST_ONLY = 1,
        /// With [`OrderFlags::POST_ONLY`]: refused if it would cross.
        POST_ONLY_REJECT = 2,
        /// A market order whose rest becomes a limit order.
        MARKET_LIMIT = 3,
        /// Under market-maker protection.
        MMP = 4,
        /// Ends a freeze of that protection.
        RESET_MMP = 5,
    }
    /// Flags of an amendment; bits as in [`OrderFlags`].
    ReplaceOrderFlags: u16 {
        /// Never a taker.
        POST_ONLY = 1,
        /// With [`ReplaceOrderFlags::POST_ONLY`]: refused if it would cross.
        POST_ONLY_REJECT = 2,
    }
    /// Flags of a mass quote.
    MassQuoteFlags: u8 {
        /// Ends a freeze of the group.
        RESET_MMP = 0,
    }
    /// Flags of a report in several messages.
    MultiPartEventFlags: u8 {
        /// No more messages of this report follow.
        IS_LAST_MESSAGE = 0,
    }
    /// Flags of a resting order's fill.
    FillFlags: u8 {
        /// The order is a quote.
        IS_QUOTE = 0,
        /// Nothing of it is left.
        IS_FULLY_FILLED = 1,
    }
    /// Flags of a cancelled order.
    CancelFlags: u8 {
        /// The order is a quote.
        IS_QUOTE = 0,
    }
}
