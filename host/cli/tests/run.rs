//! `hedgewire run` as a process, over loopback, against the simulated venue's own sockets: it trades, ends in good order,
//! is killed at random instants, and agrees with the venue to the last contract.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hedgewire_sim::random::Random;
use hedgewire_sim::venue::shell::{Addresses, Clock, Shell};
use hedgewire_sim::venue::{
    FaultSettings, FlowSettings, GatewaySettings, Lines, Member, RetransmitSettings, SPEED_BUMP_NS, Venue,
    VenueSettings, listing,
};

const EXAMPLE: &str = include_str!("../../examples/live.toml");
const SECRET: &str = "a-secret-that-nobody-may-see";
/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A venue on a thread of its own, with its own sockets.
struct VenueThread {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Venue>,
}

/// Ports that nobody has now; those of multicast are shared by who listens, and so chosen by the number of the test.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}

/// A folder with a configuration, and a venue that it fits.
struct Scene {
    folder: tempfile::TempDir,
    venue: Option<VenueThread>,
    option: String,
}

impl Scene {
    fn new(seed: u64, faults: FaultSettings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::start();
        let (indexes, instruments) = listing::listing(clock.now_ns(), 1, 3);
        let option = instruments[2].name.clone();
        let settings = VenueSettings {
            seed,
            indexes,
            instruments,
            gateway: GatewaySettings {
                members: vec![Member { client_id: "alpha".into(), secret: SECRET.into() }],
                heartbeat_seconds: 1,
                is_padded: false,
                history_messages: 1_000_000,
            },
            rate_limit: None,
            protections: vec![],
            bump_ns: SPEED_BUMP_NS,
            retransmit: RetransmitSettings { history_messages: 100_000, burst: 100, refill_ns: 1_000_000 },
            snapshot_cycle_ns: 200_000_000,
            lines: Lines::Active,
            flow: Some(FlowSettings { rate: 60.0, ..FlowSettings::default() }),
            faults,
        };
        let (incremental, snapshot) = (free_port(), free_port());
        let group = |last: u8, port: u16| format!("239.255.{}.{last}:{port}", 43 + seed % 200);
        let parse = |text: String| text.parse::<SocketAddrV4>().expect("a group");
        let addresses = Addresses {
            orders: "127.0.0.1:0".parse().expect("an address"),
            retransmit: "127.0.0.1:0".parse().expect("an address"),
            incremental: [parse(group(1, incremental)), parse(group(2, incremental))],
            snapshot: [parse(group(1, snapshot)), parse(group(2, snapshot))],
            legacy: None,
        };
        let mut shell = Shell::open(addresses).expect("sockets on loopback");
        let (orders, retransmit) = shell.local_addresses().expect("addresses");
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut venue = Venue::new(settings, clock.now_ns(), None);
            shell.serve(&mut venue, &clock, &told, None);
            venue
        });
        let text = EXAMPLE
            .replace("127.0.0.1:4210", &orders.to_string())
            .replace("127.0.0.1:4240", &retransmit.to_string())
            .replace("239.255.42.1:4220", &group(1, incremental))
            .replace("239.255.42.2:4220", &group(2, incremental))
            .replace("239.255.42.1:4230", &group(1, snapshot))
            .replace("239.255.42.2:4230", &group(2, snapshot))
            .replace("\"secret\"", &format!("{:?}", folder.path().join("secret")))
            .replace("\"hedgewire.state\"", &format!("{:?}", folder.path().join("state")));
        std::fs::write(folder.path().join("live.toml"), text).expect("a configuration");
        std::fs::write(folder.path().join("secret"), SECRET).expect("a secret");
        let owner = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.path().join("secret"), owner).expect("a mode");
        Self { folder, venue: Some(VenueThread { stop, thread }), option }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, journal: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hedgewire"));
        command.arg("--json").arg("run").arg("--config").arg(self.path("live.toml"));
        command.arg("--journal").arg(self.path(journal)).arg("--drop-copy").arg(self.path("fills.sock"));
        command.arg("--socket").arg(self.path("control.sock"));
        command
    }

    fn start(&self, journal: &str) -> Engine {
        let mut command = self.command(journal);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut said = child.stderr.take().expect("a pipe");
        let said = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = said.read_to_string(&mut text);
            text
        });
        Engine { child, said, socket: self.path("fills.sock") }
    }

    /// Ends the venue; returns it.
    fn end(&mut self) -> Venue {
        let VenueThread { stop, thread } = self.venue.take().expect("it is there");
        stop.store(true, Ordering::Relaxed);
        thread.join().expect("the venue has not panicked")
    }
}

