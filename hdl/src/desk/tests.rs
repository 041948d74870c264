//! The desk beside the kernel's own `Underlying`: the same settings, ledgers and quotes into both.
//!
//! ```text
//!   round: settings and ledger of every underlying, one of them usually at odds with one gate
//!          quotes: one a cycle, the same underlying again after INTERVAL; exposures at the thresholds
//!          outcomes in order, LATENCY later; at the end ledgers and the orders sent
//! ```

use std::collections::VecDeque;

use hedgewire_abi::Reason;
use hedgewire_abi::command::{Quote, code};
use hedgewire_abi::format::{BAND_MAX, DURATION_MAX_NS, ORDER_MAX, POSITION_MAX};
use hedgewire_kernel::ladder::{Greeks, Interval};
use hedgewire_kernel::ledger::{Order, Side, Sides, State as OrderState};
use hedgewire_kernel::trigger::{Decision, Situation};
use hedgewire_kernel::trigger::{Mode, Outcome, Pace, exit, half_band};
use hedgewire_kernel::underlying::Underlying;

use super::*;
use crate::testbench::TestBench;
use crate::{cycle, peek, poke};

const UNDERLYINGS: usize = 11;

/// splitmix64.
struct Draw(u64);

impl Draw {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.word() % n
    }
    /// One in `n`.
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
    /// Up to `bits` bits, any length being as likely as any other.
    fn sized(&mut self, bits: u32) -> u64 {
        let length = self.below(u64::from(bits) + 1);
        if length == 0 { 0 } else { self.word() >> (64 - length) }
    }
    fn signed(&mut self, bits: u32) -> i64 {
        let size = self.sized(bits) as i64;
        if self.one_in(2) { size } else { -size }
    }
    /// -2 to 2.
    fn nudge(&mut self) -> i64 {
        self.below(5) as i64 - 2
    }
    /// A value nudged, and kept in its range.
    fn near(&mut self, value: i64, most: i64) -> u64 {
        (value + self.nudge()).clamp(0, most) as u64
    }
}

fn u<const N: usize>(value: impl Into<i128>) -> U<N> {
    U::new(value.into() as u128)
}

/// One command.
#[derive(Clone, Copy)]
struct Issue {
    meta: record::Meta,
    quote: Quote,
    interval: Interval,
    t: u16,
    exact: Greeks,
}

/// An outcome that is due.
struct Due {
    cycle: usize,
    meta: record::Meta,
    outcome: record::Outcome,
    noted: Option<record::Pace>,
}

struct Round {
    bench: TestBench<Desk>,
    draw: Draw,
    kernel: Vec<Underlying>,
    /// Ordinary quotes and little in the way, so that hedge follows hedge.
    is_steady: [bool; UNDERLYINGS],
    is_killed: bool,
    now_ns: u64,
    cycle: usize,
    due: VecDeque<Due>,
    reasons: [u32; 256],
    decisions: usize,
}

impl Round {
    fn new(name: &'static str, seed: u64) -> Self {
        let mut bench = TestBench::new(name, Desk::new(UNDERLYINGS));
        poke!(bench, issue, false);
        poke!(bench, reset, true);
        poke!(bench, owned, false);
        poke!(bench, write_order, false);
        poke!(bench, write_ledger, false);
        poke!(bench, order_slot, U::new(0));
        poke!(bench, clear_pace, false);
        for _ in 0..LATENCY + 1 {
            cycle!(bench);
        }
        poke!(bench, reset, false);
        Self {
            bench,
            draw: Draw(seed),
            kernel: (0..UNDERLYINGS).map(|_| Underlying::new(4)).collect(),
            is_steady: [false; UNDERLYINGS],
            is_killed: false,
            now_ns: 0,
            cycle: 0,
            due: VecDeque::new(),
            reasons: [0; 256],
            decisions: 0,
        }
    }

    /// A clock cycle, and what leaves in it.
    fn cycle(&mut self) {
        let bench = &mut self.bench;
        cycle!(bench);
        self.cycle += 1;
        let said = peek!(bench, said);
        let is_due = self.due.front().is_some_and(|due| due.cycle == self.cycle);
        assert_eq!(said, is_due, "cycle {}", self.cycle);
        if !said {
            return;
        }
        let due = self.due.pop_front().expect("something is due");
        let outcome = peek!(bench, outcome);
        assert_eq!(outcome, due.outcome, "cycle {}, decision {}", self.cycle, self.decisions);
        assert_eq!(peek!(bench, said_meta), due.meta);
        assert_eq!(bench.unit.sends.q.val(), due.noted.is_some());
        if let Some(noted) = due.noted {
            assert_eq!(bench.unit.state.noted.val(), noted);
        }
        self.reasons[outcome.reason.index()] += 1;
        self.decisions += 1;
    }

