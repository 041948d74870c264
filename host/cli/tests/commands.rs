//! The commands as a user runs them: what they print, and with which code they end.
//!
//! Tests of real captures and chains look for them in `HEDGEWIRE_SHARED`, else `../shared` beside the
//! checkout, and skip loudly where they are absent.

#[path = "../../../tests/support/real_data.rs"]
mod real_data;

use std::path::{Path, PathBuf};

use real_data::real_data;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hedgewire_host::config::Plan;
use hedgewire_host::control::{Answer, ControlServer, ControlSettings, EngineRequest, KillCause, KillSwitch};
use hedgewire_host::telemetry::{AlarmKind, Names, Telemetry, Underlying};
use hedgewire_sim::capture::MarketCapture;
use hedgewire_sim::card::KernelEngine;
use hedgewire_sim::card::server::{Pace, serve};
use serde_json::Value;

fn hedgewire(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hedgewire")).args(arguments).output().expect("the binary runs")
}

/// Runs a command that must end with code 0 and print one JSON object.
fn json(arguments: &[&str]) -> Value {
    let output = hedgewire(arguments);
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    assert_eq!(text.trim().lines().count(), 1, "one object, on one line: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn assert_fails(arguments: &[&str], code: i32, says: &str) {
    let output = hedgewire(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(says), "{arguments:?} says {errors:?}, not {says:?}");
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn shared(path: &str) -> Option<String> {
    real_data(&workspace(""), path).map(|path| text(&path).to_owned())
}

fn at(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn demo_writes_a_report_and_a_journal_that_verifies() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (report, journal) = (at(&folder, "new/demo.html"), at(&folder, "demo.journal"));
    let told = json(&["demo", "--minutes", "2", "--json", "--report", text(&report), "--journal", text(&journal)]);
    for key in ["quotes", "decisions", "hedges", "refusals", "latency_ns", "pnl_hedged_usd", "pnl_unhedged_usd"] {
        assert!(told.get(key).is_some(), "{key} in {told}");
    }
    assert_eq!(told["over_hedges"], 0);
    let page = std::fs::read_to_string(&report).expect("the report");
    assert!(page.matches("<svg").count() >= 5);
    assert!(["src=", "href=\"http", "url(http", "<script"].iter().all(|outside| !page.contains(outside)));
    let verified = json(&["journal", "verify", text(&journal), "--json"]);
    assert_eq!(verified["differences"], 0);
    assert!(verified["commands"].as_u64() > Some(1_000));
    let shown = hedgewire(&["journal", "show", text(&journal), "--notable", "--most", "3"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout).lines().count(), 3);
}

#[test]
fn journal_that_was_cut_is_verified_up_to_the_cut_and_ends_with_code_3() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (report, journal) = (at(&folder, "demo.html"), at(&folder, "demo.journal"));
    json(&["demo", "--minutes", "1", "--json", "--report", text(&report), "--journal", text(&journal)]);
    let bytes = std::fs::read(&journal).expect("the journal");
    std::fs::write(&journal, &bytes[..bytes.len() * 2 / 3]).expect("a disk");
    let output = hedgewire(&["journal", "verify", text(&journal), "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["differences"], 0);
    assert!(told["damage"].as_str().is_some_and(|damage| !damage.is_empty()));
}

#[test]
fn journal_is_never_overwritten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (report, journal) = (at(&folder, "demo.html"), at(&folder, "demo.journal"));
    std::fs::write(&journal, "something dear").expect("a disk");
    assert_fails(
        &["demo", "--minutes", "1", "--report", text(&report), "--journal", text(&journal)],
        1,
        "demo.journal",
    );
    assert_eq!(std::fs::read_to_string(&journal).expect("it is still there"), "something dear");
}

#[test]
fn replay_of_a_generated_capture_counts_what_was_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (capture, config, packets) = generated_day(&folder, "");
    let told = json(&["replay", text(&capture), "--config", text(&config), "--json"]);
    assert_eq!(told["packets"], packets);
    assert_eq!(told["framing_errors"], 0);
    assert!(told["quotes"].as_u64() > Some(0), "{told}");
}

/// A generated capture, a configuration for it with some more lines, and how many packets it has.
fn generated_day(folder: &tempfile::TempDir, more: &str) -> (PathBuf, PathBuf, u64) {
    let capture = at(folder, "day.pcapng");
    let expected = MarketCapture { seed: 3, packets: 400, ..MarketCapture::default() }.write(&capture).expect("a disk");
    // The smallest example, but holding whatever options the generated market lists.
    let sample = std::fs::read_to_string(workspace("host/examples/minimal.toml")).expect("the sample");
    let (head, rest) = sample.split_once("[[underlying.portfolio.holding]]").expect("a holding");
    let (_, tail) = rest.split_once("[underlying.band]").expect("a band");
    let rule = "rule = { kind = \"every_option\", quantity_coin = -10 }";
    let config = at(folder, "every-option.toml");
    std::fs::write(&config, format!("[market]\nwarm_up_ms = 200\n{more}\n{head}{rule}\n\n[underlying.band]{tail}"))
        .expect("a disk");
    (capture, config, expected.packets)
}

#[test]
fn replay_on_a_card_gives_the_journal_of_the_cpu_with_or_without_the_card() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (capture, config, _) = generated_day(&folder, "");
    let (socket, cpu) = (at(&folder, "card.sock"), at(&folder, "cpu.journal"));
    let base = ["replay", text(&capture), "--config", text(&config), "--journal"];
    json(&[&base[..], &[text(&cpu), "--json"]].concat());
    let expected = std::fs::read(&cpu).expect("a journal");
    let sizes = Plan::load(&config).expect("a plan").sizes;
    let (address, stop) = (format!("vfio-user:{}", socket.display()), Arc::new(AtomicBool::new(false)));
    let replay_on_card = |name: &str, says: &str| {
        let journal = at(&folder, name);
        let output = hedgewire(&[&base[..], &[text(&journal), "--card", address.as_str()]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        assert!(errors.contains(says), "{errors}");
        assert!(std::fs::read(&journal).expect("a journal") == expected, "the journal is the CPU's");
    };
    replay_on_card("none.journal", "after 0 commands the CPU answers: no card: cannot connect");
    let (ready, is_ready) = std::sync::mpsc::channel();
    let card = {
        let (socket, stop) = (socket.clone(), Arc::clone(&stop));
        let pace = Pace { clock_hz: 250_000_000, delay_ns: 0 };
        std::thread::spawn(move || {
            serve(KernelEngine::new(sizes, 2), &socket, pace, false, &stop, || ready.send(()).expect("a listener"))
        })
    };
    is_ready.recv().expect("the card is ready");
    replay_on_card("card.journal", "after 0 commands the card answers (2 lanes");
    stop.store(true, Ordering::Relaxed);
    let totals = card.join().expect("a thread").expect("a card");
    assert!(totals.served.commands > 100 && totals.served.lost == 0, "{totals:?}");
}

#[test]
fn replay_stops_without_a_card_where_the_configuration_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (capture, config, _) = generated_day(&folder, "[card]\non_fault = \"stop\"");
    let none = format!("vfio-user:{}", at(&folder, "none.sock").display());
    let replay = ["replay", text(&capture), "--config", text(&config), "--card"];
    assert_fails(&[&replay[..], &[none.as_str()]].concat(), 1, "stopped: no card");
    assert_fails(&[&replay[..], &["05:00.0"]].concat(), 2, "vfio-user:PATH");
}

#[test]
fn nonsense_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = at(&folder, "nonsense.toml");
    let sample = std::fs::read_to_string(workspace("host/examples/minimal.toml")).expect("the sample");
    std::fs::write(&config, sample.replace("min_contracts = 1.0", "min_contracts = 0.25")).expect("a disk");
    let capture = at(&folder, "day.pcapng");
    MarketCapture { seed: 3, packets: 10, ..MarketCapture::default() }.write(&capture).expect("a disk");
    assert_fails(&["replay", text(&capture), "--config", text(&config)], 1, "min_contracts");
    assert_fails(
        &["replay", "no-such-capture", "--config", text(&workspace("host/examples/minimal.toml"))],
        1,
        "no-such-capture",
    );
    assert_fails(&["greeks", "no-such-chain.csv"], 1, "no-such-chain.csv");
    assert_fails(&["backtest", text(folder.path())], 1, "snapshots");
    assert_fails(&["journal", "verify", text(&config)], 1, "nonsense.toml");
    assert_fails(&["replay"], 2, "Usage");
    assert_fails(&["no-such-command"], 2, "Usage");
}

