//! A card in another process, over vfio-user: a PCI device whose configuration space and registers are messages
//! on a UNIX socket, and whose command window and DMA memory are shared.
//!
//! ```text
//!   read, write ---- messages ----> registers          BAR 0, page 0: every access has an effect there
//!   post ----------- stores ------> command window     BAR 0, page 1: mapped, the card polls it
//!   poll <---------- loads -------- event ring         a memfd of ours, whose descriptor the card was given
//! ```
//!
//! A register write does not wait for its reply, as a posted write on a bus does not; a read comes after all
//! writes before it. Posting a command and polling for its events are loads and stores alone: no system call.
//!
//! The client is written out here rather than taken from the crate that serves the other end, because a card that
//! dies or hangs must not take the host with it: every wait has a timeout, every length is checked, and whatever
//! goes wrong makes the card *gone*, which reads as all ones.
//!
//! Invariant: after the first error nothing more is sent or believed.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use hedgewire_abi::register::{BAR_BYTES, Register, WINDOW_OFFSET};
use hedgewire_abi::{Command, RECORD_BYTES};
use thiserror::Error;
use vmm_sys_util::sock_ctrl_msg::ScmSocket;

use super::interrupt::wait_readable;
use super::memory::{Memory, MemoryError, Need};
use super::{ALL_ONES, Card, DmaMemory, Interrupt, LAST_WORD, WINDOW_LINES};

/// Where the event ring is on the card's bus: any place will do, for it has this one window into host memory.
const BUS_ADDRESS: u64 = 0x1_0000_0000;
/// How long a card may take to answer a message, where nothing else is known: a host thread that asks a card
/// which hangs stands still for so long.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(1);
/// Polls without an event after which the core is given to others: a machine may have fewer cores than spinners.
const YIELD_POLLS: u32 = 1 << 12;
/// Largest reply that is believed.
const REPLY_BYTES_MAX: usize = 4096;

// Numbers of the protocol, vfio-user 0.1.
const HEADER_BYTES: usize = 16;
const VERSION: u16 = 1;
const DMA_MAP: u16 = 2;
const GET_REGION_INFO: u16 = 5;
const SET_IRQS: u16 = 8;
const REGION_READ: u16 = 9;
const REGION_WRITE: u16 = 10;
const FLAG_REPLY: u32 = 1;
const FLAG_TYPE_MASK: u32 = 0xf;
const FLAG_NO_REPLY: u32 = 1 << 4;
const FLAG_ERROR: u32 = 1 << 5;
const DMA_READ_WRITE: u32 = 3;
const MSI: u32 = 1;
const IRQ_DATA_EVENTFD: u32 = 1 << 2;
const IRQ_ACTION_TRIGGER: u32 = 1 << 5;
const BAR0: u32 = 0;
const CONFIGURATION_SPACE: u32 = 7;
const REGION_INFO_BYTES: usize = 32;
/// Region info, then one sparse area: capability header, count, offset and size.
const REGION_INFO_SPARSE_BYTES: usize = REGION_INFO_BYTES + 16 + 16;
const CAPABILITIES: &CStr = c"{\"capabilities\":{\"max_msg_fds\":1,\"max_data_xfer_size\":1048576}}";

/// Why a card could not be reached.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Nobody listens.
    #[error("cannot connect to {}: {source}; {}", path.display(), connecting(path, source.kind()))]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody listens, and says nothing.
    #[error(
        "{} does not answer within {} ms: another host has the card, which serves one at a time, or its process \
         hangs; end one of them",
        path.display(), patience.as_secs_f64() * 1e3
    )]
    Silent {
        /// The socket.
        path: PathBuf,
        /// How long was waited.
        patience: Duration,
    },
    /// Somebody listened, and is gone.
    #[error("{} closed the connection while it was asked what it is; its process says why, start it again", path.display())]
    Ended {
        /// The socket.
        path: PathBuf,
    },
    /// The other end does not speak the protocol.
    #[error("{} is no card: {what}; check the path", path.display())]
    Protocol {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The command window could not be mapped.
    #[error("cannot map the card's command window: {source}; free some memory")]
    Window {
        /// What the system says.
        source: io::Error,
    },
    /// There is no memory to share with the card.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// What to do when nobody can be connected to.
fn connecting(path: &Path, error: ErrorKind) -> String {
    let start = format!("start hedgewire-card --socket {}", path.display());
    match error {
        ErrorKind::NotFound => format!("{start} first"),
        ErrorKind::ConnectionRefused if std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket()) => {
            format!("the card that listened there is gone: remove the socket, and {start} again")
        }
        ErrorKind::ConnectionRefused => "it is no socket; give the one of hedgewire-card".to_owned(),
        ErrorKind::PermissionDenied => {
            "run as the user who started the card, or let this one write to the socket".to_owned()
        }
        ErrorKind::InvalidInput => "choose a shorter path: a socket's has 107 bytes at most".to_owned(),
        _ => format!("is the card there? {start}"),
    }
}

