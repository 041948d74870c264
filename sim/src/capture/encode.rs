//! Encoder of Deribit legacy multicast packets, field after field in wire order.
//!
//! It is written from the venue's byte tables and shares nothing with the decoder: a field that one
//! of the two misplaces shows as a difference. Values are those of the wire, so that a test can say
//! what no venue would.

/// A packet under construction: frame header, then messages.
#[derive(Clone, Debug)]
pub struct PacketEncoder {
    bytes: Vec<u8>,
}

/// Templates 1000 and 1010. Doubles are NaN for "none".
#[derive(Clone, Debug, PartialEq)]
pub struct InstrumentFields {
    /// The venue's number for the instrument.
    pub instrument_id: u32,
    /// 0 created, 1 open, 2 closed, 3 settled, 4 deactivated, 5 inactive, 6 started.
    pub state: u8,
    /// 0 future, 1 option, 2 future combination, 3 option combination, 4 spot.
    pub kind: u8,
    /// 0 does not apply, 1 reversed, 2 linear.
    pub payoff: u8,
    /// 0 does not apply, 1 call, 2 put.
    pub right: u8,
    /// 1 if a request for quote is open; template 1000 only.
    pub rfq: u8,
    /// 0 perpetual, 1 minute, 2 hour, 3 day, 4 week, 5 month, 6 year.
    pub settlement_period: u8,
    /// Settlement period in that unit.
    pub settlement_period_count: u16,
    /// Base, quote, counter, settlement and size currency; up to 8 bytes each.
    pub currencies: [String; 5],
    /// Listing time, ms since 1970 UTC.
    pub creation_ms: u64,
    /// Expiry, ms since 1970 UTC.
    pub expiry_ms: u64,
    /// Strike.
    pub strike: f64,
    /// Contract size.
    pub contract_size: f64,
    /// Smallest amount of a trade.
    pub min_trade_amount: f64,
    /// Price increment.
    pub tick_size: f64,
    /// Maker, taker, block-trade and largest liquidation commission.
    pub commissions: [f64; 4],
    /// Largest leverage.
    pub max_leverage: f64,
    /// Name; up to 255 bytes.
    pub name: String,
}

/// Fixed part of template 1001.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookFields {
    /// The venue's number for the instrument.
    pub instrument_id: u32,
    /// ms since 1970 UTC.
    pub timestamp_ms: u64,
    /// The change before.
    pub prev_change_id: u64,
    /// This change.
    pub change_id: u64,
    /// 1 in the last message of the change.
    pub is_last: u8,
}

/// One changed level of template 1001.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangeFields {
    /// 0 ask, 1 bid.
    pub side: u8,
    /// 0 created, 1 changed, 2 deleted.
    pub action: u8,
    /// Price.
    pub price: f64,
    /// Amount.
    pub amount: f64,
}

/// One trade of template 1002.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeFields {
    /// 0 buy, 1 sell.
    pub direction: u8,
    /// Price.
    pub price: f64,
    /// Amount.
    pub amount: f64,
    /// ms since 1970 UTC.
    pub timestamp_ms: u64,
    /// Mark price.
    pub mark_price: f64,
    /// Index price.
    pub index_price: f64,
    /// The instrument's running number of the trade.
    pub trade_seq: u64,
    /// The venue's number for the trade.
    pub trade_id: u64,
    /// 0 plus, 1 zero plus, 2 minus, 3 zero minus.
    pub tick_direction: u8,
    /// 0 none, 1 maker, 2 taker, 3 both.
    pub liquidation: u8,
    /// Percent; NaN for futures.
    pub iv_percent: f64,
    /// 0 or `u64::MAX` for none.
    pub block_trade_id: u64,
    /// 0 or `u64::MAX` for none.
    pub combo_trade_id: u64,
}

/// Template 1003. Doubles are NaN for "none".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TickerFields {
    /// The venue's number for the instrument.
    pub instrument_id: u32,
    /// As in [`InstrumentFields`].
    pub state: u8,
    /// ms since 1970 UTC.
    pub timestamp_ms: u64,
    /// Open contracts.
    pub open_interest: f64,
    /// Lowest price of a sell order.
    pub min_sell_price: f64,
    /// Highest price of a buy order.
    pub max_buy_price: f64,
    /// Price of the last trade.
    pub last_price: f64,
    /// Index price.
    pub index_price: f64,
    /// Mark price.
    pub mark_price: f64,
    /// Highest bid and its amount.
    pub best_bid: (f64, f64),
    /// Lowest ask and its amount.
    pub best_ask: (f64, f64),
    /// Funding rate, present and of the last 8 hours.
    pub funding: (f64, f64),
    /// Estimated delivery, delivery and settlement price.
    pub delivery: (f64, f64, f64),
}

