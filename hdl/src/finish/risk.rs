//! The numbers of a risk event: delta, gamma and vega at a fraction `t` of an interval, or those of an
//! exact pass, as coin amounts of the wire.
//!
//! ```text
//!   h     = (c3 t >> 16) + c2              delta = (((h t >> 16) + c1) t >> 16) + c0       `Interval::delta`
//!   s     = (3 c3 t >> 16) + 2 c2          slope = (s t >> 16) + c1                        `Interval::slope`
//!   gamma = sat47(slope price >> shift)                                                    `Ladder::gamma`
//!   vega  = vega + (vega_rise t >> 16)                                                     `Interval::vega`
//!   coin  = sat62(amount << (25 - bits))                                                   `Scale::coin_of`
//! ```
//!
//! `bits` of -24 to 48 shift either way, so an amount first goes up by 49 and then down by `24 + bits`.
//! One multiplier of 52 x 18 (three blocks), its operands in registers; the three chains take turns:
//!
//! ```text
//!   cycle  1, 2, 3    c3, 3 c3, vega_rise   times t          5, 6, 7  sums
//!          6, 7       delta, slope          times t         10, 11    sums
//!         11          delta                 times t         15        sum
//!         12, 13      slope                 times halves of the price
//!         17..21      sum, shift in two steps, limit in two: gamma
//!         20, 21, 22  delta, vega, gamma: shift in two steps, limit in two
//!         27          done
//! ```
//!
//! One operation at a time, whose operands stand still until `done`: a start before that drops what was begun. There is
//! one shifter: of the slope in cycles 18 and 19, of the amounts from 21 on.

use rust_hdl::prelude::*;

use crate::primitive::{Limit, Multiply, ShiftRight};
use crate::record;
use crate::signal::*;

type Product = Multiply<52, 18, 70>;

// The table above is made of this.
const _: () = assert!(Product::LATENCY == 3);

/// What `say_risk` says.
#[derive(LogicBlock, Default)]
pub struct RiskUnit {
    pub clock: Signal<In, Clock>,
    pub start: Signal<In, Bit>,
    /// The Greeks are those of `exact`; else of `interval` at `t`. Like all that follow until `done`.
    pub is_exact: Signal<In, Bit>,
    pub exact: Signal<In, record::ExactGreeks>,
    pub interval: Signal<In, record::Interval>,
    /// 2^-16.
    pub t: Signal<In, U<16>>,
    pub price: Signal<In, U<32>>,
    /// log2 of the ladder's step: at most 16.
    pub shift: Signal<In, U<5>>,
    /// kd, signed, -24 to 48.
    pub delta_bits: Signal<In, U<8>>,
    /// kv, signed, -24 to 48.
    pub vega_bits: Signal<In, U<8>>,
    pub done: Signal<Out, Bit>,
    /// Signed 64, 2^-32 coin, like the two that follow.
    pub delta: Signal<Out, U<64>>,
    pub gamma: Signal<Out, U<64>>,
    pub vega: Signal<Out, U<64>>,

    /// Bit `k`: the operation was started `k` cycles ago.
    at: DFF<U<28>>,
    wide: DFF<S<52>>,
    narrow: DFF<S<18>>,
    product: Product,
    c3_thrice: DFF<S<52>>,
    addend: DFF<S<51>>,
    sum: DFF<S<51>>,
    delta_amount: DFF<S<50>>,
    gamma_amount: DFF<S<48>>,
    vega_amount: DFF<S<46>>,
    low_half: DFF<S<70>>,
    rate_low: DFF<U<16>>,
    rate: DFF<S<70>>,
    steep_low: DFF<S<48>>,
    steep_limit: Limit<86, 48>,
    amount: DFF<S<50>>,
    places: DFF<U<7>>,
    bytes: ShiftRight<99, 7>,
    ones: ShiftRight<99, 3>,
    part: DFF<S<99>>,
    fine_places: DFF<U<3>>,
    shifted: DFF<S<99>>,
    coin_low: DFF<S<63>>,
    coin_limit: Limit<99, 63>,
    delta_coin: DFF<S<63>>,
    gamma_coin: DFF<S<63>>,
    vega_coin: DFF<S<63>>,

