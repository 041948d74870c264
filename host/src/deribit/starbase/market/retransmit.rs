//! Asking for lost messages: when, for how many, how often, and when to stop.
//!
//! ```text
//!                gap opens                  wait is over                 reply that helps, gap still open
//!        Idle ─────────────► Waiting ──────────────────► Asked ─────────────────────────┐
//!         ▲                    ▲  ▲                        │ ▲                          │
//!         │                    │  └── rejected: its delay ─┤ └──── the next page ◄──────┘
//!         │                    └───── no answer in time ───┤
//!         ├──── gap closed (from any) ◄────────────────────┤
//!         └──── given up: too old, too large, too often, too long, nothing more can be held ──► snapshot
//! ```
//!
//! A request is a packet header and a `RetransmitRequest`; the reply is one packet with as many messages
//! as fit, so that a large gap takes several. Time is given, never read. Invariants: at most one request
//! is under way; a gap that stays open is given up within [`RetransmitSettings::give_up_after_ns`].

use super::counts::{GiveUp, RetransmitCounts};
use super::field::RetransmitRejectReason;
use super::layout::{ALIGNMENT_BYTES, MESSAGE_HEADER, PACKET_HEADER, RETRANSMIT_REQUEST, RetransmitReject, offset_of};

const MESSAGE_BYTES: usize =
    (MESSAGE_HEADER.block_bytes + RETRANSMIT_REQUEST.block_bytes).next_multiple_of(ALIGNMENT_BYTES);
/// Length of a request's packet.
pub const REQUEST_BYTES: usize = PACKET_HEADER.block_bytes + MESSAGE_BYTES;
/// Schema version that requests are written in.
const SCHEMA_VERSION: u16 = 1;
/// Packet type of what goes to or comes from the retransmit gateway.
const PACKET_TYPE: u16 = 0x04;

/// How lost messages are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetransmitSettings {
    /// How long the other line may take to fill a gap before it is asked for, ns.
    pub wait_ns: u64,
    /// How long a request may go unanswered, ns.
    pub reply_ns_max: u64,
    /// Requests in a row that bring nothing, before a gap is given up.
    pub attempts_max: u32,
    /// How long a gap may stay open before it is given up, ns.
    pub give_up_after_ns: u64,
    /// Largest gap that is asked for, messages: beyond it a snapshot is sooner there.
    pub messages_max: u32,
}

impl Default for RetransmitSettings {
    fn default() -> Self {
        Self {
            wait_ns: 50_000,
            reply_ns_max: 5_000_000,
            attempts_max: 4,
            give_up_after_ns: 200_000_000,
            messages_max: 8192,
        }
    }
}

/// A datagram for the retransmit gateway of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The payload.
    pub bytes: [u8; REQUEST_BYTES],
    /// First message asked for.
    pub begin_seq: i64,
    /// Messages asked for.
    pub message_count: u8,
}

impl Request {
    /// Encodes a request. `correlation` comes back in a rejection.
    fn new(channel_id: i32, correlation: i64, begin_seq: i64, message_count: u8, now_ns: u64) -> Self {
        let mut bytes = [0; REQUEST_BYTES];
        let (header, message) = (0, PACKET_HEADER.block_bytes);
        let body = message + MESSAGE_HEADER.block_bytes;
        let mut write = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        let sending_time = i64::try_from(now_ns).unwrap_or(i64::MAX);
        write(header + const { offset_of(&PACKET_HEADER, "sending_time") }, &sending_time.to_le_bytes());
        write(header + const { offset_of(&PACKET_HEADER, "seq_num") }, &correlation.to_le_bytes());
        write(header + const { offset_of(&PACKET_HEADER, "channel_id") }, &channel_id.to_le_bytes());
        write(header + const { offset_of(&PACKET_HEADER, "kind") }, &PACKET_TYPE.to_le_bytes());
        write(header + const { offset_of(&PACKET_HEADER, "message_count") }, &1u16.to_le_bytes());
        let message_length = MESSAGE_BYTES as u16;
        write(message + const { offset_of(&MESSAGE_HEADER, "message_length") }, &message_length.to_le_bytes());
        let template = RETRANSMIT_REQUEST.template;
        write(message + const { offset_of(&MESSAGE_HEADER, "template_id") }, &template.to_le_bytes());
        write(message + const { offset_of(&MESSAGE_HEADER, "version") }, &SCHEMA_VERSION.to_le_bytes());
        write(message + const { offset_of(&MESSAGE_HEADER, "transact_time") }, &sending_time.to_le_bytes());
        write(body + const { offset_of(&RETRANSMIT_REQUEST, "begin_seq_num") }, &begin_seq.to_le_bytes());
        write(body + const { offset_of(&RETRANSMIT_REQUEST, "message_count") }, &[message_count]);
        Self { bytes, begin_seq, message_count }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Waiting { until_ns: u64 },
    Asked { since_ns: u64, correlation: i64 },
}

/// What is to be done about a gap now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Ask(Request),
    GiveUp(GiveUp),
}