/// Fixed part of template 1004.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotFields {
    /// The venue's number for the instrument.
    pub instrument_id: u32,
    /// ms since 1970 UTC.
    pub timestamp_ms: u64,
    /// Last change in the snapshot.
    pub change_id: u64,
    /// 1 if all levels are in it.
    pub is_book_complete: u8,
    /// 1 in the last message of the snapshot.
    pub is_last_in_book: u8,
}

impl PacketEncoder {
    /// Starts the packet `packet_seq` of `channel`.
    pub fn new(channel: u16, packet_seq: u32) -> Self {
        let mut packet = Self { bytes: Vec::with_capacity(256) };
        packet.u16(0);
        packet.u16(channel);
        packet.u32(packet_seq);
        packet
    }

    /// Ends the packet: returns the UDP payload.
    ///
    /// # Panics
    /// If the messages are longer than the frame header can say (65,535 bytes).
    pub fn finish(mut self) -> Vec<u8> {
        let body_bytes = u16::try_from(self.bytes.len() - 8).expect("a packet is shorter than 64 KiB");
        self.bytes[..2].copy_from_slice(&body_bytes.to_le_bytes());
        self.bytes
    }

    /// Appends template 1000.
    pub fn instrument(&mut self, fields: &InstrumentFields) -> &mut Self {
        self.header(140, 1000, 2, 0, 1);
        self.identity(fields);
        self.u8(fields.rfq);
        self.terms(fields);
        self.text(&fields.name)
    }

    /// Appends template 1010; `tiers` are (above price, tick size).
    pub fn tiered_instrument(&mut self, fields: &InstrumentFields, tiers: &[(f64, f64)]) -> &mut Self {
        self.header(139, 1010, 3, 1, 1);
        self.identity(fields);
        self.terms(fields);
        self.group(16, tiers.len());
        for (above_price, tick_size) in tiers {
            self.f64(*above_price);
            self.f64(*tick_size);
        }
        self.text(&fields.name)
    }

    /// Appends template 1001.
    pub fn book(&mut self, fields: &BookFields, changes: &[ChangeFields]) -> &mut Self {
        self.header(29, 1001, 2, 1, 0);
        self.u32(fields.instrument_id);
        self.u64(fields.timestamp_ms);
        self.u64(fields.prev_change_id);
        self.u64(fields.change_id);
        self.u8(fields.is_last);
        self.group(18, changes.len());
        for change in changes {
            self.u8(change.side);
            self.u8(change.action);
            self.f64(change.price);
            self.f64(change.amount);
        }
        self
    }

    /// Appends template 1002.
    pub fn trades(&mut self, instrument_id: u32, trades: &[TradeFields]) -> &mut Self {
        self.header(4, 1002, 2, 1, 0);
        self.u32(instrument_id);
        self.group(83, trades.len());
        for trade in trades {
            self.u8(trade.direction);
            self.f64(trade.price);
            self.f64(trade.amount);
            self.u64(trade.timestamp_ms);
            self.f64(trade.mark_price);
            self.f64(trade.index_price);
            self.u64(trade.trade_seq);
            self.u64(trade.trade_id);
            self.u8(trade.tick_direction);
            self.u8(trade.liquidation);
            self.f64(trade.iv_percent);
            self.u64(trade.block_trade_id);
            self.u64(trade.combo_trade_id);
        }
        self
    }

    /// Appends template 1003.
    pub fn ticker(&mut self, fields: &TickerFields) -> &mut Self {
        self.header(133, 1003, 2, 0, 0);
        self.u32(fields.instrument_id);
        self.u8(fields.state);
        self.u64(fields.timestamp_ms);
        let (bid, ask, delivery) = (fields.best_bid, fields.best_ask, fields.delivery);
        for value in [
            fields.open_interest,
            fields.min_sell_price,
            fields.max_buy_price,
            fields.last_price,
            fields.index_price,
            fields.mark_price,
            bid.0,
            bid.1,
            ask.0,
            ask.1,
            fields.funding.0,
            fields.funding.1,
            delivery.0,
            delivery.1,
            delivery.2,
        ] {
            self.f64(value);
        }
        self
    }

