//! Every gate and every refusal: what it stops, and that the legal value beside it passes.
//!
//! ```text
//!   Scenario: one row of one coin a lot, hedge of one coin a contract, everything loose
//!      lots + position = exposure, in contracts;  a change to the scenario closes one gate
//! ```
//!
//! Invariants: in the plain scenario ten contracts are sold (or bought, mirrored); each test changes
//! as little as possible from there.

mod support;

use hedgewire_abi::command::{
    Build, Configure, Control, Header, OpenBank, OrderUpdate, Quote, Reconcile, SetPriceLimits, SetRateLimits,
    SetSizeLimits, SetStatus, SetTarget, SetTrigger, Swap, Time, Trade, WriteRow, code,
};
use hedgewire_abi::event::{FLAG_EXACT, FLAG_URGENT, Fault, Ledger, Refused, Swapped};
use hedgewire_abi::format::{
    A_MAX, B_MAX, BAND_MAX, BAND_SCALE_MAX, COIN_MAGNITUDE_BITS, DURATION_MAX_NS, ORDER_MAX, POSITION_MAX, QUANTITY_MAX,
};
use hedgewire_abi::{Command, Event, Reason, VERSION};
use hedgewire_host::driver::Setup;
use hedgewire_kernel::{Form, Sizes};

use support::portfolio::{PRICE_REF, loose_limits, quote};
use support::{Machine, START_NS, exposure, hedge, reason};

/// One contract in the unit of exposures and bands.
const CONTRACT: i64 = 1 << 16;
/// One coin on the wire.
const COIN: i64 = 1 << 32;

/// A situation in which the trigger wants to sell ten contracts and every gate is open.
#[derive(Clone)]
struct Scenario {
    lots: i32,
    position: i64,
    is_reconciled: bool,
    exact_mode: bool,
    trigger: SetTrigger,
    price: SetPriceLimits,
    size: SetSizeLimits,
    rate: SetRateLimits,
    status: SetStatus,
    quote: Quote,
    bank: OpenBank,
    target: i64,
    actions: Vec<u8>,
}

impl Scenario {
    fn selling() -> Self {
        let Setup { trigger, price, size, rate, status, .. } = loose_limits();
        let bank = OpenBank {
            bank_id: 9,
            price_ref: PRICE_REF,
            contract_scale: 1 << 31,
            band_factor: 0,
            delta_bits: 20,
            gamma_bits: 20,
            vega_bits: 20,
            // A delta weight of 2^20 is one coin, 2^27 ladder units; times 2^39 over 2^50: 2^16.
            contract_shift: 50,
            band_shift: 0,
            band_kind: code::BAND_FIXED,
            hedge_kind: code::HEDGE_LINEAR,
            numeraire: code::NUMERAIRE_COIN,
            valid_until_ns: u64::MAX,
        };
        Self {
            lots: 10,
            position: 0,
            is_reconciled: true,
            // No error bound widens the band then, so that limits can be met exactly.
            exact_mode: true,
            trigger,
            price,
            size,
            rate,
            status,
            quote: quote(PRICE_REF, 1, START_NS),
            bank,
            target: 0,
            actions: vec![code::ARM],
        }
    }

    fn buying() -> Self {
        Self { lots: -10, ..Self::selling() }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The machine up to the quote.
    fn machine(&self) -> Machine {
        let mut machine = Machine::new(Sizes { underlyings: 2, rows: 128, intervals: 8 }, Form::best());
        machine.must(|h| Configure { first_slot: 0, slot_count: 64, exact_mode: u8::from(self.exact_mode) }.encode(h));
        machine.must(|h| self.bank.encode(h));
        for slot in 0..64 {
            let row_kind = if slot < 2 { code::CONSTANT } else { code::EMPTY };
            let row =
                WriteRow { slot, row_kind, group: code::GROUP_LINEAR, omega_delta: 1 << 20, ..WriteRow::default() };
            machine.must(|h| row.encode(h));
        }
        machine.must(|h| Build { centre: PRICE_REF, intervals: 8, step_shift: 12 }.encode(h));
        machine.must(|h| Swap {}.encode(h));
        machine.trade(0, self.lots);
        machine.must(|h| SetTarget { target: self.target, cash: 0 }.encode(h));
        if self.is_reconciled {
            machine.must(|h| Reconcile { position: self.position, hedge_coin: 0 }.encode(h));
        }
        self.settle(&mut machine);
        machine
    }

    /// Settings and modes.
    fn settle(&self, machine: &mut Machine) {
        machine.must(|h| self.trigger.encode(h));
        machine.must(|h| self.price.encode(h));
        machine.must(|h| self.size.encode(h));
        machine.must(|h| self.rate.encode(h));
        machine.must(|h| self.status.encode(h));
        for &action in &self.actions {
            machine.must(|h| Control { action }.encode(h));
        }
    }

    /// The decision at the quote.
    fn decision(&self) -> Vec<Event> {
        self.machine().send(|h| self.quote.encode(h))
    }

    fn reason(&self) -> Reason {
        reason(&self.decision())
    }

    /// What is sent, positive bought; 0 when nothing is.
    fn sent(&self) -> i64 {
        hedge(&self.decision()).map_or(0, |hedge| hedge.quantity)
    }
}

/// Evaluates again at a later time.
fn later(machine: &mut Machine, ns: u64) -> Vec<Event> {
    machine.now_ns += ns;
    machine.must(|h| Time { flags: 0 }.encode(h))
}

fn update(machine: &mut Machine, status: u8, order_id: u32, filled: u64) -> Vec<Event> {
    machine.send(|h| OrderUpdate { status, order_id, filled, coin: 0, cost: 0 }.encode(h))
}

fn ledger(events: &[Event]) -> Ledger {
    events.iter().find(|event| event.kind() == Ledger::KIND).map(Ledger::decode).expect("a ledger event")
}

/// Quantity sent by the events, 0 when nothing was.
fn sent(events: &[Event]) -> i64 {
    hedge(events).map_or(0, |hedge| hedge.quantity)
}

// ---- the trigger ---------------------------------------------------------------------------------

#[test]
fn plain_scenario_sells_and_its_mirror_buys_ten() {
    let events = Scenario::selling().decision();
    let hedge = hedge(&events).expect("a hedge");
    assert_eq!((hedge.quantity, hedge.exposure, hedge.band), (-10, 10 * CONTRACT, CONTRACT));
    assert_eq!((hedge.limit_price, hedge.order_id), (PRICE_REF - 128, 0));
    assert_eq!((events[0].bank_id(), events[0].flags() & FLAG_EXACT), (9, FLAG_EXACT));
    // The exposure's upper end is one unit above -10 contracts, so the tenth could overshoot.
    assert_eq!(Scenario::buying().sent(), 9);
}

#[test]
fn exposure_at_the_band_is_in_band_and_one_unit_beyond_is_not() {
    let band = |units: i64| Scenario::selling().with(|s| s.trigger.band_min = (10 * CONTRACT + units) as u64);
    assert_eq!(band(0).reason(), Reason::InBand);
    assert_eq!(band(-1).reason(), Reason::None);
    // Below the target the upper end of the exposure counts: it is one unit nearer.
    let band = |units: i64| Scenario::buying().with(|s| s.trigger.band_min = (10 * CONTRACT + units) as u64);
    assert_eq!(band(-1).reason(), Reason::InBand);
    assert_eq!(band(-2).reason(), Reason::None);
}

#[test]
fn cap_of_the_band_wins_over_its_floor() {
    let capped = |max: i64| {
        Scenario::selling().with(|s| (s.trigger.band_min, s.trigger.band_max) = (BAND_MAX, max as u64)).reason()
    };
    assert_eq!(capped(10 * CONTRACT), Reason::InBand);
    assert_eq!(capped(10 * CONTRACT - 1), Reason::None);
}

#[test]
fn factors_widen_the_band_of_their_own_side_only() {
    let wide = |s: &mut Scenario| {
        s.bank.band_factor = 5;
        s.trigger.band_scale_sell = 2 << 16;
    };
    assert_eq!(Scenario::selling().with(wide).reason(), Reason::InBand, "5 contracts times 2");
    assert_eq!(Scenario::buying().with(wide).reason(), Reason::None);
}

#[test]
fn error_bound_of_the_ladder_widens_the_floor_of_the_band() {
    let ladder = Scenario::selling().with(|s| s.exact_mode = false);
    let hedge = hedge(&ladder.decision()).expect("a hedge");
    // Eight ladder units of 2^-11 exposure unit floor to 0, and one for the floor itself.
    assert_eq!(hedge.band, CONTRACT + 1);
}

#[test]
fn exit_fraction_leaves_that_share_of_the_band() {
    let theta = |theta| Scenario::selling().with(|s| (s.trigger.theta, s.trigger.band_min) = (theta, 4 << 16)).sent();
    assert_eq!([theta(0), theta(1 << 15), theta(1 << 16)], [-10, -8, -6]);
}

#[test]
fn dust_is_kept_and_the_smallest_clip_is_sent() {
    let clip = |clip_min| Scenario::selling().with(|s| s.trigger.clip_min = clip_min);
    assert_eq!(clip(11).reason(), Reason::Dust);
    assert_eq!(clip(10).sent(), -10);
}

#[test]
fn dust_is_also_tested_after_the_largest_clip() {
    let clip = |clip_max| Scenario::selling().with(|s| (s.trigger.clip_min, s.trigger.clip_max) = (4, clip_max));
    assert_eq!(clip(3).reason(), Reason::Dust);
    assert_eq!(clip(4).sent(), -4);
}

#[test]
fn covered_when_open_orders_already_carry_the_exposure_back() {
    let scenario = Scenario::selling();
    let mut machine = scenario.machine();
    assert_eq!(sent(&machine.send(|h| scenario.quote.encode(h))), -10);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Covered);
    // Filled, the exposure is gone.
    update(&mut machine, code::ORDER_DONE, 0, 10);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::InBand);
}

