//! Portfolios for the kernel's tests: Black-76 options and AMM ranges turned into rows by the
//! formulas of `numerics.md` 1, in f64, with weights of full width.
//!
//! This is a second, smaller compiler on purpose: what the tests compare the kernel with must not
//! come from the code that the host uses.

use hedgewire_abi::Event;
use hedgewire_abi::command::{
    Build, Configure, Control, OpenBank, Quote, Reconcile, SetTrigger, Swap, Trade, WriteRow, code,
};
use hedgewire_abi::format::{A_BITS, A_MAX, B_BITS, B_MAX, HALF_RATIO_BITS};
use hedgewire_host::driver::Setup;
use hedgewire_kernel::Sizes;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Machine;

/// Price at which test portfolios are compiled: 60,000 at a tick of 0.5, in price units.
pub const PRICE_REF: u32 = 120_000 << 8;
/// USD of one contract of the inverse hedge.
pub const CONTRACT_USD: f64 = 10.0;
/// Coins of one contract of the linear hedge.
pub const CONTRACT_COIN: f64 = 0.001;

/// One instrument.
#[derive(Debug, Clone, Copy)]
pub enum Instrument {
    /// A European option.
    Option {
        /// A call, or a put.
        is_call: bool,
        /// In the linear group, or in the inverse one.
        is_linear: bool,
        /// ln(strike / price_ref).
        log_strike: f64,
        /// sigma sqrt tau.
        deviation: f64,
        /// sqrt tau, for vega.
        root_tau: f64,
    },
    /// Liquidity between two prices, as logs over price_ref; token amount per unit of liquidity.
    Range {
        /// In the linear group, or in the inverse one.
        is_linear: bool,
        /// ln(lower edge / price_ref).
        log_low: f64,
        /// ln(upper edge / price_ref).
        log_high: f64,
    },
    /// A constant in its group: a future.
    Constant {
        /// In the linear group, or in the inverse one.
        is_linear: bool,
    },
}

/// Real weights of one lot: delta, gamma, vega.
pub fn weights(instrument: &Instrument) -> [f64; 3] {
    match *instrument {
        Instrument::Option { is_linear, log_strike, deviation, root_tau, .. } => {
            // F phi(d1) = K phi(d2): the inverse group carries K / price_ref in its weights.
            let k = if is_linear { 1.0 } else { log_strike.exp() };
            // `a` saturates at 8,192; its gamma has to follow it to fit the slope of the row.
            let a = (1.0 / deviation).min(f64::from(A_MAX) / f64::from(1 << A_BITS));
            [k, k * a, k * root_tau]
        }
        // The slope of z = e^-+x/2 is z / 2, and that half is in the format of gamma.
        Instrument::Range { .. } => [1.0, 1.0, 0.0],
        Instrument::Constant { .. } => [1.0, 0.0, 0.0],
    }
}

/// Fraction bits of the three weights such that these holdings fit the bank with room for trades.
pub fn scale_bits(holdings: &[(Instrument, i32)]) -> [i8; 3] {
    let mut bits: [i8; 3] = core::array::from_fn(|i| {
        // The gross of a bank stays below 2^34, and ranges count four times in it; one weight stays
        // below 2^31. That leaves at least a factor of two for trades.
        let sizes = || holdings.iter().map(|(held, lots)| weights(held)[i] * f64::from(lots.abs().max(1)));
        let gross = sizes().sum::<f64>().max(1e-6);
        let largest = sizes().fold(1e-6, f64::max);
        (31.0 - gross.log2().ceil()).min(29.0 - largest.log2().ceil()).clamp(-20.0, 40.0) as i8
    });
    // Gamma is in the units of delta, 2^-(kd + 7), and has 47 bits: 46 for what is at the money.
    let steepest: f64 = holdings.iter().map(|(held, lots)| 0.4 * weights(held)[1] * f64::from(lots.abs())).sum();
    bits[0] = bits[0].min((46.0 - 7.0 - steepest.max(1e-6).log2().ceil()) as i8);
    bits
}

/// A positive real as `omega 2^-(bits + shift)`, with 30 significant bits where the shift allows.
fn per_lot(weight: f64, bits: i8) -> (i32, u8) {
    if weight == 0.0 {
        return (0, 0);
    }
    let shift = (29 - i32::from(bits) - weight.log2().floor() as i32).clamp(0, 62);
    ((weight * f64::from(i32::from(bits) + shift).exp2()).round() as i32, shift as u8)
}

