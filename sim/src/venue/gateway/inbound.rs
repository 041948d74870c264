//! What a connection sends: logon, session messages, and the numbers of everything.

use super::{
    Body, FLAG_RESEND, Frame, Gateway, HEADER_BYTES, Member, SessionEvent, StreamOutput, VERSION, VERSION_MIN,
};
use super::{at, exact, half, messages, reject};

impl Gateway {
    pub(super) fn log_on(&mut self, now_ns: i64, connection: u64, frame: &Frame) {
        use at::logon::{CANCEL_ON_DISCONNECT, CLIENT_ID, LAYOUT, RESET_SEQ_NUM, SCHEMA_VERSION, SECRET};
        let block = (frame.template == LAYOUT.template).then(|| exact(&frame.body, &LAYOUT)).flatten();
        let Some(block) = block else {
            self.counts.logons_refused += 1;
            return self.violated(connection);
        };
        let (client_id, secret) = (block.chars(CLIENT_ID), block.chars(SECRET));
        let is_right = |member: &Member| member.client_id.as_bytes() == client_id && member.secret.as_bytes() == secret;
        let Some(member) = self.settings.members.iter().position(is_right) else {
            // Whoever it is has no numbers: there is nothing to write them with.
            self.counts.logons_refused += 1;
            return self.close(connection);
        };
        let session = &mut self.sessions[member];
        let is_anew = block.u8(RESET_SEQ_NUM) != 0;
        let refusal = if session.connection.is_some() {
            self.counts.logons_refused += 1;
            return self.close(connection);
        } else if block.u16(SCHEMA_VERSION) < VERSION_MIN {
            Some("schema version is too old")
        } else if frame.seq < if is_anew { 1 } else { session.expected_in } || frame.seq == i64::MAX {
            Some("sequence number is too low")
        } else if !is_anew && frame.last_processed >= session.next_out {
            Some("lastProcessedSeqNo was never sent")
        } else {
            None
        };
        session.connection = Some(connection);
        if let Some(state) = self.connections.get_mut(&connection) {
            state.member = Some(member);
        }
        if let Some(reason) = refusal {
            self.counts.logons_refused += 1;
            return self.end(now_ns, member, reason);
        }
        if is_anew {
            session.next_out = 1;
            session.history.clear();
        }
        session.expected_in = frame.seq + 1;
        session.version = block.u16(SCHEMA_VERSION).min(VERSION);
        session.cancels_all = block.u8(CANCEL_ON_DISCONNECT) != 0;
        self.counts.logons += 1;
        let (heartbeat_seconds, version) = (self.settings.heartbeat_seconds, session.version);
        self.send_own(now_ns, member, &messages::logon_conf(heartbeat_seconds, version));
    }

    /// Ends a session with a reason; its orders stay or go as if its connection were lost.
    fn end(&mut self, now_ns: i64, member: usize, reason: &str) {
        self.send_own(now_ns, member, &messages::logged_out(reason));
        if let Some(connection) = self.sessions[member].connection {
            self.close(connection);
        }
    }

    pub(super) fn on_frame(
        &mut self,
        now_ns: i64,
        connection: u64,
        member: usize,
        frame: Frame,
    ) -> Option<SessionEvent> {
        let session = &mut self.sessions[member];
        if frame.seq != session.expected_in || frame.seq == i64::MAX {
            self.counts.violations += 1;
            self.end(now_ns, member, "sequence number is not the next one");
            return None;
        }
        if frame.last_processed >= session.next_out {
            self.counts.violations += 1;
            self.end(now_ns, member, "lastProcessedSeqNo was never sent");
            return None;
        }
        session.expected_in += 1;
        if frame.version != session.version {
            self.reject(now_ns, member, frame.seq, reject::INVALID_SCHEMA_ID, "not the version agreed on");
            return None;
        }
        let Frame { template, seq, body, .. } = frame;
        if template == at::logout::LAYOUT.template {
            self.log_out(now_ns, connection, member);
            return None;
        }
        if self.handled(now_ns, member, seq, template, &body) {
            return None;
        }
        self.counts.requests += 1;
        Some(SessionEvent::Request { member, seq, template, body })
    }

    fn log_out(&mut self, now_ns: i64, connection: u64, member: usize) {
        self.counts.logouts += 1;
        self.send_own(now_ns, member, &messages::logged_out("as asked for"));
        self.sessions[member].connection = None;
        self.connections.remove(&connection);
        self.outputs.push_back(StreamOutput::Close(connection));
    }

    /// Handles what belongs to the session alone. Returns whether it did.
    fn handled(&mut self, now_ns: i64, member: usize, seq: i64, template: u16, body: &[u8]) -> bool {
        use at::{heartbeat, resend_request, test_request};
        let layout = [&heartbeat::LAYOUT, &test_request::LAYOUT, &resend_request::LAYOUT, &at::logon::LAYOUT]
            .into_iter()
            .find(|layout| layout.template == template);
        let Some(layout) = layout else { return false };
        let Some(block) = exact(body, layout) else {
            self.reject(now_ns, member, seq, reject::INVALID_BLOCK_LENGTH, "length");
            return true;
        };
        if template == test_request::LAYOUT.template {
            if !self.is_mute {
                self.send_own(now_ns, member, &messages::heartbeat(block.i64(test_request::CORRELATION_ID)));
            }
        } else if template == resend_request::LAYOUT.template {
            use resend_request::{FROM_SEQUENCE_NUMBER, TO_SEQUENCE_NUMBER};
            self.resend(now_ns, member, seq, (block.i64(FROM_SEQUENCE_NUMBER), block.i64(TO_SEQUENCE_NUMBER)));
        } else if template == at::logon::LAYOUT.template {
            self.reject(now_ns, member, seq, reject::INVALID_TEMPLATE_ID, "logged on already");
        }
        true
    }

    /// Sends again what a member missed: `to` of 0 is all.
    fn resend(&mut self, now_ns: i64, member: usize, ref_seq: i64, (from, to): (i64, i64)) {
        let session = &self.sessions[member];
        let last = session.next_out - 1;
        let to = if to == 0 { last } else { to };
        if from < 1 || from > last || to < from || to > last {
            return self.reject(now_ns, member, ref_seq, reject::INVALID_FIELD_VALUE, "no such messages");
        }
        let first_kept = session.next_out - session.history.len() as i64;
        let mut again = vec![];
        let mut filled_from = None;
        for seq in from.max(first_kept)..=to {
            let Some(bytes) = &session.history[(seq - first_kept) as usize] else {
                filled_from.get_or_insert(seq);
                continue;
            };
            if let Some(start) = filled_from.take() {
                again.push((start, messages::gap_fill(seq)));
            }
            let template = half(bytes, 4);
            again.push((seq, Body { template, bytes: bytes[HEADER_BYTES..].to_vec() }));
        }
        if let Some(start) = filled_from {
            again.push((start, messages::gap_fill(to + 1)));
        }
        self.counts.resent += again.len() as u64;
        for (seq, body) in again {
            let frame = self.frame(now_ns, member, FLAG_RESEND, seq, &body);
            self.write(now_ns, member, frame);
        }
    }
}
