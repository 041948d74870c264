//! `hedgewire run` as a process, over loopback, against the simulated venue's own sockets: it trades, ends in good order,
//! is killed at random instants, and agrees with the venue to the last contract.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddrV4, TcpListener, TcpStream, UdpSocket};
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
use hedgewire_sim::venue::{FaultSettings, LegacySettings, Venue, VenueSettings, listing};

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
        Self::with(seed, faults, false)
    }

    /// With the legacy multicast as second feed, or without.
    fn with(seed: u64, faults: FaultSettings, has_second: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::start();
        let plain = listing::venue(seed, clock.now_ns(), (1, 3), &[("alpha", SECRET)]);
        let option = plain.instruments[2].name.clone();
        let settings = VenueSettings { faults, ..plain };
        let (incremental, snapshot, legacy) = (free_port(), free_port(), free_port() & !1);
        let group = |last: u8, port: u16| format!("239.255.{}.{last}:{port}", 43 + seed % 200);
        let parse = |text: String| text.parse::<SocketAddrV4>().expect("a group");
        let addresses = Addresses {
            orders: "127.0.0.1:0".parse().expect("an address"),
            retransmit: "127.0.0.1:0".parse().expect("an address"),
            incremental: [parse(group(1, incremental)), parse(group(2, incremental))],
            snapshot: [parse(group(1, snapshot)), parse(group(2, snapshot))],
            legacy: has_second.then(|| parse(group(3, legacy))),
        };
        let mut shell = Shell::open(addresses).expect("sockets on loopback");
        let (orders, retransmit) = shell.local_addresses().expect("addresses");
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut venue = Venue::new(settings, clock.now_ns(), None);
            if has_second {
                venue = venue.with_legacy(clock.now_ns(), LegacySettings { snapshot_cycle_ns: 500_000_000, loss: 0.0 });
            }
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
        let groups = format!("{:?}, {:?}", group(3, legacy), group(3, legacy + 1));
        let second = format!("[live.second]\ngroups = [{groups}]\nchannels = [1]\n\n[[gateway]]");
        let received = format!("{:?}]", group(1, snapshot));
        let text = if has_second {
            text.replace(&received, &format!("{}, {groups}]", received.trim_end_matches(']')))
                .replace("\n[[gateway]]", &format!("\n{second}"))
        } else {
            text
        };
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
        self.start_with(journal, &[])
    }

    fn start_with(&self, journal: &str, arguments: &[&str]) -> Engine {
        let mut command = self.command(journal);
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut said = child.stderr.take().expect("a pipe");
        let said = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = said.read_to_string(&mut text);
            text
        });
        Engine { child: Running(Some(child)), said, socket: self.path("fills.sock") }
    }

    /// Asks the engine over its control socket; exit code, and what was said.
    fn ask(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hedgewire"));
        let output = command.args(arguments).arg("--socket").arg(self.path("control.sock")).output();
        let output = output.expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said.into_owned())
    }

    /// Ends the venue; returns it.
    fn end(&mut self) -> Venue {
        let VenueThread { stop, thread } = self.venue.take().expect("it is there");
        stop.store(true, Ordering::Relaxed);
        thread.join().expect("the venue has not panicked")
    }
}

/// A process that does not outlive a test that fails: it would spin on.
struct Running(Option<Child>);

impl Running {
    /// It, to be ended.
    fn take(&mut self) -> Child {
        self.0.take().expect("it is ended once")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = (child.kill(), child.wait());
        }
    }
}

struct Engine {
    child: Running,
    said: JoinHandle<String>,
    socket: PathBuf,
}

impl Engine {
    fn signal(&self, name: &str) {
        let id = self.child.0.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill runs").success());
    }

    /// Waits for its end; what it printed, what it said.
    fn end(mut self) -> (Output, String) {
        let output = self.child.take().wait_with_output().expect("it ends");
        (output, self.said.join().expect("a text"))
    }

