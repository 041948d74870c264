//! How many contracts position, orders, mode and margin leave each side, and the gates that ask for
//! no more than that.
//!
//! ```text
//!   cycle  8   account, flight, rate limits
//!          9   in flight per side, position and its size; gates of the ledger
//!         10   committed, counted (for `Reach`); net, gross, against
//!         11   smaller ones; REDUCE_ONLY, POSITION_NET, POSITION_GROSS, MARGIN
//!         12   contracts: the smallest
//! ```
//!
//! `hedgewire_kernel::trigger::Room`. Both sides are one: `worst` is position plus in flight for a buy, and
//! in flight minus position for a sell; `net = position_max - worst`, `against = -worst`,
//! `gross = gross_max - |position| - all in flight`. Contracts, signed 41 bits hold every sum. Cycles are
//! those of the desk. A wide comparison is the sign of a difference, which is a carry chain.

use rust_hdl::prelude::*;

use super::state::{Account, Flight};
use crate::primitive::Delay;
use crate::record;
use crate::signal::*;

/// The cycle in which account and flight arrive, and the one of the answer.
pub const START: usize = 8;
pub const DONE: usize = START + 4;

/// What the ledger allows one side.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct SideRoom {
    /// Signed 41.
    pub contracts: U<41>,
    pub flip_cancel_first: Bit,
    pub reduce_only: Bit,
    pub position_net: Bit,
    pub position_gross: Bit,
    pub margin: Bit,
}

/// The gates that are the same for both sides.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    pub not_reconciled: Bit,
    pub open_orders: Bit,
    pub attempts: Bit,
    pub loss_limit: Bit,
}

/// Room of both sides.
#[derive(LogicBlock, Default)]
pub struct Room {
    pub clock: Signal<In, Clock>,
    /// Cycle 8, like the two that follow.
    pub account: Signal<In, Account>,
    pub flight: Signal<In, Flight>,
    pub rate: Signal<In, record::RateLimits>,
    /// Cycle 9, like the two that follow.
    pub setup: Signal<In, record::Setup>,
    pub limits: Signal<In, record::SizeLimits>,
    pub status: Signal<In, record::Status>,
    /// Cycle 10.
    pub clip_min: Signal<In, U<32>>,
    /// Cycle 10, like the three that follow.
    pub committed_buy: Signal<Out, S<40>>,
    pub committed_sell: Signal<Out, S<40>>,
    pub counted_buy: Signal<Out, S<40>>,
    pub counted_sell: Signal<Out, S<40>>,
    /// Cycle 12, like the four that follow.
    pub buy: Signal<Out, SideRoom>,
    pub sell: Signal<Out, SideRoom>,
    pub standing: Signal<Out, Standing>,
    pub disarmed: Signal<Out, Bit>,
    pub halted: Signal<Out, Bit>,
    buy_side: Side,
    sell_side: Side,
    in_buy: DFF<U<32>>,
    in_sell: DFF<U<32>>,
    in_all: DFF<S<41>>,
    position: DFF<S<39>>,
    negative: DFF<S<39>>,
    size: DFF<S<41>>,
    gross: DFF<S<41>>,
    stands: Delay<Standing, 4>,
    is_disarmed: Delay<Bit, 3>,
    is_halted: Delay<Bit, 3>,
    open_buy: Signal<Local, U<32>>,
    open_sell: Signal<Local, U<32>>,
    unknown_buy: Signal<Local, U<32>>,
    unknown_sell: Signal<Local, U<32>>,
    all_buy: Signal<Local, U<33>>,
    all_sell: Signal<Local, U<33>>,
    all: Signal<Local, U<33>>,
    now: Signal<Local, S<39>>,
    wide: Signal<Local, S<41>>,
    flipped: Signal<Local, S<41>>,
    gross_max: Signal<Local, S<41>>,
    next_slot: Signal<Local, U<32>>,
    busy: Signal<Local, U<16>>,
    slots: Signal<Local, U<16>>,
    cost: Signal<Local, S<64>>,
    loss_max: Signal<Local, S<64>>,
    attempts_left: Signal<Local, U<33>>,
    loss_left: Signal<Local, S<65>>,
    reduce_only: Signal<Local, Bit>,
}

