//! What the sources need of sockets and interfaces, as checked calls.
//!
//! All of it is done once, at the start, or when somebody asks for counts. Numbers that libc has under other names or
//! not at all come from Linux's `include/uapi` (`ethtool.h`, `net_tstamp.h`).

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::PacketError;
use super::frame::Groups;

/// Commands of `SIOCETHTOOL`.
const ETHTOOL_GCHANNELS: u32 = 0x3C;
/// Groups that one socket may join, unless `net.ipv4.igmp_max_memberships` says more.
const MEMBERSHIPS_MAX: usize = 20;

/// A new socket.
pub(super) fn open(family: c_int, kind: c_int, what: &str) -> Result<OwnedFd, PacketError> {
    // SAFETY: the arguments are numbers.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(PacketError::last(format!("cannot open a socket for {what}")));
    }
    // SAFETY: the descriptor was just made, and is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets an option whose value is a plain number, or a struct or array of such.
pub(super) fn set<T: Copy>(socket: &impl AsRawFd, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let (pointer, bytes) = (std::ptr::from_ref(value).cast::<c_void>(), size_of::<T>() as libc::socklen_t);
    // SAFETY: the pointer is to as many bytes as are stated, and the kernel only reads them.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, pointer, bytes) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Values that any bytes are.
///
/// # Safety
/// Every pattern of bits must be a value of the type.
pub(super) unsafe trait Plain: Copy {}
// SAFETY: any bits are a number.
unsafe impl Plain for c_int {}
// SAFETY: an array of numbers.
unsafe impl Plain for [u32; 9] {}
// SAFETY: a struct of two numbers.
unsafe impl Plain for libc::tpacket_stats {}

/// Reads an option; what the kernel does not fill in is zero.
pub(super) fn get<T: Plain>(socket: &impl AsRawFd, level: c_int, option: c_int) -> io::Result<T> {
    // SAFETY: all zeros are a value of a plain type.
    let mut value: T = unsafe { zeroed() };
    let mut bytes = size_of::<T>() as libc::socklen_t;
    let pointer = (&raw mut value).cast::<c_void>();
    // SAFETY: the kernel writes at most as many bytes as are stated, and any bits are a value of a plain type.
    match unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, pointer, &raw mut bytes) } {
        0 => Ok(value),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Binds to an address of the family that it belongs to.
pub(super) fn bind<T: Copy>(socket: &impl AsRawFd, address: &T) -> io::Result<()> {
    let pointer = std::ptr::from_ref(address).cast::<libc::sockaddr>();
    // SAFETY: the pointer is to as many bytes as are stated, and the kernel only reads them.
    match unsafe { libc::bind(socket.as_raw_fd(), pointer, size_of::<T>() as libc::socklen_t) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A network interface of this thread's network namespace.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub name: String,
    pub index: u32,
    pub mtu_bytes: usize,
}

impl Interface {
    /// Finds it, and refuses one that is down.
    pub fn find(name: &str) -> Result<Self, PacketError> {
        let unfit = |why: &str| PacketError::Unfit(format!("interface {name:?} {why}"));
        let c_name = CString::new(name).map_err(|_| unfit("has a zero byte in its name"))?;
        // SAFETY: the pointer is to a string that ends with a zero.
        let index = unsafe { libc::if_nametoindex(c_name.as_ptr()) };
        if index == 0 {
            return Err(PacketError::last(format!("there is no interface {name:?} (`ip link` lists them)")));
        }
        let mut request = request_for(name)?;
        ask(libc::SIOCGIFMTU, &mut request, name)?;
        // SAFETY: SIOCGIFMTU has filled in the MTU; any bits are a number.
        let mtu = unsafe { request.ifr_ifru.ifru_mtu };
        let found = Self { name: name.to_owned(), index, mtu_bytes: usize::try_from(mtu).unwrap_or(0) };
        found.check(&questions()?)?;
        Ok(found)
    }

    /// Refuses one that is down or gone. It is looked for in the network namespace of the socket.
    pub fn check(&self, socket: &impl AsRawFd) -> Result<(), PacketError> {
        let mut request = request_for(&self.name)?;
        ask_at(socket, libc::SIOCGIFFLAGS, &mut request, &self.name)?;
        // SAFETY: SIOCGIFFLAGS has filled in the flags; any bits are a number.
        let flags = c_int::from(unsafe { request.ifr_ifru.ifru_flags });
        if flags & libc::IFF_UP == 0 {
            return Err(PacketError::Unfit(format!("interface {:?} is down: `ip link set up` it", self.name)));
        }
        Ok(())
    }

    /// How many receive queues it has; 1 if its driver does not say.
    pub fn queue_count(&self) -> u32 {
        // struct ethtool_channels: cmd, max rx/tx/other/combined, rx, tx, other, combined.
        let mut channels = [0u32; 9];
        channels[0] = ETHTOOL_GCHANNELS;
        let Ok(mut request) = request_for(&self.name) else { return 1 };
        request.ifr_ifru.ifru_data = channels.as_mut_ptr().cast();
        match ask(libc::SIOCETHTOOL as _, &mut request, &self.name) {
            Ok(()) => (channels[5].saturating_add(channels[8])).max(1),
            Err(_) => 1,
        }
    }

    /// Has the card stamp every packet. What it is set to for sending stays: a clock daemon may need it. Tells
    /// whether it does; a card that cannot is no error.
    pub fn stamp_in_hardware(&self) -> bool {
        // SAFETY: a struct of numbers, for which zeros are values.
        let mut config: libc::hwtstamp_config = unsafe { zeroed() };
        let Ok(mut request) = request_for(&self.name) else { return false };
        request.ifr_ifru.ifru_data = (&raw mut config).cast();
        if ask(libc::SIOCGHWTSTAMP as _, &mut request, &self.name).is_err() {
            return false;
        }
        let all = libc::HWTSTAMP_FILTER_ALL as c_int;
        if config.rx_filter != all {
            config.rx_filter = all;
            request.ifr_ifru.ifru_data = (&raw mut config).cast();
            let _ = ask(libc::SIOCSHWTSTAMP as _, &mut request, &self.name);
        }
        config.rx_filter == all
    }
}

fn request_for(name: &str) -> Result<libc::ifreq, PacketError> {
    // SAFETY: a struct of numbers, names and pointers, for which zeros are values.
    let mut request: libc::ifreq = unsafe { zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(PacketError::Unfit(format!("interface name {name:?} is too long")));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

/// A socket to ask about interfaces of this thread's network namespace.
fn questions() -> Result<OwnedFd, PacketError> {
    open(libc::AF_INET, libc::SOCK_DGRAM, "questions about interfaces")
}

fn ask(question: libc::Ioctl, request: &mut libc::ifreq, name: &str) -> Result<(), PacketError> {
    ask_at(&questions()?, question, request, name)
}

fn ask_at(
    socket: &impl AsRawFd,
    question: libc::Ioctl,
    request: &mut libc::ifreq,
    name: &str,
) -> Result<(), PacketError> {
    // SAFETY: the request is an `ifreq`, as all of these questions want; where it points further, it is to a struct of
    // the size that the question has, which lives through the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), question, std::ptr::from_mut(request)) } {
        0 => Ok(()),
        _ => Err(PacketError::last(format!("cannot ask about interface {name}"))),
    }
}

/// Joins a group at an interface, for as long as the socket is open.
pub(super) fn join(socket: &impl AsRawFd, group: Ipv4Addr, interface: &Interface) -> Result<(), PacketError> {
    let membership = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: u32::from_ne_bytes(group.octets()) },
        imr_address: libc::in_addr { s_addr: 0 },
        imr_ifindex: interface.index as c_int,
    };
    set(socket, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &membership)
        .map_err(|source| PacketError::System { step: format!("cannot join {group} at {}", interface.name), source })
}

/// Joins groups for a source that does not read from the sockets that join: switches send the groups, the card's filter
/// lets them in, and the sockets, bound to nothing, get nothing.
pub(super) fn members(groups: &Groups, interface: &Interface) -> Result<Vec<OwnedFd>, PacketError> {
    let mut addresses: Vec<Ipv4Addr> = groups.addresses().iter().map(|group| *group.ip()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let join_some = |some: &[Ipv4Addr]| {
        let socket = open(libc::AF_INET, libc::SOCK_DGRAM, "membership of groups")?;
        some.iter().try_for_each(|group| join(&socket, *group, interface))?;
        Ok(socket)
    };
    addresses.chunks(MEMBERSHIPS_MAX).map(join_some).collect()
}
