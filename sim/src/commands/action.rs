//! What happens to a desk: quotes, fills, order updates, set-up, and getting going again.

use hedgewire_abi::command::{Configure, Control, Header, OrderUpdate, Quote, Reconcile, SetTarget, Time, Trade, code};
use hedgewire_abi::format::{BAND_SCALE_MAX, COIN_MAGNITUDE_BITS, FRACTION_BITS, POSITION_MAX, SLOT_BLOCK};
use hedgewire_abi::{Event, Reason};
use rand::RngExt;

use super::desk::Order;
use super::{CommandStream, Planned, QUANTUM_NS};

impl CommandStream {
    /// Plans the next thing when nothing is under way.
    pub(super) fn plan_something(&mut self) {
        let desk = self.some_desk();
        if self.desks[desk].slots.is_none() || self.rng.random_range(0..700) == 0 {
            return self.plan_setup(desk);
        }
        match self.rng.random_range(0..100) {
            0..58 => {
                let action = self.market_action(desk);
                self.plan.push_back(action);
            }
            58..60 => self.plan_burst(desk),
            60..80 => self.plan_drill(desk),
            80..88 => self.plan_exposure(desk),
            88..94 => self.plan_loose_settings(desk),
            94..96 => self.plan_control(desk),
            96..98 => self.plan_reconcile(desk),
            _ => self.plan_compile(desk),
        }
    }

    /// Something that cuts into a plan.
    pub(super) fn interjection(&mut self) -> Option<Planned> {
        let desk = self.some_desk();
        if self.desks[desk].slots.is_none() {
            return self.plan.pop_front();
        }
        Some(self.market_action(desk))
    }

    /// A quote, a fill of ours, an order update or the passing of time.
    pub(super) fn market_action(&mut self, desk: usize) -> Planned {
        let has_open = self.desks[desk].orders.iter().any(|order| !order.is_done);
        match self.rng.random_range(0..20) {
            0..9 if self.desks[desk].holds_quotes_back => self.time(desk),
            0..9 => self.quote(desk),
            9..13 => self.trade(desk),
            13..18 if has_open || self.chance(10) => self.order_update(desk),
            13..16 if !self.desks[desk].holds_quotes_back => self.quote(desk),
            _ => self.time(desk),
        }
    }

    fn header(&self, desk: usize) -> Header {
        Header { underlying: self.desks[desk].index, ..Header::default() }
    }

    pub(super) fn time(&mut self, desk: usize) -> Planned {
        let flags = if self.chance(20) { code::WANT_RISK } else { 0 };
        Planned { command: Time { flags }.encode(self.header(desk)), delay_ns: self.span_ns() }
    }

    // ---- quotes ------------------------------------------------------------------------------

    fn quote(&mut self, desk: usize) -> Planned {
        let delay_ns = self.span_ns();
        let age_ns = self.span_ns();
        let mut quote = self.quote_body(desk);
        quote.feed_ns = self.now_ns.saturating_add(delay_ns).saturating_sub(age_ns);
        Planned { command: quote.encode(self.header(desk)), delay_ns }
    }

    /// An exposure to hedge, and quotes back to back: of one desk, or of several in turn.
    fn plan_burst(&mut self, desk: usize) {
        self.plan_exposure(desk);
        let is_mixed = self.chance(50);
        for place in 0..self.rng.random_range(4..40) {
            let desk = if is_mixed { self.some_desk() } else { desk };
            if self.desks[desk].slots.is_none() || self.desks[desk].holds_quotes_back {
                continue;
            }
            let mut quote = self.quote_body(desk);
            // The mirror learns of the ones before only when they have been answered.
            quote.feed_seq = quote.feed_seq.wrapping_add(place);
            self.plan.push_back(Planned { command: quote.encode(self.header(desk)), delay_ns: 0 });
        }
    }

    /// A quote that is in order, mostly.
    pub(super) fn quote_body(&mut self, desk: usize) -> Quote {
        let price = self.quote_price(desk);
        let hedge_price = if self.chance(85) { price } else { self.nearby(price) };
        let half = self.of_length(hedge_price.ilog2().saturating_sub(9)) as u32;
        let (bid, ask) = (hedge_price.saturating_sub(half).max(1), hedge_price.saturating_add(half.max(1)));
        let (bid, ask) = if ask <= bid { (bid - 1, ask) } else { (bid, ask) };
        let sides = self.rng.random_range(0..40);
        let skip = if self.chance(95) { 1 } else { self.rng.random_range(1..1 << 31) };
        Quote {
            flags: self.pick(&[0, 0, 0, 0, 0, 0, 0, 0, code::WANT_RISK, code::WANT_RISK, code::QUOTE_UNTRUSTED]),
            feed_seq: self.desks[desk].quote.feed_seq.wrapping_add(skip),
            bid: if sides == 0 { 0 } else { bid },
            ask: if sides == 1 { 0 } else { ask },
            bid_size: self.of_length(32) as u32,
            ask_size: self.of_length(32) as u32,
            price,
            hedge_price,
            last_trade: if self.chance(20) { 0 } else { self.nearby(hedge_price) },
            feed_ns: self.now_ns,
        }
    }