#[test]
fn simulate_prints_every_strategy() {
    let told = json(&["simulate", "--paths", "50", "--steps", "60", "--json"]);
    let strategies = told["strategies"].as_array().expect("strategies");
    assert_eq!(strategies.len(), 8);
    assert!(strategies.iter().all(|s| s["pnl_sd"].as_f64().is_some_and(|sd| sd > 0.0)));
}

#[test]
fn simulate_journals_its_first_paths_the_same_for_every_form() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let study = ["simulate", "--paths", "50", "--steps", "60", "--json"];
    let plain = json(&study);
    let mut journals = Vec::new();
    for form in ["scalar", "auto"] {
        let journal = at(&folder, form);
        let recorded = ["--journal", text(&journal), "--journal-paths", "3", "--kernel", form];
        assert_eq!(json(&[&study[..], &recorded].concat()), plain, "a journal changes no figure");
        let verified = json(&["journal", "verify", text(&journal), "--json"]);
        assert_eq!(verified["differences"], 0);
        // Eight strategies, of which six ask about every path at every check.
        assert!(verified["commands"].as_u64() > Some(6 * 3 * 60), "{verified}");
        journals.push(std::fs::read(&journal).expect("the journal"));
    }
    assert!(journals[0] == journals[1]);
    let journal = at(&folder, "too many");
    let beyond = [&study[..], &["--journal", text(&journal), "--journal-paths", "51"]].concat();
    assert_fails(&beyond, 1, "journal_paths = 51");
    assert!(!journal.exists());
    assert_fails(&["simulate", "--journal-paths", "2"], 2, "--journal");
}

