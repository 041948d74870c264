//! Hedges of the kernel at a venue: single scenes, and a seeded venue that fills, refuses, delays and hangs
//! up, against the kernel's own ledger.

use std::collections::{BTreeMap, VecDeque};

use super::escalation::POLICY;
use super::orders::{FIRST_ID, PRICE, PRICE_UNITS, options, terms};
use super::peer::*;
use hedgewire_abi::command::code;
use hedgewire_abi::event::Hedge;
use hedgewire_host::deribit::starbase::orders::escalation::Top;
use hedgewire_host::deribit::starbase::orders::hedges::{HedgeRules, Hedges, Request, Update};
use hedgewire_host::deribit::starbase::orders::oms::{Oms, OmsEvent};
use hedgewire_host::deribit::starbase::orders::rate::RateLimits;
use hedgewire_host::deribit::starbase::orders::session::{CloseReason, Event};
use hedgewire_host::deribit::starbase::orders::value::{Side, Worth};
use hedgewire_host::deribit::starbase::orders::{Encoder, Header, HeaderFlags, Message, Price9};
use hedgewire_kernel::ledger::{Booked, Ledger, Sides};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LIMITS: RateLimits =
    RateLimits { capacity: 1_000_000, per_second: 1_000_000, new_cost: 1, amend_cost: 1, cancel_cost: 1 };
const TICK_NANO: i64 = 500_000_000;

fn header() -> Header {
    let flags = HeaderFlags::default();
    Header { flags, message_bytes: 0, template: 0, version: 15, seq: 1, last_processed_seq: 0, send_time_ns: 0 }
}

/// A request by its bytes.
fn by_bytes(request: &Request) -> Received {
    let mut out = vec![];
    match request {
        Request::New(new) => Encoder::new(&mut out, header(), new).finish(false),
        Request::Amend(amend) => Encoder::new(&mut out, header(), amend).finish(false),
        Request::Cancel(cancel) => Encoder::new(&mut out, header(), cancel).finish(false),
    }
    .expect("it fits");
    received(&out).remove(0)
}

/// The hedges of one underlying beside the kernel's ledger of it.
struct Engine {
    hedges: Hedges,
    ledger: Ledger,
    now_ns: u64,
    sent: Vec<Received>,
    updates: Vec<Update>,
    told: Vec<OmsEvent>,
    seq: i64,
}

impl Engine {
    fn new(limits: RateLimits) -> Self {
        let rules = HedgeRules { underlying: 0, terms_index: 0, policy: POLICY };
        let mut ledger = Ledger::default();
        ledger.reconcile(0, 0);
        let hedges = Hedges::new(Oms::new(options(), vec![terms()]), &[rules], limits, 0);
        Self { hedges, ledger, now_ns: 0, sent: vec![], updates: vec![], told: vec![], seq: 0 }
    }

    fn ready() -> Self {
        let mut engine = Self::new(LIMITS);
        engine.session(&Event::Ready { is_continuous: false });
        engine.market(120_000, 120_010);
        engine
    }

    fn session(&mut self, event: &Event<'_>) {
        let told = &mut self.told;
        self.hedges.on_session(event, &mut |event| told.push(event));
    }

    fn gives(&mut self, report: &Report) {
        let message = Message::decode(report.0, 15, &report.1.0).expect("the peer writes well-formed messages");
        self.session(&Event::Report { header: &header(), message: &message });
    }

    fn market(&mut self, bid_ticks: u32, ask_ticks: u32) {
        let (bid, ask) = (bid_ticks * 256, ask_ticks * 256);
        self.hedges.on_top(0, Top { bid, ask, reference: (bid + ask) / 2 });
    }

    /// A hedge that the kernel counted; positive to buy.
    fn hedge(&mut self, contracts: i64, is_urgent: bool) -> u32 {
        let side = if contracts > 0 { Side::Buy } else { Side::Sell };
        let order_id = self.ledger.reserve(side, contracts.abs());
        let hedge = Hedge { exposure: 0, band: 0, quantity: contracts, limit_price: PRICE_UNITS, order_id };
        self.hedges.on_hedge(0, &hedge, PRICE_UNITS, is_urgent, self.now_ns);
        order_id
    }

