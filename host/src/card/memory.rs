//! DMA memory: host memory that a card reads and writes, and that stays where it is.
//!
//! ```text
//!   memfd of huge pages ─fails─► file on hugetlbfs ─fails─► anonymous huge pages ─fails─► memfd of plain pages
//!   descriptor                   descriptor                 no descriptor                descriptor, locked
//! ```
//!
//! Huge pages come first: one page is one IOMMU entry and contiguous for the card, it is never swapped, and
//! the host's polling costs no TLB miss. A descriptor matters where the card is another process, which maps the
//! same memory. `Memory::source` says which way was taken, `Memory::refused` why not an earlier one.
//!
//! Invariants:
//! * Every page is present, writable and zero before `Memory::allocate` returns: no page fault later, on
//!   the hot path or inside a card's access, and no SIGBUS where the pool is short.
//! * A descriptor that is a memfd is sealed against growing and shrinking: a peer cannot pull the memory away.
//! * The mapping is reached as atomic words alone, because a card writes it behind the compiler's back.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use thiserror::Error;

/// Which kind of memory it became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Huge pages of the pool, as an unnamed file in memory.
    HugeMemfd,
    /// Huge pages of the pool, as an unlinked file on a mounted hugetlbfs.
    Hugetlbfs,
    /// Huge pages of the pool, without a file.
    HugeAnonymous,
    /// Pages of the usual size, locked, as an unnamed file in memory.
    LockedMemfd,
}

impl Source {
    /// Whether its pages are huge.
    pub fn is_huge(self) -> bool {
        self != Self::LockedMemfd
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HugeMemfd => "huge pages (memfd)",
            Self::Hugetlbfs => "huge pages (hugetlbfs)",
            Self::HugeAnonymous => "huge pages (anonymous)",
            Self::LockedMemfd => "plain pages, locked (memfd)",
        })
    }
}

/// What the memory must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing more than to be there: the card is in a slot.
    Memory,
    /// A file descriptor: the card is another process, which maps it.
    Descriptor,
}

/// Why one way was not taken.
#[derive(Debug)]
pub struct Refusal {
    /// The way.
    pub source: Source,
    /// What the operating system answered.
    pub error: io::Error,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.error)
    }
}

/// Why there is no DMA memory, or what it cannot do.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// Every way failed.
    #[error(
        "no DMA memory of {len_bytes} bytes ({}); reserve huge pages (`sysctl vm.nr_hugepages=N`) or raise the limit of \
         locked memory (`ulimit -l`, LimitMEMLOCK=infinity of a unit)",
        list(refused)
    )]
    None {
        /// Bytes asked for.
        len_bytes: usize,
        /// What each way answered.
        refused: Vec<Refusal>,
    },
    /// The size is zero or absurd.
    #[error("DMA memory of {len_bytes} bytes makes no sense; ask for 1 byte to 1 GiB")]
    Size {
        /// Bytes asked for.
        len_bytes: usize,
    },
    /// There is no one physical address.
    #[error(
        "the memory has no one physical address: {reason}; without an IOMMU a card needs it within one huge page, and \
         the program CAP_SYS_ADMIN"
    )]
    NotContiguous {
        /// What was found.
        reason: String,
    },
}

fn list(refused: &[Refusal]) -> String {
    refused.iter().map(Refusal::to_string).collect::<Vec<_>>().join("; ")
}

/// Most bytes of one piece: more than any ring needs.
const LEN_BYTES_MAX: usize = 1 << 30;

/// Memory that a card may be given, for as long as this value lives.
pub struct Memory {
    map: MmapRaw,
    descriptor: Option<OwnedFd>,
    source: Source,
    page_bytes: usize,
    refused: Vec<Refusal>,
}