#[test]
fn journal_is_shown_as_one_object_with_every_field() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = at(&folder, "journal");
    json(&["simulate", "--paths", "5", "--steps", "20", "--every", "1", "--json", "--journal", text(&journal)]);
    let verified = json(&["journal", "verify", text(&journal), "--json"]);
    let shown = json(&["journal", "show", text(&journal), "--json"]);
    let records = shown["records"].as_array().expect("records");
    let entries = verified["commands"].as_u64().zip(verified["events"].as_u64()).map(|(c, e)| c + e);
    assert_eq!((Some(records.len() as u64), &shown["damage"]), (entries, &Value::Null));
    assert_eq!((&records[0]["command"], &records[0]["seq"]), (&"Configure".into(), &1.into()));
    assert_eq!((&records[1]["event"], &records[1]["reason"]), (&"Accepted".into(), &"NONE".into()));
    let size = records.iter().find(|record| record["command"] == "SetSizeLimits").expect("a set-up");
    assert_eq!(size["notional_max"], u64::MAX);
    let sold = |record: &&Value| record["event"] == "Hedge" && record["quantity"].as_i64() < Some(0);
    assert!(records.iter().any(|record| sold(&record)), "signed fields keep their sign");

    let notable = json(&["journal", "show", text(&journal), "--json", "--notable", "--from", "90", "--most", "2"]);
    let notable = notable["records"].as_array().expect("records").clone();
    assert!(notable.len() == 2 && notable.iter().all(|record| record["command_seq"].as_u64() >= Some(90)));
    let none = json(&["journal", "show", text(&journal), "--json", "--from", "1000000000"]);
    assert_eq!(none["records"], Value::Array(Vec::new()));
}