    fn nearby(&mut self, price: u32) -> u32 {
        let off = self.of_length(price.ilog2().saturating_sub(6)) as u32;
        if self.chance(50) { price.saturating_add(off) } else { price.saturating_sub(off).max(1) }
    }

    /// A reference price: nodes, their neighbours, edges of the ladder, and what lies beyond.
    fn quote_price(&mut self, desk: usize) -> u32 {
        let base = self.desks[desk].base_price;
        let Some(grid) = self.desks[desk].active.filter(|grid| grid.high > grid.low) else { return self.nearby(base) };
        let (low, step) = (i64::from(grid.low), 1i64 << grid.shift);
        let nodes = (i64::from(grid.high) - low) / step;
        let node = low + step * self.rng.random_range(0..=nodes);
        let reference = i64::from(grid.bank.price_ref);
        let price = match self.rng.random_range(0..100) {
            0..45 => node + self.rng.random_range(0..step),
            45..65 => node,
            65..75 => self.near(node),
            75..79 => node + step / 2,
            79..86 => self.near(low),
            86..93 => self.near(i64::from(grid.high)),
            93..96 => low + self.rng.random_range(-nodes..2 * nodes) * step,
            // 0.612626 and 1.632316 of the reference are where the rows' reach ends.
            96 => self.near(reference * 612_626 / 1_000_000 + 1),
            97 => self.near(reference * 1_632_316 / 1_000_000),
            98 => reference / 2 + self.rng.random_range(0..=reference),
            _ => self.pick(&[1, 2, i64::from(u32::MAX), i64::from(base)]),
        };
        price.clamp(1, i64::from(u32::MAX)) as u32
    }

    // ---- trades and orders -------------------------------------------------------------------

    fn trade(&mut self, desk: usize) -> Planned {
        let (first, count) = self.desks[desk].slots.unwrap_or((0, SLOT_BLOCK));
        let trade = Trade {
            slot: first + self.rng.random_range(0..count),
            quantity: self.lots(),
            cash: self.desks[desk].target.cash.saturating_add(self.coin(36)),
        };
        let command = trade.encode(self.header(desk));
        if self.chance(10) {
            // The same fill reported twice.
            self.plan.push_front(Planned { command, delay_ns: 0 });
        }
        if trade.quantity.unsigned_abs() > 1 << 20 {
            // A quantity that no bank can carry does not stay, or nothing else would be seen.
            let undone = Trade { quantity: 1, ..trade }.encode(self.header(desk));
            self.plan.push_front(Planned { command: undone, delay_ns: 0 });
        }
        Planned { command, delay_ns: self.span_ns() }
    }

    /// A coin amount of up to `bits` bits, either sign; rarely at the limit of its format.
    fn coin(&mut self, bits: u32) -> i64 {
        let limit = 1i64 << COIN_MAGNITUDE_BITS;
        if self.rng.random_range(0..150) == 0 {
            return self.pick(&[limit - 1, 1 - limit, limit, -limit, limit / 2]);
        }
        let size = self.of_length(bits) as i64;
        if self.chance(50) { size } else { -size }
    }

    fn order_update(&mut self, desk: usize) -> Planned {
        let orders = &self.desks[desk].orders;
        let open: Vec<Order> = orders.iter().copied().filter(|order| !order.is_done).collect();
        let update = if !open.is_empty() && self.chance(85) {
            let order = self.pick(&open);
            self.regular_update(order)
        } else {
            self.odd_update(desk)
        };
        Planned { command: update.encode(self.header(desk)), delay_ns: self.span_ns() }
    }

    /// An acknowledgement, a fill, a cancel, a rejection, or nothing known.
    fn regular_update(&mut self, order: Order) -> OrderUpdate {
        let total = order.quantity.unsigned_abs();
        let left = total.saturating_sub(order.filled);
        let partial = order.filled + if left > 1 { self.rng.random_range(1..left) } else { 0 };
        let (status, filled) = match self.rng.random_range(0..20) {
            0..4 => (code::ORDER_OPEN, order.filled),
            4..8 => (code::ORDER_OPEN, partial),
            8..12 => (code::ORDER_DONE, total),
            12..14 => (code::ORDER_OPEN, total),
            14..16 => (code::ORDER_DONE, order.filled),
            16 => (code::ORDER_DONE, partial),
            17 => (code::ORDER_UNKNOWN, partial),
            _ => (code::ORDER_UNKNOWN, order.filled),
        };
        let (coin, cost) = if filled == order.filled { (0, 0) } else { (self.coin(34), self.of_length(20) as i64) };
        OrderUpdate {
            status,
            order_id: order.id,
            filled,
            coin: order.coin.saturating_add(coin),
            cost: order.cost.saturating_add(cost),
        }
    }

