//! Blocks of market data: bodies of messages, after their header of 16 bytes.

layouts! { MARKET
    (instrument_definition: InstrumentDefinition, 10, 260 {
        INSTRUMENT_ID instrumentId: 0, 8;
        NAME name: 8, 128;
        INDEX_ID indexId: 136, 8;
        UNDERLYING underlying: 144, 64;
        QUANTITY_ASSET quantityAsset: 208, 8;
        PRICE_ASSET priceAsset: 216, 8;
        EXPIRY_TIME expiryTime: 224, 8;
        STRIKE_PRICE strikePrice: 232, 8;
        MIN_ORDER_QUANTITY minOrderQuantity: 240, 8;
        TICK_SIZE tickSize: 248, 8;
        QUANTITY_EXPONENT quantityExponent: 256, 1;
        KIND type: 257, 1;
        FLAGS flags: 258, 1;
        STATUS status: 259, 1;
    })
    (instrument_definition_large_tick_sizes: InstrumentDefinitionLargeTickSizes, 0, 16 {
        LARGE_TICK_SIZE largeTickSize: 0, 8;
        THRESHOLD_PRICE thresholdPrice: 8, 8;
    })
    (instrument_definition_legs: InstrumentDefinitionLegs, 0, 9 {
        LEG_INSTRUMENT_ID legInstrumentId: 0, 8;
        RATIO ratio: 8, 1;
    })
    (index_definition: IndexDefinition, 11, 136 {
        INDEX_ID indexId: 0, 8;
        NAME name: 8, 128;
    })
    (index_info: IndexInfo, 12, 16 {
        INDEX_ID indexId: 0, 8;
        INDEX_PRICE indexPrice: 8, 8;
    })
    (instrument_info: InstrumentInfo, 14, 32 {
        INSTRUMENT_ID instrumentId: 0, 8;
        MIN_SELL_PRICE minSellPrice: 8, 8;
        MAX_BUY_PRICE maxBuyPrice: 16, 8;
        MARK_PRICE markPrice: 24, 8;
    })
    (instrument_ref: InstrumentRef, 15, 56 {
        INSTRUMENT_ID instrumentId: 0, 8;
        CURRENT_FUNDING currentFunding: 8, 8;
        FUNDING_8H funding8h: 16, 8;
        ESTIMATED_DELIVERY_PRICE estimatedDeliveryPrice: 24, 8;
        DELIVERY_PRICE deliveryPrice: 32, 8;
        SETTLEMENT_PRICE settlementPrice: 40, 8;
        OPEN_INTEREST openInterest: 48, 8;
    })
    (instrument_status_update: InstrumentStatusUpdate, 16, 9 {
        INSTRUMENT_ID instrumentId: 0, 8;
        TRADING_STATUS tradingStatus: 8, 1;
    })
    (bid_put: BidPut, 20, 40 {
        ORDER_ID orderId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        QUANTITY_MANTISSA quantityMantissa: 16, 8;
        PRICE price: 24, 8;
        SORT_ORDER_ID sortOrderId: 32, 8;
    })
    (ask_put: AskPut, 21, 40 {
        ORDER_ID orderId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        QUANTITY_MANTISSA quantityMantissa: 16, 8;
        PRICE price: 24, 8;
        SORT_ORDER_ID sortOrderId: 32, 8;
    })
    (bid_qty_reduced: BidQtyReduced, 22, 24 {
        ORDER_ID orderId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        QUANTITY_MANTISSA quantityMantissa: 16, 8;
    })
    (ask_qty_reduced: AskQtyReduced, 23, 24 {
        ORDER_ID orderId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        QUANTITY_MANTISSA quantityMantissa: 16, 8;
    })
    (bid_delete: BidDelete, 24, 16 {
        ORDER_ID orderId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
    })
    (ask_delete: AskDelete, 25, 16 {
        ORDER_ID orderId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
    })
    (trade_summary: TradeSummary, 30, 56 {
        INSTRUMENT_ID instrumentId: 0, 8;
        TAKER_ORDER_ID takerOrderId: 8, 8;
        TOTAL_FILLED_MANTISSA totalFilledMantissa: 16, 8;
        DEEPEST_PRICE deepestPrice: 24, 8;
        MARK_PRICE markPrice: 32, 8;
        INDEX_PRICE indexPrice: 40, 8;
        TRADE_COUNT tradeCount: 48, 4;
        TAKER_FLAGS takerFlags: 52, 4;
    })
    (trade: Trade, 31, 44 {
        MATCH_ID matchId: 0, 8;
        INSTRUMENT_ID instrumentId: 8, 8;
        MAKER_ORDER_ID makerOrderId: 16, 8;
        FILL_QTY_MANTISSA fillQtyMantissa: 24, 8;
        FILL_PRICE fillPrice: 32, 8;
        MAKER_FLAGS makerFlags: 40, 4;
    })
    (snapshot_header: SnapshotHeader, 100, 24 {
        INSTRUMENT_ID instrumentId: 0, 8;
        INCREMENTAL_TIMESTAMP incrementalTimestamp: 8, 8;
        INCREMENTAL_SEQ_NUM incrementalSeqNum: 16, 8;
    })
    (snapshot_trailer: SnapshotTrailer, 101, 24 {
        INSTRUMENT_ID instrumentId: 0, 8;
        TIMESTAMP timestamp: 8, 8;
        INCREMENT_SEQ_NUM incrementSeqNum: 16, 8;
    })
    (end_of_cycle: EndOfCycle, 119, 4 {
        ACTIVE_INSTRUMENT_COUNT activeInstrumentCount: 0, 4;
    })
    (retransmit_request: RetransmitRequest, 200, 9 {
        BEGIN_SEQ_NUM beginSeqNum: 0, 8;
        MESSAGE_COUNT messageCount: 8, 1;
    })
    (retransmit_reject: RetransmitReject, 202, 49 {
        RETRY_DELAY_NANOS retryDelayNanos: 0, 8;
        DETAILS details: 8, 40;
        REASON reason: 48, 1;
    })
}