#[test]
fn clips_follow_each_other_until_the_gap_is_covered() {
    let scenario = Scenario::selling().with(|s| s.trigger.clip_max = 4);
    let mut machine = scenario.machine();
    let mut quantities = vec![sent(&machine.send(|h| scenario.quote.encode(h)))];
    quantities.extend((0..3).map(|_| sent(&later(&mut machine, 1))));
    assert_eq!(quantities, [-4, -4, -2, 0]);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Covered);
}

#[test]
fn flip_waits_for_the_other_side_to_be_cancelled() {
    let scenario = Scenario::selling();
    let mut machine = scenario.machine();
    machine.send(|h| scenario.quote.encode(h));
    // A fill turns the exposure around while ten contracts are still on sale.
    let events = machine.trade(0, -10);
    assert_eq!(reason(&events), Reason::FlipCancelFirst);
    assert_eq!(Refused::decode(&events[0]).quantity, 9, "what is wanted is said");
    update(&mut machine, code::ORDER_UNKNOWN, 0, 0);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::FlipCancelFirst, "unknown is not cancelled");
    update(&mut machine, code::ORDER_DONE, 0, 0);
    assert_eq!(sent(&later(&mut machine, 1)), 9);
}

#[test]
fn trigger_speaks_before_the_gates() {
    let dusty = Scenario::selling().with(|s| (s.trigger.clip_min, s.actions) = (11, vec![code::DISARM]));
    assert_eq!(dusty.reason(), Reason::Dust);
    let calm = Scenario::selling().with(|s| (s.lots, s.actions) = (0, vec![code::KILL]));
    assert_eq!(calm.reason(), Reason::InBand);
}

// ---- gates of state ------------------------------------------------------------------------------

#[test]
fn killed_stops_every_underlying_and_clearing_leaves_all_disarmed() {
    let scenario = Scenario::selling().with(|s| s.actions = vec![code::ARM, code::KILL]);
    let mut machine = scenario.machine();
    assert_eq!(reason(&machine.send(|h| scenario.quote.encode(h))), Reason::Killed);
    // From any underlying, configured or not.
    machine.underlying = 1;
    machine.must(|h| Control { action: code::CLEAR_KILL }.encode(h));
    machine.underlying = 0;
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Disarmed);
    machine.must(|h| Control { action: code::ARM }.encode(h));
    assert_eq!(sent(&later(&mut machine, 1)), -10);
}

#[test]
fn disarmed_sends_nothing_until_armed() {
    assert_eq!(Scenario::selling().with(|s| s.actions = vec![]).reason(), Reason::Disarmed);
    assert_eq!(Scenario::selling().with(|s| s.actions = vec![code::ARM, code::DISARM]).reason(), Reason::Disarmed);
    assert_eq!(Scenario::selling().with(|s| s.actions = vec![code::ARM]).reason(), Reason::None);
}

#[test]
fn halted_sends_nothing_until_normal() {
    assert_eq!(Scenario::selling().with(|s| s.actions.push(code::HALT)).reason(), Reason::Halted);
    assert_eq!(Scenario::selling().with(|s| s.actions.extend([code::HALT, code::NORMAL])).reason(), Reason::None);
}

#[test]
fn reduce_only_lets_through_what_makes_the_position_smaller() {
    let reduce = |lots, position| {
        let reduced =
            |s: &mut Scenario| (s.lots, s.position, s.actions) = (lots, position, vec![code::ARM, code::REDUCE_ONLY]);
        Scenario::selling().with(reduced)
    };
    assert_eq!(reduce(10, 0).reason(), Reason::ReduceOnly);
    assert_eq!(reduce(12, -2).reason(), Reason::ReduceOnly);
    assert_eq!(reduce(0, 10).sent(), -10);
    assert_eq!(reduce(9, 1).sent(), -1, "not through zero");
    assert_eq!(reduce(0, -10).sent(), 9);
}

#[test]
fn degraded_oracle_is_reduce_only() {
    let degraded = |lots, position| {
        let change = |s: &mut Scenario| (s.lots, s.position, s.status.oracle) = (lots, position, code::ORACLE_DEGRADED);
        Scenario::selling().with(change)
    };
    assert_eq!(degraded(10, 0).reason(), Reason::ReduceOnly);
    assert_eq!(degraded(0, 10).sent(), -10);
}

#[test]
fn unreconciled_position_stops_hedging() {
    let scenario = Scenario::selling().with(|s| s.is_reconciled = false);
    let mut machine = scenario.machine();
    assert_eq!(reason(&machine.send(|h| scenario.quote.encode(h))), Reason::NotReconciled);
    machine.must(|h| Reconcile { position: 0, hedge_coin: 0 }.encode(h));
    assert_eq!(sent(&later(&mut machine, 1)), -10);
}

#[test]
fn quantity_beyond_the_scale_is_booked_with_a_fault_and_stops_hedging_until_the_next_bank() {
    let scenario = Scenario::selling();
    let mut machine = scenario.machine();
    machine.send(|h| scenario.quote.encode(h));
    // A lot weighs 2^20, and a weight stays below 2^31.
    let fits = machine.trade(1, 2_047);
    assert!(fits.iter().all(|event| event.kind() != Fault::KIND));
    let events = machine.trade(1, 2_048);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::WeightRange));
    assert_eq!(Fault::decode(&events[0]), Fault { detail: 1, value: 2_048 });
    for order_id in 0..2 {
        update(&mut machine, code::ORDER_DONE, order_id, 0);
    }
    assert_eq!(reason(&later(&mut machine, 1)), Reason::WeightRange);
    let fits = machine.trade(1, 5);
    assert!(
        fits.iter().all(|event| event.kind() != Fault::KIND),
        "a fault names the trade that does not fit, no other"
    );
    assert_eq!(reason(&later(&mut machine, 1)), Reason::WeightRange, "only a new bank cures it");
    let rebuilt = Scenario { lots: 15, ..scenario };
    machine.must(|h| rebuilt.bank.encode(h));
    for slot in 0..64 {
        let row_kind = if slot < 2 { code::CONSTANT } else { code::EMPTY };
        let row = WriteRow { slot, row_kind, group: code::GROUP_LINEAR, omega_delta: 1 << 20, ..WriteRow::default() };
        machine.must(|h| row.encode(h));
    }
    machine.must(|h| Build { centre: PRICE_REF, intervals: 8, step_shift: 12 }.encode(h));
    machine.must(|h| Swap {}.encode(h));
    assert_eq!(sent(&later(&mut machine, 1)), -15, "both rows count, the fill was not lost");
}

#[test]
fn target_beyond_the_scale_stops_hedging() {
    // kd = 40: a coin amount is shifted left by 15 into ladder units, which have 61 bits.
    let target = |target| {
        Scenario::selling().with(|s| {
            (s.bank.delta_bits, s.bank.gamma_bits, s.target) = (40, 40, target);
        })
    };
    assert_eq!(target(1 << 46).reason(), Reason::CoinRange);
    assert_eq!(target((1 << 46) - 1).reason(), Reason::None);
}

// ---- gates of age --------------------------------------------------------------------------------

#[test]
fn quote_may_be_as_old_as_its_limit_and_no_older() {
    let aged = |age_ns: u64| {
        Scenario::selling().with(|s| (s.price.quote_age_max_ns, s.quote.feed_ns) = (500, START_NS - age_ns)).reason()
    };
    assert_eq!(aged(501), Reason::QuoteStale);
    assert_eq!(aged(500), Reason::None);
    // Nor as far in the future: then the clocks disagree, and age means nothing.
    let ahead = |ns: u64| {
        Scenario::selling().with(|s| (s.price.quote_age_max_ns, s.quote.feed_ns) = (500, START_NS + ns)).reason()
    };
    assert_eq!(ahead(501), Reason::QuoteStale);
    assert_eq!(ahead(500), Reason::None);
}

