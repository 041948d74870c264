//! UDP sockets: works everywhere, without privileges, and costs a system call per datagram.
//!
//! One socket per port of an interface, read without waiting, in turn. The kernel tells with each datagram which group
//! it was sent to and when it arrived; it has checked the sums, and put fragments together. Reading one at a time is
//! faster than `recvmmsg`, whose second look finds nothing at the rate of a feed.
//!
//! Facts: ip(7), socket(7), `Documentation/networking/timestamping.rst`.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};

use super::settings::PacketSettings;
use super::socket::{self, Interface};
use super::{Counts, Feed, Held, PacketError, Progress, Received, Source, Stamp, now_ns};

/// The largest datagram that there is.
const DATAGRAM_BYTES_MAX: usize = 1 << 16;
/// Room for control messages: group (28 bytes) and three stamps (64), with room to spare.
const CONTROL_WORDS: usize = 32;
/// Bytes of the buffer for each frame of the setting.
const BYTES_PER_FRAME: u32 = 2048;

pub(super) struct UdpSource {
    feed: Feed,
    interface: Interface,
    ports: Vec<Port>,
    turn: usize,
    buffer: Box<[u8]>,
    /// The datagram in the buffer, and its length.
    held: Option<(Held, usize)>,
    counts: Counts,
    has_hardware_stamps: bool,
}

struct Port {
    socket: OwnedFd,
    port: u16,
    buffer_bytes: c_int,
    /// What the kernel has counted at the last question; it counts in 32 bits.
    dropped_before: u32,
}

impl UdpSource {
    pub fn open(feed: Feed, settings: &PacketSettings) -> Result<Self, PacketError> {
        let interface = Interface::find(&feed.interface)?;
        let has_hardware_stamps = settings.hardware_stamps && interface.stamp_in_hardware();
        let mut numbers: Vec<u16> = feed.groups.addresses().iter().map(SocketAddrV4::port).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let open = |&port| Port::open(port, &feed, &interface, settings);
        let ports = numbers.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self {
            feed,
            interface,
            ports,
            turn: 0,
            buffer: vec![0; DATAGRAM_BYTES_MAX].into(),
            held: None,
            counts: Counts::default(),
            has_hardware_stamps,
        })
    }

    /// Counts a datagram, or holds it.
    fn take(&mut self, port: u16, bytes: usize, arrival: &Arrival) -> Progress {
        let place = arrival.group.and_then(|group| self.feed.groups.place(SocketAddrV4::new(group, port)));
        let Some(place) = place else {
            self.counts.not_for_us += 1;
            return Progress::Refused;
        };
        if arrival.is_cut_short {
            self.counts.malformed += 1;
            return Progress::Refused;
        }
        let member = self.feed.members[place];
        let (received_ns, stamp) = arrival.stamp.unwrap_or_else(|| (now_ns(), Stamp::Reader));
        self.counts.receive(member.0);
        self.held = Some((Held { member, received_ns, stamp }, bytes));
        Progress::Datagram
    }
}

impl Source for UdpSource {
    fn advance(&mut self) -> Result<Progress, PacketError> {
        self.held = None;
        for _ in 0..self.ports.len() {
            let at = self.turn;
            self.turn = if at + 1 == self.ports.len() { 0 } else { at + 1 };
            let (socket, port) = (&self.ports[at].socket, self.ports[at].port);
            match read(socket, &mut self.buffer) {
                Ok((bytes, arrival)) => return Ok(self.take(port, bytes, &arrival)),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(source) => {
                    let step = format!("cannot read from port {port} at {}", self.interface.name);
                    return Err(PacketError::System { step, source });
                }
            }
        }
        Ok(Progress::Nothing)
    }

    fn current(&self) -> Option<Received<'_>> {
        self.held.as_ref().map(|(held, bytes)| held.with(&self.buffer[..*bytes]))
    }

    fn counts(&mut self) -> Result<Counts, PacketError> {
        for port in &mut self.ports {
            self.interface.check(&port.socket)?;
            self.counts.dropped += port.newly_dropped()?;
        }
        Ok(self.counts)
    }

    fn describe(&self) -> String {
        let ports: Vec<String> =
            self.ports.iter().map(|port| format!("{} ({} bytes)", port.port, port.buffer_bytes)).collect();
        let stamps = if self.has_hardware_stamps { "the card" } else { "the kernel" };
        format!("UDP at {}, ports {}, stamps by {stamps}", self.interface.name, ports.join(", "))
    }
}

