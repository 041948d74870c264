//! Hostile frames into the reader of frames: as they are, and as what is behind a good Ethernet and IPv4 header.
//!
//! Nothing may panic; a payload must be inside of its frame; a stricter look takes no more than a laxer one, and both
//! find the same.

#![no_main]

use hedgewire_host::packet::frame::{Groups, SumCheck, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let groups = Groups::new(["239.1.2.3:4220", "239.1.2.4:4230"].map(|text| text.parse().unwrap()).to_vec());
    look(bytes, &groups);
    look(&headed(bytes), &groups);
});

fn look(frame: &[u8], groups: &Groups) {
    let [strict, lax, skipped] = [SumCheck::Verify, SumCheck::VerifyOrUnfinished, SumCheck::Skip]
        .map(|check| parse(frame, groups, check));
    if let Ok(found) = &skipped {
        assert!(frame.get(found.payload.clone()).is_some());
        assert!(found.group < groups.addresses().len());
    }
    for (stricter, laxer) in [(&strict, &lax), (&lax, &skipped)] {
        assert!(stricter.is_err() || stricter == laxer);
    }
}

/// Behind headers that lead to UDP, with a right sum.
fn headed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![1, 0, 0x5E, 1, 2, 3, 2, 0, 0, 0, 0, 1, 8, 0];
    let total_bytes = (20 + bytes.len()).min(usize::from(u16::MAX)) as u16;
    let mut ip = vec![0x45, 0, 0, 0, 0, 1, 0, 0, 5, 17, 0, 0, 10, 0, 0, 1, 239, 1, 2, 3];
    ip[2..4].copy_from_slice(&total_bytes.to_be_bytes());
    let mut sum: u32 = ip.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    ip[10..12].copy_from_slice(&(!sum as u16).to_be_bytes());
    frame.extend(ip);
    frame.extend(bytes);
    frame
}
