//! What coin and target add to a delta: `hedgewire_kernel::underlying::Underlying::update_offset`.
//!
//! ```text
//!   coin = usd ? cash + hedge_coin : 0      2^-32 coin
//!   units(c) = c 2^(kd + 7 - 32), floored   2^-(kd + 7) coin; none, if not below 2^61 in size
//!   offset = units(coin) - units(target); 0, and out of range, if there is no such
//!
//!   start        | coin     | target   |          |              |              | done
//!   add coin     | by eights| by eights|          |              |              |
//!                |          | by ones  | by ones  |              |              |
//!                |          |          | fits?    | fits?        |              |
//!                |          |          |          | units        | units; offset|
//! ```
//!
//! One shifter for both: `c 2^23` to the right by `48 - kd`, which is at least 0 and loses no bit that
//! counts; first by eights, then by the rest. What says whether it fits is gathered in groups of bits
//! behind the shift. `LATENCY` 6, from the cycle of `start` to that of `done`; one at a time.

use hedgewire_abi::format::{COIN_BITS, COIN_LADDER_BITS, GUARD_BITS, WEIGHT_BITS};
use rust_hdl::prelude::*;

use crate::primitive::ShiftRight;
use crate::signal::{S, U, signed_cast_same, signed_cast_wide, unsigned_cast_same};

/// Cycles from `start` to `done`.
pub const LATENCY: usize = 6;

/// Places by which the largest kd shifts to the left.
const LEFT: usize = (*WEIGHT_BITS.end() + GUARD_BITS as i32 - COIN_BITS as i32) as usize;

// The widths below are written out.
const _: () = assert!(LEFT == 23 && COIN_LADDER_BITS == 61);

/// Coin and target in ladder units of a bank.
#[derive(LogicBlock)]
pub struct OffsetUnit {
    pub clock: Signal<In, Clock>,
    /// One cycle, with the operands.
    pub start: Signal<In, Bit>,
    /// Wealth is counted in USD: cash and filled hedges count.
    pub usd: Signal<In, Bit>,
    /// kd, signed, -24 to 48.
    pub delta_bits: Signal<In, U<8>>,
    /// Signed, 2^-32 coin, like the two that follow.
    pub cash: Signal<In, U<63>>,
    pub hedge_coin: Signal<In, U<63>>,
    pub target: Signal<In, U<63>>,
    /// One cycle; the results stay until the next.
    pub done: Signal<Out, Bit>,
    /// Signed, 2^-(kd + 7) coin.
    pub offset: Signal<Out, U<63>>,
    /// Coin or target does not fit the bank's scale.
    pub coin_out_of_range: Signal<Out, Bit>,
    /// Signed: the target in ladder units; 0 where it does not fit.
    pub target_units: Signal<Out, U<62>>,
    at_coin: DFF<Bit>,
    at_target: DFF<Bit>,
    at_test: DFF<Bit>,
    at_coin_fits: DFF<Bit>,
    at_difference: DFF<Bit>,
    at_done: DFF<Bit>,
    /// What is shifted: the coin, then the target.
    shifted: DFF<S<64>>,
    wanted: DFF<S<64>>,
    by: DFF<U<7>>,
    by_eights: ShiftRight<87, 7>,
    part: DFF<S<87>>,
    by_ones: ShiftRight<87, 3>,
    /// Seven bits more than units have.
    units: DFF<U<69>>,
    // Of the bits above those, that are so wherever the last shift leaves them.
    any_high: DFF<Bit>,
    all_high: DFF<Bit>,
    /// Of the bits below, those that count wherever the last shift leaves them.
    any_inner: DFF<Bit>,
    /// What was tested a cycle ago, and whether it fits.
    tested: DFF<S<62>>,
    fits: DFF<Bit>,
    coin_units: DFF<S<62>>,
    coin_fits: DFF<Bit>,
    difference: DFF<S<63>>,
    out_of_range: DFF<Bit>,
    wanted_units: DFF<S<62>>,
    sum: Signal<Local, S<64>>,
    cash_signed: Signal<Local, S<63>>,
    hedge_signed: Signal<Local, S<63>>,
    target_signed: Signal<Local, S<63>>,
    kd: Signal<Local, S<8>>,
    places: Signal<Local, U<8>>,
    wide: Signal<Local, S<87>>,
    wide_bits: Signal<Local, U<87>>,
    moved: Signal<Local, U<87>>,
    floored: Signal<Local, S<87>>,
    high: Signal<Local, U<18>>,
    middle: Signal<Local, U<8>>,
    part_bits: Signal<Local, U<87>>,
    inner: Signal<Local, U<54>>,
    upper: Signal<Local, U<7>>,
    lower: Signal<Local, U<7>>,
    eights: Constant<U<7>>,
    kd_max: Constant<S<8>>,
    left: Constant<U<5>>,
    zero: Constant<S<64>>,
    no_units: Constant<S<62>>,
    no_difference: Constant<S<63>>,
}

