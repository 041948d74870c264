//! What the events of one command say of a decision.

use hedgewire_abi::event::{FLAG_URGENT, Hedge, Refused, Risk};
use hedgewire_abi::{Event, Reason};

/// What one or two events say of a decision.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answer {
    /// Net exposure, 2^-16 contract.
    pub exposure: i64,
    /// Half band, 2^-16 contract.
    pub band: i64,
    /// The order, if there is one.
    pub hedge: Option<Hedge>,
    /// The Greeks, if they were asked for.
    pub risk: Option<Risk>,
    /// Exposure and band were worked out.
    pub is_evaluated: bool,
    /// The command itself was no good, and nothing changed.
    pub is_refused_command: bool,
    /// Why not; `None` if nothing was refused.
    pub reason: Reason,
    /// The exposure is beyond the emergency band.
    pub is_urgent: bool,
}

impl Answer {
    /// Reads them.
    pub fn of(events: &[Event]) -> Self {
        let mut answer = Self::default();
        for event in events {
            match event.kind() {
                Hedge::KIND => {
                    let hedge = Hedge::decode(event);
                    (answer.exposure, answer.band, answer.hedge) = (hedge.exposure, hedge.band, Some(hedge));
                    answer.is_evaluated = true;
                    answer.is_urgent = event.flags() & FLAG_URGENT != 0;
                }
                Refused::KIND => {
                    let (refused, reason) = (Refused::decode(event), event.reason().unwrap_or_default());
                    (answer.exposure, answer.band) = (refused.exposure, refused.band);
                    answer.reason = reason;
                    answer.is_refused_command = reason >= Reason::BadVersion;
                    let is_blind =
                        matches!(reason, Reason::NoRows | Reason::NoQuote | Reason::RefTooFar | Reason::ExposureRange);
                    answer.is_evaluated = !is_blind && !answer.is_refused_command;
                }
                Risk::KIND => answer.risk = Some(Risk::decode(event)),
                _ => {}
            }
        }
        answer
    }
}
