//! Registers, command window and event ring: how a host and a card reach one another across a bus.
//!
//! ```text
//!   BAR           0x0000  registers, 32 bits each            host memory
//!                 0x1000  command window, one page             event ring: 2^k slots of 64 bytes
//!
//!   host -- command, posted write --> window --> card -- event, posted write --> ring --> host polls
//!   host -- consumer index ---------> registers (now and then: it is the ring's credit)
//! ```
//!
//! Nothing on the way from a quote to an order is read across the bus: the host polls its own memory.
//!
//! Invariants, asserted when this crate compiles: registers are word-aligned, below the window and do
//! not overlap; flags of one register do not overlap; the credit of the window is a power of two.

use core::fmt;

use crate::RECORD_BYTES;
use crate::record::fnv1a;

/// What a host may do with a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read; a write is answered with an error and changes nothing.
    ReadOnly,
    /// Read and write.
    ReadWrite,
    /// Write; a read is answered with an error and zero.
    WriteOnly,
}

impl Access {
    /// As it stands in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::ReadWrite => "rw",
            Self::WriteOnly => "wo",
        }
    }
}

/// One register of 32 bits.
#[derive(Debug, Clone, Copy)]
pub struct Register {
    /// Byte offset in the BAR.
    pub offset: u32,
    /// Name, the same in every implementation.
    pub name: &'static str,
    /// What a host may do with it.
    pub access: Access,
    /// Range and meaning.
    pub description: &'static str,
}

/// One bit of a register.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Offset of the register that holds it.
    pub register: u32,
    /// Bit number.
    pub bit: u32,
    /// Name, the same in every implementation.
    pub name: &'static str,
    /// Meaning.
    pub description: &'static str,
}

impl Flag {
    /// The register's word with this bit alone.
    pub const fn mask(self) -> u32 {
        1 << self.bit
    }
}

macro_rules! registers {
    ($($offset:literal $name:ident $wire:literal $access:ident $description:literal;)*) => {
        $(#[doc = $description] pub const $name: Register =
            Register { offset: $offset, name: $wire, access: Access::$access, description: $description };)*
        /// All registers, by offset.
        pub const REGISTERS: &[Register] = &[$($name),*];
    };
}

macro_rules! flags {
    ($($register:ident $bit:literal $name:ident $wire:literal $description:literal;)*) => {
        $(#[doc = $description] pub const $name: Flag =
            Flag { register: $register.offset, bit: $bit, name: $wire, description: $description };)*
        /// All flags, by register and bit.
        pub const FLAGS: &[Flag] = &[$($name),*];
    };
}

registers! {
    0x00 MAGIC "magic" ReadOnly "`MAGIC_VALUE`: this is such a card, and the bus works.";
    0x04 VERSION "version" ReadOnly "`VERSION` of the records.";
    0x08 LAYOUT_HASH_LOW "layout_hash_low" ReadOnly "Low half of `LAYOUT_HASH`: host and card agree on every table here.";
    0x0c LAYOUT_HASH_HIGH "layout_hash_high" ReadOnly "High half of it.";
    0x10 LANES "lanes" ReadOnly "Rows that the card takes in one cycle.";
    0x14 ROWS "rows" ReadOnly "Rows of a bank.";
    0x18 INTERVALS "intervals" ReadOnly "Intervals of a ladder.";
    0x1c UNDERLYINGS "underlyings" ReadOnly "Underlyings; 32 at most.";
    0x20 BUILD_LOW "build_low" ReadOnly "First four bytes of the build's source revision, the first of them lowest.";
    0x24 BUILD_HIGH "build_high" ReadOnly "The four bytes after them.";

    0x40 CONTROL "control" ReadWrite "Flags below. Enable needs a ring, and stays until a reset.";
    0x44 STATUS "status" ReadOnly "Flags below.";
    0x48 COMMANDS_LOW "commands_low" ReadOnly "Commands that the kernel has taken since the reset, low half; reading it holds the high half.";
    0x4c COMMANDS_HIGH "commands_high" ReadOnly "High half, as it was when the low half was read.";
    0x50 COMMANDS_LOST "commands_lost" ReadOnly "Commands that arrived in the window and were not taken since the reset: a word missing, no room, or intake closed.";
    0x54 BUILT "built" ReadOnly "Bit per underlying: the ladder of its shadow bank is built and may be swapped in.";

    0x60 RING_BASE_LOW "ring_base_low" ReadWrite "Bus address of the event ring, low half; a multiple of 64. Refused once enabled, like the two that follow.";
    0x64 RING_BASE_HIGH "ring_base_high" ReadWrite "High half of it.";
    0x68 RING_SIZE_LOG2 "ring_size_log2" ReadWrite "log2 of the ring's slots, 1 to 20; 0, as after a reset, is no ring.";
    0x6c CONSUMER "consumer" ReadWrite "Events that the host has consumed, modulo 2^32. Refused (flag below) beyond `events`, or back.";
    0x70 EVENTS_LOW "events_low" ReadOnly "Sequence number of the last event written, low half; reading it holds the high half.";
    0x74 EVENTS_HIGH "events_high" ReadOnly "High half, as it was when the low half was read.";

    0x80 WATCHDOG_PERIOD "watchdog_period" ReadWrite "Cycles without a heartbeat after which the watchdog trips; 0 is never.";
    0x84 HEARTBEAT "heartbeat" WriteOnly "Any write: the host is alive.";
}

