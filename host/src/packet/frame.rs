//! One Ethernet frame down to the payload of a UDP datagram of the feed, or the reason why it gives none.
//!
//! ```text
//!   Ethernet -> 0 to 2 VLAN tags -> IPv4: lengths, header sum -> group? -> fragment? -> UDP: lengths -> port? -> sum
//!                    |                  |                         |          |            |             |       |
//!                 other: not for us   malformed               not for us   fragment    malformed   not for us  wrong
//! ```
//!
//! Formats: IEEE 802.3 and 802.1Q, RFC 791, RFC 768; sums by RFC 1071, which may be taken in any byte order.
//!
//! Invariants: any bytes give a payload inside the frame or a reason, never a panic; every length is checked against
//! what is there before anything is read by it; a frame is never refused for bytes behind its IP packet (padding).

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

use super::Checksums;

const ETHERNET_BYTES: usize = 14;
const VLAN_TAG_BYTES: usize = 4;
/// A customer's tag inside of a provider's: more are no feed.
const VLAN_TAGS_MAX: usize = 2;
const IPV4_BYTES_MIN: usize = 20;
const UDP_BYTES: usize = 8;

const ETHER_TYPE_IPV4: u16 = 0x0800;
/// Tags of customer and provider (802.1Q, 802.1ad).
const ETHER_TYPES_VLAN: [u16; 2] = [0x8100, 0x88A8];
const PROTOCOL_UDP: u8 = 17;
const MORE_FRAGMENTS_AND_OFFSET: u16 = 0x3FFF;

/// Why a frame gives no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another protocol, or another group or port.
    NotForUs,
    /// A piece of an IP packet to one of the groups; pieces are not put together.
    Fragment,
    /// A length or version that contradicts itself, a wrong sum of the IP header, or a frame that was cut short.
    Malformed,
    /// The sum over the datagram is not the one that it carries.
    WrongChecksum,
}

/// What is done about the sum over a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumCheck {
    /// It must be right, or absent (0).
    Verify,
    /// Or be the sum of the addresses alone: what a sender on this machine leaves to hardware that its frames then
    /// never meet.
    VerifyOrUnfinished,
    /// It is not looked at.
    Skip,
}

impl From<Checksums> for SumCheck {
    fn from(checksums: Checksums) -> Self {
        match checksums {
            Checksums::Verify => Self::Verify,
            Checksums::Virtual => Self::VerifyOrUnfinished,
            Checksums::Ignore => Self::Skip,
        }
    }
}

/// A datagram of the feed inside of its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which of the groups it was sent to, by its place in [`Groups`].
    pub group: usize,
    /// Who sent it.
    pub sender: SocketAddrV4,
    /// Where in the frame its payload is.
    pub payload: Range<usize>,
}

/// The groups that are listened to; few, so that looking through them costs less than a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    addresses: Vec<SocketAddrV4>,
}

impl Groups {
    /// Takes them in the order that [`Found::group`] counts.
    pub fn new(addresses: Vec<SocketAddrV4>) -> Self {
        Self { addresses }
    }

    /// All of them.
    pub fn addresses(&self) -> &[SocketAddrV4] {
        &self.addresses
    }

    /// Place of a group, if it is one.
    #[inline]
    pub fn place(&self, address: SocketAddrV4) -> Option<usize> {
        self.addresses.iter().position(|group| *group == address)
    }

    /// Whether it is the address of one, at whatever port.
    #[inline]
    fn has_address(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|group| *group.ip() == address)
    }
}

/// Finds the datagram in an Ethernet frame, without its frame check sequence.
///
/// # Errors
/// The [`Refusal`].
pub fn parse(frame: &[u8], groups: &Groups, check: SumCheck) -> Result<Found, Refusal> {
    let ip_at = network_header_at(frame)?;
    let ip = Ipv4::parse(&frame[ip_at..])?;
    if ip.protocol != PROTOCOL_UDP || !groups.has_address(ip.destination) {
        return Err(Refusal::NotForUs);
    }
    if ip.is_fragment {
        return Err(Refusal::Fragment);
    }
    let udp_at = ip_at + ip.header_bytes;
    let segment = &frame[udp_at..ip_at + ip.total_bytes];
    let header: &[u8; UDP_BYTES] = segment.first_chunk().ok_or(Refusal::Malformed)?;
    let udp_bytes = usize::from(be16(header[4], header[5]));
    let datagram = segment.get(..udp_bytes).ok_or(Refusal::Malformed)?;
    if udp_bytes < UDP_BYTES {
        return Err(Refusal::Malformed);
    }
    let destination = SocketAddrV4::new(ip.destination, be16(header[2], header[3]));
    let group = groups.place(destination).ok_or(Refusal::NotForUs)?;
    if !sum_is_acceptable(&ip, datagram, check) {
        return Err(Refusal::WrongChecksum);
    }
    let sender = SocketAddrV4::new(ip.source, be16(header[0], header[1]));
    Ok(Found { group, sender, payload: udp_at + UDP_BYTES..udp_at + udp_bytes })
}

