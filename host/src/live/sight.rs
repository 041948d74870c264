//! What the engine shows: its state into the telemetry's cells, now and then, and its alarms as they come.
//!
//! Events of the kernel are counted as they come; everything else is copied every 20 ms, by loads and stores.

use std::sync::Arc;

use hedgewire_abi::command::code;

use super::alarm::{Alarm, Raised};
use super::engine::Engine;
use super::feed::FeedChannel;
use super::second;
use crate::card::{CardFault, Cause, Change};
use crate::config::Plan;
use crate::control::{KillCause, KillSwitch};
use crate::deribit::starbase::market::ChannelState;
use crate::deribit::starbase::orders::session::Phase;
use crate::deribit::starbase::orders::tally::Tally;
use crate::telemetry::{
    AlarmKind, Backend, BookTrust, FeedCount, FeedState, FillOrigin, JournalCount, Names, OrderCount, PacketCount,
    Picture, SessionCount, SessionState, Telemetry, Underlying, UnderlyingCells,
};

/// Between two copies, ns.
const SHOW_NS: u64 = 20_000_000;

/// What there is to tell of, by a plan.
pub fn names(plan: &Plan) -> Names {
    let underlying = |underlying: &crate::config::UnderlyingPlan| {
        Underlying::new(&underlying.coin, &underlying.hedge_name, underlying.compiler.hedge.tick_usd)
    };
    let live = plan.live.as_ref();
    Names {
        underlyings: plan.underlyings.iter().map(underlying).collect(),
        feeds: (live.iter().flat_map(|live| &live.channels))
            .map(|channel| format!("channel-{}", channel.id))
            .chain(live.and_then(|live| live.second.as_ref()).map(|_| second::NAME.to_owned()))
            .collect(),
        sessions: live.iter().flat_map(|live| &live.gateways).map(|gateway| gateway.address.to_string()).collect(),
    }
}

/// Takes note of a change of who answers as the kernel. A watchdog that tripped kills: the card has seen no sign of the
/// host for so long that nobody knows what the market did meanwhile.
pub fn card_changed(change: &Change, telemetry: &Telemetry, kill: &KillSwitch) {
    telemetry.on_card_change(change);
    if change.cause == Some(Cause::Fault(CardFault::Tripped)) {
        kill.pull(KillCause::Watchdog);
    }
}

/// Logs an alarm: for a thread that is not the engine's.
pub fn log(raised: &Raised) {
    if raised.begins {
        tracing::warn!(alarm = raised.alarm.kind().name(), "{raised}");
    } else {
        tracing::info!(alarm = raised.alarm.kind().name(), "{raised}");
    }
}

impl Engine {
    /// With somebody who watches; the telemetry has the names of [`names`].
    #[must_use]
    pub fn watched(mut self, telemetry: Arc<Telemetry>) -> Self {
        self.pictures = vec![Picture::default(); self.desks.len()];
        self.telemetry = Some(telemetry);
        self
    }

    /// Shows an alarm that began or is over.
    pub fn show_alarm(&self, raised: &Raised) {
        let Some(telemetry) = &self.telemetry else { return };
        let (kind, subject) = (raised.alarm.kind(), self.subject(&raised.alarm));
        if raised.begins {
            telemetry.alarms.raise(kind, subject, raised.now_ns);
        }
        // What has no end of its own is counted, and not left on.
        let is_on = self.alarms.on().iter().any(|on| (on.kind(), self.subject(on)) == (kind, subject));
        if !stays(kind) && !is_on {
            telemetry.alarms.clear(kind, subject);
        }
    }

    /// Which underlying, feed or session it is of, by its kind's scope.
    fn subject(&self, alarm: &Alarm) -> usize {
        match *alarm {
            Alarm::MessagesLost { channel_id, .. }
            | Alarm::ChannelSilent { channel_id }
            | Alarm::LineChanged { channel_id, .. }
            | Alarm::FeedUnreadable { channel_id, .. }
            | Alarm::FeedDirty { channel_id, .. } => {
                let found = self.feed.channels.iter().position(|channel| channel.id == channel_id);
                found.expect("Invariant: alarms are of channels that there are")
            }
            Alarm::SessionDown { gateway: number }
            | Alarm::ReportsMissing { gateway: number, .. }
            | Alarm::ReportsLost { gateway: number }
            | Alarm::Unmatched { gateway: number, .. }
            | Alarm::KillUnverified { gateway: number }
            | Alarm::BookInDoubt { underlying: number, .. }
            | Alarm::SecondFeed { underlying: number, .. }
            | Alarm::OrderInDoubt { underlying: number, .. }
            | Alarm::KernelFault { underlying: number, .. }
            | Alarm::LedgerDiffers { underlying: number, .. }
            | Alarm::OverHedge { underlying: number, .. }
            | Alarm::DefinitionDiffers { underlying: number }
            | Alarm::PositionUnproved { underlying: number, .. }
            | Alarm::PositionDiffers { underlying: number, .. }
            | Alarm::BankFailed { underlying: number }
            | Alarm::InputStale { underlying: number } => number.into(),
            Alarm::OrderRefused { .. }
            | Alarm::CancelRefused { .. }
            | Alarm::OrderFaulty { .. }
            | Alarm::FillRefused { .. }
            | Alarm::HoldingUnknown { .. }
            | Alarm::PacketsDropped { .. }
            | Alarm::InterfaceDown {}
            | Alarm::SecondFeedDown {}
            | Alarm::Killed { .. }
            | Alarm::CardDown {}
            | Alarm::NobodyAnswers {}
            | Alarm::JournalFailed {} => 0,
        }
    }

