//! Market-maker protection: what the venue has frozen, and until when.
//!
//! ```text
//!   free ── triggered ──► frozen until a time, or until reset ── unfrozen, or the time is over ──► free
//! ```
//!
//! What protection takes away is reported order by order; here is only whether to quote again.

use super::field::Wire;
use super::table::Message;
use super::values::MmpTriggerType;

/// What can be frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protected {
    /// The quotes of a group.
    Quotes(i64),
    /// The protected orders of a currency pair.
    Orders(i64),
}

/// One freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// What is frozen.
    pub what: Protected,
    /// Until when, ns; `None` until it is reset.
    pub until_ns: Option<u64>,
    /// Which limit set it off, if that was told.
    pub trigger: Option<MmpTriggerType>,
}

/// What is frozen now.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    freezes: Vec<Freeze>,
    /// How often protection was set off.
    pub triggered: u64,
}

impl Protection {
    /// The freeze that holds, if one does.
    pub fn frozen(&self, what: Protected, now_ns: u64) -> Option<&Freeze> {
        let holds = |freeze: &&Freeze| freeze.what == what && freeze.until_ns.is_none_or(|until| now_ns < until);
        self.freezes.iter().find(holds)
    }

    /// Takes a report; those that are not about protection change nothing.
    pub(super) fn on_report(&mut self, message: &Message<'_>) {
        match message {
            Message::MassQuoteMmpTriggered(m) => {
                self.freeze(Protected::Quotes(m.mmp_group_id), m.frozen_until, Some(m.trigger));
            }
            Message::OrdersMmpTriggered(m) => {
                self.freeze(Protected::Orders(m.currency_pair_id), m.frozen_until, Some(m.trigger));
            }
            Message::MassQuoteMmpUnfrozen(m) => self.thaw(Protected::Quotes(m.mmp_group_id)),
            Message::OrdersMmpUnfrozen(m) => self.thaw(Protected::Orders(m.currency_pair_id)),
            Message::GetMassQuoteMmpStatusResponse(m) => {
                self.status(Protected::Quotes(m.mmp_group_id), m.frozen_until_time);
            }
            Message::GetOrdersMmpStatusResponse(m) => {
                self.status(Protected::Orders(m.currency_pair_id), m.frozen_until_time);
            }
            _ => {}
        }
    }

    fn freeze(&mut self, what: Protected, until_ns: i64, trigger: Option<MmpTriggerType>) {
        self.triggered += u64::from(trigger.is_some());
        self.thaw(what);
        let until_ns = u64::try_from(until_ns).ok().filter(|until| *until > 0);
        self.freezes.push(Freeze { what, until_ns, trigger });
    }

    fn thaw(&mut self, what: Protected) {
        self.freezes.retain(|freeze| freeze.what != what);
    }

    fn status(&mut self, what: Protected, until_ns: i64) {
        if until_ns == i64::NULL {
            self.thaw(what);
        } else {
            self.freeze(what, until_ns, None);
        }
    }
}