/// Where the IPv4 header starts.
fn network_header_at(frame: &[u8]) -> Result<usize, Refusal> {
    let mut at = ETHERNET_BYTES;
    for _ in 0..=VLAN_TAGS_MAX {
        let kind: &[u8; 2] = frame.get(at - 2..).and_then(<[u8]>::first_chunk).ok_or(Refusal::Malformed)?;
        match u16::from_be_bytes(*kind) {
            ETHER_TYPE_IPV4 => return Ok(at),
            kind if ETHER_TYPES_VLAN.contains(&kind) => at += VLAN_TAG_BYTES,
            _ => return Err(Refusal::NotForUs),
        }
    }
    Err(Refusal::NotForUs)
}

/// What matters of an IPv4 header whose lengths are inside of the frame.
struct Ipv4 {
    header_bytes: usize,
    total_bytes: usize,
    is_fragment: bool,
    protocol: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
}

impl Ipv4 {
    fn parse(packet: &[u8]) -> Result<Self, Refusal> {
        let fixed: &[u8; IPV4_BYTES_MIN] = packet.first_chunk().ok_or(Refusal::Malformed)?;
        let header_bytes = usize::from(fixed[0] & 0x0F) * 4;
        let total_bytes = usize::from(be16(fixed[2], fixed[3]));
        let lengths_hold = header_bytes >= IPV4_BYTES_MIN && total_bytes >= header_bytes && total_bytes <= packet.len();
        if fixed[0] >> 4 != 4 || !lengths_hold || fold(sum(&packet[..header_bytes])) != SUM_RIGHT {
            return Err(Refusal::Malformed);
        }
        Ok(Self {
            header_bytes,
            total_bytes,
            is_fragment: be16(fixed[6], fixed[7]) & MORE_FRAGMENTS_AND_OFFSET != 0,
            protocol: fixed[9],
            source: Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]),
            destination: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]),
        })
    }
}

fn be16(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

/// `datagram` is the whole UDP datagram, at least its header.
fn sum_is_acceptable(ip: &Ipv4, datagram: &[u8], check: SumCheck) -> bool {
    let carried = u16::from_ne_bytes([datagram[6], datagram[7]]);
    if check == SumCheck::Skip || carried == 0 {
        return true;
    }
    let mut pseudo = [0; 12];
    pseudo[..4].copy_from_slice(&ip.source.octets());
    pseudo[4..8].copy_from_slice(&ip.destination.octets());
    pseudo[9] = PROTOCOL_UDP;
    pseudo[10..].copy_from_slice(&datagram[4..6]);
    let of_addresses = sum(&pseudo);
    fold(of_addresses + sum(datagram)) == SUM_RIGHT
        || check == SumCheck::VerifyOrUnfinished && fold(of_addresses) == carried
}

/// What bytes that hold their own sum add up to.
const SUM_RIGHT: u16 = 0xFFFF;

/// Sum of 32-bit words in the machine's byte order, the last one filled up with zeros: folded, it is the sum of 16-bit
/// words in that order. A frame's bytes cannot make it overflow.
fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(4);
    let mut last = [0; 4];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    let whole: u64 = words.map(|word| u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]))).sum();
    whole + u64::from(u32::from_ne_bytes(last))
}