#[test]
fn rows_may_be_hedged_on_up_to_their_time_and_not_after() {
    let valid = |until_ns| Scenario::selling().with(|s| s.bank.valid_until_ns = until_ns).reason();
    assert_eq!(valid(START_NS - 1), Reason::RowsStale);
    assert_eq!(valid(START_NS), Reason::None);
}

// ---- gates of the book ---------------------------------------------------------------------------

#[test]
fn untrusted_book_is_not_traded_against() {
    assert_eq!(Scenario::selling().with(|s| s.quote.flags = code::QUOTE_UNTRUSTED).reason(), Reason::BookUntrusted);
    assert_eq!(Scenario::selling().with(|s| s.quote.flags = code::WANT_RISK).reason(), Reason::None);
}

#[test]
fn one_sided_book_is_not_traded_against_whichever_side_is_missing() {
    assert_eq!(Scenario::selling().with(|s| s.quote.ask = 0).reason(), Reason::OneSided);
    assert_eq!(Scenario::selling().with(|s| s.quote.bid = 0).reason(), Reason::OneSided);
}

#[test]
fn spread_may_be_as_wide_as_its_limit_and_no_wider() {
    // Five basis points of 30,000,000 are 15,000.
    let wide = |width: u32| {
        Scenario::selling()
            .with(|s| {
                s.price.width_max_bp = 5;
                (s.quote.bid, s.quote.ask) = (30_000_000, 30_000_000 + width);
            })
            .reason()
    };
    assert_eq!(wide(15_001), Reason::Wide);
    assert_eq!(wide(15_000), Reason::None);
}

#[test]
fn size_at_the_touch_that_is_hit_counts() {
    let thin = |scenario: Scenario, bid_size, ask_size| {
        scenario.with(|s| (s.price.size_min, s.quote.bid_size, s.quote.ask_size) = (7, bid_size, ask_size)).reason()
    };
    assert_eq!(thin(Scenario::selling(), 6, 7), Reason::Thin);
    assert_eq!(thin(Scenario::selling(), 7, 0), Reason::None);
    assert_eq!(thin(Scenario::buying(), 7, 6), Reason::Thin);
    assert_eq!(thin(Scenario::buying(), 0, 7), Reason::None);
}

#[test]
fn rejected_oracle_stops_hedging() {
    assert_eq!(Scenario::selling().with(|s| s.status.oracle = code::ORACLE_REJECTED).reason(), Reason::OracleRejected);
    assert_eq!(Scenario::selling().with(|s| s.status.oracle = code::ORACLE_GOOD).reason(), Reason::None);
}

#[test]
fn limit_price_stays_in_the_collar_around_the_reference() {
    // Ten basis points of 30,000,000 are 30,000.
    let collar = |scenario: Scenario, cross| {
        let change = |s: &mut Scenario| {
            (s.price.collar_bp, s.price.cross) = (10, cross);
            (s.quote.bid, s.quote.hedge_price, s.quote.ask) = (29_999_000, 30_000_000, 30_001_000);
        };
        scenario.with(change).reason()
    };
    assert_eq!(collar(Scenario::selling(), 29_001), Reason::CollarReference);
    assert_eq!(collar(Scenario::selling(), 29_000), Reason::None);
    assert_eq!(collar(Scenario::buying(), 29_001), Reason::CollarReference);
    assert_eq!(collar(Scenario::buying(), 29_000), Reason::None);
}

#[test]
fn limit_price_stays_in_the_collar_around_the_last_trade_if_there_was_one() {
    let collar = |last_trade| {
        let change = |s: &mut Scenario| {
            s.price.collar_last_bp = 10;
            (s.quote.bid, s.quote.last_trade) = (29_970_000, last_trade);
        };
        Scenario::selling().with(change).reason()
    };
    assert_eq!(collar(30_000_001), Reason::CollarLast);
    assert_eq!(collar(30_000_000), Reason::None);
    assert_eq!(collar(0), Reason::None);
}

// ---- gates of size -------------------------------------------------------------------------------

#[test]
fn order_may_be_as_large_as_its_limit_and_no_larger() {
    let order = |order_max| Scenario::selling().with(|s| s.size.order_max = order_max).reason();
    assert_eq!(order(9), Reason::OrderQuantity);
    assert_eq!(order(10), Reason::None);
}

#[test]
fn notional_of_a_linear_hedge_is_contracts_times_price() {
    let most = 10 * u64::from(PRICE_REF);
    let notional = |notional_max| Scenario::selling().with(|s| s.size.notional_max = notional_max).reason();
    assert_eq!(notional(most - 1), Reason::OrderNotional);
    assert_eq!(notional(most), Reason::None);
}

#[test]
fn notional_of_an_inverse_hedge_is_contracts() {
    let notional = |notional_max| {
        let change = |s: &mut Scenario| {
            // price 2^24.9 times 2^31 over 2^24 is 2^31.9: 2^43 makes ten coins about 9.3 contracts.
            (s.bank.hedge_kind, s.bank.contract_shift, s.size.notional_max) = (code::HEDGE_INVERSE, 43, notional_max);
        };
        Scenario::selling().with(change)
    };
    let wanted = notional(u64::MAX).sent().unsigned_abs();
    assert!(wanted > 1);
    assert_eq!(notional(wanted - 1).reason(), Reason::OrderNotional);
    assert_eq!(notional(wanted).reason(), Reason::None);
}

#[test]
fn worst_case_position_clips_and_then_refuses() {
    let net = |position_max, clip_min| {
        Scenario::selling().with(|s| (s.size.position_max, s.trigger.clip_min) = (position_max, clip_min))
    };
    assert_eq!(net(4, 4).sent(), -4);
    assert_eq!(net(3, 4).reason(), Reason::PositionNet);
    assert_eq!(net(0, 1).reason(), Reason::PositionNet);
    // A long position leaves more room to sell, and less to buy.
    assert_eq!(net(4, 1).with(|s| (s.lots, s.position) = (6, 4)).sent(), -8);
    assert_eq!(net(4, 1).with(|s| (s.lots, s.position) = (-14, 4)).reason(), Reason::PositionNet);
}

#[test]
fn gross_position_clips_and_then_refuses() {
    let gross = |gross_max, clip_min| {
        Scenario::selling().with(|s| (s.size.gross_max, s.trigger.clip_min) = (gross_max, clip_min))
    };
    assert_eq!(gross(4, 4).sent(), -4);
    assert_eq!(gross(3, 4).reason(), Reason::PositionGross);
    assert_eq!(gross(9, 1).with(|s| (s.lots, s.position) = (16, -6)).sent(), -3);
}

#[test]
fn open_orders_may_be_as_many_as_their_limit() {
    let open = |open_orders_max| Scenario::selling().with(|s| s.rate.open_orders_max = open_orders_max).reason();
    assert_eq!(open(0), Reason::OpenOrders);
    assert_eq!(open(1), Reason::None);
}

#[test]
fn ledger_holds_sixteen_orders_and_reuses_the_slots_of_those_that_are_done() {
    let scenario = Scenario::selling().with(|s| (s.lots, s.trigger.clip_max) = (100, 1));
    let mut machine = scenario.machine();
    assert_eq!(sent(&machine.send(|h| scenario.quote.encode(h))), -1);
    for _ in 1..16 {
        assert_eq!(sent(&later(&mut machine, 1)), -1);
    }
    assert_eq!(reason(&later(&mut machine, 1)), Reason::OpenOrders);
    // The next id, 16, wants the slot of order 0, whoever else is done.
    update(&mut machine, code::ORDER_DONE, 5, 0);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::OpenOrders);
    update(&mut machine, code::ORDER_DONE, 0, 1);
    let events = later(&mut machine, 1);
    assert_eq!(hedge(&events).map(|hedge| hedge.order_id), Some(16));
}

// ---- gates of pace -------------------------------------------------------------------------------

/// A scenario of clips of four, after the first has gone out.
fn after_first_clip(change: impl FnOnce(&mut Scenario)) -> Machine {
    let scenario = Scenario::selling().with(|s| (s.lots, s.trigger.clip_max) = (100, 4)).with(change);
    let mut machine = scenario.machine();
    assert_eq!(sent(&machine.send(|h| scenario.quote.encode(h))), -4);
    machine
}

