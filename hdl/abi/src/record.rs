//! What a record is: 64 little-endian bytes, and the table that names them.
//!
//! ```text
//!   command   0 kind  1 version  2 underlying  3..8 per kind  8 now_ns  16..56 per kind  56 seq
//!   event     0 kind  1 version  2 underlying  3..8 header    8 now_ns  16..48 per kind  48 command_seq  56 seq
//! ```
//!
//! `seq` is the last word on purpose: a card takes a command when the word with its sequence number
//! has arrived, in whatever pieces the rest came.
//!
//! Invariants, asserted when this crate compiles: every field is naturally aligned, stays inside its
//! record, and overlaps no other.

/// Bytes in a command and in an event: one cache line, one posted PCIe write.
pub const RECORD_BYTES: usize = 64;

/// One named field of a record.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Byte offset in the record.
    pub offset: usize,
    /// Width in bytes: 1, 2, 4 or 8.
    pub bytes: usize,
    /// Field name, the same in every implementation.
    pub name: &'static str,
    /// Rust type of the field, little-endian on the wire.
    pub type_name: &'static str,
    /// Unit, range and meaning.
    pub description: &'static str,
}

/// The fields of one kind of record, header included.
#[derive(Debug, Clone, Copy)]
pub struct RecordLayout {
    /// Name of the record.
    pub name: &'static str,
    /// Value of the `kind` byte.
    pub kind: u8,
    /// What the record is for.
    pub description: &'static str,
    /// Header fields shared by all records of its direction.
    pub header: &'static [Field],
    /// Fields of this kind.
    pub fields: &'static [Field],
}

impl RecordLayout {
    /// Bits that no field covers, as eight little-endian words: they must be zero in a command.
    pub const fn reserved_words(&self) -> [u64; RECORD_BYTES / 8] {
        let mut used = [false; RECORD_BYTES];
        used = mark(used, self.header);
        used = mark(used, self.fields);
        let mut words = [0u64; RECORD_BYTES / 8];
        let mut byte = 0;
        while byte < RECORD_BYTES {
            if !used[byte] {
                words[byte / 8] |= 0xff << (8 * (byte % 8));
            }
            byte += 1;
        }
        words
    }
}

/// Marks the bytes of `fields`, refusing (at compile time) overlap, misalignment and overrun.
const fn mark(mut used: [bool; RECORD_BYTES], fields: &[Field]) -> [bool; RECORD_BYTES] {
    let mut i = 0;
    while i < fields.len() {
        let field = fields[i];
        assert!(field.offset.is_multiple_of(field.bytes), "a field is not naturally aligned");
        assert!(field.offset + field.bytes <= RECORD_BYTES, "a field leaves its record");
        let mut byte = field.offset;
        while byte < field.offset + field.bytes {
            assert!(!used[byte], "two fields overlap");
            used[byte] = true;
            byte += 1;
        }
        i += 1;
    }
    used
}

macro_rules! raw_record {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[repr(C, align(64))]
        pub struct $name(pub [u8; RECORD_BYTES]);

        impl $name {
            /// A record of zero bytes.
            pub const ZERO: Self = Self([0; RECORD_BYTES]);
            /// The eight little-endian words of the record.
            #[inline(always)]
            pub fn words(&self) -> [u64; RECORD_BYTES / 8] {
                let mut words = [0; RECORD_BYTES / 8];
                for (word, bytes) in words.iter_mut().zip(self.0.as_chunks::<8>().0) {
                    *word = u64::from_le_bytes(*bytes);
                }
                words
            }
            /// The record of eight words. Records are put together in words, because bytes written one
            /// by one and read back wide stall the store buffer.
            #[inline(always)]
            pub fn from_words(words: [u64; RECORD_BYTES / 8]) -> Self {
                let mut record = Self::ZERO;
                for (bytes, word) in record.0.as_chunks_mut::<8>().0.iter_mut().zip(words) {
                    *bytes = word.to_le_bytes();
                }
                record
            }
            /// The `kind` byte.
            #[inline(always)]
            pub fn kind(&self) -> u8 {
                self.0[0]
            }
            /// The `version` byte.
            #[inline(always)]
            pub fn version(&self) -> u8 {
                self.0[1]
            }
            /// Index of the underlying.
            #[inline(always)]
            pub fn underlying(&self) -> u8 {
                self.0[2]
            }
            /// Time of the command, ns since the Unix epoch.
            #[inline(always)]
            pub fn now_ns(&self) -> u64 {
                <u64 as Wire>::get(&self.0, 8)
            }
            /// Free-running sequence number of this record.
            #[inline(always)]
            pub fn seq(&self) -> u64 {
                <u64 as Wire>::get(&self.0, 56)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ZERO
            }
        }
    };
}

raw_record! {
    /// One command on the wire.
    Command
}
raw_record! {
    /// One event on the wire.
    Event
}

impl Command {
    /// Replaces the sequence number.
    #[inline(always)]
    pub fn with_seq(self, seq: u64) -> Self {
        let mut words = self.words();
        words[7] = seq;
        Self::from_words(words)
    }
}

impl Event {
    /// Sequence number of the command that this event answers.
    #[inline(always)]
    pub fn command_seq(&self) -> u64 {
        <u64 as Wire>::get(&self.0, 48)
    }
}

