//! Directed streams: short runs of commands, so many cycles apart, to where the card was once wrong. Every event
//! must be the kernel's.
//!
//! One small card is compiled for all of them; where source and Verilog once differed, the source is run too. Without the
//! tools to compile it, `SKIPPED:` is printed.

use std::process::Command as Program;
use std::sync::{Mutex, PoisonError};

use hedgewire_abi::command::{
    Build, Configure, Header, OpenBank, Quote, SetTrigger, Swap, Time, Trade, WriteRow, code,
};
use hedgewire_abi::format::{A_BITS, BAND_MAX};
use hedgewire_abi::{Command, Event, Reason};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_model::{Engine, Parameters};
use hedgewire_rtl::model::{Card, Log, Setup};

const SIZES: Sizes = Sizes { underlyings: 2, rows: 128, intervals: 8 };
/// Slots of each underlying.
const ROWS: u32 = 64;
/// log2 of a ladder's step.
const STEP_SHIFT: u8 = 10;
/// Price in the middle of every ladder.
const CENTRE: u32 = 40_000 << STEP_SHIFT;
const PARAMETERS: Parameters = Parameters { lanes: 2, sizes: SIZES };
/// More events than any run has.
const ALL: u64 = 1 << 32;
/// So that only the first of the tests compiles the card.
static COMPILING: Mutex<()> = Mutex::new(());

/// Card and kernel, side by side.
struct Rig {
    card: Box<dyn Card>,
    kernel: Kernel,
    log: Log,
    expected: Vec<(Command, Event)>,
    seq: u64,
    /// The last sequence number of each feed.
    feeds: [u32; 2],
}

impl Rig {
    /// The compiled card after a reset, and for each underlying a portfolio without a ladder; none without the tools.
    fn new() -> Option<Self> {
        if let Some(program) = ["verilator", "make", "c++"].into_iter().find(|program| !can_start(program)) {
            println!("SKIPPED: {program} is not installed; no card was run by it");
            return None;
        }
        let _one_at_a_time = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
        let verilog = hedgewire_model::on_a_large_stack(|| hedgewire_model::core_verilog(PARAMETERS));
        let verilog = verilog.expect("a thread");
        let card = hedgewire_model::start_verilog(verilog, Engine::Verilator, &hedgewire_model::cache(), setup());
        Some(Self::with(card.expect("the card compiles"), 2))
    }

    /// The source, with a portfolio of the first underlying alone, for it takes its time. Needs a large stack.
    fn of_the_source() -> Self {
        let card = hedgewire_model::start(PARAMETERS, Engine::Rusthdl, &hedgewire_model::cache(), setup());
        Self::with(card.expect("the source runs"), 1)
    }

    fn with(mut card: Box<dyn Card>, underlyings: u8) -> Self {
        card.reset().expect("the card runs");
        let kernel = Kernel::new(SIZES, Form::Scalar);
        let mut rig = Self { card, kernel, log: Log::default(), expected: Vec::new(), seq: 0, feeds: [0; 2] };
        for underlying in 0..underlyings {
            let first_slot = u32::from(underlying) * ROWS;
            rig.send(underlying, |h| Configure { first_slot, slot_count: ROWS, exact_mode: 0 }.encode(h));
            let trigger = SetTrigger {
                theta: 1 << 15,
                band_scale_buy: 1 << 16,
                band_scale_sell: 1 << 16,
                clip_min: 1,
                clip_max: 2,
                band_min: 1 << 16,
                band_max: BAND_MAX,
            };
            rig.send(underlying, |h| trigger.encode(h));
            for row in 0..ROWS {
                rig.trade(underlying, row, 1 + row as i32 % 5);
            }
        }
        rig.settle();
        rig
    }

    /// Gives both the next command; the card is not waited for.
    fn send(&mut self, underlying: u8, encode: impl FnOnce(Header) -> Command) {
        self.seq += 1;
        let command = encode(Header { underlying, now_ns: self.seq << 10, seq: self.seq });
        let events = self.kernel.apply(&command);
        self.expected.extend(events.iter().map(|event| (command, *event)));
        self.card.feed(&[command.words()], &mut self.log).expect("the card takes commands");
    }

    /// So many cycles without a command.
    fn wait(&mut self, cycles: u64) {
        self.card.wait(cycles, ALL, &mut self.log).expect("the card runs");
    }

