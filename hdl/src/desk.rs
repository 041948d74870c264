//! The desk: one decision a cycle, from an interval and a fraction to the order or the reason against it.
//!
//! ```text
//!   cycle  0     interval, t --> Cubic ------> 6 --> Exposure --> 11 --> Reach, both sides --> 12
//!          0     band, error --> Bands ---------> 10 -> thresholds 11 ---^
//!          1     quote, clock -> QuoteGates ----------------------------------> 12
//!          7     ledger -------> Room: committed 10 ^, contracts, gates ------> 12
//!          7     pace ---------> PaceGates -----------------------------------> 12
//!         13     one side, all gates
//!         14     first refusals; contracts          15   quantity
//!         16     notional; ORDER_QUANTITY, DUPLICATE
//!         17     the answer if the notional is fine, and if not
//!         18     outcome; ledger and pace are written, an order a cycle later
//! ```
//!
//! `hedgewire_kernel::underlying::Underlying::decide` and `fulfil`. It never stalls: what comes in leaves
//! `LATENCY` cycles later, in order. A command that was refused before (`meta.reason`) passes and changes
//! nothing. The only feedback is through the ledger, which a decision reads in cycle 7 and has
//! written by cycle 19: commands for one underlying come at least `INTERVAL` cycles apart, for different ones
//! in every cycle. Settings, ledger and pace are written from outside only while nothing is under way, and
//! the ledger is read from outside no sooner than the cycle after the last `said`, an order no sooner than the one after that.

mod band;
mod basis_points;
mod cubic;
mod exposure;
mod gates;
mod multiply_add;
mod notional;
mod pace;
#[cfg(test)]
mod proof;
mod quote;
mod reach;
mod room;
mod settings;
mod state;
#[cfg(test)]
mod tests;

use rust_hdl::prelude::*;

use crate::primitive::{Delay, Limit};
use crate::record;
use crate::signal::*;
use band::Bands;
use cubic::Cubic;
use exposure::Exposure;
use gates::{Gates, Head, Middle, Quoted, Tail};
use notional::Notional;
use pace::{PaceGates, Paced};
use quote::{QuoteGates, SideQuote};
use reach::Reach;
use room::{Room, SideRoom};
use settings::Settings;
use state::State;

/// Cycles from a command to its outcome.
pub const LATENCY: usize = 18;
/// Least cycles from a command to the next one for the same underlying.
pub const INTERVAL: usize = state::WRITTEN - state::READ;

/// Cycle in which everything is known about both sides.
const SIDES: usize = exposure::DONE + 1;
const _: () = {
    assert!(cubic::LATENCY == exposure::NET && exposure::DONE == 11 && band::DONE == 10 && band::LIMITS == 4);
    assert!(room::START == state::READ + 1 && room::DONE == SIDES && quote::DONE == SIDES && pace::DONE == SIDES);
    // Side, contracts, then quantity times price, its comparison, and the answer.
    assert!(SIDES + 2 + Notional::LATENCY + 2 == LATENCY && state::WRITTEN == LATENCY + 1);
};

