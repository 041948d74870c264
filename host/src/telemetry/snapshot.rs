//! A snapshot of everything, in the units that people read: coin, contracts, USD, seconds. It is what `status` answers
//! and what the screen is drawn from.
//!
//! Each underlying's numbers belong together; those of different underlyings, and counts, may be some nanoseconds apart.

use std::collections::BTreeMap;

use hedgewire_abi::Reason;
use hedgewire_abi::format::{COIN_BITS, CONTRACT_BITS};
use serde::{Deserialize, Serialize};

use super::{
    AlarmKind, BookTrust, Decision, DecisionKind, FailOverCause, FeedCount, FillOrigin, JournalCount, Latency,
    OrderCount, PacketCount, Picture, SessionCount, Telemetry,
};

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of the program.
    pub version: String,
    /// When it was taken, ns since 1970.
    pub at_ns: u64,
    /// Since the start, s.
    pub uptime_s: f64,
    /// Since the engine's last sign of life, s; none before the first.
    pub engine_age_s: Option<f64>,
    /// Underlyings, in order.
    pub underlyings: Vec<UnderlyingStatus>,
    /// What became of packets before anybody knew their feed, by name.
    pub packets: BTreeMap<String, u64>,
    /// Feeds, in order.
    pub feeds: Vec<FeedStatus>,
    /// Sessions, in order.
    pub sessions: Vec<SessionStatus>,
    /// The card.
    pub card: CardStatus,
    /// The journal.
    pub journal: JournalStatus,
    /// Latencies, by name.
    pub latencies: BTreeMap<String, LatencyStatus>,
    /// The last decisions, newest first.
    pub decisions: Vec<DecisionStatus>,
    /// Alarms that are raised, critical ones first.
    pub alarms: Vec<AlarmStatus>,
}

/// An underlying.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnderlyingStatus {
    /// Coin.
    pub name: String,
    /// The hedge instrument.
    pub instrument: String,
    /// Since the quote, s; none before the first.
    pub quote_age_s: Option<f64>,
    /// Best bid, USD; 0 for none.
    pub bid_usd: f64,
    /// Best ask, USD; 0 for none.
    pub ask_usd: f64,
    /// Reference price, USD.
    pub price_usd: f64,
    /// Delta of the portfolio's rows, hedges not included, coin.
    pub rows_delta_coins: f64,
    /// Net delta to hold, coin.
    pub target_coins: f64,
    /// Gamma, coin per unit of log price.
    pub gamma_coins: f64,
    /// Vega, coin per 1.00 of vol.
    pub vega_coins: f64,
    /// Net exposure against the target, contracts.
    pub exposure_contracts: f64,
    /// Half band, contracts.
    pub band_contracts: f64,
    /// The exposure if every open or unknown order that buys is filled, contracts.
    pub highest_contracts: f64,
    /// The exposure if every open or unknown order that sells is filled, contracts.
    pub lowest_contracts: f64,
    /// Position of the hedge instrument, contracts.
    pub position_contracts: i64,
    /// Open orders that buy, contracts.
    pub open_buy_contracts: u32,
    /// Open orders that sell, contracts.
    pub open_sell_contracts: u32,
    /// Orders in unknown state that buy, contracts.
    pub unknown_buy_contracts: u32,
    /// Orders in unknown state that sell, contracts.
    pub unknown_sell_contracts: u32,
    /// Profit of this run's hedges, fees paid, USD.
    pub hedge_profit_usd: f64,
    /// Cost of this run's hedges: fees and slippage, USD.
    pub hedge_cost_usd: f64,
    /// Whether orders may leave.
    pub is_armed: bool,
    /// Whether the kill is set.
    pub is_killed: bool,
    /// Whether position and orders agree with the venue's.
    pub is_reconciled: bool,
    /// Whether the exposure is beyond the emergency band.
    pub is_urgent: bool,
    /// Whether nothing can be traded: no session takes orders, or the venue does not trade the instrument.
    pub is_restricted: bool,
    /// How far the book may be believed.
    pub book: String,
    /// Decisions to send an order.
    pub hedges: u64,
    /// Decisions not to, by reason, those that there were.
    pub refusals: BTreeMap<String, u64>,
    /// Faults that the kernel told of, by reason.
    pub faults: BTreeMap<String, u64>,
    /// What became of orders.
    pub orders: BTreeMap<String, u64>,
    /// Fills by origin.
    pub fills: BTreeMap<String, u64>,
}

/// A feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Name.
    pub name: String,
    /// Where it is.
    pub state: String,
    /// What it counted.
    pub counts: BTreeMap<String, u64>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// Name.
    pub name: String,
    /// Where it is.
    pub state: String,
    /// What it counted.
    pub counts: BTreeMap<String, u64>,
}

