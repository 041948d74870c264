//! Hostile bytes into a channel of Starbase market data: as datagrams on every line, and as the messages of
//! packets whose headers are good, before and after snapshots.
//!
//! Nothing may panic, overflow or run away; books must stay sorted and a believed one is not crossed.
//!
//! The bytes are read as steps: one byte for the source and the kind of packet, one for how far its number is
//! ahead, one for its messages' number, one for its length, then its messages.
#![no_main]

use hedgewire_host::book::{Shape, Side};
use hedgewire_host::deribit::starbase::market::{
    Channel, ChannelSettings, ChannelState, DecodeError, Observer, PriceLevel, Source,
};
use libfuzzer_sys::fuzz_target;

const CHANNEL: i32 = 1;
/// Time between two steps, ns: a gap waits for one and is given up after a few thousand.
const STEP_NS: u64 = 60_000;

fuzz_target!(|bytes: &[u8]| {
    let mut settings = ChannelSettings::new(CHANNEL);
    (settings.instruments_max, settings.early_packets_max, settings.held_changes_log2) = (16, 8, 4);
    settings.early_bytes_max = 2048;
    let mut channel = Channel::new(settings);
    let mut now_ns = 1;
    channel.on_datagram(Source::A, bytes, now_ns, &mut Errors);
    let mut rest = bytes;
    while let Some((step, after)) = rest.split_first_chunk::<4>() {
        let [source_and_kind, ahead, count, length] = *step;
        let (messages, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        let source = [Source::A, Source::B, Source::Unicast][usize::from(source_and_kind & 3) % 3];
        let kind = [0u16, 1, 2, 5][usize::from(source_and_kind >> 2 & 3)];
        // From a little before the number that is expected to a little after it.
        let seq = channel.expected_seq().unwrap_or(100).saturating_add(i64::from(ahead.cast_signed()) / 16).max(0);
        let payload = framed(kind, seq, now_ns, u16::from(count % 8), messages);
        channel.on_datagram(source, &payload, now_ns, &mut Errors);
        now_ns += STEP_NS;
        channel.poll(now_ns, &mut Errors);
        assert_is_sane(&channel);
    }
});

/// Reads every error: its text must not panic either.
struct Errors;

impl Observer for Errors {
    fn on_error(&mut self, _: i32, error: &DecodeError) {
        assert!(!error.to_string().is_empty());
    }
}

fn framed(kind: u16, seq: i64, now_ns: u64, count: u16, messages: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(24 + messages.len());
    payload.extend(now_ns.to_le_bytes());
    payload.extend(seq.to_le_bytes());
    payload.extend(CHANNEL.to_le_bytes());
    payload.extend(kind.to_le_bytes());
    payload.extend(count.to_le_bytes());
    payload.extend(messages);
    payload
}

fn assert_is_sane(channel: &Channel) {
    assert!(channel.instruments().len() <= 16);
    assert_eq!(channel.state() == ChannelState::Unstarted, channel.expected_seq().is_none());
    for instrument in channel.instruments() {
        let book = instrument.book();
        let prices = |side| book.levels(side).map(|level: PriceLevel| level.price).collect::<Vec<_>>();
        assert!(prices(Side::Bid).windows(2).all(|pair| pair[0] > pair[1]));
        assert!(prices(Side::Ask).windows(2).all(|pair| pair[0] < pair[1]));
        let handle = channel.handle(instrument.id()).expect("every instrument has its place");
        assert!(channel.book(handle).is_err() || !matches!(book.shape(), Shape::Crossed | Shape::Locked));
    }
}