    /// Settings that refuse nothing, then some that may.
    fn set_up(&mut self, index: usize) {
        let draw = &mut self.draw;
        let under = &mut self.kernel[index];
        let is_exactly_one = draw.below(3) < 2;
        let scale = &mut under.banks[under.active].scale;
        scale.bank_id = draw.word() as u16;
        scale.linear_hedge = draw.one_in(2);
        scale.usd = draw.one_in(2);
        scale.valid_until_ns = u64::MAX;
        // Exposure equals net delta, or anything.
        if is_exactly_one {
            scale.contract_scale = 1 << 31;
            scale.contract_shift = if scale.linear_hedge { 39 } else { 31 };
            under.offset = if draw.one_in(12) { draw.of(&[1, -1]) * (1 << 55) } else { draw.signed(20) };
        } else {
            scale.contract_scale = (1 << 31) | draw.sized(31);
            scale.contract_shift = draw.of(&[0, 1, 7, 8, 9, 30, 40, 41, 42, 43, 44, 47, 48, 50, 60, 90, 119, 120]);
            under.offset = draw.signed(62);
        }
        under.banks[under.active].out_of_range = false;
        under.coin_out_of_range = false;
        under.is_armed = true;
        under.mode = Mode::Normal;
        let set = &mut under.settings;
        set.trigger.theta = draw.of(&[0, 1 << 16, 1 << 15, 12_345]);
        set.trigger.band_scale_buy = draw.of(&[1 << 16, 0, 1 << 20, 77_777]);
        set.trigger.band_scale_sell = draw.of(&[1 << 16, 0, 1 << 20, 55_555]);
        set.trigger.clip_min = draw.of(&[1, 1, 1, 3, 100]);
        set.trigger.clip_max = draw.of(&[ORDER_MAX, 1_000, 120, some_contracts(index)]);
        set.trigger.band_min = draw.of(&[0, 1, 65_536, 1 << 20, BAND_MAX]);
        set.trigger.band_max = draw.of(&[BAND_MAX, BAND_MAX, 1 << 22, 0]);
        set.price.width_max_bp = u32::MAX;
        set.price.quote_age_max_ns = DURATION_MAX_NS;
        set.price.cool_down_ns = 0;
        set.price.duplicate_window_ns = 0;
        set.price.collar_bp = u32::MAX;
        set.price.collar_last_bp = u32::MAX;
        set.price.size_min = 0;
        set.price.cross = draw.of(&[0, 1, 256, 5_000, u32::MAX]);
        set.size.order_max = ORDER_MAX;
        set.size.band_emergency = draw.of(&[0, 1 << 20, 1 << 30, BAND_MAX]);
        set.size.position_max = POSITION_MAX as u64;
        set.size.gross_max = POSITION_MAX as u64;
        set.size.notional_max = u64::MAX;
        set.rate.order_interval_ns = draw.of(&[0, 1, 1_000_000, DURATION_MAX_NS]);
        set.rate.order_burst_ns = DURATION_MAX_NS;
        set.rate.loss_max = i64::MAX;
        set.rate.hedges_per_minute = u32::MAX;
        set.rate.attempts_max = u32::MAX;
        set.rate.open_orders_max = 16;
        set.status.oracle = code::ORACLE_GOOD;
        set.status.restricted = 0;
        set.status.margin_buy = POSITION_MAX as u64;
        set.status.margin_sell = POSITION_MAX as u64;
        set.status.own_bid = 0;
        set.status.own_ask = 0;
        let ledger = &mut under.ledger;
        ledger.position = match draw.below(8) {
            0 => draw.of(&[POSITION_MAX, -POSITION_MAX, POSITION_MAX - 1]),
            1 => draw.signed(36),
            2 => 0,
            _ => draw.signed(16),
        };
        let mut in_flight = |odds: u64| Sides {
            buy: if draw.one_in(odds) { draw.sized(29) as i64 >> draw.below(20) } else { 0 },
            sell: if draw.one_in(odds) { draw.sized(29) as i64 >> draw.below(20) } else { 0 },
        };
        ledger.open = in_flight(9);
        ledger.unknown = in_flight(12);
        ledger.hedge_coin = draw.signed(62);
        ledger.cost = draw.signed(62);
        ledger.open_count = 0;
        ledger.is_reconciled = true;
        ledger.ledger_seq = draw.word() as u32;
        ledger.attempts = draw.of(&[0, 1, 7, u32::MAX, u32::MAX - 1]);
        ledger.next_id = draw.of(&[0, 14, u32::MAX, 0x1234_5678]);
        ledger.orders = Default::default();
        let gate = draw.below(36);
        self.is_steady[index] = (20..=25).contains(&gate) || draw.one_in(2);
        if self.is_steady[index] {
            under.offset = draw.signed(20);
            let scale = &mut under.banks[under.active].scale;
            scale.contract_scale = 1 << 31;
            scale.contract_shift = if scale.linear_hedge { 39 } else { 31 };
            set.trigger.clip_max = draw.of(&[120, 1_000]);
            set.price.cross = 256;
            set.size.band_emergency = draw.of(&[BAND_MAX, BAND_MAX, 1 << 30]);
            ledger.position = draw.signed(16);
            (ledger.open, ledger.unknown) = Default::default();
            ledger.attempts = 0;
        }
        self.break_one(index, gate);
    }

