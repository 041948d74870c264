//! The seam between host and card: registers, command window, DMA memory, `idle`. Nothing above it knows
//! which card it has.
//!
//! ```text
//!   Session (fail-over)  ->  CardDriver (bring-up, post, poll)  ->  trait Card  ->  a back end
//!                                     |                                 |
//!                                     +--- event ring, host memory <----+  written by the card
//!
//!   back ends: vfio-user, kernel VFIO (both here), and cards in process (`hedgewire-sim`)
//!
//!   pci     what is in a slot, which driver has it; a BAR through sysfs (degraded)
//!   vfio    a card through the kernel's VFIO: its BARs, its interrupts, and an IOMMU in front of our memory
//!   slot    a card in a slot, as a card
//!   interrupt  the card's MSI as a count, for a host that sleeps
//!   memory  host memory that a card writes: huge pages where there are some
//!   window  a mapped BAR, and how 64 bytes are posted into it
//! ```
//!
//! Invariants:
//! * a card that is gone does not fail: its registers read as all ones and what is written to it is lost, as on
//!   a bus from which a board was pulled. Whoever reads decides what that means;
//! * on the way from a quote to an order there is one [`Card::post`] and loads of host memory, nothing else;
//! * `unsafe` of the host lives in these modules (and where a capture is mapped), behind safe functions that check
//!   every offset.

pub mod address;
pub mod dma;
pub mod driver;
pub mod failover;
pub mod interrupt;
pub mod memory;
pub mod pci;
pub mod ring;
pub mod slot;
pub mod vfio;
pub mod vfio_user;
pub mod window;

use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use hedgewire_abi::Command;
use hedgewire_abi::register::{Register, WINDOW_BYTES};

pub use address::Address;
pub use dma::DmaMemory;
pub use driver::{BringUpError, CardDriver, CardFault, CardOptions, Identity};
pub use failover::{Cause, Change, OnFault, Session, SessionError, SessionOptions};
pub use interrupt::Interrupt;
pub use slot::SlotCard;

/// What a register of a card that is gone reads as.
pub const ALL_ONES: u32 = u32::MAX;
/// Lines of the command window.
pub const WINDOW_LINES: u64 = WINDOW_BYTES as u64 / hedgewire_abi::RECORD_BYTES as u64;
/// The word of a command that makes the card take it.
pub const LAST_WORD: usize = 7;

/// A card, whatever it is and however it is reached.
pub trait Card {
    /// What it is, for people.
    fn name(&self) -> String;

    /// Reads a register; [`ALL_ONES`] if the card is gone.
    fn read(&mut self, register: Register) -> u32;

    /// Writes a register. Writes are posted: a read waits for all of them.
    fn write(&mut self, register: Register, value: u32);

    /// Stores one word of a line of the command window. [`LAST_WORD`] makes the card take the line's command.
    fn store(&mut self, line: usize, word: usize, value: u64);

    /// Writes a command into a line of the command window. Back ends that can write 64 bytes at once do so.
    #[inline]
    fn post(&mut self, line: usize, command: &Command) {
        let words = command.words();
        for (word, value) in words.iter().enumerate().take(LAST_WORD) {
            self.store(line, word, *value);
        }
        // ORDERING: the other words are in the window before the word that takes the command. Pairs with the
        // card, which looks at them after it has seen the last one.
        fence(Ordering::Release);
        self.store(line, LAST_WORD, words[LAST_WORD]);
    }

    /// The memory that the card may write: the event ring is at its start.
    fn memory(&self) -> &DmaMemory;

    /// Called when the host found nothing to read: a card in process goes on here.
    fn idle(&mut self) {
        std::hint::spin_loop();
    }

    /// From now on a card that does not answer a read for so long is gone. For back ends that can tell: a CPU that
    /// reads a register of a board stands still until the bus gives up.
    fn answer_within(&mut self, _silence: Duration) {}

    /// From now on has the card raise an interrupt after each event that it writes.
    ///
    /// # Errors
    /// Why there is none; polling does without.
    fn interrupt(&mut self) -> Result<Interrupt, String> {
        Err(format!("{} raises no interrupt; poll its ring, as the driver does anyway", self.name()))
    }
}

/// A card that is reached through a pointer is that card.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<C: Card + ?Sized> Card for $pointer {
            fn name(&self) -> String {
                (**self).name()
            }
            fn read(&mut self, register: Register) -> u32 {
                (**self).read(register)
            }
            fn write(&mut self, register: Register, value: u32) {
                (**self).write(register, value);
            }
            fn store(&mut self, line: usize, word: usize, value: u64) {
                (**self).store(line, word, value);
            }
            #[inline]
            fn post(&mut self, line: usize, command: &Command) {
                (**self).post(line, command);
            }
            fn memory(&self) -> &DmaMemory {
                (**self).memory()
            }
            #[inline]
            fn idle(&mut self) {
                (**self).idle();
            }
            fn answer_within(&mut self, silence: Duration) {
                (**self).answer_within(silence);
            }
            fn interrupt(&mut self) -> Result<Interrupt, String> {
                (**self).interrupt()
            }
        }
    )*};
}
forward!(Box<C>, &mut C);
