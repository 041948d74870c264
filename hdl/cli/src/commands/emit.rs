//! `hedgewire-hdl emit`: the card as files for a toolchain.
//!
//! | file | what |
//! |---|---|
//! | `card.v` | all of it, top module `card` |
//! | `card.lpf` | clock constraint for ECP5 (nextpnr) |
//! | `card.xdc` | clock constraint for UltraScale+ (Vivado) |
//! | `build.json` | what was built: layout hash, parameters, commit |
//! | `blocks.md` | blocks, their latencies and intervals |

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use hedgewire_abi::{LAYOUT_HASH, VERSION};
use hedgewire_kernel::Sizes;
use hedgewire_model::{Parameters, card_verilog};
use serde::Serialize;

use crate::output;

mod blocks;

/// Clock of the ECP5 build, MHz.
const ECP5_MHZ: f64 = 180.0;
/// Clock of the UltraScale+ build, MHz.
const ULTRASCALE_MHZ: f64 = 250.0;

/// Writes the card's Verilog, constraints, build identification and block table.
#[derive(clap::Args)]
pub struct Arguments {
    /// Lanes: 1, 2, 4, 8 or 16.
    #[arg(long, default_value = "2", value_parser = Parameters::parse_lanes)]
    lanes: usize,
    /// Slots for rows; a multiple of 64.
    #[arg(long, default_value_t = 1_024)]
    rows: usize,
    /// Most intervals of a ladder; it has one node more.
    #[arg(long, visible_alias = "nodes", default_value_t = 256)]
    intervals: usize,
    /// Underlyings.
    #[arg(long, default_value_t = 8)]
    underlyings: usize,
    /// Folder to write to; it is made.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Leave out the commit: the same source then gives the same files, whichever commit it is.
    #[arg(long)]
    anonymous: bool,
}

/// What was built.
#[derive(Serialize)]
struct Build {
    version: &'static str,
    record_version: u8,
    layout_hash: String,
    lanes: usize,
    rows: usize,
    intervals: usize,
    underlyings: usize,
    /// Of the sources, where they are a git checkout; `-dirty` with changes that are not committed.
    git_commit: Option<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { lanes, rows, intervals, underlyings, out, anonymous } = arguments;
    let sizes = Sizes { underlyings: *underlyings, rows: *rows, intervals: *intervals };
    let parameters = Parameters { lanes: *lanes, sizes }.checked()?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let commit = if *anonymous { None } else { git_commit(Path::new(env!("CARGO_MANIFEST_DIR"))) };
    let build = Build {
        version: env!("CARGO_PKG_VERSION"),
        record_version: VERSION,
        layout_hash: format!("{LAYOUT_HASH:#018x}"),
        lanes: *lanes,
        rows: *rows,
        intervals: *intervals,
        underlyings: *underlyings,
        git_commit: commit.clone(),
    };
    let files = [
        ("card.v", card_verilog(parameters, build_bytes(commit.as_deref()))),
        ("card.lpf", format!("FREQUENCY PORT \"clock\" {ECP5_MHZ} MHZ;\n")),
        ("card.xdc", format!("create_clock -name clock -period {:.3} [get_ports clock]\n", 1e3 / ULTRASCALE_MHZ)),
        ("build.json", serde_json::to_string_pretty(&build)? + "\n"),
        ("blocks.md", blocks::table()),
    ];
    for (name, text) in &files {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    output::print(&format!("{}: {}", out.display(), names.join(", ")))
}

/// What the card's build registers show: the first eight bytes of the commit, and zeros where there is none.
fn build_bytes(commit: Option<&str>) -> [u8; 8] {
    let digits = commit.and_then(|commit| commit.get(..16)).unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or(0).to_be_bytes()
}

/// The commit of the checkout around a folder.
fn git_commit(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let is_dirty = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if is_dirty { commit + "-dirty" } else { commit })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What RustHDL forces: it writes masks and indices with 32 or 64 bits, whatever they are applied to, and a
    /// record is passed whole where a part of it is read.
    const WAIVERS: [&str; 2] = ["-Wno-WIDTH", "-Wno-UNUSEDSIGNAL"];

    #[test]
    fn the_card_passes_the_lint() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sizes = Sizes { underlyings: 2, rows: 128, intervals: 8 };
        let card = card_verilog(Parameters { lanes: 2, sizes }, [0; 8]);
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file is written");
        write("card.v", &card);
        // Read as a library, which may hold more than the module that it is named after.
        write("none.v", "");
        let mut lint = Command::new("verilator");
        lint.args(["--lint-only", "-Wall"]).args(WAIVERS).args(["--top-module", "card", "-v", "card.v", "none.v"]);
        let Ok(output) = lint.current_dir(folder.path()).output() else {
            println!("SKIPPED: verilator is not installed; the card was not linted");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with('%')).collect();
        assert!(output.status.success() && warnings.is_empty(), "{}", warnings.join("\n"));
    }

    /// The only part of the boards' shells that is Verilog of ours.
    #[test]
    fn the_window_of_the_alveo_shell_passes_the_lint() {
        let window = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards/u50/window.v");
        let mut lint = Command::new("verilator");
        let Ok(output) = lint.args(["--lint-only", "-Wall", "--top-module", "window"]).arg(window).output() else {
            println!("SKIPPED: verilator is not installed; the window of the Alveo shell was not linted");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn the_build_registers_show_the_start_of_the_commit() {
        assert_eq!(
            build_bytes(Some("52c56fc5dfa402e4da7c442d8ad2f4bc682d7f09-dirty")),
            0x52c5_6fc5_dfa4_02e4u64.to_be_bytes()
        );
        assert_eq!(build_bytes(None), [0; 8]);
    }
}
