//! The command journal: what is written is read, and whatever else is in the file is found.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hedgewire_abi::command::{
    Build, Configure, Control, Header, OpenBank, OrderUpdate, Quote, Reconcile, SetPriceLimits, SetRateLimits,
    SetSizeLimits, SetStatus, SetTrigger, Swap, Time, WriteRow, code,
};
use hedgewire_abi::event::Hedge;
use hedgewire_abi::{Command, Event, LAYOUT_HASH, VERSION};
use hedgewire_host::driver::{Body, Driver, DriverError};
use hedgewire_host::journal::{
    BLOCK_ENTRIES, Damage, ENTRY_BYTES, Entry, FORMAT_VERSION, Fault, HEADER_BYTES, Header as FileHeader, JournalError,
    Reader, Writer, verify,
};
use hedgewire_kernel::{Form, Kernel, Sizes};
use proptest::prelude::*;

const SIZES: Sizes = Sizes { underlyings: 1, rows: 64, intervals: 4 };
const NOW_NS: u64 = 1_700_000_000_000_000_000;

/// A bank of one constant row worth a coin, 64 contracts, answered by a ladder of two steps around 256 ticks.
fn bank(driver: &mut Driver) -> Result<(), DriverError> {
    let open = OpenBank {
        bank_id: 1,
        price_ref: 1 << 16,
        contract_scale: 1 << 31,
        contract_shift: 24,
        delta_bits: 16,
        gamma_bits: 16,
        vega_bits: 16,
        band_factor: 2,
        valid_until_ns: u64::MAX,
        ..OpenBank::default()
    };
    let rows: Vec<WriteRow> = (0..64)
        .map(|slot| match slot {
            0 => WriteRow { row_kind: code::CONSTANT, omega_delta: 1 << 16, ..WriteRow::default() },
            _ => WriteRow { slot, ..WriteRow::default() },
        })
        .collect();
    driver.load(0, NOW_NS, &open, &rows, &Build { centre: 1 << 16, intervals: 2, step_shift: 8 })?;
    driver.swap(0, NOW_NS).map(|_| ())
}

/// Drives a kernel through set-up, quotes, a hedge and its fill.
fn drive(driver: &mut Driver) -> Result<u64, DriverError> {
    driver.carry_out(0, NOW_NS, &Configure { slot_count: 64, ..Configure::default() })?;
    let limit = 1 << 30;
    driver.carry_out(
        0,
        NOW_NS,
        &SetTrigger {
            band_scale_buy: 1 << 16,
            band_scale_sell: 1 << 16,
            clip_min: 1,
            clip_max: 100,
            band_max: limit,
            ..SetTrigger::default()
        },
    )?;
    driver.carry_out(
        0,
        NOW_NS,
        &SetPriceLimits {
            width_max_bp: 1_000,
            quote_age_max_ns: limit,
            collar_bp: 1_000,
            collar_last_bp: 1_000,
            ..SetPriceLimits::default()
        },
    )?;
    driver.carry_out(
        0,
        NOW_NS,
        &SetSizeLimits {
            order_max: 100,
            band_emergency: limit,
            position_max: limit,
            gross_max: limit,
            notional_max: limit,
        },
    )?;
    driver.carry_out(
        0,
        NOW_NS,
        &SetRateLimits {
            order_burst_ns: limit,
            loss_max: 1 << 40,
            hedges_per_minute: 9,
            attempts_max: 9,
            open_orders_max: 9,
            ..SetRateLimits::default()
        },
    )?;
    driver.carry_out(0, NOW_NS, &SetStatus { margin_buy: limit, margin_sell: limit, ..SetStatus::default() })?;
    driver.hold(0, NOW_NS, [hedgewire_abi::command::Trade { slot: 0, quantity: 3, cash: 0 }])?;
    bank(driver)?;
    driver.carry_out(0, NOW_NS, &Reconcile::default())?;
    driver.arm(0, NOW_NS)?;
    let mut hedges = 0;
    for feed_seq in 1..40u32 {
        let price = (1 << 16) + 7 * feed_seq;
        let quote = Quote {
            feed_seq,
            bid: price - 5,
            ask: price + 5,
            price,
            hedge_price: price,
            flags: code::WANT_RISK,
            feed_ns: NOW_NS,
            bid_size: 9,
            ask_size: 9,
            ..Quote::default()
        };
        let now_ns = NOW_NS + u64::from(feed_seq) * 1_000_000;
        let hedge = driver.send(0, now_ns, &quote)?.iter().find(|event| event.kind() == Hedge::KIND).map(Hedge::decode);
        if let Some(hedge) = hedge {
            hedges += 1;
            let update = OrderUpdate {
                status: code::ORDER_DONE,
                order_id: hedge.order_id,
                filled: hedge.quantity.unsigned_abs() / 2,
                ..OrderUpdate::default()
            };
            driver.send(0, now_ns, &update)?;
        }
        driver.send(0, now_ns, &Time::default())?;
    }
    // Refusals belong in the journal as much as anything.
    driver.send(0, NOW_NS, &Control { action: 99 })?;
    driver.send(7, NOW_NS, &Swap {})?;
    Ok(hedges)
}

