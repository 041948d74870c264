//! The front: from the core's door to the head, where a quote that a fresh interval answers goes on at once.
//!
//! ```text
//!   command -> buffer -> FETCH -> PLACE -> BASE -> SHIFT -> LOAD -> head -- issue --> desk
//!                 ^        |        |        |       |        |     ^  |
//!                 |        |        |        |       |        |     +--+ its interval read again while it waits
//!                 |        |        |        |       |        |        |
//!                 |        |        |        |       |        |        +-- anything else --> sequencer
//!                 |        |        |        |       |        +- the interval's word; what the head needs to know
//!                 |        |        |        |       +- interval and fraction; field checks
//!                 |        |        |        +- price less the ladder's lowest; reserved bits
//!                 |        |        +- the ladder that answers, and the price
//!                 +--------+-- after a slow command from there on again: `flush`
//! ```
//!
//! All stages move together, in the cycles of `advance`: nothing slow is being done, and there is no head or it goes.
//!
//! Invariants:
//! * whether the head goes is known a cycle ahead, in `goes`: of the command behind it if the head goes now, else
//!   of the head;
//! * a head without a usable interval is read again in every cycle in which it waits;
//! * an issue moves its underlying's place in the feed, so whoever was looked up before it is in doubt until it has
//!   been the head for a cycle;
//! * sequence and time of a command are compared with what is ahead of it, or with what those that have gone left.

use rust_hdl::prelude::*;

use hedgewire_abi::format::FRACTION_BITS;

use super::recent::Recent;
use super::record::{Aim, Based, Feed, Keep, Place, Shifted, Verdict};
use crate::decode::{ReadQuote, Reserved};
use crate::desk;
use crate::engine::LadderParams;
use crate::primitive::LookUp;
use crate::record::{Interval, Quote, Words};
use crate::signal::*;

/// Commands that may wait at the core's door.
const BUFFER_BITS: usize = 4;

/// Reads ahead, and lets fast quotes go.
#[derive(LogicBlock)]
pub struct Front {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub command_valid: Signal<In, Bit>,
    pub command_ready: Signal<Out, Bit>,
    /// `command_ready` in the next cycle.
    pub will_take: Signal<Out, Bit>,
    pub command: Signal<In, Words>,
    /// Commands are taken.
    pub is_open: Signal<In, Bit>,
    /// Nothing slow is being done, and none will be in the next cycle.
    pub is_running: Signal<In, Bit>,
    pub will_run: Signal<In, Bit>,
    /// The event queue has room for what a quote says.
    pub has_room: Signal<In, Bit>,

    // ---- the head
    pub is_head: Signal<Out, Bit>,
    pub words: Signal<Out, Words>,
    pub place: Signal<Out, Place>,
    pub quote: Signal<Out, Quote>,
    pub verdict: Signal<Out, Verdict>,
    pub interval: Signal<Out, Interval>,
    /// It is a quote that goes as soon as its interval is there and those ahead allow it.
    pub is_fast: Signal<Out, Bit>,
    /// It goes, in this cycle.
    pub issue: Signal<Out, Bit>,
    /// The last quote of its underlying, from the cycle after it came. Nothing is said of it where there is none.
    pub last_quote: Signal<Out, Quote>,
    /// There has been one, and the head was placed at its price: from the second cycle after it came.
    pub has_quote: Signal<Out, Bit>,
    pub same_price: Signal<Out, Bit>,
    /// Every command that was taken has gone.
    pub is_empty: Signal<Out, Bit>,

    // ---- what a slow command does
    /// Everything behind the last one that has gone is read again.
    pub flush: Signal<In, Bit>,
    /// With `flush`: the head has gone. It counts where `moves_seq` and `moves_now` say so.
    pub retires: Signal<In, Bit>,
    pub moves_seq: Signal<In, Bit>,
    pub moves_now: Signal<In, Bit>,
    /// The head's quote becomes the last one.
    pub takes_quote: Signal<In, Bit>,
    /// There has been no quote of the underlying at `feed_at`.
    pub forgets_feed: Signal<In, Bit>,
    pub feed_at: Signal<In, U<8>>,
    pub write_keep: Signal<In, Bit>,
    pub keep_at: Signal<In, U<8>>,
    pub keep: Signal<In, Keep>,
    /// The head has a new interval.
    pub is_answered: Signal<In, Bit>,
    pub answer: Signal<In, Interval>,

