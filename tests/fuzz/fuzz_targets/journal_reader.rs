//! Any bytes as a journal: reading and verifying must end without a panic, and in bounded memory.
//!
//! Bytes without a good header are tried a second time behind one, or the checksum of the header would
//! keep the fuzzer from the entries. The checksums of entries are made good for every other input, so
//! that what they say reaches the kernel.
#![no_main]

use hedgewire_host::journal::{Entry, Header, Reader, Writer, verify_entries};
use hedgewire_kernel::{Form, Sizes};
use libfuzzer_sys::fuzz_target;

const SIZES: Sizes = Sizes { underlyings: 2, rows: 64, intervals: 4 };

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let mut with_header = Header::new(SIZES).encode().to_vec();
    with_header.extend_from_slice(bytes);
    read(&with_header);
    read(&forged(bytes));
});

fn read(bytes: &[u8]) {
    let Ok(reader) = Reader::new(bytes) else { return };
    // Larger kernels are legal and only slow the fuzzer down.
    if reader.header().sizes == SIZES {
        let verification = verify_entries(reader, Form::Scalar, &mut |_| {}).expect("memory can be read");
        assert_eq!(verification.first_difference.is_some(), verification.differences > 0);
    } else {
        let good = reader.take_while(Result::is_ok).count();
        assert!(good <= bytes.len() / 72);
    }
}

/// The bytes as a journal with good checksums: the first byte of each 65 says command or event.
fn forged(bytes: &[u8]) -> Vec<u8> {
    let mut journal = Vec::new();
    let mut writer = Writer::new(&mut journal, SIZES).expect("memory can be written");
    for entry in bytes.as_chunks::<65>().0 {
        let mut record = [0; 64];
        record.copy_from_slice(&entry[1..]);
        let written = match entry_of(entry[0], record) {
            Entry::Command(command) => writer.append(&command, &[]),
            Entry::Event(event) => writer.append_event(&event),
        };
        written.expect("memory can be written");
    }
    writer.finish().expect("memory can be written");
    journal
}

fn entry_of(kind: u8, record: [u8; 64]) -> Entry {
    if kind % 2 == 0 {
        Entry::Command(hedgewire_abi::Command(record))
    } else {
        Entry::Event(hedgewire_abi::Event(record))
    }
}
