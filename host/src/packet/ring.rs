//! A TPACKET_V2 ring: the kernel copies frames into memory that is shared with us, and says so in a word of it.
//!
//! ```text
//!   kernel: frame -> filter (IPv4, UDP, a group, a port or a piece) -> next slot, status USER
//!   reader: status has USER? -> parse -> lent out -> status KERNEL, next slot
//!                                             ring full: the kernel counts a drop
//! ```
//!
//! No system call is made per packet; the stack gets its own copy. Version 2, not 3: version 3 hands over blocks of
//! frames, after a millisecond at the earliest.
//!
//! Invariant: a slot is read only between the kernel's `USER` and our `KERNEL`, when the kernel does not touch it.
//! What the kernel says of a slot is checked against the slot's size all the same.
//!
//! Facts: packet(7), `Documentation/networking/packet_mmap.rst`, `include/uapi/linux/if_packet.h`.

use std::mem::zeroed;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{MmapOptions, MmapRaw};

use super::bpf::classic;
use super::frame::{Refusal, SumCheck, parse};
use super::settings::PacketSettings;
use super::socket::{self, Interface};
use super::{Counts, Feed, Held, PacketError, Progress, Received, Source, Stamp, now_ns};

/// The ring is made of blocks that the kernel allocates whole.
const BLOCK_BYTES: usize = 1 << 16;
/// Header, address and alignment before a frame, Ethernet header and tags included, with room to spare.
const OVERHEAD_BYTES: usize = 160;
const FRAME_BYTES_MIN: usize = 2048;

pub(super) struct RingSource {
    feed: Feed,
    interface: Interface,
    slots: Slots,
    at: usize,
    /// The datagram in the slot `at`, and where in the slot its payload is.
    held: Option<(Held, std::ops::Range<usize>)>,
    check: SumCheck,
    counts: Counts,
    has_hardware_stamps: bool,
    socket: OwnedFd,
    _members: Vec<OwnedFd>,
}

impl RingSource {
    pub fn open(feed: Feed, settings: &PacketSettings) -> Result<Self, PacketError> {
        let interface = Interface::find(&feed.interface)?;
        // No protocol yet: what arrives before the socket is bound to the interface is not for us.
        let socket = socket::open(libc::AF_PACKET, libc::SOCK_RAW, "a packet ring")?;
        let failed = |what: &str| {
            let step = format!("cannot {what} the packet ring at {}", interface.name);
            move |source| PacketError::System { step, source }
        };
        let version = libc::tpacket_versions::TPACKET_V2 as i32;
        socket::set(&socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version)
            .map_err(failed("choose version 2 of"))?;
        let has_hardware_stamps = settings.hardware_stamps && interface.stamp_in_hardware();
        if has_hardware_stamps {
            let stamps = libc::SOF_TIMESTAMPING_RAW_HARDWARE as i32;
            socket::set(&socket, libc::SOL_PACKET, libc::PACKET_TIMESTAMP, &stamps)
                .map_err(failed("stamp in hardware for"))?;
        }
        let slots =
            Slots::map(&socket, interface.mtu_bytes, settings.ring_frames as usize).map_err(failed("make room for"))?;
        let filter = classic::groups(feed.groups.addresses());
        classic::attach(&socket, &filter).map_err(failed("filter"))?;
        // SAFETY: a struct of numbers, for which zeros are values.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_IP as u16).to_be();
        address.sll_ifindex = interface.index as i32;
        socket::bind(&socket, &address).map_err(failed("bind"))?;
        let members = socket::members(&feed.groups, &interface)?;
        let check = settings.checksums.into();
        Ok(Self {
            feed,
            interface,
            slots,
            at: 0,
            held: None,
            check,
            counts: Counts::default(),
            has_hardware_stamps,
            socket,
            _members: members,
        })
    }

    fn release(&mut self) {
        self.slots.give_back(self.at);
        self.at = if self.at + 1 == self.slots.count { 0 } else { self.at + 1 };
    }
}

