//! One session for orders, from the connection to the hedges of its underlyings.
//!
//! ```text
//!   Closed ──ready──► Sweeping: mass cancel ──some──► again ──none──► Clean: hedges may leave
//!     ▲                   │ no answer, refused: again                  │
//!     └───── closed ──────┴────────────────────────────────────────────┘   (a gap of reports alone: wait for Ready)
//! ```
//!
//! Whoever comes to a session, for the first time or again, first makes the venue say that nothing is open: a mass
//! cancel that finds nothing. Only then are positions what the reports add up to, and hedges may leave.
//!
//! Invariants:
//! * numbers are used only after the block they are in is on record (`usable`);
//! * what the reports of earlier lives add is on record order by order, so that a death in the middle of it counts none twice;
//! * in the first sweep reports of earlier lives are [`Recovery`]'s; afterwards they are faults;
//! * what the gateway no longer has is asked for in every life, until people have told the positions: no restart proves them.

use super::alarm::Alarm;
use super::image::GatewayImage;
use super::record::Record;
use super::recovery::{Found, Recovery};
use crate::config::GatewayPlan;
use crate::deribit::starbase::orders::hedges::{HedgeRules, Hedges, Request, Update};
use crate::deribit::starbase::orders::oms::{Oms, OmsEvent, OmsOptions, OwnFill};
use crate::deribit::starbase::orders::session::{CloseReason, Event, Sequences, Session, SessionOptions, Violation};
use crate::deribit::starbase::orders::value::{HedgeTerms, Side};
use crate::deribit::starbase::orders::{
    Credential, Framing, MassCancelRequest, Message, ProductType, Side as WireSide, Wire,
};

/// Numbers that are reserved at once.
const BLOCK: i64 = 1 << 16;
/// log2 of the orders that are remembered.
const PLACES_LOG2: u8 = 12;
/// Longest message that is believed, bytes.
const MESSAGE_BYTES_MAX: u16 = 60_000;
/// Bytes that may wait for the connection.
const OUTGOING_BYTES_MAX: usize = 1 << 18;
/// Most a session tells in one call before somebody looks.
const TOLD: usize = 256;

/// What stands between the session and hedging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No session, or its reports are not all there yet.
    Closed,
    /// A mass cancel is to be sent, or was sent at a time, ns.
    Sweeping(Option<u64>),
    /// Nothing is open but what was sent since.
    Clean,
}

/// What a gateway tells the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    /// A connection is wanted.
    Connect,
    /// The connection is to be closed.
    Close,
    /// The venue has said that nothing is open.
    Swept {
        /// Orders that the last mass cancels found.
        orders: i64,
    },
    /// An alarm that has no end of its own.
    Alarm(Alarm),
    /// Reports are missing, from a number on; or they have come.
    Missing(Option<i64>),
    /// Reports are lost for good.
    Lost,
    /// A report that is not ours.
    Unmatched(i64),
    /// A fill of the desk's own.
    Own(OwnFill),
    /// A fill of an earlier life.
    Found(Found),
}

/// What happened with a gateway that its session does not count itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateCounts {
    /// Sessions that ended.
    pub disconnects: u64,
    /// Of those, because the gateway did what it must not.
    pub violations: u64,
    /// Of those, because nothing came after a test request.
    pub silences: u64,
    /// Mass cancels sent.
    pub mass_cancels: u64,
    /// Reports of orders or requests that are not ours.
    pub unmatched: u64,
}

/// One gateway.
pub struct Gate {
    index: u8,
    pub session: Session,
    pub hedges: Hedges,
    terms: Vec<HedgeTerms>,
    standing: Standing,
    /// The earlier lives, until the first sweep is over.
    recovery: Option<Recovery>,
    /// Numbers of orders below this are of earlier lives.
    first_order: i64,
    /// Whether the gateway had all of the earlier lives' reports.
    is_proved: bool,
    /// Up to this report nothing was lost: it is what the record names, so that the next life finds the loss again.
    proved_in: i64,
    was_ready: bool,
    is_killed: bool,
    /// Orders that the mass cancels of this sweep found.
    swept: i64,
    correlation_id: i64,
    /// Numbers below these are on record: of messages, of orders.
    usable: (i64, i64),
    /// Reserved, and not on record yet: by count of records.
    pending: Option<(u64, (i64, i64))>,
    /// Orders of earlier lives that are over, and still on record.
    settled: Vec<i64>,
    /// Orders as they are on record: number and contracts filled.
    recorded: Vec<(i64, i64)>,
    pub updates: Vec<Update>,
    pub told: Vec<Told>,
    /// Whether [`Gate::act`] has something to do.
    pub is_due: bool,
    /// Whether a report came that is not committed yet.
    pub is_uncommitted: bool,
    pub deadline_ns: u64,
    pub counts: GateCounts,
    timeout_ns: u64,
}

