//! A quiet venue, and a client that writes and reads by offsets.

use hedgewire_sim::venue::{
    FaultSettings, GatewaySettings, Lines, Member, Output, ProtectionKey, ProtectionSettings, RetransmitSettings,
    SPEED_BUMP_NS, StreamOutput, Venue, VenueSettings, listing,
};

pub const NULL: i64 = i64::MIN;
pub const UNIT: i64 = 1_000_000_000;
pub const START: i64 = 1_790_000_000 * UNIT;
/// Places in the listing.
pub const PERPETUAL: usize = 0;
pub const FUTURE: usize = 1;
pub const PERPETUAL_ID: i64 = listing::BTC_PERPETUAL_ID;
pub const FUTURE_ID: i64 = PERPETUAL_ID + 1;
pub const GROUP: i64 = 7;

/// BTC alone, two members, no public, no faults.
pub fn settings(seed: u64) -> VenueSettings {
    let (indexes, instruments) = listing::listing(START, 1, 1);
    let member = |name: &str| Member { client_id: name.into(), secret: format!("{name}-secret") };
    VenueSettings {
        seed,
        indexes,
        instruments,
        gateway: GatewaySettings {
            members: vec![member("alpha"), member("beta")],
            heartbeat_seconds: 1,
            is_padded: false,
            history_messages: 100_000,
        },
        rate_limit: None,
        protections: vec![
            ProtectionSettings {
                key: ProtectionKey::Group(GROUP),
                quantity_max: 100,
                window_ns: UNIT,
                frozen_ns: 2 * UNIT,
            },
            ProtectionSettings {
                key: ProtectionKey::CurrencyPair(1),
                quantity_max: 100,
                window_ns: UNIT,
                frozen_ns: 2 * UNIT,
            },
        ],
        bump_ns: SPEED_BUMP_NS,
        retransmit: RetransmitSettings { history_messages: 10_000, burst: 50, refill_ns: 1_000_000 },
        snapshot_cycle_ns: 200_000_000,
        lines: Lines::Active,
        flow: None,
        faults: FaultSettings::default(),
    }
}

/// A message, by offsets of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub template: u16,
    pub flags: u8,
    pub seq: i64,
    pub last_processed: i64,
    pub body: Vec<u8>,
}

impl Message {
    pub fn i64(&self, at: usize) -> i64 {
        i64::from_le_bytes(self.body[at..at + 8].try_into().expect("8 bytes"))
    }

    pub fn i8(&self, at: usize) -> i8 {
        self.body[at].cast_signed()
    }

    pub fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.body[at], self.body[at + 1]])
    }

    /// A quantity with the perpetual's exponent, 0.
    pub fn usd(&self, at: usize) -> i64 {
        assert_eq!(self.i8(at + 8), 0, "exponent");
        self.i64(at)
    }
}

/// A body, by offsets.
#[derive(Clone, Debug)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    pub fn zeros(len: usize) -> Self {
        Self(vec![0; len])
    }

    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub fn i64(self, at: usize, value: i64) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    pub fn i8(self, at: usize, value: i8) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    pub fn u16(self, at: usize, value: u16) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// A quantity as another exponent has it than the venue's.
    pub fn quantity(self, at: usize, usd: i64) -> Self {
        self.i64(at, usd * UNIT).i8(at + 8, -9)
    }
}

/// A new order.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub id: i64,
    pub instrument: i64,
    pub side: i8,
    pub price: i64,
    pub quantity: i64,
    pub time_in_force: i8,
    pub flags: u16,
    pub self_match: i64,
    pub mode: i8,
}

impl Order {
    /// Good till cancelled, on the perpetual; price in USD.
    pub fn limit(id: i64, side: i8, price: i64, quantity: i64) -> Self {
        let instrument = PERPETUAL_ID;
        let (time_in_force, flags, self_match, mode) = (0, 0, NULL, 0);
        Self { id, instrument, side, price: price * UNIT, quantity, time_in_force, flags, self_match, mode }
    }

    pub fn body(&self) -> Vec<u8> {
        Bytes::zeros(63)
            .i64(0, self.id)
            .i64(8, self.id + 1_000)
            .i64(16, self.instrument)
            .i64(24, self.price)
            .quantity(32, self.quantity)
            .i64(41, NULL)
            .i64(50, self.self_match)
            .i8(58, self.side)
            .i8(59, self.time_in_force)
            .u16(60, self.flags)
            .i8(62, self.mode)
            .0
    }
}

/// A venue, its clock, and what it has said so far.
pub struct World {
    pub venue: Venue,
    pub now_ns: i64,
    /// Bytes of every connection that are not read yet, and whether it is closed.
    pub streams: std::collections::BTreeMap<u64, (Vec<u8>, bool)>,
    /// Incremental packets, snapshot packets, unicast packets.
    pub incremental: Vec<Vec<u8>>,
    pub snapshots: Vec<Vec<u8>>,
    pub unicast: Vec<Vec<u8>>,
    pub connections: u64,
}

impl World {
    pub fn new(settings: VenueSettings) -> Self {
        let venue = Venue::new(settings, START, None);
        let mut world = Self {
            venue,
            now_ns: START,
            streams: Default::default(),
            incremental: vec![],
            snapshots: vec![],
            unicast: vec![],
            connections: 0,
        };
        world.collect();
        world
    }

