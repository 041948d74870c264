//! Machines made of files: a perfect one, a bare one, one whose files cannot be read, and single faults.

use std::os::unix::fs::symlink;
use std::path::Path;

use hedgewire_abi::LAYOUT_HASH;
use hedgewire_abi::register::{self, BAR_BYTES, MAGIC_VALUE, REGISTERS};

use super::*;

const CARD: &str = "sys/bus/pci/devices/0000:05:00.0";

fn put(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

fn link(root: &Path, path: &str, target: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let _ = std::fs::remove_file(&path);
    symlink(target, path).expect("a link");
}

/// The BAR of a card that says what it should.
fn bar() -> Vec<u8> {
    let mut bytes = vec![0; BAR_BYTES as usize];
    for (at, register) in REGISTERS.iter().enumerate() {
        let value = match register.name {
            "magic" => MAGIC_VALUE,
            "version" => u32::from(hedgewire_abi::VERSION),
            "layout_hash_low" => LAYOUT_HASH as u32,
            "layout_hash_high" => (LAYOUT_HASH >> 32) as u32,
            "build_low" => u32::from_le_bytes([0xb0, 0xa7, 0x42, 0x7f]),
            "build_high" => u32::from_le_bytes([0x00, 0x11, 0x22, 0x33]),
            _ => at as u32,
        };
        bytes[register.offset as usize..][..4].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// A machine that lacks nothing.
fn perfect() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    for (path, text) in [
        ("sys/devices/system/cpu/isolated", "2-5\n"),
        ("sys/devices/system/cpu/nohz_full", "2-5\n"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
        ("proc/sys/kernel/sched_rt_runtime_us", "-1\n"),
        ("proc/sys/kernel/sched_rt_period_us", "1000000\n"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
        ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n"),
        ("sys/devices/system/cpu/cpufreq/boost", "1\n"),
        ("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu avx2 avx512f movdir64b constant_tsc nonstop_tsc\n"),
        ("proc/1/comm", "systemd\n"),
        (
            "proc/meminfo",
            "MemTotal: 1 kB\nHugePages_Total:      64\nHugePages_Free:       60\nHugepagesize:       2048 kB\n",
        ),
        (
            "proc/self/limits",
            "Limit  Soft  Hard  Units\nMax locked memory         unlimited            unlimited            bytes\n",
        ),
        ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ("proc/self/status", "Name:\thedgewire\nCapEff:\t000001ffffffbfff\n"),
        ("proc/sys/kernel/osrelease", "6.12.1\n"),
        (
            "proc/net/protocols",
            "protocol  size sockets\nPACKET    1472      1\nXDP       1080     -1\nUDP       1344      5\n",
        ),
        ("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n"),
        ("sys/kernel/iommu_groups/17/type", "DMA\n"),
        ("dev/vfio/vfio", ""),
        ("sys/class/net/eth0/queues/rx-0/rps_cpus", "0\n"),
        ("sys/class/net/eth0/queues/rx-1/rps_cpus", "0\n"),
        ("sys/class/net/eth0/queues/tx-0/xps_cpus", "0\n"),
        ("sys/class/net/lo/queues/rx-0/rps_cpus", "0\n"),
    ] {
        put(root, path, text);
    }
    put(root, &format!("{CARD}/vendor"), "0x10ee\n");
    put(root, &format!("{CARD}/device"), "0x9038\n");
    put(root, &format!("{CARD}/resource"), "0x00000000febd0000 0x00000000febd1fff 0x0000000000042208\n");
    put(root, &format!("{CARD}/resource0"), bar());
    put(root, &format!("{CARD}/resource0_wc"), bar());
    link(root, &format!("{CARD}/driver"), "../../drivers/vfio-pci");
    link(root, &format!("{CARD}/iommu_group"), "../../../../kernel/iommu_groups/17");
    link(root, "sys/class/net/eth0/device/driver", "../../drivers/ice");
    folder
}

fn of<'a>(findings: &'a [Finding], key: &str) -> &'a Finding {
    let mut found = findings.iter().filter(|finding| finding.key == key);
    let first = found.next().unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(found.count(), 0, "{key} more than once");
    first
}

/// What is found of one way in.
fn packet_source(findings: &[Finding], way: &str) -> Finding {
    let is_it = |finding: &&Finding| finding.key == "packet_source" && finding.subject.as_deref() == Some(way);
    findings.iter().find(is_it).expect("a way in").clone()
}

/// The finding of a perfect machine with one change.
fn changed(key: &str, change: impl FnOnce(&Path)) -> Finding {
    let machine = perfect();
    change(machine.path());
    of(&examine(machine.path()), key).clone()
}

#[track_caller]
fn assert_missing(finding: &Finding, found: &str, advice: &str) {
    assert_eq!(finding.verdict, Verdict::Missing, "{finding:?}");
    assert!(finding.found.contains(found), "{finding:?}");
    assert!(finding.advice.as_ref().is_some_and(|text| text.contains(advice)), "{finding:?}");
}

#[test]
fn perfect_machine_lacks_nothing() {
    let machine = perfect();
    let findings = examine(machine.path());
    for finding in &findings {
        assert_eq!((finding.verdict, &finding.advice), (Verdict::Ok, &None), "{finding:?}");
    }
    assert_eq!(of(&findings, "isolated_cores").found, "cores 2-5");
    assert_eq!(of(&findings, "frequency_governor").found, "performance on 2 cores");
    assert_eq!(of(&findings, "huge_pages").found, "60 of 64 free, 2048 kB each");
    assert_eq!(of(&findings, "network").subject.as_deref(), Some("eth0"), "lo is no hardware");
    assert_eq!(of(&findings, "network").found, "ice, 2 rx and 1 tx queues, AF_XDP with zero copy");
    assert_eq!(of(&findings, "posting").found, "one 64-byte write (MOVDIR64B)");
    let identity = of(&findings, "card_identity");
    assert_eq!(identity.subject.as_deref(), Some("0000:05:00.0"));
    assert_eq!(identity.found, "build b0a7427f00112233, 4 lanes, 5 rows, 6 intervals, 7 underlyings");
}

#[test]
fn keys_are_those_that_programs_rely_on() {
    let machine = perfect();
    let keys: Vec<&str> = examine(machine.path()).iter().map(|finding| finding.key).collect();
    let expected = "isolated_cores nohz_full clock_source rt_throttling frequency_governor cpu_features irqbalance \
                    huge_pages locked_memory transparent_huge_pages swap iommu vfio card card_driver card_iommu_group \
                    card_identity posting network packet_source packet_source packet_source packet_source";
    assert_eq!(keys, expected.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn bare_machine_lacks_what_it_lacks_and_says_what_to_do() {
    let machine = tempfile::tempdir().expect("a temporary folder");
    let findings = examine(machine.path());
    let verdict = |key| of(&findings, key).verdict;
    for key in ["isolated_cores", "nohz_full", "huge_pages", "iommu", "vfio", "card", "network"] {
        assert_eq!(verdict(key), Verdict::Missing, "{key}");
    }
    for key in ["clock_source", "rt_throttling", "frequency_governor", "cpu_features", "irqbalance", "locked_memory"] {
        assert_eq!(verdict(key), Verdict::Unknown, "{key}");
    }
    assert_eq!(packet_source(&findings, "af_xdp").verdict, Verdict::Unknown);
    assert_missing(&packet_source(&findings, "packet_ring"), "no packet sockets", "CONFIG_PACKET");
    for way in ["udp", "capture"] {
        assert_eq!(packet_source(&findings, way).verdict, Verdict::Ok, "{way}");
    }
    for key in ["transparent_huge_pages", "swap"] {
        assert_eq!(verdict(key), Verdict::Ok, "a kernel without {key}");
    }
    assert!(findings.iter().all(|finding| (finding.verdict == Verdict::Ok) == finding.advice.is_none()));
}

#[test]
fn files_that_cannot_be_read_are_unknown_and_named() {
    let machine = perfect();
    // A folder in a file's place, and a file in a folder's, cannot be read by root either.
    let spoilt = [
        ("isolated_cores", "sys/devices/system/cpu/isolated"),
        ("nohz_full", "sys/devices/system/cpu/nohz_full"),
        ("clock_source", "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        ("rt_throttling", "proc/sys/kernel/sched_rt_runtime_us"),
        ("frequency_governor", "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor"),
        ("cpu_features", "proc/cpuinfo"),
        ("huge_pages", "proc/meminfo"),
        ("locked_memory", "proc/self/limits"),
        ("transparent_huge_pages", "sys/kernel/mm/transparent_hugepage/enabled"),
        ("swap", "proc/swaps"),
        ("card_identity", "sys/bus/pci/devices/0000:05:00.0/resource0"),
    ];
    for (_, path) in spoilt {
        std::fs::remove_file(machine.path().join(path)).expect("a file");
        std::fs::create_dir(machine.path().join(path)).expect("a folder");
    }
    for folder in ["sys/kernel/iommu_groups", "sys/class/net"] {
        std::fs::remove_dir_all(machine.path().join(folder)).expect("a folder");
        std::fs::write(machine.path().join(folder), "").expect("a file");
    }
    let findings = examine(machine.path());
    for (key, path) in spoilt.into_iter().chain([("iommu", "sys/kernel/iommu_groups"), ("network", "sys/class/net")]) {
        let finding = of(&findings, key);
        assert_eq!(finding.verdict, Verdict::Unknown, "{finding:?}");
        assert!(finding.found.contains(path), "{finding:?} does not name {path}");
    }
    assert_eq!(of(&findings, "posting").verdict, Verdict::Unknown, "it needs the CPU's features");
}

#[test]
fn faults_of_cores_and_clock_are_named() {
    let finding = changed("rt_throttling", |root| put(root, "proc/sys/kernel/sched_rt_runtime_us", "950000\n"));
    assert_missing(&finding, "50000 us every 1000000 us", "sched_rt_runtime_us=-1");
    let finding = changed("isolated_cores", |root| put(root, "sys/devices/system/cpu/isolated", "\n"));
    assert_missing(&finding, "no core", "isolcpus");
    let finding = changed("nohz_full", |root| put(root, "sys/devices/system/cpu/nohz_full", "(null)\n"));
    assert_missing(&finding, "no core", "nohz_full");
    let clock = "sys/devices/system/clocksource/clocksource0/current_clocksource";
    assert_missing(&changed("clock_source", |root| put(root, clock, "hpet\n")), "hpet", "clocksource=tsc");
    let governor = "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor";
    let finding = changed("frequency_governor", |root| put(root, governor, "powersave\n"));
    assert_missing(&finding, "cpu1 powersave", "performance");
    let finding = changed("irqbalance", |root| put(root, "proc/812/comm", "irqbalance\n"));
    assert_missing(&finding, "process 812", "systemctl disable");
    let finding = changed("cpu_features", |root| put(root, "proc/cpuinfo", "flags\t: constant_tsc nonstop_tsc\n"));
    assert_missing(&finding, "without: avx2", "AVX2");
}

#[test]
fn faults_of_memory_are_named() {
    let pages = "HugePages_Total: 8\nHugePages_Free: 0\nHugepagesize: 2048 kB\n";
    assert_missing(&changed("huge_pages", |root| put(root, "proc/meminfo", pages)), "0 of 8", "nr_hugepages");
    let limits = "Max locked memory 8388608 8388608 bytes\n";
    let finding = changed("locked_memory", |root| put(root, "proc/self/limits", limits));
    assert_missing(&finding, "8388608 bytes", "ulimit -l");
    let privileged = changed("locked_memory", |root| {
        put(root, "proc/self/limits", limits);
        put(root, "proc/self/status", "Name:\thedgewire\nCapEff:\t0000000000004000\n");
    });
    assert_eq!(
        (privileged.verdict, privileged.found.as_str()),
        (Verdict::Ok, "8388608 bytes, which CAP_IPC_LOCK passes")
    );
    let always = |root: &Path| put(root, "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
    assert_missing(&changed("transparent_huge_pages", always), "always", "madvise");
    let finding = changed("swap", |root| put(root, "proc/swaps", "Filename\n/dev/sda2 partition 8 0 -2\n"));
    assert_missing(&finding, "/dev/sda2", "swapoff");
}

#[test]
fn faults_of_a_card_are_named() {
    let finding = changed("card_driver", |root| link(root, &format!("{CARD}/driver"), "../../drivers/xdma"));
    assert_missing(&finding, "xdma", "driver_override");
    let finding = changed("card_iommu_group", |root| {
        let neighbour = "sys/bus/pci/devices/0000:05:00.1";
        link(root, &format!("{neighbour}/iommu_group"), "../../../../kernel/iommu_groups/17");
        link(root, &format!("{neighbour}/driver"), "../../drivers/nvme");
    });
    assert_missing(&finding, "0000:05:00.1 (nvme)", "vfio-pci");
    let bar_with = |register: register::Register, value: u32| {
        let mut bytes = bar();
        bytes[register.offset as usize..][..4].copy_from_slice(&value.to_le_bytes());
        changed("card_identity", |root| put(root, &format!("{CARD}/resource0"), &bytes))
    };
    assert_missing(&bar_with(register::MAGIC, u32::MAX), "every bit", "reset it");
    assert_missing(&bar_with(register::MAGIC, 0x0100_00ed), "magic 0x010000ed", "load the bitstream");
    assert_missing(&bar_with(register::LAYOUT_HASH_LOW, 1), "layout", "belongs to this program");
    assert_missing(&bar_with(register::VERSION, 2), "version 2", "belongs to this program");
    let short = changed("card_identity", |root| put(root, &format!("{CARD}/resource0"), [0; 64]));
    assert_eq!(short.verdict, Verdict::Unknown);
    assert!(short.found.contains("smaller than this card's"), "{short:?}");
}

#[test]
fn ways_in_lack_kernel_or_capabilities() {
    let changed = |way: &str, path: &str, text: &str| {
        let machine = perfect();
        put(machine.path(), path, text);
        packet_source(&examine(machine.path()), way)
    };
    let (status, kernel, protocols) = ("proc/self/status", "proc/sys/kernel/osrelease", "proc/net/protocols");
    assert_missing(&changed("af_xdp", kernel, "5.8.0\n"), "kernel 5.8.0", "5.9");
    assert_missing(&changed("af_xdp", protocols, "PACKET 1\n"), "no AF_XDP", "packet_ring");
    assert_missing(&changed("packet_ring", protocols, "XDP 1\n"), "no packet sockets", "af_packet");
    let raw = "CapEff:\t0000000000002000\n";
    assert_eq!(changed("packet_ring", status, raw).verdict, Verdict::Ok);
    assert_missing(&changed("af_xdp", status, raw), "without CAP_NET_ADMIN, CAP_BPF", "AmbientCapabilities");
    assert_missing(&changed("packet_ring", status, "CapEff:\t0\n"), "without CAP_NET_RAW", "as root");
    let all_but_bpf = "CapEff:\t0000000000203000\n";
    assert_eq!(changed("af_xdp", status, all_but_bpf).verdict, Verdict::Ok, "CAP_SYS_ADMIN stands for CAP_BPF");
}

#[test]
fn posting_follows_the_cpu_and_the_bar() {
    let flags = |root: &Path, flags: &str| put(root, "proc/cpuinfo", format!("flags\t: {flags}\n"));
    let uncached = |root: &Path| std::fs::remove_file(root.join(CARD).join("resource0_wc")).expect("a file");
    let combined = changed("posting", |root| flags(root, "avx2 avx512f"));
    assert_eq!((combined.verdict, &combined.found[..16]), (Verdict::Ok, "one 64-byte writ"));
    assert_missing(&changed("posting", |root| flags(root, "avx2")), "two writes", "AVX-512");
    let words = changed("posting", |root| {
        flags(root, "avx2 avx512f");
        uncached(root);
    });
    assert_missing(&words, "eight 8-byte writes", "prefetchable");
    let absent = changed("posting", |root| {
        flags(root, "avx2");
        std::fs::remove_dir_all(root.join(CARD)).expect("a folder");
    });
    assert_eq!(absent.verdict, Verdict::Unknown);
    assert!(absent.found.contains("two writes") && absent.found.contains("eight 8-byte writes"), "{absent:?}");
}

#[test]
fn interfaces_are_judged_by_driver_and_queues() {
    let driver = |name: &str| {
        let target = format!("../../drivers/{name}");
        changed("network", |root| link(root, "sys/class/net/eth0/device/driver", &target))
    };
    assert_missing(&driver("ena"), "AF_XDP copies", "zero copy");
    assert_eq!(driver("e1000").verdict, Verdict::Unknown);
    let single = |root: &Path| std::fs::remove_dir_all(root.join("sys/class/net/eth0/queues/rx-1")).expect("a folder");
    assert_missing(&changed("network", single), "1 rx", "ethtool -L");
    let none = |root: &Path| std::fs::remove_dir_all(root.join("sys/class/net/eth0")).expect("a folder");
    assert_missing(&changed("network", none), "no interface is hardware", "AF_XDP");
}
