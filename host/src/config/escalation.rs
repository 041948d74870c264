//! The escalation of hedges at a venue, from a desk's units to the ladder's.
//!
//! Whatever the ladder reaches for stays inside the collar that the kernel's gate was given: no order is
//! sent at a price that the kernel would have refused for being too far from its reference price.

use serde::Deserialize;

use super::check::Checks;
use super::{GatesConfig, HedgeConfig};
use crate::deribit::starbase::orders::escalation::{EscalationPolicy, Reach};

/// 10^-6 in a basis point.
const PPM_PER_BP: f64 = 100.0;
/// Basis points in 1.
const BP: f64 = 1e4;
/// Most ticks that an order may reach beyond the best opposite price.
const REACH_TICKS_MAX: u32 = 1 << 16;
/// Most attempts of a stage.
const ATTEMPTS_MAX: u32 = 1_000;

/// How hard a hedge is tried at the venue: passive, a tick better, across the spread, further across.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationConfig {
    /// Time at the best price, ms; 0 leaves it out.
    pub passive_ms: f64,
    /// Time a tick better, ms; 0 leaves it out.
    pub improve_ms: f64,
    /// How far through the best opposite price an order takes, ticks.
    pub cross_ticks: f64,
    /// Largest distance of its limit from the price of the hedge instrument, basis points.
    pub cross_collar_bp: f64,
    /// Attempts before it reaches further.
    pub cross_attempts: f64,
    /// How far through the best opposite price it then takes, ticks.
    pub wide_ticks: f64,
    /// Largest distance of that limit, basis points; at most the gate's collar.
    pub wide_collar_bp: f64,
    /// Attempts before the hedge is given up.
    pub wide_attempts: f64,
    /// Between two attempts, ms.
    pub retry_ms: f64,
    /// After this a hedge is given up, ms.
    pub lifetime_ms: f64,
}

/// Checks and converts an escalation.
pub(super) fn escalation(
    checks: &mut Checks<'_>,
    config: &EscalationConfig,
    hedge: &HedgeConfig,
    gates: &GatesConfig,
) -> EscalationPolicy {
    let policy = EscalationPolicy {
        passive_ns: checks.duration_ns("passive_ms", config.passive_ms),
        improve_ns: checks.duration_ns("improve_ms", config.improve_ms),
        cross: Reach {
            ticks: checks.whole_u32("cross_ticks", config.cross_ticks, 0, REACH_TICKS_MAX),
            collar_ppm: collar_ppm(checks, "cross_collar_bp", config.cross_collar_bp),
            attempts: checks.whole_u32("cross_attempts", config.cross_attempts, 1, ATTEMPTS_MAX),
        },
        wide: Reach {
            ticks: checks.whole_u32("wide_ticks", config.wide_ticks, 0, REACH_TICKS_MAX),
            collar_ppm: collar_ppm(checks, "wide_collar_bp", config.wide_collar_bp),
            attempts: checks.whole_u32("wide_attempts", config.wide_attempts, 1, ATTEMPTS_MAX),
        },
        retry_ns: checks.some_duration_ns("retry_ms", config.retry_ms),
        lifetime_ns: checks.some_duration_ns("lifetime_ms", config.lifetime_ms),
    };
    let tick_bp = hedge.tick_usd / hedge.price_about_usd * BP;
    checks.require(
        config.cross_collar_bp >= tick_bp || tick_bp.is_nan(),
        "cross_collar_bp",
        config.cross_collar_bp,
        || format!("is less than a tick, {tick_bp:.3} bp; no limit would fit"),
    );
    checks.require(policy.wide.ticks >= policy.cross.ticks, "wide_ticks", config.wide_ticks, || {
        format!("must be at least cross_ticks, {}", config.cross_ticks)
    });
    checks.require(policy.wide.collar_ppm >= policy.cross.collar_ppm, "wide_collar_bp", config.wide_collar_bp, || {
        format!("must be at least cross_collar_bp, {}", config.cross_collar_bp)
    });
    checks.require(config.wide_collar_bp <= gates.collar_bp, "wide_collar_bp", config.wide_collar_bp, || {
        format!("must be at most the gate's collar_bp, {}: a limit is not widened by trying harder", gates.collar_bp)
    });
    let resting_ns = policy.passive_ns.saturating_add(policy.improve_ns);
    checks.require(policy.lifetime_ns > resting_ns, "lifetime_ms", config.lifetime_ms, || {
        "must be longer than passive_ms and improve_ms together, or nothing is ever taken".to_owned()
    });
    policy
}

/// Basis points as 10^-6.
fn collar_ppm(checks: &mut Checks<'_>, name: &str, value_bp: f64) -> u32 {
    (checks.real(name, value_bp, 0.0, BP / 10.0) * PPM_PER_BP).round() as u32
}