    one: Signal<Local, U<1>>,
    half_places: Signal<Local, U<5>>,
    coin_places: Signal<Local, U<6>>,
    bits_offset: Signal<Local, U<8>>,
    first: Signal<Local, U<28>>,
    now: Signal<Local, U<28>>,
    t_signed: Signal<Local, S<18>>,
    price_low: Signal<Local, U<16>>,
    price_high: Signal<Local, U<16>>,
    c0: Signal<Local, S<44>>,
    c1: Signal<Local, S<44>>,
    c2: Signal<Local, S<48>>,
    c3: Signal<Local, S<47>>,
    vega_start: Signal<Local, S<44>>,
    vega_rise: Signal<Local, S<45>>,
    c0_wide: Signal<Local, S<51>>,
    c1_wide: Signal<Local, S<51>>,
    c2_wide: Signal<Local, S<51>>,
    c2_doubled: Signal<Local, S<51>>,
    vega_wide: Signal<Local, S<51>>,
    c3_wide: Signal<Local, S<52>>,
    c3_doubled: Signal<Local, S<52>>,
    scaled: Signal<Local, S<51>>,
    half_cut: Signal<Local, S<54>>,
    half_wide: Signal<Local, S<70>>,
    rate_wide: Signal<Local, S<86>>,
    rate_low_wide: Signal<Local, U<86>>,
    exact_delta: Signal<Local, S<44>>,
    exact_gamma: Signal<Local, S<48>>,
    exact_vega: Signal<Local, S<44>>,
    slope_product: Signal<Local, S<86>>,
    step_bytes: Signal<Local, U<7>>,
    step_fine: Signal<Local, U<3>>,
    coin_byte_places: Signal<Local, U<7>>,
    byte_bits: Signal<Local, U<2>>,
    coin_byte_bits: Signal<Local, U<4>>,
    amount_wide: Signal<Local, S<99>>,
    bits: Signal<Local, U<8>>,
    places_wide: Signal<Local, U<8>>,
    gamma_most: Signal<Local, U<48>>,
    gamma_least: Signal<Local, U<48>>,
    coin_most: Signal<Local, U<63>>,
    coin_least: Signal<Local, U<63>>,
    coin_out: Signal<Local, S<63>>,
    delta_out: Signal<Local, S<64>>,
    gamma_out: Signal<Local, S<64>>,
    vega_out: Signal<Local, S<64>>,
}

impl RiskUnit {
    /// Cycles from start to done.
    pub const LATENCY: usize = 27;
}

