//! Packets of schema 2102, byte by byte, from the venue's tables. Knows nothing of the decoder.

/// Type of an incremental packet.
pub const INCREMENTAL: u16 = 0x01;
/// Type of a snapshot packet.
pub const SNAPSHOT: u16 = 0x02;
/// Type of a reply with retransmitted messages.
pub const RETRANSMITTED: u16 = 0x05;
/// Type of a rejection.
pub const REJECT: u16 = 0x00;
/// Flags of a message that is a transaction.
pub const WHOLE: u16 = 3;

/// A message's template and what follows its header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    pub template: u16,
    pub bytes: Vec<u8>,
}

impl Body {
    pub fn new(template: u16) -> Self {
        Self { template, bytes: Vec::new() }
    }

    pub fn i64(mut self, value: i64) -> Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub fn i32(mut self, value: i32) -> Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub fn u16(mut self, value: u16) -> Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub fn u8(mut self, value: u8) -> Self {
        self.bytes.push(value);
        self
    }

    pub fn f64(mut self, value: f64) -> Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub fn text(mut self, text: &str, width: usize) -> Self {
        let end = self.bytes.len() + width;
        self.bytes.extend(text.bytes());
        self.bytes.resize(end, 0);
        self
    }

    /// A put: template 20 or 21.
    pub fn put(is_bid: bool, instrument: i64, order: i64, price: i64, quantity: i64, sort: i64) -> Self {
        Self::new(20 + u16::from(!is_bid)).i64(order).i64(instrument).i64(quantity).i64(price).i64(sort)
    }

    /// A reduction: template 22 or 23.
    pub fn reduce(is_bid: bool, instrument: i64, order: i64, quantity: i64) -> Self {
        Self::new(22 + u16::from(!is_bid)).i64(order).i64(instrument).i64(quantity)
    }

    /// A deletion: template 24 or 25.
    pub fn delete(is_bid: bool, instrument: i64, order: i64) -> Self {
        Self::new(24 + u16::from(!is_bid)).i64(order).i64(instrument)
    }

    /// A change of status.
    pub fn status(instrument: i64, status: u8) -> Self {
        Self::new(16).i64(instrument).u8(status)
    }

    /// A mark price.
    pub fn info(instrument: i64, mark: i64) -> Self {
        Self::new(14).i64(instrument).i64(mark - 5).i64(mark + 5).i64(mark)
    }

    /// A definition with tick sizes and legs.
    pub fn definition(instrument: i64, status: u8, ticks: &[(i64, i64)], legs: &[(i64, i8)]) -> Self {
        let mut body = Self::new(10)
            .i64(instrument)
            .text("BTC-PERPETUAL", 128)
            .i64(77)
            .text("BTC", 64)
            .text("USD", 8)
            .text("USD", 8)
            .i64(i64::MIN)
            .i64(i64::MIN)
            .i64(10)
            .i64(500_000_000)
            .u8(0)
            .u8(0)
            .u8(5)
            .u8(status)
            .u16(16)
            .u16(ticks.len() as u16);
        for (size, threshold) in ticks {
            body = body.i64(*size).i64(*threshold);
        }
        body = body.u16(9).u16(legs.len() as u16);
        for (leg, ratio) in legs {
            body = body.i64(*leg).u8(ratio.cast_unsigned());
        }
        body
    }

    pub fn snapshot_header(instrument: i64, seq: i64) -> Self {
        Self::new(100).i64(instrument).i64(1).i64(seq)
    }

    pub fn snapshot_trailer(instrument: i64, seq: i64) -> Self {
        Self::new(101).i64(instrument).i64(1).i64(seq)
    }

    pub fn end_of_cycle(instruments: i32) -> Self {
        Self::new(119).i32(instruments)
    }

    pub fn reject(reason: u8, retry_delay_ns: i64) -> Self {
        Self::new(202).i64(retry_delay_ns).text("slow down", 40).u8(reason)
    }

    /// The message: header, body, zeros to a multiple of 8.
    pub fn message(&self, version: u16, flags: u16) -> Vec<u8> {
        let length = (16 + self.bytes.len()).div_ceil(8) * 8;
        let mut bytes = Vec::with_capacity(length);
        for word in [length as u16, self.template, version, flags] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(1_700_000_000_000_000_000_i64.to_le_bytes());
        bytes.extend(&self.bytes);
        bytes.resize(length, 0);
        bytes
    }
}

/// A packet's header.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub sending_time: i64,
    pub seq: i64,
    pub channel: i32,
    pub kind: u16,
    pub count: u16,
}

/// A packet of finished messages.
pub fn raw_packet(header: Header, messages: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(header.sending_time.to_le_bytes());
    bytes.extend(header.seq.to_le_bytes());
    bytes.extend(header.channel.to_le_bytes());
    bytes.extend(header.kind.to_le_bytes());
    bytes.extend(header.count.to_le_bytes());
    bytes.extend(messages);
    bytes
}

/// A packet of messages of version 1, each with its flags.
pub fn packet(kind: u16, channel: i32, seq: i64, sending_time: i64, bodies: &[(Body, u16)]) -> Vec<u8> {
    let header = Header { sending_time, seq, channel, kind, count: bodies.len() as u16 };
    let messages: Vec<u8> = bodies.iter().flat_map(|(body, flags)| body.message(1, *flags)).collect();
    raw_packet(header, &messages)
}
