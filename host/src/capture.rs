//! Packet captures as a stream of UDP datagrams.
//!
//! A capture file, classic pcap or pcapng, is mapped into memory and walked once, front to back.
//! Every datagram borrows its payload from the mapping: nothing is copied and, in a capture whose
//! packets carry no options, nothing is allocated per packet.
//!
//! ```text
//!   file ──mmap──► record ──► link layer ──► IP ──► UDP ──► Datagram
//!                    │            │           │      │
//!                    │            └───────────┴──────┴──► Skipped: one counter per reason
//!                    └──► CaptureError: truncated or corrupt, ends the stream
//! ```
//!
//! Invariants:
//! * Bytes of a capture are never trusted: a hostile file gives an error or a count, not a panic.
//! * Everything before a damaged record is delivered before the damage is reported.
//! * After an error the stream is over; there is no resynchronisation inside a capture, because a
//!   wrong record length makes every later boundary a guess.

use std::fs::File;
use std::iter::FusedIterator;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use etherparse::{EtherType, NetSlice, SlicedPacket, TransportSlice};
use memmap2::Mmap;
use pcap_file::pcap::{PcapParser, RawPcapPacket};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::{Block, PcapNgParser};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};
use thiserror::Error;

/// Why a capture could not be opened or not be read to its end.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The file could not be opened or mapped.
    #[error("cannot open capture {}: {source}; check the path and its permissions", path.display())]
    Open {
        /// The path as given.
        path: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// The first bytes are those of no capture format.
    #[error(
        "not a capture: the file starts with {magic:02x?}, neither pcap nor pcapng; decompress it \
         first, or convert it with `editcap -F pcapng`"
    )]
    NotACapture {
        /// The first bytes of the file, zeros where it is shorter.
        magic: [u8; 4],
    },
    /// The file's own header is damaged.
    #[error("the capture's file header is unreadable: {reason}; record or copy the capture again")]
    Header {
        /// What the parser expected.
        reason: String,
    },
    /// A classic capture of a link layer that carries no IP this reader knows.
    #[error(
        "the capture's link type {link_type} is not supported (Ethernet, Linux cooked, loopback and \
         raw IP are); capture on an Ethernet interface"
    )]
    LinkType {
        /// The number in the tcpdump.org registry.
        link_type: u32,
    },
    /// The file ends inside a record.
    #[error(
        "the capture is cut off: the record at byte {position_bytes} of {file_bytes} runs past the \
         end of the file; {records} earlier records were delivered, copy the file again for the rest"
    )]
    Truncated {
        /// Where the unfinished record starts.
        position_bytes: u64,
        /// Length of the file.
        file_bytes: u64,
        /// Records read before it.
        records: u64,
    },
    /// A record contradicts itself, so that the next one cannot be found.
    #[error(
        "the capture is corrupt at byte {position_bytes}: {reason}; {records} earlier records were \
         delivered, record or copy the capture again for the rest"
    )]
    Corrupt {
        /// Where the damaged record starts.
        position_bytes: u64,
        /// What the reader expected.
        reason: String,
        /// Records read before it.
        records: u64,
    },
}

/// Packets of a capture that held no complete, timed UDP datagram, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// A link layer, or a protocol above it, that carries no IP (ARP, LLDP and the like).
    pub not_ip: u64,
    /// IP, but not UDP.
    pub not_udp: u64,
    /// A fragment of an IP packet; fragments are not reassembled.
    pub fragmented: u64,
    /// Lengths or versions of the network headers contradict each other.
    pub malformed: u64,
    /// Cut short by the capture's snapshot length.
    pub cut_short: u64,
    /// Carries no timestamp, or one that does not fit nanoseconds since 1970 in 64 bits.
    pub untimed: u64,
    /// Refers to an interface that the capture does not describe.
    pub unknown_interface: u64,
    /// A pcapng packet block whose inside is damaged but whose length holds.
    pub unreadable: u64,
}

impl Skipped {
    /// Returns the number of packets skipped for any reason.
    pub fn total(&self) -> u64 {
        self.not_ip
            + self.not_udp
            + self.fragmented
            + self.malformed
            + self.cut_short
            + self.untimed
            + self.unknown_interface
            + self.unreadable
    }
}

