//! `[live]` and `[[gateway]]`: what a running engine needs beside market, portfolio and limits.
//!
//! A configuration holds no secret: it names the file or the variable of the environment that has it, and the
//! secret is read when the engine starts, into a type that is never shown.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use thiserror::Error;

use super::check::Checks;
use super::second::{SecondConfig, SecondPlan, second};
use crate::deribit::starbase::orders::rate::RateLimits;
use crate::deribit::starbase::orders::{Credential, Wire};
use crate::packet::PacketSettings;

/// Longest name and secret of a key, bytes.
const CLIENT_ID_BYTES: usize = <Credential<16> as Wire>::BYTES;
/// Most channels and gateways.
const COUNT_MAX: usize = 64;
/// 10^-9 in a basis point.
const NANO_PER_BP: f64 = 1e5;
/// Most tokens.
const TOKENS_MAX: u32 = 1_000_000_000;

/// A running engine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveConfig {
    /// The state file: what the engine remembers from one life to the next.
    pub state: PathBuf,
    /// Whether underlyings are armed as soon as they are reconciled and have rows; else by a request.
    #[serde(default)]
    pub arm: bool,
    /// Between two ticks of time while no quote comes, ms.
    #[serde(default = "tick_ms")]
    pub tick_ms: f64,
    /// After so long without a trusted book, resting hedges are cancelled, ms.
    #[serde(default = "blind_ms")]
    pub blind_ms: f64,
    /// Oldest index that banks are compiled from, ms.
    #[serde(default = "input_age_max_ms")]
    pub input_age_max_ms: f64,
    /// The feed's channels.
    pub channel: Vec<ChannelConfig>,
    /// The legacy multicast as second feed; none if left out.
    pub second: Option<SecondConfig>,
}

/// A channel of the feed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// The venue's number.
    pub id: i32,
    /// Where lost messages are asked for, as in `10.1.2.3:4240`; never asked for if left out.
    pub retransmit: Option<String>,
}

/// A session for orders.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where it is, as in `10.1.2.3:4210`.
    pub address: String,
    /// Coins of the underlyings whose hedges go there.
    pub underlyings: Vec<String>,
    /// The key's name.
    pub client_id: String,
    /// File that holds the key's secret and nothing else.
    pub secret_file: Option<PathBuf>,
    /// Variable of the environment that holds it.
    pub secret_env: Option<String>,
    /// Whether frames are filled up to 8 bytes.
    #[serde(default)]
    pub padded: bool,
    /// Whether hedges are under market-maker protection: a faster path through the venue's risk check.
    #[serde(default)]
    pub mmp: bool,
    /// Self-match group.
    pub self_match_prevention_id: Option<i64>,
    /// Fee of a resting hedge, basis points; negative if it is received.
    #[serde(default)]
    pub maker_fee_bp: f64,
    /// After so long without an answer an order is in doubt, ms.
    #[serde(default = "response_timeout_ms")]
    pub response_timeout_ms: f64,
    /// Longest wait for the answer to a logon or a logout, ms.
    #[serde(default = "logon_timeout_ms")]
    pub logon_timeout_ms: f64,
    /// Longest wait for missing reports, ms.
    #[serde(default = "resend_timeout_ms")]
    pub resend_timeout_ms: f64,
    /// First wait before connecting again, ms; each failure doubles it.
    #[serde(default = "reconnect_min_ms")]
    pub reconnect_min_ms: f64,
    /// Longest wait before connecting again, ms.
    #[serde(default = "reconnect_max_ms")]
    pub reconnect_max_ms: f64,
    /// The venue's message allowance.
    pub rate: RateConfig,
}

/// The venue's message allowance, tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// Tokens in a full bucket.
    pub capacity: f64,
    /// Tokens that come back in a second.
    pub per_second: f64,
    /// Cost of a new order.
    pub new_cost: f64,
    /// Cost of an amendment.
    pub amend_cost: f64,
    /// Cost of a cancel.
    pub cancel_cost: f64,
}

fn tick_ms() -> f64 {
    100.0
}

fn blind_ms() -> f64 {
    1_000.0
}

fn input_age_max_ms() -> f64 {
    10_000.0
}

fn response_timeout_ms() -> f64 {
    1_000.0
}

fn logon_timeout_ms() -> f64 {
    5_000.0
}

fn resend_timeout_ms() -> f64 {
    5_000.0
}

fn reconnect_min_ms() -> f64 {
    100.0
}

fn reconnect_max_ms() -> f64 {
    5_000.0
}

