//! The card driver against a real kernel: Debian's, booted under QEMU with an IOMMU and QEMU's `edu` device, or with
//! `hedgewire-card` as a PCI device.
//!
//! ```text
//!   tests/guest --cargo, static--> /init -+
//!   kernel modules -----------------------+-> initramfs -> QEMU (TCG): q35, intel-iommu, edu, ivshmem
//!   target/guest/kernel (scripts/install) ------ kernel ----^       |
//!                                                    serial output, exit status
//! ```
//!
//! What is checked is in `tests/guest/src/scenes.rs` and `simulated.rs`; each scene is a boot of its own. The
//! machine's exit status says whether all checks passed. Its output is in `target/guest/SCENE.log`.
//!
//! Where QEMU, the kernel or a static C library is missing, `SKIPPED:` is printed. `scripts/install
//! qemu-system-x86_64 guest-kernel qemu-vfio-user` gets them: the last is a QEMU that has `vfio-user-pci` (10.1 or
//! newer), unpacked to `target/guest/qemu`, where the installed one has it not.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const QEMU: &str = "qemu-system-x86_64";
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// What QEMU exits with when every check has passed (`tests/guest/src/exit.rs`).
const PASSED: i32 = 33;
/// A boot takes seconds; one that takes this long hangs.
const BOOT_LIMIT: Duration = Duration::from_secs(300);
const MODULES: [&str; 8] =
    ["irqbypass", "vfio", "vfio_virqfd", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci", "uio", "uio_pci_generic"];
/// QEMU's own devices: a card alone, two in one group, and memory that may be combined.
const DEVICES: [&str; 10] = [
    "-device",
    "edu,addr=05.0",
    "-device",
    "edu,addr=06.0,multifunction=on",
    "-device",
    "edu,addr=06.1",
    "-object",
    "memory-backend-ram,id=shared,size=1M,share=on",
    "-device",
    "ivshmem-plain,memdev=shared,addr=07.0",
];
/// Memory whose descriptors QEMU can hand to the card's process.
const SHARED_MEMORY: [&str; 6] =
    ["-m", "512", "-object", "memory-backend-memfd,id=ram,size=512M,share=on", "-machine", "memory-backend=ram"];
/// An IOMMU that tells the card's process what is mapped.
const IOMMU: [&str; 2] = ["-device", "intel-iommu,intremap=on,caching-mode=on"];

#[test]
fn driver_maps_transfers_interrupts_and_is_isolated_under_a_real_kernel() {
    let iommu = ["-device", "intel-iommu,intremap=on", "-m", "512"];
    boot_with_edu("vfio", "intel_iommu=on", &iommu);
}

#[test]
fn iommu_without_interrupt_remapping_is_refused_with_the_reason() {
    let iommu = ["-device", "intel-iommu,intremap=off", "-m", "512"];
    boot_with_edu("interrupts-not-remapped", "intel_iommu=on", &iommu);
}

#[test]
fn without_an_iommu_a_card_is_reached_through_sysfs() {
    // All of memory lies where the device's 28 bits reach.
    boot_with_edu("no-iommu", "", &["-m", "224"]);
}

#[test]
fn a_simulated_card_is_a_pci_device_to_an_unmodified_kernel() {
    boot_with_card("card-kernel", "kernel", true);
}

#[test]
fn without_an_iommu_a_simulated_card_is_reached_through_sysfs() {
    boot_with_card("card-sysfs", "kernel", false);
}

#[cfg(feature = "verilog")]
#[test]
fn the_verilog_of_the_card_is_a_pci_device_to_an_unmodified_kernel() {
    if !runs("verilator", &["--version"]) {
        return println!("SKIPPED: the compiled Verilog as a PCI device: verilator is not installed");
    }
    boot_with_card("card-verilator", "verilator", true);
}

/// Boots a scene with QEMU's own devices, unless something for it is missing.
fn boot_with_edu(scene: &str, kernel_arguments: &str, machine: &[&str]) {
    match (installed_qemu(), images()) {
        (Ok(qemu), Ok(images)) => boot(&qemu, images, scene, kernel_arguments, &[machine, &DEVICES].concat()),
        (Err(missing), _) | (_, Err(missing)) => skip(scene, missing),
    }
}

/// Boots a scene with a card in another process, unless something for it is missing.
fn boot_with_card(scene: &str, engine: &str, has_iommu: bool) {
    let (qemu, images) = match (qemu_with_vfio_user(), images()) {
        (Ok(qemu), Ok(images)) => (qemu, images),
        (Err(missing), _) | (_, Err(missing)) => return skip(scene, missing),
    };
    let sockets = tempfile::tempdir().expect("a temporary folder");
    let socket = sockets.path().join("card.sock");
    let card = CardProcess::start(&socket, engine);
    let socket = socket.display();
    let device = format!(r#"{{"driver":"vfio-user-pci","addr":"08.0","socket":{{"path":"{socket}","type":"unix"}}}}"#);
    let (iommu, kernel_arguments) = if has_iommu { (&IOMMU[..], "intel_iommu=on") } else { (&[][..], "") };
    let machine = [&SHARED_MEMORY[..], iommu, &["-device", &device]].concat();
    boot(&qemu, images, scene, kernel_arguments, &machine);
    let said = card.end();
    println!("{}", said.trim_end());
    assert!(said.contains(" to 1 hosts"), "{said}");
    // The one that a scene with an IOMMU has it write outside of its memory.
    assert!(said.contains(&format!(" {} writes blocked", u8::from(has_iommu))), "{said}");
}

fn skip(scene: &str, missing: &str) {
    println!("SKIPPED: the driver meets no real kernel ({scene}): {missing}");
}

/// Boots a scene and waits for its end.
fn boot(qemu: &Path, images: &Images, scene: &str, kernel_arguments: &str, machine: &[&str]) {
    let since = Instant::now();
    let log = folder().join(format!("{scene}.log"));
    let output = File::create(&log).expect("a writable target folder");
    // An emulated timer may miss the kernel's check of it on a machine that is busy.
    let kernel_arguments =
        format!("console=ttyS0 quiet panic=-1 no_timer_check {kernel_arguments} hedgewire.scene={scene}");
    let mut qemu = Command::new(qemu);
    qemu.args(["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-nographic", "-nodefaults"])
        .args(["-no-reboot", "-serial", "stdio", "-monitor", "none", "-net", "none"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"])
        .args(machine)
        .arg("-kernel")
        .arg(&images.kernel)
        .arg("-initrd")
        .arg(&images.initramfs)
        .args(["-append", &kernel_arguments])
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a descriptor"))
        .stderr(output);
    let status = wait(qemu.spawn().expect("QEMU starts"), scene);
    let said = String::from_utf8_lossy(&std::fs::read(&log).expect("the log")).into_owned();
    let told = |line: &&str| ["ok ", "FAILED ", "checks: "].iter().any(|start| line.starts_with(start));
    let lines: Vec<&str> = said.lines().filter(told).collect();
    println!("{scene}: {:.1} s from the start of QEMU to its end", since.elapsed().as_secs_f64());
    println!("{}", lines.join("\n"));
    assert_eq!(status.code(), Some(PASSED), "{scene}; all of its output is in {}", log.display());
    assert!(said.contains(" passed, 0 failed"), "{scene} counted no checks");
}

/// `hedgewire-card`; it is killed with the value.
struct CardProcess {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl CardProcess {
    /// Starts one with the sizes of `tests/guest/src/simulated.rs`, and waits until it can be reached. With one lane: that
    /// model is compiled for `card_process` too, and kept.
    fn start(socket: &Path, engine: &str) -> Self {
        let mut child = Command::new(card_program())
            .arg("--socket")
            .arg(socket)
            .args(["--engine", engine, "--lanes", "1", "--rows", "192", "--intervals", "8", "--underlyings", "3"])
            .arg("--once")
            .stdout(Stdio::piped())
            .spawn()
            .expect("hedgewire-card");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut said = String::new();
        output.read_line(&mut said).expect("a line");
        print!("{said}");
        assert!(said.contains("listening"), "the card says {said:?}");
        Self { child, output }
    }

    /// Waits for its end, now that its host has left; what it has served.
    fn end(mut self) -> String {
        let mut said = String::new();
        self.output.read_to_string(&mut said).expect("text");
        assert!(self.child.wait().expect("a process").success(), "{said}");
        said
    }
}

impl Drop for CardProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for QEMU, for so long.
fn wait(mut qemu: Child, scene: &str) -> ExitStatus {
    let since = Instant::now();
    loop {
        if let Some(status) = qemu.try_wait().expect("a child can be waited for") {
            return status;
        }
        if since.elapsed() > BOOT_LIMIT {
            qemu.kill().expect("a child can be ended");
            panic!("{scene} hangs; its output is in {}", folder().display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a boot needs.
struct Images {
    kernel: PathBuf,
    initramfs: PathBuf,
}

/// The QEMU that is installed, or that there is none.
fn installed_qemu() -> Result<PathBuf, &'static str> {
    let missing = "qemu-system-x86_64 is not installed; run scripts/install qemu-system-x86_64";
    runs(QEMU, &["--version"]).then(|| PathBuf::from(QEMU)).ok_or(missing)
}

/// A QEMU that shows a vfio-user card to its guest: the installed one, or the one that was unpacked.
fn qemu_with_vfio_user() -> Result<PathBuf, &'static str> {
    let candidates = [PathBuf::from(QEMU), folder().join("qemu").join(QEMU)];
    let has_device = |qemu: &PathBuf| {
        // Not `help` alone: that loads every module that is found, and ends at one of another build.
        let options = Command::new(qemu).args(["-device", "vfio-user-pci,help"]).output();
        options.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).starts_with("vfio-user-pci options:"))
    };
    let missing = "no QEMU has the device vfio-user-pci (10.1 or newer); run scripts/install qemu-vfio-user";
    candidates.into_iter().find(has_device).ok_or(missing)
}

/// The images, made once for all scenes, or what is missing for them.
fn images() -> Result<&'static Images, &'static str> {
    static IMAGES: OnceLock<Result<Images, &str>> = OnceLock::new();
    let images = IMAGES.get_or_init(|| {
        if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            return Err("the machine is x86-64 Linux");
        }
        let root = folder().join("kernel");
        let boot = std::fs::read_dir(root.join("boot")).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_kernel = |path: &PathBuf| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("vmlinuz-"))
        };
        let kernel = boot.into_iter().find(is_kernel);
        let kernel = kernel.ok_or("no kernel is unpacked; run scripts/install guest-kernel")?;
        if !has_static_libc() {
            return Err("there is no static C library (libc6-dev) to link the first program with");
        }
        let initramfs = folder().join("initramfs.cpio");
        std::fs::write(&initramfs, archive(&root, &first_program())).expect("a writable target folder");
        Ok(Images { kernel, initramfs })
    });
    images.as_ref().map_err(|missing| *missing)
}

/// Where builds go, whatever the environment says: what is unpacked is there too.
fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

fn folder() -> PathBuf {
    target().join("guest")
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let quiet = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// Whether the linker's driver finds `libc.a`: it answers with the bare name where it does not.
fn has_static_libc() -> bool {
    let asked = Command::new("cc").arg("-print-file-name=libc.a").output();
    asked.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_absolute())
}

/// Builds the first program, linked statically, and reads it.
fn first_program() -> Vec<u8> {
    let package = ["build", "--quiet", "--package", "hedgewire-guest", "--profile", "guest", "--target", TARGET];
    cargo(&package, "-C target-feature=+crt-static");
    std::fs::read(target().join(TARGET).join("guest/hedgewire-guest")).expect("the first program")
}

/// Builds `hedgewire-card`, once: as `cargo test --workspace` has built it, or with the card's Verilog.
fn card_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let what: &[&str] = match cfg!(feature = "verilog") {
            true => &["--package", "hedgewire-sim", "--features", "verilog"],
            false => &["--workspace"],
        };
        cargo(&[&["build", "--quiet", "--profile", "test", "--bin", "hedgewire-card"], what].concat(), "");
        target().join("debug/hedgewire-card")
    })
}

