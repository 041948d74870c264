//! The window: values of the nodes around an interval, four of them, or three of a ladder of two intervals.
//!
//! ```text
//!   value --> v0 v1 v2 v3, each node in the place of its last two bits: one that stays does not move
//!               |
//!               +-- at     --> left, right          the interval's nodes
//!               +-- first  --> n0 n1 n2 n3          in the order of prices, from the window's first node on
//! ```
//!
//! Combinational but for what is put in, which is there a cycle later.

use rust_hdl::prelude::*;

use crate::record::{Knot, NodeValue};
use crate::signal::*;

/// Four values by the last two bits of their nodes.
#[derive(LogicBlock, Default)]
pub struct Window {
    pub clock: Signal<In, Clock>,
    /// Takes `value` at `place`.
    pub put: Signal<In, Bit>,
    pub place: Signal<In, U<2>>,
    pub value: Signal<In, NodeValue>,
    /// The interval's left node.
    pub at: Signal<In, U<2>>,
    /// The window's first node.
    pub first: Signal<In, U<2>>,
    pub left: Signal<Out, NodeValue>,
    pub right: Signal<Out, NodeValue>,
    pub n0: Signal<Out, Knot>,
    pub n1: Signal<Out, Knot>,
    pub n2: Signal<Out, Knot>,
    pub n3: Signal<Out, Knot>,
    /// Place 0.
    pub lowest: Signal<Out, NodeValue>,
    v0: DFF<NodeValue>,
    v1: DFF<NodeValue>,
    v2: DFF<NodeValue>,
    v3: DFF<NodeValue>,
    k0: Signal<Local, Knot>,
    k1: Signal<Local, Knot>,
    k2: Signal<Local, Knot>,
    k3: Signal<Local, Knot>,
    // Turned by one place, where `first` is odd.
    t0: Signal<Local, Knot>,
    t1: Signal<Local, Knot>,
    t2: Signal<Local, Knot>,
    t3: Signal<Local, Knot>,
}

impl Logic for Window {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, v0, v1, v2, v3);
        if self.put.val() {
            if self.place.val() == bits_lit::<2>(0) {
                self.v0.d.next = self.value.val();
            }
            if self.place.val() == bits_lit::<2>(1) {
                self.v1.d.next = self.value.val();
            }
            if self.place.val() == bits_lit::<2>(2) {
                self.v2.d.next = self.value.val();
            }
            if self.place.val() == bits_lit::<2>(3) {
                self.v3.d.next = self.value.val();
            }
        }
        self.lowest.next = self.v0.q.val();

        self.left.next = self.v0.q.val();
        self.right.next = self.v1.q.val();
        if self.at.val() == bits_lit::<2>(1) {
            self.left.next = self.v1.q.val();
            self.right.next = self.v2.q.val();
        } else if self.at.val() == bits_lit::<2>(2) {
            self.left.next = self.v2.q.val();
            self.right.next = self.v3.q.val();
        } else if self.at.val() == bits_lit::<2>(3) {
            self.left.next = self.v3.q.val();
            self.right.next = self.v0.q.val();
        }

        self.k0.next.delta = self.v0.q.val().delta;
        self.k0.next.slope = self.v0.q.val().slope;
        self.k1.next.delta = self.v1.q.val().delta;
        self.k1.next.slope = self.v1.q.val().slope;
        self.k2.next.delta = self.v2.q.val().delta;
        self.k2.next.slope = self.v2.q.val().slope;
        self.k3.next.delta = self.v3.q.val().delta;
        self.k3.next.slope = self.v3.q.val().slope;
        self.t0.next = self.k0.val();
        self.t1.next = self.k1.val();
        self.t2.next = self.k2.val();
        self.t3.next = self.k3.val();
        if self.first.val().get_bit(0) {
            self.t0.next = self.k1.val();
            self.t1.next = self.k2.val();
            self.t2.next = self.k3.val();
            self.t3.next = self.k0.val();
        }
        self.n0.next = self.t0.val();
        self.n1.next = self.t1.val();
        self.n2.next = self.t2.val();
        self.n3.next = self.t3.val();
        if self.first.val().get_bit(1) {
            self.n0.next = self.t2.val();
            self.n1.next = self.t3.val();
            self.n2.next = self.t0.val();
            self.n3.next = self.t1.val();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    #[test]
    fn a_window_is_in_the_order_of_its_nodes_wherever_it_begins() {
        let mut bench = TestBench::new("window", Window::default());
        let value = |node: u128| NodeValue { delta: U::new(node), slope: U::new(100 + node), ..Default::default() };
        for first in 0..9u128 {
            // In the order of a trade: from the interval's left node on, and round.
            for at in 0..3 {
                for step in 0..4 {
                    let node = first + (at + step) % 4;
                    poke!(bench, put, true);
                    poke!(bench, place, U::new(node));
                    poke!(bench, value, value(node));
                    cycle!(bench);
                }
                poke!(bench, put, false);
                poke!(bench, value, NodeValue::default());
                poke!(bench, first, U::new(first));
                poke!(bench, at, U::new(first + at));
                cycle!(bench);
                assert_eq!(peek!(bench, left), value(first + at));
                assert_eq!(peek!(bench, right), value(first + at + 1));
                let knots = [peek!(bench, n0), peek!(bench, n1), peek!(bench, n2), peek!(bench, n3)];
                for (node, knot) in (first..).zip(knots) {
                    assert_eq!(knot, Knot { delta: value(node).delta, slope: value(node).slope });
                }
                assert_eq!(peek!(bench, lowest).delta.raw() % 4, 0);
            }
        }
        bench.finish();
    }
}