    /// Puts one setting, or the ledger, at odds with one gate.
    fn break_one(&mut self, index: usize, gate: u64) {
        let now_ns = self.now_ns;
        let draw = &mut self.draw;
        let under = &mut self.kernel[index];
        let (set, ledger) = (&mut under.settings, &mut under.ledger);
        let long = ledger.position + ledger.in_flight().buy;
        let short = ledger.in_flight().sell - ledger.position;
        match gate {
            0 => under.is_armed = false,
            1 => under.mode = Mode::Halt,
            2 => under.mode = Mode::ReduceOnly,
            3 => set.status.oracle = code::ORACLE_DEGRADED,
            4 => ledger.is_reconciled = false,
            5 => under.banks[under.active].out_of_range = true,
            6 => under.coin_out_of_range = true,
            7 => set.price.quote_age_max_ns = draw.of(&[0, 1_000, 1_000_000]),
            8 => under.banks[under.active].scale.valid_until_ns = now_ns.saturating_add(draw.below(300)),
            9 => set.price.width_max_bp = draw.of(&[0, 1, 10, 100]),
            10 => set.price.size_min = draw.of(&[50, u32::MAX]),
            11 => set.status.oracle = code::ORACLE_REJECTED,
            12 => set.price.collar_bp = draw.of(&[0, 1, 10, 100, 1_000]),
            13 => set.price.collar_last_bp = draw.of(&[0, 1, 10, 100, 1_000]),
            14 => set.size.order_max = draw.of(&[0, 1, 100, 119, 120, 999, 1_000]),
            15 => {
                set.size.notional_max =
                    draw.of(&[0, 1, 100, 120, 1_000 * 25_600, 120 << 24, some_contracts(index).into()])
            }
            16 => set.size.position_max = draw.near(long.max(short) + small_gap(index), POSITION_MAX),
            17 => {
                let used = ledger.position.abs() + ledger.in_flight().buy + ledger.in_flight().sell;
                set.size.gross_max = draw.near(used + small_gap(index), POSITION_MAX);
            }
            18 => set.rate.open_orders_max = draw.of(&[0, 1, 2]),
            19 => {
                for order in &mut ledger.orders {
                    let state = draw.of(&[OrderState::Open, OrderState::Sent, OrderState::Unknown, OrderState::Done]);
                    *order = Order { state, quantity: 5, filled: draw.of(&[0, 4, 5]), ..Order::default() };
                }
            }
            20 => {
                set.rate.order_burst_ns = draw.of(&[0, 1, 1_000_000]);
                set.rate.order_interval_ns = draw.of(&[1, 400, 1_000_000, DURATION_MAX_NS]);
            }
            21 => {
                set.price.duplicate_window_ns = draw.of(&[1, 100, 1_000_000, DURATION_MAX_NS]);
                set.trigger.clip_max = 120;
            }
            22 => set.rate.hedges_per_minute = draw.of(&[0, 1, 2, 3]),
            23 => set.rate.attempts_max = draw.of(&[0, 1, 2, 3, 8]),
            24 => set.rate.loss_max = ledger.cost + draw.nudge(),
            25 => set.price.cool_down_ns = draw.of(&[1, 100, 1_000_000, DURATION_MAX_NS]),
            26 => {
                set.status.margin_buy = draw.of(&[0, 1, 2, 3, 99, 100]);
                set.status.margin_sell = draw.of(&[0, 1, 2, 3, 99, 100]);
            }
            27 => {
                set.status.own_bid = 25_600_000;
                set.status.own_ask = 25_600_256;
            }
            28 => set.status.restricted = 1,
            _ => {}
        }
        if draw.one_in(12) {
            set.trigger.clip_min = draw.of(&[1_001, 5_000, u32::MAX, 1 << 31]);
        }
    }

