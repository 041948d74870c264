//! The trigger: whether to hedge, how much, and every gate that may say no.
//!
//! ```text
//!   exposure, band -> side and gap -> clip -> gates in fixed order -> reserve in the ledger -> hedge event
//!                      |                         |
//!                      +-- IN_BAND, COVERED ...  +-- the first that fails is the reason
//! ```
//!
//! All quantities are exact integers: exposure and bands in 2^-16 contract, orders in contracts. The
//! real exposure lies in `[exposure, exposure + 1)` units, and each side is tested with the end that
//! is worse for it, so no subset of fills of open and unknown orders can carry the hedge across the
//! target: for a buy, exposure < high and high + open + unknown + quantity <= -theta band <= 0, all
//! in integers; sells only lower it; a sell is the mirror image.

use hedgewire_abi::Reason;
use hedgewire_abi::command::{Quote, SetPriceLimits, SetRateLimits, SetSizeLimits, SetStatus, SetTrigger, code};
use hedgewire_abi::format::{
    BAND_MAX, BAND_SCALE_MAX, CONTRACT_BITS, DURATION_MAX_NS, ORDER_MAX, ORDER_SLOTS, POSITION_MAX,
};

use crate::ledger::{Ledger, Side};

/// Length of the window that hedges are counted in, ns.
const MINUTE_NS: u64 = 60_000_000_000;

/// What the host has set for an underlying.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Band limits, exit fraction and clips.
    pub trigger: SetTrigger,
    /// Price and time gates.
    pub price: SetPriceLimits,
    /// Size gates.
    pub size: SetSizeLimits,
    /// Rate and loss gates.
    pub rate: SetRateLimits,
    /// Venue, oracle and margin.
    pub status: SetStatus,
}

/// Refuses trigger settings outside their range.
pub fn check_trigger(set: &SetTrigger) -> Result<(), Reason> {
    let fine = set.theta <= 1 << CONTRACT_BITS
        && set.band_scale_buy <= BAND_SCALE_MAX
        && set.band_scale_sell <= BAND_SCALE_MAX
        && set.clip_min >= 1
        && set.clip_max <= ORDER_MAX
        && set.band_min <= BAND_MAX
        && set.band_max <= BAND_MAX;
    if fine { Ok(()) } else { Err(Reason::ValueRange) }
}

/// Refuses price limits outside their range.
pub fn check_price(set: &SetPriceLimits) -> Result<(), Reason> {
    let durations = [set.quote_age_max_ns, set.cool_down_ns, set.duplicate_window_ns];
    if durations.iter().all(|&ns| ns <= DURATION_MAX_NS) { Ok(()) } else { Err(Reason::ValueRange) }
}

/// Refuses size limits outside their range.
pub fn check_size(set: &SetSizeLimits) -> Result<(), Reason> {
    let fine = set.order_max <= ORDER_MAX
        && set.position_max <= POSITION_MAX as u64
        && set.gross_max <= POSITION_MAX as u64
        && set.band_emergency <= BAND_MAX;
    if fine { Ok(()) } else { Err(Reason::ValueRange) }
}

/// Refuses rate limits outside their range.
pub fn check_rate(set: &SetRateLimits) -> Result<(), Reason> {
    let fine = set.order_interval_ns <= DURATION_MAX_NS
        && set.order_burst_ns <= DURATION_MAX_NS
        && set.open_orders_max as usize <= ORDER_SLOTS;
    if fine { Ok(()) } else { Err(Reason::ValueRange) }
}

/// Refuses a status outside its range.
pub fn check_status(set: &SetStatus) -> Result<(), Reason> {
    let fine = set.oracle <= code::ORACLE_REJECTED
        && set.restricted <= 1
        && set.margin_buy <= POSITION_MAX as u64
        && set.margin_sell <= POSITION_MAX as u64;
    if fine { Ok(()) } else { Err(Reason::ValueRange) }
}

