//! How hard a hedge is tried: passive, improved, across the spread, further across, stop.
//!
//! ```text
//!   Passive ──time──► Improve ──time──► Cross ──n failures──► Wide ──m failures──► stop
//!   at the best       a tick better      takes, up to           takes, further
//!      └── would cross, or cancelled ──────► ▲  ticks and collar
//!   urgent: begins here ─────────────────────┘         lifetime over: stop, wherever it is
//! ```
//!
//! The two first stages rest and never take; the two others take and never rest. A limit is never
//! beyond the collar, a distance from the reference price of *now*; a market outside the collar is a
//! failed attempt. There is no market order: after the stop the kernel decides anew.
//!
//! Everything is integers and given times: price units, ns, 10^-6 of the reference price.

use hedgewire_abi::format::PRICE_BITS;

use super::value::Side;

/// Price units in a tick.
const TICK: u32 = 1 << PRICE_BITS;
/// 10^-6 in 1.
const MILLION: u64 = 1_000_000;

/// How far an order that takes may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Ticks beyond the best opposite price.
    pub ticks: u32,
    /// Distance from the reference price, 10^-6 of it, below 10^6.
    pub collar_ppm: u32,
    /// Failures after which the next stage begins, at least 1.
    pub attempts: u32,
}

/// How hard hedges are tried. Times are ns; a stage of no time is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EscalationPolicy {
    /// Time at the best price.
    pub passive_ns: u64,
    /// Time a tick better.
    pub improve_ns: u64,
    /// Across the spread.
    pub cross: Reach,
    /// Further across.
    pub wide: Reach,
    /// Between two attempts to take.
    pub retry_ns: u64,
    /// After this a hedge is given up, whatever it is doing.
    pub lifetime_ns: u64,
}

/// The market that a price is chosen in, price units; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// Best bid.
    pub bid: u32,
    /// Best ask.
    pub ask: u32,
    /// Price of the hedge instrument that collars are about.
    pub reference: u32,
}

/// How hard a hedge is tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// At the best price.
    Passive,
    /// A tick better.
    Improve,
    /// Across the spread.
    Cross,
    /// Further across.
    Wide,
    /// Given up.
    Stop,
}

/// What should be at the venue now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An order that rests at this price, price units.
    Rest(u32),
    /// An order that takes up to this price, price units.
    Take(u32),
    /// Nothing new.
    Wait,
    /// Nothing any more.
    Stop,
}

/// The ladder of one hedge.
#[derive(Clone, Copy, Debug)]
pub struct Ladder {
    policy: EscalationPolicy,
    side: Side,
    effort: Effort,
    begun_ns: u64,
    since_ns: u64,
    /// No attempt to take before this.
    retry_ns: u64,
    failures: u32,
    /// The price that was a tick better when that stage began.
    improved: Option<u32>,
}

impl Ladder {
    /// The foot of the ladder; an urgent hedge begins across the spread.
    pub fn new(policy: EscalationPolicy, side: Side, is_urgent: bool, now_ns: u64) -> Self {
        let effort = if is_urgent { Effort::Cross } else { Effort::Passive };
        Self { policy, side, effort, begun_ns: now_ns, since_ns: now_ns, retry_ns: now_ns, failures: 0, improved: None }
    }

    /// How hard it is tried now.
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// Gives the hedge up.
    pub fn stop(&mut self) {
        self.effort = Effort::Stop;
    }

    /// The next time after `now_ns` at which the ladder moves of itself, ns.
    pub fn deadline_ns(&self, now_ns: u64) -> Option<u64> {
        let own = match self.effort {
            Effort::Passive => self.since_ns.saturating_add(self.policy.passive_ns),
            Effort::Improve => self.since_ns.saturating_add(self.policy.improve_ns),
            Effort::Cross | Effort::Wide => self.retry_ns,
            Effort::Stop => return None,
        };
        let end = self.begun_ns.saturating_add(self.policy.lifetime_ns);
        [own, end].into_iter().filter(|due_ns| *due_ns > now_ns).min()
    }

