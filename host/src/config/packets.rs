//! Where packets come from, from the words of a configuration to the settings of the sources.
//!
//! Addresses, names and numbers are checked here; whether interface, queue and core exist is found out when they are
//! opened, because a configuration is also checked on other machines.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::PathBuf;

use serde::Deserialize;

use super::check::Checks;
use crate::packet::settings::{GROUPS_MAX, RING_FRAMES_DEFAULT, RING_FRAMES_RANGE};
use crate::packet::{Checksums, Line, LineSettings, PacketSettings, Playback, SourceKind, XdpMode};

/// Longest name of an interface (`IFNAMSIZ` less its zero).
const INTERFACE_NAME_BYTES_MAX: usize = 15;
const QUEUE_MAX: u64 = 4095;
const CORE_MAX: u64 = 4095;
const BUSY_POLL_US_MAX: u32 = 1_000_000;
/// Fastest playback, in recorded speeds.
const SPEED_MAX: f64 = 1e6;

/// Where packets come from, and how.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacketsConfig {
    /// Which way in.
    pub source: SourceKind,
    /// Core of the receiving thread; not pinned if left out.
    pub core: Option<f64>,
    /// Frames that wait while nobody reads, a power of two.
    #[serde(default = "ring_frames")]
    pub ring_frames: f64,
    /// Where the XDP program runs.
    #[serde(default = "automatic")]
    pub xdp_mode: XdpMode,
    /// What is done about sums over datagrams, where the kernel has not done it.
    #[serde(default = "verify")]
    pub checksums: Checksums,
    /// Whether the card is asked to stamp packets.
    #[serde(default = "yes")]
    pub hardware_stamps: bool,
    /// How long a read of a UDP socket polls the card's queue itself, us; 0 for never.
    #[serde(default)]
    pub busy_poll_us: f64,
    /// The capture, where that is the source.
    pub capture: Option<PlaybackConfig>,
    /// The feed's lines.
    #[serde(default)]
    pub line: Vec<LineConfig>,
}

/// A capture as a source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaybackConfig {
    /// The file.
    pub path: PathBuf,
    /// Speed, 1 is the recorded one; 0 is as fast as it is read.
    #[serde(default = "recorded")]
    pub speed: f64,
}

/// Groups that arrive at one interface and belong to one line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineConfig {
    /// Which line.
    pub name: Line,
    /// Interface, as in `eth1`; may be left out for a capture.
    #[serde(default)]
    pub interface: String,
    /// Receive queues for AF_XDP; all if left out.
    #[serde(default)]
    pub queues: Vec<f64>,
    /// Multicast groups with their ports, as in `239.1.2.3:4220`.
    pub groups: Vec<String>,
}

fn ring_frames() -> f64 {
    f64::from(RING_FRAMES_DEFAULT)
}

fn automatic() -> XdpMode {
    XdpMode::Auto
}

fn verify() -> Checksums {
    Checksums::Verify
}

fn yes() -> bool {
    true
}

fn recorded() -> f64 {
    1.0
}

/// Checks and converts.
pub(super) fn packets(checks: &mut Checks<'_>, config: &PacketsConfig) -> PacketSettings {
    let (least, most) = RING_FRAMES_RANGE;
    let ring_frames = checks.whole_u32("ring_frames", config.ring_frames, least, most);
    checks.require(ring_frames.is_power_of_two(), "ring_frames", ring_frames, || "must be a power of two".to_owned());
    let is_capture = config.source == SourceKind::Capture;
    let playback = config.capture.as_ref().map(|capture| playback(&mut checks.at("capture"), capture));
    checks.require(playback.is_some() == is_capture, "capture", playback.is_some(), || {
        if is_capture { "the source is a capture: name it" } else { "the source is no capture: remove it" }.to_owned()
    });
    checks.require(!config.line.is_empty(), "line", 0, || "there must be at least one".to_owned());
    let mut seen = BTreeMap::new();
    let lines = (config.line.iter().enumerate())
        .map(|(at, line)| planned_line(&mut checks.element("line", at), line, is_capture, &mut seen))
        .collect();
    PacketSettings {
        source: config.source,
        lines,
        core: config.core.map(|core| checks.whole("core", core, 0, CORE_MAX) as usize),
        ring_frames,
        xdp_mode: config.xdp_mode,
        checksums: config.checksums,
        hardware_stamps: config.hardware_stamps,
        busy_poll_us: checks.whole_u32("busy_poll_us", config.busy_poll_us, 0, BUSY_POLL_US_MAX),
        playback,
    }
}

fn playback(checks: &mut Checks<'_>, config: &PlaybackConfig) -> Playback {
    let speed = checks.real("speed", config.speed, 0.0, SPEED_MAX);
    let speed_per_mille = (speed * 1e3).round() as u64;
    checks.require(speed == 0.0 || speed_per_mille > 0, "speed", speed, || "must be 0, or at least 0.001".to_owned());
    Playback { path: config.path.clone(), speed_per_mille }
}

/// `seen`: groups by interface, and how many each has.
fn planned_line<'c>(
    checks: &mut Checks<'_>,
    config: &'c LineConfig,
    is_capture: bool,
    seen: &mut BTreeMap<&'c str, Vec<SocketAddrV4>>,
) -> LineSettings {
    let interface = if is_capture { "" } else { config.interface.as_str() };
    let is_name = !interface.is_empty()
        && interface.len() <= INTERFACE_NAME_BYTES_MAX
        && !interface.contains(|letter: char| letter == '/' || letter.is_whitespace() || letter.is_control());
    checks.require(is_name || is_capture, "interface", format!("{interface:?}"), || {
        format!("must be the name of an interface, at most {INTERFACE_NAME_BYTES_MAX} bytes; `ip link` lists them")
    });
    checks.require(!config.groups.is_empty(), "groups", 0, || "there must be at least one".to_owned());
    let of_interface = seen.entry(interface).or_default();
    let mut groups = Vec::new();
    for (at, text) in config.groups.iter().enumerate() {
        let name = format!("groups[{at}]");
        let group = match text.parse::<SocketAddrV4>() {
            Ok(group) if group.ip().is_multicast() && group.port() > 0 => group,
            _ => {
                let reason = "must be an IPv4 multicast group and its port, as in \"239.1.2.3:4220\"";
                checks.refuse(&name, format!("{text:?}"), reason);
                continue;
            }
        };
        checks.require(!of_interface.contains(&group), &name, group, || {
            "is there already: a datagram could not be told to be of one line or the other".to_owned()
        });
        of_interface.push(group);
        groups.push(group);
    }
    checks.require(of_interface.len() <= GROUPS_MAX, "groups", of_interface.len(), || {
        format!("an interface may have {GROUPS_MAX}")
    });
    let queue = |(at, queue): (usize, &f64)| checks.whole(&format!("queues[{at}]"), *queue, 0, QUEUE_MAX) as u32;
    let queues = config.queues.iter().enumerate().map(queue).collect();
    LineSettings { line: config.name, interface: interface.to_owned(), queues, groups }
}
