//! `hedgewire-venue`: a simulated venue as a process. It prints where it is reached when it is, and what it served
//! when it ends: on SIGINT or SIGTERM, or after `--seconds`. Exit codes: 0 ended in good order; 1 it could not be
//! opened; 2 wrong usage.

use std::io::Write;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Parser};
use hedgewire_host::chain::read_snapshot;
use hedgewire_sim::venue::desk_fills::{DeskFillCounts, DeskFills};
use hedgewire_sim::venue::shell::{Addresses, Clock, Shell, ShellCounts};
use hedgewire_sim::venue::{
    AdversarySettings, FaultSettings, FlowSettings, GatewaySettings, Index, Instrument, LegacySettings, Lines, Member,
    ProtectionKey, ProtectionSettings, RateLimit, RetransmitSettings, Tape, Venue, VenueSettings, listing,
};

const NS_PER_MS: i64 = 1_000_000;
const NS_PER_SECOND: i64 = 1_000_000_000;

/// A venue that speaks Deribit's Starbase: order entry over TCP, multicast market data with snapshots and
/// retransmission, price-time matching, the public, and faults from a seed.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Who may log on: a file of lines with a key's name and its secret.
    #[arg(long, value_name = "FILE")]
    members: PathBuf,
    /// Where everything random comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after so many seconds.
    #[arg(long, value_name = "S")]
    seconds: Option<u32>,
    /// Print what was served as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Where it is reached")]
    reach: Reach,
    #[command(flatten, next_help_heading = "What it lists and how it trades")]
    market: Market,
    #[command(flatten, next_help_heading = "The desk's own quotes")]
    desk: Desk,
    #[command(flatten, next_help_heading = "What goes wrong (a rate or mean of 0 is never)")]
    wrong: Wrong,
}

#[derive(Args)]
struct Reach {
    /// Order entry, TCP.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4210")]
    orders: SocketAddr,
    /// Retransmission, UDP; multicast leaves from the interface of this address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4240")]
    retransmit: SocketAddr,
    /// Incremental group of line A.
    #[arg(long, value_name = "GROUP", default_value = "239.255.42.1:4220")]
    line_a: SocketAddrV4,
    /// Incremental group of line B.
    #[arg(long, value_name = "GROUP", default_value = "239.255.42.2:4220")]
    line_b: SocketAddrV4,
    /// Snapshot group of line A.
    #[arg(long, value_name = "GROUP", default_value = "239.255.42.1:4230")]
    snapshot_a: SocketAddrV4,
    /// Snapshot group of line B.
    #[arg(long, value_name = "GROUP", default_value = "239.255.42.2:4230")]
    snapshot_b: SocketAddrV4,
    /// Group of the legacy multicast, with the books and tickers of the perpetuals; its snapshots go to the next port.
    /// None is sent if left out.
    #[arg(long, value_name = "GROUP", value_parser = group_with_a_next)]
    legacy: Option<SocketAddrV4>,
    /// Send on both lines, not on the active one alone.
    #[arg(long)]
    both_lines: bool,
    /// Fill messages of order entry up to 8 bytes.
    #[arg(long)]
    padded: bool,
    /// Heartbeat interval of sessions, s.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(i32).range(1..=3_600))]
    heartbeat: i32,
    /// Time of a round of snapshots, ms.
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(1..=600_000))]
    snapshot_cycle: i64,
    /// Messages kept for retransmission, and per session for resending.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    history: usize,
}