impl Logic for Room {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, buy_side, sell_side, in_buy, in_sell, in_all, position, negative, size);
        clock!(self, clock, gross, stands, is_disarmed, is_halted);
        // 9: what is in flight, and the position
        self.open_buy.next = unsigned_cast_wide(self.flight.val().open_buy);
        self.open_sell.next = unsigned_cast_wide(self.flight.val().open_sell);
        self.unknown_buy.next = unsigned_cast_wide(self.account.val().unknown_buy);
        self.unknown_sell.next = unsigned_cast_wide(self.account.val().unknown_sell);
        self.in_buy.d.next = self.open_buy.val() + self.unknown_buy.val();
        self.in_sell.d.next = self.open_sell.val() + self.unknown_sell.val();
        self.all_buy.next = unsigned_cast_wide(self.open_buy.val()) + unsigned_cast_wide(self.unknown_buy.val());
        self.all_sell.next = unsigned_cast_wide(self.open_sell.val()) + unsigned_cast_wide(self.unknown_sell.val());
        self.all.next = self.all_buy.val() + self.all_sell.val();
        self.in_all.d.next = unsigned_cast_pos(self.all.val());
        self.now.next = signed_cast_wide(signed_cast_same(self.account.val().position));
        self.wide.next = signed_cast_wide(self.now.val());
        self.flipped.next = -self.wide.val();
        self.position.d.next = self.now.val();
        self.negative.d.next = -self.now.val();
        self.size.d.next = self.wide.val();
        if self.now.val().get_bit(38) {
            self.size.d.next = self.flipped.val();
        }
        self.next_slot.next = self.flight.val().next_id;
        self.busy.next = self.flight.val().busy;
        self.slots.next = self.busy.val() >> self.next_slot.val().get_bits::<4>(0);
        self.cost.next = signed_cast_wide(signed_cast_same(self.account.val().cost));
        self.loss_max.next = signed_cast_same(self.rate.val().loss_max);
        // The gates of the ledger, until cycle 12.
        self.stands.d.next.not_reconciled = !self.account.val().is_reconciled;
        self.stands.d.next.open_orders =
            (self.flight.val().open_count >= self.rate.val().open_orders_max) | self.slots.val().get_bit(0);
        self.attempts_left.next =
            unsigned_cast_wide(self.flight.val().attempts) - unsigned_cast_wide(self.rate.val().attempts_max);
        self.stands.d.next.attempts = !self.attempts_left.val().get_bit(32);
        self.loss_left.next = signed_cast_wide(self.cost.val()) - signed_cast_wide(self.loss_max.val());
        self.stands.d.next.loss_limit = !self.loss_left.val().get_bit(64);
        self.standing.next = self.stands.q.val();
        self.is_disarmed.d.next = !self.setup.val().is_armed;
        self.disarmed.next = self.is_disarmed.q.val();
        self.is_halted.d.next = self.setup.val().mode == bits_lit::<2>(2);
        self.halted.next = self.is_halted.q.val();
        // 10; mode 1 and a degraded oracle reduce only
        self.gross_max.next = unsigned_cast_pos(self.limits.val().gross_max);
        self.gross.d.next = self.gross_max.val() - self.size.q.val() - self.in_all.q.val();
        self.reduce_only.next =
            (self.setup.val().mode == bits_lit::<2>(1)) | (self.status.val().oracle == bits_lit::<2>(1));
        self.buy_side.position.next = self.position.q.val();
        self.sell_side.position.next = self.negative.q.val();
        self.buy_side.in_flight.next = self.in_buy.q.val();
        self.sell_side.in_flight.next = self.in_sell.q.val();
        self.buy_side.flip.next = self.in_sell.q.val().any();
        self.sell_side.flip.next = self.in_buy.q.val().any();
        self.buy_side.counts_contracts.next = self.setup.val().counts_contracts;
        self.sell_side.counts_contracts.next = self.setup.val().counts_contracts;
        self.buy_side.position_max.next = self.limits.val().position_max;
        self.sell_side.position_max.next = self.limits.val().position_max;
        self.buy_side.margin.next = self.status.val().margin_buy;
        self.sell_side.margin.next = self.status.val().margin_sell;
        self.buy_side.reduce_only.next = self.reduce_only.val();
        self.sell_side.reduce_only.next = self.reduce_only.val();
        self.committed_buy.next = self.buy_side.committed.val();
        self.committed_sell.next = self.sell_side.committed.val();
        self.counted_buy.next = self.buy_side.counted.val();
        self.counted_sell.next = self.sell_side.counted.val();
        // 11
        self.buy_side.clip_min.next = self.clip_min.val();
        self.sell_side.clip_min.next = self.clip_min.val();
        self.buy_side.gross.next = self.gross.q.val();
        self.sell_side.gross.next = self.gross.q.val();
        self.buy.next = self.buy_side.room.val();
        self.sell.next = self.sell_side.room.val();
    }
}

