//! Banks, rows and ladders: what a stream lets a kernel compile.
//!
//! Rows are drawn in integers. Most options have a gamma weight that fits their delta weight, so
//! that ladders resolve them; strikes and edges lie at nodes, beside them, and off the ladder.

use hedgewire_abi::Command;
use hedgewire_abi::command::{Build, Header, OpenBank, Swap, WriteRow, code};
use hedgewire_abi::format::{A_BITS, A_MAX, B_MAX, HALF_RATIO_BITS, QUANTITY_MAX, RATIO_BITS};
use rand::RngExt;

use super::{CommandStream, Planned};

/// Intervals of a ladder that has nothing but ends.
const TINY_LADDER: u32 = 5;

/// Where a new bank's prices and weights are.
#[derive(Clone, Copy)]
struct Frame {
    price_ref: u32,
    low: u32,
    shift: u32,
    intervals: u32,
    /// Bits that a row's delta weight may have so that all together fit.
    weight_bits: u32,
    /// kd - kg.
    gamma_drop: u32,
    /// Bits of the steepest ordinary `a`: where the ladder resolves it, more or less well.
    a_bits: u32,
    /// Of a hundred rows, how many are ranges; mostly few, for an edge costs its interval the ladder.
    ranges_per_cent: u32,
}

impl CommandStream {
    /// Plans a bank from its opening to its swap.
    pub(super) fn plan_compile(&mut self, desk: usize) {
        let Some((first, count)) = self.desks[desk].slots else { return };
        let frame = self.frame(desk, count);
        let bank = self.bank(frame);
        self.push(desk, |h| bank.encode(h));
        let mut slots: Vec<u32> = (first..first + count).collect();
        let turn = self.rng.random_range(0..slots.len());
        slots.rotate_left(turn);
        for (turn, &slot) in slots.iter().enumerate() {
            if turn + 1 == slots.len() && self.chance(20) {
                // Too early by one row.
                self.push(desk, |h| Build { centre: frame.low, intervals: 2, step_shift: 4 }.encode(h));
            }
            let row = self.row(slot, frame);
            self.push(desk, |h| row.encode(h));
            if self.chance(3) {
                let again = self.row(slot, frame);
                self.push(desk, |h| again.encode(h));
            }
        }
        self.plan_build(desk, frame);
    }

    fn plan_build(&mut self, desk: usize, frame: Frame) {
        let centre = frame.low.saturating_add((frame.intervals / 2) << frame.shift);
        let build = Build { centre, intervals: frame.intervals, step_shift: frame.shift as u8 };
        if self.chance(15) {
            // A ladder elsewhere first, or one that leaves the reach of the rows: then recentred.
            let centre = self.pick(&[centre.saturating_add(5 << frame.shift), centre / 2, centre.saturating_mul(2), 1]);
            self.push(desk, |h| Build { centre, ..build }.encode(h));
        }
        self.push(desk, |h| build.encode(h));
        for _ in 0..self.rng.random_range(0..6) {
            let action = self.market_action(desk);
            self.plan.push_back(action);
        }
        self.push(desk, |h| Swap {}.encode(h));
    }

    /// Queues a command for a desk.
    pub(super) fn push(&mut self, desk: usize, encode: impl FnOnce(Header) -> Command) {
        let command = encode(Header { underlying: self.desks[desk].index, ..Header::default() });
        let delay_ns = if self.chance(80) { 0 } else { self.span_ns() };
        self.plan.push_back(Planned { command, delay_ns });
    }

    fn frame(&mut self, desk: usize, count: u32) -> Frame {
        let base = self.desks[desk].base_price;
        let most = self.sizes.intervals as u32;
        let intervals = if self.chance(70) {
            most
        } else {
            // Every interval of a tiny one is at an end, or beside one that is.
            let widest = if most > TINY_LADDER && self.chance(50) { TINY_LADDER } else { most };
            self.rng.random_range(2..=widest)
        };
        let widest = (4..=16u32).rev().find(|&shift| u64::from(intervals + 140) << shift < u64::from(base / 2));
        let shift = self.rng.random_range(4..=widest.unwrap_or(4));
        let price_ref = if self.chance(90) { base } else { base - base / self.rng.random_range(3..20) };
        let jitter = self.rng.random_range(0..=intervals / 4);
        let low = ((base >> shift).saturating_sub(intervals / 2).max(65) + jitter) << shift;
        // h a = 1 where a is price / step.
        let resolved_bits = A_BITS + (base >> shift).ilog2();
        let a_bits = resolved_bits.saturating_sub(self.rng.random_range(1..9)).clamp(18, 31);
        Frame {
            price_ref,
            low,
            shift,
            intervals,
            weight_bits: 32 - count.ilog2(),
            gamma_drop: self.rng.random_range(5..=16),
            a_bits,
            ranges_per_cent: self.pick(&[0, 1, 1, 2, 20]),
        }
    }

