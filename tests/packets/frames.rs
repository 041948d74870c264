//! Frames made by hand, good and bad, sent raw: what each way takes, what it counts, and that it goes on.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use proptest::prelude::*;

use hedgewire_host::packet::Counts;
use hedgewire_host::packet::frame::{Groups, Refusal, SumCheck, parse};

use super::namespaces::SENDING_INTERFACE;
use super::*;

/// Ethernet, IPv4 and UDP as RFC 791 and 768 have them, with sums by RFC 1071; not by the code under test.
pub fn frame(to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let mut udp = Vec::new();
    udp.extend(999u16.to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend((8 + payload.len() as u16).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(payload);
    let mut ip = vec![0x45, 0];
    ip.extend((20 + udp.len() as u16).to_be_bytes());
    ip.extend([0, 1, 0, 0, 5, 17, 0, 0]);
    ip.extend(SENDER.octets());
    ip.extend(to.ip().octets());
    let mut pseudo = ip[12..20].to_vec();
    pseudo.extend([0, 17]);
    pseudo.extend(&udp[4..6]);
    pseudo.extend(&udp);
    let sum = internet_sum(&pseudo);
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
    let [_, a, b, c] = to.ip().octets();
    let mut frame = vec![0x01, 0x00, 0x5E, a & 0x7F, b, c, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
    frame.extend(ip);
    frame.extend(udp);
    with_header_sum(frame)
}

fn internet_sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !sum as u16
}

/// With the sum of the IP header made good.
fn with_header_sum(mut frame: Vec<u8>) -> Vec<u8> {
    let header_bytes = (usize::from(frame[14] & 15) * 4).clamp(20, frame.len() - 14);
    frame[24..26].copy_from_slice(&[0, 0]);
    let sum = internet_sum(&frame[14..14 + header_bytes]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

fn changed(at: usize, with: &[u8]) -> Vec<u8> {
    let mut frame = frame(groups()[0], &payload(7, 64));
    frame[at..at + with.len()].copy_from_slice(with);
    with_header_sum(frame)
}

fn tagged(kind: u16) -> Vec<u8> {
    let mut frame = frame(groups()[0], &payload(7, 64));
    let [high, low] = kind.to_be_bytes();
    frame.splice(12..12, [high, low, 0, 0]);
    frame
}

fn with_options() -> Vec<u8> {
    let mut frame = changed(14, &[0x46]);
    frame.splice(34..34, [1, 1, 1, 0]);
    let total_bytes = (frame.len() - 14) as u16;
    frame[16..18].copy_from_slice(&total_bytes.to_be_bytes());
    with_header_sum(frame)
}

/// What a frame should do to a ring's counts: a datagram, a count, or nothing, where the filter keeps it out.
enum Expect {
    Datagram,
    Count(fn(&mut Counts) -> &mut u64),
    Nothing,
}

fn cases() -> Vec<(&'static str, Vec<u8>, Expect)> {
    use Expect::{Count, Datagram, Nothing};
    let malformed = || Count(|counts| &mut counts.malformed);
    let fragment = || Count(|counts| &mut counts.fragments);
    let mut wrong_header_sum = changed(0, &[]);
    wrong_header_sum[24] ^= 1;
    let mut wrong_sum = changed(0, &[]);
    wrong_sum[60] ^= 1;
    let mut padded = changed(0, &[]);
    padded.extend([0xEE; 20]);
    vec![
        ("padding", padded, Datagram),
        ("a tag", tagged(0x8100), Datagram),
        ("no sum", changed(40, &[0, 0]), Datagram),
        ("options", with_options(), Datagram),
        ("a wrong sum of the header", wrong_header_sum, malformed()),
        ("total length beyond the frame", changed(16, &[0x05, 0x00]), malformed()),
        ("UDP length beyond the packet", changed(38, &[0x05, 0x00]), malformed()),
        ("UDP length below its header", changed(38, &[0, 3]), malformed()),
        ("a wrong sum", wrong_sum, Count(|counts| &mut counts.wrong_checksum)),
        ("first of several pieces", changed(20, &[0x20, 0]), fragment()),
        ("last of several pieces", changed(20, &[0, 20]), fragment()),
        ("ARP", changed(12, &[0x08, 0x06]), Nothing),
        ("IPv6", changed(12, &[0x86, 0xDD]), Nothing),
        ("TCP", changed(23, &[6]), Nothing),
        ("nothing but addresses", changed(0, &[])[..14].to_vec(), Nothing),
        ("half a header", changed(0, &[])[..30].to_vec(), Nothing),
    ]
}

#[test]
fn every_bad_frame_is_counted_and_the_next_good_one_arrives() {
    for way in WAYS {
        let Some(namespaces) = Namespaces::new(way.name, 1) else { return };
        std::thread::scope(|scope| {
            let mut receiver = scope.spawn(|| open(&namespaces, &settings(way, 256))).join().expect("a receiver");
            for (at, (what, bytes, expect)) in cases().into_iter().enumerate() {
                let before = receiver.counts().expect("counts");
                let good = frame(groups()[0], &payload(1000 + at as u64, 32));
                let cable = &namespaces;
                let send = scope.spawn(move || {
                    let raw = Raw::open(cable);
                    raw.send(&bytes);
                    raw.send(&good);
                });
                send.join().expect("sent");
                let mut numbers = Vec::new();
                receive(&mut receiver, |datagram| {
                    numbers.push(number_of(datagram.payload));
                    numbers.last() == Some(&(1000 + at as u64))
                });
                let mut after = receiver.counts().expect("counts");
                let datagrams = if matches!(expect, Expect::Datagram) { 2 } else { 1 };
                assert_eq!(numbers.len(), datagrams, "{}, {what}: {numbers:?}", way.name);
                if way.source == SourceKind::Udp {
                    // The stack refuses bad ones by itself, and waits for the other pieces: the socket never sees them.
                    continue;
                }
                if let Expect::Count(count) = expect {
                    *count(&mut after) -= 1;
                }
                after.received[0] -= datagrams as u64;
                after.not_for_us = before.not_for_us;
                assert_eq!(after, before, "{}, {what}", way.name);
            }
        });
    }
}

#[test]
fn sums_are_verified_where_nothing_is_virtual() {
    for way in &WAYS[..2] {
        let Some(namespaces) = Namespaces::new(way.name, 1) else { return };
        let mut settings = settings(*way, 256);
        settings.checksums = Checksums::Verify;
        std::thread::scope(|scope| {
            let mut receiver = scope.spawn(|| open(&namespaces, &settings)).join().expect("a receiver");
            scope.spawn(|| {
                // veth leaves the sum of what the stack sends to hardware that is not there.
                sender(&namespaces).send_to(&payload(1, 32), groups()[0]).expect("sent");
                Raw::open(&namespaces).send(&frame(groups()[0], &payload(2, 32)));
            });
            receive(&mut receiver, |datagram| number_of(datagram.payload) == 2);
            let counts = receiver.counts().expect("counts");
            assert_eq!((counts.received, counts.wrong_checksum), ([1, 0], 1), "{}: {counts:?}", way.name);
        });
    }
}

/// Sends frames as they are.
struct Raw {
    socket: OwnedFd,
    address: libc::sockaddr_ll,
}

impl Raw {
    fn open(namespaces: &Namespaces) -> Self {
        namespaces.enter_sending();
        // SAFETY: the arguments are numbers, and the descriptor is nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0)) };
        let name = std::ffi::CString::new(SENDING_INTERFACE).expect("a name");
        // SAFETY: a struct of numbers; the name ends with a zero.
        let address = unsafe {
            let mut address: libc::sockaddr_ll = std::mem::zeroed();
            address.sll_family = libc::AF_PACKET as u16;
            address.sll_ifindex = libc::if_nametoindex(name.as_ptr()) as i32;
            address
        };
        Self { socket, address }
    }

    fn send(&self, frame: &[u8]) {
        let address = (&raw const self.address).cast();
        let bytes = size_of::<libc::sockaddr_ll>() as u32;
        // SAFETY: frame and address are as long as stated, and the kernel only reads them.
        let sent =
            unsafe { libc::sendto(self.socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0, address, bytes) };
        assert_eq!(sent, frame.len() as isize, "{}", std::io::Error::last_os_error());
    }
}

fn config() -> proptest::test_runner::Config {
    let seed = std::env::var("HEDGEWIRE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(5_u64);
    println!("HEDGEWIRE_SEED={seed}");
    proptest::test_runner::Config {
        cases: 20_000,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(seed),
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(config())]

    /// Also by etherparse: what one takes the other takes, with the same payload.
    #[test]
    fn a_good_frame_with_any_bytes_changed_is_read_as_another_reader_reads_it(
        bytes in 0usize..200,
        changes in prop::collection::vec((0usize..260, any::<u8>()), 0..4),
        kept in prop::option::of(0usize..260),
    ) {
        let mut frame = frame(groups()[1], &payload(3, bytes));
        for (at, value) in changes {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(kept.unwrap_or(usize::MAX));
        compare(&frame)?;
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        compare(&bytes)?;
    }
}

fn compare(frame: &[u8]) -> Result<(), TestCaseError> {
    let ours = parse(frame, &Groups::new(groups().to_vec()), SumCheck::Skip);
    let theirs = etherparse::SlicedPacket::from_ethernet(frame);
    match ours {
        Ok(found) => {
            let theirs = theirs.map_err(|error| TestCaseError::fail(format!("{error} of {frame:02x?}")))?;
            let Some(etherparse::TransportSlice::Udp(udp)) = &theirs.transport else {
                return Err(TestCaseError::fail("no UDP"));
            };
            prop_assert_eq!(udp.payload(), &frame[found.payload]);
            prop_assert_eq!(
                (udp.destination_port(), udp.source_port()),
                (groups()[found.group].port(), found.sender.port())
            );
        }
        Err(Refusal::Fragment) => prop_assert!(theirs.map_or(true, |packet| packet.is_ip_payload_fragmented())),
        Err(_) => {}
    }
    Ok(())
}
