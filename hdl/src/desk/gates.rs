//! The gates: a bit for each reason that the desk may have for not sending, and the first of them.
//!
//! ```text
//!   Gates, bit 0 first: EXPOSURE_RANGE ... NOT_RECONCILED | WEIGHT_RANGE ... COLLAR_LAST | POSITION_NET ... | HEDGE_RATE ... RESTRICTED
//!                       ------------ head --------------- | -------- quoted ---------- | --- middle ---- | ------- tail --------
//! ```
//!
//! In the order in which `hedgewire_kernel::trigger` asks them. Three come too late for a place in the
//! record, because they ask for the quantity: ORDER_QUANTITY and ORDER_NOTIONAL stand between quoted
//! and middle, DUPLICATE between middle and tail.

use hedgewire_abi::Reason;
use rust_hdl::prelude::*;

use crate::signal::*;

macro_rules! gates {
    ($($field:ident $reason:ident),*) => {
        /// What refuses, bit by bit.
        #[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
        pub struct Gates {
            $(pub $field: Bit,)*
        }

        impl Gates {
            /// The reason of every bit.
            pub const REASONS: &[Reason] = &[$(Reason::$reason),*];

            fn refusing(&self) -> [bool; Self::REASONS.len()] {
                [$(self.$field),*]
            }
        }
    };
}

gates! {
    exposure_range ExposureRange, in_band InBand, covered Covered, flip_cancel_first FlipCancelFirst, dust Dust,
    killed Killed, disarmed Disarmed, halted Halted, reduce_only ReduceOnly, not_reconciled NotReconciled,
    weight_range WeightRange, coin_range CoinRange, quote_stale QuoteStale, rows_stale RowsStale,
    book_untrusted BookUntrusted, one_sided OneSided, wide Wide, thin Thin, oracle_rejected OracleRejected,
    collar_reference CollarReference, collar_last CollarLast,
    position_net PositionNet, position_gross PositionGross, open_orders OpenOrders, message_rate MessageRate,
    hedge_rate HedgeRate, attempts Attempts, loss_limit LossLimit, cool_down CoolDown, margin Margin,
    self_match SelfMatch, restricted Restricted
}

/// Up to NOT_RECONCILED.
pub type Head = FirstRefusal<0, 10>;
/// WEIGHT_RANGE to COLLAR_LAST.
pub type Quoted = FirstRefusal<10, 21>;
/// POSITION_NET to MESSAGE_RATE.
pub type Middle = FirstRefusal<21, 25>;
/// From HEDGE_RATE on.
pub type Tail = FirstRefusal<25, 32>;

/// Reason of the first gate from `FROM` on, before `TO`, that refuses; 0 if none does. Combinational.
#[derive(LogicBlock, Default)]
pub struct FirstRefusal<const FROM: usize, const TO: usize> {
    pub gates: Signal<In, Gates>,
    pub reason: Signal<Out, U<8>>,
}

impl<const FROM: usize, const TO: usize> Logic for FirstRefusal<FROM, TO> {
    fn update(&mut self) {
        let bits = self.gates.val().refusing();
        let first = (FROM..TO).find(|&i| bits[i]).map_or(Reason::None, |i| Gates::REASONS[i]);
        self.reason.next = U::new(first as u128);
    }
    fn connect(&mut self) {
        self.reason.connect();
    }
    fn hdl(&self) -> Verilog {
        let choices: String = (FROM..TO).map(|i| format!("gates[{i}] ? 8'd{} : ", Gates::REASONS[i] as u8)).collect();
        Verilog::Custom(format!("always @(*) reason = {choices}8'd0;"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    fn gates(bits: u32) -> Gates {
        let is_set = |i: usize| bits >> i & 1 == 1;
        Gates {
            exposure_range: is_set(0),
            dust: is_set(4),
            killed: is_set(5),
            collar_last: is_set(20),
            position_net: is_set(21),
            message_rate: is_set(24),
            hedge_rate: is_set(25),
            restricted: is_set(31),
            ..Gates::default()
        }
    }

    #[test]
    fn the_four_stretches_hold_all_gates_in_the_order_of_their_codes() {
        let late = [Reason::OrderQuantity, Reason::OrderNotional, Reason::Duplicate];
        let asked: Vec<u8> = Gates::REASONS[5..].iter().map(|&reason| reason as u8).collect();
        let all =
            (Reason::Killed as u8..=Reason::Restricted as u8).filter(|&code| late.iter().all(|&l| l as u8 != code));
        assert_eq!(asked, all.collect::<Vec<_>>());
        assert_eq!(Gates::REASONS.len(), 32);
        assert!(Gates::REASONS[20] as u8 + 1 == Reason::OrderQuantity as u8);
        assert!(Gates::REASONS[24] as u8 + 1 == Reason::Duplicate as u8);
    }

    #[test]
    fn the_first_refusal_is_the_lowest_bit() {
        let mut head = TestBench::new("head", Head::default());
        let mut quoted = TestBench::new("quoted", Quoted::default());
        let mut tail = TestBench::new("tail", Tail::default());
        for bits in [0, 1, 0x10, 0x30, 0x20, 0x10_0020, 0x10_0000, 0x21_0000, 0x0200_0000, 0x8200_0000, 0x8000_0000] {
            let gates = gates(bits);
            let first = |from: usize, to: usize| {
                let reason = (from..to).find(|&i| gates.refusing()[i]).map(|i| Gates::REASONS[i]);
                U::<8>::new(reason.unwrap_or_default() as u128)
            };
            poke!(head, gates, gates);
            cycle!(head, settle);
            assert_eq!(peek!(head, reason), first(0, 10));
            poke!(quoted, gates, gates);
            cycle!(quoted, settle);
            assert_eq!(peek!(quoted, reason), first(10, 21));
            poke!(tail, gates, gates);
            cycle!(tail, settle);
            assert_eq!(peek!(tail, reason), first(25, 32));
        }
        head.finish();
        quoted.finish();
        tail.finish();
    }
}
