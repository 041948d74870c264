//! The ladder: what stands between the portfolio and the quote.
//!
//! ```text
//!   rows --(one pass per node)--> sums at n + 1 nodes --> values --> n intervals {cubic, vega line, band, error}
//!                                    ^ pending trades, applied when a node is next looked at        |
//!                                                                                                   v
//!                                              quote: subtract, shift, one cubic in the fraction: delta
//! ```
//!
//! Invariants:
//! * node sums are exact, so a node brought up to date by pending trades equals a rebuilt one;
//! * values and intervals are functions of sums, constants, parameters and target alone, and carry
//!   the `version` they were made for; whoever reads a stale one refreshes it first. So it cannot be
//!   seen when a build or an update ran, only that it did;
//! * the tail of the log of pending trades is never behind a node that has not applied it.

use hedgewire_abi::command::code;
use hedgewire_abi::format::{CONTRACT_BITS, FRACTION_BITS, GAMMA_BITS, RATIO_BITS, VALUE_BITS, saturate};

use crate::Form;
use crate::bank::{Bank, Rows, Scale};
use crate::elementary::{Ratios, cube_root, step_ratio};
use crate::row::{GroupSums, Shape};
use crate::tables::{LogTable, NormalTable};

/// Trades that may be pending before the oldest is applied to every node.
const LOG_CAPACITY: u32 = 64;
/// Rows that one unit of background work sums: less than a microsecond.
const ROWS_PER_STEP: usize = 512;
/// `Interval::error` of an interval that is answered by an exact pass.
pub const EXACT: u32 = u32::MAX;
/// Error bound above which an interval is not resolved: half a contract.
pub const ERROR_MAX: u128 = 1 << (CONTRACT_BITS - 1);
/// What rounding of coefficients and Horner chain can add to the cubic's error, ladder units.
pub const ROUNDING: u64 = 8;

/// Everything outside the ladder that its contents follow from.
pub struct Source<'a> {
    /// Table of the normal distribution.
    pub normal: &'a NormalTable,
    /// Table of the logarithm.
    pub log: &'a LogTable,
    /// Rows of the bank.
    pub rows: &'a Rows,
    /// The bank.
    pub bank: &'a Bank,
    /// First slot of the underlying, and the one past its last.
    pub slots: (usize, usize),
    /// Target in ladder units; matters where the band follows the hedge.
    pub target: i64,
    /// Which form of the row kernel sums options.
    pub form: Form,
}

impl Source<'_> {
    /// Sums of option rows in a part of the slots.
    fn option_sums(&self, x: i32, first: usize, last: usize) -> GroupSums {
        #[cfg(target_arch = "x86_64")]
        if self.form == Form::Avx2 && crate::avx2::is_supported() {
            // SAFETY: the CPU has AVX2.
            return unsafe { crate::avx2::sums(self.rows, self.normal, x, first, last) };
        }
        let at = Ratios { x, ..Ratios::default() };
        let mut sums = GroupSums::default();
        for slot in first..last {
            let shape = self.rows.shape(slot);
            if shape.kind != code::RANGE {
                self.add_row(slot, &shape, &at, &mut sums);
            }
        }
        sums
    }

    fn range_slots(&self) -> impl Iterator<Item = usize> {
        let first = self.slots.0;
        self.rows.ranges[first..first + self.bank.range_count as usize].iter().map(|&slot| slot as usize)
    }

    fn add_ranges(&self, at: &Ratios, sums: &mut GroupSums) {
        for slot in self.range_slots() {
            self.add_row(slot, &self.rows.shape(slot), at, sums);
        }
    }

    #[inline]
    fn add_row(&self, slot: usize, shape: &Shape, at: &Ratios, sums: &mut GroupSums) {
        let weight = self.rows.spec[slot].weight.map(i64::from);
        sums.group(shape.linear).add(shape.contribution(self.normal, at, weight));
    }

    /// Whether the edge of a range row lies between two nodes.
    fn has_edge_between(&self, low: &Ratios, high: &Ratios) -> bool {
        self.range_slots().any(|slot| {
            let shape = self.rows.shape(slot);
            shape.range_region(low) != shape.range_region(high)
        })
    }

    /// One exact pass over all rows at `price`; `None` where the rows do not reach.
    pub fn exact(&self, price: u32) -> Option<NodeValue> {
        let scale = &self.bank.scale;
        let at = Ratios::new(self.log, price, scale.price_ref)?;
        let mut sums = self.option_sums(at.x, self.slots.0, self.slots.1);
        self.add_ranges(&at, &mut sums);
        Some(NodeValue::new(&sums, self.bank, &at, step_ratio(0, price)))
    }

    /// Half band in 2^-16 contract for the largest gamma of a stretch around `price`, before limits.
    ///
    /// Whalley and Wilmott (1997): H = cbrt(1.5 lambda S Gamma^2 / a); the factor holds everything
    /// but Gamma, which here is the change of delta per unit of log price, in contracts.
    pub fn band(&self, gamma: u64, price: u32) -> u64 {
        let scale = &self.bank.scale;
        if scale.band_kind == code::BAND_FIXED {
            return (u64::from(scale.band_factor) << CONTRACT_BITS) >> scale.band_shift;
        }
        let contracts = scale.contracts_of(gamma as i64, price);
        let gamma = saturate(contracts, GAMMA_BITS).0 as u128;
        let factor = u128::from(scale.band_factor);
        if scale.band_kind == code::BAND_GAMMA {
            return ((factor * gamma) >> scale.band_shift).min(u128::from(u64::MAX >> 1)) as u64;
        }
        cube_root(factor * gamma * gamma) >> scale.band_shift
    }

    /// Size of the gamma that the band is for: with an inverse hedge in coin numeraire that of the
    /// optimal hedge, whose own coin delta moves with the price: its change per unit of log price is
    /// gamma + delta - target.
    pub fn band_gamma(&self, gamma: i64, delta: i64) -> u64 {
        // Delta is below 2^46 and the target below 2^61: 64 bits hold the sum.
        let drift = if self.bank.scale.hedge_drifts() { delta - self.target } else { 0 };
        (gamma + drift).unsigned_abs().min((1 << GAMMA_BITS) - 1)
    }

    /// The band at the price of an exact pass.
    pub fn exact_band(&self, value: &NodeValue, price: u32) -> u64 {
        self.band(self.band_gamma(value.gamma, value.delta), price)
    }
}