    /// SIGKILL.
    fn kill(mut self) -> String {
        let mut child = self.child.take();
        child.kill().expect("it runs");
        child.wait().expect("it ends");
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

    /// A new fill is taken. An engine that was too busy to answer in time may have booked it: sent again, it is
    /// repeated then.
    fn book(&self, line: &str) {
        match self.fill(line).as_deref() {
            Some("not_yet") | None => {
                let status = self.fill_until_taken(line);
                assert!(status == "booked" || status == "repeated", "{status}");
            }
            status => assert_eq!(status, Some("booked")),
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

/// Asks again and again, until the answer will do.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The exposition, by series; none if nobody serves it.
fn scrape(port: u16) -> Option<BTreeMap<String, f64>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let samples = answer.split_once("\r\n\r\n")?.1.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?))))
        .collect()
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
        engine.book(&fill_line(id, &scene.option, true, 5));
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
    engine.book(&fill_line(1, &scene.option, true, 50));
    engine.signal("USR1");
    std::thread::sleep(Duration::from_secs(1));
    engine.book(&fill_line(2, &scene.option, true, 50));
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

fn free_stream_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

#[test]
fn what_only_the_process_can_measure_is_served() {
    let mut scene = Scene::new(4, FaultSettings::default());
    let port = free_stream_port();
    let engine = scene.start_with("journal", &["--metrics", &format!("127.0.0.1:{port}")]);
    for id in 0..8 {
        engine.book(&fill_line(id, &scene.option, true, 9));
        std::thread::sleep(Duration::from_millis(200));
    }
    // Times of the clock, counts of the system, and what another thread writes.
    let series = [
        "hedgewire_packet_to_decision_seconds_count",
        "hedgewire_packet_to_bytes_seconds_count",
        "hedgewire_packet_to_order_seconds_count",
        "hedgewire_order_to_answer_seconds_count",
        "hedgewire_packets_received_total",
        "hedgewire_journal_entries_total",
        "hedgewire_journal_written_entries_total",
        "hedgewire_journal_synced_entries_total",
    ];
    let found = until("each has been written", || {
        let found = scrape(port)?;
        series.iter().all(|name| found[*name] > 0.0).then_some(found)
    });
    let value = |name: &str| found[&format!("hedgewire_{name}")];
    assert!(value("packet_to_order_seconds_count") <= value("packet_to_decision_seconds_count"));
    // Orders are shown a little later than they are timed.
    let answered = value("order_to_answer_seconds_count");
    until("orders are as many as were answered", || {
        let sent = scrape(port)?["hedgewire_orders_total{underlying=\"BTC\",event=\"new\"}"];
        (answered <= sent).then_some(())
    });
    assert!(value("journal_synced_entries_total") <= value("journal_entries_total"));
    assert_eq!(value("kernel_backend{backend=\"cpu\"}"), 1.0);
    engine.signal("TERM");
    let (output, said) = engine.end();
    assert_eq!(output.status.code(), Some(0), "{said}");
    scene.end();
}

#[test]
fn while_starbase_is_not_there_it_hedges_by_the_legacy_multicast() {
    // The feed is away for seconds at a time, and order entry is not.
    let faults = FaultSettings { fail_over_mean_ns: 3_000_000_000, fail_over_ns: 5_000_000_000, ..Default::default() };
    let mut scene = Scene::with(9, faults, true);
    let port = free_stream_port();
    let engine = scene.start_with("journal", &["--metrics", &format!("127.0.0.1:{port}")]);
    engine.book(&fill_line(0, &scene.option, true, 9));
    let is_second =
        |found: &BTreeMap<String, f64>| found["hedgewire_book_state{underlying=\"BTC\",state=\"second_feed\"}"] == 1.0;
    let sent = |found: &BTreeMap<String, f64>| found["hedgewire_orders_total{underlying=\"BTC\",event=\"new\"}"];
    let (mut fill, mut begun) = (0, None);
    until("an order leaves between two looks that both find it on the second feed", || {
        let found = scrape(port)?;
        begun = if is_second(&found) { begun.or(Some(sent(&found))) } else { None };
        fill += 1;
        engine.fill(&fill_line(fill, &scene.option, true, 9));
        begun.filter(|before| sent(&found) > *before)
    });
    let found = scrape(port).expect("it is served");
    assert!(found["hedgewire_feed_packets_total{feed=\"legacy\"}"] > 0.0);
    engine.signal("TERM");
    let (output, said) = engine.end();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("second_feed"), "{said}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a summary");
    let venue = scene.end();
    assert_eq!(summary["positions"]["BTC-PERPETUAL"], contracts(&venue), "{summary} {said}");
}