#[test]
fn message_budget_refills_with_time() {
    let limited = |burst_ns: u64| {
        after_first_clip(|s| {
            (s.rate.order_interval_ns, s.rate.order_burst_ns) = (1_000, burst_ns);
        })
    };
    let mut machine = limited(0);
    assert_eq!(reason(&later(&mut machine, 999)), Reason::MessageRate);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    let mut machine = limited(1_000);
    assert_eq!(sent(&later(&mut machine, 0)), -4, "one more was saved up");
    assert_eq!(reason(&later(&mut machine, 999)), Reason::MessageRate);
}

#[test]
fn duplicate_is_stopped_within_its_window_and_not_after() {
    let mut machine = after_first_clip(|s| s.price.duplicate_window_ns = 1_000);
    assert_eq!(reason(&later(&mut machine, 999)), Reason::Duplicate);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
}

#[test]
fn second_clip_of_the_same_size_is_no_duplicate_once_the_first_is_acknowledged() {
    let mut machine = after_first_clip(|s| s.price.duplicate_window_ns = 1_000);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Duplicate);
    update(&mut machine, code::ORDER_OPEN, 0, 0);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Duplicate, "the second is not acknowledged yet");
}

#[test]
fn what_is_said_twice_does_not_open_the_gate_for_duplicates() {
    let mut machine = after_first_clip(|s| s.price.duplicate_window_ns = 1_000);
    assert_eq!(sent(&machine.trade(0, 101)), -4, "a fill of ours is news");
    assert_eq!(reason(&machine.trade(0, 101)), Reason::Duplicate, "the same fill again is not");
    update(&mut machine, code::ORDER_OPEN, 1, 0);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    update(&mut machine, code::ORDER_OPEN, 1, 0);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Duplicate);
}

#[test]
fn order_at_another_price_or_of_another_size_is_no_duplicate() {
    let mut machine = after_first_clip(|s| s.price.duplicate_window_ns = 1_000);
    let moved = Quote { bid: PRICE_REF - 129, feed_seq: 2, ..quote(PRICE_REF, 2, START_NS) };
    assert_eq!(sent(&machine.must(|h| moved.encode(h))), -4);
    let trigger = SetTrigger { clip_max: 5, ..Scenario::selling().trigger };
    machine.must(|h| trigger.encode(h));
    assert_eq!(sent(&later(&mut machine, 0)), -5);
}

#[test]
fn hedges_per_minute_are_counted_from_the_first() {
    let mut machine = after_first_clip(|s| s.rate.hedges_per_minute = 2);
    assert_eq!(sent(&later(&mut machine, 10)), -4);
    assert_eq!(reason(&later(&mut machine, 59_999_999_989)), Reason::HedgeRate);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    assert_eq!(Scenario::selling().with(|s| s.rate.hedges_per_minute = 0).reason(), Reason::HedgeRate);
}

#[test]
fn attempts_without_a_fill_are_limited_and_a_fill_starts_them_again() {
    let mut machine = after_first_clip(|s| s.rate.attempts_max = 1);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Attempts);
    update(&mut machine, code::ORDER_DONE, 0, 0);
    assert_eq!(reason(&later(&mut machine, 1)), Reason::Attempts, "a rejection is no fill");
    let mut machine = after_first_clip(|s| s.rate.attempts_max = 1);
    update(&mut machine, code::ORDER_OPEN, 0, 1);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
}

#[test]
fn attempts_start_again_once_the_exposure_has_been_in_its_band() {
    let mut machine = after_first_clip(|s| s.rate.attempts_max = 1);
    assert_eq!(reason(&machine.trade(0, 0)), Reason::InBand);
    assert_eq!(sent(&machine.trade(0, 100)), -4);
}

#[test]
fn session_cost_stops_hedging_when_it_reaches_its_limit() {
    let costing = |cost| {
        let mut machine = after_first_clip(|s| s.rate.loss_max = 50);
        machine.must(|h| OrderUpdate { status: code::ORDER_DONE, order_id: 0, filled: 4, coin: 0, cost }.encode(h));
        reason(&later(&mut machine, 1))
    };
    assert_eq!(costing(50), Reason::LossLimit);
    assert_eq!(costing(49), Reason::None);
}

#[test]
fn session_cost_survives_a_reconciliation() {
    let mut machine = after_first_clip(|s| s.rate.loss_max = 50);
    machine.must(|h| OrderUpdate { status: code::ORDER_DONE, order_id: 0, filled: 4, coin: 0, cost: 50 }.encode(h));
    machine.must(|h| Reconcile { position: -4, hedge_coin: 0 }.encode(h));
    assert_eq!(reason(&later(&mut machine, 1)), Reason::LossLimit);
}

#[test]
fn cool_down_keeps_hedges_apart() {
    let mut machine = after_first_clip(|s| s.price.cool_down_ns = 1_000);
    assert_eq!(reason(&later(&mut machine, 999)), Reason::CoolDown);
    assert_eq!(sent(&later(&mut machine, 1)), -4);
}

#[test]
fn urgent_hedge_does_not_wait_for_the_cool_down() {
    // 100 lots with 4 on sale: 96 contracts at worst.
    let cooling = |emergency: i64| {
        let mut machine = after_first_clip(|s| {
            (s.price.cool_down_ns, s.size.band_emergency) = (1_000, (emergency * CONTRACT) as u64);
        });
        later(&mut machine, 1)
    };
    assert_eq!(reason(&cooling(96)), Reason::CoolDown);
    let urgent = cooling(95);
    assert_eq!((sent(&urgent), urgent[0].flags() & FLAG_URGENT), (-4, FLAG_URGENT));
}

#[test]
fn urgent_hedge_passes_no_other_gate() {
    for (expected, close) in closed_gates() {
        if expected != Reason::CoolDown {
            let urgent = |s: &mut Scenario| s.size.band_emergency = 0;
            assert_eq!(reason(&second_decision(&[close, urgent])), expected, "{}", expected.name());
        }
    }
}

#[test]
fn margin_clips_and_then_refuses_on_its_own_side() {
    let margin = |margin_sell, clip_min| {
        Scenario::selling().with(|s| {
            (s.status.margin_sell, s.status.margin_buy, s.trigger.clip_min) = (margin_sell, 0, clip_min);
        })
    };
    assert_eq!(margin(3, 3).sent(), -3);
    assert_eq!(margin(2, 3).reason(), Reason::Margin);
    let buying = Scenario::buying().with(|s| (s.status.margin_sell, s.status.margin_buy) = (0, 3));
    assert_eq!(buying.sent(), 3);
}

#[test]
fn order_does_not_trade_with_our_own() {
    let bid = |own_bid| Scenario::selling().with(|s| s.status.own_bid = own_bid).reason();
    assert_eq!(bid(PRICE_REF - 128), Reason::SelfMatch);
    assert_eq!(bid(PRICE_REF - 129), Reason::None);
    let ask = |own_ask| Scenario::buying().with(|s| s.status.own_ask = own_ask).reason();
    assert_eq!(ask(PRICE_REF + 128), Reason::SelfMatch);
    assert_eq!(ask(PRICE_REF + 129), Reason::None);
    assert_eq!(ask(0), Reason::None);
}

#[test]
fn restricted_instrument_is_not_traded() {
    assert_eq!(Scenario::selling().with(|s| s.status.restricted = 1).reason(), Reason::Restricted);
    assert_eq!(Scenario::selling().with(|s| s.status.restricted = 0).reason(), Reason::None);
}

// ---- the order of the gates ----------------------------------------------------------------------

type Close = fn(&mut Scenario);

/// Every gate with what closes it on the second clip, in the order in which they are asked.
fn closed_gates() -> Vec<(Reason, Close)> {
    vec![
        (Reason::Killed, |s| s.actions.push(code::KILL)),
        (Reason::Disarmed, |s| s.actions.push(code::DISARM)),
        (Reason::Halted, |s| s.actions.push(code::HALT)),
        (Reason::ReduceOnly, |s| s.status.oracle = s.status.oracle.max(code::ORACLE_DEGRADED)),
        (Reason::NotReconciled, |s| s.is_reconciled = false),
        (Reason::QuoteStale, |s| s.quote.feed_ns = 0),
        (Reason::RowsStale, |s| s.bank.valid_until_ns = START_NS),
        (Reason::BookUntrusted, |s| s.quote.flags |= code::QUOTE_UNTRUSTED),
        (Reason::OneSided, |s| s.quote.ask = 0),
        (Reason::Wide, |s| s.price.width_max_bp = 0),
        (Reason::Thin, |s| s.price.size_min = u32::MAX),
        (Reason::OracleRejected, |s| s.status.oracle = code::ORACLE_REJECTED),
        (Reason::CollarReference, |s| s.price.collar_bp = 0),
        (Reason::CollarLast, |s| s.quote.last_trade = 1),
        (Reason::OrderQuantity, |s| s.size.order_max = 0),
        (Reason::OrderNotional, |s| s.size.notional_max = 0),
        (Reason::PositionNet, |s| s.size.position_max = 5),
        (Reason::PositionGross, |s| s.size.gross_max = 5),
        (Reason::OpenOrders, |s| s.rate.open_orders_max = 1),
        (Reason::MessageRate, |s| s.rate.order_burst_ns = 0),
        (Reason::Duplicate, |s| s.price.duplicate_window_ns = 1_000),
        (Reason::HedgeRate, |s| s.rate.hedges_per_minute = 1),
        (Reason::Attempts, |s| s.rate.attempts_max = 1),
        (Reason::LossLimit, |s| s.rate.loss_max = 0),
        (Reason::CoolDown, |s| s.price.cool_down_ns = 1_000),
        (Reason::Margin, |s| s.status.margin_sell = 2),
        (Reason::SelfMatch, |s| s.status.own_bid = u32::MAX),
        (Reason::Restricted, |s| s.status.restricted = 1),
    ]
}