/// One UDP datagram of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// When it was captured, nanoseconds since 1970 UTC; exact to the capture's own resolution.
    pub capture_ns: u64,
    /// Sender.
    pub source: SocketAddr,
    /// Receiver: for market data the multicast group and port.
    pub destination: SocketAddr,
    /// UDP payload, without link-layer padding; its checksum is not verified, because captures taken
    /// before checksum offload carry wrong ones.
    pub payload: &'a [u8],
    /// Where its record starts in the file.
    pub position_bytes: u64,
}

/// A capture file, mapped into memory.
#[derive(Debug)]
pub struct CaptureFile {
    map: Mmap,
}

impl CaptureFile {
    /// Opens and maps the capture at `path`.
    ///
    /// # Errors
    /// [`CaptureError::Open`] when the file cannot be opened or mapped.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::Open { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(failed)?;
        // SAFETY: the mapping is read-only and private to this process. A capture is a finished
        // file: another process that truncates it meanwhile ends this one with SIGBUS, which loses
        // a replay and no order; nothing here relies on the bytes staying the same.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Self { map })
    }

    /// Returns the bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Starts reading at the first packet.
    ///
    /// # Errors
    /// As [`Datagrams::from_bytes`].
    pub fn datagrams(&self) -> Result<Datagrams<'_>, CaptureError> {
        Datagrams::from_bytes(&self.map)
    }
}

/// Iterator over the UDP datagrams of a capture, in file order.
///
/// An error is the last item. [`Datagrams::skipped`] tells what was passed over so far.
pub struct Datagrams<'a> {
    file: &'a [u8],
    rest: &'a [u8],
    format: Format,
    skipped: Skipped,
    records: u64,
    is_over: bool,
}

enum Format {
    Pcap { parser: PcapParser, link: Link },
    PcapNg { parser: PcapNgParser, interfaces: Vec<Interface> },
}

/// What a packet needs to know of its pcapng interface.
#[derive(Clone, Copy)]
struct Interface {
    link: Option<Link>,
    clock: Option<Clock>,
}

/// Link layers whose packets can be sliced down to IP.
#[derive(Clone, Copy)]
enum Link {
    Ethernet,
    LinuxCooked,
    LinuxCooked2,
    Loopback,
    RawIp,
}

/// Bytes before the IP header of a BSD loopback packet: its address family.
const LOOPBACK_HEADER_BYTES: usize = 4;
/// Bytes of the header of LINKTYPE_LINUX_SLL2, which starts with the Ethernet type.
const COOKED2_HEADER_BYTES: usize = 20;

const PCAPNG_SECTION: u32 = 0x0A0D_0D0A;
const PCAPNG_INTERFACE: u32 = 1;
const PCAPNG_PACKET_OBSOLETE: u32 = 2;
const PCAPNG_PACKET_SIMPLE: u32 = 3;
const PCAPNG_PACKET_ENHANCED: u32 = 6;
/// Type, length and repeated length: the least that a pcapng block takes.
const PCAPNG_BLOCK_BYTES_MIN: usize = 12;
/// Fixed part of an enhanced or obsolete packet block before the packet's bytes, headers included.
const PCAPNG_PACKET_HEADER_BYTES: usize = 28;
const PCAP_RECORD_HEADER_BYTES: usize = 16;

impl<'a> Datagrams<'a> {
    /// Starts reading the capture in `file`, the bytes of a whole pcap or pcapng file.
    ///
    /// # Errors
    /// [`CaptureError::NotACapture`], [`CaptureError::Header`] or, for classic captures only,
    /// [`CaptureError::LinkType`]. A pcapng interface of an unsupported link type is no error: its
    /// packets are counted in [`Skipped::not_ip`].
    pub fn from_bytes(file: &'a [u8]) -> Result<Self, CaptureError> {
        let mut magic = [0; 4];
        for (to, from) in magic.iter_mut().zip(file) {
            *to = *from;
        }
        let (rest, format) = match u32::from_be_bytes(magic) {
            PCAPNG_SECTION => open_pcapng(file)?,
            0xA1B2_C3D4 | 0xD4C3_B2A1 | 0xA1B2_3C4D | 0x4D3C_B2A1 => open_pcap(file)?,
            _ => return Err(CaptureError::NotACapture { magic }),
        };
        Ok(Self { file, rest, format, skipped: Skipped::default(), records: 0, is_over: false })
    }

