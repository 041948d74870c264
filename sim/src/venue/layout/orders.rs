//! Blocks of order entry: bodies of messages, after their header of 32 bytes.

layouts! { ORDERS
    (logon: Logon, 1, 68 {
        CLIENT_ID clientId: 0, 16;
        SECRET secret: 16, 48;
        RESET_SEQ_NUM resetSeqNum: 64, 1;
        SCHEMA_VERSION schemaVersion: 65, 2;
        CANCEL_ON_DISCONNECT cancelOnDisconnect: 67, 1;
    })
    (logon_conf: LogonConf, 2, 6 {
        HEARTBEAT_INTERVAL_SECONDS heartbeatIntervalSeconds: 0, 4;
        SCHEMA_VERSION schemaVersion: 4, 2;
    })
    (logout: Logout, 4, 0 {
    })
    (logged_out: LoggedOut, 5, 0 {
    })
    (heartbeat: Heartbeat, 10, 8 {
        CORRELATION_ID correlationId: 0, 8;
    })
    (test_request: TestRequest, 11, 8 {
        CORRELATION_ID correlationId: 0, 8;
    })
    (resend_request: ResendRequest, 20, 16 {
        FROM_SEQUENCE_NUMBER fromSequenceNumber: 0, 8;
        TO_SEQUENCE_NUMBER toSequenceNumber: 8, 8;
    })
    (gap_fill: GapFill, 21, 8 {
        NEW_SEQUENCE_NUMBER newSequenceNumber: 0, 8;
    })
    (reject: Reject, 30, 9 {
        REF_SEQUENCE_NUMBER refSequenceNumber: 0, 8;
        REASON reason: 8, 1;
    })
    (new_order_request: NewOrderRequest, 100, 63 {
        CLIENT_ORDER_ID clientOrderId: 0, 8;
        CORRELATION_ID correlationId: 8, 8;
        INSTRUMENT_ID instrumentId: 16, 8;
        PRICE price: 24, 8;
        QUANTITY quantity: 32, 9;
        SHOW_QTY showQty: 41, 9;
        SELF_MATCH_PREVENTION_ID selfMatchPreventionId: 50, 8;
        SIDE side: 58, 1;
        TIME_IN_FORCE timeInForce: 59, 1;
        FLAGS flags: 60, 2;
        SELF_TRADING_MODE selfTradingMode: 62, 1;
    })
    (amend_order_request: AmendOrderRequest, 110, 52 {
        CLIENT_ORDER_ID clientOrderId: 0, 8;
        CORRELATION_ID correlationId: 8, 8;
        INSTRUMENT_ID instrumentId: 16, 8;
        PRICE price: 24, 8;
        QUANTITY quantity: 32, 9;
        SHOW_QTY showQty: 41, 9;
        FLAGS flags: 50, 2;
    })
    (cancel_order_request: CancelOrderRequest, 120, 24 {
        CLIENT_ORDER_ID clientOrderId: 0, 8;
        CORRELATION_ID correlationId: 8, 8;
        INSTRUMENT_ID instrumentId: 16, 8;
    })
    (cancel_order_by_id_request: CancelOrderByIdRequest, 125, 24 {
        ORDER_ID orderId: 0, 8;
        CORRELATION_ID correlationId: 8, 8;
        INSTRUMENT_ID instrumentId: 16, 8;
    })
    (mass_quote_request: MassQuoteRequest, 130, 33 {
        QUOTE_ID quoteId: 0, 8;
        CORRELATION_ID correlationId: 8, 8;
        MMP_GROUP_ID mmpGroupId: 16, 8;
        SELF_MATCH_PREVENTION_ID selfMatchPreventionId: 24, 8;
        FLAGS flags: 32, 1;
    })
    (mass_quote_request_quotes: MassQuoteRequestQuotes, 0, 46 {
        INSTRUMENT_ID instrumentId: 0, 8;
        BID_PRICE bidPrice: 8, 8;
        ASK_PRICE askPrice: 16, 8;
        BID_QTY bidQty: 24, 9;
        ASK_QTY askQty: 33, 9;
        BID_FLAGS bidFlags: 42, 2;
        ASK_FLAGS askFlags: 44, 2;
    })
    (mass_cancel_request: MassCancelRequest, 140, 26 {
        CORRELATION_ID correlationId: 0, 8;
        CURRENCY_PAIR_ID currencyPairId: 8, 8;
        INSTRUMENT_ID instrumentId: 16, 8;
        PRODUCT_TYPE productType: 24, 1;
        SIDE side: 25, 1;
    })
    (mass_quote_cancel_request: MassQuoteCancelRequest, 145, 17 {
        CORRELATION_ID correlationId: 0, 8;
        MMP_GROUP_ID mmpGroupId: 8, 8;
        SIDE side: 16, 1;
    })
    (get_mass_quote_mmp_status_request: GetMassQuoteMmpStatusRequest, 155, 16 {
        CORRELATION_ID correlationId: 0, 8;
        MMP_GROUP_ID mmpGroupId: 8, 8;
    })
    (get_orders_mmp_status_request: GetOrdersMmpStatusRequest, 156, 16 {
        CORRELATION_ID correlationId: 0, 8;
        CURRENCY_PAIR_ID currencyPairId: 8, 8;
    })
    (new_order_response: NewOrderResponse, 200, 94 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CLIENT_ORDER_ID clientOrderId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
        ORDER_ID orderId: 32, 8;
        INSTRUMENT_ID instrumentId: 40, 8;
        PRICE price: 48, 8;
        QUANTITY quantity: 56, 9;
        TOTAL_FILLED totalFilled: 65, 9;
        VISIBLE_QTY visibleQty: 74, 9;
        RECEIVE_TIME receiveTime: 83, 8;
        SIDE side: 91, 1;
        STATUS status: 92, 1;
        CANCEL_REASON cancelReason: 93, 1;
    })
    (new_order_response_fills: NewOrderResponseFills, 0, 25 {
        MATCH_ID matchId: 0, 8;
        FILL_PRICE fillPrice: 8, 8;
        FILL_QTY fillQty: 16, 9;
    })
    (new_order_response_legs: NewOrderResponseLegs, 0, 34 {
        MATCH_ID matchId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        FILL_PRICE fillPrice: 16, 8;
        FILL_QTY fillQty: 24, 9;
        LEG_SIDE legSide: 33, 1;
    })
    (new_order_reject: NewOrderReject, 202, 49 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CLIENT_ORDER_ID clientOrderId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
        ORDER_ID orderId: 32, 8;
        INSTRUMENT_ID instrumentId: 40, 8;
        REASON reason: 48, 1;
    })
    (amend_order_response: AmendOrderResponse, 210, 93 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CLIENT_ORDER_ID clientOrderId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
        ORDER_ID orderId: 32, 8;
        INSTRUMENT_ID instrumentId: 40, 8;
        PRICE price: 48, 8;
        QUANTITY quantity: 56, 9;
        TOTAL_FILLED totalFilled: 65, 9;
        VISIBLE_QTY visibleQty: 74, 9;
        RECEIVE_TIME receiveTime: 83, 8;
        STATUS status: 91, 1;
        CANCEL_REASON cancelReason: 92, 1;
    })
    (amend_order_response_fills: AmendOrderResponseFills, 0, 25 {
        MATCH_ID matchId: 0, 8;
        FILL_PRICE fillPrice: 8, 8;
        FILL_QTY fillQty: 16, 9;
    })
    (amend_order_response_legs: AmendOrderResponseLegs, 0, 34 {
        MATCH_ID matchId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        FILL_PRICE fillPrice: 16, 8;
        FILL_QTY fillQty: 24, 9;
        LEG_SIDE legSide: 33, 1;
    })
    (amend_order_reject: AmendOrderReject, 212, 49 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CLIENT_ORDER_ID clientOrderId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
        ORDER_ID orderId: 32, 8;
        INSTRUMENT_ID instrumentId: 40, 8;
        REASON reason: 48, 1;
    })
    (cancel_order_response: CancelOrderResponse, 220, 56 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CLIENT_ORDER_ID clientOrderId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
        ORDER_ID orderId: 32, 8;
        INSTRUMENT_ID instrumentId: 40, 8;
        RECEIVE_TIME receiveTime: 48, 8;
    })
    (cancel_order_reject: CancelOrderReject, 222, 49 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CLIENT_ORDER_ID clientOrderId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
        ORDER_ID orderId: 32, 8;
        INSTRUMENT_ID instrumentId: 40, 8;
        REASON reason: 48, 1;
    })
    (mass_quote_response: MassQuoteResponse, 230, 48 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        QUOTE_ID quoteId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
        MMP_GROUP_ID mmpGroupId: 32, 8;
        RECEIVE_TIME receiveTime: 40, 8;
    })
    (mass_quote_response_quotes: MassQuoteResponseQuotes, 0, 80 {
        INSTRUMENT_ID instrumentId: 0, 8;
        BID_ORDER_ID bidOrderId: 8, 8;
        ASK_ORDER_ID askOrderId: 16, 8;
        BID_PRICE bidPrice: 24, 8;
        ASK_PRICE askPrice: 32, 8;
        BID_QTY bidQty: 40, 9;
        ASK_QTY askQty: 49, 9;
        BID_FILLED_QTY bidFilledQty: 58, 9;
        ASK_FILLED_QTY askFilledQty: 67, 9;
        BID_STATUS bidStatus: 76, 1;
        ASK_STATUS askStatus: 77, 1;
        BID_REJECT_REASON bidRejectReason: 78, 1;
        ASK_REJECT_REASON askRejectReason: 79, 1;
    })
    (mass_quote_response_bid_fills: MassQuoteResponseBidFills, 0, 33 {
        MATCH_ID matchId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        FILL_PRICE fillPrice: 16, 8;
        FILL_QTY fillQty: 24, 9;
    })
    (mass_quote_response_ask_fills: MassQuoteResponseAskFills, 0, 33 {
        MATCH_ID matchId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        FILL_PRICE fillPrice: 16, 8;
        FILL_QTY fillQty: 24, 9;
    })
    (mass_quote_response_legs: MassQuoteResponseLegs, 0, 34 {
        MATCH_ID matchId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        FILL_PRICE fillPrice: 16, 8;
        FILL_QTY fillQty: 24, 9;
        LEG_SIDE legSide: 33, 1;
    })
    (mass_quote_reject: MassQuoteReject, 232, 41 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        QUOTE_ID quoteId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
        MMP_GROUP_ID mmpGroupId: 32, 8;
        REASON reason: 40, 1;
    })
    (mass_cancel_response: MassCancelResponse, 240, 36 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CORRELATION_ID correlationId: 16, 8;
        RECEIVE_TIME receiveTime: 24, 8;
        TOTAL_ORDER_COUNT totalOrderCount: 32, 4;
    })
    (mass_cancel_reject: MassCancelReject, 242, 25 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CORRELATION_ID correlationId: 16, 8;
        REASON reason: 24, 1;
    })
    (get_mass_quote_mmp_status_response: GetMassQuoteMmpStatusResponse, 280, 32 {
        TIMESTAMP timestamp: 0, 8;
        CORRELATION_ID correlationId: 8, 8;
        MMP_GROUP_ID mmpGroupId: 16, 8;
        FROZEN_UNTIL_TIME frozenUntilTime: 24, 8;
    })
    (get_mass_quote_mmp_status_reject: GetMassQuoteMmpStatusReject, 281, 17 {
        TIMESTAMP timestamp: 0, 8;
        CORRELATION_ID correlationId: 8, 8;
        REASON reason: 16, 1;
    })
    (get_orders_mmp_status_response: GetOrdersMmpStatusResponse, 282, 32 {
        TIMESTAMP timestamp: 0, 8;
        CORRELATION_ID correlationId: 8, 8;
        CURRENCY_PAIR_ID currencyPairId: 16, 8;
        FROZEN_UNTIL_TIME frozenUntilTime: 24, 8;
    })
    (get_orders_mmp_status_reject: GetOrdersMmpStatusReject, 283, 17 {
        TIMESTAMP timestamp: 0, 8;
        CORRELATION_ID correlationId: 8, 8;
        REASON reason: 16, 1;
    })
    (order_filled: OrderFilled, 300, 16 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
    })
    (order_filled_fills: OrderFilledFills, 0, 60 {
        CLIENT_ORDER_ID clientOrderId: 0, 8;
        ORDER_ID orderId: 8, 8;
        INSTRUMENT_ID instrumentId: 16, 8;
        MATCH_ID matchId: 24, 8;
        PRICE price: 32, 8;
        FILL_QTY fillQty: 40, 9;
        TOTAL_FILLED totalFilled: 49, 9;
        SIDE side: 58, 1;
        FLAGS flags: 59, 1;
    })
    (order_filled_legs: OrderFilledLegs, 0, 34 {
        MATCH_ID matchId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        PRICE price: 16, 8;
        FILL_QTY fillQty: 24, 9;
        LEG_SIDE legSide: 33, 1;
    })
    (orders_canceled: OrdersCanceled, 310, 17 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        FLAGS flags: 16, 1;
    })
    (orders_canceled_orders: OrdersCanceledOrders, 0, 35 {
        CLIENT_ORDER_ID clientOrderId: 0, 8;
        ORDER_ID orderId: 8, 8;
        INSTRUMENT_ID instrumentId: 16, 8;
        TOTAL_FILLED totalFilled: 24, 9;
        CANCEL_REASON cancelReason: 33, 1;
        FLAGS flags: 34, 1;
    })
    (order_placed: OrderPlaced, 312, 88 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CLIENT_ORDER_ID clientOrderId: 16, 8;
        ORDER_ID orderId: 24, 8;
        INSTRUMENT_ID instrumentId: 32, 8;
        PRICE price: 40, 8;
        QUANTITY quantity: 48, 9;
        TOTAL_FILLED totalFilled: 57, 9;
        VISIBLE_QTY visibleQty: 66, 9;
        STATUS status: 75, 1;
        CANCEL_REASON cancelReason: 76, 1;
        PADDING3 padding3: 77, 3;
        CORRELATION_ID correlationId: 80, 8;
    })
    (order_placed_fills: OrderPlacedFills, 0, 25 {
        MATCH_ID matchId: 0, 8;
        FILL_PRICE fillPrice: 8, 8;
        FILL_QTY fillQty: 16, 9;
    })
    (order_placed_legs: OrderPlacedLegs, 0, 34 {
        MATCH_ID matchId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        FILL_PRICE fillPrice: 16, 8;
        FILL_QTY fillQty: 24, 9;
        LEG_SIDE legSide: 33, 1;
    })
    (mass_quote_orders_placed: MassQuoteOrdersPlaced, 314, 24 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        MMP_GROUP_ID mmpGroupId: 16, 8;
    })
    (mass_quote_orders_placed_orders: MassQuoteOrdersPlacedOrders, 0, 62 {
        CLIENT_ORDER_ID clientOrderId: 0, 8;
        ORDER_ID orderId: 8, 8;
        INSTRUMENT_ID instrumentId: 16, 8;
        PRICE price: 24, 8;
        QUANTITY quantity: 32, 9;
        TOTAL_FILLED totalFilled: 41, 9;
        VISIBLE_QTY visibleQty: 50, 9;
        SIDE side: 59, 1;
        STATUS status: 60, 1;
        CANCEL_REASON cancelReason: 61, 1;
    })
    (mass_quote_orders_placed_fills: MassQuoteOrdersPlacedFills, 0, 33 {
        MATCH_ID matchId: 0, 8;
        ORDER_ID orderId: 8, 8;
        FILL_PRICE fillPrice: 16, 8;
        FILL_QTY fillQty: 24, 9;
    })
    (mass_quote_orders_placed_legs: MassQuoteOrdersPlacedLegs, 0, 34 {
        MATCH_ID matchId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        FILL_PRICE fillPrice: 16, 8;
        FILL_QTY fillQty: 24, 9;
        LEG_SIDE legSide: 33, 1;
    })
    (mass_quote_mmp_triggered: MassQuoteMmpTriggered, 320, 57 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        MMP_GROUP_ID mmpGroupId: 16, 8;
        FROZEN_UNTIL frozenUntil: 24, 8;
        QUANTITY_LEVEL quantityLevel: 32, 8;
        VEGA_LEVEL vegaLevel: 40, 8;
        DELTA_LEVEL deltaLevel: 48, 8;
        TRIGGER trigger: 56, 1;
    })
    (orders_mmp_triggered: OrdersMmpTriggered, 322, 57 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CURRENCY_PAIR_ID currencyPairId: 16, 8;
        FROZEN_UNTIL frozenUntil: 24, 8;
        QUANTITY_LEVEL quantityLevel: 32, 8;
        VEGA_LEVEL vegaLevel: 40, 8;
        DELTA_LEVEL deltaLevel: 48, 8;
        TRIGGER trigger: 56, 1;
    })
    (mass_quote_mmp_unfrozen: MassQuoteMmpUnfrozen, 324, 32 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        MMP_GROUP_ID mmpGroupId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
    })
    (orders_mmp_unfrozen: OrdersMmpUnfrozen, 326, 32 {
        TIMESTAMP timestamp: 0, 8;
        EXEC_ID execId: 8, 8;
        CURRENCY_PAIR_ID currencyPairId: 16, 8;
        CORRELATION_ID correlationId: 24, 8;
    })
}
