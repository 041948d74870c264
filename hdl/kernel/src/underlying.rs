//! One underlying: its banks, ladders, ledger and settings, and the decision at a price.
//!
//! ```text
//!   banks[active] -- ladder[active]     answers quotes
//!   banks[other]  -- ladder[other]      is written and built, then swapped in
//!   quantities                          one per slot, shared by both banks
//! ```

use hedgewire_abi::Reason;
use hedgewire_abi::command::{Quote, code};
use hedgewire_abi::format::{EXPOSURE_BITS, X_MAX, saturate};

use crate::bank::{Bank, Rows, Scale};
use crate::ladder::{EXACT, Ladder, Place, Source};
use crate::ledger::Ledger;
use crate::trigger::{Blocked, Decision, Outcome, Pace, Settings, Situation, Wish, decide, size_and_send};
use crate::{Form, Shared};

// The x of a node is kept in 32 bits.
const _: () = assert!(X_MAX < 1 << 31);

/// How orders may be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Both ways.
    #[default]
    Normal,
    /// Only towards a smaller position.
    ReduceOnly,
    /// Not at all.
    Halt,
}

/// The Greeks at the last quote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Greeks {
    /// Delta of the rows, ladder units.
    pub delta: i64,
    /// Change of delta per unit of log price, ladder units.
    pub gamma: i64,
    /// Vega, 2^-(kv + 7) coin.
    pub vega: i64,
    /// Half band before limits, 2^-16 contract.
    pub band: u64,
    /// Error bound, 2^-16 contract; 0 for an exact pass.
    pub error: u32,
    /// Whether an exact pass answered.
    pub is_exact: bool,
}

/// State of one underlying.
pub struct Underlying {
    /// First slot, and the one past the last; empty before `Configure`.
    pub slots: (usize, usize),
    /// Every quote is answered by an exact pass.
    pub exact_mode: bool,
    /// Orders may leave.
    pub is_armed: bool,
    /// How.
    pub mode: Mode,
    /// The two banks.
    pub banks: [Bank; 2],
    /// Their ladders.
    pub ladders: [Ladder; 2],
    /// Which of them answers.
    pub active: usize,
    /// Whether a swap has happened.
    pub has_rows: bool,
    /// What the host has set.
    pub settings: Settings,
    /// Position and orders.
    pub ledger: Ledger,
    /// What has been sent lately.
    pub pace: Pace,
    /// Last quote, if `has_quote`.
    pub quote: Quote,
    /// Whether a quote has arrived.
    pub has_quote: bool,
    /// Target, 2^-32 coin.
    pub target: i64,
    /// Coin cash in total, 2^-32 coin.
    pub cash: i64,
    /// Target in ladder units of each bank.
    targets: [i64; 2],
    /// Cash (where it counts) less target, ladder units of the active bank; `None` if out of range.
    offset: Option<i64>,
}

impl Underlying {
    /// An underlying without slots, with room for two ladders.
    pub fn new(intervals: usize) -> Self {
        Self {
            slots: (0, 0),
            exact_mode: false,
            is_armed: false,
            mode: Mode::Normal,
            banks: [Bank::default(); 2],
            ladders: [Ladder::new(intervals), Ladder::new(intervals)],
            active: 0,
            has_rows: false,
            settings: Settings::default(),
            ledger: Ledger::default(),
            pace: Pace::default(),
            quote: Quote::default(),
            has_quote: false,
            target: 0,
            cash: 0,
            targets: [0; 2],
            offset: Some(0),
        }
    }

    /// Back to the beginning, with a range of slots.
    pub fn configure(&mut self, first: usize, count: usize, exact_mode: bool) {
        for (bank, ladder) in self.banks.iter_mut().zip(&mut self.ladders) {
            *bank = Bank { epoch: bank.epoch, ..Bank::default() };
            ladder.clear();
        }
        self.slots = (first, first + count);
        self.exact_mode = exact_mode;
        self.is_armed = false;
        self.mode = Mode::Normal;
        self.has_rows = false;
        self.settings = Settings::default();
        self.ledger = Ledger::default();
        self.pace = Pace::default();
        self.has_quote = false;
        (self.target, self.cash, self.targets, self.offset) = (0, 0, [0; 2], Some(0));
    }

