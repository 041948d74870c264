//! What is measured, how often, and what is made of the samples.

use std::hint::black_box;

use hdrhistogram::Histogram;
use hedgewire_kernel::Form;

use crate::scenario::body::{self, AnyBody, BURST, NODES};
use crate::scenario::clock::Clock;

/// Rows of the exact pass that a row is timed by.
pub const PASS_ROWS: usize = 4096;
/// Rows of the portfolio that is built.
pub const BUILD_ROWS: usize = 1000;
/// Rounds of a visit that do not count.
const WARM_UP: usize = 4;
/// Depths of the stack at which rounds take turns: all together they cover a page.
const DEPTHS: usize = 13;
/// Bytes by which two depths differ, and a little more.
const FRAME: usize = 320;
/// Digits that histograms of single shots keep.
const DIGITS: u8 = 3;

/// How long to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Once, to see that it runs.
    Smoke,
    /// Well below a minute.
    Quick,
    /// Minutes.
    Full,
}

impl Effort {
    fn sweeps(self) -> usize {
        match self {
            Self::Smoke => 1,
            Self::Quick => 300,
            Self::Full => 2000,
        }
    }

    fn rounds(self, rounds: usize) -> usize {
        if self == Self::Smoke { 1 } else { rounds }
    }
}

/// A body whose rounds are one figure.
struct Measured {
    /// Where it goes in the JSON, parts separated by `/`.
    key: String,
    label: String,
    /// Figure per nanosecond: 1, or 0.001 for microseconds.
    scale: f64,
    budget: Option<f64>,
    is_single_shot: bool,
    body: AnyBody,
    samples: Vec<f64>,
}

impl Measured {
    fn new(key: impl Into<String>, label: impl Into<String>, body: AnyBody) -> Self {
        let (key, label) = (key.into(), label.into());
        Self { key, label, scale: 1.0, budget: None, is_single_shot: false, body, samples: Vec::new() }
    }

    fn budget(self, ns: f64) -> Self {
        Self { budget: Some(ns), ..self }
    }

    fn single_shot(self) -> Self {
        Self { is_single_shot: true, ..self }
    }

    fn micro(self) -> Self {
        Self { scale: 1e-3, ..self }
    }
}

/// Bodies that alternate, and how many rounds of them make a visit.
struct Entry {
    rounds: usize,
    measured: Vec<Measured>,
}

/// Median, tail and best of many rounds.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Where it goes in the JSON, parts separated by `/`.
    pub key: String,
    /// For readers.
    pub label: String,
    /// Largest median that is within the budget.
    pub budget: Option<f64>,
    /// Whether it is a time, and not a ratio.
    pub is_time: bool,
    /// Nanoseconds in its unit.
    pub unit_ns: f64,
    /// Rounds.
    pub rounds: usize,
    /// Median over the rounds.
    pub median: f64,
    /// Tenth percentile.
    pub p10: f64,
    /// Best round.
    pub min: f64,
    /// Of single shots only.
    pub single_shot: Option<SingleShot>,
}

/// What single shots have to add.
#[derive(Debug, Clone, Copy)]
pub struct SingleShot {
    /// 99th percentile.
    pub p99: f64,
    /// Mean of the middle half: finer than the grain of the clock, which the median is not.
    pub middle_mean: f64,
}

impl Figure {
    /// Whether the median is over the budget.
    pub fn misses(&self) -> bool {
        self.budget.is_some_and(|budget| self.median > budget)
    }

    fn of(measured: &Measured) -> Self {
        let mut figure = Self::of_samples(&measured.key, &measured.label, &measured.samples, measured.scale);
        figure.budget = measured.budget;
        if measured.is_single_shot {
            figure.use_histogram(&measured.samples);
        }
        figure
    }

    fn of_samples(key: &str, label: &str, samples: &[f64], scale: f64) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize] * scale;
        Self {
            key: key.to_string(),
            label: label.to_string(),
            budget: None,
            is_time: true,
            unit_ns: 1.0 / scale,
            rounds: sorted.len(),
            median: at(0.5),
            p10: at(0.1),
            min: at(0.0),
            single_shot: None,
        }
    }

    /// Takes the percentiles from a histogram of whole nanoseconds.
    fn use_histogram(&mut self, samples: &[f64]) {
        let mut histogram = Histogram::<u64>::new(DIGITS).expect("three digits are few enough");
        for sample in samples {
            histogram.saturating_record(sample.round() as u64);
        }
        let at = |share: f64| histogram.value_at_quantile(share) as f64;
        (self.median, self.p10, self.min) = (at(0.5), at(0.1), histogram.min() as f64);
        let (first, last) = (at(0.25), at(0.75));
        let (count, sum) = samples
            .iter()
            .filter(|&&ns| first <= ns.round() && ns.round() <= last)
            .fold((0, 0.0), |(n, sum), ns| (n + 1, sum + ns));
        self.single_shot = Some(SingleShot { p99: at(0.99), middle_mean: sum / f64::from(count) });
    }
}