/// A grid price: the sums of all rows there.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    sums: GroupSums,
    at: Ratios,
    /// step / price, 2^-40.
    step_ratio: u64,
    /// Pending trades that are in the sums, counted from the start.
    applied: u32,
}

/// What follows from a node's sums, or from an exact pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeValue {
    /// Delta of the rows, ladder units (2^-(kd + 7) coin).
    pub delta: i64,
    /// Change of delta per step of the ladder, ladder units.
    pub slope: i64,
    /// Change of delta per unit of log price, ladder units.
    pub gamma: i64,
    /// Vega, 2^-(kv + 7) coin per 1.00 of vol.
    pub vega: i64,
    /// A value did not fit its format.
    pub saturated: bool,
    /// Version of the ladder it was made for.
    version: u32,
}

impl NodeValue {
    /// Values from sums. All products are at full width; widths: sums and constants < 2^63, ratio
    /// < 2^32, step ratio < 2^34, so nothing passes 2^127.
    #[inline]
    pub fn new(sums: &GroupSums, bank: &Bank, at: &Ratios, step_ratio: u64) -> Self {
        let scale = &bank.scale;
        let (r, f) = (i128::from(at.inverse), i128::from(step_ratio));
        let inverse_delta = (i128::from(sums.inverse.delta) + i128::from(bank.constant[0])) * r;
        let linear_delta = i128::from(sums.linear.delta) + i128::from(bank.constant[1]);
        let combine = |linear: i64, inverse: i64| i128::from(linear) + ((i128::from(inverse) * r) >> RATIO_BITS);
        let gamma = combine(sums.linear.gamma, sums.inverse.gamma);
        // d/dx of e^-x I is e^-x (G - I): the -I is the drift of the inverse group.
        let drift = inverse_delta >> RATIO_BITS;
        let (delta, delta_saturated) = saturate(((linear_delta << RATIO_BITS) + inverse_delta) >> 53, VALUE_BITS);
        let slope = ((gamma * f) >> scale.slope_shift()) - ((drift * f) >> 62);
        let (slope, slope_saturated) = saturate(slope, VALUE_BITS);
        let (gamma, gamma_saturated) = saturate((gamma >> scale.gamma_shift()) - (drift >> 22), GAMMA_BITS);
        let (vega, vega_saturated) = saturate(combine(sums.linear.vega, sums.inverse.vega) >> 23, VALUE_BITS);
        let saturated = delta_saturated | slope_saturated | gamma_saturated | vega_saturated;
        Self { delta, slope, gamma, vega, saturated, version: 0 }
    }
}

