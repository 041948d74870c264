//! A capture as a source: its datagrams for the groups, at the recorded or a given speed.
//!
//! The first datagram of the groups comes at once; each other one as long after it as recorded, divided by the speed.
//! One that was recorded earlier than the one before comes with it. Reading is lazy: everything before a
//! damaged record is delivered before the damage is an error.

use std::net::SocketAddr;
use std::time::Instant;

use super::settings::PacketSettings;
use super::{Counts, Feed, Held, PacketError, Progress, Received, Source, Stamp};
use crate::capture::{CaptureFile, Datagrams};

pub(super) struct CaptureSource {
    /// Borrows from `file`: it is dropped first, because it comes first.
    datagrams: Datagrams<'static>,
    /// Keeps the mapping.
    _file: CaptureFile,
    feed: Feed,
    path: String,
    pace: Pace,
    /// The next datagram, which waits for its time or has had it.
    next: Option<(Held, &'static [u8])>,
    is_due: bool,
    counts: Counts,
}

impl CaptureSource {
    pub fn open(feed: Feed, settings: &PacketSettings) -> Result<Self, PacketError> {
        let none = || PacketError::Unfit("the source is a capture, and none is named".to_owned());
        let playback = settings.playback.as_ref().ok_or_else(none)?;
        let file = CaptureFile::open(&playback.path)?;
        let bytes: *const [u8] = file.bytes();
        // SAFETY: the bytes are a mapping, which moves with nothing and stays until `file` is dropped. `file` is kept
        // in this struct behind everything that borrows from it, so it goes last, and what is lent out (`current`)
        // borrows from the struct.
        let bytes: &'static [u8] = unsafe { &*bytes };
        Ok(Self {
            datagrams: Datagrams::from_bytes(bytes)?,
            _file: file,
            feed,
            path: playback.path.display().to_string(),
            pace: Pace { speed_per_mille: playback.speed_per_mille, start: None },
            next: None,
            is_due: false,
            counts: Counts::default(),
        })
    }

    /// Reads one datagram from the file.
    fn read(&mut self) -> Result<Progress, PacketError> {
        let datagram = match self.datagrams.next() {
            None => return Ok(Progress::Over),
            Some(datagram) => datagram?,
        };
        let place = match datagram.destination {
            SocketAddr::V4(address) => self.feed.groups.place(address),
            SocketAddr::V6(_) => None,
        };
        let Some(place) = place else {
            self.counts.not_for_us += 1;
            return Ok(Progress::Refused);
        };
        let member = self.feed.members[place];
        let held = Held { member, received_ns: datagram.capture_ns, stamp: Stamp::Recorded };
        self.next = Some((held, datagram.payload));
        Ok(Progress::Datagram)
    }
}

impl Source for CaptureSource {
    fn advance(&mut self) -> Result<Progress, PacketError> {
        if self.is_due {
            (self.next, self.is_due) = (None, false);
        }
        if self.next.is_none() {
            match self.read()? {
                Progress::Datagram => {}
                other => return Ok(other),
            }
        }
        let Some((held, _)) = &self.next else { return Ok(Progress::Nothing) };
        if !self.pace.is_due(held.received_ns) {
            return Ok(Progress::Nothing);
        }
        self.is_due = true;
        self.counts.receive(held.member.0);
        Ok(Progress::Datagram)
    }

    fn current(&self) -> Option<Received<'_>> {
        self.next.as_ref().filter(|_| self.is_due).map(|(held, payload)| held.with(payload))
    }

    fn counts(&mut self) -> Result<Counts, PacketError> {
        let skipped = self.datagrams.skipped();
        Ok(Counts {
            not_for_us: self.counts.not_for_us + skipped.not_ip + skipped.not_udp,
            fragments: skipped.fragmented,
            malformed: skipped.malformed
                + skipped.cut_short
                + skipped.untimed
                + skipped.unknown_interface
                + skipped.unreadable,
            ..self.counts
        })
    }

    fn describe(&self) -> String {
        let speed = match self.pace.speed_per_mille {
            0 => "as fast as it is read".to_owned(),
            speed => format!("at {}.{:03} of the recorded speed", speed / 1000, speed % 1000),
        };
        format!("capture {}, {speed}", self.path)
    }
}

/// When datagrams are due.
struct Pace {
    speed_per_mille: u64,
    /// When the first one was due, by our clock and by the capture's.
    start: Option<(Instant, u64)>,
}

impl Pace {
    fn is_due(&mut self, recorded_ns: u64) -> bool {
        if self.speed_per_mille == 0 {
            return true;
        }
        let now = Instant::now();
        let (start, first_ns) = *self.start.get_or_insert((now, recorded_ns));
        let elapsed = now.duration_since(start).as_nanos();
        elapsed * u128::from(self.speed_per_mille) >= u128::from(recorded_ns.saturating_sub(first_ns)) * 1000
    }
}
