//! Programs that the kernel runs on each frame, put together here and loaded with bpf(2) alone: no compiler, no ELF
//! file, no library.
//!
//! ```text
//!   groups -> steering: program + map of sockets + counter -> Steering::load -> Link::attach (native or generic)
//!   groups -> classic:  filter of a packet socket
//! ```
//!
//! Facts: bpf(2), `include/uapi/linux/bpf.h`; commands and fields of `union bpf_attr` are given by number and offset.

pub(super) mod classic;
mod steering;

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use steering::{Instruction, program};

const MAP_CREATE: i32 = 0;
const MAP_LOOKUP: i32 = 1;
const MAP_UPDATE: i32 = 2;
const PROGRAM_LOAD: i32 = 5;
const LINK_CREATE: i32 = 28;

const MAP_TYPE_ARRAY: u32 = 2;
const MAP_TYPE_SOCKETS: u32 = 17;
const PROGRAM_TYPE_XDP: u32 = 6;
const ATTACH_TYPE_XDP: u32 = 37;
/// Program flag: frames may be in several pieces, which interfaces with a large MTU insist on.
const PROGRAM_TAKES_PIECES: u32 = 1 << 5;

const LOG_BYTES: usize = 1 << 16;

/// Arguments of a call: zeros but for what is put in.
struct Attributes([u8; 128]);

impl Attributes {
    fn new() -> Self {
        Self([0; 128])
    }

    fn u32(mut self, offset: usize, value: u32) -> Self {
        self.0[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }

    fn fd(self, offset: usize, fd: &impl AsRawFd) -> Self {
        self.u32(offset, fd.as_raw_fd() as u32)
    }

    fn pointer<T>(mut self, offset: usize, to: *const T) -> Self {
        self.0[offset..offset + 8].copy_from_slice(&(to as u64).to_ne_bytes());
        self
    }

    /// # Safety
    /// What pointers among the attributes point to must be as large as the command wants, and writable where it
    /// writes.
    unsafe fn call(mut self, command: i32) -> io::Result<RawFd> {
        // SAFETY: the attributes are as long as stated; the rest is the caller's.
        let result = unsafe { libc::syscall(libc::SYS_bpf, command, self.0.as_mut_ptr(), self.0.len()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as RawFd) }
    }

    /// # Safety
    /// As [`Attributes::call`], and the command must make a descriptor.
    unsafe fn make(self, command: i32) -> io::Result<OwnedFd> {
        // SAFETY: the caller's.
        let fd = unsafe { self.call(command) }?;
        // SAFETY: the descriptor was just made, and is nobody else's.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

fn map(kind: u32, value_bytes: u32, entries: u32) -> io::Result<OwnedFd> {
    let attributes = Attributes::new().u32(0, kind).u32(4, 4).u32(8, value_bytes).u32(12, entries);
    // SAFETY: there is no pointer, and the command makes a descriptor.
    unsafe { attributes.make(MAP_CREATE) }
}

/// A loaded program that steers datagrams of the groups to AF_XDP sockets, by receive queue.
pub(super) struct Steering {
    program: OwnedFd,
    sockets: OwnedFd,
    /// One 64-bit number: datagrams of queues without a socket.
    unheard: OwnedFd,
}

impl Steering {
    /// Loads the program. The error of a program that the kernel's verifier refuses holds what it says.
    pub fn load(groups: &[std::net::SocketAddrV4], queue_count: u32) -> io::Result<Self> {
        let sockets = map(MAP_TYPE_SOCKETS, 4, queue_count)?;
        let unheard = map(MAP_TYPE_ARRAY, 8, 1)?;
        let code = program(groups, sockets.as_raw_fd(), unheard.as_raw_fd());
        let program = load(&code)?;
        Ok(Self { program, sockets, unheard })
    }

    /// From now on datagrams of `queue` go to the socket.
    pub fn steer(&self, queue: u32, socket: RawFd) -> io::Result<()> {
        let value = socket as u32;
        let attributes = Attributes::new().fd(0, &self.sockets).pointer(8, &raw const queue);
        // SAFETY: key and value are the 4 bytes each that the map was made for, and live through the call.
        unsafe { attributes.pointer(16, &raw const value).call(MAP_UPDATE) }.map(|_| ())
    }

    /// Datagrams of the groups that came in queues without a socket.
    pub fn unheard(&self) -> io::Result<u64> {
        let (key, mut value) = (0u32, 0u64);
        let attributes = Attributes::new().fd(0, &self.unheard).pointer(8, &raw const key);
        // SAFETY: key and value are the 4 and 8 bytes that the map was made for; the kernel writes the value.
        unsafe { attributes.pointer(16, (&raw mut value).cast_const()).call(MAP_LOOKUP) }?;
        Ok(value)
    }

    /// Runs the program on every frame of the interface, until the link is dropped.
    pub fn attach(&self, interface: u32, mode: AttachMode) -> io::Result<OwnedFd> {
        let flags = match mode {
            AttachMode::Generic => 1 << 1,
            AttachMode::Native => 1 << 2,
        };
        let attributes =
            Attributes::new().fd(0, &self.program).u32(4, interface).u32(8, ATTACH_TYPE_XDP).u32(12, flags);
        // SAFETY: there is no pointer, and the command makes a descriptor.
        unsafe { attributes.make(LINK_CREATE) }
    }
}

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttachMode {
    /// In the driver.
    Native,
    /// In the stack, before anything else.
    Generic,
}

fn load(code: &[Instruction]) -> io::Result<OwnedFd> {
    let license = c"Apache-2.0";
    let ask = |log: Option<&mut [u8]>| {
        let mut attributes = Attributes::new()
            .u32(0, PROGRAM_TYPE_XDP)
            .u32(4, code.len() as u32)
            .pointer(8, code.as_ptr())
            .pointer(16, license.as_ptr())
            .u32(44, PROGRAM_TAKES_PIECES);
        if let Some(log) = log {
            attributes = attributes.u32(24, 1).u32(28, log.len() as u32).pointer(32, log.as_mut_ptr().cast_const());
        }
        // SAFETY: code and license are as long as stated or ended by zero, the kernel writes to the log inside of the
        // length stated, all live through the call, and the command makes a descriptor.
        unsafe { attributes.make(PROGRAM_LOAD) }
    };
    ask(None).or_else(|error| {
        if error.raw_os_error() == Some(libc::EPERM) {
            return Err(error);
        }
        // Once more, to hear why.
        let mut log = vec![0; LOG_BYTES];
        ask(Some(&mut log)).map_err(|error| {
            let said = log.split(|byte| *byte == 0).next().unwrap_or_default();
            let last = String::from_utf8_lossy(said).lines().rev().take(3).collect::<Vec<_>>().join(" | ");
            io::Error::new(error.kind(), format!("{error} (the kernel's verifier, last lines first: {last})"))
        })
    })
}
