//! Whole generated captures, sound and with faults: a reading gives what was put in, and damage costs what
//! it covers.

use super::*;

#[test]
fn reading_gives_what_the_generator_put_in() {
    for seed in 0..4 {
        for format in [CaptureFormat::PcapNg, CaptureFormat::Pcap] {
            let capture = MarketCapture { seed, packets: 2_000, faults: vec![], format };
            let (bytes, expected) = capture.to_bytes().expect("a capture in memory can be written");
            let reading = Reading::of(&bytes);
            reading.assert_is(&expected);
            assert!(reading.error.is_none());
            assert_eq!(reading.reliable_books(), expected.tops.len(), "seed={seed}");
            assert_eq!(reading.skipped.total(), 0);
            assert!((1000..=1010).all(|template| reading.counts.of(template) > 0), "seed={seed}");
            let confirmed: u64 = reading.books.iter().map(|(_, book)| book.counts().snapshots_confirmed).sum();
            assert_eq!(confirmed, 4 * expected.tops.len() as u64, "seed={seed}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_file_and_another_seed_another() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("market.pcapng");
    let capture = |seed| MarketCapture { seed, packets: 200, ..MarketCapture::default() };
    let expected = capture(1).write(&path).expect("the capture is written");
    let file = CaptureFile::open(&path).expect("the capture opens");
    assert_eq!((file.bytes(), &expected), (&market(1, 200, &[]).0[..], &market(1, 200, &[]).1));
    assert_ne!(file.bytes(), &market(2, 200, &[]).0[..]);
    let datagrams: Result<Vec<_>, _> = file.datagrams().expect("a capture").collect();
    assert_eq!(datagrams.expect("no damage").len(), 200);
}

#[test]
fn lost_packets_are_counted_and_cost_only_the_books_they_changed() {
    let mut broken = 0;
    for at in 100..160 {
        let (bytes, expected) = market(5, 400, &[Fault::Gap { at }]);
        assert_eq!(expected.packets, 399);
        let reading = Reading::of(&bytes);
        reading.assert_is(&expected);
        assert_eq!(reading.sum(ChannelSequence::lost_packets), expected.missing_packets);
        let books_broken = reading.books.iter().filter(|(_, book)| book.trust() == Trust::Broken).count();
        assert_eq!(books_broken as u64, expected.book_gaps, "at={at}");
        broken += books_broken;
    }
    assert!(broken > 20, "the losses hit books");
}

#[test]
fn a_lost_packet_heals_with_the_next_round_of_snapshots() {
    for at in [120, 130, 140, 150, 160] {
        let (bytes, expected) = market(6, 900, &[Fault::Gap { at }]);
        let reading = Reading::of(&bytes);
        reading.assert_is(&expected);
        assert_eq!(reading.reliable_books(), expected.tops.len(), "at={at}");
    }
}

#[test]
fn a_lost_part_of_a_snapshot_costs_no_book_its_chain() {
    for at in 0..30 {
        let (bytes, expected) = market(7, 1_000, &[Fault::Gap { at }]);
        let reading = Reading::of(&bytes);
        reading.assert_is(&expected);
        assert_eq!(reading.reliable_books(), expected.tops.len(), "at={at}");
    }
}

#[test]
fn duplicates_change_nothing() {
    for at in 90..130 {
        let (bytes, expected) = market(8, 300, &[Fault::Duplicate { at }]);
        assert_eq!((expected.packets, expected.duplicates, expected.book_gaps), (301, 1, 0));
        let reading = Reading::of(&bytes);
        reading.assert_is(&expected);
        assert_eq!(reading.reliable_books(), expected.tops.len(), "at={at}");
    }
}

#[test]
fn reordered_packets_are_a_gap_and_a_late_packet() {
    let mut gaps = 0;
    for at in 90..130 {
        let (bytes, expected) = market(9, 400, &[Fault::Reorder { at }]);
        assert_eq!(expected.late_packets, 1);
        gaps += expected.gaps;
        let reading = Reading::of(&bytes);
        reading.assert_is(&expected);
        assert_eq!(reading.sum(ChannelSequence::lost_packets), 0);
    }
    // A channel's first packet, when late, was not missed before.
    assert!((35..40).contains(&gaps), "{gaps}");
}

#[test]
fn unknown_messages_are_counted_and_change_nothing() {
    let faults = [Fault::UnknownTemplate { at: 50 }, Fault::UnknownSchema { at: 60 }];
    let (bytes, expected) = market(10, 300, &faults);
    assert_eq!((expected.unknown_templates, expected.unknown_schemas), (1, 1));
    let reading = Reading::of(&bytes);
    reading.assert_is(&expected);
    assert_eq!(reading.reliable_books(), expected.tops.len());
}

#[test]
fn a_truncated_file_gives_all_whole_packets_and_then_says_where_it_ends() {
    for format in [CaptureFormat::PcapNg, CaptureFormat::Pcap] {
        let capture = MarketCapture { seed: 11, packets: 300, faults: vec![Fault::Truncate], format };
        let (bytes, expected) = capture.to_bytes().expect("a capture in memory can be written");
        assert_eq!((expected.packets, expected.is_truncated), (299, true));
        let reading = Reading::of(&bytes);
        reading.assert_is(&expected);
        let Some(CaptureError::Truncated { position_bytes, file_bytes, records }) = reading.error else { panic!() };
        assert_eq!((file_bytes, records), (bytes.len() as u64, 299));
        assert!(position_bytes < file_bytes);
    }
}

#[test]
fn all_faults_together_add_up() {
    let faults = [
        Fault::Gap { at: 120 },
        Fault::Gap { at: 121 },
        Fault::Duplicate { at: 140 },
        Fault::Reorder { at: 160 },
        Fault::UnknownTemplate { at: 180 },
        Fault::UnknownSchema { at: 200 },
        Fault::Truncate,
    ];
    for seed in 20..40 {
        let (bytes, expected) = market(seed, 600, &faults);
        Reading::of(&bytes).assert_is(&expected);
    }
}

#[test]
fn a_file_cut_at_any_byte_gives_a_prefix_of_its_packets() {
    for format in [CaptureFormat::PcapNg, CaptureFormat::Pcap] {
        let capture = MarketCapture { seed: 12, packets: 40, faults: vec![], format };
        let (bytes, _) = capture.to_bytes().expect("a capture in memory can be written");
        let whole: Vec<_> =
            Datagrams::from_bytes(&bytes).expect("a capture").map(|datagram| datagram.expect("no damage")).collect();
        for cut in 0..bytes.len() {
            let Ok(datagrams) = Datagrams::from_bytes(&bytes[..cut]) else {
                assert!(cut < 28, "the file header is whole at {cut}");
                continue;
            };
            let (mut read, mut errors) = (0, 0);
            for datagram in datagrams {
                match datagram {
                    Ok(datagram) => {
                        assert_eq!(datagram, whole[read]);
                        assert_eq!(errors, 0);
                        read += 1;
                    }
                    Err(CaptureError::Truncated { .. }) => errors += 1,
                    Err(other) => panic!("cut at {cut}: {other}"),
                }
            }
            let starts_record = whole.iter().any(|datagram| datagram.position_bytes == cut as u64);
            assert!(errors == 1 || starts_record || read == 0, "cut at {cut}");
        }
    }
}

#[test]
fn a_flipped_bit_in_a_payload_costs_no_other_packet() {
    for bit in 0..2_000 {
        let (bytes, expected) = market(13, 150, &[Fault::BitFlip { at: 120, bit }]);
        let reading = Reading::of(&bytes);
        assert_eq!((reading.datagrams, expected.flipped_packets), (150, 1));
        assert!(reading.counts.framing_errors <= 1, "bit={bit}");
        assert!(reading.counts.packets >= 149, "bit={bit}");
    }
}
