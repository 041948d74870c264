//! A `hedgewire-venue` of its own for each test: ports that the system chooses, groups that no other test has.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::Value;

/// Long enough for a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Writes a file of members, and returns its path.
pub fn written_members(folder: &Path, members: &str) -> String {
    let path = folder.join("members");
    std::fs::write(&path, members).expect("a file");
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hedgewire-venue"));
    command.args(["--orders", "127.0.0.1:0", "--retransmit", "127.0.0.1:0"]);
    command
}

/// Runs a venue to its end: exit code, standard output, standard error. A later argument takes the place of an earlier one.
pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let has_orders = arguments.contains(&"--orders");
    let mut command = if has_orders { Command::new(env!("CARGO_BIN_EXE_hedgewire-venue")) } else { command() };
    let output = command.args(arguments).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A venue; it is killed with the value.
pub struct VenueProcess {
    child: Child,
    output: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
    pub orders: SocketAddr,
    pub retransmit: SocketAddr,
    pub line_a: SocketAddrV4,
    pub line_b: SocketAddrV4,
    pub snapshot_a: SocketAddrV4,
}

impl VenueProcess {
    /// Starts one with two members, and waits until it says where it is.
    pub fn start(extra: &[&str]) -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Ports by process and test, so that tests that run at the same time do not hear each other.
        let base = 20_000 + (std::process::id() % 4_000) as u16 * 10;
        let port = base + NEXT.fetch_add(2, Ordering::Relaxed) % 10;
        let group = |last, port| SocketAddrV4::new(Ipv4Addr::new(239, 255, 77, last), port);
        let (line_a, line_b) = (group(1, port), group(2, port));
        let (snapshot_a, snapshot_b) = (group(1, port + 1), group(2, port + 1));
        let folder = tempfile::tempdir().expect("a folder");
        let members = written_members(folder.path(), "alpha alpha-secret\n\nbeta beta-secret\n");
        let mut child = command()
            .args(["--members", &members, "--json"])
            .args(["--line-a", &line_a.to_string(), "--line-b", &line_b.to_string()])
            .args(["--snapshot-a", &snapshot_a.to_string(), "--snapshot-b", &snapshot_b.to_string()])
            .args(extra)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut said = String::new();
        output.read_line(&mut said).expect("text");
        assert!(!said.contains("secret"), "{said}");
        let after = |words: &str| -> SocketAddr {
            let rest = said.split_once(words).unwrap_or_else(|| panic!("{words} in {said}")).1;
            rest.split([',', ' ', '\n']).next().and_then(|word| word.parse().ok()).expect("an address")
        };
        let (orders, retransmit) = (after("order entry on "), after("retransmission on "));
        Self { child, output, _folder: folder, orders, retransmit, line_a, line_b, snapshot_a }
    }

    /// A socket that hears a group on loopback.
    pub fn join(&self, group: SocketAddrV4) -> UdpSocket {
        let socket = UdpSocket::bind(group).expect("a port of the group");
        socket.join_multicast_v4(group.ip(), &Ipv4Addr::LOCALHOST).expect("loopback has multicast");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        socket
    }

    /// Asks it to end, and returns what it served.
    pub fn end(&mut self) -> Value {
        let status = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status();
        assert!(status.expect("kill").success());
        assert!(self.child.wait().expect("a process").success());
        let mut said = String::new();
        self.output.read_to_string(&mut said).expect("text");
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

impl Drop for VenueProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