    fn bank(&mut self, frame: Frame) -> OpenBank {
        let delta_bits = self.rng.random_range(14..=30i8);
        let hedge_kind = self.pick(&[code::HEDGE_INVERSE, code::HEDGE_INVERSE, code::HEDGE_LINEAR]);
        // Width of the factor that turns a delta into contracts, and of the exposure wanted.
        let factor_bits = if hedge_kind == code::HEDGE_LINEAR { 40 } else { frame.price_ref.ilog2() + 8 };
        let exposure_bits = self.rng.random_range(18..36u32);
        let contract_shift =
            if self.chance(97) { 35 + factor_bits - exposure_bits } else { self.rng.random_range(0..=120) };
        OpenBank {
            bank_id: u32::from(self.rng.random::<u16>()),
            price_ref: frame.price_ref,
            contract_scale: self.rng.random::<u32>() | 1 << 31,
            band_factor: self.of_length(32) as u32,
            delta_bits,
            gamma_bits: delta_bits - frame.gamma_drop as i8,
            vega_bits: delta_bits - self.rng.random_range(0..6i8),
            contract_shift: contract_shift as u8,
            band_shift: self.rng.random_range(8..=40),
            band_kind: self.pick(&[code::BAND_FIXED, code::BAND_GAMMA, code::BAND_WHALLEY_WILMOTT]),
            hedge_kind,
            numeraire: self.pick(&[code::NUMERAIRE_COIN, code::NUMERAIRE_USD]),
            valid_until_ns: if self.chance(70) { u64::MAX } else { self.now_ns.saturating_add(self.of_length(36)) },
        }
    }

    fn row(&mut self, slot: u32, frame: Frame) -> WriteRow {
        let group = self.pick(&[code::GROUP_INVERSE, code::GROUP_LINEAR]);
        let row = WriteRow { slot, group, ..self.weights(frame) };
        if self.chance(frame.ranges_per_cent) {
            return self.range(row, frame);
        }
        match self.rng.random_range(0..20) {
            0..9 => self.option(code::CALL, row, frame),
            9..18 => self.option(code::PUT, row, frame),
            18 => WriteRow { row_kind: code::CONSTANT, ..row },
            _ => WriteRow { row_kind: code::EMPTY, ..row },
        }
    }

    /// Weights of one lot such that a typical quantity (ten bits) stays inside the row's share.
    fn weights(&mut self, frame: Frame) -> WriteRow {
        let mut omega = || {
            let size = (self.rng.random::<u32>() >> self.rng.random_range(1..12)) as i32;
            if self.rng.random_range(0..5) == 0 { -size } else { size }
        };
        let (omega_delta, omega_vega) = (omega(), omega());
        let shift = 41 - frame.weight_bits + self.rng.random_range(0..4);
        let shift = if self.rng.random_range(0..1_500) > 0 { shift } else { self.rng.random_range(0..=61) };
        WriteRow {
            omega_delta,
            omega_vega: if self.chance(5) { 0 } else { omega_vega },
            shift_delta: shift as u8,
            shift_vega: shift as u8 + 1,
            shift_gamma: shift as u8,
            ..WriteRow::default()
        }
    }

    fn option(&mut self, row_kind: u8, row: WriteRow, frame: Frame) -> WriteRow {
        let a = match self.rng.random_range(0..600) {
            0 => A_MAX,
            1 => A_MAX - 1,
            2 => self.of_length(31) as u32,
            3..12 => 0,
            _ => self.of_length(frame.a_bits) as u32,
        };
        let (omega_gamma, shift_gamma) = fitting_gamma(&row, a, frame.gamma_drop);
        let omega_gamma = if self.chance(3) { 0 } else { omega_gamma };
        WriteRow { row_kind, a, b: self.intercept(a, frame), omega_gamma, shift_gamma, ..row }
    }

