//! The ladder engine: builds ladders, keeps them true to every trade, and makes exact passes.
//!
//! ```text
//!   sequencer -- op --> +-------------------------------- engine ---------------------------------+
//!                       |  RatioUnit -> Lanes (a pass) -> sums of a node -> node memory           |
//!   front -- wanted --> |  node memory -> NodeUnit -> window of 4 values -> IntervalUnit          |
//!                       |                                                   -> interval memory ---|--> front
//!                       |  a trade: changed row at every node through lane 0, added to the sums   |
//!                       |  Tables: what is known of each ladder;  Usable: what may answer         |
//!                       |  Axis: prices of nodes and intervals                                    |
//!                       +-------------------------------------------------------------------------+
//! ```
//!
//! A ladder is number `2 underlying + bank`. Its life:
//!
//! ```text
//!            BUILD                 last node              last interval
//!   empty ---------> nodes ... ---------------> built ... -------------> settled
//!     ^                ^                          ^                         |
//!     +-- OPEN, CLEAR, CONFIGURE                  +-- a trade, a new target-+
//! ```
//!
//! An exact pass is a node of its own, past the last one of any ladder: its sums go the way of a node's.
//!
//! A trade begins as soon as the shape of its row is known, with the nodes around the price; its weights (`weighed`)
//! come while those rows are in the lane.
//!
//! What it works on, highest first: an operation of the sequencer; nodes that lack a trade; the
//! interval that the front waits for; the ladder at the scan pointer, one node or one interval at a
//! time. While `halt` is up nothing new of the last two begins, a node's pass is dropped (it is begun
//! again later) and `halted` follows. What is known of a ladder is looked up into registers first (`LookUp`).
//!
//! Invariants:
//! * node sums are exact, so a node with a trade added equals a rebuilt one;
//! * an interval is given to the front only when it follows from nodes that hold every trade:
//!   `settled`, below `finish_next` of the ladder being finished, or the one `fresh` interval;
//! * the interval memory is written one cycle before that is said, because the front reads it one
//!   cycle ahead.

use hedgewire_abi::format::{DENSITY_BITS, GUARD_BITS};
use rust_hdl::prelude::*;

use crate::bank;
use crate::elementary::RatioUnit;
use crate::finish::{IntervalUnit, NodeUnit};
use crate::lanes::{INJECT_LATENCY, Lane, Lanes};
use crate::primitive::Ram;
use crate::record::{ExactGreeks, Interval, Row, Scale, Sums};
use crate::signal::*;

mod axis;
mod record;
mod strided;
mod tables;
mod usable;
mod window;

use axis::Axis;
pub use record::{CardSizes, LadderParams, NodeAt, Regions, Slots, Summary};
use strided::Strided;
use tables::Tables;
use usable::Usable;
use window::Window;

/// Most cycles from a trade's shape to its weights.
pub const WEIGHED: usize = bank::LATENCY_BOTH + 1 - bank::SHAPE;
// From the shape two cycles to the first row in the lane, and one to take the weights over; before the first
// contribution has joined its node they are there too.
const _: () = assert!(WEIGHED < 2 + Lane::LATE_PHI && Lane::LATE_PHI < INJECT_LATENCY);
// The last value of a trade's window comes two nodes after those of the interval.
const _: () = assert!(2 * NodeUnit::II == IntervalUnit::WINDOW);

/// What the sequencer can ask for, with `halted` up.
#[derive(LogicState, Clone, Copy, Debug, PartialEq)]
pub enum EngineOp {
    /// Forgets both ladders, scales and targets of an underlying (`ladder` is its first), takes its slots.
    Configure,
    /// Takes scale and target of a bank; its ladder is empty.
    Open,
    /// Starts a ladder around `price`; `ok` says whether the rows reach its ends.
    Build,
    /// Takes the changes of a row in both banks (`ladder` is the active one). They may still be worked out.
    Trade,
    /// Takes the target in the units of both banks (`ladder` is the underlying's first).
    Retarget,
    /// One pass over the rows at `price`; `ok` says whether they reach.
    Exact,
    /// Forgets a ladder.
    Clear,
}

#[derive(LogicState, Clone, Copy, Debug, PartialEq)]
enum State {
    Idle,
    /// What is known of the ladder at hand comes into registers.
    LookUp,
    /// One ladder, or each of an underlying's two, takes what the operation brings.
    Each,
    /// BUILD: the ends of the ladder are worked out. Are both within reach?
    Ends,
    ReachLow,
    ReachHigh,
    Begin,
    /// TRADE: the nodes around the price first, once it is known of which ladder.
    Ready,
    Quick,
    /// No nodes come first: the changes are waited for.
    TradeWait,
    /// A changed row goes through the nodes of a ladder.
    Aim,
    Update,
    /// The values around an interval, and the interval.
    Window,
    Load,
    Interval,
    IntervalDone,
    IntervalSaid,
    Summed,
    Settle,
    /// One node of a build.
    NodeRatio,
    NodePass,
    NodeDrop,
    /// An exact pass: its sums become those of a node past the ladder's, whose value and band are worked out.
    ExactRatio,
    ExactPass,
}

/// Where `LookUp` leads: a value of its own, so that a tool sees every step of `State`.
#[derive(LogicState, Clone, Copy, Debug, PartialEq)]
enum After {
    Each,
    Aim,
    Window,
    NodeRatio,
    ExactRatio,
}

