//! `hedgewire replay`: a capture through decoder, books, kernel and fill model.

use std::path::PathBuf;

use hedgewire_abi::Reason;
use hedgewire_host::card::{Address, Change, Session};
use hedgewire_host::config::Plan;
use hedgewire_host::driver::{Driver, DriverError, Stage};
use hedgewire_host::journal::Writer;
use hedgewire_host::replay::{
    Options, Progress, Replay, ReplayError, ReplaySummary, UnderlyingResult, replay, replay_with,
};
use hedgewire_host::report::{Chart, Clock, Column, Fact, Report, Section, Series, Table};
use hedgewire_kernel::Kernel;

use super::demo::write_report;
use crate::Verdict;
use crate::output::{KernelForm, Output, table};
use crate::pictures;

/// Replays a market-data capture through decoder, order books, kernel and fill model.
///
/// Exit code 3 if the capture has framing errors or breaks off.
#[derive(clap::Args)]
pub struct Arguments {
    /// Capture, .pcap or .pcapng.
    capture: PathBuf,
    /// Configuration, TOML; host/examples holds samples.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Form of the kernel.
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelForm,
    /// Record every command and event; the file must not exist.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Let a card answer, as vfio:SLOT, sysfs:SLOT or vfio-user:PATH; the CPU takes over when it fails, as the table card of the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    card: Option<Address>,
    /// Write a report with pictures.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Verdict> {
    let plan = Plan::load(&arguments.config)?;
    let options = Options { form: arguments.kernel.form()?, journal: arguments.journal.as_deref() };
    let bar = output.progress(0, "replaying");
    let mut show = |progress: Progress| {
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.done_bytes);
    };
    let replay = match &arguments.card {
        Some(card) => replay_with(&arguments.capture, &plan, || card_driver(card, &plan, &options), &mut show)?,
        None => replay(&arguments.capture, &plan, &options, &mut show)?,
    };
    bar.finish_and_clear();
    if let Some(path) = &arguments.report {
        write_report(path, &report(&replay))?;
    }
    output.print(&replay.summary, text)?;
    let is_whole = replay.summary.framing_errors == 0 && replay.capture_error.is_none();
    Ok(if is_whole { Verdict::Fine } else { Verdict::CheckFailed })
}

/// A driver of the card at `address`, with the CPU behind it. Each change of who answers is said on standard error,
/// with its time and reason.
fn card_driver(address: &Address, plan: &Plan, options: &Options<'_>) -> Result<Driver, ReplayError> {
    let slots = 1 << plan.card.card.ring_size_log2;
    let connect = {
        let address = address.clone();
        // What it is also says what a degraded way gives up.
        Box::new(move || address.connect(slots).inspect(|card| eprintln!("hedgewire: reached {}", card.name())))
    };
    let said = address.to_string();
    let observer = Box::new(move |change: &Change| eprintln!("hedgewire: {said}: {change}"));
    let session = Session::open(Kernel::new(plan.sizes, options.form), plan.card, connect, observer);
    let session = session.map_err(DriverError::from)?;
    let journal = options.journal.map(|path| Writer::create(path, plan.sizes)).transpose()?;
    Ok(Driver::with_card(session, journal))
}

fn text(summary: &ReplaySummary) -> String {
    let s = summary;
    let listed = |counts: &std::collections::BTreeMap<&'static str, u64>| {
        let nonzero = counts.iter().filter(|(_, count)| **count > 0);
        nonzero.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "{} packets in {:.1} s on {} channels, {} framing errors, {} gaps ({} packets lost)\nmessages: {}\n",
        s.packets,
        s.duration_s,
        s.channels,
        s.framing_errors,
        s.gaps,
        s.lost_packets,
        listed(&s.messages)
    );
    if let Some(error) = &s.capture_error {
        text += &format!("the capture ends early: {error}\n");
    }
    text += &format!(
        "{} quotes, {} own fills, {} banks, {} decisions: {} hedges, {} faults\nnot traded: {}\n",
        s.quotes,
        s.own_fills,
        s.banks,
        s.decisions,
        s.hedges,
        s.faults,
        listed(&s.refusals)
    );
    for u in s.underlyings.iter().filter(|u| u.steep_rows > 0) {
        let (coin, rows, step) = (&u.coin, u.steep_rows, u.ladder_step_ticks);
        text += &format!("{coin}: up to {rows} options too steep for a ladder's step of {step} ticks\n");
    }
    text += &format!("\n{}\n\n{}\n", table(&underlying_rows(summary)), table(&latency_rows(summary)));
    text
}