flags! {
    CONTROL 0 ENABLE "enable" "Commands are taken and events are written. Cleared by a reset alone.";
    CONTROL 1 RESET "reset" "Resets everything but the bus; reads as 0.";
    STATUS 0 BUSY "busy" "A command is waiting or being answered, or an event is on its way.";
    STATUS 1 RESETTING "resetting" "A reset is not over; writes are refused.";
    STATUS 2 TRIPPED "tripped" "The watchdog has tripped: no command is taken until a reset.";
    STATUS 3 RING_FULL "ring_full" "No credit: events wait until the host consumes some. Nothing is overwritten.";
    STATUS 4 CONSUMER_REFUSED "consumer_refused" "A consumer index was refused since the reset.";
    STATUS 5 COMMAND_INCOMPLETE "command_incomplete" "A command was dropped since the reset because words of it were missing.";
    STATUS 6 COMMAND_LOST "command_lost" "A command was dropped since the reset because there was no room, or intake was closed.";
}

/// What `MAGIC` reads as: `HGWR` in the order of the bytes.
pub const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"HGWR");
/// Bytes of the BAR that are decoded.
pub const BAR_BYTES: u32 = 0x2000;
/// Byte offset of the command window in the BAR.
pub const WINDOW_OFFSET: u32 = 0x1000;
/// Bytes of the window: each of its 64-byte lines is the same window.
pub const WINDOW_BYTES: u32 = 0x1000;
/// Commands that a host may have in the window unanswered; what the card keeps room for.
pub const COMMAND_CREDIT: u32 = 16;
/// Largest `ring_size_log2`.
pub const RING_SIZE_LOG2_MAX: u32 = 20;

/// Rules of the window and the ring, for the generated table.
pub const RULES: &[(&str, &[&str])] = &[
    (
        "Command window",
        &[
            "Any 64-byte-aligned line of the window's page is the window: byte `n` of the line is byte `n` of the command.",
            "A command is written at once (64 bytes), or in aligned pieces of 8 bytes, in any order but for the last word: it is taken when the word with its sequence number is written.",
            "Every word must be written for every command. If one is missing when the last word comes, the command is dropped, counted in `commands_lost` and flagged: an old word in a new command could be an order at a wrong price. The next command starts afresh, and is answered `BAD_SEQUENCE` when it was the dropped one's successor.",
            "A host uses the lines of the page in turn, from the first one after a reset: no line is then written twice in a row, and a card in software that polls the page knows where the next command comes.",
            "A piece may be written twice before the last word; the later one counts. A 64-byte write discards pieces before it.",
            "Pieces of two commands must not mix: a host whose stores may be combined or reordered puts a store fence before the last word of a command and after it.",
            "At most `COMMAND_CREDIT` commands may be in the window unanswered (an answered command is one whose events have been read). More may be dropped: counted and flagged.",
            "Commands that come by stream instead are held back (not ready), never dropped, and leave the window's room alone. A command in the window goes before one in the stream; sequence numbers must follow in the order in which they are taken, so the two are used in turn, not at once.",
        ],
    ),
    (
        "Event ring",
        &[
            "`2^ring_size_log2` slots of 64 bytes from the base on; the event with sequence number `seq` is in slot `seq` modulo the slots. `seq` runs freely from 1 after a reset and is the last word of the slot.",
            "The host clears the ring before it sets `enable`. A slot is new when its last word equals the sequence number expected next; nothing else is looked at. What would be a phase bit elsewhere are the bits of `seq` above the slot number.",
            "An event is one posted write of 64 bytes. The host reads the last word first (acquire) and the others after it.",
            "Credit: the card writes no event that would make more than `2^ring_size_log2` of them unconsumed, whatever the host writes. Without credit it waits, and the kernel behind it.",
            "The host writes `consumer` when it has copied events out, at the latest when half of the ring is unconsumed; the card's own index is not read on the hot path.",
        ],
    ),
    (
        "Start, watchdog and reset",
        &[
            "Start: compare `magic`, `version` and layout hash; set `reset`; wait until `resetting` is 0; clear the ring; write base, size and watchdog period; set `enable`.",
            "The watchdog counts cycles since the last heartbeat (or since `enable`). When it trips, intake closes for good: commands that the kernel has taken are answered, the others are not, so the events are those of a sequential kernel that was given fewer commands, and a host can go on from there elsewhere.",
            "A reset returns every register to what it is after power-up. An event on its way is still written before `resetting` clears.",
            "Writes need all four byte lanes. A write that is refused, an unknown offset and a wrong direction are answered with a bus error (SLVERR) and change nothing.",
            "64-bit values: read the low half, then the high half, which was held when the low half was read.",
        ],
    ),
];

