//! Bytes of Starbase: bodies written field by field, and read after one check of their length. Little-endian.
//!
//! A quantity on the wire is a `Decimal72`: a mantissa of 8 bytes and an exponent of one, unaligned.

use super::layout::{Field, Layout};

/// The null of prices, times, ids and mantissas.
pub const NULL: i64 = i64::MIN;
/// Longest text of an `AsciiString`, bytes.
const TEXT_BYTES_MAX: usize = u8::MAX as usize;

/// A mantissa and its power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Digits; [`NULL`] for none.
    pub mantissa: i64,
    /// Power of ten.
    pub exponent: i8,
}

impl Decimal {
    /// The mantissa at another power of ten; `None` if it is null, not whole there, or does not fit.
    pub fn at(self, exponent: i8) -> Option<i64> {
        if self.mantissa == NULL {
            return None;
        }
        if self.mantissa == 0 {
            return Some(0);
        }
        let shift = i32::from(self.exponent) - i32::from(exponent);
        // An i64 has 19 digits: a wider shift leaves nothing whole.
        if shift.unsigned_abs() > 18 {
            return None;
        }
        let scale = 10i64.pow(shift.unsigned_abs());
        if shift >= 0 {
            self.mantissa.checked_mul(scale)
        } else {
            (self.mantissa % scale == 0).then_some(self.mantissa / scale)
        }
    }
}

/// A message without its header: template and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Number of the template; 0 of a group's entry.
    pub template: u16,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Body {
    pub fn new(layout: &Layout) -> Self {
        Self { template: layout.template, bytes: vec![0; layout.block] }
    }

    fn put<const N: usize>(mut self, field: Field, bytes: [u8; N]) -> Self {
        assert_eq!(field.bytes, N, "a field is written by its type");
        self.bytes[field.offset..][..N].copy_from_slice(&bytes);
        self
    }

    pub fn i64(self, field: Field, value: i64) -> Self {
        self.put(field, value.to_le_bytes())
    }

    pub fn i32(self, field: Field, value: i32) -> Self {
        self.put(field, value.to_le_bytes())
    }

    pub fn u32(self, field: Field, value: u32) -> Self {
        self.put(field, value.to_le_bytes())
    }

    pub fn u16(self, field: Field, value: u16) -> Self {
        self.put(field, value.to_le_bytes())
    }

    pub fn i8(self, field: Field, value: i8) -> Self {
        self.put(field, value.to_le_bytes())
    }

    pub fn u8(self, field: Field, value: u8) -> Self {
        self.put(field, [value])
    }

    pub fn f64(self, field: Field, value: f64) -> Self {
        self.put(field, value.to_le_bytes())
    }

    pub fn decimal(mut self, field: Field, value: Decimal) -> Self {
        assert_eq!(field.bytes, 9, "a field is written by its type");
        self.bytes[field.offset..][..8].copy_from_slice(&value.mantissa.to_le_bytes());
        self.bytes[field.offset + 8] = value.exponent.cast_unsigned();
        self
    }

    /// Characters, cut to the field's width and filled up with zeros.
    pub fn chars(mut self, field: Field, text: &str) -> Self {
        let len = text.len().min(field.bytes);
        self.bytes[field.offset..][..len].copy_from_slice(&text.as_bytes()[..len]);
        self
    }

    /// A group: its dimensions, then its entries.
    pub fn group(mut self, layout: &Layout, entries: &[Self]) -> Self {
        let count = u16::try_from(entries.len()).expect("a group has at most 65535 entries");
        let block = u16::try_from(layout.block).expect("a block is shorter than a message");
        self.bytes.extend(block.to_le_bytes());
        self.bytes.extend(count.to_le_bytes());
        for entry in entries {
            assert_eq!(entry.bytes.len(), layout.block, "an entry is as long as its group says");
            self.bytes.extend(&entry.bytes);
        }
        self
    }

    /// A text with its length.
    pub fn text(mut self, text: &str) -> Self {
        let len = text.len().min(TEXT_BYTES_MAX);
        self.bytes.push(len as u8);
        self.bytes.extend(&text.as_bytes()[..len]);
        self
    }
}

/// A block that is as long as its layout.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a>(&'a [u8]);

impl<'a> Block<'a> {
    /// The block at the front of `bytes`; `None` if they are too short.
    pub fn new(bytes: &'a [u8], layout: &Layout) -> Option<Self> {
        bytes.get(..layout.block).map(Self)
    }

    fn get<const N: usize>(self, field: Field) -> [u8; N] {
        assert_eq!(field.bytes, N, "a field is read by its type");
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.0[field.offset..][..N]);
        bytes
    }

    pub fn i64(self, field: Field) -> i64 {
        i64::from_le_bytes(self.get(field))
    }

    pub fn u16(self, field: Field) -> u16 {
        u16::from_le_bytes(self.get(field))
    }

    pub fn i8(self, field: Field) -> i8 {
        i8::from_le_bytes(self.get(field))
    }

    pub fn u8(self, field: Field) -> u8 {
        self.get::<1>(field)[0]
    }

    pub fn decimal(self, field: Field) -> Decimal {
        let bytes: [u8; 9] = self.get(field);
        let (mantissa, exponent) = bytes.split_at(8);
        let mut word = [0; 8];
        word.copy_from_slice(mantissa);
        Decimal { mantissa: i64::from_le_bytes(word), exponent: exponent[0].cast_signed() }
    }

    /// Characters up to the first zero.
    pub fn chars(self, field: Field) -> &'a [u8] {
        let bytes = &self.0[field.offset..][..field.bytes];
        bytes.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

/// The number at an offset of a header whose length was checked.
pub fn word(bytes: &[u8], offset: usize) -> i64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[offset..][..8]);
    i64::from_le_bytes(word)
}

/// The half word at an offset of a header whose length was checked.
pub fn half(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([bytes[offset], bytes[offset + 1]])
}
