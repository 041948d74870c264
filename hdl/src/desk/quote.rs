//! The gates that ask for no more than quote, clock and settings, and the limit price of each side.
//!
//! ```text
//!   cycle 1   quote, time, price limits, setup
//!         2   limit prices, width, age; ROWS_STALE, BOOK_UNTRUSTED, ONE_SIDED, THIN
//!         3   distances of limits from reference and last trade; QUOTE_STALE, SELF_MATCH
//!         5   distances in basis points, and what is allowed; WIDE
//!         6   COLLAR_REFERENCE, COLLAR_LAST
//!        12   all of it, side by side with what the ledger says
//! ```
//!
//! `book_refusal` and `collar_refusal` of `hedgewire_kernel::trigger`: a distance times 10,000 against an anchor
//! times basis points, both exact. A wide comparison is the sign of a difference, which is a carry chain. Cycles are
//! those of the desk.

use rust_hdl::prelude::*;

use super::basis_points::BasisPoints;
use crate::primitive::{Delay, Multiply};
use crate::record;
use crate::signal::*;

/// The cycle of the answer.
pub const DONE: usize = 12;

// Both sides of a comparison arrive in one cycle: 4 for the width, 5 for the collars.
const _: () = assert!(1 + <Multiply<33, 33, 66>>::LATENCY == 2 + BasisPoints::LATENCY);

/// Limit price and gates of one side.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct SideQuote {
    pub limit_price: U<32>,
    pub thin: Bit,
    pub collar_reference: Bit,
    pub collar_last: Bit,
    pub self_match: Bit,
}

/// The gates that are the same for both sides.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Book {
    pub weight_range: Bit,
    pub coin_range: Bit,
    pub quote_stale: Bit,
    pub rows_stale: Bit,
    pub book_untrusted: Bit,
    pub one_sided: Bit,
    pub wide: Bit,
    pub oracle_rejected: Bit,
    pub restricted: Bit,
}

/// Gates known in cycle 1.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
struct AtOnce {
    pub weight_range: Bit,
    pub coin_range: Bit,
    pub rows_stale: Bit,
    pub book_untrusted: Bit,
    pub one_sided: Bit,
    pub thin_buy: Bit,
    pub thin_sell: Bit,
}

/// Gates known in cycle 2.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
struct Next {
    pub quote_stale: Bit,
    pub oracle_rejected: Bit,
    pub restricted: Bit,
    pub self_match_buy: Bit,
    pub self_match_sell: Bit,
}

