//! Between a command and its events the host makes no system call: shown by a process that may make none.
//!
//! ```text
//!   test --> this binary again, with a card's socket --> connect, start, [filter: no system call] --> 500 commands
//!                                                                              |
//!                                     killed by SIGSYS <-- any other ----------+---- exit with a code of ours
//! ```
//!
//! `sched_yield` is let through: a host that has polled for long lets others run, which a machine with a core for
//! each spinner never needs.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command as Process, ExitStatus};

use hedgewire_abi::{Command, Event};
use hedgewire_host::card::vfio_user::VfioUserCard;
use hedgewire_host::card::{CardDriver, CardOptions};
use hedgewire_kernel::{Form, Kernel};
use hedgewire_sim::commands::CommandStream;

use super::SIZES;
use super::process::{CardProcess, REPLY_TIMEOUT, RING_SLOTS};
use super::watched::{exit, forbid_system_calls};

/// Names the card's socket to the process that is watched.
const SOCKET: &str = "HEDGEWIRE_TEST_CARD_SOCKET";
/// Makes it write a register on the way, which is a system call.
const OFFEND: &str = "HEDGEWIRE_TEST_CARD_OFFEND";
/// Its exit code when every event was right.
const ALL_RIGHT: i32 = 42;
/// Fewer events than a quarter of the ring: the consumer index is not written meanwhile.
const COMMANDS: usize = 500;

fn watched(offend: bool) -> ExitStatus {
    let card = CardProcess::start(SIZES, &[]);
    let mut process = Process::new(std::env::current_exe().expect("this binary"));
    process.args(["--exact", "no_system_call::the_watched_process", "--nocapture"]).env(SOCKET, card.path());
    if offend {
        process.env(OFFEND, "1");
    }
    process.status().expect("a process")
}

#[test]
fn a_command_is_posted_and_answered_without_a_system_call() {
    assert_eq!(watched(false).code(), Some(ALL_RIGHT));
}

#[test]
fn a_register_access_on_the_way_would_be_seen() {
    assert_eq!(watched(true).signal(), Some(libc::SIGSYS));
}

/// Does nothing unless it is told of a socket: then it never returns.
#[test]
fn the_watched_process() {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    let offends = std::env::var_os(OFFEND).is_some();
    let commands = commands();
    let card = VfioUserCard::connect(Path::new(&socket), RING_SLOTS, REPLY_TIMEOUT).expect("the card listens");
    let mut driver = CardDriver::start(card, SIZES, &CardOptions::default()).expect("a good card");
    forbid_system_calls(Some(libc::SYS_sched_yield));
    let mut are_right = true;
    for (place, (command, events)) in commands.iter().enumerate() {
        driver.post(command);
        let mut expected = events.iter();
        while expected.len() > 0 {
            match driver.poll() {
                Ok(Some(event)) => are_right &= expected.next() == Some(&event),
                Ok(None) => {}
                Err(_) => exit(1),
            }
        }
        if offends && place == COMMANDS / 2 {
            driver.heartbeat();
        }
    }
    exit(if are_right { ALL_RIGHT } else { 1 });
}

fn commands() -> Vec<(Command, Vec<Event>)> {
    let (mut stream, mut kernel) = (CommandStream::new(8, SIZES), Kernel::new(SIZES, Form::best()));
    let mut last = Vec::new();
    (0..COMMANDS)
        .map(|_| {
            let command = stream.next(&last);
            last = kernel.apply(&command).to_vec();
            (command, last.clone())
        })
        .collect()
}