/// The requests for the gap that is open.
#[derive(Clone, Debug)]
pub(super) struct Retransmitter {
    settings: RetransmitSettings,
    channel_id: i32,
    state: State,
    opened_ns: u64,
    attempts: u32,
    correlation: i64,
    pub counts: RetransmitCounts,
}

impl Retransmitter {
    pub fn new(settings: RetransmitSettings, channel_id: i32) -> Self {
        Self {
            settings,
            channel_id,
            state: State::Idle,
            opened_ns: 0,
            attempts: 0,
            correlation: 0,
            counts: RetransmitCounts::default(),
        }
    }

    /// A gap opened.
    pub fn open(&mut self, now_ns: u64) {
        self.opened_ns = now_ns;
        self.attempts = 0;
        self.state = State::Waiting { until_ns: now_ns.saturating_add(self.settings.wait_ns) };
    }

    /// The gap is no more.
    pub fn close(&mut self) {
        self.state = State::Idle;
    }

    /// Says what to do about a gap of `from..end`, and counts it as done.
    pub fn act(&mut self, (from, end): (i64, i64), now_ns: u64) -> Action {
        let ready = match self.state {
            State::Idle => return Action::Nothing,
            State::Waiting { until_ns } => now_ns >= until_ns,
            State::Asked { since_ns, .. } => now_ns.saturating_sub(since_ns) >= self.settings.reply_ns_max,
        };
        if now_ns.saturating_sub(self.opened_ns) >= self.settings.give_up_after_ns {
            return Action::GiveUp(GiveUp::TooLong);
        }
        if !ready {
            return Action::Nothing;
        }
        if end - from > i64::from(self.settings.messages_max) {
            return Action::GiveUp(GiveUp::TooLarge);
        }
        self.counts.timeouts += u64::from(matches!(self.state, State::Asked { .. }));
        if self.attempts >= self.settings.attempts_max {
            return Action::GiveUp(GiveUp::TooOften);
        }
        self.attempts += 1;
        self.counts.requests += 1;
        self.correlation = self.correlation.wrapping_add(1);
        self.state = State::Asked { since_ns: now_ns, correlation: self.correlation };
        let message_count = u8::try_from(end - from).unwrap_or(u8::MAX);
        Action::Ask(Request::new(self.channel_id, self.correlation, from, message_count, now_ns))
    }

    /// Whether a request is under way.
    pub fn is_asking(&self) -> bool {
        matches!(self.state, State::Asked { .. })
    }

    /// A packet of retransmitted messages came. `helped`: it had the message expected next.
    pub fn on_reply(&mut self, helped: bool, now_ns: u64) {
        self.counts.replies += 1;
        let State::Asked { since_ns, .. } = self.state else { return };
        if helped {
            self.counts.round_trip.add(now_ns.saturating_sub(since_ns));
            self.attempts = 0;
            self.state = State::Waiting { until_ns: now_ns };
        }
    }

    /// A rejection came. Returns why the gap has to be given up, if so.
    pub fn on_reject(&mut self, correlation: i64, reject: &RetransmitReject<'_>, now_ns: u64) -> Option<GiveUp> {
        match self.state {
            State::Asked { correlation: asked, .. } if asked == correlation => {}
            _ => {
                self.counts.stray_rejects += 1;
                return None;
            }
        }
        let count = match reject.reason() {
            RetransmitRejectReason::SequenceTooLow => &mut self.counts.rejects_too_low,
            RetransmitRejectReason::SequenceTooHigh => &mut self.counts.rejects_too_high,
            RetransmitRejectReason::RateLimit => &mut self.counts.rejects_rate_limit,
            RetransmitRejectReason::Other | RetransmitRejectReason::Unknown(_) => &mut self.counts.rejects_other,
        };
        *count += 1;
        if reject.reason() == RetransmitRejectReason::SequenceTooLow {
            return Some(GiveUp::TooOld);
        }
        let until_ns = now_ns.saturating_add(u64::try_from(reject.retry_delay_nanos()).unwrap_or(0));
        if until_ns >= self.opened_ns.saturating_add(self.settings.give_up_after_ns) {
            return Some(GiveUp::TooLong);
        }
        self.state = State::Waiting { until_ns };
        None
    }
}
