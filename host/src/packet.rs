//! Packets of a feed, by whichever way this machine has: AF_XDP, a packet ring, UDP sockets, or a capture file.
//!
//! ```text
//!   PacketSettings -> Receiver::open -> one Source per interface
//!                                          |  AF_XDP       frame in a ring ----+
//!      card -> kernel ---------------------+  packet ring  frame in a ring ----+-> frame::parse -> Received
//!                                          |  UDP          kernel's stack, one read per datagram -> Received
//!      file -------------------------------+  capture      capture::Datagrams, in its own time   -> Received
//!
//!   spin(core, handler): pinned, asks the sources in turn, never sleeps
//! ```
//!
//! | source | system calls per packet | copies by the kernel | stamp |
//! |---|---|---|---|
//! | AF_XDP | none | 1; none with zero copy | card's if its driver tells XDP, else taken at the reader |
//! | packet ring | none | 1 | card's if it stamps, else the kernel's |
//! | UDP | 1, and 1 for each look that finds nothing | 2 | card's if it stamps, else the kernel's |
//! | capture | none (the file is mapped) | none | the recorded one |
//!
//! The stamp at the reader, and waiting in a capture, read the kernel's clock without a system call where it is the TSC
//! (`doctor`: `clock_source`).
//!
//! Invariants:
//! * a payload is a slice of the memory that the kernel or the file put it in, valid until the next
//!   [`Receiver::receive`];
//! * whatever arrives for one of the groups is handed on or counted by reason: [`Counts`];
//! * bytes are never trusted: every length is checked ([`frame`]), and nothing panics;
//! * datagrams of one interface and queue keep their order; between lines there is none.

mod bpf;
pub mod frame;
mod playback;
mod ring;
pub mod settings;
mod socket;
mod udp;
mod xdp;

use std::fmt;
use std::io;
use std::ops::{AddAssign, ControlFlow};
use std::time::{SystemTime, UNIX_EPOCH};

use core_affinity::CoreId;
use thiserror::Error;

use crate::capture::CaptureError;
use frame::{Groups, Refusal};
pub use settings::{Checksums, Line, LineSettings, PacketSettings, Playback, SourceKind, XdpMode};

/// Why packets cannot be received, or no longer.
#[derive(Debug, Error)]
pub enum PacketError {
    /// The system refused a step.
    #[error("{step}: {source}{}", advice(.source))]
    System {
        /// What was tried, with the interface or group.
        step: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The interface, the machine or the settings do not fit.
    #[error("{0}")]
    Unfit(String),
    /// A capture could not be opened, or is damaged from here on.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The thread could not be pinned.
    #[error("cannot pin the receiving thread to core {core}: this process may use cores {allowed:?}")]
    Pin {
        /// The core asked for.
        core: usize,
        /// Those that the process may run on.
        allowed: Vec<usize>,
    },
}

/// What to do about an error of the system, where there is something to do.
fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "; run it as root, or give it CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF, and CAP_IPC_LOCK or a higher \
             `ulimit -l` (`hedgewire doctor` tells which)"
        }
        Some(libc::EBUSY | libc::EEXIST) => {
            "; another program has it: `ip -d link` shows XDP programs, `ss -f xdp` sockets"
        }
        Some(libc::ENOBUFS) => "; raise `ulimit -l`, or for groups net.ipv4.igmp_max_memberships",
        Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT | libc::ENOPROTOOPT) => {
            "; this kernel or driver has it not: take another source (`hedgewire doctor` tells which can be had)"
        }
        _ => "",
    }
}

impl PacketError {
    /// The last system call's error, for a step.
    fn last(step: impl Into<String>) -> Self {
        Self::System { step: step.into(), source: io::Error::last_os_error() }
    }
}

/// Who took the time of arrival. Each is nanoseconds since 1970 by its own clock: they are not to be subtracted from
/// each other unless these are kept equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// The network card, when the frame's first bits arrived; by the card's clock, which may count TAI.
    Hardware,
    /// The kernel, when its driver handed the frame over.
    Kernel,
    /// The receiving thread, when it saw the datagram.
    Reader,
    /// Whoever recorded the capture.
    Recorded,
}