/// The decision on a second clip of three, with gates closed after the first.
fn second_decision(close: &[Close]) -> Vec<Event> {
    let open = Scenario::selling().with(|s| {
        (s.lots, s.trigger.clip_min, s.trigger.clip_max) = (100, 3, 3);
        (s.rate.order_interval_ns, s.price.quote_age_max_ns, s.size.band_emergency) = (1_000, 1_000, BAND_MAX);
        s.quote.bid_size = u32::MAX - 1;
    });
    let mut closed = open.clone();
    close.iter().for_each(|close| close(&mut closed));
    let opening = Scenario { bank: closed.bank, ..open };
    let mut machine = opening.machine();
    assert_eq!(sent(&machine.must(|h| opening.quote.encode(h))), -3);
    closed.settle(&mut machine);
    if !closed.is_reconciled {
        update(&mut machine, code::ORDER_OPEN, 99, 0);
    }
    machine.now_ns += 1;
    let again = Quote { feed_seq: 2, ..closed.quote };
    machine.must(|h| again.encode(h))
}

#[test]
fn of_two_closed_gates_the_earlier_is_the_reason() {
    assert_eq!(sent(&second_decision(&[])), -3);
    let gates = closed_gates();
    for (i, &(first, close_first)) in gates.iter().enumerate() {
        assert_eq!(reason(&second_decision(&[close_first])), first, "{} alone", first.name());
        for &(second, close_second) in &gates[i + 1..] {
            let both = second_decision(&[close_first, close_second]);
            // A rejected oracle is not a degraded one: it does not make the underlying reduce only.
            // And an order that margin clips is another order than the one before.
            let expected = match (first, second) {
                (Reason::ReduceOnly, Reason::OracleRejected) => Reason::OracleRejected,
                (Reason::Duplicate, Reason::Margin) => Reason::Margin,
                _ => first,
            };
            assert_eq!(reason(&both), expected, "{} and {}", first.name(), second.name());
        }
    }
}

#[test]
fn gates_stand_in_the_order_of_their_codes() {
    let mut codes: Vec<u8> = closed_gates().iter().map(|gate| gate.0 as u8).collect();
    let before = codes.clone();
    codes.sort_unstable();
    assert_eq!(codes, before);
    // Weight and coin range have tests of their own: nothing else can be asked of such a bank.
    let gates = Reason::ALL.iter().filter(|&&r| r >= Reason::Killed && r < Reason::BadVersion).count();
    assert_eq!(codes.len() + 2, gates);
}

// ---- before the trigger --------------------------------------------------------------------------

#[test]
fn no_rows_before_the_first_swap_and_no_quote_before_the_first_quote() {
    let mut machine = Machine::new(Sizes { underlyings: 1, rows: 64, intervals: 8 }, Form::best());
    machine.set_up(false);
    assert_eq!(reason(&machine.quote(PRICE_REF)), Reason::NoRows);
    let scenario = Scenario::selling();
    assert_eq!(reason(&later(&mut scenario.machine(), 1)), Reason::NoQuote);
}

#[test]
fn price_beyond_the_reach_of_the_rows_is_refused_and_the_last_one_within_is_not() {
    // |ln(p / ref)| may be 0.49: 0.61263 and 1.63231 of the reference.
    let at = |price: u32| Scenario::selling().with(|s| s.quote.price = price).reason();
    let edge = |factor: f64| (f64::from(PRICE_REF) * factor) as u32;
    assert_eq!(at(edge(1.632_32)), Reason::RefTooFar);
    assert_eq!(at(edge(1.632_31)), Reason::None);
    assert_eq!(at(edge(0.612_62)), Reason::RefTooFar);
    assert_eq!(at(edge(0.612_64)), Reason::None);
}

#[test]
fn exposure_beyond_its_format_is_refused() {
    // A coin is 2^27 ladder units, times 2^39: 2^66 over 2^shift; ten of them need 3.4 bits more.
    let shift = |contract_shift| Scenario::selling().with(|s| s.bank.contract_shift = contract_shift).reason();
    assert_eq!(shift(14), Reason::ExposureRange);
    assert_ne!(shift(15), Reason::ExposureRange);
}

// ---- the ledger ----------------------------------------------------------------------------------

#[test]
fn the_same_trade_twice_counts_once() {
    let scenario = Scenario::selling().with(|s| s.actions = vec![]);
    let mut machine = scenario.machine();
    machine.must(|h| scenario.quote.encode(h));
    let first = machine.trade(0, 25);
    let second = machine.trade(0, 25);
    assert_eq!(exposure(&first), 25 * CONTRACT);
    assert_eq!(exposure(&second), 25 * CONTRACT);
}

#[test]
fn the_same_order_update_twice_counts_once() {
    let mut machine = after_first_clip(|_| ());
    let fill = OrderUpdate { status: code::ORDER_OPEN, order_id: 0, filled: 3, coin: 7, cost: 5 };
    let first = machine.must(|h| fill.encode(h));
    let second = machine.must(|h| fill.encode(h));
    assert_eq!(ledger(&first), ledger(&second));
    assert_eq!((ledger(&first).position, ledger(&first).open_sell, ledger(&first).coin), (-3, 1, 7));
}

#[test]
fn fill_that_takes_back_an_earlier_one_is_stale() {
    let mut machine = after_first_clip(|_| ());
    update(&mut machine, code::ORDER_OPEN, 0, 3);
    assert_eq!(reason(&update(&mut machine, code::ORDER_OPEN, 0, 2)), Reason::StaleUpdate);
    assert_eq!(ledger(&update(&mut machine, code::ORDER_OPEN, 0, 3)).position, -3);
}

#[test]
fn late_fill_of_an_order_reported_done_is_booked_with_a_fault() {
    let mut machine = after_first_clip(|_| ());
    update(&mut machine, code::ORDER_DONE, 0, 1);
    let events = update(&mut machine, code::ORDER_DONE, 0, 3);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::LateFill));
    assert_eq!((ledger(&events).position, ledger(&events).open_sell), (-3, 0));
    // Done stays done, whatever a late acknowledgement says.
    assert_eq!(ledger(&update(&mut machine, code::ORDER_OPEN, 0, 3)).open_sell, 0);
}

#[test]
fn overfill_is_booked_with_a_fault_and_ends_the_reconciliation() {
    let mut machine = after_first_clip(|_| ());
    let events = update(&mut machine, code::ORDER_OPEN, 0, 5);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::Overfill));
    assert_eq!(Fault::decode(&events[0]), Fault { detail: 0, value: 5 });
    assert_eq!((ledger(&events).position, ledger(&events).open_sell), (-5, 0));
    assert_eq!(reason(&later(&mut machine, 1)), Reason::NotReconciled);
}

#[test]
fn update_of_an_order_that_the_ledger_does_not_hold_ends_the_reconciliation() {
    let mut machine = after_first_clip(|_| ());
    let events = update(&mut machine, code::ORDER_DONE, 16, 2);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::UnknownOrder));
    assert_eq!((ledger(&events).position, ledger(&events).open_sell), (0, 4));
    assert_eq!(reason(&later(&mut machine, 1)), Reason::NotReconciled);
    machine.must(|h| Reconcile { position: 2, hedge_coin: 0 }.encode(h));
    assert_eq!(reason(&update(&mut machine, code::ORDER_DONE, 0, 4)), Reason::UnknownOrder, "forgotten with it");
}