    /// Returns the packets passed over so far.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Returns how far into the file the reader is, for a progress bar.
    pub fn position_bytes(&self) -> u64 {
        (self.file.len() - self.rest.len()) as u64
    }

    /// Returns the length of the file.
    pub fn file_bytes(&self) -> u64 {
        self.file.len() as u64
    }

    fn truncated(&self) -> CaptureError {
        CaptureError::Truncated {
            position_bytes: self.position_bytes(),
            file_bytes: self.file_bytes(),
            records: self.records,
        }
    }

    fn corrupt(&self, reason: impl Into<String>) -> CaptureError {
        CaptureError::Corrupt { position_bytes: self.position_bytes(), reason: reason.into(), records: self.records }
    }

    /// Reads one record; `None` when it held no datagram.
    fn read_record(&mut self) -> Result<Option<Datagram<'a>>, CaptureError> {
        match self.format {
            Format::Pcap { .. } => self.read_pcap_record(),
            Format::PcapNg { .. } => self.read_pcapng_block(),
        }
    }

    fn read_pcap_record(&mut self) -> Result<Option<Datagram<'a>>, CaptureError> {
        let position = self.file.len() - self.rest.len();
        let Format::Pcap { parser, link } = &self.format else { return Ok(None) };
        let (link, resolution) = (*link, parser.header().ts_resolution);
        let (rest, record) = match parser.next_raw_packet(self.rest) {
            Ok(read) => read,
            Err(PcapError::IncompleteBuffer) => return Err(self.truncated()),
            Err(error) => return Err(self.corrupt(error.to_string())),
        };
        self.rest = rest;
        self.records += 1;
        let packet = Packet {
            capture_ns: pcap_time_ns(&record, resolution),
            link: Some(link),
            is_cut_short: record.incl_len < record.orig_len,
            bytes: slice_of(self.file, position + PCAP_RECORD_HEADER_BYTES, record.data.len()),
            position_bytes: position as u64,
        };
        Ok(self.datagram_of(packet))
    }

    /// Reads one pcapng block. Its frame is checked here first, so that a damaged inside can be
    /// told from a damaged length: the former costs one packet, the latter the rest of the file.
    fn read_pcapng_block(&mut self) -> Result<Option<Datagram<'a>>, CaptureError> {
        let Format::PcapNg { parser, .. } = &self.format else { return Ok(None) };
        let Some((kind, block_bytes)) = pcapng_frame(self.rest, parser.section().endianness) else {
            return Err(if self.rest.len() < PCAPNG_BLOCK_BYTES_MIN {
                self.truncated()
            } else {
                self.corrupt("a pcapng section header without its byte-order mark")
            });
        };
        if block_bytes < PCAPNG_BLOCK_BYTES_MIN || !block_bytes.is_multiple_of(4) {
            return Err(self.corrupt(format!(
                "expected a pcapng block length of at least {PCAPNG_BLOCK_BYTES_MIN} and a \
                 multiple of 4, found {block_bytes}"
            )));
        }
        if block_bytes > self.rest.len() {
            return Err(self.truncated());
        }
        if self.rest[4..8] != self.rest[block_bytes - 4..block_bytes] {
            return Err(self.corrupt("the two lengths of a pcapng block differ"));
        }
        self.read_framed_block(kind, block_bytes)
    }

    /// Reads a block whose extent is known to be right. Kinds that hold neither packets nor what is
    /// needed for them are stepped over unread.
    fn read_framed_block(&mut self, kind: u32, block_bytes: usize) -> Result<Option<Datagram<'a>>, CaptureError> {
        let position = self.file.len() - self.rest.len();
        let block = &self.rest[..block_bytes];
        let Format::PcapNg { parser, interfaces } = &mut self.format else { return Ok(None) };
        let mut raw_packet = None;
        match kind {
            PCAPNG_SECTION => match parser.next_block(block) {
                Ok(_) => interfaces.clear(),
                Err(error) => return Err(self.corrupt(error.to_string())),
            },
            PCAPNG_INTERFACE => interfaces.push(match parser.next_block(block) {
                Ok((_, Block::InterfaceDescription(description))) => Interface::of(&description),
                // Interfaces are numbered by order of appearance: an unreadable one keeps its place.
                _ => Interface { link: None, clock: None },
            }),
            PCAPNG_PACKET_OBSOLETE | PCAPNG_PACKET_SIMPLE | PCAPNG_PACKET_ENHANCED => {
                self.records += 1;
                match parser.next_block(block) {
                    Ok((_, Block::SimplePacket(_))) => self.skipped.untimed += 1,
                    Ok((_, block)) => raw_packet = RawPacket::of(&block, parser.section().endianness),
                    Err(_) => self.skipped.unreadable += 1,
                }
            }
            _ => {}
        }
        self.rest = &self.rest[block_bytes..];
        Ok(raw_packet.and_then(|raw| self.place_packet(&raw, position)))
    }

    /// Joins a packet block with its interface.
    fn place_packet(&mut self, raw: &RawPacket, position: usize) -> Option<Datagram<'a>> {
        let Format::PcapNg { interfaces, .. } = &self.format else { return None };
        let Some(interface) = interfaces.get(raw.interface_index) else {
            self.skipped.unknown_interface += 1;
            return None;
        };
        let packet = Packet {
            capture_ns: interface.clock.zip(raw.clock_units).and_then(|(clock, units)| clock.time_ns(units)),
            link: interface.link,
            is_cut_short: raw.captured_bytes < raw.original_bytes,
            bytes: slice_of(self.file, position + PCAPNG_PACKET_HEADER_BYTES, raw.captured_bytes),
            position_bytes: position as u64,
        };
        self.datagram_of(packet)
    }

    fn datagram_of(&mut self, packet: Packet<'a>) -> Option<Datagram<'a>> {
        match slice_datagram(&packet) {
            Ok(datagram) => Some(datagram),
            Err(skip) => {
                *skip.counter(&mut self.skipped) += 1;
                None
            }
        }
    }
}