    /// Writes settings and ledger of an underlying.
    fn write(&mut self, index: usize, keeps_pace: bool) {
        let under = &mut self.kernel[index];
        if !keeps_pace {
            under.pace = Pace::default();
        }
        let (set, ledger, scale) = (&under.settings, &under.ledger, &under.banks[under.active].scale);
        let bench = &mut self.bench;
        poke!(bench, set_address, u(index as i64));
        poke!(bench, set_setup, true);
        let setup = record::Setup {
            bank_id: u(scale.bank_id),
            contract_scale: u(scale.contract_scale),
            contract_shift: u(scale.contract_shift),
            linear_hedge: scale.linear_hedge,
            counts_contracts: scale.counts_contracts(),
            valid_until_ns: u(scale.valid_until_ns),
            offset: u(under.offset),
            coin_out_of_range: under.coin_out_of_range,
            weights_out_of_range: under.banks[under.active].out_of_range,
            is_armed: under.is_armed,
            mode: u(under.mode as i64),
        };
        poke!(bench, setup, setup);
        poke!(bench, set_trigger, true);
        let trigger = record::Trigger {
            theta: u(set.trigger.theta),
            band_scale_buy: u(set.trigger.band_scale_buy),
            band_scale_sell: u(set.trigger.band_scale_sell),
            clip_min: u(set.trigger.clip_min),
            clip_max: u(set.trigger.clip_max),
            band_min: u(set.trigger.band_min),
            band_max: u(set.trigger.band_max),
        };
        poke!(bench, trigger, trigger);
        poke!(bench, set_price, true);
        let price_limits = record::PriceLimits {
            width_max_bp: u(set.price.width_max_bp),
            quote_age_max_ns: u(set.price.quote_age_max_ns),
            cool_down_ns: u(set.price.cool_down_ns),
            duplicate_window_ns: u(set.price.duplicate_window_ns),
            collar_bp: u(set.price.collar_bp),
            collar_last_bp: u(set.price.collar_last_bp),
            size_min: u(set.price.size_min),
            cross: u(set.price.cross),
        };
        poke!(bench, price_limits, price_limits);
        poke!(bench, set_size, true);
        let size_limits = record::SizeLimits {
            order_max: u(set.size.order_max),
            band_emergency: u(set.size.band_emergency),
            position_max: u(set.size.position_max),
            gross_max: u(set.size.gross_max),
            notional_max: u(set.size.notional_max),
        };
        poke!(bench, size_limits, size_limits);
        poke!(bench, set_rate, true);
        let rate_limits = record::RateLimits {
            order_interval_ns: u(set.rate.order_interval_ns),
            order_burst_ns: u(set.rate.order_burst_ns),
            loss_max: u(set.rate.loss_max),
            hedges_per_minute: u(set.rate.hedges_per_minute),
            attempts_max: u(set.rate.attempts_max),
            open_orders_max: u(set.rate.open_orders_max),
        };
        poke!(bench, rate_limits, rate_limits);
        poke!(bench, set_status, true);
        let status = record::Status {
            oracle: u(set.status.oracle),
            restricted: set.status.restricted == 1,
            margin_buy: u(set.status.margin_buy as i64),
            margin_sell: u(set.status.margin_sell as i64),
            own_bid: u(set.status.own_bid),
            own_ask: u(set.status.own_ask),
        };
        poke!(bench, status, status);
        poke!(bench, clear_pace, !keeps_pace);
        poke!(bench, book_address, u(index as i64));
        poke!(bench, write_ledger, true);
        let new_ledger = ledger_record(ledger);
        poke!(bench, new_ledger, new_ledger);
        self.cycle();
        let bench = &mut self.bench;
        poke!(bench, set_setup, false);
        poke!(bench, set_trigger, false);
        poke!(bench, set_price, false);
        poke!(bench, set_size, false);
        poke!(bench, set_rate, false);
        poke!(bench, set_status, false);
        poke!(bench, clear_pace, false);
        poke!(bench, write_ledger, false);
        // Ledger and pace are written in the cycle after.
        self.cycle();
    }