#[derive(Args)]
struct Market {
    /// Coins: 1 is BTC, 2 BTC and ETH.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    coins: u8,
    /// Strikes of each coin's options.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(i64).range(0..=50))]
    strikes: i64,
    /// A recorded option chain (CSV, also .gz) whose expiries, strikes, forwards and marks are listed, moved to today;
    /// without one they are made up.
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// Expiries of a chain.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=50), requires = "chain")]
    expiries: u8,
    /// A tape for BTC-PERPETUAL (Binance COIN-M depth and trades); without one, orders are drawn.
    #[arg(long, value_name = "FILE")]
    tape: Option<PathBuf>,
    /// No public at all: members trade with each other.
    #[arg(long)]
    quiet: bool,
    /// Orders that the public places, withdraws or takes, per second and instrument.
    #[arg(long, value_name = "RATE", default_value_t = 20.0, value_parser = at_least_zero)]
    rate: f64,
    /// Share of them that takes.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = probability)]
    takers: f64,
    /// Volatility of the index per year.
    #[arg(long, value_name = "SIGMA", default_value_t = 0.5, value_parser = at_least_zero)]
    volatility: f64,
    /// Latency of the adversary that takes stale quotes, us.
    #[arg(long, value_name = "US", default_value_t = 2_000, value_parser = microseconds)]
    adversary_latency: i64,
    /// How far beyond the fair price a quote is stale, ticks; 0 is no adversary.
    #[arg(long, value_name = "TICKS", default_value_t = 2, value_parser = clap::value_parser!(i64).range(0..=10_000))]
    adversary_edge: i64,
    /// Speed bump of every book but the inverse perpetuals', ms.
    #[arg(long, value_name = "MS", default_value_t = 10, value_parser = clap::value_parser!(i64).range(0..=10_000))]
    bump: i64,
    /// New orders and quotes per second and member; 0 is no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate_limit: u32,
    /// Most that may trade in a second before market-maker protection strikes, whole units, of group 1 and of every
    /// currency pair; 0 is none.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=100_000_000))]
    protection: i64,
}

#[derive(Args)]
struct Desk {
    /// The engine's drop-copy socket: what the public takes of the desk's own option quotes is told there.
    #[arg(long, value_name = "PATH")]
    drop_copy: Option<PathBuf>,
    /// Such fills per second.
    #[arg(long, value_name = "RATE", default_value_t = 1.0, value_parser = above_zero)]
    desk_fills: f64,
    /// The last of them so many seconds after the start; else until the venue ends.
    #[arg(long, value_name = "S")]
    desk_fills_for: Option<u64>,
}

#[derive(Args)]
struct Wrong {
    /// Begin with every fault at a moderate rate; what follows changes single ones.
    #[arg(long)]
    all_faults: bool,
    /// Packets lost.
    #[arg(long, value_name = "P", value_parser = probability)]
    loss: Option<f64>,
    /// Packets of the legacy multicast lost; no other fault of packets touches it.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    legacy_loss: f64,
    /// Packets that come twice.
    #[arg(long, value_name = "P", value_parser = probability)]
    duplicate: Option<f64>,
    /// Packets that come late.
    #[arg(long, value_name = "P", value_parser = probability)]
    reorder: Option<f64>,
    /// How late, us.
    #[arg(long, value_name = "US", default_value_t = 2_000, value_parser = microseconds)]
    reorder_by: i64,
    /// Reports numbered but not written.
    #[arg(long, value_name = "P", value_parser = probability)]
    report_drop: Option<f64>,
    /// Reports that come late.
    #[arg(long, value_name = "P", value_parser = probability)]
    report_delay: Option<f64>,
    /// How late, ms.
    #[arg(long, value_name = "MS", default_value_t = 20, value_parser = milliseconds)]
    report_delay_by: i64,
    /// Orders refused.
    #[arg(long, value_name = "P", value_parser = probability)]
    reject: Option<f64>,
    /// Mean time between disconnects, s.
    #[arg(long, value_name = "S", value_parser = at_least_zero)]
    disconnect_every: Option<f64>,
    /// Mean time between halts, s.
    #[arg(long, value_name = "S", value_parser = at_least_zero)]
    halt_every: Option<f64>,
    /// How long a halt is, ms.
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = milliseconds)]
    halt_for: i64,
    /// Mean time between fail-overs of the lines, s.
    #[arg(long, value_name = "S", value_parser = at_least_zero)]
    fail_over_every: Option<f64>,
    /// How long nothing is sent then, ms.
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = milliseconds)]
    fail_over_for: i64,
    /// Mean time between silences of feed and sessions, s.
    #[arg(long, value_name = "S", value_parser = at_least_zero)]
    silence_every: Option<f64>,
    /// How long a silence is, ms.
    #[arg(long, value_name = "MS", default_value_t = 7_000, value_parser = milliseconds)]
    silence_for: i64,
}

