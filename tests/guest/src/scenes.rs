//! What is checked in each kind of machine.

use std::path::Path;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};

use hedgewire_abi::register::WINDOW_OFFSET;
use hedgewire_abi::{Command, RECORD_BYTES};
use hedgewire_host::card::interrupt::Interrupt;
use hedgewire_host::card::memory::{Memory, Need, Source};
use hedgewire_host::card::pci::Slot;
use hedgewire_host::card::vfio::{DRIVER, Mapping, Vfio};
use hedgewire_host::card::window::{Bar, Caching, Posting, WideStores, Window};

use crate::checks::{Checks, Outcome, equal, refused};
use crate::edu::{self, Edu, TRANSFER_BYTES};

/// Vendor and device number of QEMU's `ivshmem-plain`: its BAR 2 is memory that may be combined.
const IVSHMEM: (u16, u16) = (0x1af4, 0x1110);

const WORDS: usize = TRANSFER_BYTES as usize / size_of::<u64>();
const SOURCES: [Source; 4] = [Source::HugeMemfd, Source::Hugetlbfs, Source::HugeAnonymous, Source::LockedMemfd];

/// A machine as it should be: an IOMMU that remaps interrupts.
pub fn vfio(checks: &mut Checks) {
    let Some((edu, shared)) = find(checks, "an edu alone, two in one group, shared memory") else { return };
    checks
        .check("a card without driver says how to bind it", || refused(Vfio::open(edu[0].address), "driver_override"));
    checks.check("the card is bound", || Ok(edu[0].bind(DRIVER).map(|()| DRIVER.to_owned())?));
    checks.check("a group with a neighbour elsewhere is not viable", || neighbour_elsewhere(&edu[1], &edu[2]));
    checks.check("DMA memory of every kind", every_memory);
    let mut card = None;
    checks.check("the card is opened", || {
        let mut opened = Vfio::open(edu[0].address)?;
        opened.limit_bus_addresses(edu::BUS_ADDRESS_LIMIT);
        let bar = opened.map_bar(0)?;
        let identity = opened.identity()?;
        card = Some((opened, bar));
        equal(identity, edu::ID)
    });
    if let Some((card, bar)) = &mut card {
        with_card(checks, card, bar);
    }
    checks.check("a card that is had cannot be had twice", || match card {
        Some(_) => refused(Vfio::open(edu[0].address), "another program has the card"),
        None => Err("nobody has it".into()),
    });
    combining(checks, &shared);
}

fn with_card(checks: &mut Checks, card: &mut Vfio, bar: &Bar) {
    checks.check("the card answers in its BAR", || edu::answers(bar));
    checks.check("a bus reset that the card lacks is refused", || refused(card.reset(), "no function-level reset"));
    for source in SOURCES {
        checks.check(&format!("DMA both ways, {source}"), || {
            let memory = Memory::by(source, 2 * TRANSFER_BYTES as usize)?;
            let mapping = card.map(&memory)?;
            let said = both_ways(bar, &memory, mapping.bus_address)?;
            card.unmap(mapping)?;
            Ok(said)
        });
    }
    let memory = match Memory::allocate(4096, Need::Memory) {
        Ok(memory) => memory,
        Err(error) => return checks.check("memory for the card", || Err(error.into())),
    };
    checks.check("an interrupt after a transfer", || {
        let interrupt = card.interrupt()?;
        let mapping = card.map(&memory)?;
        let said = interrupt_after_transfer(bar, &interrupt, mapping);
        card.unmap(mapping)?;
        said
    });
    checks.check("an address that was never mapped", || {
        let mapping = card.map(&memory)?;
        let said = stays_intact(bar, &memory, mapping.bus_address + mapping.len_bytes);
        card.unmap(mapping)?;
        said
    });
    checks.check("an address that is mapped no more", || {
        let mapping = card.map(&memory)?;
        card.unmap(mapping)?;
        stays_intact(bar, &memory, mapping.bus_address)
    });
    checks.check("memory beyond the card's addresses is refused", || {
        let mut mapped = 0;
        while card.map(&memory).is_ok() {
            mapped += 1;
        }
        let said = refused(card.map(&memory), "do not fit below bus address 0x10000000")?;
        Ok(format!("after {mapped} mappings: {said}"))
    });
}