    /// Lets the hedges act; every update must suit the kernel's ledger.
    fn act(&mut self, is_connected: bool) {
        let Self { hedges, ledger, sent, updates, seq, .. } = self;
        let mut send = |request: &Request| {
            is_connected.then(|| {
                sent.push(by_bytes(request));
                *seq += 1;
                *seq
            })
        };
        hedges.act(self.now_ns, &mut send, &mut |update| {
            assert_eq!(update.underlying, 0);
            assert_eq!(ledger.update(&update.update), Ok(Booked::Clean), "{update:?}");
            updates.push(update);
        });
    }

    fn step(&mut self, now_ns: u64) -> Vec<Received> {
        self.now_ns = now_ns;
        self.act(true);
        std::mem::take(&mut self.sent)
    }

    fn status(&self) -> (u8, u64) {
        self.updates.last().map(|update| (update.update.status, update.update.filled)).expect("something was told")
    }
}

/// An order as the peer knows it, from the request's bytes.
fn known(new: &Received) -> Known {
    assert_eq!(new.template, 100);
    Known {
        client_id: new.i64(0),
        correlation: new.i64(8),
        order_id: new.i64(0) * 10,
        is_buy: new.i8(58) == 1,
        quantity: new.contracts(32),
        price: new.i64(24),
        total: 0,
    }
}

#[test]
fn a_hedge_rests_improves_crosses_and_is_done() {
    let mut engine = Engine::ready();
    engine.hedge(10, false);
    let sent = engine.step(10);
    let order = known(&sent[0]);
    assert_eq!((sent.len(), order.client_id, order.quantity, order.price), (1, FIRST_ID, 10, PRICE));
    assert_eq!((sent[0].i8(59), sent[0].body[60]), (0, 0b111), "rests, post only, cancelled on disconnect");
    assert_eq!(engine.updates, [], "nothing is known yet");
    engine.gives(&new_order_response(&order, ACTIVE, 0, &[]));
    assert_eq!(engine.step(20), []);
    assert_eq!(engine.status(), (code::ORDER_OPEN, 0));
    engine.gives(&order_filled(&Known { total: 3, ..order }, (1, PRICE, 3), 0));
    let improved = engine.step(1_000);
    assert_eq!((improved[0].template, improved[0].i64(24), improved[0].contracts(32)), (110, PRICE + TICK_NANO, 10));
    assert_eq!(engine.status(), (code::ORDER_OPEN, 3));
    let asked = Known { correlation: improved[0].i64(8), price: PRICE + TICK_NANO, total: 3, ..order };
    engine.gives(&amend_response(&asked, ACTIVE, &[]));
    let cancel = engine.step(1_500);
    assert_eq!((cancel.len(), cancel[0].template), (1, 120), "what rests goes first");
    assert_eq!(engine.step(1_510), [], "and nothing new before it is gone");
    engine.gives(&cancel_response(&Known { correlation: cancel[0].i64(8), ..order }));
    let take = engine.step(1_520);
    let next = known(&take[0]);
    assert_eq!(
        (take[0].i8(59), next.quantity, next.price),
        (-2, 7, PRICE + 12 * TICK_NANO),
        "the rest, two ticks through"
    );
    engine.gives(&new_order_response(&Known { total: 7, ..next }, FILLED, 0, &[(2, PRICE + 10 * TICK_NANO, 7)]));
    assert_eq!(engine.step(1_530), []);
    assert_eq!(engine.status(), (code::ORDER_DONE, 10));
    assert_eq!((engine.ledger.position, engine.ledger.in_flight()), (10, Sides::default()));
    assert_eq!(engine.told, []);
}

#[test]
fn a_ladder_that_fails_ends_and_frees_the_kernel() {
    let mut engine = Engine::ready();
    engine.hedge(-10, true);
    let (mut orders, mut now_ns) = (0, 0);
    while engine.ledger.open_count > 0 {
        now_ns += 50;
        for sent in engine.step(now_ns) {
            let order = known(&sent);
            assert_eq!(order.side(), -1);
            engine.gives(&new_order_response(&order, CANCELED, TIME_IN_FORCE, &[]));
            orders += 1;
        }
    }
    assert_eq!((orders, engine.status()), (5, (code::ORDER_DONE, 0)));
}

