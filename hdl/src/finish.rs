//! What follows from node sums, and from an interval, on the card: `hedgewire_kernel::ladder`'s
//! `NodeValue::new` and `make_interval`, and the numbers of a risk event.
//!
//! ```text
//!   node --> [NodeUnit] --> values of a window of nodes --> [IntervalUnit] --> interval --> [RiskUnit] --> risk event
//! ```

mod band_gamma;
mod cubic;
mod interval;
mod node;
mod risk;
#[cfg(test)]
mod vectors;

pub use interval::IntervalUnit;
pub use node::NodeUnit;
pub use risk::RiskUnit;