/// The card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardStatus {
    /// Who answers.
    pub backend: String,
    /// Fail-overs by cause, those that there were.
    pub fail_overs: BTreeMap<String, u64>,
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalStatus {
    /// What it counted.
    pub counts: BTreeMap<String, u64>,
    /// Entries not yet taken by the system.
    pub backlog: u64,
}

/// A latency, ns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyStatus {
    /// How many were measured.
    pub count: u64,
    /// Half of them are at most so long; none if there are none.
    pub p50_ns: Option<u64>,
    /// 99 of 100.
    pub p99_ns: Option<u64>,
    /// 999 of 1,000.
    pub p999_ns: Option<u64>,
    /// All.
    pub max_ns: Option<u64>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionStatus {
    /// Its number.
    pub number: u64,
    /// Time of the command, ns since 1970.
    pub at_ns: u64,
    /// Underlying.
    pub underlying: String,
    /// `hedge`, `refused` or `fault`.
    pub kind: String,
    /// Why not; `NONE` for an order.
    pub reason: String,
    /// Whether the exposure was beyond the emergency band.
    pub is_urgent: bool,
    /// Contracts, positive to buy.
    pub quantity_contracts: i64,
    /// Limit price, USD; 0 without an order.
    pub limit_usd: f64,
    /// Net exposure against the target, contracts.
    pub exposure_contracts: f64,
    /// Half band, contracts.
    pub band_contracts: f64,
}

/// An alarm that is raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmStatus {
    /// Name.
    pub name: String,
    /// `critical` or `warning`.
    pub severity: String,
    /// For whom.
    pub subject: String,
    /// When it was last raised for anyone, ns since 1970.
    pub raised_ns: u64,
    /// What it means.
    pub meaning: String,
    /// What to do.
    pub action: String,
}

/// 2^-32 coin as coin.
pub(super) fn coins(value: i64) -> f64 {
    value as f64 / (1u64 << COIN_BITS) as f64
}

/// 2^-16 contract as contracts.
pub(super) fn contracts(value: i64) -> f64 {
    value as f64 / (1u64 << CONTRACT_BITS) as f64
}

/// 10^-6 USD as USD.
pub(super) fn usd(micro: i64) -> f64 {
    micro as f64 * 1e-6
}

/// Time from one to the other, s.
pub(super) fn seconds(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 * 1e-9
}

/// Every row of a table with its count.
macro_rules! all {
    ($table:ident, $count:expr) => {
        $table::ALL.iter().map(|&row| (row.name().to_owned(), $count(row))).collect()
    };
}

/// Every reason with its count, where there were any.
fn by_reason(count: impl Fn(Reason) -> u64) -> BTreeMap<String, u64> {
    let reasons = Reason::ALL.iter().map(|&reason| (reason.name().to_owned(), count(reason)));
    reasons.filter(|(_, count)| *count > 0).collect()
}