/// A journal of a short day, at `path`.
fn journal_at(path: &Path, form: Form) -> u64 {
    let journal = Writer::create(path, SIZES).expect("a new file");
    let mut driver = Driver::new(Kernel::new(SIZES, form), Some(journal));
    let hedges = drive(&mut driver).expect("nothing is refused that must not be");
    driver.finish().expect("a disk");
    hedges
}

fn sample() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("day.journal");
    assert!(journal_at(&path, Form::Scalar) > 1, "the day has hedges");
    let bytes = fs::read(&path).expect("it was written");
    (folder, path, bytes)
}

fn entries(bytes: &[u8]) -> (Vec<Entry>, Option<JournalError>) {
    let mut entries = Vec::new();
    match Reader::new(bytes) {
        Err(error) => return (entries, Some(error)),
        Ok(reader) => {
            for entry in reader {
                match entry {
                    Ok(entry) => entries.push(entry),
                    Err(error) => return (entries, Some(error)),
                }
            }
        }
    }
    (entries, None)
}

fn damage(error: JournalError) -> Damage {
    match error {
        JournalError::Damaged(damage) => damage,
        other => panic!("expected damage, got {other}"),
    }
}

fn commands_and_events(count: u64) -> Vec<(Command, Vec<Event>)> {
    let mut kernel = Kernel::new(SIZES, Form::Scalar);
    let command = |seq| Time::default().encode(Header { underlying: 0, now_ns: seq, seq });
    (1..=count).map(|seq| (command(seq), kernel.apply(&command(seq)).to_vec())).collect()
}

#[test]
fn what_is_written_is_read() {
    let written = commands_and_events(3 * BLOCK_ENTRIES as u64);
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, SIZES).expect("memory");
    for (command, events) in &written {
        writer.append(command, events).expect("memory");
    }
    writer.finish().expect("memory");
    let (read, error) = entries(&bytes);
    assert!(error.is_none(), "{error:?}");
    let expected: Vec<Entry> = written
        .iter()
        .flat_map(|(command, events)| {
            [Entry::Command(*command)].into_iter().chain(events.iter().copied().map(Entry::Event))
        })
        .collect();
    assert!(read == expected);
    assert_eq!(Reader::new(&bytes[..]).expect("a header").header(), &FileHeader::new(SIZES));
}

#[test]
fn journal_of_a_day_is_reproduced_by_every_form() {
    let (_folder, path, _) = sample();
    for form in [Form::Scalar, Form::Avx2].into_iter().filter(|form| form.is_supported()) {
        let mut told = Vec::new();
        let verification = verify(&path, form, &mut |done, total| told.push((done, total))).expect("a journal");
        assert!(verification.is_clean(), "{verification:?}");
        assert!(verification.commands > 100 && verification.events > verification.commands);
        let length = fs::metadata(&path).expect("a file").len();
        assert_eq!(told.last(), Some(&(length, length)));
    }
}

