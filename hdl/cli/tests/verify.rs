//! The whole card against the kernel, as a user runs it: `hedgewire-hdl verify` on every engine.
//!
//! All runs of the compiled model are of one small card: it is compiled once and then found in the cache.
//! Where a tool is missing, `SKIPPED:` is printed and what needs it is not tested.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use hedgewire_host::journal::Writer;
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::commands::CommandStream;
use serde_json::Value;

/// The card that is compiled.
const COMPILED: &[&str] = &["--engine", "verilator", "--lanes", "2"];
const COMPILED_SIZES: Sizes = Sizes { underlyings: 2, rows: 128, intervals: 3 };
/// The least card there is, for engines that take their time.
const LEAST: &[&str] = &["--rows", "64", "--intervals", "2", "--underlyings", "1"];
/// So that only the first of the tests compiles the card.
static COMPILING: Mutex<()> = Mutex::new(());

fn verify(arguments: &[&[&str]]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hedgewire-hdl"));
    command.arg("verify").args(arguments.concat()).args(["--json", "--quiet"]).output().expect("the binary runs")
}

/// The object that a run prints.
fn report(output: &Output) -> Value {
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}{errors}"))
}

/// A run that must find no difference.
fn assert_equal(arguments: &[&[&str]]) -> Value {
    let output = verify(arguments);
    let report = report(&output);
    assert_eq!((&report["differences"], output.status.code()), (&Value::from(0), Some(0)), "{report:#}");
    report
}

/// Whether these programs can be started; says so if not.
fn have(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| Command::new(program).arg("-V").output().is_err());
    missing.inspect(|program| println!("SKIPPED: {program} is not installed; no card was run by it")).is_none()
}

/// Runs the compiled card; none without the tools to compile it.
fn compiled(arguments: &[&str]) -> Option<Value> {
    if !have(&["verilator", "make", "c++"]) {
        return None;
    }
    let _one_at_a_time = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    Some(assert_equal(&[COMPILED, arguments]))
}

/// Runs the compiled card on a seeded stream.
fn compiled_on_a_stream(arguments: &[&str]) -> Option<Value> {
    let Sizes { underlyings, rows, intervals } = COMPILED_SIZES;
    let [rows, intervals, underlyings] = [rows, intervals, underlyings].map(|size| size.to_string());
    compiled(&[&["--rows", &rows, "--intervals", &intervals, "--underlyings", &underlyings], arguments].concat())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn compiled_card_equals_the_kernel_and_the_report_has_its_keys() {
    let Some(report) = compiled_on_a_stream(&["--commands", "4000", "--seed", "5", "--stalls"]) else { return };
    for key in ["commands", "events", "differences", "seed", "engine", "lanes", "cycles", "cycles_per_second"] {
        assert!(report.get(key).is_some(), "{key} in {report:#}");
    }
    assert_eq!((&report["commands"], &report["seed"]), (&Value::from(4_000), &Value::from(5)));
    assert_eq!((&report["engine"], &report["lanes"]), (&Value::from("verilator"), &Value::from(2)));
    assert!(report["events"].as_u64() >= Some(4_000) && report["cycles"].as_u64() > Some(4_000), "{report:#}");
}

#[test]
fn compiled_card_fed_without_stalls_equals_the_kernel() {
    compiled_on_a_stream(&["--commands", "4000", "--seed", "6"]);
}

#[test]
fn reset_in_the_middle_of_anything_comes_up_clean_and_disarmed() {
    let arguments = ["--commands", "6000", "--seed", "7", "--stalls", "--resets", "60"];
    let Some(report) = compiled_on_a_stream(&arguments) else { return };
    assert_eq!(report["resets"], 60);
    // Back to back, and early in a card's life.
    compiled_on_a_stream(&["--commands", "4000", "--seed", "8", "--resets", "400"]);
}

#[test]
fn compiled_card_equals_the_kernel_on_a_journal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = folder.path().join("stream.journal");
    let mut writer = Writer::create(&journal, COMPILED_SIZES).expect("a journal");
    let (mut stream, mut kernel) = (CommandStream::new(9, COMPILED_SIZES), Kernel::new(COMPILED_SIZES, Form::Scalar));
    let mut events = Vec::new();
    for _ in 0..3_000 {
        let command = stream.next(&events);
        events = kernel.apply(&command).to_vec();
        writer.append(&command, &events).expect("a disk");
    }
    writer.close().expect("a disk");
    let Some(report) = compiled(&["--journal", text(&journal)]) else { return };
    assert_eq!((&report["commands"], &report["rows"]), (&Value::from(3_000), &Value::from(128)));
}

#[test]
fn source_equals_the_kernel_with_one_lane_and_with_several() {
    for lanes in ["1", "2", "4"] {
        let run = ["--engine", "rusthdl", "--lanes", lanes, "--commands", "300", "--seed", "10"];
        assert_eq!(assert_equal(&[LEAST, &run])["commands"], 300);
    }
}

/// They are large values: a main thread's stack does not hold them.
#[test]
fn card_of_most_lanes_can_be_built() {
    assert_equal(&[LEAST, &["--engine", "rusthdl", "--lanes", "16", "--commands", "5"]]);
}

#[test]
fn interpreted_verilog_equals_the_kernel() {
    if have(&["iverilog", "vvp"]) {
        let run = ["--engine", "icarus", "--lanes", "1", "--commands", "300", "--seed", "11", "--stalls"];
        assert_equal(&[LEAST, &run]);
    }
}

/// One wrong constant in one block must be found out.
fn assert_found_out(block: &str, sabotage: &str) {
    if !have(&["iverilog", "vvp"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let waves = folder.path().join("waves.vcd");
    // Of this seed, command 122 is a quote that sends an order.
    let run = ["--engine", "icarus", "--lanes", "1", "--commands", "128", "--seed", "1452"];
    let output = verify(&[LEAST, &run, &["--sabotage", sabotage, "--vcd", text(&waves)]]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(1), "{block}, {sabotage}: {report:#}");
    assert_eq!((&report["differences"], &report["seed"]), (&Value::from(1), &Value::from(1_452)), "{report:#}");
    let first = report["first_difference"].as_str().expect("the first difference");
    println!("{block}: {first}");
    for part in ["command ", "kernel ", "card "] {
        assert!(first.contains(part), "{part} in {first}");
    }
    assert_eq!(report["vcd"], text(&waves));
    let waves = std::fs::read_to_string(&waves).expect("the waves");
    assert!(waves.contains("$enddefinitions") && waves.lines().filter(|line| line.starts_with('#')).count() > 20);
}

macro_rules! sabotages {
    ($($name:ident $block:literal $sabotage:literal;)*) => {$(
        #[test]
        fn $name() {
            assert_found_out($block, $sabotage);
        }
    )*};
}

sabotages! {
    wrong_node_of_phi_is_found_out "lane" "nearer = ((32'h0) & 10'h3ff)=>nearer = ((32'h1) & 10'h3ff)";
    wrong_unit_of_the_error_is_found_out
        "interval" "error_unit = ((32'h1) & 16'hffff)=>error_unit = ((32'h2) & 16'hffff)";
    wrong_shift_of_a_constant_is_found_out "bank" "localparam  unit = 5'b11100=>localparam  unit = 5'b11101";
    wrong_unit_of_cash_is_found_out "offset" "localparam  left = 5'b10111=>localparam  left = 5'b10110";
    wrong_place_of_a_product_is_found_out
        "exposure" "$signed((whole_bits << ((32'h10) & 5'h1f)) | rest_bits)=>$signed((whole_bits << ((32'h11) & 5'h1f)) | rest_bits)";
}
