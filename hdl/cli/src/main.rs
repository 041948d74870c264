//! The `hedgewire-hdl` command: the card's Verilog, and whether it equals the kernel.
//!
//! Exit codes: 0 done; 1 a card differs, or it could not be done (the message says what to do);
//! 2 wrong usage.

mod card;
mod commands;
mod output;
mod source;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{bench, emit, verify};

/// The hedge kernel as hardware: emits its Verilog and compares it with the kernel, byte for byte.
#[derive(Parser)]
#[command(name = "hedgewire-hdl", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Verify(verify::Arguments),
    Emit(emit::Arguments),
    Bench(bench::Arguments),
}

/// A card is one value, of several megabytes with many lanes, and is moved: no stack for a main thread.
const STACK_BYTES: usize = 1 << 28;

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let work = move || match &command {
        Command::Verify(arguments) => verify::run(arguments),
        Command::Emit(arguments) => emit::run(arguments).map(|()| true),
        Command::Bench(arguments) => bench::run(arguments).map(|()| true),
    };
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
    let outcome = worker.map_err(anyhow::Error::from).and_then(|worker| match worker.join() {
        Ok(outcome) => outcome,
        // It has said why.
        Err(panic) => std::panic::resume_unwind(panic),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("hedgewire-hdl: {error:#}");
            ExitCode::FAILURE
        }
    }
}
