//! The figures as a table for readers and as JSON for machines.

use serde_json::{Map, Value, json};

use crate::instructions::Count;
use crate::machine::Header;
use crate::memory::KernelBytes;
use crate::plan::{Figure, Results};
use crate::scenario::clock::Clock;

/// Key of the figure that all others are also given in; by its tenth percentile, so that load does not flatter them.
const BAR: &str = "f64_avx2_row_ns";

/// Prints the table.
pub fn print(results: &Results, memory: &[KernelBytes], clock: &Clock) {
    let bar = results.find(BAR).map(|bar| bar.p10);
    println!(
        "ns unless said; x f64: median in rows of the float64 bar (its p10); ratios: min is the ratio of the best rounds"
    );
    println!(
        "two readings of the clock, {:.1} ns, are subtracted; its grain is some 10 ns in single shots (p99)\n",
        clock.overhead_ns()
    );
    println!("{:<42}{:>9}{:>9}{:>9}{:>9}{:>9}  budget", "figure", "median", "p10", "min", "p99", "x f64");
    for figure in &results.figures {
        print_line(figure, bar);
    }
    for kernel in memory {
        let sizes = kernel.sizes;
        let kib = kernel.bytes as f64 / 1024.0;
        println!(
            "memory, {} underlyings, {} rows, {} intervals: {kib:.0} KiB",
            sizes.underlyings, sizes.rows, sizes.intervals
        );
    }
    println!("hash of the results {:016x}", results.hash);
    if results.is_smoke {
        println!("SMOKE RUN: a round or so of each, these are no measurements (pass --bench)");
    }
}

fn print_line(figure: &Figure, bar: Option<f64>) {
    let digits = if figure.median < 10.0 { 2 } else { 1 };
    let number = |value: f64| format!("{value:.digits$}");
    let p99 = figure.single_shot.map_or(String::new(), |shot| number(shot.p99));
    let in_rows =
        bar.filter(|_| figure.is_time).map_or(String::new(), |bar| number(figure.median * figure.unit_ns / bar));
    let verdict = match figure.budget {
        Some(budget) if figure.misses() && figure.p10 <= budget => format!("{budget} MISSED, p10 met"),
        Some(budget) if figure.misses() => format!("{budget} MISSED"),
        Some(budget) => format!("{budget} met"),
        None => String::new(),
    };
    let [median, p10] = [figure.median, figure.p10].map(number);
    // The best of single shots is only the grain of the clock.
    let min = if figure.single_shot.is_some() { "-".to_string() } else { number(figure.min) };
    println!("{:<42}{median:>9}{p10:>9}{min:>9}{p99:>9}{in_rows:>9}  {verdict}", figure.label);
}

/// The whole report for machines.
pub fn json(header: &Header, results: &Results, memory: &[KernelBytes], clock: &Clock) -> Value {
    let mut root = Map::new();
    root.insert("header".into(), header.json());
    for figure in &results.figures {
        insert(&mut root, &figure.key, figure_json(figure, results.find(BAR)));
    }
    let bytes = |kernel: &KernelBytes| {
        let sizes = kernel.sizes;
        json!({
            "underlyings": sizes.underlyings, "rows": sizes.rows, "intervals": sizes.intervals, "bytes": kernel.bytes
        })
    };
    root.insert("memory_bytes".into(), memory.iter().map(bytes).collect());
    let missed: Vec<&str> = results.figures.iter().filter(|f| f.misses()).map(|f| f.key.as_str()).collect();
    root.insert("budget_missed".into(), json!(missed));
    root.insert("clock_overhead_ns".into(), json!(rounded(clock.overhead_ns())));
    root.insert("hash".into(), json!(format!("{:016x}", results.hash)));
    root.insert("is_smoke".into(), json!(results.is_smoke));
    Value::Object(root)
}

fn figure_json(figure: &Figure, bar: Option<&Figure>) -> Value {
    let mut value = json!({
        "median": rounded(figure.median),
        "p10": rounded(figure.p10),
        "min": rounded(figure.min),
        "rounds": figure.rounds,
    });
    if let Some(shot) = figure.single_shot {
        value["p50"] = json!(rounded(figure.median));
        value["p99"] = json!(rounded(shot.p99));
        value["middle_mean"] = json!(rounded(shot.middle_mean));
    }
    if let Some(budget) = figure.budget {
        value["budget"] = json!(budget);
        value["within_budget"] = json!(!figure.misses());
    }
    if let Some(bar) = bar.filter(|_| figure.is_time) {
        value["float64_rows"] = json!(rounded(figure.median * figure.unit_ns / bar.p10));
    }
    if !figure.is_time {
        value["median_of_ratios"] = json!(rounded(figure.median));
        value["ratio_of_minima"] = json!(rounded(figure.min));
    }
    value
}

/// Puts a value at a key of several parts.
fn insert(root: &mut Map<String, Value>, key: &str, value: Value) {
    match key.split_once('/') {
        None => {
            root.insert(key.into(), value);
        }
        Some((first, rest)) => {
            let inner = root.entry(first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The report of instruction counts for machines.
pub fn instructions_json(header: &Header, counts: &[Count]) -> Value {
    let mut instructions = Map::new();
    for count in counts {
        instructions.insert(count.name.into(), count.per_operation.map_or(json!("SKIPPED"), |n| json!(rounded(n))));
    }
    json!({ "header": header.json(), "instructions": instructions })
}
