//! `hedgewire-hdl verify`: drives kernel and card with the same commands and compares every event.

mod comparison;
mod latency;
mod spacing;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use hedgewire_kernel::Sizes;
use hedgewire_model::{Engine, Parameters};
use hedgewire_rtl::model::{Card, CardError, Setup, Trace};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::output;
use crate::source::{Generated, Journal, Source, Step};
use comparison::{Comparison, Difference};
use latency::{Latencies, Latency};
use spacing::{Spacing, Turn};

/// More events than any wait has.
const ANY_EVENTS: u64 = 1 << 32;
/// Cycles after the last event in which no other may come.
const SURPLUS_CYCLES: u64 = 1_000;
/// Sizes of `--full`.
const FULL: Sizes = Sizes { underlyings: 8, rows: 1_024, intervals: 256 };

/// Compares a card with the kernel, byte for byte; exit code 1 if an event differs.
///
/// Both are given the same commands: a seeded stream, weighted to where machines differ, or a journal.
/// The card gets them as fast as it takes them. On a difference: the command and both events, field by
/// field, and the signals around it as a VCD file.
#[derive(clap::Args)]
pub struct Arguments {
    /// What runs the card.
    #[arg(long, value_enum, default_value = "verilator")]
    engine: Engine,
    /// Lanes: 1, 2, 4, 8 or 16.
    #[arg(long, default_value = "2", value_parser = Parameters::parse_lanes)]
    lanes: usize,
    /// Slots for rows; a multiple of 64.
    #[arg(long, default_value_t = 256)]
    rows: usize,
    /// Most intervals of a ladder.
    #[arg(long, default_value_t = 16)]
    intervals: usize,
    /// Underlyings.
    #[arg(long, default_value_t = 3)]
    underlyings: usize,
    /// The sizes of a real card: 1024 rows, 256 intervals, 8 underlyings.
    #[arg(long, conflicts_with_all = ["rows", "intervals", "underlyings"])]
    full: bool,
    /// Commands; of a journal all, if not given, else 10000.
    #[arg(long)]
    commands: Option<u64>,
    /// Seed of commands, of how far apart they are fed, and of stalls.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The commands of this journal, with the sizes of the kernel that wrote it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rows", "intervals", "underlyings", "full"])]
    journal: Option<PathBuf>,
    /// Stalls both streams at random.
    #[arg(long)]
    stalls: bool,
    /// Feeds a command only when all before it have been answered: shows the latencies of an idle card.
    #[arg(long)]
    paced: bool,
    /// Resets the card so often, in the middle of whatever it does; each time it starts over with commands
    /// of another seed.
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "journal")]
    resets: u64,
    /// Goes on after the first difference, and counts them all.
    #[arg(long)]
    keep_going: bool,
    /// Where to put the waves of the first difference [default: verify-ENGINE-SEED.vcd].
    #[arg(long, value_name = "FILE")]
    vcd: Option<PathBuf>,
    /// Replaces one text of the emitted Verilog: shows that a broken card is found out.
    #[arg(long, value_name = "OLD=>NEW", value_parser = parse_sabotage)]
    sabotage: Option<(String, String)>,
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

fn parse_sabotage(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once("=>").filter(|(old, new)| !old.is_empty() && old != new);
    parts.map(|(old, new)| (old.to_owned(), new.to_owned())).ok_or_else(|| "OLD=>NEW, two different texts".into())
}

/// What came of it.
#[derive(Serialize)]
struct Report {
    commands: u64,
    events: u64,
    differences: u64,
    seed: u64,
    engine: &'static str,
    lanes: usize,
    rows: usize,
    intervals: usize,
    underlyings: usize,
    stalls: bool,
    resets: u64,
    cycles: u64,
    cycles_per_second: u64,
    quote_latency_cycles: Option<Latency>,
    quote_busy_latency_cycles: Option<Latency>,
    quote_exact_latency_cycles: Option<Latency>,
    trade_latency_cycles: Option<Latency>,
    first_difference: Option<String>,
    vcd: Option<PathBuf>,
}

/// What a run shows.
struct Outcome {
    commands: u64,
    events: u64,
    differences: u64,
    first_difference: Option<Difference>,
    latencies: Latencies,
    cycles: u64,
    elapsed: Duration,
}

