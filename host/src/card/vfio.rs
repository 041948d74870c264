//! A card in a slot, through the kernel's VFIO: its BARs, its interrupt, and an IOMMU in front of our memory.
//!
//! ```text
//!   /dev/vfio/vfio    container: one IOMMU address space       map: our memory -> bus address
//!        |
//!   /dev/vfio/17      group: what the IOMMU keeps apart        viable when vfio-pci has all of it
//!        |
//!   0000:05:00.0      device: regions (BARs, configuration), interrupts, reset
//! ```
//!
//! The card reaches what `Vfio::map` has given it and nothing else: an access to any other address ends in the
//! IOMMU. Bus addresses are given out upwards and never twice, so that a late write of the card cannot land in
//! memory that was mapped after it.
//!
//! The structures are those of the kernel's `include/uapi/linux/vfio.h`, the order of the calls that of its
//! `Documentation/driver-api/vfio.rst`.
//!
//! Invariants: files close in the order device, group, container; a structure says its own size; every failure
//! says what to do about it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::path::Path;
use std::sync::Arc;

use hedgewire_abi::register::{WINDOW_BYTES, WINDOW_OFFSET};
use thiserror::Error;

use super::interrupt::Interrupt;
use super::memory::Memory;
use super::pci::{Address, PciError, Slot, enable_memory_and_bus_master};
use super::window::{Bar, Caching, WideStores, Window};

/// The driver that lets a program have a card.
pub const DRIVER: &str = "vfio-pci";

/// Why a card cannot be had through VFIO.
#[derive(Debug, Error)]
pub enum VfioError {
    /// The slot cannot be read.
    #[error(transparent)]
    Slot(#[from] PciError),
    /// Another driver has it, or none.
    #[error(
        "{address} is with {}, not with {DRIVER}: run `modprobe {DRIVER}`, `echo {DRIVER} > \
         /sys/bus/pci/devices/{address}/driver_override`, unbind it from its driver, and `echo {address} > \
         /sys/bus/pci/drivers_probe`",
        driver.as_deref().unwrap_or("no driver")
    )]
    NotBound {
        /// The card.
        address: Address,
        /// Who has it.
        driver: Option<String>,
    },
    /// No IOMMU is on.
    #[error(
        "{address} is in no IOMMU group: switch the IOMMU on in the firmware (VT-d, AMD-Vi) and on the kernel's command \
         line (`intel_iommu=on` or `amd_iommu=on`)"
    )]
    NoIommu {
        /// The card.
        address: Address,
    },
    /// A file of VFIO cannot be opened.
    #[error("cannot open {path}: {source}; {}", opening(source))]
    Open {
        /// The file.
        path: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// Another function of the group is with a driver of the kernel.
    #[error(
        "IOMMU group {group} is not viable: {} must be given to {DRIVER} too, or the card moved to a slot of its own group",
        if others.is_empty() { "every function in it".to_owned() } else { others.join(", ") }
    )]
    NotViable {
        /// The group.
        group: String,
        /// Functions that are in the way, and their drivers.
        others: Vec<String>,
    },
    /// The kernel speaks another version.
    #[error(
        "this kernel's VFIO has version {version} or no type 1 IOMMU; run `modprobe vfio_iommu_type1`, on Linux 5.14 or newer"
    )]
    NoType1 {
        /// Its version.
        version: i32,
    },
    /// The IOMMU does not isolate interrupts.
    #[error(
        "the IOMMU is refused (EPERM) because it does not remap interrupts: switch interrupt remapping on in the firmware; \
         or accept that the card may raise any interrupt, `modprobe vfio_iommu_type1 allow_unsafe_interrupts=1`"
    )]
    InterruptsNotRemapped,
    /// Memory could not be mapped for the card.
    #[error("cannot map {len_bytes} bytes for the card at bus address {bus_address:#x}: {source}; {}", mapping(source))]
    Map {
        /// Where.
        bus_address: u64,
        /// How much.
        len_bytes: u64,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The card's addresses are too narrow.
    #[error(
        "{len_bytes} bytes do not fit below bus address {limit:#x}, the highest that the card can write; map less, or open \
         the card anew"
    )]
    NoRoom {
        /// How much.
        len_bytes: u64,
        /// The first address that the card cannot reach.
        limit: u64,
    },
    /// The BAR is absent or cannot be mapped.
    #[error(
        "BAR {index} of {address} cannot be mapped ({len_bytes} bytes); is this the card, and is its bitstream loaded?"
    )]
    NoBar {
        /// The card.
        address: Address,
        /// Which BAR.
        index: u32,
        /// Its size; 0 if it is absent.
        len_bytes: u64,
    },
    /// The card has no message-signalled interrupt.
    #[error("{address} has no MSI; poll its ring, which is what the driver does anyway")]
    NoInterrupt {
        /// The card.
        address: Address,
    },
    /// The card has no reset of its own.
    #[error("{address} cannot be reset by the bus (no function-level reset); use the reset in its registers")]
    NoReset {
        /// The card.
        address: Address,
    },
    /// Anything else the kernel refused.
    #[error("cannot {what}: {source}; the kernel's log (`dmesg`) may say more")]
    Kernel {
        /// What was asked.
        what: &'static str,
        /// What the operating system answered.
        source: io::Error,
    },
}