/// Writes a record field by field, by the table of its kind.
pub(crate) fn describe(
    f: &mut core::fmt::Formatter<'_>,
    bytes: &[u8; RECORD_BYTES],
    layouts: &[RecordLayout],
    direction: &str,
) -> core::fmt::Result {
    let Some(layout) = layouts.iter().find(|layout| layout.kind == bytes[0]) else {
        return write!(f, "{direction} of unknown kind {}", bytes[0]);
    };
    let mut out = f.debug_struct(layout.name);
    for field in layout.header.iter().chain(layout.fields).skip(2) {
        out.field(field.name, &value(bytes, field));
    }
    out.finish()
}

/// A field's value, widened.
fn value(bytes: &[u8; RECORD_BYTES], field: &Field) -> i128 {
    match field.type_name {
        "u8" => u8::get(bytes, field.offset).into(),
        "i8" => i8::get(bytes, field.offset).into(),
        "u16" => u16::get(bytes, field.offset).into(),
        "u32" => u32::get(bytes, field.offset).into(),
        "i32" => i32::get(bytes, field.offset).into(),
        "i64" => i64::get(bytes, field.offset).into(),
        _ => u64::get(bytes, field.offset).into(),
    }
}

/// A field of the header, which every table of its direction shares.
pub(crate) const fn header_field(
    offset: usize,
    bytes: usize,
    name: &'static str,
    type_name: &'static str,
    description: &'static str,
) -> Field {
    Field { offset, bytes, name, type_name, description }
}

/// A little-endian integer at a byte offset.
pub(crate) trait Wire: Copy {
    fn get(bytes: &[u8; RECORD_BYTES], offset: usize) -> Self;
    fn put(self, words: &mut [u64; RECORD_BYTES / 8], offset: usize);
}

macro_rules! wire {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            #[inline(always)]
            fn get(bytes: &[u8; RECORD_BYTES], offset: usize) -> Self {
                let mut raw = [0; size_of::<$type>()];
                raw.copy_from_slice(&bytes[offset..offset + size_of::<$type>()]);
                <$type>::from_le_bytes(raw)
            }
            #[inline(always)]
            fn put(self, words: &mut [u64; RECORD_BYTES / 8], offset: usize) {
                let bits = u64::from_le_bytes(core::array::from_fn(|i| self.to_le_bytes().get(i).copied().unwrap_or(0)));
                words[offset / 8] |= bits << (8 * (offset % 8));
            }
        }
    )*};
}
wire!(u8, i8, u16, u32, i32, u64, i64);

/// Declares one kind of record: the typed body, its table, and its encoding.
macro_rules! record {
    ($direction:ident, $header:expr, $(#[doc = $text:literal])+ $name:ident = $kind:literal {
        $($offset:literal $field:ident: $type:ident $description:literal;)*
    }) => {
        $(#[doc = $text])+
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = $description] pub $field: $type,)*
        }

        impl $name {
            /// Value of the `kind` byte.
            pub const KIND: u8 = $kind;
            /// The table of this record.
            pub const LAYOUT: $crate::RecordLayout = $crate::RecordLayout {
                name: stringify!($name),
                kind: $kind,
                description: concat!($($text),+),
                header: $header,
                fields: &[$($crate::Field {
                    offset: $offset,
                    bytes: size_of::<$type>(),
                    name: stringify!($field),
                    type_name: stringify!($type),
                    description: $description,
                }),*],
            };
            /// Words of bits that no field covers.
            pub const RESERVED: [u64; $crate::RECORD_BYTES / 8] = Self::LAYOUT.reserved_words();

            /// Reads the body out of a record; the caller has checked its kind.
            #[inline(always)]
            #[allow(unused_variables)]
            pub fn decode(record: &$crate::$direction) -> Self {
                Self { $($field: <$type as $crate::record::Wire>::get(&record.0, $offset)),* }
            }

            #[inline(always)]
            #[allow(unused_variables)]
            pub(crate) fn put(&self, words: &mut [u64; $crate::RECORD_BYTES / 8]) {
                $($crate::record::Wire::put(self.$field, words, $offset);)*
            }
        }
    };
}
pub(crate) use record;

pub(crate) const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a over bytes, continued from `hash`.
pub(crate) const fn fnv1a(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// Hashes names, kinds, offsets and types; descriptions may be reworded freely.
pub(crate) const fn hash_layouts(mut hash: u64, layouts: &[RecordLayout]) -> u64 {
    let mut i = 0;
    while i < layouts.len() {
        hash = fnv1a(hash, layouts[i].name.as_bytes());
        hash = fnv1a(hash, &[layouts[i].kind]);
        hash = hash_fields(hash, layouts[i].header);
        hash = hash_fields(hash, layouts[i].fields);
        i += 1;
    }
    hash
}

const fn hash_fields(mut hash: u64, fields: &[Field]) -> u64 {
    let mut i = 0;
    while i < fields.len() {
        hash = fnv1a(hash, fields[i].name.as_bytes());
        hash = fnv1a(hash, fields[i].type_name.as_bytes());
        hash = fnv1a(hash, &[fields[i].offset as u8]);
        i += 1;
    }
    hash
}
