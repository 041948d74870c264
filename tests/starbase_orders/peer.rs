//! The gateway's side of a session, byte by byte from the venue's tables.

/// A quantity's exponent in what the peer writes: not the one that the client writes.
pub const EXPONENT: i8 = -9;
/// USD of a contract.
pub const CONTRACT_USD: i64 = 10;
pub const INSTRUMENT: i64 = 210_838;
pub const NULL: i64 = i64::MIN;

pub const ACTIVE: i8 = 1;
pub const FILLED: i8 = 2;
pub const CANCELED: i8 = 3;
pub const QUEUED: i8 = 4;
pub const TIME_IN_FORCE: i8 = 2;
pub const CLIENT_DISCONNECT: i8 = 7;
pub const BY_REQUEST: i8 = 12;
pub const POST_ONLY_REJECT: i8 = 8;
pub const UNKNOWN_ORDER: i8 = 1;

/// Bytes at offsets.
#[derive(Clone)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    pub fn zeros(len: usize) -> Self {
        Self(vec![0; len])
    }

    pub fn put(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub fn i64(self, offset: usize, value: i64) -> Self {
        self.put(offset, &value.to_le_bytes())
    }

    pub fn i8(self, offset: usize, value: i8) -> Self {
        self.put(offset, &value.to_le_bytes())
    }

    /// Contracts as a quantity.
    pub fn contracts(self, offset: usize, contracts: i64) -> Self {
        self.i64(offset, contracts * CONTRACT_USD * 1_000_000_000).i8(offset + 8, EXPONENT)
    }

    pub fn group(mut self, entry_bytes: u16, entries: &[Self]) -> Self {
        self.0.extend(entry_bytes.to_le_bytes());
        self.0.extend((entries.len() as u16).to_le_bytes());
        for entry in entries {
            assert_eq!(entry.0.len(), usize::from(entry_bytes));
            self.0.extend(&entry.0);
        }
        self
    }

    pub fn text(mut self, text: &str) -> Self {
        self.0.push(text.len() as u8);
        self.0.extend(text.as_bytes());
        self
    }
}

/// Template and body.
pub type Report = (u16, Bytes);

/// A message: 32 bytes of header, then the body.
pub fn message(report: &Report, flags: u8, seq: i64, last_processed: i64) -> Vec<u8> {
    let (template, body) = report;
    let header = Bytes::zeros(32)
        .put(0, &[0xdb, flags])
        .put(2, &(32 + body.0.len() as u16).to_le_bytes())
        .put(4, &template.to_le_bytes())
        .put(6, &15u16.to_le_bytes())
        .i64(8, seq)
        .i64(16, last_processed)
        .i64(24, 77);
    [header.0, body.0.clone()].concat()
}

pub fn logon_conf(heartbeat_seconds: i32, version: u16) -> Report {
    (2, Bytes::zeros(6).put(0, &heartbeat_seconds.to_le_bytes()).put(4, &version.to_le_bytes()))
}

pub fn logged_out(reason: &str) -> Report {
    (5, Bytes::zeros(0).text(reason))
}

pub fn heartbeat(correlation: i64) -> Report {
    (10, Bytes::zeros(8).i64(0, correlation))
}

pub fn test_request(correlation: i64) -> Report {
    (11, Bytes::zeros(8).i64(0, correlation))
}

pub fn gap_fill(next: i64) -> Report {
    (21, Bytes::zeros(8).i64(0, next))
}

/// An order as the peer knows it.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub client_id: i64,
    pub correlation: i64,
    pub order_id: i64,
    pub is_buy: bool,
    pub quantity: i64,
    pub price: i64,
    pub total: i64,
}

impl Known {
    pub fn side(&self) -> i8 {
        if self.is_buy { 1 } else { -1 }
    }
}

/// A fill: its number, price (10^-9), contracts.
pub type Fill = (i64, i64, i64);

fn immediate(fills: &[Fill]) -> Vec<Bytes> {
    let fill = |&(id, price, contracts): &Fill| Bytes::zeros(25).i64(0, id).i64(8, price).contracts(16, contracts);
    fills.iter().map(fill).collect()
}

pub fn new_order_response(o: &Known, status: i8, cancel_reason: i8, fills: &[Fill]) -> Report {
    let body = Bytes::zeros(94)
        .i64(16, o.client_id)
        .i64(24, o.correlation)
        .i64(32, o.order_id)
        .i64(40, INSTRUMENT)
        .i64(48, o.price)
        .contracts(56, o.quantity)
        .contracts(65, o.total)
        .contracts(74, o.quantity - o.total)
        .i8(91, o.side())
        .i8(92, status)
        .i8(93, cancel_reason);
    (200, body.group(25, &immediate(fills)).group(34, &[]))
}

