//! The block itself, simulated in process.

use std::fs::File;
use std::io::BufWriter;

use rust_hdl::core::vcd_probe::VCDProbe;
use rust_hdl::prelude::{write_vcd_change, write_vcd_dump, write_vcd_header};

use super::ports::{CorePorts, Inputs, to_record, to_words};
use super::{Answer, Card, CardError, Log, RESET_CYCLES, Record, Setup, Stalls, Trace};

/// Passes in which the logic must come to rest.
const MOST_PASSES: usize = 1_000;
/// Time of a cycle in a VCD file, in its units.
const CYCLE_TIME: u64 = 10;

/// A core run by RustHDL.
pub struct InProcess<B: CorePorts> {
    unit: B,
    setup: Setup,
    stalls: Stalls,
    inputs: Inputs,
    cycle: u64,
    /// When the event that stands was first presented.
    presented: Option<u64>,
    waves: Option<VCDProbe<BufWriter<File>>>,
}

impl<B: CorePorts> InProcess<B> {
    /// Connects the block.
    pub fn new(mut unit: B, setup: Setup) -> Self {
        unit.connect_all();
        let stalls = Stalls::new(setup.stalls);
        Self { unit, setup, stalls, inputs: Inputs::default(), cycle: 0, presented: None, waves: None }
    }

    fn settle(&mut self, clock: bool) -> Result<(), CardError> {
        self.unit.drive(clock, &self.inputs);
        for _ in 0..MOST_PASSES {
            self.unit.update_all();
            if !self.unit.has_changed() {
                return Ok(());
            }
        }
        Err(CardError::Unsettled { cycle: self.cycle })
    }

    /// One cycle: whether the command was taken, and the event if one was.
    fn step(&mut self, command: Option<&Record>, log: &mut Log) -> Result<bool, CardError> {
        let (withhold, refuse) = self.stalls.step(self.cycle);
        match command {
            Some(record) if self.inputs.command_valid || !withhold => {
                self.inputs.command_valid = true;
                self.inputs.command = to_words(record);
            }
            _ => self.inputs.command_valid = false,
        }
        self.inputs.event_ready = !refuse;
        self.settle(false)?;
        self.record(0)?;
        let outputs = self.unit.outputs();
        let taken = self.inputs.command_valid && outputs.command_ready && !self.inputs.reset;
        if taken {
            log.accepted.push(self.cycle);
        }
        if outputs.event_valid && !self.inputs.reset {
            let presented = *self.presented.get_or_insert(self.cycle);
            if self.inputs.event_ready {
                self.presented = None;
                log.answers.push(Answer { record: to_record(outputs.event), presented });
            }
        }
        self.settle(true)?;
        self.record(CYCLE_TIME / 2)?;
        self.cycle += 1;
        self.inputs.command_valid &= !taken;
        Ok(taken)
    }

    /// Writes the signals, if this cycle is to be seen.
    fn record(&mut self, phase: u64) -> Result<(), CardError> {
        let Some(Trace { path, from, to }) = &self.setup.trace else { return Ok(()) };
        if self.cycle < *from || self.cycle > *to {
            // A window that has passed is complete on disk.
            self.waves = None;
            return Ok(());
        }
        let is_first = self.waves.is_none();
        let mut waves = match self.waves.take() {
            Some(waves) => waves,
            None => {
                let file = File::create(path).map_err(CardError::file(path))?;
                write_vcd_header(BufWriter::new(file), &self.unit)
            }
        };
        waves.timestamp(self.cycle * CYCLE_TIME + phase).map_err(CardError::file(path))?;
        let write = if is_first { write_vcd_dump } else { write_vcd_change };
        self.waves = Some(write(waves, &self.unit));
        Ok(())
    }
}

impl<B: CorePorts> Card for InProcess<B> {
    fn feed(&mut self, commands: &[Record], log: &mut Log) -> Result<(), CardError> {
        let mut progress = self.cycle;
        for command in commands {
            loop {
                let before = log.answers.len();
                let taken = self.step(Some(command), log)?;
                if taken || log.answers.len() > before {
                    progress = self.cycle;
                }
                if taken {
                    break;
                }
                if self.cycle - progress > self.setup.patience {
                    return Err(CardError::Hung { cycle: self.cycle, patience: self.setup.patience });
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self, cycles: u64, events: u64, log: &mut Log) -> Result<(), CardError> {
        let (end, enough) = (self.cycle + cycles, log.answers.len() as u64 + events);
        while self.cycle < end && (log.answers.len() as u64) < enough {
            self.step(None, log)?;
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), CardError> {
        self.inputs.reset = true;
        self.presented = None;
        for _ in 0..RESET_CYCLES {
            self.step(None, &mut Log::default())?;
        }
        self.inputs.reset = false;
        Ok(())
    }

    fn cycle(&self) -> u64 {
        self.cycle
    }

    fn built(&self) -> u32 {
        self.unit.outputs().built
    }
}