/// One datagram of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Its payload.
    pub payload: &'a [u8],
    /// When it arrived, ns since 1970.
    pub received_ns: u64,
    /// Who says so.
    pub stamp: Stamp,
    /// Over which line.
    pub line: Line,
    /// To which group: its number in the settings, counted through all lines.
    pub group: usize,
}

/// What became of packets, since the receiver was opened. A sum of the sources'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams handed on, lines A and B.
    pub received: [u64; 2],
    /// Datagrams of the feed that the kernel threw away, because ring or buffer was full.
    pub dropped: u64,
    /// Datagrams of the feed that arrived in a queue that nobody listens to (AF_XDP); they went to the stack.
    pub other_queue: u64,
    /// Frames and datagrams of others.
    pub not_for_us: u64,
    /// Pieces of IP packets to one of the groups.
    pub fragments: u64,
    /// Lengths or versions that contradict each other, and what was cut short.
    pub malformed: u64,
    /// Datagrams whose sum is wrong.
    pub wrong_checksum: u64,
}

impl Counts {
    /// Everything that was for a group, or may have been, and was not handed on.
    pub fn lost(&self) -> u64 {
        self.dropped + self.other_queue + self.fragments + self.malformed + self.wrong_checksum
    }

    fn refuse(&mut self, refusal: Refusal) {
        *match refusal {
            Refusal::NotForUs => &mut self.not_for_us,
            Refusal::Fragment => &mut self.fragments,
            Refusal::Malformed => &mut self.malformed,
            Refusal::WrongChecksum => &mut self.wrong_checksum,
        } += 1;
    }

    fn receive(&mut self, line: Line) {
        self.received[line as usize] += 1;
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        for (sum, count) in self.received.iter_mut().zip(other.received) {
            *sum += count;
        }
        self.dropped += other.dropped;
        self.other_queue += other.other_queue;
        self.not_for_us += other.not_for_us;
        self.fragments += other.fragments;
        self.malformed += other.malformed;
        self.wrong_checksum += other.wrong_checksum;
    }
}

/// What a look at a source found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// A datagram: [`Source::current`].
    Datagram,
    /// Something that was counted and is gone.
    Refused,
    /// Nothing, for now.
    Nothing,
    /// Nothing, for ever: a capture has ended.
    Over,
}

/// One way in.
trait Source: Send {
    /// Lets go of the datagram before, and looks for one.
    fn advance(&mut self) -> Result<Progress, PacketError>;

    /// The datagram that [`Source::advance`] found, until the next call of it.
    fn current(&self) -> Option<Received<'_>>;

    /// Asks the kernel too: system calls.
    fn counts(&mut self) -> Result<Counts, PacketError>;

    /// What was taken, for the log.
    fn describe(&self) -> String;
}

/// The groups that arrive at one interface, with line and number of each.
#[derive(Clone, Debug)]
struct Feed {
    interface: String,
    queues: Vec<u32>,
    groups: Groups,
    /// By place in `groups`.
    members: Vec<(Line, usize)>,
}

impl Feed {
    /// One for each interface, in order of appearance; all lines together for a capture, which has none.
    fn of(settings: &PacketSettings) -> Vec<Self> {
        let mut feeds: Vec<(Self, Vec<std::net::SocketAddrV4>)> = Vec::new();
        let mut number = 0;
        for line in &settings.lines {
            let is_same = |feed: &Self| settings.source == SourceKind::Capture || feed.interface == line.interface;
            let at = feeds.iter().position(|(feed, _)| is_same(feed)).unwrap_or_else(|| {
                let (interface, queues) = (line.interface.clone(), Vec::new());
                feeds.push((Self { interface, queues, groups: Groups::default(), members: Vec::new() }, Vec::new()));
                feeds.len() - 1
            });
            let (feed, addresses) = &mut feeds[at];
            // A line without a list wants all queues, and then so does the interface.
            if line.queues.is_empty() || (feed.queues.is_empty() && !feed.members.is_empty()) {
                feed.queues.clear();
            } else {
                feed.queues.extend(&line.queues);
            }
            addresses.extend(&line.groups);
            for _ in &line.groups {
                feed.members.push((line.line, number));
                number += 1;
            }
        }
        let finish = |(mut feed, addresses): (Self, Vec<_>)| {
            feed.queues.sort_unstable();
            feed.queues.dedup();
            feed.groups = Groups::new(addresses);
            feed
        };
        feeds.into_iter().map(finish).collect()
    }
}

