//! The ports of a core, for whoever drives the block itself.

use rust_hdl::prelude::*;

use super::Record;
use crate::record::Words;
use crate::signal::U;

/// What drives a core in a cycle.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inputs {
    /// `reset`
    pub reset: bool,
    /// `command_valid`
    pub command_valid: bool,
    /// `command`
    pub command: Words,
    /// `event_ready`
    pub event_ready: bool,
}

/// What a core says in a cycle.
#[derive(Debug, Clone, Copy)]
pub struct Outputs {
    /// `command_ready`
    pub command_ready: bool,
    /// `event_valid`
    pub event_valid: bool,
    /// The event.
    pub event: Words,
    /// `built`
    pub built: u32,
}

/// A block with the ports of a core. [`core_ports!`](crate::core_ports) writes the implementation.
pub trait CorePorts: Block {
    /// Sets clock and inputs.
    fn drive(&mut self, clock: bool, inputs: &Inputs);
    /// Reads the outputs.
    fn outputs(&self) -> Outputs;
}

/// `core_ports!([const N: usize] Core<N>, event_port)`: the block has the ports of a core, its events
/// on `event_port` (`event` itself is a word of Verilog).
#[macro_export]
macro_rules! core_ports {
    ([$($generics:tt)*] $block:ty, $event:ident) => {
        impl<$($generics)*> $crate::model::CorePorts for $block {
            fn drive(&mut self, clock: bool, inputs: &$crate::model::Inputs) {
                self.clock.next = rust_hdl::prelude::Clock { clk: clock };
                self.reset.next = inputs.reset;
                self.command_valid.next = inputs.command_valid;
                self.command.next = inputs.command;
                self.event_ready.next = inputs.event_ready;
            }
            fn outputs(&self) -> $crate::model::Outputs {
                $crate::model::Outputs {
                    command_ready: self.command_ready.val(),
                    event_valid: self.event_valid.val(),
                    event: self.$event.val(),
                    built: self.built.val().word() as u32,
                }
            }
        }
    };
}

/// The words of a record, as a signal.
pub(super) fn to_words(record: &Record) -> Words {
    let [w0, w1, w2, w3, w4, w5, w6, w7] = record.map(|word| U::new(u128::from(word)));
    Words { w0, w1, w2, w3, w4, w5, w6, w7 }
}

/// The record of a signal.
pub(super) fn to_record(words: Words) -> Record {
    let Words { w0, w1, w2, w3, w4, w5, w6, w7 } = words;
    [w0, w1, w2, w3, w4, w5, w6, w7].map(U::word)
}