/// What has been sent lately.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// Time of the last hedge, ns.
    pub last_hedge_ns: u64,
    /// Whether there was one.
    pub has_hedged: bool,
    /// When the message budget is whole again (generic cell rate: no division).
    pub budget_whole_ns: u64,
    /// Start of the window that hedges are counted in, ns.
    pub minute_start_ns: u64,
    /// Hedges in it.
    pub minute_count: u32,
    /// Side of the last hedge.
    pub last_side: Side,
    /// Its size, contracts.
    pub last_quantity: i64,
    /// Its limit price, price units.
    pub last_price: u32,
    /// The ledger it was decided on.
    pub last_ledger_seq: u32,
}

/// What the trigger is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// Net delta against the target, without contracts, 2^-16 contract, floored.
    pub exposure: i64,
    /// Half band before limits, 2^-16 contract.
    pub band: u64,
    /// Error bound of the delta, 2^-16 contract; widens the floor of the band.
    pub error: u32,
    /// Whether the position counts as contracts (else it is in the coin constant).
    pub counts_contracts: bool,
}

/// What the gates ask of the world outside the trigger.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances {
    /// Time of the command, ns.
    pub now_ns: u64,
    /// Whether a contract is worth coin: notional is then contracts times price.
    pub linear_hedge: bool,
    /// The kill is set.
    pub is_killed: bool,
    /// Orders may not leave.
    pub is_disarmed: bool,
    /// How orders may be sent.
    pub mode: Mode,
    /// A quantity does not fit the bank's scale.
    pub weights_out_of_range: bool,
    /// Cash or target does not fit the bank's scale.
    pub coin_out_of_range: bool,
    /// Rows past their time.
    pub rows_stale: bool,
}

impl Circumstances {
    /// Only orders that make the position smaller.
    #[inline(always)]
    fn reduce_only(&self, oracle: u8) -> bool {
        self.mode == Mode::ReduceOnly || oracle == code::ORACLE_DEGRADED
    }
}

/// How orders may be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Both ways.
    #[default]
    Normal,
    /// Only towards a smaller position.
    ReduceOnly,
    /// Not at all.
    Halt,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// `None` when an order goes out.
    pub reason: Reason,
    /// Net exposure with the position, 2^-16 contract.
    pub exposure: i64,
    /// Half band of the side that the exposure is on, 2^-16 contract.
    pub band: i64,
    /// Contracts, positive to buy; what was wanted, where a gate refused.
    pub quantity: i64,
    /// Limit price, price units.
    pub limit_price: u32,
    /// Id of the order.
    pub order_id: u32,
    /// Exposure beyond the emergency band.
    pub is_urgent: bool,
}

/// An order that the trigger wants, before the gates.
#[derive(Clone, Copy)]
struct Wanted {
    side: Side,
    quantity: i64,
    limit_price: u32,
    is_urgent: bool,
}

/// Half band after factor, floor and cap.
#[inline(always)]
pub fn half_band(situation: &Situation, scale: u32, set: &SetTrigger) -> i64 {
    // Below 2^43 times 2^20.
    let scaled = (situation.band.min(BAND_MAX) * u64::from(scale)) >> CONTRACT_BITS;
    let floor = set.band_min + u64::from(situation.error);
    scaled.max(floor).min(set.band_max) as i64
}

/// Part of the band that a hedge leaves.
#[inline(always)]
pub fn exit(band: i64, set: &SetTrigger) -> i64 {
    (band * i64::from(set.theta)) >> CONTRACT_BITS
}

