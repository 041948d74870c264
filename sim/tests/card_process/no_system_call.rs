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
    forbid_system_calls();
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

/// Ends the process without running anything else.
fn exit(code: i32) -> ! {
    // SAFETY: ends the process; there is nothing after it.
    unsafe { libc::_exit(code) }
}

/// From now on any system call of this thread but yielding and ending kills the process.
fn forbid_system_calls() {
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, k| libc::sock_filter { code, jt, jf: 0, k };
    let mut filter = [
        step(LOAD_NUMBER, 0, 0),
        step(JUMP_IF_EQUAL, 2, libc::SYS_sched_yield as u32),
        step(JUMP_IF_EQUAL, 1, libc::SYS_exit_group as u32),
        step(RETURN, 0, libc::SECCOMP_RET_KILL_PROCESS),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: `program` points to a filter of the length that it states, and both live through the calls; the
    // other arguments are numbers.
    let is_set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(is_set, "a filter of system calls: {}", std::io::Error::last_os_error());
}