/// A machine whose IOMMU lets any interrupt through.
pub fn interrupts_not_remapped(checks: &mut Checks) {
    let Some((edu, _)) = find(checks, "an edu") else { return };
    checks.check("the card is bound", || Ok(edu[0].bind(DRIVER).map(|()| DRIVER.to_owned())?));
    checks.check("the IOMMU is refused, and why is said", || {
        refused(Vfio::open(edu[0].address), "does not remap interrupts")
    });
}

/// A machine without an IOMMU: a BAR through sysfs, and memory by its physical address.
pub fn no_iommu(checks: &mut Checks) {
    let Some((edu, _)) = find(checks, "an edu") else { return };
    checks.check("VFIO without an IOMMU says what to switch on", || refused(Vfio::open(edu[0].address), "VT-d"));
    for driver in ["no driver", "uio_pci_generic"] {
        checks.check(&format!("a BAR through sysfs, DMA by physical address, {driver}"), || {
            if driver != "no driver" {
                edu[0].bind(driver)?;
            }
            edu[0].enable()?;
            let bar = edu[0].map_bar(0, 0, 4096, Caching::Uncached)?;
            let memory = Memory::by(Source::HugeMemfd, 2 * TRANSFER_BYTES as usize)?;
            let address = memory.physical_address()?;
            Ok(format!("{}; {} at {address:#x}", edu::answers(&bar)?, both_ways(&bar, &memory, address)?))
        });
    }
}

/// The devices of the machine.
fn find(checks: &mut Checks, what: &str) -> Option<(Vec<Slot>, Vec<Slot>)> {
    let root = Path::new("/");
    let (edu, shared) = (Slot::find(root, edu::ID.0, edu::ID.1), Slot::find(root, IVSHMEM.0, IVSHMEM.1));
    let found = (edu.unwrap_or_default(), shared.unwrap_or_default());
    let count = found.0.len();
    checks.check(&format!("the devices are there: {what}"), || equal(count, 3));
    (count == 3).then_some(found)
}

fn neighbour_elsewhere(card: &Slot, neighbour: &Slot) -> Outcome {
    card.bind(DRIVER)?;
    neighbour.bind("uio_pci_generic")?;
    refused(Vfio::open(card.address), &format!("{} (uio_pci_generic)", neighbour.address))
}

fn every_memory() -> Outcome {
    for source in SOURCES {
        let memory = Memory::by(source, 3 << 20)?;
        if memory.source().is_huge() != (memory.page_bytes() == 2 << 20) {
            return Err(format!("{source} has pages of {} bytes", memory.page_bytes()).into());
        }
        if !memory.words().iter().all(|word| word.load(Relaxed) == 0) {
            return Err(format!("{source} is not zero").into());
        }
    }
    let most = Memory::by(Source::HugeMemfd, 1 << 30);
    refused(most, "huge pages (memfd): Cannot allocate memory")?;
    equal(Memory::allocate(1, Need::Descriptor)?.source(), Source::HugeMemfd)?;
    Ok("all four; a pool that is too small is an error".to_owned())
}

/// A pattern into the card and back to another place, bit for bit.
fn both_ways(bar: &Bar, memory: &Memory, address: u64) -> Outcome {
    let pattern = |index: usize| (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (there, back) = memory.words().split_at(WORDS);
    there.iter().enumerate().for_each(|(index, word)| word.store(pattern(index), Relaxed));
    let since = Instant::now();
    Edu(bar).read_host(address)?;
    Edu(bar).write_host(address + u64::from(TRANSFER_BYTES))?;
    let differing = (0..WORDS).filter(|&index| back[index].load(Acquire) != pattern(index)).count();
    match differing {
        0 => Ok(format!("{TRANSFER_BYTES} bytes bit for bit in {} ms", since.elapsed().as_millis())),
        _ => Err(format!("{differing} of {WORDS} words differ").into()),
    }
}

fn interrupt_after_transfer(bar: &Bar, interrupt: &Interrupt, mapping: Mapping) -> Outcome {
    let before = interrupt.take()?;
    Edu(bar).write_host_and_interrupt(mapping.bus_address)?;
    let since = Instant::now();
    let mut count = interrupt.take()?;
    while count == 0 && since.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(1));
        count = interrupt.take()?;
    }
    let reasons = Edu(bar).acknowledge();
    equal((before, count, reasons), (0, 1, 0x100))
}

