//! Banks: the compiled rows of an underlying, twice, with the parameters that change with them.
//!
//! ```text
//!            OpenBank            WriteRow x every slot         Build          Swap
//!   closed -----------> open ---------------------> complete -------> built -------> active
//!      ^                                                                               |
//!      +------------------- the bank that was active before <-------------------------+
//! ```
//!
//! Quantities do not live here but once per slot (`Underlying`), so a fill during a compile or a
//! build cannot be lost: weights are a function of quantity, per-lot weight and shift, worked out
//! when either changes.
//!
//! Invariants:
//! * a weight is below 2^31 in size; the weighted sum of sizes (`gross`) is below 2^34 per kind of
//!   weight; a row that would pass this contributes nothing and raises `out_of_range`;
//! * `constant` is the sum of `Shape::constant` over the rows, per group;
//! * in the packed arrays, the weights of rows that are no options are zero.

use core::hint::black_box;

use hedgewire_abi::Reason;
use hedgewire_abi::command::{OpenBank, WriteRow, code};
use hedgewire_abi::format::{
    A_MAX, B_BITS, B_MAX, BAND_SHIFT_MAX, COIN_BITS, COIN_LADDER_BITS, COIN_MAGNITUDE_BITS, CONTRACT_SHIFT_MAX,
    DENSITY_BITS, EDGE_MAX, GAMMA_CUT, GROSS_MAX, GUARD_BITS, PHI_BITS, STEP_RATIO_BITS, U_BITS, WEIGHT_BITS,
    WEIGHT_SHIFT_MAX, floor_shift, saturate,
};

use crate::row::Shape;

/// Rows of one bank, for all slots. The packed arrays are in the layout that four rows at once are
/// read in, and have one row of padding.
#[derive(Default)]
pub struct Rows {
    /// Packed: `Shape::a` in the low half, an option's delta weight in the high half.
    pub a_delta: Vec<u64>,
    /// Packed: `Shape::b`.
    pub b: Vec<i64>,
    /// Packed: an option's gamma weight in the low half, its vega weight in the high half.
    pub gamma_vega: Vec<u64>,
    /// One bit per slot: the row is in the linear group. A word is a block of 64 slots.
    pub linear: Vec<u64>,
    /// What the packed arrays do not say of the rows.
    pub spec: Vec<RowSpec>,
    /// Slots of range rows, per underlying from its first slot on.
    pub ranges: Vec<u32>,
}

/// One row without its shape, which is in the packed arrays. A trade of a row that has not been used
/// lately waits for memory: the smaller this is, the more rows the caches hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(align(32))]
pub struct RowSpec {
    /// `Shape::kind`.
    pub kind: u8,
    /// Right shifts of quantity times omega.
    pub shift: [u8; 3],
    /// Weights of one lot: delta, gamma, vega.
    pub omega: [i32; 3],
    /// Weights at the present quantity.
    pub weight: [i32; 3],
    /// The opening of the bank that it was written in.
    pub epoch: u32,
}

const _: () = assert!(size_of::<RowSpec>() == 32);

impl RowSpec {
    /// Reads a row command, refusing what is outside its range.
    pub fn read(row: &WriteRow, epoch: u32) -> Result<(Shape, Self), Reason> {
        let shape = Shape {
            kind: row.row_kind,
            linear: row.group == code::GROUP_LINEAR,
            a: row.a,
            b: if row.row_kind == code::RANGE { row.b } else { row.b.wrapping_shl(U_BITS - B_BITS) },
        };
        let spec = Self {
            kind: row.row_kind,
            shift: [row.shift_delta, row.shift_gamma, row.shift_vega],
            omega: [row.omega_delta, row.omega_gamma, row.omega_vega],
            weight: [0; 3],
            epoch,
        };
        let in_range = row.row_kind <= code::RANGE
            && row.group <= code::GROUP_LINEAR
            && spec.shift.iter().all(|&shift| shift <= WEIGHT_SHIFT_MAX)
            && place_in_range(row);
        if in_range { Ok((shape, spec)) } else { Err(Reason::ValueRange) }
    }