/// Room of one side, from cycle 9 on.
#[derive(LogicBlock, Default)]
struct Side {
    pub clock: Signal<In, Clock>,
    /// Cycle 9: the position, negated for a sell.
    pub position: Signal<In, S<39>>,
    pub in_flight: Signal<In, U<32>>,
    /// Something of the other side is in flight.
    pub flip: Signal<In, Bit>,
    pub counts_contracts: Signal<In, Bit>,
    pub position_max: Signal<In, U<37>>,
    pub margin: Signal<In, U<37>>,
    pub reduce_only: Signal<In, Bit>,
    /// Cycle 10.
    pub clip_min: Signal<In, U<32>>,
    pub gross: Signal<In, S<41>>,
    pub committed: Signal<Out, S<40>>,
    pub counted: Signal<Out, S<40>>,
    /// Cycle 12.
    pub room: Signal<Out, SideRoom>,
    committed_at_10: DFF<S<40>>,
    counted_at_10: DFF<S<40>>,
    net: DFF<S<41>>,
    against: DFF<S<41>>,
    margin_at_10: DFF<S<41>>,
    flips: Delay<Bit, 2>,
    tight: DFF<S<41>>,
    loose: DFF<S<41>>,
    reduce_short: DFF<Bit>,
    net_short: DFF<Bit>,
    gross_short: DFF<Bit>,
    margin_short: DFF<Bit>,
    answer: DFF<SideRoom>,
    plenty: Signal<Local, U<41>>,
    place: Signal<Local, S<40>>,
    counted_bits: Signal<Local, U<40>>,
    place_counted: Signal<Local, S<40>>,
    flying: Signal<Local, S<40>>,
    place_wide: Signal<Local, S<41>>,
    flying_wide: Signal<Local, S<41>>,
    most: Signal<Local, S<41>>,
    least: Signal<Local, S<41>>,
    gross_less_net: Signal<Local, S<41>>,
    against_less_margin: Signal<Local, S<41>>,
    against_left: Signal<Local, S<41>>,
    net_left: Signal<Local, S<41>>,
    gross_left: Signal<Local, S<41>>,
    margin_left: Signal<Local, S<41>>,
    loose_less_tight: Signal<Local, S<41>>,
    contracts: Signal<Local, S<41>>,
}

impl Logic for Side {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, committed_at_10, counted_at_10, net, against, margin_at_10, flips);
        clock!(self, clock, tight, loose, reduce_short, net_short, gross_short, margin_short, answer);
        // 10
        self.plenty.next = bits_lit::<41>(0x7f_ffff_ffff_u64);
        self.place.next = signed_cast_wide(self.position.val());
        self.counted_bits.next = unsigned_cast_same(self.place.val());
        if !self.counts_contracts.val() {
            self.counted_bits.next = bits_lit::<40>(0);
        }
        self.place_counted.next = signed_cast_same(self.counted_bits.val());
        self.flying.next = unsigned_cast_pos(self.in_flight.val());
        self.committed_at_10.d.next = self.place_counted.val() + self.flying.val();
        self.counted_at_10.d.next = self.place_counted.val();
        self.place_wide.next = signed_cast_wide(self.place.val());
        self.flying_wide.next = signed_cast_wide(self.flying.val());
        self.most.next = unsigned_cast_pos(self.position_max.val());
        self.net.d.next = self.most.val() - self.place_wide.val() - self.flying_wide.val();
        // Where nothing has to be reduced, more than any margin.
        self.against.d.next = -self.place_wide.val() - self.flying_wide.val();
        if !self.reduce_only.val() {
            self.against.d.next = signed_cast_same(self.plenty.val());
        }
        self.margin_at_10.d.next = unsigned_cast_pos(self.margin.val());
        self.committed.next = self.committed_at_10.q.val();
        self.counted.next = self.counted_at_10.q.val();
        // 11
        self.least.next = unsigned_cast_pos(self.clip_min.val());
        self.tight.d.next = self.net.q.val();
        self.gross_less_net.next = self.gross.val() - self.net.q.val();
        if self.gross_less_net.val().get_bit(40) {
            self.tight.d.next = self.gross.val();
        }
        self.loose.d.next = self.margin_at_10.q.val();
        self.against_less_margin.next = self.against.q.val() - self.margin_at_10.q.val();
        if self.against_less_margin.val().get_bit(40) {
            self.loose.d.next = self.against.q.val();
        }
        self.against_left.next = self.against.q.val() - self.least.val();
        self.net_left.next = self.net.q.val() - self.least.val();
        self.gross_left.next = self.gross.val() - self.least.val();
        self.margin_left.next = self.margin_at_10.q.val() - self.least.val();
        self.reduce_short.d.next = self.against_left.val().get_bit(40);
        self.net_short.d.next = self.net_left.val().get_bit(40);
        self.gross_short.d.next = self.gross_left.val().get_bit(40);
        self.margin_short.d.next = self.margin_left.val().get_bit(40);
        // 12
        self.contracts.next = self.tight.q.val();
        self.loose_less_tight.next = self.loose.q.val() - self.tight.q.val();
        if self.loose_less_tight.val().get_bit(40) {
            self.contracts.next = self.loose.q.val();
        }
        self.flips.d.next = self.flip.val();
        self.answer.d.next.contracts = unsigned_cast_same(self.contracts.val());
        self.answer.d.next.flip_cancel_first = self.flips.q.val();
        self.answer.d.next.reduce_only = self.reduce_short.q.val();
        self.answer.d.next.position_net = self.net_short.q.val();
        self.answer.d.next.position_gross = self.gross_short.q.val();
        self.answer.d.next.margin = self.margin_short.q.val();
        self.room.next = self.answer.q.val();
    }
}
