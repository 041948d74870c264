//! What a session does because time has passed.

use super::{CloseReason, Core, Event, Phase, TestRequest, Violation};
use super::{Heartbeat, SessionOptions};

impl Core {
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        let SessionOptions { logon_timeout_ns, logout_timeout_ns, resend_timeout_ns, .. } = self.options;
        let after_phase = |timeout_ns| Some(self.since_ns.saturating_add(timeout_ns));
        match self.phase {
            Phase::Disconnected => self.retry_ns,
            Phase::LoggingOn => after_phase(logon_timeout_ns),
            Phase::LoggingOut => after_phase(logout_timeout_ns),
            Phase::LoggedOn => {
                let heartbeat_ns = self.last_sent_ns.saturating_add(self.heartbeat_ns);
                let heard_ns = self.tested_ns.unwrap_or(self.last_received_ns);
                let silence_ns = heard_ns.saturating_add(self.heartbeat_ns);
                let gap_ns =
                    if self.inbound.has_gap() { self.gap_since_ns.saturating_add(resend_timeout_ns) } else { u64::MAX };
                Some(heartbeat_ns.min(silence_ns).min(gap_ns))
            }
        }
    }

    pub(super) fn on_time(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        if self.deadline_ns().is_none_or(|deadline_ns| now_ns < deadline_ns) {
            return;
        }
        let waited_ns = now_ns.saturating_sub(self.since_ns);
        let violation = match self.phase {
            Phase::Disconnected => {
                self.retry_ns = None;
                sink(Event::Connect);
                return;
            }
            Phase::LoggingOn => Some(Violation::LogonTimeout { waited_ns }),
            Phase::LoggingOut => Some(Violation::LogoutTimeout { waited_ns }),
            Phase::LoggedOn => self.keep_alive(now_ns),
        };
        if let Some(violation) = violation {
            self.close(now_ns, CloseReason::Violation(violation), sink);
        }
    }

    /// A heartbeat after an interval in which nothing was sent; a test request after one in which
    /// nothing was received; the end after another.
    fn keep_alive(&mut self, now_ns: u64) -> Option<Violation> {
        let gap_ns = now_ns.saturating_sub(self.gap_since_ns);
        if self.inbound.has_gap() && gap_ns >= self.options.resend_timeout_ns {
            return Some(Violation::ResendTimeout { from: self.inbound.expected, waited_ns: gap_ns });
        }
        let elapsed = |since_ns: u64| now_ns.saturating_sub(since_ns) >= self.heartbeat_ns;
        let (is_deaf, is_mute) = (elapsed(self.tested_ns.unwrap_or(self.last_received_ns)), elapsed(self.last_sent_ns));
        if is_deaf && self.tested_ns.is_some() {
            return Some(Violation::Silent { silent_ns: now_ns.saturating_sub(self.last_received_ns) });
        }
        if is_deaf {
            self.counts.test_requests += 1;
            let correlation_id = self.counts.test_requests.cast_signed();
            self.write_own(now_ns, &TestRequest { correlation_id });
            self.tested_ns = Some(now_ns);
        } else if is_mute {
            self.write_own(now_ns, &Heartbeat { correlation_id: 0 });
        }
        None
    }
}
