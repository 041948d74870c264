//! A card in a slot, as a card: its BAR mapped into this process, and its ring in memory that it reaches.
//!
//! ```text
//!                vfio (an IOMMU between)          sysfs (degraded: what `pci::WITHOUT_VFIO` says)
//!   registers    map_card                         resource0, uncached
//!   window       map_card                         resource0_wc if there is one, else resource0
//!   memory       best way, mapped in the IOMMU    one huge page, by its physical address
//! ```
//!
//! Invariant: the card is told to stop before anything of it is let go, so that it writes into no memory that is
//! somebody else's by then.

use std::path::Path;
use std::sync::Arc;

use hedgewire_abi::register::{self, Register, WINDOW_BYTES, WINDOW_OFFSET};
use hedgewire_abi::{Command, RECORD_BYTES};
use thiserror::Error;

use super::memory::{Memory, MemoryError, Need};
use super::pci::{Address, PciError, Slot, WITHOUT_VFIO};
use super::vfio::{Vfio, VfioError};
use super::window::{Bar, Caching, Window};
use super::{Card, DmaMemory, Interrupt};

/// The BAR of registers and window.
pub const BAR: u32 = 0;

/// Why a card in a slot cannot be had.
#[derive(Debug, Error)]
pub enum SlotError {
    /// VFIO does not give it.
    #[error(transparent)]
    Vfio(#[from] VfioError),
    /// Sysfs does not give it.
    #[error(transparent)]
    Pci(#[from] PciError),
    /// There is no memory for its ring.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// A card whose BAR is mapped.
pub struct SlotCard {
    name: String,
    registers: Arc<Bar>,
    window: Window,
    memory: DmaMemory,
    /// Closed last of all: it holds card and IOMMU.
    vfio: Option<Vfio>,
}

impl SlotCard {
    /// Takes the card at `address` through VFIO, with memory for a ring of `slots`.
    ///
    /// # Errors
    /// [`SlotError`]; it says what to do.
    pub fn through_vfio(address: Address, slots: usize) -> Result<Self, SlotError> {
        let mut vfio = Vfio::open(address)?;
        let (registers, window) = vfio.map_card(BAR)?;
        let memory = Memory::allocate(slots * RECORD_BYTES, Need::Memory)?;
        let bus_address = vfio.map(&memory)?.bus_address;
        let name = format!("{address} through VFIO, {memory:?}, {window:?}");
        let memory = DmaMemory::of(Arc::new(memory), 0..slots, bus_address);
        Ok(Self { name, registers, window, memory, vfio: Some(vfio) })
    }

    /// Takes the card at `address` through sysfs, with memory for a ring of `slots`: without what VFIO gives.
    ///
    /// # Errors
    /// [`SlotError`]; it says what to do.
    pub fn through_sysfs(address: Address, slots: usize) -> Result<Self, SlotError> {
        let slot = Slot::at(Path::new("/"), address)?;
        // The memory first: a card that is not used is left as it is.
        let memory = Memory::allocate(slots * RECORD_BYTES, Need::Memory)?;
        let bus_address = memory.physical_address()?;
        slot.enable()?;
        let (registers, window) = map_slot(&slot)?;
        let name = format!("{address} through sysfs, {memory:?}, {window:?}; {WITHOUT_VFIO}");
        Ok(Self { name, registers, window, memory: DmaMemory::of(Arc::new(memory), 0..slots, bus_address), vfio: None })
    }
}

/// Registers and window of a card through sysfs, the window combined where that can be.
fn map_slot(slot: &Slot) -> Result<(Arc<Bar>, Window), PciError> {
    let bar = BAR as usize;
    let is_combined = slot.bar_path(bar, Caching::WriteCombining).exists();
    let caching = if is_combined { Caching::WriteCombining } else { Caching::Uncached };
    let page = slot.map_bar(bar, WINDOW_OFFSET.into(), WINDOW_BYTES as usize, caching)?;
    let registers = slot.map_bar(bar, 0, WINDOW_OFFSET as usize, Caching::Uncached)?;
    Ok((Arc::new(registers), Window::new(Arc::new(page), 0)))
}

impl Card for SlotCard {
    fn name(&self) -> String {
        self.name.clone()
    }

    /// A bus reads as all ones where nobody answers.
    fn read(&mut self, register: Register) -> u32 {
        self.registers.read_u32(register.offset as usize)
    }

    fn write(&mut self, register: Register, value: u32) {
        self.registers.write_u32(register.offset as usize, value);
    }

    fn store(&mut self, line: usize, word: usize, value: u64) {
        self.window.store(line, word, value);
    }

    #[inline]
    fn post(&mut self, line: usize, command: &Command) {
        self.window.post(line, command);
    }

    fn memory(&self) -> &DmaMemory {
        &self.memory
    }

    fn interrupt(&mut self) -> Result<Interrupt, String> {
        let vfio = self.vfio.as_ref().ok_or("a card reached through sysfs has no interrupt; bind it to vfio-pci")?;
        vfio.interrupt().map_err(|error| error.to_string())
    }
}

impl Drop for SlotCard {
    fn drop(&mut self) {
        self.write(register::CONTROL, register::RESET.mask());
        // A read waits for the write before it, and for all that the card has written to memory before.
        self.read(register::STATUS);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::FileExt;

    use hedgewire_abi::register::BAR_BYTES;

    use super::*;

    /// A bus on disk, whose card is a file.
    fn bus(combining: bool) -> (tempfile::TempDir, Slot) {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("sys/bus/pci/devices/0000:05:00.0");
        fs::create_dir_all(&folder).expect("a folder");
        let flags = if combining { 0x2200 } else { 0x200 };
        fs::write(folder.join("resource"), format!("0x1000 0x{:x} {flags:#x}\n", 0xfff + BAR_BYTES)).expect("a file");
        fs::write(folder.join("resource0"), vec![0; BAR_BYTES as usize]).expect("a file");
        if combining {
            fs::hard_link(folder.join("resource0"), folder.join("resource0_wc")).expect("a link");
        }
        let slot = Slot::at(root.path(), "0000:05:00.0".parse().expect("an address")).expect("a slot");
        (root, slot)
    }

    #[test]
    fn registers_and_commands_land_where_the_card_has_them() {
        for combining in [false, true] {
            let (_root, slot) = bus(combining);
            let (registers, window) = map_slot(&slot).expect("a BAR");
            let memory = DmaMemory::heap(16, 0);
            let mut card = SlotCard { name: "a file".into(), registers, window, memory, vfio: None };
            let file = fs::File::open(slot.bar_path(0, Caching::Uncached)).expect("a file");
            let word = |offset: u32| {
                let mut bytes = [0; 8];
                file.read_exact_at(&mut bytes, offset.into()).expect("a BAR");
                u64::from_le_bytes(bytes)
            };
            card.write(register::WATCHDOG_PERIOD, 77);
            assert_eq!(card.read(register::WATCHDOG_PERIOD), 77);
            assert_eq!(word(register::WATCHDOG_PERIOD.offset) as u32, 77);
            let words: [u64; 8] = std::array::from_fn(|index| 100 + index as u64);
            card.post(3, &Command::from_words(words));
            for (index, expected) in words.into_iter().enumerate() {
                assert_eq!(word(WINDOW_OFFSET + 3 * 64 + 8 * index as u32), expected, "combining {combining}");
                card.store(5, index, expected);
                assert_eq!(word(WINDOW_OFFSET + 5 * 64 + 8 * index as u32), expected, "combining {combining}");
            }
            drop(card);
            assert_eq!(word(register::CONTROL.offset) as u32, register::RESET.mask(), "it is stopped");
        }
    }

    #[test]
    fn an_empty_slot_is_named_by_either_way() {
        let address: Address = "ffff:ff:1f.7".parse().expect("an address");
        for card in [SlotCard::through_vfio(address, 16), SlotCard::through_sysfs(address, 16)] {
            let error = card.err().expect("no machine has this slot").to_string();
            assert!(error.contains("nothing is at ffff:ff:1f.7"), "{error}");
        }
    }
}