    /// Waits until every command is answered and every ladder done; all events must be the kernel's. What they
    /// were.
    fn settle(&mut self) -> Vec<Event> {
        while self.log.answers.len() < self.expected.len() {
            let before = self.log.answers.len();
            self.card.wait(100_000, 1, &mut self.log).expect("the card runs");
            assert!(self.log.answers.len() > before, "no answer to {:?}", self.expected[before].0);
        }
        self.wait(3_000);
        assert_eq!(self.log.answers.len(), self.expected.len(), "an event that nothing asked for");
        let answers = std::mem::take(&mut self.log).answers;
        for (answer, (command, event)) in answers.iter().zip(&self.expected) {
            let mut record = answer.record;
            // The ring writer counts events, not the core.
            record[7] = event.words()[7];
            let got = Event::from_words(record);
            assert_eq!(got, *event, "{command:?} in cycle {}", answer.presented);
        }
        self.expected.drain(..).map(|(_, event)| event).collect()
    }

    /// Opens the bank that does not answer, writes its rows and starts a ladder.
    fn build(&mut self, underlying: u8, intervals: u32, band_kind: u8) {
        let open = OpenBank {
            bank_id: 1,
            price_ref: CENTRE,
            contract_scale: 0xcccc_cccc,
            contract_shift: 27,
            delta_bits: 16,
            gamma_bits: 12,
            vega_bits: 16,
            band_kind,
            band_factor: 1 << 31,
            band_shift: 3,
            valid_until_ns: u64::MAX,
            ..OpenBank::default()
        };
        self.send(underlying, |h| open.encode(h));
        for row in 0..ROWS {
            // Near the money at different prices, some short.
            let steepness = 8 + row % 7;
            let delta = if row % 3 == 0 { -40_000 } else { 90_000 + 500 * row as i32 };
            let row = WriteRow {
                row_kind: if row % 2 == 0 { code::PUT } else { code::CALL },
                slot: u32::from(underlying) * ROWS + row,
                a: steepness << A_BITS,
                b: (i64::from(row) - 32) << 27,
                omega_delta: delta,
                omega_gamma: delta / 16 * steepness as i32,
                omega_vega: delta / 2,
                ..WriteRow::default()
            };
            self.send(underlying, |h| row.encode(h));
        }
        self.send(underlying, |h| Build { centre: CENTRE, intervals, step_shift: STEP_SHIFT }.encode(h));
    }

    fn swap(&mut self, underlying: u8) {
        self.send(underlying, |h| Swap {}.encode(h));
    }

    fn trade(&mut self, underlying: u8, row: u32, quantity: i32) {
        let slot = u32::from(underlying) * ROWS + row;
        self.send(underlying, |h| Trade { slot, quantity, cash: 0 }.encode(h));
    }

    fn time(&mut self, underlying: u8) {
        self.send(underlying, |h| Time { flags: code::WANT_RISK }.encode(h));
    }

    /// A quote whose place in its feed is `step` behind that of the last one.
    fn quote_with_step(&mut self, underlying: u8, price: u32, step: i32) {
        let feed_seq = self.feeds[usize::from(underlying)].wrapping_add_signed(step);
        self.feeds[usize::from(underlying)] = feed_seq;
        self.send(underlying, |h| {
            let (bid, ask) = (price - 128, price + 128);
            Quote {
                flags: 0,
                feed_seq,
                bid,
                ask,
                bid_size: 1_000,
                ask_size: 1_000,
                price,
                hedge_price: price,
                last_trade: bid,
                feed_ns: h.now_ns,
            }
            .encode(h)
        });
    }

    fn quote(&mut self, underlying: u8, price: u32) {
        self.quote_with_step(underlying, price, 1);
    }
}

fn setup() -> Setup {
    Setup { patience: PARAMETERS.patience_cycles(), ..Setup::default() }
}

fn can_start(program: &str) -> bool {
    Program::new(program).arg("-V").output().is_ok()
}

/// A price in an interval of a ladder of so many.
fn inside(index: u32, intervals: u32) -> u32 {
    CENTRE - ((intervals / 2) << STEP_SHIFT) + (index << STEP_SHIFT) + 300
}

/// How many of the events are refusals for this reason.
fn refused(events: &[Event], reason: Reason) -> usize {
    events.iter().filter(|event| event.reason() == Some(reason)).count()
}