/// What a source keeps of the datagram that it holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    member: (Line, usize),
    received_ns: u64,
    stamp: Stamp,
}

impl Held {
    fn with<'a>(&self, payload: &'a [u8]) -> Received<'a> {
        let (line, group) = self.member;
        Received { payload, received_ns: self.received_ns, stamp: self.stamp, line, group }
    }
}

/// What [`Receiver::receive`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled<'a> {
    /// A datagram.
    Datagram(Received<'a>),
    /// Nothing, for now.
    Nothing,
    /// Nothing, for ever: a capture has ended.
    Over,
}

/// All sources of a feed, asked in turn.
pub struct Receiver {
    sources: Vec<Box<dyn Source>>,
    turn: usize,
}

/// Frames that are not for us, one after the other, before the other sources get their turn.
const REFUSED_IN_A_ROW_MAX: usize = 64;

impl Receiver {
    /// Opens what the settings ask for, and joins the groups.
    ///
    /// # Errors
    /// [`PacketError`]: what the machine refuses, and what could be done about it.
    pub fn open(settings: &PacketSettings) -> Result<Self, PacketError> {
        let open = |feed: Feed| -> Result<Box<dyn Source>, PacketError> {
            Ok(match settings.source {
                SourceKind::AfXdp => Box::new(xdp::XdpSource::open(feed, settings)?),
                SourceKind::PacketRing => Box::new(ring::RingSource::open(feed, settings)?),
                SourceKind::Udp => Box::new(udp::UdpSource::open(feed, settings)?),
                SourceKind::Capture => Box::new(playback::CaptureSource::open(feed, settings)?),
            })
        };
        let sources = Feed::of(settings).into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        if sources.is_empty() {
            return Err(PacketError::Unfit("no line is configured: there is nothing to receive".to_owned()));
        }
        Ok(Self { sources, turn: 0 })
    }

    /// Looks once at each source until one has a datagram. The slice of the datagram before is gone.
    ///
    /// # Errors
    /// [`PacketError`]: a source is broken.
    pub fn receive(&mut self) -> Result<Polled<'_>, PacketError> {
        let mut over = 0;
        for _ in 0..self.sources.len() {
            let at = self.turn;
            self.turn = if at + 1 == self.sources.len() { 0 } else { at + 1 };
            match look(self.sources[at].as_mut())? {
                Progress::Datagram => {
                    return Ok(self.sources[at].current().map_or(Polled::Nothing, Polled::Datagram));
                }
                Progress::Over => over += 1,
                Progress::Refused | Progress::Nothing => {}
            }
        }
        Ok(if over == self.sources.len() { Polled::Over } else { Polled::Nothing })
    }

    /// What became of packets so far. Makes system calls: not for the path of a packet. To be asked now and then all
    /// the same, because an interface that is down is otherwise just silent.
    ///
    /// # Errors
    /// [`PacketError`]: an interface is down or gone, or a source is broken.
    pub fn counts(&mut self) -> Result<Counts, PacketError> {
        let mut sum = Counts::default();
        for source in &mut self.sources {
            sum += source.counts()?;
        }
        Ok(sum)
    }
}

impl fmt::Display for Receiver {
    /// What was taken: one source after the other.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.sources.iter().map(|source| source.describe()).collect();
        f.write_str(&texts.join("; "))
    }
}

fn look(source: &mut dyn Source) -> Result<Progress, PacketError> {
    for _ in 0..REFUSED_IN_A_ROW_MAX {
        match source.advance()? {
            Progress::Refused => {}
            other => return Ok(other),
        }
    }
    Ok(Progress::Refused)
}