/// A running engine, in wire units.
#[derive(Debug, Clone, PartialEq)]
pub struct LivePlan {
    /// The state file.
    pub state: PathBuf,
    /// Whether underlyings are armed by themselves.
    pub arms: bool,
    /// Between two ticks of time, ns.
    pub tick_ns: u64,
    /// After so long without a trusted book resting hedges are cancelled, ns.
    pub blind_ns: u64,
    /// Oldest index that banks are compiled from, ns.
    pub input_age_max_ns: u64,
    /// Channels.
    pub channels: Vec<ChannelPlan>,
    /// The second feed, if there is one.
    pub second: Option<SecondPlan>,
    /// Gateways.
    pub gateways: Vec<GatewayPlan>,
}

/// A channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelPlan {
    /// The venue's number.
    pub id: i32,
    /// Where lost messages are asked for.
    pub retransmit: Option<SocketAddr>,
}

/// A gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayPlan {
    /// Where it is.
    pub address: SocketAddr,
    /// Indices of its underlyings.
    pub underlyings: Vec<u8>,
    /// The key's name.
    pub client_id: Credential<16>,
    /// Where its secret is.
    pub secret: SecretSource,
    /// Whether frames are padded.
    pub is_padded: bool,
    /// Whether hedges are under protection.
    pub mmp: bool,
    /// Self-match group.
    pub self_match_prevention_id: Option<i64>,
    /// Fee of a resting order, 10^-9.
    pub maker_fee_nano: i64,
    /// When an order is in doubt, ns.
    pub response_timeout_ns: u64,
    /// For logon and logout, ns.
    pub logon_timeout_ns: u64,
    /// For missing reports, ns.
    pub resend_timeout_ns: u64,
    /// First wait, ns.
    pub reconnect_min_ns: u64,
    /// Longest wait, ns.
    pub reconnect_max_ns: u64,
    /// Message allowance.
    pub rate: RateLimits,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// In a variable of the environment.
    Environment(String),
}

/// Why a secret cannot be had. What was found is never in the text.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret in {}: {source}; check gateway.secret_file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// Others may read the file.
    #[error("{} may be read by others (mode {mode:o}); chmod 600 it, and change the secret", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There is no such variable.
    #[error("the environment has no variable {0}; set it, or name a file in gateway.secret_file")]
    Unset(String),
    /// It is no secret of this venue.
    #[error("the secret in {0} is empty, longer than 48 bytes, or not ASCII")]
    Unfit(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
        }
    }
}

impl SecretSource {
    /// Reads the secret. A file must be readable by its owner alone.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn read(&self) -> Result<Credential<48>, SecretError> {
        let text = match self {
            Self::File(path) => {
                use std::os::unix::fs::PermissionsExt;
                let failed = |source| SecretError::Read { path: path.clone(), source };
                let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(SecretError::Open { path: path.clone(), mode });
                }
                std::fs::read_to_string(path).map_err(failed)?
            }
            Self::Environment(name) => std::env::var(name).map_err(|_| SecretError::Unset(name.clone()))?,
        };
        Credential::new(text.trim()).ok_or_else(|| SecretError::Unfit(self.to_string()))
    }
}

/// Checks and converts. `coins` are those of the underlyings, by index; `packets`, how the feeds are received.
pub(super) fn live(
    checks: &mut Checks<'_>,
    config: &LiveConfig,
    gateways: &[GatewayConfig],
    coins: &[&str],
    packets: Option<&PacketSettings>,
) -> LivePlan {
    let mut served = vec![false; coins.len()];
    let gateways: Vec<GatewayPlan> = (gateways.iter().enumerate())
        .map(|(at, gateway)| planned_gateway(&mut checks.element("gateway", at), gateway, coins, &mut served))
        .collect();
    for (coin, is_served) in coins.iter().zip(served) {
        checks.require(is_served, "gateway", coin, || {
            "no gateway has it among its underlyings: its hedges would go nowhere".to_owned()
        });
    }
    checks.require(gateways.len() <= COUNT_MAX, "gateway", gateways.len(), || format!("{COUNT_MAX} at most"));
    let mut checks = checks.at("live");
    let channels = config.channel.len();
    checks.require((1..=COUNT_MAX).contains(&channels), "channel", channels, || format!("1 to {COUNT_MAX}"));
    let mut planned: Vec<ChannelPlan> = Vec::new();
    for (at, channel) in config.channel.iter().enumerate() {
        let mut checks = checks.element("channel", at);
        let is_twice = planned.iter().any(|other| other.id == channel.id);
        checks.require(!is_twice, "id", channel.id, || "is there already".to_owned());
        let retransmit = channel.retransmit.as_deref().and_then(|text| address(&mut checks, "retransmit", text));
        planned.push(ChannelPlan { id: channel.id, retransmit });
    }
    LivePlan {
        state: config.state.clone(),
        arms: config.arm,
        tick_ns: checks.some_duration_ns("tick_ms", config.tick_ms),
        blind_ns: checks.some_duration_ns("blind_ms", config.blind_ms),
        input_age_max_ns: checks.some_duration_ns("input_age_max_ms", config.input_age_max_ms),
        channels: planned,
        second: config.second.as_ref().map(|config| second(&mut checks.at("second"), config, packets)),
        gateways,
    }
}

