//! Drills: one limit put exactly at, one below or one above what the next decision needs.

use hedgewire_abi::command::{Header, SetPriceLimits, SetRateLimits, SetSizeLimits, SetStatus, Time};
use hedgewire_abi::format::{BAND_MAX, FRACTION_BITS};
use rand::RngExt;

use super::{CommandStream, Planned, QUANTUM_NS};

impl CommandStream {
    /// Tightens one limit, lets the decision be taken again, and mostly loosens it afterwards.
    pub(super) fn plan_drill(&mut self, desk: usize) {
        let kept = self.desks[desk].clone();
        let delay_ns = QUANTUM_NS * self.rng.random_range(0..3);
        match self.rng.random_range(0..5) {
            0 => self.drill_trigger(desk),
            1 => self.drill_price(desk, delay_ns),
            2 => self.drill_size(desk),
            3 => self.drill_rate(desk, delay_ns),
            _ => self.drill_status(desk),
        }
        self.push_settings(desk);
        let flags = 0;
        let header = Header { underlying: self.desks[desk].index, ..Header::default() };
        self.plan.push_back(Planned { command: Time { flags }.encode(header), delay_ns });
        if self.chance(75) {
            let here = &mut self.desks[desk];
            (here.trigger, here.price, here.size) = (kept.trigger, kept.price, kept.size);
            (here.rate, here.status) = (kept.rate, kept.status);
            self.push_settings(desk);
        }
    }

    fn push_settings(&mut self, desk: usize) {
        for command in self.settings_bodies(desk).into_iter().take(5) {
            self.plan.push_back(Planned { command, delay_ns: 0 });
        }
    }

    /// The band around the exposure, the clips around the gap.
    fn drill_trigger(&mut self, desk: usize) {
        let here = &self.desks[desk];
        let (exposure, _, quantity) = here.decision;
        let in_flight = if exposure < 0 { here.in_flight.0 } else { here.in_flight.1 };
        let worst = exposure.saturating_abs().saturating_sub(in_flight << FRACTION_BITS);
        let worst = self.near(worst).clamp(0, BAND_MAX as i64) as u64;
        let clip = self.near(quantity.saturating_abs()).clamp(0, 1 << 26) as u32;
        let band_min = self.of_length(43);
        let cap = (self.of_length(43), self.of_length(24));
        let choice = self.rng.random_range(0..6);
        let trigger = &mut self.desks[desk].trigger;
        match choice {
            0..2 => (trigger.band_min, trigger.band_max) = (worst, worst),
            2 => trigger.clip_min = clip,
            3 => trigger.clip_max = clip,
            4 => trigger.band_min = band_min,
            // A cap below the floor: the cap wins.
            _ => (trigger.band_max, trigger.band_min) = cap,
        }
    }

    fn drill_price(&mut self, desk: usize, delay_ns: u64) {
        let quote = self.desks[desk].quote;
        let buying = self.desks[desk].decision.2 >= 0;
        let touch = if buying { quote.ask } else { quote.bid };
        let size = if buying { quote.ask_size } else { quote.bid_size };
        let basis_points =
            |difference: u32, anchor: u32| (u64::from(difference) * 10_000 / u64::from(anchor.max(1))) as i64;
        let width = basis_points(quote.ask.saturating_sub(quote.bid), quote.bid);
        let collar = basis_points(touch.abs_diff(quote.hedge_price), quote.hedge_price);
        let collar_last = basis_points(touch.abs_diff(quote.last_trade), quote.last_trade);
        let age = (self.now_ns.saturating_add(delay_ns).saturating_sub(quote.feed_ns)).min(1 << 61) as i64;
        let since =
            (self.now_ns.saturating_add(delay_ns) - self.desks[desk].last_hedge_ns.min(self.now_ns)).min(1 << 61);
        let limits = self.desks[desk].price;
        let small = |value: i64| value.clamp(0, i64::from(u32::MAX)) as u32;
        let long = |value: i64| value.clamp(0, 1 << 61) as u64;
        self.desks[desk].price = match self.rng.random_range(0..9) {
            0 => SetPriceLimits { width_max_bp: small(self.near(width)), ..limits },
            1 => SetPriceLimits { collar_bp: small(self.near(collar)), ..limits },
            2 => SetPriceLimits { collar_last_bp: small(self.near(collar_last)), ..limits },
            3 => SetPriceLimits { size_min: small(self.near(i64::from(size))), ..limits },
            4 => SetPriceLimits { quote_age_max_ns: long(self.near(age)), ..limits },
            5 => SetPriceLimits { cool_down_ns: long(self.near(since as i64)), ..limits },
            6 => SetPriceLimits { duplicate_window_ns: long(self.near(since as i64)), ..limits },
            7 => SetPriceLimits { duplicate_window_ns: 1 << 61, ..limits },
            _ => SetPriceLimits { cross: self.of_length(32) as u32, ..limits },
        };
    }

