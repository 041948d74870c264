//! PCI through sysfs: what is in which slot, which driver has it, and a BAR mapped without any driver.
//!
//! ```text
//!   /sys/bus/pci/devices/0000:05:00.0/
//!     vendor device        which card
//!     driver  -> vfio-pci  who has it
//!     iommu_group -> 17    what the IOMMU keeps apart
//!     resource             start, end and flags of each BAR
//!     resource0            the BAR, mapped uncached
//!     resource2_wc         the BAR, mapped write-combining: there if the BAR is prefetchable
//! ```
//!
//! Every path starts at a root, `/` but in tests, so that a fake tree can be read.
//!
//! **Degraded mode.** `Slot::map_bar` needs root and no VFIO. A card under `uio_pci_generic`, or under no driver,
//! is reached so. What that gives up is in `WITHOUT_VFIO`.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::window::{Bar, Caching};

/// What a card reached without VFIO gives up.
pub const WITHOUT_VFIO: &str = "no IOMMU stands between the card and this machine's memory: a wrong address in the card \
     overwrites anything; memory must be one huge page, given by its physical address; no interrupt; it needs root";

/// Vendor of the project's cards: the shells are Xilinx's.
pub const CARD_VENDOR: u16 = 0x10ee;
/// Device number of the project's cards.
pub const CARD_DEVICE: u16 = 0x9038;

/// Where a function is on the bus: `0000:05:00.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    domain: u16,
    bus: u8,
    slot: u8,
    function: u8,
}

/// The text is no PCI address.
#[derive(Debug, Error)]
#[error("{0:?} is no PCI address; write it as `lspci -D` does, for example 0000:05:00.0")]
pub struct NotAnAddress(String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let parse = || {
            let (domain, rest) = text.split_once(':')?;
            let (bus, rest) = rest.split_once(':')?;
            let (slot, function) = rest.split_once('.')?;
            let widths = [(domain, 4), (bus, 2), (slot, 2), (function, 1)];
            let hex = |c: char| c.is_ascii_hexdigit();
            if !widths.iter().all(|&(part, width)| part.len() == width && part.chars().all(hex)) {
                return None;
            }
            Some(Self {
                domain: u16::from_str_radix(domain, 16).ok()?,
                bus: u8::from_str_radix(bus, 16).ok()?,
                slot: u8::from_str_radix(slot, 16).ok().filter(|&slot| slot < 32)?,
                function: function.parse().ok().filter(|&function| function < 8)?,
            })
        };
        parse().ok_or_else(|| NotAnAddress(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{}", self.domain, self.bus, self.slot, self.function)
    }
}

/// Why a slot could not be read or mapped.
#[derive(Debug, Error)]
pub enum PciError {
    /// Nothing is at this address.
    #[error("nothing is at {0}; `lspci -D` lists what is")]
    Empty(Address),
    /// A file of the slot could not be used.
    #[error("cannot {verb} {}: {source}; {}", path.display(), reaching(source))]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// There is no such BAR, or it is not in memory space.
    #[error("{address} has no BAR {index} in memory space; is this the card, and is its bitstream loaded?")]
    NoBar {
        /// The slot.
        address: Address,
        /// Which BAR.
        index: usize,
    },
}

/// What to do when sysfs refuses.
fn reaching(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EINVAL) => "a driver or another program has this BAR mapped already; end it first",
        _ => "reaching a card through sysfs needs root",
    }
}

/// Where a BAR is, as the kernel assigned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// Physical address.
    pub start: u64,
    /// Bytes.
    pub len_bytes: u64,
    /// Whether it may be mapped write-combining: reads have no side effects.
    pub is_prefetchable: bool,
}

/// One function on the bus.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Where.
    pub address: Address,
    /// `/sys/bus/pci`, below the root.
    bus: PathBuf,
}

impl Slot {
    /// The function at `address`, below the root of a file system.
    ///
    /// # Errors
    /// If nothing is there.
    pub fn at(root: &Path, address: Address) -> Result<Self, PciError> {
        let slot = Self { address, bus: root.join("sys/bus/pci") };
        if slot.folder().exists() { Ok(slot) } else { Err(PciError::Empty(address)) }
    }

    /// All functions of a vendor and device, by address.
    ///
    /// # Errors
    /// If the bus cannot be listed: there is none, or it is not readable.
    pub fn find(root: &Path, vendor: u16, device: u16) -> io::Result<Vec<Self>> {
        let mut found = Self::all(&root.join("sys/bus/pci"))?;
        found.retain(|slot| slot.id("vendor") == Some(vendor) && slot.id("device") == Some(device));
        Ok(found)
    }

