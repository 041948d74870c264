//! Interfaces of the machine that are hardware: queues, and what their drivers can do with AF_XDP.

use super::{Finding, Machine, Unreadable};

/// Drivers whose AF_XDP sockets have zero copy (`ndo_xsk_wakeup` in Linux 6.12).
const ZERO_COPY: &[&str] = &["gve", "i40e", "ice", "igc", "intel-eth-pci", "ixgbe", "mlx5_core", "nfp", "virtio_net"];
/// Drivers that run XDP themselves and copy for AF_XDP (`ndo_bpf` in Linux 6.12).
const NATIVE: &[&str] =
    &["atlantic", "bnxt_en", "ena", "hv_netvsc", "igb", "ixgbevf", "mana", "mlx4_core", "qede", "sfc", "vmxnet3"];

pub fn examine(machine: Machine) -> Vec<Finding> {
    const KEY: &str = "network";
    let folder = "sys/class/net";
    let interfaces = match machine.list(folder) {
        Ok(interfaces) => interfaces,
        Err(error) => return vec![Finding::unreadable(KEY, &error)],
    };
    // What has no device is a loop, a bridge or a tunnel.
    let hardware = |name: &&String| machine.has(&format!("{folder}/{name}/device"));
    let findings: Vec<Finding> = interfaces
        .iter()
        .filter(hardware)
        .map(|name| super::finding(KEY, || interface(machine, &format!("{folder}/{name}"))).of(name))
        .collect();
    if findings.is_empty() {
        return vec![Finding::missing(
            KEY,
            "no interface is hardware",
            "put a network card with AF_XDP into the machine",
        )];
    }
    findings
}

fn interface(machine: Machine, folder: &str) -> Result<Finding, Unreadable> {
    const KEY: &str = "network";
    let queues = machine.list(&format!("{folder}/queues"))?;
    let count = |kind: &str| queues.iter().filter(|name| name.starts_with(kind)).count();
    let driver = std::fs::read_link(machine.root.join(folder).join("device/driver")).ok();
    let driver = driver.as_ref().and_then(|target| target.file_name()?.to_str()).unwrap_or("no driver");
    let found = |xdp: &str| format!("{driver}, {} rx and {} tx queues, {xdp}", count("rx-"), count("tx-"));
    if ZERO_COPY.contains(&driver) && count("rx-") > 1 {
        return Ok(Finding::ok(KEY, found("AF_XDP with zero copy")));
    }
    if ZERO_COPY.contains(&driver) {
        let advice =
            "one queue mixes the feed with everything else: ethtool -L INTERFACE combined 2, and steer the feed";
        return Ok(Finding::missing(KEY, found("AF_XDP with zero copy"), advice));
    }
    if NATIVE.contains(&driver) {
        return Ok(Finding::missing(
            KEY,
            found("XDP, AF_XDP copies"),
            "take a network card whose driver has zero copy",
        ));
    }
    let advice = "whether it runs XDP is not known here: look for xdp-features in `ip -d link`, or take another card";
    Ok(Finding::unknown(KEY, found("XDP unknown"), advice))
}
