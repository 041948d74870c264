//! `hedgewire-card` as a process, driven over its socket by the host's driver.

mod no_system_call;
mod process;
mod replay;
#[cfg(feature = "verilog")]
#[path = "../support/verilator.rs"]
mod verilator;
#[path = "../../../tests/support/no_system_call.rs"]
mod watched;

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hedgewire_abi::register;
use hedgewire_host::card::vfio_user::VfioUserCard;
use hedgewire_host::card::{ALL_ONES, Address, BringUpError, Card, CardDriver, CardFault, CardOptions, SessionOptions};
use hedgewire_kernel::Sizes;
use hedgewire_sim::card::campaign::{ABSORBED_BY_A_WINDOW, Backend, in_microseconds};
use hedgewire_sim::card::conformance;
use hedgewire_sim::commands::CommandStream;
use process::{CardProcess, REPLY_TIMEOUT, RING_SLOTS};

/// Small enough that a stream sees many ladders, swaps and resets.
const SIZES: Sizes = Sizes { underlyings: 3, rows: 192, intervals: 8 };
const COMMANDS: u64 = 100_000;

fn conforms(name: &str, extra: &[&str], commands: u64, seed: u64) {
    let process = CardProcess::start(SIZES, extra);
    let start = Instant::now();
    let report =
        conformance::run(process.connect(), SIZES, commands, seed).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{name}: {report:?} in {:?}, seed {seed}", start.elapsed());
    assert!(report.commands > commands && report.checks == 7);
    let said = process.end();
    assert!(said.contains("0 writes blocked"), "{said}");
}

#[test]
fn the_integer_kernel_over_vfio_user_conforms() {
    conforms("vfio-user, integer kernel", &[], COMMANDS, 1);
}

#[test]
fn a_card_behind_a_slow_bus_conforms() {
    conforms("vfio-user, integer kernel, 450 ns each way", &["--pcie-delay-ns", "450"], 5_000, 2);
}

/// Every kind of fault on both sides of a card in another process; good ones come back. The card shares its cores with
/// other tests, so that nothing but a fault should reach `patience`.
fn survives_every_fault(name: &'static str, process: &CardProcess, commands: usize, seeds: u64, patience: Duration) {
    let path = process.path();
    let connect = Rc::new(move || Address::VfioUser(path.clone()).connect(RING_SLOTS));
    let options = SessionOptions {
        check_every: 1,
        ask_after: SessionOptions::default().ask_after,
        deadline: patience,
        swap_deadline: patience,
        ..in_microseconds()
    };
    let absorbs = ABSORBED_BY_A_WINDOW;
    let campaign = Backend { name, sizes: SIZES, options, commands, absorbs, connect }.campaign(seeds);
    let campaign = campaign.unwrap_or_else(|error| panic!("{error}"));
    println!("{campaign}");
    campaign.nothing_is_harmed().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn nothing_is_lost_doubled_or_changed_over_vfio_user() {
    let process = CardProcess::start(SIZES, &[]);
    survives_every_fault("integer kernel over vfio-user", &process, 300, 2, Duration::from_secs(1));
}

#[cfg(feature = "verilog")]
#[test]
fn nothing_is_lost_doubled_or_changed_with_the_verilog_of_the_card() {
    if verilator::has_verilator() {
        let process = CardProcess::start_with("verilator", SIZES, &["--lanes", "1"]);
        survives_every_fault("compiled Verilog over vfio-user", &process, 200, 1, Duration::from_secs(5));
    }
}

#[test]
fn a_host_that_sleeps_is_woken_by_the_cards_interrupt() {
    for extra in [&[][..], &["--pcie-delay-ns", "450"]] {
        let process = CardProcess::start(SIZES, extra);
        let report =
            conformance::interrupt(process.connect(), SIZES, 2_000, 5).unwrap_or_else(|failure| panic!("{failure}"));
        println!("vfio-user, a host that sleeps, {extra:?}: {report:?}");
        assert_eq!((report.checks, report.commands), (1, 2_000));
    }
}

#[test]
fn it_shows_itself_as_a_pci_device_and_says_what_it_is_and_what_it_served() {
    let process = CardProcess::start(SIZES, &["--lanes", "4"]);
    let mut card = process.connect();
    assert_eq!(card.pci_id(), (0x10ee, 0x9038));
    let mut driver = CardDriver::start(card, SIZES, &CardOptions::default()).expect("a card");
    assert_eq!(driver.identity().lanes, 4);
    let mut stream = CommandStream::new(3, SIZES);
    driver.post(&stream.next(&[]));
    while driver.poll().expect("a good card").is_none() {}
    drop(driver);
    let said = process.end();
    assert!(said.contains("Kernel engine, 4 lanes, 192 rows, 8 intervals, 3 underlyings"), "{said}");
    assert!(said.contains("served 1 commands with 1 events"), "{said}");
}

#[cfg(not(feature = "verilog"))]
#[test]
fn a_build_without_the_core_says_which_one_has_it() {
    for engine in ["verilator", "rusthdl"] {
        let mut card = std::process::Command::new(env!("CARGO_BIN_EXE_hedgewire-card"));
        let output = card.args(["--socket", "none.sock", "--engine", engine]).output().expect("a process");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("-p hedgewire-sim --features verilog"), "{said}");
    }
}