    /// Every function of the bus in this folder, by address.
    fn all(bus: &Path) -> io::Result<Vec<Self>> {
        let names = std::fs::read_dir(bus.join("devices"))?.map(|entry| entry.map(|entry| entry.file_name()));
        let names = names.collect::<io::Result<Vec<_>>>()?;
        let address = |name: &OsString| name.to_str()?.parse().ok();
        let mut slots: Vec<Self> =
            names.iter().filter_map(address).map(|address| Self { address, bus: bus.to_owned() }).collect();
        slots.sort_by_key(|slot| slot.address);
        Ok(slots)
    }

    fn folder(&self) -> PathBuf {
        self.bus.join("devices").join(self.address.to_string())
    }

    fn id(&self, file: &str) -> Option<u16> {
        let text = std::fs::read_to_string(self.folder().join(file)).ok()?;
        u16::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
    }

    /// The driver that has it.
    pub fn driver(&self) -> Option<String> {
        self.link("driver")
    }

    /// The group within which the IOMMU cannot keep functions apart; none where no IOMMU is on.
    pub fn iommu_group(&self) -> Option<String> {
        self.link("iommu_group")
    }

    /// Functions of the same group, this one included.
    pub fn group_members(&self) -> Vec<Self> {
        let Some(group) = self.iommu_group() else { return Vec::new() };
        let mut members = Self::all(&self.bus).unwrap_or_default();
        members.retain(|slot| slot.iommu_group().as_ref() == Some(&group));
        members
    }

    fn link(&self, name: &str) -> Option<String> {
        let target = std::fs::read_link(self.folder().join(name)).ok()?;
        target.file_name()?.to_str().map(str::to_owned)
    }

    /// Where BAR `index` is.
    ///
    /// # Errors
    /// If there is no such BAR in memory space.
    pub fn resource(&self, index: usize) -> Result<Resource, PciError> {
        let path = self.folder().join("resource");
        let text = std::fs::read_to_string(&path).map_err(|source| PciError::File { verb: "read", path, source })?;
        parse_resource(&text, index).ok_or(PciError::NoBar { address: self.address, index })
    }

    /// The file through which BAR `index` is mapped.
    pub fn bar_path(&self, index: usize, caching: Caching) -> PathBuf {
        let suffix = if caching == Caching::WriteCombining { "_wc" } else { "" };
        self.folder().join(format!("resource{index}{suffix}"))
    }

    /// Maps `len_bytes` of BAR `index` from `offset` on, both in whole pages.
    ///
    /// The kernel must decode the BAR: `enable` sees to that where no driver has.
    ///
    /// # Errors
    /// If there is no such BAR, or this process may not map it.
    pub fn map_bar(&self, index: usize, offset: u64, len_bytes: usize, caching: Caching) -> Result<Bar, PciError> {
        self.resource(index)?;
        let path = self.bar_path(index, caching);
        let failed = |source| PciError::File { verb: "map", path: path.clone(), source };
        // Synchronous, as for registers: some kernels map cached without it.
        let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_SYNC).open(&path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() < offset + len_bytes as u64 {
            return Err(failed(io::Error::other("the BAR is smaller than this card's")));
        }
        Bar::map(&file, offset, len_bytes, caching).map_err(failed)
    }

    /// Makes a card answer on the bus, whether a driver has done so or not, and lets it reach memory.
    ///
    /// # Errors
    /// If sysfs refuses.
    pub fn enable(&self) -> Result<(), PciError> {
        // Refused while a driver has it; a driver has enabled it.
        if self.driver().is_none() {
            write(self.folder().join("enable"), b"1")?;
        }
        let path = self.folder().join("config");
        let failed = |source| PciError::File { verb: "write", path: path.clone(), source };
        let config = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        enable_memory_and_bus_master(&config, 0).map_err(failed)
    }

