//! What is made of the table: a struct for each message and group entry, read and written at the
//! table's offsets, and a [`Layout`] for tests and reports.
//!
//! ```text
//!   table row ──► field of the struct ──► Block::read, Block::write     one offset for both
//!           └───► FieldLayout: name, venue's name, offset, bytes, since
//!   message = block group* text?        group = u16 entry_bytes, u16 count, entries
//! ```
//!
//! A compile-time check proves that the fields of a layout follow each other without hole or overlap
//! and fill its block.

use std::marker::PhantomData;
use std::ops::Deref;

/// Groups that a message has at most.
pub const GROUPS_MAX: usize = 4;

/// Layout of the fixed block of a message or a group entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Template number; 0 for a group entry.
    pub template: u16,
    /// Name, as in the venue's schema for messages.
    pub name: &'static str,
    /// Length of the block.
    pub block_bytes: usize,
    /// Fields in wire order.
    pub fields: &'static [FieldLayout],
    /// Groups in wire order: the venue's name, and the entry's layout.
    pub groups: &'static [(&'static str, &'static Layout)],
    /// The venue's name of the text after block and groups.
    pub text: Option<&'static str>,
}

/// Place of one field in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldLayout {
    /// The venue's name.
    pub name: &'static str,
    /// Offset from the start of the block.
    pub offset_bytes: usize,
    /// Length.
    pub bytes: usize,
    /// The schema version that added it; 0 if it was always there.
    pub since: u16,
}

impl Layout {
    /// Whether the fields follow each other, fill the block, and were added at its end.
    pub(super) const fn is_sound(&self) -> bool {
        let (mut end, mut since, mut index) = (0, 0, 0);
        while index < self.fields.len() {
            let field = self.fields[index];
            if field.offset_bytes != end || field.since < since {
                return false;
            }
            (end, since) = (end + field.bytes, field.since);
            index += 1;
        }
        end == self.block_bytes && self.groups.len() <= GROUPS_MAX
    }

    /// Length of the block in a version of the schema.
    pub fn block_bytes_in(&self, version: u16) -> usize {
        let newer = self.fields.iter().rev().take_while(|field| field.since > version);
        self.block_bytes - newer.map(|field| field.bytes).sum::<usize>()
    }

    /// Whether a message is its block and nothing else, so that a longer one can be read.
    pub fn is_fixed(&self) -> bool {
        self.groups.is_empty() && self.text.is_none()
    }
}

/// The fixed block of a message or a group entry.
pub trait Block: Copy {
    /// Where its fields are.
    const LAYOUT: Layout;
    /// Reads it; fields beyond the end of `block` are null.
    fn read(block: &[u8]) -> Self;
    /// Writes it into `block`, which has its length.
    fn write(&self, block: &mut [u8]);
}

/// A group whose extent has been checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawGroup<'a> {
    pub entries: &'a [u8],
    pub entry_bytes: usize,
    pub count: usize,
}

/// The entries of a group, in wire order.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a, E> {
    raw: RawGroup<'a>,
    entry: PhantomData<E>,
}

impl<'a, E> Group<'a, E> {
    pub(super) fn new(raw: RawGroup<'a>) -> Self {
        Self { raw, entry: PhantomData }
    }
}

impl<E: Block> Iterator for Group<'_, E> {
    type Item = E;

    #[inline]
    fn next(&mut self) -> Option<E> {
        self.raw.count = self.raw.count.checked_sub(1)?;
        let (entry, rest) = self.raw.entries.split_at_checked(self.raw.entry_bytes)?;
        self.raw.entries = rest;
        Some(E::read(entry))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.raw.count, Some(self.raw.count))
    }
}

impl<E: Block> ExactSizeIterator for Group<'_, E> {}

/// A received message: its fields, and views on its groups and text.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, M> {
    pub(super) fields: M,
    pub(super) groups: [RawGroup<'a>; GROUPS_MAX],
    pub(super) text: &'a [u8],
}

impl<M> Deref for View<'_, M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        &self.fields
    }
}

