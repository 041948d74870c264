//! Simulation.

pub mod capture;
pub mod commands;
pub mod demo;
pub mod market;
pub mod monte_carlo;
pub mod random;