    /// A quote, with an exposure at one of the thresholds where the scale allows to choose it.
    fn draw_issue(&mut self, index: usize) -> Issue {
        let draw = &mut self.draw;
        let under = &self.kernel[index];
        let scale = &under.banks[under.active].scale;
        self.now_ns = self.now_ns.saturating_add(if draw.one_in(50) {
            draw.of(&[59_999_999_999, 60_000_000_000])
        } else {
            draw.of(&[0, 1, 30, 100, 1_000])
        });
        // Some times are the very end of a window that matters here.
        let (pace, set) = (&under.pace, &under.settings);
        let ends = [
            (set.rate.hedges_per_minute < 9, pace.minute_start_ns.saturating_add(60_000_000_000)),
            (set.price.cool_down_ns > 0, pace.last_hedge_ns.saturating_add(set.price.cool_down_ns)),
            (set.price.duplicate_window_ns > 0, pace.last_hedge_ns.saturating_add(set.price.duplicate_window_ns)),
            (set.rate.order_burst_ns < 9_999_999, pace.budget_whole_ns.saturating_sub(set.rate.order_burst_ns)),
        ];
        for (_, end) in ends.into_iter().filter(|&(matters, _)| matters) {
            let end = end.saturating_sub(draw.below(2));
            if draw.one_in(2) && (self.now_ns..self.now_ns.saturating_add(60_000_000_000)).contains(&end) {
                self.now_ns = end;
            }
        }
        let mut quote = Quote {
            flags: draw.of(&[0, code::WANT_RISK]),
            bid: 25_600_000,
            ask: 25_600_256,
            bid_size: draw.of(&[49, 50, u32::MAX]),
            ask_size: draw.of(&[49, 50, u32::MAX]),
            price: 25_600_128,
            hedge_price: if scale.linear_hedge { draw.of(&[25_600_128, 25_600, 1, u32::MAX]) } else { 1 << 24 },
            last_trade: draw.of(&[0, 25_600_000, 25_855_744, 25_344_512, 1, u32::MAX]),
            feed_ns: self.now_ns.saturating_sub(draw.of(&[0, 1_000, 1_001])),
            ..Quote::default()
        };
        match draw.below(16) {
            // A spread and distances that are round numbers of basis points.
            0..4 => {
                let bp = draw.of(&[1, 10, 100]) as u32;
                quote.bid = draw.of(&[10_000, 20_000, 250_000]);
                quote.ask = quote.bid + quote.bid / 10_000 * bp + draw.below(2) as u32;
                quote.hedge_price = quote.bid;
                quote.last_trade = draw.of(&[0, quote.bid, quote.ask]);
            }
            4 => quote.bid = 0,
            5 => quote.ask = 0,
            6 => quote.flags |= code::QUOTE_UNTRUSTED,
            7 => quote.feed_ns = self.now_ns.saturating_add(draw.of(&[1_000, 1_001, 1 << 62])),
            8 => (quote.bid, quote.ask) = draw.of(&[(1, 2), (u32::MAX - 1, u32::MAX), (1, u32::MAX)]),
            9 => quote.feed_ns = draw.of(&[0, u64::MAX]),
            _ => {}
        }
        let is_steady = self.is_steady[index];
        if is_steady {
            (quote.bid, quote.ask) = (25_600_000, 25_600_256);
            (quote.hedge_price, quote.last_trade) = (25_600_128, 0);
            (quote.flags, quote.feed_ns) = (0, self.now_ns);
        }
        if !scale.linear_hedge && scale.contract_shift == 31 {
            quote.hedge_price = 1 << 24;
        }
        let is_exact = draw.one_in(4);
        let mut interval = Interval::default();
        interval.band = draw.of(&[0, 1, 65_536, some_contracts(index).into(), BAND_MAX]);
        interval.error = draw.of(&[0, 9, 32_768, u32::MAX]);
        let t = draw.of(&[0, 1, 0x8000, 0xffff, some_contracts(index) as u16]);
        let most = (1i64 << 43) - 1;
        if draw.one_in(2) {
            interval.cubic = [
                draw.signed(43),
                draw.of(&[most, -most, 0, 12_345_678_901]),
                draw.of(&[9 * (most + 1), -9 * (most + 1), 1, -98_765_432_109]),
                draw.of(&[6 * (most + 1), -6 * (most + 1), -1, 45_678_901_234]),
            ];
        } else {
            interval.cubic[0] = draw.signed(43);
        }
        let band = draw.of(&[0, 65_535, 1 << 30, BAND_MAX]);
        let mut exact = Greeks { delta: draw.signed(43), band, is_exact: true, ..Greeks::default() };
        if is_steady || draw.below(4) > 0 {
            // To a threshold; without effect where exposure and net delta differ.
            let (band, error) = if is_exact { (exact.band, 0) } else { (interval.band, interval.error) };
            let situation = Situation { exposure: 0, band, error, counts_contracts: true };
            let (set, ledger) = (&under.settings, &under.ledger);
            let counted = if scale.counts_contracts() { ledger.position } else { 0 };
            // Mostly one side, so that orders of the other one are not always in the way.
            let is_sell = (scale.bank_id & 1 == 1) ^ draw.one_in(if is_steady { 30 } else { 8 });
            let (place, flying, factor) = if is_sell {
                (-counted, ledger.in_flight().sell, set.trigger.band_scale_sell)
            } else {
                (counted, ledger.in_flight().buy, set.trigger.band_scale_buy)
            };
            let band = half_band(&situation, factor, &set.trigger);
            let committed = (place + flying) << 16;
            let clips = if is_steady { 1_000 } else { 0 }
                + draw.of(&[1, 1, 3, 99, 100, 119, 120, 121, 999, 1_001, i64::from(some_contracts(index)), 1 << 27]);
            let gap = exit(band, &set.trigger) + (clips << 16);
            let size = match draw.below(8) {
                0 => committed + band,
                1 => (place << 16) + band,
                2 => committed + set.size.band_emergency as i64,
                3 => committed + gap,
                _ => committed + gap.max(band + 3),
            };
            let size = size + draw.nudge();
            let exposure = if is_sell { size } else { -size - 1 };
            let delta = exposure - under.offset;
            exact.delta = delta.clamp(-most, most);
            let rise = interval.delta(t.into()) - interval.cubic[0];
            interval.cubic[0] = (delta - rise).clamp(-most, most);
        }
        if under.offset.unsigned_abs() == 1 << 55 {
            // At the end of the range.
            exact.delta = draw.nudge();
            interval.cubic = [draw.nudge(), 0, 0, 0];
        }
        if !draw.one_in(30) {
            let meta = self.meta(index as u8, is_exact, Reason::None);
            return Issue { meta, quote, interval, t, exact };
        }
        // Refused before; perhaps of an underlying that does not exist.
        let index = draw.of(&[index as u8, UNDERLYINGS as u8, 255]);
        let meta = self.meta(index, is_exact, Reason::FeedSequence);
        Issue { meta, quote, interval, t, exact }
    }