#[test]
fn a_post_only_refusal_crosses_and_any_other_ends() {
    let mut engine = Engine::ready();
    engine.hedge(4, false);
    let order = known(&engine.step(10)[0]);
    engine.gives(&new_order_reject(&order, POST_ONLY_REJECT));
    let take = engine.step(20);
    assert_eq!((take[0].template, take[0].i8(59)), (100, -2));
    engine.gives(&new_order_reject(&known(&take[0]), 3));
    assert_eq!(engine.step(30), []);
    assert_eq!(engine.status(), (code::ORDER_DONE, 0), "no margin: the kernel decides anew");
}

#[test]
fn an_order_that_takes_is_left_alone_in_the_speed_bump() {
    let mut engine = Engine::ready();
    engine.hedge(4, true);
    let order = known(&engine.step(10)[0]);
    engine.gives(&new_order_response(&order, QUEUED, 0, &[]));
    assert_eq!(engine.step(20), []);
    engine.gives(&order_placed(&Known { total: 4, ..order }, FILLED, 0, &[(1, PRICE, 4)]));
    engine.step(30);
    assert_eq!(engine.status(), (code::ORDER_DONE, 4));
}

#[test]
fn a_disconnect_in_flight_is_unknown_to_the_kernel_until_it_is_settled() {
    let mut engine = Engine::ready();
    let order_id = engine.hedge(10, false);
    let order = known(&engine.step(10)[0]);
    engine.session(&Event::Closed(CloseReason::ConnectionLost));
    engine.now_ns = 20;
    engine.act(false);
    assert_eq!(engine.status(), (code::ORDER_UNKNOWN, 0));
    assert_eq!((engine.ledger.unknown.buy, engine.ledger.open.buy), (10, 0));
    // A hedge decided while nothing can be sent ends at once.
    engine.hedge(5, false);
    engine.act(false);
    assert_eq!(
        (engine.updates.last().expect("told").update.order_id, engine.status()),
        (order_id + 1, (code::ORDER_DONE, 0))
    );
    engine.gives(&new_order_response(&Known { total: 2, ..order }, ACTIVE, 0, &[(1, PRICE, 2)]));
    engine.gives(&orders_canceled(&Known { total: 2, ..order }, CLIENT_DISCONNECT));
    engine.session(&Event::Ready { is_continuous: true });
    assert_eq!(engine.step(30), [], "nothing is sent again");
    assert_eq!(engine.status(), (code::ORDER_DONE, 2));
    assert_eq!((engine.ledger.position, engine.ledger.in_flight()), (2, Sides::default()));
}

#[test]
fn a_stop_cancels_what_rests_and_refuses_what_comes() {
    let mut engine = Engine::ready();
    engine.hedge(10, false);
    let order = known(&engine.step(10)[0]);
    engine.gives(&new_order_response(&order, ACTIVE, 0, &[]));
    engine.step(20);
    engine.hedges.stop();
    let cancel = engine.step(30);
    assert_eq!((cancel.len(), cancel[0].template), (1, 120));
    engine.hedge(3, true);
    assert_eq!(engine.step(40), []);
    assert_eq!(engine.status(), (code::ORDER_DONE, 0));
    engine.gives(&cancel_response(&Known { correlation: cancel[0].i64(8), ..order }));
    engine.step(50);
    assert_eq!(engine.ledger.open_count, 0);
    engine.hedges.resume();
    engine.hedge(3, true);
    assert_eq!(engine.step(60).len(), 1);
}