/// Declares the struct, the layout and the accesses of one block.
macro_rules! block {
    (
        $(#[$meta:meta])* $name:ident, $template:expr, $block:literal,
        [$($field:ident $wire_name:literal $wire:ty, $offset:literal $($since:literal)?;)*],
        [$($group_name:literal $entry:ident)*], $text:expr
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            $(#[doc = concat!("`", $wire_name, "`, at byte ", $offset, $(", since version ", $since,)? ".")]
            pub $field: $wire,)*
        }

        impl Block for $name {
            const LAYOUT: Layout = Layout {
                template: $template,
                name: stringify!($name),
                block_bytes: $block,
                fields: &[$(FieldLayout {
                    name: $wire_name,
                    offset_bytes: $offset,
                    bytes: <$wire as Wire>::BYTES,
                    since: 0 $(+ $since)?,
                },)*],
                groups: &[$(($group_name, &<$entry as Block>::LAYOUT),)*],
                text: $text,
            };

            #[inline]
            fn read(_block: &[u8]) -> Self {
                Self { $($field: <$wire as Wire>::read(_block, $offset),)* }
            }

            #[inline]
            fn write(&self, _block: &mut [u8]) {
                $(self.$field.write(_block, $offset);)*
            }
        }
        const _: () = assert!(<$name as Block>::LAYOUT.is_sound());
    };
}
pub(super) use block;

/// Declares group entries.
macro_rules! entries {
    ($($(#[$meta:meta])* $name:ident, $block:literal bytes {
        $($field:ident $wire_name:literal: $wire:ty = $offset:literal $(, since $since:literal)?;)*
    })*) => {$(
        $crate::deribit::starbase::orders::layout::block! {
            $(#[$meta])* $name, 0, $block, [$($field $wire_name $wire, $offset $($since)?;)*], [], None
        }
    )*};
}
pub(super) use entries;

/// Declares messages, the enumeration of them all, and accesses to their groups and texts.
macro_rules! messages {
    ($($(#[$meta:meta])* $name:ident = $template:literal, $block:literal bytes {
        $($field:ident $wire_name:literal: $wire:ty = $offset:literal $(, since $since:literal)?;)*
    }
    $(+ group $index:literal $group:ident $group_name:literal: $entry:ident)*
    $(+ text $text:ident $text_name:literal)?
    )*) => {
        $(
            $crate::deribit::starbase::orders::layout::block! {
                $(#[$meta])* $name, $template, $block,
                [$($field $wire_name $wire, $offset $($since)?;)*],
                [$($group_name $entry)*], messages!(@text $($text_name)?)
            }

            impl<'a> View<'a, $name> {
                $(
                    #[doc = concat!("Group `", $group_name, "`.")]
                    #[inline]
                    pub fn $group(&self) -> Group<'a, $entry> {
                        Group::new(self.groups[$index])
                    }
                )*
                $(
                    #[doc = concat!("Text `", $text_name, "`, as it came: any bytes.")]
                    #[inline]
                    pub fn $text(&self) -> &'a [u8] {
                        self.text
                    }
                )?
            }
        )*

        /// A received message.
        #[derive(Clone, Copy, Debug)]
        pub enum Message<'a> {
            $(
                #[doc = concat!("Template ", $template, ".")]
                $name(View<'a, $name>),
            )*
            /// A template that this version does not know, skipped by its length.
            Unknown {
                /// Its template.
                template: u16,
            },
        }

        impl<'a> Message<'a> {
            /// Reads the body of a message of a template and version.
            ///
            /// # Errors
            /// [`DecodeError`](super::codec::DecodeError) if the body contradicts its own lengths, or is of a
            /// version whose groups and texts cannot be found.
            #[inline]
            pub fn decode(template: u16, version: u16, body: &'a [u8]) -> Result<Self, super::codec::DecodeError> {
                Ok(match template {
                    $($template => Self::$name(super::codec::view(version, body)?),)*
                    _ => Self::Unknown { template },
                })
            }

            /// Returns the template number.
            pub fn template(&self) -> u16 {
                match self {
                    $(Self::$name(_) => $template,)*
                    Self::Unknown { template } => *template,
                }
            }
        }

        /// The layouts of all messages, by template.
        pub const LAYOUTS: &[Layout] = &[$(<$name as Block>::LAYOUT,)*];
    };
    (@text) => { None };
    (@text $text_name:literal) => { Some($text_name) };
}
pub(super) use messages;