    /// Weights at `quantity` lots, or `None` if one does not fit 31 bits.
    fn weights(&self, quantity: i32) -> Option<[i32; 3]> {
        let mut weights = [0; 3];
        for (i, weight) in weights.iter_mut().enumerate() {
            // To the nearest: floored weights would lean all one way, and so would the portfolio. Below
            // 2^30 2^31 + 2^61.
            let half = (1i64 << self.shift[i]) >> 1;
            let wide = (i64::from(quantity) * i64::from(self.omega[i]) + half) >> self.shift[i];
            *weight = i32::try_from(wide).ok().filter(|&w| w != i32::MIN)?;
        }
        Some(weights)
    }
}

/// Whether `a` and `b` are legal for the kind.
fn place_in_range(row: &WriteRow) -> bool {
    match row.row_kind {
        code::CALL | code::PUT => row.a <= A_MAX && (-B_MAX..=B_MAX).contains(&row.b),
        code::RANGE => i64::from(row.a) <= row.b && row.b <= EDGE_MAX,
        _ => row.a == 0 && row.b == 0,
    }
}

impl Rows {
    /// Empty rows for `slots` slots.
    pub fn new(slots: usize) -> Self {
        Self {
            a_delta: vec![0; slots + 1],
            b: vec![0; slots + 1],
            gamma_vega: vec![0; slots + 1],
            linear: vec![0; slots.div_ceil(64)],
            spec: vec![RowSpec::default(); slots],
            ranges: vec![0; slots],
        }
    }

    /// Forgets rows whose slots change hands: their epochs count another underlying's openings.
    pub fn forget(&mut self, first: usize, last: usize) {
        self.spec[first..last].fill(RowSpec::default());
    }

    /// Number of slots.
    pub fn slots(&self) -> usize {
        self.spec.len()
    }

    /// Where the row at `slot` is on the price axis.
    #[inline]
    pub fn shape(&self, slot: usize) -> Shape {
        Shape {
            kind: self.spec[slot].kind,
            linear: self.linear[slot / 64] >> (slot % 64) & 1 == 1,
            a: self.a_delta[slot] as u32,
            b: self.b[slot],
        }
    }

    /// Takes a row in whose weights are still zero.
    fn put(&mut self, slot: usize, shape: Shape, spec: RowSpec) {
        self.spec[slot] = spec;
        self.a_delta[slot] = u64::from(shape.a);
        self.b[slot] = shape.b;
        self.gamma_vega[slot] = 0;
        let bit = 1 << (slot % 64);
        self.linear[slot / 64] =
            if shape.linear { self.linear[slot / 64] | bit } else { self.linear[slot / 64] & !bit };
    }

    /// Gives the row at `slot`, of that shape, other weights.
    fn set_weights(&mut self, slot: usize, shape: &Shape, weight: [i32; 3]) {
        self.spec[slot].weight = weight;
        if shape.is_option() {
            let word = |low: u32, high: i32| u64::from(low) | (u64::from(high as u32) << 32);
            self.a_delta[slot] = word(shape.a, weight[0]);
            self.gamma_vega[slot] = word(weight[1] as u32, weight[2]);
        }
    }

    /// Asks for the packed cache lines that a trade of the row needs: so they come from memory together, and
    /// not one after the other when what is stored into them is carried out.
    #[inline(always)]
    pub fn fetch(&self, slot: usize) {
        black_box((self.a_delta[slot], self.b[slot], self.gamma_vega[slot]));
    }
}

/// Parameters that switch together with the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scale {
    /// Compiler's name of the bank.
    pub bank_id: u16,
    /// Price at which the rows were compiled.
    pub price_ref: u32,
    /// kd, kg, kv.
    pub bits: [i32; 3],
    /// Mantissa of the delta-to-contract factor.
    pub contract_scale: u64,
    /// Its shift.
    pub contract_shift: u32,
    /// Whether a contract is worth coin.
    pub linear_hedge: bool,
    /// Whether wealth is counted in USD.
    pub usd: bool,
    /// `code::BAND_*`.
    pub band_kind: u8,
    /// Mantissa of the band's factor.
    pub band_factor: u32,
    /// Shift of the band.
    pub band_shift: u32,
    /// Rows may not be hedged on after this, ns.
    pub valid_until_ns: u64,
}

