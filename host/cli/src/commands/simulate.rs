//! `hedgewire simulate`: seeded Monte-Carlo of hedging strategies with the integer kernel.

use std::path::PathBuf;

use clap::ValueEnum;
use hedgewire_host::instrument::Right;
use hedgewire_sim::monte_carlo::{HeldOption, Outcome, Rule, Strategy, Study, record, simulate};
use serde::Serialize;

use crate::Verdict;
use crate::output::{KernelForm, Output, table};

/// Call or put, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OptionRight {
    Call,
    Put,
}

/// Simulates hedging a sold option under several rules, on common paths.
///
/// Every delta and every decision is the integer kernel's. Costs and deviations are in USD per option
/// on one coin.
#[derive(clap::Args)]
pub struct Arguments {
    /// Price at the start, USD.
    #[arg(long, default_value_t = 100.0)]
    price: f64,
    /// Strike, USD.
    #[arg(long, default_value_t = 100.0)]
    strike: f64,
    /// Call or put.
    #[arg(long, value_enum, default_value = "call")]
    right: OptionRight,
    /// Options sold, each on one coin.
    #[arg(long, default_value_t = 10)]
    quantity: u16,
    /// Time to expiry, days.
    #[arg(long, default_value_t = 30.0)]
    days: f64,
    /// Vol per root year.
    #[arg(long, default_value_t = 0.6)]
    vol: f64,
    /// Interest rate per year.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    rate: f64,
    /// Drift per year.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    drift: f64,
    /// Checks until expiry.
    #[arg(long, default_value_t = 720)]
    steps: u32,
    /// Paths.
    #[arg(long, default_value_t = 2000)]
    paths: usize,
    /// Cost of a hedge, basis points of its value.
    #[arg(long, default_value_t = 5.0)]
    cost_bp: f64,
    /// Seed of the paths.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Form of the kernel.
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelForm,
    /// Checks between trades, for the time rule; may be given several times.
    #[arg(long, value_name = "CHECKS", default_values_t = [1, 24, 72])]
    every: Vec<u32>,
    /// Half width of a fixed band, in delta per option.
    #[arg(long, value_name = "DELTA", default_values_t = [0.05, 0.1])]
    fixed: Vec<f64>,
    /// Half width of a gamma band, as a move of the log price.
    #[arg(long, value_name = "MOVE", default_values_t = [0.02])]
    gamma: Vec<f64>,
    /// Risk aversion per USD, of a Whalley-Wilmott band for one option.
    #[arg(long, value_name = "AVERSION", default_values_t = [0.1, 1.0])]
    whalley_wilmott: Vec<f64>,
    /// Where a band rule hedges to: 0 the target, 1 the edge of the band.
    #[arg(long, default_value_t = 1.0)]
    exit: f64,
    /// Record every command and event of the first paths, one strategy after the other; the file must
    /// not exist.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Paths in the journal, at most 2000. The rows of a check serve all of them: at the defaults a
    /// strategy has some 7 MB of rows, and 0.2 MB more for each path.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "journal")]
    journal_paths: usize,
}

/// One strategy in the JSON.
#[derive(Serialize)]
struct Row {
    name: String,
    premium: f64,
    pnl_mean: f64,
    pnl_mean_error: f64,
    pnl_sd: f64,
    pnl_sd_error: f64,
    skew: f64,
    kurtosis: f64,
    cost: f64,
    trades: f64,
}

#[derive(Serialize)]
struct Report {
    paths: usize,
    steps: u32,
    seed: u64,
    strategies: Vec<Row>,
}

impl Arguments {
    fn study(&self) -> Study {
        Study {
            options: vec![HeldOption {
                strike_usd: self.strike,
                right: if self.right == OptionRight::Call { Right::Call } else { Right::Put },
                quantity: -i32::from(self.quantity),
            }],
            price_usd: self.price,
            tau_years: self.days / 365.0,
            vol: self.vol,
            rate: self.rate,
            drift: self.drift,
            steps: self.steps,
            paths: self.paths,
            cost: self.cost_bp * 1e-4,
            cost_at_start: true,
        }
    }

