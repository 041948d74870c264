//! Which slots of a bank are written: a bit each, in words of 64.
//!
//! ```text
//!   slot --> 1 word of bank 0, of bank 1 --> 2 eight bits of it --one of them--> written
//!                                            2 the word with the slot's bit in it --> memory
//! ```
//!
//! The kernel's epochs: a bank that is opened has no slot written. The slot stays while its bits are read and written.

use rust_hdl::prelude::*;

use crate::primitive::Ram;
use crate::signal::{U, bits_lit};

/// The bits of all slots, of both banks.
#[derive(LogicBlock)]
pub struct Slots {
    pub clock: Signal<In, Clock>,
    pub slot: Signal<In, U<20>>,
    /// The slot is written in the bank, two cycles after it is known.
    pub written0: Signal<Out, Bit>,
    pub written1: Signal<Out, Bit>,
    /// Writes the slot's word of that bank.
    pub write0: Signal<In, Bit>,
    pub write1: Signal<In, Bit>,
    /// No slot of the word is written any more; else the slot is, in `bank`.
    pub clear: Signal<In, Bit>,
    pub bank: Signal<In, Bit>,

    words0: Ram<U<64>, 14>,
    words1: Ram<U<64>, 14>,
    word0: DFF<U<64>>,
    word1: DFF<U<64>>,
    /// The eight slots of which the slot is one.
    byte0: DFF<U<8>>,
    byte1: DFF<U<8>>,
    position_bit: DFF<U<64>>,
    position: Signal<Local, U<6>>,
    bytes: Signal<Local, U<6>>,
    in_byte: Signal<Local, U<3>>,
    shifted0: Signal<Local, U<64>>,
    shifted1: Signal<Local, U<64>>,
    word: Signal<Local, U<64>>,
    block: Signal<Local, U<14>>,
    one_word: Constant<U<64>>,
    whole_bytes: Constant<U<6>>,
}

impl Slots {
    /// For so many words of 64 slots.
    pub fn new(blocks: usize) -> Self {
        with_defaults!({
            words0: Ram::new(blocks),
            words1: Ram::new(blocks),
            one_word: Constant::new(U::new(1)),
            whole_bytes: Constant::new(U::new(0b11_1000)),
        }
            clock slot written0 written1 write0 write1 clear bank word0 word1 byte0 byte1 position_bit position bytes
            in_byte shifted0 shifted1 word block
        )
    }
}

impl Logic for Slots {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, words0, words1, word0, word1, byte0, byte1, position_bit);

        self.block.next = self.slot.val().get_bits::<14>(6);
        self.words0.read_address.next = self.block.val();
        self.words1.read_address.next = self.block.val();
        self.position.next = self.slot.val().get_bits::<6>(0);
        self.bytes.next = self.position.val() & self.whole_bytes.val();
        self.shifted0.next = self.words0.q.val() >> self.bytes.val();
        self.shifted1.next = self.words1.q.val() >> self.bytes.val();
        self.byte0.d.next = self.shifted0.val().get_bits::<8>(0);
        self.byte1.d.next = self.shifted1.val().get_bits::<8>(0);
        self.in_byte.next = self.slot.val().get_bits::<3>(0);
        self.written0.next = self.byte0.q.val().get_bit(self.in_byte.val().index());
        self.written1.next = self.byte1.q.val().get_bit(self.in_byte.val().index());

        self.word0.d.next = self.words0.q.val();
        self.word1.d.next = self.words1.q.val();
        self.position_bit.d.next = self.one_word.val() << self.position.val();
        self.word.next = self.word0.q.val() | self.position_bit.q.val();
        if self.bank.val() {
            self.word.next = self.word1.q.val() | self.position_bit.q.val();
        }
        if self.clear.val() {
            self.word.next = bits_lit::<64>(0);
        }
        self.words0.write.next = self.write0.val();
        self.words0.write_address.next = self.block.val();
        self.words0.write_data.next = self.word.val();
        self.words1.write.next = self.write1.val();
        self.words1.write_address.next = self.block.val();
        self.words1.write_data.next = self.word.val();
    }
}