/// What to do when a file of VFIO does not open.
fn opening(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOENT) | Some(libc::ENODEV) => "run `modprobe vfio-pci`",
        Some(libc::EBUSY) => "another program has the card; end it first",
        Some(libc::EACCES) | Some(libc::EPERM) => {
            "give this user the group's file (`chown USER /dev/vfio/GROUP`), or run as root"
        }
        _ => "the kernel's log (`dmesg`) may say more",
    }
}

/// What to do when memory cannot be mapped.
fn mapping(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOMEM) => "raise the limit of locked memory (`ulimit -l`, LimitMEMLOCK=infinity of a unit)",
        Some(libc::EEXIST) => "this bus address is taken already",
        Some(libc::EINVAL) => "this IOMMU cannot map this address, or it is not at the start of a page",
        _ => "the kernel's log (`dmesg`) may say more",
    }
}

/// Requests: `_IO(';', 100 + n)`.
const fn request(number: u64) -> u64 {
    (b';' as u64) << 8 | (100 + number)
}

const GET_API_VERSION: u64 = request(0);
const CHECK_EXTENSION: u64 = request(1);
const SET_IOMMU: u64 = request(2);
const GROUP_GET_STATUS: u64 = request(3);
const GROUP_SET_CONTAINER: u64 = request(4);
const GROUP_GET_DEVICE_FD: u64 = request(6);
const DEVICE_GET_INFO: u64 = request(7);
const DEVICE_GET_REGION_INFO: u64 = request(8);
const DEVICE_GET_IRQ_INFO: u64 = request(9);
const DEVICE_SET_IRQS: u64 = request(10);
const DEVICE_RESET: u64 = request(11);
const IOMMU_MAP_DMA: u64 = request(13);
const IOMMU_UNMAP_DMA: u64 = request(14);

const API_VERSION: i32 = 0;
const TYPE1V2_IOMMU: usize = 3;
const GROUP_IS_VIABLE: u32 = 1;
const DEVICE_CAN_RESET: u32 = 1;
const REGION_CAN_MAP: u32 = 1 << 2;
const CONFIG_REGION: u32 = 7;
const MSI_INDEX: u32 = 1;
const MAP_READ: u32 = 1;
const MAP_WRITE: u32 = 1 << 1;
const IRQ_DATA_EVENTFD: u32 = 1 << 2;
const IRQ_ACTION_TRIGGER: u32 = 1 << 5;

