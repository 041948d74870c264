//! `hedgewire-hdl bench`: the card's cycles, counted in its compiled Verilog.
//!
//! | figure | from | to |
//! |---|---|---|
//! | quote, trade, exact pass, order update | command taken | its last event presented |
//! | spacing | event presented | the next one |
//! | build | build taken | swap behind it answered |
//!
//! Every event is compared with the kernel's: cycles of a wrong answer are not reported. What is counted
//! is cycles in a simulation; how long a cycle lasts is said by place and route (`scripts/synth`).

mod desk;
mod session;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hedgewire_abi::command::code;
use hedgewire_abi::event::{FLAG_EXACT, Hedge};
use hedgewire_abi::{Command, Reason};
use hedgewire_kernel::Sizes;
use hedgewire_model::Parameters;
use serde::Serialize;

use crate::output;
use desk::{Band, Desk, Mood};
use session::{Answered, Session};

/// Quotes of a figure.
const QUOTES: usize = 200;
/// Trades and exact passes of a figure.
const TRADES: usize = 12;
/// Slots of a small portfolio.
const SMALL_ROWS: u32 = 64;
/// Most quotes asked while a ladder is built.
const QUOTES_IN_BUILD: u64 = 100;
/// Parts of a build, of which those behind the quotes are measurements of the simulation's own speed: long
/// beside the steps of a thread's clock.
const SPEED_PARTS: u64 = 8;

/// Counts the card's simulated cycles: decisions, builds, orders, and how close quotes may follow.
#[derive(clap::Args)]
pub struct Arguments {
    /// Lanes: 1, 2, 4, 8 or 16.
    #[arg(long, default_value = "2", value_parser = Parameters::parse_lanes)]
    lanes: usize,
    /// Slots for rows; a multiple of 64.
    #[arg(long, default_value_t = 1_024)]
    rows: usize,
    /// Most intervals of a ladder.
    #[arg(long, default_value_t = 256)]
    intervals: usize,
    /// Underlyings.
    #[arg(long, default_value_t = 8)]
    underlyings: usize,
    /// Folder for compiled models [default: models, in the target folder of this build].
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    /// Never above the limit; the aim is better still. Of cycles, which are the same in every run.
    AtMost { limit: f64, aim: Option<f64> },
    /// Mostly not below the limit. Of speeds, which others on the machine may disturb.
    AtLeast { limit: f64, aim: Option<f64> },
}

/// A figure: of so many measurements the least, the median and the largest.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    unit: &'static str,
    count: usize,
    min: f64,
    median: f64,
    max: f64,
    target: Option<Target>,
    is_met: Option<bool>,
    is_aim_met: Option<bool>,
}

impl Figure {
    fn new(name: impl Into<String>, unit: &'static str, target: Option<Target>, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let (min, median, max) = (at(0), at(values.len() / 2), at(values.len().saturating_sub(1)));
        let (is_met, is_aim_met) = match target {
            None => (None, None),
            Some(Target::AtMost { limit, aim }) => (Some(max <= limit), aim.map(|aim| max <= aim)),
            Some(Target::AtLeast { limit, aim }) => (Some(median >= limit), aim.map(|aim| median >= aim)),
        };
        Self { name: name.into(), unit, count: values.len(), min, median, max, target, is_met, is_aim_met }
    }

    fn cycles(name: impl Into<String>, target: Option<Target>, cycles: impl IntoIterator<Item = u64>) -> Self {
        Self::new(name, "cycles", target, cycles.into_iter().map(|cycles| cycles as f64).collect())
    }
}

const QUOTE: Option<Target> = Some(Target::AtMost { limit: 32.0, aim: Some(24.0) });
const TRADE: Option<Target> = Some(Target::AtMost { limit: 96.0, aim: Some(64.0) });
const ACROSS: Option<Target> = Some(Target::AtMost { limit: 1.0, aim: None });
const SAME: Option<Target> = Some(Target::AtMost { limit: 16.0, aim: None });
const ROW_NODE: Option<Target> = Some(Target::AtMost { limit: 1.0, aim: None });
const SPEED: Option<Target> = Some(Target::AtLeast { limit: 300_000.0, aim: Some(1_000_000.0) });

