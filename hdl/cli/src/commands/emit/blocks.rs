//! The table of the card's blocks: what each exports as `LATENCY` and `II`.

use hedgewire_rtl::elementary::{CubeRoot, Logarithm, RatioUnit, SquareRoot};
use hedgewire_rtl::finish::{IntervalUnit, NodeUnit, RiskUnit};
use hedgewire_rtl::host::{Fifo, Ring, Shell};
use hedgewire_rtl::lanes::{Lane, Lanes, Normal};
use hedgewire_rtl::{bank, book, desk, offset};

/// A block of fixed timing, in cycles. `interval` is empty where one operation ends before the next begins.
struct Block {
    name: &'static str,
    latency: usize,
    interval: Option<usize>,
}

/// Every block of fixed timing.
fn blocks() -> Vec<Block> {
    let block = |name, latency, interval| Block { name, latency, interval };
    vec![
        block("desk: the decision", desk::LATENCY, Some(1)),
        block("desk, for one underlying", desk::LATENCY, Some(desk::INTERVAL)),
        block("Phi and phi", Normal::LATENCY, Some(Normal::II)),
        block("lane", Lane::LATENCY, Some(Lane::II)),
        block("pass over the rows of 1 lane, beyond its rows", Lanes::<1>::LATENCY, None),
        block("logarithm", Logarithm::LATENCY, None),
        block("square root", SquareRoot::LATENCY, None),
        block("cube root", CubeRoot::LATENCY, None),
        block("ratios of a node", RatioUnit::LATENCY, None),
        block("values of a node", NodeUnit::LATENCY, Some(NodeUnit::II)),
        block("interval", IntervalUnit::LATENCY, None),
        block("interval whose band is a root", IntervalUnit::LATENCY_ROOT, None),
        block("numbers of a risk event", RiskUnit::LATENCY, None),
        block("bank: a row, or a trade in one bank", bank::LATENCY, None),
        block("bank: a trade in both", bank::LATENCY_BOTH, None),
        block("book: an order update", book::LATENCY, None),
        block("coin constant and target", offset::LATENCY, None),
        block("shell: pins to core", Shell::COMMAND_LATENCY, Some(Shell::II)),
        block("shell: core to pins", Shell::EVENT_LATENCY, Some(Ring::II)),
        block("queue", Fifo::<1>::LATENCY, Some(Fifo::<1>::II)),
    ]
}

/// The table as Markdown.
pub fn table() -> String {
    let mut text = "| block | latency, cycles | interval, cycles |\n|---|---:|---:|\n".to_owned();
    for Block { name, latency, interval } in blocks() {
        let interval = interval.map_or_else(String::new, |cycles| cycles.to_string());
        text += &format!("| {name} | {latency} | {interval} |\n");
    }
    text
}
