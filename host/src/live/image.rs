//! What is known at the start: the records of earlier lives, put together.
//!
//! ```text
//!   records ──► whole commits only ──► Image ──► records of the new file, shorter
//! ```
//!
//! Invariant: facts after the last commit are left out, numbers reserved are not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::record::Record;

/// Own fills that are remembered, so that none is booked twice; older ones are forgotten first.
pub const FILLS_MAX: usize = 1 << 16;

/// What an order of an earlier life was, as far as was remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Index of the underlying.
    pub underlying: u8,
    /// Contracts, positive to buy.
    pub quantity: i64,
    /// Contracts filled.
    pub filled: i64,
    /// Its limit, 10^-9.
    pub price: i64,
}

/// A gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayImage {
    /// Numbers of messages below this may have been used; 0 if none were reserved.
    pub next_out: i64,
    /// Numbers of orders below this may have been used.
    pub next_order: i64,
    /// Its next report; 0 if none has come.
    pub expected_in: i64,
    /// Orders that may still fill.
    pub orders: BTreeMap<i64, Remembered>,
}

/// What hedges of an underlying came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PositionImage {
    /// Contracts.
    pub contracts: i64,
    /// What they add to the coin constant, 2^-32 coin.
    pub hedge_coin: i64,
    /// Coin cash of own fills, 2^-32 coin.
    pub cash: i64,
}

/// The ids of own fills that are booked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookedFills {
    known: BTreeSet<(i64, i64)>,
    by_age: VecDeque<(i64, i64)>,
}

impl BookedFills {
    /// Whether a fill is booked.
    pub fn contains(&self, instrument_id: i64, fill_id: i64) -> bool {
        self.known.contains(&(instrument_id, fill_id))
    }

    /// Takes note of one.
    pub fn insert(&mut self, instrument_id: i64, fill_id: i64) {
        if self.known.insert((instrument_id, fill_id)) {
            self.by_age.push_back((instrument_id, fill_id));
        }
        if self.by_age.len() > FILLS_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// What is known at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// By index of the gateway.
    pub gateways: BTreeMap<u8, GatewayImage>,
    /// By index of the underlying.
    pub positions: BTreeMap<u8, PositionImage>,
    /// Lots by the venue's number of the instrument, with the index of the underlying.
    pub holdings: BTreeMap<i64, (u8, i64)>,
    /// Own fills that are booked.
    pub fills: BookedFills,
}

impl Image {
    /// Puts records together.
    pub fn of(records: &[Record]) -> Self {
        let mut image = Self::default();
        let is_commit = |record: &Record| matches!(record, Record::Commit { .. });
        let whole = records.iter().rposition(is_commit).map_or(0, |last| last + 1);
        records[..whole].iter().for_each(|record| image.take(record));
        let reserved = records[whole..].iter().filter(|record| matches!(record, Record::Reserve { .. }));
        reserved.for_each(|record| image.take(record));
        image
    }

    /// Whether there is nothing to go on from.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn take(&mut self, record: &Record) {
        match *record {
            Record::Reserve { gateway, next_out, next_order } => {
                let gateway = self.gateways.entry(gateway).or_default();
                gateway.next_out = gateway.next_out.max(next_out);
                gateway.next_order = gateway.next_order.max(next_order);
            }
            Record::Order { gateway, underlying, client_order_id, quantity, filled, price } => {
                let remembered = Remembered { underlying, quantity, filled, price };
                self.gateways.entry(gateway).or_default().orders.insert(client_order_id, remembered);
            }
            Record::Done { gateway, client_order_id } => {
                self.gateways.entry(gateway).or_default().orders.remove(&client_order_id);
            }
            Record::Position { underlying, contracts, hedge_coin, cash } => {
                self.positions.insert(underlying, PositionImage { contracts, hedge_coin, cash });
            }
            Record::Holding { underlying, instrument_id, lots } => {
                self.holdings.insert(instrument_id, (underlying, lots));
            }
            Record::Fill { instrument_id, fill_id } => self.fills.insert(instrument_id, fill_id),
            Record::Commit { gateway, expected_in } => {
                self.gateways.entry(gateway).or_default().expected_in = expected_in;
            }
        }
    }

    /// The records that give this image: the beginning of the next file. The last of them is a commit.
    pub fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for (&underlying, &PositionImage { contracts, hedge_coin, cash }) in &self.positions {
            records.push(Record::Position { underlying, contracts, hedge_coin, cash });
        }
        for (&instrument_id, &(underlying, lots)) in &self.holdings {
            records.push(Record::Holding { underlying, instrument_id, lots });
        }
        let fills = self.fills.by_age.iter();
        records.extend(fills.map(|&(instrument_id, fill_id)| Record::Fill { instrument_id, fill_id }));
        for (&gateway, image) in &self.gateways {
            let GatewayImage { next_out, next_order, expected_in, .. } = *image;
            records.push(Record::Reserve { gateway, next_out, next_order });
            for (&client_order_id, order) in &image.orders {
                let Remembered { underlying, quantity, filled, price } = *order;
                records.push(Record::Order { gateway, underlying, client_order_id, quantity, filled, price });
            }
            records.push(Record::Commit { gateway, expected_in });
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_of_whole_commits_and_of_every_reserved_number() {
        let records = [
            Record::Reserve { gateway: 0, next_out: 100, next_order: 50 },
            Record::Order { gateway: 0, underlying: 1, client_order_id: 7, quantity: 5, filled: 0, price: 1 },
            Record::Position { underlying: 1, contracts: 3, hedge_coin: 4, cash: 5 },
            Record::Fill { instrument_id: 9, fill_id: 1 },
            Record::Commit { gateway: 0, expected_in: 12 },
            Record::Done { gateway: 0, client_order_id: 7 },
            Record::Position { underlying: 1, contracts: 8, hedge_coin: 0, cash: 0 },
            Record::Reserve { gateway: 0, next_out: 200, next_order: 60 },
        ];
        let image = Image::of(&records);
        let gateway = &image.gateways[&0];
        assert_eq!((gateway.next_out, gateway.next_order, gateway.expected_in), (200, 60, 12));
        assert_eq!(gateway.orders.len(), 1, "the end of the order is not in a commit");
        assert_eq!(image.positions[&1].contracts, 3);
        assert!(image.fills.contains(9, 1) && !image.fills.contains(9, 2));
        assert_eq!(Image::of(&image.records()), image);
    }

    #[test]
    fn the_oldest_fills_are_forgotten_first() {
        let mut fills = BookedFills::default();
        (0..=FILLS_MAX as i64).for_each(|id| fills.insert(1, id));
        assert!(!fills.contains(1, 0) && fills.contains(1, 1) && fills.contains(1, FILLS_MAX as i64));
    }
}
