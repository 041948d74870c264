//! The rows of one lane.
//!
//! ```text
//!   address -> memory -> output register -> row       LATENCY 2
//! ```
//!
//! A bank's weights fit 32 bits, so the memory is three bits narrower than the row on the wire.

use rust_hdl::prelude::*;

use crate::primitive::Ram;
use crate::record::Row;
use crate::signal::*;

/// Bits of an address: two banks of all slots.
pub const ADDRESS_BITS: usize = 21;

/// A `Row` whose weights are 32 bits.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
struct StoredRow {
    kind: U<3>,
    linear: Bit,
    a: U<32>,
    b: U<48>,
    delta: U<32>,
    gamma: U<32>,
    vega: U<32>,
}

/// Memory of rows.
#[derive(LogicBlock)]
pub struct RowMemory {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Write enable.
    pub write: Signal<In, Bit>,
    /// Write address.
    pub write_address: Signal<In, U<ADDRESS_BITS>>,
    /// Row to write.
    pub write_row: Signal<In, Row>,
    /// Read address.
    pub read_address: Signal<In, U<ADDRESS_BITS>>,
    /// The row at the read address of two cycles before.
    pub row: Signal<Out, Row>,

    ram: Ram<StoredRow, ADDRESS_BITS>,
    stored: DFF<StoredRow>,
    written: Signal<Local, Row>,
    delta: Signal<Local, U<33>>,
    gamma: Signal<Local, U<33>>,
    vega: Signal<Local, U<33>>,
    read: Signal<Local, StoredRow>,
    narrow_delta: Signal<Local, S<32>>,
    narrow_gamma: Signal<Local, S<32>>,
    narrow_vega: Signal<Local, S<32>>,
    wide_delta: Signal<Local, S<33>>,
    wide_gamma: Signal<Local, S<33>>,
    wide_vega: Signal<Local, S<33>>,
}

impl RowMemory {
    /// Cycles from address to row.
    pub const LATENCY: usize = 2;

    /// A memory of `depth` rows.
    pub fn new(depth: usize) -> Self {
        Self {
            clock: Signal::default(),
            write: Signal::default(),
            write_address: Signal::default(),
            write_row: Signal::default(),
            read_address: Signal::default(),
            row: Signal::default(),
            ram: Ram::new(depth),
            stored: DFF::default(),
            written: Signal::default(),
            delta: Signal::default(),
            gamma: Signal::default(),
            vega: Signal::default(),
            read: Signal::default(),
            narrow_delta: Signal::default(),
            narrow_gamma: Signal::default(),
            narrow_vega: Signal::default(),
            wide_delta: Signal::default(),
            wide_gamma: Signal::default(),
            wide_vega: Signal::default(),
        }
    }
}

impl Logic for RowMemory {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, ram, stored);

        self.written.next = self.write_row.val();
        self.delta.next = self.written.val().delta;
        self.gamma.next = self.written.val().gamma;
        self.vega.next = self.written.val().vega;
        self.ram.write.next = self.write.val();
        self.ram.write_address.next = self.write_address.val();
        self.ram.write_data.next.kind = self.written.val().kind;
        self.ram.write_data.next.linear = self.written.val().linear;
        self.ram.write_data.next.a = self.written.val().a;
        self.ram.write_data.next.b = self.written.val().b;
        self.ram.write_data.next.delta = self.delta.val().get_bits::<32>(0);
        self.ram.write_data.next.gamma = self.gamma.val().get_bits::<32>(0);
        self.ram.write_data.next.vega = self.vega.val().get_bits::<32>(0);

        self.ram.read_address.next = self.read_address.val();
        self.stored.d.next = self.ram.q.val();
        self.read.next = self.stored.q.val();
        self.narrow_delta.next = signed_cast_same(self.read.val().delta);
        self.narrow_gamma.next = signed_cast_same(self.read.val().gamma);
        self.narrow_vega.next = signed_cast_same(self.read.val().vega);
        self.wide_delta.next = signed_cast_wide(self.narrow_delta.val());
        self.wide_gamma.next = signed_cast_wide(self.narrow_gamma.val());
        self.wide_vega.next = signed_cast_wide(self.narrow_vega.val());
        self.row.next.kind = self.read.val().kind;
        self.row.next.linear = self.read.val().linear;
        self.row.next.a = self.read.val().a;
        self.row.next.b = self.read.val().b;
        self.row.next.delta = unsigned_cast_same(self.wide_delta.val());
        self.row.next.gamma = unsigned_cast_same(self.wide_gamma.val());
        self.row.next.vega = unsigned_cast_same(self.wide_vega.val());
    }
}