impl Port {
    fn open(port: u16, feed: &Feed, interface: &Interface, settings: &PacketSettings) -> Result<Self, PacketError> {
        let socket = socket::open(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, "UDP")?;
        let failed = |what: &str| {
            let step = format!("cannot {what} the UDP socket of port {port}");
            move |source| PacketError::System { step, source }
        };
        let stamps = libc::SOF_TIMESTAMPING_RX_SOFTWARE
            | libc::SOF_TIMESTAMPING_SOFTWARE
            | libc::SOF_TIMESTAMPING_RX_HARDWARE
            | libc::SOF_TIMESTAMPING_RAW_HARDWARE;
        let options = [
            // The other line may have the same port at another interface.
            (libc::SOL_SOCKET, libc::SO_REUSEADDR, 1),
            // Groups that other programs have joined are theirs.
            (libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, 0),
            (libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
            (libc::SOL_SOCKET, libc::SO_TIMESTAMPING, stamps as c_int),
        ];
        for (level, option, value) in options {
            socket::set(&socket, level, option, &value).map_err(failed("set up"))?;
        }
        if settings.busy_poll_us > 0 {
            let micros = settings.busy_poll_us as c_int;
            socket::set(&socket, libc::SOL_SOCKET, libc::SO_BUSY_POLL, &micros)
                .map_err(failed("set busy polling of"))?;
        }
        let bytes = settings.ring_frames.saturating_mul(BYTES_PER_FRAME) as c_int;
        // Beyond net.core.rmem_max with privileges only; without, what that allows, which `describe` tells.
        socket::set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes)
            .or_else(|_| socket::set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes))
            .map_err(failed("set the buffer of"))?;
        let buffer_bytes =
            socket::get(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF).map_err(failed("ask for the buffer of"))?;
        // SAFETY: a struct of numbers, for which zeros are values.
        let mut address: libc::sockaddr_in = unsafe { zeroed() };
        address.sin_family = libc::AF_INET as libc::sa_family_t;
        address.sin_port = port.to_be();
        socket::bind(&socket, &address).map_err(failed("bind"))?;
        for group in feed.groups.addresses().iter().filter(|group| group.port() == port) {
            socket::join(&socket, *group.ip(), interface)?;
        }
        Ok(Self { socket, port, buffer_bytes, dropped_before: 0 })
    }

    fn newly_dropped(&mut self) -> Result<u64, PacketError> {
        let memory: [u32; 9] = socket::get(&self.socket, libc::SOL_SOCKET, libc::SO_MEMINFO).map_err(|source| {
            PacketError::System { step: format!("cannot ask for the drops of port {}", self.port), source }
        })?;
        let dropped = memory[libc::SK_MEMINFO_DROPS as usize];
        let new = dropped.wrapping_sub(self.dropped_before);
        self.dropped_before = dropped;
        Ok(u64::from(new))
    }
}

/// What the kernel says of a datagram.
#[derive(Default)]
struct Arrival {
    group: Option<Ipv4Addr>,
    stamp: Option<(u64, Stamp)>,
    is_cut_short: bool,
}

/// Reads one datagram without waiting. Aligned memory for control messages is made of 64-bit words.
fn read(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<(usize, Arrival)> {
    let mut control = [0u64; CONTROL_WORDS];
    let mut piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: a struct of numbers and pointers, for which zeros are values.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast::<c_void>();
    message.msg_controllen = size_of::<[u64; CONTROL_WORDS]>();
    // SAFETY: the message points to one piece, to `buffer`, and to `control`, each of the length stated; the kernel
    // writes inside of them and keeps no pointer.
    let bytes = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let Ok(bytes) = usize::try_from(bytes) else { return Err(io::Error::last_os_error()) };
    let mut arrival = Arrival { is_cut_short: message.msg_flags & libc::MSG_TRUNC != 0, ..Arrival::default() };
    // SAFETY: the kernel has filled `control` and its length in; the walk stays inside of them.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !header.is_null() {
        // SAFETY: the walk gives null or a whole header inside of `control`.
        let (level, kind, length) = unsafe { ((*header).cmsg_level, (*header).cmsg_type, (*header).cmsg_len) };
        // SAFETY: as above; the pointer is only followed once the length has been checked.
        let data = unsafe { libc::CMSG_DATA(header) };
        let holds = |bytes: usize| length >= data as usize - header as usize + bytes;
        if (level, kind) == (libc::IPPROTO_IP, libc::IP_PKTINFO) && holds(size_of::<libc::in_pktinfo>()) {
            // SAFETY: as many bytes are there, and any bits are a value of this struct of numbers.
            let info: libc::in_pktinfo = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
            arrival.group = Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()));
        } else if (level, kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) && holds(size_of::<[libc::timespec; 3]>())
        {
            // SAFETY: as above, of an array of such structs.
            let times: [libc::timespec; 3] = unsafe { data.cast::<[libc::timespec; 3]>().read_unaligned() };
            let hardware = nanoseconds(&times[2]).map(|ns| (ns, Stamp::Hardware));
            arrival.stamp = hardware.or_else(|| nanoseconds(&times[0]).map(|ns| (ns, Stamp::Kernel)));
        }
        // SAFETY: the walk goes on inside of `control`.
        header = unsafe { libc::CMSG_NXTHDR(&raw const message, header) };
    }
    Ok((bytes, arrival))
}

/// A stamp; none if it is not set.
fn nanoseconds(time: &libc::timespec) -> Option<u64> {
    let (seconds, rest) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
    let ns = seconds.checked_mul(1_000_000_000)?.checked_add(rest)?;
    (ns > 0).then_some(ns)
}
