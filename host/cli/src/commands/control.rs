//! `hedgewire kill`, `disarm`, `arm`, `position`, `reload` and `status`: one request to the control socket each.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use hedgewire_host::control::{Reply, Request, default_socket, request};
use hedgewire_host::telemetry::{Severity, Snapshot};
use serde::Serialize;

use crate::Verdict;
use crate::output::Output;
use crate::screen;

/// More than the engine takes at most, so that its server's own words arrive.
const PATIENCE: Duration = Duration::from_secs(15);
/// Columns of a status in text.
const COLUMNS: u16 = 100;

/// Which engine.
#[derive(clap::Args)]
pub struct Engine {
    /// Control socket of the engine [default: HEDGEWIRE_SOCKET, else hedgewire.sock in XDG_RUNTIME_DIR or /run].
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

impl Engine {
    /// Asks it. A reply that says it was not done is an error.
    pub fn ask(&self, asked: &Request) -> anyhow::Result<Reply> {
        let path = self.socket.clone().unwrap_or_else(default_socket);
        let reply = request(&path, asked, PATIENCE)?;
        match reply {
            Reply { ok: true, .. } => Ok(reply),
            Reply { error, .. } => bail!("{} was not done: {}", asked.name(), error.unwrap_or_default()),
        }
    }

    /// Everything that can be seen of it.
    pub fn snapshot(&self) -> anyhow::Result<Snapshot> {
        let reply = self.ask(&Request::Status {})?;
        Ok(*reply.status.context("the engine answered without a status: is it of this version?")?)
    }
}

/// Disarms everything, cancels every order at the venue, and verifies that none is left.
///
/// It stays so until the engine is armed again.
#[derive(clap::Args)]
pub struct Kill {
    #[command(flatten)]
    engine: Engine,
}

/// Lets no order leave any more; open orders stay.
#[derive(clap::Args)]
pub struct Disarm {
    #[command(flatten)]
    engine: Engine,
}

/// Lets orders leave again, after a disarm, a kill or a start.
#[derive(clap::Args)]
pub struct Arm {
    #[command(flatten)]
    engine: Engine,
}

/// Tells the position of a hedge instrument as the venue has it: it stands instead of what is remembered.
///
/// For an engine that cannot prove its position, because the venue no longer had reports (alarm position_unproved). Look
/// at the venue's own screen first: nothing of the underlying may be open. It stays disarmed until `hedgewire arm`.
#[derive(clap::Args)]
pub struct Position {
    /// Coin of the underlying, as in BTC.
    #[arg(long, value_name = "COIN")]
    underlying: String,
    /// Contracts of the hedge instrument (the smallest order's size), positive long, negative short.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    contracts: i64,
    #[command(flatten)]
    engine: Engine,
}

/// Takes over the limits of a configuration: the only way to widen one while the engine runs. It is journalled.
#[derive(clap::Args)]
pub struct Reload {
    /// The configuration.
    file: PathBuf,
    #[command(flatten)]
    engine: Engine,
}

/// Prints what can be seen of a running engine.
#[derive(clap::Args)]
pub struct Status {
    /// End with code 3 if a critical alarm is raised.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    engine: Engine,
}

#[derive(Serialize)]
struct Done {
    command: &'static str,
    note: String,
}

fn carry_out(engine: &Engine, asked: &Request, output: &Output) -> anyhow::Result<Verdict> {
    let note = engine.ask(asked)?.note.unwrap_or_default();
    output.print(&Done { command: asked.name(), note }, |done| format!("{}: {}", done.command, done.note))?;
    Ok(Verdict::Fine)
}

/// Runs `hedgewire kill`.
pub fn kill(arguments: &Kill, output: &Output) -> anyhow::Result<Verdict> {
    carry_out(&arguments.engine, &Request::Kill {}, output)
}

/// Runs `hedgewire disarm`.
pub fn disarm(arguments: &Disarm, output: &Output) -> anyhow::Result<Verdict> {
    carry_out(&arguments.engine, &Request::Disarm {}, output)
}

/// Runs `hedgewire arm`.
pub fn arm(arguments: &Arm, output: &Output) -> anyhow::Result<Verdict> {
    carry_out(&arguments.engine, &Request::Arm {}, output)
}

/// Runs `hedgewire position`.
pub fn position(arguments: &Position, output: &Output) -> anyhow::Result<Verdict> {
    let (underlying, contracts) = (arguments.underlying.clone(), arguments.contracts);
    carry_out(&arguments.engine, &Request::Position { underlying, contracts }, output)
}

/// Runs `hedgewire reload`.
pub fn reload(arguments: &Reload, output: &Output) -> anyhow::Result<Verdict> {
    let path = &arguments.file;
    // The engine was started elsewhere.
    let file = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
    carry_out(&arguments.engine, &Request::Reload { file }, output)
}

/// Runs `hedgewire status`.
pub fn status(arguments: &Status, output: &Output) -> anyhow::Result<Verdict> {
    let snapshot = arguments.engine.snapshot()?;
    output.print(&snapshot, |snapshot| screen::text(snapshot, COLUMNS))?;
    let is_critical = snapshot.alarms.iter().any(|alarm| alarm.severity == Severity::Critical.name());
    Ok(if arguments.strict && is_critical { Verdict::CheckFailed } else { Verdict::Fine })
}
