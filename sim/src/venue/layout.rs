//! Where every field of Starbase is, as the venue writes and reads it: market data (schema 2102, version 1 of
//! 7 Aug 2026) and order entry (schema 2101, version 15). The one table of the venue's codec; the client has its
//! own, so that the two cannot share a mistake.
//!
//! Invariants, tested against the official XML: fields lie end to end from the start of their block, and the last
//! one ends where the block does. Facts: the venue's published schemas; headers from its prose.

/// A field's place in its block, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub offset: usize,
    pub bytes: usize,
}

/// A block: the root of a message, or an entry of a group (template 0).
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), allow(dead_code, reason = "names and fields are for the tests of the table"))]
pub struct Layout {
    pub name: &'static str,
    pub template: u16,
    pub block: usize,
    pub fields: &'static [(&'static str, Field)],
}

macro_rules! layouts {
    ($all:ident $(($module:ident: $name:ident, $template:literal, $block:literal {
        $($constant:ident $field:tt: $offset:literal, $bytes:literal;)*
    }))*) => {
        $(
            #[allow(dead_code, reason = "a table has every field, written or not")]
            pub mod $module {
                use $crate::venue::layout as table;
                $(pub const $constant: table::Field = table::Field { offset: $offset, bytes: $bytes };)*
                pub const LAYOUT: table::Layout = table::Layout {
                    name: stringify!($name),
                    template: $template,
                    block: $block,
                    fields: &[$((stringify!($field), $constant)),*],
                };
            }
        )*
        #[cfg(test)]
        pub const $all: &[$crate::venue::layout::Layout] = &[$($module::LAYOUT),*];
    };
}

mod market;
mod orders;

pub use market::*;
pub use orders::*;

#[cfg(test)]
mod tests;
