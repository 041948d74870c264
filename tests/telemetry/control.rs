//! The control socket under whatever is sent to it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hedgewire_host::control::{
    CONNECTIONS_MAX, ControlServer, ControlSettings, KillSwitch, LINE_BYTES_MAX, Reply, Request, Requests, request,
};
use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const PATIENCE: Duration = Duration::from_secs(30);

fn start(path: &Path) -> (ControlServer, Requests) {
    ControlServer::start(&ControlSettings::new(path), crate::telemetry(), Arc::new(KillSwitch::default()))
        .expect("the socket opens")
}

/// Everything that the server says to these bytes, after which nothing more is sent.
fn say(path: &Path, bytes: &[u8]) -> Vec<Reply> {
    let mut stream = UnixStream::connect(path).expect("it listens");
    // A server that has heard enough may close first.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text.lines().map(|line| serde_json::from_str(line).expect("each line is a reply")).collect()
}

#[test]
fn garbage_is_answered_with_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    let (_server, requests) = start(&path);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..200 {
        let mut bytes = vec![0; random.random_range(1..2_000)];
        random.fill_bytes(&mut bytes);
        let replies = say(&path, &bytes);
        assert!(!replies.is_empty() && replies.iter().all(|reply| !reply.ok && reply.error.is_some()));
    }
    for line in [
        "",
        "null",
        "[]",
        "{}",
        "\"kill\"",
        "{\"command\":\"kil\"}",
        "{\"command\":\"kill\",\"now\":true}",
        "{\"command\":\"reload\"}",
        "{\"command\":\"reload\",\"file\":\"limits.toml\"}",
        "{\"command\":\"kill\"} {\"command\":\"kill\"}",
    ] {
        let replies = say(&path, format!("{line}\n").as_bytes());
        assert!(replies.len() == 1 && !replies[0].ok, "{line}: {replies:?}");
    }
    assert!(requests.next().is_none(), "nothing of it reached the engine");
    assert!(say(&path, b"{\"command\":\"status\"}")[0].ok, "a last line needs no line feed");
}

#[test]
fn a_line_without_an_end_takes_no_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    let (_server, _requests) = start(&path);
    let replies = say(&path, &vec![b' '; 1 << 20]);
    assert!(replies.len() <= 1 && replies.iter().all(|reply| !reply.ok));
    let mut exact = b"{\"command\":\"status\"}".to_vec();
    exact.resize(LINE_BYTES_MAX - 1, b' ');
    exact.push(b'\n');
    assert!(say(&path, &exact)[0].ok);
    exact.insert(0, b' ');
    assert!(say(&path, &exact)[0].error.as_ref().expect("one byte more").contains("at most"));
}

#[test]
fn several_requests_share_a_connection_and_too_many_connections_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    let (_server, _requests) = start(&path);
    let replies = say(&path, b"{\"command\":\"status\"}\nnonsense\n{\"command\":\"status\"}\n");
    assert_eq!(replies.iter().map(|reply| reply.ok).collect::<Vec<_>>(), [true, false, true]);
    let mut held: Vec<UnixStream> = Vec::new();
    // Each is served once it has been answered, so that the count is not of connections that still wait.
    while held.len() < CONNECTIONS_MAX {
        let mut stream = UnixStream::connect(&path).expect("it listens");
        stream.write_all(b"x\n").expect("it reads");
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        let mut rest = [0; 512];
        let length = stream.read(&mut rest).expect("it answers");
        if !String::from_utf8_lossy(&rest[..length]).contains("connections already") {
            held.push(stream);
        }
    }
    let replies = say(&path, b"{\"command\":\"status\"}\n");
    assert!(replies[0].error.as_ref().expect("one too many").contains("connections already"));
    drop(held);
    let deadline = std::time::Instant::now() + PATIENCE;
    while !request(&path, &Request::Status {}, PATIENCE).is_ok_and(|reply| reply.ok) {
        assert!(std::time::Instant::now() < deadline, "connections that ended make room");
        std::thread::yield_now();
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Request::parse(&bytes);
    }

    #[test]
    fn requests_cut_and_changed_are_a_request_or_an_error(cut in 0usize..60, at in 0usize..60, byte in any::<u8>()) {
        let mut line = br#"{"command":"reload","file":"/etc/hedgewire/limits.toml"}"#.to_vec();
        let at = at % line.len();
        line[at] = byte;
        line.truncate(cut);
        if let Ok(Request::Reload { file }) = Request::parse(&line) {
            prop_assert!(file.is_absolute());
        }
    }
}
