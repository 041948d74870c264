//! Random bytes, flips and changes: nothing panics, counts add up, books stay sorted.

use super::*;

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn flipped_bits_anywhere_in_a_file_never_panic(
        seed in 0u64..8,
        is_pcapng in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..12),
    ) {
        let format = if is_pcapng { CaptureFormat::PcapNg } else { CaptureFormat::Pcap };
        let capture = MarketCapture { seed, packets: 60, faults: vec![], format };
        let (mut bytes, expected) = capture.to_bytes().expect("a capture in memory can be written");
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        let reading = Reading::with_books(&bytes, Books::new(Start::JoinMidStream));
        prop_assert!(reading.datagrams + reading.skipped.total() <= expected.packets + 1);
    }

    #[test]
    fn arbitrary_payloads_never_panic(payload in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut reading = Reading::of(&market(0, 40, &[]).0);
        let before = reading.counts.packets + reading.counts.framing_errors;
        reading.datagram(&payload);
        // The same bytes as the body of a frame with the right length reach the message walk.
        let framed = one_packet(|packet| { packet.raw(&payload); });
        reading.datagram(&framed);
        prop_assert!(reading.counts.packets + reading.counts.framing_errors >= before + 2);
    }

    #[test]
    fn arbitrary_message_headers_never_panic(
        template in 998u16..1013,
        words in prop::array::uniform4(0u16..40),
        body in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let header = [words[0] * 4, template, 1, words[1], words[2] % 3, words[3] % 3];
        let bytes = one_packet(|packet| {
            packet.raw(&header.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()).raw(&body);
        });
        let mut reading = Reading::of(&market(0, 40, &[]).0);
        reading.datagram(&bytes);
    }

    #[test]
    fn arbitrary_changes_keep_books_sorted(
        changes in prop::collection::vec((any::<bool>(), 0u8..3, 1i64..60, 1u32..9, 0u64..3), 1..200),
    ) {
        let mut book = Book::new(0.5, Start::JoinMidStream).expect("a good tick size");
        let mut change_id = 0;
        for (is_bid, action, ticks, amount, id_step) in changes {
            let change = LevelChange {
                side: if is_bid { Side::Bid } else { Side::Ask },
                action: [Action::Create, Action::Change, Action::Delete][usize::from(action)],
                price: ticks as f64 * 0.5,
                amount: f64::from(amount),
            };
            let prev_change_id = change_id;
            change_id += id_step;
            let header = ChangeHeader { prev_change_id, change_id, timestamp_ms: change_id, is_last: true };
            book.apply_changes(header, [Some(change)]);
            let bids: Vec<_> = book.levels(Side::Bid).map(|level| level.price_ticks).collect();
            let asks: Vec<_> = book.levels(Side::Ask).map(|level| level.price_ticks).collect();
            prop_assert!(bids.windows(2).all(|pair| pair[0] > pair[1]));
            prop_assert!(asks.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(book.best_bid().map(|level| level.price_ticks), bids.first().copied());
            prop_assert_eq!(book.best_ask().map(|level| level.price_ticks), asks.first().copied());
        }
    }
}