/// All of it.
#[derive(Serialize)]
struct Report {
    /// What the cycles are cycles of.
    engine: &'static str,
    lanes: usize,
    rows: usize,
    intervals: usize,
    underlyings: usize,
    /// Quotes take the same cycles whatever the portfolio's size.
    is_same_for_any_size: bool,
    figures: Vec<Figure>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let &Arguments { lanes, rows, intervals, underlyings, .. } = arguments;
    let parameters = Parameters { lanes, sizes: Sizes { underlyings, rows, intervals } }.checked()?;
    let cache = arguments.cache.clone().unwrap_or_else(hedgewire_model::cache);
    let bar = output::progress(arguments.quiet, "measuring");
    bar.set_length(2);
    let mut bench = Bench { parameters, figures: Vec::new() };
    let small = bench.small_portfolios(&cache)?;
    bar.inc(1);
    let full = bench.full_portfolio(&cache)?;
    bar.finish_and_clear();
    let report = Report {
        engine: "verilator",
        lanes,
        rows,
        intervals,
        underlyings,
        is_same_for_any_size: small == full,
        figures: bench.figures,
    };
    output::print(&if arguments.json { serde_json::to_string(&report)? } else { text(&report) })
}

/// Cycles of quotes: least and most of those in band, refused at a gate, and sending an order.
type QuoteCycles = [(u64, u64); 3];

struct Bench {
    parameters: Parameters,
    figures: Vec<Figure>,
}

impl Bench {
    /// A small portfolio for each underlying: spacing, and quotes.
    fn small_portfolios(&mut self, cache: &Path) -> anyhow::Result<QuoteCycles> {
        let Sizes { underlyings, rows, intervals } = self.parameters.sizes;
        let count = underlyings.min(rows / SMALL_ROWS as usize);
        let mut session = Session::new(self.parameters, cache)?;
        let mut desks = Vec::new();
        for underlying in 0..count as u8 {
            let first = u32::from(underlying) * SMALL_ROWS;
            let mut desk = Desk::new(&mut session, underlying, first, SMALL_ROWS, intervals as u32)?;
            desk.write_bank(&mut session, Band::WhalleyWilmott)?;
            desk.buy(&mut session)?;
            desk.build(&mut session)?;
            desk.set_mood(&mut session, Mood::InBand)?;
            desks.push(desk);
        }
        if count > 1 {
            let mut gaps = Vec::new();
            for _ in 0..TRADES {
                let quotes: Vec<Command> = desks.iter_mut().map(|desk| desk.next_quote(&mut session, 0)).collect();
                gaps.extend(spacing(&session.run(&quotes)?));
                session.rest(64)?;
            }
            self.figures.push(Figure::cycles(format!("spacing of quotes of {count} underlyings"), ACROSS, gaps));
        }
        let quotes: Vec<Command> = (0..QUOTES).map(|_| desks[0].next_quote(&mut session, 0)).collect();
        let answered = session.run(&quotes)?;
        self.figures.push(Figure::cycles("spacing of quotes of one underlying", SAME, spacing(&answered)));
        session.rest(64)?;
        self.quotes(&mut session, &mut desks[0], SMALL_ROWS)
    }