#[test]
fn quote_behind_a_waiting_one_is_judged_by_the_feed_as_of_its_turn() {
    let Some(mut rig) = Rig::new() else { return };
    for underlying in 0..2 {
        rig.build(underlying, 8, code::BAND_FIXED);
        rig.swap(underlying);
        rig.quote(underlying, inside(3, 8));
    }
    rig.settle();
    let mut stale = 0;
    for gap in [0, 1, 2, 3, 5, 7, 12, 20] {
        for (late, is_same_interval) in (1..6).flat_map(|late| [(late, false), (late, true)]) {
            // After a trade most intervals are not there, so that quotes of both wait, one behind the other.
            rig.trade(1, gap as u32, late);
            rig.trade(0, gap as u32, late);
            for place in 0..6 {
                rig.wait(gap);
                // The one that is late is older than the one ahead, but newer than what the feed was before.
                let step = if place == late { -1 } else { 3 };
                let index = if is_same_interval { late } else { place };
                rig.quote_with_step(0, inside((index as u32 * 3 + 1) % 8, 8), step);
                rig.quote(1, inside((place as u32 * 5 + 2) % 8, 8));
            }
            stale += refused(&rig.settle(), Reason::FeedSequence);
        }
    }
    assert_eq!(stale, 8 * 5 * 2);
}

#[test]
fn trade_is_decided_on_its_own_ladder_whatever_the_other_banks_has_for_intervals() {
    let Some(mut rig) = Rig::new() else { return };
    for band in [code::BAND_FIXED, code::BAND_GAMMA, code::BAND_WHALLEY_WILMOTT] {
        for (active, other) in [(8, 2), (2, 8), (3, 2), (7, 8), (2, 2)] {
            rig.build(0, active, band);
            rig.swap(0);
            rig.settle();
            rig.build(0, other, band);
            for index in 0..active {
                rig.quote(0, inside(index, active));
                // While the other ladder is being built, and after.
                for (row, gap) in [(index, 0), (20 + index, 900), (40 + index, 5)] {
                    rig.wait(gap);
                    rig.trade(0, row, 7 - (row as i32 + active as i32) % 5);
                    rig.time(0);
                }
                rig.settle();
            }
        }
    }
}

#[test]
fn nothing_is_decided_after_a_trade_on_what_was_settled_before_it() {
    let Some(mut rig) = Rig::new() else { return };
    for underlying in 0..2 {
        rig.build(underlying, 8, code::BAND_FIXED);
        rig.swap(underlying);
        rig.quote(underlying, inside(3, 8));
    }
    rig.settle();
    for gap in [0, 1, 2, 5, 20, 60, 100, 150, 200, 300, 500] {
        for index in 0..8 {
            rig.quote(0, inside(3, 8));
            rig.trade(0, index + 8, 1 + (gap as i32 + index as i32) % 6);
            rig.wait(gap);
            rig.quote(0, inside(index, 8));
            rig.time(0);
            rig.quote(1, inside(index, 8));
            // A row without a change, and one of the other underlying.
            rig.trade(0, index + 8, 1 + (gap as i32 + index as i32) % 6);
            rig.trade(1, index, 2 + gap as i32 % 3);
            rig.quote(0, inside(7 - index, 8));
            rig.time(1);
            rig.settle();
        }
    }
}

/// A trade in a row that the bank in use holds, and the one being filled.
fn trade_in_both_banks(mut rig: Rig) {
    for _ in 0..2 {
        rig.build(0, 8, code::BAND_FIXED);
        rig.swap(0);
        rig.quote(0, inside(3, 8));
    }
    rig.build(0, 8, code::BAND_FIXED);
    for (turn, row) in [5, 30, 61].into_iter().enumerate() {
        // All intervals of both ladders are there.
        rig.settle();
        rig.trade(0, row, 9 + turn as i32);
        for index in [6, 0, 3] {
            rig.quote(0, inside(index, 8));
        }
    }
    rig.swap(0);
    rig.settle();
}

#[test]
fn trade_that_changes_both_banks_leaves_no_interval_of_either_as_it_was() {
    if let Some(rig) = Rig::new() {
        trade_in_both_banks(rig);
    }
}

#[test]
fn trade_that_changes_both_banks_leaves_no_interval_of_either_as_it_was_in_the_source() {
    hedgewire_model::on_a_large_stack(|| trade_in_both_banks(Rig::of_the_source())).expect("a thread");
}
