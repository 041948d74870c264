//! AF_XDP: frames of the feed from the driver into our memory, past the kernel's network stack.
//!
//! ```text
//!   card -> driver -> XDP program: of the feed? --no--> stack
//!                        | yes
//!                        v
//!        fill ring (empty frames) -> frame in the UMEM -> rx ring -> parse -> lent out -> fill ring
//! ```
//!
//! One socket with a memory (UMEM) of its own for each receive queue; all are looked at in turn, each look one load.
//! The program is attached in the driver if it can (native), else in the stack (generic). The driver writes into the
//! memory itself where it can (zero copy). Nothing is woken up: no system call is made per packet.
//!
//! The card's stamps are not read: kernels hand them to XDP programs through functions of single drivers. The stamp is
//! the reader's.
//!
//! Invariants: a frame is with the kernel, in the rx ring, in `waiting`, or lent out, and in one of them only; it goes
//! back to the fill ring after it was lent out, so the fill ring cannot overflow.
//!
//! Facts: `Documentation/networking/af_xdp.rst`.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use xdp::slab::{Slab, StackSlab};
use xdp::socket::{XdpSocket, XdpSocketBuilder};
use xdp::umem::{FrameSize, UmemCfgBuilder};
use xdp::{FillRing, Packet, RingConfigBuilder, RxRing, Umem};

use super::bpf::{AttachMode, Steering};
use super::frame::{Groups, Refusal, SumCheck, parse};
use super::settings::{PacketSettings, XdpMode};
use super::socket::{self, Interface};
use super::{Counts, Feed, Held, PacketError, Progress, Received, Source, Stamp, now_ns};

/// Ethernet header and two VLAN tags.
const LINK_BYTES: usize = 22;
/// What the kernel keeps of each frame for itself.
const KERNEL_BYTES: usize = 256;
/// Frames taken from the rx ring at a time.
const BATCH: usize = 64;
/// Read frames that are kept before they go back, so that the kernel's line of the fill ring is written less often.
const GIVE_BACK: usize = 16;

/// How long a queue may be busy: the kernel lets go of one some time after its socket was closed or its process died,
/// and a program that is started again at once is not to fail of it.
const RELEASE_TIME: Duration = Duration::from_secs(2);
/// Between two attempts.
const RELEASE_STEP: Duration = Duration::from_millis(10);

// `include/uapi/linux/if_xdp.h`
const OPTION_ZERO_COPY: i32 = 1;

pub(super) struct XdpSource {
    /// Detaches the program: first to be dropped.
    _link: OwnedFd,
    queues: Vec<Queue>,
    steering: Steering,
    members: Vec<OwnedFd>,
    feed: Feed,
    interface: Interface,
    mode: AttachMode,
    turn: usize,
    /// Which queue has the datagram.
    holder: usize,
    held: Option<Held>,
    check: SumCheck,
    counts: Counts,
}

impl XdpSource {
    pub fn open(feed: Feed, settings: &PacketSettings) -> Result<Self, PacketError> {
        let interface = Interface::find(&feed.interface)?;
        let frame_size = frame_size(&interface)?;
        let queue_count = interface.queue_count();
        let numbers = queues(&feed, &interface, queue_count)?;
        let failed = |what: &str| {
            let step = format!("cannot {what} at {}", interface.name);
            move |source| PacketError::System { step, source }
        };
        let steering = Steering::load(feed.groups.addresses(), queue_count).map_err(failed("load the XDP program"))?;
        let members = socket::members(&feed.groups, &interface)?;
        let (link, mode) =
            attach(&steering, &interface, settings.xdp_mode).map_err(failed("attach the XDP program"))?;
        let open = |&number: &u32| {
            let queue = Queue::open_when_free(&interface, number, frame_size, settings.ring_frames, mode)?;
            steering.steer(number, queue.socket.raw_fd()).map_err(failed("steer to the AF_XDP socket"))?;
            Ok(queue)
        };
        let queues = numbers.iter().map(open).collect::<Result<Vec<_>, PacketError>>()?;
        Ok(Self {
            _link: link,
            queues,
            steering,
            members,
            feed,
            interface,
            mode,
            turn: 0,
            holder: 0,
            held: None,
            check: settings.checksums.into(),
            counts: Counts::default(),
        })
    }
}

impl Source for XdpSource {
    fn advance(&mut self) -> Result<Progress, PacketError> {
        if self.held.take().is_some() {
            self.queues[self.holder].let_go();
        }
        for _ in 0..self.queues.len() {
            let at = self.turn;
            self.turn = if at + 1 == self.queues.len() { 0 } else { at + 1 };
            match self.queues[at].next(&self.feed.groups, self.check) {
                None => {}
                Some(Err(refusal)) => {
                    self.counts.refuse(refusal);
                    return Ok(Progress::Refused);
                }
                Some(Ok(group)) => {
                    let member = self.feed.members[group];
                    self.counts.receive(member.0);
                    self.holder = at;
                    self.held = Some(Held { member, received_ns: now_ns(), stamp: Stamp::Reader });
                    return Ok(Progress::Datagram);
                }
            }
        }
        Ok(Progress::Nothing)
    }