/// Gates of a quote.
#[derive(LogicBlock, Default)]
pub struct QuoteGates {
    pub clock: Signal<In, Clock>,
    /// Cycle 1, like the three that follow.
    pub quote: Signal<In, record::Quote>,
    pub now_ns: Signal<In, U<64>>,
    pub limits: Signal<In, record::PriceLimits>,
    pub setup: Signal<In, record::Setup>,
    /// Cycle 2.
    pub status: Signal<In, record::Status>,
    /// Cycle 12, like the two that follow.
    pub buy: Signal<Out, SideQuote>,
    pub sell: Signal<Out, SideQuote>,
    pub book: Signal<Out, Book>,
    buy_limit: DFF<U<32>>,
    sell_limit: DFF<U<32>>,
    buy_limit_at_end: Delay<U<32>, 10>,
    sell_limit_at_end: Delay<U<32>, 10>,
    at_once: Delay<AtOnce, 11>,
    ahead_ns: DFF<U<64>>,
    behind_ns: DFF<U<64>>,
    is_ahead: DFF<Bit>,
    age_max_ns: DFF<U<62>>,
    next_gates: Delay<Next, 10>,
    width: DFF<U<32>>,
    width_points: BasisPoints,
    width_allowed: Multiply<33, 33, 66>,
    is_wide: Delay<Bit, 8>,
    hedge_price: DFF<U<32>>,
    last_trade: DFF<U<32>>,
    collar: DFF<U<32>>,
    collar_last: DFF<U<32>>,
    reference_allowed: Multiply<33, 33, 66>,
    last_allowed: Multiply<33, 33, 66>,
    has_last: Delay<Bit, 3>,
    buy_reference: Beyond,
    buy_last: Beyond,
    sell_reference: Beyond,
    sell_last: Beyond,
    ask_wide: Signal<Local, U<33>>,
    cross_wide: Signal<Local, U<33>>,
    buy_sum: Signal<Local, U<33>>,
    feed_ns: Signal<Local, U<64>>,
    flags: Signal<Local, U<8>>,
    bid: Signal<Local, U<32>>,
    ask: Signal<Local, U<32>>,
    age_max: Signal<Local, U<65>>,
    points: Signal<Local, U<65>>,
    bid_times_points: Signal<Local, U<64>>,
    own_bid: Signal<Local, U<32>>,
    own_ask: Signal<Local, U<32>>,
    bid_wide: Signal<Local, U<33>>,
    sell_difference: Signal<Local, U<33>>,
    rows_left: Signal<Local, U<65>>,
    size_min: Signal<Local, U<33>>,
    ask_left: Signal<Local, U<33>>,
    bid_left: Signal<Local, U<33>>,
    lag: Signal<Local, U<65>>,
    behind_left: Signal<Local, U<65>>,
    ahead_left: Signal<Local, U<65>>,
    below_own: Signal<Local, U<33>>,
    above_own: Signal<Local, U<33>>,
    width_left: Signal<Local, U<65>>,
}

