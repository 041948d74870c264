//! First program of the virtual machine in which the card driver meets a real kernel: `tests/vfio_guest.rs` boots it.
//!
//! ```text
//!   kernel -> /init (this) -> mounts, modules, huge pages -> checks of one scene -> exit status of the machine
//! ```
//!
//! The kernel's command line names the scene (`hedgewire.scene=`). Each check prints one line, `ok` or `FAILED`;
//! the last line counts them. It is linked statically: there is nothing else in the machine but kernel modules.
//!
//! Invariant: the machine ends with the status for success only if checks ran and none failed. A panic ends the
//! first program, hence the kernel, hence the machine, with another status.

mod checks;
mod edu;
mod exit;
mod scenes;
mod simulated;

use std::error::Error;
use std::path::Path;

use checks::Checks;
use rustix::mount::{MountFlags, mount};
use simulated::Load;

/// Modules in the order in which they need one another, and their parameters.
const VFIO_MODULES: &[&str] = &["irqbypass", "vfio", "vfio_virqfd", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci"];
const UIO_MODULES: &[&str] = &["uio", "uio_pci_generic"];

const KERNEL: Load = Load { commands: 5_000, commands_with_a_fault: 300 };
const VERILOG: Load = Load { commands: 300, commands_with_a_fault: 120 };

fn main() {
    let mut checks = Checks::default();
    // The firmware leaves its last line unfinished.
    println!();
    checks.check("the machine is set up", set_up);
    let line = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let scene = line.split_whitespace().find_map(|word| word.strip_prefix("hedgewire.scene="));
    match scene {
        Some("vfio") => scenes::vfio(&mut checks),
        Some("interrupts-not-remapped") => scenes::interrupts_not_remapped(&mut checks),
        Some("no-iommu") => scenes::no_iommu(&mut checks),
        Some("card-kernel") => simulated::through_vfio(&mut checks, KERNEL),
        Some("card-sysfs") => simulated::through_sysfs(&mut checks, KERNEL),
        Some("card-verilator") => simulated::through_vfio(&mut checks, VERILOG),
        other => checks.check("a scene is named", || Err::<String, _>(format!("{other:?} is none").into())),
    }
    exit::machine(checks.finish())
}

fn set_up() -> Result<String, Box<dyn Error>> {
    for (kind, at) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("debugfs", "/sys/kernel/debug")] {
        std::fs::create_dir_all(at)?;
        mount(kind, at, kind, MountFlags::empty(), None).map_err(|error| format!("mount {at}: {error}"))?;
    }
    std::fs::write("/proc/sys/vm/nr_hugepages", "8")?;
    std::fs::create_dir_all("/huge")?;
    mount("none", "/huge", "hugetlbfs", MountFlags::empty(), None)?;
    let mut loaded = 0;
    for name in VFIO_MODULES.iter().chain(UIO_MODULES) {
        let path = format!("/modules/{name}.ko");
        // Kernels differ in what is a module; what is missed shows in the checks.
        if Path::new(&path).exists() {
            let file = std::fs::File::open(&path)?;
            rustix::system::finit_module(&file, c"", 0).map_err(|error| format!("{name}: {error}"))?;
            loaded += 1;
        }
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!("Linux {}, {loaded} modules", release.trim()))
}
