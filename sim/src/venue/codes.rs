//! Numbers of the wire that stand for words: enumerations and bits of the two schemas, as far as the venue uses them.

macro_rules! codes {
    ($($(#[$doc:meta])* $module:ident: $kind:ty { $($name:ident = $value:literal),* $(,)? })*) => {
        $($(#[$doc])* pub mod $module { $(pub const $name: $kind = $value;)* })*
    };
}

codes! {
    /// Session-level rejections.
    reject: i8 { INVALID_SCHEMA_ID = 1, INVALID_TEMPLATE_ID = 2, INVALID_BLOCK_LENGTH = 3, INVALID_FIELD_VALUE = 4 }
    /// Where an order is.
    order_status: i8 { ACTIVE = 1, FILLED = 2, CANCELED = 3, QUEUED = 4 }
    /// Where a quote is.
    quote_status: i8 {
        INACTIVE = 0, UNMODIFIED = 1, QTY_REDUCED = 2, UPDATED = 3, FILLED = 4, CANCELED_BY_REQUEST = 5,
        CANCELED_BY_SELF_MATCH = 7, SPEED_BUMPED = 8,
    }
    /// Why an order was cancelled.
    cancel_reason: i8 {
        UNKNOWN = 0, SELF_MATCH_PREVENTION = 1, TIME_IN_FORCE = 2, MM_PROTECTION = 4, MARKET_STATE_TRANSITION = 6,
        CLIENT_DISCONNECT = 7, BY_REQUEST = 12,
    }
    /// Why an order was refused. `SPEED_BUMPED` is of a later version, known from the venue's prose.
    order_reject: i8 {
        SYSTEM_ERROR = 0, INVALID_INSTRUMENT = 1, INVALID_FIELD = 2, DUPLICATE_CLIENT_ORDER_ID = 4,
        INVALID_QUANTITY = 5, INVALID_PRICE = 6, NOT_ALLOWED_BY_MARKET_STATE = 7, POST_ONLY = 8,
        TOO_MANY_OPEN_ORDERS = 9, ORDER_NOT_FOUND = 12, MMP_NOT_CONFIGURED = 13, MMP_GROUP_FROZEN = 15,
        ICEBERG_NOT_ALLOWED = 20, PRICE_TOO_HIGH = 22, PRICE_TOO_LOW = 23, PRICE_BAND_UNAVAILABLE = 24,
        RATE_LIMIT = 25, SPEED_BUMPED = 34,
    }
    /// Why quotes were refused.
    quote_reject: i8 {
        INVALID_MMP_GROUP = 1, MMP_GROUP_FROZEN = 3, TOO_MANY_QUOTES = 4, INVALID_INSTRUMENT = 5, RATE_LIMIT = 6,
        DUPLICATE_INSTRUMENT = 8,
    }
    /// Why a cancel was refused.
    cancel_reject: i8 { UNKNOWN_ORDER = 1, INVALID_INSTRUMENT = 6, SPEED_BUMP_CONVERTED_TO_IOC = 8 }
    /// Why a mass cancel was refused.
    mass_cancel_reject: i8 { ERROR = 0, INVALID_MMP_GROUP = 1 }
    /// Which instruments a mass cancel means.
    product: i8 { ALL = 0, OPTIONS = 1, FUTURES = 2, SPOT = 5 }
    /// Bits of an order.
    order_flag: u16 {
        CANCEL_ON_DISCONNECT = 1, POST_ONLY = 2, POST_ONLY_REJECT = 4, MARKET_LIMIT = 8, MMP = 16, RESET_MMP = 32,
    }
    /// Bits of a fill.
    fill_flag: u8 { IS_QUOTE = 1, IS_FULLY_FILLED = 2 }
    /// Why a retransmission was refused.
    retransmit_reject: i8 { SEQ_TOO_LOW = 1, SEQ_TOO_HIGH = 2, RATE_LIMIT_EXCEEDED = 3, OTHER_ERROR = 4 }
    /// State of an instrument.
    instrument_status: i8 { OPEN = 0, HALTED = 5 }
}
