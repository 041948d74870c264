//! The ways in that a network gives, as tests and benches go through them.

use std::net::SocketAddrV4;

use hedgewire_host::packet::{Checksums, Line, LineSettings, PacketSettings, SourceKind, XdpMode};

use super::namespaces::INTERFACE;

/// A live source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub source: SourceKind,
    pub mode: XdpMode,
    pub name: &'static str,
}

/// All of them; UDP, which the others are compared with, last.
pub const WAYS: [Way; 4] = [
    Way { source: SourceKind::AfXdp, mode: XdpMode::Native, name: "AF_XDP, native" },
    Way { source: SourceKind::AfXdp, mode: XdpMode::Generic, name: "AF_XDP, generic" },
    Way { source: SourceKind::PacketRing, mode: XdpMode::Auto, name: "packet ring" },
    Way { source: SourceKind::Udp, mode: XdpMode::Auto, name: "UDP" },
];

impl Way {
    /// Groups of line A and line B at the receiving side's interface, with room for so many frames.
    pub fn settings(self, groups: [&[SocketAddrV4]; 2], ring_frames: u32) -> PacketSettings {
        let line = |(line, groups): (Line, &[SocketAddrV4])| LineSettings {
            line,
            interface: INTERFACE.to_owned(),
            queues: Vec::new(),
            groups: groups.to_vec(),
        };
        let lines = [Line::A, Line::B].into_iter().zip(groups).filter(|(_, groups)| !groups.is_empty());
        PacketSettings {
            source: self.source,
            lines: lines.map(line).collect(),
            core: None,
            ring_frames,
            xdp_mode: self.mode,
            checksums: Checksums::Virtual,
            hardware_stamps: true,
            busy_poll_us: 0,
            playback: None,
        }
    }
}
