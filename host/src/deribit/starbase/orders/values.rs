//! The enumerations of the wire, by the names of the venue's schema.
//!
//! Each is a signed byte. Values that a later version adds are `Unknown`, and no error.

use super::field::Wire;

/// Declares an enumeration of the wire.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $wire_name:literal = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $wire_name, "`.")] $variant,)*
            /// A value that this version does not know; -128 is the venue's null.
            Unknown(i8),
        }

        impl $name {
            /// The known values, by the names of the venue's schema.
            pub const VALUES: &[(&'static str, i8)] = &[$(($wire_name, $value),)*];

            /// Returns the meaning of `byte`.
            #[inline]
            pub fn from_wire(byte: i8) -> Self {
                match byte {
                    $($value => Self::$variant,)*
                    other => Self::Unknown(other),
                }
            }

            /// Returns the byte on the wire.
            #[inline]
            pub fn to_wire(self) -> i8 {
                match self {
                    $(Self::$variant => $value,)*
                    Self::Unknown(byte) => byte,
                }
            }
        }

        impl Wire for $name {
            const BYTES: usize = 1;
            const NULL: Self = Self::Unknown(i8::NULL);
            #[inline]
            fn read(block: &[u8], offset: usize) -> Self {
                Self::from_wire(i8::read(block, offset))
            }
            #[inline]
            fn write(self, block: &mut [u8], offset: usize) {
                self.to_wire().write(block, offset);
            }
        }
    };
}

wire_enum! {
    /// Yes or no.
    Bool {
        False "FALSE" = 0,
        True "TRUE" = 1,
    }
}

wire_enum! {
    /// Why a message was not understood.
    RejectReason {
        InvalidSchemaId "INVALID_SCHEMA_ID" = 1,
        InvalidTemplateId "INVALID_TEMPLATE_ID" = 2,
        InvalidBlockLength "INVALID_BLOCK_LENGTH" = 3,
        InvalidFieldValue "INVALID_FIELD_VALUE" = 4,
        MessageDisabled "MESSAGE_DISABLED" = 5,
        GatewayNotActive "GATEWAY_NOT_ACTIVE" = 6,
    }
}

wire_enum! {
    /// Buy or sell; both in filters.
    Side {
        Buy "BUY" = 1,
        Both "BOTH" = 0,
        Sell "SELL" = -1,
    }
}

wire_enum! {
    /// Which instruments a mass cancel is for.
    ProductType {
        All "ALL" = 0,
        Options "OPTIONS" = 1,
        Futures "FUTURES" = 2,
        ComboFutures "COMBO_FUTURES" = 3,
        ComboOptions "COMBO_OPTIONS" = 4,
        Spot "SPOT" = 5,
    }
}

wire_enum! {
    /// Which order goes when both are ours.
    SelfTradingMode {
        CancelTaker "CANCEL_TAKER" = 0,
        CancelMaker "CANCEL_MAKER" = 1,
    }
}

wire_enum! {
    /// Where an order is.
    OrderStatus {
        Active "ACTIVE" = 1,
        Filled "FILLED" = 2,
        Canceled "CANCELED" = 3,
        Queued "QUEUED" = 4,
    }
}

wire_enum! {
    /// Where one side of a quote is.
    QuoteStatus {
        Inactive "INACTIVE" = 0,
        Unmodified "UNMODIFIED" = 1,
        QtyReduced "QTY_REDUCED" = 2,
        Updated "UPDATED" = 3,
        Filled "FILLED" = 4,
        CanceledByRequest "CANCELED_BY_REQUEST" = 5,
        CanceledByMmp "CANCELED_BY_MMP" = 6,
        CanceledBySelfMatch "CANCELED_BY_SELF_MATCH" = 7,
        SpeedBumped "SPEED_BUMPED" = 8,
    }
}

wire_enum! {
    /// Why an order ended.
    CancelReason {
        NotKnown "UNKNOWN" = 0,
        SelfMatchPrevention "SELF_MATCH_PREVENTION" = 1,
        TimeInForce "TIME_IN_FORCE" = 2,
        Admin "ADMIN" = 3,
        MmProtection "MM_PROTECTION" = 4,
        Liquidation "LIQUIDATION" = 5,
        MarketStateTransition "MARKET_STATE_TRANSITION" = 6,
        ClientDisconnect "CLIENT_DISCONNECT" = 7,
        ReduceOnly "REDUCE_ONLY" = 8,
        Delivered "DELIVERED" = 9,
        Settlement "SETTLEMENT" = 10,
        BookDeactivated "BOOK_DEACTIVATED" = 11,
        ByRequest "BY_REQUEST" = 12,
        RiskCheckTimedOut "RISK_CHECK_TIMED_OUT" = 13,
        MmpGroupDeleted "MMP_GROUP_DELETED" = 14,
        PortfolioLocked "PORTFOLIO_LOCKED" = 15,
        PostOnly "POST_ONLY" = 16,
        QtyTickSizeRescale "QTY_TICK_SIZE_RESCALE" = 17,
    }
}

