//! pcap and pcapng as files: headers, record kinds, clocks, fragments, truncation.

use super::*;

/// A pcapng file of the given frames, each 1 ms after the one before.
fn pcapng(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new(), CaptureFormat::PcapNg).expect("memory can be written");
    for (index, frame) in frames.iter().enumerate() {
        writer.frame(1_000_000 * (index as u64 + 1), frame).expect("memory can be written");
    }
    writer.into_inner()
}

fn payload() -> Vec<u8> {
    one_packet(|packet| {
        packet.snapshot_start(1);
    })
}

fn frame() -> Vec<u8> {
    ethernet_frame(1, &payload())
}

/// The payloads read, what was skipped and how it ended.
fn read(capture: &[u8]) -> (Vec<Vec<u8>>, Skipped, Option<CaptureError>) {
    let mut datagrams = Datagrams::from_bytes(capture).expect("a capture");
    let (mut payloads, mut error) = (Vec::new(), None);
    for datagram in &mut datagrams {
        match datagram {
            Ok(datagram) => payloads.push(datagram.payload.to_vec()),
            Err(damage) => error = Some(damage),
        }
    }
    (payloads, *datagrams.skipped(), error)
}

/// A pcapng block around `body`, little-endian.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let body_bytes = body.len().next_multiple_of(4);
    let length = (body_bytes as u32 + 12).to_le_bytes();
    let mut bytes = [&kind.to_le_bytes()[..], &length, body].concat();
    bytes.resize(8 + body_bytes, 0);
    bytes.extend_from_slice(&length);
    bytes
}

fn section() -> Vec<u8> {
    block(0x0A0D_0D0A, &hex("4d 3c 2b 1a 01 00 00 00 ff ff ff ff ff ff ff ff"))
}

/// An interface description; `options` come before the end-of-options mark.
fn interface(link_type: u8, options: &[u8]) -> Vec<u8> {
    block(1, &[&[link_type, 0, 0, 0, 0, 0, 4, 0], options, &[0, 0, 0, 0]].concat())
}

fn enhanced(interface_id: u32, clock_units: u64, frame: &[u8], options: &[u8]) -> Vec<u8> {
    let length = (frame.len() as u32).to_le_bytes();
    let mut body = [&interface_id.to_le_bytes()[..], &((clock_units >> 32) as u32).to_le_bytes()].concat();
    body.extend_from_slice(&(clock_units as u32).to_le_bytes());
    body.extend_from_slice(&length);
    body.extend_from_slice(&length);
    body.extend_from_slice(frame);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend_from_slice(options);
    block(6, &body)
}

#[test]
fn a_datagram_tells_time_addresses_payload_and_place() {
    for format in [CaptureFormat::PcapNg, CaptureFormat::Pcap] {
        let mut writer = CaptureWriter::new(Vec::new(), format).expect("memory can be written");
        writer.packet(1_718_000_000_123_456_789, 102, &payload()).expect("memory can be written");
        let bytes = writer.into_inner();
        let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
        let start = datagrams.position_bytes();
        let datagram = datagrams.next().expect("one packet").expect("no damage");
        assert_eq!(datagram.capture_ns, 1_718_000_000_123_456_789);
        assert_eq!(datagram.source.to_string(), "10.0.0.1:40000");
        assert_eq!(datagram.destination.to_string(), "239.111.111.2:6101");
        assert_eq!(datagram.payload, payload());
        assert!(datagram.position_bytes >= start);
        assert!(datagrams.next().is_none());
        assert_eq!(datagrams.position_bytes(), datagrams.file_bytes());
    }
}

#[test]
fn link_layer_padding_is_not_payload() {
    let mut padded = ethernet_frame(1, &[0; 8]);
    padded.resize(60, 0xEE);
    assert_eq!(read(&pcapng(&[padded])).0, [vec![0; 8]]);
}

#[test]
fn vlan_tags_are_looked_through() {
    let plain = frame();
    let tagged = [&plain[..12], &hex("81 00 00 2a")[..], &plain[12..]].concat();
    let twice = [&plain[..12], &hex("88 a8 00 07 81 00 00 2a")[..], &plain[12..]].concat();
    let (payloads, skipped, _) = read(&pcapng(&[tagged, twice]));
    assert_eq!((payloads, skipped.total()), (vec![payload(); 2], 0));
}

#[test]
fn packets_without_a_whole_datagram_are_counted_by_reason() {
    let plain = frame();
    let with = |place: usize, byte: u8| {
        let mut frame = plain.clone();
        frame[place] = byte;
        frame
    };
    let arp = [&plain[..12], &hex("08 06 00 01 08 00 06 04 00 01")[..], &[0; 20]].concat();
    let lldp = [&plain[..12], &hex("88 cc")[..], &[0; 40]].concat();
    let other_protocol = with(23, 1);
    let fragment = with(20, 0x20);
    let later_fragment = with(21, 0x05);
    let wrong_version = with(14, 0x75);
    let short_header = with(14, 0x41);
    let cut = plain[..plain.len() - 3].to_vec();
    let runt = plain[..9].to_vec();
    let frames =
        [arp, lldp, other_protocol, fragment, later_fragment, wrong_version, short_header, cut, runt, vec![], plain];
    let (payloads, skipped, error) = read(&pcapng(&frames));
    assert_eq!(payloads, [payload()]);
    assert!(error.is_none());
    assert_eq!((skipped.not_ip, skipped.not_udp, skipped.fragmented, skipped.malformed), (2, 1, 2, 5));
    assert_eq!(skipped.total(), 10);
}