    /// Late, stale, repeated and excess fills, orders that do not exist, amounts at their limits.
    fn odd_update(&mut self, desk: usize) -> OrderUpdate {
        let orders = &self.desks[desk].orders;
        let fallback = Order { id: 0, quantity: 1, filled: 0, coin: 0, cost: 0, is_done: true };
        let index = self.rng.random_range(0..orders.len().max(1));
        let order = orders.get(index).copied().unwrap_or(fallback);
        let total = order.quantity.unsigned_abs();
        let same = OrderUpdate {
            status: code::ORDER_DONE,
            order_id: order.id,
            filled: order.filled,
            coin: order.coin,
            cost: order.cost,
        };
        match self.rng.random_range(0..16) {
            0..4 => same,
            4..7 => OrderUpdate { filled: order.filled.max(total.saturating_sub(1)), ..same },
            7 => OrderUpdate { filled: total, ..same },
            8..10 => OrderUpdate { filled: order.filled.saturating_sub(1), ..same },
            10 => OrderUpdate { filled: total + 1, ..same },
            11 => OrderUpdate { order_id: order.id.wrapping_add(self.pick(&[16, 100, u32::MAX])), ..same },
            12 => OrderUpdate { filled: self.pick(&[POSITION_MAX as u64, POSITION_MAX as u64 + 1, u64::MAX]), ..same },
            13 => OrderUpdate { coin: self.coin(63), status: code::ORDER_OPEN, ..same },
            14 => OrderUpdate { cost: self.coin(63), status: code::ORDER_OPEN, ..same },
            _ => OrderUpdate { status: self.pick(&[code::ORDER_OPEN, code::ORDER_UNKNOWN, 3, 255]), ..same },
        }
    }

    // ---- set-up and recovery -----------------------------------------------------------------

    /// Configures a desk, and mostly everything that it needs to hedge.
    fn plan_setup(&mut self, desk: usize) {
        let blocks = self.sizes.rows as u32 / SLOT_BLOCK;
        let share = (blocks / self.sizes.underlyings as u32).max(1);
        // A place of its own, mostly; else the next one's, which is free only until that one comes.
        let place = desk as u32 + u32::from(self.chance(10));
        let slot_count = self.rng.random_range(1..=share) * SLOT_BLOCK;
        let first_slot = place * share * SLOT_BLOCK;
        let exact_mode = u8::from(self.chance(10));
        self.push(desk, |h| Configure { first_slot, slot_count, exact_mode }.encode(h));
        self.desks[desk].holds_quotes_back = self.chance(40);
        // The mirror follows the event; until then the plan needs the range.
        let before = self.desks[desk].slots.replace((first_slot, slot_count));
        self.plan_loose_settings(desk);
        self.plan_reconcile(desk);
        self.push(desk, |h| Control { action: code::ARM }.encode(h));
        for slot in first_slot..first_slot + slot_count {
            let quantity = self.rng.random_range(-300..=300);
            if self.chance(60) {
                self.push(desk, |h| Trade { slot, quantity, cash: 0 }.encode(h));
            }
        }
        self.plan_compile(desk);
        let time = self.time(desk);
        self.plan.push_back(time);
        self.desks[desk].slots = before;
    }

    fn plan_loose_settings(&mut self, desk: usize) {
        let theta = self.pick(&[0, 1, 1 << 15, 65_535, 65_536]);
        let clip_max = self.of_length(16) as u32;
        self.desks[desk].trigger.theta = theta;
        self.desks[desk].trigger.clip_max = clip_max;
        self.desks[desk].loosen();
        if self.chance(30) {
            let scales = [0, 1, 1 << 15, (1 << 16) + 1, 1 << 17, BAND_SCALE_MAX].map(|scale| (self.chance(40), scale));
            for (is_buy, scale) in scales {
                let trigger = &mut self.desks[desk].trigger;
                let side = if is_buy { &mut trigger.band_scale_buy } else { &mut trigger.band_scale_sell };
                *side = scale;
            }
        }
        for command in self.settings_bodies(desk).into_iter().take(5) {
            self.plan.push_back(Planned { command, delay_ns: 0 });
        }
    }

    pub(super) fn plan_control(&mut self, desk: usize) {
        let actions =
            [code::DISARM, code::ARM, code::NORMAL, code::REDUCE_ONLY, code::HALT, code::KILL, code::CLEAR_KILL, 7];
        let action = self.pick(&actions);
        self.push(desk, |h| Control { action }.encode(h));
    }

