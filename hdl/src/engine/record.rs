//! The records of the engine's tables and memories; those that other blocks know too are in `crate::record`.

use rust_hdl::prelude::*;

use crate::record::Ratios;
use crate::signal::U;

/// Sizes of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardSizes {
    /// Slots of all underlyings together; a multiple of 64.
    pub rows: usize,
    /// Most intervals of a ladder.
    pub intervals: usize,
    /// Underlyings, at most 32.
    pub underlyings: usize,
}

/// Where a ladder lies on the price axis, and how far it is.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct LadderParams {
    pub low: U<32>,
    pub shift: U<5>,
    pub count: U<15>,
    /// 0 empty, 1 nodes, 2 built.
    pub stage: U<2>,
    /// Next node to sum.
    pub node: U<15>,
}

/// The slots of an underlying.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Slots {
    pub first: U<20>,
    pub count: U<21>,
}

/// What a node knows beside its sums.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeAt {
    pub at: Ratios,
    pub step_ratio: U<34>,
    pub edge_before: Bit,
}

/// Sums of regions of range rows at a node; see `Lanes`.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Regions {
    pub inverse: U<22>,
    pub linear: U<22>,
}

/// What a swap reports of a settled ladder.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    pub error_bound: U<32>,
    pub exact_intervals: U<15>,
}