/// The ladder engine with `N` lanes.
#[derive(LogicBlock)]
pub struct Engine<const N: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,

    // ---- operations of the sequencer
    pub start: Signal<In, Bit>,
    pub op: Signal<In, EngineOp>,
    pub ladder: Signal<In, U<9>>,
    pub slots: Signal<In, Slots>,
    pub scale: Signal<In, Scale>,
    pub target: Signal<In, U<62>>,
    pub other_target: Signal<In, U<62>>,
    pub price: Signal<In, U<32>>,
    /// The last quote lies in interval `index` of the ladder: a trade's nodes around it come first.
    pub has_place: Signal<In, Bit>,
    pub index: Signal<In, U<15>>,
    pub shift: Signal<In, U<5>>,
    pub intervals: Signal<In, U<15>>,
    /// One cycle, with the row's shape and whether the active bank holds it; at most two cycles after the start.
    pub is_shaped: Signal<In, Bit>,
    pub shape: Signal<In, Row>,
    pub holds: Signal<In, Bit>,
    /// The four that follow are known; at most `WEIGHED` cycles after the shape.
    pub weighed: Signal<In, Bit>,
    pub changed0: Signal<In, Bit>,
    pub changed1: Signal<In, Bit>,
    pub change0: Signal<In, Row>,
    pub change1: Signal<In, Row>,
    pub done: Signal<Out, Bit>,
    /// TRADE: the interval at the last quote, two cycles before `done`. Not where no nodes came first, or only an
    /// exact pass may answer.
    pub answered: Signal<Out, Bit>,
    pub answer: Signal<Out, Interval>,
    pub ok: Signal<Out, Bit>,
    /// EXACT: until `halt` falls.
    pub greeks: Signal<Out, ExactGreeks>,
    pub halt: Signal<In, Bit>,
    pub halted: Signal<Out, Bit>,
    /// Nodes lack a trade: `change0` and `change1` are still looked at.
    pub is_behind: Signal<Out, Bit>,

    // ---- what the sequencer reads
    pub look_ladder: Signal<In, U<9>>,
    pub look_params: Signal<Out, LadderParams>,
    pub look_scale: Signal<Out, Scale>,
    pub look_summary: Signal<Out, Summary>,

    // ---- what the front reads
    pub front_ladder: Signal<In, U<9>>,
    pub front_params: Signal<Out, LadderParams>,
    pub read_ladder: Signal<In, U<9>>,
    pub read_index: Signal<In, U<15>>,
    pub read_interval: Signal<Out, Interval>,
    /// It is answered by an exact pass.
    pub read_exact: Signal<Out, Bit>,
    pub settled: Signal<Out, U<64>>,
    /// Bit by ladder: it has had an interval that is answered by an exact pass.
    pub any_exact: Signal<Out, U<64>>,
    pub finish_ladder: Signal<Out, U<9>>,
    pub finish_next: Signal<Out, U<15>>,
    pub finish_valid: Signal<Out, Bit>,
    pub fresh_ladder: Signal<Out, U<9>>,
    pub fresh_index: Signal<Out, U<15>>,
    pub fresh_valid: Signal<Out, Bit>,
    pub wanted: Signal<In, Bit>,
    pub wanted_ladder: Signal<In, U<9>>,
    pub wanted_index: Signal<In, U<15>>,

    // ---- the bank
    pub bank_address: Signal<Out, U<9>>,
    pub constant_inverse: Signal<In, U<64>>,
    pub constant_linear: Signal<In, U<64>>,
    pub row_write: Signal<In, Bit>,
    pub row_bank: Signal<In, Bit>,
    pub row_slot: Signal<In, U<20>>,
    pub row: Signal<In, Row>,

    // ---- units
    lanes: Lanes<N>,
    ratio: RatioUnit,
    node: NodeUnit,
    window: Window,
    interval: IntervalUnit,

    // ---- memories
    tables: Tables,
    usable: Usable,
    axis: Axis,
    sums: Ram<Sums, 24>,
    ats: Ram<NodeAt, 24>,
    intervals_of: Ram<Interval, 24>,
    /// Whether an interval's error says that it has none.
    exacts: Ram<Bit, 24>,
    sums_read: Strided,
    sums_write: Strided,
    ats_read: Strided,
    interval_read: Strided,
    interval_write: Strided,

    // ---- what is looked up, a cycle after its ladder
    here: Signal<Local, LadderParams>,
    here_scale: Signal<Local, Scale>,
    here_target: Signal<Local, U<62>>,
    here_slots: Signal<Local, Slots>,
    here_regions: Signal<Local, Regions>,
    gamma_shift: DFF<U<8>>,
    /// First node of the window around the interval at hand.
    want: DFF<U<15>>,
    index_less_one: DFF<U<15>>,
    index_less_two: DFF<U<15>>,
    is_first_index: DFF<Bit>,
    next_index: DFF<U<15>>,
    is_last: DFF<Bit>,
    scanned: Signal<Local, LadderParams>,
    /// `scanned` is of the ladder at the scan pointer.
    is_scanned: DFF<Bit>,
    nodes: DFF<U<15>>,
    is_two: DFF<Bit>,
    is_last_node: DFF<Bit>,
    is_first_node: DFF<Bit>,
    window_end: DFF<U<15>>,
    /// The window at hand has the values around the interval at hand, or all but the last of them.
    has_window: DFF<Bit>,
    next_start: DFF<U<15>>,
    follows_window: DFF<Bit>,
    /// Where the ladder of the next ratios begins.
    low_ahead: DFF<U<32>>,
    /// The ratios, there or asked for, are of the node at hand.
    is_ratio_here: DFF<Bit>,
    /// The target written is that of the second bank.
    is_other: DFF<Bit>,
    /// What is written of the ladder is that there is nothing.
    is_forgotten: DFF<Bit>,
    /// Cycles spent in `LookUp`.
    waited: DFF<U<2>>,
    is_halted: DFF<Bit>,
    /// A pass over rows makes way.
    must_yield: DFF<Bit>,
    lanes_go: DFF<Bit>,
    /// The interval just made has a larger error than those before it.
    is_worse: DFF<Bit>,

    // ---- state
    state: DFF<State>,
    after: DFF<After>,
    job_op: DFF<EngineOp>,
    job_ladder: DFF<U<9>>,
    job_index: DFF<U<15>>,
    job_price: DFF<U<32>>,
    /// Work on a node is at hand, and not on an interval.
    is_node: DFF<Bit>,
    is_second: DFF<Bit>,
    /// The interval at hand is the next one of the ladder being finished.
    is_finish: DFF<Bit>,
    /// The interval at hand is the one that a trade is decided on.
    is_quick: DFF<Bit>,
    /// The value at hand is that of an exact pass.
    is_exact: DFF<Bit>,
    is_behind_now: DFF<Bit>,
    scan: DFF<U<9>>,
    bound: DFF<U<32>>,
    exact_count: DFF<U<15>>,
    /// The interval just made is answered by an exact pass.
    is_unresolved: DFF<Bit>,
    is_answered: DFF<Bit>,
    band: DFF<U<44>>,
    is_ok: DFF<Bit>,
    is_done: DFF<Bit>,

    // ---- ratios, one node ahead of the pass
    ratio_go: DFF<Bit>,
    ratio_price: DFF<U<32>>,
    ratio_reference: DFF<U<32>>,
    ratio_shift: DFF<U<5>>,
    ratio_busy: DFF<Bit>,
    ratio_valid: DFF<Bit>,
    ratio_asked: DFF<Bit>,
    ratio_node: DFF<U<15>>,
    ratio_ladder: DFF<U<9>>,
    pass_at: DFF<NodeAt>,

    // ---- a trade on its way through the nodes
    pending0: DFF<Bit>,
    pending1: DFF<Bit>,
    pending_first: DFF<U<9>>,
    /// The nodes from `rest_first` on, round to where they began, are what is left of the active ladder.
    rest_on: DFF<Bit>,
    rest_bank: DFF<Bit>,
    rest_first: DFF<U<15>>,
    rest_count: DFF<U<15>>,
    /// The active bank holds a trade's row.
    is_coming_held: DFF<Bit>,
    update_row: DFF<Row>,
    /// After the last node the first of the ladder comes, or of the window.
    update_last: DFF<U<15>>,
    update_wrap: DFF<U<15>>,
    update_read: DFF<U<15>>,
    reads_left: DFF<U<15>>,
    update_write: DFF<U<15>>,
    writes_left: DFF<U<15>>,
    inject_valid: DFF<Bit>,
    arrived: DFF<Bit>,
    /// What arrives, and nothing in other cycles.
    arrival: DFF<Sums>,
    arrival_node: DFF<U<15>>,
    /// The node of the contribution that arrives now.
    arriving_node: DFF<U<15>>,
    /// What is read of a node, in registers, and who waits for it: a row, a contribution, `NodeUnit`.
    sums_held: DFF<Sums>,
    at_held: DFF<NodeAt>,
    inject_go: DFF<Bit>,
    is_joined: DFF<Bit>,
    joined: DFF<Sums>,
    /// Where it is written; where it is not, the node of a pass.
    written_node: DFF<U<15>>,
    /// A pass has summed a node.
    is_summed: DFF<Bit>,
    /// Its price is written a cycle later: whether an edge is before it takes as long.
    is_dated: DFF<Bit>,
    has_edge: DFF<Bit>,
    /// A node's values are begun, two cycles after its sums have been read.
    load_go: DFF<Bit>,
    node_go: DFF<Bit>,
    at_node: DFF<U<15>>,

    // ---- prices on their way
    left_price: DFF<U<32>>,

    // ---- values around an interval
    window_on: DFF<Bit>,
    window_ladder: DFF<U<9>>,
    window_start: DFF<U<15>>,
    load_node: DFF<U<15>>,
    load_left: DFF<U<3>>,
    load_wait: DFF<U<4>>,
    load_start: DFF<Bit>,
    values_left: DFF<U<3>>,
    /// Where the next value belongs, and the first one of the window.
    value_at: DFF<U<2>>,
    first_place: DFF<U<2>>,

    // ---- wires
    drifts: Signal<Local, Bit>,
    is_changed: Signal<Local, Bit>,
    is_other_changed: Signal<Local, Bit>,
    other_ladder: Signal<Local, U<9>>,
    takes_trade: Signal<Local, Bit>,
    is_touched: Signal<Local, Bit>,
    window_nodes: Signal<Local, U<15>>,
    made: Signal<Local, Interval>,
    region: Signal<Local, Regions>,

    zero_15: Constant<U<15>>,
    one: Constant<U<15>>,
    two: Constant<U<15>>,
    three: Constant<U<15>>,
    four: Constant<U<15>>,
    one_9: Constant<U<9>>,
    one_2: Constant<U<2>>,
    last_ladder: Constant<U<9>>,
    one_3: Constant<U<3>>,
    one_4: Constant<U<4>>,
    cut: Constant<U<8>>,
    load_gap: Constant<U<4>>,
    /// The same less the two cycles by which the first comes sooner.
    first_gap: Constant<U<4>>,
    no_scale: Constant<Scale>,
    no_sums: Constant<Sums>,
    /// The node of exact passes, past the last one of any ladder.
    exact_node: Constant<U<15>>,
}

