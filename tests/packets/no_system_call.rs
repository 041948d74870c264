//! AF_XDP and packet ring take datagrams without a system call: shown by a process that may make none. UDP, which makes
//! one, shows that it would be seen.
//!
//! ```text
//!   test --> this binary again, in the receiving namespace --> open, "ready", [filter: no system call] --> datagrams
//!     |                                                                              |
//!     +-- sends until it ends <------------- killed by SIGSYS <-- any other ---------+---- exit with a code of ours
//! ```

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command as Process, ExitStatus, Stdio};

use super::watched::{exit, forbid_system_calls};
use super::*;

/// Names the receiving namespace to the process that is watched.
const NAMESPACE: &str = "HEDGEWIRE_TEST_NAMESPACE";
/// Which of [`WAYS`] it takes.
const WAY: &str = "HEDGEWIRE_TEST_WAY";
const READY: &str = "ready to receive";
/// Its exit code when every datagram was right.
const ALL_RIGHT: i32 = 42;
/// More than the rings have frames: all of them go around.
const DATAGRAMS: u64 = 2_000;
const RING_FRAMES: u32 = 256;

fn watched(namespaces: &Namespaces, way: usize) -> ExitStatus {
    let mut process = Process::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "no_system_call::the_watched_process", "--nocapture"])
        .env(NAMESPACE, namespaces.receiving())
        .env(WAY, way.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
    let is_ready = lines.any(|line| line.is_ok_and(|line| line.contains(READY)));
    assert!(is_ready, "{}: {:?}", WAYS[way].name, process.wait());
    std::thread::scope(|scope| {
        let send = scope.spawn(|| {
            let socket = sender(namespaces);
            for number in 0.. {
                let _ = socket.send_to(&payload(number, 100), groups()[0]);
                if let Some(status) = process.try_wait().expect("a status") {
                    return status;
                }
            }
            unreachable!("numbers do not end");
        });
        send.join().expect("a status")
    })
}

#[test]
fn rings_are_read_without_a_system_call() {
    for (at, way) in WAYS.iter().enumerate() {
        let Some(namespaces) = Namespaces::new(way.name, 1) else { return };
        let status = watched(&namespaces, at);
        match way.source {
            SourceKind::Udp => assert_eq!(status.signal(), Some(libc::SIGSYS), "UDP reads by system calls"),
            _ => assert_eq!(status.code(), Some(ALL_RIGHT), "{}: {status:?}", way.name),
        }
    }
}

/// Does nothing unless it is told of a namespace: then it never returns.
#[test]
fn the_watched_process() {
    let Ok(namespace) = std::env::var(NAMESPACE) else { return };
    let way = std::env::var(WAY).expect("a way").parse::<usize>().expect("a number");
    namespaces::enter(&namespace);
    let mut receiver = Receiver::open(&settings(WAYS[way], RING_FRAMES)).expect("a receiver");
    let mut output = std::io::stdout();
    writeln!(output, "\n{READY}").and_then(|()| output.flush()).expect("told");
    forbid_system_calls(None);
    let (mut received, mut next) = (0, 0);
    while received < DATAGRAMS {
        match receiver.receive() {
            Ok(Polled::Datagram(datagram)) => {
                // Some may be dropped: the sender does not wait.
                let number = datagram.payload.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                if number < next || datagram.payload.len() != 100 {
                    exit(1);
                }
                (received, next) = (received + 1, number + 1);
            }
            Ok(Polled::Nothing) => std::hint::spin_loop(),
            Ok(Polled::Over) | Err(_) => exit(2),
        }
    }
    exit(ALL_RIGHT)
}
