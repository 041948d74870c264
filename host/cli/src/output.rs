//! How commands speak: text or one JSON object on standard output, progress on standard error.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use clap::ValueEnum;
use hedgewire_host::logs;
use hedgewire_kernel::Form;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Which form of the kernel to use; every one decides the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum KernelForm {
    /// The fastest that this CPU can run.
    #[default]
    Auto,
    /// One row at a time: the definition.
    Scalar,
    /// Four rows at a time.
    Avx2,
}

impl KernelForm {
    /// The form, if this CPU can run it.
    pub fn form(self) -> anyhow::Result<Form> {
        let form = match self {
            Self::Auto => Form::best(),
            Self::Scalar => Form::Scalar,
            Self::Avx2 => Form::Avx2,
        };
        anyhow::ensure!(form.is_supported(), "this CPU has no AVX2; use --kernel auto or --kernel scalar");
        Ok(form)
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines of text.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl From<LogFormat> for logs::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What stops hedging.
    Error,
    /// What somebody should look at, and every control command.
    Warn,
    /// What happens once.
    #[default]
    Info,
    /// What happens often.
    Debug,
}

impl From<LogLevel> for logs::LogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
        }
    }
}

/// Where results and progress go.
pub struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    /// Text or JSON, with or without progress.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether results are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a result: as one JSON object, or as the text that `text` makes of it.
    pub fn print<T: Serialize>(&self, result: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let line = if self.json {
            serde_json::to_string(result).context("the result has no JSON form")?
        } else {
            text(result)
        };
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{}", line.trim_end()) {
            // Whoever reads us has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("cannot write the result"),
        }
    }

    /// A progress bar over `length` units; nothing where nobody watches.
    pub fn progress(&self, length: u64, what: &'static str) -> ProgressBar {
        if self.quiet || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg:10} [{bar:40}] {percent:>3}% {elapsed_precise} left {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        ProgressBar::new(length).with_style(style).with_message(what)
    }
}

/// Aligns a table: first column left, the others right.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cell = |(at, cell): (usize, &String)| match at {
            0 => format!("{cell:<0$}", widths[0]),
            _ => format!("{cell:>0$}", widths[at]),
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