wire_enum! {
    /// Why an order or an amendment was not taken.
    OrderRejectReason {
        SystemError "SYSTEM_ERROR" = 0,
        InvalidInstrument "INVALID_INSTRUMENT" = 1,
        InvalidField "INVALID_FIELD" = 2,
        InsufficientMargin "INSUFFICIENT_MARGIN" = 3,
        DuplicateClientOrderId "DUPLICATE_CLIENT_ORDER_ID" = 4,
        InvalidQuantity "INVALID_QUANTITY" = 5,
        InvalidPrice "INVALID_PRICE" = 6,
        NotAllowedByMarketState "NOT_ALLOWED_BY_MARKET_STATE" = 7,
        PostOnly "POST_ONLY" = 8,
        TooManyOpenOrders "TOO_MANY_OPEN_ORDERS" = 9,
        PermissionError "PERMISSION_ERROR" = 10,
        PortfolioNotFound "PORTFOLIO_NOT_FOUND" = 11,
        OrderNotFound "ORDER_NOT_FOUND" = 12,
        MmpNotConfigured "MMP_NOT_CONFIGURED" = 13,
        MmpMaxQuoteQtyExceeded "MMP_MAX_QUOTE_QTY_EXCEEDED" = 14,
        MmpGroupFrozen "MMP_GROUP_FROZEN" = 15,
        InvalidMarginMode "INVALID_MARGIN_MODE" = 16,
        InLiquidation "IN_LIQUIDATION" = 17,
        RiskCheckTimedOut "RISK_CHECK_TIMED_OUT" = 18,
        TooManyPendingReplaces "TOO_MANY_PENDING_REPLACES" = 19,
        IcebergNotAllowed "ICEBERG_NOT_ALLOWED" = 20,
        InvalidAllocations "INVALID_ALLOCATIONS" = 21,
        PriceTooHigh "PRICE_TOO_HIGH" = 22,
        PriceTooLow "PRICE_TOO_LOW" = 23,
        PriceBandUnavailable "PRICE_BAND_UNAVAILABLE" = 24,
        RateLimit "RATE_LIMIT" = 25,
        PortfolioLocked "PORTFOLIO_LOCKED" = 26,
        PositionLimitExceeded "POSITION_LIMIT_EXCEEDED" = 27,
        OrderSizeLimitExceeded "ORDER_SIZE_LIMIT_EXCEEDED" = 28,
        MemberSpeedBumpLimitExceeded "MEMBER_SPEED_BUMP_LIMIT_EXCEEDED" = 29,
        MmpMinFreezeTimeNotElapsed "MMP_MIN_FREEZE_TIME_NOT_ELAPSED" = 30,
    }
}

wire_enum! {
    /// Why quotes were not taken.
    MassQuoteRejectReason {
        SystemError "SYSTEM_ERROR" = 0,
        InvalidMmpGroup "INVALID_MMP_GROUP" = 1,
        MmpGroupDisabled "MMP_GROUP_DISABLED" = 2,
        MmpGroupFrozen "MMP_GROUP_FROZEN" = 3,
        TooManyQuotes "TOO_MANY_QUOTES" = 4,
        InvalidInstrument "INVALID_INSTRUMENT" = 5,
        RateLimit "RATE_LIMIT" = 6,
        PortfolioLocked "PORTFOLIO_LOCKED" = 7,
        DuplicateInstrument "DUPLICATE_INSTRUMENT" = 8,
        MmpMinFreezeTimeNotElapsed "MMP_MIN_FREEZE_TIME_NOT_ELAPSED" = 9,
    }
}

wire_enum! {
    /// Why an order was not cancelled.
    CancelOrderRejectReason {
        Error "ERROR" = 0,
        UnknownOrder "UNKNOWN_ORDER" = 1,
        ClientPermissionError "CLIENT_PERMISSION_ERROR" = 2,
        NotAllowedByMarketState "NOT_ALLOWED_BY_MARKET_STATE" = 3,
        CancelPending "CANCEL_PENDING" = 4,
        InLiquidation "IN_LIQUIDATION" = 5,
        InvalidInstrument "INVALID_INSTRUMENT" = 6,
        TimeInForce "TIME_IN_FORCE" = 7,
        SpeedBumpConvertedToIoc "SPEED_BUMP_CONVERTED_TO_IOC" = 8,
    }
}

wire_enum! {
    /// Why nothing was cancelled by a filter.
    MassCancelRejectReason {
        Error "ERROR" = 0,
        InvalidMmpGroup "INVALID_MMP_GROUP" = 1,
        ClientPermissionError "CLIENT_PERMISSION_ERROR" = 2,
        NotAllowedByMarketState "NOT_ALLOWED_BY_MARKET_STATE" = 3,
    }
}

wire_enum! {
    /// Which limit set the protection off.
    MmpTriggerType {
        Quantity "QUANTITY" = 0,
        Delta "DELTA" = 1,
        Vega "VEGA" = 2,
    }
}

wire_enum! {
    /// Why there is no status of a protection.
    MmpStatusRejectReason {
        SystemError "SYSTEM_ERROR" = 0,
        InvalidMmpGroup "INVALID_MMP_GROUP" = 1,
    }
}

/// Every enumeration with its known values, for tests and reports.
pub const ENUMERATIONS: &[(&str, &[(&str, i8)])] = &[
    ("Bool", Bool::VALUES),
    ("RejectReason", RejectReason::VALUES),
    ("Side", Side::VALUES),
    ("ProductType", ProductType::VALUES),
    ("SelfTradingMode", SelfTradingMode::VALUES),
    ("OrderStatus", OrderStatus::VALUES),
    ("QuoteStatus", QuoteStatus::VALUES),
    ("CancelReason", CancelReason::VALUES),
    ("OrderRejectReason", OrderRejectReason::VALUES),
    ("MassQuoteRejectReason", MassQuoteRejectReason::VALUES),
    ("CancelOrderRejectReason", CancelOrderRejectReason::VALUES),
    ("MassCancelRejectReason", MassCancelRejectReason::VALUES),
    ("MmpTriggerType", MmpTriggerType::VALUES),
    ("MmpStatusRejectReason", MmpStatusRejectReason::VALUES),
];