    /// Copies what is to be seen, if it is time.
    pub(super) fn show(&mut self, now_ns: u64) {
        let Some(telemetry) = self.telemetry.clone() else { return };
        if now_ns.saturating_sub(self.shown_ns) < SHOW_NS {
            return;
        }
        self.shown_ns = now_ns;
        telemetry.alive(now_ns);
        telemetry.card.set_state(match (self.driver.is_on_card(), &self.fatal) {
            (_, Some(_)) => Backend::Nobody,
            (None, None) => Backend::Cpu,
            (Some(true), None) => Backend::Card,
            (Some(false), None) => Backend::FallBack,
        });
        telemetry.journal.count(JournalCount::Entries).set_total(self.driver.journal_entries());
        self.show_packets(&telemetry);
        for (number, channel) in self.feed.channels.iter().enumerate() {
            show_channel(&telemetry, number, channel);
        }
        if let Some(second) = &self.feed.second {
            second.show(&telemetry, self.feed.channels.len(), now_ns);
        }
        for (number, gate) in self.gates.iter().enumerate() {
            let cells = telemetry.session(number);
            let Some(gate) = gate else { continue };
            let counts = gate.session.counts();
            cells.count(SessionCount::Logons).set_total(counts.logons);
            cells.count(SessionCount::Disconnects).set_total(gate.counts.disconnects);
            cells.count(SessionCount::Violations).set_total(gate.counts.violations);
            cells.count(SessionCount::HeartbeatLosses).set_total(gate.counts.silences);
            cells.count(SessionCount::MassCancels).set_total(gate.counts.mass_cancels);
            cells.count(SessionCount::Unmatched).set_total(gate.counts.unmatched);
            cells.count(SessionCount::Gaps).set_total(counts.gaps);
            cells.count(SessionCount::Duplicates).set_total(counts.duplicates);
            cells.count(SessionCount::Lost).set_total(counts.lost);
            cells.count(SessionCount::TestRequests).set_total(counts.test_requests);
            cells.set_state(match gate.session.phase() {
                Phase::Disconnected => SessionState::Disconnected,
                Phase::LoggingOn => SessionState::LoggingOn,
                Phase::LoggedOn if gate.may_send() => SessionState::Ready,
                Phase::LoggedOn => SessionState::LoggedOn,
                Phase::LoggingOut => SessionState::LoggingOut,
            });
        }
        for (desk, picture) in self.desks.iter_mut().zip(&mut self.pictures) {
            let quote = desk.quote.unwrap_or_default();
            (picture.quote_ns, picture.bid, picture.ask) = (quote.feed_ns, quote.bid, quote.ask);
            picture.price = quote.price;
            picture.target = desk.plan.setup.target.target;
            picture.position = desk.position;
            (picture.is_armed, picture.is_reconciled) = (desk.is_armed, desk.is_reconciled);
            (picture.is_killed, picture.is_restricted) = (self.kill.is_some(), desk.is_restricted);
            if let Some((profit, cost)) = desk.profit_and_cost() {
                (picture.profit_micro_usd, picture.cost_micro_usd) = (profit, cost);
            }
            let cells = telemetry.underlying(usize::from(desk.plan.index));
            cells.publish(picture);
            let tally = self.gates[desk.gateway].as_ref().and_then(|gate| gate.hedges.tally(desk.plan.index));
            show_orders(cells, tally.unwrap_or(&Tally::default()), &desk.found);
            let is_known = desk.hedge.is_some() && quote.flags & code::QUOTE_UNTRUSTED == 0;
            let trust = match is_known {
                true if desk.is_on_second => BookTrust::SecondFeed,
                true => BookTrust::Trusted,
                false => BookTrust::Unknown,
            };
            cells.set_trust(desk.doubt.map_or(trust, BookTrust::from));
            let is_disarmed = desk.is_configured && !desk.is_armed && !desk.wants_arming;
            telemetry.alarms.set(AlarmKind::Disarmed, usize::from(desk.plan.index), is_disarmed, now_ns);
        }
    }
}

