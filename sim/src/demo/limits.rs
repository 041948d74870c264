//! The limits that the demo trades under: those of a careful desk, stated in USD and milliseconds.

use hedgewire_abi::command::{Configure, SetPriceLimits, SetRateLimits, SetSizeLimits, SetStatus, SetTrigger};
use hedgewire_abi::format::{COIN_BITS, CONTRACT_BITS};
use hedgewire_host::driver::Setup;

use crate::demo::SLOTS_PER_COIN;

const MILLISECOND_NS: u64 = 1_000_000;
/// One tick in price units.
const TICK: u32 = 256;

/// How long a hedge order works before it is taken back, ns.
pub const ORDER_LIFE_NS: u64 = 400 * MILLISECOND_NS;

/// What the kernel is told about a coin before its first bank. `contract_usd` is the size of a
/// contract of the hedge, `exit` the exit fraction.
pub fn setup(underlying: u8, contract_usd: f64, exit: f64) -> Setup {
    let contracts = |usd: f64| (usd / contract_usd).round() as u64;
    let exposure = |usd: f64| contracts(usd) << CONTRACT_BITS;
    let order_max = contracts(500_000.0) as u32;
    Setup {
        configure: Configure {
            first_slot: u32::from(underlying) * SLOTS_PER_COIN,
            slot_count: SLOTS_PER_COIN,
            exact_mode: 0,
        },
        trigger: SetTrigger {
            theta: (exit * f64::from(1u32 << CONTRACT_BITS)).round() as u32,
            band_scale_buy: 1 << CONTRACT_BITS,
            band_scale_sell: 1 << CONTRACT_BITS,
            clip_min: contracts(500.0) as u32,
            clip_max: order_max,
            band_min: exposure(2_000.0),
            band_max: exposure(1_000_000.0),
        },
        price: SetPriceLimits {
            width_max_bp: 5,
            quote_age_max_ns: 500 * MILLISECOND_NS,
            cool_down_ns: 100 * MILLISECOND_NS,
            duplicate_window_ns: 20 * MILLISECOND_NS,
            collar_bp: 20,
            collar_last_bp: 50,
            size_min: contracts(50_000.0) as u32,
            cross: 4 * TICK,
        },
        size: SetSizeLimits {
            order_max,
            band_emergency: exposure(1_000_000.0),
            position_max: contracts(30_000_000.0),
            gross_max: contracts(31_000_000.0),
            notional_max: u64::from(order_max),
        },
        rate: SetRateLimits {
            order_interval_ns: 10 * MILLISECOND_NS,
            order_burst_ns: 200 * MILLISECOND_NS,
            loss_max: 10 << COIN_BITS,
            hedges_per_minute: 240,
            attempts_max: 20,
            open_orders_max: 4,
        },
        status: SetStatus {
            margin_buy: contracts(30_000_000.0),
            margin_sell: contracts(30_000_000.0),
            ..SetStatus::default()
        },
        ..Setup::default()
    }
}
