//! A mapped BAR, and how 64 bytes are posted into a window of it.
//!
//! ```text
//!   way              mapping          stores                              on the bus
//!   Direct           any device       one MOVDIR64B, fence                one write of 64 bytes
//!   CombinedLine     write-combining  one AVX-512 store, fence            one write of 64 bytes
//!   CombinedWords    write-combining  seven words, fence, the last, fence two writes at best
//!   Words            uncached, or     eight words, in order               eight writes of 8 bytes
//!                    plain memory
//! ```
//!
//! Whichever it is, the card takes a command when the word with its sequence number arrives (`abi::register::RULES`),
//! and so the last word never leaves before the others. `Posting::choose` takes the best way for a mapping and a CPU.
//!
//! Invariants: every offset is checked against the mapping; a register is one access of its own width, neither
//! merged nor left out nor moved past another one by the compiler.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use hedgewire_abi::{Command, RECORD_BYTES};
use memmap2::{MmapOptions, MmapRaw};

use super::LAST_WORD;

/// How the CPU treats stores to a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// Each access goes to the bus by itself, in order.
    Uncached,
    /// Stores gather in a buffer of one line and leave together, in no order without a fence.
    WriteCombining,
    /// Ordinary memory: a card in another process.
    WriteBack,
}

/// A mapped BAR, or a part of one.
pub struct Bar {
    map: MmapRaw,
    caching: Caching,
}

impl Bar {
    /// Maps `len_bytes` of a file from `offset` on, both in whole pages.
    ///
    /// # Errors
    /// If the file cannot be mapped so.
    pub fn map(file: &impl AsRawFd, offset: u64, len_bytes: usize, caching: Caching) -> io::Result<Self> {
        let map = MmapOptions::new().offset(offset).len(len_bytes).map_raw(file.as_raw_fd())?;
        Ok(Self { map, caching })
    }

    /// How it is mapped, as far as was asked for.
    pub fn caching(&self) -> Caching {
        self.caching
    }

    /// Reads the register at a byte offset.
    ///
    /// # Panics
    /// If it is not aligned, or not within the mapping.
    #[inline]
    pub fn read_u32(&self, offset: usize) -> u32 {
        // SAFETY: `at` has checked alignment and range, and the mapping lives as long as `self`.
        u32::from_le(unsafe { self.at::<u32>(offset).read_volatile() })
    }

    /// Writes the register at a byte offset.
    ///
    /// # Panics
    /// If it is not aligned, or not within the mapping.
    #[inline]
    pub fn write_u32(&self, offset: usize, value: u32) {
        // SAFETY: as in `read_u32`; the mapping is writable.
        unsafe { self.at::<u32>(offset).write_volatile(value.to_le()) }
    }

    /// Checked address of a `T`.
    #[inline]
    fn at<T>(&self, offset: usize) -> *mut T {
        let len_bytes = self.map.len();
        assert!(
            offset.is_multiple_of(size_of::<T>()) && offset < len_bytes && size_of::<T>() <= len_bytes - offset,
            "no aligned register of {} bytes at {offset:#x} in {len_bytes:#x} bytes",
            size_of::<T>()
        );
        // SAFETY: within the mapping, as was just checked.
        unsafe { self.map.as_mut_ptr().add(offset).cast() }
    }
}

impl fmt::Debug for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} bytes, {:?}", self.map.len(), self.caching)
    }
}

/// Whether this CPU can store 64 bytes at once, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WideStores {
    /// MOVDIR64B: 64 bytes to any kind of mapping, never split.
    pub movdir64b: bool,
    /// AVX-512: 64 bytes into one write-combining buffer.
    pub avx512f: bool,
}

impl WideStores {
    /// Those of the CPU that runs this.
    pub fn of_this_cpu() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            /// CPUID leaf 7, ECX (Intel SDM, volume 2A, CPUID).
            const MOVDIR64B: u32 = 1 << 28;
            let leaves = std::arch::x86_64::__cpuid(0).eax;
            let movdir64b = leaves >= 7 && std::arch::x86_64::__cpuid_count(7, 0).ecx & MOVDIR64B != 0;
            Self { movdir64b, avx512f: std::is_x86_feature_detected!("avx512f") }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::default()
    }
}