impl Gate {
    /// A gateway without a connection. Records must be written before it may send: [`Gate::reserve`].
    pub fn new(
        index: u8,
        plan: &GatewayPlan,
        secret: Credential<48>,
        (terms, rules): (Vec<HedgeTerms>, &[HedgeRules]),
        image: Option<&GatewayImage>,
        now_ns: u64,
    ) -> Self {
        let image = image.filter(|image| image.next_out > 0);
        // Without a memory: microseconds since 1970, beyond whatever an engine that nobody remembers has used.
        let first_order = image.map_or((now_ns / 1_000).cast_signed(), |image| image.next_order);
        let sequences = image.filter(|image| image.expected_in > 0);
        let sequences = sequences.map(|image| Sequences { next_out: image.next_out, expected_in: image.expected_in });
        let options = SessionOptions {
            client_id: plan.client_id,
            secret,
            framing: Framing { is_padded: plan.is_padded, message_bytes_max: MESSAGE_BYTES_MAX },
            cancel_on_disconnect: true,
            logon_timeout_ns: plan.logon_timeout_ns,
            logout_timeout_ns: plan.logon_timeout_ns,
            resend_timeout_ns: plan.resend_timeout_ns,
            reconnect_min_ns: plan.reconnect_min_ns,
            reconnect_max_ns: plan.reconnect_max_ns,
            outgoing_bytes_max: OUTGOING_BYTES_MAX,
        };
        let oms = OmsOptions {
            first_client_order_id: first_order,
            places_log2: PLACES_LOG2,
            response_timeout_ns: plan.response_timeout_ns,
            cancel_on_disconnect: true,
            mmp: plan.mmp,
            self_match_prevention_id: plan.self_match_prevention_id,
        };
        let terms_of = |underlying: u8| rules.iter().find(|rule| rule.underlying == underlying).map(|r| r.terms_index);
        let remembered = image.map(|image| image.orders.clone()).unwrap_or_default();
        let recovery = Recovery::new(terms.clone(), &remembered, terms_of);
        Self {
            index,
            session: Session::new(options, sequences),
            hedges: Hedges::new(Oms::new(oms, terms.clone()), rules, plan.rate, now_ns),
            terms,
            standing: Standing::Closed,
            recovery: Some(recovery),
            first_order,
            // Without an earlier life there is nothing to prove: the configuration's position is the venue's.
            is_proved: sequences.is_none() && image.is_none(),
            proved_in: image.map_or(0, |image| image.expected_in),
            was_ready: false,
            is_killed: false,
            swept: 0,
            correlation_id: 0,
            usable: (0, 0),
            pending: None,
            settled: Vec::new(),
            recorded: Vec::with_capacity(64),
            updates: Vec::with_capacity(TOLD),
            told: Vec::with_capacity(TOLD),
            is_due: false,
            is_uncommitted: false,
            deadline_ns: 0,
            counts: GateCounts::default(),
            timeout_ns: plan.response_timeout_ns,
        }
    }

    /// What stands between the session and hedging.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether orders may leave.
    pub fn may_send(&self) -> bool {
        self.standing == Standing::Clean && self.hedges.is_ready() && self.session.is_ready() && !self.is_killed
    }

    /// Whether positions are what was remembered and reported: the gateway had every report.
    pub fn is_proved(&self) -> bool {
        self.is_proved
    }

    /// People have told the positions: what was lost does not matter any more.
    pub fn prove(&mut self) {
        self.is_proved = true;
        let lossy: Vec<(i64, i64)> = (self.hedges.oms.live().filter(|order| order.is_lossy))
            .map(|order| (order.client_order_id, order.filled()))
            .collect();
        for (id, filled) in lossy {
            // What it filled is in the position that was told.
            let _ = self.hedges.oms.reconcile(id, filled);
        }
        self.is_due = true;
    }

    /// Reserves numbers, if less than half a block is left; `record_count` is how many records there will be with it.
    pub fn reserve(&mut self, record_count: u64) -> Option<Record> {
        let used = (self.session.sequences().next_out, self.hedges.oms.next_client_order_id());
        let reserved = self.pending.map_or(self.usable, |(_, numbers)| numbers);
        if reserved.0 - used.0 > BLOCK / 2 && reserved.1 - used.1 > BLOCK / 2 {
            return None;
        }
        let numbers = (used.0 + BLOCK, used.1 + BLOCK);
        self.pending = Some((record_count, numbers));
        Some(Record::Reserve { gateway: self.index, next_out: numbers.0, next_order: numbers.1 })
    }

    /// So many records are in the file.
    pub fn on_durable(&mut self, record_count: u64) {
        if let Some((_, numbers)) = self.pending.filter(|(needed, _)| record_count >= *needed) {
            (self.usable, self.pending) = (numbers, None);
        }
    }