impl Wrong {
    fn settings(&self) -> FaultSettings {
        let base = if self.all_faults { FaultSettings::all() } else { FaultSettings::default() };
        let mean = |seconds: Option<f64>, base_ns: i64| seconds.map_or(base_ns, |s| (s * NS_PER_SECOND as f64) as i64);
        FaultSettings {
            loss: self.loss.unwrap_or(base.loss),
            duplicate: self.duplicate.unwrap_or(base.duplicate),
            reorder: self.reorder.unwrap_or(base.reorder),
            reorder_ns: self.reorder_by * 1_000,
            report_drop: self.report_drop.unwrap_or(base.report_drop),
            report_delay: self.report_delay.unwrap_or(base.report_delay),
            report_delay_ns: self.report_delay_by * NS_PER_MS,
            reject: self.reject.unwrap_or(base.reject),
            disconnect_mean_ns: mean(self.disconnect_every, base.disconnect_mean_ns),
            halt_mean_ns: mean(self.halt_every, base.halt_mean_ns),
            halt_ns: self.halt_for * NS_PER_MS,
            fail_over_mean_ns: mean(self.fail_over_every, base.fail_over_mean_ns),
            fail_over_ns: self.fail_over_for * NS_PER_MS,
            silence_mean_ns: mean(self.silence_every, base.silence_mean_ns),
            silence_ns: self.silence_for * NS_PER_MS,
        }
    }
}

impl Market {
    fn flow(&self) -> Option<FlowSettings> {
        let adversary =
            AdversarySettings { latency_ns: self.adversary_latency * 1_000, edge_ticks: self.adversary_edge };
        (!self.quiet).then(|| FlowSettings {
            rate: self.rate,
            taker_share: self.takers,
            volatility: self.volatility,
            adversary: (self.adversary_edge > 0).then_some(adversary),
            ..FlowSettings::default()
        })
    }

    fn protections(&self) -> Vec<ProtectionSettings> {
        let keys = [ProtectionKey::Group(1), ProtectionKey::CurrencyPair(1), ProtectionKey::CurrencyPair(2)];
        let settings = |key| ProtectionSettings {
            key,
            quantity_max: self.protection,
            window_ns: NS_PER_SECOND,
            frozen_ns: NS_PER_SECOND,
        };
        keys.into_iter().filter(|_| self.protection > 0).map(settings).collect()
    }
}

impl Market {
    /// What is listed.
    fn listing(&self, now_ns: i64) -> anyhow::Result<(Vec<Index>, Vec<Instrument>)> {
        let coins = usize::from(self.coins);
        let Some(path) = &self.chain else { return Ok(listing::listing(now_ns, coins, self.strikes)) };
        let (expiries, strikes) = (usize::from(self.expiries), usize::try_from(self.strikes)?);
        // Its message has the cause in it already.
        let snapshot = read_snapshot(path).map_err(|error| anyhow::anyhow!("{error}"))?;
        listing::chain::listing(&snapshot, now_ns, coins, expiries, strikes)
            .with_context(|| format!("cannot list {}", path.display()))
    }
}

/// A group whose next port there is.
fn group_with_a_next(text: &str) -> Result<SocketAddrV4, String> {
    let group: SocketAddrV4 = text.parse().map_err(|_| "a group and a port, as in 239.255.42.9:6100".to_owned())?;
    if group.port() == u16::MAX { Err("there is no next port for its snapshots".to_owned()) } else { Ok(group) }
}

