//! Any bytes as a stream of commands: no panic, and scalar and AVX2 answer with the same bytes
//! whenever their background work runs.
//!
//! The bytes are read as steps: a command of some kind, background work of one of the two kernels,
//! or a whole bank with its ladder. Version, sequence and time are made good, and three times in four
//! the fields too, or the fuzzer would hardly get past the checks at the edge.
#![no_main]

use hedgewire_abi::command::{
    self, Build, Configure, Control, Header, OpenBank, OrderUpdate, Quote, Reconcile, SetPriceLimits, SetRateLimits,
    SetSizeLimits, SetStatus, SetTarget, SetTrigger, Swap, Time, Trade, WriteRow, code,
};
use hedgewire_abi::format::{A_MAX, B_MAX, BAND_MAX, BAND_SCALE_MAX, DURATION_MAX_NS, ORDER_MAX, POSITION_MAX};
use hedgewire_abi::{Command, MAX_EVENTS_PER_COMMAND};
use hedgewire_kernel::{Form, Kernel, Sizes};
use libfuzzer_sys::fuzz_target;

const SIZES: Sizes = Sizes { underlyings: 2, rows: 128, intervals: 8 };
/// Most steps of one input.
const STEPS_MAX: usize = 512;
/// Price around which fixed-up prices lie.
const PRICE: u32 = 1 << 24;

fuzz_target!(|bytes: &[u8]| {
    let mut run = Run::new(bytes);
    run.set_up(0);
    run.set_up(1);
    for _ in 0..STEPS_MAX {
        if run.bytes.is_empty() {
            break;
        }
        run.step();
    }
});

/// Two kernels and what is left of the input.
struct Run<'a> {
    bytes: &'a [u8],
    scalar: Kernel,
    vector: Kernel,
    now_ns: u64,
    underlying: u8,
    feed_seq: u32,
}