fn underlying_rows(summary: &ReplaySummary) -> Vec<Vec<String>> {
    let heading = [
        "hedge",
        "held",
        "quotes",
        "hedges",
        "traded",
        "position",
        "price",
        "profit",
        "fees",
        "slippage",
        "error bound",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(summary.underlyings.iter().map(|u| {
        vec![
            u.hedge_instrument.clone(),
            u.holdings.to_string(),
            u.quotes.to_string(),
            u.hedges.to_string(),
            u.traded_contracts.to_string(),
            u.position_contracts.to_string(),
            format!("{:.2}", u.price_usd),
            format!("{:.6} {}", u.hedge_profit, u.currency),
            format!("{:.6}", u.fees),
            format!("{:.6}", u.slippage),
            format!("{:.4} contracts", u.error_bound_contracts),
        ]
    }));
    rows
}

fn latency_rows(summary: &ReplaySummary) -> Vec<Vec<String>> {
    let heading = ["latency (ns)", "count", "p50", "p99", "p99.9", "max"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(summary.latency_ns.iter().map(|(stage, l)| {
        let cells = [l.count, l.p50, l.p99, l.p999, l.max].map(|value| value.to_string());
        std::iter::once((*stage).to_owned()).chain(cells).collect()
    }));
    rows
}

/// The report with pictures.
fn report(replay: &Replay) -> Report {
    let s = &replay.summary;
    let facts = vec![
        Fact::new("packets", s.packets.to_string(), format!("{} framing errors, {} gaps", s.framing_errors, s.gaps)),
        Fact::new("quotes", s.quotes.to_string(), format!("{} decisions", s.decisions)),
        Fact::new("hedges", s.hedges.to_string(), format!("{} faults", s.faults)),
        Fact::new("own option fills", s.own_fills.to_string(), "taken from public trades, by rule"),
    ];
    let mut sections: Vec<Section> = Vec::new();
    for underlying in &replay.underlyings {
        sections.extend([delta_section(underlying), cost_section(underlying)]);
    }
    let stages = Stage::ALL.iter().map(|&stage| (stage.name(), replay.latencies.of(stage)));
    sections.push(Section::chart(
        "Latency by stage",
        "Measured on this machine, each with one reading of the clock in it.",
        pictures::latency(stages),
    ));
    let reasons = Reason::ALL.iter().filter_map(|&reason| Some((reason, *s.refusals.get(reason.name())?)));
    sections.push(Section::chart(
        "Decisions not to trade",
        "Every evaluated no-trade has a reason.",
        pictures::refusals(reasons),
    ));
    let holdings = replay.underlyings.iter().flat_map(|u| {
        u.holdings.iter().map(|(name, quantity)| vec![u.coin.clone(), name.clone(), format!("{quantity}")])
    });
    let columns = vec![Column::text("coin"), Column::text("instrument"), Column::number("quantity")];
    sections.push(Section::table("Held at the end", "", Table { columns, rows: holdings.collect() }));
    Report {
        title: "Hedgewire replay".into(),
        subtitle: format!("{:.1} s of captured market data", s.duration_s),
        facts,
        sections,
    }
}

fn seconds(time_ns: u64) -> f64 {
    time_ns as f64 / 1e9
}

fn delta_section(underlying: &UnderlyingResult) -> Section {
    let seen = underlying.points.iter().map(|point| pictures::Seen {
        time_s: seconds(point.time_ns),
        exposure: point.exposure_contracts,
        half_band: point.band_contracts,
    });
    let hedges = underlying.hedges.iter().map(|hedge| pictures::Hedged {
        time_s: seconds(hedge.time_ns),
        exposure: hedge.exposure_contracts,
        contracts: hedge.contracts,
    });
    Section::chart(
        format!("{}: net exposure inside its band", underlying.coin),
        format!("In contracts of {}.", underlying.hedge_name),
        pictures::band("net exposure (contracts)".to_owned(), Clock::Utc, seen, hedges),
    )
}

fn cost_section(underlying: &UnderlyingResult) -> Section {
    let points = underlying.points.iter().map(|p| (seconds(p.time_ns), p.cost_coin)).collect();
    Section::chart(
        format!("{}: hedging cost", underlying.coin),
        "Fees and slippage against the price at each decision.",
        Chart::lines(format!("cost ({})", underlying.coin), Clock::Utc, vec![Series::stepped("cost", points)]),
    )
    .half()
}
