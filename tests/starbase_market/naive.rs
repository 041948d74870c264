//! The oracle: a book as one sorted vector of orders per side, searched from end to end.

use super::*;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct NaiveBook {
    pub bids: Vec<Order>,
    pub asks: Vec<Order>,
}

impl NaiveBook {
    pub fn side(&self, side: Side) -> &Vec<Order> {
        if side == Side::Bid { &self.bids } else { &self.asks }
    }

    fn side_mut(&mut self, side: Side) -> &mut Vec<Order> {
        if side == Side::Bid { &mut self.bids } else { &mut self.asks }
    }

    pub fn put(&mut self, side: Side, order: Order) -> Result<(), Contradiction> {
        if order.quantity <= 0 {
            return Err(Contradiction::Quantity);
        }
        if order.price == i64::MIN {
            return Err(Contradiction::Price);
        }
        let other = if side == Side::Bid { Side::Ask } else { Side::Bid };
        if self.side(other).iter().any(|known| known.order_id == order.order_id) {
            return Err(Contradiction::OtherSide);
        }
        let level: i128 = self
            .side(side)
            .iter()
            .filter(|known| known.price == order.price && known.order_id != order.order_id)
            .map(|known| i128::from(known.quantity))
            .sum();
        if level + i128::from(order.quantity) > i128::from(i64::MAX) {
            return Err(Contradiction::LevelQuantity);
        }
        let orders = self.side_mut(side);
        let same = |known: &&mut Order| {
            (known.order_id, known.price, known.sort_order_id) == (order.order_id, order.price, order.sort_order_id)
        };
        if let Some(known) = orders.iter_mut().find(same) {
            known.quantity = order.quantity;
            return Ok(());
        }
        orders.retain(|known| known.order_id != order.order_id);
        orders.push(order);
        // Stable: orders of equal numbers stay in order of arrival.
        orders.sort_by_key(|known| {
            let price = i128::from(known.price);
            (if side == Side::Bid { -price } else { price }, known.sort_order_id)
        });
        Ok(())
    }

    fn find(&mut self, side: Side, order_id: i64) -> Result<usize, Contradiction> {
        if let Some(place) = self.side(side).iter().position(|order| order.order_id == order_id) {
            return Ok(place);
        }
        let other = if side == Side::Bid { Side::Ask } else { Side::Bid };
        match self.side(other).iter().any(|order| order.order_id == order_id) {
            true => Err(Contradiction::OtherSide),
            false => Err(Contradiction::UnknownOrder),
        }
    }

    pub fn reduce(&mut self, side: Side, order_id: i64, quantity: i64) -> Result<(), Contradiction> {
        let place = self.find(side, order_id)?;
        let order = &mut self.side_mut(side)[place];
        if quantity <= 0 {
            return Err(Contradiction::Quantity);
        }
        if quantity > order.quantity {
            return Err(Contradiction::Grown);
        }
        order.quantity = quantity;
        Ok(())
    }

    pub fn delete(&mut self, side: Side, order_id: i64) -> Result<(), Contradiction> {
        let place = self.find(side, order_id)?;
        self.side_mut(side).remove(place);
        Ok(())
    }

    pub fn levels(&self, side: Side) -> Vec<PriceLevel> {
        let mut levels: Vec<PriceLevel> = Vec::new();
        for order in self.side(side) {
            match levels.last_mut().filter(|level| level.price == order.price) {
                Some(level) => {
                    level.quantity += order.quantity;
                    level.orders += 1;
                }
                None => levels.push(PriceLevel { price: order.price, quantity: order.quantity, orders: 1 }),
            }
        }
        levels
    }

    /// Asserts that a book has these orders in these queues, and the levels that they make.
    #[track_caller]
    pub fn assert_is(&self, book: &OrderBook, what: impl Fn() -> String) {
        for side in [Side::Bid, Side::Ask] {
            let orders: Vec<Order> = book.orders(side).collect();
            assert_eq!(&orders, self.side(side), "{side:?} {}", what());
            let levels: Vec<PriceLevel> = book.levels(side).collect();
            assert_eq!(levels, self.levels(side), "{side:?} {}", what());
            assert_eq!(book.best(side), levels.first().copied());
        }
        assert_eq!(book.len(), self.bids.len() + self.asks.len(), "{}", what());
    }
}
