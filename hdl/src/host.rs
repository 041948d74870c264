//! What stands between the bus and the kernel: nothing here knows what a command means.
//!
//! ```text
//!   window pins -> Window --+                     core                    +--> m_write pins
//!                           +-> Fifo -> intake -> (commands, events) -> Ring
//!   stream pins ------------+             ^                               ^
//!                                         | closed                        | base, size, consumer
//!   AXI4-Lite pins -> Registers <-> Watchdog                              |
//!                         +-----------------------------------------------+
//! ```
//!
//! `Shell` holds all of it but the core, whose ports it mirrors. Registers, window and ring keep the
//! rules of `hedgewire_abi::register`.

mod fifo;
mod registers;
mod ring;
mod shell;
mod watchdog;
mod window;

pub use fifo::Fifo;
pub use registers::{Identity, Registers};
pub use ring::Ring;
pub use shell::Shell;
pub use watchdog::Watchdog;
pub use window::Window;

#[cfg(test)]
pub(crate) mod stimulus {
    //! Seeded numbers for the tests of this module and of the whole card.

    use crate::record::Words;
    use crate::signal::U;

    /// xorshift64.
    pub struct Random(pub u64);

    impl Random {
        pub fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }
        /// True in `percent` of the calls.
        pub fn chance(&mut self, percent: u64) -> bool {
            self.next() % 100 < percent
        }
        pub fn words(&mut self) -> Words {
            words(std::array::from_fn(|_| self.next()))
        }
    }

    pub fn words(w: [u64; 8]) -> Words {
        let [w0, w1, w2, w3, w4, w5, w6, w7] = w.map(|word| U::new(u128::from(word)));
        Words { w0, w1, w2, w3, w4, w5, w6, w7 }
    }
}