    fn drill_size(&mut self, desk: usize) {
        let here = &self.desks[desk];
        let quantity = here.decision.2;
        let (worst, clip_min) = (here.worst(quantity), i64::from(here.trigger.clip_min));
        let gross = here.position.saturating_abs() + here.in_flight.0 + here.in_flight.1;
        let notional = quantity.saturating_abs().saturating_mul(i64::from(here.quote.hedge_price));
        let band = here.decision.0.saturating_abs().min(BAND_MAX as i64 - 1);
        let limits = here.size;
        let room = self.pick(&[clip_min, quantity.saturating_abs()]);
        let most = |value: i64| value.clamp(0, 1 << 36) as u64;
        self.desks[desk].size = match self.rng.random_range(0..6) {
            0 => SetSizeLimits { order_max: self.near(quantity.saturating_abs()).clamp(0, 1 << 26) as u32, ..limits },
            1 => SetSizeLimits { notional_max: self.near(quantity.saturating_abs()).max(0) as u64, ..limits },
            2 => SetSizeLimits { notional_max: self.near(notional).max(0) as u64, ..limits },
            3 => SetSizeLimits { position_max: most(self.near(worst + room)), ..limits },
            4 => SetSizeLimits { gross_max: most(self.near(gross + room)), ..limits },
            _ => SetSizeLimits { band_emergency: self.near(band).max(0) as u64, ..limits },
        };
        if self.chance(30) {
            self.desks[desk].price.cool_down_ns = 1 << 61;
        }
    }

    fn drill_rate(&mut self, desk: usize, delay_ns: u64) {
        let cost = self.desks[desk].cost();
        let limits = self.desks[desk].rate;
        let open = self.desks[desk].orders.iter().filter(|order| !order.is_done).count() as i64;
        let interval = QUANTUM_NS * self.rng.random_range(1..4);
        let burst = self.near((interval.saturating_sub(delay_ns)) as i64).max(0) as u64;
        self.desks[desk].rate = match self.rng.random_range(0..7) {
            0..2 => SetRateLimits { order_interval_ns: interval, order_burst_ns: burst, ..limits },
            2 => SetRateLimits { order_interval_ns: 1 << 61, order_burst_ns: 0, ..limits },
            3 => SetRateLimits { loss_max: self.near(cost), ..limits },
            4 => SetRateLimits { hedges_per_minute: self.rng.random_range(0..4), ..limits },
            5 => SetRateLimits { attempts_max: self.rng.random_range(0..4), ..limits },
            _ => SetRateLimits { open_orders_max: self.near(open).clamp(0, 17) as u32, ..limits },
        };
    }

    fn drill_status(&mut self, desk: usize) {
        let here = &self.desks[desk];
        let status = here.status;
        let clip = i64::from(here.trigger.clip_min);
        let room = [clip, here.decision.2.saturating_abs()];
        let (bid, ask) = (i64::from(here.quote.bid), i64::from(here.quote.ask));
        let cross = i64::from(here.price.cross);
        let contracts = self.pick(&room);
        let contracts = self.near(contracts).clamp(0, 1 << 36) as u64;
        let price = |value: i64| value.clamp(0, i64::from(u32::MAX)) as u32;
        self.desks[desk].status = match self.rng.random_range(0..6) {
            0..2 => SetStatus { margin_buy: contracts, margin_sell: contracts, ..status },
            2..4 => {
                let (own_bid, own_ask) = (price(self.near(bid - cross)), price(self.near(ask + cross)));
                SetStatus { own_bid, own_ask, ..status }
            }
            4 => SetStatus { restricted: 1, ..status },
            _ => SetStatus { oracle: self.pick(&[1, 2, 2, 3]), ..status },
        };
    }
}