impl Logic for RiskUnit {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, wide, delta_amount, gamma_amount, vega_amount, delta_coin, gamma_coin, vega_coin);
        clock!(self, clock, at, product, narrow, c3_thrice, addend, sum, low_half, rate_low, rate);
        clock!(self, clock, steep_low, steep_limit, amount, places, part, fine_places, shifted, coin_low, coin_limit);
        self.one.next = bits_lit::<1>(1);
        self.half_places.next = bits_lit::<5>(16);
        self.coin_places.next = bits_lit::<6>(49);
        self.bits_offset.next = bits_lit::<8>(24);
        self.first.next = bits_lit::<28>(2);

        self.gamma_most.next = bits_lit::<48>(0x7fff_ffff_ffff_u64);
        self.gamma_least.next = bits_lit::<48>(0x8000_0000_0001_u64);
        self.coin_most.next = bits_lit::<63>(0x3fff_ffff_ffff_ffff_u64);
        self.coin_least.next = bits_lit::<63>(0x4000_0000_0000_0001_u64);

        // 0: operands.
        self.now.next = self.at.q.val();
        self.at.d.next = self.now.val() << self.one.val();
        if self.start.val() {
            self.at.d.next = self.first.val();
        }
        self.c0.next = signed_cast_same(self.interval.val().c0);
        self.c1.next = signed_cast_same(self.interval.val().c1);
        self.c2.next = signed_cast_same(self.interval.val().c2);
        self.c3.next = signed_cast_same(self.interval.val().c3);
        self.vega_start.next = signed_cast_same(self.interval.val().vega);
        self.vega_rise.next = signed_cast_same(self.interval.val().vega_rise);
        self.c0_wide.next = signed_cast_wide(self.c0.val());
        self.c1_wide.next = signed_cast_wide(self.c1.val());
        self.c2_wide.next = signed_cast_wide(self.c2.val());
        self.c2_doubled.next = signed_cast_same(unsigned_cast_same(self.c2_wide.val()) << self.one.val());
        self.vega_wide.next = signed_cast_wide(self.vega_start.val());
        self.c3_wide.next = signed_cast_wide(self.c3.val());
        self.c3_doubled.next = signed_cast_same(unsigned_cast_same(self.c3_wide.val()) << self.one.val());

        // Factors.
        self.c3_thrice.d.next = self.c3_doubled.val() + self.c3_wide.val();
        if self.now.val().get_bit(1) {
            self.wide.d.next = self.c3_wide.val();
        } else if self.now.val().get_bit(2) {
            self.wide.d.next = self.c3_thrice.q.val();
        } else if self.now.val().get_bit(3) {
            self.wide.d.next = signed_cast_wide(self.vega_rise.val());
        } else if !self.now.val().get_bit(13) {
            self.wide.d.next = signed_cast_wide(self.sum.q.val());
        }
        self.t_signed.next = unsigned_cast_pos(self.t.val());
        self.price_low.next = self.price.val().get_bits::<16>(0);
        self.price_high.next = self.price.val().get_bits::<16>(16);
        self.narrow.d.next = self.t_signed.val();
        if self.now.val().get_bit(12) {
            self.narrow.d.next = unsigned_cast_pos(self.price_low.val());
        } else if self.now.val().get_bit(13) {
            self.narrow.d.next = unsigned_cast_pos(self.price_high.val());
        }
        self.product.a.next = self.wide.q.val();
        self.product.b.next = self.narrow.q.val();

        // 5..15: sums. The largest is of the slope: 18 2^43 + 18 2^43 < 2^49, and of delta 2^47 + 2^43.
        // The addend is chosen a cycle ahead.
        self.addend.d.next = self.c0_wide.val();
        if self.now.val().get_bit(4) {
            self.addend.d.next = self.c2_wide.val();
        } else if self.now.val().get_bit(5) {
            self.addend.d.next = self.c2_doubled.val();
        } else if self.now.val().get_bit(6) {
            self.addend.d.next = self.vega_wide.val();
        } else if self.now.val().get_bit(9) | self.now.val().get_bit(10) {
            self.addend.d.next = self.c1_wide.val();
        }
        self.scaled.next = signed_cast_same(self.product.p.val().get_bits::<51>(16));
        self.sum.d.next = self.scaled.val() + self.addend.q.val();

        // 16..18: slope times price, below 2^49 2^32, as the sum of its halves above bit 16, and the rest.
        self.low_half.d.next = self.product.p.val();
        self.half_cut.next = signed_cast_same(self.low_half.q.val().get_bits::<54>(16));
        self.half_wide.next = signed_cast_wide(self.half_cut.val());
        self.rate.d.next = self.product.p.val() + self.half_wide.val();
        self.rate_low.d.next = self.low_half.q.val().get_bits::<16>(0);
        self.rate_wide.next = signed_cast_wide(self.rate.q.val());
        self.rate_low_wide.next = unsigned_cast_wide(self.rate_low.q.val());
        self.step_fine.next = self.shift.val().get_bits::<3>(0);
        self.byte_bits.next = self.shift.val().get_bits::<2>(3);
        self.step_bytes.next = unsigned_cast_wide(self.byte_bits.val());
        self.slope_product.next = signed_cast_same(
            (unsigned_cast_same(self.rate_wide.val()) << self.half_places.val()) | self.rate_low_wide.val(),
        );
        self.steep_low.d.next = signed_cast_same(self.shifted.q.val().get_bits::<48>(0));
        self.steep_limit.x.next = signed_cast_same(self.shifted.q.val().get_bits::<86>(0));

        // The three amounts: of the interval as they come, or the exact ones.
        self.exact_delta.next = signed_cast_same(self.exact.val().delta);
        self.exact_gamma.next = signed_cast_same(self.exact.val().gamma);
        self.exact_vega.next = signed_cast_same(self.exact.val().vega);
        if self.is_exact.val() {
            self.delta_amount.d.next = signed_cast_wide(self.exact_delta.val());
            self.gamma_amount.d.next = self.exact_gamma.val();
            self.vega_amount.d.next = signed_cast_wide(self.exact_vega.val());
        } else {
            if self.now.val().get_bit(8) {
                self.vega_amount.d.next = signed_cast_same(self.sum.q.val().get_bits::<46>(0));
            }
            if self.now.val().get_bit(16) {
                self.delta_amount.d.next = signed_cast_same(self.sum.q.val().get_bits::<50>(0));
            }
            if self.now.val().get_bit(21) {
                self.gamma_amount.d.next = self.steep_low.q.val();
                if self.steep_limit.is_above.val() {
                    self.gamma_amount.d.next = signed_cast_same(self.gamma_most.val());
                }
                if self.steep_limit.is_below.val() {
                    self.gamma_amount.d.next = signed_cast_same(self.gamma_least.val());
                }
            }
        }

        // 20..26: coin, below 2^49 2^49 before the shift.
        self.amount.d.next = self.delta_amount.q.val();
        self.bits.next = self.delta_bits.val();
        if self.now.val().get_bit(21) {
            self.amount.d.next = signed_cast_wide(self.vega_amount.q.val());
            self.bits.next = self.vega_bits.val();
        } else if self.now.val().get_bit(22) {
            self.amount.d.next = signed_cast_wide(self.gamma_amount.q.val());
        }
        self.places_wide.next = self.bits.val() + self.bits_offset.val();
        self.places.d.next = self.places_wide.val().get_bits::<7>(0);
        self.amount_wide.next = signed_cast_wide(self.amount.q.val());
        self.coin_byte_bits.next = self.places.q.val().get_bits::<4>(3);
        self.coin_byte_places.next = unsigned_cast_wide(self.coin_byte_bits.val());
        self.bytes.x.next = signed_cast_same(unsigned_cast_same(self.amount_wide.val()) << self.coin_places.val());
        self.bytes.by.next = self.coin_byte_places.val() << bits_lit::<2>(3);
        self.fine_places.d.next = self.places.q.val().get_bits::<3>(0);
        // From the register: a local read here would tie what the shifter gives to what it gets.
        if self.at.q.val().get_bit(18) {
            self.bytes.x.next = signed_cast_wide(self.slope_product.val());
            self.bytes.by.next = self.step_bytes.val() << bits_lit::<2>(3);
            self.fine_places.d.next = self.step_fine.val();
        }
        self.part.d.next = self.bytes.y.val();
        self.ones.x.next = self.part.q.val();
        self.ones.by.next = self.fine_places.q.val();
        self.shifted.d.next = self.ones.y.val();
        self.coin_low.d.next = signed_cast_same(self.shifted.q.val().get_bits::<63>(0));
        self.coin_limit.x.next = self.shifted.q.val();
        self.coin_out.next = self.coin_low.q.val();
        if self.coin_limit.is_above.val() {
            self.coin_out.next = signed_cast_same(self.coin_most.val());
        }
        if self.coin_limit.is_below.val() {
            self.coin_out.next = signed_cast_same(self.coin_least.val());
        }
        if self.now.val().get_bit(24) {
            self.delta_coin.d.next = self.coin_out.val();
        } else if self.now.val().get_bit(25) {
            self.vega_coin.d.next = self.coin_out.val();
        } else if self.now.val().get_bit(26) {
            self.gamma_coin.d.next = self.coin_out.val();
        }
        self.done.next = self.now.val().get_bit(27);
        self.delta_out.next = signed_cast_wide(self.delta_coin.q.val());
        self.gamma_out.next = signed_cast_wide(self.gamma_coin.q.val());
        self.vega_out.next = signed_cast_wide(self.vega_coin.q.val());
        self.delta.next = unsigned_cast_same(self.delta_out.val());
        self.gamma.next = unsigned_cast_same(self.gamma_out.val());
        self.vega.next = unsigned_cast_same(self.vega_out.val());
    }
}