#[test]
fn journal_does_not_depend_on_form_run_or_path() {
    let (folder, _, first) = sample();
    let forms = [Form::Scalar, Form::Avx2, Form::Scalar];
    for (index, form) in forms.into_iter().enumerate().filter(|(_, form)| form.is_supported()) {
        let path = folder.path().join(format!("another name {index}"));
        journal_at(&path, form);
        assert!(fs::read(&path).expect("it was written") == first);
    }
}

#[test]
fn journal_cut_at_any_byte_is_read_up_to_the_last_whole_entry() {
    let (_folder, _, bytes) = sample();
    let (all, _) = entries(&bytes);
    for length in 0..bytes.len() {
        let (read, error) = entries(&bytes[..length]);
        let found = damage(error.expect("a cut is reported"));
        let whole = length.saturating_sub(HEADER_BYTES) / ENTRY_BYTES;
        assert!(read == all[..whole]);
        assert_eq!(found.commands + found.events, whole as u64);
        let rest = if length < HEADER_BYTES { length } else { (length - HEADER_BYTES) % ENTRY_BYTES };
        assert_eq!(found.offset_bytes, (length - rest) as u64);
        let at_boundary = length >= HEADER_BYTES && rest == 0;
        let expected = if at_boundary { Fault::Unfinished } else { Fault::Cut { bytes: rest } };
        assert_eq!(found.fault, expected);
    }
}

#[test]
fn every_flipped_bit_is_found_where_it_is() {
    let (_folder, _, bytes) = sample();
    let (all, _) = entries(&bytes);
    // Every bit of the header, and one in seven after it: 7 and 8 have no common divisor, so every
    // bit position of every byte of an entry has its turn.
    let header_bits = HEADER_BYTES * 8;
    for bit in (0..header_bits).chain((header_bits..bytes.len() * 8).step_by(7)) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (read, error) = entries(&flipped);
        let error = error.unwrap_or_else(|| panic!("bit {bit} went unnoticed"));
        if bit < header_bits {
            assert!(!matches!(error, JournalError::Damaged(_)), "{error}");
            continue;
        }
        let index = (bit / 8 - HEADER_BYTES) / ENTRY_BYTES;
        let found = damage(error);
        assert_eq!(found.offset_bytes, (HEADER_BYTES + index * ENTRY_BYTES) as u64);
        assert!(matches!(found.fault, Fault::Checksum { .. }), "{found}");
        assert!(read == all[..index]);
    }
}

#[test]
fn missing_repeated_and_swapped_entries_are_found() {
    let (_folder, _, bytes) = sample();
    let entry = |index: usize| HEADER_BYTES + index * ENTRY_BYTES..HEADER_BYTES + (index + 1) * ENTRY_BYTES;
    let mut missing = bytes.clone();
    missing.drain(entry(5));
    let mut repeated = bytes.clone();
    repeated.splice(entry(5).start..entry(5).start, bytes[entry(4)].to_vec());
    let mut swapped = bytes.clone();
    swapped[entry(5)].copy_from_slice(&bytes[entry(6)]);
    swapped[entry(6)].copy_from_slice(&bytes[entry(5)]);
    for (damaged, at) in [(missing, 5), (repeated, 5), (swapped, 5)] {
        let found = damage(entries(&damaged).1.expect("it is found"));
        assert_eq!(found.offset_bytes, entry(at).start as u64);
    }
}

#[test]
fn bytes_after_the_end_are_found() {
    let (_folder, _, mut bytes) = sample();
    bytes.push(0);
    let found = damage(entries(&bytes).1.expect("it is found"));
    assert_eq!(found.fault, Fault::Trailing);
}

