//! The `hedgewire-hdl` command: the card's Verilog, and whether it equals the kernel.
//!
//! Exit codes: 0 done; 1 a card differs, or it could not be done (the message says what to do);
//! 2 wrong usage.

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

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let work = move || match &command {
        Command::Verify(arguments) => verify::run(arguments),
        Command::Emit(arguments) => emit::run(arguments).map(|()| true),
        Command::Bench(arguments) => bench::run(arguments).map(|()| true),
    };
    match hedgewire_model::on_a_large_stack(work).unwrap_or_else(|error| Err(error.into())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("hedgewire-hdl: {error:#}");
            ExitCode::FAILURE
        }
    }
}