/// Compares the exposure, with all that may still fill on the side in question, with the band.
#[inline(always)]
pub fn decide(situation: &Situation, set: &Settings, ledger: &mut Ledger) -> Outcome {
    let trigger = &set.trigger;
    let low = situation.exposure + if situation.counts_contracts { ledger.position << CONTRACT_BITS } else { 0 };
    let high = low + 1;
    let in_flight = ledger.in_flight();
    let worst_high = high + (in_flight.buy << CONTRACT_BITS);
    let worst_low = low - (in_flight.sell << CONTRACT_BITS);
    let band_buy = half_band(situation, trigger.band_scale_buy, trigger);
    let band_sell = half_band(situation, trigger.band_scale_sell, trigger);
    if worst_high < -band_buy {
        return Outcome::Fired(Fired { side: Side::Buy, exposure: low, band: band_buy });
    }
    if worst_low > band_sell {
        return Outcome::Fired(Fired { side: Side::Sell, exposure: low, band: band_sell });
    }
    let is_outside = high < -band_buy || low > band_sell;
    if !is_outside {
        ledger.attempts = 0;
    }
    let reason = if is_outside { Reason::Covered } else { Reason::InBand };
    let band = if low < 0 { band_buy } else { band_sell };
    Outcome::Quiet(Decision { exposure: low, band, ..Decision::refused(reason) })
}

/// What the trigger says before any gate is asked.
pub enum Outcome {
    /// No trade.
    Quiet(Decision),
    /// It has fired.
    Fired(Fired),
}

/// A trigger that has fired. No more than the gates cannot read again, so that the decision of a
/// quote inside the band is never put together in memory with that of one outside.
#[derive(Clone, Copy)]
pub struct Fired {
    /// The way to hedge.
    pub side: Side,
    /// Net exposure with the position, 2^-16 contract.
    pub exposure: i64,
    /// Half band of that side, 2^-16 contract.
    pub band: i64,
}

/// Clips to what the gap, position, mode and margin allow, asks the gates, and reserves.
#[inline(always)]
pub fn size_and_send(
    fired: &Fired,
    at: &Circumstances,
    quote: &Quote,
    set: &Settings,
    ledger: &mut Ledger,
    pace: &mut Pace,
) -> Decision {
    let side = fired.side;
    let in_flight = ledger.in_flight();
    // Size of the worst case: every order of this side filled. What may fill on the other side.
    let (worst, opposite) = match side {
        Side::Buy => (-(fired.exposure + 1 + (in_flight.buy << CONTRACT_BITS)), in_flight.sell),
        Side::Sell => (fired.exposure - (in_flight.sell << CONTRACT_BITS), in_flight.buy),
    };
    let gap = worst - exit(fired.band, &set.trigger);
    let quantity = (gap >> CONTRACT_BITS).min(i64::from(set.trigger.clip_max));
    let mut decision = Decision {
        exposure: fired.exposure,
        band: fired.band,
        quantity: signed(side, quantity),
        is_urgent: worst > set.size.band_emergency as i64,
        ..Decision::refused(Reason::None)
    };
    if opposite > 0 {
        decision.reason = Reason::FlipCancelFirst;
        return decision;
    }
    if quantity < i64::from(set.trigger.clip_min) {
        decision.reason = Reason::Dust;
        return decision;
    }
    let room = Room::new(side, at.reduce_only(set.status.oracle), set, ledger);
    let quantity = quantity.min(room.smallest());
    let limit_price = match side {
        Side::Buy => quote.ask.saturating_add(set.price.cross),
        Side::Sell => quote.bid.saturating_sub(set.price.cross),
    };
    let wanted = Wanted { side, quantity, limit_price, is_urgent: decision.is_urgent };
    decision.limit_price = limit_price;
    decision.reason = first_refusal(&wanted, &room, at, quote, set, ledger, pace);
    if decision.reason == Reason::None {
        decision.quantity = signed(side, quantity);
        pace.note(&wanted, at.now_ns, &set.rate, ledger.ledger_seq);
        decision.order_id = ledger.reserve(side, quantity);
    }
    decision
}

fn signed(side: Side, quantity: i64) -> i64 {
    if side == Side::Buy { quantity } else { -quantity }
}

/// How many contracts each limit leaves.
struct Room {
    reduce: i64,
    net: i64,
    gross: i64,
    margin: i64,
}