fn milliseconds(text: &str) -> Result<i64, String> {
    at_most(text, 600_000)
}

fn microseconds(text: &str) -> Result<i64, String> {
    at_most(text, 60_000_000)
}

fn at_most(text: &str, most: i64) -> Result<i64, String> {
    let value: i64 = text.parse().map_err(|error| format!("{error}"))?;
    (0..=most).contains(&value).then_some(value).ok_or_else(|| format!("from 0 to {most} is wanted"))
}

fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|error| format!("{error}"))?;
    (0.0..=1.0).contains(&value).then_some(value).ok_or_else(|| "from 0 to 1 is wanted".into())
}

fn above_zero(text: &str) -> Result<f64, String> {
    let value = at_least_zero(text)?;
    (value > 0.0).then_some(value).ok_or_else(|| "more than 0 is wanted".into())
}

fn at_least_zero(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|error| format!("{error}"))?;
    (0.0..=1e6).contains(&value).then_some(value).ok_or_else(|| "from 0 to 1000000 is wanted".into())
}

/// Reads names and secrets. Secrets are in no message.
fn read_members(path: &Path) -> anyhow::Result<Vec<Member>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read members from {}", path.display()))?;
    let mut members: Vec<Member> = vec![];
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, secret] = words[..] else { anyhow::bail!("line {} of the members: a name and a secret", place + 1) };
        let fits = name.len() <= 16 && secret.len() <= 48;
        ensure!(fits, "line {} of the members: a name has at most 16 bytes, a secret 48", place + 1);
        ensure!(members.iter().all(|m| m.client_id != name), "line {} of the members: a name twice", place + 1);
        members.push(Member { client_id: name.into(), secret: secret.into() });
    }
    ensure!(!members.is_empty(), "nobody may log on: {} is empty", path.display());
    Ok(members)
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hedgewire-venue: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { reach, market, desk, wrong, .. } = arguments;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot watch for signals")?;
    }
    let clock = Clock::start();
    let now_ns = clock.now_ns();
    let (indexes, mut instruments) = market.listing(now_ns)?;
    let tape = match &market.tape {
        Some(path) => {
            ensure!(!market.quiet, "a tape is of the public: --tape and --quiet contradict each other");
            Some(Tape::read(path, instruments[0].tick)?)
        }
        None => None,
    };
    if let Some(tape) = &tape {
        instruments[0].mark = Some(tape.first_mid().context("the tape has only one side")?);
    }
    let listed = instruments.len();
    let settings = VenueSettings {
        seed: arguments.seed,
        indexes,
        instruments,
        gateway: GatewaySettings {
            members: read_members(&arguments.members)?,
            heartbeat_seconds: reach.heartbeat,
            is_padded: reach.padded,
            history_messages: reach.history,
        },
        rate_limit: (market.rate_limit > 0)
            .then(|| RateLimit { burst: market.rate_limit, refill_ns: NS_PER_SECOND / i64::from(market.rate_limit) }),
        protections: market.protections(),
        bump_ns: market.bump * NS_PER_MS,
        retransmit: RetransmitSettings { history_messages: reach.history, burst: 100, refill_ns: NS_PER_MS },
        snapshot_cycle_ns: reach.snapshot_cycle * NS_PER_MS,
        lines: if reach.both_lines { Lines::Both } else { Lines::Active },
        flow: market.flow(),
        faults: wrong.settings(),
    };
    let addresses = Addresses {
        orders: reach.orders,
        retransmit: reach.retransmit,
        incremental: [reach.line_a, reach.line_b],
        snapshot: [reach.snapshot_a, reach.snapshot_b],
        legacy: reach.legacy,
    };
    let mut shell = Shell::open(addresses).context("cannot open the venue's sockets")?;
    let snapshot_cycle_ns = settings.snapshot_cycle_ns;
    let mut venue = Venue::new(settings, now_ns, tape.map(|tape| (tape, 0)));
    if reach.legacy.is_some() {
        venue = venue.with_legacy(now_ns, LegacySettings { snapshot_cycle_ns, loss: wrong.legacy_loss });
    }
    let (orders, retransmit) = shell.local_addresses().context("cannot tell where the venue is")?;
    say(&format!(
        "venue: seed {}, {listed} instruments, order entry on {orders}, retransmission on {retransmit}, line A {} and \
         {}, line B {} and {}",
        arguments.seed, reach.line_a, reach.snapshot_a, reach.line_b, reach.snapshot_b
    ));
    let desk_stop = Arc::new(AtomicBool::new(false));
    let desk_fills = desk.start(arguments.seed, venue.instruments(), &desk_stop)?;
    let end_ns = arguments.seconds.map(|seconds| now_ns + i64::from(seconds) * NS_PER_SECOND);
    let sockets = shell.serve(&mut venue, &clock, &stop, end_ns);
    desk_stop.store(true, Ordering::Relaxed);
    let desk_fills = desk_fills.map(|thread| thread.join().unwrap_or_default());
    tell(&venue, arguments, sockets, desk_fills, (clock.now_ns() - now_ns) / NS_PER_MS)
}

