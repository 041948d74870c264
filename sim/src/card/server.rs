//! A card as a process: a PCI device over vfio-user, with any engine behind it.
//!
//! ```text
//!   socket thread:  messages --> configuration space
//!                           \--> request --+                      one at a time, answered in order
//!                                          v
//!   card thread:    window page --> [delay] --> Front --> Engine --> [delay] --> DMA memory
//!                   (mapped by the host, polled)                                 (the host's, mapped here)
//! ```
//!
//! Registers are messages because each access has an effect: a polled page could not tell when a reset was
//! written, nor answer a read after the writes before it. The command window is shared memory. A card sees there
//! what was stored, not that it was: so an empty word holds [`EMPTY`], a command is there when the last word of the
//! line that comes next is something else, and a word that still is [`EMPTY`] then was not written. (A word that
//! happens to have that value is thus taken for missing: the command is dropped and flagged, never taken wrong.)
//!
//! The card's clock is the machine's, at the given frequency: its watchdog counts that. The delay is a model of PCIe:
//! commands reach the card, and events the host, so much later. It moves nothing but time.
//!
//! Invariants:
//! * everything that the card is belongs to the card thread; the socket thread sends it requests and waits;
//! * the card writes into memory that the host has handed over, or nowhere: other writes are counted as blocked;
//! * a host that leaves, however it does, leaves a card behind that was reset and has no memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use hedgewire_abi::register::{self, BAR_BYTES, WINDOW_BYTES, WINDOW_OFFSET};
use hedgewire_abi::{Event, RECORD_BYTES};
use hedgewire_host::card::memory::{Memory, MemoryError, Source};
use hedgewire_host::card::ring::Word;
use hedgewire_host::card::{DmaMemory, LAST_WORD, WINDOW_LINES};
use thiserror::Error;
use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX,
    VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS,
    VFIO_REGION_INFO_FLAG_MMAP, VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE, vfio_region_info,
    vfio_region_sparse_mmap_area,
};
use vfio_user::{DmaMapFlags, DmaUnmapFlags, IrqInfo, Server, ServerBackend, ServerRegion, SparseArea};

use super::configuration::ConfigurationSpace;
use super::front::Served;
use super::in_process::write_slot;
use super::{Bus, Engine, Front};

/// What a word of the window holds that was not written.
pub const EMPTY: u64 = 0x5ca1_ab1e_0ddb_a11f;
/// What all bits of a read that is refused are.
const REFUSED_BYTE: u8 = 0xff;
/// Turns without anything to do before the card rests, and for how long: a machine may have fewer cores than
/// spinning threads.
const TURNS_BEFORE_YIELD: u32 = 1 << 10;
const TURNS_BEFORE_SLEEP: u32 = 1 << 17;
const SLEEP: Duration = Duration::from_micros(50);

/// Why a card could not be offered.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A thread could not be had.
    #[error("cannot set up the card: {0}")]
    System(#[from] io::Error),
    /// What computes has failed.
    #[error("the card's engine has failed, and the card has ended: {what}")]
    Engine {
        /// What it says.
        what: String,
    },
    /// There is no memory for its BAR.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The socket could not be made.
    #[error(
        "cannot listen on {path}: {what}; choose another path, of 107 bytes at most, in a folder that is there, or \
         remove the socket if no other card uses it"
    )]
    Listen {
        /// The socket.
        path: String,
        /// What is wrong.
        what: String,
    },
}

/// How a card is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Cycles of its clock in a second.
    pub clock_hz: u64,
    /// What a posted write takes to cross the bus, each way, ns; 0 is no model.
    pub delay_ns: u64,
}

/// What was served in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// By the card.
    pub served: Served,
    /// Hosts that have come.
    pub hosts: u64,
    /// Writes outside of the memory that the host had handed over.
    pub blocked: u64,
}

/// Something that only the card thread can do.
enum Request {
    Read(u32, Sender<Option<u32>>),
    Write(u32, u32, Sender<()>),
    Map(DmaMemory, Sender<()>),
    Unmap(u64, u64, Sender<()>),
    Interrupt(Option<File>, Sender<()>),
    Reset(Sender<()>),
    Left,
}

