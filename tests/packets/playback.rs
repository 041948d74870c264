//! A capture as a source: at the recorded speed, at another, as fast as it is read, and damaged.

use std::path::Path;

use hedgewire_host::packet::{Counts, PacketError, Playback, Stamp, spin};
use hedgewire_sim::capture::{CaptureFormat, CaptureWriter};

use super::frames::frame;
use super::*;

const START_NS: u64 = 1_700_000_000_000_000_000;
const APART_NS: u64 = 10_000_000;
const DATAGRAMS: u64 = 20;

/// Datagrams 10 ms apart, to all groups in turn, each with one to a group of nobody's behind it.
fn capture(path: &Path) {
    let file = std::fs::File::create(path).expect("a file");
    let mut writer = CaptureWriter::new(file, CaptureFormat::PcapNg).expect("a capture");
    for number in 0..DATAGRAMS {
        let at_ns = START_NS + number * APART_NS;
        let to = groups()[number as usize % 3];
        writer.frame(at_ns, &frame(to, &payload(number, 40))).expect("written");
        let foreign: SocketAddrV4 = "239.200.0.1:4220".parse().expect("an address");
        writer.frame(at_ns, &frame(foreign, &payload(number, 40))).expect("written");
    }
}

fn receiver(path: &Path, speed_per_mille: u64) -> Receiver {
    let way = Way { source: SourceKind::Capture, mode: XdpMode::Auto, name: "capture" };
    let playback = Some(Playback { path: path.to_owned(), speed_per_mille });
    Receiver::open(&PacketSettings { playback, ..settings(way, 64) }).expect("a capture")
}

#[test]
fn datagrams_come_at_their_time_with_their_stamp_line_and_group() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.pcapng");
    capture(&path);
    // The whole takes 190 ms as recorded: at least that, however late this thread is.
    for (speed_per_mille, least) in [(0, 0), (1_000, 190), (4_000, 47)] {
        let mut receiver = receiver(&path, speed_per_mille);
        let start = Instant::now();
        let mut next = 0;
        receive(&mut receiver, |datagram| {
            assert_eq!(number_of(datagram.payload), next);
            let group = next as usize % 3;
            assert_eq!((datagram.group, datagram.line), (group, LINES[group]));
            assert_eq!((datagram.received_ns, datagram.stamp), (START_NS + next * APART_NS, Stamp::Recorded));
            next += 1;
            false
        });
        assert_eq!(next, DATAGRAMS);
        assert!(start.elapsed() >= Duration::from_millis(least), "{speed_per_mille}: {:?}", start.elapsed());
        let expected = Counts { received: [14, 6], not_for_us: DATAGRAMS, ..Counts::default() };
        assert_eq!(receiver.counts().expect("counts"), expected);
        assert_eq!(receiver.receive().expect("the end"), Polled::Over, "the end stays the end");
    }
}

#[test]
fn what_is_before_a_damage_comes_and_the_damage_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.pcapng");
    capture(&path);
    let bytes = std::fs::read(&path).expect("the capture");
    std::fs::write(&path, &bytes[..bytes.len() - 5]).expect("cut off");
    let mut receiver = receiver(&path, 0);
    let mut seen = 0;
    let error = loop {
        match receiver.receive() {
            Ok(Polled::Datagram(_)) => seen += 1,
            Ok(Polled::Nothing) => {}
            Ok(Polled::Over) => panic!("the damage is not told"),
            Err(error) => break error,
        }
    };
    assert_eq!(seen, DATAGRAMS);
    assert!(error.to_string().contains("cut off"), "{error}");
    let absent = Playback { path: folder.path().join("none"), speed_per_mille: 0 };
    let way = Way { source: SourceKind::Capture, mode: XdpMode::Auto, name: "capture" };
    let opened = Receiver::open(&PacketSettings { playback: Some(absent), ..settings(way, 64) });
    assert!(opened.map(|_| ()).expect_err("no file").to_string().contains("none"));
}

/// Takes some, then wants no more.
struct Few(u64);

/// Takes everything, and wants counts after every so many datagrams.
struct Counting {
    every: u64,
    taken: u64,
    told: Vec<u64>,
}

impl hedgewire_host::packet::Handler for Counting {
    fn on_datagram(&mut self, _datagram: &Received<'_>) -> std::ops::ControlFlow<()> {
        self.taken += 1;
        std::ops::ControlFlow::Continue(())
    }

    fn on_idle(&mut self) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Continue(())
    }

    fn wants_counts(&self) -> bool {
        self.taken / self.every > self.told.len() as u64
    }

    fn on_counts(&mut self, counts: Result<Counts, PacketError>) {
        self.told.push(counts.expect("a capture has counts").received.iter().sum());
    }
}

#[test]
fn a_handler_is_told_what_became_of_packets_when_it_wants_to_know_though_packets_never_pause() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.pcapng");
    capture(&path);
    let mut counting = Counting { every: DATAGRAMS / 3, taken: 0, told: Vec::new() };
    spin(&mut receiver(&path, 0), None, &mut counting).expect("the end of the capture");
    let every = DATAGRAMS / 3;
    assert_eq!(counting.told, [every, 2 * every, 3 * every]);
}

impl hedgewire_host::packet::Handler for Few {
    fn on_datagram(&mut self, datagram: &Received<'_>) -> std::ops::ControlFlow<()> {
        self.0 -= 1;
        assert!(!datagram.payload.is_empty());
        if self.0 == 0 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    }

    fn on_idle(&mut self) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Continue(())
    }
}

#[test]
fn a_spinning_thread_is_pinned_and_ends_when_its_handler_or_the_capture_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.pcapng");
    capture(&path);
    let spun = std::thread::spawn(move || {
        let mut receiver = receiver(&path, 0);
        spin(&mut receiver, Some(0), &mut Few(5)).expect("five datagrams");
        // SAFETY: the set is a struct of numbers, which the kernel fills in.
        let cores = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            assert_eq!(libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set), 0);
            libc::CPU_COUNT(&set)
        };
        let mut rest = Few(u64::MAX);
        spin(&mut receiver, None, &mut rest).expect("the end of the capture");
        (cores, u64::MAX - rest.0)
    });
    assert_eq!(spun.join().expect("spun"), (1, DATAGRAMS - 5));
}