    fn meta(&mut self, underlying: u8, is_exact: bool, reason: Reason) -> record::Meta {
        record::Meta {
            kind: u(self.draw.word() as u8),
            underlying: u(underlying),
            now_ns: u(self.now_ns),
            command_seq: u(self.draw.word()),
            reason: u(reason as u8),
            is_exact,
            want_risk: self.draw.one_in(2),
        }
    }

    /// Gives a command to both.
    fn issue(&mut self, issue: &Issue) {
        let Issue { meta, quote, interval, t, exact } = *issue;
        let bench = &mut self.bench;
        poke!(bench, issue, true);
        poke!(bench, meta, meta);
        let q = record::Quote {
            flags: u(quote.flags),
            feed_seq: u(quote.feed_seq),
            bid: u(quote.bid),
            ask: u(quote.ask),
            bid_size: u(quote.bid_size),
            ask_size: u(quote.ask_size),
            price: u(quote.price),
            hedge_price: u(quote.hedge_price),
            last_trade: u(quote.last_trade),
            feed_ns: u(quote.feed_ns),
        };
        poke!(bench, quote, q);
        let coefficients = record::Interval {
            c0: u(interval.cubic[0]),
            c1: u(interval.cubic[1]),
            c2: u(interval.cubic[2]),
            c3: u(interval.cubic[3]),
            vega: u(interval.vega[0]),
            vega_rise: u(interval.vega[1]),
            band: u(interval.band),
            error: u(interval.error),
        };
        poke!(bench, coefficients, coefficients);
        poke!(bench, t, u(t));
        let greeks = record::ExactGreeks { delta: u(exact.delta), gamma: u(0), vega: u(0), band: u(exact.band) };
        poke!(bench, exact, greeks);
        let (outcome, noted) = self.answer(issue);
        self.due.push_back(Due { cycle: self.cycle + LATENCY, meta, outcome, noted });
    }