    /// Puts the middle of the option (u about 0) on a price of interest.
    fn intercept(&mut self, a: u32, frame: Frame) -> i64 {
        if self.chance(3) {
            return self.pick(&[B_MAX, -B_MAX, B_MAX - 1, 1 - B_MAX, 0]);
        }
        let price = self.grid_price(frame);
        // ln(p / ref) to first order, 2^-32; exactness does not matter for aiming.
        let difference = i64::from(price) - i64::from(frame.price_ref);
        let x = (i128::from(difference) << 33) / i128::from(u64::from(price) + u64::from(frame.price_ref));
        let offset = i128::from(self.of_length(37)) * if self.chance(50) { 1 } else { -1 };
        let b = offset - ((i128::from(a) * x) >> 16);
        b.clamp(-i128::from(B_MAX), i128::from(B_MAX)) as i64
    }

    /// A price on the ladder, mostly a node.
    fn grid_price(&mut self, frame: Frame) -> u32 {
        let node = frame.low + (self.rng.random_range(0..=frame.intervals) << frame.shift);
        match self.rng.random_range(0..4) {
            0 => node.saturating_add(self.rng.random_range(0..1 << frame.shift)),
            1 => self.near(i64::from(node)).clamp(1, i64::from(u32::MAX)) as u32,
            _ => node,
        }
    }

    /// AMM liquidity with edges at, beside and between nodes.
    fn range(&mut self, row: WriteRow, frame: Frame) -> WriteRow {
        let linear = row.group == code::GROUP_LINEAR;
        let mut edges = [0, 0].map(|_| {
            let edge = i64::from(half_ratio(self.grid_price(frame), frame.price_ref, linear));
            self.near(edge)
        });
        edges.sort_unstable();
        let whole = self.chance(20);
        let [a, b] = if whole { [0, 1 << 31] } else { edges };
        // In the format of gamma the slope of w z is w z / 2.
        let drop = i64::from(frame.gamma_drop);
        let shift_gamma = (i64::from(row.shift_delta) + drop).min(62) as u8;
        WriteRow {
            row_kind: code::RANGE,
            a: a as u32,
            b,
            omega_gamma: row.omega_delta,
            shift_gamma,
            omega_vega: 0,
            ..row
        }
    }

    /// A quantity of lots: mostly small, sometimes at a limit, rarely beyond it.
    pub(super) fn lots(&mut self) -> i32 {
        let sign = if self.chance(50) { 1 } else { -1 };
        match self.rng.random_range(0..400) {
            0 if self.chance(30) => sign * QUANTITY_MAX,
            1 => sign * (QUANTITY_MAX + 1),
            2 => i32::MIN,
            3..30 => 0,
            30..200 => sign * self.rng.random_range(1..=16),
            _ => sign * self.of_length(10) as i32,
        }
    }
}

/// Gamma weight that fits a delta weight: d Phi(a x + b) / dx = a phi.
fn fitting_gamma(row: &WriteRow, a: u32, gamma_drop: u32) -> (i32, u8) {
    let wide = i64::from(row.omega_delta) * i64::from(a);
    let cut = (64 - wide.unsigned_abs().leading_zeros()).saturating_sub(31);
    let shift = i64::from(row.shift_delta) + i64::from(A_BITS + gamma_drop) - i64::from(cut);
    // Where gamma outgrows its scale, the weight is cut to what fits: that row is not resolved anyway.
    let excess = (32 - i64::from(a.leading_zeros())) - i64::from(A_BITS + gamma_drop);
    ((wide >> cut) as i32, (shift + excess.max(0)).clamp(0, 62) as u8)
}

/// `e^-+x/2` as the kernel's rows know it, 2^-29: an edge made of it lies exactly at the price.
fn half_ratio(price: u32, price_ref: u32, linear: bool) -> u32 {
    let (over, under) = if linear { (price_ref, price) } else { (price, price_ref) };
    let ratio = (u64::from(over) << RATIO_BITS) / u64::from(under.max(1));
    let root = u128::from(ratio) << RATIO_BITS;
    (root.isqrt() >> (RATIO_BITS - HALF_RATIO_BITS)) as u32
}