impl Memory {
    /// Takes at least `len_bytes` bytes by the best way that works, in whole pages, present and zero.
    ///
    /// # Errors
    /// If no way works; the error holds the answer of each.
    pub fn allocate(len_bytes: usize, need: Need) -> Result<Self, MemoryError> {
        let ways: &[Source] = match need {
            Need::Memory => &[Source::HugeMemfd, Source::Hugetlbfs, Source::HugeAnonymous, Source::LockedMemfd],
            Need::Descriptor => &[Source::HugeMemfd, Source::Hugetlbfs, Source::LockedMemfd],
        };
        let mut refused = Vec::new();
        for &source in ways {
            match Self::by(source, len_bytes) {
                Ok(memory) => return Ok(Self { refused, ..memory }),
                Err(MemoryError::None { refused: one, .. }) => refused.extend(one),
                Err(other) => return Err(other),
            }
        }
        Err(MemoryError::None { len_bytes, refused })
    }

    /// Takes it by one way.
    ///
    /// # Errors
    /// If this way does not work.
    pub fn by(source: Source, len_bytes: usize) -> Result<Self, MemoryError> {
        if len_bytes == 0 || len_bytes > LEN_BYTES_MAX {
            return Err(MemoryError::Size { len_bytes });
        }
        let page_bytes = if source.is_huge() { huge_page_bytes() } else { plain_page_bytes() };
        let whole_bytes = len_bytes.next_multiple_of(page_bytes);
        let taken = take(source, whole_bytes, page_bytes).and_then(|(map, descriptor)| {
            populate(&map, source)?;
            Ok((map, descriptor))
        });
        match taken {
            Ok((map, descriptor)) => Ok(Self { map, descriptor, source, page_bytes, refused: Vec::new() }),
            Err(error) => Err(MemoryError::None { len_bytes, refused: vec![Refusal { source, error }] }),
        }
    }

    /// Which way was taken.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Better ways that did not work, and why.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// Bytes of one page.
    pub fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// Bytes, a multiple of the page.
    pub fn len_bytes(&self) -> usize {
        self.map.len()
    }

    /// Where it is in this process, for whoever maps it for a card.
    pub fn as_ptr(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }

    /// The file behind it, for a card in another process; there is none behind anonymous pages.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// The memory as words, in the order of their addresses.
    ///
    /// A card stores its bytes little-endian, and so does this host: a word is a little-endian field.
    pub fn words(&self) -> &[AtomicU64] {
        const { assert!(cfg!(target_endian = "little"), "records are little-endian words") };
        // SAFETY: the mapping is page-aligned, writable, a multiple of 8 bytes long and lives as long as
        // `self`; every access to it, by this process or a card, is that of an atomic word or of a device.
        unsafe { std::slice::from_raw_parts(self.map.as_mut_ptr().cast(), self.map.len() / size_of::<AtomicU64>()) }
    }

    /// Clears every word.
    pub fn clear(&self) {
        self.words().iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// Physical address, for a card without an IOMMU in front of it: what it puts on the bus.
    ///
    /// # Errors
    /// If the memory is not one huge page, or the kernel does not tell (it needs CAP_SYS_ADMIN).
    pub fn physical_address(&self) -> Result<u64, MemoryError> {
        let failed = |reason: String| MemoryError::NotContiguous { reason };
        if !self.source.is_huge() || self.len_bytes() != self.page_bytes {
            return Err(failed(format!("{} bytes of {}", self.len_bytes(), self.source)));
        }
        let frame = frame_number(self.map.as_ptr() as u64).map_err(|error| failed(format!("pagemap: {error}")))?;
        match frame {
            0 => Err(failed("the kernel hides page frames from this process".to_owned())),
            frame => Ok(frame * plain_page_bytes() as u64),
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.len_bytes(), self.source)
    }
}

/// Maps `len_bytes` by one way; pages need not be present yet.
fn take(source: Source, len_bytes: usize, page_bytes: usize) -> io::Result<(MmapRaw, Option<OwnedFd>)> {
    let file = match source {
        Source::HugeMemfd => sealed_memfd(len_bytes, libc::MFD_HUGETLB)?,
        Source::LockedMemfd => sealed_memfd(len_bytes, 0)?,
        Source::Hugetlbfs => hugetlbfs_file(len_bytes)?,
        Source::HugeAnonymous => {
            let page_bits = page_bytes.trailing_zeros() as u8;
            let map = MmapOptions::new().len(len_bytes).huge(Some(page_bits)).map_anon()?;
            return Ok((map.into(), None));
        }
    };
    let map = MmapOptions::new().len(len_bytes).map_raw(&file)?;
    Ok((map, Some(file.into())))
}

/// An unnamed file of `len_bytes` whose size nobody can change any more.
fn sealed_memfd(len_bytes: usize, extra: libc::c_uint) -> io::Result<File> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | extra;
    // SAFETY: the name is a C string; the descriptor is new and owned by nobody else.
    let file = unsafe { File::from_raw_fd(checked(libc::memfd_create(c"hedgewire-dma".as_ptr(), flags))?) };
    file.set_len(len_bytes as u64)?;
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: fcntl on a descriptor that is open; it takes an integer.
    checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) })?;
    Ok(file)
}

