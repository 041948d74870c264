//! `hedgewire doctor`: what a colocated machine needs and this one has.

use std::path::PathBuf;

use hedgewire_host::doctor::{Finding, Verdict, examine};
use serde::Serialize;

use crate::output::Output;

/// Says what a machine needs for production and this one has, a line each, with what to do.
///
/// Changes nothing. Of a card it reads the registers of its identity, which needs root.
#[derive(clap::Args)]
pub struct Arguments {
    /// End with code 3 unless every finding is ok.
    #[arg(long)]
    strict: bool,
    /// Examine the machine whose /proc, /sys and /dev are below this folder.
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    root: PathBuf,
}

#[derive(Serialize)]
struct Report {
    ok: usize,
    missing: usize,
    unknown: usize,
    findings: Vec<Finding>,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<crate::Verdict> {
    let is_folder = arguments.root.is_dir();
    anyhow::ensure!(is_folder, "{} is no folder; give the one that holds proc and sys", arguments.root.display());
    let findings = examine(&arguments.root);
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (ok, missing, unknown) = (count(Verdict::Ok), count(Verdict::Missing), count(Verdict::Unknown));
    let report = Report { ok, missing, unknown, findings };
    output.print(&report, text)?;
    let fine = !arguments.strict || missing + unknown == 0;
    Ok(if fine { crate::Verdict::Fine } else { crate::Verdict::CheckFailed })
}

fn text(report: &Report) -> String {
    let name = |finding: &Finding| {
        let key = finding.key.replace('_', " ");
        finding.subject.as_ref().map_or(key.clone(), |subject| format!("{key} {subject}"))
    };
    let width = report.findings.iter().map(|finding| name(finding).chars().count()).max().unwrap_or(0);
    let line = |finding: &Finding| {
        let advice = finding.advice.as_ref().map_or(String::new(), |advice| format!(" -> {advice}"));
        format!("{:<7}  {:<width$}  {}{advice}", finding.verdict, name(finding), finding.found)
    };
    let lines: Vec<String> = report.findings.iter().map(line).collect();
    let (ok, missing, unknown) = (report.ok, report.missing, report.unknown);
    format!("{}\n\n{ok} ok, {missing} missing, {unknown} unknown", lines.join("\n"))
}
