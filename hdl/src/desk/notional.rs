//! What a number of contracts costs: `product = quantity price`, in two cycles.
//!
//! ```text
//!   cycle 0   quantity = upper | lower (10 + 17 bits), price = upper | lower (15 + 17 bits)
//!         1   four products of limbs
//!         2   {upper upper, lower lower} + 2^17 (upper lower + lower upper)
//! ```
//!
//! At most 2^59, exact. `LATENCY` 2, `II` 1.

use rust_hdl::prelude::*;

use crate::primitive::Multiply;
use crate::signal::*;

/// Contracts times price.
#[derive(LogicBlock, Default)]
pub struct Notional {
    pub clock: Signal<In, Clock>,
    pub quantity: Signal<In, U<27>>,
    pub price: Signal<In, U<32>>,
    pub product: Signal<Out, U<59>>,
    lower_lower: Multiply<18, 18, 36>,
    lower_upper: Multiply<18, 18, 36>,
    upper_lower: Multiply<18, 18, 36>,
    upper_upper: Multiply<18, 18, 36>,
    sum: DFF<U<59>>,
    quantity_lower: Signal<Local, U<17>>,
    quantity_upper: Signal<Local, U<10>>,
    price_lower: Signal<Local, U<17>>,
    price_upper: Signal<Local, U<15>>,
    low: Signal<Local, U<59>>,
    high: Signal<Local, U<59>>,
    middle: Signal<Local, U<59>>,
    other: Signal<Local, U<59>>,
    outer: Signal<Local, U<59>>,
}

impl Notional {
    /// Cycles from operands to product.
    pub const LATENCY: usize = 2;
}

impl Logic for Notional {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, lower_lower, lower_upper, upper_lower, upper_upper, sum);
        self.quantity_lower.next = self.quantity.val().get_bits::<17>(0);
        self.quantity_upper.next = self.quantity.val().get_bits::<10>(17);
        self.price_lower.next = self.price.val().get_bits::<17>(0);
        self.price_upper.next = self.price.val().get_bits::<15>(17);
        self.lower_lower.a.next = unsigned_cast_pos(self.quantity_lower.val());
        self.lower_lower.b.next = unsigned_cast_pos(self.price_lower.val());
        self.lower_upper.a.next = unsigned_cast_pos(self.quantity_lower.val());
        self.lower_upper.b.next = unsigned_cast_pos(self.price_upper.val());
        self.upper_lower.a.next = unsigned_cast_pos(self.quantity_upper.val());
        self.upper_lower.b.next = unsigned_cast_pos(self.price_lower.val());
        self.upper_upper.a.next = unsigned_cast_pos(self.quantity_upper.val());
        self.upper_upper.b.next = unsigned_cast_pos(self.price_upper.val());
        self.low.next = unsigned_cast_wide(self.lower_lower.p.val().get_bits::<34>(0));
        self.high.next = unsigned_cast_wide(self.upper_upper.p.val().get_bits::<25>(0));
        self.middle.next = unsigned_cast_wide(self.lower_upper.p.val().get_bits::<34>(0));
        self.other.next = unsigned_cast_wide(self.upper_lower.p.val().get_bits::<34>(0));
        self.outer.next = (self.high.val() << bits_lit::<6>(34)) | self.low.val();
        self.sum.d.next =
            self.outer.val() + (self.middle.val() << bits_lit::<5>(17)) + (self.other.val() << bits_lit::<5>(17));
        self.product.next = self.sum.q.val();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn equals_the_product() {
        let mut bench = TestBench::new("notional", Notional::default());
        let quantities = [0, 1, 0x1_ffff, 0x2_0000, 0x3ff_ffff, 0x400_0000, 0x7ff_ffff];
        let prices = [1, 0xffff_ffff, 0x1_ffff, 0x2_0000, 25_600_128];
        let vector = |i: usize| (quantities[i % 7], prices[i % 5]);
        for i in 0..40 {
            let (quantity, price) = vector(i);
            poke!(bench, quantity, U::new(quantity));
            poke!(bench, price, U::new(price));
            cycle!(bench);
            if let Some(earlier) = (i + 1).checked_sub(Notional::LATENCY) {
                let (quantity, price) = vector(earlier);
                assert_eq!(peek!(bench, product).raw(), quantity * price);
            }
        }
        bench.finish();
    }
}