/// Ones' complement: carries are added back in until none is left.
fn fold(mut sum: u64) -> u16 {
    while sum > u64::from(u16::MAX) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 1, 2, 3), 4220);
    const SENDER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 9), 777);

    fn groups() -> Groups {
        Groups::new(vec![SocketAddrV4::new(Ipv4Addr::new(239, 9, 9, 9), 1), GROUP])
    }

    /// A frame as etherparse builds it: a second opinion on every field.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let builder = etherparse::PacketBuilder::ethernet2([2; 6], [1, 0, 0x5E, 1, 2, 3])
            .ipv4(SENDER.ip().octets(), GROUP.ip().octets(), 8)
            .udp(SENDER.port(), GROUP.port());
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).expect("a frame");
        bytes
    }

    fn tagged(mut bytes: Vec<u8>, tags: &[u16]) -> Vec<u8> {
        for kind in tags.iter().rev() {
            let [high, low] = kind.to_be_bytes();
            bytes.splice(12..12, [high, low, 0, 7]);
        }
        bytes
    }

    fn look(bytes: &[u8]) -> Result<Found, Refusal> {
        parse(bytes, &groups(), SumCheck::Verify)
    }

    /// The frame with some bytes replaced, and the sum of the IP header made good.
    fn changed(at: usize, with: &[u8]) -> Vec<u8> {
        let mut bytes = frame(b"0123456789");
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes[24..26].copy_from_slice(&[0, 0]);
        let header_bytes = (usize::from(bytes[14] & 15) * 4).clamp(20, bytes.len() - 14);
        let sum = !fold(sum(&bytes[14..14 + header_bytes]));
        bytes[24..26].copy_from_slice(&sum.to_ne_bytes());
        bytes
    }

    #[test]
    fn payload_sender_and_group_are_found_behind_tags_and_before_padding() {
        for payload in [&b""[..], b"x", b"0123456789", &[0xA5; 1472]] {
            for tags in [&[][..], &[0x8100], &[0x88A8, 0x8100]] {
                let mut bytes = tagged(frame(payload), tags);
                bytes.extend_from_slice(&[0xEE; 18]);
                let found = look(&bytes).expect("a datagram");
                assert_eq!((&bytes[found.payload], found.sender, found.group), (payload, SENDER, 1));
            }
        }
        assert_eq!(look(&tagged(frame(b"x"), &[0x8100; 3])), Err(Refusal::NotForUs));
    }

    #[test]
    fn header_options_are_stepped_over() {
        let mut bytes = changed(14, &[0x46]);
        bytes.splice(34..34, [1, 1, 1, 0]);
        let total_bytes = (bytes.len() - 14) as u16;
        bytes[16..18].copy_from_slice(&total_bytes.to_be_bytes());
        bytes[24..26].copy_from_slice(&[0, 0]);
        let sum = !fold(sum(&bytes[14..38]));
        bytes[24..26].copy_from_slice(&sum.to_ne_bytes());
        let found = look(&bytes).expect("a datagram");
        assert_eq!(&bytes[found.payload], b"0123456789");
    }

    #[test]
    fn every_contradiction_is_malformed() {
        for (what, bytes) in [
            ("version 6", changed(14, &[0x65])),
            ("header below 20 bytes", changed(14, &[0x44])),
            ("header beyond the packet", changed(14, &[0x4F])),
            ("total length beyond the frame", changed(16, &[0xFF, 0xFF])),
            ("total length below the header", changed(16, &[0, 19])),
            ("no room for UDP's header", changed(16, &[0, 27])),
            ("UDP length below its header", changed(38, &[0, 7])),
            ("UDP length beyond the packet", changed(38, &[0, 19])),
        ] {
            assert_eq!(look(&bytes), Err(Refusal::Malformed), "{what}");
        }
        let mut wrong_sum = frame(b"x");
        wrong_sum[24] ^= 1;
        assert_eq!(look(&wrong_sum), Err(Refusal::Malformed));
        let whole = frame(b"0123456789");
        for kept in 0..whole.len() {
            assert_eq!(look(&whole[..kept]), Err(Refusal::Malformed), "{kept} bytes of {}", whole.len());
        }
    }

    #[test]
    fn what_is_not_for_us_is_told_from_what_is_broken() {
        assert_eq!(look(&changed(12, &[0x08, 0x06])), Err(Refusal::NotForUs), "ARP");
        assert_eq!(look(&changed(12, &[0x86, 0xDD])), Err(Refusal::NotForUs), "IPv6");
        assert_eq!(look(&changed(23, &[6])), Err(Refusal::NotForUs), "TCP");
        assert_eq!(look(&changed(33, &[4])), Err(Refusal::NotForUs), "another group");
        assert_eq!(look(&changed(36, &[0, 1])), Err(Refusal::NotForUs), "another port");
        assert_eq!(look(&changed(20, &[0x20, 0])), Err(Refusal::Fragment), "the first of several");
        assert_eq!(look(&changed(20, &[0, 1])), Err(Refusal::Fragment), "a later one");
        assert!(look(&changed(20, &[0x40, 0])).is_ok(), "must not be fragmented is no fragment");
    }

    #[test]
    fn sums_are_verified_as_asked() {
        let whole = frame(b"0123456789");
        let ask = |bytes: &[u8], check| parse(bytes, &groups(), check).map(|_| ());
        for at in (34..whole.len()).filter(|at| !(36..42).contains(at)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            assert_eq!(ask(&bytes, SumCheck::Verify), Err(Refusal::WrongChecksum), "byte {at}");
            assert_eq!(ask(&bytes, SumCheck::VerifyOrUnfinished), Err(Refusal::WrongChecksum), "byte {at}");
            assert_eq!(ask(&bytes, SumCheck::Skip), Ok(()));
        }
        let mut absent = whole.clone();
        absent[40..42].copy_from_slice(&[0, 0]);
        assert_eq!(ask(&absent, SumCheck::Verify), Ok(()));
        let mut unfinished = whole;
        let addresses = fold(sum(&unfinished[26..34]) + sum(&[0, 17]) + sum(&unfinished[38..40]));
        unfinished[40..42].copy_from_slice(&addresses.to_ne_bytes());
        assert_eq!(ask(&unfinished, SumCheck::Verify), Err(Refusal::WrongChecksum));
        assert_eq!(ask(&unfinished, SumCheck::VerifyOrUnfinished), Ok(()));
    }
}
