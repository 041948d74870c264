//! Packets by every way in, between two network namespaces: nothing lost, nothing out of order, everything counted.
//!
//! ```text
//!   thread in a namespace: UDP or raw frames -> veth -> namespace of the receiver: AF_XDP, packet ring or UDP
//!        sent <= read + WINDOW  <------------------------------- read (so nothing can be too fast)
//! ```
//!
//! Where namespaces may not be made, `SKIPPED:` is printed. No time is asserted: a receiver that gets nothing for a
//! minute is taken to be stuck.

mod flood;
mod frames;
mod namespaces;
mod no_system_call;
mod playback;
mod steady;
#[path = "../support/no_system_call.rs"]
mod watched;
mod ways;

use std::net::{SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use hedgewire_host::packet::{Checksums, Line, PacketSettings, Polled, Received, Receiver, SourceKind, XdpMode};
use namespaces::{INTERFACE, Namespaces, SENDER};
use ways::{WAYS, Way};

/// Line A has a group for changes and one for snapshots, at two ports; line B has one.
fn groups() -> [SocketAddrV4; 3] {
    ["239.1.2.3:4220", "239.1.2.4:4230", "239.1.3.3:4220"].map(|text| text.parse().expect("an address"))
}

const LINES: [Line; 3] = [Line::A, Line::A, Line::B];

fn settings(way: Way, ring_frames: u32) -> PacketSettings {
    way.settings([&groups()[..2], &groups()[2..]], ring_frames)
}

/// Opens in the receiving namespace. A kernel that has not the source at all is a reason to skip.
fn open(namespaces: &Namespaces, settings: &PacketSettings) -> Receiver {
    namespaces.enter_receiving();
    Receiver::open(settings).unwrap_or_else(|error| panic!("{:?}: {error}", settings.source))
}

/// A socket of the sending side; the calling thread is moved there.
fn sender(namespaces: &Namespaces) -> UdpSocket {
    namespaces.enter_sending();
    UdpSocket::bind((SENDER, 0)).expect("a socket")
}

/// Datagram number `number`: the number, then bytes that follow from it.
fn payload(number: u64, bytes: usize) -> Vec<u8> {
    let mut payload = number.to_le_bytes().to_vec();
    payload.extend((8..bytes.max(8)).map(|at| (number as usize).wrapping_mul(31).wrapping_add(at) as u8));
    payload
}

/// Its number, once every byte is right.
fn number_of(payload_bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(*payload_bytes.first_chunk().expect("a number"));
    assert_eq!(payload_bytes, payload(number, payload_bytes.len()), "datagram {number}");
    number
}

/// Hands on what arrives until `take` says that it is enough.
fn receive(receiver: &mut Receiver, mut take: impl FnMut(&Received<'_>) -> bool) {
    let mut last = Instant::now();
    loop {
        match receiver.receive().expect("a source that works") {
            Polled::Datagram(datagram) => {
                last = Instant::now();
                if take(&datagram) {
                    return;
                }
            }
            Polled::Over => return,
            Polled::Nothing => {
                std::thread::yield_now();
                assert!(last.elapsed() < Duration::from_secs(60), "stuck: {:?}", receiver.counts());
            }
        }
    }
}

/// Hands on what is there, until nothing has come for a while.
fn drain(receiver: &mut Receiver, mut take: impl FnMut(&Received<'_>)) {
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(300) {
        match receiver.receive().expect("a source that works") {
            Polled::Datagram(datagram) => {
                last = Instant::now();
                take(&datagram);
            }
            Polled::Over => return,
            Polled::Nothing => std::thread::yield_now(),
        }
    }
}