#[test]
fn unknown_orders_count_in_full_and_may_come_back() {
    let mut machine = after_first_clip(|_| ());
    let lost = ledger(&update(&mut machine, code::ORDER_UNKNOWN, 0, 1));
    assert_eq!((lost.position, lost.open_sell, lost.unknown_sell), (-1, 0, 3));
    let found = ledger(&update(&mut machine, code::ORDER_OPEN, 0, 1));
    assert_eq!((found.position, found.open_sell, found.unknown_sell), (-1, 3, 0));
}

#[test]
fn reconciliation_takes_the_venues_word_and_closes_every_order() {
    let mut machine = after_first_clip(|_| ());
    let set = ledger(&machine.must(|h| Reconcile { position: -7, hedge_coin: 3 }.encode(h)));
    assert_eq!((set.position, set.coin, set.open_sell), (-7, 3, 0));
    assert_eq!(exposure(&later(&mut machine, 1)), 93 * CONTRACT);
}

#[test]
fn coin_total_that_sums_up_to_the_smallest_integer_is_not_booked() {
    // Found by reading: the sum passes the checked addition, and its absolute value does not exist.
    let limit = (1i64 << COIN_MAGNITUDE_BITS) - 1;
    let mut machine = after_first_clip(|_| ());
    assert_eq!(sent(&later(&mut machine, 1)), -4);
    machine.must(|h| Reconcile { position: 0, hedge_coin: -limit }.encode(h));
    for _ in 0..2 {
        assert_eq!(sent(&later(&mut machine, 1)), -4);
    }
    let book = |machine: &mut Machine, order_id, coin, cost| {
        machine.send(|h| OrderUpdate { status: code::ORDER_OPEN, order_id, filled: 0, coin, cost }.encode(h))
    };
    assert_eq!(ledger(&book(&mut machine, 2, limit, 0)).coin, 0);
    assert_eq!(ledger(&book(&mut machine, 3, -limit, 0)).coin, -limit);
    let events = book(&mut machine, 2, -2, 0);
    assert_eq!((events[0].kind(), reason(&events)), (Fault::KIND, Reason::LedgerRange));
    assert_eq!(ledger(&events).coin, -limit);
}

#[test]
fn cash_counts_in_usd_numeraire_only() {
    let exposed = |numeraire| {
        let scenario = Scenario::selling().with(|s| (s.bank.numeraire, s.actions) = (numeraire, vec![]));
        let mut machine = scenario.machine();
        machine.must(|h| scenario.quote.encode(h));
        exposure(&machine.must(|h| Trade { slot: 0, quantity: 10, cash: 3 * COIN }.encode(h)))
    };
    assert_eq!(exposed(code::NUMERAIRE_COIN), 10 * CONTRACT);
    assert_eq!(exposed(code::NUMERAIRE_USD), 13 * CONTRACT);
}

#[test]
fn filled_inverse_hedges_in_usd_numeraire_count_by_their_coin_and_not_as_contracts() {
    let change = |s: &mut Scenario| {
        (s.bank.numeraire, s.bank.hedge_kind, s.bank.contract_shift) = (code::NUMERAIRE_USD, code::HEDGE_INVERSE, 43);
        s.actions = vec![];
    };
    let scenario = Scenario::selling().with(change);
    let mut machine = scenario.machine();
    let before = exposure(&machine.must(|h| scenario.quote.encode(h)));
    machine.must(|h| Reconcile { position: 1_000, hedge_coin: 0 }.encode(h));
    assert_eq!(exposure(&later(&mut machine, 1)), before);
    machine.must(|h| Reconcile { position: 0, hedge_coin: -10 * COIN }.encode(h));
    assert_eq!(exposure(&later(&mut machine, 1)), 0);
}

// ---- refused commands ----------------------------------------------------------------------------

/// A machine that hedges, for commands to be tried on.
fn ready() -> Machine {
    Scenario::selling().machine()
}

/// Reason of one command on a machine that hedges.
fn tried(encode: impl FnOnce(Header) -> Command) -> Reason {
    reason(&ready().send(encode))
}

#[test]
fn another_version_is_refused_and_uses_no_number_up() {
    let mut machine = ready();
    let next = machine.kernel.next_command_seq();
    for version in [0, VERSION + 1, u8::MAX] {
        let bent = |h| {
            let mut command = Time { flags: 0 }.encode(h);
            command.0[1] = version;
            command
        };
        assert_eq!(reason(&machine.send(bent)), Reason::BadVersion);
    }
    assert_eq!(machine.kernel.next_command_seq(), next);
}

#[test]
fn only_the_successor_is_accepted_and_a_refused_number_is_not_used_up() {
    let mut machine = ready();
    let next = machine.kernel.next_command_seq();
    for seq in [0, next - 1, next + 1, u64::MAX] {
        assert_eq!(reason(&machine.send(|h| Time { flags: 0 }.encode(h).with_seq(seq))), Reason::BadSequence);
        assert_eq!(machine.kernel.next_command_seq(), next);
    }
    machine.must(|h| Time { flags: 0 }.encode(h));
    assert_eq!(machine.kernel.next_command_seq(), next + 1);
}

#[test]
fn time_may_stand_still_and_not_go_back() {
    let mut machine = ready();
    machine.must(|h| Time { flags: 0 }.encode(h));
    assert_eq!(
        reason(&machine.send(|h| Time { flags: 0 }.encode(Header { now_ns: START_NS - 1, ..h }))),
        Reason::TimeBackwards
    );
    machine.must(|h| Time { flags: 0 }.encode(h));
}

#[test]
fn kinds_between_the_known_ones_are_refused() {
    for kind in [0, 10, 15, 20, 31, 36, u8::MAX] {
        let bent = |h| {
            let mut command = Time { flags: 0 }.encode(h);
            command.0[0] = kind;
            command
        };
        assert_eq!(tried(bent), Reason::BadKind, "kind {kind}");
    }
}

#[test]
fn every_reserved_bit_of_every_command_is_refused() {
    let mut machine = ready();
    for layout in hedgewire_abi::command::LAYOUTS {
        let reserved = layout.reserved_words();
        for bit in (0..512).filter(|bit| reserved[bit / 64] >> (bit % 64) & 1 == 1) {
            let bent = |h| {
                let mut command = Time { flags: 0 }.encode(h);
                command.0[0] = layout.kind;
                command.0[bit / 8] |= 1 << (bit % 8);
                command
            };
            assert_eq!(reason(&machine.send(bent)), Reason::ReservedBits, "{} bit {bit}", layout.name);
        }
    }
}

#[test]
fn underlying_must_exist_and_be_configured() {
    let mut machine = ready();
    for underlying in [1, 2, u8::MAX] {
        machine.underlying = underlying;
        assert_eq!(reason(&machine.send(|h| Time { flags: 0 }.encode(h))), Reason::BadUnderlying);
    }
    machine.underlying = 2;
    let set = Configure { first_slot: 64, slot_count: 64, exact_mode: 0 };
    assert_eq!(reason(&machine.send(|h| set.encode(h))), Reason::BadUnderlying);
    machine.underlying = 1;
    machine.must(|h| set.encode(h));
    machine.must(|h| SetTarget::default().encode(h));
}

#[test]
fn configure_wants_whole_blocks_of_slots_that_nobody_has() {
    let configured = |first_slot, slot_count, exact_mode| {
        let mut machine = ready();
        machine.underlying = 1;
        reason(&machine.send(|h| Configure { first_slot, slot_count, exact_mode }.encode(h)))
    };
    assert_eq!(configured(64, 64, 1), Reason::None);
    assert_eq!(configured(64, 64, 2), Reason::ValueRange);
    assert_eq!(configured(64, 0, 0), Reason::ValueRange);
    assert_eq!(configured(64, 63, 0), Reason::ValueRange);
    assert_eq!(configured(65, 64, 0), Reason::ValueRange);
    assert_eq!(configured(64, 128, 0), Reason::ValueRange);
    assert_eq!(configured(u32::MAX - 63, 64, 0), Reason::ValueRange);
    assert_eq!(configured(0, 64, 0), Reason::BadSlot);
    assert_eq!(configured(0, 128, 0), Reason::BadSlot);
}

/// A field and the largest value that it may have.
type Bounded<T> = (fn(&mut T, u64), u64);

