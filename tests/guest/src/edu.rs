//! QEMU's `edu` device (docs/specs/edu.rst): the smallest card with registers, DMA and an interrupt.
//!
//! Its bus addresses have 28 bits. A transfer takes some 100 ms, a timer of the device. One of 4,096 bytes, the
//! whole of its buffer, ends QEMU 7.2; ours are shorter.

use std::time::{Duration, Instant};

use hedgewire_host::card::window::Bar;

use crate::checks::Outcome;

/// Vendor and device number.
pub const ID: (u16, u16) = (0x1234, 0x11e8);
/// First bus address that it cannot reach.
pub const BUS_ADDRESS_LIMIT: u64 = 1 << 28;
/// Bytes of the longest transfer used here.
pub const TRANSFER_BYTES: u32 = 4088;

const IDENTIFICATION: usize = 0x00;
const LIVENESS: usize = 0x04;
const FACTORIAL: usize = 0x08;
const STATUS: usize = 0x20;
const INTERRUPT_STATUS: usize = 0x24;
const INTERRUPT_ACKNOWLEDGE: usize = 0x64;
const DMA_SOURCE: usize = 0x80;
const DMA_DESTINATION: usize = 0x88;
const DMA_COUNT: usize = 0x90;
const DMA_COMMAND: usize = 0x98;
/// Where its buffer is for the DMA engine.
const BUFFER: u32 = 0x40000;

const START: u32 = 1;
const TO_HOST: u32 = 1 << 1;
const INTERRUPT: u32 = 1 << 2;

/// The device behind its mapped BAR.
pub struct Edu<'a>(pub &'a Bar);

impl Edu<'_> {
    /// Its identification register.
    pub fn identification(&self) -> u32 {
        self.0.read_u32(IDENTIFICATION)
    }

    /// What it makes of a word: its complement.
    pub fn liveness(&self, word: u32) -> u32 {
        self.0.write_u32(LIVENESS, word);
        self.0.read_u32(LIVENESS)
    }

    /// Has it work out `n!`.
    pub fn factorial(&self, n: u32) -> Result<u32, String> {
        self.0.write_u32(FACTORIAL, n);
        self.wait(STATUS, 1)?;
        Ok(self.0.read_u32(FACTORIAL))
    }

    /// Copies memory at a bus address into its buffer.
    pub fn read_host(&self, bus_address: u64) -> Result<(), String> {
        self.transfer(bus_address as u32, BUFFER, START)
    }

    /// Copies its buffer to a bus address.
    pub fn write_host(&self, bus_address: u64) -> Result<(), String> {
        self.transfer(BUFFER, bus_address as u32, START | TO_HOST)
    }

    /// The same, and raises its interrupt afterwards.
    pub fn write_host_and_interrupt(&self, bus_address: u64) -> Result<(), String> {
        self.transfer(BUFFER, bus_address as u32, START | TO_HOST | INTERRUPT)
    }

    /// The reasons of its interrupt, which this clears.
    pub fn acknowledge(&self) -> u32 {
        let status = self.0.read_u32(INTERRUPT_STATUS);
        self.0.write_u32(INTERRUPT_ACKNOWLEDGE, status);
        status
    }

    fn transfer(&self, source: u32, destination: u32, command: u32) -> Result<(), String> {
        self.0.write_u32(DMA_SOURCE, source);
        self.0.write_u32(DMA_DESTINATION, destination);
        self.0.write_u32(DMA_COUNT, TRANSFER_BYTES);
        self.0.write_u32(DMA_COMMAND, command);
        self.wait(DMA_COMMAND, START)
    }

    /// Waits until a flag of a register is clear.
    fn wait(&self, register: usize, flag: u32) -> Result<(), String> {
        let since = Instant::now();
        while self.0.read_u32(register) & flag != 0 {
            if since.elapsed() > Duration::from_secs(20) {
                return Err(format!("register {register:#x} stays busy"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Whether a BAR is that of the device, and answers.
pub fn answers(bar: &Bar) -> Outcome {
    let edu = Edu(bar);
    let (id, alive, factorial) = (edu.identification(), edu.liveness(0x1234_5678), edu.factorial(10)?);
    if (id, alive, factorial) != (0x0100_00ed, !0x1234_5678, 3_628_800) {
        return Err(format!("identification {id:#x}, liveness {alive:#x}, 10! = {factorial}").into());
    }
    Ok(format!("identification {id:#x}, liveness, 10! = {factorial}"))
}
