//! What the desk remembers of every underlying: position, orders, and what has been sent lately.
//!
//! ```text
//!   sequencer --write--> account  (position, cost, ...)      --cycle 7--> account, a cycle later
//!             --write--> flight   (open, attempts, next id)  --cycle 7--> flight, a cycle later
//!             --clear--> pace                                --cycle 7--> pace, a cycle later
//!             --write--> orders                              --------> order
//!                           ^
//!   cycle 17: flight is read once more; cycle 18: its successor and the pace are written; cycle 19: the order is
//! ```
//!
//! `hedgewire_kernel::ledger::Ledger`, in two parts: a decision changes the smaller one alone
//! (`Ledger::reserve`, and `attempts` in the band). The sequencer reads and writes only while no
//! decision is under way. A decision must not be read before the one ahead of it in the same
//! underlying is written: `WRITTEN - READ` cycles. What is found for an underlying that does not exist may be
//! another's: its commands are refused before, whatever the desk would say.
//!
//! That ledger or pace are written is in registers, because the memories are wide: the desk says it a cycle ahead, the
//! sequencer has its word carried out a cycle later. An order is written a cycle late, whoever wrote it: nobody reads it
//! so soon.

use rust_hdl::prelude::*;

use crate::primitive::LookUp;
use crate::record;
use crate::signal::*;

/// The cycle in which a decision reads the ledger, and the one after which its successor is there.
pub const READ: usize = 7;
pub const WRITTEN: usize = 19;

/// The part of `record::Ledger` that only the venue changes.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Account {
    /// Signed 38.
    pub position: U<38>,
    /// Signed 63, like `cost`.
    pub hedge_coin: U<63>,
    pub cost: U<63>,
    pub unknown_buy: U<31>,
    pub unknown_sell: U<31>,
    pub is_reconciled: Bit,
    pub ledger_seq: U<32>,
}

/// The part that our own orders change too.
#[derive(LogicStruct, Clone, Copy, Debug, Default, PartialEq)]
pub struct Flight {
    pub open_buy: U<31>,
    pub open_sell: U<31>,
    pub open_count: U<5>,
    pub attempts: U<32>,
    pub next_id: U<32>,
    pub busy: U<16>,
}

/// Memories of all underlyings.
#[derive(LogicBlock)]
pub struct State {
    pub clock: Signal<In, Clock>,
    /// The sequencer reads.
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
    /// In the next cycle, at the address of then.
    pub clear_pace: Signal<In, Bit>,
    pub clear_address: Signal<In, U<8>>,
    /// Cycle 7, like the index of the pace.
    pub index: Signal<In, U<8>>,
    /// Cycle 8, like the two that follow.
    pub account: Signal<Out, Account>,
    pub flight: Signal<Out, Flight>,
    pub pace: Signal<Out, record::Pace>,
    /// Cycle 17, like the three that follow: what `settles` and `sends` will be.
    pub will_settle: Signal<In, Bit>,
    pub will_send: Signal<In, Bit>,
    pub next_index: Signal<In, U<8>>,
    pub next_id: Signal<Out, U<32>>,
    /// Cycle 18, like all that follow: the decision changes the flight.
    pub settles: Signal<In, Bit>,
    /// By an order.
    pub sends: Signal<In, Bit>,
    pub settled_index: Signal<In, U<8>>,
    pub is_sell: Signal<In, Bit>,
    pub quantity: Signal<In, U<27>>,
    pub noted: Signal<In, record::Pace>,
    accounts: LookUp<Account, 8>,
    flights: LookUp<Flight, 8>,
    flights_again: LookUp<Flight, 8>,
    paces: LookUp<record::Pace, 8>,
    orders: LookUp<record::Order, 12>,
    account_read: DFF<Account>,
    flight_read: DFF<Flight>,
    pace_read: DFF<record::Pace>,
    flight_to_settle: DFF<Flight>,
    writes_ledger: DFF<Bit>,
    writes_flight: DFF<Bit>,
    clears_pace: DFF<Bit>,
    writes_pace: DFF<Bit>,
    writes_order: DFF<Bit>,
    order_at: DFF<U<12>>,
    order_written: DFF<record::Order>,
    given: Signal<Local, Flight>,
    settled: Signal<Local, Flight>,
    written: Signal<Local, Flight>,
    write_address: Signal<Local, U<8>>,
    attempts: Signal<Local, U<32>>,
    one: Signal<Local, U<32>>,
    one_order: Signal<Local, U<5>>,
    one_slot: Signal<Local, U<16>>,
    id: Signal<Local, U<32>>,
    slot: Signal<Local, U<4>>,
    more: Signal<Local, U<31>>,
    order_row: Signal<Local, U<12>>,
    order_address: Signal<Local, U<12>>,
    settled_row: Signal<Local, U<12>>,
}

