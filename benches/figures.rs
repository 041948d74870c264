//! The figures of the kernel: what a quote, a trade, a row and a build cost, next to the float64 bar.
//!
//! ```text
//!   scripts/bench [--quick] [--only TEXT] [--json FILE] [--core N] [--instructions]
//!
//!   plan (entries of one to three bodies) --> sweeps over all entries, bodies of an entry alternating
//!        --> samples --> table, each figure also in rows of the float64 bar; JSON
//! ```
//!
//! # Budget, ns, for the median on a quiet machine
//!
//! | figure | budget | a regression means |
//! |---|---|---|
//! | quote, in band or hedging | 30, aim 20 | the path from command to event grew: a copy, a wide division, a bounds check, or a line of memory more |
//! | cubic alone | 15 | the interval is no longer one cache line, or its Horner chain is no longer 64 bit |
//! | row at a node, AVX2 | 1.25 of float64, aim 1 | the integer kernel has lost its reason: floats would do the same work faster |
//! | trade of one row, decision included | 200 | the band is recomputed for more than one interval, or by a slow root |
//!
//! A trade's own part are four nodes, one interval and a cube root. The figures are printed whatever they are and the
//! exit code is 0: speed is not a test. Where a budget is missed, the table says so.
//!
//! # Method
//!
//! One pinned core. Commands are encoded beforehand; each command's address depends on the event before it, so times
//! are latencies. Each sweep visits every entry, so that a noisy moment touches all of them; ratios are formed inside a
//! round whose bodies alternate. The first rounds of a visit warm up and do not count. Single shots (cold quotes, lone
//! trades) go through an HDR histogram, less the cost of reading the clock. Everything here is measured on the CPU;
//! nothing is simulated.
//!
//! Without `--bench` (as `cargo test --benches` calls it) every body runs a few rounds and nothing is claimed.
//! `--instructions` counts instructions under callgrind instead, which is repeatable on a machine that is not quiet.

#[path = "figures/instructions.rs"]
mod instructions;
#[path = "figures/machine.rs"]
mod machine;
#[path = "figures/memory.rs"]
mod memory;
#[path = "figures/plan.rs"]
mod plan;
#[path = "figures/report.rs"]
mod report;
mod scenario;

use std::path::PathBuf;

use hedgewire_kernel::Form;
use scenario::clock::Clock;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// What the command line asks for.
#[derive(Debug, Default)]
struct Arguments {
    quick: bool,
    is_bench: bool,
    instructions: bool,
    /// Set by the process that counts instructions: run this body and nothing else.
    instruction_loop: Option<String>,
    /// Measure only entries with this in a key.
    only: Option<String>,
    json: Option<PathBuf>,
    core: Option<usize>,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Self {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => arguments.quick = true,
                "--bench" => arguments.is_bench = true,
                "--instructions" => arguments.instructions = true,
                "--instruction-loop" => arguments.instruction_loop = words.next(),
                "--only" => arguments.only = words.next(),
                "--json" => arguments.json = words.next().map(PathBuf::from),
                "--core" => arguments.core = words.next().and_then(|core| core.parse().ok()),
                other => eprintln!("figures: {other:?} is not an option and is ignored"),
            }
        }
        arguments
    }

    fn effort(&self) -> plan::Effort {
        match (self.is_bench, self.quick) {
            (false, _) => plan::Effort::Smoke,
            (true, true) => plan::Effort::Quick,
            (true, false) => plan::Effort::Full,
        }
    }
}

fn main() {
    let arguments = Arguments::read(std::env::args().skip(1));
    if let Some(name) = &arguments.instruction_loop {
        return instructions::run_loop(name);
    }
    let pinned = machine::pin(arguments.core);
    let form = Form::best();
    let header = machine::Header::read(pinned, form);
    println!("{header}");
    if arguments.instructions {
        let counts = instructions::count();
        instructions::print(&counts);
        return write_json(&arguments, &report::instructions_json(&header, &counts));
    }
    let clock = Clock::new();
    let results = plan::measure(form, arguments.effort(), arguments.only.as_deref().unwrap_or(""), &clock);
    let memory = memory::of_kernels(form);
    report::print(&results, &memory, &clock);
    write_json(&arguments, &report::json(&header, &results, &memory, &clock));
}

fn write_json(arguments: &Arguments, json: &serde_json::Value) {
    let Some(path) = &arguments.json else { return };
    if let Err(error) = std::fs::write(path, format!("{json:#}\n")) {
        eprintln!("figures: {} was not written: {error}", path.display());
    }
}
