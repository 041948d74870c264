//! How single fields of schema 2102 are read: optional numbers, enumerations, bit sets.
//!
//! Integers, doubles in which NaN is "none", and padded text are those of the legacy feed. Facts: the
//! official XML of the schema; nulls are those of SBE (`i64::MIN`, -128, NaN).

use crate::deribit::legacy::Wire;

/// An `int64` in which `i64::MIN` stands for "none": prices in 1e-9, times, identifiers.
#[derive(Clone, Copy, Debug)]
pub struct Nullable;

impl Wire for Nullable {
    type Value<'a> = Option<i64>;
    const BYTES: usize = 8;
    #[inline]
    fn read(block: &[u8], offset: usize) -> Option<i64> {
        match i64::read(block, offset) {
            i64::MIN => None,
            value => Some(value),
        }
    }
}

/// Bytes of which nothing is known but their number.
#[derive(Clone, Copy, Debug)]
pub struct Opaque<const N: usize>;

impl<const N: usize> Wire for Opaque<N> {
    type Value<'a> = &'a [u8];
    const BYTES: usize = N;
    #[inline]
    fn read(block: &[u8], offset: usize) -> &[u8] {
        block.get(offset..offset + N).unwrap_or(&[])
    }
}

/// Declares an enumeration of the wire: one signed byte, and values that later versions add.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
            /// A value that this version does not know; -128 is the venue's null.
            Unknown(i8),
        }

        impl $name {
            /// Returns the meaning of `byte`.
            #[inline]
            pub fn from_wire(byte: i8) -> Self {
                match byte {
                    $($value => Self::$variant,)*
                    other => Self::Unknown(other),
                }
            }
        }

        impl Wire for $name {
            type Value<'a> = Self;
            const BYTES: usize = 1;
            #[inline]
            fn read(block: &[u8], offset: usize) -> Self {
                Self::from_wire(i8::read(block, offset))
            }
        }
    };
}

wire_enum! {
    /// What an instrument is.
    InstrumentType {
        /// Perpetual future.
        Perpetual = 0,
        /// European option.
        Option = 1,
        /// Spot pair.
        Spot = 2,
        /// Combination of futures.
        FutureCombo = 3,
        /// Combination of options.
        OptionCombo = 4,
        /// Future with an expiry.
        DatedFuture = 5,
    }
}

wire_enum! {
    /// Whether an instrument trades, and if not, why.
    InstrumentStatus {
        /// Trading.
        Open = 0,
        /// Not trading.
        Inactive = 1,
        /// Settlement is under way.
        Settlement = 2,
        /// Expired and delivered.
        Delivered = 3,
        /// Locked by the venue.
        Locked = 4,
        /// Halted by the venue.
        Halted = 5,
    }
}

wire_enum! {
    /// Why a request for retransmission was refused.
    RetransmitRejectReason {
        /// The venue no longer has the first message.
        SequenceTooLow = 1,
        /// The venue does not have the first message yet.
        SequenceTooHigh = 2,
        /// Too many requests.
        RateLimit = 3,
        /// Anything else.
        Other = 4,
    }
}

/// Declares a bit set of the wire.
macro_rules! wire_set {
    ($(#[$meta:meta])* $name:ident: $integer:ty { $($(#[$bit_meta:meta])* $bit:ident = $place:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(
            /// The bits as on the wire.
            pub $integer,
        );

        impl $name {
            $(
                $(#[$bit_meta])*
                #[inline]
                pub fn $bit(self) -> bool {
                    self.0 & (1 << $place) != 0
                }
            )*
        }

        impl Wire for $name {
            type Value<'a> = Self;
            const BYTES: usize = size_of::<$integer>();
            #[inline]
            fn read(block: &[u8], offset: usize) -> Self {
                Self(<$integer>::read(block, offset))
            }
        }
    };
}

wire_set! {
    /// Which channel a packet belongs to.
    PacketType: u16 {
        /// Incremental channel, or messages of it sent again.
        is_incremental = 0,
        /// Snapshot channel.
        is_snapshot = 1,
        /// Sent on request, by unicast.
        is_retransmit = 2,
    }
}

wire_set! {
    /// Where a message stands in its transaction.
    MessageFlags: u16 {
        /// First message of a transaction.
        is_start = 0,
        /// Last message of a transaction.
        is_end = 1,
    }
}

wire_set! {
    /// What an instrument's type leaves open.
    InstrumentFlags: u8 {
        /// Inverse: margined and paid in the base coin.
        is_reversed = 0,
        /// Put; a call otherwise. Options only.
        is_put = 1,
        /// Without an expiry.
        is_perpetual = 2,
    }
}

wire_set! {
    /// One side of a trade.
    TradeFlags: u32 {
        /// Sold; bought otherwise.
        is_sell = 0,
        /// A liquidation.
        is_liquidation = 1,
    }
}
