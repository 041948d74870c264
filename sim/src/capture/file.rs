//! Capture files from UDP payloads: Ethernet, IPv4 and UDP headers, pcapng or classic pcap around.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};

/// File format of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureFormat {
    /// pcapng, nanosecond timestamps.
    #[default]
    PcapNg,
    /// Classic pcap, nanosecond timestamps.
    Pcap,
}

/// UDP port of event channels.
pub const EVENT_PORT: u16 = 6100;
/// UDP port of snapshot channels.
pub const SNAPSHOT_PORT: u16 = 6101;
/// Largest record; longer frames than any that UDP can need.
const SNAPLEN_BYTES: u32 = 1 << 18;
const ETHERNET_HEADER_BYTES: usize = 14;
const IPV4_HEADER_BYTES: usize = 20;
const UDP_HEADER_BYTES: usize = 8;
const PUBLISHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PUBLISHER_PORT: u16 = 40_000;

/// Writes a capture, record by record.
pub struct CaptureWriter<W: Write> {
    file: File<W>,
}

enum File<W: Write> {
    PcapNg(PcapNgWriter<W>),
    Pcap(PcapWriter<W>),
}

impl<W: Write> CaptureWriter<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// If `writer` cannot be written to.
    pub fn new(writer: W, format: CaptureFormat) -> io::Result<Self> {
        let file = match format {
            CaptureFormat::PcapNg => {
                let mut file = PcapNgWriter::with_endianness(writer, Endianness::Little).map_err(io_error)?;
                let mut interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, SNAPLEN_BYTES);
                interface.options.push(InterfaceDescriptionOption::IfTsResol(9));
                file.write_pcapng_block(interface).map_err(io_error)?;
                File::PcapNg(file)
            }
            CaptureFormat::Pcap => {
                let header = PcapHeader {
                    snaplen: SNAPLEN_BYTES,
                    ts_resolution: TsResolution::NanoSecond,
                    endianness: Endianness::Little,
                    ..PcapHeader::default()
                };
                File::Pcap(PcapWriter::with_header(writer, header).map_err(io_error)?)
            }
        };
        Ok(Self { file })
    }

    /// Writes an Ethernet frame, taken at `capture_ns` since 1970 UTC.
    ///
    /// # Errors
    /// If the file cannot be written to, or its format cannot hold the time or the length.
    pub fn frame(&mut self, capture_ns: u64, frame: &[u8]) -> io::Result<()> {
        let timestamp = Duration::from_nanos(capture_ns);
        let original_len = u32::try_from(frame.len()).map_err(io::Error::other)?;
        match &mut self.file {
            File::PcapNg(file) => file.write_pcapng_block(EnhancedPacketBlock {
                interface_id: 0,
                timestamp,
                original_len,
                data: Cow::Borrowed(frame),
                options: vec![],
            }),
            File::Pcap(file) => file.write_packet(&PcapPacket::new(timestamp, original_len, frame)),
        }
        .map_err(io_error)?;
        Ok(())
    }

    /// Writes a packet of `channel`, wrapped as the venue sends it.
    ///
    /// # Errors
    /// As [`CaptureWriter::frame`].
    ///
    /// # Panics
    /// If `payload` is longer than a UDP datagram can be.
    pub fn packet(&mut self, capture_ns: u64, channel: u16, payload: &[u8]) -> io::Result<()> {
        self.frame(capture_ns, &ethernet_frame(channel, payload))
    }

    /// Ends the capture: returns the writer.
    pub fn into_inner(self) -> W {
        match self.file {
            File::PcapNg(file) => file.into_inner(),
            File::Pcap(file) => file.into_writer(),
        }
    }
}

/// Returns multicast group and port of a channel: 239.111.111.N, and 6100 for events; snapshot
/// channels are 100 + N on the group of N and port 6101.
pub fn group_of(channel: u16) -> (Ipv4Addr, u16) {
    let (group, port) = if channel >= 100 { (channel - 100, SNAPSHOT_PORT) } else { (channel, EVENT_PORT) };
    (Ipv4Addr::new(239, 111, 111, group as u8), port)
}

/// Wraps a payload in UDP, IPv4 and Ethernet headers.
///
/// # Panics
/// If `payload` is longer than a UDP datagram can be.
pub fn ethernet_frame(channel: u16, payload: &[u8]) -> Vec<u8> {
    let (group, port) = group_of(channel);
    let length = |bytes: usize| u16::try_from(bytes).expect("a datagram is shorter than 64 KiB").to_be_bytes();
    let headers_bytes = ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + UDP_HEADER_BYTES;
    let mut frame = Vec::with_capacity(headers_bytes + payload.len());
    let [_, second, third, fourth] = group.octets();
    // RFC 1112 6.4: the low 23 bits of the group behind 01-00-5e.
    frame.extend_from_slice(&[0x01, 0x00, 0x5e, second & 0x7f, third, fourth]);
    frame.extend_from_slice(&[0x02, 0, 0, 0, 0, 0x01]);
    frame.extend_from_slice(&[0x08, 0x00]);

    frame.extend_from_slice(&[0x45, 0]);
    frame.extend_from_slice(&length(IPV4_HEADER_BYTES + UDP_HEADER_BYTES + payload.len()));
    // Identification 0, do not fragment, time to live 1, UDP, checksum to be filled in.
    frame.extend_from_slice(&[0, 0, 0x40, 0, 1, 17, 0, 0]);
    frame.extend_from_slice(&PUBLISHER.octets());
    frame.extend_from_slice(&group.octets());
    let ip_header = ETHERNET_HEADER_BYTES..ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES;
    let checksum = internet_checksum(&frame[ip_header]);
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());

    frame.extend_from_slice(&PUBLISHER_PORT.to_be_bytes());
    frame.extend_from_slice(&port.to_be_bytes());
    frame.extend_from_slice(&length(UDP_HEADER_BYTES + payload.len()));
    // Checksum 0: none, as IPv4 allows.
    frame.extend_from_slice(&[0, 0]);
    frame.extend_from_slice(payload);
    frame
}

/// RFC 1071.
fn internet_checksum(header: &[u8]) -> u16 {
    let sum: u32 = header.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    !((folded & 0xFFFF) + (folded >> 16)) as u16
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
