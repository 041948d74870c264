//! Simulation.

pub mod capture;