/// A way of posting a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posting {
    /// MOVDIR64B.
    Direct,
    /// One store of 64 bytes into a write-combining buffer.
    CombinedLine,
    /// Stores of 8 bytes into a write-combining buffer, the last one fenced off.
    CombinedWords,
    /// Stores of 8 bytes in order.
    Words,
}

impl Posting {
    /// The best way into such a mapping with such stores.
    pub fn choose(caching: Caching, stores: WideStores) -> Self {
        match caching {
            // A card in another process sees words in order; a store past the caches would only cost it time.
            Caching::WriteBack => Self::Words,
            _ if stores.movdir64b => Self::Direct,
            Caching::WriteCombining if stores.avx512f => Self::CombinedLine,
            Caching::WriteCombining => Self::CombinedWords,
            Caching::Uncached => Self::Words,
        }
    }

    /// Whether this CPU has the stores that it takes.
    pub fn is_possible(self, stores: WideStores) -> bool {
        match self {
            Self::Direct => stores.movdir64b,
            Self::CombinedLine => stores.avx512f,
            Self::CombinedWords | Self::Words => true,
        }
    }
}

impl fmt::Display for Posting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "one 64-byte write (MOVDIR64B)",
            Self::CombinedLine => "one 64-byte write (AVX-512 store, write-combining, one fence)",
            Self::CombinedWords => "two writes (8-byte stores, write-combining, two fences)",
            Self::Words => "eight 8-byte writes",
        })
    }
}

/// Lines of a window's page; each of them is the window.
const WINDOW_LINES: usize = super::WINDOW_LINES as usize;

/// One line of the window, as words.
type Line = [u64; RECORD_BYTES / size_of::<u64>()];

/// The page of a BAR into whose lines commands are posted.
pub struct Window {
    lines: *mut Line,
    posting: Posting,
    /// Keeps the mapping; registers may share it.
    _bar: Arc<Bar>,
}

// SAFETY: a window is only ever written through `&mut self`, and its mapping belongs to no thread.
unsafe impl Send for Window {}

impl Window {
    /// The window at a byte offset of a BAR, written in the best way that this CPU and the mapping have.
    ///
    /// # Panics
    /// If no whole window is at the offset.
    pub fn new(bar: Arc<Bar>, offset: usize) -> Self {
        let stores = WideStores::of_this_cpu();
        let posting = Posting::choose(bar.caching(), stores);
        Self::with_posting(bar, offset, posting, stores)
    }

    /// The same, written in a given way.
    ///
    /// # Panics
    /// If no whole window is at the offset, or the CPU has no such stores.
    pub fn with_posting(bar: Arc<Bar>, offset: usize, posting: Posting, stores: WideStores) -> Self {
        assert!(posting.is_possible(stores), "this CPU cannot post by {posting}");
        let lines = bar.at::<[Line; WINDOW_LINES]>(offset).cast();
        Self { lines, posting, _bar: bar }
    }

    /// How it is written.
    pub fn posting(&self) -> Posting {
        self.posting
    }

    /// Posts a command into a line: it is on its way to the card when this returns, and no later one can pass it.
    ///
    /// # Panics
    /// If the window has no such line.
    #[inline]
    pub fn post(&mut self, line: usize, command: &Command) {
        let line = self.line(line);
        // SAFETY: the line is one of a window that is kept, writable and aligned; `with_posting` has checked that the
        // CPU has the stores of its way.
        unsafe {
            match self.posting {
                #[cfg(target_arch = "x86_64")]
                Posting::Direct => store_direct(line, command),
                #[cfg(target_arch = "x86_64")]
                Posting::CombinedLine => store_line(line, command),
                Posting::CombinedWords => store_words(line, command, store_fence),
                _ => store_words(line, command, || fence(Ordering::Release)),
            }
        }
        if self.posting != Posting::Words {
            // ORDERING: drains the write-combining buffer (or the direct store), so that the command leaves now
            // and not when the line is needed, and before the first word of the next one. No partner on the
            // card: posted writes of one sender keep their order on the bus.
            store_fence();
        }
    }