#[test]
fn an_empty_bucket_delays_orders_but_no_cancel() {
    let limits = RateLimits { capacity: 1, per_second: 1, new_cost: 1, amend_cost: 1, cancel_cost: 1 };
    let mut engine = Engine::new(limits);
    engine.session(&Event::Ready { is_continuous: false });
    engine.market(120_000, 120_010);
    let (first, _) = (engine.hedge(10, false), engine.hedge(10, true));
    let sent = engine.step(10);
    assert_eq!(sent.len(), 1, "one token, one order");
    engine.gives(&new_order_response(&known(&sent[0]), ACTIVE, 0, &[]));
    engine.hedges.cancel(0, first);
    assert_eq!(engine.step(20)[0].template, 120);
    assert!(engine.hedges.deadline_ns(20).is_some());
}

#[test]
fn a_hedge_whose_place_is_taken_leaves_no_order_behind() {
    let mut engine = Engine::ready();
    engine.hedge(10, false);
    let order = known(&engine.step(10)[0]);
    engine.gives(&new_order_response(&order, ACTIVE, 0, &[]));
    engine.step(20);
    // The kernel was reconciled, and has given the place of the first hedge to its seventeenth.
    engine.ledger.reconcile(0, 0);
    for _ in 0..16 {
        engine.hedge(1, false);
        engine.hedges.stop();
        engine.act(true);
    }
    let cancels: Vec<i64> = engine.sent.iter().filter(|sent| sent.template == 120).map(|sent| sent.i64(0)).collect();
    assert_eq!(cancels, [order.client_id]);
}

/// An order at the seeded venue.
#[derive(Clone, Copy, Debug)]
struct Resting {
    known: Known,
    is_live: bool,
    is_ioc: bool,
}

/// A venue that does what it likes, honestly.
struct Venue {
    random: ChaCha8Rng,
    orders: BTreeMap<i64, Resting>,
    /// Requests on their way to it, reports on their way from it; the number is a time.
    requests: VecDeque<(u64, Received)>,
    reports: VecDeque<(u64, Report)>,
    position: i64,
    worth: Worth,
    fills: i64,
}

impl Venue {
    fn new(seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        let (orders, requests, reports) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        Self { random, orders, requests, reports, position: 0, worth: Worth::default(), fills: 0 }
    }

    fn delay(&mut self) -> u64 {
        // Now and then longer than the engine waits for an answer.
        if self.random.random_ratio(1, 25) { self.random.random_range(1_000..3_000) } else { 40 }
    }

    fn says(&mut self, report: Report, now_ns: u64) {
        let due_ns = now_ns + self.delay();
        let due_ns = self.reports.back().map_or(due_ns, |(last_ns, _)| due_ns.max(*last_ns));
        self.reports.push_back((due_ns, report));
    }

    fn takes(&mut self, request: Received, now_ns: u64) {
        let due_ns = now_ns + self.delay();
        let due_ns = self.requests.back().map_or(due_ns, |(last_ns, _)| due_ns.max(*last_ns));
        self.requests.push_back((due_ns, request));
    }

    /// Fills part of an order.
    fn fill(&mut self, known: &mut Known, contracts: i64, is_taker: bool) -> Fill {
        let price = known.price - self.random.random_range(0..3) * if known.is_buy { TICK_NANO } else { -TICK_NANO };
        let side = if known.is_buy { Side::Buy } else { Side::Sell };
        known.total += contracts;
        self.fills += 1;
        self.position += if known.is_buy { contracts } else { -contracts };
        let worth = terms().worth(side, contracts, Price9(price), PRICE_UNITS, is_taker);
        self.worth = self.worth.plus(worth.expect("good prices"));
        (self.fills, price, contracts)
    }

    fn immediate(&mut self, known: &mut Known) -> Vec<Fill> {
        let mut fills = vec![];
        while self.random.random_ratio(1, 2) && known.total < known.quantity {
            let contracts = self.random.random_range(1..=known.quantity - known.total);
            fills.push(self.fill(known, contracts, true));
        }
        fills
    }

