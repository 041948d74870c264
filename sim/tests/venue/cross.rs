//! The client's own channel and session against the venue: whatever goes wrong on the way, in the end books, orders
//! and positions are the same on both sides.

use std::collections::BTreeMap;

use hedgewire_host::book::Side as BookSide;
use hedgewire_host::deribit::starbase::market::{Channel, ChannelSettings, ChannelState, Source};
use hedgewire_host::deribit::starbase::orders::oms::{Oms, OmsEvent, OmsOptions, Style, Wanted};
use hedgewire_host::deribit::starbase::orders::session::{CloseReason, Event, Phase, Session, SessionOptions};
use hedgewire_host::deribit::starbase::orders::value::{HedgeTerms, Side as HedgeSide};
use hedgewire_host::deribit::starbase::orders::{Credential, Decimal72, Framing, Price9};
use hedgewire_host::instrument::Payoff;
use hedgewire_sim::random::Random;
use hedgewire_sim::venue::{
    FaultSettings, FlowSettings, Line, Lines, Output, Side, StreamOutput, Venue, VenueSettings, listing,
};

use super::client::{PERPETUAL, PERPETUAL_ID, START, UNIT, settings};

const MS: i64 = 1_000_000;
const CONTRACT_USD: i64 = 10;

/// A client: a channel for market data, a session, and its orders.
struct Desk {
    channel: Channel,
    session: Session,
    oms: Oms,
    connection: Option<u64>,
    wants_connection: bool,
    last_connection: u64,
    told: Vec<OmsEvent>,
    closed: BTreeMap<String, u32>,
}

fn ns(now_ns: i64) -> u64 {
    now_ns.cast_unsigned()
}

impl Desk {
    fn new(is_padded: bool) -> Self {
        let options = SessionOptions {
            client_id: Credential::new("alpha").expect("it fits"),
            secret: Credential::new("alpha-secret").expect("it fits"),
            framing: Framing { is_padded, message_bytes_max: 60_000 },
            cancel_on_disconnect: true,
            logon_timeout_ns: 3_000_000_000,
            logout_timeout_ns: 1_000_000_000,
            resend_timeout_ns: 3_000_000_000,
            reconnect_min_ns: 100_000_000,
            reconnect_max_ns: 1_000_000_000,
            outgoing_bytes_max: 1 << 20,
        };
        let terms = HedgeTerms {
            instrument_id: PERPETUAL_ID,
            payoff: Payoff::Inverse,
            contract_nano: CONTRACT_USD * UNIT,
            contract_quantity: Decimal72 { mantissa: CONTRACT_USD, exponent: 0 },
            tick_nano: UNIT / 2,
            maker_fee_nano: 0,
            taker_fee_nano: 500_000,
        };
        let oms = OmsOptions {
            first_client_order_id: 1,
            places_log2: 14,
            response_timeout_ns: 500_000_000,
            cancel_on_disconnect: true,
            mmp: false,
            self_match_prevention_id: None,
        };
        let mut session = Session::new(options, None);
        session.start(ns(START));
        Self {
            channel: Channel::new(ChannelSettings::new(listing::FIRST_CHANNEL_ID)),
            session,
            oms: Oms::new(oms, vec![terms]),
            connection: None,
            wants_connection: false,
            last_connection: 0,
            told: vec![],
            closed: BTreeMap::new(),
        }
    }