impl Scale {
    /// Reads the parameters of a bank, refusing what is outside its range.
    pub fn read(open: &OpenBank) -> Result<Self, Reason> {
        let bits = [open.delta_bits, open.gamma_bits, open.vega_bits].map(i32::from);
        let in_range = open.bank_id <= u32::from(u16::MAX)
            && open.price_ref > 0
            && open.contract_scale >= 1 << 31
            && open.contract_shift <= CONTRACT_SHIFT_MAX
            && open.band_shift <= BAND_SHIFT_MAX
            && open.band_kind <= code::BAND_WHALLEY_WILMOTT
            && open.hedge_kind <= code::HEDGE_LINEAR
            && open.numeraire <= code::NUMERAIRE_USD
            && bits.iter().all(|bits| WEIGHT_BITS.contains(bits))
            && GAMMA_CUT.contains(&gamma_cut(bits));
        if !in_range {
            return Err(Reason::ValueRange);
        }
        Ok(Self {
            bank_id: open.bank_id as u16,
            price_ref: open.price_ref,
            bits,
            contract_scale: u64::from(open.contract_scale),
            contract_shift: u32::from(open.contract_shift),
            linear_hedge: open.hedge_kind == code::HEDGE_LINEAR,
            usd: open.numeraire == code::NUMERAIRE_USD,
            band_kind: open.band_kind,
            band_factor: open.band_factor,
            band_shift: u32::from(open.band_shift),
            valid_until_ns: open.valid_until_ns,
        })
    }

    /// Right shift from a gamma sum (2^-(kg + 30)) to ladder units (2^-(kd + 7)).
    #[inline]
    pub fn gamma_shift(&self) -> u32 {
        gamma_cut(self.bits) as u32
    }

    /// Right shift from a gamma sum times `step / price` to ladder units.
    #[inline]
    pub fn slope_shift(&self) -> u32 {
        STEP_RATIO_BITS + self.gamma_shift()
    }

    /// Whether the hedge's own coin delta moves with the price and is counted in contracts: only
    /// then does the band follow the hedge.
    #[inline]
    pub fn hedge_drifts(&self) -> bool {
        !self.usd && !self.linear_hedge
    }

    /// Whether filled hedges count as contracts; else they are in the coin constant.
    #[inline]
    pub fn counts_contracts(&self) -> bool {
        self.linear_hedge || !self.usd
    }

    /// A coin amount of the wire (2^-32) in ladder units, floored; `None` if it does not fit.
    pub fn ladder_units(&self, coin: i64) -> Option<i64> {
        let shift = self.bits[0] + GUARD_BITS as i32 - COIN_BITS as i32;
        let wide = if shift >= 0 { i128::from(coin) << shift } else { i128::from(coin) >> -shift };
        (wide.unsigned_abs() < 1 << COIN_LADDER_BITS).then_some(wide as i64)
    }

    /// An amount in units of 2^-(bits + 7) as a coin amount of the wire, saturating at 62 bits.
    pub fn coin_of(&self, amount: i64, bits: i32) -> i64 {
        let shift = COIN_BITS as i32 - bits - GUARD_BITS as i32;
        let wide = if shift >= 0 { i128::from(amount) << shift } else { i128::from(amount) >> -shift };
        saturate(wide, COIN_MAGNITUDE_BITS).0
    }

    /// The price factor of `exposure`: contracts per ladder unit of delta, times a power of two.
    #[inline(always)]
    pub fn contract_factor(&self, hedge_price: u32) -> u64 {
        if self.linear_hedge { self.contract_scale << 8 } else { (u64::from(hedge_price) * self.contract_scale) >> 24 }
    }

    /// A delta in ladder units as an exposure in 2^-16 contract, floored, at full width.
    #[inline(always)]
    pub fn contracts_of(&self, delta: i64, hedge_price: u32) -> i128 {
        floor_shift(i128::from(delta) * i128::from(self.contract_factor(hedge_price)), self.contract_shift)
    }
}

fn gamma_cut(bits: [i32; 3]) -> i32 {
    bits[1] + DENSITY_BITS as i32 - bits[0] - GUARD_BITS as i32
}

/// Where a bank is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// Holds nothing that may be built.
    #[default]
    Closed,
    /// Being written; `u32` slots are.
    Open(u32),
    /// In use.
    Active,
}