    /// Appends template 1004; `levels` are (side: 0 ask, 1 bid; price; amount).
    pub fn snapshot(&mut self, fields: &SnapshotFields, levels: &[(u8, f64, f64)]) -> &mut Self {
        self.header(22, 1004, 2, 1, 0);
        self.u32(fields.instrument_id);
        self.u64(fields.timestamp_ms);
        self.u64(fields.change_id);
        self.u8(fields.is_book_complete);
        self.u8(fields.is_last_in_book);
        self.group(17, levels.len());
        for (side, price, amount) in levels {
            self.u8(*side);
            self.f64(*price);
            self.f64(*amount);
        }
        self
    }

    /// Appends template 1005.
    pub fn snapshot_start(&mut self, snapshot_delay: u32) -> &mut Self {
        self.header(4, 1005, 2, 0, 0);
        self.u32(snapshot_delay);
        self
    }

    /// Appends template 1006.
    pub fn snapshot_end(&mut self) -> &mut Self {
        self.header(0, 1006, 2, 0, 0);
        self
    }

    /// Appends template 1007; `legs` are (instrument, size).
    pub fn combo_legs(&mut self, instrument_id: u32, legs: &[(u32, i32)]) -> &mut Self {
        self.header(4, 1007, 2, 1, 0);
        self.u32(instrument_id);
        self.group(8, legs.len());
        for (leg_id, size) in legs {
            self.u32(*leg_id);
            self.bytes.extend_from_slice(&size.to_le_bytes());
        }
        self
    }

    /// Appends template 1008.
    pub fn price_index(&mut self, name: &str, price: f64, timestamp_ms: u64) -> &mut Self {
        self.header(32, 1008, 2, 0, 0);
        self.padded(name, 16);
        self.f64(price);
        self.u64(timestamp_ms);
        self
    }

    /// Appends template 1009.
    pub fn rfq(&mut self, instrument_id: u32, state: u8, side: u8, amount: f64, timestamp_ms: u64) -> &mut Self {
        self.header(22, 1009, 2, 0, 0);
        self.u32(instrument_id);
        self.u8(state);
        self.u8(side);
        self.f64(amount);
        self.u64(timestamp_ms);
        self
    }

    /// Appends a message of any template and schema, with a block, a group and a text.
    pub fn foreign(&mut self, template: u16, schema: u16) -> &mut Self {
        for word in [3, template, schema, 9, 1, 1] {
            self.u16(word);
        }
        self.bytes.extend_from_slice(&[1, 2, 3]);
        self.group(5, 2);
        self.bytes.extend_from_slice(&[7; 10]);
        self.text("foreign")
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// What 1000 and 1010 have before the byte that only 1000 has.
    fn identity(&mut self, fields: &InstrumentFields) {
        self.u32(fields.instrument_id);
        self.u8(fields.state);
        self.u8(fields.kind);
        self.u8(fields.payoff);
        self.u8(fields.right);
    }

    /// What both have after it.
    fn terms(&mut self, fields: &InstrumentFields) {
        self.u8(fields.settlement_period);
        self.u16(fields.settlement_period_count);
        for currency in &fields.currencies {
            self.padded(currency, 8);
        }
        self.u64(fields.creation_ms);
        self.u64(fields.expiry_ms);
        self.f64(fields.strike);
        self.f64(fields.contract_size);
        self.f64(fields.min_trade_amount);
        self.f64(fields.tick_size);
        for commission in fields.commissions {
            self.f64(commission);
        }
        self.f64(fields.max_leverage);
    }

    fn header(&mut self, block_bytes: u16, template: u16, version: u16, groups: u16, texts: u16) {
        for word in [block_bytes, template, 1, version, groups, texts] {
            self.u16(word);
        }
    }

    fn group(&mut self, entry_bytes: u16, entries: usize) {
        self.u16(entry_bytes);
        self.u16(u16::try_from(entries).expect("a group has fewer than 65,536 entries"));
        self.u16(0);
        self.u16(0);
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.u8(u8::try_from(text.len()).expect("a text is shorter than 256 bytes"));
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    fn padded(&mut self, text: &str, width: usize) {
        assert!(text.len() <= width, "{text} is longer than {width} bytes");
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.resize(self.bytes.len() + width - text.len(), 0);
    }

    fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }
}