    /// The kernel's answer, and the pace after an order.
    fn answer(&mut self, issue: &Issue) -> (record::Outcome, Option<record::Pace>) {
        let Issue { meta, quote, interval, t, exact } = *issue;
        let bank_id = self.kernel.get(meta.underlying.index()).map_or(0, Underlying::bank_id);
        if meta.reason.any() {
            let outcome = record::Outcome { reason: meta.reason, bank_id: u(bank_id), ..Default::default() };
            return (outcome, None);
        }
        let under = &mut self.kernel[meta.underlying.index()];
        under.quote = quote;
        let greeks = if meta.is_exact {
            exact
        } else {
            Greeks { delta: interval.delta(t.into()), band: interval.band, error: interval.error, ..Greeks::default() }
        };
        let decision: Decision = match under.decide(&greeks) {
            Outcome::Quiet(decision) => decision,
            Outcome::Fired(fired) => under.fulfil(&fired, meta.now_ns.word(), self.is_killed),
        };
        let is_sent = decision.reason == Reason::None;
        let outcome = record::Outcome {
            reason: u(decision.reason as u8),
            exposure: u(decision.exposure),
            band: u(decision.band),
            quantity: u(decision.quantity),
            limit_price: u(if is_sent { decision.limit_price } else { 0 }),
            order_id: u(decision.order_id),
            is_urgent: decision.is_urgent,
            bank_id: u(bank_id),
        };
        let pace = under.pace;
        let noted = record::Pace {
            last_hedge_ns: u(pace.last_hedge_ns),
            has_hedged: pace.has_hedged,
            budget_whole_ns: u(pace.budget_whole_ns),
            minute_start_ns: u(pace.minute_start_ns),
            minute_count: u(pace.minute_count),
            last_side: pace.last_side == Side::Sell,
            last_quantity: u(pace.last_quantity),
            last_price: u(pace.last_price),
            last_ledger_seq: u(pace.last_ledger_seq),
        };
        (outcome, is_sent.then_some(noted))
    }

    /// A round of `cycles` commands and pauses.
    fn run(&mut self, cycles: usize) {
        self.is_killed = self.draw.one_in(25);
        let bench = &mut self.bench;
        poke!(bench, is_killed, self.is_killed);
        let keeps_pace = self.draw.one_in(2);
        if !keeps_pace {
            self.now_ns = self.draw.of(&[0, 1_700_000_000_000_000_000, u64::MAX - 300_000_000_000]);
        }
        for index in 0..UNDERLYINGS {
            self.set_up(index);
            self.write(index, keeps_pace);
        }
        let first_ids: Vec<u32> = self.kernel.iter().map(|under| under.ledger.next_id).collect();
        let mut free_from = [0; UNDERLYINGS];
        for _ in 0..cycles {
            // The first that is free comes again after INTERVAL exactly.
            let mut free: Vec<usize> = (0..UNDERLYINGS).filter(|&index| free_from[index] <= self.cycle).collect();
            if self.draw.one_in(4) {
                free.reverse();
            }
            let pauses = self.draw.one_in(20);
            match free.first() {
                Some(&index) if !pauses => {
                    free_from[index] = self.cycle + INTERVAL;
                    let issue = self.draw_issue(index);
                    self.issue(&issue);
                }
                _ => {
                    let bench = &mut self.bench;
                    poke!(bench, issue, false);
                }
            }
            self.cycle();
        }
        let bench = &mut self.bench;
        poke!(bench, issue, false);
        while !self.due.is_empty() {
            self.cycle();
        }
        // The last one is written with the next edge.
        self.cycle();
        self.compare_state(&first_ids);
    }