impl<const N: usize> Engine<N> {
    /// An engine of these sizes.
    pub fn new(sizes: CardSizes) -> Self {
        let ladders = 2 * sizes.underlyings;
        // A node more is that of exact passes.
        let nodes = sizes.intervals + 2;
        with_defaults!({
            lanes: Lanes::new(sizes.rows),
            tables: Tables::new(sizes.underlyings),
            sums: Ram::new(ladders * nodes),
            ats: Ram::new(ladders * nodes),
            intervals_of: Ram::new(ladders * sizes.intervals),
            exacts: Ram::new(ladders * sizes.intervals),
            sums_read: Strided::new(ladders),
            sums_write: Strided::new(ladders),
            ats_read: Strided::new(ladders),
            interval_read: Strided::new(ladders),
            interval_write: Strided::new(ladders),
            zero_15: Constant::new(U::new(0)),
            one: Constant::new(U::new(1)),
            two: Constant::new(U::new(2)),
            three: Constant::new(U::new(3)),
            four: Constant::new(U::new(4)),
            one_9: Constant::new(U::new(1)),
            one_2: Constant::new(U::new(1)),
            last_ladder: Constant::new(U::new(ladders as u128 - 1)),
            one_3: Constant::new(U::new(1)),
            one_4: Constant::new(U::new(1)),
            // kg - kd + this is the cut from gamma sums to ladder units.
            cut: Constant::new(U::new(u128::from(DENSITY_BITS - GUARD_BITS))),
            load_gap: Constant::new(U::new(NodeUnit::II as u128 - 1)),
            first_gap: Constant::new(U::new(NodeUnit::II as u128 - 2)),
            no_scale: Constant::new(Scale::default()),
            no_sums: Constant::new(Sums::default()),
            exact_node: Constant::new(U::new(sizes.intervals as u128 + 1)),
        }
            clock reset start op ladder slots scale target other_target price has_place index shift intervals
            is_shaped shape holds weighed answered answer update_wrap value_at is_coming_held is_other_changed
            other_ladder takes_trade changed0 changed1 change0 change1 done ok greeks halt halted look_ladder
            look_params look_scale look_summary front_ladder front_params read_ladder read_index read_interval
            read_exact settled any_exact finish_ladder finish_next finish_valid fresh_ladder fresh_index fresh_valid
            wanted wanted_ladder wanted_index bank_address constant_inverse constant_linear row_write row_bank
            row_slot row ratio node interval state job_op job_ladder job_index job_price is_second is_finish is_quick
            scan bound exact_count is_unresolved is_answered band is_ok is_done ratio_busy ratio_valid ratio_asked ratio_node
            ratio_ladder pass_at pending0 pending1 pending_first rest_on rest_bank rest_first rest_count update_row
            update_last update_read reads_left update_write writes_left inject_valid arrived arrival arrival_node
            window_on window_ladder window_start load_node load_left load_wait load_start values_left here here_scale
            here_target here_slots scanned is_scanned is_halted must_yield lanes_go is_worse window_end has_window
            follows_window is_ratio_here is_other is_forgotten here_regions is_first_index next_index is_last index_less_one
            index_less_two low_ahead waited after drifts is_changed is_touched ratio_go ratio_price ratio_reference
            ratio_shift sums_held at_held inject_go arriving_node is_joined joined written_node is_summed is_dated node_go left_price
            next_start nodes is_two is_last_node is_first_node want window_nodes gamma_shift made has_edge region window load_go
            at_node first_place is_exact is_behind is_behind_now usable axis is_node
        )
    }
}

