//! Random bytes, headers and numbers into a channel in the middle of its day: no panic, bounded, still sane.

use super::venue::{CHANNEL, Venue};
use super::*;
use believed::Delivered;

/// A channel that is live, and what its venue sent.
fn live_channel() -> (Channel, Venue) {
    let mut settings = ChannelSettings::new(CHANNEL);
    (settings.instruments_max, settings.early_packets_max, settings.held_changes_log2) = (16, 8, 4);
    let mut channel = Channel::new(settings);
    let mut venue = Venue::new(1, 3, 100);
    (0..20).for_each(|_| venue.trade());
    channel.on_datagram(Source::A, &venue.heartbeat(1), 1, &mut ());
    for _ in 0..4 {
        for bytes in venue.snapshot(1) {
            channel.on_datagram(Source::A, &bytes, 1, &mut ());
        }
    }
    assert_eq!(channel.state(), ChannelState::Live);
    (channel, venue)
}

fn assert_sane(channel: &Channel) {
    for instrument in channel.instruments() {
        let book = instrument.book();
        let prices = |side| book.levels(side).map(|level: PriceLevel| level.price).collect::<Vec<_>>();
        assert!(prices(Side::Bid).windows(2).all(|pair| pair[0] > pair[1]));
        assert!(prices(Side::Ask).windows(2).all(|pair| pair[0] < pair[1]));
        for side in [Side::Bid, Side::Ask] {
            assert!(book.levels(side).all(|level| level.quantity > 0 && level.orders > 0));
            assert_eq!(book.levels(side).map(|level| level.orders as usize).sum::<usize>(), book.orders(side).count());
        }
        let handle = channel.handle(instrument.id()).expect("every instrument has its place");
        assert!(channel.book(handle).is_err() || book.shape() != Shape::Crossed);
    }
    assert!(channel.instruments().len() <= 16);
}

/// Templates that a channel acts on, some that it does not, and one that nobody knows.
const TEMPLATES: [u16; 17] = [10, 12, 14, 16, 20, 21, 22, 23, 24, 25, 30, 33, 100, 101, 119, 202, 7];

/// Numbers of few orders and instruments, extremes, and any.
fn word() -> impl Strategy<Value = i64> {
    prop_oneof![0i64..6, Just(i64::MIN), Just(i64::MAX), any::<i64>()]
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn arbitrary_datagrams_never_panic(
        payloads in prop::collection::vec((0usize..3, prop::collection::vec(any::<u8>(), 0..300)), 1..20),
        steps in prop::collection::vec(any::<u64>(), 20),
    ) {
        let (mut channel, _) = live_channel();
        for ((source, payload), now_ns) in payloads.iter().zip(steps) {
            channel.on_datagram([Source::A, Source::B, Source::Unicast][*source], payload, now_ns, &mut ());
            channel.poll(now_ns, &mut ());
        }
        assert_sane(&channel);
    }

    #[test]
    fn arbitrary_bodies_and_numbers_in_good_frames_never_panic(
        packets in prop::collection::vec(
            (
                (0usize..3, prop::sample::select(vec![0u16, 1, 2, 5]), any::<i64>(), any::<bool>(), any::<i64>()),
                prop::collection::vec(
                    (
                        prop::sample::select(TEMPLATES.to_vec()),
                        0u16..4,
                        prop::collection::vec(word(), 0..40),
                        any::<bool>(),
                    ),
                    0..6,
                ),
            ),
            1..24,
        ),
    ) {
        let (mut channel, venue) = live_channel();
        let mut delivered = Delivered::default();
        let mut now_ns = 1;
        for ((source, kind, seq, is_near, time), messages) in packets {
            let mut bytes = Vec::new();
            for (template, flags, words, is_exact) in &messages {
                let bytes_of_words = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                let mut body = Body { template: *template, bytes: bytes_of_words };
                if let Some(layout) = layout::MESSAGES.iter().find(|layout| layout.template == *template && *is_exact) {
                    body.bytes.resize(layout.block_bytes, 0);
                }
                if *template == 10 && *is_exact {
                    body = body.u16(16).u16(0).u16(9).u16(0);
                }
                bytes.extend(body.message(1, *flags));
            }
            let seq = if is_near { (venue.next_seq() + seq % 8).max(0) } else { seq };
            let header = wire::Header { sending_time: time, seq, channel: CHANNEL, kind, count: messages.len() as u16 };
            let bytes = wire::raw_packet(header, &bytes);
            now_ns += 40_000;
            delivered.last = None;
            channel.on_datagram([Source::A, Source::B, Source::Unicast][source], &bytes, now_ns, &mut delivered);
            delivered.last = None;
            channel.poll(now_ns, &mut delivered);
            assert_sane(&channel);
        }
    }

    #[test]
    fn flipped_bits_never_panic_and_cost_a_bounded_time(
        seed in 0u64..20,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..8), 1..20),
    ) {
        let (mut channel, mut venue) = live_channel();
        let first = venue.next_seq();
        venue.rng = rand::SeedableRng::seed_from_u64(seed);
        (0..30).for_each(|_| venue.trade());
        let mut packets = venue.packets(first, 2);
        for (packet, place, bit) in flips {
            let count = packets.len();
            let bytes = &mut packets[packet.index(count)];
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        for (number, bytes) in packets.iter().enumerate() {
            let now_ns = 10_000 * number as u64;
            channel.on_datagram(Source::A, bytes, now_ns, &mut ());
            channel.poll(now_ns, &mut ());
        }
        assert_sane(&channel);
    }
}