    fn compare_state(&mut self, first_ids: &[u32]) {
        let bench = &mut self.bench;
        poke!(bench, owned, true);
        for (index, under) in self.kernel.iter().enumerate() {
            poke!(bench, book_address, u(index as i64));
            let mut id = first_ids[index];
            loop {
                poke!(bench, order_slot, u(id % 16));
                cycle!(bench);
                assert_eq!(peek!(bench, ledger), ledger_record(&under.ledger));
                if id == under.ledger.next_id {
                    break;
                }
                let order = under.ledger.orders[id as usize % 16];
                let expected = record::Order {
                    id: u(order.id),
                    state: u(1),
                    side: order.side == Side::Sell,
                    quantity: u(order.quantity),
                    ..record::Order::default()
                };
                assert_eq!(peek!(bench, order), expected);
                id = id.wrapping_add(1);
            }
        }
        poke!(bench, owned, false);
    }
}

/// A number of contracts, or a band, that belongs to an underlying.
fn some_contracts(index: usize) -> u32 {
    [2, 37, 65_535, 1 << 20, 999_999][index % 5]
}

/// Contracts that a limit leaves.
fn small_gap(index: usize) -> i64 {
    [0, 1, 3, 100, 1_000][index % 5]
}

fn ledger_record(ledger: &hedgewire_kernel::ledger::Ledger) -> record::Ledger {
    let busy =
        ledger.orders.iter().enumerate().map(|(slot, order)| u16::from(order.remaining() > 0) << slot).sum::<u16>();
    record::Ledger {
        position: u(ledger.position),
        hedge_coin: u(ledger.hedge_coin),
        cost: u(ledger.cost),
        open_buy: u(ledger.open.buy),
        open_sell: u(ledger.open.sell),
        unknown_buy: u(ledger.unknown.buy),
        unknown_sell: u(ledger.unknown.sell),
        open_count: u(ledger.open_count),
        is_reconciled: ledger.is_reconciled,
        ledger_seq: u(ledger.ledger_seq),
        attempts: u(ledger.attempts),
        next_id: u(ledger.next_id),
        busy: u(busy),
    }
}

#[test]
fn latency_and_interval_are_what_the_card_counts_on() {
    assert_eq!((LATENCY, INTERVAL), (18, 12));
}

#[test]
fn reset_forgets_what_is_under_way() {
    let mut round = Round::new("desk_reset", 3);
    round.is_steady[0] = true;
    round.set_up(0);
    round.kernel[0].settings.trigger.clip_min = 1;
    round.write(0, false);
    let untouched = ledger_record(&round.kernel[0].ledger);
    for pause in [0, 7, LATENCY - 2] {
        let issue = round.draw_issue(0);
        round.issue(&issue);
        round.due.clear();
        round.cycle();
        let bench = &mut round.bench;
        poke!(bench, issue, false);
        for _ in 0..pause {
            round.cycle();
        }
        let bench = &mut round.bench;
        poke!(bench, reset, true);
        round.cycle();
        let bench = &mut round.bench;
        poke!(bench, reset, false);
        for _ in 0..LATENCY + 2 {
            round.cycle();
        }
    }
    let bench = &mut round.bench;
    poke!(bench, owned, true);
    poke!(bench, book_address, U::new(0));
    cycle!(bench);
    assert_eq!(peek!(bench, ledger), untouched);
    round.bench.finish();
}

#[test]
fn decisions_equal_the_kernel_and_every_gate_refuses() {
    let mut round = Round::new("desk_random", 1);
    for _ in 0..150 {
        round.run(110);
    }
    let late = [Reason::OrderQuantity, Reason::OrderNotional, Reason::Duplicate];
    for &reason in Gates::REASONS.iter().chain(&late).chain(&[Reason::None, Reason::FeedSequence]) {
        let count = round.reasons[reason as usize];
        assert!(count >= 10, "{} was reached {count} times", reason.name());
    }
    assert!(round.decisions > 10_000);
}

#[test]
fn verilog_equals_the_simulation() {
    let mut round = Round::new("desk", 2);
    for _ in 0..4 {
        round.run(110);
    }
    round.bench.finish();
}
