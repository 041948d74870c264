//! What is wrong with a request, before anything is done.

use super::{
    Asked, Decimal, Exchange, Incoming, NewOrder, OPEN_ORDERS_MAX, Order, Owner, Post, ProtectionKey, Refusal,
    SelfTrade, Side, cancel_reason, order_flag, order_reject,
};

impl Exchange {
    pub(super) fn check_new(
        &self,
        now_ns: i64,
        member: usize,
        request: &NewOrder,
        asked: Asked,
    ) -> Result<Incoming, Refusal> {
        let instrument =
            self.place_of(request.instrument_id).ok_or((order_reject::INVALID_INSTRUMENT, "no such instrument"))?;
        let side = match request.side {
            1 => Side::Buy,
            -1 => Side::Sell,
            _ => return Err((order_reject::INVALID_FIELD, "side")),
        };
        let mode = self_trade(request.self_trading_mode).ok_or((order_reject::INVALID_FIELD, "selfTradingMode"))?;
        let is_at_once = match request.time_in_force {
            -2 | -1 => true,
            0.. => false,
            _ => return Err((order_reject::INVALID_FIELD, "timeInForce")),
        };
        let has = |flag: u16| request.flags & flag != 0;
        let is_market_limit = has(order_flag::MARKET_LIMIT);
        let post = post(request.flags);
        let is_market = request.price.is_none();
        if post.is_some() && (is_market || is_at_once) || is_market_limit && (!is_market || is_at_once) {
            return Err((order_reject::INVALID_FIELD, "flags contradict price or timeInForce"));
        }
        let quantity = self.check_quantity(instrument, request.quantity, request.show)?;
        let price = self.check_price(instrument, side, request.price)?;
        if self.live.contains_key(&(member, request.client_order_id)) {
            return Err((order_reject::DUPLICATE_CLIENT_ORDER_ID, "an open order has that number"));
        }
        if self.open_count(member) >= OPEN_ORDERS_MAX {
            return Err((order_reject::TOO_MANY_OPEN_ORDERS, "too many open orders"));
        }
        if has(order_flag::MMP) {
            let pair = ProtectionKey::CurrencyPair(self.indexes[self.instruments[instrument].index].id);
            self.protections.check(now_ns, member, pair, has(order_flag::RESET_MMP))?;
        }
        let cancels_remainder = is_at_once || is_market && !is_market_limit;
        Ok(Incoming {
            instrument,
            order: Order {
                order_id: 0,
                sort_id: 0,
                owner: Owner::Member(member),
                client_order_id: request.client_order_id,
                side,
                price,
                quantity,
                filled: 0,
                self_match_id: request.self_match_id,
                cancel_on_disconnect: has(order_flag::CANCEL_ON_DISCONNECT),
                is_protected: has(order_flag::MMP),
                quote_group: None,
            },
            mode,
            post,
            is_all_or_nothing: request.time_in_force == -1,
            remainder: cancels_remainder.then_some(cancel_reason::TIME_IN_FORCE),
            is_market_limit,
            asked,
        })
    }

    fn open_count(&self, member: usize) -> usize {
        // Numbers of a member are few as long as they are within the limit that is asked about.
        self.owned.range((member, i64::MIN)..=(member, i64::MAX)).take(OPEN_ORDERS_MAX).count()
    }

    pub(super) fn check_quantity(
        &self,
        instrument: usize,
        wanted: Decimal,
        show: Option<Decimal>,
    ) -> Result<i64, Refusal> {
        let terms = &self.instruments[instrument];
        let quantity = wanted.at(terms.quantity_exponent).ok_or((order_reject::INVALID_QUANTITY, "quantity"))?;
        if quantity <= 0 || quantity % terms.min_quantity != 0 || quantity > i64::MAX / 4 {
            return Err((order_reject::INVALID_QUANTITY, "not a multiple of the minimum"));
        }
        match show.map(|show| show.at(terms.quantity_exponent)) {
            None => Ok(quantity),
            Some(Some(shown)) if shown >= quantity => Ok(quantity),
            Some(_) => Err((order_reject::ICEBERG_NOT_ALLOWED, "all of an order is shown")),
        }
    }

    /// The limit of an order: its own, or the band's for the market.
    pub(super) fn check_price(&self, instrument: usize, side: Side, price: Option<i64>) -> Result<i64, Refusal> {
        let terms = &self.instruments[instrument];
        if !terms.is_open() {
            return Err((order_reject::NOT_ALLOWED_BY_MARKET_STATE, "not open"));
        }
        let (low, high) = terms.band().ok_or((order_reject::PRICE_BAND_UNAVAILABLE, "no mark"))?;
        let Some(price) = price else { return Ok(if side == Side::Buy { high } else { low }) };
        if price <= 0 || price % terms.tick != 0 {
            return Err((order_reject::INVALID_PRICE, "not a multiple of the tick"));
        }
        match side {
            Side::Buy if price > high => Err((order_reject::PRICE_TOO_HIGH, "above the price band")),
            Side::Sell if price < low => Err((order_reject::PRICE_TOO_LOW, "below the price band")),
            _ => Ok(price),
        }
    }

    /// Applies post-only to an order that would trade.
    pub(super) fn post(&self, incoming: &mut Incoming) -> Result<(), Refusal> {
        let Incoming { instrument, order, post, .. } = incoming;
        let best = self.books[*instrument].best(order.side.opposite());
        let (Some(post), Some(best)) = (*post, best.filter(|best| order.side.crosses(order.price, *best))) else {
            return Ok(());
        };
        let tick = self.instruments[*instrument].tick;
        let price = if order.side == Side::Buy { best - tick } else { best.saturating_add(tick) };
        if post == Post::Refuse || price <= 0 {
            return Err((order_reject::POST_ONLY, "would trade"));
        }
        order.price = price;
        Ok(())
    }
}

fn self_trade(mode: i8) -> Option<SelfTrade> {
    match mode {
        0 => Some(SelfTrade::CancelTaker),
        1 => Some(SelfTrade::CancelMaker),
        _ => None,
    }
}

pub(super) fn post(flags: u16) -> Option<Post> {
    if flags & order_flag::POST_ONLY_REJECT != 0 {
        Some(Post::Refuse)
    } else if flags & order_flag::POST_ONLY != 0 {
        Some(Post::Reprice)
    } else {
        None
    }
}