/// What is wrong with a message.
#[derive(Debug, Error)]
enum MessageError {
    #[error("{0}")]
    Socket(#[from] io::Error),
    #[error("no answer within {} ms", .0.as_secs_f64() * 1e3)]
    Silent(Duration),
    #[error("{0}")]
    Descriptor(#[from] vmm_sys_util::errno::Error),
    #[error("error {0} in reply")]
    Refused(u32),
    #[error("a reply that answers something else, or of a wrong length")]
    Reply,
}

impl MessageError {
    /// Whether the other end has closed the connection.
    fn is_end(&self) -> bool {
        match self {
            Self::Socket(error) => {
                matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
            }
            Self::Descriptor(error) => matches!(error.errno(), libc::EPIPE | libc::ECONNRESET),
            _ => false,
        }
    }
}

/// A card behind a socket.
pub struct VfioUserCard {
    path: PathBuf,
    socket: Option<Socket>,
    window: DmaMemory,
    memory: DmaMemory,
    empty_polls: u32,
}

impl VfioUserCard {
    /// Connects to the card at `path` and shares memory for a ring of `slots` with it. A card that does not answer a
    /// message within `reply_timeout` is gone.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(path: &Path, slots: usize, reply_timeout: Duration) -> Result<Self, ConnectError> {
        let protocol = |error: MessageError| match error {
            MessageError::Silent(patience) => ConnectError::Silent { path: path.to_path_buf(), patience },
            error if error.is_end() => ConnectError::Ended { path: path.to_path_buf() },
            error => ConnectError::Protocol { path: path.to_path_buf(), what: error.to_string() },
        };
        let connect = |source| ConnectError::Connect { path: path.to_path_buf(), source };
        let stream = UnixStream::connect(path).map_err(connect)?;
        stream.set_read_timeout(Some(reply_timeout)).map_err(connect)?;
        stream.set_write_timeout(Some(reply_timeout)).map_err(connect)?;
        let mut socket = Socket { stream, message_id: 0, patience: reply_timeout };
        socket.negotiate().map_err(protocol)?;
        let (bar, offset) = socket.region(BAR0).map_err(protocol)?;
        let window = DmaMemory::map(&bar, offset + u64::from(WINDOW_OFFSET), WINDOW_LINES as usize, 0);
        let window = window.map_err(|source| ConnectError::Window { source })?;
        let memory = Memory::allocate(slots * RECORD_BYTES, Need::Descriptor)?;
        socket.map_dma(&memory, BUS_ADDRESS).map_err(protocol)?;
        let memory = DmaMemory::of(Arc::new(memory), 0..slots, BUS_ADDRESS);
        Ok(Self { path: path.to_path_buf(), socket: Some(socket), window, memory, empty_polls: 0 })
    }

    /// Vendor and device number, as a PCI bus shows them; all ones if the card is gone.
    pub fn pci_id(&mut self) -> (u16, u16) {
        let id = self.exchange(|socket| socket.read(CONFIGURATION_SPACE, 0)).unwrap_or(ALL_ONES);
        (id as u16, (id >> 16) as u16)
    }

    /// Does something with the socket; whatever fails, the card is gone from then on.
    fn exchange<T>(&mut self, message: impl FnOnce(&mut Socket) -> Result<T, MessageError>) -> Option<T> {
        match message(self.socket.as_mut()?) {
            Ok(value) => Some(value),
            // The card is there, and does not have that.
            Err(MessageError::Refused(_)) => None,
            Err(_) => {
                self.socket = None;
                None
            }
        }
    }
}

impl Card for VfioUserCard {
    fn name(&self) -> String {
        format!("vfio-user:{}", self.path.display())
    }