impl Room {
    #[inline(always)]
    fn new(side: Side, reduce_only: bool, set: &Settings, ledger: &Ledger) -> Self {
        let in_flight = ledger.in_flight();
        let net_max = set.size.position_max as i64;
        let (against, net, margin) = match side {
            Side::Buy => {
                let worst = ledger.position + in_flight.buy;
                (-worst, net_max - worst, set.status.margin_buy)
            }
            Side::Sell => {
                let worst = ledger.position - in_flight.sell;
                (worst, net_max + worst, set.status.margin_sell)
            }
        };
        let gross = set.size.gross_max as i64 - ledger.position.abs() - in_flight.buy - in_flight.sell;
        let reduce = if reduce_only { against } else { i64::MAX };
        Self { reduce, net, gross, margin: margin as i64 }
    }

    #[inline(always)]
    fn smallest(&self) -> i64 {
        self.reduce.min(self.net).min(self.gross).min(self.margin)
    }
}

/// The gates, in the order of their reason codes; the first that fails is the reason.
#[inline(always)]
fn first_refusal(
    wanted: &Wanted,
    room: &Room,
    at: &Circumstances,
    quote: &Quote,
    set: &Settings,
    ledger: &Ledger,
    pace: &Pace,
) -> Reason {
    let clip_min = i64::from(set.trigger.clip_min);
    if at.is_killed {
        return Reason::Killed;
    }
    if at.is_disarmed {
        return Reason::Disarmed;
    }
    if at.mode == Mode::Halt {
        return Reason::Halted;
    }
    if room.reduce < clip_min {
        return Reason::ReduceOnly;
    }
    if !ledger.is_reconciled {
        return Reason::NotReconciled;
    }
    if at.weights_out_of_range {
        return Reason::WeightRange;
    }
    if at.coin_out_of_range {
        return Reason::CoinRange;
    }
    if at.now_ns.abs_diff(quote.feed_ns) > set.price.quote_age_max_ns {
        return Reason::QuoteStale;
    }
    if at.rows_stale {
        return Reason::RowsStale;
    }
    let refusal = book_refusal(wanted, quote, &set.price);
    if refusal != Reason::None {
        return refusal;
    }
    if set.status.oracle == code::ORACLE_REJECTED {
        return Reason::OracleRejected;
    }
    let refusal = collar_refusal(wanted, quote, &set.price);
    if refusal != Reason::None {
        return refusal;
    }
    let refusal = size_refusal(wanted, room, at, quote, set, ledger);
    if refusal != Reason::None {
        return refusal;
    }
    let refusal = pace.refusal(wanted, at.now_ns, set, ledger);
    if refusal != Reason::None {
        return refusal;
    }
    if room.margin < clip_min {
        return Reason::Margin;
    }
    let own = match wanted.side {
        Side::Buy => set.status.own_ask != 0 && wanted.limit_price >= set.status.own_ask,
        Side::Sell => wanted.limit_price <= set.status.own_bid,
    };
    if own {
        return Reason::SelfMatch;
    }
    if set.status.restricted != 0 { Reason::Restricted } else { Reason::None }
}

/// Is there a book to trade against?
#[inline(always)]
fn book_refusal(wanted: &Wanted, quote: &Quote, set: &SetPriceLimits) -> Reason {
    if quote.flags & code::QUOTE_UNTRUSTED != 0 {
        return Reason::BookUntrusted;
    }
    if quote.bid == 0 || quote.ask == 0 {
        return Reason::OneSided;
    }
    let width = u64::from(quote.ask) - u64::from(quote.bid);
    if width * 10_000 > u64::from(quote.bid) * u64::from(set.width_max_bp) {
        return Reason::Wide;
    }
    let size = if wanted.side == Side::Buy { quote.ask_size } else { quote.bid_size };
    if size < set.size_min { Reason::Thin } else { Reason::None }
}

/// Is the limit price near enough to the reference and to the last trade?
#[inline(always)]
fn collar_refusal(wanted: &Wanted, quote: &Quote, set: &SetPriceLimits) -> Reason {
    let beyond = |anchor: u32, collar_bp: u32| {
        u64::from(wanted.limit_price.abs_diff(anchor)) * 10_000 > u64::from(anchor) * u64::from(collar_bp)
    };
    if beyond(quote.hedge_price, set.collar_bp) {
        return Reason::CollarReference;
    }
    if quote.last_trade != 0 && beyond(quote.last_trade, set.collar_last_bp) {
        return Reason::CollarLast;
    }
    Reason::None
}