/// A decision a cycle.
#[derive(LogicBlock, Default)]
pub struct Desk {
    pub clock: Signal<In, Clock>,
    /// What is under way is forgotten; memories stay.
    pub reset: Signal<In, Bit>,
    pub issue: Signal<In, Bit>,
    pub meta: Signal<In, record::Meta>,
    pub quote: Signal<In, record::Quote>,
    pub coefficients: Signal<In, record::Interval>,
    pub t: Signal<In, U<16>>,
    pub exact: Signal<In, record::ExactGreeks>,
    /// Stable while anything is under way.
    pub is_killed: Signal<In, Bit>,
    pub said: Signal<Out, Bit>,
    pub said_meta: Signal<Out, record::Meta>,
    pub outcome: Signal<Out, record::Outcome>,
    pub set_address: Signal<In, U<8>>,
    pub set_setup: Signal<In, Bit>,
    pub setup: Signal<In, record::Setup>,
    pub set_trigger: Signal<In, Bit>,
    pub trigger: Signal<In, record::Trigger>,
    pub set_price: Signal<In, Bit>,
    pub price_limits: Signal<In, record::PriceLimits>,
    pub set_size: Signal<In, Bit>,
    pub size_limits: Signal<In, record::SizeLimits>,
    pub set_rate: Signal<In, Bit>,
    pub rate_limits: Signal<In, record::RateLimits>,
    pub set_status: Signal<In, Bit>,
    pub status: Signal<In, record::Status>,
    /// The pace of `set_address` back to nothing sent: in the next cycle, at the address of then.
    pub clear_pace: Signal<In, Bit>,
    /// The sequencer reads at `book_address`.
    pub owned: Signal<In, Bit>,
    pub book_address: Signal<In, U<8>>,
    pub ledger: Signal<Out, record::Ledger>,
    /// In the next cycle, the ledger of then at the address of then.
    pub write_ledger: Signal<In, Bit>,
    pub new_ledger: Signal<In, record::Ledger>,
    pub order_slot: Signal<In, U<4>>,
    pub order: Signal<Out, record::Order>,
    pub write_order: Signal<In, Bit>,
    pub new_order: Signal<In, record::Order>,
    settings: Settings,
    state: State,
    cubic: Cubic,
    bands: Bands,
    exposures: Exposure,
    quotes: QuoteGates,
    room: Room,
    pacing: PaceGates,
    buy: Reach,
    sell: Reach,
    // What only waits.
    under_way: DFF<U<18>>,
    meta_at_8: Delay<record::Meta, 8>,
    meta_at_16: Delay<record::Meta, 8>,
    meta_at_17: DFF<record::Meta>,
    meta_at_18: DFF<record::Meta>,
    now_at_1: DFF<U<64>>,
    quote_at_1: DFF<record::Quote>,
    band_at_1: DFF<U<44>>,
    error_at_1: DFF<U<32>>,
    index_at_7: Delay<U<8>, 7>,
    unit_price: Delay<U<32>, 13>,
    ledger_seq: Delay<U<32>, 10>,
    band_buy: Delay<U<44>, 2>,
    band_sell: Delay<U<44>, 2>,
    emergency: DFF<U<44>>,
    never_enough: Delay<Bit, 2>,
    paced_at_13: DFF<Paced>,
    noted: Delay<Paced, 5>,
    clip_max_at_14: DFF<U<27>>,
    // 11 and 12: the exposure with the position, and what says whether it is too large
    counted: DFF<S<57>>,
    low: DFF<S<57>>,
    limit: Limit<112, 56>,
    // 13: one side
    gates: DFF<Gates>,
    is_sell: DFF<Bit>,
    has_fired: DFF<Bit>,
    is_calm: DFF<Bit>,
    is_urgent: DFF<Bit>,
    exposure: DFF<S<57>>,
    band: DFF<U<44>>,
    gap: DFF<U<27>>,
    is_huge: DFF<Bit>,
    room_contracts: DFF<S<41>>,
    limit_price: DFF<U<32>>,
    // 14
    head: Head,
    quoted: Quoted,
    middle: Middle,
    tail: Tail,
    head_at_14: DFF<U<8>>,
    quoted_at_14: DFF<U<8>>,
    contracts: DFF<U<27>>,
    gap_at_14: DFF<U<27>>,
    is_huge_at_14: DFF<Bit>,
    same_side: DFF<Bit>,
    same_price: DFF<Bit>,
    last_quantity: Delay<U<27>, 2>,
    gap_notional: Notional,
    contracts_notional: Notional,
    // 15
    quantity: DFF<U<27>>,
    clipped: DFF<U<27>>,
    repeats: DFF<Bit>,
    // 16
    head_at_16: Delay<U<8>, 2>,
    is_head_at_16: Delay<Bit, 2>,
    middle_at_16: Delay<U<8>, 3>,
    tail_at_16: Delay<U<8>, 3>,
    is_too_many: DFF<Bit>,
    is_duplicate: DFF<Bit>,
    quantity_at_16: DFF<U<27>>,
    clipped_at_16: DFF<U<27>>,
    is_sell_at_16: Delay<Bit, 3>,
    has_fired_at_16: Delay<Bit, 3>,
    is_calm_at_16: Delay<Bit, 3>,
    // 17
    denied: DFF<U<8>>,
    passed: DFF<U<8>>,
    is_gap_dear: DFF<Bit>,
    is_contracts_dear: DFF<Bit>,
    was_refused_before: DFF<Bit>,
    /// It is a decision that sends unless it is too dear, and one that settles even then.
    may_send: DFF<Bit>,
    settles_unsent: DFF<Bit>,
    quantity_at_17: DFF<U<27>>,
    signed_quantity: DFF<S<28>>,
    signed_clipped: DFF<S<28>>,
    is_huge_at_17: Delay<Bit, 3>,
    is_sell_at_17: DFF<Bit>,
    is_urgent_at_17: Delay<Bit, 4>,
    exposure_at_17: Delay<S<57>, 4>,
    band_at_17: Delay<U<44>, 4>,
    limit_price_at_17: Delay<U<32>, 4>,
    // 18
    answer: DFF<record::Outcome>,
    sends: DFF<Bit>,
    settles: DFF<Bit>,
    sent_quantity: DFF<U<27>>,
    sent_side: DFF<Bit>,
    sent_price: DFF<U<32>>,
    line: Signal<Local, U<18>>,
    issued: Signal<Local, U<18>>,
    net: Signal<Local, S<64>>,
    size: Signal<Local, S<57>>,
    size_bits: Signal<Local, U<57>>,
    counted_wide: Signal<Local, S<57>>,
    counted_bits: Signal<Local, U<57>>,
    fires: Signal<Local, Bit>,
    outside: Signal<Local, Bit>,
    urgent: Signal<Local, Bit>,
    dust: Signal<Local, Bit>,
    way: Signal<Local, Bit>,
    side_quote: Signal<Local, SideQuote>,
    side_room: Signal<Local, SideRoom>,
    side_gap: Signal<Local, S<57>>,
    is_too_large: Signal<Local, Bit>,
    contracts_wide: Signal<Local, S<41>>,
    contracts_left: Signal<Local, S<41>>,
    least_too_large: Signal<Local, U<57>>,
    gap_less_contracts: Signal<Local, U<28>>,
    gap_less_clip: Signal<Local, U<28>>,
    order_left: Signal<Local, U<28>>,
    enough_left: Signal<Local, U<33>>,
    gap_left: Signal<Local, U<65>>,
    contracts_money_left: Signal<Local, U<65>>,
    clip_max: Signal<Local, U<27>>,
    clip_min: Signal<Local, U<32>>,
    clip_max_wide: Signal<Local, U<32>>,
    clipped_bits: Signal<Local, U<27>>,
    clip_most: Signal<Local, S<41>>,
    quantity_wide: Signal<Local, S<28>>,
    clipped_wide: Signal<Local, S<28>>,
    gap_product: Signal<Local, U<65>>,
    contracts_product: Signal<Local, U<65>>,
    notional_max: Signal<Local, U<65>>,
    too_dear: Signal<Local, Bit>,
    reason: Signal<Local, U<8>>,
    is_decision: Signal<Local, Bit>,
    is_sent: Signal<Local, Bit>,
    exposure_wide: Signal<Local, S<64>>,
    quantity_out: Signal<Local, S<64>>,
    clipped_out: Signal<Local, S<64>>,
    noted_pace: Signal<Local, record::Pace>,
}