#[cfg(test)]
mod tests {
    use hedgewire_abi::format::{GAMMA_BITS, saturate};
    use hedgewire_kernel::ladder::{Interval, NodeValue, third};

    use super::*;
    use crate::finish::vectors::Vectors;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    const VALUE_MAX: i64 = (1 << 43) - 1;
    const GAMMA_MAX: i64 = (1 << 47) - 1;

    /// An interval between two nodes of any values.
    fn draw(vectors: &mut Vectors) -> Interval {
        let cut = [0, 0, 8, 24][vectors.below(4) as usize];
        let mut node = || {
            let mut node = NodeValue::default();
            node.delta = vectors.signed(VALUE_MAX) >> cut;
            node.slope = vectors.signed(VALUE_MAX) >> cut;
            node.vega = vectors.signed(VALUE_MAX) >> cut;
            node
        };
        let (a, b) = (node(), node());
        let mut interval = Interval::default();
        let rise = b.delta - a.delta;
        interval.cubic = [a.delta, a.slope, 3 * rise - 2 * a.slope - b.slope, third(&a, &b)];
        interval.vega = [a.vega, b.vega - a.vega];
        interval
    }

    #[test]
    fn greeks_in_coin_equal_the_kernels() {
        let mut bench = TestBench::new("risk_unit", RiskUnit::default());
        let mut vectors = Vectors::new(0x1234_5678_9abc_def1);
        let mut clipped = [0; 3];
        let bits = |value: i64| value as u128;
        for round in 0..250 {
            let interval = draw(&mut vectors);
            let [c0, c1, c2, c3] = interval.cubic.map(bits);
            let [vega, vega_rise] = interval.vega.map(bits);
            let exact = [VALUE_MAX, GAMMA_MAX, VALUE_MAX].map(|limit| vectors.signed(limit));
            let t = vectors.between(0, 65_535);
            let price = vectors.between(1, u64::from(u32::MAX));
            let shift = vectors.between(1, 16);
            let scale = vectors.scale();
            let is_exact = vectors.below(4) == 0;
            let slope = interval.slope(t as i64) * i128::from(price);
            let gamma = saturate(slope >> shift, GAMMA_BITS).0;
            let greeks = if is_exact { exact } else { [interval.delta(t as i64), gamma, interval.vega(t as i64)] };
            let coin = [0, 0, 2].map(|which| scale.bits[which]);
            let coin = [0, 1, 2].map(|which| scale.coin_of(greeks[which], coin[which]));
            for (count, amount) in clipped.iter_mut().zip(coin) {
                *count += usize::from(amount.abs() == (1 << 62) - 1);
            }

            if round % 10 == 3 {
                // A start that the next one takes back.
                poke!(bench, start, true);
                cycle!(bench);
                poke!(bench, start, false);
                for _ in 0..vectors.below(RiskUnit::LATENCY as u64 - 1) {
                    cycle!(bench);
                }
            }
            poke!(bench, start, true);
            poke!(bench, is_exact, is_exact);
            let greeks = record::ExactGreeks {
                delta: U::new(bits(exact[0])),
                gamma: U::new(bits(exact[1])),
                vega: U::new(bits(exact[2])),
                ..record::ExactGreeks::default()
            };
            poke!(bench, exact, greeks);
            let wires = record::Interval {
                c0: U::new(c0),
                c1: U::new(c1),
                c2: U::new(c2),
                c3: U::new(c3),
                vega: U::new(vega),
                vega_rise: U::new(vega_rise),
                ..record::Interval::default()
            };
            poke!(bench, interval, wires);
            poke!(bench, t, U::new(t.into()));
            poke!(bench, price, U::new(price.into()));
            poke!(bench, shift, U::new(shift.into()));
            poke!(bench, delta_bits, U::new(scale.bits[0] as u128));
            poke!(bench, vega_bits, U::new(scale.bits[2] as u128));
            cycle!(bench);
            poke!(bench, start, false);
            for _ in 1..RiskUnit::LATENCY {
                assert!(!peek!(bench, done));
                cycle!(bench);
            }
            assert!(peek!(bench, done));
            assert_eq!(peek!(bench, delta).raw(), bits(coin[0]) & u128::from(u64::MAX), "round {round}");
            assert_eq!(peek!(bench, gamma).raw(), bits(coin[1]) & u128::from(u64::MAX), "round {round}");
            assert_eq!(peek!(bench, vega).raw(), bits(coin[2]) & u128::from(u64::MAX), "round {round}");
        }
        assert!(clipped.iter().all(|&count| count > 5), "{clipped:?}");
        bench.finish();
    }
}
