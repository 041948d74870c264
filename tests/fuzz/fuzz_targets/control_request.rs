//! Any bytes at the control socket: an error or a request, without a panic; and what is a request reads again as the same.
#![no_main]

use hedgewire_host::control::{LINE_BYTES_MAX, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let Ok(request) = Request::parse(line) else { return };
    assert!(line.len() <= LINE_BYTES_MAX);
    // A path that is no UTF-8 cannot have come in JSON.
    let again = serde_json::to_vec(&request).expect("a request has a JSON form");
    if again.len() <= LINE_BYTES_MAX {
        assert_eq!(Request::parse(&again).expect("it is a request"), request);
    }
    if let Request::Reload { file } = &request {
        assert!(file.is_absolute());
    }
});
