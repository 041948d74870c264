//! Runs one stimulus through a block's simulation and through its emitted Verilog.
//!
//! ```text
//!   poke! --> RustHDL simulation --> peek! --> compared with the kernel by the test
//!     |                                |
//!     +--> Verilog test bench <--------+ every peeked value is expected of the Verilog too
//!                 |
//!              Icarus: `finish` fails unless every expectation held
//! ```
//!
//! Where Icarus is not installed, `finish` says `SKIPPED:` and only the simulation was compared.

use std::fmt::Write as _;
use std::process::Command;

use rust_hdl::prelude::*;

use crate::verilog::verilog_of;

/// A block under test and the Verilog bench that grows beside it.
pub struct TestBench<B: Block> {
    /// The block.
    pub unit: B,
    name: &'static str,
    verilog: String,
    ports: Vec<(&'static str, usize, bool)>,
    script: String,
    expectations: usize,
}

impl<B: Block> TestBench<B> {
    /// Connects the block and emits its Verilog.
    pub fn new(name: &'static str, mut unit: B) -> Self {
        unit.connect_all();
        let verilog = verilog_of(&unit, "top");
        Self { unit, name, verilog, ports: Vec::new(), script: String::new(), expectations: 0 }
    }

    fn port<T: Synth>(&mut self, port: &'static str, is_input: bool) {
        if !self.ports.iter().any(|(name, _, _)| *name == port) {
            self.ports.push((port, T::BITS, is_input));
        }
    }

    /// Takes note of an input; called by `poke!`.
    pub fn poked<T: Synth>(&mut self, port: &'static str, value: T) {
        self.port::<T>(port, true);
        let _ = writeln!(self.script, "{port} = {};", value.verilog());
    }

    /// Takes note of an output; called by `peek!`.
    pub fn peeked<T: Synth>(&mut self, port: &'static str, value: T) -> T {
        self.port::<T>(port, false);
        let literal = value.verilog();
        let n = self.expectations;
        let _ = writeln!(
            self.script,
            "if ({port} !== {literal}) begin bad = bad + 1; if (bad < 10) $display(\"expectation {n}: {port} is %h, not %h\", {port}, {literal}); end"
        );
        self.expectations += 1;
        value
    }

    /// Lets the combinational logic settle.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            self.unit.update_all();
            if !self.unit.has_changed() {
                return;
            }
        }
        panic!("{} does not settle: a combinational loop", self.name);
    }

    /// Takes note of half a clock cycle; called by `cycle!`.
    pub fn clocked(&mut self, level: bool) {
        let _ = writeln!(self.script, "#1 clock = {};", u8::from(level));
        if !level {
            self.script.push_str("#1;\n");
        }
        self.settle();
    }

    /// Lets the Verilog settle after the rising edge; called by `cycle!`.
    pub fn wait(&mut self) {
        self.script.push_str("#1;\n");
    }

    /// Runs the Verilog.
    pub fn finish(self) {
        if Command::new("iverilog").arg("-V").output().is_err() {
            println!("SKIPPED: iverilog is not installed; the emitted Verilog of {} was not run", self.name);
            return;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = folder.path().join("bench.v");
        let binary = folder.path().join("bench.vvp");
        std::fs::write(&source, self.bench()).expect("the bench is written");
        let compile =
            Command::new("iverilog").args(["-g2012", "-o"]).arg(&binary).arg(&source).output().expect("iverilog runs");
        if !compile.status.success() {
            let kept = std::env::temp_dir().join(format!("{}.v", self.name));
            let _ = std::fs::copy(&source, &kept);
            panic!("{}: {}\n(kept as {})", self.name, String::from_utf8_lossy(&compile.stderr), kept.display());
        }
        let run = Command::new("vvp").arg("-n").arg(&binary).output().expect("vvp runs");
        let said = String::from_utf8_lossy(&run.stdout);
        if !said.contains("ALL EXPECTED") {
            let kept = std::env::temp_dir().join(format!("{}.v", self.name));
            let _ = std::fs::copy(&source, &kept);
            panic!("{}: Verilog differs from the simulation:\n{said}(kept as {})", self.name, kept.display());
        }
    }

    /// Defines a macro for the emitted Verilog.
    pub fn define(&mut self, name: &str) {
        self.verilog.insert_str(0, &format!("`define {name}\n"));
    }

    fn bench(&self) -> String {
        let mut text = self.verilog.clone();
        text.push_str("\nmodule bench; reg clock = 0; integer bad = 0;\n");
        for (port, bits, is_input) in &self.ports {
            let kind = if *is_input { "reg" } else { "wire" };
            let _ = writeln!(text, "{kind} [{}:0] {port};", bits - 1);
        }
        text.push_str("top unit(");
        if self.script.contains("clock = ") {
            text.push_str(".clock(clock)");
        }
        for (i, (port, _, _)) in self.ports.iter().enumerate() {
            let comma = if i > 0 || self.script.contains("clock = ") { ", " } else { "" };
            let _ = write!(text, "{comma}.{port}({port})");
        }
        let _ = write!(
            text,
            ");\ninitial begin\n{}\nif (bad == 0) $display(\"ALL EXPECTED\"); else $display(\"%0d of {} differ\", bad);\n$finish; end endmodule\n",
            self.script, self.expectations
        );
        text
    }
}

/// `poke!(bench, port, value)`: sets an input.
#[macro_export]
macro_rules! poke {
    ($bench:expr, $port:ident, $value:expr) => {{
        let value = $value;
        $bench.unit.$port.next = value;
        $bench.poked(stringify!($port), value);
    }};
}

/// `peek!(bench, port)`: reads an output, and expects the same of the Verilog.
#[macro_export]
macro_rules! peek {
    ($bench:expr, $port:ident) => {{
        let value = $bench.unit.$port.val();
        $bench.peeked(stringify!($port), value)
    }};
}

/// `cycle!(bench)`: one clock cycle; inputs are taken at its rising edge, outputs stand after it.
/// Combinational outputs of a block without a clock: `cycle!(bench, settle)`.
#[macro_export]
macro_rules! cycle {
    ($bench:expr) => {{
        $bench.unit.clock.next = Clock { clk: false };
        $bench.clocked(false);
        $bench.unit.clock.next = Clock { clk: true };
        $bench.clocked(true);
        $bench.wait();
    }};
    ($bench:expr, settle) => {{
        $bench.settle();
        $bench.wait();
    }};
}
