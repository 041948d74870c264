//! One underlying: its banks, ladders, ledger and settings, and the decision at a price.
//!
//! ```text
//!   banks[active] -- ladder[active]     answers quotes
//!   banks[other]  -- ladder[other]      is written and built, then swapped in
//!   quantities                          one per slot, shared by both banks
//! ```

use hedgewire_abi::Reason;
use hedgewire_abi::command::Quote;
use hedgewire_abi::format::{EXPOSURE_BITS, X_MAX, saturate};

use crate::bank::{Bank, Rows, Scale};
use crate::ladder::{Greeks, Ladder, Place, Source};
use crate::ledger::Ledger;
use crate::trigger::{Circumstances, Decision, Fired, Mode, Outcome, Pace, Settings, Situation, decide, size_and_send};
use crate::{Form, Shared};

// The x of a node is kept in 32 bits.
const _: () = assert!(X_MAX < 1 << 31);

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
    /// Cash (where it counts) less target, ladder units of the active bank; 0 if out of range.
    pub offset: i64,
    /// Cash or target does not fit the active bank's scale.
    pub coin_out_of_range: bool,
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
            offset: 0,
            coin_out_of_range: false,
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
        (self.target, self.cash, self.targets) = (0, 0, [0; 2]);
        (self.offset, self.coin_out_of_range) = (0, false);
    }

    /// Whether `slot` is one of its own.
    #[inline]
    pub fn owns(&self, slot: u32) -> bool {
        (self.slots.0..self.slots.1).contains(&(slot as usize))
    }

    /// Compiler's name of the active bank.
    #[inline(always)]
    pub fn bank_id(&self) -> u16 {
        self.banks[self.active].scale.bank_id
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
        let offset = coin.zip(target).map(|(coin, target)| coin - target);
        (self.offset, self.coin_out_of_range) = (offset.unwrap_or(0), offset.is_none());
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

    /// Books a new quantity of `slot` in both banks; false if the active bank's scale has no room for it.
    pub fn trade(&mut self, shared: &Shared, rows: &mut [Rows; 2], form: Form, slot: usize, quantity: i32) -> bool {
        let mut fits = true;
        for bank in 0..2 {
            if !self.banks[bank].holds(&rows[bank], slot) {
                continue;
            }
            rows[bank].fetch(slot);
            let reweighed = self.banks[bank].reweigh(&mut rows[bank], slot, quantity);
            fits &= reweighed.fits || bank != self.active;
            let change = reweighed.change;
            if change == [0; 3] || !self.ladders[bank].is_started() {
                continue;
            }
            let shape = rows[bank].shape(slot);
            let (ladder, source) = self.parts(bank, shared, rows, form);
            ladder.record(&source, shape, change);
        }
        fits
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
        // Read in one place, whether refreshed or not: so delta goes on in a register.
        self.ladders[self.active].greeks(index, t, price, want_all)
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
    pub fn decide(&mut self, greeks: &Greeks) -> Outcome {
        let scale = &self.banks[self.active].scale;
        let (exposure, is_too_large) =
            saturate(scale.contracts_of(greeks.delta + self.offset, self.quote.hedge_price), EXPOSURE_BITS);
        if is_too_large {
            return Outcome::Quiet(Decision { exposure, ..Decision::refused(Reason::ExposureRange) });
        }
        let situation =
            Situation { exposure, band: greeks.band, error: greeks.error, counts_contracts: scale.counts_contracts() };
        decide(&situation, &self.settings, &mut self.ledger)
    }

    /// Sizes, gates and books what the trigger wants.
    #[inline(always)]
    pub fn fulfil(&mut self, fired: &Fired, now_ns: u64, is_killed: bool) -> Decision {
        let bank = &self.banks[self.active];
        let at = Circumstances {
            now_ns,
            linear_hedge: bank.scale.linear_hedge,
            is_killed,
            is_disarmed: !self.is_armed,
            mode: self.mode,
            weights_out_of_range: bank.out_of_range,
            coin_out_of_range: self.coin_out_of_range,
            rows_stale: now_ns > bank.scale.valid_until_ns,
        };
        size_and_send(fired, &at, &self.quote, &self.settings, &mut self.ledger, &mut self.pace)
    }
}