    fn current(&self) -> Option<Received<'_>> {
        self.held.as_ref()?.with(self.queues[self.holder].payload()?).into()
    }

    fn counts(&mut self) -> Result<Counts, PacketError> {
        self.members.iter().try_for_each(|socket| self.interface.check(socket))?;
        let mut counts = self.counts;
        for queue in &self.queues {
            // A full rx ring, and frames for which there was no empty one or that did not fit. Both only grow.
            let statistics = queue.socket.statistics().map_err(|error| of_socket(error, &self.interface))?;
            counts.dropped += statistics.rx_dropped + statistics.rx_ring_full;
        }
        counts.other_queue = self.steering.unheard().map_err(|source| PacketError::System {
            step: format!("cannot ask for what came in other queues at {}", self.interface.name),
            source,
        })?;
        Ok(counts)
    }

    fn describe(&self) -> String {
        let mode = match self.mode {
            AttachMode::Native => "native",
            AttachMode::Generic => "generic",
        };
        let queue = |queue: &Queue| format!("{}{}", queue.number, if queue.is_zero_copy { " zero copy" } else { "" });
        let queues: Vec<String> = self.queues.iter().map(queue).collect();
        format!("AF_XDP at {}, {mode}, queues {}, stamps by the reader", self.interface.name, queues.join(", "))
    }
}

/// The frames of the UMEM: the smaller ones stay in the caches.
fn frame_size(interface: &Interface) -> Result<FrameSize, PacketError> {
    let needed = interface.mtu_bytes + LINK_BYTES + KERNEL_BYTES;
    match needed {
        0..=2048 => Ok(FrameSize::TwoK),
        2049..=4096 => Ok(FrameSize::FourK),
        _ => Err(PacketError::Unfit(format!(
            "AF_XDP takes frames up to an MTU of {} bytes, and interface {} has {}: `ip link set mtu` it lower, or \
             take another source",
            4096 - LINK_BYTES - KERNEL_BYTES,
            interface.name,
            interface.mtu_bytes
        ))),
    }
}

/// The queues that are asked for, or all.
fn queues(feed: &Feed, interface: &Interface, queue_count: u32) -> Result<Vec<u32>, PacketError> {
    if feed.queues.is_empty() {
        return Ok((0..queue_count).collect());
    }
    match feed.queues.iter().find(|&&queue| queue >= queue_count) {
        None => Ok(feed.queues.clone()),
        Some(queue) => Err(PacketError::Unfit(format!(
            "interface {} has {queue_count} receive queues, and queue {queue} is asked for (`ethtool -l`)",
            interface.name
        ))),
    }
}

fn attach(steering: &Steering, interface: &Interface, mode: XdpMode) -> io::Result<(OwnedFd, AttachMode)> {
    let attach = |mode| steering.attach(interface.index, mode).map(|link| (link, mode));
    match mode {
        XdpMode::Native => attach(AttachMode::Native),
        XdpMode::Generic => attach(AttachMode::Generic),
        // Where another program is attached, the second attempt says so too.
        XdpMode::Auto => attach(AttachMode::Native).or_else(|_| attach(AttachMode::Generic)),
    }
}

fn of_socket(error: xdp::socket::SocketError, interface: &Interface) -> PacketError {
    use xdp::socket::SocketError;
    let (what, source) = match error {
        SocketError::SocketCreation(source) => ("open an AF_XDP socket".to_owned(), source),
        SocketError::Bind(source) => ("bind an AF_XDP socket".to_owned(), source),
        SocketError::SetSockOpt { inner, option } => (format!("set {option:?} of an AF_XDP socket"), inner),
        SocketError::GetSockOpt { inner, option } => (format!("ask for {option:?} of an AF_XDP socket"), inner),
        SocketError::RingMap { inner, ring } => (format!("map the {ring:?} ring of an AF_XDP socket"), inner),
    };
    PacketError::System { step: format!("cannot {what} at {}", interface.name), source }
}

/// A receive queue: its socket, rings and memory.
struct Queue {
    number: u32,
    is_zero_copy: bool,
    socket: XdpSocket,
    receive: RxRing,
    fill: FillRing,
    frames: Frames,
    /// Frames that were read since some were last given back.
    read: usize,
    umem: Umem,
}

/// Frames that have left the rx ring.
struct Frames {
    waiting: StackSlab<BATCH>,
    /// The one that is lent out, and where in it the payload is.
    lent: Option<(Packet, Range<usize>)>,
}