    fn read(&mut self, register: Register) -> u32 {
        self.exchange(|socket| socket.read(BAR0, register.offset)).unwrap_or(ALL_ONES)
    }

    fn write(&mut self, register: Register, value: u32) {
        self.exchange(|socket| socket.write(BAR0, register.offset, value));
    }

    #[inline]
    fn store(&mut self, line: usize, word: usize, value: u64) {
        self.window.slots()[line].0[word].store(value, Ordering::Relaxed);
    }

    #[inline]
    fn post(&mut self, line: usize, command: &Command) {
        let line = &self.window.slots()[line].0;
        let words = command.words();
        for (word, value) in line[..LAST_WORD].iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        // ORDERING: releases the other words with the last one. Pairs with the card's acquire of a line's last
        // word: when it sees it, the command is whole.
        line[LAST_WORD].store(words[LAST_WORD], Ordering::Release);
    }

    fn memory(&self) -> &DmaMemory {
        &self.memory
    }

    #[inline]
    fn idle(&mut self) {
        self.empty_polls = self.empty_polls.wrapping_add(1);
        if self.empty_polls.is_multiple_of(YIELD_POLLS) {
            std::thread::yield_now();
        }
        std::hint::spin_loop();
    }

    fn answer_within(&mut self, silence: Duration) {
        if let Some(socket) = &mut self.socket {
            socket.patience = socket.patience.min(silence);
        }
    }

    fn interrupt(&mut self) -> Result<Interrupt, String> {
        let interrupt = Interrupt::new().map_err(|error| format!("cannot make an eventfd: {error}"))?;
        let set = self.exchange(|socket| socket.set_interrupt(&interrupt));
        set.map(|()| interrupt)
            .ok_or_else(|| format!("{} takes no eventfd for its interrupt; poll its ring", self.name()))
    }
}

/// The client's end of the protocol.
struct Socket {
    stream: UnixStream,
    message_id: u16,
    /// How long a reply may take to begin.
    patience: Duration,
}

impl Socket {
    /// A message with its header.
    fn message(&mut self, command: u16, flags: u32, payload: &[u8]) -> Vec<u8> {
        self.message_id = self.message_id.wrapping_add(1);
        let mut message = Vec::with_capacity(HEADER_BYTES + payload.len());
        message.extend_from_slice(&self.message_id.to_le_bytes());
        message.extend_from_slice(&command.to_le_bytes());
        message.extend_from_slice(&((HEADER_BYTES + payload.len()) as u32).to_le_bytes());
        message.extend_from_slice(&flags.to_le_bytes());
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(payload);
        message
    }

    /// Sends a command and returns the payload of its reply, with the descriptor that came with it.
    fn request(&mut self, command: u16, payload: &[u8]) -> Result<(Vec<u8>, Option<File>), MessageError> {
        let message = self.message(command, 0, payload);
        self.stream.write_all(&message)?;
        self.reply(command)
    }

    /// Reads the reply to the last message.
    fn reply(&mut self, command: u16) -> Result<(Vec<u8>, Option<File>), MessageError> {
        // The socket's own timeout counts in ticks of the kernel's timer, milliseconds.
        if !wait_readable(self.stream.as_fd(), self.patience)? {
            return Err(MessageError::Silent(self.patience));
        }
        let mut header = [0; HEADER_BYTES];
        let (count, file) = self.stream.recv_with_fd(&mut header)?;
        self.stream.read_exact(&mut header[count..])?;
        let word = |at: usize| u32_at(&header, at);
        let (bytes, flags, error) = (word(4) as usize, word(8), word(12));
        let answers = (word(0) & 0xffff, word(0) >> 16) == (self.message_id.into(), command.into());
        let is_sized = (HEADER_BYTES..=REPLY_BYTES_MAX).contains(&bytes);
        if !answers || !is_sized || flags & FLAG_TYPE_MASK != FLAG_REPLY {
            return Err(MessageError::Reply);
        }
        let mut payload = vec![0; bytes - HEADER_BYTES];
        self.stream.read_exact(&mut payload)?;
        if flags & FLAG_ERROR != 0 { Err(MessageError::Refused(error)) } else { Ok((payload, file)) }
    }

