//! A `hedgewire-card` of its own for each test, in a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use hedgewire_host::card::vfio_user::VfioUserCard;
use hedgewire_kernel::Sizes;

/// Long enough for a machine that is busy with other tests.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// Slots of the host's ring.
pub const RING_SLOTS: usize = 1 << 12;

/// A card process; it is killed with the value.
pub struct CardProcess {
    folder: tempfile::TempDir,
    engine: &'static str,
    sizes: Sizes,
    child: Child,
    output: BufReader<ChildStdout>,
    said: String,
}

impl CardProcess {
    /// Starts a card with the integer kernel, and waits until it can be reached.
    pub fn start(sizes: Sizes, extra: &[&str]) -> Self {
        Self::start_with("kernel", sizes, extra)
    }

    /// Starts a card with any engine, and waits until it can be reached.
    pub fn start_with(engine: &'static str, sizes: Sizes, extra: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (child, output, said) = spawn(command(&folder.path().join("card.sock"), engine, sizes).args(extra));
        Self { folder, engine, sizes, child, output, said }
    }

    /// Starts another card in the place of one that was killed, which could not remove its socket.
    pub fn restart(&mut self) {
        std::fs::remove_file(self.path()).expect("a socket");
        (self.child, self.output, self.said) = spawn(&mut command(&self.path(), self.engine, self.sizes));
    }

    /// Where it listens.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("card.sock")
    }

    /// Another card on the same socket, not started yet.
    pub fn second(&self) -> Command {
        command(&self.path(), self.engine, self.sizes)
    }

    /// A connection to it.
    pub fn connect(&self) -> VfioUserCard {
        VfioUserCard::connect(&self.path(), RING_SLOTS, REPLY_TIMEOUT).unwrap_or_else(|error| panic!("{error}"))
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process");
        self.child.wait().expect("a process");
    }

    /// Sends the process a signal by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill").success());
    }

    /// Asks it to end, and returns all that it said.
    pub fn end(mut self) -> String {
        self.signal("TERM");
        assert!(self.child.wait().expect("a process").success());
        self.output.read_to_string(&mut self.said).expect("text");
        std::mem::take(&mut self.said)
    }
}

impl Drop for CardProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a process and waits for what it says when it can be reached.
fn spawn(command: &mut Command) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("hedgewire-card");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut said = String::new();
    output.read_line(&mut said).expect("a line");
    assert!(said.contains("listening"), "{said}");
    (child, output, said)
}

fn command(path: &std::path::Path, engine: &str, sizes: Sizes) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hedgewire-card"));
    command.arg("--socket").arg(path).args(["--engine", engine]);
    for (name, value) in
        [("--rows", sizes.rows), ("--intervals", sizes.intervals), ("--underlyings", sizes.underlyings)]
    {
        command.arg(name).arg(value.to_string());
    }
    command
}