// SAFETY: packets point into the UMEM of the queue that holds them, which goes where they go; nobody else has them.
unsafe impl Send for Frames {}

impl Queue {
    /// [`Queue::open`], once whoever had it before has let it go.
    fn open_when_free(
        interface: &Interface,
        number: u32,
        frame_size: FrameSize,
        ring_frames: u32,
        mode: AttachMode,
    ) -> Result<Self, PacketError> {
        let begun = Instant::now();
        loop {
            match Self::open(interface, number, frame_size, ring_frames, mode) {
                Err(PacketError::System { source, .. })
                    if source.raw_os_error() == Some(libc::EBUSY) && begun.elapsed() < RELEASE_TIME =>
                {
                    std::thread::sleep(RELEASE_STEP);
                }
                opened => return opened,
            }
        }
    }

    fn open(
        interface: &Interface,
        number: u32,
        frame_size: FrameSize,
        ring_frames: u32,
        mode: AttachMode,
    ) -> Result<Self, PacketError> {
        let unfit = |error: xdp::error::Error| PacketError::Unfit(format!("AF_XDP at {}: {error}", interface.name));
        let failed = |error| of_socket(error, interface);
        // All of them empty at first, and all of them waiting in the rx ring at worst.
        let config = UmemCfgBuilder { frame_size, frame_count: ring_frames, ..UmemCfgBuilder::default() };
        let mut umem = Umem::map(config.build().map_err(unfit)?).map_err(|source| PacketError::System {
            step: format!("cannot map memory for AF_XDP at {}", interface.name),
            source,
        })?;
        let rings =
            RingConfigBuilder { rx_count: ring_frames, tx_count: 0, fill_count: ring_frames, completion_count: 1 };
        let mut builder = XdpSocketBuilder::new().map_err(failed)?;
        let (mut rings, mut flags) = builder.build_rings(&umem, rings.build().map_err(unfit)?).map_err(failed)?;
        if mode == AttachMode::Generic {
            flags.force_copy();
        }
        // SAFETY: the UMEM is kept behind the socket in the same struct, so it lives as long as the socket.
        unsafe { rings.fill_ring.enqueue(&mut umem, ring_frames as usize) };
        let receive = rings.rx_ring.take();
        let receive = receive.ok_or_else(|| PacketError::Unfit("AF_XDP gave no rx ring".to_owned()))?;
        let socket = builder.bind(xdp::nic::NicIndex(interface.index), number, flags).map_err(failed)?;
        let is_zero_copy = is_zero_copy(socket.raw_fd()).map_err(|source| PacketError::System {
            step: format!("cannot ask an AF_XDP socket at {} how it is bound", interface.name),
            source,
        })?;
        let frames = Frames { waiting: StackSlab::new(), lent: None };
        Ok(Self { number, is_zero_copy, socket, receive, fill: rings.fill_ring, frames, read: 0, umem })
    }

    /// Lends out the next datagram, or says why a frame gave none.
    #[inline]
    fn next(&mut self, groups: &Groups, check: SumCheck) -> Option<Result<usize, Refusal>> {
        if self.frames.waiting.is_empty() {
            // SAFETY: packets stay in this struct, ahead of the UMEM that they point into.
            let count = unsafe { self.receive.recv(&self.umem, &mut self.frames.waiting) };
            if count == 0 {
                return None;
            }
        }
        let packet = self.frames.waiting.pop_back()?;
        let found = if packet.is_continued() { Err(Refusal::Malformed) } else { parse(&packet, groups, check) };
        match found {
            Ok(found) => {
                self.frames.lent = Some((packet, found.payload));
                Some(Ok(found.group))
            }
            Err(refusal) => {
                self.free(packet);
                Some(Err(refusal))
            }
        }
    }

    fn payload(&self) -> Option<&[u8]> {
        let (packet, payload) = self.frames.lent.as_ref()?;
        packet.get(payload.clone())
    }

    fn let_go(&mut self) {
        if let Some((packet, _)) = self.frames.lent.take() {
            self.free(packet);
        }
    }

    fn free(&mut self, packet: Packet) {
        self.umem.free_packet(packet);
        self.read += 1;
        if self.read >= GIVE_BACK {
            // SAFETY: as in `open`. The fill ring has room: the kernel took an entry from it for each frame read.
            self.read -= unsafe { self.fill.enqueue(&mut self.umem, self.read) };
        }
    }
}

fn is_zero_copy(socket: RawFd) -> io::Result<bool> {
    struct Descriptor(RawFd);
    impl AsRawFd for Descriptor {
        fn as_raw_fd(&self) -> RawFd {
            self.0
        }
    }
    let options: i32 = socket::get(&Descriptor(socket), libc::SOL_XDP, libc::XDP_OPTIONS)?;
    Ok(options & OPTION_ZERO_COPY != 0)
}