#[repr(C)]
#[derive(Default)]
struct GroupStatus {
    argsz: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct DeviceInfo {
    argsz: u32,
    flags: u32,
    region_count: u32,
    irq_count: u32,
}

#[repr(C)]
#[derive(Default)]
struct RegionInfo {
    argsz: u32,
    flags: u32,
    index: u32,
    capability_offset: u32,
    len_bytes: u64,
    offset: u64,
}

#[repr(C)]
#[derive(Default)]
struct IrqInfo {
    argsz: u32,
    flags: u32,
    index: u32,
    count: u32,
}

/// Connects one interrupt with one eventfd.
#[repr(C)]
#[derive(Default)]
struct IrqSet {
    argsz: u32,
    flags: u32,
    index: u32,
    start: u32,
    count: u32,
    eventfd: i32,
}

#[repr(C)]
#[derive(Default)]
struct DmaMap {
    argsz: u32,
    flags: u32,
    address: u64,
    bus_address: u64,
    len_bytes: u64,
}

#[repr(C)]
#[derive(Default)]
struct DmaUnmap {
    argsz: u32,
    flags: u32,
    bus_address: u64,
    len_bytes: u64,
}

// Sizes in the kernel's header; a padded field would be read as another one.
const _: () = {
    assert!(size_of::<GroupStatus>() == 8 && size_of::<DeviceInfo>() == 16 && size_of::<IrqInfo>() == 16);
    assert!(size_of::<RegionInfo>() == 32 && size_of::<IrqSet>() == 24);
    assert!(size_of::<DmaMap>() == 32 && size_of::<DmaUnmap>() == 24);
};

/// A structure that a request reads and fills; it starts with its own size.
///
/// # Safety
/// An implementation must be `repr(C)` plain data of the layout that its requests expect.
unsafe trait Argument: Default {
    fn sized() -> Self;
}

macro_rules! arguments {
    ($($name:ident)*) => {
        // SAFETY: `repr(C)` integers, with the sizes asserted above.
        $(unsafe impl Argument for $name {
            fn sized() -> Self {
                Self { argsz: size_of::<Self>() as u32, ..Self::default() }
            }
        })*
    };
}
arguments! { GroupStatus DeviceInfo RegionInfo IrqInfo IrqSet DmaMap DmaUnmap }

/// A request with a structure.
fn call<T: Argument>(file: &File, request: u64, argument: &mut T) -> io::Result<i32> {
    // SAFETY: each request of this module is called with the structure it expects (`Argument`), which is
    // exclusively borrowed and says its own size.
    checked(unsafe { libc::ioctl(file.as_raw_fd(), request as _, argument as *mut T) })
}

/// A request with a number, or with none.
fn call_with_number(file: &File, request: u64, number: usize) -> io::Result<i32> {
    // SAFETY: these requests take an integer and touch no memory of ours.
    checked(unsafe { libc::ioctl(file.as_raw_fd(), request as _, number) })
}

fn checked(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn kernel(what: &'static str) -> impl FnOnce(io::Error) -> VfioError {
    move |source| VfioError::Kernel { what, source }
}

fn open(path: String) -> Result<File, VfioError> {
    OpenOptions::new().read(true).write(true).open(&path).map_err(|source| VfioError::Open { path, source })
}

/// Where a BAR or the configuration space is in the device's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Offset in the file.
    pub offset: u64,
    /// Bytes; 0 if it is absent.
    pub len_bytes: u64,
    /// Whether it can be mapped.
    pub can_map: bool,
}

/// Memory that the card can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// Where the card sees it.
    pub bus_address: u64,
    /// Bytes.
    pub len_bytes: u64,
}

/// First bus address that is given out: what programs write by mistake is mostly smaller.
const BUS_ADDRESS_FIRST: u64 = 16 << 20;
/// Writes from here on are interrupts (Intel SDM, volume 3A, 12.11) on x86, whatever the IOMMU maps.
const BUS_ADDRESS_LIMIT: u64 = 0xfee0_0000;

/// A card that this program has through VFIO.
pub struct Vfio {
    // In this order, because they are closed in it.
    device: File,
    _group: File,
    container: File,
    slot: Slot,
    can_reset: bool,
    config: Region,
    bus_address_next: u64,
    bus_address_limit: u64,
}