    /// One portfolio of all rows: quotes, trades, builds, exact passes.
    fn full_portfolio(&mut self, cache: &Path) -> anyhow::Result<QuoteCycles> {
        let Parameters { lanes, sizes: Sizes { rows, intervals, .. } } = self.parameters;
        let mut session = Session::new(self.parameters, cache)?;
        let mut desk = Desk::new(&mut session, 0, 0, rows as u32, intervals as u32)?;
        desk.write_bank(&mut session, Band::Fixed)?;
        desk.buy(&mut session)?;
        let build_cycles = desk.build(&mut session)?;
        let nodes = (intervals + 1) as f64;
        let per = |cycles: u64, rows: usize| cycles as f64 * lanes as f64 / (rows as f64 * nodes);
        self.figures.push(Figure::cycles(format!("build and swap, {rows} rows"), None, [build_cycles]));
        let unit = "cycles per row, node and lane";
        self.figures.push(Figure::new("build", unit, None, vec![per(build_cycles, rows)]));
        let half_rows = (rows / 2).next_multiple_of(SMALL_ROWS as usize);
        if half_rows < rows {
            let half_cycles = self.half_build(cache, half_rows)?;
            let value = per(build_cycles.saturating_sub(half_cycles), rows - half_rows);
            self.figures.push(Figure::new(format!("build, beyond {half_rows} rows"), unit, ROW_NODE, vec![value]));
        }
        desk.set_mood(&mut session, Mood::InBand)?;
        self.trades(&mut session, &mut desk, "fixed band")?;

        // A second ladder beside the first, and quotes while it is built.
        desk.write_bank(&mut session, Band::WhalleyWilmott)?;
        let build = desk.build_command(&mut session);
        let started = session.run(&[build])?[0].accepted;
        let mut cycles = Vec::new();
        while session.cycle() - started < build_cycles / 2 {
            session.rest(build_cycles / (2 * QUOTES_IN_BUILD))?;
            let quote = desk.next_quote(&mut session, 0);
            cycles.push(expect(session.ask(quote)?, Reason::InBand)?.cycles());
        }
        let (mut speeds, part) = (Vec::new(), build_cycles / SPEED_PARTS);
        while session.cycle() - started + part < build_cycles {
            let elapsed = session.elapsed;
            session.rest(part)?;
            speeds.push(part as f64 / (session.elapsed - elapsed).as_secs_f64());
        }
        self.figures.push(Figure::cycles("quote in band, during a build", QUOTE, cycles));
        let swap = desk.swap_command(&mut session);
        session.ask(swap)?;
        desk.set_mood(&mut session, Mood::InBand)?;
        self.trades(&mut session, &mut desk, "Whalley-Wilmott band")?;

        let mut exact = Vec::new();
        for _ in 0..TRADES {
            let quote = desk.quote_off_ladder(&mut session);
            let answered = session.ask(quote)?;
            anyhow::ensure!(answered.events[0].flags() & FLAG_EXACT != 0, "not an exact pass: {:?}", answered.events);
            exact.push(answered.cycles());
        }
        self.figures.push(Figure::cycles(format!("quote by an exact pass over {rows} rows"), None, exact));
        let quotes = self.quotes(&mut session, &mut desk, rows as u32)?;
        self.figures.push(Figure::new("compiled simulation, during a build", "cycles a CPU second", SPEED, speeds));
        Ok(quotes)
    }

    /// Cycles of a build of fewer rows.
    fn half_build(&self, cache: &Path, rows: usize) -> anyhow::Result<u64> {
        let mut session = Session::new(self.parameters, cache)?;
        let mut desk = Desk::new(&mut session, 0, 0, rows as u32, self.parameters.sizes.intervals as u32)?;
        desk.write_bank(&mut session, Band::Fixed)?;
        desk.buy(&mut session)?;
        desk.build(&mut session)
    }

    /// Quotes that find the underlying idle.
    fn quotes(&mut self, session: &mut Session, desk: &mut Desk, rows: u32) -> anyhow::Result<QuoteCycles> {
        let mut in_band = Vec::new();
        for _ in 0..QUOTES {
            let quote = desk.next_quote(session, 0);
            in_band.push(expect(session.ask(quote)?, Reason::InBand)?.cycles());
        }
        desk.set_mood(session, Mood::Hedging)?;
        let (mut refused, mut orders, mut updates) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..QUOTES {
            let quote = desk.next_quote(session, code::QUOTE_UNTRUSTED);
            refused.push(expect(session.ask(quote)?, Reason::BookUntrusted)?.cycles());
            let quote = desk.next_quote(session, 0);
            let order = expect(session.ask(quote)?, Reason::None)?;
            anyhow::ensure!(order.events[0].kind() == Hedge::KIND, "no order: {:?}", order.events);
            orders.push(order.cycles());
            updates.push(desk.fill(session, &order)?.cycles());
        }
        let range = |cycles: &[u64]| {
            (cycles.iter().copied().min().unwrap_or_default(), cycles.iter().copied().max().unwrap_or_default())
        };
        let ranges = [&in_band, &refused, &orders].map(|cycles| range(cycles));
        for (what, cycles) in [("in band", in_band), ("refused at a gate", refused), ("sending an order", orders)] {
            self.figures.push(Figure::cycles(format!("quote {what}, {rows} rows"), QUOTE, cycles));
        }
        self.figures.push(Figure::cycles(format!("order update, {rows} rows"), None, updates));
        Ok(ranges)
    }