/// Serves a card at `path` until `stop` is set or, with `once`, until the first host has left; `ready` is called
/// when hosts can connect. A card whose engine fails ends: a host sees that it is gone.
///
/// # Errors
/// [`ServeError`].
pub fn serve<E: Engine>(
    engine: E,
    path: &Path,
    pace: Pace,
    once: bool,
    stop: &AtomicBool,
    ready: impl FnOnce(),
) -> Result<Totals, ServeError> {
    // Plain pages: a BAR is two of them.
    let bar = Arc::new(Memory::by(Source::LockedMemfd, BAR_BYTES as usize)?);
    let first_line = WINDOW_OFFSET as usize / RECORD_BYTES;
    let window = WindowPage::new(DmaMemory::of(bar.clone(), first_line..first_line + WINDOW_LINES as usize, 0));
    let listen =
        |error: vfio_user::Error| ServeError::Listen { path: path.display().to_string(), what: error.to_string() };
    let server = Server::new(path, true, interrupts(), regions(&bar)).map_err(listen)?;
    let (sender, requests) = sync_channel(1);
    // The descriptor that the regions name must stay open for as long as the server lives.
    thread::Builder::new().name("vfio-user".into()).spawn(move || serve_socket(&server, sender, bar))?;
    ready();
    let mut card = CardThread::new(Front::new(engine), window, pace, requests);
    let ran = card.run(once, stop);
    // The socket thread is inside `accept` or a read, and ends with the process: its socket file goes now.
    let _ = std::fs::remove_file(path);
    ran.map(|()| card.totals)
}

// ---- the card thread ---------------------------------------------------------------------------

/// The command window as the card polls it.
struct WindowPage {
    lines: DmaMemory,
    /// Commands taken since the reset: the next is in the line of this number.
    taken: u64,
}

impl WindowPage {
    fn new(lines: DmaMemory) -> Self {
        let mut page = Self { lines, taken: 0 };
        page.reset();
        page
    }

    fn reset(&mut self) {
        self.taken = 0;
        self.lines.slots().iter().flat_map(|line| &line.0).for_each(|word| word.store(EMPTY, Ordering::Relaxed));
    }

    /// The words of the next command, if its last one was written.
    #[inline]
    fn take(&mut self) -> Option<[u64; LAST_WORD + 1]> {
        let line = &self.lines.slots()[(self.taken % WINDOW_LINES) as usize].0;
        // ORDERING: acquires the last word before it looks at the others. Pairs with the release in the host's
        // `post`: words of this command that were written are seen.
        let last = line[LAST_WORD].load_acquire();
        if last == EMPTY {
            return None;
        }
        let words = std::array::from_fn(|word| if word == LAST_WORD { last } else { Word::load(&line[word]) });
        // ORDERING: emptied before any event of this command is released. The host writes this line again only after
        // it has had answers to nearly all of a page's commands, this one among them.
        line.iter().for_each(|word| Word::store(word, EMPTY));
        self.taken += 1;
        Some(words)
    }
}

/// A record on its way, and when it arrives.
struct OnItsWay<T> {
    due: Instant,
    record: T,
}

/// Memory that the host has handed over, and events on their way there.
struct HostMemory {
    maps: Vec<DmaMemory>,
    delay: Duration,
    events: VecDeque<OnItsWay<(u64, Event)>>,
    blocked: u64,
    interrupt: Option<File>,
}

impl HostMemory {
    fn arrive(&mut self, address: u64, event: &Event) {
        self.blocked += u64::from(!self.maps.iter().any(|map| write_slot(map, address, event)));
        if let Some(interrupt) = &mut self.interrupt {
            // A full counter means that the host has not looked for a long while: it is told already.
            let _ = interrupt.write_all(&1u64.to_le_bytes());
        }
    }

    /// Writes events whose time has come.
    #[inline]
    fn deliver(&mut self) -> bool {
        let mut has_moved = false;
        while let Some(OnItsWay { record: (address, event), .. }) = pop_due(&mut self.events) {
            self.arrive(address, &event);
            has_moved = true;
        }
        has_moved
    }
}

impl Bus for HostMemory {
    #[inline]
    fn write(&mut self, address: u64, event: &Event) {
        if self.delay.is_zero() {
            return self.arrive(address, event);
        }
        self.events.push_back(OnItsWay { due: Instant::now() + self.delay, record: (address, *event) });
    }
}

#[inline]
fn pop_due<T>(queue: &mut VecDeque<OnItsWay<T>>) -> Option<OnItsWay<T>> {
    queue.front().is_some_and(|first| first.due <= Instant::now()).then(|| queue.pop_front()).flatten()
}

struct CardThread<E> {
    front: Front<E>,
    window: WindowPage,
    commands: VecDeque<OnItsWay<[u64; LAST_WORD + 1]>>,
    memory: HostMemory,
    pace: Pace,
    requests: Receiver<Request>,
    cycled: Instant,
    turns: u32,
    totals: Totals,
}

impl<E: Engine> CardThread<E> {
    fn new(front: Front<E>, window: WindowPage, pace: Pace, requests: Receiver<Request>) -> Self {
        let delay = Duration::from_nanos(pace.delay_ns);
        let memory = HostMemory { maps: Vec::new(), delay, events: VecDeque::new(), blocked: 0, interrupt: None };
        let (commands, cycled) = (VecDeque::new(), Instant::now());
        Self { front, window, commands, memory, pace, requests, cycled, turns: 0, totals: Totals::default() }
    }

