//! Memory of a kernel, counted by the allocator: the kernel allocates when it is made, and then no more.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use hedgewire_kernel::{Form, Kernel, Sizes};

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting what is held.
pub struct Counting;

// SAFETY: every call is handed to the system's allocator unchanged, and what it returns is returned unchanged; the
// counter is not part of any layout.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller vouches for the layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller vouches that `pointer` came from `alloc` with this layout, and so from the system.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Bytes of a kernel of some sizes.
#[derive(Debug, Clone, Copy)]
pub struct KernelBytes {
    /// Sizes.
    pub sizes: Sizes,
    /// Heap and the struct itself.
    pub bytes: usize,
}

/// Bytes of a small kernel and of the default one.
pub fn of_kernels(form: Form) -> Vec<KernelBytes> {
    let small = Sizes { underlyings: 1, rows: 256, intervals: 256 };
    [small, Sizes::default()].map(|sizes| KernelBytes { sizes, bytes: of_kernel(sizes, form) }).to_vec()
}

fn of_kernel(sizes: Sizes, form: Form) -> usize {
    let before = ALLOCATED.load(Ordering::Relaxed);
    let kernel = Kernel::new(sizes, form);
    let heap = ALLOCATED.load(Ordering::Relaxed) - before;
    heap + size_of_val(&kernel)
}