#[test]
fn a_host_that_comes_after_another_finds_a_card_that_was_reset() {
    let process = CardProcess::start(SIZES, &[]);
    for _ in 0..3 {
        let mut driver = CardDriver::start(process.connect(), SIZES, &CardOptions::default()).expect("a card");
        driver.post(&CommandStream::new(3, SIZES).next(&[]));
        while driver.poll().expect("a good card").is_none() {}
        assert_eq!(driver.commands_taken(), 1);
        // Leaves without a word.
    }
    let mut card = process.connect();
    assert_eq!(card.read(register::CONTROL), 0);
    assert_eq!(card.read(register::RING_SIZE_LOG2), 0);
}

#[test]
fn a_card_that_is_killed_reads_as_all_ones() {
    let mut process = CardProcess::start(SIZES, &[]);
    let mut driver = CardDriver::start(process.connect(), SIZES, &CardOptions::default()).expect("a card");
    process.kill();
    assert_eq!(driver.card().read(register::MAGIC), ALL_ONES);
    driver.card().write(register::HEARTBEAT, 1);
    driver.post(&CommandStream::new(3, SIZES).next(&[]));
    assert_eq!(driver.poll(), Ok(None));
    assert_eq!(driver.diagnose(), Err(CardFault::Gone));
}

#[test]
fn a_card_that_hangs_is_gone_after_the_timeout() {
    let process = CardProcess::start(SIZES, &[]);
    let mut card = process.connect();
    process.signal("STOP");
    let start = Instant::now();
    assert_eq!(card.read(register::MAGIC), ALL_ONES);
    assert!(start.elapsed() >= REPLY_TIMEOUT);
    process.signal("CONT");
    assert_eq!(card.read(register::MAGIC), ALL_ONES, "gone for good: a late reply answers nothing");
}

#[test]
fn a_socket_that_is_in_use_is_not_taken() {
    let process = CardProcess::start(SIZES, &[]);
    let output = process.second().output().expect("a process");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("remove the socket if no other card uses it"), "{said}");
    assert!(!said.contains("backtrace"), "{said}");
}

#[test]
fn a_card_serves_one_host_at_a_time_and_says_so_to_a_second() {
    let process = CardProcess::start(SIZES, &[]);
    let first = CardDriver::start(process.connect(), SIZES, &CardOptions::default()).expect("a card");
    let second = VfioUserCard::connect(&process.path(), RING_SLOTS, Duration::from_millis(50));
    let error = second.err().expect("the card is taken").to_string();
    assert!(error.contains("another host has the card") && error.contains("within 50 ms"), "{error}");
    drop(first);
    CardDriver::start(process.connect(), SIZES, &CardOptions::default()).expect("free again");
}

#[test]
fn a_card_that_ends_while_it_is_asked_what_it_is_is_gone() {
    let mut process = CardProcess::start(SIZES, &[]);
    let card = process.connect();
    process.kill();
    assert_eq!(CardDriver::start(card, SIZES, &CardOptions::default()).err(), Some(BringUpError::Gone));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("card.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let ends = std::thread::spawn(move || drop(listener.accept().expect("a client")));
    let error = VfioUserCard::connect(&path, 64, REPLY_TIMEOUT).err().expect("it has ended").to_string();
    assert!(error.contains("closed the connection") && error.contains("start it again"), "{error}");
    ends.join().expect("a thread");
}

#[test]
fn a_host_that_sends_nonsense_is_dropped_and_the_next_one_is_served() {
    let process = CardProcess::start(SIZES, &[]);
    // A version message whose text does not end.
    let mut message = vec![0; 24];
    (message[2], message[4]) = (1, 24);
    message[20..].fill(b'x');
    let mut stream = UnixStream::connect(process.path()).expect("a card");
    std::io::Write::write_all(&mut stream, &message).expect("a socket");
    let mut answer = Vec::new();
    // Closed in order or not, nothing is answered.
    let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
    assert!(answer.is_empty(), "{answer:?}");
    CardDriver::start(process.connect(), SIZES, &CardOptions::default()).expect("a card for the next");
}

#[test]
fn nobody_and_nonsense_on_a_socket_are_no_card() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.sock");
    let connect = |path: &Path| VfioUserCard::connect(path, 64, REPLY_TIMEOUT).err().expect("no card").to_string();
    for (path, says) in [
        (path.clone(), "start hedgewire-card --socket"),
        (folder.path().to_path_buf(), "it is no socket"),
        (folder.path().join("x".repeat(200)), "107 bytes at most"),
    ] {
        let error = connect(&path);
        assert!(error.contains(says), "{error}");
    }
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let error = connect(&path);
    assert!(error.contains("remove the socket, and start hedgewire-card"), "{error}");
    std::fs::remove_file(&path).expect("a socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let talker = std::thread::spawn(move || {
        let (mut stream, _): (UnixStream, _) = listener.accept().expect("a client");
        std::io::Write::write_all(&mut stream, &[0xff; 64]).or_else(|error| match error.kind() {
            ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        })
    });
    let error = VfioUserCard::connect(&path, 64, Duration::from_secs(5)).err().expect("nonsense").to_string();
    assert!(error.contains("is no card"), "{error}");
    talker.join().expect("a thread").expect("a socket");
}