    /// Whether a message may be sent: its number is on record.
    fn is_usable(&self) -> bool {
        self.session.sequences().next_out < self.usable.0
    }

    /// Wants a session.
    pub fn start(&mut self, now_ns: u64) {
        self.session.start(now_ns);
    }

    /// The connection stands.
    pub fn connected(&mut self, now_ns: u64) {
        if self.is_usable() {
            self.session.connected(now_ns);
        } else {
            self.session.connection_failed(now_ns);
            self.told.push(Told::Close);
        }
    }

    /// Runs part of the session, and carries over what it says.
    pub fn with_session(&mut self, act: impl FnOnce(&mut Session, &mut dyn FnMut(Event<'_>))) {
        let Self { session, hedges, recovery, told, terms, counts, .. } = self;
        let (mut ready, mut is_closed, mut came, mut swept) = (None, false, false, None);
        let (first_order, is_proved) = (self.first_order, &mut self.is_proved);
        act(session, &mut |event| {
            if let (Some(recovery), Event::Report { message, .. }) = (recovery.as_mut(), &event) {
                recovery.on_report(message, &mut |found| told.push(Told::Found(found)));
            }
            let is_recovering = recovery.is_some();
            hedges.on_session(&event, &mut |said| match said {
                OmsEvent::MassCancelled { orders } => swept = Some(i64::from(orders)),
                said => tell(told, said, is_recovering, first_order, terms),
            });
            match &event {
                Event::Connect => told.push(Told::Connect),
                Event::Report { message, .. } => {
                    came = true;
                    if let Message::NewOrderReject(reject) = message {
                        let (client_order_id, reason) = (reject.client_order_id, reject.reason);
                        told.push(Told::Alarm(Alarm::OrderRefused { client_order_id, reason }));
                    }
                }
                Event::Ready { is_continuous } => {
                    ready = Some(*is_continuous);
                    told.push(Told::Missing(None));
                }
                Event::GapOpened { from } => told.push(Told::Missing(Some(*from))),
                Event::Lost { .. } => {
                    *is_proved = false;
                    told.push(Told::Lost);
                }
                Event::Closed(reason) => {
                    counts.disconnects += 1;
                    match reason {
                        CloseReason::Violation(Violation::Silent { .. }) => counts.silences += 1,
                        CloseReason::Violation(_) => counts.violations += 1,
                        _ => {}
                    }
                    is_closed = true;
                    told.push(Told::Close);
                }
                Event::GapFilled { .. } => {}
            }
        });
        self.is_due = true;
        self.is_uncommitted |= came;
        if is_closed {
            self.standing = Standing::Closed;
            self.told.push(Told::Missing(None));
        } else if let Some(is_continuous) = ready {
            self.on_ready(is_continuous);
        }
        if let Some(orders) = swept {
            self.on_swept(orders);
        }
    }

    fn on_ready(&mut self, is_continuous: bool) {
        let is_first = !std::mem::replace(&mut self.was_ready, true);
        if is_first {
            self.is_proved |= is_continuous;
        } else if !is_continuous {
            self.is_proved = false;
        }
        if !self.is_proved {
            self.told.push(Told::Lost);
        }
        self.is_uncommitted = true;
        if self.standing == Standing::Closed {
            self.standing = Standing::Sweeping(None);
            self.swept = 0;
        }
    }

    /// A mass cancel was answered: it found so many orders.
    fn on_swept(&mut self, orders: i64) {
        if !matches!(self.standing, Standing::Sweeping(Some(_))) {
            return;
        }
        self.swept += orders.max(0);
        if orders > 0 {
            self.standing = Standing::Sweeping(None);
            return;
        }
        self.standing = Standing::Clean;
        self.settled.extend(self.recovery.take().iter().flat_map(Recovery::orders));
        self.told.push(Told::Swept { orders: self.swept });
    }

    /// Begins a sweep: everything is cancelled, until the venue finds nothing.
    pub fn sweep(&mut self) {
        if self.standing != Standing::Closed {
            self.standing = Standing::Sweeping(None);
            self.swept = 0;
        }
        self.is_due = true;
    }

    /// Stops everything that is at the venue, for good.
    pub fn kill(&mut self) {
        self.is_killed = true;
        self.hedges.stop();
        self.sweep();
    }

    /// Takes hedges again.
    pub fn revive(&mut self) {
        self.is_killed = false;
        self.hedges.resume();
        self.is_due = true;
    }

    /// Whether nothing is open, and the venue has said so since the last sweep began.
    pub fn is_empty(&self) -> bool {
        self.standing == Standing::Clean && self.hedges.oms.live().next().is_none()
    }

    /// Does what is due of session and hedges.
    pub fn act(&mut self, now_ns: u64) {
        self.with_session(|session, mut sink| session.on_time(now_ns, &mut sink));
        self.is_due = false;
        let is_usable = self.is_usable();
        self.send_sweep(now_ns, is_usable);
        let holds_back = !matches!(self.standing, Standing::Clean);
        let Self { session, hedges, updates, usable, .. } = self;
        let mut send = |request: &Request| {
            if session.sequences().next_out >= usable.0 {
                return None;
            }
            match request {
                // Until the venue has said that nothing is open, nothing new is.
                Request::New(new) if holds_back || new.client_order_id >= usable.1 => None,
                Request::New(new) => session.send(now_ns, new).ok(),
                Request::Amend(amend) => session.send(now_ns, amend).ok(),
                Request::Cancel(cancel) => session.send(now_ns, cancel).ok(),
            }
        };
        hedges.act(now_ns, &mut send, &mut |update| updates.push(update));
        let own = self.hedges.deadline_ns(now_ns).unwrap_or(u64::MAX);
        let session = self.session.deadline_ns().unwrap_or(u64::MAX);
        let sweep = match self.standing {
            Standing::Sweeping(Some(asked_ns)) => asked_ns.saturating_add(self.timeout_ns),
            _ => u64::MAX,
        };
        self.deadline_ns = own.min(session).min(sweep);
    }

    fn send_sweep(&mut self, now_ns: u64, is_usable: bool) {
        let is_due = match self.standing {
            Standing::Sweeping(None) => true,
            Standing::Sweeping(Some(asked_ns)) => now_ns.saturating_sub(asked_ns) >= self.timeout_ns,
            Standing::Closed | Standing::Clean => false,
        };
        if !is_due || !is_usable || !self.session.is_ready() {
            return;
        }
        self.correlation_id += 1;
        let request = MassCancelRequest {
            correlation_id: self.correlation_id,
            currency_pair_id: i64::NULL,
            instrument_id: i64::NULL,
            product_type: ProductType::All,
            side: WireSide::Both,
        };
        if self.session.send(now_ns, &request).is_ok() {
            self.counts.mass_cancels += 1;
            self.standing = Standing::Sweeping(Some(now_ns));
        }
    }

    /// What has changed of orders since the last commit, and the commit.
    pub fn commit(&mut self, records: &mut Vec<Record>) {
        let gateway = self.index;
        self.is_uncommitted = false;
        records.extend(self.settled.drain(..).map(|client_order_id| Record::Done { gateway, client_order_id }));
        let (oms, recorded) = (&self.hedges.oms, &mut self.recorded);
        recorded.retain(|(id, _)| {
            let is_live = oms.order(*id).is_some_and(|order| !order.is_done());
            if !is_live {
                records.push(Record::Done { gateway, client_order_id: *id });
            }
            is_live
        });
        for order in oms.live() {
            let (id, filled) = (order.client_order_id, order.filled());
            match recorded.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) if *known == filled => continue,
                Some((_, known)) => *known = filled,
                None => recorded.push((id, filled)),
            }
            let sign = if order.side == Side::Buy { 1 } else { -1 };
            records.push(Record::Order {
                gateway,
                underlying: order.hedge.0,
                client_order_id: id,
                quantity: sign * order.quantity,
                filled,
                price: order.price.0,
            });
        }
        if self.is_proved {
            self.proved_in = self.session.sequences().expected_in;
        }
        records.push(Record::Commit { gateway, expected_in: self.proved_in });
    }
}