    fn on_new(&mut self, request: &Received, now_ns: u64) {
        let mut known = known(request);
        let is_ioc = request.i8(59) == -2;
        assert!(!self.orders.contains_key(&known.client_id), "no number is used twice");
        if self.random.random_ratio(1, 8) {
            let reason = if is_ioc { 22 } else { POST_ONLY_REJECT };
            return self.says(new_order_reject(&known, reason), now_ns);
        }
        let is_bumped = self.random.random_ratio(1, 3);
        if is_bumped {
            self.says(new_order_response(&known, QUEUED, 0, &[]), now_ns);
        }
        let fills = if is_ioc { self.immediate(&mut known) } else { vec![] };
        let (status, reason) = match known.total == known.quantity {
            true => (FILLED, 0),
            false if is_ioc => (CANCELED, TIME_IN_FORCE),
            false => (ACTIVE, 0),
        };
        let report = if is_bumped {
            order_placed(&known, status, reason, &fills)
        } else {
            new_order_response(&known, status, reason, &fills)
        };
        self.orders.insert(known.client_id, Resting { known, is_live: status == ACTIVE, is_ioc });
        self.says(report, now_ns);
    }

    fn on_change(&mut self, request: &Received, now_ns: u64) {
        let (id, correlation) = (request.i64(0), request.i64(8));
        let order = self.orders.get(&id).copied().filter(|order| order.is_live);
        let unknown = Known { client_id: id, correlation, order_id: 0, is_buy: true, quantity: 0, price: 0, total: 0 };
        let Some(mut order) = order else {
            let is_amend = request.template == 110;
            return self.says(
                if is_amend { amend_reject(&unknown, 12) } else { cancel_reject(&unknown, UNKNOWN_ORDER) },
                now_ns,
            );
        };
        let asked = |known: &Known| Known { correlation, ..*known };
        if request.template == 120 {
            order.is_live = false;
            self.says(cancel_response(&asked(&order.known)), now_ns);
        } else if self.random.random_ratio(1, 4) {
            self.says(amend_reject(&asked(&order.known), POST_ONLY_REJECT), now_ns);
        } else {
            order.known.price = request.i64(24);
            self.says(amend_response(&asked(&order.known), ACTIVE, &[]), now_ns);
        }
        self.orders.insert(id, order);
    }

    fn work(&mut self, now_ns: u64) {
        while self.requests.front().is_some_and(|(due_ns, _)| *due_ns <= now_ns) {
            let (_, request) = self.requests.pop_front().expect("there is one");
            match request.template {
                100 => self.on_new(&request, now_ns),
                110 | 120 => self.on_change(&request, now_ns),
                other => panic!("unexpected template {other}"),
            }
        }
        let live: Vec<i64> = self.orders.iter().filter(|(_, order)| order.is_live).map(|(id, _)| *id).collect();
        for id in live {
            let mut order = self.orders[&id];
            assert!(!order.is_ioc);
            if self.random.random_ratio(1, 15) {
                let contracts = self.random.random_range(1..=order.known.quantity - order.known.total);
                let fill = self.fill(&mut order.known, contracts, false);
                order.is_live = order.known.total < order.known.quantity;
                self.says(order_filled(&order.known, fill, u8::from(!order.is_live) << 1), now_ns);
            } else if self.random.random_ratio(1, 80) {
                order.is_live = false;
                self.says(orders_canceled(&order.known, 3), now_ns);
            }
            self.orders.insert(id, order);
        }
    }

    /// The connection breaks: some requests arrive, some do not; orders are cancelled on disconnect.
    fn hang_up(&mut self, now_ns: u64) {
        let arrive = self.random.random_range(0..=self.requests.len());
        self.requests.truncate(arrive);
        self.work(u64::MAX - 10_000);
        let live: Vec<i64> = self.orders.iter().filter(|(_, order)| order.is_live).map(|(id, _)| *id).collect();
        for id in live {
            let order = self.orders.get_mut(&id).expect("it is there");
            order.is_live = false;
            let report = orders_canceled(&order.known, CLIENT_DISCONNECT);
            self.reports.push_back((now_ns, report));
        }
        // What was not delivered is resent after the next logon, at once.
        self.reports.iter_mut().for_each(|(due_ns, _)| *due_ns = now_ns);
    }
}