    // ---- the engine's ladders
    pub params_ladder: Signal<Out, U<9>>,
    pub params: Signal<In, LadderParams>,
    pub read_ladder: Signal<Out, U<9>>,
    pub read_index: Signal<Out, U<15>>,
    pub read_interval: Signal<In, Interval>,
    pub read_exact: Signal<In, Bit>,
    pub settled: Signal<In, U<64>>,
    pub any_exact: Signal<In, U<64>>,
    pub finish_ladder: Signal<In, U<9>>,
    pub finish_next: Signal<In, U<15>>,
    pub finish_valid: Signal<In, Bit>,
    pub fresh_ladder: Signal<In, U<9>>,
    pub fresh_index: Signal<In, U<15>>,
    pub fresh_valid: Signal<In, Bit>,

    // ---- units and memories; each reader has a copy
    reserved: Reserved,
    read_quote: ReadQuote,
    recent: Recent,
    aims: LookUp<Aim, 4>,
    /// From PLACE on a command is read whole.
    buffer: LookUp<Words, 4>,
    keeps: LookUp<Keep, 8>,
    prices: LookUp<U<32>, 8>,
    feeds_ahead: LookUp<Feed, 8>,
    feeds: LookUp<Feed, 8>,
    quotes: LookUp<Quote, 8>,

    // ---- buffer
    write_at: DFF<U<5>>,
    fetch_at: DFF<U<5>>,
    retire_at: DFF<U<5>>,
    /// `is_open`, a cycle late.
    takes: DFF<Bit>,
    /// The buffer takes a command.
    has_space: DFF<Bit>,

    // ---- stages
    is_fetched: DFF<Bit>,
    fetched: DFF<Aim>,
    fetched_at: DFF<U<5>>,
    is_placed: DFF<Bit>,
    placed_at: DFF<U<5>>,
    placed_place: DFF<Place>,
    is_based: DFF<Bit>,
    based: DFF<Words>,
    based_place: DFF<Place>,
    based_facts: DFF<Based>,
    is_shifted: DFF<Bit>,
    shifted: DFF<Words>,
    shifted_place: DFF<Place>,
    shifted_quote: DFF<Quote>,
    shifted_facts: DFF<Shifted>,
    is_loading: DFF<Bit>,
    loading: DFF<Words>,
    loading_place: DFF<Place>,
    loading_quote: DFF<Quote>,
    loading_verdict: DFF<Verdict>,
    /// Of the underlying that is right ahead of it.
    loading_same: DFF<Bit>,
    has_head: DFF<Bit>,
    head: DFF<Words>,
    head_place: DFF<Place>,
    head_quote: DFF<Quote>,
    head_verdict: DFF<Verdict>,
    head_interval: DFF<Interval>,

    // ---- the head
    /// All stages move. A register, because thousands of flip-flops wait for it.
    advance: DFF<Bit>,
    /// It is issued in this cycle.
    goes: DFF<Bit>,
    /// What is read, and what has been read, is its interval.
    rereads: DFF<Bit>,
    is_reread: DFF<Bit>,
    again_ladder: DFF<U<9>>,
    again_index: DFF<U<15>>,
    /// Its interval can be used, a cycle late.
    is_fresh: DFF<Bit>,
    is_finished: DFF<Bit>,
    is_settled: DFF<Bit>,
    /// What is looked up of its underlying, a cycle late.
    head_feed: DFF<Feed>,
    is_same_price: DFF<Bit>,
    /// It is of this head, not of the one before it.
    has_stood: DFF<Bit>,

    // ---- what is written, in registers; what a slow command writes, a cycle after its word
    writes_quote: DFF<Bit>,
    writes_feed: DFF<Bit>,
    forgets: DFF<Bit>,

    // ---- sequence and time
    /// What the command behind SHIFT is compared with.
    ahead_seq: DFF<U<64>>,
    ahead_ns: DFF<U<64>>,
    /// What those that have gone left.
    last_seq: DFF<U<64>>,
    now_ns: DFF<U<64>>,