impl<'a> Run<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let vector = Kernel::new(SIZES, Form::best());
        Self { bytes, scalar: Kernel::new(SIZES, Form::Scalar), vector, now_ns: 0, underlying: 0, feed_seq: 0 }
    }

    // ---- input -------------------------------------------------------------------------------

    fn byte(&mut self) -> u8 {
        let (&first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        first
    }

    /// A number of as many bytes as its first byte says: small ones cost little input.
    fn number(&mut self) -> u64 {
        let count = self.byte() & 7;
        (0..=count).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    fn signed(&mut self) -> i64 {
        let zigzag = self.number();
        (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.number() % n
    }

    /// A price within reach of the rows, mostly.
    fn price(&mut self) -> u32 {
        (i64::from(PRICE) + self.signed() % (1 << 22)) as u32
    }

    // ---- both kernels ------------------------------------------------------------------------

    fn send(&mut self, encode: impl FnOnce(Header) -> Command) {
        let seq = self.scalar.next_command_seq();
        let command = encode(Header { underlying: self.underlying, now_ns: self.now_ns, seq });
        let expected = self.scalar.apply(&command);
        assert!((1..=MAX_EVENTS_PER_COMMAND).contains(&expected.len()));
        assert_eq!(expected, self.vector.apply(&command), "{command:?}");
    }

    fn step(&mut self) {
        self.underlying = self.byte() & 1;
        self.now_ns += [0, 1, 1_000, 60_000_000_000][usize::from(self.byte() & 3)];
        match self.byte() % 16 {
            0 => (0..self.byte()).for_each(|_| _ = self.scalar.work()),
            1 => (0..self.byte()).for_each(|_| _ = self.vector.work()),
            2 => self.compile(),
            3 => self.raw(),
            4 | 5 => self.settings(),
            6 => self.set_up_part(),
            7..10 => self.trade(),
            10 | 11 => self.order_update(),
            12 => {
                let flags = self.byte() & code::WANT_RISK;
                self.send(|h| Time { flags }.encode(h));
            }
            _ => self.quote(),
        }
    }

    /// A record of any known kind with fields of any content.
    fn raw(&mut self) {
        let layout = &command::LAYOUTS[self.byte() as usize % command::LAYOUTS.len()];
        let mut command = Command::ZERO;
        command.0[0] = layout.kind;
        command.0[1] = hedgewire_abi::VERSION;
        for field in layout.fields {
            for byte in field.offset..field.offset + field.bytes {
                command.0[byte] = self.byte();
            }
        }
        // A quarter turn of kinds that do not exist, reserved bits and wrong headers.
        if self.byte() & 3 == 0 {
            command.0[self.byte() as usize % 56] ^= self.byte();
        }
        self.send(|h| {
            let mut command = command;
            command.0[2] ^= h.underlying;
            command.0[8..16].copy_from_slice(&h.now_ns.to_le_bytes());
            command.with_seq(h.seq)
        });
    }

    // ---- commands in order -------------------------------------------------------------------

    fn set_up(&mut self, underlying: u8) {
        self.underlying = underlying;
        let (first_slot, exact_mode) = (u32::from(underlying) * 64, self.byte() & 1);
        self.send(|h| Configure { first_slot, slot_count: 64, exact_mode }.encode(h));
        let trigger = SetTrigger {
            theta: 1 << 15,
            band_scale_buy: 1 << 16,
            band_scale_sell: 1 << 16,
            clip_min: 1,
            clip_max: 1_000,
            band_min: 1 << 16,
            band_max: BAND_MAX,
        };
        let price = SetPriceLimits {
            width_max_bp: 1_000,
            quote_age_max_ns: DURATION_MAX_NS,
            collar_bp: 10_000,
            collar_last_bp: 10_000,
            ..SetPriceLimits::default()
        };
        let most = POSITION_MAX as u64;
        let size = SetSizeLimits {
            order_max: ORDER_MAX,
            band_emergency: 1 << 30,
            position_max: most,
            gross_max: most,
            notional_max: u64::MAX,
        };
        let rate = SetRateLimits {
            order_burst_ns: DURATION_MAX_NS,
            loss_max: i64::MAX,
            hedges_per_minute: u32::MAX,
            attempts_max: u32::MAX,
            open_orders_max: 16,
            ..SetRateLimits::default()
        };
        self.send(|h| trigger.encode(h));
        self.send(|h| price.encode(h));
        self.send(|h| size.encode(h));
        self.send(|h| rate.encode(h));
        self.send(|h| SetStatus { margin_buy: most, margin_sell: most, ..SetStatus::default() }.encode(h));
        self.send(|h| Reconcile { position: 0, hedge_coin: 0 }.encode(h));
        self.send(|h| Control { action: code::ARM }.encode(h));
        self.compile();
    }

    fn set_up_part(&mut self) {
        match self.byte() % 4 {
            0 => {
                let (position, hedge_coin) = (self.signed() % (POSITION_MAX + 2), self.signed());
                self.send(|h| Reconcile { position, hedge_coin }.encode(h));
            }
            1 => {
                let action = self.byte() & 7;
                self.send(|h| Control { action }.encode(h));
            }
            2 => {
                let (target, cash) = (self.signed(), self.signed());
                self.send(|h| SetTarget { target, cash }.encode(h));
            }
            _ => {
                let (first_slot, slot_count) = (self.byte() as u32 % 4 * 64, self.byte() as u32 % 4 * 64);
                let exact_mode = self.byte() & 1;
                self.send(|h| Configure { first_slot, slot_count, exact_mode }.encode(h));
            }
        }
    }

    /// One setting changed to anything within its range.
    fn settings(&mut self) {
        let (contracts, ns) = (self.below(1 << 20), self.below(1 << 40));
        match self.byte() % 5 {
            0 => {
                let set = SetTrigger {
                    theta: self.below(65_537) as u32,
                    band_scale_buy: self.below(u64::from(BAND_SCALE_MAX) + 1) as u32,
                    band_scale_sell: self.below(u64::from(BAND_SCALE_MAX) + 1) as u32,
                    clip_min: 1 + self.below(100) as u32,
                    clip_max: contracts as u32,
                    band_min: self.below(BAND_MAX + 1),
                    band_max: self.below(BAND_MAX + 1),
                };
                self.send(|h| set.encode(h));
            }
            1 => {
                let set = SetPriceLimits {
                    width_max_bp: self.number() as u32,
                    quote_age_max_ns: ns,
                    cool_down_ns: self.below(1 << 20),
                    duplicate_window_ns: self.below(1 << 20),
                    collar_bp: self.number() as u32,
                    collar_last_bp: self.number() as u32,
                    size_min: self.number() as u32,
                    cross: self.number() as u32,
                };
                self.send(|h| set.encode(h));
            }
            2 => {
                let set = SetSizeLimits {
                    order_max: contracts as u32,
                    band_emergency: self.below(BAND_MAX + 1),
                    position_max: self.below(POSITION_MAX as u64 + 1),
                    gross_max: self.below(POSITION_MAX as u64 + 1),
                    notional_max: self.number(),
                };
                self.send(|h| set.encode(h));
            }
            3 => {
                let set = SetRateLimits {
                    order_interval_ns: ns,
                    order_burst_ns: self.below(1 << 42),
                    loss_max: self.signed(),
                    hedges_per_minute: self.number() as u32,
                    attempts_max: self.number() as u32,
                    open_orders_max: self.below(17) as u32,
                };
                self.send(|h| set.encode(h));
            }
            _ => {
                let set = SetStatus {
                    oracle: self.byte() % 3,
                    restricted: self.byte() & 1,
                    margin_buy: contracts,
                    margin_sell: self.below(1 << 20),
                    own_bid: self.number() as u32,
                    own_ask: self.number() as u32,
                };
                self.send(|h| set.encode(h));
            }
        }
    }

    /// A bank, complete but for what the input says, a build and perhaps a swap.
    fn compile(&mut self) {
        let bank = self.bank();
        self.send(|h| bank.encode(h));
        let first = u32::from(self.underlying) * 64;
        // A few rows come from the input, and the bank repeats them.
        let rows: Vec<WriteRow> = (0..1 + self.byte() % 8).map(|_| self.row()).collect();
        let count = if self.byte() == 255 { 63 } else { 64 };
        for (slot, row) in (first..first + count).zip(rows.iter().cycle()) {
            self.send(|h| WriteRow { slot, ..*row }.encode(h));
        }
        let centre = self.price();
        let build = Build { centre, intervals: 2 + self.below(7) as u32, step_shift: 4 + self.below(13) as u8 };
        self.send(|h| build.encode(h));
        for _ in 0..self.byte() & 7 {
            self.trade();
        }
        if self.byte() & 7 != 7 {
            self.send(|h| Swap {}.encode(h));
        }
    }

    fn bank(&mut self) -> OpenBank {
        let delta_bits = (self.below(73) as i8) - 24;
        OpenBank {
            bank_id: self.below(1 << 16) as u32,
            price_ref: self.price().max(1),
            contract_scale: self.number() as u32 | 1 << 31,
            band_factor: self.number() as u32,
            delta_bits,
            gamma_bits: (delta_bits - 23 + self.below(63) as i8).clamp(-24, 48),
            vega_bits: (self.below(73) as i8) - 24,
            contract_shift: self.below(121) as u8,
            band_shift: self.below(61) as u8,
            band_kind: self.byte() % 3,
            hedge_kind: self.byte() & 1,
            numeraire: self.byte() & 1,
            valid_until_ns: if self.byte() & 1 == 0 { u64::MAX } else { self.number() },
        }
    }

    fn row(&mut self) -> WriteRow {
        let row_kind = self.byte() % 5;
        let (a, b) = match row_kind {
            code::CALL | code::PUT => (self.below(u64::from(A_MAX) + 1) as u32, self.signed() % (B_MAX + 1)),
            code::RANGE => {
                let low = self.below(1 << 30) as u32;
                (low, i64::from(low) + self.below(1 << 30) as i64)
            }
            _ => (0, 0),
        };
        WriteRow {
            row_kind,
            slot: 0,
            a,
            omega_delta: self.signed() as i32,
            omega_gamma: self.signed() as i32,
            omega_vega: self.signed() as i32,
            b,
            shift_delta: self.below(63) as u8,
            shift_gamma: self.below(63) as u8,
            shift_vega: self.below(63) as u8,
            group: self.byte() & 1,
        }
    }

    fn quote(&mut self) {
        let (price, spread) = (self.price(), self.byte());
        let hedge_price = if self.byte() & 3 == 0 { self.price() } else { price };
        self.feed_seq = self.feed_seq.wrapping_add(1 + u32::from(self.byte() >> 7) * 0x4000_0000);
        let quote = Quote {
            flags: self.byte() & 3,
            feed_seq: self.feed_seq,
            bid: hedge_price.saturating_sub(u32::from(spread)),
            ask: hedge_price.saturating_add(u32::from(spread)),
            bid_size: self.number() as u32,
            ask_size: u32::MAX,
            price,
            hedge_price,
            last_trade: if self.byte() & 1 == 0 { 0 } else { self.price() },
            feed_ns: self.now_ns.saturating_sub(self.number()),
        };
        self.send(|h| quote.encode(h));
    }

    fn trade(&mut self) {
        let slot = u32::from(self.underlying) * 64 + u32::from(self.byte() & 63);
        let trade = Trade { slot, quantity: (self.signed() % (1 << 30)) as i32, cash: self.signed() >> 8 };
        self.send(|h| trade.encode(h));
    }

    fn order_update(&mut self) {
        let update = OrderUpdate {
            status: self.byte() & 3,
            order_id: u32::from(self.byte() & 31),
            filled: self.number(),
            coin: self.signed(),
            cost: self.signed(),
        };
        self.send(|h| update.encode(h));
    }
}
