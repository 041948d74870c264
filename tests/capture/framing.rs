//! Lengths and counts of frames, messages and groups: longer ones are read up to what is known, shorter
//! ones are an error.

use super::*;

/// A message from its parts.
fn message(template: u16, block: &[u8], counts: (u16, u16), rest: &[u8]) -> Vec<u8> {
    let header = [block.len() as u16, template, 1, 2, counts.0, counts.1];
    let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend_from_slice(block);
    bytes.extend_from_slice(rest);
    bytes
}

fn packet(messages: &[Vec<u8>]) -> Vec<u8> {
    one_packet(|packet| {
        packet.raw(&messages.concat());
    })
}

fn group(words: [u16; 4], entries: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend_from_slice(entries);
    bytes
}

fn fault(packet: &[u8]) -> DecodeError {
    messages(packet).expect_err("the packet is damaged")
}

#[test]
fn layouts_have_the_block_lengths_of_the_venue() {
    let lengths: Vec<_> = LAYOUTS.iter().map(|layout| (layout.template, layout.block_bytes)).collect();
    assert_eq!(
        lengths,
        [
            (1000, 140),
            (1001, 29),
            (1001, 18),
            (1002, 4),
            (1002, 83),
            (1003, 133),
            (1004, 22),
            (1004, 17),
            (1005, 4),
            (1006, 0),
            (1007, 4),
            (1007, 8),
            (1008, 32),
            (1009, 22),
            (1010, 139),
            (1010, 16),
        ]
    );
}

#[test]
fn a_longer_block_is_read_up_to_what_is_known() {
    let bytes = packet(&[message(1005, &[10, 0, 0, 0, 99, 99], (0, 0), &[]), message(1006, &[1], (0, 0), &[])]);
    let messages = messages(&bytes).expect("longer blocks are allowed");
    let [Message::SnapshotStart(start), Message::SnapshotEnd(_)] = messages[..] else { panic!("{messages:?}") };
    assert_eq!(start.snapshot_delay(), 10);
}