impl<const N: usize> Logic for Engine<N> {
    #[hdl_gen]
    fn update(&mut self) {
        // ---- units and memories that only need a clock
        clock!(
            self,
            clock,
            lanes,
            ratio,
            node,
            window,
            interval,
            tables,
            usable,
            axis,
            sums,
            ats,
            intervals_of,
            exacts,
            gamma_shift,
            want,
            is_scanned,
            is_halted,
            must_yield,
            lanes_go,
            is_worse,
            is_unresolved,
            is_answered,
            nodes,
            is_two,
            is_last_node,
            is_first_node,
            window_end,
            has_window,
            next_start,
            follows_window,
            is_ratio_here,
            is_other,
            is_forgotten,
            is_first_index,
            next_index,
            is_last,
            index_less_one,
            index_less_two,
            low_ahead,
            waited
        );
        clock!(
            self,
            clock,
            ratio_go,
            ratio_price,
            ratio_reference,
            ratio_shift,
            sums_held,
            at_held,
            inject_go,
            arrived,
            arrival,
            arrival_node,
            arriving_node,
            is_joined,
            joined,
            written_node,
            is_summed,
            is_dated,
            has_edge,
            load_go,
            node_go,
            at_node,
            first_place,
            is_behind_now,
            left_price
        );
        // ---- state holds unless it is set below
        dff_setup!(
            self,
            clock,
            state,
            after,
            job_op,
            job_ladder,
            job_index,
            job_price,
            is_node,
            is_second,
            is_finish,
            is_quick,
            is_exact,
            scan,
            bound,
            exact_count,
            band,
            is_ok,
            is_done,
            ratio_busy,
            ratio_valid,
            ratio_asked,
            ratio_node,
            ratio_ladder,
            pass_at,
            pending0,
            pending1,
            pending_first,
            rest_on,
            rest_bank,
            rest_first,
            rest_count,
            is_coming_held,
            update_row,
            update_last,
            update_wrap,
            update_read,
            reads_left,
            update_write,
            writes_left,
            inject_valid,
            window_on,
            window_ladder,
            window_start,
            load_node,
            load_left,
            load_wait,
            load_start,
            values_left,
            value_at
        );
        self.is_done.d.next = false;
        self.inject_valid.d.next = false;
        self.load_start.d.next = false;

        // ---- rows go straight to the lanes
        self.lanes.reset.next = self.reset.val();
        self.lanes.write.next = self.row_write.val();
        self.lanes.write_bank.next = self.row_bank.val();
        self.lanes.write_slot.next = self.row_slot.val();
        self.lanes.write_row.next = self.row.val();
        self.lanes.start.next = self.lanes_go.q.val();
        self.lanes.abort.next = false;
        self.inject_go.d.next = self.inject_valid.q.val();
        self.lanes.inject.next = self.inject_go.q.val();
        self.lanes.inject_row.next = self.update_row.q.val();
        self.lanes.inject_change.next.delta = self.update_row.q.val().delta;
        self.lanes.inject_change.next.gamma = self.update_row.q.val().gamma;
        self.lanes.inject_change.next.vega = self.update_row.q.val().vega;
        // No row is under way: none is behind. Its weights come later.
        if self.is_shaped.val() {
            self.update_row.d.next.kind = self.shape.val().kind;
            self.update_row.d.next.linear = self.shape.val().linear;
            self.update_row.d.next.a = self.shape.val().a;
            self.update_row.d.next.b = self.shape.val().b;
            self.is_coming_held.d.next = self.holds.val();
        }
        self.at_held.d.next = self.ats.q.val();
        self.lanes.inject_ratios.next = self.at_held.q.val().at;

        // ---- the ladder at hand
        self.tables.job.next = self.job_ladder.q.val();
        self.here.next = self.tables.here.val();
        self.here_scale.next = self.tables.here_scale.val();
        self.here_target.next = self.tables.here_target.val();
        self.here_slots.next = self.tables.here_slots.val();
        self.here_regions.next = self.tables.here_regions.val();
        self.bank_address.next = self.job_ladder.q.val();
        self.drifts.next = !self.here_scale.val().usd & !self.here_scale.val().linear_hedge;
        self.nodes.d.next = self.here.val().count + self.one.val();
        self.is_first_node.d.next = self.here.val().node == bits_lit::<15>(0);
        self.is_last_node.d.next = self.here.val().node == self.here.val().count;
        self.is_two.d.next = self.here.val().count == bits_lit::<15>(2);

        // ---- what the outside reads
        self.tables.look.next = self.look_ladder.val();
        self.look_params.next = self.tables.seen.val();
        self.look_scale.next = self.tables.seen_scale.val();
        self.look_summary.next = self.tables.seen_summary.val();
        self.tables.front.next = self.front_ladder.val();
        self.front_params.next = self.tables.front_params.val();
        // ---- the ladder that may be worked on next
        self.tables.scan.next = self.scan.q.val();
        self.scanned.next = self.tables.scanned.val();
        self.usable.scan.next = self.scan.q.val();
        self.is_scanned.d.next = true;
        self.interval_read.ladder.next = self.read_ladder.val();
        self.interval_read.index.next = self.read_index.val();
        self.intervals_of.read_address.next = self.interval_read.address.val();
        self.read_interval.next = self.intervals_of.q.val();
        self.exacts.read_address.next = self.interval_read.address.val();
        self.read_exact.next = self.exacts.q.val();
        self.settled.next = self.usable.settled.val();
        self.any_exact.next = self.usable.any_exact.val();
        self.finish_ladder.next = self.usable.finish_ladder.val();
        self.finish_next.next = self.usable.finish_next.val();
        self.finish_valid.next = self.usable.finish_valid.val();
        self.fresh_ladder.next = self.usable.fresh_ladder.val();
        self.fresh_index.next = self.usable.fresh_index.val();
        self.fresh_valid.next = self.usable.fresh_valid.val();
        self.done.next = self.is_done.q.val();
        self.ok.next = self.is_ok.q.val();
        // Nothing begins while `halt` is up but what is started, so that this still holds when it is seen.
        self.is_halted.d.next = self.halt.val()
            & !self.start.val()
            & (self.state.q.val() == State::Idle)
            & !self.pending0.q.val()
            & !self.pending1.q.val()
            & !self.is_done.q.val();
        self.halted.next = self.is_halted.q.val();
        self.is_behind_now.d.next = self.pending0.q.val() | self.pending1.q.val();
        self.is_behind.next = self.is_behind_now.q.val();

        // ---- writes, off unless a state below turns them on
        self.tables.write_params.next = false;
        self.tables.params.next = self.here.val();
        self.tables.write_scale.next = false;
        self.tables.scale.next = self.scale.val();
        self.tables.write_target.next = false;
        self.is_other.d.next = (self.job_op.q.val() == EngineOp::Retarget) & self.is_second.q.val();
        self.tables.target.next = self.target.val();
        if self.is_other.q.val() {
            self.tables.target.next = self.other_target.val();
        }
        self.tables.write_slots.next = false;
        self.tables.slots.next = self.slots.val();
        self.is_forgotten.d.next = self.job_op.q.val() == EngineOp::Configure;
        if self.is_forgotten.q.val() {
            self.tables.scale.next = self.no_scale.val();
            self.tables.target.next = bits_lit::<62>(0);
        }
        self.region.next = self.here_regions.val();
        self.region.next.inverse = self.lanes.regions_inverse.val();
        self.region.next.linear = self.lanes.regions_linear.val();
        self.tables.write_regions.next = false;
        self.tables.regions.next = self.region.val();
        self.tables.write_summary.next = false;
        self.intervals_of.write.next = false;
        self.interval_write.ladder.next = self.job_ladder.q.val();
        self.interval_write.index.next = self.job_index.q.val();
        self.intervals_of.write_address.next = self.interval_write.address.val();
        self.made.next = self.interval.interval.val();
        self.answer.next = self.made.val();
        self.intervals_of.write_data.next = self.made.val();
        self.exacts.write.next = false;
        self.exacts.write_address.next = self.interval_write.address.val();
        // Its error stands a cycle before it is done.
        self.is_unresolved.d.next = self.made.val().error == bits_lit::<32>(0xffff_ffff_u64);
        self.exacts.write_data.next = self.is_unresolved.q.val();
        self.is_answered.d.next = self.is_quick.q.val() & self.interval.nearly.val() & !self.is_unresolved.d.val();
        self.answered.next = self.is_answered.q.val();

        // ---- sums: read for an update or for a value, written by an update or by a pass
        self.sums_read.ladder.next = self.job_ladder.q.val();
        self.ats_read.ladder.next = self.job_ladder.q.val();
        self.sums_read.index.next = self.load_node.q.val();
        if self.lanes.arriving.val() {
            self.sums_read.index.next = self.update_write.q.val();
        }
        // A cycle after the sums, which have one more register on their way.
        self.at_node.d.next = self.load_node.q.val();
        self.ats_read.index.next = self.at_node.q.val();
        if self.state.q.val() == State::Update {
            self.ats_read.index.next = self.update_read.q.val();
        }
        if self.state.q.val() == State::Quick {
            self.ats_read.index.next = self.job_index.q.val();
        }
        if self.is_quick.q.val() & self.lanes.injected.val() {
            self.ats_read.index.next = self.arriving_node.q.val();
        }
        self.sums.read_address.next = self.sums_read.address.val();
        self.ats.read_address.next = self.ats_read.address.val();
        self.sums_held.d.next = self.sums.q.val();
        self.joined.d.next.inverse_delta = self.sums_held.q.val().inverse_delta + self.arrival.q.val().inverse_delta;
        self.joined.d.next.inverse_gamma = self.sums_held.q.val().inverse_gamma + self.arrival.q.val().inverse_gamma;
        self.joined.d.next.inverse_vega = self.sums_held.q.val().inverse_vega + self.arrival.q.val().inverse_vega;
        self.joined.d.next.linear_delta = self.sums_held.q.val().linear_delta + self.arrival.q.val().linear_delta;
        self.joined.d.next.linear_gamma = self.sums_held.q.val().linear_gamma + self.arrival.q.val().linear_gamma;
        self.joined.d.next.linear_vega = self.sums_held.q.val().linear_vega + self.arrival.q.val().linear_vega;
        self.is_joined.d.next = self.arrived.q.val();
        self.written_node.d.next = self.here.val().node;
        if self.state.q.val() == State::ExactPass {
            self.written_node.d.next = self.exact_node.val();
        }
        if self.arrived.q.val() {
            self.written_node.d.next = self.arrival_node.q.val();
        }
        self.is_summed.d.next = self.lanes.nearly.val()
            & ((self.state.q.val() == State::NodePass) | (self.state.q.val() == State::ExactPass));
        self.sums_write.ladder.next = self.job_ladder.q.val();
        self.sums_write.index.next = self.written_node.q.val();
        // Either a trade's share joins a node, or a pass has summed one.
        self.sums.write.next = self.is_joined.q.val() | self.is_summed.q.val();
        self.sums.write_data.next = self.lanes.sums.val();
        if self.is_joined.q.val() {
            self.sums.write_data.next = self.joined.q.val();
        }
        self.sums.write_address.next = self.sums_write.address.val();
        self.is_dated.d.next = self.is_summed.q.val();
        self.ats.write.next = self.is_dated.q.val();
        self.ats.write_address.next = self.sums_write.address.val();
        self.has_edge.d.next = !self.is_first_node.q.val()
            & ((self.here_regions.val().inverse != self.lanes.regions_inverse.val())
                | (self.here_regions.val().linear != self.lanes.regions_linear.val()));
        self.ats.write_data.next = self.pass_at.q.val();
        self.ats.write_data.next.edge_before = self.has_edge.q.val();

        // ---- units
        self.gamma_shift.d.next = self.here_scale.val().gamma_bits - self.here_scale.val().delta_bits + self.cut.val();
        // The nodes around a trade's price are worked out as the trade joins them.
        self.load_go.d.next = self.load_start.q.val();
        self.node_go.d.next = self.load_go.q.val() | (self.is_quick.q.val() & self.arrived.q.val());
        self.node.start.next = self.node_go.q.val();
        self.node.node.next.sums = self.joined.q.val();
        self.node.node.next.at = self.at_held.q.val().at;
        self.node.node.next.step_ratio = self.at_held.q.val().step_ratio;
        self.node.node.next.edge_before = self.at_held.q.val().edge_before;
        self.node.constant_inverse.next = self.constant_inverse.val();
        self.node.constant_linear.next = self.constant_linear.val();
        self.node.gamma_shift.next = self.gamma_shift.q.val().get_bits::<6>(0);
        self.window.put.next = self.node.done.val();
        self.window.place.next = self.value_at.q.val();
        self.window.value.next = self.node.value.val();
        self.window.at.next = self.job_index.q.val().get_bits::<2>(0);
        self.first_place.d.next = self.window_start.q.val().get_bits::<2>(0);
        if self.is_two.q.val() {
            // Three values are the last three.
            self.first_place.d.next = self.window_start.q.val().get_bits::<2>(0) - self.one_2.val();
        }
        self.window.first.next = self.first_place.q.val();
        self.interval.left.next = self.window.left.val();
        self.interval.right.next = self.window.right.val();
        self.interval.n0.next = self.window.n0.val();
        self.interval.n1.next = self.window.n1.val();
        self.interval.n2.next = self.window.n2.val();
        self.interval.n3.next = self.window.n3.val();
        self.interval.two.next = self.is_two.q.val();
        self.axis.shift.next = self.here.val().shift;
        self.axis.index.next = self.job_index.q.val();
        if self.is_node.q.val() {
            self.axis.index.next = self.here.val().node;
        }
        self.left_price.d.next = self.here.val().low + self.axis.offset.val();
        if self.is_exact.q.val() {
            self.left_price.d.next = self.job_price.q.val();
        }
        self.interval.left_price.next = self.left_price.q.val();
        self.interval.shift.next = self.here.val().shift;
        self.interval.scale.next = self.here_scale.val();
        self.interval.target.next = self.here_target.val();
        self.interval.exact.next = self.is_exact.q.val();
        self.interval.start.next = false;
        self.greeks.next.delta = self.window.lowest.val().delta;
        self.greeks.next.gamma = self.window.lowest.val().gamma;
        self.greeks.next.vega = self.window.lowest.val().vega;
        self.greeks.next.band = self.band.q.val();

        // ---- ratios
        // While a node's rows pass, of the node after it.
        self.low_ahead.d.next = self.here.val().low;
        if self.state.q.val() == State::NodePass {
            self.low_ahead.d.next = self.here.val().low + self.axis.step.val();
        }
        self.ratio.start.next = self.ratio_go.q.val();
        self.ratio.price.next = self.ratio_price.q.val();
        self.ratio.price_ref.next = self.ratio_reference.q.val();
        self.ratio.step_shift.next = self.ratio_shift.q.val();
        self.ratio_go.d.next = false;
        self.ratio_price.d.next = self.low_ahead.q.val() + self.axis.offset.val();
        self.ratio_reference.d.next = self.here_scale.val().price_ref;
        self.ratio_shift.d.next = self.here.val().shift;
        self.is_ratio_here.d.next =
            (self.ratio_ladder.q.val() == self.job_ladder.q.val()) & (self.ratio_node.q.val() == self.here.val().node);
        if self.ratio.done.val() {
            self.ratio_busy.d.next = false;
            self.ratio_valid.d.next = true;
        }

        // ---- the window around an interval: one node before it, four in all
        self.index_less_one.d.next = self.job_index.q.val() - self.one.val();
        self.index_less_two.d.next = self.job_index.q.val() - self.two.val();
        self.is_first_index.d.next = self.job_index.q.val() == bits_lit::<15>(0);
        self.next_index.d.next = self.job_index.q.val() + self.one.val();
        self.is_last.d.next = self.next_index.q.val() == self.here.val().count;
        self.want.d.next = self.index_less_one.q.val();
        if self.next_index.q.val() == self.here.val().count {
            self.want.d.next = self.index_less_two.q.val();
        }
        if self.is_first_index.q.val() | (self.here.val().count == bits_lit::<15>(2)) {
            self.want.d.next = self.zero_15.val();
        }
        self.window_nodes.next = self.four.val();
        if self.is_two.q.val() {
            self.window_nodes.next = self.three.val();
        }

        self.window_end.d.next = self.want.q.val() + self.window_nodes.val();
        self.has_window.d.next = self.window_on.q.val()
            & (self.window_ladder.q.val() == self.job_ladder.q.val())
            & (self.window_start.q.val() == self.want.q.val());
        self.next_start.d.next = self.window_start.q.val() + self.one.val();
        self.follows_window.d.next = self.window_on.q.val()
            & (self.window_ladder.q.val() == self.job_ladder.q.val())
            & (self.next_start.q.val() == self.want.q.val());

        // ---- a new ladder
        self.axis.fit.next = self.state.q.val() == State::Ends;
        self.axis.centre.next = self.job_price.q.val();
        self.axis.new_shift.next = self.shift.val();
        self.axis.count.next = self.intervals.val();

        // ---- the summary of a ladder being finished
        self.is_worse.d.next = self.made.val().error > self.bound.q.val();
        self.tables.summary.next.error_bound = self.bound.q.val();
        self.tables.summary.next.exact_intervals = self.exact_count.q.val();

        // ---- what a trade changes: the ladder at hand, which is the active one, and the other
        self.is_changed.next = self.changed0.val();
        self.is_other_changed.next = self.changed1.val();
        if self.job_ladder.q.val().get_bit(0) {
            self.is_changed.next = self.changed1.val();
            self.is_other_changed.next = self.changed0.val();
        }
        self.other_ladder.next = self.job_ladder.q.val() ^ self.one_9.val();
        self.takes_trade.next = false;

        // ---- what EACH does to the ladder at hand
        self.is_touched.next = (self.job_op.q.val() == EngineOp::Configure)
            | (self.job_op.q.val() == EngineOp::Open)
            | (self.job_op.q.val() == EngineOp::Clear)
            | ((self.job_op.q.val() == EngineOp::Retarget) & self.drifts.val());

        // ---- which intervals may answer
        self.usable.reset.next = self.reset.val();
        self.usable.ladder.next = self.job_ladder.q.val();
        self.usable.index.next = self.job_index.q.val();
        self.usable.forget.next = false;
        self.usable.forget_other.next = false;
        self.usable.begins.next = false;
        self.usable.finishes.next = false;
        self.usable.freshens.next = false;
        self.usable.unresolved.next = false;
        self.usable.ends.next = false;
        self.usable.settles.next = false;
        self.usable.wanted.next = self.wanted.val();
        self.usable.wanted_ladder.next = self.wanted_ladder.val();
        self.usable.wanted_index.next = self.wanted_index.val();
        self.must_yield.d.next = self.halt.val() | self.usable.is_lacking.val();
        self.lanes_go.d.next = false;
        self.waited.d.next = bits_lit::<2>(0);

        // ---- a value comes: each node's has a place of its own
        if self.node.done.val() {
            self.value_at.d.next = self.value_at.q.val() + self.one_2.val();
            if self.is_two.q.val() & (self.value_at.q.val() == bits_lit::<2>(2)) {
                self.value_at.d.next = bits_lit::<2>(0);
            }
            self.values_left.d.next = self.values_left.q.val() - self.one_3.val();
        }

        // ---- contributions arrive in the order of the nodes
        if self.lanes.arriving.val() {
            self.update_write.d.next = self.update_write.q.val() + self.one.val();
            if self.update_write.q.val() == self.update_last.q.val() {
                self.update_write.d.next = self.update_wrap.q.val();
            }
        }
        if self.is_joined.q.val() {
            self.writes_left.d.next = self.writes_left.q.val() - self.one.val();
        }

        match self.state.q.val() {
            State::Idle => {
                self.is_finish.d.next = false;
                // Unless it is the front's interval or a trade's, it is the next to finish, or the first.
                self.job_index.d.next = self.zero_15.val();
                if self.usable.is_lacking.val() {
                    self.job_index.d.next = self.usable.lacking_index.val();
                } else if self.usable.is_finishing.val() {
                    self.job_index.d.next = self.usable.finish_next.val();
                }
                if self.start.val() {
                    self.job_index.d.next = self.index.val();
                }
                self.is_quick.d.next = false;
                self.is_exact.d.next = false;
                self.is_node.d.next = false;
                self.is_second.d.next = false;
                self.ratio_asked.d.next = false;
                if self.start.val() {
                    self.job_op.d.next = self.op.val();
                    self.job_ladder.d.next = self.ladder.val();
                    self.job_price.d.next = self.price.val();
                    self.is_ok.d.next = true;
                    if self.op.val() == EngineOp::Exact {
                        self.ratio_valid.d.next = false;
                        self.after.d.next = After::ExactRatio;
                        self.state.d.next = State::LookUp;
                    } else if self.op.val() == EngineOp::Build {
                        self.ratio_valid.d.next = false;
                        self.state.d.next = State::Ends;
                    } else if self.op.val() == EngineOp::Trade {
                        self.pending_first.d.next = self.ladder.val() - (self.ladder.val() & self.one_9.val());
                        self.state.d.next = State::Ready;
                    } else {
                        // One ladder, unless the operation is for both of an underlying.
                        self.is_second.d.next = (self.op.val() == EngineOp::Open) | (self.op.val() == EngineOp::Clear);
                        self.after.d.next = After::Each;
                        self.state.d.next = State::LookUp;
                    }
                } else if self.pending0.q.val() {
                    self.job_ladder.d.next = self.pending_first.q.val();
                    self.after.d.next = After::Aim;
                    self.state.d.next = State::LookUp;
                } else if self.pending1.q.val() {
                    self.job_ladder.d.next = self.pending_first.q.val() + self.one_9.val();
                    self.after.d.next = After::Aim;
                    self.state.d.next = State::LookUp;
                } else if !self.halt.val() {
                    if self.usable.is_lacking.val() {
                        self.job_ladder.d.next = self.usable.lacking_ladder.val();
                        self.after.d.next = After::Window;
                        self.state.d.next = State::LookUp;
                    } else if self.is_scanned.q.val() {
                        self.job_ladder.d.next = self.scan.q.val();
                        if self.scanned.val().stage == bits_lit::<2>(1) {
                            self.is_node.d.next = true;
                            self.after.d.next = After::NodeRatio;
                            self.state.d.next = State::LookUp;
                        } else if (self.scanned.val().stage == bits_lit::<2>(2)) & !self.usable.is_settled.val() {
                            self.is_finish.d.next = true;
                            self.after.d.next = After::Window;
                            self.state.d.next = State::LookUp;
                        } else {
                            self.is_scanned.d.next = false;
                            self.scan.d.next = self.scan.q.val() + self.one_9.val();
                            if self.scan.q.val() == self.last_ladder.val() {
                                self.scan.d.next = bits_lit::<9>(0);
                            }
                        }
                    }
                }
            }
            // Four cycles, and what is looked up for the ladder at hand is in registers, `has_window` too.
            State::LookUp => {
                self.waited.d.next = self.waited.q.val() + self.one_2.val();
                if self.waited.q.val() == bits_lit::<2>(3) {
                    match self.after.q.val() {
                        After::Each => self.state.d.next = State::Each,
                        After::Aim => self.state.d.next = State::Aim,
                        After::Window => self.state.d.next = State::Window,
                        After::NodeRatio => self.state.d.next = State::NodeRatio,
                        After::ExactRatio => self.state.d.next = State::ExactRatio,
                        _ => self.state.d.next = State::Idle,
                    }
                }
            }
            State::Each => {
                if self.is_touched.val() {
                    self.is_scanned.d.next = false;
                    self.usable.forget.next = true;
                    self.window_on.d.next = false;
                }
                if (self.job_op.q.val() == EngineOp::Configure)
                    | (self.job_op.q.val() == EngineOp::Open)
                    | (self.job_op.q.val() == EngineOp::Clear)
                {
                    self.tables.write_params.next = true;
                    self.tables.params.next.stage = bits_lit::<2>(0);
                }
                if (self.job_op.q.val() == EngineOp::Configure) | (self.job_op.q.val() == EngineOp::Open) {
                    self.tables.write_scale.next = true;
                    self.tables.write_target.next = true;
                }
                if self.job_op.q.val() == EngineOp::Configure {
                    self.tables.write_slots.next = true;
                }
                if self.job_op.q.val() == EngineOp::Retarget {
                    self.tables.write_target.next = true;
                }
                if !self.is_second.q.val() {
                    self.is_second.d.next = true;
                    self.job_ladder.d.next = self.other_ladder.val();
                    self.state.d.next = State::LookUp;
                } else {
                    self.is_done.d.next = true;
                    self.state.d.next = State::Idle;
                }
            }
            State::Ready => {
                // Whatever values are there are from before the trade.
                self.window_on.d.next = false;
                self.scan.d.next = self.job_ladder.q.val();
                self.is_scanned.d.next = false;
                self.state.d.next = State::Quick;
            }
            State::Quick => {
                self.is_scanned.d.next = false;
                self.is_quick.d.next = true;
                self.state.d.next = State::Aim;
                if !self.has_place.val() | (self.here.val().stage != bits_lit::<2>(2)) {
                    self.state.d.next = State::TradeWait;
                }
            }
            State::TradeWait => {
                if self.weighed.val() {
                    self.takes_trade.next = true;
                    self.is_done.d.next = true;
                    self.state.d.next = State::Idle;
                }
            }
            State::Aim => {
                self.update_last.d.next = self.here.val().count;
                self.update_wrap.d.next = self.zero_15.val();
                self.load_wait.d.next = bits_lit::<4>(0);
                self.update_read.d.next = self.zero_15.val();
                self.update_write.d.next = self.zero_15.val();
                self.reads_left.d.next = self.nodes.q.val();
                self.writes_left.d.next = self.nodes.q.val();
                if self.here.val().stage == bits_lit::<2>(1) {
                    self.reads_left.d.next = self.here.val().node;
                    self.writes_left.d.next = self.here.val().node;
                }
                if self.is_quick.q.val() {
                    // The window, from the interval's left node on and round.
                    self.update_last.d.next = self.want.q.val() + self.three.val();
                    if self.is_two.q.val() {
                        self.update_last.d.next = self.want.q.val() + self.two.val();
                    }
                    self.update_wrap.d.next = self.want.q.val();
                    // The first has been read.
                    self.update_read.d.next = self.next_index.q.val();
                    self.update_write.d.next = self.job_index.q.val();
                    self.reads_left.d.next = self.window_nodes.val() - self.one.val();
                    self.load_wait.d.next = self.first_gap.val();
                    self.writes_left.d.next = self.window_nodes.val();
                } else {
                    self.update_row.d.next = self.change0.val();
                    if self.job_ladder.q.val().get_bit(0) {
                        self.update_row.d.next = self.change1.val();
                    }
                }
                if !self.is_quick.q.val()
                    & self.rest_on.q.val()
                    & (self.rest_bank.q.val() == self.job_ladder.q.val().get_bit(0))
                {
                    self.rest_on.d.next = false;
                    self.update_read.d.next = self.rest_first.q.val();
                    self.update_write.d.next = self.rest_first.q.val();
                    self.reads_left.d.next = self.rest_count.q.val();
                    self.writes_left.d.next = self.rest_count.q.val();
                }
                self.state.d.next = State::Update;
                if self.is_quick.q.val() {
                    self.inject_go.d.next = self.is_coming_held.q.val();
                    if !self.is_coming_held.q.val() {
                        self.state.d.next = State::TradeWait;
                    }
                } else if (self.here.val().stage == bits_lit::<2>(0))
                    | ((self.here.val().stage == bits_lit::<2>(1)) & (self.here.val().node == bits_lit::<15>(0)))
                {
                    // Nothing is summed yet that the change could be missing from.
                    if self.job_ladder.q.val().get_bit(0) {
                        self.pending1.d.next = false;
                    } else {
                        self.pending0.d.next = false;
                    }
                    self.state.d.next = State::Idle;
                }
            }
            State::Update => {
                if self.load_wait.q.val() != bits_lit::<4>(0) {
                    self.load_wait.d.next = self.load_wait.q.val() - self.one_4.val();
                } else if self.reads_left.q.val() != bits_lit::<15>(0) {
                    // As far apart as their values can be worked out.
                    if self.is_quick.q.val() {
                        self.load_wait.d.next = self.load_gap.val();
                    }
                    self.inject_valid.d.next = true;
                    self.reads_left.d.next = self.reads_left.q.val() - self.one.val();
                    self.update_read.d.next = self.update_read.q.val() + self.one.val();
                    if self.update_read.q.val() == self.update_last.q.val() {
                        self.update_read.d.next = self.update_wrap.q.val();
                    }
                }
                if self.is_quick.q.val() & self.weighed.val() {
                    self.update_row.d.next.delta = self.change0.val().delta;
                    self.update_row.d.next.gamma = self.change0.val().gamma;
                    self.update_row.d.next.vega = self.change0.val().vega;
                    if self.job_ladder.q.val().get_bit(0) {
                        self.update_row.d.next.delta = self.change1.val().delta;
                        self.update_row.d.next.gamma = self.change1.val().gamma;
                        self.update_row.d.next.vega = self.change1.val().vega;
                    }
                }
                // The changes have been taken over, and all rows are in the lane.
                if self.is_quick.q.val() & self.arrived.q.val() {
                    self.state.d.next = State::Window;
                }
                if self.writes_left.q.val() == bits_lit::<15>(0) {
                    if self.job_ladder.q.val().get_bit(0) {
                        self.pending1.d.next = false;
                    } else {
                        self.pending0.d.next = false;
                    }
                    self.state.d.next = State::Idle;
                }
            }
            State::Window => {
                self.usable.begins.next = self.is_finish.q.val();
                if self.is_finish.q.val() & self.is_first_index.q.val() {
                    self.bound.d.next = bits_lit::<32>(0);
                    self.exact_count.d.next = self.zero_15.val();
                }
                self.load_wait.d.next = bits_lit::<4>(0);
                self.window_on.d.next = true;
                self.window_ladder.d.next = self.job_ladder.q.val();
                self.window_start.d.next = self.want.q.val();
                self.load_node.d.next = self.want.q.val();
                self.load_left.d.next = self.window_nodes.val().get_bits::<3>(0);
                self.values_left.d.next = self.window_nodes.val().get_bits::<3>(0);
                self.value_at.d.next = self.want.q.val().get_bits::<2>(0);
                self.state.d.next = State::Load;
                if self.has_window.q.val() {
                    self.state.d.next = State::Interval;
                } else if self.follows_window.q.val() {
                    self.load_node.d.next = self.want.q.val() + self.three.val();
                    self.load_left.d.next = bits_lit::<3>(1);
                    self.values_left.d.next = bits_lit::<3>(1);
                    self.value_at.d.next = self.want.q.val().get_bits::<2>(0) - self.one_2.val();
                }
                if self.is_quick.q.val() {
                    self.load_left.d.next = bits_lit::<3>(0);
                    self.value_at.d.next = self.job_index.q.val().get_bits::<2>(0);
                    // What is left of the nodes takes the trade afterwards.
                    self.takes_trade.next = true;
                    self.rest_on.d.next = self.is_changed.val();
                    self.rest_bank.d.next = self.job_ladder.q.val().get_bit(0);
                    self.rest_first.d.next = self.window_end.q.val();
                    if self.window_end.q.val() == self.nodes.q.val() {
                        self.rest_first.d.next = self.zero_15.val();
                    }
                    self.rest_count.d.next = self.nodes.q.val() - self.window_nodes.val();
                }
            }
            State::Load => {
                if self.load_wait.q.val() != bits_lit::<4>(0) {
                    self.load_wait.d.next = self.load_wait.q.val() - self.one_4.val();
                } else if self.load_left.q.val() != bits_lit::<3>(0) {
                    self.load_start.d.next = true;
                    self.load_node.d.next = self.load_node.q.val() + self.one.val();
                    self.load_left.d.next = self.load_left.q.val() - self.one_3.val();
                    self.load_wait.d.next = self.load_gap.val();
                }
                if self.is_quick.q.val() {
                    // Two values are enough to begin with.
                    if self.node.done.val()
                        & (self.values_left.q.val() == self.window_nodes.val().get_bits::<3>(0) - self.one_3.val())
                    {
                        self.state.d.next = State::Interval;
                    }
                } else if self.node.done.val() & (self.values_left.q.val() == bits_lit::<3>(1)) {
                    self.state.d.next = State::Interval;
                }
            }
            State::Interval => {
                self.interval.start.next = true;
                self.state.d.next = State::IntervalDone;
            }
            State::IntervalDone => {
                if self.interval.done.val() & self.is_exact.q.val() {
                    self.band.d.next = self.made.val().band;
                    self.is_done.d.next = true;
                    self.state.d.next = State::Idle;
                } else if self.interval.done.val() {
                    self.intervals_of.write.next = !self.usable.is_there.val();
                    self.exacts.write.next = !self.usable.is_there.val();
                    self.usable.unresolved.next = self.is_unresolved.q.val();
                    self.state.d.next = State::IntervalSaid;
                }
            }
            State::IntervalSaid => {
                self.state.d.next = State::Idle;
                if self.is_finish.q.val() {
                    self.usable.finishes.next = true;
                    self.state.d.next = State::Summed;
                } else {
                    self.usable.freshens.next = true;
                    self.is_done.d.next = self.is_quick.q.val();
                }
            }
            // The summary takes the interval, and is written after the last.
            State::Summed => {
                if self.is_unresolved.q.val() {
                    self.exact_count.d.next = self.exact_count.q.val() + self.one.val();
                } else {
                    if self.is_worse.q.val() {
                        self.bound.d.next = self.made.val().error;
                    }
                }
                self.state.d.next = State::Settle;
                self.usable.ends.next = self.is_last.q.val();
            }
            // Meanwhile it is seen whether the front still lacks an interval.
            State::Settle => {
                if self.is_last.q.val() {
                    self.tables.write_summary.next = true;
                    self.usable.settles.next = true;
                    self.is_scanned.d.next = false;
                }
                self.state.d.next = State::Idle;
            }
            State::Ends => {
                if self.axis.fitted.val() {
                    self.state.d.next = State::ReachLow;
                    if !self.axis.ok.val() {
                        self.is_ok.d.next = false;
                        self.is_done.d.next = true;
                        self.state.d.next = State::Idle;
                    }
                }
            }
            State::ReachLow => {
                self.ratio_price.d.next = self.axis.low.val();
                self.ratio_shift.d.next = self.shift.val();
                self.ratio_valid.d.next = false;
                if !self.ratio_asked.q.val() & !self.ratio_busy.q.val() {
                    self.ratio_go.d.next = true;
                    self.ratio_asked.d.next = true;
                }
                if self.ratio_asked.q.val() & self.ratio.done.val() {
                    self.ratio_asked.d.next = false;
                    self.state.d.next = State::ReachHigh;
                    if !self.ratio.in_reach.val() {
                        self.is_ok.d.next = false;
                        self.is_done.d.next = true;
                        self.state.d.next = State::Idle;
                    }
                }
            }
            State::ReachHigh => {
                self.ratio_price.d.next = self.axis.high.val();
                self.ratio_shift.d.next = self.shift.val();
                self.ratio_valid.d.next = false;
                if !self.ratio_asked.q.val() {
                    self.ratio_go.d.next = true;
                    self.ratio_asked.d.next = true;
                }
                if self.ratio_asked.q.val() & self.ratio.done.val() {
                    self.is_ok.d.next = self.ratio.in_reach.val();
                    self.state.d.next = State::Begin;
                }
            }
            State::Begin => {
                self.is_done.d.next = true;
                self.state.d.next = State::Idle;
                if self.is_ok.q.val() {
                    self.tables.write_params.next = true;
                    self.tables.params.next.low = self.axis.low.val();
                    self.tables.params.next.shift = self.shift.val();
                    self.tables.params.next.count = self.intervals.val();
                    self.tables.params.next.stage = bits_lit::<2>(1);
                    self.tables.params.next.node = bits_lit::<15>(0);
                    self.usable.forget.next = true;
                    self.window_on.d.next = false;
                }
            }
            State::NodeRatio => {
                // Taken whether or not it is of this node: it goes only if it is.
                self.pass_at.d.next.at = self.ratio.ratios.val();
                self.pass_at.d.next.step_ratio = self.ratio.step_ratio.val();
                if self.must_yield.q.val() {
                    self.state.d.next = State::Idle;
                } else if self.ratio_valid.q.val() & self.is_ratio_here.q.val() {
                    self.lanes_go.d.next = true;
                    self.state.d.next = State::NodePass;
                } else if !self.ratio_busy.q.val() {
                    self.ratio_go.d.next = true;
                    self.ratio_busy.d.next = true;
                    self.ratio_valid.d.next = false;
                    self.ratio_ladder.d.next = self.job_ladder.q.val();
                    self.ratio_node.d.next = self.here.val().node;
                }
            }
            State::NodePass => {
                // The next node's ratios while this one's rows pass.
                if !self.lanes_go.q.val()
                    & !self.ratio_busy.q.val()
                    & self.is_ratio_here.q.val()
                    & !self.is_last_node.q.val()
                {
                    self.ratio_go.d.next = true;
                    self.ratio_busy.d.next = true;
                    self.ratio_valid.d.next = false;
                    self.ratio_node.d.next = self.here.val().node + self.one.val();
                }
                if self.lanes.done.val() {
                    self.tables.write_regions.next = true;
                    self.tables.write_params.next = true;
                    self.tables.params.next.node = self.here.val().node + self.one.val();
                    if self.is_last_node.q.val() {
                        self.tables.params.next.stage = bits_lit::<2>(2);
                    } else {
                        // Others get their turn after each node.
                        self.is_scanned.d.next = false;
                        self.scan.d.next = self.scan.q.val() + self.one_9.val();
                        if self.scan.q.val() == self.last_ladder.val() {
                            self.scan.d.next = bits_lit::<9>(0);
                        }
                    }
                    self.state.d.next = State::Idle;
                } else if self.must_yield.q.val() & !self.lanes_go.q.val() {
                    self.lanes.abort.next = true;
                    self.state.d.next = State::NodeDrop;
                }
            }
            State::NodeDrop => {
                if !self.lanes.busy.val() {
                    self.state.d.next = State::Idle;
                }
            }
            State::ExactRatio => {
                self.is_exact.d.next = true;
                // Its value has the lowest place.
                self.job_index.d.next = self.zero_15.val();
                self.value_at.d.next = bits_lit::<2>(0);
                self.window_on.d.next = false;
                self.ratio_price.d.next = self.job_price.q.val();
                self.ratio_shift.d.next = bits_lit::<5>(0);
                self.ratio_valid.d.next = false;
                if !self.ratio_asked.q.val() & !self.ratio_busy.q.val() {
                    self.ratio_go.d.next = true;
                    self.ratio_asked.d.next = true;
                }
                if self.ratio_asked.q.val() & self.ratio.done.val() {
                    self.pass_at.d.next.at = self.ratio.ratios.val();
                    self.pass_at.d.next.step_ratio = self.ratio.step_ratio.val();
                    if self.ratio.in_reach.val() {
                        self.lanes_go.d.next = true;
                        self.state.d.next = State::ExactPass;
                    } else {
                        self.is_ok.d.next = false;
                        self.is_done.d.next = true;
                        self.state.d.next = State::Idle;
                    }
                }
            }
            State::ExactPass => {
                self.load_node.d.next = self.exact_node.val();
                self.load_wait.d.next = bits_lit::<4>(0);
                self.load_left.d.next = bits_lit::<3>(1);
                self.values_left.d.next = bits_lit::<3>(1);
                if self.lanes.done.val() {
                    self.state.d.next = State::Load;
                }
            }
            _ => {
                self.state.d.next = State::Idle;
            }
        }

        // ---- a trade's changes are there
        if self.takes_trade.val() {
            self.pending0.d.next = self.changed0.val();
            self.pending1.d.next = self.changed1.val();
            self.usable.forget.next = self.is_changed.val();
            self.usable.forget_other.next = self.is_other_changed.val();
            self.is_scanned.d.next = false;
        }

        // ---- a contribution arrives: the node's sums have been read, and are held with it
        self.arrived.d.next = self.lanes.injected.val();
        self.arrival.d.next = self.no_sums.val();
        if self.lanes.injected.val() & self.lanes.contribution.val().linear {
            self.arrival.d.next.linear_delta = self.lanes.contribution.val().delta;
            self.arrival.d.next.linear_gamma = self.lanes.contribution.val().gamma;
            self.arrival.d.next.linear_vega = self.lanes.contribution.val().vega;
        }
        if self.lanes.injected.val() & !self.lanes.contribution.val().linear {
            self.arrival.d.next.inverse_delta = self.lanes.contribution.val().delta;
            self.arrival.d.next.inverse_gamma = self.lanes.contribution.val().gamma;
            self.arrival.d.next.inverse_vega = self.lanes.contribution.val().vega;
        }
        self.arriving_node.d.next = self.update_write.q.val();
        self.arrival_node.d.next = self.arriving_node.q.val();

        // ---- a pass takes the slots of the ladder at hand
        self.lanes.bank.next = self.job_ladder.q.val().get_bit(0);
        self.lanes.first.next = self.here_slots.val().first;
        self.lanes.count.next = self.here_slots.val().count;
        self.lanes.ratios.next = self.ratio.ratios.val();

        if self.tables.is_writing.val() {
            self.is_scanned.d.next = false;
        }

        if self.reset.val() {
            self.state.d.next = State::Idle;
            self.window_on.d.next = false;
            self.pending0.d.next = false;
            self.pending1.d.next = false;
            self.rest_on.d.next = false;
            self.ratio_busy.d.next = false;
            self.ratio_valid.d.next = false;
            self.scan.d.next = bits_lit::<9>(0);
            self.is_scanned.d.next = false;
            self.lanes_go.d.next = false;
        }
    }
}
