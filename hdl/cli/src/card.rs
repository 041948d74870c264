//! Which card: its parameters, its Verilog, and an engine that runs it.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hedgewire_kernel::Sizes;
use hedgewire_rtl::core::Core;
use hedgewire_rtl::engine::CardSizes;
use hedgewire_rtl::model::{Card, CardError, Design, Icarus, InProcess, Setup, Verilator};
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
        anyhow::ensure!((1..=256).contains(&underlyings), "--underlyings must be 1 to 256");
        anyhow::ensure!((2..=1 << 14).contains(&intervals), "--intervals must be 2 to 16384");
        let is_whole = rows.is_multiple_of(64) && (64..=1 << 20).contains(&rows);
        anyhow::ensure!(is_whole, "--rows must be a multiple of 64, 64 to 1048576");
        Ok(self)
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
pub fn emit_core(parameters: Parameters) -> String {
    with_lanes!(parameters.lanes, N => verilog(Core::<N>::new(parameters.into()), "top"))
}

/// The Verilog of the whole card, as `card`: what is built for a board. `build` is the start of the
/// revision that it is built from.
pub fn emit_card(parameters: Parameters, build: [u8; 8]) -> String {
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

/// The card, ready to run. `sabotage` is a text of its Verilog and what is put in its place.
pub fn start(
    parameters: Parameters,
    engine: Engine,
    sabotage: Option<&(String, String)>,
    cache: &Path,
    setup: Setup,
) -> anyhow::Result<Box<dyn Card>> {
    if engine == Engine::Rusthdl {
        anyhow::ensure!(sabotage.is_none(), "--sabotage changes Verilog; choose --engine verilator or icarus");
        return Ok(
            with_lanes!(parameters.lanes, N => Box::new(InProcess::new(Core::<N>::new(parameters.into()), setup))),
        );
    }
    let mut text = emit_core(parameters);
    if let Some((old, new)) = sabotage {
        anyhow::ensure!(text.contains(old), "the Verilog has no {old:?} to replace");
        text = text.replacen(old, new, 1);
    }
    let design = Design::new(text)?;
    let card: Result<Box<dyn Card>, CardError> = match engine {
        Engine::Icarus => Icarus::new(&design, setup).map(|card| Box::new(card) as _),
        _ => Verilator::new(&design, cache, setup).map(|card| Box::new(card) as _),
    };
    Ok(card?)
}
