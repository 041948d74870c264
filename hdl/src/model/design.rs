//! Verilog that is a core: a module `top` with the ports that the engines drive.

use super::CardError;

/// Bits of a record.
const RECORD_BITS: usize = 512;

/// The Verilog of a core.
#[derive(Debug, Clone)]
pub struct Design {
    verilog: String,
    event: String,
}

/// A port of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Port<'a> {
    name: &'a str,
    bits: usize,
    is_input: bool,
}

impl Design {
    /// Checks the ports of the Verilog's module `top`.
    ///
    /// # Errors
    /// [`CardError::Ports`] if one is missing or has another width.
    pub fn new(verilog: String) -> Result<Self, CardError> {
        let wrong = |what: String| CardError::Ports { what };
        let ports = top_ports(&verilog).ok_or_else(|| wrong("there is none".into()))?;
        let needed = [
            ("clock", 1, true),
            ("reset", 1, true),
            ("command_valid", 1, true),
            ("command_ready", 1, false),
            ("command", RECORD_BITS, true),
            ("event_valid", 1, false),
            ("event_ready", 1, true),
            ("built", 32, false),
        ];
        for (name, bits, is_input) in needed {
            if !ports.contains(&Port { name, bits, is_input }) {
                let direction = if is_input { "input" } else { "output" };
                return Err(wrong(format!("no {direction} {name} of {bits} bits")));
            }
        }
        let mut records = ports.iter().filter(|port| port.bits == RECORD_BITS && !port.is_input);
        let event = records.next().map(|port| port.name.to_owned());
        if records.next().is_some() {
            return Err(wrong(format!("more than one output of {RECORD_BITS} bits")));
        }
        let event = event.ok_or_else(|| wrong(format!("no output of {RECORD_BITS} bits for the event")))?;
        Ok(Self { verilog, event })
    }

    /// The text.
    pub fn verilog(&self) -> &str {
        &self.verilog
    }

    /// Name of the port with the event: the one output as wide as a record, because `event` itself is
    /// a word of Verilog.
    pub(super) fn event_port(&self) -> &str {
        &self.event
    }
}

/// The ports declared in the module `top`.
fn top_ports(verilog: &str) -> Option<Vec<Port<'_>>> {
    let body = &verilog[verilog.find("module top(")?..];
    let body = &body[..body.find("endmodule")?];
    let mut ports = Vec::new();
    for line in body.lines() {
        let mut words = line.trim().trim_end_matches(';').split_whitespace().peekable();
        let is_input = match words.next() {
            Some("input") => true,
            Some("output") => false,
            _ => continue,
        };
        let mut bits = 1;
        let mut name = "";
        for word in words {
            match word.strip_prefix('[').and_then(|range| range.strip_suffix(":0]")) {
                Some(high) => bits = high.parse::<usize>().ok()? + 1,
                None => name = word,
            }
        }
        ports.push(Port { name, bits, is_input });
    }
    Some(ports)
}