/// Has the card write where it may not, and looks whether our memory felt it.
fn stays_intact(bar: &Bar, memory: &Memory, address: u64) -> Outcome {
    const CANARY: u64 = 0xca4a_47ca_4a47_ca4a;
    memory.words().iter().for_each(|word| word.store(CANARY, Relaxed));
    Edu(bar).write_host(address)?;
    let hit = memory.words().iter().filter(|word| word.load(Acquire) != CANARY).count();
    match hit {
        0 => Ok(format!("the IOMMU stopped a write to {address:#x}")),
        _ => Err(format!("{hit} words were written over").into()),
    }
}

/// Posting into a BAR that may be combined, while VFIO has the card.
fn combining(checks: &mut Checks, shared: &[Slot]) {
    const BAR: u32 = 2;
    let Some(slot) = shared.first() else {
        return checks.check("shared memory", || Err("is not there".into()));
    };
    checks.check("registers uncached, window write-combining, under VFIO", || {
        slot.bind(DRIVER)?;
        let card = Vfio::open(slot.address)?;
        let (registers, mut window) = card.map_card(BAR)?;
        equal(memory_type(slot, BAR, 0)?, "uncached-minus".to_owned())?;
        equal(memory_type(slot, BAR, WINDOW_OFFSET)?, "write-combining".to_owned())?;
        window.post(0, &command(1));
        equal(registers.caching(), Caching::Uncached)?;
        Ok(format!("{} and {:?}", window.posting(), registers))
    });
    checks.check("a BAR that VFIO has mapped before does not combine", || {
        let card = Vfio::open(slot.address)?;
        let _first = card.map_bar(BAR)?;
        // Kernels with CONFIG_IO_STRICT_DEVMEM refuse; others map it as VFIO has.
        match slot.map_bar(BAR as usize, WINDOW_OFFSET.into(), 0x1000, Caching::WriteCombining) {
            Ok(_second) => equal(memory_type(slot, BAR, WINDOW_OFFSET)?, "uncached-minus".to_owned()),
            refusal => refused(refusal, "has this BAR mapped already"),
        }
    });
    checks.check("posted commands arrive whole, by every way", || {
        let read = slot.map_bar(BAR as usize, 0, 0x2000, Caching::Uncached)?;
        let mut said = Vec::new();
        for posting in [Posting::Direct, Posting::CombinedLine, Posting::CombinedWords, Posting::Words] {
            if !posting.is_possible(WideStores::of_this_cpu()) {
                continue;
            }
            let page = slot.map_bar(BAR as usize, WINDOW_OFFSET.into(), 0x1000, Caching::WriteCombining)?;
            let mut window = Window::with_posting(page.into(), 0, posting, WideStores::of_this_cpu());
            for seq in 1..=1000 {
                window.post(0, &command(seq));
                let word = |index| read.read_u32(WINDOW_OFFSET as usize + 4 * index);
                let found: [u32; RECORD_BYTES / 4] = std::array::from_fn(word);
                let bytes = command(seq).0;
                let expected = std::array::from_fn(|at| u32::from_le_bytes(std::array::from_fn(|b| bytes[4 * at + b])));
                equal(found, expected)?;
            }
            said.push(posting.to_string());
        }
        Ok(said.join("; "))
    });
}

fn command(seq: u64) -> Command {
    Command::from_words(std::array::from_fn(|index| if index == 7 { seq } else { seq << 8 | index as u64 }))
}

/// How the kernel has a page of a BAR mapped: `PAT: [mem 0x..-0x..] write-combining`.
fn memory_type(slot: &Slot, bar: u32, offset: u32) -> Result<String, Box<dyn std::error::Error>> {
    let address = slot.resource(bar as usize)?.start + u64::from(offset);
    let list = std::fs::read_to_string("/sys/kernel/debug/x86/pat_memtype_list")?;
    let covers = |line: &str| {
        let (range, kind) = line.split_once("[mem ")?.1.split_once("] ")?;
        let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
        let (first, last) = range.split_once('-')?;
        (number(first)? <= address && address < number(last)?).then(|| kind.trim().to_owned())
    };
    list.lines().find_map(covers).ok_or_else(|| format!("{address:#x} is not in {list}").into())
}
