//! What is proved of the emitted desk: no order that it sends lets the hedge cross its target, whatever
//! subset of the orders in flight fills.
//!
//! ```text
//!   real exposure in [low, low + 1)     low = exposure + 2^16 position (if it counts in contracts)
//!   sent: a buy of q                    for all  fill_buy <= open + unknown buys + q,  fill_sell <= open + unknown sells:
//!                                       low + 1 + 2^16 (fill_buy - fill_sell) <= -exit_buy <= 0
//!   sent: a sell of q                   the mirror image:
//!                                       low + 2^16 (fill_buy - fill_sell) >= exit_sell >= 0
//! ```
//!
//! Proved of the desk's Verilog as it is emitted, with all its registers, from the ledger's arrival in
//! cycle 8 to the order in cycle 18: alignment of the pipeline is part of what is proved. Taken out, so
//! that they may say anything in any cycle: what computes exposure and bands, memories and settings, and
//! whatever can only refuse or make an order smaller (gates of quote, pace and size, room in contracts). Of
//! the bands it is assumed that `exit <= band`, which is proved of theirs below.
//!
//! And the ledger that the next decision finds has the order in it: of the memories it is proved, by induction,
//! that what is read as in flight is what the sequencer wrote plus every order sent since.
//!
//! Small widths: exposure and bands are below 2^20 in size (16 contracts), position and what is in flight
//! below 16 contracts; clips and settings have all their bits. Saturation of the exposure is not in this
//! range, and is a proof of its own, at full width: what is saturated is never sent.

use super::Desk;
use super::band::Bands;
use super::state::State;
use crate::prove::{By, emitted, holds};

/// Whose outputs may be anything.
const FREE: &[&str] = &[
    "settings",
    "state",
    "cubic",
    "exposures",
    "bands",
    "quotes",
    "pacing",
    "gap_notional",
    "contracts_notional",
    "contracts",
    "limit_price",
    "paced_at_13",
    "is_urgent",
    "quoted",
    "middle",
    "tail",
];

/// Cycle of what is compared, and that of the order.
const SENT: usize = 18;

/// A signal of an earlier cycle, beside the order: `<name>_then`.
fn at(cycle: usize, name: &str, bits: usize, signal: &str) -> String {
    let steps = SENT - cycle;
    let registers: Vec<String> = (1..=steps).map(|step| format!("{name}_{step}")).collect();
    let mut before = signal;
    let moves: String = registers
        .iter()
        .map(|register| {
            let step = format!("{register} <= {before}; ");
            before = register;
            step
        })
        .collect();
    format!(
        "reg [{top}:0] {};\nalways @(posedge clock) begin {moves}end\nwire [{top}:0] {name}_then = {before};\n",
        registers.join(", "),
        top = bits - 1
    )
}

/// What was known when the order was decided, and what may fill afterwards.
fn situation() -> String {
    [
        at(8, "position", 38, "state$account[37:0]"),
        at(8, "unknown_buy", 31, "state$account[194:164]"),
        at(8, "unknown_sell", 31, "state$account[225:195]"),
        at(8, "open_buy", 31, "state$flight[30:0]"),
        at(8, "open_sell", 31, "state$flight[61:31]"),
        at(9, "counts", 1, "settings$setup_at_9[56]"),
        at(10, "exit_below", 44, "bands$exit_buy"),
        at(10, "exit_above", 44, "bands$exit_sell"),
        at(11, "net", 60, "exposures$exposure[59:0]"),
        "wire [32:0] fill_buy, fill_sell;
         wire [32:0] most_buy = open_buy_then + unknown_buy_then + (sent_side$q ? 0 : sent_quantity$q);
         wire [32:0] most_sell = open_sell_then + unknown_sell_then + (sent_side$q ? sent_quantity$q : 0);
         wire signed [37:0] signed_position = position_then;
         wire signed [59:0] holding = counts_then ? signed_position : 0;
         wire signed [59:0] fills = $signed({1'b0, fill_buy}) - $signed({1'b0, fill_sell});
         wire signed [59:0] lowest = net_then + ((holding + fills) <<< 16);
         wire signed [59:0] leave_below = exit_below_then;
         wire signed [59:0] leave_above = exit_above_then;
         always @(*) assume (fill_buy <= most_buy && fill_sell <= most_sell);\n"
            .to_owned(),
    ]
    .concat()
}

/// Bands as `Bands` has them, and small numbers.
const SMALL: &str = "
always @(*) begin
  assume (bands$exit_buy <= bands$band_buy && bands$band_buy < 1 << 20);
  assume (bands$exit_sell <= bands$band_sell && bands$band_sell < 1 << 20);
  assume ($signed(exposures$exposure) < 1 << 20 && $signed(exposures$exposure) > -(1 << 20));
  assume ($signed(state$account[37:0]) < 16 && $signed(state$account[37:0]) > -16);
  assume (state$account[194:164] < 16 && state$account[225:195] < 16);
  assume (state$flight[30:0] < 16 && state$flight[61:31] < 16);
end
";

const NEVER_CROSSES: &str = "
wire crosses = sent_side$q ? lowest < leave_above : lowest + 1 > -leave_below;
always @(*) assert (!(sends$q && crosses));
";

const BY: By = By::Cycles(SENT - 8 + 1);

