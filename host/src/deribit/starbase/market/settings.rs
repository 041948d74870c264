//! What a caller gives a channel: limits, an observer, and where datagrams came from.

use super::error::DecodeError;
use super::packet::Framed;
use super::retransmit::RetransmitSettings;

/// Silence after which the venue sends a heartbeat, ns.
pub const HEARTBEAT_NS: u64 = 5_000_000_000;

/// Sees the messages of a channel.
pub trait Observer {
    /// A message of the incremental channel: in order, each once.
    fn on_message(&mut self, _seq: i64, _framed: &Framed<'_>) {}
    /// A message of the snapshot channel, in order, as old as the snapshot that it is in.
    fn on_snapshot(&mut self, _framed: &Framed<'_>) {}
    /// Something could not be read.
    fn on_error(&mut self, _channel_id: i32, _error: &DecodeError) {}
}

/// Sees nothing.
impl Observer for () {}

/// Where a datagram was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Multicast line A.
    A,
    /// Multicast line B.
    B,
    /// The socket that requests are sent from.
    Unicast,
}

/// Limits of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelSettings {
    /// The venue's number for the channel.
    pub channel_id: i32,
    /// Silence after which the channel is in doubt, ns: the venue's heartbeat and what it may be late by.
    pub silence_ns_max: u64,
    /// How lost messages are asked for.
    pub retransmit: RetransmitSettings,
    /// Packets held while others before them are missing.
    pub early_packets_max: usize,
    /// Their bytes.
    pub early_bytes_max: usize,
    /// log2 of the changes held for books that wait for a snapshot: at least those of a snapshot cycle.
    pub held_changes_log2: u32,
    /// Most instruments.
    pub instruments_max: usize,
}

impl ChannelSettings {
    /// The usual limits.
    pub fn new(channel_id: i32) -> Self {
        Self {
            channel_id,
            silence_ns_max: HEARTBEAT_NS + HEARTBEAT_NS / 10,
            retransmit: RetransmitSettings::default(),
            early_packets_max: 8192,
            early_bytes_max: 4 << 20,
            held_changes_log2: 16,
            instruments_max: 1 << 16,
        }
    }
}

/// Where a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// No packet of the incremental channel has come.
    Unstarted,
    /// Books wait for their snapshots.
    Joining,
    /// Messages are missing and being asked for.
    Gap,
    /// Everything is there.
    Live,
}
