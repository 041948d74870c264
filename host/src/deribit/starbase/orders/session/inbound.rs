//! What a session does with a message of the gateway.

use super::{
    Arrival, CloseReason, Core, Event, Frame, GapFill, HEARTBEAT_SECONDS_MAX, Header, HeaderFlags, Heartbeat, Inbound,
    LogonConf, Message, NS_PER_SECOND, Phase, ReasonText, ResendRequest, SCHEMA_VERSION, SCHEMA_VERSION_MIN, View,
    Violation,
};

impl Core {
    pub(super) fn on_frame(
        &mut self,
        now_ns: u64,
        frame: &Frame<'_>,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        let header = frame.header;
        self.last_received_ns = now_ns;
        self.tested_ns = None;
        let decoded = Message::decode(header.template, header.version, frame.body);
        let message = decoded.map_err(|error| Violation::Decode { seq: header.seq, error })?;
        self.note_acknowledged(&header)?;
        match (self.phase, &message) {
            (Phase::LoggingOn, Message::LogonConf(conf)) => return self.confirmed(now_ns, &header, conf, sink),
            // The end is the end, whatever its number.
            (_, Message::LoggedOut(ended)) => {
                let text = ReasonText::new(ended.reason(), &self.secret_text());
                let reason = match self.phase {
                    Phase::LoggingOn => CloseReason::LogonRefused(text),
                    Phase::LoggingOut => CloseReason::LoggedOut(text),
                    Phase::LoggedOn | Phase::Disconnected => CloseReason::EndedByGateway(text),
                };
                // Reports may be missing before it: the next connection asks for them.
                self.inbound.observe(header.seq, header.flags.contains(HeaderFlags::IS_RESEND));
                self.close(now_ns, reason, sink);
                return Ok(());
            }
            (Phase::LoggingOn, _) | (_, Message::LogonConf(_)) => {
                return Err(Violation::OutOfPhase { template: header.template, phase: self.phase });
            }
            _ => {}
        }
        if self.arrived(now_ns, &header, sink)? {
            self.handle(now_ns, &header, &message, sink)?;
        }
        self.become_ready(sink);
        Ok(())
    }

    /// What the gateway says that it has seen of us.
    fn note_acknowledged(&mut self, header: &Header) -> Result<(), Violation> {
        let (acknowledged, sent, before) = (header.last_processed_seq, self.next_out - 1, self.acknowledged);
        if acknowledged > sent {
            return Err(Violation::AcknowledgedUnsent { acknowledged, sent });
        }
        if header.flags.contains(HeaderFlags::IS_RESEND) {
            return Ok(());
        }
        if acknowledged < before {
            return Err(Violation::AcknowledgedBackwards { acknowledged, before });
        }
        self.acknowledged = acknowledged;
        Ok(())
    }

    /// Whether the message is to be handled now.
    fn arrived(&mut self, now_ns: u64, header: &Header, sink: &mut impl FnMut(Event<'_>)) -> Result<bool, Violation> {
        let (seq, expected) = (header.seq, self.inbound.expected);
        match self.inbound.observe(seq, header.flags.contains(HeaderFlags::IS_RESEND)) {
            Arrival::InOrder => return Ok(true),
            Arrival::AfterLoss { from, to } => {
                self.counts.lost += (to - from).unsigned_abs() + 1;
                self.is_continuous = false;
                sink(Event::Lost { from, to });
                return Ok(true);
            }
            Arrival::Duplicate => self.counts.duplicates += 1,
            Arrival::Early => self.counts.early += 1,
            Arrival::Gap => self.open_gap(now_ns, sink),
            Arrival::TooLow => return Err(Violation::SequenceTooLow { expected, seq }),
            Arrival::Invalid => return Err(Violation::SequenceInvalid { seq }),
        }
        Ok(false)
    }

    fn open_gap(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        let from = self.inbound.expected;
        self.counts.gaps += 1;
        self.is_ready = false;
        self.gap_since_ns = now_ns;
        if self.phase == Phase::LoggedOn {
            self.write_own(now_ns, &ResendRequest { from_sequence_number: from, to_sequence_number: 0 });
        }
        sink(Event::GapOpened { from });
    }

    fn confirmed(
        &mut self,
        now_ns: u64,
        header: &Header,
        conf: &View<'_, LogonConf>,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        let (seconds, answered) = (conf.heartbeat_interval_seconds, conf.schema_version);
        if !(SCHEMA_VERSION_MIN..=SCHEMA_VERSION).contains(&answered) {
            return Err(Violation::SchemaVersion { answered });
        }
        if !(1..=HEARTBEAT_SECONDS_MAX).contains(&seconds) {
            return Err(Violation::HeartbeatInterval { seconds });
        }
        self.version = answered;
        self.heartbeat_ns = u64::from(seconds.unsigned_abs()) * NS_PER_SECOND;
        self.enter(Phase::LoggedOn, now_ns);
        self.failures = 0;
        self.counts.logons += 1;
        if self.begins_anew {
            // Whatever number the gateway begins with.
            self.inbound = Inbound::new(header.seq.max(1));
            self.begins_anew = false;
        }
        self.arrived(now_ns, header, sink)?;
        self.become_ready(sink);
        Ok(())
    }

    fn handle(
        &mut self,
        now_ns: u64,
        header: &Header,
        message: &Message<'_>,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        match message {
            Message::Heartbeat(_) => {}
            Message::TestRequest(test) => {
                self.write_own(now_ns, &Heartbeat { correlation_id: test.correlation_id });
            }
            Message::GapFill(fill) => self.fill_gap(header.seq, fill, sink)?,
            message if is_from_client(message) => {
                return Err(Violation::ClientMessage { template: header.template });
            }
            message => {
                self.counts.unknown_templates += u64::from(matches!(message, Message::Unknown { .. }));
                sink(Event::Report { header, message });
            }
        }
        Ok(())
    }

    fn fill_gap(&mut self, from: i64, fill: &GapFill, sink: &mut impl FnMut(Event<'_>)) -> Result<(), Violation> {
        let (next, expected) = (fill.new_sequence_number, self.inbound.expected);
        self.inbound.fill(next).ok_or(Violation::GapFillBackwards { next, expected })?;
        sink(Event::GapFilled { from, to: next - 1 });
        Ok(())
    }

    fn become_ready(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        if self.is_ready || self.phase != Phase::LoggedOn || self.inbound.has_gap() {
            return;
        }
        self.is_ready = true;
        let is_continuous = std::mem::replace(&mut self.is_continuous, true);
        sink(Event::Ready { is_continuous });
    }
}

/// Whether only clients send it.
fn is_from_client(message: &Message<'_>) -> bool {
    matches!(
        message,
        Message::Logon(_)
            | Message::Logout(_)
            | Message::ResendRequest(_)
            | Message::NewOrderRequest(_)
            | Message::AmendOrderRequest(_)
            | Message::CancelOrderRequest(_)
            | Message::CancelOrderByIdRequest(_)
            | Message::MassQuoteRequest(_)
            | Message::MassCancelRequest(_)
            | Message::MassQuoteCancelRequest(_)
            | Message::GetMassQuoteMmpStatusRequest(_)
            | Message::GetOrdersMmpStatusRequest(_)
    )
}
