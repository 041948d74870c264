//! The Verilog, interpreted by Icarus: the second opinion.
//!
//! ```text
//!   Verilog, bench.v --iverilog--> program of vvp
//!   Rust --lines, standard input--> vvp --lines, standard output--> a thread --> Rust
//! ```
//!
//! The bench reads a command only when it is free to offer one, and simulated time stands still while it
//! waits for it, so it agrees with the other engines on every cycle.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use tempfile::TempDir;

use super::stalls::{LEVEL_CYCLES, LEVELS};
use super::{Answer, Card, CardError, Design, Log, RESET_CYCLES, Record, Setup, Stalls};

const BENCH: &str = include_str!("bench.v");
const PACKAGE: &str = "iverilog";
/// Hexadecimal digits of a word.
const WORD_DIGITS: usize = 16;

/// A core run by interpreted Verilog.
pub struct Icarus {
    child: Child,
    input: Option<BufWriter<ChildStdin>>,
    output: Receiver<String>,
    setup: Setup,
    cycle: u64,
    built: u32,
    /// Holds the program while it runs.
    _folder: TempDir,
}

impl Icarus {
    /// Compiles the Verilog and starts it.
    ///
    /// # Errors
    /// [`CardError::Missing`] without Icarus, [`CardError::Failed`] if it refuses the Verilog.
    pub fn new(design: &Design, setup: Setup) -> Result<Self, CardError> {
        let folder = tempfile::tempdir().map_err(CardError::file(std::env::temp_dir()))?;
        let program = folder.path().join("card.vvp");
        compile(design, &setup, folder.path(), &program)?;
        let mut child = Command::new("vvp")
            .arg("-n")
            .arg(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(CardError::start("vvp", PACKAGE))?;
        let input = child.stdin.take().map(BufWriter::new);
        let (sender, output) = channel();
        if let Some(stdout) = child.stdout.take() {
            // Reads always, so that the bench never waits for us while we wait for it.
            std::thread::spawn(move || {
                BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
            });
        }
        Ok(Self { child, input, output, setup, cycle: 0, built: 0, _folder: folder })
    }

    /// Sends lines and takes down what comes of them.
    fn perform(&mut self, lines: &str, log: &mut Log) -> Result<(), CardError> {
        let ended = || CardError::Failed { program: "vvp", output: "it ended before it was told to".into() };
        let input = self.input.as_mut().ok_or_else(ended)?;
        let sent =
            input.write_all(lines.as_bytes()).and_then(|()| input.write_all(b"4 0\n")).and_then(|()| input.flush());
        sent.map_err(|_| ended())?;
        let mut is_hung = false;
        loop {
            let line = self.output.recv().map_err(|_| ended())?;
            let (what, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let nonsense = || CardError::Protocol { line: line.clone() };
            let number = |text: &str| u64::from_str_radix(text, 16).map_err(|_| nonsense());
            match what {
                "a" => log.accepted.push(number(rest)?),
                "e" => {
                    let (cycle, digits) = rest.split_once(' ').ok_or_else(nonsense)?;
                    let presented = number(cycle)?;
                    let record = record(digits).ok_or(CardError::Undefined { cycle: presented })?;
                    log.answers.push(Answer { record, presented });
                }
                "f" => {
                    let (cycle, built) = rest.split_once(' ').ok_or_else(nonsense)?;
                    self.cycle = number(cycle)?;
                    // Before the first reset it is undefined.
                    self.built = number(built).unwrap_or(0) as u32;
                    let hung = CardError::Hung { cycle: self.cycle, patience: self.setup.patience };
                    return if is_hung { Err(hung) } else { Ok(()) };
                }
                "h" => is_hung = true,
                "x" => return Err(CardError::Undefined { cycle: number(rest)? }),
                // Icarus tells which file it writes.
                "VCD" => {}
                _ => return Err(nonsense()),
            }
        }
    }
}

impl Card for Icarus {
    fn feed(&mut self, commands: &[Record], log: &mut Log) -> Result<(), CardError> {
        let mut lines = String::with_capacity(commands.len() * (WORD_DIGITS * 8 + 3));
        for command in commands {
            lines.push_str("1 ");
            command.iter().rev().for_each(|word| _ = write!(lines, "{word:016x}"));
            lines.push('\n');
        }
        self.perform(&lines, log)
    }

    fn wait(&mut self, cycles: u64, events: u64, log: &mut Log) -> Result<(), CardError> {
        self.perform(&format!("2 {events:016x}{cycles:016x}\n"), log)
    }

    fn reset(&mut self) -> Result<(), CardError> {
        self.perform(&format!("3 {RESET_CYCLES:x}\n"), &mut Log::default())
    }

    fn cycle(&self) -> u64 {
        self.cycle
    }

    fn built(&self) -> u32 {
        self.built
    }
}

impl Drop for Icarus {
    fn drop(&mut self) {
        // The end of its input ends the bench, unless it is in a command that is never taken.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The record of 128 digits; none if a bit is neither 0 nor 1.
fn record(digits: &str) -> Option<Record> {
    let mut words = Record::default();
    for (word, at) in words.iter_mut().rev().zip((0..).step_by(WORD_DIGITS)) {
        *word = u64::from_str_radix(digits.get(at..at + WORD_DIGITS)?, 16).ok()?;
    }
    Some(words)
}

/// Compiles the Verilog and its bench.
fn compile(design: &Design, setup: &Setup, folder: &Path, program: &Path) -> Result<(), CardError> {
    let mut bench = format!(
        "`define EVENT_PORT {}\n`define STALL_STATE 64'd{}\n`define STALL_LEVEL_CYCLES {LEVEL_CYCLES}\n`define PATIENCE 64'd{}\n",
        design.event_port(),
        Stalls::start(setup.stalls),
        setup.patience
    );
    for (at, level) in LEVELS.iter().enumerate() {
        let _ = writeln!(bench, "`define STALL_LEVEL_{at} 8'd{level}");
    }
    if let Some(trace) = &setup.trace {
        let path = trace.path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(bench, "`define WAVES \"{path}\"");
        let _ = writeln!(bench, "`define WAVES_FROM 64'd{}\n`define WAVES_TO 64'd{}", trace.from, trace.to);
    }
    bench.push_str(BENCH);
    let (card_path, bench_path) = (folder.join("card.v"), folder.join("bench.v"));
    fs::write(&card_path, design.verilog()).map_err(CardError::file(&card_path))?;
    fs::write(&bench_path, bench).map_err(CardError::file(&bench_path))?;
    let output = Command::new("iverilog")
        .args(["-g2012", "-s", "bench", "-o"])
        .args([program, &card_path, &bench_path])
        .output()
        .map_err(CardError::start("iverilog", PACKAGE))?;
    if output.status.success() { Ok(()) } else { Err(CardError::failed("iverilog", &output)) }
}
