//! The subcommands, one a file: each has its `Arguments` and a `run`.

pub mod backtest;
pub mod control;
pub mod demo;
pub mod doctor;
pub mod greeks;
pub mod journal;
pub mod replay;
pub mod run;
pub mod simulate;
pub mod top;