impl Desk {
    /// Begins to tell fills, if somebody is to be told.
    fn start(
        &self,
        seed: u64,
        instruments: &[Instrument],
        stop: &Arc<AtomicBool>,
    ) -> anyhow::Result<Option<JoinHandle<DeskFillCounts>>> {
        let Some(drop_copy) = self.drop_copy.clone() else { return Ok(None) };
        let fills = DeskFills { drop_copy, rate: self.desk_fills, seed };
        if let Some(seconds) = self.desk_fills_for {
            let stop = Arc::clone(stop);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(seconds));
                stop.store(true, Ordering::Relaxed);
            });
        }
        Ok(Some(fills.start(instruments, Arc::clone(stop)).context("no thread for the desk's fills")?))
    }
}

/// What each member holds, in the smallest orders that there are, and has open.
fn standings(venue: &Venue, members: &[Member]) -> serde_json::Value {
    let standing = |(number, member): (usize, &Member)| {
        let held = venue.instruments().iter().enumerate().filter_map(|(place, instrument)| {
            let contracts = venue.position(number, place) / instrument.min_quantity;
            (contracts != 0).then(|| (instrument.name.clone(), contracts.into()))
        });
        let mut standing: serde_json::Map<String, serde_json::Value> = held.collect();
        standing.insert("open_orders".into(), venue.open_orders(number).count().into());
        (member.client_id.clone(), standing.into())
    };
    serde_json::Value::Object(members.iter().enumerate().map(standing).collect())
}

/// Prints what was served.
fn tell(
    venue: &Venue,
    arguments: &Arguments,
    sockets: ShellCounts,
    desk_fills: Option<DeskFillCounts>,
    served_ms: i64,
) -> anyhow::Result<()> {
    let mut served = serde_json::to_value(venue.counts())?;
    served["sockets"] = serde_json::to_value(sockets)?;
    served["desk_fills"] = serde_json::to_value(desk_fills)?;
    for (member, standing) in standings(venue, &read_members(&arguments.members)?).as_object().into_iter().flatten() {
        served[format!("member {member}")] = standing.clone();
    }
    served["served_ms"] = served_ms.into();
    if arguments.json {
        say(&serde_json::to_string_pretty(&served)?);
        return Ok(());
    }
    for (part, counts) in served.as_object().into_iter().flatten() {
        let counts = match counts.as_object() {
            Some(counts) => counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", "),
            None => counts.to_string(),
        };
        say(&format!("venue: {part}: {counts}"));
    }
    Ok(())
}

/// Prints a line at once; whoever started the venue may not listen.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