impl Default for OffsetUnit {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            start: Signal::default(),
            usd: Signal::default(),
            delta_bits: Signal::default(),
            cash: Signal::default(),
            hedge_coin: Signal::default(),
            target: Signal::default(),
            done: Signal::default(),
            offset: Signal::default(),
            coin_out_of_range: Signal::default(),
            target_units: Signal::default(),
            at_coin: DFF::default(),
            at_target: DFF::default(),
            at_test: DFF::default(),
            at_coin_fits: DFF::default(),
            at_difference: DFF::default(),
            at_done: DFF::default(),
            shifted: DFF::default(),
            wanted: DFF::default(),
            by: DFF::default(),
            by_eights: ShiftRight::default(),
            part: DFF::default(),
            by_ones: ShiftRight::default(),
            units: DFF::default(),
            any_high: DFF::default(),
            all_high: DFF::default(),
            any_inner: DFF::default(),
            tested: DFF::default(),
            fits: DFF::default(),
            coin_units: DFF::default(),
            coin_fits: DFF::default(),
            difference: DFF::default(),
            out_of_range: DFF::default(),
            wanted_units: DFF::default(),
            sum: Signal::default(),
            cash_signed: Signal::default(),
            hedge_signed: Signal::default(),
            target_signed: Signal::default(),
            kd: Signal::default(),
            places: Signal::default(),
            wide: Signal::default(),
            wide_bits: Signal::default(),
            moved: Signal::default(),
            floored: Signal::default(),
            high: Signal::default(),
            middle: Signal::default(),
            part_bits: Signal::default(),
            inner: Signal::default(),
            upper: Signal::default(),
            lower: Signal::default(),
            eights: Constant::new(U::new(0b111_1000)),
            kd_max: Constant::new(S::new((*WEIGHT_BITS.end()).into())),
            left: Constant::new(U::new(LEFT as u128)),
            zero: Constant::new(S::new(0)),
            no_units: Constant::new(S::new(0)),
            no_difference: Constant::new(S::new(0)),
        }
    }
}