impl Telemetry {
    /// Everything as it is now; `now_ns` is ns since 1970 by the machine's clock. For any thread but the engine's.
    pub fn snapshot(&self, now_ns: u64) -> Snapshot {
        let names = self.names();
        let feed = |number: usize| {
            let cells = self.feed(number);
            let counts = all!(FeedCount, |row| cells.count(row).get());
            FeedStatus { name: names.feeds[number].clone(), state: cells.state().name().to_owned(), counts }
        };
        let session = |number: usize| {
            let cells = self.session(number);
            let counts = all!(SessionCount, |row| cells.count(row).get());
            SessionStatus { name: names.sessions[number].clone(), state: cells.state().name().to_owned(), counts }
        };
        let fail_overs: BTreeMap<String, u64> = all!(FailOverCause, |row| self.card.count(row).get());
        let journal = all!(JournalCount, |row| self.journal.count(row).get());
        let alive_ns = self.alive_ns();
        Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at_ns: now_ns,
            uptime_s: seconds(self.started_ns(), now_ns),
            engine_age_s: (alive_ns != 0).then(|| seconds(alive_ns, now_ns)),
            underlyings: (0..names.underlyings.len()).map(|number| self.underlying_status(number, now_ns)).collect(),
            packets: all!(PacketCount, |row| self.packets.count(row).get()),
            feeds: (0..names.feeds.len()).map(feed).collect(),
            sessions: (0..names.sessions.len()).map(session).collect(),
            card: CardStatus {
                backend: self.card.state().name().to_owned(),
                fail_overs: fail_overs.into_iter().filter(|(_, count)| *count > 0).collect(),
            },
            journal: JournalStatus { counts: journal, backlog: self.journal.backlog() },
            latencies: Latency::ALL
                .iter()
                .map(|&which| (which.name().to_owned(), self.latency_status(which)))
                .collect(),
            decisions: self.decisions().iter().map(|decision| self.decision_status(decision)).collect(),
            alarms: self.alarm_statuses(),
        }
    }

    fn underlying_status(&self, number: usize, now_ns: u64) -> UnderlyingStatus {
        let (about, cells) = (&self.names().underlyings[number], self.underlying(number));
        let picture: Picture = cells.picture();
        let price = |units: u32| f64::from(units) * about.price_unit_usd;
        let (exposure, band) = (contracts(picture.exposure), contracts(picture.band));
        let trust: BookTrust = cells.trust();
        UnderlyingStatus {
            name: about.name.clone(),
            instrument: about.instrument.clone(),
            quote_age_s: (picture.quote_ns != 0).then(|| seconds(picture.quote_ns, now_ns)),
            bid_usd: price(picture.bid),
            ask_usd: price(picture.ask),
            price_usd: price(picture.price),
            rows_delta_coins: coins(picture.delta),
            target_coins: coins(picture.target),
            gamma_coins: coins(picture.gamma),
            vega_coins: coins(picture.vega),
            exposure_contracts: exposure,
            band_contracts: band,
            highest_contracts: exposure + f64::from(picture.open_buy) + f64::from(picture.unknown_buy),
            lowest_contracts: exposure - f64::from(picture.open_sell) - f64::from(picture.unknown_sell),
            position_contracts: picture.position,
            open_buy_contracts: picture.open_buy,
            open_sell_contracts: picture.open_sell,
            unknown_buy_contracts: picture.unknown_buy,
            unknown_sell_contracts: picture.unknown_sell,
            hedge_profit_usd: usd(picture.profit_micro_usd),
            hedge_cost_usd: usd(picture.cost_micro_usd),
            is_armed: picture.is_armed,
            is_killed: picture.is_killed,
            is_reconciled: picture.is_reconciled,
            is_urgent: picture.is_urgent,
            is_restricted: picture.is_restricted,
            book: trust.name().to_owned(),
            hedges: cells.hedges(),
            refusals: by_reason(|reason| cells.refused_decisions(reason)),
            faults: by_reason(|reason| cells.faults(reason)),
            orders: all!(OrderCount, |row| cells.orders(row).get()),
            fills: all!(FillOrigin, |row| cells.fills(row).get()),
        }
    }

    fn latency_status(&self, latency: Latency) -> LatencyStatus {
        let counts = self.latency(latency).read();
        LatencyStatus {
            count: counts.count(),
            p50_ns: counts.quantile_ns(0.5),
            p99_ns: counts.quantile_ns(0.99),
            p999_ns: counts.quantile_ns(0.999),
            max_ns: counts.quantile_ns(1.0),
        }
    }

    fn decision_status(&self, decision: &Decision) -> DecisionStatus {
        let about = self.names().underlyings.get(usize::from(decision.underlying));
        let kind = match decision.kind {
            DecisionKind::Hedge => "hedge",
            DecisionKind::Refused => "refused",
            DecisionKind::Fault => "fault",
        };
        DecisionStatus {
            number: decision.number,
            at_ns: decision.at_ns,
            underlying: about.map_or_else(String::new, |about| about.name.clone()),
            kind: kind.to_owned(),
            reason: decision.reason.name().to_owned(),
            is_urgent: decision.is_urgent,
            quantity_contracts: decision.quantity,
            limit_usd: about.map_or(0.0, |about| f64::from(decision.limit_price) * about.price_unit_usd),
            exposure_contracts: contracts(decision.exposure),
            band_contracts: contracts(decision.band),
        }
    }

    fn alarm_statuses(&self) -> Vec<AlarmStatus> {
        let mut raised: Vec<(AlarmKind, usize)> = AlarmKind::ALL
            .iter()
            .flat_map(|&alarm| (0..self.names().subjects(alarm.scope())).map(move |subject| (alarm, subject)))
            .filter(|&(alarm, subject)| self.alarms.is_raised(alarm, subject))
            .collect();
        raised.sort_by_key(|(alarm, _)| std::cmp::Reverse(alarm.severity()));
        let status = |(alarm, subject): (AlarmKind, usize)| AlarmStatus {
            name: alarm.name().to_owned(),
            severity: alarm.severity().name().to_owned(),
            subject: self.names().subject(alarm.scope(), subject).to_owned(),
            raised_ns: self.alarms.raised_ns(alarm),
            meaning: alarm.meaning().to_owned(),
            action: alarm.action().to_owned(),
        };
        raised.into_iter().map(status).collect()
    }
}
