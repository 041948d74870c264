//! How single fields are read from a block: integers, prices, enumerations, padded text.

use std::fmt;

/// A type of the wire: how many bytes it takes and what they mean.
pub trait Wire {
    /// What a field of this type reads as.
    type Value<'a>;
    /// Bytes that it takes.
    const BYTES: usize;
    /// Reads the value at `offset` of `block`, which the layout's compile-time check puts inside.
    fn read(block: &[u8], offset: usize) -> Self::Value<'_>;
}

#[inline]
fn bytes_at<const N: usize>(block: &[u8], offset: usize) -> &[u8; N] {
    match block.get(offset..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => bytes,
        // Invariant: the layout's fields lie inside its block and a view holds a whole block.
        None => &[0; N],
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Wire for $integer {
            type Value<'a> = Self;
            const BYTES: usize = size_of::<Self>();
            #[inline]
            fn read(block: &[u8], offset: usize) -> Self {
                Self::from_le_bytes(*bytes_at(block, offset))
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i8, i32, i64);

/// A double in which NaN stands for "none".
#[derive(Clone, Copy, Debug)]
pub struct Double;

impl Wire for Double {
    type Value<'a> = Option<f64>;
    const BYTES: usize = 8;
    #[inline]
    fn read(block: &[u8], offset: usize) -> Option<f64> {
        let value = f64::from_bits(u64::read(block, offset));
        (!value.is_nan()).then_some(value)
    }
}

/// A byte that is 1 for yes; 0, null and anything else are no.
#[derive(Clone, Copy, Debug)]
pub struct Flag;

impl Wire for Flag {
    type Value<'a> = bool;
    const BYTES: usize = 1;
    #[inline]
    fn read(block: &[u8], offset: usize) -> bool {
        u8::read(block, offset) == 1
    }
}

/// An identifier in which 0 and `u64::MAX` stand for "none".
#[derive(Clone, Copy, Debug)]
pub struct Identifier;

impl Wire for Identifier {
    type Value<'a> = Option<u64>;
    const BYTES: usize = 8;
    #[inline]
    fn read(block: &[u8], offset: usize) -> Option<u64> {
        match u64::read(block, offset) {
            0 | u64::MAX => None,
            identifier => Some(identifier),
        }
    }
}

/// Text of fixed width, padded with NUL or blanks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaddedText<const N: usize>([u8; N]);

impl<const N: usize> PaddedText<N> {
    /// Returns the text before the first NUL, without trailing blanks.
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        self.0[..end].trim_ascii_end()
    }

    /// Returns the text; `None` if it is not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()).ok()
    }
}

impl<const N: usize> fmt::Debug for PaddedText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}

impl<const N: usize> Wire for PaddedText<N> {
    type Value<'a> = Self;
    const BYTES: usize = N;
    #[inline]
    fn read(block: &[u8], offset: usize) -> Self {
        Self(*bytes_at(block, offset))
    }
}

/// Declares an enumeration of the wire: a byte, 255 for null, and values that later versions add.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
            /// A value that this version does not know; 255 is the venue's null.
            Unknown(u8),
        }

        impl $name {
            /// Returns the meaning of `byte`.
            #[inline]
            pub fn from_wire(byte: u8) -> Self {
                match byte {
                    $($value => Self::$variant,)*
                    other => Self::Unknown(other),
                }
            }

            /// Returns the byte on the wire.
            pub fn to_wire(self) -> u8 {
                match self {
                    $(Self::$variant => $value,)*
                    Self::Unknown(byte) => byte,
                }
            }

            /// Whether the venue left the field out.
            pub fn is_null(self) -> bool {
                self.to_wire() == u8::MAX
            }
        }

        impl Wire for $name {
            type Value<'a> = Self;
            const BYTES: usize = 1;
            #[inline]
            fn read(block: &[u8], offset: usize) -> Self {
                Self::from_wire(u8::read(block, offset))
            }
        }
    };
}

wire_enum! {
    /// Where an instrument is in its life.
    InstrumentState {
        /// Listed, not yet trading.
        Created = 0,
        /// Trading.
        Open = 1,
        /// Trading has stopped.
        Closed = 2,
        /// Settled.
        Settled = 3,
        /// Taken off the list.
        Deactivated = 4,
        /// Not trading for now.
        Inactive = 5,
        /// About to open.
        Started = 6,
    }
}

wire_enum! {
    /// What an instrument is.
    InstrumentKind {
        /// Dated future or perpetual.
        Future = 0,
        /// European option.
        Option = 1,
        /// Combination of futures.
        FutureCombo = 2,
        /// Combination of options.
        OptionCombo = 3,
        /// Spot pair.
        Spot = 4,
    }
}

wire_enum! {
    /// In which currency an instrument pays.
    PayoffType {
        /// Does not apply (spot).
        NotApplicable = 0,
        /// Inverse: margined and paid in the base coin.
        Reversed = 1,
        /// Linear: margined and paid in the quote currency.
        Linear = 2,
    }
}

wire_enum! {
    /// Which right an option gives.
    OptionRight {
        /// Not an option.
        NotApplicable = 0,
        /// Call.
        Call = 1,
        /// Put.
        Put = 2,
    }
}

wire_enum! {
    /// The unit in which an instrument's settlement period is counted.
    SettlementPeriod {
        /// Never settles.
        Perpetual = 0,
        /// Minutes.
        Minute = 1,
        /// Hours.
        Hour = 2,
        /// Days.
        Day = 3,
        /// Weeks.
        Week = 4,
        /// Months.
        Month = 5,
        /// Years.
        Year = 6,
    }
}

wire_enum! {
    /// A side of the book.
    BookSide {
        /// Sellers.
        Ask = 0,
        /// Buyers.
        Bid = 1,
    }
}

wire_enum! {
    /// What happened to a price level.
    LevelAction {
        /// The level is new.
        Created = 0,
        /// Its amount changed.
        Changed = 1,
        /// It is gone.
        Deleted = 2,
    }
}

wire_enum! {
    /// The side that a trade's taker was on, or that a request for quote asks for.
    Direction {
        /// Bought.
        Buy = 0,
        /// Sold.
        Sell = 1,
    }
}

wire_enum! {
    /// A trade's price against the one before, as in the venue's other interfaces.
    TickDirection {
        /// Higher.
        Plus = 0,
        /// Equal, after a rise.
        ZeroPlus = 1,
        /// Lower.
        Minus = 2,
        /// Equal, after a fall.
        ZeroMinus = 3,
    }
}

wire_enum! {
    /// Which side of a trade was a liquidation.
    Liquidation {
        /// Neither.
        None = 0,
        /// The resting order.
        Maker = 1,
        /// The incoming order.
        Taker = 2,
        /// Both.
        Both = 3,
    }
}
