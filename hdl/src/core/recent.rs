//! Who was issued a moment ago: quotes of one underlying are kept apart by it.
//!
//! ```text
//!   issue, underlying --> line of the last issues --> hot: a bit for each --> seen, ahead_seen
//!                                                                             ^
//!   wanted, wanted_ahead -----------------------------------------------------+
//! ```
//!
//! An issue is seen from the second cycle after it.

use rust_hdl::prelude::*;

use crate::signal::U;

/// Which underlyings were issued in the last `spacing - 2` cycles, the very last one left out.
#[derive(LogicBlock)]
pub struct Recent {
    pub clock: Signal<In, Clock>,
    pub issue: Signal<In, Bit>,
    pub underlying: Signal<In, U<8>>,
    /// Asked about: the answers are there a cycle later.
    pub wanted: Signal<In, U<8>>,
    pub seen: Signal<Out, Bit>,
    pub wanted_ahead: Signal<In, U<8>>,
    pub ahead_seen: Signal<Out, Bit>,
    _line: Vec<Option<u128>>,
}

impl Recent {
    /// For issues at least `spacing` cycles apart, decided a cycle ahead.
    pub fn new(spacing: usize) -> Self {
        Self {
            clock: Signal::default(),
            issue: Signal::default(),
            underlying: Signal::default(),
            wanted: Signal::default(),
            seen: Signal::default(),
            wanted_ahead: Signal::default(),
            ahead_seen: Signal::default(),
            _line: vec![None; spacing - 3],
        }
    }
}

impl Logic for Recent {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            // A card has 32 underlyings at most.
            let [issued, wanted, ahead] =
                [&self.underlying, &self.wanted, &self.wanted_ahead].map(|of| of.val().raw() % 32);
            self.seen.next = self._line.contains(&Some(wanted));
            self.ahead_seen.next = self._line.contains(&Some(ahead));
            self._line.rotate_right(1);
            self._line[0] = self.issue.val().then_some(issued);
        }
    }
    fn connect(&mut self) {
        self.seen.connect();
        self.ahead_seen.connect();
    }
    fn hdl(&self) -> Verilog {
        // An underlying is in the line once at most, so a bit each says which are there.
        let depth = self._line.len();
        Verilog::Custom(format!(
            "reg [{top}:0] line;\nreg [31:0] hot;\ninitial begin\nline = 0;\nhot = 0;\nseen = 0;\nahead_seen = 0;\nend\n\
             wire [5:0] last = line[{top}:{last}];\n\
             always @(posedge clock) begin\nline <= {{line[{low}:0], issue, underlying[4:0]}};\n\
             hot <= (hot & ~({{31'd0, last[5]}} << last[4:0])) | ({{31'd0, issue}} << underlying[4:0]);\n\
             seen <= hot[wanted[4:0]];\nahead_seen <= hot[wanted_ahead[4:0]];\nend",
            top = 6 * depth - 1,
            last = 6 * (depth - 1),
            low = 6 * (depth - 1) - 1
        ))
    }
}