    // ---- wires
    buffer_empty: Signal<Local, Bit>,
    command_word: Signal<Local, U<64>>,
    command_price: Signal<Local, U<64>>,
    fetched_kind: Signal<Local, U<8>>,
    fetched_number: Signal<Local, U<8>>,
    fetched_wide: Signal<Local, U<9>>,
    fetched_ladder: Signal<Local, U<9>>,
    price: Signal<Local, U<32>>,
    interval_index: Signal<Local, U<32>>,
    fraction: Signal<Local, U<32>>,
    based_word: Signal<Local, U<64>>,
    based_number: Signal<Local, U<8>>,
    interval_count: Signal<Local, U<32>>,
    shifted_word: Signal<Local, U<64>>,
    shifted_kind: Signal<Local, U<8>>,
    shifted_version: Signal<Local, U<8>>,
    shifted_number: Signal<Local, U<8>>,
    shifted_code: Signal<Local, U<8>>,
    shifted_step: Signal<Local, U<32>>,
    shifted_inside: Signal<Local, Bit>,
    shifted_usable: Signal<Local, Bit>,
    loading_word: Signal<Local, U<64>>,
    loading_number: Signal<Local, U<8>>,
    head_word: Signal<Local, U<64>>,
    head_number: Signal<Local, U<8>>,
    head_step: Signal<Local, U<32>>,
    is_newer: Signal<Local, Bit>,
    can_go: Signal<Local, Bit>,
    /// The head's place is read next, and not that of the command behind it.
    is_again: Signal<Local, Bit>,

    // ---- constants
    one_5: Constant<U<5>>,
    one_9: Constant<U<9>>,
    one_64: Constant<U<64>>,
    nearly_full: Constant<U<5>>,
    sixteen: Constant<U<5>>,
    underlyings: Constant<U<9>>,
}

impl Front {
    /// A front for so many underlyings.
    pub fn new(underlyings: usize) -> Self {
        with_defaults!({
            recent: Recent::new(desk::INTERVAL),
            aims: LookUp::new(1 << BUFFER_BITS),
            buffer: LookUp::new(1 << BUFFER_BITS),
            keeps: LookUp::wrapping(underlyings),
            prices: LookUp::wrapping(underlyings),
            feeds_ahead: LookUp::wrapping(underlyings),
            feeds: LookUp::wrapping(underlyings),
            quotes: LookUp::wrapping(underlyings),
            one_5: Constant::new(U::new(1)),
            one_9: Constant::new(U::new(1)),
            one_64: Constant::new(U::new(1)),
            nearly_full: Constant::new(U::new((1 << BUFFER_BITS) - 1)),
            sixteen: Constant::new(U::new(u128::from(FRACTION_BITS))),
            underlyings: Constant::new(U::new(underlyings as u128)),
        }
            clock reset command_valid command_ready will_take command is_open is_running will_run has_room is_head words place
            quote verdict interval is_fast issue last_quote has_quote same_price is_empty flush retires
            moves_seq moves_now takes_quote forgets_feed feed_at write_keep keep_at keep is_answered answer
            params_ladder params read_ladder read_index read_interval read_exact settled any_exact
            finish_ladder finish_next finish_valid fresh_ladder fresh_index fresh_valid reserved read_quote
            write_at fetch_at retire_at takes has_space is_fetched fetched fetched_at is_placed placed_at placed_place is_based
            based based_place based_facts is_shifted shifted shifted_place shifted_quote shifted_facts
            is_loading loading loading_place loading_quote loading_verdict loading_same has_head head
            head_place head_quote head_verdict head_interval goes rereads is_reread again_ladder again_index
            is_fresh is_finished is_settled head_feed is_same_price has_stood ahead_seq ahead_ns last_seq
            now_ns advance buffer_empty command_word command_price fetched_kind fetched_number fetched_wide
            fetched_ladder price interval_index fraction based_word based_number interval_count shifted_word
            shifted_kind shifted_version shifted_number shifted_code shifted_step shifted_inside
            shifted_usable loading_word loading_number head_word head_number head_step is_newer can_go
            is_again writes_quote writes_feed forgets
        )
    }
}