#[test]
fn trigger_settings_are_refused_outside_their_range() {
    let set = |change: fn(&mut SetTrigger)| {
        let mut set = Scenario::selling().trigger;
        change(&mut set);
        tried(|h| set.encode(h))
    };
    assert_eq!(set(|s| s.theta = 65_536), Reason::None);
    assert_eq!(set(|s| s.theta = 65_537), Reason::ValueRange);
    assert_eq!(set(|s| s.clip_min = 1), Reason::None);
    assert_eq!(set(|s| s.clip_min = 0), Reason::ValueRange);
    assert_eq!(set(|s| s.clip_max = ORDER_MAX), Reason::None);
    assert_eq!(set(|s| s.clip_max = ORDER_MAX + 1), Reason::ValueRange);
    assert_eq!(set(|s| s.band_min = BAND_MAX), Reason::None);
    assert_eq!(set(|s| s.band_min = BAND_MAX + 1), Reason::ValueRange);
    assert_eq!(set(|s| s.band_max = BAND_MAX), Reason::None);
    assert_eq!(set(|s| s.band_max = BAND_MAX + 1), Reason::ValueRange);
    assert_eq!(set(|s| s.band_scale_buy = BAND_SCALE_MAX), Reason::None);
    assert_eq!(set(|s| s.band_scale_buy = BAND_SCALE_MAX + 1), Reason::ValueRange);
    assert_eq!(set(|s| s.band_scale_sell = BAND_SCALE_MAX), Reason::None);
    assert_eq!(set(|s| s.band_scale_sell = BAND_SCALE_MAX + 1), Reason::ValueRange);
}

#[test]
fn price_limits_are_refused_outside_their_range() {
    let set = |change: fn(&mut SetPriceLimits, u64), ns| {
        let mut set = Scenario::selling().price;
        change(&mut set, ns);
        tried(|h| set.encode(h))
    };
    let fields: [fn(&mut SetPriceLimits, u64); 3] =
        [|s, ns| s.quote_age_max_ns = ns, |s, ns| s.cool_down_ns = ns, |s, ns| s.duplicate_window_ns = ns];
    for field in fields {
        assert_eq!(set(field, DURATION_MAX_NS), Reason::None);
        assert_eq!(set(field, DURATION_MAX_NS + 1), Reason::ValueRange);
    }
}

#[test]
fn size_limits_are_refused_outside_their_range() {
    let set = |change: fn(&mut SetSizeLimits, u64), value| {
        let mut set = Scenario::selling().size;
        change(&mut set, value);
        tried(|h| set.encode(h))
    };
    let fields: Vec<Bounded<SetSizeLimits>> = vec![
        (|s, value| s.order_max = value as u32, u64::from(ORDER_MAX)),
        (|s, value| s.position_max = value, POSITION_MAX as u64),
        (|s, value| s.gross_max = value, POSITION_MAX as u64),
        (|s, value| s.band_emergency = value, BAND_MAX),
    ];
    for (field, most) in fields {
        assert_eq!(set(field, most), Reason::None);
        assert_eq!(set(field, most + 1), Reason::ValueRange);
    }
}

#[test]
fn rate_limits_are_refused_outside_their_range() {
    let set = |change: fn(&mut SetRateLimits, u64), value| {
        let mut set = Scenario::selling().rate;
        change(&mut set, value);
        tried(|h| set.encode(h))
    };
    let fields: Vec<Bounded<SetRateLimits>> = vec![
        (|s, value| s.order_interval_ns = value, DURATION_MAX_NS),
        (|s, value| s.order_burst_ns = value, DURATION_MAX_NS),
        (|s, value| s.open_orders_max = value as u32, 16),
    ];
    for (field, most) in fields {
        assert_eq!(set(field, most), Reason::None);
        assert_eq!(set(field, most + 1), Reason::ValueRange);
    }
}

#[test]
fn status_is_refused_outside_its_range() {
    let set = |change: fn(&mut SetStatus, u64), value| {
        let mut set = Scenario::selling().status;
        change(&mut set, value);
        tried(|h| set.encode(h))
    };
    let fields: Vec<Bounded<SetStatus>> = vec![
        (|s, value| s.oracle = value as u8, 2),
        (|s, value| s.restricted = value as u8, 1),
        (|s, value| s.margin_buy = value, POSITION_MAX as u64),
        (|s, value| s.margin_sell = value, POSITION_MAX as u64),
    ];
    for (field, most) in fields {
        assert_eq!(set(field, most), Reason::None);
        assert_eq!(set(field, most + 1), Reason::ValueRange);
    }
}

#[test]
fn coin_amounts_are_refused_outside_their_range() {
    let limit = (1i64 << COIN_MAGNITUDE_BITS) - 1;
    for (coin, expected) in
        [(limit, Reason::None), (-limit, Reason::None), (limit + 1, Reason::ValueRange), (i64::MIN, Reason::ValueRange)]
    {
        assert_eq!(tried(|h| SetTarget { target: coin, cash: 0 }.encode(h)), expected);
        assert_eq!(tried(|h| SetTarget { target: 0, cash: coin }.encode(h)), expected);
        assert_eq!(tried(|h| Reconcile { position: 0, hedge_coin: coin }.encode(h)), expected);
        let is_refused = tried(|h| Trade { slot: 0, quantity: 0, cash: coin }.encode(h)) == Reason::ValueRange;
        assert_eq!(is_refused, expected == Reason::ValueRange);
    }
}

#[test]
fn positions_are_refused_outside_their_range() {
    let set = |position| tried(|h| Reconcile { position, hedge_coin: 0 }.encode(h));
    assert_eq!([set(POSITION_MAX), set(-POSITION_MAX)], [Reason::None; 2]);
    assert_eq!([set(POSITION_MAX + 1), set(-POSITION_MAX - 1), set(i64::MIN)], [Reason::ValueRange; 3]);
}

#[test]
fn control_knows_seven_actions() {
    for action in 0..7 {
        assert_eq!(tried(|h| Control { action }.encode(h)), Reason::None);
    }
    assert_eq!(tried(|h| Control { action: 7 }.encode(h)), Reason::ValueRange);
}

#[test]
fn bank_parameters_are_refused_outside_their_range() {
    let set = |change: fn(&mut OpenBank)| {
        let mut bank = Scenario::selling().bank;
        change(&mut bank);
        tried(|h| bank.encode(h))
    };
    let fine: [fn(&mut OpenBank); 10] = [
        |b| b.bank_id = 65_535,
        |b| b.price_ref = 1,
        |b| b.contract_scale = 1 << 31,
        |b| b.contract_shift = 120,
        |b| b.band_shift = 60,
        |b| b.band_kind = 2,
        |b| b.hedge_kind = 1,
        |b| b.numeraire = 1,
        |b| b.vega_bits = 48,
        |b| b.vega_bits = -24,
    ];
    let bad: [fn(&mut OpenBank); 14] = [
        |b| b.bank_id = 65_536,
        |b| b.price_ref = 0,
        |b| b.contract_scale = (1 << 31) - 1,
        |b| b.contract_shift = 121,
        |b| b.band_shift = 61,
        |b| b.band_kind = 3,
        |b| b.hedge_kind = 2,
        |b| b.numeraire = 2,
        |b| b.vega_bits = 49,
        |b| b.vega_bits = -25,
        |b| (b.delta_bits, b.gamma_bits) = (49, 49),
        |b| (b.delta_bits, b.gamma_bits) = (-25, -25),
        // kg + 23 - kd is a shift of 0 to 62.
        |b| b.gamma_bits = -4,
        |b| (b.delta_bits, b.gamma_bits) = (0, 40),
    ];
    fine.iter().for_each(|&change| assert_eq!(set(change), Reason::None));
    bad.iter().for_each(|&change| assert_eq!(set(change), Reason::ValueRange));
    assert_eq!(set(|b| b.gamma_bits = -3), Reason::None);
    assert_eq!(set(|b| (b.delta_bits, b.gamma_bits) = (0, 39)), Reason::None);
}

/// Reason of a row on an open bank.
fn row_tried(row: WriteRow) -> Reason {
    let mut machine = ready();
    machine.must(|h| Scenario::selling().bank.encode(h));
    reason(&machine.send(|h| row.encode(h)))
}

#[test]
fn rows_are_refused_outside_their_range() {
    let option = WriteRow { row_kind: code::CALL, a: A_MAX, b: B_MAX, ..WriteRow::default() };
    let range = WriteRow { row_kind: code::RANGE, a: 5, b: 5, ..WriteRow::default() };
    let fine = [
        option,
        WriteRow { b: -B_MAX, row_kind: code::PUT, ..option },
        WriteRow { shift_delta: 62, shift_gamma: 62, shift_vega: 62, ..option },
        range,
        WriteRow { a: 0, b: 1 << 31, ..range },
    ];
    let bad = [
        WriteRow { a: A_MAX + 1, ..option },
        WriteRow { b: B_MAX + 1, ..option },
        WriteRow { b: -B_MAX - 1, ..option },
        WriteRow { b: i64::MIN, ..option },
        WriteRow { shift_delta: 63, ..option },
        WriteRow { shift_gamma: 63, ..option },
        WriteRow { shift_vega: 63, ..option },
        WriteRow { group: 2, ..option },
        WriteRow { row_kind: 5, a: 0, b: 0, ..option },
        WriteRow { a: 6, ..range },
        WriteRow { b: (1 << 31) + 1, ..range },
        WriteRow { row_kind: code::CONSTANT, a: 1, ..WriteRow::default() },
        WriteRow { row_kind: code::EMPTY, b: 1, ..WriteRow::default() },
    ];
    fine.iter().for_each(|&row| assert_eq!(row_tried(row), Reason::None, "{row:?}"));
    bad.iter().for_each(|&row| assert_eq!(row_tried(row), Reason::ValueRange, "{row:?}"));
    assert_eq!(row_tried(WriteRow { slot: 63, ..option }), Reason::None);
    assert_eq!(row_tried(WriteRow { slot: 64, ..option }), Reason::BadSlot);
}