impl<'a> Iterator for Datagrams<'a> {
    type Item = Result<Datagram<'a>, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over && !self.rest.is_empty() {
            match self.read_record() {
                Ok(Some(datagram)) => return Some(Ok(datagram)),
                Ok(None) => {}
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl FusedIterator for Datagrams<'_> {}

/// A packet block before its interface is known.
struct RawPacket {
    interface_index: usize,
    clock_units: Option<u64>,
    captured_bytes: usize,
    original_bytes: usize,
}

impl RawPacket {
    fn of(block: &Block<'_>, endianness: Endianness) -> Option<Self> {
        match block {
            Block::EnhancedPacket(packet) => Some(Self {
                interface_index: packet.interface_id as usize,
                // The parser hands out the raw count of clock units as if they were nanoseconds.
                clock_units: u64::try_from(packet.timestamp.as_nanos()).ok(),
                captured_bytes: packet.data.len(),
                original_bytes: packet.original_len as usize,
            }),
            Block::Packet(packet) => Some(Self {
                interface_index: usize::from(packet.interface_id),
                // Two 32-bit words, high one first, whatever the byte order of each; the parser
                // reads them as one word.
                clock_units: Some(match endianness {
                    Endianness::Little => packet.timestamp.rotate_left(32),
                    Endianness::Big => packet.timestamp,
                }),
                captured_bytes: packet.data.len(),
                original_bytes: packet.original_len as usize,
            }),
            _ => None,
        }
    }
}

/// A captured packet of either format.
struct Packet<'a> {
    capture_ns: Option<u64>,
    link: Option<Link>,
    is_cut_short: bool,
    bytes: &'a [u8],
    position_bytes: u64,
}

/// Why a packet gives no datagram.
enum Skip {
    NotIp,
    NotUdp,
    Fragmented,
    Malformed,
    CutShort,
    Untimed,
}

impl Skip {
    fn counter<'s>(&self, skipped: &'s mut Skipped) -> &'s mut u64 {
        match self {
            Self::NotIp => &mut skipped.not_ip,
            Self::NotUdp => &mut skipped.not_udp,
            Self::Fragmented => &mut skipped.fragmented,
            Self::Malformed => &mut skipped.malformed,
            Self::CutShort => &mut skipped.cut_short,
            Self::Untimed => &mut skipped.untimed,
        }
    }
}