    pub fn collect(&mut self) {
        while let Some(output) = self.venue.next_output(self.now_ns) {
            match output {
                Output::Multicast { is_snapshot: false, bytes, .. } => self.incremental.push(bytes),
                Output::Multicast { bytes, .. } => self.snapshots.push(bytes),
                Output::Legacy { .. } => {}
                Output::Unicast { bytes, .. } => self.unicast.push(bytes),
                Output::Stream(StreamOutput::Bytes(connection, bytes)) => {
                    let stream = self.streams.entry(connection).or_default();
                    assert!(!stream.1, "nothing is written to a closed connection");
                    stream.0.extend(bytes);
                }
                Output::Stream(StreamOutput::Close(connection)) => {
                    self.streams.entry(connection).or_default().1 = true;
                }
            }
        }
    }

    pub fn wait(&mut self, ns: i64) {
        self.now_ns += ns;
        self.venue.advance(self.now_ns);
        self.collect();
    }

    pub fn connect(&mut self) -> u64 {
        self.connections += 1;
        self.venue.connected(self.now_ns, self.connections);
        self.collect();
        self.connections
    }

    pub fn write(&mut self, connection: u64, bytes: &[u8]) {
        self.venue.on_bytes(self.now_ns, connection, bytes);
        self.collect();
    }

    pub fn is_closed(&self, connection: u64) -> bool {
        self.streams.get(&connection).is_some_and(|stream| stream.1)
    }

    /// Every whole message that a connection has heard since the last call.
    pub fn read(&mut self, connection: u64) -> Vec<Message> {
        let Some((bytes, _)) = self.streams.get_mut(&connection) else { return vec![] };
        let bytes = std::mem::take(bytes);
        let mut rest = bytes.as_slice();
        let mut messages = vec![];
        let word = |bytes: &[u8], at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        while !rest.is_empty() {
            assert_eq!(rest[0], 0xdb);
            let len = usize::from(u16::from_le_bytes([rest[2], rest[3]]));
            assert_eq!(u16::from_le_bytes([rest[6], rest[7]]), 15, "version");
            messages.push(Message {
                template: u16::from_le_bytes([rest[4], rest[5]]),
                flags: rest[1],
                seq: word(rest, 8),
                last_processed: word(rest, 16),
                body: rest[32..len].to_vec(),
            });
            rest = &rest[len..];
        }
        messages
    }
}

/// A message of a client.
pub fn frame(template: u16, seq: i64, last_processed: i64, body: &[u8]) -> Vec<u8> {
    let header = Bytes::zeros(32)
        .put(0, &[0xdb])
        .u16(2, 32 + body.len() as u16)
        .u16(4, template)
        .u16(6, 15)
        .i64(8, seq)
        .i64(16, last_processed);
    [header.0.as_slice(), body].concat()
}

pub fn logon_body(name: &str, is_anew: bool, cancel_on_disconnect: bool) -> Vec<u8> {
    Bytes::zeros(68)
        .put(0, name.as_bytes())
        .put(16, format!("{name}-secret").as_bytes())
        .put(64, &[u8::from(is_anew)])
        .u16(65, 15)
        .put(67, &[u8::from(cancel_on_disconnect)])
        .0
}

/// A member that is logged on.
pub struct Client {
    pub name: &'static str,
    pub connection: u64,
    pub next_out: i64,
    pub last_in: i64,
}

impl Client {
    pub fn log_on(world: &mut World, name: &'static str) -> Self {
        let mut client = Self { name, connection: 0, next_out: 1, last_in: 0 };
        let answer = client.connect(world, true, false);
        assert_eq!(answer.iter().map(|message| message.template).collect::<Vec<_>>(), [2]);
        client
    }

    /// Connects and logs on; returns what was heard.
    pub fn connect(&mut self, world: &mut World, is_anew: bool, cancel_on_disconnect: bool) -> Vec<Message> {
        self.connection = world.connect();
        if is_anew {
            self.next_out = 1;
        }
        self.send(world, 1, &logon_body(self.name, is_anew, cancel_on_disconnect))
    }

    pub fn send(&mut self, world: &mut World, template: u16, body: &[u8]) -> Vec<Message> {
        let bytes = frame(template, self.next_out, self.last_in, body);
        self.next_out += 1;
        world.write(self.connection, &bytes);
        self.hear(world)
    }

    pub fn hear(&mut self, world: &mut World) -> Vec<Message> {
        let messages = world.read(self.connection);
        for message in messages.iter().filter(|message| message.flags == 0) {
            self.last_in = message.seq;
        }
        messages
    }

    pub fn order(&mut self, world: &mut World, order: &Order) -> Vec<Message> {
        self.send(world, 100, &order.body())
    }

    pub fn cancel(&mut self, world: &mut World, id: i64, instrument: i64) -> Vec<Message> {
        self.send(world, 120, &Bytes::zeros(24).i64(0, id).i64(8, id + 2_000).i64(16, instrument).0)
    }

    pub fn amend(&mut self, world: &mut World, order: &Order) -> Vec<Message> {
        let body = Bytes::zeros(52)
            .i64(0, order.id)
            .i64(8, order.id + 3_000)
            .i64(16, order.instrument)
            .i64(24, order.price)
            .quantity(32, order.quantity)
            .i64(41, NULL)
            .u16(50, order.flags);
        self.send(world, 110, &body.0)
    }
}

/// Templates of messages.
pub fn templates(messages: &[Message]) -> Vec<u16> {
    messages.iter().map(|message| message.template).collect()
}
