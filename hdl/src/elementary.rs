//! Elementary functions in integers: `hedgewire_kernel::elementary` as blocks.
//!
//! | block | what | cycles |
//! |---|---|---|
//! | [`Logarithm`] | `ln(price)` | 24, one multiplier of four blocks |
//! | [`Divide`] | floor of a quotient of `Q` bits | `Q + 1` |
//! | [`SquareRoot`] | floor of the square root of 64 bits | 33 |
//! | [`CubeRoot`] | cube root of 128 bits, 21 bits of it exact | 16 |
//! | [`RatioUnit`] | what a node needs of its price | 66 |
//!
//! All work alike. `start` is a pulse, and the operands are taken in its cycle; `done` is a pulse
//! `LATENCY` cycles later, and the results stand from then until the next `start`. One operation at a
//! time: a `start` before `done` drops what was begun, and only the new operation answers. So no block
//! has a reset.

mod divide;
mod logarithm;
mod ratios;
mod root;

pub use divide::Divide;
pub use logarithm::Logarithm;
pub use ratios::RatioUnit;
pub use root::{CubeRoot, SquareRoot};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_as_stated() {
        assert_eq!(Logarithm::LATENCY, 24);
        assert_eq!((Divide::<63, 32>::LATENCY, Divide::<64, 64>::LATENCY), (33, 65));
        assert_eq!((SquareRoot::LATENCY, CubeRoot::LATENCY), (33, 16));
        assert_eq!(RatioUnit::LATENCY, 66);
    }

    /// A seeded word: all ones, one bit, few bits or random.
    pub(super) fn word(state: &mut u64) -> u128 {
        let mut next = || {
            *state ^= *state << 13;
            *state ^= *state >> 7;
            *state ^= *state << 17;
            u128::from(*state)
        };
        let wide = next() << 64 | next();
        match next() % 5 {
            0 => u128::MAX,
            1 => 1 << (next() % 128),
            2 => wide >> (next() % 128),
            _ => wide,
        }
    }

    /// `operate!(bench, latency, port = value, ...)`: one operation, whose operands are there in the
    /// cycle of `start` alone and whose `done` comes `latency` cycles later and lasts for one.
    macro_rules! operate {
        ($bench:expr, $latency:expr, $($port:ident = $value:expr),+) => {{
            $(poke!($bench, $port, $value);)+
            poke!($bench, start, true);
            cycle!($bench);
            poke!($bench, start, false);
            $(poke!($bench, $port, !$value);)+
            for _ in 1..$latency {
                assert!(!peek!($bench, done));
                cycle!($bench);
            }
            assert!(peek!($bench, done));
        }};
    }
    pub(super) use operate;
}