/// The row of an instrument.
pub fn row(slot: u32, instrument: &Instrument, bits: [i8; 3]) -> WriteRow {
    let [delta, gamma, vega] = core::array::from_fn(|i| per_lot(weights(instrument)[i], bits[i]));
    let base = WriteRow {
        slot,
        omega_delta: delta.0,
        omega_gamma: gamma.0,
        omega_vega: vega.0,
        shift_delta: delta.1,
        shift_gamma: gamma.1,
        shift_vega: vega.1,
        ..WriteRow::default()
    };
    match *instrument {
        Instrument::Option { is_call, is_linear, log_strike, deviation, .. } => {
            let half = if is_linear { deviation / 2.0 } else { -deviation / 2.0 };
            let b = (-log_strike / deviation + half) * f64::from(B_BITS).exp2();
            let a = (f64::from(1 << A_BITS) / deviation).round().min(f64::from(A_MAX));
            WriteRow {
                row_kind: if is_call { code::CALL } else { code::PUT },
                group: u8::from(is_linear),
                a: a as u32,
                b: (b.round() as i64).clamp(-B_MAX, B_MAX),
                ..base
            }
        }
        Instrument::Range { is_linear, log_low, log_high } => {
            // z falls with the price in the linear group, so there the upper price is the lower edge.
            let edge = |log: f64| ((log / 2.0).exp() * f64::from(1 << HALF_RATIO_BITS)).round() as i64;
            let (a, b) = if is_linear { (edge(-log_high), edge(-log_low)) } else { (edge(log_low), edge(log_high)) };
            WriteRow { row_kind: code::RANGE, group: u8::from(is_linear), a: a as u32, b, ..base }
        }
        Instrument::Constant { is_linear } => WriteRow { row_kind: code::CONSTANT, group: u8::from(is_linear), ..base },
    }
}

/// A bank for weights of these bits: coin numeraire; inverse hedge of 10 USD, or linear of 0.001 coin.
pub fn bank(bits: [i8; 3], is_linear_hedge: bool) -> OpenBank {
    // Contracts in 2^-16 per ladder unit, at price 1 unit where the hedge is inverse.
    let unit = f64::from(16 - i32::from(bits[0]) - 7).exp2();
    let factor = if is_linear_hedge { unit / CONTRACT_COIN } else { unit * (0.5 / 256.0) / CONTRACT_USD };
    let exponent = factor.log2().floor();
    let shift = if is_linear_hedge { 39.0 } else { 7.0 } - exponent;
    OpenBank {
        bank_id: 7,
        price_ref: PRICE_REF,
        contract_scale: (factor * (31.0 - exponent).exp2()).floor() as u32,
        band_factor: 1 << 20,
        delta_bits: bits[0],
        gamma_bits: bits[1],
        vega_bits: bits[2],
        contract_shift: shift as u8,
        band_shift: 20,
        band_kind: code::BAND_FIXED,
        hedge_kind: u8::from(is_linear_hedge),
        numeraire: code::NUMERAIRE_COIN,
        valid_until_ns: u64::MAX,
    }
}

/// A ladder to ask for.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Middle.
    pub centre: u32,
    /// Intervals.
    pub intervals: u32,
    /// log2 of the step.
    pub step_shift: u8,
}

impl Grid {
    /// First price.
    pub fn low(&self) -> u32 {
        ((self.centre >> self.step_shift) - self.intervals / 2) << self.step_shift
    }
    /// Price of a node.
    pub fn node(&self, node: u32) -> u32 {
        self.low() + (node << self.step_shift)
    }
    /// The command.
    pub fn build(&self) -> Build {
        Build { centre: self.centre, intervals: self.intervals, step_shift: self.step_shift }
    }
    /// Prices where something could be different: all nodes, their neighbours, middles, and beyond
    /// both ends.
    pub fn prices(&self) -> Vec<u32> {
        let half = 1 << (self.step_shift - 1);
        let around = |node: u32| [node - 1, node, node + 1, node + half];
        (0..=self.intervals).flat_map(|node| around(self.node(node))).chain([self.low() - half]).collect()
    }
}

/// Sizes for one underlying with this many slots.
pub fn sizes_for(slots: usize, intervals: u32) -> Sizes {
    Sizes { underlyings: 1, rows: slots.next_multiple_of(64), intervals: intervals as usize }
}