impl Vfio {
    /// Opens the card at `address`, sets its IOMMU and lets it reach memory.
    ///
    /// # Errors
    /// If something stands in the way; the error says what to do.
    pub fn open(address: Address) -> Result<Self, VfioError> {
        let slot = Slot::at(Path::new("/"), address)?;
        let group_name = group_of(&slot)?;
        let container = open("/dev/vfio/vfio".to_owned())?;
        let version = call_with_number(&container, GET_API_VERSION, 0).map_err(kernel("ask VFIO for its version"))?;
        let has_type1 = call_with_number(&container, CHECK_EXTENSION, TYPE1V2_IOMMU).is_ok_and(|yes| yes == 1);
        if version != API_VERSION || !has_type1 {
            return Err(VfioError::NoType1 { version });
        }
        let group = open(format!("/dev/vfio/{group_name}"))?;
        let mut status = GroupStatus::sized();
        call(&group, GROUP_GET_STATUS, &mut status).map_err(kernel("ask for the state of the IOMMU group"))?;
        if status.flags & GROUP_IS_VIABLE == 0 {
            return Err(VfioError::NotViable { group: group_name, others: in_the_way(&slot) });
        }
        let device = join(&container, &group, address)?;
        let mut info = DeviceInfo::sized();
        call(&device, DEVICE_GET_INFO, &mut info).map_err(kernel("ask what the card has"))?;
        let config = region(&device, CONFIG_REGION)?;
        enable_memory_and_bus_master(&device, config.offset).map_err(kernel("let the card reach memory"))?;
        Ok(Self {
            device,
            _group: group,
            container,
            slot,
            can_reset: info.flags & DEVICE_CAN_RESET != 0,
            config,
            bus_address_next: BUS_ADDRESS_FIRST,
            bus_address_limit: BUS_ADDRESS_LIMIT,
        })
    }

    /// Gives out bus addresses below `limit` alone, for a card whose addresses have fewer bits.
    pub fn limit_bus_addresses(&mut self, limit: u64) {
        self.bus_address_limit = limit.min(BUS_ADDRESS_LIMIT);
    }

    /// Vendor and device number.
    ///
    /// # Errors
    /// If the configuration space cannot be read.
    pub fn identity(&self) -> Result<(u16, u16), VfioError> {
        use std::os::unix::fs::FileExt;
        let mut id = [0; 4];
        self.device.read_exact_at(&mut id, self.config.offset).map_err(kernel("read the configuration space"))?;
        Ok((u16::from_le_bytes([id[0], id[1]]), u16::from_le_bytes([id[2], id[3]])))
    }

    /// Where BAR `index` is.
    ///
    /// # Errors
    /// If the kernel does not say.
    pub fn region(&self, index: u32) -> Result<Region, VfioError> {
        region(&self.device, index)
    }

    /// Maps BAR `index`, uncached: VFIO maps in no other way.
    ///
    /// # Errors
    /// If it is absent or not to be mapped.
    pub fn map_bar(&self, index: u32) -> Result<Bar, VfioError> {
        let Region { offset, len_bytes, can_map } = self.region(index)?;
        if len_bytes == 0 || !can_map {
            return Err(VfioError::NoBar { address: self.slot.address, index, len_bytes });
        }
        Bar::map(&self.device, offset, len_bytes as usize, Caching::Uncached).map_err(kernel("map a BAR"))
    }

    /// Maps a card's registers and its command window in BAR `index`, in the way that posts best.
    ///
    /// VFIO maps uncached, and once it has mapped any page of a BAR, the kernel lets nobody combine there. So where
    /// the CPU has no store that goes past that, and the BAR may be combined, registers and window are mapped
    /// through sysfs (which needs root), a page each, and VFIO is left with memory and interrupts.
    ///
    /// # Errors
    /// If the BAR is absent or not to be mapped.
    pub fn map_card(&self, index: u32) -> Result<(Arc<Bar>, Window), VfioError> {
        if !WideStores::of_this_cpu().movdir64b
            && let Ok(found) = self.map_combining(index as usize)
        {
            return Ok(found);
        }
        let bar = Arc::new(self.map_bar(index)?);
        Ok((bar.clone(), Window::new(bar, WINDOW_OFFSET as usize)))
    }

    fn map_combining(&self, index: usize) -> Result<(Arc<Bar>, Window), PciError> {
        let page = |offset, len_bytes, caching| self.slot.map_bar(index, offset, len_bytes, caching);
        let window = page(WINDOW_OFFSET.into(), WINDOW_BYTES as usize, Caching::WriteCombining)?;
        let registers = page(0, WINDOW_OFFSET as usize, Caching::Uncached)?;
        Ok((Arc::new(registers), Window::new(Arc::new(window), 0)))
    }