/// What is done with datagrams, and while there are none.
pub trait Handler {
    /// Takes one. `Break` ends the loop.
    fn on_datagram(&mut self, datagram: &Received<'_>) -> ControlFlow<()>;

    /// Is called after each look that found nothing. `Break` ends the loop.
    fn on_idle(&mut self) -> ControlFlow<()>;

    /// Whether [`Handler::on_counts`] is wanted now: asked after each of the above, so a look at a flag, and no more.
    fn wants_counts(&self) -> bool {
        false
    }

    /// Is told what became of packets so far, or why nobody can say: [`Receiver::counts`].
    fn on_counts(&mut self, _counts: Result<Counts, PacketError>) {}
}

/// Pins the calling thread to `core`, if there is one, and hands on datagrams until the handler or a capture ends.
/// It never sleeps: the core is busy at all times.
///
/// # Errors
/// [`PacketError::Pin`], or what [`Receiver::receive`] gives.
pub fn spin(receiver: &mut Receiver, core: Option<usize>, handler: &mut impl Handler) -> Result<(), PacketError> {
    if let Some(core) = core {
        pin(core)?;
    }
    loop {
        let flow = match receiver.receive()? {
            Polled::Datagram(datagram) => handler.on_datagram(&datagram),
            Polled::Nothing => {
                std::hint::spin_loop();
                handler.on_idle()
            }
            Polled::Over => return Ok(()),
        };
        if handler.wants_counts() {
            handler.on_counts(receiver.counts());
        }
        if flow.is_break() {
            return Ok(());
        }
    }
}

/// Pins the calling thread to a core.
///
/// # Errors
/// [`PacketError::Pin`].
pub fn pin(core: usize) -> Result<(), PacketError> {
    let allowed: Vec<usize> = core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect();
    if allowed.contains(&core) && core_affinity::set_for_current(CoreId { id: core }) {
        return Ok(());
    }
    Err(PacketError::Pin { core, allowed })
}

/// Nanoseconds since 1970 by the machine's clock; 0 before that.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: Line, interface: &str, queues: &[u32], groups: &[&str]) -> LineSettings {
        let groups = groups.iter().map(|text| text.parse().expect("an address")).collect();
        LineSettings { line, interface: interface.to_owned(), queues: queues.to_vec(), groups }
    }

    fn settings(source: SourceKind, lines: Vec<LineSettings>) -> PacketSettings {
        PacketSettings {
            source,
            lines,
            core: None,
            ring_frames: settings::RING_FRAMES_DEFAULT,
            xdp_mode: XdpMode::Auto,
            checksums: Checksums::Verify,
            hardware_stamps: true,
            busy_poll_us: 0,
            playback: None,
        }
    }

    #[test]
    fn lines_at_one_interface_share_a_source_and_groups_are_counted_through() {
        let lines = vec![
            line(Line::A, "eth1", &[2, 0], &["239.0.0.1:4220", "239.0.0.2:4230"]),
            line(Line::B, "eth2", &[], &["239.0.1.1:4220"]),
            line(Line::B, "eth1", &[0], &["239.0.1.2:4230"]),
        ];
        let feeds = Feed::of(&settings(SourceKind::Udp, lines.clone()));
        assert_eq!(feeds.len(), 2);
        assert_eq!((feeds[0].interface.as_str(), feeds[0].queues.as_slice()), ("eth1", &[0, 2][..]));
        assert_eq!(feeds[0].members, [(Line::A, 0), (Line::A, 1), (Line::B, 3)]);
        assert_eq!(feeds[1].members, [(Line::B, 2)]);
        assert_eq!(feeds[0].groups.addresses()[2], "239.0.1.2:4230".parse().expect("an address"));
        assert_eq!(Feed::of(&settings(SourceKind::Capture, lines)).len(), 1, "a file has no interface");
    }

    #[test]
    fn nothing_to_receive_and_an_interface_that_is_not_there_are_named() {
        let error = |settings: &PacketSettings| Receiver::open(settings).map(|_| ()).expect_err("refused").to_string();
        assert!(error(&settings(SourceKind::Udp, Vec::new())).contains("no line"));
        for source in [SourceKind::Udp, SourceKind::PacketRing, SourceKind::AfXdp] {
            let text = error(&settings(source, vec![line(Line::A, "hw-none0", &[], &["239.0.0.1:4220"])]));
            assert!(text.contains("hw-none0"), "{source:?}: {text}");
        }
    }

    #[test]
    fn a_core_that_is_not_there_is_refused() {
        let refused = pin(1 << 20).expect_err("no such core");
        assert!(refused.to_string().contains("core 1048576"), "{refused}");
    }
}