#[test]
fn ipv6_loopback_and_cooked_captures_are_read() {
    let udp = &frame()[34..];
    let ipv6 = [
        &hex("60 00 00 00 00 20 11 01")[..],
        &hex("fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01"),
        &hex("ff 05 00 00 00 00 00 00 00 00 00 00 00 00 00 02"),
        udp,
    ]
    .concat();
    assert_eq!(udp.len(), 0x20);
    let ipv4 = &frame()[14..];
    let cooked = [&hex("00 00 00 01 00 06 00 00 00 00 00 00 00 00 08 00")[..], ipv4].concat();
    let cooked2 = [&hex("08 00 00 00 00 00 00 01 00 01 00 06 00 00 00 00 00 00 00 00")[..], ipv4].concat();
    let loopback = [&hex("02 00 00 00")[..], ipv4].concat();
    let bytes = [
        section(),
        interface(101, &[]),
        interface(113, &[]),
        block(1, &hex("14 01 00 00 00 00 04 00")),
        interface(0, &[]),
        interface(147, &[]),
        enhanced(0, 1, &ipv6, &[]),
        enhanced(0, 2, ipv4, &[]),
        enhanced(1, 3, &cooked, &[]),
        enhanced(2, 4, &cooked2, &[]),
        enhanced(3, 5, &loopback, &[]),
        enhanced(4, 6, &loopback, &[]),
    ]
    .concat();
    let (payloads, skipped, error) = read(&bytes);
    assert_eq!(payloads, vec![payload(); 5]);
    assert_eq!((skipped.not_ip, skipped.total()), (1, 1), "the link type nobody knows");
    assert!(error.is_none());
    let first = Datagrams::from_bytes(&bytes).expect("a capture").next().expect("a packet").expect("no damage");
    assert_eq!(first.destination.to_string(), "[ff05::2]:6100");
}

#[test]
fn pcapng_times_follow_the_interface_resolution() {
    let bytes = [
        section(),
        interface(1, &[]),
        interface(1, &hex("09 00 01 00 09 00 00 00")),
        interface(1, &hex("09 00 01 00 8a 00 00 00")),
        interface(1, &hex("0e 00 08 00 02 00 00 00 00 00 00 00")),
        interface(1, &hex("09 00 01 00 7f 00 00 00")),
        enhanced(0, 1_718_000_000_000_001, &frame(), &[]),
        enhanced(1, 1_718_000_000_000_000_001, &frame(), &[]),
        enhanced(2, 1536, &frame(), &[]),
        enhanced(3, 5, &frame(), &[]),
        enhanced(4, 5, &frame(), &[]),
    ]
    .concat();
    let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
    let times: Vec<u64> = datagrams.by_ref().map(|datagram| datagram.expect("no damage").capture_ns).collect();
    assert_eq!(times, [1_718_000_000_000_001_000, 1_718_000_000_000_000_001, 1_500_000_000, 2_000_005_000]);
    assert_eq!(datagrams.skipped().untimed, 1, "a resolution of 1e-127 s");
}

#[test]
fn obsolete_simple_and_foreign_blocks_are_handled() {
    let frame = frame();
    let length = (frame.len() as u32).to_le_bytes();
    let time: u64 = 1_718_000_000_000_001;
    let obsolete = [
        &[0, 0, 0, 0][..],
        &((time >> 32) as u32).to_le_bytes(),
        &(time as u32).to_le_bytes(),
        &length,
        &length,
        &frame,
    ]
    .concat();
    let simple = [&length[..], &frame].concat();
    let bytes = [
        section(),
        interface(1, &[]),
        block(2, &obsolete),
        block(3, &simple),
        block(5, &[0; 12]),
        block(0x0BAD_CAFE, &[1, 2, 3, 4]),
        enhanced(7, 1, &frame, &[]),
        // Options that contradict themselves.
        enhanced(0, 1, &frame, &hex("02 00 09 00 01 01 01 01")),
        enhanced(0, 1, &frame, &hex("01 00 03 00 61 62 63 00 00 00 00 00")),
    ]
    .concat();
    let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
    let times: Vec<u64> = datagrams.by_ref().map(|datagram| datagram.expect("no damage").capture_ns).collect();
    assert_eq!(times, [1_718_000_000_000_001_000, 1_000]);
    let skipped = datagrams.skipped();
    assert_eq!((skipped.untimed, skipped.unknown_interface, skipped.unreadable), (1, 1, 1));
    assert_eq!(skipped.total(), 3);
}