impl Desk {
    /// A desk for so many underlyings.
    pub fn new(underlyings: usize) -> Self {
        Self { settings: Settings::new(underlyings), state: State::new(underlyings), ..Self::default() }
    }
}

impl Logic for Desk {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, settings, state, cubic, bands, exposures, quotes, room, pacing, buy, sell);
        clock!(self, clock, under_way, meta_at_8, meta_at_16, meta_at_17, meta_at_18, now_at_1, quote_at_1);
        clock!(self, clock, band_at_1, error_at_1, index_at_7, unit_price, ledger_seq);
        clock!(self, clock, band_buy, band_sell, emergency, never_enough, paced_at_13, noted, clip_max_at_14);
        clock!(self, clock, counted, low, limit);
        clock!(self, clock, gates, is_sell, has_fired, is_calm, is_urgent, exposure, band, gap, is_huge);
        clock!(self, clock, room_contracts, limit_price, head_at_14, quoted_at_14, contracts, gap_at_14, is_huge_at_14);
        clock!(self, clock, same_side, same_price, last_quantity, gap_notional, contracts_notional);
        clock!(
            self,
            clock,
            quantity,
            clipped,
            repeats,
            head_at_16,
            is_head_at_16,
            middle_at_16,
            tail_at_16,
            is_too_many,
            is_duplicate
        );
        clock!(self, clock, quantity_at_16, clipped_at_16, is_sell_at_16, has_fired_at_16);
        clock!(self, clock, denied, passed, is_gap_dear, is_contracts_dear, was_refused_before);
        clock!(self, clock, may_send, settles_unsent);
        clock!(self, clock, quantity_at_17, signed_quantity, signed_clipped, is_huge_at_17, is_sell_at_17);
        clock!(self, clock, is_calm_at_16, is_urgent_at_17, exposure_at_17, band_at_17, limit_price_at_17);
        clock!(self, clock, answer, sends, settles, sent_quantity, sent_side, sent_price);

        // Settings, and what the sequencer does to the state.
        self.settings.set_address.next = self.set_address.val();
        self.settings.set_setup.next = self.set_setup.val();
        self.settings.setup.next = self.setup.val();
        self.settings.set_trigger.next = self.set_trigger.val();
        self.settings.trigger.next = self.trigger.val();
        self.settings.set_price.next = self.set_price.val();
        self.settings.price_limits.next = self.price_limits.val();
        self.settings.set_size.next = self.set_size.val();
        self.settings.size_limits.next = self.size_limits.val();
        self.settings.set_rate.next = self.set_rate.val();
        self.settings.rate_limits.next = self.rate_limits.val();
        self.settings.set_status.next = self.set_status.val();
        self.settings.status.next = self.status.val();
        self.settings.index.next = self.meta.val().underlying;
        self.state.clear_pace.next = self.clear_pace.val();
        self.state.clear_address.next = self.set_address.val();
        self.state.owned.next = self.owned.val();
        self.state.book_address.next = self.book_address.val();
        self.ledger.next = self.state.ledger.val();
        self.state.write_ledger.next = self.write_ledger.val();
        self.state.new_ledger.next = self.new_ledger.val();
        self.state.order_slot.next = self.order_slot.val();
        self.order.next = self.state.order.val();
        self.state.write_order.next = self.write_order.val();
        self.state.new_order.next = self.new_order.val();

        // What is under way: bit k - 1 in cycle k.
        self.line.next = self.under_way.q.val();
        self.issued.next = bits_lit::<18>(0);
        if self.issue.val() {
            self.issued.next = bits_lit::<18>(1);
        }
        self.under_way.d.next = (self.line.val() << bits_lit::<1>(1)) | self.issued.val();
        self.meta_at_8.d.next = self.meta.val();
        self.meta_at_16.d.next = self.meta_at_8.q.val();
        self.meta_at_17.d.next = self.meta_at_16.q.val();
        self.meta_at_18.d.next = self.meta_at_17.q.val();
        self.index_at_7.d.next = self.meta.val().underlying;

        // 0 to 6: the net delta; 1 to 11: in contracts
        self.cubic.coefficients.next = self.coefficients.val();
        self.cubic.t.next = self.t.val();
        self.cubic.is_exact.next = self.meta.val().is_exact;
        self.cubic.exact_delta.next = self.exact.val().delta;
        self.cubic.offset.next = self.settings.setup_at_1.val().offset;
        self.quote_at_1.d.next = self.quote.val();
        self.exposures.hedge_price.next = self.quote_at_1.q.val().hedge_price;
        self.exposures.contract_scale.next = self.settings.setup_at_1.val().contract_scale;
        self.exposures.contract_shift.next = self.settings.setup_at_1.val().contract_shift;
        self.exposures.linear_hedge.next = self.settings.setup_at_1.val().linear_hedge;
        self.net.next = self.cubic.net.val();
        self.exposures.net.next = self.net.val();

        // 1 to 10: the bands
        self.band_at_1.d.next = self.coefficients.val().band;
        self.error_at_1.d.next = self.coefficients.val().error;
        if self.meta.val().is_exact {
            self.band_at_1.d.next = self.exact.val().band;
            self.error_at_1.d.next = bits_lit::<32>(0);
        }
        self.bands.band.next = self.band_at_1.q.val();
        self.bands.error.next = self.error_at_1.q.val();
        self.bands.scale_buy.next = self.settings.trigger_at_1.val().band_scale_buy;
        self.bands.scale_sell.next = self.settings.trigger_at_1.val().band_scale_sell;
        self.bands.limits.next = self.settings.trigger_at_4.val();
        self.band_buy.d.next = self.bands.band_buy.val();
        self.band_sell.d.next = self.bands.band_sell.val();

        // 1 to 12: gates of the quote
        self.now_at_1.d.next = self.meta.val().now_ns;
        self.quotes.quote.next = self.quote_at_1.q.val();
        self.quotes.now_ns.next = self.now_at_1.q.val();
        self.quotes.limits.next = self.settings.price_at_1.val();
        self.quotes.setup.next = self.settings.setup_at_1.val();
        self.quotes.status.next = self.settings.status_at_2.val();
        self.unit_price.d.next = bits_lit::<32>(1);
        if self.settings.setup_at_1.val().linear_hedge {
            self.unit_price.d.next = self.quote_at_1.q.val().hedge_price;
        }

        // 7 to 12: the ledger
        self.state.index.next = self.index_at_7.q.val();
        self.room.account.next = self.state.account.val();
        self.room.flight.next = self.state.flight.val();
        self.room.rate.next = self.settings.rate_at_8.val();
        self.room.setup.next = self.settings.setup_at_9.val();
        self.room.limits.next = self.settings.size_at_9.val();
        self.room.status.next = self.settings.status_at_9.val();
        self.room.clip_min.next = self.settings.trigger_at_10.val().clip_min;
        self.emergency.d.next = self.settings.size_at_9.val().band_emergency;

        // 7 to 12: the pace
        self.ledger_seq.d.next = self.state.account.val().ledger_seq;
        self.pacing.pace.next = self.state.pace.val();
        self.pacing.now_ns.next = self.meta_at_8.q.val().now_ns;
        self.pacing.ledger_seq.next = self.state.account.val().ledger_seq;
        self.pacing.rate.next = self.settings.rate_at_9.val();
        self.pacing.windows.next = self.settings.price_at_9.val();

        // 10 to 12: the comparison; a clip_max below clip_min is dust whatever the gap
        self.size_bits.next = self.exposures.exposure.val().get_bits::<57>(0);
        self.size.next = signed_cast_same(self.size_bits.val());
        self.buy.committed.next = self.room.committed_buy.val();
        self.buy.counted.next = self.room.counted_buy.val();
        self.buy.band.next = self.bands.band_buy.val();
        self.buy.exit.next = self.bands.exit_buy.val();
        self.buy.emergency.next = self.emergency.q.val();
        self.buy.clip_min.next = self.settings.trigger_at_10.val().clip_min;
        self.buy.size.next = signed_cast_same(!self.size_bits.val());
        self.sell.committed.next = self.room.committed_sell.val();
        self.sell.counted.next = self.room.counted_sell.val();
        self.sell.band.next = self.bands.band_sell.val();
        self.sell.exit.next = self.bands.exit_sell.val();
        self.sell.emergency.next = self.emergency.q.val();
        self.sell.clip_min.next = self.settings.trigger_at_10.val().clip_min;
        self.sell.size.next = self.size.val();
        self.clip_min.next = self.settings.trigger_at_10.val().clip_min;
        self.clip_max_wide.next = unsigned_cast_wide(self.settings.trigger_at_10.val().clip_max);
        self.enough_left.next = unsigned_cast_wide(self.clip_max_wide.val()) - unsigned_cast_wide(self.clip_min.val());
        self.never_enough.d.next = self.enough_left.val().get_bit(32);
        self.counted_wide.next = signed_cast_wide(self.room.counted_buy.val());
        self.counted_bits.next = unsigned_cast_same(self.counted_wide.val());
        self.counted.d.next = signed_cast_same(self.counted_bits.val() << bits_lit::<5>(16));
        self.low.d.next = self.size.val() + self.counted.q.val();
        self.limit.x.next = self.exposures.exposure.val();

        // 13: below zero is to buy; whatever fires or is outside is so on that side
        self.is_too_large.next = self.limit.is_above.val() | self.limit.is_below.val();
        self.way.next = !self.low.q.val().get_bit(56);
        self.is_sell.d.next = self.way.val();
        self.fires.next = self.buy.fires.val();
        self.outside.next = self.buy.outside.val();
        self.urgent.next = self.buy.urgent.val();
        self.dust.next = self.buy.dust.val();
        self.side_gap.next = self.buy.gap.val();
        self.side_quote.next = self.quotes.buy.val();
        self.side_room.next = self.room.buy.val();
        self.band.d.next = self.band_buy.q.val();
        if self.way.val() {
            self.fires.next = self.sell.fires.val();
            self.outside.next = self.sell.outside.val();
            self.urgent.next = self.sell.urgent.val();
            self.dust.next = self.sell.dust.val();
            self.side_gap.next = self.sell.gap.val();
            self.side_quote.next = self.quotes.sell.val();
            self.side_room.next = self.room.sell.val();
            self.band.d.next = self.band_sell.q.val();
        }
        self.least_too_large.next = bits_lit::<57>(0);
        self.exposure.d.next = self.low.q.val();
        if self.is_too_large.val() {
            self.least_too_large.next = bits_lit::<57>(0x7f_ffff_ffff_ffff_u64);
            if self.limit.is_below.val() {
                self.least_too_large.next = bits_lit::<57>(0x180_0000_0000_0001_u64);
            }
            self.exposure.d.next = signed_cast_same(self.least_too_large.val());
            self.band.d.next = bits_lit::<44>(0);
        }
        // Unless it is too large, which is known too late for these.
        self.has_fired.d.next = self.fires.val();
        self.is_calm.d.next = !self.fires.val() & !self.outside.val();
        self.is_urgent.d.next = self.fires.val() & self.urgent.val();
        self.gates.d.next.exposure_range = self.is_too_large.val();
        self.gates.d.next.in_band = !self.fires.val() & !self.outside.val();
        self.gates.d.next.covered = !self.fires.val() & self.outside.val();
        self.gates.d.next.flip_cancel_first = self.side_room.val().flip_cancel_first;
        self.gates.d.next.dust = self.dust.val() | self.never_enough.q.val();
        self.gates.d.next.killed = self.is_killed.val();
        self.gates.d.next.disarmed = self.room.disarmed.val();
        self.gates.d.next.halted = self.room.halted.val();
        self.gates.d.next.reduce_only = self.side_room.val().reduce_only;
        self.gates.d.next.not_reconciled = self.room.standing.val().not_reconciled;
        self.gates.d.next.weight_range = self.quotes.book.val().weight_range;
        self.gates.d.next.coin_range = self.quotes.book.val().coin_range;
        self.gates.d.next.quote_stale = self.quotes.book.val().quote_stale;
        self.gates.d.next.rows_stale = self.quotes.book.val().rows_stale;
        self.gates.d.next.book_untrusted = self.quotes.book.val().book_untrusted;
        self.gates.d.next.one_sided = self.quotes.book.val().one_sided;
        self.gates.d.next.wide = self.quotes.book.val().wide;
        self.gates.d.next.thin = self.side_quote.val().thin;
        self.gates.d.next.oracle_rejected = self.quotes.book.val().oracle_rejected;
        self.gates.d.next.collar_reference = self.side_quote.val().collar_reference;
        self.gates.d.next.collar_last = self.side_quote.val().collar_last;
        self.gates.d.next.position_net = self.side_room.val().position_net;
        self.gates.d.next.position_gross = self.side_room.val().position_gross;
        self.gates.d.next.open_orders = self.room.standing.val().open_orders;
        self.gates.d.next.message_rate = self.pacing.paced.val().message_rate;
        self.gates.d.next.hedge_rate = self.pacing.paced.val().hedge_rate;
        self.gates.d.next.attempts = self.room.standing.val().attempts;
        self.gates.d.next.loss_limit = self.room.standing.val().loss_limit;
        self.gates.d.next.cool_down = self.pacing.paced.val().cooling & !self.urgent.val();
        self.gates.d.next.margin = self.side_room.val().margin;
        self.gates.d.next.self_match = self.side_quote.val().self_match;
        self.gates.d.next.restricted = self.quotes.book.val().restricted;
        self.limit_price.d.next = self.side_quote.val().limit_price;
        self.paced_at_13.d.next = self.pacing.paced.val();
        // The gap of what has fired is not negative. From 2^27 contracts on it is more than any clip.
        self.gap.d.next = self.side_gap.val().get_bits::<27>(16);
        self.is_huge.d.next = self.side_gap.val().get_bits::<14>(43).any();
        self.room_contracts.d.next = signed_cast_same(self.side_room.val().contracts);

        // 14: first refusals; contracts that room and clip leave
        self.head.gates.next = self.gates.q.val();
        self.quoted.gates.next = self.gates.q.val();
        self.middle.gates.next = self.gates.q.val();
        self.tail.gates.next = self.gates.q.val();
        self.head_at_14.d.next = self.head.reason.val();
        self.quoted_at_14.d.next = self.quoted.reason.val();
        self.middle_at_16.d.next = self.middle.reason.val();
        self.tail_at_16.d.next = self.tail.reason.val();
        self.clip_max.next = self.settings.trigger_at_13.val().clip_max;
        self.clip_max_at_14.d.next = self.clip_max.val();
        self.clip_most.next = unsigned_cast_pos(self.clip_max.val());
        self.contracts_wide.next = self.room_contracts.q.val();
        self.contracts_left.next = self.clip_most.val() - self.contracts_wide.val();
        self.contracts.d.next = self.contracts_wide.val().get_bits::<27>(0);
        if self.contracts_left.val().get_bit(40) {
            self.contracts.d.next = self.clip_max.val();
        }
        if self.contracts_wide.val().get_bit(40) {
            self.contracts.d.next = bits_lit::<27>(0);
        }
        self.gap_at_14.d.next = self.gap.q.val();
        self.is_huge_at_14.d.next = self.is_huge.q.val();
        self.same_side.d.next =
            self.paced_at_13.q.val().repeats & (self.paced_at_13.q.val().last_side == self.is_sell.q.val());
        self.same_price.d.next = self.paced_at_13.q.val().last_price == self.limit_price.q.val();
        self.last_quantity.d.next = self.paced_at_13.q.val().last_quantity;
        self.noted.d.next = self.paced_at_13.q.val();

        // 15: quantity after room, and after clip alone
        self.gap_less_contracts.next =
            unsigned_cast_wide(self.contracts.q.val()) - unsigned_cast_wide(self.gap_at_14.q.val());
        self.gap_less_clip.next =
            unsigned_cast_wide(self.clip_max_at_14.q.val()) - unsigned_cast_wide(self.gap_at_14.q.val());
        self.quantity.d.next = self.gap_at_14.q.val();
        if self.is_huge_at_14.q.val() | self.gap_less_contracts.val().get_bit(27) {
            self.quantity.d.next = self.contracts.q.val();
        }
        self.clipped.d.next = self.gap_at_14.q.val();
        if self.is_huge_at_14.q.val() | self.gap_less_clip.val().get_bit(27) {
            self.clipped.d.next = self.clip_max_at_14.q.val();
        }
        self.repeats.d.next = self.same_side.q.val() & self.same_price.q.val();
        self.head_at_16.d.next = self.head_at_14.q.val();
        if !self.head_at_14.q.val().any() {
            self.head_at_16.d.next = self.quoted_at_14.q.val();
        }
        self.is_head_at_16.d.next = self.head_at_14.q.val().any() | self.quoted_at_14.q.val().any();
        // To 16: the smaller of two numbers of contracts costs too much if both do.
        self.gap_notional.quantity.next = self.gap_at_14.q.val();
        self.gap_notional.price.next = self.unit_price.q.val();
        self.contracts_notional.quantity.next = self.contracts.q.val();
        self.contracts_notional.price.next = self.unit_price.q.val();
        self.is_huge_at_17.d.next = self.is_huge_at_14.q.val();

        // 16: the gates that ask for the quantity
        self.order_left.next =
            unsigned_cast_wide(self.settings.size_at_15.val().order_max) - unsigned_cast_wide(self.quantity.q.val());
        self.is_too_many.d.next = self.order_left.val().get_bit(27);
        self.is_duplicate.d.next = self.repeats.q.val() & (self.quantity.q.val() == self.last_quantity.q.val());
        self.quantity_at_16.d.next = self.quantity.q.val();
        self.clipped_at_16.d.next = self.clipped.q.val();
        self.is_sell_at_16.d.next = self.is_sell.q.val();
        self.is_calm_at_16.d.next = self.is_calm.q.val() & !self.gates.q.val().exposure_range;
        self.has_fired_at_16.d.next = self.has_fired.q.val() & !self.gates.q.val().exposure_range;

        // 17: the answer if ORDER_NOTIONAL (49) refuses, and if not; ORDER_QUANTITY is 48, DUPLICATE 54
        self.denied.d.next = bits_lit::<8>(49);
        self.passed.d.next = self.tail_at_16.q.val();
        if self.is_duplicate.q.val() {
            self.passed.d.next = bits_lit::<8>(54);
        }
        if self.middle_at_16.q.val().any() {
            self.passed.d.next = self.middle_at_16.q.val();
        }
        if self.is_too_many.q.val() {
            self.denied.d.next = bits_lit::<8>(48);
            self.passed.d.next = bits_lit::<8>(48);
        }
        if self.is_head_at_16.q.val() {
            self.denied.d.next = self.head_at_16.q.val();
            self.passed.d.next = self.head_at_16.q.val();
        }
        self.is_decision.next = self.line.val().get_bit(15) & !self.meta_at_16.q.val().reason.any();
        self.may_send.d.next = self.is_decision.val()
            & !self.is_head_at_16.q.val()
            & !self.is_too_many.q.val()
            & !self.middle_at_16.q.val().any()
            & !self.is_duplicate.q.val()
            & !self.tail_at_16.q.val().any();
        self.settles_unsent.d.next = self.is_decision.val() & self.is_calm_at_16.q.val();
        self.gap_product.next = unsigned_cast_wide(self.gap_notional.product.val());
        self.contracts_product.next = unsigned_cast_wide(self.contracts_notional.product.val());
        self.notional_max.next = unsigned_cast_wide(self.settings.size_at_16.val().notional_max);
        self.gap_left.next = self.notional_max.val() - self.gap_product.val();
        self.contracts_money_left.next = self.notional_max.val() - self.contracts_product.val();
        self.is_gap_dear.d.next = self.gap_left.val().get_bit(64);
        self.is_contracts_dear.d.next = self.contracts_money_left.val().get_bit(64);
        self.was_refused_before.d.next = self.meta_at_16.q.val().reason.any();
        self.quantity_at_17.d.next = self.quantity_at_16.q.val();
        self.clipped_bits.next = self.clipped_at_16.q.val();
        if !self.has_fired_at_16.q.val() {
            self.clipped_bits.next = bits_lit::<27>(0);
        }
        self.quantity_wide.next = unsigned_cast_pos(self.quantity_at_16.q.val());
        self.clipped_wide.next = unsigned_cast_pos(self.clipped_bits.val());
        self.signed_quantity.d.next = self.quantity_wide.val();
        self.signed_clipped.d.next = self.clipped_wide.val();
        if self.is_sell_at_16.q.val() {
            self.signed_quantity.d.next = -self.quantity_wide.val();
            self.signed_clipped.d.next = -self.clipped_wide.val();
        }
        self.is_sell_at_17.d.next = self.is_sell_at_16.q.val();
        self.is_urgent_at_17.d.next = self.is_urgent.q.val() & !self.gates.q.val().exposure_range;
        self.exposure_at_17.d.next = self.exposure.q.val();
        self.band_at_17.d.next = self.band.q.val();
        self.limit_price_at_17.d.next = self.limit_price.q.val();

        // 18: the outcome; what is too dear is refused whatever else is asked
        self.too_dear.next = (self.is_huge_at_17.q.val() | self.is_gap_dear.q.val()) & self.is_contracts_dear.q.val();
        self.reason.next = self.passed.q.val();
        if self.too_dear.val() {
            self.reason.next = self.denied.q.val();
        }
        self.state.next_index.next = self.meta_at_17.q.val().underlying;
        self.exposure_wide.next = signed_cast_wide(self.exposure_at_17.q.val());
        self.quantity_out.next = signed_cast_wide(self.signed_quantity.q.val());
        self.clipped_out.next = signed_cast_wide(self.signed_clipped.q.val());
        self.is_sent.next = self.may_send.q.val() & !self.too_dear.val();
        self.sends.d.next = self.is_sent.val();
        self.settles.d.next = self.settles_unsent.q.val() | self.is_sent.val();
        self.answer.d.next.reason = self.reason.val();
        self.answer.d.next.exposure = unsigned_cast_same(self.exposure_wide.val());
        self.answer.d.next.band = unsigned_cast_wide(self.band_at_17.q.val());
        self.answer.d.next.quantity = unsigned_cast_same(self.quantity_out.val());
        self.answer.d.next.limit_price = self.limit_price_at_17.q.val();
        self.answer.d.next.order_id = self.state.next_id.val();
        self.answer.d.next.is_urgent = self.is_urgent_at_17.q.val();
        self.answer.d.next.bank_id = self.settings.bank_id_at_17.val();
        if !self.is_sent.val() {
            self.answer.d.next.quantity = unsigned_cast_same(self.clipped_out.val());
            self.answer.d.next.limit_price = bits_lit::<32>(0);
            self.answer.d.next.order_id = bits_lit::<32>(0);
        }
        if self.was_refused_before.q.val() {
            self.answer.d.next.reason = self.meta_at_17.q.val().reason;
            self.answer.d.next.exposure = bits_lit::<64>(0);
            self.answer.d.next.band = bits_lit::<64>(0);
            self.answer.d.next.quantity = bits_lit::<64>(0);
            self.answer.d.next.limit_price = bits_lit::<32>(0);
            self.answer.d.next.order_id = bits_lit::<32>(0);
            self.answer.d.next.is_urgent = false;
        }
        self.said.next = self.line.val().get_bit(17);
        self.said_meta.next = self.meta_at_18.q.val();
        self.outcome.next = self.answer.q.val();

        // 18: what the next decision finds
        self.sent_quantity.d.next = self.quantity_at_17.q.val();
        self.sent_side.d.next = self.is_sell_at_17.q.val();
        self.sent_price.d.next = self.limit_price_at_17.q.val();
        self.state.settles.next = self.settles.q.val();
        self.state.sends.next = self.sends.q.val();
        self.state.settled_index.next = self.meta_at_18.q.val().underlying;
        self.state.is_sell.next = self.sent_side.q.val();
        self.state.quantity.next = self.sent_quantity.q.val();
        self.noted_pace.next.last_hedge_ns = self.meta_at_18.q.val().now_ns;
        self.noted_pace.next.has_hedged = true;
        self.noted_pace.next.budget_whole_ns = self.noted.q.val().budget_whole_ns;
        self.noted_pace.next.minute_start_ns = self.noted.q.val().minute_start_ns;
        self.noted_pace.next.minute_count = self.noted.q.val().minute_count;
        self.noted_pace.next.last_side = self.sent_side.q.val();
        self.noted_pace.next.last_quantity = self.sent_quantity.q.val();
        self.noted_pace.next.last_price = self.sent_price.q.val();
        self.noted_pace.next.last_ledger_seq = self.ledger_seq.q.val();
        self.state.noted.next = self.noted_pace.val();

        if self.reset.val() {
            self.under_way.d.next = bits_lit::<18>(0);
            self.may_send.d.next = false;
            self.settles_unsent.d.next = false;
            self.sends.d.next = false;
            self.settles.d.next = false;
        }
        self.state.will_send.next = self.sends.d.val();
        self.state.will_settle.next = self.settles.d.val();
    }
}
