//! Memories: one write port, one read port, depth chosen when the block is made.
//!
//! ```text
//!   Ram      write at the edge; read address at the edge, q after it      block RAM, LATENCY 1
//!   LookUp   write at the edge; q follows the address combinationally      LUT RAM,   LATENCY 0
//!   Rom      contents fixed; read address at the edge, q after it         block RAM, LATENCY 1
//! ```
//!
//! All start as zeros.
//!
//! Whoever reads a word of a `Ram` in the cycle in which it is written must not look at it: block RAMs differ in
//! what they give, and what would make them agree costs more than the memory. Its depth is rounded up to a power of
//! two, and the upper bits of an address are not looked at.
//!
//! A `LookUp` reads zero past its depth and writes nothing there, in simulation and in Verilog; one that is told to
//! wrap looks at no more bits of an address than its depth needs, which takes the test off the way.

use rust_hdl::prelude::*;

use crate::signal::U;

/// Words from which on a `Ram` is block RAM, however few of a block's words they are.
const LEAST_BLOCK: usize = 32;

/// Synchronous memory of `T`, addressed by `A` bits.
#[derive(LogicBlock)]
pub struct Ram<T: Synth, const A: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Write enable.
    pub write: Signal<In, Bit>,
    /// Write address.
    pub write_address: Signal<In, U<A>>,
    /// Word to write.
    pub write_data: Signal<In, T>,
    /// Read address.
    pub read_address: Signal<In, U<A>>,
    /// The word at the read address of the cycle before.
    pub q: Signal<Out, T>,
    _store: Vec<T>,
}

impl<T: Synth, const A: usize> Ram<T, A> {
    /// Cycles from address to word.
    pub const LATENCY: usize = 1;

    /// A memory of at least `depth` words.
    pub fn new(depth: usize) -> Self {
        assert!(depth >= 1 && depth <= 1 << A, "a memory of {depth} words with an address of {A} bits");
        Self {
            clock: Signal::default(),
            write: Signal::default(),
            write_address: Signal::default(),
            write_data: Signal::default(),
            read_address: Signal::default(),
            q: Signal::default(),
            _store: vec![T::default(); depth.next_power_of_two()],
        }
    }
}

impl<T: Synth, const A: usize> Logic for Ram<T, A> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            let bits = bits_for(self._store.len());
            let (read, written) = (wrapped(self.read_address.val(), bits), wrapped(self.write_address.val(), bits));
            let collides = self.write.val() && read == written;
            self.q.next = if collides { T::default() } else { self._store[read] };
            if self.write.val() {
                self._store[written] = self.write_data.val();
            }
        }
    }
    fn connect(&mut self) {
        self.q.connect();
    }
    fn hdl(&self) -> Verilog {
        let depth = self._store.len();
        let [read, written] = ["read_address", "write_address"].map(|address| place(address, bits_for(depth)));
        let collides = if depth == 1 { "write".into() } else { format!("write && {read} == {written}") };
        // A tool that counts bits alone would take a wide memory apart into LUTs.
        let style = if depth >= LEAST_BLOCK { "(* ram_style = \"block\" *)\n" } else { "" };
        Verilog::Custom(format!(
            "{style}{}\nalways @(posedge clock) begin\nif (write) mem[{written}] <= write_data;\n\
             q <= ({collides}) ? {{{}{{1'bx}}}} : mem[{read}];\nend",
            declare::<T>(depth),
            T::BITS
        ))
    }
}

/// Asynchronously read memory of `T`, addressed by `A` bits: for small state that one cycle must
/// read, change and write.
#[derive(LogicBlock)]
pub struct LookUp<T: Synth, const A: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Write enable.
    pub write: Signal<In, Bit>,
    /// Write address.
    pub write_address: Signal<In, U<A>>,
    /// Word to write.
    pub write_data: Signal<In, T>,
    /// Read address.
    pub read_address: Signal<In, U<A>>,
    /// The word at the read address, now.
    pub q: Signal<Out, T>,
    _store: Vec<T>,
    _address_bits: Box<usize>,
}

impl<T: Synth, const A: usize> LookUp<T, A> {
    /// A memory of `depth` words.
    pub fn new(depth: usize) -> Self {
        Self::addressed_by(depth, A)
    }

    /// A memory of `depth` words for those who never mean a word past it: the upper bits of an address that
    /// the depth does not need are not looked at.
    pub fn wrapping(depth: usize) -> Self {
        Self::addressed_by(depth, bits_for(depth))
    }