fn slice_datagram<'a>(packet: &Packet<'a>) -> Result<Datagram<'a>, Skip> {
    let link = packet.link.ok_or(Skip::NotIp)?;
    if packet.is_cut_short {
        return Err(Skip::CutShort);
    }
    let sliced = slice_link(link, packet.bytes)?;
    let (source, destination): (IpAddr, IpAddr) = match &sliced.net {
        Some(NetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        Some(NetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        _ => return Err(Skip::NotIp),
    };
    if sliced.is_ip_payload_fragmented() {
        return Err(Skip::Fragmented);
    }
    let Some(TransportSlice::Udp(udp)) = &sliced.transport else { return Err(Skip::NotUdp) };
    Ok(Datagram {
        capture_ns: packet.capture_ns.ok_or(Skip::Untimed)?,
        source: SocketAddr::new(source, udp.source_port()),
        destination: SocketAddr::new(destination, udp.destination_port()),
        payload: udp.payload(),
        position_bytes: packet.position_bytes,
    })
}

fn slice_link(link: Link, bytes: &[u8]) -> Result<SlicedPacket<'_>, Skip> {
    match link {
        Link::Ethernet => SlicedPacket::from_ethernet(bytes),
        Link::LinuxCooked => SlicedPacket::from_linux_sll(bytes),
        Link::LinuxCooked2 => {
            let (header, payload) = bytes.split_at_checked(COOKED2_HEADER_BYTES).ok_or(Skip::Malformed)?;
            let ether_type = EtherType(u16::from_be_bytes([header[0], header[1]]));
            SlicedPacket::from_ether_type(ether_type, payload)
        }
        Link::Loopback => SlicedPacket::from_ip(bytes.get(LOOPBACK_HEADER_BYTES..).ok_or(Skip::Malformed)?),
        Link::RawIp => SlicedPacket::from_ip(bytes),
    }
    .map_err(|_| Skip::Malformed)
}

impl Link {
    fn of(data_link: DataLink) -> Option<Self> {
        /// LINKTYPE_LINUX_SLL2 of the tcpdump.org registry, younger than the parser's own list.
        const LINUX_SLL2: u32 = 276;
        match data_link {
            DataLink::ETHERNET => Some(Self::Ethernet),
            DataLink::LINUX_SLL => Some(Self::LinuxCooked),
            DataLink::NULL | DataLink::LOOP => Some(Self::Loopback),
            DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => Some(Self::RawIp),
            other if u32::from(other) == LINUX_SLL2 => Some(Self::LinuxCooked2),
            _ => None,
        }
    }
}

impl Interface {
    fn of(description: &InterfaceDescriptionBlock<'_>) -> Self {
        let (mut resolution, mut offset_s) = (Clock::RESOLUTION_DEFAULT, 0);
        for option in &description.options {
            match option {
                InterfaceDescriptionOption::IfTsResol(value) => resolution = *value,
                // The field is signed (pcapng 4.2, if_tsoffset); the parser types it unsigned.
                InterfaceDescriptionOption::IfTsOffset(value) => offset_s = *value as i64,
                _ => {}
            }
        }
        Self { link: Link::of(description.linktype), clock: Clock::new(resolution, offset_s) }
    }
}

/// How an interface counts time.
#[derive(Clone, Copy)]
struct Clock {
    unit: ClockUnit,
    offset_ns: i128,
}

#[derive(Clone, Copy)]
enum ClockUnit {
    /// Whole nanoseconds: the usual case, kept free of division.
    Nanoseconds(u64),
    /// A decimal fraction of a nanosecond.
    PerNanosecond(u128),
    /// 2^-n seconds.
    Binary(u32),
}

impl Clock {
    /// Microseconds (pcapng 4.2, if_tsresol).
    const RESOLUTION_DEFAULT: u8 = 6;

    /// `resolution`: a power of ten, or of two if the top bit is set. `None` for units finer than
    /// 1e-18 s or 2^-63 s, which no 64-bit count since 1970 can hold.
    fn new(resolution: u8, offset_s: i64) -> Option<Self> {
        let exponent = u32::from(resolution & 0x7F);
        let unit = match (resolution & 0x80 != 0, exponent) {
            (true, 0..=63) => ClockUnit::Binary(exponent),
            (false, 0..=9) => ClockUnit::Nanoseconds(10u64.pow(9 - exponent)),
            (false, 10..=18) => ClockUnit::PerNanosecond(10u128.pow(exponent - 9)),
            _ => return None,
        };
        Some(Self { unit, offset_ns: i128::from(offset_s) * 1_000_000_000 })
    }

