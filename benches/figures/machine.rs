//! Where a figure comes from: CPU, governor, load, commit, seed and form. A figure without these cannot be compared.

use std::fmt;
use std::fs;
use std::process::Command;

use hedgewire_kernel::Form;
use serde_json::{Value, json};

use crate::scenario::SEED;

/// The header of a report.
#[derive(Debug)]
pub struct Header {
    cpu: String,
    pinned: Option<Core>,
    governor: String,
    load_average: String,
    git: String,
    form: Form,
}

/// The core that this thread is pinned to.
#[derive(Debug, Clone, Copy)]
pub struct Core {
    id: usize,
    /// Cores that there were to choose from.
    of: usize,
}

/// Pins this thread to `core`, or to the last one there is; returns which, if it worked.
pub fn pin(core: Option<usize>) -> Option<Core> {
    let cores = core_affinity::get_core_ids()?;
    let of = cores.len();
    let chosen = match core {
        Some(id) => cores.into_iter().find(|core| core.id == id)?,
        None => cores.into_iter().next_back()?,
    };
    core_affinity::set_for_current(chosen).then_some(Core { id: chosen.id, of })
}

impl Header {
    /// Reads what the system tells; what it does not is "unknown".
    pub fn read(pinned: Option<Core>, form: Form) -> Self {
        Self {
            cpu: cpu_model().unwrap_or_else(unknown),
            pinned,
            governor: governor(pinned).unwrap_or_else(unknown),
            load_average: first_words("/proc/loadavg", 3).unwrap_or_else(unknown),
            git: git_hash().unwrap_or_else(unknown),
            form,
        }
    }

    /// The same for machines.
    pub fn json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "pinned_core": self.pinned.map(|core| core.id),
            "cores": self.pinned.map(|core| core.of),
            "governor": self.governor,
            "load_average": self.load_average,
            "git": self.git,
            "seed": SEED,
            "form": self.form.name(),
            "kind": "measured on the CPU",
        })
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pinned =
            self.pinned.map_or("not pinned".to_string(), |core| format!("pinned to core {} of {}", core.id, core.of));
        writeln!(f, "cpu {}, {pinned}, governor {}", self.cpu, self.governor)?;
        writeln!(f, "load average at start {}", self.load_average)?;
        write!(f, "commit {}, seed {SEED}, kernel form {}", self.git, self.form.name())
    }
}

fn unknown() -> String {
    "unknown".to_string()
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

fn governor(core: Option<Core>) -> Option<String> {
    first_words(&format!("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", core.map_or(0, |core| core.id)), 1)
}

fn first_words(path: &str, count: usize) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.split_whitespace().take(count).collect::<Vec<_>>().join(" "))
}

/// The commit, with a plus sign where the tree differs from it.
fn git_hash() -> Option<String> {
    let hash = output("git", &["rev-parse", "--short=12", "HEAD"])?;
    let is_changed =
        output("git", &["status", "--porcelain", "--untracked-files=no"]).is_none_or(|text| !text.is_empty());
    Some(if is_changed { format!("{hash}+") } else { hash })
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
}