    /// Stores one word of a line; it leaves by itself, and no later one can pass it. For commands there is
    /// [`Window::post`].
    ///
    /// # Panics
    /// If the window has no such line, or the line no such word.
    pub fn store(&mut self, line: usize, word: usize, value: u64) {
        assert!(word <= LAST_WORD, "a line has {} words, not {word}", LAST_WORD + 1);
        let line = self.line(line);
        // ORDERING: as between the words of `store_words`, and drained as in `post`: words gather nowhere.
        fence(Ordering::Release);
        // SAFETY: the line is one of a window that is kept, writable and aligned, and has this word.
        unsafe { line.cast::<u64>().add(word).write_volatile(value.to_le()) };
        if self.posting != Posting::Words {
            store_fence();
        }
    }

    /// Checked address of a line.
    #[inline]
    fn line(&mut self, line: usize) -> *mut Line {
        assert!(line < WINDOW_LINES, "a window has {WINDOW_LINES} lines, not {line}");
        // SAFETY: within the window, which `with_posting` has checked to be within the mapping.
        unsafe { self.lines.add(line) }
    }
}

/// Eight words; `order` stands between the last and those before it.
///
/// # Safety
/// The line must be mapped, writable and aligned.
#[inline]
unsafe fn store_words(line: *mut Line, command: &Command, order: impl Fn()) {
    let (line, words) = (line.cast::<u64>(), command.words());
    for (index, word) in words[..LAST_WORD].iter().enumerate() {
        // SAFETY: a line has eight words, and the caller vouches for it.
        unsafe { line.add(index).write_volatile(word.to_le()) };
    }
    // ORDERING: pairs with the card's rule that the last word takes the command, in another process its
    // acquire of that word: whoever sees the sequence number sees the seven words before it.
    order();
    // SAFETY: as above.
    unsafe { line.add(LAST_WORD).write_volatile(words[LAST_WORD].to_le()) };
}

/// MOVDIR64B.
///
/// # Safety
/// The line must be mapped, writable and aligned, and the CPU must have the instruction.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn store_direct(line: *mut Line, command: &Command) {
    // SAFETY: the caller vouches for line and CPU; the source is 64 readable bytes. It changes neither flags nor stack.
    unsafe {
        std::arch::asm!(
            "movdir64b {destination}, [{source}]",
            destination = in(reg) line,
            source = in(reg) command.0.as_ptr(),
            options(nostack, preserves_flags)
        );
    }
}

/// One store of 64 bytes.
///
/// # Safety
/// The line must be mapped, writable and aligned, and the CPU must have AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn store_line(line: *mut Line, command: &Command) {
    use std::arch::x86_64::{_mm512_load_si512, _mm512_stream_si512};
    // SAFETY: both are 64 bytes and aligned to them: a `Command` by its type, the line by the caller. A non-temporal
    // store is one store, which the compiler neither splits nor drops.
    unsafe { _mm512_stream_si512(line.cast(), _mm512_load_si512(command.0.as_ptr().cast())) }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "window by {}", self.posting)
    }
}