#[test]
fn it_is_proved_that_no_subset_of_fills_crosses_the_target() {
    let Some(verilog) = emitted("target of the hedge", Desk::new(1)) else { return };
    assert!(holds(&verilog, FREE, &[&situation(), SMALL, NEVER_CROSSES].concat(), BY));
}

/// Whether a desk in which `from` is replaced by `to`, wherever it stands, is refuted.
fn is_refuted(from: &str, to: &str) {
    let Some(verilog) = emitted("target of the hedge", Desk::new(1)) else { return };
    assert!(verilog.contains(from), "{from} is in the emitted Verilog");
    let broken = verilog.replace(from, to);
    assert!(!holds(&broken, FREE, &[&situation(), SMALL, NEVER_CROSSES].concat(), BY), "{from} -> {to}");
}

#[test]
fn the_proof_refutes_a_desk_that_forgets_orders_in_flight() {
    is_refuted("in_buy$d = open_buy + unknown_buy", "in_buy$d = open_buy");
}

#[test]
fn the_proof_refutes_a_desk_that_rounds_the_gap_up() {
    is_refuted("gap$d = ", "gap$d = 27'd1 + ");
}

/// A buy is compared with the end of the exposure's unit that is worse for it: -low - 1, not -low.
#[test]
fn the_proof_refutes_a_desk_that_takes_the_low_end_for_a_buy() {
    is_refuted("buy$size = $signed(~size_bits)", "buy$size = -$signed(size_bits)");
}

#[test]
fn the_proof_refutes_a_desk_that_leaves_nothing_of_the_band() {
    is_refuted("gap_from$d = committed_size + exit_wide", "gap_from$d = committed_size");
}

#[test]
fn it_is_proved_that_a_saturated_exposure_is_never_sent() {
    let Some(verilog) = emitted("saturated exposure", Desk::new(1)) else { return };
    let limit = (1u64 << 55) - 1;
    let large = format!("(exposures$exposure > 112'sd{limit} || exposures$exposure < -112'sd{limit})");
    let never = [&at(11, "large", 1, &large), "always @(*) assert (!(sends$q && large_then));\n"].concat();
    assert!(holds(&verilog, FREE, &never, By::Cycles(SENT - 11 + 1)));
    let broken = verilog.replace("is_too_large = limit$is_above | limit$is_below", "is_too_large = 1'b0");
    assert!(broken != verilog && !holds(&broken, FREE, &never, By::Cycles(SENT - 11 + 1)));
}

/// What is assumed above, for bands of 8 bits and all other values: from the limits of the band to its exit.
#[test]
fn it_is_proved_for_8_bit_bands_that_a_hedge_leaves_no_more_than_the_band() {
    let Some(verilog) = emitted("bands", Bands::default()) else { return };
    let claim = |theta: u32| {
        format!(
            "always @(*) begin
               assume (limits[205:162] < 256 && limits[16:0] <= {theta});
               assert (exit_buy <= band_buy && exit_sell <= band_sell);
             end\n"
        )
    };
    let cycles = By::Cycles(super::band::DONE - super::band::LIMITS + 2);
    assert!(holds(&verilog, &[], &claim(1 << 16), cycles));
    assert!(!holds(&verilog, &[], &claim((1 << 16) + 512), cycles));
}

/// The ledger beside the memories of a desk with one underlying. As the desk and the
/// sequencer have it: what is settled was read in the cycle before, was not written in it, and was said a cycle ahead;
/// the sequencer writes only while nothing is settled.
const LEDGER: &str = "
reg [30:0] buys = 0, sells = 0, buys_then = 0, sells_then = 0;
reg wrote = 0;
wire sends_here = settles && sends && settled_index == 0;
wire writes_here = writes_ledger$q && book_address == 0;
always @(posedge clock) begin
  wrote <= writes_here || settles && settled_index == 0;
  buys_then <= buys;
  sells_then <= sells;
  if (writes_here) begin buys <= new_ledger[194:164]; sells <= new_ledger[225:195]; end
  if (sends_here) begin
    if (is_sell) sells <= sells + quantity;
    else buys <= buys + quantity;
  end
end
always @(*) begin
  assume (index == 0 && next_index == 0 && settled_index == 0 && book_address == 0);
  assume (settles || !sends);
  assume (writes_flight$q == (settles || writes_ledger$q));
  assume (!(settles && (writes_ledger$q || wrote && settled_index == 0)));
  assert (flight[30:0] == buys_then && flight[61:31] == sells_then);
  assert (flights$q[30:0] == buys && flights$q[61:31] == sells);
  assert (flights_again$q[30:0] == buys && flights_again$q[61:31] == sells);
  assert (flight_to_settle$q[30:0] == buys_then && flight_to_settle$q[61:31] == sells_then);
  assert (wrote || buys == buys_then && sells == sells_then);
end
";

#[test]
fn it_is_proved_that_every_order_sent_is_in_flight_for_the_next_decision() {
    let Some(verilog) = emitted("ledger", State::new(1)) else { return };
    assert!(holds(&verilog, &[], LEDGER, By::Induction));
    for (from, to) in [(" + more", ""), ("if (is_sell)", "if (!is_sell)")] {
        assert!(verilog.contains(from), "{from} is in the emitted Verilog");
        assert!(!holds(&verilog.replace(from, to), &[], LEDGER, By::Induction), "{from} -> {to}");
    }
}