impl Source for RingSource {
    fn advance(&mut self) -> Result<Progress, PacketError> {
        if self.held.take().is_some() {
            self.release();
        }
        let Some(slot) = self.slots.ready(self.at) else { return Ok(Progress::Nothing) };
        let found = slot.frame().ok_or(Refusal::Malformed).and_then(|(start, frame)| {
            let found = parse(frame, &self.feed.groups, slot.check(self.check))?;
            Ok((found.group, start + found.payload.start..start + found.payload.end))
        });
        match found {
            Ok((group, payload)) => {
                let member = self.feed.members[group];
                let (received_ns, stamp) = slot.stamp().unwrap_or_else(|| (now_ns(), Stamp::Reader));
                self.counts.receive(member.0);
                self.held = Some((Held { member, received_ns, stamp }, payload));
                Ok(Progress::Datagram)
            }
            Err(refusal) => {
                self.counts.refuse(refusal);
                self.release();
                Ok(Progress::Refused)
            }
        }
    }

    fn current(&self) -> Option<Received<'_>> {
        let (held, payload) = self.held.as_ref()?;
        Some(held.with(self.slots.ready(self.at)?.bytes.get(payload.clone())?))
    }

    fn counts(&mut self) -> Result<Counts, PacketError> {
        self.interface.check(&self.socket)?;
        // Reading sets the kernel's count to zero.
        let new: libc::tpacket_stats =
            socket::get(&self.socket, libc::SOL_PACKET, libc::PACKET_STATISTICS).map_err(|source| {
                PacketError::System { step: format!("cannot ask for the drops at {}", self.interface.name), source }
            })?;
        self.counts.dropped += u64::from(new.tp_drops);
        Ok(self.counts)
    }

    fn describe(&self) -> String {
        let (slots, bytes) = (self.slots.count, self.slots.slot_bytes);
        let stamps = if self.has_hardware_stamps { "the card" } else { "the kernel" };
        format!("packet ring at {}, {slots} slots of {bytes} bytes, stamps by {stamps}", self.interface.name)
    }
}

/// The shared memory.
struct Slots {
    map: MmapRaw,
    count: usize,
    slot_bytes: usize,
}

impl Slots {
    /// Has the kernel make a ring, and maps it. `count` is a power of two.
    fn map(socket: &OwnedFd, mtu_bytes: usize, count: usize) -> std::io::Result<Self> {
        let slot_bytes = (mtu_bytes + OVERHEAD_BYTES).next_power_of_two().max(FRAME_BYTES_MIN);
        let block_bytes = slot_bytes.max(BLOCK_BYTES);
        let count = count.max(block_bytes / slot_bytes);
        let request = libc::tpacket_req {
            tp_block_size: block_bytes as u32,
            tp_block_nr: (count * slot_bytes / block_bytes) as u32,
            tp_frame_size: slot_bytes as u32,
            tp_frame_nr: count as u32,
        };
        socket::set(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let map = MmapOptions::new().len(count * slot_bytes).populate().map_raw(socket)?;
        Ok(Self { map, count, slot_bytes })
    }

    fn status(&self, at: usize) -> &AtomicU32 {
        debug_assert!(at < self.count);
        // SAFETY: the slot is inside of the mapping and aligned to more than a word, and the first word of a slot is
        // never accessed but as an atomic, by us as by the kernel.
        unsafe { AtomicU32::from_ptr(self.map.as_mut_ptr().add(at * self.slot_bytes).cast()) }
    }

    /// The slot, if it is ours to read.
    fn ready(&self, at: usize) -> Option<Slot<'_>> {
        let status = self.status(at).load(Ordering::Acquire);
        if status & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the slot is inside of the mapping. The kernel has handed it over, which `Acquire` has seen, and does
        // not write to it before `give_back`, which needs `&mut` of the source that every slice of it borrows from. The
        // first word, which is atomic, is left out.
        let bytes = unsafe {
            let start = self.map.as_mut_ptr().add(at * self.slot_bytes + STATUS_BYTES);
            std::slice::from_raw_parts(start, self.slot_bytes - STATUS_BYTES)
        };
        Some(Slot { status, bytes })
    }