/// A file on the first hugetlbfs of the default page size where one can be made; its name is gone at once.
fn hugetlbfs_file(len_bytes: usize) -> io::Result<File> {
    let mounts = std::fs::read_to_string("/proc/mounts")?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no hugetlbfs is mounted");
    for mount in hugetlbfs_mounts(&mounts, huge_page_bytes()) {
        let made = OpenOptions::new().read(true).write(true).mode(0o600).custom_flags(libc::O_TMPFILE).open(&mount);
        match made.or_else(|_| named_then_unlinked(&mount)) {
            Ok(file) => return file.set_len(len_bytes as u64).map(|()| file),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Kernels before 5.19 know no unnamed file on hugetlbfs.
fn named_then_unlinked(mount: &Path) -> io::Result<File> {
    let path = mount.join(format!("hedgewire-dma.{}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Mount points of hugetlbfs in the text of `/proc/mounts` whose pages have the default size.
fn hugetlbfs_mounts(mounts: &str, page_bytes: usize) -> Vec<PathBuf> {
    let wanted = format!("pagesize={}M", page_bytes >> 20);
    mounts
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 3 && fields[2] == "hugetlbfs")
        .filter(|fields| !fields[3].contains("pagesize=") || fields[3].split(',').any(|option| option == wanted))
        .map(|fields| PathBuf::from(fields[1]))
        .collect()
}

/// Makes every page present and keeps it so; an empty pool is an error here and not a SIGBUS later.
fn populate(map: &MmapRaw, source: Source) -> io::Result<()> {
    let (address, len_bytes) = (map.as_mut_ptr().cast(), map.len());
    // SAFETY: the range is exactly the mapping, and none of these calls changes what it holds.
    unsafe {
        checked(libc::madvise(address, len_bytes, libc::MADV_POPULATE_WRITE))?;
        // A child would share pages that a card writes, or copy them away from under it.
        checked(libc::madvise(address, len_bytes, libc::MADV_DONTFORK))?;
        if !source.is_huge() {
            checked(libc::mlock(address, len_bytes))?;
        }
    }
    Ok(())
}

/// The frame of the page at this address, from the kernel's page map; 0 where it is not told.
fn frame_number(address: u64) -> io::Result<u64> {
    use std::os::unix::fs::FileExt;
    /// Bits of an entry that hold the frame (the kernel's admin-guide/mm/pagemap).
    const FRAME_BITS: u32 = 55;
    let mut entry = [0; 8];
    let at = address / plain_page_bytes() as u64 * entry.len() as u64;
    File::open("/proc/self/pagemap")?.read_exact_at(&mut entry, at)?;
    Ok(u64::from_le_bytes(entry) & ((1 << FRAME_BITS) - 1))
}

fn plain_page_bytes() -> usize {
    // SAFETY: asks for a constant of the system.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096)
}

/// Size of the pages that `MAP_HUGETLB` gives where no size is named; 2 MiB where the kernel has none.
fn huge_page_bytes() -> usize {
    let from = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("Hugepagesize:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()
    };
    std::fs::read_to_string("/proc/meminfo").ok().and_then(from).map_or(2 << 20, |kilobytes| kilobytes << 10)
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAYS: [Source; 4] = [Source::HugeMemfd, Source::Hugetlbfs, Source::HugeAnonymous, Source::LockedMemfd];

    /// Every way that this machine has, and its memory.
    fn found() -> Vec<Memory> {
        let tried = WAYS.map(|source| Memory::by(source, 5_000));
        tried
            .into_iter()
            .filter_map(|memory| memory.inspect_err(|error| println!("SKIPPED: DMA memory: {error}")).ok())
            .collect()
    }

    #[test]
    fn memory_is_whole_pages_of_zeros_that_can_be_written() {
        for memory in found() {
            assert!(
                memory.len_bytes() >= 5_000 && memory.len_bytes().is_multiple_of(memory.page_bytes()),
                "{memory:?}"
            );
            assert_eq!(memory.as_ptr() as usize % memory.page_bytes(), 0, "{memory:?}");
            assert!(memory.words().iter().all(|word| word.load(Ordering::Relaxed) == 0), "{memory:?}");
            let last = memory.words().len() - 1;
            memory.words()[last].store(7, Ordering::Relaxed);
            assert_eq!(memory.words()[last].load(Ordering::Relaxed), 7);
            memory.clear();
            assert_eq!(memory.words()[last].load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn descriptor_is_the_same_memory_in_another_mapping() {
        for memory in found() {
            let Some(descriptor) = memory.descriptor() else {
                assert_eq!(memory.source(), Source::HugeAnonymous);
                continue;
            };
            let other = MmapOptions::new().len(memory.len_bytes()).map_raw(descriptor.as_raw_fd()).expect("a mapping");
            memory.words()[1].store(0x0123_4567_89ab_cdef, Ordering::Release);
            // SAFETY: the second mapping is as long as the first, and word 1 lies within it.
            let seen = unsafe { other.as_ptr().cast::<u64>().add(1).read_volatile() };
            assert_eq!(seen, 0x0123_4567_89ab_cdef, "{memory:?}");
        }
    }

    #[test]
    fn peer_cannot_shrink_the_memory_under_us() {
        let memory = Memory::by(Source::LockedMemfd, 8192).expect("plain pages");
        let peer = File::from(memory.descriptor().expect("a memfd").try_clone_to_owned().expect("a descriptor"));
        let error = peer.set_len(0).expect_err("the size is sealed");
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    }

    #[test]
    fn best_way_is_taken_and_the_others_say_why_not() {
        for need in [Need::Memory, Need::Descriptor] {
            let memory = Memory::allocate(4096, need).expect("some memory");
            assert!(need == Need::Memory || memory.descriptor().is_some());
            let better = WAYS.iter().position(|&way| way == memory.source()).expect("a known way");
            let skipped = usize::from(need == Need::Descriptor && better == 3);
            assert_eq!(memory.refused().len(), better - skipped, "{:?}", memory.refused());
        }
    }

    #[test]
    fn absurd_sizes_are_refused_with_what_to_ask_for() {
        for len_bytes in [0, LEN_BYTES_MAX + 1] {
            let error = Memory::allocate(len_bytes, Need::Memory).expect_err("no such memory");
            assert!(error.to_string().contains("1 byte to 1 GiB"), "{error}");
        }
    }

    #[test]
    fn plain_pages_have_no_one_physical_address() {
        let memory = Memory::by(Source::LockedMemfd, 4096).expect("plain pages");
        assert!(matches!(memory.physical_address(), Err(MemoryError::NotContiguous { .. })));
    }

    #[test]
    fn mounts_of_the_default_page_size_are_found() {
        let mounts = "proc /proc proc rw 0 0\n\
                      none /big hugetlbfs rw,relatime,pagesize=1024M 0 0\n\
                      none /huge hugetlbfs rw,relatime,pagesize=2M 0 0\n\
                      none /old hugetlbfs rw 0 0\n\
                      short hugetlbfs\n";
        assert_eq!(hugetlbfs_mounts(mounts, 2 << 20), [PathBuf::from("/huge"), PathBuf::from("/old")]);
    }
}