#[test]
fn bank_is_written_only_while_it_is_open() {
    let row = WriteRow::default();
    assert_eq!(tried(|h| row.encode(h)), Reason::BankClosed, "not opened since the swap");
    let mut machine = ready();
    open_and_write(&mut machine, 64);
    machine.must(|h| row.encode(h));
    machine.must(|h| Build { centre: PRICE_REF, intervals: 8, step_shift: 12 }.encode(h));
    assert_eq!(reason(&machine.send(|h| row.encode(h))), Reason::BankClosed, "a ladder is being built on it");
}

fn open_and_write(machine: &mut Machine, slots: u32) {
    machine.must(|h| Scenario::selling().bank.encode(h));
    for slot in 0..slots {
        machine.must(|h| WriteRow { slot, ..WriteRow::default() }.encode(h));
    }
}

#[test]
fn build_wants_a_complete_bank_and_a_ladder_within_reach() {
    let built = |slots, build: Build| {
        let mut machine = ready();
        if slots > 0 {
            open_and_write(&mut machine, slots);
        }
        reason(&machine.send(|h| build.encode(h)))
    };
    let fine = Build { centre: PRICE_REF, intervals: 8, step_shift: 12 };
    assert_eq!(built(64, fine), Reason::None);
    assert_eq!(built(63, fine), Reason::BankIncomplete);
    assert_eq!(built(0, fine), Reason::BankClosed);
    assert_eq!(built(64, Build { intervals: 2, ..fine }), Reason::None);
    assert_eq!(built(64, Build { intervals: 1, ..fine }), Reason::ValueRange);
    assert_eq!(built(64, Build { intervals: 9, ..fine }), Reason::ValueRange);
    assert_eq!(built(64, Build { step_shift: 4, ..fine }), Reason::None);
    assert_eq!(built(64, Build { step_shift: 3, ..fine }), Reason::ValueRange);
    assert_eq!(built(64, Build { step_shift: 16, ..fine }), Reason::None);
    assert_eq!(built(64, Build { step_shift: 17, ..fine }), Reason::ValueRange);
    assert_eq!(built(64, Build { centre: PRICE_REF / 100 * 163, ..fine }), Reason::None);
    assert_eq!(built(64, Build { centre: PRICE_REF / 100 * 164, ..fine }), Reason::LadderRange);
    assert_eq!(built(64, Build { centre: PRICE_REF / 100 * 61, ..fine }), Reason::LadderRange);
    assert_eq!(built(64, Build { centre: 0, ..fine }), Reason::LadderRange);
    assert_eq!(built(64, Build { centre: u32::MAX, ..fine }), Reason::LadderRange);
}

#[test]
fn swap_wants_a_ladder() {
    assert_eq!(tried(|h| Swap {}.encode(h)), Reason::NotBuilt);
    let mut machine = ready();
    open_and_write(&mut machine, 64);
    assert_eq!(reason(&machine.send(|h| Swap {}.encode(h))), Reason::NotBuilt);
    machine.must(|h| Build { centre: PRICE_REF, intervals: 8, step_shift: 12 }.encode(h));
    assert_eq!(machine.must(|h| Swap {}.encode(h))[0].kind(), Swapped::KIND, "it waits for the build");
}

#[test]
fn quote_must_have_prices_in_order_and_a_newer_sequence() {
    let base = Scenario::selling().quote;
    let quoted = |quote: Quote| tried(|h| quote.encode(h));
    assert_eq!(quoted(Quote { price: 0, ..base }), Reason::ValueRange);
    assert_eq!(quoted(Quote { hedge_price: 0, ..base }), Reason::ValueRange);
    assert_eq!(quoted(Quote { bid: base.ask, ..base }), Reason::Crossed);
    assert_eq!(quoted(Quote { bid: base.ask + 1, ..base }), Reason::Crossed);
    assert_eq!(quoted(Quote { bid: base.ask - 1, ..base }), Reason::None);
}

#[test]
fn feed_sequence_wraps_and_half_a_turn_ahead_is_behind() {
    let mut machine = ready();
    let mut said = |feed_seq| {
        let quote = Quote { feed_seq, ..Scenario::selling().quote };
        reason(&machine.send(|h| quote.encode(h)))
    };
    assert_ne!(said(u32::MAX - 1), Reason::FeedSequence);
    assert_eq!(said(u32::MAX - 1), Reason::FeedSequence);
    assert_eq!(said(u32::MAX - 2), Reason::FeedSequence);
    assert_eq!(said((u32::MAX - 1).wrapping_add(1 << 31)), Reason::FeedSequence);
    assert_ne!(said(1), Reason::FeedSequence);
    assert_ne!(said(1 << 31), Reason::FeedSequence);
}

#[test]
fn trade_must_name_its_own_slot_and_a_quantity_within_range() {
    let traded = |slot, quantity| tried(|h| Trade { slot, quantity, cash: 0 }.encode(h));
    assert_eq!(traded(64, 1), Reason::BadSlot);
    assert_ne!(traded(63, 1), Reason::BadSlot);
    assert_eq!(traded(2, QUANTITY_MAX + 1), Reason::ValueRange);
    assert_eq!(traded(2, i32::MIN), Reason::ValueRange);
    assert_ne!(traded(2, QUANTITY_MAX), Reason::ValueRange);
    assert_ne!(traded(2, -QUANTITY_MAX), Reason::ValueRange);
}

#[test]
fn order_update_of_a_status_that_does_not_exist_is_refused() {
    let updated = |status| reason(&update(&mut after_first_clip(|_| ()), status, 0, 0));
    assert_eq!(updated(2), Reason::None);
    assert_eq!(updated(3), Reason::ValueRange);
}

#[test]
fn amounts_that_do_not_fit_the_ledger_are_not_booked_and_end_the_reconciliation() {
    let limit = (1i64 << COIN_MAGNITUDE_BITS) - 1;
    let updated = |filled: u64, coin, cost| {
        let mut machine = after_first_clip(|_| ());
        let update = OrderUpdate { status: code::ORDER_OPEN, order_id: 0, filled, coin, cost };
        let events = machine.must(|h| update.encode(h));
        let after = (ledger(&events).position, ledger(&events).open_sell);
        let is_doubtful = reason(&later(&mut machine, 1)) == Reason::NotReconciled;
        (reason(&events), after, is_doubtful)
    };
    let out_of_range = (Reason::LedgerRange, (0, 4), true);
    assert_eq!(updated(POSITION_MAX as u64 + 1, 0, 0), out_of_range);
    assert_eq!(updated(u64::MAX, 0, 0), out_of_range);
    assert_eq!(updated(1, limit + 1, 0), out_of_range);
    assert_eq!(updated(1, i64::MIN, 0), out_of_range);
    assert_eq!(updated(1, 0, limit + 1), out_of_range);
    assert_eq!(updated(1, 0, i64::MIN), out_of_range);
    assert_eq!(updated(1, limit, -limit), (Reason::None, (-1, 3), false));
    assert_eq!(updated(POSITION_MAX as u64, 0, 0), (Reason::Overfill, (-POSITION_MAX, 0), true));
}

#[test]
fn flags_that_mean_nothing_are_reserved() {
    for bit in 0..8 {
        let expected = |known: u8| if known >> bit & 1 == 1 { Reason::None } else { Reason::ReservedBits };
        let quote = Quote { flags: 1 << bit, ..Scenario::selling().quote };
        let refusal = |reason: Reason| if reason == Reason::ReservedBits { reason } else { Reason::None };
        assert_eq!(refusal(tried(|h| quote.encode(h))), expected(code::QUOTE_UNTRUSTED | code::WANT_RISK));
        assert_eq!(refusal(tried(|h| Time { flags: 1 << bit }.encode(h))), expected(code::WANT_RISK));
    }
}

#[test]
fn the_kind_of_a_refused_command_is_in_its_event() {
    let events = ready().send(|h| Swap {}.encode(h));
    assert_eq!(Refused::decode(&events[0]).command_kind, Swap::KIND);
    assert_eq!(events[0].kind(), Refused::KIND);
}