#[test]
fn journal_that_was_cut_is_shown_as_a_whole_object_up_to_the_cut() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = at(&folder, "journal");
    json(&["simulate", "--paths", "5", "--steps", "20", "--every", "1", "--json", "--journal", text(&journal)]);
    let bytes = std::fs::read(&journal).expect("the journal");
    std::fs::write(&journal, &bytes[..bytes.len() / 2]).expect("a disk");
    let output = hedgewire(&["journal", "show", text(&journal), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(told["records"].as_array().is_some_and(|records| records.len() > 100));
    assert!(told["damage"].as_str().is_some_and(|damage| !damage.is_empty()), "{}", told["damage"]);
}

#[test]
fn every_command_has_help() {
    for command in ["demo", "replay", "greeks", "backtest", "journal", "simulate"] {
        let output = hedgewire(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: hedgewire"), "{command}");
    }
}

#[test]
fn real_capture_gives_the_same_journal_for_every_form() {
    let Some(capture) = shared("deribit-legacy/sample_capture_v1_6.pcapng") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = workspace("host/examples/deribit-legacy.toml");
    let mut journals = Vec::new();
    for form in ["scalar", "auto"] {
        let journal = at(&folder, form);
        let told = json(&[
            "replay",
            &capture,
            "--config",
            text(&config),
            "--journal",
            text(&journal),
            "--kernel",
            form,
            "--json",
        ]);
        assert_eq!((&told["packets"], &told["framing_errors"]), (&5_066.into(), &0.into()));
        assert_eq!((&told["messages"]["ticker"], &told["messages"]["book"]), (&4_211.into(), &1_064.into()));
        assert_eq!(told["messages"]["trades"], 421);
        assert!(told["hedges"].as_u64() > Some(0));
        assert_eq!(json(&["journal", "verify", text(&journal), "--json"])["differences"], 0);
        journals.push(std::fs::read(&journal).expect("the journal"));
    }
    assert!(journals[0] == journals[1]);
}

#[test]
fn kernel_greeks_of_every_real_snapshot_are_the_venues_and_those_of_float64() {
    let Some(folder) = shared("deribit-chains") else { return };
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let snapshots: Vec<PathBuf> = files.filter(|path| text(path).ends_with(".csv.gz")).collect();
    assert!(!snapshots.is_empty());
    for snapshot in &snapshots {
        let told = json(&["greeks", text(snapshot), "--json"]);
        let figure = |name: &str, of: &str| told[name][of].as_f64().unwrap_or(f64::INFINITY);
        assert!(told["options"].as_u64() > Some(1_000), "{told}");
        assert!(figure("delta_abs_diff", "median") <= 2e-3, "{told}");
        assert!(figure("mark_abs_diff", "median") <= 1e-4, "{told}");
        assert!(figure("delta_f64_abs_diff", "max") <= 1e-6, "{told}");
        assert!(figure("mark_f64_abs_diff", "max") <= 1e-6, "{told}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = at(&folder, "journal");
    json(&["greeks", text(&snapshots[0]), "--json", "--journal", text(&journal)]);
    assert_eq!(json(&["journal", "verify", text(&journal), "--json"])["differences"], 0);
    eprintln!("{} snapshots compared", snapshots.len());
}

#[test]
fn backtest_prefers_the_net_transaction_delta_and_the_whalley_wilmott_band() {
    let Some(folder) = shared("deribit-chains") else { return };
    let told = json(&["backtest", &folder, "--portfolios", "8", "--json"]);
    for kind in ["BTC_call", "BTC_put", "ETH_call", "ETH_put"] {
        let sd = |of: &str| told["residual_sd"][kind][of].as_f64().expect("a number");
        assert!(sd("ntd") < sd("bs") && sd("bs") < sd("unhedged"), "{kind} in {told}");
    }
    let band = |rule: &str, of: &str| told["bands"][rule][of].as_f64().expect("a number");
    assert_eq!(band("whalley_wilmott", "cost"), band("time", "cost"));
    assert!(band("whalley_wilmott", "sd") < band("time", "sd"), "{told}");
}

#[test]
fn doctor_names_what_is_missing_and_fails_only_when_strict() {
    let told = json(&["doctor", "--json"]);
    let findings = told["findings"].as_array().expect("a list");
    for (verdict, key) in [("ok", "ok"), ("missing", "missing"), ("unknown", "unknown")] {
        let count = findings.iter().filter(|finding| finding["verdict"] == verdict).count();
        assert_eq!(told[key], count, "{told}");
    }
    for key in ["isolated_cores", "huge_pages", "locked_memory", "iommu", "card", "posting", "clock_source", "network"]
    {
        assert!(findings.iter().any(|finding| finding["key"] == key), "{key} in {told}");
    }
    // An empty root lacks nearly everything.
    let bare = tempfile::tempdir().expect("a temporary folder");
    let output = hedgewire(&["doctor", "--root", text(bare.path())]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("missing  isolated cores") && said.contains(" -> "), "{said}");
    assert_eq!(hedgewire(&["doctor", "--root", text(bare.path()), "--strict"]).status.code(), Some(3));
    assert_fails(&["doctor", "--root", text(&at(&bare, "none"))], 1, "give the one that holds proc and sys");
}

/// An engine as far as its control socket shows: it says done to everything but arm.
fn engine(socket: &Path, telemetry: &Arc<Telemetry>, kill: &Arc<KillSwitch>) -> (ControlServer, Arc<AtomicBool>) {
    let settings = ControlSettings::new(socket);
    let (server, requests) =
        ControlServer::start(&settings, Arc::clone(telemetry), Arc::clone(kill)).expect("the socket opens");
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    std::thread::spawn(move || {
        while !told.load(Ordering::Relaxed) {
            match requests.next() {
                Some(pending) if pending.request == EngineRequest::Arm => {
                    pending.answer(Answer::Refused("positions are not reconciled".into()));
                }
                Some(pending) => {
                    let note = match &pending.request {
                        EngineRequest::Reload { text, .. } => format!("took {} bytes", text.len()),
                        request => format!("{request:?}"),
                    };
                    pending.answer(Answer::Done(note.into()));
                }
                None => std::thread::yield_now(),
            }
        }
    });
    (server, stop)
}

#[test]
fn a_running_engine_is_watched_killed_and_reloaded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (socket, limits) = (at(&folder, "control"), at(&folder, "limits.toml"));
    std::fs::write(&limits, "a = 1\n").expect("a file");
    let underlyings = vec![Underlying::new("BTC", "BTC-PERPETUAL", 0.5)];
    let telemetry = Telemetry::new(Names { underlyings, ..Names::default() }, 0).expect("names that do");
    let (telemetry, kill) = (Arc::new(telemetry), Arc::new(KillSwitch::default()));
    let (_server, stop) = engine(&socket, &telemetry, &kill);

    let told = json(&["status", "--socket", text(&socket), "--json"]);
    assert_eq!((&told["underlyings"][0]["name"], &told["alarms"]), (&"BTC".into(), &Value::Array(vec![])));
    assert_eq!(hedgewire(&["status", "--socket", text(&socket), "--strict"]).status.code(), Some(0));
    telemetry.alarms.raise(AlarmKind::PositionUnproved, 0, 5);
    let status = hedgewire(&["status", "--socket", text(&socket), "--strict"]);
    let said = String::from_utf8_lossy(&status.stdout);
    assert_eq!(status.status.code(), Some(3), "{said}");
    assert!(said.contains("position_unproved BTC") && said.contains(AlarmKind::PositionUnproved.action()), "{said}");

    assert_eq!(json(&["disarm", "--socket", text(&socket), "--json"])["note"], "Disarm");
    assert_fails(&["arm", "--socket", text(&socket)], 1, "arm was not done: positions are not reconciled");
    assert!(kill.pulled().is_none());
    assert_eq!(json(&["kill", "--socket", text(&socket), "--json"])["command"], "kill");
    assert_eq!(kill.pulled(), Some(KillCause::Control));
    let position = ["position", "--underlying", "BTC", "--contracts", "-120", "--socket", text(&socket), "--json"];
    let told = json(&position);
    assert_eq!(told["note"], "Position { underlying: \"BTC\", contracts: -120 }");
    let reload = hedgewire(&["reload", text(&limits), "--socket", text(&socket)]);
    assert_eq!(String::from_utf8_lossy(&reload.stdout), "reload: took 6 bytes\n");
    assert_fails(&["reload", "/nowhere", "--socket", text(&socket)], 1, "cannot read /nowhere");
    // Standard output is no terminal here.
    assert_fails(&["top", "--socket", text(&socket)], 1, "top needs a terminal");
    stop.store(true, Ordering::Relaxed);
}

#[test]
fn without_an_engine_commands_say_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = at(&folder, "control");
    for command in ["status", "kill", "arm", "disarm"] {
        assert_fails(&[command, "--socket", text(&socket)], 1, "start one with `hedgewire run`");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_hedgewire"))
        .args(["--log-format", "json", "status"])
        .env("HEDGEWIRE_SOCKET", &socket)
        .output()
        .expect("the binary runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains(text(&socket)), "where the environment says");
    assert_fails(&["reload"], 2, "FILE");
    assert_fails(&["--log-format", "xml", "status"], 2, "possible values: text, json");
}
