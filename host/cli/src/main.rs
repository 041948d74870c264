//! The `hedgewire` command: one subcommand a file, and what they share in how they speak.
//!
//! Exit codes: 0 done; 1 it could not be done (the message says what to do); 2 wrong usage; 3 done,
//! but a check failed (a journal that differs, a capture with framing errors).

mod commands;
mod output;
mod pictures;
mod screen;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{backtest, control, demo, doctor, greeks, journal, replay, run, simulate, top};
use hedgewire_host::logs;
use output::{LogFormat, LogLevel, Output};

/// Hedging engine for crypto-options market makers.
///
/// Recomputes the whole portfolio's Greeks on every quote and decides, under a cost-aware band and
/// pre-trade gates, whether to hedge: in one deterministic integer machine whose every decision can
/// be replayed bit for bit.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// No progress bar.
    #[arg(long, global = true)]
    quiet: bool,
    /// Run on this core alone: steadier latencies.
    #[arg(long, global = true, value_name = "CORE")]
    pin: Option<usize>,
    /// Form of the log, on standard error.
    #[arg(long, global = true, value_enum, default_value_t)]
    log_format: LogFormat,
    /// How much is logged.
    #[arg(long, global = true, value_enum, default_value_t)]
    log_level: LogLevel,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Replay(replay::Arguments),
    Run(run::Arguments),
    Greeks(greeks::Arguments),
    Backtest(backtest::Arguments),
    Journal(journal::Arguments),
    Simulate(simulate::Arguments),
    Doctor(doctor::Arguments),
    Status(control::Status),
    Top(top::Arguments),
    Kill(control::Kill),
    Disarm(control::Disarm),
    Arm(control::Arm),
    Position(control::Position),
    Reload(control::Reload),
}

/// How a command ended, if it could be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Everything is as it should be.
    Fine,
    /// A check failed: exit code 3.
    CheckFailed,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(core) = arguments.pin
        && !core_affinity::set_for_current(core_affinity::CoreId { id: core })
    {
        eprintln!("hedgewire: cannot run on core {core}; `nproc` tells how many there are");
        return ExitCode::FAILURE;
    }
    logs::start(arguments.log_format.into(), arguments.log_level.into());
    let output = Output::new(arguments.json, arguments.quiet);
    let verdict = match &arguments.command {
        Command::Demo(arguments) => demo::run(arguments, &output),
        Command::Replay(arguments) => replay::run(arguments, &output),
        Command::Run(arguments) => run::run(arguments, &output),
        Command::Greeks(arguments) => greeks::run(arguments, &output),
        Command::Backtest(arguments) => backtest::run(arguments, &output),
        Command::Journal(arguments) => journal::run(arguments, &output),
        Command::Simulate(arguments) => simulate::run(arguments, &output),
        Command::Doctor(arguments) => doctor::run(arguments, &output),
        Command::Status(arguments) => control::status(arguments, &output),
        Command::Top(arguments) => top::run(arguments, &output),
        Command::Kill(arguments) => control::kill(arguments, &output),
        Command::Disarm(arguments) => control::disarm(arguments, &output),
        Command::Arm(arguments) => control::arm(arguments, &output),
        Command::Position(arguments) => control::position(arguments, &output),
        Command::Reload(arguments) => control::reload(arguments, &output),
    };
    match verdict {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::CheckFailed) => ExitCode::from(3),
        Err(error) => {
            eprintln!("hedgewire: {error:#}");
            ExitCode::FAILURE
        }
    }
}