/// Per hedge: what has filled and what may, against what the kernel decided.
fn assert_no_over_hedge(engine: &Engine, venue: &Venue, sizes: &BTreeMap<u32, i64>, seed: u64) {
    let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
    for order in venue.orders.values() {
        let Some(ours) = engine.hedges.oms.order(order.known.client_id) else { continue };
        let may_fill = if order.is_live { order.known.quantity } else { order.known.total };
        *sums.entry(ours.hedge.1).or_default() += may_fill;
    }
    for (hedge, sum) in sums {
        assert!(sum <= sizes[&hedge], "seed={seed}: hedge {hedge} of {} may come to {sum}", sizes[&hedge]);
    }
}

/// A run of `steps`, then everything is stopped and settled.
fn run(seed: u64, steps: u64) -> (Engine, Venue) {
    let (mut engine, mut venue) = (Engine::ready(), Venue::new(seed));
    let mut sizes = BTreeMap::new();
    let mut back_at = None;
    for step in 0..steps + 400 {
        let is_ending = step >= steps;
        engine.now_ns += 40;
        let now_ns = engine.now_ns;
        if step == steps {
            engine.hedges.stop();
        }
        if !is_ending && venue.random.random_ratio(1, 10) && engine.ledger.has_slot() && engine.ledger.open_count < 6 {
            let contracts = venue.random.random_range(1..30) * if venue.random.random() { 1 } else { -1 };
            let is_urgent = venue.random.random();
            sizes.insert(engine.hedge(contracts, is_urgent), contracts.abs());
        }
        let bid = 120_000 + venue.random.random_range(0..8) - 4;
        engine.market(bid, bid + 1 + venue.random.random_range(0..10));
        if back_at.is_none() && !is_ending && venue.random.random_ratio(1, 120) {
            engine.session(&Event::Closed(CloseReason::ConnectionLost));
            venue.hang_up(now_ns);
            back_at = Some(step + 20);
        }
        if back_at == Some(step) {
            while let Some((_, report)) = venue.reports.pop_front() {
                engine.gives(&report);
            }
            engine.session(&Event::Ready { is_continuous: true });
            back_at = None;
        }
        engine.act(back_at.is_none());
        for request in std::mem::take(&mut engine.sent) {
            venue.takes(request, now_ns);
        }
        if back_at.is_none() {
            venue.work(now_ns);
            while venue.reports.front().is_some_and(|(due_ns, _)| *due_ns <= now_ns) {
                let (_, report) = venue.reports.pop_front().expect("there is one");
                engine.gives(&report);
            }
        }
        assert_no_over_hedge(&engine, &venue, &sizes, seed);
        let quantities = engine.hedges.oms.quantities();
        let parts = [quantities.filled, quantities.cancelled, quantities.rejected, quantities.open, quantities.unknown];
        assert_eq!(parts.iter().sum::<i64>(), quantities.sent, "seed={seed}");
        assert!(parts.iter().all(|part| *part >= 0) && quantities.overfilled == 0, "seed={seed}: {quantities:?}");
    }
    (engine, venue)
}

#[test]
fn the_kernels_ledger_ends_where_the_venue_does() {
    let (mut fills, mut unknown) = (0, 0);
    for seed in 0..60 {
        let (engine, venue) = run(seed, 1_500);
        let ledger = &engine.ledger;
        assert_eq!(ledger.position, venue.position, "seed={seed}");
        assert_eq!((ledger.in_flight(), ledger.open_count), (Sides::default(), 0), "seed={seed}");
        assert_eq!((ledger.hedge_coin, ledger.cost), (venue.worth.coin, venue.worth.cost), "seed={seed}");
        assert!(ledger.is_reconciled, "seed={seed}");
        assert!(engine.told.iter().all(|event| !matches!(event, OmsEvent::Unmatched { .. })), "seed={seed}");
        fills += venue.fills;
        unknown += engine.updates.iter().filter(|update| update.update.status == code::ORDER_UNKNOWN).count();
    }
    assert!(fills > 2_000 && unknown > 200, "only {fills} fills, {unknown} times unknown");
}

#[test]
fn the_same_seed_gives_the_same_updates() {
    let updates = |seed| run(seed, 800).0.updates;
    assert_eq!(updates(5), updates(5));
    assert_ne!(updates(5), updates(6));
}