/// Makes stores that may gather or overtake one another leave in this order.
#[inline(always)]
fn store_fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 CPU has SSE.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
    #[cfg(not(target_arch = "x86_64"))]
    fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Posting; 4] = [Posting::Direct, Posting::CombinedLine, Posting::CombinedWords, Posting::Words];

    fn memory(caching: Caching) -> Arc<Bar> {
        let map = MmapOptions::new().len(8192).map_anon().expect("memory");
        Arc::new(Bar { map: map.into(), caching })
    }

    fn command(seq: u64) -> Command {
        Command::from_words(std::array::from_fn(|index| if index == 7 { seq } else { seq * 8 + index as u64 }))
    }

    fn line(bar: &Bar, offset: usize) -> [u64; 8] {
        std::array::from_fn(|index| {
            // SAFETY: checked by `at`.
            unsafe { bar.at::<u64>(offset + 8 * index).read_volatile() }
        })
    }

    /// The ways that can be run here; says which cannot.
    fn possible() -> impl Iterator<Item = Posting> {
        let stores = WideStores::of_this_cpu();
        ALL.into_iter().filter(move |posting| {
            let possible = posting.is_possible(stores);
            if !possible {
                println!("SKIPPED: this CPU cannot post by {posting}");
            }
            possible
        })
    }

    #[test]
    fn every_way_stores_the_command_and_nothing_else() {
        for posting in possible() {
            let bar = memory(Caching::WriteBack);
            let mut window = Window::with_posting(bar.clone(), 4096, posting, WideStores::of_this_cpu());
            for seq in 1..=100 {
                window.post(1, &command(seq));
                assert_eq!(line(&bar, 4096 + 64), command(seq).words(), "{posting}");
            }
            assert_eq!((line(&bar, 4096), line(&bar, 4096 + 128)), ([0; 8], [0; 8]), "{posting}");
            window.post(WINDOW_LINES - 1, &command(101));
            assert_eq!(line(&bar, 8192 - 64), command(101).words(), "{posting}");
        }
    }

    #[test]
    fn whoever_sees_the_sequence_number_sees_the_whole_command() {
        for posting in possible() {
            let bar = memory(Caching::WriteBack);
            let mut window = Window::with_posting(bar.clone(), 0, posting, WideStores::of_this_cpu());
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for seq in 1..=20_000 {
                        window.post(0, &command(seq));
                        // The card's answer, here in the second page, is what lets the next command go.
                        while bar.read_u32(4096) != seq as u32 {
                            std::thread::yield_now();
                        }
                    }
                });
                for seq in 1..=20_000 {
                    while bar.read_u32(56) != seq as u32 {
                        std::thread::yield_now();
                    }
                    fence(Ordering::Acquire);
                    assert_eq!(line(&bar, 0), command(seq).words(), "{posting}");
                    bar.write_u32(4096, seq as u32);
                }
            });
        }
    }

    #[test]
    fn best_way_follows_mapping_and_cpu() {
        let stores = |movdir64b, avx512f| WideStores { movdir64b, avx512f };
        for (caching, cpu, posting) in [
            (Caching::Uncached, stores(false, true), Posting::Words),
            (Caching::Uncached, stores(true, true), Posting::Direct),
            (Caching::WriteCombining, stores(true, true), Posting::Direct),
            (Caching::WriteCombining, stores(false, true), Posting::CombinedLine),
            (Caching::WriteCombining, stores(false, false), Posting::CombinedWords),
            (Caching::WriteBack, stores(true, true), Posting::Words),
        ] {
            assert_eq!(Posting::choose(caching, cpu), posting, "{caching:?} {cpu:?}");
        }
    }

    #[test]
    fn registers_are_words_at_their_offset() {
        let bar = memory(Caching::Uncached);
        bar.write_u32(8, 0x0403_0201);
        assert_eq!(bar.read_u32(8), 0x0403_0201);
        assert_eq!(line(&bar, 0)[1], 0x0403_0201);
        assert_eq!(bar.read_u32(8188), 0);
    }

    #[test]
    #[should_panic(expected = "no aligned register of 4 bytes at 0x2000")]
    fn register_behind_the_mapping_is_refused() {
        memory(Caching::Uncached).read_u32(8192);
    }

    #[test]
    #[should_panic(expected = "no aligned register of 4 bytes at 0x2")]
    fn register_off_its_alignment_is_refused() {
        memory(Caching::Uncached).read_u32(2);
    }

    #[test]
    #[should_panic(expected = "no aligned register of 4096 bytes at 0x1008")]
    fn window_off_its_page_is_refused() {
        Window::new(memory(Caching::Uncached), 4096 + 8);
    }

    #[test]
    #[should_panic(expected = "a window has 64 lines, not 64")]
    fn line_behind_the_window_is_refused() {
        Window::new(memory(Caching::Uncached), 4096).post(WINDOW_LINES, &command(1));
    }

    #[test]
    #[should_panic(expected = "cannot post by one 64-byte write (MOVDIR64B)")]
    fn way_that_the_cpu_does_not_have_is_refused() {
        Window::with_posting(memory(Caching::Uncached), 0, Posting::Direct, WideStores::default());
    }
}