impl Engine {
    fn show_packets(&self, telemetry: &Telemetry) {
        let counts = &self.packets;
        let total = |row: PacketCount, total: u64| telemetry.packets.count(row).set_total(total);
        total(PacketCount::Received, counts.received.iter().sum());
        total(PacketCount::Dropped, counts.dropped);
        total(PacketCount::OtherQueue, counts.other_queue);
        total(PacketCount::Fragments, counts.fragments);
        total(PacketCount::Malformed, counts.malformed);
        total(PacketCount::WrongSums, counts.wrong_checksum);
        total(PacketCount::NotForUs, counts.not_for_us);
        let second = self.feed.second.as_ref().map_or(0, |second| second.foreign);
        total(PacketCount::Foreign, self.feed.foreign + second);
    }
}

fn show_orders(cells: &UnderlyingCells, tally: &Tally, found: &Tally) {
    let total = |row: OrderCount, total: u64| cells.orders(row).set_total(total);
    total(OrderCount::New, tally.sent);
    total(OrderCount::Amended, tally.amendments);
    total(OrderCount::CancelSent, tally.cancels);
    total(OrderCount::Opened, tally.opened);
    total(OrderCount::Queued, tally.queued);
    total(OrderCount::Filled, tally.filled);
    total(OrderCount::Cancelled, tally.cancelled);
    total(OrderCount::Rejected, tally.rejected);
    total(OrderCount::Settled, tally.settled);
    total(OrderCount::RequestRejected, tally.requests_rejected);
    total(OrderCount::Unknown, tally.unknown);
    total(OrderCount::Revived, tally.revived);
    total(OrderCount::GivenUp, tally.given_up);
    total(OrderCount::Throttled, tally.throttled);
    total(OrderCount::Faults, tally.faults);
    cells.fills(FillOrigin::Hedge).set_total(tally.fills + found.fills);
    cells.set_contracts(tally.bought + found.bought, tally.sold + found.sold);
}

/// Whether an alarm without an end of its own stays on until people have looked: it must not be, or does not heal.
fn stays(kind: AlarmKind) -> bool {
    matches!(
        kind,
        AlarmKind::Unmatched
            | AlarmKind::KernelFault
            | AlarmKind::LedgerDiffers
            | AlarmKind::OverHedge
            | AlarmKind::DefinitionDiffers
            | AlarmKind::OrderFaulty
            | AlarmKind::HoldingUnknown
            | AlarmKind::JournalFailed
            | AlarmKind::NobodyAnswers
    )
}

fn show_channel(telemetry: &Telemetry, number: usize, channel: &FeedChannel) {
    let (cells, counts) = (telemetry.feed(number), channel.channel.counts());
    let requests = channel.channel.retransmit_counts();
    let total = |row: FeedCount, total: u64| cells.count(row).set_total(total);
    total(FeedCount::Packets, counts.lines.iter().map(|line| line.packets).sum());
    total(FeedCount::Messages, counts.messages.read());
    total(FeedCount::UnknownMessages, counts.messages.unknown_templates + counts.messages.unknown_lengths);
    total(FeedCount::LineADatagrams, counts.lines[0].packets);
    total(FeedCount::LineBDatagrams, counts.lines[1].packets);
    total(FeedCount::Malformed, counts.refused_packets + counts.messages.errors);
    total(FeedCount::Gaps, counts.gaps);
    total(FeedCount::GapsGivenUp, counts.given_up.total());
    total(FeedCount::MessagesLost, counts.messages_lost);
    total(FeedCount::Retransmissions, requests.requests);
    total(FeedCount::Retransmitted, counts.messages_retransmitted);
    let rejects = [requests.rejects_too_low, requests.rejects_too_high, requests.rejects_rate_limit];
    let refused = rejects.iter().sum::<u64>() + requests.rejects_other + requests.timeouts;
    total(FeedCount::RetransmissionRejects, refused);
    total(FeedCount::Snapshots, channel.channel.snapshot_counts().installed);
    total(FeedCount::HeartbeatLosses, counts.silences);
    total(FeedCount::Restarts, counts.resets);
    total(FeedCount::BookContradictions, channel.channel.book_counts().contradictions);
    cells.set_state(match channel.channel.state() {
        _ if channel.channel.is_silent() => FeedState::Silent,
        ChannelState::Unstarted => FeedState::Unstarted,
        ChannelState::Joining => FeedState::Joining,
        ChannelState::Gap => FeedState::Gap,
        ChannelState::Live => FeedState::Live,
    });
}
