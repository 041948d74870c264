//! `hedgewire greeks`: the kernel's Greeks beside the venue's for every option of a snapshot.

use std::path::PathBuf;

use anyhow::Context;
use hedgewire_host::chain::read_snapshot;
use hedgewire_host::greeks::{Compared, Distribution, Summary, compare};

use crate::Verdict;
use crate::output::{KernelForm, Output, table};

/// Compares the kernel's Greeks of an option chain with the venue's and with float64.
#[derive(clap::Args)]
pub struct Arguments {
    /// Chain snapshot, .csv or .csv.gz.
    chain: PathBuf,
    /// Form of the kernel.
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelForm,
    /// Also list the options whose delta differs most from the venue's.
    #[arg(long, value_name = "N", default_value_t = 0)]
    worst: usize,
    /// Record every command and event of the kernel that is asked; the file must not exist.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Verdict> {
    let snapshot = read_snapshot(&arguments.chain)?;
    let options = compare(&snapshot, arguments.kernel.form()?, arguments.journal.as_deref())
        .with_context(|| format!("cannot evaluate {}", arguments.chain.display()))?;
    for bad in snapshot.bad.iter().take(5) {
        eprintln!("line {}: {}", bad.line, bad.reason);
    }
    if snapshot.bad.len() > 5 {
        eprintln!("... and {} more lines that hold no row", snapshot.bad.len() - 5);
    }
    output.print(&Summary::of(&options), |summary| text(summary, &options, arguments.worst))?;
    Ok(Verdict::Fine)
}

fn text(summary: &Summary, options: &[Compared], worst: usize) -> String {
    let row = |name: &str, d: &Distribution| {
        [name.to_owned(), format!("{:.2e}", d.median), format!("{:.2e}", d.p99), format!("{:.2e}", d.max)].to_vec()
    };
    let heading = ["difference", "median", "p99", "max"].map(str::to_owned).to_vec();
    let rows = [
        heading,
        row("delta, kernel - venue", &summary.delta_abs_diff),
        row("mark, kernel - venue (coin)", &summary.mark_abs_diff),
        row("vega, kernel / venue - 1", &summary.vega_rel_diff),
        row("delta, kernel - float64", &summary.delta_f64_abs_diff),
        row("mark, kernel - float64 (coin)", &summary.mark_f64_abs_diff),
    ];
    format!("{} options with a vol and a mark\n\n{}\n{}", summary.options, table(&rows), list(options, worst))
}

/// The options whose delta differs most from the venue's.
fn list(options: &[Compared], worst: usize) -> String {
    let difference = |o: &Compared| o.venue.delta.map_or(0.0, |delta| (o.kernel.delta - delta).abs());
    let mut sorted: Vec<&Compared> = options.iter().collect();
    sorted.sort_by(|a, b| difference(b).total_cmp(&difference(a)));
    let mut rows = vec![["option", "delta", "venue", "mark", "venue", "vega", "venue"].map(str::to_owned).to_vec()];
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.5}"));
    rows.extend(sorted.iter().take(worst).map(|o| {
        let (kernel, venue) = (&o.kernel, &o.venue);
        let pairs =
            [(kernel.delta, venue.delta), (kernel.mark_coin, venue.mark_coin), (kernel.vega_usd, venue.vega_usd)];
        let cells = pairs.iter().flat_map(|&(ours, theirs)| [number(Some(ours)), number(theirs)]);
        std::iter::once(o.name.clone()).chain(cells).collect()
    }));
    if worst == 0 { String::new() } else { format!("\n{}\n", table(&rows)) }
}
