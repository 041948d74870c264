//! `hedgewire journal`: replays a journal and compares it, or prints it.
//!
//! A journal may be larger than memory: entries are printed as they are read, in JSON too.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use hedgewire_abi::{Field, Reason, RecordLayout, command, event};
use hedgewire_host::journal::{Entry, JournalError, Reader, Verification, verify};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

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
        #[command(flatten)]
        selection: Selection,
    },
}

/// Which entries to print.
#[derive(clap::Args)]
struct Selection {
    /// First command to print.
    #[arg(long, default_value_t = 1, value_name = "SEQ")]
    from: u64,
    /// Most entries to print; 0 for all.
    #[arg(long, default_value_t = 0, value_name = "N")]
    most: u64,
    /// Only orders, refusals other than IN_BAND, and faults.
    #[arg(long)]
    notable: bool,
}

impl Selection {
    fn includes(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Command(command) => command.seq() >= self.from && !self.notable,
            Entry::Event(event) => {
                let is_notable = event.kind() == event::Hedge::KIND
                    || !matches!(event.reason(), Some(Reason::None | Reason::InBand));
                event.command_seq() >= self.from && (is_notable || !self.notable)
            }
        }
    }
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
        Action::Show { file, selection } => show(file, selection, output.is_json()),
    }
}

fn show(file: &Path, selection: &Selection, is_json: bool) -> anyhow::Result<Verdict> {
    let cannot = || format!("cannot show {}", file.display());
    let entries = Reader::open(file).with_context(cannot)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let print = if is_json { print_json } else { print_text };
    match print(entries, selection, &mut out).and_then(|end| out.flush().map(|()| end)) {
        Ok(None) => Ok(Verdict::Fine),
        // Everything before it has been printed.
        Ok(Some(error)) => Err(error).with_context(cannot),
        // Whoever reads us has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Verdict::Fine),
        Err(error) => Err(error).context("cannot write the result"),
    }
}

/// Entries of a journal, as they are read.
type Entries = Reader<std::fs::File>;

/// Gives the selected entries to `print`; returns what ended the journal before its end.
fn each_selected(
    entries: Entries,
    selection: &Selection,
    mut print: impl FnMut(&Entry) -> io::Result<()>,
) -> io::Result<Option<JournalError>> {
    let mut printed = 0;
    for entry in entries {
        match entry {
            Ok(entry) if selection.includes(&entry) => print(&entry)?,
            Ok(_) => continue,
            Err(error) => return Ok(Some(error)),
        }
        printed += 1;
        if printed == selection.most {
            break;
        }
    }
    Ok(None)
}

fn print_text(entries: Entries, selection: &Selection, out: &mut dyn Write) -> io::Result<Option<JournalError>> {
    each_selected(entries, selection, |entry| match entry {
        Entry::Command(command) => writeln!(out, "{:>10}  {command:?}", command.seq()),
        Entry::Event(event) => {
            let reason = event.reason().map_or("UNKNOWN", Reason::name);
            writeln!(out, "{:>10}    -> {event:?} {reason}", event.command_seq())
        }
    })
}

/// One object on one line, written piece by piece.
fn print_json(entries: Entries, selection: &Selection, out: &mut dyn Write) -> io::Result<Option<JournalError>> {
    let mut separator = "{\"records\":[";
    let error = each_selected(entries, selection, |entry| {
        out.write_all(std::mem::replace(&mut separator, ",").as_bytes())?;
        Ok(serde_json::to_writer(&mut *out, &JsonEntry(entry))?)
    })?;
    if separator != "," {
        out.write_all(separator.as_bytes())?;
    }
    let damage = serde_json::to_string(&error.as_ref().map(ToString::to_string))?;
    writeln!(out, "],\"damage\":{damage}}}")?;
    Ok(error)
}

/// An entry as JSON: `command` or `event` says which, then come its fields by the tables of the records.
struct JsonEntry<'a>(&'a Entry);

impl Serialize for JsonEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (direction, layouts, bytes) = match self.0 {
            Entry::Command(command) => ("command", command::LAYOUTS, &command.0),
            Entry::Event(event) => ("event", event::LAYOUTS, &event.0),
        };
        let mut map = serializer.serialize_map(None)?;
        let layout: Option<&RecordLayout> = layouts.iter().find(|layout| layout.kind == bytes[0]);
        map.serialize_entry(direction, layout.map_or("UNKNOWN", |layout| layout.name))?;
        for field in layout.iter().flat_map(|layout| layout.header.iter().chain(layout.fields)) {
            match (self.0, field.name) {
                (_, "kind" | "version") => {}
                (Entry::Event(event), "reason") => {
                    map.serialize_entry("reason", event.reason().map_or("UNKNOWN", Reason::name))?;
                }
                _ => map.serialize_entry(field.name, &value(bytes, field))?,
            }
        }
        map.end()
    }
}

/// A field's value, little-endian and two's complement as the tables say.
fn value(bytes: &[u8], field: &Field) -> i128 {
    let raw = bytes[field.offset..field.offset + field.bytes].iter().rev();
    let value = raw.fold(0i128, |value, &byte| value << 8 | i128::from(byte));
    let is_negative = field.type_name.starts_with('i') && bytes[field.offset + field.bytes - 1] >= 0x80;
    if is_negative { value - (1 << (8 * field.bytes)) } else { value }
}
