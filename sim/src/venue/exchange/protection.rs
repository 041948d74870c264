//! Market-maker protection: too much traded by protected orders or quotes within a window, and all of them are
//! cancelled and no new ones taken for a while. Quantity alone is watched; delta and vega are not simulated, and
//! are told as NaN.

use std::collections::{BTreeMap, VecDeque};

use super::{Exchange, Owner, Refusal, cancel_reason, order_reject};
use crate::venue::layout as at;
use crate::venue::wire::{Body, Decimal, NULL};

/// Quantities are compared at this power of ten.
const EXPONENT: i8 = -9;
/// `MmpTriggerType` QUANTITY.
const TRIGGER_QUANTITY: i8 = 0;

/// What a protection covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtectionKey {
    /// Quotes of a group.
    Group(i64),
    /// Protected orders of a currency pair.
    CurrencyPair(i64),
}

/// A protection, the same for every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtectionSettings {
    /// What it covers.
    pub key: ProtectionKey,
    /// Most that may trade within the window, whole units (USD or coin).
    pub quantity_max: i64,
    /// The window, ns.
    pub window_ns: i64,
    /// How long nothing is taken after it struck, ns; 0 until it is reset.
    pub frozen_ns: i64,
}

#[derive(Clone, Debug, Default)]
struct Watch {
    fills: VecDeque<(i64, i64)>,
    /// What traded within the window, 10^-9.
    level: i64,
    frozen_until_ns: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Protections {
    settings: BTreeMap<ProtectionKey, ProtectionSettings>,
    watches: BTreeMap<(usize, ProtectionKey), Watch>,
    struck: Vec<(usize, ProtectionKey)>,
}

impl Protections {
    pub fn new(settings: &[ProtectionSettings]) -> Self {
        let settings = settings.iter().map(|settings| (settings.key, *settings)).collect();
        Self { settings, watches: BTreeMap::new(), struck: vec![] }
    }

    pub fn has(&self, key: ProtectionKey) -> bool {
        self.settings.contains_key(&key)
    }

    /// Whether a protected order is taken now; a reset counts as the end of the freeze, but thaws only when the
    /// order is taken.
    pub fn check(&self, now_ns: i64, member: usize, key: ProtectionKey, is_reset: bool) -> Result<(), Refusal> {
        if !self.has(key) {
            return Err((order_reject::MMP_NOT_CONFIGURED, "no protection is configured"));
        }
        if self.is_frozen(now_ns, member, key) && !is_reset {
            return Err((order_reject::MMP_GROUP_FROZEN, "protection struck"));
        }
        Ok(())
    }

    pub fn is_frozen(&self, now_ns: i64, member: usize, key: ProtectionKey) -> bool {
        let until_ns = self.watches.get(&(member, key)).and_then(|watch| watch.frozen_until_ns);
        until_ns.is_some_and(|until_ns| now_ns < until_ns)
    }

    pub fn reset(&mut self, member: usize, key: ProtectionKey) {
        self.watches.remove(&(member, key));
    }

    pub fn fill(&mut self, now_ns: i64, member: usize, key: ProtectionKey, quantity: Decimal) {
        let Some(settings) = self.settings.get(&key) else { return };
        let watch = self.watches.entry((member, key)).or_default();
        while let Some((_, old)) = watch.fills.pop_front_if(|(at_ns, _)| *at_ns <= now_ns - settings.window_ns) {
            watch.level -= old;
        }
        let quantity = quantity.at(EXPONENT).unwrap_or(i64::MAX / 4);
        watch.fills.push_back((now_ns, quantity));
        watch.level = watch.level.saturating_add(quantity);
        let limit = i128::from(settings.quantity_max) * 1_000_000_000;
        if i128::from(watch.level) > limit && !self.struck.contains(&(member, key)) {
            self.struck.push((member, key));
        }
    }

    pub fn deadline_ns(&self) -> Option<i64> {
        self.watches.values().filter_map(|watch| watch.frozen_until_ns).filter(|until_ns| *until_ns < i64::MAX).min()
    }
}

impl Exchange {
    /// Does what protections ask for after trades.
    pub(super) fn protect(&mut self, now_ns: i64) {
        for (member, key) in std::mem::take(&mut self.protections.struck) {
            let Some(settings) = self.protections.settings.get(&key).copied() else { continue };
            let until_ns = if settings.frozen_ns == 0 { i64::MAX } else { now_ns.saturating_add(settings.frozen_ns) };
            let watch = self.protections.watches.entry((member, key)).or_default();
            let level = watch.level as f64 / 1e9;
            *watch = Watch { frozen_until_ns: Some(until_ns), ..Watch::default() };
            self.counts.protections += 1;
            let pairs: Vec<i64> = self.indexes.iter().map(|index| index.id).collect();
            self.withdraw_all(now_ns, member, cancel_reason::MM_PROTECTION, |instrument, order| match key {
                ProtectionKey::Group(group) => order.quote_group == Some(group),
                ProtectionKey::CurrencyPair(pair) => {
                    order.quote_group.is_none() && order.is_protected && pairs[instrument.index] == pair
                }
            });
            let stamp = self.stamp(now_ns);
            let until_ns = if until_ns == i64::MAX { NULL } else { until_ns };
            // The two messages are laid out alike.
            use at::mass_quote_mmp_triggered as f;
            let mut body = Body::new(&f::LAYOUT)
                .i64(f::TIMESTAMP, now_ns)
                .i64(f::EXEC_ID, stamp.exec_id)
                .i64(f::FROZEN_UNTIL, until_ns)
                .f64(f::QUANTITY_LEVEL, level)
                .f64(f::VEGA_LEVEL, f64::NAN)
                .f64(f::DELTA_LEVEL, f64::NAN)
                .i8(f::TRIGGER, TRIGGER_QUANTITY);
            body = match key {
                ProtectionKey::Group(group) => body.i64(f::MMP_GROUP_ID, group),
                ProtectionKey::CurrencyPair(pair) => {
                    body.template = at::orders_mmp_triggered::LAYOUT.template;
                    body.i64(at::orders_mmp_triggered::CURRENCY_PAIR_ID, pair)
                }
            };
            self.tell(Owner::Member(member), body);
        }
    }

    /// Ends a freeze that is over. Returns whether there was one.
    pub(super) fn thaw(&mut self, now_ns: i64) -> bool {
        let over = |watch: &Watch| watch.frozen_until_ns.is_some_and(|until_ns| until_ns <= now_ns);
        let Some((member, key)) =
            self.protections.watches.iter().find(|(_, watch)| over(watch)).map(|(place, _)| *place)
        else {
            return false;
        };
        self.protections.reset(member, key);
        let stamp = self.stamp(now_ns);
        use at::mass_quote_mmp_unfrozen as f;
        let mut body =
            Body::new(&f::LAYOUT).i64(f::TIMESTAMP, now_ns).i64(f::EXEC_ID, stamp.exec_id).i64(f::CORRELATION_ID, NULL);
        body = match key {
            ProtectionKey::Group(group) => body.i64(f::MMP_GROUP_ID, group),
            ProtectionKey::CurrencyPair(pair) => {
                body.template = at::orders_mmp_unfrozen::LAYOUT.template;
                body.i64(at::orders_mmp_unfrozen::CURRENCY_PAIR_ID, pair)
            }
        };
        self.tell(Owner::Member(member), body);
        true
    }
}