/// Runs the command; false if the card differs.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let parameters = arguments.parameters()?;
    let commands = arguments.count()?;
    let bar = output::progress(arguments.quiet, "verifying");
    bar.set_length(commands);
    let outcome = arguments.compare(parameters, commands, None, &bar)?;
    bar.finish_and_clear();
    let vcd = match &outcome.first_difference {
        Some(difference) => Some(arguments.waves(parameters, commands, difference)?),
        None => None,
    };
    let is_equal = outcome.differences == 0;
    let report = arguments.report(parameters, outcome, vcd);
    output::print(&if arguments.json { serde_json::to_string(&report)? } else { text(&report) })?;
    Ok(is_equal)
}

impl Arguments {
    fn parameters(&self) -> anyhow::Result<Parameters> {
        let sizes = match &self.journal {
            Some(path) => Journal::open(path, 0).with_context(|| format!("cannot verify {}", path.display()))?.sizes(),
            None if self.full => FULL,
            None => Sizes { underlyings: self.underlyings, rows: self.rows, intervals: self.intervals },
        };
        Parameters { lanes: self.lanes, sizes }.checked()
    }

    fn count(&self) -> anyhow::Result<u64> {
        match (&self.journal, self.commands) {
            (_, Some(commands)) => Ok(commands),
            (None, None) => Ok(10_000),
            (Some(path), None) => Journal::count(path).with_context(|| format!("cannot verify {}", path.display())),
        }
    }

    /// The commands between two resets.
    fn source(&self, parameters: Parameters, turn: u64, commands: u64) -> anyhow::Result<Box<dyn Source>> {
        Ok(match &self.journal {
            Some(path) => Box::new(Journal::open(path, commands)?),
            None => Box::new(Generated::new(self.seed.wrapping_add(turn << 32), parameters.sizes, commands)),
        })
    }

    fn setup(&self, parameters: Parameters, trace: Option<Trace>) -> Setup {
        Setup { stalls: self.stalls.then_some(self.seed), patience: parameters.patience_cycles(), trace }
    }

    /// Runs kernel and card side by side. With `trace`: until the first difference and the end of the waves.
    fn compare(
        &self,
        parameters: Parameters,
        commands: u64,
        trace: Option<Trace>,
        bar: &ProgressBar,
    ) -> anyhow::Result<Outcome> {
        let end = trace.as_ref().map(|trace| trace.to + 1);
        let setup = self.setup(parameters, trace);
        let patience = setup.patience;
        let cache = self.cache.clone().unwrap_or_else(hedgewire_model::cache);
        let card = match &self.sabotage {
            None => hedgewire_model::start(parameters, self.engine, &cache, setup)?,
            Some((old, new)) => {
                let verilog = hedgewire_model::core_verilog(parameters);
                anyhow::ensure!(verilog.contains(old), "the Verilog has no {old:?} to replace");
                hedgewire_model::start_verilog(verilog.replacen(old, new, 1), self.engine, &cache, setup)?
            }
        };
        let mut run = Run { card, patience, elapsed: Duration::ZERO };
        let mut comparison = Comparison::new(self.keep_going && end.is_none());
        let mut spacing = if self.paced { Spacing::in_turn() } else { Spacing::drawn(self.seed) };
        'turns: for turn in 0..=self.resets {
            run.card.reset()?;
            comparison.restart();
            let share = commands * (turn + 1) / (self.resets + 1) - commands * turn / (self.resets + 1);
            let mut source = self.source(parameters, turn, share)?;
            loop {
                let Turn { wait, commands, is_in_turn } = spacing.next();
                let block = next_block(source.as_mut(), commands)?;
                if block.is_empty() {
                    break;
                }
                bar.inc(block.len() as u64);
                let is_enough = (wait > 0 && run.wait(wait, ANY_EVENTS, &mut comparison)?)
                    || run.feed(block, &mut comparison)?
                    || (is_in_turn && run.drain(&mut comparison)?);
                if is_enough {
                    break 'turns;
                }
            }
            // A reset comes in the middle of it all; the end does not.
            if turn == self.resets && !run.drain(&mut comparison)? {
                run.wait(SURPLUS_CYCLES, 1, &mut comparison)?;
            }
        }
        let cycles = run.card.cycle();
        if let Some(end) = end.filter(|&end| end > cycles) {
            run.card.wait(end - cycles, ANY_EVENTS, comparison.log())?;
        }
        let elapsed = run.elapsed;
        let Comparison { commands, events, differences, first_difference, latencies, .. } = comparison;
        Ok(Outcome { commands, events, differences, first_difference, latencies, cycles, elapsed })
    }

    /// Runs again from the start, and writes the signals around the difference.
    fn waves(&self, parameters: Parameters, commands: u64, difference: &Difference) -> anyhow::Result<PathBuf> {
        let default = || format!("verify-{}-{}.vcd", self.engine.name(), self.seed).into();
        let path = self.vcd.clone().unwrap_or_else(default);
        let (from, to) = difference.window;
        let trace = Trace { path: path.clone(), from, to };
        self.compare(parameters, commands, Some(trace), &ProgressBar::hidden())
            .context("the card differs, and its waves could not be written")?;
        Ok(path)
    }

    fn report(&self, parameters: Parameters, outcome: Outcome, vcd: Option<PathBuf>) -> Report {
        let Parameters { lanes, sizes: Sizes { underlyings, rows, intervals } } = parameters;
        let Outcome { commands, events, differences, first_difference, latencies, cycles, elapsed } = outcome;
        Report {
            commands,
            events,
            differences,
            seed: self.seed,
            engine: self.engine.name(),
            lanes,
            rows,
            intervals,
            underlyings,
            stalls: self.stalls,
            resets: self.resets,
            cycles,
            cycles_per_second: (cycles as f64 / elapsed.as_secs_f64().max(1e-9)) as u64,
            quote_latency_cycles: latencies.quote.summary(),
            quote_busy_latency_cycles: latencies.quote_busy.summary(),
            quote_exact_latency_cycles: latencies.quote_exact.summary(),
            trade_latency_cycles: latencies.trade.summary(),
            first_difference: first_difference.map(|difference| difference.to_string()),
            vcd,
        }
    }
}

