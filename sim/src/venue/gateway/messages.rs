//! Bodies of session messages.

use crate::venue::layout as at;
use crate::venue::wire::Body;

pub fn logon_conf(heartbeat_seconds: i32, version: u16) -> Body {
    use at::logon_conf::{HEARTBEAT_INTERVAL_SECONDS, LAYOUT, SCHEMA_VERSION};
    Body::new(&LAYOUT).i32(HEARTBEAT_INTERVAL_SECONDS, heartbeat_seconds).u16(SCHEMA_VERSION, version)
}

pub fn logged_out(reason: &str) -> Body {
    Body::new(&at::logged_out::LAYOUT).text(reason)
}

pub fn heartbeat(correlation_id: i64) -> Body {
    use at::heartbeat::{CORRELATION_ID, LAYOUT};
    Body::new(&LAYOUT).i64(CORRELATION_ID, correlation_id)
}

pub fn test_request(correlation_id: i64) -> Body {
    use at::test_request::{CORRELATION_ID, LAYOUT};
    Body::new(&LAYOUT).i64(CORRELATION_ID, correlation_id)
}

pub fn gap_fill(next: i64) -> Body {
    use at::gap_fill::{LAYOUT, NEW_SEQUENCE_NUMBER};
    Body::new(&LAYOUT).i64(NEW_SEQUENCE_NUMBER, next)
}

pub fn reject(ref_seq: i64, reason: i8, details: &str) -> Body {
    use at::reject as f;
    Body::new(&f::LAYOUT).i64(f::REF_SEQUENCE_NUMBER, ref_seq).i8(f::REASON, reason).text(details)
}
