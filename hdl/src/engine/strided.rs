//! Addresses of a memory that all ladders share.

use rust_hdl::prelude::*;

use crate::signal::U;

/// `address = index * ladders + ladder`: where there are a power of two of ladders, only wires. Combinational.
#[derive(LogicBlock)]
pub struct Strided {
    pub ladder: Signal<In, U<9>>,
    pub index: Signal<In, U<15>>,
    pub address: Signal<Out, U<24>>,
    _ladders: Box<usize>,
}

impl Strided {
    /// Addresses of a memory that so many ladders share.
    pub fn new(ladders: usize) -> Self {
        Self {
            ladder: Signal::default(),
            index: Signal::default(),
            address: Signal::default(),
            _ladders: Box::new(ladders),
        }
    }
}

impl Logic for Strided {
    fn update(&mut self) {
        let ladders = *self._ladders as u128;
        let ladder = self.ladder.val().raw();
        let ladder = if ladders.is_power_of_two() { ladder % ladders } else { ladder };
        self.address.next = U::new(self.index.val().raw() * ladders + ladder);
    }
    fn connect(&mut self) {
        self.address.connect();
    }
    fn hdl(&self) -> Verilog {
        let ladders = *self._ladders;
        Verilog::Custom(if ladders.is_power_of_two() {
            let top = ladders.trailing_zeros() - 1;
            format!("wire [32:0] wide = {{index, ladder[{top}:0]}};\nalways @(*) address = wide[23:0];")
        } else {
            format!(
                "wire [23:0] wide = {{9'd0, index}};\nalways @(*) address = wide * 24'd{ladders} + {{15'd0, ladder}};"
            )
        })
    }
}