impl Logic for QuoteGates {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, buy_limit, sell_limit, buy_limit_at_end, sell_limit_at_end, at_once);
        clock!(self, clock, ahead_ns, behind_ns, is_ahead, age_max_ns, next_gates, width, width_points);
        clock!(self, clock, width_allowed, is_wide, hedge_price, last_trade, collar, collar_last);
        clock!(self, clock, reference_allowed, last_allowed, has_last);
        clock!(self, clock, buy_reference, buy_last, sell_reference, sell_last);
        // 2: limit prices, saturating
        self.bid.next = self.quote.val().bid;
        self.ask.next = self.quote.val().ask;
        self.ask_wide.next = unsigned_cast_wide(self.ask.val());
        self.cross_wide.next = unsigned_cast_wide(self.limits.val().cross);
        self.buy_sum.next = self.ask_wide.val() + self.cross_wide.val();
        self.buy_limit.d.next = self.buy_sum.val().get_bits::<32>(0);
        if self.buy_sum.val().get_bit(32) {
            self.buy_limit.d.next = bits_lit::<32>(0xffff_ffff_u64);
        }
        self.bid_wide.next = unsigned_cast_wide(self.bid.val());
        self.sell_difference.next = self.bid_wide.val() - self.cross_wide.val();
        self.sell_limit.d.next = self.sell_difference.val().get_bits::<32>(0);
        if self.sell_difference.val().get_bit(32) {
            self.sell_limit.d.next = bits_lit::<32>(0);
        }
        self.buy_limit_at_end.d.next = self.buy_limit.q.val();
        self.sell_limit_at_end.d.next = self.sell_limit.q.val();
        // 2: what needs one comparison
        self.flags.next = self.quote.val().flags;
        self.at_once.d.next.weight_range = self.setup.val().weights_out_of_range;
        self.at_once.d.next.coin_range = self.setup.val().coin_out_of_range;
        self.rows_left.next =
            unsigned_cast_wide(self.setup.val().valid_until_ns) - unsigned_cast_wide(self.now_ns.val());
        self.at_once.d.next.rows_stale = self.rows_left.val().get_bit(64);
        self.at_once.d.next.book_untrusted = self.flags.val().get_bit(0);
        self.at_once.d.next.one_sided = !self.bid.val().any() | !self.ask.val().any();
        self.size_min.next = unsigned_cast_wide(self.limits.val().size_min);
        self.ask_left.next = unsigned_cast_wide(self.quote.val().ask_size) - self.size_min.val();
        self.bid_left.next = unsigned_cast_wide(self.quote.val().bid_size) - self.size_min.val();
        self.at_once.d.next.thin_buy = self.ask_left.val().get_bit(32);
        self.at_once.d.next.thin_sell = self.bid_left.val().get_bit(32);
        // 3: age of the quote, either way; status: oracle 2 is a rejected one
        self.feed_ns.next = self.quote.val().feed_ns;
        self.ahead_ns.d.next = self.feed_ns.val() - self.now_ns.val();
        self.lag.next = unsigned_cast_wide(self.now_ns.val()) - unsigned_cast_wide(self.feed_ns.val());
        self.behind_ns.d.next = self.lag.val().get_bits::<64>(0);
        self.is_ahead.d.next = self.lag.val().get_bit(64);
        self.age_max_ns.d.next = self.limits.val().quote_age_max_ns;
        self.age_max.next = unsigned_cast_wide(self.age_max_ns.q.val());
        self.behind_left.next = self.age_max.val() - unsigned_cast_wide(self.behind_ns.q.val());
        self.ahead_left.next = self.age_max.val() - unsigned_cast_wide(self.ahead_ns.q.val());
        self.next_gates.d.next.quote_stale = self.behind_left.val().get_bit(64);
        if self.is_ahead.q.val() {
            self.next_gates.d.next.quote_stale = self.ahead_left.val().get_bit(64);
        }
        self.own_bid.next = self.status.val().own_bid;
        self.own_ask.next = self.status.val().own_ask;
        self.next_gates.d.next.oracle_rejected = self.status.val().oracle == bits_lit::<2>(2);
        self.next_gates.d.next.restricted = self.status.val().restricted;
        self.below_own.next = unsigned_cast_wide(self.buy_limit.q.val()) - unsigned_cast_wide(self.own_ask.val());
        self.above_own.next = unsigned_cast_wide(self.own_bid.val()) - unsigned_cast_wide(self.sell_limit.q.val());
        self.next_gates.d.next.self_match_buy = self.own_ask.val().any() & !self.below_own.val().get_bit(32);
        self.next_gates.d.next.self_match_sell = !self.above_own.val().get_bit(32);
        // 5: width; of a book with one side it is never asked
        self.width.d.next = self.ask.val() - self.bid.val();
        self.width_points.x.next = self.width.q.val();
        self.width_allowed.a.next = unsigned_cast_pos(self.bid.val());
        self.width_allowed.b.next = unsigned_cast_pos(self.limits.val().width_max_bp);
        self.points.next = unsigned_cast_wide(self.width_points.y.val());
        self.bid_times_points.next = self.width_allowed.p.val().get_bits::<64>(0);
        self.width_left.next = unsigned_cast_wide(self.bid_times_points.val()) - self.points.val();
        self.is_wide.d.next = self.width_left.val().get_bit(64);
        // 6: collars
        self.hedge_price.d.next = self.quote.val().hedge_price;
        self.last_trade.d.next = self.quote.val().last_trade;
        self.collar.d.next = self.limits.val().collar_bp;
        self.collar_last.d.next = self.limits.val().collar_last_bp;
        self.reference_allowed.a.next = unsigned_cast_pos(self.hedge_price.q.val());
        self.reference_allowed.b.next = unsigned_cast_pos(self.collar.q.val());
        self.last_allowed.a.next = unsigned_cast_pos(self.last_trade.q.val());
        self.last_allowed.b.next = unsigned_cast_pos(self.collar_last.q.val());
        self.has_last.d.next = self.last_trade.q.val().any();
        self.buy_reference.price.next = self.buy_limit.q.val();
        self.buy_reference.anchor.next = self.hedge_price.q.val();
        self.buy_reference.allowed.next = self.reference_allowed.p.val().get_bits::<64>(0);
        self.sell_reference.price.next = self.sell_limit.q.val();
        self.sell_reference.anchor.next = self.hedge_price.q.val();
        self.sell_reference.allowed.next = self.reference_allowed.p.val().get_bits::<64>(0);
        self.buy_last.price.next = self.buy_limit.q.val();
        self.buy_last.anchor.next = self.last_trade.q.val();
        self.buy_last.allowed.next = self.last_allowed.p.val().get_bits::<64>(0);
        self.sell_last.price.next = self.sell_limit.q.val();
        self.sell_last.anchor.next = self.last_trade.q.val();
        self.sell_last.allowed.next = self.last_allowed.p.val().get_bits::<64>(0);
        self.buy_reference.is_asked.next = true;
        self.sell_reference.is_asked.next = true;
        self.buy_last.is_asked.next = self.has_last.q.val();
        self.sell_last.is_asked.next = self.has_last.q.val();
        // 12
        self.buy.next.limit_price = self.buy_limit_at_end.q.val();
        self.buy.next.thin = self.at_once.q.val().thin_buy;
        self.buy.next.collar_reference = self.buy_reference.beyond.val();
        self.buy.next.collar_last = self.buy_last.beyond.val();
        self.buy.next.self_match = self.next_gates.q.val().self_match_buy;
        self.sell.next.limit_price = self.sell_limit_at_end.q.val();
        self.sell.next.thin = self.at_once.q.val().thin_sell;
        self.sell.next.collar_reference = self.sell_reference.beyond.val();
        self.sell.next.collar_last = self.sell_last.beyond.val();
        self.sell.next.self_match = self.next_gates.q.val().self_match_sell;
        self.book.next.weight_range = self.at_once.q.val().weight_range;
        self.book.next.coin_range = self.at_once.q.val().coin_range;
        self.book.next.quote_stale = self.next_gates.q.val().quote_stale;
        self.book.next.rows_stale = self.at_once.q.val().rows_stale;
        self.book.next.book_untrusted = self.at_once.q.val().book_untrusted;
        self.book.next.one_sided = self.at_once.q.val().one_sided;
        self.book.next.wide = self.is_wide.q.val();
        self.book.next.oracle_rejected = self.next_gates.q.val().oracle_rejected;
        self.book.next.restricted = self.next_gates.q.val().restricted;
    }
}

