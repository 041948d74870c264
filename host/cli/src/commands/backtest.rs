//! `hedgewire backtest`: real option chains hedged from snapshot to snapshot.

use std::path::PathBuf;

use hedgewire_host::backtest::{self, BacktestReport, BacktestSettings, History};

use crate::Verdict;
use crate::output::{KernelForm, Output, table};

/// Hedges consecutive chain snapshots interval by interval.
///
/// First every option alone, with the kernel's net transaction delta and with the Black-Scholes
/// delta; then seeded portfolios under four rules of hedging, compared at equal cost.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of chain snapshots, with the prices of perpetuals and dated futures beside them.
    folder: PathBuf,
    /// Form of the kernel.
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelForm,
    /// Portfolios per coin.
    #[arg(long, default_value_t = 16)]
    portfolios: usize,
    /// Seed of the portfolios.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cost of a hedge, basis points of its value.
    #[arg(long, default_value_t = 5.0)]
    cost_bp: f64,
    /// Also print every point behind the comparison of rules.
    #[arg(long)]
    points: bool,
    /// Record the kernel that hedges the first portfolio under the Whalley-Wilmott rule.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Verdict> {
    anyhow::ensure!(
        arguments.cost_bp >= 0.0 && arguments.cost_bp.is_finite(),
        "--cost-bp {} must be 0 or more",
        arguments.cost_bp
    );
    anyhow::ensure!(arguments.portfolios > 0, "--portfolios must be at least 1");
    let reading = output.progress(0, "reading");
    let history = History::read(&arguments.folder, |done, all| {
        reading.set_length(all as u64);
        reading.set_position(done as u64);
    })?;
    reading.finish_and_clear();
    let settings = BacktestSettings {
        portfolios: arguments.portfolios,
        seed: arguments.seed,
        cost: arguments.cost_bp * 1e-4,
        form: arguments.kernel.form()?,
    };
    let hedging = output.progress(0, "hedging");
    let report = backtest::run(&history, &settings, arguments.journal.as_deref(), |done, all| {
        hedging.set_length(all as u64);
        hedging.set_position(done as u64);
    })?;
    hedging.finish_and_clear();
    output.print(&report, |report| text(report, arguments.points))?;
    Ok(Verdict::Fine)
}

fn text(report: &BacktestReport, points: bool) -> String {
    let heading = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
    let mut residuals =
        vec![heading(&["residual sd (coin)", "unhedged", "net transaction delta", "Black-Scholes delta"])];
    residuals.extend(report.residual_sd.iter().map(|(kind, sd)| {
        let cells = [sd.unhedged, sd.ntd, sd.bs].map(|sd| format!("{sd:.3e}"));
        std::iter::once(kind.replace('_', " ")).chain(cells).collect()
    }));
    let mut bands = vec![heading(&["rule at equal cost", "cost (USD)", "error sd (USD)"])];
    bands.extend(report.bands.iter().map(|(rule, result)| {
        vec![rule.replace('_', "-"), format!("{:.2}", result.cost), format!("{:.2}", result.sd)]
    }));
    let mut text = format!(
        "{} snapshots, {} option intervals\n\n{}\n\n{}\n",
        report.snapshots,
        report.option_intervals,
        table(&residuals),
        table(&bands)
    );
    if points {
        let mut rows = vec![heading(&["point", "cost (USD)", "error sd (USD)", "profit sd (USD)", "hedges"])];
        rows.extend(report.frontiers.values().flatten().map(|point| {
            let cells = [point.cost, point.sd, point.profit_sd, point.hedges].map(|value| format!("{value:.2}"));
            std::iter::once(format!("{:?}", point.rule)).chain(cells).collect()
        }));
        text += &format!("\n{}\n", table(&rows));
    }
    text
}
