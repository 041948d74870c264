//! The XDP program: datagrams of the groups to AF_XDP sockets, everything else to the stack.
//!
//! ```text
//!   Ethernet, 0 to 2 VLAN tags, IPv4? UDP? -> address of a group? -> its port, options or a piece? -> socket of queue
//!      no: to the stack                                                                                 |
//!                                                  the queue has none: counted, to the stack  <---------+
//! ```
//!
//! What has header options or is a piece of a packet goes to the socket with any port: the reader looks at it in full,
//! and counts what it cannot use. A frame whose headers do not fit goes to the stack, which drops it.
//!
//! Registers: r1 to r5 scratch, r6 context, r7 port, r10 frame of the stack.
//!
//! Facts: `Documentation/bpf/standardization/instruction-set.rst`.

use std::net::SocketAddrV4;
use std::os::fd::RawFd;

/// One instruction, as the kernel reads it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    operation: u8,
    /// Destination in the low, source in the high half.
    registers: u8,
    offset: i16,
    immediate: i32,
}

// Operations.
const LOAD_BYTE: u8 = 0x71;
const LOAD_HALF: u8 = 0x69;
const LOAD_WORD: u8 = 0x61;
const LOAD_IMMEDIATE_64: u8 = 0x18;
const STORE_WORD: u8 = 0x62;
const ATOMIC_ADD_64: u8 = 0xDB;
const MOVE: u8 = 0xBF;
const SET: u8 = 0xB7;
const ADD: u8 = 0x07;
const AND: u8 = 0x57;
const GO: u8 = 0x05;
const GO_IF_EQUAL: u8 = 0x15;
const GO_IF_NOT_EQUAL: u8 = 0x55;
const GO_IF_WORD_EQUAL: u8 = 0x16;
const GO_IF_GREATER: u8 = 0x2D;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

// Helpers of the kernel.
const MAP_LOOKUP: i32 = 1;
const REDIRECT_MAP: i32 = 51;
/// Source of a 64-bit immediate that is a map's descriptor.
const IS_MAP: u8 = 1;
/// Hands a frame to the stack.
const XDP_PASS: i32 = 2;

// Offsets in `struct xdp_md`.
const DATA: i16 = 0;
const DATA_END: i16 = 4;
const RX_QUEUE: i16 = 16;

// Offsets in a frame without tags.
const ETHER_TYPE: i16 = 12;
const VERSION: i16 = 14;
const PIECE: i16 = 20;
const PROTOCOL: i16 = 23;
const ADDRESS: i16 = 30;
const PORT: i16 = 36;
const HEADERS_BYTES: i32 = 42;

/// A place to go to, before it is known where it is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Label(usize);

#[derive(Default)]
struct Assembler {
    code: Vec<Instruction>,
    jumps: Vec<(usize, Label)>,
    places: Vec<usize>,
}

impl Assembler {
    fn label(&mut self) -> Label {
        self.places.push(usize::MAX);
        Label(self.places.len() - 1)
    }

    fn place(&mut self, label: Label) {
        self.places[label.0] = self.code.len();
    }

    fn push(&mut self, operation: u8, destination: u8, source: u8, offset: i16, immediate: i32) {
        self.code.push(Instruction { operation, registers: destination | source << 4, offset, immediate });
    }

    fn load(&mut self, operation: u8, destination: u8, source: u8, offset: i16) {
        self.push(operation, destination, source, offset, 0);
    }

    fn go(&mut self, operation: u8, register: u8, immediate: i32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(operation, register, 0, 0, immediate);
    }

    fn map(&mut self, destination: u8, map: RawFd) {
        self.push(LOAD_IMMEDIATE_64, destination, IS_MAP, 0, map);
        self.push(0, 0, 0, 0, 0);
    }

    /// Offsets count from the next instruction. A program is short: they fit.
    fn finish(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            self.code[at].offset = (self.places[label.0] as isize - at as isize - 1) as i16;
        }
        self.code
    }
}

/// A 16-bit number of the wire, as a load of it gives it.
fn wire(number: u16) -> i32 {
    i32::from(u16::from_ne_bytes(number.to_be_bytes()))
}

