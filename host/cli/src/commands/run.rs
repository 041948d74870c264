//! `hedgewire run`: the live engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};
use hedgewire_host::card::{Address, Change, Session};
use hedgewire_host::config::Plan;
use hedgewire_host::control::{ControlServer, ControlSettings, KillCause, KillSwitch, default_socket};
use hedgewire_host::driver::{Driver, DriverError};
use hedgewire_host::live::shell::{Ended, Setting, run as run_engine};
use hedgewire_host::live::{card_changed, log, names};
use hedgewire_host::telemetry::{MetricsServer, MetricsSettings, Telemetry, now_ns};
use hedgewire_kernel::Kernel;
use serde::Serialize;

use crate::Verdict;
use crate::output::{KernelForm, Output};

/// Hedges a portfolio live: packets in, through order books and the kernel, and orders out.
///
/// It begins with what the state file remembers, lets the venue resend what was missed, makes it say that nothing of ours is
/// open, and only then hedges. SIGINT or SIGTERM ends it in good order: everything is cancelled, the venue has said so, the
/// journal is whole. SIGUSR1 kills: everything is cancelled and nothing is sent any more, but it goes on watching.
///
/// Exit code 3 if it ended and the venue has not said that nothing is open.
#[derive(clap::Args)]
pub struct Arguments {
    /// Configuration, TOML; host/examples/live.toml is a sample.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Form of the kernel.
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelForm,
    /// Record every command and event; the file must not exist.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// State file, instead of the configuration's.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Let a card answer, as vfio:SLOT, sysfs:SLOT or vfio-user:PATH; the CPU takes over when it fails.
    #[arg(long, value_name = "ADDRESS")]
    card: Option<Address>,
    /// Take option fills from elsewhere in the desk: a UNIX socket, a line of JSON a fill (host/README.md).
    #[arg(long, value_name = "PATH")]
    drop_copy: Option<PathBuf>,
    /// Control socket; HEDGEWIRE_SOCKET, or hedgewire.sock in XDG_RUNTIME_DIR, if left out.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Serve metrics for Prometheus at /metrics of this address, as in 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<std::net::SocketAddr>,
    /// Serve them to other machines too: whoever reaches the address can read positions and profit.
    #[arg(long, requires = "metrics")]
    metrics_beyond_loopback: bool,
    /// End after so many seconds, in good order.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
}