    /// Takes the function from its driver and gives it to another one.
    ///
    /// # Errors
    /// If sysfs refuses, or the driver did not take it: its module is not loaded, or it does not want it.
    pub fn bind(&self, driver: &str) -> Result<(), PciError> {
        if self.driver().as_deref() == Some(driver) {
            return Ok(());
        }
        let name = self.address.to_string();
        if self.driver().is_some() {
            write(self.folder().join("driver/unbind"), name.as_bytes())?;
        }
        write(self.folder().join("driver_override"), driver.as_bytes())?;
        write(self.bus.join("drivers_probe"), name.as_bytes())?;
        if self.driver().as_deref() == Some(driver) {
            return Ok(());
        }
        let source = io::Error::other(format!("{driver} did not take it; is its module loaded (`modprobe {driver}`)?"));
        Err(PciError::File { verb: "bind", path: self.folder(), source })
    }
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<(), PciError> {
    std::fs::write(&path, bytes).map_err(|source| PciError::File { verb: "write", path, source })
}

/// Sets memory decoding and bus mastering in the configuration space that starts at `start` of this file.
///
/// # Errors
/// If the file cannot be read or written there.
pub(super) fn enable_memory_and_bus_master(config: &File, start: u64) -> io::Result<()> {
    /// Offset of the command register (PCI Local Bus Specification 3.0, 6.2.2).
    const COMMAND: u64 = 0x04;
    const MEMORY: u16 = 1 << 1;
    const BUS_MASTER: u16 = 1 << 2;
    let mut command = [0; 2];
    config.read_exact_at(&mut command, start + COMMAND)?;
    let wanted = u16::from_le_bytes(command) | MEMORY | BUS_MASTER;
    config.write_all_at(&wanted.to_le_bytes(), start + COMMAND)
}

/// Line `index` of the text of `resource`: start, end, flags (include/linux/ioport.h).
fn parse_resource(text: &str, index: usize) -> Option<Resource> {
    const IORESOURCE_MEM: u64 = 0x200;
    const IORESOURCE_PREFETCH: u64 = 0x2000;
    let line = text.lines().nth(index)?;
    let mut numbers = line.split_whitespace().map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    let (start, end, flags) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let is_memory = flags & IORESOURCE_MEM != 0 && end > start;
    is_memory.then_some(Resource {
        start,
        len_bytes: end - start + 1,
        is_prefetchable: flags & IORESOURCE_PREFETCH != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_they_are_written() {
        for text in ["0000:05:00.0", "ffff:ff:1f.7"] {
            assert_eq!(text.parse::<Address>().expect("an address").to_string(), text);
        }
        for text in ["", "05:00.0", "0000:05:20.0", "0000:05:00.8", "0000:05:0g.0", "+000:05:00.0", "0000:05:00.0x"] {
            let error = text.parse::<Address>().expect_err(text);
            assert!(error.to_string().contains("lspci -D"), "{error}");
        }
    }

    #[test]
    fn resource_lines_tell_size_and_whether_they_combine() {
        let text = "0x00000000febd1000 0x00000000febd2fff 0x0000000000040200\n\
                    0x000000000000c000 0x000000000000c01f 0x0000000000040101\n\
                    0x0000020000000000 0x00000200000fffff 0x000000000014220c\n\
                    0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
        let bar = parse_resource(text, 0).expect("a BAR");
        assert_eq!(bar, Resource { start: 0xfebd_1000, len_bytes: 0x2000, is_prefetchable: false });
        assert!(parse_resource(text, 2).expect("a BAR").is_prefetchable);
        for index in [1, 3, 4] {
            assert_eq!(parse_resource(text, index), None, "ports, an empty line, no line");
        }
    }

    #[test]
    fn bus_is_searched_by_vendor_and_device() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let devices = root.path().join("sys/bus/pci/devices");
        assert!(Slot::find(root.path(), CARD_VENDOR, CARD_DEVICE).is_err(), "there is no bus");
        for (address, vendor) in
            [("0000:06:00.0", "0x10ee\n"), ("0000:05:00.0", "0x10ee\n"), ("0000:07:00.0", "0x8086\n")]
        {
            let folder = devices.join(address);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join("vendor"), vendor).expect("a file");
            std::fs::write(folder.join("device"), "0x9038\n").expect("a file");
        }
        std::os::unix::fs::symlink("../../../../kernel/iommu_groups/17", devices.join("0000:05:00.0/iommu_group"))
            .expect("a link");
        let found = Slot::find(root.path(), CARD_VENDOR, CARD_DEVICE).expect("a bus");
        let addresses: Vec<String> = found.iter().map(|slot| slot.address.to_string()).collect();
        assert_eq!(addresses, ["0000:05:00.0", "0000:06:00.0"]);
        assert_eq!(found[0].iommu_group().as_deref(), Some("17"));
        assert_eq!(found[0].group_members().len(), 1);
        assert_eq!((found[0].driver(), found[1].iommu_group()), (None, None));
        let error = Slot::at(root.path(), "0000:09:00.0".parse().expect("an address")).expect_err("an empty slot");
        assert!(error.to_string().contains("nothing is at 0000:09:00.0"), "{error}");
    }

    #[test]
    fn memory_decoding_and_bus_mastering_are_added_to_what_is_set() {
        let config = tempfile::tempfile().expect("a file");
        config.write_all_at(&[0xee, 0x10, 0x38, 0x90, 0x01, 0x04, 0x10, 0x00], 256).expect("a disk");
        enable_memory_and_bus_master(&config, 256).expect("a file");
        let mut header = [0; 8];
        config.read_exact_at(&mut header, 256).expect("a file");
        assert_eq!(header, [0xee, 0x10, 0x38, 0x90, 0x07, 0x04, 0x10, 0x00]);
    }
}