    fn give_back(&mut self, at: usize) {
        self.status(at).store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

const STATUS_BYTES: usize = 4;

/// A slot behind its status word: the rest of `struct tpacket2_hdr`, then the frame.
struct Slot<'a> {
    status: u32,
    bytes: &'a [u8],
}

impl<'a> Slot<'a> {
    // Offsets of fields behind the status word.
    const LENGTH: usize = 0;
    const KEPT: usize = 4;
    const MAC: usize = 8;
    const SECONDS: usize = 12;
    const NANOSECONDS: usize = 16;

    fn word(&self, at: usize) -> u32 {
        u32::from_ne_bytes([self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]])
    }

    /// Where the frame starts, and the frame; none if it was cut short.
    fn frame(&self) -> Option<(usize, &'a [u8])> {
        let kept = self.word(Self::KEPT);
        if kept != self.word(Self::LENGTH) {
            return None;
        }
        let mac = usize::from(u16::from_ne_bytes([self.bytes[Self::MAC], self.bytes[Self::MAC + 1]]));
        let start = mac.checked_sub(STATUS_BYTES)?;
        Some((start, self.bytes.get(start..start.checked_add(kept as usize)?)?))
    }

    /// The kernel may know that the sum is right, or that a sender on this machine has left it to hardware.
    fn check(&self, asked: SumCheck) -> SumCheck {
        match self.status & (libc::TP_STATUS_CSUM_VALID | libc::TP_STATUS_CSUMNOTREADY) {
            0 => asked,
            _ => SumCheck::Skip,
        }
    }

    fn stamp(&self) -> Option<(u64, Stamp)> {
        let (seconds, ns) = (self.word(Self::SECONDS), self.word(Self::NANOSECONDS));
        let stamp = if self.status & libc::TP_STATUS_TS_RAW_HARDWARE != 0 { Stamp::Hardware } else { Stamp::Kernel };
        let ns = u64::from(seconds) * 1_000_000_000 + u64::from(ns);
        (ns > 0).then_some((ns, stamp))
    }
}

const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(libc::tpacket2_hdr, tp_len) == STATUS_BYTES + Slot::LENGTH);
    assert!(offset_of!(libc::tpacket2_hdr, tp_snaplen) == STATUS_BYTES + Slot::KEPT);
    assert!(offset_of!(libc::tpacket2_hdr, tp_mac) == STATUS_BYTES + Slot::MAC);
    assert!(offset_of!(libc::tpacket2_hdr, tp_sec) == STATUS_BYTES + Slot::SECONDS);
    assert!(offset_of!(libc::tpacket2_hdr, tp_nsec) == STATUS_BYTES + Slot::NANOSECONDS);
};

#[cfg(test)]
mod tests {
    use super::*;

    /// A slot whose frame starts at `mac` and is `kept` of `length` bytes long.
    fn slot_of(bytes: &mut [u8], mac: u16, kept: u32, length: u32) -> Slot<'_> {
        bytes[Slot::LENGTH..][..4].copy_from_slice(&length.to_ne_bytes());
        bytes[Slot::KEPT..][..4].copy_from_slice(&kept.to_ne_bytes());
        bytes[Slot::MAC..][..2].copy_from_slice(&mac.to_ne_bytes());
        Slot { status: libc::TP_STATUS_USER, bytes }
    }

    #[test]
    fn a_slot_that_contradicts_itself_has_no_frame() {
        let mut bytes = [0; FRAME_BYTES_MIN - STATUS_BYTES];
        assert_eq!(slot_of(&mut bytes, 80, 60, 60).frame().map(|(start, frame)| (start, frame.len())), Some((76, 60)));
        let edge = (FRAME_BYTES_MIN - 80) as u32;
        assert!(slot_of(&mut bytes, 80, edge, edge).frame().is_some());
        assert!(slot_of(&mut bytes, 80, edge + 1, edge + 1).frame().is_none(), "beyond the slot");
        assert!(slot_of(&mut bytes, 80, 60, 61).frame().is_none(), "cut short");
        assert!(slot_of(&mut bytes, 3, 60, 60).frame().is_none(), "in the status word");
        assert!(slot_of(&mut bytes, u16::MAX, u32::MAX, u32::MAX).frame().is_none());
    }
}
