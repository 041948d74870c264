//! Cores, their clock and their features.

use super::{Finding, Machine, Unreadable, finding};
use crate::card::window::WideStores;

pub fn examine(machine: Machine) -> Vec<Finding> {
    vec![
        finding("isolated_cores", || {
            let advice = "keep cores for the engine: isolcpus=managed_irq,domain,CORES on the kernel's command line";
            cores(machine, "isolated_cores", "sys/devices/system/cpu/isolated", advice)
        }),
        finding("nohz_full", || {
            let advice =
                "stop the timer on the engine's cores: nohz_full=CORES rcu_nocbs=CORES on the kernel's command line";
            cores(machine, "nohz_full", "sys/devices/system/cpu/nohz_full", advice)
        }),
        finding("clock_source", || clock_source(machine)),
        finding("rt_throttling", || rt_throttling(machine)),
        finding("frequency_governor", || frequency_governor(machine)),
        finding("cpu_features", || cpu_features(machine)),
        finding("irqbalance", || irqbalance(machine)),
    ]
}

/// A list of cores that is there and not empty.
fn cores(machine: Machine, key: &'static str, path: &str, advice: &str) -> Result<Finding, Unreadable> {
    // A kernel that was built without the feature has no file; one that has it prints (null) for no core.
    let list = machine.read(path)?.filter(|list| !list.is_empty() && list != "(null)");
    Ok(match list {
        Some(list) => Finding::ok(key, format!("cores {list}")),
        None => Finding::missing(key, "no core", advice),
    })
}

fn clock_source(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "clock_source";
    let found = machine.read("sys/devices/system/clocksource/clocksource0/current_clocksource")?;
    Ok(match found.as_deref() {
        Some("tsc") => Finding::ok(KEY, "tsc"),
        Some(other) => Finding::missing(
            KEY,
            other,
            "every time stamp is a system call or slower: clocksource=tsc tsc=reliable on the kernel's command line, if \
             its log does not call the TSC unstable",
        ),
        None => Finding::unknown(KEY, "the kernel names none", "look for the clocksource in the kernel's log"),
    })
}

/// What a thread that spins under SCHED_FIFO loses.
fn rt_throttling(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "rt_throttling";
    let number = |name: &str| -> Result<Option<i64>, Unreadable> {
        Ok(machine.read(&format!("proc/sys/kernel/{name}"))?.and_then(|text| text.parse().ok()))
    };
    let period_us = number("sched_rt_period_us")?.unwrap_or(1_000_000);
    Ok(match number("sched_rt_runtime_us")? {
        Some(runtime_us) if runtime_us < 0 || runtime_us >= period_us => Finding::ok(KEY, "off"),
        Some(runtime_us) => Finding::missing(
            KEY,
            format!("a spinning SCHED_FIFO thread stops for {} us every {period_us} us", period_us - runtime_us),
            "sysctl kernel.sched_rt_runtime_us=-1, or spin under SCHED_OTHER on an isolated core",
        ),
        None => Finding::unknown(KEY, "the kernel does not say", "spin under SCHED_OTHER on an isolated core"),
    })
}

fn frequency_governor(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "frequency_governor";
    let is_core = |name: &&String| name.strip_prefix("cpu").is_some_and(|number| number.parse::<u32>().is_ok());
    let folder = "sys/devices/system/cpu";
    let mut slow = Vec::new();
    let mut cores = 0;
    for core in machine.list(folder)?.iter().filter(is_core) {
        let Some(governor) = machine.read(&format!("{folder}/{core}/cpufreq/scaling_governor"))? else { continue };
        cores += 1;
        if governor != "performance" {
            slow.push(format!("{core} {governor}"));
        }
    }
    Ok(match (cores, slow.is_empty()) {
        (0, _) => Finding::unknown(
            KEY,
            "the kernel does not govern it",
            "switch power saving off in the firmware; in a virtual machine, on its host",
        ),
        (_, true) => Finding::ok(KEY, format!("performance on {cores} cores")),
        (_, false) => Finding::missing(KEY, slow.join(", "), "cpupower frequency-set --governor performance"),
    })
}

/// Features of the first core; all cores of a machine have the same.
pub fn flags(machine: Machine) -> Result<Option<Vec<String>>, Unreadable> {
    let text = machine.read("proc/cpuinfo")?.unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("flags"));
    let words = line.and_then(|line| line.split_once(':')).map(|(_, flags)| flags.split_whitespace());
    Ok(words.map(|words| words.map(str::to_owned).collect()))
}

/// Stores of 64 bytes that these features include.
pub fn wide_stores(flags: &[String]) -> WideStores {
    let has = |flag: &str| flags.iter().any(|found| found == flag);
    WideStores { movdir64b: has("movdir64b"), avx512f: has("avx512f") }
}

fn cpu_features(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "cpu_features";
    const WANTED: [&str; 5] = ["avx2", "avx512f", "movdir64b", "constant_tsc", "nonstop_tsc"];
    let Some(flags) = flags(machine)? else {
        return Ok(Finding::unknown(KEY, "the kernel lists none", "look at /proc/cpuinfo"));
    };
    let has = |wanted: &str| flags.iter().any(|flag| flag == wanted);
    let (there, absent): (Vec<&str>, Vec<&str>) = WANTED.iter().partition(|flag| has(flag));
    let list = |flags: &[&str]| if flags.is_empty() { "none".to_owned() } else { flags.join(" ") };
    let found = format!("{}; without: {}", list(&there), list(&absent));
    // AVX-512 and MOVDIR64B only matter for posting, which has a finding of its own.
    if has("avx2") && has("constant_tsc") && has("nonstop_tsc") {
        return Ok(Finding::ok(KEY, found));
    }
    let advice = "take a CPU with AVX2 and an invariant TSC; in a virtual machine, have the host pass them on";
    Ok(Finding::missing(KEY, found, advice))
}

fn irqbalance(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "irqbalance";
    let processes = machine.list("proc")?;
    if processes.is_empty() {
        return Ok(Finding::unknown(KEY, "no process can be seen", "mount /proc"));
    }
    for process in processes.iter().filter(|name| name.parse::<u32>().is_ok()) {
        // A process may end between the listing and the reading of it.
        if machine.read(&format!("proc/{process}/comm")).ok().flatten().as_deref() == Some("irqbalance") {
            return Ok(Finding::missing(
                KEY,
                format!("runs (process {process})"),
                "it moves interrupts onto the engine's cores: systemctl disable --now irqbalance, or \
                 IRQBALANCE_BANNED_CPULIST=CORES",
            ));
        }
    }
    Ok(Finding::ok(KEY, "does not run"))
}