    /// Lets the card read and write this memory, at a bus address that no memory had before.
    ///
    /// The kernel pins its pages until it is unmapped or this card is closed, even if `memory` goes first: a late
    /// write then lands in pages that nobody uses.
    ///
    /// # Errors
    /// If no address is left below the limit, or the kernel refuses.
    pub fn map(&mut self, memory: &Memory) -> Result<Mapping, VfioError> {
        let len_bytes = memory.len_bytes() as u64;
        let bus_address = self.bus_address_next.next_multiple_of(memory.page_bytes() as u64);
        if bus_address + len_bytes > self.bus_address_limit {
            return Err(VfioError::NoRoom { len_bytes, limit: self.bus_address_limit });
        }
        let mut map = DmaMap {
            flags: MAP_READ | MAP_WRITE,
            address: memory.as_ptr() as u64,
            bus_address,
            len_bytes,
            ..DmaMap::sized()
        };
        call(&self.container, IOMMU_MAP_DMA, &mut map).map_err(|source| VfioError::Map {
            bus_address,
            len_bytes,
            source,
        })?;
        self.bus_address_next = bus_address + len_bytes;
        Ok(Mapping { bus_address, len_bytes })
    }

    /// Takes memory away from the card; its address is not given out again.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn unmap(&mut self, mapping: Mapping) -> Result<(), VfioError> {
        let Mapping { bus_address, len_bytes } = mapping;
        let mut unmap = DmaUnmap { bus_address, len_bytes, ..DmaUnmap::sized() };
        call(&self.container, IOMMU_UNMAP_DMA, &mut unmap).map_err(kernel("take memory away from the card"))?;
        Ok(())
    }

    /// Turns the card's first MSI into a count that can be read and waited for.
    ///
    /// # Errors
    /// If the card has no MSI, or the kernel refuses.
    pub fn interrupt(&self) -> Result<Interrupt, VfioError> {
        let mut info = IrqInfo { index: MSI_INDEX, ..IrqInfo::sized() };
        call(&self.device, DEVICE_GET_IRQ_INFO, &mut info).map_err(kernel("ask for the card's interrupts"))?;
        if info.count == 0 {
            return Err(VfioError::NoInterrupt { address: self.slot.address });
        }
        let interrupt = Interrupt::new().map_err(kernel("make an eventfd"))?;
        let mut set = IrqSet {
            flags: IRQ_DATA_EVENTFD | IRQ_ACTION_TRIGGER,
            index: MSI_INDEX,
            count: 1,
            eventfd: interrupt.as_fd().as_raw_fd(),
            ..IrqSet::sized()
        };
        call(&self.device, DEVICE_SET_IRQS, &mut set).map_err(kernel("take the card's interrupt"))?;
        Ok(interrupt)
    }

    /// Resets the card by the bus, and lets it reach memory again.
    ///
    /// # Errors
    /// If the card has no such reset, or the kernel refuses.
    pub fn reset(&mut self) -> Result<(), VfioError> {
        if !self.can_reset {
            return Err(VfioError::NoReset { address: self.slot.address });
        }
        call_with_number(&self.device, DEVICE_RESET, 0).map_err(kernel("reset the card"))?;
        enable_memory_and_bus_master(&self.device, self.config.offset).map_err(kernel("let the card reach memory"))
    }
}

/// The group of a card that is with VFIO.
fn group_of(slot: &Slot) -> Result<String, VfioError> {
    let address = slot.address;
    // Without an IOMMU no driver will help, so that is said first.
    let group = slot.iommu_group().ok_or(VfioError::NoIommu { address })?;
    match slot.driver() {
        Some(driver) if driver == DRIVER => Ok(group),
        driver => Err(VfioError::NotBound { address, driver }),
    }
}

/// Functions of a card's group that a driver of the kernel has.
fn in_the_way(slot: &Slot) -> Vec<String> {
    let members = slot.group_members().into_iter();
    let others = members.filter_map(|member| Some((member.address, member.driver()?)));
    others.filter(|(_, driver)| driver != DRIVER).map(|(address, driver)| format!("{address} ({driver})")).collect()
}