/// Is the order small enough, by itself and on top of what there is?
#[inline(always)]
fn size_refusal(
    wanted: &Wanted,
    room: &Room,
    at: &Circumstances,
    quote: &Quote,
    set: &Settings,
    ledger: &Ledger,
) -> Reason {
    let clip_min = i64::from(set.trigger.clip_min);
    if wanted.quantity > i64::from(set.size.order_max) {
        return Reason::OrderQuantity;
    }
    // Below 2^26 contracts times 2^32 price units.
    let notional = wanted.quantity.max(0) as u64 * if at.linear_hedge { u64::from(quote.hedge_price) } else { 1 };
    if notional > set.size.notional_max {
        return Reason::OrderNotional;
    }
    if room.net < clip_min {
        return Reason::PositionNet;
    }
    if room.gross < clip_min {
        return Reason::PositionGross;
    }
    let full = ledger.open_count >= set.rate.open_orders_max || !ledger.has_slot();
    if full { Reason::OpenOrders } else { Reason::None }
}

impl Pace {
    /// Would the order come too soon, too often, or twice?
    #[inline(always)]
    fn refusal(&self, wanted: &Wanted, now_ns: u64, set: &Settings, ledger: &Ledger) -> Reason {
        if self.budget_whole_ns.saturating_sub(now_ns) > set.rate.order_burst_ns {
            return Reason::MessageRate;
        }
        let since = now_ns.saturating_sub(self.last_hedge_ns);
        if self.has_hedged && since < set.price.duplicate_window_ns && self.is_repeat(wanted, ledger) {
            return Reason::Duplicate;
        }
        if self.hedges_in_minute(now_ns) >= set.rate.hedges_per_minute {
            return Reason::HedgeRate;
        }
        if ledger.attempts >= set.rate.attempts_max {
            return Reason::Attempts;
        }
        if ledger.cost >= set.rate.loss_max {
            return Reason::LossLimit;
        }
        if self.has_hedged && since < set.price.cool_down_ns && !wanted.is_urgent {
            return Reason::CoolDown;
        }
        Reason::None
    }

    /// Keyed on the ledger: a second clip of the same size after an acknowledgement or a fill is no
    /// duplicate.
    fn is_repeat(&self, wanted: &Wanted, ledger: &Ledger) -> bool {
        self.last_side == wanted.side
            && self.last_quantity == wanted.quantity
            && self.last_price == wanted.limit_price
            && self.last_ledger_seq == ledger.ledger_seq
    }

    fn hedges_in_minute(&self, now_ns: u64) -> u32 {
        if now_ns.saturating_sub(self.minute_start_ns) < MINUTE_NS { self.minute_count } else { 0 }
    }

    /// Takes note of an order.
    #[inline(always)]
    fn note(&mut self, wanted: &Wanted, now_ns: u64, set: &SetRateLimits, ledger_seq: u32) {
        self.minute_count = self.hedges_in_minute(now_ns) + 1;
        if self.minute_count == 1 {
            self.minute_start_ns = now_ns;
        }
        self.budget_whole_ns = self.budget_whole_ns.max(now_ns).saturating_add(set.order_interval_ns);
        self.last_hedge_ns = now_ns;
        self.has_hedged = true;
        self.last_side = wanted.side;
        self.last_quantity = wanted.quantity;
        self.last_price = wanted.limit_price;
        self.last_ledger_seq = ledger_seq;
    }
}

impl Decision {
    /// No trade, for a reason outside the trigger.
    #[inline(always)]
    pub fn refused(reason: Reason) -> Self {
        Self { reason, exposure: 0, band: 0, quantity: 0, limit_price: 0, order_id: 0, is_urgent: false }
    }
}