    /// Whether `slot` is one of its own.
    #[inline]
    pub fn owns(&self, slot: u32) -> bool {
        (self.slots.0..self.slots.1).contains(&(slot as usize))
    }

    /// Coin constant as it counts on a bank: cash and filled hedges in USD numeraire, else nothing.
    fn counted_coin(&self, bank: &Bank) -> i64 {
        if bank.scale.usd { self.cash.saturating_add(self.ledger.hedge_coin) } else { 0 }
    }

    /// Works the coin constant and the target out anew in the units of the active bank.
    pub fn update_offset(&mut self) {
        let bank = &self.banks[self.active];
        let coin = bank.scale.ladder_units(self.counted_coin(bank));
        let target = bank.scale.ladder_units(self.target);
        self.offset = coin.zip(target).map(|(coin, target)| coin - target);
    }

    /// Opens the shadow bank.
    pub fn open_shadow(&mut self, scale: Scale) {
        let shadow = 1 - self.active;
        self.banks[shadow].open(scale);
        self.ladders[shadow].clear();
        self.targets[shadow] = scale.ladder_units(self.target).unwrap_or(0);
    }

    /// Sets target and cash; bands that follow the hedge follow the target too.
    pub fn set_target(&mut self, target: i64, cash: i64) {
        let moved = self.target != target;
        (self.target, self.cash) = (target, cash);
        if moved {
            for bank in 0..2 {
                let scale = &self.banks[bank].scale;
                self.targets[bank] = scale.ladder_units(target).unwrap_or(0);
                if scale.hedge_drifts() {
                    self.ladders[bank].outdate();
                }
            }
        }
        self.update_offset();
    }

