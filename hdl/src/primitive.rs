//! The pieces that blocks are made of. Each is one Verilog module, written by hand beside its
//! simulation, and tested against it; everything else is RustHDL.

mod delay;
mod leading_zeros;
mod memory;
mod multiply;
mod saturate;
mod shifter;

pub use delay::Delay;
pub use leading_zeros::LeadingZeros;
pub use memory::{LookUp, Ram, Rom};
pub use multiply::{Multiply, multiply_latency};
pub use saturate::{Limit, Saturate};
pub use shifter::{ShiftLeft, ShiftRight};

#[cfg(test)]
pub(crate) mod tests;