    fn strategies(&self, study: &Study) -> Vec<Strategy> {
        let options = f64::from(self.quantity);
        let time = self.every.iter().map(|&every| (format!("every {every} checks"), Rule::Time { every }, 0.0));
        let fixed = self.fixed.iter().map(|&delta| {
            (format!("band {delta} delta"), Rule::FixedBand { half_band_coin: delta * options }, self.exit)
        });
        let gamma = self
            .gamma
            .iter()
            .map(|&log_move| (format!("gamma, move {log_move}"), Rule::GammaBand { log_move }, self.exit));
        let whalley_wilmott = self.whalley_wilmott.iter().map(|&aversion| {
            let rule = Rule::WhalleyWilmott { risk_aversion_per_usd: aversion / options };
            (format!("Whalley-Wilmott {aversion}"), rule, self.exit)
        });
        let all = time.chain(fixed).chain(gamma).chain(whalley_wilmott);
        all.map(|(name, rule, exit)| Strategy::new(name, rule, exit, study)).collect()
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Verdict> {
    anyhow::ensure!(arguments.quantity > 0, "--quantity must be at least 1");
    let study = arguments.study();
    let strategies = arguments.strategies(&study);
    let form = arguments.kernel.form()?;
    let recorded_usd = match &arguments.journal {
        Some(path) => record(&study, &strategies, arguments.seed, form, arguments.journal_paths, path)?,
        None => Vec::new(),
    };
    let bar = output.progress(strategies.len() as u64, "simulating");
    let mut rows = Vec::with_capacity(strategies.len());
    for (at, strategy) in strategies.into_iter().enumerate() {
        let outcomes = simulate(&study, &[strategy], arguments.seed, form)?;
        for outcome in &outcomes {
            let is_recorded = recorded_usd.get(at).is_none_or(|pnl_usd| outcome.pnl_usd.starts_with(pnl_usd));
            anyhow::ensure!(is_recorded, "the journal has other decisions of {} than the study", outcome.name);
            rows.push(row(outcome, f64::from(arguments.quantity)));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = Report { paths: arguments.paths, steps: arguments.steps, seed: arguments.seed, strategies: rows };
    output.print(&report, text)?;
    Ok(Verdict::Fine)
}

fn row(outcome: &Outcome, options: f64) -> Row {
    let pnl = &outcome.pnl;
    Row {
        name: outcome.name.clone(),
        premium: outcome.premium_usd / options,
        pnl_mean: pnl.mean / options,
        pnl_mean_error: pnl.mean_error() / options,
        pnl_sd: pnl.deviation / options,
        pnl_sd_error: pnl.deviation_error() / options,
        skew: pnl.skewness,
        kurtosis: pnl.excess_kurtosis,
        cost: outcome.cost_mean_usd / options,
        trades: outcome.trades_mean,
    }
}

fn text(report: &Report) -> String {
    let heading = ["strategy", "mean", "+-", "sd", "+-", "skew", "kurtosis", "cost", "trades"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(report.strategies.iter().map(|s| {
        let small = [s.pnl_mean, s.pnl_mean_error, s.pnl_sd, s.pnl_sd_error].map(|value| format!("{value:.4}"));
        let rest = [
            format!("{:.2}", s.skew),
            format!("{:.2}", s.kurtosis),
            format!("{:.4}", s.cost),
            format!("{:.1}", s.trades),
        ];
        std::iter::once(s.name.clone()).chain(small).chain(rest).collect()
    }));
    let premium = report.strategies.first().map_or(0.0, |s| s.premium);
    let (paths, steps, seed) = (report.paths, report.steps, report.seed);
    format!("{paths} paths of {steps} checks, seed {seed}; premium {premium:.4}; USD per option\n\n{}", table(&rows))
}