/// What came of it.
#[derive(Serialize)]
struct Summary {
    datagrams: u64,
    quotes: u64,
    hedges: u64,
    banks: u64,
    own_fills: u64,
    own_fills_repeated: u64,
    commands: u64,
    refusals: std::collections::BTreeMap<&'static str, u64>,
    kernel_faults: u64,
    positions: std::collections::BTreeMap<String, i64>,
    open_orders: usize,
    nothing_is_open: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Verdict> {
    let mut plan = Plan::load(&arguments.config)?;
    if let (Some(live), Some(state)) = (plan.live.as_mut(), &arguments.state) {
        live.state.clone_from(state);
    }
    let plan = Arc::new(plan);
    ensure!(plan.live.is_some(), "the configuration has no [live]: host/examples/live.toml has one");
    let form = arguments.kernel.form()?;
    let telemetry = Arc::new(Telemetry::new(names(&plan), now_ns())?);
    let (kill, stop) = (Arc::new(KillSwitch::default()), Arc::new(AtomicBool::new(false)));
    watch_signals(&kill, &stop, arguments.seconds)?;
    let socket = arguments.socket.clone().unwrap_or_else(default_socket);
    let settings = ControlSettings::new(socket);
    let (control, requests) = ControlServer::start(&settings, Arc::clone(&telemetry), Arc::clone(&kill))?;
    let (shown, watched, pulled) = (Arc::clone(&telemetry), Arc::clone(&telemetry), Arc::clone(&kill));
    let setting = Setting {
        journal: arguments.journal.clone(),
        drop_copy: arguments.drop_copy.clone(),
        telemetry,
        kill,
        stop,
        requests: Some(requests),
    };
    let metrics = arguments
        .metrics
        .map(|address| MetricsSettings { address, beyond_loopback: arguments.metrics_beyond_loopback });
    let metrics = metrics.map(|settings| MetricsServer::start(&settings, shown)).transpose()?;
    let driver = || driver(arguments.card.as_ref(), &plan, form, watched, pulled);
    let ended = run_engine(&plan, setting, driver, log)?;
    drop((control, metrics));
    output.print(&summary(&plan, &ended), text)?;
    Ok(if ended.is_verified { Verdict::Fine } else { Verdict::CheckFailed })
}

fn driver(
    card: Option<&Address>,
    plan: &Plan,
    form: hedgewire_kernel::Form,
    telemetry: Arc<Telemetry>,
    kill: Arc<KillSwitch>,
) -> Result<Driver, DriverError> {
    let kernel = Kernel::new(plan.sizes, form);
    let Some(address) = card.cloned() else { return Ok(Driver::new(kernel, None).unmeasured()) };
    let (slots, said) = (1 << plan.card.card.ring_size_log2, address.to_string());
    let connect =
        Box::new(move || address.connect(slots).inspect(|card| eprintln!("hedgewire: reached {}", card.name())));
    let observer = Box::new(move |change: &Change| {
        card_changed(change, &telemetry, &kill);
        eprintln!("hedgewire: {said}: {change}");
    });
    let session = Session::open(kernel, plan.card, connect, observer)?;
    Ok(Driver::with_card(session, None).unmeasured())
}

/// SIGINT and SIGTERM end the run, SIGUSR1 kills; so does the end of its time.
fn watch_signals(kill: &Arc<KillSwitch>, stop: &Arc<AtomicBool>, seconds: Option<u64>) -> anyhow::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(stop)).context("cannot watch for signals")?;
    }
    let pulled = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGUSR1, Arc::clone(&pulled)).context("cannot watch for signals")?;
    let (kill, stop) = (Arc::clone(kill), Arc::clone(stop));
    let started = std::time::Instant::now();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        loop {
            if pulled.swap(false, Ordering::Relaxed) {
                kill.pull(KillCause::Signal);
            }
            if seconds.is_some_and(|seconds| started.elapsed().as_secs() >= seconds) {
                stop.store(true, Ordering::Relaxed);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    })?;
    Ok(())
}

fn summary(plan: &Plan, ended: &Ended) -> Summary {
    let names = plan.underlyings.iter().map(|underlying| underlying.hedge_name.clone());
    Summary {
        datagrams: ended.counts.datagrams,
        quotes: ended.counts.quotes,
        hedges: ended.counts.hedges,
        banks: ended.counts.banks,
        own_fills: ended.counts.own_fills,
        own_fills_repeated: ended.counts.own_fills_repeated,
        commands: ended.answers.commands,
        refusals: ended.answers.refusals_by_reason().map(|(reason, count)| (reason.name(), count)).collect(),
        kernel_faults: ended.answers.faults,
        positions: names.zip(ended.positions.iter().copied()).collect(),
        open_orders: ended.open_orders,
        nothing_is_open: ended.is_verified,
    }
}

fn text(summary: &Summary) -> String {
    let s = summary;
    let refusals: Vec<String> = s.refusals.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    let mut text = format!(
        "{} datagrams, {} quotes, {} banks, {} own fills, {} hedges, {} kernel faults\nnot traded: {}\n",
        s.datagrams,
        s.quotes,
        s.banks,
        s.own_fills,
        s.hedges,
        s.kernel_faults,
        refusals.join(", ")
    );
    for (instrument, contracts) in &s.positions {
        text += &format!("{instrument}: {contracts} contracts\n");
    }
    let open =
        if s.nothing_is_open { "nothing is open, the venue says so" } else { "NOT verified that nothing is open" };
    text + open
}
