//! Proofs about emitted Verilog, by Yosys' SAT solver.
//!
//! ```text
//!   emitted module top + assumptions, assertions (text, before its endmodule)
//!      --free--> some instances removed: their outputs may be anything in every cycle
//!      --sat---> proved | refuted by an example
//! ```
//!
//! Text that is put into the module sees its ports, registers and wires, and those of the instances in it
//! (`name$port`). Assumptions hold in every cycle that is looked at. A test that finds no Yosys prints
//! `SKIPPED:` and proves nothing.

use std::process::Command;

use rust_hdl::prelude::*;

/// How assertions are to be proved.
#[derive(Clone, Copy)]
pub enum By {
    /// Induction over runs from power-up.
    Induction,
    /// In the last of so many cycles, from any state before: proves what depends on no more than these
    /// cycles, and any refutation is one.
    Cycles(usize),
}

/// The Verilog of a block, if there is a Yosys to prove things of it with.
pub fn emitted(what: &str, mut block: impl Block) -> Option<String> {
    if Command::new("yosys").arg("-V").output().is_err() {
        println!("SKIPPED: yosys is not installed; nothing was proved of the {what}");
        return None;
    }
    block.connect_all();
    Some(generate_verilog(&block))
}

/// Whether the assertions in `properties`, put into the top module, are proved (`true`) or refuted. The
/// instances `free` are taken out.
pub fn holds(verilog: &str, free: &[&str], properties: &str, by: By) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("top.v");
    let (before, top) = verilog.split_once("module top(").expect("a module top");
    let (top, after) = top.split_once("endmodule").expect("its end");
    std::fs::write(&source, format!("{before}module top({top}{properties}endmodule{after}"))
        .expect("the source is written");
    let free: String = free.iter().map(|instance| format!("delete top/{instance}; ")).collect();
    let (any_state, method) = match by {
        By::Induction => ("", "-tempinduct -maxsteps 10".to_owned()),
        By::Cycles(1) => ("", String::new()),
        By::Cycles(cycles) => ("setattr -unset init *; ", format!("-seq {cycles} -prove-skip {}", cycles - 1)),
    };
    // Bit by bit, so that what no assertion asks for goes; undriven is anything, which `opt -full` would not say.
    let script = format!(
        "read_verilog -formal {}; hierarchy -top top; proc; {free}flatten; memory_map; {any_state}\
         delete -output top/w:*; opt; simplemap t:$dff t:$sdff t:$mux; opt_clean; \
         sat -prove-asserts -set-assumes {method} top",
        source.display()
    );
    let run = Command::new("yosys").args(["-p", &script]).output().expect("yosys runs");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    let proved = said.contains("SUCCESS!");
    let refuted = said.contains("model found for base case: FAIL!") || said.contains("model found: FAIL!");
    assert!(proved != refuted, "no verdict: {said}");
    proved
}
