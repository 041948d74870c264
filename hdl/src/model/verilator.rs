//! The Verilog, compiled by Verilator into a shared library and run in process.
//!
//! ```text
//!   Verilog, shim.cpp --verilator, c++, once per text--> cache/<hash>/card.so --> Card
//!   Rust -> Batch of commands -> card_run: thousands of cycles -> events -> Rust
//! ```
//!
//! One call runs a whole batch, so that the boundary between the languages costs nothing. A library
//! stays in the cache beside the Verilog it was made from and is used again for the same text.
//!
//! Invariant: all `unsafe` of the models is in this file.

use std::ffi::{CString, c_char, c_void};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use libloading::Library;

use super::stalls::{LEVEL_CYCLES, LEVELS};
use super::{Answer, Card, CardError, Design, Log, RESET_CYCLES, Record, Setup, Stalls, Trace};

const SHIM: &str = include_str!("shim.cpp");
/// What the cached Verilog is called.
const SOURCE_NAME: &str = "card.v";
/// What the library is called.
const LIBRARY_NAME: &str = "card.so";
/// Events of one call.
const BATCH_EVENTS: usize = 4_096;
/// Words of an event in a batch: the record and its cycle.
const EVENT_WORDS: usize = 9;

/// The compiled model that is called.
type Model = *mut c_void;

/// One call's commands and events; `Batch` of the shim.
#[repr(C)]
struct Batch {
    commands: *const u64,
    accepted: *mut u64,
    command_count: u64,
    events: *mut u64,
    event_capacity: u64,
    cycles: u64,
    patience: u64,
    commands_taken: u64,
    event_count: u64,
    cycle: u64,
    is_hung: u64,
    built: u64,
}

/// Functions of the library; valid as long as it is loaded.
#[derive(Clone, Copy)]
struct Functions {
    create: unsafe extern "C" fn(u64, *const c_char, u64, u64) -> Model,
    destroy: unsafe extern "C" fn(Model),
    run: unsafe extern "C" fn(Model, *mut Batch),
    reset: unsafe extern "C" fn(Model, u64),
}

/// A core run by compiled Verilog.
pub struct Verilator {
    model: Model,
    functions: Functions,
    setup: Setup,
    cycle: u64,
    built: u32,
    events: Vec<u64>,
    /// The model keeps a pointer to the path of its waves.
    _waves_path: Option<CString>,
    /// Last, so that the code outlives the model.
    _library: Library,
}

impl Verilator {
    /// Compiles the Verilog, unless `cache` has it already, and loads it.
    ///
    /// # Errors
    /// [`CardError::Missing`] without Verilator, make or a C++ compiler; [`CardError::Failed`] if they
    /// refuse the Verilog; [`CardError::Load`] or [`CardError::File`] if the system does.
    pub fn new(design: &Design, cache: &Path, setup: Setup) -> Result<Self, CardError> {
        let path = compiled(design, cache, setup.trace.is_some())?;
        let load = |source| CardError::Load { path: path.clone(), source };
        // SAFETY: the library was compiled from `SHIM`; all that its initialisers do is set up
        // Verilator's constant tables.
        let library = unsafe { Library::new(&path) }.map_err(load)?;
        // SAFETY: the four functions are those of `SHIM`, whose C signatures are these types.
        let functions = unsafe {
            Functions {
                create: *library.get(b"card_create\0").map_err(load)?,
                destroy: *library.get(b"card_destroy\0").map_err(load)?,
                run: *library.get(b"card_run\0").map_err(load)?,
                reset: *library.get(b"card_reset\0").map_err(load)?,
            }
        };
        let (waves_path, from, to) = match &setup.trace {
            Some(Trace { path, from, to }) => (CString::new(path.as_os_str().as_encoded_bytes()).ok(), *from, *to),
            None => (None, 1, 0),
        };
        let waves = waves_path.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
        // SAFETY: `waves` is null or a C string that lives as long as the model (`_waves_path`).
        let model = unsafe { (functions.create)(Stalls::start(setup.stalls), waves, from, to) };
        let events = vec![0; BATCH_EVENTS * EVENT_WORDS];
        Ok(Self { model, functions, setup, cycle: 0, built: 0, events, _waves_path: waves_path, _library: library })
    }

    /// Runs until the commands are taken (or, if there are none, for `cycles`), or `most_events` have
    /// come; says how many commands were taken.
    fn run(&mut self, commands: &[Record], cycles: u64, most_events: u64, log: &mut Log) -> Result<usize, CardError> {
        let accepted_before = log.accepted.len();
        log.accepted.resize(accepted_before + commands.len(), 0);
        let mut batch = Batch {
            commands: commands.as_ptr().cast(),
            accepted: log.accepted[accepted_before..].as_mut_ptr(),
            command_count: commands.len() as u64,
            events: self.events.as_mut_ptr(),
            event_capacity: most_events.min(BATCH_EVENTS as u64),
            cycles,
            patience: self.setup.patience,
            commands_taken: 0,
            event_count: 0,
            cycle: 0,
            is_hung: 0,
            built: 0,
        };
        // SAFETY: `model` came from `create` and is not destroyed. `commands` has `command_count`
        // records of eight words, `accepted` as many words, `events` room for `event_capacity` times
        // `EVENT_WORDS`; the call writes nothing else and keeps no pointer.
        unsafe { (self.functions.run)(self.model, &raw mut batch) };
        log.accepted.truncate(accepted_before + batch.commands_taken as usize);
        let (events, _) = self.events.as_chunks::<EVENT_WORDS>();
        log.answers.extend(events[..batch.event_count as usize].iter().map(|&[ref record @ .., presented]| {
            let mut words = Record::default();
            words.copy_from_slice(record);
            Answer { record: words, presented }
        }));
        self.cycle = batch.cycle;
        self.built = batch.built as u32;
        if batch.is_hung != 0 {
            return Err(CardError::Hung { cycle: self.cycle, patience: self.setup.patience });
        }
        Ok(batch.commands_taken as usize)
    }
}