impl Logic for OffsetUnit {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, shifted, wanted, by, coin_units, coin_fits, difference, out_of_range, wanted_units);
        clock!(self, clock, at_coin, at_target, at_test, at_coin_fits, at_difference, at_done);
        clock!(self, clock, part, units, any_high, all_high, any_inner, tested, fits);
        self.at_coin.d.next = self.start.val();
        self.at_target.d.next = self.at_coin.q.val();
        self.at_test.d.next = self.at_target.q.val();
        self.at_coin_fits.d.next = self.at_test.q.val();
        self.at_difference.d.next = self.at_coin_fits.q.val();
        self.at_done.d.next = self.at_difference.q.val();

        // Add. Both are below 2^62 in size, so the kernel's sum saturates as little as this one.
        self.cash_signed.next = signed_cast_same(self.cash.val());
        self.hedge_signed.next = signed_cast_same(self.hedge_coin.val());
        self.target_signed.next = signed_cast_same(self.target.val());
        self.sum.next =
            signed_cast_wide::<64, 63>(self.cash_signed.val()) + signed_cast_wide::<64, 63>(self.hedge_signed.val());
        self.kd.next = signed_cast_same(self.delta_bits.val());
        self.places.next = unsigned_cast_same(self.kd_max.val() - self.kd.val());
        if self.start.val() {
            self.shifted.d.next = self.zero.val();
            if self.usd.val() {
                self.shifted.d.next = self.sum.val();
            }
            self.wanted.d.next = signed_cast_wide(self.target_signed.val());
            self.by.d.next = self.places.val().get_bits::<7>(0);
        }

        // Shift, first the coin, then the target.
        if self.at_coin.q.val() {
            self.shifted.d.next = self.wanted.q.val();
        }
        self.wide.next = signed_cast_wide(self.shifted.q.val());
        self.wide_bits.next = unsigned_cast_same(self.wide.val());
        self.moved.next = self.wide_bits.val() << self.left.val();
        self.by_eights.x.next = signed_cast_same(self.moved.val());
        self.by_eights.by.next = self.by.q.val() & self.eights.val();
        self.part.d.next = self.by_eights.y.val();
        self.by_ones.x.next = self.part.q.val();
        self.by_ones.by.next = self.by.q.val().get_bits::<3>(0);
        self.floored.next = self.by_ones.y.val();
        self.units.d.next = self.floored.val().get_bits::<69>(0);
        self.part_bits.next = unsigned_cast_same(self.part.q.val());
        self.high.next = self.part_bits.val().get_bits::<18>(69);
        self.any_high.d.next = self.high.val().any();
        self.all_high.d.next = self.high.val().all();
        self.inner.next = self.part_bits.val().get_bits::<54>(7);
        self.any_inner.d.next = self.inner.val().any();

        // Fits: nothing but sign from bit 61 on, and not -2^61.
        self.middle.next = self.units.q.val().get_bits::<8>(61);
        self.upper.next = self.units.q.val().get_bits::<7>(54);
        self.lower.next = self.units.q.val().get_bits::<7>(0);
        self.tested.d.next = signed_cast_same(self.units.q.val().get_bits::<62>(0));
        self.fits.d.next = !(self.any_high.q.val() | self.middle.val().any())
            | (self.all_high.q.val()
                & self.middle.val().all()
                & (self.any_inner.q.val() | self.upper.val().any() | self.lower.val().any()));
        if self.at_coin_fits.q.val() {
            self.coin_units.d.next = self.tested.q.val();
            self.coin_fits.d.next = self.fits.q.val();
        }

        // Subtract.
        if self.at_difference.q.val() {
            self.wanted_units.d.next = self.no_units.val();
            if self.fits.q.val() {
                self.wanted_units.d.next = self.tested.q.val();
            }
            self.difference.d.next = self.no_difference.val();
            self.out_of_range.d.next = !(self.fits.q.val() & self.coin_fits.q.val());
            if self.fits.q.val() & self.coin_fits.q.val() {
                self.difference.d.next = signed_cast_wide::<63, 62>(self.coin_units.q.val())
                    - signed_cast_wide::<63, 62>(self.tested.q.val());
            }
        }
        self.done.next = self.at_done.q.val();
        self.offset.next = unsigned_cast_same(self.difference.q.val());
        self.coin_out_of_range.next = self.out_of_range.q.val();
        self.target_units.next = unsigned_cast_same(self.wanted_units.q.val());
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_kernel::bank::Scale;

    use super::*;
    use crate::primitive::tests::word;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    /// A coin amount at or near an edge, or anywhere.
    fn coin(state: &mut u64, kd: i32) -> i64 {
        let most = (1i64 << 62) - 1;
        // The size from which it does not fit the ladder.
        let shift = kd - 25;
        let edge = if shift >= 0 { 1i64 << (61 - shift) } else { (1i128 << (61 - shift)).min(1 << 62) as i64 };
        let near = edge + (word(state) % 5) as i64 - 2;
        let value = match word(state) % 8 {
            0 => 0,
            1 => most,
            2 => -most,
            3 => near,
            4 => -near,
            5 => near / 2,
            6 => (word(state) % 9) as i64 - 4,
            _ => word(state) as i64,
        };
        value.clamp(-most, most)
    }

    #[test]
    fn offsets_equal_the_kernels() {
        let mut bench = TestBench::new("offset", OffsetUnit::default());
        let mut state = 0xabc;
        let mut out = 0;
        for i in 0..600 {
            let kd = if i < 146 { i % 73 - 24 } else { (word(&mut state) % 73) as i32 - 24 };
            let usd = !word(&mut state).is_multiple_of(4);
            let (cash, hedge_coin, target) = (coin(&mut state, kd), coin(&mut state, kd), coin(&mut state, kd));
            poke!(bench, start, true);
            poke!(bench, usd, usd);
            poke!(bench, delta_bits, U::<8>::new(kd as u128));
            poke!(bench, cash, U::<63>::new(cash as u128));
            poke!(bench, hedge_coin, U::<63>::new(hedge_coin as u128));
            poke!(bench, target, U::<63>::new(target as u128));
            for n in 1..=LATENCY {
                cycle!(bench);
                poke!(bench, start, false);
                poke!(bench, cash, U::<63>::new(word(&mut state)));
                poke!(bench, target, U::<63>::new(word(&mut state)));
                poke!(bench, delta_bits, U::<8>::new(0));
                assert_eq!(peek!(bench, done), n == LATENCY);
            }
            // Underlying::counted_coin and update_offset.
            let scale = Scale { bits: [kd, 0, 0], usd, ..Scale::default() };
            let counted = if usd { cash.saturating_add(hedge_coin) } else { 0 };
            let units = scale.ladder_units(target);
            let offset = scale.ladder_units(counted).zip(units).map(|(coin, target)| coin - target);
            assert_eq!(
                peek!(bench, offset),
                U::new(offset.unwrap_or(0) as u128),
                "kd {kd} {cash} {hedge_coin} {target}"
            );
            assert_eq!(peek!(bench, coin_out_of_range), offset.is_none());
            assert_eq!(peek!(bench, target_units), U::new(units.unwrap_or(0) as u128));
            out += usize::from(offset.is_none());
        }
        assert!((50..500).contains(&out), "{out}");
        bench.finish();
    }
}
