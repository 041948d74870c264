use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::telemetry::{Names, Telemetry, Underlying};

const PATIENCE: Duration = Duration::from_secs(30);

fn telemetry() -> Arc<Telemetry> {
    let underlyings = vec![Underlying::new("BTC", "BTC-PERPETUAL", 0.5)];
    Arc::new(Telemetry::new(Names { underlyings, ..Names::default() }, 0).expect("names that do"))
}

/// A server that gives the engine so long to answer.
fn start(path: &Path, patience: Duration) -> (ControlServer, Requests, Arc<KillSwitch>) {
    let kill = Arc::new(KillSwitch::default());
    let settings = ControlSettings { patience, ..ControlSettings::new(path) };
    let (server, requests) = ControlServer::start(&settings, telemetry(), Arc::clone(&kill)).expect("the socket opens");
    (server, requests, kill)
}

fn start_error(path: &Path) -> ControlError {
    let started = ControlServer::start(&ControlSettings::new(path), telemetry(), Arc::default());
    started.expect_err("it is refused")
}

/// Waits for a request, as an engine that turns.
fn take(requests: &Requests) -> Pending {
    loop {
        if let Some(pending) = requests.next() {
            return pending;
        }
        std::thread::yield_now();
    }
}

#[test]
fn the_socket_is_its_owners_alone_and_goes_with_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    let (server, ..) = start(&path, PATIENCE);
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(server);
    assert!(!path.exists());
}

#[test]
fn a_live_socket_is_refused_and_a_stale_one_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    // As a process that was killed leaves it: nobody listens, nobody has the lock.
    drop(UnixListener::bind(&path).expect("a socket"));
    assert!(path.exists());
    let (_server, ..) = start(&path, PATIENCE);
    assert!(matches!(start_error(&path), ControlError::Taken { .. }));
    assert!(request(&path, &Request::Status {}, PATIENCE).expect("the first one still answers").ok);

    let other = folder.path().join("other");
    let _listener = UnixListener::bind(&other).expect("a socket of another program");
    assert!(matches!(start_error(&other), ControlError::Taken { .. }));
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").expect("a file");
    assert!(matches!(start_error(&file), ControlError::NoSocket { .. }));
    assert_eq!(std::fs::read(&file).expect("it is still there"), b"precious");
}

#[test]
fn status_needs_no_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    let (_server, requests, _) = start(&path, PATIENCE);
    let reply = request(&path, &Request::Status {}, PATIENCE).expect("a reply");
    assert_eq!(reply.status.expect("a snapshot").underlyings[0].name, "BTC");
    assert!(requests.next().is_none());
}

#[test]
fn the_engines_answer_reaches_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, file) = (folder.path().join("control"), folder.path().join("limits.toml"));
    std::fs::write(&file, "a = 1").expect("a file");
    let (_server, requests, kill) = start(&path, PATIENCE);
    let engine = std::thread::spawn(move || {
        let asked: Vec<EngineRequest> = (0..4)
            .map(|turn| {
                let pending = take(&requests);
                let asked = pending.request.clone();
                pending.answer(match turn {
                    0 => Answer::Refused("not reconciled".into()),
                    _ => Answer::Done("done".into()),
                });
                asked
            })
            .collect();
        asked
    });
    let ask = |asked: Request| request(&path, &asked, PATIENCE).expect("a reply");
    let refused = ask(Request::Arm {});
    assert_eq!((refused.ok, refused.error.as_deref()), (false, Some("not reconciled")));
    assert!(ask(Request::Disarm {}).ok && kill.pulled().is_none());
    assert!(ask(Request::Reload { file: file.clone() }).ok);
    assert_eq!(ask(Request::Kill {}).note.as_deref(), Some("done"));
    assert_eq!(kill.pulled(), Some(KillCause::Control));
    let reload = EngineRequest::Reload { path: file, text: "a = 1".to_owned() };
    assert_eq!(
        engine.join().expect("it ends"),
        [EngineRequest::Arm, EngineRequest::Disarm, reload, EngineRequest::Kill]
    );
}

#[test]
fn a_kill_is_set_though_the_engine_takes_no_requests() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    let (_server, requests, kill) = start(&path, Duration::from_millis(20));
    for _ in 0..PENDING_MAX {
        assert!(!request(&path, &Request::Arm {}, PATIENCE).expect("a reply").ok);
    }
    let full = request(&path, &Request::Kill {}, PATIENCE).expect("a reply");
    let error = full.error.expect("nobody answered");
    assert!(error.contains("the kill is set") && error.contains("requests wait"), "{error}");
    assert_eq!(kill.pulled(), Some(KillCause::Control));
    assert!(requests.next().is_none(), "no arm is carried out after its client was told that it failed");
    let late = request(&path, &Request::Kill {}, PATIENCE).expect("a reply");
    assert!(late.error.expect("nobody answered").contains("not answered in time"));
    assert_eq!(requests.next().expect("a kill is never too late").request, EngineRequest::Kill);
    drop(requests);
    assert!(request(&path, &Request::Disarm {}, PATIENCE).expect("a reply").error.expect("gone").contains("has ended"));
}

#[test]
fn what_cannot_be_read_is_not_reloaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    let (_server, requests, _) = start(&path, PATIENCE);
    let huge = folder.path().join("huge");
    std::fs::write(&huge, vec![b' '; RELOAD_BYTES_MAX as usize + 1]).expect("a file");
    for (file, says) in [
        (folder.path().join("absent"), "cannot read"),
        (folder.path().to_owned(), "no file"),
        (huge, "more than"),
        ("relative.toml".into(), "no absolute path"),
    ] {
        let error = request(&path, &Request::Reload { file }, PATIENCE).expect("a reply").error.expect("refused");
        assert!(error.contains(says), "{error}");
    }
    assert!(requests.next().is_none());
}

#[test]
fn the_first_cause_of_a_kill_stays() {
    let kill = KillSwitch::default();
    kill.pull(KillCause::Signal);
    kill.pull(KillCause::Fault);
    assert_eq!(kill.pulled(), Some(KillCause::Signal));
    kill.reset();
    assert_eq!(kill.pulled(), None);
}