fn address(checks: &mut Checks<'_>, name: &str, text: &str) -> Option<SocketAddr> {
    let address = text.parse().ok();
    checks.require(address.is_some(), name, format!("{text:?}"), || {
        "must be an address and a port, as in \"10.1.2.3:4210\"; names are not looked up".to_owned()
    });
    address
}

fn planned_gateway(
    checks: &mut Checks<'_>,
    config: &GatewayConfig,
    coins: &[&str],
    served: &mut [bool],
) -> GatewayPlan {
    let mut underlyings = Vec::new();
    for (at, coin) in config.underlyings.iter().enumerate() {
        let name = format!("underlyings[{at}]");
        match coins.iter().position(|known| known == coin) {
            None => checks.refuse(&name, coin, "is no coin of an underlying"),
            Some(index) if served[index] => {
                checks.refuse(&name, coin, "has a gateway already: two must not work for one ledger");
            }
            Some(index) => {
                served[index] = true;
                underlyings.push(index as u8);
            }
        }
    }
    checks.require(!underlyings.is_empty(), "underlyings", 0, || "there must be at least one".to_owned());
    let client_id = Credential::new(&config.client_id);
    checks.require(client_id.is_some(), "client_id", config.client_id.len(), || {
        format!("must be ASCII of 1 to {CLIENT_ID_BYTES} bytes")
    });
    let secret = match (&config.secret_file, &config.secret_env) {
        (Some(path), None) => SecretSource::File(path.clone()),
        (None, Some(name)) => SecretSource::Environment(name.clone()),
        (file, _) => {
            let value = if file.is_some() { "both" } else { "neither" };
            checks.refuse("secret_file", value, "give either secret_file or secret_env");
            SecretSource::Environment(String::new())
        }
    };
    let maker_fee_bp = checks.real("maker_fee_bp", config.maker_fee_bp, -1_000.0, 1_000.0);
    let mut rate = checks.at("rate");
    let rate = RateLimits {
        capacity: rate.whole_u32("capacity", config.rate.capacity, 1, TOKENS_MAX),
        per_second: rate.whole_u32("per_second", config.rate.per_second, 1, TOKENS_MAX),
        new_cost: rate.whole_u32("new_cost", config.rate.new_cost, 0, TOKENS_MAX),
        amend_cost: rate.whole_u32("amend_cost", config.rate.amend_cost, 0, TOKENS_MAX),
        cancel_cost: rate.whole_u32("cancel_cost", config.rate.cancel_cost, 0, TOKENS_MAX),
    };
    let dearest = rate.new_cost.max(rate.amend_cost);
    checks.require(rate.capacity >= dearest, "rate.capacity", rate.capacity, || {
        format!("a request costs {dearest}: none would ever leave")
    });
    GatewayPlan {
        address: address(checks, "address", &config.address).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
        underlyings,
        client_id: client_id.unwrap_or(<Credential<16> as Wire>::NULL),
        secret,
        is_padded: config.padded,
        mmp: config.mmp,
        self_match_prevention_id: config.self_match_prevention_id,
        maker_fee_nano: (maker_fee_bp * NANO_PER_BP).round() as i64,
        response_timeout_ns: checks.some_duration_ns("response_timeout_ms", config.response_timeout_ms),
        logon_timeout_ns: checks.some_duration_ns("logon_timeout_ms", config.logon_timeout_ms),
        resend_timeout_ns: checks.some_duration_ns("resend_timeout_ms", config.resend_timeout_ms),
        reconnect_min_ns: checks.some_duration_ns("reconnect_min_ms", config.reconnect_min_ms),
        reconnect_max_ns: checks.some_duration_ns("reconnect_max_ms", config.reconnect_max_ms),
        rate,
    }
}
