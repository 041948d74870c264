//! What is received, from where and how; the configuration's `[packets]` becomes this.

use std::net::SocketAddrV4;
use std::path::PathBuf;

use serde::Deserialize;

/// One of the two lines over which a venue sends the same feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// The first.
    A,
    /// The second.
    B,
}

/// Where packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// AF_XDP: frames before the kernel's network stack has seen them.
    AfXdp,
    /// A TPACKET_V2 ring: copies of frames, in memory shared with the kernel.
    PacketRing,
    /// UDP sockets.
    Udp,
    /// A capture file.
    Capture,
}

/// Where in the kernel an XDP program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum XdpMode {
    /// In the driver if it can, else in the stack.
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the stack: works with every driver.
    Generic,
}

/// What is done about sums over datagrams, where the kernel has not done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksums {
    /// A wrong one is counted, and its datagram refused.
    Verify,
    /// As `Verify`, and one that a sender on this machine left unfinished is right: for veth and the like.
    Virtual,
    /// Nothing.
    Ignore,
}

/// Groups that arrive at one interface and belong to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineSettings {
    /// Which line.
    pub line: Line,
    /// Interface, as in `eth1`; not used by a capture.
    pub interface: String,
    /// Receive queues that AF_XDP takes the groups from; all of the interface's if empty.
    pub queues: Vec<u32>,
    /// Multicast groups and ports.
    pub groups: Vec<SocketAddrV4>,
}

/// A capture file as a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playback {
    /// The file.
    pub path: PathBuf,
    /// Speed in thousandths of the recorded one; 0 is as fast as it is read.
    pub speed_per_mille: u64,
}

/// What is received, from where and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketSettings {
    /// Where packets come from.
    pub source: SourceKind,
    /// Groups by line; the groups of all lines together are numbered in this order.
    pub lines: Vec<LineSettings>,
    /// Core that the receiving thread is pinned to; none if `None`.
    pub core: Option<usize>,
    /// Frames that wait while nobody reads, a power of two: per queue (AF_XDP), per interface (ring), and, 2 KiB each,
    /// the buffer of a UDP socket.
    pub ring_frames: u32,
    /// Where the XDP program runs.
    pub xdp_mode: XdpMode,
    /// What is done about sums.
    pub checksums: Checksums,
    /// Whether the network card is asked to stamp every packet; where it cannot, the kernel does.
    pub hardware_stamps: bool,
    /// How long a read of a UDP socket polls the card's queue itself, us; 0 for never.
    pub busy_poll_us: u32,
    /// The file, for [`SourceKind::Capture`].
    pub playback: Option<Playback>,
}

/// Frames that wait while nobody reads, if nothing else is said.
pub const RING_FRAMES_DEFAULT: u32 = 4096;
/// Fewest and most of them.
pub const RING_FRAMES_RANGE: (u32, u32) = (64, 1 << 16);
/// Most groups of one interface: filters in the kernel have a branch for each.
pub const GROUPS_MAX: usize = 64;