#[test]
fn other_file_version_and_layout_are_refused_with_both_values() {
    let (_folder, _, bytes) = sample();
    let with = |header: FileHeader| {
        let mut other = bytes.clone();
        other[..HEADER_BYTES].copy_from_slice(&header.encode());
        Reader::new(&other[..]).expect_err("it is refused").to_string()
    };
    let ours = FileHeader::new(SIZES);
    let message = with(FileHeader { format_version: 9, ..ours });
    assert!(message.contains("version 9") && message.contains(&FORMAT_VERSION.to_string()), "{message}");
    let message = with(FileHeader { record_version: 77, ..ours });
    assert!(message.contains("version 77") && message.contains(&VERSION.to_string()), "{message}");
    let message = with(FileHeader { layout_hash: 0xabcd, ..ours });
    assert!(message.contains("0x000000000000abcd") && message.contains(&format!("{LAYOUT_HASH:#018x}")), "{message}");
    let message = with(FileHeader { sizes: Sizes { intervals: 1 << 20, ..SIZES }, ..ours });
    assert!(message.contains("1048576"), "{message}");
    let message = Reader::new(&b"\x0a\x0d\x0d\x0a not a journal at all, but something else of 64 bytes and more"[..]);
    assert!(message.expect_err("it is refused").to_string().contains("[0a, 0d, 0d, 0a"));
}

#[test]
fn file_that_exists_is_not_written_over() {
    let (_folder, path, bytes) = sample();
    assert!(matches!(Writer::create(&path, SIZES), Err(JournalError::Exists { .. })));
    assert!(fs::read(&path).expect("still there") == bytes);
}

#[test]
fn writer_that_is_dropped_unfinished_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("dropped");
    let written = commands_and_events(10);
    let mut writer = Writer::create(&path, SIZES).expect("a new file");
    for (command, events) in &written {
        writer.append(command, events).expect("a disk");
    }
    drop(writer);
    let (read, error) = entries(&fs::read(&path).expect("it was written"));
    assert_eq!(read.len(), 20);
    assert_eq!(damage(error.expect("no end entry")).fault, Fault::Unfinished);
}

#[test]
fn process_that_dies_loses_at_most_a_block() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("killed");
    let written = commands_and_events(1_000);
    let mut writer = Writer::create(&path, SIZES).expect("a new file");
    for (index, (command, events)) in written.iter().enumerate() {
        writer.append(command, events).expect("a disk");
        // What another process sees now is what would be left if this one were killed.
        let in_file = (fs::metadata(&path).expect("a file").len() as usize - HEADER_BYTES) / ENTRY_BYTES;
        assert!(2 * (index + 1) - in_file <= BLOCK_ENTRIES);
    }
    writer.flush().expect("a disk");
    let length = fs::metadata(&path).expect("a file").len() as usize;
    assert_eq!(length, HEADER_BYTES + 2_000 * ENTRY_BYTES);
}

/// Takes some bytes, then fails.
struct FullDisk(usize);

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn full_disk_is_reported_and_not_retried() {
    let mut writer = Writer::new(FullDisk(HEADER_BYTES + 100), SIZES).expect("room for the header");
    let (command, events) = &commands_and_events(1)[0];
    writer.append(command, events).expect("it is in the block");
    assert!(matches!(writer.flush(), Err(JournalError::Write { entries: 2, .. })));
    assert!(writer.flush().is_ok(), "what may be half written is not written again");
}

/// Gives one byte at a time, and now and then nothing.
struct Dribble<'a>(&'a [u8], bool);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
        buffer[0] = *first;
        self.0 = rest;
        Ok(1)
    }
}

#[test]
fn slow_and_interrupted_input_reads_the_same() {
    let (_folder, _, bytes) = sample();
    let slow: Result<Vec<_>, _> = Reader::new(Dribble(&bytes, false)).expect("a header").collect();
    assert!(slow.expect("it is whole") == entries(&bytes).0);
}

/// The journal at `path` with one entry changed and all checksums made good again.
fn forge(bytes: &[u8], path: &Path, change: impl Fn(usize, &mut Entry) -> bool) {
    let (all, _) = entries(bytes);
    let mut writer = Writer::create(path, SIZES).expect("a new file");
    for (index, mut entry) in all.into_iter().enumerate() {
        if !change(index, &mut entry) {
            continue;
        }
        match entry {
            Entry::Command(command) => writer.append(&command, &[]).expect("a disk"),
            Entry::Event(event) => writer.append_event(&event).expect("a disk"),
        }
    }
    writer.finish().expect("a disk");
}

