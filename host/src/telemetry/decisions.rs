//! The last decisions: a ring that the engine writes, and whoever asks copies.
//!
//! Invariant: what is read of an entry was written by one write; an entry that was overwritten meanwhile is left out.

use hedgewire_abi::event::{FLAG_URGENT, Fault, Hedge, Refused};
use hedgewire_abi::{Event, Reason};

use super::cell::{Counter, Sequenced};

/// Decisions remembered.
pub const DECISIONS: usize = 64;

/// A decision to send an order, a decision not to, a refused command or a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Its number, from 1 on, through all underlyings.
    pub number: u64,
    /// Time of the command, ns since 1970.
    pub at_ns: u64,
    /// Underlying.
    pub underlying: u8,
    /// What the kernel said.
    pub kind: DecisionKind,
    /// Why not; `None` for an order.
    pub reason: Reason,
    /// Whether the exposure was beyond the emergency band.
    pub is_urgent: bool,
    /// Contracts, positive to buy: ordered, or what would have been.
    pub quantity: i64,
    /// Limit price, price units; 0 without an order.
    pub limit_price: u32,
    /// Net exposure against the target, 2^-16 contract.
    pub exposure: i64,
    /// Half band, 2^-16 contract.
    pub band: i64,
}

/// What the kernel said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum DecisionKind {
    /// Send an order.
    Hedge = 0,
    /// Do not, or the command was no good.
    Refused = 1,
    /// Something happened that should not have.
    Fault = 2,
}

/// The ring.
#[derive(Debug)]
pub struct Decisions {
    entries: Box<[Sequenced<6>]>,
    written: Counter,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { entries: (0..DECISIONS).map(|_| Sequenced::default()).collect(), written: Counter::default() }
    }
}

impl Decisions {
    /// Remembers what an event says. For the engine's thread.
    #[inline]
    pub(super) fn push(&self, event: &Event) {
        let (kind, quantity, limit, exposure, band) = match event.kind() {
            Hedge::KIND => {
                let hedge = Hedge::decode(event);
                (DecisionKind::Hedge, hedge.quantity, hedge.limit_price, hedge.exposure, hedge.band)
            }
            Refused::KIND => {
                let refused = Refused::decode(event);
                (DecisionKind::Refused, refused.quantity, 0, refused.exposure, refused.band)
            }
            _ => (DecisionKind::Fault, Fault::decode(event).value, 0, 0, 0),
        };
        let number = self.written.get() + 1;
        let is_urgent = event.flags() & FLAG_URGENT != 0;
        let what = u64::from(limit) << 32
            | u64::from(is_urgent) << 24
            | (kind as u64) << 16
            | u64::from(event.0[3]) << 8
            | u64::from(event.underlying());
        self.entries[number as usize % DECISIONS].write(&[
            number,
            event.now_ns(),
            what,
            quantity.cast_unsigned(),
            exposure.cast_unsigned(),
            band.cast_unsigned(),
        ]);
        self.written.add(1);
    }

    /// The last of them, newest first.
    pub fn read(&self) -> Vec<Decision> {
        let written = self.written.get();
        let first = written.saturating_sub(DECISIONS as u64 - 1).max(1);
        let entry = |number: u64| {
            let [found, at_ns, what, quantity, exposure, band] = self.entries[number as usize % DECISIONS].read();
            let kind = match (what >> 16) as u8 {
                0 => DecisionKind::Hedge,
                1 => DecisionKind::Refused,
                _ => DecisionKind::Fault,
            };
            (found == number).then_some(Decision {
                number,
                at_ns,
                underlying: what as u8,
                kind,
                reason: Reason::from_code((what >> 8) as u8).unwrap_or_default(),
                is_urgent: what >> 24 & 1 != 0,
                quantity: quantity.cast_signed(),
                limit_price: (what >> 32) as u32,
                exposure: exposure.cast_signed(),
                band: band.cast_signed(),
            })
        };
        (first..=written).rev().filter_map(entry).collect()
    }
}