impl State {
    /// Memories of so many underlyings.
    pub fn new(underlyings: usize) -> Self {
        Self {
            clock: Signal::default(),
            owned: Signal::default(),
            book_address: Signal::default(),
            ledger: Signal::default(),
            write_ledger: Signal::default(),
            new_ledger: Signal::default(),
            order_slot: Signal::default(),
            order: Signal::default(),
            write_order: Signal::default(),
            new_order: Signal::default(),
            clear_pace: Signal::default(),
            clear_address: Signal::default(),
            index: Signal::default(),
            account: Signal::default(),
            flight: Signal::default(),
            pace: Signal::default(),
            will_settle: Signal::default(),
            will_send: Signal::default(),
            next_index: Signal::default(),
            next_id: Signal::default(),
            settles: Signal::default(),
            sends: Signal::default(),
            settled_index: Signal::default(),
            is_sell: Signal::default(),
            quantity: Signal::default(),
            noted: Signal::default(),
            accounts: LookUp::wrapping(underlyings),
            flights: LookUp::wrapping(underlyings),
            flights_again: LookUp::wrapping(underlyings),
            paces: LookUp::wrapping(underlyings),
            orders: LookUp::wrapping(16 * underlyings),
            account_read: DFF::default(),
            flight_read: DFF::default(),
            pace_read: DFF::default(),
            flight_to_settle: DFF::default(),
            writes_ledger: DFF::default(),
            writes_flight: DFF::default(),
            clears_pace: DFF::default(),
            writes_pace: DFF::default(),
            writes_order: DFF::default(),
            order_at: DFF::default(),
            order_written: DFF::default(),
            given: Signal::default(),
            settled: Signal::default(),
            written: Signal::default(),
            write_address: Signal::default(),
            attempts: Signal::default(),
            one: Signal::default(),
            one_order: Signal::default(),
            one_slot: Signal::default(),
            id: Signal::default(),
            slot: Signal::default(),
            more: Signal::default(),
            order_row: Signal::default(),
            order_address: Signal::default(),
            settled_row: Signal::default(),
        }
    }
}

impl Default for State {
    /// As many underlyings as an address can name.
    fn default() -> Self {
        Self::new(256)
    }
}

