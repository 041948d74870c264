//! The card: in which slot, in whose hands, what it is, and how it would be spoken to.

use hedgewire_abi::register::{
    BUILD_HIGH, BUILD_LOW, INTERVALS, LANES, LAYOUT_HASH_HIGH, LAYOUT_HASH_LOW, MAGIC, MAGIC_VALUE, ROWS, Register,
    UNDERLYINGS, VERSION, WINDOW_OFFSET,
};
use hedgewire_abi::{LAYOUT_HASH, VERSION as RECORDS_VERSION};

use super::processor::{flags, wide_stores};
use super::{Finding, Machine, Unreadable, finding};
use crate::card::pci::{CARD_DEVICE, CARD_VENDOR, Slot, WITHOUT_VFIO};
use crate::card::vfio::DRIVER;
use crate::card::window::{Bar, Caching, Posting};

/// BAR of registers and window.
const BAR: usize = 0;

pub fn examine(machine: Machine) -> Vec<Finding> {
    let mut findings = vec![finding("iommu", || iommu(machine)), vfio(machine)];
    match Slot::find(machine.root, CARD_VENDOR, CARD_DEVICE) {
        Ok(slots) if !slots.is_empty() => {
            for slot in &slots {
                let subject = slot.address.to_string();
                let of_card = [Finding::ok("card", "found"), driver(slot), group(slot), identity(slot)];
                findings.extend(of_card.map(|finding| finding.of(&subject)));
                findings.push(finding("posting", || posting(machine, slot)).of(&subject));
            }
        }
        Ok(_) => findings.extend(absent(machine, "no slot holds one")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            findings.extend(absent(machine, "there is no PCI bus"));
        }
        Err(error) => findings.push(Finding::unknown("card", format!("the bus: {error}"), "run it as root")),
    }
    findings
}

fn absent(machine: Machine, found: &str) -> [Finding; 2] {
    let advice = "the kernel runs on the CPU; for a card, load its bitstream and rescan: echo 1 > /sys/bus/pci/rescan";
    let found = format!("{found} ({CARD_VENDOR:04x}:{CARD_DEVICE:04x})");
    [Finding::missing("card", found, advice), finding("posting", || possible_posting(machine))]
}

fn iommu(machine: Machine) -> Result<Finding, Unreadable> {
    const KEY: &str = "iommu";
    let groups = machine.list("sys/kernel/iommu_groups")?.len();
    Ok(match groups {
        0 => Finding::missing(
            KEY,
            "off",
            "switch it on in the firmware (VT-d, AMD-Vi) and on the kernel's command line (intel_iommu=on or amd_iommu=on)",
        ),
        _ => Finding::ok(KEY, format!("{groups} groups")),
    })
}

fn vfio(machine: Machine) -> Finding {
    const KEY: &str = "vfio";
    if machine.has("dev/vfio/vfio") {
        return Finding::ok(KEY, "/dev/vfio/vfio");
    }
    Finding::missing(KEY, "no /dev/vfio/vfio", format!("modprobe {DRIVER}"))
}

fn driver(slot: &Slot) -> Finding {
    const KEY: &str = "card_driver";
    match slot.driver() {
        Some(driver) if driver == DRIVER => Finding::ok(KEY, driver),
        driver => {
            let address = slot.address;
            let advice = format!(
                "echo {DRIVER} > /sys/bus/pci/devices/{address}/driver_override; echo {address} > \
                 /sys/bus/pci/drivers_probe; without it {WITHOUT_VFIO}"
            );
            Finding::missing(KEY, driver.unwrap_or_else(|| "none".to_owned()), advice)
        }
    }
}