/// What the order table says, as the engine hears it.
fn tell(told: &mut Vec<Told>, said: OmsEvent, is_recovering: bool, first_order: i64, terms: &[HedgeTerms]) {
    match said {
        OmsEvent::Fault { client_order_id, fault } => {
            told.push(Told::Alarm(Alarm::OrderFaulty { client_order_id, fault }));
        }
        // In hedge instruments only orders trade: those of earlier lives are told by the recovery, others are unmatched.
        OmsEvent::OwnFill(fill) if terms.iter().any(|terms| terms.instrument_id == fill.instrument_id) => {}
        OmsEvent::OwnFill(fill) => told.push(Told::Own(fill)),
        OmsEvent::Unmatched { client_order_id, .. } => {
            if !(is_recovering && client_order_id < first_order) {
                told.push(Told::Unmatched(client_order_id));
            }
        }
        OmsEvent::CancelRejected { client_order_id, reason } => {
            told.push(Told::Alarm(Alarm::CancelRefused { client_order_id, reason }));
        }
        // A mass cancel that was refused is asked again when its time is over; the ladder looks after amendments.
        OmsEvent::MassCancelled { .. } | OmsEvent::MassCancelRejected { .. } | OmsEvent::AmendRejected { .. } => {}
        OmsEvent::RequestRejected { seq } => told.push(Told::Unmatched(seq)),
        OmsEvent::UnknownReport { template } => told.push(Told::Unmatched(i64::from(template))),
    }
}