    /// The venue's word: sometimes what it should be, sometimes what takes the exposure away.
    pub(super) fn plan_reconcile(&mut self, desk: usize) {
        let here = &self.desks[desk];
        let (position, exposure) = (here.position, here.decision.0 >> FRACTION_BITS);
        let jitter = self.rng.random_range(-2_000..=2_000);
        let position = match self.rng.random_range(0..12) {
            0..4 => position,
            4..9 => position.saturating_sub(exposure).saturating_add(jitter),
            9 => 0,
            10 => self.pick(&[POSITION_MAX, -POSITION_MAX, POSITION_MAX - 3, POSITION_MAX + 1]),
            _ => jitter,
        };
        let hedge_coin = self.coin(40);
        self.push(desk, |h| Reconcile { position, hedge_coin }.encode(h));
    }

    /// Moves the target so that the exposure becomes a chosen multiple of the band.
    pub(super) fn plan_exposure(&mut self, desk: usize) {
        let (exposure, band, _) = self.desks[desk].decision;
        let band = band.max(1 << 16);
        let wanted = match self.rng.random_range(0..6) {
            0 => 0,
            1 => self.near(band),
            2 => self.near(-band),
            3 => band.saturating_mul(self.rng.random_range(2..200)),
            4 => -band.saturating_mul(self.rng.random_range(2..200)),
            _ => self.of_length(40) as i64,
        };
        let shift = self.desks[desk].coin_of_exposure(exposure.saturating_sub(wanted));
        let (target, cash) = (self.desks[desk].target.target, self.desks[desk].target.cash);
        let limit = (1i64 << COIN_MAGNITUDE_BITS) - 1;
        let moved = shift.and_then(|shift| target.checked_add(shift)).unwrap_or(0).clamp(-limit, limit);
        let target = if self.chance(98) { moved } else { self.coin(63) };
        let cash = if self.chance(90) { cash } else { self.coin(38) };
        self.push(desk, |h| SetTarget { target, cash }.encode(h));
        let time = Time { flags: 0 }.encode(self.header(desk));
        let delay_ns = self.pick(&[0, QUANTUM_NS]);
        self.plan.push_back(Planned { command: time, delay_ns });
    }

    /// Sets a desk going again that has stopped, most of the time.
    pub(super) fn recover(&mut self, events: &[Event]) {
        let desk = usize::from(self.last.underlying());
        let Some(reason) = events.iter().find_map(Event::reason).filter(|_| desk < self.desks.len()) else { return };
        // Seen without a quote, or given up waiting for that.
        self.desks[desk].holds_quotes_back &= reason != Reason::NoQuote && self.rng.random_range(0..400) > 0;
        if self.last.kind() == Configure::KIND && reason != Reason::None {
            // The rest of the set-up would go to a desk that is not there.
            self.plan.clear();
        }
        let act = |stream: &mut Self, action| stream.push_next(desk, |h| Control { action }.encode(h));
        let soon = self.chance(40);
        match reason {
            Reason::Killed if soon => {
                for index in 0..self.desks.len() {
                    self.push_next(index, |h| Control { action: code::ARM }.encode(h));
                }
                act(self, code::CLEAR_KILL);
            }
            Reason::Disarmed if soon => act(self, code::ARM),
            Reason::Halted | Reason::ReduceOnly if soon => act(self, code::NORMAL),
            Reason::NotReconciled if soon => self.plan_reconcile(desk),
            Reason::FlipCancelFirst | Reason::OpenOrders if soon => self.cancel_all(desk),
            Reason::RowsStale | Reason::WeightRange | Reason::NoRows if self.plan.is_empty() && soon => {
                self.plan_compile(desk);
            }
            Reason::CoinRange | Reason::ExposureRange if soon => {
                self.push_next(desk, |h| SetTarget { target: 0, cash: 0 }.encode(h));
                self.push_next(desk, |h| Reconcile { position: 0, hedge_coin: 0 }.encode(h));
            }
            reason if reason > Reason::WeightRange && reason < Reason::BadVersion && self.chance(15) => {
                self.plan_loose_settings(desk);
            }
            _ => {}
        }
    }

    fn push_next(&mut self, desk: usize, encode: impl FnOnce(Header) -> hedgewire_abi::Command) {
        self.plan.push_front(Planned { command: encode(self.header(desk)), delay_ns: 0 });
    }

    fn cancel_all(&mut self, desk: usize) {
        let open: Vec<Order> = self.desks[desk].orders.iter().copied().filter(|order| !order.is_done).collect();
        for order in open {
            let Order { id: order_id, filled, coin, cost, .. } = order;
            let update = OrderUpdate { status: code::ORDER_DONE, order_id, filled, coin, cost };
            self.push_next(desk, |h| update.encode(h));
        }
    }
}