struct Engine {
    child: Child,
    said: JoinHandle<String>,
    socket: PathBuf,
}

impl Engine {
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill runs").success());
    }

    /// Waits for its end; what it printed, what it said.
    fn end(self) -> (Output, String) {
        let output = self.child.wait_with_output().expect("it ends");
        (output, self.said.join().expect("a text"))
    }

    /// SIGKILL.
    fn kill(mut self) -> String {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.said.join().expect("a text")
    }

    /// Sends a fill until it is answered by something else than `not_yet`; the status, or none if nobody is there.
    fn fill(&self, line: &str) -> Option<String> {
        let status = send_line(&self.socket, line)?;
        let answer: serde_json::Value = serde_json::from_str(&status).expect("an answer is JSON");
        Some(answer["status"].as_str().expect("a status").to_owned())
    }

    /// As [`Engine::fill`], until the instruments are known.
    fn fill_until_taken(&self, line: &str) -> String {
        let start = Instant::now();
        loop {
            match self.fill(line).as_deref() {
                Some("not_yet") | None => std::thread::sleep(Duration::from_millis(50)),
                Some(status) => return status.to_owned(),
            }
            assert!(start.elapsed() < PATIENCE, "the engine has not taken a fill in time");
        }
    }
}

fn send_line(socket: &Path, line: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(format!("{line}\n").as_bytes()).ok()?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}