#[test]
fn metrics_leave_loopback_only_if_that_is_said() {
    let scene = Scene::new(5, FaultSettings::default());
    let port = free_stream_port();
    let address = format!("0.0.0.0:{port}");
    let refused = scene.command("journal").args(["--metrics", &address]).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("is not loopback") && said.contains("--metrics-beyond-loopback"), "{said}");
    assert!(scrape(port).is_none());
    let alone = scene.command("journal").arg("--metrics-beyond-loopback").output().expect("the binary runs");
    assert_eq!(alone.status.code(), Some(2), "it is a word about --metrics");
    std::fs::remove_file(scene.path("journal")).ok();
    let engine = scene.start_with("journal", &["--metrics", &address, "--metrics-beyond-loopback"]);
    until("it is served", || scrape(port));
    engine.signal("TERM");
    engine.end();
}

#[test]
fn a_position_that_people_tell_stands_and_is_in_the_journal() {
    let mut scene = Scene::new(6, FaultSettings::default());
    let engine = scene.start("journal");
    let tell = |contracts: &str| scene.ask(&["position", "--underlying", "BTC", "--contracts", contracts]);
    engine.book(&fill_line(1, &scene.option, true, 30));
    let status = || {
        let status: serde_json::Value = serde_json::from_str(&scene.ask(&["status", "--json"]).1).ok()?;
        Some(status["underlyings"][0].clone())
    };
    until("it hedges", || status().filter(|btc| btc["hedges"].as_u64() > Some(0)));
    let (code, said) = tell("-4321");
    assert!(code == Some(1) && said.contains("position was not done: BTC: it is armed"), "{said}");
    assert_eq!(scene.ask(&["disarm"]).0, Some(0));
    let (code, said) = scene.ask(&["position", "--underlying", "ETH", "--contracts", "1"]);
    assert!(code == Some(1) && said.contains("no underlying of this name"), "{said}");
    // Cancels may still be on their way.
    let said = until("nothing is open any more", || {
        let (code, said) = tell("-4321");
        (code == Some(0)).then_some(said)
    });
    assert!(said.contains("-4321 contracts are taken"), "{said}");
    let is_armed = until("it is told to the kernel", || {
        let btc = status()?;
        (btc["position_contracts"] == -4321 && btc["is_reconciled"] == true).then(|| btc["is_armed"].clone())
    });
    assert_eq!(is_armed, false, "and disarmed until people arm it");
    engine.signal("TERM");
    let (output, said) = engine.end();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    assert_eq!(summary["positions"]["BTC-PERPETUAL"], -4321, "{summary} {said}");
    scene.end();
    let shown = Command::new(env!("CARGO_BIN_EXE_hedgewire"))
        .args(["--json", "journal", "show"])
        .arg(scene.path("journal"))
        .output()
        .expect("the binary runs");
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("an object");
    let records = shown["records"].as_array().expect("a list");
    let is_told = |record: &&serde_json::Value| record["command"] == "Reconcile" && record["position"] == -4321;
    assert_eq!(records.iter().filter(is_told).count(), 1, "the journal has it");
}