    fn time_ns(self, units: u64) -> Option<u64> {
        let since_offset = match self.unit {
            ClockUnit::Nanoseconds(1) if self.offset_ns == 0 => return Some(units),
            ClockUnit::Nanoseconds(per_unit) => u128::from(units) * u128::from(per_unit),
            ClockUnit::PerNanosecond(units_per_ns) => u128::from(units) / units_per_ns,
            ClockUnit::Binary(bits) => (u128::from(units) * 1_000_000_000) >> bits,
        };
        let time_ns = i128::try_from(since_offset).ok()? + self.offset_ns;
        u64::try_from(time_ns).ok()
    }
}

fn open_pcap(file: &[u8]) -> Result<(&[u8], Format), CaptureError> {
    let (rest, parser) = PcapParser::new(file).map_err(|error| CaptureError::Header { reason: error.to_string() })?;
    let data_link = parser.header().datalink;
    let link = Link::of(data_link).ok_or_else(|| CaptureError::LinkType { link_type: u32::from(data_link) })?;
    Ok((rest, Format::Pcap { parser, link }))
}

fn open_pcapng(file: &[u8]) -> Result<(&[u8], Format), CaptureError> {
    let (rest, parser) = PcapNgParser::new(file).map_err(|error| CaptureError::Header { reason: error.to_string() })?;
    Ok((rest, Format::PcapNg { parser, interfaces: Vec::new() }))
}

fn pcap_time_ns(record: &RawPcapPacket<'_>, resolution: TsResolution) -> Option<u64> {
    let (unit_ns, units_per_s) = match resolution {
        TsResolution::MicroSecond => (1_000, 1_000_000),
        TsResolution::NanoSecond => (1, 1_000_000_000),
    };
    (record.ts_frac < units_per_s)
        .then(|| u64::from(record.ts_sec) * 1_000_000_000 + u64::from(record.ts_frac) * unit_ns)
}

/// Returns type and declared length of the block at the front of `rest`; `None` if its header does
/// not fit or is a section header without a byte-order mark. A section header carries its own order.
fn pcapng_frame(rest: &[u8], endianness: Endianness) -> Option<(u32, usize)> {
    let header: &[u8; PCAPNG_BLOCK_BYTES_MIN] = rest.first_chunk()?;
    let word = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
    let is_section = u32::from_be_bytes(word(0)) == PCAPNG_SECTION;
    let is_little_endian = match (is_section, u32::from_be_bytes(word(8))) {
        (true, 0x1A2B_3C4D) => false,
        (true, 0x4D3C_2B1A) => true,
        (true, _) => return None,
        (false, _) => endianness == Endianness::Little,
    };
    let read = if is_little_endian { u32::from_le_bytes } else { u32::from_be_bytes };
    Some((read(word(0)), read(word(4)) as usize))
}

/// Takes the packet's bytes from the file instead of from the parser's block, which would tie them
/// to the block's lifetime. The parser has checked that the range exists.
fn slice_of(file: &[u8], start: usize, bytes: usize) -> &[u8] {
    file.get(start..start + bytes).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_units_become_nanoseconds() {
        let time =
            |resolution, offset_s, units| Clock::new(resolution, offset_s).and_then(|clock| clock.time_ns(units));
        assert_eq!(time(6, 0, 1_686_858_150_123_456), Some(1_686_858_150_123_456_000));
        assert_eq!(time(9, 0, 7), Some(7));
        assert_eq!(time(12, 0, 7_999), Some(7));
        assert_eq!(time(0x80 | 10, 0, 1536), Some(1_500_000_000));
        assert_eq!(time(9, -1, 1_000_000_005), Some(5));
        assert_eq!(time(0, 1, 2), Some(3_000_000_000));
    }

    #[test]
    fn times_outside_64_bits_of_nanoseconds_are_refused() {
        let time =
            |resolution, offset_s, units| Clock::new(resolution, offset_s).and_then(|clock| clock.time_ns(units));
        assert_eq!(time(0, 0, u64::MAX), None);
        assert_eq!(time(9, -1, 5), None);
        assert_eq!(time(9, i64::MAX, u64::MAX), None);
        assert_eq!(time(19, 0, 5), None);
        assert_eq!(time(0xFF, 0, 5), None);
    }
}
