//! `[live.second]`: the legacy multicast as second feed, which hedge instruments are quoted from while Starbase may not
//! be believed.
//!
//! Its groups are received like all others, by a line of `[packets]`; what is named here is which of them carry it.
//! A datagram belongs to the feed whose group it came to, whatever its bytes look like.

use std::net::SocketAddrV4;

use serde::Deserialize;

use super::check::Checks;
use crate::deribit::legacy::SNAPSHOT_CHANNEL_OFFSET;
use crate::packet::PacketSettings;

/// Most channels.
const CHANNELS_MAX: usize = 64;

/// The second feed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondConfig {
    /// Groups of `[packets]` that carry it, events and snapshots, as in `239.111.111.1:6100`.
    pub groups: Vec<String>,
    /// The venue's numbers of its channels, those of events; snapshots come 100 above.
    pub channels: Vec<f64>,
    /// So long Starbase must have been in doubt before the second feed stands in, ms; 0 for at once.
    #[serde(default = "after_ms")]
    pub after_ms: f64,
    /// Oldest word of the second feed on an instrument that quotes come from, ms.
    #[serde(default = "age_max_ms")]
    pub age_max_ms: f64,
    /// So long banks are compiled on the vols of before, at the second feed's index, ms.
    #[serde(default = "vols_age_max_ms")]
    pub vols_age_max_ms: f64,
}

fn after_ms() -> f64 {
    10.0
}

fn age_max_ms() -> f64 {
    2_000.0
}

fn vols_age_max_ms() -> f64 {
    60_000.0
}

/// The second feed, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondPlan {
    /// Its groups, by number as in [`Received::group`](crate::packet::Received::group).
    pub groups: Vec<usize>,
    /// Channels of events.
    pub channels: Vec<u16>,
    /// How long Starbase must have been in doubt, ns.
    pub after_ns: u64,
    /// Oldest word that quotes come from, ns.
    pub age_max_ns: u64,
    /// How long banks are compiled on the vols of before, ns.
    pub vols_age_max_ns: u64,
}

/// Checks and converts. `packets` are the settings that the groups are received by.
pub(super) fn second(checks: &mut Checks<'_>, config: &SecondConfig, packets: Option<&PacketSettings>) -> SecondPlan {
    let known: Vec<SocketAddrV4> =
        packets.iter().flat_map(|packets| &packets.lines).flat_map(|line| line.groups.iter().copied()).collect();
    checks.require(!config.groups.is_empty(), "groups", 0, || "there must be at least one".to_owned());
    let mut named: Vec<SocketAddrV4> = Vec::new();
    for (at, text) in config.groups.iter().enumerate() {
        let name = format!("groups[{at}]");
        match text.parse::<SocketAddrV4>() {
            Ok(group) if named.contains(&group) => checks.refuse(&name, group, "is there already"),
            Ok(group) if known.contains(&group) => named.push(group),
            _ => checks.refuse(
                &name,
                format!("{text:?}"),
                "is no group of a line of [packets]; it has to be received there as well",
            ),
        }
    }
    let is_second = |(_, group): &(usize, &SocketAddrV4)| named.contains(group);
    let groups: Vec<usize> = known.iter().enumerate().filter(is_second).map(|(number, _)| number).collect();
    checks.require(named.is_empty() || groups.len() < known.len(), "groups", groups.len(), || {
        "are all that [packets] has: none is left for Starbase".to_owned()
    });
    let channels = config.channels.len();
    checks.require((1..=CHANNELS_MAX).contains(&channels), "channels", channels, || format!("1 to {CHANNELS_MAX}"));
    let mut planned: Vec<u16> = Vec::new();
    for (at, channel) in config.channels.iter().enumerate() {
        let name = format!("channels[{at}]");
        let channel = checks.whole_u32(&name, *channel, 0, u32::from(SNAPSHOT_CHANNEL_OFFSET) - 1) as u16;
        checks.require(!planned.contains(&channel), &name, channel, || "is there already".to_owned());
        planned.push(channel);
    }
    SecondPlan {
        groups,
        channels: planned,
        after_ns: checks.duration_ns("after_ms", config.after_ms),
        age_max_ns: checks.some_duration_ns("age_max_ms", config.age_max_ms),
        vols_age_max_ns: checks.some_duration_ns("vols_age_max_ms", config.vols_age_max_ms),
    }
}
