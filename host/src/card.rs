//! Cards: memory that a card can reach, its registers and command window, and the ways to get at them.
//!
//! ```text
//!   pci     what is in a slot, which driver has it; a BAR through sysfs (degraded)
//!   vfio    a card through the kernel's VFIO: its BARs, its interrupts, and an IOMMU in front of our memory
//!   memory  host memory that a card writes: huge pages where there are some
//!   window  a mapped BAR, and how 64 bytes are posted into it
//! ```
//!
//! Invariant: `unsafe` of the host lives in these modules (and where a capture is mapped), behind safe functions
//! that check every offset.

pub mod memory;
pub mod pci;
pub mod vfio;
pub mod window;
