//! Whether a card can compile its Verilog here.

/// Says loudly if it cannot.
pub fn has_verilator() -> bool {
    let is_there = std::process::Command::new("verilator").arg("--version").output().is_ok();
    if !is_there {
        println!("SKIPPED: a card with the compiled Verilog: verilator is not installed");
    }
    is_there
}