    fn negotiate(&mut self) -> Result<(), MessageError> {
        let (major, minor) = (0u16, 1u16);
        let payload = [&major.to_le_bytes()[..], &minor.to_le_bytes(), CAPABILITIES.to_bytes_with_nul()].concat();
        let (reply, _) = self.request(VERSION, &payload)?;
        let is_ours = reply.len() >= 4 && u32_at(&reply, 0) & 0xffff == u32::from(major);
        if is_ours { Ok(()) } else { Err(MessageError::Reply) }
    }

    /// The file that holds a region that can be mapped, and where in it the region starts.
    fn region(&mut self, index: u32) -> Result<(File, u64), MessageError> {
        let mut payload = [0; REGION_INFO_BYTES];
        payload[0..4].copy_from_slice(&(REGION_INFO_SPARSE_BYTES as u32).to_le_bytes());
        payload[8..12].copy_from_slice(&index.to_le_bytes());
        let (reply, file) = self.request(GET_REGION_INFO, &payload)?;
        let is_whole = reply.len() >= REGION_INFO_BYTES && u64_at(&reply, 16) >= u64::from(BAR_BYTES);
        match file {
            Some(file) if is_whole => Ok((file, u64_at(&reply, 24))),
            _ => Err(MessageError::Reply),
        }
    }

    /// Hands the card a descriptor of memory, which it may reach at `address` of its bus.
    fn map_dma(&mut self, memory: &Memory, address: u64) -> Result<(), MessageError> {
        let descriptor = memory.descriptor().ok_or_else(|| io::Error::other("memory without a descriptor"))?;
        let mut payload = [0; 32];
        payload[0..4].copy_from_slice(&32u32.to_le_bytes());
        payload[4..8].copy_from_slice(&DMA_READ_WRITE.to_le_bytes());
        payload[16..24].copy_from_slice(&address.to_le_bytes());
        payload[24..32].copy_from_slice(&(memory.len_bytes() as u64).to_le_bytes());
        self.request_with(DMA_MAP, &payload, descriptor)
    }

    /// Hands the card the eventfd that its MSI is to count in.
    fn set_interrupt(&mut self, interrupt: &Interrupt) -> Result<(), MessageError> {
        let (start, count) = (0, 1);
        let fields = [20, IRQ_DATA_EVENTFD | IRQ_ACTION_TRIGGER, MSI, start, count];
        self.request_with(SET_IRQS, &fields.map(u32::to_le_bytes).concat(), interrupt.as_fd())
    }

    /// Sends a command with a descriptor, and waits until it is done.
    fn request_with(&mut self, command: u16, payload: &[u8], file: BorrowedFd<'_>) -> Result<(), MessageError> {
        let message = self.message(command, 0, payload);
        let sent = self.stream.send_with_fd(&message[..], file.as_raw_fd())?;
        self.stream.write_all(&message[sent..])?;
        self.reply(command).map(|_| ())
    }

    /// A region access of four bytes: offset, region, count.
    fn access(region: u32, offset: u32) -> [u8; 16] {
        let mut payload = [0; 16];
        payload[0..4].copy_from_slice(&offset.to_le_bytes());
        payload[8..12].copy_from_slice(&region.to_le_bytes());
        payload[12..16].copy_from_slice(&4u32.to_le_bytes());
        payload
    }

    fn read(&mut self, region: u32, offset: u32) -> Result<u32, MessageError> {
        let (reply, _) = self.request(REGION_READ, &Self::access(region, offset))?;
        if reply.len() == 20 { Ok(u32_at(&reply, 16)) } else { Err(MessageError::Reply) }
    }

    fn write(&mut self, region: u32, offset: u32, value: u32) -> Result<(), MessageError> {
        let payload = [&Self::access(region, offset)[..], &value.to_le_bytes()].concat();
        // ORDERING: what was loaded and stored before is before the write: the system call is no compiler
        // barrier by itself. Pairs with the card's thread, which handles the message after receiving it.
        fence(Ordering::SeqCst);
        let message = self.message(REGION_WRITE, FLAG_NO_REPLY, &payload);
        Ok(self.stream.write_all(&message)?)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at + 4)) << 32 | u64::from(u32_at(bytes, at))
}
