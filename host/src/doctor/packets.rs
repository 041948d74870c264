//! Ways for packets to come in: which of them this machine and this process can have, and what each lacks.
//!
//! | source | the kernel has it if | privileges |
//! |---|---|---|
//! | AF_XDP | `XDP` is among its protocols, and it attaches by links (5.9) | `CAP_NET_RAW`, `CAP_NET_ADMIN`, `CAP_BPF` |
//! | packet ring | `PACKET` is among its protocols | `CAP_NET_RAW` |
//! | UDP, capture | always | none |

use super::{Finding, Machine, Unreadable, finding};

const KEY: &str = "packet_source";
/// Bits of `CapEff`, `include/uapi/linux/capability.h`.
const NET_ADMIN: (u32, &str) = (12, "CAP_NET_ADMIN");
const NET_RAW: (u32, &str) = (13, "CAP_NET_RAW");
const SYS_ADMIN: u32 = 21;
const BPF: (u32, &str) = (39, "CAP_BPF");
/// First kernel with `BPF_LINK_CREATE` for XDP.
const LINKS_SINCE: (u32, u32) = (5, 9);

pub fn examine(machine: Machine) -> Vec<Finding> {
    vec![
        finding(KEY, || af_xdp(machine)).of("af_xdp"),
        finding(KEY, || packet_ring(machine)).of("packet_ring"),
        Finding::ok(KEY, "a system call per datagram").of("udp"),
        Finding::ok(KEY, "recorded packets").of("capture"),
    ]
}

fn af_xdp(machine: Machine) -> Result<Finding, Unreadable> {
    let release = machine.read("proc/sys/kernel/osrelease")?.unwrap_or_default();
    match version(&release) {
        None => return Ok(Finding::unknown(KEY, format!("kernel {release:?}"), "it needs Linux 5.9")),
        Some(version) if version < LINKS_SINCE => {
            return Ok(Finding::missing(KEY, format!("kernel {release}"), "boot Linux 5.9 or newer"));
        }
        Some(_) => {}
    }
    if !has_protocol(machine, "XDP")? {
        let advice = "boot a kernel with CONFIG_XDP_SOCKETS, or take packet_ring";
        return Ok(Finding::missing(KEY, "the kernel has no AF_XDP", advice));
    }
    judge(machine, &[NET_RAW, NET_ADMIN, BPF], "no system call per datagram; at which speed, `network` tells")
}

fn packet_ring(machine: Machine) -> Result<Finding, Unreadable> {
    if !has_protocol(machine, "PACKET")? {
        let advice = "modprobe af_packet, or boot a kernel with CONFIG_PACKET";
        return Ok(Finding::missing(KEY, "the kernel has no packet sockets", advice));
    }
    judge(machine, &[NET_RAW], "no system call per datagram")
}

/// Major and minor number.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn has_protocol(machine: Machine, name: &str) -> Result<bool, Unreadable> {
    let list = machine.read("proc/net/protocols")?.unwrap_or_default();
    Ok(list.lines().any(|line| line.split_whitespace().next() == Some(name)))
}

/// Whether the process has all of the capabilities.
fn judge(machine: Machine, needed: &[(u32, &str)], found: &str) -> Result<Finding, Unreadable> {
    let status = machine.read("proc/self/status")?.unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let Some(effective) = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()) else {
        return Ok(Finding::unknown(KEY, "the capabilities of this process are unknown", "run it as root"));
    };
    let has = |bit: u32| effective >> bit & 1 == 1;
    // Before CAP_BPF came, and ever since, CAP_SYS_ADMIN stands for it.
    let lacks = |&&(bit, _): &&(u32, &str)| !(has(bit) || bit == BPF.0 && has(SYS_ADMIN));
    let missing: Vec<&str> = needed.iter().filter(lacks).map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return Ok(Finding::ok(KEY, found));
    }
    let list = missing.join(", ");
    let advice = format!("run it as root, or AmbientCapabilities={} in the unit", missing.join(" "));
    Ok(Finding::missing(KEY, format!("without {list}"), advice))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn releases_are_read() {
        assert_eq!(version("6.18.44-fc"), Some((6, 18)));
        assert_eq!(version("5.4.0-generic"), Some((5, 4)));
        assert_eq!(version("6.1-rc3"), Some((6, 1)));
        assert_eq!(version(""), None);
        assert_eq!(version("linux"), None);
    }
}