    /// Runs part of the session and does what it says.
    fn with_session(
        &mut self,
        venue: &mut Venue,
        now_ns: i64,
        act: impl FnOnce(&mut Session, &mut dyn FnMut(Event<'_>)),
    ) {
        let Self { session, oms, told, wants_connection, closed, .. } = self;
        let mut is_closed = false;
        act(session, &mut |event| match event {
            Event::Connect => *wants_connection = true,
            Event::Ready { is_continuous } => oms.caught_up(is_continuous),
            Event::Report { message, .. } => oms.on_report(message, &mut |event| told.push(event)),
            Event::GapOpened { .. } => oms.fell_behind(),
            Event::GapFilled { .. } => {}
            Event::Lost { .. } => oms.lost(),
            Event::Closed(reason) => {
                is_closed = true;
                let kind = match reason {
                    CloseReason::Violation(violation) => format!("{violation:?}"),
                    reason => format!("{reason:?}"),
                };
                *closed.entry(kind.split([' ', '(']).next().unwrap_or_default().into()).or_default() += 1;
                oms.disconnected();
            }
        });
        if is_closed && let Some(connection) = self.connection.take() {
            venue.disconnected(now_ns, connection);
        }
    }

    /// Does what is due and sends what waits.
    fn act(&mut self, venue: &mut Venue, now_ns: i64) {
        self.with_session(venue, now_ns, |session, mut sink| session.on_time(ns(now_ns), &mut sink));
        if std::mem::take(&mut self.wants_connection) {
            self.last_connection += 1;
            self.connection = Some(self.last_connection);
            venue.connected(now_ns, self.last_connection);
            self.session.connected(ns(now_ns));
        }
        self.oms.on_time(ns(now_ns));
        if self.session.is_ready()
            && let Some(id) = self.oms.to_probe()
        {
            self.cancel(now_ns, id);
        }
        if let Some(connection) = self.connection {
            let bytes = self.session.outgoing().to_vec();
            self.session.written(bytes.len());
            venue.on_bytes(now_ns, connection, &bytes);
        }
        if let Some(request) = self.channel.poll(ns(now_ns), &mut ()) {
            venue.on_datagram(now_ns, 1, &request.bytes);
        }
    }

    fn hear(&mut self, venue: &mut Venue, now_ns: i64) {
        while let Some(output) = venue.next_output(now_ns) {
            match output {
                Output::Multicast { line, bytes, .. } => {
                    let source = if line == Line::A { Source::A } else { Source::B };
                    self.channel.on_datagram(source, &bytes, ns(now_ns), &mut ());
                }
                Output::Unicast { bytes, .. } => {
                    self.channel.on_datagram(Source::Unicast, &bytes, ns(now_ns), &mut ());
                }
                Output::Stream(StreamOutput::Bytes(connection, bytes)) if self.connection == Some(connection) => {
                    self.with_session(venue, now_ns, |session, mut sink| {
                        session.on_bytes(ns(now_ns), &bytes, &mut sink);
                    });
                }
                Output::Stream(StreamOutput::Close(connection)) if self.connection == Some(connection) => {
                    self.connection = None;
                    self.with_session(venue, now_ns, |session, mut sink| session.disconnected(ns(now_ns), &mut sink));
                }
                Output::Legacy { .. } | Output::Stream(_) => {}
            }
        }
    }

    fn place(&mut self, now_ns: i64, side: HedgeSide, contracts: i64, price: i64, style: Style) {
        let wanted = Wanted {
            terms_index: 0,
            hedge: (0, 1),
            side,
            contracts,
            price: Price9(price),
            style,
            arrival: 60_000 << 8,
        };
        let Ok(request) = self.oms.place(&wanted) else { return };
        match self.session.send(ns(now_ns), &request) {
            Ok(seq) => self.oms.sent(request.client_order_id, seq, ns(now_ns)),
            Err(_) => self.oms.not_sent(request.client_order_id),
        }
    }

    fn amend(&mut self, now_ns: i64, id: i64, price: i64) {
        let Ok(request) = self.oms.amend(id, Price9(price)) else { return };
        match self.session.send(ns(now_ns), &request) {
            Ok(seq) => self.oms.sent(id, seq, ns(now_ns)),
            Err(_) => self.oms.not_sent(id),
        }
    }

    fn cancel(&mut self, now_ns: i64, id: i64) {
        let Ok(request) = self.oms.cancel(id) else { return };
        match self.session.send(ns(now_ns), &request) {
            Ok(seq) => self.oms.sent(id, seq, ns(now_ns)),
            Err(_) => self.oms.not_sent(id),
        }
    }

    /// One random thing that a desk does.
    fn trade(&mut self, now_ns: i64, random: &mut Random, mark: i64) {
        if !self.session.is_ready() {
            return;
        }
        let is_buy = random.chance(0.5);
        let (side, sign) = if is_buy { (HedgeSide::Buy, 1) } else { (HedgeSide::Sell, -1) };
        let (contracts, ticks) = (1 + random.index(20) as i64, random.index(12) as i64);
        let price = (mark / (UNIT / 2) - sign * ticks) * (UNIT / 2);
        let live: Vec<i64> = self.oms.live().map(|order| order.client_order_id).collect();
        match random.weighted(&[0.45, 0.2, 0.2, 0.15]) {
            0 => self.place(now_ns, side, contracts, price, Style::PostOnly),
            1 => self.place(now_ns, side, contracts, price + 30 * sign * UNIT, Style::ImmediateOrCancel),
            2 if !live.is_empty() => self.cancel(now_ns, live[random.index(live.len())]),
            _ if !live.is_empty() => self.amend(now_ns, live[random.index(live.len())], price),
            _ => {}
        }
    }

    /// Filled contracts of all orders, buys less sells.
    fn position(&self) -> i64 {
        let signed = |id: i64| {
            let order = self.oms.order(id)?;
            Some(if order.side == HedgeSide::Buy { order.filled() } else { -order.filled() })
        };
        (1..self.oms.next_client_order_id()).filter_map(signed).sum()
    }
}

/// One side of a book: number, price, place, open quantity.
type Side4 = Vec<(i64, i64, i64, i64)>;

fn venue_side(venue: &Venue, place: usize, side: Side) -> Side4 {
    venue.book(place).orders(side).map(|o| (o.order_id, o.price, o.sort_id, o.quantity - o.filled)).collect()
}

/// Compares every book; fails with what is wrong.
fn compare_books(venue: &Venue, channel: &Channel, context: &str) {
    assert_eq!(channel.state(), ChannelState::Live, "{context}: {:?}", channel.counts());
    for (place, instrument) in venue.instruments().iter().enumerate() {
        let handle = channel.handle(instrument.id).unwrap_or_else(|| panic!("{context}: {} is known", instrument.name));
        let known = channel.instrument(handle).expect("a handle is of an instrument");
        for (ours, theirs) in [(Side::Buy, BookSide::Bid), (Side::Sell, BookSide::Ask)] {
            let seen: Side4 =
                known.book().orders(theirs).map(|o| (o.order_id, o.price, o.sort_order_id, o.quantity)).collect();
            assert_eq!(seen, venue_side(venue, place, ours), "{context}: {} {ours:?}", instrument.name);
        }
        let doubt = channel.book(handle).err();
        let shape = (venue.book(place).best(Side::Buy), venue.book(place).best(Side::Sell));
        assert!(doubt.is_none(), "{context}: {} {doubt:?} {shape:?}", instrument.name);
    }
    assert_eq!(channel.book_counts().contradictions, 0, "{context}");
    assert_eq!(channel.counts().messages.errors, 0, "{context}");
}

/// Both sides after `seconds` under faults and some seconds without: venue, desk.
fn run(seed: u64, faults: FaultSettings, lines: Lines, seconds: i64) -> (Venue, Desk) {
    let is_padded = seed % 2 == 1;
    let mut settings = VenueSettings {
        flow: Some(FlowSettings { rate: 60.0, ..FlowSettings::default() }),
        faults,
        lines,
        ..settings(seed)
    };
    settings.gateway.is_padded = is_padded;
    let (mut venue, mut desk) = (Venue::new(settings, START, None), Desk::new(is_padded));
    let mut random = Random::new(seed, 77);
    let mut now_ns = START;
    let (end_ns, step_ns) = (START + seconds * UNIT, MS);
    while now_ns < end_ns + 20 * UNIT {
        now_ns += step_ns;
        if now_ns == end_ns {
            venue.end_faults(now_ns);
        }
        if now_ns == end_ns + 10 * UNIT {
            venue.end_flow();
        }
        venue.advance(now_ns);
        desk.hear(&mut venue, now_ns);
        if now_ns < end_ns && random.chance(0.02) {
            let mark = venue.instruments()[PERPETUAL].mark.expect("a mark");
            desk.trade(now_ns, &mut random, mark);
        }
        desk.act(&mut venue, now_ns);
    }
    (venue, desk)
}

fn compare_orders(venue: &Venue, desk: &Desk, context: &str) {
    assert!(desk.session.is_ready() && desk.session.phase() == Phase::LoggedOn, "{context}: {:?}", desk.session);
    let faults: Vec<_> = desk
        .told
        .iter()
        .filter(|event| {
            matches!(event, OmsEvent::Fault { .. } | OmsEvent::Unmatched { .. } | OmsEvent::UnknownReport { .. })
        })
        .collect();
    assert!(faults.is_empty(), "{context}: {faults:?}");
    let quantities = desk.oms.quantities();
    assert_eq!((quantities.unknown, quantities.overfilled), (0, 0), "{context}: {quantities:?}");
    let ours: Vec<_> = desk.oms.live().map(|o| (o.client_order_id, o.price.0, o.quantity - o.filled())).collect();
    let mut theirs: Vec<_> = venue
        .open_orders(0)
        .map(|(_, o)| (o.client_order_id, o.price, (o.quantity - o.filled) / CONTRACT_USD))
        .collect();
    let mut ours_sorted = ours;
    ours_sorted.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(ours_sorted, theirs, "{context}: open orders");
    assert_eq!(desk.position() * CONTRACT_USD, venue.position(0, PERPETUAL), "{context}: position");
}

/// Runs one kind of fault and compares both sides.
fn agrees(name: &str, faults: FaultSettings, lines: Lines, has_happened: impl Fn(&Venue, &Desk) -> bool) {
    for seed in 1..=3 {
        let context = format!("{name}, seed {seed}");
        let (venue, desk) = run(seed, faults, lines, 20);
        let counts = venue.counts();
        compare_books(&venue, &desk.channel, &context);
        compare_orders(&venue, &desk, &format!("{context}, {:?}, closed {:?}", counts.faults, desk.closed));
        assert!(counts.exchange.member_fills > 5 && counts.exchange.amends > 0, "{context}: {counts:?}");
        assert!(has_happened(&venue, &desk), "{context}: {counts:?}");
    }
}

#[test]
fn client_and_venue_agree_without_faults() {
    agrees("no fault", FaultSettings::default(), Lines::Active, |_, desk| {
        desk.channel.counts().gaps == 0 && desk.session.counts().gaps == 0 && desk.closed.is_empty()
    });
}

#[test]
fn client_and_venue_agree_after_lost_packets() {
    let faults = FaultSettings { loss: 0.05, ..FaultSettings::default() };
    agrees("loss", faults, Lines::Active, |_, desk| desk.channel.counts().messages_retransmitted > 0);
}

#[test]
fn client_and_venue_agree_after_loss_on_both_lines() {
    let faults = FaultSettings { loss: 0.2, ..FaultSettings::default() };
    agrees("loss on both lines", faults, Lines::Both, |_, desk| {
        desk.channel.counts().lines.iter().all(|line| line.messages_first > 0)
    });
}

#[test]
fn client_and_venue_agree_after_doubled_and_late_packets() {
    let faults = FaultSettings { duplicate: 0.1, reorder: 0.1, reorder_ns: 3 * MS, ..FaultSettings::default() };
    agrees("doubled and late", faults, Lines::Active, |_, desk| desk.channel.counts().early_packets > 0);
}

#[test]
fn client_and_venue_agree_after_fail_over_and_silence() {
    let faults = FaultSettings {
        fail_over_mean_ns: 3 * UNIT,
        fail_over_ns: 50 * MS,
        silence_mean_ns: 5 * UNIT,
        silence_ns: 6 * UNIT,
        ..FaultSettings::default()
    };
    agrees("fail-over and silence", faults, Lines::Active, |venue, desk| {
        venue.counts().faults.fail_overs > 0 && desk.channel.counts().gaps > 0
    });
}

#[test]
fn client_and_venue_agree_after_disconnects() {
    let faults = FaultSettings { disconnect_mean_ns: 2 * UNIT, ..FaultSettings::default() };
    agrees("disconnects", faults, Lines::Active, |_, desk| desk.session.counts().logons > 2);
}

#[test]
fn client_and_venue_agree_after_dropped_late_and_refused_orders() {
    let faults = FaultSettings {
        report_drop: 0.1,
        report_delay: 0.1,
        report_delay_ns: 30 * MS,
        reject: 0.1,
        ..FaultSettings::default()
    };
    agrees("reports", faults, Lines::Active, |venue, desk| {
        venue.counts().faults.rejects > 0 && desk.session.counts().gaps > 0
    });
}

#[test]
fn client_and_venue_agree_after_halts() {
    let faults = FaultSettings { halt_mean_ns: 2 * UNIT, halt_ns: UNIT / 2, ..FaultSettings::default() };
    agrees("halts", faults, Lines::Active, |venue, _| venue.counts().faults.halts > 0);
}

#[test]
fn client_and_venue_agree_after_everything() {
    agrees("everything", FaultSettings::all(), Lines::Active, |_, desk| desk.channel.counts().gaps > 0);
}
