//! Seeded simulations: captures to read, markets to trade, paths to hedge, commands to check kernels
//! with. Everything follows from a seed that is given; nothing reads a clock.

pub mod capture;
pub mod card;
pub mod commands;
pub mod demo;
pub mod market;
pub mod monte_carlo;
pub mod random;
pub mod venue;