fn group(slot: &Slot) -> Finding {
    const KEY: &str = "card_iommu_group";
    let Some(group) = slot.iommu_group() else {
        return Finding::missing(KEY, "none", "switch the IOMMU on");
    };
    let members = slot.group_members();
    let others: Vec<String> = members
        .iter()
        .filter(|member| member.address != slot.address)
        .filter_map(|member| Some(format!("{} ({})", member.address, member.driver().filter(|name| name != DRIVER)?)))
        .collect();
    if others.is_empty() {
        return Finding::ok(KEY, format!("group {group}"));
    }
    let found = format!("group {group}, with {}", others.join(", "));
    Finding::missing(KEY, found, format!("give all of the group to {DRIVER}, or take a slot with a group of its own"))
}

/// What the card says it is.
fn identity(slot: &Slot) -> Finding {
    const KEY: &str = "card_identity";
    // The registers' page alone: the window's page must stay free for whoever maps it to be combined.
    match slot.map_bar(BAR, 0, WINDOW_OFFSET as usize, Caching::Uncached) {
        Ok(registers) => judge(&registers),
        Err(error) => Finding::unknown(KEY, error.to_string(), "run it as root"),
    }
}

fn judge(registers: &Bar) -> Finding {
    const KEY: &str = "card_identity";
    let read = |register: Register| registers.read_u32(register.offset as usize);
    let wide = |low: Register, high: Register| u64::from(read(high)) << 32 | u64::from(read(low));
    let (magic, version, hash) = (read(MAGIC), read(VERSION), wide(LAYOUT_HASH_LOW, LAYOUT_HASH_HIGH));
    if magic == u32::MAX {
        let advice = "it is gone, or does not decode its BAR: reset it, or bind it to a driver, which enables it";
        return Finding::missing(KEY, "every bit reads as one", advice);
    }
    if magic != MAGIC_VALUE {
        return Finding::missing(KEY, format!("magic {magic:#010x}"), "this is another design: load the bitstream");
    }
    if version != u32::from(RECORDS_VERSION) || hash != LAYOUT_HASH {
        let found =
            format!("version {version}, layout {hash:#018x}; ours are {RECORDS_VERSION} and {LAYOUT_HASH:#018x}");
        return Finding::missing(KEY, found, "load the bitstream that belongs to this program");
    }
    // The first byte of the revision is the lowest.
    let build: String = wide(BUILD_LOW, BUILD_HIGH).to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let sizes = [LANES, ROWS, INTERVALS, UNDERLYINGS].map(|register| format!("{} {}", read(register), register.name));
    Finding::ok(KEY, format!("build {build}, {}", sizes.join(", ")))
}

/// How a command would cross the bus.
fn posting(machine: Machine, slot: &Slot) -> Result<Finding, Unreadable> {
    const KEY: &str = "posting";
    let Some(flags) = flags(machine)? else { return Ok(no_features()) };
    let combining = slot.bar_path(BAR, Caching::WriteCombining).exists();
    let caching = if combining { Caching::WriteCombining } else { Caching::Uncached };
    let posting = Posting::choose(caching, wide_stores(&flags));
    Ok(match posting {
        Posting::Direct | Posting::CombinedLine => Finding::ok(KEY, posting.to_string()),
        Posting::CombinedWords | Posting::Words => Finding::missing(
            KEY,
            posting.to_string(),
            "for one write, make the BAR prefetchable and run as root on a CPU with AVX-512, or take a CPU with MOVDIR64B",
        ),
    })
}

/// The same, while there is no card to ask about its BAR.
fn possible_posting(machine: Machine) -> Result<Finding, Unreadable> {
    let Some(flags) = flags(machine)? else { return Ok(no_features()) };
    let [combining, uncached] =
        [Caching::WriteCombining, Caching::Uncached].map(|caching| Posting::choose(caching, wide_stores(&flags)));
    let found = format!("{combining} into a prefetchable BAR, {uncached} into another one");
    Ok(Finding::unknown("posting", found, "it is decided when there is a card"))
}

fn no_features() -> Finding {
    Finding::unknown("posting", "the CPU's features are unknown", "look at /proc/cpuinfo")
}