impl Card for Verilator {
    fn feed(&mut self, mut commands: &[Record], log: &mut Log) -> Result<(), CardError> {
        while !commands.is_empty() {
            let taken = self.run(commands, 0, u64::MAX, log)?;
            commands = &commands[taken..];
        }
        Ok(())
    }

    fn wait(&mut self, cycles: u64, events: u64, log: &mut Log) -> Result<(), CardError> {
        let (end, enough) = (self.cycle + cycles, log.answers.len() as u64 + events);
        while self.cycle < end && (log.answers.len() as u64) < enough {
            self.run(&[], end - self.cycle, enough - log.answers.len() as u64, log)?;
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), CardError> {
        // SAFETY: `model` came from `create` and is not destroyed.
        unsafe { (self.functions.reset)(self.model, RESET_CYCLES) };
        self.cycle += RESET_CYCLES;
        // A core that was reset has no ladder.
        self.built = 0;
        Ok(())
    }

    fn cycle(&self) -> u64 {
        self.cycle
    }

    fn built(&self) -> u32 {
        self.built
    }
}

impl Drop for Verilator {
    fn drop(&mut self) {
        // SAFETY: `model` came from `create`, is destroyed only here, and the library is still loaded.
        unsafe { (self.functions.destroy)(self.model) };
    }
}

/// The library of a design: from the cache, or compiled into it.
fn compiled(design: &Design, cache: &Path, traced: bool) -> Result<PathBuf, CardError> {
    let shim = shim(design);
    let mut hasher = DefaultHasher::new();
    (&shim, design.verilog(), traced).hash(&mut hasher);
    let home = cache.join(format!("{:016x}", hasher.finish()));
    let library = home.join(LIBRARY_NAME);
    let is_same = |text: String| text == design.verilog();
    if library.is_file() && fs::read_to_string(home.join(SOURCE_NAME)).is_ok_and(is_same) {
        return Ok(library);
    }
    fs::create_dir_all(cache).map_err(CardError::file(cache))?;
    // Whoever compiles the same at the same time has a folder of his own, and one of them wins.
    let workshop = tempfile::Builder::new().prefix("compiling-").tempdir_in(cache).map_err(CardError::file(cache))?;
    compile(design, &shim, workshop.path(), traced)?;
    let finished = tempfile::Builder::new().prefix("finished-").tempdir_in(cache).map_err(CardError::file(cache))?;
    for name in [SOURCE_NAME, LIBRARY_NAME] {
        let (from, to) = (workshop.path().join(name), finished.path().join(name));
        fs::rename(&from, &to).map_err(CardError::file(from))?;
    }
    if home.exists() {
        fs::remove_dir_all(&home).map_err(CardError::file(&home))?;
    }
    let finished = finished.keep();
    match fs::rename(&finished, &home) {
        Ok(()) => Ok(library),
        Err(_) if library.is_file() => {
            let _ = fs::remove_dir_all(&finished);
            Ok(library)
        }
        Err(source) => Err(CardError::file(home)(source)),
    }
}

/// The shim, with what is defined elsewhere.
fn shim(design: &Design) -> String {
    let port = design.event_port();
    let levels = LEVELS.map(|level| level.to_string()).join(", ");
    format!(
        "#define EVENT_PORT {port}\n#define STALL_LEVELS {{{levels}}}\n\
         #define STALL_LEVEL_CYCLES {LEVEL_CYCLES}\n{SHIM}"
    )
}

/// Compiles a design in a folder.
fn compile(design: &Design, shim: &str, folder: &Path, traced: bool) -> Result<(), CardError> {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).map_err(CardError::file(folder.join(name)));
    write(SOURCE_NAME, design.verilog())?;
    write("shim.cpp", shim)?;
    for (program, package) in [("make", "make"), ("c++", "g++")] {
        Command::new(program).arg("--version").output().map_err(CardError::start(program, package))?;
    }
    let mut verilator = Command::new("verilator");
    verilator
        .args(["--cc", "--exe", "--build", "-j", "0", "-O3", "--x-assign", "fast", "--x-initial", "fast"])
        // What the lint of the emitted text finds is told where it is linted.
        .args(["--noassert", "-Wno-fatal", "-Wno-lint", "-Wno-style", "--output-split", "20000"])
        .args(["--top-module", "top", "--prefix", "Vcard", "--Mdir", "."])
        .args([
            "-MAKEFLAGS",
            "OPT_FAST=-O3",
            "-CFLAGS",
            "-fPIC -fvisibility=hidden",
            "-LDFLAGS",
            "-shared -Wl,-Bsymbolic",
        ])
        .args(["-o", LIBRARY_NAME, SOURCE_NAME, "shim.cpp"])
        .current_dir(folder);
    if traced {
        verilator.arg("--trace");
    }
    let output = verilator.output().map_err(CardError::start("verilator", "verilator"))?;
    if output.status.success() { Ok(()) } else { Err(CardError::failed("verilator", &output)) }
}