pub fn amend_response(o: &Known, status: i8, fills: &[Fill]) -> Report {
    let body = Bytes::zeros(93)
        .i64(16, o.client_id)
        .i64(24, o.correlation)
        .i64(32, o.order_id)
        .i64(40, INSTRUMENT)
        .i64(48, o.price)
        .contracts(56, o.quantity)
        .contracts(65, o.total)
        .contracts(74, o.quantity - o.total)
        .i8(91, status);
    (210, body.group(25, &immediate(fills)).group(34, &[]))
}

pub fn order_placed(o: &Known, status: i8, cancel_reason: i8, fills: &[Fill]) -> Report {
    let body = Bytes::zeros(88)
        .i64(16, o.client_id)
        .i64(24, o.order_id)
        .i64(32, INSTRUMENT)
        .i64(40, o.price)
        .contracts(48, o.quantity)
        .contracts(57, o.total)
        .contracts(66, o.quantity - o.total)
        .i8(75, status)
        .i8(76, cancel_reason)
        .i64(80, o.correlation);
    (312, body.group(25, &immediate(fills)).group(34, &[]))
}

fn reject(template: u16, o: &Known, reason: i8) -> Report {
    let body =
        Bytes::zeros(49).i64(16, o.client_id).i64(24, o.correlation).i64(32, NULL).i64(40, INSTRUMENT).i8(48, reason);
    (template, body.text("because"))
}

pub fn new_order_reject(o: &Known, reason: i8) -> Report {
    reject(202, o, reason)
}

pub fn amend_reject(o: &Known, reason: i8) -> Report {
    reject(212, o, reason)
}

pub fn cancel_reject(o: &Known, reason: i8) -> Report {
    reject(222, o, reason)
}

pub fn cancel_response(o: &Known) -> Report {
    let body = Bytes::zeros(56).i64(16, o.client_id).i64(24, o.correlation).i64(32, o.order_id).i64(40, INSTRUMENT);
    (220, body)
}

pub fn order_filled(o: &Known, fill: Fill, flags: u8) -> Report {
    let (id, price, contracts) = fill;
    let entry = Bytes::zeros(60)
        .i64(0, o.client_id)
        .i64(8, o.order_id)
        .i64(16, INSTRUMENT)
        .i64(24, id)
        .i64(32, price)
        .contracts(40, contracts)
        .contracts(49, o.total)
        .i8(58, o.side())
        .put(59, &[flags]);
    (300, Bytes::zeros(16).group(60, &[entry]).group(34, &[]))
}

pub fn orders_canceled(o: &Known, reason: i8) -> Report {
    let entry = Bytes::zeros(35)
        .i64(0, o.client_id)
        .i64(8, o.order_id)
        .i64(16, INSTRUMENT)
        .contracts(24, o.total)
        .i8(33, reason);
    (310, Bytes::zeros(17).put(16, &[1]).group(35, &[entry]))
}

/// A message of the client, by offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub template: u16,
    pub version: u16,
    pub seq: i64,
    pub last_processed: i64,
    pub body: Vec<u8>,
}

impl Received {
    pub fn i64(&self, offset: usize) -> i64 {
        i64::from_le_bytes(self.body[offset..offset + 8].try_into().expect("8 bytes"))
    }

    pub fn i8(&self, offset: usize) -> i8 {
        self.body[offset].cast_signed()
    }

    /// The quantity at an offset, contracts.
    pub fn contracts(&self, offset: usize) -> i64 {
        let (mantissa, exponent) = (self.i64(offset), self.i8(offset + 8));
        let usd = mantissa * 10i64.pow(u32::from(exponent.unsigned_abs()));
        assert!(exponent >= 0 && usd % CONTRACT_USD == 0);
        usd / CONTRACT_USD
    }
}

/// Cuts what the client wrote into messages; frames are not padded.
pub fn received(bytes: &[u8]) -> Vec<Received> {
    let (mut rest, mut messages) = (bytes, vec![]);
    let word = |bytes: &[u8], at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    while !rest.is_empty() {
        assert_eq!(rest[0], 0xdb);
        let len = usize::from(u16::from_le_bytes([rest[2], rest[3]]));
        messages.push(Received {
            template: u16::from_le_bytes([rest[4], rest[5]]),
            version: u16::from_le_bytes([rest[6], rest[7]]),
            seq: word(rest, 8),
            last_processed: word(rest, 16),
            body: rest[32..len].to_vec(),
        });
        rest = &rest[len..];
    }
    messages
}