impl Logic for State {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, accounts, flights, flights_again, paces, orders);
        clock!(self, clock, account_read, flight_read, pace_read, flight_to_settle);
        clock!(self, clock, writes_ledger, writes_flight, clears_pace, writes_pace);
        clock!(self, clock, writes_order, order_at, order_written);
        // Reading.
        self.accounts.read_address.next = self.index.val();
        if self.owned.val() {
            self.accounts.read_address.next = self.book_address.val();
        }
        self.flights.read_address.next = self.index.val();
        if self.owned.val() {
            self.flights.read_address.next = self.book_address.val();
        }
        self.account_read.d.next = self.accounts.q.val();
        self.flight_read.d.next = self.flights.q.val();
        self.account.next = self.account_read.q.val();
        self.flight.next = self.flight_read.q.val();
        self.paces.read_address.next = self.index.val();
        self.pace_read.d.next = self.paces.q.val();
        self.pace.next = self.pace_read.q.val();
        self.ledger.next.position = self.accounts.q.val().position;
        self.ledger.next.hedge_coin = self.accounts.q.val().hedge_coin;
        self.ledger.next.cost = self.accounts.q.val().cost;
        self.ledger.next.unknown_buy = self.accounts.q.val().unknown_buy;
        self.ledger.next.unknown_sell = self.accounts.q.val().unknown_sell;
        self.ledger.next.is_reconciled = self.accounts.q.val().is_reconciled;
        self.ledger.next.ledger_seq = self.accounts.q.val().ledger_seq;
        self.ledger.next.open_buy = self.flights.q.val().open_buy;
        self.ledger.next.open_sell = self.flights.q.val().open_sell;
        self.ledger.next.open_count = self.flights.q.val().open_count;
        self.ledger.next.attempts = self.flights.q.val().attempts;
        self.ledger.next.next_id = self.flights.q.val().next_id;
        self.ledger.next.busy = self.flights.q.val().busy;
        // The sequencer's word.
        self.writes_ledger.d.next = self.write_ledger.val();
        self.accounts.write.next = self.writes_ledger.q.val();
        self.accounts.write_address.next = self.book_address.val();
        self.accounts.write_data.next.position = self.new_ledger.val().position;
        self.accounts.write_data.next.hedge_coin = self.new_ledger.val().hedge_coin;
        self.accounts.write_data.next.cost = self.new_ledger.val().cost;
        self.accounts.write_data.next.unknown_buy = self.new_ledger.val().unknown_buy;
        self.accounts.write_data.next.unknown_sell = self.new_ledger.val().unknown_sell;
        self.accounts.write_data.next.is_reconciled = self.new_ledger.val().is_reconciled;
        self.accounts.write_data.next.ledger_seq = self.new_ledger.val().ledger_seq;
        self.given.next.open_buy = self.new_ledger.val().open_buy;
        self.given.next.open_sell = self.new_ledger.val().open_sell;
        self.given.next.open_count = self.new_ledger.val().open_count;
        self.given.next.attempts = self.new_ledger.val().attempts;
        self.given.next.next_id = self.new_ledger.val().next_id;
        self.given.next.busy = self.new_ledger.val().busy;
        // 17: the flight that the decision changes
        self.flights_again.read_address.next = self.next_index.val();
        self.flight_to_settle.d.next = self.flights_again.q.val();
        self.next_id.next = self.flights_again.q.val().next_id;
        // 18: its successor
        self.one.next = bits_lit::<32>(1);
        self.one_order.next = bits_lit::<5>(1);
        self.one_slot.next = bits_lit::<16>(1);
        self.id.next = self.flight_to_settle.q.val().next_id;
        self.slot.next = self.id.val().get_bits::<4>(0);
        self.more.next = unsigned_cast_wide(self.quantity.val());
        self.attempts.next = self.flight_to_settle.q.val().attempts;
        self.settled.next = self.flight_to_settle.q.val();
        self.settled.next.attempts = bits_lit::<32>(0);
        if self.sends.val() {
            self.settled.next.attempts = self.attempts.val() + self.one.val();
            if self.attempts.val().all() {
                self.settled.next.attempts = self.attempts.val();
            }
            self.settled.next.open_count = self.flight_to_settle.q.val().open_count + self.one_order.val();
            self.settled.next.next_id = self.id.val() + self.one.val();
            self.settled.next.busy = self.flight_to_settle.q.val().busy | (self.one_slot.val() << self.slot.val());
            if self.is_sell.val() {
                self.settled.next.open_sell = self.flight_to_settle.q.val().open_sell + self.more.val();
            } else {
                self.settled.next.open_buy = self.flight_to_settle.q.val().open_buy + self.more.val();
            }
        }
        self.written.next = self.given.val();
        self.write_address.next = self.book_address.val();
        if self.settles.val() {
            self.written.next = self.settled.val();
            self.write_address.next = self.settled_index.val();
        }
        self.writes_flight.d.next = self.will_settle.val() | self.write_ledger.val();
        self.flights.write.next = self.writes_flight.q.val();
        self.flights.write_address.next = self.write_address.val();
        self.flights.write_data.next = self.written.val();
        self.flights_again.write.next = self.writes_flight.q.val();
        self.flights_again.write_address.next = self.write_address.val();
        self.flights_again.write_data.next = self.written.val();
        // Orders.
        self.order_row.next = unsigned_cast_wide(self.book_address.val());
        self.order_address.next =
            (self.order_row.val() << bits_lit::<3>(4)) | unsigned_cast_wide(self.order_slot.val());
        self.settled_row.next = unsigned_cast_wide(self.settled_index.val());
        self.orders.read_address.next = self.order_address.val();
        self.order.next = self.orders.q.val();
        self.writes_order.d.next = self.sends.val() | self.write_order.val();
        self.order_at.d.next = self.order_address.val();
        self.order_written.d.next = self.new_order.val();
        if self.sends.val() {
            self.order_at.d.next = (self.settled_row.val() << bits_lit::<3>(4)) | unsigned_cast_wide(self.slot.val());
            self.order_written.d.next.id = self.id.val();
            self.order_written.d.next.state = bits_lit::<3>(1);
            self.order_written.d.next.side = self.is_sell.val();
            self.order_written.d.next.quantity = self.quantity.val();
            self.order_written.d.next.filled = bits_lit::<37>(0);
            self.order_written.d.next.coin = bits_lit::<63>(0);
            self.order_written.d.next.cost = bits_lit::<63>(0);
        }
        self.orders.write.next = self.writes_order.q.val();
        self.orders.write_address.next = self.order_at.q.val();
        self.orders.write_data.next = self.order_written.q.val();
        // Pace.
        self.clears_pace.d.next = self.clear_pace.val();
        self.writes_pace.d.next = self.will_send.val() | self.clear_pace.val();
        self.paces.write.next = self.writes_pace.q.val();
        self.paces.write_address.next = self.settled_index.val();
        self.paces.write_data.next = self.noted.val();
        if self.clears_pace.q.val() {
            self.paces.write_address.next = self.clear_address.val();
            self.paces.write_data.next.last_hedge_ns = bits_lit::<64>(0);
            self.paces.write_data.next.has_hedged = false;
            self.paces.write_data.next.budget_whole_ns = bits_lit::<64>(0);
            self.paces.write_data.next.minute_start_ns = bits_lit::<64>(0);
            self.paces.write_data.next.minute_count = bits_lit::<32>(0);
            self.paces.write_data.next.last_side = false;
            self.paces.write_data.next.last_quantity = bits_lit::<27>(0);
            self.paces.write_data.next.last_price = bits_lit::<32>(0);
            self.paces.write_data.next.last_ledger_seq = bits_lit::<32>(0);
        }
    }
}
