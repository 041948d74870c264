//! The scene of a simulated card: `hedgewire-card`, which QEMU shows to the kernel as a PCI device.
//!
//! ```text
//!   this program --> SlotCard --> /dev/vfio --> kernel --> QEMU: vfio-user-pci ~~ socket ~~> hedgewire-card
//!                        window: pages of the card's process       registers: messages     its engine
//!                        ring:   this machine's memory, through the IOMMU
//! ```
//!
//! The whole path is the one that a board will take: slot, VFIO, IOMMU, BAR, ring in huge pages, MSI. Only the card is
//! not a board.

use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};

use hedgewire_abi::register::{self, Register};
use hedgewire_host::card::pci::{self, Slot};
use hedgewire_host::card::vfio::DRIVER;
use hedgewire_host::card::{Address, Card, CardDriver, CardOptions, Change, Session, SessionOptions, SlotCard};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::card::campaign::{ABSORBED_BY_A_WINDOW, Backend, DynCard, in_microseconds};
use hedgewire_sim::card::conformance;
use hedgewire_sim::commands::CommandStream;

use crate::checks::{Checks, Outcome, equal, refused};

/// Vendor and device number of the card.
const ID: (u16, u16) = (0x10ee, 0x9038);
/// Sizes that `tests/vfio_guest.rs` starts it with.
const SIZES: Sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };
const SLOTS: usize = 1 << 12;
const SEED: u64 = 11;

/// How much is asked: the compiled Verilog is slower than the integer kernel.
#[derive(Clone, Copy)]
pub struct Load {
    /// Random commands.
    pub commands: u64,
    /// Commands of each run with a fault.
    pub commands_with_a_fault: usize,
}

/// A card behind an IOMMU, through VFIO.
pub fn through_vfio(checks: &mut Checks, load: Load) {
    let Some(slot) = find(checks) else { return };
    let address = slot.address;
    checks.check("the card is bound", || Ok(slot.bind(DRIVER).map(|()| DRIVER.to_owned())?));
    checks.check("a host that sleeps is woken by the card's MSI", || {
        let card = SlotCard::through_vfio(address, SLOTS)?;
        Ok(format!("{:?}", conformance::interrupt(card, SIZES, load.commands.min(200), SEED)?))
    });
    every_card(checks, &Address::Vfio(address), load);
    checks.check("memory that was not given to the card stays as it is", || stray(address));
}

/// A card in a machine without an IOMMU, through sysfs: what it writes and where, nobody checks.
pub fn through_sysfs(checks: &mut Checks, load: Load) {
    let Some(slot) = find(checks) else { return };
    every_card(checks, &Address::Sysfs(slot.address), load);
}

fn find(checks: &mut Checks) -> Option<Slot> {
    let mut found = Slot::find(Path::new("/"), ID.0, ID.1).unwrap_or_default();
    checks.check("the kernel has found the card", || equal(found.len(), 1));
    found.pop()
}

/// What holds of a card however it is reached.
fn every_card(checks: &mut Checks, address: &Address, load: Load) {
    let connect = || address.connect(SLOTS);
    checks.check("it says what it is", || identity(connect()?));
    checks.check("every check of a card, and random commands equal to the kernel", || {
        Ok(format!("{:?}", conformance::run(connect()?, SIZES, load.commands, SEED)?))
    });
    checks.check("a session as a replay has it", || session(address.clone(), load.commands));
    checks.check("nothing is lost, doubled or changed by any fault", || faults(address.clone(), load));
    checks.check("other sizes are refused, and what to do is said", || {
        let other = Sizes { rows: 256, ..SIZES };
        refused(CardDriver::start(connect()?, other, &CardOptions::default()).map(drop), "[sizes]")
    });
}

fn identity(card: DynCard) -> Outcome {
    let name = card.name();
    let driver = CardDriver::start(card, SIZES, &CardOptions::default())?;
    equal(driver.identity().sizes, SIZES)?;
    Ok(format!("{}; {name}", driver.identity()))
}

/// A session through the address that a user writes, beside a kernel of our own.
fn session(address: Address, commands: u64) -> Outcome {
    let connect = Box::new(move || address.connect(SLOTS));
    let observer = Box::new(|change: &Change| println!("{change}"));
    let options = SessionOptions { deadline: Duration::from_secs(60), ..SessionOptions::default() };
    let mut session = Session::open(Kernel::new(SIZES, Form::best()), options, connect, observer)?;
    let (mut stream, mut alone) = (CommandStream::new(SEED, SIZES), Kernel::new(SIZES, Form::best()));
    for number in 0..commands {
        let command = stream.next(session.last_events());
        let events = session.apply(&command)?;
        if events != alone.apply(&command) {
            return Err(format!("command {number}: {command:?} is answered {events:?}").into());
        }
        session.work();
    }
    equal((session.is_on_card(), session.changes()), (true, 1))?;
    Ok(format!("{commands} commands, all of them answered by the card"))
}

/// Every kind of fault on both sides, once; good cards come back.
fn faults(address: Address, load: Load) -> Outcome {
    // Nothing but a fault should reach this in an emulated machine.
    let patience = Duration::from_secs(2);
    let options = SessionOptions {
        check_every: 1,
        ask_after: SessionOptions::default().ask_after,
        deadline: patience,
        swap_deadline: patience,
        ..in_microseconds()
    };
    let campaign = Backend {
        name: "a PCI device",
        sizes: SIZES,
        options,
        commands: load.commands_with_a_fault,
        absorbs: ABSORBED_BY_A_WINDOW,
        connect: Rc::new(move || address.connect(SLOTS)),
    }
    .campaign(1)?;
    campaign.nothing_is_harmed()?;
    Ok(campaign.to_string())
}

/// Has the card write an event to a bus address that was never mapped.
fn stray(address: pci::Address) -> Outcome {
    const CANARY: u64 = 0xca4a_47ca_4a47_ca4a;
    const BEYOND: u64 = 1 << 26;
    let mut card = SlotCard::through_vfio(address, SLOTS)?;
    let memory = card.memory().clone();
    let words = || memory.slots().iter().flat_map(|slot| &slot.0);
    words().for_each(|word| word.store(CANARY, Relaxed));
    let base = memory.bus_address() + BEYOND;
    card.write(register::CONTROL, register::RESET.mask());
    wait(&mut card, register::STATUS, |status| status & register::RESETTING.mask() == 0)?;
    card.write(register::RING_BASE_LOW, base as u32);
    card.write(register::RING_BASE_HIGH, (base >> 32) as u32);
    card.write(register::RING_SIZE_LOG2, 1);
    card.write(register::CONTROL, register::ENABLE.mask());
    card.post(0, &CommandStream::new(SEED, SIZES).next(&[]));
    wait(&mut card, register::EVENTS_LOW, |events| events > 0)?;
    match words().filter(|word| word.load(Acquire) != CANARY).count() {
        0 => Ok(format!("an event for {base:#x} reached nothing")),
        hit => Err(format!("{hit} words were written over").into()),
    }
}

/// Waits until a register is as it should be.
fn wait(card: &mut SlotCard, register: Register, is_right: impl Fn(u32) -> bool) -> Result<(), String> {
    let since = Instant::now();
    while !is_right(card.read(register)) {
        if since.elapsed() > Duration::from_secs(20) {
            return Err(format!("{} stays {:#x}", register.name, card.read(register)));
        }
    }
    Ok(())
}
