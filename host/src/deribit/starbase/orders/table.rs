//! The table itself: every message of schema 2101, version 15 (28 August 2026).
//!
//! A row is a field: its name here, its name in the venue's schema, its type, its offset, and the
//! schema version that added it. `layout.rs` says what is made of it, a test holds it against the
//! venue's XML.

use super::field::{
    CancelFlags, Credential, Decimal72, FillFlags, MassQuoteFlags, MultiPartEventFlags, OrderFlags, Price9,
    ReplaceOrderFlags, Wire,
};
use super::layout::{Block, FieldLayout, Group, Layout, View, entries, messages};
use super::values::*;

messages! {
    /// Opens a session; the first message of a connection.
    Logon = 1, 68 bytes {
        client_id "clientId": Credential<16> = 0;
        secret "secret": Credential<48> = 16;
        reset_seq_num "resetSeqNum": Bool = 64;
        schema_version "schemaVersion": u16 = 65, since 12;
        cancel_on_disconnect "cancelOnDisconnect": Bool = 67, since 13;
    }

    /// The session is open.
    LogonConf = 2, 6 bytes {
        heartbeat_interval_seconds "heartbeatIntervalSeconds": i32 = 0;
        schema_version "schemaVersion": u16 = 4, since 12;
    }

    /// Asks for the end of the session.
    Logout = 4, 0 bytes {}
    + text reason "reason"

    /// The session is over, or never was: the reason says why.
    LoggedOut = 5, 0 bytes {}
    + text reason "reason"

    /// Sent in silence, and in answer to a test request.
    Heartbeat = 10, 8 bytes {
        correlation_id "correlationId": i64 = 0;
    }

    /// Asks for a heartbeat.
    TestRequest = 11, 8 bytes {
        correlation_id "correlationId": i64 = 0;
    }

    /// Asks for reports again; `toSequenceNumber` 0 is all from the first on.
    ResendRequest = 20, 16 bytes {
        from_sequence_number "fromSequenceNumber": i64 = 0;
        to_sequence_number "toSequenceNumber": i64 = 8;
    }

    /// Stands for session messages that are not resent.
    GapFill = 21, 8 bytes {
        new_sequence_number "newSequenceNumber": i64 = 0;
    }

    /// A message of the client was not understood.
    Reject = 30, 9 bytes {
        ref_sequence_number "refSequenceNumber": i64 = 0;
        reason "reason": RejectReason = 8;
    }
    + text details "details"

    /// A new order.
    NewOrderRequest = 100, 63 bytes {
        client_order_id "clientOrderId": i64 = 0;
        correlation_id "correlationId": i64 = 8;
        instrument_id "instrumentId": i64 = 16;
        price "price": Price9 = 24;
        quantity "quantity": Decimal72 = 32;
        show_qty "showQty": Decimal72 = 41;
        self_match_prevention_id "selfMatchPreventionId": i64 = 50;
        side "side": Side = 58;
        time_in_force "timeInForce": i8 = 59;
        flags "flags": OrderFlags = 60;
        self_trading_mode "selfTradingMode": SelfTradingMode = 62;
    }

    /// Another price or total quantity for a live order.
    AmendOrderRequest = 110, 52 bytes {
        client_order_id "clientOrderId": i64 = 0;
        correlation_id "correlationId": i64 = 8;
        instrument_id "instrumentId": i64 = 16;
        price "price": Price9 = 24;
        quantity "quantity": Decimal72 = 32;
        show_qty "showQty": Decimal72 = 41;
        flags "flags": ReplaceOrderFlags = 50;
    }

    /// Cancels an order by the client's number.
    CancelOrderRequest = 120, 24 bytes {
        client_order_id "clientOrderId": i64 = 0;
        correlation_id "correlationId": i64 = 8;
        instrument_id "instrumentId": i64 = 16;
    }

    /// Cancels an order by the venue's number.
    CancelOrderByIdRequest = 125, 24 bytes {
        order_id "orderId": i64 = 0;
        correlation_id "correlationId": i64 = 8;
        instrument_id "instrumentId": i64 = 16;
    }

    /// Quotes of a protection group, both sides at once.
    MassQuoteRequest = 130, 33 bytes {
        quote_id "quoteId": i64 = 0;
        correlation_id "correlationId": i64 = 8;
        mmp_group_id "mmpGroupId": i64 = 16;
        self_match_prevention_id "selfMatchPreventionId": i64 = 24;
        flags "flags": MassQuoteFlags = 32;
    }
    + group 0 quotes "quotes": Quote

    /// Cancels every order that the filter meets.
    MassCancelRequest = 140, 26 bytes {
        correlation_id "correlationId": i64 = 0;
        currency_pair_id "currencyPairId": i64 = 8;
        instrument_id "instrumentId": i64 = 16;
        product_type "productType": ProductType = 24;
        side "side": Side = 25;
    }

    /// Cancels the quotes of a protection group.
    MassQuoteCancelRequest = 145, 17 bytes {
        correlation_id "correlationId": i64 = 0;
        mmp_group_id "mmpGroupId": i64 = 8;
        side "side": Side = 16;
    }

    /// Asks whether a group of quotes is frozen.
    GetMassQuoteMmpStatusRequest = 155, 16 bytes {
        correlation_id "correlationId": i64 = 0;
        mmp_group_id "mmpGroupId": i64 = 8;
    }

    /// Asks whether the protected orders of a currency pair are frozen.
    GetOrdersMmpStatusRequest = 156, 16 bytes {
        correlation_id "correlationId": i64 = 0;
        currency_pair_id "currencyPairId": i64 = 8;
    }

    /// An order was taken; its immediate fills are here and nowhere else.
    NewOrderResponse = 200, 94 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        client_order_id "clientOrderId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
        order_id "orderId": i64 = 32;
        instrument_id "instrumentId": i64 = 40;
        price "price": Price9 = 48;
        quantity "quantity": Decimal72 = 56;
        total_filled "totalFilled": Decimal72 = 65;
        visible_qty "visibleQty": Decimal72 = 74;
        receive_time "receiveTime": i64 = 83;
        side "side": Side = 91;
        status "status": OrderStatus = 92;
        cancel_reason "cancelReason": CancelReason = 93;
    }
    + group 0 fills "fills": ImmediateFill
    + group 1 legs "legs": LegFill

    /// An order was not taken.
    NewOrderReject = 202, 49 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        client_order_id "clientOrderId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
        order_id "orderId": i64 = 32;
        instrument_id "instrumentId": i64 = 40;
        reason "reason": OrderRejectReason = 48;
    }
    + text details "details"

    /// An amendment was taken; its immediate fills are here and nowhere else.
    AmendOrderResponse = 210, 93 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        client_order_id "clientOrderId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
        order_id "orderId": i64 = 32;
        instrument_id "instrumentId": i64 = 40;
        price "price": Price9 = 48;
        quantity "quantity": Decimal72 = 56;
        total_filled "totalFilled": Decimal72 = 65;
        visible_qty "visibleQty": Decimal72 = 74;
        receive_time "receiveTime": i64 = 83;
        status "status": OrderStatus = 91;
        cancel_reason "cancelReason": CancelReason = 92;
    }
    + group 0 fills "fills": ImmediateFill
    + group 1 legs "legs": LegFill

    /// An amendment was not taken.
    AmendOrderReject = 212, 49 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        client_order_id "clientOrderId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
        order_id "orderId": i64 = 32;
        instrument_id "instrumentId": i64 = 40;
        reason "reason": OrderRejectReason = 48;
    }
    + text details "details"

    /// An order is cancelled as asked.
    CancelOrderResponse = 220, 56 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        client_order_id "clientOrderId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
        order_id "orderId": i64 = 32;
        instrument_id "instrumentId": i64 = 40;
        receive_time "receiveTime": i64 = 48;
    }

    /// An order was not cancelled.
    CancelOrderReject = 222, 49 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        client_order_id "clientOrderId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
        order_id "orderId": i64 = 32;
        instrument_id "instrumentId": i64 = 40;
        reason "reason": CancelOrderRejectReason = 48;
    }
    + text details "details"

    /// Quotes were taken, or some of them.
    MassQuoteResponse = 230, 48 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        quote_id "quoteId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
        mmp_group_id "mmpGroupId": i64 = 32;
        receive_time "receiveTime": i64 = 40;
    }
    + group 0 quotes "quotes": QuoteResult
    + group 1 bid_fills "bidFills": QuoteFill
    + group 2 ask_fills "askFills": QuoteFill
    + group 3 legs "legs": LegFill

    /// None of the quotes was taken.
    MassQuoteReject = 232, 41 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        quote_id "quoteId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
        mmp_group_id "mmpGroupId": i64 = 32;
        reason "reason": MassQuoteRejectReason = 40;
    }
    + text details "details"

    /// Orders were cancelled by a filter. Whether each is reported too, the venue does not say.
    MassCancelResponse = 240, 36 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        correlation_id "correlationId": i64 = 16;
        receive_time "receiveTime": i64 = 24;
        total_order_count "totalOrderCount": i32 = 32;
    }

    /// No order was cancelled by a filter.
    MassCancelReject = 242, 25 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        correlation_id "correlationId": i64 = 16;
        reason "reason": MassCancelRejectReason = 24;
    }
    + text details "details"

    /// Until when a group of quotes is frozen.
    GetMassQuoteMmpStatusResponse = 280, 32 bytes {
        timestamp "timestamp": i64 = 0;
        correlation_id "correlationId": i64 = 8;
        mmp_group_id "mmpGroupId": i64 = 16;
        frozen_until_time "frozenUntilTime": i64 = 24;
    }

    /// The group is not known.
    GetMassQuoteMmpStatusReject = 281, 17 bytes {
        timestamp "timestamp": i64 = 0;
        correlation_id "correlationId": i64 = 8;
        reason "reason": MmpStatusRejectReason = 16;
    }

    /// Until when the protected orders of a currency pair are frozen.
    GetOrdersMmpStatusResponse = 282, 32 bytes {
        timestamp "timestamp": i64 = 0;
        correlation_id "correlationId": i64 = 8;
        currency_pair_id "currencyPairId": i64 = 16;
        frozen_until_time "frozenUntilTime": i64 = 24;
    }

    /// The currency pair is not known.
    GetOrdersMmpStatusReject = 283, 17 bytes {
        timestamp "timestamp": i64 = 0;
        correlation_id "correlationId": i64 = 8;
        reason "reason": MmpStatusRejectReason = 16;
    }

    /// Resting orders were filled.
    OrderFilled = 300, 16 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
    }
    + group 0 fills "fills": RestingFill
    + group 1 legs "legs": RestingLegFill

    /// Orders were cancelled without having been asked for one by one.
    OrdersCanceled = 310, 17 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        flags "flags": MultiPartEventFlags = 16;
    }
    + group 0 orders "orders": CanceledOrder

    /// An order is through the speed bump.
    OrderPlaced = 312, 88 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        client_order_id "clientOrderId": i64 = 16;
        order_id "orderId": i64 = 24;
        instrument_id "instrumentId": i64 = 32;
        price "price": Price9 = 40;
        quantity "quantity": Decimal72 = 48;
        total_filled "totalFilled": Decimal72 = 57;
        visible_qty "visibleQty": Decimal72 = 66;
        status "status": OrderStatus = 75;
        cancel_reason "cancelReason": CancelReason = 76;
        padding3 "padding3": [u8; 3] = 77, since 8;
        correlation_id "correlationId": i64 = 80, since 8;
    }
    + group 0 fills "fills": ImmediateFill
    + group 1 legs "legs": LegFill

    /// Quotes are through the speed bump.
    MassQuoteOrdersPlaced = 314, 24 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        mmp_group_id "mmpGroupId": i64 = 16;
    }
    + group 0 orders "orders": PlacedQuote
    + group 1 fills "fills": PlacedQuoteFill
    + group 2 legs "legs": LegFill

    /// Protection took the quotes of a group away.
    MassQuoteMmpTriggered = 320, 57 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        mmp_group_id "mmpGroupId": i64 = 16;
        frozen_until "frozenUntil": i64 = 24;
        quantity_level "quantityLevel": f64 = 32;
        vega_level "vegaLevel": f64 = 40;
        delta_level "deltaLevel": f64 = 48;
        trigger "trigger": MmpTriggerType = 56;
    }

    /// Protection took the protected orders of a currency pair away.
    OrdersMmpTriggered = 322, 57 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        currency_pair_id "currencyPairId": i64 = 16;
        frozen_until "frozenUntil": i64 = 24;
        quantity_level "quantityLevel": f64 = 32;
        vega_level "vegaLevel": f64 = 40;
        delta_level "deltaLevel": f64 = 48;
        trigger "trigger": MmpTriggerType = 56;
    }

    /// The group may quote again.
    MassQuoteMmpUnfrozen = 324, 32 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        mmp_group_id "mmpGroupId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
    }

    /// Protected orders may be sent again.
    OrdersMmpUnfrozen = 326, 32 bytes {
        timestamp "timestamp": i64 = 0;
        exec_id "execId": i64 = 8;
        currency_pair_id "currencyPairId": i64 = 16;
        correlation_id "correlationId": i64 = 24;
    }
}

