//! `scripts/synth` with a Verilog of its own: what it counts, and what it refuses.

use std::process::{Command, Output};

/// A multiplier between registers, its ports declared as RustHDL does.
const MULTIPLIER: &str = "
module multiplier(clock, a, b, p);
    input wire clock;
    input wire [17:0] a;
    input wire [17:0] b;
    output reg [35:0] p;
    reg [17:0] x, y;
    always @(posedge clock) begin x <= a; y <= b; p <= x * y; end
endmodule
";

/// Counts a Verilog, without place and route; none where there is no Python or no yosys, which it would install.
/// Files of one name would be synthesised in one folder.
fn count(name: &str, verilog: &str) -> Option<Output> {
    for tool in ["python3", "yosys"] {
        if let Err(error) = Command::new(tool).arg("--version").output() {
            eprintln!("SKIPPED: scripts/synth: {tool}: {error}");
            return None;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, verilog).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/synth");
    Some(Command::new("python3").args([script, "--no-route", "--verilog"]).arg(path).output().unwrap())
}

#[test]
fn a_block_that_is_named_after_a_wire_of_the_scan_chain_is_counted() {
    let Some(run) = count("multiplier.v", MULTIPLIER) else { return };
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let row = said.lines().find(|line| line.starts_with("| multiplier, ECP5-85F |")).expect("a row of the table");
    let [.., blocks, _rams, _] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else { panic!("{row}") };
    assert_eq!(blocks, "1", "{row}");
}

#[test]
fn a_verilog_whose_ports_cannot_be_read_is_refused() {
    let inline =
        "module register(input wire clock, input wire a, output reg p); always @(posedge clock) p <= a; endmodule";
    let Some(run) = count("register.v", inline) else { return };
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && said.contains("register has no output that could be read"), "{said}");
}
