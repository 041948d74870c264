//! A card chosen at run time: its parameters, its Verilog, and an engine that runs it.
//!
//! ```text
//!   Parameters --core_verilog--> Verilog of the core --start_verilog--> Card
//!       |   \--card_verilog--> Verilog of the whole card                ^
//!       +------------------------- start -------------------------------+
//! ```
//!
//! The number of lanes is part of a card's type. All of these types are compiled here and nowhere else:
//! nothing that is public is generic over them.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hedgewire_kernel::Sizes;
use hedgewire_rtl::core::Core;
use hedgewire_rtl::engine::CardSizes;
use hedgewire_rtl::model::{Card, Design, Icarus, InProcess, Setup, Verilator};
use hedgewire_rtl::top::Top;
use hedgewire_rtl::verilog::verilog_of;
use rust_hdl::prelude::Block;

/// Numbers of lanes that a card can be built with.
pub const LANES: [usize; 5] = [1, 2, 4, 8, 16];

/// What a card is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Lanes; one of [`LANES`].
    pub lanes: usize,
    /// Rows, intervals, underlyings.
    pub sizes: Sizes,
}

impl Parameters {
    /// Reads the number of lanes from the command line.
    pub fn parse_lanes(text: &str) -> Result<usize, String> {
        let lanes = text.parse().ok().filter(|lanes| LANES.contains(lanes));
        lanes.ok_or_else(|| format!("a card has {LANES:?} lanes"))
    }

    /// Checks what the kernel asks of its sizes.
    pub fn checked(self) -> anyhow::Result<Self> {
        let Sizes { underlyings, rows, intervals } = self.sizes;
        anyhow::ensure!(LANES.contains(&self.lanes), "a card has {LANES:?} lanes, not {}", self.lanes);
        anyhow::ensure!((1..=256).contains(&underlyings), "--underlyings must be 1 to 256");
        anyhow::ensure!((2..=1 << 14).contains(&intervals), "--intervals must be 2 to 16384");
        let is_whole = rows.is_multiple_of(64) && (64..=1 << 20).contains(&rows);
        anyhow::ensure!(is_whole, "--rows must be a multiple of 64, 64 to 1048576");
        Ok(self)
    }

    /// Cycles after which a card that says nothing hangs. The longest that one may be silent is a swap behind a build, or
    /// an exact pass; this is several times that.
    pub fn patience_cycles(self) -> u64 {
        let Sizes { rows, intervals, .. } = self.sizes;
        100_000 + 8 * (rows as u64 + 200) * (intervals as u64 + 1)
    }
}

impl From<Parameters> for CardSizes {
    fn from(Parameters { sizes: Sizes { underlyings, rows, intervals }, .. }: Parameters) -> Self {
        Self { rows, intervals, underlyings }
    }
}

/// `$body` with the constant `$N` for the number of lanes, which is part of a card's type.
macro_rules! with_lanes {
    ($lanes:expr, $N:ident => $body:expr) => {
        match $lanes {
            1 => with_lanes!(@ $N = 1 => $body),
            2 => with_lanes!(@ $N = 2 => $body),
            4 => with_lanes!(@ $N = 4 => $body),
            8 => with_lanes!(@ $N = 8 => $body),
            _ => with_lanes!(@ $N = 16 => $body),
        }
    };
    (@ $N:ident = $lanes:literal => $body:expr) => {{
        const $N: usize = $lanes;
        $body
    }};
}

fn verilog(mut block: impl Block, name: &str) -> String {
    block.connect_all();
    verilog_of(&block, name)
}

/// The Verilog of the core alone, as `top`: what the engines run.
pub fn core_verilog(parameters: Parameters) -> String {
    with_lanes!(parameters.lanes, N => verilog(Core::<N>::new(parameters.into()), "top"))
}

/// The Verilog of the whole card, as `card`: what is built for a board. `build` is the start of the
/// revision that it is built from.
pub fn card_verilog(parameters: Parameters, build: [u8; 8]) -> String {
    with_lanes!(parameters.lanes, N => verilog(Top::<N>::new(parameters.into(), build), "card"))
}

/// What runs a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The source, in process.
    Rusthdl,
    /// The Verilog, compiled.
    Verilator,
    /// The Verilog, interpreted.
    Icarus,
}

impl Engine {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rusthdl => "rusthdl",
            Self::Verilator => "verilator",
            Self::Icarus => "icarus",
        }
    }
}

/// Where compiled models are kept: beside this program's own build, or with the temporary files.
pub fn cache() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|folder| folder.ends_with("target"));
    target.map_or_else(|| std::env::temp_dir().join("hedgewire-models"), |target| target.join("models"))
}

/// A core, ready to run. `cache` is where compiled models are kept; see [`cache`].
///
/// # Errors
/// If the engine is not installed, or cannot run it.
pub fn start(parameters: Parameters, engine: Engine, cache: &Path, setup: Setup) -> anyhow::Result<Box<dyn Card>> {
    if engine != Engine::Rusthdl {
        return start_verilog(core_verilog(parameters), engine, cache, setup);
    }
    Ok(with_lanes!(parameters.lanes, N => Box::new(InProcess::new(Core::<N>::new(parameters.into()), setup))))
}

/// A core of which this is the Verilog, ready to run.
///
/// # Errors
/// If the engine is not installed, or cannot run it; if it is one that runs no Verilog.
pub fn start_verilog(verilog: String, engine: Engine, cache: &Path, setup: Setup) -> anyhow::Result<Box<dyn Card>> {
    let design = Design::new(verilog)?;
    Ok(match engine {
        Engine::Rusthdl => anyhow::bail!("the source runs without Verilog; choose --engine verilator or icarus"),
        Engine::Verilator => Box::new(Verilator::new(&design, cache, setup)?),
        Engine::Icarus => Box::new(Icarus::new(&design, setup)?),
    })
}

/// A card is one value, of several megabytes with many lanes, and is moved: no stack for a main thread.
const STACK_BYTES: usize = 1 << 28;

/// Does the work in a thread in which every card can be made.
///
/// # Errors
/// If the system gives no thread.
pub fn on_a_large_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<T> {
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work)?;
    // A panic has said why.
    Ok(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}
