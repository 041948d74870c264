//! Real option chains, hedged from snapshot to snapshot by the integer kernel.
//!
//! ```text
//!   snapshots --> residuals: every option alone, by net transaction delta and by Black-Scholes delta
//!      |
//!      +--------> bands: seeded portfolios, hedged by the kernel's trigger with cost, four rules
//! ```
//!
//! Profits of options are differences of the venue's marks; hedges are inverse futures (the option's
//! own expiry for residuals, the perpetual for portfolios), so everything is in coin
//! (`N (1/P0 - 1/P1)` for a hedge of `N` USD).

mod bands;
mod residuals;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hedgewire_kernel::Form;
use serde::Serialize;
use thiserror::Error;

use crate::chain::{
    ChainError, ChainRow, FuturesPrices, Snapshot, read_perpetuals, read_snapshot, read_term_futures, snapshots,
};
use crate::compiler::{CompileError, PriceError};
use crate::driver::DriverError;
use crate::greeks::GreeksError;
use crate::journal::JournalError;

pub use bands::{BandResult, Frontier, HedgeRule, RulePoint};
pub use residuals::{ResidualSd, Residuals};

/// File of perpetual prices beside the snapshots.
const PERPETUALS: &str = "perpetual_futures_prices.csv";
/// File of dated futures' marks beside the snapshots.
const TERM_FUTURES: &str = "term_futures_marks.csv";

/// Why a backtest could not be run.
#[derive(Debug, Error)]
pub enum BacktestError {
    /// A file could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// There is nothing to hedge from one snapshot to the next.
    #[error("{} holds {found} snapshots; a backtest needs at least {needed}", folder.display())]
    TooFew {
        /// The folder.
        folder: PathBuf,
        /// Snapshots in it.
        found: usize,
        /// Snapshots needed.
        needed: usize,
    },
    /// Greeks could not be evaluated.
    #[error(transparent)]
    Greeks(#[from] GreeksError),
    /// A bank could not be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The kernel refused a set-up.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A price does not fit.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// A snapshot has no price of the perpetual, so nothing can be hedged with it.
    #[error("{snapshot}: no price of {coin}-PERPETUAL in {PERPETUALS}; add it or leave the snapshot out")]
    NoPerpetual {
        /// The snapshot.
        snapshot: String,
        /// The coin.
        coin: String,
    },
}

impl From<JournalError> for BacktestError {
    fn from(error: JournalError) -> Self {
        Self::Driver(error.into())
    }
}

/// Everything read from a folder of snapshots.
pub struct History {
    /// Snapshots in time order.
    pub snapshots: Vec<Snapshot>,
    /// Perpetual prices.
    pub perpetuals: FuturesPrices,
    /// Marks of dated futures.
    pub term_futures: FuturesPrices,
}

impl History {
    /// Reads a folder; `progress` is told of every snapshot read.
    ///
    /// # Errors
    /// [`BacktestError`] if a file cannot be read, or fewer than three snapshots are there.
    pub fn read(folder: &Path, mut progress: impl FnMut(usize, usize)) -> Result<Self, BacktestError> {
        let files = snapshots(folder)?;
        if files.len() < 3 {
            return Err(BacktestError::TooFew { folder: folder.to_owned(), found: files.len(), needed: 3 });
        }
        let mut read = Vec::with_capacity(files.len());
        for (at, file) in files.iter().enumerate() {
            read.push(read_snapshot(&file.path)?);
            progress(at + 1, files.len());
        }
        Ok(Self {
            snapshots: read,
            perpetuals: read_perpetuals(&folder.join(PERPETUALS))?,
            term_futures: read_term_futures(&folder.join(TERM_FUTURES))?,
        })
    }

    /// Rows of one coin of a snapshot by the option's name.
    fn by_name<'a>(&'a self, at: usize, coin: &'a str) -> BTreeMap<String, &'a ChainRow> {
        self.snapshots[at].rows_of(coin).map(|row| (row.option.to_string(), row)).collect()
    }
}

/// Settings of a backtest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BacktestSettings {
    /// Seeded portfolios per coin.
    pub portfolios: usize,
    /// Seed of the portfolios.
    pub seed: u64,
    /// Cost of a hedge, a fraction of its value.
    pub cost: f64,
    /// Form of the kernel.
    pub form: Form,
}

/// What `hedgewire backtest` reports.
#[derive(Debug, Clone, Serialize)]
pub struct BacktestReport {
    /// Snapshots read.
    pub snapshots: usize,
    /// Option intervals behind the residuals.
    pub option_intervals: usize,
    /// Standard deviations of the residuals of single options, coin.
    pub residual_sd: BTreeMap<String, ResidualSd>,
    /// Rules at matched cost.
    pub bands: BTreeMap<String, BandResult>,
    /// Every point behind `bands`.
    pub frontiers: BTreeMap<String, Frontier>,
}

/// Runs both parts; `progress` is told of work done and work to do. `journal` records the kernel that
/// hedges the first portfolio under the Whalley-Wilmott rule.
///
/// # Errors
/// [`BacktestError`].
pub fn run(
    history: &History,
    settings: &BacktestSettings,
    journal: Option<&Path>,
    mut progress: impl FnMut(usize, usize),
) -> Result<BacktestReport, BacktestError> {
    let residuals = residuals::measure(history, settings.form)?;
    let frontiers = bands::measure(history, settings, journal, &mut progress)?;
    Ok(BacktestReport {
        snapshots: history.snapshots.len(),
        option_intervals: residuals.intervals,
        residual_sd: residuals.sd,
        bands: bands::at_matched_cost(&frontiers),
        frontiers,
    })
}
