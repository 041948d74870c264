//! `hedgewire journal`: replays a journal and compares it, or prints it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use hedgewire_abi::Reason;
use hedgewire_host::journal::{Entry, Reader, Verification, verify};
use serde::Serialize;

use crate::Verdict;
use crate::output::{KernelForm, Output};

/// Replays or prints a journal of commands and events.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Replays the commands and compares every event, byte for byte; exit code 3 if one differs.
    Verify {
        /// The journal.
        file: PathBuf,
        /// Form of the kernel.
        #[arg(long, value_enum, default_value_t)]
        kernel: KernelForm,
    },
    /// Prints commands and events, field by field.
    Show {
        /// The journal.
        file: PathBuf,
        /// First command to print.
        #[arg(long, default_value_t = 1, value_name = "SEQ")]
        from: u64,
        /// Most entries to print; 0 for all.
        #[arg(long, default_value_t = 0, value_name = "N")]
        most: u64,
        /// Only orders, refusals other than IN_BAND, and faults.
        #[arg(long)]
        notable: bool,
    },
}

/// What `journal verify` reports.
#[derive(Serialize)]
struct Summary {
    commands: u64,
    events: u64,
    differences: u64,
    first_difference: Option<String>,
    damage: Option<String>,
}

impl Summary {
    fn new(verification: &Verification) -> Self {
        Self {
            commands: verification.commands,
            events: verification.events,
            differences: verification.differences,
            first_difference: verification.first_difference.as_ref().map(ToString::to_string),
            damage: verification.damage.as_ref().map(ToString::to_string),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{} commands, {} events, {} differences", self.commands, self.events, self.differences);
        for (heading, detail) in [("first difference", &self.first_difference), ("damage", &self.damage)] {
            if let Some(detail) = detail {
                text += &format!("\n{heading}: {detail}");
            }
        }
        text
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Verdict> {
    match &arguments.action {
        Action::Verify { file, kernel } => {
            let bar = output.progress(0, "verifying");
            let verification = verify(file, kernel.form()?, &mut |done, all| {
                bar.set_length(all);
                bar.set_position(done);
            })
            .with_context(|| format!("cannot verify {}", file.display()))?;
            bar.finish_and_clear();
            output.print(&Summary::new(&verification), Summary::text)?;
            Ok(if verification.is_clean() { Verdict::Fine } else { Verdict::CheckFailed })
        }
        Action::Show { file, from, most, notable } => {
            let most = if *most == 0 { u64::MAX } else { *most };
            show(file, *from, most, *notable).with_context(|| format!("cannot show {}", file.display()))
        }
    }
}

fn show(file: &std::path::Path, from: u64, most: u64, notable: bool) -> anyhow::Result<Verdict> {
    let reader = Reader::open(file)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut left = most;
    for entry in reader {
        let (seq, line, is_notable) = match entry? {
            Entry::Command(command) => (command.seq(), format!("{:>10}  {command:?}", command.seq()), false),
            Entry::Event(event) => {
                let reason = event.reason().map_or("UNKNOWN", Reason::name);
                let is_notable = event.kind() == hedgewire_abi::event::Hedge::KIND
                    || !matches!(event.reason(), Some(Reason::None | Reason::InBand));
                (event.command_seq(), format!("{:>10}    -> {event:?} {reason}", event.command_seq()), is_notable)
            }
        };
        if seq < from || (notable && !is_notable) {
            continue;
        }
        match writeln!(out, "{line}") {
            // Whoever reads us has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Verdict::Fine),
            other => other?,
        }
        left -= 1;
        if left == 0 {
            break;
        }
    }
    out.flush().or_else(|error| if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })?;
    Ok(Verdict::Fine)
}