/// One interval of the ladder: a cache line that answers a quote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Interval {
    /// Cubic of delta in the fraction t of the interval, ladder units.
    pub cubic: [i64; 4],
    /// Vega at its start and its change across it.
    pub vega: [i64; 2],
    /// Half band, 2^-16 contract, before limits.
    pub band: u64,
    /// Error bound of the cubic, 2^-16 contract; `EXACT` where an exact pass must answer.
    pub error: u32,
    version: u32,
}

impl Interval {
    /// Delta at fraction `t` (2^-16). |c3| t + |c2| < 2^47 2^16: every partial result fits 63 bits.
    #[inline(always)]
    pub fn delta(&self, t: i64) -> i64 {
        let [c0, c1, c2, c3] = self.cubic;
        let times_t = |c: i64| (c * t) >> FRACTION_BITS;
        times_t(times_t(times_t(c3) + c2) + c1) + c0
    }

    /// Change of delta per step at fraction `t`. 3 c3 t passes 63 bits, so this one is wide.
    #[inline]
    pub fn slope(&self, t: i64) -> i128 {
        let [_, c1, c2, c3] = self.cubic.map(i128::from);
        let t = i128::from(t);
        let times_t = |c: i128| (c * t) >> FRACTION_BITS;
        times_t(times_t(3 * c3) + 2 * c2) + c1
    }

    /// Vega at fraction `t`.
    #[inline]
    pub fn vega(&self, t: i64) -> i64 {
        self.vega[0] + ((self.vega[1] * t) >> FRACTION_BITS)
    }
}

/// Third coefficient of the Hermite cubic between two nodes.
#[inline]
pub fn third(a: &NodeValue, b: &NodeValue) -> i64 {
    a.slope + b.slope - 2 * (b.delta - a.delta)
}

/// By how much the Hermite cubic between the two inner nodes misses the polynomial of degree 7 through
/// the values and slopes of all four, in the middle, times 512:
/// `[13 (y0 + y3) + 243 (y1 + y2) + 3 (m0 - m3) + 81 (m1 - m2)] / 512 - [(y1 + y2) / 2 + (m1 - m2) / 8]`.
/// Values and slopes are below 2^43: no partial sum passes 2^50.
#[inline]
pub fn miss_512([a, b, c, d]: &[NodeValue; 4]) -> i64 {
    13 * (a.delta + d.delta - b.delta - c.delta) + 17 * (b.slope - c.slope) + 3 * (a.slope - d.slope)
}

/// The Greeks at the last quote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Greeks {
    /// Delta of the rows, ladder units.
    pub delta: i64,
    /// Change of delta per unit of log price, ladder units.
    pub gamma: i64,
    /// Vega, 2^-(kv + 7) coin.
    pub vega: i64,
    /// Half band before limits, 2^-16 contract.
    pub band: u64,
    /// Error bound, 2^-16 contract; 0 for an exact pass.
    pub error: u32,
    /// Whether an exact pass answered.
    pub is_exact: bool,
}

/// A trade that some nodes have not seen yet.
#[derive(Debug, Clone, Copy, Default)]
struct Pending {
    shape: Shape,
    change: [i64; 3],
}

/// How far a ladder is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Empty,
    /// Summing `node`, its rows up to `row` done.
    Nodes {
        node: usize,
        row: usize,
    },
    Built,
}

/// Where a price falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In interval `index`, at fraction `t` (2^-16).
    Inside {
        /// Index of the interval.
        index: usize,
        /// Fraction of the interval, 2^-16.
        t: i64,
    },
    /// Not on the ladder.
    Outside,
}

/// One ladder of one underlying.
pub struct Ladder {
    low: u32,
    shift: u32,
    count: usize,
    progress: Progress,
    partial: GroupSums,
    nodes: Vec<Node>,
    values: Vec<NodeValue>,
    intervals: Vec<Interval>,
    /// One bit per interval: the edge of a range row lies in it.
    edges: Vec<u64>,
    log: [Pending; LOG_CAPACITY as usize],
    log_head: u32,
    log_tail: u32,
    version: u32,
    /// Intervals below this are up to date.
    fresh: usize,
}