    /// Ladder and everything it follows from.
    #[inline(always)]
    fn parts<'a>(
        &'a mut self,
        bank: usize,
        shared: &'a Shared,
        rows: &'a [Rows; 2],
        form: Form,
    ) -> (&'a mut Ladder, Source<'a>) {
        let source = Source {
            normal: &shared.normal,
            log: &shared.log,
            rows: &rows[bank],
            bank: &self.banks[bank],
            slots: self.slots,
            target: self.targets[bank],
            form,
        };
        (&mut self.ladders[bank], source)
    }

    /// Does one small piece of background work; false when there is none.
    pub fn work(&mut self, shared: &Shared, rows: &[Rows; 2], form: Form) -> bool {
        [self.active, 1 - self.active].into_iter().any(|bank| {
            let (ladder, source) = self.parts(bank, shared, rows, form);
            ladder.work(&source)
        })
    }

    /// Finishes the build of the shadow ladder.
    pub fn complete_shadow(&mut self, shared: &Shared, rows: &[Rows; 2], form: Form) {
        let (ladder, source) = self.parts(1 - self.active, shared, rows, form);
        ladder.complete(&source);
    }

    /// Books a new quantity of `slot` in both banks.
    pub fn trade(&mut self, shared: &Shared, rows: &mut [Rows; 2], form: Form, slot: usize, quantity: i32) {
        for bank in 0..2 {
            if !self.banks[bank].holds(&rows[bank], slot) {
                continue;
            }
            let change = self.banks[bank].reweigh(&mut rows[bank], slot, quantity);
            if change == [0; 3] || !self.ladders[bank].is_started() {
                continue;
            }
            let shape = rows[bank].spec[slot].shape;
            let (ladder, source) = self.parts(bank, shared, rows, form);
            ladder.record(&source, shape, change);
        }
    }

    /// Greeks at a price from the ladder; `None` where an exact pass must answer.
    #[inline(always)]
    pub fn ladder_greeks(
        &mut self,
        shared: &Shared,
        rows: &[Rows; 2],
        form: Form,
        price: u32,
        want_all: bool,
    ) -> Option<Greeks> {
        if self.exact_mode {
            return None;
        }
        let Place::Inside { index, t } = self.ladders[self.active].place(price) else { return None };
        if !self.ladders[self.active].is_fresh(index) {
            self.refresh(shared, rows, form, index);
        }
        let ladder = &self.ladders[self.active];
        let interval = ladder.interval(index);
        if interval.error == EXACT {
            return None;
        }
        let (gamma, vega) = if want_all { (ladder.gamma(index, t, price), interval.vega(t)) } else { (0, 0) };
        let (delta, band, error) = (interval.delta(t), interval.band, interval.error);
        Some(Greeks { delta, gamma, vega, band, error, is_exact: false })
    }

    /// Brings an interval of the active ladder up to date: after a trade, or after the target moved.
    #[inline(never)]
    fn refresh(&mut self, shared: &Shared, rows: &[Rows; 2], form: Form, index: usize) {
        let (ladder, source) = self.parts(self.active, shared, rows, form);
        ladder.refresh(&source, index);
    }

    /// Greeks at a price by one pass over all rows; `None` where the rows do not reach.
    pub fn exact_greeks(&mut self, shared: &Shared, rows: &[Rows; 2], form: Form, price: u32) -> Option<Greeks> {
        let (_, source) = self.parts(self.active, shared, rows, form);
        let value = source.exact(price)?;
        let band = source.exact_band(&value, price);
        Some(Greeks { delta: value.delta, gamma: value.gamma, vega: value.vega, band, error: 0, is_exact: true })
    }

    /// Takes the decision at the last quote, with the Greeks there.
    #[inline(always)]
    pub fn decide(&mut self, greeks: &Greeks, now_ns: u64, is_killed: bool) -> Outcome {
        let bank = &self.banks[self.active];
        let scale = &bank.scale;
        let offset = self.offset.unwrap_or(0);
        let (exposure, is_too_large) =
            saturate(scale.contracts_of(greeks.delta + offset, self.quote.hedge_price), EXPOSURE_BITS);
        if is_too_large {
            return Outcome::Quiet(Decision { exposure, ..Decision::refused(Reason::ExposureRange) });
        }
        let situation = Situation {
            exposure,
            band: greeks.band,
            error: greeks.error,
            counts_contracts: scale.counts_contracts(),
            linear_hedge: scale.linear_hedge,
            now_ns,
        };
        let (mode, is_armed, oracle) = (self.mode, self.is_armed, self.settings.status.oracle);
        let (is_out_of_range, has_offset) = (bank.out_of_range, self.offset.is_some());
        let valid_until_ns = scale.valid_until_ns;
        let blocked = || Blocked {
            state: state_refusal(is_killed, is_armed, mode),
            bank: bank_refusal(is_out_of_range, has_offset),
            rows_stale: now_ns > valid_until_ns,
            reduce_only: mode == Mode::ReduceOnly || oracle == code::ORACLE_DEGRADED,
        };
        decide(&situation, &self.settings, &mut self.ledger, blocked)
    }

    /// Sizes, gates and books what the trigger wants.
    pub fn fulfil(&mut self, wish: &Wish) -> Decision {
        size_and_send(wish, &self.quote, &self.settings, &mut self.ledger, &mut self.pace)
    }
}

fn state_refusal(is_killed: bool, is_armed: bool, mode: Mode) -> Reason {
    if is_killed {
        Reason::Killed
    } else if !is_armed {
        Reason::Disarmed
    } else if mode == Mode::Halt {
        Reason::Halted
    } else {
        Reason::None
    }
}

fn bank_refusal(is_out_of_range: bool, has_offset: bool) -> Reason {
    if is_out_of_range {
        Reason::WeightRange
    } else if !has_offset {
        Reason::CoinRange
    } else {
        Reason::None
    }
}
