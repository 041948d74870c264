//! `hedgewire-card`: a simulated card as a process, a PCI device over vfio-user.
//!
//! Prints what it is when it can be reached, and what it served when it ends: on SIGINT or SIGTERM or, with
//! `--once`, when the first host has left. Exit codes: 0 ended in good order; 1 it could not be offered; 2 wrong
//! usage.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use hedgewire_abi::LAYOUT_HASH;
use hedgewire_abi::format::SLOT_BLOCK;
use hedgewire_kernel::Sizes;
use hedgewire_sim::card::server::{Pace, serve};
use hedgewire_sim::card::{Engine, KernelEngine};

/// A card without hardware: PCI configuration space, registers, command window, event ring and interrupt, served
/// over vfio-user, with a hedge kernel behind them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Socket to listen on; it must not exist.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// What computes.
    #[arg(long, value_enum)]
    engine: EngineKind,
    /// Rows that the card takes in a cycle: 1, 2, 4, 8 or 16 of a core; the integer kernel only says so.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    lanes: u32,
    /// Rows of a bank, a multiple of 64.
    #[arg(long, default_value_t = 1024, value_parser = rows)]
    rows: usize,
    /// Intervals of a ladder.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(2..=16384))]
    intervals: u32,
    /// Underlyings.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=32))]
    underlyings: u32,
    /// Clock of the card: what its watchdog counts.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clock_mhz: u32,
    /// What a posted write takes to cross PCIe, each way; 450 is an estimate of a real bus. 0 is no model.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1_000_000_000))]
    pcie_delay_ns: u64,
    /// End when the first host has left.
    #[arg(long)]
    once: bool,
}

/// What stands behind the registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineKind {
    /// The integer kernel.
    Kernel,
    /// The card's Verilog, compiled.
    Verilator,
    /// The card's source, simulated by RustHDL.
    Rusthdl,
}

/// A number of rows that a kernel can have.
fn rows(text: &str) -> Result<usize, String> {
    let rows: usize = text.parse().map_err(|error| format!("{error}"))?;
    let is_possible = rows > 0 && rows <= 1 << 20 && rows.is_multiple_of(SLOT_BLOCK as usize);
    is_possible.then_some(rows).ok_or_else(|| format!("a multiple of {SLOT_BLOCK} up to 1048576 is wanted"))
}

fn main() -> ExitCode {
    match offer(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hedgewire-card: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn offer(arguments: Arguments) -> anyhow::Result<()> {
    let sizes = Sizes {
        underlyings: arguments.underlyings as usize,
        rows: arguments.rows,
        intervals: arguments.intervals as usize,
    };
    match arguments.engine {
        EngineKind::Kernel => run(KernelEngine::new(sizes, arguments.lanes), &arguments),
        EngineKind::Verilator | EngineKind::Rusthdl => run_core(sizes, arguments),
    }
}

/// Runs the card's core itself.
#[cfg(feature = "verilog")]
fn run_core(sizes: Sizes, arguments: Arguments) -> anyhow::Result<()> {
    use hedgewire_model::{Engine, Parameters, cache, on_a_large_stack};
    let engine = if arguments.engine == EngineKind::Verilator { Engine::Verilator } else { Engine::Rusthdl };
    on_a_large_stack(move || {
        let parameters = Parameters { lanes: arguments.lanes as usize, sizes }.checked()?;
        // Compiling takes minutes: whoever waits is told, apart from what the card says.
        eprintln!("card: making the core; its Verilog is compiled if {} has it not yet", cache().display());
        let engine = hedgewire_sim::card::ModelEngine::start(parameters, engine, &cache())?;
        run(engine, &arguments)
    })?
}

#[cfg(not(feature = "verilog"))]
fn run_core(_: Sizes, arguments: Arguments) -> anyhow::Result<()> {
    anyhow::bail!(
        "this build of hedgewire-card has no {:?} engine, only the kernel; the one that has it is made by \
         `cargo build --release -p hedgewire-sim --features verilog`",
        arguments.engine
    )
}

fn run<E: Engine>(engine: E, arguments: &Arguments) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot watch for signals")?;
    }
    let Sizes { underlyings, rows, intervals } = engine.sizes();
    let identity = format!(
        "card: {:?} engine, {} lanes, {rows} rows, {intervals} intervals, {underlyings} underlyings, {} MHz, \
         layout hash {LAYOUT_HASH:#018x}, build {}, PCIe delay {}; listening on {}",
        arguments.engine,
        engine.lanes(),
        arguments.clock_mhz,
        engine.build().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        if arguments.pcie_delay_ns == 0 { "none".into() } else { format!("{} ns each way", arguments.pcie_delay_ns) },
        arguments.socket.display()
    );
    let pace = Pace { clock_hz: u64::from(arguments.clock_mhz) * 1_000_000, delay_ns: arguments.pcie_delay_ns };
    let totals = serve(engine, &arguments.socket, pace, arguments.once, &stop, || say(&identity))?;
    say(&format!(
        "card: served {} commands with {} events to {} hosts; {} commands lost, {} resets, {} writes blocked",
        totals.served.commands,
        totals.served.events,
        totals.hosts,
        totals.served.lost,
        totals.served.resets,
        totals.blocked
    ));
    Ok(())
}

/// Prints a line at once; whoever started the card may not listen.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