    fn run(&mut self, once: bool, stop: &AtomicBool) -> Result<(), ServeError> {
        let mut idle_turns = 0u32;
        while !(stop.load(Ordering::Relaxed) || once && self.totals.hosts > 0) {
            if self.turn() {
                idle_turns = 0;
                continue;
            }
            if let Some(what) = self.front.engine().failure() {
                return Err(ServeError::Engine { what: what.to_owned() });
            }
            idle_turns = idle_turns.saturating_add(1);
            match idle_turns {
                TURNS_BEFORE_SLEEP.. => thread::sleep(SLEEP),
                TURNS_BEFORE_YIELD.. if idle_turns.is_multiple_of(TURNS_BEFORE_YIELD) => thread::yield_now(),
                _ => std::hint::spin_loop(),
            }
        }
        self.totals.served = self.front.served();
        self.totals.blocked = self.memory.blocked;
        Ok(())
    }

    /// One look at everything; false if there was nothing to do.
    #[inline]
    fn turn(&mut self) -> bool {
        let has_command = self.take_commands();
        let cycles = self.cycles();
        let has_moved = self.front.step(cycles, &mut self.memory);
        let has_delivered = self.memory.deliver();
        // A request is looked for now and then while there is work, and at once when there is none.
        self.turns = self.turns.wrapping_add(1);
        let is_quiet = !(has_command || has_moved || has_delivered);
        if (is_quiet || self.turns.is_multiple_of(16))
            && let Ok(request) = self.requests.try_recv()
        {
            self.answer(request);
            return true;
        }
        !is_quiet
    }

    /// From the window, through the delay, into the card.
    #[inline]
    fn take_commands(&mut self) -> bool {
        let mut has_moved = false;
        if let Some(words) = self.window.take() {
            has_moved = true;
            if self.memory.delay.is_zero() {
                self.store(words);
            } else {
                self.commands.push_back(OnItsWay { due: Instant::now() + self.memory.delay, record: words });
            }
        }
        while let Some(OnItsWay { record, .. }) = pop_due(&mut self.commands) {
            self.store(record);
            has_moved = true;
        }
        has_moved
    }

    #[inline]
    fn store(&mut self, words: [u64; LAST_WORD + 1]) {
        for (word, value) in words.into_iter().enumerate() {
            if value != EMPTY {
                self.front.store(word, value);
            }
        }
    }

    /// Cycles since this was last asked; the clock is read every few turns, for it takes longer than a turn.
    #[inline]
    fn cycles(&mut self) -> u64 {
        if !self.turns.is_multiple_of(64) {
            return 0;
        }
        let cycles = self.cycled.elapsed().as_nanos() * u128::from(self.pace.clock_hz) / 1_000_000_000;
        if cycles > 0 {
            self.cycled = Instant::now();
        }
        u64::try_from(cycles).unwrap_or(u64::MAX)
    }

    /// Does what the socket thread asks. Whoever asked may be gone; then nobody hears the answer.
    #[cold]
    fn answer(&mut self, request: Request) {
        match request {
            Request::Read(offset, reply) => {
                // As on a bus: what was posted before the read is there before it, both ways.
                while self.take_commands() || !self.commands.is_empty() {}
                while !self.memory.events.is_empty() {
                    self.memory.deliver();
                }
                let _ = reply.send(self.front.read(offset).ok());
            }
            Request::Write(offset, value, reply) => {
                // Posted: nobody hears of a refusal, and nothing has changed.
                let _ = self.front.write(offset, value);
                if offset == register::CONTROL.offset && value & register::RESET.mask() != 0 {
                    self.clear();
                }
                let _ = reply.send(());
            }
            Request::Map(memory, reply) => {
                self.memory.maps.push(memory);
                let _ = reply.send(());
            }
            Request::Unmap(address, bytes, reply) => {
                let last = address.saturating_add(bytes);
                self.memory.maps.retain(|map| !(address..last).contains(&map.bus_address()));
                let _ = reply.send(());
            }
            Request::Interrupt(descriptor, reply) => {
                self.memory.interrupt = descriptor;
                let _ = reply.send(());
            }
            Request::Reset(reply) => {
                self.front.reset();
                self.clear();
                let _ = reply.send(());
            }
            Request::Left => {
                self.front.reset();
                self.clear();
                self.memory.maps.clear();
                self.memory.interrupt = None;
                self.totals.hosts += 1;
            }
        }
    }

    /// Nothing is on its way any more, and the window is empty.
    fn clear(&mut self) {
        self.window.reset();
        self.commands.clear();
        self.memory.events.clear();
    }
}

// ---- the socket thread -------------------------------------------------------------------------

