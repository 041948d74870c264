//! The venue's message allowance, kept on this side so that it is never exceeded.
//!
//! A bucket of tokens that refills evenly. Each request costs what the venue charges for its kind. The
//! venue's capacity and rate are told to members only, and its documents contradict each other on
//! cancels: all four costs are configured.

/// Fractions of a token that are counted.
const FRACTIONS_PER_TOKEN: u64 = 1_000_000_000;

/// What the venue charges, tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Tokens in a full bucket, 1 to 10^9.
    pub capacity: u32,
    /// Tokens that come back in a second.
    pub per_second: u32,
    /// A new order.
    pub new_cost: u32,
    /// An amendment.
    pub amend_cost: u32,
    /// A cancel, single or mass.
    pub cancel_cost: u32,
}

/// A bucket of tokens.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    capacity: u64,
    /// Tokens per second are fractions per ns.
    per_ns: u64,
    level: u64,
    at_ns: u64,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(capacity: u32, per_second: u32, now_ns: u64) -> Self {
        let capacity = u64::from(capacity) * FRACTIONS_PER_TOKEN;
        Self { capacity, per_ns: u64::from(per_second), level: capacity, at_ns: now_ns }
    }

    /// Whole tokens that are there.
    pub fn level(&mut self, now_ns: u64) -> u64 {
        self.refill(now_ns);
        self.level / FRACTIONS_PER_TOKEN
    }

    /// Takes tokens if all of them are there.
    ///
    /// # Errors
    /// When they will be, ns; `u64::MAX` if never.
    pub fn take(&mut self, tokens: u32, now_ns: u64) -> Result<(), u64> {
        self.refill(now_ns);
        let wanted = u64::from(tokens) * FRACTIONS_PER_TOKEN;
        match self.level.checked_sub(wanted) {
            Some(level) => {
                self.level = level;
                Ok(())
            }
            None if wanted > self.capacity || self.per_ns == 0 => Err(u64::MAX),
            None => Err(now_ns.saturating_add((wanted - self.level).div_ceil(self.per_ns))),
        }
    }

    /// Takes what is there of `tokens`: for what must be sent whatever it costs.
    pub fn drain(&mut self, tokens: u32, now_ns: u64) {
        self.refill(now_ns);
        self.level = self.level.saturating_sub(u64::from(tokens) * FRACTIONS_PER_TOKEN);
    }

    /// Time that runs backwards adds nothing.
    fn refill(&mut self, now_ns: u64) {
        let elapsed_ns = now_ns.saturating_sub(self.at_ns);
        self.level = elapsed_ns.saturating_mul(self.per_ns).saturating_add(self.level).min(self.capacity);
        self.at_ns = self.at_ns.max(now_ns);
    }
}