impl Logic for Front {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, read_quote, recent, aims, buffer, keeps, prices, feeds_ahead, feeds, quotes);
        clock!(self, clock, writes_quote, writes_feed, forgets);
        clock!(
            self,
            clock,
            advance,
            takes,
            has_space,
            is_fresh,
            is_finished,
            is_settled,
            head_feed,
            is_same_price,
            has_stood
        );
        dff_setup!(self, clock, write_at, fetch_at, retire_at, ahead_seq, ahead_ns, last_seq, now_ns);
        dff_setup!(self, clock, is_fetched, fetched, fetched_at, is_placed, placed_at, placed_place);
        dff_setup!(self, clock, is_based, based, based_place, based_facts);
        dff_setup!(self, clock, is_shifted, shifted, shifted_place, shifted_quote, shifted_facts);
        dff_setup!(self, clock, is_loading, loading, loading_place, loading_quote, loading_verdict, loading_same);
        dff_setup!(self, clock, has_head, head, head_place, head_quote, head_verdict, head_interval);
        dff_setup!(self, clock, goes, rereads, is_reread, again_ladder, again_index);

        // ---- the head, and what is known of its underlying
        self.is_head.next = self.has_head.q.val();
        self.words.next = self.head.q.val();
        self.place.next = self.head_place.q.val();
        self.quote.next = self.head_quote.q.val();
        self.verdict.next = self.head_verdict.q.val();
        self.interval.next = self.head_interval.q.val();
        self.issue.next = self.goes.q.val();
        self.head_word.next = self.head.q.val().w0;
        self.head_number.next = self.head_word.val().get_bits::<8>(16);
        self.feeds.read_address.next = self.head_number.val();
        self.head_feed.d.next = self.feeds.q.val();
        self.has_quote.next = self.head_feed.q.val().has_quote;
        self.quotes.read_address.next = self.head_number.val();
        self.last_quote.next = self.quotes.q.val();
        self.is_same_price.d.next = self.quotes.q.val().price == self.head_place.q.val().price;
        self.same_price.next = self.is_same_price.q.val();
        self.head_step.next = self.head_quote.q.val().feed_seq - self.head_feed.q.val().feed_seq;
        self.is_newer.next = !self.head_feed.q.val().has_quote
            | ((self.head_quote.q.val().feed_seq != self.head_feed.q.val().feed_seq)
                & !self.head_step.val().get_bit(31));
        // A cycle late: whoever reads its interval again has been the head for a cycle.
        self.is_fresh.d.next = self.fresh_valid.val()
            & (self.fresh_ladder.val() == self.head_place.q.val().ladder)
            & (self.fresh_index.val() == self.head_place.q.val().index);
        self.is_finished.d.next = self.finish_valid.val()
            & (self.finish_ladder.val() == self.head_place.q.val().ladder)
            & (self.head_place.q.val().index < self.finish_next.val());
        self.is_settled.d.next = self.settled.val().get_bit(self.head_place.q.val().ladder.index());

        // ---- who goes next waits for its interval, an earlier decision of its underlying, room for the event
        self.can_go.next = self.head_verdict.q.val().is_plain
            & self.head_verdict.q.val().is_next
            & self.head_verdict.q.val().is_timely
            & self.head_verdict.q.val().is_newer;
        self.is_fast.next = self.can_go.val();
        self.shifted_word.next = self.shifted.q.val().w0;
        self.shifted_number.next = self.shifted_word.val().get_bits::<8>(16);
        self.loading_word.next = self.loading.q.val().w0;
        self.loading_number.next = self.loading_word.val().get_bits::<8>(16);
        self.recent.underlying.next = self.head_number.val();
        // An issue is seen from the second cycle after it: until then whoever is of its underlying is in doubt.
        self.recent.wanted.next = self.head_number.val();
        self.recent.wanted_ahead.next = self.loading_number.val();
        if self.advance.q.val() {
            self.recent.wanted.next = self.loading_number.val();
            self.recent.wanted_ahead.next = self.shifted_number.val();
        }
        self.recent.issue.next = self.goes.q.val();
        self.goes.d.next = self.has_head.q.val()
            & !self.goes.q.val()
            & self.is_running.val()
            & self.can_go.val()
            & self.head_verdict.q.val().is_usable
            // The word of the command behind it is read in the cycle before it goes.
            & !self.rereads.q.val()
            & !self.head_verdict.q.val().is_exact
            & !self.recent.seen.val()
            & !self.head_verdict.q.val().is_doubtful
            & self.has_room.val();
        if self.advance.q.val() {
            self.goes.d.next = self.is_loading.q.val()
                & self.loading_verdict.q.val().is_plain
                & self.loading_verdict.q.val().is_next
                & self.loading_verdict.q.val().is_timely
                & self.loading_verdict.q.val().is_newer
                & self.loading_verdict.q.val().is_usable
                & !self.loading_verdict.q.val().is_exact
                & !self.recent.ahead_seen.val()
                & !self.loading_same.q.val()
                & !self.loading_verdict.q.val().is_doubtful
                & self.has_room.val();
        }

        // ---- commands come in
        self.buffer.write_address.next = self.write_at.q.val().get_bits::<4>(0);
        self.buffer.write_data.next = self.command.val();
        // A place that is not yet in use may be written at will.
        self.buffer.write.next = self.has_space.q.val();
        self.command_word.next = self.command.val().w0;
        self.command_price.next = self.command.val().w4;
        self.aims.write_address.next = self.write_at.q.val().get_bits::<4>(0);
        self.aims.write_data.next.kind = self.command_word.val().get_bits::<8>(0);
        self.aims.write_data.next.number = self.command_word.val().get_bits::<8>(16);
        self.aims.write_data.next.price = self.command_price.val().get_bits::<32>(0);
        self.aims.write.next = self.has_space.q.val();
        // One may come while this is found out, and one when it has been.
        self.takes.d.next = self.is_open.val();
        self.has_space.d.next =
            (self.write_at.q.val() - self.retire_at.q.val() < self.nearly_full.val()) & self.takes.q.val();
        self.command_ready.next = self.has_space.q.val();
        self.will_take.next = self.has_space.d.val();
        if self.has_space.q.val() & self.command_valid.val() {
            self.write_at.d.next = self.write_at.q.val() + self.one_5.val();
        }
        self.buffer_empty.next = self.write_at.q.val() == self.fetch_at.q.val();
        self.is_empty.next = self.write_at.q.val() == self.retire_at.q.val();

        // ---- FETCH
        self.aims.read_address.next = self.fetch_at.q.val().get_bits::<4>(0);
        if self.advance.q.val() {
            self.is_fetched.d.next = !self.buffer_empty.val();
            self.fetched.d.next = self.aims.q.val();
            self.fetched_at.d.next = self.fetch_at.q.val();
            if !self.buffer_empty.val() {
                self.fetch_at.d.next = self.fetch_at.q.val() + self.one_5.val();
            }
        }

        // ---- PLACE: the ladder that answers, and the price
        self.fetched_kind.next = self.fetched.q.val().kind;
        self.fetched_number.next = self.fetched.q.val().number;
        self.fetched_wide.next = unsigned_cast_wide(self.fetched_number.val());
        self.keeps.read_address.next = self.fetched_number.val();
        self.prices.read_address.next = self.fetched_number.val();
        self.price.next = self.prices.q.val();
        if self.fetched_kind.val() == bits_lit::<8>(32) {
            self.price.next = self.fetched.q.val().price;
        }
        self.fetched_ladder.next = self.fetched_wide.val() + self.fetched_wide.val();
        if self.keeps.q.val().active {
            self.fetched_ladder.next = self.fetched_ladder.val() + self.one_9.val();
        }
        if self.advance.q.val() {
            self.is_placed.d.next = self.is_fetched.q.val();
            self.placed_at.d.next = self.fetched_at.q.val();
            self.placed_place.d.next.ladder = self.fetched_ladder.val();
            self.placed_place.d.next.price = self.price.val();
            self.placed_place.d.next.is_known =
                self.keeps.q.val().count.any() & (self.fetched_wide.val() < self.underlyings.val());
            self.placed_place.d.next.exact_mode = self.keeps.q.val().exact_mode;
            self.placed_place.d.next.has_rows = self.keeps.q.val().has_rows;
        }

        // ---- BASE: how far the price is above the lowest of the ladder
        self.params_ladder.next = self.placed_place.q.val().ladder;
        self.buffer.read_address.next = self.placed_at.q.val().get_bits::<4>(0);
        self.reserved.words.next = self.buffer.q.val();
        if self.advance.q.val() {
            self.is_based.d.next = self.is_placed.q.val();
            self.based.d.next = self.buffer.q.val();
            self.based_place.d.next = self.placed_place.q.val();
            self.based_place.d.next.shift = self.params.val().shift;
            self.based_facts.d.next.offset = self.placed_place.q.val().price - self.params.val().low;
            self.based_facts.d.next.count = self.params.val().count;
            self.based_facts.d.next.is_known = self.reserved.known.val();
            self.based_facts.d.next.strays = self.reserved.strays.val();
            self.based_facts.d.next.by = self.sixteen.val() - self.params.val().shift;
        }

        // ---- SHIFT: interval, and fraction in 2^-16
        self.interval_index.next = self.based_facts.q.val().offset >> self.based_place.q.val().shift;
        self.fraction.next = self.based_facts.q.val().offset << self.based_facts.q.val().by;
        self.based_word.next = self.based.q.val().w0;
        self.based_number.next = self.based_word.val().get_bits::<8>(16);
        self.feeds_ahead.read_address.next = self.based_number.val();
        self.read_quote.words.next = self.based.q.val();
        if self.advance.q.val() {
            self.is_shifted.d.next = self.is_based.q.val();
            self.shifted.d.next = self.based.q.val();
            self.shifted_place.d.next = self.based_place.q.val();
            self.shifted_place.d.next.index = self.interval_index.val().get_bits::<15>(0);
            self.shifted_place.d.next.t = self.fraction.val().get_bits::<16>(0);
            self.shifted_quote.d.next = self.read_quote.quote.val();
            self.shifted_facts.d.next.reason = self.read_quote.reason.val();
            self.shifted_facts.d.next.is_known = self.based_facts.q.val().is_known;
            self.shifted_facts.d.next.is_stray = self.based_facts.q.val().strays.any();
            self.shifted_facts.d.next.index = self.interval_index.val();
            self.shifted_facts.d.next.count = self.based_facts.q.val().count;
            self.shifted_facts.d.next.has_quote = self.feeds_ahead.q.val().has_quote;
            self.shifted_facts.d.next.feed_seq = self.feeds_ahead.q.val().feed_seq;
            self.shifted_facts.d.next.is_settled = self.settled.val().get_bit(self.based_place.q.val().ladder.index());
            // An interval is in use later than it is known to be answered by an exact pass.
            self.shifted_facts.d.next.is_exact = self.any_exact.val().get_bit(self.based_place.q.val().ladder.index());
            self.shifted_facts.d.next.is_doubtful =
                self.goes.q.val() & (self.based_number.val() == self.head_number.val());
        }

        // ---- LOAD: the interval's word is read, and everything compared that the head needs to know
        self.interval_count.next = unsigned_cast_wide(self.shifted_facts.q.val().count);
        self.shifted_inside.next = self.shifted_facts.q.val().index < self.interval_count.val();
        self.shifted_usable.next = (self.fresh_valid.val()
            & (self.fresh_ladder.val() == self.shifted_place.q.val().ladder)
            & (self.fresh_index.val() == self.shifted_place.q.val().index))
            | (self.finish_valid.val()
                & (self.finish_ladder.val() == self.shifted_place.q.val().ladder)
                & (self.shifted_place.q.val().index < self.finish_next.val()))
            | self.shifted_facts.q.val().is_settled;
        self.shifted_kind.next = self.shifted_word.val().get_bits::<8>(0);
        self.shifted_version.next = self.shifted_word.val().get_bits::<8>(8);
        self.shifted_code.next = self.shifted_word.val().get_bits::<8>(24);
        self.shifted_step.next = self.shifted_quote.q.val().feed_seq - self.shifted_facts.q.val().feed_seq;
        if self.advance.q.val() {
            self.is_loading.d.next = self.is_shifted.q.val();
            self.loading.d.next = self.shifted.q.val();
            self.loading_place.d.next = self.shifted_place.q.val();
            self.loading_place.d.next.inside = self.shifted_inside.val();
            self.loading_quote.d.next = self.shifted_quote.q.val();
            self.loading_verdict.d.next.reason = self.shifted_facts.q.val().reason;
            self.loading_verdict.d.next.is_known = self.shifted_facts.q.val().is_known;
            self.loading_verdict.d.next.is_stray = self.shifted_facts.q.val().is_stray;
            self.loading_verdict.d.next.is_next = self.shifted.q.val().w7 == self.ahead_seq.q.val();
            self.loading_verdict.d.next.is_timely = self.shifted.q.val().w1 >= self.ahead_ns.q.val();
            self.loading_verdict.d.next.is_newer = !self.shifted_facts.q.val().has_quote
                | ((self.shifted_quote.q.val().feed_seq != self.shifted_facts.q.val().feed_seq)
                    & !self.shifted_step.val().get_bit(31));
            self.loading_verdict.d.next.is_doubtful = self.shifted_facts.q.val().is_doubtful
                | (self.goes.q.val() & (self.shifted_number.val() == self.head_number.val()));
            self.loading_verdict.d.next.is_plain = (self.shifted_kind.val() == bits_lit::<8>(32))
                & (self.shifted_version.val() == bits_lit::<8>(1))
                & !self.shifted_code.val().get_bit(1)
                & !self.shifted_facts.q.val().is_stray
                & (self.shifted_facts.q.val().reason == bits_lit::<8>(0))
                & self.shifted_place.q.val().is_known
                & self.shifted_place.q.val().has_rows
                & !self.shifted_place.q.val().exact_mode
                & self.shifted_inside.val();
            self.loading_verdict.d.next.is_usable = self.shifted_usable.val();
            self.loading_verdict.d.next.is_exact = self.shifted_facts.q.val().is_exact;
            self.loading_same.d.next =
                self.is_loading.q.val() & (self.shifted_number.val() == self.loading_number.val());
        }
        // What the next command must follow: the one ahead, or what was left by those that have gone.
        if self.is_shifted.q.val() {
            if self.advance.q.val() {
                self.ahead_seq.d.next = self.shifted.q.val().w7 + self.one_64.val();
                self.ahead_ns.d.next = self.shifted.q.val().w1;
            }
        } else if !self.is_loading.q.val() & !self.has_head.q.val() {
            self.ahead_seq.d.next = self.last_seq.q.val() + self.one_64.val();
            self.ahead_ns.d.next = self.now_ns.q.val();
        }

        // ---- the head; one whose interval is not usable is read again
        // Chosen a cycle ahead, for the memory's sake: the head's place, or that of the command behind it.
        self.is_again.next = !self.is_running.val() | (self.has_head.q.val() & !self.head_verdict.q.val().is_usable);
        self.rereads.d.next = self.is_again.val();
        self.again_ladder.d.next = self.loading_place.q.val().ladder;
        self.again_index.d.next = self.loading_place.q.val().index;
        if self.is_again.val() {
            self.again_ladder.d.next = self.head_place.q.val().ladder;
            self.again_index.d.next = self.head_place.q.val().index;
        }
        self.read_ladder.next = self.again_ladder.q.val();
        self.read_index.next = self.again_index.q.val();
        self.is_reread.d.next = self.rereads.q.val();
        self.has_stood.d.next = true;
        if self.has_stood.q.val() {
            self.head_verdict.d.next.is_newer = self.is_newer.val();
            self.head_verdict.d.next.is_doubtful = false;
        }
        if self.is_reread.q.val() {
            self.head_interval.d.next = self.read_interval.val();
            self.head_verdict.d.next.is_usable =
                self.is_fresh.q.val() | self.is_finished.q.val() | self.is_settled.q.val();
            self.head_verdict.d.next.is_exact = self.read_exact.val();
        }
        if self.advance.q.val() {
            self.rereads.d.next = false;
            self.again_ladder.d.next = self.shifted_place.q.val().ladder;
            self.again_index.d.next = self.shifted_place.q.val().index;
            self.read_ladder.next = self.shifted_place.q.val().ladder;
            self.read_index.next = self.shifted_place.q.val().index;
            self.has_head.d.next = self.is_loading.q.val();
            self.head.d.next = self.loading.q.val();
            self.head_place.d.next = self.loading_place.q.val();
            self.head_quote.d.next = self.loading_quote.q.val();
            self.head_verdict.d.next = self.loading_verdict.q.val();
            self.head_verdict.d.next.is_doubtful = self.loading_verdict.q.val().is_doubtful
                | (self.goes.q.val() & (self.loading_number.val() == self.head_number.val()));
            self.head_verdict.d.next.is_exact = self.read_exact.val();
            self.head_interval.d.next = self.read_interval.val();
            self.is_reread.d.next = false;
            self.has_stood.d.next = false;
        }
        if self.is_answered.val() {
            self.head_interval.d.next = self.answer.val();
        }

        // ---- the head goes
        if self.goes.q.val() {
            self.retire_at.d.next = self.retire_at.q.val() + self.one_5.val();
            self.last_seq.d.next = self.head.q.val().w7;
            self.now_ns.d.next = self.head.q.val().w1;
        }
        // After a slow command what was read ahead is read again.
        if self.flush.val() {
            self.fetch_at.d.next = self.retire_at.q.val();
            self.is_fetched.d.next = false;
            self.is_placed.d.next = false;
            self.is_based.d.next = false;
            self.is_shifted.d.next = false;
            self.is_loading.d.next = false;
            self.has_head.d.next = false;
            self.goes.d.next = false;
        }
        if self.retires.val() {
            self.retire_at.d.next = self.retire_at.q.val() + self.one_5.val();
            self.fetch_at.d.next = self.retire_at.q.val() + self.one_5.val();
            if self.moves_seq.val() {
                self.last_seq.d.next = self.head.q.val().w7;
            }
            if self.moves_now.val() {
                self.now_ns.d.next = self.head.q.val().w1;
            }
        }

        // ---- tables
        self.quotes.write.next = self.writes_quote.q.val();
        self.quotes.write_address.next = self.head_number.val();
        self.quotes.write_data.next = self.head_quote.q.val();
        self.prices.write.next = self.writes_quote.q.val();
        self.prices.write_address.next = self.head_number.val();
        self.prices.write_data.next = self.head_quote.q.val().price;
        self.feeds.write.next = self.writes_feed.q.val();
        self.feeds.write_address.next = self.feed_at.val();
        self.feeds.write_data.next.has_quote = !self.forgets.q.val();
        self.feeds.write_data.next.feed_seq = self.head_quote.q.val().feed_seq;
        self.feeds_ahead.write.next = self.writes_feed.q.val();
        self.feeds_ahead.write_address.next = self.feed_at.val();
        self.feeds_ahead.write_data.next.has_quote = !self.forgets.q.val();
        self.feeds_ahead.write_data.next.feed_seq = self.head_quote.q.val().feed_seq;
        self.keeps.write.next = self.write_keep.val();
        self.keeps.write_address.next = self.keep_at.val();
        self.keeps.write_data.next = self.keep.val();

        if self.reset.val() {
            self.is_fetched.d.next = false;
            self.is_placed.d.next = false;
            self.is_based.d.next = false;
            self.is_shifted.d.next = false;
            self.is_loading.d.next = false;
            self.has_head.d.next = false;
            self.goes.d.next = false;
            self.write_at.d.next = bits_lit::<5>(0);
            self.fetch_at.d.next = bits_lit::<5>(0);
            self.retire_at.d.next = bits_lit::<5>(0);
            self.last_seq.d.next = bits_lit::<64>(0);
            self.now_ns.d.next = bits_lit::<64>(0);
        }

        // ---- what is written a cycle from now; the stages move where there will be no head, or it will go
        self.writes_quote.d.next = self.goes.d.val() | self.takes_quote.val();
        self.writes_feed.d.next = self.goes.d.val() | self.takes_quote.val() | self.forgets_feed.val();
        self.forgets.d.next = self.forgets_feed.val();
        self.advance.d.next = self.will_run.val() & (!self.has_head.d.val() | self.goes.d.val());
    }
}
