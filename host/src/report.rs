//! The report of a run: one HTML file that needs no network, no script and no other file.
//!
//! A caller fills plain structures (figures, sections, series of numbers) and this module turns them into a page: a headline
//! row of figures, then sections of text with a chart or a table each. Numbers here are f64 for people to look at; nothing on
//! the way from quote to order reads them.
//!
//! ```text
//! Report -> page (HTML, CSS)          Chart -> series (drop, thin) -> axis (ticks) -> plot (SVG by plotters)
//! ```
//!
//! # Invariants
//!
//! * Equal reports give equal bytes: no clock, no random identifier, no map with its own order.
//! * Every text of the caller is escaped; no caller text is ever a tag, an attribute or a style.
//! * No input makes it panic: an empty series gives a panel that says so, and points that cannot be drawn are counted
//!   below the chart.
//! * A spike of one sample survives any thinning (`series::thin`).

mod axis;
mod page;
mod plot;
mod series;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A whole report, top to bottom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Page title and first heading.
    pub title: String,
    /// One line under the title: run, source, period.
    pub subtitle: String,
    /// The headline row, in order.
    pub facts: Vec<Fact>,
    /// The body, in order.
    pub sections: Vec<Section>,
}

/// One headline figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fact {
    /// What the figure is.
    pub label: String,
    /// The figure with its unit, formatted by the caller.
    pub value: String,
    /// A qualification in a few words; may be empty.
    pub note: String,
}

impl Fact {
    /// Returns a headline figure.
    pub fn new(label: impl Into<String>, value: impl Into<String>, note: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into(), note: note.into() }
    }
}

/// A heading, text, and what it talks about.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Heading; also the chart's name for a screen reader.
    pub heading: String,
    /// Text; a blank line starts a new paragraph. May be empty.
    pub text: String,
    /// Chart, table or nothing.
    pub body: Body,
    /// How much of a wide page the section takes.
    pub width: Width,
}

/// What a section shows below its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A picture.
    Chart(Chart),
    /// Rows and columns.
    Table(Table),
    /// Text only.
    Text,
}

/// A section's share of a wide page; a narrow page has one column anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// The full width.
    #[default]
    Full,
    /// Half, next to the neighbouring half section.
    Half,
}

impl Section {
    /// Returns a full-width section with a chart.
    pub fn chart(heading: impl Into<String>, text: impl Into<String>, chart: Chart) -> Self {
        Self { heading: heading.into(), text: text.into(), body: Body::Chart(chart), width: Width::Full }
    }

    /// Returns a full-width section with a table.
    pub fn table(heading: impl Into<String>, text: impl Into<String>, table: Table) -> Self {
        Self { heading: heading.into(), text: text.into(), body: Body::Table(table), width: Width::Full }
    }

    /// Returns a full-width section of text.
    pub fn text(heading: impl Into<String>, text: impl Into<String>) -> Self {
        Self { heading: heading.into(), text: text.into(), body: Body::Text, width: Width::Full }
    }

    /// Returns the section at half width.
    pub fn half(self) -> Self {
        Self { width: Width::Half, ..self }
    }
}

/// A table; cells are formatted by the caller, with their units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The rows; a short row is filled with empty cells.
    pub rows: Vec<Vec<String>>,
}

/// A column's heading and alignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Heading, with the unit if the whole column has one.
    pub heading: String,
    /// Whether cells are figures: set to the right, in digits of equal width.
    pub is_number: bool,
}

impl Column {
    /// Returns a column of text, set to the left.
    pub fn text(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), is_number: false }
    }

    /// Returns a column of figures, set to the right.
    pub fn number(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), is_number: true }
    }
}

/// What the seconds of a time series count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Seconds since the run's start; shown as mm:ss or hh:mm.
    Elapsed,
    /// Seconds since 1970-01-01 UTC; shown as the UTC time of day, and dates from midnight to midnight.
    Utc,
}

/// A named line of points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points `(x, y)` in the chart's units, in any order of `x`.
    pub points: Vec<(f64, f64)>,
    /// Whether a value holds until the next point (a position, a cumulative cost) instead of moving there in a line.
    pub holds: bool,
}