    /// Trades that find the ladder settled.
    fn trades(&mut self, session: &mut Session, desk: &mut Desk, band: &str) -> anyhow::Result<()> {
        // A trade's way through the ladder, node by node, is over long before.
        let settle = 256 * (self.parameters.sizes.intervals as u64 + 1);
        let mut cycles = Vec::new();
        for _ in 0..TRADES {
            let trade = desk.next_trade(session);
            cycles.push(expect(session.ask(trade)?, Reason::InBand)?.cycles());
            session.rest(settle)?;
        }
        self.figures.push(Figure::cycles(format!("trade to decision, {band}"), TRADE, cycles));
        Ok(())
    }
}

fn expect(answered: Answered, reason: Reason) -> anyhow::Result<Answered> {
    anyhow::ensure!(answered.reason() == Some(reason), "not {}: {:?}", reason.name(), answered.events);
    Ok(answered)
}

/// Cycles between answers.
fn spacing(answered: &[Answered]) -> Vec<u64> {
    answered.windows(2).map(|pair| pair[1].presented - pair[0].presented).collect()
}

fn text(report: &Report) -> String {
    let Report { engine, lanes, rows, intervals, underlyings, is_same_for_any_size, figures } = report;
    let mut text = format!(
        "simulated cycles ({engine}): {lanes} lanes, {rows} rows, {intervals} intervals, {underlyings} underlyings\n\n\
         {:42} {:>9} {:>9} {:>9}  {:14} {}\n",
        "", "min", "median", "max", "target", "unit"
    );
    for Figure { name, unit, min, median, max, target, is_met, is_aim_met, .. } in figures {
        let verdict = match (is_met, is_aim_met) {
            (Some(false), _) => ", MISSED",
            (Some(true), Some(false)) => ", met, aim missed",
            (Some(true), _) => ", met",
            (None, _) => "",
        };
        let target = match target {
            None => String::new(),
            Some(Target::AtMost { limit, aim }) => format!("<= {limit}{}", aim_text(*aim)),
            Some(Target::AtLeast { limit, aim }) => format!(">= {limit}{}", aim_text(*aim)),
        };
        let [min, median, max] = [min, median, max].map(|value| number(*value));
        let _ = writeln!(text, "{name:42} {min:>9} {median:>9} {max:>9}  {target:14} {unit}{verdict}");
    }
    let same = if *is_same_for_any_size { "the same" } else { "NOT the same" };
    let _ = writeln!(text, "\nquotes take {same} number of cycles for {SMALL_ROWS} rows and for {rows}");
    text
}

fn aim_text(aim: Option<f64>) -> String {
    aim.map_or_else(String::new, |aim| format!(" ({aim})"))
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_by_all_cycles_and_by_most_speeds() {
        let met = |figure: Figure| (figure.is_met, figure.is_aim_met);
        assert_eq!(met(Figure::cycles("", QUOTE, [20, 24, 32])), (Some(true), Some(false)));
        assert_eq!(met(Figure::cycles("", QUOTE, [20, 24, 33])), (Some(false), Some(false)));
        assert_eq!(met(Figure::cycles("", SAME, [16])), (Some(true), None));
        assert_eq!(met(Figure::new("", "", SPEED, vec![1e5, 2e6, 3e6])), (Some(true), Some(true)));
        assert_eq!(met(Figure::new("", "", SPEED, vec![2e5])), (Some(false), Some(false)));
    }

    #[test]
    fn a_figure_is_of_values_that_occurred() {
        let figure = Figure::cycles("", None, [5, 1, 9, 3]);
        assert_eq!((figure.count, figure.min, figure.median, figure.max), (4, 1.0, 5.0, 9.0));
    }
}
