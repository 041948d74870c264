//! Banks in the background: what the engine asks for, and what compiles it, on a thread of its own.
//!
//! ```text
//!   engine: prices of now, integers ──job──► Compiler: vols, forwards, time ──► rows, ladder ──bank──► engine
//! ```
//!
//! Float64 lives here, and nothing that comes out of it is a price of an order. Equal jobs in equal order give equal
//! banks: a vol that a mark no longer implies stays the last one that it did.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::feed::Stated;
use crate::compiler::{Bank, FittedLadder, Holding, Ladder, PriceUnit, compile};
use crate::config::Plan;
use crate::desk::market::{self, MarkedOption, Top};
use crate::instrument::Instrument;

/// 10^-9 in 1.
const NANO: f64 = 1e9;
/// Nanoseconds in a millisecond.
const MS_NS: u64 = 1_000_000;

/// What a bank is to be compiled from.
#[derive(Clone, Debug)]
pub struct Job {
    /// Index of the underlying.
    pub underlying: u8,
    /// The bank's name.
    pub bank_id: u16,
    /// The time, ns since 1970 UTC.
    pub now_ns: u64,
    /// Reference price and middle of the ladder, price units.
    pub price: u32,
    /// Index, 10^-9; 0 if there is none.
    pub index: i64,
    /// What is held.
    pub holdings: Arc<Vec<Holding>>,
    /// Its marks, in the same order; 0 where there is none.
    pub marks: Vec<Stated>,
    /// Marks of dated futures, 10^-9, by expiry.
    pub futures: Vec<(u64, i64)>,
}

/// A bank with its ladder.
#[derive(Clone, Debug)]
pub struct Built {
    /// The bank.
    pub bank: Bank,
    /// The ladder, its step as fine as the bank needs.
    pub ladder: Ladder,
    /// Options that are too steep for it all the same.
    pub steep_rows: u32,
}

/// What came of a job.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// Index of the underlying.
    pub underlying: u8,
    /// The bank's name.
    pub bank_id: u16,
    /// When the job was asked for, ns since 1970 UTC.
    pub asked_ns: u64,
    /// Middle of the ladder, price units.
    pub centre: u32,
    /// The bank, or why there is none.
    pub result: Result<Built, String>,
}

/// Compiles jobs.
#[derive(Debug)]
pub struct Compiler {
    plan: Arc<Plan>,
    /// The last vols that marks implied, by underlying and holding.
    vols: Vec<Vec<Option<f64>>>,
}

impl Compiler {
    /// A compiler that has seen no mark.
    pub fn new(plan: Arc<Plan>) -> Self {
        let vols = plan.underlyings.iter().map(|_| Vec::new()).collect();
        Self { plan, vols }
    }

    /// Compiles one.
    pub fn compile(&mut self, job: &Job) -> Compiled {
        Compiled {
            underlying: job.underlying,
            bank_id: job.bank_id,
            asked_ns: job.now_ns,
            centre: job.price,
            result: self.build(job),
        }
    }

    fn build(&mut self, job: &Job) -> Result<Built, String> {
        let plan = Arc::clone(&self.plan);
        let underlying = plan.underlyings.get(usize::from(job.underlying)).ok_or("no such underlying")?;
        let unit = PriceUnit::of_tick(underlying.compiler.hedge.tick_usd).map_err(|error| error.to_string())?;
        let price_usd = unit.to_usd(job.price);
        let index_usd = if job.index > 0 { job.index as f64 / NANO } else { price_usd };
        let vols = &mut self.vols[usize::from(job.underlying)];
        vols.resize(job.holdings.len(), None);
        let top = |stated: &Stated| {
            let mark = (stated.price > 0).then_some(stated.price as f64 / NANO);
            Top { timestamp_ms: job.now_ns / MS_NS, mark, index: Some(index_usd), ..Top::default() }
        };
        let tops: Vec<Top> = job.marks.iter().map(top).collect();
        let mut options = Vec::new();
        for ((holding, top), vol) in job.holdings.iter().zip(&tops).zip(vols.iter_mut()) {
            if let Instrument::Option(option) = &holding.instrument {
                options.push(MarkedOption { option, top: Some(top), vol });
            }
        }
        let futures: BTreeMap<u64, f64> =
            job.futures.iter().map(|&(expiry_ns, mark)| (expiry_ns, mark as f64 / NANO)).collect();
        let market =
            market::market(&underlying.coin, job.now_ns, price_usd, index_usd, &plan.market, &mut options, &futures);
        let with_vol =
            |(holding, vol): (&Holding, &Option<f64>)| Holding { vol: holding.vol.or(*vol), ..holding.clone() };
        let holdings: Vec<Holding> = job.holdings.iter().zip(vols.iter()).map(with_vol).collect();
        let bank = compile(job.bank_id, underlying.range, &holdings, &market, &underlying.compiler)
            .map_err(|error| error.to_string())?;
        let FittedLadder { ladder, steep_rows } = underlying.ladder.fitted(job.price, &bank);
        Ok(Built { bank, ladder, steep_rows })
    }
}