/// Serves one host after another, for as long as the card thread listens.
fn serve_socket(server: &Server, requests: SyncSender<Request>, _bar: Arc<Memory>) {
    let mut backend = Backend { requests, configuration: ConfigurationSpace::new(BAR_BYTES) };
    loop {
        // How a host left is its own business: the next one finds a card that was reset. The crate panics on some
        // messages that no host of sound mind sends; whoever sends one has left, and nobody else suffers.
        let _ = catch_unwind(AssertUnwindSafe(|| server.run(&mut backend)));
        backend.configuration = ConfigurationSpace::new(BAR_BYTES);
        if backend.requests.send(Request::Left).is_err() {
            return;
        }
    }
}

/// Messages, as requests to the card thread.
struct Backend {
    requests: SyncSender<Request>,
    configuration: ConfigurationSpace,
}

impl Backend {
    fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> io::Result<T> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the card has stopped");
        let (reply, answer) = channel();
        self.requests.send(request(reply)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())
    }
}

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        data.fill(REFUSED_BYTE);
        match (region, u32::try_from(offset)) {
            (VFIO_PCI_CONFIG_REGION_INDEX, Ok(offset)) => self.configuration.read(offset, data),
            (VFIO_PCI_BAR0_REGION_INDEX, Ok(offset)) if data.len() == 4 => {
                if let Some(value) = self.ask(|reply| Request::Read(offset, reply))? {
                    data.copy_from_slice(&value.to_le_bytes());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes that are refused are lost, without a word: they are posted on a bus.
    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        match (region, u32::try_from(offset), <[u8; 4]>::try_from(data)) {
            (VFIO_PCI_CONFIG_REGION_INDEX, Ok(offset), _) => self.configuration.write(offset, data),
            (VFIO_PCI_BAR0_REGION_INDEX, Ok(offset), Ok(value)) => {
                self.ask(|reply| Request::Write(offset, u32::from_le_bytes(value), reply))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Memory without a descriptor cannot be reached from here; writes there are blocked.
    fn dma_map(&mut self, _: DmaMapFlags, offset: u64, address: u64, size: u64, file: Option<File>) -> io::Result<()> {
        let Some(file) = file else { return Ok(()) };
        let bytes = usize::try_from(size).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let memory = DmaMemory::map(&file, offset, bytes / RECORD_BYTES, address)?;
        self.ask(|reply| Request::Map(memory, reply))
    }

    fn dma_unmap(&mut self, flags: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        let (address, size) = if flags.contains(DmaUnmapFlags::UNMAP_ALL) { (0, u64::MAX) } else { (address, size) };
        self.ask(|reply| Request::Unmap(address, size, reply))
    }

    fn reset(&mut self) -> io::Result<()> {
        self.ask(Request::Reset)
    }

    /// A descriptor connects the MSI, none disconnects it. Masks are the host's business: an eventfd has none.
    fn set_irqs(&mut self, index: u32, flags: u32, _: u32, _: u32, files: Vec<File>) -> io::Result<()> {
        if index != VFIO_PCI_MSI_IRQ_INDEX || flags & VFIO_IRQ_SET_ACTION_TRIGGER == 0 {
            return Ok(());
        }
        self.ask(|reply| Request::Interrupt(files.into_iter().next(), reply))
    }
}

fn regions(bar: &Memory) -> Vec<ServerRegion> {
    let region = |index| {
        let mut region_info =
            vfio_region_info { argsz: size_of::<vfio_region_info>() as u32, index, ..Default::default() };
        let (mut sparse_areas, mut mmap_fd) = (Vec::new(), None);
        let access = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
        if index == VFIO_PCI_CONFIG_REGION_INDEX {
            (region_info.size, region_info.flags) = (ConfigurationSpace::BYTES as u64, access);
        }
        if index == VFIO_PCI_BAR0_REGION_INDEX {
            (region_info.size, region_info.flags) = (BAR_BYTES.into(), access | VFIO_REGION_INFO_FLAG_MMAP);
            // Only the window may be mapped: the registers must be messages.
            let area = vfio_region_sparse_mmap_area { offset: WINDOW_OFFSET.into(), size: WINDOW_BYTES.into() };
            sparse_areas.push(SparseArea { area });
            mmap_fd = bar.descriptor().map(|descriptor| descriptor.as_raw_fd());
        }
        ServerRegion { region_info, sparse_areas, mmap_fd }
    };
    (0..VFIO_PCI_NUM_REGIONS).map(region).collect()
}

fn interrupts() -> Vec<IrqInfo> {
    let has = |index| matches!(index, VFIO_PCI_MSI_IRQ_INDEX | VFIO_PCI_INTX_IRQ_INDEX);
    let info = |index| IrqInfo { index, count: has(index).into(), flags: VFIO_IRQ_INFO_EVENTFD };
    (0..VFIO_PCI_NUM_IRQS).map(info).collect()
}