/// All that was measured.
pub struct Results {
    /// Figures, in the order of the plan, ratios and differences at the end.
    pub figures: Vec<Figure>,
    /// Hash of all that the kernels said.
    pub hash: u64,
    /// Whether the rounds were enough to say anything.
    pub is_smoke: bool,
}

impl Results {
    /// The figure of that key.
    pub fn find(&self, key: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.key == key)
    }
}

/// Carries the plan out, or the entries of it that have `only` in a key.
pub fn measure(form: Form, effort: Effort, only: &str, clock: &Clock) -> Results {
    let mut entries = plan(form);
    entries.retain(|entry| entry.measured.iter().any(|measured| measured.key.contains(only)));
    for _ in 0..effort.sweeps() {
        for entry in &mut entries {
            visit(entry, effort, clock);
        }
    }
    let all = || entries.iter().flat_map(|entry| &entry.measured);
    let mut figures: Vec<Figure> = all().map(Figure::of).collect();
    figures.extend(derived(&entries));
    let hash = all().fold(0u64, |hash, measured| hash.rotate_left(9) ^ measured.body.hash());
    Results { figures, hash, is_smoke: effort == Effort::Smoke }
}

fn visit(entry: &mut Entry, effort: Effort, clock: &Clock) {
    for round in 0..WARM_UP + effort.rounds(entry.rounds) {
        at_depth(round % DEPTHS, &mut || {
            for measured in &mut entry.measured {
                let ns = measured.body.ns(clock);
                if round >= WARM_UP {
                    measured.samples.push(ns);
                }
            }
        });
    }
}

/// Does the work at another depth of the stack.
///
/// Where the stack lies within its page is drawn anew for each process. Measured without this, one process of eight had
/// the float64 bar at 1.3 to 2 times its time from first round to last (its spills then meet its operands, most likely),
/// which would flatter us. So the rounds take turns.
#[inline(never)]
fn at_depth(depth: usize, work: &mut dyn FnMut()) {
    let frame = black_box([0u8; FRAME]);
    if depth == 0 {
        work();
    } else {
        at_depth(depth - 1, work);
    }
    black_box(&frame);
}

fn plan(form: Form) -> Vec<Entry> {
    let mut entries = quote_entries(form);
    entries.extend(cold_entries(form));
    entries.extend(trade_entries(form));
    entries.extend(row_entries(form));
    entries
}

fn alone(rounds: usize, measured: Measured) -> Entry {
    Entry { rounds, measured: vec![measured] }
}

fn quote_entries(form: Form) -> Vec<Entry> {
    let quote = |rows: usize| {
        let label = format!("quote, in band, {rows} rows");
        Measured::new(format!("quote_ns/{rows}"), label, body::quotes(form, 1, rows)).budget(30.0)
    };
    let without = Measured::new("quote_without_ladder_ns", "quote, refused: no rows", body::refused_quotes(form));
    let hedge = Measured::new("hedge_quote_ns", "quote, sends an order", body::hedges(form, 256)).budget(30.0);
    let pair = body::hedges_and_fills(form, 256);
    let eight =
        Measured::new("quote_eight_ns", "quote, 8 underlyings in turn", body::quotes(form, 8, 512)).budget(30.0);
    vec![
        alone(100, quote(16)),
        Entry { rounds: 100, measured: vec![quote(256), without] },
        alone(100, quote(4096)),
        alone(100, Measured::new("quote_jump_ns", "quote, anywhere on the ladder", body::jumping_quotes(form, 256))),
        alone(100, eight),
        alone(100, Measured::new("cubic_ns", "cubic alone", body::cubics(form, 256)).budget(15.0)),
        alone(500, hedge),
        alone(100, Measured::new("hedge_and_fill_ns", "quote, order and its fill", pair)),
    ]
}