fn fill_line(id: usize, option: &str, is_buy: bool, tenths: usize) -> String {
    let (side, whole, part) = (if is_buy { "buy" } else { "sell" }, tenths / 10, tenths % 10);
    format!(r#"{{"fill_id":{id},"instrument":"{option}","side":"{side}","quantity":"{whole}.{part}","price":"0.04"}}"#)
}

/// Contracts of the perpetual that the first member holds.
fn contracts(venue: &Venue) -> i64 {
    venue.position(0, 0) / 10
}

#[test]
fn it_trades_and_ends_in_good_order_with_the_venues_position() {
    let mut scene = Scene::new(1, FaultSettings::default());
    let engine = scene.start("journal");
    for id in 0..12 {
        let status = engine.fill_until_taken(&fill_line(id, &scene.option, true, 5));
        assert_eq!(status, "booked");
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(engine.fill_until_taken(&fill_line(3, &scene.option, true, 5)), "repeated");
    assert_eq!(
        engine.fill_until_taken(
            r#"{"fill_id":99,"instrument":"BTC-1JAN30-1-C","side":"buy","quantity":"1","price":"1"}"#
        ),
        "refused"
    );
    assert_eq!(engine.fill_until_taken("{}"), "refused");
    engine.signal("TERM");
    let (output, said) = engine.end();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a summary");
    assert_eq!(summary["nothing_is_open"], true, "{summary}");
    assert!(summary["hedges"].as_u64().expect("a count") > 3, "{summary} {said}");
    assert_eq!(summary["own_fills"], 12, "{summary}");
    assert_eq!(summary["kernel_faults"], 0, "{summary} {said}");
    let venue = scene.end();
    assert_eq!(venue.open_orders(0).count(), 0);
    assert_eq!(summary["positions"]["BTC-PERPETUAL"], contracts(&venue), "{summary} {said}");
    // The journal is whole, and every kernel answers it so.
    let verified = Command::new(env!("CARGO_BIN_EXE_hedgewire"))
        .args(["journal", "verify", "--kernel", "scalar"])
        .arg(scene.path("journal"))
        .output()
        .expect("the binary runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    // The secret is in nothing that was written or said.
    for name in ["journal", "state", "live.toml"] {
        let bytes = std::fs::read(scene.path(name)).expect("a file");
        assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "{name} has the secret");
    }
    assert!(!said.contains(SECRET) && !String::from_utf8_lossy(&output.stdout).contains(SECRET));
}

/// Kills the engine at `deaths` random instants, then lets it end in good order.
fn dies(seed: u64, deaths: usize) {
    let mut scene = Scene::new(seed, FaultSettings::default());
    let mut random = Random::new(seed, 3);
    let (mut sent, mut acknowledged) = (0, Vec::new());
    let deltas: Vec<(bool, usize)> = (0..400).map(|_| (random.chance(0.5), 1 + random.index(9))).collect();
    let line = |id: usize| {
        let (is_buy, tenths) = deltas[id % deltas.len()];
        fill_line(id, &scene.option, is_buy, tenths)
    };
    for death in 0..deaths {
        let engine = scene.start(&format!("journal-{death}"));
        let begun = Instant::now();
        let life = Duration::from_millis(1_500 + random.index(2_500) as u64);
        while begun.elapsed() < life {
            match engine.fill(&line(sent)).as_deref() {
                Some("booked" | "repeated") => {
                    acknowledged.push(sent);
                    sent += 1;
                }
                Some("not_yet") | None => {}
                Some(other) => panic!("{other}"),
            }
            std::thread::sleep(Duration::from_millis(random.index(60) as u64));
        }
        engine.kill();
        let _ = std::fs::remove_file(scene.path("fills.sock"));
    }
    let engine = scene.start("journal-last");
    for id in &acknowledged {
        assert_eq!(engine.fill_until_taken(&line(*id)), "repeated", "an acknowledged fill was lost");
    }
    // Until it has hedged what is left.
    std::thread::sleep(Duration::from_secs(3));
    engine.signal("INT");
    let (output, said) = engine.end();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let venue = scene.end();
    assert_eq!(summary["positions"]["BTC-PERPETUAL"], contracts(&venue), "seed {seed}: {summary} {said}");
    assert_eq!((summary["nothing_is_open"].as_bool(), venue.open_orders(0).count()), (Some(true), 0), "{said}");
    assert_eq!(summary["kernel_faults"], 0, "{summary} {said}");
    assert!(acknowledged.len() > deaths && venue.counts().exchange.member_fills > 0, "{summary}");
}

#[test]
fn killed_at_random_instants_it_loses_nothing_and_doubles_nothing() {
    dies(7, 6);
}

/// The crash test of record: minutes. `cargo test --package hedgewire --test run -- --ignored fifty`
#[test]
#[ignore = "three minutes; run by scripts/soak"]
fn killed_at_fifty_random_instants_it_loses_nothing_and_doubles_nothing() {
    dies(8, 50);
}

#[test]
fn a_kill_by_signal_is_verified_and_the_engine_goes_on_watching() {
    let mut scene = Scene::new(2, FaultSettings::default());
    let engine = scene.start("journal");
    assert_eq!(engine.fill_until_taken(&fill_line(1, &scene.option, true, 50)), "booked");
    engine.signal("USR1");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(engine.fill_until_taken(&fill_line(2, &scene.option, true, 50)), "booked", "it still books");
    engine.signal("TERM");
    let (output, said) = engine.end();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("alarm killed"), "{said}");
    assert_eq!(scene.end().open_orders(0).count(), 0);
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let scene = Scene::new(3, FaultSettings::default());
    let refused = |scene: &Scene, expected: &str| {
        let output = scene.command("journal").output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected) && !said.contains(SECRET), "{said}");
    };
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(scene.path("secret"), open).expect("a mode");
    refused(&scene, "may be read by others");
    std::fs::remove_file(scene.path("secret")).expect("it is there");
    refused(&scene, "cannot read the secret");
    let text = std::fs::read_to_string(scene.path("live.toml")).expect("a configuration");
    std::fs::write(scene.path("live.toml"), text.replace("underlyings = [\"BTC\"]", "underlyings = [\"ETH\"]"))
        .expect("it is written");
    refused(&scene, "is no coin of an underlying");
}