/// What a new quantity did to a row.
#[derive(Debug, Clone, Copy)]
pub struct Reweighed {
    /// By how much the weights changed.
    pub change: [i64; 3],
    /// Whether the weights of the new quantity fit the bank's scale.
    pub fits: bool,
}

/// One bank of one underlying; its rows are in `Rows`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bank {
    /// Parameters that switch with it.
    pub scale: Scale,
    /// Where it is in its life.
    pub stage: Stage,
    /// Counts its openings, so that rows of an earlier one are not taken for written.
    pub epoch: u32,
    /// Constants of the groups: inverse, linear; 2^-(kd + 29) coin.
    pub constant: [i64; 2],
    /// Weighted sums of sizes: delta, gamma, vega.
    pub gross: [i64; 3],
    /// Rows whose `a` is at its limit.
    pub saturated: u32,
    /// Range rows listed in `Rows::ranges`.
    pub range_count: u32,
    /// A row does not fit the scale; no hedging on this bank.
    pub out_of_range: bool,
}

impl Bank {
    /// Opens the bank anew.
    pub fn open(&mut self, scale: Scale) {
        *self = Self { scale, stage: Stage::Open(0), epoch: self.epoch.wrapping_add(1), ..Self::default() };
    }

    /// Writes a row at `slot` with the slot's quantity. `first` is the underlying's first slot.
    #[inline]
    pub fn write(
        &mut self,
        rows: &mut Rows,
        first: usize,
        slot: usize,
        (shape, spec): (Shape, RowSpec),
        quantity: i32,
    ) -> Result<(), Reason> {
        let Stage::Open(written) = self.stage else { return Err(Reason::BankClosed) };
        let again = rows.spec[slot].epoch == self.epoch;
        if again {
            self.retract(rows, first, slot);
        }
        self.stage = Stage::Open(written + u32::from(!again));
        self.saturated += u32::from(shape.is_saturated());
        if shape.kind == code::RANGE {
            rows.ranges[first + self.range_count as usize] = slot as u32;
            self.range_count += 1;
        }
        rows.put(slot, shape, spec);
        self.reweigh(rows, slot, quantity);
        Ok(())
    }

    /// Takes a row out that is about to be written a second time.
    fn retract(&mut self, rows: &mut Rows, first: usize, slot: usize) {
        self.reweigh(rows, slot, 0);
        self.saturated -= u32::from(rows.shape(slot).is_saturated());
        let list = &mut rows.ranges[first..first + self.range_count as usize];
        if let Some(at) = list.iter().position(|&listed| listed == slot as u32) {
            list.swap(at, self.range_count as usize - 1);
            self.range_count -= 1;
        }
    }

    /// Whether the row at `slot` belongs to this opening of the bank.
    #[inline]
    pub fn holds(&self, rows: &Rows, slot: usize) -> bool {
        self.stage != Stage::Closed && rows.spec[slot].epoch == self.epoch
    }

    /// Gives the row at `slot` the weights of `quantity`, or none if those do not fit.
    #[inline]
    pub fn reweigh(&mut self, rows: &mut Rows, slot: usize, quantity: i32) -> Reweighed {
        let (shape, old) = (rows.shape(slot), rows.spec[slot]);
        let factor = shape.gross_factor();
        let size = |w: i32| i64::from(w).abs() * factor;
        let rest: [i64; 3] = core::array::from_fn(|i| self.gross[i] - size(old.weight[i]));
        let fits = |w: &[i32; 3]| (0..3).all(|i| rest[i] + size(w[i]) < GROSS_MAX);
        let fitting = old.weights(quantity).filter(fits);
        self.out_of_range |= fitting.is_none();
        let weight = fitting.unwrap_or([0; 3]);
        self.gross = core::array::from_fn(|i| rest[i] + size(weight[i]));
        let change: [i64; 3] = core::array::from_fn(|i| i64::from(weight[i]) - i64::from(old.weight[i]));
        self.constant[usize::from(shape.linear)] += shape.constant(change[0]);
        rows.set_weights(slot, &shape, weight);
        Reweighed { change, fits: fitting.is_some() }
    }
}

// A product of a weight and a table value is below 2^31 2^30; a sum of such with gross < 2^34 stays
// below 2^34 2^PHI_BITS.
const _: () = assert!(34 + PHI_BITS <= 63);