impl Machine {
    /// Configures the underlying for all slots, with limits that let everything pass, armed.
    pub fn set_up(&mut self, exact_mode: bool) {
        let (first_slot, slot_count) = (0, self.kernel.sizes().rows as u32);
        self.must(|h| Configure { first_slot, slot_count, exact_mode: u8::from(exact_mode) }.encode(h));
        self.loosen();
        self.must(|h| Reconcile { position: 0, hedge_coin: 0 }.encode(h));
        self.must(|h| Control { action: code::ARM }.encode(h));
    }

    /// Limits under which every order may leave.
    pub fn loosen(&mut self) {
        let limits = loose_limits();
        self.must(|h| limits.trigger.encode(h));
        self.must(|h| limits.price.encode(h));
        self.must(|h| limits.size.encode(h));
        self.must(|h| limits.rate.encode(h));
        self.must(|h| limits.status.encode(h));
    }

    /// Writes a whole bank; slots beyond the instruments are empty.
    pub fn write_bank(&mut self, open: OpenBank, instruments: &[Instrument]) {
        let bits = [open.delta_bits, open.gamma_bits, open.vega_bits];
        self.must(|h| open.encode(h));
        for slot in 0..self.kernel.sizes().rows as u32 {
            let empty = WriteRow { slot, ..WriteRow::default() };
            let written = instruments.get(slot as usize).map_or(empty, |held| row(slot, held, bits));
            self.must(|h| written.encode(h));
        }
    }

    /// Builds and swaps.
    pub fn build_and_swap(&mut self, grid: Grid) -> Vec<Event> {
        self.must(|h| grid.build().encode(h));
        self.must(|h| Swap {}.encode(h))
    }

    /// Books a quantity.
    pub fn trade(&mut self, slot: u32, quantity: i32) -> Vec<Event> {
        self.must(|h| Trade { slot, quantity, cash: 0 }.encode(h))
    }

    /// Quotes a price with a risk event; the feed counts by itself.
    pub fn quote(&mut self, price: u32) -> Vec<Event> {
        let feed_seq = self.kernel.next_command_seq() as u32;
        let quote = quote(price, feed_seq, self.now_ns);
        self.must(|h| Quote { flags: code::WANT_RISK, ..quote }.encode(h))
    }
}

/// A plain quote, one tick wide.
pub fn quote(price: u32, feed_seq: u32, feed_ns: u64) -> Quote {
    Quote {
        flags: 0,
        feed_seq,
        bid: price.saturating_sub(128).max(1),
        ask: price.saturating_add(128),
        bid_size: u32::MAX,
        ask_size: u32::MAX,
        price,
        hedge_price: price,
        last_trade: 0,
        feed_ns,
    }
}

/// Limits under which every order may leave, with a band of a contract at least.
pub fn loose_limits() -> Setup {
    let open = Setup::wide_open(Configure::default());
    Setup { trigger: SetTrigger { band_min: 1 << 16, ..open.trigger }, ..open }
}

/// Which options a random portfolio holds.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// Smallest and largest sigma sqrt tau; drawn log-uniformly.
    pub deviation: (f64, f64),
    /// Strikes are within this of price_ref, in log price, beyond what sigma sqrt tau adds.
    pub spread: f64,
    /// Share of ranges, per cent.
    pub ranges_per_cent: u32,
    /// Largest number of lots.
    pub lots: i32,
}

/// A random portfolio.
pub fn random_holdings(rng: &mut ChaCha8Rng, count: usize, mix: Mix) -> Vec<(Instrument, i32)> {
    (0..count).map(|_| (random_instrument(rng, mix), rng.random_range(-mix.lots..=mix.lots))).collect()
}

fn random_instrument(rng: &mut ChaCha8Rng, mix: Mix) -> Instrument {
    let is_linear = rng.random_bool(0.5);
    let draw = rng.random_range(0..100);
    if draw < mix.ranges_per_cent {
        let middle = rng.random_range(-mix.spread..mix.spread);
        let width = rng.random_range(0.001..0.1);
        return Instrument::Range { is_linear, log_low: middle - width, log_high: middle + width };
    }
    if draw < mix.ranges_per_cent + 2 {
        return Instrument::Constant { is_linear };
    }
    let (least, most) = mix.deviation;
    let deviation: f64 = rng.random_range(least.ln()..most.ln()).exp();
    let reach = mix.spread + deviation.min(0.3);
    Instrument::Option {
        is_call: rng.random_bool(0.5),
        is_linear,
        log_strike: rng.random_range(-reach..reach),
        deviation,
        root_tau: rng.random_range(0.002..1.7),
    }
}