    /// What should be at the venue now.
    pub fn step(&mut self, top: &Top, now_ns: u64) -> Step {
        self.climb(now_ns);
        if self.effort == Effort::Stop {
            return Step::Stop;
        }
        if top.bid == 0 || top.ask == 0 || top.bid >= top.ask || top.reference == 0 {
            return Step::Wait;
        }
        match self.effort {
            Effort::Passive => Step::Rest(self.own_best(top)),
            Effort::Improve => Step::Rest(self.improve(top)),
            Effort::Cross => self.take(top, self.policy.cross, now_ns),
            Effort::Wide => self.take(top, self.policy.wide, now_ns),
            Effort::Stop => Step::Stop,
        }
    }

    /// An order that rested was refused or cancelled for it would have taken: the market has come.
    pub fn met(&mut self, now_ns: u64) {
        if self.effort < Effort::Cross {
            self.enter(Effort::Cross, now_ns);
        }
    }

    /// An attempt to take left something.
    pub fn failed(&mut self, now_ns: u64) {
        let (reach, next) = match self.effort {
            Effort::Cross => (self.policy.cross, Effort::Wide),
            Effort::Wide => (self.policy.wide, Effort::Stop),
            Effort::Passive | Effort::Improve | Effort::Stop => return,
        };
        self.failures += 1;
        if self.failures >= reach.attempts {
            self.enter(next, now_ns);
        }
        self.retry_ns = now_ns.saturating_add(self.policy.retry_ns);
    }

    fn enter(&mut self, effort: Effort, now_ns: u64) {
        (self.effort, self.since_ns, self.failures) = (effort, now_ns, 0);
    }

    fn climb(&mut self, now_ns: u64) {
        let elapsed = |since_ns: u64, limit_ns: u64| now_ns.saturating_sub(since_ns) >= limit_ns;
        if elapsed(self.begun_ns, self.policy.lifetime_ns) {
            self.effort = Effort::Stop;
        }
        if self.effort == Effort::Passive && elapsed(self.since_ns, self.policy.passive_ns) {
            self.enter(Effort::Improve, now_ns);
        }
        if self.effort == Effort::Improve && elapsed(self.since_ns, self.policy.improve_ns) {
            self.enter(Effort::Cross, now_ns);
        }
    }

    /// The best price of the own side.
    fn own_best(&self, top: &Top) -> u32 {
        if self.side == Side::Buy { top.bid } else { top.ask }
    }

    /// A tick better than the best price was when the stage began, where that does not cross. The best
    /// price is soon our own: it is not improved again, only joined where others go further.
    fn improve(&mut self, top: &Top) -> u32 {
        let best = self.own_best(top);
        match self.side {
            Side::Buy => {
                let improved = *self.improved.get_or_insert(best.saturating_add(TICK));
                improved.max(best).min(top.ask.saturating_sub(TICK)).max(top.bid)
            }
            Side::Sell => {
                let improved = *self.improved.get_or_insert(best.saturating_sub(TICK));
                improved.min(best).max(top.bid.saturating_add(TICK)).min(top.ask)
            }
        }
    }

    fn take(&mut self, top: &Top, reach: Reach, now_ns: u64) -> Step {
        if now_ns < self.retry_ns {
            return Step::Wait;
        }
        let collar = (u64::from(top.reference) * u64::from(reach.collar_ppm) / MILLION) as u32;
        let beyond = reach.ticks.saturating_mul(TICK);
        let (limit, meets) = match self.side {
            Side::Buy => {
                let limit = top.ask.saturating_add(beyond).min(top.reference.saturating_add(collar));
                (limit, limit >= top.ask)
            }
            Side::Sell => {
                let limit = top.bid.saturating_sub(beyond).max(top.reference.saturating_sub(collar));
                (limit, limit <= top.bid)
            }
        };
        // A price that is far too good says that market or reference is wrong.
        let meets = meets && limit.abs_diff(top.reference) <= collar;
        if meets {
            return Step::Take(limit);
        }
        self.failed(now_ns);
        if self.effort == Effort::Stop { Step::Stop } else { Step::Wait }
    }
}