/// Runs the cargo that runs this test.
fn cargo(arguments: &[&str], flags: &str) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(arguments)
        .env("RUSTFLAGS", flags)
        .env("CARGO_TARGET_DIR", target())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo {} fails", arguments.join(" "));
}

/// An initramfs of the first program and the kernel's modules.
fn archive(kernel: &Path, init: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for folder in ["dev", "proc", "sys", "modules"] {
        append(&mut archive, folder, 0o040_755, (0, 0), &[]);
    }
    append(&mut archive, "dev/console", 0o020_600, (5, 1), &[]);
    append(&mut archive, "init", 0o100_755, (0, 0), init);
    for module in MODULES {
        if let Some(path) = find(&kernel.join("lib/modules"), &format!("{module}.ko")) {
            let bytes = std::fs::read(path).expect("a module");
            append(&mut archive, &format!("modules/{module}.ko"), 0o100_644, (0, 0), &bytes);
        }
    }
    append(&mut archive, "TRAILER!!!", 0, (0, 0), &[]);
    archive
}

/// One entry in the format that the kernel unpacks (its `Documentation/driver-api/early-userspace/buffer-format.rst`):
/// thirteen numbers of eight hexadecimal digits behind a magic, then name and data, each padded to four bytes.
fn append(archive: &mut Vec<u8>, name: &str, mode: u32, (major, minor): (u32, u32), data: &[u8]) {
    let (name_bytes, data_bytes) = (name.len() as u32 + 1, data.len() as u32);
    archive.extend_from_slice(b"070701");
    for number in [0, mode, 0, 0, 1, 0, data_bytes, 0, 0, major, minor, name_bytes, 0] {
        archive.extend_from_slice(format!("{number:08x}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(data);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// The file of this name in a folder or below.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut folders = Vec::new();
    for path in entries {
        if path.is_dir() {
            folders.push(path);
        } else if path.file_name().is_some_and(|found| found == name) {
            return Some(path);
        }
    }
    folders.iter().find_map(|folder| find(folder, name))
}
