//! Hostile bytes into the second feed: as datagrams, and as the messages of packets whose headers are good, on channels
//! of events and of snapshots, at the start or after what the simulated venue says in its first second.
//!
//! Nothing may panic, overflow or run away; what it says of the instrument is a market that a quote can come from.
//!
//! The last bit chooses the beginning. The bytes are read as steps: one byte for the channel, one for how far its number is ahead, one for its length, then
//! its messages.
#![no_main]

use std::sync::LazyLock;

use hedgewire_host::config::Plan;
use hedgewire_host::deribit::legacy::{FRAME_HEADER_BYTES, Frame, SNAPSHOT_CHANNEL_OFFSET};
use hedgewire_host::live::Second;
use hedgewire_sim::venue::{LegacySettings, Output, Venue, listing};
use libfuzzer_sys::fuzz_target;

const EXAMPLE: &str = include_str!("../../../host/examples/live.toml");
const SECOND: &str = "[live.second]\ngroups = [\"239.255.42.1:4230\"]\nchannels = [1]\n\n[[gateway]]";
const START_NS: i64 = 1_790_000_000_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;
/// Time between two steps, ns.
const STEP_NS: u64 = 100_000_000;
/// The instrument that the configuration hedges with.
const HEDGE: usize = 0;

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let text = EXAMPLE.replace("\n[[gateway]]", &format!("\n{SECOND}"));
    Plan::parse(&text).expect("the example, with one of its groups as second feed")
});

/// The legacy multicast of the venue's first second: definitions, snapshots, changes.
static BEGINNING: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let legacy = LegacySettings { snapshot_cycle_ns: SECOND_NS / 5, loss: 0.0 };
    let settings = listing::venue(1, START_NS, (1, 1), &[]);
    let mut venue = Venue::new(settings, START_NS, None).with_legacy(START_NS, legacy);
    venue.advance(START_NS + SECOND_NS);
    let said = std::iter::from_fn(|| venue.next_output(START_NS + SECOND_NS));
    said.filter_map(|output| if let Output::Legacy { bytes, .. } = output { Some(bytes) } else { None }).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let mut second = Second::of(&PLAN).expect("the plan has one");
    let mut now_ns = (START_NS + SECOND_NS).cast_unsigned();
    let mut packets = [u32::MAX - 2; 2];
    if bytes.last().is_some_and(|byte| byte & 1 == 1) {
        for payload in BEGINNING.iter() {
            second.on_datagram(payload, now_ns);
            let frame = Frame::new(payload).expect("the venue's packets are good");
            packets[usize::from(frame.channel >= SNAPSHOT_CHANNEL_OFFSET)] = frame.packet_seq;
        }
        assert!(second.touch(HEDGE).is_some(), "it is live by then");
    }
    second.on_datagram(bytes, now_ns);
    let mut rest = bytes;
    while let Some((step, after)) = rest.split_first_chunk::<3>() {
        let [channel, ahead, length] = *step;
        let (messages, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        let is_snapshot = channel & 1;
        let packet = &mut packets[usize::from(is_snapshot)];
        // Mostly the next one; now and then a few before or after it.
        *packet = packet.wrapping_add_signed(1 + i32::from(ahead.cast_signed()) / 32);
        second.on_datagram(&framed(1 + u16::from(is_snapshot) * SNAPSHOT_CHANNEL_OFFSET, *packet, messages), now_ns);
        assert_is_sane(&second, now_ns);
        now_ns += STEP_NS;
    }
});

fn assert_is_sane(second: &Second, now_ns: u64) {
    let Some(touch) = second.touch(HEDGE) else { return };
    assert!(touch.feed_ns <= now_ns, "a message from the future");
    let (bid, ask) = (touch.bid.0, touch.ask.0);
    assert!(bid == 0 || ask == 0 || bid < ask, "crossed or locked");
}

/// A packet of a channel, with its length as it should be.
fn framed(channel: u16, packet: u32, messages: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(FRAME_HEADER_BYTES + messages.len());
    payload.extend((messages.len() as u16).to_le_bytes());
    payload.extend(channel.to_le_bytes());
    payload.extend(packet.to_le_bytes());
    payload.extend(messages);
    payload
}