entries! {
    /// A quote, as sent.
    Quote, 46 bytes {
        instrument_id "instrumentId": i64 = 0;
        bid_price "bidPrice": Price9 = 8;
        ask_price "askPrice": Price9 = 16;
        bid_qty "bidQty": Decimal72 = 24;
        ask_qty "askQty": Decimal72 = 33;
        bid_flags "bidFlags": OrderFlags = 42;
        ask_flags "askFlags": OrderFlags = 44;
    }

    /// A fill of an order on its way into the book.
    ImmediateFill, 25 bytes {
        match_id "matchId": i64 = 0;
        fill_price "fillPrice": Price9 = 8;
        fill_qty "fillQty": Decimal72 = 16;
    }

    /// What a fill of a combination means for one leg.
    LegFill, 34 bytes {
        match_id "matchId": i64 = 0;
        instrument_id "instrumentId": i64 = 8;
        fill_price "fillPrice": Price9 = 16;
        fill_qty "fillQty": Decimal72 = 24;
        leg_side "legSide": Side = 33;
    }

    /// What became of a quote.
    QuoteResult, 80 bytes {
        instrument_id "instrumentId": i64 = 0;
        bid_order_id "bidOrderId": i64 = 8;
        ask_order_id "askOrderId": i64 = 16;
        bid_price "bidPrice": Price9 = 24;
        ask_price "askPrice": Price9 = 32;
        bid_qty "bidQty": Decimal72 = 40;
        ask_qty "askQty": Decimal72 = 49;
        bid_filled_qty "bidFilledQty": Decimal72 = 58;
        ask_filled_qty "askFilledQty": Decimal72 = 67;
        bid_status "bidStatus": QuoteStatus = 76;
        ask_status "askStatus": QuoteStatus = 77;
        bid_reject_reason "bidRejectReason": OrderRejectReason = 78;
        ask_reject_reason "askRejectReason": OrderRejectReason = 79;
    }

    /// A fill of a quote on its way into the book.
    QuoteFill, 33 bytes {
        match_id "matchId": i64 = 0;
        instrument_id "instrumentId": i64 = 8;
        fill_price "fillPrice": Price9 = 16;
        fill_qty "fillQty": Decimal72 = 24;
    }

    /// A fill of a resting order.
    RestingFill, 60 bytes {
        client_order_id "clientOrderId": i64 = 0;
        order_id "orderId": i64 = 8;
        instrument_id "instrumentId": i64 = 16;
        match_id "matchId": i64 = 24;
        price "price": Price9 = 32;
        fill_qty "fillQty": Decimal72 = 40;
        total_filled "totalFilled": Decimal72 = 49;
        side "side": Side = 58;
        flags "flags": FillFlags = 59;
    }

    /// What a fill of a resting combination means for one leg.
    RestingLegFill, 34 bytes {
        match_id "matchId": i64 = 0;
        instrument_id "instrumentId": i64 = 8;
        price "price": Price9 = 16;
        fill_qty "fillQty": Decimal72 = 24;
        leg_side "legSide": Side = 33;
    }

    /// A cancelled order.
    CanceledOrder, 35 bytes {
        client_order_id "clientOrderId": i64 = 0;
        order_id "orderId": i64 = 8;
        instrument_id "instrumentId": i64 = 16;
        total_filled "totalFilled": Decimal72 = 24;
        cancel_reason "cancelReason": CancelReason = 33;
        flags "flags": CancelFlags = 34;
    }

    /// A quote that is through the speed bump.
    PlacedQuote, 62 bytes {
        client_order_id "clientOrderId": i64 = 0;
        order_id "orderId": i64 = 8;
        instrument_id "instrumentId": i64 = 16;
        price "price": Price9 = 24;
        quantity "quantity": Decimal72 = 32;
        total_filled "totalFilled": Decimal72 = 41;
        visible_qty "visibleQty": Decimal72 = 50;
        side "side": Side = 59;
        status "status": OrderStatus = 60;
        cancel_reason "cancelReason": CancelReason = 61;
    }

    /// A fill of such a quote.
    PlacedQuoteFill, 33 bytes {
        match_id "matchId": i64 = 0;
        order_id "orderId": i64 = 8;
        fill_price "fillPrice": Price9 = 16;
        fill_qty "fillQty": Decimal72 = 24;
    }
}
