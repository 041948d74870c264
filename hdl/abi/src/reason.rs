//! Reason codes: why a command was refused, or why a decision was not to trade.
//!
//! One number each, never reused. The gates stand in the order in which they are tested: the first
//! that fails is the reason.

macro_rules! reasons {
    ($($code:literal $name:ident $wire:literal $text:literal;)*) => {
        /// Why nothing was done.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason {
            $(#[doc = $text] $name = $code,)*
            /// Nothing was refused.
            #[default]
            None = 0,
        }

        impl Reason {
            /// All reasons but `None`, by code.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// The reason with this code.
            pub const fn from_code(code: u8) -> Option<Reason> {
                match code {
                    0 => Some(Reason::None),
                    $($code => Some(Reason::$name),)*
                    _ => None,
                }
            }
            /// Name as it appears in reports and tables.
            pub const fn name(self) -> &'static str {
                match self {
                    Reason::None => "NONE",
                    $(Reason::$name => $wire,)*
                }
            }
            /// What it means, in one sentence.
            pub const fn description(self) -> &'static str {
                match self {
                    Reason::None => "Nothing was refused.",
                    $(Reason::$name => $text,)*
                }
            }
        }
    };
}

reasons! {
    1 InBand "IN_BAND" "The exposure is inside its band.";
    2 Covered "COVERED" "The exposure is outside its band, but open orders already carry it back.";
    3 FlipCancelFirst "FLIP_CANCEL_FIRST" "Orders of the other side are open; cancel them before hedging this way.";
    4 Dust "DUST" "The order would be below the smallest clip.";

    16 NoRows "NO_ROWS" "No bank has been swapped in yet.";
    17 NoQuote "NO_QUOTE" "No quote has arrived yet.";
    18 RefTooFar "REF_TOO_FAR" "The price is too far from the one at which the rows were compiled; recompile.";
    19 ExposureRange "EXPOSURE_RANGE" "The exposure does not fit its format; reconcile position and cash.";

    32 Killed "KILLED" "The kill is set.";
    33 Disarmed "DISARMED" "The underlying is not armed.";
    34 Halted "HALTED" "The mode is halt.";
    35 ReduceOnly "REDUCE_ONLY" "The order would not make the position smaller.";
    36 NotReconciled "NOT_RECONCILED" "The position has not been reconciled since the reset or since a fault.";
    37 WeightRange "WEIGHT_RANGE" "A quantity is too large for the bank's scale; recompile.";
    38 CoinRange "COIN_RANGE" "Cash or target do not fit the bank's scale.";
    39 QuoteStale "QUOTE_STALE" "The quote is too old, or from the future: clocks disagree.";
    40 RowsStale "ROWS_STALE" "The rows are past their time; recompile.";
    41 BookUntrusted "BOOK_UNTRUSTED" "The book behind the quote has a gap.";
    42 OneSided "ONE_SIDED" "A side of the book is empty.";
    43 Wide "WIDE" "The spread is too wide.";
    44 Thin "THIN" "The size at the touch is too small.";
    45 OracleRejected "ORACLE_REJECTED" "The oracle is rejected.";
    46 CollarReference "COLLAR_REFERENCE" "The limit price is too far from the price of the hedge instrument.";
    47 CollarLast "COLLAR_LAST" "The limit price is too far from the last trade.";
    48 OrderQuantity "ORDER_QUANTITY" "The order is larger than an order may be.";
    49 OrderNotional "ORDER_NOTIONAL" "The order's notional is larger than an order's may be.";
    50 PositionNet "POSITION_NET" "The worst-case position would pass its limit.";
    51 PositionGross "POSITION_GROSS" "Position and open orders together would pass their limit.";
    52 OpenOrders "OPEN_ORDERS" "Too many orders are open.";
    53 MessageRate "MESSAGE_RATE" "The message budget is used up.";
    54 Duplicate "DUPLICATE" "The same order went out a moment ago and the ledger has not moved since.";
    55 HedgeRate "HEDGE_RATE" "Too many hedges in this minute.";
    56 Attempts "ATTEMPTS" "Too many orders in a row without a fill.";
    57 LossLimit "LOSS_LIMIT" "The session's hedge cost has reached its limit.";
    58 CoolDown "COOL_DOWN" "The last hedge is too recent, and this one is not urgent.";
    59 Margin "MARGIN" "Margin does not allow the order.";
    60 SelfMatch "SELF_MATCH" "The order would trade with our own resting order.";
    61 Restricted "RESTRICTED" "The hedge instrument is restricted.";

    128 BadVersion "BAD_VERSION" "The record has another version.";
    129 BadKind "BAD_KIND" "There is no command of this kind.";
    130 ReservedBits "RESERVED_BITS" "A reserved bit is set.";
    131 BadSequence "BAD_SEQUENCE" "The command is not the successor of the one before.";
    132 BadUnderlying "BAD_UNDERLYING" "There is no such underlying, or it has not been configured.";
    133 TimeBackwards "TIME_BACKWARDS" "The command is older than the one before.";
    134 ValueRange "VALUE_RANGE" "A field is outside its range.";
    135 BadSlot "BAD_SLOT" "The slot is not in the underlying's range, or ranges meet.";
    136 BankClosed "BANK_CLOSED" "The shadow bank is not open.";
    137 BankIncomplete "BANK_INCOMPLETE" "Not every slot of the shadow bank was written.";
    138 LadderRange "LADDER_RANGE" "The ladder would leave the price range that the rows cover.";
    139 NotBuilt "NOT_BUILT" "There is no built ladder to swap in.";
    140 Crossed "CROSSED" "Bid and ask are crossed or locked.";
    141 FeedSequence "FEED_SEQUENCE" "The quote is not newer than the last one.";
    142 UnknownOrder "UNKNOWN_ORDER" "The ledger does not hold this order.";
    143 StaleUpdate "STALE_UPDATE" "The update takes back a fill that is already booked.";
    144 Overfill "OVERFILL" "More was filled than was ordered.";
    145 LateFill "LATE_FILL" "A fill of an order that was reported done.";
    146 LedgerRange "LEDGER_RANGE" "An amount of an order update does not fit the ledger and was not booked; reconcile.";
}

/// Hashes codes and names.
pub(crate) const fn hash_reasons(mut hash: u64) -> u64 {
    let mut i = 0;
    while i < Reason::ALL.len() {
        hash = crate::record::fnv1a(hash, &[Reason::ALL[i] as u8]);
        hash = crate::record::fnv1a(hash, Reason::ALL[i].name().as_bytes());
        i += 1;
    }
    hash
}