#[test]
fn verify_finds_a_changed_event_and_shows_both() {
    let (folder, _, bytes) = sample();
    let (all, _) = entries(&bytes);
    let is_hedge = |entry: &Entry| matches!(entry, Entry::Event(event) if event.kind() == Hedge::KIND);
    let target = all.iter().position(is_hedge).expect("a hedge");
    let path = folder.path().join("forged");
    forge(&bytes, &path, |index, entry| {
        if let (true, Entry::Event(event)) = (index == target, entry) {
            event.0[32] ^= 1;
        }
        true
    });
    let verification = verify(&path, Form::Scalar, &mut |_, _| {}).expect("a journal");
    assert_eq!((verification.differences, verification.damage), (1, None));
    let difference = verification.first_difference.expect("the one");
    assert_eq!(difference.replayed.map(Entry::Event), Some(all[target]));
    let text = difference.to_string();
    assert!(text.contains("recorded  Hedge") && text.contains("replayed  Hedge") && text.contains("Quote {"), "{text}");
}

#[test]
fn verify_counts_missing_and_additional_events() {
    let (folder, _, bytes) = sample();
    let first_event = entries(&bytes).0.iter().position(|entry| matches!(entry, Entry::Event(_))).expect("an event");
    let path = folder.path().join("missing");
    forge(&bytes, &path, |index, _| index != first_event);
    let verification = verify(&path, Form::Scalar, &mut |_, _| {}).expect("a journal");
    assert_eq!(verification.differences, 1);
    assert_eq!(verification.first_difference.expect("the one").recorded, None);

    let path = folder.path().join("additional");
    let mut writer = Writer::create(&path, SIZES).expect("a new file");
    let (command, events) = &commands_and_events(1)[0];
    writer.append(command, &[events[0], events[0]]).expect("a disk");
    writer.finish().expect("a disk");
    let verification = verify(&path, Form::Scalar, &mut |_, _| {}).expect("a journal");
    assert_eq!(verification.differences, 1);
    assert_eq!(verification.first_difference.expect("the one").replayed, None);
}

#[test]
fn verify_of_a_cut_journal_goes_as_far_as_it_can() {
    let (folder, _, bytes) = sample();
    let path = folder.path().join("cut");
    // In the middle of the last two events: the command before them lacks an answer, which is no
    // difference.
    fs::write(&path, &bytes[..bytes.len() - ENTRY_BYTES - 10]).expect("a disk");
    let verification = verify(&path, Form::Scalar, &mut |_, _| {}).expect("a journal");
    assert_eq!(verification.differences, 0);
    assert!(verification.damage.is_some() && !verification.is_clean());
}

#[test]
fn driver_raises_times_that_go_back() {
    let mut driver = Driver::new(Kernel::new(SIZES, Form::Scalar), None);
    driver.carry_out(0, 100, &Configure { slot_count: 64, ..Configure::default() }).expect("legal");
    let events = driver.carry_out(0, 50, &SetTrigger { clip_min: 1, ..SetTrigger::default() }).expect("legal");
    assert_eq!(events[0].now_ns(), 100);
}

#[test]
fn driver_names_the_command_that_a_set_up_was_refused_for() {
    let mut driver = Driver::new(Kernel::new(SIZES, Form::Scalar), None);
    let error = driver.carry_out(0, 1, &Configure { slot_count: 63, ..Configure::default() }).expect_err("no block");
    let text = error.to_string();
    assert!(text.contains("Configure") && text.contains("63") && text.contains("VALUE_RANGE"), "{text}");
}

#[test]
fn every_command_kind_has_a_body() {
    fn kind<B: Body>() -> u8 {
        B::KIND
    }
    assert_eq!(kind::<Configure>(), 1);
    assert_eq!(kind::<Time>(), 35);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(noise in proptest::collection::vec(any::<u8>(), 0..600), with_header: bool) {
        let mut bytes = if with_header { FileHeader::new(SIZES).encode().to_vec() } else { Vec::new() };
        bytes.extend_from_slice(&noise);
        let (read, error) = entries(&bytes);
        prop_assert!(read.is_empty() && error.is_some());
    }
}
