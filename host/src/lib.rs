//! Everything between the exchange and the hedge kernel: captures and books, the portfolio compiler,
//! the driver of the kernel, fills, the journal, and what is reported of it all.
//!
//! ```text
//!   capture -> deribit -> book ----+                        +-> fills -> driver (order updates)
//!                                  +-> driver -> kernel ----+-> journal
//!   chain -> compiler (rows) ------+                        +-> report
//! ```

pub mod backtest;
pub mod black76;
pub mod book;
pub mod capture;
pub mod card;
pub mod chain;
pub mod compiler;
pub mod config;
pub mod control;
pub mod deribit;
mod desk;
pub mod doctor;
pub mod driver;
pub mod fills;
pub mod greeks;
pub mod instrument;
pub mod journal;
pub mod live;
pub mod logs;
pub mod packet;
pub mod replay;
pub mod report;
pub mod telemetry;
