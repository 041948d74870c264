//! A card's interrupt as a count: for a host that would rather sleep than poll.
//!
//! ```text
//!   card: event into the ring --> interrupt --> eventfd (+1)
//!   host: take the count --> is the event there? --no--> wait for the count --> again
//! ```
//!
//! The path from quote to order never comes here: it polls. What may wait some microseconds longer, a set-up or a
//! catch-up on a core that others want too, can sleep.
//!
//! Invariant: the card writes an event before it raises the interrupt, and the host takes the count before it looks
//! for the event, so that no event is slept through.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// An interrupt as a count.
#[derive(Debug)]
pub struct Interrupt {
    eventfd: File,
}

impl Interrupt {
    /// One that nobody raises yet.
    ///
    /// # Errors
    /// If the system gives no descriptor.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes integers, and answers with a new descriptor, owned by nobody else.
        let descriptor = unsafe {
            let made = libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC);
            if made < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(made)
        };
        Ok(Self { eventfd: descriptor.into() })
    }

    /// Interrupts since the last call.
    ///
    /// # Errors
    /// If the count cannot be read.
    pub fn take(&self) -> io::Result<u64> {
        let mut count = [0; 8];
        match (&self.eventfd).read_exact(&mut count) {
            Ok(()) => Ok(u64::from_ne_bytes(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Sleeps until there has been one, or the time is over; takes the count.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn wait(&self, timeout: Duration) -> io::Result<u64> {
        if wait_readable(self.as_fd(), timeout)? { self.take() } else { Ok(0) }
    }
}

/// Sleeps until there is something to read, to the microsecond; false if there is not when the time is over.
pub(super) fn wait_readable(file: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let since = Instant::now();
    loop {
        let left = timeout.saturating_sub(since.elapsed());
        let left = libc::timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut awaited = libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry and one time are read, the entry is written, and both outlive the call; no signal mask.
        let polled = unsafe { libc::ppoll(&raw mut awaited, 1, &raw const left, std::ptr::null()) };
        if polled >= 0 {
            return Ok(polled > 0);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn interrupts_are_counted_and_taken() {
        let interrupt = Interrupt::new().expect("an eventfd");
        assert_eq!(interrupt.take().expect("a count"), 0);
        for _ in 0..3 {
            (&interrupt.eventfd).write_all(&1u64.to_ne_bytes()).expect("an eventfd");
        }
        assert_eq!(interrupt.take().expect("a count"), 3);
        assert_eq!(interrupt.take().expect("a count"), 0);
    }

    #[test]
    fn whoever_waits_sleeps_until_there_is_one_or_the_time_is_over() {
        let interrupt = Interrupt::new().expect("an eventfd");
        assert_eq!(interrupt.wait(Duration::from_millis(1)).expect("a count"), 0);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| interrupt.wait(Duration::from_secs(60)).expect("a count"));
            (&interrupt.eventfd).write_all(&1u64.to_ne_bytes()).expect("an eventfd");
            assert_eq!(waiter.join().expect("a thread"), 1);
        });
    }
}
