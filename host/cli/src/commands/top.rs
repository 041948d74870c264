//! `hedgewire top`: a terminal screen of a running engine, from its status, several times a second.
//!
//! ```text
//!            k                 y
//!   watch ------> confirm? --------> kill, its answer below ---+
//!     ^  ^          | any other key                            |
//!     |  +----------+                                          |
//!     +--------------------------------------------------------+        q, Esc, Ctrl-C: end
//! ```
//!
//! An engine that does not answer is told of, and asked again: the screen stays as it was last seen.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::ensure;
use hedgewire_host::control::Request;
use hedgewire_host::telemetry::Snapshot;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Stylize;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::control::Engine;
use crate::Verdict;
use crate::output::Output;
use crate::screen;

/// Lines of alarms.
const ALARM_LINES: usize = 3;
/// Lines of feeds and sessions.
const FEED_LINES: usize = 4;
/// Lines of decisions that there is always room for.
const DECISION_LINES: usize = 2;

/// Shows a running engine on the terminal: exposure inside its band, positions, orders, feeds, latencies, decisions, alarms.
///
/// Keys: q ends it, k kills the engine's orders once you have confirmed it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seconds between two looks.
    #[arg(long, value_name = "S", default_value_t = 0.5, value_parser = interval)]
    every: f64,
    #[command(flatten)]
    engine: Engine,
}

fn interval(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|error| format!("{error}"))?;
    (0.05..=60.0).contains(&value).then_some(value).ok_or_else(|| "from 0.05 to 60 is wanted".into())
}

/// What is to be done for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Nothing,
    Kill,
    End,
}

/// What is on the screen.
#[derive(Default)]
struct Top {
    snapshot: Option<Snapshot>,
    /// Why there is no newer one.
    trouble: Option<String>,
    is_confirming: bool,
    /// What became of a kill.
    told: Option<String>,
}

impl Top {
    fn saw(&mut self, seen: anyhow::Result<Snapshot>) {
        match seen {
            Ok(snapshot) => (self.snapshot, self.trouble) = (Some(snapshot), None),
            Err(error) => self.trouble = Some(format!("{error:#}")),
        }
    }

    fn on_key(&mut self, key: KeyEvent) -> Action {
        if key.kind != KeyEventKind::Press {
            return Action::Nothing;
        }
        let is_interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        let was_confirming = std::mem::take(&mut self.is_confirming);
        match key.code {
            _ if is_interrupt => Action::End,
            KeyCode::Char('y') if was_confirming => Action::Kill,
            _ if was_confirming => Action::Nothing,
            KeyCode::Char('q') | KeyCode::Esc => Action::End,
            KeyCode::Char('k') => {
                self.is_confirming = true;
                Action::Nothing
            }
            _ => Action::Nothing,
        }
    }

    fn footer(&self) -> Line<'static> {
        match (&self.told, &self.trouble) {
            _ if self.is_confirming => {
                Line::from("KILL: disarm everything and cancel every order? y kills, any other key does not")
                    .red()
                    .bold()
            }
            (_, Some(trouble)) => Line::from(trouble.clone()).red(),
            (Some(told), None) => Line::from(told.clone()).yellow(),
            (None, None) => Line::from("q quit   k kill"),
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [body, footer] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
        match &self.snapshot {
            Some(snapshot) => draw_snapshot(frame, body, snapshot),
            None => frame.render_widget(Paragraph::new("waiting for an engine"), body),
        }
        frame.render_widget(Paragraph::new(self.footer()), footer);
    }
}

/// Underlyings that fit so many lines, and a line for those that do not.
fn underlyings(snapshot: &Snapshot, lines_max: usize) -> Vec<Line<'static>> {
    let count = snapshot.underlyings.len();
    let fitting = if count * 3 <= lines_max { count } else { lines_max.saturating_sub(1) / 3 };
    let mut lines: Vec<Line<'static>> = snapshot.underlyings[..fitting].iter().flat_map(screen::underlying).collect();
    if fitting < count {
        lines.push(Line::from(format!("and {} more: make the window taller", count - fitting)).yellow());
    }
    lines
}

fn draw_snapshot(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let columns = area.width;
    let alarms = screen::alarms(&snapshot.alarms, ALARM_LINES);
    let mut feeds = screen::feeds_and_sessions(snapshot);
    if feeds.len() > FEED_LINES {
        feeds.truncate(FEED_LINES - 1);
        feeds.push(Line::from("and more: hedgewire status"));
    }
    let latencies = screen::latencies(snapshot);
    let titles = 5;
    let taken = 1 + titles + alarms.len() + feeds.len() + latencies.len() + DECISION_LINES;
    let underlyings = underlyings(snapshot, usize::from(area.height).saturating_sub(taken));
    let taken = taken - DECISION_LINES + underlyings.len();
    let decisions = screen::decisions(&snapshot.decisions, usize::from(area.height).saturating_sub(taken));
    let mut lines = vec![screen::header(snapshot)];
    let sections = [
        ("alarms", alarms),
        ("underlyings", underlyings),
        ("feeds and sessions", feeds),
        ("latencies", latencies),
        ("last decisions", decisions),
    ];
    for (name, section) in sections {
        lines.push(screen::title(name, columns));
        lines.extend(section);
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Verdict> {
    ensure!(
        std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !output.is_json(),
        "top needs a terminal; `hedgewire status` prints the same, with --json for programs"
    );
    let every = Duration::from_secs_f64(arguments.every);
    ratatui::run(|terminal| -> anyhow::Result<Verdict> {
        let mut top = Top::default();
        loop {
            top.saw(arguments.engine.snapshot());
            terminal.draw(|frame| top.draw(frame))?;
            let next = Instant::now() + every;
            while event::poll(next.saturating_duration_since(Instant::now()))? {
                let Event::Key(key) = event::read()? else { break };
                match top.on_key(key) {
                    Action::End => return Ok(Verdict::Fine),
                    Action::Kill => {
                        top.told = Some("killing ...".to_owned());
                        terminal.draw(|frame| top.draw(frame))?;
                        let answer = arguments.engine.ask(&Request::Kill {});
                        top.told = Some(answer.map_or_else(
                            |error| format!("{error:#}"),
                            |reply| format!("killed: {}", reply.note.unwrap_or_default()),
                        ));
                    }
                    Action::Nothing => {}
                }
                terminal.draw(|frame| top.draw(frame))?;
            }
        }
    })
}

#[cfg(test)]
mod tests;