/// Whether a price is further from an anchor than allowed, from cycle 2 on.
#[derive(LogicBlock, Default)]
struct Beyond {
    pub clock: Signal<In, Clock>,
    pub price: Signal<In, U<32>>,
    pub anchor: Signal<In, U<32>>,
    /// Cycle 5, like the one that follows: anchor times basis points.
    pub allowed: Signal<In, U<64>>,
    pub is_asked: Signal<In, Bit>,
    /// Cycle 12.
    pub beyond: Signal<Out, Bit>,
    distance: DFF<U<32>>,
    points: BasisPoints,
    is_beyond: Delay<Bit, 7>,
    distance_points: Signal<Local, U<65>>,
    above: Signal<Local, U<33>>,
    left: Signal<Local, U<65>>,
}

impl Logic for Beyond {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, distance, points, is_beyond);
        self.above.next = unsigned_cast_wide(self.price.val()) - unsigned_cast_wide(self.anchor.val());
        self.distance.d.next = self.above.val().get_bits::<32>(0);
        if self.above.val().get_bit(32) {
            self.distance.d.next = self.anchor.val() - self.price.val();
        }
        self.points.x.next = self.distance.q.val();
        self.distance_points.next = unsigned_cast_wide(self.points.y.val());
        self.left.next = unsigned_cast_wide(self.allowed.val()) - self.distance_points.val();
        self.is_beyond.d.next = self.is_asked.val() & self.left.val().get_bit(64);
        self.beyond.next = self.is_beyond.q.val();
    }
}
