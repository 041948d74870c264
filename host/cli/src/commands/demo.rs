//! `hedgewire demo`: an hour of a simulated market, hedged; needs no data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hedgewire_host::journal::Writer;
use hedgewire_host::report::{Chart, Clock, Fact, Report, Section, Series};
use hedgewire_sim::demo::{self, CoinRun, Demo, DemoSettings};
use serde::Serialize;

use crate::Verdict;
use crate::output::{KernelForm, Output, table};
use crate::pictures;

/// The opening inventory is hedged in this time, s: its exposure would dwarf the rest of the picture.
const OPENING_S: f64 = 30.0;

/// Runs the embedded default: a seeded market drives a market maker in BTC and ETH options for one
/// simulated hour, hedged with perpetuals under a Whalley-Wilmott band.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seed of the market.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated minutes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// Form of the kernel.
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelForm,
    /// Where to write the report with pictures.
    #[arg(long, value_name = "FILE", default_value = "out/demo.html")]
    report: PathBuf,
    /// Record every command and event.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

/// What the JSON holds.
#[derive(Serialize)]
struct Summary<'a> {
    seed: u64,
    kernel: &'static str,
    quotes: u64,
    option_fills: u64,
    decisions: u64,
    hedges: u64,
    refusals: BTreeMap<&'static str, u64>,
    faults: u64,
    over_hedges: u64,
    pnl_hedged_usd: f64,
    pnl_unhedged_usd: f64,
    pnl_minute_sd_hedged_usd: f64,
    pnl_minute_sd_unhedged_usd: f64,
    hedge_cost_usd: f64,
    latency_ns: BTreeMap<&'static str, Latency>,
    report: &'a Path,
}