/// Puts the group into the container, sets its IOMMU and opens the device.
fn join(container: &File, group: &File, address: Address) -> Result<File, VfioError> {
    let container_descriptor = container.as_raw_fd();
    // SAFETY: the request reads one integer, which outlives it.
    let joined = unsafe { libc::ioctl(group.as_raw_fd(), GROUP_SET_CONTAINER as _, &raw const container_descriptor) };
    checked(joined).map_err(kernel("put the IOMMU group into a container"))?;
    call_with_number(container, SET_IOMMU, TYPE1V2_IOMMU).map_err(|source| match source.raw_os_error() {
        Some(libc::EPERM) => VfioError::InterruptsNotRemapped,
        _ => VfioError::Kernel { what: "set the IOMMU", source },
    })?;
    let name = std::ffi::CString::new(address.to_string())
        .map_err(|error| VfioError::Kernel { what: "name the card", source: error.into() })?;
    // SAFETY: the request reads a C string, which outlives it, and answers with a new descriptor.
    let opened = unsafe { libc::ioctl(group.as_raw_fd(), GROUP_GET_DEVICE_FD as _, name.as_ptr()) };
    let descriptor = checked(opened).map_err(kernel("open the card in its group"))?;
    // SAFETY: the descriptor is new and owned by nobody else.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

fn region(device: &File, index: u32) -> Result<Region, VfioError> {
    let mut info = RegionInfo { index, ..RegionInfo::sized() };
    call(device, DEVICE_GET_REGION_INFO, &mut info).map_err(kernel("ask where a region of the card is"))?;
    Ok(Region { offset: info.offset, len_bytes: info.len_bytes, can_map: info.flags & REGION_CAN_MAP != 0 })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A bus with one card in group 17, with `driver`, and a neighbour in the same group.
    fn bus(driver: Option<&str>, group: bool) -> (tempfile::TempDir, Slot) {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (address, driver) in [("0000:05:00.0", driver), ("0000:05:00.1", Some("snd_hda_intel"))] {
            let folder = root.path().join("sys/bus/pci/devices").join(address);
            std::fs::create_dir_all(&folder).expect("a folder");
            if group {
                symlink("../../../../kernel/iommu_groups/17", folder.join("iommu_group")).expect("a link");
            }
            if let Some(driver) = driver {
                symlink(Path::new("../../drivers").join(driver), folder.join("driver")).expect("a link");
            }
        }
        let slot = Slot::at(root.path(), "0000:05:00.0".parse().expect("an address")).expect("a slot");
        (root, slot)
    }

    #[test]
    fn card_of_another_driver_says_how_to_bind_it() {
        for (driver, with) in [(Some("xdma"), "is with xdma"), (None, "is with no driver")] {
            let (_root, slot) = bus(driver, true);
            let error = group_of(&slot).expect_err("not bound").to_string();
            assert!(error.contains(with) && error.contains("driver_override"), "{error}");
        }
    }

    #[test]
    fn missing_iommu_is_named_before_the_driver() {
        let (_root, slot) = bus(None, false);
        let error = group_of(&slot).expect_err("no group").to_string();
        assert!(error.contains("VT-d") && error.contains("intel_iommu=on"), "{error}");
    }

    #[test]
    fn neighbours_in_the_group_are_named_with_their_driver() {
        let (_root, slot) = bus(Some(DRIVER), true);
        assert_eq!(group_of(&slot).expect("bound"), "17");
        assert_eq!(in_the_way(&slot), ["0000:05:00.1 (snd_hda_intel)"]);
        let error = VfioError::NotViable { group: "17".to_owned(), others: in_the_way(&slot) }.to_string();
        assert!(error.contains("0000:05:00.1 (snd_hda_intel) must be given to vfio-pci too"), "{error}");
    }

    #[test]
    fn refusals_say_what_to_do() {
        let error =
            |code| VfioError::Open { path: "/dev/vfio/17".to_owned(), source: io::Error::from_raw_os_error(code) };
        assert!(error(libc::ENOENT).to_string().contains("modprobe vfio-pci"));
        assert!(error(libc::EBUSY).to_string().contains("another program"));
        assert!(error(libc::EACCES).to_string().contains("chown"));
        let source = io::Error::from_raw_os_error(libc::ENOMEM);
        let error = VfioError::Map { bus_address: BUS_ADDRESS_FIRST, len_bytes: 2 << 20, source };
        assert!(error.to_string().contains("ulimit -l"), "{error}");
        assert!(VfioError::InterruptsNotRemapped.to_string().contains("allow_unsafe_interrupts=1"));
    }
}