impl Series {
    /// Returns a series whose points are joined by straight lines.
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, holds: false }
    }

    /// Returns a series whose value holds until the next point.
    pub fn stepped(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, holds: true }
    }
}

/// Which way a hedge went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeSide {
    /// Bought the hedge instrument.
    Buy,
    /// Sold the hedge instrument.
    Sell,
}

/// A hedge on the band chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HedgeMark {
    /// When, in the chart's clock, seconds.
    pub time_s: f64,
    /// Net delta that caused it, in the chart's delta unit: where the mark is drawn.
    pub net_delta: f64,
    /// Buy: triangle up. Sell: triangle down.
    pub side: HedgeSide,
}

/// Net delta inside its no-trade band.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BandHistory {
    /// `(seconds, delta)` of the hedged portfolio.
    pub net_delta: Vec<(f64, f64)>,
    /// `(seconds, delta)` of the band's lower edge; a value holds until the next.
    pub lower: Vec<(f64, f64)>,
    /// `(seconds, delta)` of the band's upper edge; a value holds until the next.
    pub upper: Vec<(f64, f64)>,
    /// Hedges sent.
    pub hedges: Vec<HedgeMark>,
}

/// One bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// Name, left of the bar.
    pub label: String,
    /// Length, in the chart's unit; may be negative.
    pub value: f64,
}

impl Bar {
    /// Returns a bar.
    pub fn new(label: impl Into<String>, value: f64) -> Self {
        Self { label: label.into(), value }
    }
}

/// A picture. Build one with a constructor; the kinds are private so that a new one breaks no caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The value axis in words with its unit, `net delta, BTC`.
    value_label: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Band(Clock, BandHistory),
    Lines(Clock, Vec<Series>),
    Percentiles(Vec<Series>),
    Bars(Vec<Bar>),
}

impl Chart {
    /// Returns net delta over time inside its shaded band, hedges marked. `value_label` names the delta and its unit.
    pub fn band(value_label: impl Into<String>, clock: Clock, history: BandHistory) -> Self {
        Self { value_label: value_label.into(), kind: Kind::Band(clock, history) }
    }

    /// Returns lines over time, `x` in seconds of `clock`; for profit and loss, cost, position.
    pub fn lines(value_label: impl Into<String>, clock: Clock, series: Vec<Series>) -> Self {
        Self { value_label: value_label.into(), kind: Kind::Lines(clock, series) }
    }

    /// Returns latency by percentile, a line for each stage: `x` in percent, 0 to 100 (100 is the maximum), `y` in nanoseconds,
    /// above 0. The percentile axis is `1/(1 - p)` on a log scale, the value axis a log scale.
    pub fn percentiles(value_label: impl Into<String>, stages: Vec<Series>) -> Self {
        Self { value_label: value_label.into(), kind: Kind::Percentiles(stages) }
    }

    /// Returns horizontal bars in the order given, for counts by reason or a breakdown of profit and loss.
    pub fn bars(value_label: impl Into<String>, bars: Vec<Bar>) -> Self {
        Self { value_label: value_label.into(), kind: Kind::Bars(bars) }
    }
}

impl Report {
    /// Returns the page. Equal reports give equal text.
    pub fn to_html(&self) -> String {
        page::render(self)
    }

    /// Writes the page to `path` in one step: a reader sees the old file or the whole new one.
    ///
    /// # Errors
    ///
    /// Whatever creating, writing, syncing or renaming a file beside `path` gives; the file at `path` is then as it was.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let temporary = temporary_beside(path)?;
        let written = write_synced(&temporary, self.to_html().as_bytes()).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // Best effort: the first error is the one to report.
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

/// Returns a name in the directory of `path` (a rename across file systems is not atomic) that no other write of ours uses.
fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    static WRITE_SEQ: AtomicU64 = AtomicU64::new(0);
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "report path has no file name"))?;
    let write_seq = WRITE_SEQ.fetch_add(1, Ordering::Relaxed);
    let name = format!(".{}.{}.{write_seq}.tmp", name.to_string_lossy(), std::process::id());
    Ok(path.with_file_name(name))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