#[derive(Serialize)]
struct Latency {
    p50: u64,
    p99: u64,
    p999: u64,
    max: u64,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Verdict> {
    let mut settings = DemoSettings::new(arguments.seed, arguments.kernel.form()?);
    settings.market.duration_ns = arguments.minutes * 60_000_000_000;
    let sizes = demo::sizes(settings.market.coins.len());
    let journal = arguments.journal.as_ref().map(|path| Writer::create(path, sizes)).transpose()?;
    let bar = output.progress(0, "trading");
    let demo = demo::run(&settings, journal, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    write_report(&arguments.report, &report(&demo, arguments))?;
    let summary = summary(&demo, arguments, settings.form.name());
    output.print(&summary, |summary| text(summary, &demo))?;
    Ok(if demo.summary.over_hedges == 0 && demo.summary.faults == 0 { Verdict::Fine } else { Verdict::CheckFailed })
}

/// Writes a report, making its folder first.
pub fn write_report(path: &Path, report: &Report) -> anyhow::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    report.write(path).with_context(|| format!("cannot write the report {}", path.display()))
}

fn summary<'a>(demo: &Demo, arguments: &'a Arguments, kernel: &'static str) -> Summary<'a> {
    let s = &demo.summary;
    let latency = |h: &hdrhistogram::Histogram<u64>| Latency {
        p50: h.value_at_quantile(0.5),
        p99: h.value_at_quantile(0.99),
        p999: h.value_at_quantile(0.999),
        max: h.max(),
    };
    Summary {
        seed: arguments.seed,
        kernel,
        quotes: s.quotes,
        option_fills: s.option_fills,
        decisions: s.decisions,
        hedges: s.hedges,
        refusals: s.refusals.iter().map(|&(reason, count)| (reason.name(), count)).collect(),
        faults: s.faults,
        over_hedges: s.over_hedges,
        pnl_hedged_usd: s.hedged_usd,
        pnl_unhedged_usd: s.unhedged_usd,
        pnl_minute_sd_hedged_usd: s.hedged_deviation_usd,
        pnl_minute_sd_unhedged_usd: s.unhedged_deviation_usd,
        hedge_cost_usd: s.hedge_cost_usd,
        latency_ns: demo.kernel_latency.iter().map(|k| (k.kind, latency(&k.histogram))).collect(),
        report: &arguments.report,
    }
}

fn text(summary: &Summary, demo: &Demo) -> String {
    let mut text = format!(
        "{} quotes, {} option fills, {} decisions: {} hedges\n",
        summary.quotes, summary.option_fills, summary.decisions, summary.hedges
    );
    let reasons: Vec<String> = summary.refusals.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    text += &format!("not traded: {}\n", reasons.join(", "));
    text += &format!("over-hedges {}, faults {}\n\n", summary.over_hedges, summary.faults);
    text += &table(&risk_rows(&demo.coins));
    let pnl = [
        ["PnL", "final (USD)", "sd of a minute (USD)"].map(str::to_owned).to_vec(),
        vec!["hedged".into(), money(summary.pnl_hedged_usd), money(summary.pnl_minute_sd_hedged_usd)],
        vec!["unhedged".into(), money(summary.pnl_unhedged_usd), money(summary.pnl_minute_sd_unhedged_usd)],
        vec!["hedging cost".into(), money(summary.hedge_cost_usd)],
    ];
    let mut latency = vec![["kernel latency (ns)", "p50", "p99", "p99.9", "max"].map(str::to_owned).to_vec()];
    latency.extend(
        demo.kernel_latency
            .iter()
            .map(|k| std::iter::once(k.kind.to_owned()).chain(pictures::quantiles(&k.histogram)).collect()),
    );
    text += &format!("\n\n{}\n\n{}\n\nreport: {}\n", table(&pnl), table(&latency), summary.report.display());
    text
}

fn money(usd: f64) -> String {
    format!("{usd:.0}")
}

/// Risk of each coin at the end.
fn risk_rows(coins: &[CoinRun]) -> Vec<Vec<String>> {
    let heading = [
        "at the end",
        "price",
        "option delta",
        "gamma",
        "vega",
        "perpetual",
        "net delta",
        "band",
        "hedges",
        "cost (USD)",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(coins.iter().map(|coin| {
        let last = coin.samples.last().copied().unwrap_or_default();
        vec![
            coin.name.clone(),
            format!("{:.2}", last.price_usd),
            format!("{:.3}", last.option_delta_coin),
            format!("{:.3}", last.gamma_coin),
            format!("{:.3}", last.vega_coin),
            last.position_contracts.to_string(),
            format!("{:.3}", last.net_delta_coin),
            format!("{:.3}", last.band_coin),
            coin.hedges.len().to_string(),
            money(coin.hedge_cost_usd),
        ]
    }));
    rows
}

/// The report with pictures.
fn report(demo: &Demo, arguments: &Arguments) -> Report {
    let s = &demo.summary;
    let ratio = s.hedged_deviation_usd / s.unhedged_deviation_usd;
    let quote = demo.kernel_latency.iter().find(|k| k.kind == "quote");
    let mut facts = vec![
        Fact::new("hedges", s.hedges.to_string(), format!("of {} decisions", s.decisions)),
        Fact::new(
            "PnL, hedged",
            format!("{} USD", money(s.hedged_usd)),
            format!("unhedged {} USD", money(s.unhedged_usd)),
        ),
        Fact::new("risk left", format!("{:.0} %", ratio * 100.0), "sd of a minute's PnL, hedged over unhedged"),
        Fact::new("hedging cost", format!("{} USD", money(s.hedge_cost_usd)), "fees and slippage"),
        Fact::new("over-hedges", s.over_hedges.to_string(), "must be 0"),
    ];
    if let Some(quote) = quote {
        let p50 = quote.histogram.value_at_quantile(0.5);
        facts.push(Fact::new(
            "quote to decision",
            format!("{p50} ns"),
            "median on this machine, clock reading included",
        ));
    }
    let mut sections: Vec<Section> = demo.coins.iter().map(delta_section).collect();
    sections.extend([pnl_section(demo), cost_section(&demo.coins), latency_section(demo)]);
    sections.push(Section::chart(
        "Decisions not to trade",
        "Every evaluated no-trade has a reason.",
        pictures::refusals(s.refusals.iter().copied()),
    ));
    Report {
        title: "Hedgewire demo".into(),
        subtitle: format!(
            "{} minutes of a simulated market in BTC and ETH, seed {}",
            arguments.minutes, arguments.seed
        ),
        facts,
        sections,
    }
}

fn delta_section(coin: &CoinRun) -> Section {
    let seen = coin.samples.iter().filter(|sample| sample.seconds >= OPENING_S).map(|sample| pictures::Seen {
        time_s: sample.seconds,
        exposure: sample.net_delta_coin,
        half_band: sample.band_coin,
    });
    let hedges = coin.hedges.iter().filter(|hedge| hedge.seconds >= OPENING_S).map(|hedge| pictures::Hedged {
        time_s: hedge.seconds,
        exposure: hedge.net_delta_coin,
        contracts: hedge.contracts,
    });
    Section::chart(
        format!("{}: net delta inside its band", coin.name),
        format!(
            "Customers' trades and the market push the net delta about; where it leaves the no-trade band, a hedge \
             brings it back inside. The first {OPENING_S:.0} s, in which the opening inventory is hedged, are left out."
        ),
        pictures::band(format!("net delta ({})", coin.name), Clock::Elapsed, seen, hedges),
    )
}

fn pnl_section(demo: &Demo) -> Section {
    let total = demo.total();
    let hedged = Series::new("hedged", total.iter().map(|&(s, hedged, _)| (s, hedged)).collect());
    let unhedged = Series::new("unhedged", total.iter().map(|&(s, _, unhedged)| (s, unhedged)).collect());
    Section::chart(
        "Cumulative PnL",
        "Options at their Black-76 marks, hedges at the mid, after fees; unhedged is the same options without the hedges.",
        Chart::lines("PnL (USD)", Clock::Elapsed, vec![hedged, unhedged]),
    )
}

fn cost_section(coins: &[CoinRun]) -> Section {
    let series = coins.iter().map(|coin| {
        let points = coin.samples.iter().map(|s| (s.seconds, s.hedge_cost_usd)).collect();
        Series::stepped(coin.name.as_str(), points)
    });
    Section::chart(
        "Hedging cost",
        "Fees and slippage against the price at each decision.",
        Chart::lines("cost (USD)", Clock::Elapsed, series.collect()),
    )
}

fn latency_section(demo: &Demo) -> Section {
    let kinds = demo.kernel_latency.iter().map(|k| (k.kind, &k.histogram));
    Section::chart(
        "Latency of the kernel",
        "Measured on this machine, per command, each with one reading of the clock (20 to 30 ns) in it; a bank is all \
         commands that load it.",
        pictures::latency(kinds),
    )
}
