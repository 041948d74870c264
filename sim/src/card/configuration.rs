//! The PCI configuration space of a simulated card: enough for an operating system to find it, size its BAR and
//! switch on its interrupt.
//!
//! ```text
//!   00 vendor, device   04 command, status   08 revision, class   10 BAR 0   2c subsystem   34 -> 40
//!   40 MSI, 64-bit address, one vector
//! ```
//!
//! Invariant: only the bits that a device lets be written are written; BAR 0 reads back its size.

/// Vendor and device: those of the FPGA maker's PCIe cores, which a board would have.
pub const VENDOR_ID: u16 = 0x10ee;
/// Device number.
pub const DEVICE_ID: u16 = 0x9038;

const COMMAND: usize = 0x04;
const STATUS_HAS_CAPABILITIES: u8 = 0x10;
const CLASS_PROCESSING_ACCELERATOR: u8 = 0x12;
const CACHE_LINE: usize = 0x0c;
const BAR0: usize = 0x10;
const SUBSYSTEM: usize = 0x2c;
const CAPABILITIES: usize = 0x34;
const INTERRUPT_LINE: usize = 0x3c;
const INTERRUPT_PIN: usize = 0x3d;
const MSI: usize = 0x40;
const MSI_ID: u8 = 0x05;
const MSI_CONTROL: usize = MSI + 2;
const MSI_64_BIT: u8 = 0x80;
const MSI_ENABLE: u8 = 1;
/// End of MSI address and data.
const MSI_END: usize = MSI + 0x0e;

/// 256 bytes that a bus scan reads.
pub struct ConfigurationSpace {
    bytes: [u8; Self::BYTES],
    bar_mask: u32,
}

impl ConfigurationSpace {
    /// Its length.
    pub const BYTES: usize = 256;

    /// That of a card with one BAR of `bar_bytes`, a power of two.
    pub fn new(bar_bytes: u32) -> Self {
        let mut bytes = [0; Self::BYTES];
        for at in [0, SUBSYSTEM] {
            bytes[at..at + 2].copy_from_slice(&VENDOR_ID.to_le_bytes());
            bytes[at + 2..at + 4].copy_from_slice(&DEVICE_ID.to_le_bytes());
        }
        bytes[COMMAND + 2] = STATUS_HAS_CAPABILITIES;
        bytes[0x0b] = CLASS_PROCESSING_ACCELERATOR;
        bytes[CAPABILITIES] = MSI as u8;
        bytes[INTERRUPT_PIN] = 1;
        bytes[MSI] = MSI_ID;
        bytes[MSI_CONTROL] = MSI_64_BIT;
        Self { bytes, bar_mask: !(bar_bytes - 1) }
    }

    /// Copies bytes from `offset` on; what lies beyond the end is left.
    pub fn read(&self, offset: u32, data: &mut [u8]) {
        let bytes = self.bytes.iter().skip(offset as usize);
        data.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    }

    /// Writes what may be written.
    pub fn write(&mut self, offset: u32, data: &[u8]) {
        for (at, value) in (offset as usize..Self::BYTES).zip(data) {
            match at {
                MSI_CONTROL => self.bytes[at] = MSI_64_BIT | value & MSI_ENABLE,
                COMMAND..6 | CACHE_LINE | BAR0..0x14 | INTERRUPT_LINE | 0x44..MSI_END => self.bytes[at] = *value,
                _ => {}
            }
        }
        let bar = self.bytes[BAR0..BAR0 + 4].iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        self.bytes[BAR0..BAR0 + 4].copy_from_slice(&(bar & self.bar_mask).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(space: &ConfigurationSpace, offset: usize) -> u32 {
        let mut data = [0; 4];
        space.read(offset as u32, &mut data);
        u32::from_le_bytes(data)
    }

    #[test]
    fn a_bus_scan_finds_the_card_and_the_size_of_its_bar() {
        let mut space = ConfigurationSpace::new(0x2000);
        assert_eq!(word(&space, 0), u32::from(DEVICE_ID) << 16 | u32::from(VENDOR_ID));
        space.write(BAR0 as u32, &[0xff; 4]);
        assert_eq!(word(&space, BAR0), 0xffff_e000);
        space.write(BAR0 as u32, &0xfe00_1234u32.to_le_bytes());
        assert_eq!(word(&space, BAR0), 0xfe00_0000);
    }

    #[test]
    fn identity_and_the_end_of_the_space_cannot_be_written() {
        let mut space = ConfigurationSpace::new(0x2000);
        let before = word(&space, 0);
        space.write(0, &[0; 4]);
        assert_eq!(word(&space, 0), before);
        space.write(0xfe, &[1; 8]);
        space.write(0x1000, &[1; 8]);
        let mut data = [7; 4];
        space.read(0xfe, &mut data);
        assert_eq!(data, [0, 0, 7, 7], "beyond the end nothing is read");
    }

    #[test]
    fn msi_can_be_switched_on_and_nothing_else_of_its_control() {
        let mut space = ConfigurationSpace::new(0x2000);
        space.write(MSI_CONTROL as u32, &[0xff, 0xff]);
        assert_eq!(word(&space, MSI) >> 16, u32::from(MSI_64_BIT | MSI_ENABLE));
    }
}
