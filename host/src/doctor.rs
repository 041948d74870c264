//! What a colocated machine needs and this one has: a finding each, with what to do about it.
//!
//! ```text
//!   /proc, /sys, /dev below a root --read--> processor, memory, card, network, packets --> findings --> text, JSON
//! ```
//!
//! Everything is read below a root, `/` but in tests, so that other machines can be examined from a copy of their
//! files. Nothing is changed. Of a card, registers of its identity are read, which have no side effect.
//!
//! Invariants: a file that is absent means what its absence means to the kernel; one that is there and cannot be
//! read makes a finding `Unknown`, never `Ok`. Keys are stable: programs rely on them.

mod card;
mod memory;
mod network;
mod packets;
mod processor;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Whether the machine has what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It has.
    Ok,
    /// It has not.
    Missing,
    /// It cannot be told here.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at; stable.
    pub key: &'static str,
    /// Which one, where there are several: an interface, a card.
    pub subject: Option<String>,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; none where nothing needs to be done.
    pub advice: Option<String>,
}

impl Finding {
    fn new(key: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { key, subject: None, verdict, found: found.into(), advice: None }
    }

    fn ok(key: &'static str, found: impl Into<String>) -> Self {
        Self::new(key, Verdict::Ok, found)
    }

    fn missing(key: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..Self::new(key, Verdict::Missing, found) }
    }

    fn unknown(key: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..Self::new(key, Verdict::Unknown, found) }
    }

    /// A file that is there and cannot be read.
    fn unreadable(key: &'static str, error: &Unreadable) -> Self {
        Self::unknown(key, error.to_string(), "run it as root")
    }

    fn of(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }
}

/// A file that is there and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("/{} cannot be read ({source})", path.display())]
struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// The files of a machine.
#[derive(Debug, Clone, Copy)]
struct Machine<'a> {
    root: &'a Path,
}

impl Machine<'_> {
    /// A file's text without the white space around it, or none if there is no such file.
    fn read(&self, path: &str) -> Result<Option<String>, Unreadable> {
        let failed = |source| Unreadable { path: path.into(), source };
        match std::fs::read(self.root.join(path)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Names in a folder, in order; none if there is no such folder.
    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        let failed = |source| Unreadable { path: path.into(), source };
        let entries = match std::fs::read_dir(self.root.join(path)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let name = |entry: io::Result<std::fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        let mut names = entries.map(name).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        names.sort();
        Ok(names)
    }

    fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }
}

/// A finding from a read that may fail.
fn finding(key: &'static str, look: impl FnOnce() -> Result<Finding, Unreadable>) -> Finding {
    look().unwrap_or_else(|error| Finding::unreadable(key, &error))
}

/// Looks at the machine whose files are below `root`.
pub fn examine(root: &Path) -> Vec<Finding> {
    let machine = Machine { root };
    let mut findings = processor::examine(machine);
    findings.extend(memory::examine(machine));
    findings.extend(card::examine(machine));
    findings.extend(network::examine(machine));
    findings.extend(packets::examine(machine));
    findings
}