#[test]
fn an_unreadable_interface_keeps_its_number() {
    // if_tzone has 4 bytes by the standard; the parser takes 1 and gives up.
    let bytes = [
        section(),
        interface(1, &hex("0a 00 04 00 00 00 00 00")),
        interface(1, &[]),
        enhanced(0, 1, &frame(), &[]),
        enhanced(1, 2, &frame(), &[]),
    ]
    .concat();
    let (payloads, skipped, error) = read(&bytes);
    assert_eq!((payloads.len(), skipped.not_ip), (1, 1));
    assert!(error.is_none());
}

#[test]
fn a_second_section_begins_its_own_interfaces() {
    let one = [section(), interface(1, &[]), enhanced(0, 1, &frame(), &[])].concat();
    let bytes = [one.clone(), section(), enhanced(0, 1, &frame(), &[]), one].concat();
    let (payloads, skipped, error) = read(&bytes);
    assert_eq!((payloads.len(), skipped.unknown_interface), (2, 1));
    assert!(error.is_none());
}

#[test]
fn a_wrong_record_length_ends_the_stream_after_the_packets_before_it() {
    let good = [section(), interface(1, &[]), enhanced(0, 1, &frame(), &[])].concat();
    for wrong_length in [0u32, 8, 13, 0x7FFF_FFFC, u32::MAX] {
        let mut bytes = [good.clone(), enhanced(0, 1, &frame(), &[])].concat();
        bytes[good.len() + 4..good.len() + 8].copy_from_slice(&wrong_length.to_le_bytes());
        let (payloads, _, error) = read(&bytes);
        assert_eq!(payloads.len(), 1);
        let position = match error.expect("the damage is reported") {
            CaptureError::Truncated { position_bytes, records: 1, .. } => position_bytes,
            CaptureError::Corrupt { position_bytes, records: 1, .. } => position_bytes,
            other => panic!("{other}"),
        };
        assert_eq!(position, good.len() as u64);
    }
    let mut trailer = [good.clone(), enhanced(0, 1, &frame(), &[])].concat();
    let last = trailer.len() - 1;
    trailer[last] = 1;
    assert!(matches!(read(&trailer).2, Some(CaptureError::Corrupt { .. })));
}

#[test]
fn packets_cut_by_the_snapshot_length_are_counted() {
    let frame = frame();
    let record = |captured: usize| {
        let header = [1u32, 2, captured as u32, frame.len() as u32];
        [&header.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()[..], &frame[..captured]].concat()
    };
    let header = hex("d4 c3 b2 a1 02 00 04 00 00 00 00 00 00 00 00 00 00 00 04 00 01 00 00 00");
    let bytes = [header, record(frame.len() - 1), record(frame.len())].concat();
    let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
    let read: Vec<_> = datagrams.by_ref().map(|datagram| datagram.expect("no damage").capture_ns).collect();
    assert_eq!(read, [1_000_002_000]);
    assert_eq!((datagrams.skipped().cut_short, datagrams.skipped().total()), (1, 1));
}

#[test]
fn big_endian_captures_are_read_and_impossible_times_counted() {
    let frame = frame();
    let record = |fraction: u32| {
        let header = [1u32, fraction, frame.len() as u32, frame.len() as u32];
        [&header.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>()[..], &frame].concat()
    };
    let header = hex("a1 b2 c3 d4 00 02 00 04 00 00 00 00 00 00 00 00 00 04 00 00 00 00 00 01");
    let bytes = [header, record(999_999), record(1_000_000)].concat();
    let mut datagrams = Datagrams::from_bytes(&bytes).expect("a capture");
    let times: Vec<_> = datagrams.by_ref().map(|datagram| datagram.expect("no damage").capture_ns).collect();
    assert_eq!((times, datagrams.skipped().untimed), (vec![1_999_999_000], 1));
}

#[test]
fn what_is_no_capture_is_refused_with_advice() {
    let refusal = |bytes: &[u8]| Datagrams::from_bytes(bytes).err().expect("no capture").to_string();
    assert!(refusal(b"").contains("neither pcap nor pcapng"));
    assert!(refusal(b"\x1f\x8b\x08\x00rest").contains("1f, 8b"));
    assert!(refusal(b"\xd4\xc3\xb2\xa1\x02\x00").contains("file header"));
    assert!(refusal(b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00").contains("file header"));
    let wifi = hex("d4 c3 b2 a1 02 00 04 00 00 00 00 00 00 00 00 00 00 00 04 00 69 00 00 00");
    assert!(refusal(&wifi).contains("link type 105"));
    let missing = CaptureFile::open(&PathBuf::from("no-such.pcapng")).expect_err("there is no such file");
    assert!(missing.to_string().contains("no-such.pcapng"), "{missing}");
}

#[test]
fn an_empty_file_opens_and_is_no_capture() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("empty.pcap");
    std::fs::write(&path, b"").expect("the file is written");
    let file = CaptureFile::open(&path).expect("an empty file can be mapped");
    assert!(matches!(file.datagrams(), Err(CaptureError::NotACapture { magic: [0, 0, 0, 0] })));
}
