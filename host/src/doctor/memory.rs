//! Huge pages, locked memory, and what may move or take away a page.

use super::{Finding, Machine, Unreadable, finding};

/// Locked memory that DMA memory, rings and the engine's own memory take together at most, with room to spare.
const LOCKED_BYTES: u64 = 256 << 20;

pub fn examine(machine: Machine) -> Vec<Finding> {
    vec![
        finding("huge_pages", || huge_pages(machine)),
        finding("locked_memory", || locked_memory(machine)),
        finding("transparent_huge_pages", || transparent_huge_pages(machine)),
        finding("swap", || swap(machine)),
    ]
}

fn huge_pages(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "huge_pages";
    const ADVICE: &str = "sysctl vm.nr_hugepages=64, in /etc/sysctl.d so that it is done early after the boot";
    let text = machine.read("proc/meminfo")?.unwrap_or_default();
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (Some(total), Some(free), Some(kilobytes)) =
        (number("HugePages_Total"), number("HugePages_Free"), number("Hugepagesize"))
    else {
        return Ok(Finding::missing(KEY, "this kernel has none", "take a kernel with CONFIG_HUGETLBFS"));
    };
    let found = format!("{free} of {total} free, {kilobytes} kB each");
    Ok(if free > 0 { Finding::ok(KEY, found) } else { Finding::missing(KEY, found, ADVICE) })
}

fn locked_memory(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "locked_memory";
    /// Number of the capability that the limit does not bind (capabilities(7)).
    const CAP_IPC_LOCK: u32 = 14;
    let limits = machine.read("proc/self/limits")?.unwrap_or_default();
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    let Some(limit) = limit.and_then(|line| line.split_whitespace().next()) else {
        return Ok(Finding::unknown(KEY, "the kernel states no limit", "look at `ulimit -l`"));
    };
    let status = machine.read("proc/self/status")?.unwrap_or_default();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = capabilities.and_then(|line| u64::from_str_radix(line.trim(), 16).ok()).unwrap_or(0);
    Ok(match limit.parse::<u64>() {
        Err(_) => Finding::ok(KEY, limit),
        Ok(bytes) if bytes >= LOCKED_BYTES => Finding::ok(KEY, format!("{bytes} bytes")),
        Ok(bytes) if capabilities >> CAP_IPC_LOCK & 1 == 1 => {
            Finding::ok(KEY, format!("{bytes} bytes, which CAP_IPC_LOCK passes"))
        }
        Ok(bytes) => Finding::missing(
            KEY,
            format!("{bytes} bytes"),
            "`ulimit -l unlimited` (limits.conf: memlock), or LimitMEMLOCK=infinity of a unit",
        ),
    })
}

fn transparent_huge_pages(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "transparent_huge_pages";
    let text = machine.read("sys/kernel/mm/transparent_hugepage/enabled")?;
    let Some(text) = text else { return Ok(Finding::ok(KEY, "not in this kernel")) };
    let chosen = text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    Ok(match chosen {
        Some("always") => Finding::missing(
            KEY,
            "always",
            "pages are moved under a running thread: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        ),
        Some(other) => Finding::ok(KEY, other),
        None => Finding::unknown(KEY, text, "the kernel says it in another way; look at its documentation"),
    })
}

fn swap(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "swap";
    let Some(text) = machine.read("proc/swaps")? else { return Ok(Finding::ok(KEY, "not in this kernel")) };
    let areas: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    Ok(if areas.is_empty() {
        Finding::ok(KEY, "none")
    } else {
        Finding::missing(KEY, areas.join(", "), "`swapoff -a`, and take it out of /etc/fstab")
    })
}