/// A card at work, and the time that it takes.
struct Run {
    card: Box<dyn Card>,
    /// Cycles that it may be silent.
    patience: u64,
    elapsed: Duration,
}

impl Run {
    /// Feeds commands and compares what comes meanwhile; true if that is enough.
    fn feed(&mut self, block: Vec<Step>, comparison: &mut Comparison) -> Result<bool, CardError> {
        let words: Vec<_> = block.iter().map(|step| step.command.words()).collect();
        comparison.expect(block);
        let start = Instant::now();
        let fed = self.card.feed(&words, comparison.log());
        self.elapsed += start.elapsed();
        comparison.conclude(fed, self.card.cycle())
    }

    /// Lets the card run for `cycles`, or until `events` have come, and compares them.
    fn wait(&mut self, cycles: u64, events: u64, comparison: &mut Comparison) -> Result<bool, CardError> {
        let start = Instant::now();
        let waited = self.card.wait(cycles, events, comparison.log());
        self.elapsed += start.elapsed();
        comparison.conclude(waited, self.card.cycle())
    }

    /// Lets the card run until it has said what is due. What it has not said in time is missing.
    fn drain(&mut self, comparison: &mut Comparison) -> Result<bool, CardError> {
        while comparison.missing() > 0 {
            let before = comparison.missing();
            if self.wait(self.patience, 1, comparison)? {
                return Ok(true);
            }
            if comparison.missing() == before {
                comparison.end(self.card.cycle());
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn next_block(source: &mut dyn Source, most_commands: usize) -> anyhow::Result<Vec<Step>> {
    let mut block = Vec::with_capacity(most_commands);
    while block.len() < most_commands
        && let Some(step) = source.next()?
    {
        block.push(step);
    }
    Ok(block)
}

fn text(report: &Report) -> String {
    let Report { commands, events, differences, seed, engine, lanes, rows, intervals, underlyings, .. } = report;
    let mut text = format!(
        "{commands} commands, {events} events, {differences} differences\n\
         {engine}, {lanes} lanes, {rows} rows, {intervals} intervals, {underlyings} underlyings, seed {seed}{}{}\n\
         {} cycles, {} a second\n",
        if report.stalls { ", stalls" } else { "" },
        if report.resets > 0 { format!(", {} resets", report.resets) } else { String::new() },
        report.cycles,
        report.cycles_per_second
    );
    for (name, latency) in [
        ("quote", &report.quote_latency_cycles),
        ("quote behind other commands", &report.quote_busy_latency_cycles),
        ("quote by exact pass", &report.quote_exact_latency_cycles),
        ("trade", &report.trade_latency_cycles),
    ] {
        if let Some(latency) = latency {
            text += &format!("{name}: {latency}\n");
        }
    }
    if let Some(difference) = &report.first_difference {
        text += &format!("\nfirst difference, seed {seed}: {difference}\n");
    }
    if let Some(vcd) = &report.vcd {
        text += &format!("waves in {}\n", vcd.display());
    }
    text
}