/// The program, for a map of sockets by queue and a map with one counter.
pub(super) fn program(groups: &[SocketAddrV4], sockets: RawFd, unheard: RawFd) -> Vec<Instruction> {
    let mut a = Assembler::default();
    let [pass, whole, steer, exit] = [(); 4].map(|()| a.label());
    a.load(MOVE, 6, 1, 0);
    a.load(LOAD_WORD, 2, 6, DATA);
    a.load(LOAD_WORD, 3, 6, DATA_END);
    to_ipv4(&mut a, pass);
    a.load(LOAD_BYTE, 5, 2, PROTOCOL);
    a.go(GO_IF_NOT_EQUAL, 5, 17, pass);
    a.load(LOAD_WORD, 5, 2, ADDRESS);
    a.load(LOAD_HALF, 7, 2, PORT);
    a.load(LOAD_BYTE, 4, 2, VERSION);
    a.load(LOAD_HALF, 1, 2, PIECE);
    a.push(AND, 1, 0, 0, wire(0x3FFF));
    let odd = a.label();
    a.go(GO_IF_NOT_EQUAL, 1, 0, odd);
    a.go(GO_IF_EQUAL, 4, 0x45, whole);
    a.place(odd);
    for group in groups {
        a.go(GO_IF_WORD_EQUAL, 5, address(group), steer);
    }
    a.go(GO, 0, 0, pass);
    a.place(whole);
    for group in groups {
        let next = a.label();
        let is_ours = a.label();
        a.go(GO_IF_WORD_EQUAL, 5, address(group), is_ours);
        a.go(GO, 0, 0, next);
        a.place(is_ours);
        a.go(GO_IF_EQUAL, 7, wire(group.port()), steer);
        a.place(next);
    }
    a.place(pass);
    a.push(SET, 0, 0, 0, XDP_PASS);
    a.push(EXIT, 0, 0, 0, 0);
    a.place(steer);
    a.map(1, sockets);
    a.load(LOAD_WORD, 2, 6, RX_QUEUE);
    a.push(SET, 3, 0, 0, XDP_PASS);
    a.push(CALL, 0, 0, 0, REDIRECT_MAP);
    a.go(GO_IF_NOT_EQUAL, 0, XDP_PASS, exit);
    count(&mut a, unheard, pass);
    a.go(GO, 0, 0, pass);
    a.place(exit);
    a.push(EXIT, 0, 0, 0, 0);
    a.finish()
}

fn address(group: &SocketAddrV4) -> i32 {
    i32::from_ne_bytes(group.ip().octets())
}

/// r2: the frame less its tags, so that IPv4 is where it is without any; as many bytes as the headers take are there.
fn to_ipv4(a: &mut Assembler, pass: Label) {
    let ipv4 = a.label();
    for tags in 0..=2 {
        a.load(MOVE, 4, 2, 0);
        a.push(ADD, 4, 0, 0, HEADERS_BYTES);
        a.jumps.push((a.code.len(), pass));
        a.push(GO_IF_GREATER, 4, 3, 0, 0);
        a.load(LOAD_HALF, 5, 2, ETHER_TYPE);
        a.go(GO_IF_EQUAL, 5, wire(0x0800), ipv4);
        if tags < 2 {
            let tagged = a.label();
            a.go(GO_IF_EQUAL, 5, wire(0x8100), tagged);
            a.go(GO_IF_NOT_EQUAL, 5, wire(0x88A8), pass);
            a.place(tagged);
            a.push(ADD, 2, 0, 0, 4);
        }
    }
    a.go(GO, 0, 0, pass);
    a.place(ipv4);
}

/// Adds one to the only number of a map.
fn count(a: &mut Assembler, map: RawFd, pass: Label) {
    a.push(STORE_WORD, 10, 0, -4, 0);
    a.load(MOVE, 2, 10, 0);
    a.push(ADD, 2, 0, 0, -4);
    a.map(1, map);
    a.push(CALL, 0, 0, 0, MAP_LOOKUP);
    a.go(GO_IF_EQUAL, 0, 0, pass);
    a.push(SET, 1, 0, 0, 1);
    a.load(ATOMIC_ADD_64, 0, 1, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_jump_ends_inside_of_the_program_and_goes_forward() {
        for count in [1, 64] {
            let groups: Vec<SocketAddrV4> =
                (0..count).map(|at| SocketAddrV4::new([239, 1, 0, at].into(), 4000)).collect();
            let code = program(&groups, 3, 4);
            let is_jump =
                |operation: u8| operation & 7 == 5 && ![CALL, EXIT].contains(&operation) || operation & 7 == 6;
            for (at, step) in code.iter().enumerate().filter(|(_, step)| is_jump(step.operation)) {
                // Backward jumps would be loops: the only one allowed is to the end, from the counter behind it.
                let to = at as isize + 1 + isize::from(step.offset);
                assert!((0..code.len() as isize).contains(&to), "{at} to {to}");
            }
            assert_eq!(code.last().map(|step| step.operation), Some(EXIT));
        }
    }
}