fn cold_entries(form: Form) -> Vec<Entry> {
    let cold = |rounds: usize, name: &str, bytes: usize| {
        let body = body::cold_quote(form, 256, bytes);
        let label = format!("quote, after {name} of other data");
        alone(rounds, Measured::new(format!("quote_cold_ns/{name}"), label, body).single_shot())
    };
    vec![cold(500, "0KB", 0), cold(500, "256KB", 256 << 10), cold(100, "4MB", 4 << 20)]
}

fn trade_entries(form: Form) -> Vec<Entry> {
    let mut entries = Vec::new();
    for rows in [16, 256, 4096] {
        let single = Measured::new(
            format!("trade_ns/{rows}/single"),
            format!("trade, alone, {rows} rows"),
            body::trades(form, rows, 1),
        );
        entries.push(alone(100, single.single_shot().budget(200.0)));
        let burst = Measured::new(
            format!("trade_ns/{rows}/amortised"),
            format!("trade, {BURST} in a row, {rows} rows"),
            body::trades(form, rows, BURST),
        );
        entries.push(alone(50, burst.budget(200.0)));
    }
    let settle = Measured::new("settle_us", "background work after a trade, us", body::settling(form, 256));
    entries.push(alone(20, settle.micro()));
    entries
}

fn row_entries(form: Form) -> Vec<Entry> {
    let pass = |form: Form| {
        let label = format!("row, {}, exact pass of {PASS_ROWS}", form.name());
        Measured::new(format!("row_node_ns/{}", form.name()), label, body::exact_pass(form, PASS_ROWS))
    };
    let build = Measured::new(
        "build_us",
        format!("build, {BUILD_ROWS} rows x {NODES} nodes, us"),
        body::builds(form, BUILD_ROWS),
    );
    let mut rows = Entry { rounds: 50, measured: vec![pass(form)] };
    let mut builds = Entry { rounds: 5, measured: vec![build.micro()] };
    if let Some(bar) = body::float64_passes(PASS_ROWS, 1) {
        let label = format!("row, float64 AVX2 bar, {PASS_ROWS} rows");
        rows.measured.push(Measured::new("f64_avx2_row_ns", label, bar));
    }
    if let Some(bar) = body::float64_passes(BUILD_ROWS, NODES) {
        let label = format!("row, float64 AVX2 bar, {BUILD_ROWS} rows x {NODES}");
        builds.measured.push(Measured::new("f64_avx2_row_1000_ns", label, bar));
    }
    let mut entries = vec![rows, builds];
    if form != Form::Scalar {
        entries.push(alone(5, pass(Form::Scalar)));
    }
    let write = Measured::new("write_row_ns", "row written to the bank", body::row_writes(form, BUILD_ROWS));
    entries.push(alone(5, write));
    entries
}

/// Figures that are made of two bodies of one entry, round by round.
fn derived(entries: &[Entry]) -> Vec<Figure> {
    let samples = |key: &str| {
        let mut all = entries.iter().flat_map(|entry| &entry.measured);
        all.find(|measured| measured.key == key).map(|measured| measured.samples.as_slice())
    };
    let mut figures = Vec::new();
    let form = Form::best().name();
    if let (Some(row), Some(bar)) = (samples(&format!("row_node_ns/{form}")), samples("f64_avx2_row_ns")) {
        let ratio = ratio("row_over_float64", "row over float64", row, bar, 1.0);
        figures.push(Figure { budget: Some(1.25), ..ratio });
    }
    if let (Some(build), Some(bar)) = (samples("build_us"), samples("f64_avx2_row_1000_ns")) {
        let nodes_rows = (BUILD_ROWS * NODES) as f64;
        figures.push(ratio("build_over_float64", "build over float64, nodes finished", build, bar, 1.0 / nodes_rows));
        let row = "row, build divided by rows x nodes";
        figures.push(Figure::of_samples("build_row_node_ns", row, build, 1.0 / nodes_rows));
        if let Some(figure) = figures.last_mut() {
            figure.unit_ns = 1.0;
        }
    }
    figures
}

/// Ratio within the rounds; its `min` is the ratio of the best rounds.
fn ratio(key: &str, label: &str, upper: &[f64], lower: &[f64], scale: f64) -> Figure {
    let ratios: Vec<f64> = upper.iter().zip(lower).map(|(a, b)| a * scale / b).collect();
    let mut figure = Figure::of_samples(key, label, &ratios, 1.0);
    figure.min = smallest(upper) * scale / smallest(lower);
    figure.is_time = false;
    figure
}

fn smallest(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(f64::INFINITY, f64::min)
}