    fn addressed_by(depth: usize, address_bits: usize) -> Self {
        assert!(depth >= 1 && depth <= 1 << A, "a memory of {depth} words with an address of {A} bits");
        Self {
            clock: Signal::default(),
            write: Signal::default(),
            write_address: Signal::default(),
            write_data: Signal::default(),
            read_address: Signal::default(),
            q: Signal::default(),
            _store: vec![T::default(); depth],
            _address_bits: Box::new(address_bits),
        }
    }
}

impl<T: Synth, const A: usize> Logic for LookUp<T, A> {
    fn update(&mut self) {
        let [read, written] =
            [self.read_address.val(), self.write_address.val()].map(|address| wrapped(address, *self._address_bits));
        if self.clock.pos_edge()
            && self.write.val()
            && let Some(word) = self._store.get_mut(written)
        {
            *word = self.write_data.val();
        }
        self.q.next = self._store.get(read).copied().unwrap_or_default();
    }
    fn connect(&mut self) {
        self.q.connect();
    }
    fn hdl(&self) -> Verilog {
        let depth = self._store.len();
        Verilog::Custom(format!(
            "{}\nalways @(posedge clock) begin\n{}end\nwire [{}:0] word = {};\nalways @(*) q = word;",
            declare::<T>(depth),
            write(depth, *self._address_bits),
            T::BITS - 1,
            guard(depth, "read_address", *self._address_bits, T::BITS)
        ))
    }
}

/// Synchronously read constants of `N` bits, addressed by `A` bits.
#[derive(LogicBlock)]
pub struct Rom<const N: usize, const A: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Read address.
    pub read_address: Signal<In, U<A>>,
    /// The word at the read address of the cycle before.
    pub q: Signal<Out, U<N>>,
    _store: Vec<U<N>>,
}

impl<const N: usize, const A: usize> Rom<N, A> {
    /// Cycles from address to word.
    pub const LATENCY: usize = 1;

    /// A memory that holds these words.
    pub fn new(words: impl IntoIterator<Item = U<N>>) -> Self {
        let store: Vec<_> = words.into_iter().collect();
        assert!(!store.is_empty() && store.len() <= 1 << A);
        Self { clock: Signal::default(), read_address: Signal::default(), q: Signal::default(), _store: store }
    }
}

impl<const N: usize, const A: usize> Logic for Rom<N, A> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self.q.next = self._store.get(self.read_address.val().index()).copied().unwrap_or_default();
        }
    }
    fn connect(&mut self) {
        self.q.connect();
    }
    fn hdl(&self) -> Verilog {
        let depth = self._store.len();
        let words: String =
            self._store.iter().enumerate().map(|(i, word)| format!("mem[{i}] = {N}'h{:x};\n", word.raw())).collect();
        Verilog::Custom(format!(
            "reg [{}:0] mem [0:{}];\ninitial begin\nq = 0;\n{words}end\nalways @(posedge clock) q <= {};",
            N - 1,
            depth - 1,
            guard(depth, "read_address", A, N)
        ))
    }
}

/// Bits that an address of so many words needs.
fn bits_for(depth: usize) -> usize {
    depth.next_power_of_two().trailing_zeros() as usize
}

/// The lowest bits of an address.
fn wrapped<const A: usize>(address: U<A>, bits: usize) -> usize {
    address.index() & ((1 << bits) - 1)
}

/// The store, and its zeros at the start.
fn declare<T: Synth>(depth: usize) -> String {
    format!(
        "reg [{}:0] mem [0:{}];\ninteger i;\ninitial begin\nq = 0;\nfor (i = 0; i < {depth}; i = i + 1) mem[i] = 0;\nend",
        T::BITS - 1,
        depth - 1
    )
}

fn write(depth: usize, address_bits: usize) -> String {
    let at = place("write_address", address_bits);
    if depth == 1 << address_bits {
        format!("if (write) mem[{at}] <= write_data;\n")
    } else {
        format!("if (write && {at} < {address_bits}'d{depth}) mem[{at}] <= write_data;\n")
    }
}

/// The word at an address, zero past the end.
fn guard(depth: usize, address: &str, address_bits: usize, bits: usize) -> String {
    let at = place(address, address_bits);
    if depth == 1 << address_bits {
        format!("mem[{at}]")
    } else {
        format!("({at} < {address_bits}'d{depth}) ? mem[{at}] : {bits}'h0")
    }
}

/// The lowest bits of an address, in Verilog.
fn place(address: &str, bits: usize) -> String {
    match bits {
        0 => "0".into(),
        _ => format!("{address}[{}:0]", bits - 1),
    }
}