/// Byte offset in the ring of the event with this sequence number.
#[inline(always)]
pub const fn slot_offset(seq: u64, ring_size_log2: u32) -> u64 {
    (seq & ((1 << ring_size_log2) - 1)) * RECORD_BYTES as u64
}

const _: () = {
    let mut i = 0;
    while i < REGISTERS.len() {
        let offset = REGISTERS[i].offset;
        assert!(offset.is_multiple_of(4), "a register is not aligned");
        assert!(offset + 4 <= WINDOW_OFFSET, "a register is in the window");
        assert!(i == 0 || REGISTERS[i - 1].offset + 4 <= offset, "two registers overlap, or are out of order");
        i += 1;
    }
    i = 1;
    while i < FLAGS.len() {
        let (before, flag) = (FLAGS[i - 1], FLAGS[i]);
        assert!(flag.bit < 32);
        assert!(
            before.register < flag.register || (before.register == flag.register && before.bit < flag.bit),
            "two flags overlap, or are out of order"
        );
        i += 1;
    }
    assert!(COMMAND_CREDIT.is_power_of_two());
    assert!(WINDOW_OFFSET + WINDOW_BYTES <= BAR_BYTES && (WINDOW_BYTES as usize).is_multiple_of(RECORD_BYTES));
};

/// Hashes names, offsets, access, flags and numbers.
pub(crate) const fn hash_registers(mut hash: u64) -> u64 {
    let mut i = 0;
    while i < REGISTERS.len() {
        let register = REGISTERS[i];
        hash = fnv1a(hash, register.name.as_bytes());
        hash = fnv1a(hash, &register.offset.to_le_bytes());
        hash = fnv1a(hash, register.access.name().as_bytes());
        i += 1;
    }
    i = 0;
    while i < FLAGS.len() {
        let flag = FLAGS[i];
        hash = fnv1a(hash, flag.name.as_bytes());
        hash = fnv1a(hash, &flag.register.to_le_bytes());
        hash = fnv1a(hash, &[flag.bit as u8]);
        i += 1;
    }
    let numbers = [MAGIC_VALUE, BAR_BYTES, WINDOW_OFFSET, WINDOW_BYTES, COMMAND_CREDIT, RING_SIZE_LOG2_MAX];
    i = 0;
    while i < numbers.len() {
        hash = fnv1a(hash, &numbers[i].to_le_bytes());
        i += 1;
    }
    hash
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_the_sequence_and_wrap() {
        assert_eq!(slot_offset(1, 3), 64);
        assert_eq!(slot_offset(7, 3), 7 * 64);
        assert_eq!(slot_offset(8, 3), 0);
        assert_eq!(slot_offset(u64::MAX, 20), ((1 << 20) - 1) * 64);
    }

    #[test]
    fn every_flag_is_in_a_register() {
        for flag in FLAGS {
            assert!(REGISTERS.iter().any(|register| register.offset == flag.register), "{}", flag.name);
        }
    }
}