impl Ladder {
    /// An empty ladder of at most `intervals` intervals.
    pub fn new(intervals: usize) -> Self {
        Self {
            low: 0,
            shift: FRACTION_BITS,
            count: 0,
            progress: Progress::Empty,
            partial: GroupSums::default(),
            nodes: vec![Node::default(); intervals + 1],
            values: vec![NodeValue::default(); intervals + 1],
            intervals: vec![Interval::default(); intervals],
            edges: vec![0; intervals.div_ceil(64)],
            log: [Pending::default(); LOG_CAPACITY as usize],
            log_head: 0,
            log_tail: 0,
            version: 0,
            fresh: 0,
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.progress = Progress::Empty;
        self.count = 0;
    }

    /// Whether a build was started.
    pub fn is_started(&self) -> bool {
        self.progress != Progress::Empty
    }

    /// Whether the ladder is built and nothing of it is stale.
    pub fn is_settled(&self) -> bool {
        self.progress == Progress::Built && self.fresh == self.count
    }

    /// First price, and the first one beyond.
    pub fn span(&self) -> (u32, u32) {
        (self.low, self.low.saturating_add((self.count as u32) << self.shift))
    }

    /// Starts a build around `centre`; false if the rows do not reach both ends.
    pub fn start(&mut self, log: &LogTable, price_ref: u32, centre: u32, shift: u32, count: usize) -> bool {
        let Some(low_step) = u64::from(centre >> shift).checked_sub(count as u64 / 2) else { return false };
        let (low, high) = (low_step << shift, (low_step + count as u64) << shift);
        // step / price < 1/64, and both ends within reach.
        if low_step <= 64 || high > u64::from(u32::MAX) {
            return false;
        }
        let reach = |price: u64| Ratios::new(log, price as u32, price_ref).is_some();
        if !reach(low) || !reach(high) {
            return false;
        }
        self.low = low as u32;
        self.shift = shift;
        self.count = count;
        self.progress = Progress::Nodes { node: 0, row: 0 };
        self.partial = GroupSums::default();
        self.edges.fill(0);
        self.log_tail = self.log_head;
        self.outdate();
        true
    }

    /// Makes every value and interval stale.
    pub fn outdate(&mut self) {
        self.version = self.version.wrapping_add(1);
        self.fresh = 0;
    }

    /// Takes note of a changed weight. Cheap: nodes catch up when they are looked at.
    #[inline]
    pub fn record(&mut self, source: &Source, shape: Shape, change: [i64; 3]) {
        if let Progress::Nodes { row, .. } = &mut self.progress {
            // The rows of the node at hand are half summed: begin it again.
            *row = 0;
            self.partial = GroupSums::default();
        }
        if self.log_head.wrapping_sub(self.log_tail) == LOG_CAPACITY {
            self.retire_oldest(source);
        }
        self.log[(self.log_head % LOG_CAPACITY) as usize] = Pending { shape, change };
        self.log_head = self.log_head.wrapping_add(1);
        self.outdate();
    }

    /// Applies the oldest pending trade to every node that lacks it.
    fn retire_oldest(&mut self, source: &Source) {
        let pending = self.log[(self.log_tail % LOG_CAPACITY) as usize];
        let built = self.nodes_built();
        for node in &mut self.nodes[..built] {
            if node.applied == self.log_tail {
                let sums = pending.shape.contribution(source.normal, &node.at, pending.change);
                node.sums.group(pending.shape.linear).add(sums);
                node.applied = node.applied.wrapping_add(1);
            }
        }
        self.log_tail = self.log_tail.wrapping_add(1);
    }

    fn nodes_built(&self) -> usize {
        match self.progress {
            Progress::Empty => 0,
            Progress::Nodes { node, .. } => node,
            Progress::Built => self.count + 1,
        }
    }

    fn node_price(&self, node: usize) -> u32 {
        self.low + ((node as u32) << self.shift)
    }

    /// Does one small piece of work; false when there is none.
    pub fn work(&mut self, source: &Source) -> bool {
        match self.progress {
            Progress::Empty => false,
            Progress::Nodes { node, row } => {
                self.sum_some_rows(source, node, row);
                true
            }
            Progress::Built => self.refresh_next(source),
        }
    }

    /// Finishes build and updates.
    pub fn complete(&mut self, source: &Source) {
        while self.work(source) {}
    }

    fn sum_some_rows(&mut self, source: &Source, node: usize, row: usize) {
        let price = self.node_price(node);
        // `start` has checked both ends, so every node between is within reach.
        let at = Ratios::new(source.log, price, source.bank.scale.price_ref).unwrap_or_default();
        let first = source.slots.0 + row;
        let last = (first + ROWS_PER_STEP).min(source.slots.1);
        let part = source.option_sums(at.x, first, last);
        self.partial.inverse.add(part.inverse);
        self.partial.linear.add(part.linear);
        if last < source.slots.1 {
            self.progress = Progress::Nodes { node, row: row + ROWS_PER_STEP };
            return;
        }
        source.add_ranges(&at, &mut self.partial);
        let step_ratio = step_ratio(self.shift, price);
        self.nodes[node] = Node { sums: self.partial, at, step_ratio, applied: self.log_head };
        self.partial = GroupSums::default();
        if node > 0 && source.has_edge_between(&self.nodes[node - 1].at, &at) {
            self.edges[(node - 1) / 64] |= 1 << ((node - 1) % 64);
        }
        self.progress = if node == self.count { Progress::Built } else { Progress::Nodes { node: node + 1, row: 0 } };
    }

    fn refresh_next(&mut self, source: &Source) -> bool {
        while self.fresh < self.count {
            let index = self.fresh;
            self.fresh += 1;
            if !self.is_fresh(index) {
                self.refresh(source, index);
                return true;
            }
        }
        self.log_tail = self.log_head;
        false
    }

    /// Where a price falls on a built ladder.
    #[inline(always)]
    pub fn place(&self, price: u32) -> Place {
        let offset = price.wrapping_sub(self.low);
        let index = (offset >> self.shift) as usize;
        if index >= self.count {
            return Place::Outside;
        }
        // What is left of the interval goes to the top of the word, and from there to 2^-16.
        let t = (offset << (u32::BITS - self.shift)) >> (u32::BITS - FRACTION_BITS);
        Place::Inside { index, t: i64::from(t) }
    }

    /// Delta at a price, where a fresh interval's cubic answers.
    #[inline]
    pub fn delta(&self, price: u32) -> Option<i64> {
        let Place::Inside { index, t } = self.place(price) else { return None };
        let interval = &self.intervals[index];
        (self.is_fresh(index) && interval.error != EXACT).then(|| interval.delta(t))
    }

    /// Whether an interval is up to date; one that is not must be refreshed before it is used.
    #[inline(always)]
    pub fn is_fresh(&self, index: usize) -> bool {
        self.intervals[index].version == self.version
    }

    /// Brings the nodes around an interval up to date and works the interval out again.
    pub fn refresh(&mut self, source: &Source, index: usize) {
        let (first, last) = self.around(index);
        self.catch_up(source, first, last);
        let version = self.version;
        for (node, value) in self.nodes[first..=last].iter().zip(&mut self.values[first..=last]) {
            if value.version != version {
                *value = NodeValue { version, ..NodeValue::new(&node.sums, source.bank, &node.at, node.step_ratio) };
            }
        }
        self.intervals[index] = self.make_interval(source, index);
    }

    /// Applies pending trades to the nodes `first..=last`.
    fn catch_up(&mut self, source: &Source, first: usize, last: usize) {
        #[cfg(target_arch = "x86_64")]
        if last - first == 3 {
            self.catch_up_four(source, first);
        }
        for node in &mut self.nodes[first..=last] {
            while node.applied != self.log_head {
                let pending = &self.log[(node.applied % LOG_CAPACITY) as usize];
                let sums = pending.shape.contribution(source.normal, &node.at, pending.change);
                node.sums.group(pending.shape.linear).add(sums);
                node.applied = node.applied.wrapping_add(1);
            }
        }
    }

    /// The options among what is pending, at four nodes at once, as long as the four agree. Products are
    /// taken one by one: there is no vector product of 64 bits, and what stands in for it costs more.
    #[cfg(target_arch = "x86_64")]
    fn catch_up_four(&mut self, source: &Source, first: usize) {
        if source.form != Form::Avx2 || !crate::avx2::is_supported() {
            return;
        }
        let Some(nodes) = self.nodes[first..].first_chunk_mut::<4>() else { return };
        let x = [nodes[0].at.x, nodes[1].at.x, nodes[2].at.x, nodes[3].at.x];
        loop {
            let applied = nodes[0].applied;
            let pending = &self.log[(applied % LOG_CAPACITY) as usize];
            let agree = nodes.iter().all(|node| node.applied == applied);
            if applied == self.log_head || !agree || !pending.shape.is_option() {
                return;
            }
            // SAFETY: the CPU has AVX2.
            let normal = unsafe { crate::avx2::normal_at_four(source.normal, pending.shape.a, pending.shape.b, x) };
            for (k, node) in nodes.iter_mut().enumerate() {
                let [h, phi] = normal.map(|four| i64::from(four[k] as i32));
                let sums = crate::row::Sums {
                    delta: pending.change[0] * h,
                    gamma: pending.change[1] * phi,
                    vega: pending.change[2] * phi,
                };
                node.sums.group(pending.shape.linear).add(sums);
                node.applied = applied.wrapping_add(1);
            }
        }
    }

    /// Works out an interval whose nodes and neighbours are up to date.
    fn make_interval(&self, source: &Source, index: usize) -> Interval {
        let (a, b) = (&self.values[index], &self.values[index + 1]);
        let rise = b.delta - a.delta;
        let cubic = [a.delta, a.slope, 3 * rise - 2 * a.slope - b.slope, third(a, b)];
        let mut interval =
            Interval { cubic, vega: [a.vega, b.vega - a.vega], version: self.version, ..Interval::default() };
        let middle = self.node_price(index) + (1 << (self.shift - 1));
        let half = 1 << (FRACTION_BITS - 1);
        let slope_middle = interval.slope(half) * i128::from(middle);
        let gamma_middle = saturate(slope_middle >> self.shift, GAMMA_BITS).0;
        let gamma = source
            .band_gamma(gamma_middle, interval.delta(half))
            .max(source.band_gamma(a.gamma, a.delta))
            .max(source.band_gamma(b.gamma, b.delta));
        interval.band = source.band(gamma, middle);
        interval.error = self.error_bound(&source.bank.scale, index, middle);
        interval
    }

    /// The four nodes that an interval and its error bound follow from (three, where there are no
    /// more): its own and the ones beside them, or beside one of them at an end of the ladder.
    fn around(&self, index: usize) -> (usize, usize) {
        let first = index.saturating_sub(1).min(self.count.saturating_sub(3));
        (first, (first + 3).min(self.count))
    }

    /// Error bound of a cubic from the nodes around it, or `EXACT`: the larger of
    /// * a sixteenth of how much the third coefficient changes between the intervals (it estimates the
    ///   fourth derivative; a sixty-fourth is the leading term of theory);
    /// * four times by how much the cubic misses the polynomial of degree 7 through all values and slopes, in the
    ///   middle: where rows of both signs make the third coefficients agree by chance.
    fn error_bound(&self, scale: &Scale, index: usize, middle: u32) -> u32 {
        let (a, b) = (&self.values[index], &self.values[index + 1]);
        let has_edge = self.edges[index / 64] >> (index % 64) & 1 == 1;
        if has_edge || a.saturated || b.saturated {
            return EXACT;
        }
        let (first, last) = self.around(index);
        let nodes = &self.values[first..=last];
        let jumps = nodes.windows(3).map(|n| third(&n[0], &n[1]).abs_diff(third(&n[1], &n[2])));
        let jump = jumps.fold(0, u64::max);
        let miss = nodes.first_chunk().map_or(0, |nodes| miss_512(nodes).unsigned_abs());
        let bound = (jump >> 4).max(miss >> 7) + ROUNDING;
        let contracts = scale.contracts_of(bound as i64, middle).unsigned_abs() + 1;
        if contracts > ERROR_MAX { EXACT } else { contracts as u32 }
    }

    /// Largest error bound of the intervals that their cubics answer, and how many are answered
    /// exactly. The ladder must be settled.
    pub fn summary(&self) -> (u32, u32) {
        let intervals = &self.intervals[..self.count];
        let exact = intervals.iter().filter(|interval| interval.error == EXACT).count();
        let largest = intervals.iter().map(|i| i.error).filter(|&error| error != EXACT).max();
        (largest.unwrap_or(0), exact as u32)
    }

    /// Greeks at fraction `t` of a fresh interval; `None` where an exact pass must answer.
    /// Without `want_all`, gamma and vega are zero.
    #[inline(always)]
    pub fn greeks(&self, index: usize, t: i64, price: u32, want_all: bool) -> Option<Greeks> {
        let interval = &self.intervals[index];
        if interval.error == EXACT {
            return None;
        }
        let (gamma, vega) = if want_all { (self.gamma(interval, t, price), interval.vega(t)) } else { (0, 0) };
        let (delta, band, error) = (interval.delta(t), interval.band, interval.error);
        Some(Greeks { delta, gamma, vega, band, error, is_exact: false })
    }

    /// Gamma at fraction `t` of an interval: slope per step times price over step, ladder units.
    fn gamma(&self, interval: &Interval, t: i64, price: u32) -> i64 {
        let slope = interval.slope(t) * i128::from(price);
        saturate(slope >> self.shift, GAMMA_BITS).0
    }
}