#[test]
fn longer_group_entries_are_read_up_to_what_is_known() {
    let entries = [6, 0, 0, 0, 1, 0, 0, 0, 99, 7, 0, 0, 0, 2, 0, 0, 0, 99];
    let bytes = packet(&[message(1007, &[5, 0, 0, 0], (1, 0), &group([9, 2, 0, 0], &entries))]);
    let Message::ComboLegs(combo) = only_message(&bytes) else { panic!() };
    assert_eq!(combo.legs().map(|leg| leg.size()).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn groups_nested_by_a_later_version_are_stepped_over() {
    // Each entry: 8 known bytes, a nested group of one 2-byte entry, a string of 3.
    let tail = [group([2, 1, 0, 0], &[1, 2]), vec![3, 97, 98, 99]].concat();
    let entry = |id: u8, size: u8| [vec![id, 0, 0, 0, size, 0, 0, 0], tail.clone()].concat();
    let entries = [entry(6, 1), entry(7, 2)].concat();
    let rest = [group([8, 2, 1, 1], &entries), group([1, 1, 0, 0], &[9]), vec![1, 120]].concat();
    let bytes = packet(&[message(1007, &[5, 0, 0, 0], (2, 1), &rest), message(1006, &[], (0, 0), &[])]);
    let messages = messages(&bytes).expect("nested groups are allowed");
    let [Message::ComboLegs(combo), Message::SnapshotEnd(_)] = messages[..] else { panic!("{messages:?}") };
    assert_eq!(combo.legs().map(|leg| (leg.instrument_id(), leg.size())).collect::<Vec<_>>(), [(6, 1), (7, 2)]);
}

#[test]
fn unknown_templates_and_schemas_are_skipped_by_their_length() {
    let bytes = one_packet(|packet| {
        packet.foreign(UNKNOWN_TEMPLATE, 1).foreign(1003, UNKNOWN_SCHEMA).snapshot_start(3);
    });
    let mut counts = MessageCounts::default();
    Frame::new(&bytes).expect("a good frame").messages().for_each(|message| counts.observe(&message));
    assert_eq!((counts.unknown_templates, counts.unknown_schemas, counts.of(1005)), (1, 1, 1));
    assert_eq!((counts.of(1003), counts.framing_errors, counts.known()), (0, 0, 1));
    let messages = messages(&bytes).expect("unknown messages are no errors");
    let [Message::Unknown(template), Message::Unknown(schema), _] = messages[..] else { panic!("{messages:?}") };
    assert_eq!((template.template, template.schema, template.version), (UNKNOWN_TEMPLATE, 1, 9));
    assert_eq!((schema.template, schema.schema, schema.message_bytes), (1003, UNKNOWN_SCHEMA, 41));
}

#[test]
fn a_shorter_block_is_an_error_that_names_template_place_and_length() {
    let bytes = packet(&[message(1006, &[], (0, 0), &[]), message(1003, &[0; 132], (0, 0), &[])]);
    let error = fault(&bytes);
    assert_eq!(
        error,
        DecodeError {
            template: Some(1003),
            offset_bytes: 20,
            fault: FramingFault::Block { declared_bytes: 132, known_bytes: 133 },
        }
    );
    let text = error.to_string();
    assert!(text.contains("template 1003") && text.contains("byte 20"), "{text}");
    assert!(text.contains("at least 133 bytes, found 132"), "{text}");
    assert_eq!(Frame::new(&bytes).expect("a good frame").messages().count(), 2);
}

#[test]
fn shorter_group_entries_are_an_error() {
    let bytes = packet(&[message(1007, &[5, 0, 0, 0], (1, 0), &group([7, 1, 0, 0], &[0; 7]))]);
    assert_eq!(fault(&bytes).fault, FramingFault::GroupEntry { declared_bytes: 7, known_bytes: 8 });
}

#[test]
fn a_missing_group_or_text_is_an_error() {
    let without_group = packet(&[message(1007, &[5, 0, 0, 0], (0, 0), &[])]);
    assert_eq!(fault(&without_group).fault, FramingFault::GroupCount { declared: 0, known: 1 });
    let without_text = packet(&[message(1000, &[0; 140], (0, 0), &[])]);
    assert_eq!(fault(&without_text).fault, FramingFault::TextCount { declared: 0, known: 1 });
}

#[test]
fn an_empty_group_is_a_group_whatever_its_entries_would_be() {
    let bytes = packet(&[message(1007, &[5, 0, 0, 0], (1, 0), &group([0, 0, 0, 0], &[]))]);
    let Message::ComboLegs(combo) = only_message(&bytes) else { panic!() };
    assert!(combo.legs().is_empty());
}

#[test]
fn counts_beyond_the_packet_are_errors_and_cost_nothing() {
    let huge = packet(&[message(1001, &[0; 29], (1, 0), &group([18, u16::MAX, 0, 0], &[0; 18]))]);
    let short =
        FramingFault::Short { item: Item::GroupEntries, needed_bytes: 18 * usize::from(u16::MAX), available_bytes: 18 };
    assert_eq!(fault(&huge).fault, short);
    let nested = packet(&[message(1999, &[], (u16::MAX, 0), &group([0, u16::MAX, u16::MAX, 0], &[]))]);
    assert!(matches!(fault(&nested).fault, FramingFault::Short { .. }));
}

#[test]
fn nesting_without_end_is_refused() {
    let level = group([0, 1, 1, 0], &[]);
    let bytes = packet(&[message(1999, &[], (1, 0), &level.repeat(5000))]);
    assert_eq!(fault(&bytes).fault, FramingFault::Nesting { limit: 4 });
}

#[test]
fn a_packet_length_other_than_the_payload_is_an_error() {
    let good = one_packet(|packet| {
        packet.snapshot_start(1);
    });
    for wrong in [&good[..good.len() - 1], &[&good[..], &[0]].concat()[..]] {
        let error = Frame::new(wrong).expect_err("the length differs");
        let fault = FramingFault::PacketLength { declared_bytes: 16, payload_bytes: wrong.len() - 8 };
        assert_eq!(error, DecodeError { template: None, offset_bytes: 0, fault });
    }
    assert!(matches!(Frame::new(&good[..7]), Err(DecodeError { fault: FramingFault::Short { .. }, .. })));
}

#[test]
fn a_payload_cut_at_any_byte_gives_a_prefix_of_its_messages() {
    let bytes = one_packet(|packet| {
        packet.snapshot_start(3).combo_legs(5, &[(6, 1)]).foreign(UNKNOWN_TEMPLATE, 1).price_index("i", 1.0, 2);
    });
    let ends: Vec<usize> = messages(&bytes)
        .expect("a good packet")
        .iter()
        .scan(8, |end, message| {
            *end += match message {
                Message::SnapshotStart(_) => 16,
                Message::ComboLegs(_) => 32,
                Message::Unknown(unknown) => unknown.message_bytes,
                _ => 44,
            };
            Some(*end)
        })
        .collect();
    assert_eq!(ends.last(), Some(&bytes.len()));
    for cut in 8..bytes.len() {
        let mut cut_packet = bytes[..cut].to_vec();
        cut_packet[..2].copy_from_slice(&(cut as u16 - 8).to_le_bytes());
        let read: Vec<_> = Frame::new(&cut_packet).expect("the length was patched").messages().collect();
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(read.iter().filter(|message| message.is_ok()).count(), whole, "cut at {cut}");
        let is_between = cut == 8 || ends.contains(&cut);
        assert_eq!(read.iter().any(|message| message.is_err()), !is_between, "cut at {cut}");
    }
}

#[test]
fn nan_is_none_and_zero_or_all_ones_are_no_identifier() {
    let trade = |block_trade_id, combo_trade_id| TradeFields {
        direction: 0,
        price: f64::NAN,
        amount: 1.0,
        timestamp_ms: 1,
        mark_price: -f64::NAN,
        index_price: f64::INFINITY,
        trade_seq: 0,
        trade_id: u64::MAX,
        tick_direction: 255,
        liquidation: 9,
        iv_percent: f64::NAN,
        block_trade_id,
        combo_trade_id,
    };
    let bytes = one_packet(|packet| {
        packet.trades(5, &[trade(0, u64::MAX), trade(1, 2)]);
    });
    let Message::Trades(trades) = only_message(&bytes) else { panic!() };
    let read: Vec<_> = trades.trades().collect();
    assert_eq!((read[0].price(), read[0].mark_price(), read[0].iv_percent()), (None, None, None));
    assert_eq!(read[0].index_price(), Some(f64::INFINITY));
    assert_eq!((read[0].block_trade_id(), read[0].combo_trade_id()), (None, None));
    assert_eq!((read[1].block_trade_id(), read[1].combo_trade_id()), (Some(1), Some(2)));
    assert!(read[0].tick_direction().is_null());
    assert_eq!(read[0].liquidation(), Liquidation::Unknown(9));
    assert_eq!((read[0].trade_seq(), read[0].trade_id()), (0, u64::MAX));
}

#[test]
fn names_that_are_not_utf_8_are_none_and_padding_may_be_blanks() {
    let mut block = [0; 140];
    block[12..20].copy_from_slice(b"BTC     ");
    block[20..28].copy_from_slice(b"\xff\xfe\0\0\0\0\0\0");
    let bytes = packet(&[message(1000, &block, (0, 1), &[2, 0xff, 0xfe])]);
    let Message::Instrument(instrument) = only_message(&bytes) else { panic!() };
    assert_eq!(instrument.name(), None);
    assert_eq!(instrument.base_currency().as_str(), Some("BTC"));
    assert_eq!(instrument.quote_currency().as_str(), None);
    assert_eq!(instrument.counter_currency().as_str(), Some(""));
}
